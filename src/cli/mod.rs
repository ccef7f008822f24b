//! The command line: what is typed, turned into one call of one subcommand.
//!
//! Each subcommand has its own file with its arguments and one function that returns an exit code. Exit codes are
//! the contract with pipelines: 0 nothing at or above `--fail-on`, 1 findings at or above it, 2 bootproof could
//! not do its work. Results go to stdout, everything else to stderr.

mod args;
mod boot;
mod check;
mod collect;
mod complete;
mod diff;
mod emit;
mod explain;
mod facts;
mod fix;
mod fleet;
mod gate;
mod initrd;
mod man;
mod output;
mod progress;
mod rules;
mod schema;
mod targets;
mod triage;
mod version;

use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;
use clap::{Parser, Subcommand};

/// Nothing at or above the gate.
const NOTHING_FOUND: u8 = 0;
/// Something at or above the gate.
const FOUND: u8 = 1;
/// bootproof could not do its work.
const COULD_NOT_WORK: u8 = 2;

const HEADING: Style = Style::new().bold();
const LITERAL: Style = AnsiColor::Cyan.on_default();
const STYLES: Styles = Styles::styled().header(HEADING).usage(HEADING).literal(LITERAL);

/// Says, before you move or change a Linux system, whether it will boot on the other side.
///
/// bootproof reads a system from outside (a mounted root, a tar, the running system), works out what firmware,
/// boot loader, kernel, initrd and init will do with it on another platform, and reports what breaks, where (file
/// and line), why, and how to mend it. It only ever reads: it changes nothing, runs nothing of the system it looks
/// at, and needs no network.
#[derive(Debug, Parser)]
#[command(name = "bootproof", version, long_version = version::long(), styles = STYLES, max_term_width = 80, arg_required_else_help = true)]
#[command(after_help = TOP_EXAMPLES)]
#[command(disable_help_subcommand = true)]
struct Cli {
    /// Colour: auto (on a terminal, unless NO_COLOR is set), always, never.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        hide_possible_values = true,
        display_order = 90
    )]
    color: Option<args::ColorWhen>,

    #[command(subcommand)]
    command: Command,
}

const TOP_EXAMPLES: &str = "\
Examples:
  bootproof check /mnt/sysimage --target kvm     Will the system mounted there boot under KVM?
  bootproof check                                This machine: as it is, and on the usual platforms
  bootproof check host.tar.zst --output host.html
  bootproof boot /mnt/sysimage --target vmware   The boot alone, step by step
  bootproof fix /mnt/sysimage --target kvm       Patches and a script that mend it
  bootproof diff before.tar.zst /                What a change did, and what it broke
  bootproof triage console.log                   Why did it not come up?
  bootproof fleet reports/ --output fleet.html   Many hosts' JSON reports on one page
  bootproof explain initrd-missing-disk-driver   What a rule means and what to do about it

Exit status: 0 nothing at or above --fail-on, 1 findings at or above it, 2 bootproof could not do its work.";

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Collect(collect::CollectArgs),
    Boot(boot::BootArgs),
    Diff(diff::DiffArgs),
    Triage(triage::TriageArgs),
    Fix(fix::FixArgs),
    Fleet(fleet::FleetArgs),
    Facts(facts::FactsArgs),
    Initrd(initrd::InitrdArgs),
    Targets(targets::TargetsArgs),
    Rules(rules::RulesArgs),
    Explain(explain::ExplainArgs),
    Schema(schema::SchemaArgs),
    Completions(complete::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the command and returns its exit code: 0 nothing at or above `--fail-on`, 1 findings, 2 it could not work.
#[must_use]
pub fn run() -> ExitCode {
    match complete::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(NOTHING_FOUND),
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(COULD_NOT_WORK);
        }
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // `--help` and `--version` come this way too; they are printed to stdout and are no failure.
        Err(error) => {
            let code = if error.use_stderr() { COULD_NOT_WORK } else { NOTHING_FOUND };
            // There is nowhere left to complain to when stdout or stderr is closed.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    if let Some(when) = cli.color {
        when.apply();
    }
    let result = match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Collect(args) => collect::run(&args),
        Command::Boot(args) => boot::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Triage(args) => triage::run(&args),
        Command::Fix(args) => fix::run(&args),
        Command::Fleet(args) => fleet::run(&args),
        Command::Facts(args) => facts::run(&args),
        Command::Initrd(args) => initrd::run(&args),
        Command::Targets(args) => targets::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => complete::run(&args),
        Command::Man(args) => man::run(&args),
    };
    result.unwrap_or_else(|error| {
        if output::is_broken_pipe(&error) {
            return ExitCode::from(NOTHING_FOUND);
        }
        let style = AnsiColor::Red.on_default().bold();
        let _ = writeln!(anstream::stderr(), "{style}error:{style:#} {error:#}");
        ExitCode::from(COULD_NOT_WORK)
    })
}

/// Says on stderr what does not keep the work from being done.
fn warn(message: &str) {
    // There is nowhere left to complain to when stderr is closed.
    let _ = writeln!(anstream::stderr(), "warning: {message}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn command_line_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
