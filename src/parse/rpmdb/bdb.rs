//! Berkeley DB's hash files, versions 8 to 10, as rpm's `lib/backend/bdb_ro.c` reads them; of either byte order.
//!
//! A bucket is a chain of pages, on which keys and values take turns; a value that does not fit is a chain of
//! overflow pages.

use std::io::{Read, Seek};

use super::{Blobs, Endian, RpmdbError, Source, u16_at, u32_at};

const HASH_MAGIC: u32 = 0x0006_1561;
const BTREE_MAGIC: u32 = 0x0005_3162;
/// Types of pages (`db_page.h`): hash pages of older and newer versions, overflow.
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
/// Types of items on a hash page: in place, on overflow pages.
const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;
/// Bytes of a page before its items.
const PAGE_HEADER: usize = 26;

/// Where the next bytes of a header are.
enum Value {
    /// On the hash page, from one offset to another.
    InPlace { from: usize, to: usize },
    /// On overflow pages, the next of which is this one; so many bytes are left.
    Chain { page: u32, left: u64 },
}

pub(super) struct Database<R> {
    file: Source<R>,
    endian: Endian,
    page_size: usize,
    last_page: u32,
    max_bucket: u32,
    spares: Vec<u32>,
    /// The bucket that comes next.
    bucket: u32,
    /// The page that is walked over, and its next value.
    page: Vec<u8>,
    item: usize,
    /// Pages read so far, that a chain which leads back is noticed.
    pages_walked: u64,
    value: Value,
    overflow: Vec<u8>,
}

impl<R: Read + Seek> Database<R> {
    /// None if the file is no Berkeley DB.
    pub(super) fn open(mut file: Source<R>) -> Result<Option<Self>, RpmdbError> {
        let mut meta = [0_u8; 512];
        file.read_at(0, &mut meta)?;
        let magic = |endian| u32_at(&meta, 12, endian);
        let endian = match (magic(Endian::Little), magic(Endian::Big)) {
            (Some(HASH_MAGIC), _) => Endian::Little,
            (_, Some(HASH_MAGIC)) => Endian::Big,
            (Some(BTREE_MAGIC), _) | (_, Some(BTREE_MAGIC)) => {
                let reason = "it is a Berkeley DB b-tree, which rpm's `Packages` never is";
                return Err(RpmdbError::Unsupported(reason.to_owned()));
            }
            _ => return Ok(None),
        };
        let number = |index: usize| u32_at(&meta, index * 4, endian).unwrap_or_default();
        let version = number(4);
        if !(8..=10).contains(&version) {
            return Err(RpmdbError::Unsupported(format!("it is a Berkeley DB hash of version {version}")));
        }
        let page_size = number(5) as usize;
        // Berkeley DB's DB_MIN_PGSIZE and DB_MAX_PGSIZE.
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
            return Err(RpmdbError::Corrupt { offset: 20, reason: "the page size is none" });
        }
        Ok(Some(Self {
            file,
            endian,
            page_size,
            last_page: number(8),
            max_bucket: number(18),
            spares: (24..56).map(number).collect(),
            bucket: 0,
            page: Vec::new(),
            item: 0,
            pages_walked: 0,
            value: Value::InPlace { from: 0, to: 0 },
            overflow: Vec::new(),
        }))
    }

    fn read_page(&mut self, number: u32, overflow: bool) -> Result<(), RpmdbError> {
        let offset = u64::from(number) * self.page_size as u64;
        if number == 0 || number > self.last_page {
            return Err(RpmdbError::Corrupt { offset, reason: "a page number is beyond the last page" });
        }
        let page = if overflow { &mut self.overflow } else { &mut self.page };
        page.resize(self.page_size, 0);
        self.file.read_at(offset, page)?;
        if u32_at(page, 8, self.endian) != Some(number) {
            return Err(RpmdbError::Corrupt { offset, reason: "a page does not have its own number" });
        }
        let kind = page.get(25).copied().unwrap_or_default();
        let fits = if overflow { kind == OVERFLOW } else { matches!(kind, HASH | HASH_UNSORTED | 8) };
        if !fits {
            return Err(RpmdbError::Corrupt { offset, reason: "a page is of another kind than its chain" });
        }
        Ok(())
    }

    /// The page that a bucket begins at: buckets were added in doublings, each with pages of its own.
    fn bucket_page(&self, bucket: u32) -> Result<u32, RpmdbError> {
        let doublings = (u32::BITS - bucket.leading_zeros()) as usize;
        let spare = self.spares.get(doublings).copied().unwrap_or_default();
        let out = || RpmdbError::Corrupt { offset: 96, reason: "a bucket is beyond any page" };
        bucket.checked_add(spare).ok_or_else(out)
    }

    /// Goes to the next page of the bucket, or to the next bucket; false after the last.
    fn next_page(&mut self) -> Result<bool, RpmdbError> {
        let follower = u32_at(&self.page, 16, self.endian).filter(|page| *page != 0);
        let page = match follower {
            Some(page) => page,
            None if self.bucket > self.max_bucket => return Ok(false),
            None => {
                let page = self.bucket_page(self.bucket)?;
                self.bucket = self.bucket.saturating_add(1);
                page
            }
        };
        self.pages_walked += 1;
        if self.pages_walked > u64::from(self.last_page) {
            let offset = u64::from(page) * self.page_size as u64;
            return Err(RpmdbError::Corrupt { offset, reason: "a chain of pages leads back into itself" });
        }
        self.read_page(page, false)?;
        self.item = 0;
        Ok(true)
    }

    /// The value of the pair of items that comes next on this page; none at its end.
    fn next_value(&mut self) -> Result<Option<Value>, RpmdbError> {
        let number = |offset| u16_at(&self.page, offset, self.endian).map(usize::from);
        let items = number(20).unwrap_or_default();
        if self.page.is_empty() || self.item + 1 >= items {
            return Ok(None);
        }
        let index = PAGE_HEADER + 2 * self.item;
        self.item += 2;
        let broken = || RpmdbError::Corrupt { offset: 0, reason: "an item lies outside its page" };
        let (Some(key), Some(value)) = (number(index), number(index + 2)) else { return Err(broken()) };
        // Items fill the page from its end: a value ends where its key begins.
        let item = self.page.get(value..key).ok_or_else(broken)?;
        match item.first() {
            Some(&KEY_DATA) => Ok(Some(Value::InPlace { from: value + 1, to: key })),
            Some(&OFF_PAGE) => {
                let page = u32_at(item, 4, self.endian).ok_or_else(broken)?;
                let len = u32_at(item, 8, self.endian).ok_or_else(broken)?;
                Ok(Some(Value::Chain { page, left: u64::from(len) }))
            }
            _ => Err(broken()),
        }
    }
}

