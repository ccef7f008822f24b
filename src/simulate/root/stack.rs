//! What lies between a file system and the disks, layer by layer.

use super::Root;
use crate::facts::block_devices::{BlockDevice, Lookup};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::simulate::devices::Machine;

/// Layers on top of each other that are followed; real ones have four (LVM on LUKS on md on partitions).
const MAX_LAYERS: usize = 8;

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layer {
    /// A logical volume.
    Lvm {
        /// Its group.
        vg: String,
        /// Its own name.
        lv: String,
    },
    /// A software array.
    Md {
        /// What it is called: `md127`, `md/root`.
        name: String,
        /// Its UUID in hexadecimal digits alone, if the input says it.
        uuid: Option<String>,
    },
    /// An encrypted volume.
    Luks {
        /// Its name in `/dev/mapper`.
        name: String,
        /// The UUID of its header, if the input says it.
        uuid: Option<String>,
    },
    /// A disk behind several paths, or a partition of it.
    Multipath {
        /// Its name in `/dev/mapper`.
        name: String,
    },
    /// A btrfs of several devices.
    Btrfs {
        /// How many.
        devices: usize,
    },
    /// A disk or a partition: the bottom.
    Disk {
        /// The disk's name on the system as it is now, if that is known.
        now: Option<String>,
        /// The partition's number; none for the whole disk, or if it is not known.
        partition: Option<u32>,
    },
}

impl Layer {
    /// How it is called in a sentence.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Lvm { vg, lv } => format!("the logical volume {vg}/{lv}"),
            Self::Md { name, .. } => format!("the array {name}"),
            Self::Luks { name, .. } => format!("the LUKS volume {name}"),
            Self::Multipath { name } => format!("the multipath device {name}"),
            Self::Btrfs { devices } => format!("a btrfs on {devices} devices"),
            Self::Disk { now, .. } => now.clone().unwrap_or_else(|| "a disk".to_owned()),
        }
    }

    /// The name that the device mapper or md gives it: two layers of one stack cannot share it.
    fn kernel_name(&self) -> Option<String> {
        let mangle = |part: &str| part.replace('-', "--");
        match self {
            Self::Lvm { vg, lv } => Some(format!("{}-{}", mangle(vg), mangle(lv))),
            Self::Md { name, .. } | Self::Luks { name, .. } | Self::Multipath { name } => Some(name.clone()),
            Self::Btrfs { .. } | Self::Disk { .. } => None,
        }
    }
}

/// The layers below a file system, the topmost first; as many as the input tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) layers: Vec<Layer>,
    /// Why it can never be put together: a layer lies on itself.
    pub(super) problem: Option<String>,
}

impl Stack {
    /// What lies below the file system that `spec` names.
    pub(super) fn of<'a>(root: &Root<'a>, machine: &Machine<'a>, spec: &DeviceSpec) -> Self {
        let mut stack = Self::default();
        let walk = Walk { root, machine, by_name: Some(spec) };
        walk.spec(spec, &mut stack);
        if stack.layers.is_empty() {
            // A UUID tells nothing of its own; a line of fstab that names root by a volume may.
            if let Some(mount) = root.fstab()
                && root.spec() == Some(spec)
                && let DeviceName::Mapper(_) | DeviceName::LvmPath { .. } | DeviceName::Md(_) =
                    &mount.device.name
            {
                Walk { by_name: None, ..walk }.spec(&mount.device, &mut stack);
            }
        }
        stack
    }

    /// Adds a layer; false if the stack cannot go on below it.
    fn push(&mut self, layer: Layer) -> bool {
        if let Some(name) = layer.kernel_name() {
            let mut names = self.layers.iter().filter_map(Layer::kernel_name);
            if names.any(|known| known == name) {
                self.problem =
                    Some(format!("{} lies on itself: nothing can put that together", layer.name()));
                return false;
            }
        }
        self.layers.push(layer);
        if self.layers.len() > MAX_LAYERS {
            self.problem = Some(format!("more than {MAX_LAYERS} layers lie on top of each other"));
            return false;
        }
        true
    }
}

/// Where layers are looked up.
struct Walk<'w, 'a> {
    root: &'w Root<'a>,
    machine: &'w Machine<'a>,
    /// The name that the walk began with, which has to exist as it is.
    by_name: Option<&'w DeviceSpec>,
}

