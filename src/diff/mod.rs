//! The report of what a change does: findings that came and went, boots that go otherwise, files that differ.

pub mod build;
mod copies;
mod findings;
#[cfg(test)]
mod tests;
pub(crate) mod unified;

use schemars::JsonSchema;
use serde::Serialize;

use crate::changes::{BootDirection, FileStatus, FileSubject};
use crate::finding::Finding;
use crate::place::Place;
use crate::report::{NotEvaluated, Summary, SystemSummary, TargetSummary, Tool, Verdict};
use crate::simulate::{Outcome, StepName};

/// Version of the shape; goes up when a field changes its meaning or goes away.
pub const SCHEMA: &str = "bootproof-diff/1";

/// Everything that one comparison says.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DiffReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name and version of the program.
    pub tool: Tool,
    /// The system before.
    pub before: SystemSummary,
    /// The system after.
    pub after: SystemSummary,
    /// The targets, in the order asked for.
    pub targets: Vec<TargetSummary>,
    /// What the rules say of the change, and of both systems.
    pub findings: Findings,
    /// Each boot entry on each target, before and after.
    pub boots: Vec<BootDiff>,
    /// Configuration files that differ or cannot be compared, by path.
    pub files: Vec<FileDiff>,
    /// Files inside of initrds that differ from the root's, after the change.
    pub initrd_copies: Vec<CopyDiff>,
    /// Rules on the change that could not be decided for lack of evidence.
    pub not_evaluated: Vec<NotEvaluated>,
    /// What one input does not hold, so that parts of the two cannot be compared, a sentence each.
    pub limits: Vec<String>,
    /// Number of findings of each severity that are new or about the change and not waived: those that the gate counts.
    pub summary: Summary,
    /// Whether one of these is at or above the gate's severity.
    pub verdict: Verdict,
}

/// Findings, each in one of these lists, worst first.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Findings {
    /// Found by the rules on changes.
    pub change: Vec<Finding>,
    /// Of the system after, and not of the one before.
    pub new: Vec<Finding>,
    /// Of the system before, and no longer.
    pub gone: Vec<Finding>,
    /// Of both.
    pub unchanged: Vec<Finding>,
    /// Of one system, where the other does not say whether it has it, too.
    pub undecided: Vec<Undecided>,
}

/// A finding of which nobody knows whether it is new or gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Undecided {
    /// Which system has it: `before` or `after`.
    pub of: Which,
    /// What would say whether the other has it, too.
    pub needs: String,
    /// The finding.
    pub finding: Finding,
}

/// One of the two systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The one before the change.
    Before,
    /// The one after.
    After,
}

/// A boot entry on a target, before and after.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BootDiff {
    /// The entry's title.
    pub entry: String,
    /// The target's name.
    pub target: String,
    /// Whether the loader picks it by itself after the change, or, if it is gone, did so before.
    pub default: bool,
    /// Which way it went.
    pub direction: BootDirection,
    /// Another entry than before boots by itself, and this compares the two.
    pub is_replaced: bool,
    /// How it went; null if there was no such entry.
    pub before: Option<BootSide>,
    /// How it goes; null if there is no such entry.
    pub after: Option<BootSide>,
}

/// How a boot goes on one side.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BootSide {
    /// The entry's title on this side.
    pub entry: String,
    /// Whether the loader picks it by itself.
    pub default: bool,
    /// Whether it boots.
    pub outcome: Outcome,
    /// The first step that fails; null if none does.
    pub failed_at: Option<StepName>,
    /// What happens at that step, or at the first that is unknown; null if it boots.
    pub detail: Option<String>,
}

/// A configuration file that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileDiff {
    /// Its path, relative to the root.
    pub path: String,
    /// What it is about.
    pub subject: FileSubject,
    /// What became of it.
    pub status: FileStatus,
    /// Whether more differs than comments and empty lines; null if nobody knows.
    pub sets_differ: Option<bool>,
    /// What is to be said besides: a link that leads elsewhere, a binary file, what one input does not hold.
    pub note: Option<String>,
    /// How it differs, as `diff -u` says it, without secrets; null where that is not to be shown.
    pub diff: Option<String>,
}

/// A file inside of an initrd that differs from the root's.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopyDiff {
    /// The initrd's path, relative to the root.
    pub initrd: String,
    /// The file's path, in the initrd and in the root.
    pub path: String,
    /// The file in the root.
    pub at: Place,
    /// Whether the two differed in the same way before the change.
    pub is_unchanged: bool,
    /// From the initrd's copy to the root's file, as `diff -u` says it, without secrets; null where it is too long.
    pub diff: Option<String>,
}
