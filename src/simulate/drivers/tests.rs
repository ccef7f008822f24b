//! Whole small machines: a kernel, an initrd made byte by byte, and the bindings that come out.

use std::io::Cursor;

use crate::facts::boot::BootEntry;
use crate::facts::{Facts, Limits};
use crate::initrd::testing::{Archive, module64};
use crate::parse::test_index::{alias_index, dependency_index};
use crate::simulate::{Boot, GivenEntry, Outcome, State, StepName, bindings, simulate_entry};
use crate::source::memory::Memory;
use crate::target::{Target, built_in};

const RELEASE: &str = "6.1.0-9-amd64";
const MAGIC: &str = "vermagic=6.1.0-9-amd64 SMP preempt mod_unload modversions ";
const MODULES: &str = "usr/lib/modules/6.1.0-9-amd64";

/// The modules on the way to a virtio disk, by path, with what they say.
fn modules() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("kernel/drivers/virtio/virtio.ko", vec![MAGIC]),
        ("kernel/drivers/virtio/virtio_ring.ko", vec![MAGIC]),
        (
            "kernel/drivers/virtio/virtio_pci.ko",
            vec![MAGIC, "alias=pci:v00001AF4d*sv*sd*bc*sc*i*", "depends=virtio,virtio_ring"],
        ),
        (
            "kernel/drivers/block/virtio_blk.ko",
            vec![MAGIC, "alias=virtio:d00000002v*", "depends=virtio,virtio_ring"],
        ),
        ("kernel/fs/ext4/ext4.ko", vec![MAGIC, "alias=fs-ext4", "depends=", "softdep=pre: crypto-crc32c"]),
        ("kernel/crypto/crc32c_generic.ko", vec![MAGIC, "alias=crypto-crc32c"]),
        ("kernel/arch/x86/crypto/crc32c-intel.ko", vec![MAGIC, "alias=crypto-crc32c"]),
    ]
}

/// The head of a kernel image (Documentation/arch/x86/boot.rst) of this release, and nothing behind it.
fn kernel_image() -> Vec<u8> {
    let mut image = vec![0; 0x1000];
    let version = format!("{RELEASE} (builder@example.com) #1 SMP\0");
    let parts: [(usize, &[u8]); 6] = [
        (0x1fe, &[0x55, 0xaa]),
        (0x202, b"HdrS"),
        (0x206, &[0x0f, 0x02]),
        (0x20e, &[0x00, 0x01]),
        (0x236, &[0x01, 0x00]),
        (0x300, version.as_bytes()),
    ];
    for (at, bytes) in parts {
        image[at..at + bytes.len()].copy_from_slice(bytes);
    }
    image
}

/// A machine in the making.
struct Machine {
    modules: Vec<(&'static str, Vec<&'static str>)>,
    dep: String,
    alias: String,
    others: Vec<(String, Vec<u8>)>,
    without: Vec<&'static str>,
    cmdline: &'static str,
    builtin: &'static str,
    initrd: bool,
}

impl Machine {
    fn new() -> Self {
        let dep = "kernel/drivers/virtio/virtio.ko:\nkernel/drivers/virtio/virtio_ring.ko:\n\
            kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko\n\
            kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko\n\
            kernel/fs/ext4/ext4.ko:\nkernel/crypto/crc32c_generic.ko:\nkernel/arch/x86/crypto/crc32c-intel.ko:\n";
        let alias = "alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\nalias virtio:d00000002v* virtio_blk\n\
            alias fs-ext4 ext4\nalias crypto-crc32c crc32c_generic\nalias crypto-crc32c crc32c_intel\n";
        Self {
            modules: modules(),
            dep: dep.to_owned(),
            alias: alias.to_owned(),
            others: Vec::new(),
            without: Vec::new(),
            cmdline: "root=/dev/vda1 rootfstype=ext4 ro",
            builtin: "",
            initrd: true,
        }
    }

