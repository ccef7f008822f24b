//! The report for tickets and merge requests: CommonMark with GitHub's tables.

use super::{Report, templates};

const PARTS: [(&str, &str); 2] = [
    ("report.md", include_str!("../../reports/report.md")),
    ("fix.md", include_str!("../../reports/fix.md")),
];

/// The whole report.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(report: &Report) -> tera::TeraResult<String> {
    templates::fill("report.md", &PARTS, report)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_report_reads_well_as_markdown() {
        insta::assert_snapshot!(render(&sample::san_server()).unwrap());
    }
}
