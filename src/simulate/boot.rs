//! Puts the steps together: every entry on every target.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::devices::Machine;
use super::drivers::{self, Drivers, InTree, Sources};
use super::early::{self, Initrds, KernelFile};
use super::initrd_view::InitrdView;
use super::root::Root;
use super::scene::Scene;
use super::{
    Boot, DiskFate, MountsFate, NetworkFate, Outcome, State, Step, StepName, disk, firmware, init, loader,
    mounts, network,
};
use crate::facts::boot::{BootEntry, EntryFile};
use crate::facts::hardware::Disk;
use crate::facts::initrds::Initrd;
use crate::facts::{Facts, Known};
use crate::place::Place;
use crate::target::{Device, Target};

/// The id of an entry that was given by hand.
pub const GIVEN: &str = "given";

/// File systems that a root may have although nothing says so before the simulation asks.
const FILE_SYSTEMS: [&str; 6] = ["fs-ext2", "fs-ext3", "fs-ext4", "fs-xfs", "fs-btrfs", "fs-reiserfs"];

/// Simulates every boot entry on every target, entries in the loader's order and targets in theirs.
#[must_use]
pub fn simulate(facts: &Facts, targets: &[Target]) -> Vec<Boot> {
    let targets = &with_hardware(facts, targets);
    let trees = &Trees::new(facts, &facts.boot.entries, targets);
    let each = facts.boot.entries.par_iter().map(|entry| on_targets(facts, entry, targets, trees));
    each.flatten().collect()
}

/// Simulates one entry on every target.
#[must_use]
pub fn simulate_entry(facts: &Facts, entry: &BootEntry, targets: &[Target]) -> Vec<Boot> {
    let targets = &with_hardware(facts, targets);
    let trees = Trees::new(facts, std::slice::from_ref(entry), targets);
    on_targets(facts, entry, targets, &trees)
}

/// What the trees of the kernels that are booted have for the devices of all targets: looked up once a kernel, however
/// many entries boot it.
pub(super) struct Trees<'a> {
    by_release: BTreeMap<&'a str, InTree<'a>>,
    unknown: InTree<'a>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(facts: &'a Facts, entries: &'a [BootEntry], targets: &'a [Target]) -> Self {
        let names = modaliases(targets);
        let names: Vec<&str> = names.into_iter().collect();
        let releases: BTreeSet<&str> = entries.iter().filter_map(|entry| release_of(facts, entry)).collect();
        let look_up = |release| (release, drivers::in_tree(facts.module_tables.get(release), &names));
        let by_release = releases.into_par_iter().map(look_up).collect();
        Self { by_release, unknown: InTree::new() }
    }

    fn of(&self, release: Option<&str>) -> &InTree<'a> {
        release.and_then(|release| self.by_release.get(release)).unwrap_or(&self.unknown)
    }
}

/// The targets, `same` with the disks that the input says the system has now.
pub(super) fn with_hardware(facts: &Facts, targets: &[Target]) -> Vec<Target> {
    let mut targets = targets.to_vec();
    for target in targets.iter_mut().filter(|target| target.is_same()) {
        target.devices = facts.hardware.disks.iter().filter_map(device).collect();
    }
    targets
}

/// A disk's way from the bus as devices in each other.
fn device(disk: &Disk) -> Option<Device> {
    let mut modaliases = disk.modaliases.iter().rev();
    let leaf =
        Device { modalias: modaliases.next()?.clone(), disk: Some(disk.name.clone()), ..Device::default() };
    Some(modaliases.fold(leaf, |child, modalias| Device {
        modalias: modalias.clone(),
        children: vec![child],
        ..Device::default()
    }))
}

