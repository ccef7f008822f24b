//! Walks over the members of a tar archive, header by header: v7, ustar, GNU and pax (tar(5), GNU tar manual,
//! "Basic Tar Format").
//!
//! The headers are read with the `tar` crate; the walk itself is our own, because names and extended headers have to
//! stay within bounds, an archive that breaks off must still give what came before, and contents are passed over by
//! position where the input is a file.

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

use super::pax::{MAX_EXTENTS, Records};

/// A tar archive is made of blocks of this many bytes.
pub(super) const BLOCK: u64 = 512;
const BLOCK_LEN: usize = 512;
/// Bytes of a long name or an extended header that are read. Names end at PATH_MAX; extended attributes have at most
/// 64 KiB each.
const MAX_EXTENSION: u64 = 1 << 20;
/// Continuation headers of one old-style sparse map; each has 21 pieces.
const MAX_SPARSE_HEADERS: usize = MAX_EXTENTS / 21;

/// Where the bytes of an archive come from.
pub(super) trait Input: Read {
    /// Passes over `len` bytes; the number of those that were there.
    fn skip(&mut self, len: u64) -> io::Result<u64>;
}

impl<R: Read> Input for io::BufReader<R> {
    fn skip(&mut self, len: u64) -> io::Result<u64> {
        let mut left = len;
        while left > 0 {
            let available = self.fill_buf()?.len();
            if available == 0 {
                break;
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(available);
            self.consume(step);
            left -= step as u64;
        }
        Ok(len - left)
    }
}

/// A piece of a sparse file: where it goes, and its length; the pieces follow each other in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    SymbolicLink,
    Directory,
    Fifo,
    CharDevice,
    BlockDevice,
}

/// One member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name as written.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    /// Size of the file.
    pub(super) len: u64,
    /// Bytes of it that are in the archive; less than `len` in a sparse file.
    pub(super) stored: u64,
    /// Where in the archive they begin.
    pub(super) position: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) mtime: i64,
    /// What a link leads to, as written.
    pub(super) link: Vec<u8>,
    /// The pieces of a sparse file.
    pub(super) extents: Option<Vec<Extent>>,
}

/// Where and why an archive cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// Offset in the archive, behind its compression.
    pub(super) position: u64,
    pub(super) reason: String,
}

/// The members of an archive, one after the other.
pub(super) struct Walk<I> {
    input: I,
    position: u64,
    /// End of the member before: its contents may have been read or not.
    next: u64,
    /// What was wrong, in the order of the archive; it may go on after that.
    damage: Vec<Damage>,
    ended: bool,
}

/// Damages of one archive that are told.
const MAX_DAMAGES: usize = 20;

impl<I: Input> Walk<I> {
    pub(super) fn new(input: I) -> Self {
        Self { input, position: 0, next: 0, damage: Vec::new(), ended: false }
    }

    /// What was wrong, and the rest of the input.
    pub(super) fn finish(self) -> (Vec<Damage>, I) {
        (self.damage, self.input)
    }

    /// The next member, none at the end of the archive or where it breaks off.
    pub(super) fn next_member(&mut self) -> Option<Member> {
        let mut names = Names::default();
        let mut lost = false;
        while !self.ended {
            let header = self.header()?;
            if is_zero(header.as_bytes()) {
                self.ended = true;
                break;
            }
            if !checksum_fits(&header) {
                // As GNU tar does ("Skipping to next header"): blocks are passed over until one is a header.
                if !lost {
                    self.note(self.position - BLOCK, "this is no member's header".to_owned());
                }
                lost = true;
                names = Names::default();
                self.next = self.position;
                continue;
            }
            match self.member(&header, &mut names) {
                Ok(Some(member)) => return Some(member),
                Ok(None) => {}
                Err(reason) => {
                    self.note(self.position, reason);
                    self.ended = true;
                }
            }
        }
        None
    }

