//! How a text names a block device or what stands in its place: fstab's first field, crypttab's second, `root=`
//! and `resume=` of a kernel command line.
//!
//! Sources: fstab(5); udev's 60-persistent-storage.rules for the links below `/dev/disk`; the kernel's
//! `early_lookup_bdev` (block/early-lookup.c) and dracut.cmdline(7) for `root=`; libdevmapper's mangling of names in
//! `/dev/mapper` (a dash of a volume's name is doubled).

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// A device as it is named in a configuration file or on a command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "FlatDeviceSpec")]
pub struct DeviceSpec {
    /// The name as written, quotes and all.
    pub raw: String,
    /// What kind of name it is, and its parts.
    pub name: DeviceName,
}

/// The kinds of device names. Links of udev are given as what they stand for: `/dev/disk/by-uuid/X` is `Uuid(X)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceName {
    /// Of a file system, swap or LUKS header: `UUID=`.
    Uuid(String),
    /// Of a file system or swap: `LABEL=`.
    Label(String),
    /// Of a partition, in GPT or made from the MBR's signature: `PARTUUID=`.
    PartUuid(String),
    /// Of a GPT partition: `PARTLABEL=`.
    PartLabel(String),
    /// `/dev/disk/by-id/X`: made from the serial number, WWN, or dm and md names. Holds X.
    ById(String),
    /// `/dev/disk/by-path/X`: made from the place in the bus. Holds X.
    ByPath(String),
    /// Another folder of `/dev/disk`, as `azure/root`. Holds what follows `/dev/disk/`.
    DiskLink(String),
    /// A name that the kernel hands out in the order it finds disks: `sda2`, `nvme0n1p1`, `cciss/c0d0p1`.
    KernelName(KernelName),
    /// `/dev/mapper/X`. Holds X as written, mangled.
    Mapper(String),
    /// `/dev/VG/LV`.
    LvmPath {
        /// The volume group.
        vg: String,
        /// The logical volume.
        lv: String,
    },
    /// A software array: `md0`, `md/root`. Holds what follows `/dev/`.
    Md(String),
    /// A CD drive or floppy: `sr0`, `cdrom`, `fd0`. Holds what follows `/dev/`.
    Removable(String),
    /// A device made by software: `loop0`, `zram0`, `drbd0`, `dm-3`. Holds what follows `/dev/`.
    Software(String),
    /// A network file system or network root: `server:/export`, `//server/share`, `nfs:...`, `iscsi:...`.
    Network(String),
    /// No device: `proc`, `tmpfs`, `none`.
    Pseudo(String),
    /// A path outside `/dev`: a swap file, the source of a bind mount.
    File(String),
    /// A device number: `8:1` or `0801`.
    Number(String),
    /// Anything else, such as an own udev link in `/dev`.
    Other(String),
}

/// The parts of a kernel name of a disk or partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelName {
    /// `sd`, `hd`, `vd`, `xvd`, `nvme`, `mmcblk`, `cciss`, `ida`, `rd`, `dasd`, `ubd`, `pmem`, `emcpower`.
    pub prefix: &'static str,
    /// The name after `/dev/`: `sda2`.
    pub name: String,
    /// The whole disk: `sda` of `sda2`, `nvme0n1` of `nvme0n1p2`.
    pub disk: String,
    /// The partition's number; none for the whole disk.
    pub partition: Option<u32>,
}

/// The form in which rules and JSON see a [`DeviceSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DeviceSpec")]
struct FlatDeviceSpec {
    /// `uuid`, `label`, `partuuid`, `partlabel`, `by-id`, `by-path`, `disk-link`, `kernel-name`, `mapper`, `lvm`, `md`,
    /// `removable`, `software`, `network`, `pseudo`, `file`, `number` or `other`.
    #[schemars(extend("enum" = [
        "uuid", "label", "partuuid", "partlabel", "by-id", "by-path", "disk-link", "kernel-name", "mapper", "lvm",
        "md", "removable", "software", "network", "pseudo", "file", "number", "other",
    ]))]
    kind: &'static str,
    /// The name as written.
    raw: String,
    /// The name without what says its kind: the UUID itself, `sda2`, `VG-LV`.
    value: String,
    /// The first part of a kernel name: `sd`, `hd`, `vd`, `xvd`, `nvme`, `cciss`...; null for other kinds.
    prefix: Option<&'static str>,
    /// The whole disk of a kernel name; null for other kinds.
    disk: Option<String>,
    /// The partition's number in a kernel name; null for a whole disk and for other kinds.
    partition: Option<u32>,
    /// The volume group, if it is (`lvm`) or may be (`mapper`) a logical volume.
    vg: Option<String>,
    /// The logical volume, likewise.
    lv: Option<String>,
}

