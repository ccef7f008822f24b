//! Messages and fixes as Tera templates, checked when the rule is loaded.
//!
//! Tera reports syntax errors itself but knows no types, so the names inside `{{ }}` and `{% %}` are found here and
//! looked up in the same schemas as those of the conditions.

mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use tera::{ErrorKind, Tera};

use super::check::{Issue, Scope, quoted, suggest};
use super::shell;
use super::types::{Kind, Type, Types};

/// Words of Tera's own language that are no names.
const WORDS: &[&str] = &[
    "and",
    "as",
    "block",
    "break",
    "component",
    "continue",
    "elif",
    "else",
    "endblock",
    "endcomponent",
    "endfilter",
    "endfor",
    "endif",
    "endset",
    "extends",
    "false",
    "filter",
    "for",
    "if",
    "in",
    "include",
    "is",
    "loop",
    "none",
    "None",
    "not",
    "null",
    "or",
    "set",
    "set_global",
    "super",
    "true",
];

/// An engine for the templates of one rule.
pub(super) fn engine() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on([shell::COMMAND, shell::LINE]);
    tera.set_escape_fn(shell::mark);
    tera.register_filter("without_words", words::without_words);
    tera
}

/// Adds the template to `tera` under `name`, checks what it reads, and notes its top-level names in `used`.
///
/// # Errors
/// A mistake of syntax, or one for each tag that has one.
pub(super) fn add(
    tera: &mut Tera,
    name: &str,
    text: &str,
    types: &Types,
    scope: &Scope,
    used: &mut BTreeSet<String>,
) -> Result<(), Vec<Issue>> {
    tera.add_raw_template(name, text).map_err(|error| vec![syntax(text, &error)])?;
    let mut reader = Reader { types, scope: scope.clone(), opened: Vec::new(), used };
    let issues: Vec<Issue> = tags(text).into_iter().filter_map(|tag| reader.tag(text, tag).err()).collect();
    if issues.is_empty() { Ok(()) } else { Err(issues) }
}

fn syntax(text: &str, error: &tera::Error) -> Issue {
    let (ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report)) = error.kind() else {
        // Unknown filters and functions come as a drawing: its first line says which.
        let drawing = error.to_string();
        let message = drawing.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let name = message.split('`').nth(1).unwrap_or_default();
        let at = if name.is_empty() { None } else { text.find(name) };
        let span = at.map_or(0..text.len(), |at| at..at + name.len());
        return Issue { span, message: format!("is no template: {message}"), help: None };
    };
    let span = report.span();
    let before: usize =
        text.split_inclusive('\n').take(span.start_line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    let start = before + rest.char_indices().nth(span.start_col).map_or(rest.len(), |(at, _)| at);
    let width =
        if span.start_line == span.end_line { span.end_col.saturating_sub(span.start_col) } else { 1 };
    Issue {
        span: start..start + width.max(1),
        message: format!("is no template: {}", report.message()),
        help: None,
    }
}

/// The insides of `{{ }}` and `{% %}`, outside of comments and `{% raw %}`.
fn tags(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('{')).map(|open| at + open) {
        let close = match text.get(open + 1..open + 2) {
            Some("{") => "}}",
            Some("%") => "%}",
            Some("#") => "#}",
            _ => {
                at = open + 1;
                continue;
            }
        };
        let inside = open + 2;
        let Some(length) = text.get(inside..).and_then(|rest| rest.find(close)) else { break };
        let tag = inside..inside + length;
        at = tag.end + 2;
        let word = text.get(tag.clone()).unwrap_or_default().trim_matches(['-', ' ', '\n']);
        match (close, word) {
            ("%}", "raw") => raw = true,
            ("%}", "endraw") => raw = false,
            ("#}", _) => {}
            _ if !raw => found.push(tag),
            _ => {}
        }
    }
    found
}

struct Reader<'a> {
    types: &'a Types,
    scope: Scope,
    /// The scopes outside the loops that are open.
    opened: Vec<Scope>,
    used: &'a mut BTreeSet<String>,
}

/// A name with its fields, and what stands around it.
struct Path<'t> {
    segments: Vec<(&'t str, usize)>,
    before: Option<&'t str>,
    after: Option<char>,
    assigned: bool,
}

