//! A comparison for a terminal: 80 columns, readable without colour.

use anstyle::{AnsiColor, Style};

use super::super::Verdict;
use super::super::prose::{clipped, padded};
use super::super::text::lines::{heading, listed, one};
use super::super::text::{BAD, BOLD, Colour, FAINT, GOOD, OPEN, WIDTH, finding, finish, line, paragraph};
use super::view::{BootView, CopyView, DiffLine, DiffView, FileView};
use crate::changes::FileStatus;

/// Files whose difference is drawn; the others are named.
const DRAWN_FILES: usize = 25;
/// Lines of one difference that are drawn.
const DRAWN_LINES: usize = 60;
/// Files that cannot be compared that are named.
const NAMED: usize = 12;

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();

pub(super) fn render(view: &DiffView, colour: Colour) -> String {
    let mut out = String::new();
    header(&mut out, view);
    boots(&mut out, view);
    for group in &view.groups {
        out.push_str(&finding(group));
        out.push('\n');
    }
    listed(&mut out, "Waived, so that they do not count", &view.set_aside);
    listed(&mut out, "Gone", &view.gone);
    undecided(&mut out, view);
    listed(&mut out, "As before", &view.unchanged);
    files(&mut out, view);
    copies(&mut out, view);
    not_evaluated(&mut out, view);
    summary(&mut out, view);
    finish(out, colour)
}

fn header(out: &mut String, view: &DiffView) {
    heading(out, &format!("bootproof {} diff", view.version));
    for (name, side) in [("before", &view.before), ("after", &view.after)] {
        paragraph(out, &padded(name, 8), &format!("{}: {}", side.source, side.system));
    }
    out.push('\n');
    for limit in &view.limits {
        paragraph(out, "note: ", limit);
    }
    if !view.limits.is_empty() {
        out.push('\n');
    }
}

fn boots(out: &mut String, view: &DiffView) {
    if view.boots.is_empty() {
        if !view.same_boots.is_empty() {
            line(out, &format!("{}.", view.same_boots));
            out.push('\n');
        }
        return;
    }
    heading(out, "Boots that go otherwise");
    for boot in &view.boots {
        boot_row(out, boot);
    }
    if !view.same_boots.is_empty() {
        line(out, &format!("  {}.", view.same_boots));
    }
    out.push('\n');
}

fn boot_row(out: &mut String, boot: &BootView) {
    let default = if boot.default { " (default)" } else { "" };
    paragraph(out, "  ", &format!("{}{default}", boot.entry));
    if let Some(before) = &boot.replaces {
        paragraph(out, "    instead of ", before);
    }
    let label = |side: &Option<super::view::OutcomeView>, none: &str| {
        side.as_ref().map_or_else(|| none.to_owned(), |side| side.label.clone())
    };
    let (before, after) = (label(&boot.before, boot.absent.0), label(&boot.after, boot.absent.1));
    let (sign, style) = match boot.tone {
        "worse" => ("x", BAD),
        "better" => ("+", GOOD),
        "open" => ("?", OPEN),
        _ => ("-", FAINT),
    };
    let mut told = String::new();
    let said = if before == after { after } else { format!("{before} -> {after}") };
    paragraph(&mut told, &format!("    {sign} "), &format!("{}: {said}", boot.targets.join(", ")));
    line(out, &format!("{style}{}{style:#}", told.trim_end()));
    if let Some(detail) = &boot.detail {
        paragraph(out, "      ", detail);
    }
}

fn undecided(out: &mut String, view: &DiffView) {
    if view.undecided.is_empty() {
        return;
    }
    heading(out, "Nobody can tell whether these are new or gone");
    for open in view.undecided.iter().take(NAMED) {
        one(out, &open.line);
        let (here, there) = match open.of {
            crate::diff::Which::Before => ("before", "after"),
            crate::diff::Which::After => ("after", "before"),
        };
        paragraph(out, &" ".repeat(10), &format!("found {here}; {there} needs {}", open.needs));
    }
    if let Some(more) = view.undecided.len().checked_sub(NAMED).filter(|more| *more > 0) {
        line(out, &format!("  and {more} more, which the other formats list"));
    }
    out.push('\n');
}

