//! The functions of rules beyond CEL's own and its strings extension.

use std::cell::RefCell;
use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelInt, CelMap, CelMapKey, CelNull, CelString, DYN_TYPE, INT_TYPE, STRING_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use globset::GlobBuilder;
use regex::Regex;

use super::value::{Unknown, unknown_error};

/// Raises the error of an unknown value. The checker puts it around each name that may be unknown; a rule cannot
/// write it, since `@` starts no name.
pub(super) const KNOWN: &str = "@known";

/// A field of a structure that may be null; null if it is.
pub(super) const FIELD: &str = "@field";

/// An item of a list or map by its position or name; null if there is none.
pub(super) const ITEM: &str = "@item";

/// `matches` and `glob` with their patterns kept compiled.
pub(super) const MATCHES: &str = "@matches";
pub(super) const GLOB: &str = "@glob";

/// Patterns that a thread keeps; rules have fewer, and ones made from facts must not pile up.
const PATTERNS: usize = 512;

thread_local! {
    static COMPILED: RefCell<HashMap<(bool, String), Regex>> = RefCell::default();
}

/// How each function that a rule may call is written.
pub(super) const USAGE: &[(&str, &str)] = &[
    ("all", "`list.all(x, condition)`"),
    ("basename", "`basename(path)`"),
    ("contains", "`text.contains(part)`"),
    ("endsWith", "`text.endsWith(part)`"),
    ("exists", "`list.exists(x, condition)`"),
    ("exists_one", "`list.exists_one(x, condition)`"),
    ("filter", "`list.filter(x, condition)`"),
    ("first", "`first(a, b)`, with up to four values of one type"),
    ("glob", "`glob(text, pattern)`"),
    ("has", "`has(a.b)`"),
    ("indexOf", "`text.indexOf(part)`"),
    ("join", "`list.join(separator)`"),
    ("lastIndexOf", "`text.lastIndexOf(part)`"),
    ("lowerAscii", "`text.lowerAscii()`"),
    ("map", "`list.map(x, value)`"),
    ("matches", "`text.matches(regular expression)`"),
    ("number", "`number(text)`"),
    ("place", "`place(path)` or `place(path, line)`"),
    ("replace", "`text.replace(old, new)`"),
    ("size", "`size(list)` or `size(text)`"),
    ("split", "`text.split(separator)`"),
    ("startsWith", "`text.startsWith(part)`"),
    ("string", "`string(number)`"),
    ("substring", "`text.substring(start)` or `text.substring(start, end)`"),
    ("trim", "`text.trim()`"),
    ("upperAscii", "`text.upperAscii()`"),
    ("with_word", "`with_word(line, number, word)`"),
];

/// The environment of all rules: CEL's standard library, its strings extension, and the functions here.
pub(super) fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(cel::extensions::strings)?;
    env.add_overload(KNOWN, "known", vec![DYN_TYPE], known)?;
    env.add_overload(FIELD, "field", vec![DYN_TYPE, DYN_TYPE], item)?;
    env.add_overload(ITEM, "item", vec![DYN_TYPE, DYN_TYPE], item)?;
    env.add_overload("number", "number", vec![STRING_TYPE], number)?;
    env.add_overload("basename", "basename", vec![STRING_TYPE], basename)?;
    env.add_overload(GLOB, "glob", vec![STRING_TYPE, STRING_TYPE], glob)?;
    env.add_overload(MATCHES, "matches", vec![STRING_TYPE, STRING_TYPE], matches)?;
    env.add_overload("with_word", "with_word", vec![STRING_TYPE, INT_TYPE, STRING_TYPE], with_word)?;
    env.add_overload("place", "place", vec![STRING_TYPE], place)?;
    env.add_overload("place", "place_line", vec![STRING_TYPE, INT_TYPE], place)?;
    env.add_overload("first", "first_2", vec![DYN_TYPE, DYN_TYPE], first)?;
    env.add_overload("first", "first_3", vec![DYN_TYPE, DYN_TYPE, DYN_TYPE], first)?;
    env.add_overload("first", "first_4", vec![DYN_TYPE, DYN_TYPE, DYN_TYPE, DYN_TYPE], first)?;
    Ok(env)
}

fn known<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = args.into_iter().next().ok_or_else(ExecutionError::missing_argument_or_target)?;
    if let Some(Unknown(needs)) = value.downcast_ref::<Unknown>() {
        return Err(unknown_error(needs));
    }
    Ok(value)
}

