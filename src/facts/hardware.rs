//! The disks of the machine that the input itself describes: what `/sys` says, where it is part of the input (the
//! running system, or a rescue chroot with `/sys` bound into it).
//!
//! `/sys/block/NAME` is a link to the device's folder; each folder above it that stands for a device which a driver
//! binds has a file `modalias` (Documentation/ABI/testing/sysfs-bus-pci and its kin). Reports list the PCI bus and the processor.

mod cpu;
mod pci;

use schemars::JsonSchema;
use serde::Serialize;

pub use cpu::Cpu;
pub use pci::{PciDevice, PciKind};

use super::{Gather, Known};
use crate::source::NodeKind;

/// Bytes of a `modalias`; the kernel's own limit is a page.
const MODALIAS_LIMIT: u64 = 4096;

/// Disks that are looked at.
const MAX_DISKS: usize = 1024;

/// What is known of the hardware that the system has now.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hardware {
    /// Its disks, by name; empty if the input does not hold `/sys`.
    pub disks: Vec<Disk>,
    /// Whether UEFI has started it, and not BIOS; null if the input does not hold `/sys`. `/sys/firmware/efi` is there with
    /// UEFI alone.
    pub is_uefi: Option<bool>,
    /// Its processor; null if the input does not describe it, or it is no x86-64.
    pub cpu: Option<Cpu>,
    /// The devices on its PCI bus. Unknown if the input does not describe them.
    pub pci: Known<Vec<PciDevice>>,
}

/// A disk of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disk {
    /// The kernel's name for it now.
    pub name: String,
    /// The modaliases of the devices on the way to it, from the bus down.
    pub modaliases: Vec<String>,
    /// Bytes of a logical sector, which a partition table counts in.
    pub sector_size: Option<u32>,
}

/// Reads `/sys/block`.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Hardware {
    let names = gather.tree.list("sys/block").unwrap_or_default();
    let names = names.into_iter().filter_map(|name| name.into_string().ok()).take(MAX_DISKS);
    // Devices made by software and drives with removable media are nothing to boot from.
    let software = ["loop", "ram", "zram", "dm-", "md", "nbd", "drbd", "fd", "sr", "zd"];
    let disks = names.filter(|name| !software.iter().any(|prefix| name.starts_with(prefix)));
    let is_uefi = match gather.tree.exists("sys/firmware/efi") {
        true => Some(true),
        false => gather.tree.exists("sys/firmware/acpi").then_some(false),
    };
    Hardware {
        disks: disks.filter_map(|name| disk(gather, name)).collect(),
        is_uefi,
        cpu: cpu::gather(gather),
        pci: pci::gather(gather),
    }
}

fn disk(gather: &Gather<'_>, name: String) -> Option<Disk> {
    let link = format!("sys/block/{name}");
    let folder = match gather.tree.symlink_metadata(&link).ok()?.kind {
        NodeKind::Link(_) => gather.tree.resolve(&link).ok()?,
        _ => return None,
    };
    let mut modaliases: Vec<String> = folder
        .ancestors()
        .filter(|folder| folder.starts_with("sys/devices"))
        .filter_map(|folder| gather.tree.read_limited(folder.join("modalias"), MODALIAS_LIMIT).ok())
        .filter_map(|file| Some(String::from_utf8(file.bytes).ok()?.trim().to_owned()))
        .filter(|modalias| !modalias.is_empty())
        .collect();
    modaliases.reverse();
    let sector_size = gather.tree.read_limited(folder.join("queue/logical_block_size"), MODALIAS_LIMIT).ok();
    let sector_size = sector_size.and_then(|file| String::from_utf8(file.bytes).ok()?.trim().parse().ok());
    (!modaliases.is_empty()).then_some(Disk { name, modaliases, sector_size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn the_way_to_a_disk_is_read_from_the_bus_down() {
        let scsi = "sys/devices/pci0000:00/0000:00:04.0/virtio1/host0/target0:0:0/0:0:0:0";
        let tree = Memory::new()
            .file("sys/devices/pci0000:00/0000:00:04.0/modalias", "pci:v00001AF4d00001004\n")
            .file("sys/devices/pci0000:00/0000:00:04.0/virtio1/modalias", "virtio:d00000008v00001AF4\n")
            .file(&format!("{scsi}/modalias"), "scsi:t-0x00\n")
            .file(&format!("{scsi}/block/sda/queue/logical_block_size"), "512\n")
            .link(
                "sys/block/sda",
                "../devices/pci0000:00/0000:00:04.0/virtio1/host0/target0:0:0/0:0:0:0/block/sda",
            )
            .directory("sys/devices/virtual/block/loop0")
            .link("sys/block/loop0", "../devices/virtual/block/loop0")
            .into_tree();
        let limits = Limits::default();
        let hardware = gather(&Gather::new(&tree, &limits));
        let modaliases = ["pci:v00001AF4d00001004", "virtio:d00000008v00001AF4", "scsi:t-0x00"];
        let modaliases = modaliases.map(str::to_owned).to_vec();
        let disk = Disk { name: "sda".to_owned(), modaliases, sector_size: Some(512) };
        assert_eq!(hardware.disks, [disk]);
    }
}
