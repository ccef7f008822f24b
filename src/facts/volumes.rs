//! Which volume groups and logical volumes the machine has, as far as the input says.
//!
//! LVM keeps a copy of each group's metadata in `/etc/lvm/backup` and renews it with every change (lvm.conf(5),
//! `backup/backup`). A group without a copy there may exist all the same: an installer that made it wrote the copy
//! into its own root.

use schemars::JsonSchema;
use serde::Serialize;

use super::block_devices::BlockDevices;
use super::{Gather, Known};
use crate::parse::device_spec::split_mapper_name;
use crate::parse::lvm;
use crate::place::Place;

/// A volume group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its logical volumes, sorted.
    pub volumes: Vec<String>,
    /// What its volumes are made of, as far as a copy of the metadata says.
    pub layouts: Vec<Layout>,
    /// Whether `volumes` is all there are: read from a copy of the metadata.
    pub complete: bool,
    /// Where this was read.
    pub at: Place,
}

/// What a logical volume is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Layout {
    /// The logical volume.
    pub volume: String,
    /// The types of its segments, each once: `striped` (linear, too), `thin`, `thin-pool`, `raid1`, `mirror`, `cache`,
    /// `snapshot`, `vdo`.
    pub types: Vec<String>,
}

/// Reads the metadata copies and the names of mapped devices, in order of the groups' names.
#[must_use]
pub fn gather(gather: &Gather<'_>, devices: &BlockDevices) -> Vec<VolumeGroup> {
    let mut groups = Vec::new();
    for file in gather.read_directory("etc/lvm/backup", |name| !name.starts_with('.')) {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut layouts: Vec<Layout> = Vec::new();
        for setting in lvm::parse(&file.bytes).settings {
            lay_out(&mut layouts, &setting);
            let mut parts = setting.path.split('/');
            if let (Some(group), Some("logical_volumes"), Some(volume)) =
                (parts.next(), parts.next(), parts.next())
            {
                found.push((group.to_owned(), volume.to_owned()));
            }
        }
        let Some(name) = found.first().map(|(group, _)| group.clone()) else { continue };
        let mut volumes: Vec<String> = found.into_iter().map(|(_, volume)| volume).collect();
        volumes.sort();
        volumes.dedup();
        groups.push(VolumeGroup { name, volumes, layouts, complete: true, at: Place::file(file.path) });
    }
    for device in &devices.devices {
        let name = device.name.as_deref().and_then(|name| name.strip_prefix("mapper/"));
        let links = device.links.iter().filter_map(|link| link.strip_prefix("mapper/"));
        for (group, volume) in name.into_iter().chain(links).filter_map(split_mapper_name) {
            add(&mut groups, group, volume, &device.at);
        }
    }
    groups.sort();
    groups
}

/// Takes the type of a segment: `vg/logical_volumes/root/segment1/type`.
fn lay_out(layouts: &mut Vec<Layout>, setting: &lvm::Setting) {
    let parts: Vec<&str> = setting.path.split('/').collect();
    let [_, "logical_volumes", volume, segment, "type"] = parts.as_slice() else { return };
    if !segment.starts_with("segment") {
        return;
    }
    let kind = setting.value().to_owned();
    match layouts.iter_mut().find(|layout| layout.volume == *volume) {
        Some(layout) if layout.types.contains(&kind) => {}
        Some(layout) => layout.types.push(kind),
        None => layouts.push(Layout { volume: (*volume).to_owned(), types: vec![kind] }),
    }
}

fn add(groups: &mut Vec<VolumeGroup>, name: String, volume: String, at: &Place) {
    match groups.iter_mut().find(|group| group.name == name) {
        Some(group) if group.volumes.contains(&volume) => {}
        Some(group) => {
            group.volumes.push(volume);
            group.volumes.sort();
        }
        None => {
            let at = at.clone();
            groups.push(VolumeGroup {
                name,
                volumes: vec![volume],
                layouts: Vec::new(),
                complete: false,
                at,
            });
        }
    }
}

/// Whether there is the volume `lv` in the group `vg`; with an empty `lv`, whether there is the group.
#[must_use]
pub fn has(groups: &[VolumeGroup], vg: &str, lv: &str) -> Known<bool> {
    match groups.iter().find(|group| group.name == vg) {
        Some(group) if lv.is_empty() || group.volumes.iter().any(|volume| volume == lv) => Known::Known(true),
        Some(group) if group.complete => Known::Known(false),
        _ => {
            Known::unknown(format!("LVM's metadata of `{vg}`: `etc/lvm/backup/{vg}` or the output of `lvs`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    const BACKUP: &str = "contents = \"Text Format Volume Group\"\nversion = 1\n\nrhel {\n\tid = \"x\"\n\tphysical_volumes {\n\
        \t\tpv0 {\n\t\t\tdevice = \"/dev/sda2\"\n\t\t}\n\t}\n\tlogical_volumes {\n\t\troot {\n\t\t\tid = \"y\"\n\
        \t\t\tsegment1 {\n\t\t\t\ttype = \"striped\"\n\t\t\t}\n\t\t}\n\t\tswap {\n\t\t\tid = \"z\"\n\t\t}\n\t}\n}\n";

    #[test]
    fn volumes_are_read_from_copies_of_the_metadata() {
        let tree = Memory::new().file("etc/lvm/backup/rhel", BACKUP).into_tree();
        let limits = Limits::default();
        let groups = gather(&Gather::new(&tree, &limits), &BlockDevices::default());
        let [group] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!((group.name.as_str(), group.volumes.join(" ").as_str()), ("rhel", "root swap"));
        assert_eq!(group.layouts, [Layout { volume: "root".into(), types: vec!["striped".into()] }]);
        assert_eq!(has(&groups, "rhel", "root"), Known::Known(true));
        assert_eq!(has(&groups, "rhel", ""), Known::Known(true));
        assert_eq!(has(&groups, "rhel", "home"), Known::Known(false));
        assert!(has(&groups, "data", "home").needs().is_some());
    }
}
