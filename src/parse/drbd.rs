//! DRBD's resources, drbd.conf(5): which disk each host gives to a replicated device.
//!
//! Words, `;` and braces, comments from `#` to the end of the line, quoted words (drbd-utils `user/shared/drbdadm_scanner.fl`).
//! A volume stands in the resource, in one of its hosts (`on`, `floating`, `stacked-on-top-of`) or in a `volume` of these. The shared secret of
//! a resource is passed over.

use super::lines::{Field, lines};
use crate::place::Span;

/// Statements that are read at most: a file of 1 MiB could have more than there are sensible resources.
const MAX_DISKS: usize = 4096;
/// Sections inside each other.
const MAX_DEPTH: usize = 16;

/// A disk below a replicated device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The resource.
    pub resource: String,
    /// The host; none where the statement is for all.
    pub host: Option<String>,
    /// `disk`, as written.
    pub disk: String,
    /// Where the disk is named.
    pub span: Span,
}

/// An address that a host replicates over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Option<String>,
    /// The address, without its family and port.
    pub address: String,
    /// Where it stands.
    pub span: Span,
}

/// What a file says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Drbd {
    /// The disks.
    pub disks: Vec<Disk>,
    /// The addresses.
    pub addresses: Vec<Address>,
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Drbd {
    let mut out = Drbd::default();
    let mut open: Vec<Vec<String>> = Vec::new();
    let mut statement: Vec<Field> = Vec::new();
    for word in words(bytes) {
        match word.text.as_str() {
            "{" => {
                let head = statement.drain(..).map(|field| field.text).collect();
                if open.len() < MAX_DEPTH {
                    open.push(head);
                }
            }
            "}" => {
                statement.clear();
                open.pop();
            }
            ";" => {
                take(&open, &statement, &mut out);
                statement.clear();
            }
            _ => statement.push(word),
        }
    }
    out
}

fn take(open: &[Vec<String>], statement: &[Field], out: &mut Drbd) {
    let head = |name: &str| {
        open.iter().find(|head| head.first().is_some_and(|word| word == name)).and_then(|head| head.get(1))
    };
    let host = || head("on").cloned();
    let (Some(key), Some(value)) = (statement.first(), statement.get(1)) else { return };
    if out.disks.len() + out.addresses.len() >= MAX_DISKS {
        return;
    }
    match key.text.as_str() {
        "disk" => {
            let Some(resource) = head("resource") else { return };
            out.disks.push(Disk {
                resource: resource.clone(),
                host: host(),
                disk: value.text.clone(),
                span: value.span,
            });
        }
        "address" => {
            let Some(last) = statement.last() else { return };
            let text = last.text.trim_start_matches('[');
            let end = text.find(']').or_else(|| text.rfind(':')).unwrap_or(text.len());
            let address = text.get(..end).unwrap_or(text).to_owned();
            out.addresses.push(Address { host: host(), address, span: last.span });
        }
        _ => {}
    }
}

/// The words of the file; braces and semicolons are words of their own.
fn words(bytes: &[u8]) -> Vec<Field> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let text = line.text.as_ref();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
            let word = rest.get(start..).unwrap_or_default();
            let end = match word.chars().next() {
                Some('#') | None => break,
                Some('{' | '}' | ';') => 1,
                Some('"') => word.get(1..).and_then(|tail| tail.find('"')).map_or(word.len(), |end| end + 2),
                Some(_) => word
                    .find(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '#'))
                    .unwrap_or(word.len()),
            };
            let (own, tail) = word.split_at_checked(end).unwrap_or((word, ""));
            found.push(line.field(own.trim_matches('"')));
            rest = tail;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn disks_know_their_resource_and_host() {
        let text = "resource r0 {\n  net { shared-secret \"hunter2\"; }\n  device /dev/drbd0;\n  on alice { # first\n    disk /dev/sdb1;\n\
            address 192.0.2.1:7789;\n    meta-disk internal;\n  }\n  on bob { volume 0 { disk \"/dev/vg/r0\"; } address ipv6 [2001:db8::2]:7789; }\n}\n\
            common { disk { on-io-error detach; } }\n";
        let drbd = parse(text.as_bytes());
        let disks: Vec<_> = drbd
            .disks
            .iter()
            .map(|d| format!("{} {:?} {}:{}", d.resource, d.host, d.disk, d.span.line))
            .collect();
        assert_eq!(disks, ["r0 Some(\"alice\") /dev/sdb1:5", "r0 Some(\"bob\") /dev/vg/r0:9"]);
        let addresses: Vec<_> = drbd.addresses.iter().map(|a| a.address.as_str()).collect();
        assert_eq!(addresses, ["192.0.2.1", "2001:db8::2"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse(&bytes).disks.len() <= bytes.len());
        }

        #[test]
        fn braces_and_words_are_read_without_panic(text in "([a-z]{1,6}|[{};# \"\n\\[\\]:])*") {
            prop_assert!(parse(text.as_bytes()).addresses.len() <= text.len());
        }
    }
}
