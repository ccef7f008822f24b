//! GRUB 2's script language, as grub-mkconfig writes it and people amend it: into statements, not yet carried out.
//!
//! Sources: grub-core/script/yylex.l and parser.y; GRUB manual, "Writing full configuration files directly". What
//! needs the system (files, variables) is done by the reader of the statements, in `facts::boot`.

mod lexer;
mod parser;

pub use parser::parse;

use crate::place::Span;

/// Deepest nesting of blocks that is read; grub-mkconfig nests four deep.
pub const MAX_DEPTH: usize = 64;

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// A command and its arguments; `name=value` is one word.
    Command(Vec<Word>),
    /// `if ...; then ... elif ... else ... fi`.
    If(If),
    /// `for`, `while` or `until`: the body, which may run any number of times.
    Loop(Vec<Statement>),
    /// `function name { ... }`.
    Function {
        /// Its name.
        name: String,
        /// Its body.
        body: Vec<Statement>,
    },
    /// `menuentry` or `submenu`.
    Menu(Menu),
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct If {
    /// Each condition (the last of its commands decides) and what it leads to.
    pub branches: Vec<(Vec<Statement>, Vec<Statement>)>,
    /// What `else` leads to.
    pub otherwise: Vec<Statement>,
}

/// A menu entry or submenu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    /// Whether it is a submenu.
    pub is_submenu: bool,
    /// Title and options.
    pub words: Vec<Word>,
    /// The commands that run when it is chosen.
    pub body: Vec<Statement>,
    /// Where it starts.
    pub span: Span,
}

/// A word: parts that stand together without blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The parts.
    pub parts: Vec<Part>,
    /// Where it stands.
    pub span: Span,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, quotes and backslashes undone.
    Text {
        /// The text.
        text: String,
        /// Where it starts.
        span: Span,
    },
    /// A variable.
    Variable {
        /// Its name: `root`, `1`, `?`.
        name: String,
        /// Whether it stands in double quotes; else its value is split at blanks.
        is_quoted: bool,
    },
}

impl Word {
    /// The word's text if no variable stands in it.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text { text: part, .. } => text.push_str(part),
                Part::Variable { .. } => return None,
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests;
