//! interfaces(5): ifupdown's stanzas (`auto`, `allow-*`, `iface`, `source`), Debian and Ubuntu before netplan.

use super::cursor::lossy;
use crate::place::Span;

/// What was read of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Interfaces {
    /// The `iface` stanzas.
    pub stanzas: Vec<Stanza>,
    /// Names that `auto` or `allow-hotplug` bring up at boot, patterns among them.
    pub started: Vec<String>,
    /// Those of them that `auto` names: `ifup -a` fails when one does not come up.
    pub automatic: Vec<(String, Span)>,
    /// Patterns of `mapping` lines.
    pub mappings: Vec<String>,
    /// Patterns of files (or directories) that are read, too.
    pub sources: Vec<String>,
}

/// One `iface NAME FAMILY METHOD` with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    /// The interface, or the logical name that a mapping gives.
    pub name: String,
    /// Place of the name.
    pub span: Span,
    /// `static`, `dhcp`, `manual`, `loopback`, `ppp`; empty when the line ends before it.
    pub method: String,
    /// The options: name, rest of the line, place.
    pub options: Vec<(String, String, Span)>,
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Interfaces {
    let mut out = Interfaces::default();
    let mut in_iface = false;
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate();
    while let Some((index, line)) = lines.next() {
        let mut text = lossy(line);
        let first = text.trim_end().len();
        while text.trim_end_matches('\r').ends_with('\\') {
            text.truncate(text.trim_end_matches('\r').len() - 1);
            match lines.next() {
                Some((_, next)) => text.push_str(&lossy(next)),
                None => break,
            }
        }
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let column = text.len() - text.trim_start().len() + 1;
        let span = Span::new(index + 1, column, first.max(column) + 1);
        let (word, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
        let mut words = rest.split_whitespace().map(str::to_owned);
        match word {
            "iface" => {
                let Some(name) = words.next() else { continue };
                let method = words.nth(1).unwrap_or_default();
                out.stanzas.push(Stanza { name, span, method, options: Vec::new() });
                in_iface = true;
            }
            "auto" | "allow-auto" | "allow-hotplug" => {
                let names: Vec<String> = words.collect();
                if word != "allow-hotplug" {
                    out.automatic.extend(names.iter().map(|name| (name.clone(), span)));
                }
                out.started.extend(names);
                in_iface = false;
            }
            "source" | "source-directory" => {
                out.sources.extend(words);
                in_iface = false;
            }
            "mapping" => {
                out.mappings.extend(words);
                in_iface = false;
            }
            "rename" | "template" | "no-auto-down" | "no-scripts" => in_iface = false,
            _ if word.starts_with("allow-") => in_iface = false,
            _ if in_iface => {
                if let Some(stanza) = out.stanzas.last_mut() {
                    stanza.options.push((word.to_owned(), rest.trim().to_owned(), span));
                }
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stanzas_options_and_sources_are_read() {
        let text = "source /etc/network/interfaces.d/*\nauto lo ens192\niface lo inet loopback\n\nallow-hotplug eth0\niface ens192 inet static\n    address 192.0.2.10/24 # no comment here\n    up ip route \\\n add x\niface dsl inet ppp\n";
        let read = parse(text.as_bytes());
        assert_eq!(read.started, ["lo", "ens192", "eth0"]);
        assert_eq!(read.sources, ["/etc/network/interfaces.d/*"]);
        let rows: Vec<_> = read
            .stanzas
            .iter()
            .map(|s| (s.span.line, s.name.as_str(), s.method.as_str(), s.options.len()))
            .collect();
        assert_eq!(rows, [(3, "lo", "loopback", 0), (6, "ens192", "static", 2), (10, "dsl", "ppp", 0)]);
        assert_eq!(read.stanzas[1].options[1].1, "ip route  add x");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).stanzas.len() <= bytes.len());
        }

        #[test]
        fn a_stanza_comes_back(name in "[a-z][a-z0-9.]{0,12}", method in "static|dhcp|manual") {
            let read = parse(format!("iface {name} inet {method}").as_bytes());
            prop_assert_eq!((&read.stanzas[0].name, &read.stanzas[0].method), (&name, &method));
        }
    }
}
