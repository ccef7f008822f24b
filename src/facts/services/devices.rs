//! Disks that units, drop-ins and tmpfiles.d name by a name that belongs to the hardware: what fstab's line would show
//! stands in `dev-sdb1.device`, `What=/dev/sdb1` or `/sys/block/sda/...` there.
//!
//! Sources: systemd.unit(5) (how paths become names of units), systemd.mount(5), systemd.resource-control(5),
//! tmpfiles.d(5).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Service;
use super::systemd::Table;
use crate::facts::Gather;
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::lines::lines;
use crate::place::Place;

/// A disk that a unit or a line of tmpfiles.d names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnitDevice {
    /// The unit; null for a line of tmpfiles.d.
    pub unit: Option<String>,
    /// The setting that names it: `After`, `What`, `ExecStart`, `Name` for the unit's own name, `tmpfiles`.
    pub key: String,
    /// The disk, as a path.
    pub device: DeviceSpec,
    /// The unit is not started without the disk.
    pub is_required: bool,
    /// The unit is started at boot; true for tmpfiles.d.
    pub enabled: bool,
    /// The place of the name.
    pub at: Place,
}

/// Names that are kept.
const MAX_DEVICES: usize = 500;

/// Settings without which a unit is not started.
const REQUIRING: [&str; 5] = ["BindsTo", "Requires", "Requisite", "What", "Name"];

/// Settings that say how to find or limit disks; others, as `Description` or `Documentation`, name nothing that is used.
const READ: [&str; 22] = [
    "After",
    "Before",
    "BindsTo",
    "BindPaths",
    "BlockIODeviceWeight",
    "ConditionPathExists",
    "DeviceAllow",
    "ExecStart",
    "ExecStartPost",
    "ExecStartPre",
    "ExecStop",
    "IODeviceWeight",
    "IOReadBandwidthMax",
    "IOReadIOPSMax",
    "IOWriteBandwidthMax",
    "IOWriteIOPSMax",
    "PartOf",
    "RequiredBy",
    "Requires",
    "Requisite",
    "WantedBy",
    "Wants",
];

/// Finds the names.
pub(super) fn read(gather: &Gather<'_>, table: &Table, units: &[Service]) -> Vec<UnitDevice> {
    let enabled: BTreeSet<&str> =
        units.iter().filter(|unit| unit.enabled).map(|unit| unit.name.as_str()).collect();
    let mut found = Vec::new();
    for (name, file) in table.files() {
        let is_enabled = enabled.contains(name.strip_suffix(".service").unwrap_or(name));
        let mut add = |key: &str, device: DeviceSpec, at: Place| {
            found.push(UnitDevice {
                unit: Some(name.to_owned()),
                key: key.to_owned(),
                device,
                is_required: REQUIRING.contains(&key),
                enabled: is_enabled,
                at,
            });
        };
        for (path, entry) in file.entries() {
            let key = entry.key.as_str();
            if !READ.contains(&key) && key != "What" {
                continue;
            }
            for device in entry.value.split([' ', '\t', ',', '"', '\'']).filter_map(device) {
                add(key, device, entry.span.at(path));
            }
        }
        if let Some(device) = name.strip_suffix(".swap").and_then(unescaped).as_deref().and_then(device)
            && let Some((path, _)) = file.entries().next()
        {
            add("Name", device, Place::file(path.as_ref()));
        }
        if found.len() > MAX_DEVICES {
            break;
        }
    }
    found.extend(tmpfiles(gather));
    found.dedup_by(|a, b| a.at == b.at && a.device == b.device);
    found.truncate(MAX_DEVICES);
    found
}

/// Lines of tmpfiles.d that write to a disk's settings or make something of a disk.
fn tmpfiles(gather: &Gather<'_>) -> Vec<UnitDevice> {
    let folders = ["etc/tmpfiles.d", "usr/local/lib/tmpfiles.d", "usr/lib/tmpfiles.d"];
    let files =
        folders.iter().flat_map(|folder| gather.read_directory(folder, |name| name.ends_with(".conf")));
    let mut found = Vec::new();
    for file in files {
        for line in lines(&file.bytes).filter(|line| !line.text.trim_start().starts_with('#')) {
            for device in line.text.split_whitespace().filter_map(device) {
                found.push(UnitDevice {
                    unit: None,
                    key: "tmpfiles".to_owned(),
                    device,
                    is_required: false,
                    enabled: true,
                    at: line.span_of(line.text.trim()).at(&file.path),
                });
            }
            if found.len() > MAX_DEVICES {
                return found;
            }
        }
    }
    found
}

/// The disk that a word names by a name of the kernel or a link of the hardware.
fn device(word: &str) -> Option<DeviceSpec> {
    let path = if let Some(unit) = word.strip_suffix(".device").or_else(|| word.strip_suffix(".swap")) {
        unescaped(unit)?
    } else if let Some(inside) = word.strip_prefix("/sys/block/") {
        format!("/dev/{}", inside.split('/').next()?.replace('!', "/"))
    } else {
        let start = word.find("/dev/")?;
        // `if=/dev/sda`, but not `/srv/dev/x`.
        if start > 0 && !word.get(..start)?.ends_with(['=', ':']) {
            return None;
        }
        word.get(start..)?.trim_end_matches(';').to_owned()
    };
    let spec = DeviceSpec::parse(&path);
    matches!(spec.name, DeviceName::KernelName(_) | DeviceName::ById(_) | DeviceName::ByPath(_))
        .then_some(spec)
}

/// The path that a unit's name stands for: `dev-disk-by\x2dpath-pci` is `/dev/disk/by-path/pci`.
fn unescaped(name: &str) -> Option<String> {
    if !name.starts_with("dev-") {
        return None;
    }
    let mut path = String::from("/");
    let mut rest = name;
    while let Some(letter) = rest.chars().next() {
        if let Some(digits) = rest.strip_prefix("\\x").and_then(|rest| rest.get(..2)) {
            path.push(char::from(u8::from_str_radix(digits, 16).ok()?));
            rest = rest.get(4..)?;
            continue;
        }
        path.push(if letter == '-' { '/' } else { letter });
        rest = rest.get(letter.len_utf8()..)?;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_name_a_disk_of_the_hardware() {
        for (word, disk) in [
            ("dev-sdb1.device", Some("sdb1")),
            ("/dev/sda", Some("sda")),
            ("if=/dev/vdb", Some("vdb")),
            ("/sys/block/sda/queue/scheduler", Some("sda")),
            ("dev-disk-by\\x2dpath-pci\\x2d0000:00:1f.2.device", Some("pci-0000:00:1f.2")),
            ("dev-disk-by\\x2duuid-1234.device", None),
            ("dev-mapper-vg\\x2droot.device", None),
            ("/srv/dev/sda", None),
            ("dev-mqueue.mount", None),
            ("/dev/null", None),
            ("dev-\\xzz.device", None),
        ] {
            assert_eq!(device(word).as_ref().map(DeviceSpec::value), disk, "{word}");
        }
    }
}
