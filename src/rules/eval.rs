//! Evaluates rules over facts, targets and boots.
//!
//! Facts become CEL values once; each rule then runs for itself, in parallel, and the findings are sorted at the
//! end, so that neither threads nor hash order reach the output.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use cel::common::types::{CelBool, CelInt, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use rayon::prelude::*;
use serde::Serialize;

use super::fingerprint::Fingerprint;
use super::load::{MESSAGE, Plan, severity_of};
use super::rule::Rule;
use super::snippet::Lines;
use super::value::{self, Boxed, Object, Unknown};
use super::{ChangeInput, Evaluation, Input};
use crate::changes::Changes;
use crate::finding::Finding;
use crate::place::Place;
use crate::report::NotEvaluated;
use crate::source::Tree;
use crate::target::{Target, TargetView};

/// What all rules read.
struct World<'a> {
    env: Arc<Env>,
    facts: Facts,
    targets: Vec<TargetValues<'a>>,
    lines: Lines<'a>,
    /// The system that a remedy is for.
    system: &'a crate::facts::Facts,
}

/// A target and its boots.
struct TargetValues<'a> {
    target: &'a Target,
    view: Boxed,
    boots: Boxed,
}

/// The facts as CEL values, and as those of templates as far as these were asked for.
struct Facts {
    cel: Boxed,
    tera: Mutex<BTreeMap<String, tera::Value>>,
}

impl Facts {
    fn template_value(&self, name: &str) -> Option<tera::Value> {
        let value = self.cel.downcast_ref::<Object>()?.field(name)?;
        let mut known = self.tera.lock().unwrap_or_else(PoisonError::into_inner);
        let made = known.entry(name.to_owned()).or_insert_with(|| template_value(value));
        Some(made.clone())
    }
}

impl VariableResolver for Facts {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.cel.downcast_ref::<Object>()?.field(name).map(CowVal::Borrowed)
    }
}

/// Why an evaluation gave no value.
enum Stop {
    /// The input does not say; this would settle it.
    Unknown(String),
    /// The rule is wrong in a way that the checks at load cannot see.
    Mistake(String),
}

impl From<ExecutionError> for Stop {
    fn from(error: ExecutionError) -> Self {
        match value::needs(&error) {
            Some(needs) => Self::Unknown(needs.to_owned()),
            None => Self::Mistake(error.to_string()),
        }
    }
}

/// What one rule came to.
#[derive(Default)]
struct Outcome {
    findings: Vec<(usize, Finding)>,
    needs: BTreeSet<String>,
    mistakes: BTreeSet<String>,
}

impl Outcome {
    fn stopped(&mut self, stop: Stop) {
        match stop {
            Stop::Unknown(needs) => self.needs.insert(needs),
            Stop::Mistake(mistake) => self.mistakes.insert(mistake),
        };
    }
}

/// Evaluates `rules` over `facts`, and the rest of `input`.
pub(super) fn evaluate(
    rules: &[&Rule],
    env: &Arc<Env>,
    facts: &impl Serialize,
    input: &Input<'_>,
) -> Evaluation {
    let targets = TargetValues::of(input.targets, input.boots, |boot| &boot.target);
    World::new(env, facts, targets, input.tree, input.facts).evaluate(rules)
}

/// Evaluates rules on changes. Places and lines are those of the system after the change.
pub(super) fn evaluate_change(
    rules: &[&Rule],
    env: &Arc<Env>,
    before: &impl Serialize,
    after: &impl Serialize,
    input: &ChangeInput<'_>,
) -> Evaluation {
    if rules.is_empty() {
        return Evaluation::default();
    }
    let targets = TargetValues::of(input.targets, input.boots, |boot| &boot.target);
    let pair = Pair { before, after, changes: input.changes };
    World::new(env, &pair, targets, input.after, input.facts.1).evaluate(rules)
}

/// What the names of a rule on a change stand for.
#[derive(Serialize)]
struct Pair<'a, B, A> {
    before: &'a B,
    after: &'a A,
    changes: &'a Changes,
}

impl<'a> World<'a> {
    fn new(
        env: &Arc<Env>,
        facts: &impl Serialize,
        targets: Vec<TargetValues<'a>>,
        tree: &'a Tree,
        system: &'a crate::facts::Facts,
    ) -> Self {
        Self {
            env: Arc::clone(env),
            facts: Facts { cel: serialized(facts), tera: Mutex::default() },
            targets,
            lines: Lines::of(tree),
            system,
        }
    }

