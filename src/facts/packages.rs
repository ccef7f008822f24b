//! The installed packages, from dpkg's status file or an rpm database.
//!
//! A system without either, or whose database cannot be read, has unknown packages: no rule may take "not in the
//! list" for "not installed" then.

mod dpkg;
mod origin;
mod owners;
mod rpm;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::system::System;
use super::{Gather, Known};
use crate::place::Place;
pub use origin::ForeignPackage;
pub(crate) use owners::{owners, plain};

/// The installed packages.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Packages {
    /// Who keeps the list; null if no package database is there.
    pub manager: Option<Manager>,
    /// The database; null if there is none.
    pub at: Option<Place>,
    /// Version of each installed package by its name, as `[epoch:]version[-release]`: `openssl` ->
    /// `1.0.1e-58.el6_10`. Where one name is installed in several versions (kernels), the newest installed.
    pub versions: Known<BTreeMap<Arc<str>, String>>,
    /// Packages whose installation did not end, or that must be installed again.
    pub broken: Vec<BrokenPackage>,
    /// Packages that are not the distribution's, as far as the input can say: of another vendor, from another archive, or
    /// from none. Unknown if the input says nothing of where packages are from.
    pub foreign: Known<Vec<ForeignPackage>>,
    /// dpkg was stopped in its work: `dpkg --configure -a` has to go first.
    pub interrupted: bool,
    /// All installed packages by name, in the order of their installation where one name occurs twice.
    #[serde(skip)]
    pub list: Known<Vec<Package>>,
}

/// Who keeps the list of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// dpkg.
    Dpkg,
    /// rpm.
    Rpm,
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: Arc<str>,
    /// Epoch; none counts as 0.
    pub epoch: Option<u32>,
    /// The upstream version.
    pub version: Box<str>,
    /// The distribution's release (Debian: revision); empty for a native Debian package.
    pub release: Box<str>,
    /// `x86_64`, `noarch`, `amd64`, `all`, as the package manager writes it.
    pub architecture: Arc<str>,
    /// rpm's `Vendor`, dpkg's `Origin`, where the package has one.
    pub vendor: Option<Arc<str>>,
}

impl Package {
    /// `[epoch:]version[-release]`, as both package managers write it.
    #[must_use]
    pub fn full_version(&self) -> String {
        let epoch =
            self.epoch.filter(|epoch| *epoch > 0).map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let dash = if self.release.is_empty() { "" } else { "-" };
        format!("{epoch}{}{dash}{}", self.version, self.release)
    }
}

/// A package whose installation did not end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BrokenPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How far it got.
    pub state: BrokenState,
    /// Where dpkg says so.
    pub at: Place,
}

/// How far an installation got (dpkg(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BrokenState {
    /// Unpacking began and did not end.
    HalfInstalled,
    /// Unpacked, never configured.
    Unpacked,
    /// Configuring began and did not end.
    HalfConfigured,
    /// dpkg marks it to be installed again.
    ReinstallRequired,
}

impl Packages {
    /// The installed package of that name (the last installed, if there are several). Unknown if the list is.
    #[must_use]
    pub fn find(&self, name: &str) -> Known<Option<&Package>> {
        self.list.as_ref().map(|list| {
            let after = list.partition_point(|package| package.name.as_ref() <= name);
            let last = after.checked_sub(1).and_then(|index| list.get(index));
            last.filter(|package| package.name.as_ref() == name)
        })
    }
}

/// What a package manager's reader found.
struct Inventory {
    manager: Manager,
    at: Place,
    list: Known<Vec<Package>>,
    broken: Vec<BrokenPackage>,
    interrupted: bool,
}

/// Reads the package database of the system. Where both managers are there (rpm installed on Debian for alien),
/// dpkg's list is the system's if it is not empty.
#[must_use]
pub fn gather(gather: &Gather<'_>, system: &System) -> Packages {
    let Some(found) = dpkg::gather(gather).or_else(|| rpm::gather(gather)) else {
        let needs = "`var/lib/dpkg/status` or an rpm database";
        return Packages {
            versions: Known::unknown(needs),
            list: Known::unknown(needs),
            foreign: Known::unknown(needs),
            ..Packages::default()
        };
    };
    let list = found.list.map(|mut list| {
        // A stable sort: packages of one name stay in the order of their installation.
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    });
    let versions = list
        .as_ref()
        .map(|list| list.iter().map(|package| (Arc::clone(&package.name), package.full_version())).collect());
    Packages {
        foreign: origin::gather(gather, found.manager, &list, system),
        manager: Some(found.manager),
        at: Some(found.at),
        versions,
        broken: found.broken,
        interrupted: found.interrupted,
        list,
    }
}

/// Strings that many packages share, each kept once.
#[derive(Default)]
struct Interner {
    known: std::collections::HashSet<Arc<str>>,
}

impl Interner {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = crate::source::escape_bytes(text.as_bytes()).into();
        self.known.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests;
