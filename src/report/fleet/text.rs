//! The fleet for a terminal: waves, what to mend first, what was found, at 80 columns.

use unicode_width::UnicodeWidthStr as _;

use super::view::{NeedView, Overview, RowView, SetView, TargetView, overview, row};
use crate::fleet::Fleet;
use crate::report::prose::{clipped, counted, listed, padded};
use crate::report::text::{BAD, BOLD, Colour, FAINT, GOOD, OPEN, WIDTH, finish, line, paragraph};

/// Sets of rules that are listed for a target.
const SETS: usize = 5;
/// Rules that are listed.
const RULES: usize = 15;
/// Hosts of which each is listed; more are for the page and the spreadsheet.
const HOSTS: usize = 30;
/// Targets of which each is told in full.
const TARGETS: usize = 4;
/// Files that are not counted which are listed; stderr has named each.
const SKIPPED: usize = 20;
/// Columns of a host's name.
const NAME: usize = 28;

/// The fleet as text.
#[must_use]
pub fn render(fleet: &Fleet, colour: Colour) -> String {
    let view = overview(fleet);
    let mut out = String::new();
    line(&mut out, &format!("{BOLD}bootproof {}{BOLD:#}: {}", view.version, counted(view.hosts, "host")));
    out.push('\n');
    waves(&mut out, &view);
    for target in view.targets.iter().take(TARGETS) {
        plan(&mut out, target);
    }
    let more = view.targets.len().saturating_sub(TARGETS);
    if more > 0 {
        paragraph(
            &mut out,
            "",
            &format!(
                "And {} more, which the page (`--output fleet.html`) tells in full.",
                counted(more, "target")
            ),
        );
        out.push('\n');
    }
    rules(&mut out, &view);
    hosts(&mut out, fleet, &view);
    notes(&mut out, &view);
    summary(&mut out, &view);
    finish(out, colour)
}

fn waves(out: &mut String, view: &Overview) {
    if view.targets.is_empty() {
        return;
    }
    let width = view.targets.iter().map(|target| target.name.width()).max().unwrap_or_default().clamp(6, 20);
    line(
        out,
        &format!(
            "  {FAINT}{} hosts  ready now  after fixes  blocked  cannot be told{FAINT:#}",
            padded("target", width)
        ),
    );
    for target in &view.targets {
        let mut text =
            format!("  {BOLD}{}{BOLD:#} {:>5}", padded(&clipped(&target.name, width), width), target.hosts);
        for (wave, (columns, style)) in
            target.waves.iter().zip([(11, GOOD), (13, FAINT), (9, BAD), (16, OPEN)])
        {
            let count = format!("{:>columns$}", wave.count);
            text.push_str(&if wave.count == 0 { count } else { format!("{style}{count}{style:#}") });
        }
        line(out, &text);
    }
    out.push('\n');
}

fn plan(out: &mut String, target: &TargetView) {
    if target.first.is_empty() && target.fix_sets.is_empty() && target.blocked.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}To {}{BOLD:#}", target.name));
    if !target.first.is_empty() {
        line(out, "  mend first, and so many hosts are ready:");
        let columns = target.hosts.to_string().len();
        let now = target.waves.first().map_or(0, |wave| wave.count);
        line(out, &format!("    {now:>columns$} of {} as they are", target.hosts));
        for step in &target.first {
            let start = format!("    {:>columns$} of {} with ", step.ready, target.hosts);
            paragraph(out, &start, &rule_names(&step.rules));
        }
    }
    sets(out, "what hosts need to be ready:", &target.fix_sets, target.more_sets, target.more_set_hosts);
    sets(out, "what blocks hosts:", &target.blocked, target.more_blocked, target.more_blocked_hosts);
    out.push('\n');
}

fn rule_names(rules: &[NeedView]) -> String {
    let name = |need: &NeedView| {
        let by_hand = if need.by_hand { " (by hand)" } else { "" };
        format!("`{}`{by_hand}", need.rule)
    };
    listed(&rules.iter().map(name).collect::<Vec<_>>())
}

