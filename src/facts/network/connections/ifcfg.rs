//! ifcfg files as connections: Red Hat's (initscripts' sysconfig.txt, nm-settings-ifcfg-rh(5)) and SUSE's (ifcfg(5),
//! ifcfg-bonding(5), ifcfg-bridge(5), ifcfg-vlan(5)).

use super::{Connection, Owner, Settings, is_own};
use crate::facts::network::links::{CardMatch, normal_mac};
use crate::facts::network::{Ifcfg, IfcfgFamily};
use crate::facts::setting::Setting;

/// What an ifcfg file brings up; none for those that are passed over, and for the loopback.
pub(super) fn connection(ifcfg: &Ifcfg) -> Option<Connection> {
    if ifcfg.ignored || ifcfg.loopback || ifcfg.alias {
        return None;
    }
    let interface = ifcfg.interface.clone().unwrap_or_else(|| ifcfg.name.clone());
    let kind = ifcfg.kind.as_ref().map_or("", |kind| kind.value.as_str()).to_ascii_lowercase();
    let is_team = ifcfg.value("DEVICETYPE") == Some("Team") || ifcfg.assigned("TEAM_CONFIG").is_some();
    let kind = if is_team { "team".to_owned() } else { kind };
    let parent = ["ETHERDEVICE", "PHYSDEV"].iter().find_map(|key| ifcfg.value(key));
    let below = parent.or_else(|| interface.rsplit_once('.').map(|(port, _)| port)).map(str::to_owned);
    let mut ports: Vec<String> = below.iter().cloned().collect();
    ports.extend(ifcfg.ports());
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
        is_virtual: stacked.contains(&kind.as_str()) || by_name || below.is_some() || !ports.is_empty(),
        ports,
        starts_at_boot: ifcfg.starts_at_boot,
        scripts_only: ifcfg.nm_unmanaged,
        settings: settings(ifcfg, kind),
        ..super::connection(if red_hat { Owner::IfcfgRedHat } else { Owner::IfcfgSuse }, &ifcfg.name, at)
    })
}

fn settings(ifcfg: &Ifcfg, kind: String) -> Settings {
    let red_hat = ifcfg.family == IfcfgFamily::RedHat;
    let dhcp = |setting: &&Setting| {
        let word = setting.value.to_ascii_lowercase();
        word.starts_with("dhcp") && word != "dhcp6" || word == "bootp"
    };
    let bond = ifcfg.bond_options.as_ref().and_then(|options| {
        let mode = options.value.split_whitespace().find_map(|word| word.strip_prefix("mode="))?;
        Some(Setting { value: mode.to_owned(), at: options.at.clone() })
    });
    let waits =
        ["DEVTIMEOUT", "IPV4_FAILURE_FATAL", "IPV6_FAILURE_FATAL", "LINK_REQUIRED", "LINK_READY_WAIT"];
    let asked = |setting: &&Setting| !matches!(setting.value.to_ascii_lowercase().as_str(), "no" | "0" | "");
    let waits = waits.iter().filter_map(|key| Some((*key, ifcfg.assigned(key).filter(asked)?)));
    let kinds = ["bond", "bridge", "vlan", "team"];
    let is_bond = ifcfg.bond_options.is_some();
    let kind = if is_bond { "bond".to_owned() } else { kind };
    Settings {
        dhcp: ifcfg.bootproto.as_ref().filter(dhcp).cloned(),
        addresses: ifcfg.numbered("IPADDR").filter(|setting| !is_own(&setting.value)).cloned().collect(),
        gateways: ifcfg.numbered("GATEWAY").cloned().collect(),
        nameservers: if red_hat { ifcfg.numbered("DNS").cloned().collect() } else { Vec::new() },
        mtu: ifcfg.mtu.clone(),
        port_of: ifcfg.upper().cloned(),
        port_of_exists: None,
        kind: kinds.contains(&kind.as_str()).then_some(kind),
        bond_mode: bond,
        ethtool: ["ETHTOOL_OPTS", "ETHTOOL_OPTIONS"]
            .iter()
            .flat_map(|key| ifcfg.numbered(key))
            .cloned()
            .collect(),
        waits: waits
            .map(|(key, set)| Setting { value: format!("{key}={}", set.value), ..set.clone() })
            .collect(),
    }
}
