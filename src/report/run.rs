//! A report with what only a pipeline asks beside it: which rules were asked on which targets, how strict the gate is,
//! and where the files are that findings point at.

use super::Report;
use crate::finding::Severity;
use crate::rules::RuleSet;
use crate::target::Target;

/// A report and how it came about.
#[derive(Debug)]
pub struct Run<'a> {
    /// What was found.
    pub report: &'a Report,
    /// The rules that were applied.
    pub rules: &'a RuleSet,
    /// The targets that were asked for.
    pub targets: &'a [Target],
    /// From which severity on findings fail; none: they never do.
    pub gate: Option<Severity>,
    /// Where the system's files are.
    pub root: Root,
}

/// Where the files of the system are for those who read the report, so that a viewer can open the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// In a directory at or below the working directory, which is given with slashes and may be empty: a repository
    /// that holds the files of a system.
    Below(String),
    /// In a directory elsewhere, by its absolute path.
    Elsewhere(String),
    /// In an archive: no viewer finds them there.
    Packed,
}
