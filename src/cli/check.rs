//! `bootproof check`: the whole path from a system to a report.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::{FailOn, Format, ReportArgs, RuleArgs, SystemArgs, TargetArgs};
use super::emit::{self, Outputs};
use super::gate::{self, WaiverArgs};
use super::progress::Progress;
use super::warn;
use crate::report::{Parts, Report, Run, SystemSummary, TargetSummary, Verdict};
use crate::rules::Input;
use crate::simulate;
use crate::target;
use crate::waivers::Names;

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

    #[command(flatten)]
    pub(crate) waivers: WaiverArgs,

    /// An earlier JSON report on this system: what it has, too, is known and does not fail the gate.
    #[arg(long, value_name = "REPORT.json", value_hint = clap::ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,

    /// Exit with 1 when there is a finding of this severity or worse.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value = "high")]
    pub(crate) fail_on: FailOn,
}

const EXAMPLES: &str = "\
Examples:
  bootproof check /mnt/sysimage --target kvm
  bootproof check --target all --fail-on blocker
  bootproof check host.tar.xz -t vmware -t kvm -o host.html -o host.json
  bootproof check rootfs -t kvm -q -o bootproof.sarif -o bootproof.junit.xml
  bootproof check -t kvm --waivers accepted.toml --baseline last-week.json
  bootproof collect | ssh root@db1 sh -s | bootproof check - -t proxmox";

/// Runs the subcommand.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    // What was typed wrong is said before any work is done.
    let outputs = Outputs::of(&args.report, "check", &Format::ALL)?;
    let targets = target::select(&args.targets.targets)?;
    let rules = super::rules::load(&args.rules.rules)?;
    let names = Names { rules: &rules, targets: &targets };
    let waivers = args.waivers.read(&[&args.system.system], &names)?;
    let baseline = args.baseline.as_deref().map(gate::baseline).transpose()?;
    let today = gate::today()?;
    let progress = Progress::start("starting");
    let (tree, facts) = args.system.read(&progress)?;
    progress.stage("playing the boots through");
    let boots = simulate::simulate(&facts, &targets);
    progress.stage("applying the rules");
    let mut evaluation =
        rules.evaluate(&Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree });
    drop(progress);
    for (rule, mistake) in &evaluation.mistakes {
        warn(&format!("rule `{rule}` could not be evaluated: {mistake}"));
    }
    let usage = waivers.apply(&mut evaluation.findings, today);
    evaluation.findings.extend(waivers.findings(&usage, &names, &evaluation.not_evaluated));
    if let Some(baseline) = &baseline {
        let targets = targets.iter().map(|target| target.name.as_str());
        baseline.doubts(&facts.system, targets).iter().for_each(|doubt| warn(doubt));
    }
    let parts = Parts {
        system: SystemSummary { source: tree.origin().to_owned(), system: facts.system.clone() },
        targets: targets.iter().map(TargetSummary::from).collect(),
        boots,
        findings: evaluation.findings,
        not_evaluated: evaluation.not_evaluated,
    };
    let gate = args.fail_on.severity();
    let report = Report::build_against(parts, gate, baseline.as_ref());
    let root = emit::root_of(&args.system.system);
    let run = Run { report: &report, rules: &rules, targets: &targets, gate, root };
    outputs.write(|format, colour| emit::render_run(&run, format, colour))?;
    let failed = report.verdict == Verdict::Fail;
    Ok(ExitCode::from(if failed { super::FOUND } else { super::NOTHING_FOUND }))
}
