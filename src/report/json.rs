//! The report for programs. Its shape is a contract: `bootproof schema report` describes it.

use super::Report;

/// The report as indented JSON with a line break at its end.
///
/// # Errors
/// None that is known; serialization of this type has no failing case, but `serde_json` cannot know that.
pub fn render(report: &Report) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}
