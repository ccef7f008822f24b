//! Boots that were recorded with a real systemd (testdata/lab/mounts), predicted from the same files: how far each gets,
//! which units fail, and what is mounted in the end. `LAB_MOUNTS=FILE` replays another table of the same shape.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; reads files of this repository"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use bootproof::facts::{Facts, Limits};
use bootproof::simulate::{self, Fate, GivenEntry, MountsFate, Outcome, State, StepName};
use bootproof::source::Tree;
use bootproof::source::memory::Memory;
use bootproof::target::{Device, Firmware, Target};
use serde::Deserialize;

const RELEASE: &str = "6.1.0-lab";

/// Modules of the lab's kernel that mounts ask for.
const MODULES: &str = "fs/ext4/ext4 fs/xfs/xfs fs/fat/fat fs/fat/vfat fs/nls/nls_ascii fs/nls/nls_cp437 fs/nls/nls_utf8 \
    fs/nls/nls_iso8859-1 fs/isofs/isofs fs/udf/udf fs/btrfs/btrfs fs/nfs/nfs fs/smb/client/cifs fs/fuse/fuse \
    drivers/block/virtio_blk drivers/virtio/virtio_pci drivers/md/dm-mod drivers/md/dm-crypt drivers/md/raid1";

/// The programs that mount and check in the lab's root.
const PROGRAMS: &str = "bin/sh bin/mount sbin/fsck sbin/fsck.ext2 sbin/fsck.ext3 sbin/fsck.ext4 sbin/fsck.xfs \
    sbin/fsck.vfat sbin/fsck.minix sbin/mount.nfs sbin/mount.nfs4 usr/lib/systemd/systemd usr/lib/systemd/system/local-fs.target lab/luks.key";

/// One boot.
#[derive(Deserialize)]
struct Row {
    id: String,
    fstab: String,
    crypttab: String,
    other_files: BTreeMap<String, String>,
    disks: Vec<String>,
    modaliases: Vec<String>,
    cmdline: String,
    reached: String,
    seconds: f64,
    failed_units: BTreeSet<String>,
    dependency_failed: BTreeSet<String>,
    mounted: Vec<String>,
    swaps: Vec<String>,
    root_mode: String,
}

