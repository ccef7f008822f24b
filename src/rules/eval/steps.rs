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
            Action::Replace { at: own, with } => {
                let line = match own {
                    Some(own) => resolved(own, context).and_then(|line| place(line.as_ref())),
                    None => Some(at.clone()),
                };
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
