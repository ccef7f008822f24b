//! UUIDs and labels that more than one device carries: cloned LUNs, snapshots beside their origin, paths of one disk.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::BlockDevice;
use crate::parse::device_spec::{parse_kernel_name, split_mapper_name};
use crate::place::Place;

/// Values that are given at most, and devices of each.
const MAX_DUPLICATES: usize = 200;

/// A UUID or label that several devices carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Duplicate {
    /// The line of the first device.
    pub at: Place,
    /// `uuid` or `label`.
    pub kind: String,
    /// The UUID or label.
    pub value: String,
    /// What the devices hold, in blkid's words.
    pub fstype: Option<String>,
    /// The devices below `/dev`.
    pub devices: Vec<String>,
    /// One of them is a multipath device or an array, and the others are what it may be made of.
    pub is_layered: bool,
    /// What carries the same UUID by design: the devices of one btrfs, the members of one array or pool.
    pub is_by_design: bool,
}

/// What the devices say that more than one of them has.
pub(super) fn find(devices: &[BlockDevice]) -> Vec<Duplicate> {
    // Tools write the name of one device in different ways: by the full name, each counts once.
    let mut by_value = BTreeMap::<(&str, &str), BTreeMap<String, &BlockDevice>>::new();
    for device in devices {
        let Some(name) = device.name.as_deref().filter(|name| !is_alias(name)).map(full_name) else {
            continue;
        };
        for (kind, value) in [("uuid", &device.uuid), ("label", &device.label)] {
            if let Some(value) = value {
                by_value.entry((kind, value)).or_default().entry(name.clone()).or_insert(device);
            }
        }
    }
    let several = by_value.into_iter().filter(|(_, devices)| devices.len() > 1);
    let duplicates = several.filter_map(|((kind, value), devices)| {
        let fstypes = || devices.values().map(|device| device.fstype.as_deref());
        Some(Duplicate {
            at: devices.values().next()?.at.clone(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            fstype: fstypes().flatten().next().map(str::to_owned),
            is_layered: devices.keys().any(|name| is_made(name)) && !devices.keys().all(|name| is_made(name)),
            is_by_design: fstypes().all(|fstype| fstype.is_some_and(shares_uuid)),
            devices: devices.into_keys().take(MAX_DUPLICATES).collect(),
        })
    });
    duplicates.take(MAX_DUPLICATES).collect()
}

/// The name below `/dev`: lsblk leaves `mapper/` out, and sysfs writes `!` for a slash.
fn full_name(name: &str) -> String {
    let name = name.replace('!', "/");
    let is_own = ["md", "nbd", "rbd", "drbd", "sr", "zd", "bcache"].iter().any(|start| {
        name.strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '_' || c == '/'))
    });
    if is_own || name.starts_with("mapper/") || parse_kernel_name(&name).is_some() {
        return name;
    }
    format!("mapper/{name}")
}

/// `dm-3` stands for a name below `mapper/` that is there, too; the hidden parts of a logical volume show what it shows, and each of
/// Docker's containers is a clone of its image by design.
fn is_alias(name: &str) -> bool {
    let mapped = name.strip_prefix("mapper/").unwrap_or(name);
    let hidden = ["-real", "-cow", "_tdata", "_tmeta", "_cdata", "_cmeta", "_corig", "_vdata"];
    let copies = ["_rimage_", "_rmeta_", "_mimage_", "_mlog"];
    ["dm-", "loop", "docker-"].iter().any(|start| mapped.starts_with(start))
        || hidden.iter().any(|end| mapped.ends_with(end))
        || copies.iter().any(|part| mapped.contains(part))
}

/// Whether the device joins others with the same contents: an array, or a multipath device by its usual names.
fn is_made(name: &str) -> bool {
    let Some(mapped) = name.strip_prefix("mapper/") else {
        return name.starts_with("md") || name.starts_with("emcpower");
    };
    let whole = mapped.trim_end_matches(|c: char| c.is_ascii_digit());
    let whole = ["-part", "_part", "p"].iter().find_map(|end| whole.strip_suffix(end)).unwrap_or(whole);
    let is_wwid = whole.len() >= 17 && whole.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_part = mapped.rsplit_once("-part").is_some_and(|(_, number)| number.parse::<u32>().is_ok());
    is_wwid || is_part || whole.starts_with("mpath") || split_mapper_name(mapped).is_none()
}

