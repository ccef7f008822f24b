//! The sections of a manual page that clap has no word for: examples and exit status from the text after a
//! command's help, environment and files from the arguments that it takes.

use clap::Command;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::{name, subcommands};

/// Environment variables, and what they do; anstream reads them
/// (https://no-color.org, https://bixense.com/clicolors).
const ENVIRONMENT: [(&str, &str); 4] = [
    ("NO_COLOR", "If set to anything, output has no colour, unless --color=always asks for it."),
    ("CLICOLOR_FORCE", "If set to anything, output has colour even where it does not go to a terminal."),
    ("CLICOLOR", "If set to 0, output has no colour."),
    ("TERM", "Output has no colour on a terminal that is called dumb."),
];

/// Files by the argument that names them.
const FILES: [(&str, &str, &str); 4] = [
    (
        "system",
        "SYSTEM",
        "Of the system are read /boot, /etc, /lib/modules, the databases of its packages, units, and what these \
         name. Nothing in it is changed, and nothing outside it is opened.",
    ),
    (
        "rules",
        "DIR/*.yaml",
        "Rules of your own, in folders as you like; DIR/console/*.yaml are signatures of logs. \
         bootproof schema rule describes their form.",
    ),
    ("targets", "FILE.yaml", "A platform of your own; bootproof schema target describes its form."),
    ("waivers", "bootproof.toml", "Findings that somebody has accepted, with the reason and an end."),
];

/// Manual pages beside bootproof's own.
const OTHERS: [(&str, &str); 5] =
    [("fstab", "5"), ("modprobe.d", "5"), ("bootup", "7"), ("dracut", "8"), ("update-initramfs", "8")];

/// What a command ends with, if nothing else is said.
const DONE: &str = "0 it did its work, 2 bootproof could not do its work.";
/// What a command with a gate ends with.
const GATE: &str =
    "0 nothing at or above --fail-on, 1 findings at or above it, 2 bootproof could not do its work.";

/// The sections of `command`, in the order that man-pages(7) has them in.
pub(super) fn of(command: &Command) -> Roff {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let after = AfterHelp::read(&after);
    let mut page = Roff::new();
    exit_status(&mut page, command, &after);
    environment(&mut page);
    files(&mut page, command);
    if !after.notes.is_empty() {
        page.control("SH", ["NOTES"]);
        for note in &after.notes {
            page.control("PP", []);
            page.text([roman(*note)]);
        }
    }
    examples(&mut page, &after);
    see_also(&mut page, command);
    page
}

/// The paragraphs after a command's help.
#[derive(Debug, Default, PartialEq, Eq)]
struct AfterHelp<'a> {
    /// What is typed, and what it is for.
    examples: Vec<(&'a str, &'a str)>,
    /// `0 this, 1 that`.
    exit_status: Option<&'a str>,
    /// Anything else.
    notes: Vec<&'a str>,
}

impl<'a> AfterHelp<'a> {
    fn read(text: &'a str) -> Self {
        let mut read = Self::default();
        for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            let of_examples =
                paragraph.strip_prefix("Examples:").or_else(|| paragraph.strip_prefix("Example:"));
            match (of_examples, paragraph.strip_prefix("Exit status:")) {
                (Some(lines), _) => read.examples.extend(lines.trim().lines().map(example)),
                (None, Some(codes)) => read.exit_status = Some(codes.trim()),
                (None, None) => read.notes.push(paragraph),
            }
        }
        read
    }
}

/// What is typed and what it is for, which stands apart by three spaces and more.
fn example(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once("   ").map_or((line, ""), |(typed, purpose)| (typed, purpose.trim()))
}

