//! The report for tickets and merge requests: CommonMark with GitHub's tables.

use super::{Report, templates};

const PARTS: [(&str, &str); 1] = [("report.md", include_str!("../../reports/report.md"))];

/// The whole report.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(report: &Report) -> tera::TeraResult<String> {
    templates::fill("report.md", &PARTS, report)
}