    fn without(mut self, path: &'static str) -> Self {
        self.without.push(path);
        self
    }

    fn with(mut self, path: &str, contents: impl Into<Vec<u8>>) -> Self {
        self.others.push((path.to_owned(), contents.into()));
        self
    }

    fn cmdline(self, cmdline: &'static str) -> Self {
        Self { cmdline, ..self }
    }

    fn saying(mut self, path: &str, strings: Vec<&'static str>) -> Self {
        self.modules
            .iter_mut()
            .filter(|(known, _)| *known == path)
            .for_each(|(_, said)| said.clone_from(&strings));
        self
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let table = |name: &str, bytes: Vec<u8>| (format!("{MODULES}/{name}"), bytes);
        let mut files = vec![
            ("init".to_owned(), b"#!/bin/sh\n".to_vec()),
            ("scripts/functions".to_owned(), b"#!/bin/sh\n".to_vec()),
            ("scripts/init-top/udev".to_owned(), b"#!/bin/sh\n".to_vec()),
            ("conf/initramfs.conf".to_owned(), b"MODULES=most\n".to_vec()),
            ("conf/arch.conf".to_owned(), b"DPKG_ARCH=amd64\n".to_vec()),
            ("usr/lib/systemd/systemd-udevd".to_owned(), b"program".to_vec()),
            ("usr/lib/udev/rules.d/80-drivers.rules".to_owned(), b"".to_vec()),
            table("modules.dep", self.dep.clone().into_bytes()),
            table("modules.dep.bin", dependency_index(&self.dep)),
            table("modules.alias", self.alias.clone().into_bytes()),
            table("modules.alias.bin", alias_index(&self.alias)),
        ];
        files.extend(self.modules.iter().map(|(path, said)| table(path, module64(said))));
        files.retain(|(path, _)| !self.without.iter().any(|gone| path.ends_with(gone)));
        files.extend(self.others.iter().cloned());
        files
    }

    fn facts(&self) -> Facts {
        let mut archive =
            Archive::new().link("lib", "usr/lib").link("bin", "usr/bin").link("sbin", "usr/sbin");
        for (path, bytes) in self.files() {
            archive = archive.file(path, bytes);
        }
        let mut memory = Memory::new()
            .link("lib", "usr/lib")
            .file(&format!("boot/vmlinuz-{RELEASE}"), kernel_image())
            .file(&format!("boot/config-{RELEASE}"), "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n")
            .file(&format!("boot/initrd.img-{RELEASE}"), archive.finish())
            .file(&format!("{MODULES}/modules.builtin"), self.builtin)
            .file(&format!("{MODULES}/modules.alias"), self.alias.as_str())
            .file(&format!("{MODULES}/modules.dep"), self.dep.as_str())
            .file("etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n");
        for (path, said) in modules() {
            memory = memory.file(&format!("{MODULES}/{path}"), module64(&said));
        }
        Facts::gather(&memory.into_tree(), &Limits::default())
    }

    fn entry(&self, facts: &Facts) -> BootEntry {
        let initrd = self.initrd.then(|| format!("boot/initrd.img-{RELEASE}"));
        GivenEntry { kernel: RELEASE.to_owned(), initrd, cmdline: self.cmdline.to_owned() }.to_entry(facts)
    }

    fn boot_on(&self, target: &Target) -> Boot {
        let facts = self.facts();
        let entry = self.entry(&facts);
        simulate_entry(&facts, &entry, std::slice::from_ref(target)).remove(0)
    }

    fn boot(&self) -> Boot {
        self.boot_on(&built_in("kvm").unwrap())
    }

    /// The sentence of the step that stops it.
    fn stops(&self, step: StepName) -> String {
        let boot = self.boot();
        let told: Vec<_> = boot.steps.iter().map(|step| (step.step, step.state, &step.detail)).collect();
        assert_eq!((boot.outcome, boot.failed_at), (Outcome::Fails, Some(step)), "{told:#?}");
        boot.steps.iter().find(|one| one.step == step).unwrap().detail.clone()
    }

