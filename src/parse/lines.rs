//! Cutting bytes into lines, as every reader of a text format starts.

use std::borrow::Cow;

use crate::place::Span;

/// A line without its end, and its number from 1. Bytes that are not UTF-8 become replacement characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    /// The text, without `\n` or `\r\n`.
    pub(crate) text: Cow<'a, str>,
}

/// A stretch of text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// The lines of a text; a last line without an end counts, an empty rest does not.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let cut = whole.split(|byte| *byte == b'\n').enumerate();
    cut.map(|(index, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Line { number: index + 1, text: String::from_utf8_lossy(line) }
    })
}

impl Line<'_> {
    /// The stretch of this line that `part`, a slice of its text, takes.
    pub(crate) fn span_of(&self, part: &str) -> Span {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        Span::new(self.number, start + 1, start + 1 + part.len())
    }

    /// `part`, a slice of this line's text, with its place.
    pub(crate) fn field(&self, part: &str) -> Field {
        Field { text: part.to_owned(), span: self.span_of(part) }
    }

    /// The first word and the rest of the line, both without blanks around them; none for a line of blanks.
    pub(crate) fn first_word(&self) -> Option<(&str, &str)> {
        let text = self.text.trim();
        if text.is_empty() {
            return None;
        }
        Some(text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_start())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_and_byte_order_marks_are_dropped() {
        let texts: Vec<_> =
            lines(b"\xef\xbb\xbfa\r\nb\xff\n\nc").map(|line| line.text.into_owned()).collect();
        assert_eq!(texts, ["a", "b\u{fffd}", "", "c"]);
    }

    #[test]
    fn spans_count_from_one() {
        let line = lines(b"\n\tkey  some value ").nth(1).unwrap();
        let (word, rest) = line.first_word().unwrap();
        assert_eq!((word, rest), ("key", "some value"));
        assert_eq!(line.span_of(rest), Span::new(2, 7, 17));
    }

    proptest! {
        #[test]
        fn no_text_is_lost(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
            let count = lines(&bytes).count();
            prop_assert!(count == ends || count == ends + 1);
        }
    }
}
