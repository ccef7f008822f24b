//! Puts a report together: sorts, counts, and gives the verdict.

use super::{NotEvaluated, Report, SCHEMA, Summary, SystemSummary, TargetSummary, Tool, Verdict};
use crate::baseline::Baseline;
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
        Self::build_against(parts, gate, None)
    }

    /// The report on `parts` as [`Self::build`] makes it, but what `baseline` has, too, is known and does not fail.
    #[must_use]
    pub fn build_against(parts: Parts, gate: Option<Severity>, baseline: Option<&Baseline>) -> Self {
        let Parts { system, targets, boots, mut findings, mut not_evaluated } = parts;
        findings.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        findings.dedup();
        not_evaluated.sort();
        not_evaluated.dedup();
        let names = targets.iter().map(|target| target.name.as_str());
        let compared = baseline.map(|baseline| baseline.mark(&mut findings, names, &not_evaluated));
        let too_bad =
            |finding: &Finding| finding.counts() && gate.is_some_and(|gate| finding.severity <= gate);
        let stops = |boot: &Boot| {
            let is_known = baseline.is_some_and(|baseline| baseline.knows_stop(boot));
            gate.is_some()
                && boot.default
                && boot.outcome == Outcome::Fails
                && !is_known
                && !is_accepted(boot, &findings)
        };
        let stopped: Vec<usize> =
            boots.iter().enumerate().filter(|(_, boot)| stops(boot)).map(|(index, _)| index).collect();
        let fails = findings.iter().any(too_bad) || !stopped.is_empty();
        Self {
            schema: SCHEMA,
            tool: Tool::this(),
            system,
            targets,
            summary: Summary::of(&findings),
            waived: findings.iter().filter(|finding| finding.waived.is_some()).count(),
            baseline: compared,
            boots,
            findings,
            not_evaluated,
            verdict: if fails { Verdict::Fail } else { Verdict::Pass },
            stopped,
        }
    }
}

/// Whether a boot that stops is accepted: blockers say why it does, and all of them are waived or known.
fn is_accepted(boot: &Boot, findings: &[Finding]) -> bool {
    let is_of = |name: &Option<String>, own: &str| name.as_deref().is_none_or(|name| name == own);
    let mut blockers = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Blocker)
        .filter(|finding| is_of(&finding.target, &boot.target) && is_of(&finding.entry, &boot.entry))
        .peekable();
    blockers.peek().is_some() && blockers.all(|blocker| !blocker.counts())
}

/// Severity, path, line, rule, target; then whatever else tells two findings apart.
fn sort_key(finding: &Finding) -> impl Ord + '_ {
    let at = &finding.at;
    let place = (finding.severity, &at.path, at.line, &finding.rule, &finding.target);
    (place, &finding.entry, at.column, &finding.message, &finding.fingerprint)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn parts(report: Report) -> Parts {
        let Report { system, targets, boots, findings, not_evaluated, .. } = report;
        Parts { system, targets, boots, findings, not_evaluated }
    }

    #[test]
    fn the_order_in_which_rules_ran_does_not_show() {
        let expected = serde_json::to_value(sample::san_server()).unwrap();
        let mut shuffled = parts(sample::san_server());
        shuffled.findings.reverse();
        shuffled.not_evaluated.rotate_left(1);
        shuffled.findings.extend_from_within(2..4);
        let report = Report::build(shuffled, Some(Severity::High));
        assert_eq!(serde_json::to_value(report).unwrap(), expected);
    }

    #[test]
    fn findings_are_sorted_by_severity_path_line_and_rule() {
        let report = sample::san_server();
        let keys: Vec<_> = report
            .findings
            .iter()
            .map(|finding| (finding.severity, &finding.at.path, finding.at.line))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn the_verdict_follows_the_gate() {
        let verdict = |severity: Severity, gate| {
            let mut parts = parts(sample::healthy());
            let mut finding = sample::san_server().findings.remove(0);
            finding.severity = severity;
            parts.findings.push(finding);
            Report::build(parts, gate).verdict
        };
        assert_eq!(verdict(Severity::High, Some(Severity::High)), Verdict::Fail);
        assert_eq!(verdict(Severity::Blocker, Some(Severity::High)), Verdict::Fail);
        assert_eq!(verdict(Severity::Medium, Some(Severity::High)), Verdict::Pass);
        assert_eq!(verdict(Severity::Info, Some(Severity::Info)), Verdict::Fail);
        assert_eq!(verdict(Severity::Blocker, None), Verdict::Pass);
    }

    #[test]
    fn a_default_entry_that_does_not_boot_fails_even_if_no_rule_says_so() {
        let mut without_findings = parts(sample::san_server());
        without_findings.findings.clear();
        assert_eq!(Report::build(without_findings, Some(Severity::Blocker)).verdict, Verdict::Fail);
        let mut only_another = parts(sample::san_server());
        only_another.findings.clear();
        only_another.boots.retain(|boot| !boot.default);
        assert_eq!(Report::build(only_another, Some(Severity::Blocker)).verdict, Verdict::Pass);
    }
}
