//! Where accounts come from beside `/etc/passwd`: LDAP, Active Directory, NIS; and how long a boot waits for them.
//!
//! Sources: nsswitch.conf(5), nss_ldap's ldap.conf (`bind_policy`), nslcd.conf(5), sssd.conf(5). Of passwords and keys in
//! these files nothing is kept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::services::Services;
use super::setting::Setting;
use super::{Gather, Known};
use crate::parse::ini;
use crate::parse::lines::lines;
use crate::place::Place;

/// Sources of accounts.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Directory {
    /// The lines of nsswitch.conf for accounts and maps: `passwd`, `group`, `shadow`, `automount`, `sudoers`, `hosts`.
    pub databases: Vec<Database>,
    /// The settings of nss_ldap that say how long it waits: `bind_policy`, `bind_timelimit`, `timelimit`,
    /// `nss_initgroups_ignoreusers`, `nss_reconnect_tries`, `host`, `uri`.
    pub ldap: BTreeMap<String, Setting>,
    /// The file that these are from.
    pub ldap_at: Option<Place>,
    /// The domains of sssd.
    pub sssd: Vec<SssdDomain>,
    /// Services of them that the boot starts: `sssd`, `nslcd`, `winbind`, `ypbind`. Unknown if the services are.
    pub services: Known<Vec<String>>,
}

/// A line of nsswitch.conf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Database {
    /// `passwd`, `group`, ...
    pub name: String,
    /// Its sources in order, without the actions in brackets.
    pub sources: Vec<String>,
    /// The line.
    pub at: Place,
}

/// A domain of sssd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SssdDomain {
    /// Its name.
    pub name: String,
    /// `id_provider`: `ldap`, `ad`, `ipa`.
    pub id_provider: Option<String>,
    /// `cache_credentials`: people who logged in before get in without the server.
    pub caches_credentials: bool,
    /// The servers that it names; empty where it looks them up in the DNS.
    pub servers: Vec<String>,
    /// Its section.
    pub at: Place,
}

/// Lines that are kept.
const MAX_LINES: usize = 200;

const DATABASES: [&str; 7] = ["passwd", "group", "shadow", "automount", "sudoers", "hosts", "netgroup"];

const WAITS: [&str; 9] = [
    "bind_policy",
    "bind_timelimit",
    "timelimit",
    "nss_initgroups_ignoreusers",
    "nss_reconnect_tries",
    "nss_reconnect_maxsleeptime",
    "host",
    "uri",
    "reconnect_retrytime",
];

/// Reads all files.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services) -> Directory {
    let names = ["sssd", "nslcd", "winbind", "ypbind", "nscd", "vasd", "centrifydc", "adclient", "lsassd"];
    let services = services.in_use.as_ref().map(|in_use| {
        in_use.iter().filter(|name| names.contains(&name.as_str())).cloned().collect::<Vec<String>>()
    });
    let mut found =
        Directory { databases: databases(gather), sssd: sssd(gather), services, ..Directory::default() };
    // RHEL up to 5 has one file for nss_ldap and pam_ldap, later ones and Debian have two; nslcd has its own.
    for path in ["etc/nss_ldap.conf", "etc/libnss-ldap.conf", "etc/ldap.conf", "etc/nslcd.conf"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        found.ldap_at = Some(Place::file(path));
        for line in lines(&file.bytes).filter(|line| !line.text.trim_start().starts_with('#')) {
            let Some((word, rest)) = line.first_word() else { continue };
            let key = word.to_ascii_lowercase();
            if WAITS.contains(&key.as_str()) {
                let setting =
                    Setting { value: rest.trim().to_owned(), at: line.span_of(word).at(&file.path) };
                found.ldap.insert(key, setting);
            }
        }
        break;
    }
    found
}

fn databases(gather: &Gather<'_>) -> Vec<Database> {
    let Some(file) = gather.read_config("etc/nsswitch.conf").present() else { return Vec::new() };
    let mut found = Vec::new();
    for line in lines(&file.bytes).take(MAX_LINES) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        let Some((name, sources)) = text.split_once(':') else { continue };
        if !DATABASES.contains(&name.trim()) {
            continue;
        }
        let mut in_action = false;
        let sources = sources.split_whitespace().filter(|word| {
            in_action |= word.starts_with('[');
            let keep = !in_action;
            in_action &= !word.ends_with(']');
            keep
        });
        found.push(Database {
            name: name.trim().to_owned(),
            sources: sources.map(str::to_owned).collect(),
            at: line.span_of(text).at(&file.path),
        });
    }
    found
}

fn sssd(gather: &Gather<'_>) -> Vec<SssdDomain> {
    let mut files: Vec<_> = gather.read_config("etc/sssd/sssd.conf").present().into_iter().collect();
    files.extend(gather.read_directory("etc/sssd/conf.d", |name| name.ends_with(".conf")));
    let mut found: Vec<SssdDomain> = Vec::new();
    for file in &files {
        for entry in ini::parse(&file.bytes) {
            let Some(name) = entry.section.strip_prefix("domain/") else { continue };
            if found.last().is_none_or(|domain| domain.name != name) {
                if found.len() >= MAX_LINES {
                    break;
                }
                found.push(SssdDomain {
                    name: name.to_owned(),
                    id_provider: None,
                    caches_credentials: false,
                    servers: Vec::new(),
                    at: entry.span.at(&file.path),
                });
            }
            let Some(domain) = found.last_mut() else { continue };
            match entry.key.as_str() {
                "id_provider" => domain.id_provider = Some(entry.value),
                "cache_credentials" => domain.caches_credentials = entry.value.eq_ignore_ascii_case("true"),
                "ldap_uri" | "ad_server" | "ipa_server" | "krb5_server" => {
                    let names = entry.value.split(',').map(str::trim).filter(|name| !name.is_empty());
                    domain.servers.extend(names.filter(|name| *name != "_srv_").map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    found
}
