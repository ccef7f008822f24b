//! The report for a terminal: findings drawn as rustc draws them, at 80 columns, readable without colour.

pub(super) mod lines;
mod matrix;
mod trace;

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group as Drawing, Level, Origin, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use super::prose::{broken, clipped, first_paragraph, shortened, wrapped};
use super::view::Snippet as LineView;
use super::view::{FixView, Group, Message, PlaceView, View};
use super::{Part, Report, Verdict};
use crate::finding::Severity;
use crate::simulate::Outcome;

/// Columns that every line fits in, but for paths, commands and lines that cannot be broken.
pub(super) const WIDTH: usize = 80;
/// Places of one rule that are drawn with their line; the others are listed.
const DRAWN_PLACES: usize = 4;
/// Characters of a reason, which `bootproof explain` and the other formats give whole.
const WHY: usize = 400;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const OPEN: Style = AnsiColor::Yellow.on_default();

/// Whether the text holds terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// It does; what prints it strips them where they are not wanted.
    Styled,
    /// It does not.
    Plain,
}

/// The whole report.
#[must_use]
pub fn render(report: &Report, colour: Colour) -> String {
    let view = View::of(report, Part::Whole);
    let mut out = String::new();
    header(&mut out, &view);
    matrix::draw(&mut out, &view);
    trace::where_it_stops(&mut out, &view);
    for group in &view.groups {
        out.push_str(&finding(group));
        out.push('\n');
    }
    lines::listed(&mut out, "Waived or known, so that they do not count", &view.set_aside);
    not_evaluated(&mut out, &view);
    summary(&mut out, &view);
    finish(out, colour)
}

/// The boots alone: each chain step by step, then which entry boots where.
#[must_use]
pub fn render_boots(report: &Report, colour: Colour) -> String {
    let view = View::of(report, Part::Boots);
    let mut out = String::new();
    header(&mut out, &view);
    trace::draw(&mut out, &view);
    matrix::draw(&mut out, &view);
    headline(&mut out, &view);
    paragraph(&mut out, "Next: ", &view.next);
    finish(out, colour)
}

pub(super) fn finish(styled: String, colour: Colour) -> String {
    match colour {
        Colour::Styled => styled,
        Colour::Plain => {
            let plain = anstream::adapter::strip_str(&styled).to_string();
            plain.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
        }
    }
}

pub(super) fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// `text` in lines that begin with `first`, then with as many spaces.
pub(super) fn paragraph(out: &mut String, first: &str, text: &str) {
    let indent = first.width();
    for (index, piece) in broken(text, WIDTH.saturating_sub(indent)).iter().enumerate() {
        let start = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
        line(out, &format!("{start}{piece}"));
    }
}

fn header(out: &mut String, view: &View) {
    let mut first = String::new();
    paragraph(&mut first, "", &format!("bootproof {}: {}", view.version, view.source));
    let name = first.find(':').unwrap_or_default();
    let (name, rest) = first.split_at_checked(name).unwrap_or(("", &first));
    line(out, &format!("{BOLD}{name}{BOLD:#}{rest}"));
    paragraph(out, "", &view.system);
    out.push('\n');
}

fn outcome_style(outcome: Option<Outcome>) -> Style {
    match outcome {
        Some(Outcome::Boots) => GOOD,
        Some(Outcome::Fails) => BAD,
        Some(Outcome::Unknown) => OPEN,
        None => FAINT,
    }
}

fn verdict_style(view: &View) -> Style {
    match view.verdict {
        Verdict::Pass => GOOD.bold(),
        Verdict::Fail => BAD,
    }
}

fn level(severity: Severity) -> Level<'static> {
    let level = match severity {
        Severity::Blocker | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::INFO,
        Severity::Info => Level::NOTE,
    };
    level.with_name(severity.name())
}

