//! Names below `/dev/disk` that follow from the hardware: by-id and by-path.

use super::{Machine, Resolution, TargetDisk};
use crate::facts::block_devices::Lookup;
use crate::parse::device_spec::DeviceSpec;

impl<'a> Machine<'a> {
    /// A link in `by-id`. Those of dm and md devices and of physical volumes are made from what is on the disk (udev's
    /// 13-dm-disk.rules, 63-md-raid-arrays.rules, 69-dm-lvm.rules); the others from the disk's model and serial number.
    pub(super) fn by_id(&self, spec: &DeviceSpec, id: &str) -> Resolution<'a> {
        let device = match self.facts.block_devices.find(spec) {
            Lookup::Found(device) => Some(device),
            _ => None,
        };
        if self.target.is_same() {
            return Resolution::Exists {
                device,
                why: "follows from the disk's own serial number".to_owned(),
            };
        }
        let contents = ["dm-name-", "dm-uuid-LVM-", "dm-uuid-CRYPT-", "md-name-", "md-uuid-", "lvm-pv-uuid-"];
        if contents.iter().any(|prefix| id.starts_with(prefix)) {
            return Resolution::Exists {
                device,
                why: "is made from what is on the disk, and moves with it".to_owned(),
            };
        }
        if let Some(disk) = self.emulated_ata_disk(id) {
            let why =
                format!("is what {disk} of an emulated machine is called unless it is given a serial number");
            return Resolution::Exists { device, why };
        }
        let target = &self.target.name;
        Resolution::Missing {
            why: format!(
                "does not exist: it follows from the old disk's identity, which the disk of {target} lacks"
            ),
        }
    }

    /// The disk that QEMU's emulated ATA controllers give this name: unless told otherwise, drives are numbered from
    /// QM00001 in the order in which they are made (hw/ide/core.c, `ide_init_drive`).
    fn emulated_ata_disk(&self, id: &str) -> Option<&str> {
        let number = id.strip_prefix("ata-QEMU_HARDDISK_QM")?.get(..5)?.parse::<usize>().ok()?;
        let disk = self.disks.get(number.checked_sub(1)?)?;
        (is_qemu(disk) && bus_of(disk) == Some("ata")).then_some(disk.name.as_str())
    }

    /// A link in `by-path`, which says at which place of which bus the disk is (systemd's udev-builtin-path_id.c).
    pub(super) fn by_path(&self, path: &str) -> Resolution<'a> {
        let target = &self.target.name;
        if self.target.is_same() {
            return Resolution::Exists {
                device: None,
                why: "follows from the disk's place, which stays".to_owned(),
            };
        }
        let slots: Vec<&str> = self
            .disks
            .iter()
            .flat_map(|disk| &disk.chain)
            .filter_map(|device| device.slot.as_deref())
            .collect();
        let Some(slot) = slots.iter().find(|slot| path.contains(**slot)) else {
            return Resolution::Missing {
                why: format!(
                    "does not exist: it follows from the old disk's place, and the disk of {target} has another"
                ),
            };
        };
        let fits = |disk: &&TargetDisk<'_>| {
            let own = disk.chain.iter().any(|device| device.slot.as_deref() == Some(slot));
            let rest = path.split_once(slot).map_or("", |(_, rest)| rest);
            let bus = rest.trim_start_matches('-').split('-').next().unwrap_or_default();
            let bus = if bus.starts_with("part") { "" } else { bus };
            own && bus_of(disk).is_some_and(|own| own == bus)
        };
        match self.disks.iter().find(fits) {
            Some(disk) if bus_of(disk) == Some("") || bus_of(disk) == Some("nvme") => Resolution::Exists {
                device: None,
                why: format!("is the place of {} on {target}, too", disk.name),
            },
            Some(_) => {
                Resolution::Unknown { needs: format!("knowing at which port the disk of {target} is") }
            }
            None => Resolution::Missing {
                why: format!("does not exist: on {target} another kind of controller is at {slot}"),
            },
        }
    }

    /// Another folder of `/dev/disk`, made by a rule of the platform's own (as Azure's agent has them).
    pub(super) fn other_link(&self, link: &str) -> Resolution<'a> {
        if self.target.is_same() || self.target.classes.iter().any(|class| link.starts_with(class.as_str())) {
            return Resolution::Exists {
                device: None,
                why: "is made by the platform's udev rules".to_owned(),
            };
        }
        Resolution::Missing {
            why: format!("does not exist: the rules of another platform than {} make it", self.target.name),
        }
    }
}

/// Whether the controller's subsystem ids are those of QEMU's own devices (include/hw/pci/pci.h).
fn is_qemu(disk: &TargetDisk<'_>) -> bool {
    disk.chain.iter().any(|device| device.modalias.contains("sv00001AF4sd00001100"))
}

/// What stands for the bus in a by-path name: `ata`, `nvme`, `scsi`, nothing for a virtio disk; none if it is not known.
fn bus_of(disk: &TargetDisk<'_>) -> Option<&'static str> {
    let last = disk.chain.last()?.modalias.as_str();
    if last.starts_with("virtio:d00000002") {
        return Some("");
    }
    let controller =
        disk.chain.iter().map(|device| device.modalias.as_str()).find(|own| own.starts_with("pci:"))?;
    if controller.contains("bc01sc08") {
        return Some("nvme");
    }
    if controller.contains("bc01sc01") || controller.contains("bc01sc06") {
        return Some("ata");
    }
    last.starts_with("scsi:").then_some("scsi")
}
