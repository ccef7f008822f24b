//! Whether the root file system lives on a multipathed disk.
//!
//! Followed from what names root (fstab, the default entry's `root=`) through LVM's backups and the known block
//! devices to a name that multipath gives. Where a link of that chain is missing, the answer is unknown, unless
//! nothing here was ever multipathed.

use super::{Around, Multipath};
use crate::facts::Known;
use crate::facts::block_devices::BlockDevice;
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::place::Place;

/// What would settle it.
const NEEDS: &str = "the output of `lsblk` and `multipath -ll` (a sos report has them)";

pub(super) fn on_multipath(multipath: &Multipath, around: Around<'_>) -> (Known<bool>, Option<Place>) {
    let search = Search { multipath, around };
    let roots = search.roots();
    let answers: Vec<(Option<bool>, &Place)> =
        roots.iter().map(|(spec, at)| (search.follow(spec), at)).collect();
    if let Some((_, at)) = answers.iter().find(|(answer, _)| *answer == Some(true)) {
        return (Known::Known(true), Some((*at).clone()));
    }
    let never = multipath.aliases.is_empty() && multipath.wwids.is_empty();
    let settled = !answers.is_empty() && answers.iter().all(|(answer, _)| *answer == Some(false));
    if settled || never || multipath.enabled == Known::Known(false) {
        return (Known::Known(false), None);
    }
    (Known::unknown(NEEDS), None)
}

struct Search<'a> {
    multipath: &'a Multipath,
    around: Around<'a>,
}

impl Search<'_> {
    /// What names root, and where.
    fn roots(&self) -> Vec<(DeviceSpec, Place)> {
        let entries = self.around.fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
        let mounts = entries.iter().filter(|entry| entry.is_root);
        let mut roots: Vec<_> = mounts.map(|entry| (entry.device.clone(), entry.at.clone())).collect();
        let entries = self.around.boot.entries.iter().filter(|entry| entry.default);
        let lines = entries.filter_map(|entry| entry.cmdline.get());
        roots.extend(
            lines.filter_map(|line| line.root.as_ref()).map(|root| (root.device.clone(), root.at.clone())),
        );
        roots
    }

    /// Whether `spec` leads to a multipathed disk; none if the chain breaks off.
    fn follow(&self, spec: &DeviceSpec) -> Option<bool> {
        if let DeviceName::Mapper(name) = &spec.name
            && self.is_multipath_name(name)
        {
            return Some(true);
        }
        if let DeviceName::KernelName(_) = spec.name {
            return Some(false);
        }
        if let Some((vg, _)) = spec.volume() {
            return self.follow_group(&vg);
        }
        // A partition and the map over it have the same UUID: any of the two tells.
        let same: Vec<&BlockDevice> = self.matching(spec).collect();
        if same.iter().any(|device| self.is_on_multipath(device)) {
            return Some(true);
        }
        let volume = same.iter().find_map(|device| {
            let name = device.name.as_deref()?;
            DeviceSpec::parse(&format!("/dev/{name}")).volume()
        });
        match volume {
            Some((vg, _)) => self.follow_group(&vg),
            None if same.is_empty() => None,
            None => Some(false),
        }
    }

    fn matching<'s>(&'s self, spec: &'s DeviceSpec) -> impl Iterator<Item = &'s BlockDevice> {
        let value = spec.value();
        self.around.devices.devices.iter().filter(move |device| {
            let same =
                |own: &Option<String>| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(value));
            match spec.name {
                DeviceName::Uuid(_) => same(&device.uuid),
                DeviceName::Label(_) => same(&device.label),
                DeviceName::PartUuid(_) => same(&device.partuuid),
                _ => false,
            }
        })
    }

    /// Where the disks of a volume group are.
    fn follow_group(&self, vg: &str) -> Option<bool> {
        let group = self.around.lvm.volume_groups.iter().find(|group| group.name == vg);
        let hints: Vec<&str> = group
            .into_iter()
            .flat_map(|group| &group.physical_volumes)
            .filter_map(|pv| pv.device.as_deref())
            .collect();
        let on =
            |path: &&str| path.strip_prefix("/dev/mapper/").is_some_and(|name| self.is_multipath_name(name));
        if hints.iter().any(on) {
            return Some(true);
        }
        let volumes = self
            .around
            .devices
            .devices
            .iter()
            .filter(|device| device.fstype.as_deref() == Some("LVM2_member"));
        let mut volumes = volumes.peekable();
        if hints.is_empty() && volumes.peek().is_none() {
            return None;
        }
        Some(volumes.any(|device| self.is_on_multipath(device)) && hints.is_empty())
    }

    fn is_on_multipath(&self, device: &BlockDevice) -> bool {
        let name = device.name.as_deref().unwrap_or_default();
        let names = std::iter::once(name).chain(device.links.iter().map(String::as_str));
        names
            .map(|name| name.strip_prefix("mapper/").unwrap_or(name))
            .any(|name| self.is_multipath_name(name))
    }

    /// A bound alias, `mpatha` with a partition or without, or a WWID.
    fn is_multipath_name(&self, name: &str) -> bool {
        is_multipath_name(name) || self.multipath.is_alias(name)
    }
}

/// What multipath calls a disk by itself: `mpatha`, with a partition or without, or its WWID.
pub(super) fn is_multipath_name(name: &str) -> bool {
    let friendly = name.strip_prefix("mpath").is_some_and(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let rest = rest.trim_start_matches("-part");
        rest.bytes().all(|byte| byte.is_ascii_digit())
    });
    let digits = name.split(['-', 'p']).next().unwrap_or_default();
    let is_wwid = digits.len() >= 17 && digits.starts_with(['3', '2']);
    friendly || (is_wwid && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
