//! The step `mounts`: what fstab and crypttab ask for, and whether the boot goes on without what is missing.
//!
//! A local mount that fails, or whose device is not there, fails local-fs.target, and that starts emergency mode, unless
//! the line has `nofail`, `noauto` or `x-systemd.automount` (systemd.mount(5), systemd.special(7)). Swaps, network mounts
//! and encrypted volumes that nothing mounts hold the boot up until they have failed, and no longer. Before systemd,
//! `fsck -A` decides ([`sysv`]).

mod filesystem;
mod jobs;
mod lvm;
mod names;
mod options;
mod report;
mod settings;
mod sysv;
#[cfg(test)]
mod tests;
mod units;

use schemars::JsonSchema;
use serde::Serialize;

use super::devices::{Machine, Resolution};
use super::scene::Scene;
use super::{DiskFate, Step, StepName};
use crate::facts::Facts;
use crate::facts::command_line::CommandLine;
use crate::facts::mounting::InitSystem;
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::place::Place;
use crate::target::Target;

use filesystem::Trial;
use jobs::Jobs;
use settings::Settings;

/// How far the boot gets with its mounts, swaps and encrypted volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MountsFate {
    /// What is reached.
    pub reached: Reached,
    /// Seconds that the boot waits until then; null if that is without end or not known.
    pub seconds: Option<u64>,
    /// The line because of which multi-user is not reached; null if it is.
    pub cause: Option<MountFate>,
    /// Whether root is writable in the end.
    pub root_is_writable: bool,
    /// Why local-fs.target is not started as a whole, so that root is not remounted; null if it is.
    pub broken_target: Option<String>,
    /// What becomes of each line, fstab's first.
    pub lines: Vec<MountFate>,
    /// Units that are tried and fail.
    pub failed_units: Vec<String>,
    /// Units that fail with what they need, by the time that the boot has come as far as it does.
    pub dependency_failed: Vec<String>,
    /// Units that are waited for in the background and then fail with what they need.
    pub pending: Vec<String>,
}

/// Where a boot ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// The usual goal.
    #[default]
    MultiUser,
    /// A shell for the administrator.
    Emergency,
    /// Nothing: it waits without end, for a device or for somebody who types.
    Hang,
    /// The input does not say.
    Unknown,
}

/// What becomes of one line of fstab or crypttab, or of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MountFate {
    /// The line.
    pub at: Place,
    /// The unit that systemd makes of it; null if it makes none.
    pub unit: Option<String>,
    /// What is mounted, as written.
    pub what: String,
    /// The mount point; the name of an encrypted volume; null for swap.
    pub directory: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// Seconds that it is waited for; null if that is without end, or it is not.
    pub seconds: Option<u64>,
    /// Why it does not come up; null if it does.
    pub reason: Option<Reason>,
    /// The same as the end of a sentence; empty if it comes up.
    pub detail: String,
    /// Without it the boot does not reach its goal.
    pub is_needed: bool,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is mounted, on, or open.
    Up,
    /// It is left out, or there already.
    Ignored,
    /// It is mounted by hand.
    NotAtBoot,
    /// It is mounted on first use.
    OnDemand,
    /// It is tried and fails.
    Fails,
    /// What it needs does not appear.
    Waits,
    /// It waits without end.
    Hangs,
    /// The input does not say.
    Unknown,
}

/// Why something does not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// There is no such device.
    DeviceMissing,
    /// There is no such file.
    SourceMissing,
    /// The device holds something else.
    WrongType,
    /// Neither the kernel nor a helper knows the type.
    NoDriver,
    /// The driver refuses an option, or cannot do what it asks for.
    Option,
    /// The mount point is no folder, or cannot be made.
    MountPoint,
    /// Another mount or volume that it needs does not come up.
    NeedsOther,
    /// There is no network.
    Network,
    /// Somebody has to type a passphrase.
    Passphrase,
    /// The key file is not there.
    KeyMissing,
}

/// The step on `target`, and the finer answer where systemd does the mounting.
pub(super) fn step(scene: &Scene<'_>, target: &Target, disk: &DiskFate) -> (Step, Option<MountsFate>) {
    match scene.facts.mounting.init {
        InitSystem::Systemd => {
            let fate = by_systemd(scene, target, disk);
            (report::step(&fate, scene.facts), Some(fate))
        }
        InitSystem::SysV => (sysv::step(scene, target, disk), None),
        InitSystem::Other => {
            let detail =
                "init is neither systemd nor sysvinit: what it mounts does not follow from fstab alone";
            (Step::ok(StepName::Mounts, detail, None), None)
        }
    }
}

