//! What a device's name comes to on a target: `UUID=…`, `/dev/sda1`, `/dev/mapper/vg-root`, `/dev/disk/by-path/…`.
//!
//! What is on a disk moves with it, so UUIDs, labels and the names of volumes do; names that follow from the hardware
//! (the kernel's, by-path, most of by-id) are made anew. A UUID that nothing in the input contradicts is taken to be
//! there; where the input tells of every device (the output of blkid(8), udev's links), one that is not among them is
//! missing.

mod copies;
mod disks;
mod links;
mod numbers;
#[cfg(test)]
mod tests;

use crate::facts::block_devices::{BlockDevice, Lookup};
use crate::facts::{Facts, volumes};
use crate::parse::device_spec::{DeviceName, DeviceSpec, KernelName, parse_kernel_name, split_mapper_name};
use crate::target::Target;

pub(super) use copies::Copy;
pub(super) use disks::TargetDisk;

use super::DiskFate;

/// What a device's name comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolution<'a> {
    /// There is a device of that name.
    Exists {
        /// What the input knows of it.
        device: Option<&'a BlockDevice>,
        /// Why, as the end of a sentence that begins with the name: "is on vda, which kvm has, too".
        why: String,
    },
    /// There is none.
    Missing {
        /// Why, as the end of a sentence that begins with the name: "does not exist: on kvm the disk is vda".
        why: String,
    },
    /// The input does not say.
    Unknown {
        /// What would settle it, to stand after "without".
        needs: String,
    },
}

/// The disks of the system on a target: what device names are looked up on.
#[derive(Debug, Clone)]
pub(super) struct Machine<'a> {
    facts: &'a Facts,
    target: &'a Target,
    /// The target's disks in order, by the names that they get.
    disks: Vec<TargetDisk<'a>>,
    /// The disks of the system as it is now, in order; none if their order is not known.
    now: Option<Vec<String>>,
}

impl<'a> Machine<'a> {
    /// The system's disks on `target`, whose boot disk fares as `fate` says.
    pub(super) fn new(facts: &'a Facts, target: &'a Target, fate: &DiskFate) -> Self {
        let now = disks::in_order(facts.block_devices.devices.iter().filter_map(|d| d.name.as_deref()));
        Self { facts, target, disks: disks::of_target(target, fate), now }
    }

    /// The target's disks, the boot disk first.
    pub(super) fn disks(&self) -> &[TargetDisk<'a>] {
        &self.disks
    }

