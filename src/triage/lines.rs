//! Reads a log as a stream of lines, of bounded length, in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes of a line that are kept; the kernel cuts its own at 1,024 and journald at 48 KiB.
const LONGEST_LINE: usize = 64 << 10;
/// Bytes of a log that are read. A console of a year has less; what is longer is cut and said so.
pub(super) const MOST_BYTES: u64 = 4 << 30;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Widths of terminals that wrapped lines come from.
const WIDTHS: &[usize] = &[80, 100, 120, 132, 160];

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Lines.
    pub(super) lines: u64,
    /// Bytes.
    pub(super) bytes: u64,
    /// Whether there was more than is read.
    pub(super) is_cut: bool,
}

/// Hands each line of `input`, with its number from 1, to `take`. Lines that a terminal wrapped are put together again
/// and have the number of the first.
pub(super) fn each(input: impl Read, mut take: impl FnMut(u64, &[u8])) -> io::Result<Extent> {
    let mut reader = BufReader::with_capacity(CHUNK, input.take(MOST_BYTES));
    let mut extent = Extent::default();
    let mut wrapped = Wrapped::default();
    let mut line = Vec::with_capacity(256);
    loop {
        line.clear();
        let length = next_line(&mut reader, &mut line)?;
        if length == 0 {
            break;
        }
        extent.lines = extent.lines.saturating_add(1);
        extent.bytes = extent.bytes.saturating_add(length);
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        wrapped.add(extent.lines, &line, &mut take);
    }
    wrapped.flush(&mut take);
    extent.is_cut = extent.bytes >= MOST_BYTES;
    Ok(extent)
}

/// Appends the next line, cut to the longest, to `line`; its full length, 0 at the end.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = 0_u64;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(length);
        }
        let newline = memchr::memchr(b'\n', buffer);
        let used = newline.map_or(buffer.len(), |at| at.saturating_add(1));
        let room = LONGEST_LINE.saturating_sub(line.len()).min(used);
        line.extend_from_slice(buffer.get(..room).unwrap_or_default());
        reader.consume(used);
        length = length.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
        if newline.is_some() {
            return Ok(length);
        }
    }
}

/// Lines that a terminal of a fixed width broke.
#[derive(Debug, Default)]
struct Wrapped {
    /// What was put together so far, and the number of its first line.
    pending: Option<(u64, Vec<u8>)>,
    longest: usize,
}

impl Wrapped {
    fn add(&mut self, number: u64, line: &[u8], take: &mut impl FnMut(u64, &[u8])) {
        if let Some((_, pending)) = &mut self.pending {
            if !starts_anew(line) && pending.len().saturating_add(line.len()) <= LONGEST_LINE {
                pending.extend_from_slice(line);
                if line.len() < self.longest {
                    self.flush(take);
                }
                return;
            }
            self.flush(take);
        }
        self.longest = self.longest.max(line.len());
        // A line as long as the terminal is wide, where none was longer, and that a timestamp begins.
        if line.len() == self.longest && WIDTHS.contains(&line.len()) && starts_anew(line) {
            self.pending = Some((number, line.to_vec()));
        } else {
            take(number, line);
        }
    }

    fn flush(&mut self, take: &mut impl FnMut(u64, &[u8])) {
        if let Some((number, line)) = self.pending.take() {
            take(number, &line);
        }
    }
}

/// Whether `line` begins as lines of loggers do: with a bracket, a level, a digit, the month, or an escape.
fn starts_anew(line: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] = [
        b"Jan ", b"Feb ", b"Mar ", b"Apr ", b"May ", b"Jun ", b"Jul ", b"Aug ", b"Sep ", b"Oct ", b"Nov ",
        b"Dec ",
    ];
    match line.first() {
        None | Some(b'<' | b'{' | 0x1b) => true,
        Some(b'[') => line.get(1).is_some_and(|byte| *byte == b' ' || byte.is_ascii_digit()),
        Some(b'2') => line.get(4) == Some(&b'-'),
        _ => MONTHS.iter().any(|month| line.starts_with(month)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Vec<(u64, String)>, Extent) {
        let mut lines = Vec::new();
        let extent =
            each(text, |number, line| lines.push((number, String::from_utf8_lossy(line).into_owned())));
        (lines, extent.unwrap())
    }

    #[test]
    fn lines_come_with_their_numbers() {
        let (lines, extent) = read(b"a\r\n\nb");
        assert_eq!(lines, [(1, "a".to_owned()), (2, String::new()), (3, "b".to_owned())]);
        assert_eq!((extent.lines, extent.bytes), (3, 5));
    }

    #[test]
    fn what_a_terminal_wrapped_is_put_together() {
        let long = format!("[    1.000000] {}", "x".repeat(65));
        let text = format!("{long}tail of it\n[    2.000000] next\n");
        let (lines, _) = read(format!("{long}\ntail of it\n[    2.000000] next\n").as_bytes());
        assert_eq!(long.len(), 80);
        assert_eq!(lines, [(1, format!("{long}tail of it")), (3, "[    2.000000] next".to_owned())]);
        let (whole, _) = read(text.as_bytes());
        assert_eq!(whole.len(), 2);
    }

    #[test]
    fn a_line_of_the_width_before_one_that_begins_anew_stays_alone() {
        let long = format!("[    1.000000] {}", "x".repeat(65));
        let (lines, _) = read(format!("{long}\n[    2.000000] next\n").as_bytes());
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let text = vec![b'x'; LONGEST_LINE * 3];
        let (lines, extent) = read(&text);
        assert_eq!(lines[0].1.len(), LONGEST_LINE);
        assert_eq!(extent.bytes, text.len() as u64);
    }
}
