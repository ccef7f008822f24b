//! Mounts over NFS before and after.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Facts;
use crate::facts::nfs::NfsMount;
use crate::known::Known;
use crate::place::Place;

/// A mount over NFS that is there before and after, and whose version or locking differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NfsMountChange {
    /// Where it is mounted after the change.
    pub mountpoint: String,
    /// What was asked for.
    pub before: NfsMount,
    /// What is asked for.
    pub after: NfsMount,
    /// Where the version is set after the change, or the mount's line.
    pub at: Place,
}

/// The mounts that differ, in the order after; paired by mount point, else by what is mounted (a mount that moved from
/// fstab to the automounter).
pub(super) fn compare(before: &Facts, after: &Facts) -> Known<Vec<NfsMountChange>> {
    let (old, new) = match (&before.nfs.mounts, &after.nfs.mounts) {
        (Known::Known(old), Known::Known(new)) => (old, new),
        (Known::Unknown { needs }, _) | (_, Known::Unknown { needs }) => return Known::unknown(needs),
    };
    let mut left: Vec<&NfsMount> = old.iter().collect();
    let mut changes = Vec::new();
    for mount in new {
        let by_place = left.iter().position(|other| other.mountpoint == mount.mountpoint);
        let index = by_place.or_else(|| left.iter().position(|other| other.spec == mount.spec));
        let Some(other) = index.map(|index| left.remove(index)) else { continue };
        let same = other.major == mount.major && other.is_locked_locally == mount.is_locked_locally;
        if !same {
            changes.push(NfsMountChange {
                mountpoint: mount.mountpoint.clone(),
                before: other.clone(),
                after: mount.clone(),
                at: mount.version_at.clone().unwrap_or_else(|| mount.at.clone()),
            });
        }
    }
    Known::Known(changes)
}
