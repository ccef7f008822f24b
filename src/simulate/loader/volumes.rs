//! Which file system a loader looks on: by UUID, by label, or by the number that BIOS gives a disk.

use crate::facts::Facts;
use crate::facts::block_devices::{BlockDevice, Lookup};
use crate::facts::boot::{GrubFiles, GrubSearch, Volume};
use crate::facts::boot_disks::{BootDisk, PartitionTable};
use crate::facts::fstab::Mount;
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::simulate::firmware::disks_in_order;
use crate::target::{Target, TargetView};

/// What a name comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// One of the system's own file systems.
    Is(Volume),
    /// There is nothing of that name, or nothing that a loader could read: why, as a sentence's end.
    Nothing(String),
    /// The input does not say.
    Untold,
}

/// The system's file systems and disks on a target.
pub(super) struct Volumes<'a> {
    facts: &'a Facts,
    disks: Vec<&'a BootDisk>,
    /// How many disks the target has, if it says so of each.
    count: Option<usize>,
    root: Option<&'a Mount>,
    boot: Option<&'a Mount>,
    esp: Option<&'a Mount>,
}

impl<'a> Volumes<'a> {
    pub(super) fn new(facts: &'a Facts, target: &Target) -> Self {
        let entries = facts.fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
        let on = |path: &str| entries.iter().find(|mount| mount.mountpoint == path && !mount.is_swap);
        let names = TargetView::from(target).disks;
        let count = (!target.is_same() && names.len() >= facts.boot_disks.len()).then_some(names.len());
        Self {
            facts,
            disks: disks_in_order(facts, target),
            count: count.filter(|_| !facts.boot_disks.is_empty()),
            root: on("/"),
            boot: on("/boot"),
            esp: on("/boot/efi").or_else(|| on("/efi")),
        }
    }

    /// The volume that holds GRUB's folder, `boot/grub`.
    pub(super) fn of_grub(&self) -> Volume {
        if self.boot.is_some() { Volume::Boot } else { Volume::Root }
    }

    /// Whether `/boot` is a file system of its own.
    pub(super) fn has_boot(&self) -> bool {
        self.boot.is_some()
    }

