//! Packages before and after.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Facts;
use crate::known::Known;
use crate::place::Place;

/// Packages that are told; two systems of one distribution differ in hundreds.
const MOST_PACKAGES: usize = 10_000;

/// A package that came, went, or has another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its version before, as `[epoch:]version[-release]`; null if it was not installed.
    pub before: Option<String>,
    /// Its version after; null if it is not installed.
    pub after: Option<String>,
    /// The database.
    pub at: Place,
}

/// The packages that differ, by name.
pub(super) fn compare(before: &Facts, after: &Facts) -> Known<Vec<PackageChange>> {
    let (old, new) = match (&before.packages.versions, &after.packages.versions) {
        (Known::Known(old), Known::Known(new)) => (old, new),
        (Known::Unknown { needs }, _) | (_, Known::Unknown { needs }) => return Known::unknown(needs),
    };
    let at = after.packages.at.clone().unwrap_or_else(|| Place::file("var/lib"));
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |name: &std::sync::Arc<str>| {
        let (before, after) = (old.get(name).cloned(), new.get(name).cloned());
        (before != after).then(|| PackageChange { name: name.to_string(), before, after, at: at.clone() })
    };
    Known::Known(names.into_iter().filter_map(change).take(MOST_PACKAGES).collect())
}
