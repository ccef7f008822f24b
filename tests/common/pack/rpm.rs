//! rpm databases. In Berkeley DB's hash format, as RHEL 8 and older keep `/var/lib/rpm/Packages`: a metadata page, one
//! bucket, and each header in a chain of overflow pages. In SQLite, as RHEL 9 keeps `/var/lib/rpm/rpmdb.sqlite`.

use std::iter::repeat_n;

/// What the database says of one installed package.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its version, as `1.0.0`.
    pub version: &'static str,
    /// Its release, as `27.el6`.
    pub release: &'static str,
    /// The files that belong to it, as folder (with its last slash) and name.
    pub files: &'static [(&'static str, &'static str)],
}

const PAGE: usize = 4096;
/// Bytes of a page before its content.
const PAGE_HEADER: usize = 26;
const HASH_PAGE: u8 = 13;
const OVERFLOW_PAGE: u8 = 7;
const HASH_META_PAGE: u8 = 8;

/// A database of these packages, numbered from 1.
pub fn packages_bdb(packages: &[Package]) -> Vec<u8> {
    // Page 0 is the metadata, page 1 the bucket; headers follow.
    let mut overflow: Vec<Vec<u8>> = Vec::new();
    let mut items: Vec<Vec<u8>> = Vec::new();
    let counted = u32::try_from(packages.len()).unwrap();
    // rpm's own record 0 holds the number given last.
    push_pair(&mut items, &mut overflow, 0, &counted.to_le_bytes());
    for (number, package) in (1..).zip(packages) {
        push_pair(&mut items, &mut overflow, number, &header(package));
    }
    let last_page = u32::try_from(overflow.len() + 1).unwrap();
    let mut database = metadata(last_page, u32::try_from(packages.len() + 1).unwrap());
    database.extend(bucket(&items));
    database.extend(overflow.into_iter().flatten());
    database
}

/// A database of these packages in SQLite, with the one table that rpm rebuilds the others from (lib/backend/sqlite.c
/// of rpm; <https://www.sqlite.org/fileformat2.html>): a page for the schema, a page for the rows.
pub fn packages_sqlite(packages: &[Package]) -> Vec<u8> {
    let sql = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)";
    let text = |text: &str| (13 + 2 * text.len(), text.as_bytes().to_vec());
    let root_page = (1, vec![2]);
    let schema = record(&[text("table"), text("Packages"), text("Packages"), root_page, text(sql)]);
    let rows: Vec<Vec<u8>> = packages
        .iter()
        .map(|package| {
            let header = header(package);
            // The row's number stands for the key, which is null in the record.
            record(&[(0, Vec::new()), (12 + 2 * header.len(), header)])
        })
        .collect();

    let mut file = b"SQLite format 3\0".to_vec();
    file.extend(u16::try_from(PAGE).unwrap().to_be_bytes());
    file.extend([1, 1, 0, 64, 32, 32]);
    // change counter, pages, free list, schema's cookie and format, cache, largest root, UTF-8, three unused
    file.extend([1, 2, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0].into_iter().flat_map(u32::to_be_bytes));
    file.extend([0; 20]);
    file.extend([1, 3_034_001].into_iter().flat_map(u32::to_be_bytes)); // valid for that change; the writer's version
    leaf(&mut file, &[schema]);
    leaf(&mut file, &rows);
    file
}

/// Fills the page that `file` ends in, or the next one, with rows numbered from 1.
fn leaf(file: &mut Vec<u8>, rows: &[Vec<u8>]) {
    let page_end = (file.len() + 1).next_multiple_of(PAGE);
    let page_start = page_end - PAGE;
    let mut body = Vec::new();
    let mut pointers = Vec::new();
    for (number, row) in (1..).zip(rows) {
        let cell = [variable(row.len()), variable(number), row.clone()].concat();
        body.splice(0..0, cell);
        pointers.extend(u16::try_from(PAGE - body.len()).unwrap().to_be_bytes());
    }
    let start = u16::try_from(PAGE - body.len()).unwrap().to_be_bytes();
    let count = u16::try_from(rows.len()).unwrap().to_be_bytes();
    file.extend([&[13, 0, 0], count.as_slice(), &start, &[0], &pointers].concat());
    assert!(file.len() + body.len() <= page_end, "the packages need a second page, after {page_start}");
    file.resize(page_end - body.len(), 0);
    file.extend(body);
}

/// A record: the serial types of its columns, then their values.
fn record(columns: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let types: Vec<u8> = columns.iter().flat_map(|(kind, _)| variable(*kind)).collect();
    let values = columns.iter().flat_map(|(_, value)| value.iter().copied());
    variable(types.len() + 1).into_iter().chain(types).chain(values).collect()
}

/// A number in SQLite's variable length: seven bits a byte, the first ones first.
fn variable(number: usize) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(number & 0x7f).unwrap()];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes
}

/// A key and its data: data beyond a few bytes goes to overflow pages, and the bucket says where.
fn push_pair(items: &mut Vec<Vec<u8>>, overflow: &mut Vec<Vec<u8>>, number: u32, data: &[u8]) {
    const KEYDATA: u8 = 1;
    const OFFPAGE: u8 = 3;
    items.push([KEYDATA].into_iter().chain(number.to_le_bytes()).collect());
    if data.len() < 64 {
        items.push([KEYDATA].into_iter().chain(data.iter().copied()).collect());
        return;
    }
    let first = u32::try_from(overflow.len() + 2).unwrap();
    let chunks: Vec<&[u8]> = data.chunks(PAGE - PAGE_HEADER).collect();
    for (index, chunk) in (0_u32..).zip(&chunks) {
        let next = if index as usize + 1 == chunks.len() { 0 } else { first + index + 1 };
        let previous = if index == 0 { 0 } else { first + index - 1 };
        // On an overflow page the count is that of references, the offset that of bytes.
        let mut page = page_header(first + index, previous, next, 1, chunk.len(), OVERFLOW_PAGE);
        page.extend(*chunk);
        page.resize(PAGE, 0);
        overflow.push(page);
    }
    let words = [first, u32::try_from(data.len()).unwrap()].into_iter().flat_map(u32::to_le_bytes);
    items.push([OFFPAGE, 0, 0, 0].into_iter().chain(words).collect());
}