/// All places of one rule, as one drawing.
pub(super) fn finding(group: &Group) -> String {
    let drawn = group.places.get(..DRAWN_PLACES).unwrap_or(&group.places);
    let head = group.severity.name().len().saturating_add(group.rule.len()).saturating_add(4);
    let title = wrapped(&group.title, WIDTH.saturating_sub(head)).join("\n");
    let mut drawing = Drawing::with_title(level(group.severity).primary_title(title).id(group.rule.as_str()));
    let last_line = drawn.iter().filter_map(|place| place.line).max().unwrap_or_default();
    let gutter = if last_line == 0 { 0 } else { last_line.to_string().len() };
    for place in drawn {
        let (element, is_said) = draw(place, gutter);
        drawing = drawing.element(element);
        let room = WIDTH.saturating_sub(gutter).saturating_sub(3);
        for message in place.messages.iter().filter(|_| !is_said) {
            let text = wrapped(&said(message), room).join("\n");
            drawing = drawing.element(Level::NOTE.no_name().message(text));
        }
    }
    let mut notes: Vec<(&str, String)> = Vec::new();
    if let Some(rest) = group.places.get(DRAWN_PLACES..).filter(|rest| !rest.is_empty()) {
        notes.push(("also", other_places(group, rest)));
    }
    notes.extend(scopes(group));
    notes.push(("why", shortened(&first_paragraph(&group.why), WHY)));
    // The columns left beside the line number, ` = ` and the note's own name.
    let room = |name: &str| WIDTH.saturating_sub(gutter).saturating_sub(name.len()).saturating_sub(5);
    for (name, text) in notes.into_iter().filter(|(_, text)| !text.is_empty()) {
        let text = wrapped(&text, room(name)).join("\n");
        drawing = drawing.element(Level::NOTE.with_name(name).message(text));
    }
    for text in fixes(group, room("fix")) {
        drawing = drawing.element(Level::HELP.with_name("fix").message(text));
    }
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let mut text = renderer.render(&[drawing]);
    text.push('\n');
    text
}

/// A place: its line with a caret, or the name of the file alone; and whether what is wrong there could be said
/// beside the caret.
fn draw(place: &PlaceView, gutter: usize) -> (Element<'_>, bool) {
    let line = place.line.map(|line| usize::try_from(line).unwrap_or(usize::MAX));
    let (Some(line), Some(snippet)) = (line, &place.snippet) else {
        let origin = Origin::path(place.path.as_str());
        return (line.into_iter().fold(origin, Origin::line).into(), false);
    };
    // Beside the number: ` | ` and a space before the label.
    let room = WIDTH.saturating_sub(gutter).saturating_sub(4);
    let (before, marked, after) = cut(snippet, room);
    let source = format!("{before}{marked}{after}");
    let start = before.len();
    let mut annotation = AnnotationKind::Primary.span(start..start.saturating_add(marked.len()));
    let only = match place.messages.as_slice() {
        [only] => Some(said(only)),
        _ => None,
    };
    let fits = |text: &String| {
        let carets = snippet.carets.chars().count();
        source.chars().count() <= room && carets.saturating_add(text.chars().count()) <= room
    };
    let label = only.filter(fits);
    let is_said = label.is_some();
    if let Some(label) = label {
        annotation = annotation.label(label);
    }
    let snippet = Snippet::source(source).line_start(line).path(place.path.as_str()).annotation(annotation);
    (snippet.into(), is_said)
}

/// A line before, at and after its mark. The drawing cuts long lines around the mark, but never the mark itself.
fn cut(snippet: &LineView, room: usize) -> (&str, String, &str) {
    if snippet.carets.trim_start().len() < room / 2 {
        return (&snippet.before, snippet.marked.clone(), &snippet.after);
    }
    let indent = snippet.carets.len().saturating_sub(snippet.carets.trim_start().len());
    let before = if indent > room / 4 { "…" } else { snippet.before.as_str() };
    let marked = clipped(&snippet.marked, room.saturating_sub(before.width()));
    let after = if marked == snippet.marked { snippet.after.as_str() } else { "" };
    (before, marked, after)
}

/// A message, after the targets that it is for where others hear something else.
fn said(message: &Message) -> String {
    match message.targets.as_slice() {
        [] => message.text.clone(),
        targets => format!("{}: {}", targets.join(", "), message.text),
    }
}

