//! The disks as firmware sees them: partition tables, and what is in the first sectors.
//!
//! A mounted root does not hold them. They are read from what tools have printed: `sfdisk -d`, `fdisk -l`, `parted` and `sgdisk -p`
//! in `sos_commands/{block,boot,devices,filesys}` or supportconfig's `fs-diskio.txt`, the columns of `lsblk -O -P`, and udev's
//! database; and from dumps of first sectors: `sos_commands/{block,boot}/dd_if=.dev.DISK...` (how sos names the output of
//! `dd if=/dev/DISK count=2048`), or `boot/mbr-DISK.img` and `boot/mbr.img`, as people keep them. A dump is the more useful the
//! more of the disk it holds: 512 bytes show the boot code, 1 MiB shows GRUB's `core.img` behind it, too.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::grub::GrubCore;
use crate::parse::boot_sector::{self, BootCode};
use crate::parse::partition_table::{self, TableKind, disk_of, kind_of, number_of};
use crate::parse::{blkid, grub_image};
use crate::place::Place;
use crate::source::NodeKind;

/// Bytes of a dump that are read; GRUB's core image is within the first 2 MiB.
const DUMP_LIMIT: u64 = 16 << 20;
/// Disks that are looked at.
const MAX_DISKS: usize = 1024;
/// Folders with the outputs of tools.
const REPORTS: [&str; 4] =
    ["sos_commands/block", "sos_commands/boot", "sos_commands/devices", "sos_commands/filesys"];
/// How the names of files start that hold a table.
const TABLE_TOOLS: [&str; 6] = ["sfdisk", "fdisk", "parted", "sgdisk", "gdisk", "partition"];

/// A disk with what is known of its beginning.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BootDisk {
    /// The name below `/dev`: `sda`; empty if a dump does not say which disk it is of.
    pub name: String,
    /// The kind of its partition table; null if nothing says.
    pub table: Option<PartitionTable>,
    /// Bytes of a sector that the table counts in; null if nothing says.
    pub sector_size: Option<u32>,
    /// Its partitions, by number.
    pub partitions: Vec<BootPartition>,
    /// Where the table was read; null if it is not known.
    pub table_at: Option<Place>,
    /// What its first sector holds; null if the input has no dump of it.
    pub boot_sector: Option<FirstSector>,
}

/// Kinds of partition tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartitionTable {
    /// The table of DOS in the first sector.
    Mbr,
    /// UEFI's.
    Gpt,
    /// Another one, or none.
    Other,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BootPartition {
    /// Its number.
    pub number: u32,
    /// What its type says it is for.
    pub role: PartitionRole,
    /// Whether it is marked active; null if nothing says.
    pub active: Option<bool>,
}

/// What a partition's type says it is for, as far as firmware and loaders care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionRole {
    /// An EFI system partition.
    Efi,
    /// A BIOS boot partition, which holds GRUB's core image on a GPT.
    BiosBoot,
    /// Anything else.
    Other,
    /// The text did not say.
    Unknown,
}

/// The first sector of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FirstSector {
    /// The dump.
    pub at: Place,
    /// Whether it ends in the bytes 55 AA, without which BIOS does not start it.
    pub is_signed: bool,
    /// What its code is.
    pub code: FirstCode,
    /// Whether a partition is marked active in its table.
    pub has_active: bool,
    /// Whether the active partition starts with a boot sector, which ends in 55 AA; null if there is none or the dump does not
    /// reach so far.
    pub active_is_bootable: Option<bool>,
    /// The core image that GRUB's code loads; null if the code is not GRUB 2's or the dump does not reach so far.
    pub core: Option<GrubCore>,
    /// Why the core image cannot run: it is not there, or breaks off; null if it can, or nobody knows.
    pub core_trouble: Option<String>,
}

/// What the code in a first sector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirstCode {
    /// There is none.
    None,
    /// GRUB 2.
    Grub,
    /// GRUB before version 1.
    GrubLegacy,
    /// LILO.
    Lilo,
    /// It starts the active partition.
    StartsActive,
    /// Some other code.
    Other,
}

