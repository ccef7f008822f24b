//! The arrays whose members the disks hold, and the names that mdadm gives them.
//!
//! mdadm's `Incremental.c` and `mdopen.c`: an array that mdadm.conf lists gets the name there. Another one is called after the name in its
//! superblock (`host:name`) if the host is this one (HOMEHOST, by default the host's name); a number becomes `/dev/md<number>`. What is of
//! another host is foreign, and gets the first free number from 127 downwards.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Md;
use crate::facts::Known;
use crate::facts::block_devices::{BlockDevice, BlockDevices};
use crate::place::Place;

/// Arrays that are given at most.
const MAX_ARRAYS: usize = 500;

/// What would say which arrays there are.
pub(super) const NEEDS: &str =
    "the output of `blkid` or `mdadm --examine --scan` (a sos report has the first)";

/// An array by what its members say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArrayOnDisks {
    /// Where the first member was read.
    pub at: Place,
    /// Its UUID as blkid writes it.
    pub uuid: String,
    /// The name in the superblock, without the host; null for old formats, which have none.
    pub name: Option<String>,
    /// The host in the superblock; null if it has none.
    pub host: Option<String>,
    /// The members.
    pub devices: Vec<String>,
    /// mdadm.conf has a line for it.
    pub is_listed: bool,
    /// It counts as another host's: the host in the superblock is neither HOMEHOST nor the host's own name. Null where nobody
    /// knows one of them.
    pub is_foreign: Option<bool>,
    /// The device that mdadm makes of it, `/dev/md0`, `/dev/md/root`, or `/dev/md127` for a foreign one; null where it does not
    /// follow.
    pub becomes: Option<String>,
}

/// Puts the members together, and tells which of mdadm.conf's lines no member fits.
pub(in crate::facts) fn compare(md: &mut Md, devices: &BlockDevices, hostname: Option<&str>) {
    let members =
        devices.devices.iter().filter(|device| device.fstype.as_deref() == Some("linux_raid_member"));
    let mut arrays = BTreeMap::<String, Vec<&BlockDevice>>::new();
    for member in members {
        if let Some(uuid) = &member.uuid {
            arrays.entry(uuid.to_ascii_lowercase()).or_default().push(member);
        }
    }
    for array in &mut md.arrays {
        // The line of a container has a UUID of another kind.
        let is_native =
            array.container.is_none() && !matches!(array.metadata.as_deref(), Some("imsm" | "ddf"));
        array.found = match &array.blkid_uuid {
            Some(uuid) if arrays.contains_key(uuid) => Known::Known(true),
            Some(_) if is_native && devices.complete && devices.knows_members() => Known::Known(false),
            Some(_) => Known::unknown(NEEDS),
            None => Known::Known(true),
        };
    }
    let found = arrays.into_iter().take(MAX_ARRAYS);
    md.on_disks = found.filter_map(|(uuid, members)| on_disks(md, uuid, &members, hostname)).collect();
}

fn on_disks(md: &Md, uuid: String, members: &[&BlockDevice], hostname: Option<&str>) -> Option<ArrayOnDisks> {
    let first = members.first()?;
    let label = members.iter().find_map(|member| member.label.as_deref());
    let (host, name) = match label.map(|label| label.split_once(':').unwrap_or(("", label))) {
        Some((host, name)) => (Some(host).filter(|host| !host.is_empty()), Some(name)),
        None => (None, None),
    };
    let line = md.arrays.iter().find(|array| array.blkid_uuid.as_deref() == Some(uuid.as_str()));
    let is_foreign = host.and_then(|host| is_foreign(md, host, hostname));
    let becomes = match (line, name, is_foreign) {
        (Some(line), _, _) if line.device.is_some() => line.device.clone(),
        (_, _, Some(true)) => Some("/dev/md127".to_owned()),
        (_, Some(name), Some(false)) => {
            let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
            Some(if is_number { format!("/dev/md{name}") } else { format!("/dev/md/{name}") })
        }
        _ => None,
    };
    Some(ArrayOnDisks {
        at: first.at.clone(),
        uuid,
        name: name.map(str::to_owned),
        host: host.map(str::to_owned),
        devices: members.iter().filter_map(|member| member.name.clone()).take(MAX_ARRAYS).collect(),
        is_listed: line.is_some(),
        is_foreign,
        becomes,
    })
}

/// Whether an array of `host` is another host's. mdadm compares the whole of what gethostname(2) says.
fn is_foreign(md: &Md, host: &str, hostname: Option<&str>) -> Option<bool> {
    if host == "any" {
        return Some(false);
    }
    match md.homehost.as_ref().map(|set| set.value.to_ascii_lowercase()) {
        Some(home) if home.starts_with("<ignore>") => Some(false),
        Some(home) if home.starts_with("<none>") => Some(true),
        Some(home) if !home.starts_with("<system>") => Some(!home.eq_ignore_ascii_case(host)),
        _ => hostname.map(|own| !own.eq_ignore_ascii_case(host)),
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{Facts, Limits};
    use crate::source::memory::Memory;

    fn read(conf: &str, hostname: &str) -> crate::facts::md::Md {
        let blkid = "/dev/sda2: UUID=\"3aaa0122-2982-7cfa-5331-ad66ca767371\" LABEL=\"web1:0\" TYPE=\"linux_raid_member\"\n\
            /dev/sdb2: UUID=\"3aaa0122-2982-7cfa-5331-ad66ca767371\" LABEL=\"web1:0\" TYPE=\"linux_raid_member\"\n";
        let tree = Memory::new()
            .file("etc/mdadm.conf", conf)
            .file("etc/hostname", format!("{hostname}\n"))
            .file("sos_commands/block/blkid_-c_.dev.null", blkid)
            .into_tree();
        Facts::gather(&tree, &Limits::default()).md
    }

    #[test]
    fn the_name_of_an_array_follows_from_its_host() {
        for (conf, hostname, want) in [
            ("", "web1", Some("/dev/md0")),
            ("", "web2", Some("/dev/md127")),
            ("HOMEHOST <ignore>\n", "web2", Some("/dev/md0")),
            ("HOMEHOST web1\n", "web2", Some("/dev/md0")),
            ("ARRAY /dev/md/root UUID=3aaa0122:29827cfa:5331ad66:ca767371\n", "web2", Some("/dev/md/root")),
        ] {
            let md = read(conf, hostname);
            assert_eq!(md.on_disks[0].becomes.as_deref(), want, "{conf} {hostname}");
            assert_eq!(md.on_disks[0].devices, ["sda2", "sdb2"]);
        }
    }

    #[test]
    fn a_line_without_members_is_told() {
        let md = read("ARRAY /dev/md9 UUID=00000000:00000000:00000000:00000001\n", "web1");
        assert_eq!(md.arrays[0].found.get(), Some(&false));
        assert!(!md.on_disks[0].is_listed);
    }
}
