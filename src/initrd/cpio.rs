//! Walking through the archives of an image, entry by entry.
//!
//! Follows init/initramfs.c of the kernel: archives may follow each other with any number of zeros between, a
//! trailer is not needed, headers are aligned to four bytes, names end at their first NUL, names and link targets of
//! more than `PATH_MAX` bytes are skipped, and a compressed member must hold whole entries.

use std::collections::HashMap;
use std::io::{self, Read, SeekFrom};
use std::ops::ControlFlow;

use super::input::{Input, ReadSeek};
use super::unpack::{Stop, Unpacker};
use super::{
    Archive, Compression, Damage, DamageKind, Entry, EntryKind, Format, ImageLimits, ReadError, codec,
};
use crate::source::escape_bytes;

/// Bytes of a header: the magic and thirteen fields of eight hexadecimal digits.
const HEADER: usize = 110;

/// Bytes of a link's target at most; the kernel skips links with more (`PATH_MAX`).
const LINK_TARGET: u64 = 4096;

/// The name that closes an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Bytes by which a buffer grows while contents really come, whatever size their header claims.
const GROWTH: usize = 1 << 20;

/// Sees each entry of an image as it comes by.
pub(super) trait Visitor {
    /// Looks at an entry, the `index`th of the image, and at as much of its contents as it likes. What it does not
    /// read is skipped. Breaking off ends the walk, and is no damage.
    ///
    /// # Errors
    /// What reading the contents gives.
    fn entry(
        &mut self,
        index: usize,
        entry: &Entry,
        body: &mut Body<'_, '_>,
    ) -> Result<ControlFlow<()>, Stop>;
}

/// The contents of one entry.
pub(super) struct Body<'u, 'a> {
    unpacker: &'u mut Unpacker<'a>,
    remaining: u64,
    /// The sum of the bytes seen, for archives with checksums.
    sum: Option<u32>,
}

impl Body<'_, '_> {
    /// Bytes that have not been read yet.
    pub(super) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Reads what is left into `buffer`, whose length only ever grows, and returns that part of it.
    pub(super) fn read_all<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], Stop> {
        let mut length = 0;
        while self.remaining > 0 {
            if length >= buffer.len() {
                let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX);
                buffer.resize(length.saturating_add(wanted.min(GROWTH.max(length))), 0);
            }
            length += self.read_some(buffer.get_mut(length..).unwrap_or_default())?;
        }
        Ok(buffer.get(..length).unwrap_or_default())
    }

    /// Reads some bytes into `out`; none only if `out` is empty or the contents are at their end.
    pub(super) fn read_some(&mut self, out: &mut [u8]) -> Result<usize, Stop> {
        let most = out.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let out = out.get_mut(..most).unwrap_or_default();
        let got = self.unpacker.read(out)?;
        self.remaining = self.remaining.saturating_sub(got as u64);
        if let Some(sum) = &mut self.sum {
            *sum = out.iter().take(got).fold(*sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        }
        Ok(got)
    }

    /// Skips what is left. Contents with a checksum are read all the same.
    fn finish(&mut self) -> Result<Option<u32>, Stop> {
        if self.sum.is_none() {
            self.unpacker.skip(self.remaining)?;
            self.remaining = 0;
            return Ok(None);
        }
        let mut scratch = vec![0; 64 * 1024];
        while self.remaining > 0 {
            self.read_some(&mut scratch)?;
        }
        Ok(self.sum)
    }
}

/// What a walk leaves behind.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) size: u64,
    pub(super) archives: Vec<Archive>,
    pub(super) entries: Vec<Entry>,
    pub(super) damage: Option<Damage>,
}

/// Walks through all archives of `file`.
pub(super) fn walk(
    file: &mut dyn ReadSeek,
    limits: &ImageLimits,
    visitor: &mut dyn Visitor,
) -> Result<Contents, ReadError> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut input = Input::new(file);
    input.peek(1)?;
    let mut walk = Walk {
        unpacker: Unpacker::new(input, size, limits.unpacked),
        limits,
        visitor,
        contents: Contents { size, ..Contents::default() },
        links: HashMap::new(),
        open: None,
        current: None,
        name: Vec::new(),
        ended: false,
    };
    if let Err(stop) = walk.archives() {
        walk.record(stop);
    }
    Ok(walk.contents)
}

