//! One file and what is to be changed in it, as bytes: line ends, encodings and a missing last line end stay as they are.
//!
//! Edits of several findings meet here. Each is kept as the stretches of the line that it changes, so that two findings that
//! mend different words of one line of fstab are both served; where two want the same stretch otherwise, the first stays.

use std::collections::BTreeMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// A file that is being changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// The lines as they are, each with its end.
    lines: Vec<Vec<u8>>,
    /// What becomes of lines, by their index.
    changed: BTreeMap<usize, Change>,
    /// Lines that are added at the end, without their ends.
    added: Vec<Vec<u8>>,
}

/// What becomes of a line.
#[derive(Debug, Clone)]
enum Change {
    /// Stretches of it, by where they start, are written otherwise.
    Pieces(Vec<Piece>),
    /// It goes.
    Deleted,
}

/// A stretch of a line and what comes in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes of the line; empty where something is put in.
    pub(super) range: Range<usize>,
    /// What comes there.
    pub(super) new: Vec<u8>,
}

/// Why an edit was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The file has no such line.
    NoSuchLine,
    /// An edit of another finding wants it otherwise.
    Conflict,
    /// The line is not as it was when it was read.
    OtherText,
}

impl Draft {
    /// A file with these bytes; empty for one that is to be made.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        Self { lines, ..Self::default() }
    }

    /// The line `number`, from 1, without its end.
    pub(super) fn line(&self, number: u32) -> Option<&[u8]> {
        self.lines.get(index(number)?).map(|line| content(line))
    }

    /// The lines as they are, without their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|line| content(line))
    }

    /// Writes line `number` as `with` says.
    pub(super) fn replace(&mut self, number: u32, with: &[u8]) -> Result<(), Refused> {
        let line = self.line(number).ok_or(Refused::NoSuchLine)?;
        let pieces = differences(line, with);
        self.pieces(number, pieces)
    }

    /// Changes stretches of line `number`: all of them, or none.
    pub(super) fn pieces(&mut self, number: u32, pieces: Vec<Piece>) -> Result<(), Refused> {
        let index = index(number).ok_or(Refused::NoSuchLine)?;
        let line = self.line(number).ok_or(Refused::NoSuchLine)?;
        if pieces.iter().any(|piece| line.get(piece.range.clone()).is_none()) {
            return Err(Refused::OtherText);
        }
        let known = match self.changed.get(&index) {
            None => Vec::new(),
            Some(Change::Pieces(known)) => known.clone(),
            Some(Change::Deleted) => return Err(Refused::Conflict),
        };
        let mut all = known;
        for piece in pieces {
            if all.contains(&piece) {
                continue;
            }
            if all.iter().any(|known| overlaps(&known.range, &piece.range)) {
                return Err(Refused::Conflict);
            }
            all.push(piece);
        }
        all.sort_by_key(|piece| (piece.range.start, piece.range.end));
        if !all.is_empty() {
            self.changed.insert(index, Change::Pieces(all));
        }
        Ok(())
    }

    /// Takes line `number` away.
    pub(super) fn delete(&mut self, number: u32) -> Result<(), Refused> {
        let index = index(number).filter(|index| *index < self.lines.len()).ok_or(Refused::NoSuchLine)?;
        match self.changed.get(&index) {
            Some(Change::Pieces(_)) => Err(Refused::Conflict),
            Some(Change::Deleted) | None => {
                self.changed.insert(index, Change::Deleted);
                Ok(())
            }
        }
    }

    /// Adds those lines of `text` that the file does not have.
    pub(super) fn append(&mut self, text: &str) {
        for line in text.lines().map(str::as_bytes) {
            let is_there = |known: &[u8]| known.trim_ascii() == line.trim_ascii();
            if !self.lines().any(is_there) && !self.added.iter().any(|known| is_there(known)) {
                self.added.push(line.to_vec());
            }
        }
    }

    /// Whether anything is changed.
    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty() || !self.added.is_empty()
    }

    /// The stretches that are changed, with the number of their line, of those lines that `wanted` takes.
    pub(super) fn changes_of(&self, wanted: impl Fn(u32) -> bool) -> Vec<(u32, Vec<Piece>)> {
        let numbered = self.changed.iter().filter_map(|(index, change)| {
            let number = u32::try_from(index + 1).ok()?;
            match change {
                Change::Pieces(pieces) if wanted(number) => Some((number, pieces.clone())),
                _ => None,
            }
        });
        numbered.collect()
    }

    /// The bytes as they will be; of the lines in `left_out`, as they are.
    pub(super) fn finished(&self, left_out: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let is_left_out = left_out.iter().any(|number| u32::try_from(index + 1) == Ok(*number));
            match self.changed.get(&index).filter(|_| !is_left_out) {
                None => out.extend_from_slice(line),
                Some(Change::Deleted) => {}
                Some(Change::Pieces(pieces)) => out.extend(with_pieces(line, pieces)),
            }
        }
        let end: &[u8] =
            if self.lines.first().is_some_and(|line| line.ends_with(b"\r\n")) { b"\r\n" } else { b"\n" };
        for line in &self.added {
            if !out.is_empty() && !out.ends_with(b"\n") {
                out.extend_from_slice(end);
            }
            out.extend_from_slice(line);
            out.extend_from_slice(end);
        }
        resized(out)
    }
}

