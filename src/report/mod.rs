//! One report value and its renderers. Renderers never decide.

mod build;
pub mod diff;
mod escape;
pub mod fleet;
#[cfg(test)]
mod hostile;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
mod page;
pub(crate) mod prose;
pub mod read;
mod run;
#[cfg(test)]
mod sample;
pub mod sarif;
mod templates;
pub mod text;
pub mod triage;
mod view;

pub use build::Parts;
pub use run::{Root, Run};

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::system::System;
use crate::finding::{Finding, Severity};
use crate::simulate::Boot;
use crate::target::Target;

/// Version of the report's shape; goes up when a field changes its meaning or goes away.
pub const SCHEMA: &str = "bootproof-report/1";

/// Text of the audited system on one line, with what a terminal or a shell's comment would act on written as escapes.
pub(crate) fn one_line(text: &str) -> String {
    escape::shown(text)
}

/// The same for text of several lines.
pub(crate) fn harmless_lines(text: &str) -> String {
    escape::shown_lines(text)
}

/// What of a report a page or a text shows. The JSON report is the same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    Whole,
    /// The boots alone, step by step: no rule was applied.
    Boots,
}

/// Everything that one run says.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name and version of the program.
    pub tool: Tool,
    /// The system that was looked at.
    pub system: SystemSummary,
    /// The targets, in the order asked for.
    pub targets: Vec<TargetSummary>,
    /// One item for each boot entry and target.
    pub boots: Vec<Boot>,
    /// What the rules found, worst first.
    pub findings: Vec<Finding>,
    /// Rules that could not be decided for lack of evidence.
    pub not_evaluated: Vec<NotEvaluated>,
    /// Number of findings of each severity that the gate counts: those that are neither waived nor known.
    pub summary: Summary,
    /// Number of findings that are waived.
    pub waived: usize,
    /// How this compares with the baseline; null if there is none.
    pub baseline: Option<BaselineSummary>,
    /// Whether anything that counts is at or above the gate's severity.
    pub verdict: Verdict,
    /// Boots, by their index, that make the verdict `fail`.
    #[serde(skip)]
    stopped: Vec<usize>,
}

impl Report {
    /// Whether the boot at `index` makes the verdict `fail`.
    pub(crate) fn is_stopped_by(&self, index: usize) -> bool {
        self.stopped.contains(&index)
    }
}

/// How a report compares with an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BaselineSummary {
    /// The earlier report's file, as it was named.
    pub report: String,
    /// Number of findings that both have.
    pub known: usize,
    /// Number of findings of the earlier report that are no more.
    pub gone: usize,
}

/// The program that wrote a report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Tool {
    /// `bootproof`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Tool {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }
    }
}

/// What a report says of the system.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SystemSummary {
    /// The path as given on the command line.
    pub source: String,
    /// The distribution and machine.
    #[serde(flatten)]
    pub system: System,
}

/// What a report says of a target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TargetSummary {
    /// The short name: `kvm`.
    pub name: String,
    /// The name in words.
    pub title: String,
}

impl From<&Target> for TargetSummary {
    fn from(target: &Target) -> Self {
        Self { name: target.name.clone(), title: target.title.clone() }
    }
}

/// A rule that could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct NotEvaluated {
    /// The rule's id.
    pub rule: String,
    /// What would settle it.
    pub needs: String,
}

/// Number of findings of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Will not boot or not be reachable.
    pub blocker: usize,
    /// A service or data is lost, or the boot hangs.
    pub high: usize,
    /// Works by luck.
    pub medium: usize,
    /// Untidy.
    pub low: usize,
    /// Good to know.
    pub info: usize,
}

impl Summary {
    /// Counts those of `findings` that the gate counts.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let counted = |severity| {
            findings.iter().filter(move |finding| finding.counts() && finding.severity == severity)
        };
        let count = |severity| counted(severity).count();
        Self {
            blocker: count(Severity::Blocker),
            high: count(Severity::High),
            medium: count(Severity::Medium),
            low: count(Severity::Low),
            info: count(Severity::Info),
        }
    }
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing at or above the gate's severity.
    Pass,
    /// Something is.
    Fail,
}
