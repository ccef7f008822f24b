//! The output of df(1): bytes or inodes of each mounted file system.
//!
//! The heading says what is counted: `1K-blocks`, `1M-blocks`, `Size` (with suffixes) or `Inodes`. A long device name has a line
//! of its own before coreutils 8.10, and `-T` adds the type.

use super::lines::lines;
use crate::place::Span;

/// Lines that are kept; a host of containers has thousands of mounts.
const MAX_LINES: usize = 20_000;

/// A file system as df shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The device: `/dev/mapper/rhel-root`, `tmpfs`.
    pub device: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Whether `total` and `available` count inodes, else bytes.
    pub counts_inodes: bool,
    /// All of them.
    pub total: u64,
    /// What is left.
    pub available: u64,
    /// The line.
    pub span: Span,
}

/// What a number in a table stands for.
#[derive(Clone, Copy)]
enum Unit {
    Inodes,
    /// Bytes of a block.
    Blocks(u64),
    /// Numbers have suffixes.
    Human,
}

/// The file systems of a table; lines that are none are passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Usage> {
    let mut found = Vec::new();
    let mut unit = None;
    let mut device: Option<String> = None;
    for line in lines(bytes) {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        if words.first() == Some(&"Filesystem") {
            unit = heading(&words);
            continue;
        }
        let Some(unit) = unit else { continue };
        if let [alone] = words.as_slice() {
            device = Some((*alone).to_owned());
            continue;
        }
        let before = device.take();
        let Some(percent) = words.iter().position(|word| word.ends_with('%')) else { continue };
        let (numbers, rest) = words.split_at(percent);
        let [.., total, _, available] = numbers else { continue };
        let (Some(total), Some(available)) = (number(total, unit), number(available, unit)) else { continue };
        let device = before.or_else(|| words.first().map(|word| (*word).to_owned())).unwrap_or_default();
        let mountpoint = rest.get(1..).unwrap_or_default().join(" ");
        if mountpoint.starts_with('/') && found.len() < MAX_LINES {
            let span = line.span_of(line.text.trim());
            let counts_inodes = matches!(unit, Unit::Inodes);
            found.push(Usage { device, mountpoint, counts_inodes, total, available, span });
        }
    }
    found
}

fn heading(words: &[&str]) -> Option<Unit> {
    words.iter().find_map(|word| match *word {
        "Inodes" => Some(Unit::Inodes),
        "Size" => Some(Unit::Human),
        word => {
            let blocks = word.strip_suffix("-blocks")?;
            match blocks.strip_suffix('B').unwrap_or(blocks) {
                "512" => Some(Unit::Blocks(512)),
                "1K" | "1024" => Some(Unit::Blocks(1 << 10)),
                "1M" | "1048576" => Some(Unit::Blocks(1 << 20)),
                "1G" => Some(Unit::Blocks(1 << 30)),
                _ => None,
            }
        }
    })
}

fn number(word: &str, unit: Unit) -> Option<u64> {
    match unit {
        Unit::Inodes => suffixed(word, 1000),
        Unit::Blocks(size) => word.parse::<u64>().ok()?.checked_mul(size),
        Unit::Human => suffixed(word, 1024),
    }
}

/// `17G`, `1.5M`, `0`; the fraction is kept to a tenth.
fn suffixed(word: &str, base: u64) -> Option<u64> {
    let digits = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let power = match word.get(digits.len()..)?.chars().next() {
        None => 0,
        Some('K' | 'k') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        Some('P') => 5,
        Some(_) => return None,
    };
    let (whole, tenth) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    let tenths = whole.parse::<u64>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)?;
    Some(tenths.checked_mul(base.checked_pow(power)?)? / 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_of_all_kinds_are_read() {
        let text = "Filesystem           1K-blocks      Used Available Use% Mounted on\n/dev/mapper/VolGroup00-LogVol00\n                      \
                    10000   9000      1000  90% /\nproc 0 0 0 - /proc\n/dev/sda1 100 50 50 50% /mnt/a b\n";
        let found = parse(text.as_bytes());
        let [root, other] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (root.device.as_str(), root.mountpoint.as_str()),
            ("/dev/mapper/VolGroup00-LogVol00", "/")
        );
        assert_eq!((root.total, root.available, root.span.line), (10_240_000, 1_024_000, 3));
        assert_eq!(other.mountpoint, "/mnt/a b");
        let inodes = parse(
            b"Filesystem Type Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 ext4 1000 990 10 99% /boot\n",
        );
        assert_eq!((inodes[0].counts_inodes, inodes[0].available), (true, 10));
        let human = parse(b"Filesystem Size Used Avail Use% Mounted on\n/dev/sda1 1.5G 1G 512M 67% /\n");
        assert_eq!((human[0].total, human[0].available), (1_610_612_736, 536_870_912));
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "(Filesystem Size\n)?[ -~\n]{0,200}") {
            prop_assert!(parse(text.as_bytes()).len() <= text.len());
        }
    }
}
