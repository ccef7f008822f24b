//! The line a finding points at, fit to be shown: secrets masked, control characters escaped, over-long lines cut.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::place::Place;
use crate::secrets::{self, Masker};
use crate::source::{Tree, escape_bytes};

/// Bytes of a line that are kept at most: whole kernel command lines (COMMAND_LINE_SIZE is 4096 at most), so that a
/// finding's column is a column of its snippet. Renderers cut further.
const LONGEST: usize = 4096;

/// Reads lines, each file once.
pub(super) struct Lines<'a> {
    tree: &'a Tree,
    files: Mutex<HashMap<Arc<str>, Option<Arc<Text>>>>,
}

/// A file and where its lines start, so that many findings in a long one do not each read it from its start.
struct Text {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    /// The lines inside of private keys.
    keys: Vec<Range<usize>>,
}

impl Text {
    fn of(bytes: Vec<u8>) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', &bytes).map(|newline| newline + 1));
        Self { starts: starts.collect(), keys: secrets::key_lines(&bytes), bytes }
    }

    /// A line by its number from 1, without its end.
    fn line(&self, number: usize) -> Option<&[u8]> {
        let start = *self.starts.get(number.checked_sub(1)?)?;
        let end = self.starts.get(number).map_or(self.bytes.len(), |next| next - 1);
        let line = self.bytes.get(start..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl<'a> Lines<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self { tree, files: Mutex::default() }
    }

    /// The line at `place` as it is; none where it holds a secret, is no UTF-8 or cannot be read.
    pub(super) fn raw(&self, place: &Place) -> Option<String> {
        let text = self.text(&place.path)?;
        let number = usize::try_from(place.line?).ok()?;
        let line = std::str::from_utf8(text.line(number)?).ok()?; // what is no text cannot be written into a template
        let is_key = text.keys.iter().any(|lines| lines.contains(&number.saturating_sub(1)));
        (!is_key && Masker::of(&place.path).line(line) == line).then(|| line.to_owned())
    }

    /// The line at `place`; none where it is no line of a file that can be read.
    pub(super) fn line(&self, place: &Place) -> Option<String> {
        let text = self.text(&place.path)?;
        let number = usize::try_from(place.line?).ok()?;
        let line = text.line(number)?;
        let column = place
            .column
            .and_then(|column| usize::try_from(column).ok())
            .map_or(0, |column| column.saturating_sub(1));
        let is_key = text.keys.iter().any(|lines| lines.contains(&number.saturating_sub(1)));
        let masked = match is_key {
            true => secrets::MASK.to_owned(),
            false => Masker::of(&place.path).line(&String::from_utf8_lossy(line)),
        };
        let shown = cut(&masked, column.min(masked.len()));
        Some(escape_bytes(shown.replace('\t', " ").as_bytes()))
    }

    fn text(&self, path: &Arc<str>) -> Option<Arc<Text>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // A place inside an image, or a file that has gone: the finding stands without its line.
        let read = || self.tree.read(path.as_ref()).map(|file| Arc::new(Text::of(file.bytes))).ok();
        files.entry(Arc::clone(path)).or_insert_with(read).clone()
    }
}

/// The part of an over-long line around `column`.
fn cut(line: &str, column: usize) -> String {
    if line.len() <= LONGEST {
        return line.to_owned();
    }
    let start = column.saturating_sub(LONGEST / 2);
    let Range { start, end } = boundary(line, start)..boundary(line, start.saturating_add(LONGEST));
    let before = if start > 0 { "…" } else { "" };
    let after = if end < line.len() { "…" } else { "" };
    format!("{before}{}{after}", line.get(start..end).unwrap_or_default())
}

fn boundary(line: &str, at: usize) -> usize {
    (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_private_key_is_not_shown() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\nafter\n";
        let tree = crate::source::memory::Memory::new().file("etc/ssl/site.pem", key).into_tree();
        let lines = Lines::of(&tree);
        let line = |number| lines.line(&Place { line: Some(number), ..Place::file("etc/ssl/site.pem") });
        assert_eq!(line(2).as_deref(), Some(secrets::MASK));
        assert_eq!(line(4).as_deref(), Some("after"));
    }

    #[test]
    fn lines_are_found_by_number_whatever_ends_them() {
        let text = Text::of(b"one\r\ntwo\n\nfour".to_vec());
        let lines: Vec<Option<&[u8]>> = (0..6).map(|number| text.line(number)).collect();
        assert_eq!(lines, [None, Some(&b"one"[..]), Some(b"two"), Some(b""), Some(b"four"), None]);
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let line = format!("{}HERE{}", "a".repeat(LONGEST), "b".repeat(LONGEST));
        let shown = cut(&line, LONGEST);
        assert!(shown.contains("HERE") && shown.starts_with('…') && shown.ends_with('…'));
        assert!(shown.len() <= LONGEST + 2 * '…'.len_utf8());
    }
}
