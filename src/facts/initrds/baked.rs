//! What an image has of the kernel command line and of `RESUME=`, and whether this machine has the devices it names.

use schemars::JsonSchema;
use serde::Serialize;

use super::Initrd;
use crate::facts::block_devices::BlockDevices;
use crate::facts::command_line::{CommandLine, Piece};
use crate::facts::fstab::Fstab;
use crate::facts::initramfs_tools::swap_found;
use crate::facts::volumes::VolumeGroup;
use crate::initrd::maker::BakedArgument;
use crate::known::Known;
use crate::parse::device_spec::DeviceSpec;
use crate::place::Place;

/// An argument of the kernel command line that is baked into an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Baked {
    /// The argument: `rd.lvm.lv=vg0/root`.
    pub argument: String,
    /// What is before the `=`: `rd.lvm.lv`.
    pub key: String,
    /// What is behind it; null if there is none.
    pub value: Option<String>,
    /// Whether the machine has the device or volume that it names (`root`, `resume`, `rd.lvm.lv`, `rd.md.uuid`,
    /// `rd.luks.uuid`); true where it names none.
    pub found: Known<bool>,
    /// The file inside the image: `etc/cmdline.d/90lvm.conf`.
    pub inside: String,
    /// The line in that file, from 1.
    pub line: u32,
    /// The image.
    pub at: Place,
}

/// The swap that an image of initramfs-tools looks for a hibernated system on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resume {
    /// The value as written: `UUID=...`.
    pub value: String,
    /// What it names; null for `none`, `auto` and nothing.
    pub device: Option<DeviceSpec>,
    /// Whether there is such a swap; true where it names none.
    pub found: Known<bool>,
}

/// What is known of the machine's devices.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// Its mounts and swaps.
    pub fstab: &'a Fstab,
    /// Its block devices.
    pub devices: &'a BlockDevices,
    /// Its volume groups.
    pub volumes: &'a [VolumeGroup],
}

impl Baked {
    pub(super) fn new(baked: &BakedArgument, at: &Place) -> Self {
        let (key, value) = match baked.argument.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (baked.argument.as_str(), None),
        };
        Self {
            argument: baked.argument.clone(),
            key: key.to_owned(),
            value,
            found: Known::Known(true),
            inside: baked.path.clone(),
            line: baked.line,
            at: at.clone(),
        }
    }

    fn resolve(&mut self, machine: Machine<'_>) {
        let mut line = self.command_line();
        line.resolve(machine.devices, machine.volumes);
        let named = line.root.iter().chain(&line.resume).map(|named| &named.found);
        let volumes = line.rd_lvm_lv.iter().map(|volume| &volume.found);
        let ids = line.rd_md_uuid.iter().chain(&line.rd_luks_uuid).map(|id| &id.found);
        self.found = named.chain(volumes).chain(ids).next().cloned().unwrap_or(Known::Known(true));
        if let (Known::Unknown { .. }, Some(resume)) = (&self.found, &line.resume) {
            self.found = swap_found(&resume.device, machine.fstab, machine.devices);
        }
    }

    /// The argument as a command line of its own.
    fn command_line(&self) -> CommandLine {
        CommandLine::of_pieces(&[Piece { text: self.argument.clone(), at: self.at.clone() }])
    }
}

impl Resume {
    /// What `value` says; none if it is empty.
    pub(super) fn new(value: &str) -> Option<Self> {
        let device = (!matches!(value, "none" | "auto")).then(|| DeviceSpec::parse_root(value));
        (!value.is_empty()).then(|| Self { value: value.to_owned(), device, found: Known::Known(true) })
    }
}

/// Sets each device that the images name against what the machine has.
pub(in crate::facts) fn resolve(initrds: &mut [Initrd], machine: Machine<'_>) {
    for initrd in initrds {
        if let Known::Known(cmdline) = &mut initrd.cmdline {
            cmdline.iter_mut().for_each(|baked| baked.resolve(machine));
        }
        if let Known::Known(Some(resume)) = &mut initrd.resume
            && let Some(device) = &resume.device
        {
            resume.found = swap_found(device, machine.fstab, machine.devices);
        }
    }
}