    fn evaluate(&self, rules: &[&Rule]) -> Evaluation {
        let outcomes = rules.par_iter().map(|rule| run(rule, self)).collect();
        collected(rules, outcomes)
    }
}

/// What all rules came to, in the order of reports.
fn collected(rules: &[&Rule], outcomes: Vec<Outcome>) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let mut findings = Vec::new();
    for (rule, outcome) in rules.iter().zip(outcomes) {
        findings.extend(outcome.findings);
        let not_evaluated =
            outcome.needs.into_iter().map(|needs| NotEvaluated { rule: rule.id.clone(), needs });
        evaluation.not_evaluated.extend(not_evaluated);
        evaluation.mistakes.extend(outcome.mistakes.into_iter().map(|mistake| (rule.id.clone(), mistake)));
    }
    findings.sort_by(|(target_a, a), (target_b, b)| {
        let key = |finding: &Finding| {
            (finding.severity, finding.at.path.clone(), finding.at.line, finding.rule.clone())
        };
        key(a).cmp(&key(b)).then(target_a.cmp(target_b)).then_with(|| a.entry.cmp(&b.entry))
    });
    let mut fingerprints = Fingerprint::default();
    evaluation.findings = findings.into_iter().map(|(_, finding)| fingerprints.stamp(finding)).collect();
    evaluation.not_evaluated.sort();
    evaluation
}

impl<'a> TargetValues<'a> {
    /// The targets with those of `boots` that are `on` them.
    fn of<B: Serialize>(targets: &'a [Target], boots: &[B], on: impl Fn(&B) -> &str) -> Vec<Self> {
        let values = |target: &'a Target| {
            let boots: Vec<&B> = boots.iter().filter(|boot| on(boot) == target.name).collect();
            Self { target, view: serialized(&TargetView::from(target)), boots: serialized(&boots) }
        };
        targets.iter().map(values).collect()
    }
}

/// Runs a rule once, or for each target that it selects.
fn run(rule: &Rule, world: &World<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut root = Context::with_env(Arc::clone(&world.env));
    root.set_variable_resolver(&world.facts);
    if rule.targets.is_none() {
        walk(rule, world, &root, None, &mut outcome);
        return outcome;
    }
    for (index, target) in world.targets.iter().enumerate().filter(|(_, target)| rule.is_for(target.target)) {
        let mut context = root.new_inner_scope();
        context.add_variable_as_val("target", target.view.clone());
        context.add_variable_as_val("boots", target.boots.clone());
        walk(rule, world, &context, Some((index, target)), &mut outcome);
    }
    outcome
}

/// Runs a rule once, or for each item of its list.
fn walk(
    rule: &Rule,
    world: &World<'_>,
    context: &Context<'_, '_>,
    target: Option<(usize, &TargetValues<'_>)>,
    outcome: &mut Outcome,
) {
    let Some(each) = &rule.plan.each else {
        return decide(rule, world, context, target, None, outcome);
    };
    let list = match Value::resolve_val(each, context) {
        Ok(list) => list,
        Err(error) => return outcome.stopped(error.into()),
    };
    for item in value::items(list.as_ref()).unwrap_or_default() {
        if let Some(Unknown(needs)) = item.downcast_ref::<Unknown>() {
            outcome.needs.insert(needs.to_string());
            continue;
        }
        let mut context = context.new_inner_scope();
        context.add_variable_as_val("it", item.clone_as_boxed());
        decide(rule, world, &context, target, Some(item), outcome);
    }
}

/// Runs a rule for one target and item.
fn decide(
    rule: &Rule,
    world: &World<'_>,
    context: &Context<'_, '_>,
    target: Option<(usize, &TargetValues<'_>)>,
    it: Option<&dyn Val>,
    outcome: &mut Outcome,
) {
    let case = Case { rule, plan: &rule.plan, world, target: target.map(|(_, target)| target), it };
    match case.finding(context) {
        Ok(Some((finding, mistakes))) => {
            outcome.findings.push((target.map_or(0, |(index, _)| index), finding));
            outcome.mistakes.extend(mistakes);
        }
        Ok(None) => {}
        Err(stop) => outcome.stopped(stop),
    }
}

/// One evaluation: a rule, a target and an item.
struct Case<'a> {
    rule: &'a Rule,
    plan: &'a Plan,
    world: &'a World<'a>,
    target: Option<&'a TargetValues<'a>>,
    it: Option<&'a (dyn Val + 'a)>,
}

