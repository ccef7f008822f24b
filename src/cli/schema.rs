//! `bootproof schema`: the shapes of what is read and written, as JSON Schema, or as a page for people.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output;
use crate::changes::Changes;
use crate::diff::DiffReport;
use crate::facts::Facts;
use crate::report::Report;
use crate::report::fleet::json::FleetReport;
use crate::rules::reference::markdown;
use crate::target::Target;

/// Prints a JSON schema: of the facts, a report, or a file that you write.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
    /// JSON Schema, for editors and programs; or Markdown with a table for each structure.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: SchemaFormat,
}

/// How a schema is printed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    #[default]
    Json,
    Markdown,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// What `bootproof facts` prints.
    Facts,
    /// What rules on a change read as `changes`.
    Changes,
    /// What `bootproof check --format json` prints.
    Report,
    /// What `bootproof diff --format json` prints.
    Diff,
    /// What `bootproof fleet --format json` prints.
    Fleet,
    /// A rule file.
    Rule,
    /// A target file.
    Target,
    /// A log signature (`rules/console/*.yaml`).
    Console,
    /// What `bootproof triage --format json` prints.
    Triage,
}

/// Runs the subcommand.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<ExitCode> {
    let (title, schema) = match args.of {
        SchemaOf::Facts => ("The facts", schemars::schema_for!(Facts)),
        SchemaOf::Changes => ("The changes", schemars::schema_for!(Changes)),
        SchemaOf::Report => ("The report", schemars::schema_for!(Report)),
        SchemaOf::Diff => ("The report on a change", schemars::schema_for!(DiffReport)),
        SchemaOf::Fleet => ("The report on many hosts", schemars::schema_for!(FleetReport<'_>)),
        SchemaOf::Rule => ("A rule file", crate::rules::schema()),
        SchemaOf::Target => ("A target file", schemars::schema_for!(Target)),
        SchemaOf::Console => ("A log signature", crate::triage::schema()),
        SchemaOf::Triage => ("The triage of a log", schemars::schema_for!(crate::triage::Triage)),
    };
    match args.format {
        SchemaFormat::Json => output::print_json(&schema)?,
        SchemaFormat::Markdown => output::print(&markdown(title, schema.as_value()))?,
    }
    Ok(ExitCode::SUCCESS)
}
