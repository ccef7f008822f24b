//! Which file systems, swaps, physical volumes, arrays and LUKS containers the machine has, as far as the input says.
//!
//! Looked for, best first: udev's links and database in a live tree, what sos and supportconfig kept of blkid(8),
//! lsblk(8) and udevadm(8), and blkid's cache, which is the whole truth only where it was made since the machine was started.

mod duplicates;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, Known};
use crate::parse::blkid::{self, Device};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::{fstab, lsblk, udev_db};
use crate::place::Place;
use crate::source::{File, NodeKind, display_path};

pub use duplicates::Duplicate;

/// What would say which devices there are, when nothing in the input does.
const NEEDS: &str =
    "the output of `blkid -c /dev/null` (a sos report has it), or `/dev` of the running system";

/// The block devices that the input tells of.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct BlockDevices {
    /// What is known, by name.
    pub devices: Vec<BlockDevice>,
    /// Whether the list is the whole truth of one moment, so that a UUID that is not in it did not exist then.
    pub complete: bool,
    /// UUIDs and labels that more than one device carries.
    pub duplicates: Vec<Duplicate>,
}

/// A block device and what its superblock and partition entry say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct BlockDevice {
    /// The name below `/dev`: `sda1`, `mapper/vg-root`; null where only links are known.
    pub name: Option<String>,
    /// UUID of the file system, swap, LUKS header, md array or LVM physical volume.
    pub uuid: Option<String>,
    /// Label of the file system or swap.
    pub label: Option<String>,
    /// What is on it, in blkid's words: `ext4`, `swap`, `LVM2_member`, `crypto_LUKS`, `linux_raid_member`.
    pub fstype: Option<String>,
    /// UUID of the partition.
    pub partuuid: Option<String>,
    /// Name of the GPT partition.
    pub partlabel: Option<String>,
    /// Bytes of a block of the file system.
    pub block_size: Option<u32>,
    /// Other names below `/dev`: `disk/by-id/...`, `vg/root`.
    pub links: Vec<String>,
    /// Where this was read.
    pub at: Place,
}

/// What a look-up by name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It is this device.
    Found(&'a BlockDevice),
    /// There is none of that name, and the list is complete.
    Missing,
    /// The input does not say.
    Unknown {
        /// What would settle it.
        needs: String,
    },
}

impl BlockDevices {
    /// The device that `spec` names, as udev's links would lead to it. Only a UUID, label or partition UUID can be
    /// missing: other names are made anew at each boot.
    #[must_use]
    pub fn find(&self, spec: &DeviceSpec) -> Lookup<'_> {
        if let Some(device) = self.devices.iter().find(|device| device.is_named(spec)) {
            return Lookup::Found(device);
        }
        let told = match &spec.name {
            DeviceName::Uuid(_) | DeviceName::Label(_) => true,
            // lsblk -f says nothing of partitions' UUIDs: trust their absence only where some are known.
            DeviceName::PartUuid(_) => self.devices.iter().any(|device| device.partuuid.is_some()),
            DeviceName::PartLabel(_) => self.devices.iter().any(|device| device.partlabel.is_some()),
            _ => false,
        };
        if told && self.complete { Lookup::Missing } else { Lookup::Unknown { needs: NEEDS.to_owned() } }
    }

    /// Whether the source tells of members of volume groups and arrays, too: udev makes links to what can be mounted alone
    /// (60-persistent-storage.rules).
    #[must_use]
    pub fn knows_members(&self) -> bool {
        let tells = |path: &str| !path.starts_with("dev/disk/") && !path.starts_with("dev/block/");
        self.devices.iter().any(|device| device.uuid.is_some() && tells(&device.at.path))
    }

    /// Whether there is a device of that name.
    #[must_use]
    pub fn has(&self, spec: &DeviceSpec) -> Known<bool> {
        match self.find(spec) {
            Lookup::Found(_) => Known::Known(true),
            Lookup::Missing => Known::Known(false),
            Lookup::Unknown { needs } => Known::Unknown { needs },
        }
    }
}

impl BlockDevice {
    fn new(device: Device, path: &std::sync::Arc<str>) -> Self {
        Self {
            name: device.name,
            uuid: device.uuid,
            label: device.label,
            fstype: device.fstype,
            partuuid: device.partuuid,
            partlabel: device.partlabel,
            block_size: device.block_size,
            links: device.links,
            at: device.span.at(path),
        }
    }

