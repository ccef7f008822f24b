//! A tar archive as a system, in any compression, with or without directories above its root.
//!
//! An uncompressed file is walked over once, header by header, and its contents are read by position later. What
//! comes compressed or on stdin is read once as a stream, and what [`super::interest`] names is kept in memory; of a
//! compressed file, what was not kept is unpacked again when it is asked for, which is slow but right.
//!
//! Of members of one name the last wins, as when the archive is unpacked. Names with `..` in them are passed over, and
//! a leading slash is taken off (GNU tar does both). An archive that breaks off still gives what came before.

mod collected;
mod content;
mod index;
mod pax;
#[cfg(test)]
mod tests;
mod walk;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tar::Header;

pub(super) use self::collected::MANIFEST;
use self::collected::{Gap, Part};
use self::content::{FileInput, Slice, Sparse};
use self::index::{Builder, Data, Entry, Found, Index, Kept, Rejected, SparseData};
use self::walk::{Input, Kind, Member, Walk};
use super::decode::{self, Compression, Decoded};
use super::interest::{Interest, interest};
use super::{Backend, Content, Damage, LookupError, Node, NodeKind, SourceError, display_path, escape_bytes};

/// Bytes of one file that are unpacked again into memory. Whoever asks for more than an initrd asks for too much.
const UNPACK_LIMIT: u64 = 512 << 20;
/// Members passed over that are told one by one.
const MAX_REJECTED: usize = 20;

/// An archive that was read, as a tree of files.
pub(super) struct Archive {
    index: Index,
    origin: Origin,
    damage: Vec<Damage>,
    gaps: Vec<Gap>,
}

/// Where contents that are not in memory come from.
enum Origin {
    /// An uncompressed file.
    File(Arc<File>),
    /// A compressed file, and the decoder with its position, for when the next one that is asked for comes later in
    /// the archive.
    Compressed { file: Arc<File>, len: u64, compression: Compression, cursor: Mutex<Option<(Decoded, u64)>> },
    /// A stream, which is gone.
    Stream,
}

/// Whether these bytes, the first of a file, are the header of a tar archive (or the end of an empty one).
pub(super) fn is_tar(start: &[u8]) -> bool {
    let Some(block) = start.get(..512) else { return false };
    if block.iter().all(|byte| *byte == 0) {
        return false;
    }
    walk::checksum_fits(Header::from_byte_slice(block))
}

impl Archive {
    /// Reads the headers of an uncompressed archive.
    pub(super) fn of_file(file: Arc<File>, len: u64, name: &str) -> Result<Self, SourceError> {
        let mut walk = Walk::new(FileInput::new(Arc::clone(&file), len));
        let mut intake = Intake::default();
        while let Some(member) = walk.next_member() {
            let end = member.position.saturating_add(member.stored);
            if collected::part(&member).is_some() && end <= len {
                let data = keep(&mut walk, &member, Data::Nothing);
                intake.add(member, data);
                continue;
            }
            let data = match (member.kind, end > len) {
                (Kind::File, true) => Data::Cut,
                (Kind::File, false) => whereabouts(&member, Data::At(member.position)),
                _ => Data::Nothing,
            };
            intake.add(member, data);
        }
        let (damage, _) = walk.finish();
        intake.finish(damage, Origin::File(file), name)
    }

    /// The bytes behind the compression of a file.
    pub(super) fn compressed_input(
        file: &Arc<File>,
        len: u64,
        compression: Compression,
    ) -> std::io::Result<Decoded> {
        let whole = Slice { file: Arc::clone(file), start: 0, len, position: 0 };
        decode::decoded(decode::buffered(whole), compression)
    }

    /// Reads a compressed archive, whose bytes behind the compression are `input`, from its start to its end.
    pub(super) fn of_compressed(
        input: Decoded,
        file: Arc<File>,
        len: u64,
        compression: Compression,
        name: &str,
    ) -> Result<Self, SourceError> {
        let (intake, damage, _) = read_stream(input);
        intake.finish(damage, Origin::Compressed { file, len, compression, cursor: Mutex::default() }, name)
    }

