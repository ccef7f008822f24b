//! Reads the YAML of a rule file, and tells all mistakes of its shape at once.
//!
//! The reader of YAML stops at the first mistake. What is wrong there is blanked out, or what is missing is put at the
//! end, and the text is read again, until nothing is wrong or nothing more can be done; bytes stay in their places.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::check::{nearest, suggest};
use super::definition::RuleFile;
use super::error::RuleError;

/// Mistakes of shape that are told of one file. Nobody mends more at a time, and a hostile file has thousands.
const MOST_MISTAKES: usize = 32;

/// What stands in for a key that is missing, so that the rest can be checked.
const STAND_INS: [(&str, &str); 7] = [
    ("id", "stand-in"),
    ("title", "stand-in"),
    ("severity", "info"),
    ("when", "'false'"),
    ("message", "stand-in"),
    ("why", "stand-in"),
    ("fix", "[]"),
];

/// The keys of a rule and of a step of its remedy.
const KEYS: [&str; 21] = [
    "id", "title", "severity", "decides", "each", "targets", "let", "when", "at", "entry", "message", "why",
    "see", "fix", "refs", "if", "command", "replace", "advice", "with", "delete",
];

/// Reads the rule in `source`: what could be read, and all that is wrong with its shape. What is said of bytes after
/// the end of `source` is about a stand-in.
pub(super) fn read(path: &str, source: &Arc<str>) -> (Option<RuleFile>, Vec<RuleError>) {
    let mut text = source.to_string();
    let mut errors: Vec<RuleError> = Vec::new();
    let mut blanked = BTreeSet::new();
    while errors.len() < MOST_MISTAKES {
        let error = match serde_saphyr::from_str::<RuleFile>(&text) {
            Ok(file) => return (Some(file), errors),
            Err(error) => error,
        };
        let message = message(&error);
        let span = error.location().map_or(0..0, |location| bytes(&text, location.span()));
        if let Some(key) = missing(&message) {
            // A key that was there and was blanked out has been told of, and so has one that was misspelt.
            let told = blanked.contains(key) || nearest(key, blanked.iter().map(String::as_str)).is_some();
            if !told {
                errors.push(RuleError::new(path, source, 0..0, message.as_str()));
            }
            let Some((_, value)) = STAND_INS.iter().find(|(known, _)| *known == key) else { break };
            text.push_str(&format!("\n{key}: {value}"));
            continue;
        }
        // Once something is blanked out, trouble with the YAML itself may come from that.
        if errors.is_empty() || is_of_shape(&message) {
            let help = unknown(&message).and_then(|key| suggest(key, KEYS.into_iter()));
            errors.push(RuleError::new(path, source, span.clone(), message.as_str()).with_help(help));
        }
        let Some(mended) = without(&text, &span, &mut blanked).filter(|_| is_of_shape(&message)) else {
            break;
        };
        text = mended;
    }
    (None, errors)
}

/// The sentence, without the place and the drawing.
pub(super) fn message(error: &serde_saphyr::Error) -> String {
    let options = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
    let message = error.render_with_options(options);
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The key that `message` says is missing.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field ")?.split('`').nth(1)
}

/// The key that `message` says is unknown.
fn unknown(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field ")?.split('`').nth(1)
}

