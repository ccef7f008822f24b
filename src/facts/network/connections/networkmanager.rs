//! NetworkManager's keyfiles (nm-settings-keyfile(5), nm-settings(5)).

use std::sync::Arc;

use super::{Connection, Owner, Settings, is_own};
use crate::facts::network::links::{CardMatch, normal_mac};
use crate::facts::setting::Setting;
use crate::parse::ini::{self, Entry};
use crate::place::Place;
use crate::source::File;

/// The sections of a wired connection.
const WIRED: [&str; 2] = ["ethernet", "802-3-ethernet"];
/// Kinds that are put together from others.
const STACKED: [&str; 5] = ["bond", "bridge", "vlan", "team", "macvlan"];

/// The entries of a keyfile.
struct Entries<'a> {
    file: &'a File,
    entries: Vec<Entry>,
}

impl Entries<'_> {
    fn last(&self, sections: &[&str], key: &str) -> Option<&Entry> {
        let fits = |entry: &&Entry| sections.contains(&entry.section.as_str()) && entry.key == key;
        self.entries.iter().rfind(fits).filter(|entry| !entry.value.is_empty())
    }

    fn list(&self, sections: &[&str], key: &str) -> Vec<String> {
        let value = self.last(sections, key).map_or("", |entry| entry.value.as_str());
        value.split([';', ',']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn setting(&self, sections: &[&str], key: &str) -> Option<Setting> {
        self.last(sections, key).map(|entry| self.placed(entry, &entry.value))
    }

    fn placed(&self, entry: &Entry, value: &str) -> Setting {
        Setting { value: value.to_owned(), at: entry.span.at(&self.file.path) }
    }
}

/// What a keyfile brings up; nothing for what is neither wired nor put together from such.
pub(super) fn connection(file: &File) -> Option<Connection> {
    let entries = Entries { file, entries: ini::parse(&file.bytes) };
    let kind = entries.last(&["connection"], "type")?.value.clone();
    let is_wired = WIRED.contains(&kind.as_str());
    if !is_wired && !STACKED.contains(&kind.as_str()) {
        return None;
    }
    let interface = entries.last(&["connection"], "interface-name");
    let mac = entries.last(&WIRED, "mac-address");
    let place = |entry: &Entry| entry.span.at(&file.path);
    let at = mac.or(interface).map_or_else(|| Place::file(Arc::clone(&file.path)), place);
    let id = entries.last(&["connection"], "id").map_or("", |entry| entry.value.as_str());
    let mut names: Vec<String> = interface.iter().map(|entry| entry.value.clone()).collect();
    names.extend(entries.list(&["match"], "interface-name"));
    let others = ["kernel-command-line"].into_iter().filter(|key| entries.last(&["match"], key).is_some());
    let matches = CardMatch {
        names,
        macs: mac.iter().map(|entry| normal_mac(&entry.value)).collect(),
        paths: entries.list(&["match"], "path"),
        drivers: entries.list(&["match"], "driver"),
        others: others.map(str::to_owned).collect(),
        ..CardMatch::default()
    };
    let off = entries.last(&["connection"], "autoconnect");
    Some(Connection {
        matches,
        is_virtual: !is_wired,
        ports: entries.last(&["vlan"], "parent").iter().map(|entry| entry.value.clone()).collect(),
        starts_at_boot: off.is_none_or(|entry| !matches!(entry.value.as_str(), "false" | "0" | "no")),
        settings: settings(&entries, (!is_wired).then_some(kind)),
        ..super::connection(Owner::Networkmanager, id, at)
    })
}

fn settings(entries: &Entries<'_>, kind: Option<String>) -> Settings {
    let mut found = Settings { kind, ..Settings::default() };
    found.dhcp = entries.setting(&["ipv4"], "method").filter(|setting| setting.value == "auto");
    for entry in &entries.entries {
        let is_ip = matches!(entry.section.as_str(), "ipv4" | "ipv6");
        let numbered = |start: &str| {
            let digits = entry.key.strip_prefix(start);
            digits
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if is_ip && (numbered("address") || numbered("addresses") || entry.key == "addresses") {
            add_addresses(entries, entry, &mut found);
        } else if is_ip && entry.key == "gateway" && !entry.value.is_empty() {
            found.gateways.push(entries.placed(entry, &entry.value));
        } else if is_ip && entry.key == "dns" {
            let servers = entry.value.split([';', ',']).map(str::trim).filter(|server| !server.is_empty());
            found.nameservers.extend(servers.map(|server| entries.placed(entry, server)));
        } else if entry.section == "ethtool" {
            found.ethtool.push(entries.placed(entry, &format!("{}={}", entry.key, entry.value)));
        } else if is_ip && entry.key == "may-fail" && entry.value == "false"
            || entry.section == "connection" && entry.key == "wait-device-timeout"
        {
            found.waits.push(entries.placed(entry, &format!("{}={}", entry.key, entry.value)));
        }
    }
    for key in ["speed", "duplex", "auto-negotiate"] {
        let set =
            entries.setting(&WIRED, key).filter(|setting| !matches!(setting.value.as_str(), "0" | "false"));
        found.ethtool.extend(set.map(|set| Setting { value: format!("{key}={}", set.value), ..set }));
    }
    found.mtu = entries.setting(&WIRED, "mtu").filter(|setting| setting.value != "0");
    // Ports of what is not read here, such as a VRF or Open vSwitch, are nobody's.
    let port_type = ["port-type", "slave-type"].iter().find_map(|key| entries.last(&["connection"], key));
    if port_type.is_some_and(|kind| STACKED.contains(&kind.value.as_str())) {
        found.port_of = ["controller", "master"].iter().find_map(|key| entries.setting(&["connection"], key));
    }
    found.bond_mode = entries.setting(&["bond"], "mode");
    found
}

/// `192.0.2.10/24,192.0.2.1`: an address and, in older files, its gateway; several behind `;`.
fn add_addresses(entries: &Entries<'_>, entry: &Entry, found: &mut Settings) {
    for one in entry.value.split(';').map(str::trim).filter(|one| !one.is_empty()) {
        let mut words = one.split(',').map(str::trim);
        let address = words.next().unwrap_or_default();
        if !address.is_empty() && !is_own(address) {
            found.addresses.push(entries.placed(entry, address));
        }
        let gateway = words.next().filter(|gateway| !matches!(*gateway, "" | "0.0.0.0" | "::"));
        found.gateways.extend(gateway.map(|gateway| entries.placed(entry, gateway)));
    }
}
