//! `bootproof boot`: the simulation alone, step by step.

use std::process::ExitCode;

use clap::Args;

use super::args::{ReportArgs, SystemArgs, TargetArgs};

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

/// Runs the subcommand.
pub(crate) fn run(args: &BootArgs) -> anyhow::Result<ExitCode> {
    let _ = args;
    anyhow::bail!("not there yet")
}
