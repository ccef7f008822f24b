//! `bootproof check`: the whole path from a system to a report.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::args::{FailOn, ReportArgs, RuleArgs, SystemArgs, TargetArgs};
use super::emit;
use super::progress::Progress;
use crate::report::{Part, Parts, Report, SystemSummary, TargetSummary, Verdict};
use crate::rules::Input;
use crate::simulate;
use crate::target;

/// Checks a system: will it boot and come up there, and if not, why?
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// Exit with 1 when there is a finding of this severity or worse.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value = "high")]
    pub(crate) fail_on: FailOn,
}

const EXAMPLES: &str = "\
Examples:
  bootproof check /mnt/sysimage --target kvm
  bootproof check --target all --fail-on blocker
  bootproof check host.tar.xz -t vmware -t kvm -o host.html -o host.json
  bootproof collect | ssh root@db1 sh -s | bootproof check - -t proxmox";

/// Runs the subcommand.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    // What was typed wrong is said before any work is done.
    let files = emit::formats(&args.report)?;
    let targets = target::select(&args.targets.targets)?;
    let rules = super::rules::load(&args.rules.rules)?;
    let progress = Progress::start("starting");
    let (tree, facts) = args.system.read(&progress)?;
    progress.stage("playing the boots through");
    let boots = simulate::simulate(&facts, &targets);
    progress.stage("applying the rules");
    let evaluation = rules.evaluate(&Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree });
    drop(progress);
    for (rule, mistake) in &evaluation.mistakes {
        let _ = writeln!(anstream::stderr(), "warning: rule `{rule}` could not be evaluated: {mistake}");
    }
    let parts = Parts {
        system: SystemSummary { source: tree.origin().to_owned(), system: facts.system.clone() },
        targets: targets.iter().map(TargetSummary::from).collect(),
        boots,
        findings: evaluation.findings,
        not_evaluated: evaluation.not_evaluated,
    };
    let report = Report::build(parts, args.fail_on.severity());
    emit::emit(&report, Part::Whole, &files, args.report.format)?;
    let failed = report.verdict == Verdict::Fail;
    Ok(ExitCode::from(if failed { super::FOUND } else { super::NOTHING_FOUND }))
}
