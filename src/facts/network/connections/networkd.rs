//! networkd's `.network` and `.netdev` files (systemd.network(5), systemd.netdev(5)).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Connection, Owner, Settings, is_own};
use crate::facts::Gather;
use crate::facts::network::links::{card_match, effective, with_drop_ins};
use crate::facts::setting::Setting;
use crate::parse::ini::Entry;
use crate::place::Place;
use crate::source::File;

/// An interface that a `.netdev` file makes.
#[derive(Debug, Default)]
pub(super) struct Device {
    kind: String,
    bond_mode: Option<Setting>,
    mtu: Option<Setting>,
}

/// The entries of a file and its drop-ins.
struct Entries(Vec<(Arc<str>, Entry)>);

impl Entries {
    fn read(gather: &Gather<'_>, file: &File) -> Self {
        Self(with_drop_ins(gather, &file.path, &file.bytes))
    }

    fn all<'a>(
        &'a self,
        sections: &'a [&'a str],
        key: &'a str,
    ) -> impl DoubleEndedIterator<Item = Setting> + 'a {
        let fits = move |entry: &Entry| sections.contains(&entry.section.as_str()) && entry.key == key;
        let found = self.0.iter().filter(move |(_, entry)| fits(entry) && !entry.value.is_empty());
        found.map(|(path, entry)| Setting { value: entry.value.clone(), at: entry.span.at(path) })
    }

    fn last(&self, section: &str, key: &str) -> Option<Setting> {
        self.all(&[section], key).next_back()
    }
}

fn is_true(value: &str) -> bool {
    matches!(value, "yes" | "true" | "1" | "on")
}

/// The interfaces that `.netdev` files make, by name.
pub(super) fn devices(gather: &Gather<'_>) -> BTreeMap<String, Device> {
    let devices = effective(gather, ".netdev").into_iter().filter_map(|file| {
        let entries = Entries::read(gather, &file);
        let device = Device {
            kind: entries.last("NetDev", "Kind")?.value,
            bond_mode: entries.last("Bond", "Mode"),
            mtu: entries.last("NetDev", "MTUBytes"),
        };
        Some((entries.last("NetDev", "Name")?.value, device))
    });
    devices.collect()
}

/// What a `.network` file brings up; nothing without a `[Match]`.
pub(super) fn connection(
    gather: &Gather<'_>,
    file: &File,
    made: &BTreeMap<String, Device>,
) -> Option<Connection> {
    let path = Arc::clone(&file.path);
    let entries = Entries::read(gather, file);
    let matches = card_match(&entries.0)?;
    let first = entries.0.iter().find(|(_, entry)| entry.section == "Match");
    let at = first.map_or_else(|| Place::file(Arc::clone(&path)), |(path, entry)| entry.span.at(path));
    let stem = path.rsplit('/').next().unwrap_or_default();
    let policy = entries.last("Link", "ActivationPolicy").map(|setting| setting.value);
    let down = policy.is_some_and(|policy| policy.ends_with("down") || policy == "manual");
    let device = matches.names.first().and_then(|name| made.get(name));
    let settings = settings(&entries, device);
    Some(Connection {
        matches,
        unmanaged: entries.last("Link", "Unmanaged").is_some_and(|setting| is_true(&setting.value)),
        starts_at_boot: !down,
        settings,
        ..super::connection(Owner::Networkd, stem, at)
    })
}

fn settings(entries: &Entries, device: Option<&Device>) -> Settings {
    let dhcp = entries.last("Network", "DHCP");
    let upper = ["Bond", "Bridge"].iter().find_map(|key| entries.last("Network", key));
    let addresses = entries.all(&["Network", "Address"], "Address");
    let routes = entries.all(&["Network", "Route"], "Gateway");
    Settings {
        dhcp: dhcp.filter(|setting| {
            matches!(setting.value.as_str(), "ipv4" | "v4" | "both") || is_true(&setting.value)
        }),
        addresses: addresses.filter(|setting| !is_own(&setting.value)).collect(),
        gateways: routes.filter(|setting| !setting.value.starts_with('_')).collect(),
        nameservers: entries.all(&["Network"], "DNS").collect(),
        mtu: entries.last("Link", "MTUBytes").or_else(|| device.and_then(|device| device.mtu.clone())),
        port_of: upper,
        port_of_exists: None,
        kind: device.map(|device| device.kind.clone()),
        bond_mode: device.and_then(|device| device.bond_mode.clone()),
        ethtool: Vec::new(),
        waits: entries.last("Link", "RequiredForOnline").into_iter().filter(|s| s.value != "no").collect(),
    }
}