    /// Reads a stream, compressed or not, from its start to its end.
    pub(super) fn of_stream(stream: Decoded, name: &str) -> Result<Self, SourceError> {
        let (intake, damage, mut rest) = read_stream(stream);
        // The end of a tar is padded, and a writer whose reader goes away before that says "broken pipe". What is
        // behind the end is of no matter, and neither is trouble with it.
        let _ = Input::skip(&mut rest, MAX_PADDING);
        intake.finish(damage, Origin::Stream, name)
    }

    fn content(&self, path: &Path, entry: &Entry, data: &Data) -> Result<Box<dyn Content>, LookupError> {
        let unreadable = |reason: String| LookupError::Unreadable { path: display_path(path), reason };
        match (data, &self.origin) {
            (Data::Kept(bytes), _) => Ok(Box::new(Cursor::new(bytes.clone()))),
            (Data::At(start), Origin::File(file)) => {
                Ok(Box::new(Slice { file: Arc::clone(file), start: *start, len: entry.len, position: 0 }))
            }
            (Data::Sparse(data), Origin::File(file)) => {
                let stored =
                    Slice { file: Arc::clone(file), start: data.position, len: data.stored, position: 0 };
                Ok(Box::new(Sparse { stored, data: Arc::clone(data), len: entry.len, position: 0 }))
            }
            (Data::Passed(start), _) => {
                let bytes = self.unpack(path, *start, entry.len)?;
                Ok(Box::new(Cursor::new(bytes)))
            }
            (Data::Sparse(data), _) => {
                let stored = Cursor::new(self.unpack(path, data.position, data.stored)?);
                Ok(Box::new(Sparse { stored, data: Arc::clone(data), len: entry.len, position: 0 }))
            }
            (Data::Same(index), _) => match self.index.entry(*index) {
                // Hard links to hard links were joined: this goes one step deep.
                Some(target) if !matches!(target.data, Data::Same(_)) => {
                    self.content(path, target, &target.data)
                }
                _ => Err(unreadable("its hard links lead in a circle".to_owned())),
            },
            (Data::Lost(target), _) => {
                Err(unreadable(format!("it is a hard link to `{target}`, which is not in the archive")))
            }
            (Data::Cut, _) => Err(unreadable("the archive breaks off inside it".to_owned())),
            (Data::Left, _) => Err(unreadable("it was not packed when the system was collected".to_owned())),
            (Data::Nothing | Data::At(_), _) => Err(unreadable("it has no contents".to_owned())),
        }
    }

    /// What is said of a name that the archive does not have.
    fn missing(&self, path: &Path) -> LookupError {
        let gap = self.gaps.iter().find(|gap| gap.may_hold(path.as_os_str().as_bytes()));
        gap.map_or_else(|| LookupError::Absent { path: display_path(path) }, |gap| unread(path, gap))
    }

    /// Unpacks `len` bytes from `start` on once more.
    fn unpack(&self, path: &Path, start: u64, len: u64) -> Result<Vec<u8>, LookupError> {
        let unreadable = |reason: String| LookupError::Unreadable { path: display_path(path), reason };
        let Origin::Compressed { file, len: file_len, compression, cursor } = &self.origin else {
            return Err(unreadable("it was not kept from the stream; give the archive as a file".to_owned()));
        };
        if len > UNPACK_LIMIT {
            return Err(LookupError::TooLarge { path: display_path(path), len, limit: UNPACK_LIMIT });
        }
        let failed = |error: std::io::Error| unreadable(error.to_string());
        let mut cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut input, position) = match cursor.take() {
            Some((input, position)) if position <= start => (input, position),
            _ => (Self::compressed_input(file, *file_len, *compression).map_err(failed)?, 0),
        };
        Input::skip(&mut input, start - position).map_err(failed)?;
        let mut bytes = Vec::new();
        (&mut input).take(len).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != len {
            return Err(unreadable("the archive breaks off inside it".to_owned()));
        }
        *cursor = Some((input, start + len));
        Ok(bytes)
    }
}