fn rows(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn tree(row: &Row) -> Tree {
    let mut memory = Memory::new()
        .file("etc/fstab", &row.fstab)
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("run/blkid/blkid.tab", blkid(&row.disks))
        .file(&format!("lib/modules/{RELEASE}/modules.builtin"), "kernel/fs/ramfs/ramfs.ko\n")
        .file(&format!("lib/modules/{RELEASE}/modules.dep"), modules());
    for directory in ["srv", "home", "mnt", "media", "opt", "usr/share", "var", "tmp"] {
        memory = memory.directory(directory);
    }
    for program in PROGRAMS.split_whitespace().chain(["etc/hostname"]) {
        memory = memory.file(program, "");
    }
    if !row.crypttab.is_empty() {
        memory = memory.file("etc/crypttab", &row.crypttab);
    }
    for (path, text) in &row.other_files {
        let path = path.trim_start_matches('/');
        memory = match text.strip_prefix("-> ") {
            Some(to) => memory.link(path, to),
            None => memory.file(path, text),
        };
    }
    memory.into_tree()
}

/// blkid's cache, of what blkid printed.
fn blkid(disks: &[String]) -> String {
    let mut text = String::new();
    for (name, tags) in disks.iter().filter_map(|line| line.split_once(": ")) {
        writeln!(text, "<device DEVNO=\"0x0801\" TIME=\"1700000000.1\" {}>{name}</device>", tags.trim())
            .unwrap();
    }
    text
}

fn modules() -> String {
    let mut text: String =
        MODULES.split_whitespace().fold(String::new(), |text, path| text + "kernel/" + path + ".ko:\n");
    // As many as make it a whole tree.
    for number in 0..200 {
        writeln!(text, "kernel/drivers/other/other{number}.ko:").unwrap();
    }
    text
}

/// The machine, as its PCI functions announced themselves; each virtio disk is one.
fn target(row: &Row) -> Target {
    let mut letters = 'a'..='z';
    let device = |line: &String| {
        let mut words = line.split_whitespace();
        let (slot, modalias) = (words.next().unwrap(), words.next().unwrap().to_owned());
        let is_disk = modalias.contains("v00001AF4d00001001") || modalias.contains("v00001AF4d00001042");
        let disk = Device {
            modalias: "virtio:d00000002v00001AF4".to_owned(),
            disk: is_disk.then(|| format!("vd{}", letters.next().unwrap())),
            ..Device::default()
        };
        let children = if is_disk { vec![disk] } else { Vec::new() };
        Device { modalias, slot: Some(slot.to_owned()), children, ..Device::default() }
    };
    Target {
        name: "lab".to_owned(),
        title: "the lab's machine".to_owned(),
        firmware: Some(Firmware::Bios),
        devices: row.modaliases.iter().map(device).collect(),
        ..Target::same()
    }
}

struct Prediction {
    outcome: (Outcome, State, String),
    mounts: MountsFate,
}

fn predict(row: &Row) -> Prediction {
    let facts = Facts::gather(&tree(row), &Limits::default());
    let given = GivenEntry { kernel: RELEASE.to_owned(), initrd: None, cmdline: row.cmdline.clone() };
    let boots = simulate::simulate_entry(&facts, &given.to_entry(&facts), &[target(row)]);
    let boot = &boots[0];
    let step = boot.steps.iter().find(|step| step.step == StepName::Mounts).unwrap();
    Prediction {
        outcome: (boot.outcome, step.state, step.detail.clone()),
        mounts: boot.mounts.clone().unwrap(),
    }
}

/// What the prediction and the record do not agree on.
fn differences(row: &Row, got: &Prediction, is_own: bool) -> Vec<String> {
    let mut found = Vec::new();
    let reached = serde_json::to_value(got.mounts.reached).unwrap();
    if reached != row.reached.as_str() {
        found.push(format!("reaches {reached}, really {}: {}", row.reached, got.outcome.2));
    }
    let state_fits = match row.reached.as_str() {
        "multi-user" => got.outcome.1 == State::Ok,
        "emergency" => got.outcome.1 == State::Fails,
        _ => got.outcome.1 != State::Ok,
    };
    if !state_fits {
        found.push(format!("the step is {:?} for {}: {}", got.outcome.1, row.reached, got.outcome.2));
    }
    let is_ours = |name: &&String| {
        [".mount", ".swap"].iter().any(|end| name.ends_with(end))
            || ["systemd-fsck@", "systemd-cryptsetup@", "systemd-remount"]
                .iter()
                .any(|start| name.starts_with(start))
            || name.starts_with("dev-mapper-")
            || ["local-fs.target", "swap.target", "remote-fs.target", "cryptsetup.target"]
                .contains(&name.as_str())
    };
    let really = |list: &BTreeSet<String>| list.iter().filter(is_ours).cloned().collect::<BTreeSet<_>>();
    let said = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    if said(&got.mounts.failed_units) != really(&row.failed_units) {
        found.push(format!("fail: {:?}, really {:?}", got.mounts.failed_units, row.failed_units));
    }
    let (dependents, pending) = (said(&got.mounts.dependency_failed), said(&got.mounts.pending));
    let observed = really(&row.dependency_failed);
    if !dependents.is_subset(&observed) || !observed.is_subset(&(&dependents | &pending)) {
        found.push(format!("fail with others: {dependents:?} and later {pending:?}, really {observed:?}"));
    }
    if got.mounts.root_is_writable != (row.root_mode == "rw") {
        found.push(format!("root writable: {}, really {}", got.mounts.root_is_writable, row.root_mode));
    }
    found.extend(mount_differences(row, &got.mounts));
    let seconds = got.mounts.seconds.unwrap_or_default() as f64;
    if is_own && row.reached != "hang" && !(seconds..seconds + 90.0).contains(&row.seconds) {
        found.push(format!("waits {seconds} s, really {} s in all", row.seconds));
    }
    found
}

fn mount_differences(row: &Row, mounts: &MountsFate) -> Vec<String> {
    let up = |fate: &&simulate::MountFate| fate.fate == Fate::Up;
    let decode = |path: &str| path.replace("\\040", " ").replace("\\134", "\\");
    let fields = row.mounted.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let really: BTreeSet<String> = fields
        .filter(|field| field[2] != "autofs" && field[1] != "/")
        .map(|field| decode(field[1]))
        .collect();
    let is_mount =
        |fate: &&simulate::MountFate| fate.unit.as_ref().is_some_and(|unit| unit.ends_with(".mount"));
    let said: BTreeSet<String> = mounts
        .lines
        .iter()
        .filter(is_mount)
        .filter(up)
        .filter_map(|fate| fate.directory.clone())
        .filter(|path| path != "/")
        .collect();
    let mut found = Vec::new();
    // What was still on its way when emergency mode came may be mounted or not.
    let complete = row.reached == "multi-user";
    if !really.is_subset(&said) || complete && really != said {
        found.push(format!("mounted: {said:?}, really {really:?}"));
    }
    let swaps = mounts
        .lines
        .iter()
        .filter(up)
        .filter(|fate| fate.unit.as_ref().is_some_and(|u| u.ends_with(".swap")));
    let swaps = swaps.count();
    if complete && swaps != row.swaps.len() {
        found.push(format!("{swaps} swaps, really {:?}", row.swaps));
    }
    found
}

#[test]
fn every_recorded_boot_is_predicted() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab/mounts/truth.jsonl");
    let other = std::env::var_os("LAB_MOUNTS");
    let rows = rows(other.as_deref().map_or(own.as_path(), Path::new));
    let mut wrong = String::new();
    for row in &rows {
        let differences = differences(row, &predict(row), other.is_none());
        if !differences.is_empty() {
            writeln!(wrong, "{}:\n  {}", row.id, differences.join("\n  ")).unwrap();
        }
    }
    assert!(wrong.is_empty(), "of {} boots these are predicted wrong:\n{wrong}", rows.len());
    assert!(other.is_some() || rows.len() >= 25, "only {} boots", rows.len());
}
