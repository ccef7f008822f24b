//! The wave in which a host can go to a target.
//!
//! What decides is the boot of the entry that the loader picks by itself (where the report names none: the first that
//! is not for emergencies), and the findings on that target or on all targets that no waiver accepts. Rules grade what
//! concerns other entries as less than what stops the default one, so that a finding counts whichever entry it names.
//!
//! | wave | |
//! |:--|:--|
//! | ready now | it boots, and nothing found is at or above the gate |
//! | ready after fixes | each finding at or above the gate has a step that can be applied as it is: a command, a line to write, add or delete, a file to remove, an initrd to rebuild; and if the boot fails, a blocker among them explains it |
//! | blocked | a finding at or above the gate has advice alone, or the boot fails and no blocker explains it |
//! | cannot be told | the boot is unknown or no entry was found, and the host is not known to be blocked |
//!
//! A blocker explains a failing boot if it is about this target or all, and about this entry or none. A waiver says
//! that someone accepts a finding, not that the machine boots: a boot that fails stays a boot that fails, and where its
//! only explanation is waived the host is blocked.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Hit, Host, HostBoot, Name};
use crate::finding::Severity;
use crate::simulate::{Outcome, StepName};

/// When a host can go to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wave {
    /// As it is.
    ReadyNow,
    /// Once what is known is mended.
    AfterFixes,
    /// Not before somebody has found out what to do.
    Blocked,
    /// The report does not say.
    CannotBeTold,
}

impl Wave {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::ReadyNow, Self::AfterFixes, Self::Blocked, Self::CannotBeTold];

    /// The name in JSON, CSV and links.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadyNow => "ready-now",
            Self::AfterFixes => "after-fixes",
            Self::Blocked => "blocked",
            Self::CannotBeTold => "cannot-be-told",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ReadyNow => "ready now",
            Self::AfterFixes => "after fixes",
            Self::Blocked => "blocked",
            Self::CannotBeTold => "cannot be told",
        }
    }
}

/// How a host stands on a target.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The target.
    pub target: Name,
    /// The entry that decides; none if there is no entry.
    pub entry: Option<Name>,
    /// Whether that entry boots; none if there is no entry.
    pub outcome: Option<Outcome>,
    /// The step at which it stops.
    pub failed_at: Option<StepName>,
    /// The worst finding on the target that is not waived.
    pub worst: Option<Severity>,
    /// Whether a finding is at or above the gate, or the boot fails.
    pub fails: bool,
    /// When it can go there.
    pub wave: Wave,
    /// The rules whose findings hold it back.
    pub obstacles: Box<[Name]>,
    /// Those of them for which there is advice alone.
    pub by_hand: Box<[Name]>,
    /// Whether the boot fails and nothing that is not waived explains it.
    pub is_unexplained: bool,
}

impl Standing {
    /// How `host` stands on `target` if findings of `gate` and worse hold it back.
    #[must_use]
    pub(super) fn of(host: &Host, target: Name, gate: Severity) -> Self {
        let boot = deciding(&host.boots, target);
        let open = |hit: &&Hit| hit.concerns(target) && !hit.is_waived;
        let held_back: Vec<&Hit> =
            host.findings.iter().filter(open).filter(|hit| hit.severity <= gate).collect();
        let obstacles = rules(held_back.iter().copied());
        let by_hand = rules(held_back.iter().copied().filter(|hit| !hit.can_be_applied));
        let outcome = boot.map(|boot| boot.outcome);
        let stops = outcome == Some(Outcome::Fails);
        let explains = |hit: &Hit| {
            hit.severity == Severity::Blocker
                && hit.entry.is_none_or(|entry| boot.is_some_and(|boot| boot.entry == entry))
        };
        let is_unexplained = stops && !host.findings.iter().filter(open).any(explains);
        let wave = match outcome {
            _ if is_unexplained || !by_hand.is_empty() => Wave::Blocked,
            None | Some(Outcome::Unknown) => Wave::CannotBeTold,
            Some(Outcome::Boots) if obstacles.is_empty() => Wave::ReadyNow,
            Some(Outcome::Boots | Outcome::Fails) => Wave::AfterFixes,
        };
        Self {
            target,
            entry: boot.map(|boot| boot.entry),
            outcome,
            failed_at: boot.and_then(|boot| boot.failed_at),
            worst: host.findings.iter().filter(open).map(|hit| hit.severity).min(),
            fails: stops || !obstacles.is_empty(),
            wave,
            obstacles,
            by_hand,
            is_unexplained,
        }
    }

    /// Whether mending its obstacles is known to make it ready.
    #[must_use]
    pub fn is_mendable(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Boots | Outcome::Fails))
            && !self.is_unexplained
            && !self.obstacles.is_empty()
    }
}

/// The boot that decides on `target`.
pub(super) fn deciding(boots: &[HostBoot], target: Name) -> Option<&HostBoot> {
    let on = || boots.iter().filter(|boot| boot.target == target);
    on().find(|boot| boot.is_default).or_else(|| on().find(|boot| !boot.is_rescue)).or_else(|| on().next())
}

/// The rules of `hits`, each once, in order.
fn rules<'h>(hits: impl Iterator<Item = &'h Hit>) -> Box<[Name]> {
    let mut rules: Vec<Name> = hits.map(|hit| hit.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.into_boxed_slice()
}
