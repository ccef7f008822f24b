//! The table of an archive's members by name, and where in the archive the root of the system is.
//!
//! Names are kept in one buffer and members in one vector: a whole system has some hundred thousand of them.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::walk::{Extent, Kind, Member};
use crate::source::{Node, NodeKind};

/// Members that are kept of one archive: four times the files of a large server. What comes after is told to be lost.
const MAX_MEMBERS: usize = 8_000_000;
/// Bytes of names that are kept; as much as 8 million names of 60 bytes.
const MAX_NAMES: usize = 480 << 20;
/// PATH_MAX of Linux: no tool can have read a longer name from a file system.
const MAX_NAME: usize = 4096;
/// Directories above the root in the archive: `backup/2024/host/rootfs/etc` has four.
const MAX_PREFIX: usize = 4;

/// Where the contents of a file are.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// In the archive, from this offset on.
    At(u64),
    /// In the archive, in pieces.
    Sparse(Arc<SparseData>),
    /// In memory: the archive came as a stream.
    Kept(Kept),
    /// The archive came as a stream, and they were not kept; they began at this offset.
    Passed(u64),
    /// The archive breaks off before their end.
    Cut,
    /// The archive is a collection, which has left them out.
    Left,
    /// What has no contents.
    Nothing,
    /// Another name of the member at that index in the order of the archive, once it is known.
    Same(u32),
    /// Another name of a member that is not there.
    Lost(Box<str>),
}

/// A sparse file's pieces.
#[derive(Debug)]
pub(super) struct SparseData {
    /// Where in the archive the first begins.
    pub(super) position: u64,
    /// Bytes of the archive that they take.
    pub(super) stored: u64,
    /// Each piece, and how many bytes the pieces before it have; in ascending order, none empty, none overlapping.
    extents: Vec<(Extent, u64)>,
}

/// What is at a position of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// Data: where it is among the stored bytes, and how long it goes on.
    Data { at: u64, len: u64 },
    /// Zeros, for so many bytes; to the end of the file if no piece follows.
    Hole { len: Option<u64> },
}

impl SparseData {
    /// None if the pieces do not ascend or have more bytes than are stored.
    pub(super) fn new(position: u64, stored: u64, extents: &[Extent]) -> Option<Self> {
        let mut pieces = Vec::with_capacity(extents.len());
        let (mut end, mut before) = (0_u64, 0_u64);
        for extent in extents.iter().filter(|extent| extent.len > 0) {
            if extent.offset < end {
                return None;
            }
            pieces.push((*extent, before));
            end = extent.offset.checked_add(extent.len)?;
            before = before.checked_add(extent.len)?;
        }
        (before <= stored).then_some(Self { position, stored, extents: pieces })
    }

    /// What is at `position` of the file.
    pub(super) fn at(&self, position: u64) -> Stretch {
        let next = self.extents.partition_point(|(extent, _)| extent.offset <= position);
        let here = next.checked_sub(1).and_then(|index| self.extents.get(index));
        if let Some((extent, before)) = here {
            let inside = position - extent.offset;
            if inside < extent.len {
                return Stretch::Data { at: before + inside, len: extent.len - inside };
            }
        }
        Stretch::Hole { len: self.extents.get(next).map(|(extent, _)| extent.offset - position) }
    }
}

/// Contents in memory, shared by whoever reads them.
#[derive(Debug, Clone)]
pub(super) struct Kept(pub(super) Arc<Vec<u8>>);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// One member.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    name: u32,
    name_len: u16,
    mode: u16,
    kind: Kind,
    uid: u32,
    pub(super) len: u64,
    mtime: i64,
    pub(super) data: Data,
    /// What a link leads to.
    link: Option<Box<[u8]>>,
}

/// Why a member was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Its name has a `..` in it, which leads out of the archive.
    LeadsOut,
    /// Its name is empty, too long or has a NUL in it.
    BadName,
    /// There are too many.
    TooMany,
}

impl Rejected {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::LeadsOut => "its name has a `..` in it, which leads out of the archive; it is passed over",
            Self::BadName => "its name is too long or has a NUL byte in it; it is passed over",
            Self::TooMany => {
                "the archive has more members than are read; it and all after it are passed over"
            }
        }
    }
}

/// The members while they come in, in the order of the archive.
#[derive(Debug, Default)]
pub(super) struct Builder {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

impl Builder {
    /// Takes in a member whose contents are `data`.
    pub(super) fn add(&mut self, member: Member, data: Data) -> Result<(), Rejected> {
        let path = normal(&member.path)?;
        let start = self.names.len();
        if self.entries.len() >= MAX_MEMBERS || start + path.len() > MAX_NAMES {
            return Err(Rejected::TooMany);
        }
        let too_many = |_| Rejected::TooMany;
        let link = matches!(member.kind, Kind::SymbolicLink | Kind::HardLink);
        self.entries.push(Entry {
            name: u32::try_from(start).map_err(too_many)?,
            name_len: u16::try_from(path.len()).map_err(|_| Rejected::BadName)?,
            // 12 bits: the walk has masked it.
            mode: u16::try_from(member.mode & 0o7777).unwrap_or_default(),
            kind: member.kind,
            uid: member.uid,
            len: member.len,
            mtime: member.mtime,
            data,
            link: link.then(|| member.link.into_boxed_slice()),
        });
        self.names.extend_from_slice(&path);
        Ok(())
    }

