//! Finding one section of an ELF file by name, reading no more than headers and that section.
//!
//! Written by hand instead of taken from a library because thousands of modules are looked at, from memory or by
//! positioned reads, and only three small stretches of each matter: the header, the section table with its names,
//! and the section. The layout is the System V ABI's (elf(5)).

use std::io;

/// Sections in one file at most; `e_shnum` goes up to 65,279. A module with debug data has some hundred.
const SECTIONS: u64 = 65_536;

/// Bytes of the section that is looked for, and of the table of names, at most.
const SECTION_SIZE: u64 = 4 << 20;

/// Bytes at a position.
pub(super) trait ReadAt {
    /// Reads `length` bytes at `offset` into `buffer`, which is replaced. Fewer at the end of the file.
    ///
    /// # Errors
    /// What the file gives.
    fn read_at(&mut self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()>;
}

impl ReadAt for &[u8] {
    fn read_at(&mut self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(self.len());
        buffer.clear();
        buffer.extend_from_slice(self.get(start..end).unwrap_or_default());
        Ok(())
    }
}

/// Why a section was not found.
#[derive(Debug)]
pub(super) enum Fault {
    NotElf,
    Corrupt(String),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn corrupt(reason: &str) -> Fault {
    Fault::Corrupt(reason.to_owned())
}

/// How numbers are written in a file.
#[derive(Clone, Copy)]
struct Layout {
    wide: bool,
    big: bool,
}

impl Layout {
    fn number(self, bytes: &[u8], at: usize, size: usize) -> Result<u64, Fault> {
        let end = at.checked_add(size).ok_or_else(|| corrupt("an offset is out of range"))?;
        let digits = bytes.get(at..end).ok_or_else(|| corrupt("its headers are cut off"))?;
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Ok(if self.big { digits.iter().fold(0, push) } else { digits.iter().rev().fold(0, push) })
    }

    /// An address or offset at `narrow` in 32-bit files, at `wide` in 64-bit ones.
    fn word(self, bytes: &[u8], narrow: usize, wide: usize) -> Result<u64, Fault> {
        if self.wide { self.number(bytes, wide, 8) } else { self.number(bytes, narrow, 4) }
    }

    fn half(self, bytes: &[u8], narrow: usize, wide: usize) -> Result<u64, Fault> {
        self.number(bytes, if self.wide { wide } else { narrow }, 2)
    }
}

/// A section's place in the file.
#[derive(Clone, Copy)]
struct Section {
    name: u64,
    offset: u64,
    size: u64,
}

/// Buffers that are kept from file to file.
#[derive(Default)]
pub(super) struct Buffers {
    header: Vec<u8>,
    table: Vec<u8>,
    names: Vec<u8>,
}

/// Reads the section called `wanted` into `out`. False if the file has none.
pub(super) fn read_section(
    file: &mut impl ReadAt,
    wanted: &[u8],
    buffers: &mut Buffers,
    out: &mut Vec<u8>,
) -> Result<bool, Fault> {
    file.read_at(0, 64, &mut buffers.header)?;
    let header = buffers.header.as_slice();
    let layout = match header {
        [0x7f, b'E', b'L', b'F', class @ (1 | 2), data @ (1 | 2), ..] => {
            Layout { wide: *class == 2, big: *data == 2 }
        }
        _ => return Err(Fault::NotElf),
    };
    let table_offset = layout.word(header, 0x20, 0x28)?;
    let entry_size = layout.half(header, 0x2e, 0x3a)?;
    let mut count = layout.half(header, 0x30, 0x3c)?;
    let mut names_index = layout.half(header, 0x32, 0x3e)?;
    let least = if layout.wide { 64 } else { 40 };
    if table_offset == 0 {
        return Ok(false);
    }
    if !(least..=4 * least).contains(&entry_size) {
        return Err(corrupt("its section headers have an odd size"));
    }
    if count == 0 || names_index == 0xffff {
        // Numbers that do not fit are in the first section's header.
        file.read_at(table_offset, entry_size, &mut buffers.table)?;
        if count == 0 {
            count = layout.word(&buffers.table, 0x14, 0x20)?;
        }
        if names_index == 0xffff {
            names_index = layout.number(&buffers.table, if layout.wide { 0x28 } else { 0x18 }, 4)?;
        }
    }
    if count > SECTIONS {
        return Err(corrupt("it claims too many sections"));
    }
    file.read_at(table_offset, count.saturating_mul(entry_size), &mut buffers.table)?;
    let table = buffers.table.as_slice();
    let section = |index: u64| -> Result<Section, Fault> {
        let start = usize::try_from(index.saturating_mul(entry_size)).unwrap_or(usize::MAX);
        let bytes = table.get(start..).ok_or_else(|| corrupt("its section table is cut off"))?;
        Ok(Section {
            name: layout.number(bytes, 0, 4)?,
            offset: layout.word(bytes, 0x10, 0x18)?,
            size: layout.word(bytes, 0x14, 0x20)?,
        })
    };
    let names = section(names_index)?;
    if names.size > SECTION_SIZE {
        return Err(corrupt("its table of section names is too large"));
    }
    file.read_at(names.offset, names.size, &mut buffers.names)?;
    for index in 0..count {
        let section = section(index)?;
        let start = usize::try_from(section.name).unwrap_or(usize::MAX);
        let name = buffers.names.get(start..).unwrap_or_default();
        if !name.starts_with(wanted) || name.get(wanted.len()) != Some(&0) {
            continue;
        }
        if section.size > SECTION_SIZE {
            return Err(corrupt("the section is too large"));
        }
        file.read_at(section.offset, section.size, out)?;
        if (out.len() as u64) < section.size {
            return Err(corrupt("the section is cut off"));
        }
        return Ok(true);
    }
    Ok(false)
}