    /// The target.
    pub(super) fn target(&self) -> &'a Target {
        self.target
    }

    /// Whether this is the hardware that the system has now.
    pub(super) fn is_same(&self) -> bool {
        self.target.is_same()
    }

    /// The names that a partition (or the whole disk) has in `/dev`.
    pub(super) fn partition_names(&self, disk: &str, partition: Option<u32>) -> Vec<String> {
        let name = partition.map_or_else(|| disk.to_owned(), |number| disks::partition(disk, number));
        vec![format!("/dev/{name}")]
    }

    /// How many partitions the disk has that is called `name` on the target; none if the input does not tell of it.
    pub(super) fn partitions_of(&self, name: &str) -> Option<usize> {
        let now = self.disk_now(name)?;
        let on_it = |device: &&BlockDevice| {
            let own = device.name.as_deref().and_then(parse_kernel_name);
            own.is_some_and(|own| own.disk == now && own.partition.is_some())
        };
        Some(self.facts.block_devices.devices.iter().filter(on_it).count())
    }

    /// The disk of the system as it is now that is called `name` on the target.
    pub(super) fn disk_called(&self, name: &str) -> Option<String> {
        self.disk_now(name).map(str::to_owned)
    }

    /// What `spec` comes to once every volume that can be put together is.
    pub(super) fn resolve(&self, spec: &DeviceSpec) -> Resolution<'a> {
        match &spec.name {
            DeviceName::KernelName(name) => self.kernel_name(spec, name),
            DeviceName::Uuid(_)
            | DeviceName::Label(_)
            | DeviceName::PartUuid(_)
            | DeviceName::PartLabel(_) => self.content_name(spec),
            DeviceName::ById(id) => self.by_id(spec, id),
            DeviceName::ByPath(path) => self.by_path(path),
            DeviceName::Mapper(_) | DeviceName::LvmPath { .. } => self.mapped(spec),
            DeviceName::Md(name) => {
                let named = self.facts.md.arrays.iter().filter_map(|array| array.device.clone());
                self.array(spec, name, &named.collect::<Vec<_>>())
            }
            DeviceName::Number(number) => self.number(number),
            DeviceName::DiskLink(link) => self.other_link(link),
            DeviceName::Network(_) => Resolution::Unknown { needs: "the server that it names".to_owned() },
            DeviceName::Pseudo(_) | DeviceName::File(_) => {
                Resolution::Exists { device: None, why: "is no device".to_owned() }
            }
            DeviceName::Removable(name) => Resolution::Unknown {
                needs: format!("the drives of {}: it may have no `{name}`", self.target.name),
            },
            DeviceName::Software(_) | DeviceName::Other(_) => self.made_by_software(spec),
        }
    }

    /// The device of the system as it is now that has the name `spec` on the target.
    pub(super) fn device_now(&self, spec: &DeviceSpec) -> Option<&'a BlockDevice> {
        match self.resolve(spec) {
            Resolution::Exists { device, .. } => device,
            _ => None,
        }
    }

    /// The disk that was called `now` and what it is called on the target.
    pub(super) fn name_of(&self, now: &str) -> Option<String> {
        if self.target.is_same() {
            return Some(now.to_owned());
        }
        let at = self.now.as_ref()?.iter().position(|disk| disk == now)?;
        self.disks.get(at).map(|disk| disk.name.clone()).or_else(|| disks::nth(&self.disks.first()?.name, at))
    }

    /// The disk of the system as it is now that is called `name` on the target.
    fn disk_now(&self, name: &str) -> Option<&str> {
        let now = self.now.as_ref()?;
        if self.target.is_same() {
            return now.iter().map(String::as_str).find(|disk| *disk == name);
        }
        let known = self.disks.iter().position(|disk| disk.name == name);
        let at = known.or_else(|| (0..now.len()).find(|at| self.nth_name(*at).as_deref() == Some(name)))?;
        now.get(at).map(String::as_str)
    }

    fn nth_name(&self, at: usize) -> Option<String> {
        disks::nth(&self.disks.first()?.name, at)
    }

    fn kernel_name(&self, spec: &DeviceSpec, name: &KernelName) -> Resolution<'a> {
        let target = &self.target.name;
        if self.target.is_same() && (self.disks.is_empty() || self.facts.block_devices.devices.is_empty()) {
            let why = "stays, as long as the disks keep their order".to_owned();
            return Resolution::Exists { device: self.find(spec), why };
        }
        let there: Vec<&str> = self.disks.iter().map(|disk| disk.name.as_str()).collect();
        let now = self.disk_now(&name.disk);
        if !there.contains(&name.disk.as_str()) && now.is_none() {
            let Some(first) = there.first() else {
                return Resolution::Unknown { needs: "the disks of the machine".to_owned() };
            };
            if disks::prefix(first) == name.prefix && !self.target.is_same() {
                let needs = format!("knowing whether {target} gets more disks than {}", there.join(", "));
                return Resolution::Unknown { needs };
            }
            let disks = if there.len() == 1 {
                format!("disk is {first}")
            } else {
                format!("disks are {}", there.join(", "))
            };
            return Resolution::Missing { why: format!("does not exist: on {target} the {disks}") };
        }
        let device = now.and_then(|now| {
            let own = name.partition.map_or_else(|| now.to_owned(), |number| disks::partition(now, number));
            self.facts.block_devices.devices.iter().find(|device| device.name.as_deref() == Some(&own))
        });
        let is_whole_truth = self.facts.block_devices.complete && now.is_some();
        if let (None, Some(number), true) = (device, name.partition, is_whole_truth) {
            let why = format!(
                "does not exist: the disk that is called {} on {target} has no partition {number} with anything on it",
                name.disk
            );
            return Resolution::Missing { why };
        }
        let why = if self.target.is_same() {
            "stays, as long as the disks keep their order".to_owned()
        } else {
            format!("is on {}, which {target} has, too", name.disk)
        };
        Resolution::Exists { device, why }
    }

    /// What is written on the disk and moves with it.
    fn content_name(&self, spec: &DeviceSpec) -> Resolution<'a> {
        match self.facts.block_devices.find(spec) {
            Lookup::Found(device) => match self.twin(spec, device) {
                Some(twin) => Resolution::Unknown {
                    needs: format!(
                        "knowing which of two devices wins: both {} and {} have it",
                        shown(device),
                        shown(twin)
                    ),
                },
                None => Resolution::Exists {
                    device: Some(device),
                    why: format!("moves with the disk and is known from `{}`", device.at),
                },
            },
            Lookup::Missing => {
                Resolution::Missing { why: "does not exist: no device of this system has it".to_owned() }
            }
            Lookup::Unknown { .. } => Resolution::Exists {
                device: None,
                why: "moves with the disk, and nothing in the input speaks against it".to_owned(),
            },
        }
    }

    /// Another device that has the same name, where udev's link does not lead to `device` for sure. Of two, the one
    /// with the higher priority gets the link; those that the device mapper made have a higher one (udev(7),
    /// `OPTIONS+="link_priority="`; lvm2's 13-dm-disk.rules).
    fn twin(&self, spec: &DeviceSpec, device: &BlockDevice) -> Option<&'a BlockDevice> {
        let is_mapped = |device: &BlockDevice| {
            let name = device.name.as_deref().unwrap_or_default();
            name.starts_with("mapper/") || name.starts_with("dm-")
        };
        // Parts of a btrfs, an array, a volume group have one UUID by design.
        let is_shared = matches!(
            device.fstype.as_deref(),
            Some("btrfs" | "linux_raid_member" | "zfs_member" | "bcachefs")
        );
        if is_shared || is_mapped(device) {
            return None;
        }
        let mut others = self.facts.block_devices.devices.iter().filter(|other| {
            other.name.is_some() && other.name != device.name && other.fstype == device.fstype
        });
        let twin = others.find(|other| other.is_named(spec))?;
        // Paths to one disk, and what multipath made of them.
        (!is_mapped(twin)).then_some(twin)
    }

    /// A name in `/dev/mapper`, or of a logical volume.
    fn mapped(&self, spec: &DeviceSpec) -> Resolution<'a> {
        let devices = &self.facts.block_devices;
        if let Lookup::Found(device) = devices.find(spec) {
            let why = format!("is made of what is on the disk, and is known from `{}`", device.at);
            return Resolution::Exists { device: Some(device), why };
        }
        let DeviceName::Mapper(name) = &spec.name else { return self.volume(spec) };
        let crypt = self.facts.crypttab.entries.get().map(Vec::as_slice).unwrap_or_default();
        if crypt.iter().any(|volume| volume.name == *name) || name.starts_with("luks-") {
            let why = "is the name under which a LUKS volume is opened".to_owned();
            return Resolution::Exists { device: None, why };
        }
        if self.facts.multipath.is_alias(name) || name.starts_with("mpath") {
            if self.target.is_same() {
                return Resolution::Exists { device: None, why: "is a multipath device".to_owned() };
            }
            let why = format!(
                "does not exist: it follows from the WWID of the old storage, and the disk of {} has another one",
                self.target.name
            );
            return Resolution::Missing { why };
        }
        self.volume(spec)
    }

    fn volume(&self, spec: &DeviceSpec) -> Resolution<'a> {
        let devices = &self.facts.block_devices;
        let Some((vg, lv)) = spec.volume() else { return self.made_by_software(spec) };
        let groups = &self.facts.volumes;
        match volumes::has(groups, &vg, &lv).get() {
            Some(true) => {
                let why = format!("is the logical volume {lv} of {vg}");
                return Resolution::Exists { device: None, why };
            }
            Some(false) => {
                let why = format!("does not exist: the volume group {vg} has no volume {lv}");
                return Resolution::Missing { why };
            }
            None => {}
        }
        // Where volumes were active when the devices were listed, one that is not among them does not exist.
        let is_volume = |device: &&BlockDevice| {
            let name = device.name.as_deref().and_then(|name| name.strip_prefix("mapper/"));
            name.is_some_and(|name| split_mapper_name(name).is_some())
        };
        if devices.complete
            && let Some(known) = devices.devices.iter().find(is_volume)
        {
            let why = format!(
                "does not exist: `{}` tells of {}, but of no volume {vg}/{lv}",
                known.at,
                shown(known)
            );
            return Resolution::Missing { why };
        }
        let group_has_no_disk = devices.complete
            && !devices.devices.iter().any(|device| device.fstype.as_deref() == Some("LVM2_member"));
        if group_has_no_disk {
            let why = format!("does not exist: no device of this system is a physical volume of {vg}");
            return Resolution::Missing { why };
        }
        let why = format!("is a logical volume of {vg}, which moves with its disks");
        Resolution::Exists { device: None, why }
    }

    /// An array, where `ARRAY` lines give the names `named`. Its kernel name follows from one of them, or is the first
    /// free one from md127 down (mdadm's `mdopen.c`, `find_free_devnm`).
    pub(super) fn array(&self, spec: &DeviceSpec, name: &str, named: &[String]) -> Resolution<'a> {
        if let Some(device) = self.find(spec) {
            let why = format!("is an array, known from `{}`", device.at);
            return Resolution::Exists { device: Some(device), why };
        }
        let own = name.trim_start_matches("md/");
        let is_named = |device: &String| {
            let device = device.trim_start_matches("/dev/");
            let short = device.trim_start_matches("md/");
            device == name
                || short == own
                || short.strip_prefix("md") == Some(own)
                || own.strip_prefix("md") == Some(short)
        };
        if named.iter().any(is_named) {
            let why = "is the name that an `ARRAY` line of mdadm.conf gives to an array".to_owned();
            return Resolution::Exists { device: None, why };
        }
        let devices = &self.facts.block_devices;
        let is_array =
            |device: &&BlockDevice| device.name.as_deref().is_some_and(|name| name.starts_with("md"));
        if let (true, Some(array)) = (devices.complete, devices.devices.iter().find(is_array)) {
            let why = format!(
                "does not exist: no `ARRAY` line gives an array that name, and the one there is is called {}",
                shown(array)
            );
            return Resolution::Missing { why };
        }
        let has_members =
            devices.devices.iter().any(|device| device.fstype.as_deref() == Some("linux_raid_member"));
        if devices.complete && !has_members {
            let why = "does not exist: no device of this system is a part of an array".to_owned();
            return Resolution::Missing { why };
        }
        Resolution::Unknown {
            needs: "an `ARRAY` line in mdadm.conf that gives an array this name".to_owned(),
        }
    }

    fn made_by_software(&self, spec: &DeviceSpec) -> Resolution<'a> {
        match self.find(spec) {
            Some(device) => {
                Resolution::Exists { device: Some(device), why: format!("is known from `{}`", device.at) }
            }
            None => Resolution::Unknown { needs: format!("knowing what makes `{}`", spec.raw) },
        }
    }

    fn find(&self, spec: &DeviceSpec) -> Option<&'a BlockDevice> {
        match self.facts.block_devices.find(spec) {
            Lookup::Found(device) => Some(device),
            _ => None,
        }
    }
}

/// How a device is called in a sentence.
fn shown(device: &BlockDevice) -> String {
    device.name.as_ref().map_or_else(|| "a device".to_owned(), |name| format!("/dev/{name}"))
}