impl JsonSchema for DeviceSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        FlatDeviceSpec::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        FlatDeviceSpec::json_schema(generator)
    }
}

impl From<DeviceSpec> for FlatDeviceSpec {
    fn from(spec: DeviceSpec) -> Self {
        let (vg, lv) = spec.volume().unzip();
        let (prefix, disk, partition) = match &spec.name {
            DeviceName::KernelName(name) => (Some(name.prefix), Some(name.disk.clone()), name.partition),
            _ => (None, None, None),
        };
        Self {
            kind: spec.kind(),
            value: spec.value().to_owned(),
            raw: spec.raw,
            prefix,
            disk,
            partition,
            vg,
            lv,
        }
    }
}

impl DeviceSpec {
    /// Reads a name as fstab and crypttab have it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self { raw: text.to_owned(), name: parse_name(text) }
    }

    /// Reads the value of `root=` or `resume=`: device numbers and dracut's prefixes (`block:`, `nfs:`) too.
    #[must_use]
    pub fn parse_root(text: &str) -> Self {
        let plain = text.strip_prefix("block:").unwrap_or(text);
        let name = match parse_name(plain) {
            DeviceName::Pseudo(word) if is_network_root(&word) => DeviceName::Network(word),
            DeviceName::Pseudo(word) if is_device_number(&word) => DeviceName::Number(word),
            DeviceName::Other(path) if path == "nfs" => DeviceName::Network(path),
            name => name,
        };
        Self { raw: text.to_owned(), name }
    }

    /// The kind as rules see it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.name {
            DeviceName::Uuid(_) => "uuid",
            DeviceName::Label(_) => "label",
            DeviceName::PartUuid(_) => "partuuid",
            DeviceName::PartLabel(_) => "partlabel",
            DeviceName::ById(_) => "by-id",
            DeviceName::ByPath(_) => "by-path",
            DeviceName::DiskLink(_) => "disk-link",
            DeviceName::KernelName(_) => "kernel-name",
            DeviceName::Mapper(_) => "mapper",
            DeviceName::LvmPath { .. } => "lvm",
            DeviceName::Md(_) => "md",
            DeviceName::Removable(_) => "removable",
            DeviceName::Software(_) => "software",
            DeviceName::Network(_) => "network",
            DeviceName::Pseudo(_) => "pseudo",
            DeviceName::File(_) => "file",
            DeviceName::Number(_) => "number",
            DeviceName::Other(_) => "other",
        }
    }

    /// The name without what says its kind: the UUID itself, `sda2`, the path of a file. For `/dev/VG/LV` it is LV
    /// (see [`DeviceSpec::volume`]).
    #[must_use]
    pub fn value(&self) -> &str {
        match &self.name {
            DeviceName::Uuid(value)
            | DeviceName::Label(value)
            | DeviceName::PartUuid(value)
            | DeviceName::PartLabel(value)
            | DeviceName::ById(value)
            | DeviceName::ByPath(value)
            | DeviceName::DiskLink(value)
            | DeviceName::Mapper(value)
            | DeviceName::Md(value)
            | DeviceName::Removable(value)
            | DeviceName::Software(value)
            | DeviceName::Network(value)
            | DeviceName::Pseudo(value)
            | DeviceName::File(value)
            | DeviceName::Number(value)
            | DeviceName::Other(value) => value,
            DeviceName::KernelName(name) => &name.name,
            DeviceName::LvmPath { lv, .. } => lv,
        }
    }

    /// Volume group and logical volume: surely for `/dev/VG/LV`; for `/dev/mapper/VG-LV` a reading of the name that
    /// other users of the device mapper may have chosen too (`luks-...`, `mpatha-part1`).
    #[must_use]
    pub fn volume(&self) -> Option<(String, String)> {
        match &self.name {
            DeviceName::LvmPath { vg, lv } => Some((vg.clone(), lv.clone())),
            DeviceName::Mapper(name) => split_mapper_name(name),
            _ => None,
        }
    }
}

