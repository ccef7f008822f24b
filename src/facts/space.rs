//! Space and inodes that mounted file systems have left, and which of them the kernel has mounted read-only, as the
//! outputs of `df` and `mount`, `/proc/mounts` and the superblocks of ext file systems say.
//!
//! statvfs(3) would say it of a mounted directory, but of the machine's own mounts and not of the system's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::file_systems::FileSystem;
use super::fstab::{Fstab, Mount};
use super::{Gather, Known};
use crate::parse::df;
use crate::parse::lines::lines;
use crate::place::Place;

/// Folders of a report in which outputs of `df` and `mount` are; its root has links to some.
const FOLDER: &str = "sos_commands/filesys";

/// File systems on disks, which can become full or be remounted read-only.
const ON_DISK: [&str; 8] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "reiserfs", "jfs", "f2fs"];

/// What a file system has left.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Space {
    /// What says so.
    pub at: Option<Place>,
    /// Where fstab mounts it.
    pub mountpoint: String,
    /// Bytes that are left for programs; null if only the inodes are known.
    pub available: Option<u64>,
    /// The same in MiB.
    pub available_mib: Option<u64>,
    /// All bytes.
    pub total: Option<u64>,
    /// Inodes that are left; null if they are not known, or the file system makes them as it needs them.
    pub inodes: Option<u64>,
}

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

/// What the file systems of fstab have left. Unknown if nothing in the input says it of any.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab, systems: &[FileSystem]) -> Known<Vec<Space>> {
    let mut found = BTreeMap::new();
    for file in gather.read_directory(FOLDER, |name| name.starts_with("df_") || name == "df") {
        for usage in df::parse(&file.bytes) {
            let wanted = usage.device.starts_with("/dev/") && !usage.device.starts_with("/dev/loop");
            if !wanted || usage.total == 0 || !is_mounted_by(fstab, &usage.mountpoint) {
                continue;
            }
            // The output that says it first counts; a later one is another form of it.
            update(&mut found, &usage.mountpoint, |one| {
                if usage.counts_inodes {
                    one.inodes.get_or_insert(usage.available);
                } else {
                    one.available.get_or_insert(usage.available);
                    one.total.get_or_insert(usage.total);
                }
                one.at.get_or_insert(usage.span.at(&file.path));
            });
        }
    }
    for system in systems {
        let Some(mount) = mount_of(fstab, system) else { continue };
        let (Some(free), Some(size)) = (system.free_blocks, system.block_size) else { continue };
        update(&mut found, &mount.mountpoint, |one| {
            one.available.get_or_insert(free.saturating_mul(u64::from(size)));
            one.inodes = one.inodes.or(system.free_inodes);
            one.at = one.at.take().or_else(|| system.at.clone());
        });
    }
    if found.is_empty() {
        return Known::unknown("the outputs of `df` and `df -i` on the running system");
    }
    let in_mib = |one: Space| Space { available_mib: one.available.map(|bytes| bytes >> 20), ..one };
    Known::Known(found.into_values().map(in_mib).collect())
}

/// Adds to what is known of the file system at `mountpoint`.
fn update(found: &mut BTreeMap<String, Space>, mountpoint: &str, change: impl FnOnce(&mut Space)) {
    let new = || Space { mountpoint: mountpoint.to_owned(), ..Space::default() };
    change(found.entry(mountpoint.to_owned()).or_insert_with(new));
}

fn is_mounted_by(fstab: &Fstab, mountpoint: &str) -> bool {
    mountpoint == "/" || entries(fstab).iter().any(|entry| entry.mountpoint == mountpoint)
}

fn entries(fstab: &Fstab) -> &[Mount] {
    fstab.entries.get().map(Vec::as_slice).unwrap_or_default()
}

/// The line of fstab that mounts a file system.
fn mount_of<'a>(fstab: &'a Fstab, system: &FileSystem) -> Option<&'a Mount> {
    entries(fstab).iter().find(|entry| {
        let uuid = system.uuid.as_deref().is_some_and(|uuid| {
            entry
                .spec
                .strip_prefix("UUID=")
                .is_some_and(|own| own.trim_matches('"').eq_ignore_ascii_case(uuid))
        });
        let device =
            system.device.as_deref().is_some_and(|device| entry.spec.strip_prefix("/dev/") == Some(device));
        uuid || device
    })
}

/// The file systems of fstab that are mounted read-only, though fstab does not ask for it: errors make the kernel do
/// so (`errors=remount-ro`).
#[must_use]
pub fn read_only(gather: &Gather<'_>, fstab: &Fstab) -> Vec<ReadOnlyMount> {
    let mut files: Vec<_> = gather.read_config("proc/mounts").present().into_iter().collect();
    if files.is_empty() {
        files = gather.read_directory(FOLDER, |name| name.starts_with("mount"));
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
            let mount = entries(fstab).iter().find(|entry| entry.mountpoint == mountpoint);
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
