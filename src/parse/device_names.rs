//! Disks that a text names, whatever the text is: scripts, crontabs, and the configuration of tools for disks.
//!
//! Found are words that start with `/dev/` (also behind `if=`, in quotes or before a colon) and names below `/sys/block` or
//! `block/` as sysfsutils' sysfs.conf has them. Comments (`#`, in lines of their own or after a blank) are passed over.

use super::device_spec::{DeviceName, DeviceSpec, parse_kernel_name};
use super::lines::{Line, lines};
use crate::place::Span;

/// Names that are taken of one text. Who writes more than that into a script does so in a list, which is one finding.
const MAX_NAMES: usize = 200;

/// A disk that the text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedDisk {
    /// The name; one of sysfs is given as in `/dev`.
    pub device: DeviceSpec,
    /// Where it stands.
    pub span: Span,
}

/// What starts a name, and whether it is of sysfs.
const STARTS: [(&str, bool); 3] = [("/dev/", false), ("/sys/block/", true), ("block/", true)];

/// Reads a text; each disk is given once a line.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<NamedDisk> {
    let mut found: Vec<NamedDisk> = Vec::new();
    // A program in the place of a script.
    if memchr::memchr(0, bytes).is_some() {
        return found;
    }
    for line in lines(bytes) {
        let code = without_comment(&line.text);
        let mut from = 0;
        while let Some((device, span, end)) = next(&line, code, from) {
            from = end;
            let known = found
                .iter()
                .rev()
                .take_while(|own| own.span.line == span.line)
                .any(|own| own.device == device);
            if !known && is_disk(&device) {
                found.push(NamedDisk { device, span });
            }
            if found.len() >= MAX_NAMES {
                return found;
            }
        }
    }
    found
}

fn without_comment(text: &str) -> &str {
    if text.trim_start().starts_with(['#', ';']) {
        return "";
    }
    let end = text.find(" #").or_else(|| text.find("\t#")).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// The next name from the byte `from` on, and where it ends.
fn next(line: &Line<'_>, code: &str, from: usize) -> Option<(DeviceSpec, Span, usize)> {
    let rest = code.get(from..)?;
    let candidates =
        STARTS.iter().filter_map(|(start, is_sysfs)| Some((rest.find(start)?, *start, *is_sysfs)));
    let (at, start, is_sysfs) =
        candidates.min_by_key(|(at, start, _)| (*at, std::cmp::Reverse(start.len())))?;
    let begins = rest.get(..at).and_then(|before| before.chars().next_back());
    let name = rest.get(at + start.len()..)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._/+-:@!".contains(c);
    let length = name.find(|c: char| !is_name(c)).unwrap_or(name.len());
    let name = name.get(..length)?.trim_end_matches(['.', ':', '/']);
    let name = if is_sysfs { name.split('/').next().unwrap_or_default() } else { name };
    let end = from + at + start.len() + length.max(1);
    // A part of a longer path (`/mnt/dev/sda`, `/sys/class/block/sda`) names the same disk, or nothing.
    let is_inside =
        begins.is_some_and(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && start != "block/";
    let shown = rest.get(at..at + start.len() + name.len())?;
    let raw = if is_inside { String::new() } else { format!("/dev/{}", name.replace('!', "/")) };
    Some((DeviceSpec::parse(&raw), line.span_of(shown), end.min(code.len()).max(from + 1)))
}

fn is_disk(device: &DeviceSpec) -> bool {
    match &device.name {
        DeviceName::KernelName(_) | DeviceName::ById(_) | DeviceName::ByPath(_) | DeviceName::DiskLink(_) => {
            true
        }
        DeviceName::Uuid(_) | DeviceName::Label(_) => true,
        DeviceName::Mapper(name) => name != "control",
        // The name of a disk with a glob or a variable after it: `/dev/sd*`, `/dev/sd$x`.
        DeviceName::Other(name) => parse_kernel_name(&format!("{name}a")).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn disks_are_found_wherever_they_are_named() {
        let table = [
            ("/dev/sda {", "/dev/sda"),
            ("dd if=/dev/sda1 of=/tmp/x bs=1M", "/dev/sda1"),
            ("hdparm -B 254 \"/dev/sdb\"; echo", "/dev/sdb"),
            ("# /dev/sda -a", ""),
            ("true # /dev/sda", ""),
            ("block/sda/queue/scheduler = noop", "/dev/sda"),
            ("echo noop > /sys/block/cciss!c0d0/queue/scheduler", "/dev/cciss/c0d0"),
            ("cat x > /dev/null 2>&1 < /dev/tty1", ""),
            ("tar cf /dev/st0 /", ""),
            ("/dev/raw/raw1 /dev/sdc1", "/dev/sdc1"),
            ("for d in /dev/sd?; do x /dev/mapper/mpatha-part1; done", "/dev/sd /dev/mapper/mpatha-part1"),
            ("cp /mnt/dev/sda x", ""),
            ("/dev/sda /dev/sda", "/dev/sda"),
            ("/dev/disk/by-id/ata-X-part1:", "/dev/disk/by-id/ata-X-part1"),
        ];
        for (text, want) in table {
            let names: Vec<_> = parse(text.as_bytes()).into_iter().map(|disk| disk.device.raw).collect();
            assert_eq!(names.join(" "), want, "{text}");
        }
    }

    #[test]
    fn a_program_names_nothing() {
        assert_eq!(parse(b"\x7fELF\0 /dev/sda"), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= MAX_NAMES);
        }

        #[test]
        fn any_mix_of_names_is_read(text in "(/dev/|block/|sd|a|é| |#|:|\n|/sys/block/){0,60}") {
            prop_assert!(parse(text.as_bytes()).len() <= MAX_NAMES);
        }
    }
}
