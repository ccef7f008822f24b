//! `bootproof rules`: lists the rules, checks and tests rule files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::args::{ListFormat, RuleArgs};

/// Lists the rules, checks rule files, or runs their tests.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RulesArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(subcommand)]
    pub(crate) command: Option<RulesCommand>,
}

/// What to do with the rules; `list` if nothing is said.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Lists the rules: id, severity, title.
    List(ListArgs),
    /// Loads the rule files of a directory and says what is wrong with them, with line and caret.
    Check {
        /// A directory of rules.
        #[arg(value_name = "DIR", required = true)]
        directories: Vec<PathBuf>,
    },
    /// Runs each rule on its fixtures: one system that trips it, one near miss that does not.
    Test {
        /// A directory of rules; left out: the built-in ones.
        #[arg(value_name = "DIR")]
        directories: Vec<PathBuf>,
    },
}

/// How to list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// The form of the list.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: ListFormat,
}

/// Runs the subcommand.
pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    let _ = args;
    anyhow::bail!("not there yet")
}
