//! Rule files: YAML in, checked rules out.

mod steps;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use cel::common::types::CelString;
use cel::{Env, IdedExpr};
use schemars::JsonSchema;
use serde_saphyr::Spanned;
use tera::Tera;

use super::check::{Checked, Issue, Scope, check, quoted, suggest};
use super::definition::{RuleFile, Subject};
use super::error::{RuleError, Scalar};
use super::rule::{RemedyStep, Rule};
use super::types::{Builder, Kind, Type, Types};
use super::yaml::{self, bytes};
use super::{functions, shell, template};
use crate::changes::{BootChange, Changes};
use crate::finding::Severity;
use crate::place::Place;
use crate::simulate::Boot;
use crate::target::TargetView;
pub(super) use steps::{Action, Step};

/// Bytes of a rule file that are read at most; the longest of ours has a few thousand.
pub(super) const FILE_LIMIT: usize = 1 << 20;

/// What every rule is written in: functions, and the names with their types.
pub(super) struct Language {
    pub(super) env: Arc<Env>,
    pub(super) types: Types,
    target: Type,
    boots: Type,
    /// The facts of one system as a whole.
    system: Type,
    changes: Type,
    boot_changes: Type,
}

impl Language {
    /// Reads the schemas of targets, boots, changes, and of the facts `F`.
    pub(super) fn new<F: JsonSchema>() -> Result<Self, cel::DeclarationError> {
        let mut builder = Builder::new();
        let schemas = [
            builder.add::<F>(),
            builder.add::<TargetView>(),
            builder.add::<Boot>(),
            builder.add::<Place>(),
            builder.add::<Changes>(),
            builder.add::<BootChange>(),
        ];
        let mut reader = builder.finish();
        let [facts, target, boot, place, changes, boot_change] = &schemas;
        let (target, boot) = (reader.of(target), reader.of(boot));
        let (changes, boot_change) = (reader.of(changes), reader.of(boot_change));
        reader.of(place);
        let system = reader.of(facts);
        let types = reader.into_types(facts);
        Ok(Self {
            env: Arc::new(functions::environment()?),
            types,
            target,
            boots: Type::list(boot),
            system,
            changes,
            boot_changes: Type::list(boot_change),
        })
    }

    /// What `boots` is in a rule on `subject`.
    fn boots(&self, subject: Subject) -> &Type {
        match subject {
            Subject::System => &self.boots,
            Subject::Change => &self.boot_changes,
        }
    }
}

/// What a rule evaluates.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) each: Option<IdedExpr>,
    pub(super) lets: Vec<(String, IdedExpr)>,
    pub(super) when: IdedExpr,
    pub(super) at: IdedExpr,
    pub(super) entry: Option<IdedExpr>,
    /// None: the one of `severities`.
    pub(super) severity: Option<IdedExpr>,
    /// Holds the templates `message` and `fix/0`, `fix/1`... with the suffix of what they are.
    pub(super) tera: Tera,
    pub(super) fix: Vec<Step>,
    /// Top-level names that the templates read.
    pub(super) used: BTreeSet<String>,
}

/// The names that only a rule on a change has.
const CHANGE_NAMES: [&str; 3] = ["before", "after", "changes"];

/// Name of the message's template.
pub(super) const MESSAGE: &str = "message";

/// Reads the rule in `source`; `path` is what errors say, `stem` the file's name without `.yaml`.
pub(super) fn load(
    path: &str,
    stem: &str,
    source: &str,
    language: &Language,
) -> Result<Rule, Vec<RuleError>> {
    let source: Arc<str> = source.into();
    if source.len() > FILE_LIMIT {
        let message = format!("has {} bytes; a rule has at most {FILE_LIMIT}", source.len());
        return Err(vec![RuleError::new(path, &source, 0..0, message)]);
    }
    let (file, errors) = yaml::read(path, &source);
    let Some(file) = file else { return Err(errors) };
    let mut loader = Loader { path, source: &source, language, errors };
    let rule = loader.rule(file, stem);
    match rule {
        Some(rule) if loader.errors.is_empty() => Ok(rule),
        _ => {
            loader.errors.sort_by_key(|error| (error.line, error.column));
            Err(loader.errors)
        }
    }
}

