//! The table `Packages(hnum INTEGER PRIMARY KEY, blob BLOB)` of an SQLite file (sqlite.org/fileformat2.html).
//!
//! Only what a table scan needs: table b-trees, records and overflow chains. Changes that are still in a write-ahead
//! log beside the file are not seen; rpm moves them into the file when it ends.

use std::io::{Read, Seek};

use super::{Blobs, Endian, MAX_HEADER, RpmdbError, Source, u16_at, u32_at};

/// Kinds of b-tree pages.
const TABLE_INTERIOR: u8 = 0x05;
const TABLE_LEAF: u8 = 0x0d;
/// Levels of a b-tree; 20 levels of two children each have more pages than SQLite can count.
const MAX_DEPTH: usize = 32;
/// Bytes of the file header, which the first page begins with.
const FILE_HEADER: usize = 100;
/// Entries of the schema that are looked through; rpm has some forty tables and indices.
const MAX_SCHEMA: usize = 10_000;
/// Bytes of a record that hold its types: one for the null that stands for the key, up to nine for the blob.
const RECORD_HEADER: usize = 32;

/// A page on the way from the root to a leaf.
struct Level {
    page: Vec<u8>,
    /// Where its b-tree header begins.
    start: usize,
    next_cell: usize,
}

/// The record that is being read.
#[derive(Default)]
struct Payload {
    /// Bytes of it on its leaf, as far as they are not read yet.
    local: Vec<u8>,
    overflow: u32,
    left: u64,
}

pub(super) struct Database<R> {
    file: Source<R>,
    page_size: usize,
    usable: usize,
    pages: u64,
    pages_walked: u64,
    levels: Vec<Level>,
    payload: Payload,
}

/// A place in the file with what is wrong there.
fn corrupt(offset: u64, reason: &'static str) -> RpmdbError {
    RpmdbError::Corrupt { offset, reason }
}

impl<R: Read + Seek> Database<R> {
    pub(super) fn open(mut file: Source<R>) -> Result<Self, RpmdbError> {
        let mut start = [0_u8; FILE_HEADER];
        file.read_at(0, &mut start)?;
        let page_size = match u16_at(&start, 16, Endian::Big).unwrap_or_default() {
            // "The value 1 represents a page size of 65536".
            1 => 65_536,
            size => usize::from(size),
        };
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
            return Err(corrupt(16, "the page size is none"));
        }
        let reserved = start.get(20).copied().map_or(0, usize::from);
        let usable = page_size.saturating_sub(reserved);
        if usable < 480 {
            return Err(corrupt(20, "its pages have no room"));
        }
        let pages = file.len / page_size as u64;
        let mut database = Self {
            file,
            page_size,
            usable,
            pages,
            pages_walked: 0,
            levels: Vec::new(),
            payload: Payload::default(),
        };
        let root = database.find_table()?;
        database.enter(root)?;
        Ok(database)
    }

    /// The root page of the table, from the schema, whose table begins at page 1.
    fn find_table(&mut self) -> Result<u32, RpmdbError> {
        self.enter(1)?;
        for _ in 0..MAX_SCHEMA {
            let Some(len) = self.next_record()? else { break };
            // type, name, tbl_name and rootpage come before the SQL text, which may be long.
            let mut record = Vec::new();
            self.read_payload(&mut record, usize::try_from(len).unwrap_or(usize::MAX).min(1024))?;
            if let Some(root) = packages_root(&record) {
                self.levels.clear();
                self.pages_walked = 0;
                return Ok(root);
            }
        }
        Err(RpmdbError::Unsupported("it is an SQLite file without a table `Packages`".to_owned()))
    }

    fn offset_of(&self, number: u32) -> u64 {
        u64::from(number).saturating_sub(1) * self.page_size as u64
    }

    fn read_page(&mut self, number: u32) -> Result<Vec<u8>, RpmdbError> {
        let offset = self.offset_of(number);
        if number == 0 || u64::from(number) > self.pages {
            return Err(corrupt(offset, "a page number is beyond the last page"));
        }
        let mut page = vec![0; self.page_size];
        self.file.read_at(offset, &mut page)?;
        Ok(page)
    }

    fn enter(&mut self, number: u32) -> Result<(), RpmdbError> {
        let offset = self.offset_of(number);
        self.pages_walked += 1;
        if self.pages_walked > self.pages || self.levels.len() >= MAX_DEPTH {
            return Err(corrupt(offset, "a table leads back into itself"));
        }
        let page = self.read_page(number)?;
        let start = if number == 1 { FILE_HEADER } else { 0 };
        if !matches!(page.get(start), Some(&(TABLE_INTERIOR | TABLE_LEAF))) {
            return Err(corrupt(offset, "a page is of another kind than its table"));
        }
        self.levels.push(Level { page, start, next_cell: 0 });
        Ok(())
    }

    /// Goes to the next record of the table, and says how many bytes it has.
    fn next_record(&mut self) -> Result<Option<u64>, RpmdbError> {
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            match level.step() {
                Step::Up => {
                    self.levels.pop();
                }
                Step::Down(child) => self.enter(child)?,
                Step::Cell(cell) => {
                    let (payload, len) = record(&level.page, cell, self.usable)
                        .ok_or_else(|| corrupt(0, "a cell lies outside its page"))?;
                    self.payload = payload;
                    return Ok(Some(len));
                }
                Step::Broken => return Err(corrupt(0, "a cell lies outside its page")),
            }
        }
    }

    /// Reads on in the record until `buffer` has `len` bytes or the record ends.
    fn read_payload(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<(), RpmdbError> {
        buffer.append(&mut self.payload.local);
        while buffer.len() < len && self.payload.left > 0 {
            let offset = self.offset_of(self.payload.overflow);
            let page = self.read_page(self.payload.overflow)?;
            let data = page.get(4..self.usable).unwrap_or_default();
            let wanted = usize::try_from(self.payload.left).unwrap_or(usize::MAX).min(data.len());
            buffer.extend_from_slice(data.get(..wanted).unwrap_or_default());
            self.payload.left -= wanted as u64;
            self.payload.overflow = u32_at(&page, 0, Endian::Big).unwrap_or_default();
            if wanted == 0 {
                return Err(corrupt(offset, "an overflow page has no room"));
            }
        }
        Ok(())
    }
}

