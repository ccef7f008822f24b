//! Lines and blank-separated words with their places, for the line-oriented formats.

use crate::place::Span;

/// One line of a text, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    /// The line without `\n` and without one `\r` before it.
    pub(crate) bytes: &'a [u8],
    /// Whether there was a `\r` at the end of the line.
    pub(crate) carriage_return: bool,
    /// Whether a `\n` ended it; false only for the last line of a text.
    pub(crate) ended: bool,
}

/// The lines of a text. A text that ends in `\n` has no empty last line.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    bytes.split_inclusive(|byte| *byte == b'\n').enumerate().map(|(index, line)| {
        let (line, ended) = match line.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let (bytes, carriage_return) = match line.strip_suffix(b"\r") {
            Some(line) => (line, true),
            None => (line, false),
        };
        Line { number: index + 1, bytes, carriage_return, ended }
    })
}

/// A stretch of a line between blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// Its bytes, as written.
    pub(crate) bytes: &'a [u8],
    /// Offset of its first byte in the line, from 0.
    pub(crate) start: usize,
}

impl Word<'_> {
    /// Offset in the line of the byte after it, from 0.
    pub(crate) fn end(&self) -> usize {
        self.start + self.bytes.len()
    }

    /// The place of this word in line `number`.
    pub(crate) fn span(&self, number: usize) -> Span {
        Span::new(number, self.start + 1, self.end() + 1)
    }

    /// The word as text; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }
}

/// The words of a line, separated by spaces and tabs.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = Word<'_>> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let tail = line.get(rest..)?;
        let start = rest + tail.iter().position(|byte| !is_blank(*byte))?;
        let tail = line.get(start..)?;
        let len = tail.iter().position(|byte| is_blank(*byte)).unwrap_or(tail.len());
        rest = start + len;
        Some(Word { bytes: tail.get(..len)?, start })
    })
}

/// Space or tab.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `bytes` without blanks at both ends, and the offset of what is left.
pub(crate) fn trim(bytes: &[u8]) -> (usize, &[u8]) {
    let start = bytes.iter().position(|byte| !is_blank(*byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_blank(*byte)).map_or(start, |last| last + 1);
    (start, bytes.get(start..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_are_taken_off_and_remembered() {
        let got: Vec<_> =
            lines(b"a\r\n\nb").map(|l| (l.number, l.bytes, l.carriage_return, l.ended)).collect();
        assert_eq!(
            got,
            [(1, b"a".as_slice(), true, true), (2, b"".as_slice(), false, true), (3, b"b", false, false)]
        );
    }

    #[test]
    fn words_know_their_columns() {
        let got: Vec<_> = words(b"  ab\tc ").map(|w| (w.text(), w.span(7))).collect();
        assert_eq!(got, [("ab".into(), Span::new(7, 3, 5)), ("c".into(), Span::new(7, 6, 7))]);
        assert_eq!(trim(b" \t x y "), (3, b"x y".as_slice()));
        assert_eq!(trim(b"  "), (2, b"".as_slice()));
    }

    proptest! {
        #[test]
        fn words_and_blanks_make_up_the_line(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut rebuilt = line.clone();
            rebuilt.iter_mut().for_each(|byte| if !is_blank(*byte) { *byte = 0 });
            for word in words(&line) {
                rebuilt[word.start..word.end()].copy_from_slice(word.bytes);
            }
            prop_assert_eq!(rebuilt, line);
        }
    }
}
