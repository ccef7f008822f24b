//! Where something stands: a span inside a text (what a parser knows) and a place in the system (what a fact
//! knows: the path as well).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

/// A stretch of one line of a text. Lines and columns start at 1; columns count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema)]
pub struct Span {
    /// The line, from 1.
    pub line: u32,
    /// The first byte of the stretch in its line, from 1.
    pub column: u32,
    /// One past the last byte of the stretch, from 1; equal to `column` when only a point is known.
    pub end: u32,
}

impl Span {
    /// A stretch of `line` from `column` up to, not including, `end`.
    #[must_use]
    pub fn new(line: usize, column: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: clamp(line), column: clamp(column), end: clamp(end) }
    }

    /// The start of `line`.
    #[must_use]
    pub fn line(line: usize) -> Self {
        Self::new(line, 1, 1)
    }

    /// This stretch in the file at `path`.
    #[must_use]
    pub fn at(self, path: &Arc<str>) -> Place {
        Place {
            path: Arc::clone(path),
            line: Some(self.line),
            column: Some(self.column),
            end: Some(self.end),
        }
    }
}

/// Where in the system a fact was read: a path relative to its root, and the line where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Place {
    /// Path relative to the root of the system, without a leading slash; bytes that are not UTF-8 and control
    /// characters are shown escaped.
    pub path: Arc<str>,
    /// The line, from 1; null for a file as a whole.
    pub line: Option<u32>,
    /// The column in bytes, from 1.
    pub column: Option<u32>,
    /// One past the last column of the stretch that is meant; null or equal to `column` when only a point is.
    pub end: Option<u32>,
}

impl Place {
    /// The file at `path` as a whole.
    #[must_use]
    pub fn file(path: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), line: None, column: None, end: None }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        Ok(())
    }
}
