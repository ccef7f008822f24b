//! ifupdown's stanzas (interfaces(5)), with the options of the packages that add to them: ifenslave, vlan,
//! bridge-utils, ethtool, resolvconf.

use std::collections::BTreeMap;

use super::{Connection, Owner, Read, connection, is_own};
use crate::facts::Gather;
use crate::facts::network::ifupdown as files;
use crate::facts::network::links::CardMatch;
use crate::facts::setting::Setting;
use crate::parse::interfaces;
use crate::place::Place;
use crate::source::File;

/// What the stanzas bring up; of one that stands several times the first place counts, and the options of all.
pub(super) fn read(gather: &Gather<'_>, found: &mut Read) {
    let mut started: Vec<String> = Vec::new();
    let mut automatic: Vec<(String, Place)> = Vec::new();
    let mut stanzas: BTreeMap<String, Connection> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for (file, read) in files::read(gather) {
        started.extend(read.started);
        found.mappings.extend(read.mappings);
        automatic.extend(read.automatic.into_iter().map(|(name, span)| (name, span.at(&file.path))));
        for stanza in read.stanzas.iter().filter(|stanza| stanza.method != "loopback") {
            let at = stanza.span.at(&file.path);
            let entry = stanzas.entry(stanza.name.clone()).or_insert_with(|| {
                order.push(stanza.name.clone());
                of_stanza(&stanza.name, at)
            });
            add_options(entry, stanza, &file);
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

fn add_options(connection: &mut Connection, stanza: &interfaces::Stanza, file: &File) {
    if matches!(stanza.method.as_str(), "dhcp" | "bootp") && connection.settings.dhcp.is_none() {
        connection.settings.dhcp =
            Some(Setting { value: stanza.method.clone(), at: stanza.span.at(&file.path) });
    }
    for (key, value, span) in &stanza.options {
        let key = key.replace('_', "-");
        let set = |value: &str| Setting { value: value.to_owned(), at: span.at(&file.path) };
        let settings = &mut connection.settings;
        match key.as_str() {
            "bridge-ports" | "bond-slaves" | "slaves" | "bond-ports" | "vlan-raw-device" => {
                connection.is_virtual = true;
                let ports = value.split_whitespace().filter(|port| !matches!(*port, "none"));
                connection.ports.extend(ports.map(str::to_owned));
                let kind = if key.starts_with("bridge") {
                    "bridge"
                } else if key.starts_with("vlan") {
                    "vlan"
                } else {
                    "bond"
                };
                settings.kind = Some(kind.to_owned());
            }
            _ if key.starts_with("tunnel")
                || key == "dummy"
                || key == "pre-up" && value.contains("ip link add") =>
            {
                connection.is_virtual = true;
            }
            "address" if !is_own(value) => settings.addresses.push(set(value)),
            "gateway" => settings.gateways.push(set(value)),
            "dns-nameservers" | "dns-nameserver" => {
                settings.nameservers.extend(value.split_whitespace().map(set));
            }
            "mtu" => settings.mtu = Some(set(value)),
            "bond-mode" => settings.bond_mode = Some(set(value)),
            "bond-master" => settings.port_of = Some(set(value)),
            _ if is_ethtool(&key) => settings.ethtool.push(set(&format!("{key} {value}"))),
            "up" | "pre-up" | "post-up" if runs_ethtool(value) => settings.ethtool.push(set(value)),
            _ => {}
        }
    }
}

/// The options that the hook of Debian's package ethtool takes (`/etc/network/if-up.d/ethtool`).
fn is_ethtool(key: &str) -> bool {
    let starts = ["offload-", "hardware-dma-", "hardware-irq-", "link-speed", "link-duplex", "link-autoneg"];
    let driver = ["driver-message-level", "ethernet-port", "ethernet-autoneg", "ethernet-pause"];
    starts.iter().chain(&driver).any(|start| key.starts_with(start))
}

fn runs_ethtool(command: &str) -> bool {
    command.split_whitespace().any(|word| word == "ethtool" || word.ends_with("/ethtool"))
}
