//! Boots by target and entry: the matrix, and the chain of steps of each.

use serde::Serialize;

use super::super::Report;
use super::super::escape::shown;
use crate::finding::{Finding, Severity};
use crate::simulate::{Boot, Outcome, State, Step, StepName};

/// A boot entry.
#[derive(Debug, Serialize)]
pub(in super::super) struct Entry {
    /// From 1, in the order of the boot loader.
    pub(in super::super) number: usize,
    pub(in super::super) title: String,
    pub(in super::super) default: bool,
    /// Whether its chains are shown without being asked for: the default entry's are, or all if none is marked.
    pub(in super::super) open: bool,
    pub(in super::super) kernel: Option<String>,
    pub(in super::super) initrd: Option<String>,
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
    /// Findings of severity blocker and high that concern this target.
    pub(in super::super) grave: usize,
    /// Whether any finding concerns this target.
    pub(in super::super) has_findings: bool,
}

/// How one entry fares on one target.
#[derive(Debug, Serialize)]
pub(in super::super) struct Cell {
    /// Null where this entry was not tried on this target.
    pub(in super::super) outcome: Option<Outcome>,
    /// `boots`, `fails at disk driver`, `unknown: storage stack`, `not tried`.
    pub(in super::super) label: String,
    /// The chain that tells more.
    pub(in super::super) chain: Option<usize>,
}

/// What an entry does, step by step, on all targets on which it does the same.
#[derive(Debug, Serialize)]
pub(in super::super) struct Chain {
    /// From 1.
    pub(in super::super) number: usize,
    pub(in super::super) entry: usize,
    pub(in super::super) title: String,
    pub(in super::super) default: bool,
    pub(in super::super) kernel: Option<String>,
    pub(in super::super) initrd: Option<String>,
    pub(in super::super) targets: Vec<String>,
    pub(in super::super) target_indices: Vec<usize>,
    pub(in super::super) outcome: Outcome,
    /// `boots`, `fails at disk driver`, `unknown: storage stack`.
    pub(in super::super) label: String,
    pub(in super::super) steps: Vec<StepView>,
}

/// A step of a chain.
#[derive(Debug, Serialize)]
pub(in super::super) struct StepView {
    /// `disk-driver`.
    pub(in super::super) step: StepName,
    /// `disk driver`.
    pub(in super::super) name: String,
    pub(in super::super) state: StepState,
    pub(in super::super) detail: String,
    /// The evidence: `etc/fstab:7`.
    #[serde(rename = "where")]
    pub(in super::super) place: Option<String>,
    /// Whether this step is where the boot ends, as far as is known.
    pub(in super::super) ends_here: bool,
}

/// How a step is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum StepState {
    Ok,
    Fails,
    Unknown,
    /// The boot has stopped before; whether this would work is not known.
    NotReached,
    /// The boot has stopped before; this would work.
    WouldWork,
    /// The boot has stopped before; this would fail as well.
    WouldFail,
}

impl StepState {
    /// The state in words.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fails => "fails",
            Self::Unknown => "unknown",
            Self::NotReached => "not reached",
            Self::WouldWork => "would work",
            Self::WouldFail => "would fail",
        }
    }
}

/// Whether both are the same entry of the boot loader.
fn same_entry(a: &Boot, b: &Boot) -> bool {
    a.entry == b.entry && a.kernel == b.kernel && a.initrd == b.initrd && a.default == b.default
}

/// One boot of each entry, in the order of the report.
fn distinct(boots: &[Boot]) -> Vec<&Boot> {
    let mut seen: Vec<&Boot> = Vec::new();
    for boot in boots {
        if !seen.iter().any(|other| same_entry(other, boot)) {
            seen.push(boot);
        }
    }
    seen
}

pub(super) fn entries(boots: &[Boot]) -> Vec<Entry> {
    let any_default = boots.iter().any(|boot| boot.default);
    let entry = |(index, boot): (usize, &&Boot)| Entry {
        number: index.saturating_add(1),
        title: shown(&boot.entry),
        default: boot.default,
        open: boot.default || !any_default,
        kernel: boot.kernel.as_deref().map(shown),
        initrd: boot.initrd.as_deref().map(shown),
    };
    distinct(boots).iter().enumerate().map(entry).collect()
}

