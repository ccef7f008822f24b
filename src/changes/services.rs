//! Services whose program or libraries are of another version after the change.
//!
//! A process keeps the files that it was started from, so an upgrade reaches it at its next start: what needs-restarting
//! (dnf-plugins-core) and needrestart look for in `/proc`, seen in the packages.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::packages::PackageChange;
use super::side::Side;
use crate::facts::packages::{owners, plain};
use crate::facts::services::Service;
use crate::facts::{Found, Gather, Limits};
use crate::known::Known;
use crate::place::Place;

/// A service that runs after a boot, with what changed under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServiceChange {
    /// Its name: `nginx`.
    pub name: String,
    /// The program that it starts, as its unit or script names it.
    pub program: String,
    /// The program's package, if that has another version; null if not.
    pub package: Option<PackageChange>,
    /// Whether the first number of that package's version differs.
    pub is_major: bool,
    /// Packages of libraries that the program loads and that have another version.
    pub libraries: Vec<PackageChange>,
    /// Its unit, script or job.
    pub at: Place,
}

/// The services of the system after that run on something else than before.
pub(super) fn compare(after: &Side, packages: &Known<Vec<PackageChange>>) -> Known<Vec<ServiceChange>> {
    let changes = match packages {
        Known::Known(changes) => changes,
        Known::Unknown { needs } => return Known::unknown(needs),
    };
    let upgraded: BTreeMap<&str, &PackageChange> = changes
        .iter()
        .filter(|change| change.before.is_some() && change.after.is_some())
        .map(|change| (change.name.as_str(), change))
        .collect();
    let units = match &after.facts.services.units {
        _ if upgraded.is_empty() => return Known::Known(Vec::new()),
        Known::Known(units) => units,
        Known::Unknown { needs } => return Known::unknown(needs),
    };
    let running: Vec<(&Service, &str)> = units
        .iter()
        .filter(|unit| unit.in_use)
        .filter_map(|unit| unit.exec.as_deref().map(|program| (unit, program)))
        .collect();
    let wanted: BTreeSet<String> = running
        .iter()
        .flat_map(|(_, program)| spellings(program).into_iter().chain(libraries(after, program)))
        .collect();
    let limits = Limits::default();
    let gather = Gather::new(&after.tree, &limits);
    let owners = match owners(&gather, &after.facts.packages, &wanted) {
        Found::Present(owners) => owners,
        Found::Absent => {
            return Known::unknown("the packages' lists of files (`var/lib/dpkg/info`, the rpm database)");
        }
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    let changed = |path: &String| owners.get(path).and_then(|name| upgraded.get(name.as_str()).copied());
    let change = |(unit, program): &(&Service, &str)| {
        let package = spellings(program).iter().find_map(changed);
        let mut of_libraries: Vec<PackageChange> =
            libraries(after, program).iter().filter_map(changed).cloned().collect();
        of_libraries.sort_by(|a, b| a.name.cmp(&b.name));
        of_libraries.dedup();
        of_libraries.retain(|library| package.is_none_or(|package| package.name != library.name));
        (package.is_some() || !of_libraries.is_empty()).then(|| ServiceChange {
            name: unit.name.clone(),
            program: (*program).to_owned(),
            is_major: package.is_some_and(is_major),
            package: package.cloned(),
            libraries: of_libraries,
            at: unit.at.clone(),
        })
    };
    Known::Known(running.iter().filter_map(change).collect())
}

/// A program's path as packages may list it: `/usr/sbin` and `/sbin` are one folder on merged systems.
fn spellings(program: &str) -> Vec<String> {
    let path = program.trim_start_matches('/');
    let other = match path.strip_prefix("usr/") {
        Some(short) => short.to_owned(),
        None => format!("usr/{path}"),
    };
    vec![plain(path), other]
}

/// The libraries that the program loads, as packages list them.
fn libraries(side: &Side, program: &str) -> Vec<String> {
    let path = program.trim_start_matches('/');
    let programs = &side.facts.libraries.programs;
    let found = programs.iter().find(|known| known.path == path || spellings(program).contains(&known.path));
    let needed = found.into_iter().flat_map(|program| &program.needed);
    needed.filter_map(|library| library.path.as_deref().map(plain)).collect()
}

/// Whether the first number of the upstream version differs: `1:2.4.6-1` and `1:3.0.1-1`.
fn is_major(change: &PackageChange) -> bool {
    let first = |version: &Option<String>| {
        let version = version.as_deref()?;
        let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
        upstream.split(|c: char| !c.is_ascii_digit()).next().map(str::to_owned)
    };
    first(&change.before) != first(&change.after)
}
