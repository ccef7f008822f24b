//! Reads what pins an interface to a name, an address or a slot outside the ifcfg files.

use std::collections::BTreeSet;

use super::{Manager, Profile, ifupdown, is_by_slot};
use crate::facts::setting::Setting;
use crate::facts::{Gather, Problem, ProblemKind};
use crate::parse::ini::{self, Entry};
use crate::parse::netplan;
use crate::place::Span;
use crate::source::File;

/// The profiles of all managers, in the order systemd, NetworkManager, netplan, ifupdown.
pub(super) fn read(gather: &Gather<'_>) -> Vec<Profile> {
    let mut profiles = Vec::new();
    // Packages put theirs into /usr/lib; those are for any card.
    for file in gather.read_directory("etc/systemd/network", |name| name.ends_with(".link")) {
        profiles.extend(systemd(&file, Manager::Link));
    }
    for file in gather.read_directory("etc/systemd/network", |name| name.ends_with(".network")) {
        profiles.extend(systemd(&file, Manager::Networkd));
    }
    // The keyfile plugin passes over hidden files and editors' backups.
    let keyfile = |name: &str| !name.starts_with('.') && !name.ends_with('~');
    for file in gather.read_directory("etc/NetworkManager/system-connections", keyfile) {
        profiles.extend(networkmanager(&file));
    }
    for file in gather.read_directory("etc/netplan", |name| name.ends_with(".yaml")) {
        match netplan::parse(&file.bytes) {
            Ok(read) => profiles.extend(read.ethernets.into_iter().filter_map(|one| of_netplan(&file, one))),
            Err(mistake) => {
                let at = mistake.span.at(&file.path);
                gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
            }
        }
    }
    profiles.extend(ifupdown_files(gather));
    profiles
}

/// A profile, unless it is for any card.
fn profile(
    manager: Manager,
    interface: Option<Setting>,
    mac: Option<Setting>,
    path: Option<Setting>,
) -> Option<Profile> {
    let literal =
        |setting: &Setting| !setting.value.is_empty() && !setting.value.contains(['*', '?', '[', '!']);
    let interface = interface.filter(literal).filter(|setting| setting.value != "lo");
    let path = path.filter(literal);
    let mac =
        mac.filter(literal).map(|setting| Setting { value: setting.value.to_ascii_lowercase(), ..setting });
    let at = mac.as_ref().or(path.as_ref()).or(interface.as_ref())?.at.clone();
    let interface_by_slot = interface.as_ref().is_some_and(|setting| is_by_slot(&setting.value));
    let starts_at_boot = manager != Manager::Link;
    Some(Profile { at, manager, interface, interface_by_slot, mac, path, renames_to: None, starts_at_boot })
}

fn setting(file: &File, value: &str, span: Span) -> Setting {
    Setting { value: value.to_owned(), at: span.at(&file.path) }
}

/// The last entry of any of `keys` in any of `sections`.
fn last(file: &File, entries: &[Entry], sections: &[&str], keys: &[&str]) -> Option<Setting> {
    let fits =
        |entry: &&Entry| sections.contains(&entry.section.as_str()) && keys.contains(&entry.key.as_str());
    let entry = entries.iter().rfind(fits)?;
    Some(setting(file, &entry.value, entry.span))
}

fn systemd(file: &File, manager: Manager) -> Option<Profile> {
    let entries = ini::parse(&file.bytes);
    let matching = |keys: &[&str]| last(file, &entries, &["Match"], keys);
    let name = if manager == Manager::Link { "OriginalName" } else { "Name" };
    let found = profile(
        manager,
        matching(&[name]),
        matching(&["MACAddress", "PermanentMACAddress"]),
        matching(&["Path"]),
    )?;
    let renames_to = last(file, &entries, &["Link"], &["Name"]).filter(|_| manager == Manager::Link);
    Some(Profile { renames_to, ..found })
}

fn networkmanager(file: &File) -> Option<Profile> {
    let entries = ini::parse(&file.bytes);
    let kind = last(file, &entries, &["connection"], &["type"])?;
    if !matches!(kind.value.as_str(), "ethernet" | "802-3-ethernet") {
        return None;
    }
    let found = profile(
        Manager::Networkmanager,
        last(file, &entries, &["connection"], &["interface-name"]),
        last(file, &entries, &["ethernet", "802-3-ethernet"], &["mac-address"]),
        last(file, &entries, &["match"], &["path"]),
    )?;
    let automatic = last(file, &entries, &["connection"], &["autoconnect"]);
    let starts_at_boot =
        automatic.is_none_or(|setting| !matches!(setting.value.as_str(), "false" | "0" | "no"));
    Some(Profile { starts_at_boot, ..found })
}

fn of_netplan(file: &File, one: netplan::Ethernet) -> Option<Profile> {
    let placed = |value: Option<(String, Span)>| value.map(|(text, span)| setting(file, &text, span));
    // Without a `match` the id is the interface's name (netplan-yaml(5)).
    let by_id = (!one.matches).then(|| setting(file, &one.id, one.span));
    let found = profile(Manager::Netplan, placed(one.name).or(by_id), placed(one.mac), None)?;
    Some(Profile { renames_to: placed(one.set_name), ..found })
}

fn ifupdown_files(gather: &Gather<'_>) -> Vec<Profile> {
    let mut started = BTreeSet::new();
    let mut named = BTreeSet::new();
    let mut found: Vec<Profile> = Vec::new();
    for (file, read) in ifupdown::read(gather) {
        started.extend(read.started);
        for stanza in read.stanzas {
            let virtual_one = stanza.options.iter().any(|(key, _, _)| {
                ["bridge", "bond", "vlan", "tunnel"].iter().any(|kind| key.starts_with(kind))
            });
            let physical = !matches!(stanza.method.as_str(), "loopback" | "ppp" | "tunnel" | "wvdial");
            if physical && !virtual_one && named.insert(stanza.name.clone()) {
                let name = setting(&file, &stanza.name, stanza.span);
                found.extend(profile(Manager::Ifupdown, Some(name), None, None));
            }
        }
    }
    for one in &mut found {
        let name = one.interface.as_ref().map_or("", |interface| interface.value.as_str());
        one.starts_at_boot = started.contains(name);
    }
    found
}
