//! Many hosts' reports as one: who can go where, what has to be mended for it, and what to mend first.
//!
//! ```text
//! REPORT.json | DIR | -
//!   │  files    which files are meant, each once
//!   ▼
//!   │  gather   one report at a time a thread -> a compact record of the host; names are kept once
//!   ▼
//! Host          boots, findings as ids, and how it stands on each target (wave)
//!   │  plan     hosts of a target by what they need; which rules free most of them
//!   ▼
//! Fleet         report/fleet renders it
//! ```
//!
//! No system is looked at here and no rule is applied: a fleet knows what the reports say. What is kept of a report is
//! some hundred bytes, whatever its size.

mod files;
mod gather;
mod names;
mod plan;
#[cfg(test)]
pub(crate) mod tests;
mod wave;

use std::path::PathBuf;

use crate::finding::Severity;
use crate::simulate::{Outcome, StepName};

pub use files::{Found, find};
pub use gather::gather;
pub use names::{Name, Names};
pub use plan::{Blocked, FixSet, Mending, TargetPlan};
pub use wave::{Standing, Wave};

/// A host's place in [`Fleet::hosts`].
pub type HostId = usize;

/// Version of the JSON shape; goes up when a field changes its meaning or goes away.
pub const SCHEMA: &str = "bootproof-fleet/1";

/// All that the reports say together.
#[derive(Debug)]
pub struct Fleet {
    /// From which severity on a finding holds a host back; none: findings never make the verdict.
    pub gate: Option<Severity>,
    /// The texts that the records share.
    pub names: Names,
    /// By name, then by the path of the report.
    pub hosts: Vec<Host>,
    /// Hosts by what they need, a plan for each target; the target that most hosts were asked about comes first.
    pub plans: Vec<TargetPlan>,
    /// What was found, by rule; worst first, and then what hits most hosts.
    pub rules: Vec<RuleHits>,
    /// Files that are no host of this fleet, and why.
    pub not_counted: Vec<NotCounted>,
    /// What the reader should know of the hosts that are counted, a sentence each.
    pub notes: Vec<String>,
}

/// One report, as much as is kept of it.
#[derive(Debug)]
pub struct Host {
    /// The host name, or the report's file name without its ending where the system has none.
    pub name: String,
    /// Whether the system has a name.
    pub is_named: bool,
    /// Whether another host has the same name, so that only the path of the report tells them apart.
    pub is_twin: bool,
    /// The path of the report, as the user named it or below the folder that the user named.
    pub report: String,
    /// The page beside the report, for a link.
    pub page: Option<PathBuf>,
    /// What was looked at, as it was given on the command line then.
    pub source: String,
    /// The distribution, for people.
    pub distribution: Option<Name>,
    /// The machine that its programs are for.
    pub architecture: Option<Name>,
    /// The targets that its report is about.
    pub targets: Box<[Name]>,
    /// How each entry fares on each target, in the report's order.
    pub boots: Box<[HostBoot]>,
    /// What was found, each as often as it was found.
    pub findings: Box<[Hit]>,
    /// Number of rules that could not be decided.
    pub not_evaluated: usize,
    /// How it stands on each of its targets, by the target's name.
    pub standings: Box<[Standing]>,
}

/// How one boot entry of a host fares on one target.
#[derive(Debug, Clone, Copy)]
pub struct HostBoot {
    /// The entry's title.
    pub entry: Name,
    /// The target.
    pub target: Name,
    /// Whether the loader picks the entry by itself.
    pub is_default: bool,
    /// Whether it is for emergencies.
    pub is_rescue: bool,
    /// Whether it boots.
    pub outcome: Outcome,
    /// The first step that fails.
    pub failed_at: Option<StepName>,
}

/// One rule's finding on a host; findings that differ in their place alone are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// How bad it is.
    pub severity: Severity,
    /// The rule.
    pub rule: Name,
    /// The target; none where it does not matter.
    pub target: Option<Name>,
    /// The boot entry; none where it is not a matter of one.
    pub entry: Option<Name>,
    /// Whether a waiver accepts it.
    pub is_waived: bool,
    /// Whether a step of its remedy can be applied as it is: it is no advice alone.
    pub can_be_applied: bool,
    /// In how many places.
    pub times: u32,
}

impl Hit {
    /// Whether it is about `target`: about it alone, or about all of them.
    #[must_use]
    pub fn concerns(&self, target: Name) -> bool {
        self.target.is_none_or(|of| of == target)
    }
}

impl Host {
    /// How it stands on `target`, if its report is about it.
    #[must_use]
    pub fn on(&self, target: Name) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.target == target)
    }

    /// How the entries fare that do not decide.
    pub fn other_boots(&self) -> impl Iterator<Item = &HostBoot> {
        let decides = |boot: &HostBoot| {
            wave::deciding(&self.boots, boot.target).is_some_and(|deciding| std::ptr::eq(deciding, boot))
        };
        self.boots.iter().filter(move |boot| !decides(boot))
    }

    /// The worst finding that is not waived.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().filter(|hit| !hit.is_waived).map(|hit| hit.severity).min()
    }
}

/// What one rule finds in the fleet.
#[derive(Debug)]
pub struct RuleHits {
    /// The rule.
    pub rule: Name,
    /// What it is about.
    pub title: String,
    /// The worst that it found.
    pub severity: Severity,
    /// Whether each of its findings has a step that can be applied.
    pub can_be_applied: bool,
    /// The hosts that it hits, waived or not.
    pub hosts: Vec<HostId>,
    /// The hosts on each target; none: where the target does not matter.
    pub on: Vec<(Option<Name>, Vec<HostId>)>,
    /// The hosts all of whose findings of this rule are waived.
    pub waived: Vec<HostId>,
    /// What it says on one of them.
    pub example: Example,
}

/// What a rule says on one host.
#[derive(Debug, Clone, Default)]
pub struct Example {
    /// The path of that host's report.
    pub report: String,
    /// What is wrong there.
    pub message: String,
    /// What mends it there.
    pub fix: Vec<ExampleFix>,
}

/// One step of the remedy of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExampleFix {
    /// Lines to copy.
    Copy(String),
    /// A sentence.
    Say(String),
}

/// A file that is no host of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCounted {
    /// Its path.
    pub path: String,
    /// Why not; stands after the path and a colon.
    pub because: String,
    /// Whether a host is missing because of it, so that the work was not done whole.
    pub is_loss: bool,
}

impl Fleet {
    /// From which severity on a finding holds a host back from a wave.
    #[must_use]
    pub fn wave_gate(&self) -> Severity {
        self.gate.unwrap_or(Severity::High)
    }

    /// Whether `host` has something at or above the gate, on whatever target.
    #[must_use]
    pub fn fails(&self, host: &Host) -> bool {
        self.gate.is_some() && host.standings.iter().any(|standing| standing.fails)
    }

    /// The number of hosts that have something at or above the gate.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.hosts.iter().filter(|host| self.fails(host)).count()
    }

    /// Whether a host is missing because its report could not be read.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.not_counted.iter().any(|file| file.is_loss)
    }
}
