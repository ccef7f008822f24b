use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::facts::Limits;
use crate::facts::boot::BootConfig;
use crate::initrd::Compression;
use crate::initrd::testing::{Archive as Cpio, module64, pack};
use crate::source::Node;
use crate::source::memory::Memory;

fn gathered(memory: Memory) -> (Vec<Initrd>, Vec<Problem>) {
    let tree = memory.into_tree();
    let limits = Limits::default();
    let gather = Gather::new(&tree, &limits);
    let initrds = gather_all(&gather);
    (initrds, gather.into_problems())
}

fn gather_all(gather: &Gather<'_>) -> Vec<Initrd> {
    super::gather(gather, &BootConfig::default(), &[])
}

fn dracut() -> Cpio {
    Cpio::new()
        .file("usr/lib/dracut/modules.txt", "base\nlvm\n")
        .file("usr/lib/dracut/dracut-057", "")
        .file("usr/sbin/lvm", "\x7fELF")
        .file("usr/lib/modules/5.14.0/kernel/drivers/block/virtio_blk.ko", module64(&["alias=virtio:d2v*"]))
        .file("etc/cmdline.d/90lvm.conf", "rd.lvm.lv=vg0/root resume=UUID=0a-1b rd.luks.uuid=luks-77 ro\n")
        .file("init", "#!/bin/sh\n")
}

#[test]
fn image_is_described_with_the_places_inside() {
    let image = pack(&dracut().finish(), Compression::Xz);
    let (initrds, problems) = gathered(
        Memory::new()
            .file("boot/initramfs-5.14.0.img", image)
            .link("boot/initrd.img", "initramfs-5.14.0.img")
            .file("boot/initramfs-5.14.0.img.sha256", "no image"),
    );
    assert_eq!(problems, []);
    let [initrd] = initrds.as_slice() else { panic!("{initrds:?}") };
    assert_eq!(initrd.path, "boot/initramfs-5.14.0.img");
    assert_eq!(initrd.release.as_deref(), Some("5.14.0"));
    assert_eq!(initrd.kind, Known::Known(Kind::Dracut));
    assert_eq!(initrd.releases, Known::Known(vec!["5.14.0".to_owned()]));
    assert_eq!(initrd.compressions, Known::Known(vec!["xz".to_owned()]));
    assert_eq!(initrd.modules, Known::Known(vec![ModuleName::new("virtio-blk")]));
    assert_eq!((initrd.has_lvm.get(), initrd.has_multipath.get()), (Some(&true), Some(&false)));
    assert_eq!((initrd.has_init.get(), initrd.is_microcode.get()), (Some(&true), Some(&false)));
    let baked: Vec<_> = initrd.cmdline.get().unwrap().iter().collect();
    let keys: Vec<_> = baked.iter().map(|baked| (baked.key.as_str(), baked.value.as_deref())).collect();
    let expected = [
        ("rd.lvm.lv", Some("vg0/root")),
        ("resume", Some("UUID=0a-1b")),
        ("rd.luks.uuid", Some("luks-77")),
        ("ro", None),
    ];
    assert_eq!(keys, expected);
    assert_eq!((baked[0].inside.as_str(), baked[0].line), ("etc/cmdline.d/90lvm.conf", 1));
}

#[test]
fn names_tell_release_kdump_and_rescue() {
    for (path, release, kdump, rescue) in [
        ("boot/initrd.img-6.1.0-18-amd64", Some("6.1.0-18-amd64"), false, false),
        ("boot/initramfs-5.14.0-427.el9.x86_64.img", Some("5.14.0-427.el9.x86_64"), false, false),
        ("boot/initramfs-5.14.0-427.el9.x86_64kdump.img", Some("5.14.0-427.el9.x86_64"), true, false),
        ("boot/initrd-2.6.18-398.el5.img", Some("2.6.18-398.el5"), false, false),
        ("boot/initrd-2.6.32.12-0.7-default", Some("2.6.32.12-0.7-default"), false, false),
        ("boot/initrd-2.6.32.12-0.7-default-kdump", Some("2.6.32.12-0.7-default"), true, false),
        ("boot/initramfs-0-rescue-0123456789abcdef.img", None, false, true),
        ("boot/initramfs-linux-fallback.img", None, false, true),
        ("boot/initrd.img", None, false, false),
        ("efi/0123/6.8.5/initrd", None, false, false),
    ] {
        let names = Names::of(path);
        assert_eq!(
            (names.release.as_deref(), names.is_kdump, names.is_rescue),
            (release, kdump, rescue),
            "{path}"
        );
    }
}

