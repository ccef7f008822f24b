//! Findings as a reader wants them: one block a rule, one place a line, whatever the number of targets and boot
//! entries that repeat it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::escape::{shown, shown_lines, shown_marked};
use super::super::{NotEvaluated, Report};
use super::boots::Entry;
use super::remedies::{FixView, Remedy, fix_view, is_edit, remedies};
use crate::finding::{Finding, Severity};
use crate::place::Place;

/// Characters of a line that are shown around its caret. A kernel command line is some hundreds; a hostile line has
/// millions.
const LONGEST_LINE: usize = 600;

/// Characters that fit on one line of a page.
const LONG_LINE: usize = 96;

/// Places of one rule that a page shows at once; of more, half of these, and the rest unfolds.
const OPEN_PLACES: usize = 10;

/// The page's own ids; those that its templates number hold a dot, which no anchor of a finding does.
const OWN_ANCHORS: [&str; 25] = [
    "boots",
    "boots-title",
    "chains",
    "chains-title",
    "findings",
    "findings-title",
    "first-blocker",
    "first-high",
    "first-medium",
    "first-low",
    "first-info",
    "gone",
    "gone-title",
    "undecided",
    "undecided-title",
    "unchanged",
    "unchanged-title",
    "files",
    "files-title",
    "set-aside",
    "set-aside-title",
    "not-compared",
    "copies",
    "open",
    "said",
];

/// Places of one rule that are drawn. Nobody reads more; a hostile file has a million.
const MOST_PLACES: usize = 500;

/// The findings of one rule.
#[derive(Debug, Serialize)]
pub(in super::super) struct Group {
    /// For links: the rule's id, with a number where it stands for several blocks.
    pub(in super::super) anchor: String,
    pub(in super::super) rule: String,
    pub(in super::super) severity: Severity,
    pub(in super::super) title: String,
    /// Why it matters, in Markdown.
    pub(in super::super) why: String,
    pub(in super::super) decides: Vec<String>,
    pub(in super::super) refs: Vec<String>,
    /// In the order of their paths and lines.
    pub(in super::super) places: Vec<PlaceView>,
    /// Places beyond [`MOST_PLACES`], which only the JSON report lists.
    pub(in super::super) more_places: usize,
    /// On which targets and for which entries, all places together.
    pub(in super::super) scope: Scope,
    /// Whether the places are not all on the same targets, so that each has to say on which.
    pub(in super::super) targets_differ: bool,
    /// Whether there is any remedy, here or at the places.
    pub(in super::super) has_fix: bool,
    /// Commands and advice for all places together, each once.
    pub(in super::super) fixes: Vec<Remedy>,
    /// Places that are shown at once; the others are folded away.
    pub(in super::super) open_places: usize,
    /// The others, of those in `places`.
    pub(in super::super) folded_places: usize,
    #[serde(flatten)]
    pub(in super::super) concerns: Concerns,
}

/// One place where a rule found its problem.
#[derive(Debug, Serialize)]
pub(in super::super) struct PlaceView {
    /// For links: the fingerprints of the findings that meet here.
    pub(in super::super) anchors: Vec<String>,
    pub(in super::super) path: String,
    pub(in super::super) line: Option<u32>,
    /// `etc/fstab:7:1`, with what is known of it.
    #[serde(rename = "where")]
    pub(in super::super) place: String,
    pub(in super::super) snippet: Option<Snippet>,
    /// What is wrong, once for all targets for which it is said alike.
    pub(in super::super) messages: Vec<Message>,
    pub(in super::super) scope: Scope,
    /// Lines to write otherwise, for this place.
    pub(in super::super) fixes: Vec<FixView>,
    #[serde(flatten)]
    pub(in super::super) concerns: Concerns,
}

/// Whom it concerns, for the page's filters.
#[derive(Debug, Serialize)]
pub(in super::super) struct Concerns {
    /// Indices of the targets; all of them where the target does not matter.
    target_indices: Vec<usize>,
    /// Numbers of the boot entries; all of them where it is not a matter of the entry.
    entry_numbers: Vec<usize>,
}

/// A line, with the stretch that is meant.
#[derive(Debug, Serialize)]
pub(in super::super) struct Snippet {
    pub(in super::super) before: String,
    pub(in super::super) marked: String,
    pub(in super::super) after: String,
    /// Carets and the spaces before them, to be drawn under the line in a fixed-width font.
    pub(in super::super) carets: String,
    /// Whether the line is too long to be shown on one line of a page.
    pub(in super::super) long: bool,
}

/// What is wrong at a place.
#[derive(Debug, Serialize)]
pub(in super::super) struct Message {
    pub(in super::super) text: String,
    /// The targets for which this is said, where others hear something else; else empty.
    pub(in super::super) targets: Vec<String>,
}

