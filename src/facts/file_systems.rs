//! Features of file systems that a loader may not know, as `dumpe2fs -h`, `tune2fs -l` and `xfs_info` print them.
//!
//! sos keeps these outputs in `sos_commands/{filesys,xfs,block}`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::blkid::device_name;
use crate::parse::text::lines;
use crate::place::{Place, Span};

/// File systems that are looked at.
const MAX_FILE_SYSTEMS: usize = 1024;

/// A file system's features.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileSystem {
    /// Its UUID; null if the output does not say it.
    pub uuid: Option<String>,
    /// The device below `/dev`, or the mount point, that the output is about; null if it does not say.
    pub device: Option<String>,
    /// `ext4` for ext2 to ext4, or `xfs`.
    pub kind: String,
    /// Its features by their names in mke2fs(8) and mkfs.xfs(8): `inline_data`, `nrext64`.
    pub features: Vec<String>,
    /// Bytes of a block; null if the output does not say.
    pub block_size: Option<u32>,
    /// ext: blocks that are free; null if the output does not say.
    pub free_blocks: Option<u64>,
    /// ext: inodes that are free; null if the output does not say.
    pub free_inodes: Option<u64>,
    /// ext: what the superblock says of its state: `clean`, `not clean`, `clean with errors`; null if the output does not say.
    /// A mounted one with a journal stays `clean`; without a journal it is `not clean` while it is mounted.
    pub state: Option<String>,
    /// ext: how often it was mounted since its last check, and after how often it is checked (0 and -1: never).
    pub mount_count: Option<i64>,
    /// ext: see `mount_count`.
    pub max_mount_count: Option<i64>,
    /// ext: the first block of the first group; null if the output does not say.
    pub first_block: Option<u32>,
    /// The output.
    pub at: Option<Place>,
}

/// The kernel's complaint about a file system that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Complaint {
    /// The line of the kernel's log.
    pub at: Place,
    /// The device below `/dev`.
    pub device: String,
    /// What the kernel says after the device.
    pub message: String,
}

/// The kernel's complaints, each device's first: ext's errors and XFS's corruptions (`fs/ext4/super.c`, `fs/xfs/xfs_error.c`).
#[must_use]
pub fn complaints(gather: &Gather<'_>) -> Vec<Complaint> {
    let mut files = gather.read_directory("sos_commands/kernel", |name| name.starts_with("dmesg"));
    files.extend(gather.read("var/log/dmesg").present());
    let mut found: Vec<Complaint> = Vec::new();
    for file in files {
        for line in lines(&file.bytes) {
            let text = String::from_utf8_lossy(line.bytes);
            let Some((device, message)) = complaint(&text) else { continue };
            if found.len() < MAX_FILE_SYSTEMS && !found.iter().any(|one| one.device == device) {
                let at = Span::line(line.number).at(&file.path);
                let message = crate::source::escape_bytes(message.as_bytes());
                found.push(Complaint { at, device: device.to_owned(), message });
            }
        }
    }
    found
}

/// `EXT4-fs error (device sda1): ...`, `EXT4-fs (sda1): warning: mounting fs with errors`, `XFS (dm-0): Metadata corruption ...`.
fn complaint(text: &str) -> Option<(&str, &str)> {
    let damaged = ["with errors", "orruption", "xfs_repair", "unchecked fs"];
    for (start, any) in
        [("EXT4-fs error (device ", true), ("EXT3-fs error (device ", true), ("EXT2-fs error (device ", true)]
            .into_iter()
            .chain([("EXT4-fs (", false), ("EXT3-fs (", false), ("XFS (", false)])
    {
        let Some((_, rest)) = text.split_once(start) else { continue };
        let (device, message) = rest.split_once("):").or_else(|| rest.split_once(')'))?;
        let message = message.trim_start_matches(':').trim();
        return (any || damaged.iter().any(|word| message.contains(word))).then_some((device, message));
    }
    None
}

