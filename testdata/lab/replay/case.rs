//! What was recorded of each boot, and the machine that it ran on as a target.

use std::collections::BTreeMap;
use std::path::Path;

use bootproof::target::{Device, Firmware, Target};
use serde::Deserialize;

/// Names of block devices that are no disks.
const NO_DISKS: [&str; 8] = ["sr", "fd", "loop", "ram", "zram", "md", "dm-", "mtdblock"];

/// Flags of QEMU's oldest 64-bit processor model.
const QEMU64: &str = "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse \
                      sse2 syscall nx lm cpuid pni cx16 hypervisor lahf_lm svm";

/// One recorded boot.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub id: String,
    pub intent: String,
    pub outcome: String,
    pub cls: String,
    pub why: String,
    pub kernel: String,
    pub initrd: Option<String>,
    pub recipe: Option<Recipe>,
    pub cmdline: String,
    pub rootfs: Option<String>,
    pub disks: Vec<String>,
    pub machine: String,
    pub cpu: String,
    pub mem: u64,
    #[serde(default)]
    pub devices: Vec<Seen>,
    #[serde(default)]
    pub block_devices: BTreeMap<String, String>,
    #[serde(default)]
    pub loaded_modules: Vec<String>,
}

/// How the initrd was made, as far as making it again matters.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Recipe {
    pub base: Option<String>,
    pub compress: Option<String>,
    pub damage: Option<String>,
}

/// A device that the guest saw.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    /// Its path below `/sys/devices`.
    pub path: String,
    pub bus: String,
    pub driver: Option<String>,
    pub modalias: String,
}

impl Case {
    pub fn booted(&self) -> bool {
        self.outcome == "ok"
    }

    /// The initrd's path in the input.
    pub fn initrd_path(&self) -> Option<String> {
        self.initrd.as_ref().map(|_| format!("boot/initrd.img-{}", self.kernel))
    }
}

/// All recorded boots, in the order in which they were made.
pub fn load(truth: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(truth).unwrap_or_else(|error| panic!("{}: {error}", truth.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The machines, each as the boot on it saw it that saw most.
pub struct Machines<'c>(BTreeMap<(&'c str, usize), &'c Case>);

impl<'c> Machines<'c> {
    pub fn new(cases: &'c [Case]) -> Self {
        let mut machines: BTreeMap<(&str, usize), &Case> = BTreeMap::new();
        for case in cases.iter().filter(|case| case.booted()) {
            let known = machines.entry((case.machine.as_str(), case.disks.len())).or_insert(case);
            if case.devices.len() > known.devices.len() {
                *known = case;
            }
        }
        Self(machines)
    }

    /// The target that the case ran on.
    pub fn target(&self, case: &Case) -> Target {
        let key = (case.machine.as_str(), case.disks.len());
        let seen = self.0.get(&key).unwrap_or_else(|| {
            panic!("{}: no boot that came up shows the devices of `{}` with {} disks", case.id, key.0, key.1)
        });
        let mut paths: Vec<&Seen> = seen.devices.iter().collect();
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        let mut disks: Vec<(&str, &str)> =
            seen.block_devices.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
        disks.retain(|(name, _)| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix)));
        let sector_size = (case.machine == "ufs" || case.machine.ends_with("-4k")).then_some(4096);
        Target {
            name: format!("lab-{}", case.machine),
            title: format!("the lab's machine `{}`", case.machine),
            firmware: Some(Firmware::Bios),
            memory_mib: Some(case.mem),
            cpu_flags: (case.cpu == "qemu64").then(|| QEMU64.split_whitespace().map(str::to_owned).collect()),
            devices: nested(&paths, &disks, sector_size),
            ..Target::same()
        }
    }
}

/// Devices in each other, after their paths, with the disks at the nearest device above them.
fn nested(sorted: &[&Seen], disks: &[(&str, &str)], sector_size: Option<u32>) -> Vec<Device> {
    let mut devices = Vec::new();
    let mut rest = sorted;
    while let Some((first, others)) = rest.split_first() {
        let below = format!("{}/", first.path);
        let inside = others.iter().take_while(|other| other.path.starts_with(&below)).count();
        let (children, after) = others.split_at(inside);
        let is_here = |path: &str| {
            path.starts_with(&below)
                && !children.iter().any(|child| path.starts_with(&format!("{}/", child.path)))
        };
        let disk = disks.iter().find(|(_, path)| is_here(path)).map(|(name, _)| (*name).to_owned());
        devices.push(Device {
            modalias: first.modalias.clone(),
            slot: (first.bus == "pci").then(|| first.path.rsplit('/').next().unwrap().to_owned()),
            sector_size: disk.as_ref().and(sector_size),
            disk,
            children: nested(children, disks, sector_size),
            ..Device::default()
        });
        rest = after;
    }
    devices
}
