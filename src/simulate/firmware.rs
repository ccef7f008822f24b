//! The step `firmware`: does BIOS or UEFI find a loader on the disks, and start it.
//!
//! BIOS reads the first sector of the first disk in its order, wants the bytes 55 AA at its end, and runs what is there. UEFI
//! on a machine that is new has no boot entries, and starts `\EFI\BOOT\BOOTX64.EFI` of any disk with a FAT file system (UEFI
//! specification, "Boot Manager"; edk2's `UefiBootManagerLib`).
//!
//! # What counts as evidence
//! A root file system need not hold its own loader: an image may be started by one outside of it (a host's kernel, a
//! loader that the platform puts in, a tree that was copied without its disk). So a tree without a trace of any installed
//! loader is taken to have one, and the step says that nothing tells of it. It fails where the input shows that it must:
//! a dump of the first sector without code, a partition table that leaves no room for the loader, an EFI system partition
//! without a loader that this firmware would start, or a loader that was installed for the other firmware alone.
//! It is unknown where a loader is known to be on an EFI system partition whose files the input lacks.

mod bios;
mod controllers;
mod uefi;

use super::scene::Scene;
use super::{Cause, State, Step, StepName};
use crate::facts::Facts;
use crate::facts::boot::EntrySource;
use crate::facts::boot_disks::{BootDisk, FirstCode, PartitionRole};
use crate::facts::esp::EspFile;
use crate::place::Place;
use crate::target::{Firmware, Target, TargetView};

/// What the firmware does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start<'a> {
    pub(super) state: State,
    pub(super) detail: String,
    pub(super) at: Option<Place>,
    pub(super) loader: Started<'a>,
    cause: Option<Cause>,
}

/// What it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Started<'a> {
    /// The boot code of this disk, if it is known.
    Bios(Option<&'a BootDisk>),
    /// This program, with shim before it or without.
    Uefi {
        program: &'a EspFile,
        /// Whether shim, or Secure Boot of the firmware itself, checks what is started next.
        is_checked: bool,
    },
    /// Nothing that the input tells of, by this firmware if it is known.
    Untold(Option<Firmware>),
}

impl<'a> Start<'a> {
    fn new(state: State, detail: impl Into<String>, at: Option<Place>, loader: Started<'a>) -> Self {
        Self { state, detail: detail.into(), at, loader, cause: None }
    }

    fn because(self, cause: Cause) -> Self {
        Self { cause: Some(cause), ..self }
    }
}

/// The step on `target`.
pub(super) fn step(scene: &Scene<'_>, target: &Target) -> Option<Step> {
    let step = StepName::Firmware;
    if scene.is_given() {
        return Some(Step::ok(
            step,
            "kernel, initrd and command line were given by hand: no firmware takes part",
            None,
        ));
    }
    let Start { state, detail, at, cause, .. } = start(scene.facts, target);
    Some(Step { step, state, detail, at, cause })
}

/// What the firmware of `target` starts.
pub(super) fn start<'a>(facts: &'a Facts, target: &Target) -> Start<'a> {
    if is_paravirtual(target) {
        let detail = "the host loads the kernel: there is no firmware";
        return Start::new(State::Ok, detail, None, Started::Untold(None));
    }
    let firmware = target.firmware.or_else(|| target.is_same().then(|| firmware_now(facts)).flatten());
    let with = |firmware: Firmware| match firmware {
        Firmware::Bios => bios::start(facts, target),
        Firmware::Uefi => uefi::start(facts, target),
    };
    let Some(firmware) = firmware else {
        let detail = "the machine has started from this disk with the firmware that it has";
        return Start::new(State::Ok, detail, None, Started::Untold(None));
    };
    let first = with(firmware);
    if !target.either_firmware || first.state != State::Fails {
        return first;
    }
    let (other, name) = match firmware {
        Firmware::Bios => (Firmware::Uefi, "UEFI"),
        Firmware::Uefi => (Firmware::Bios, "BIOS"),
    };
    let second = with(other);
    match second.state {
        State::Ok => {
            Start { detail: format!("{} starts it with {name}: {}", target.name, second.detail), ..second }
        }
        _ => first,
    }
}

