//! rpm's own database, NDB (`lib/backend/ndb/rpmpkg.c`): pages of slots, each of which says where a header is.

use std::io::{Read, Seek};

use super::{Blobs, Endian, MAX_HEADER, RpmdbError, Source, u32_at};

const PAGE: usize = 4096;
const SLOT: usize = 16;
/// Offsets of headers are counted in blocks of this many bytes.
const BLOCK: u64 = 16;
/// Bytes before a header: magic, number, time, length.
const BLOB_HEAD: usize = 16;

pub(super) struct Database<R> {
    file: Source<R>,
    slot_pages: u32,
    /// The page of slots that is walked over.
    page_number: u32,
    page: Vec<u8>,
    slot: usize,
    /// Where the bytes of the header go on, and how many are left.
    offset: u64,
    left: u64,
}

impl<R: Read + Seek> Database<R> {
    pub(super) fn open(mut file: Source<R>) -> Result<Self, RpmdbError> {
        let mut start = [0_u8; 32];
        file.read_at(0, &mut start)?;
        let number = |offset| u32_at(&start, offset, Endian::Little).unwrap_or_default();
        if number(4) != 0 {
            return Err(RpmdbError::Unsupported(format!("it is an NDB database of version {}", number(4))));
        }
        let slot_pages = number(12);
        if u64::from(slot_pages) * PAGE as u64 > file.len {
            let reason = "it ends before its table of packages";
            return Err(RpmdbError::Corrupt { offset: 12, reason });
        }
        Ok(Self { file, slot_pages, page_number: 0, page: Vec::new(), slot: PAGE, offset: 0, left: 0 })
    }
}

impl<R: Read + Seek> Blobs for Database<R> {
    fn advance(&mut self) -> Result<Option<u64>, RpmdbError> {
        loop {
            if self.slot >= PAGE {
                if self.page_number >= self.slot_pages {
                    return Ok(None);
                }
                self.page.resize(PAGE, 0);
                self.file.read_at(u64::from(self.page_number) * PAGE as u64, &mut self.page)?;
                // The first two slots hold the database's own header.
                self.slot = if self.page_number == 0 { 2 * SLOT } else { 0 };
                self.page_number += 1;
            }
            let at = self.slot;
            self.slot += SLOT;
            let here = u64::from(self.page_number - 1) * PAGE as u64 + at as u64;
            let slot = self.page.get(at..at + SLOT).unwrap_or_default();
            if !slot.starts_with(b"Slot") {
                return Err(RpmdbError::Corrupt { offset: here, reason: "this is no slot of the table" });
            }
            let number = |offset| u32_at(slot, offset, Endian::Little).unwrap_or_default();
            let (package, block) = (number(4), number(8));
            if block == 0 {
                continue;
            }
            let offset = u64::from(block) * BLOCK;
            let mut head = [0_u8; BLOB_HEAD];
            self.file.read_at(offset, &mut head)?;
            let said = |offset| u32_at(&head, offset, Endian::Little).unwrap_or_default();
            let len = u64::from(said(12));
            if !head.starts_with(b"BlbS") || said(4) != package || len > MAX_HEADER {
                let reason = "the table speaks of a package that is not here";
                return Err(RpmdbError::Corrupt { offset, reason });
            }
            self.offset = offset + BLOB_HEAD as u64;
            self.left = len;
            return Ok(Some(len));
        }
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<(), RpmdbError> {
        let wanted = (len.saturating_sub(buffer.len()) as u64).min(self.left);
        let filled = buffer.len();
        buffer.resize(filled + usize::try_from(wanted).unwrap_or_default(), 0);
        self.file.read_at(self.offset, buffer.get_mut(filled..).unwrap_or_default())?;
        self.offset += wanted;
        self.left -= wanted;
        Ok(())
    }
}
