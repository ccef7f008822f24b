//! Characters into words and marks (grub-core/script/yylex.l).

use super::{Part, Word};
use crate::place::Span;

/// What the script is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word.
    Word(Word),
    /// The end of a command: a newline, `;`, `|`, `&`.
    End,
    /// `{`.
    Open,
    /// `}`.
    Close,
}

/// The characters of a script and where the next one stands.
pub(super) struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.chars().peekable(), line: 1, column: 1 }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn next_char(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += character.len_utf8();
        }
        Some(character)
    }

    fn here(&self) -> Span {
        Span::new(self.line, self.column, self.column)
    }

    fn skip_blanks(&mut self) {
        while let Some(character) = self.peek() {
            match character {
                ' ' | '\t' | '\r' => {}
                '#' => {
                    while self.peek().is_some_and(|character| character != '\n') {
                        self.next_char();
                    }
                    continue;
                }
                _ => return,
            }
            self.next_char();
        }
    }

    fn word(&mut self) -> Option<Word> {
        let start = self.here();
        let mut parts = Vec::new();
        let mut end = start;
        while let Some(character) = self.peek() {
            match character {
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | '<' | '>' | '{' | '}' => break,
                '\'' => self.single_quoted(&mut parts),
                '"' => self.double_quoted(&mut parts),
                '$' => self.variable(&mut parts, false),
                _ => self.plain(&mut parts),
            }
            end = self.here();
        }
        if parts.is_empty() {
            return None;
        }
        let end = if end.line == start.line { end.column } else { start.column };
        Some(Word { parts, span: Span { end, ..start } })
    }

    /// Characters outside quotes. A backslash keeps the next one as it is, and joins lines.
    fn plain(&mut self, parts: &mut Vec<Part>) {
        let span = self.here();
        let mut text = String::new();
        while let Some(character) = self.peek() {
            match character {
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | '<' | '>' | '{' | '}' | '\'' | '"' | '$' => {
                    break;
                }
                '\\' => {
                    self.next_char();
                    match self.next_char() {
                        Some('\n') | None => {}
                        Some(kept) => text.push(kept),
                    }
                }
                _ => text.extend(self.next_char()),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text { text, span });
        }
    }

    fn single_quoted(&mut self, parts: &mut Vec<Part>) {
        self.next_char();
        let span = self.here();
        let mut text = String::new();
        while let Some(character) = self.next_char() {
            if character == '\'' {
                break;
            }
            text.push(character);
        }
        parts.push(Part::Text { text, span });
    }

    fn double_quoted(&mut self, parts: &mut Vec<Part>) {
        self.next_char();
        let mut span = self.here();
        let mut text = String::new();
        let before = parts.len();
        while let Some(character) = self.peek() {
            match character {
                '"' => {
                    self.next_char();
                    break;
                }
                '$' => {
                    if !text.is_empty() {
                        parts.push(Part::Text { text: std::mem::take(&mut text), span });
                    }
                    self.variable(parts, true);
                    span = self.here();
                }
                '\\' => {
                    self.next_char();
                    match self.next_char() {
                        Some(kept @ ('$' | '"' | '\\')) => text.push(kept),
                        Some('\n') | None => {}
                        Some(other) => text.extend(['\\', other]),
                    }
                }
                _ => text.extend(self.next_char()),
            }
        }
        if !text.is_empty() || parts.len() == before {
            parts.push(Part::Text { text, span });
        }
    }

    /// `$name`, `${name}`, `$1`, `$?`; a lone `$` is itself.
    fn variable(&mut self, parts: &mut Vec<Part>, is_quoted: bool) {
        let span = self.here();
        self.next_char();
        let mut name = String::new();
        match self.peek() {
            Some('{') => {
                self.next_char();
                while let Some(character) = self.peek().filter(|character| *character != '\n') {
                    self.next_char();
                    if character == '}' {
                        break;
                    }
                    name.push(character);
                }
            }
            Some('?' | '#' | '@' | '*') => name.extend(self.next_char()),
            _ => {
                while self.peek().is_some_and(|next| next.is_ascii_alphanumeric() || next == '_') {
                    name.extend(self.next_char());
                }
            }
        }
        if name.is_empty() {
            parts.push(Part::Text { text: "$".to_owned(), span });
        } else {
            parts.push(Part::Variable { name, is_quoted });
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.skip_blanks();
            match self.peek()? {
                '{' => {
                    self.next_char();
                    return Some(Token::Open);
                }
                '}' => {
                    self.next_char();
                    return Some(Token::Close);
                }
                '\n' | ';' | '|' | '&' | '<' | '>' => {
                    self.next_char();
                    return Some(Token::End);
                }
                _ => {
                    // A word of nothing but a joined line has no parts; each turn takes at least one character.
                    if let Some(word) = self.word() {
                        return Some(Token::Word(word));
                    }
                }
            }
        }
    }
}
