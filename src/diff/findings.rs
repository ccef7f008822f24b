//! Which finding of the one system is which of the other.
//!
//! By fingerprint, which survives shifted lines; then by rule, target, entry, path and message, for a line that was only
//! written otherwise. A finding that has become worse is new. A finding that is missing on one side is gone or new only if that side could say:
//! its rule was evaluated there, and the input holds the file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Undecided, Which};
use crate::changes::Side;
use crate::finding::Finding;
use crate::report::NotEvaluated;
use crate::rules::{Evaluation, fingerprint};

/// One system and what the rules say of it.
pub(super) struct Judged<'a> {
    pub(super) side: &'a Side,
    pub(super) findings: Vec<Finding>,
    pub(super) not_evaluated: &'a [NotEvaluated],
}

impl<'a> Judged<'a> {
    pub(super) fn new(side: &'a Side, evaluation: &'a Evaluation) -> Self {
        Self { side, findings: evaluation.findings.clone(), not_evaluated: &evaluation.not_evaluated }
    }
}

/// Sorts the findings of both systems into those that are new, gone, in both, and those that nobody can tell.
pub(super) fn compare(before: Judged<'_>, after: Judged<'_>) -> Findings {
    let (unchanged, old, new) = pair(before.findings, after.findings);
    let mut findings = Findings { unchanged, ..Findings::default() };
    let hidden_after = Hidden::of(after.side, after.not_evaluated, before.not_evaluated);
    let hidden_before = Hidden::of(before.side, before.not_evaluated, after.not_evaluated);
    for finding in new {
        match hidden_before.needs(&finding) {
            Some(needs) => findings.undecided.push(Undecided { of: Which::After, needs, finding }),
            None => findings.new.push(finding),
        }
    }
    for finding in old {
        match hidden_after.needs(&finding) {
            Some(needs) => findings.undecided.push(Undecided { of: Which::Before, needs, finding }),
            None => findings.gone.push(finding),
        }
    }
    findings
}

type Pairs = (Vec<Finding>, Vec<Finding>, Vec<Finding>);

/// The findings of both, and those of each alone.
fn pair(before: Vec<Finding>, after: Vec<Finding>) -> Pairs {
    let by_fingerprint =
        |finding: &Finding| (fingerprint::base(&finding.fingerprint).to_owned(), String::new());
    let by_message = |finding: &Finding| {
        let place = format!("{:?} {:?} {}", finding.target, finding.entry, finding.at.path);
        (format!("{} {place}", finding.rule), finding.message.clone())
    };
    let (mut both, old, new) = matched(before, after, by_fingerprint);
    let (more, old, mut new) = matched(old, new, by_message);
    both.extend(more);
    let mut unchanged = Vec::new();
    for (before, after) in both {
        let is_worse = after.severity < before.severity;
        if is_worse { &mut new } else { &mut unchanged }.push(after);
    }
    for findings in [&mut unchanged, &mut new] {
        findings.sort_by(|a, b| (a.severity, &a.at, &a.rule).cmp(&(b.severity, &b.at, &b.rule)));
    }
    (unchanged, old, new)
}

/// The findings of both that have the same key, each with its twin, and those of each alone.
fn matched<K: Ord>(
    before: Vec<Finding>,
    after: Vec<Finding>,
    key: impl Fn(&Finding) -> K,
) -> (Vec<(Finding, Finding)>, Vec<Finding>, Vec<Finding>) {
    let mut left: BTreeMap<K, Vec<Finding>> = BTreeMap::new();
    for finding in before.into_iter().rev() {
        left.entry(key(&finding)).or_default().push(finding);
    }
    let (mut both, mut new) = (Vec::new(), Vec::new());
    for finding in after {
        match left.get_mut(&key(&finding)).and_then(Vec::pop) {
            Some(twin) => both.push((twin, finding)),
            None => new.push(finding),
        }
    }
    let mut old: Vec<Finding> = left.into_values().flatten().collect();
    old.sort_by(|a, b| (a.severity, &a.at, &a.rule).cmp(&(b.severity, &b.at, &b.rule)));
    (both, old, new)
}

/// What one side cannot say although the other can.
struct Hidden<'a> {
    side: &'a Side,
    /// What a rule needs there and not on the other side.
    rules: BTreeMap<&'a str, &'a str>,
}

impl<'a> Hidden<'a> {
    fn of(side: &'a Side, here: &'a [NotEvaluated], there: &[NotEvaluated]) -> Self {
        let there: BTreeSet<&NotEvaluated> = there.iter().collect();
        let only_here = here.iter().filter(|item| !there.contains(item));
        Self { side, rules: only_here.map(|item| (item.rule.as_str(), item.needs.as_str())).collect() }
    }

    /// What would say whether this side has the finding, too; none if it would say.
    fn needs(&self, finding: &Finding) -> Option<String> {
        if let Some(needs) = self.rules.get(finding.rule.as_str()) {
            return Some((*needs).to_owned());
        }
        let path = finding.at.path.as_ref();
        let is_there = self.side.tree.exists(path);
        if is_there { None } else { self.side.may_hold(path) }
    }
}