impl Case<'_> {
    /// The finding, if the condition holds, and mistakes made on the way.
    fn finding(&self, outer: &Context<'_, '_>) -> Result<Option<(Finding, Vec<String>)>, Stop> {
        let mut context = outer.new_inner_scope();
        for (name, expression) in &self.plan.lets {
            // A name that cannot be settled is no harm as long as nothing that decides uses it.
            let value: Box<dyn Val + '_> = match Value::resolve_val(expression, &context) {
                Ok(value) => value.into_owned(),
                Err(error) => match value::needs(&error) {
                    Some(needs) => Box::new(Unknown(needs.into())),
                    None => return Err(error.into()),
                },
            };
            context.add_variable_as_val(name, value);
        }
        if !is_true(&self.plan.when, &context)? {
            return Ok(None);
        }
        let mut mistakes = Vec::new();
        let at = place(Value::resolve_val(&self.plan.at, &context)?.as_ref())
            .ok_or_else(|| Stop::Mistake("`at` gives no place".to_owned()))?;
        let entry = match &self.plan.entry {
            Some(entry) => text(Value::resolve_val(entry, &context)?.as_ref()),
            None => None,
        };
        let severity = match &self.plan.severity {
            Some(severity) => severity_of(Value::resolve_val(severity, &context)?.as_ref()),
            None => self.rule.severities.first().copied(),
        };
        let severity = severity.ok_or_else(|| Stop::Mistake("`severity` gives none".to_owned()))?;
        let values = self.template_values(&context);
        let message = self.render(MESSAGE, &values).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            self.rule.title.clone()
        });
        let fix = self.steps(&context, &values, &at, &mut mistakes);
        let finding = Finding {
            rule: self.rule.id.clone(),
            decides: self.rule.decides.clone(),
            severity,
            target: self.target.map(|target| target.target.name.clone()),
            entry,
            title: self.rule.title.clone(),
            message,
            snippet: self.world.lines.line(&at),
            at,
            why: self.rule.reason(),
            fix,
            refs: self.rule.refs.clone(),
            fingerprint: String::new(),
            waived: None,
            known: false,
        };
        Ok(Some((finding, mistakes)))
    }

    /// What the templates use; made only for a finding, since most cases are none.
    fn template_values(&self, context: &Context<'_, '_>) -> tera::Context {
        let mut values = tera::Context::new();
        for name in &self.plan.used {
            let is_own = self.plan.lets.iter().any(|(known, _)| known == name);
            let value = match (name.as_str(), self.target) {
                (own, _) if is_own => context.get_variable(own).map(|value| template_value(value.as_ref())),
                ("it", _) => self.it.map(template_value),
                ("target", Some(target)) => Some(template_value(target.view.as_ref())),
                ("boots", Some(target)) => Some(template_value(target.boots.as_ref())),
                (name, _) => self.world.facts.template_value(name),
            };
            if let Some(value) = value {
                values.insert_value(name.clone(), value);
            }
        }
        values
    }

    fn render(&self, template: &str, values: &tera::Context) -> Result<String, String> {
        let text = self.plan.tera.render(template, values);
        text.map(|text| text.trim().to_owned())
            .map_err(|error| format!("`{template}` cannot be filled in: {error}"))
    }
}

fn is_true(expression: &IdedExpr, context: &Context<'_, '_>) -> Result<bool, Stop> {
    let value = Value::resolve_val(expression, context)?;
    Ok(value.downcast_ref::<CelBool>().is_some_and(|value| *value.inner()))
}

/// Facts, a target or boots as a CEL value.
fn serialized(value: &impl Serialize) -> Boxed {
    // Our own structures serialize; a failure would be a map whose keys are no texts, which no schema has.
    serde_json::to_value(value).map_or_else(|_| Box::new(CelNull) as Boxed, value::from_json)
}

fn template_value(value: &dyn Val) -> tera::Value {
    tera::Value::from_serializable(&value::to_json(value))
}

fn text(value: &dyn Val) -> Option<String> {
    value.downcast_ref::<CelString>().map(|text| text.inner().to_owned())
}

/// A place of the facts, or one that `place()` made.
fn place(value: &dyn Val) -> Option<Place> {
    let field = |name: &'static str| -> Option<&dyn Val> {
        if let Some(object) = value.downcast_ref::<Object>() {
            return object.field(name);
        }
        let map = value.downcast_ref::<CelMap>()?;
        map.inner().get(&CelMapKey::String(CelString::from(name))).map(|value| value.as_ref())
    };
    let number = |name| {
        let number = field(name)?.downcast_ref::<CelInt>()?;
        u32::try_from(*number.inner()).ok()
    };
    let path = text(field("path")?)?;
    Some(Place { path: path.into(), line: number("line"), column: number("column"), end: number("end") })
}
