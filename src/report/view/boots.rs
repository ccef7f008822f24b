//! Boots by target and entry: the matrix "which entry boots where".

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::Report;
use super::super::escape::shown;
use super::chains::Ways;
use crate::finding::{Finding, Severity};
use crate::place::Place;
use crate::simulate::{Boot, Outcome, State, StepName};

/// A boot entry.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct Entry {
    /// From 1, in the order of the boot loader.
    pub(in super::super) number: usize,
    pub(in super::super) title: String,
    pub(in super::super) default: bool,
    /// Whether its chains are shown without being asked for: the default entry's are, or all if none is marked.
    pub(in super::super) open: bool,
}

/// A target, and how each entry fares on it.
#[derive(Debug, Serialize)]
pub(in super::super) struct TargetRow {
    /// From 0, in the order asked for; stands for the target in the HTML's filters.
    pub(in super::super) index: usize,
    pub(in super::super) name: String,
    pub(in super::super) title: String,
    /// One for each entry, in their order.
    pub(in super::super) cells: Vec<Cell>,
    /// One for each group of entries that do the same, in their order.
    pub(in super::super) ways: Vec<Cell>,
    /// Findings of severity blocker and high that concern this target.
    pub(in super::super) grave: usize,
}

/// How one entry fares on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Cell {
    /// Null where this entry was not tried on this target.
    pub(in super::super) outcome: Option<Outcome>,
    /// `boots`, `stops: disk-driver`, `?: storage-stack`, `boots, no network`, `not tried`.
    pub(in super::super) label: String,
    /// The chain that tells more.
    pub(in super::super) chain: Option<usize>,
}

/// What tells entries apart that have the same title.
type EntryKey<'a> = (&'a str, &'a Place, &'a str, bool);

fn key(boot: &Boot) -> EntryKey<'_> {
    (&boot.entry_id, &boot.at, &boot.entry, boot.default)
}

/// The boots of each entry, in the order of the report.
pub(super) fn by_entry(boots: &[Boot]) -> Vec<Vec<&Boot>> {
    let mut entries: Vec<Vec<&Boot>> = Vec::new();
    let mut known: BTreeMap<EntryKey<'_>, usize> = BTreeMap::new();
    for boot in boots {
        let index = *known.entry(key(boot)).or_insert(entries.len());
        match entries.get_mut(index) {
            Some(entry) => entry.push(boot),
            None => entries.push(vec![boot]),
        }
    }
    entries
}

pub(super) fn entries(by_entry: &[Vec<&Boot>]) -> Vec<Entry> {
    let any_default = by_entry.iter().flatten().any(|boot| boot.default);
    let entry = |(index, boots): (usize, &Vec<&Boot>)| {
        let boot = boots.first()?;
        Some(Entry {
            number: index.saturating_add(1),
            title: shown(&boot.entry),
            default: boot.default,
            open: boot.default || !any_default,
        })
    };
    by_entry.iter().enumerate().filter_map(entry).collect()
}

pub(super) fn rows(report: &Report, by_entry: &[Vec<&Boot>], ways: &Ways<'_>) -> Vec<TargetRow> {
    let cell = |target: &str, entry: usize, boots: &[&Boot]| {
        let boot = boots.iter().copied().find(|boot| boot.target == target);
        Cell {
            outcome: boot.map(|boot| boot.outcome),
            label: boot.map_or_else(|| "not tried".to_owned(), label),
            chain: boot.and_then(|boot| ways.chain_of(entry, &boot.target)),
        }
    };
    let row = |(index, target): (usize, &super::super::TargetSummary)| {
        let cells = by_entry.iter().enumerate().map(|(entry, boots)| cell(&target.name, entry, boots));
        let cells: Vec<Cell> = cells.collect();
        TargetRow {
            index,
            name: shown(&target.name),
            title: shown(&target.title),
            ways: ways.firsts().filter_map(|entry| cells.get(entry)).cloned().collect(),
            cells,
            grave: grave(report, &target.name),
        }
    };
    report.targets.iter().enumerate().map(row).collect()
}

/// Distinct findings of severity blocker and high on `target`; one place of one rule counts once, whatever the
/// number of boot entries.
fn grave(report: &Report, target: &str) -> usize {
    let grave = report
        .findings
        .iter()
        .filter(|finding| finding.severity <= Severity::High && concerns(finding, target));
    let places: BTreeSet<_> = grave.map(|finding| (&finding.rule, &finding.at)).collect();
    places.len()
}

/// Whether `finding` breaks something on `target`: it is about this target, or about none in particular.
fn concerns(finding: &Finding, target: &str) -> bool {
    finding.target.as_deref().is_none_or(|name| name == target)
}

/// What is said of a boot in few words.
struct Words {
    /// For a cell of the matrix: `stops: disk-driver`.
    label: String,
    /// For a sentence: `stops at disk-driver`.
    said: String,
}

fn words(boot: &Boot) -> Words {
    let words = |label: &str, said: &str| Words { label: label.to_owned(), said: said.to_owned() };
    let at = |step: StepName, label: &str, said: &str| Words {
        label: format!("{label}: {}", step.name()),
        said: format!("{said} {}", step.name()),
    };
    match (boot.outcome, boot.failed_at, first_unknown(boot)) {
        (Outcome::Boots, _, None) => words("boots", "boots"),
        (Outcome::Boots, _, Some(_)) => words("boots, network?", "boots, its network is unknown"),
        (Outcome::Fails, Some(StepName::Network), _) => {
            words("boots, no network", "boots, but has no network")
        }
        (Outcome::Fails, Some(step), _) => at(step, "stops", "stops at"),
        (Outcome::Fails, None, _) => words("stops", "stops"),
        (Outcome::Unknown, _, Some(step)) => at(step, "?", "unknown at"),
        (Outcome::Unknown, _, None) => words("?", "unknown"),
    }
}

pub(super) fn label(boot: &Boot) -> String {
    words(boot).label
}

pub(super) fn said(boot: &Boot) -> String {
    words(boot).said
}

pub(super) fn first_unknown(boot: &Boot) -> Option<StepName> {
    boot.steps.iter().find(|step| step.state == State::Unknown).map(|step| step.step)
}
