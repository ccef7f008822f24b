//! Reads routes and policy rules, and by which interface each goes.
//!
//! Files of their own (initscripts' ifup-routes, SUSE's ifroute(5) and routes(5), `static-routes` of Red Hat up to
//! RHEL 6), and `ip route add`, `ip rule add` and `route add` in ifupdown's stanzas and in rc.local.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Ifcfg, Network, RED_HAT, Route, RouteKind, SUSE, ifupdown, is_by_slot, is_directory};
use crate::facts::Gather;
use crate::parse::{routes, text};
use crate::place::{Place, Span};

/// Routes that become facts; a router that lists more has a routing daemon.
const MAX_ROUTES: usize = 5000;

/// All routes and rules.
pub(super) fn read(gather: &Gather<'_>, network: &Network) -> Vec<Route> {
    let mut found = of_files(gather, &network.ifcfgs);
    static_routes(gather, &mut found);
    for (file, read) in ifupdown::read(gather) {
        let options = read.stanzas.iter().flat_map(|stanza| &stanza.options);
        let commands = options.filter(|(key, _, _)| matches!(key.as_str(), "up" | "post-up" | "pre-up"));
        found.extend(commands.filter_map(|(_, command, span)| of_command(command, span.at(&file.path))));
    }
    for path in ["etc/rc.d/rc.local", "etc/rc.local"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        for line in text::lines(&file.bytes).filter(|line| !line.bytes.trim_ascii_start().starts_with(b"#")) {
            let at = Span::new(line.number, 1, line.bytes.len() + 1).at(&file.path);
            found.extend(of_command(&String::from_utf8_lossy(line.bytes), at));
        }
        break;
    }
    found.truncate(MAX_ROUTES);
    let made = network.names_made_here();
    let mut seen = BTreeSet::new();
    for route in &mut found {
        route.is_first = seen.insert(Arc::clone(&route.at.path));
        let Some(interface) = &route.interface else { continue };
        route.interface_by_slot = is_by_slot(interface);
        route.interface_is_made_here = made.contains(interface);
    }
    found
}

/// What `ip route add` and its like name; none for other commands, and for those that name no interface.
fn of_command(command: &str, at: Place) -> Option<Route> {
    let words: Vec<&str> =
        command.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';'])).collect();
    let is_ip = |name: &str| name == "ip" || name.ends_with("/ip");
    let is_route = |name: &str| name == "route" || name.ends_with("/route");
    let (kind, start) = words.iter().enumerate().find_map(|(index, word)| {
        let next = words.get(index + 1..).unwrap_or_default();
        let what = next.iter().take(2).find(|word| !word.starts_with('-')).copied().unwrap_or_default();
        match what {
            "route" | "r" | "ro" if is_ip(word) => Some((RouteKind::Route, index)),
            "rule" | "ru" if is_ip(word) => Some((RouteKind::Rule, index)),
            "add" if is_route(word) => Some((RouteKind::Route, index)),
            _ => None,
        }
    })?;
    let rest = words.get(start..).unwrap_or_default();
    if !rest.iter().any(|word| matches!(*word, "add" | "a" | "append" | "replace")) {
        return None;
    }
    let after = |keys: &[&str]| {
        let index = rest.iter().position(|word| keys.contains(word))?;
        rest.get(index + 1).map(|word| (*word).to_owned())
    };
    // ifupdown's own variable is the interface's name, whatever that is.
    let device = after(&["dev", "iif", "oif"]).filter(|name| !name.contains('$'))?;
    Some(Route {
        at,
        kind,
        name: device.clone(),
        destination: after(&["add", "append", "replace", "to"]).filter(|word| word != "dev"),
        via: after(&["via", "gw"]),
        interface: Some(device.clone()),
        device: Some(device),
        interface_by_slot: false,
        interface_is_made_here: false,
        is_first: false,
        has_ifcfg: true,
    })
}