fn files(out: &mut String, view: &DiffView) {
    if !view.files.is_empty() {
        heading(out, "Configuration files that differ");
        for file in view.files.iter().take(DRAWN_FILES) {
            file_block(out, file);
        }
        for file in view.files.iter().skip(DRAWN_FILES) {
            paragraph(out, "  ", &format!("{} {}", file.word, file.path));
        }
        out.push('\n');
    }
    if !view.open_files.is_empty() {
        heading(out, "Files that one input does not hold, so that they cannot be compared");
        for file in view.open_files.iter().take(NAMED) {
            paragraph(out, "  ", &file.path);
        }
        if let Some(more) = view.open_files.len().checked_sub(NAMED).filter(|more| *more > 0) {
            line(out, &format!("  and {more} more, which the other formats list"));
        }
        out.push('\n');
    }
}

fn file_block(out: &mut String, file: &FileView) {
    let style = match file.status {
        FileStatus::Added => ADDED,
        FileStatus::Removed => REMOVED,
        FileStatus::Changed | FileStatus::Unknown => OPEN,
    };
    let mut text = String::new();
    let note = file.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    paragraph(&mut text, "  ", &format!("{} {}{note}", file.word, file.path));
    line(out, &format!("{style}{}{style:#}", text.trim_end()));
    difference(out, &file.lines);
}

/// The lines of a difference without its head, which says the path once more.
fn difference(out: &mut String, lines: &[DiffLine]) {
    let body: Vec<&DiffLine> = lines.iter().filter(|line| line.kind != "head").collect();
    for item in body.iter().take(DRAWN_LINES) {
        let style = match item.kind {
            "old" => REMOVED,
            "new" => ADDED,
            "hunk" => HUNK,
            _ => Style::new(),
        };
        let text = clipped(&item.text.replace('\t', "    "), WIDTH.saturating_sub(4));
        line(out, &format!("    {style}{}{style:#}", text.trim_end()));
    }
    if let Some(more) = body.len().checked_sub(DRAWN_LINES).filter(|more| *more > 0) {
        line(out, &format!("    {FAINT}... {more} more lines{FAINT:#}"));
    }
}

fn copies(out: &mut String, view: &DiffView) {
    if view.copies.is_empty() {
        return;
    }
    heading(out, "Inside the initrd another copy than in the root (- initrd, + root)");
    for CopyView { initrd, path, is_unchanged, lines } in &view.copies {
        let before = if *is_unchanged { ", as before the change" } else { "" };
        paragraph(out, "  ", &format!("{path} in {initrd}{before}"));
        difference(out, lines);
    }
    out.push('\n');
}

fn not_evaluated(out: &mut String, view: &DiffView) {
    if view.not_evaluated.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}Could not be decided{BOLD:#}, because the inputs do not say:"));
    for need in &view.not_evaluated {
        paragraph(out, "  - ", &format!("{} (for {})", need.needs, need.rules.join(", ")));
    }
    out.push('\n');
}

fn summary(out: &mut String, view: &DiffView) {
    let (style, verdict) = match view.verdict {
        Verdict::Pass => (GOOD.bold(), "pass"),
        Verdict::Fail => (BAD, "fail"),
    };
    let mut headline = String::new();
    paragraph(&mut headline, "", &view.headline);
    for part in headline.lines() {
        line(out, &format!("{style}{part}{style:#}"));
    }
    let mut verdict_line = String::new();
    paragraph(&mut verdict_line, "Verdict: ", &format!("{verdict} ({})", view.tally));
    let coloured = verdict_line.replacen(verdict, &format!("{style}{verdict}{style:#}"), 1);
    out.push_str(&coloured);
    paragraph(out, "Next: ", &view.next);
}
