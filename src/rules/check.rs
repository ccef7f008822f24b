//! Type-checks a CEL expression against the schemas of what it reads, and makes it total.
//!
//! CEL itself has no answer for a method of null or a field of null; a rule would then break on the one system
//! that lacks a value. So the checker, which knows what may be null, rewrites the expression: a field of null is
//! null, a test on null is false, anything else of null is null. It also puts a guard around names whose value
//! may be unknown, so that using one is an error that `&&` and `||` understand.

mod signatures;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, SourceInfo};
use cel::common::types::{CelBool, CelString};
use cel::parser::PrattParser;
use cel::{Env, IdedExpr, ParseErrors};

use super::functions;
use super::types::{Kind, Type, Types};

/// A mistake in an expression.
#[derive(Debug, PartialEq)]
pub(super) struct Issue {
    /// Where, in bytes of the expression.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) message: String,
    /// What to write instead.
    pub(super) help: Option<String>,
}

/// The names an expression may use, with their types.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    names: Vec<(String, Type)>,
    /// Names that exist elsewhere, with what it takes to use them.
    withheld: Vec<(String, &'static str)>,
}

impl Scope {
    pub(super) fn declare(&mut self, name: impl Into<String>, of: Type) {
        self.names.push((name.into(), of));
    }

    /// Says why `name` cannot be used.
    pub(super) fn withhold(&mut self, name: impl Into<String>, reason: &'static str) {
        self.withheld.push((name.into(), reason));
    }

    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.names.iter().rev().find(|(known, _)| known == name).map(|(_, of)| of)
    }

    /// The message and help for a name that is not there.
    pub(super) fn missing(&self, name: &str) -> (String, Option<String>) {
        if let Some((_, reason)) = self.withheld.iter().find(|(withheld, _)| withheld == name) {
            return (format!("there is no `{name}` here"), Some((*reason).to_owned()));
        }
        let names = self.names.iter().map(|(name, _)| name.as_str());
        (format!("there is no `{name}`"), suggest(name, names))
    }
}

/// An expression that passed, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) expr: IdedExpr,
    pub(super) of: Type,
}

/// Parses and checks `text`.
///
/// # Errors
/// All mistakes, in the order of their places.
pub(super) fn check(text: &str, env: &Env, types: &Types, scope: &Scope) -> Result<Checked, Vec<Issue>> {
    // This parser is many times faster than the other one, but does not say where things stand. So only a text
    // with a mistake is parsed by both.
    if let Ok(mut expr) = PrattParser::new().parse(text) {
        let info = SourceInfo::default();
        if let Ok(of) = Checker::new(text, &info, types, scope).whole(&mut expr) {
            return Ok(Checked { expr, of });
        }
    }
    let (mut expr, info) =
        env.parser().parse_with_source_info(text).map_err(|errors| vec![syntax(text, &errors)])?;
    let mut checker = Checker::new(text, &info, types, scope);
    checker.measure(&expr);
    let of = checker.whole(&mut expr)?;
    Ok(Checked { expr, of })
}

fn syntax(text: &str, errors: &ParseErrors) -> Issue {
    let Some(error) = errors.errors.first() else {
        return Issue { span: 0..text.len(), message: "is no CEL expression".into(), help: None };
    };
    let line = usize::try_from(error.pos.0).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    let start = before + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
    let message = error.msg.trim_start_matches("Syntax error: ").to_owned();
    Issue { span: start..start + 1, message: format!("this is no CEL: {message}"), help: None }
}

struct Checker<'a> {
    text: &'a str,
    info: &'a SourceInfo,
    /// From where to where names with their fields reach, by node; taken before anything is rewritten.
    extents: HashMap<u64, Range<usize>>,
    types: &'a Types,
    scope: Scope,
    /// The mistakes so far.
    issues: Vec<Issue>,
}

/// What a call gives when an argument that may not be null is.
#[derive(Clone, Copy, PartialEq)]
enum OnNull {
    False,
    Null,
}

impl<'a> Checker<'a> {
    fn new(text: &'a str, info: &'a SourceInfo, types: &'a Types, scope: &Scope) -> Self {
        Self { text, info, extents: HashMap::new(), types, scope: scope.clone(), issues: Vec::new() }
    }

    /// Checks the whole expression.
    fn whole(mut self, node: &mut IdedExpr) -> Result<Type, Vec<Issue>> {
        let of = self.expr(node);
        self.issues.sort_by_key(|issue| issue.span.start);
        // A macro repeats what it is applied to.
        self.issues.dedup();
        if self.issues.is_empty() { Ok(of) } else { Err(self.issues) }
    }

