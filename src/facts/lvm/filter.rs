//! lvm.conf's device filters, and what they make of the disks' names on other hardware.
//!
//! As lvm2's `lib/filters/filter-regex.c` has it: for each name of a device the first pattern that matches decides;
//! a device passes if any of its names is accepted, or if none of them is matched at all. The expressions are not
//! anchored.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Serialize;

use super::{DevicesFile, VolumeGroup};
use crate::place::Place;

/// Memory that one expression may take when compiled, in bytes; LVM's own have a few hundred bytes of text.
const REGEX_LIMIT: usize = 1 << 18;

/// Patterns that are looked at; a hostile file could have millions. With more, nothing is claimed.
const MAX_PATTERNS: usize = 200;

/// A filter that is set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Filter {
    /// `filter` or `global_filter`.
    pub name: String,
    /// Where it is set.
    pub at: Place,
    /// The line up to the bracket that opens the list, and what follows it; null where they stand in different lines.
    pub around_bracket: Option<AroundBracket>,
    /// Its patterns in order.
    pub patterns: Vec<Pattern>,
    /// What it makes of the partitions of the first disk, by the kind of name that disks have.
    pub verdicts: Vec<VerdictFor>,
}

/// A line with a list, divided behind the bracket that opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AroundBracket {
    /// The line's beginning, the bracket included.
    pub before: String,
    /// The rest of it.
    pub after: String,
}

impl AroundBracket {
    /// The line of the setting `name`, which is at `line` of the file.
    pub(super) fn of(bytes: &[u8], line: u32, name: &str) -> Option<Self> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let text = std::str::from_utf8(bytes).ok()?.lines().nth(index)?;
        let (start, value) = text.split_once('=').filter(|(start, _)| start.trim().ends_with(name))?;
        let (between, after) = value.split_once('[')?;
        between
            .trim()
            .is_empty()
            .then(|| Self { before: format!("{start}={between}["), after: after.to_owned() })
    }
}

/// A pattern of a filter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Pattern {
    /// As written: `a|^/dev/sda|`.
    pub text: String,
    /// It accepts; otherwise it rejects.
    pub accepts: bool,
    /// The expression between the separators.
    pub regex: String,
    /// Why LVM refuses it, and with it the whole filter; null if it does not.
    pub error: Option<String>,
}

/// What a filter makes of disks with such names.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VerdictFor {
    /// `sd`, `vd`, `xvd`, `hd`, `nvme`.
    pub prefix: String,
    /// The first disk: `sda`, `nvme0n1`.
    pub disk: String,
    /// Whether LVM sees it.
    pub verdict: Verdict,
}

/// Whether a filter lets a device through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// LVM sees it.
    Accepted,
    /// LVM does not see it.
    Rejected,
    /// It depends on names that only udev knows there, or on which partition it is.
    Unknown,
}

/// The first disk by the kind of name, and what stands between disk and partition number.
const DISKS: [(&str, &str, &str); 5] =
    [("sd", "sda", ""), ("vd", "vda", ""), ("xvd", "xvda", ""), ("hd", "hda", ""), ("nvme", "nvme0n1", "p")];

impl Filter {
    /// A filter with these patterns; `partitions` are the numbers of the partitions that hold physical volumes, 0
    /// for a whole disk, or none if nothing is known.
    pub(super) fn new(name: &str, values: &[String], at: Place, partitions: &BTreeSet<u32>) -> Self {
        let compiled: Vec<(Pattern, Option<Regex>)> =
            values.iter().take(MAX_PATTERNS).map(|text| compile(text)).collect();
        let verdicts = DISKS.iter().map(|(prefix, disk, divider)| VerdictFor {
            prefix: (*prefix).to_owned(),
            disk: (*disk).to_owned(),
            verdict: if values.len() > MAX_PATTERNS {
                Verdict::Unknown
            } else {
                judge_disk(&compiled, disk, divider, partitions)
            },
        });
        Self {
            name: name.to_owned(),
            at,
            around_bracket: None,
            verdicts: verdicts.collect(),
            patterns: compiled.into_iter().map(|(pattern, _)| pattern).collect(),
        }
    }
}

