//! Puts the report together from two systems that were read.

use super::findings::{self, Judged};
use super::unified::{self, Difference};
use super::{BootDiff, BootSide, DiffReport, FileDiff, SCHEMA, copies};
use crate::changes::{BootChange, Compared, Comparison, FileStatus, Side};
use crate::finding::{Finding, Severity};
use crate::report::{Summary, SystemSummary, TargetSummary, Tool, Verdict};
use crate::rules::{ChangeInput, Evaluation, Input, RuleSet};
use crate::simulate::{Boot, State};
use crate::target::Target;

/// Files of which the difference is shown; of the others it is said that they differ.
const SHOWN_FILES: usize = 300;

/// What a comparison came to.
#[derive(Debug)]
pub struct Compare {
    /// The report.
    pub report: DiffReport,
    /// Rules that went wrong (id, what), which is a mistake in the rule.
    pub mistakes: Vec<(String, String)>,
}

impl DiffReport {
    /// Compares two systems. The verdict is `fail` if a finding on the change or a new one is of severity `gate` or
    /// worse; without a gate it is `pass`.
    #[must_use]
    pub fn compare(
        before: &Side,
        after: &Side,
        rules: &RuleSet,
        targets: &[Target],
        gate: Option<Severity>,
    ) -> Compare {
        Self::compare_with(before, after, rules, targets, gate, &|_| {})
    }

    /// Compares two systems as [`Self::compare`] does, after `waive` has marked what is accepted of all that is found.
    /// What is waived does not count.
    #[must_use]
    pub fn compare_with(
        before: &Side,
        after: &Side,
        rules: &RuleSet,
        targets: &[Target],
        gate: Option<Severity>,
        waive: &dyn Fn(&mut [Finding]),
    ) -> Compare {
        let (mut old, mut new) =
            rayon::join(|| judge(before, rules, targets), || judge(after, rules, targets));
        let Comparison { changes, files, boots } = Comparison::of(before, after);
        let mut change = rules.evaluate_change(&ChangeInput {
            facts: (&before.facts, &after.facts),
            changes: &changes,
            targets,
            boots: &boots,
            after: &after.tree,
        });
        for evaluation in [&mut old, &mut new, &mut change] {
            waive(&mut evaluation.findings);
        }
        let mut findings = findings::compare(Judged::new(before, &old), Judged::new(after, &new));
        findings.change = change.findings;
        let counted: Vec<Finding> = findings.change.iter().chain(&findings.new).cloned().collect();
        let fails = gate
            .is_some_and(|gate| counted.iter().any(|finding| finding.counts() && finding.severity <= gate));
        let mut mistakes: Vec<_> =
            [old.mistakes, new.mistakes, change.mistakes].into_iter().flatten().collect();
        mistakes.sort();
        mistakes.dedup();
        let report = Self {
            schema: SCHEMA,
            tool: Tool::this(),
            before: summary(before),
            after: summary(after),
            targets: targets.iter().map(TargetSummary::from).collect(),
            findings,
            boots: boots.iter().map(boot_diff).collect(),
            limits: limits(before, after, &files),
            files: files
                .iter()
                .enumerate()
                .map(|(index, file)| file_diff(file, index < SHOWN_FILES))
                .collect(),
            initrd_copies: copies::compare(before, after),
            not_evaluated: change.not_evaluated,
            summary: Summary::of(&counted),
            verdict: if fails { Verdict::Fail } else { Verdict::Pass },
        };
        Compare { report, mistakes }
    }
}

fn judge(side: &Side, rules: &RuleSet, targets: &[Target]) -> Evaluation {
    rules.evaluate(&Input { facts: &side.facts, targets, boots: &side.boots, tree: &side.tree })
}

fn summary(side: &Side) -> SystemSummary {
    SystemSummary { source: side.tree.origin().to_owned(), system: side.facts.system.clone() }
}

fn boot_diff(change: &BootChange) -> BootDiff {
    BootDiff {
        entry: change.entry.clone(),
        target: change.target.clone(),
        default: change.default,
        direction: change.direction,
        is_replaced: change.is_replaced,
        before: change.before.as_ref().map(boot_side),
        after: change.after.as_ref().map(boot_side),
    }
}

fn boot_side(boot: &Boot) -> BootSide {
    let is_open = |wanted: State| boot.steps.iter().find(|step| step.state == wanted);
    let step = is_open(State::Fails).or_else(|| is_open(State::Unknown));
    BootSide {
        entry: boot.entry.clone(),
        default: boot.default,
        outcome: boot.outcome,
        failed_at: boot.failed_at,
        detail: step.map(|step| step.detail.clone()),
    }
}

fn file_diff(file: &Compared, shown: bool) -> FileDiff {
    let change = file.change();
    let bytes = |file: &Option<crate::source::File>| file.as_ref().map(|file| file.bytes.clone());
    let (before, after) = (bytes(&file.before), bytes(&file.after));
    let is_kept = before.is_some() || after.is_some();
    let mut note = file.note.clone();
    let mut say = |text: &str| {
        note = Some(match note.take() {
            Some(note) => format!("{note}; {text}"),
            None => text.to_owned(),
        });
    };
    let mut diff = None;
    if file.status != FileStatus::Unknown && is_kept {
        match unified::of(&file.path, before.as_deref(), after.as_deref()) {
            Difference::Text(text) if shown => diff = Some(text).filter(|text| !text.is_empty()),
            Difference::Text(_) => say("not shown: there are too many differences before it"),
            Difference::Binary => say("a binary file"),
            Difference::SecretsOnly => say("only secrets differ, which are not shown"),
            Difference::LineEndsOnly if before != after => say("only the ends of lines differ"),
            Difference::LineEndsOnly => {}
        }
    }
    FileDiff {
        path: file.path.clone(),
        subject: file.subject,
        status: file.status,
        sets_differ: change.map(|change| change.sets_differ),
        note,
        diff,
    }
}

/// What one input does not hold, in sentences.
fn limits(before: &Side, after: &Side, files: &[Compared]) -> Vec<String> {
    let mut said = Vec::new();
    if before.tree.origin() == after.tree.origin() {
        said.push("BEFORE and AFTER are the same path: a system is compared with itself".to_owned());
    }
    for (side, name) in [(before, "BEFORE"), (after, "AFTER")] {
        if side.is_report() {
            said.push(format!(
                "{name} is a report, which holds some files of a system and not others: what it lacks is not compared"
            ));
        }
        let broken = side.tree.damage().iter().find(|damage| damage.incomplete);
        said.extend(
            broken.map(|damage| {
                format!("{name} breaks off ({}): what it lacks is not compared", damage.message)
            }),
        );
        let mut empty = Vec::new();
        for top in ["boot", "usr", "var"] {
            let is_empty = |side: &Side| side.tree.list(top).map_or(true, |names| names.is_empty());
            let other = if name == "BEFORE" { after } else { before };
            if is_empty(side) && !is_empty(other) && !side.is_report() {
                empty.push(format!("`/{top}`"));
            }
        }
        if !empty.is_empty() {
            said.push(format!(
                "{name} has nothing in {}: what the other has there is not compared",
                empty.join(", ")
            ));
        }
    }
    let open = files.iter().filter(|file| file.status == FileStatus::Unknown).count();
    if open > 0 {
        let noun = if open == 1 { "file is" } else { "files are" };
        said.push(format!(
            "{open} configuration {noun} in one input only, and nobody can say that the other system has none"
        ));
    }
    said
}
