//! Initrd images: newc cpio archives, as the kernel unpacks them.

use std::collections::BTreeSet;
use std::io::Write as _;

use cpio::newc::{Builder, ModeFileType, trailer};
use flate2::Compression;
use flate2::write::GzEncoder;
use liblzma::stream::{Check, Stream};
use liblzma::write::XzEncoder;

/// One cpio archive in the making. Folders above an entry are made by themselves; nothing has a time or an owner.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    entries: Vec<Entry>,
    folders: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    kind: u32,
    permissions: u32,
    bytes: Vec<u8>,
    device: (u32, u32),
}

impl Archive {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// A file of mode 0644.
    pub fn file(&mut self, name: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.add(name, ModeFileType::Regular, 0o644, bytes.into())
    }

    /// A file of mode 0755.
    pub fn program(&mut self, name: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.add(name, ModeFileType::Regular, 0o755, bytes.into())
    }

    /// A symbolic link.
    pub fn link(&mut self, name: &str, to: &str) -> &mut Self {
        self.add(name, ModeFileType::Symlink, 0o777, to.as_bytes().to_vec())
    }

    /// A folder, for its own sake.
    pub fn folder(&mut self, name: &str) -> &mut Self {
        self.folders_of(&format!("{name}/"));
        self
    }

    /// A character device, as early initrds carry `dev/console`.
    pub fn character_device(&mut self, name: &str, major: u32, minor: u32) -> &mut Self {
        self.add(name, ModeFileType::Char, 0o600, Vec::new());
        if let Some(entry) = self.entries.last_mut() {
            entry.device = (major, minor);
        }
        self
    }

    /// The archive with its trailer, padded to 512 bytes as GNU cpio pads it.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let builder = Builder::new(&entry.name)
                .ino(u32::try_from(index + 1).unwrap())
                .mode(entry.kind | entry.permissions)
                .rdev_major(entry.device.0)
                .rdev_minor(entry.device.1);
            let mut writer = builder.write(out, u32::try_from(entry.bytes.len()).unwrap());
            writer.write_all(&entry.bytes).unwrap();
            out = writer.finish().unwrap();
        }
        let mut out = trailer(out).unwrap();
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }

    fn add(&mut self, name: &str, kind: ModeFileType, permissions: u32, bytes: Vec<u8>) -> &mut Self {
        self.folders_of(name);
        let kind = u32::from(kind);
        self.entries.push(Entry { name: name.to_owned(), kind, permissions, bytes, device: (0, 0) });
        self
    }

    fn folders_of(&mut self, name: &str) {
        for (end, _) in name.match_indices('/') {
            let Some(folder) = name.get(..end) else { continue };
            if self.folders.insert(folder.to_owned()) {
                let kind = u32::from(ModeFileType::Directory);
                let name = folder.to_owned();
                self.entries.push(Entry {
                    name,
                    kind,
                    permissions: 0o755,
                    bytes: Vec::new(),
                    device: (0, 0),
                });
            }
        }
    }
}

/// The bytes as gzip packs them, without a time or a name in the header.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bytes as `xz --check=crc32` packs them, the only check that the kernel knows.
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new_stream(Vec::new(), Stream::new_easy_encoder(6, Check::Crc32).unwrap());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
