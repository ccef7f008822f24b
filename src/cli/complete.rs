//! What the Tab key offers: `bootproof completions SHELL` prints the script that a shell loads, and the script asks
//! bootproof itself, so that options, platforms and rules are always those of the program that is installed.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{PathCompleter, ValueCompleter as _};
use clap_complete::env::{CompleteEnv, Shells};

use super::output;
use crate::rules::RuleSet;
use crate::target;

/// The environment variable by which a shell's script says that it asks for completions, and in whose form.
const ASKED_BY: &str = "BOOTPROOF_COMPLETE";

/// Prints the script that completes bootproof's arguments in a shell.
///
/// Options, commands, the names of platforms and rules, and files are completed; the script asks the installed
/// bootproof for them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(bootproof completions bash)             In this bash, now
  bootproof completions bash >~/.local/share/bash-completion/completions/bootproof
  bootproof completions zsh >/usr/local/share/zsh/site-functions/_bootproof
  bootproof completions fish >~/.config/fish/completions/bootproof.fish";

/// zsh runs a script in its `fpath` as a function when its completion is asked for, so it has to answer at once
/// (zshcompsys(1), "Autoloaded files").
const ZSH_AUTOLOAD: &str = "\
if [[ ${funcstack[1]-} == _bootproof ]]; then
    _clap_dynamic_completer_bootproof \"$@\"
fi
";

/// The shells for which there is a script.
#[expect(clippy::enum_variant_names, reason = "the shell is called PowerShell")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
}

impl Shell {
    /// The name by which the library knows it.
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Elvish => "elvish",
            Self::PowerShell => "powershell",
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let shell = args.shell.name();
    let shells = Shells::builtins();
    let completer =
        shells.completer(shell).ok_or_else(|| anyhow::anyhow!("there are no completions for {shell}"))?;
    let name = env!("CARGO_PKG_NAME");
    let mut script = Vec::new();
    completer.write_registration(ASKED_BY, name, name, name, &mut script)?;
    if args.shell == Shell::Zsh {
        script.extend_from_slice(ZSH_AUTOLOAD.as_bytes());
    }
    output::print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers a shell's script, if it is one that has started the program; false if it is not.
///
/// # Errors
/// The script names a shell that nobody knows, or what it hands over makes no sense.
pub(super) fn answer() -> clap::error::Result<bool> {
    let here = std::env::current_dir().ok();
    CompleteEnv::with_factory(command).var(ASKED_BY).try_complete(std::env::args_os(), here.as_deref())
}

fn command() -> Command {
    super::Cli::command()
}

/// Platforms: the built-in names, `all`, and files.
pub(super) fn targets(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = CompletionCandidate::new("all").help(Some("every built-in platform".into()));
    let mut candidates: Vec<_> = target::built_in_names()
        .filter_map(|name| target::built_in(name).ok())
        .map(|target| CompletionCandidate::new(&target.name).help(Some(target.title.into())))
        .chain([all])
        .collect();
    candidates.retain(|candidate| begins_with(candidate, current));
    candidates.extend(PathCompleter::file().complete(current));
    candidates
}

/// Rules by their ids.
pub(super) fn rules(current: &OsStr) -> Vec<CompletionCandidate> {
    // A mistake in a built-in rule is told by every other command.
    let Ok(rules) = RuleSet::built_in() else { return Vec::new() };
    let named = rules
        .rules()
        .iter()
        .map(|rule| CompletionCandidate::new(&rule.id).help(Some(rule.title.clone().into())));
    named.filter(|candidate| begins_with(candidate, current)).collect()
}

/// The commands that have a manual page of their own.
pub(super) fn commands(current: &OsStr) -> Vec<CompletionCandidate> {
    let command = command();
    let named = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .map(|below| CompletionCandidate::new(below.get_name()).help(below.get_about().cloned()));
    named.filter(|candidate| begins_with(candidate, current)).collect()
}

fn begins_with(candidate: &CompletionCandidate, current: &OsStr) -> bool {
    candidate.get_value().as_encoded_bytes().starts_with(current.as_encoded_bytes())
}
