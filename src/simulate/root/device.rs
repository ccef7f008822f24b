//! The step `root-device`: `root=` names something that then exists, and the initrd can find it by that name.

use super::Root;
use super::stack::{Layer, Stack};
use crate::initrd::Kind;
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::mdadm;
use crate::place::Place;
use crate::simulate::devices::{Copy, Machine, Resolution};
use crate::simulate::{Cause, State, Step, StepName};

/// udev's rules that read UUIDs and labels, and make the links for them.
const PERSISTENT: [&str; 3] =
    ["60-persistent-storage.rules", "61-persistent-storage.rules", "59-persistent-storage.rules"];

/// What makes links for UUIDs where rules of another name do (mkinitcpio's systemd hook, SLES 10, RHEL 5).
const BLKID: [&str; 4] = ["sbin/blkid", "usr/sbin/blkid", "bin/blkid", "usr/bin/blkid"];

/// What makes systemd in the initrd wait for the device of `resume=` (systemd-hibernate-resume-generator(8)).
const RESUME_GENERATOR: &str = "systemd-hibernate-resume-generator";

impl<'a> Root<'a> {
    /// The step on `machine`.
    pub(in crate::simulate) fn root_device(&self, machine: &Machine<'a>) -> Step {
        let step = StepName::RootDevice;
        if let Some(stop) = self.stop_at(step) {
            return stop;
        }
        let Some((spec, at)) = &self.spec else { return self.without_root() };
        let (raw, at) = (&spec.raw, Some(at.clone()));
        if let DeviceName::Pseudo(_) | DeviceName::File(_) = &spec.name {
            let detail =
                format!("root={raw} names no device: what the initrd makes of it, its own hooks decide");
            return Step::unknown(step, detail, at);
        }
        if let Some(detail) = self.cannot_look_up(spec) {
            let fails = Step::fails(step, format!("root={raw} {detail}"), at);
            return if self.has_initrd { fails } else { fails.because(Cause::NeedsInitrd) };
        }
        let own = match self.resolve(spec, machine) {
            Resolution::Exists { why, .. } => {
                let Some((resume, at_resume)) = self.resume_gone(machine) else {
                    return self.with_usr(Step::ok(step, format!("root={raw} {why}"), at), machine);
                };
                if self.kind() == Kind::Dracut && self.view.has_named(RESUME_GENERATOR) {
                    let detail =
                        format!("resume={resume} does not exist: the initrd waits for it without end");
                    return Step::fails(step, detail, Some(at_resume.clone())).because(Cause::ResumeMissing);
                }
                let note = "the initrd waits for it and goes on without it";
                Step::ok(step, format!("root={raw} {why}; resume={resume} does not exist: {note}"), at)
            }
            Resolution::Missing { why } => return Step::fails(step, format!("root={raw} {why}"), at),
            Resolution::Unknown { needs } => {
                Step::unknown(step, format!("whether root={raw} exists is not known without {needs}"), at)
            }
        };
        self.with_usr(own, machine)
    }

    /// The step of root itself, unless /usr, which the initrd mounts as well, is not there.
    fn with_usr(&self, own: Step, machine: &Machine<'a>) -> Step {
        let step = StepName::RootDevice;
        match self.usr_device(machine) {
            Some((State::Fails, detail, mount)) => {
                Step::fails(step, detail, Some(mount.at.clone())).because(Cause::UsrMissing)
            }
            Some((_, detail, mount)) if own.state == State::Ok => {
                Step::unknown(step, detail, Some(mount.at.clone()))
            }
            _ => own,
        }
    }

