use super::*;
use crate::initrd::testing::Archive;
use crate::initrd::{ImageLimits, read};

fn maker_of(archive: Archive) -> Maker {
    read(std::io::Cursor::new(archive.finish()), &ImageLimits::default()).unwrap().maker
}

fn loads(maker: &Maker) -> Vec<(&str, &str, u32, bool)> {
    let load = |load: &'_ ScriptModule| (load.line, load.with_dependencies);
    maker
        .loads
        .iter()
        .map(|module| (module.name.as_str(), module.path.as_str(), load(module).0, load(module).1))
        .collect()
}

#[test]
fn dracut_says_version_arguments_modules_and_baked_command_line() {
    let maker = maker_of(
        Archive::new()
            .link("lib", "usr/lib")
            .file("usr/lib/dracut-lib.sh", "#!/bin/sh\n")
            .file("usr/lib/dracut/dracut-057-53.git20240104.el9", "")
            .file("usr/lib/dracut/build-parameter.txt", " -f --kver '5.14.0-427.el9.x86_64'\n")
            .file("usr/lib/dracut/modules.txt", "bash\nlvm\nmultipath\n")
            .file("etc/cmdline.d/90lvm.conf", " rd.lvm.lv=vg0/root \n rd.lvm.lv=vg0/swap \n")
            .file("etc/cmdline.d/20-force_drivers.conf", "rd.driver.pre=dm_multipath,xfs\n")
            .file("etc/cmdline.d/readme.txt", "not read\n"),
    );
    assert_eq!(maker.kind, Kind::Dracut);
    assert_eq!(maker.version.as_deref(), Some("057-53.git20240104.el9"));
    assert_eq!(maker.arguments.as_deref(), Some("-f --kver '5.14.0-427.el9.x86_64'"));
    assert_eq!(maker.modules, ["bash", "lvm", "multipath"]);
    let cmdline: Vec<_> = maker
        .cmdline
        .iter()
        .map(|baked| (baked.argument.as_str(), baked.path.as_str(), baked.line))
        .collect();
    assert_eq!(
        cmdline,
        [
            ("rd.driver.pre=dm_multipath,xfs", "etc/cmdline.d/20-force_drivers.conf", 1),
            ("rd.lvm.lv=vg0/root", "etc/cmdline.d/90lvm.conf", 1),
            ("rd.lvm.lv=vg0/swap", "etc/cmdline.d/90lvm.conf", 2),
        ]
    );
    assert_eq!(maker.hostonly, Some(true), "what names a volume comes from the machine");
    assert_eq!(
        loads(&maker),
        [
            ("dm_multipath", "etc/cmdline.d/20-force_drivers.conf", 1, true),
            ("xfs", "etc/cmdline.d/20-force_drivers.conf", 1, true)
        ]
    );
}

#[test]
fn dracut_arguments_decide_whether_it_is_host_only() {
    for (arguments, cmdline, expected) in [
        (" --force --no-hostonly", "rd.lvm.lv=a/b", Some(false)),
        (" -N -H", "", Some(true)),
        (" '--hostonly'", "", Some(true)),
        (" --force", "", None),
        (" --force", "ro", None),
        (" --hostonly-cmdline", "root=UUID=1", Some(true)),
    ] {
        let maker = maker_of(
            Archive::new()
                .file("usr/lib/dracut/modules.txt", "base\n")
                .file("usr/lib/dracut/build-parameter.txt", arguments)
                .file("etc/cmdline.d/base.conf", cmdline),
        );
        assert_eq!(maker.hostonly, expected, "{arguments} {cmdline}");
    }
}

#[test]
fn dracut_of_rhel6_is_known_by_its_version_file() {
    let maker = maker_of(Archive::new().file("dracut-004-409.el6", "").file("init", "#!/bin/sh\n"));
    assert_eq!((maker.kind, maker.version.as_deref()), (Kind::Dracut, Some("004-409.el6")));
}