/// What is on several devices with one UUID (btrfs(5), md(4), zpool-labelclear(8)).
fn shares_uuid(fstype: &str) -> bool {
    matches!(
        fstype,
        "btrfs" | "zfs_member" | "linux_raid_member" | "mpath_member" | "drbd" | "VMFS_volume_member"
    ) || (fstype.ends_with("_raid_member"))
        || fstype == "ceph_bluestore"
}

#[cfg(test)]
mod tests {
    use super::is_made;
    use crate::facts::block_devices::gather;
    use crate::facts::{Gather, Limits};
    use crate::source::memory::Memory;

    #[test]
    fn what_joins_paths_or_members_is_told_from_volumes() {
        for (name, want) in [
            ("md0", true),
            ("mapper/mpatha2", true),
            ("mapper/mpatha-part2", true),
            ("mapper/3600a098000aabbccdd00112233445566p1", true),
            ("mapper/ora_data-part1", true),
            ("mapper/oradata", true),
            ("mapper/vg-root", false),
            ("sda2", false),
        ] {
            assert_eq!(is_made(name), want, "{name}");
        }
    }

    #[test]
    fn two_reports_of_one_device_are_no_two_devices() {
        let blkid = "/dev/mapper/vg-root: UUID=\"aa\" TYPE=\"xfs\"\n/dev/cciss/c0d0p1: UUID=\"bb\" TYPE=\"ext4\"\n/dev/md0: UUID=\"cc\" TYPE=\"ext4\"\n";
        let lsblk = "NAME=\"vg-root\" FSTYPE=\"xfs\" UUID=\"aa\"\nNAME=\"vg-root_rimage_0\" FSTYPE=\"xfs\" UUID=\"aa\"\nNAME=\"cciss!c0d0p1\" FSTYPE=\"ext4\" UUID=\"bb\"\n\
            NAME=\"md0\" FSTYPE=\"ext4\" UUID=\"cc\"\n";
        let tree = Memory::new()
            .file("sos_commands/block/blkid_-c_.dev.null", blkid)
            .file("sos_commands/block/lsblk_-O_-P", lsblk)
            .into_tree();
        assert_eq!(gather(&Gather::new(&tree, &Limits::default())).duplicates, []);
    }

    #[test]
    fn devices_with_one_uuid_are_put_together() {
        let text = "/dev/sda1: UUID=\"aa\" TYPE=\"xfs\"\n/dev/sdb1: UUID=\"aa\" TYPE=\"xfs\"\n\
            /dev/sdc: UUID=\"bb\" TYPE=\"btrfs\"\n/dev/sdd: UUID=\"bb\" TYPE=\"btrfs\"\n\
            /dev/sde2: UUID=\"cc\" TYPE=\"LVM2_member\"\n/dev/mapper/mpatha2: UUID=\"cc\" TYPE=\"LVM2_member\"\n\
            /dev/sdf1: UUID=\"dd\" LABEL=\"data\" TYPE=\"ext4\"\n/dev/sdg1: UUID=\"ee\" LABEL=\"data\" TYPE=\"ext4\"\n";
        let tree = Memory::new().file("sos_commands/block/blkid_-c_.dev.null", text).into_tree();
        let devices = gather(&Gather::new(&tree, &Limits::default()));
        let seen: Vec<_> = devices
            .duplicates
            .iter()
            .map(|own| {
                format!(
                    "{} {} {} {} {}",
                    own.kind,
                    own.value,
                    own.devices.join("+"),
                    own.is_layered,
                    own.is_by_design
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                "label data sdf1+sdg1 false false",
                "uuid aa sda1+sdb1 false false",
                "uuid bb sdc+sdd false true",
                "uuid cc mapper/mpatha2+sde2 true false",
            ]
        );
    }
}
