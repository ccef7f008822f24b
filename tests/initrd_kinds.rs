//! Each kind of initrd on a KVM machine with a virtio disk: one that boots, and one that is as near to it as can be and
//! does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use bootproof::facts::{Facts, Limits};
use bootproof::initrd::Kind;
use bootproof::simulate::{Boot, GivenEntry, State, StepName, simulate, simulate_entry};
use bootproof::source::memory::Memory;
use bootproof::target::built_in;
use common::pack::{Archive, Module, alias_index, bzimage, dependency_index, unified};

/// What a kernel of a distribution has for a virtio disk with ext3 or ext4 on it: name, aliases, dependencies.
const MODULES: [(&str, &[&str], &[&str]); 7] = [
    ("virtio", &[], &[]),
    ("virtio_ring", &[], &[]),
    ("virtio_pci", &["pci:v00001AF4d*sv*sd*bc*sc*i*"], &["virtio_ring", "virtio"]),
    ("virtio_blk", &["virtio:d00000002v*"], &["virtio_ring", "virtio"]),
    ("jbd", &[], &[]),
    ("ext3", &["fs-ext3"], &["jbd"]),
    ("ext4", &["fs-ext4"], &[]),
];

/// The text of `modules.dep` and `modules.alias` of these modules.
fn tables(names: &[&str]) -> (String, String) {
    let (mut dep, mut alias) = (String::new(), String::new());
    for (name, aliases, needs) in MODULES.iter().filter(|(name, ..)| names.contains(name)) {
        dep += &format!("kernel/{name}.ko:");
        for needed in needs.iter().filter(|needed| names.contains(needed)) {
            dep += &format!(" kernel/{needed}.ko");
        }
        dep += "\n";
        aliases.iter().for_each(|pattern| alias += &format!("alias {pattern} {name}\n"));
    }
    (dep, alias)
}

fn module(name: &str, release: &str) -> Vec<u8> {
    let (_, aliases, needs) = MODULES.iter().find(|(known, ..)| *known == name).unwrap();
    Module::new(name, release).aliases(aliases).depends(needs).build()
}

const ALL: [&str; 7] = ["virtio", "virtio_ring", "virtio_pci", "virtio_blk", "jbd", "ext3", "ext4"];

/// An image in the making, for one kernel.
struct Image {
    release: &'static str,
    archive: Archive,
}

impl Image {
    fn new(release: &'static str) -> Self {
        Self { release, archive: Archive::new() }
    }

    fn file(mut self, path: &str, contents: &str) -> Self {
        self.archive.program(path, contents);
        self
    }

    /// The modules below `lib/modules`, with the tables that kmod or, without `binary`, module-init-tools reads.
    fn modules(mut self, names: &[&str], binary: bool) -> Self {
        let folder = format!("lib/modules/{}", self.release);
        for name in names {
            self.archive.file(&format!("{folder}/kernel/{name}.ko"), module(name, self.release));
        }
        let (dep, alias) = tables(names);
        if binary {
            self.archive.file(&format!("{folder}/modules.dep.bin"), dependency_index(&dep));
            self.archive.file(&format!("{folder}/modules.alias.bin"), alias_index(&alias));
        }
        self.archive.file(&format!("{folder}/modules.dep"), dep);
        self.archive.file(&format!("{folder}/modules.alias"), alias);
        self
    }

    /// The modules in `lib`, as RHEL 4 and 5 have them.
    fn plain_modules(mut self, names: &[&str]) -> Self {
        for name in names {
            self.archive.file(&format!("lib/{name}.ko"), module(name, self.release));
        }
        self
    }

    fn udev(self) -> Self {
        self.file("usr/lib/systemd/systemd-udevd", "program")
            .file("usr/lib/udev/rules.d/80-drivers.rules", "")
    }

    fn boot(&self, cmdline: &str) -> (Kind, Boot) {
        boot(self.release, Some(self.archive.build()), "", cmdline)
    }
}