/// What comes next on a page.
enum Step {
    Down(u32),
    Cell(usize),
    Up,
    Broken,
}

impl Level {
    fn step(&mut self) -> Step {
        let interior = self.page.get(self.start) == Some(&TABLE_INTERIOR);
        let header = if interior { 12 } else { 8 };
        let Some(cells) = u16_at(&self.page, self.start + 3, Endian::Big).map(usize::from) else {
            return Step::Broken;
        };
        let cell = self.next_cell;
        self.next_cell += 1;
        if cell == cells && interior {
            // The child of all keys that are larger than those of the cells.
            let child = u32_at(&self.page, self.start + 8, Endian::Big);
            return child.map_or(Step::Broken, Step::Down);
        }
        if cell >= cells {
            return Step::Up;
        }
        let pointer = u16_at(&self.page, self.start + header + 2 * cell, Endian::Big).map(usize::from);
        match pointer {
            Some(at) if interior => u32_at(&self.page, at, Endian::Big).map_or(Step::Broken, Step::Down),
            Some(at) => Step::Cell(at),
            None => Step::Broken,
        }
    }
}

/// A number of one to nine bytes, the higher ones first; and how many bytes it took.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// The payload of the leaf cell at `at`, and its length: "Cell payload overflow pages" of the format.
fn record(page: &[u8], at: usize, usable: usize) -> Option<(Payload, u64)> {
    let cell = page.get(at..)?;
    let (len, taken) = varint(cell)?;
    let cell = cell.get(taken..)?;
    let (_key, taken) = varint(cell)?;
    let cell = cell.get(taken..)?;
    let most = (usable - 35) as u64;
    if len <= most {
        let local = cell.get(..usize::try_from(len).ok()?)?.to_vec();
        return Some((Payload { local, overflow: 0, left: 0 }, len));
    }
    let least = ((usable - 12) * 32 / 255 - 23) as u64;
    let rest = least + (len - least) % (usable as u64 - 4);
    let local = usize::try_from(if rest <= most { rest } else { least }).ok()?;
    let overflow = u32_at(cell, local, Endian::Big)?;
    let bytes = cell.get(..local)?.to_vec();
    Some((Payload { local: bytes, overflow, left: len - local as u64 }, len))
}

/// The length of a column's value by its type ("Record format").
fn len_of(kind: u64) -> Option<u64> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(kind),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        blob_or_text => Some((blob_or_text - 12) / 2),
    }
}

/// If the record of the schema is that of the table `Packages`, its root page.
fn packages_root(record: &[u8]) -> Option<u32> {
    let (header, mut at) = varint(record)?;
    let mut from = usize::try_from(header).ok()?;
    let mut columns: Vec<&[u8]> = Vec::new();
    for _ in 0..4 {
        let (kind, taken) = varint(record.get(at..)?)?;
        at += taken;
        let to = from.checked_add(usize::try_from(len_of(kind)?).ok()?)?;
        columns.push(record.get(from..to)?);
        from = to;
    }
    let [b"table", b"Packages", _, root] = columns.as_slice() else { return None };
    let number = root
        .iter()
        .try_fold(0_u32, |number, byte| number.checked_mul(256).map(|number| number | u32::from(*byte)));
    number.filter(|_| !root.is_empty())
}

impl<R: Read + Seek> Blobs for Database<R> {
    fn advance(&mut self) -> Result<Option<u64>, RpmdbError> {
        let Some(len) = self.next_record()? else { return Ok(None) };
        // The record: a header of types, null for the key (which is the row's number), and the blob.
        let mut start = Vec::new();
        self.read_payload(&mut start, RECORD_HEADER)?;
        let blob = varint(&start).and_then(|(header, first)| {
            let (key, second) = varint(start.get(first..)?)?;
            let (kind, _) = varint(start.get(first + second..)?)?;
            let from = header.checked_add(len_of(key)?)?;
            let size = (kind >= 12 && kind % 2 == 0).then(|| len_of(kind)).flatten()?;
            Some((from, size))
        });
        let Some((from, size)) = blob else { return Err(corrupt(0, "a row of `Packages` is no package")) };
        if size > MAX_HEADER || from.checked_add(size).is_none_or(|end| end > len) {
            return Err(corrupt(0, "a row of `Packages` is longer than its record"));
        }
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.payload.local = start.split_off(from.min(start.len()));
        Ok(Some(size))
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<(), RpmdbError> {
        self.read_payload(buffer, len)
    }
}