    fn to_disk(&self) -> (State, Vec<String>) {
        let boot = self.boot();
        let step = boot.steps.iter().find(|step| step.step == StepName::DiskDriver).unwrap();
        (step.state, boot.disk.drivers.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn reaches_root(&self) {
        let boot = self.boot();
        let bad: Vec<_> = boot
            .steps
            .iter()
            .filter(|step| {
                let up_to_root = StepName::Initrd..=StepName::RootFilesystem;
                up_to_root.contains(&step.step) && step.state != State::Ok
            })
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }
}

const BLK: &str = "kernel/drivers/block/virtio_blk.ko";
const RING: &str = "kernel/drivers/virtio/virtio_ring.ko";

#[test]
fn a_whole_initrd_finds_the_disk_with_all_modules_on_the_way() {
    let machine = Machine::new();
    machine.reaches_root();
    assert_eq!(machine.to_disk(), (State::Ok, vec!["virtio_pci".to_owned(), "virtio_blk".to_owned()]));
    let facts = machine.facts();
    let bound = bindings(&facts, &machine.entry(&facts), &built_in("kvm").unwrap());
    let disk = bound.iter().find(|device| device.disk.is_some()).unwrap();
    let modules: Vec<_> = disk.modules.iter().map(ToString::to_string).collect();
    assert_eq!((disk.driver_name.as_deref(), disk.on_boot_path), (Some("virtio_blk"), true));
    assert_eq!(modules, ["virtio", "virtio_blk", "virtio_ring"]);
    // The network card's driver is not in this image, and what hangs below it does not appear.
    let nic = bound.iter().find(|device| device.modalias.starts_with("virtio:d00000001")).unwrap();
    assert_eq!((&nic.driver, nic.modules.len()), (&None, 0));
}

#[test]
fn a_dependency_that_is_listed_but_absent_keeps_the_driver_from_loading() {
    let said = Machine::new().without("virtio_ring.ko").stops(StepName::DiskDriver);
    assert!(said.contains("virtio_ring"), "{said}");
    let said = Machine::new().without("virtio_blk.ko").stops(StepName::DiskDriver);
    assert!(said.contains("virtio_blk is missing"), "{said}");
}

#[test]
fn without_the_tables_that_libkmod_reads_nothing_is_loaded() {
    for (gone, told) in [
        ("modules.alias.bin", "lacks `lib/modules/6.1.0-9-amd64/modules.alias.bin`"),
        ("modules.dep.bin", "lacks `lib/modules/6.1.0-9-amd64/modules.dep.bin`"),
        ("80-drivers.rules", "the initrd has no driver"),
    ] {
        let machine = Machine::new().without(gone);
        if gone == "80-drivers.rules" {
            // Another rule is there, so that the folder is, too.
            let machine = machine.with("usr/lib/udev/rules.d/60-persistent-storage.rules", "");
            let said = machine.stops(StepName::DiskDriver);
            assert!(said.contains("80-drivers.rules"), "{said}");
            continue;
        }
        let said = machine.stops(StepName::DiskDriver);
        assert!(said.contains(told), "{gone}: {said}");
    }
    // The text alone helps nobody who has kmod, and the text may be missing.
    Machine::new().without("modules.dep").without("modules.alias").reaches_root();
}

#[test]
fn a_damaged_table_is_told() {
    let path = format!("{MODULES}/modules.alias.bin");
    let machine = Machine::new().without("modules.alias.bin").with(&path, "\0\0 not an index");
    let said = machine.stops(StepName::DiskDriver);
    assert!(said.contains("modules.alias.bin` in the initrd is damaged"), "{said}");
    let mut stale = Machine::new();
    stale.dep = stale.dep.replace("kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko\n", "");
    let said = stale.stops(StepName::DiskDriver);
    assert!(said.contains("`modules.dep` in the initrd does not know it"), "{said}");
}

#[test]
fn modules_that_need_each_other_do_not_load_and_do_not_hang() {
    let mut machine = Machine::new()
        .saying(RING, vec![MAGIC, "depends=virtio_blk"])
        .saying(BLK, vec![MAGIC, "alias=virtio:d00000002v*", "depends=virtio_ring"]);
    let said = machine.stops(StepName::DiskDriver);
    assert!(said.contains("in a circle"), "{said}");
    machine = Machine::new();
    machine.dep = machine.dep.replace(
        "kernel/drivers/virtio/virtio_ring.ko:\n",
        "kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio_pci.ko\n",
    );
    let said = machine.stops(StepName::DiskDriver);
    assert!(said.contains("in a circle"), "{said}");
}

#[test]
fn an_alias_pattern_with_a_broken_bracket_matches_nothing() {
    let broken = "virtio:d0000000[2v*";
    let mut machine =
        Machine::new().saying(BLK, vec![MAGIC, "alias=virtio:d0000000[2v*", "depends=virtio,virtio_ring"]);
    machine.alias = machine.alias.replace("virtio:d00000002v*", broken);
    let boot = machine.boot();
    assert_eq!((boot.outcome, boot.failed_at), (Outcome::Fails, Some(StepName::DiskDriver)));
}

#[test]
fn modules_of_another_kernel_are_refused() {
    const OTHER: &str = "vermagic=5.10.0-28-amd64 SMP mod_unload modversions ";
    let said = Machine::new()
        .saying(BLK, vec![OTHER, "alias=virtio:d00000002v*", "depends=virtio,virtio_ring"])
        .stops(StepName::DiskDriver);
    assert!(said.contains("built for another kernel"), "{said}");
    // One base version, symbol versions, the same options: what weak-updates live on.
    const NEAR: &str = "vermagic=6.1.0-8-amd64 SMP preempt mod_unload modversions ";
    Machine::new()
        .saying(BLK, vec![NEAR, "alias=virtio:d00000002v*", "depends=virtio,virtio_ring"])
        .reaches_root();
    const OTHER_OPTIONS: &str = "vermagic=6.1.0-8-rt SMP preempt_rt mod_unload modversions ";
    Machine::new()
        .saying(BLK, vec![OTHER_OPTIONS, "alias=virtio:d00000002v*", "depends=virtio,virtio_ring"])
        .stops(StepName::DiskDriver);
}

#[test]
fn what_forbids_a_module_is_named() {
    const ROOT: &str = "root=/dev/vda1 rootfstype=ext4 ro ";
    for (parameter, fails) in [
        ("modprobe.blacklist=virtio-blk", true),
        ("module_blacklist=nouveau,virtio_blk", true),
        ("blacklist=virtio_blk", true),
        ("initcall_blacklist=virtio_blk_init", true),
        ("initcall_blacklist=nvme_init", false),
        // dracut's own, which initramfs-tools does not know.
        ("rd.driver.blacklist=virtio_blk", false),
    ] {
        let cmdline: &'static str = Box::leak(format!("{ROOT}{parameter}").into_boxed_str());
        let machine = Machine::new().cmdline(cmdline);
        if fails {
            let said = machine.stops(StepName::DiskDriver);
            assert!(said.contains(&format!("`{parameter}` on the kernel command line")), "{said}");
        } else {
            machine.reaches_root();
        }
    }
    for (line, fails) in [
        ("blacklist virtio_blk\n", true),
        ("install virtio_blk /bin/false\n", true),
        ("install virtio_ring /bin/true\n", true),
        ("blacklist virtio_ring\n", false),
    ] {
        let machine = Machine::new().with("etc/modprobe.d/local.conf", line);
        if fails {
            let said = machine.stops(StepName::DiskDriver);
            assert!(said.contains("`etc/modprobe.d/local.conf` line 1 in the initrd"), "{line}: {said}");
        } else {
            machine.reaches_root();
        }
    }
}

#[test]
fn modules_that_are_named_in_a_list_load_without_udev_but_not_past_a_blacklist() {
    let gone = ["systemd-udevd", "scripts/init-top/udev"];
    let bare = || gone.iter().fold(Machine::new(), |machine, path| machine.without(path));
    let said = bare().stops(StepName::DiskDriver);
    assert!(said.contains("no udev"), "{said}");
    bare().with("conf/modules", "virtio_pci\nvirtio_blk\n").reaches_root();
    // initramfs-tools calls modprobe with `-b`.
    bare()
        .with("conf/modules", "virtio_pci\nvirtio_blk\n")
        .with("etc/modprobe.d/local.conf", "blacklist virtio_blk\n")
        .stops(StepName::DiskDriver);
}

#[test]
fn ext4_does_not_mount_without_anything_that_computes_crc32c() {
    let mut old = built_in("kvm").unwrap();
    old.cpu_flags = Some(vec!["fpu".to_owned(), "sse2".to_owned()]);
    let machine = Machine::new();
    assert_eq!(machine.boot_on(&old).failed_at, None);
    let machine = machine.without("crc32c_generic.ko");
    machine.reaches_root();
    assert_eq!(machine.boot_on(&old).failed_at, Some(StepName::RootFilesystem));
    let said = machine.without("crc32c-intel.ko").stops(StepName::RootFilesystem);
    assert!(said.contains("crc32c_generic"), "{said}");
}

#[test]
fn without_an_initrd_only_what_is_built_in_counts() {
    let without = |builtin| Machine { initrd: false, builtin, ..Machine::new() };
    let said = without("").stops(StepName::DiskDriver);
    assert!(said.contains("there is no initrd"), "{said}");
    without(
        "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/block/virtio_blk.ko\nkernel/fs/ext4/ext4.ko\n",
    )
    .reaches_root();
    // An initrd without an init is none to the kernel.
    let said = Machine::new().without("init").stops(StepName::Initrd);
    assert!(said.contains("no `/init`"), "{said}");
    let builtin =
        "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/block/virtio_blk.ko\nkernel/fs/ext4/ext4.ko\n";
    Machine { builtin, ..Machine::new() }.without("init").reaches_root();
}

#[test]
fn an_initrd_that_does_not_fit_into_memory_fails() {
    let mut small = built_in("kvm").unwrap();
    small.memory_mib = Some(48);
    let boot = Machine::new().boot_on(&small);
    assert_eq!((boot.outcome, boot.failed_at), (Outcome::Fails, Some(StepName::Initrd)));
    small.memory_mib = Some(64);
    assert_eq!(Machine::new().boot_on(&small).outcome, Outcome::Unknown);
    small.memory_mib = Some(512);
    assert_eq!(Machine::new().boot_on(&small).failed_at, None);
}

#[test]
fn an_image_cut_off_behind_what_it_needs_is_left_open() {
    let machine = Machine::new();
    let facts = machine.facts();
    let image = facts.initrds.first().unwrap();
    assert!(image.damage.get().unwrap().is_none());
    let mut archive = Archive::new();
    for (path, bytes) in machine.files() {
        archive = archive.file(path, bytes);
    }
    let whole = archive.unfinished();
    let image =
        crate::initrd::read(Cursor::new(&whole[..whole.len() - 3]), &crate::initrd::ImageLimits::default());
    assert!(!image.unwrap().damage.unwrap().after_trailer);
}

#[test]
fn dead_buses_keep_their_devices_from_appearing() {
    let machine = Machine::new().cmdline("root=/dev/vda1 rootfstype=ext4 pci=off");
    let said = machine.stops(StepName::DiskDriver);
    assert!(said.contains("`pci=off` on the kernel command line"), "{said}");
}