/// Reads the outputs.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<FileSystem> {
    let is_ext = |name: &str| ["dumpe2fs", "tune2fs"].iter().any(|tool| name.starts_with(tool));
    let is_xfs =
        |name: &str| ["xfs_info", "xfs_growfs", "xfs_spaceman"].iter().any(|tool| name.starts_with(tool));
    let mut found = Vec::new();
    for folder in ["sos_commands/filesys", "sos_commands/xfs", "sos_commands/block", "sos_commands/boot"] {
        for file in gather.read_directory(folder, |name| is_ext(name) || is_xfs(name)) {
            let at = Place::file(std::sync::Arc::clone(&file.path));
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let system = if is_ext(name) { ext(&file.bytes, name) } else { xfs(&file.bytes) };
            found.extend(system.map(|system| FileSystem { at: Some(at), ..system }));
        }
    }
    found.truncate(MAX_FILE_SYSTEMS);
    found
}

/// `Filesystem features:      has_journal ext_attr ...` and its neighbours.
fn ext(bytes: &[u8], name: &str) -> Option<FileSystem> {
    let device = name.split_once(".dev.").map(|(_, device)| device.replace('.', "/"));
    let mut system = FileSystem { kind: "ext4".to_owned(), device, ..FileSystem::default() };
    for line in lines(bytes) {
        let text = String::from_utf8_lossy(line.bytes);
        let Some((key, value)) = text.split_once(':') else { continue };
        let value = value.trim();
        match key {
            "Filesystem UUID" => system.uuid = Some(value.to_ascii_lowercase()),
            "Filesystem features" => system.features = value.split_whitespace().map(str::to_owned).collect(),
            "Mount count" => system.mount_count = value.parse().ok(),
            "Maximum mount count" => system.max_mount_count = value.parse().ok(),
            "Filesystem state" => system.state = Some(crate::source::escape_bytes(value.as_bytes())),
            "Free blocks" => system.free_blocks = value.parse().ok(),
            "Free inodes" => system.free_inodes = value.parse().ok(),
            "First block" => system.first_block = value.parse().ok(),
            "Block size" => system.block_size = value.parse().ok(),
            _ => {}
        }
    }
    (!system.features.is_empty()).then_some(system)
}

/// `meta-data=/dev/sda1 isize=512 ...`, then words `name=value` in groups.
fn xfs(bytes: &[u8]) -> Option<FileSystem> {
    let text = String::from_utf8_lossy(bytes);
    let mut system = FileSystem { kind: "xfs".to_owned(), ..FileSystem::default() };
    for word in text.split([' ', '\t', '\n', ',']).filter(|word| !word.is_empty()) {
        let Some((key, value)) = word.split_once('=') else { continue };
        match (key, value) {
            ("meta-data", device) => system.device = Some(device_name(device)),
            ("bsize", size) if system.block_size.is_none() => system.block_size = size.parse().ok(),
            (feature, "1") => system.features.push(feature.to_owned()),
            _ => {}
        }
    }
    system.device.is_some().then_some(system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn features_are_read_from_both_kinds() {
        let ext = "dumpe2fs 1.47.0\nFilesystem UUID:          5AFE-1\nFilesystem features:      has_journal inline_data\nFirst block:              1\n\
                   Block size:               1024\n";
        let xfs = "meta-data=/dev/sda1              isize=512    agcount=4, agsize=65536 blks\n         =                       crc=1        finobt=1, \
                   sparse=1, rmapbt=0\n         =                       reflink=1    bigtime=1 inobtcount=1 nrext64=1\ndata     =                       bsize=4096   blocks=9\n";
        let tree = Memory::new()
            .file("sos_commands/filesys/dumpe2fs_-h_.dev.sda2", ext)
            .file("sos_commands/xfs/xfs_info_.boot", xfs)
            .into_tree();
        let found = gather(&Gather::new(&tree, &Limits::default()));
        let [first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (first.uuid.as_deref(), first.device.as_deref(), first.first_block),
            (Some("5afe-1"), Some("sda2"), Some(1))
        );
        assert_eq!(first.features, ["has_journal", "inline_data"]);
        assert_eq!((second.device.as_deref(), second.block_size), (Some("sda1"), Some(4096)));
        assert!(second.features.iter().any(|feature| feature == "nrext64"));
    }
}