    /// Whether nothing has come in yet.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sorts the members by name; of those of one name the last stays. Hard links get what they lead to.
    pub(super) fn finish(self) -> Index {
        let Self { names, entries } = self;
        let mut order: Vec<u32> = (0..).take(entries.len()).collect();
        let name = |index: &u32| name_of(&names, &entries, *index);
        // Stable: members of one name stay in the order of the archive.
        order.sort_by(|a, b| compare(name(a), name(b)));
        let mut last: Vec<u32> = Vec::with_capacity(order.len());
        for index in order {
            if last.last().is_some_and(|before| name(before) == name(&index)) {
                last.pop();
            }
            last.push(index);
        }
        let mut index = Index { names, entries, order: last, prefix: Vec::new(), others: Vec::new() };
        index.join_hard_links();
        index.find_root();
        index
    }
}

fn name_of<'a>(names: &'a [u8], entries: &[Entry], index: u32) -> &'a [u8] {
    let Some(entry) = entries.get(index as usize) else { return b"" };
    let start = entry.name as usize;
    names.get(start..start + usize::from(entry.name_len)).unwrap_or_default()
}

/// A name without a leading slash, without `.`, and with single slashes.
fn normal(name: &[u8]) -> Result<Vec<u8>, Rejected> {
    if name.contains(&0) || name.len() > MAX_NAME {
        return Err(Rejected::BadName);
    }
    let mut out = Vec::with_capacity(name.len());
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(Rejected::LeadsOut),
            part => {
                if !out.is_empty() {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
    }
    Ok(out)
}

/// The order in which what is below a directory follows it: the slash is the least byte.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    let common = a.iter().zip(b).position(|(a, b)| a != b);
    match common.and_then(|at| Some((*a.get(at)?, *b.get(at)?))) {
        Some((a, b)) => rank(a).cmp(&rank(b)),
        None => a.len().cmp(&b.len()),
    }
}

/// The members by name, and the root among them.
#[derive(Debug)]
pub(super) struct Index {
    names: Vec<u8>,
    entries: Vec<Entry>,
    /// Indices into `entries`, sorted by name.
    order: Vec<u32>,
    /// The directory that holds the root, with a slash at its end; empty if names begin at the root.
    prefix: Vec<u8>,
    /// Other directories that look like a root.
    others: Vec<Vec<u8>>,
}

/// What is at a name.
pub(super) enum Found<'a> {
    Entry(&'a Entry),
    /// A directory that is no member itself, but some are in it.
    Implied,
    Nothing,
}

impl Index {
    fn name(&self, order: usize) -> Option<&[u8]> {
        self.order.get(order).map(|index| name_of(&self.names, &self.entries, *index))
    }

    /// Position in `order` of the first name that is not before `name`.
    fn lower_bound(&self, name: &[u8]) -> usize {
        self.order.partition_point(|index| {
            compare(name_of(&self.names, &self.entries, *index), name) == Ordering::Less
        })
    }

    fn exact(&self, name: &[u8]) -> Option<u32> {
        let at = self.lower_bound(name);
        if self.name(at)? == name { self.order.get(at).copied() } else { None }
    }

    fn has_below(&self, name: &[u8]) -> bool {
        let mut directory = name.to_vec();
        directory.push(b'/');
        let at = self.lower_bound(&directory);
        self.name(at).is_some_and(|next| next.starts_with(&directory))
    }

    fn full_name(&self, path: &[u8]) -> Vec<u8> {
        if path.is_empty() {
            return self.prefix.strip_suffix(b"/").unwrap_or_default().to_vec();
        }
        let mut name = self.prefix.clone();
        name.extend_from_slice(path);
        name
    }

