//! nginx.conf: directives, blocks, quotes (nginx `src/core/ngx_conf_file.c`, `ngx_conf_read_token`).
//!
//! A directive is words up to `;` or `{`. A word may be quoted whole; a backslash takes the next byte; `${name}` is
//! part of a word; `#` starts a comment where a word could start. `include` is left to the caller.

use super::Mistake;
use super::cursor::{Cursor, lossy};
use crate::place::Span;

/// Depth of blocks; nginx itself has three or four.
const MAX_DEPTH: usize = 64;

/// What was read of one file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directives, in order; those of blocks after the one that opens the block.
    pub directives: Vec<Directive>,
    /// What is not of the grammar.
    pub mistakes: Vec<Mistake>,
}

/// One directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Its name.
    pub name: String,
    /// Its arguments, quotes and escapes resolved.
    pub arguments: Vec<String>,
    /// From the name to the last argument (on the first line).
    pub span: Span,
    /// Whether it opens a block.
    pub block: bool,
    /// Index of the directive that opens the block around it; none at the top of the file.
    pub parent: Option<usize>,
}

impl Config {
    /// The directives whose blocks are around this one, innermost first.
    pub fn around(&self, directive: &Directive) -> impl Iterator<Item = &Directive> {
        // A parent always stands before its child, so this ends.
        let first = directive.parent.and_then(|index| self.directives.get(index));
        std::iter::successors(first, |outer| outer.parent.and_then(|index| self.directives.get(index)))
    }
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Config {
    let mut out = Config::default();
    let mut cursor = Cursor::new(bytes);
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut words: Vec<(String, Span)> = Vec::new();
    loop {
        skip_blanks_and_comments(&mut cursor);
        let here = cursor.mark();
        match cursor.peek() {
            None => break,
            Some(byte @ (b';' | b'{')) => {
                cursor.bump();
                let block = byte == b'{';
                if words.is_empty() {
                    mistake(&mut out, cursor.span_from(here), "no directive stands before this");
                }
                let index = finish(&mut out, &mut words, &open, block);
                if block {
                    if open.len() >= MAX_DEPTH {
                        mistake(&mut out, cursor.span_from(here), "blocks are nested too deep");
                        return out;
                    }
                    open.push(index);
                }
            }
            Some(b'}') => {
                cursor.bump();
                if !words.is_empty() {
                    mistake(&mut out, cursor.span_from(here), "the directive before this lacks its `;`");
                    finish(&mut out, &mut words, &open, false);
                }
                if open.pop().is_none() {
                    mistake(&mut out, cursor.span_from(here), "no block is open here");
                }
            }
            Some(_) => {
                let text = word(&mut cursor, &mut out);
                words.push((text, cursor.span_from(here)));
            }
        }
    }
    if !words.is_empty() {
        let span = words.first().map_or(Span::line(1), |(_, span)| *span);
        mistake(&mut out, span, "the file ends before this directive's `;`");
        finish(&mut out, &mut words, &open, false);
    }
    out
}

fn mistake(out: &mut Config, span: Span, message: &str) {
    out.mistakes.push(Mistake { span, message: message.to_owned() });
}

/// Makes a directive of the words so far, and returns its index.
fn finish(
    out: &mut Config,
    words: &mut Vec<(String, Span)>,
    open: &[Option<usize>],
    block: bool,
) -> Option<usize> {
    let mut taken = std::mem::take(words).into_iter();
    let (name, first) = taken.next()?;
    let mut span = first;
    let mut arguments = Vec::new();
    for (argument, place) in taken {
        if place.line == span.line {
            span.end = place.end;
        }
        arguments.push(argument);
    }
    let parent = open.iter().rev().find_map(|index| *index);
    out.directives.push(Directive { name, arguments, span, block, parent });
    Some(out.directives.len() - 1)
}

fn skip_blanks_and_comments(cursor: &mut Cursor<'_>) {
    loop {
        cursor.skip_while(is_blank);
        if cursor.peek() != Some(b'#') {
            return;
        }
        cursor.skip_line();
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn word(cursor: &mut Cursor<'_>, out: &mut Config) -> String {
    let start = cursor.mark();
    let mut text = Vec::new();
    let quote = cursor.peek().filter(|byte| matches!(byte, b'"' | b'\''));
    if quote.is_some() {
        cursor.bump();
    }
    loop {
        let Some(byte) = cursor.peek() else {
            if quote.is_some() {
                mistake(out, cursor.span_from(start), "the quote that opens here is never closed");
            }
            break;
        };
        match byte {
            b'\\' => {
                cursor.bump();
                match cursor.bump() {
                    Some(b't') => text.push(b'\t'),
                    Some(b'r') => text.push(b'\r'),
                    Some(b'n') => text.push(b'\n'),
                    Some(escaped @ (b'"' | b'\'' | b'\\')) => text.push(escaped),
                    Some(escaped) => text.extend([b'\\', escaped]),
                    None => text.push(b'\\'),
                }
            }
            _ if Some(byte) == quote => {
                cursor.bump();
                let next = cursor.peek();
                if !next.is_none_or(|next| is_blank(next) || matches!(next, b';' | b'{' | b')')) {
                    mistake(
                        out,
                        cursor.span_from(start),
                        "a blank, `;` or `{` must follow the closing quote",
                    );
                }
                break;
            }
            b'$' if cursor.peek_at(1) == Some(b'{') => {
                text.extend(b"${");
                cursor.bump();
                cursor.bump();
            }
            _ if quote.is_none() && (is_blank(byte) || matches!(byte, b';' | b'{')) => break,
            _ => {
                text.push(byte);
                cursor.bump();
            }
        }
    }
    lossy(&text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let config = parse(text.as_bytes());
        assert_eq!(config.mistakes, [], "{text:?}");
        let row = |d: &Directive| {
            let around: Vec<_> = config.around(d).map(|outer| outer.name.as_str()).collect();
            format!("{}|{}|{}", around.join("/"), d.name, d.arguments.join(","))
        };
        config.directives.iter().map(row).collect()
    }

    #[test]
    fn directives_blocks_quotes_and_comments() {
        for (text, expected) in [
            (
                "http {\n  ssl_protocols TLSv1.1\n    TLSv1.2; # both\n  server { listen 443 ssl; }\n}\n",
                [
                    "|http|",
                    "http|ssl_protocols|TLSv1.1,TLSv1.2",
                    "http|server|",
                    "server/http|listen|443,ssl",
                ]
                .as_slice(),
            ),
            ("include /etc/nginx/conf.d/*.conf;", &["|include|/etc/nginx/conf.d/*.conf"]),
            ("log_format main '$a \"$b\" {x};' \"it's\\\"\";", &["|log_format|main,$a \"$b\" {x};,it's\""]),
            ("set $x ${host}name; a b#c;", &["|set|$x,${host}name", "|a|b#c"]),
            ("a\\ b;\r\n", &["|a\\ b|"]),
            ("", &[]),
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_directive_knows_its_place() {
        let config = parse(b"http {\n  ssl_protocols TLSv1.2;\n}");
        assert_eq!(config.directives[1].span, Span::new(2, 3, 24));
    }

    #[test]
    fn what_is_not_of_the_grammar_is_a_mistake() {
        for (text, part) in [
            ("a b", "ends before"),
            ("}", "no block"),
            (";", "no directive"),
            ("a {b }", "lacks its"),
            ("a \"b;", "never closed"),
            ("a 'b'c;", "must follow"),
        ] {
            let config = parse(text.as_bytes());
            assert!(config.mistakes.iter().any(|m| m.message.contains(part)), "{text:?}: {config:?}");
        }
        assert!(parse("a{".repeat(1000).as_bytes()).mistakes[0].message.contains("too deep"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).directives.len() <= bytes.len());
        }

        #[test]
        fn a_quoted_argument_comes_back(argument in "[^'\\\\$]{0,30}") {
            let text = format!("name '{argument}';");
            let config = parse(text.as_bytes());
            prop_assert_eq!(&config.directives[0].arguments, &vec![argument]);
        }
    }
}
