//! Small synthetic systems: a root, an initrd, what blkid says, and the steps that come out.

mod lab;

use lab::*;

use crate::target;

const PLAIN: &str = "/dev/sda1: UUID=\"aa\" TYPE=\"ext4\" PARTUUID=\"p-01\"\n";
const LVM: &str =
    "/dev/sda2: UUID=\"pv\" TYPE=\"LVM2_member\"\n/dev/mapper/vg-root: UUID=\"aa\" TYPE=\"ext4\"\n";
const MD: &str = "/dev/sda1: UUID=\"11111111-2222-3333-4444-555555555555\" TYPE=\"linux_raid_member\"\n\
    /dev/sdb1: UUID=\"11111111-2222-3333-4444-555555555555\" TYPE=\"linux_raid_member\"\n/dev/md127: UUID=\"aa\" TYPE=\"ext4\"\n";
const LUKS: &str =
    "/dev/sda3: UUID=\"cc-33\" TYPE=\"crypto_LUKS\"\n/dev/mapper/luks-cc-33: UUID=\"aa\" TYPE=\"ext4\"\n";

#[test]
fn a_plain_root_boots_under_each_initrd() {
    check(vec![
        ("initramfs-tools", Lab::initramfs_tools("root=UUID=aa ro").blkid(PLAIN), "boots"),
        ("dracut", Lab::dracut("root=UUID=aa ro").blkid(PLAIN), "boots"),
        ("silent", Lab::dracut("root=UUID=aa ro"), "boots"),
        (
            "label",
            Lab::dracut("root=LABEL=x ro").blkid(PLAIN),
            "root-device Fails: root=LABEL=x does not exist",
        ),
        ("no blkid", Lab::initramfs_tools("root=UUID=aa").lacking("blkid"), "root-device Fails"),
        ("by name", Lab::initramfs_tools("root=/dev/vda1").lacking("blkid").blkid(PLAIN), "boots"),
        ("no rules", Lab::dracut("root=UUID=aa").lacking("60-persistent-storage.rules"), "root-device Fails"),
        ("no device", Lab::dracut("root=gpt-auto"), "root-device Unknown: root=gpt-auto names no device"),
    ]);
}

#[test]
fn without_root_each_initrd_gives_up_in_its_own_way() {
    let plain = Lab::new("ro")
        .inside("usr/lib/dracut/modules.txt", "base\n")
        .inside("usr/lib/dracut/dracut-059-4", "");
    check(vec![
        ("initramfs-tools", Lab::initramfs_tools("ro"), "root-device Fails: the command line names no root"),
        ("systemd", Lab::dracut("ro"), "root-filesystem Fails: nothing is mounted as root"),
        ("dracut alone", plain, "root-device Fails"),
        (
            "baked in",
            Lab::dracut("ro").inside("etc/cmdline.d/root.conf", "root=UUID=aa\n").blkid(PLAIN),
            "boots",
        ),
        (
            "baked in and wrong",
            Lab::dracut("ro").inside("etc/cmdline.d/root.conf", "root=UUID=zz\n").blkid(PLAIN),
            "root-device Fails: root=UUID=zz",
        ),
    ]);
}

#[test]
fn volumes_need_lvm_and_the_word_of_dracut() {
    let dracut =
        |more: &str| Lab::dracut(&format!("root=/dev/mapper/vg-root ro {more}")).tools(&["lvm"]).blkid(LVM);
    let debian = || Lab::initramfs_tools("root=/dev/vg/root ro").tools(&["lvm"]).blkid(LVM);
    check(vec![
        ("all", dracut(""), "boots"),
        ("named", dracut("rd.lvm.lv=vg/root"), "boots"),
        ("group named", dracut("rd.lvm.vg=vg"), "boots"),
        ("another", dracut("rd.lvm.lv=vg/swap"), "storage-stack Fails: dracut activates only"),
        ("off", dracut("rd.lvm=0"), "storage-stack Fails"),
        ("baked in", dracut("").inside("etc/cmdline.d/90lvm.conf", "rd.lvm.lv=old/root\n"), "old/root"),
        ("no program", dracut("").lacking("/lvm"), "but the initrd has no lvm"),
        ("no dm", dracut("").without_module("dm-mod"), "storage-stack Fails"),
        ("no rules", dracut("").lacking("64-lvm.rules"), "no udev rules"),
        ("debian", debian(), "boots"),
        ("debian without dm", debian().without_module("dm-mod"), "lacks the module dm_mod"),
        (
            "only scripts",
            debian().lacking("69-lvm.rules").inside("scripts/local-top/lvm2", "#!/bin/sh\n"),
            "boots",
        ),
        (
            "wrong group",
            Lab::initramfs_tools("root=/dev/vg1/root").tools(&["lvm"]).blkid(LVM),
            "root-device Fails",
        ),
    ]);
    let by_uuid = Lab::initramfs_tools("root=UUID=aa").tools(&["lvm"]).blkid(LVM);
    let by_uuid = by_uuid.lacking("69-lvm.rules").inside("scripts/local-block/lvm2", "#!/bin/sh\n");
    check(vec![("scripts know no UUID", by_uuid, "only where `root=` names it by its path")]);
}

