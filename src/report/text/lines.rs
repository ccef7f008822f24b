//! Findings that are named in a line or two each.

use super::{BOLD, line, paragraph};
use crate::report::prose::padded;
use crate::report::view::Line;

/// Findings that are named; of more it says how many.
const NAMED: usize = 12;

/// A heading of its own.
pub(in super::super) fn heading(out: &mut String, text: &str) {
    line(out, &format!("{BOLD}{text}{BOLD:#}"));
}

/// A list under a heading; nothing if it is empty.
pub(in super::super) fn listed(out: &mut String, title: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    heading(out, title);
    for item in lines.iter().take(NAMED) {
        one(out, item);
    }
    if let Some(more) = lines.len().checked_sub(NAMED).filter(|more| *more > 0) {
        line(out, &format!("  and {more} more, which the other formats list"));
    }
    out.push('\n');
}

/// One of them.
pub(in super::super) fn one(out: &mut String, item: &Line) {
    let severity = padded(item.severity.name(), 8);
    paragraph(out, &format!("  {severity}"), &format!("{} ({})", item.title, item.rule));
    paragraph(out, &" ".repeat(10), &item.places);
    if !item.state.is_empty() {
        paragraph(out, &" ".repeat(10), &item.state);
    }
}
