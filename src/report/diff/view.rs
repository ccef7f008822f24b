//! A comparison as a reader wants it, the same for text, Markdown and HTML. All strings in it are fit to be shown.

use serde::Serialize;

use super::super::build::Parts;
use super::super::escape::{shown, shown_lines};
use super::super::prose::{counted, listed};
use super::super::view::{Count, Group, Line, Need, View, system_words};
use super::super::{Part, Report, Verdict};
use crate::changes::{BootDirection, FileStatus, FileSubject};
use crate::diff::{BootDiff, BootSide, CopyDiff, DiffReport, FileDiff, Which};
use crate::finding::{Finding, Severity};
use crate::simulate::Outcome;

/// Targets that a sentence names; of more it says how many.
const MOST_NAMES: usize = 4;

/// Everything that a page says.
#[derive(Debug, Serialize)]
pub(super) struct DiffView {
    pub(super) version: &'static str,
    pub(super) findings_title: &'static str,
    /// The two machines by their names: `web1`, `web1 → web2`.
    pub(super) name: String,
    pub(super) before: SystemView,
    pub(super) after: SystemView,
    pub(super) verdict: Verdict,
    pub(super) headline: String,
    pub(super) tally: String,
    pub(super) next: String,
    /// The anchor of the finding that [`DiffView::next`] is about.
    pub(super) next_at: Option<String>,
    pub(super) limits: Vec<String>,
    pub(super) targets: Vec<TargetView>,
    /// Boots that go otherwise, those alike for several targets together.
    pub(super) boots: Vec<BootView>,
    /// `3 boots go as before`; empty if there are none.
    pub(super) same_boots: String,
    pub(super) groups: Vec<Group>,
    pub(super) counts: Vec<Count>,
    /// What counts for nothing, since it is waived.
    pub(super) set_aside: Vec<Line>,
    pub(super) gone: Vec<Line>,
    pub(super) undecided: Vec<Open>,
    pub(super) unchanged: Vec<Line>,
    pub(super) files: Vec<FileView>,
    /// Files that cannot be compared.
    pub(super) open_files: Vec<FileView>,
    pub(super) copies: Vec<CopyView>,
    pub(super) not_evaluated: Vec<Need>,
}

/// One of the two systems.
#[derive(Debug, Serialize)]
pub(super) struct SystemView {
    pub(super) source: String,
    pub(super) system: String,
}

/// A target, for the filter of the findings.
#[derive(Debug, Serialize)]
pub(super) struct TargetView {
    pub(super) index: usize,
    pub(super) name: String,
}

/// A boot that goes otherwise.
#[derive(Debug, Serialize)]
pub(super) struct BootView {
    pub(super) entry: String,
    /// The entry's title before, if it was another one.
    pub(super) replaces: Option<String>,
    pub(super) default: bool,
    pub(super) targets: Vec<String>,
    pub(super) direction: BootDirection,
    /// `worse`, `better`, `open`, `other`: which colour it has.
    pub(super) tone: &'static str,
    pub(super) before: Option<OutcomeView>,
    pub(super) after: Option<OutcomeView>,
    /// What stands for a side that has no such entry, before and after: `not there`, `gone`, `not in the input`.
    pub(super) absent: (&'static str, &'static str),
    /// What happens where it fails after the change, or cannot be told.
    pub(super) detail: Option<String>,
}

/// How a boot goes on one side.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct OutcomeView {
    pub(super) outcome: Outcome,
    /// `boots`, `fails at root-device`, `cannot be told`.
    pub(super) label: String,
}

/// A finding of which nobody knows whether it is new or gone.
#[derive(Debug, Serialize)]
pub(super) struct Open {
    pub(super) line: Line,
    /// `before` or `after`.
    pub(super) of: Which,
    pub(super) needs: String,
}

