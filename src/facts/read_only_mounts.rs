//! File systems that the kernel has mounted read-only though fstab does not ask for it, by `/proc/mounts` or the output of `mount`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::fstab::Fstab;
use crate::parse::lines::lines;
use crate::place::Place;

/// File systems on disks, which errors make the kernel mount read-only.
const ON_DISK: [&str; 8] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "reiserfs", "jfs", "f2fs"];

/// A file system that the kernel has read-only where fstab asks for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReadOnlyMount {
    /// What says so.
    pub at: Place,
    /// Where it is mounted.
    pub mountpoint: String,
    /// The line of fstab.
    pub mount: Place,
}

/// The file systems of fstab that are mounted read-only, though fstab does not ask for it: errors make the kernel do
/// so (`errors=remount-ro`).
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab) -> Vec<ReadOnlyMount> {
    let mut files: Vec<_> = gather.read_config("proc/mounts").present().into_iter().collect();
    if files.is_empty() {
        files = gather.read_directory("sos_commands/filesys", |name| name.starts_with("mount"));
    }
    let mut found: Vec<ReadOnlyMount> = Vec::new();
    for file in files {
        for line in lines(&file.bytes) {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            let (mountpoint, kind, options) = match words.as_slice() {
                [_, "on", mountpoint, "type", kind, options, ..] => (*mountpoint, *kind, *options),
                [_, mountpoint, kind, options, _, _] => (*mountpoint, *kind, *options),
                _ => continue,
            };
            let mut options = options.trim_matches(['(', ')']).split(',');
            if !ON_DISK.contains(&kind) || !options.any(|option| option == "ro") {
                continue;
            }
            let mount =
                fstab.entries.get().into_iter().flatten().find(|entry| entry.mountpoint == mountpoint);
            let Some(mount) = mount.filter(|mount| !mount.options.iter().any(|option| option == "ro")) else {
                continue;
            };
            if !found.iter().any(|one| one.mountpoint == mountpoint) {
                found.push(ReadOnlyMount {
                    at: line.span_of(line.text.trim()).at(&file.path),
                    mountpoint: mountpoint.to_owned(),
                    mount: mount.at.clone(),
                });
            }
        }
    }
    found
}