fn on_targets(facts: &Facts, entry: &BootEntry, targets: &[Target], trees: &Trees<'_>) -> Vec<Boot> {
    with_scene(facts, entry, targets, trees, |scene, initrds| {
        let release = release_of(facts, entry);
        let kernel_step = early::kernel(&KernelFile {
            path: &entry.kernel,
            exists: &entry.kernel_exists,
            at: &entry.kernel_at,
            release,
            installed: scene.kernel,
            others: &facts.kernels,
        });
        let evidence = entry
            .initrds
            .last()
            .map_or_else(|| entry.kernel_at.clone(), |file| Place::file(file.path.as_str()));
        let cannot_start = early::cannot_start(scene.view, Some(evidence.clone()));
        let on_target = |target: &Target| {
            let mut steps = Vec::new();
            steps.extend(firmware::step(scene, target));
            steps.extend(loader::step(scene, target));
            steps.push(early::on_machine(&kernel_step, scene.kernel, target));
            let (to_root, fate) = to_root(scene, target, release, &evidence);
            steps.push(initrds.step(scene.view, scene.cmdline, target, &to_root));
            steps.extend(to_root);
            match &cannot_start {
                Some(step) => steps.push(step.clone()),
                None => steps.extend(init::step(scene, target, &fate)),
            }
            let (mounts_step, mounts) = mounts::step(scene, target, &fate);
            steps.push(mounts_step);
            let (network_step, network_fate) = network::step(scene, target);
            steps.push(network_step);
            boot_of(entry, release, &evidence, target, (fate, mounts, network_fate), steps)
        };
        targets.iter().map(on_target).collect()
    })
}

/// The steps from the disk's driver to the root file system, and what becomes of the disk.
fn to_root(
    scene: &Scene<'_>,
    target: &Target,
    release: Option<&str>,
    evidence: &Place,
) -> (Vec<Step>, DiskFate) {
    let Scene { drivers, root, .. } = *scene;
    let (disk_step, fate) = match release {
        Some(release) => disk::step(target, drivers, evidence, release),
        None => {
            let detail = "which drivers there are is not known without the kernel's release";
            (Step::unknown(StepName::DiskDriver, detail, None), DiskFate::default())
        }
    };
    let fate = DiskFate { dropped: disk::dropped(scene.facts, &fate), ..fate };
    let machine = Machine::new(scene.facts, target, &fate);
    let steps = vec![
        disk_step,
        root.storage_stack(&machine, drivers),
        root.root_device(&machine),
        root.root_filesystem(&machine, drivers),
    ];
    (steps, fate)
}

/// Works out what all targets share, and hands it to `then`.
pub(super) fn with_scene<R>(
    facts: &Facts,
    entry: &BootEntry,
    targets: &[Target],
    trees: &Trees<'_>,
    then: impl FnOnce(&Scene<'_>, &Initrds<'_>) -> R,
) -> R {
    let release = release_of(facts, entry);
    let kernel = release.and_then(|release| facts.kernels.iter().find(|kernel| kernel.release == release));
    let cmdline = entry.cmdline.get();
    let find = |file: &EntryFile| facts.initrds.iter().find(|initrd| initrd.path == file.path);
    let found: Vec<Option<&Initrd>> = entry.initrds.iter().map(find).collect();
    let initrds = Initrds::new(&entry.initrds, &found, kernel);
    let useful = found.iter().enumerate().filter(|(index, _)| initrds.gives_files(*index));
    let useful: Vec<&Initrd> = useful.filter_map(|(_, initrd)| *initrd).collect();
    let view = InitrdView::new(&useful, cmdline);
    // Without an init in it the kernel takes no more notice of an initrd.
    let has_initrd = !entry.initrds.is_empty() && (view.has_init() || !initrds.are_known());
    let view = if has_initrd { view } else { InitrdView::default() };
    let root = Root::new(facts, cmdline, &view, has_initrd);
    let fstype = root.fstype().map(|fstype| format!("fs-{fstype}"));
    let names = asked_names(targets, fstype.as_deref());
    let drivers = Drivers::new(&Sources {
        release: release.unwrap_or_default(),
        tables: release.and_then(|release| facts.module_tables.get(release)),
        has_old_virtio: kernel.is_some_and(|kernel| kernel.takes_modern_virtio == Known::Known(false)),
        in_tree: trees.of(release),
        view: &view,
        has_initrd,
        initrd_known: initrds.are_known(),
        cmdline,
        names: &names,
    });
    let scene = Scene { facts, entry, cmdline, view: &view, drivers: &drivers, root: &root, kernel };
    then(&scene, &initrds)
}