    /// Reads from the contents of the member that was returned last.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.next.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = self.input.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        self.position += read as u64;
        Ok(read)
    }

    /// Notes that the contents of a member could not be read to their end.
    pub(super) fn broken_off(&mut self, reason: String) {
        self.note(self.position, reason);
        self.ended = true;
    }

    fn note(&mut self, position: u64, reason: String) {
        if self.damage.len() < MAX_DAMAGES {
            self.damage.push(Damage { position, reason });
        }
    }

    /// The next header block; none where the input ends or fails, which is noted.
    fn header(&mut self) -> Option<Header> {
        if let Err(reason) = self.pass_over_contents() {
            self.broken_off(reason);
            return None;
        }
        let mut header = Header::new_old();
        match self.fill(header.as_mut_bytes()) {
            Ok(BLOCK_LEN) => {
                self.next = self.position;
                Some(header)
            }
            Ok(0) => {
                self.broken_off("it ends without the mark of its end: members may be missing".to_owned());
                None
            }
            Ok(_) => {
                self.broken_off("it breaks off inside a header".to_owned());
                None
            }
            Err(error) => {
                self.broken_off(error.to_string());
                None
            }
        }
    }

    fn pass_over_contents(&mut self) -> Result<(), String> {
        let left = self.next.saturating_sub(self.position);
        let passed = self.input.skip(left).map_err(|error| error.to_string())?;
        self.position += passed;
        if passed < left { Err("it breaks off inside a member".to_owned()) } else { Ok(()) }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    self.position += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// What a header says; none if it speaks of the next one or of nothing that is in a tree.
    fn member(&mut self, header: &Header, names: &mut Names) -> Result<Option<Member>, String> {
        let kind = header.entry_type();
        let size = header.entry_size().map_err(|_| "a member's size is no number".to_owned())?;
        match kind {
            EntryType::GNULongName => names.path = self.extension(size)?.map(until_nul),
            EntryType::GNULongLink => names.link = self.extension(size)?.map(until_nul),
            EntryType::XHeader => {
                let records = self.extension(size)?;
                if records.is_some_and(|records| !names.records.read(&records)) {
                    self.note(self.position, "an extended header is malformed".to_owned());
                }
            }
            // Defaults for all members; those that tar programs write (`comment` of git archive) are of no matter.
            EntryType::XGlobalHeader => self.set_end(size)?,
            _ => {
                let names = std::mem::take(names);
                return self.file(header, names, size);
            }
        }
        Ok(None)
    }

    fn file(&mut self, header: &Header, names: Names, size: u64) -> Result<Option<Member>, String> {
        let entry_type = header.entry_type();
        let path = names.path.or(names.records.path).unwrap_or_else(|| header.path_bytes().into_owned());
        let size = names.records.size.unwrap_or(size);
        let kind = match entry_type {
            // v7 had no type for directories but the slash.
            EntryType::Regular if path.ends_with(b"/") && header.as_ustar().is_none() => Kind::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Link => Kind::HardLink,
            EntryType::Symlink => Kind::SymbolicLink,
            EntryType::Directory => Kind::Directory,
            EntryType::Fifo => Kind::Fifo,
            EntryType::Char => Kind::CharDevice,
            EntryType::Block => Kind::BlockDevice,
            other => {
                // `V`: a volume's label; `M`: the rest of a file of the volume before; `D`: an incremental list.
                self.set_end(size)?;
                if other.as_byte() == b'M' {
                    self.note(self.position, "it is a later volume of an archive of several".to_owned());
                }
                return Ok(None);
            }
        };
        // GNU tar's list.c: "links 0 size on tape"; the others have no contents either.
        let size = if kind == Kind::File { size } else { 0 };
        let mut member = Member {
            path,
            kind,
            len: size,
            stored: size,
            position: self.position,
            // A broken mode, owner or time is no reason to lose the file.
            mode: header.mode().unwrap_or(0o644) & 0o7777,
            uid: names.records.uid.unwrap_or_else(|| {
                header.uid().ok().and_then(|uid| u32::try_from(uid).ok()).unwrap_or_default()
            }),
            mtime: names.records.mtime.unwrap_or_else(|| {
                header.mtime().ok().and_then(|mtime| i64::try_from(mtime).ok()).unwrap_or_default()
            }),
            link: names
                .link
                .or(names.records.link)
                .or_else(|| header.link_name_bytes().map(|link| link.into_owned()))
                .unwrap_or_default(),
            extents: None,
        };
        if entry_type == EntryType::GNUSparse {
            self.old_sparse(header, &mut member)?;
        }
        self.set_end(member.stored)?;
        if let Some(sparse) = names.records.sparse {
            member.extents = Some(sparse.extents);
            if sparse.major >= 1 {
                self.sparse_map(&mut member)?;
            }
            member.len = sparse.real_size.unwrap_or(member.len);
        }
        Ok(Some(member))
    }

    /// Sets the end of the contents that begin here.
    fn set_end(&mut self, size: u64) -> Result<(), String> {
        let padded = size.checked_next_multiple_of(BLOCK);
        let end = padded.and_then(|padded| self.position.checked_add(padded));
        self.next = end.ok_or("a member's size is beyond any archive's")?;
        Ok(())
    }

    /// The contents of a header that speaks of the next one; none if they are larger than any that is right.
    fn extension(&mut self, size: u64) -> Result<Option<Vec<u8>>, String> {
        self.set_end(size)?;
        if size > MAX_EXTENSION {
            self.note(self.position, format!("an extended header of {size} bytes is passed over"));
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        match self.fill(&mut bytes) {
            Ok(read) if read == bytes.len() => Ok(Some(bytes)),
            Ok(_) => Err("it breaks off inside an extended header".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The map of GNU's own sparse format: four pieces in the header, more in blocks behind it.
    fn old_sparse(&mut self, header: &Header, member: &mut Member) -> Result<(), String> {
        let broken = || "the map of a sparse file is malformed".to_owned();
        let gnu = header.as_gnu().ok_or_else(broken)?;
        member.len = gnu.real_size().map_err(|_| broken())?;
        let mut extents = Vec::new();
        let mut push = |piece: &tar::GnuSparseHeader| {
            if piece.is_empty() {
                return Ok(());
            }
            let (offset, len) = (piece.offset(), piece.length());
            let (Ok(offset), Ok(len)) = (offset, len) else { return Err(broken()) };
            extents.push(Extent { offset, len });
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut push)?;
        let mut more = gnu.is_extended();
        let mut headers = 0;
        while more {
            headers += 1;
            let mut block = tar::GnuExtSparseHeader::new();
            let read = self.fill(block.as_mut_bytes()).map_err(|error| error.to_string())?;
            if read < BLOCK_LEN || headers > MAX_SPARSE_HEADERS {
                return Err(broken());
            }
            block.sparse().iter().try_for_each(&mut push)?;
            more = block.is_extended();
        }
        member.position = self.position;
        member.extents = Some(extents);
        Ok(())
    }

    /// The map of version 1.0: decimal numbers, one a line, in whole blocks before the data.
    fn sparse_map(&mut self, member: &mut Member) -> Result<(), String> {
        let broken = || "the map of a sparse file is malformed".to_owned();
        let mut text = Vec::new();
        let mut numbers: Vec<u64> = Vec::new();
        loop {
            let mut block = [0_u8; BLOCK_LEN];
            if self.next.saturating_sub(self.position) < BLOCK {
                return Err(broken());
            }
            if self.fill(&mut block).map_err(|error| error.to_string())? < BLOCK_LEN {
                return Err("it breaks off inside a member".to_owned());
            }
            text.extend_from_slice(&block);
            let mut lines = text.split(|byte| *byte == b'\n').peekable();
            let mut rest = Vec::new();
            while let Some(line) = lines.next() {
                if wanted(&numbers).is_some_and(|wanted| numbers.len() >= wanted) {
                    break;
                }
                if lines.peek().is_none() {
                    rest = line.to_vec();
                    break;
                }
                let number = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok());
                numbers.push(number.ok_or_else(broken)?);
            }
            text = rest;
            match wanted(&numbers) {
                Some(wanted) if numbers.len() >= wanted => break,
                Some(wanted) if wanted > 2 * MAX_EXTENTS => return Err(broken()),
                _ if text.len() > 32 => return Err(broken()),
                _ => {}
            }
        }
        let pairs = numbers.get(1..).unwrap_or_default().chunks_exact(2);
        let extents = pairs.filter_map(|pair| match *pair {
            [offset, len] => Some(Extent { offset, len }),
            _ => None,
        });
        member.extents = Some(extents.collect());
        member.stored = member.stored.saturating_sub(self.position - member.position);
        member.position = self.position;
        Ok(())
    }
}

/// How many numbers a sparse map has: the first says how many pairs follow.
fn wanted(numbers: &[u64]) -> Option<usize> {
    let pairs = usize::try_from(*numbers.first()?).unwrap_or(usize::MAX);
    Some(pairs.saturating_mul(2).saturating_add(1))
}

/// What headers before a member say of it.
#[derive(Default)]
struct Names {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Records,
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(nul) = memchr::memchr(0, &bytes) {
        bytes.truncate(nul);
    }
    bytes
}

fn is_zero(block: &[u8; BLOCK_LEN]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// Whether the block is a header: its checksum, of unsigned or (old Sun and HP tars) of signed bytes, fits.
pub(super) fn checksum_fits(header: &Header) -> bool {
    let Ok(said) = header.cksum() else { return false };
    let bytes = header.as_bytes();
    // The checksum itself counts as eight blanks.
    let (before, rest) = bytes.split_at(148);
    let after = rest.get(8..).unwrap_or_default();
    let unsigned = 8 * 32 + before.iter().chain(after).map(|byte| u32::from(*byte)).sum::<u32>();
    if unsigned == said {
        return true;
    }
    let signed = 8 * 32 + before.iter().chain(after).map(|byte| i32::from(byte.cast_signed())).sum::<i32>();
    i64::from(signed) == i64::from(said)
}
