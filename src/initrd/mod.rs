//! Reading initrd images: codecs, cpio archives, the kernel modules inside, and what made the image.
//!
//! An image is any number of cpio archives, one after the other, each with a compression of its own, zeros between
//! them (Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c of the kernel). It is read as
//! a stream: nothing is unpacked to disk, no program is started, and at most one archive member is in memory.
//! Damage is data: what was read before it stays, and [`Damage`] says what is wrong and where.

mod blocks;
mod codec;
mod collect;
mod cpio;
mod elf;
mod index;
mod input;
pub mod maker;
mod modinfo;
pub mod module;
mod programs;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod texts;
mod unpack;
pub mod visit;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

pub use maker::{Kind, Maker};
pub use module::{ModInfo, Module, ModuleName};
pub use programs::{CannotRun, Linked};

/// Bounds on what one image may make of itself.
#[derive(Debug, Clone, Copy)]
pub struct ImageLimits {
    /// Bytes that all its archives together may unpack to.
    pub unpacked: u64,
    /// Entries in all its archives together. Real images have a few thousand.
    pub entries: usize,
    /// Bytes of one name. The kernel skips names of more than `PATH_MAX` (4096).
    pub name: usize,
    /// Bytes of one kernel module, unpacked; a larger one is listed, but its `.modinfo` is not read. The largest
    /// real ones (amdgpu, nvidia) have some 60 MiB.
    pub module: u64,
    /// Bytes of one text that is kept.
    pub text: u64,
    /// Bytes of all texts that are kept.
    pub texts: u64,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            unpacked: 4 << 30,
            entries: 1 << 20,
            name: 4096,
            module: 96 << 20,
            text: 4 << 20,
            texts: 24 << 20,
        }
    }
}

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// The older `.lzma` format ("LZMA alone").
    Lzma,
    /// xz.
    Xz,
    /// lz4 in legacy frames, as `lz4 -l` writes them and the kernel reads them.
    #[serde(rename = "lz4")]
    Lz4Legacy,
    /// lz4 in the frames that `lz4` writes unless told otherwise; the kernel cannot unpack these.
    Lz4Frame,
    /// LZO in lzop's container.
    Lzo,
    /// zstd.
    Zstd,
}

impl Compression {
    /// The name as serialized: `lz4-frame`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lz4Legacy => "lz4",
            Self::Lz4Frame => "lz4-frame",
            Self::Lzo => "lzo",
            Self::Zstd => "zstd",
        }
    }

    /// The kernel's option for unpacking it (`RD_ZSTD` of init/Kconfig, without `CONFIG_`); none for what every
    /// kernel unpacks or no kernel does.
    #[must_use]
    pub fn kernel_option(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Lz4Frame => None,
            Self::Gzip => Some("RD_GZIP"),
            Self::Bzip2 => Some("RD_BZIP2"),
            Self::Lzma => Some("RD_LZMA"),
            Self::Xz => Some("RD_XZ"),
            Self::Lz4Legacy => Some("RD_LZ4"),
            Self::Lzo => Some("RD_LZO"),
            Self::Zstd => Some("RD_ZSTD"),
        }
    }
}

/// The form of a cpio archive's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `070701`, the "new" portable format.
    Newc,
    /// `070702`, the same with a checksum of each file.
    Crc,
}

/// One of the archives of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Archive {
    /// The form of its headers, after its first entry.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Where it starts in the image, in bytes.
    pub offset: u64,
    /// Bytes that it has in the image, zeros after it not counted.
    pub packed: u64,
    /// Bytes that it unpacks to.
    pub unpacked: u64,
    /// Its entries, the trailer not counted.
    pub entries: u32,
    /// Why no kernel unpacks it, although it can be read; null where a kernel with the right options does.
    pub refused: Option<&'static str>,
}

/// What an entry is, after its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// Type bits that mean nothing.
    Other,
}

/// One name in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as the archive has it, without the closing NUL: `usr/bin/sh`, sometimes `./usr/bin/sh`.
    pub name: Box<[u8]>,
    /// What a symbolic link leads to.
    pub target: Option<Box<[u8]>>,
    /// Size of its contents in bytes, as the header says.
    pub size: u64,
    /// `st_mode`: type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of hard links.
    pub links: u32,
    /// Modification time, in seconds since the epoch.
    pub mtime: u32,
    /// Device number of a device node: major and minor.
    pub device: (u32, u32),
    /// Which archive it is in: an index into [`Image::archives`].
    pub archive: u32,
    /// The entry that it is another name of: an index into [`Image::entries`].
    pub hard_link: Option<u32>,
}

impl Entry {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        match self.mode & 0o170_000 {
            0o100_000 => EntryKind::File,
            0o040_000 => EntryKind::Directory,
            0o120_000 => EntryKind::Link,
            0o020_000 => EntryKind::CharDevice,
            0o060_000 => EntryKind::BlockDevice,
            0o010_000 => EntryKind::Fifo,
            0o140_000 => EntryKind::Socket,
            _ => EntryKind::Other,
        }
    }

    /// The name without `./` or `/` in front and without `/` behind: what it is once unpacked at the root.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        clean_path(&self.name)
    }
}