/// A machine whose network nobody can tell boots all the same; one whose network is known to fail is not reachable.
fn outcome_of(steps: &[Step]) -> Outcome {
    let is_open = |step: &Step| step.state == State::Unknown && step.step <= StepName::Mounts;
    if steps.iter().any(|step| step.state == State::Fails) {
        Outcome::Fails
    } else if steps.iter().any(is_open) {
        Outcome::Unknown
    } else {
        Outcome::Boots
    }
}

fn boot_of(
    entry: &BootEntry,
    release: Option<&str>,
    evidence: &Place,
    target: &Target,
    fates: (DiskFate, Option<MountsFate>, NetworkFate),
    steps: Vec<Step>,
) -> Boot {
    let (disk, mounts, network) = fates;
    let failed_at = steps.iter().find(|step| step.state == State::Fails).map(|step| step.step);
    Boot {
        entry: entry.title.clone(),
        entry_id: entry.id.clone(),
        at: entry.at.clone(),
        evidence: evidence.clone(),
        default: entry.default,
        is_rescue: entry.is_rescue,
        kernel: Some(entry.kernel.clone()),
        release: release.map(str::to_owned),
        initrd: entry.initrds.last().map(|file| file.path.clone()),
        target: target.name.clone(),
        outcome: outcome_of(&steps),
        failed_at,
        disk,
        mounts,
        network,
        steps,
    }
}

/// The release of the entry's kernel: what the installed kernel with that image is, else what its name says.
pub(super) fn release_of<'a>(facts: &'a Facts, entry: &'a BootEntry) -> Option<&'a str> {
    let by_image = facts.kernels.iter().find(|kernel| kernel.image.as_deref() == Some(entry.kernel.as_str()));
    let said = by_image.and_then(|kernel| kernel.image_release.get()).and_then(Option::as_deref);
    said.or(by_image.map(|kernel| kernel.release.as_str())).or(entry.release.as_deref())
}

/// Every modalias of the targets and every file system's name that the steps will ask for, each once.
fn asked_names<'a>(targets: &'a [Target], fstype: Option<&'a str>) -> Vec<&'a str> {
    let names: BTreeSet<&str> = modaliases(targets).into_iter().chain(FILE_SYSTEMS).chain(fstype).collect();
    names.into_iter().collect()
}

/// Every modalias of the targets.
fn modaliases(targets: &[Target]) -> BTreeSet<&str> {
    let mut names = BTreeSet::from([network::VIRTIO_NET]);
    let mut todo: Vec<&Device> = targets.iter().flat_map(|target| &target.devices).collect();
    while let Some(device) = todo.pop() {
        names.insert(device.modalias.as_str());
        todo.extend(&device.children);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_network_alone_leaves_a_machine_that_boots() {
        let step = |step, state| Step { step, state, detail: String::new(), at: None, cause: None };
        for (mounts, network, outcome) in [
            (State::Ok, State::Ok, Outcome::Boots),
            (State::Ok, State::Unknown, Outcome::Boots),
            (State::Unknown, State::Ok, Outcome::Unknown),
            (State::Unknown, State::Unknown, Outcome::Unknown),
            (State::Ok, State::Fails, Outcome::Fails),
            (State::Unknown, State::Fails, Outcome::Fails),
            (State::Fails, State::Ok, Outcome::Fails),
        ] {
            let steps = [step(StepName::Mounts, mounts), step(StepName::Network, network)];
            assert_eq!(outcome_of(&steps), outcome, "{mounts:?}, {network:?}");
        }
    }
}
