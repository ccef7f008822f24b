//! `bootproof fleet`: many hosts' reports as one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::args::FailOn;
use super::output;
use super::progress::Progress;
use crate::fleet::{self, Fleet};
use crate::report::fleet::{csv, html, json, markdown, text};
use crate::report::text::Colour;

/// Puts many hosts' reports together: who can go where, and what to mend first.
///
/// Reads the JSON reports of `bootproof check`, thousands of them if need be, and sorts the hosts for each target into
/// waves: ready now, ready after fixes, blocked, cannot be told. It says which fixes most hosts need, and which rules
/// to mend first. A report that cannot be read is named and the rest goes on; it then ends with 2, since a host is
/// missing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FleetArgs {
    /// JSON reports, folders with such (all `*.json` below), or `-` for reports on stdin, one after the other.
    #[arg(value_name = "REPORT.json|DIR|-", required = true)]
    pub(crate) reports: Vec<PathBuf>,

    /// The form on stdout [default: text].
    #[arg(long, short = 'f', value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<FleetFormat>,

    /// Write to FILE, in the format of its extension: .html, .md, .json, .csv or .txt. Repeatable.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,

    /// Print nothing but what `--format` asks for: the exit code and the files speak. Errors still go to stderr.
    #[arg(long, short = 'q')]
    pub(crate) quiet: bool,

    /// A host is held back, and the exit status is 1, by a finding of this severity or worse that is not waived.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value = "high")]
    pub(crate) fail_on: FailOn,
}

const EXAMPLES: &str = "\
Examples:
  bootproof fleet reports/                        Who can go where, and what to mend first
  bootproof fleet reports/ -o fleet.html -o fleet.csv
  cat */report.json | bootproof fleet - --format markdown

Exit status: 0 nothing at or above --fail-on on any host, 1 something is or a boot fails, 2 a report could not be
read (the others are reported all the same).";

/// The forms of a report on many hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FleetFormat {
    /// For reading in a terminal.
    Text,
    /// One self-contained page with search.
    #[value(alias = "htm")]
    Html,
    /// For a wiki or a ticket.
    #[value(alias = "md")]
    Markdown,
    /// For programs; the shape is stable (`bootproof schema fleet`).
    Json,
    /// For a spreadsheet: one row a host and target.
    Csv,
}

/// Runs the subcommand.
pub(crate) fn run(args: &FleetArgs) -> anyhow::Result<ExitCode> {
    let files = args
        .output
        .iter()
        .map(|path| Ok((path.as_path(), format_of(path)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let progress = Progress::start("looking for reports");
    let found = fleet::find(&args.reports);
    progress.stage(format!("reading {} reports", found.files.len()));
    let fleet = fleet::gather(found, std::io::stdin().lock(), args.fail_on.severity());
    drop(progress);
    complain(&fleet);
    for (path, format) in files {
        let folder = path.parent().unwrap_or(Path::new(""));
        output::write_file_with(path, |out| write(&fleet, format, folder, out))?;
    }
    match args.format {
        None if args.quiet => {}
        None | Some(FleetFormat::Text) => output::print(&text::render(&fleet, Colour::Styled))?,
        Some(format) => output::print_with(|out| write(&fleet, format, Path::new(""), out))?,
    }
    Ok(ExitCode::from(match (fleet.is_incomplete(), fleet.failing()) {
        (true, _) => super::COULD_NOT_WORK,
        (false, 0) => super::NOTHING_FOUND,
        (false, _) => super::FOUND,
    }))
}

/// Says on stderr what is not counted.
fn complain(fleet: &Fleet) {
    for file in &fleet.not_counted {
        let word = if file.is_loss { "error" } else { "note" };
        // There is nowhere left to complain to when stderr is closed.
        let _ = writeln!(anstream::stderr(), "{word}: {}: {}", file.path, file.because);
    }
    for note in &fleet.notes {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
}

fn write(
    fleet: &Fleet,
    format: FleetFormat,
    folder: &Path,
    out: &mut dyn std::io::Write,
) -> anyhow::Result<()> {
    match format {
        FleetFormat::Text => out.write_all(text::render(fleet, Colour::Plain).as_bytes())?,
        FleetFormat::Html => {
            let page = html::render(fleet, folder).context("cannot render the fleet as HTML")?;
            out.write_all(page.as_bytes())?;
        }
        FleetFormat::Markdown => {
            let text = markdown::render(fleet).context("cannot render the fleet as Markdown")?;
            out.write_all(text.as_bytes())?;
        }
        FleetFormat::Json => json::write(fleet, out)?,
        FleetFormat::Csv => csv::write(fleet, out)?,
    }
    Ok(())
}

fn format_of(path: &Path) -> anyhow::Result<FleetFormat> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(FleetFormat::Html),
        Some("md" | "markdown") => Ok(FleetFormat::Markdown),
        Some("json") => Ok(FleetFormat::Json),
        Some("csv") => Ok(FleetFormat::Csv),
        Some("txt" | "text") => Ok(FleetFormat::Text),
        _ => bail!("`{}`: end the name in .html, .md, .json, .csv or .txt to say the format", path.display()),
    }
}
