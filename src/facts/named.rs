//! BIND: on which addresses named listens, and how many sockets it may have.
//!
//! `listen-on` and `listen-on-v6` default to every address of the machine (named.conf(5)), and named opens sockets for UDP and TCP on
//! each of them for each of its threads (`lib/isc/netmgr`, `lib/ns/interfacemgr.c`). Up to 9.16 a table of its own bounds them: 21,000,
//! or what `-S` says (`ISC_SOCKET_MAXSOCKETS` in `lib/isc/unix/socket.c`); always what the service may have open (`LimitNOFILE`).

use schemars::JsonSchema;
use serde::Serialize;

use super::packages::Packages;
use super::services::{Service, Services};
use super::setting::Setting;
use super::{Gather, Known};
use crate::parse::lines::lines;
use crate::parse::named_conf::{self, Statement};
use crate::parse::shell_vars;
use crate::place::Place;
use crate::source::File;

/// Where the configuration is: packages of Red Hat and SUSE, of Debian, and a chroot.
const FILES: [&str; 3] = ["etc/named.conf", "etc/bind/named.conf", "var/named/chroot/etc/named.conf"];
/// Files that it includes.
const MAX_FILES: usize = 256;
/// Names of the service.
const SERVICES: [&str; 3] = ["named", "bind9", "named-chroot"];
/// Files with the service's options (`OPTIONS=`, SUSE: `NAMED_ARGS=`).
const OPTIONS: [&str; 3] = ["etc/default/named", "etc/default/bind9", "etc/sysconfig/named"];
/// Sockets of named up to 9.16 without `-S`, as distributions build it.
const OWN_LIMIT: u64 = 21_000;
/// Descriptors that systemd lets a service have if nothing says (`DefaultLimitNOFILE=`, the hard limit, which named takes).
const SYSTEMD_LIMIT: u64 = 524_288;

/// named and its sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Named {
    /// `listen-on`, else the configuration.
    pub at: Place,
    /// Whether it listens on every IPv4 address of the machine.
    pub listens_on_all: bool,
    /// Whether something starts it.
    pub in_use: Known<bool>,
    /// How many addresses the machine's configuration has.
    pub addresses: u64,
    /// Threads that listen: `-n`, else the processors where the input says, else one.
    pub threads: u64,
    /// Sockets that it opens, at least.
    pub sockets: u64,
    /// Sockets that it may have.
    pub limit: u64,
    /// What sets the limit: `-S`, `LimitNOFILE`; null if nothing does.
    pub limit_set: Option<Setting>,
}

/// Reads the configuration; none if there is none.
#[must_use]
pub fn gather(
    gather: &Gather<'_>,
    services: &Services,
    packages: &Packages,
    addresses: usize,
) -> Option<Named> {
    let start = FILES.iter().find_map(|path| gather.read(path).present())?;
    let at = Place::file(std::sync::Arc::clone(&start.path));
    let statements = statements(gather, start);
    let listen: Vec<&(Statement, Place)> = statements
        .iter()
        .filter(|(statement, _)| statement.words.first().is_some_and(|word| word == "listen-on"))
        .collect();
    let is_all = |statement: &Statement| statement.elements.iter().any(|element| element == "any");
    let service = services.units.as_ref().map(|units| {
        units.iter().filter(|unit| SERVICES.contains(&unit.name.as_str())).max_by_key(|unit| unit.in_use)
    });
    let found = service.get().copied().flatten();
    let options = options(gather, found);
    let threads =
        option(&options, "-n").and_then(|(value, _)| value.parse().ok()).or_else(|| processors(gather));
    let addresses = u64::try_from(addresses).unwrap_or(u64::MAX);
    let threads = threads.unwrap_or(1);
    let (limit, limit_set) = limit(&options, found, packages);
    Some(Named {
        at: listen.first().map_or(at, |(_, at)| at.clone()),
        listens_on_all: listen.is_empty() || listen.iter().any(|(statement, _)| is_all(statement)),
        in_use: service.map(|unit| unit.is_some_and(|unit| unit.in_use)),
        addresses,
        threads,
        sockets: addresses.saturating_mul(2).saturating_mul(threads),
        limit,
        limit_set,
    })
}

