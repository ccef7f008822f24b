//! `bootproof diff`: what a change does to a system.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::args::{FailOn, Format, ReportArgs, RuleArgs, TargetArgs, parse_size};
use super::emit::{self, Outputs};
use super::gate::{self, WaiverArgs};
use super::progress::Progress;
use super::warn;
use crate::changes::Side;
use crate::diff::DiffReport;
use crate::facts::Limits;
use crate::finding::Finding;
use crate::report::{Verdict, diff, json, text};
use crate::source::Tree;
use crate::target::{self, Target};
use crate::waivers::Names;

/// Compares two systems, or one before and after a change: what breaks by it, what it mends, which files differ.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiffArgs {
    /// The system before: a directory, a tar (`-` for one on stdin), a sosreport.
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// The system after, in any of these forms.
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,

    /// Bytes that one initrd may unpack to before it is called a bomb; suffixes K, M, G.
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = parse_size, display_order = 80)]
    pub(crate) max_initrd_size: u64,

    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    #[command(flatten)]
    pub(crate) waivers: WaiverArgs,

    /// Exit with 1 when a finding of this severity or worse is new, or is about the change itself. What was there
    /// before does not count.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value = "high")]
    pub(crate) fail_on: FailOn,
}

const EXAMPLES: &str = "\
Examples:
  bootproof diff /backup/root /                  What has changed since the backup, and does it matter?
  bootproof diff before.tar.zst after.tar.zst -t same --fail-on medium
  bootproof diff sosreport-db1.tar.xz /mnt/sysimage -t kvm -o change.html";

/// Runs the subcommand.
pub(crate) fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    // What was typed wrong is said before any work is done.
    let outputs = Outputs::of(&args.report, "diff", &Format::COMMON)?;
    let stdin = Path::new("-");
    if args.before == stdin && args.after == stdin {
        anyhow::bail!("BEFORE and AFTER are both `-`: only one of them can come on stdin");
    }
    let targets = target::select(&args.targets.targets)?;
    let rules = super::rules::load(&args.rules.rules)?;
    let names = Names { rules: &rules, targets: &targets };
    let waivers = args.waivers.read(&[&args.before, &args.after], &names)?;
    let today = gate::today()?;
    let progress = Progress::start("starting");
    let before = args.read(&args.before, "BEFORE", &targets, &progress)?;
    let after = args.read(&args.after, "AFTER", &targets, &progress)?;
    progress.stage("comparing");
    // Which waivers are over or unused is told by `check`: what a change does away with needs no waiver any more.
    let waive = |findings: &mut [Finding]| {
        waivers.apply(findings, today);
    };
    let gate = args.fail_on.severity();
    let compared = DiffReport::compare_with(&before, &after, &rules, &targets, gate, &waive);
    drop(progress);
    for (rule, mistake) in &compared.mistakes {
        warn(&format!("rule `{rule}` could not be evaluated: {mistake}"));
    }
    let report = compared.report;
    outputs.write(|format, colour| render(&report, format, colour))?;
    let failed = report.verdict == Verdict::Fail;
    Ok(ExitCode::from(if failed { super::FOUND } else { super::NOTHING_FOUND }))
}

impl DiffArgs {
    fn read(&self, path: &Path, name: &str, targets: &[Target], progress: &Progress) -> anyhow::Result<Side> {
        progress.stage(format!("opening {}", path.display()));
        let tree = Tree::open_system(path).with_context(|| format!("{name} cannot be read"))?;
        let limits = Limits { initrd_unpacked: self.max_initrd_size };
        Ok(Side::read(progress.watch(tree), &limits, targets))
    }
}

fn render(report: &DiffReport, format: Format, colour: text::Colour) -> anyhow::Result<String> {
    match format {
        Format::Text => Ok(diff::text(report, colour)),
        Format::Json => json::render_any(report).context("cannot render the comparison as JSON"),
        Format::Markdown => diff::markdown(report).context("cannot render the comparison as Markdown"),
        Format::Html => diff::html(report).context("cannot render the comparison as HTML"),
        Format::Sarif | Format::Junit => emit::unsupported(format),
    }
}