impl<'a> Walk<'_, 'a> {
    /// Follows a name as a configuration file or the command line has it.
    fn spec(&self, spec: &DeviceSpec, stack: &mut Stack) {
        match &spec.name {
            DeviceName::Mapper(_) | DeviceName::LvmPath { .. } | DeviceName::Md(_) => {
                self.volume(spec, stack)
            }
            DeviceName::KernelName(name) => {
                let device = self.machine.device_now(spec);
                self.several(device, stack);
                let now = device.and_then(disk_of).or_else(|| self.machine.disk_called(&name.disk));
                stack.push(Layer::Disk { now, partition: name.partition });
            }
            DeviceName::PartUuid(_) | DeviceName::PartLabel(_) => {
                let device = self.machine.device_now(spec);
                self.several(device, stack);
                let partition = device.and_then(partition_of);
                stack.push(Layer::Disk { now: device.and_then(disk_of), partition: partition.or(Some(0)) });
            }
            _ => {
                if let Some(device) = self.machine.device_now(spec).or_else(|| self.first_of(spec)) {
                    self.several(Some(device), stack);
                    self.device(device, stack);
                }
            }
        }
    }

    /// The device that the name stands for, even if it is not the only one.
    fn first_of(&self, spec: &DeviceSpec) -> Option<&'a BlockDevice> {
        match self.root.facts.block_devices.find(spec) {
            Lookup::Found(device) => Some(device),
            _ => None,
        }
    }

    /// Adds the layer that joins several devices to one btrfs.
    fn several(&self, device: Option<&BlockDevice>, stack: &mut Stack) {
        let Some(device) = device.filter(|device| device.fstype.as_deref() == Some("btrfs")) else { return };
        let all = self.root.facts.block_devices.devices.iter();
        let devices = all.filter(|other| other.name.is_some() && other.uuid == device.uuid).count();
        if devices > 1 && device.uuid.is_some() {
            stack.push(Layer::Btrfs { devices });
        }
    }

    /// Follows a device of the system as it is now.
    fn device(&self, device: &BlockDevice, stack: &mut Stack) {
        let Some(name) = &device.name else { return };
        let spec = DeviceSpec::parse(&format!("/dev/{name}"));
        match &spec.name {
            DeviceName::KernelName(kernel) => {
                stack.push(Layer::Disk { now: Some(kernel.disk.clone()), partition: kernel.partition });
            }
            DeviceName::Mapper(_) | DeviceName::LvmPath { .. } | DeviceName::Md(_) => {
                self.volume(&spec, stack)
            }
            _ => {}
        }
    }

    /// Follows a name of a volume, which is the same now and on the target.
    fn volume(&self, spec: &DeviceSpec, stack: &mut Stack) {
        let facts = self.root.facts;
        match &spec.name {
            DeviceName::Md(name) => self.array(name, stack),
            DeviceName::Mapper(name) if name.starts_with("mpath") || facts.multipath.is_alias(name) => {
                stack.push(match self.by_name == Some(spec) {
                    true => Layer::Multipath { name: name.clone() },
                    // What is found by its contents is found on a plain disk as well.
                    false => Layer::Disk { now: None, partition: mapped_partition(name) },
                });
            }
            DeviceName::Mapper(name) if self.is_luks(name) => self.encrypted(name, stack),
            _ => {
                let Some((vg, lv)) = spec.volume() else { return };
                if stack.push(Layer::Lvm { vg: vg.clone(), lv }) {
                    self.physical_volume(&vg, stack);
                }
            }
        }
    }

    fn is_luks(&self, name: &str) -> bool {
        let known = self.root.facts.crypttab.entries.get().into_iter().flatten();
        let named = self.root.arguments.all(&["rd.luks.name", "luks.name"]);
        name.starts_with("luks-")
            || known.into_iter().any(|volume| volume.name == name)
            || named.iter().any(|(value, _)| value.split_once('=').is_some_and(|(_, own)| own == name))
    }

    /// An encrypted volume, and what its header lies on.
    fn encrypted(&self, name: &str, stack: &mut Stack) {
        let facts = self.root.facts;
        let volume = facts.crypttab.entries.get().into_iter().flatten().find(|volume| volume.name == name);
        let by_table = volume.and_then(|volume| match &volume.device.name {
            DeviceName::Uuid(uuid) => Some(uuid.clone()),
            _ => self.first_of(&volume.device).and_then(|device| device.uuid.clone()),
        });
        let named = self.root.arguments.all(&["rd.luks.name", "luks.name"]);
        let by_argument = named.iter().find_map(|(value, _)| {
            value.split_once('=').filter(|(_, own)| *own == name).map(|(uuid, _)| uuid.to_owned())
        });
        let uuid = name.strip_prefix("luks-").map(str::to_owned).or(by_argument).or(by_table);
        if !stack.push(Layer::Luks { name: name.to_owned(), uuid: uuid.clone() }) {
            return;
        }
        let by_uuid = uuid.and_then(|uuid| self.first_of(&DeviceSpec::parse(&format!("UUID={uuid}"))));
        match (by_uuid, volume) {
            (Some(device), _) => self.device(device, stack),
            (None, Some(volume)) if !matches!(volume.device.name, DeviceName::Uuid(_)) => {
                self.spec(&volume.device, stack);
            }
            _ => self.first_holding("crypto_LUKS", stack),
        }
    }

    /// An array, and what its first member lies on.
    fn array(&self, name: &str, stack: &mut Stack) {
        let facts = self.root.facts;
        let short = name.trim_start_matches("md/");
        let is_own = |device: &str| {
            let device = device.trim_start_matches("/dev/");
            device == name || device.trim_start_matches("md/") == short
        };
        let named = facts.md.arrays.iter().find(|array| array.device.as_deref().is_some_and(is_own));
        let members: Vec<&BlockDevice> = facts
            .block_devices
            .devices
            .iter()
            .filter(|device| device.fstype.as_deref() == Some("linux_raid_member"))
            .collect();
        // Without a line that names it, the members tell only where there is one array.
        let mut uuids: Vec<&str> = members.iter().filter_map(|device| device.uuid.as_deref()).collect();
        uuids.sort_unstable();
        uuids.dedup();
        let only = if let [uuid] = uuids.as_slice() { Some((*uuid).to_owned()) } else { None };
        let uuid = named.and_then(|array| array.blkid_uuid.clone()).or(only);
        let digits = uuid.as_deref().map(super::md::digits);
        if !stack.push(Layer::Md { name: name.to_owned(), uuid: digits }) {
            return;
        }
        let running = facts.md.running.iter().find(|array| array.name == name);
        let member = members.iter().find(|device| uuid.is_none() || device.uuid == uuid);
        if let Some(member) = running.and_then(|array| array.members.first()) {
            self.named(member, stack);
        } else if let Some(member) = member {
            self.device(member, stack);
        }
    }

    /// What the first physical volume of a group lies on.
    fn physical_volume(&self, vg: &str, stack: &mut Stack) {
        let group = self.root.facts.lvm.volume_groups.iter().find(|group| group.name == vg);
        let hint = group.and_then(|group| group.physical_volumes.iter().find_map(|pv| pv.device.as_deref()));
        match hint.and_then(|hint| hint.strip_prefix("/dev/")) {
            Some(hint) => self.named(hint, stack),
            None => self.first_holding("LVM2_member", stack),
        }
    }

    /// The device that is called `name` now, whether or not the input has more of it.
    fn named(&self, name: &str, stack: &mut Stack) {
        let spec = DeviceSpec::parse(&format!("/dev/{name}"));
        match &spec.name {
            DeviceName::KernelName(kernel) => {
                stack.push(Layer::Disk { now: Some(kernel.disk.clone()), partition: kernel.partition });
            }
            DeviceName::Mapper(_) | DeviceName::Md(_) => self.volume(&spec, stack),
            _ => {}
        }
    }

    /// The first device that holds `fstype`, which another layer lies on.
    fn first_holding(&self, fstype: &str, stack: &mut Stack) {
        let mut devices = self.root.facts.block_devices.devices.iter();
        if let Some(device) = devices.find(|device| device.fstype.as_deref() == Some(fstype)) {
            self.device(device, stack);
        }
    }
}

fn disk_of(device: &BlockDevice) -> Option<String> {
    crate::parse::device_spec::parse_kernel_name(device.name.as_deref()?).map(|name| name.disk)
}

fn partition_of(device: &BlockDevice) -> Option<u32> {
    crate::parse::device_spec::parse_kernel_name(device.name.as_deref()?).and_then(|name| name.partition)
}

/// The partition's number in a multipath name: 2 of `mpatha2`, `mpathap2`, `mpatha-part2`.
fn mapped_partition(name: &str) -> Option<u32> {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name.get(name.len() - digits..).and_then(|number| number.parse().ok())
}
