//! open-iscsi: the initiator's name, the records of targets, and what a boot over iSCSI leaves (iscsid(8), iscsiadm(8),
//! open-iscsi's README, "Configuration").

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Gather;
use crate::facts::glob::expand;
use crate::facts::setting::Setting;
use crate::parse::ini::{self, Entry};
use crate::place::Place;
use crate::source::File;

/// iSCSI.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Iscsi {
    /// `etc/iscsi/initiatorname.iscsi`; null when it is not there.
    pub initiator_file: Option<Place>,
    /// Each `InitiatorName=`; iscsid takes one.
    pub initiator_names: Vec<Setting>,
    /// `GenerateName=yes`: a name is made at the first start.
    pub generates_name: bool,
    /// `node.startup` of iscsid.conf, the default for new records.
    pub default_startup: Option<Setting>,
    /// The records of targets.
    pub nodes: Vec<IscsiNode>,
    /// `etc/iscsi/iscsi.initramfs`, with which initramfs-tools puts iSCSI into the initrd (Debian).
    pub initramfs: Option<Place>,
}

/// The record of a target at one portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IscsiNode {
    /// `node.startup`, else the file.
    pub at: Place,
    /// The target's name.
    pub target: String,
    /// The address of the portal.
    pub portal: Option<String>,
    /// `node.startup`: `manual`, `automatic`, `onboot`.
    pub startup: String,
    /// Whether the machine logs in at boot: `automatic` or `onboot`.
    pub starts_at_boot: bool,
}

/// Records that are read; a path of an array makes one for each portal.
const MAX_NODES: usize = 1024;

/// Reads open-iscsi's configuration and database.
pub(super) fn read(gather: &Gather<'_>) -> Iscsi {
    let mut found = Iscsi::default();
    if let Some(file) = gather.read_config("etc/iscsi/initiatorname.iscsi").present() {
        found.initiator_file = Some(Place::file(Arc::clone(&file.path)));
        for entry in ini::parse(&file.bytes) {
            match entry.key.as_str() {
                "InitiatorName" => found.initiator_names.push(setting(&file, &entry)),
                "GenerateName" => found.generates_name = entry.value == "yes",
                _ => {}
            }
        }
    }
    if let Some(file) = gather.read_config("etc/iscsi/iscsid.conf").present() {
        let entries = ini::parse(&file.bytes);
        found.default_startup =
            entries.iter().rfind(|entry| entry.key == "node.startup").map(|entry| setting(&file, entry));
    }
    let initramfs = "etc/iscsi/iscsi.initramfs";
    found.initramfs = gather.tree.exists(initramfs).then(|| Place::file(initramfs));
    // TARGET/PORTAL is the record, or in newer releases a folder with one for each interface.
    for folder in ["var/lib/iscsi/nodes", "etc/iscsi/nodes"] {
        for path in expand(gather, &format!("{folder}/*/*")).into_iter().take(MAX_NODES) {
            let records = if gather.tree.list(&path).is_ok() {
                expand(gather, &format!("{path}/*"))
            } else {
                vec![path]
            };
            for record in records {
                found.nodes.extend(gather.read_config(&record).present().and_then(|file| node(&file)));
            }
        }
    }
    found.nodes.truncate(MAX_NODES);
    found
}

fn setting(file: &File, entry: &Entry) -> Setting {
    Setting { value: entry.value.clone(), at: entry.span.at(&file.path) }
}

fn node(file: &File) -> Option<IscsiNode> {
    let entries = ini::parse(&file.bytes);
    let find = |key: &str| entries.iter().rfind(|entry| entry.key == key);
    let target = find("node.name")?.value.clone();
    let startup = find("node.startup");
    let word = startup.map_or("manual", |entry| entry.value.as_str()).to_owned();
    Some(IscsiNode {
        at: startup.map_or_else(|| Place::file(Arc::clone(&file.path)), |entry| entry.span.at(&file.path)),
        target,
        portal: find("node.conn[0].address").map(|entry| entry.value.clone()),
        starts_at_boot: matches!(word.as_str(), "automatic" | "onboot"),
        startup: word,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn records_are_files_or_folders_of_them_and_keep_their_secrets() {
        let record = "# BEGIN RECORD 2.0-873\nnode.name = iqn.2001-04.com.example:disk1\nnode.startup = automatic\nnode.session.auth.password = hunter2\nnode.conn[0].address = 192.0.2.20\n# END RECORD\n";
        let tree = Memory::new()
            .file("etc/iscsi/initiatorname.iscsi", "## comment\nInitiatorName=iqn.1994-05.com.redhat:abc\n")
            .file("var/lib/iscsi/nodes/iqn.a/192.0.2.20,3260,1/default", record)
            .file("etc/iscsi/nodes/iqn.b/192.0.2.21,3260", "node.name = iqn.b\n")
            .into_tree();
        let limits = Limits::default();
        let iscsi = read(&Gather::new(&tree, &limits));
        assert_eq!(iscsi.initiator_names[0].value, "iqn.1994-05.com.redhat:abc");
        let rows: Vec<_> =
            iscsi.nodes.iter().map(|n| (n.target.as_str(), n.starts_at_boot, n.at.line)).collect();
        assert_eq!(rows, [("iqn.2001-04.com.example:disk1", true, Some(3)), ("iqn.b", false, None)]);
        assert!(!format!("{iscsi:?}").contains("hunter2"));
    }
}
