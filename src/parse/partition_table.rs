//! Partition tables as the tools print them: `sfdisk -d`, `fdisk -l`, `parted -l` and `parted ... print`, `sgdisk -p`.
//!
//! One reader for all of them, line by line, because a report may hold several in one file: each line that names a disk
//! (`device: /dev/sda`, `Disk /dev/sda: ...`) starts a table, and the lines that follow say what is in it. Sources: util-linux
//! `libfdisk/src/script.c` and `disk-utils/fdisk-list.c`, parted's `parted/parted.c` (`do_print`), gptfdisk's `gptcl.cc`.

use crate::place::Span;

use super::blkid::device_name;
use super::text::lines;

/// Partitions of one table at most; GPT has room for 128 by default.
const MAX_PARTITIONS: usize = 1024;

/// The kinds of partition tables that firmware and loaders know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// The table in the first sector that DOS made.
    Mbr,
    /// UEFI's.
    Gpt,
    /// Another one, or a disk without partitions.
    Other,
}

/// A disk's table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Where it stands.
    pub span: Span,
    /// The disk's name below `/dev`.
    pub disk: String,
    /// Which kind, if the text says.
    pub kind: Option<TableKind>,
    /// Bytes of a sector that it counts in, if the text says.
    pub sector_size: Option<u32>,
    /// Its partitions in the order of the text.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partition {
    /// Where it stands.
    pub span: Span,
    /// Its number.
    pub number: u32,
    /// Its type as the text has it: `83`, `C12A7328-...`, `EFI System`, `EF00`, or parted's flags.
    pub kind: String,
    /// Whether it is marked active (MBR), if the text says.
    pub active: Option<bool>,
    /// Its UUID, in lower case, if the text says.
    pub uuid: Option<String>,
    /// Its first sector, if the text says.
    pub start: Option<u64>,
}

/// Reads every table of a text. Lines that belong to none are passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Table> {
    let mut reader = Reader::default();
    for line in lines(bytes) {
        let text = String::from_utf8_lossy(line.bytes);
        reader.line(&text, Span::new(line.number, 1, line.bytes.len() + 1));
    }
    reader.tables.retain(|table| table.kind.is_some() || !table.partitions.is_empty());
    reader.tables
}

#[derive(Default)]
struct Reader {
    tables: Vec<Table>,
    /// The kind that stood before the disk's name, as sfdisk has it.
    kind: Option<TableKind>,
    /// The headings of the columns that follow, with the character that each starts at.
    columns: Vec<(String, usize)>,
}

impl Reader {
    fn line(&mut self, text: &str, span: Span) {
        if text.trim().is_empty() {
            return;
        }
        if let Some((key, value)) = text.split_once(':').filter(|(key, _)| !key.contains(['/', ' '])) {
            return self.script_header(key, value.trim(), span);
        }
        if let Some(disk) = text.strip_prefix("# partition table of ") {
            self.start(disk.trim(), Some(TableKind::Mbr), span);
        } else if let Some(rest) = text.strip_prefix("Disk ").filter(|rest| rest.starts_with("/dev/")) {
            self.start(rest.split([':', ' ']).next().unwrap_or_default(), None, span);
        } else if let Some((label, value)) = text.split_once(": ").filter(|(label, _)| !label.contains('/')) {
            self.property(label.trim(), value.trim());
        } else if let Some(value) = text.strip_prefix("Sector size (logical/physical): ") {
            self.property("Sector size", value);
        } else if text.contains("GPT (GUID Partition Table) detected on")
            || text.starts_with("Found valid GPT")
        {
            self.set_kind(TableKind::Gpt);
        } else if let Some((name, fields)) =
            text.split_once(" : ").filter(|(name, _)| name.starts_with("/dev/"))
        {
            self.script_partition(name.trim(), fields, span);
        } else if text.starts_with("Device ") || text.trim_start().starts_with("Number ") {
            self.columns = headings(text);
        } else if text.starts_with("/dev/") {
            self.fdisk_row(text, span);
        } else if !self.columns.is_empty()
            && text.trim_start().starts_with(|first: char| first.is_ascii_digit())
        {
            self.numbered_row(text, span);
        }
    }