struct Walk<'w, 'a> {
    unpacker: Unpacker<'a>,
    limits: &'w ImageLimits,
    visitor: &'w mut dyn Visitor,
    contents: Contents,
    /// Files with several names in the current archive, by device and inode.
    links: HashMap<(u32, u32, u32), u32>,
    /// The archive that entries are being read of, and where it starts in the unpacked stream.
    open: Option<(usize, u64)>,
    /// The name of the entry that is being read.
    current: Option<String>,
    name: Vec<u8>,
    /// Whether the last that was read is a trailer.
    ended: bool,
}

/// A header's fields, as far as they matter here.
struct Header {
    format: Format,
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u32,
    size: u64,
    on_device: (u32, u32),
    device: (u32, u32),
    name_size: u64,
    checksum: u32,
}

impl Walk<'_, '_> {
    /// Reads one archive after the other.
    fn archives(&mut self) -> Result<(), Stop> {
        not_a_file_system(self.unpacker.peek(FILE_SYSTEM_HEAD)?)?;
        loop {
            if self.unpacker.skip_zeros()?.is_none() {
                self.close_archive();
                return Ok(());
            }
            let place = self.unpacker.file_position();
            let head = self.unpacker.peek(codec::MAGIC_LENGTH)?;
            let Some(compression) = codec::detect(head) else {
                let stop = unknown_start(head, place);
                self.close_archive();
                return Err(stop);
            };
            let refused = codec::refused(compression, head);
            if compression == Compression::None {
                if !place.is_multiple_of(4) {
                    self.close_archive();
                    let reason = "a cpio archive starts here, but not at a multiple of four bytes; the kernel does \
                                  not take it for one";
                    return Err(Stop::new(DamageKind::Garbage, reason));
                }
                if self.entry()?.is_break() {
                    return Ok(());
                }
                continue;
            }
            self.close_archive();
            self.unpacker.open(compression)?;
            self.open_archive(compression, place, refused);
            let going_on = self.member().and_then(|going_on| {
                // lz4's decoder takes a frame that is cut off in its header for an empty one.
                match self.unpacker.offset() {
                    0 => Err(Stop::new(DamageKind::Truncated, "a compressed archive that holds nothing")),
                    _ => Ok(going_on),
                }
            });
            self.close_archive();
            if going_on?.is_break() {
                return Ok(());
            }
            self.unpacker.close();
        }
    }

