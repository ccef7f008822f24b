//! The devices on the PCI bus: `/sys/bus/pci/devices` where it is part of the input, else what `lspci -nn` has printed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::{Gather, Known};
use crate::parse::lspci;
use crate::place::Place;
use crate::source::NodeKind;

/// Devices that are looked at.
const MAX_DEVICES: usize = 4096;
/// Bytes of a file in sysfs.
const ATTRIBUTE_LIMIT: u64 = 4096;
/// Where reports keep what `lspci` has printed.
const REPORTS: [&str; 2] = ["sos_commands/pci", "sos_commands/hardware"];

/// A device on the PCI bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PciDevice {
    /// Its address.
    pub slot: String,
    /// Its vendor and device: `1000:0060`.
    pub id: String,
    /// What it is for.
    pub kind: PciKind,
    /// What it is called; null where only numbers are known.
    pub name: Option<String>,
    /// The driver that has bound it, dashes as underscores; null if none has or nothing says.
    pub driver: Option<String>,
    /// Where this was read.
    pub at: Place,
}

/// What a device is for, by its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PciKind {
    /// Disks, or a network of disks.
    Storage,
    /// A network.
    Network,
    /// Anything else.
    Other,
}

impl PciKind {
    /// By class and subclass (PCI Code and ID Assignment Specification): 01 mass storage, 02 network, 0c04 Fibre Channel.
    fn of(class: u16) -> Self {
        match class {
            0x0c04 => Self::Storage,
            class if class >> 8 == 1 => Self::Storage,
            class if class >> 8 == 2 => Self::Network,
            _ => Self::Other,
        }
    }
}

/// Reads the bus. Unknown if the input does not describe it.
pub(super) fn gather(gather: &Gather<'_>) -> Known<Vec<PciDevice>> {
    let live = from_sysfs(gather);
    if !live.is_empty() {
        return Known::Known(live);
    }
    let is_list = |name: &str| name.starts_with("lspci_-nn") || name == "lspci";
    let files = REPORTS.iter().flat_map(|folder| gather.read_directory(folder, is_list));
    for file in files {
        let found = lspci::parse(&file.bytes);
        if !found.is_empty() {
            let device = |own: lspci::PciDevice| PciDevice {
                slot: own.slot,
                id: format!("{:04x}:{:04x}", own.vendor, own.device),
                kind: PciKind::of(own.class),
                name: Some(own.name),
                driver: own.driver,
                at: own.span.at(&file.path),
            };
            return Known::Known(found.into_iter().map(device).collect());
        }
    }
    Known::unknown(
        "the output of `lspci -nnk` (a sos report has `lspci -nnvv`), or `/sys` of the running system",
    )
}

fn from_sysfs(gather: &Gather<'_>) -> Vec<PciDevice> {
    let folder = "sys/bus/pci/devices";
    let mut slots = gather.tree.list(folder).unwrap_or_default();
    slots.sort();
    let slots = slots.into_iter().filter_map(|name| name.into_string().ok()).take(MAX_DEVICES);
    slots.filter_map(|slot| device(gather, &format!("{folder}/{slot}"), &slot)).collect()
}

fn device(gather: &Gather<'_>, path: &str, slot: &str) -> Option<PciDevice> {
    let number = |name: &str| {
        let file = gather.tree.read_limited(format!("{path}/{name}"), ATTRIBUTE_LIMIT).ok()?;
        let text = String::from_utf8(file.bytes).ok()?;
        u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    };
    let (vendor, own) = (number("vendor")?, number("device")?);
    let class = u16::try_from(number("class")? >> 8).ok()?;
    let driver = match gather.tree.symlink_metadata(format!("{path}/driver")).ok().map(|node| node.kind) {
        Some(NodeKind::Link(to)) => to.file_name().map(|name| name.to_string_lossy().replace('-', "_")),
        _ => None,
    };
    Some(PciDevice {
        slot: slot.to_owned(),
        id: format!("{vendor:04x}:{own:04x}"),
        kind: PciKind::of(class),
        name: None,
        driver,
        at: Place::file(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn sysfs_and_lspci_say_the_same() {
        let live = Memory::new()
            .file("sys/devices/pci0000:00/0000:00:04.0/vendor", "0x1000\n")
            .file("sys/devices/pci0000:00/0000:00:04.0/device", "0x0060\n")
            .file("sys/devices/pci0000:00/0000:00:04.0/class", "0x010400\n")
            .link("sys/devices/pci0000:00/0000:00:04.0/driver", "../../../bus/pci/drivers/megaraid_sas")
            .link("sys/bus/pci/devices/0000:00:04.0", "../../../devices/pci0000:00/0000:00:04.0");
        let report = Memory::new().file(
            "sos_commands/pci/lspci_-nnvv",
            "0000:00:04.0 RAID bus controller [0104]: LSI MegaRAID SAS 1078 [1000:0060]\n\tKernel driver in use: megaraid_sas\n",
        );
        for memory in [live, report] {
            let tree = memory.into_tree();
            let found = gather(&Gather::new(&tree, &Limits::default()));
            let [device] = found.get().unwrap().as_slice() else { panic!("one device") };
            assert_eq!((device.id.as_str(), device.kind), ("1000:0060", PciKind::Storage));
            assert_eq!(device.driver.as_deref(), Some("megaraid_sas"));
        }
    }
}
