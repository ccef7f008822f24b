//! The first sector of a disk: boot code, and the partition table of DOS.
//!
//! Layouts: GRUB's `grub-core/boot/i386/pc/boot.S` and `include/grub/i386/pc/boot.h`, GRUB legacy's `stage1/stage1.h`,
//! syslinux's `mbr/mbr.S`, LILO's `first.S`. What BIOS wants of it: the bytes 55 AA at its end; it looks at nothing else.

/// Bytes of the sector.
pub const SECTOR: usize = 512;
/// Bytes of code before the disk's identifier and the table.
const CODE: usize = 440;
/// Where GRUB's code has the number of the sector that `core.img` starts at (`GRUB_BOOT_MACHINE_KERNEL_SECTOR`).
const CORE_SECTOR: usize = 0x5c;
/// Where the four entries of the table are.
const TABLE: usize = 446;

/// A first sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSector {
    /// Whether it ends in 55 AA.
    pub is_signed: bool,
    /// What its code is.
    pub code: BootCode,
    /// The type and the mark `active` of each entry of the table that is used.
    pub partitions: Vec<(u8, bool)>,
    /// The first sector of the active partition.
    pub active_start: Option<u32>,
}

/// Boot code, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootCode {
    /// Nothing but zeros.
    None,
    /// GRUB 2, which loads `core.img` from this sector on.
    Grub {
        /// The first sector of `core.img`.
        core: u64,
    },
    /// GRUB before version 1.
    GrubLegacy,
    /// LILO.
    Lilo,
    /// Code that starts the active partition's first sector, as DOS, Windows and syslinux have it.
    StartsActive,
    /// Some other code.
    Other,
}

impl BootSector {
    /// Whether its table only keeps other programs from a GPT.
    #[must_use]
    pub fn is_protective(&self) -> bool {
        self.partitions.iter().any(|(kind, _)| *kind == 0xee)
    }

    /// Whether a partition is marked active.
    #[must_use]
    pub fn has_active(&self) -> bool {
        self.partitions.iter().any(|(_, is_active)| *is_active)
    }
}

/// Reads a first sector; none of fewer bytes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<BootSector> {
    let sector = bytes.get(..SECTOR)?;
    let entries = || sector.get(TABLE..510).unwrap_or_default().chunks_exact(16);
    let is_active = |entry: &&[u8]| entry.first() == Some(&0x80);
    let start = |entry: &[u8]| Some(u32::from_le_bytes(entry.get(8..12)?.try_into().ok()?));
    let partitions = entries().filter_map(|entry| Some((*entry.get(4)?, is_active(&entry))));
    Some(BootSector {
        is_signed: sector.ends_with(&[0x55, 0xaa]),
        code: code(sector.get(..CODE)?)?,
        partitions: partitions.filter(|(kind, _)| *kind != 0).collect(),
        active_start: entries().find(is_active).and_then(start),
    })
}

fn code(code: &[u8]) -> Option<BootCode> {
    let has = |text: &[u8]| memchr::memmem::find(code, text).is_some();
    if code.iter().all(|byte| *byte == 0) {
        return Some(BootCode::None);
    }
    if has(b"GRUB \0Geom") {
        // Both start with a short jump over the BPB; GRUB 2's is the longer one.
        if code.starts_with(&[0xeb, 0x48]) {
            return Some(BootCode::GrubLegacy);
        }
        let core = u64::from_le_bytes(code.get(CORE_SECTOR..CORE_SECTOR + 8)?.try_into().ok()?);
        return Some(BootCode::Grub { core });
    }
    if code.get(6..10) == Some(b"LILO") {
        return Some(BootCode::Lilo);
    }
    let starts_active =
        [&b"Missing operating system"[..], b"Invalid partition table", b"Error loading operating system"];
    Some(if starts_active.iter().any(|text| has(text)) { BootCode::StartsActive } else { BootCode::Other })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sector(code: &[u8], partitions: &[(u8, bool)]) -> Vec<u8> {
        let mut out = vec![0; SECTOR];
        out[..code.len()].copy_from_slice(code);
        for (index, (kind, is_active)) in partitions.iter().enumerate() {
            out[TABLE + 16 * index] = if *is_active { 0x80 } else { 0 };
            out[TABLE + 16 * index + 4] = *kind;
        }
        out[510..].copy_from_slice(&[0x55, 0xaa]);
        out
    }

    #[test]
    fn boot_codes_are_told_apart() {
        let mut grub = vec![0xeb, 0x63, 0x90];
        grub.resize(CORE_SECTOR, 0);
        grub.extend(2048u64.to_le_bytes());
        grub.extend(b"GRUB \0Geom\0Hard Disk\0Read\0 Error");
        let legacy = [&[0xeb, 0x48, 0x90][..], b"GRUB \0Geom\0Hard Disk\0"].concat();
        let table = [
            (Vec::new(), BootCode::None),
            (grub, BootCode::Grub { core: 2048 }),
            (legacy, BootCode::GrubLegacy),
            (b"\xfa\xeb\x21\x01\xb4\x01LILO".to_vec(), BootCode::Lilo),
            (b"\x33\xc0Missing operating system.\r\n".to_vec(), BootCode::StartsActive),
            (b"\x33\xc0something".to_vec(), BootCode::Other),
        ];
        for (bytes, code) in table {
            let read = parse(&sector(&bytes, &[(0x83, true), (0x8e, false)])).unwrap();
            assert_eq!(
                read,
                BootSector {
                    is_signed: true,
                    code,
                    partitions: vec![(0x83, true), (0x8e, false)],
                    active_start: Some(0)
                }
            );
            assert!(read.has_active() && !read.is_protective());
        }
        assert!(parse(&sector(&[], &[(0xee, false)])).unwrap().is_protective());
        assert_eq!(parse(&[0; 511]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            prop_assert_eq!(parse(&bytes).is_some(), bytes.len() >= SECTOR);
        }
    }
}
