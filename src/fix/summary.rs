//! A plan in words: for the terminal, and as the page that is written beside patches and script.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{FileChange, FileKind, HandStep, Plan};
use crate::report::prose::{counted, wrapped};
use crate::report::{harmless_lines, one_line};

/// How the page begins, by which a folder of an earlier run is known.
pub const PAGE_START: &str = "# Mending ";
/// Columns of the terminal's text.
const WIDTH: usize = 80;
const HEADING: Style = Style::new().bold();
const ADDED: Style = AnsiColor::Green.on_default();
const GONE: Style = AnsiColor::Red.on_default();

/// The plan for a terminal; with the diffs where they are not written to files.
#[must_use]
pub fn text(plan: &Plan, with_diffs: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{} {}: {}", plan.tool.name, plan.tool.version, one_line(&plan.system.source));
    let _ = writeln!(out, "{}\n", overview(plan));
    for file in &plan.files {
        heading(&mut out, &format!("{} {}", verb(file.kind), file.path), &file.cures);
        match file.diff.as_ref().filter(|_| with_diffs) {
            Some(diff) => coloured(&mut out, diff),
            None if with_diffs => paragraph(&mut out, "It is no text that can be shown here.", 4),
            None => {}
        }
    }
    for step in &plan.rebuilds {
        heading(&mut out, &format!("build {}", step.initrd), &step.cures);
        block(&mut out, &step.command);
    }
    for step in &plan.commands {
        heading(&mut out, "run", &step.cures);
        block(&mut out, &step.command);
    }
    if !plan.by_hand.is_empty() {
        let _ = writeln!(out, "{HEADING}Left to you{HEADING:#}\n");
    }
    for step in &plan.by_hand {
        paragraph(&mut out, &format!("{}:", one_line(&step.rules.join(", "))), 2);
        if let Some(text) = &step.text {
            paragraph(&mut out, &one_line(text), 4);
        }
        if let Some(command) = &step.command {
            block(&mut out, command);
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The page that is written beside patches and script.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut out = String::new();
    let host = plan.system.system.hostname.as_deref().unwrap_or(&plan.system.source);
    let _ = writeln!(out, "{PAGE_START}{}\n\n{}\n", code(host), overview(plan));
    let _ = writeln!(
        out,
        "Patches alone: `cd ROOT && patch -p1 <FILE.patch`. All of it, with the initrds: `sh fix.sh` on the system, or `sh fix.sh \
         /mnt/sysimage` from a rescue system with its root and `/boot` mounted there. The script looks at everything before it \
         changes anything, keeps what it changes in `/var/lib/bootproof/before` and the old initrds in \
         `/boot/before-bootproof`, stops at the first error, and may be run again. Afterwards: `bootproof check`.\n"
    );
    if !plan.files.is_empty() {
        out.push_str("## Files\n\n| file | what | patch | mends |\n|---|---|---|---|\n");
        for file in &plan.files {
            let patch = file.patch.as_deref().map_or_else(|| "by `fix.sh` alone".to_owned(), code);
            let _ = writeln!(
                out,
                "| {} | {} | {patch} | {} |",
                code(&format!("/{}", file.path)),
                past(file),
                rules(&file.cures)
            );
        }
        out.push('\n');
    }
    if !plan.rebuilds.is_empty() {
        out.push_str("## Initrds\n\n");
        for step in &plan.rebuilds {
            let why = match step.cures.as_slice() {
                [] => "what goes into it has changed".to_owned(),
                cures => rules(cures),
            };
            let _ = writeln!(out, "- {} ({why})\n", code(&format!("/{}", step.initrd)));
            fenced(&mut out, &step.command);
        }
    }
    if !plan.commands.is_empty() {
        out.push_str("## Commands\n\n");
        for step in &plan.commands {
            let _ = writeln!(out, "- {}\n", rules(&step.cures));
            fenced(&mut out, &step.command);
        }
    }
    if !plan.by_hand.is_empty() {
        out.push_str("## Left to you\n\n");
        plan.by_hand.iter().for_each(|step| by_hand(&mut out, step));
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn by_hand(out: &mut String, step: &HandStep) {
    let text = step.text.as_deref().map(one_line).unwrap_or_default();
    let _ = writeln!(out, "- {}: {}\n", rules(&step.rules), prose(&text));
    if let Some(command) = &step.command {
        fenced(out, command);
    }
}

/// What there is to do, counted.
fn overview(plan: &Plan) -> String {
    if plan.is_empty() {
        return "Nothing to mend.".to_owned();
    }
    let targets: Vec<String> = plan.targets.iter().map(|target| one_line(&target.name)).collect();
    format!(
        "For {}: {}, {} to build, {} to run, {} left to you.",
        targets.join(", "),
        counted(plan.files.len(), "file"),
        counted(plan.rebuilds.len(), "initrd"),
        counted(plan.commands.len(), "command"),
        counted(plan.by_hand.len(), "step")
    )
}

fn verb(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Edit => "edit",
        FileKind::Create => "make",
        FileKind::Remove => "remove",
    }
}

fn past(file: &FileChange) -> &'static str {
    match file.kind {
        FileKind::Edit => "edited",
        FileKind::Create => "made",
        FileKind::Remove => "removed",
    }
}

fn heading(out: &mut String, title: &str, cures: &[String]) {
    let _ = writeln!(out, "{HEADING}{}{HEADING:#}", one_line(title));
    match cures {
        [] => paragraph(out, "since what goes into it has changed", 2),
        cures => paragraph(out, &format!("for {}", one_line(&cures.join(", "))), 2),
    }
}

fn paragraph(out: &mut String, text: &str, indent: usize) {
    for line in wrapped(text, WIDTH - indent) {
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
    out.push('\n');
}

fn block(out: &mut String, text: &str) {
    for line in harmless_lines(text).lines() {
        let _ = writeln!(out, "    {line}");
    }
    out.push('\n');
}

fn coloured(out: &mut String, diff: &str) {
    for line in diff.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => ADDED,
            Some(b'-') => GONE,
            _ => Style::new(),
        };
        let _ = writeln!(out, "    {style}{line}{style:#}");
    }
    out.push('\n');
}

/// Text as Markdown's code, which no character in it ends.
fn code(text: &str) -> String {
    let text = one_line(text).replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// A sentence of a rule: Markdown already, but for what would be markup of a page.
fn prose(text: &str) -> String {
    text.replace('<', "&lt;")
}

fn rules(names: &[String]) -> String {
    names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
}

fn fenced(out: &mut String, text: &str) {
    let text = harmless_lines(text);
    let fence = if text.contains("```") { "~~~~~~" } else { "```" };
    let _ = writeln!(out, "  {fence}sh");
    for line in text.lines() {
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "  {fence}\n");
}
