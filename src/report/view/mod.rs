//! The report as a reader wants it: boots by target and entry, findings of one rule together, in words.
//!
//! Text, Markdown and HTML draw the same view, so they say the same. All strings in it are fit to be shown (no
//! control characters); what is special to a format is escaped by its renderer. The JSON report does not pass here.

mod boots;
mod chains;
mod findings;
mod lines;
mod remedies;

use serde::Serialize;

pub(super) use boots::{Cell, Entry, TargetRow};
pub(super) use chains::{Chain, Said, StepState, StepView, Way};
pub(super) use findings::{Group, Message, Need, PlaceView, Snippet, located, needs};
pub(super) use lines::{Line, state};
pub(super) use remedies::{FixView, told};

use super::escape::shown;
use super::prose::{counted, listed};
use super::{Part, Report, Verdict};
use crate::facts::system::System;
use crate::finding::Severity;
use crate::simulate::{Boot, GIVEN, Outcome, StepName};

/// Targets that the headline names; of more it says how many.
const MOST_NAMES: usize = 4;

/// Everything that a page says.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) version: &'static str,
    /// Whether rules were applied, so that there is something to say of findings.
    pub(super) whole: bool,
    /// The heading over the findings.
    pub(super) findings_title: &'static str,
    /// What the user called the system.
    pub(super) source: String,
    /// The machine's name; where it has none, [`View::source`].
    pub(super) name: String,
    /// The system in words: `CentOS release 6.10 (Final), x86_64`.
    pub(super) system: String,
    pub(super) verdict: Verdict,
    /// The verdict in one sentence.
    pub(super) headline: String,
    /// The boot entries, numbered from 1.
    pub(super) entries: Vec<Entry>,
    /// The targets, each with one cell an entry.
    pub(super) targets: Vec<TargetRow>,
    /// What the entries do, once for those that do the same.
    pub(super) ways: Vec<Way>,
    /// Findings of one rule, worst first.
    pub(super) groups: Vec<Group>,
    /// Findings that count for nothing, since they are waived or known.
    pub(super) set_aside: Vec<Line>,
    pub(super) not_evaluated: Vec<Need>,
    /// Number of problems of each severity that count, worst first.
    pub(super) counts: Vec<Count>,
    /// `3 problems: 2 blocker, 1 high`; `nothing found`.
    pub(super) tally: String,
    /// What to do now, in one or two sentences.
    pub(super) next: String,
    /// The anchor of the finding that [`View::next`] is about.
    pub(super) next_at: Option<String>,
}

/// Number of problems of one severity.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    pub(super) severity: Severity,
    pub(super) count: usize,
    /// What the severity means.
    pub(super) meaning: &'static str,
}

impl View {
    /// Words and groups `part` of `report`.
    pub(super) fn of(report: &Report, part: Part) -> Self {
        let by_entry = boots::by_entry(&report.boots);
        let ways = chains::Ways::of(&by_entry);
        let entries = boots::entries(&by_entry);
        let groups = findings::groups(report, &entries);
        let counts = counts(&groups);
        let places = groups.iter().map(|group| group.places.len().saturating_add(group.more_places)).sum();
        let tally = match lines::tally(report) {
            aside if aside.is_empty() => tally(&counts, places),
            aside => {
                format!("{}; {aside}", tally(&counts, places).replace("nothing found", "nothing that counts"))
            }
        };
        Self {
            version: report.tool.version,
            whole: part == Part::Whole,
            findings_title: "Findings",
            source: shown(&report.system.source),
            name: shown(report.system.system.hostname.as_deref().unwrap_or(&report.system.source)),
            system: shown(&system_words(&report.system.system)),
            verdict: report.verdict,
            headline: headline(report),
            targets: boots::rows(report, &by_entry, &ways),
            ways: ways.views(&entries),
            entries,
            set_aside: lines::set_aside(report),
            not_evaluated: findings::needs(&report.not_evaluated),
            next: next(report, &groups, part),
            next_at: worst(&groups).map(|group| group.anchor.clone()),
            groups,
            counts,
            tally,
        }
    }
}

fn counts(groups: &[Group]) -> Vec<Count> {
    let count = |severity| {
        let of_severity = groups.iter().filter(|group| group.severity == severity);
        Count { severity, count: of_severity.count(), meaning: meaning(severity) }
    };
    Severity::ALL.into_iter().map(count).collect()
}

fn meaning(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "will not boot, or not be reachable",
        Severity::High => "loses a service or data, or hangs",
        Severity::Medium => "works by luck",
        Severity::Low => "untidy",
        Severity::Info => "good to know",
    }
}

/// What one rule finds is one problem, whatever the number of places, targets and boot entries.
fn tally(counts: &[Count], places: usize) -> String {
    let all: usize = counts.iter().map(|count| count.count).sum();
    let word = |count: &Count| format!("{} {}", count.count, count.severity.name());
    let words: Vec<String> = counts.iter().filter(|count| count.count > 0).map(word).collect();
    if words.is_empty() {
        return "nothing found".to_owned();
    }
    let places = if places > all { format!(" in {places} places") } else { String::new() };
    format!("{}{places}: {}", counted(all, "problem"), words.join(", "))
}

