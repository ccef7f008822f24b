//! Programs that look names up with functions which know IPv4 addresses alone, on a machine that has only IPv6 ones.
//!
//! gethostbyname(3) returns addresses of one family, AF_INET; a program that imports it and not getaddrinfo(3) cannot reach a name that
//! has only AAAA records. That is looked up in the programs' tables of dynamic symbols.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::libraries::read_at;
use super::network::Network;
use super::services::Services;
use crate::parse::elf_lib;
use crate::place::Place;

/// Programs that are looked into.
const MAX_PROGRAMS: usize = 300;

/// The functions, and those that take their place.
const OLD: [&str; 5] =
    ["gethostbyname", "gethostbyname_r", "gethostbyaddr", "gethostbyaddr_r", "getipnodebyname"];
const NEW: [&str; 3] = ["getaddrinfo", "getnameinfo", "gethostbyname2"];

/// Programs that are called by hand and by scripts, beside those that services start.
const TOOLS: [&str; 4] = ["usr/bin/nc", "bin/nc", "usr/bin/netcat", "usr/bin/telnet"];

/// A program that can look up IPv4 addresses alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OldLookup {
    /// The program.
    pub at: Place,
    /// Its path relative to the root.
    pub program: String,
    /// The service that starts it; null for a tool.
    pub service: Option<String>,
    /// The functions that it imports.
    pub functions: Vec<String>,
}

/// Whether the configured addresses are of IPv6 only: there are some, and neither an IPv4 address nor DHCP for one.
#[must_use]
pub fn is_ipv6_only(network: &Network) -> bool {
    let used = network.connections.iter().filter(|one| {
        // systemd brings files of its own for containers, which take addresses from a pool.
        let is_own = !one.at.path.starts_with("usr/lib/");
        is_own && one.starts_at_boot && !one.unmanaged && one.is_in_use.get() != Some(&false)
    });
    let used: Vec<_> = used.map(|one| &one.settings).collect();
    let addresses = || used.iter().flat_map(|settings| &settings.addresses);
    let is_old = |address: &str| !address.contains(':') && !address.starts_with("127.");
    addresses().any(|address| address.value.contains(':') && !address.value.starts_with("::1"))
        && !addresses().any(|address| is_old(&address.value))
        && used.iter().all(|settings| settings.dhcp.is_none())
}

/// The programs of services that run, and tools, that can look up IPv4 addresses alone; nothing unless the machine has only IPv6
/// addresses, since it costs a look into each program.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services, network: &Network) -> Vec<OldLookup> {
    if !is_ipv6_only(network) {
        return Vec::new();
    }
    let units = services.units.get().into_iter().flatten().filter(|unit| unit.in_use);
    let of_services = units.filter_map(|unit| {
        let path = unit.exec.as_deref()?.trim_start_matches('/');
        Some((path.to_owned(), Some(unit.name.clone())))
    });
    let tools = TOOLS.iter().map(|path| ((*path).to_owned(), None));
    let mut seen = BTreeSet::new();
    let programs = of_services
        .chain(tools)
        .filter(|(path, _)| gather.tree.resolve(path).is_ok_and(|resolved| seen.insert(resolved)));
    programs.take(MAX_PROGRAMS).filter_map(|(program, service)| look(gather, program, service)).collect()
}

fn look(gather: &Gather<'_>, program: String, service: Option<String>) -> Option<OldLookup> {
    // A script or a program that cannot be read says nothing.
    let (content, _) = gather.tree.open(&program).ok()?;
    let mut read = read_at(content);
    let object = elf_lib::read(&mut read).ok()?;
    let imported = elf_lib::imported_symbols(&object, &mut read);
    let functions: Vec<String> =
        OLD.iter().filter(|name| imported.contains(**name)).map(|name| (*name).to_owned()).collect();
    let is_new = NEW.iter().any(|name| imported.contains(*name));
    (!functions.is_empty() && !is_new).then(|| OldLookup {
        at: Place::file(program.as_str()),
        program,
        service,
        functions,
    })
}