    /// Reads the entries of one compressed member.
    fn member(&mut self) -> Result<ControlFlow<()>, Stop> {
        not_a_file_system(self.unpacker.fill()?)?;
        while let Some(byte) = self.unpacker.skip_zeros()? {
            if byte != b'0' {
                return Err(Stop::new(
                    DamageKind::Garbage,
                    "something that is neither zeros nor a cpio header follows in the compressed archive",
                ));
            }
            if !self.unpacker.offset().is_multiple_of(4) {
                return Err(Stop::new(
                    DamageKind::Corrupt,
                    "a cpio header does not start at a multiple of four bytes",
                ));
            }
            if self.entry()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads one entry, which the stream stands at.
    fn entry(&mut self) -> Result<ControlFlow<()>, Stop> {
        let start = self.unpacker.offset();
        self.unpacker.inside = true;
        let mut bytes = [0; HEADER];
        self.unpacker.read_exact(&mut bytes)?;
        let header = Header::parse(&bytes)?;
        if self.open.is_none() {
            let place = self.unpacker.place().saturating_sub(HEADER as u64);
            self.open_archive(Compression::None, place, None);
        }
        // Header and name together are padded to four bytes, and so are the contents.
        let contents =
            start.saturating_add(HEADER as u64).saturating_add(header.name_size).next_multiple_of(4);
        let next = contents.saturating_add(header.size).next_multiple_of(4);
        if header.name_size == 0 || header.name_size > self.limits.name as u64 {
            self.unpacker.skip(next.saturating_sub(self.unpacker.offset()))?;
            self.unpacker.inside = false;
            return Ok(ControlFlow::Continue(()));
        }
        self.name.resize(usize::try_from(header.name_size).unwrap_or_default(), 0);
        self.unpacker.read_exact(&mut self.name)?;
        let end = memchr::memchr(0, &self.name).unwrap_or(self.name.len());
        self.name.truncate(end);
        self.unpacker.skip(contents.saturating_sub(self.unpacker.offset()))?;
        self.ended = self.name == TRAILER;
        if self.ended {
            self.skip_padded(next)?;
            self.links.clear();
            if self.unpacker.compression() == Compression::None {
                self.close_archive();
            }
            return Ok(ControlFlow::Continue(()));
        }
        self.current = Some(escape_bytes(&self.name));
        let going_on = self.contents_of(&header)?;
        if going_on.is_continue() {
            self.skip_padded(next)?;
        }
        self.current = None;
        Ok(going_on)
    }

    /// Reads the contents that belong to `header`, and keeps the entry.
    fn contents_of(&mut self, header: &Header) -> Result<ControlFlow<()>, Stop> {
        let index = self.contents.entries.len();
        if index >= self.limits.entries {
            let reason = format!("the image has more than the limit of {} entries", self.limits.entries);
            return Err(Stop::new(DamageKind::OverLimit, reason));
        }
        let mut entry = self.entry_of(header, index);
        let sum = (header.format == Format::Crc && entry.kind() == EntryKind::File).then_some(0);
        let mut body = Body { unpacker: &mut self.unpacker, remaining: header.size, sum };
        let read = (|| {
            if entry.kind() == EntryKind::Link && header.size <= LINK_TARGET {
                let mut target = Vec::new();
                let length = body.read_all(&mut target)?.len();
                target.truncate(length);
                entry.target = Some(target.into());
            }
            let going_on = self.visitor.entry(index, &entry, &mut body)?;
            if going_on.is_continue() {
                check_sum(body.finish()?, header)?;
            }
            Ok(going_on)
        })();
        self.contents.entries.push(entry);
        if let Some(archive) = self.open.and_then(|(at, _)| self.contents.archives.get_mut(at)) {
            if archive.entries == 0 {
                archive.format = header.format;
            }
            archive.entries = archive.entries.saturating_add(1);
        }
        read
    }

    fn entry_of(&mut self, header: &Header, index: usize) -> Entry {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let mut entry = Entry {
            name: self.name.as_slice().into(),
            target: None,
            size: header.size,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
            links: header.links,
            mtime: header.mtime,
            device: header.device,
            archive: self.open.and_then(|(at, _)| u32::try_from(at).ok()).unwrap_or_default(),
            hard_link: None,
        };
        if header.links >= 2 && !matches!(entry.kind(), EntryKind::Directory | EntryKind::Link) {
            let key = (header.on_device.0, header.on_device.1, header.inode);
            let first = *self.links.entry(key).or_insert(index);
            entry.hard_link = (first != index).then_some(first);
        }
        entry
    }

    /// Skips padding up to offset `next`. The zeros after the very last entry may be missing.
    fn skip_padded(&mut self, next: u64) -> Result<(), Stop> {
        let padding = next.saturating_sub(self.unpacker.offset());
        self.unpacker.inside = false;
        if padding > 3 {
            self.unpacker.inside = true;
            self.unpacker.skip(padding)?;
            self.unpacker.inside = false;
            return Ok(());
        }
        for _ in 0..padding {
            if self.unpacker.fill()?.is_empty() {
                break;
            }
            self.unpacker.take(1);
        }
        Ok(())
    }

    fn open_archive(&mut self, compression: Compression, offset: u64, refused: Option<&'static str>) {
        let start = if compression == Compression::None { offset } else { 0 };
        self.open = Some((self.contents.archives.len(), start));
        self.contents.archives.push(Archive {
            format: Format::Newc,
            compression,
            offset,
            packed: 0,
            unpacked: 0,
            entries: 0,
            refused,
        });
    }

    fn close_archive(&mut self) {
        let Some((at, start)) = self.open.take() else { return };
        let position = self.unpacker.file_position();
        let Some(archive) = self.contents.archives.get_mut(at) else { return };
        archive.packed = position.saturating_sub(archive.offset);
        archive.unpacked = self.unpacker.offset().saturating_sub(start);
        let spans = "an entry goes on in the next compressed member; the kernel wants whole entries in each";
        let continued = std::mem::take(&mut self.unpacker.continued).then_some(spans);
        archive.refused = archive.refused.or(self.unpacker.refused()).or(continued);
    }

    /// Notes why and where the walk ends early.
    fn record(&mut self, stop: Stop) {
        let archive = match self.open {
            Some((at, _)) => at,
            None => {
                // What is damaged is the last compressed member, or what comes after all that was read.
                let inside = self.unpacker.compression() != Compression::None;
                self.contents.archives.len().saturating_sub(usize::from(inside))
            }
        };
        self.close_archive();
        self.contents.damage = Some(Damage {
            kind: stop.kind,
            archive,
            offset: self.unpacker.place(),
            unpacked: self.unpacker.offset(),
            entry: self.current.take(),
            reason: stop.reason,
            after_trailer: self.ended,
        });
    }
}

impl Header {
    fn parse(bytes: &[u8; HEADER]) -> Result<Self, Stop> {
        let format = match bytes {
            [b'0', b'7', b'0', b'7', b'0', b'1', ..] => Format::Newc,
            [b'0', b'7', b'0', b'7', b'0', b'2', ..] => Format::Crc,
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => {
                return Err(Stop::new(DamageKind::Unsupported, ODC));
            }
            _ => return Err(Stop::new(DamageKind::Corrupt, "a cpio header should start here, but does not")),
        };
        let (fields, _) = bytes.get(6..).unwrap_or_default().as_chunks::<8>();
        let mut values = [0; 13];
        for (value, digits) in values.iter_mut().zip(fields) {
            *value = hexadecimal(digits).ok_or_else(|| {
                Stop::new(DamageKind::Corrupt, "a cpio header holds a field that is no number")
            })?;
        }
        let [
            inode,
            mode,
            uid,
            gid,
            links,
            mtime,
            size,
            major,
            minor,
            device_major,
            device_minor,
            name,
            check,
        ] = values;
        Ok(Self {
            format,
            inode,
            mode,
            uid,
            gid,
            links,
            mtime,
            size: u64::from(size),
            on_device: (major, minor),
            device: (device_major, device_minor),
            name_size: u64::from(name),
            checksum: check,
        })
    }
}

const ODC: &str =
    "this is a cpio archive in the old portable format (`cpio -H odc`); the kernel unpacks only `newc`";
const BINARY: &str =
    "this is a cpio archive in the old binary format (`cpio` without `-H`); the kernel unpacks only `newc`";

/// Eight hexadecimal digits.
fn hexadecimal(digits: &[u8; 8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | digit)
    })
}

