//! Which disk controllers a firmware can read from.
//!
//! A platform's own firmware reads the disks that it offers. QEMU's two are built with drivers for some controllers and not
//! for others: SeaBIOS's `src/hw`, edk2's `OvmfPkg` as Debian, Fedora and Ubuntu build it (PVSCSI_ENABLE, MPT_SCSI_ENABLE and
//! LSI_SCSI_ENABLE are off). What is listed here was booted from: testdata/lab/firmware.

use crate::parse::modules::alias_matches;
use crate::target::{Device, Firmware, FirmwareBuild, Target};

/// What QEMU's devices say: Red Hat's subsystem with QEMU's number, and its device in ACPI.
const QEMU: [&str; 2] = ["pci:v*d*sv00001AF4sd00001100*", "acpi:QEMU*"];

/// Controllers that SeaBIOS has no driver for: pattern of the modalias, name.
const NOT_SEABIOS: [(&str, &str); 1] = [("pci:v00001B36d00000013*", "UFS")];

/// Controllers that OVMF has no driver for.
const NOT_OVMF: [(&str, &str); 5] = [
    ("pci:v000015ADd000007C0*", "VMware's paravirtual SCSI"),
    ("pci:v00001000d*", "LSI's SCSI and RAID"),
    ("pci:v00001022d00002020*", "AMD's SCSI"),
    ("pci:v*bc01sc04*", "RAID"),
    ("pci:v*bc08sc05*", "SD cards"),
];

/// Whether the machine is QEMU's, with the firmware that comes with it.
pub(super) fn is_qemu(target: &Target) -> bool {
    match target.firmware_build {
        Some(build) => build != FirmwareBuild::Own,
        None => every_device(target).iter().any(|device| matches_any(&device.modalias, &QEMU)),
    }
}

/// Why the firmware cannot read from the boot disk at all.
pub(super) fn unreadable(target: &Target, firmware: Firmware) -> Option<String> {
    if !is_qemu(target) {
        return None;
    }
    let (list, name): (&[(&str, &str)], _) = match firmware {
        Firmware::Bios => (&NOT_SEABIOS, "SeaBIOS"),
        Firmware::Uefi => (&NOT_OVMF, "OVMF"),
    };
    let chains = target.disk_chains();
    let chain = chains.first()?;
    let (_, controller) = list
        .iter()
        .find(|(pattern, _)| chain.iter().any(|device| matches_any(&device.modalias, &[pattern])))?;
    Some(format!("{name} has no driver for the controller of the boot disk ({controller})"))
}

/// Bytes of a sector of the boot disk; none if the target does not say.
pub(super) fn sector_size(target: &Target) -> Option<u32> {
    target.disk_chains().first()?.last()?.sector_size
}

fn matches_any(modalias: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| alias_matches(pattern.as_bytes(), modalias.as_bytes()))
}

fn every_device(target: &Target) -> Vec<&Device> {
    let mut all: Vec<&Device> = target.devices.iter().collect();
    let mut next = 0;
    while let Some(device) = all.get(next).copied() {
        all.extend(&device.children);
        next += 1;
    }
    all
}
