//! Puts what was found in a boot in causal order: what has to be mended first, then what followed from it.
//!
//! A signature names what it explains. The cause of a boot that stopped is the one that explains, over any number of
//! steps, the line where it stopped; lines that were read count for more than conclusions, and an earlier step of the
//! boot for more than a later one. What is only a conclusion and explains nothing that another cause does not is dropped.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::log::Log;
use super::scan::{Boot, Hit};
use super::segfault;
use super::signature::{Decode, Role, Signature, Signatures, Step};
use super::{Chain, Event, Evidence, Possible};
use crate::finding::Fix;
use crate::rules::phrase::Names;

/// Possible causes that are listed where only symptoms are there.
const MOST_POSSIBLE: usize = 8;

/// A signature that was found, with what it says here.
struct Found<'a> {
    signature: &'a Signature,
    event: Event,
    /// Where it belongs in the order of the log.
    line: u64,
    last_line: u64,
}

/// All that a boot shows.
pub(super) struct Verdict {
    pub(super) chains: Vec<Chain>,
    /// Mistakes of signatures that showed only here.
    pub(super) mistakes: Vec<String>,
}

/// Finds causes and consequences in one boot.
pub(super) fn of(boot: &Boot, log: &Log, signatures: &Signatures) -> Verdict {
    let mut mistakes = Vec::new();
    let found = found(boot, log, signatures, &mut mistakes);
    let explains = edges(&found);
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut chains = Vec::new();
    while let Some(cause) = best_cause(&found, &explains, &taken) {
        let mut members = reach(cause, &explains);
        members.retain(|index| !taken.contains(index));
        let is_idle =
            members.is_empty() && found.get(cause).is_some_and(|found| found.signature.is_inferred());
        taken.insert(cause);
        if is_idle {
            continue;
        }
        members.retain(|index| *index != cause);
        if chains.is_empty() {
            members.extend(later_symptoms(cause, &found, &taken));
        }
        // A conclusion that stands beside the cause is another reading of the same consequences.
        members.retain(|index| {
            found
                .get(*index)
                .is_some_and(|found| found.signature.role == Role::Symptom || !found.signature.is_inferred())
        });
        taken.extend(&members);
        chains.push(chain(Some(cause), &members, &found));
    }
    let rest: BTreeSet<usize> = (0..found.len())
        .filter(|index| {
            !taken.contains(index)
                && found.get(*index).is_some_and(|found| found.signature.role == Role::Symptom)
        })
        .collect();
    if !rest.is_empty() {
        let mut open = chain(None, &rest, &found);
        open.possible = possible(&rest, &found, log, signatures);
        chains.push(open);
    }
    chains.sort_by_key(|chain| Reverse(chain.stops));
    Verdict { chains, mistakes }
}

/// Everything whose conditions hold.
fn found<'a>(
    boot: &Boot,
    log: &Log,
    signatures: &'a Signatures,
    mistakes: &mut Vec<String>,
) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    for ((index, _), hit) in &boot.hits {
        let Some(signature) = signatures.list.get(*index) else { continue };
        if hit.count < signature.at_least || boot.denied.contains(index) {
            continue;
        }
        found.extend(read(signature, hit, log, boot, signatures, mistakes));
    }
    loop {
        let before = found.len();
        for (index, signature) in
            signatures.list.iter().enumerate().filter(|(_, signature)| signature.is_inferred())
        {
            let is_known = found.iter().any(|known| known.signature.id == signature.id);
            if is_known || boot.denied.contains(&index) {
                continue;
            }
            let consequences = found.iter().filter(|known| signature.explains.contains(&known.signature.id));
            // The first one, and of several one that names the device.
            let consequence =
                consequences.min_by_key(|known| (!known.event.captures.contains_key("device"), known.line));
            if consequence.is_none() && !signature.explains.is_empty() {
                continue;
            }
            let hit = Hit {
                captures: consequence.map(|known| known.event.captures.clone()).unwrap_or_default(),
                last_line: consequence.map_or(log.to_line, |known| known.line),
                ..Hit::default()
            };
            found.extend(read(signature, &hit, log, boot, signatures, mistakes));
        }
        // What is concluded may be explained by another conclusion.
        if found.len() == before {
            break;
        }
    }
    let ids: BTreeSet<String> = found.iter().map(|found| found.signature.id.clone()).collect();
    found.retain(|found| !found.signature.not_with.iter().any(|id| ids.contains(id)));
    found.sort_by(|a, b| {
        a.line
            .cmp(&b.line)
            .then(a.signature.step.cmp(&b.signature.step))
            .then_with(|| a.signature.id.cmp(&b.signature.id))
    });
    found
}

