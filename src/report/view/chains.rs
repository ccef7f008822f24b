//! The chain of steps of each boot. Boots of one entry that go equally far are one chain, told once for all their
//! targets; a step of which not all targets hear the same says which hears what.

use serde::Serialize;

use super::super::escape::shown;
use super::boots::{Entry, first_unknown, label, said};
use crate::simulate::{Boot, Outcome, State, Step, StepName};

/// Entries that do the same on every target, step by step: those of a menu and its submenu, say, or one for normal use
/// and one for recovery.
#[derive(Debug, Serialize)]
pub(in super::super) struct Way {
    pub(in super::super) entries: Vec<Entry>,
    /// Whether it is shown without being asked for.
    pub(in super::super) open: bool,
    pub(in super::super) kernel: Option<String>,
    pub(in super::super) initrd: Option<String>,
    pub(in super::super) chains: Vec<Chain>,
}

/// What an entry does, step by step, on all targets on which it gets equally far.
#[derive(Debug, Serialize)]
pub(in super::super) struct Chain {
    /// From 1.
    pub(in super::super) number: usize,
    pub(in super::super) targets: Vec<String>,
    pub(in super::super) outcome: Outcome,
    /// As in a cell of the matrix: `boots`, `stops: disk-driver`.
    pub(in super::super) label: String,
    /// In a sentence: `boots`, `stops at disk-driver`.
    pub(in super::super) said: String,
    pub(in super::super) steps: Vec<StepView>,
}

/// A step of a chain.
#[derive(Debug, Serialize)]
pub(in super::super) struct StepView {
    /// `disk-driver`.
    pub(in super::super) step: StepName,
    pub(in super::super) name: &'static str,
    pub(in super::super) state: StepState,
    /// What is said of it: one sentence, or one for each group of targets that hear the same.
    pub(in super::super) said: Vec<Said>,
    /// Whether this step is where the boot ends, as far as is known.
    pub(in super::super) ends_here: bool,
}

/// A sentence on a step.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct Said {
    /// The targets that hear this; empty where all of the chain do.
    pub(in super::super) targets: Vec<String>,
    pub(in super::super) detail: String,
    /// The evidence: `etc/fstab:7`.
    #[serde(rename = "where")]
    pub(in super::super) place: Option<String>,
}

/// How a step is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum StepState {
    Ok,
    Fails,
    Unknown,
    /// The boot has stopped before; whether this would work is not known.
    NotReached,
    /// The boot has stopped before; this would work.
    WouldWork,
    /// The boot has stopped before; this would fail as well.
    WouldFail,
}

/// The entries that do the same, and for each group the boots that go equally far; in the order of the entries, then
/// of the targets.
pub(super) struct Ways<'a> {
    ways: Vec<RawWay<'a>>,
    /// The index in `ways` of each entry.
    of_entry: Vec<usize>,
}

struct RawWay<'a> {
    /// Indices of the entries.
    entries: Vec<usize>,
    /// The boots of the first of them.
    boots: &'a [&'a Boot],
    /// The number of its first chain.
    first: usize,
    chains: Vec<Vec<&'a Boot>>,
}

impl<'a> Ways<'a> {
    pub(super) fn of(by_entry: &'a [Vec<&'a Boot>]) -> Self {
        let mut ways: Vec<RawWay<'a>> = Vec::new();
        let mut of_entry = Vec::new();
        let mut first = 1_usize;
        for (entry, boots) in by_entry.iter().enumerate() {
            let known = ways.iter().position(|way| do_the_same(way.boots, boots));
            of_entry.push(known.unwrap_or(ways.len()));
            match known.and_then(|index| ways.get_mut(index)) {
                Some(way) => way.entries.push(entry),
                None => {
                    let chains = equally_far(boots);
                    let next = first.saturating_add(chains.len());
                    ways.push(RawWay { entries: vec![entry], boots, first, chains });
                    first = next;
                }
            }
        }
        Self { ways, of_entry }
    }

    /// The index of the first entry of each group.
    pub(super) fn firsts(&self) -> impl Iterator<Item = usize> + '_ {
        self.ways.iter().filter_map(|way| way.entries.first().copied())
    }

    /// The number of the chain that tells how the entry at the index `entry` fares on `target`.
    pub(super) fn chain_of(&self, entry: usize, target: &str) -> Option<usize> {
        let way = self.ways.get(*self.of_entry.get(entry)?)?;
        let holds = |chain: &Vec<&Boot>| chain.iter().any(|boot| boot.target == target);
        way.chains.iter().position(holds).map(|index| way.first.saturating_add(index))
    }

    pub(super) fn views(&self, entries: &[Entry]) -> Vec<Way> {
        let view = |way: &RawWay<'_>| {
            let boot = way.boots.first()?;
            let chains = way.chains.iter().enumerate();
            let own: Vec<Entry> =
                way.entries.iter().filter_map(|index| entries.get(*index)).cloned().collect();
            Some(Way {
                open: own.iter().any(|entry| entry.open),
                entries: own,
                kernel: boot.kernel.as_deref().map(shown),
                initrd: boot.initrd.as_deref().map(shown),
                chains: chains
                    .filter_map(|(index, boots)| chain(way.first.saturating_add(index), boots))
                    .collect(),
            })
        };
        self.ways.iter().filter_map(view).collect()
    }
}

