//! route-*, route6-*, rule-* and rule6-* files of Red Hat's network scripts, and SUSE's routes and ifroute-* files.
//!
//! Red Hat's `ifup-routes` takes a file in which any line starts with `ADDRESS<digits>=` as assignments, numbered
//! from 0 without a gap; any other file as arguments of `ip route add` or `ip rule add`, one a line. SUSE's are the
//! columns destination, gateway, netmask, interface, type (routes(5)).

use std::collections::BTreeMap;

use super::cursor::lossy;
use super::ifcfg;
use crate::place::Span;

/// One route or rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its line; the `ADDRESS<n>` one when it is made of several.
    pub span: Span,
    /// `default`, an address or a prefix; of a rule, what follows `to`.
    pub destination: Option<String>,
    /// What follows `via`.
    pub via: Option<String>,
    /// What follows `dev` (of a rule, `iif` or `oif`).
    pub device: Option<String>,
}

/// Reads route-NAME or route6-NAME.
#[must_use]
pub fn parse_routes(bytes: &[u8]) -> Vec<Route> {
    if text_lines(bytes).any(|(_, line)| is_address_line(line)) {
        numbered(bytes)
    } else {
        ip_arguments(bytes)
    }
}

/// Reads rule-NAME or rule6-NAME, which have `ip rule` arguments always.
#[must_use]
pub fn parse_rules(bytes: &[u8]) -> Vec<Route> {
    let lines = text_lines(bytes).map(|(number, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Route {
            span: line_span(number, &line),
            destination: after(&words, &["to"]),
            via: None,
            device: after(&words, &["iif", "oif", "dev"]),
        }
    });
    lines.collect()
}

/// Reads SUSE's routes or ifroute-NAME.
#[must_use]
pub fn parse_suse(bytes: &[u8]) -> Vec<Route> {
    let lines = text_lines(bytes).map(|(number, line)| {
        let mut columns = line.split_whitespace().map(|word| (word != "-").then(|| word.to_owned()));
        let mut column = || columns.next().flatten();
        let (destination, via, _netmask, device) = (column(), column(), column(), column());
        Route { span: line_span(number, line), destination, via, device }
    });
    lines.collect()
}

/// The lines that are neither blank nor comments, trimmed at the end, with their numbers from 1.
fn text_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, String)> + '_ {
    let numbered = bytes.split(|byte| *byte == b'\n').enumerate();
    let texts = numbered.map(|(index, line)| (index + 1, lossy(line).trim_end().to_owned()));
    texts.filter(|(_, line)| !line.trim_start().is_empty() && !line.trim_start().starts_with('#'))
}

fn line_span(number: usize, line: impl AsRef<str>) -> Span {
    let line = line.as_ref();
    let start = line.len() - line.trim_start().len();
    Span::new(number, start + 1, line.len() + 1)
}

fn is_address_line(line: impl AsRef<str>) -> bool {
    let Some(rest) = line.as_ref().trim_start().strip_prefix("ADDRESS") else { return false };
    let digits = rest.trim_start_matches(|character: char| character.is_ascii_digit());
    digits.len() < rest.len() && digits.starts_with('=')
}

fn numbered(bytes: &[u8]) -> Vec<Route> {
    let text = ifcfg::parse(bytes);
    let mut by_key = BTreeMap::new();
    for assignment in &text.assignments {
        by_key.insert(assignment.key.as_str(), assignment);
    }
    let value = |key: String| by_key.get(key.as_str()).filter(|found| !found.value.is_empty()).copied();
    let mut routes = Vec::new();
    while let Some(address) = value(format!("ADDRESS{}", routes.len())) {
        let number = routes.len();
        let netmask = value(format!("NETMASK{number}")).map(|found| found.value.clone());
        let destination = match netmask {
            Some(mask) => format!("{}/{}", address.value, prefix_length(&mask).unwrap_or(mask)),
            None => address.value.clone(),
        };
        routes.push(Route {
            span: address.span,
            destination: Some(destination),
            via: value(format!("GATEWAY{number}")).map(|found| found.value.clone()),
            device: None,
        });
    }
    routes
}

/// `255.255.255.0` is `24`; none for a mask with holes or of another form.
fn prefix_length(mask: &str) -> Option<String> {
    let bits = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    (bits.leading_ones() == bits.count_ones()).then(|| bits.count_ones().to_string())
}

fn ip_arguments(bytes: &[u8]) -> Vec<Route> {
    let lines = text_lines(bytes).map(|(number, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // ip-route(8): TYPE may come before the prefix, and `to` before the prefix itself.
        let types =
            ["unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole"];
        let destination = words.iter().find(|word| **word != "to" && !types.contains(word));
        Route {
            span: line_span(number, &line),
            destination: destination.map(|word| (*word).to_owned()),
            via: after(&words, &["via"]),
            device: after(&words, &["dev"]),
        }
    });
    lines.collect()
}

/// The word after any of `names`; ip(8) takes `inet6` between `via` and the address.
fn after(words: &[&str], names: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| names.contains(word))?;
    let rest = words.get(at + 1..)?;
    rest.iter().find(|word| !matches!(**word, "inet" | "inet6")).map(|word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row<'a> = (u32, Option<&'a str>, Option<&'a str>, Option<&'a str>);

    fn rows(routes: &[Route]) -> Vec<Row<'_>> {
        routes
            .iter()
            .map(|r| (r.span.line, r.destination.as_deref(), r.via.as_deref(), r.device.as_deref()))
            .collect()
    }

    #[test]
    fn ip_arguments_are_read_line_by_line() {
        let routes = parse_routes(
            b"# backup net\n198.51.100.0/24 via 192.0.2.1 dev eth1\ndefault via inet6 2001:db8::1\r\n\nblackhole 203.0.113.0/24\n",
        );
        assert_eq!(
            rows(&routes),
            [
                (2, Some("198.51.100.0/24"), Some("192.0.2.1"), Some("eth1")),
                (3, Some("default"), Some("2001:db8::1"), None),
                (5, Some("203.0.113.0/24"), None, None),
            ]
        );
    }

    #[test]
    fn numbered_assignments_end_at_the_first_gap() {
        let routes = parse_routes(
            b"GATEWAY0=192.0.2.1\nNETMASK0=255.255.255.0\nADDRESS0=198.51.100.0\nADDRESS2=203.0.113.0\n",
        );
        assert_eq!(rows(&routes), [(3, Some("198.51.100.0/24"), Some("192.0.2.1"), None)]);
    }

    #[test]
    fn rules_and_suse_columns() {
        let rules = parse_rules(b"from 192.0.2.10 table 100\nto 198.51.100.0/24 iif eth0 lookup 5\n");
        assert_eq!(rows(&rules), [(1, None, None, None), (2, Some("198.51.100.0/24"), None, Some("eth0"))]);
        let routes =
            parse_suse(b"default 192.0.2.1 - -\n198.51.100.0 192.0.2.2 255.255.255.0 eth1 unicast\n");
        assert_eq!(
            rows(&routes),
            [
                (1, Some("default"), Some("192.0.2.1"), None),
                (2, Some("198.51.100.0"), Some("192.0.2.2"), Some("eth1"))
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_at_most_a_route_a_line(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            for routes in [parse_routes(&bytes), parse_rules(&bytes), parse_suse(&bytes)] {
                prop_assert!(routes.len() <= lines.max(bytes.len() / 10));
            }
        }
    }
}
