//! rpm's header blob (`lib/header.c`): two counts, an index of 16 bytes an entry, and the data that it points into,
//! all big-endian.

use std::collections::BTreeMap;

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
    count: usize,
}

/// The index of a header, and where its data starts.
struct Index {
    entries: Vec<(u32, Entry)>,
    start: usize,
}

impl Index {
    fn find(&self, tag: u32) -> Option<Entry> {
        self.entries.iter().find(|(one, _)| *one == tag).map(|(_, entry)| *entry)
    }
}

/// Reads the index of the header that `blobs` stands at, which has `len` bytes; none for what is too short to be one.
fn index(blobs: &mut dyn Blobs, len: u64, buffer: &mut Vec<u8>) -> Result<Option<Index>, RpmdbError> {
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
    let entries = buffer
        .get(8..start)
        .unwrap_or_default()
        .chunks_exact(16)
        .filter_map(|entry| {
            let number = |offset| u32_at(entry, offset, Endian::Big);
            let at = |offset| usize::try_from(number(offset)?).ok();
            Some((number(0)?, Entry { kind: number(4)?, offset: at(8)?, count: at(12)? }))
        })
        .collect();
    Ok(Some(Index { entries, start }))
}

/// Reads the header that `blobs` stands at, which has `len` bytes. None if it has no name, which no package lacks:
/// Berkeley DB keeps a number among the headers.
pub(super) fn read(
    blobs: &mut dyn Blobs,
    len: u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<Header>, RpmdbError> {
    let Some(index) = index(blobs, len, buffer)? else { return Ok(None) };
    let mut fields = Fields { blobs, buffer, start: index.start };
    let Some(name) = fields.string(index.find(1000))? else { return Ok(None) };
    Ok(Some(Header {
        name,
        epoch: fields.number(index.find(1003))?,
        version: fields.string(index.find(1001))?.unwrap_or_default(),
        release: fields.string(index.find(1002))?.unwrap_or_default(),
        architecture: fields.string(index.find(1022))?,
        vendor: fields.string(index.find(1011))?,
        installed: fields.number(index.find(1008))?,
    }))
}

/// Tags of the lists of files: each name in BASENAMES is in the folder of DIRNAMES that DIRINDEXES says (rpmtag.h).
const DIRINDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRNAMES: u32 = 1118;

/// Adds the files of the header that `blobs` stands at which are `wanted`, with the package's name.
pub(super) fn add_owned(
    blobs: &mut dyn Blobs,
    len: u64,
    buffer: &mut Vec<u8>,
    wanted: &dyn Fn(&str) -> Option<String>,
    owners: &mut BTreeMap<String, String>,
) -> Result<(), RpmdbError> {
    let Some(index) = index(blobs, len, buffer)? else { return Ok(()) };
    let find = |tag| index.find(tag);
    let (Some(indexes), Some(names), Some(folders)) = (find(DIRINDEXES), find(BASENAMES), find(DIRNAMES))
    else {
        return Ok(());
    };
    let Ok(whole) = usize::try_from(len) else { return Ok(()) };
    blobs.fill(buffer, whole)?;
    let data = buffer.get(index.start..).unwrap_or_default();
    let texts = |entry: Entry| {
        let bytes = data.get(entry.offset..).unwrap_or_default();
        bytes.split(|byte| *byte == 0).take(entry.count)
    };
    let folders: Vec<&[u8]> = texts(folders).collect();
    let name = find(1000).and_then(|entry| texts(entry).next()).unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    for (position, base) in texts(names).enumerate() {
        let at = indexes.offset.saturating_add(position.saturating_mul(4));
        let folder = u32_at(data, at, Endian::Big).and_then(|number| usize::try_from(number).ok());
        let Some(folder) = folder.and_then(|number| folders.get(number)) else { continue };
        let path = [folder, base].concat();
        if let Ok(path) = std::str::from_utf8(&path)
            && let Some(path) = wanted(path)
        {
            owners.insert(path, name.clone().into_owned());
        }
    }
    Ok(())
}

/// The data of a header, fetched as far as it is asked for.
struct Fields<'a> {
    blobs: &'a mut dyn Blobs,
    buffer: &'a mut Vec<u8>,
    start: usize,
}

impl Fields<'_> {
    fn string(&mut self, entry: Option<Entry>) -> Result<Option<String>, RpmdbError> {
        let Some(Entry { kind: STRING, offset, .. }) = entry else { return Ok(None) };
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
        let Some(Entry { kind: INT32, offset, .. }) = entry else { return Ok(None) };
        let from = self.start.saturating_add(offset);
        self.blobs.fill(self.buffer, from.saturating_add(4))?;
        match u32_at(self.buffer, from, Endian::Big) {
            Some(number) => Ok(Some(number)),
            None => Err(RpmdbError::Corrupt { offset: 0, reason: "a number in a header is beyond its end" }),
        }
    }
}
