//! Space and inodes that the file systems of fstab have left, by the output of `df` and the superblocks of ext file systems, and
//! for a system that is mounted by the kernel's own numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Known;
use super::file_systems::FileSystem;
use super::fstab::{Fstab, Mount};
use super::space::Space;
use crate::place::Place;

/// What a file system has left.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Room {
    /// What says so.
    pub at: Option<Place>,
    /// Where fstab mounts it.
    pub mountpoint: String,
    /// MiB that are left for programs.
    pub available_mib: u64,
    /// Inodes that are left; null if they are not known, or the file system makes them as it needs them.
    pub inodes: Option<u64>,
}

/// What the file systems of fstab have left. Unknown if nothing in the input says it of any.
#[must_use]
pub fn gather(space: &Space, fstab: &Fstab, systems: &[FileSystem]) -> Known<Vec<Room>> {
    let mut found = BTreeMap::new();
    for one in space.file_systems.get().into_iter().flatten() {
        if !one.device.starts_with("/dev/loop") && is_mounted_by(fstab, &one.mountpoint) {
            let room = Room {
                at: Some(one.at.clone()),
                mountpoint: one.mountpoint.clone(),
                available_mib: one.available >> 20,
                inodes: one.inodes_free,
            };
            found.insert(one.mountpoint.clone(), room);
        }
    }
    for system in systems {
        let Some(mount) = mount_of(fstab, system) else { continue };
        let (Some(free), Some(size)) = (system.free_blocks, system.block_size) else { continue };
        found.entry(mount.mountpoint.clone()).or_insert_with(|| Room {
            at: system.at.clone(),
            mountpoint: mount.mountpoint.clone(),
            available_mib: free.saturating_mul(u64::from(size)) >> 20,
            inodes: system.free_inodes,
        });
    }
    if found.is_empty() {
        return Known::unknown("the outputs of `df -al` and `df -ali` on the running system");
    }
    Known::Known(found.into_values().collect())
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
