//! Debian machines as they really are, made small: the same root with the initrds that the usual settings give it, on
//! each platform. `testdata/real/run.sh` does the same with the real ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;

use bootproof::facts::{Facts, Limits};
use bootproof::finding::{Finding, Severity};
use bootproof::rules::{Input, RuleSet};
use bootproof::simulate::{Boot, Outcome, StepName, simulate};
use bootproof::source::Tree;
use bootproof::source::memory::Memory;
use bootproof::target::select;
use common::fixture::{Piece, pieces};
use common::pack::{Archive, Kernel, gzip};

/// What a machine's initrd and kernel are made from.
struct Machine {
    name: &'static str,
    /// Modules that this kernel does not even have.
    absent: &'static [&'static str],
    /// The modules that the initrd is made of, with what they depend on; none: all.
    chosen: Option<&'static [&'static str]>,
    /// Modules that are missing from the initrd all the same.
    lost: &'static [&'static str],
    /// The platforms it boots on.
    boots: &'static [&'static str],
    /// The platforms where no driver finds the disk.
    fails: &'static [&'static str],
}

const ALL: [&str; 11] = [
    "kvm",
    "kvm-virtio-scsi",
    "kvm-sata",
    "vmware",
    "vmware-lsi",
    "vmware-sas",
    "vmware-nvme",
    "hyperv-gen1",
    "xen-hvm",
    "aws-nitro",
    "virtualbox",
];

const MACHINES: [Machine; 7] = [
    Machine { name: "MODULES=most", absent: &[], chosen: None, lost: &[], boots: &ALL, fails: &[] },
    Machine {
        name: "MODULES=dep on virtio-blk",
        absent: &[],
        chosen: Some(&["virtio_blk", "virtio_pci", "ext4", "crc32c_generic"]),
        lost: &[],
        boots: &["kvm", "openstack"],
        fails: &[
            "kvm-virtio-scsi",
            "kvm-sata",
            "vmware",
            "vmware-lsi",
            "vmware-nvme",
            "hyperv-gen1",
            "aws-nitro",
        ],
    },
    Machine {
        name: "MODULES=dep on AHCI",
        absent: &[],
        chosen: Some(&["ahci", "sd_mod", "ext4", "crc32c_generic"]),
        lost: &[],
        boots: &["kvm-sata", "virtualbox"],
        fails: &["kvm", "vmware", "vmware-lsi", "vmware-nvme", "hyperv-gen1", "aws-nitro", "xen-pv"],
    },
    Machine {
        name: "hostonly on PVSCSI",
        absent: &[],
        chosen: Some(&["vmw_pvscsi", "sd_mod", "sr_mod", "ata_piix", "ext4", "crc32c_generic"]),
        lost: &[],
        boots: &["vmware"],
        fails: &[
            "kvm",
            "kvm-virtio-scsi",
            "kvm-sata",
            "vmware-lsi",
            "vmware-sas",
            "vmware-nvme",
            "aws-nitro",
        ],
    },
    Machine {
        name: "cloud kernel",
        absent: &[
            "ahci",
            "libahci",
            "ata_piix",
            "ata_generic",
            "mptspi",
            "mptsas",
            "vmw_pvscsi",
            "megaraid_sas",
            "hpsa",
        ],
        chosen: None,
        lost: &[],
        boots: &["kvm", "kvm-virtio-scsi", "aws-nitro", "gcp", "vmware-nvme"],
        fails: &["kvm-sata", "vmware", "vmware-lsi", "vmware-sas", "virtualbox"],
    },
    Machine {
        name: "a driver without what it depends on",
        absent: &[],
        chosen: None,
        lost: &["virtio_ring", "nvme_core"],
        boots: &["kvm-sata", "vmware", "virtualbox"],
        fails: &["kvm", "kvm-virtio-scsi", "vmware-nvme", "aws-nitro"],
    },
    Machine {
        name: "controllers without the disk driver",
        absent: &[],
        chosen: None,
        lost: &["sd_mod"],
        boots: &["kvm", "vmware-nvme", "aws-nitro"],
        fails: &["kvm-virtio-scsi", "kvm-sata", "vmware", "vmware-lsi", "virtualbox"],
    },
];

const RELEASE: &str = "6.1.0-37-amd64";