/// Targets and boot entries concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Scope {
    /// `kvm, vmware`, `every target`; null where the target does not matter.
    pub(in super::super) targets: Option<String>,
    /// Titles, or `every boot entry`; null where it is not a matter of the entry.
    pub(in super::super) entries: Option<String>,
}

/// Something that the input does not hold, and the rules that wait for it.
#[derive(Debug, Serialize)]
pub(in super::super) struct Need {
    pub(in super::super) needs: String,
    pub(in super::super) rules: Vec<String>,
}

/// Groups findings that count, which are sorted worst first, by rule, then by place. A group is as bad as its worst finding.
pub(super) fn groups(report: &Report, entries: &[Entry]) -> Vec<Group> {
    let mut by_rule: Vec<Vec<&Finding>> = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.counts()) {
        let alike = |group: &&mut Vec<&Finding>| {
            group.first().is_some_and(|other| (&other.rule, &other.title) == (&finding.rule, &finding.title))
        };
        match by_rule.iter_mut().find(alike) {
            Some(group) => group.push(finding),
            None => by_rule.push(vec![finding]),
        }
    }
    // Targets are named in the order in which they were asked for.
    let asked =
        |finding: &&Finding| report.targets.iter().position(|t| finding.target.as_ref() == Some(&t.name));
    for findings in &mut by_rule {
        findings.sort_by_key(asked);
    }
    let mut groups: Vec<Group> =
        by_rule.iter().filter_map(|findings| group(report, entries, findings)).collect();
    number_repeated_anchors(&mut groups);
    groups
}

/// Equal lines of a file have one fingerprint, two titles one rule, and a rule may be called as a part of the page
/// is; links need to tell them apart.
fn number_repeated_anchors(groups: &mut [Group]) {
    let mut taken: BTreeSet<String> = OWN_ANCHORS.into_iter().map(ToOwned::to_owned).collect();
    let mut number = |anchor: &mut String| {
        let numbered = (2_usize..).map(|count| format!("{anchor}-{count}"));
        let mut free = std::iter::once(anchor.clone()).chain(numbered).filter(|name| !taken.contains(name));
        *anchor = free.next().unwrap_or_default();
        taken.insert(anchor.clone());
    };
    for group in groups {
        number(&mut group.anchor);
        group.places.iter_mut().flat_map(|place| &mut place.anchors).for_each(&mut number);
    }
}

fn group(report: &Report, entries: &[Entry], findings: &[&Finding]) -> Option<Group> {
    let first = *findings.first()?;
    let mut by_place: BTreeMap<&Place, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_place.entry(&finding.at).or_default().push(finding);
    }
    let shown_places = by_place.values().take(MOST_PLACES);
    let places: Vec<PlaceView> =
        shown_places.filter_map(|findings| place(report, entries, findings)).collect();
    let open_places = if places.len() > OPEN_PLACES { OPEN_PLACES / 2 } else { places.len() };
    let scope = scope(report, findings);
    let targets_differ = places.iter().any(|place| place.scope.targets != scope.targets);
    Some(Group {
        anchor: anchor(&first.rule),
        rule: shown(&first.rule),
        severity: findings.iter().map(|finding| finding.severity).min()?,
        title: shown(&first.title),
        why: shown_lines(&first.why),
        decides: first.decides.iter().map(|id| shown(id)).collect(),
        refs: first.refs.iter().map(|reference| shown(reference)).collect(),
        more_places: by_place.len().saturating_sub(places.len()),
        open_places,
        folded_places: places.len().saturating_sub(open_places),
        places,
        scope,
        targets_differ,
        has_fix: findings.iter().any(|finding| !finding.fix.is_empty()),
        fixes: remedies(findings),
        concerns: concerns(report, entries, findings),
    })
}

fn place(report: &Report, entries: &[Entry], findings: &[&Finding]) -> Option<PlaceView> {
    let first = *findings.first()?;
    let fixes = findings.iter().flat_map(|finding| &finding.fix).filter(|fix| is_edit(fix)).map(fix_view);
    Some(PlaceView {
        anchors: each_once(findings.iter().map(|finding| format!("f-{}", anchor(&finding.fingerprint)))),
        path: shown(&first.at.path),
        line: first.at.line,
        place: located(&first.at),
        snippet: snippet(first),
        messages: messages(findings),
        scope: scope(report, findings),
        fixes: each_once(fixes),
        concerns: concerns(report, entries, findings),
    })
}

/// `etc/fstab:7:1`, with what is known of it.
pub(in super::super) fn located(at: &Place) -> String {
    let mut text = shown(&at.path);
    for number in [at.line, at.line.and(at.column)].into_iter().flatten() {
        text.push_str(&format!(":{number}"));
    }
    text
}

