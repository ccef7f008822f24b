//! Which functions and operators there are, what they take and what they give.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, LiteralValue};

use super::super::functions;
use super::super::types::{Kind, Type};
use super::{Checker, Issue, OnNull, is_number, suggest};

impl Checker<'_> {
    /// The result of a call, what it gives on null, and whether null has to be kept from it.
    pub(super) fn signature(
        &self,
        id: u64,
        called: &CallExpr,
        of: &[Type],
    ) -> Result<(Type, OnNull, bool), Issue> {
        let name = called.func_name.as_str();
        let member = called.target.is_some();
        let all = |want: fn(&Type) -> bool| of.iter().all(want);
        let bool = || Ok((Type::new(Kind::Bool), OnNull::False, true));
        let gives = |of: Type| Ok((of, OnNull::Null, true));
        match (name, member, of) {
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, _, _)
                if all(is_number) || all(Type::is_text) =>
            {
                bool()
            }
            (op::ADD, _, [a, b]) if matches!((&a.kind, &b.kind), (Kind::List(_), Kind::List(_))) => {
                gives(a.join(b).unwrap_or_else(Type::any))
            }
            (op::ADD, _, _) if all(Type::is_text) => gives(Type::text()),
            (
                op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE,
                _,
                [first, ..],
            ) if all(is_number) => gives(Type::new(first.kind.clone())),
            (op::IN, _, [item, list]) => {
                match &list.kind {
                    Kind::List(of) => self.comparable_types(id, item, of)?,
                    Kind::Map(_) if item.is_text() => {}
                    Kind::Any => {}
                    _ => return Err(self.issue(id, format!("`in` needs a list on its right, not {list}"))),
                }
                bool()
            }
            ("contains" | "startsWith" | "endsWith", true, [_, _]) if all(Type::is_text) => bool(),
            ("matches", _, [_, _]) if all(Type::is_text) => {
                self.regex(called)?;
                bool()
            }
            ("size", _, [of]) if is_sized(of) => gives(Type::new(Kind::Int)),
            ("lowerAscii" | "upperAscii" | "trim", true, [_]) if all(Type::is_text) => gives(Type::text()),
            ("replace", true, [_, _, _]) if all(Type::is_text) => gives(Type::text()),
            ("split", true, [_, _]) if all(Type::is_text) => gives(Type::list(Type::text())),
            ("indexOf" | "lastIndexOf", true, [_, _]) if all(Type::is_text) => gives(Type::new(Kind::Int)),
            ("substring", true, [of, rest @ ..])
                if of.is_text() && rest.len() < 3 && rest.iter().all(is_number) =>
            {
                gives(Type::text())
            }
            ("join", true, [list, rest @ ..]) if is_list_of_texts(list) && rest.iter().all(Type::is_text) => {
                gives(Type::text())
            }
            ("string", false, [of]) if !matches!(of.kind, Kind::List(_) | Kind::Map(_) | Kind::Object(_)) => {
                gives(Type::text())
            }
            ("number", false, [of]) if of.is_text() => gives(Type { nullable: true, ..Type::new(Kind::Int) }),
            ("basename", false, [_]) if all(Type::is_text) => gives(Type::text()),
            ("with_word", false, [line, number, word])
                if line.is_text() && is_number(number) && word.is_text() =>
            {
                gives(Type { nullable: true, ..Type::text() })
            }
            ("glob", false, [_, _]) if all(Type::is_text) => bool(),
            ("place", false, [path]) if path.is_text() => gives(place()),
            ("place", false, [path, line]) if path.is_text() && is_number(line) => gives(place()),
            ("first", false, [_, _] | [_, _, _] | [_, _, _, _]) => self.first(id, of),
            _ => Err(self.misused(id, called, of)),
        }
    }

    /// The first argument that is not null: null only if the last may be.
    fn first(&self, id: u64, of: &[Type]) -> Result<(Type, OnNull, bool), Issue> {
        let mut joined = Type::new(Kind::Null);
        for of in of {
            joined = joined.join(of).ok_or_else(|| {
                self.issue(id, format!("`first` of {joined} and {of}, which do not go together"))
            })?;
        }
        joined.nullable = of.iter().all(|of| of.nullable || of.kind == Kind::Null);
        Ok((joined, OnNull::Null, false))
    }

    fn misused(&self, id: u64, called: &CallExpr, of: &[Type]) -> Issue {
        let name = called.func_name.as_str();
        let given: Vec<String> = of.iter().map(ToString::to_string).collect();
        if let Some(symbol) = symbol(name) {
            return self.issue(id, format!("`{symbol}` cannot be applied to {}", given.join(" and ")));
        }
        let span = self.word_span(id, name);
        match functions::USAGE.iter().find(|(known, _)| *known == name) {
            Some((_, usage)) => Issue {
                span,
                message: format!("`{name}` cannot be applied to {}", given.join(" and ")),
                help: Some(format!("it is written {usage}")),
            },
            None => Issue {
                span,
                message: format!("there is no function `{name}`"),
                help: suggest(name, functions::USAGE.iter().map(|(known, _)| *known)),
            },
        }
    }

    fn regex(&self, called: &CallExpr) -> Result<(), Issue> {
        let Some(pattern) = called.args.last() else { return Ok(()) };
        let Expr::Literal(LiteralValue::String(expression)) = &pattern.expr else { return Ok(()) };
        let Err(error) = regex::Regex::new(expression.inner()) else { return Ok(()) };
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Err(self.issue(pattern.id, format!("is no regular expression: {reason}")))
    }
}

fn place() -> Type {
    Type::new(Kind::Object("Place".into()))
}

fn is_sized(of: &Type) -> bool {
    matches!(of.kind, Kind::Text(_) | Kind::List(_) | Kind::Map(_) | Kind::Any)
}

fn is_list_of_texts(of: &Type) -> bool {
    match &of.kind {
        Kind::Any => true,
        Kind::List(item) => item.is_text() || item.kind == Kind::Null,
        _ => false,
    }
}

/// How an operator is written.
fn symbol(name: &str) -> Option<&'static str> {
    [
        (op::ADD, "+"),
        (op::SUBSTRACT, "-"),
        (op::NEGATE, "-"),
        (op::MULTIPLY, "*"),
        (op::DIVIDE, "/"),
        (op::MODULO, "%"),
        (op::LESS, "<"),
        (op::LESS_EQUALS, "<="),
        (op::GREATER, ">"),
        (op::GREATER_EQUALS, ">="),
    ]
    .into_iter()
    .find_map(|(operator, symbol)| (operator == name).then_some(symbol))
}