/// Volume group and logical volume of a name in `/dev/mapper`: the one single dash divides them, doubled dashes
/// stand for one (libdm's `dm_split_lvm_name`). None when there is no single dash, or more than one (a hidden layer).
#[must_use]
pub fn split_mapper_name(name: &str) -> Option<(String, String)> {
    const DASH: char = '\u{0}';
    if name.contains(DASH) {
        return None;
    }
    let marked = name.replace("--", "\u{0}");
    let (vg, lv) = marked.split_once('-')?;
    if vg.is_empty() || lv.is_empty() || lv.contains('-') {
        return None;
    }
    Some((vg.replace(DASH, "-"), lv.replace(DASH, "-")))
}

fn parse_name(text: &str) -> DeviceName {
    if let Some((tag, value)) = text.split_once('=') {
        let value = unquote(value).to_owned();
        match tag {
            "UUID" => return DeviceName::Uuid(value),
            "LABEL" => return DeviceName::Label(value),
            "PARTUUID" => return DeviceName::PartUuid(value),
            "PARTLABEL" => return DeviceName::PartLabel(value),
            "ID" => return DeviceName::ById(value),
            _ => {}
        }
    }
    let text = unquote(text);
    if let Some(below) = text.strip_prefix("/dev/") {
        return parse_dev_path(below);
    }
    if text.starts_with("//") || is_server_path(text) {
        return DeviceName::Network(text.to_owned());
    }
    if text.starts_with('/') || text.starts_with("./") {
        return DeviceName::File(text.to_owned());
    }
    DeviceName::Pseudo(text.to_owned())
}

fn parse_dev_path(path: &str) -> DeviceName {
    if let Some(link) = path.strip_prefix("disk/") {
        let decode = udev_decode;
        return match link.split_once('/') {
            Some(("by-uuid", value)) => DeviceName::Uuid(decode(value)),
            Some(("by-label", value)) => DeviceName::Label(decode(value)),
            Some(("by-partuuid", value)) => DeviceName::PartUuid(decode(value)),
            Some(("by-partlabel", value)) => DeviceName::PartLabel(decode(value)),
            Some(("by-id", value)) => DeviceName::ById(value.to_owned()),
            Some(("by-path", value)) => DeviceName::ByPath(value.to_owned()),
            _ => DeviceName::DiskLink(link.to_owned()),
        };
    }
    if let Some(name) = path.strip_prefix("mapper/") {
        return DeviceName::Mapper(name.to_owned());
    }
    if let Some(name) = parse_kernel_name(path) {
        return DeviceName::KernelName(name);
    }
    if path.starts_with("md/") || starts_with_number(path, &["md", "md_d"]) {
        return DeviceName::Md(path.to_owned());
    }
    if is_removable(path) {
        return DeviceName::Removable(path.to_owned());
    }
    if starts_with_number(path, &["loop", "ram", "zram", "nbd", "rbd", "drbd", "dm-"]) {
        return DeviceName::Software(path.to_owned());
    }
    match path.split_once('/') {
        Some((vg, lv)) if !lv.is_empty() && !lv.contains('/') && !NO_VOLUME_GROUP.contains(&vg) => {
            DeviceName::LvmPath { vg: vg.to_owned(), lv: lv.to_owned() }
        }
        _ => DeviceName::Other(path.to_owned()),
    }
}

/// Folders of `/dev` that are never a volume group's.
const NO_VOLUME_GROUP: [&str; 14] = [
    "block", "bsg", "char", "cpu", "disk", "drbd", "dri", "input", "mapper", "net", "pts", "shm", "snd",
    "vfio",
];

/// Disks whose partitions follow the letters directly: `sda2`.
const LETTERED: [&str; 7] = ["xvd", "sd", "hd", "vd", "dasd", "ubd", "emcpower"];

/// Array controllers with a folder of their own: `cciss/c0d0p1` (drivers cciss, cpqarray, DAC960).
const CONTROLLERS: [&str; 3] = ["cciss", "ida", "rd"];

