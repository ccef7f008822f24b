//! What a log came to, for a terminal, as Markdown, as a page, as JSON.

use serde::Serialize;

use super::escape::{shown, shown_lines};
use super::page::{self, Page};
use super::prose::{clipped, counted, wrapped};
use super::text::{BAD, BOLD, Colour, FAINT, GOOD, OPEN, WIDTH, finish, line, paragraph};
use super::{json, templates};
use crate::finding::Fix;
use crate::triage::{Chain, Event, Role, Step, Triage};

const PAGE: Page = Page {
    template: "triage.html",
    parts: &[("triage.html", include_str!("../../reports/triage.html"))],
    style: include_str!("../../reports/triage.css"),
    script: "",
};

/// The triage as a page, a ticket and a text show it; everything in it is safe to show.
#[derive(Debug, Serialize)]
struct View {
    version: &'static str,
    source: String,
    /// One sentence: what it comes to.
    headline: String,
    /// `cause`, `symptoms` or `nothing`.
    verdict: &'static str,
    /// What the log is of.
    about: String,
    /// Other boots in the log.
    others: Vec<String>,
    /// What the system's files say of the boot, where a system was given.
    system: Option<SystemView>,
    chains: Vec<ChainView>,
    /// What was read.
    extent: String,
    /// What to do next.
    next: String,
}