fn boot(release: &str, initrd: Option<Vec<u8>>, builtin: &str, cmdline: &str) -> (Kind, Boot) {
    let folder = format!("lib/modules/{release}");
    let (dep, alias) = tables(&ALL);
    let fstype = if release.starts_with("2.6.") || release.starts_with("3.0.") { "ext3" } else { "ext4" };
    let mut memory = Memory::new()
        .file(&format!("boot/vmlinuz-{release}"), bzimage(release))
        .file(&format!("boot/config-{release}"), "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n")
        .file(&format!("{folder}/modules.builtin"), builtin)
        .file(&format!("{folder}/modules.dep"), dep)
        .file(&format!("{folder}/modules.alias"), alias)
        .file("etc/fstab", format!("/dev/vda1 / {fstype} defaults 0 1\n"));
    for name in ALL {
        memory = memory.file(&format!("{folder}/kernel/{name}.ko"), module(name, release));
    }
    let path = "boot/initrd.img";
    let given = initrd.is_some().then(|| path.to_owned());
    if let Some(bytes) = initrd {
        memory = memory.file(path, bytes);
    }
    let facts = Facts::gather(&memory.into_tree(), &Limits::default());
    let kind = facts.initrds.first().and_then(|initrd| initrd.kind.get().copied()).unwrap_or_default();
    let entry = GivenEntry { kernel: release.to_owned(), initrd: given, cmdline: cmdline.to_owned() }
        .to_entry(&facts);
    (kind, simulate_entry(&facts, &entry, &[built_in("kvm").unwrap()]).remove(0))
}

