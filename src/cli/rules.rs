//! `bootproof rules`: lists the rules, checks and tests rule files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueHint};

use super::args::{ListFormat, RuleArgs};
use super::output;
use crate::finding::Severity;
use crate::rules::fixture::Expectation;
use crate::rules::{Rule, RuleError, RuleSet, Subject};
use crate::source::Tree;

/// Lists the rules, checks rule files, or runs their tests.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RulesArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(subcommand)]
    pub(crate) command: Option<RulesCommand>,
}

/// What to do with the rules; `list` if nothing is said.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Lists the rules: id, severity, title.
    List(ListArgs),
    /// Loads the rule files of a directory and says what is wrong with them, with line and caret.
    Check {
        /// A directory of rules.
        #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
        directories: Vec<PathBuf>,
    },
    /// Runs the rules of a directory on the systems beside them: `my-rule.yaml` on `my-rule/trips*/root`, which
    /// has to trip it as `my-rule/trips*/expect.yaml` says, and on `my-rule/near-miss*/root`, which must not.
    #[command(
        after_help = "Exit status: 0 each rule does as its examples say, 1 one does not, 2 bootproof could not do its work."
    )]
    Test {
        /// A directory of rules.
        #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
        directories: Vec<PathBuf>,
    },
}

/// How to list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// The form of the list.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: ListFormat,
}

/// Runs the subcommand.
pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => list(&args.list),
        Some(RulesCommand::List(args)) => list(args),
        Some(RulesCommand::Check { directories }) => check(directories),
        Some(RulesCommand::Test { directories }) => test(directories),
    }
}

/// The built-in rules and the user's own.
pub(super) fn load(directories: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut rules = RuleSet::built_in().map_err(|errors| told(&errors))?;
    for directory in directories {
        rules.load_dir(directory).map_err(|errors| told(&errors))?;
    }
    Ok(rules)
}

/// The mistakes in rules, each with its line and a caret.
pub(super) fn told(errors: &[RuleError]) -> anyhow::Error {
    mistakes_in("the rules", errors)
}

/// The mistakes in `what`, each with its line and a caret.
pub(super) fn mistakes_in(what: &str, errors: &[RuleError]) -> anyhow::Error {
    let drawn: Vec<String> = errors.iter().map(|error| error.draw(true)).collect();
    let count = match errors.len() {
        1 => "is a mistake".to_owned(),
        many => format!("are {many} mistakes"),
    };
    anyhow::anyhow!("there {count} in {what}\n\n{}", drawn.join("\n\n"))
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let rules = load(&args.rules.rules)?;
    match args.format {
        ListFormat::Json => output::print_json(&rules.rules())?,
        ListFormat::Text => {
            let widest = rules.rules().iter().map(|rule| rule.id.len()).max().unwrap_or_default();
            let mut text = String::new();
            for rule in rules.rules() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{:<widest$}  {:<7}  {}", rule.id, worst(rule), rule.title);
            }
            output::print(&text)?;
        }
    }
    Ok(ExitCode::from(super::NOTHING_FOUND))
}

fn worst(rule: &Rule) -> &'static str {
    rule.severities.first().copied().map_or("", Severity::name)
}

fn check(directories: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let rules = own(directories)?;
    output::print(&format!("{}: no mistakes\n", counted(rules.rules().len())))?;
    Ok(ExitCode::from(super::NOTHING_FOUND))
}

/// The rules of `directories` alone.
fn own(directories: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut rules = RuleSet::empty().map_err(|errors| told(&errors))?;
    for directory in directories {
        let known = rules.rules().len();
        rules.load_dir(directory).map_err(|errors| told(&errors))?;
        // Nothing that was checked is no success.
        if rules.rules().len() == known {
            bail!("there is no rule in `{}`; rule files are called `<id>.yaml`", directory.display());
        }
    }
    Ok(rules)
}

fn counted(rules: usize) -> String {
    if rules == 1 { "1 rule".to_owned() } else { format!("{rules} rules") }
}

fn test(directories: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let rules = own(directories)?;
    let mut text = String::new();
    let mut failed = 0;
    for rule in rules.rules() {
        let wrong = differences(&rules, rule)?;
        failed += usize::from(!wrong.is_empty());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<6}  {}", if wrong.is_empty() { "ok" } else { "FAILED" }, rule.id);
        for difference in wrong {
            let _ = writeln!(text, "        {difference}");
        }
    }
    let _ = writeln!(text, "{}, {failed} failed", counted(rules.rules().len()));
    output::print(&text)?;
    Ok(ExitCode::from(if failed == 0 { super::NOTHING_FOUND } else { super::FOUND }))
}

/// What the systems beside a rule's file show to be wrong.
fn differences(rules: &RuleSet, rule: &Rule) -> anyhow::Result<Vec<String>> {
    let folder = Path::new(&rule.path).with_extension("");
    let cases = cases(&folder)?;
    let mut wrong = Vec::new();
    for kind in ["trips", "near-miss"] {
        if !cases.iter().any(|(name, _)| name.starts_with(kind)) {
            wrong.push(format!("there is no `{}`", folder.join(kind).display()));
        }
    }
    for (name, case) in cases {
        let expectation = Expectation::parse(&read(&case.join("expect.yaml"))?);
        let expectation = expectation.map_err(|error| anyhow::anyhow!("{}: {error}", case.display()))?;
        if name.starts_with("trips") == expectation.findings.is_empty() {
            wrong.push(format!("{name}: a trip expects findings, a near miss none"));
        }
        let open = |folder: &str| Tree::open_system(&case.join(folder));
        let differences = match rule.on {
            Subject::System => expectation.check(rules, &rule.id, &open("root")?),
            Subject::Change => expectation.check_change(rules, &rule.id, open("before")?, open("after")?),
        };
        wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }
    Ok(wrong)
}

/// The folders in `folder`, by name; none if it is not there.
#[expect(clippy::disallowed_methods, reason = "the user's own fixtures are no audited system yet")]
fn cases(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read `{}`", folder.display()))?,
    };
    let mut cases = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read `{}`", folder.display()))?;
        if entry.path().is_dir() {
            cases.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    cases.sort();
    Ok(cases)
}

#[expect(clippy::disallowed_methods, reason = "the user's own fixtures are no audited system yet")]
fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
