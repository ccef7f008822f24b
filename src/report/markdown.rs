//! The report for tickets and merge requests: CommonMark with GitHub's tables.

use super::view::View;
use super::{Part, Report, templates};

const PARTS: [(&str, &str); 4] = [
    ("findings.md", include_str!("../../reports/findings.md")),
    ("report.md", include_str!("../../reports/report.md")),
    ("said.md", include_str!("../../reports/said.md")),
    ("fix.md", include_str!("../../reports/fix.md")),
];

/// The whole report.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(report: &Report, part: Part) -> tera::TeraResult<String> {
    templates::fill("report.md", &PARTS, &View::of(report, part))
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
}