#[test]
fn the_images_own_lvm_conf_decides() {
    let lab = |conf: &str| {
        let lab = Lab::initramfs_tools("root=/dev/vg/root ro").tools(&["lvm"]).blkid(LVM);
        lab.inside("etc/lvm/lvm.conf", conf)
    };
    let outside =
        lab("").lacking("lvm.conf").file("etc/lvm/lvm.conf", "devices { filter = [ \"r|.*|\" ] }\n");
    check(vec![
        ("accepts", lab("devices { filter = [ \"a|^/dev/vda2$|\", \"r|.*|\" ] }\n"), "boots"),
        ("rejects", lab("devices { global_filter = [ \"a|^/dev/sd|\", \"r|.*|\" ] }\n"), "rejects /dev/vda2"),
        ("not in the image", outside, "boots"),
        (
            "list",
            lab("activation { auto_activation_volume_list = [ \"data\" ] }\n"),
            "auto_activation_volume_list",
        ),
        ("own list", lab("activation { volume_list = [ \"vg/root\" ] }\n"), "boots"),
        ("tags", lab("activation { volume_list = [ \"@x\" ] }\n"), "boots"),
    ]);
}

#[test]
fn the_type_of_a_volume_decides_what_it_needs() {
    let backup = |kind: &str| {
        format!(
            "vg {{\n id = \"x\"\n seqno = 1\n logical_volumes {{\n root {{\n segment1 {{\n type = \"{kind}\"\n}}\n}}\n}}\n}}\n"
        )
    };
    let lab = |kind: &str| {
        let lab = Lab::initramfs_tools("root=/dev/vg/root ro").tools(&["lvm"]).blkid(LVM);
        lab.file("etc/lvm/backup/vg", &backup(kind))
    };
    let other = Lab::initramfs_tools("root=/dev/vg/root ro").tools(&["lvm"]).blkid(LVM);
    check(vec![
        ("striped", lab("striped"), "boots"),
        ("thin", lab("thin"), "lacks the module dm_thin_pool"),
        ("raid", lab("raid1"), "lacks the module dm_raid"),
        (
            "unknown to fstab",
            other.file("etc/fstab", "/dev/mapper/old-root / ext4 defaults 0 1\n"),
            "storage-stack Unknown",
        ),
    ]);
}

/// The same as blkid keeps it.
const MD_CACHE: &str = "<device UUID=\"11111111-2222-3333-4444-555555555555\" TYPE=\"linux_raid_member\">/dev/sda1</device>\n\
    <device UUID=\"aa\" TYPE=\"ext4\">/dev/md127</device>\n";

#[test]
fn of_two_disks_with_one_uuid_blkid_takes_the_one_that_sysfs_lists_first() {
    let blkid = "/dev/sda1: UUID=\"aa\" TYPE=\"ext4\"\n/dev/sdb1: UUID=\"aa\" TYPE=\"ext4\"\n";
    let debian = |second: &str| {
        let script = "DEV=\"$(blkid -l -t \"$DEV\" -o device)\"\n";
        let mut lab = Lab::initramfs_tools("root=UUID=aa ro").tools(&["blkid"]).blkid(blkid);
        let mut disk = lab.target.devices.first().unwrap().clone();
        disk.children.first_mut().unwrap().disk = Some(second.to_owned());
        lab.target.devices.push(disk);
        lab.inside("scripts/functions", script)
    };
    let before = debian("vdb");
    let lists_own_first = debian("vdc");
    check(vec![
        ("vdb comes before vda", before, "root-filesystem Fails: the initrd mounts vdb1 instead of vda1"),
        ("and so does vdc", lists_own_first, "root-filesystem Fails: the initrd mounts vdc1 instead of vda1"),
        ("dracut follows udev's link", Lab::dracut("root=UUID=aa ro").blkid(blkid), "Unknown"),
    ]);
}