/// The parts of the kernel name of a disk or partition, given without `/dev/`; none if it is no such name.
#[must_use]
pub fn parse_kernel_name(name: &str) -> Option<KernelName> {
    for prefix in LETTERED {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, partition) = rest.split_at_checked(letters)?;
        if unit.is_empty() {
            continue;
        }
        let partition = if partition.is_empty() { None } else { Some(number(partition)?) };
        return Some(KernelName {
            prefix,
            name: name.to_owned(),
            disk: format!("{prefix}{unit}"),
            partition,
        });
    }
    for prefix in CONTROLLERS {
        let unit = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("/c"));
        let Some((controller, unit)) = unit.and_then(|unit| unit.split_once('d')) else { continue };
        number(controller)?;
        return with_partition(prefix, name, unit, 'p');
    }
    if let Some((controller, unit)) = name.strip_prefix("nvme").and_then(|rest| rest.split_once('n')) {
        number(controller)?;
        return with_partition("nvme", name, unit, 'p');
    }
    for prefix in ["mmcblk", "pmem"] {
        if let Some(unit) = name.strip_prefix(prefix) {
            return with_partition(prefix, name, unit, 'p');
        }
    }
    None
}

fn with_partition(prefix: &'static str, name: &str, unit: &str, separator: char) -> Option<KernelName> {
    let (unit, partition) = match unit.split_once(separator) {
        Some((unit, partition)) => (unit, Some(number(partition)?)),
        None => (unit, None),
    };
    number(unit)?;
    let suffix = partition.map_or(0, |_| name.len() - name.rfind(separator).unwrap_or(name.len()));
    let disk = name.get(..name.len() - suffix)?.to_owned();
    Some(KernelName { prefix, name: name.to_owned(), disk, partition })
}

fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn starts_with_number(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(digit)))
}

fn digit(character: char) -> bool {
    character.is_ascii_digit()
}

fn is_removable(path: &str) -> bool {
    let named = ["cdrom", "cdrw", "dvd", "dvdrw", "floppy"];
    let bare = path.trim_end_matches(digit);
    named.contains(&bare) || starts_with_number(path, &["sr", "scd", "fd"])
}

/// `host:/path` or `[v6]:/path`, as nfs(5), ceph and glusterfs have it.
fn is_server_path(text: &str) -> bool {
    let Some((host, path)) = text.rsplit_once(":/") else { return false };
    !host.is_empty() && !host.starts_with('/') && !path.contains(' ')
}

/// dracut.cmdline(7): `root=nfs:...`, `root=iscsi:...`, `root=dhcp`; the kernel's `root=/dev/nfs`, `root=cifs`.
fn is_network_root(word: &str) -> bool {
    let scheme = word.split_once(':').map_or(word, |(scheme, _)| scheme);
    let schemes = [
        "nfs", "nfs4", "nfs3", "iscsi", "fcoe", "nbd", "cifs", "dhcp", "dhcp6", "http", "https", "ftp",
        "torrent", "live", "livenet", "aoe", "nvmf",
    ];
    schemes.contains(&scheme)
}

