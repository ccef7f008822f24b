//! Puts a report together: sorts, counts, and gives the verdict.

use super::{NotEvaluated, Report, SCHEMA, Summary, SystemSummary, TargetSummary, Tool, Verdict};
use crate::finding::{Finding, Severity};
use crate::simulate::{Boot, Outcome};

/// What a run gathered, in any order.
#[derive(Debug)]
pub struct Parts {
    /// The system that was looked at.
    pub system: SystemSummary,
    /// The targets, in the order asked for.
    pub targets: Vec<TargetSummary>,
    /// How each entry fares on each target.
    pub boots: Vec<Boot>,
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// What the rules could not decide.
    pub not_evaluated: Vec<NotEvaluated>,
}

impl Report {
    /// The report on `parts`, the same whatever the order that they come in. It fails if there is a finding of
    /// severity `gate` or worse, or if the default entry is known not to boot on one of the targets; without a gate
    /// it passes.
    #[must_use]
    pub fn build(parts: Parts, gate: Option<Severity>) -> Self {
        let Parts { system, targets, boots, mut findings, mut not_evaluated } = parts;
        findings.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        findings.dedup();
        not_evaluated.sort();
        not_evaluated.dedup();
        let too_bad = |finding: &Finding| gate.is_some_and(|gate| finding.severity <= gate);
        let stops = |boot: &Boot| gate.is_some() && boot.default && boot.outcome == Outcome::Fails;
        let fails = findings.iter().any(too_bad) || boots.iter().any(stops);
        Self {
            schema: SCHEMA,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            system,
            targets,
            summary: Summary::of(&findings),
            boots,
            findings,
            not_evaluated,
            verdict: if fails { Verdict::Fail } else { Verdict::Pass },
        }
    }
}

/// Severity, path, line, rule, target; then whatever else tells two findings apart.
fn sort_key(finding: &Finding) -> impl Ord + '_ {
    let at = &finding.at;
    let place = (finding.severity, &at.path, at.line, &finding.rule, &finding.target);
    (place, &finding.entry, at.column, &finding.message, &finding.fingerprint)
}
