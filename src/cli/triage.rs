//! `bootproof triage`: what a log says, in causal order.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::args::{Format, ReportArgs, SystemArgs};
use super::complete;
use super::emit::{self, Outputs};
use super::progress::Progress;
use crate::report::text::Colour;
use crate::report::triage as render;
use crate::rules::Input;
use crate::triage::{self, Signatures, Triage};
use crate::{simulate, target};

/// Reads the log of a boot that failed, or of a system in trouble: the cause first, then what followed from it.
///
/// LOG is what a serial console, `dmesg`, `journalctl` (any `-o`) or a ticket holds: colours, timestamps, serial noise
/// and several boots in one file are fine. It names the cause with the lines that show it, what followed, the rule that
/// would have told beforehand, and the fix; where only consequences are in the log, what would settle it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TriageArgs {
    /// The log: a file, or `-` for stdin.
    #[arg(value_name = "LOG", default_value = "-")]
    pub(crate) log: PathBuf,

    /// The system that the log is of, as the other commands take it: joins the log with what its files say.
    #[arg(long, short = 's', value_name = "SYSTEM")]
    pub(crate) system: Option<PathBuf>,

    /// The platform that the system was booted on: a built-in name or a target file [default: what the log tells].
    #[arg(long, short = 't', value_name = "NAME|FILE", requires = "system", add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Option<String>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,

    /// A directory of your own rules; signatures are in its folder `console`. Repeatable.
    #[arg(long = "rules", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) rules: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bootproof triage console.log
  virsh console vm1 | tee vm1.log; bootproof triage vm1.log --system /mnt/sysimage
  journalctl -b -1 -o short-monotonic | bootproof triage -
  dmesg | bootproof triage -o cause.html

Exit status: 0 nothing wrong was found, 1 something was, 2 bootproof could not do its work.";

/// Runs the subcommand.
pub(crate) fn run(args: &TriageArgs) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::of(&args.report, "triage", &Format::COMMON)?;
    let own: Vec<&Path> = args.rules.iter().map(PathBuf::as_path).collect();
    let signatures = Signatures::load(&own).map_err(|errors| super::rules::told(&errors))?;
    let progress = Progress::start(format!("reading {}", args.log.display()));
    let mut triage = triage::triage(open(&args.log)?, &args.log.display().to_string(), &signatures)?;
    if triage.lines == 0 {
        bail!("the log `{}` is empty", args.log.display());
    }
    if let Some(system) = &args.system {
        join(&mut triage, system, args, &progress)?;
    }
    drop(progress);
    for mistake in &triage.mistakes {
        let _ = writeln!(anstream::stderr(), "warning: signature {mistake}");
    }
    outputs.write(|format, colour| rendered(&triage, format, colour))?;
    Ok(ExitCode::from(if triage.found_something() { super::FOUND } else { super::NOTHING_FOUND }))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the log is a file of the user's, no part of the audited system"
)]
fn open(log: &Path) -> anyhow::Result<Box<dyn Read>> {
    if log == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let context = || format!("cannot open the log `{}`", log.display());
    if std::fs::metadata(log).with_context(context)?.is_dir() {
        bail!("`{}` is a directory; name a log, and give the system with `--system`", log.display());
    }
    Ok(Box::new(File::open(log).with_context(context)?))
}

/// Adds what the files of `system` say.
fn join(triage: &mut Triage, system: &Path, args: &TriageArgs, progress: &Progress) -> anyhow::Result<()> {
    let name = args.target.clone().unwrap_or_else(|| triage::target_of(&triage.log).to_owned());
    let targets = target::select(&[name])?;
    let rules = super::rules::load(&args.rules)?;
    let system = SystemArgs::of(system);
    let (tree, facts) = system.read(progress)?;
    progress.stage("playing the boots through");
    let boots = simulate::simulate(&facts, &targets);
    progress.stage("applying the rules");
    let found = rules.evaluate(&Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree });
    let target = targets.first().map(|target| target.name.clone()).unwrap_or_default();
    triage::join(triage, tree.origin(), &target, &facts, &boots, &found.findings);
    Ok(())
}

fn rendered(triage: &Triage, format: Format, colour: Colour) -> anyhow::Result<String> {
    match format {
        Format::Text => Ok(render::text(triage, colour)),
        Format::Json => render::to_json(triage).context("cannot render the triage as JSON"),
        Format::Markdown => render::markdown(triage).context("cannot render the triage as Markdown"),
        Format::Html => render::html(triage).context("cannot render the triage as HTML"),
        Format::Sarif | Format::Junit => emit::unsupported(format),
    }
}