/// The statements of a configuration and what it includes, each with its place.
fn statements(gather: &Gather<'_>, start: File) -> Vec<(Statement, Place)> {
    let mut found = Vec::new();
    let mut seen = std::collections::BTreeSet::from([start.resolved.clone()]);
    let mut todo = vec![start];
    while let Some(file) = todo.pop() {
        for statement in named_conf::parse(&file.bytes) {
            let at = statement.span.at(&file.path);
            if let [word, path] = statement.words.as_slice()
                && word == "include"
                && seen.len() < MAX_FILES
                && let Some(included) = gather.read(path.trim_start_matches('/')).present()
                && seen.insert(included.resolved.clone())
            {
                todo.push(included);
            }
            // Zones are many and say nothing here.
            if statement.path.first().is_none_or(|block| block == "options") {
                found.push((statement, at));
            }
        }
    }
    found
}

/// The words of the service's command line and of the file that it takes options from, each with its place.
fn options(gather: &Gather<'_>, service: Option<&Service>) -> Vec<(String, Place)> {
    let mut words: Vec<(String, Place)> = service
        .into_iter()
        .flat_map(|unit| unit.arguments.iter().map(|word| (word.clone(), unit.at.clone())))
        .collect();
    for path in OPTIONS {
        let Some(file) = gather.read_config(path).present() else { continue };
        let read = shell_vars::parse(&file.bytes);
        let Some(set) = read.last("OPTIONS").or_else(|| read.last("NAMED_ARGS")) else { continue };
        let at = set.span.at(&file.path);
        words.extend(set.value.split_whitespace().map(|word| (word.to_owned(), at.clone())));
    }
    words
}

/// The value of an option: `-S 4096` or `-S4096`.
fn option<'a>(words: &'a [(String, Place)], name: &str) -> Option<(&'a str, &'a Place)> {
    let index = words.iter().rposition(|(word, _)| word.starts_with(name))?;
    let (word, at) = words.get(index)?;
    let value = word.strip_prefix(name).filter(|rest| !rest.is_empty());
    Some((value.or_else(|| words.get(index + 1).map(|(word, _)| word.as_str()))?, at))
}

fn limit(
    words: &[(String, Place)],
    service: Option<&Service>,
    packages: &Packages,
) -> (u64, Option<Setting>) {
    let unit = service.and_then(|unit| unit.settings.get("LimitNOFILE")).and_then(|setting| {
        let hard = setting.value.rsplit(':').next()?;
        Some((hard.parse::<u64>().ok()?, setting.clone()))
    });
    let own = option(words, "-S").and_then(|(value, at)| {
        Some((value.parse::<u64>().ok()?, Setting { value: value.to_owned(), at: at.clone() }))
    });
    let own = match own {
        Some((limit, setting)) => (limit, Some(setting)),
        None if has_own_table(packages) => (OWN_LIMIT, None),
        None => (SYSTEMD_LIMIT, None),
    };
    match unit {
        Some((limit, setting)) if limit < own.0 => (limit, Some(setting)),
        _ => own,
    }
}

/// Whether this is BIND up to 9.16.
fn has_own_table(packages: &Packages) -> bool {
    ["bind9", "bind"].iter().any(|name| {
        let version = packages.find(name);
        let Known::Known(Some(package)) = version else { return false };
        let mut numbers = package.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (numbers.next(), numbers.next()) < (Some(9), Some(17))
    })
}

fn processors(gather: &Gather<'_>) -> Option<u64> {
    let file = gather.read_config("proc/cpuinfo").present()?;
    let count = lines(&file.bytes).filter(|line| line.text.starts_with("processor")).count();
    u64::try_from(count).ok().filter(|count| *count > 0)
}
