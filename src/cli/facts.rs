//! `bootproof facts`: what the system says of itself, as JSON.

use std::process::ExitCode;

use clap::Args;

use super::args::SystemArgs;
use super::output;
use super::progress::Progress;

/// Prints what was read of a system, as JSON; what rules see under `facts`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bootproof facts /mnt/sysimage | jq .fstab")]
pub(crate) struct FactsArgs {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &FactsArgs) -> anyhow::Result<ExitCode> {
    let progress = Progress::start("starting");
    let (_, facts) = args.system.read(&progress)?;
    drop(progress);
    output::print_json(&facts)?;
    Ok(ExitCode::SUCCESS)
}