/// Bytes that are read behind the end of an archive, so that its writer can end: tar pads to 10 KiB, and `-b` to more.
const MAX_PADDING: u64 = 16 << 20;

/// Where the contents of a file are: in one stretch, which `whole` tells, or in pieces.
fn whereabouts(member: &Member, whole: Data) -> Data {
    let Some(extents) = &member.extents else { return whole };
    match SparseData::new(member.position, member.stored, extents) {
        Some(data) => Data::Sparse(Arc::new(data)),
        None => Data::Cut,
    }
}

/// Members that come in, those that are passed over, and the memory that is left.
#[derive(Default)]
struct Intake {
    builder: Builder,
    rejected: Vec<(String, Rejected)>,
    rejected_in_all: usize,
    kept: [u64; Interest::COUNT],
    gaps: Vec<Gap>,
}

impl Intake {
    fn add(&mut self, member: Member, data: Data) {
        if let (Some(part), Data::Kept(bytes)) = (collected::part(&member), &data) {
            match part {
                // What was packed comes later in the archive, and counts instead.
                Part::Names => collected::names(bytes.as_ref()).for_each(|own| self.add(own, Data::Left)),
                Part::Gaps => self.gaps = collected::gaps(bytes.as_ref()),
            }
        }
        let name = escape_bytes(&member.path);
        if let Err(why) = self.builder.add(member, data) {
            self.rejected_in_all += 1;
            if self.rejected.len() < MAX_REJECTED {
                self.rejected.push((name, why));
            }
        }
    }

    /// Whether the contents of the member are to be kept; the budget is charged.
    fn keeps(&mut self, member: &Member) -> bool {
        let len = member.stored.max(member.len);
        let Some(class) = interest(&member.path, len) else { return false };
        let Some(kept) = self.kept.get_mut(class.index()) else { return false };
        let sum = kept.saturating_add(len);
        let fits = sum <= class.total_limit();
        if fits {
            *kept = sum;
        }
        fits
    }

    fn finish(self, damage: Vec<walk::Damage>, origin: Origin, name: &str) -> Result<Archive, SourceError> {
        if self.builder.is_empty()
            && self.rejected.is_empty()
            && let Some(first) = damage.first()
        {
            return Err(SourceError::Corrupt {
                path: name.to_owned(),
                offset: first.position,
                reason: first.reason.clone(),
            });
        }
        let index = self.builder.finish();
        let mut notes: Vec<Damage> = damage
            .into_iter()
            .map(|one| Damage {
                path: escape_bytes(name.as_bytes()),
                message: format!(
                    "the archive is damaged at byte {}: {}; what could be read of it is used",
                    one.position, one.reason
                ),
                incomplete: true,
            })
            .collect();
        let unnamed = self.rejected_in_all - self.rejected.len();
        notes.extend(self.rejected.into_iter().map(|(path, why)| Damage {
            path,
            message: format!("a member of the archive is not used: {}", why.reason()),
            incomplete: why == Rejected::TooMany,
        }));
        if unnamed > 0 {
            notes.push(Damage {
                path: escape_bytes(name.as_bytes()),
                message: format!("{unnamed} more members of the archive are not used for reasons as these"),
                incomplete: false,
            });
        }
        let others: Vec<String> = index.other_roots().take(5).map(escape_bytes).collect();
        if !others.is_empty() {
            notes.push(Damage {
                path: escape_bytes(name.as_bytes()),
                message: format!(
                    "the archive holds more than one system: `{}` is looked at, `{}` is not",
                    escape_bytes(index.root()),
                    others.join("`, `")
                ),
                incomplete: false,
            });
        }
        Ok(Archive { index, origin, damage: notes, gaps: self.gaps })
    }
}

