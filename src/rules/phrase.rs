//! Conditions and templates in data that is no rule: the signatures of `rules/console/` are checked against a schema
//! of their own, by the same checkers and with the same carets as the rules are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cel::common::types::CelBool;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, IdedExpr, Value};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;
use tera::Tera;

use super::check::{Issue, Scope, check};
use super::error::{RuleError, Scalar};
use super::load::{FILE_LIMIT, Language, is_kebab};
use super::shell;
use super::template;
use super::types::{Kind, Type};
use super::value::{self, Boxed};
use super::yaml::{self, bytes};

/// What a family of data files is written in: CEL's functions, and the names that the fields of one Rust type give.
pub(crate) struct Phrases {
    language: Language,
}

/// A condition that passed the checks.
#[derive(Debug)]
pub(crate) struct Condition(IdedExpr);

/// The templates of one file.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    tera: Tera,
    used: BTreeSet<String>,
}

/// The values of names while a file is evaluated.
pub(crate) struct Names {
    env: Arc<Env>,
    values: BTreeMap<String, (Boxed, serde_json::Value)>,
}

impl Phrases {
    /// Reads the schema of `F`, whose fields are names that all files may use.
    pub(crate) fn new<F: JsonSchema>() -> Result<Self, RuleError> {
        let language =
            Language::new::<F>().map_err(|error| RuleError::unreadable("the rule language", error))?;
        Ok(Self { language })
    }

    /// Names without values yet.
    pub(crate) fn names(&self) -> Names {
        Names { env: Arc::clone(&self.language.env), values: BTreeMap::new() }
    }
}

impl Names {
    /// Gives `name` a value.
    pub(crate) fn set(&mut self, name: &str, value: &impl Serialize) {
        // Our own structures serialize; a failure would be a map whose keys are no texts, which no schema has.
        let json = serde_json::to_value(value).unwrap_or_default();
        self.values.insert(name.to_owned(), (value::from_json(json.clone()), json));
    }

    /// Whether `condition` holds; one that cannot be evaluated does not.
    pub(crate) fn holds(&self, condition: &Condition) -> bool {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(self);
        let value = Value::resolve_val(&condition.0, &context);
        value.is_ok_and(|value| value.downcast_ref::<CelBool>().is_some_and(|value| *value.inner()))
    }

    /// The numbers that `list` holds.
    pub(crate) fn numbers(&self, list: &Condition) -> Vec<u64> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(self);
        let Ok(value) = Value::resolve_val(&list.0, &context) else { return Vec::new() };
        let items = value::items(value.as_ref()).unwrap_or_default();
        items.into_iter().filter_map(|item| value::to_json(item).as_u64()).collect()
    }
}

impl VariableResolver for Names {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.values.get(name).map(|(value, _)| CowVal::Borrowed(value.as_ref()))
    }
}

impl Templates {
    fn new() -> Self {
        Self { tera: template::engine(), used: BTreeSet::new() }
    }

    /// The template `name` with the values of `names`.
    pub(crate) fn text(&self, name: &str, names: &Names) -> Result<String, String> {
        let mut values = tera::Context::new();
        for used in &self.used {
            if let Some((_, json)) = names.values.get(used) {
                values.insert_value(used.clone(), tera::Value::from_serializable(json));
            }
        }
        let text = self.tera.render(name, &values);
        text.map(|text| text.trim().to_owned())
            .map_err(|error| format!("`{name}` cannot be filled in: {error}"))
    }

    /// The command `name`, each value quoted as its surroundings ask.
    pub(crate) fn command(&self, name: &str, names: &Names) -> Result<String, String> {
        self.text(&format!("{name}{}", shell::COMMAND), names).map(|text| shell::command(&text))
    }
}

/// A file that is being checked.
pub(crate) struct Draft<'a> {
    path: &'a str,
    source: Arc<str>,
    phrases: &'a Phrases,
    scope: Scope,
    templates: Templates,
    errors: Vec<RuleError>,
}

impl<'a> Draft<'a> {
    /// Begins with `source`, which came from `path`.
    pub(crate) fn new(path: &'a str, source: &str, phrases: &'a Phrases) -> Self {
        let mut scope = Scope::default();
        for (name, of) in &phrases.language.types.facts {
            scope.declare(name.clone(), of.clone());
        }
        Self { path, source: source.into(), phrases, scope, templates: Templates::new(), errors: Vec::new() }
    }