/// `path` without `./` and `/` in front and `/` behind.
fn clean_path(mut path: &[u8]) -> &[u8] {
    loop {
        path = match path {
            [b'/', rest @ ..] | [b'.', b'/', rest @ ..] => rest,
            [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => return path,
        };
    }
}

/// What kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DamageKind {
    /// The file ends inside an archive.
    Truncated,
    /// A codec or a cpio header does not make sense.
    Corrupt,
    /// Something follows an archive that is neither zeros nor an archive.
    Garbage,
    /// A cpio archive in a format that the kernel does not unpack (`070707`, old binary).
    Unsupported,
    /// No archive but an image of a file system, as initrds were up to Linux 2.4. It may be sound.
    FileSystem,
    /// A limit of [`ImageLimits`] was reached; the image itself may be sound.
    OverLimit,
    /// The file could not be read on.
    Unreadable,
}

/// Where and why reading an image came to an early end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Damage {
    /// What kind.
    pub kind: DamageKind,
    /// Which archive, counted from 0: an index into [`Image::archives`], or one past its end when the archive has
    /// not given a single entry.
    pub archive: usize,
    /// Offset in the image, in bytes: where the damaged archive starts if it is compressed, else where it breaks.
    pub offset: u64,
    /// Offset in the unpacked archive, in bytes.
    pub unpacked: u64,
    /// The name of the entry that it was in, escaped; null between entries.
    pub entry: Option<String>,
    /// A sentence: what was expected, what is there.
    pub reason: String,
    /// Whether the archive had come to its trailer by then, so that no file of it is lost.
    #[serde(skip)]
    #[schemars(skip)]
    pub after_trailer: bool,
}

/// What was read of an image.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Size of the file in bytes.
    pub size: u64,
    /// Its archives, in order.
    pub archives: Vec<Archive>,
    /// The entries of all archives, in order, without the trailers.
    pub entries: Vec<Entry>,
    /// The kernel modules, in the order of their entries.
    pub modules: Vec<Module>,
    /// Small files that say how it boots, by [`Entry::path`]: scripts, configuration, the tables of `depmod`.
    pub texts: BTreeMap<Box<[u8]>, Vec<u8>>,
    /// What the libraries and the programs that matter need, by [`Entry::path`].
    pub linked: BTreeMap<Box<[u8]>, Linked>,
    /// What made it, and what it says of itself.
    pub maker: Maker,
    /// Why reading it came to an early end; none if it was read whole.
    pub damage: Option<Damage>,
    index: index::Index,
}

/// Why an image could not be read at all. Damage inside is no such error, but [`Image::damage`].
#[derive(Debug, Error)]
pub enum ReadError {
    /// The first byte could not be read.
    #[error("cannot read the image: {0}")]
    Io(#[from] io::Error),
}

impl Image {
    /// The entry that `path` leads to once everything is unpacked, symbolic links followed inside the image. Of
    /// several entries with one name the last counts, as it does for the kernel.
    #[must_use]
    pub fn find(&self, path: impl AsRef<[u8]>) -> Option<&Entry> {
        self.index.resolve(&self.entries, path.as_ref()).and_then(|at| self.entries.get(at))
    }

    /// Whether `path` leads to something, symbolic links followed inside the image.
    #[must_use]
    pub fn has(&self, path: impl AsRef<[u8]>) -> bool {
        self.find(path).is_some()
    }

    /// The text at `path`, symbolic links followed inside the image, if it is one that is kept.
    #[must_use]
    pub fn text(&self, path: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.texts.get(self.find(path)?.path()).map(Vec::as_slice)
    }

    /// The names directly below the directory that `path` leads to, sorted.
    #[must_use]
    pub fn list(&self, path: impl AsRef<[u8]>) -> Vec<&Entry> {
        self.index.list(&self.entries, path.as_ref())
    }

    /// The module of that name, if it is in the image for the kernel `release`.
    #[must_use]
    pub fn module(&self, release: &str, name: &ModuleName) -> Option<&Module> {
        let mut modules = self.modules.iter();
        modules.find(|module| module.name == *name && module.release.as_deref() == Some(release))
    }

    /// The kernel releases that it has modules for, sorted.
    #[must_use]
    pub fn releases(&self) -> Vec<&str> {
        let mut releases: Vec<&str> = self.modules.iter().filter_map(|m| m.release.as_deref()).collect();
        releases.sort_unstable();
        releases.dedup();
        releases
    }
}

/// Reads an image whole: entries, `.modinfo` of each module, and the texts that say how it boots.
///
/// # Errors
/// [`ReadError`] if not even its first byte can be read.
pub fn read(mut content: impl Read + Seek, limits: &ImageLimits) -> Result<Image, ReadError> {
    collect::read(&mut content, limits)
}