/// A file that differs.
#[derive(Debug, Serialize)]
pub(super) struct FileView {
    pub(super) path: String,
    pub(super) status: FileStatus,
    /// `changed`, `added`, `removed`, `not compared`.
    pub(super) word: &'static str,
    pub(super) subject: FileSubject,
    pub(super) note: Option<String>,
    pub(super) lines: Vec<DiffLine>,
}

/// A file inside an initrd that is not the root's.
#[derive(Debug, Serialize)]
pub(super) struct CopyView {
    pub(super) initrd: String,
    pub(super) path: String,
    pub(super) is_unchanged: bool,
    pub(super) lines: Vec<DiffLine>,
}

/// A line of a difference.
#[derive(Debug, Serialize)]
pub(super) struct DiffLine {
    /// `head`, `hunk`, `old`, `new`, `same`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl DiffView {
    pub(super) fn of(report: &DiffReport) -> Self {
        let counted: Vec<Finding> =
            report.findings.change.iter().chain(&report.findings.new).cloned().collect();
        let view = View::of(&as_report(report, counted), Part::Whole);
        let boots = boots(&report.boots);
        let same = report.boots.iter().filter(|boot| boot.direction == BootDirection::Same).count();
        let (open, files): (Vec<_>, Vec<_>) =
            report.files.iter().map(file).partition(|file| file.status == FileStatus::Unknown);
        Self {
            version: report.tool.version,
            findings_title: "What the change brings",
            name: name(report),
            before: system(&report.before),
            after: system(&report.after),
            verdict: report.verdict,
            headline: headline(report),
            tally: tally(report, &view.tally),
            next: next(report),
            next_at: view.next_at,
            limits: report.limits.iter().map(|limit| shown(limit)).collect(),
            targets: targets(report),
            boots,
            same_boots: match same {
                0 => String::new(),
                1 => "1 boot goes as before".to_owned(),
                many => format!("{many} boots go as before"),
            },
            groups: view.groups,
            counts: view.counts,
            set_aside: view.set_aside,
            gone: Line::all(&report.findings.gone),
            undecided: undecided(report),
            unchanged: Line::all(&report.findings.unchanged),
            files,
            open_files: open,
            copies: report.initrd_copies.iter().map(copy).collect(),
            not_evaluated: super::super::view::needs(&report.not_evaluated),
        }
    }
}

/// The findings that count as a report of the system after the change.
fn as_report(report: &DiffReport, findings: Vec<Finding>) -> Report {
    let parts = Parts {
        system: report.after.clone(),
        targets: report.targets.clone(),
        boots: Vec::new(),
        findings,
        not_evaluated: Vec::new(),
    };
    Report::build(parts, None)
}

fn name(report: &DiffReport) -> String {
    let name =
        |side: &super::super::SystemSummary| shown(side.system.hostname.as_deref().unwrap_or(&side.source));
    let (before, after) = (name(&report.before), name(&report.after));
    if before == after { before } else { format!("{before} → {after}") }
}

fn system(summary: &super::super::SystemSummary) -> SystemView {
    SystemView { source: shown(&summary.source), system: shown(&system_words(&summary.system)) }
}

fn targets(report: &DiffReport) -> Vec<TargetView> {
    let view = |(index, target): (usize, &super::super::TargetSummary)| TargetView {
        index,
        name: shown(&target.name),
    };
    report.targets.iter().enumerate().map(view).collect()
}

fn boots(boots: &[BootDiff]) -> Vec<BootView> {
    let mut views: Vec<BootView> = Vec::new();
    let told = |boot: &&BootDiff| boot.direction != BootDirection::Same || boot.is_replaced;
    for boot in boots.iter().filter(told) {
        let view = boot_view(boot);
        let alike = |other: &&mut BootView| {
            (&other.entry, &other.replaces, other.direction, &other.before, &other.after, &other.detail)
                == (&view.entry, &view.replaces, view.direction, &view.before, &view.after, &view.detail)
        };
        match views.iter_mut().find(alike) {
            Some(other) => other.targets.extend(view.targets),
            None => views.push(view),
        }
    }
    let rank = |view: &BootView| match view.tone {
        "worse" => 0,
        "open" => 1,
        "better" => 2,
        _ => 3,
    };
    views.sort_by_key(|view| (!view.default, rank(view)));
    views
}

