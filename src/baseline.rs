//! The baseline: an earlier report on the same system, whose findings are known and do not fail the gate again.
//!
//! Findings are the same if their fingerprints are, which survive shifted lines, and are counted: of three equal ones
//! where there were two, one is new. A finding that has become worse is new. What was waived in the baseline is not known
//! through it, or a waiver would outlive its last day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::facts::system::System;
use crate::finding::{Finding, Severity};
use crate::report::read::{self, ReadError, SavedFinding, SavedReport};
use crate::report::{BaselineSummary, NotEvaluated};
use crate::rules::fingerprint;
use crate::simulate::{Boot, Outcome, StepName};

/// An earlier report, as far as a new one is held against it.
#[derive(Debug)]
pub struct Baseline {
    path: String,
    hostname: Option<String>,
    targets: BTreeSet<String>,
    /// By fingerprint, worst first.
    findings: BTreeMap<String, Vec<Known>>,
    /// Where boots stopped, by entry and target.
    stops: BTreeMap<(String, String), StepName>,
}

/// What is kept of a finding, to tell whether it is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    severity: Severity,
    rule: String,
    target: Option<String>,
}

impl Baseline {
    /// The report at `path`, which `bootproof check --format json` wrote.
    ///
    /// # Errors
    /// [`ReadError`] if it is none, or one of another shape.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut buffer = Vec::new();
        let report = read::read(path, &mut buffer)?;
        Ok(Self::of(read::shown(path), &report))
    }

    fn of(path: String, report: &SavedReport<'_>) -> Self {
        let mut findings: BTreeMap<String, Vec<Known>> = BTreeMap::new();
        for finding in report.findings.iter().filter(|finding| finding.waived.is_none()) {
            let same = fingerprint::base(&finding.fingerprint).to_owned();
            findings.entry(same).or_default().push(Known::of(finding));
        }
        findings.values_mut().for_each(|known| known.sort());
        let stops = report
            .boots
            .iter()
            .filter_map(|boot| Some(((boot.entry.to_string(), boot.target.to_string()), boot.failed_at?)));
        Self {
            path,
            hostname: report.system.hostname.as_ref().map(|name| name.to_string()),
            targets: report.targets.iter().map(|target| target.name.to_string()).collect(),
            stops: stops.collect(),
            findings,
        }
    }

    /// What speaks against holding a report on `system` and `targets` against this one, a sentence each.
    #[must_use]
    pub fn doubts<'a>(&self, system: &System, targets: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut doubts = Vec::new();
        if let (Some(then), Some(now)) = (&self.hostname, &system.hostname)
            && then != now
        {
            doubts.push(format!("the baseline `{}` is of the host `{then}`, and this is `{now}`", self.path));
        }
        let others: Vec<String> =
            targets.filter(|name| !self.targets.contains(*name)).map(|name| format!("`{name}`")).collect();
        if !others.is_empty() {
            let names = others.join(", ");
            doubts.push(format!(
                "the baseline `{}` does not say anything of {names}: all that is found there is new",
                self.path
            ));
        }
        doubts
    }

    /// Marks those of `findings`, which are worst first, that are known, and says how many are known and how many gone.
    /// What could not be found again, because its target was not asked for or its rule not decided, is not gone.
    pub(crate) fn mark<'a>(
        &self,
        findings: &mut [Finding],
        targets: impl Iterator<Item = &'a str>,
        not_evaluated: &[NotEvaluated],
    ) -> BaselineSummary {
        let mut left = self.findings.clone();
        for finding in findings.iter_mut() {
            let Some(candidates) = left.get_mut(fingerprint::base(&finding.fingerprint)) else { continue };
            let is_as_bad = candidates.first().is_some_and(|known| known.severity <= finding.severity);
            if is_as_bad {
                candidates.remove(0);
                finding.known = true;
            }
        }
        let asked: BTreeSet<&str> = targets.collect();
        let open: BTreeSet<&str> = not_evaluated.iter().map(|item| item.rule.as_str()).collect();
        let is_gone = |known: &&Known| {
            known.target.as_deref().is_none_or(|target| asked.contains(target))
                && !open.contains(known.rule.as_str())
        };
        BaselineSummary {
            report: self.path.clone(),
            known: findings.iter().filter(|finding| finding.known).count(),
            gone: left.values().flatten().filter(is_gone).count(),
        }
    }

    /// Whether `boot` stopped there then, at the same step or an earlier one.
    pub(crate) fn knows_stop(&self, boot: &Boot) -> bool {
        let then = self.stops.get(&(boot.entry.clone(), boot.target.clone()));
        let now = boot.failed_at.filter(|_| boot.outcome == Outcome::Fails);
        matches!((then, now), (Some(then), Some(now)) if *then <= now)
    }
}

impl Known {
    fn of(finding: &SavedFinding<'_>) -> Self {
        Self {
            severity: finding.severity,
            rule: finding.rule.to_string(),
            target: finding.target.as_ref().map(|target| target.to_string()),
        }
    }
}
