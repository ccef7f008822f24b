//! What is wrong with a file that a user wrote, and where, drawn with the line and a caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A mistake in a rule, a target, a log signature or a waiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistake {
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

impl Mistake {
    /// A mistake at the bytes `span` of `source`.
    pub(crate) fn new(path: &str, source: &Arc<str>, span: Range<usize>, message: impl Into<String>) -> Self {
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
    pub(crate) fn unreadable(path: &str, reason: impl fmt::Display) -> Self {
        Self::new(path, &Arc::from(""), 0..0, format!("cannot be read: {reason}"))
    }

    /// Adds what to write instead.
    pub(crate) fn with_help(mut self, help: Option<String>) -> Self {
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

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)
    }
}

impl fmt::Debug for Mistake {
    /// As it is drawn: what an `unwrap` in a test then shows is of use, and the whole file is not in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw(false))
    }
}

impl std::error::Error for Mistake {}

fn floor_boundary(source: &str, at: usize) -> usize {
    let at = at.min(source.len());
    (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}
