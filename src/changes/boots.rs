//! How each boot entry fares before and after.

use schemars::JsonSchema;
use serde::Serialize;

use super::side::Side;
use crate::place::Place;
use crate::simulate::{Boot, Outcome};

/// A boot entry on a target, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BootChange {
    /// The entry's title, after the change if it has another.
    pub entry: String,
    /// The target's name.
    pub target: String,
    /// Whether the loader picks it by itself after the change, or, if it is gone, did so before.
    pub default: bool,
    /// How it went; null if there was no such entry.
    pub before: Option<Boot>,
    /// How it goes; null if there is no such entry.
    pub after: Option<Boot>,
    /// Which way it went.
    pub direction: BootDirection,
    /// Another entry than before boots by itself, and this compares the two.
    pub is_replaced: bool,
    /// Where the entry stands after the change; if it is gone, the file that it stood in.
    pub at: Place,
}

/// Which way a boot went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootDirection {
    /// The same outcome, at the same step.
    Same,
    /// It fails, and did not, or fails at an earlier step.
    Worse,
    /// It no longer fails, or fails at a later step.
    Better,
    /// It was known whether it boots, and no longer is.
    NoLongerKnown,
    /// There was no such entry.
    Added,
    /// There is no such entry any more.
    Removed,
    /// One input holds no boot entries, and need not: a report, a root without its `/boot`.
    NotComparable,
}

/// Compares the boots of two systems. Where one input holds none, and its system may well have some, nothing came or went.
pub(super) fn compare(before: &Side, after: &Side) -> Vec<BootChange> {
    let lacks = |side: &Side| side.boots.is_empty() && side.may_hold("boot").is_some();
    let mut changes = pair(&before.boots, &after.boots);
    if lacks(before) || lacks(after) {
        for change in &mut changes {
            change.direction = BootDirection::NotComparable;
        }
    }
    changes
}

/// Pairs the boots of two systems: by id and title, by id, by title; and what boots by itself with what did.
fn pair(before: &[Boot], after: &[Boot]) -> Vec<BootChange> {
    let mut targets: Vec<&str> = Vec::new();
    for boot in after.iter().chain(before) {
        if !targets.contains(&boot.target.as_str()) {
            targets.push(&boot.target);
        }
    }
    let on = |boots: &'_ [Boot], target: &str| -> Vec<Boot> {
        boots.iter().filter(|boot| boot.target == target).cloned().collect()
    };
    targets.iter().flat_map(|target| on_target(on(before, target), on(after, target))).collect()
}

type SameEntry = fn(&Boot, &Boot) -> bool;

fn on_target(mut before: Vec<Boot>, after: Vec<Boot>) -> Vec<BootChange> {
    let default = before.iter().find(|boot| boot.default).cloned();
    let ways: [SameEntry; 3] = [
        |old, new| old.entry_id == new.entry_id && old.entry == new.entry,
        |old, new| old.entry_id == new.entry_id && old.is_rescue == new.is_rescue,
        |old, new| old.entry == new.entry,
    ];
    let mut pairs: Vec<(Option<Boot>, Boot, bool)> =
        after.into_iter().map(|boot| (None, boot, false)).collect();
    for is_same in ways {
        for (old, new, _) in pairs.iter_mut().filter(|(old, ..)| old.is_none()) {
            if let Some(index) = before.iter().position(|candidate| is_same(candidate, new)) {
                *old = Some(before.remove(index));
            }
        }
    }
    let is_moved = |(old, new, _): &&mut (Option<Boot>, Boot, bool)| {
        new.default && !old.as_ref().is_some_and(|old| old.default)
    };
    if let (Some(default), Some((old, _, is_replaced))) = (default, pairs.iter_mut().find(is_moved)) {
        before.retain(|boot| *boot != default);
        *old = Some(default);
        *is_replaced = true;
    }
    let kept = pairs.into_iter().map(|(old, new, is_replaced)| BootChange {
        entry: new.entry.clone(),
        target: new.target.clone(),
        default: new.default,
        direction: direction(old.as_ref(), &new),
        at: new.at.clone(),
        is_replaced,
        before: old,
        after: Some(new),
    });
    let mut changes: Vec<BootChange> = kept.collect();
    changes.extend(before.into_iter().map(|old| BootChange {
        entry: old.entry.clone(),
        target: old.target.clone(),
        default: old.default,
        direction: BootDirection::Removed,
        is_replaced: false,
        at: Place::file(std::sync::Arc::clone(&old.at.path)),
        after: None,
        before: Some(old),
    }));
    changes
}

fn direction(before: Option<&Boot>, after: &Boot) -> BootDirection {
    let Some(before) = before else { return BootDirection::Added };
    match (before.outcome, after.outcome) {
        (Outcome::Fails, Outcome::Fails) => match (before.failed_at, after.failed_at) {
            (Some(old), Some(new)) if new < old => BootDirection::Worse,
            (Some(old), Some(new)) if new > old => BootDirection::Better,
            _ => BootDirection::Same,
        },
        (old, new) if old == new => BootDirection::Same,
        (_, Outcome::Fails) => BootDirection::Worse,
        (Outcome::Boots, Outcome::Unknown) => BootDirection::NoLongerKnown,
        _ => BootDirection::Better,
    }
}
