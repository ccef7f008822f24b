//! netplan's YAML, as far as it says which card an interface is (netplan-yaml(5): `ethernets`, `match`, `set-name`),
//! which interfaces are put together from others (`bonds`, `bridges`, `vlans`), and the addresses of each.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Mistake;
use super::yaml::point;
use crate::place::Span;

/// What was read of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Netplan {
    /// `renderer` of the whole file: `networkd`, `NetworkManager`.
    pub renderer: Option<String>,
    /// The interfaces under `ethernets`.
    pub ethernets: Vec<Ethernet>,
    /// Bonds, bridges and VLANs.
    pub stacked: Vec<Stacked>,
}

/// A value and its place.
pub type Placed = (String, Span);

/// A bond, bridge or VLAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stacked {
    /// Its id, which is its name.
    pub id: String,
    /// `bond`, `bridge` or `vlan`.
    pub kind: &'static str,
    /// Place of the definition.
    pub span: Span,
    /// The ids of the interfaces below it.
    pub ports: Vec<String>,
    /// Its addresses.
    pub ip: Ip,
    /// `parameters: mode` of a bond.
    pub mode: Option<Placed>,
}

/// Addresses and what goes with them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ip {
    /// `dhcp4`, when it is true.
    pub dhcp: Option<Placed>,
    /// `addresses`.
    pub addresses: Vec<Placed>,
    /// `gateway4`, `gateway6`, and `via` of routes to `default`, `0.0.0.0/0` and `::/0`.
    pub gateways: Vec<Placed>,
    /// `nameservers: addresses`.
    pub nameservers: Vec<Placed>,
    /// `mtu`.
    pub mtu: Option<Placed>,
}

/// One interface under `ethernets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ethernet {
    /// Its id: the interface's name unless `match` says otherwise.
    pub id: String,
    /// Place of the definition.
    pub span: Span,
    /// Whether it has a `match`.
    pub matches: bool,
    /// `match: macaddress`.
    pub mac: Option<(String, Span)>,
    /// `match: name`.
    pub name: Option<(String, Span)>,
    /// `match: driver`, one or several patterns.
    pub drivers: Vec<String>,
    /// `set-name`.
    pub set_name: Option<(String, Span)>,
    /// `renderer` of this interface.
    pub renderer: Option<String>,
    /// `activation-mode`: `manual` and `off` leave it down.
    pub activation: Option<String>,
    /// Its addresses.
    pub ip: Ip,
}

#[derive(Deserialize)]
struct File {
    network: Option<Network>,
}

type Definitions<T> = Option<BTreeMap<String, Spanned<Option<T>>>>;

#[derive(Deserialize)]
struct Network {
    renderer: Option<String>,
    #[serde(default)]
    ethernets: Definitions<Definition>,
    #[serde(default)]
    bonds: Definitions<Definition>,
    #[serde(default)]
    bridges: Definitions<Definition>,
    #[serde(default)]
    vlans: Definitions<Definition>,
}

