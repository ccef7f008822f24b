//! rpm's header blob (`lib/header.c`): two counts, an index of 16 bytes an entry, and the data that it points into,
//! all big-endian.

use super::{Blobs, Endian, MAX_HEADER, RpmdbError, u32_at};

/// Entries of an index, as rpm has it (`lib/header.c`, HEADER_TAGS_MAX).
const MAX_ENTRIES: u64 = 0xffff;
/// Bytes of one name or version; rpm itself has no limit, file systems have 255 for a name.
const MAX_STRING: usize = 1024;

/// What is read of a package's header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// NAME.
    pub name: String,
    /// EPOCH.
    pub epoch: Option<u32>,
    /// VERSION.
    pub version: String,
    /// RELEASE.
    pub release: String,
    /// ARCH; the public keys that rpm keeps as packages have none.
    pub architecture: Option<String>,
    /// VENDOR.
    pub vendor: Option<String>,
    /// INSTALLTIME, in seconds since the epoch.
    pub installed: Option<u32>,
}

/// Types of entries (`include/rpm/rpmtypes.h`).
const INT32: u32 = 4;
const STRING: u32 = 6;

/// What an entry of the index says.
#[derive(Clone, Copy)]
struct Entry {
    kind: u32,
    offset: usize,
}

/// Reads the header that `blobs` stands at, which has `len` bytes. None if it has no name, which no package lacks:
/// Berkeley DB keeps a number among the headers.
pub(super) fn read(
    blobs: &mut impl Blobs,
    len: u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<Header>, RpmdbError> {
    let broken = |reason| RpmdbError::Corrupt { offset: 0, reason };
    if len < 8 {
        return Ok(None);
    }
    if len > MAX_HEADER {
        return Err(broken("a header is larger than any that rpm writes"));
    }
    blobs.fill(buffer, 8)?;
    let number = |buffer: &[u8], offset| u32_at(buffer, offset, Endian::Big).map(u64::from);
    let (Some(entries), Some(data)) = (number(buffer, 0), number(buffer, 4)) else {
        return Err(broken("a header breaks off"));
    };
    if entries == 0 || entries > MAX_ENTRIES || 8 + 16 * entries + data > len {
        return Err(broken("a header's counts do not fit its size"));
    }
    let start = usize::try_from(8 + 16 * entries).map_err(|_| broken("a header is too large"))?;
    blobs.fill(buffer, start)?;
    let index: Vec<(u32, Entry)> = buffer
        .get(8..start)
        .unwrap_or_default()
        .chunks_exact(16)
        .filter_map(|entry| {
            let number = |offset| u32_at(entry, offset, Endian::Big);
            Some((number(0)?, Entry { kind: number(4)?, offset: usize::try_from(number(8)?).ok()? }))
        })
        .collect();
    let find = |tag: u32| index.iter().find(|(one, _)| *one == tag).map(|(_, entry)| *entry);
    let mut fields = Fields { blobs, buffer, start };
    let Some(name) = fields.string(find(1000))? else { return Ok(None) };
    Ok(Some(Header {
        name,
        epoch: fields.number(find(1003))?,
        version: fields.string(find(1001))?.unwrap_or_default(),
        release: fields.string(find(1002))?.unwrap_or_default(),
        architecture: fields.string(find(1022))?,
        vendor: fields.string(find(1011))?,
        installed: fields.number(find(1008))?,
    }))
}

/// The data of a header, fetched as far as it is asked for.
struct Fields<'a, B> {
    blobs: &'a mut B,
    buffer: &'a mut Vec<u8>,
    start: usize,
}

impl<B: Blobs> Fields<'_, B> {
    fn string(&mut self, entry: Option<Entry>) -> Result<Option<String>, RpmdbError> {
        let Some(Entry { kind: STRING, offset }) = entry else { return Ok(None) };
        let from = self.start.saturating_add(offset);
        // Most strings are short; the second reading takes what the longest may have.
        for len in [64, MAX_STRING] {
            self.blobs.fill(self.buffer, from.saturating_add(len))?;
            let bytes = self.buffer.get(from..).unwrap_or_default();
            if let Some(end) = memchr::memchr(0, bytes) {
                return Ok(Some(String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()));
            }
        }
        Err(RpmdbError::Corrupt { offset: 0, reason: "a string in a header does not end" })
    }

    fn number(&mut self, entry: Option<Entry>) -> Result<Option<u32>, RpmdbError> {
        let Some(Entry { kind: INT32, offset }) = entry else { return Ok(None) };
        let from = self.start.saturating_add(offset);
        self.blobs.fill(self.buffer, from.saturating_add(4))?;
        match u32_at(self.buffer, from, Endian::Big) {
            Some(number) => Ok(Some(number)),
            None => Err(RpmdbError::Corrupt { offset: 0, reason: "a number in a header is beyond its end" }),
        }
    }
}
