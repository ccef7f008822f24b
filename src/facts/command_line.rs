//! A kernel command line as facts: its parameters with their places, and the devices it names.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::Known;
use super::block_devices::{BlockDevices, Lookup};
use super::volumes::{self, VolumeGroup};
use crate::parse::cmdline::{self, same_name};
use crate::parse::device_spec::DeviceSpec;
use crate::parse::lines::Field;
use crate::place::Place;

/// A kernel command line.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandLine {
    /// The whole line as the kernel gets it.
    pub text: String,
    /// Its parameters in order.
    pub params: Vec<Param>,
    /// The last `root=`, which is the one that counts; null if there is none.
    pub root: Option<NamedDevice>,
    /// The last `resume=`; null if there is none or `noresume` is given.
    pub resume: Option<NamedDevice>,
    /// Logical volumes of `rd.lvm.lv=` (older: `rd_LVM_LV=`).
    pub rd_lvm_lv: Vec<VolumeName>,
    /// Volume groups of `rd.lvm.vg=` (older: `rd_LVM_VG=`).
    pub rd_lvm_vg: Vec<PlacedValue>,
    /// Arrays of `rd.md.uuid=` (older: `rd_MD_UUID=`), as written.
    pub rd_md_uuid: Vec<NamedUuid>,
    /// LUKS headers of `rd.luks.uuid=`, `rd.luks.name=` and `luks.uuid=` (older: `rd_LUKS_UUID=`), without the
    /// prefix `luks-`.
    pub rd_luks_uuid: Vec<NamedUuid>,
    /// Modules that `modprobe.blacklist=`, `rd.driver.blacklist=`, `module_blacklist=` or `rdblacklist=` keep from
    /// loading.
    pub blacklist: Vec<BlacklistedModule>,
}

/// One parameter of a kernel command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Param {
    /// The name as written (`net.ifnames`); the kernel takes dashes and underscores for the same.
    pub name: String,
    /// The value without its quotes; null if there is no `=`.
    pub value: Option<String>,
    /// Where it stands.
    pub at: Place,
}

/// A device named by a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NamedDevice {
    /// The name and its kind.
    pub device: DeviceSpec,
    /// Whether the machine had this device when the evidence was taken.
    pub found: Known<bool>,
    /// `UUID=...` of the device that a kernel name or a link stands for, if the input knows it.
    pub stable_spec: Option<String>,
    /// Where the parameter stands.
    pub at: Place,
}

/// A UUID named by a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NamedUuid {
    /// The UUID as written.
    pub value: String,
    /// Whether the machine had an array or LUKS header of this UUID when the evidence was taken.
    pub found: Known<bool>,
    /// Where it stands.
    pub at: Place,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlacedValue {
    /// The value.
    pub value: String,
    /// Where it stands.
    pub at: Place,
}

/// A logical volume named by a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VolumeName {
    /// `VG/LV` as written.
    pub value: String,
    /// The volume group.
    pub vg: String,
    /// The logical volume; empty if only the group is named.
    pub lv: String,
    /// Whether the machine had this volume when the evidence was taken.
    pub found: Known<bool>,
    /// Where it stands.
    pub at: Place,
}

/// A module that the command line keeps from loading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlacklistedModule {
    /// The module, dashes as underscores.
    pub module: String,
    /// The parameter that does it.
    pub param: String,
    /// Where it stands.
    pub at: Place,
}

/// A stretch of a command line and where its first byte stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The text.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) at: Place,
}

impl Piece {
    /// The text of `field` in the file at `path`.
    pub(crate) fn of_field(field: &Field, path: &Arc<str>) -> Self {
        Self { text: field.text.clone(), at: field.span.at(path) }
    }

    /// A blank that parts this piece from the next.
    pub(crate) fn blank(&self) -> Self {
        Self { text: " ".to_owned(), at: self.at.clone() }
    }
}

