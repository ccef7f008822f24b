//! `bootproof schema`: the shapes of what is read and written, as JSON Schema.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output;
use crate::diff::DiffReport;
use crate::facts::Facts;
use crate::report::Report;
use crate::target::Target;

/// Prints a JSON schema: of the facts, the reports, a rule file, a target file.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// What `bootproof facts` prints.
    Facts,
    /// What `bootproof check --format json` prints.
    Report,
    /// What `bootproof diff --format json` prints.
    Diff,
    /// A rule file.
    Rule,
    /// A target file.
    Target,
}

/// Runs the subcommand.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<ExitCode> {
    match args.of {
        SchemaOf::Facts => output::print_json(&schemars::schema_for!(Facts))?,
        SchemaOf::Report => output::print_json(&schemars::schema_for!(Report))?,
        SchemaOf::Diff => output::print_json(&schemars::schema_for!(DiffReport))?,
        SchemaOf::Rule => output::print_json(&crate::rules::schema())?,
        SchemaOf::Target => output::print_json(&schemars::schema_for!(Target))?,
    }
    Ok(ExitCode::SUCCESS)
}
