//! How much room the mounted file systems have: of a running or mounted system from the kernel (statvfs(3)), of a report as `df` has
//! printed it; and what a new initrd will take.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::fstab::{Fstab, Mount};
use super::initrds::Initrd;
use super::{Gather, Known};
use crate::parse::df::{self, Counts};
use crate::parse::lines::lines;
use crate::place::Place;

/// File systems that are looked at.
const MAX_FILE_SYSTEMS: usize = 4096;

/// What would say it.
const NEEDS: &str = "the output of `df -al` and `df -ali` (a sos report has both), or the mounted system";

/// The room on the mounted file systems.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Space {
    /// The file systems on disks, by mount point. Unknown if the input has no list of them.
    pub file_systems: Known<Vec<FileSystemSpace>>,
    /// The one that holds `/boot`: mounted there, or on `/`. Unknown as above; null if neither is listed.
    pub boot: Known<Option<FileSystemSpace>>,
    /// Bytes of the largest initrd in `/boot` that is for no emergency: what the next one will take while it is written, beside the one
    /// that it replaces. Unknown if no size is known.
    pub largest_initrd: Known<u64>,
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileSystemSpace {
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its device; empty where only the kernel was asked.
    pub device: String,
    /// Bytes that it has.
    pub size: u64,
    /// Bytes that programs may still use.
    pub available: u64,
    /// Inodes that are free; null if it has no fixed number of them (vfat, btrfs), or nothing says.
    pub inodes_free: Option<u64>,
    /// The line.
    pub at: Place,
}

/// Reads the tables.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab) -> Space {
    let mut found = BTreeMap::<String, FileSystemSpace>::new();
    let mut inodes = BTreeMap::<String, u64>::new();
    let is_table = |name: &str| name == "df" || name.starts_with("df_-");
    for file in gather.read_directory("sos_commands/filesys", is_table) {
        let Some((counts, rows)) = df::parse(&file.bytes) else { continue };
        for row in rows.into_iter().filter(|row| row.device.starts_with('/') && row.total > 0) {
            match counts {
                Counts::Inodes => {
                    inodes.insert(row.mountpoint, row.free);
                }
                Counts::Bytes if found.len() < MAX_FILE_SYSTEMS => {
                    let (at, mountpoint) = (row.span.at(&file.path), row.mountpoint.clone());
                    let (device, size, available) = (row.device, row.total, row.free);
                    let own = FileSystemSpace { mountpoint, device, size, available, inodes_free: None, at };
                    found.insert(row.mountpoint, own);
                }
                Counts::Bytes => {}
            }
        }
    }
    for (mountpoint, own) in &mut found {
        own.inodes_free = inodes.get(mountpoint).copied();
    }
    if found.is_empty() {
        found = mounted(gather);
    }
    if found.is_empty() {
        let unknown = Known::unknown(NEEDS);
        return Space {
            file_systems: Known::unknown(NEEDS),
            boot: unknown,
            largest_initrd: Known::unknown(NEEDS),
        };
    }
    let boot = found.get("/boot").or_else(|| found.get("/")).cloned();
    // A `/boot` of its own that is not mounted is not listed.
    let is_own = |mount: &Mount| mount.mountpoint == "/boot";
    let has_own = fstab.entries.get().is_some_and(|entries| entries.iter().any(is_own));
    Space {
        boot: match has_own && !found.contains_key("/boot") {
            true => Known::unknown("the file system of `/boot`, mounted"),
            false => Known::Known(boot),
        },
        file_systems: Known::Known(found.into_values().collect()),
        largest_initrd: Known::unknown("the sizes of the initrds in `/boot`"),
    }
}

/// The root and `/boot` of a system that is mounted.
fn mounted(gather: &Gather<'_>) -> BTreeMap<String, FileSystemSpace> {
    let mut found = BTreeMap::new();
    let root = gather.tree.room("");
    for (path, mountpoint) in [("", "/"), ("boot", "/boot")] {
        let Some(room) = gather.tree.room(path) else { continue };
        // A folder of the root is on its file system.
        if path.is_empty() || Some(room) != root {
            let own = FileSystemSpace {
                mountpoint: mountpoint.to_owned(),
                device: String::new(),
                size: room.size,
                available: room.available,
                inodes_free: room.inodes_free,
                at: Place::file(if path.is_empty() { "boot" } else { path }),
            };
            found.insert(mountpoint.to_owned(), own);
        }
    }
    found
}

impl Space {
    /// Adds the size of the largest initrd: of those that were read, else of those that a report lists.
    pub(super) fn add_initrds(&mut self, gather: &Gather<'_>, initrds: &[Initrd]) {
        let counts =
            |initrd: &&Initrd| !initrd.is_rescue && !initrd.is_kdump && initrd.path.starts_with("boot/");
        let read = initrds.iter().filter(counts).map(|initrd| initrd.size).max();
        // Where `/boot` itself is part of the input, no image in it is one of no size.
        let none = (!gather.tree.is_report()).then_some(0);
        if let Some(size) = read.or_else(|| listed(gather)).or(none) {
            self.largest_initrd = Known::Known(size);
        }
    }
}

/// The size of the largest initrd in `ls -lanR /boot`.
fn listed(gather: &Gather<'_>) -> Option<u64> {
    let is_list = |name: &str| name.starts_with("ls_-") && name.contains("R_.boot");
    let files = ["sos_commands/boot", "sos_commands/grub2"]
        .into_iter()
        .flat_map(|folder| gather.read_directory(folder, is_list));
    let mut largest = None;
    for file in files {
        for line in lines(&file.bytes).filter(|line| line.text.starts_with('-')) {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            let (Some(size), Some(name)) = (words.get(4), words.get(8)) else { continue };
            let is_initrd = name.starts_with("initr") && !name.contains("rescue") && !name.contains("kdump");
            if let (true, Ok(size)) = (is_initrd, size.parse::<u64>()) {
                largest = largest.max(Some(size));
            }
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn room_and_inodes_of_boot_are_put_together() {
        let tree = Memory::new()
            .file("sos_commands/filesys/df_-al_-x_autofs", "Filesystem 1K-blocks Used Available Use% Mounted on\ntmpfs 9 9 9 1% /run\n/dev/sda1 487652 480000 7652 99% /boot\n/dev/sda2 900 1 800 1% /\n")
            .file("sos_commands/filesys/df_-ali_-x_autofs", "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 128016 128000 16 100% /boot\n")
            .file("sos_commands/boot/ls_-lanR_.boot", "/boot:\n-rw------- 1 0 0 31457280 Nov 20 10:00 initramfs-5.14.0.img\n-rw------- 1 0 0 91457280 Nov 20 10:00 initramfs-0-rescue-1f.img\n")
            .into_tree();
        let limits = Limits::default();
        let gathering = Gather::new(&tree, &limits);
        let mut space = gather(&gathering, &Fstab::default());
        space.add_initrds(&gathering, &[]);
        let boot = space.boot.get().unwrap().clone().unwrap();
        assert_eq!((boot.available, boot.inodes_free, boot.at.line), (7652 << 10, Some(16), Some(3)));
        assert_eq!(space.largest_initrd, Known::Known(31_457_280));
        assert_eq!(space.file_systems.get().unwrap().len(), 2);
    }
}