impl CommandLine {
    /// Reads the command line made of `pieces` put together.
    pub(crate) fn of_pieces(pieces: &[Piece]) -> Self {
        let mut text = String::new();
        let mut starts = Vec::with_capacity(pieces.len());
        for piece in pieces.iter().filter(|piece| !piece.text.is_empty()) {
            starts.push((text.len(), piece));
            text.push_str(&piece.text);
        }
        text.truncate(text.trim_end().len());
        let params = cmdline::parse(&text).into_iter();
        let placed = params.map(|param| Param {
            at: place_of(&starts, param.start, param.end),
            name: param.name,
            value: param.value,
        });
        Self::of_params(text.clone(), placed.collect())
    }

    /// The value of the last parameter `name`, compared as the kernel does; none if it is absent or has no value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.param(name).and_then(|param| param.value.as_deref())
    }

    /// The last parameter `name`, compared as the kernel does.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().rev().find(|param| same_name(&param.name, name))
    }

    /// All parameters that have one of `names`, with their values.
    fn values(&self, names: &[&str]) -> impl Iterator<Item = (&Param, &str)> {
        let wanted = |param: &&Param| names.iter().any(|name| same_name(&param.name, name));
        self.params.iter().filter(wanted).filter_map(|param| Some((param, param.value.as_deref()?)))
    }

    fn placed(&self, names: &[&str]) -> Vec<PlacedValue> {
        let values = self.values(names).filter(|(_, value)| !value.is_empty());
        values.map(|(param, value)| PlacedValue { value: value.to_owned(), at: param.at.clone() }).collect()
    }

    fn device(&self, name: &str) -> Option<NamedDevice> {
        let param = self.param(name)?;
        let value = param.value.as_deref()?;
        Some(NamedDevice::new(DeviceSpec::parse_root(value), param.at.clone()))
    }

    /// Looks up what the parameters name in what is known of the machine.
    pub(crate) fn resolve(&mut self, devices: &BlockDevices, groups: &[VolumeGroup]) {
        for named in self.root.iter_mut().chain(&mut self.resume) {
            named.resolve(devices, groups);
        }
        for volume in &mut self.rd_lvm_lv {
            volume.found = volumes::has(groups, &volume.vg, &volume.lv);
        }
        self.rd_md_uuid.iter_mut().for_each(|uuid| uuid.resolve(devices, "linux_raid_member"));
        self.rd_luks_uuid.iter_mut().for_each(|uuid| uuid.resolve(devices, "crypto_LUKS"));
    }

    fn of_params(text: String, params: Vec<Param>) -> Self {
        let mut line = Self { text, params, ..Self::default() };
        line.root = line.device("root");
        line.resume = if line.param("noresume").is_some() { None } else { line.device("resume") };
        line.rd_lvm_lv = line.placed(&["rd.lvm.lv", "rd_LVM_LV"]).into_iter().map(VolumeName::of).collect();
        line.rd_lvm_vg = line.placed(&["rd.lvm.vg", "rd_LVM_VG"]);
        let arrays = line.placed(&["rd.md.uuid", "rd_MD_UUID"]);
        line.rd_md_uuid = arrays.into_iter().map(NamedUuid::new).collect();
        let luks = line.placed(&["rd.luks.uuid", "rd.luks.name", "luks.uuid", "luks.name", "rd_LUKS_UUID"]);
        line.rd_luks_uuid = luks.into_iter().map(luks_uuid).collect();
        line.blacklist = line.blacklisted();
        line
    }

    fn blacklisted(&self) -> Vec<BlacklistedModule> {
        let names =
            ["modprobe.blacklist", "rd.driver.blacklist", "module_blacklist", "rdblacklist", "rd_blacklist"];
        let each = self.values(&names).flat_map(|(param, value)| {
            value.split(',').filter(|module| !module.is_empty()).map(|module| BlacklistedModule {
                module: module.replace('-', "_"),
                param: param.name.clone(),
                at: param.at.clone(),
            })
        });
        each.collect()
    }
}

