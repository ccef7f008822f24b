//! The fleet for a wiki page or a ticket: CommonMark with GitHub's tables.

use serde::Serialize;

use super::view::{Overview, RowView, overview, row};
use crate::fleet::Fleet;
use crate::report::templates;

const PARTS: [(&str, &str); 2] = [
    ("fleet.md", include_str!("../../../reports/fleet.md")),
    ("fleet-rules.md", include_str!("../../../reports/fleet-rules.md")),
];

/// Hosts that the matrix lists; a wiki takes no more.
const HOSTS: usize = 200;
/// Rules that are listed.
const RULES: usize = 100;

#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    overview: Overview,
    rows: Vec<RowView>,
    more_rows: usize,
    more_rules: usize,
}

/// The whole report.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(fleet: &Fleet) -> tera::TeraResult<String> {
    let mut overview = overview(fleet);
    let more_rules = overview.rules.len().saturating_sub(RULES);
    overview.rules.truncate(RULES);
    let rows = fleet.hosts.iter().take(HOSTS).map(|host| row(fleet, host)).collect();
    let more_rows = fleet.hosts.len().saturating_sub(HOSTS);
    templates::fill("fleet.md", &PARTS, &Page { overview, rows, more_rows, more_rules })
}
