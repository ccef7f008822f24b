//! Rules as data: YAML files with CEL conditions and Tera messages, checked when they are loaded.
//!
//! ```text
//! rules/<subject>/<id>.yaml
//!   │  definition  the file's shape
//!   │  yaml        the YAML, with all mistakes of its shape
//!   │  load        YAML -> Rule; every mistake with its line and a caret (error)
//!   │  types       what a rule may read, from the JSON schemas of facts, targets and boots
//!   │  check       conditions against these types; template the messages
//!   ▼
//! Rule  ──  eval  Facts x Targets x Boots -> Findings; value the facts as CEL sees them; snippet the line shown
//! ```
//!
//! How a rule is written is taught by `rules/README.md`.

mod check;
mod definition;
mod error;
mod eval;
pub(crate) mod fingerprint;
pub mod fixture;
mod functions;
mod load;
pub(crate) mod phrase;
pub mod reference;
mod rule;
pub(crate) mod shell;
mod snippet;
mod template;
#[cfg(test)]
mod tests;
mod types;
mod value;
mod yaml;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use schemars::Schema;

pub(crate) use check::suggest;
pub use definition::Subject;
pub use error::RuleError;
pub use rule::{Remedy, RemedyStep, Rule};

use crate::changes::{BootChange, Changes};
use crate::facts::Facts;
use crate::finding::Finding;
use crate::report::NotEvaluated;
use crate::simulate::Boot;
use crate::source::Tree;
use crate::target::Target;
use load::Language;

include!(concat!(env!("OUT_DIR"), "/built_in_rules.rs"));

/// What rules are evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What the system says of itself.
    pub facts: &'a Facts,
    /// The targets asked for.
    pub targets: &'a [Target],
    /// How each entry fares on each of these.
    pub boots: &'a [Boot],
    /// The system, for the lines that findings point at.
    pub tree: &'a Tree,
}

/// What rules on a change are evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct ChangeInput<'a> {
    /// The facts before the change and after it.
    pub facts: (&'a Facts, &'a Facts),
    /// What differs.
    pub changes: &'a Changes,
    /// The targets asked for.
    pub targets: &'a [Target],
    /// How each entry fares on each of these, before and after.
    pub boots: &'a [BootChange],
    /// The system after the change, for the lines that findings point at.
    pub after: &'a Tree,
}

/// What the rules came to.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Sorted by severity, path, line, rule, target and entry.
    pub findings: Vec<Finding>,
    /// Rules that could not be decided for lack of evidence, sorted.
    pub not_evaluated: Vec<NotEvaluated>,
    /// Rules that went wrong while they were evaluated (id, what), which is a mistake in the rule.
    pub mistakes: Vec<(String, String)>,
}

/// What is found about waivers: told as a rule tells it, and decided by [`crate::waivers`].
const ABOUT_WAIVERS: [(&str, &str); 2] = [
    ("waiver-expired", include_str!("../waivers/waiver-expired.yaml")),
    ("waiver-unused", include_str!("../waivers/waiver-unused.yaml")),
];

/// Rules that passed all checks.
pub struct RuleSet {
    rules: Vec<Rule>,
    about_waivers: Vec<Rule>,
    language: Arc<Language>,
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|rule| &rule.id)).finish()
    }
}

impl RuleSet {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// The mistakes in them, which the program's own tests rule out.
    pub fn built_in() -> Result<Self, Vec<RuleError>> {
        let mut set = Self::empty()?;
        let files = BUILT_IN.iter().map(|(path, source)| (PathBuf::from(path), (*source).to_owned()));
        set.add(files.collect())?;
        for (id, source) in ABOUT_WAIVERS {
            let rule = load::load(&format!("src/waivers/{id}.yaml"), id, source, &set.language)?;
            set.about_waivers.push(rule);
        }
        Ok(set)
    }

    /// How many rules come with the program.
    #[must_use]
    pub fn built_in_count() -> usize {
        BUILT_IN.len()
    }

    /// No rules yet.
    ///
    /// # Errors
    /// Never in practice: the functions of rules would have to be declared twice.
    pub fn empty() -> Result<Self, Vec<RuleError>> {
        let language = Language::new::<Facts>()
            .map_err(|error| vec![RuleError::unreadable("the rule language", error)])?;
        Ok(Self { rules: Vec::new(), about_waivers: Vec::new(), language: Arc::new(language) })
    }