#[test]
fn arrays_are_assembled_by_who_is_asked_to() {
    let dracut = |more: &str| Lab::dracut(&format!("root=UUID=aa ro {more}")).tools(&["mdadm"]).blkid(MD);
    let debian = |root: &str| Lab::initramfs_tools(&format!("root={root} ro")).tools(&["mdadm"]).blkid(MD);
    let old = dracut("").lacking("dracut-059-4").inside("usr/lib/dracut/dracut-004-411.el6", "");
    let named = debian("/dev/md0").blkid("/dev/sda1: UUID=\"aa\" TYPE=\"linux_raid_member\"\n");
    check(vec![
        ("nobody asks", dracut(""), "storage-stack Fails"),
        ("auto", dracut("rd.auto"), "boots"),
        ("named", dracut("rd.md.uuid=11111111:22223333:44445555:55555555"), "boots"),
        ("another", dracut("rd.md.uuid=11111111:22223333:44445555:99999999"), "which is another one"),
        (
            "another, as the cache has it",
            dracut("rd.md.uuid=11111111:22223333:44445555:99999999")
                .gone("sos_commands/block/blkid_-c_.dev.null")
                .file("run/blkid/blkid.tab", MD_CACHE),
            "not known without the output of `mdadm --examine`",
        ),
        (
            "not among those that mdadm may assemble",
            debian("UUID=aa").inside("etc/mdadm/mdadm.conf", "ARRAY /dev/md/x UUID=0:0:0:1\nAUTO -all\n"),
            "has `AUTO -all` and no ARRAY line with its UUID",
        ),
        (
            "among them",
            debian("UUID=aa").inside(
                "etc/mdadm/mdadm.conf",
                "ARRAY /dev/md/x UUID=11111111:22223333:44445555:55555555\nAUTO -all\n",
            ),
            "boots",
        ),
        ("off", dracut("rd.auto rd.md=0"), "`rd.md=0` switches arrays off"),
        ("before 024", old, "boots"),
        ("debian", debian("UUID=aa"), "boots"),
        ("no mdadm", debian("UUID=aa").lacking("mdadm"), "has no mdadm"),
        (
            "level",
            debian("UUID=aa").without_module("raid1").file("proc/mdstat", "md127 : active raid1 sda1[0]\n"),
            "raid1",
        ),
        (
            "other level",
            debian("UUID=aa").file("proc/mdstat", "md127 : active raid10 sda1[0]\n"),
            "lacks the module raid10",
        ),
        ("md127", debian("/dev/md127"), "boots"),
        ("md0", debian("/dev/md0"), "root-device Fails: root=/dev/md0 does not exist"),
        ("md0 by name", named.inside("etc/mdadm/mdadm.conf", "ARRAY /dev/md0 UUID=1:2:3:4\n"), "boots"),
    ]);
}

#[test]
fn encrypted_volumes_are_opened_by_who_knows_them_and_ask_for_a_passphrase() {
    let dracut =
        |more: &str| Lab::dracut(&format!("root=UUID=aa ro {more}")).tools(&["cryptsetup"]).blkid(LUKS);
    let blkid =
        "/dev/sda3: UUID=\"cc-33\" TYPE=\"crypto_LUKS\"\n/dev/mapper/crypt: UUID=\"aa\" TYPE=\"ext4\"\n";
    let debian = || {
        let lab = Lab::initramfs_tools("root=/dev/mapper/crypt ro").tools(&["cryptsetup"]).blkid(blkid);
        lab.file("etc/crypttab", "crypt UUID=cc-33 none luks\n")
    };
    let keyed = "crypt UUID=cc-33 /key luks\n";
    check(vec![
        (
            "asked",
            dracut("rd.luks.uuid=luks-cc-33"),
            "storage-stack Unknown: root is the LUKS volume luks-cc-33: somebody",
        ),
        ("not asked", dracut(""), "nothing tells the initrd to open it"),
        ("another", dracut("rd.luks.uuid=dd"), "which is another one"),
        ("off", dracut("rd.luks=0"), "switches encrypted volumes off"),
        ("key", dracut("rd.luks.uuid=cc-33 rd.luks.key=/k"), "boots"),
        (
            "dracut 103",
            dracut("").lacking("dracut-059-4").inside("usr/lib/dracut/dracut-103-1", ""),
            "somebody has to type",
        ),
        ("no program", dracut("rd.luks.uuid=cc-33").lacking("cryptsetup"), "has no cryptsetup"),
        ("no module", dracut("rd.luks.uuid=cc-33").without_module("dm-crypt"), "lacks the module dm_crypt"),
        ("debian, not in its table", debian(), "it is never opened"),
        (
            "debian",
            debian().inside("cryptroot/crypttab", "crypt UUID=cc-33 none luks\n"),
            "somebody has to type",
        ),
        ("debian, key", debian().inside("cryptroot/crypttab", keyed).inside("key", "k"), "boots"),
        (
            "debian, gone",
            debian().inside("cryptroot/crypttab", "crypt /dev/sda3 none luks\n"),
            "does not exist",
        ),
    ]);
    let name = Lab::dracut("root=/dev/mapper/crypt rd.luks.uuid=cc-33").tools(&["cryptsetup"]).blkid(blkid);
    let name = name.file("etc/crypttab", "crypt UUID=cc-33 none luks\n");
    check(vec![("another name", name, "opens it under another name, luks-cc-33")]);
}

