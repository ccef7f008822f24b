//! BIOS: the first sector of the first disk.

use super::super::Cause;
use super::{Start, Started, bios_loader, controllers, disks_in_order, says_every_disk, uefi_loader};
use crate::facts::Facts;
use crate::facts::boot_disks::{BootDisk, FirstCode, FirstSector, PartitionRole, PartitionTable};
use crate::place::Place;
use crate::simulate::State;
use crate::target::{Firmware, Target};

/// What BIOS starts.
pub(super) fn start<'a>(facts: &'a Facts, target: &Target) -> Start<'a> {
    let untold = Started::Untold(Some(Firmware::Bios));
    if let Some(reason) = controllers::unreadable(target, Firmware::Bios) {
        return Start::new(State::Fails, reason, None, untold);
    }
    if let Some(size) = controllers::sector_size(target).filter(|size| *size != 512) {
        let detail = format!(
            "BIOS reads sectors of 512 bytes, and the boot disk of {} has sectors of {size}",
            target.name
        );
        return Start::new(State::Fails, detail, None, untold);
    }
    let disks = disks_in_order(facts, target);
    let runs = |disk: &&&BootDisk| disk.boot_sector.as_ref().is_some_and(|sector| trouble(sector).is_none());
    let disk = match says_every_disk(facts, target) {
        true => disks.first(),
        // Which of them will be the first one is for whoever attaches them.
        false => disks.iter().find(runs).or(disks.first()),
    };
    let Some(disk) = disk.copied() else { return without_disks(facts, untold) };
    let Some(sector) = &disk.boot_sector else { return without_dump(facts, disk) };
    let name = if disk.name.is_empty() { "the boot disk" } else { disk.name.as_str() };
    match trouble(sector) {
        Some(reason) => Start::new(
            State::Fails,
            format!("BIOS starts nothing from {name}: {reason}"),
            Some(sector.at.clone()),
            untold,
        ),
        None => {
            let detail = format!("BIOS runs the code in the first sector of {name}{}", first_of(&disks));
            Start::new(State::Ok, detail, Some(sector.at.clone()), Started::Bios(Some(disk)))
        }
    }
}

fn first_of(disks: &[&BootDisk]) -> &'static str {
    if disks.len() > 1 { ", which has to be the first in the boot order" } else { "" }
}

/// Why BIOS gets nowhere with a first sector.
fn trouble(sector: &FirstSector) -> Option<String> {
    if !sector.is_signed {
        return Some("its first sector does not end in 55 AA".to_owned());
    }
    match sector.code {
        FirstCode::None => Some("there is no code in its first sector".to_owned()),
        FirstCode::StartsActive if !sector.has_active => Some(
            "the code in its first sector starts the active partition, and none is marked active".to_owned(),
        ),
        FirstCode::StartsActive if sector.active_is_bootable == Some(false) => Some(
            "the code in its first sector starts the active partition, which has no boot sector".to_owned(),
        ),
        _ => None,
    }
}

/// The partition table alone is known.
fn without_dump<'a>(facts: &'a Facts, disk: &'a BootDisk) -> Start<'a> {
    let started = Started::Bios(Some(disk));
    let at = disk.table_at.clone();
    let is_gpt = disk.table == Some(PartitionTable::Gpt);
    let has_place = disk.has_role(PartitionRole::BiosBoot) || !disk.roles_known();
    if is_gpt && !has_place && facts.grub.other_bios_loader.is_none() {
        let detail = format!(
            "{} has a GPT without a BIOS boot partition, so that grub-install has no place to put a loader for BIOS",
            disk.name
        );
        return Start::new(State::Fails, detail, at, started);
    }
    match (bios_loader(facts), uefi_loader(facts)) {
        (None, Some((what, at))) => for_uefi_alone(facts, &what, at),
        (Some((what, at)), _) => Start::new(State::Ok, format!("{what} is there"), Some(at), started),
        (None, None) => Start::new(State::Ok, nothing_said(), at, started),
    }
}

fn without_disks<'a>(facts: &'a Facts, untold: Started<'a>) -> Start<'a> {
    match (bios_loader(facts), uefi_loader(facts)) {
        (None, Some((what, at))) => for_uefi_alone(facts, &what, at),
        (Some((what, at)), _) => {
            let detail = format!("{what} is there, as its installation leaves it");
            Start::new(State::Ok, detail, Some(at), Started::Bios(None))
        }
        (None, None) => Start::new(State::Ok, nothing_said(), None, untold),
    }
}

fn for_uefi_alone<'a>(facts: &Facts, what: &str, at: Place) -> Start<'a> {
    let untold = Started::Untold(Some(Firmware::Bios));
    // A report has no copy of GRUB's folder: that it is not there says nothing.
    if facts.kernels.iter().all(|kernel| kernel.image.is_none()) {
        let detail = format!(
            "the system has {what}; whether it has a loader for BIOS as well is not known without the folder `boot` or the \
             first sectors of the disk"
        );
        return Start::new(State::Unknown, detail, Some(at), untold);
    }
    let detail = format!("the system has {what} and no loader for BIOS: with BIOS nothing starts it");
    Start::new(State::Fails, detail, Some(at), untold).because(Cause::OtherFirmware)
}

fn nothing_said() -> &'static str {
    "nothing in the input tells how the boot loader is installed; it is taken to be there (`dd if=/dev/DISK count=2048` of the \
     boot disk would show it)"
}