/// The machine as a tree: the hand-written files of `debian12-vm` with another kernel and initrd.
fn tree(machine: &Machine) -> Tree {
    let systems = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems");
    let table = String::from_utf8(bytes(&systems.join("linux-6.1.modules"))).unwrap();
    let kernel = Kernel::new(RELEASE, &table, &["drivers/xen/xen-platform-pci"]).without(machine.absent);
    let mut pieces = pieces(&systems.join("debian12-vm"));
    pieces.retain(|path, _| !path.starts_with("usr/lib/modules/"));
    for (path, bytes) in kernel.files() {
        pieces.insert(format!("usr/lib/modules/{RELEASE}/{path}"), Piece::File(bytes));
    }
    let held =
        machine.chosen.map_or_else(|| kernel.clone(), |names| kernel.only(names)).without(machine.lost);
    pieces.insert(format!("boot/initrd.img-{RELEASE}"), Piece::File(initrd(&pieces, &held)));
    memory(pieces)
}

/// An initrd of initramfs-tools with these modules.
fn initrd(pieces: &BTreeMap<String, Piece>, modules: &Kernel) -> Vec<u8> {
    let mut image = Archive::new();
    image.link("lib", "usr/lib").link("bin", "usr/bin").link("sbin", "usr/sbin");
    image
        .program("init", "#!/bin/sh\n")
        .program("scripts/functions", "#!/bin/sh\n")
        .program("scripts/local", "#!/bin/sh\n");
    for (path, of) in [
        ("conf/initramfs.conf", "etc/initramfs-tools/initramfs.conf"),
        ("conf/conf.d/resume", "etc/initramfs-tools/conf.d/resume"),
    ] {
        let Some(Piece::File(bytes)) = pieces.get(of) else { panic!("{of}") };
        image.file(path, bytes.clone());
    }
    image.program("usr/lib/systemd/systemd-udevd", "").file("usr/lib/udev/rules.d/80-drivers.rules", "");
    modules.add_to(&mut image, "usr/lib/modules");
    gzip(&image.build())
}

fn memory(pieces: BTreeMap<String, Piece>) -> Tree {
    pieces
        .into_iter()
        .fold(Memory::new(), |memory, (path, piece)| match piece {
            Piece::File(bytes) | Piece::NewerFile(bytes) => memory.file(&path, bytes),
            Piece::Link(to) => memory.link(&path, &to),
            Piece::Folder | Piece::Fifo => memory.directory(&path),
        })
        .into_tree()
}

#[expect(clippy::disallowed_methods, reason = "reads a file of this repository")]
fn bytes(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// What the default entry does on the platform, and what is found.
fn check(rules: &RuleSet, tree: &Tree, facts: &Facts, target: &str) -> (Boot, Vec<Finding>) {
    let targets = select(&[target.to_owned()]).unwrap();
    let boots = simulate(facts, &targets);
    let evaluation = rules.evaluate(&Input { facts, targets: &targets, boots: &boots, tree });
    assert!(evaluation.mistakes.is_empty(), "{:?}", evaluation.mistakes);
    let boot = boots.into_iter().find(|boot| boot.default).unwrap();
    (boot, evaluation.findings)
}

/// The findings that a machine which boots must not have.
fn alarms(findings: &[Finding]) -> Vec<String> {
    let alarming =
        findings.iter().filter(|finding| matches!(finding.severity, Severity::Blocker | Severity::High));
    alarming.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

#[test]
fn each_machine_boots_where_its_initrd_has_the_driver_and_nowhere_else() {
    let rules = RuleSet::built_in().unwrap();
    let mut wrong = Vec::new();
    for machine in &MACHINES {
        let tree = tree(machine);
        let facts = Facts::gather(&tree, &Limits::default());
        for target in machine.boots {
            let (boot, findings) = check(&rules, &tree, &facts, target);
            let alarms = alarms(&findings);
            if boot.outcome != Outcome::Boots || !alarms.is_empty() {
                let said = boot.steps.iter().rev().take(2).map(|step| &step.detail).collect::<Vec<_>>();
                wrong.push(format!("{} on {target}: {:?} {said:?} {alarms:?}", machine.name, boot.outcome));
            }
        }
        for target in machine.fails {
            let (boot, findings) = check(&rules, &tree, &facts, target);
            let told = findings
                .iter()
                .any(|f| f.severity == Severity::Blocker && f.target.as_deref() == Some(*target));
            if boot.failed_at != Some(StepName::DiskDriver) || !told {
                wrong.push(format!(
                    "{} on {target}: {:?} at {:?}, {:?}",
                    machine.name,
                    boot.outcome,
                    boot.failed_at,
                    alarms(&findings)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
