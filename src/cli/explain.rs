//! `bootproof explain`: what a rule means and what to do about it.

use std::process::ExitCode;

use clap::Args;

use super::args::RuleArgs;

/// Explains a rule: what it finds, why it matters, how to mend it, where that is documented.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bootproof explain fstab-kernel-name")]
pub(crate) struct ExplainArgs {
    /// The rule's id, as the report names it, or an id of the failure-mode catalogue (`B01`).
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let _ = args;
    anyhow::bail!("not there yet")
}
