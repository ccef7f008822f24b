//! Packages that are not the distribution's own.
//!
//! An rpm says its vendor. A Debian package does not say where it came from: apt knows by comparing with the lists of packages
//! that it fetched from each archive (`apt list '?obsolete'`), and so does this. The lists' `Release` files name the archive's
//! origin (apt_preferences(5)).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, Manager, Package};
use crate::facts::Known;
use crate::facts::system::System;
use crate::source::escape_bytes;

const LISTS: &str = "var/lib/apt/lists";
/// Bytes of a list that are read; Debian's main has 50 MB.
const LIST_LIMIT: u64 = 256 << 20;
/// Bytes of a line; descriptions are the longest and have no more than some thousand.
const LINE_LIMIT: u64 = 64 << 10;
/// Bytes of a `Release` file that are looked at: its origin stands on top.
const RELEASE_LIMIT: u64 = 64 << 10;
/// Packages that are named.
const MAX_FOREIGN: usize = 5000;

/// Words in the vendors of each distribution's packages, in small letters.
const VENDORS: [(&str, &[&str]); 14] = [
    ("rhel", &["red hat"]),
    ("centos", &["centos"]),
    ("fedora", &["fedora project"]),
    ("rocky", &["rocky"]),
    ("almalinux", &["almalinux"]),
    ("ol", &["oracle"]),
    ("scientific", &["scientific linux"]),
    ("amzn", &["amazon"]),
    ("cloudlinux", &["cloudlinux"]),
    ("sles", &["suse"]),
    ("sle", &["suse"]),
    ("opensuse", &["opensuse", "suse"]),
    ("virtuozzo", &["virtuozzo", "odin", "parallels"]),
    ("openeuler", &["openeuler"]),
];

/// A package that is not the distribution's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForeignPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whose it is: rpm's vendor, or the origin of the archive that offers it; null if nobody says, as for a package that was
    /// built by hand, or that no archive offers any more.
    pub vendor: Option<String>,
}

/// The packages of `list` that are not the distribution's.
pub(super) fn gather(
    gather: &Gather<'_>,
    manager: Manager,
    list: &Known<Vec<Package>>,
    system: &System,
) -> Known<Vec<ForeignPackage>> {
    let list = match list {
        Known::Known(list) => list,
        Known::Unknown { needs } => return Known::unknown(needs.clone()),
    };
    match manager {
        Manager::Rpm => rpm(list, system),
        Manager::Dpkg => dpkg(gather, list, system),
    }
}

fn foreign(package: &Package, vendor: Option<String>) -> ForeignPackage {
    ForeignPackage { name: package.name.to_string(), version: package.full_version(), vendor }
}

fn rpm(list: &[Package], system: &System) -> Known<Vec<ForeignPackage>> {
    if list.iter().all(|package| package.vendor.is_none()) {
        return Known::unknown("the packages' vendors: `rpm -qa --qf '%{NAME} %{VENDOR}\\n'`");
    }
    let id = system.id.as_deref().unwrap_or_default();
    let Some((_, own)) = VENDORS.iter().find(|(name, _)| id.starts_with(name)) else {
        return Known::unknown("a distribution whose vendor is known");
    };
    let others = list.iter().filter(|package| {
        let vendor = package.vendor.as_deref().unwrap_or_default().to_ascii_lowercase();
        !own.iter().any(|word| vendor.contains(word))
    });
    let vendor = |package: &Package| package.vendor.as_deref().map(str::to_owned);
    Known::Known(others.take(MAX_FOREIGN).map(|package| foreign(package, vendor(package))).collect())
}

/// What the archives offer of an installed package.
#[derive(Default)]
struct Offer {
    /// The distribution offers a package of this name.
    by_name: bool,
    /// The distribution offers this version.
    by_version: bool,
    /// Another archive offers this version.
    other: Option<String>,
}

