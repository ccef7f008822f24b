//! Reads what brings interfaces up at boot, whoever's format it is in: one shape for all managers.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::links::{CardMatch, Link, card_match, effective, normal_mac, with_drop_ins};
use super::{Ifcfg, IfcfgFamily, ifupdown};
use crate::facts::Gather;
use crate::facts::setting::Setting;
use crate::parse::ini::{self, Entry};
use crate::parse::{interfaces, netplan};
use crate::place::{Place, Span};
use crate::source::File;

/// Whose configuration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// systemd.network(5).
    Networkd,
    /// nm-settings-keyfile(5).
    Networkmanager,
    /// netplan-yaml(5), for networkd.
    NetplanNetworkd,
    /// netplan-yaml(5), for NetworkManager.
    NetplanNetworkmanager,
    /// interfaces(5).
    Ifupdown,
    /// `ifcfg-*` of Red Hat, read by the network scripts and by NetworkManager.
    IfcfgRedHat,
    /// `ifcfg-*` of SUSE, read by wicked or the older scripts.
    IfcfgSuse,
}

/// One configuration of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Connection {
    /// Where: what says which interface, else the file.
    pub at: Place,
    /// Whose it is.
    pub owner: Owner,
    /// What it calls itself: the interface, the file, or the profile.
    pub name: String,
    /// Which cards it is for.
    pub matches: CardMatch,
    /// Whether it is of an interface that is put together from others (bond, bridge, VLAN), or from nothing.
    pub is_virtual: bool,
    /// For such: the names of the interfaces below it.
    pub ports: Vec<String>,
    /// Whether it is brought up at boot.
    pub starts_at_boot: bool,
    /// Whether the boot's network service fails when its interface does not come: ifupdown's `auto`.
    pub must_come: bool,
    /// Whether it keeps its manager off the interface.
    pub unmanaged: bool,
    /// Whether NetworkManager is kept off it (`NM_CONTROLLED=no`).
    pub scripts_only: bool,
}

/// All connections, and what netplan makes of its files beside them.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) connections: Vec<Connection>,
    /// What netplan makes of `set-name`.
    pub(super) links: Vec<Link>,
    /// Patterns of ifupdown's `mapping` lines.
    pub(super) mappings: Vec<String>,
}

/// Reads the configuration of all managers.
pub(super) fn read(gather: &Gather<'_>, ifcfgs: &[Ifcfg]) -> Read {
    let mut found = Read::default();
    // networkd runs as a user of its own, which a file of root's alone is closed to.
    let is_open = |file: &File| file.node.uid != 0 || file.node.mode & 0o044 != 0;
    for file in effective(gather, ".network").into_iter().filter(is_open) {
        found.connections.extend(networkd(gather, &file));
    }
    let keyfile = |name: &str| !name.starts_with('.') && !name.ends_with('~');
    for folder in ["etc/NetworkManager/system-connections", "usr/lib/NetworkManager/system-connections"] {
        for file in gather.read_directory(folder, keyfile) {
            found.connections.extend(networkmanager(&file));
        }
    }
    netplan_files(gather, &mut found);
    ifupdown_files(gather, &mut found);
    found.connections.extend(ifcfgs.iter().filter_map(of_ifcfg));
    found
}

fn connection(owner: Owner, name: &str, at: Place) -> Connection {
    Connection {
        at,
        owner,
        name: name.to_owned(),
        matches: CardMatch::default(),
        is_virtual: false,
        ports: Vec::new(),
        starts_at_boot: true,
        must_come: false,
        unmanaged: false,
        scripts_only: false,
    }
}

fn networkd(gather: &Gather<'_>, file: &File) -> Option<Connection> {
    let path = Arc::clone(&file.path);
    let entries = with_drop_ins(gather, &path, &file.bytes);
    let matches = card_match(&entries)?;
    let first = entries.iter().find(|(_, entry)| entry.section == "Match");
    let at = first.map_or_else(|| Place::file(Arc::clone(&path)), |(path, entry)| entry.span.at(path));
    let stem = path.rsplit('/').next().unwrap_or_default();
    let last = |section: &str, key: &str| {
        let found = entries.iter().rfind(|(_, entry)| entry.section == section && entry.key == key);
        found.map(|(_, entry)| entry.value.as_str())
    };
    let is_true = |value: &str| matches!(value, "yes" | "true" | "1" | "on");
    let down =
        last("Link", "ActivationPolicy").is_some_and(|policy| policy.ends_with("down") || policy == "manual");
    Some(Connection {
        matches,
        unmanaged: last("Link", "Unmanaged").is_some_and(is_true),
        starts_at_boot: !down,
        ..connection(Owner::Networkd, stem, at)
    })
}

