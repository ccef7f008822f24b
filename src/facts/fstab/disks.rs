//! Which of fstab's mounts are on another disk than the root, and may be left behind when the machine moves.

use std::collections::BTreeSet;

use super::{Fstab, MountSource, NEEDS_DISKS};
use crate::facts::Known;
use crate::facts::block_devices::{BlockDevices, Lookup};
use crate::facts::lvm::VolumeGroup;
use crate::parse::device_spec::{DeviceName, DeviceSpec};

/// Works out which mounts are on another disk than the root.
pub(in crate::facts) fn compare_disks(fstab: &mut Fstab, devices: &BlockDevices, groups: &[VolumeGroup]) {
    let Known::Known(entries) = &mut fstab.entries else { return };
    let root = entries.iter().find(|entry| entry.is_root).map(|entry| entry.device.clone());
    let Some(root) = root.and_then(|root| disks(&root, devices, groups)) else { return };
    for entry in entries.iter_mut().filter(|entry| entry.source == MountSource::Disk) {
        let Some(own) = disks(&entry.device, devices, groups) else { continue };
        entry.other_disk = match (&root, &own) {
            // Two groups share no physical volume; a group and a plain disk may.
            (Home::Group(root), Home::Group(own)) => Known::Known(root != own),
            (Home::Disks(root), Home::Disks(own)) => Known::Known(root.is_disjoint(own)),
            _ => Known::unknown(NEEDS_DISKS),
        };
    }
}

/// Where something is.
enum Home {
    /// On these disks.
    Disks(BTreeSet<String>),
    /// In a volume group whose disks are not known.
    Group(String),
}

fn disks(spec: &DeviceSpec, devices: &BlockDevices, groups: &[VolumeGroup]) -> Option<Home> {
    if let Some(disk) = disk_of(&spec.raw) {
        return Some(Home::Disks(BTreeSet::from([disk])));
    }
    if let Some((vg, _)) = spec.volume() {
        let group = groups.iter().find(|group| group.name == vg);
        let hints =
            group.into_iter().flat_map(|group| &group.physical_volumes).filter_map(|pv| pv.device.as_deref());
        let disks: Option<BTreeSet<String>> = hints.map(disk_of).collect();
        return Some(disks.filter(|disks| !disks.is_empty()).map_or(Home::Group(vg), Home::Disks));
    }
    let Lookup::Found(found) = devices.find(spec) else { return None };
    let name = DeviceSpec::parse(&format!("/dev/{}", found.name.as_deref()?));
    match name.name {
        DeviceName::KernelName(_) | DeviceName::Mapper(_) if name != *spec => disks(&name, devices, groups),
        _ => None,
    }
}

/// The disk of a kernel name or of a multipath name: `sda` of `/dev/sda2`, `mpatha` of `/dev/mapper/mpatha-part2`.
fn disk_of(path: &str) -> Option<String> {
    if let DeviceName::KernelName(name) = DeviceSpec::parse(path).name {
        return Some(name.disk);
    }
    let name = path.strip_prefix("/dev/mapper/").filter(|name| name.starts_with("mpath"))?;
    let end = name.find(|c: char| c == '-' || c.is_ascii_digit()).unwrap_or(name.len());
    name.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Gather, Limits, fstab};
    use crate::place::Place;
    use crate::source::memory::Memory;

    #[test]
    fn other_disks_are_told_from_the_roots() {
        let groups = |device: Option<&str>| {
            let pv = crate::facts::lvm::PhysicalVolume {
                at: Place::file("x"),
                id: "p".into(),
                device: device.map(str::to_owned),
                found: Known::Known(true),
            };
            let physical_volumes = device.map(|_| pv).into_iter().collect();
            let at = Place::file("x");
            vec![VolumeGroup {
                at,
                name: "vg".into(),
                id: None,
                physical_volumes,
                logical_volumes: Vec::new(),
                clustered: None,
                lock_type: None,
                system_id: None,
            }]
        };
        for (root, own, hint, want) in [
            ("/dev/sda1", "/dev/sda2", None, Some(false)),
            ("/dev/sda1", "/dev/sdb1", None, Some(true)),
            ("/dev/sda1", "UUID=bb", None, Some(false)),
            ("/dev/sda1", "UUID=zz", None, None),
            ("/dev/vg/root", "/dev/vg/data", None, Some(false)),
            ("/dev/vg/root", "/dev/mapper/data-vol", None, Some(true)),
            ("/dev/vg/root", "/dev/sdb1", None, None),
            ("/dev/vg/root", "/dev/sdb1", Some("/dev/sda2"), Some(true)),
            ("/dev/vg/root", "/dev/sda1", Some("/dev/sda2"), Some(false)),
            ("/dev/vg/root", "/dev/mapper/mpatha1", Some("/dev/mapper/mpatha2"), Some(false)),
            ("/dev/vg/root", "/dev/mapper/mpathb-part1", Some("/dev/mapper/mpatha2"), Some(true)),
        ] {
            let text = format!("{root} / ext4 ro 0 1\n{own} /data ext4 ro 0 2\n");
            let (tree, limits) = (Memory::new().file("etc/fstab", text).into_tree(), Limits::default());
            let mut fstab = fstab::gather(&Gather::new(&tree, &limits), &BlockDevices::default());
            let blkid = BlockDevices {
                devices: blkid_devices("/dev/sda1: UUID=\"aa\"\n/dev/sda2: UUID=\"bb\"\n"),
                complete: true,
                duplicates: Vec::new(),
            };
            compare_disks(&mut fstab, &blkid, &groups(hint));
            let entries = fstab.entries.get().unwrap();
            assert_eq!(entries[1].other_disk.get().copied(), want, "{root} {own} {hint:?}");
        }
    }

    fn blkid_devices(text: &str) -> Vec<crate::facts::block_devices::BlockDevice> {
        let tree = Memory::new().file("sos_commands/block/blkid", text).into_tree();
        crate::facts::block_devices::gather(&Gather::new(&tree, &Limits::default())).devices
    }
}