fn boot_view(boot: &BootDiff) -> BootView {
    let outcome = |side: &BootSide| OutcomeView { outcome: side.outcome, label: label(side) };
    let after_detail = boot.after.as_ref().filter(|after| after.outcome != Outcome::Boots);
    let replaces = boot.before.as_ref().filter(|before| before.entry != boot.entry);
    BootView {
        entry: shown(&boot.entry),
        replaces: replaces.map(|before| shown(&before.entry)),
        default: boot.default,
        targets: vec![shown(&boot.target)],
        direction: boot.direction,
        tone: match (boot.direction, boot.after.as_ref().map(|after| after.outcome)) {
            (BootDirection::Worse, _) | (BootDirection::Added, Some(Outcome::Fails)) => "worse",
            (BootDirection::Better, _) => "better",
            (BootDirection::NoLongerKnown | BootDirection::NotComparable, _) => "open",
            _ => "other",
        },
        before: boot.before.as_ref().map(outcome),
        after: boot.after.as_ref().map(outcome),
        absent: match boot.direction {
            BootDirection::NotComparable => ("not in the input", "not in the input"),
            _ => ("not there", "gone"),
        },
        detail: after_detail.and_then(|after| after.detail.as_deref().map(shown)),
    }
}

fn label(side: &BootSide) -> String {
    match (side.outcome, side.failed_at) {
        (Outcome::Boots, _) => "boots".to_owned(),
        (Outcome::Unknown, _) => "cannot be told".to_owned(),
        (Outcome::Fails, Some(step)) => format!("fails at {}", step.name()),
        (Outcome::Fails, None) => "fails".to_owned(),
    }
}

fn undecided(report: &DiffReport) -> Vec<Open> {
    let mut open: Vec<Open> = Vec::new();
    for item in &report.findings.undecided {
        let (line, needs) = (Line::of(&item.finding), shown(&item.needs));
        let alike = |other: &&Open| {
            (&other.line.rule, &other.line.places, other.of) == (&line.rule, &line.places, item.of)
        };
        if !open.iter().any(|other| alike(&other)) {
            open.push(Open { line, of: item.of, needs });
        }
    }
    open
}

fn file(diff: &FileDiff) -> FileView {
    FileView {
        path: shown(&diff.path),
        status: diff.status,
        word: match diff.status {
            FileStatus::Added => "added",
            FileStatus::Removed => "removed",
            FileStatus::Changed if diff.sets_differ == Some(false) => "comments changed",
            FileStatus::Changed => "changed",
            FileStatus::Unknown => "not compared",
        },
        subject: diff.subject,
        note: diff.note.as_deref().map(shown),
        lines: diff_lines(diff.diff.as_deref()),
    }
}

fn copy(copy: &CopyDiff) -> CopyView {
    CopyView {
        initrd: shown(&copy.initrd),
        path: shown(&copy.path),
        is_unchanged: copy.is_unchanged,
        lines: diff_lines(copy.diff.as_deref()),
    }
}

fn diff_lines(diff: Option<&str>) -> Vec<DiffLine> {
    let kind = |(index, line): (usize, &str)| match line.chars().next() {
        Some('-' | '+') if index < 2 => "head",
        Some('@' | '\\') => "hunk",
        Some('-') => "old",
        Some('+') => "new",
        _ => "same",
    };
    let lines = diff.unwrap_or_default().lines().enumerate();
    lines.map(|(index, line)| DiffLine { kind: kind((index, line)), text: shown_lines(line) }).collect()
}

