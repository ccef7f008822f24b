//! fstab as getmntent(3) reads it, and with it systemd-fstab-generator: every line that is not empty and no comment is
//! an entry, whatever it lacks.
//!
//! Source: glibc's `misc/mntent_r.c`. Fields that are not there are empty, only the escapes of blank, tab, newline and
//! backslash are resolved, a number that is none counts as 0, and a CR is a part of the last field.
//! [`super::fstab`] reads the same file as mount(8) does.

use super::text::{Word, lines, words};
use crate::place::Span;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole line.
    pub span: Span,
    /// `mnt_fsname`.
    pub spec: String,
    /// `mnt_dir`; empty if the line ends before it.
    pub directory: String,
    /// `mnt_type`; empty if the line ends before it.
    pub fstype: String,
    /// `mnt_opts`; empty if the line ends before it.
    pub options: String,
    /// `mnt_passno`.
    pub passno: i32,
}

/// Reads a table.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Entry> {
    lines(bytes).filter_map(|line| entry(line.bytes, line.carriage_return, line.number)).collect()
}

fn entry(line: &[u8], carriage_return: bool, number: usize) -> Option<Entry> {
    let found: Vec<Word<'_>> = words(line).collect();
    let first = found.first()?;
    if first.bytes.starts_with(b"#") {
        return None;
    }
    let end = found.last().unwrap_or(first).end();
    // What the CR sticks to: the last field, unless blanks are between the two.
    let glued = carriage_return && end == line.len();
    let text = |index: usize| {
        let word = found.get(index)?;
        let mut text = String::from_utf8_lossy(&unescape(word.bytes)).into_owned();
        if glued && index + 1 == found.len() {
            text.push('\r');
        }
        Some(text)
    };
    // `sscanf(" %d %d ")`: the second number counts only behind a first.
    let number_at = |index: usize| found.get(index).and_then(|word| leading_number(word.bytes));
    Some(Entry {
        span: Span::new(number, first.start + 1, end + 1),
        spec: text(0).unwrap_or_default(),
        directory: text(1).unwrap_or_default(),
        fstype: text(2).unwrap_or_default(),
        options: text(3).unwrap_or_default(),
        passno: number_at(4).and_then(|_| number_at(5)).unwrap_or(0),
    })
}

/// The number at the start of a word, as `%d` reads it.
fn leading_number(bytes: &[u8]) -> Option<i32> {
    let signs = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let digits = bytes.iter().skip(signs).take_while(|byte| byte.is_ascii_digit()).count();
    let text = std::str::from_utf8(bytes.get(..signs + digits)?).ok()?;
    text.trim_start_matches('+').parse().ok()
}

/// `decode_name` of glibc: `\040`, `\011`, `\012`, `\134` and a doubled backslash.
fn unescape(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    loop {
        let (byte, rest) = match bytes {
            [b'\\', b'0', b'4', b'0', rest @ ..] => (b' ', rest),
            [b'\\', b'0', b'1', b'1', rest @ ..] => (b'\t', rest),
            [b'\\', b'0', b'1', b'2', rest @ ..] => (b'\n', rest),
            [b'\\', b'1', b'3', b'4', rest @ ..] | [b'\\', b'\\', rest @ ..] => (b'\\', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return out,
        };
        out.push(byte);
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_may_lack_any_field_but_the_first() {
        let rows = |text: &str| {
            let row =
                |e: Entry| format!("{}|{}|{}|{}|{}", e.spec, e.directory, e.fstype, e.options, e.passno);
            parse(text.as_bytes()).into_iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(
            rows("# no\n\n UUID=1  /\text4 ro,noatime 1 2\n/dev/sdb1\n/dev/sdb1 /a\n/dev/sdb1 /a xfs\n"),
            ["UUID=1|/|ext4|ro,noatime|2", "/dev/sdb1||||0", "/dev/sdb1|/a|||0", "/dev/sdb1|/a|xfs||0"]
        );
        assert_eq!(rows("a /a ext4 defaults, ro 0 2\n"), ["a|/a|ext4|defaults,|0"]);
        assert_eq!(rows("a /a ext4 ro 0 2 # why\n"), ["a|/a|ext4|ro|2"]);
        assert_eq!(rows("LABEL=a\\040b /a\\134b\\043 auto\n"), ["LABEL=a b|/a\\b\\043|auto||0"]);
    }

    #[test]
    fn a_carriage_return_belongs_to_the_last_field() {
        let entries = parse(b"a /a ext4 ro 0 2\r\nb none swap\r\nc /c xfs nofail\r\n");
        let got: Vec<_> = entries.iter().map(|e| (e.passno, e.fstype.as_str(), e.options.as_str())).collect();
        assert_eq!(got, [(2, "ext4", "ro"), (0, "swap\r", ""), (0, "xfs", "nofail\r")]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
