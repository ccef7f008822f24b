//! The chain of each boot, one step below the other: where it goes through, where it stops, what is not known.

use unicode_width::UnicodeWidthStr as _;

use super::super::prose::{broken, counted, padded};
use super::super::view::{Chain, Said, StepState, StepView, View};
use super::{BAD, BOLD, FAINT, GOOD, OPEN, WIDTH, line, outcome_style, paragraph};
use crate::simulate::Outcome;

/// Columns of a step's name: the longest is `root-filesystem`.
const NAME: usize = 15;
/// Columns of a link of the chain.
const LINK: usize = 5;
/// Sentences of a step that works which are told; other targets differ in the names of devices and drivers.
const MOST_SAID: usize = 4;

/// Every chain, entry by entry.
pub(super) fn draw(out: &mut String, view: &View) {
    for way in &view.ways {
        for entry in &way.entries {
            let mark = if entry.default { ", default" } else { "" };
            let mut title = String::new();
            paragraph(&mut title, &format!("[{}] ", entry.number), &format!("{}{mark}", entry.title));
            line(out, &format!("{BOLD}{}{BOLD:#}", title.trim_end()));
        }
        for (name, path) in [("kernel ", &way.kernel), ("initrd ", &way.initrd)] {
            let mut text = String::new();
            paragraph(&mut text, &format!("    {name}"), path.as_deref().unwrap_or("none"));
            line(out, &format!("{FAINT}{}{FAINT:#}", text.trim_end()));
        }
        out.push('\n');
        for chain in &way.chains {
            steps(out, chain);
        }
    }
}

/// Where a chain goes, and each of its steps.
fn steps(out: &mut String, chain: &Chain) {
    let style = outcome_style(Some(chain.outcome));
    let mut head = String::new();
    paragraph(&mut head, "  ", &format!("{} on {}", chain.said, chain.targets.join(", ")));
    out.push_str(&head.replacen(&chain.said, &format!("{style}{}{style:#}", chain.said), 1));
    for (index, step) in chain.steps.iter().enumerate() {
        link(out, step, index.saturating_add(1) == chain.steps.len());
    }
    out.push('\n');
}

/// One step: its state as a link of the chain, its name, and what is said of it.
fn link(out: &mut String, step: &StepView, is_last: bool) {
    let (mark, style) = match step.state {
        StepState::Ok => ("[ok]", GOOD),
        StepState::Fails => ("[XX]", BAD),
        StepState::Unknown => ("[??]", OPEN),
        StepState::NotReached | StepState::WouldWork | StepState::WouldFail => ("[  ]", FAINT),
    };
    let is_through = matches!(step.state, StepState::Ok | StepState::Unknown);
    // The chain below a step: whole, or broken where the boot has stopped.
    let rail = match (is_last, is_through) {
        (true, _) => " ",
        (false, true) => "|",
        (false, false) => ":",
    };
    let room = WIDTH.saturating_sub(2 + LINK + NAME + 1);
    for (index, text) in sentences(step, room).iter().enumerate() {
        let text = if is_through || step.state == StepState::Fails {
            text.clone()
        } else {
            format!("{FAINT}{text}{FAINT:#}")
        };
        match index {
            0 => line(out, &format!("  {style}{mark}{style:#} {} {text}", padded(step.name, NAME))),
            _ => line(out, &format!("   {FAINT}{rail}{FAINT:#}{}{text}", " ".repeat(LINK - 2 + NAME + 1))),
        }
    }
}

/// What is said of a step, in lines of `room` columns; at least one.
fn sentences(step: &StepView, room: usize) -> Vec<String> {
    let mut lines = match step.state {
        StepState::NotReached => return vec!["not reached".to_owned()],
        StepState::WouldWork => return vec!["not reached; would work".to_owned()],
        StepState::WouldFail => vec!["not reached; would fail:".to_owned()],
        StepState::Ok | StepState::Fails | StepState::Unknown => Vec::new(),
    };
    let most = if step.state == StepState::Ok { MOST_SAID } else { usize::MAX };
    let mut told = step.said.iter().take(most).peekable();
    while let Some(said) = told.next() {
        lines.extend(broken(&sentence(said), room));
        // Sentences with the same evidence share it.
        if told.peek().is_none_or(|next| next.place != said.place) {
            add_evidence(&mut lines, said, room);
        }
    }
    let more: usize = step.said.iter().skip(most).map(|said| said.targets.len()).sum();
    if more > 0 {
        lines.push(format!("and likewise on {}", counted(more, "other target")));
    }
    if lines.is_empty() {
        lines.push("-".to_owned());
    }
    lines
}

/// A sentence, after the targets that hear it where others hear another.
fn sentence(said: &Said) -> String {
    match said.targets.as_slice() {
        [] => said.detail.clone(),
        targets => format!("{}: {}", targets.join(", "), said.detail),
    }
}

/// Adds where the evidence is: beside the last line, or below it.
fn add_evidence(lines: &mut Vec<String>, said: &Said, room: usize) {
    let Some(place) = &said.place else { return };
    let evidence = format!("--> {place}");
    match lines.last_mut() {
        Some(last) if last.width().saturating_add(evidence.width()).saturating_add(1) <= room => {
            last.push(' ');
            last.push_str(&evidence);
        }
        _ => lines.extend(broken(&evidence, room)),
    }
}

/// A few words for each way in which a boot does not get through.
pub(super) fn where_it_stops(out: &mut String, view: &View) {
    let mut ways: Vec<(&Chain, Vec<usize>)> = Vec::new();
    let chains = view.ways.iter().flat_map(|way| way.chains.iter().map(move |chain| (way, chain)));
    for (way, chain) in chains.filter(|(_, chain)| chain.outcome != Outcome::Boots) {
        let numbers = way.entries.iter().map(|entry| entry.number);
        let same = |(other, _): &&mut (&Chain, Vec<usize>)| {
            other.targets == chain.targets && other.label == chain.label && stop(other) == stop(chain)
        };
        match ways.iter_mut().find(same) {
            Some((_, entries)) => entries.extend(numbers),
            None => ways.push((chain, numbers.collect())),
        }
    }
    if ways.is_empty() {
        return;
    }
    for (chain, entries) in ways {
        let style = outcome_style(Some(chain.outcome));
        let entries: Vec<String> = entries.iter().map(|entry| format!("[{entry}]")).collect();
        let mut head = String::new();
        paragraph(&mut head, "  ", &format!("{} {}", entries.join(""), chain.said));
        out.push_str(&head.replacen(&chain.said, &format!("{style}{}{style:#}", chain.said), 1));
        paragraph(out, "      on ", &chain.targets.join(", "));
        for said in stop(chain) {
            paragraph(out, "      ", &sentence(said));
        }
    }
    out.push('\n');
}

/// What is said of the step at which a boot ends, as far as is known.
fn stop(chain: &Chain) -> &[Said] {
    chain.steps.iter().find(|step| step.ends_here).map_or(&[], |step| &step.said)
}
