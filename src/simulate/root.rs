//! The steps `storage-stack`, `root-device` and `root-filesystem`: what turns disks into the volume that holds root,
//! whether `root=` then names something, and whether it can be mounted.
//!
//! Sources: dracut's `parse-lvm.sh`, `lvm_scan.sh`, `parse-md.sh`, `parse-crypt.sh` and dracut.cmdline(7);
//! initramfs-tools' `scripts/local`, lvm2's, mdadm's and cryptsetup's scripts for it; the kernel's
//! `block/early-lookup.c` and `init/do_mounts.c` for roots without an initrd.

mod arguments;
mod awaited;
mod device;
mod filesystem;
mod luks;
mod lvm;
mod md;
mod multipath;
mod sectors;
mod shell;
mod stack;
#[cfg(test)]
mod tests;
mod usr;

pub(super) use arguments::Arguments;

use super::devices::Machine;
use super::drivers::{BindFailure, Drivers};
use super::initrd_view::InitrdView;
use super::{Cause, State, Step, StepName};
use crate::facts::Facts;
use crate::facts::block_devices::Lookup;
use crate::facts::command_line::CommandLine;
use crate::facts::fstab::Mount;
use crate::initrd::{Kind, ModuleName};
use crate::parse::device_spec::DeviceSpec;
use crate::place::Place;
use stack::{Layer, Stack};

/// What is known of root before a target is chosen.
pub(super) struct Root<'a> {
    facts: &'a Facts,
    cmdline: Option<&'a CommandLine>,
    /// The parameters that the initrd goes by: those of the command line, and those that are baked into it.
    arguments: Arguments,
    /// What `root=` names, and where that stands: on the command line, or baked into the initrd.
    spec: Option<(DeviceSpec, Place)>,
    fstab: Option<&'a Mount>,
    view: &'a InitrdView<'a>,
    has_initrd: bool,
}

/// Why a volume is not put together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    /// Whether it surely is not, or the input does not say.
    state: State,
    /// A sentence: why, or what would settle it.
    detail: String,
    /// Where that is set.
    at: Option<Place>,
    cause: Option<Cause>,
}

/// What puts a layer together, or why nothing does.
type Check = Result<String, Trouble>;

impl Trouble {
    fn fails(detail: impl Into<String>) -> Self {
        Self::fails_at(detail, None)
    }

    fn fails_at(detail: impl Into<String>, at: Option<Place>) -> Self {
        Self { state: State::Fails, detail: detail.into(), at, cause: None }
    }

    fn unknown(detail: impl Into<String>) -> Self {
        Self::unknown_at(detail, None)
    }

    fn unknown_at(detail: impl Into<String>, at: Option<Place>) -> Self {
        Self { state: State::Unknown, ..Self::fails_at(detail, at) }
    }

    fn because(self, cause: Cause) -> Self {
        Self { cause: Some(cause), ..self }
    }

    /// The step that it makes; `at` where it has no place of its own.
    fn into_step(self, step: StepName, at: Option<Place>) -> Step {
        let Self { state, detail, at: own, cause } = self;
        Step { step, state, detail, at: own.or(at), cause }
    }
}

