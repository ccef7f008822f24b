//! openssl.cnf: sections of `name = value`, and directives that start with a dot (config(5), OpenSSL
//! `crypto/conf/conf_def.c`).
//!
//! `#` starts a comment outside quotes, a backslash at a line's end joins the next line, `$name` and
//! `${section::name}` are left as written. `.include` (since 1.1.0) and `.pragma` (since 3.0) may have `=` or not;
//! before, they were plain names with values. Includes are left to the caller.

use super::Mistake;
use super::cursor::lossy;
use crate::place::Span;

/// What was read of one file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Config {
    /// Assignments, section starts and includes, in order.
    pub items: Vec<Item>,
    /// Lines that are not of the format: OpenSSL gives up on the file there.
    pub mistakes: Vec<Mistake>,
}

/// A line that means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `[ section ]`.
    Section {
        /// Its name.
        name: String,
        /// Where.
        span: Span,
    },
    /// `name = value`, in the section that the items before it say.
    Assignment {
        /// The name.
        name: String,
        /// The value, quotes removed.
        value: String,
        /// The line.
        span: Span,
    },
    /// `.include path`, a file or a directory (of which OpenSSL takes `*.cnf` and `*.conf`).
    Include {
        /// The path.
        path: String,
        /// The line.
        span: Span,
    },
}

/// Bytes of joined lines; OpenSSL has no limit.
const MAX_LINE: usize = 256 * 1024;

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Config {
    let mut out = Config::default();
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate();
    while let Some((index, first)) = lines.next() {
        let mut text = lossy(first).trim_end_matches('\r').to_owned();
        let first_len = text.trim_end().len();
        while text.ends_with('\\') && text.len() < MAX_LINE {
            text.pop();
            match lines.next() {
                Some((_, next)) => text.push_str(lossy(next).trim_end_matches('\r')),
                None => break,
            }
        }
        let plain = without_comment(&text);
        let trimmed = plain.trim();
        let column = plain.len() - plain.trim_start().len() + 1;
        let end = (column + trimmed.len()).min(first_len.max(column) + 1);
        let span = Span::new(index + 1, column, end);
        if trimmed.is_empty() || trimmed.starts_with('\u{feff}') {
            continue;
        }
        match item(trimmed, span) {
            Ok(Some(item)) => out.items.push(item),
            Ok(None) => {}
            Err(message) => out.mistakes.push(Mistake { span, message: message.to_owned() }),
        }
    }
    out
}

fn item(text: &str, span: Span) -> Result<Option<Item>, &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let name = rest.split_once(']').ok_or("a `]` is missing after the section's name")?.0.trim();
        return Ok(Some(Item::Section { name: name.to_owned(), span }));
    }
    if let Some(directive) = text.strip_prefix('.') {
        let (name, value) = directive.split_once([' ', '\t', '=']).unwrap_or((directive, ""));
        let value = unquoted(value.trim_start().trim_start_matches('=').trim());
        return match name {
            "include" => Ok(Some(Item::Include { path: value, span })),
            _ => Ok(None),
        };
    }
    let (name, value) = text.split_once('=').ok_or("an equals sign is missing")?;
    Ok(Some(Item::Assignment { name: name.trim().to_owned(), value: unquoted(value.trim()), span }))
}

/// The text before a `#` that is neither quoted nor escaped.
fn without_comment(text: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' | '\'' | '`' if quote == Some(character) => quote = None,
            '"' | '\'' | '`' if quote.is_none() => quote = Some(character),
            '#' if quote.is_none() => return text.get(..at).unwrap_or(text),
            _ => {}
        }
    }
    text
}

/// The value without quotes, with escapes resolved.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            '"' | '\'' | '`' if quote == Some(character) => quote = None,
            '"' | '\'' | '`' if quote.is_none() => quote = Some(character),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let row = |item: Item| match item {
            Item::Section { name, span } => format!("{}:[{name}]", span.line),
            Item::Assignment { name, value, span } => format!("{}:{name}={value}", span.line),
            Item::Include { path, span } => format!("{}:<{path}>", span.line),
        };
        parse(text.as_bytes()).items.into_iter().map(row).collect()
    }

    #[test]
    fn sections_assignments_includes_and_comments() {
        let text = "openssl_conf = openssl_init # first\n[ openssl_init ]\r\nproviders=provider_sect\n.include /etc/crypto-policies/back-ends/opensslcnf.config\n.include = conf.d\n.pragma dollarid:on\nname = \"a # b\" \\\n 'c'\n# end\n[x]";
        assert_eq!(
            rows(text),
            [
                "1:openssl_conf=openssl_init",
                "2:[openssl_init]",
                "3:providers=provider_sect",
                "4:</etc/crypto-policies/back-ends/opensslcnf.config>",
                "5:<conf.d>",
                "7:name=a # b  c",
                "10:[x]",
            ]
        );
    }

    #[test]
    fn lines_of_another_form_are_mistakes() {
        let config = parse(b"[open\nword\nok = 1\n");
        let lines: Vec<_> = config.mistakes.iter().map(|m| m.span.line).collect();
        assert_eq!((lines, config.items.len()), (vec![1, 2], 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let config = parse(&bytes);
            prop_assert!(config.items.len() + config.mistakes.len() <= bytes.len() + 1);
        }

        #[test]
        fn an_assignment_comes_back(name in "[a-zA-Z0-9._]{1,10}", value in "[a-zA-Z0-9/.:-]{0,20}") {
            prop_assume!(!name.starts_with('.'));
            prop_assert_eq!(rows(&format!("{name} = {value}")), vec![format!("1:{name}={value}")]);
        }
    }
}