#[test]
fn initramfs_tools_settings_are_read_in_the_order_in_which_they_are_sourced() {
    let maker = maker_of(
        Archive::new()
            .file("scripts/functions", "")
            .file("conf/arch.conf", "DPKG_ARCH=amd64\n")
            .file("conf/initramfs.conf", "MODULES=most\nRESUME=/dev/sda5\n")
            .file("conf/conf.d/resume", "RESUME=UUID=0a1b\n")
            .file("conf/conf.d/driver-policy", "MODULES=dep\n")
            .file("conf/modules", "# first\nvirtio_blk\n\nloop max_loop=8\n"),
    );
    assert_eq!(maker.kind, Kind::InitramfsTools);
    assert_eq!(maker.settings.get("RESUME").map(String::as_str), Some("UUID=0a1b"));
    assert_eq!(maker.hostonly, Some(true));
    assert_eq!(loads(&maker), [("virtio_blk", "conf/modules", 2, true), ("loop", "conf/modules", 4, true)]);
}

#[test]
fn nash_scripts_load_just_what_they_name() {
    let init = "#!/bin/nash\n\nmount -t proc /proc /proc\necho \"Loading mptbase.ko module\"\n\
                insmod /lib/mptbase.ko\ninsmod /lib/dm-mod.ko \nmodprobe -q $driver\nlvm vgchange -ay VolGroup00\n";
    let maker = maker_of(Archive::new().file("bin/nash", "\x7fELF").file("init", init));
    assert_eq!(maker.kind, Kind::MkinitrdNash);
    assert_eq!(loads(&maker), [("mptbase", "init", 5, false), ("dm_mod", "init", 6, false)]);
}

#[test]
fn suse_scripts_set_lists_of_modules() {
    let run = "[ \"$debug\" ] && echo preping 02-start.sh\n\
               [ \"$RESOLVED_INITRD_MODULES\" ] || RESOLVED_INITRD_MODULES='mptspi ata-piix'\n\
               modules=\" $RESOLVED_INITRD_MODULES\"\nsource boot/02-start.sh\n[ \"$modules\" ] && load_modules\n\
               [ \"$block_modules\" ] || block_modules='sd_mod'\n[ \"$rootdev\" ] || rootdev='/dev/sda2'\n";
    let maker = maker_of(Archive::new().file("run_all.sh", run).file("boot/02-start.sh", "#!/bin/bash\n"));
    assert_eq!(maker.kind, Kind::MkinitrdSuse);
    assert_eq!(
        loads(&maker),
        [
            ("mptspi", "run_all.sh", 2, true),
            ("ata_piix", "run_all.sh", 2, true),
            ("sd_mod", "run_all.sh", 6, true)
        ]
    );
    assert_eq!(maker.settings.get("rootdev").map(String::as_str), Some("/dev/sda2"));
    assert_eq!(maker.modules, ["02-start.sh"]);
}

#[test]
fn mkinitcpio_has_hooks_and_modules() {
    let config = "EARLYHOOKS='udev'\nHOOKS='udev lvm2'\nMODULES='virtio_blk'\n";
    let maker =
        maker_of(Archive::new().file("buildconfig", "").file("config", config).file("VERSION", "39\n"));
    assert_eq!((maker.kind, maker.version.as_deref()), (Kind::Mkinitcpio, Some("39")));
    assert_eq!(maker.modules, ["udev", "lvm2"]);
    assert_eq!(loads(&maker), [("virtio_blk", "config", 3, true)]);
}

#[test]
fn what_nothing_is_known_of_is_other() {
    let maker = maker_of(Archive::new().file("init", "#!/bin/busybox sh\nmodprobe virtio_blk\n"));
    assert_eq!(maker.kind, Kind::Other);
    assert_eq!(loads(&maker), [("virtio_blk", "init", 2, true)]);
}