impl<'a> Root<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        cmdline: Option<&'a CommandLine>,
        view: &'a InitrdView<'a>,
        has_initrd: bool,
    ) -> Self {
        let arguments = Arguments::new(cmdline, view);
        let given =
            cmdline.and_then(|line| line.root.as_ref()).map(|root| (root.device.clone(), root.at.clone()));
        let baked = || {
            let root = arguments.last("root")?;
            Some((DeviceSpec::parse_root(root.value.as_deref()?), root.at.clone()))
        };
        let spec = given.or_else(baked).filter(|(spec, _)| !spec.raw.is_empty());
        let entries = facts.fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
        let fstab = entries.iter().find(|mount| mount.is_root);
        Self { facts, cmdline, arguments, spec, fstab, view, has_initrd }
    }

    /// What `root=` names.
    pub(super) fn spec(&self) -> Option<&DeviceSpec> {
        self.spec.as_ref().map(|(spec, _)| spec)
    }

    /// The parameters that the initrd goes by.
    pub(super) fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// The line of fstab that mounts `/`.
    pub(super) fn fstab(&self) -> Option<&'a Mount> {
        self.fstab
    }

    /// Whether an initrd boots the system.
    pub(super) fn has_initrd(&self) -> bool {
        self.has_initrd
    }

    /// Where `root=` stands.
    fn at(&self) -> Option<Place> {
        self.spec.as_ref().map(|(_, at)| at.clone())
    }

    /// What made the initrd.
    pub(super) fn kind(&self) -> Kind {
        self.view.kind()
    }

    /// Whether systemd runs the initrd.
    pub(super) fn has_systemd(&self) -> bool {
        self.view.main().is_some_and(|initrd| initrd.has_systemd.get() == Some(&true))
    }

    /// Whether there is an initrd that could not be read.
    fn initrd_unread(&self) -> bool {
        self.has_initrd && self.view.main().is_none()
    }

    /// The type of root's file system, if anything says it.
    pub(super) fn fstype(&self) -> Option<String> {
        let found = || match self.spec.as_ref().map(|(spec, _)| self.facts.block_devices.find(spec)) {
            Some(Lookup::Found(device)) => device.fstype.clone(),
            _ => None,
        };
        let listed = || self.fstab.map(|mount| mount.fstype.clone());
        let known = |name: &String| !name.is_empty() && !matches!(name.as_str(), "auto" | "rootfs" | "none");
        self.requested_fstype().or_else(|| found().filter(known)).or_else(|| listed().filter(known))
    }

    /// The step `storage-stack`: what lies between the disks and root (and `/usr`, which the initrd mounts too) is put
    /// together.
    pub(super) fn storage_stack(&self, machine: &Machine<'a>, drivers: &Drivers<'_>) -> Step {
        let step = StepName::StorageStack;
        let at = self.at();
        let Some(spec) = self.spec() else {
            return Step::ok(step, "no root is named that would have to be put together", at);
        };
        let stack = Stack::of(self, machine, spec);
        let done = match self.assemble("root", &stack, machine, drivers) {
            Ok(done) => done,
            Err(trouble) => return trouble.into_step(step, at),
        };
        if let Some(mount) = self.usr() {
            let below = Stack::of(self, machine, &mount.device);
            if below != stack
                && let Err(trouble) = self.assemble("/usr", &below, machine, drivers)
            {
                return trouble.into_step(step, Some(mount.at.clone()));
            }
        }
        if let Some(trouble) = self.awaited(machine) {
            return trouble.into_step(step, at);
        }
        let detail = match (done.is_empty(), stack.layers.last()) {
            (true, Some(Layer::Disk { .. })) => {
                "root lies on a partition or a disk: nothing has to be put together".to_owned()
            }
            (true, _) => "nothing says that root lies on LVM, RAID, LUKS or multipath".to_owned(),
            _ => done.join("; "),
        };
        Step::ok(step, detail, at)
    }

    /// Puts a stack together from the disks up, and says how.
    fn assemble(
        &self,
        what: &str,
        stack: &Stack,
        machine: &Machine<'a>,
        drivers: &Drivers<'_>,
    ) -> Result<Vec<String>, Trouble> {
        if let Some(problem) = &stack.problem {
            return Err(Trouble::fails_at(problem.clone(), None));
        }
        let volume = stack.layers.iter().find(|layer| !matches!(layer, Layer::Disk { .. }));
        if !self.has_initrd
            && let Some(volume) = volume
            && let Some(trouble) = self.without_initrd(what, volume, drivers)
        {
            return Err(trouble);
        }
        if let (true, Some(volume)) = (self.initrd_unread(), volume) {
            let detail =
                format!("{what} is {}; whether the initrd puts it together is not known", volume.name());
            return Err(Trouble::unknown(detail));
        }
        if !stack.layers.iter().any(|layer| matches!(layer, Layer::Disk { .. })) {
            self.sectors(None, Some(0), machine)?;
        }
        let mut done = Vec::new();
        for (at, layer) in stack.layers.iter().enumerate().rev() {
            let below = stack.layers.get(at + 1);
            done.push(match layer {
                Layer::Disk { now, partition } => {
                    self.sectors(now.as_deref(), *partition, machine)?;
                    continue;
                }
                Layer::Lvm { vg, lv } => self.lvm(what, vg, lv, below, machine, drivers)?,
                Layer::Md { name, uuid } => self.md(what, name, uuid.as_deref(), drivers)?,
                Layer::Luks { name, uuid } => self.luks(what, name, uuid.as_deref(), machine, drivers)?,
                Layer::Multipath { name } => self.multipath(what, name, machine, drivers)?,
                Layer::Btrfs { devices } => self.btrfs(what, *devices)?,
            });
        }
        Ok(done)
    }

    /// Without an initrd the kernel puts together arrays alone, and only old ones: with superblocks of version 0.90 on
    /// partitions of type fd (drivers/md/md-autodetect.c).
    fn without_initrd(&self, what: &str, volume: &Layer, drivers: &Drivers<'_>) -> Option<Trouble> {
        match volume {
            Layer::Btrfs { .. } => Some(Trouble::fails(format!(
                "{what} is {}, which nothing scans without an initrd",
                volume.name()
            ))),
            Layer::Md { .. } if drivers.has_module(&ModuleName::new("md_mod")).is_ok() => {
                Some(Trouble::unknown(format!(
                    "{what} is {}; whether the kernel assembles it by itself is not known without the version of its \
                     superblock: `mdadm --examine` says it",
                    volume.name()
                )))
            }
            _ => Some(Trouble::fails(format!(
                "{what} is {}, which the kernel does not put together without an initrd",
                volume.name()
            ))),
        }
    }

    /// A btrfs of several devices is mounted once all of them are known to the kernel: udev's 64-btrfs.rules or
    /// `btrfs device scan` tells it of them.
    fn btrfs(&self, what: &str, devices: usize) -> Check {
        let rules = ["usr/lib/udev/rules.d/64-btrfs.rules", "lib/udev/rules.d/64-btrfs.rules"];
        let programs = ["sbin/btrfs", "usr/sbin/btrfs", "bin/btrfs", "usr/bin/btrfs", "sbin/btrfsctl"];
        if self.view.has_any(&rules) || self.view.has_any(&programs) {
            return Ok(format!(
                "the {devices} devices of the btrfs are found by udev or `btrfs device scan`"
            ));
        }
        Err(Trouble::fails(format!(
            "{what} is a btrfs on {devices} devices, but the initrd has neither `btrfs` nor udev's rules for it, so that \
             the kernel knows one of them alone"
        )))
    }

    /// Whether the modules can be used; the first that cannot is the trouble.
    fn modules(&self, what: &str, modules: &[&str], drivers: &Drivers<'_>) -> Result<(), Trouble> {
        for module in modules {
            let Err((reason, missing)) = drivers.has_module(&ModuleName::new(module)) else { continue };
            if let (Err(needs), BindFailure::NotInInitrd | BindFailure::DependencyMissing) =
                (drivers.builtin_known(), reason)
            {
                let detail = format!("whether {missing} is built in is not known without {needs}");
                return Err(Trouble::unknown(detail));
            }
            return Err(Trouble::fails(match reason {
                BindFailure::Blacklisted => format!("{what}, but the module {missing} is kept from loading"),
                BindFailure::WrongKernel => {
                    format!("{what}, but the module {missing} in the initrd is of another kernel")
                }
                BindFailure::Damaged => format!("{what}, but the module {missing} in the initrd is damaged"),
                _ => format!("{what}, but the initrd lacks the module {missing}"),
            }));
        }
        Ok(())
    }
}