/// The exit codes of `0 this, 1 that, 2 something, and more`.
fn codes(text: &str) -> Vec<(&str, &str)> {
    let starts_item = |part: &str| {
        part.split_once(' ')
            .is_some_and(|(code, _)| code.len() == 1 && code.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut starts = vec![0];
    starts.extend(
        text.match_indices(", ").map(|(at, _)| at + 2).filter(|at| text.get(*at..).is_some_and(starts_item)),
    );
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let items = starts.iter().zip(ends).filter_map(|(start, end)| text.get(*start..end));
    items.filter_map(|item| item.trim_end_matches([',', ' ', '.']).split_once(' ')).collect()
}

fn exit_status(page: &mut Roff, command: &Command, after: &AfterHelp<'_>) {
    let has_gate = command.get_arguments().any(|argument| argument.get_id() == "fail_on");
    let text = after.exit_status.unwrap_or(if has_gate { GATE } else { DONE });
    page.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in codes(text) {
        page.control("TP", []);
        page.text([bold(code)]);
        page.text([roman(sentence(meaning))]);
    }
}

/// `nothing was found` as `Nothing was found.`; names stay as they are.
fn sentence(text: &str) -> String {
    if text.starts_with(env!("CARGO_PKG_NAME")) {
        return format!("{text}.");
    }
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

fn environment(page: &mut Roff) {
    page.control("SH", ["ENVIRONMENT"]);
    for (variable, meaning) in ENVIRONMENT {
        page.control("TP", []);
        page.text([bold(variable)]);
        page.text([roman(meaning)]);
    }
}

fn files(page: &mut Roff, command: &Command) {
    let takes = |id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
    let taken: Vec<_> = FILES.iter().filter(|(id, _, _)| takes(id)).collect();
    if taken.is_empty() {
        return;
    }
    page.control("SH", ["FILES"]);
    for (_, file, meaning) in taken {
        page.control("TP", []);
        page.text([italic(*file)]);
        page.text([roman(*meaning)]);
    }
}

fn examples(page: &mut Roff, after: &AfterHelp<'_>) {
    if after.examples.is_empty() {
        return;
    }
    page.control("SH", ["EXAMPLES"]);
    for (number, (typed, purpose)) in after.examples.iter().enumerate() {
        if number > 0 {
            page.control("PP", []);
        }
        if !purpose.is_empty() {
            page.text([roman(*purpose)]);
        }
        page.control("RS", ["4"]);
        page.control("EX", []);
        page.text([roman(*typed)]);
        page.control("EE", []);
        page.control("RE", []);
    }
}

fn see_also(page: &mut Roff, command: &Command) {
    let own = name(command);
    let (above, is_top) = match own.rsplit_once('-') {
        Some((above, _)) => (above, false),
        None => (own, true),
    };
    let mut pages: Vec<(String, &str)> = Vec::new();
    if !is_top {
        pages.push((above.to_owned(), "1"));
    }
    pages.extend(subcommands(command).map(|below| (name(below).to_owned(), "1")));
    if is_top {
        pages.extend(OTHERS.map(|(page, section)| (page.to_owned(), section)));
    }
    page.control("SH", ["SEE ALSO"]);
    let last = pages.len().saturating_sub(1);
    for (index, (name, section)) in pages.iter().enumerate() {
        let end = if index == last { "" } else { "," };
        page.text([bold(name), roman(format!("({section}){end}"))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_after_the_help_is_read_by_its_paragraphs() {
        let text = "Examples:\n  bootproof check /     Is it well?\n  bootproof check -\n\nExit status: 0 yes, 1 no, or \
                    perhaps, 2 error.\n\nA note.";
        let read = AfterHelp::read(text);
        assert_eq!(read.examples, [("bootproof check /", "Is it well?"), ("bootproof check -", "")]);
        assert_eq!(read.exit_status, Some("0 yes, 1 no, or perhaps, 2 error."));
        assert_eq!(read.notes, ["A note."]);
        assert_eq!(
            codes("0 yes, 1 no, or perhaps, 2 error."),
            [("0", "yes"), ("1", "no, or perhaps"), ("2", "error")]
        );
        assert_eq!(AfterHelp::read(""), AfterHelp::default());
    }
}
