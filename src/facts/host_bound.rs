//! What applications are tied to of this host: licences to a MAC address, listeners to an address or a host name.
//!
//! FlexLM licence files (`SERVER host hostid port`, `HOSTID=`; FlexNet Publisher, "License File Format"), and Oracle Net's
//! listener.ora and tnsnames.ora (Oracle Net Services Reference, `HOST=`) of each home that `etc/oratab` names. Looked
//! at are the folders where installers put them; a vendor may choose any other.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::glob::expand;
use crate::parse::text;
use crate::place::{Place, Span};

/// Something that is tied to this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostBound {
    /// The line.
    pub at: Place,
    /// What it is.
    pub kind: BoundKind,
    /// The MAC address that it asks for, lower case with colons; null where it goes by something else.
    pub mac: Option<String>,
    /// The address or host name that it names; null where it names none.
    pub host: Option<String>,
    /// Whether that is an address.
    pub is_address: bool,
}

/// What is tied to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BoundKind {
    /// A licence of FlexLM's.
    Flexlm,
    /// Oracle's listener, or a name that resolves to one.
    OracleNet,
}

/// Where licence files stand.
const LICENCES: [&str; 9] = [
    "usr/local/flexlm/licenses/*",
    "usr/local/*/licenses/*.lic",
    "usr/local/*/*.lic",
    "opt/*/*.lic",
    "opt/*/license*/*.lic",
    "opt/*/*/license*/*.lic",
    "opt/*/*/*.lic",
    "etc/*.lic",
    "var/flexlm/*.lic",
];

/// Files that are read, and lines of them that become facts.
const MAX_FILES: usize = 64;
const MAX_LINES: usize = 1000;

/// Reads what is tied to the host.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<HostBound> {
    let mut found = Vec::new();
    let licences: BTreeSet<String> = LICENCES.iter().flat_map(|pattern| expand(gather, pattern)).collect();
    for path in licences.into_iter().take(MAX_FILES) {
        let Some(file) = gather.read_config(&path).present() else { continue };
        for line in text::lines(&file.bytes) {
            let line_text = String::from_utf8_lossy(line.bytes).into_owned();
            let at = || Span::new(line.number, 1, line.bytes.len() + 1).at(&file.path);
            found.extend(licence(&line_text, at));
        }
    }
    for path in oracle_files(gather) {
        let Some(file) = gather.read_config(&path).present() else { continue };
        for line in text::lines(&file.bytes).filter(|line| line.bytes.first() != Some(&b'#')) {
            let line_text = String::from_utf8_lossy(line.bytes).into_owned();
            found.extend(hosts_of(&line_text).into_iter().map(|host| HostBound {
                at: Span::new(line.number, 1, line.bytes.len() + 1).at(&file.path),
                kind: BoundKind::OracleNet,
                mac: None,
                is_address: host.parse::<std::net::IpAddr>().is_ok(),
                host: Some(host),
            }));
        }
    }
    found.truncate(MAX_LINES);
    found
}

/// A line of a licence that asks for a host.
fn licence(line: &str, at: impl Fn() -> Place) -> Option<HostBound> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let hostid = match words.as_slice() {
        [first, _, hostid, ..] if first.eq_ignore_ascii_case("SERVER") => Some(*hostid),
        [first, ..] if ["FEATURE", "INCREMENT"].contains(&first.to_ascii_uppercase().as_str()) => {
            words.iter().find_map(|word| word.strip_prefix("HOSTID="))
        }
        _ => None,
    }?;
    let hostid = hostid.trim_matches('"');
    let is_mac = hostid.len() == 12 && hostid.bytes().all(|byte| byte.is_ascii_hexdigit());
    let named = hostid.strip_prefix("INTERNET=").or_else(|| hostid.strip_prefix("HOSTNAME="));
    if !is_mac && named.is_none() {
        return None;
    }
    let pairs: Vec<String> = hostid
        .to_ascii_lowercase()
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).into_owned())
        .collect();
    Some(HostBound {
        at: at(),
        kind: BoundKind::Flexlm,
        mac: is_mac.then(|| pairs.join(":")),
        is_address: hostid.starts_with("INTERNET="),
        host: named.map(str::to_owned),
    })
}

/// Oracle Net's files of the homes in oratab: `SID:HOME:Y`.
fn oracle_files(gather: &Gather<'_>) -> Vec<String> {
    let mut homes = BTreeSet::new();
    for path in ["etc/oratab", "var/opt/oracle/oratab"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        for line in text::lines(&file.bytes).filter(|line| line.bytes.first() != Some(&b'#')) {
            let line = String::from_utf8_lossy(line.bytes).into_owned();
            homes.extend(line.split(':').nth(1).filter(|home| home.starts_with('/')).map(str::to_owned));
        }
    }
    let files = homes.into_iter().take(MAX_FILES).flat_map(|home| {
        ["listener.ora", "tnsnames.ora"]
            .map(|name| format!("{}/network/admin/{name}", home.trim_start_matches('/')))
    });
    files.collect()
}

/// The values of `HOST = …` in a line.
fn hosts_of(line: &str) -> Vec<String> {
    let upper = line.to_ascii_uppercase();
    let mut found = Vec::new();
    for (start, _) in upper.match_indices("HOST") {
        let before = upper.get(..start).and_then(|text| text.trim_end().chars().next_back());
        let Some(rest) = line.get(start + 4..).map(str::trim_start).and_then(|rest| rest.strip_prefix('='))
        else {
            continue;
        };
        let value: String =
            rest.trim_start().chars().take_while(|c| !matches!(c, ')' | '(' | ' ' | '\t')).collect();
        if before.is_none_or(|sign| sign == '(') && !value.is_empty() {
            found.push(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn licences_and_listeners_are_found() {
        let tree = Memory::new()
            .file("opt/tool/licenses/site.lic", "SERVER lic1 00005E005301 27000\nSERVER lic2 ANY 27000\nFEATURE x vendor 1.0 permanent 1 HOSTID=INTERNET=192.0.2.10\n")
            .file("etc/oratab", "# x\nORCL:/u01/app/oracle/db:Y\n")
            .file("u01/app/oracle/db/network/admin/listener.ora", "LISTENER =\n  (ADDRESS = (PROTOCOL = TCP)(HOST = 192.0.2.10)(PORT = 1521))\n")
            .into_tree();
        let limits = Limits::default();
        let rows: Vec<_> = gather(&Gather::new(&tree, &limits))
            .into_iter()
            .map(|one| (one.at.line.unwrap(), one.mac, one.host, one.is_address))
            .collect();
        assert_eq!(
            rows,
            [
                (1, Some("00:00:5e:00:53:01".to_owned()), None, false),
                (3, None, Some("192.0.2.10".to_owned()), true),
                (2, None, Some("192.0.2.10".to_owned()), true),
            ]
        );
    }
}