    /// The type of an expression; of one with a mistake, which is noted, nothing more is said.
    fn expr(&mut self, node: &mut IdedExpr) -> Type {
        self.sound(node).unwrap_or_else(|issue| {
            self.issues.push(issue);
            Type::any()
        })
    }

    fn sound(&mut self, node: &mut IdedExpr) -> Result<Type, Issue> {
        let id = node.id;
        match &mut node.expr {
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::Ident(name) => {
                let Some(of) = self.scope.get(name).cloned() else {
                    let (message, help) = self.scope.missing(name);
                    return Err(Issue { span: self.span(id), message, help });
                };
                if of.unknown {
                    *node = call(id, functions::KNOWN, vec![std::mem::take(node)]);
                }
                Ok(Type { unknown: false, ..of })
            }
            Expr::Select(_) => self.select(node),
            Expr::Call(_) => self.call(node),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                let mut of = Type::new(Kind::Null);
                for (index, element) in list.elements.iter_mut().enumerate() {
                    let next = self.expr(element);
                    of = if index == 0 { next } else { of.join(&next).unwrap_or_else(Type::any) };
                }
                Ok(Type::list(of))
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.expr(&mut entry.key);
                        self.expr(&mut entry.value);
                    }
                }
                Ok(Type::new(Kind::Map(Arc::new(Type::any()))))
            }
            Expr::Struct(_) | Expr::Unspecified => Err(self.issue(id, "rules build no messages")),
        }
    }

    /// `operand.field`, or `has(operand.field)`, which here means that it is not null.
    fn select(&mut self, node: &mut IdedExpr) -> Result<Type, Issue> {
        let id = node.id;
        let Expr::Select(select) = &mut node.expr else { return Ok(Type::any()) };
        let operand = self.expr(&mut select.operand);
        let field = select.field.clone();
        let mut of = match &operand.kind {
            Kind::Any => Type::any(),
            Kind::Map(of) => Type { nullable: true, ..of.as_ref().clone() },
            Kind::Object(name) => {
                let fields = self.types.fields(name);
                let found = fields.and_then(|fields| fields.get(&field)).cloned();
                found.ok_or_else(|| {
                    let names = fields.into_iter().flatten().map(|(name, _)| name.as_str());
                    let names: Vec<&str> = names.collect();
                    let help = suggest(&field, names.iter().copied())
                        .or_else(|| Some(format!("it has {}", quoted(names.iter().copied()))));
                    let what = short(name);
                    Issue {
                        span: self.word_span(id, &field),
                        message: format!("{what} has no field `{field}`"),
                        help,
                    }
                })?
            }
            _ => {
                let message = format!("{operand} has no fields");
                return Err(Issue { span: self.word_span(id, &field), message, help: None });
            }
        };
        of.unknown = false;
        let test = std::mem::replace(&mut select.test, false);
        if operand.nullable {
            let inner = std::mem::take(select.operand.as_mut());
            *node = call(id, functions::FIELD, vec![inner, text(id, &field)]);
            of.nullable = true;
        }
        if test {
            *node = call(id, op::NOT_EQUALS, vec![std::mem::take(node), null(id)]);
            return Ok(Type::new(Kind::Bool));
        }
        Ok(of)
    }

    fn call(&mut self, node: &mut IdedExpr) -> Result<Type, Issue> {
        let id = node.id;
        let Expr::Call(called) = &mut node.expr else { return Ok(Type::any()) };
        let mut of = Vec::new();
        if let Some(target) = &mut called.target {
            of.push(self.expr(target));
        }
        for argument in &mut called.args {
            of.push(self.expr(argument));
        }
        match called.func_name.as_str() {
            op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE => {
                for (argument, of) in called.args.iter_mut().zip(&of) {
                    self.needs_bool(argument, of)?;
                }
                Ok(Type::new(Kind::Bool))
            }
            op::CONDITIONAL => {
                let [condition, yes, no] = of.as_slice() else { return Ok(Type::any()) };
                if let Some(first) = called.args.first_mut() {
                    self.needs_bool(first, condition)?;
                }
                yes.join(no)
                    .ok_or_else(|| self.issue(id, format!("gives {yes} or {no}, which do not go together")))
            }
            op::EQUALS | op::NOT_EQUALS => {
                let ([left, right], [a, b]) = (of.as_slice(), called.args.as_mut_slice()) else {
                    return Ok(Type::any());
                };
                self.comparable(id, (left, a), (right, b))?;
                // A list that the rule writes knows only CEL's own lists; one of the facts knows both.
                if matches!(a.expr, Expr::List(_)) {
                    std::mem::swap(a, b);
                }
                Ok(Type::new(Kind::Bool))
            }
            op::INDEX => {
                let [of, index] = of.as_slice() else { return Ok(Type::any()) };
                let item = match &of.kind {
                    Kind::Any => Type::any(),
                    Kind::List(item) if index.is(&Kind::Int) => item.as_ref().clone(),
                    Kind::Map(item) if index.is_text() => item.as_ref().clone(),
                    _ => return Err(self.issue(id, format!("{of} has no position {index}"))),
                };
                called.func_name = functions::ITEM.to_owned();
                Ok(Type { nullable: true, unknown: false, ..item })
            }
            _ => {
                let (result, on_null, strict) = self.signature(id, called, &of)?;
                cache_pattern(called);
                let nullable = of.iter().any(|of| of.nullable);
                if !strict || !nullable {
                    return Ok(result);
                }
                let arguments = called.target.as_deref().into_iter().chain(&called.args);
                let guarded: Vec<IdedExpr> =
                    arguments.zip(&of).filter(|(_, of)| of.nullable).map(|(node, _)| node.clone()).collect();
                guard(node, guarded, on_null);
                Ok(Type { nullable: on_null == OnNull::Null, ..result })
            }
        }
    }

    fn needs_bool(&self, node: &mut IdedExpr, of: &Type) -> Result<(), Issue> {
        if !of.is(&Kind::Bool) {
            return Err(self.issue(node.id, format!("is {of}, where a condition is needed")));
        }
        if of.nullable {
            let id = node.id;
            let yes = IdedExpr { id, expr: Expr::Literal(LiteralValue::Boolean(CelBool::from(true))) };
            *node = call(id, op::EQUALS, vec![std::mem::take(node), yes]);
        }
        Ok(())
    }

    fn comparable(&self, id: u64, a: (&Type, &IdedExpr), b: (&Type, &IdedExpr)) -> Result<(), Issue> {
        for ((of, node), (other, literal)) in [(a, b), (b, a)] {
            if other.kind == Kind::Null && !of.nullable && !of.is(&Kind::Null) {
                return Err(self.issue(node.id, format!("is {of} and never null")));
            }
            let (Kind::Text(Some(allowed)), Kind::Text(Some(wanted)), Expr::Literal(_)) =
                (&of.kind, &other.kind, &literal.expr)
            else {
                continue;
            };
            if let Some(never) = wanted.iter().find(|text| !allowed.contains(text)) {
                let mut issue = self.issue(literal.id, format!("is never `{never}`"));
                issue.help = suggest(never, allowed.iter().map(String::as_str))
                    .or_else(|| Some(format!("it is one of {}", quoted(allowed.iter().map(String::as_str)))));
                return Err(issue);
            }
        }
        self.comparable_types(id, a.0, b.0)
    }

    fn comparable_types(&self, id: u64, a: &Type, b: &Type) -> Result<(), Issue> {
        if let (Kind::Text(Some(a)), Kind::Text(Some(b))) = (&a.kind, &b.kind)
            && !a.iter().any(|text| b.contains(text))
        {
            let names = quoted(b.iter().map(String::as_str));
            return Err(self.issue(id, format!("never holds: the texts are {names}")));
        }
        let numbers = is_number(a) && is_number(b);
        if numbers || a.join(b).is_some() {
            return Ok(());
        }
        Err(self.issue(id, format!("compares {a} with {b}, which are never equal")))
    }

    /// What a macro (`all`, `exists`, `exists_one`, `map`, `filter`) expands to.
    fn comprehension(&mut self, comprehension: &mut ComprehensionExpr) -> Result<Type, Issue> {
        let over = self.expr(&mut comprehension.iter_range);
        let item = match &over.kind {
            Kind::Any => Type::any(),
            Kind::List(item) => item.as_ref().clone(),
            Kind::Map(_) => Type::text(),
            _ => {
                return Err(
                    self.issue(comprehension.iter_range.id, format!("is {over}, where a list is needed"))
                );
            }
        };
        if over.nullable {
            let id = comprehension.iter_range.id;
            let inner = std::mem::take(&mut comprehension.iter_range);
            let empty = IdedExpr { id, expr: Expr::List(ListExpr::new(Vec::new())) };
            comprehension.iter_range = call(id, "first", vec![inner, empty]);
        }
        let accumulator = self.expr(&mut comprehension.accu_init);
        let depth = self.scope.names.len();
        self.scope.declare(comprehension.accu_var.clone(), accumulator);
        self.expr(&mut comprehension.loop_cond);
        self.scope.declare(comprehension.iter_var.clone(), item);
        let step = self.expr(&mut comprehension.loop_step);
        self.scope.names.truncate(depth);
        self.scope.declare(comprehension.accu_var.clone(), step);
        let of = self.expr(&mut comprehension.result);
        self.scope.names.truncate(depth);
        Ok(of)
    }

    fn issue(&self, id: u64, message: impl Into<String>) -> Issue {
        let span = self.extents.get(&id).cloned().unwrap_or_else(|| self.span(id));
        Issue { span, message: message.into(), help: None }
    }

    /// Notes where names with their fields start and end, here and below.
    fn measure(&mut self, node: &IdedExpr) {
        match &node.expr {
            Expr::Select(select) => {
                self.measure(&select.operand);
                let end = self.word_span(node.id, &select.field).end;
                if let Some(operand) = self.extents.get(&select.operand.id) {
                    self.extents.insert(node.id, operand.start..end.max(operand.end));
                }
            }
            Expr::Ident(_) => {
                self.extents.insert(node.id, self.span(node.id));
            }
            Expr::Call(called) => {
                let target = called.target.as_deref();
                target.into_iter().chain(&called.args).for_each(|below| self.measure(below));
            }
            Expr::Comprehension(comprehension) => {
                self.measure(&comprehension.iter_range);
                self.measure(&comprehension.loop_step);
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.measure(element)),
            Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    /// The bytes of the token at which the parser has noted the node.
    fn span(&self, id: u64) -> Range<usize> {
        let Some((start, stop)) = self.info.offset_for(id) else { return 0..self.text.len() };
        let byte = |character: u32| {
            let at = usize::try_from(character).unwrap_or(usize::MAX);
            self.text.char_indices().nth(at).map_or(self.text.len(), |(at, _)| at)
        };
        let start = byte(start);
        let rest = self.text.get(start..).unwrap_or_default();
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        start..byte(stop.saturating_add(1)).max(start + word)
    }

    /// `word` at or after the place of node `id`; before it if it is not after.
    fn word_span(&self, id: u64, word: &str) -> Range<usize> {
        let span = self.span(id);
        let after = self.text.get(span.start..).and_then(|rest| rest.find(word)).map(|at| span.start + at);
        let start = after.or_else(|| self.text.get(..span.end).and_then(|before| before.rfind(word)));
        start.map_or(span, |start| start..start + word.len())
    }
}

/// Makes a call that matches a pattern one that keeps the pattern compiled.
fn cache_pattern(called: &mut CallExpr) {
    let name = match called.func_name.as_str() {
        "matches" => functions::MATCHES,
        "glob" => functions::GLOB,
        _ => return,
    };
    called.func_name = name.to_owned();
    if let Some(target) = called.target.take() {
        called.args.insert(0, *target);
    }
}

/// Wraps the call so that it is only made when none of `arguments` is null.
fn guard(node: &mut IdedExpr, arguments: Vec<IdedExpr>, on_null: OnNull) {
    let id = node.id;
    let present = arguments.into_iter().map(|argument| call(id, op::NOT_EQUALS, vec![argument, null(id)]));
    let Some(present) = present.reduce(|a, b| call(id, op::LOGICAL_AND, vec![a, b])) else { return };
    let inner = std::mem::take(node);
    *node = match on_null {
        OnNull::False => call(id, op::LOGICAL_AND, vec![present, inner]),
        OnNull::Null => call(id, op::CONDITIONAL, vec![present, inner, null(id)]),
    };
}

fn call(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
}

fn null(id: u64) -> IdedExpr {
    IdedExpr { id, expr: Expr::Literal(LiteralValue::Null) }
}

fn text(id: u64, text: &str) -> IdedExpr {
    IdedExpr { id, expr: Expr::Literal(LiteralValue::String(CelString::from(text.to_owned()))) }
}

fn literal_type(literal: &LiteralValue) -> Type {
    Type::new(match literal {
        LiteralValue::Boolean(_) => Kind::Bool,
        LiteralValue::Double(_) => Kind::Double,
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Int,
        LiteralValue::Null => Kind::Null,
        LiteralValue::String(text) => Kind::Text(Some([text.inner().to_owned()].into())),
        LiteralValue::Bytes(_) => Kind::Any,
    })
}

fn is_number(of: &Type) -> bool {
    matches!(of.kind, Kind::Int | Kind::Double | Kind::Any)
}

/// A structure's name in words: definitions are called after Rust types, unnamed ones after a number.
fn short(name: &str) -> String {
    if name.starts_with('#') { "the structure".into() } else { format!("`{name}`") }
}

/// "did you mean", if a name is close enough.
pub(crate) fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|best| format!("did you mean `{best}`?"))
}

/// The name that is spelt nearly like `name`.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, best) = scored.min()?;
    (distance <= 1 + name.chars().count() / 4).then_some(best)
}

/// Names in backquotes, separated by commas.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
