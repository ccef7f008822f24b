//! The firmware's boot entries: as `efibootmgr -v` prints them, and as the kernel shows the variables in
//! `/sys/firmware/efi/efivars` (UEFI specification, "Boot Manager", `EFI_LOAD_OPTION`).
//!
//! ```text
//! BootOrder: 0002,0000
//! Boot0002* Rocky Linux    HD(1,GPT,0a1b...,0x800,0x12c000)/File(\EFI\rocky\shimx64.efi)
//! ```
//! efibootmgr 18 and later leave out `File(...)`: `HD(...)/\EFI\rocky\shimx64.efi`.

use super::lines::lines;
use crate::place::Span;

/// Entries that are read; firmware has a few dozen at the most.
const MAX_ENTRIES: usize = 1024;

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootList {
    /// The numbers in the order in which the firmware tries them: `0002`.
    pub order: Vec<String>,
    /// The number of the entry that the running system was started from.
    pub current: Option<String>,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, four hexadecimal digits.
    pub number: String,
    /// Whether the firmware tries it.
    pub is_active: bool,
    /// What it is called.
    pub name: String,
    /// The program on the EFI system partition, with slashes and without the first: `EFI/rocky/shimx64.efi`; none if it
    /// starts something else (a network card, a disk as a whole).
    pub program: Option<String>,
    /// The UUID of the partition that it names, in lower case.
    pub partition: Option<String>,
    /// The line.
    pub span: Span,
}

/// Reads what `efibootmgr -v` prints; none if it is something else.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<BootList> {
    let mut list = BootList::default();
    for line in lines(bytes) {
        let text = line.text.trim_end();
        if let Some(order) = text.strip_prefix("BootOrder:") {
            list.order = order.split(',').map(|number| number.trim().to_ascii_uppercase()).collect();
        } else if let Some(current) = text.strip_prefix("BootCurrent:") {
            list.current = Some(current.trim().to_ascii_uppercase());
        } else if let Some((number, rest)) = entry_start(text) {
            let (name, path) = rest.split_once('\t').unwrap_or_else(|| cut_at_path(rest));
            if list.entries.len() < MAX_ENTRIES {
                list.entries.push(Entry {
                    number: number.to_ascii_uppercase(),
                    is_active: text.get(8..9) == Some("*"),
                    name: name.trim().to_owned(),
                    program: program(path),
                    partition: partition(path),
                    span: line.span_of(text),
                });
            }
        }
    }
    (!list.entries.is_empty() || !list.order.is_empty()).then_some(list)
}

