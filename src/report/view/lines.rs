//! Findings on one line: those that are told and not shown, because they do not count.

use serde::Serialize;

use super::super::Report;
use super::super::escape::shown;
use crate::finding::{Finding, Severity};

/// Places that a line names; of more it says how many.
const MOST_PLACES: usize = 4;

/// A finding on one line: those of one rule, severity and state together.
#[derive(Debug, Serialize)]
pub(in super::super) struct Line {
    pub(in super::super) severity: Severity,
    pub(in super::super) rule: String,
    pub(in super::super) title: String,
    /// `etc/fstab:3, etc/crypttab:1`.
    pub(in super::super) places: String,
    /// Why it does not count: `waived until 2027-06-30: replaced in June (bootproof.toml:3)`; empty if it does.
    pub(in super::super) state: String,
}

impl Line {
    /// The line of one finding.
    pub(in super::super) fn of(finding: &Finding) -> Self {
        Self {
            severity: finding.severity,
            rule: shown(&finding.rule),
            title: shown(&finding.title),
            places: shown(&finding.at.to_string()),
            state: state(finding),
        }
    }

    /// The lines of `findings`, worst first.
    pub(in super::super) fn all<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Self> {
        let mut lines: Vec<(Self, Vec<String>)> = Vec::new();
        for finding in findings {
            let own = Self::of(finding);
            let place = own.places.clone();
            let key = |line: &Self| (line.rule.clone(), line.severity, line.state.clone());
            match lines.iter_mut().find(|(line, _)| key(line) == key(&own)) {
                Some((_, places)) if places.contains(&place) => {}
                Some((_, places)) => places.push(place),
                None => lines.push((own, vec![place])),
            }
        }
        lines.sort_by(|(a, _), (b, _)| (a.severity, &a.rule).cmp(&(b.severity, &b.rule)));
        lines.into_iter().map(|(line, places)| Self { places: few(&places), ..line }).collect()
    }
}

/// What a report found that the gate does not count, because it is waived or known.
pub(super) fn set_aside(report: &Report) -> Vec<Line> {
    Line::all(report.findings.iter().filter(|finding| !finding.counts()))
}

/// `2 waived, 5 known, 1 gone since the baseline`; empty without waivers and baseline.
pub(super) fn tally(report: &Report) -> String {
    let (known, gone) = report.baseline.as_ref().map_or((0, 0), |baseline| (baseline.known, baseline.gone));
    let parts =
        [(report.waived, "waived"), (known, "known from the baseline"), (gone, "gone since the baseline")];
    let told =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    told.collect::<Vec<_>>().join(", ")
}

/// Why a finding does not count.
pub(in super::super) fn state(finding: &Finding) -> String {
    match &finding.waived {
        Some(waived) => shown(&waived.told()),
        None if finding.known => "known: the baseline has it".to_owned(),
        None => String::new(),
    }
}

/// The first places, and how many there are more.
fn few(places: &[String]) -> String {
    let first = places.get(..MOST_PLACES).unwrap_or(places).join(", ");
    match places.len().saturating_sub(MOST_PLACES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
