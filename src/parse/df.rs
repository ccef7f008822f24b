//! `df`'s table of file systems, in blocks (`df -al`, `df -k`, `df -P`) or in inodes (`df -ali`).
//!
//! The heading says which: `1K-blocks` (or `1024-blocks`, `1M-blocks`, `1B-blocks`) or `Inodes` (coreutils,
//! `src/df.c`). Sizes that are rounded for people (`Size`) are not read. A device whose name is too long stands on a line
//! of its own, and its numbers on the next.

use super::lines::lines;
use crate::place::Span;

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The device, or the name of a file system without one.
    pub device: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Bytes, or inodes.
    pub total: u64,
    /// Bytes that programs may still use, or free inodes.
    pub free: u64,
    /// The line.
    pub span: Span,
}

/// What a table counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Bytes.
    Bytes,
    /// Inodes.
    Inodes,
}

/// Reads a table; none if the heading is not `df`'s or its numbers are rounded.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<(Counts, Vec<Usage>)> {
    let mut unit = None;
    let mut found = Vec::new();
    let mut device: Option<String> = None;
    for line in lines(bytes) {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let Some((_, factor)) = unit else {
            unit = words.first().filter(|word| **word == "Filesystem").and_then(|_| heading(&words));
            continue;
        };
        let (name, numbers) = match (words.as_slice(), device.take()) {
            ([only], _) => {
                device = Some((*only).to_owned());
                continue;
            }
            (words, Some(name)) => (name, words),
            ([name, numbers @ ..], None) => ((*name).to_owned(), numbers),
            ([], None) => continue,
        };
        let [total, _, free, _, mountpoint, ..] = numbers else { continue };
        let (Ok(total), Ok(free)) = (total.parse::<u64>(), free.parse::<u64>()) else { continue };
        // A mount point may hold blanks: it is the rest of the line.
        let start = line.text.find(&format!(" {mountpoint}")).map_or(0, |before| before + 1);
        let mountpoint = line.text.get(start..).unwrap_or(mountpoint).trim_end().to_owned();
        found.push(Usage {
            device: name,
            mountpoint,
            total: total.saturating_mul(factor),
            free: free.saturating_mul(factor),
            span: line.span_of(&line.text),
        });
    }
    unit.map(|(counts, _)| (counts, found))
}

/// What the numbers count, and how many bytes a block has.
fn heading(words: &[&str]) -> Option<(Counts, u64)> {
    let column = words.iter().find(|word| **word != "Filesystem" && **word != "Type")?;
    if *column == "Inodes" {
        return Some((Counts::Inodes, 1));
    }
    let size = column.strip_suffix("-blocks")?;
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match size.get(digits.len()..)? {
        "" | "B" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => return None,
    };
    Some((Counts::Bytes, digits.parse::<u64>().ok()?.checked_mul(factor)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_and_inodes_are_told_apart() {
        let blocks = "Filesystem     1K-blocks    Used Available Use% Mounted on\n\
            /dev/mapper/vg_system_volume-lv_root\n                      51475068 2000000  46000000   5% /\n\
            /dev/sda1         487652  480000      7652  99% /boot\n\
            -                      -       -         -    - /weird\n";
        let (counts, found) = parse(blocks.as_bytes()).unwrap();
        assert_eq!(counts, Counts::Bytes);
        let rows: Vec<_> =
            found.iter().map(|row| (row.mountpoint.as_str(), row.free, row.span.line)).collect();
        assert_eq!(rows, [("/", 46_000_000 << 10, 3), ("/boot", 7652 << 10, 4)]);
        let inodes =
            "Filesystem     Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 128016 128000 16 100% /boot\n";
        let (counts, found) = parse(inodes.as_bytes()).unwrap();
        assert_eq!((counts, found[0].total, found[0].free), (Counts::Inodes, 128_016, 16));
        assert_eq!(parse(b"Filesystem Size Used Avail Use% Mounted on\n/dev/sda1 1G 1M 9M 1% /\n"), None);
        assert_eq!(parse(b"df: command not found\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(Filesystem 1K-blocks\n)?[ -~\n]{0,200}") {
            if let Some((_, found)) = parse(text.as_bytes()) {
                prop_assert!(found.len() <= text.len());
            }
        }
    }
}