pub(super) fn rows(report: &Report) -> Vec<TargetRow> {
    let entries = distinct(&report.boots);
    let chains = chained(report);
    let cell = |target: &str, entry: &Boot| {
        let boot = report.boots.iter().find(|boot| boot.target == target && same_entry(boot, entry));
        let holds =
            |chain: &[&Boot]| chain.iter().any(|other| boot.is_some_and(|boot| std::ptr::eq(*other, boot)));
        Cell {
            outcome: boot.map(|boot| boot.outcome),
            label: boot.map_or_else(|| "not tried".to_owned(), label),
            chain: chains.iter().position(|chain| holds(chain)).map(|index| index.saturating_add(1)),
        }
    };
    let row = |(index, target): (usize, &super::super::TargetSummary)| TargetRow {
        index,
        name: shown(&target.name),
        title: shown(&target.title),
        cells: entries.iter().map(|entry| cell(&target.name, entry)).collect(),
        grave: grave(report, &target.name),
        has_findings: report.findings.iter().any(|finding| concerns(finding, &target.name)),
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
    let places: std::collections::BTreeSet<_> = grave.map(|finding| (&finding.rule, &finding.at)).collect();
    places.len()
}

/// Whether `finding` breaks something on `target`: it is about this target, or about none in particular.
fn concerns(finding: &Finding, target: &str) -> bool {
    finding.target.as_deref().is_none_or(|name| name == target)
}

/// Boots of one entry that go the same way, together; in the order of the entries, then of the targets.
fn chained(report: &Report) -> Vec<Vec<&Boot>> {
    let mut chains: Vec<Vec<&Boot>> = Vec::new();
    for entry in distinct(&report.boots) {
        let first = chains.len();
        for boot in report.boots.iter().filter(|boot| same_entry(boot, entry)) {
            let same_way = |chain: &&mut Vec<&Boot>| {
                chain.first().is_some_and(|other| other.steps == boot.steps && other.outcome == boot.outcome)
            };
            match chains.iter_mut().skip(first).find(same_way) {
                Some(chain) => chain.push(boot),
                None => chains.push(vec![boot]),
            }
        }
    }
    chains
}

pub(super) fn chains(report: &Report) -> Vec<Chain> {
    let entries = distinct(&report.boots);
    let chain = |(index, boots): (usize, Vec<&Boot>)| {
        let boot = *boots.first()?;
        let entry = entries.iter().position(|other| same_entry(other, boot)).unwrap_or_default();
        let index_of = |boot: &&Boot| report.targets.iter().position(|target| target.name == boot.target);
        Some(Chain {
            number: index.saturating_add(1),
            entry: entry.saturating_add(1),
            title: shown(&boot.entry),
            default: boot.default,
            kernel: boot.kernel.as_deref().map(shown),
            initrd: boot.initrd.as_deref().map(shown),
            targets: boots.iter().map(|boot| shown(&boot.target)).collect(),
            target_indices: boots.iter().filter_map(index_of).collect(),
            outcome: boot.outcome,
            label: label(boot),
            steps: steps(boot),
        })
    };
    chained(report).into_iter().enumerate().filter_map(chain).collect()
}

fn steps(boot: &Boot) -> Vec<StepView> {
    let ends_with = match boot.outcome {
        Outcome::Boots => None,
        Outcome::Fails => boot.failed_at,
        Outcome::Unknown => first_unknown(boot),
    };
    let view = |step: &Step| {
        let stopped_before = boot.failed_at.is_some_and(|failed| step.step > failed);
        StepView {
            step: step.step,
            name: step_words(step.step).to_owned(),
            state: match (step.state, stopped_before) {
                (State::Ok, false) => StepState::Ok,
                (State::Fails, false) => StepState::Fails,
                (State::Unknown, false) => StepState::Unknown,
                (State::Ok, true) => StepState::WouldWork,
                (State::Fails, true) => StepState::WouldFail,
                (State::Unknown, true) => StepState::NotReached,
            },
            detail: shown(&step.detail),
            place: step.at.as_ref().map(|at| shown(&at.to_string())),
            ends_here: ends_with == Some(step.step),
        }
    };
    boot.steps.iter().map(view).collect()
}

fn first_unknown(boot: &Boot) -> Option<StepName> {
    boot.steps.iter().find(|step| step.state == State::Unknown).map(|step| step.step)
}

/// A step's name in words.
fn step_words(step: StepName) -> &'static str {
    match step {
        StepName::Firmware => "firmware",
        StepName::Loader => "loader",
        StepName::Kernel => "kernel",
        StepName::Initrd => "initrd",
        StepName::DiskDriver => "disk driver",
        StepName::StorageStack => "storage stack",
        StepName::RootDevice => "root device",
        StepName::RootFilesystem => "root filesystem",
        StepName::Init => "init",
        StepName::Mounts => "mounts",
        StepName::Network => "network",
    }
}

fn label(boot: &Boot) -> String {
    match boot.outcome {
        Outcome::Boots => "boots".to_owned(),
        Outcome::Fails => match boot.failed_at {
            Some(step) => format!("fails at {}", step_words(step)),
            None => "fails".to_owned(),
        },
        Outcome::Unknown => match first_unknown(boot) {
            Some(step) => format!("unknown: {}", step_words(step)),
            None => "unknown".to_owned(),
        },
    }
}