/// `Boot0002* ` and what follows it.
fn entry_start(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("Boot")?;
    let number = rest.get(..4).filter(|number| number.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let rest = rest.get(4..)?;
    let rest = rest.strip_prefix('*').unwrap_or(rest);
    Some((number, rest.strip_prefix(' ')?))
}

/// Tabs may have been made blanks on the way: the name ends where a device path begins.
fn cut_at_path(rest: &str) -> (&str, &str) {
    let starts = ["HD(", "PciRoot(", "VenHw(", "Fv(", "ACPI(", "BBS(", "\\EFI\\"];
    let start = starts.iter().filter_map(|start| rest.find(start)).min();
    start.map_or((rest, ""), |start| rest.split_at(start))
}

fn program(path: &str) -> Option<String> {
    let start = path.find('\\')?;
    let rest = path.get(start + 1..)?;
    // What follows the program is a `)` and the entry's own data.
    let lower = rest.to_ascii_lowercase();
    let end = lower.find(".efi")? + 4;
    Some(rest.get(..end)?.replace('\\', "/"))
}

fn partition(path: &str) -> Option<String> {
    let inside = path.split("HD(").nth(1)?.split(')').next()?;
    let uuid = inside.split(',').nth(2)?.trim();
    (uuid.len() == 36).then(|| uuid.to_ascii_lowercase())
}

/// Attributes before the value of a variable in efivarfs.
const ATTRIBUTES: usize = 4;
/// `LOAD_OPTION_ACTIVE`.
const ACTIVE: u8 = 1;

/// Reads a variable `BootXXXX` as efivarfs shows it: attributes, then an `EFI_LOAD_OPTION`.
#[must_use]
pub fn load_option(number: &str, bytes: &[u8]) -> Option<Entry> {
    let option = bytes.get(ATTRIBUTES..)?;
    let flags = *option.first()?;
    let rest = option.get(6..)?;
    let (name, length) = wide_text(rest);
    let mut entry = Entry {
        number: number.to_ascii_uppercase(),
        is_active: flags & ACTIVE != 0,
        name,
        program: None,
        partition: None,
        span: Span::default(),
    };
    let mut nodes = rest.get(length..)?;
    // A device path is a row of nodes: type, subtype, length with these four bytes, data.
    while let [kind, subtype, low, high, ..] = nodes {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some(data) = nodes.get(4..length) else { break };
        match (kind, subtype) {
            (4, 1) => entry.partition = data.get(20..36).and_then(guid),
            (4, 4) => entry.program = program(&format!("\\{}", wide_text(data).0.trim_start_matches('\\'))),
            (0x7f, _) => break,
            _ => {}
        }
        nodes = nodes.get(length..).unwrap_or_default();
    }
    Some(entry)
}

/// The numbers of the variable `BootOrder` as efivarfs shows it.
#[must_use]
pub fn boot_order(bytes: &[u8]) -> Vec<String> {
    let numbers = bytes.get(ATTRIBUTES..).unwrap_or_default().chunks_exact(2);
    let number = |pair: &[u8]| match pair {
        [low, high] => format!("{:04X}", u16::from_le_bytes([*low, *high])),
        _ => String::new(),
    };
    numbers.take(MAX_ENTRIES).map(number).collect()
}

/// UTF-16 up to a zero, and the bytes that it takes with the zero.
fn wide_text(bytes: &[u8]) -> (String, usize) {
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    (String::from_utf16_lossy(&units), (units.len() + 1) * 2)
}

/// A GUID as text: the first three groups are little endian.
fn guid(bytes: &[u8]) -> Option<String> {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes else { return None };
    let tail: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
    let (fourth, fifth) = tail.split_at_checked(4)?;
    Some(format!("{d:02x}{c:02x}{b:02x}{a:02x}-{f:02x}{e:02x}-{h:02x}{g:02x}-{fourth}-{fifth}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "BootCurrent: 0002\nTimeout: 1 seconds\nBootOrder: 0002,0000,2001\n\
        Boot0000* Red Hat Enterprise Linux\tHD(1,GPT,0A1B2C3D-0000-4000-8000-000000000001,0x800,0x12c000)/File(\\EFI\\redhat\\shimx64.efi)\n\
        Boot0002* Rocky Linux\tHD(1,GPT,0a1b2c3d-0000-4000-8000-000000000001,0x800,0x12c000)/\\EFI\\rocky\\shimx64.efi\n\
        Boot2001  EFI PXE Network\tPciRoot(0x0)/Pci(0x1c,0x0)/MAC(525400123456,0)RC\n";

    #[test]
    fn both_forms_of_a_path_are_read() {
        let list = parse(LIST.as_bytes()).unwrap();
        assert_eq!(list.order, ["0002", "0000", "2001"]);
        assert_eq!(list.current.as_deref(), Some("0002"));
        let rows: Vec<_> =
            list.entries.iter().map(|e| (e.name.as_str(), e.program.as_deref(), e.is_active)).collect();
        assert_eq!(
            rows,
            [
                ("Red Hat Enterprise Linux", Some("EFI/redhat/shimx64.efi"), true),
                ("Rocky Linux", Some("EFI/rocky/shimx64.efi"), true),
                ("EFI PXE Network", None, false)
            ]
        );
        assert_eq!(list.entries[0].partition.as_deref(), Some("0a1b2c3d-0000-4000-8000-000000000001"));
        assert_eq!(list.entries[0].span.line, 4);
        assert_eq!(parse(b"EFI variables are not supported on this system.\n"), None);
    }

    #[test]
    fn a_variable_is_a_load_option() {
        let wide =
            |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let mut node = vec![4, 4];
        let path = wide("\\EFI\\debian\\shimx64.efi");
        node.extend(u16::try_from(path.len() + 4).unwrap().to_le_bytes());
        node.extend(&path);
        let mut disk = vec![4, 1, 42, 0, 1, 0, 0, 0];
        disk.extend([0; 16]);
        disk.extend([0x3d, 0x2c, 0x1b, 0x0a, 0, 0, 0, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 2]);
        let mut bytes = vec![7, 0, 0, 0, 1, 0, 0, 0, 0, 0];
        bytes.extend(wide("debian"));
        bytes.extend(disk);
        bytes.extend(node);
        bytes.extend([0x7f, 0xff, 4, 0]);
        let entry = load_option("0003", &bytes).unwrap();
        assert_eq!((entry.name.as_str(), entry.is_active), ("debian", true));
        assert_eq!(entry.program.as_deref(), Some("EFI/debian/shimx64.efi"));
        assert_eq!(entry.partition.as_deref(), Some("0a1b2c3d-0000-4000-8000-000000000001"));
        assert_eq!(boot_order(&[7, 0, 0, 0, 3, 0, 0x0a, 0]), ["0003", "000A"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = load_option("0000", &bytes);
            let _ = boot_order(&bytes);
            prop_assert!(parse(&bytes).is_none_or(|list| list.entries.len() <= bytes.len()));
        }
    }
}
