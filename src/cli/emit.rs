//! Writes a report in the forms that were asked for: to stdout, and to files by their extension.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::args::{Format, ReportArgs};
use super::output;
use crate::report::text::Colour;
use crate::report::{Part, Report, Root, Run, html, json, junit, markdown, sarif, text};

/// Where a report goes, and in which form.
#[derive(Debug)]
pub(super) struct Outputs<'a> {
    files: Vec<(&'a Path, Format)>,
    /// None: stdout stays empty.
    stdout: Option<Format>,
}

impl<'a> Outputs<'a> {
    /// What was asked for, before any work is done for it.
    ///
    /// # Errors
    /// A file whose extension names no format, and a format that `command` does not have.
    pub(super) fn of(args: &'a ReportArgs, command: &str, formats: &[Format]) -> anyhow::Result<Self> {
        let files: Vec<_> = args
            .output
            .iter()
            .map(|path| Ok((path.as_path(), format_of(path)?)))
            .collect::<anyhow::Result<_>>()?;
        for format in files.iter().map(|(_, format)| *format).chain(args.format) {
            if !formats.contains(&format) {
                bail!("`bootproof {command}` has no report as {}; `bootproof check` has", format.title());
            }
        }
        let by_itself = (!args.quiet).then_some(Format::Text);
        Ok(Self { files, stdout: args.format.or(by_itself) })
    }

    /// Writes what `render` makes to the files, and to stdout. A file that cannot be written does not keep the others
    /// from being written.
    ///
    /// # Errors
    /// What could not be written, all of it.
    pub(super) fn write(
        &self,
        render: impl Fn(Format, Colour) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let to_file = |(path, format): &(&Path, Format)| {
            render(*format, Colour::Plain).and_then(|text| output::write_file(path, &text))
        };
        let to_stdout = || match self.stdout {
            Some(format) => render(format, Colour::Styled).and_then(|text| output::print(&text)),
            None => Ok(()),
        };
        let written: Vec<_> = self.files.iter().map(to_file).collect();
        let mut errors: Vec<_> = written.into_iter().chain([to_stdout()]).filter_map(Result::err).collect();
        if errors.len() <= 1 {
            return errors.pop().map_or(Ok(()), Err);
        }
        let told: Vec<String> = errors.iter().map(|error| format!("{error:#}")).collect();
        bail!("{}", told.join("\n       "))
    }
}

/// The report of a run in `format`.
pub(super) fn render_run(run: &Run<'_>, format: Format, colour: Colour) -> anyhow::Result<String> {
    match format {
        Format::Sarif => sarif::render(run).context("cannot render the report as SARIF"),
        Format::Junit => junit::render(run).context("cannot render the report as JUnit XML"),
        _ => render(run.report, Part::Whole, format, colour),
    }
}

/// The report in a form that needs nothing beside it.
pub(super) fn render(report: &Report, part: Part, format: Format, colour: Colour) -> anyhow::Result<String> {
    match (format, part) {
        (Format::Text, Part::Whole) => Ok(text::render(report, colour)),
        (Format::Text, Part::Boots) => Ok(text::render_boots(report, colour)),
        (Format::Json, _) => json::render(report).context("cannot render the report as JSON"),
        (Format::Markdown, _) => {
            markdown::render(report, part).context("cannot render the report as Markdown")
        }
        (Format::Html, _) => html::render(report, part).context("cannot render the report as HTML"),
        (Format::Sarif | Format::Junit, _) => unsupported(format),
    }
}

/// For a format that [`Outputs::of`] has already refused.
pub(super) fn unsupported(format: Format) -> anyhow::Result<String> {
    bail!("there is no report as {} here", format.title())
}

fn format_of(path: &Path) -> anyhow::Result<Format> {
    let extension = |path: &Path| path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let inner = || path.file_stem().and_then(|stem| extension(Path::new(stem)));
    match extension(path).as_deref() {
        Some("html" | "htm") => Ok(Format::Html),
        Some("json") if inner().as_deref() == Some("sarif") => Ok(Format::Sarif),
        Some("json") => Ok(Format::Json),
        Some("sarif") => Ok(Format::Sarif),
        Some("xml") => Ok(Format::Junit),
        Some("md" | "markdown") => Ok(Format::Markdown),
        Some("txt" | "text") => Ok(Format::Text),
        _ => bail!(
            "`{}`: end the name in .html, .json, .sarif, .xml (JUnit), .md or .txt to say the format",
            path.display()
        ),
    }
}

/// Where the files of `system` are for those who read the report.
pub(super) fn root_of(system: &Path) -> Root {
    if !system.is_dir() {
        return Root::Packed;
    }
    let absolute: PathBuf = std::path::absolute(system).unwrap_or_else(|_| system.to_owned());
    // What cannot be told of the working directory only costs the short form of the path.
    let here = std::env::current_dir().unwrap_or_default();
    match absolute.strip_prefix(&here) {
        Ok(below) if !here.as_os_str().is_empty() => Root::Below(below.display().to_string()),
        _ => Root::Elsewhere(absolute.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_the_format() {
        for (name, format) in [
            ("r.html", Format::Html),
            ("r.json", Format::Json),
            ("r.sarif", Format::Sarif),
            ("r.sarif.json", Format::Sarif),
            ("r.xml", Format::Junit),
            ("out/web1.junit.xml", Format::Junit),
            ("r.MD", Format::Markdown),
            ("r.txt", Format::Text),
        ] {
            assert_eq!(format_of(Path::new(name)).unwrap(), format, "{name}");
        }
        for name in ["r", "r.pdf", "json", ".sarif"] {
            assert!(format_of(Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_directory_below_the_working_directory_is_in_the_repository() {
        assert_eq!(root_of(Path::new("src/../src")), Root::Below("src/../src".to_owned()));
        assert_eq!(root_of(Path::new("src/cli")), Root::Below("src/cli".to_owned()));
        assert_eq!(root_of(Path::new(".")), Root::Below(String::new()));
        assert_eq!(root_of(Path::new("/")), Root::Elsewhere("/".to_owned()));
        assert_eq!(root_of(Path::new("Cargo.toml")), Root::Packed);
        assert_eq!(root_of(Path::new("-")), Root::Packed);
    }
}