impl VolumeName {
    fn of(placed: PlacedValue) -> Self {
        let name = placed.value.strip_prefix("/dev/").unwrap_or(&placed.value);
        let (vg, lv) = name.split_once('/').unwrap_or((name, ""));
        let found = Known::unknown(NEEDS);
        Self { vg: vg.to_owned(), lv: lv.to_owned(), found, at: placed.at, value: placed.value }
    }
}

/// `luks-UUID`, `UUID=name` and `UUID` are the forms in use (dracut.cmdline(7), systemd-cryptsetup-generator(8)).
fn luks_uuid(placed: PlacedValue) -> NamedUuid {
    let uuid = placed.value.strip_prefix("luks-").unwrap_or(&placed.value);
    let uuid = uuid.split('=').next().unwrap_or(uuid).to_owned();
    NamedUuid::new(PlacedValue { value: uuid, at: placed.at })
}

/// What would say whether a device is there, before anything is known of the machine's devices.
const NEEDS: &str = "the machine's block devices";

impl NamedDevice {
    /// A device of which nothing is known yet.
    pub(crate) fn new(device: DeviceSpec, at: Place) -> Self {
        Self { device, found: Known::unknown(NEEDS), stable_spec: None, at }
    }

    /// Looks the device up in what is known of the machine.
    pub(crate) fn resolve(&mut self, devices: &BlockDevices, groups: &[VolumeGroup]) {
        self.found = devices.has(&self.device);
        if let Lookup::Found(device) = devices.find(&self.device) {
            self.stable_spec = device.stable_spec();
        }
        let volume = self.device.volume().filter(|(vg, _)| groups.iter().any(|group| group.name == *vg));
        if let (Known::Unknown { .. }, Some((vg, lv))) = (&self.found, volume) {
            self.found = volumes::has(groups, &vg, &lv);
        }
    }
}

impl NamedUuid {
    fn new(placed: PlacedValue) -> Self {
        Self { value: placed.value, found: Known::unknown(NEEDS), at: placed.at }
    }

    /// Looks for a device of type `fstype` (in blkid's words) whose UUID has or starts with the same digits: mdadm
    /// writes colons where blkid writes dashes, and dracut takes the beginning of a UUID.
    fn resolve(&mut self, devices: &BlockDevices, fstype: &str) {
        let digits = |uuid: &str| -> String {
            uuid.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
        };
        let wanted = digits(&self.value);
        let mut members = devices.devices.iter().filter(|device| device.fstype.as_deref() == Some(fstype));
        let is_there = members
            .any(|device| device.uuid.as_deref().is_some_and(|uuid| digits(uuid).starts_with(&wanted)));
        self.found = match (is_there, devices.complete) {
            (true, _) => Known::Known(true),
            (false, true) => Known::Known(false),
            (false, false) => Known::unknown("the output of `blkid -c /dev/null`"),
        };
    }
}