#[derive(Debug, Serialize)]
struct SystemView {
    source: String,
    target: String,
    entry: Option<String>,
    at: Option<String>,
    found_by: String,
    stops_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChainView {
    number: usize,
    cause: Option<EventView>,
    followed: Vec<EventView>,
    stops: bool,
    possible: Vec<PossibleView>,
    confirms: bool,
    findings: Vec<FindingView>,
    fix: Vec<FixView>,
}

#[derive(Debug, Serialize)]
struct EventView {
    title: String,
    step: String,
    means: String,
    is_inferred: bool,
    stops: bool,
    unsaid: Option<String>,
    lines: Vec<LineView>,
    more_lines: u64,
    rules: Vec<String>,
    decides: Vec<String>,
    refs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LineView {
    line: u64,
    text: String,
}

#[derive(Debug, Serialize)]
struct PossibleView {
    title: String,
    step: String,
    rules: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FindingView {
    rule: String,
    severity: &'static str,
    message: String,
    at: String,
}

/// As the templates of the report's remedies know it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
enum FixView {
    Command { command: String },
    Advice { text: String },
    Replace { path: String, line: Option<u32>, with: Option<String> },
}

impl View {
    fn of(triage: &Triage) -> Self {
        let first = triage.chains.first();
        let (verdict, headline) = match first {
            Some(Chain { cause: Some(cause), .. }) => ("cause", sentence(&cause.title)),
            Some(chain) => {
                let last = chain.followed.iter().find(|event| event.stops).or(chain.followed.first());
                let what = last.map(|event| sentence(&event.title)).unwrap_or_default();
                ("symptoms", format!("{what} The log does not have the cause."))
            }
            None if triage.log.came_up => (
                "nothing",
                "The system came up, and nothing that is known to be wrong is in the log.".to_owned(),
            ),
            None if triage.log.stage.is_none() => (
                "nothing",
                "No line of a boot is in the log, so it says nothing of one: is it the right file?"
                    .to_owned(),
            ),
            None => ("nothing", "Nothing that is known to be wrong is in the log.".to_owned()),
        };
        Self {
            version: triage.tool.version,
            source: shown(&triage.source),
            headline,
            verdict,
            about: about(triage),
            others: others(triage),
            system: triage.system.as_ref().map(|system| SystemView {
                source: shown(&system.source),
                target: shown(&system.target),
                entry: system.entry.as_deref().map(shown),
                at: system.at.as_ref().map(ToString::to_string),
                found_by: shown(&system.found_by),
                stops_at: system.stops_at.as_ref().map(|step| {
                    let at = step.at.as_ref().map_or_else(String::new, |at| format!(" ({at})"));
                    format!("{}: {}{at}", step.step, shown(&step.detail))
                }),
            }),
            chains: triage
                .chains
                .iter()
                .enumerate()
                .map(|(index, chain)| ChainView::of(index.saturating_add(1), chain))
                .collect(),
            extent: extent(triage),
            next: next(triage),
        }
    }
}

impl ChainView {
    fn of(number: usize, chain: &Chain) -> Self {
        let told = chain.from_system.as_ref();
        let of_files = told.into_iter().flat_map(|told| &told.findings);
        let confirmed = told.filter(|told| told.confirms).and_then(|told| told.findings.first());
        // What the files say is more exact than what a log can advise.
        let fix = match confirmed.filter(|finding| !finding.fix.is_empty()) {
            Some(finding) => &finding.fix[..],
            None => chain.cause.as_ref().map(|cause| &cause.fix[..]).unwrap_or_default(),
        };
        Self {
            number,
            cause: chain.cause.as_ref().map(EventView::of).map(|cause| match confirmed {
                // What was open is settled.
                Some(_) => EventView { unsaid: None, rules: telling(chain, &cause.rules), ..cause },
                None => cause,
            }),
            // What would have told the cause, and what is not said, is of no use for what followed from it.
            followed: chain
                .followed
                .iter()
                .map(EventView::of)
                .map(|event| match chain.cause {
                    Some(_) => EventView { unsaid: None, rules: Vec::new(), ..event },
                    None => event,
                })
                .collect(),
            stops: chain.stops,
            possible: chain
                .possible
                .iter()
                .map(|possible| PossibleView {
                    title: sentence(&possible.title),
                    step: name(possible.step).to_owned(),
                    rules: possible.rules.clone(),
                })
                .collect(),
            confirms: told.is_some_and(|told| told.confirms),
            findings: of_files
                .map(|finding| FindingView {
                    rule: finding.rule.clone(),
                    severity: finding.severity.name(),
                    message: shown(&finding.message),
                    at: finding.at.to_string(),
                })
                .collect(),
            fix: fix.iter().map(FixView::of).collect(),
        }
    }
}

impl EventView {
    fn of(event: &Event) -> Self {
        let count = |lines: usize| u64::try_from(lines).unwrap_or(u64::MAX);
        Self {
            title: shown(&event.title),
            step: name(event.step).to_owned(),
            means: shown(&event.means),
            is_inferred: event.is_inferred,
            stops: event.stops,
            unsaid: event.unsaid.as_deref().map(shown),
            lines: event
                .lines
                .iter()
                .map(|line| LineView { line: line.line, text: shown(&line.text) })
                .collect(),
            more_lines: if event.role == Role::Cause || event.count > 0 {
                event.count.saturating_sub(count(event.lines.len()))
            } else {
                0
            },
            rules: event.rules.clone(),
            decides: event.decides.clone(),
            refs: event.refs.clone(),
        }
    }
}

impl FixView {
    fn of(fix: &Fix) -> Self {
        match fix {
            Fix::Advice { text } => Self::Advice { text: shown(text) },
            Fix::Replace { at, with } => Self::Replace {
                path: at.path.to_string(),
                line: at.line,
                with: with.as_deref().map(shown_lines),
            },
            step => Self::Command { command: shown_lines(&step.as_command().unwrap_or_default()) },
        }
    }
}

/// Those of `rules` that found something in the system's files.
fn telling(chain: &Chain, rules: &[String]) -> Vec<String> {
    let findings = chain.from_system.as_ref().map(|told| &told.findings[..]).unwrap_or_default();
    rules.iter().filter(|rule| findings.iter().any(|finding| &finding.rule == *rule)).cloned().collect()
}

fn sentence(title: &str) -> String {
    let title = shown(title);
    if title.ends_with('.') { title } else { format!("{title}.") }
}

/// The step's name, as the boot simulation writes it.
fn name(step: Step) -> &'static str {
    match step {
        Step::Firmware => "firmware",
        Step::Loader => "loader",
        Step::Kernel => "kernel",
        Step::Initrd => "initrd",
        Step::DiskDriver => "disk-driver",
        Step::StorageStack => "storage-stack",
        Step::RootDevice => "root-device",
        Step::RootFilesystem => "root-filesystem",
        Step::Init => "init",
        Step::Mounts => "mounts",
        Step::Network => "network",
        Step::Service => "service",
    }
}

/// What the log is of: which boot, kernel, initrd, machine.
fn about(triage: &Triage) -> String {
    let log = &triage.log;
    let mut parts = Vec::new();
    if triage.boots.len() > 1 {
        let number = triage.boot.saturating_add(1);
        parts.push(format!(
            "boot {number} of {} (lines {} to {})",
            triage.boots.len(),
            log.from_line,
            log.to_line
        ));
    }
    parts.extend(log.kernel.as_ref().map(|kernel| format!("Linux {}", shown(&kernel.release))));
    parts.extend(log.initrd.kind.as_ref().map(|kind| format!("initrd by {kind}")));
    parts.extend(log.machine.as_ref().map(|machine| shown(machine)));
    let disks: Vec<String> = log.disks.iter().map(|disk| shown(&disk.name)).collect();
    if log.initrd.has_started && log.initrd.is_whole || !disks.is_empty() {
        parts.push(if disks.is_empty() {
            "no disk appeared".to_owned()
        } else {
            format!("disks: {}", disks.join(", "))
        });
    }
    parts.join("; ")
}

/// The other boots of the log.
fn others(triage: &Triage) -> Vec<String> {
    let others = triage.boots.iter().enumerate().filter(|(index, _)| *index != triage.boot);
    others
        .map(|(index, boot)| {
            let kernel =
                boot.kernel.as_ref().map_or_else(String::new, |kernel| format!(", Linux {}", shown(kernel)));
            let what = match (&boot.what, boot.came_up) {
                (Some(what), _) => shown(what),
                (None, true) => "came up".to_owned(),
                (None, false) => "nothing known to be wrong".to_owned(),
            };
            format!(
                "boot {}, lines {} to {}{kernel}: {what}",
                index.saturating_add(1),
                boot.from_line,
                boot.to_line
            )
        })
        .collect()
}

fn extent(triage: &Triage) -> String {
    let lines = usize::try_from(triage.lines).unwrap_or(usize::MAX);
    let mut text = format!("{} read", counted(lines, "line"));
    let missing: u64 = triage.log.gaps.iter().filter_map(|gap| gap.lines).sum();
    if !triage.log.gaps.is_empty() {
        let at: Vec<String> = triage.log.gaps.iter().take(4).map(|gap| gap.line.to_string()).collect();
        let many = if missing > 0 {
            format!("{missing} lines of this boot")
        } else {
            "lines of this boot".to_owned()
        };
        text.push_str(&format!("; {many} are missing (at line {})", at.join(", ")));
    }
    if triage.is_cut {
        text.push_str("; the log is longer, and its rest was not read");
    }
    if triage.boots_dropped > 0 {
        text.push_str(&format!("; {} before these were left out", counted(triage.boots_dropped, "boot")));
    }
    text
}

fn next(triage: &Triage) -> String {
    let rule = triage.chains.first().and_then(|chain| {
        let of_cause = chain.cause.as_ref().and_then(|cause| cause.rules.first());
        of_cause.or_else(|| chain.possible.iter().flat_map(|possible| &possible.rules).next())
    });
    match (&triage.system, rule) {
        (Some(system), Some(_)) => format!(
            "mend it, then `bootproof check {} --target {}`",
            shown(&system.source),
            shown(&system.target)
        ),
        (None, Some(_)) => {
            "with the system's disk at hand, `--system DIR` joins this with what its files say".to_owned()
        }
        _ => String::new(),
    }
}

/// For a terminal, at 80 columns.
#[must_use]
pub fn text(triage: &Triage, colour: Colour) -> String {
    let view = View::of(triage);
    let mut out = String::new();
    line(&mut out, &format!("{BOLD}bootproof triage{BOLD:#}: {}", view.source));
    paragraph(&mut out, "", &view.about);
    out.push('\n');
    for chain in &view.chains {
        chain_text(&mut out, chain);
    }
    if let Some(system) = &view.system {
        system_text(&mut out, system);
    }
    for (index, other) in view.others.iter().enumerate() {
        if index == 0 {
            line(&mut out, &format!("{BOLD}Also in this log{BOLD:#}"));
        }
        paragraph(&mut out, "  - ", other);
    }
    if !view.others.is_empty() {
        out.push('\n');
    }
    let style = match view.verdict {
        "nothing" => GOOD,
        "symptoms" => OPEN,
        _ => BAD,
    };
    let mut headline = String::new();
    paragraph(&mut headline, "", &view.headline);
    line(&mut out, &format!("{style}{}{style:#}", headline.trim_end()));
    paragraph(&mut out, "", &format!("({})", view.extent));
    if !view.next.is_empty() {
        paragraph(&mut out, "Next: ", &view.next);
    }
    finish(out, colour)
}

fn chain_text(out: &mut String, chain: &ChainView) {
    match &chain.cause {
        Some(cause) => {
            let word = match (cause.is_inferred, chain.confirms) {
                (true, false) => "LIKELY CAUSE",
                (true, true) => "CONFIRMED CAUSE",
                (false, _) => "CAUSE",
            };
            event_text(out, &format!("{BAD}{word}{BAD:#}"), word.len(), cause);
        }
        None => {
            paragraph(out, "", "The log has only what followed from something that it does not show:");
            out.push('\n');
        }
    }
    for event in &chain.followed {
        event_text(out, &format!("{OPEN}THEN{OPEN:#}"), 4, event);
    }
    if !chain.possible.is_empty() {
        line(out, &format!("{BOLD}POSSIBLE CAUSES{BOLD:#}, which the log neither shows nor rules out"));
        for possible in &chain.possible {
            let rules = if possible.rules.is_empty() {
                String::new()
            } else {
                format!(" (rule {})", possible.rules.join(", "))
            };
            paragraph(out, "  - ", &format!("{}: {}{rules}", possible.step, possible.title));
        }
        out.push('\n');
    }
    if !chain.findings.is_empty() {
        let word = if chain.confirms { "THE SYSTEM'S FILES SAY SO TOO" } else { "THE SYSTEM'S FILES SAY" };
        line(out, &format!("{BOLD}{word}{BOLD:#}"));
        for finding in &chain.findings {
            paragraph(
                out,
                "  - ",
                &format!("{} ({} {}, {})", finding.message, finding.severity, finding.rule, finding.at),
            );
        }
        out.push('\n');
    }
    if !chain.fix.is_empty() {
        line(out, &format!("{GOOD}FIX{GOOD:#}"));
        for (index, fix) in chain.fix.iter().enumerate() {
            fix_text(out, index.saturating_add(1), fix);
        }
        out.push('\n');
    }
}

fn event_text(out: &mut String, word: &str, width: usize, event: &EventView) {
    let place = format!("  [{}] ", event.step);
    let room = WIDTH.saturating_sub(width).saturating_sub(place.len());
    let title = wrapped(&event.title, room);
    for (index, piece) in title.iter().enumerate() {
        let start =
            if index == 0 { format!("{word}{place}") } else { " ".repeat(width.saturating_add(place.len())) };
        line(out, &format!("{start}{BOLD}{piece}{BOLD:#}"));
    }
    paragraph(out, "  ", &event.means);
    for shown in &event.lines {
        let number = format!("{:>8} | ", shown.line);
        line(
            out,
            &format!("{FAINT}{number}{FAINT:#}{}", clipped(&shown.text, WIDTH.saturating_sub(number.len()))),
        );
    }
    if event.more_lines > 0 && !event.lines.is_empty() {
        let lines = usize::try_from(event.more_lines).unwrap_or(usize::MAX);
        line(out, &format!("{FAINT}         | {} more like these{FAINT:#}", counted(lines, "line")));
    }
    if let Some(unsaid) = &event.unsaid {
        paragraph(out, "  Not in the log: ", unsaid);
    }
    if !event.rules.is_empty() {
        paragraph(
            out,
            "  Told beforehand by: ",
            &event.rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(", "),
        );
    }
    if !event.refs.is_empty() && event.unsaid.is_some() {
        paragraph(out, "  See: ", &event.refs.join("; "));
    }
    out.push('\n');
}

fn fix_text(out: &mut String, number: usize, fix: &FixView) {
    let head = format!("  {number}. ");
    match fix {
        // Commands are not broken into lines: they are copied.
        FixView::Command { command } => {
            for (index, part) in command.lines().enumerate() {
                let start = if index == 0 { head.clone() } else { " ".repeat(head.len()) };
                line(out, &format!("{start}{part}"));
            }
        }
        FixView::Advice { text } => paragraph(out, &head, text),
        FixView::Replace { path, line: at, with } => {
            let place = at.map_or_else(|| format!("`{path}`"), |at| format!("line {at} of `{path}`"));
            match with {
                Some(with) => {
                    paragraph(out, &head, &format!("Write {place} as"));
                    line(out, &format!("     {with}"));
                }
                None => paragraph(out, &head, &format!("Delete {place}.")),
            }
        }
    }
}

fn system_text(out: &mut String, system: &SystemView) {
    line(out, &format!("{BOLD}The same boot in {}{BOLD:#}", system.source));
    match (&system.entry, &system.at) {
        (Some(entry), Some(at)) => {
            paragraph(out, "  ", &format!("{entry} ({at}), found by {}.", system.found_by))
        }
        _ => paragraph(out, "  ", &format!("{}.", system.found_by)),
    }
    match &system.stops_at {
        Some(stop) => {
            paragraph(out, "  ", &format!("Played through on {}, it stops at {stop}", system.target))
        }
        None if system.entry.is_some() => {
            paragraph(out, "  ", &format!("Played through on {}, no step is known to fail.", system.target))
        }
        None => {}
    }
    out.push('\n');
}

/// For tickets and merge requests.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn markdown(triage: &Triage) -> tera::TeraResult<String> {
    templates::fill("triage.md", &[("triage.md", include_str!("../../reports/triage.md"))], &View::of(triage))
}

/// One self-contained page.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn html(triage: &Triage) -> tera::TeraResult<String> {
    page::render(&PAGE, &View::of(triage))
}

/// For programs; the shape is that of `bootproof schema triage`.
///
/// # Errors
/// Never in practice: the triage has only texts as keys.
pub fn to_json(triage: &Triage) -> serde_json::Result<String> {
    let mut out = Vec::new();
    json::write_pretty(&mut out, triage)?;
    out.push(b'\n');
    Ok(String::from_utf8_lossy(&out).into_owned())
}
