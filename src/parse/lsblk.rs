//! lsblk(8)'s list of block devices, as sos reports keep it: `lsblk -f -a -l` (columns) and `lsblk -P` (pairs).
//!
//! Columns are aligned under their headings (util-linux `libsmartcols`), and empty cells are blank, so a cell
//! belongs to the heading that it stands under.

use crate::place::Span;

use super::blkid::{Device, device_name, pairs};
use super::text::{Line, lines, words};

/// Reads either form. Lines of another form are passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Device> {
    let mut columns: Vec<Column> = Vec::new();
    let mut devices = Vec::new();
    for line in lines(bytes) {
        let (found, _) = pairs(line.bytes);
        if !found.is_empty() {
            devices.extend(from_pairs(&line, &found));
        } else if line.bytes.starts_with(b"NAME ") {
            columns = headings(&line);
        } else if !columns.is_empty() {
            devices.extend(from_columns(&line, &columns));
        }
    }
    devices
}

/// A heading and the characters of a line that belong to it.
#[derive(Debug)]
struct Column {
    name: String,
    start: usize,
    end: usize,
}

fn headings(line: &Line<'_>) -> Vec<Column> {
    words(line.bytes).map(|word| Column { name: word.text(), start: word.start, end: word.end() }).collect()
}

/// The columns whose cells are aligned to the right, under the end of the heading.
fn is_right_aligned(name: &str) -> bool {
    matches!(name, "FSAVAIL" | "FSUSE%" | "SIZE" | "MAJ:MIN" | "RM" | "RO" | "FSSIZE" | "FSUSED")
}

fn from_columns(line: &Line<'_>, columns: &[Column]) -> Option<Device> {
    // Tree drawing (`├─sda1`) takes more bytes than columns: count characters, not bytes.
    let text = String::from_utf8_lossy(line.bytes);
    let characters: Vec<char> = text.chars().collect();
    let mut device = Device { span: Span::new(line.number, 1, line.bytes.len() + 1), ..Device::default() };
    let mut from = 0;
    for (index, column) in columns.iter().enumerate() {
        let next = columns.get(index + 1);
        // Cells on the left of a right-aligned heading may begin before it; both share the gap between them.
        let until = match next {
            Some(next) if is_right_aligned(&next.name) => {
                column.end.max(gap(&characters, column.end, next.end))
            }
            Some(next) => next.start,
            None => characters.len(),
        };
        let cell: String =
            characters.get(from..until.min(characters.len())).unwrap_or_default().iter().collect();
        from = until;
        let cell = cell.trim();
        if column.name == "NAME" {
            let name = cell.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let name = name.split_whitespace().next().unwrap_or_default();
            device.name = (!name.is_empty()).then(|| device_name(name));
        } else {
            device.set(&column.name, cell);
        }
    }
    device.name.is_some().then_some(device)
}

/// Where the cell that ends at `right` begins, seen from `left`: after the last blank between them.
fn gap(characters: &[char], left: usize, right: usize) -> usize {
    let cell = characters.get(..right.min(characters.len())).unwrap_or_default();
    let start = cell.iter().rposition(|c| c.is_whitespace()).map_or(0, |blank| blank + 1);
    start.max(left)
}

fn from_pairs(line: &Line<'_>, found: &[(String, String)]) -> Option<Device> {
    let mut device = Device { span: Span::new(line.number, 1, line.bytes.len() + 1), ..Device::default() };
    let value = |wanted: &str| found.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let kind = value("TYPE").unwrap_or_default();
    let name = value("NAME")?;
    // `lsblk` gives the names of dm devices as /dev/mapper has them.
    let below = match kind {
        "lvm" | "crypt" | "mpath" | "dm" => format!("mapper/{name}"),
        "part" if value("KNAME").is_some_and(|kernel| kernel.starts_with("dm-")) => format!("mapper/{name}"),
        _ => device_name(name),
    };
    device.name = Some(below);
    for key in ["UUID", "LABEL", "FSTYPE", "PARTUUID", "PARTLABEL"] {
        device.set(key, value(key).unwrap_or_default());
    }
    Some(device)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_belong_to_their_headings() {
        let text = "\
NAME            FSTYPE      LABEL UUID                                   MOUNTPOINT
sr0                                                                      
vda                                                                      
vda1            xfs         boot  2c1bd3d5-0e0a-4e3c-8f7c-0d9a0a4a1b01   /boot
vda2            LVM2_member       Ab1cde-Fghi-Jklm-nopq-rstu-vwxy-ABCDEF 
centos-root     xfs               8a2cbd0e-7a40-4ab5-9a4e-35a1b1d0a001   /
";
        let devices = parse(text.as_bytes());
        let names: Vec<_> = devices.iter().filter_map(|d| d.name.as_deref()).collect();
        assert_eq!(names, ["sr0", "vda", "vda1", "vda2", "centos-root"]);
        assert_eq!(devices[1].uuid, None);
        assert_eq!(devices[2].label.as_deref(), Some("boot"));
        assert_eq!(devices[3].fstype.as_deref(), Some("LVM2_member"));
        assert_eq!(devices[3].uuid.as_deref(), Some("Ab1cde-Fghi-Jklm-nopq-rstu-vwxy-ABCDEF"));
        assert_eq!(devices[4].uuid.as_deref(), Some("8a2cbd0e-7a40-4ab5-9a4e-35a1b1d0a001"));
    }

    #[test]
    fn a_right_aligned_column_does_not_cut_the_uuid() {
        let text = "\
NAME   FSTYPE FSVER LABEL UUID                                 FSAVAIL FSUSE% MOUNTPOINTS
sda
├─sda1 vfat   FAT32       7A1B-33F2                             505.1M     1% /boot/efi
└─sda2 ext4   1.0         0f5e4c1a-1111-4222-8333-444455556666   12.3G    34% /
";
        let devices = parse(text.as_bytes());
        assert_eq!(devices[1].name.as_deref(), Some("sda1"));
        assert_eq!(devices[1].uuid.as_deref(), Some("7A1B-33F2"));
        assert_eq!(devices[2].uuid.as_deref(), Some("0f5e4c1a-1111-4222-8333-444455556666"));
        assert_eq!(devices[2].label, None);
    }

    #[test]
    fn pairs_name_their_values() {
        let text = "NAME=\"sda1\" KNAME=\"sda1\" FSTYPE=\"ext4\" UUID=\"u1\" LABEL=\"\" PARTUUID=\"p1\" TYPE=\"part\"\n\
                    NAME=\"vg-root\" KNAME=\"dm-0\" FSTYPE=\"xfs\" UUID=\"u2\" TYPE=\"lvm\"\n";
        let devices = parse(text.as_bytes());
        assert_eq!(devices[0].name.as_deref(), Some("sda1"));
        assert_eq!(devices[0].fstype.as_deref(), Some("ext4"));
        assert_eq!(devices[0].partuuid.as_deref(), Some("p1"));
        assert_eq!(devices[1].name.as_deref(), Some("mapper/vg-root"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(NAME  FSTYPE LABEL  UUID  FSAVAIL MOUNTPOINT\n)?(\\PC{0,80}\n){0,6}") {
            prop_assert!(parse(text.as_bytes()).len() <= 8);
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