/// The bytes of a line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// Whether two stretches cannot both be changed; two things that are put in at one place follow each other.
fn overlaps(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end || (a.start == b.start && !a.is_empty() && !b.is_empty())
}

fn with_pieces(line: &[u8], pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut at = 0;
    for piece in pieces {
        out.extend_from_slice(line.get(at..piece.range.start).unwrap_or_default());
        out.extend_from_slice(&piece.new);
        at = at.max(piece.range.end);
    }
    out.extend_from_slice(line.get(at..).unwrap_or_default());
    out
}

/// The stretches in which `new` differs from `old`, word by word.
fn differences(old: &[u8], new: &[u8]) -> Vec<Piece> {
    let (old_words, new_words) = (words(old), words(new));
    let offset = |index: usize| old_words.iter().take(index).map(|word| word.len()).sum::<usize>();
    let ops = capture_diff_slices(Algorithm::Myers, &old_words, &new_words);
    let changed = ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    let piece = |op: &DiffOp| {
        let (old, new) = (op.old_range(), op.new_range());
        let new = new_words.get(new).unwrap_or_default().concat();
        Piece { range: offset(old.start)..offset(old.end), new }
    };
    changed.map(piece).collect()
}

/// A line as words and what is between them.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let is_word = |byte: u8| !byte.is_ascii_whitespace() && byte != b',';
    line.chunk_by(|a, b| is_word(*a) && is_word(*b)).collect()
}

/// First line of GRUB's environment block, which is a file of this size that ends in `#` (grub-editenv(1)).
const ENVIRONMENT_BLOCK: (&[u8], usize) = (b"# GRUB Environment Block\n", 1024);

/// An environment block padded to its size again; anything else as it is.
fn resized(mut bytes: Vec<u8>) -> Vec<u8> {
    let (mark, size) = ENVIRONMENT_BLOCK;
    if bytes.starts_with(mark) && !bytes.ends_with(b"\n") {
        while bytes.len() > size && bytes.ends_with(b"#") {
            bytes.pop();
        }
        let missing = size.saturating_sub(bytes.len());
        bytes.extend(std::iter::repeat_n(b'#', missing));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut Draft)) -> String {
        let mut draft = Draft::of(text.as_bytes());
        edit(&mut draft);
        String::from_utf8(draft.finished(&[])).unwrap()
    }

    #[test]
    fn two_findings_change_different_words_of_one_line() {
        let line = "/dev/sda1 /boot ext3 defaults 1 2";
        let merged = edited(&format!("# x\n{line}\n"), |draft| {
            draft.replace(2, b"UUID=ab /boot ext3 defaults 1 2").unwrap();
            draft.replace(2, b"/dev/sda1 /boot ext3 defaults,nofail 1 2").unwrap();
            draft.replace(2, b"UUID=ab /boot ext3 defaults 1 2").unwrap();
            assert_eq!(draft.replace(2, b"LABEL=x /boot ext3 defaults 1 2"), Err(Refused::Conflict));
            assert_eq!(draft.delete(2), Err(Refused::Conflict));
            assert_eq!(draft.replace(3, b"x"), Err(Refused::NoSuchLine));
        });
        assert_eq!(merged, "# x\nUUID=ab /boot ext3 defaults,nofail 1 2\n");
    }

    #[test]
    fn line_ends_stay_as_they_are() {
        let change = |draft: &mut Draft| {
            draft.replace(1, b"b").unwrap();
            draft.append("c\nz");
        };
        assert_eq!(edited("a\r\nz\r\n", change), "b\r\nz\r\nc\r\n");
        assert_eq!(edited("a\nz", change), "b\nz\nc\n");
        assert_eq!(edited("", |draft| draft.append("a\nb\na")), "a\nb\n");
        assert_eq!(edited("a\nb\n", |draft| draft.delete(1).unwrap()), "b\n");
    }

    #[test]
    fn an_environment_block_keeps_its_size() {
        let mut block = b"# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro\n".to_vec();
        block.resize(1024, b'#');
        let mut draft = Draft::of(&block);
        draft.replace(2, b"kernelopts=root=UUID=0123456789 ro").unwrap();
        let finished = draft.finished(&[]);
        assert_eq!(finished.len(), 1024);
        assert!(finished.starts_with(b"# GRUB Environment Block\nkernelopts=root=UUID=0123456789 ro\n###"));
    }

    proptest! {
        #[test]
        fn a_replaced_line_is_what_was_asked_for(old in "[ -~]{0,40}", new in "[ -~]{0,40}") {
            let mut draft = Draft::of(format!("x\n{old}\ny").as_bytes());
            draft.replace(2, new.as_bytes()).unwrap();
            prop_assert_eq!(draft.finished(&[]), format!("x\n{new}\ny").into_bytes());
        }
    }
}
