//! Hardware that the machine has now and whose driver a later release of its distribution drops: devices on the PCI bus, drivers that
//! modprobe's configuration gives disks and network cards, and those of an initrd that was built for this machine alone.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Known;
use super::hardware::{Hardware, PciKind};
use super::initrds::Initrd;
use super::modprobe::Modprobe;
use super::system::System;
use crate::dropped::{self, Dropped};
use crate::place::Place;

/// A driver in use that a later release drops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Departing {
    /// What the release does, and to what.
    pub dropped: Dropped,
    /// What shows that it is in use, as a phrase: "it drives 0000:03:00.0".
    pub used: String,
    /// Whether disks are behind it.
    pub is_storage: bool,
    /// Where that is read.
    pub at: Place,
}

/// Looks the drivers in use up, each once, the best evidence first.
pub(super) fn find(
    system: &System,
    hardware: &Hardware,
    modprobe: &Modprobe,
    initrds: &[Initrd],
) -> Vec<Departing> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for device in hardware.pci.get().into_iter().flatten().filter(|device| device.kind != PciKind::Other) {
        let Some(driver) = &device.driver else { continue };
        let Some(dropped) = dropped::later(driver, Some(&device.id), system) else { continue };
        seen.insert(driver.clone());
        let name = device.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        found.push(Departing {
            dropped,
            used: format!("it drives {}{name}", device.slot),
            is_storage: device.kind == PciKind::Storage,
            at: device.at.clone(),
        });
    }
    // Where the bus is known, nothing else has to be guessed.
    if hardware.pci.get().is_some() {
        return found;
    }
    for alias in &modprobe.aliases {
        let is_disk = alias.alias.starts_with("scsi_hostadapter");
        let is_card = alias.alias.strip_prefix("eth").is_some_and(|number| number.parse::<u32>().is_ok());
        if !(is_disk || is_card) || !seen.insert(alias.module.clone()) {
            continue;
        }
        found.extend(dropped::later(&alias.module, None, system).map(|dropped| Departing {
            dropped,
            used: format!("`alias {}` loads it", alias.alias),
            is_storage: is_disk,
            at: alias.at.clone(),
        }));
    }
    let own = initrds.iter().filter(|initrd| {
        initrd.is_default && !initrd.is_rescue && initrd.hostonly == Known::Known(Some(true))
    });
    for initrd in own {
        for module in initrd.modules.get().into_iter().flatten() {
            let name = module.to_string();
            let Some(dropped) = dropped::later(&name, None, system) else { continue };
            if seen.insert(name) {
                found.push(Departing {
                    dropped,
                    used: format!("`{}`, which was built for this machine alone, holds it", initrd.path),
                    is_storage: true,
                    at: initrd.at.clone(),
                });
            }
        }
    }
    found
}
