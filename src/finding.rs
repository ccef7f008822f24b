//! What a rule found: one problem, at one place, with its remedy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// How bad a finding is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It will not boot or will not be reachable.
    Blocker,
    /// A service or data is lost, or the boot hangs.
    High,
    /// It works by luck.
    Medium,
    /// Untidy.
    Low,
    /// Good to know.
    Info,
}

impl Severity {
    /// All severities, worst first.
    pub const ALL: [Self; 5] = [Self::Blocker, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The name as the rules and the reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocker => "blocker",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

/// One step of a remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Fix {
    /// A command to run on the system (or in a rescue chroot of it).
    Command {
        /// The shell command, one line or several.
        command: String,
    },
    /// A line of a file to write otherwise.
    Replace {
        /// The line that is meant.
        at: Place,
        /// The text that the line should have; null: delete the line.
        with: Option<String>,
    },
    /// Something to do that is neither.
    Advice {
        /// A sentence.
        text: String,
    },
}

/// One problem that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule's id, kebab-case.
    pub rule: String,
    /// The entries of the failure-mode catalogue that the rule decides (`B01`, `N10`).
    pub decides: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The target it breaks on; null where the target does not matter.
    pub target: Option<String>,
    /// The boot entry concerned; null where it is not a matter of one entry.
    pub entry: Option<String>,
    /// What the rule is about, in a few words.
    pub title: String,
    /// What is wrong here, in a sentence.
    pub message: String,
    /// Where.
    pub at: Place,
    /// The line itself, secrets masked; null where the place is no line of a text.
    pub snippet: Option<String>,
    /// Why it matters, in Markdown.
    pub why: String,
    /// How to mend it, step by step.
    pub fix: Vec<Fix>,
    /// Sources: man pages, documents, bug reports.
    pub refs: Vec<String>,
    /// Stable over line shifts: a hash of rule, target, entry, path and the text of the line.
    pub fingerprint: String,
}
