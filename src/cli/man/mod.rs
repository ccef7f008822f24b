//! `bootproof man`: the manual pages, made from the definition of the command line, so that they say what `--help`
//! says. The sections that clap does not know (exit status, environment, files, examples) are in [`sections`].
//!
//! A page is one for man(7); `mandoc -T lint` and `groff -ww` find nothing to say of it.

mod sections;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Command, CommandFactory as _};
use clap_complete::ArgValueCompleter;
use clap_mangen::Man;

use super::{complete, output, version};

/// Prints a manual page, or writes all of them into a directory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// The page of this command [default: bootproof itself].
    #[arg(value_name = "COMMAND", add = ArgValueCompleter::new(complete::commands))]
    pub(crate) command: Vec<String>,

    /// Write the page and those of the commands below it into DIR, which is made if it is not there.
    #[arg(long, short = 'o', value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bootproof man check | man -l -               Read the page of a command
  bootproof man initrd list | man -l -
  bootproof man --output /usr/local/share/man/man1";

/// Pages of user commands are in this section of the manual.
const SECTION: &str = "1";
/// Bytes of a line of a page's source, above which mandoc complains.
const LONGEST: usize = 78;

/// Runs the subcommand.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut root = super::Cli::command();
    root.build();
    let chosen = find(&root, &args.command)?;
    match &args.output {
        None => output::print(&page(chosen)?)?,
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
            for command in with_subcommands(chosen) {
                output::write_file(&folder.join(format!("{}.{SECTION}", name(command))), &page(command)?)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The command that `words` lead to.
fn find<'a>(root: &'a Command, words: &[String]) -> anyhow::Result<&'a Command> {
    let mut command = root;
    for word in words {
        let Some(below) = subcommands(command).find(|below| below.get_name() == word) else {
            let known: Vec<&str> = subcommands(command).map(Command::get_name).collect();
            let path = name(command).replace('-', " ");
            match known.as_slice() {
                [] => bail!("`{path}` has no commands of its own, so there is no page on `{word}`"),
                known => bail!("`{path}` has no command `{word}`; it has: {}", known.join(", ")),
            }
        };
        command = below;
    }
    Ok(command)
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set())
}

/// The command and all below it.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let below = subcommands(command).flat_map(with_subcommands);
    std::iter::once(command).chain(below).collect()
}

/// `bootproof-initrd-list`: what the page is called.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of one command.
fn page(command: &Command) -> anyhow::Result<String> {
    let man = Man::new(command.clone());
    let mut bytes = title(command).into_bytes();
    man.render_name_section(&mut bytes)?;
    man.render_synopsis_section(&mut bytes)?;
    man.render_description_section(&mut bytes)?;
    man.render_options_section(&mut bytes)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut bytes)?;
    }
    sections::of(command).to_writer(&mut bytes)?;
    let text = String::from_utf8(bytes).context("a page that is no UTF-8")?;
    Ok(tidied(&text))
}

/// The page's first lines. Text is neither hyphenated nor stretched, since much of it is there to be copied.
fn title(command: &Command) -> String {
    let title = name(command).to_uppercase();
    let date = version::date().unwrap_or_default();
    let source = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    format!(".TH {title} {SECTION} \"{date}\" \"{source}\" \"User Commands\"\n.nr HY 0\n.ad l\n")
}

/// The page without what its parts, each written as if it were alone, repeat, and as man(7) wants its text: without
/// empty or long lines.
fn tidied(text: &str) -> String {
    let is_preamble = |line: &str| line.starts_with(".ie \\n(.g .ds Aq") || line.starts_with(".el .ds Aq");
    let mut lines: Vec<&str> = Vec::new();
    let mut preamble: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        match (line, lines.last().copied()) {
            (line, _) if is_preamble(line) => {
                if !preamble.contains(&line) {
                    preamble.push(line);
                }
            }
            // An empty line breaks the line anyway.
            (".br", Some(".sp")) => {}
            ("", Some(".br")) => {
                lines.pop();
                lines.push(".sp");
            }
            ("", _) => lines.push(".sp"),
            (line, _) => lines.push(line),
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut verbatim = false;
    let mut before = "";
    for line in preamble.into_iter().chain(lines) {
        verbatim = if line == ".EE" { false } else { verbatim || line == ".EX" };
        // The line after `.TP` is a tag as a whole.
        if verbatim || before == ".TP" || line.starts_with('.') {
            out.push_str(line);
        } else {
            wrap(&mut out, line);
        }
        out.push('\n');
        before = line;
    }
    out
}

/// Adds `line` in pieces of at most [`LONGEST`] bytes; `\&` keeps one that begins with a dot from being a request.
fn wrap(out: &mut String, line: &str) {
    let mut length = 0_usize;
    for word in line.split(' ') {
        let width = word.len().saturating_add(1);
        if length > 0 && length.saturating_add(width) > LONGEST && !word.is_empty() {
            out.push_str(if word.starts_with('.') { "\n\\&" } else { "\n" });
            length = 0;
        } else if length > 0 {
            out.push(' ');
        }
        out.push_str(word);
        length = length.saturating_add(width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Command {
        let mut root = super::super::Cli::command();
        root.build();
        root
    }

    #[test]
    fn every_command_has_a_page_with_all_sections() {
        let root = built();
        let commands = with_subcommands(&root);
        assert!(commands.len() > 15, "{}", commands.len());
        for command in commands {
            let page = page(command).unwrap();
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT"] {
                assert!(page.contains(&format!("\n.SH {section}\n")), "{}: {section}", name(command));
            }
            assert!(page.contains("\n.SH \"EXIT STATUS\"\n"), "{}", name(command));
            assert!(page.contains("\n.SH \"SEE ALSO\"\n"), "{}", name(command));
            assert!(!page.contains("\n\n"), "{}: an empty line", name(command));
            let long =
                page.lines().find(|line| line.len() > 80 && !line.starts_with("\\fB") && line.contains(' '));
            let is_typed = |line: &str| line.contains("bootproof ");
            assert!(long.is_none_or(is_typed), "{}: {long:?}", name(command));
        }
    }

    #[test]
    fn a_page_names_every_option_of_its_command() {
        let root = built();
        for command in with_subcommands(&root) {
            let page = page(command).unwrap();
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let Some(long) = argument.get_long() else { continue };
                let shown = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(page.contains(&shown), "{}: --{long}", name(command));
            }
        }
    }

    #[test]
    fn examples_stand_in_the_page_as_they_are_typed() {
        let root = built();
        let page = page(find(&root, &["check".to_owned()]).unwrap()).unwrap();
        assert!(page.contains("\n.SH EXAMPLES\n"), "{page}");
        let typed = "bootproof collect | ssh root@db1 sh \\-s | bootproof check \\- \\-t proxmox";
        assert!(page.lines().any(|line| line == typed), "{page}");
    }

    #[test]
    fn a_command_that_is_not_there_is_answered_with_those_that_are() {
        let root = built();
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let said = find(&root, &words(&["initrd", "paint"])).unwrap_err().to_string();
        assert!(said.contains("`bootproof initrd` has no command `paint`; it has: list"), "{said}");
        let said = find(&root, &words(&["check", "all"])).unwrap_err().to_string();
        assert!(said.contains("no commands of its own"), "{said}");
    }
}