/// Reads a stream to its end and keeps what is of interest.
fn read_stream(input: Decoded) -> (Intake, Vec<walk::Damage>, Decoded) {
    let mut walk = Walk::new(input);
    let mut intake = Intake::default();
    while let Some(member) = walk.next_member() {
        let mut data = Data::Nothing;
        if member.kind == Kind::File {
            data = whereabouts(&member, Data::Passed(member.position));
            if !matches!(data, Data::Cut) && intake.keeps(&member) {
                data = keep(&mut walk, &member, data);
            }
        }
        intake.add(member, data);
    }
    let (damage, rest) = walk.finish();
    (intake, damage, rest)
}

/// Reads the contents of a member into memory; a sparse file with its holes.
fn keep<I: Input>(walk: &mut Walk<I>, member: &Member, data: Data) -> Data {
    // The buffer grows with what is really there, not with what the header says.
    const FIRST: u64 = 4 << 20;
    let mut bytes = Vec::with_capacity(usize::try_from(member.stored.min(FIRST)).unwrap_or_default());
    let read = Contents(walk).take(member.stored).read_to_end(&mut bytes);
    let broken = match read {
        Ok(read) if read as u64 == member.stored => None,
        Ok(_) => Some("it breaks off inside a member".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = broken {
        walk.broken_off(reason);
        return Data::Cut;
    }
    let Data::Sparse(data) = data else { return Data::Kept(Kept(Arc::new(bytes))) };
    let mut whole = Vec::new();
    let mut sparse = Sparse { stored: Cursor::new(bytes), data, len: member.len, position: 0 };
    match sparse.read_to_end(&mut whole) {
        Ok(_) => Data::Kept(Kept(Arc::new(whole))),
        // The map was checked against the stored bytes; what is left is the lack of memory.
        Err(_) => Data::Cut,
    }
}

/// The contents of the member that was returned last.
struct Contents<'a, I>(&'a mut Walk<I>);

impl<I: Input> Read for Contents<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

/// A directory that is no member itself.
const IMPLIED: Node = Node { kind: NodeKind::Directory, len: 0, mode: 0o755, uid: 0, mtime: 0 };

fn unread(path: &Path, gap: &Gap) -> LookupError {
    LookupError::Unreadable { path: display_path(path), reason: gap.reason.to_owned() }
}

impl Backend for Archive {
    fn node(&self, path: &Path) -> Result<Node, LookupError> {
        match self.index.find(path.as_os_str().as_bytes()) {
            Found::Entry(entry) => Ok(entry.node()),
            Found::Implied => Ok(IMPLIED),
            // Where another machine's folder is mounted there is one.
            Found::Nothing if self.gaps.iter().any(|gap| gap.is_within(path.as_os_str().as_bytes())) => {
                Ok(IMPLIED)
            }
            Found::Nothing => Err(self.missing(path)),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError> {
        let name = path.as_os_str().as_bytes();
        if let Some(gap) = self.gaps.iter().find(|gap| gap.path == name) {
            return Err(unread(path, gap));
        }
        match self.index.find(name) {
            Found::Entry(entry) if !entry.is_directory() => Err(LookupError::WrongKind {
                path: display_path(path),
                found: super::kind_name(&entry.node().kind),
                wanted: "a directory",
            }),
            Found::Entry(_) | Found::Implied => Ok(self.index.list(name)),
            Found::Nothing => Err(self.missing(path)),
        }
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError> {
        match self.index.find(path.as_os_str().as_bytes()) {
            Found::Entry(entry) => self.content(path, entry, &entry.data),
            Found::Implied => Err(LookupError::WrongKind {
                path: display_path(path),
                found: "a directory",
                wanted: "a regular file",
            }),
            Found::Nothing => Err(self.missing(path)),
        }
    }

    fn damage(&self) -> &[Damage] {
        &self.damage
    }
}
