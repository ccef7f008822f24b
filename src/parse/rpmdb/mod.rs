//! rpm's databases: Berkeley DB hash (`Packages`, up to rpm 4.15), NDB (`Packages.db`, SUSE) and SQLite
//! (`rpmdb.sqlite`, from rpm 4.16).
//!
//! In all of them a package is its header, a blob of some 10 to 500 KiB whose few fields that matter stand near its
//! start. A database has up to hundreds of megabytes, so that these readers work on a seekable input and fetch no more
//! than the beginning of each header; that is also why none of them is a database library, which would want the whole.
//! Every count, offset and chain is checked against the size of the file: a broken database is an error, not a loop.

mod bdb;
mod header;
mod ndb;
mod sqlite;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use thiserror::Error;

pub use header::Header;

/// Packages that are read of one database; the largest distributions have 70,000 in all.
const MAX_PACKAGES: usize = 200_000;
/// The largest header that is right, as rpm has it (`lib/header.c`, HEADER_DATA_MAX).
const MAX_HEADER: u64 = 256 << 20;

/// Which of rpm's formats a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Berkeley DB, hash.
    BerkeleyDb,
    /// rpm's own.
    Ndb,
    /// SQLite.
    Sqlite,
}

/// Why a database could not be read.
#[derive(Debug, Error)]
pub enum RpmdbError {
    /// The file could not be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is none of the formats, or of a version that is not known.
    #[error("{0}")]
    Unsupported(String),
    /// It contradicts itself.
    #[error("the database is broken at byte {offset}: {reason}")]
    Corrupt {
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// The packages of a database, in its order.
///
/// # Errors
/// [`RpmdbError`]; packages that were read before the error are lost with it, since a list that may lack some must not
/// be taken for the whole.
pub fn packages(input: impl Read + Seek) -> Result<(Format, Vec<Header>), RpmdbError> {
    let mut found = Vec::new();
    let format = each_header(input, |blobs, len, buffer| {
        found.extend(header::read(blobs, len, buffer)?);
        if found.len() > MAX_PACKAGES {
            return Err(RpmdbError::Unsupported(format!("it has more than {MAX_PACKAGES} packages")));
        }
        Ok(())
    })?;
    Ok((format, found))
}

/// The names of the packages that own files: `wanted` says under which name a path is asked for, if it is.
///
/// # Errors
/// [`RpmdbError`], as for [`packages`].
pub fn owners(
    input: impl Read + Seek,
    wanted: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, RpmdbError> {
    let mut owners = BTreeMap::new();
    each_header(input, |blobs, len, buffer| header::add_owned(blobs, len, buffer, wanted, &mut owners))?;
    Ok(owners)
}

/// Calls `read` with each header's blob, its length and a buffer that is empty.
fn each_header(
    input: impl Read + Seek,
    mut read: impl FnMut(&mut dyn Blobs, u64, &mut Vec<u8>) -> Result<(), RpmdbError>,
) -> Result<Format, RpmdbError> {
    let mut file = Source::new(input)?;
    let mut start = [0_u8; 16];
    if file.len < 512 {
        return Err(RpmdbError::Unsupported(format!("it has {} bytes, which is no database", file.len)));
    }
    file.read_at(0, &mut start)?;
    if start.starts_with(b"SQLite format 3\0") {
        headers(&mut sqlite::Database::open(file)?, &mut read)?;
        return Ok(Format::Sqlite);
    }
    if start.starts_with(b"RpmP") {
        headers(&mut ndb::Database::open(file)?, &mut read)?;
        return Ok(Format::Ndb);
    }
    if let Some(mut database) = bdb::Database::open(file)? {
        headers(&mut database, &mut read)?;
        return Ok(Format::BerkeleyDb);
    }
    Err(RpmdbError::Unsupported("it is neither a Berkeley DB hash, nor NDB, nor SQLite".to_owned()))
}

/// What is done with a header's blob.
type Reading<'a> = &'a mut dyn FnMut(&mut dyn Blobs, u64, &mut Vec<u8>) -> Result<(), RpmdbError>;

fn headers(blobs: &mut dyn Blobs, read: Reading<'_>) -> Result<(), RpmdbError> {
    let mut buffer = Vec::new();
    while let Some(len) = blobs.advance()? {
        buffer.clear();
        read(blobs, len, &mut buffer)?;
    }
    Ok(())
}

/// The headers in a database, one after the other.
trait Blobs {
    /// Goes to the next header, and says how many bytes it has; none after the last.
    fn advance(&mut self) -> Result<Option<u64>, RpmdbError>;

    /// Reads on in the header, until `buffer` holds its first `len` bytes or the whole of it.
    fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> Result<(), RpmdbError>;
}

/// A file that is read by position, and its length.
struct Source<R> {
    input: R,
    len: u64,
}

impl<R: Read + Seek> Source<R> {
    fn new(mut input: R) -> Result<Self, RpmdbError> {
        let len = input.seek(SeekFrom::End(0))?;
        Ok(Self { input, len })
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), RpmdbError> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(RpmdbError::Corrupt { offset, reason: "it ends before what it speaks of" });
        }
        self.input.seek(SeekFrom::Start(offset))?;
        Ok(self.input.read_exact(buffer)?)
    }
}

/// Which end of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

/// The 16-bit number at `offset`; none past the end.
fn u16_at(bytes: &[u8], offset: usize, endian: Endian) -> Option<u16> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(if endian == Endian::Big { u16::from_be_bytes(*bytes) } else { u16::from_le_bytes(*bytes) })
}

/// The 32-bit number at `offset`; none past the end.
fn u32_at(bytes: &[u8], offset: usize, endian: Endian) -> Option<u32> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(if endian == Endian::Big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) })
}

#[cfg(test)]
mod tests;