#[derive(Deserialize)]
struct Definition {
    #[serde(rename = "match")]
    matching: Option<Match>,
    #[serde(rename = "set-name")]
    set_name: Option<Spanned<String>>,
    renderer: Option<String>,
    #[serde(rename = "activation-mode")]
    activation: Option<String>,
    interfaces: Option<Vec<String>>,
    link: Option<String>,
    dhcp4: Option<Spanned<serde_json::Value>>,
    addresses: Option<Vec<Spanned<serde_json::Value>>>,
    gateway4: Option<Spanned<String>>,
    gateway6: Option<Spanned<String>>,
    routes: Option<Vec<Route>>,
    nameservers: Option<Nameservers>,
    mtu: Option<Spanned<serde_json::Value>>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Route {
    to: Option<serde_json::Value>,
    via: Option<Spanned<String>>,
}

#[derive(Deserialize)]
struct Nameservers {
    addresses: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
struct Parameters {
    mode: Option<Spanned<serde_json::Value>>,
}

#[derive(Deserialize)]
struct Match {
    macaddress: Option<Spanned<String>>,
    name: Option<Spanned<serde_json::Value>>,
    driver: Option<serde_json::Value>,
}

/// Reads a file.
///
/// # Errors
/// What is wrong with the YAML, or where it is not of the shape that netplan takes.
pub fn parse(bytes: &[u8]) -> Result<Netplan, Mistake> {
    let text = String::from_utf8_lossy(bytes);
    let file: Option<File> = serde_saphyr::from_str(&text).map_err(|error| {
        let at = error.location();
        let span = at.map_or(Span::line(1), |at| point(&at));
        // The drawing of the place that follows the first line is not ours.
        let message = error.to_string().lines().next().unwrap_or_default().to_owned();
        Mistake { span, message }
    })?;
    let Some(network) = file.and_then(|file| file.network) else { return Ok(Netplan::default()) };
    let uppers = [("bond", network.bonds), ("bridge", network.bridges), ("vlan", network.vlans)];
    let stacked = uppers.into_iter().flat_map(|(kind, definitions)| {
        definitions.into_iter().flatten().map(move |definition| stacked(kind, definition))
    });
    let stacked = stacked.collect();
    let read = network.ethernets.unwrap_or_default().into_iter().map(|(id, definition)| {
        let span = point(&definition.referenced);
        let definition = definition.value;
        let matching = definition.as_ref().and_then(|definition| definition.matching.as_ref());
        Ethernet {
            id,
            span,
            matches: matching.is_some(),
            mac: matching.and_then(|matching| matching.macaddress.as_ref()).map(placed),
            name: matching.and_then(|matching| {
                let name = matching.name.as_ref()?;
                Some((name.value.as_str()?.to_owned(), point(&name.referenced)))
            }),
            drivers: matching.and_then(|matching| matching.driver.as_ref()).map(texts).unwrap_or_default(),
            set_name: definition.as_ref().and_then(|definition| definition.set_name.as_ref()).map(placed),
            renderer: definition.as_ref().and_then(|definition| definition.renderer.clone()),
            activation: definition.as_ref().and_then(|definition| definition.activation.clone()),
            ip: definition.as_ref().map(ip).unwrap_or_default(),
        }
    });
    Ok(Netplan { renderer: network.renderer, ethernets: read.collect(), stacked })
}

fn stacked(kind: &'static str, (id, definition): (String, Spanned<Option<Definition>>)) -> Stacked {
    let span = point(&definition.referenced);
    let definition = definition.value;
    let ip = definition.as_ref().map(ip).unwrap_or_default();
    let parameters = definition.as_ref().and_then(|definition| definition.parameters.as_ref());
    let mode = parameters.and_then(|parameters| parameters.mode.as_ref()).map(scalar);
    let ports = definition
        .map(|definition| definition.interfaces.into_iter().flatten().chain(definition.link).collect());
    Stacked { id, kind, span, ports: ports.unwrap_or_default(), ip, mode }
}

fn ip(definition: &Definition) -> Ip {
    let is_default = |route: &&Route| {
        let to = route.to.as_ref().and_then(serde_json::Value::as_str);
        to.is_some_and(|to| matches!(to, "default" | "0.0.0.0/0" | "::/0"))
    };
    let vias = definition.routes.iter().flatten().filter(is_default).filter_map(|route| route.via.as_ref());
    let gateways = definition.gateway4.iter().chain(&definition.gateway6).chain(vias);
    let servers = definition.nameservers.as_ref().and_then(|servers| servers.addresses.as_ref());
    let dhcp = definition.dhcp4.as_ref().map(scalar);
    Ip {
        dhcp: dhcp.filter(|(value, _)| matches!(value.as_str(), "true" | "yes" | "on" | "y")),
        addresses: definition.addresses.iter().flatten().map(address).collect(),
        gateways: gateways.map(placed).collect(),
        nameservers: servers.into_iter().flatten().map(placed).collect(),
        mtu: definition.mtu.as_ref().map(scalar),
    }
}

/// An address, or a map with the address as its key and options of it.
fn address(value: &Spanned<serde_json::Value>) -> Placed {
    let (text, span) = scalar(value);
    let key = value.value.as_object().and_then(|options| options.keys().next());
    (key.cloned().unwrap_or(text), span)
}

/// A scalar as it is written, or nearly so.
fn scalar(value: &Spanned<serde_json::Value>) -> Placed {
    let text = value.value.as_str().map_or_else(|| value.value.to_string(), str::to_owned);
    (text, point(&value.referenced))
}

/// A text, or a list of texts.
fn texts(value: &serde_json::Value) -> Vec<String> {
    let one = value.as_str().map(str::to_owned);
    let many = value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned));
    one.into_iter().chain(many).collect()
}