/// The firmware that the running system was started by: `/sys/firmware/efi` is there with UEFI alone.
fn firmware_now(facts: &Facts) -> Option<Firmware> {
    facts.hardware.is_uefi.map(|is_uefi| if is_uefi { Firmware::Uefi } else { Firmware::Bios })
}

/// A Xen guest without emulated hardware, whose kernel the host reads out of the disk.
fn is_paravirtual(target: &Target) -> bool {
    !target.devices.is_empty() && target.devices.iter().all(|device| device.modalias.starts_with("xen:"))
}

/// The system's disks in the order of the target's, the boot disk first. A target with fewer disks than the system has
/// leaves the others behind it, in the order of their names.
pub(super) fn disks_in_order<'a>(facts: &'a Facts, target: &Target) -> Vec<&'a BootDisk> {
    let names = TargetView::from(target).disks;
    let known = &facts.boot_disks;
    let is_named = names.iter().all(|name| known.iter().any(|disk| disk.name == *name));
    let mut order: Vec<&BootDisk> = match is_named {
        true => names.iter().filter_map(|name| known.iter().find(|disk| disk.name == *name)).collect(),
        false => Vec::new(),
    };
    let rest: Vec<&BootDisk> =
        known.iter().filter(|disk| !order.iter().any(|own| own.name == disk.name)).collect();
    order.extend(rest);
    order
}

/// Whether the target says of every disk of the system which one it becomes.
fn says_every_disk(facts: &Facts, target: &Target) -> bool {
    !target.is_same() && TargetView::from(target).disks.len() >= facts.boot_disks.len()
}

/// What shows that a loader for BIOS was installed: GRUB's core image, GRUB legacy or extlinux, boot code in a dump, or a BIOS
/// boot partition.
fn bios_loader(facts: &Facts) -> Option<(String, Place)> {
    if let Some(platform) = facts.grub.platform("i386-pc").filter(|platform| platform.has_core) {
        return Some(("GRUB's core image for BIOS".to_owned(), platform.at.clone()));
    }
    if let Some(at) = &facts.grub.other_bios_loader {
        return Some(("a loader for BIOS".to_owned(), at.clone()));
    }
    let is_old = |kind: EntrySource| matches!(kind, EntrySource::GrubLegacy | EntrySource::Extlinux);
    let old = facts.boot.loaders.iter().find(|loader| is_old(loader.kind) && loader.is_used);
    if let Some(loader) = old.filter(|loader| !loader.at.path.starts_with("boot/efi")) {
        return Some(("the configuration of a loader for BIOS".to_owned(), loader.at.clone()));
    }
    facts.boot_disks.iter().find_map(|disk| {
        let sector = disk.boot_sector.as_ref().filter(|sector| sector.is_signed);
        let code = sector.filter(|sector| !matches!(sector.code, FirstCode::None | FirstCode::Other));
        let code = code.map(|sector| ("boot code for BIOS".to_owned(), sector.at.clone()));
        let partition = disk.table_at.clone().filter(|_| disk.has_role(PartitionRole::BiosBoot));
        code.or_else(|| partition.map(|at| ("a BIOS boot partition".to_owned(), at)))
    })
}

/// What shows that a loader for UEFI was installed: a program on the EFI system partition, or a line that mounts it.
fn uefi_loader(facts: &Facts) -> Option<(String, Place)> {
    if facts.esp.has_loader() {
        let program = facts.esp.files.get().and_then(|files| files.first())?;
        return Some(("a loader on the EFI system partition".to_owned(), program.at.clone()));
    }
    let efi =
        facts.grub.platforms.iter().find(|platform| platform.name.ends_with("-efi") && platform.has_core);
    let efi = efi.map(|platform| ("GRUB for UEFI".to_owned(), platform.at.clone()));
    efi.or_else(|| facts.esp.mount.clone().map(|at| ("an EFI system partition".to_owned(), at)))
}
