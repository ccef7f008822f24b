//! `bootproof targets`: the platforms that are known.

use std::process::ExitCode;

use clap::Args;

use super::args::ListFormat;

/// Lists the platforms, or shows one: its devices, firmware and names.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bootproof targets\n  bootproof targets kvm > mine.yaml    Start a target file from it"
)]
pub(crate) struct TargetsArgs {
    /// Show this one, as the target file that describes it: a built-in name or a file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) name: Option<String>,
    /// The form of the list.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: ListFormat,
}

/// Runs the subcommand.
pub(crate) fn run(args: &TargetsArgs) -> anyhow::Result<ExitCode> {
    let _ = args;
    anyhow::bail!("not there yet")
}
