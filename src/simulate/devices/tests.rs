use super::*;
use crate::facts::{Facts, Limits};
use crate::source::memory::Memory;
use crate::target;

const BLKID: &str = "\
/dev/sda1: UUID=\"aa\" LABEL=\"boot\" TYPE=\"ext4\" PARTUUID=\"p-01\"
/dev/sda2: UUID=\"pv\" TYPE=\"LVM2_member\" PARTUUID=\"p-02\"
/dev/sdb1: UUID=\"bb\" TYPE=\"xfs\" PARTUUID=\"q-01\"
/dev/sdb2: UUID=\"cc\" TYPE=\"ext4\"
/dev/sdc1: UUID=\"cc\" TYPE=\"ext4\"
/dev/sdc2: UUID=\"dd\" TYPE=\"ext4\"
/dev/mapper/vg-snap: UUID=\"dd\" TYPE=\"ext4\"
/dev/md127: UUID=\"ee\" TYPE=\"ext4\"
";

fn facts(blkid: &str) -> Facts {
    let memory = Memory::new().file("etc/hostname", "lab\n");
    let memory =
        if blkid.is_empty() { memory } else { memory.file("sos_commands/block/blkid_-c_.dev.null", blkid) };
    Facts::gather(&memory.into_tree(), &Limits::default())
}

/// `+`, `-` or `?` for each of the names.
fn states(facts: &Facts, target: &Target, specs: &[&str]) -> String {
    let machine = Machine::new(facts, target, &DiskFate::default());
    let state = |spec: &&str| match machine.resolve(&DeviceSpec::parse_root(spec)) {
        Resolution::Exists { .. } => '+',
        Resolution::Missing { .. } => '-',
        Resolution::Unknown { .. } => '?',
    };
    specs.iter().map(state).collect()
}

#[test]
fn contents_move_and_kernel_names_do_not() {
    let (known, silent) = (facts(BLKID), facts(""));
    let kvm = target::built_in("kvm").unwrap();
    let table = [
        ("UUID=aa", '+', '+'),
        ("UUID=zz", '-', '+'),
        ("LABEL=boot", '+', '+'),
        ("LABEL=BOOT", '-', '+'),
        ("PARTUUID=p-01", '+', '+'),
        ("PARTLABEL=root", '+', '+'),
        ("/dev/sda1", '-', '-'),
        ("/dev/vda1", '+', '+'),
        ("/dev/vda7", '-', '+'),
        ("/dev/vdb1", '+', '?'),
        ("/dev/vdb7", '-', '?'),
        ("/dev/vdd1", '?', '?'),
        ("fe01", '+', '+'),
        ("0801", '-', '-'),
        ("/dev/mapper/vg-snap", '+', '+'),
        ("/dev/vg/other", '-', '+'),
        ("/dev/md127", '+', '?'),
        ("/dev/md0", '-', '?'),
        ("/dev/disk/by-id/scsi-3600-part1", '-', '-'),
        ("/dev/disk/by-id/dm-name-vg-root", '+', '+'),
        ("/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part1", '-', '-'),
    ];
    let specs: Vec<&str> = table.iter().map(|row| row.0).collect();
    let want = |column: fn(&(&str, char, char)) -> char| table.iter().map(column).collect::<String>();
    assert_eq!(states(&known, &kvm, &specs), want(|row| row.1), "{specs:?}");
    assert_eq!(states(&silent, &kvm, &specs), want(|row| row.2), "{specs:?}");
}

#[test]
fn of_two_with_one_uuid_the_mapped_one_wins() {
    let kvm = target::built_in("kvm").unwrap();
    assert_eq!(states(&facts(BLKID), &kvm, &["UUID=cc", "UUID=dd"]), "?+");
}

#[test]
fn names_stay_on_the_same_hardware() {
    let same = target::built_in("same").unwrap();
    let specs =
        ["/dev/sda1", "UUID=aa", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "/dev/disk/by-id/wwn-0x5"];
    assert_eq!(states(&facts(""), &same, &specs), "++++");
}

#[test]
fn names_that_qemu_gives_ata_disks_are_known() {
    let disk = |class: &str, vendor: &str| {
        let text = format!(
            "name: x\ntitle: X\ndevices:\n  - modalias: \"pci:v00008086d00007010sv{vendor}{class}i80\"\n    \
             slot: \"0000:00:01.1\"\n    children: [{{ modalias: \"scsi:t-0x00\", disk: sda }}]\n"
        );
        target::parse(text.as_bytes(), "x.yaml").unwrap()
    };
    let ids =
        ["/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1", "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00007"];
    let silent = facts("");
    assert_eq!(states(&silent, &disk("bc01sc01", "00001AF4sd00001100"), &ids), "+-");
    assert_eq!(states(&silent, &disk("bc01sc01", "000015ADsd00001976"), &ids), "--");
    assert_eq!(states(&silent, &disk("bc01sc00", "00001AF4sd00001100"), &ids), "--");
    let path = ["/dev/disk/by-path/pci-0000:00:01.1-ata-1-part1", "/dev/disk/by-path/pci-0000:00:02.0-ata-1"];
    assert_eq!(states(&silent, &disk("bc01sc01", "00001AF4sd00001100"), &path), "?-");
}
