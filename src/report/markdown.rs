//! The report for tickets, merge requests and the summary of a CI job: CommonMark with GitHub's tables, which GitLab
//! reads as well. The answer and the worst findings come first; details are folded.

use serde::Serialize;

use super::prose::{clipped, counted};
use super::view::View;
use super::{Part, Report, templates};
use crate::simulate::Outcome;

const PARTS: [(&str, &str); 5] = [
    ("findings.md", include_str!("../../reports/findings.md")),
    ("report.md", include_str!("../../reports/report.md")),
    ("said.md", include_str!("../../reports/said.md")),
    ("fix.md", include_str!("../../reports/fix.md")),
    ("set-aside.md", include_str!("../../reports/set-aside.md")),
];

/// Bytes of a page. GitHub takes 1 MiB as the summary of a step and GitLab 1,000,000 characters as a comment; what is
/// longer they do not show at all.
const LONGEST: usize = 1_000_000;
/// Columns of boot entries in the table; more do not fit on a page.
const MOST_ENTRIES: usize = 12;
/// Places of a rule that are drawn.
const MOST_PLACES: usize = 20;
/// Characters of a name in a heading or a table.
const LONGEST_NAME: usize = 200;

/// What the template reads.
#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    view: View,
    /// Boot entries for which the table has no column.
    more_entries: usize,
    /// Whether any boot does not, or may not, come up.
    stops: bool,
}

impl Page {
    fn of(mut view: View) -> Self {
        let more_entries = view.entries.len().saturating_sub(MOST_ENTRIES);
        view.entries.truncate(MOST_ENTRIES);
        for target in &mut view.targets {
            target.cells.truncate(MOST_ENTRIES);
        }
        for group in &mut view.groups {
            let more = group.places.len().saturating_sub(MOST_PLACES);
            group.places.truncate(MOST_PLACES);
            group.more_places = group.more_places.saturating_add(more);
        }
        let titles = view.entries.iter_mut().map(|entry| &mut entry.title);
        for name in titles.chain([&mut view.source, &mut view.system]) {
            *name = clipped(name, LONGEST_NAME);
        }
        let stops = view.ways.iter().flat_map(|way| &way.chains).any(|chain| chain.outcome != Outcome::Boots);
        Self { view, more_entries, stops }
    }
}

/// The whole report, of at most a million bytes.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(report: &Report, part: Part) -> tera::TeraResult<String> {
    let page = Page::of(View::of(report, part));
    Ok(fitted(&templates::fill("report.md", &PARTS, &page)?))
}

/// A page that is no longer than [`LONGEST`]: of the parts between its cuts those that still fit, the first of them,
/// which are about the worst, before others. The page says how many are left out.
pub(super) fn fitted(page: &str) -> String {
    let mut parts: Vec<&str> = page.split(templates::CUT).collect();
    let last = if parts.len() > 1 { parts.pop() } else { None }.unwrap_or_default();
    let note = |count: usize| {
        let parts = counted(count, "part");
        format!(
            "> {parts} of this report would make it longer than a job summary may be; HTML and JSON have all.\n\n"
        )
    };
    let reserved = last.len().saturating_add(note(parts.len()).len());
    let mut out = String::with_capacity(page.len().min(LONGEST));
    let mut left_out = 0_usize;
    for part in parts {
        if out.len().saturating_add(part.len()).saturating_add(reserved) <= LONGEST {
            out.push_str(part);
        } else {
            left_out = left_out.saturating_add(1);
        }
    }
    if left_out > 0 {
        out.push_str(&note(left_out));
    }
    out.push_str(last);
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_report_reads_well_as_markdown() {
        insta::assert_snapshot!(render(&sample::san_server(), Part::Whole).unwrap());
    }

    #[test]
    fn the_boots_alone_read_well_as_markdown() {
        insta::assert_snapshot!(render(&sample::san_server(), Part::Boots).unwrap());
    }

    #[test]
    fn a_page_has_what_fits_and_says_what_does_not() {
        let cut = templates::CUT;
        let (small, large) = ("a\n\n".to_owned(), "x".repeat(LONGEST));
        assert_eq!(fitted("one page\n"), "one page\n");
        assert_eq!(fitted(&format!("head\n\n{cut}{small}{cut}end\n")), "head\n\na\n\nend\n");
        let page = fitted(&format!("head\n\n{cut}{large}{cut}{small}{cut}{large}{cut}end\n"));
        assert!(page.starts_with("head\n\na\n\n> 2 parts of this report"), "{page}");
        assert!(page.ends_with(" have all.\n\nend\n"), "{page}");
    }

    #[test]
    fn hundreds_of_findings_stay_below_what_a_job_summary_may_hold() {
        let mut report = sample::san_server();
        let finding = report.findings.first().unwrap().clone();
        report.findings = (0..800 * 30_u32)
            .map(|number| {
                let mut finding = finding.clone();
                finding.rule = format!("rule-{:03}", number / 30);
                finding.title = format!("Problem {:03}", number / 30);
                finding.at.line = Some(number);
                finding
            })
            .collect();
        let page = render(&report, Part::Whole).unwrap();
        assert!(page.len() <= LONGEST, "{}", page.len());
        assert!(page.len() > LONGEST * 9 / 10, "{}", page.len());
        assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
        assert!(page.contains("The table has the 20 worst; all 800 follow."));
        assert!(page.contains("parts of this report would make it longer than a job summary may be"));
        // What counts stands on the first screen, and the page's end is there.
        assert!(page.lines().take(6).any(|line| line.starts_with("Verdict: **fail**")));
        assert!(page.ends_with("Written by bootproof 0.1.0.\n"));
    }
}