/// What a filter with the patterns `values` makes of the device that is called `names` (its kernel name and its other
/// ones): accepted if one of them is, or if none is matched.
#[must_use]
pub fn judge_names(values: &[String], names: &[String]) -> Verdict {
    if values.len() > MAX_PATTERNS {
        return Verdict::Unknown;
    }
    let compiled: Vec<(Pattern, Option<Regex>)> = values.iter().map(|text| compile(text)).collect();
    let verdicts: Vec<Verdict> = names.iter().map(|name| judge(&compiled, name)).collect();
    let is = |wanted: Verdict| verdicts.contains(&wanted);
    let explicitly = |name: &String| {
        compiled.iter().any(|(pattern, regex)| {
            pattern.accepts && regex.as_ref().is_some_and(|regex| regex.is_match(name))
        })
    };
    match (is(Verdict::Rejected), is(Verdict::Unknown)) {
        (false, false) => Verdict::Accepted,
        _ if names.iter().zip(&verdicts).any(|(name, v)| *v == Verdict::Accepted && explicitly(name)) => {
            Verdict::Accepted
        }
        (_, true) => Verdict::Unknown,
        (true, false) => Verdict::Rejected,
    }
}

/// Takes `a|regex|` apart. Brackets of any kind may stand for the separators.
fn compile(text: &str) -> (Pattern, Option<Regex>) {
    let mut characters = text.chars();
    let accepts = match characters.next() {
        Some('a') => Some(true),
        Some('r') => Some(false),
        _ => None,
    };
    let closing = characters.next().map(|opening| match opening {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        other => other,
    });
    let rest = characters.as_str();
    let inner = closing.and_then(|closing| rest.strip_suffix(closing));
    let (regex, error) = match (accepts, inner) {
        (None, _) => (None, Some("a pattern begins with `a` or `r`".to_owned())),
        (_, None) => (None, Some("the separator at the end is missing".to_owned())),
        (Some(_), Some(inner)) => match RegexBuilder::new(inner).size_limit(REGEX_LIMIT).build() {
            Ok(regex) => (Some(regex), None),
            // libdm's expressions are a subset, written a little differently; do not claim an error.
            Err(_) => (None, None),
        },
    };
    let pattern = Pattern {
        text: text.to_owned(),
        accepts: accepts.unwrap_or(false),
        regex: inner.unwrap_or_default().to_owned(),
        error,
    };
    (pattern, regex)
}

fn judge_disk(
    patterns: &[(Pattern, Option<Regex>)],
    disk: &str,
    divider: &str,
    partitions: &BTreeSet<u32>,
) -> Verdict {
    let sample: Vec<u32> =
        if partitions.is_empty() { vec![0, 1, 2, 3] } else { partitions.iter().copied().collect() };
    let mut verdicts = sample.iter().map(|partition| match partition {
        0 => judge(patterns, &format!("/dev/{disk}")),
        number => judge(patterns, &format!("/dev/{disk}{divider}{number}")),
    });
    let first = verdicts.next().unwrap_or(Verdict::Unknown);
    if verdicts.all(|verdict| verdict == first) { first } else { Verdict::Unknown }
}

fn judge(patterns: &[(Pattern, Option<Regex>)], name: &str) -> Verdict {
    if patterns.iter().any(|(_, regex)| regex.is_none()) {
        return Verdict::Unknown;
    }
    let mut matching =
        patterns.iter().filter(|(_, regex)| regex.as_ref().is_some_and(|regex| regex.is_match(name)));
    match matching.next() {
        Some((pattern, _)) if !pattern.accepts => {
            // Another name of the device may be accepted: udev's links below /dev/disk, which differ by machine.
            let by_link =
                patterns.iter().any(|(pattern, _)| pattern.accepts && pattern.regex.contains("by-"));
            if by_link { Verdict::Unknown } else { Verdict::Rejected }
        }
        _ => Verdict::Accepted,
    }
}

/// The numbers of the partitions that hold physical volumes, as backups and the devices file remember them; none if
/// they remember none on a plain disk.
pub(super) fn partitions(groups: &[VolumeGroup], devices_file: Option<&DevicesFile>) -> BTreeSet<u32> {
    let hints = groups.iter().flat_map(|group| &group.physical_volumes).filter_map(|pv| pv.device.as_deref());
    let listed =
        devices_file.into_iter().flat_map(|file| &file.devices).filter_map(|dev| dev.devname.as_deref());
    hints.chain(listed).filter_map(partition_number).collect()
}

