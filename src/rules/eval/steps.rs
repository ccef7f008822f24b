//! Fills in the steps of a remedy for one system.

use cel::common::value::Val;
use cel::{Context, IdedExpr, Value};

use super::super::load::Action;
use super::super::{shell, value};
use super::{Case, is_true, place, text};
use crate::finding::Fix;
use crate::place::Place;
use crate::{parameters, rebuild};

impl Case<'_> {
    /// The steps that apply, filled in; mistakes made on the way are added to `mistakes`.
    pub(super) fn steps(
        &self,
        context: &Context<'_, '_>,
        values: &tera::Context,
        at: &Place,
        mistakes: &mut Vec<String>,
    ) -> Vec<Fix> {
        let mut steps = Vec::new();
        for step in &self.plan.fix {
            // A step whose condition is unknown may be the wrong one to take.
            let applies = match &step.condition {
                Some(condition) => is_true(condition, context).unwrap_or(false),
                None => true,
            };
            if applies {
                match self.filled(&step.action, context, values, at) {
                    Ok(filled) => steps.extend(filled),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
        }
        steps
    }

    /// The line with `text` in the place of the part that `at` marks.
    fn part(&self, at: Place, text: &str) -> Fix {
        let index = |column: Option<u32>| usize::try_from(column?.checked_sub(1)?).ok();
        let line = self.world.lines.raw(&at);
        let parts = line.as_deref().and_then(|line| {
            let (start, end) = (index(at.column)?, index(at.end)?);
            Some((line.get(..start)?, line.get(start..end)?, line.get(end..)?))
        });
        match parts {
            Some((before, part, after)) if is_whole(part) && !part.is_empty() => {
                Fix::Replace { with: Some(format!("{before}{text}{after}")), at }
            }
            // A line with a secret, or one that goes on in the next.
            _ => Fix::Advice { text: format!("Write `{text}` there, at {at}.") },
        }
    }

    /// One step: none where a value that it needs is not known, several for several initrds.
    fn filled(
        &self,
        action: &Action,
        context: &Context<'_, '_>,
        values: &tera::Context,
        at: &Place,
    ) -> Result<Vec<Fix>, String> {
        let render = |name: &String| self.render(name, values);
        Ok(match action {
            Action::Command(name) => vec![Fix::Command { command: shell::command(&render(name)?) }],
            Action::Advice(name) => vec![Fix::Advice { text: render(name)? }],
            Action::Remove(name) => vec![Fix::Remove { path: render(name)? }],
            Action::Append { path, text } => {
                vec![Fix::Append { path: render(path)?, text: shell::line(&render(text)?) }]
            }
            Action::Part { at: own, with } => {
                let text = shell::line(&render(with)?);
                let line = placed(own, at, context);
                line.map(|line| self.part(line, &text)).into_iter().collect()
            }
            Action::Replace { at: own, with } => {
                let line = placed(own, at, context);
                let with = with.as_ref().map(render).transpose()?;
                let replace = |at| Fix::Replace { at, with: with.as_deref().map(shell::line) };
                line.map(replace).into_iter().collect()
            }
            Action::Cmdline { remove, add } => {
                let texts = |list: &Option<IdedExpr>| {
                    list.as_ref().map_or_else(Vec::new, |list| texts(list, context))
                };
                parameters::step(self.world.system, texts(remove), texts(add)).into_iter().collect()
            }
            Action::Rebuild { initrds, drivers } => {
                let drivers = drivers.as_ref().map_or_else(Vec::new, |list| texts(list, context));
                rebuild::steps(self.world.system, &texts(initrds, context), &drivers)
            }
        })
    }
}

/// The place of a step: its own, or that of the finding.
fn placed(own: &Option<IdedExpr>, at: &Place, context: &Context<'_, '_>) -> Option<Place> {
    match own {
        Some(own) => resolved(own, context).and_then(|line| place(line.as_ref())),
        None => Some(at.clone()),
    }
}

/// Whether a part of a line closes what it opens, so that it does not go on in the next line.
fn is_whole(part: &str) -> bool {
    let count = |character| part.matches(character).count();
    count('[') == count(']') && count('{') == count('}') && count('"').is_multiple_of(2)
}

fn resolved<'c>(expression: &'c IdedExpr, context: &'c Context<'_, '_>) -> Option<Box<dyn Val + 'c>> {
    // What cannot be settled gives no step.
    Value::resolve_val(expression, context).ok().map(|value| value.clone_as_boxed())
}

/// The texts that an expression gives, each once; none where they are not known.
fn texts(expression: &IdedExpr, context: &Context<'_, '_>) -> Vec<String> {
    let Some(found) = resolved(expression, context) else { return Vec::new() };
    let mut texts: Vec<String> = match value::items(found.as_ref()) {
        Some(items) => items.into_iter().filter_map(text).collect(),
        None => text(found.as_ref()).into_iter().collect(),
    };
    let mut known = std::collections::BTreeSet::new();
    texts.retain(|text| !text.is_empty() && known.insert(text.clone()));
    texts
}