/// The boot that the loader picks by itself on each target, or the first where none is marked.
fn default_boots(report: &Report) -> Vec<&Boot> {
    let pick = |name: &str| {
        let on_it = |boot: &&Boot| boot.target == name;
        let by_itself = report.boots.iter().filter(on_it).find(|boot| boot.default);
        by_itself.or_else(|| report.boots.iter().find(on_it))
    };
    report.targets.iter().filter_map(|target| pick(&target.name)).collect()
}

fn headline(report: &Report) -> String {
    let defaults = default_boots(report);
    if defaults.is_empty() {
        return "No boot entry was found, so whether it boots cannot be said.".to_owned();
    }
    let with = |wanted: &dyn Fn(&Boot) -> bool| -> Vec<&str> {
        defaults.iter().filter(|boot| wanted(boot)).map(|boot| boot.target.as_str()).collect()
    };
    let is_cut_off = |boot: &Boot| boot.failed_at == Some(StepName::Network);
    let fails = with(&|boot| boot.outcome == Outcome::Fails && !is_cut_off(boot));
    let cut_off = with(&|boot| boot.outcome == Outcome::Fails && is_cut_off(boot));
    let boots = with(&|boot| boot.outcome == Outcome::Boots);
    let unknown = with(&|boot| boot.outcome == Outcome::Unknown);
    let named = |names: &[&str]| match (names.len(), defaults.len()) {
        (few, _) if few <= MOST_NAMES => listed(names),
        (some, all) if some == all => format!("all {all} targets"),
        (some, all) => format!("{some} of {all} targets"),
    };
    let mut parts = Vec::new();
    if !fails.is_empty() {
        parts.push(format!("does not boot on {}", named(&fails)));
    }
    if !cut_off.is_empty() {
        parts.push(format!("boots without a network on {}", named(&cut_off)));
    }
    if !boots.is_empty() {
        parts.push(format!("boots on {}", named(&boots)));
    }
    if !unknown.is_empty() {
        parts.push(format!("cannot be told for {}", named(&unknown)));
    }
    let sentence = shown(&parts.join("; "));
    let mut letters = sentence.chars();
    let capital: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{capital}{}.", letters.as_str())
}

/// `db1, CentOS release 6.10 (Final), x86_64`, as far as it is known.
pub(super) fn system_words(system: &System) -> String {
    let name = system.pretty_name.clone().or_else(|| {
        let id = system.id.clone()?;
        Some(system.version_id.iter().fold(id, |id, version| format!("{id} {version}")))
    });
    let name = name.unwrap_or_else(|| "a system that does not say what it is".to_owned());
    let architecture = system.architecture.get().filter(|architecture| !architecture.is_empty());
    let parts = [system.hostname.clone(), Some(name), architecture.cloned()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The problem to mend first; none if there is nothing that has to be.
fn worst(groups: &[Group]) -> Option<&Group> {
    groups.first().filter(|group| group.severity <= Severity::High)
}

fn next(report: &Report, groups: &[Group], part: Part) -> String {
    let is_open = |boot: &Boot| boot.outcome == Outcome::Unknown;
    match (report.verdict, worst(groups)) {
        (_, Some(group)) => {
            format!("mend `{rule}` first (`bootproof explain {rule}` says more), then check again", rule = group.rule)
        }
        (Verdict::Fail, None) if report.boots.iter().any(|boot| boot.entry_id == GIVEN) => {
            "see at which step the boot stops, and try another `--kernel`, `--initrd` or `--cmdline`".to_owned()
        }
        (Verdict::Fail, None) if part == Part::Boots => "`bootproof check` says how to mend it".to_owned(),
        (Verdict::Fail, None) => "see at which step the boot stops, mend that, then check again".to_owned(),
        (Verdict::Pass, None) if report.boots.is_empty() && report.system.system.container.is_some() => {
            "check the machine instead: this is the root of a container, which boots nothing of its own".to_owned()
        }
        (Verdict::Pass, None) if report.boots.is_empty() => {
            "give bootproof the boot loader's configuration as well (`/boot` may be a file system of its own that is \
             not mounted), or name a kernel: `bootproof boot --kernel`"
                .to_owned()
        }
        (Verdict::Pass, None) if report.boots.iter().any(is_open) => {
            "settle the steps that are unknown; until then nobody can say that it boots".to_owned()
        }
        (Verdict::Pass, None) if report.findings.iter().any(|finding| !finding.counts()) => {
            "nothing new stands in the way; what is waived or known remains to be mended".to_owned()
        }
        (Verdict::Pass, None) if !report.not_evaluated.is_empty() => {
            "look at what could not be decided; the missing files may hold a surprise".to_owned()
        }
        (Verdict::Pass, None) if part == Part::Boots => {
            "nothing stands in the way of the boot; `bootproof check` looks at services and all else".to_owned()
        }
        (Verdict::Pass, None) => "nothing stands in the way".to_owned(),
    }
}
