//! What blkid(8) knows of block devices: its cache file and its output in three forms.
//!
//! The cache (`/run/blkid/blkid.tab`, before util-linux 2.17 `/etc/blkid/blkid.tab` and `/etc/blkid.tab`) has a line
//! `<device DEVNO="0x0801" UUID="...">/dev/sda1</device>` each device (util-linux `libblkid/src/save.c`); the output
//! has `/dev/sda1: UUID="..." TYPE="ext4"`, or with `-o export` a paragraph of `KEY=value` lines.

use crate::place::Span;

use super::text::{Line, lines, trim, words};

/// A block device and what its superblock and partition entry say. What the text does not give is null.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where it stands.
    pub span: Span,
    /// The name below `/dev`: `sda1`, `mapper/vg-root`. Null where the text has only a number (udev's database).
    pub name: Option<String>,
    /// UUID of the file system, swap, LUKS header, md array or LVM physical volume.
    pub uuid: Option<String>,
    /// Label of the file system or swap.
    pub label: Option<String>,
    /// What the superblock is of: `ext4`, `swap`, `LVM2_member`, `crypto_LUKS`, `linux_raid_member`, `mpath_member`.
    pub fstype: Option<String>,
    /// UUID of the partition.
    pub partuuid: Option<String>,
    /// Name of the GPT partition.
    pub partlabel: Option<String>,
    /// Bytes of a block of the file system.
    pub block_size: Option<u32>,
    /// Other names below `/dev`: `disk/by-id/...`, `vg/root`. Only udev's database has them.
    pub links: Vec<String>,
}

impl Device {
    /// Sets what the tag `key` (of blkid or lsblk) stands for; other tags are passed over.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let field = match key {
            "UUID" => &mut self.uuid,
            "LABEL" => &mut self.label,
            "TYPE" | "FSTYPE" => &mut self.fstype,
            "PARTUUID" => &mut self.partuuid,
            "PARTLABEL" => &mut self.partlabel,
            "BLOCK_SIZE" => {
                self.block_size = value.parse().ok();
                return;
            }
            _ => return,
        };
        *field = Some(value.to_owned());
    }
}

/// Reads a cache, `blkid`'s output, or `blkid -o export`'s, whichever it is, line by line. Lines that are none of
/// these (messages of a program that failed) are passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    let mut exported = false;
    for line in lines(bytes) {
        let (start, text) = trim(line.bytes);
        if let Some(device) = cache_line(&line, start, text).or_else(|| output_line(&line, start, text)) {
            exported = false;
            devices.push(device);
        } else if let Some(name) = text.strip_prefix(b"DEVNAME=") {
            exported = true;
            let name = device_name(&unescape_shell(name));
            let span = Span::new(line.number, start + 1, start + text.len() + 1);
            devices.push(Device { span, name: Some(name), ..Device::default() });
        } else if text.is_empty() {
            exported = false;
        } else if exported
            && let (Some(device), Some(equals)) = (devices.last_mut(), memchr::memchr(b'=', text))
        {
            let (key, value) = text.split_at(equals);
            device.set(
                &String::from_utf8_lossy(key),
                &unescape_shell(value.strip_prefix(b"=").unwrap_or_default()),
            );
        }
    }
    devices
}

/// `<device KEY="value" ...>/dev/sda1</device>`.
fn cache_line(line: &Line<'_>, start: usize, text: &[u8]) -> Option<Device> {
    let rest = text.strip_prefix(b"<device")?;
    let (pairs, rest) = pairs(rest);
    let rest = rest.strip_prefix(b">")?;
    let end = memchr::memchr(b'<', rest).unwrap_or(rest.len());
    let name = rest.get(..end)?;
    let mut device = Device {
        span: Span::new(line.number, start + 1, start + text.len() + 1),
        name: Some(device_name(&String::from_utf8_lossy(trim(name).1))),
        ..Device::default()
    };
    pairs.iter().for_each(|(key, value)| device.set(key, value));
    Some(device)
}

/// `/dev/sda1: KEY="value" ...`.
fn output_line(line: &Line<'_>, start: usize, text: &[u8]) -> Option<Device> {
    if !text.starts_with(b"/dev/") {
        return None;
    }
    let name = words(text).next()?.bytes;
    let end = name.iter().rposition(|byte| *byte == b':').filter(|colon| colon + 1 == name.len())?;
    let (pairs, _) = pairs(text.get(end + 1..)?);
    let mut device = Device {
        span: Span::new(line.number, start + 1, start + text.len() + 1),
        name: Some(device_name(&String::from_utf8_lossy(name.get(..end)?))),
        ..Device::default()
    };
    pairs.iter().for_each(|(key, value)| device.set(key, value));
    Some(device)
}