/// `major:minor` or the hexadecimal device number of old loaders and of lilo.
fn is_device_number(word: &str) -> bool {
    if let Some((major, minor)) = word.split_once(':') {
        return number(major).is_some() && number(minor).is_some() && !major.is_empty() && !minor.is_empty();
    }
    (3..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

/// Undoes udev's `\xNN` in the names of links (`udev_util_encode_string`).
fn udev_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.strip_prefix(b"x").and_then(|tail| tail.get(..2));
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kernel_name(prefix: &'static str, name: &str, disk: &str, partition: Option<u32>) -> DeviceName {
        DeviceName::KernelName(KernelName { prefix, name: name.into(), disk: disk.into(), partition })
    }

    #[test]
    fn names_are_told_apart() {
        let volume = |vg: &str, lv: &str| DeviceName::LvmPath { vg: vg.into(), lv: lv.into() };
        let table = [
            ("UUID=0A1B-2C3D", DeviceName::Uuid("0A1B-2C3D".into())),
            ("UUID=\"0A1B-2C3D\"", DeviceName::Uuid("0A1B-2C3D".into())),
            ("LABEL=/", DeviceName::Label("/".into())),
            ("PARTUUID=12345678-01", DeviceName::PartUuid("12345678-01".into())),
            ("/dev/disk/by-uuid/0A1B-2C3D", DeviceName::Uuid("0A1B-2C3D".into())),
            (r"/dev/disk/by-label/my\x20disk", DeviceName::Label("my disk".into())),
            (
                "/dev/disk/by-id/ata-QEMU_HARDDISK_QM1-part2",
                DeviceName::ById("ata-QEMU_HARDDISK_QM1-part2".into()),
            ),
            ("/dev/disk/azure/root-part1", DeviceName::DiskLink("azure/root-part1".into())),
            ("/dev/sda", kernel_name("sd", "sda", "sda", None)),
            ("/dev/sdab12", kernel_name("sd", "sdab12", "sdab", Some(12))),
            ("/dev/xvda1", kernel_name("xvd", "xvda1", "xvda", Some(1))),
            ("/dev/nvme0n1p2", kernel_name("nvme", "nvme0n1p2", "nvme0n1", Some(2))),
            ("/dev/nvme10n1", kernel_name("nvme", "nvme10n1", "nvme10n1", None)),
            ("/dev/mmcblk0p1", kernel_name("mmcblk", "mmcblk0p1", "mmcblk0", Some(1))),
            ("/dev/cciss/c0d0p3", kernel_name("cciss", "cciss/c0d0p3", "cciss/c0d0", Some(3))),
            ("/dev/md0", DeviceName::Md("md0".into())),
            ("/dev/md/root", DeviceName::Md("md/root".into())),
            ("/dev/dm-3", DeviceName::Software("dm-3".into())),
            ("/dev/sr0", DeviceName::Removable("sr0".into())),
            ("/dev/cdrom", DeviceName::Removable("cdrom".into())),
            ("/dev/fd0", DeviceName::Removable("fd0".into())),
            ("/dev/VolGroup00/LogVol01", volume("VolGroup00", "LogVol01")),
            ("/dev/mapper/rhel-root", DeviceName::Mapper("rhel-root".into())),
            ("/dev/sdx-backup", DeviceName::Other("sdx-backup".into())),
            ("192.0.2.7:/export", DeviceName::Network("192.0.2.7:/export".into())),
            ("[2001:db8::1]:/export", DeviceName::Network("[2001:db8::1]:/export".into())),
            ("//files.example.com/share", DeviceName::Network("//files.example.com/share".into())),
            ("/swapfile", DeviceName::File("/swapfile".into())),
            ("tmpfs", DeviceName::Pseudo("tmpfs".into())),
        ];
        for (text, expected) in table {
            assert_eq!(DeviceSpec::parse(text).name, expected, "{text}");
        }
    }

    #[test]
    fn root_may_be_a_number_or_on_the_network() {
        for (text, kind) in [
            ("0801", "number"),
            ("8:1", "number"),
            ("nfs:192.0.2.1:/root", "network"),
            ("/dev/nfs", "network"),
            ("dhcp", "network"),
            ("block:/dev/mapper/vg-root", "mapper"),
            ("UUID=0a1b", "uuid"),
        ] {
            assert_eq!(DeviceSpec::parse_root(text).kind(), kind, "{text}");
        }
    }

    #[test]
    fn mapper_names_are_unmangled() {
        let split = |name| split_mapper_name(name).map(|(vg, lv)| format!("{vg} {lv}"));
        assert_eq!(split("rhel-root"), Some("rhel root".into()));
        assert_eq!(split("vg--data-lv--one"), Some("vg-data lv-one".into()));
        assert_eq!(split("mpatha"), None);
        assert_eq!(split("vg-lv-real"), None);
    }

    #[test]
    fn rules_see_a_flat_object() {
        let flat = serde_json::to_value(DeviceSpec::parse("/dev/sda2")).unwrap();
        let expected = serde_json::json!({
            "kind": "kernel-name", "raw": "/dev/sda2", "value": "sda2", "prefix": "sd", "disk": "sda",
            "partition": 2, "vg": null, "lv": null
        });
        assert_eq!(flat, expected);
    }

    proptest! {
        #[test]
        fn any_text_has_a_kind(text in "\\PC*") {
            let spec = DeviceSpec::parse_root(&text);
            prop_assert_eq!(&spec.raw, &text);
            prop_assert!(!spec.kind().is_empty());
        }

        #[test]
        fn doubled_dashes_come_back(vg in "[a-z][a-z0-9-]{0,8}[a-z]", lv in "[a-z][a-z0-9-]{0,8}[a-z]") {
            let mangled = format!("{}-{}", vg.replace('-', "--"), lv.replace('-', "--"));
            prop_assert_eq!(split_mapper_name(&mangled), Some((vg, lv)));
        }
    }
}