fn check_sum(sum: Option<u32>, header: &Header) -> Result<(), Stop> {
    match sum {
        Some(sum) if sum != header.checksum => Err(Stop::new(
            DamageKind::Corrupt,
            format!(
                "the contents add up to the checksum {sum:08x}, but the header says {:08x}",
                header.checksum
            ),
        )),
        _ => Ok(()),
    }
}

/// Bytes that tell a file system: ext2's superblock starts at 1024.
const FILE_SYSTEM_HEAD: usize = 1024 + 64;

/// Refuses an image of a file system: what initrds were up to Linux 2.4, and on some distributions after that. The
/// kernel says `looks like an initrd` of it and writes it to a RAM disk.
fn not_a_file_system(head: &[u8]) -> Result<(), Stop> {
    let name = match head {
        [0x45, 0x3d, 0xcd, 0x28, ..] => "cramfs",
        [b'-', b'r', b'o', b'm', b'1', b'f', b's', b'-', ..] => "romfs",
        _ if head.get(0x438..0x43a) == Some(&[0x53, 0xef]) => "ext2",
        _ => return Ok(()),
    };
    let reason = format!(
        "this is no archive but a file system ({name}), as initrds were before initramfs; it is not read"
    );
    Err(Stop::new(DamageKind::FileSystem, reason))
}

/// What to say of an archive that starts with `head`, like no archive that the kernel unpacks.
fn unknown_start(head: &[u8], place: u64) -> Stop {
    if head.starts_with(b"070707") {
        return Stop::new(DamageKind::Unsupported, ODC);
    }
    if head.starts_with(&[0xc7, 0x71]) || head.starts_with(&[0x71, 0xc7]) {
        return Stop::new(DamageKind::Unsupported, BINARY);
    }
    let shown = escape_bytes(head.get(..8).unwrap_or(head));
    if place == 0 {
        let reason = format!("it starts with `{shown}`, which is neither a cpio archive nor compressed");
        return Stop::new(DamageKind::Garbage, reason);
    }
    let reason =
        format!("after the last archive comes `{shown}`, which is neither zeros nor another archive");
    Stop::new(DamageKind::Garbage, reason)
}

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        Self::other(stop.reason)
    }
}

impl Read for Body<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_some(out)?)
    }
}
