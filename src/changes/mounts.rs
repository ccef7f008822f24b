//! fstab's lines before and after.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Facts;
use crate::facts::fstab::Mount;
use crate::known::Known;
use crate::place::Place;

/// A mount or swap whose line differs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MountChange {
    /// Where it is mounted; `none` or `swap` for swap.
    pub mountpoint: String,
    /// Whether the boot needs it before or while the root comes up: `/`, `/usr`, swap.
    pub is_early: bool,
    /// Whether it is swap.
    pub is_swap: bool,
    /// The line before; null if there was none.
    pub before: Option<Mount>,
    /// The line after; null if there is none.
    pub after: Option<Mount>,
    /// Whether the first field differs, or one line is missing.
    pub device_differs: bool,
    /// Whether the type differs, or one line is missing.
    pub type_differs: bool,
    /// Whether the options differ, in any order, or one line is missing.
    pub options_differ: bool,
    /// The line after; the file as a whole if there is none.
    pub at: Place,
}

/// The lines that differ, in the order of the table after, then those that went.
pub(super) fn compare(before: &Facts, after: &Facts) -> Known<Vec<MountChange>> {
    let (old, new) = match (&before.fstab.entries, &after.fstab.entries) {
        (Known::Known(old), Known::Known(new)) => (old, new),
        (Known::Unknown { needs }, _) | (_, Known::Unknown { needs }) => return Known::unknown(needs),
    };
    // A table that is not there at all is that of an input without it.
    if before.fstab.present != after.fstab.present {
        return Known::unknown("`etc/fstab` on both sides");
    }
    let mut left: Vec<&Mount> = old.iter().collect();
    let mut changes = Vec::new();
    for mount in new {
        let index = left
            .iter()
            .position(|other| is_same(other, mount))
            .or_else(|| left.iter().position(|other| mount.is_swap && other.is_swap));
        let other = index.map(|index| left.remove(index));
        changes.extend(change(other, Some(mount)));
    }
    changes.extend(left.into_iter().filter_map(|gone| change(Some(gone), None)));
    Known::Known(changes)
}

/// Whether two lines are for the same purpose.
fn is_same(old: &Mount, new: &Mount) -> bool {
    match (old.is_swap, new.is_swap) {
        (true, true) => old.spec == new.spec,
        (false, false) => old.mountpoint == new.mountpoint,
        _ => false,
    }
}

fn change(before: Option<&Mount>, after: Option<&Mount>) -> Option<MountChange> {
    let one = after.or(before)?;
    let differs = |same: fn(&Mount, &Mount) -> bool| match (before, after) {
        (Some(old), Some(new)) => !same(old, new),
        _ => true,
    };
    let change = MountChange {
        mountpoint: one.mountpoint.clone(),
        is_swap: one.is_swap,
        is_early: one.is_root || one.is_swap || one.mountpoint == "/usr",
        device_differs: differs(|old, new| old.spec == new.spec),
        type_differs: differs(|old, new| old.fstype == new.fstype),
        options_differ: differs(|old, new| sorted(&old.options) == sorted(&new.options)),
        at: after.map_or_else(|| Place::file(std::sync::Arc::clone(&one.at.path)), |mount| mount.at.clone()),
        before: before.cloned(),
        after: after.cloned(),
    };
    (change.device_differs || change.type_differs || change.options_differ).then_some(change)
}

fn sorted(options: &[String]) -> Vec<&String> {
    let mut options: Vec<&String> = options.iter().collect();
    options.sort();
    options
}
