//! What mends the findings of one rule: each step once, and steps that differ in a name alone together.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::escape::{shown, shown_lines};
use crate::finding::{Finding, Fix};

/// Sentences of one kind that are shown; forty places with one cause give forty that differ in a name.
const MOST_ADVICE: usize = 3;

/// A step of a remedy, and for which targets it is.
#[derive(Debug, Serialize)]
pub(in super::super) struct Remedy {
    /// The targets that need it, where others of the finding need something else; else empty.
    pub(in super::super) targets: Vec<String>,
    #[serde(flatten)]
    pub(in super::super) step: FixView,
    /// How many sentences more there are that say the same of other places.
    pub(in super::super) likewise: usize,
}

/// A step of a remedy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(in super::super) enum FixView {
    /// Commands, each of one line or several, that do the same in several places.
    Command { commands: Vec<String> },
    /// A line to write otherwise, or to delete.
    Replace { path: String, line: Option<u32>, with: Option<String> },
    /// A sentence.
    Advice { text: String },
}

impl FixView {
    /// The step in words, of one line or several.
    pub(in super::super) fn told(&self) -> String {
        match self {
            Self::Command { commands } => commands.join("\n"),
            Self::Advice { text } => text.clone(),
            Self::Replace { path, line, with } => {
                let place =
                    line.map_or_else(|| format!("`{path}`"), |line| format!("line {line} of `{path}`"));
                match with {
                    Some(with) => format!("write {place} as\n{with}"),
                    None => format!("delete {place}"),
                }
            }
        }
    }
}

/// A step of a remedy in words, of one line or several.
pub(in super::super) fn told(fix: &Fix) -> String {
    fix_view(fix).told()
}

/// A step as it stands in a finding, with who needs it.
struct Needed<'a> {
    /// Which step of its finding it is, so that the steps stay in their order.
    position: usize,
    step: FixView,
    targets: BTreeSet<Option<&'a str>>,
}

/// Commands and advice, each once, with the targets that need it where not all do.
pub(super) fn remedies(findings: &[&Finding]) -> Vec<Remedy> {
    let all: BTreeSet<Option<&str>> = findings.iter().map(|finding| finding.target.as_deref()).collect();
    let mut groups: Vec<Vec<Needed<'_>>> = Vec::new();
    for needed in steps(findings) {
        let alike =
            |group: &&mut Vec<Needed<'_>>| group.first().is_some_and(|first| is_alike(first, &needed));
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(needed),
            None => groups.push(vec![needed]),
        }
    }
    groups.sort_by_key(|group| group.first().map(|first| first.position));
    groups.into_iter().flat_map(|group| merged(group, &all)).collect()
}

/// The steps of all findings that are no edits, each once.
fn steps<'a>(findings: &[&'a Finding]) -> Vec<Needed<'a>> {
    let mut known: BTreeMap<FixView, usize> = BTreeMap::new();
    let mut steps: Vec<Needed<'a>> = Vec::new();
    for finding in findings {
        for (position, fix) in finding.fix.iter().enumerate().filter(|(_, fix)| !is_edit(fix)) {
            let step = fix_view(fix);
            let index = *known.entry(step.clone()).or_insert(steps.len());
            match steps.get_mut(index) {
                Some(needed) => {
                    needed.targets.insert(finding.target.as_deref());
                }
                None => steps.push(Needed { position, step, targets: [finding.target.as_deref()].into() }),
            }
        }
    }
    steps
}

/// Whether two steps are one for the reader: the same step of the rule, for the same targets.
fn is_alike(one: &Needed<'_>, other: &Needed<'_>) -> bool {
    one.position == other.position
        && one.targets == other.targets
        && std::mem::discriminant(&one.step) == std::mem::discriminant(&other.step)
}

fn merged(group: Vec<Needed<'_>>, all: &BTreeSet<Option<&str>>) -> Vec<Remedy> {
    let targets: Vec<String> = group
        .first()
        .filter(|first| first.targets != *all)
        .map(|first| first.targets.iter().flatten().map(|target| shown(target)).collect())
        .unwrap_or_default();
    let mut commands = Vec::new();
    let mut others = Vec::new();
    for needed in group {
        match needed.step {
            FixView::Command { commands: own } => commands.extend(own),
            step => others.push(step),
        }
    }
    if !commands.is_empty() {
        return vec![Remedy { targets, step: FixView::Command { commands }, likewise: 0 }];
    }
    let kept = if others.len() > MOST_ADVICE { 1 } else { others.len() };
    let likewise = others.len() - kept;
    let remedy = |step| Remedy { targets: targets.clone(), step, likewise };
    others.into_iter().take(kept).map(remedy).collect()
}

/// Whether a fix belongs to its place, and not to all places of the rule together.
pub(super) fn is_edit(fix: &Fix) -> bool {
    matches!(fix, Fix::Replace { .. })
}

pub(super) fn fix_view(fix: &Fix) -> FixView {
    match fix {
        Fix::Replace { at, with } => {
            FixView::Replace { path: shown(&at.path), line: at.line, with: with.as_deref().map(shown_lines) }
        }
        Fix::Advice { text } => FixView::Advice { text: shown(text) },
        step => FixView::Command {
            commands: step.as_command().iter().map(|command| shown_lines(command)).collect(),
        },
    }
}
