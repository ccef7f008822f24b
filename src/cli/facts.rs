//! `bootproof facts`: what the system says of itself, as JSON.

use std::process::ExitCode;

use clap::Args;

use super::args::SystemArgs;
use super::output;
use crate::facts::Facts;
use crate::source::Tree;

/// Prints what was read of a system, as JSON; what rules see under `facts`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bootproof facts /mnt/sysimage | jq .fstab")]
pub(crate) struct FactsArgs {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &FactsArgs) -> anyhow::Result<ExitCode> {
    let tree = Tree::open_system(&args.system.system)?;
    let facts = Facts::gather(&tree, &args.system.limits());
    output::print_json(&facts)?;
    Ok(ExitCode::SUCCESS)
}