#[test]
fn dracut_waits_for_all_that_is_named() {
    let lab = |more: &str, blkid: &str| {
        Lab::dracut(&format!("root=/dev/mapper/vg-root ro rd.lvm.lv=vg/root {more}"))
            .tools(&["lvm"])
            .blkid(blkid)
    };
    let with_swap = format!("{LVM}/dev/mapper/vg-swap: UUID=\"ss\" TYPE=\"swap\"\n");
    check(vec![
        ("swap", lab("rd.lvm.lv=vg/swap", &with_swap), "boots"),
        ("swap gone", lab("rd.lvm.lv=vg/swap", LVM), "dracut waits for the logical volume vg/swap"),
        ("header gone", lab("rd.luks.uuid=luks-cc", LVM), "dracut waits for the LUKS volume luks-cc"),
        ("resume gone", lab("resume=UUID=zz", LVM), "boots"),
        (
            "resume gone, systemd",
            lab("resume=UUID=zz", LVM)
                .inside("usr/lib/systemd/system-generators/systemd-hibernate-resume-generator", "program"),
            "resume=UUID=zz does not exist: the initrd waits for it without end",
        ),
    ]);
}

#[test]
fn a_layer_that_lies_on_itself_is_never_put_together() {
    let lab = Lab::initramfs_tools("root=/dev/mapper/vg-root ro").tools(&["lvm", "cryptsetup"]);
    let lab = lab.file("etc/crypttab", "vg-root /dev/vg/root none luks\n");
    check(vec![("cycle", lab, "storage-stack Fails: the logical volume vg/root lies on itself")]);
}

#[test]
fn multipathd_holds_a_disk_whose_partitions_nothing_marks() {
    let lab = |find: &str| {
        let mut lab = Lab::dracut("root=UUID=aa ro").tools(&["multipath", "multipathd"]);
        lab.target = target::built_in("kvm-virtio-scsi").unwrap();
        lab.builtin.push_str(" scsi/virtio_scsi scsi/sd_mod scsi/scsi_mod");
        lab.inside("usr/lib/systemd/systemd", "program")
            .inside("etc/systemd/system/sysinit.target.wants/multipathd.service", "[Service]\n")
            .inside("etc/multipath.conf", &format!("defaults {{\n find_multipaths {find}\n}}\n"))
    };
    check(vec![
        ("no rule", lab("no"), "root-filesystem Fails: multipathd in the initrd takes sda"),
        ("its rule", lab("no").rules(&["62-multipath.rules"]), "boots"),
        ("left alone", lab("strict"), "boots"),
    ]);
}

#[test]
fn one_path_is_no_multipath_device() {
    let lab = |conf: &str| {
        let lab = Lab::dracut("root=/dev/mapper/mpatha2 ro").tools(&["multipath", "multipathd"]);
        lab.file("etc/multipath.conf", conf).file("etc/fstab", "/dev/mapper/mpatha2 / ext4 defaults 0 1\n")
    };
    let greedy = "defaults {\n find_multipaths no\n user_friendly_names yes\n}\n";
    let black = "defaults {\n find_multipaths no\n}\nblacklist {\n devnode \"^vd\"\n}\n";
    let bound = lab(greedy).file("etc/multipath/bindings", "mpatha 3600508\n");
    check(vec![
        ("careful", lab("defaults {\n find_multipaths yes\n}\n"), "multipath leaves it alone"),
        ("blacklisted", lab(black), "the blacklist keeps multipath from it"),
        ("bound to the old one", bound, "gives it another name"),
        ("no program", lab(greedy).lacking("multipath").lacking("multipathd"), "has no multipath"),
        ("greedy", lab(greedy), "boots"),
    ]);
}

