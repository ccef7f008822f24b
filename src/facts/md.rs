//! Software arrays: what mdadm.conf and, where the input holds it, `/proc/mdstat` say of them.

mod members;

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::{Named, Setting};
use super::{Gather, Known};
use crate::parse::{mdadm, mdstat};
use crate::place::Place;
use crate::source::File;

pub use members::ArrayOnDisks;
pub(super) use members::compare;

/// mdadm's configuration.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Md {
    /// The file that is read: `etc/mdadm.conf` or `etc/mdadm/mdadm.conf`; null if there is none.
    pub path: Option<String>,
    /// The arrays that it names.
    pub arrays: Vec<Array>,
    /// `HOMEHOST`: arrays of another host get other names.
    pub homehost: Option<Setting>,
    /// The words of `AUTO`.
    pub auto: Vec<String>,
    /// Keywords that mdadm does not know.
    pub unknown_keywords: Vec<Named>,
    /// The arrays whose members the disks hold, as far as the input says.
    pub on_disks: Vec<ArrayOnDisks>,
    /// The arrays that ran when the input was taken, where it says.
    pub running: Vec<RunningArray>,
}

/// An array that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunningArray {
    /// Where this was read.
    pub at: Place,
    /// The kernel's name: `md127`.
    pub name: String,
    /// `raid1`, `raid10`, `raid6`, `linear`...; null for an array that is not active.
    pub level: Option<String>,
    /// The kernel's names of its members.
    pub members: Vec<String>,
    /// Members are missing.
    pub degraded: bool,
}

/// An `ARRAY` line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Array {
    /// The line.
    pub at: Place,
    /// The device, as written: `/dev/md0`, `/dev/md/root`; null if the line names none.
    pub device: Option<String>,
    /// `UUID=`, as written, with colons.
    pub uuid: Option<String>,
    /// The UUID as blkid writes it, in five groups with dashes; null if there is none or it is not whole.
    pub blkid_uuid: Option<String>,
    /// `name=`, with the host before a colon.
    pub name: Option<String>,
    /// `metadata=`.
    pub metadata: Option<String>,
    /// `level=`.
    pub level: Option<String>,
    /// `devices=`: parts named by path, which change with the hardware.
    pub devices: Vec<String>,
    /// `container=`: the array is inside a firmware RAID.
    pub container: Option<String>,
    /// Whether a disk holds a member of it. Unknown if the input does not list the disks.
    pub found: Known<bool>,
}

/// Reads mdadm.conf where mdadm looks for it (Red Hat and SUSE: `/etc/mdadm.conf`, Debian: `/etc/mdadm`).
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Md {
    let paths = ["etc/mdadm.conf", "etc/mdadm/mdadm.conf"];
    let file = paths.iter().find_map(|path| gather.read_config(path).present());
    let mut md = file.map(|file| read(&file)).unwrap_or_default();
    if let Some(file) = gather.read_config("proc/mdstat").present() {
        md.running = mdstat::parse(&file.bytes).into_iter().map(|array| running(array, &file)).collect();
    }
    md
}

fn running(array: mdstat::Running, file: &File) -> RunningArray {
    RunningArray {
        at: array.span.at(&file.path),
        degraded: array.working.is_some_and(|(all, good)| good < all),
        name: array.name,
        level: array.level,
        members: array.members,
    }
}

fn read(file: &File) -> Md {
    let parsed = mdadm::parse(&file.bytes);
    let array = |array: mdadm::Array| Array {
        at: array.span.at(&file.path),
        device: array.device,
        blkid_uuid: array.uuid.as_deref().and_then(blkid_uuid),
        uuid: array.uuid,
        name: array.name,
        metadata: array.metadata,
        level: array.level,
        devices: array.devices,
        container: array.container,
        found: Known::unknown(members::NEEDS),
    };
    Md {
        path: Some(file.path.to_string()),
        arrays: parsed.arrays.into_iter().map(array).collect(),
        homehost: parsed.homehost.map(|(value, span)| Setting { value, at: span.at(&file.path) }),
        auto: parsed.auto,
        unknown_keywords: parsed
            .unknown
            .into_iter()
            .map(|(name, span)| Named { name, at: span.at(&file.path) })
            .collect(),
        on_disks: Vec::new(),
        running: Vec::new(),
    }
}

/// `3aaa0122:29827cfa:5331ad66:ca767371` as `3aaa0122-2982-7cfa-5331-ad66ca767371`. Separators may stand anywhere
/// (mdadm's `parse_uuid`).
#[must_use]
pub fn blkid_uuid(uuid: &str) -> Option<String> {
    let digits: String =
        uuid.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase();
    if digits.len() != 32 {
        return None;
    }
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    let groups: Option<Vec<&str>> = groups.into_iter().map(|range| digits.get(range)).collect();
    groups.map(|groups| groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn arrays_are_read_where_the_distribution_keeps_them() {
        let text = "HOMEHOST <system>\nARRAY /dev/md0 UUID=3aaa0122:29827cfa:5331ad66:ca767371\n";
        for path in ["etc/mdadm.conf", "etc/mdadm/mdadm.conf"] {
            let (tree, limits) = (Memory::new().file(path, text).into_tree(), Limits::default());
            let md = gather(&Gather::new(&tree, &limits));
            assert_eq!(md.path.as_deref(), Some(path));
            assert_eq!(md.arrays[0].blkid_uuid.as_deref(), Some("3aaa0122-2982-7cfa-5331-ad66ca767371"));
            assert_eq!(md.homehost.unwrap().at.to_string(), format!("{path}:1"));
        }
        assert_eq!(blkid_uuid("1:2:3:4"), None);
    }

    #[test]
    fn running_arrays_are_read_from_proc() {
        let text = "md0 : active raid1 sda1[0]\n      8 blocks [2/1] [U_]\n";
        let (tree, limits) = (Memory::new().file("proc/mdstat", text).into_tree(), Limits::default());
        let md = gather(&Gather::new(&tree, &limits));
        assert_eq!((md.running[0].level.as_deref(), md.running[0].degraded), (Some("raid1"), true));
    }
}
