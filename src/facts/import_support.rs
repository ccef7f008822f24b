//! Whether the importers of platforms list the system: `rules/import-support.yaml`, with the source and date of each list.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::system::System;

/// What a list says of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is on the list.
    Listed,
    /// It is older than all versions of the distribution that are on the list.
    Older,
    /// It is newer than all of them; the list may just be older than the version.
    Newer,
    /// Older and newer versions are on the list, and this one is not.
    LeftOut,
    /// The distribution is not on the list.
    OtherDistribution,
}

/// What a platform's importer says of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImportSupport {
    /// The class of targets: `aws`.
    pub platform: String,
    /// The importer, in words.
    pub importer: String,
    /// Whether the system is on its list.
    pub verdict: Verdict,
    /// The versions of the distribution that are.
    pub listed: Vec<String>,
    /// Where the list is published.
    pub source: String,
    /// When it was read: `2024-10`.
    pub date: String,
}

#[derive(Deserialize)]
struct List {
    platform: String,
    importer: String,
    source: String,
    date: String,
    systems: BTreeMap<String, Vec<String>>,
}

/// The lists; a test checks that they can be read.
static LISTS: LazyLock<Vec<List>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../../rules/import-support.yaml")).unwrap_or_default()
});

/// Looks the system up in each list; nothing if its distribution or version is not known.
#[must_use]
pub fn gather(system: &System) -> Vec<ImportSupport> {
    let (Some(id), Some(version)) = (&system.id, &system.version_id) else { return Vec::new() };
    let Some(version) = parts(version) else { return Vec::new() };
    let supports = LISTS.iter().map(|list| {
        let listed = list.systems.get(id).cloned().unwrap_or_default();
        ImportSupport {
            platform: list.platform.clone(),
            importer: list.importer.clone(),
            verdict: verdict(&listed, version),
            listed,
            source: list.source.clone(),
            date: list.date.clone(),
        }
    });
    supports.collect()
}

type Version = (u32, u32);

fn verdict(listed: &[String], version: Version) -> Verdict {
    let ranges: Vec<(Version, Version)> = listed.iter().filter_map(|range| bounds(range)).collect();
    if ranges.is_empty() {
        return Verdict::OtherDistribution;
    }
    if ranges.iter().any(|(low, high)| (*low..=*high).contains(&version)) {
        Verdict::Listed
    } else if ranges.iter().all(|(low, _)| version < *low) {
        Verdict::Older
    } else if ranges.iter().all(|(_, high)| version > *high) {
        Verdict::Newer
    } else {
        Verdict::LeftOut
    }
}

/// `5.1-5.11`, `10-12`, `9`: the first and the last version.
fn bounds(range: &str) -> Option<(Version, Version)> {
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    let last = if high.contains('.') { parts(high)? } else { (high.parse().ok()?, u32::MAX) };
    Some((parts(low)?, last))
}

/// Major and minor version; none counts as 0.
fn parts(version: &str) -> Option<Version> {
    let mut numbers = version.split('.').map(|part| part.trim().parse::<u32>());
    let major = numbers.next()?.ok()?; // a version in words has no place in a list
    Some((major, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_can_be_read() {
        assert_eq!(LISTS.len(), 3);
        for list in LISTS.iter() {
            assert!(list.source.starts_with("https://") && list.date.len() == 7, "{}", list.platform);
            for range in list.systems.values().flatten() {
                assert!(bounds(range).is_some_and(|(low, high)| low <= high), "{}: {range}", list.platform);
            }
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let listed = ["5.1-5.11", "7.0-7.9", "9"].map(str::to_owned);
        for (version, expected) in [
            ("4.9", Verdict::Older),
            ("5.9", Verdict::Listed),
            ("6.10", Verdict::LeftOut),
            ("7", Verdict::Listed),
            ("9.4", Verdict::Listed),
            ("10.0", Verdict::Newer),
        ] {
            assert_eq!(verdict(&listed, parts(version).unwrap()), expected, "{version}");
        }
        assert_eq!(verdict(&[], (1, 0)), Verdict::OtherDistribution);
    }
}
