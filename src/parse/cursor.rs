//! A byte cursor that knows its line and column, for the formats whose tokens may span lines.

use crate::place::Span;

/// A position in a text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    line: usize,
    line_start: usize,
}

/// Where a token starts, to be closed by [`Cursor::span_from`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, line: 1, line_start: 0 }
    }

    /// The byte here, not taken; none at the end.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// The byte `ahead` of here, not taken.
    pub(crate) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.position.checked_add(ahead)?).copied()
    }

    /// Takes one byte.
    pub(crate) fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        if byte == b'\n' {
            self.line += 1;
            self.line_start = self.position;
        }
        Some(byte)
    }

    /// Takes bytes as long as they pass.
    pub(crate) fn skip_while(&mut self, pass: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&pass) {
            self.bump();
        }
    }

    /// Takes the rest of the line, its end not.
    pub(crate) fn skip_line(&mut self) {
        self.skip_while(|byte| byte != b'\n');
    }

    /// Remembers this position.
    pub(crate) fn mark(&self) -> Mark {
        Mark { line: self.line, column: self.position - self.line_start + 1 }
    }

    /// From `mark` to here; a token of several lines is marked by its first.
    pub(crate) fn span_from(&self, mark: Mark) -> Span {
        let end = if self.line == mark.line { self.position - self.line_start + 1 } else { mark.column };
        Span::new(mark.line, mark.column, end)
    }
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_counts_lines_and_columns() {
        let mut cursor = Cursor::new(b"ab\n cd");
        cursor.skip_line();
        cursor.bump();
        cursor.skip_while(|byte| byte == b' ');
        let mark = cursor.mark();
        cursor.skip_line();
        assert_eq!(cursor.span_from(mark), Span::new(2, 2, 4));
        assert_eq!((cursor.peek(), cursor.bump(), cursor.peek_at(usize::MAX)), (None, None, None));
    }
}