/// Reads tables and dumps, by the disks' names.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<BootDisk> {
    let mut disks = BTreeMap::<String, BootDisk>::new();
    printed(gather, &mut disks);
    listed(gather, &mut disks);
    from_udev(gather, &mut disks);
    for (name, sector) in dumps(gather) {
        let is_only = name.is_empty() && disks.len() == 1;
        let name = if is_only { disks.keys().next().cloned().unwrap_or_default() } else { name };
        let disk = disk_named(&mut disks, &name);
        disk.table = disk.table.or(Some(if sector.1 { PartitionTable::Gpt } else { PartitionTable::Mbr }));
        disk.boot_sector = Some(sector.0);
    }
    let mut disks: Vec<BootDisk> = disks.into_values().take(MAX_DISKS).collect();
    for disk in &mut disks {
        disk.partitions.sort_by_key(|partition| partition.number);
    }
    disks
}

impl BootDisk {
    /// The partition of that role.
    #[must_use]
    pub fn has_role(&self, role: PartitionRole) -> bool {
        self.partitions.iter().any(|partition| partition.role == role)
    }

    /// Whether every partition's role is known.
    #[must_use]
    pub fn roles_known(&self) -> bool {
        !self.partitions.is_empty() && !self.has_role(PartitionRole::Unknown)
    }
}

/// Whether a name is that of a disk which firmware sees: not of what software makes, and not of removable media.
fn is_hardware(name: &str) -> bool {
    let software = ["mapper/", "dm-", "md", "loop", "ram", "zram", "nbd", "drbd", "sr", "fd", "zd"];
    !software.iter().any(|start| name.starts_with(start))
}

fn disk_named<'a>(disks: &'a mut BTreeMap<String, BootDisk>, name: &str) -> &'a mut BootDisk {
    disks.entry(name.to_owned()).or_insert_with(|| BootDisk { name: name.to_owned(), ..BootDisk::default() })
}

/// What tools have printed.
fn printed(gather: &Gather<'_>, disks: &mut BTreeMap<String, BootDisk>) {
    let is_table = |name: &str| TABLE_TOOLS.iter().any(|tool| name.starts_with(tool));
    let mut files: Vec<_> =
        REPORTS.iter().flat_map(|folder| gather.read_directory(folder, is_table)).collect();
    files.extend(gather.read("fs-diskio.txt").present());
    for file in files {
        let tables = partition_table::parse(&file.bytes).into_iter();
        for table in tables.filter(|table| is_hardware(&table.disk)) {
            let disk = disk_named(disks, &table.disk);
            disk.table = disk.table.or(table.kind.map(PartitionTable::from));
            disk.sector_size = disk.sector_size.or(table.sector_size);
            disk.table_at.get_or_insert_with(|| table.span.at(&file.path));
            if disk.partitions.iter().all(|partition| partition.role == PartitionRole::Unknown) {
                disk.partitions = table.partitions.iter().map(BootPartition::from).collect();
            }
        }
    }
}

/// The columns PTTYPE and PARTTYPE of `lsblk -P`.
fn listed(gather: &Gather<'_>, disks: &mut BTreeMap<String, BootDisk>) {
    let files =
        REPORTS.iter().flat_map(|folder| gather.read_directory(folder, |name| name.starts_with("lsblk")));
    for file in files {
        for line in crate::parse::text::lines(&file.bytes) {
            let (pairs, _) = blkid::pairs(line.bytes);
            let get =
                |key: &str| pairs.iter().find(|(own, _)| own == key).map_or("", |(_, value)| value.as_str());
            if !get("TYPE").starts_with("part") || get("PTTYPE").is_empty() {
                continue;
            }
            let place = crate::place::Span::line(line.number).at(&file.path);
            let name = blkid::device_name(get("NAME"));
            let active = (get("PARTFLAGS") == "0x80").then_some(true);
            note(disks, &name, get("PTTYPE"), get("PARTTYPE"), active, &place);
        }
    }
}

