//! Renders a report into the forms that were asked for: stdout, and files by their extension.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::args::{Format, ReportArgs};
use super::output;
use crate::report::{Part, Report, html, json, markdown, text};

/// The format of each `--output` file, before any work is done for it.
///
/// # Errors
/// A file whose extension names no format.
pub(super) fn formats(args: &ReportArgs) -> anyhow::Result<Vec<(&Path, Format)>> {
    args.output.iter().map(|path| Ok((path.as_path(), format_of(path)?))).collect()
}

/// Writes the report to the files, and to stdout.
pub(super) fn emit(
    report: &Report,
    part: Part,
    files: &[(&Path, Format)],
    stdout: Option<Format>,
) -> anyhow::Result<()> {
    for (path, format) in files {
        output::write_file(path, &render(report, part, *format, text::Colour::Plain)?)?;
    }
    output::print(&render(report, part, stdout.unwrap_or(Format::Text), text::Colour::Styled)?)
}

fn render(report: &Report, part: Part, format: Format, colour: text::Colour) -> anyhow::Result<String> {
    match (format, part) {
        (Format::Text, Part::Whole) => Ok(text::render(report, colour)),
        (Format::Text, Part::Boots) => Ok(text::render_boots(report, colour)),
        (Format::Json, _) => json::render(report).context("cannot render the report as JSON"),
        (Format::Markdown, _) => {
            markdown::render(report, part).context("cannot render the report as Markdown")
        }
        (Format::Html, _) => html::render(report, part).context("cannot render the report as HTML"),
    }
}

pub(super) fn format_of(path: &Path) -> anyhow::Result<Format> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(Format::Html),
        Some("json") => Ok(Format::Json),
        Some("md" | "markdown") => Ok(Format::Markdown),
        Some("txt" | "text") => Ok(Format::Text),
        _ => bail!("`{}`: end the name in .html, .json, .md or .txt to say the format", path.display()),
    }
}
