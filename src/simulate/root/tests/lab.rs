//! Small systems with one initrd, whose root lies on one thing or another, and what becomes of them.

use crate::facts::{Facts, Limits};
use crate::initrd::testing::Archive;
use crate::simulate::{Boot, GivenEntry, State, StepName, simulate_entry};
use crate::source::memory::Memory;
use crate::target::{self, Target};

pub(super) const RELEASE: &str = "6.1.0-9-amd64";

/// All drivers that the cases do not miss on purpose.
pub(super) const BUILT_IN: &str = "virtio/virtio virtio/virtio_ring virtio/virtio_pci block/virtio_blk fs/ext4 fs/xfs fs/btrfs md/dm-mod \
    md/dm-crypt md/md-mod md/raid1 md/dm-multipath";

/// A system in the making.
pub(super) struct Lab {
    pub(super) root: Vec<(String, Vec<u8>)>,
    pub(super) image: Vec<(String, Vec<u8>)>,
    pub(super) builtin: String,
    pub(super) cmdline: String,
    pub(super) target: Target,
}

impl Lab {
    pub(super) fn new(cmdline: &str) -> Self {
        let text = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        Self {
            root: vec![
                text("etc/fstab", "UUID=aa / ext4 defaults 0 1\n"),
                text("etc/os-release", "ID=debian\n"),
                text("bin/sh", "#!/bin/sh\n"),
                text("sbin/init", "#!/bin/sh\n"),
            ],
            image: ["init", "usr/bin/sh", "usr/bin/udevadm", "usr/lib/systemd/systemd-udevd"]
                .map(|path| text(path, "#!/bin/sh\n"))
                .to_vec(),
            builtin: BUILT_IN.to_owned(),
            cmdline: cmdline.to_owned(),
            target: target::built_in("kvm").unwrap(),
        }
    }

    pub(super) fn initramfs_tools(cmdline: &str) -> Self {
        Self::new(cmdline)
            .inside("conf/initramfs.conf", "MODULES=most\n")
            .inside("conf/arch.conf", "DPKG_ARCH=amd64\n")
            .inside("scripts/functions", "DEV=\"$(blkid -l -t \"$DEV\" -o device)\"\n")
            .inside("usr/sbin/blkid", "#!/bin/sh\n")
            .rules(&["60-persistent-storage.rules", "69-lvm.rules"])
    }

    pub(super) fn dracut(cmdline: &str) -> Self {
        Self::new(cmdline)
            .inside("usr/lib/dracut/modules.txt", "systemd\nlvm\nmdraid\ncrypt\nusrmount\n")
            .inside("usr/lib/dracut/dracut-059-4", "")
            .inside("usr/lib/systemd/systemd", "#!/bin/sh\n")
            .rules(&["60-persistent-storage.rules", "64-lvm.rules"])
    }

    pub(super) fn tools(self, names: &[&str]) -> Self {
        names.iter().fold(self, |lab, name| lab.inside(&format!("usr/sbin/{name}"), "#!/bin/sh\n"))
    }

    pub(super) fn rules(self, names: &[&str]) -> Self {
        names.iter().fold(self, |lab, name| lab.inside(&format!("usr/lib/udev/rules.d/{name}"), "\n"))
    }

    /// Puts a file into the initrd.
    pub(super) fn inside(mut self, path: &str, text: &str) -> Self {
        self.image.retain(|(known, _)| known != path);
        self.image.push((path.to_owned(), text.as_bytes().to_vec()));
        self
    }

    /// Takes what ends like this out of the initrd.
    pub(super) fn lacking(mut self, path: &str) -> Self {
        self.image.retain(|(known, _)| !known.ends_with(path));
        self
    }

    /// Puts a file into the root.
    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        self.root.retain(|(known, _)| known != path);
        self.root.push((path.to_owned(), text.as_bytes().to_vec()));
        self
    }

    pub(super) fn gone(mut self, path: &str) -> Self {
        self.root.retain(|(known, _)| known != path);
        self
    }

    pub(super) fn blkid(self, text: &str) -> Self {
        self.file("sos_commands/block/blkid_-c_.dev.null", text)
    }

    pub(super) fn without_module(mut self, name: &str) -> Self {
        self.builtin =
            self.builtin.split_whitespace().filter(|own| !own.ends_with(name)).collect::<Vec<_>>().join(" ");
        self
    }

    pub(super) fn on(self, target: Target) -> Self {
        Self { target, ..self }
    }

    pub(super) fn boot(&self, with_initrd: bool) -> Boot {
        let links = Archive::new().link("bin", "usr/bin").link("sbin", "usr/sbin").link("lib", "usr/lib");
        let image = self.image.iter().fold(links, |image, (path, bytes)| image.file(path, bytes));
        let modules: String =
            self.builtin.split_whitespace().map(|name| format!("kernel/drivers/{name}.ko\n")).collect();
        let memory = self.root.iter().fold(Memory::new(), |memory, (path, bytes)| memory.file(path, bytes));
        let memory = memory
            .file(&format!("boot/vmlinuz-{RELEASE}"), "not looked into")
            .file(&format!("boot/initrd.img-{RELEASE}"), image.finish())
            .file(&format!("lib/modules/{RELEASE}/modules.builtin"), modules)
            .file(&format!("lib/modules/{RELEASE}/modules.dep"), "")
            .file(&format!("lib/modules/{RELEASE}/modules.alias"), "")
            .directory("proc")
            .directory("sys")
            .directory("dev")
            .directory("sbin");
        let facts = Facts::gather(&memory.into_tree(), &Limits::default());
        let initrd = with_initrd.then(|| format!("boot/initrd.img-{RELEASE}"));
        let given = GivenEntry { kernel: RELEASE.to_owned(), initrd, cmdline: self.cmdline.clone() };
        let entry = given.to_entry(&facts);
        simulate_entry(&facts, &entry, std::slice::from_ref(&self.target)).remove(0)
    }

    /// The first of the steps from the storage stack to init that is not ok, and what it says; `boots` if all are.
    pub(super) fn told(&self) -> String {
        first_trouble(&self.boot(true))
    }
}

pub(super) fn first_trouble(boot: &Boot) -> String {
    let own = [StepName::StorageStack, StepName::RootDevice, StepName::RootFilesystem, StepName::Init];
    let mut steps = boot.steps.iter().filter(|step| own.contains(&step.step) && step.state != State::Ok);
    let trouble = steps.clone().find(|step| step.state == State::Fails).or(steps.next());
    trouble.map_or_else(
        || "boots".to_owned(),
        |step| format!("{} {:?}: {}", step.step.name(), step.state, step.detail),
    )
}

/// Each case says this first, or that it boots.
pub(super) fn check(cases: Vec<(&str, Lab, &str)>) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, lab, want)| {
            let told = lab.told();
            let fits = if *want == "boots" { told == "boots" } else { told.contains(want) };
            (!fits).then(|| format!("{name}: wanted `{want}`, got `{told}`"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