/// The values of names for one hit.
fn names(
    signature: &Signature,
    hit: &Hit,
    log: &Log,
    signatures: &Signatures,
) -> (Names, BTreeMap<String, String>) {
    let mut names = signatures.phrases.names();
    names.set("log", log);
    names.set("count", &hit.count);
    names.set("line", &hit.lines.first().map_or(hit.last_line, |(line, _)| *line));
    let span = hit.first_seconds.zip(hit.last_seconds).map(|(first, last)| (last - first).max(0.0));
    names.set("seconds", &span.map_or(0, whole));
    names.set("rate", &span.and_then(|span| rate(hit.count, span)));
    names.set("clock", &hit.clock);
    let mut captures = hit.captures.clone();
    if signature.decode == Some(Decode::Segfault) {
        captures.extend(segfault::decode(&hit.captures));
    }
    let known = signature.captures.iter().map(String::as_str).chain(segfault::NAMES).chain(["device"]);
    for name in known {
        names.set(name, &captures.get(name));
    }
    (names, captures)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a span of seconds, not below 0; a cast saturates"
)]
fn whole(seconds: f64) -> u64 {
    seconds.round() as u64
}

/// How often something happened: `20 times a second`, `3 times a minute`.
#[expect(clippy::cast_precision_loss, reason = "counts of lines are far below 2^52")]
fn rate(count: u64, span: f64) -> Option<String> {
    let times = count.checked_sub(1).filter(|times| *times > 0 && span > 0.0)? as f64;
    let a_second = times / span;
    Some(match () {
        () if a_second >= 9.5 => format!("{a_second:.0} times a second"),
        () if a_second >= 0.95 => format!("{a_second:.1} times a second"),
        () => format!("{:.1} times a minute", a_second * 60.0),
    })
}

/// A hit as an event, if its condition holds.
fn read<'a>(
    signature: &'a Signature,
    hit: &Hit,
    log: &Log,
    boot: &Boot,
    signatures: &Signatures,
    mistakes: &mut Vec<String>,
) -> Option<Found<'a>> {
    let (names, captures) = names(signature, hit, log, signatures);
    if signature.when.as_ref().is_some_and(|when| !names.holds(when)) {
        return None;
    }
    let mut text = |result: Result<String, String>| match result {
        Ok(text) => text,
        Err(mistake) => {
            mistakes.push(format!("{}: {mistake}", signature.id));
            String::new()
        }
    };
    let means = text(signature.templates.text("means", &names));
    let unsaid = signature
        .has_unsaid
        .then(|| text(signature.templates.text("unsaid", &names)))
        .filter(|text| !text.is_empty());
    let mut fix = Vec::new();
    for step in signature
        .fix
        .iter()
        .filter(|step| step.condition.as_ref().is_none_or(|condition| names.holds(condition)))
    {
        fix.push(match step.is_command {
            true => Fix::Command { command: text(signature.templates.command(&step.template, &names)) },
            false => Fix::Advice { text: text(signature.templates.text(&step.template, &names)) },
        });
    }
    let mut lines = hit.lines.clone();
    if let Some(show) = &signature.show {
        lines.extend(
            names.numbers(show).into_iter().filter_map(|line| Some((line, boot.kept.get(&line)?.clone()))),
        );
        lines.dedup();
    }
    let line = hit.lines.last().map_or(hit.last_line, |(line, _)| *line);
    let event = Event {
        signature: signature.id.clone(),
        title: signature.title.clone(),
        step: signature.step,
        role: signature.role,
        is_inferred: signature.is_inferred(),
        stops: signature.stops,
        means: if means.is_empty() { format!("{}.", signature.title) } else { means },
        unsaid,
        count: hit.count,
        lines: lines.into_iter().map(|(line, text)| Evidence { line, text }).collect(),
        captures,
        decides: signature.decides.clone(),
        rules: signature.rules.clone(),
        fix,
        refs: signature.refs.clone(),
    };
    Some(Found { signature, event, line, last_line: hit.last_line })
}