    /// A name that survives a move to other hardware: `UUID=...` or `LABEL=...`.
    #[must_use]
    pub fn stable_spec(&self) -> Option<String> {
        let uuid = self.uuid.as_ref().map(|uuid| format!("UUID={uuid}"));
        uuid.or_else(|| self.label.as_ref().map(|label| format!("LABEL={label}")))
    }

    pub(crate) fn is_named(&self, spec: &DeviceSpec) -> bool {
        let is = |own: &Option<String>, wanted: &str| own.as_deref() == Some(wanted);
        let same = |own: &Option<String>, wanted: &str| {
            own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(wanted))
        };
        let linked = |link: &str| self.links.iter().any(|own| own == link);
        match &spec.name {
            DeviceName::Uuid(uuid) => same(&self.uuid, uuid),
            DeviceName::Label(label) => is(&self.label, label),
            DeviceName::PartUuid(uuid) => same(&self.partuuid, uuid),
            DeviceName::PartLabel(label) => is(&self.partlabel, label),
            DeviceName::ById(id) => linked(&format!("disk/by-id/{id}")),
            DeviceName::ByPath(path) => linked(&format!("disk/by-path/{path}")),
            DeviceName::DiskLink(link) => linked(&format!("disk/{link}")),
            DeviceName::KernelName(name) => is(&self.name, &name.name),
            DeviceName::Mapper(name) => self.is_mapper(name),
            DeviceName::LvmPath { vg, lv } => {
                let mangle = |part: &str| part.replace('-', "--");
                self.is_mapper(&format!("{}-{}", mangle(vg), mangle(lv))) || linked(&format!("{vg}/{lv}"))
            }
            DeviceName::Md(name) | DeviceName::Software(name) | DeviceName::Other(name) => {
                is(&self.name, name) || linked(name)
            }
            _ => false,
        }
    }

    /// lsblk leaves `mapper/` out.
    fn is_mapper(&self, name: &str) -> bool {
        let own = self.name.as_deref().unwrap_or_default();
        own == name
            || own.strip_prefix("mapper/") == Some(name)
            || self.links.iter().any(|link| link.strip_prefix("mapper/") == Some(name))
    }
}

/// Reads whatever the input has about its block devices.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> BlockDevices {
    let mut devices = udev_links(gather);
    devices.extend(udev_database(gather));
    devices.extend(reports(gather));
    let mut complete = !devices.is_empty();
    if !complete {
        (devices, complete) = cache(gather);
    }
    let devices = merge(devices);
    // A cache keeps what is long gone beside what took its UUID over.
    let duplicates = if complete { duplicates::find(&devices) } else { Vec::new() };
    BlockDevices { devices, complete, duplicates }
}

/// What sos and supportconfig keep: file names as sos makes them of the command lines.
fn reports(gather: &Gather<'_>) -> Vec<BlockDevice> {
    let mut found = Vec::new();
    let mut take = |file: &File, devices: Vec<Device>| {
        found.extend(devices.into_iter().map(|device| BlockDevice::new(device, &file.path)));
    };
    for directory in ["sos_commands/block", "sos_commands/filesys"] {
        for file in gather.read_directory(directory, |name| name.starts_with("blkid")) {
            take(&file, blkid::parse(&file.bytes));
        }
        let lists = |name: &str| name.starts_with("lsblk_-f") || name.starts_with("lsblk_-O");
        for file in gather.read_directory(directory, lists) {
            take(&file, lsblk::parse(&file.bytes));
        }
    }
    let exports = |name: &str| name.starts_with("udevadm_info_--export-db");
    for file in gather.read_directory("sos_commands/devices", exports) {
        take(&file, udev_db::parse_export(&file.bytes));
    }
    if let Some(file) = gather.read("fs-diskio.txt").present() {
        take(&file, blkid::parse(&file.bytes));
    }
    found.retain(|device| device.uuid.is_some() || device.fstype.is_some() || device.name.is_some());
    if found.iter().any(|device| device.uuid.is_some()) { found } else { Vec::new() }
}

