//! UUIDs and labels that more than one device carries: cloned LUNs, snapshots beside their origin, paths of one disk.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{BlockDevice, BlockDevices};
use crate::parse::device_spec::{DeviceSpec, split_mapper_name};
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
    let mut by_value = BTreeMap::<(&str, &str), Vec<&BlockDevice>>::new();
    for device in devices.iter().filter(|device| device.name.is_some() && !is_alias(device)) {
        let values = [("uuid", &device.uuid), ("label", &device.label)];
        for (kind, value) in values {
            if let Some(value) = value {
                by_value.entry((kind, value)).or_default().push(device);
            }
        }
    }
    let several = by_value.into_iter().filter(|(_, devices)| devices.len() > 1);
    let duplicates = several.filter_map(|((kind, value), devices)| {
        let first = devices.first()?;
        let named = |device: &&BlockDevice| device.name.clone();
        Some(Duplicate {
            at: first.at.clone(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            fstype: devices.iter().find_map(|device| device.fstype.clone()),
            devices: devices.iter().filter_map(named).take(MAX_DUPLICATES).collect(),
            is_layered: devices.iter().any(|device| is_made(device))
                && !devices.iter().all(|device| is_made(device)),
            is_by_design: devices.iter().all(|device| device.fstype.as_deref().is_some_and(shares_uuid)),
        })
    });
    duplicates.take(MAX_DUPLICATES).collect()
}

/// `dm-3` stands for a name below `mapper/` that is there, too; the hidden halves of a snapshot show what it shows, and each of
/// Docker's containers is a clone of its image by design.
fn is_alias(device: &BlockDevice) -> bool {
    let name = device.name.as_deref().unwrap_or_default();
    let mapped = name.strip_prefix("mapper/").unwrap_or(name);
    ["dm-", "loop", "docker-"].iter().any(|start| mapped.starts_with(start))
        || ["-real", "-cow", "_tdata", "_cdata", "_corig"].iter().any(|end| mapped.ends_with(end))
}

/// Whether the device joins others with the same contents: an array, or a multipath device by its usual names.
fn is_made(device: &BlockDevice) -> bool {
    let name = device.name.as_deref().unwrap_or_default();
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

impl BlockDevices {
    /// The duplicate that `spec` falls under, which leads udev's link to any of the devices.
    #[must_use]
    pub fn ambiguous(&self, spec: &DeviceSpec) -> Option<&Duplicate> {
        let (kind, value) = match spec.kind() {
            kind @ ("uuid" | "label") => (kind, spec.value()),
            _ => return None,
        };
        let mut found = self.duplicates.iter();
        found.find(|own| own.kind == kind && own.value.eq_ignore_ascii_case(value))
    }
}

#[cfg(test)]
mod tests {
    use super::is_made;
    use crate::facts::block_devices::{BlockDevice, gather};
    use crate::facts::{Gather, Limits};
    use crate::place::Place;
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
            let device = BlockDevice {
                name: Some(name.to_owned()),
                uuid: None,
                label: None,
                fstype: None,
                partuuid: None,
                partlabel: None,
                block_size: None,
                links: Vec::new(),
                at: Place::file("x"),
            };
            assert_eq!(is_made(&device), want, "{name}");
        }
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