fn headline(report: &DiffReport) -> String {
    let defaults: Vec<&BootDiff> = report.boots.iter().filter(|boot| boot.default).collect();
    let with = |wanted: BootDirection| -> Vec<&str> {
        let found = defaults.iter().filter(|boot| boot.direction == wanted);
        found.map(|boot| boot.target.as_str()).collect()
    };
    let named = |names: &[&str]| match names.len() {
        few if few <= MOST_NAMES => listed(names),
        some => format!("{some} of {} targets", defaults.len()),
    };
    let mut parts = Vec::new();
    for (direction, words) in [
        (BootDirection::Worse, "the change breaks the boot on"),
        (BootDirection::NoLongerKnown, "after the change nobody can tell whether it boots on"),
        (BootDirection::Better, "the change mends the boot on"),
        (BootDirection::NotComparable, "one input has no boot entries, so nobody can say what changes for"),
    ] {
        let names = with(direction);
        if !names.is_empty() {
            parts.push(format!("{words} {}", named(&names)));
        }
    }
    let counted_findings = report.findings.change.len().saturating_add(report.findings.new.len());
    if parts.is_empty() && !defaults.is_empty() {
        parts.push(as_before(&defaults));
    }
    let differs = counted_findings > 0 || !report.findings.gone.is_empty() || !report.files.is_empty();
    if !differs && report.boots.iter().all(|boot| boot.direction == BootDirection::Same) {
        return "Nothing that is compared differs.".to_owned();
    }
    let sentence = shown(&parts.join("; "));
    let mut letters = sentence.chars();
    let capital: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let files = report.files.iter().filter(|file| file.status != FileStatus::Unknown).count();
    let rest = match (counted_findings, files) {
        (0, 0) => "It brings nothing to look at.".to_owned(),
        (0, files) => format!("{} differ, and no finding is new.", counted(files, "file")).replacen(
            "1 file differ",
            "1 file differs",
            1,
        ),
        _ => "What it brings is below.".to_owned(),
    };
    match sentence.is_empty() {
        true => rest,
        false => format!("{capital}{}. {rest}", letters.as_str()),
    }
}

/// What the default entries do where none does otherwise than before.
fn as_before(defaults: &[&BootDiff]) -> String {
    let all = |wanted: Outcome| {
        defaults.iter().all(|boot| boot.after.as_ref().is_some_and(|after| after.outcome == wanted))
    };
    let words = match (all(Outcome::Boots), all(Outcome::Fails), all(Outcome::Unknown)) {
        (true, ..) => "it boots as before",
        (_, true, _) => "it does not boot, as before",
        (.., true) => "whether it boots cannot be told, as before",
        _ => "it boots where it did before",
    };
    words.to_owned()
}

/// `2 new problems: 1 high, 1 low; 3 findings gone, 4 unchanged, 1 that nobody can tell`.
fn tally(report: &DiffReport, new: &str) -> String {
    let findings = &report.findings;
    let new = new.replacen(" problem", " new problem", 1).replacen("nothing found", "nothing new", 1);
    let mut parts = vec![new];
    for (count, word) in [
        (findings.gone.len(), "gone"),
        (findings.unchanged.len(), "unchanged"),
        (findings.undecided.len(), "that nobody can tell"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join("; ")
}

fn next(report: &DiffReport) -> String {
    let counted =
        report.findings.change.iter().chain(&report.findings.new).filter(|finding| finding.counts());
    let worst =
        counted.filter(|finding| finding.severity <= Severity::High).min_by_key(|finding| finding.severity);
    match worst {
        Some(finding) => {
            let rule = shown(&finding.rule);
            format!("mend `{rule}` first (`bootproof explain {rule}` says more), or take the change back")
        }
        None if !report.findings.undecided.is_empty() || !report.not_evaluated.is_empty() => {
            "look at what nobody can tell; an input that holds more would say".to_owned()
        }
        None if !report.findings.new.is_empty() || !report.findings.change.is_empty() => {
            "nothing stands in the way of the change; see whether you want what it brings".to_owned()
        }
        None => "nothing stands in the way of the change".to_owned(),
    }
}
