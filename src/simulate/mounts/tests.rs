//! What single lines come to; whole recorded boots are replayed by `tests/lab_mounts.rs`.

use super::{Fate, MountsFate, Reached};
use crate::facts::{Facts, Limits};
use crate::simulate::{GivenEntry, State, Step, StepName, simulate_entry};
use crate::source::memory::Memory;
use crate::target;

const BLKID: &str = "/dev/sda1: UUID=\"aa\" TYPE=\"ext4\"\n/dev/sda2: UUID=\"bb\" TYPE=\"swap\"\n\
    /dev/sdb1: UUID=\"cc\" TYPE=\"xfs\"\n/dev/sdb2: UUID=\"ff\" TYPE=\"crypto_LUKS\"\n";

fn boot(memory: Memory, on: &str) -> (Step, Option<MountsFate>) {
    let facts = Facts::gather(&memory.into_tree(), &Limits::default());
    let cmdline = "root=UUID=aa ro".to_owned();
    let given = GivenEntry { kernel: "6.1".to_owned(), initrd: None, cmdline };
    let boots = simulate_entry(&facts, &given.to_entry(&facts), &target::select(&[on.to_owned()]).unwrap());
    let step = boots[0].steps.iter().find(|step| step.step == StepName::Mounts).unwrap();
    (step.clone(), boots[0].mounts.clone())
}

/// A systemd root with these lines below the root's, and with or without a list of its devices.
fn system(lines: &str, is_listed: bool) -> Memory {
    let memory = Memory::new()
        .file("usr/lib/systemd/systemd", "")
        .file("etc/fstab", format!("UUID=aa / ext4 errors=remount-ro 0 1\n{lines}"));
    if is_listed { memory.file("sos_commands/block/blkid", BLKID) } else { memory }
}

#[test]
fn names_that_move_with_the_disk_are_there_unless_the_input_knows_better() {
    let table = [
        ("UUID=cc /d xfs defaults 0 0", false, State::Ok),
        ("UUID=dd /d xfs defaults 0 0", false, State::Ok),
        ("UUID=dd /d xfs defaults 0 0", true, State::Fails),
        ("UUID=dd /d xfs nofail 0 0", true, State::Ok),
        ("UUID=dd none swap sw 0 0", true, State::Ok),
        ("LABEL=old /d xfs noauto 0 0", true, State::Ok),
        ("/dev/mapper/vg-data /d ext4 defaults 0 2", false, State::Ok),
        ("/dev/vg/data /d ext4 defaults 0 2", false, State::Ok),
        ("/dev/md0 /d ext4 defaults 0 2", false, State::Ok),
        ("/dev/sda3 /d ext4 defaults 0 2", false, State::Fails),
        ("/dev/sda3 /d ext4 x-systemd.automount 0 2", false, State::Ok),
        ("/dev/vda3 /d ext4 defaults 0 2", false, State::Ok),
        // Whether a second disk comes along, nobody says.
        ("/dev/vdb1 /d ext4 defaults 0 2", false, State::Unknown),
        ("/dev/vdb1 /d ext4 nofail 0 2", false, State::Ok),
        ("/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part1 /d ext4 defaults 0 2", false, State::Fails),
        ("srv:/export /d nfs defaults 0 0", false, State::Ok),
        ("tmpfs /tmp tmpfs size=1g,mode=1777 0 0", false, State::Ok),
        ("proc /proc proc defaults 0 0\ndevpts /dev/pts devpts gid=5,mode=620 0 0", false, State::Ok),
        ("share /d vboxsf defaults 0 0", false, State::Fails),
        ("UUID=cc /d zfsx defaults 0 0", false, State::Fails),
        ("UUID=cc /d ext4 defaults 0 0", true, State::Fails),
        ("UUID=cc /d xfs frobnicate 0 0", false, State::Fails),
        ("/dev/cdrom /media/cdrom iso9660 ro 0 0", false, State::Fails),
        ("/dev/sr0 /media/cdrom udf,iso9660 user,noauto 0 0", false, State::Ok),
    ];
    for (line, is_listed, state) in table {
        let (step, _) = boot(system(&format!("{line}\n"), is_listed), "kvm");
        assert_eq!(step.state, state, "{line}: {}", step.detail);
    }
}

