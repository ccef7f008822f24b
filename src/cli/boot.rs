//! `bootproof boot`: the simulation alone, step by step.

use std::process::ExitCode;

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::args::{Format, ReportArgs, SystemArgs};
use super::complete;
use super::emit::{self, Outputs};
use super::progress::Progress;
use crate::facts::Facts;
use crate::finding::Severity;
use crate::report::{Part, Parts, Report, SystemSummary, TargetSummary};
use crate::simulate::{self, Boot, GivenEntry, Outcome};
use crate::source::Tree;
use crate::target::{self, Target};

/// Plays the boot through, step by step, without the rules.
///
/// For each boot entry it shows how far the boot gets on which targets: from the firmware to the network, with what
/// decides each step; then which entry boots where. It ends with 1 if an entry that the loader boots by itself is
/// known not to come up on one of the targets.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BootArgs {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    /// A platform: a built-in name (see `bootproof targets`), a target file, or `all`. Repeatable [default: all].
    #[arg(long = "target", short = 't', value_name = "NAME|FILE", add = ArgValueCompleter::new(complete::targets))]
    pub(crate) targets: Vec<String>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,

    /// Boot this kernel instead of the boot loader's entries: a release, as in /lib/modules, or a path inside the
    /// system.
    #[arg(long, value_name = "VERSION|PATH")]
    pub(crate) kernel: Option<String>,
    /// The initrd for `--kernel`: a path inside the system, or `none` [default: the one in /boot for that kernel].
    #[arg(long, value_name = "PATH|none", requires = "kernel")]
    pub(crate) initrd: Option<String>,
    /// The kernel command line for `--kernel` [default: empty].
    #[arg(long, value_name = "STRING", requires = "kernel")]
    pub(crate) cmdline: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  bootproof boot /mnt/sysimage                    Which entry boots where?
  bootproof boot /mnt/sysimage --target kvm --output boot.html
  bootproof boot --kernel 6.1.0-18-amd64 --initrd none --cmdline 'root=/dev/vda1 ro'

Exit status: 0 each default entry boots, or nobody can tell, 1 one is known not to, 2 bootproof could not do its work.";

/// Runs the subcommand. Exit code 1 when a default entry is known not to boot on one of the targets.
pub(crate) fn run(args: &BootArgs) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::of(&args.report, "boot", &Format::COMMON)?;
    let everything = ["all".to_owned()];
    let wanted = if args.targets.is_empty() { &everything } else { args.targets.as_slice() };
    let targets = target::select(wanted)?;
    let progress = Progress::start("starting");
    let (tree, facts, boots) = match &args.kernel {
        Some(kernel) => args.boot_given(kernel, &targets, &progress)?,
        None => {
            let (tree, facts) = args.system.read(&progress)?;
            progress.stage("playing the boots through");
            let boots = simulate::simulate(&facts, &targets);
            (tree, facts, boots)
        }
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
    outputs.write(|format, colour| emit::render(&report, Part::Boots, format, colour))?;
    Ok(ExitCode::from(if stops { super::FOUND } else { super::NOTHING_FOUND }))
}

impl BootArgs {
    fn boot_given(
        &self,
        kernel: &str,
        targets: &[Target],
        progress: &Progress,
    ) -> anyhow::Result<(Tree, Facts, Vec<Boot>)> {
        let mut given = GivenEntry {
            kernel: kernel.to_owned(),
            initrd: self.initrd.clone().filter(|initrd| initrd != "none"),
            cmdline: self.cmdline.clone().unwrap_or_default(),
        };
        let (tree, facts) = self.system.read_with(progress, &given.asked())?;
        progress.stage("playing the boot through");
        if self.initrd.is_none() {
            given.initrd = given.own_initrd(&facts);
        }
        let boots = simulate::simulate_entry(&facts, &given.to_entry(&facts), targets);
        Ok((tree, facts, boots))
    }
}