impl Reader<'_> {
    fn tag(&mut self, text: &str, tag: Range<usize>) -> Result<(), Issue> {
        let inside = text.get(tag.clone()).unwrap_or_default();
        let paths = paths(inside, tag.start);
        let keyword =
            inside.trim_start_matches(['-', ' ', '\n']).split_whitespace().next().unwrap_or_default();
        match keyword {
            "endfor" => self.scope = self.opened.pop().unwrap_or_default(),
            "for" => {
                let names: Vec<&str> = paths
                    .iter()
                    .take_while(|path| path.before != Some("in"))
                    .filter_map(|path| path.segments.first().map(|(name, _)| *name))
                    .collect();
                let over = paths.iter().find(|path| path.before == Some("in"));
                let over = over.map_or_else(|| Ok(Type::any()), |path| self.lookup(path))?;
                self.opened.push(self.scope.clone());
                let item = match over.kind {
                    Kind::List(item) => item.as_ref().clone(),
                    _ => Type::any(),
                };
                for name in names {
                    self.scope.declare(name, item.clone());
                }
                return Ok(());
            }
            "set" | "set_global" => {
                for path in paths.iter().filter(|path| path.assigned) {
                    if let Some((name, _)) = path.segments.first() {
                        self.scope.declare(*name, Type::any());
                    }
                }
            }
            _ => {}
        }
        for path in &paths {
            let filter_or_test = path.before.is_some_and(|before| matches!(before, "|" | "is" | "filter"));
            if !filter_or_test && path.after != Some('(') && !path.assigned {
                self.lookup(path)?;
            }
        }
        Ok(())
    }

    fn lookup(&mut self, path: &Path<'_>) -> Result<Type, Issue> {
        let Some(((name, at), fields)) = path.segments.split_first() else { return Ok(Type::any()) };
        let Some(mut of) = self.scope.get(name).cloned() else {
            let (message, help) = self.scope.missing(name);
            return Err(Issue { span: *at..*at + name.len(), message, help });
        };
        self.used.insert((*name).to_owned());
        for (field, at) in fields {
            of = match &of.kind {
                Kind::Any => return Ok(Type::any()),
                Kind::Map(item) | Kind::List(item) => item.as_ref().clone(),
                Kind::Object(structure) => {
                    let known = self.types.fields(structure);
                    let found = known.and_then(|known| known.get(*field)).cloned();
                    found.ok_or_else(|| {
                        let names: Vec<&str> =
                            known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                        Issue {
                            span: *at..*at + field.len(),
                            message: format!("there is no field `{field}`"),
                            help: suggest(field, names.iter().copied())
                                .or_else(|| Some(format!("it has {}", quoted(names.iter().copied())))),
                        }
                    })?
                }
                _ => {
                    let message = format!("{of} has no fields");
                    return Err(Issue { span: *at..*at + field.len(), message, help: None });
                }
            };
        }
        Ok(of)
    }
}

/// The names in the inside of a tag; `base` is where it starts in the template.
fn paths(inside: &str, base: usize) -> Vec<Path<'_>> {
    let mut found: Vec<Path<'_>> = Vec::new();
    let mut before: Option<&str> = None;
    let mut rest = inside;
    while let Some(first) = rest.chars().next() {
        let at = base + inside.len() - rest.len();
        if matches!(first, '"' | '\'' | '`') {
            let end = rest.get(1..).and_then(|tail| tail.find(first)).map_or(rest.len(), |end| end + 2);
            rest = rest.get(end..).unwrap_or_default();
            before = None;
        } else if is_word(first) {
            let length = rest.find(|c: char| !is_word(c) && c != '.').unwrap_or(rest.len());
            let (word, tail) = rest.split_at(length);
            let word = word.trim_end_matches('.');
            rest = tail;
            let next = tail.trim_start();
            let after = next.chars().next();
            let assigned = after == Some('=') && !next.starts_with("==");
            let head = word.split('.').next().unwrap_or(word);
            if WORDS.contains(&head) || first.is_ascii_digit() {
                before = (!(word == "not" && before == Some("is"))).then_some(word).or(before);
                continue;
            }
            let mut offset = at;
            let segments = word.split('.').map(|segment| {
                let start = offset;
                offset += segment.len() + 1;
                (segment, start)
            });
            found.push(Path { segments: segments.collect(), before, after, assigned });
            before = None;
        } else {
            let length = first.len_utf8();
            if !first.is_whitespace() {
                before = rest.get(..length);
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    found
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
