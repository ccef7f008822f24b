//! Targets: the hardware that a system is to boot on, as devices with their modaliases.
//!
//! A target says what is there at power-on and which devices appear once a driver has bound their parent; which
//! driver that is, the simulation finds out from the system's own kernel and initrd. The built-in targets are data
//! files under `rules/targets/`, and a user's own file has the same shape, so a machine that nobody here thought of
//! just works.

mod load;
mod sysfs;
mod view;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use load::{TargetError, built_in, built_in_names, parse, select, text};
pub use sysfs::{SysfsError, from_sysfs, to_yaml};
pub use view::TargetView;

/// The name of the target that stands for the hardware the system has now.
pub const SAME: &str = "same";

/// The targets of a `check` that names none: the gate for configuration changes, and the platforms that most
/// systems are moved to.
pub const DEFAULT_TARGETS: [&str; 6] = [SAME, "kvm", "vmware", "hyperv-gen2", "azure", "aws-nitro"];

/// What starts the boot loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// BIOS, or a compatibility support module.
    Bios,
    /// UEFI.
    Uefi,
}

/// Builds of firmware that differ in which disk controllers they have drivers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FirmwareBuild {
    /// QEMU's BIOS.
    Seabios,
    /// QEMU's UEFI as distributions build it.
    Ovmf,
    /// A platform's own, which can read the disks that it offers.
    Own,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Short name, as `--target` takes it: `kvm`.
    pub name: String,
    /// The name in words.
    pub title: String,
    /// What starts the boot loader; left out where nobody knows (the target `same`).
    #[serde(default)]
    pub firmware: Option<Firmware>,
    /// Whether the firmware checks signatures.
    #[serde(default)]
    pub secure_boot: bool,
    /// Whose firmware it is, where it matters which disk controllers it can read from; left out: QEMU's own if the
    /// devices say that they are QEMU's, else one that can read what the target has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware_build: Option<FirmwareBuild>,
    /// Whether the platform starts a machine with the other firmware, too, if its image asks for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub either_firmware: bool,
    /// The processor's architecture as `uname -m` says it; left out: `x86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Families that rules select by: `virtio`, `vmware`, `hyperv`, `xen`, `aws`, `azure`, `gcp`, `cloud`.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Memory in MiB, where it matters.
    #[serde(default)]
    pub memory_mib: Option<u64>,
    /// The largest packet in bytes that the platform's network carries; left out where it hangs on how it is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// CPU flags with the names of /proc/cpuinfo; left out: a current x86-64-v3 CPU.
    #[serde(default)]
    pub cpu_flags: Option<Vec<String>>,
    /// The consoles that the machine has, by the kernel's names, the one that the platform shows or records first: `[ttyS0, tty0]`.
    /// Left out: nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consoles: Vec<String>,
    /// What is there at power-on. The first `disk` is the boot disk.
    #[serde(default)]
    pub devices: Vec<Device>,
}

/// A device, as the kernel announces it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// What the kernel puts into `MODALIAS` of its uevent: `pci:v00001AF4d00001001sv…`.
    pub modalias: String,
    /// PCI address: `0000:00:03.0`. Predictable NIC names follow from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The kernel's name for the disk, once the driver has bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// Bytes of a sector of that disk; left out: 512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_size: Option<u32>,
    /// The kernel's name for the network interface, once the driver has bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<String>,
    /// The interface's address: `52:54:00:12:34:56`. Left out: nobody knows whether it keeps the one it has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The number of the hotplug slot that the device is in, as `/sys/bus/pci/slots` calls it (192 gives `ens192`); 0:
    /// it is in none. Left out everywhere: as QEMU's firmware numbers them if its host bridge is among the devices,
    /// else there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_number: Option<u32>,
    /// The index that the firmware gives the device (ACPI `_DSM`, SMBIOS type 41): 1 gives `eno1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onboard_index: Option<u32>,
    /// Devices that appear once a driver has bound this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Device>,
}

impl Target {
    /// The hardware that the system has now, which the input does not describe.
    #[must_use]
    pub fn same() -> Self {
        Self {
            name: SAME.to_owned(),
            title: "the hardware it has now".to_owned(),
            firmware: None,
            secure_boot: false,
            arch: None,
            firmware_build: None,
            either_firmware: false,
            classes: vec![SAME.to_owned()],
            memory_mib: None,
            mtu: None,
            cpu_flags: None,
            consoles: Vec::new(),
            devices: Vec::new(),
        }
    }

    /// The processor's architecture as `uname -m` says it.
    #[must_use]
    pub fn arch(&self) -> &str {
        self.arch.as_deref().unwrap_or("x86_64")
    }

    /// Whether this stands for the hardware that the system has now.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.name == SAME
    }

    /// The ways from the top to each disk: the devices that must be bound, in order, the last carrying the disk.
    /// The first way leads to the boot disk. Depth is bounded by the file's own nesting.
    #[must_use]
    pub fn disk_chains(&self) -> Vec<Vec<&Device>> {
        self.chains(&|device| device.disk.is_some())
    }

    /// The ways from the top to each network interface.
    #[must_use]
    pub fn nic_chains(&self) -> Vec<Vec<&Device>> {
        self.chains(&|device| device.nic.is_some())
    }

    fn chains(&self, wanted: &dyn Fn(&Device) -> bool) -> Vec<Vec<&Device>> {
        let mut found = Vec::new();
        let mut way = Vec::new();
        for device in &self.devices {
            descend(device, wanted, &mut way, &mut found);
        }
        found
    }
}

fn descend<'a>(
    device: &'a Device,
    wanted: &dyn Fn(&Device) -> bool,
    way: &mut Vec<&'a Device>,
    found: &mut Vec<Vec<&'a Device>>,
) {
    way.push(device);
    if wanted(device) {
        found.push(way.clone());
    }
    for child in &device.children {
        descend(child, wanted, way, found);
    }
    way.pop();
}
