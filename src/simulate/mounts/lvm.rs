//! Logical volumes that the root system activates, not the initrd: udev's 69-dm-lvm.rules run pvscan(8) and vgchange(8) with
//! root's own lvm.conf(5) and devices file (lvmdevices(8)).

use crate::facts::Facts;
use crate::facts::command_line::CommandLine;
use crate::facts::lvm::Verdict;
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::target::{Target, TargetView};

/// Why the volume is not activated on `target`, as the end of a sentence that begins with its name.
pub(super) fn kept_back(
    facts: &Facts,
    cmdline: Option<&CommandLine>,
    vg: &str,
    lv: &str,
    target: &Target,
) -> Option<String> {
    let volume = format!("{vg}/{lv}");
    let in_initrd = cmdline.is_some_and(|line| line.rd_lvm_lv.iter().any(|own| own.vg == vg && own.lv == lv));
    if in_initrd {
        return None;
    }
    if let Some(list) = &facts.lvm.auto_activation_volume_list {
        let names = |name: &String| name == vg || *name == volume || name.starts_with('@');
        if !list.names.iter().any(names) {
            return Some(format!(
                "is not activated: auto_activation_volume_list, `{}`, does not name it",
                list.at
            ));
        }
    }
    if target.is_same() || !lies_on_disk(facts, vg) {
        return None;
    }
    if facts.lvm.uses_devices_file.get() == Some(&true) {
        let file = facts.lvm.devices_file.as_ref()?;
        let is_stale = !file.devices.is_empty() && file.devices.iter().all(|device| device.is_of_hardware);
        return (is_stale && file.renews_itself.get() == Some(&false))
            .then(|| format!("is not activated: the devices file `{}` lists the old disks alone", file.at));
    }
    let prefix = TargetView::from(target).disk_prefix;
    let rejects = |filter: &&crate::facts::lvm::Filter| {
        filter.verdicts.iter().any(|verdict| verdict.prefix == prefix && verdict.verdict == Verdict::Rejected)
    };
    let filter = facts.lvm.filters.iter().find(rejects)?;
    Some(format!(
        "is not activated: the {} in `{}` hides the disks of {}",
        filter.name, filter.at, target.name
    ))
}

/// Whether the group is known to lie on plain disks, whose names filters go by.
fn lies_on_disk(facts: &Facts, vg: &str) -> bool {
    let is_plain = |path: &str| matches!(DeviceSpec::parse(path).name, DeviceName::KernelName(_));
    let group = facts.lvm.volume_groups.iter().find(|group| group.name == vg);
    let mut hints =
        group.into_iter().flat_map(|group| &group.physical_volumes).filter_map(|pv| pv.device.as_deref());
    hints.next().is_some_and(|first| is_plain(first) && hints.all(is_plain))
}
