//! The steps of a rule's remedy: read, checked, their templates added.

use std::collections::BTreeSet;

use cel::IdedExpr;
use serde_saphyr::{Location, Spanned};
use tera::Tera;

use super::super::definition::{FixStep, Parameters, Replace};
use super::super::rule::Remedy;
use super::{Kind, Loader, Scope, bytes, is_place, shell};

/// A step of the remedy.
#[derive(Debug)]
pub(in super::super) struct Step {
    pub(in super::super) condition: Option<IdedExpr>,
    pub(in super::super) action: Action,
}

/// What a step does, its expressions compiled; texts are names of templates.
#[derive(Debug)]
pub(in super::super) enum Action {
    Command(String),
    /// A line, at a place of its own or at that of the finding; without a text it is deleted.
    Replace {
        at: Option<IdedExpr>,
        with: Option<String>,
    },
    /// The part of a line that its place marks.
    Part {
        at: Option<IdedExpr>,
        with: String,
    },
    Append {
        path: String,
        text: String,
    },
    Remove(String),
    Cmdline {
        remove: Option<IdedExpr>,
        add: Option<IdedExpr>,
    },
    Rebuild {
        initrds: IdedExpr,
        drivers: Option<IdedExpr>,
    },
    Advice(String),
}

impl Loader<'_> {
    /// Reads step `index` of `list`.
    pub(super) fn step(
        &mut self,
        step: FixStep,
        index: usize,
        list: &Location,
        scope: &Scope,
        tera: &mut Tera,
        used: &mut BTreeSet<String>,
    ) -> Option<(Step, Remedy)> {
        let mut templates = Templates { loader: self, index, scope, tera, used };
        let condition = step
            .condition
            .as_ref()
            .and_then(|text| templates.loader.typed(text, scope, &Kind::Bool, "a condition"));
        let drivers = step.drivers;
        let kinds = [
            step.command.map(|text| templates.command(text)),
            step.replace.map(|replace| templates.replace(replace)),
            step.append.map(|append| Some(templates.append(append.value.path, append.value.text))),
            step.remove.map(|path| templates.remove(path)),
            step.cmdline.map(|parameters| templates.cmdline(parameters)),
            step.rebuild.map(|initrds| templates.rebuild(initrds, drivers.as_ref())),
            step.advice.map(|text| templates.advice(text)),
        ];
        let mut given = kinds.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(read), None) => read.map(|(action, remedy)| (Step { condition, action }, remedy)),
            _ => {
                let span = bytes(self.source, list.span());
                let number = index + 1;
                let message = format!(
                    "step {number} is not exactly one of `command`, `replace`, `append`, `remove`, `cmdline`, `rebuild` and `advice`"
                );
                self.error_at(span, message, None);
                None
            }
        }
    }
}

/// Reads one step.
struct Templates<'l, 'a, 's> {
    loader: &'l mut Loader<'a>,
    index: usize,
    scope: &'s Scope,
    tera: &'s mut Tera,
    used: &'s mut BTreeSet<String>,
}

impl Templates<'_, '_, '_> {
    /// Adds a template whose values are written as `suffix` asks, and returns its name.
    fn add(&mut self, text: &Spanned<String>, part: &str, suffix: &str) -> String {
        let name = format!("fix/{}{part}{suffix}", self.index);
        self.loader.template(self.tera, &name, text, self.scope, self.used);
        name
    }

    fn command(&mut self, text: Spanned<String>) -> Option<(Action, Remedy)> {
        let name = self.add(&text, "", shell::COMMAND);
        Some((Action::Command(name), Remedy::Command(text.value)))
    }

    fn advice(&mut self, text: Spanned<String>) -> Option<(Action, Remedy)> {
        let name = self.add(&text, "", "");
        Some((Action::Advice(name), Remedy::Advice(text.value)))
    }

    fn remove(&mut self, path: Spanned<String>) -> Option<(Action, Remedy)> {
        let name = self.add(&path, "", "");
        Some((Action::Remove(name), Remedy::Remove(path.value)))
    }

    fn append(&mut self, path: Spanned<String>, text: Spanned<String>) -> (Action, Remedy) {
        let action =
            Action::Append { path: self.add(&path, "/path", ""), text: self.add(&text, "", shell::LINE) };
        (action, Remedy::Append { path: path.value, text: text.value })
    }

    fn replace(&mut self, replace: Spanned<Replace>) -> Option<(Action, Remedy)> {
        let Replace { at, with, part, delete } = replace.value;
        let at = at.as_ref().and_then(|at| self.place_of_line(at));
        match (with, part, delete) {
            (Some(text), None, false) => {
                let with = Some(self.add(&text, "", shell::LINE));
                Some((Action::Replace { at, with }, Remedy::Replace(Some(text.value))))
            }
            (None, Some(text), false) => {
                let with = self.add(&text, "", shell::LINE);
                Some((Action::Part { at, with }, Remedy::Part(text.value)))
            }
            (None, None, true) => Some((Action::Replace { at, with: None }, Remedy::Replace(None))),
            _ => {
                let span = bytes(self.loader.source, replace.referenced.span());
                self.loader.error_at(span, "a replacement has either `with`, `part` or `delete: true`", None);
                None
            }
        }
    }

    fn cmdline(&mut self, parameters: Spanned<Parameters>) -> Option<(Action, Remedy)> {
        let Parameters { remove, add } = parameters.value;
        if remove.is_none() && add.is_none() {
            let span = bytes(self.loader.source, parameters.referenced.span());
            self.loader.error_at(span, "says neither what to `remove` nor what to `add`", None);
            return None;
        }
        let action = Action::Cmdline {
            remove: remove.as_ref().and_then(|text| self.texts(text)),
            add: add.as_ref().and_then(|text| self.texts(text)),
        };
        let value = |text: Option<Spanned<String>>| text.map(|text| text.value.trim().to_owned());
        Some((action, Remedy::Cmdline { remove: value(remove), add: value(add) }))
    }

    fn rebuild(
        &mut self,
        initrds: Spanned<String>,
        drivers: Option<&Spanned<String>>,
    ) -> Option<(Action, Remedy)> {
        let compiled = self.texts(&initrds)?;
        let action =
            Action::Rebuild { initrds: compiled, drivers: drivers.and_then(|text| self.texts(text)) };
        let remedy = Remedy::Rebuild {
            initrd: initrds.value.trim().to_owned(),
            drivers: drivers.map(|text| text.value.trim().to_owned()),
        };
        Some((action, remedy))
    }

    /// An expression that gives a text or a list of texts.
    fn texts(&mut self, text: &Spanned<String>) -> Option<IdedExpr> {
        let checked = self.loader.expression(text, self.scope)?;
        let fits = match &checked.of.kind {
            Kind::List(item) => item.is_text(),
            _ => checked.of.is_text(),
        };
        if !fits {
            self.loader.error(text, format!("is {}, where texts are needed", checked.of), None);
        }
        Some(checked.expr)
    }

    fn place_of_line(&mut self, at: &Spanned<String>) -> Option<IdedExpr> {
        let checked = self.loader.expression(at, self.scope)?;
        if !is_place(&checked.of) {
            self.loader.error(at, format!("is {}, where a place is needed", checked.of), None);
        }
        Some(checked.expr)
    }
}