/// A field or item; null if there is none, or nothing to have it.
fn item<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut args = args.into_iter();
    let (Some(whole), Some(key)) = (args.next(), args.next()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let found = match &whole {
        CowVal::Borrowed(whole) => whole.as_indexer().map(|whole| whole.get(key.as_ref())),
        CowVal::Owned(owned) => owned
            .as_indexer()
            .map(|whole| whole.get(key.as_ref()).map(|found| CowVal::Owned(found.into_owned()))),
    };
    match found {
        None | Some(Err(ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_))) => {
            Ok(CowVal::owned(CelNull))
        }
        Some(found) => found,
    }
}

/// The whole number that a text writes in decimal; null if it writes none.
fn number<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let number = text(&args, 0)?.trim().parse::<i64>();
    Ok(number.map_or_else(|_| CowVal::owned(CelNull), |number| CowVal::owned(CelInt::from(number))))
}

/// What follows the last `/`.
fn basename<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let path = text(&args, 0)?;
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Ok(CowVal::owned(CelString::from(name.to_owned())))
}

/// A line with one of its words, counted from 1, written otherwise, and all blanks as they are; null if it has fewer words.
fn with_word<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (line, word) = (text(&args, 0)?, text(&args, 2)?);
    let number = args.get(1).and_then(|number| number.downcast_ref::<CelInt>()).map(|number| *number.inner());
    let wanted = number.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
    let old = wanted.and_then(|wanted| line.split([' ', '\t']).filter(|word| !word.is_empty()).nth(wanted));
    // Both are parts of the same line, so what stands before the word has this length.
    let start = old.map(|old| old.as_ptr().addr().saturating_sub(line.as_ptr().addr()));
    let parts = start
        .zip(old)
        .and_then(|(start, old)| Some((line.get(..start)?, line.get(start.saturating_add(old.len())..)?)));
    Ok(match parts {
        Some((before, after)) => CowVal::owned(CelString::from(format!("{before}{word}{after}"))),
        None => CowVal::owned(CelNull),
    })
}

/// Whether a text matches a regular expression somewhere.
fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    matched(false, text(&args, 0)?, text(&args, 1)?)
}

/// Whether a text matches a shell pattern as a whole; `*` does not match `/`.
fn glob<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    matched(true, text(&args, 0)?, text(&args, 1)?)
}

fn matched<'b, 'v>(is_glob: bool, text: &str, pattern: &str) -> Result<CowVal<'b, 'v>, ExecutionError> {
    COMPILED.with_borrow_mut(|compiled| {
        let key = (is_glob, pattern.to_owned());
        if let Some(regex) = compiled.get(&key) {
            return Ok(CowVal::owned(CelBool::from(regex.is_match(text))));
        }
        let regex = if is_glob { glob_regex(pattern)? } else { pattern.to_owned() };
        let regex = Regex::new(&regex).map_err(|error| ExecutionError::function_error("matches", error))?;
        let answer = regex.is_match(text);
        if compiled.len() >= PATTERNS {
            compiled.clear();
        }
        compiled.insert(key, regex);
        Ok(CowVal::owned(CelBool::from(answer)))
    })
}

/// The regular expression of a shell pattern; globset writes it for bytes, which `(?-u)` undoes here.
fn glob_regex(pattern: &str) -> Result<String, ExecutionError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    let glob = glob.map_err(|error| ExecutionError::function_error("glob", error))?;
    Ok(glob.regex().replacen("(?-u)", "", 1))
}

/// A place: a file as a whole, or a line of it.
fn place<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let path = text(&args, 0)?.trim_start_matches('/').to_owned();
    let line: Box<dyn Val> = match args.get(1).and_then(|line| line.downcast_ref::<CelInt>()) {
        Some(line) => Box::new(CelInt::from(*line.inner())),
        None => Box::new(CelNull),
    };
    let key = |name: &'static str| CelMapKey::String(CelString::from(name));
    let fields: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
        [(key("path"), Box::new(CelString::from(path)) as Box<dyn Val>), (key("line"), line)]
            .into_iter()
            .collect();
    Ok(CowVal::owned(CelMap::from(fields)))
}

/// The first of its arguments that is not null.
fn first<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let found = args.into_iter().find(|value| value.downcast_ref::<CelNull>().is_none());
    Ok(found.unwrap_or_else(|| CowVal::owned(CelNull)))
}

fn text<'a>(args: &'a [CowVal<'_, '_>], index: usize) -> Result<&'a str, ExecutionError> {
    let value = args.get(index).ok_or_else(ExecutionError::missing_argument_or_target)?;
    let text = value.downcast_ref::<CelString>();
    text.map(CelString::inner).ok_or_else(|| ExecutionError::function_error("text", "an argument is no text"))
}
