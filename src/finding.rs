//! What a rule found: one problem, at one place, with its remedy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::rules::shell;

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
    /// An initrd to build anew.
    Rebuild {
        /// Its path, relative to the root.
        initrd: String,
        /// The kernel release that it is for; null if its builder does not ask for one.
        release: Option<String>,
        /// Modules that it must have beside those that its builder chooses.
        drivers: Vec<String>,
        /// How that system's tool is told to, one line or several.
        command: String,
    },
    /// Lines that a file must have; the file is made if it is not there.
    Append {
        /// The file, relative to the root.
        path: String,
        /// The lines.
        text: String,
    },
    /// A file that has to go.
    Remove {
        /// The file, relative to the root.
        path: String,
    },
    /// Parameters of the kernel, in every boot entry and in what the next entries are made from.
    Cmdline {
        /// Those that have to go: a name (`resume`), whatever its value, or a name with its value.
        remove: Vec<String>,
        /// Those that come in their place, or at the end where none is to go.
        add: Vec<String>,
        /// How that system's tool is told to, one line or several.
        command: String,
    },
    /// Something to do that is neither.
    Advice {
        /// A sentence.
        text: String,
    },
}

impl Fix {
    /// What a shell is told for this step, where it is neither an edit of a line nor a sentence.
    #[must_use]
    pub fn as_command(&self) -> Option<String> {
        match self {
            Self::Command { command } | Self::Rebuild { command, .. } | Self::Cmdline { command, .. } => {
                Some(command.clone())
            }
            Self::Append { path, text } => {
                let lines: Vec<String> = text.lines().map(shell::word).collect();
                Some(format!("printf '%s\\n' {} >> {}", lines.join(" "), shell::word(&format!("/{path}"))))
            }
            Self::Remove { path } => Some(format!("rm {}", shell::word(&format!("/{path}")))),
            Self::Replace { .. } | Self::Advice { .. } => None,
        }
    }
}

/// Why and how long a finding is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waived {
    /// The reason that the waiver gives.
    pub reason: String,
    /// The last day on which it holds, `YYYY-MM-DD`; null: it does not end.
    pub expires: Option<String>,
    /// The waiver: its file as the user named it, and its line.
    pub at: Place,
}

impl Waived {
    /// `waived until 2027-06-30: replaced in June (bootproof.toml:3)`
    #[must_use]
    pub fn told(&self) -> String {
        let until = self.expires.as_ref().map(|day| format!(" until {day}")).unwrap_or_default();
        format!("waived{until}: {} ({})", self.reason.trim_end_matches('.'), self.at)
    }
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
    /// The waiver that accepts it; null if none does. What is waived does not count for the gate.
    pub waived: Option<Waived>,
    /// Whether the baseline has it, too. What is known does not count for the gate.
    pub known: bool,
}

impl Finding {
    /// Whether the gate counts it: it is neither waived nor known.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.waived.is_none() && !self.known
    }
}
