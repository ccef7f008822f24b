//! `bootproof boot`: the simulation alone, step by step.

use std::process::ExitCode;

use clap::Args;

use super::args::{ReportArgs, SystemArgs, TargetArgs};
use super::emit;
use super::progress::Progress;
use crate::finding::Severity;
use crate::report::{Part, Parts, Report, SystemSummary, TargetSummary};
use crate::simulate::{self, GivenEntry, Outcome};
use crate::target;

/// Plays the boot through, step by step, without the rules.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BootArgs {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,

    /// Boot this kernel instead of the boot loader's entries: a release, as in /lib/modules.
    #[arg(long, value_name = "VERSION")]
    pub(crate) kernel: Option<String>,
    /// The initrd for `--kernel`: a path inside the system, or `none`.
    #[arg(long, value_name = "PATH|none", requires = "kernel")]
    pub(crate) initrd: Option<String>,
    /// The kernel command line for `--kernel`.
    #[arg(long, value_name = "STRING", requires = "kernel")]
    pub(crate) cmdline: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  bootproof boot /mnt/sysimage --target kvm
  bootproof boot --kernel 6.1.0-18-amd64 --initrd none --cmdline 'root=/dev/vda1 ro'";

/// Runs the subcommand. Exit code 1 when a default entry is known not to boot on one of the targets.
pub(crate) fn run(args: &BootArgs) -> anyhow::Result<ExitCode> {
    let files = emit::formats(&args.report)?;
    let targets = target::select(&args.targets.targets)?;
    let progress = Progress::start("starting");
    let (tree, facts) = args.system.read(&progress)?;
    progress.stage("playing the boots through");
    let boots = match args.given() {
        Some(given) => simulate::simulate_entry(&facts, &given.to_entry(&facts), &targets),
        None => simulate::simulate(&facts, &targets),
    };
    drop(progress);
    let stops = boots.iter().any(|boot| boot.default && boot.outcome == Outcome::Fails);
    let parts = Parts {
        system: SystemSummary { source: tree.origin().to_owned(), system: facts.system.clone() },
        targets: targets.iter().map(TargetSummary::from).collect(),
        boots,
        findings: Vec::new(),
        not_evaluated: Vec::new(),
    };
    let report = Report::build(parts, Some(Severity::High));
    emit::emit(&report, Part::Boots, &files, args.report.format)?;
    Ok(ExitCode::from(if stops { super::FOUND } else { super::NOTHING_FOUND }))
}

impl BootArgs {
    fn given(&self) -> Option<GivenEntry> {
        let kernel = self.kernel.clone()?;
        let initrd = self.initrd.clone().filter(|initrd| initrd != "none");
        Some(GivenEntry { kernel, initrd, cmdline: self.cmdline.clone().unwrap_or_default() })
    }
}
