//! What rules see of a target.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Firmware, Target};
use crate::cpu_level;
use crate::parse::modules::alias_matches;

/// A target as the variable `target` of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TargetView {
    /// Short name: `kvm`.
    pub name: String,
    /// The name in words.
    pub title: String,
    /// Families: `virtio`, `vmware`, `hyperv`, `xen`, `aws`, `azure`, `gcp`, `cloud`, `same`.
    pub classes: Vec<String>,
    /// Whether this is the hardware that the system has now.
    pub is_same: bool,
    /// `bios` or `uefi`; null where nobody knows.
    pub firmware: Option<Firmware>,
    /// Whether the firmware checks signatures.
    pub secure_boot: bool,
    /// Memory in MiB; null where it does not matter.
    pub memory_mib: Option<u64>,
    /// The largest packet in bytes that the platform's network carries; null where that is not known.
    pub mtu: Option<u32>,
    /// The kernel's name for the boot disk: `vda`, `sda`, `nvme0n1`; empty for `same`.
    pub disk: String,
    /// The letters of that name: `vd`, `sd`, `nvme`, `xvd`, `hd`, `mmcblk`; empty for `same`.
    pub disk_prefix: String,
    /// The drivers that bind the boot disk and the controllers above it, as far as `rules/drivers.yaml` knows them:
    /// `virtio_pci`, `virtio_blk`; empty for `same`.
    pub disk_drivers: Vec<String>,
    /// The kernel's names for all disks.
    pub disks: Vec<String>,
    /// The kernel's names for the network interfaces.
    pub nics: Vec<String>,
    /// The consoles that it has, the one that the platform shows or records first; empty where nobody knows.
    pub consoles: Vec<String>,
    /// The x86-64 level of its processor: 1 to 4; null for `same` and for other architectures.
    pub cpu_level: Option<u32>,
    /// The flags that its processor lacks for the next level, where the target lists its flags.
    pub cpu_lacks: Vec<String>,
    /// Whether its processor has pages of 1 GiB (`pdpe1gb`); null where it lists no flags.
    pub has_gigabyte_pages: Option<bool>,
    /// Bytes of a sector of the boot disk; null for `same`.
    pub sector_size: Option<u32>,
    /// Whether its boot disk is behind a device of virtio 1.0 alone (PCI 1af4:1040 and up), which older drivers do not take.
    pub has_modern_virtio_disk: bool,
    /// Whether one of its network cards is such a device.
    pub has_modern_virtio_nic: bool,
    /// Whether each disk is reached over one path, so that dm-multipath has nothing to do.
    pub single_path: bool,
}

impl From<&Target> for TargetView {
    fn from(target: &Target) -> Self {
        let last = |chains: Vec<Vec<&super::Device>>, name: fn(&super::Device) -> Option<String>| {
            let names = chains.iter().filter_map(|chain| chain.last().and_then(|device| name(device)));
            let mut names: Vec<String> = names.collect();
            names.dedup();
            names
        };
        let disks = last(target.disk_chains(), |device| device.disk.clone());
        let nics = last(target.nic_chains(), |device| device.nic.clone());
        let disk = disks.first().cloned().unwrap_or_default();
        let is_pc = !target.is_same() && target.arch() == "x86_64";
        let flags = target.cpu_flags.as_deref();
        let level = is_pc.then(|| flags.map_or(USUAL_LEVEL, cpu_level::of_flags));
        let chains = target.disk_chains();
        let first = chains.first().and_then(|chain| chain.last());
        Self {
            name: target.name.clone(),
            title: target.title.clone(),
            classes: target.classes.clone(),
            is_same: target.is_same(),
            firmware: target.firmware,
            secure_boot: target.secure_boot,
            memory_mib: target.memory_mib,
            mtu: target.mtu,
            disk_prefix: disk_prefix(&disk).to_owned(),
            disk,
            disk_drivers: disk_drivers(target),
            disks,
            nics,
            consoles: target.consoles.clone(),
            cpu_level: level,
            cpu_lacks: level
                .zip(flags)
                .map(|(level, flags)| cpu_level::missing(flags, level + 1))
                .unwrap_or_default(),
            has_gigabyte_pages: flags.map(|flags| flags.iter().any(|flag| flag == "pdpe1gb")),
            sector_size: first.map(|disk| disk.sector_size.unwrap_or(USUAL_SECTOR)),
            has_modern_virtio_disk: chains.first().is_some_and(|chain| is_modern(chain)),
            has_modern_virtio_nic: target.nic_chains().iter().any(|chain| is_modern(chain)),
            single_path: !target.is_same(),
        }
    }
}

/// The level of a processor whose target lists no flags.
const USUAL_LEVEL: u32 = 3;
/// Bytes of a sector where a target does not say.
const USUAL_SECTOR: u32 = 512;

/// Devices of virtio 1.0 have the numbers 1040 and up; those before can be driven in the older way, too (virtio specification,
/// "PCI Device Discovery").
fn is_modern(chain: &[&super::Device]) -> bool {
    let number = |device: &super::Device| {
        let rest = device.modalias.strip_prefix("pci:v00001AF4d0000")?;
        u32::from_str_radix(rest.get(..4)?, 16).ok()
    };
    chain.iter().filter_map(|device| number(device)).any(|number| (0x1040..0x1080).contains(&number))
}

fn disk_drivers(target: &Target) -> Vec<String> {
    let chains = target.disk_chains();
    let chain = chains.first().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for device in chain {
        let binds = |driver: &&crate::drivers::Driver| {
            driver.aliases.iter().any(|pattern| alias_matches(pattern.as_bytes(), device.modalias.as_bytes()))
        };
        for driver in crate::drivers::known().iter().filter(binds) {
            let name = driver.module().to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// The letters of a disk's name that name its kind: `sd` of `sda`, `nvme` of `nvme0n1`, `mmcblk` of `mmcblk0`.
fn disk_prefix(disk: &str) -> &str {
    for prefix in ["nvme", "mmcblk", "xvd", "sd", "vd", "hd", "cciss"] {
        if disk.starts_with(prefix) {
            return prefix;
        }
    }
    disk.trim_end_matches(|character: char| character.is_ascii_digit())
}