impl<R: Read + Seek> Blobs for Database<R> {
    fn advance(&mut self) -> Result<Option<u64>, RpmdbError> {
        loop {
            if let Some(value) = self.next_value()? {
                let len = match &value {
                    Value::InPlace { from, to } => to.saturating_sub(*from) as u64,
                    Value::Chain { left, .. } => *left,
                };
                self.value = value;
                return Ok(Some(len));
            }
            if !self.next_page()? {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<(), RpmdbError> {
        while buffer.len() < len {
            match &mut self.value {
                Value::InPlace { from, to } => {
                    buffer.extend_from_slice(self.page.get(*from..*to).unwrap_or_default());
                    *from = *to;
                    return Ok(());
                }
                Value::Chain { left: 0, .. } => return Ok(()),
                Value::Chain { page, left } => {
                    let (number, remaining) = (*page, *left);
                    self.read_page(number, true)?;
                    let offset = u64::from(number) * self.page_size as u64;
                    let broken = |reason| RpmdbError::Corrupt { offset, reason };
                    let used = u16_at(&self.overflow, 22, self.endian).map(usize::from).unwrap_or_default();
                    let data = self.overflow.get(PAGE_HEADER..PAGE_HEADER + used);
                    let data = data.ok_or_else(|| broken("an overflow page holds more than fits"))?;
                    if data.is_empty() || data.len() as u64 > remaining {
                        return Err(broken("an overflow page does not fit its chain"));
                    }
                    buffer.extend_from_slice(data);
                    let left = remaining - data.len() as u64;
                    let page = u32_at(&self.overflow, 16, self.endian).unwrap_or_default();
                    self.value = Value::Chain { page, left };
                }
            }
        }
        Ok(())
    }
}