/// `ID_PART_TABLE_TYPE` and `ID_PART_ENTRY_TYPE` of `/run/udev/data` and of `udevadm info --export-db`.
fn from_udev(gather: &Gather<'_>, disks: &mut BTreeMap<String, BootDisk>) {
    let is_number = |name: &str| {
        name.strip_prefix('b').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut files: Vec<_> = gather.read_directory("run/udev/data", is_number);
    files.extend(
        gather.read_directory("sos_commands/devices", |name| name.starts_with("udevadm_info_--export-db")),
    );
    for file in files {
        let number = file.path.rsplit_once("/b").map_or("", |(_, number)| number);
        let link =
            gather.tree.symlink_metadata(Path::new("dev/block").join(number)).ok().map(|node| node.kind);
        let linked = match link {
            Some(NodeKind::Link(target)) => {
                target.file_name().and_then(|name| name.to_str()).map(str::to_owned)
            }
            _ => None,
        };
        let mut properties = BTreeMap::new();
        let mut flush = |properties: &mut BTreeMap<String, String>| {
            let get = |key: &str| properties.get(key).map_or("", String::as_str);
            let name = linked.clone().unwrap_or_else(|| blkid::device_name(get("DEVNAME")));
            if !name.is_empty() && !get("ID_PART_ENTRY_NUMBER").is_empty() {
                let active = (get("ID_PART_ENTRY_FLAGS") == "0x80").then_some(true);
                let scheme = if get("ID_PART_ENTRY_SCHEME").is_empty() {
                    get("ID_PART_TABLE_TYPE")
                } else {
                    get("ID_PART_ENTRY_SCHEME")
                };
                note(
                    disks,
                    &name,
                    scheme,
                    get("ID_PART_ENTRY_TYPE"),
                    active,
                    &Place::file(std::sync::Arc::clone(&file.path)),
                );
            }
            properties.clear();
        };
        for line in crate::parse::text::lines(&file.bytes) {
            let text = String::from_utf8_lossy(line.bytes);
            if text.starts_with("P:") {
                flush(&mut properties);
            } else if let Some((key, value)) =
                text.strip_prefix("E:").and_then(|pair| pair.trim().split_once('='))
            {
                properties.insert(key.to_owned(), value.to_owned());
            }
        }
        flush(&mut properties);
    }
}

/// One partition of which a list says something.
fn note(
    disks: &mut BTreeMap<String, BootDisk>,
    name: &str,
    table: &str,
    kind: &str,
    active: Option<bool>,
    at: &Place,
) {
    let Some(number) = number_of(name).filter(|_| is_hardware(name)) else { return };
    let disk = disk_named(disks, disk_of(name));
    if disk.partitions.iter().any(|partition| partition.number == number) {
        return;
    }
    disk.table = disk.table.or(Some(kind_of(table).into()));
    disk.table_at.get_or_insert_with(|| at.clone());
    disk.partitions.push(BootPartition { number, role: role_of(kind), active });
}

/// The dumps of first sectors: the disk's name, what the sector holds, and whether its table stands for a GPT.
fn dumps(gather: &Gather<'_>) -> Vec<(String, (FirstSector, bool))> {
    let mut found = Vec::new();
    for folder in ["sos_commands/boot", "sos_commands/block", "boot"] {
        let names = gather.tree.list(folder).unwrap_or_default();
        let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort();
        for name in names.into_iter().take(MAX_DISKS) {
            let Some(disk) = dumped_disk(&name, folder == "boot") else { continue };
            let path = format!("{folder}/{name}");
            let Some(file) = gather.found(gather.tree.read_limited(&path, DUMP_LIMIT)).present() else {
                continue;
            };
            if let Some(sector) = first_sector(&file.bytes, Place::file(path)) {
                found.push((disk, sector));
            }
        }
    }
    found
}

/// The disk that a file's name says it is a dump of; empty if it does not say which.
fn dumped_disk(name: &str, is_boot: bool) -> Option<String> {
    let named = name.strip_prefix("mbr-").and_then(|rest| rest.strip_suffix(".img"));
    if let Some(disk) = named.or((name == "mbr.img").then_some("")).filter(|_| is_boot) {
        return Some(disk.to_owned());
    }
    let rest = name.strip_prefix("dd_").filter(|_| !is_boot)?;
    let (_, device) = rest.split_once("if=.dev.").or_else(|| rest.split_once("if_.dev."))?;
    Some(device.split(['_', ' ']).next().unwrap_or_default().to_owned())
}

fn first_sector(bytes: &[u8], at: Place) -> Option<(FirstSector, bool)> {
    let sector = boot_sector::parse(bytes)?;
    let mut first = FirstSector {
        is_signed: sector.is_signed,
        code: FirstCode::from(sector.code),
        has_active: sector.has_active(),
        active_is_bootable: sector.active_start.and_then(|start| {
            let from = usize::try_from(start).ok()?.checked_mul(boot_sector::SECTOR)?;
            let first = bytes.get(from..from.checked_add(boot_sector::SECTOR)?)?;
            Some(first.ends_with(&[0x55, 0xaa]))
        }),
        core: None,
        core_trouble: None,
        at: at.clone(),
    };
    if let BootCode::Grub { core } = sector.code {
        match core_image(bytes, core) {
            Ok(Some(image)) => first.core = Some(GrubCore::new(image, at)),
            Ok(None) => {}
            Err(trouble) => first.core_trouble = Some(trouble),
        }
    }
    Some((first, sector.is_protective()))
}

/// GRUB's core image in a dump; none if the dump does not reach so far, or it is of a kind that cannot be looked into.
fn core_image(dump: &[u8], sector: u64) -> Result<Option<grub_image::GrubImage>, String> {
    let at = |sector: u64| usize::try_from(sector).ok()?.checked_mul(boot_sector::SECTOR);
    let stretch = |from: u64, count: u64| dump.get(at(from)?..at(from.checked_add(count)?)?);
    let Some(first) = stretch(sector, 1) else { return Ok(None) };
    if first.iter().all(|byte| *byte == 0) {
        return Err(format!(
            "GRUB's boot code loads its core image from sector {sector}, where there are only zeros"
        ));
    }
    let Some((start, length)) = grub_image::block_list(first) else { return Ok(None) };
    let Some(rest) = stretch(start, u64::from(length)) else { return Ok(None) };
    let is_empty = |sector: &[u8]| sector.iter().all(|byte| *byte == 0);
    // Packed code has no sector of zeros; what is behind it may be filled with them.
    let image = [first, rest].concat();
    let packed = image.get(..grub_image::packed_length(&image).unwrap_or_default()).unwrap_or(&image);
    if packed.chunks_exact(boot_sector::SECTOR).any(is_empty) {
        return Err(format!(
            "GRUB's core image, from sector {sector} on, is not whole: sectors of zeros are in it"
        ));
    }
    Ok(grub_image::read_core(&image))
}

impl From<TableKind> for PartitionTable {
    fn from(kind: TableKind) -> Self {
        match kind {
            TableKind::Mbr => Self::Mbr,
            TableKind::Gpt => Self::Gpt,
            TableKind::Other => Self::Other,
        }
    }
}

impl From<BootCode> for FirstCode {
    fn from(code: BootCode) -> Self {
        match code {
            BootCode::None => Self::None,
            BootCode::Grub { .. } => Self::Grub,
            BootCode::GrubLegacy => Self::GrubLegacy,
            BootCode::Lilo => Self::Lilo,
            BootCode::StartsActive => Self::StartsActive,
            BootCode::Other => Self::Other,
        }
    }
}

impl From<&partition_table::Partition> for BootPartition {
    fn from(partition: &partition_table::Partition) -> Self {
        Self { number: partition.number, role: role_of(&partition.kind), active: partition.active }
    }
}

/// The role that a type stands for: a GUID, the byte of an MBR, sgdisk's code, fdisk's words, or parted's flags.
fn role_of(kind: &str) -> PartitionRole {
    let kind = kind.to_ascii_lowercase();
    let flags = kind.strip_prefix("flags:").map(|flags| flags.split([',', ' ']).collect::<Vec<_>>());
    if let Some(flags) = flags {
        return match () {
            () if flags.contains(&"esp") => PartitionRole::Efi,
            () if flags.contains(&"bios_grub") => PartitionRole::BiosBoot,
            () => PartitionRole::Other,
        };
    }
    match kind.trim_start_matches("0x") {
        "" => PartitionRole::Unknown,
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" | "ef" | "ef00" | "uefi" | "efi system" => PartitionRole::Efi,
        "21686148-6449-6e6f-744e-656564454649" | "ef02" | "bios boot" => PartitionRole::BiosBoot,
        _ => PartitionRole::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> Vec<BootDisk> {
        let tree = memory.into_tree();
        gather(&Gather::new(&tree, &Limits::default()))
    }

    #[test]
    fn tables_and_dumps_are_put_together() {
        let table = "label: gpt\ndevice: /dev/sda\nsector-size: 512\n\n/dev/sda1 : start=2048, size=2048, \
                     type=21686148-6449-6E6F-744E-656564454649\n/dev/sda2 : start=4096, size=9, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n";
        let mut dump = vec![0; 2048];
        dump[450] = 0xee;
        dump[510..512].copy_from_slice(&[0x55, 0xaa]);
        let disks = read(
            Memory::new()
                .file("sos_commands/block/sfdisk_-d_.dev.sda", table)
                .file("sos_commands/boot/dd_if=.dev.sda_count=2048", dump),
        );
        let [disk] = disks.as_slice() else { panic!("{disks:?}") };
        assert_eq!(
            (disk.name.as_str(), disk.table, disk.sector_size),
            ("sda", Some(PartitionTable::Gpt), Some(512))
        );
        let roles: Vec<_> =
            disk.partitions.iter().map(|partition| (partition.number, partition.role)).collect();
        assert_eq!(roles, [(1, PartitionRole::BiosBoot), (2, PartitionRole::Other)]);
        assert!(disk.roles_known());
        let sector = disk.boot_sector.as_ref().unwrap();
        assert_eq!((sector.is_signed, sector.code, sector.has_active), (true, FirstCode::None, false));
    }

    #[test]
    fn lists_of_partitions_say_what_they_are_for() {
        let lsblk = "NAME=\"nvme0n1\" TYPE=\"disk\" PTTYPE=\"gpt\"\nNAME=\"nvme0n1p1\" TYPE=\"part\" PTTYPE=\"gpt\" \
                     PARTTYPE=\"c12a7328-f81f-11d2-ba4b-00a0c93ec93b\"\n";
        let udev = "E:ID_PART_TABLE_TYPE=dos\nE:ID_PART_ENTRY_NUMBER=1\nE:ID_PART_ENTRY_SCHEME=dos\nE:ID_PART_ENTRY_TYPE=0x83\n\
                    E:ID_PART_ENTRY_FLAGS=0x80\n";
        let disks = read(
            Memory::new()
                .file("sos_commands/block/lsblk_-O_-P", lsblk)
                .file("run/udev/data/b8:1", udev)
                .link("dev/block/8:1", "../sda1"),
        );
        let seen: Vec<_> = disks
            .iter()
            .map(|disk| {
                (disk.name.as_str(), disk.table, disk.partitions.first().map(|part| (part.role, part.active)))
            })
            .collect();
        let expected = [
            ("nvme0n1", Some(PartitionTable::Gpt), Some((PartitionRole::Efi, None))),
            ("sda", Some(PartitionTable::Mbr), Some((PartitionRole::Other, Some(true)))),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn names_of_dumps_say_the_disk() {
        let table = [
            ("mbr.img", true, Some("")),
            ("mbr-vda.img", true, Some("vda")),
            ("dd_if=.dev.nvme0n1_bs=512_count=1", false, Some("nvme0n1")),
            ("dd_if=.dev.sda_count=2048", false, Some("sda")),
            ("mbr.img", false, None),
            ("vmlinuz-6.1", true, None),
        ];
        for (name, is_boot, disk) in table {
            assert_eq!(dumped_disk(name, is_boot).as_deref(), disk, "{name}");
        }
    }
}
