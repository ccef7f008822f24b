//! What is wrong with a rule file, and where, drawn with the line and a caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A mistake in a rule file.
#[derive(Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file as the user named it, or its path under `rules/` for a built-in one.
    pub path: String,
    /// Line of the mistake, from 1.
    pub line: usize,
    /// Column of the mistake in characters, from 1.
    pub column: usize,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
    source: Arc<str>,
    span: Range<usize>,
}

impl RuleError {
    /// A mistake at the bytes `span` of `source`.
    pub(super) fn new(path: &str, source: &Arc<str>, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor_boundary(source, span.start);
        let end = floor_boundary(source, span.end.max(start));
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            message: message.into(),
            help: None,
            source: Arc::clone(source),
            span: start..end,
        }
    }

    /// A file that could not be read at all.
    pub(super) fn unreadable(path: &str, reason: impl fmt::Display) -> Self {
        Self::new(path, &Arc::from(""), 0..0, format!("cannot be read: {reason}"))
    }

    /// Adds what to write instead.
    pub(super) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The mistake with its line and a caret, as compilers draw them; with colours if `colour`.
    #[must_use]
    pub fn draw(&self, colour: bool) -> String {
        let title = Level::ERROR.primary_title(self.message.as_str());
        let group = if self.source.is_empty() {
            title.element(annotate_snippets::Origin::path(self.path.as_str()))
        } else {
            let annotation = AnnotationKind::Primary.span(self.span.clone());
            let snippet = Snippet::source(&*self.source).path(self.path.as_str()).annotation(annotation);
            title.element(snippet)
        };
        let group = match &self.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        };
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)
    }
}

impl fmt::Debug for RuleError {
    /// As it is drawn: what an `unwrap` in a test then shows is of use, and the whole file is not in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw(false))
    }
}

impl std::error::Error for RuleError {}

fn floor_boundary(source: &str, at: usize) -> usize {
    let at = at.min(source.len());
    (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}

/// Where the characters of a YAML scalar's value stand in the file.
///
/// Value and source differ only in white space (indentation, folded lines), quotes and escapes, so each character
/// of the value is the next equal one of the source.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    /// The value.
    pub(super) text: String,
    /// Byte offset of the scalar in the file.
    pub(super) start: usize,
}

impl Scalar {
    /// The span in the file of the bytes `range` of the value.
    pub(super) fn span(&self, source: &str, range: Range<usize>) -> Range<usize> {
        let mut at = self.start;
        let rest = source.get(at..).unwrap_or_default();
        if rest.starts_with(['|', '>']) {
            at += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        } else if rest.starts_with(['"', '\'']) {
            at += 1;
        }
        let (mut start, mut end) = (None, at);
        for (offset, character) in self.text.char_indices() {
            if offset >= range.end.max(range.start + 1) {
                break;
            }
            if character.is_whitespace() {
                continue;
            }
            let Some(found) = source.get(at..).and_then(|rest| rest.find(character)) else { break };
            at += found;
            if offset >= range.start {
                start.get_or_insert(at);
            }
            at += character.len_utf8();
            end = at;
        }
        let start = start.unwrap_or(end);
        start..end.max(start)
    }
}