/// `eth0 net 192.0.2.0 netmask 255.255.255.0 gw 192.0.2.1`; `any` for whatever interface there is (sysconfig.txt).
fn static_routes(gather: &Gather<'_>, found: &mut Vec<Route>) {
    let Some(file) = gather.read_config("etc/sysconfig/static-routes").present() else { return };
    let path = Arc::clone(&file.path);
    for line in text::lines(&file.bytes) {
        let words: Vec<String> = text::words(line.bytes).map(|word| word.text()).collect();
        let [device, _, rest @ ..] = words.as_slice() else { continue };
        if device.starts_with('#') || device == "any" {
            continue;
        }
        let gateway = rest.iter().position(|word| word == "gw").and_then(|index| rest.get(index + 1));
        found.push(Route {
            at: Span::new(line.number, 1, line.bytes.len() + 1).at(&path),
            kind: RouteKind::Route,
            name: device.clone(),
            destination: rest.first().cloned(),
            via: gateway.cloned(),
            device: Some(device.clone()),
            interface: Some(device.clone()),
            interface_by_slot: false,
            interface_is_made_here: false,
            is_first: false,
            has_ifcfg: true,
        });
    }
}

fn of_files(gather: &Gather<'_>, ifcfgs: &[Ifcfg]) -> Vec<Route> {
    type Reader = fn(&[u8]) -> Vec<routes::Route>;
    const PREFIXES: [(&str, &str, RouteKind, Reader); 7] = [
        (RED_HAT, "route-", RouteKind::Route, routes::parse_routes),
        (RED_HAT, "route6-", RouteKind::Route, routes::parse_routes),
        (RED_HAT, "rule-", RouteKind::Rule, routes::parse_rules),
        (RED_HAT, "rule6-", RouteKind::Rule, routes::parse_rules),
        (SUSE, "ifroute-", RouteKind::Route, routes::parse_suse),
        (SUSE, "ifrule-", RouteKind::Rule, routes::parse_rules),
        (SUSE, "routes", RouteKind::Route, routes::parse_suse),
    ];
    let mut found = Vec::new();
    for (directory, prefix, kind, reader) in PREFIXES {
        if !is_directory(gather, directory) {
            continue;
        }
        let whole = prefix == "routes";
        let keep = |name: &str| if whole { name == prefix } else { name.starts_with(prefix) };
        for file in
            gather.read_directory(directory, |name| keep(name) && !super::ifcfg::is_backup(name, true))
        {
            let stem = file.path.rsplit('/').next().unwrap_or_default();
            let name = stem.strip_prefix(prefix).unwrap_or_default();
            let ifcfg = ifcfgs.iter().find(|ifcfg| ifcfg.applies_to(name));
            let by_file = ifcfg.and_then(|ifcfg| ifcfg.interface.clone());
            let by_file = by_file.unwrap_or_else(|| name.to_owned());
            found.extend(reader(&file.bytes).into_iter().map(|route| Route {
                at: route.span.at(&file.path),
                kind,
                name: name.to_owned(),
                destination: route.destination,
                via: route.via,
                interface: route.device.clone().or_else(|| (!whole).then(|| by_file.clone())),
                device: route.device,
                has_ifcfg: whole || ifcfg.is_some(),
                interface_by_slot: false,
                interface_is_made_here: false,
                is_first: false,
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_add_routes_name_their_interface() {
        let read = |command: &str| {
            let route = of_command(command, Place::file("etc/rc.local"))?;
            Some(format!("{:?} {:?} {:?} {:?}", route.kind, route.destination, route.via, route.device))
        };
        for (command, expected) in [
            (
                "ip route add 198.51.100.0/24 via 192.0.2.1 dev eth1",
                Some("Route Some(\"198.51.100.0/24\") Some(\"192.0.2.1\") Some(\"eth1\")"),
            ),
            (
                "/sbin/ip -6 route add default dev ens192",
                Some("Route Some(\"default\") None Some(\"ens192\")"),
            ),
            ("ip rule add iif em1 table 7", Some("Rule Some(\"iif\") None Some(\"em1\")")),
            (
                "route add -net 198.51.100.0/24 gw 192.0.2.1 dev eth1",
                Some("Route Some(\"-net\") Some(\"192.0.2.1\") Some(\"eth1\")"),
            ),
            ("ip route add 198.51.100.0/24 via 192.0.2.1", None),
            ("ip route add 198.51.100.0/24 dev $IFACE", None),
            ("ip route del default dev eth0", None),
            ("ip link set dev eth0 up", None),
        ] {
            assert_eq!(read(command).as_deref(), expected, "{command}");
        }
    }
}
