//! A rule as it is listed, explained and evaluated, after its file passed all checks.

use serde::Serialize;

use super::definition::Subject;
use super::load::Plan;
use crate::finding::Severity;
use crate::target::Target;

/// A rule that passed all checks.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Kebab-case; names the problem.
    pub id: String,
    /// What it is about, in a few words.
    pub title: String,
    /// The severities it may give, worst first; most rules have one.
    pub severities: Vec<Severity>,
    /// Entries of the failure-mode catalogue that it decides.
    pub decides: Vec<String>,
    /// Whether it looks at one system or at a change of one.
    pub on: Subject,
    /// The targets it is for: names, classes, `all`, `others`; none where the target does not matter.
    pub targets: Option<Vec<String>>,
    /// What is wrong, as the template it is.
    pub message: String,
    /// Why it matters, in Markdown.
    pub why: String,
    /// How to see it oneself, in Markdown.
    pub see: Option<String>,
    /// The remedy's steps, as the templates they are.
    pub remedy: Vec<RemedyStep>,
    /// Sources.
    pub refs: Vec<String>,
    /// The rule's file: its path under `rules/` for a built-in one.
    pub path: String,
    #[serde(skip)]
    pub(super) plan: Plan,
}

impl Rule {
    /// Why it matters and how to see it oneself, as findings tell it.
    pub(super) fn reason(&self) -> String {
        let why = self.why.trim();
        match &self.see {
            Some(see) => format!("{why}\n\nSee for yourself: {}", see.trim()),
            None => why.to_owned(),
        }
    }

    /// Whether it is evaluated when `target` is asked for; a rule to which targets do not matter always is.
    #[must_use]
    pub fn is_for(&self, target: &Target) -> bool {
        let Some(selectors) = &self.targets else { return true };
        selectors.iter().any(|selector| match selector.as_str() {
            "all" => true,
            "others" => !target.is_same(),
            name => target.name == name || target.classes.iter().any(|class| class == name),
        })
    }
}

/// A step of a rule's remedy before it is filled in for a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemedyStep {
    /// CEL: whether the step applies; null: always.
    #[serde(rename = "if")]
    pub condition: Option<String>,
    /// What to do.
    #[serde(flatten)]
    pub remedy: Remedy,
}

/// What a step of a remedy does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// A shell command.
    Command(String),
    /// A line to write as the text says; none: to delete.
    Replace(Option<String>),
    /// What comes in the place of a part of a line.
    Part(String),
    /// Lines that a file must have.
    Append {
        /// The file.
        path: String,
        /// The lines.
        text: String,
    },
    /// A file that has to go.
    Remove(String),
    /// Parameters of the kernel.
    Cmdline {
        /// CEL: those that go.
        remove: Option<String>,
        /// CEL: those that come.
        add: Option<String>,
    },
    /// An initrd to build anew.
    Rebuild {
        /// CEL: its path, or a list of paths.
        initrd: String,
        /// CEL: the modules that it must have.
        drivers: Option<String>,
    },
    /// A sentence.
    Advice(String),
}