    /// Adds the rules of a directory: all `*.yaml` in it and below, without following links to directories.
    /// `rules/targets` and other folders of that name are left out, since targets are no rules.
    ///
    /// # Errors
    /// Every mistake in every file; then nothing is added.
    pub fn load_dir(&mut self, directory: &Path) -> Result<(), Vec<RuleError>> {
        let mut files = Vec::new();
        read_dir(directory, &mut files)?;
        files.sort();
        self.add(files)
    }

    fn add(&mut self, files: Vec<(PathBuf, String)>) -> Result<(), Vec<RuleError>> {
        let load = |(path, source): &(PathBuf, String)| {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            load::load(&path.display().to_string(), &stem, source, &self.language)
        };
        let loaded: Vec<_> = files.par_iter().map(load).collect();
        let mut errors = Vec::new();
        let mut rules: Vec<Rule> = Vec::new();
        for (rule, (path, source)) in loaded.into_iter().zip(&files) {
            match rule {
                Ok(rule) => match self.rules.iter().chain(&rules).find(|known| known.id == rule.id) {
                    Some(known) => {
                        let message = format!("there is already a rule `{}`: {}", rule.id, known.path);
                        let at = source.find(rule.id.as_str()).unwrap_or(0);
                        let source = Arc::from(source.as_str());
                        let span = at..at + rule.id.len();
                        errors.push(RuleError::new(&path.display().to_string(), &source, span, message));
                    }
                    None => rules.push(rule),
                },
                Err(mistakes) => errors.extend(mistakes),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        self.rules.extend(rules);
        self.rules.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }

    /// The rules that are evaluated, sorted by id.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule called `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().chain(&self.about_waivers).find(|rule| rule.id == id)
    }

    /// The id of a rule that is spelt nearly like `id`.
    #[must_use]
    pub fn suggest(&self, id: &str) -> Option<&str> {
        let rules = self.rules.iter().chain(&self.about_waivers);
        check::nearest(id, rules.map(|rule| rule.id.as_str()))
    }

    /// Evaluates all rules that look at one system.
    #[must_use]
    pub fn evaluate(&self, input: &Input<'_>) -> Evaluation {
        eval::evaluate(&self.on(Subject::System), &self.language.env, input.facts, input)
    }

    /// Evaluates all rules that look at a change.
    #[must_use]
    pub fn evaluate_change(&self, input: &ChangeInput<'_>) -> Evaluation {
        let (before, after) = input.facts;
        eval::evaluate_change(&self.on(Subject::Change), &self.language.env, before, after, input)
    }

    /// Evaluates the rule called `id` alone, if it looks at one system.
    #[must_use]
    pub fn evaluate_only(&self, id: &str, input: &Input<'_>) -> Evaluation {
        let rules: Vec<&Rule> = self.on(Subject::System).into_iter().filter(|rule| rule.id == id).collect();
        eval::evaluate(&rules, &self.language.env, input.facts, input)
    }

    /// Evaluates the rule called `id` alone, if it looks at a change.
    #[must_use]
    pub fn evaluate_change_only(&self, id: &str, input: &ChangeInput<'_>) -> Evaluation {
        let rules: Vec<&Rule> = self.on(Subject::Change).into_iter().filter(|rule| rule.id == id).collect();
        let (before, after) = input.facts;
        eval::evaluate_change(&rules, &self.language.env, before, after, input)
    }

    fn on(&self, subject: Subject) -> Vec<&Rule> {
        self.rules.iter().filter(|rule| rule.on == subject).collect()
    }
}

/// The JSON schema of a rule file, for editors.
#[must_use]
pub fn schema() -> Schema {
    schemars::schema_for!(definition::RuleFile)
}

/// What stands beside the program's own rules and is none: platforms, log signatures, kernel options of drivers.
const OTHER_DATA: &[&str] = &["targets", "console", "data", "drivers.yaml"];

/// Reads the rule files below `directory`.
#[expect(clippy::disallowed_methods, reason = "the user's own rules are no part of the audited system")]
fn read_dir(directory: &Path, files: &mut Vec<(PathBuf, String)>) -> Result<(), Vec<RuleError>> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        vec![RuleError::unreadable(&path.display().to_string(), error)]
    };
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let entry = entry.map_err(|error| unreadable(directory, &error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
        if OTHER_DATA.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            // A folder named after a rule holds the systems that it is tested on.
            if !path.with_extension("yaml").is_file() {
                read_dir(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let metadata = std::fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
            if !metadata.is_file() {
                return Err(unreadable(&path, &"it is no regular file"));
            }
            if metadata.len() > load::FILE_LIMIT as u64 {
                return Err(unreadable(&path, &format!("a rule has at most {} bytes", load::FILE_LIMIT)));
            }
            let source = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            files.push((path, source));
        }
    }
    Ok(())
}