fn messages(findings: &[&Finding]) -> Vec<Message> {
    let texts = each_once(findings.iter().map(|finding| shown(&finding.message)));
    let only_one = texts.len() == 1;
    let message = |text: String| {
        let saying = findings.iter().filter(|finding| !only_one && shown(&finding.message) == text);
        let targets = each_once(saying.filter_map(|finding| finding.target.as_deref().map(shown)));
        Message { text, targets }
    };
    texts.into_iter().map(message).collect()
}

fn snippet(finding: &Finding) -> Option<Snippet> {
    let line = finding.snippet.as_deref()?.lines().next().unwrap_or_default();
    let offset = |column: u32| usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let indent = line.len().saturating_sub(line.trim_start().len());
    let start = finding.at.column.filter(|column| offset(*column) < line.len()).map(offset);
    let end = finding.at.end.map(offset).filter(|end| start.is_some_and(|start| *end > start));
    // Without a column the whole line is meant; with a column alone, the word that begins there.
    let (start, end) = match (start, end) {
        (Some(start), Some(end)) => (start, end),
        (Some(start), None) if start > 0 => (start, word_end(line, start)),
        (_, _) => (indent, line.trim_end().len()),
    };
    let (text, mark) = shown_marked(line, start..end, LONGEST_LINE);
    let before = text.get(..mark.start).unwrap_or_default().to_owned();
    let marked = text.get(mark.clone()).unwrap_or_default().to_owned();
    let after = text.get(mark.end..).unwrap_or_default().to_owned();
    let columns = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let carets = format!("{}{}", " ".repeat(columns(&before)), "^".repeat(columns(&marked).max(1)));
    let long = text.chars().count() > LONG_LINE;
    Some(Snippet { before, marked, after, carets, long })
}

fn word_end(line: &str, start: usize) -> usize {
    let rest = line.get(start..).unwrap_or_default();
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    start.saturating_add(length)
}

fn scope(report: &Report, findings: &[&Finding]) -> Scope {
    let targets = each_once(findings.iter().filter_map(|finding| finding.target.clone()));
    let all_targets: Vec<String> = report.targets.iter().map(|target| target.name.clone()).collect();
    let all_entries = each_once(report.boots.iter().map(|boot| boot.entry.clone()));
    Scope {
        targets: words(&targets, &all_targets, "every target"),
        entries: words(&entries(findings), &all_entries, "every boot entry"),
    }
}

/// The boot entries concerned; where it is less bad for some (which are not the default), with how bad it is.
fn entries(findings: &[&Finding]) -> Vec<String> {
    let Some(worst) = findings.iter().map(|finding| finding.severity).min() else { return Vec::new() };
    let mut by_entry: BTreeMap<&str, Severity> = BTreeMap::new();
    let with_entry =
        findings.iter().filter_map(|finding| Some((finding.entry.as_deref()?, finding.severity)));
    for (entry, severity) in with_entry.clone() {
        let known = by_entry.entry(entry).or_insert(severity);
        *known = severity.min(*known);
    }
    let named = |entry: &str| match by_entry.get(entry) {
        Some(severity) if *severity != worst => format!("{entry} ({})", severity.name()),
        _ => entry.to_owned(),
    };
    each_once(with_entry.map(|(entry, _)| named(entry)))
}

fn words(names: &[String], all: &[String], every: &str) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let is_every = all.len() > 1 && all.iter().all(|name| names.contains(name));
    Some(if is_every { every.to_owned() } else { shown(&names.join(", ")) })
}

fn concerns(report: &Report, entries: &[Entry], findings: &[&Finding]) -> Concerns {
    let target = |name: &str| {
        findings.iter().any(|finding| finding.target.as_deref().is_none_or(|target| target == name))
    };
    let entry = |title: &str| {
        findings.iter().any(|finding| finding.entry.as_deref().is_none_or(|own| shown(own) == title))
    };
    let targets = report.targets.iter().enumerate();
    let entries = entries.iter().filter(|own| entry(&own.title));
    Concerns {
        target_indices: targets.filter(|(_, own)| target(&own.name)).map(|(index, _)| index).collect(),
        entry_numbers: entries.map(|entry| entry.number).collect(),
    }
}

/// A name as the fragment of a URL.
fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// The items in their order, each once.
pub(super) fn each_once<T: Ord + Clone>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

/// What is missing, each with the rules that wait for it.
pub(in super::super) fn needs(not_evaluated: &[NotEvaluated]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for item in not_evaluated {
        let (what, rule) = (shown(&item.needs), shown(&item.rule));
        match needs.iter_mut().find(|need| need.needs == what) {
            Some(need) if need.rules.contains(&rule) => {}
            Some(need) => need.rules.push(rule),
            None => needs.push(Need { needs: what, rules: vec![rule] }),
        }
    }
    needs
}