    /// The file's YAML.
    pub(crate) fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        if self.source.len() > FILE_LIMIT {
            let message = format!("has {} bytes; at most {FILE_LIMIT} are read", self.source.len());
            self.errors.push(RuleError::new(self.path, &self.source, 0..0, message));
            return None;
        }
        match serde_saphyr::from_str(&self.source) {
            Ok(file) => Some(file),
            Err(error) => {
                let span = error.location().map_or(0..0, |location| bytes(&self.source, location.span()));
                let message = yaml::message(&error);
                self.errors.push(RuleError::new(self.path, &self.source, span, message));
                None
            }
        }
    }

    /// Adds a name that is a text, or null.
    pub(crate) fn declare_text(&mut self, name: &str) {
        self.scope.declare(name, Type { nullable: true, ..Type::text() });
    }

    /// Adds a name that is a whole number.
    pub(crate) fn declare_number(&mut self, name: &str) {
        self.scope.declare(name, Type::new(Kind::Int));
    }

    /// Whether there is such a name.
    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.scope.get(name).is_some()
    }

    /// The id must be kebab-case and the name of the file.
    pub(crate) fn identity(&mut self, id: &Spanned<String>, stem: &str) {
        if !is_kebab(&id.value) {
            let message = "an id is kebab-case: small letters and digits, joined by single dashes";
            self.error(id, message, None);
        } else if id.value != stem {
            let help = format!("call the file `{}.yaml`, or write `id: {stem}`", id.value);
            self.error(id, "the id is not the file's name", Some(help));
        }
    }

    /// Checks a condition.
    pub(crate) fn condition(&mut self, text: &Spanned<String>) -> Option<Condition> {
        let language = &self.phrases.language;
        match check(&text.value, &language.env, &language.types, &self.scope) {
            Ok(checked) if checked.of.is(&Kind::Bool) => Some(Condition(checked.expr)),
            Ok(checked) => {
                self.error(text, format!("is {}, where a condition is needed", checked.of), None);
                None
            }
            Err(issues) => {
                self.issues(text, issues);
                None
            }
        }
    }

    /// Checks an expression that gives a list of numbers.
    pub(crate) fn numbers(&mut self, text: &Spanned<String>) -> Option<Condition> {
        let language = &self.phrases.language;
        match check(&text.value, &language.env, &language.types, &self.scope) {
            Ok(checked) if matches!(&checked.of.kind, Kind::List(item) if item.is(&Kind::Int) || item.kind == Kind::Null) => {
                Some(Condition(checked.expr))
            }
            Ok(checked) => {
                self.error(text, format!("is {}, where a list of numbers is needed", checked.of), None);
                None
            }
            Err(issues) => {
                self.issues(text, issues);
                None
            }
        }
    }

    /// Checks a template and keeps it under `name`.
    pub(crate) fn template(&mut self, name: &str, text: &Spanned<String>) {
        if text.value.trim().is_empty() {
            self.error(text, "a text is needed here", None);
        }
        let Templates { tera, used } = &mut self.templates;
        let types = &self.phrases.language.types;
        if let Err(issues) = template::add(tera, name, &text.value, types, &self.scope, used) {
            self.issues(text, issues);
        }
    }

    /// Checks a template that makes a command, and keeps it under `name`.
    pub(crate) fn command(&mut self, name: &str, text: &Spanned<String>) {
        self.template(&format!("{name}{}", shell::COMMAND), text);
    }

    fn issues(&mut self, text: &Spanned<String>, issues: Vec<Issue>) {
        let start = bytes(&self.source, text.referenced.span()).start;
        let scalar = Scalar { text: text.value.clone(), start };
        for issue in issues {
            let span = scalar.span(&self.source, issue.span);
            let error = RuleError::new(self.path, &self.source, span, issue.message);
            self.errors.push(error.with_help(issue.help));
        }
    }

    /// A mistake at a value.
    pub(crate) fn error<T>(&mut self, at: &Spanned<T>, message: impl Into<String>, help: Option<String>) {
        let span = bytes(&self.source, at.referenced.span());
        self.errors.push(RuleError::new(self.path, &self.source, span, message).with_help(help));
    }

    /// The templates, if nothing was wrong.
    pub(crate) fn finish(self) -> Result<Templates, Vec<RuleError>> {
        if self.errors.is_empty() { Ok(self.templates) } else { Err(self.errors) }
    }
}

/// A file or folder that cannot be read.
pub(crate) fn unreadable(path: &str, reason: &dyn std::fmt::Display) -> RuleError {
    RuleError::unreadable(path, reason)
}

/// A mistake at the first place where `source` says `word`: for what shows only when all files are known.
pub(crate) fn mistake(
    path: &str,
    source: &str,
    word: &str,
    message: String,
    help: Option<String>,
) -> RuleError {
    let at = source.find(word).unwrap_or_default();
    RuleError::new(path, &Arc::from(source), at..at.saturating_add(word.len()), message).with_help(help)
}
