//! Systems that trip a rule and near misses that do not, and what is expected of each.
//!
//! `rules/README.md` has the format. The caller brings the tree: the program's own tests pack binary pieces from
//! text, `bootproof rules test` takes folders as they are.

use serde::Deserialize;

use super::{ChangeInput, Evaluation, Input, RuleSet};
use crate::changes::{Comparison, Side};
use crate::facts::{Facts, Limits};
use crate::finding::{Finding, Fix};
use crate::simulate::simulate;
use crate::source::Tree;
use crate::target::{SAME, Target, select};

/// What `expect.yaml` says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The targets to run; `same` if none is named.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The findings of the rule, in order.
    #[serde(default)]
    pub findings: Vec<ExpectedFinding>,
    /// Whether the rule has to be undecided, and what it has to ask for.
    #[serde(default)]
    pub not_evaluated: Option<Undecided>,
}

/// A finding that is expected; what is left out is not compared, except the target, which is then null.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFinding {
    /// `path` or `path:line`.
    pub at: String,
    /// The target's name.
    #[serde(default)]
    pub target: Option<String>,
    /// The boot entry.
    #[serde(default)]
    pub entry: Option<String>,
    /// The severity's name.
    #[serde(default)]
    pub severity: Option<String>,
    /// A part of the message.
    #[serde(default)]
    pub message: Option<String>,
    /// A part of a step of the remedy.
    #[serde(default)]
    pub fix: Option<String>,
}

/// Whether a rule has to be undecided.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Undecided {
    /// Yes or no.
    Flag(bool),
    /// Yes, and this is a part of what it needs.
    Needs(String),
}

impl Expectation {
    /// Reads `expect.yaml`.
    ///
    /// # Errors
    /// A sentence: what is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    /// Runs the rule called `rule` over `tree` and returns what differs from what is expected, a sentence each.
    #[must_use]
    pub fn check(&self, rules: &RuleSet, rule: &str, tree: &Tree) -> Vec<String> {
        let targets = match self.select(rules, rule) {
            Ok(targets) => targets,
            Err(wrong) => return wrong,
        };
        let facts = Facts::gather(tree, &Limits::default());
        let boots = simulate(&facts, &targets);
        let input = Input { facts: &facts, targets: &targets, boots: &boots, tree };
        self.compare(rule, &rules.evaluate_only(rule, &input))
    }

    /// Runs the rule on changes called `rule` over two systems and returns what differs from what is expected.
    #[must_use]
    pub fn check_change(&self, rules: &RuleSet, rule: &str, before: Tree, after: Tree) -> Vec<String> {
        let targets = match self.select(rules, rule) {
            Ok(targets) => targets,
            Err(wrong) => return wrong,
        };
        let read = |tree| Side::read(tree, &Limits::default(), &targets);
        let (before, after) = (read(before), read(after));
        let Comparison { changes, boots, .. } = Comparison::of(&before, &after);
        let input = ChangeInput {
            facts: (&before.facts, &after.facts),
            changes: &changes,
            targets: &targets,
            boots: &boots,
            after: &after.tree,
        };
        self.compare(rule, &rules.evaluate_change_only(rule, &input))
    }

    /// The targets to run.
    fn select(&self, rules: &RuleSet, rule: &str) -> Result<Vec<Target>, Vec<String>> {
        let wanted = if self.targets.is_empty() { vec![SAME.to_owned()] } else { self.targets.clone() };
        let targets = select(&wanted).map_err(|error| vec![error.to_string()])?;
        // A rule that is for none of these would pass any near miss; say so unless that is the point.
        if let Some(rule) = rules.get(rule)
            && self.targets.is_empty()
            && !targets.iter().any(|target| rule.is_for(target))
        {
            return Err(vec![format!("`{}` is not for `{SAME}`: say which `targets` to run", rule.id)]);
        }
        Ok(targets)
    }

    fn compare(&self, rule: &str, evaluation: &Evaluation) -> Vec<String> {
        let mut wrong: Vec<String> = evaluation
            .mistakes
            .iter()
            .map(|(rule, mistake)| format!("`{rule}` went wrong: {mistake}"))
            .collect();
        let found = &evaluation.findings;
        let mut expected = self.findings.iter();
        for finding in found {
            match expected.next() {
                Some(expected) => wrong.extend(expected.differences(finding)),
                None => wrong.push(format!("there is a finding too many: {}", describe(finding))),
            }
        }
        wrong.extend(expected.map(|expected| format!("there is no finding at {}", expected.at)));
        let needs: Vec<&str> =
            evaluation.not_evaluated.iter().map(|undecided| undecided.needs.as_str()).collect();
        match &self.not_evaluated {
            None | Some(Undecided::Flag(false)) if needs.is_empty() => {}
            None | Some(Undecided::Flag(false)) => {
                wrong.push(format!("`{rule}` is not evaluated: it needs {}", needs.join(", ")));
            }
            Some(Undecided::Needs(part)) if needs.iter().any(|needs| needs.contains(part.as_str())) => {}
            Some(Undecided::Flag(true)) if !needs.is_empty() => {}
            Some(_) => wrong.push(format!("`{rule}` is not undecided as expected; it needs: {needs:?}")),
        }
        wrong
    }
}

impl ExpectedFinding {
    fn differences(&self, finding: &Finding) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut differs = |what: &str, expected: &str, found: &str| {
            wrong.push(format!("expected {what} `{expected}`, found `{found}` in {}", describe(finding)));
        };
        let at = finding.at.to_string();
        if at != self.at {
            differs("a finding at", &self.at, &at);
        }
        if finding.target != self.target {
            let shown = |target: &Option<String>| target.clone().unwrap_or_else(|| "null".to_owned());
            differs("the target", &shown(&self.target), &shown(&finding.target));
        }
        if self.entry.is_some() && finding.entry != self.entry {
            let found = finding.entry.as_deref().unwrap_or("null");
            differs("the entry", self.entry.as_deref().unwrap_or_default(), found);
        }
        if let Some(severity) = &self.severity
            && severity != finding.severity.name()
        {
            differs("the severity", severity, finding.severity.name());
        }
        if let Some(part) = &self.message
            && !finding.message.contains(part.as_str())
        {
            differs("in the message", part, &finding.message);
        }
        let steps: Vec<String> = finding.fix.iter().map(text).collect();
        if let Some(part) = &self.fix
            && !steps.iter().any(|step| step.contains(part.as_str()))
        {
            differs("in a step of the remedy", part, &steps.join(" / "));
        }
        wrong
    }
}

fn text(fix: &Fix) -> String {
    match fix {
        Fix::Replace { with, .. } => with.clone().unwrap_or_default(),
        Fix::Advice { text } => text.clone(),
        step => step.as_command().unwrap_or_default(),
    }
}

/// A finding as it may be copied into `expect.yaml`.
fn describe(finding: &Finding) -> String {
    let target = finding.target.as_deref().map(|target| format!(", target: {target}")).unwrap_or_default();
    let entry = finding.entry.as_deref().map(|entry| format!(", entry: {entry:?}")).unwrap_or_default();
    let severity = finding.severity.name();
    format!(
        "{{ at: {:?}{target}{entry}, severity: {severity} }} ({})",
        finding.at.to_string(),
        finding.message
    )
}
