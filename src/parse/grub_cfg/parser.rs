//! Words and marks into statements (grub-core/script/parser.y). What does not fit is skipped and noted.

use super::lexer::{Lexer, Token};
use super::{If, MAX_DEPTH, Menu, Statement, Word};
use crate::parse::Mistake;
use crate::place::Span;

/// Reads a script. A byte order mark is skipped; bytes that are not UTF-8 become replacement characters.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Vec<Statement>, Vec<Mistake>) {
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut parser =
        Parser { tokens: Lexer::new(&text).peekable(), mistakes: Vec::new(), last: Span::line(1) };
    let mut statements = Vec::new();
    loop {
        statements.extend(parser.list(0));
        // A list ends at the end of the script or at a mark that closes nothing.
        match parser.tokens.next() {
            None => return (statements, parser.mistakes),
            Some(Token::Word(word)) => parser.unexpected(&word),
            Some(_) => parser.mistake(parser.last, "`}` closes nothing"),
        }
    }
}

struct Parser<'a> {
    tokens: std::iter::Peekable<Lexer<'a>>,
    mistakes: Vec<Mistake>,
    last: Span,
}

impl Parser<'_> {
    fn mistake(&mut self, span: Span, message: impl Into<String>) {
        self.mistakes.push(Mistake { span, message: message.into() });
    }

    fn unexpected(&mut self, word: &Word) {
        let text = word.literal().unwrap_or_default();
        self.mistake(word.span, format!("`{}` without what has to stand before it", text.escape_debug()));
    }

    fn skip_ends(&mut self) {
        while self.tokens.next_if_eq(&Token::End).is_some() {}
    }

    fn next_word(&mut self) -> Option<Word> {
        let Some(Token::Word(_)) = self.tokens.peek() else { return None };
        match self.tokens.next() {
            Some(Token::Word(word)) => {
                self.last = word.span;
                Some(word)
            }
            _ => None,
        }
    }

    /// The reserved word that comes next; reserved words are never quoted.
    fn reserved(&mut self) -> Option<&'static str> {
        let Some(Token::Word(word)) = self.tokens.peek() else { return None };
        let text = word.literal()?;
        RESERVED.into_iter().find(|reserved| **reserved == text)
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip_ends();
        let is_next = self.reserved() == Some(word);
        if is_next {
            self.next_word();
        }
        is_next
    }

    /// Statements up to the end, a `}`, or a reserved word that only its block can take.
    fn list(&mut self, depth: usize) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            self.skip_ends();
            match self.tokens.peek() {
                None | Some(Token::Close) => return statements,
                Some(Token::Open) => {
                    self.tokens.next();
                    if depth < MAX_DEPTH {
                        statements.extend(self.block_rest(depth + 1));
                    }
                    continue;
                }
                _ => {}
            }
            if self.reserved().is_some_and(|word| CLOSING.contains(&word)) {
                return statements;
            }
            if depth >= MAX_DEPTH {
                self.mistake(self.last, format!("blocks nest more than {MAX_DEPTH} deep"));
                self.skip_command();
                continue;
            }
            statements.extend(self.statement(depth + 1));
        }
    }

    fn skip_command(&mut self) {
        while self.tokens.next().is_some_and(|token| token != Token::End) {}
    }

    fn statement(&mut self, depth: usize) -> Option<Statement> {
        match self.reserved() {
            Some("if") => self.decision(depth),
            Some("while" | "until" | "for") => Some(self.repetition(depth)),
            Some("function") => self.function(depth),
            Some("menuentry" | "submenu") => self.menu(depth),
            _ => {
                let words = self.words();
                if words.is_empty() { None } else { Some(Statement::Command(words)) }
            }
        }
    }

    /// Words up to the end of the command.
    fn words(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(word) = self.next_word() {
            words.push(word);
        }
        words
    }

    fn decision(&mut self, depth: usize) -> Option<Statement> {
        let start = self.next_word()?.span;
        let mut branches = vec![self.branch(depth)];
        let mut otherwise = Vec::new();
        loop {
            if self.take("elif") {
                branches.push(self.branch(depth));
            } else if self.take("else") {
                otherwise = self.list(depth);
            } else {
                break;
            }
        }
        if !self.take("fi") {
            self.mistake(start, "`if` without `fi`");
        }
        Some(Statement::If(If { branches, otherwise }))
    }

    fn branch(&mut self, depth: usize) -> (Vec<Statement>, Vec<Statement>) {
        let condition = self.list(depth);
        if !self.take("then") {
            self.mistake(self.last, "a condition without `then`");
        }
        (condition, self.list(depth))
    }

    fn repetition(&mut self, depth: usize) -> Statement {
        let start = self.last;
        let is_for = self.reserved() == Some("for");
        self.next_word();
        if is_for {
            self.words();
        } else {
            self.list(depth);
        }
        if !self.take("do") {
            self.mistake(start, "a loop without `do`");
        }
        let body = self.list(depth);
        if !self.take("done") {
            self.mistake(start, "a loop without `done`");
        }
        Statement::Loop(body)
    }

    fn function(&mut self, depth: usize) -> Option<Statement> {
        self.next_word();
        let name = self.next_word()?;
        let body = self.block(depth, name.span);
        Some(Statement::Function { name: name.literal()?, body })
    }

    fn menu(&mut self, depth: usize) -> Option<Statement> {
        let keyword = self.next_word()?;
        let words = self.words();
        let before = self.mistakes.len();
        let body = self.block(depth, keyword.span);
        // GRUB carries a command out once it has read all of it: an entry without its end is none.
        let found = self.mistakes.get(before..).unwrap_or_default();
        if found.last().is_some_and(|mistake| mistake.message == UNCLOSED) && self.tokens.peek().is_none() {
            return None;
        }
        let is_submenu = keyword.literal().as_deref() == Some("submenu");
        Some(Statement::Menu(Menu { is_submenu, words, body, span: keyword.span }))
    }

    fn block(&mut self, depth: usize, start: Span) -> Vec<Statement> {
        self.skip_ends();
        if self.tokens.next_if_eq(&Token::Open).is_none() {
            self.mistake(start, "`{` is missing");
            return Vec::new();
        }
        self.block_rest(depth)
    }

    /// The statements behind a `{` and its `}`.
    fn block_rest(&mut self, depth: usize) -> Vec<Statement> {
        let start = self.last;
        let mut body = self.list(depth);
        // A stray `fi` or `done` would end the list before the block does.
        while let Some(Token::Word(_)) = self.tokens.peek() {
            if let Some(word) = self.next_word() {
                self.unexpected(&word);
            }
            body.extend(self.list(depth));
        }
        if self.tokens.next_if_eq(&Token::Close).is_none() {
            self.mistake(start, UNCLOSED);
        }
        body
    }
}

/// What is said of a block without its end.
const UNCLOSED: &str = "`}` is missing";

/// Words that start or end a block where a command may start.
const RESERVED: [&str; 15] = [
    "if",
    "then",
    "elif",
    "else",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "function",
    "menuentry",
    "submenu",
    "case",
    "esac",
];

/// Those that end a list of statements.
const CLOSING: [&str; 6] = ["then", "elif", "else", "fi", "do", "done"];