struct Loader<'a> {
    path: &'a str,
    source: &'a Arc<str>,
    language: &'a Language,
    errors: Vec<RuleError>,
}

impl Loader<'_> {
    fn rule(&mut self, file: RuleFile, stem: &str) -> Option<Rule> {
        self.identity(&file, stem);
        let mut scope = self.scope(&file);
        let each = file.each.as_ref().map(|each| self.each(each, &mut scope));
        let mut lets = Vec::new();
        for (name, expression) in &file.lets.0 {
            self.let_name(name, &scope);
            if let Some(checked) = self.expression(expression, &scope) {
                lets.push((name.value.clone(), checked.expr));
                scope.declare(name.value.clone(), Type { unknown: true, ..checked.of });
            } else {
                // The mistake is already reported; uses of the name are not to blame.
                scope.declare(name.value.clone(), Type::any());
            }
        }
        let when = self.typed(&file.when, &scope, &Kind::Bool, "a condition");
        let at = self.place(file.at.as_ref(), &file, &scope);
        let entry = self.entry(file.entry.as_ref(), file.on, &scope);
        let severity = self.severity(&file.severity, &scope);
        let mut tera = template::engine();
        let mut used = BTreeSet::new();
        self.template(&mut tera, MESSAGE, &file.message, &scope, &mut used);
        let mut fix = Vec::new();
        let mut remedy = Vec::new();
        for (index, step) in file.fix.value.into_iter().enumerate() {
            let condition = step.condition.as_ref().map(|condition| condition.value.trim().to_owned());
            // A mistake in one step does not hide those of the next.
            let step = self.step(step, index, &file.fix.referenced, &scope, &mut tera, &mut used);
            let Some((step, text)) = step else { continue };
            fix.push(step);
            remedy.push(RemedyStep { condition, remedy: text });
        }
        let (severities, severity) = severity?;
        let each = match each {
            Some(each) => Some(each?),
            None => None,
        };
        Some(Rule {
            id: file.id.value,
            title: file.title.value,
            severities,
            decides: file.decides.into_iter().map(|entry| entry.value).collect(),
            on: file.on,
            targets: file.targets.map(|targets| targets.into_iter().map(|target| target.value).collect()),
            message: file.message.value,
            why: file.why.value,
            see: file.see.map(|see| see.value),
            remedy,
            refs: file.refs,
            path: self.path.to_owned(),
            plan: Plan { each, lets, when: when?, at: at?, entry, severity, tera, fix, used },
        })
    }

    /// Checks what needs no expressions: id, title, texts, catalogue entries, targets.
    fn identity(&mut self, file: &RuleFile, stem: &str) {
        let id = &file.id.value;
        if !is_kebab(id) {
            self.error(
                &file.id,
                "an id is kebab-case: small letters and digits, joined by single dashes",
                None,
            );
        } else if id != stem {
            let help = format!("call the file `{id}.yaml`, or the rule `{stem}`");
            self.error(&file.id, "the id is not the file's name", Some(help));
        }
        for (text, what) in [
            (&file.title, "a title"),
            (&file.why, "a reason"),
            (&file.message, "a message"),
            (&file.when, "a condition"),
        ] {
            if text.value.trim().is_empty() {
                self.error(text, format!("{what} is needed here"), None);
            }
        }
        if file.fix.value.is_empty() {
            self.error(&file.fix, "a rule says how to mend what it finds", None);
        }
        for entry in &file.decides {
            if !is_catalogue_entry(&entry.value) {
                self.error(entry, "an entry of the catalogue is a letter and a number, such as `B01`", None);
            }
        }
        if let Some(targets) = &file.targets {
            for target in targets.iter().filter(|target| !is_kebab(&target.value)) {
                self.error(target, "names no target or class: small letters, digits and dashes", None);
            }
        }
    }

    fn scope(&self, file: &RuleFile) -> Scope {
        let mut scope = Scope::default();
        match file.on {
            Subject::System => {
                for (name, of) in &self.language.types.facts {
                    scope.declare(name.clone(), of.clone());
                }
                for name in CHANGE_NAMES {
                    scope.withhold(name, "a rule that compares two systems says so: `on: change`");
                }
            }
            Subject::Change => {
                let of = [&self.language.system, &self.language.system, &self.language.changes];
                for (name, of) in CHANGE_NAMES.into_iter().zip(of) {
                    scope.declare(name, of.clone());
                }
                for name in self.language.types.facts.keys() {
                    scope.withhold(
                        name.clone(),
                        "of two systems, say which: a fact is a field of `before` or of `after`",
                    );
                }
            }
        }
        if file.targets.is_some() {
            scope.declare("target", self.language.target.clone());
            scope.declare("boots", self.language.boots(file.on).clone());
        } else {
            scope.withhold("target", "a rule that reads the target says for which: `targets: [all]`");
            scope.withhold("boots", "a rule that reads the boots says on which target: `targets: [all]`");
        }
        scope.withhold("it", "`it` is an item of the list that `each` names");
        scope
    }

    fn each(&mut self, each: &Spanned<String>, scope: &mut Scope) -> Option<IdedExpr> {
        let checked = self.expression(each, scope);
        let item = match checked.as_ref().map(|checked| &checked.of.kind) {
            Some(Kind::List(item)) => item.as_ref().clone(),
            Some(Kind::Any) | None => Type::any(),
            Some(_) => {
                let message = format!("is {}, where a list is needed", describe(checked.as_ref()));
                self.error(each, message, None);
                Type::any()
            }
        };
        // An item that is unknown makes that item not evaluated before anything reads it.
        scope.declare("it", Type { unknown: false, ..item });
        checked.map(|checked| checked.expr)
    }

    fn let_name(&mut self, name: &Spanned<String>, scope: &Scope) {
        let text = &name.value;
        let word = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && text.starts_with(|c: char| c.is_ascii_lowercase());
        if !word {
            self.error(name, "a name is small letters, digits and `_`, a letter first", None);
        } else if scope.get(text).is_some() {
            self.error(name, format!("there is already a `{text}`"), None);
        }
    }

    fn place(&mut self, at: Option<&Spanned<String>>, file: &RuleFile, scope: &Scope) -> Option<IdedExpr> {
        let Some(at) = at else {
            let checked = check("it.at", &self.language.env, &self.language.types, scope);
            if let Ok(Checked { expr, of }) = checked
                && is_place(&of)
                && !of.nullable
            {
                return Some(expr);
            }
            let help = "`at: it.device.at`, or `at: place(\"etc/fstab\")`".to_owned();
            self.error(
                &file.when,
                "a finding has a place, and there is no `it.at`: say which with `at`",
                Some(help),
            );
            return None;
        };
        let checked = self.expression(at, scope)?;
        if !is_place(&checked.of) {
            self.error(at, format!("is {}, where a place is needed", checked.of), None);
            return None;
        }
        if checked.of.nullable {
            let help = format!("write `first({}, place(\"…\"))`", at.value.trim());
            self.error(at, "a finding has a place, and this may be null", Some(help));
        }
        Some(checked.expr)
    }

    fn entry(
        &mut self,
        entry: Option<&Spanned<String>>,
        subject: Subject,
        scope: &Scope,
    ) -> Option<IdedExpr> {
        let Some(entry) = entry else {
            let Kind::List(boot) = &self.language.boots(subject).kind else { return None };
            let is_boot = scope.get("it").is_some_and(|it| it.kind == boot.kind);
            let checked = check("it.entry", &self.language.env, &self.language.types, scope);
            return checked.ok().filter(|_| is_boot).map(|checked| checked.expr);
        };
        let checked = self.expression(entry, scope)?;
        if !checked.of.is_text() {
            self.error(entry, format!("is {}, where the title of an entry is needed", checked.of), None);
        }
        Some(checked.expr)
    }

    fn severity(
        &mut self,
        text: &Spanned<String>,
        scope: &Scope,
    ) -> Option<(Vec<Severity>, Option<IdedExpr>)> {
        if let Some(severity) = severity(&text.value) {
            return Some((vec![severity], None));
        }
        let names = || Severity::ALL.into_iter().map(Severity::name);
        let one_word = text.value.chars().all(char::is_alphanumeric);
        if one_word {
            let help = suggest(&text.value, names());
            self.error(text, format!("a severity is one of {}", quoted(names())), help);
            return None;
        }
        let checked = self.expression(text, scope)?;
        let Kind::Text(Some(values)) = &checked.of.kind else {
            self.error(text, format!("is {}, and not surely a severity", checked.of), None);
            return None;
        };
        let chosen: Option<Vec<Severity>> = values.iter().map(|value| severity(value)).collect();
        let Some(mut severities) = chosen.filter(|_| !checked.of.nullable) else {
            self.error(text, format!("may give something else than {}", quoted(names())), None);
            return None;
        };
        severities.sort();
        Some((severities, Some(checked.expr)))
    }

    fn template(
        &mut self,
        tera: &mut Tera,
        name: &str,
        text: &Spanned<String>,
        scope: &Scope,
        used: &mut BTreeSet<String>,
    ) {
        if text.value.trim().is_empty() && name != MESSAGE {
            self.error(text, "a text is needed here", None);
        }
        if let Err(issues) = template::add(tera, name, &text.value, &self.language.types, scope, used) {
            self.issues(text, issues);
        }
    }

    fn typed(&mut self, text: &Spanned<String>, scope: &Scope, kind: &Kind, what: &str) -> Option<IdedExpr> {
        let checked = self.expression(text, scope)?;
        if !checked.of.is(kind) {
            self.error(text, format!("is {}, where {what} is needed", checked.of), None);
            return None;
        }
        Some(checked.expr)
    }

    fn expression(&mut self, text: &Spanned<String>, scope: &Scope) -> Option<Checked> {
        match check(&text.value, &self.language.env, &self.language.types, scope) {
            Ok(checked) => Some(checked),
            Err(issues) => {
                self.issues(text, issues);
                None
            }
        }
    }

    fn issues(&mut self, text: &Spanned<String>, issues: Vec<Issue>) {
        let start = bytes(self.source, text.referenced.span()).start;
        let scalar = Scalar { text: text.value.clone(), start };
        for issue in issues {
            self.error_at(scalar.span(self.source, issue.span), issue.message, issue.help);
        }
    }

    fn error<T>(&mut self, at: &Spanned<T>, message: impl Into<String>, help: Option<String>) {
        self.error_at(bytes(self.source, at.referenced.span()), message, help);
    }

    fn error_at(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        // What stands in for a missing key is not to blame.
        if span.start < self.source.len() {
            self.errors.push(RuleError::new(self.path, self.source, span, message).with_help(help));
        }
    }
}

fn describe(checked: Option<&Checked>) -> String {
    checked.map_or_else(|| "nothing".to_owned(), |checked| checked.of.to_string())
}

fn is_place(of: &Type) -> bool {
    matches!(&of.kind, Kind::Any) || matches!(&of.kind, Kind::Object(name) if name.as_ref() == "Place")
}

fn severity(name: &str) -> Option<Severity> {
    Severity::ALL.into_iter().find(|severity| severity.name() == name)
}

/// The severity that a text value names.
pub(super) fn severity_of(value: &dyn cel::common::value::Val) -> Option<Severity> {
    value.downcast_ref::<CelString>().and_then(|name| severity(name.inner()))
}

pub(super) fn is_kebab(text: &str) -> bool {
    !text.is_empty()
        && text.split('-').all(|part| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

fn is_catalogue_entry(text: &str) -> bool {
    let mut characters = text.chars();
    let letter = characters.next().is_some_and(|c| c.is_ascii_uppercase());
    let digits = characters.as_str();
    letter && (1..=2).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())
}