    /// What is at `path` in the system.
    pub(super) fn find(&self, path: &[u8]) -> Found<'_> {
        let name = self.full_name(path);
        if name.is_empty() {
            return Found::Implied;
        }
        if let Some(entry) = self.exact(&name).and_then(|index| self.entries.get(index as usize)) {
            return Found::Entry(entry);
        }
        if self.has_below(&name) { Found::Implied } else { Found::Nothing }
    }

    /// The member at an index in the order of the archive.
    pub(super) fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    /// The names in the directory at `path`.
    pub(super) fn list(&self, path: &[u8]) -> Vec<OsString> {
        let mut directory = self.full_name(path);
        if !directory.is_empty() {
            directory.push(b'/');
        }
        let mut names = Vec::new();
        let mut at = self.lower_bound(&directory);
        while let Some(below) = self.name(at).and_then(|name| name.strip_prefix(directory.as_slice())) {
            let end = memchr::memchr(b'/', below).unwrap_or(below.len());
            let name = below.get(..end).unwrap_or_default();
            if name.is_empty() {
                // The root itself, which some archives have as `./`.
                at += 1;
                continue;
            }
            names.push(OsString::from_vec(name.to_vec()));
            let mut past = directory.clone();
            past.extend_from_slice(name);
            // The least name that is neither this one nor below it: what follows a slash in the order is a 1 byte.
            past.push(1);
            let skipped = self.order.get(at..).unwrap_or_default().partition_point(|index| {
                let other = name_of(&self.names, &self.entries, *index);
                compare(other, &past) == Ordering::Less
            });
            at += skipped.max(1);
        }
        names
    }

    /// Directories of the archive that look like the root of a system, besides the one that was taken.
    pub(super) fn other_roots(&self) -> impl Iterator<Item = &[u8]> {
        self.others.iter().map(Vec::as_slice)
    }

    /// The directory of the archive that was taken for the root, without a slash at its end; empty for the archive.
    pub(super) fn root(&self) -> &[u8] {
        self.prefix.strip_suffix(b"/").unwrap_or_default()
    }

    /// A hard link is a name for what its target was when the link was written; the target of one that is a link
    /// itself has its contents already.
    fn join_hard_links(&mut self) {
        let links = self.entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::HardLink);
        let mut joined: Vec<(usize, Option<u32>)> = Vec::new();
        for (at, entry) in links {
            let target = entry.link.as_deref().and_then(|link| normal(link).ok());
            joined.push((at, target.and_then(|target| self.exact(&target))));
        }
        for (at, target) in joined {
            let (data, len) = match target.and_then(|index| Some((index, self.entries.get(index as usize)?)))
            {
                Some((index, found)) if index as usize != at && found.kind == Kind::File => {
                    (Data::Same(index), found.len)
                }
                Some((index, found)) if index as usize != at && found.kind == Kind::HardLink => {
                    (found.data.clone(), found.len)
                }
                _ => {
                    let link = self.entries.get(at).and_then(|entry| entry.link.as_deref());
                    let link = crate::source::escape_bytes(link.unwrap_or_default());
                    (Data::Lost(link.into()), 0)
                }
            };
            if let Some(entry) = self.entries.get_mut(at) {
                entry.data = data;
                entry.len = len;
            }
        }
    }

    /// Finds the directory that holds the root: the archive itself if it has an `etc` or the like, else the one
    /// nearest to it that has.
    fn find_root(&mut self) {
        let mut level: Vec<Vec<u8>> = vec![Vec::new()];
        for _ in 0..=MAX_PREFIX {
            let mut roots: Vec<(usize, Vec<u8>)> = Vec::new();
            for prefix in &level {
                let marks = self.marks(prefix);
                if marks > 0 {
                    roots.push((marks, prefix.clone()));
                }
            }
            if let Some(best) = roots.iter().map(|(marks, _)| *marks).max() {
                let at = roots.iter().position(|(marks, _)| *marks == best).unwrap_or_default();
                self.prefix = roots.swap_remove(at).1;
                self.others = roots.into_iter().map(|(_, prefix)| prefix).collect();
                self.others.sort();
                return;
            }
            level = self.below(&level);
        }
    }

    /// The directories one level below these. A level of an archive that is no system may be very wide.
    fn below(&self, level: &[Vec<u8>]) -> Vec<Vec<u8>> {
        const MAX_LEVEL: usize = 1000;
        let mut next = Vec::new();
        for prefix in level {
            for name in self.list(prefix.strip_suffix(b"/").unwrap_or_default()) {
                let mut path = prefix.clone();
                path.extend_from_slice(&name.into_vec());
                if next.len() < MAX_LEVEL && self.has_below(&path) {
                    path.push(b'/');
                    next.push(path);
                }
            }
        }
        next
    }

    /// How much the directory looks like a root: 0 if it has none of the names that make one.
    fn marks(&self, prefix: &[u8]) -> usize {
        let has = |name: &&&str| {
            let mut path = prefix.to_vec();
            path.extend_from_slice(name.as_bytes());
            self.exact(&path).is_some() || self.has_below(&path)
        };
        if !["etc", "usr", "boot", "sos_commands"].iter().any(|name| has(&name)) {
            return 0;
        }
        let names =
            ["etc", "usr", "boot", "sos_commands", "lib", "var", "bin", "sbin", "proc", "sys", "root", "dev"];
        names.iter().filter(has).count()
    }
}

impl Entry {
    /// The metadata of this member.
    pub(super) fn node(&self) -> Node {
        let link = || self.link.as_deref().unwrap_or_default().to_vec();
        let kind = match self.kind {
            Kind::File | Kind::HardLink => NodeKind::File,
            Kind::SymbolicLink => NodeKind::Link(PathBuf::from(OsString::from_vec(link()))),
            Kind::Directory => NodeKind::Directory,
            Kind::Fifo => NodeKind::Fifo,
            Kind::CharDevice => NodeKind::CharDevice,
            Kind::BlockDevice => NodeKind::BlockDevice,
        };
        Node { kind, len: self.len, mode: u32::from(self.mode), uid: self.uid, mtime: self.mtime }
    }

    /// Whether it is a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}
