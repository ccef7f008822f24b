//! The steps `storage-stack`, `root-device` and `root-filesystem`: what turns disks into the volume that holds root,
//! whether `root=` then names something, and whether it can be mounted.
//!
//! Sources: dracut.cmdline(7) and dracut's `lvm_scan.sh` (with `rd.lvm.lv=` nothing else is activated), initramfs-tools'
//! `scripts/local`, the kernel's `block/early-lookup.c` for roots without an initrd.

use super::devices::{Machine, Resolution};
use super::disk::DiskFate;
use super::drivers::{Binding, Drivers};
use super::initrd_view::InitrdView;
use super::{Step, StepName};
use crate::facts::Facts;
use crate::facts::block_devices::Lookup;
use crate::facts::command_line::CommandLine;
use crate::facts::fstab::Mount;
use crate::facts::lvm::{Verdict, VerdictFor};
use crate::initrd::{Kind, ModuleName};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::place::Place;
use crate::target::{Target, TargetView};

/// What is known of root before a target is chosen.
pub(super) struct Root<'a> {
    facts: &'a Facts,
    cmdline: Option<&'a CommandLine>,
    /// What `root=` names, and where that stands: on the command line, or baked into the initrd.
    spec: Option<(DeviceSpec, Place)>,
    fstab: Option<&'a Mount>,
    view: &'a InitrdView<'a>,
    has_initrd: bool,
}

/// What lies between the disk and the root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layer {
    Plain,
    Lvm {
        vg: String,
        lv: String,
    },
    Multipath {
        name: String,
    },
    Luks {
        name: String,
    },
    Md {
        name: String,
    },
    /// The name does not tell.
    Untold,
}

