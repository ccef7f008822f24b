//! Reads what brings interfaces up at boot, whoever's format it is in: one shape for all managers.

mod ifcfg;
mod ifupdown;
mod netplan;
mod networkd;
mod networkmanager;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::links::{CardMatch, Link, effective};
use super::{Ifcfg, Services};
use crate::facts::setting::Setting;
use crate::facts::{Gather, Known};
use crate::place::Place;
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
    /// Those of them that are cards, under names that the system does not make itself.
    pub card_ports: Vec<String>,
    /// Whether it is brought up at boot.
    pub starts_at_boot: bool,
    /// Whether the boot's network service fails when its interface does not come: ifupdown's `auto`.
    pub must_come: bool,
    /// Whether it keeps its manager off the interface.
    pub unmanaged: bool,
    /// Whether NetworkManager is kept off it (`NM_CONTROLLED=no`).
    pub scripts_only: bool,
    /// Whether a manager that reads it runs at boot.
    pub is_in_use: Known<bool>,
    /// Whether it names one card, by name, address or path; false where it takes whatever card there is.
    pub is_for_one_card: bool,
    /// What it says beside that.
    #[serde(flatten)]
    pub settings: Settings,
}

/// Addresses and options of a configuration.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Settings {
    /// What has it ask a DHCP server for an IPv4 address; null when nothing does.
    pub dhcp: Option<Setting>,
    /// Its own addresses, as written; of a separate prefix or netmask nothing. Link-local ones aside.
    pub addresses: Vec<Setting>,
    /// Gateways of default routes.
    pub gateways: Vec<Setting>,
    /// Name servers.
    pub nameservers: Vec<Setting>,
    /// The largest packet, in bytes.
    pub mtu: Option<Setting>,
    /// The bond, bridge or team that it is a port of, by name, id or UUID.
    pub port_of: Option<Setting>,
    /// Whether a configuration makes what `port_of` names; null without one.
    pub port_of_exists: Option<bool>,
    /// For what is put together from others: `bond`, `bridge`, `vlan`, `team`.
    pub kind: Option<String>,
    /// The mode of a bond: `802.3ad`, `4`, `active-backup`.
    pub bond_mode: Option<Setting>,
    /// Options for ethtool: offloads, rings, speed and duplex.
    pub ethtool: Vec<Setting>,
    /// What has the boot wait for the interface, or for an address of it, or fail without.
    pub waits: Vec<Setting>,
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
    let made = networkd::devices(gather);
    for file in effective(gather, ".network").into_iter().filter(is_open) {
        found.connections.extend(networkd::connection(gather, &file, &made));
    }
    let keyfile = |name: &str| !name.starts_with('.') && !name.ends_with('~');
    for folder in ["etc/NetworkManager/system-connections", "usr/lib/NetworkManager/system-connections"] {
        for file in gather.read_directory(folder, keyfile) {
            found.connections.extend(networkmanager::connection(&file));
        }
    }
    netplan::read(gather, &mut found);
    ifupdown::read(gather, &mut found);
    found.connections.extend(ifcfgs.iter().filter_map(ifcfg::connection));
    for one in &mut found.connections {
        one.is_for_one_card = !one.is_virtual && is_for_one_card(&one.matches);
    }
    join(&mut found.connections, made.into_keys());
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
        card_ports: Vec::new(),
        starts_at_boot: true,
        must_come: false,
        unmanaged: false,
        scripts_only: false,
        is_in_use: Known::Known(true),
        is_for_one_card: false,
        settings: Settings::default(),
    }
}

/// Fills in which ports are cards; `made` are the names that the system makes itself.
pub(super) fn mark_cards(connections: &mut [Connection], made: &BTreeSet<String>) {
    for one in connections {
        let cards = one.ports.iter().filter(|port| !made.contains(*port));
        one.card_ports = cards.cloned().collect();
    }
}

/// Fills in which connections are read by a manager that runs.
pub(super) fn mark_in_use(connections: &mut [Connection], services: &Services, reads_ifcfg: &Known<bool>) {
    let runs = |service: &Known<Option<Place>>| service.as_ref().map(|at| at.is_some());
    let by_networkmanager = both(runs(&services.networkmanager), reads_ifcfg.clone());
    for one in connections {
        one.is_in_use = match one.owner {
            Owner::Ifupdown => runs(&services.ifupdown),
            Owner::Networkd => runs(&services.networkd),
            Owner::Networkmanager => runs(&services.networkmanager),
            // netplan's generator has the managers of its files started, whatever is enabled.
            Owner::NetplanNetworkd | Owner::NetplanNetworkmanager => Known::Known(true),
            Owner::IfcfgRedHat if one.scripts_only => runs(&services.network),
            Owner::IfcfgRedHat => either(runs(&services.network), by_networkmanager.clone()),
            Owner::IfcfgSuse => either(runs(&services.network), runs(&services.wicked)),
        };
    }
}

fn either(a: Known<bool>, b: Known<bool>) -> Known<bool> {
    // What is true decides, whatever the other is; and what is unknown leaves it open.
    match (a, b) {
        (Known::Known(false), b) | (Known::Unknown { .. }, b @ Known::Known(true)) => b,
        (a, _) => a,
    }
}

fn both(a: Known<bool>, b: Known<bool>) -> Known<bool> {
    match (a, b) {
        (Known::Known(true), b) | (Known::Unknown { .. }, b @ Known::Known(false)) => b,
        (a, _) => a,
    }
}

fn is_for_one_card(matches: &CardMatch) -> bool {
    let literal = |text: &String| !text.contains(['*', '?', '[', '!']);
    !matches.macs.is_empty() || [&matches.names, &matches.paths].into_iter().flatten().any(literal)
}

/// Fills in which ports have nothing that they are a port of, and the ports of what lists none itself.
fn join(connections: &mut [Connection], made: impl Iterator<Item = String>) {
    let mut names: BTreeSet<String> = made.collect();
    let mut ports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in connections.iter() {
        names.insert(one.name.clone());
        names.extend(one.matches.names.iter().cloned());
        if let Some(upper) = &one.settings.port_of {
            let port = one.matches.names.first().unwrap_or(&one.name);
            ports.entry(upper.value.clone()).or_default().push(port.clone());
        }
    }
    for one in connections {
        let upper = one.settings.port_of.as_ref();
        // A UUID is of a profile that may call itself anything.
        one.settings.port_of_exists =
            upper.map(|upper| names.contains(&upper.value) || is_uuid(&upper.value));
        if one.is_virtual && one.ports.is_empty() {
            let own = one.matches.names.iter().chain([&one.name]).find_map(|name| ports.get(name));
            one.ports = own.cloned().unwrap_or_default();
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// An address that a card has by itself, that no other machine sees, or that networkd picks: `0.0.0.0/28`.
fn is_own(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    let address = lower.split('/').next().unwrap_or_default();
    address.starts_with("127.")
        || address.starts_with("169.254.")
        || address.starts_with("fe80:")
        || matches!(address, "::1" | "0.0.0.0" | "::")
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
