//! Volume groups as their backups in `/etc/lvm/backup` describe them (vgcfgbackup(8), lvm2's `lib/format_text/export.c`).

use schemars::JsonSchema;
use serde::Serialize;

use super::Lvm;
use crate::facts::block_devices::BlockDevices;
use crate::facts::setting::{Named, Setting};
use crate::facts::{Gather, Known};
use crate::parse::lvm;
use crate::place::Place;
use crate::source::File;

/// What would say which physical volumes there are.
const NEEDS: &str = "the output of `blkid -c /dev/null` or `pvs` (a sos report has the first)";

/// A volume group, from its metadata's backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VolumeGroup {
    /// The backup.
    pub at: Place,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Option<String>,
    /// Its physical volumes.
    pub physical_volumes: Vec<PhysicalVolume>,
    /// The names of its logical volumes, hidden ones too.
    pub logical_volumes: Vec<Named>,
    /// `status` has `CLUSTERED`: only clvmd activates it.
    pub clustered: Option<Place>,
    /// `lock_type`: `sanlock`, `dlm` or `idm` need lvmlockd.
    pub lock_type: Option<Setting>,
    /// `system_id`: only the host of that id activates it.
    pub system_id: Option<Setting>,
}

/// A physical volume, from the backup of its group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PhysicalVolume {
    /// Where.
    pub at: Place,
    /// Its id, with dashes.
    pub id: String,
    /// The device when the backup was written: `/dev/sda2`, `/dev/mapper/mpatha2`.
    pub device: Option<String>,
    /// Whether the machine had it when the evidence was taken.
    pub found: Known<bool>,
}

/// The groups that vgcfgbackup(8) has written.
pub(super) fn gather(gather: &Gather<'_>) -> Vec<VolumeGroup> {
    let files = gather.read_directory("etc/lvm/backup", |name| !name.starts_with('.'));
    files.iter().filter_map(volume_group).collect()
}

fn volume_group(file: &File) -> Option<VolumeGroup> {
    let config = lvm::parse(&file.bytes);
    let own = config.settings.iter().find_map(|set| {
        let name = set.path.strip_suffix("/seqno").or_else(|| set.path.strip_suffix("/extent_size"))?;
        (!name.contains('/')).then(|| name.to_owned())
    })?;
    let get = |key: &str| config.get(&format!("{own}/{key}"));
    let setting = |key: &str| {
        let set = get(key).filter(|set| !set.value().is_empty())?;
        Some(Setting { value: set.value().to_owned(), at: set.span.at(&file.path) })
    };
    let is_clustered = |set: &&lvm::Setting| set.values.iter().any(|flag| flag == "CLUSTERED");
    let mut group = VolumeGroup {
        at: Place::file(file.path.as_ref()),
        id: get("id").map(|set| set.value().to_owned()),
        physical_volumes: Vec::new(),
        logical_volumes: Vec::new(),
        clustered: get("status").filter(is_clustered).map(|set| set.span.at(&file.path)),
        lock_type: setting("lock_type").filter(|set| set.value != "none"),
        system_id: setting("system_id"),
        name: own.clone(),
    };
    for set in &config.settings {
        let parts: Vec<&str> = set.path.split('/').collect();
        let at = set.span.at(&file.path);
        match parts.as_slice() {
            [vg, "physical_volumes", _, "id"] if *vg == own => {
                let (id, found) = (set.value().to_owned(), Known::unknown(NEEDS));
                group.physical_volumes.push(PhysicalVolume { at, id, device: None, found });
            }
            [vg, "physical_volumes", _, "device"] if *vg == own => {
                if let Some(last) = group.physical_volumes.last_mut() {
                    last.device = Some(set.value().to_owned());
                }
            }
            [vg, "logical_volumes", name, "id"] if *vg == own => {
                group.logical_volumes.push(Named { name: (*name).to_owned(), at });
            }
            _ => {}
        }
    }
    Some(group)
}

/// Works out which physical volumes the machine has.
pub(in crate::facts) fn compare_disks(lvm: &mut Lvm, devices: &BlockDevices) {
    let is_told = devices.complete && devices.knows_members();
    let uuids: std::collections::HashSet<&str> =
        devices.devices.iter().filter_map(|device| device.uuid.as_deref()).collect();
    for volume in lvm.volume_groups.iter_mut().flat_map(|group| &mut group.physical_volumes) {
        volume.found = match uuids.contains(volume.id.as_str()) {
            true => Known::Known(true),
            false if is_told => Known::Known(false),
            false => Known::unknown(NEEDS),
        };
    }
}

/// This host's id, as `global/system_id_source` makes it (lvmsystemid(7)); none if it has none.
pub(super) fn system_id(
    gather: &Gather<'_>,
    source: Option<&str>,
    local: Option<&str>,
    file: Option<&str>,
) -> Known<Option<String>> {
    let first_line = |path: &str| {
        let text = gather.read_config(path).present()?;
        let text = String::from_utf8_lossy(&text.bytes).into_owned();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.next().map(str::to_owned)
    };
    match source.unwrap_or("none") {
        "none" => Known::Known(None),
        "lvmlocal" => Known::Known(local.filter(|id| !id.is_empty()).map(str::to_owned)),
        "uname" => match first_line("etc/hostname") {
            Some(name) => Known::Known(Some(name)),
            None => Known::unknown("the host's name, `uname -n`"),
        },
        "machineid" => Known::Known(first_line("etc/machine-id")),
        "file" => match file.map(|path| path.trim_start_matches('/')) {
            Some(path) => Known::Known(first_line(path)),
            None => Known::Known(None),
        },
        _ => Known::unknown("the output of `lvm systemid`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{Facts, Limits};
    use crate::source::memory::Memory;

    #[test]
    fn a_group_knows_its_locks_its_owner_and_its_missing_disks() {
        let backup = "vg0 {\n\tid = \"g\"\n\tseqno = 2\n\tstatus = [\"RESIZEABLE\", \"CLUSTERED\"]\n\tlock_type = \"dlm\"\n\tsystem_id = \"old\"\n\
            \tphysical_volumes {\n\t\tpv0 {\n\t\t\tid = \"Aa-1\"\n\t\t\tdevice = \"/dev/sda2\"\n\t\t}\n\t\tpv1 {\n\t\t\tid = \"Bb-2\"\n\t\t}\n\t}\n}\n";
        let tree = Memory::new()
            .file("etc/lvm/backup/vg0", backup)
            .file("etc/lvm/lvm.conf", "global { system_id_source = \"uname\" }\n")
            .file("etc/hostname", "new\n")
            .file("sos_commands/block/blkid_-c_.dev.null", "/dev/sda2: UUID=\"Aa-1\" TYPE=\"LVM2_member\"\n")
            .into_tree();
        let lvm = Facts::gather(&tree, &Limits::default()).lvm;
        let group = &lvm.volume_groups[0];
        let found: Vec<_> = group.physical_volumes.iter().map(|pv| pv.found.get().copied()).collect();
        assert_eq!(found, [Some(true), Some(false)]);
        assert_eq!(group.clustered.as_ref().and_then(|at| at.line), Some(4));
        assert_eq!(group.lock_type.as_ref().map(|set| set.value.as_str()), Some("dlm"));
        assert_eq!(group.system_id.as_ref().map(|set| set.value.as_str()), Some("old"));
        assert_eq!(lvm.system_id.get().cloned().flatten().as_deref(), Some("new"));
    }
}
