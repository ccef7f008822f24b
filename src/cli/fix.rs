//! `bootproof fix`: what mends the findings, as patches and a script.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::args::{ListFormat, RuleArgs, SystemArgs, TargetArgs};
use super::output;
use super::progress::Progress;
use crate::fix::{self, Plan};
use crate::rules::Input;
use crate::{simulate, target};

/// Writes patches and a script that mend what `check` finds; touches nothing of the system.
///
/// What a finding's remedy edits becomes a unified diff for each file, which `patch -p1` takes in the system's root. The script
/// `fix.sh` applies the same edits, builds each initrd anew with the drivers that the targets need, in the words of that
/// distribution's tool, and runs what else can run without a person; the rest stands in it as comments. Without --output it
/// shows the plan.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FixArgs {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// Write NN-FILE.patch, fix.sh and README.md into DIR, which is made if it is not there.
    #[arg(long, short = 'o', value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// The form of the plan on stdout.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: ListFormat,
}

const EXAMPLES: &str = "\
Examples:
  bootproof fix /mnt/sysimage --target kvm                  What would be done?
  bootproof fix /mnt/sysimage --target kvm --output mend
  sh mend/fix.sh /mnt/sysimage                              Does it
  patch -p1 -d /mnt/sysimage <mend/01-etc-fstab.patch       One edit of it

Exit status: 0 the plan is made or there is nothing to mend, 2 bootproof could not do its work.";

/// The script's name.
const SCRIPT: &str = "fix.sh";
/// The page's name.
const PAGE: &str = "README.md";

/// Runs the subcommand.
pub(crate) fn run(args: &FixArgs) -> anyhow::Result<ExitCode> {
    let wanted = &args.targets.targets;
    let targets = target::select(wanted)?;
    let rules = super::rules::load(&args.rules.rules)?;
    if let Some(folder) = &args.output {
        refuse_inside(folder, &args.system.system)?;
    }
    let progress = Progress::start("starting");
    let (tree, facts) = args.system.read(&progress)?;
    progress.stage("playing the boots through");
    let boots = simulate::simulate(&facts, &targets);
    progress.stage("applying the rules");
    let input = Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree };
    let found = rules.evaluate(&input);
    progress.stage("planning");
    let plan = fix::plan(&input, &found.findings);
    drop(progress);
    for (rule, mistake) in &found.mistakes {
        let _ = writeln!(anstream::stderr(), "warning: rule `{rule}` could not be evaluated: {mistake}");
    }
    if let Some(folder) = &args.output {
        write(&plan, folder)?;
    }
    match args.format {
        ListFormat::Text => output::print(&fix::text(&plan, args.output.is_none()))?,
        ListFormat::Json => output::print_json(&plan)?,
    }
    Ok(ExitCode::from(super::NOTHING_FOUND))
}

/// The folder must not be in the system that is looked at, which stays as it is; the running system is the exception.
#[expect(
    clippy::disallowed_methods,
    reason = "compares the paths that the user gave, and reads nothing there"
)]
fn refuse_inside(folder: &Path, system: &Path) -> anyhow::Result<()> {
    let Ok(root) = std::fs::canonicalize(system) else { return Ok(()) };
    // The folder itself is made later.
    let absolute =
        std::path::absolute(folder).with_context(|| format!("cannot use `{}`", folder.display()))?;
    let real = absolute.ancestors().find_map(|above| {
        let rest = absolute.strip_prefix(above).ok()?;
        Some(std::fs::canonicalize(above).ok()?.join(rest))
    });
    let is_inside =
        root != Path::new("/") && root.is_dir() && real.is_some_and(|real| real.starts_with(&root));
    if is_inside {
        bail!(
            "`{}` is inside the system `{}`, which is only read; name a folder elsewhere",
            folder.display(),
            system.display()
        );
    }
    Ok(())
}

/// Writes patches, script and page; what an earlier run left is replaced, other files stay.
#[expect(clippy::disallowed_methods, reason = "writes into the folder that the user named, and nowhere else")]
fn write(plan: &Plan, folder: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot write into `{}`", folder.display());
    std::fs::create_dir_all(folder).with_context(context)?;
    let ours = |name: &str| name == SCRIPT || name == PAGE || name.ends_with(".patch");
    let is_of_earlier_run = || {
        let page = std::fs::read_to_string(folder.join(PAGE)).unwrap_or_default();
        page.starts_with(fix::PAGE_START)
    };
    let mut earlier = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let name = entry.with_context(context)?.file_name();
        if name.to_str().is_some_and(ours) {
            earlier.push(folder.join(name));
        }
    }
    if let Some(first) = earlier.first()
        && !is_of_earlier_run()
    {
        bail!("`{}` is there, and not of an earlier run; name another folder", first.display());
    }
    for path in earlier {
        std::fs::remove_file(&path).with_context(|| format!("cannot replace `{}`", path.display()))?;
    }
    for file in &plan.files {
        if let (Some(name), Some(bytes)) = (&file.patch, &file.patch_bytes) {
            write_bytes(&folder.join(name), bytes)?;
        }
    }
    if plan.is_script_needed() || !plan.by_hand.is_empty() {
        write_bytes(&folder.join(SCRIPT), &fix::script(plan))?;
    }
    output::write_file(&folder.join(PAGE), &fix::markdown(plan))
}

fn write_bytes(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    output::write_file_with(path, |out| Ok(out.write_all(bytes)?))
}