/// For each finding, what it explains.
fn edges(found: &[Found<'_>]) -> Vec<BTreeSet<usize>> {
    let mut edges = Vec::new();
    for cause in found {
        let explained = found
            .iter()
            .enumerate()
            .filter(|(_, other)| cause.signature.explains.contains(&other.signature.id));
        edges.push(explained.map(|(index, _)| index).collect());
    }
    edges
}

/// Everything that follows from `start`, itself left out.
fn reach(start: usize, edges: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(next) = open.pop() {
        for index in edges.get(next).into_iter().flatten() {
            if *index != start && seen.insert(*index) {
                open.push(*index);
            }
        }
    }
    seen
}

/// The cause to tell next.
fn best_cause(found: &[Found<'_>], edges: &[BTreeSet<usize>], taken: &BTreeSet<usize>) -> Option<usize> {
    let is_open = |index: &usize| !taken.contains(index);
    let key = |index: usize| {
        let this = found.get(index)?;
        let follows = reach(index, edges);
        let consequences: Vec<&Found<'_>> =
            follows.iter().filter(|index| is_open(index)).filter_map(|index| found.get(*index)).collect();
        let stops = this.signature.stops || consequences.iter().any(|found| found.signature.stops);
        // A cause that another one explains is told in that one's chain.
        let is_first = !(0..found.len()).any(|other| {
            other != index
                && is_open(&other)
                && found.get(other).is_some_and(|other| other.signature.role == Role::Cause)
                && edges.get(other).is_some_and(|edges| edges.contains(&index))
        });
        let nearest =
            consequences.iter().map(|found| found.line).filter(|line| *line >= this.last_line).min();
        let distance = nearest.map_or(u64::MAX, |line| line.saturating_sub(this.last_line));
        Some((
            Reverse(stops),
            Reverse(is_first),
            this.signature.is_inferred(),
            this.signature.step,
            this.signature.id.clone(),
            distance,
            this.line,
        ))
    };
    let causes = (0..found.len())
        .filter(is_open)
        .filter(|index| found.get(*index).is_some_and(|found| found.signature.role == Role::Cause));
    causes.min_by_key(|index| key(*index))
}

/// Symptoms of the same boot that come after the cause, in the same step or a later one of the boot.
fn later_symptoms(cause: usize, found: &[Found<'_>], taken: &BTreeSet<usize>) -> BTreeSet<usize> {
    let Some(first) = found.get(cause) else { return BTreeSet::new() };
    if first.signature.step == Step::Service {
        return BTreeSet::new();
    }
    let follows = |other: &Found<'_>| {
        other.signature.role == Role::Symptom
            && other.signature.step != Step::Service
            && other.signature.step >= first.signature.step
            && other.last_line >= first.line
    };
    (0..found.len())
        .filter(|index| !taken.contains(index) && found.get(*index).is_some_and(follows))
        .collect()
}

fn chain(cause: Option<usize>, members: &BTreeSet<usize>, found: &[Found<'_>]) -> Chain {
    let event = |index: usize| found.get(index).map(|found| found.event.clone());
    let cause = cause.and_then(event);
    let followed: Vec<Event> = members.iter().filter_map(|index| event(*index)).collect();
    let stops = cause.iter().chain(&followed).any(|event| event.stops);
    Chain { cause, followed, stops, possible: Vec::new(), from_system: None }
}

/// What could have led to symptoms that nothing explains, without what the log rules out.
fn possible(
    symptoms: &BTreeSet<usize>,
    found: &[Found<'_>],
    log: &Log,
    signatures: &Signatures,
) -> Vec<Possible> {
    let ids: BTreeSet<&str> = symptoms
        .iter()
        .filter_map(|index| found.get(*index))
        .map(|found| found.signature.id.as_str())
        .collect();
    let explains = |signature: &&Signature| {
        signature.role == Role::Cause && signature.explains.iter().any(|id| ids.contains(id.as_str()))
    };
    let mut possible = Vec::new();
    // A conclusion that was not drawn is ruled out, if the log has what it would be drawn from.
    let is_decided = log.kernel.is_some() || log.command_line.is_some() || log.initrd.is_whole;
    for signature in signatures.list.iter().filter(explains) {
        if signature.is_inferred() && is_decided {
            continue;
        }
        let told_by = signature.rules.clone();
        possible.push(Possible {
            signature: signature.id.clone(),
            title: signature.title.clone(),
            step: signature.step,
            rules: told_by,
        });
    }
    // Without the beginning of the boot, a step that was over before the log begins cannot be told.
    possible
        .retain(|cause: &Possible| log.kernel.is_some() || cause.step >= Step::Initrd || log.stage.is_none());
    possible.truncate(MOST_POSSIBLE);
    possible
}