/// Whether the YAML itself is whole, so that the place of the mistake is one key with its value.
fn is_of_shape(message: &str) -> bool {
    ["unknown field", "invalid type", "invalid value", "invalid length", "duplicate", "expected"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// `text` with blanks in the place of the key at `span` and all that belongs to it; its name is added to `blanked`.
/// None if there is nothing to blank.
fn without(text: &str, span: &Range<usize>, blanked: &mut BTreeSet<String>) -> Option<String> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let first = text.get(start..)?.split_inclusive('\n').next()?;
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let column = indent(first);
    let is_item = first.trim_start().starts_with("- ");
    let mut end = start + first.len();
    for line in text.get(end..)?.split_inclusive('\n') {
        let own = line.len() - line.trim_start().len();
        // A list may stand at the column of the key that it belongs to.
        let belongs = line.trim().is_empty()
            || own > column
            || (own == column && !is_item && line.trim_start().starts_with("- "));
        if !belongs {
            break;
        }
        end += line.len();
    }
    let goes_on = is_item
        && text.get(end..)?.split_inclusive('\n').next().is_some_and(|line| {
            line.len() - line.trim_start().len() == column && !line.trim_start().starts_with("- ")
        });
    // The dash stays for the other keys of its item.
    let from = if is_item && !goes_on { start } else { start + column };
    let gone = text.get(from..end)?;
    if gone.trim().is_empty() {
        return None;
    }
    blanked.extend(gone.split(':').next().map(|key| key.trim().to_owned()));
    let blanks: String = gone.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    Some(format!("{}{blanks}{}", text.get(..from)?, text.get(end..)?))
}

/// The bytes of `source` that `span` stands for.
pub(super) fn bytes(source: &str, span: serde_saphyr::Span) -> Range<usize> {
    let as_size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => as_size(start)..as_size(start.saturating_add(length)),
        _ => {
            let character = |n: usize| source.char_indices().nth(n).map_or(source.len(), |(at, _)| at);
            let start = as_size(span.offset());
            character(start)..character(start.saturating_add(as_size(span.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "id: r
title: T
severity: high
decides: [B01]
let:
  a: '1'
when: 'true'
message: m
why: w
fix:
  - if: 'true'
    advice: a
  - command: c
";

    /// What is wrong with `text`, as `line: message`, and whether the rest could be read.
    fn told(text: &str) -> (Vec<String>, bool) {
        let source: Arc<str> = text.into();
        let (file, errors) = read("r.yaml", &source);
        (errors.iter().map(|error| format!("{}: {}", error.line, error.message)).collect(), file.is_some())
    }

    #[test]
    fn all_mistakes_of_shape_are_told_at_once() {
        assert_eq!(told(RULE), (Vec::new(), true));
        let with = |changes: &[(&str, &str)]| {
            changes.iter().fold(RULE.to_owned(), |text, (from, to)| {
                assert!(text.contains(from), "{from}");
                text.replace(from, to)
            })
        };
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
        let cases: [Case<'_>; 7] = [
            (
                &[("title: T", "titel: T"), ("why: w", "whi: w")],
                &["2: unknown field `titel`", "9: unknown field `whi`"],
            ),
            (
                &[("title: T\n", ""), ("when: 'true'\n", "")],
                &["1: missing field `title`", "1: missing field `when`"],
            ),
            (
                &[("advice: a", "advise: a"), ("command: c", "comand: c")],
                &["12: unknown field `advise`", "13: unknown field `comand`"],
            ),
            (&[("  - if: 'true'\n", "  - iff: 'true'\n")], &["11: unknown field `iff`"]),
            (&[("title: T", "title: [T]"), ("  a: '1'", "  a: [1, 2]")], &["2: ", "6: "]),
            (
                &[("severity: high", "severity: high\nfoo:\n- a\n- b\nbar:\n  baz: 1")],
                &["4: unknown field `foo`", "7: unknown field `bar`"],
            ),
            (&[("title: T", "title: T\ntitle: U")], &["3: "]),
        ];
        for (changes, expected) in cases {
            let text = with(changes);
            let (told, read) = told(&text);
            assert!(read, "{text}{told:?}");
            assert_eq!(told.len(), expected.len(), "{text}{told:?}");
            for (told, expected) in told.iter().zip(expected) {
                assert!(told.starts_with(expected), "{text}{told:?}");
            }
        }
    }

    #[test]
    fn a_file_that_is_no_rule_at_all_is_told_of() {
        for text in ["id: [r", "id: r\n\ttitle: T\n", "- a\n- b\n"] {
            let (told, read) = told(text);
            assert!(!read && told.first().is_some_and(|told| told.starts_with(['1', '2'])), "{text}{told:?}");
        }
    }

    #[test]
    fn the_number_of_mistakes_is_bounded() {
        let many: String = (0..10_000).map(|number| format!("key{number}: 1\n")).collect();
        assert_eq!(told(&many).0.len(), MOST_MISTAKES);
    }
}
