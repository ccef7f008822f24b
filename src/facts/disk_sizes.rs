//! How large the system's disks are: `/sys/block`, `/proc/partitions`, or the output of `lsblk`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::boot_disks::{BootDisk, PartitionTable};
use super::{Gather, Known};
use crate::parse::lines::lines;
use crate::place::{Place, Span};

/// Bytes of a sector as the kernel counts them, whatever the disk has.
const SECTOR: u64 = 512;

/// Disks that are looked at.
const MAX_DISKS: usize = 4096;

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiskSize {
    /// What says so.
    pub at: Place,
    /// The kernel's name: `sda`.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// The same in GiB, rounded down.
    pub gib: u64,
    /// How it is partitioned; null if the input does not say.
    pub table: Option<PartitionTable>,
    /// Whether it is the first disk, which holds the boot loader on most machines.
    pub is_first: bool,
}

/// Reads the sizes, the first source that has any; unknown if none has.
#[must_use]
pub fn gather(gather: &Gather<'_>, boot_disks: &[BootDisk]) -> Known<Vec<DiskSize>> {
    let sizes = from_sysfs(gather);
    let sizes = if sizes.is_empty() { from_partitions(gather) } else { sizes };
    let sizes = if sizes.is_empty() { from_lsblk(gather) } else { sizes };
    if sizes.is_empty() {
        return Known::unknown("`/proc/partitions` or the output of `lsblk` on the running system");
    }
    let table = |name: &str| boot_disks.iter().find(|disk| disk.name == name).and_then(|disk| disk.table);
    let disks = sizes.into_iter().enumerate().map(|(index, (name, (bytes, at)))| DiskSize {
        at,
        table: table(&name),
        name,
        bytes,
        gib: bytes >> 30,
        is_first: index == 0,
    });
    Known::Known(disks.collect())
}

type Sizes = BTreeMap<String, (u64, Place)>;

/// Whether `name` is a whole disk of hardware, and no partition of one.
fn is_disk(name: &str) -> bool {
    let letters = |prefix: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    let numbered = |prefix: &str| {
        name.starts_with(prefix) && !name.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with('p')
    };
    ["sd", "hd", "vd", "xvd"].iter().any(|prefix| letters(prefix)) || numbered("nvme") || numbered("mmcblk")
}

fn from_sysfs(gather: &Gather<'_>) -> Sizes {
    let names = gather.tree.list("sys/block").unwrap_or_default();
    let names = names.into_iter().filter_map(|name| name.into_string().ok()).filter(|name| is_disk(name));
    let sizes = names.take(MAX_DISKS).filter_map(|name| {
        let path = format!("sys/block/{name}/size");
        let file = gather.tree.read_limited(&path, 64).ok()?; // a drive without a medium is no disk to move
        let sectors: u64 = String::from_utf8(file.bytes).ok()?.trim().parse().ok()?;
        (sectors > 0).then(|| (name, (sectors.saturating_mul(SECTOR), Place::file(path))))
    });
    sizes.collect()
}

/// `major minor  #blocks  name`, in KiB.
fn from_partitions(gather: &Gather<'_>) -> Sizes {
    let Some(file) = gather.read_config("proc/partitions").present() else { return Sizes::new() };
    let sizes = lines(&file.bytes).take(MAX_DISKS).filter_map(|line| {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let [_, _, blocks, name] = words.as_slice() else { return None };
        let bytes = blocks.parse::<u64>().ok()?.checked_mul(1024)?;
        is_disk(name).then(|| ((*name).to_owned(), (bytes, Span::line(line.number).at(&file.path))))
    });
    sizes.collect()
}

/// `NAME MAJ:MIN RM SIZE RO TYPE MOUNTPOINT`, with `sda 8:0 0 1.8T 0 disk` for a disk.
fn from_lsblk(gather: &Gather<'_>) -> Sizes {
    let mut sizes = Sizes::new();
    for file in gather.read_directory("sos_commands/block", |name| name == "lsblk") {
        for line in lines(&file.bytes).take(MAX_DISKS) {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            let [name, _, _, size, _, "disk", ..] = words.as_slice() else { continue };
            if let Some(bytes) = human(size).filter(|_| is_disk(name)) {
                sizes.insert((*name).to_owned(), (bytes, Span::line(line.number).at(&file.path)));
            }
        }
    }
    sizes
}

/// `1.8T`: lsblk rounds to a tenth.
fn human(size: &str) -> Option<u64> {
    let digits = size.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match size.get(digits.len()..)? {
        "" | "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        _ => return None,
    };
    let (whole, tenth) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    let tenths = whole.parse::<u64>().ok()?.checked_mul(10)?.checked_add(tenth.get(..1)?.parse().ok()?)?;
    Some(tenths.checked_mul(1 << shift)? / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_told_from_their_partitions() {
        for (name, expected) in [
            ("sda", true),
            ("sda1", false),
            ("nvme0n1", true),
            ("nvme0n1p2", false),
            ("mmcblk0", true),
            ("mmcblk0p1", false),
            ("dm-0", false),
            ("sr0", false),
            ("xvda", true),
        ] {
            assert_eq!(is_disk(name), expected, "{name}");
        }
    }

    #[test]
    fn sizes_with_suffixes_are_read() {
        assert_eq!(human("1.8T"), Some(1_979_120_929_996));
        assert_eq!(human("20G"), Some(20 << 30));
        assert_eq!(human("x"), None);
    }
}