#[test]
fn a_usr_of_its_own_is_mounted_by_the_initrd() {
    let lab = |lab: Lab, usr: &str| {
        lab.file("etc/fstab", &format!("UUID=aa / ext4 defaults 0 1\n{usr} /usr ext4 defaults 0 2\n"))
            .blkid(PLAIN)
    };
    let debian = || Lab::initramfs_tools("root=UUID=aa ro");
    let lvm = lab(Lab::dracut("root=UUID=aa rd.lvm.lv=vg/root").tools(&["lvm"]), "/dev/vg/usr");
    check(vec![
        ("stale", lab(debian(), "/dev/sda2"), "root-device Fails: the initrd mounts /usr from /dev/sda2"),
        ("dracut", lab(Lab::dracut("root=UUID=aa"), "/dev/sda2"), "root-device Fails"),
        ("by UUID", lab(debian(), "UUID=aa"), "boots"),
        ("not activated", lvm.blkid(""), "vg/usr, which holds /usr"),
    ]);
}

#[test]
fn what_is_mounted_has_to_be_a_file_system_of_that_type() {
    let lab = |cmdline: &str| Lab::initramfs_tools(cmdline).blkid(PLAIN);
    let btrfs = "/dev/sda1: UUID=\"aa\" TYPE=\"btrfs\" PARTUUID=\"p-01\"\n";
    let subvolume = |more: &str| {
        let lab = Lab::initramfs_tools(&format!("root=UUID=aa {more}")).blkid(btrfs);
        lab.file("etc/fstab", "UUID=aa / btrfs subvol=/@ 0 0\n")
    };
    let many = "/dev/sda1: UUID=\"aa\" TYPE=\"btrfs\"\n/dev/sdb1: UUID=\"aa\" TYPE=\"btrfs\"\n";
    let several = || {
        Lab::initramfs_tools("root=UUID=aa").file("etc/fstab", "UUID=aa / btrfs defaults 0 0\n").blkid(many)
    };
    check(vec![
        (
            "wrong type",
            lab("root=UUID=aa rootfstype=xfs"),
            "root-filesystem Fails: the command line asks for rootfstype=xfs",
        ),
        ("one of a list", lab("root=UUID=aa rootfstype=xfs,ext4"), "boots"),
        (
            "no driver",
            lab("root=UUID=aa").without_module("ext4"),
            "root-filesystem Fails: root's file system is ext4",
        ),
        ("whole disk", lab("root=/dev/vda"), "root-filesystem Fails: root=/dev/vda is a whole disk"),
        (
            "subvolume of ext4",
            lab("root=UUID=aa rootflags=subvol=@"),
            "names a subvolume, which ext4 does not know",
        ),
        ("LVM itself", Lab::initramfs_tools("root=/dev/vda2").blkid(LVM), "holds a physical volume"),
        ("subvolume", subvolume("rootflags=compress=zstd,subvol=@"), "boots"),
        ("no subvolume", subvolume(""), "root is in the subvolume @, which nothing names"),
        ("another subvolume", subvolume("rootflags=subvol=@old"), "root-filesystem Unknown"),
        ("two devices, nobody scans", several(), "storage-stack Fails"),
        ("two devices", several().rules(&["64-btrfs.rules"]), "boots"),
    ]);
}

#[test]
fn sectors_of_another_size_hide_partitions() {
    let big = |name: &str| {
        let text = format!(
            "name: {name}\ntitle: X\ndevices:\n  - modalias: \"pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\"\n    \
             children: [{{ modalias: \"virtio:d00000002v00001AF4\", disk: vda, sector_size: 4096 }}]\n"
        );
        target::parse(text.as_bytes(), "x.yaml").unwrap()
    };
    let lab = |blkid: &str| Lab::initramfs_tools("root=UUID=aa").blkid(blkid).on(big("x"));
    let sysfs = "sys/block/sda/queue/logical_block_size";
    let whole = |size: &str| lab(&format!("/dev/sda: UUID=\"aa\" BLOCK_SIZE=\"{size}\" TYPE=\"ext4\"\n"));
    check(vec![
        ("not known", lab(PLAIN), sysfs),
        ("nothing known", lab(""), sysfs),
        ("whole disk", whole("4096"), "boots"),
        ("small blocks", whole("1024"), "root-filesystem Fails: root's file system has blocks of 1024 bytes"),
    ]);
}

