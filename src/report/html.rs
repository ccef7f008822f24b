//! The report as one page: no network, no script, light and dark, on paper too.

use super::{Report, templates};

const PARTS: [(&str, &str); 5] = [
    ("report.html", include_str!("../../reports/report.html")),
    ("boots.html", include_str!("../../reports/boots.html")),
    ("chains.html", include_str!("../../reports/chains.html")),
    ("findings.html", include_str!("../../reports/findings.html")),
    ("report.css", include_str!("../../reports/report.css")),
];

/// The whole page.
///
/// # Errors
/// A mistake in the built-in templates, which the tests exclude.
pub fn render(report: &Report) -> tera::TeraResult<String> {
    templates::fill("report.html", &PARTS, report)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_report_as_a_page() {
        insta::assert_snapshot!(render(&sample::san_server()).unwrap());
    }
}