    fn start(&mut self, disk: &str, kind: Option<TableKind>, span: Span) {
        self.columns.clear();
        let kind = kind.or(self.kind.take());
        let disk = device_name(disk);
        self.tables.push(Table { span, disk, kind, ..Table::default() });
    }

    fn set_kind(&mut self, kind: TableKind) {
        match self.tables.last_mut() {
            Some(table) if table.partitions.is_empty() => table.kind = Some(kind),
            _ => self.kind = Some(kind),
        }
    }

    /// `label: gpt` and `device: /dev/sda` of `sfdisk -d`.
    fn script_header(&mut self, key: &str, value: &str, span: Span) {
        match key {
            "label" => self.kind = Some(kind_of(value)),
            "device" => self.start(value, None, span),
            "sector-size" => {
                if let Some(table) = self.tables.last_mut() {
                    table.sector_size = value.parse().ok();
                }
            }
            _ => {}
        }
    }

    /// `Disklabel type: gpt` of fdisk, `Partition Table: msdos` of parted, `Sector size (logical): 512 bytes` of sgdisk.
    fn property(&mut self, label: &str, value: &str) {
        if label == "Disklabel type" || label == "Partition Table" {
            return self.set_kind(kind_of(value));
        }
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        if label.starts_with("Sector size")
            && let Some(table) = self.tables.last_mut()
        {
            table.sector_size = digits.parse().ok();
        }
    }

    /// `/dev/sda1 : start= 2048, size= 1024, type=83, uuid=..., bootable`.
    fn script_partition(&mut self, name: &str, fields: &str, span: Span) {
        let mut partition = Partition { span, active: Some(false), ..Partition::default() };
        let Some(number) = number_of(name) else { return };
        partition.number = number;
        for field in fields.split(',') {
            let (key, value) =
                field.split_once('=').map_or((field.trim(), ""), |(key, value)| (key.trim(), value.trim()));
            match key {
                "start" => partition.start = value.parse().ok(),
                "type" | "Id" => partition.kind = value.to_owned(),
                "uuid" => partition.uuid = Some(value.to_ascii_lowercase()),
                "bootable" => partition.active = Some(true),
                _ => {}
            }
        }
        // sfdisk before 2.26 lists all four primary partitions, and the type 0 for those that are not there.
        if partition.kind != "0" {
            self.push(partition);
        }
    }

    /// `/dev/sda1  *  2048  1026047  1024000  500M  83  Linux`.
    fn fdisk_row(&mut self, text: &str, span: Span) {
        let has_flag = self.columns.iter().any(|(name, _)| name == "Boot");
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let Some(number) = words.first().and_then(|name| number_of(name)) else { return };
        let is_active = words.get(1) == Some(&"*");
        if is_active {
            words.remove(1);
        }
        // MBR: Device Start End Sectors Size Id Type, or of old Device Start End Blocks Id System.
        // GPT: Device Start End Sectors Size Type.
        let has_size = self.columns.iter().any(|(name, _)| name == "Size");
        let at = if has_size { 5 } else { 4 };
        let kind = if has_flag {
            words.get(at).copied().unwrap_or_default().to_owned()
        } else {
            words.get(at..).unwrap_or_default().join(" ")
        };
        if has_flag && let Some(table) = self.tables.last_mut() {
            table.kind = table.kind.or(Some(TableKind::Mbr));
        }
        let start = words.get(1).and_then(|start| start.parse().ok());
        self.push(Partition { span, number, kind, active: has_flag.then_some(is_active), uuid: None, start });
    }