fn networkmanager(file: &File) -> Option<Connection> {
    let entries = ini::parse(&file.bytes);
    let last = |sections: &[&str], key: &str| -> Option<&Entry> {
        let fits = |entry: &&Entry| sections.contains(&entry.section.as_str()) && entry.key == key;
        entries.iter().rfind(fits).filter(|entry| !entry.value.is_empty())
    };
    let list = |sections: &[&str], key: &str| -> Vec<String> {
        let value = last(sections, key).map_or("", |entry| entry.value.as_str());
        value.split([';', ',']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let kind = last(&["connection"], "type")?;
    let is_wired = matches!(kind.value.as_str(), "ethernet" | "802-3-ethernet");
    let stacked = ["bond", "bridge", "vlan", "team", "macvlan"];
    if !is_wired && !stacked.contains(&kind.value.as_str()) {
        return None;
    }
    let wired = ["ethernet", "802-3-ethernet"];
    let interface = last(&["connection"], "interface-name");
    let mac = last(&wired, "mac-address");
    let place = |entry: &Entry| entry.span.at(&file.path);
    let at = mac.or(interface).map_or_else(|| Place::file(Arc::clone(&file.path)), place);
    let id = last(&["connection"], "id").map_or("", |entry| entry.value.as_str());
    let mut names: Vec<String> = interface.iter().map(|entry| entry.value.clone()).collect();
    names.extend(list(&["match"], "interface-name"));
    let others = ["kernel-command-line"].into_iter().filter(|key| last(&["match"], key).is_some());
    let matches = CardMatch {
        names,
        macs: mac.iter().map(|entry| normal_mac(&entry.value)).collect(),
        paths: list(&["match"], "path"),
        drivers: list(&["match"], "driver"),
        others: others.map(str::to_owned).collect(),
        ..CardMatch::default()
    };
    let off = last(&["connection"], "autoconnect");
    Some(Connection {
        matches,
        is_virtual: !is_wired,
        ports: last(&["vlan"], "parent").iter().map(|entry| entry.value.clone()).collect(),
        starts_at_boot: off.is_none_or(|entry| !matches!(entry.value.as_str(), "false" | "0" | "no")),
        ..connection(Owner::Networkmanager, id, at)
    })
}

/// netplan reads /lib, /etc and /run; a name in /etc hides the one in /lib (netplan(5)).
fn netplan_files(gather: &Gather<'_>, found: &mut Read) {
    let yaml = |name: &str| name.ends_with(".yaml");
    let own = gather.read_directory("etc/netplan", yaml);
    let base = |file: &File| file.path.rsplit('/').next().map(str::to_owned);
    let mut files = gather.read_directory("lib/netplan", yaml);
    files.retain(|file| !own.iter().any(|other| base(other) == base(file)));
    files.extend(own);
    files.sort_by_key(base);
    let parsed: Vec<(File, netplan::Netplan)> = files
        .into_iter()
        .filter_map(|file| {
            // What is malformed is noted where profiles are read.
            let read = netplan::parse(&file.bytes).ok()?;
            Some((file, read))
        })
        .collect();
    let renderer = parsed.iter().rev().find_map(|(_, read)| read.renderer.clone());
    for (file, read) in &parsed {
        for one in &read.ethernets {
            let owner = owner(one.renderer.as_ref().or(renderer.as_ref()));
            let (connection, link) = of_netplan(file, one, owner);
            found.connections.push(connection);
            found.links.extend(link);
        }
        for one in &read.stacked {
            let at = one.span.at(&file.path);
            found.connections.push(Connection {
                matches: CardMatch { names: vec![one.id.clone()], ..CardMatch::default() },
                is_virtual: true,
                ports: one.ports.clone(),
                ..connection(owner(renderer.as_ref()), &one.id, at)
            });
        }
    }
}

fn owner(renderer: Option<&String>) -> Owner {
    if renderer.is_some_and(|renderer| renderer == "NetworkManager") {
        Owner::NetplanNetworkmanager
    } else {
        Owner::NetplanNetworkd
    }
}

/// What netplan's generator writes: a `.network` file, and a `.link` file for `set-name` (netplan's src/networkd.c).
fn of_netplan(file: &File, one: &netplan::Ethernet, owner: Owner) -> (Connection, Option<Link>) {
    let place = |span: Span| span.at(&file.path);
    let mac: Vec<String> = one.mac.iter().map(|(mac, _)| normal_mac(mac)).collect();
    let pattern: Vec<String> = match &one.name {
        Some((name, _)) => vec![name.clone()],
        None if one.matches => Vec::new(),
        None => vec![one.id.clone()],
    };
    let link = one.set_name.as_ref().map(|(name, span)| Link {
        at: place(*span),
        matches: CardMatch {
            original_names: pattern.clone(),
            macs: mac.clone(),
            drivers: one.drivers.clone(),
            ..CardMatch::default()
        },
        policy: Vec::new(),
        alternative_policy: Vec::new(),
        alternative_names: Vec::new(),
        name: Some(Setting { value: name.clone(), at: place(*span) }),
    });
    let names = one.set_name.as_ref().map_or(pattern, |(name, _)| vec![name.clone()]);
    let at = one.mac.as_ref().or(one.name.as_ref()).map_or(one.span, |(_, span)| *span);
    let matches = CardMatch { names, macs: mac, drivers: one.drivers.clone(), ..CardMatch::default() };
    let off = one.activation.as_deref().is_some_and(|mode| matches!(mode, "manual" | "off"));
    let connection = Connection { matches, starts_at_boot: !off, ..connection(owner, &one.id, place(at)) };
    (connection, link)
}

fn ifupdown_files(gather: &Gather<'_>, found: &mut Read) {
    let mut started: Vec<String> = Vec::new();
    let mut automatic: Vec<(String, Place)> = Vec::new();
    let mut stanzas: BTreeMap<String, Connection> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for (file, read) in ifupdown::read(gather) {
        started.extend(read.started);
        found.mappings.extend(read.mappings);
        automatic.extend(read.automatic.into_iter().map(|(name, span)| (name, span.at(&file.path))));
        for stanza in read.stanzas.iter().filter(|stanza| stanza.method != "loopback") {
            let at = stanza.span.at(&file.path);
            let entry = stanzas.entry(stanza.name.clone()).or_insert_with(|| {
                order.push(stanza.name.clone());
                of_stanza(&stanza.name, at)
            });
            add_options(entry, stanza);
        }
    }
    for name in order {
        let Some(mut connection) = stanzas.remove(&name) else { continue };
        let says = |pattern: &String| {
            *pattern == name || pattern.trim_start_matches('/') == name || wildcard(pattern, &name)
        };
        connection.starts_at_boot = started.iter().any(says);
        connection.must_come = automatic.iter().any(|(pattern, _)| *pattern == name);
        found.connections.push(connection);
    }
}

/// `auto /eth*`: newer ifupdown takes patterns behind a slash (interfaces(5)).
fn wildcard(pattern: &str, name: &str) -> bool {
    let Some(glob) = pattern.strip_prefix('/') else { return false };
    crate::parse::modules::alias_matches(glob.as_bytes(), name.as_bytes())
}

fn of_stanza(name: &str, at: Place) -> Connection {
    // `ens3:1` is an address more on ens3; `ens3.7` is a VLAN on it.
    let base = name.split(':').next().unwrap_or(name);
    let below = base.rsplit_once('.').filter(|(_, id)| id.bytes().all(|byte| byte.is_ascii_digit()));
    let virtual_name =
        ["bond", "br", "vlan", "tun", "tap", "dummy", "ppp", "wg", "vmbr", "team"].iter().any(|start| {
            base.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
    Connection {
        matches: CardMatch { names: vec![base.to_owned()], ..CardMatch::default() },
        is_virtual: below.is_some() || virtual_name,
        ports: below.iter().map(|(port, _)| (*port).to_owned()).collect(),
        ..connection(Owner::Ifupdown, name, at)
    }
}

fn add_options(connection: &mut Connection, stanza: &interfaces::Stanza) {
    for (key, value, _) in &stanza.options {
        let key = key.replace('_', "-");
        match key.as_str() {
            "bridge-ports" | "bond-slaves" | "slaves" | "bond-ports" | "vlan-raw-device" => {
                connection.is_virtual = true;
                let ports = value.split_whitespace().filter(|port| !matches!(*port, "none"));
                connection.ports.extend(ports.map(str::to_owned));
            }
            _ if key.starts_with("tunnel")
                || key == "dummy"
                || key == "pre-up" && value.contains("ip link add") =>
            {
                connection.is_virtual = true;
            }
            _ => {}
        }
    }
}

/// What an ifcfg file brings up; none for those that are passed over, and for the loopback.
fn of_ifcfg(ifcfg: &Ifcfg) -> Option<Connection> {
    if ifcfg.ignored || ifcfg.loopback || ifcfg.alias {
        return None;
    }
    let interface = ifcfg.interface.clone().unwrap_or_else(|| ifcfg.name.clone());
    let kind = ifcfg.kind.as_ref().map_or("", |kind| kind.value.as_str()).to_ascii_lowercase();
    let below = interface.rsplit_once('.').map(|(port, _)| port.to_owned());
    let stacked =
        ["bond", "bridge", "vlan", "team", "ovsbridge", "xdsl", "modem", "tunnel", "gre", "sit", "ipip"];
    let by_name = ["bond", "br", "vlan", "team", "ppp", "tun", "tap", "dummy", "sit"].iter().any(|start| {
        interface.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let red_hat = ifcfg.family == IfcfgFamily::RedHat;
    let named = ifcfg.device.is_some() || ifcfg.hwaddr.is_none();
    let at = ifcfg.device.as_ref().map_or_else(|| ifcfg.at.clone(), |device| device.at.clone());
    Some(Connection {
        matches: CardMatch {
            names: if named { vec![interface.clone()] } else { Vec::new() },
            macs: ifcfg.hwaddr.iter().map(|mac| normal_mac(&mac.value)).collect(),
            ..CardMatch::default()
        },
        is_virtual: stacked.contains(&kind.as_str()) || by_name || below.is_some(),
        ports: below.into_iter().collect(),
        starts_at_boot: ifcfg.starts_at_boot,
        scripts_only: ifcfg.nm_unmanaged,
        ..connection(if red_hat { Owner::IfcfgRedHat } else { Owner::IfcfgSuse }, &ifcfg.name, at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    /// Owner, name, the patterns of names, ports; `-` before what does not start at boot.
    fn rows(memory: Memory) -> Vec<String> {
        let tree = memory.into_tree();
        let limits = Limits::default();
        let read = read(&Gather::new(&tree, &limits), &[]);
        let connections = read.connections.iter().map(|one| {
            let sign = if one.starts_at_boot { "" } else { "-" };
            let must = if one.must_come { "!" } else { "" };
            let ports = one.ports.join(" ");
            format!("{sign}{:?}{must} {} {} [{}]", one.owner, one.name, one.matches.names.join(" "), ports)
        });
        let links = read
            .links
            .iter()
            .map(|link| format!("link {}", link.name.as_ref().map_or("", |name| &name.value)));
        connections.chain(links).collect()
    }

    #[test]
    fn stanzas_of_ifupdown_know_what_they_lie_on() {
        let text = "auto lo eth0 bond0 eth0.7\nallow-hotplug eth1 /wl*\niface lo inet loopback\niface eth0 inet dhcp\niface eth0 inet6 auto\niface eth1 inet dhcp\niface wlan0 inet dhcp\niface bond0 inet dhcp\n  bond-slaves eth2 eth3\niface eth0.7 inet static\niface lan inet dhcp\n";
        assert_eq!(
            rows(Memory::new().file("etc/network/interfaces", text)),
            [
                "Ifupdown! eth0 eth0 []",
                "Ifupdown eth1 eth1 []",
                "Ifupdown wlan0 wlan0 []",
                "Ifupdown! bond0 bond0 [eth2 eth3]",
                "Ifupdown! eth0.7 eth0.7 [eth0]",
                "-Ifupdown lan lan []",
            ]
        );
    }

    #[test]
    fn netplan_says_what_its_generator_writes() {
        let text = "network:\n  renderer: NetworkManager\n  ethernets:\n    lan:\n      match: {macaddress: \"00:00:5E:00:53:01\"}\n      set-name: lan0\n    ens3: {renderer: networkd}\n    off: {activation-mode: manual}\n  vlans:\n    v7: {id: 7, link: lan}\n";
        assert_eq!(
            rows(
                Memory::new()
                    .file("etc/netplan/a.yaml", text)
                    .file("lib/netplan/a.yaml", "network: {ethernets: {hidden: {}}}\n")
            ),
            [
                "NetplanNetworkd ens3 ens3 []",
                "NetplanNetworkmanager lan lan0 []",
                "-NetplanNetworkmanager off off []",
                "NetplanNetworkmanager v7 v7 [lan]",
                "link lan0",
            ]
        );
    }

    #[test]
    fn keyfiles_and_network_files_are_read_alike() {
        let keyfile = "[connection]\nid=lan\ntype=ethernet\ninterface-name=eth0\nautoconnect=false\n[match]\ninterface-name=en*;eth1;\n";
        let memory = Memory::new()
            .file("etc/NetworkManager/system-connections/a.nmconnection", keyfile)
            .file(
                "etc/NetworkManager/system-connections/b.nmconnection",
                "[connection]\nid=wifi\ntype=wifi\n",
            )
            .file(
                "etc/systemd/network/10-a.network",
                "[Match]\nName=en* !ens9\n[Link]\nActivationPolicy=manual\n",
            )
            .file("etc/systemd/network/20-b.network", "[Network]\nDHCP=yes\n");
        assert_eq!(
            rows(memory),
            ["-Networkd 10-a.network en* !ens9 []", "-Networkmanager lan eth0 en* eth1 []"]
        );
    }
}