#[test]
fn emergency_names_the_line_and_the_wait() {
    let (step, fate) = boot(
        system("UUID=cc /ok xfs ro 0 0\nUUID=dd /d xfs x-systemd.device-timeout=10s 0 0\n", true),
        "kvm",
    );
    let fate = fate.unwrap();
    assert_eq!((fate.reached, fate.seconds), (Reached::Emergency, Some(10)));
    assert_eq!(fate.cause.unwrap().unit.as_deref(), Some("d.mount"));
    assert_eq!(step.at.unwrap().to_string(), "etc/fstab:3");
    assert!(step.detail.contains("10 s") && step.detail.contains("`UUID=dd` for /d"), "{}", step.detail);
}

#[test]
fn swap_is_waited_for_and_given_up() {
    let (step, fate) = boot(system("UUID=dd none swap sw 0 0\n", true), "kvm");
    assert_eq!((step.state, fate.unwrap().seconds), (State::Ok, Some(90)));
    assert!(step.detail.contains("UUID=dd is waited for 90 s and given up"), "{}", step.detail);
}

#[test]
fn what_lies_below_a_missing_mount_goes_with_it() {
    let (_, fate) = boot(system("UUID=dd /a xfs nofail 0 0\nUUID=cc /a/b xfs defaults 0 0\n", true), "kvm");
    let fate = fate.unwrap();
    assert_eq!(fate.reached, Reached::Emergency);
    assert_eq!(
        fate.lines.iter().map(|line| line.fate).collect::<Vec<_>>(),
        [Fate::Up, Fate::Waits, Fate::Waits]
    );
}

#[test]
fn volumes_open_with_a_key_and_wait_for_a_passphrase() {
    let with = |crypttab: &str, key: bool| {
        let memory = system("/dev/mapper/s /s ext4 defaults 0 2\n", true).file("bin/sh", "");
        let memory = if key { memory.file("etc/key", "") } else { memory };
        boot(memory.file("etc/crypttab", crypttab), "kvm").1.unwrap().reached
    };
    assert_eq!(with("s UUID=ff /etc/key luks\n", true), Reached::MultiUser);
    assert_eq!(with("s UUID=ff /etc/key luks\n", false), Reached::Hang);
    assert_eq!(with("s UUID=ff none luks\n", true), Reached::Hang);
    assert_eq!(with("s UUID=ff none luks,initramfs\n", true), Reached::MultiUser);
    assert_eq!(with("s UUID=ee none luks\n", true), Reached::Emergency);
}

#[test]
fn before_systemd_the_check_of_file_systems_decides() {
    let table = [
        ("UUID=dd /d ext3 defaults 1 2", State::Fails),
        ("UUID=dd /d ext3 defaults 0 0", State::Ok),
        ("UUID=dd /d ext3 noauto 1 2", State::Ok),
        ("/dev/sdb1 /d ext3 _netdev 1 2", State::Ok),
        ("/dev/hda1 /d ext3 defaults 1 2", State::Fails),
        ("UUID=dd swap swap defaults 0 0", State::Ok),
    ];
    for (line, state) in table {
        let memory = Memory::new()
            .file("etc/rc.d/rc.sysinit", "")
            .file("etc/redhat-release", "CentOS release 6.10 (Final)\n")
            .file("etc/fstab", format!("UUID=aa / ext4 defaults 1 1\n{line}\n"))
            .file("sos_commands/block/blkid", BLKID);
        let (step, fate) = boot(memory, "kvm");
        assert_eq!((step.state, fate.is_none()), (state, true), "{line}: {}", step.detail);
    }
}

#[test]
fn an_init_of_another_kind_is_not_judged() {
    let memory = Memory::new().file("sbin/init", "").file("etc/fstab", "/dev/hdz9 /usr ext4 defaults 0 2\n");
    assert_eq!(boot(memory.file("etc/os-release", "ID=debian\nVERSION_ID=12\n"), "kvm").0.state, State::Ok);
}