    /// What root is on `machine`: arrays are called as the initrd's own mdadm.conf has it.
    pub(super) fn resolve(&self, spec: &DeviceSpec, machine: &Machine<'a>) -> Resolution<'a> {
        if let DeviceName::Mapper(name) = &spec.name
            && !machine.is_same()
            && matches!(Stack::of(self, machine, spec).layers.first(), Some(Layer::Multipath { .. }))
            && let Ok(why) = self.name_of_single_path(name, machine)
        {
            return Resolution::Exists { device: None, why: format!("is there: {why}") };
        }
        if let Some(copy) = self.copy_named_by_blkid(spec, machine) {
            let why = format!(
                "is on {} and on another disk; the initrd's blkid takes {}, which comes first in `/sys/block`",
                copy.own, copy.name
            );
            return Resolution::Exists { device: None, why };
        }
        let (DeviceName::Md(name), true) = (&spec.name, self.view.main().is_some()) else {
            return machine.resolve(spec);
        };
        let paths = ["etc/mdadm/mdadm.conf", "etc/mdadm.conf"];
        let table = paths.iter().find_map(|path| self.view.text(path)).map(mdadm::parse).unwrap_or_default();
        let named: Vec<String> = table.arrays.into_iter().filter_map(|array| array.device).collect();
        machine.array(spec, name, &named)
    }

    /// Which of several disks with one UUID or label the initrd takes, where it asks blkid.
    pub(super) fn copy_named_by_blkid(&self, spec: &DeviceSpec, machine: &Machine<'a>) -> Option<Copy> {
        let is_tag =
            matches!(spec.name, DeviceName::Uuid(_) | DeviceName::Label(_)) && !spec.raw.contains('/');
        let asks_blkid = self.kind() == Kind::InitramfsTools && self.resolves_by_blkid();
        let copy = (is_tag && asks_blkid).then(|| machine.named_by_blkid(spec));
        copy.flatten()
    }

    /// Whether initramfs-tools' `resolve_device` asks blkid, as it does since 0.130; before, links of udev were used.
    fn resolves_by_blkid(&self) -> bool {
        let script = self.view.text("scripts/functions").unwrap_or_default();
        memchr::memmem::find(script, b"blkid -l -t").is_some()
    }

    /// A swap to resume from that is not there, and where it is named. It is waited for, and the boot goes on without it
    /// (initramfs-tools' `local-premount/resume`; dracut's `parse-resume.sh`, "Cancelling resume operation"), unless systemd's
    /// generator has made root wait for the resume and that for the device: dracut has lifted the limit of time for it.
    fn resume_gone(&self, machine: &Machine<'a>) -> Option<(&str, &Place)> {
        let resume = self.arguments.last("resume").filter(|_| !self.arguments.has("noresume"))?;
        let value = resume.value.as_deref()?;
        match machine.resolve(&DeviceSpec::parse_root(value)) {
            Resolution::Missing { .. } => Some((value, &resume.at)),
            _ => None,
        }
    }

    /// No `root=` anywhere. What then happens is the initrd's choice.
    fn without_root(&self) -> Step {
        let step = StepName::RootDevice;
        if self.cmdline.is_none() {
            let detail =
                "the command line is not known: the boot loader's configuration would say what root is";
            return Step::unknown(step, detail, None);
        }
        let none = "the command line names no root";
        match self.kind() {
            _ if self.initrd_unread() => {
                Step::unknown(step, format!("{none}; whether the initrd has one is not known"), None)
            }
            _ if !self.has_initrd => {
                Step::fails(step, format!("{none}, and without an initrd the kernel needs one"), None)
            }
            Kind::InitramfsTools => {
                Step::fails(step, format!("{none}, and the initrd has none either"), None)
            }
            // systemd in the initrd waits for nothing then; dracut's own init dies ("No or empty root= argument").
            Kind::Dracut if self.has_systemd() => {
                Step::ok(step, format!("{none}: the initrd waits for no device"), None)
            }
            Kind::Dracut => Step::fails(step, format!("{none}, and dracut gives up without one"), None),
            _ => Step::unknown(step, format!("{none}; the initrd's own scripts may"), None),
        }
    }

    /// Why a name of this kind is never found, whatever disks there are.
    fn cannot_look_up(&self, spec: &DeviceSpec) -> Option<String> {
        if !self.has_initrd {
            return kernel_cannot(spec);
        }
        if self.view.main().is_none() || !self.is_whole() {
            return None;
        }
        let is_tag = spec.raw.trim_start_matches("block:").contains('=');
        let is_content = matches!(
            spec.name,
            DeviceName::Uuid(_) | DeviceName::Label(_) | DeviceName::PartUuid(_) | DeviceName::PartLabel(_)
        );
        let is_link = is_content || matches!(&spec.name, DeviceName::ById(_) | DeviceName::ByPath(_));
        let (rules, blkid) = (self.has_rules(&PERSISTENT), self.view.has_any(&BLKID));
        match self.kind() {
            Kind::InitramfsTools if is_content && is_tag => {
                let finds = if self.resolves_by_blkid() { blkid } else { rules || blkid };
                (!finds).then(|| "is not found: the initrd has no blkid that would look for it".to_owned())
            }
            Kind::InitramfsTools | Kind::Dracut if is_link && !rules => {
                Some("is not found: the initrd lacks udev's rules that make such links".to_owned())
            }
            _ => None,
        }
    }
}

/// What the kernel itself does not find (block/early-lookup.c): it knows device names and numbers, and partitions by
/// PARTUUID= and PARTLABEL=, but looks into no file system.
fn kernel_cannot(spec: &DeviceSpec) -> Option<String> {
    let by_kernel = match &spec.name {
        DeviceName::KernelName(_) | DeviceName::Number(_) | DeviceName::Md(_) | DeviceName::Network(_) => {
            true
        }
        // As a link of udev it does not exist yet.
        DeviceName::PartUuid(_) | DeviceName::PartLabel(_) => !spec.raw.starts_with("/dev/"),
        DeviceName::Removable(_) | DeviceName::Software(_) => true,
        _ => false,
    };
    let detail = "is not found: without an initrd the kernel knows device names, numbers, PARTUUID= and PARTLABEL= alone";
    (!by_kernel).then(|| detail.to_owned())
}