fn by_systemd(scene: &Scene<'_>, target: &Target, disk: &DiskFate) -> MountsFate {
    let facts = scene.facts;
    let settings = Settings::new(scene.cmdline, &facts.mounting);
    let units = units::of(facts, &settings);
    let machine = Machine::new(facts, target, disk);
    let root_is_writable = root_becomes_writable(facts, scene.cmdline, &units, &settings, &machine);
    let root = scene.cmdline.and_then(|line| line.root.as_ref()).map(|root| &root.device);
    let trial = Trial {
        facts,
        tables: scene.kernel.and_then(|kernel| facts.module_tables.get(&kernel.release)),
        classes: target.classes.iter().map(String::as_str).chain([target.name.as_str()]).collect(),
        root_fstype: scene.root.fstype(),
        // Which of the target's units still start is a matter of their order in a hash.
        root_becomes_writable: root_is_writable || units.broken_target.is_some(),
    };
    let told = scene.cmdline.map(|line| line.rd_luks_uuid.as_slice()).unwrap_or_default();
    let told: Vec<&str> = told.iter().map(|uuid| uuid.value.as_str()).collect();
    let opened_before =
        jobs::opened_before(facts, root.map(|root| root.raw.as_str()), &told, is_plain(facts, root));
    let jobs = Jobs {
        facts,
        units: &units,
        settings: &settings,
        cmdline: scene.cmdline,
        target,
        machine: &machine,
        trial: &trial,
        opened_before: &opened_before,
        has_network: target.is_same() || !target.nic_chains().is_empty(),
        all_disks: all_disks(&machine),
        has_drive: has_drive(target),
    };
    MountsFate { root_is_writable, ..report::fate(&units, &jobs.run(), &trial) }
}

/// Whether systemd-remount-fs makes root writable: as its line says, if there is one that can be looked up.
fn root_becomes_writable(
    facts: &Facts,
    cmdline: Option<&CommandLine>,
    units: &units::Units<'_>,
    settings: &Settings<'_>,
    machine: &Machine<'_>,
) -> bool {
    let line = units.list.iter().find(|unit| unit.is_root()).filter(|_| units.broken_target.is_none());
    let Some(line) = line else {
        return settings.root_is_writable();
    };
    let is_gone = jobs::is_content_name(&line.device)
        && (matches!(machine.resolve(&line.device), Resolution::Missing { .. })
            || jobs::is_unlisted(&line.device, facts, cmdline));
    let is_refused = options::refused(&line.fstype, &line.options).is_some();
    if is_gone || is_refused { settings.root_is_writable() } else { !line.has("ro") }
}

/// Whether root is known to lie on no encrypted volume.
fn is_plain(facts: &Facts, root: Option<&DeviceSpec>) -> bool {
    let Some(root) = root else { return false };
    if matches!(root.name, DeviceName::KernelName(_) | DeviceName::PartUuid(_) | DeviceName::PartLabel(_)) {
        return true;
    }
    let found = match facts.block_devices.find(root) {
        crate::facts::block_devices::Lookup::Found(device) => device.name.as_deref(),
        _ => None,
    };
    found.is_some_and(|name| !name.starts_with("mapper/") && !name.starts_with("dm-"))
}

/// The target's disks, if it tells of more than the boot disk.
fn all_disks(machine: &Machine<'_>) -> Option<Vec<String>> {
    let disks: Vec<String> = machine.disks().iter().map(|disk| disk.name.clone()).collect();
    (disks.len() > 1).then_some(disks)
}

/// A drive that is told of, or an ATA or IDE controller, at which virtual machines have an empty one.
fn has_drive(target: &Target) -> bool {
    let mut todo: Vec<_> = target.devices.iter().collect();
    while let Some(device) = todo.pop() {
        let modalias = device.modalias.as_str();
        let is_ata =
            modalias.starts_with("pci:") && (modalias.contains("bc01sc01") || modalias.contains("bc01sc06"));
        if is_ata || modalias.starts_with("scsi:t-0x05") {
            return true;
        }
        todo.extend(&device.children);
    }
    false
}
