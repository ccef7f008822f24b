//! Renders a comparison of two systems: for a terminal, for tickets, as a page. JSON is [`super::json::render_any`].

mod text;
mod view;

use super::page::{self, Page};
use super::text::Colour;
use super::{markdown as tickets, templates};
use crate::diff::DiffReport;
use view::DiffView;

const MARKDOWN: [(&str, &str); 4] = [
    ("diff.md", include_str!("../../../reports/diff.md")),
    ("findings.md", include_str!("../../../reports/findings.md")),
    ("fix.md", include_str!("../../../reports/fix.md")),
    ("set-aside.md", include_str!("../../../reports/set-aside.md")),
];

const PAGE: Page = Page {
    template: "diff.html",
    parts: &[("diff.html", include_str!("../../../reports/diff.html"))],
    style: include_str!("../../../reports/diff.css"),
    script: "",
};

/// The comparison for a terminal.
#[must_use]
pub fn text(report: &DiffReport, colour: Colour) -> String {
    text::render(&DiffView::of(report), colour)
}

/// The comparison for tickets and merge requests.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn markdown(report: &DiffReport) -> tera::TeraResult<String> {
    Ok(tickets::fitted(&templates::fill("diff.md", &MARKDOWN, &DiffView::of(report))?))
}

/// The comparison as one page.
///
/// # Errors
/// A mistake in the built-in templates, which the tests exclude.
pub fn html(report: &DiffReport) -> tera::TeraResult<String> {
    page::render(&PAGE, &DiffView::of(report))
}