    /// The line of fstab that mounts a volume.
    pub(super) fn mount(&self, volume: Volume) -> Option<&'a Mount> {
        match volume {
            Volume::Root => self.root,
            Volume::Boot => self.boot.or(self.root),
            Volume::Esp => self.esp,
        }
    }

    /// The device of a volume, if the input knows it.
    pub(super) fn device(&self, volume: Volume) -> Option<&'a BlockDevice> {
        match self.facts.block_devices.find(&self.mount(volume)?.device) {
            Lookup::Found(device) => Some(device),
            _ => None,
        }
    }

    /// Where GRUB looks for an entry's files, and what it did not find on the way there.
    pub(super) fn of(&self, grub: &GrubFiles) -> (Place, Option<String>) {
        let (found, missing) = match &grub.search {
            None => (None, None),
            Some(search) => match self.searched(search, &grub.kernel_on) {
                // A search that finds nothing leaves `root` as it was.
                Place::Nothing(why) => (None, Some(why)),
                place => (Some(place), None),
            },
        };
        let place = found.unwrap_or_else(|| match &grub.root {
            Some(root) => self.named(&root.value, grub.command == "kernel"),
            None => Place::Is(self.of_grub()),
        });
        (place, missing)
    }

    fn searched(&self, search: &GrubSearch, kernel_on: &[Volume]) -> Place {
        match search.by.as_str() {
            "uuid" => self.uuid(&search.value),
            "label" => self.content(&DeviceSpec {
                raw: search.value.clone(),
                name: DeviceName::Label(search.value.clone()),
            }),
            _ => kernel_on.first().map_or(Place::Untold, |volume| Place::Is(*volume)),
        }
    }

    /// The file system of a UUID.
    pub(super) fn uuid(&self, uuid: &str) -> Place {
        self.content(&DeviceSpec { raw: uuid.to_owned(), name: DeviceName::Uuid(uuid.to_owned()) })
    }

    fn content(&self, spec: &DeviceSpec) -> Place {
        for volume in Volume::ALL {
            let Some(mount) = self.mount(volume).filter(|_| volume != Volume::Boot || self.has_boot()) else {
                continue;
            };
            let same = match (&spec.name, &mount.device.name) {
                (DeviceName::Uuid(wanted), DeviceName::Uuid(own)) => wanted.eq_ignore_ascii_case(own),
                (DeviceName::Label(wanted), DeviceName::Label(own)) => wanted == own,
                _ => false,
            };
            // fstab's word counts even against a list of devices: the same UUID cannot be there and not there.
            let found = match self.facts.block_devices.find(spec) {
                Lookup::Found(device) => self.device(volume) == Some(device),
                _ => false,
            };
            if found || (same && self.facts.block_devices.find(&mount.device) != Lookup::Missing) {
                return Place::Is(volume);
            }
        }
        match self.facts.block_devices.find(spec) {
            Lookup::Found(_) | Lookup::Unknown { .. } => Place::Untold,
            Lookup::Missing => {
                Place::Nothing(format!("no file system has the {} `{}`", kind(spec), spec.raw))
            }
        }
    }

    /// The file system of a device as GRUB names it: `hd0,msdos1`, `lvm/vg-root`. GRUB legacy counts partitions from 0.
    pub(super) fn named(&self, name: &str, is_legacy: bool) -> Place {
        let name = name.trim_matches(['(', ')']);
        if let Some(volume) = name.strip_prefix("lvm/").or_else(|| name.strip_prefix("lvmid/")) {
            return self.logical(volume);
        }
        let Some((disk, partition)) = name.split_once(',') else { return Place::Untold };
        let Some(number) = disk.strip_prefix("hd").and_then(|number| number.parse::<usize>().ok()) else {
            return Place::Untold;
        };
        match self.disks.get(number) {
            Some(disk) => self.partition(disk, partition, is_legacy),
            None if self.count.is_some_and(|count| number >= count) => {
                Place::Nothing(format!("there is no disk hd{number} among those of the machine"))
            }
            None => Place::Untold,
        }
    }

    /// A partition of a disk: `msdos1`, `gpt2`, `1`.
    pub(super) fn partition(&self, disk: &BootDisk, partition: &str, is_legacy: bool) -> Place {
        let digits = partition.trim_start_matches(|first: char| !first.is_ascii_digit());
        let Some(number) = digits.split(',').next().and_then(|number| number.parse::<u32>().ok()) else {
            return Place::Untold;
        };
        let number = if is_legacy { number.saturating_add(1) } else { number };
        let other = match disk.table {
            Some(PartitionTable::Mbr) => partition.starts_with("gpt"),
            Some(PartitionTable::Gpt) => partition.starts_with("msdos"),
            _ => false,
        };
        let is_listed = disk.partitions.iter().any(|own| own.number == number);
        if other || (!disk.partitions.is_empty() && !is_listed) {
            return Place::Nothing(format!("{} has no partition `{partition}`", disk.name));
        }
        let joint = if disk.name.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
        let name = format!("{}{joint}{number}", disk.name);
        let devices = &self.facts.block_devices;
        let find = |name: &str| devices.devices.iter().find(|device| device.name.as_deref() == Some(name));
        let Some(device) = find(&name) else {
            // blkid(8) leaves an empty partition out, but also every one of a disk that multipath or a RAID has taken.
            let stem = format!("{}{joint}", disk.name);
            let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
            let names = devices.devices.iter().filter_map(|device| device.name.as_deref());
            let has_siblings = names.filter_map(|own| own.strip_prefix(&stem)).any(is_number);
            return match devices.complete && is_listed && has_siblings {
                true => Place::Nothing(format!("{name} has no file system")),
                false => Place::Untold,
            };
        };
        for volume in Volume::ALL {
            if self.device(volume) == Some(device) && (volume != Volume::Boot || self.has_boot()) {
                return Place::Is(volume);
            }
        }
        match &device.fstype {
            None if devices.complete => Place::Nothing(format!("{name} has no file system")),
            Some(kind) if kind.ends_with("_member") || kind == "swap" => {
                Place::Nothing(format!("{name} holds {kind} and no file system"))
            }
            _ => Place::Untold,
        }
    }

    /// A logical volume as device-mapper names it.
    fn logical(&self, name: &str) -> Place {
        let is_named = |mount: &&Mount| match &mount.device.name {
            DeviceName::Mapper(own) => own == name,
            DeviceName::LvmPath { vg, lv } => {
                format!("{}-{}", vg.replace('-', "--"), lv.replace('-', "--")) == name
            }
            _ => false,
        };
        let volumes = [(Volume::Boot, self.boot), (Volume::Root, self.root)];
        let found = volumes.into_iter().find(|(_, mount)| mount.as_ref().is_some_and(is_named));
        found.map_or(Place::Untold, |(volume, _)| Place::Is(volume))
    }
}

fn kind(spec: &DeviceSpec) -> &'static str {
    match spec.name {
        DeviceName::Label(_) => "label",
        _ => "UUID",
    }
}