#[test]
fn a_parameter_for_debugging_stops_the_boot() {
    check(vec![
        (
            "break",
            Lab::initramfs_tools("root=UUID=aa break"),
            "root-device Fails: `break` on the command line stops",
        ),
        ("break=bottom", Lab::initramfs_tools("root=UUID=aa break=bottom"), "init Fails"),
        (
            "with panic",
            Lab::initramfs_tools("root=UUID=aa break=top panic=5"),
            "reboots instead of giving a shell",
        ),
        (
            "rd.break",
            Lab::dracut("root=UUID=aa rd.break"),
            "init Fails: `rd.break` on the command line stops",
        ),
        ("rd.break=pre-mount", Lab::dracut("root=UUID=aa rd.break=pre-mount"), "root-filesystem Fails"),
        ("rd.shell", Lab::dracut("root=UUID=aa rd.shell rd.debug"), "boots"),
        ("of another kind", Lab::dracut("root=UUID=aa break=top"), "boots"),
    ]);
}

#[test]
fn without_an_initrd_the_kernel_knows_little() {
    let told = |cmdline: &str, blkid: &str| first_trouble(&Lab::new(cmdline).blkid(blkid).boot(false));
    assert_eq!(told("root=/dev/vda1", PLAIN), "boots");
    assert_eq!(told("root=PARTUUID=p-01", PLAIN), "boots");
    assert!(
        told("root=UUID=aa", PLAIN)
            .starts_with("root-device Fails: root=UUID=aa is not found: without an initrd")
    );
    assert!(told("root=/dev/vg/root", LVM).starts_with("storage-stack Fails"));
    assert!(told("root=/dev/vda1 init=/bin/nosuch", PLAIN).contains("nothing else is tried"));
}

#[test]
fn each_initrd_looks_for_init_in_its_own_way() {
    let debian = |more: &str| Lab::initramfs_tools(&format!("root=UUID=aa {more}"));
    let dracut = |more: &str| Lab::dracut(&format!("root=UUID=aa {more}"));
    let scripted = |line: &str| debian("").file("sbin/init", line);
    let alone = || dracut("").lacking("usr/lib/systemd/systemd");
    check(vec![
        ("asked for and missing", debian("init=/sbin/nosuch"), "boots"),
        (
            "the same with systemd",
            dracut("init=/sbin/nosuch"),
            "init Fails: init=/sbin/nosuch does not exist",
        ),
        ("no os-release", dracut("").gone("etc/os-release"), "init Fails: systemd in the initrd refuses"),
        ("no os-release, debian", debian("").gone("etc/os-release"), "boots"),
        ("only a shell", debian("").gone("sbin/init"), "boots"),
        ("only a shell, dracut alone", alone().gone("sbin/init"), "init Fails"),
        (
            "no link to systemd",
            dracut("").gone("sbin/init").file("usr/lib/systemd/systemd", "#!/bin/sh\n"),
            "boots",
        ),
        (
            "nothing",
            debian("").gone("sbin/init").gone("bin/sh").file("bin/x", ""),
            "init Fails: the root file system has no init",
        ),
        ("interpreter missing", scripted("#!/bin/nosuch\n"), "init Fails: /sbin/init needs /bin/nosuch"),
        ("rescue", debian("systemd.unit=rescue.target"), "boots"),
    ]);
}

#[test]
fn of_two_disks_the_other_one_may_be_root() {
    let two = "/dev/sda1: UUID=\"bb\" TYPE=\"btrfs\"\n/dev/sdb1: UUID=\"aa\" TYPE=\"ext4\"\n";
    let kvm = || {
        let text = "name: two\ntitle: X\ndevices:\n  - modalias: \"pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\"\n    \
             children:\n      - { modalias: \"virtio:d00000002v00001AF4\", disk: vda }\n      \
             - { modalias: \"virtio:d00000002v00001AF4\", disk: vdb }\n";
        target::parse(text.as_bytes(), "x.yaml").unwrap()
    };
    let lab = |root: &str| Lab::initramfs_tools(&format!("root={root}")).blkid(two).on(kvm());
    check(vec![
        ("by UUID", lab("UUID=aa"), "boots"),
        ("second disk", lab("/dev/vdb1"), "boots"),
        ("first disk", lab("/dev/vda1"), "init Unknown: root=/dev/vda1 is what is called /dev/sda1 now"),
        ("third disk", lab("/dev/vdc1"), "root-device Unknown"),
    ]);
}