/// The `KEY="value"` pairs at the start of `text`, and what follows them. In a value, a backslash takes the next
/// character as it is (util-linux `misc-utils/blkid.c`, `print_value`).
pub(crate) fn pairs(mut text: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut pairs = Vec::new();
    loop {
        text = trim_start(text);
        let key_end = text.iter().position(|b| !(b.is_ascii_alphanumeric() || b"_-:%.".contains(b)));
        let Some((key, rest)) = key_end.filter(|end| *end > 0).and_then(|end| text.split_at_checked(end))
        else {
            return (pairs, text);
        };
        let Some(rest) = rest.strip_prefix(b"=\"") else { return (pairs, text) };
        let mut value = Vec::new();
        let mut bytes = rest;
        loop {
            match bytes {
                [b'"', rest @ ..] => {
                    bytes = rest;
                    break;
                }
                [b'\\', escaped, rest @ ..] if matches!(escaped, b'"' | b'\\' | b'$' | b'`') => {
                    value.push(*escaped);
                    bytes = rest;
                }
                [byte, rest @ ..] => {
                    value.push(*byte);
                    bytes = rest;
                }
                [] => break,
            }
        }
        pairs.push((String::from_utf8_lossy(key).into_owned(), String::from_utf8_lossy(&value).into_owned()));
        text = bytes;
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    text.get(trim(text).0..).unwrap_or_default()
}

/// `blkid -o export` puts a backslash before what a shell would read.
fn unescape_shell(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        out.push(if *byte == b'\\' { *rest.next().unwrap_or(byte) } else { *byte });
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The name below `/dev`.
pub(crate) fn device_name(path: &str) -> String {
    path.strip_prefix("/dev/").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(name: &str, tags: &[(&str, &str)]) -> Device {
        let mut device = Device { name: Some(name.to_owned()), ..Device::default() };
        tags.iter().for_each(|(key, value)| device.set(key, value));
        device
    }

    fn read(text: &str) -> Vec<Device> {
        parse(text.as_bytes()).into_iter().map(|d| Device { span: Span::default(), ..d }).collect()
    }

    #[test]
    fn the_cache_has_a_line_each_device() {
        let text = "<device DEVNO=\"0x0801\" TIME=\"1359032436\" UUID=\"6d\" TYPE=\"ext4\">/dev/sda1</device>\n\
                    <device DEVNO=\"0xfd00\" TIME=\"1\" PRI=\"40\" TYPE=\"swap\" LABEL=\"a\\\"b\">/dev/mapper/vg-swap</device>\n";
        let want = [
            device("sda1", &[("UUID", "6d"), ("TYPE", "ext4")]),
            device("mapper/vg-swap", &[("TYPE", "swap"), ("LABEL", "a\"b")]),
        ];
        assert_eq!(read(text), want);
        assert_eq!(parse(text.as_bytes())[1].span.line, 2);
    }

    #[test]
    fn the_output_has_a_name_and_pairs() {
        let text = "/dev/sda2: UUID=\"Ab-Cd\" TYPE=\"LVM2_member\" PARTLABEL=\"Linux LVM\" PARTUUID=\"6c-02\"\n\
                    blkid: error: /dev/sr0: No medium found\n/dev/mapper/mpatha: PTTYPE=\"dos\"\n";
        let want = [
            device(
                "sda2",
                &[
                    ("UUID", "Ab-Cd"),
                    ("TYPE", "LVM2_member"),
                    ("PARTLABEL", "Linux LVM"),
                    ("PARTUUID", "6c-02"),
                ],
            ),
            device("mapper/mpatha", &[]),
        ];
        assert_eq!(read(text), want);
    }

    #[test]
    fn the_export_has_a_paragraph_each_device() {
        let text =
            "DEVNAME=/dev/sda1\nUUID=1-2\nLABEL=my\\ disk\nTYPE=vfat\n\nDEVNAME=/dev/sdb\nUUID=3\n\nUUID=9\n";
        let want = [
            device("sda1", &[("UUID", "1-2"), ("LABEL", "my disk"), ("TYPE", "vfat")]),
            device("sdb", &[("UUID", "3")]),
        ];
        assert_eq!(read(text), want);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }

        #[test]
        fn what_blkid_prints_reads_back(uuid in "[0-9a-f-]{1,36}", label in "[ -~]{1,16}") {
            let quoted = label.replace('\\', "\\\\").replace('"', "\\\"");
            let got = read(&format!("/dev/vda1: LABEL=\"{quoted}\" UUID=\"{uuid}\" TYPE=\"xfs\"\n"));
            prop_assert_eq!(got, [device("vda1", &[("LABEL", &label), ("UUID", &uuid), ("TYPE", "xfs")])]);
        }
    }
}