fn page_header(number: u32, previous: u32, next: u32, entries: usize, offset: usize, kind: u8) -> Vec<u8> {
    let mut page = vec![0; 8]; // log sequence number
    page.extend([number, previous, next].into_iter().flat_map(u32::to_le_bytes));
    page.extend([entries, offset].into_iter().flat_map(|n| u16::try_from(n).unwrap().to_le_bytes()));
    page.extend([0, kind]);
    page
}

/// The one hash bucket: offsets grow from the front, items from the back.
fn bucket(items: &[Vec<u8>]) -> Vec<u8> {
    let mut offsets = Vec::new();
    let mut end = PAGE;
    let mut body = Vec::new();
    for item in items {
        end -= item.len();
        offsets.extend(u16::try_from(end).unwrap().to_le_bytes());
        body.splice(0..0, item.iter().copied());
    }
    let mut page = page_header(1, 0, 0, items.len(), end, HASH_PAGE);
    page.extend(offsets);
    assert!(page.len() <= end, "the packages need a second bucket");
    page.resize(end, 0);
    page.extend(body);
    page
}

/// `HASHHDR` of Berkeley DB: one bucket, on page 1.
fn metadata(last_page: u32, records: u32) -> Vec<u8> {
    const MAGIC: u32 = 0x0006_1561;
    const VERSION: u32 = 9;
    let mut page = vec![0; 8];
    page.extend([0, MAGIC, VERSION, PAGE as u32].into_iter().flat_map(u32::to_le_bytes));
    page.extend([0, HASH_META_PAGE, 0, 0]);
    // free list, last page, partitions, records, keys, flags
    page.extend([0, last_page, 0, records, records, 0].into_iter().flat_map(u32::to_le_bytes));
    page.extend(*b"bootproof-fixture-01"); // the file's id: 20 bytes
    // highest bucket, its two masks, fill factor, expected records, check of the hash function
    page.extend([0, 1, 0, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes));
    page.extend(1_u32.to_le_bytes()); // spares: bucket 0 is on page 1
    page.resize(PAGE, 0);
    page
}

/// Types and tags of rpm's `rpmtag.h`.
const INT32: u32 = 4;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRINGS: u32 = 8;
const REGION: u32 = 63;

/// An rpm header as the database holds it: counts, index entries, data, all big-endian, within one region.
fn header(package: &Package) -> Vec<u8> {
    let text = |value: &str| value.bytes().chain([0]).collect::<Vec<u8>>();
    let mut entries: Vec<(u32, u32, u32, Vec<u8>)> = vec![
        (1000, STRING, 1, text(package.name)),
        (1001, STRING, 1, text(package.version)),
        (1002, STRING, 1, text(package.release)),
        (1008, INT32, 1, 1_400_000_000_u32.to_be_bytes().to_vec()),
        (1011, STRING, 1, text("CentOS")),
        (1022, STRING, 1, text("x86_64")),
        (1044, STRING, 1, text(&format!("{}-{}-{}.src.rpm", package.name, package.version, package.release))),
    ];
    if !package.files.is_empty() {
        let mut folders: Vec<&str> = package.files.iter().map(|&(folder, _)| folder).collect();
        folders.dedup();
        let index = |folder| u32::try_from(folders.iter().position(|&f| f == folder).unwrap()).unwrap();
        let of_files = package.files.iter().flat_map(|&(folder, _)| index(folder).to_be_bytes()).collect();
        let count = u32::try_from(package.files.len()).unwrap();
        entries.push((1116, INT32, count, of_files));
        entries.push((
            1117,
            STRINGS,
            count,
            package.files.iter().flat_map(|&(_, name)| text(name)).collect(),
        ));
        let names = folders.iter().flat_map(|&folder| text(folder)).collect();
        entries.push((1118, STRINGS, u32::try_from(folders.len()).unwrap(), names));
    }
    let mut index: Vec<u8> = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    for (tag, kind, count, bytes) in &entries {
        if *kind == INT32 {
            data.extend(repeat_n(0, data.len().next_multiple_of(4) - data.len()));
        }
        index.extend(
            [*tag, *kind, u32::try_from(data.len()).unwrap(), *count].into_iter().flat_map(u32::to_be_bytes),
        );
        data.extend(bytes);
    }
    let count = u32::try_from(entries.len() + 1).unwrap();
    // The region's trailer looks like an index entry whose offset counts back over the whole index.
    let trailer_at = u32::try_from(data.len()).unwrap();
    let back = (16 * count).wrapping_neg();
    data.extend([REGION, BINARY, back, 16].into_iter().flat_map(u32::to_be_bytes));
    let counts = [count, u32::try_from(data.len()).unwrap()].into_iter().flat_map(u32::to_be_bytes);
    let region = [REGION, BINARY, trailer_at, 16].into_iter().flat_map(u32::to_be_bytes);
    counts.chain(region).chain(index).chain(data).collect()
}