fn dpkg(gather: &Gather<'_>, list: &[Package], system: &System) -> Known<Vec<ForeignPackage>> {
    let needs = "apt's lists of packages (`var/lib/apt/lists`), or the output of `apt list '?obsolete'`";
    let names = gather.tree.list(LISTS).unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(|name| name.to_str()).collect();
    let mut offers: BTreeMap<&str, Vec<(String, Offer)>> = BTreeMap::new();
    for package in list {
        offers.entry(package.name.as_ref()).or_default().push((package.full_version(), Offer::default()));
    }
    let mut knows_distribution = false;
    for name in names.iter().filter(|name| name.ends_with("_Packages")) {
        let origin = origin(gather, &names, name);
        let is_own = origin.as_deref().is_some_and(|origin| is_distribution(origin, system));
        let Ok((content, _)) = gather.tree.open(format!("{LISTS}/{name}")) else {
            return Known::unknown(needs);
        };
        knows_distribution |= is_own;
        for (package, version) in stanzas(content) {
            for (installed, offer) in offers.get_mut(package.as_str()).into_iter().flatten() {
                let same = *installed == version;
                offer.by_name |= is_own;
                offer.by_version |= is_own && same;
                if same && !is_own && offer.other.is_none() {
                    offer.other = Some(origin.clone().unwrap_or_else(|| (*name).to_owned()));
                }
            }
        }
    }
    if !knows_distribution {
        return Known::unknown(needs);
    }
    let others = list.iter().filter_map(|package| {
        let version = package.full_version();
        let (_, offer) =
            offers.get(package.name.as_ref())?.iter().find(|(installed, _)| *installed == version)?;
        let is_foreign = !offer.by_name || (offer.other.is_some() && !offer.by_version);
        is_foreign.then(|| foreign(package, offer.other.clone()))
    });
    Known::Known(others.take(MAX_FOREIGN).collect())
}

/// `Origin: Debian` of Debian, `Ubuntu` of Ubuntu and of what is made from it.
fn is_distribution(origin: &str, system: &System) -> bool {
    let origin = origin.to_ascii_lowercase();
    let own = system.id.iter().chain(&system.id_like);
    own.map(|id| id.to_ascii_lowercase()).any(|id| origin.starts_with(&id))
}

/// The origin that the `Release` file of a list's archive names: `HOST_PATH_dists_SUITE_InRelease` for
/// `HOST_PATH_dists_SUITE_COMPONENT_binary-ARCH_Packages`.
fn origin(gather: &Gather<'_>, names: &[&str], list: &str) -> Option<String> {
    let release = names.iter().filter(|name| {
        let stem = name.strip_suffix("InRelease").or_else(|| name.strip_suffix("Release"));
        stem.is_some_and(|stem| !stem.is_empty() && list.starts_with(stem))
    });
    let release = release.max_by_key(|name| name.len())?;
    let (content, _) = gather.tree.open(format!("{LISTS}/{release}")).ok()?; // without it the origin is not known
    let mut text = Vec::new();
    content.take(RELEASE_LIMIT).read_to_end(&mut text).ok()?;
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.find_map(|line| Some(escape_bytes(line.strip_prefix(b"Origin:")?.trim_ascii())))
}

/// Name and version of each stanza; what cannot be read ends the list.
fn stanzas(content: impl Read) -> impl Iterator<Item = (String, String)> {
    let mut reader = BufReader::with_capacity(1 << 16, content.take(LIST_LIMIT));
    let mut line = Vec::new();
    let mut package: Option<String> = None;
    std::iter::from_fn(move || {
        loop {
            line.clear();
            if reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            if let Some(name) = line.strip_prefix(b"Package:") {
                package = Some(escape_bytes(name.trim_ascii()));
            } else if let Some(version) = line.strip_prefix(b"Version:")
                && let Some(name) = package.take()
            {
                return Some((name, escape_bytes(version.trim_ascii())));
            }
        }
    })
}