    /// ` 1  2048s  1050623s  1048576s  fat32  EFI System Partition  boot, esp` of parted, and
    /// `   1   2048   1050623   512.0 MiB   EF00  EFI System` of sgdisk.
    fn numbered_row(&mut self, text: &str, span: Span) {
        let Some(number) = text.split_whitespace().next().and_then(|word| word.parse().ok()) else { return };
        let start = text.split_whitespace().nth(1).and_then(|start| start.trim_end_matches('s').parse().ok());
        let column = |name: &str| {
            let at = self.columns.iter().position(|(known, _)| known == name)?;
            let (from, to) = (self.columns.get(at)?.1, self.columns.get(at + 1).map(|next| next.1));
            let characters: Vec<char> = text.chars().collect();
            let cell = characters.get(from..to.unwrap_or(characters.len()).min(characters.len()))?;
            Some(cell.iter().collect::<String>().trim().to_owned())
        };
        let partition = match column("Code") {
            // Right-aligned cells move the columns: the code is the word of four hexadecimal digits.
            Some(_) => {
                let is_code =
                    |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
                let code = text.split_whitespace().skip(3).find(is_code).unwrap_or_default();
                self.set_gpt();
                Partition { span, number, kind: code.to_owned(), active: None, uuid: None, start }
            }
            None => {
                let flags = column("Flags").unwrap_or_default();
                let is_active = flags.split([',', ' ']).any(|flag| flag == "boot");
                Partition {
                    span,
                    number,
                    kind: format!("flags: {flags}"),
                    active: Some(is_active),
                    uuid: None,
                    start,
                }
            }
        };
        self.push(partition);
    }

    fn set_gpt(&mut self) {
        if let Some(table) = self.tables.last_mut() {
            table.kind = table.kind.or(Some(TableKind::Gpt));
        }
    }

    fn push(&mut self, partition: Partition) {
        if let Some(table) = self.tables.last_mut()
            && table.partitions.len() < MAX_PARTITIONS
        {
            table.partitions.push(partition);
        }
    }
}

/// What sfdisk, fdisk, parted, lsblk and udev call a kind of table.
pub(crate) fn kind_of(text: &str) -> TableKind {
    match text.trim().to_ascii_lowercase().as_str() {
        "dos" | "msdos" | "mbr" | "pmbr" => TableKind::Mbr,
        "gpt" | "gpt_sync_mbr" => TableKind::Gpt,
        _ => TableKind::Other,
    }
}

/// The number at the end of a partition's name: 1 of `/dev/sda1` and of `nvme0n1p1`.
#[must_use]
pub fn number_of(name: &str) -> Option<u32> {
    let digits = name.len() - name.trim_end_matches(|last: char| last.is_ascii_digit()).len();
    name.get(name.len() - digits..)?.parse().ok()
}

/// The disk of a partition's name: `sda` of `sda1`, `nvme0n1` of `nvme0n1p1`.
#[must_use]
pub fn disk_of(name: &str) -> &str {
    let stem = name.trim_end_matches(|last: char| last.is_ascii_digit());
    match stem.strip_suffix('p') {
        Some(disk) if disk.ends_with(|last: char| last.is_ascii_digit()) => disk,
        _ if name.starts_with("nvme") || name.starts_with("mmcblk") => name,
        _ => stem,
    }
}

