//! udev's database of block devices: the files `/run/udev/data/b8:1`, and `udevadm info --export-db`.
//!
//! The files hold `S:` lines (links below `/dev`) and `E:` lines (properties) of one device (systemd
//! `src/libsystemd/sd-device/device-private.c`, `device_update_db`); the export holds paragraphs of them, with
//! `P:` (path in /sys) and `N:` (name) before.

use crate::place::Span;

use super::blkid::{Device, device_name};
use super::text::lines;

/// Reads one file of `/run/udev/data`. It does not say the device's name.
#[must_use]
pub fn parse_file(bytes: &[u8]) -> Device {
    let mut device = Device { span: Span::line(1), ..Device::default() };
    lines(bytes).for_each(|line| take(&mut device, line.bytes));
    device
}

/// Reads the block devices of `udevadm info --export-db`.
#[must_use]
pub fn parse_export(bytes: &[u8]) -> Vec<Device> {
    let mut devices = Vec::new();
    let mut current: Option<Device> = None;
    let mut is_block = false;
    for line in lines(bytes) {
        if line.bytes.starts_with(b"P: ") || line.bytes.is_empty() {
            devices.extend(current.take().filter(|_| is_block));
            is_block = false;
        }
        if line.bytes.starts_with(b"P: ") {
            let span = Span::new(line.number, 1, line.bytes.len() + 1);
            current = Some(Device { span, ..Device::default() });
        }
        is_block |= line.bytes == b"E: SUBSYSTEM=block";
        if let Some(device) = &mut current {
            take(device, line.bytes);
        }
    }
    devices.extend(current.filter(|_| is_block));
    devices
}

fn take(device: &mut Device, line: &[u8]) {
    let Some((kind @ (b"S:" | b"E:" | b"N:"), value)) = line.split_at_checked(2) else { return };
    let value = String::from_utf8_lossy(value);
    let value = value.trim_start();
    match kind {
        b"S:" => device.links.push(device_name(value)),
        b"N:" => device.name = Some(device_name(value)),
        _ => {
            let Some((key, value)) = value.split_once('=') else { return };
            match key {
                "DEVNAME" => device.name = Some(device_name(value)),
                "ID_FS_UUID" if device.uuid.is_none() => device.set("UUID", value),
                "ID_FS_UUID_ENC" => device.set("UUID", &decode(value)),
                "ID_FS_LABEL" if device.label.is_none() => device.set("LABEL", value),
                "ID_FS_LABEL_ENC" => device.set("LABEL", &decode(value)),
                "ID_FS_TYPE" => device.set("TYPE", value),
                "ID_PART_ENTRY_UUID" => device.set("PARTUUID", value),
                "ID_PART_ENTRY_NAME" => device.set("PARTLABEL", &decode(value)),
                "DM_NAME" => device.links.push(format!("mapper/{value}")),
                "DEVLINKS" => device.links.extend(value.split_whitespace().map(device_name)),
                _ => {}
            }
        }
    }
    device.links.sort();
    device.links.dedup();
}

/// udev writes a byte that is not safe in a name as `\xNN` (systemd `encode_devnode_name`).
#[must_use]
pub fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, tail @ ..] => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, tail))
            }
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((*first, tail));
        out.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_database_file_tells_of_one_device() {
        let text = b"S:disk/by-uuid/6d0c\nS:disk/by-label/my\\x20disk\nW:9\nI:123\nE:ID_FS_UUID=6d0c\n\
            E:ID_FS_UUID_ENC=6d0c\nE:ID_FS_LABEL=my_disk\nE:ID_FS_LABEL_ENC=my\\x20disk\nE:ID_FS_TYPE=ext4\n\
            E:ID_PART_ENTRY_UUID=12-01\nG:systemd\n";
        let device = parse_file(text);
        assert_eq!(device.uuid.as_deref(), Some("6d0c"));
        assert_eq!(device.label.as_deref(), Some("my disk"));
        assert_eq!(device.partuuid.as_deref(), Some("12-01"));
        assert_eq!(device.links, ["disk/by-label/my\\x20disk", "disk/by-uuid/6d0c"]);
        assert_eq!(device.name, None);
    }

    #[test]
    fn an_export_is_cut_into_block_devices() {
        let text = b"P: /devices/pci0/net/eth0\nE: SUBSYSTEM=net\nE: INTERFACE=eth0\n\n\
            P: /devices/virtual/block/dm-0\nN: dm-0\nS: mapper/vg-root\nE: DEVNAME=/dev/dm-0\nE: DM_NAME=vg-root\n\
            E: ID_FS_TYPE=xfs\nE: ID_FS_UUID=u2\nE: SUBSYSTEM=block\n";
        let devices = parse_export(text);
        assert_eq!(devices.len(), 1);
        assert_eq!(devices[0].name.as_deref(), Some("dm-0"));
        assert_eq!(devices[0].links, ["mapper/vg-root"]);
        assert_eq!(devices[0].fstype.as_deref(), Some("xfs"));
        assert_eq!(devices[0].span.line, 5);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_file(&bytes);
            prop_assert!(parse_export(&bytes).len() <= bytes.len());
        }

        #[test]
        fn encoded_names_decode(name in "[ -~]{0,20}") {
            let encoded: String = name.bytes().map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            }).collect();
            prop_assert_eq!(decode(&encoded), name);
        }
    }
}
