//! named.conf: statements that end in `;`, blocks in braces, comments of C, C++ and the shell (named.conf(5), `lib/isccfg/parser.c`).
//!
//! Of it the options that say which sockets named opens, and the files that it includes. Keys and their secrets are passed over.

use super::cursor::{Cursor, lossy};
use crate::place::Span;

/// Statements that are read; a server of many zones has one for each.
const MAX_STATEMENTS: usize = 500_000;
/// Braces in each other; views hold zones, which hold lists.
const MAX_DEPTH: usize = 32;
/// Bytes of a word that are kept.
const MAX_WORD: usize = 1024;

/// A statement at the top, in `options` or in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The blocks that it is in, by their first words: `options`.
    pub path: Vec<String>,
    /// Its words up to a brace or the end: `listen-on`, `port`, `53`.
    pub words: Vec<String>,
    /// The elements of its block, where they are plain: `127.0.0.1`, `!10.0.0.1`, `any`.
    pub elements: Vec<String>,
    /// Its first word.
    pub span: Span,
}

/// A block that is open: the statement that opened it.
struct Open {
    words: Vec<String>,
    elements: Vec<String>,
    span: Span,
}

/// The statements of a file, inner ones before those around them.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut span = Span::default();
    let mut cursor = Cursor::new(bytes);
    while let Some(token) = token(&mut cursor) {
        match token {
            Token::Word(word, place) => {
                if words.is_empty() {
                    span = place;
                }
                words.push(word);
            }
            Token::Open => {
                if open.len() >= MAX_DEPTH {
                    return found;
                }
                open.push(Open { words: std::mem::take(&mut words), elements: Vec::new(), span });
            }
            Token::Close => {
                let Some(Open { words: name, elements, span: start }) = open.pop() else { continue };
                words.clear();
                push(&mut found, &open, name, elements, start);
            }
            Token::End if words.is_empty() => {}
            Token::End => {
                let ended = std::mem::take(&mut words);
                if let Some(block) = open.last_mut()
                    && block.elements.len() < MAX_STATEMENTS
                {
                    block.elements.push(ended.join(" "));
                }
                push(&mut found, &open, ended, Vec::new(), span);
            }
        }
        if found.len() >= MAX_STATEMENTS {
            return found;
        }
    }
    found
}

fn push(found: &mut Vec<Statement>, open: &[Open], words: Vec<String>, elements: Vec<String>, span: Span) {
    // A key's secret is nobody's business.
    if words.is_empty() || words.first().is_some_and(|word| word == "secret") {
        return;
    }
    let path = open.iter().filter_map(|block| block.words.first().cloned()).collect();
    let elements = if words.first().is_some_and(|word| word == "key") { Vec::new() } else { elements };
    found.push(Statement { path, words, elements, span });
}

enum Token {
    Word(String, Span),
    Open,
    Close,
    End,
}

fn token(cursor: &mut Cursor<'_>) -> Option<Token> {
    loop {
        match (cursor.peek()?, cursor.peek_at(1)) {
            (byte, _) if byte.is_ascii_whitespace() => {
                cursor.bump();
            }
            (b'#', _) | (b'/', Some(b'/')) => cursor.skip_line(),
            (b'/', Some(b'*')) => skip_comment(cursor),
            (b'{', _) => return cursor.bump().map(|_| Token::Open),
            (b'}', _) => return cursor.bump().map(|_| Token::Close),
            (b';', _) => return cursor.bump().map(|_| Token::End),
            (b'"', _) => return Some(quoted(cursor)),
            _ => return Some(word(cursor)),
        }
    }
}

fn skip_comment(cursor: &mut Cursor<'_>) {
    cursor.bump();
    cursor.bump();
    while let Some(byte) = cursor.bump() {
        if byte == b'*' && cursor.peek() == Some(b'/') {
            cursor.bump();
            return;
        }
    }
}

fn quoted(cursor: &mut Cursor<'_>) -> Token {
    let mark = cursor.mark();
    cursor.bump();
    let mut text = Vec::new();
    while let Some(byte) = cursor.bump() {
        match byte {
            b'"' => break,
            b'\\' => text.extend(cursor.bump()),
            byte => text.push(byte),
        }
    }
    text.truncate(MAX_WORD);
    Token::Word(lossy(&text), cursor.span_from(mark))
}

fn word(cursor: &mut Cursor<'_>) -> Token {
    let mark = cursor.mark();
    let mut text = Vec::new();
    while let Some(byte) =
        cursor.peek().filter(|byte| !byte.is_ascii_whitespace() && !b"{};\"".contains(byte))
    {
        text.push(byte);
        cursor.bump();
    }
    text.truncate(MAX_WORD);
    Token::Word(lossy(&text), cursor.span_from(mark))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn options_are_read_and_secrets_are_not() {
        let text = "// c\noptions {\n\tdirectory \"/var/cache/bind\"; /* x */\n\tlisten-on port 53 { 127.0.0.1; !10.0.0.1; };\n};\n\
                    key \"rndc\" { algorithm hmac-md5; secret \"c2VjcmV0\"; };\ninclude \"/etc/bind/zones\"; # end\n";
        let found = parse(text.as_bytes());
        let listen = found.iter().find(|one| one.words[0] == "listen-on").unwrap();
        assert_eq!((listen.path.join("/").as_str(), listen.span.line), ("options", 4));
        assert_eq!(listen.elements, ["127.0.0.1", "!10.0.0.1"]);
        assert!(found.iter().any(|one| one.words == ["include", "/etc/bind/zones"] && one.path.is_empty()));
        assert!(!format!("{found:?}").contains("c2VjcmV0"));
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[a-z {};\"/*#\n]{0,300}") {
            prop_assert!(parse(text.as_bytes()).len() <= text.len());
        }
    }
}