/// blkid's cache, where util-linux and e2fsprogs have kept it over the years, and whether it tells of all devices. One
/// on a file system that is made anew at each boot does: libblkid probes every device before it says that it knows no
/// such UUID (libblkid's `devname.c`). One in `/etc` may be of years ago.
fn cache(gather: &Gather<'_>) -> (Vec<BlockDevice>, bool) {
    let paths = [
        ("run/blkid/blkid.tab", true),
        ("dev/.blkid.tab", true),
        ("etc/blkid/blkid.tab", false),
        ("etc/blkid.tab", false),
    ];
    let mut files =
        paths.iter().filter_map(|(path, complete)| Some((gather.read(path).present()?, complete)));
    let Some((file, complete)) = files.next() else { return (Vec::new(), false) };
    let devices: Vec<BlockDevice> =
        blkid::parse(&file.bytes).into_iter().map(|device| BlockDevice::new(device, &file.path)).collect();
    let complete = *complete && knows_root(gather, &devices);
    (devices, complete)
}

/// Whether a cache has the root file system's device. One that lacks it was only asked for another device.
fn knows_root(gather: &Gather<'_>, devices: &[BlockDevice]) -> bool {
    let Some(file) = gather.read_config("etc/fstab").present() else { return false };
    let entries = fstab::parse(&file.bytes).entries;
    let mut roots = entries.iter().filter(|entry| entry.mountpoint.text == "/");
    let root = roots.next().map(|root| DeviceSpec::parse(&root.spec.text));
    root.is_some_and(|root| devices.iter().any(|device| device.uuid.is_some() && device.is_named(&root)))
}

/// The links that udev keeps in `/dev/disk`, where the tree has a populated `/dev` (live, or bound into a chroot).
fn udev_links(gather: &Gather<'_>) -> Vec<BlockDevice> {
    let mut devices = Vec::new();
    for kind in ["by-uuid", "by-label", "by-partuuid", "by-partlabel", "by-id", "by-path"] {
        let directory = Path::new("dev/disk").join(kind);
        for name in gather.found(gather.tree.list(&directory)).present().unwrap_or_default() {
            let path = directory.join(&name);
            let Ok(node) = gather.tree.symlink_metadata(&path) else { continue };
            let NodeKind::Link(target) = node.kind else { continue };
            let Some(own) = target.file_name().and_then(|own| own.to_str()) else { continue };
            let (Some(name), shown) = (name.to_str(), display_path(&path)) else { continue };
            let value = Some(udev_db::decode(name));
            let mut device = Device { name: Some(own.to_owned()), ..Device::default() };
            match kind {
                "by-uuid" => device.uuid = value,
                "by-label" => device.label = value,
                "by-partuuid" => device.partuuid = value,
                "by-partlabel" => device.partlabel = value,
                _ => device.links.push(format!("disk/{kind}/{name}")),
            }
            let at = Place::file(shown);
            devices.push(BlockDevice { at: at.clone(), ..BlockDevice::new(device, &at.path) });
        }
    }
    // Without a single superblock, this is no machine's /dev.
    if devices.iter().any(|device| device.uuid.is_some()) { devices } else { Vec::new() }
}