#[test]
fn copies_are_compared_line_by_line() {
    let image = dracut()
        .file("etc/multipath.conf", "# made by hand\ndefaults {\n  user_friendly_names yes\n}\n")
        .file("etc/modprobe.d/a.conf", "blacklist floppy\n")
        .file("etc/modprobe.d/gone.conf", "options x y=1\n")
        .file("etc/lvm/lvm.conf", "global {\nlocking_type = 4\nuse_lvmetad = 0\n}\n");
    let (initrds, _) = gathered(
        Memory::new()
            .file("boot/initrd.img-6.1", image.finish())
            .file("etc/multipath.conf", "defaults {\n  user_friendly_names no\n}\n")
            .file("etc/modprobe.d/a.conf", "# a comment more\n\nblacklist floppy\n")
            .file("etc/lvm/lvm.conf", "devices {\n  filter = [ \"a|.*|\" ]\n}\n"),
    );
    let copies = initrds[0].copies.get().unwrap();
    let told: Vec<_> =
        copies.iter().map(|copy| (copy.path.as_str(), copy.in_root.get(), copy.differs)).collect();
    let expected = [
        ("etc/lvm/lvm.conf", Some(&true), false),
        ("etc/modprobe.d/a.conf", Some(&true), false),
        ("etc/modprobe.d/gone.conf", Some(&false), false),
        ("etc/multipath.conf", Some(&true), true),
    ];
    assert_eq!(told, expected);
    assert_eq!(copies[3].difference, ["-user_friendly_names yes", "+user_friendly_names no"]);
    assert_eq!(copies[3].at, Place::file("etc/multipath.conf"));
}

#[test]
fn configuration_that_is_newer_is_named() {
    let later = |memory: &mut Memory, path: &str, seconds: i64| {
        let bytes: Arc<[u8]> = b"x".as_slice().into();
        let node = Node { kind: NodeKind::File, len: 1, mode: 0o644, uid: 0, mtime: 1_704_067_200 + seconds };
        memory.insert(Path::new(path), node, bytes);
    };
    let mut memory = Memory::new().file("boot/initrd.img-6.1", dracut().finish());
    later(&mut memory, "etc/dracut.conf.d/10-drivers.conf", 7200);
    later(&mut memory, "etc/dracut.conf.d/20-old.conf", -7200);
    later(&mut memory, "etc/dracut.conf.d/30-same-minute.conf", 30);
    later(&mut memory, "etc/dracut.conf.d/40.conf.rpmnew", 7200);
    later(&mut memory, "etc/multipath.conf", 7200);
    let (initrds, _) = gathered(memory);
    let newer: Vec<_> = initrds[0].newer_configuration.iter().map(|newer| newer.path.as_str()).collect();
    assert_eq!(newer, ["etc/dracut.conf.d/10-drivers.conf"], "multipath is not in this image");
}

#[test]
fn damage_and_unreadable_images_are_told_apart() {
    let whole = dracut().finish();
    let fifo = Node { kind: NodeKind::Fifo, len: 0, mode: 0o644, uid: 0, mtime: 0 };
    let mut memory = Memory::new().file("boot/initrd.img-6.1", &whole[..300]).file("boot/initrd.img-6.2", "");
    memory.insert(Path::new("boot/initrd.img-6.3"), fifo, Arc::default());
    let (initrds, problems) = gathered(memory);
    assert_eq!(problems, [], "a fifo is no image");
    assert_eq!(initrds.len(), 2);
    let damage = initrds[0].damage.get().unwrap().as_ref().unwrap();
    assert_eq!((damage.kind, damage.archive), (DamageKind::Truncated, 0));
    assert_eq!((initrds[1].entries.get(), initrds[1].damage.get()), (Some(&0), Some(&None)));
}

#[test]
fn what_is_named_is_looked_for_on_the_machine() {
    let image = dracut().file("etc/cmdline.d/95root-dev.conf", "root=UUID=c0-ff\n");
    let tools = Cpio::new()
        .file("scripts/functions", "")
        .file("conf/arch.conf", "DPKG_ARCH=amd64\n")
        .file("conf/conf.d/zz-resume-auto", "RESUME=UUID=dead-beef\n");
    let tree = Memory::new()
        .file("boot/initramfs-5.14.0.img", image.finish())
        .file("boot/initrd.img-6.1", tools.finish())
        .file("etc/fstab", "UUID=c0-ff / xfs defaults 0 0\nUUID=0a-1b none swap sw 0 0\n")
        .into_tree();
    let facts = crate::facts::Facts::gather(&tree, &Limits::default());
    let [dracut, tools] = facts.initrds.as_slice() else { panic!("{:?}", facts.initrds) };
    let found: Vec<_> =
        dracut.cmdline.get().unwrap().iter().map(|b| (b.key.as_str(), b.found.get())).collect();
    let expected = [
        ("rd.lvm.lv", None),
        ("resume", Some(&true)),
        ("rd.luks.uuid", None),
        ("ro", Some(&true)),
        ("root", None),
    ];
    assert_eq!(found, expected);
    let resume = tools.resume.get().unwrap().as_ref().unwrap();
    assert_eq!((resume.value.as_str(), resume.found.get()), ("UUID=dead-beef", Some(&false)));
}