fn headings(text: &str) -> Vec<(String, usize)> {
    let mut columns: Vec<(String, usize)> = Vec::new();
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    for word in text.split_whitespace() {
        let wanted: Vec<char> = word.chars().collect();
        while characters.get(at..at + wanted.len()).is_some_and(|here| here != wanted.as_slice()) {
            at += 1;
        }
        columns.push((word.to_owned(), at));
        at += wanted.len();
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SFDISK_GPT: &str = "label: gpt\nlabel-id: 0B007B00\ndevice: /dev/vda\nunit: sectors\nfirst-lba: 34\nsector-size: 512\n\n\
        /dev/vda1 : start=        2048, size=       98304, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=0B007B00-01, name=\"ESP, first\"\n\
        /dev/vda2 : start=      100352, size=      196608, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=0B007B00-02\n";
    const SFDISK_OLD: &str = "# partition table of /dev/sda\nunit: sectors\n\n/dev/sda1 : start=     2048, size=  1024000, Id=83, bootable\n\
        /dev/sda2 : start=  1026048, size= 19945472, Id=8e\n/dev/sda3 : start=        0, size=        0, Id= 0\n";
    const FDISK_MBR: &str = "Disk /dev/sda: 20 GiB, 21474836480 bytes, 41943040 sectors\nUnits: sectors of 1 * 512 = 512 bytes\n\
        Sector size (logical/physical): 512 bytes / 4096 bytes\nDisklabel type: dos\nDisk identifier: 0x5afe0000\n\n\
        Device     Boot   Start      End  Sectors  Size Id Type\n/dev/sda1  *       2048  1026047  1024000  500M 83 Linux\n\
        /dev/sda2       1026048 41943039 40916992 19.5G 8e Linux LVM\n";
    const FDISK_GPT: &str = "Disk /dev/nvme0n1: 20 GiB\nDisklabel type: gpt\n\nDevice           Start      End  Sectors  Size Type\n\
        /dev/nvme0n1p1    2048     4095     2048    1M BIOS boot\n/dev/nvme0n1p2    4096 41943006 41938911   20G Linux filesystem\n";
    const FDISK_OLD: &str = "\nDisk /dev/sda: 10.7 GB, 10737418240 bytes\n255 heads, 63 sectors/track, 1305 cylinders\n\n\
           Device Boot      Start         End      Blocks   Id  System\n/dev/sda1   *           1          64      512000   83  Linux\n";
    const PARTED: &str = "Model: ATA disk (scsi)\nDisk /dev/sda: 41943040s\nSector size (logical/physical): 512B/512B\nPartition Table: gpt\n\
        Disk Flags: \n\nNumber  Start     End        Size       File system  Name                  Flags\n \
        1      2048s     1050623s   1048576s   fat32        EFI System Partition  boot, esp\n \
        2      1050624s  41940991s  40890368s  ext4\n";
    const SGDISK: &str = "Disk /dev/sda: 41943040 sectors, 20.0 GiB\nSector size (logical/physical): 512/512 bytes\n\n\
        Number  Start (sector)    End (sector)  Size       Code  Name\n   1            2048            4095   1024.0 KiB  EF02  bios\n";

    /// Disk, kind, bytes of a sector; number, type and mark of each partition.
    type Seen = (String, Option<TableKind>, Option<u32>, Vec<(u32, String, Option<bool>)>);

    fn seen(text: &str) -> Seen {
        let tables = parse(text.as_bytes());
        let [table] = tables.as_slice() else { panic!("{tables:?}") };
        let parts = table.partitions.iter().map(|part| (part.number, part.kind.clone(), part.active));
        (table.disk.clone(), table.kind, table.sector_size, parts.collect())
    }

    #[test]
    fn tables_are_read_from_every_tool() {
        let (gpt, mbr) = (Some(TableKind::Gpt), Some(TableKind::Mbr));
        let part = |number, kind: &str, active| (number, kind.to_owned(), active);
        let table = [
            (
                SFDISK_GPT,
                ("vda", gpt, Some(512)),
                vec![
                    part(1, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", Some(false)),
                    part(2, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", Some(false)),
                ],
            ),
            (SFDISK_OLD, ("sda", mbr, None), vec![part(1, "83", Some(true)), part(2, "8e", Some(false))]),
            (FDISK_MBR, ("sda", mbr, Some(512)), vec![part(1, "83", Some(true)), part(2, "8e", Some(false))]),
            (
                FDISK_GPT,
                ("nvme0n1", gpt, None),
                vec![part(1, "BIOS boot", None), part(2, "Linux filesystem", None)],
            ),
            (FDISK_OLD, ("sda", mbr, None), vec![part(1, "83", Some(true))]),
            (
                PARTED,
                ("sda", gpt, Some(512)),
                vec![part(1, "flags: boot, esp", Some(true)), part(2, "flags: ", Some(false))],
            ),
            (SGDISK, ("sda", gpt, Some(512)), vec![part(1, "EF02", None)]),
        ];
        for (text, (disk, kind, sector), parts) in table {
            assert_eq!(seen(text), (disk.to_owned(), kind, sector, parts), "{text}");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        for (name, disk, number) in [
            ("sda1", "sda", Some(1)),
            ("nvme0n1p2", "nvme0n1", Some(2)),
            ("nvme0n1", "nvme0n1", Some(1)),
            ("mmcblk0p3", "mmcblk0", Some(3)),
        ] {
            assert_eq!((disk_of(name), number_of(name)), (disk, number), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "(label: gpt|device: /dev/s|Disk /dev/sda:|Device |Number |/dev/sda1|[ :=,0-9a-z/*\n]){0,60}") {
            for table in parse(text.as_bytes()) {
                prop_assert!(table.partitions.len() <= MAX_PARTITIONS);
            }
        }
    }
}