impl<'a> Root<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        cmdline: Option<&'a CommandLine>,
        view: &'a InitrdView<'a>,
        has_initrd: bool,
    ) -> Self {
        let given =
            cmdline.and_then(|line| line.root.as_ref()).map(|root| (root.device.clone(), root.at.clone()));
        let spec = given.or_else(|| baked_root(view));
        let entries = facts.fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
        let fstab = entries.iter().find(|mount| mount.is_root);
        Self { facts, cmdline, spec, fstab, view, has_initrd }
    }

    /// The type of root's file system, if anything says it.
    pub(super) fn fstype(&self) -> Option<String> {
        let given = self.cmdline.and_then(|line| line.value("rootfstype")).map(str::to_owned);
        let known = |name: &String| !name.is_empty() && name != "auto" && name != "rootfs" && name != "none";
        let found = || match self.spec.as_ref().map(|(spec, _)| self.facts.block_devices.find(spec)) {
            Some(Lookup::Found(device)) => device.fstype.clone(),
            _ => None,
        };
        let listed = || self.fstab.map(|mount| mount.fstype.clone());
        given.filter(known).or_else(|| found().filter(known)).or_else(|| listed().filter(known))
    }

    fn layer(&self) -> Layer {
        let Some((spec, _)) = &self.spec else { return Layer::Untold };
        match self.layer_of(spec) {
            Layer::Untold => {}
            layer => return layer,
        }
        // A UUID or label tells nothing of its own: where the input knows the device, its name does.
        if let Lookup::Found(device) = self.facts.block_devices.find(spec)
            && let Some(name) = &device.name
        {
            return self.layer_of(&DeviceSpec::parse(&format!("/dev/{}", name.trim_start_matches("/dev/"))));
        }
        match self.fstab.map(|mount| self.layer_of(&mount.device)) {
            Some(layer @ (Layer::Lvm { .. } | Layer::Luks { .. } | Layer::Md { .. })) => layer,
            _ => Layer::Untold,
        }
    }

    fn layer_of(&self, spec: &DeviceSpec) -> Layer {
        match &spec.name {
            DeviceName::KernelName(_) | DeviceName::PartUuid(_) | DeviceName::PartLabel(_) => Layer::Plain,
            DeviceName::Md(name) => Layer::Md { name: name.clone() },
            DeviceName::LvmPath { vg, lv } => Layer::Lvm { vg: vg.clone(), lv: lv.clone() },
            DeviceName::Mapper(name) => {
                if name.starts_with("mpath") || self.facts.multipath.is_alias(name) {
                    return Layer::Multipath { name: name.clone() };
                }
                if name.starts_with("luks-") || self.is_crypttab_name(name) {
                    return Layer::Luks { name: name.clone() };
                }
                match spec.volume() {
                    Some((vg, lv)) => Layer::Lvm { vg, lv },
                    None => Layer::Untold,
                }
            }
            _ => Layer::Untold,
        }
    }

    fn is_crypttab_name(&self, name: &str) -> bool {
        let volumes = self.facts.crypttab.entries.get().map(Vec::as_slice).unwrap_or_default();
        volumes.iter().any(|volume| volume.name == name)
    }

    /// The step `storage-stack` on `target`, where the boot disk fares as `disk` says.
    pub(super) fn storage_stack(&self, target: &Target, drivers: &Drivers<'_>) -> Step {
        let step = StepName::StorageStack;
        let at = self.spec.as_ref().map(|(_, at)| at.clone());
        match self.layer() {
            Layer::Plain => Step::ok(step, "root lies on a partition: nothing has to be put together", at),
            Layer::Untold => {
                Step::ok(step, "nothing says that root lies on LVM, RAID, LUKS or multipath", at)
            }
            Layer::Lvm { vg, lv } => self.lvm(&vg, &lv, target, drivers, at),
            Layer::Md { name } => {
                let has_tool =
                    self.view.has_any(&["sbin/mdadm", "usr/sbin/mdadm", "bin/mdadm", "usr/bin/mdadm"]);
                self.assembled(&format!("the array {name}"), "mdadm", has_tool, "md_mod", drivers, at)
            }
            Layer::Luks { name } => {
                let known = self.view.main().and_then(|initrd| initrd.has_cryptsetup.get().copied());
                self.assembled(
                    &format!("the LUKS volume {name}"),
                    "cryptsetup",
                    known == Some(true),
                    "dm_crypt",
                    drivers,
                    at,
                )
            }
            Layer::Multipath { name } => {
                let has_tool = self.view.main().and_then(|initrd| initrd.has_multipath.get().copied());
                if target.is_same() {
                    return self.assembled(
                        &format!("the multipath device {name}"),
                        "multipath",
                        has_tool == Some(true),
                        "dm_multipath",
                        drivers,
                        at,
                    );
                }
                let detail = format!(
                    "root is the multipath device {name}, which follows from the WWID of the old storage; the disk \
                     of {} has another one and a single path",
                    target.name
                );
                Step::fails(step, detail, at)
            }
        }
    }

    fn lvm(&self, vg: &str, lv: &str, target: &Target, drivers: &Drivers<'_>, at: Option<Place>) -> Step {
        let step = StepName::StorageStack;
        let has_tool = self.view.main().and_then(|initrd| initrd.has_lvm.get().copied()) == Some(true);
        let volume = format!("{vg}/{lv}");
        if self.view.kind() == Kind::Dracut
            && let Some((wanted, place)) = self.activated()
            && !wanted.iter().any(|name| name == &volume || name == vg)
        {
            let detail = format!(
                "dracut activates only the volumes that rd.lvm.lv= names ({}), and {volume}, which holds root, is not \
                 among them",
                wanted.join(", ")
            );
            return Step::fails(step, detail, place.or(at));
        }
        if let Some((detail, place)) = self.hidden_from_lvm(target) {
            return Step::fails(
                step,
                format!("{volume}, which holds root, is not found: {detail}"),
                Some(place),
            );
        }
        self.assembled(&format!("the logical volume {volume}"), "lvm", has_tool, "dm_mod", drivers, at)
    }

    /// Why LVM in the initrd does not look at the target's disk, and where that is set. Only what the image has its
    /// own copy of counts: without one LVM looks at every disk.
    fn hidden_from_lvm(&self, target: &Target) -> Option<(String, Place)> {
        if target.is_same() {
            return None;
        }
        let view = TargetView::from(target);
        if self.view.text("etc/lvm/lvm.conf").is_some() {
            for filter in &self.facts.lvm.filters {
                let rejects = |verdict: &VerdictFor| {
                    verdict.prefix == view.disk_prefix && verdict.verdict == Verdict::Rejected
                };
                if filter.verdicts.iter().any(rejects) {
                    let detail = format!("the {} in lvm.conf rejects /dev/{}", filter.name, view.disk);
                    return Some((detail, filter.at.clone()));
                }
            }
        }
        let file = self.facts.lvm.devices_file.as_ref()?;
        let in_image = self.view.text("etc/lvm/devices/system.devices").is_some();
        let stale = !file.devices.is_empty() && file.devices.iter().all(|device| device.is_of_hardware);
        if in_image && stale && file.renews_itself.get() == Some(&false) {
            let detail = "the devices file in the initrd lists the old disks alone".to_owned();
            return Some((detail, file.at.clone()));
        }
        None
    }

    /// The volumes and groups that dracut is told to activate; none if it activates all.
    fn activated(&self) -> Option<(Vec<String>, Option<Place>)> {
        let line = self.cmdline?;
        let lvs = line.rd_lvm_lv.iter().map(|volume| format!("{}/{}", volume.vg, volume.lv));
        let mut names: Vec<String> = lvs.chain(line.rd_lvm_vg.iter().map(|vg| vg.value.clone())).collect();
        let place = line.rd_lvm_lv.first().map(|volume| volume.at.clone());
        for baked in self.view.main().and_then(|initrd| initrd.cmdline.get()).into_iter().flatten() {
            if matches!(baked.key.as_str(), "rd.lvm.lv" | "rd_LVM_LV" | "rd.lvm.vg" | "rd_LVM_VG") {
                names.extend(baked.value.clone());
            }
        }
        (!names.is_empty()).then_some((names, place))
    }

    /// Whether a volume can be put together: by `tool` in the initrd, with `module`.
    fn assembled(
        &self,
        what: &str,
        tool: &str,
        has_tool: bool,
        module: &str,
        drivers: &Drivers<'_>,
        at: Option<Place>,
    ) -> Step {
        let step = StepName::StorageStack;
        if !self.has_initrd {
            return Step::fails(
                step,
                format!("root is {what}, which the kernel does not put together without an initrd"),
                at,
            );
        }
        if self.view.main().is_none() {
            return Step::unknown(
                step,
                format!("root is {what}; whether the initrd has {tool} is not known"),
                at,
            );
        }
        if !has_tool {
            return Step::fails(step, format!("root is {what}, but the initrd has no {tool}"), at);
        }
        match drivers.has_module(&ModuleName::new(module)) {
            Ok(()) => Step::ok(step, format!("the initrd has {tool} and {module} for {what}"), at),
            Err((_, missing)) => match drivers.builtin_known() {
                Err(needs) => {
                    let detail = format!("whether {missing} is built in is not known without {needs}");
                    Step::unknown(step, detail, at)
                }
                Ok(()) => Step::fails(
                    step,
                    format!("root is {what}, but the initrd lacks the module {missing}"),
                    at,
                ),
            },
        }
    }

    /// The step `root-device`.
    pub(super) fn root_device(&self, target: &Target, disk: &DiskFate) -> Step {
        let step = StepName::RootDevice;
        let Some((spec, at)) = &self.spec else {
            let detail = match self.cmdline {
                Some(_) => "the command line names no root",
                None => {
                    "the command line is not known: the boot loader's configuration would say what root is"
                }
            };
            return Step::unknown(step, detail, None);
        };
        let (raw, at) = (&spec.raw, Some(at.clone()));
        match Machine::new(self.facts, target, disk).resolve(spec) {
            Resolution::Exists { why, .. } => Step::ok(step, format!("root={raw} {why}"), at),
            Resolution::Missing { why } => Step::fails(step, format!("root={raw} {why}"), at),
            Resolution::Unknown { needs } => {
                Step::unknown(step, format!("whether root={raw} exists is not known without {needs}"), at)
            }
        }
    }

    /// The step `root-filesystem`.
    pub(super) fn root_filesystem(&self, drivers: &Drivers<'_>, target: &Target) -> Step {
        let step = StepName::RootFilesystem;
        let at = self.fstab.map(|mount| mount.at.clone());
        let Some(fstype) = self.fstype() else {
            let detail = "the type of root's file system is not known: `etc/fstab` or the output of `blkid` would tell";
            return Step::unknown(step, detail, at);
        };
        if self.has_initrd && self.view.main().is_none() {
            let detail = format!("whether the initrd has the driver of {fstype} is not known");
            return Step::unknown(step, detail, at);
        }
        match drivers.load_for_name(&format!("fs-{fstype}"), &ModuleName::new(&fstype), target) {
            Binding::Bound { driver, builtin } => {
                let how = if builtin { "built into the kernel" } else { "in the initrd" };
                Step::ok(step, format!("{fstype} is mounted by {driver}, which is {how}"), at)
            }
            Binding::Unknown { needs } => Step::unknown(
                step,
                format!("whether {fstype} is built into the kernel is not known without {needs}"),
                at,
            ),
            Binding::Failed { module, .. } => {
                let missing = module.map_or_else(|| fstype.clone(), |module| module.to_string());
                let place = if self.has_initrd { "the initrd" } else { "the kernel itself" };
                Step::fails(step, format!("root's file system is {fstype}, but {place} lacks {missing}"), at)
            }
        }
    }
}

/// The `root=` that is baked into a dracut image.
fn baked_root(view: &InitrdView<'_>) -> Option<(DeviceSpec, Place)> {
    let baked = view.main()?.cmdline.get()?;
    let root = baked.iter().rev().find(|argument| argument.key == "root")?;
    Some((DeviceSpec::parse_root(root.value.as_deref()?), root.at.clone()))
}