/// `/run/udev/data/b*`; the names come from `/dev/block`.
fn udev_database(gather: &Gather<'_>) -> Vec<BlockDevice> {
    let is_number = |name: &str| {
        name.strip_prefix('b').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let files = gather.read_directory("run/udev/data", is_number);
    let devices = files.iter().map(|file| {
        let mut device = udev_db::parse_file(&file.bytes);
        let number = file.path.rsplit_once("/b").map_or("", |(_, number)| number);
        if let Ok(node) = gather.tree.symlink_metadata(Path::new("dev/block").join(number))
            && let NodeKind::Link(target) = node.kind
        {
            device.name = target.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        }
        BlockDevice { at: Place::file(file.path.as_ref()), ..BlockDevice::new(device, &file.path) }
    });
    let devices: Vec<_> = devices.collect();
    if devices.iter().any(|device| device.uuid.is_some()) { devices } else { Vec::new() }
}

/// One item a device: what several sources say of the same name is put together, the first one's word counting.
fn merge(devices: Vec<BlockDevice>) -> Vec<BlockDevice> {
    let mut merged: Vec<BlockDevice> = Vec::new();
    let mut places = std::collections::HashMap::<String, usize>::new();
    for device in devices {
        let known = device.name.clone().and_then(|name| match places.entry(name) {
            std::collections::hash_map::Entry::Occupied(place) => merged.get_mut(*place.get()),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(merged.len());
                None
            }
        });
        let Some(known) = known else {
            merged.push(device);
            continue;
        };
        let fields = [
            (&mut known.uuid, device.uuid),
            (&mut known.label, device.label),
            (&mut known.fstype, device.fstype),
            (&mut known.partuuid, device.partuuid),
            (&mut known.partlabel, device.partlabel),
        ];
        for (own, other) in fields {
            if own.is_none() {
                *own = other;
            }
        }
        known.block_size = known.block_size.or(device.block_size);
        known.links.extend(device.links);
        known.links.sort();
        known.links.dedup();
    }
    merged.sort();
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> BlockDevices {
        let tree = memory.into_tree();
        gather(&Gather::new(&tree, &Limits::default()))
    }

    fn has(devices: &BlockDevices, spec: &str) -> Option<bool> {
        devices.has(&DeviceSpec::parse(spec)).get().copied()
    }

    #[test]
    fn a_report_is_the_whole_truth() {
        let devices = read(Memory::new().file(
            "sos_commands/block/blkid_-c_.dev.null",
            "/dev/sda1: UUID=\"aa-1\" TYPE=\"ext4\" PARTUUID=\"p-1\"\n/dev/mapper/vg-data_1: UUID=\"bb\" TYPE=\"xfs\"\n",
        ));
        assert!(devices.complete);
        assert_eq!(has(&devices, "UUID=AA-1"), Some(true));
        assert_eq!(has(&devices, "UUID=cc"), Some(false));
        assert_eq!(has(&devices, "PARTUUID=p-2"), Some(false));
        assert_eq!(has(&devices, "PARTLABEL=x"), None);
        assert_eq!(has(&devices, "/dev/vg/data_1"), Some(true));
        assert_eq!(has(&devices, "/dev/sdz1"), None, "kernel names are never known to be missing");
    }

    #[test]
    fn a_cache_is_not() {
        let cached = "<device DEVNO=\"0x0801\" UUID=\"aa\" TYPE=\"ext4\">/dev/sda1</device>\n";
        let devices = read(Memory::new().file("etc/blkid/blkid.tab", cached));
        assert_eq!(has(&devices, "UUID=aa"), Some(true));
        assert_eq!(has(&devices, "UUID=bb"), None);
        assert_eq!(devices.devices[0].stable_spec().as_deref(), Some("UUID=aa"));
        assert_eq!(devices.devices[0].at.to_string(), "etc/blkid/blkid.tab:1");
    }

    #[test]
    fn a_cache_of_this_boot_is() {
        let cached =
            "<device DEVNO=\"0x0801\" UUID=\"aa\" BLOCK_SIZE=\"1024\" TYPE=\"ext4\">/dev/sda1</device>\n";
        let memory = |root: &str| {
            Memory::new()
                .file("run/blkid/blkid.tab", cached)
                .file("etc/fstab", format!("{root} / ext4 ro 0 1\n"))
        };
        let devices = read(memory("UUID=aa"));
        assert_eq!(has(&devices, "UUID=bb"), Some(false));
        assert_eq!(has(&read(memory("UUID=cc")), "UUID=bb"), None, "it was not asked for all");
        assert_eq!(devices.devices[0].block_size, Some(1024));
    }

    #[test]
    fn udev_links_and_database_are_put_together() {
        let devices = read(
            Memory::new()
                .link("dev/disk/by-uuid/aa", "../../sda1")
                .link("dev/disk/by-label/my\\x20disk", "../../sda1")
                .link("dev/disk/by-id/wwn-0x5-part1", "../../sda1")
                .link("dev/block/8:1", "../sda1")
                .file("run/udev/data/b8:1", "S:disk/by-uuid/aa\nE:ID_FS_UUID=aa\nE:ID_FS_TYPE=ext4\n"),
        );
        assert_eq!(devices.devices.len(), 1);
        let device = &devices.devices[0];
        assert_eq!(device.fstype.as_deref(), Some("ext4"));
        assert_eq!(device.label.as_deref(), Some("my disk"));
        assert_eq!(has(&devices, "/dev/disk/by-id/wwn-0x5-part1"), Some(true));
    }

    #[test]
    fn nothing_at_all_says_nothing() {
        let devices =
            read(Memory::new().directory("dev/disk").file("sos_commands/block/blkid_-c_.dev.null", ""));
        assert!(!devices.complete);
        assert_eq!(has(&devices, "UUID=aa"), None);
    }
}
