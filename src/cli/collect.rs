//! `bootproof collect`: prints the script that packs what bootproof reads of a system where bootproof is not.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::output;

/// Prints a shell script that packs what bootproof reads of a system into a tar.
///
/// The script runs where bootproof does not: on old systems, and on those where nothing may be installed. It needs a
/// POSIX shell and the usual tools (those of RHEL 5 and of busybox do), reads only, writes no file, and leaves passwords
/// and keys out or masks them. Images of initrds are packed whole: a key in one of them goes along. As another user than
/// root it packs what that user may read; the rest counts as unknown, not as missing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CollectArgs {}

const EXAMPLES: &str = "\
Examples:
  bootproof collect >collect.sh
  ssh old-host sh -s <collect.sh | bootproof check - --target kvm
  ssh old-host 'sh -s | gzip' <collect.sh >old-host.tar.gz
  ssh user@old-host sudo sh -s <collect.sh | bootproof check -
  sh collect.sh /mnt/sysimage >host.tar          # a root that is mounted in a rescue system";

/// Runs the subcommand.
pub(crate) fn run(_: &CollectArgs) -> anyhow::Result<ExitCode> {
    let script = crate::collect::script().context("cannot make the script")?;
    output::print(&script)?;
    Ok(ExitCode::SUCCESS)
}