fn chain(number: usize, boots: &[&Boot]) -> Option<Chain> {
    let boot = *boots.first()?;
    Some(Chain {
        number,
        targets: boots.iter().map(|boot| shown(&boot.target)).collect(),
        outcome: boot.outcome,
        label: label(boot),
        said: said(boot),
        steps: steps(boots),
    })
}

/// Whether two entries boot the same files and all is said alike of their steps; which line of the loader's
/// configuration names them does not matter.
fn do_the_same(a: &[&Boot], b: &[&Boot]) -> bool {
    let same_step = |(a, b): (&Step, &Step)| a.step == b.step && a.state == b.state && a.detail == b.detail;
    let same = |(a, b): (&&Boot, &&Boot)| {
        (&a.target, &a.kernel, &a.initrd, a.outcome) == (&b.target, &b.kernel, &b.initrd, b.outcome)
            && a.steps.len() == b.steps.len()
            && a.steps.iter().zip(&b.steps).all(same_step)
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// The boots of one entry that go equally far, together.
fn equally_far<'a>(boots: &[&'a Boot]) -> Vec<Vec<&'a Boot>> {
    let mut chains: Vec<Vec<&'a Boot>> = Vec::new();
    for boot in boots {
        let same = |chain: &&mut Vec<&Boot>| chain.first().is_some_and(|other| way(other) == way(boot));
        match chains.iter_mut().find(same) {
            Some(chain) => chain.push(boot),
            None => chains.push(vec![boot]),
        }
    }
    chains
}

/// How far a boot goes: its steps with their states, whatever is said of them.
fn way(boot: &Boot) -> (Outcome, Option<StepName>, impl PartialEq + '_) {
    let states: Vec<(StepName, State)> = boot.steps.iter().map(|step| (step.step, step.state)).collect();
    (boot.outcome, boot.failed_at, states)
}

fn steps(boots: &[&Boot]) -> Vec<StepView> {
    let Some(boot) = boots.first() else {
        return Vec::new();
    };
    let ends_with = match boot.outcome {
        Outcome::Boots => None,
        Outcome::Fails => boot.failed_at,
        Outcome::Unknown => first_unknown(boot),
    };
    let view = |(index, step): (usize, &Step)| {
        let stopped_before = boot.failed_at.is_some_and(|failed| step.step > failed);
        StepView {
            step: step.step,
            name: step.step.name(),
            state: match (step.state, stopped_before) {
                (State::Ok, false) => StepState::Ok,
                (State::Fails, false) => StepState::Fails,
                (State::Unknown, false) => StepState::Unknown,
                (State::Ok, true) => StepState::WouldWork,
                (State::Fails, true) => StepState::WouldFail,
                (State::Unknown, true) => StepState::NotReached,
            },
            said: sentences(boots, index),
            ends_here: ends_with == Some(step.step),
        }
    };
    boot.steps.iter().enumerate().map(view).collect()
}

/// What is said of the step at `index`, each sentence once.
fn sentences(boots: &[&Boot], index: usize) -> Vec<Said> {
    let mut said: Vec<(&Step, Vec<String>)> = Vec::new();
    for boot in boots {
        let Some(step) = boot.steps.get(index) else { continue };
        let target = shown(&boot.target);
        match said.iter_mut().find(|(other, _)| other.detail == step.detail && other.at == step.at) {
            Some((_, targets)) => targets.push(target),
            None => said.push((step, vec![target])),
        }
    }
    let all_alike = said.len() == 1;
    let sentence = |(step, targets): (&Step, Vec<String>)| Said {
        targets: if all_alike { Vec::new() } else { targets },
        detail: shown(&step.detail),
        place: step.at.as_ref().map(|at| shown(&at.to_string())),
    };
    said.into_iter().map(sentence).collect()
}