/// `etc/fstab:7, 8, 9; etc/crypttab:1`.
fn other_places(group: &Group, places: &[PlaceView]) -> String {
    let mut out = String::new();
    let mut path = "";
    for place in places {
        let separator = if out.is_empty() {
            ""
        } else if place.path == path && place.line.is_some() {
            ", "
        } else {
            "; "
        };
        out.push_str(separator);
        match place.line {
            Some(line) if place.path == path => {
                let _ = write!(out, "{line}");
            }
            Some(line) => {
                let _ = write!(out, "{}:{line}", place.path);
            }
            None => out.push_str(&place.path),
        }
        path = &place.path;
    }
    if group.more_places > 0 {
        let _ = write!(out, "; and {} more, which the JSON report lists", group.more_places);
    }
    out
}

/// On which targets and for which boot entries.
fn scopes(group: &Group) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if group.targets_differ {
        for place in group.places.iter().take(DRAWN_PLACES) {
            let at = place.line.map_or_else(|| place.path.clone(), |line| format!("{}:{line}", place.path));
            notes.extend(place.scope.targets.as_ref().map(|targets| ("on", format!("{targets}, at {at}"))));
        }
    } else {
        notes.extend(group.scope.targets.clone().map(|targets| ("on", targets)));
    }
    notes.extend(group.scope.entries.clone().map(|entries| ("boot entry", entries)));
    notes
}

/// Commands of one kind that are drawn.
const DRAWN_COMMANDS: usize = 8;

/// Each step of the remedy, ready to stand after `= fix: `.
fn fixes(group: &Group, room: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut edits = group.places.iter().flat_map(|place| &place.fixes);
    for edit in edits.by_ref().take(DRAWN_PLACES) {
        out.push(fix(edit, room));
    }
    let more = edits.count();
    if more > 0 {
        out.push(format!("and {more} more lines in the same way"));
    }
    for remedy in &group.fixes {
        let mut text = fix(&remedy.step, room);
        if remedy.likewise > 0 {
            text = format!("{text}\nand likewise for {} more", remedy.likewise);
        }
        match remedy.targets.as_slice() {
            [] => out.push(text),
            targets => out.push(format!(
                "{}\n{text}",
                wrapped(&format!("on {}:", targets.join(", ")), room).join("\n")
            )),
        }
    }
    out
}

fn fix(fix: &FixView, room: usize) -> String {
    match fix {
        // Commands are not broken into lines: they are copied.
        FixView::Command { commands } => {
            let mut lines: Vec<&str> = commands.iter().take(DRAWN_COMMANDS).map(String::as_str).collect();
            let more = commands.len().saturating_sub(lines.len());
            let note = format!("# ... and {more} more of the kind");
            lines.extend((more > 0).then_some(note.as_str()));
            lines.join("\n")
        }
        FixView::Advice { text } => wrapped(text, room).join("\n"),
        FixView::Replace { .. } => fix.told(),
    }
}

fn not_evaluated(out: &mut String, view: &View) {
    if view.not_evaluated.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}Could not be decided{BOLD:#}, because the input does not say:"));
    for need in &view.not_evaluated {
        paragraph(out, "  - ", &format!("{} (for {})", need.needs, need.rules.join(", ")));
    }
    out.push('\n');
}

fn headline(out: &mut String, view: &View) {
    let style = verdict_style(view);
    let mut text = String::new();
    paragraph(&mut text, "", &view.headline);
    line(out, &format!("{style}{}{style:#}", text.trim_end()));
}

fn summary(out: &mut String, view: &View) {
    let style = verdict_style(view);
    headline(out, view);
    let verdict = match view.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
    };
    let tally = format!("({})", view.tally);
    let start = format!("Verdict: {style}{verdict}{style:#}");
    if "Verdict: ".width() + verdict.width() + 1 + tally.width() <= WIDTH {
        line(out, &format!("{start} {tally}"));
    } else {
        line(out, &start);
        paragraph(out, "      ", &tally);
    }
    paragraph(out, "Next: ", &view.next);
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_report_reads_well_at_80_columns() {
        insta::assert_snapshot!(render(&sample::san_server(), Colour::Plain));
    }

    #[test]
    fn a_healthy_system_needs_a_few_lines() {
        insta::assert_snapshot!(render(&sample::healthy(), Colour::Plain));
    }

    #[test]
    fn many_entries_on_all_targets_stay_readable() {
        insta::assert_snapshot!(render_boots(&sample::many(), Colour::Plain));
    }

    #[test]
    fn the_boots_alone_show_each_step() {
        insta::assert_snapshot!(render_boots(&sample::san_server(), Colour::Plain));
    }
}
