//! Which driver each device of a target gets, and which modules are in the kernel then.
//!
//! The boots say what becomes of the boot disk; this is the finer answer for every device, to be held against what a
//! real machine shows in `/sys/bus/*/devices/*/driver` and `/proc/modules`.

use std::collections::BTreeSet;

use super::boot::{Trees, with_hardware, with_scene};
use super::drivers::{Binding, Drivers};
use crate::facts::Facts;
use crate::facts::boot::BootEntry;
use crate::initrd::ModuleName;
use crate::target::{Device, Target};

/// A device of a target while the initrd runs (or, without one, once the kernel is up).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceBinding {
    /// The device.
    pub modalias: String,
    /// The disk that it is, by the kernel's name; none for other devices.
    pub disk: Option<String>,
    /// Whether it lies on the way to the boot disk.
    pub on_boot_path: bool,
    /// The module that binds it; none if none does or nobody knows.
    pub driver: Option<ModuleName>,
    /// What that driver calls itself in `/sys/bus/*/drivers`: `sd` for the module `sd_mod`.
    pub driver_name: Option<String>,
    /// Whether the driver is built into the kernel.
    pub builtin: bool,
    /// The modules that are loaded because of it, the driver and what it needs among them; no built-in ones.
    pub modules: Vec<ModuleName>,
}

/// Works out the bindings of every device of `target` when `entry` boots, parents before children. Devices behind one
/// that no driver binds do not appear.
#[must_use]
pub fn bindings(facts: &Facts, entry: &BootEntry, target: &Target) -> Vec<DeviceBinding> {
    let targets = with_hardware(facts, std::slice::from_ref(target));
    let trees = Trees::new(facts, std::slice::from_ref(entry), &targets);
    let Some(target) = targets.first() else { return Vec::new() };
    with_scene(facts, entry, &targets, &trees, |scene, _| {
        let way: BTreeSet<&str> = match target.disk_chains().first() {
            Some(chain) => chain.iter().map(|device| device.modalias.as_str()).collect(),
            None => BTreeSet::new(),
        };
        let mut found = Vec::new();
        let mut todo: Vec<&Device> = target.devices.iter().rev().collect();
        while let Some(device) = todo.pop() {
            let binding = bind(device, scene.drivers, &way);
            if binding.driver.is_some() {
                todo.extend(device.children.iter().rev());
            }
            found.push(binding);
        }
        found
    })
}

fn bind(device: &Device, drivers: &Drivers<'_>, way: &BTreeSet<&str>) -> DeviceBinding {
    let (driver, builtin) = match drivers.bind(&device.modalias) {
        Binding::Bound { driver, builtin } => (Some(driver), builtin),
        Binding::Failed { .. } | Binding::Unknown { .. } => (None, false),
    };
    DeviceBinding {
        modalias: device.modalias.clone(),
        disk: device.disk.clone(),
        on_boot_path: way.contains(device.modalias.as_str()),
        driver_name: driver.as_ref().map(|driver| driver_name(driver.as_str()).to_owned()),
        driver,
        builtin,
        modules: drivers.modules_for(&device.modalias).into_iter().collect(),
    }
}

/// What the driver in `module` calls itself (`struct device_driver`, `name`), where that is not the module's name; a
/// dash for an underscore is no difference worth a line.
fn driver_name(module: &str) -> &str {
    const NAMES: [(&str, &str); 14] = [
        ("ehci_pci", "ehci-pci"),
        ("hpsa", "hpsa"),
        ("i2c_piix4", "piix4_smbus"),
        ("i2c_i801", "i801_smbus"),
        ("mmc_block", "mmcblk"),
        ("ohci_pci", "ohci-pci"),
        ("platform_pci", "xen-platform-pci"),
        ("sd_mod", "sd"),
        ("sr_mod", "sr"),
        ("usb_storage", "usb-storage"),
        ("virtio_pci", "virtio-pci"),
        ("virtio_mmio", "virtio-mmio"),
        ("xen_blkfront", "vbd"),
        ("xhci_pci", "xhci_hcd"),
    ];
    NAMES.iter().find(|(known, _)| *known == module).map_or(module, |(_, name)| name)
}
