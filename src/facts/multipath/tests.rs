use super::*;
use crate::facts::system::{Family, System};
use crate::facts::{Limits, block_devices, fstab, lvm};
use crate::source::memory::Memory;

fn read_on(memory: Memory, family: Family, major: u32) -> Multipath {
    let (tree, limits) = (memory.into_tree(), Limits::default());
    let context = Gather::new(&tree, &limits);
    let devices = block_devices::gather(&context);
    let around = Around {
        fstab: &fstab::gather(&context, &devices),
        devices: &devices,
        lvm: &lvm::gather(&context, Known::Known(None)),
        boot: &BootConfig::default(),
        system: &System { family: Known::Known(family), major_version: Some(major), ..System::default() },
    };
    gather(&context, around)
}

fn read(memory: Memory) -> Multipath {
    read_on(memory, Family::Rhel, 7)
}

const CONF: &str = "defaults {\n\tuser_friendly_names yes\n\tfind_multipaths no\n}\nblacklist {\n\tdevnode \"^vd[a-z]\"\n}\n\
    multipaths {\n\tmultipath {\n\t\twwid 3600a\n\t\talias boot\n\t}\n}\ndevices {\n\tdevice {\n\t\tvendor \"HP\"\n\t\tproduct \"HSV\"\n\t}\n}\n";

#[test]
fn configuration_and_tables_are_put_together() {
    let multipath = read(
        Memory::new()
            .file("usr/sbin/multipathd", "")
            .file("etc/multipath.conf", CONF)
            .file("etc/multipath/conf.d/a.conf", "defaults {\n\tfind_multipaths yes\n}\n")
            .file("etc/multipath/bindings", "mpatha 3600508b4000\nmpathb 36000c29f5\n")
            .file("etc/multipath/wwids", "/3600508b4000/\n/1ATA_Disk_1/\n")
            .link(
                "etc/systemd/system/sysinit.target.wants/multipathd.service",
                "/usr/lib/systemd/system/multipathd.service",
            ),
    );
    assert_eq!(multipath.files.len(), 2);
    assert_eq!(multipath.enabled, Known::Known(true));
    assert_eq!(multipath.takes_single_paths, Known::Known(false), "the last file counts");
    let aliases: Vec<_> =
        multipath.aliases.iter().map(|a| (a.alias.as_str(), a.wwid.as_str(), a.is_local)).collect();
    assert_eq!(
        aliases,
        [("boot", "3600a", false), ("mpatha", "3600508b4000", false), ("mpathb", "36000c29f5", true)]
    );
    let local: Vec<_> = multipath.wwids.iter().map(|w| w.is_local).collect();
    assert_eq!(local, [false, true]);
    assert_eq!(multipath.blacklisted_prefixes, ["vd"]);
    assert_eq!(multipath.arrays[0].product.as_deref(), Some("HSV"));
    assert!(
        multipath.is_alias("mpatha-part2") && multipath.is_alias("boot2") && !multipath.is_alias("bootstrap")
    );
}

#[test]
fn what_counts_when_find_multipaths_is_not_set_differs() {
    let conf = || Memory::new().file("etc/multipath.conf", "defaults {\n}\n");
    assert_eq!(read_on(conf(), Family::Rhel, 6).takes_single_paths, Known::Known(true));
    assert_eq!(read_on(conf(), Family::Rhel, 9).takes_single_paths, Known::Known(false));
    assert_eq!(read_on(Memory::new(), Family::Rhel, 6).takes_single_paths, Known::Known(false));
    assert_eq!(read_on(conf(), Family::Debian, 12).takes_single_paths, Known::Known(false));
    assert!(read_on(conf(), Family::Other, 1).takes_single_paths.needs().is_some());
}

#[test]
fn root_is_followed_to_its_disk() {
    let bound = || {
        Memory::new()
            .file("sbin/multipathd", "")
            .file("etc/multipath/bindings", "mpatha 3600508b4000\n")
            .link("etc/rc3.d/S06multipathd", "../init.d/multipathd")
    };
    let backup = |device: &str| {
        format!(
            "vg0 {{\nseqno = 1\nphysical_volumes {{\npv0 {{\nid = \"x\"\ndevice = \"{device}\"\n}}\n}}\n}}\n"
        )
    };
    let blkid = |name: &str| format!("/dev/{name}: UUID=\"aa\" TYPE=\"ext4\"\n");
    for (root, backup_device, blkid_name, want) in [
        ("/dev/mapper/mpatha2", None, None, Some(true)),
        ("/dev/mapper/mpatha-part2", None, None, Some(true)),
        ("/dev/mapper/3600508b4000105e210000900000490000p1", None, None, Some(true)),
        ("/dev/mapper/vg0-root", Some("/dev/mapper/mpatha2"), None, Some(true)),
        ("/dev/vg0/root", Some("/dev/sda2"), None, Some(false)),
        ("/dev/vg0/root", None, None, None),
        ("UUID=aa", None, Some("mapper/mpatha2"), Some(true)),
        ("UUID=aa", None, Some("sda2"), Some(false)),
        ("UUID=aa", None, None, None),
        ("/dev/sda1", None, None, Some(false)),
    ] {
        let mut memory = bound().file("etc/fstab", format!("{root} / ext4 defaults 1 1\n"));
        if let Some(device) = backup_device {
            memory = memory.file("etc/lvm/backup/vg0", backup(device));
        }
        if let Some(name) = blkid_name {
            memory = memory.file("sos_commands/block/blkid_-c_.dev.null", blkid(name));
        }
        let got = read(memory);
        assert_eq!(got.root_on_multipath.get().copied(), want, "{root} {backup_device:?} {blkid_name:?}");
        assert_eq!(got.root_at.is_some(), want == Some(true));
    }
    let plain = read(Memory::new().file("etc/fstab", "UUID=aa / ext4 defaults 1 1\n"));
    assert_eq!(plain.root_on_multipath, Known::Known(false), "nothing here was ever multipathed");
}

#[test]
fn a_blacklist_of_everything_is_noticed() {
    let all = read(Memory::new().file("etc/multipath.conf", "blacklist {\n devnode \"*\"\n}\n"));
    assert!(all.blacklists_all);
    assert_eq!(all.blacklisted_prefixes, ["sd", "vd", "xvd", "hd", "nvme"]);
    let excepted = read(Memory::new().file(
        "etc/multipath.conf",
        "blacklist {\n devnode \".*\"\n}\nblacklist_exceptions {\n devnode \"^sd\"\n}\n",
    ));
    assert!(!excepted.blacklists_all);
    assert_eq!(excepted.blacklisted_prefixes, ["vd", "xvd", "hd", "nvme"]);
}