/// `/dev/sda2` and `/dev/mapper/mpatha2` give 2, `/dev/sdb` gives 0.
fn partition_number(device: &str) -> Option<u32> {
    let name = device.strip_prefix("/dev/")?;
    if let Some(multipath) = name.strip_prefix("mapper/") {
        let digits = multipath.trim_start_matches(|c: char| !c.is_ascii_digit());
        let plain = multipath.starts_with("mpath") && digits.bytes().all(|byte| byte.is_ascii_digit());
        return plain.then(|| digits.parse().unwrap_or(0));
    }
    match crate::parse::device_spec::DeviceSpec::parse(device).name {
        crate::parse::device_spec::DeviceName::KernelName(name) => Some(name.partition.unwrap_or(0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(patterns: &[&str], prefix: &str, partitions: &[u32]) -> Verdict {
        let values: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let filter = Filter::new("filter", &values, Place::file("x"), &partitions.iter().copied().collect());
        filter.verdicts.into_iter().find(|verdict| verdict.prefix == prefix).unwrap().verdict
    }

    #[test]
    fn the_first_match_wins_and_no_match_passes() {
        use Verdict::{Accepted, Rejected, Unknown};
        for (patterns, sd, vd, nvme) in [
            (&["a|.*|"][..], Accepted, Accepted, Accepted),
            (&["a|^/dev/sd|", "r|.*|"], Accepted, Rejected, Rejected),
            (&["a|/dev/mapper/mpath|", "a|/dev/sda|", "r|/.*|"], Accepted, Rejected, Rejected),
            (&["r|/dev/cdrom|"], Accepted, Accepted, Accepted),
            (&["r|.*|", "a|/dev/sd|"], Rejected, Rejected, Rejected),
            (&["a/sda/", "r/.*/"], Accepted, Rejected, Rejected),
            (&["a(^/dev/(sd|vd).*$)", "r{.*}"], Accepted, Accepted, Rejected),
            (&["a|/dev/disk/by-id/wwn-.*|", "r|.*|"], Unknown, Unknown, Unknown),
            (&["r|/dev/sd.*|"], Rejected, Accepted, Accepted),
            (&["x|.*|"], Unknown, Unknown, Unknown),
            (&[], Accepted, Accepted, Accepted),
        ] {
            let got = ["sd", "vd", "nvme"].map(|prefix| verdict(patterns, prefix, &[]));
            assert_eq!(got, [sd, vd, nvme], "{patterns:?}");
        }
    }

    #[test]
    fn any_accepted_name_of_a_device_counts() {
        let verdict = |patterns: &[&str], names: &[&str]| {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            judge_names(&own(patterns), &own(names))
        };
        let only_md = ["a|^/dev/md|", "r|.*|"];
        assert_eq!(verdict(&only_md, &["/dev/md127", "/dev/md/root"]), Verdict::Accepted);
        assert_eq!(verdict(&only_md, &["/dev/vda2"]), Verdict::Rejected);
        assert_eq!(
            verdict(&["a|/mapper/luks|", "r|.*|"], &["/dev/dm-0", "/dev/mapper/luks-1"]),
            Verdict::Accepted
        );
        assert_eq!(verdict(&["r|^/dev/dm-|"], &["/dev/dm-0", "/dev/mapper/luks-1"]), Verdict::Rejected);
        assert_eq!(verdict(&["a|by-id|", "r|.*|"], &["/dev/vda2"]), Verdict::Unknown);
    }

    #[test]
    fn the_partition_that_holds_the_volume_decides() {
        let patterns = ["a|^/dev/[sv]da2$|", "r|.*|"];
        assert_eq!(verdict(&patterns, "vd", &[]), Verdict::Unknown);
        assert_eq!(verdict(&patterns, "vd", &[2]), Verdict::Accepted);
        assert_eq!(verdict(&patterns, "vd", &[3]), Verdict::Rejected);
        let numbers = ["/dev/sda2", "/dev/mapper/mpatha3", "/dev/nvme0n1p1", "/dev/sdb", "/dev/md0"]
            .map(partition_number);
        assert_eq!(numbers, [Some(2), Some(3), Some(1), Some(0), None]);
    }

    #[test]
    fn patterns_that_lvm_refuses_say_why() {
        let filter =
            Filter::new("filter", &["b|x|".into(), "a|x".into()], Place::file("x"), &BTreeSet::new());
        assert!(filter.patterns.iter().all(|pattern| pattern.error.is_some()));
    }
}