/// Whether every step from the kernel to the root file system is fine; the first that is not, else.
#[track_caller]
fn reaches_root((kind, boot): (Kind, Boot), expected: Kind) {
    assert_eq!(kind, expected);
    let to_root = StepName::Kernel..=StepName::RootFilesystem;
    let bad: Vec<_> =
        boot.steps.iter().filter(|step| to_root.contains(&step.step) && step.state != State::Ok).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[track_caller]
fn stops((_, boot): (Kind, Boot), step: StepName, told: &str) {
    let detail =
        boot.steps.iter().find(|one| one.step == step).map(|one| one.detail.as_str()).unwrap_or_default();
    assert_eq!(boot.failed_at, Some(step), "{:#?}", boot.steps);
    assert!(detail.contains(told), "{detail}");
}

const ROOT: &str = "root=/dev/vda1 rootfstype=ext4 ro";
const DISK: StepName = StepName::DiskDriver;

#[test]
fn dracut_loads_drivers_as_devices_appear() {
    let image = |modules: &[&str]| {
        Image::new("5.14.0-1.el9.x86_64")
            .file("init", "#!/bin/sh\n")
            .file("usr/lib/dracut-lib.sh", "")
            .file("usr/lib/dracut/dracut-057", "")
            .udev()
            .modules(modules, true)
    };
    reaches_root(image(&ALL).boot(ROOT), Kind::Dracut);
    stops(image(&["virtio", "virtio_ring", "virtio_pci", "ext4"]).boot(ROOT), DISK, "virtio_blk is missing");
    let blacklisted = format!("{ROOT} rd.driver.blacklist=virtio_blk");
    stops(image(&ALL).boot(&blacklisted), DISK, "rd.driver.blacklist=virtio_blk");
    // What is named on the command line is loaded whatever is blacklisted.
    reaches_root(image(&ALL).boot(&format!("{blacklisted} rd.driver.post=virtio_blk")), Kind::Dracut);
}

#[test]
fn initramfs_tools_loads_its_list_before_udev() {
    let image = |modules: &[&str]| {
        Image::new("6.1.0-9-amd64")
            .file("init", "#!/bin/sh\n")
            .file("scripts/functions", "#!/bin/sh\n")
            .file("conf/arch.conf", "DPKG_ARCH=amd64\n")
            .file("conf/initramfs.conf", "MODULES=list\n")
            .modules(modules, true)
    };
    reaches_root(
        image(&ALL).file("conf/modules", "virtio_pci\nvirtio_blk\n").boot(ROOT),
        Kind::InitramfsTools,
    );
    stops(image(&ALL).file("conf/modules", "virtio_pci\n").boot(ROOT), DISK, "no udev");
}

/// The script that RHEL 5's mkinitrd writes; `loads` are its insmod lines.
fn nash_init(loads: &[&str]) -> String {
    let mut script =
        "#!/bin/nash\n\nmount -t proc /proc /proc\nsetquiet\necho Creating block device nodes.\nmkblkdevs\n"
            .to_owned();
    for name in loads {
        script += &format!("echo \"Loading {name}.ko module\"\ninsmod /lib/{name}.ko\n");
    }
    script
        + "mkblkdevs\nstabilized --hash --interval 250 /proc/scsi/scsi\necho Creating root device.\n\
        mkrootdev -t ext3 -o defaults,ro /dev/vda1\nmount /sysroot\nsetuproot\nswitchroot\n"
}

#[test]
fn nash_loads_what_its_script_names_in_that_order() {
    let image = |loads: &[&str]| {
        Image::new("2.6.18-398.el5")
            .file("init", &nash_init(loads))
            .file("bin/nash", "program")
            .plain_modules(&["virtio", "virtio_ring", "virtio_pci", "virtio_blk", "jbd", "ext3"])
    };
    let all = ["virtio", "virtio_ring", "virtio_pci", "virtio_blk", "jbd", "ext3"];
    // The root stands in the script as well.
    for cmdline in ["root=/dev/vda1 rootfstype=ext3 ro", "ro"] {
        reaches_root(image(&all).boot(cmdline), Kind::MkinitrdNash);
    }
    let ext3 = "root=/dev/vda1 rootfstype=ext3 ro";
    let disordered = ["virtio", "virtio_blk", "virtio_ring", "virtio_pci", "jbd", "ext3"];
    stops(image(&disordered).boot(ext3), DISK, "virtio_ring is not loaded before it");
    let unnamed = ["virtio", "virtio_ring", "virtio_pci", "jbd", "ext3"];
    stops(image(&unnamed).boot(ext3), DISK, "its init script");
    let without_fs = ["virtio", "virtio_ring", "virtio_pci", "virtio_blk"];
    stops(image(&without_fs).boot(ext3), StepName::RootFilesystem, "ext3");
}

#[test]
fn suse_loads_its_list_with_modprobe() {
    let image = |modules: &str| {
        Image::new("3.0.101-63-default")
            .file("init", "#!/bin/bash\n. /run_all.sh\n")
            .file(
                "run_all.sh",
                &format!("[ \"$rootdev\" ] || rootdev='/dev/vda1'\nRESOLVED_INITRD_MODULES='{modules}'\n"),
            )
            .modules(&ALL, false)
    };
    reaches_root(
        image("virtio_pci virtio_blk ext3").boot("root=/dev/vda1 rootfstype=ext3"),
        Kind::MkinitrdSuse,
    );
    stops(image("virtio_pci ext3").boot("root=/dev/vda1 rootfstype=ext3"), DISK, "no udev");
}

#[test]
fn mkinitcpio_has_udev_only_with_its_hook() {
    let image = |config: &str| {
        Image::new("6.12.1-arch1-1")
            .file("init", "#!/usr/bin/ash\n")
            .file("init_functions", "")
            .file("buildconfig", "")
            .file("config", config)
            .file("hooks/keymap", "")
            .udev()
            .modules(&ALL, true)
    };
    let hooked = image("EARLYHOOKS=\"udev\"\nHOOKS=\"udev keymap\"\n").file("hooks/udev", "");
    reaches_root(hooked.boot(ROOT), Kind::Mkinitcpio);
    stops(image("HOOKS=\"keymap\"\n").boot(ROOT), DISK, "not among the hooks");
    reaches_root(image("MODULES=\"virtio_pci virtio_blk\"\n").boot(ROOT), Kind::Mkinitcpio);
}

#[test]
fn a_script_of_ones_own_loads_what_it_names() {
    let image = |init: &str| {
        Image::new("6.6.0-self").file("init", init).file("bin/busybox", "program").modules(&ALL, false)
    };
    let script = "#!/bin/busybox sh\nmount -t sysfs none /sys\nfor m in virtio_pci virtio_blk; do modprobe $m; done\n\
        mount -t ext4 /dev/vda1 /mnt\nexec switch_root /mnt /sbin/init\n";
    reaches_root(image(script).boot(ROOT), Kind::Other);
    let scan = "#!/bin/busybox sh\nfind /sys -name modalias -exec modprobe -a {} +\nmount /dev/vda1 /mnt\n";
    reaches_root(image(scan).boot(ROOT), Kind::Other);
    stops(
        image("#!/bin/busybox sh\nmodprobe virtio_blk\nmount /dev/vda1 /mnt\n").boot(ROOT),
        DISK,
        "no udev",
    );
}

#[test]
fn without_an_initrd_the_kernel_has_it_all_or_nothing() {
    let builtin = "kernel/virtio_pci.ko\nkernel/virtio_blk.ko\nkernel/ext4.ko\n";
    reaches_root(boot("6.6.0-self", None, builtin, ROOT), Kind::Other);
    stops(boot("6.6.0-self", None, "kernel/virtio_pci.ko\n", ROOT), DISK, "there is no initrd");
}

#[test]
fn a_unified_kernel_image_is_an_entry_with_all_it_needs() {
    let release = "6.12.0-1.fc41.x86_64";
    let initrd = |modules: &[&str]| {
        let image = Image::new(release)
            .file("init", "#!/bin/sh\n")
            .file("usr/lib/dracut-lib.sh", "")
            .file("usr/lib/dracut/dracut-103", "")
            .udev()
            .modules(modules, true);
        image.archive.build()
    };
    let boots = |modules: &[&str], uname: Option<&[u8]>| {
        let (kernel, initrd) = (bzimage(release), initrd(modules));
        let mut sections: Vec<(&str, &[u8])> = vec![
            (".osrel", b"PRETTY_NAME=\"Fedora Linux 41\"\n"),
            (".cmdline", b"root=/dev/vda1 rootfstype=ext4 ro\n"),
            (".linux", &kernel),
            (".initrd", &initrd),
        ];
        sections.extend(uname.map(|uname| (".uname", uname)));
        let folder = format!("lib/modules/{release}");
        let (dep, alias) = tables(&ALL);
        let mut memory = Memory::new()
            .file("boot/efi/EFI/Linux/fedora.efi", unified(&sections))
            .file(&format!("{folder}/modules.builtin"), "")
            .file(&format!("{folder}/modules.dep"), dep)
            .file(&format!("{folder}/modules.alias"), alias)
            .file("etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n");
        for name in ALL {
            memory = memory.file(&format!("{folder}/kernel/{name}.ko"), module(name, release));
        }
        let facts = Facts::gather(&memory.into_tree(), &Limits::default());
        let kind = facts.initrds.first().and_then(|initrd| initrd.kind.get().copied()).unwrap_or_default();
        (kind, simulate(&facts, &[built_in("kvm").unwrap()]).remove(0))
    };
    let whole = boots(&ALL, Some(b"6.12.0-1.fc41.x86_64"));
    assert_eq!(whole.1.entry, "Fedora Linux 41 (6.12.0-1.fc41.x86_64)");
    reaches_root(whole, Kind::Dracut);
    // Images of before systemd 253 have no `.uname`: the kernel inside says what it is.
    reaches_root(boots(&ALL, None), Kind::Dracut);
    stops(boots(&["virtio", "virtio_ring", "virtio_pci", "ext4"], None), DISK, "virtio_blk is missing");
}