/// The place of the bytes `start..end` of pieces that start at `starts`.
fn place_of(starts: &[(usize, &Piece)], start: usize, end: usize) -> Place {
    let after = starts.partition_point(|(offset, _)| *offset <= start);
    let Some((offset, piece)) = after.checked_sub(1).and_then(|index| starts.get(index)) else {
        return Place::file("");
    };
    let columns = |n: usize| u32::try_from(n.min(piece.text.len())).unwrap_or(u32::MAX);
    let mut at = piece.at.clone();
    if let Some(column) = at.column {
        at.column = Some(column.saturating_add(columns(start - offset)));
        at.end = Some(column.saturating_add(columns(end - offset)));
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Gather, Limits, block_devices};
    use crate::place::Span;
    use crate::source::memory::Memory;

    fn line(texts: &[&str]) -> CommandLine {
        let piece = |(index, text): (usize, &&str)| Piece {
            text: (*text).to_owned(),
            at: Span::new(index + 1, 9, 9).at(&"boot/loader/entries/a.conf".into()),
        };
        let pieces = texts.iter().enumerate().map(piece).flat_map(|piece| [piece.clone(), piece.blank()]);
        CommandLine::of_pieces(&pieces.collect::<Vec<_>>())
    }

    fn column(at: &Place) -> (u32, u32, u32) {
        (at.line.unwrap(), at.column.unwrap(), at.end.unwrap())
    }

    #[test]
    fn parameters_know_their_columns_in_the_line_they_came_from() {
        let line = line(&["ro root=/dev/sda2", "resume=UUID=0a1b quiet"]);
        assert_eq!(line.text, "ro root=/dev/sda2 resume=UUID=0a1b quiet");
        let root = line.root.unwrap();
        assert_eq!((root.device.kind(), column(&root.at)), ("kernel-name", (1, 12, 26)));
        let resume = line.resume.unwrap();
        assert_eq!((resume.device.value(), column(&resume.at)), ("0a1b", (2, 9, 25)));
    }

    #[test]
    fn the_last_root_counts_and_noresume_wins() {
        let line = line(&["root=/dev/sda2 root=LABEL=/ resume=/dev/sda3 noresume"]);
        assert_eq!(line.root.unwrap().device.raw, "LABEL=/");
        assert_eq!(line.resume, None);
    }

    #[test]
    fn dracut_parameters_are_listed_in_old_and_new_spelling() {
        let line = line(&["rd_LVM_LV=vg/root rd.lvm.lv=vg/swap rd_MD_UUID=1:2:3:4 rd.luks.uuid=luks-0a1b \
                           rd.luks.name=2c3d=root rdblacklist=nouveau,vfat modprobe.blacklist=virtio-blk"]);
        let volumes: Vec<_> = line.rd_lvm_lv.iter().map(|v| (v.vg.as_str(), v.lv.as_str())).collect();
        assert_eq!(volumes, [("vg", "root"), ("vg", "swap")]);
        assert_eq!(line.rd_md_uuid.first().unwrap().value, "1:2:3:4");
        let luks: Vec<_> = line.rd_luks_uuid.iter().map(|v| v.value.as_str()).collect();
        assert_eq!(luks, ["0a1b", "2c3d"]);
        let modules: Vec<_> = line.blacklist.iter().map(|m| m.module.as_str()).collect();
        assert_eq!(modules, ["nouveau", "vfat", "virtio_blk"]);
    }

    #[test]
    fn what_parameters_name_is_looked_up() {
        let blkid = "/dev/sda2: UUID=\"0a1b2c3d-0000-4000-8000-000000000001\" TYPE=\"ext4\"\n\
            /dev/sda3: UUID=\"aabbccdd-eeff-0011-2233-445566778899\" TYPE=\"linux_raid_member\"\n";
        let tree = Memory::new().file("sos_commands/block/blkid_-c_.dev.null", blkid).into_tree();
        let limits = Limits::default();
        let devices = block_devices::gather(&Gather::new(&tree, &limits));
        let mut line =
            line(&["root=/dev/sda2 resume=UUID=dead rd.md.uuid=aabbccdd:eeff0011:22334455:66778899 \
                               rd.luks.uuid=luks-0a1b rd.lvm.lv=vg/root"]);
        line.resolve(&devices, &[]);
        let root = line.root.unwrap();
        let stable = "UUID=0a1b2c3d-0000-4000-8000-000000000001";
        assert_eq!((root.found, root.stable_spec.as_deref()), (Known::Known(true), Some(stable)));
        assert_eq!(line.resume.unwrap().found, Known::Known(false));
        assert_eq!(line.rd_md_uuid.first().unwrap().found, Known::Known(true));
        assert_eq!(line.rd_luks_uuid.first().unwrap().found, Known::Known(false));
        assert!(line.rd_lvm_lv.first().unwrap().found.needs().is_some());
    }
}