fn sets(out: &mut String, title: &str, sets: &[SetView], more: usize, more_hosts: usize) {
    if sets.is_empty() {
        return;
    }
    line(out, &format!("  {title}"));
    for set in sets.iter().take(SETS) {
        let start = format!("    {:>10}  ", counted(set.count, "host"));
        paragraph(out, &start, &set_in_words(set));
    }
    let hidden = sets.iter().skip(SETS);
    let (hidden_sets, hidden_hosts) = hidden.fold((more, more_hosts), |(count, hosts), set| {
        (count.saturating_add(1), hosts.saturating_add(set.count))
    });
    if hidden_sets > 0 {
        let text = format!("{} in {hidden_sets} further ways", counted(hidden_hosts, "host"));
        line(out, &format!("    {FAINT}{text}{FAINT:#}"));
    }
}

fn set_in_words(set: &SetView) -> String {
    let rules = rule_names(&set.rules);
    match set.unexplained {
        Some(step) if set.rules.is_empty() => format!("stops at {step}, and no finding explains it"),
        Some(step) => format!("{rules}; stops at {step}, and no finding explains it"),
        None => rules,
    }
}

fn rules(out: &mut String, view: &Overview) {
    if view.rules.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}What was found{BOLD:#}"));
    for rule in view.rules.iter().take(RULES) {
        let waived = if rule.waived > 0 { format!(" ({} waived)", rule.waived) } else { String::new() };
        let start = format!("  {:<8}{:>11}  ", rule.severity, counted(rule.count, "host"));
        paragraph(out, &start, &format!("{}{waived} `{}`", rule.title, rule.rule));
    }
    let more = view.rules.len().saturating_sub(RULES);
    if more > 0 {
        line(out, &format!("  {FAINT}and {more} more rules{FAINT:#}"));
    }
    out.push('\n');
}

fn hosts(out: &mut String, fleet: &Fleet, view: &Overview) {
    if fleet.hosts.len() > HOSTS || view.targets.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}Hosts{BOLD:#}"));
    for host in &fleet.hosts {
        let RowView { name, report, cells, .. } = row(fleet, host);
        let name = report.map_or_else(|| name.clone(), |report| format!("{name} ({report})"));
        let known = cells.iter().zip(&view.targets).filter(|(cell, _)| cell.outcome.is_some());
        let cells: Vec<String> = known
            .map(|(cell, target)| match cell.outcome {
                Some("fails") => {
                    format!("{}: {}, {}", target.name, cell.wave_title, cell.label.replace(": ", " at "))
                }
                _ => format!("{}: {}", target.name, cell.wave_title),
            })
            .collect();
        if name.width() > NAME {
            line(out, &format!("  {}", clipped(&name, WIDTH.saturating_sub(2))));
            paragraph(out, &" ".repeat(NAME.saturating_add(4)), &cells.join("; "));
        } else {
            paragraph(out, &format!("  {}  ", padded(&name, NAME)), &cells.join("; "));
        }
    }
    out.push('\n');
}

fn notes(out: &mut String, view: &Overview) {
    for note in &view.notes {
        paragraph(out, "Note: ", note);
    }
    if !view.notes.is_empty() {
        out.push('\n');
    }
    if view.not_counted.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}Not counted, because{BOLD:#}"));
    for file in view.not_counted.iter().take(SKIPPED) {
        paragraph(out, "  ", &format!("{}: {}", file.path, file.because));
    }
    let more = view.not_counted.len().saturating_sub(SKIPPED);
    if more > 0 {
        line(out, &format!("  {FAINT}and {} more{FAINT:#}", counted(more, "file")));
    }
    out.push('\n');
}

fn summary(out: &mut String, view: &Overview) {
    let style = if view.verdict == "pass" { GOOD.bold() } else { BAD };
    let mut text = String::new();
    paragraph(&mut text, "", &view.headline);
    line(out, &format!("{style}{}{style:#}", text.trim_end()));
    line(out, &format!("Verdict: {style}{}{style:#}", view.verdict));
    paragraph(out, "      ", &format!("({})", view.tally));
    paragraph(out, "Next: ", &view.next);
}
