//! netplan's files (netplan-yaml(5)).

use super::{Connection, Owner, Read, Settings, connection, is_own};
use crate::facts::Gather;
use crate::facts::network::links::{CardMatch, Link, normal_mac};
use crate::facts::setting::Setting;
use crate::parse::netplan::{self, Placed};
use crate::place::Span;
use crate::source::File;

/// netplan reads /lib, /etc and /run; a name in /etc hides the one in /lib (netplan(5)).
pub(super) fn read(gather: &Gather<'_>, found: &mut Read) {
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
                settings: Settings {
                    kind: Some(one.kind.to_owned()),
                    bond_mode: one.mode.as_ref().map(|mode| setting(file, mode)),
                    ..settings(file, &one.ip)
                },
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
        hardware: Vec::new(),
        name: Some(Setting { value: name.clone(), at: place(*span) }),
    });
    let names = one.set_name.as_ref().map_or(pattern, |(name, _)| vec![name.clone()]);
    let at = one.mac.as_ref().or(one.name.as_ref()).map_or(one.span, |(_, span)| *span);
    let matches = CardMatch { names, macs: mac, drivers: one.drivers.clone(), ..CardMatch::default() };
    let off = one.activation.as_deref().is_some_and(|mode| matches!(mode, "manual" | "off"));
    let settings = settings(file, &one.ip);
    let connection =
        Connection { matches, starts_at_boot: !off, settings, ..connection(owner, &one.id, place(at)) };
    (connection, link)
}

fn settings(file: &File, ip: &netplan::Ip) -> Settings {
    let all = |values: &[Placed]| values.iter().map(|value| setting(file, value)).collect();
    let mut addresses: Vec<Setting> = all(&ip.addresses);
    addresses.retain(|address| !is_own(&address.value));
    Settings {
        dhcp: ip.dhcp.as_ref().map(|value| setting(file, value)),
        addresses,
        gateways: all(&ip.gateways),
        nameservers: all(&ip.nameservers),
        mtu: ip.mtu.as_ref().map(|value| setting(file, value)),
        ..Settings::default()
    }
}

fn setting(file: &File, (value, span): &Placed) -> Setting {
    Setting { value: value.clone(), at: span.at(&file.path) }
}