fn placed(value: &Spanned<String>) -> (String, Span) {
    (value.value.clone(), point(&value.referenced))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn interfaces_and_what_they_match() {
        let text = "network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n    lan:\n      match:\n        macaddress: \"00:00:5e:00:53:01\"\n      set-name: lan0\n    any:\n      match: {name: \"en*\"}\n    empty:\n";
        let read = parse(text.as_bytes()).unwrap();
        let rows: Vec<_> = read
            .ethernets
            .iter()
            .map(|e| {
                let text = |value: &Option<(String, Span)>| {
                    value.as_ref().map(|(text, span)| (text.clone(), span.line))
                };
                (e.id.as_str(), text(&e.mac), text(&e.name), text(&e.set_name))
            })
            .collect();
        let some = |text: &str, line| Some((text.to_owned(), line));
        assert_eq!(
            rows,
            [
                ("any", None, some("en*", 11), None),
                ("empty", None, None, None),
                ("ens3", None, None, None),
                ("lan", some("00:00:5e:00:53:01", 8), None, some("lan0", 9)),
            ]
        );
    }

    #[test]
    fn drivers_renderers_and_what_lies_on_others() {
        let text = "network:\n  renderer: NetworkManager\n  ethernets:\n    a: {match: {driver: [virtio_net, 'e1000*']}}\n  bonds:\n    bond0: {interfaces: [a, b]}\n  vlans:\n    v7: {id: 7, link: bond0}\n";
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(read.renderer.as_deref(), Some("NetworkManager"));
        assert_eq!(read.ethernets[0].drivers, ["virtio_net", "e1000*"]);
        let stacked: Vec<_> = read.stacked.iter().map(|s| (s.id.as_str(), s.ports.join(" "))).collect();
        assert_eq!(stacked, [("bond0", "a b".to_owned()), ("v7", "bond0".to_owned())]);
    }

    #[test]
    fn addresses_routes_and_servers_have_their_places() {
        let text = "network:\n  ethernets:\n    a:\n      dhcp4: no\n      addresses:\n      - 192.0.2.10/24\n      - 192.0.2.11/24: {label: x}\n      routes:\n      - {to: default, via: 192.0.2.1}\n      - {to: 198.51.100.0/24, via: 192.0.2.2}\n      nameservers: {addresses: [192.0.2.3]}\n      mtu: 9000\n  bonds:\n    b: {dhcp4: true, parameters: {mode: 802.3ad}}\n";
        let read = parse(text.as_bytes()).unwrap();
        let row = |values: &[Placed]| {
            values.iter().map(|(value, span)| format!("{}:{value}", span.line)).collect::<Vec<_>>().join(" ")
        };
        let ip = &read.ethernets[0].ip;
        assert_eq!(row(&ip.addresses), "6:192.0.2.10/24 7:192.0.2.11/24");
        assert_eq!((row(&ip.gateways), row(&ip.nameservers)), ("9:192.0.2.1".into(), "11:192.0.2.3".into()));
        assert_eq!((&ip.dhcp, ip.mtu.as_ref().map(|mtu| mtu.0.as_str())), (&None, Some("9000")));
        let bond = &read.stacked[0];
        assert_eq!((bond.kind, bond.mode.as_ref().map(|mode| mode.0.as_str())), ("bond", Some("802.3ad")));
        assert!(bond.ip.dhcp.is_some());
    }

    #[test]
    fn what_is_no_netplan_has_a_place() {
        assert_eq!(parse(b"").unwrap(), Netplan::default());
        assert_eq!(parse(b"network:\n  ethernets:\n    a: [\n").unwrap_err().span.line, 3);
        assert!(parse(b"network: {ethernets: {a: 5}}").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn an_interface_comes_back(id in "[a-z][a-z0-9]{1,10}") {
            prop_assume!(!matches!(id.as_str(), "null" | "true" | "false" | "yes" | "no" | "on" | "off"));
            let read = parse(format!("network: {{ethernets: {{{id}: {{dhcp4: true}}}}}}").as_bytes()).unwrap();
            prop_assert_eq!(&read.ethernets[0].id, &id);
        }
    }
}
