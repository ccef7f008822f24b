//! What a collection (`bootproof collect`) holds beside the files of its system, under `bootproof-collect/`: the names of
//! all files with their metadata, and which folders could not be looked into. With these, a file that was not packed is
//! told from one that does not exist.

use super::walk::{Kind, Member};

/// Says that an archive is a collection; its first member.
pub(in crate::source) const MANIFEST: &str = "bootproof-collect/manifest";
/// Lists of names: `MODE UID SIZE MTIME PATH` a line, the mode in hexadecimal as stat(2) has it.
const NAMES: &[u8] = b"bootproof-collect/names/";
/// Folders that were not looked into: a word that says why, and the path.
const GAPS: &[u8] = b"bootproof-collect/gaps";
/// Bytes of a list that are read; the script makes them of 400 kB.
const LIST_LIMIT: u64 = 4 << 20;
/// Gaps that are read.
const MAX_GAPS: usize = 100_000;
/// What stands for a line break in a name.
const LINE_BREAK: u8 = 1;

/// A part of a collection that speaks of other names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Names,
    Gaps,
}

/// What part of a collection the member is.
pub(super) fn part(member: &Member) -> Option<Part> {
    let path = member.path.strip_prefix(b"./").unwrap_or(&member.path);
    if member.kind != Kind::File || member.stored > LIST_LIMIT || member.extents.is_some() {
        return None;
    }
    if path.starts_with(NAMES) {
        return Some(Part::Names);
    }
    (path == GAPS).then_some(Part::Gaps)
}

/// A folder of which not all is in the collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) path: Vec<u8>,
    pub(super) reason: &'static str,
}

impl Gap {
    /// Whether what is not in the collection may be at `path` nevertheless.
    pub(super) fn may_hold(&self, path: &[u8]) -> bool {
        path.strip_prefix(self.path.as_slice()).is_some_and(|rest| rest.starts_with(b"/"))
    }

    /// Whether it is at `path` or below it.
    pub(super) fn is_within(&self, path: &[u8]) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }
}

/// Reads the gaps.
pub(super) fn gaps(bytes: &[u8]) -> Vec<Gap> {
    let gap = |line: &[u8]| {
        let space = memchr::memchr(b' ', line)?;
        let (word, path) = (line.get(..space)?, line.get(space + 1..)?);
        let reason = match word {
            b"unreadable" => "whoever collected the system was not allowed to read its folder",
            b"remote" => "its folder is mounted from another machine, which was not looked into",
            b"partial" => "its folder has too many names for a collection",
            b"left" => "its folder belongs to containers, which were not looked into",
            _ => return None,
        };
        Some(Gap { path: path.to_vec(), reason })
    };
    bytes.split(|byte| *byte == b'\n').filter_map(gap).take(MAX_GAPS).collect()
}

/// Reads a list of names as members without contents. Lines that are none are passed over.
pub(super) fn names(bytes: &[u8]) -> impl Iterator<Item = Member> {
    bytes.split(|byte| *byte == b'\n').filter_map(member)
}

fn member(line: &[u8]) -> Option<Member> {
    let mut words = line.splitn(5, |byte| *byte == b' ');
    let mut word = || std::str::from_utf8(words.next()?).ok();
    let mode = u32::from_str_radix(word()?, 16).ok()?;
    let uid = word()?.parse().ok()?;
    let len = word()?.parse().ok()?;
    let mtime = word()?.parse().ok()?;
    let path: Vec<u8> =
        words.next()?.iter().map(|byte| if *byte == LINE_BREAK { b'\n' } else { *byte }).collect();
    // The bits of the type, as stat(2) has them: inode(7).
    let kind = match mode & 0o170_000 {
        0o100_000 => Kind::File,
        0o040_000 => Kind::Directory,
        0o020_000 => Kind::CharDevice,
        0o060_000 => Kind::BlockDevice,
        // No form of tar knows sockets; nobody opens either.
        0o010_000 | 0o140_000 => Kind::Fifo,
        _ => return None,
    };
    Some(Member {
        path,
        kind,
        len: if kind == Kind::File { len } else { 0 },
        stored: 0,
        position: 0,
        mode: mode & 0o7777,
        uid,
        mtime,
        link: Vec::new(),
        extents: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_come_with_kind_mode_size_and_time() {
        let list = b"81a4 0 7 1700000000 etc/a b\n41ed 1 4096 -5 home\nc1ff 0 0 1 run/s\nnonsense\n81a4 0 1 1 x\x01y\n";
        let got: Vec<_> = names(list).map(|own| (own.path, own.kind, own.mode, own.len, own.mtime)).collect();
        assert_eq!(
            got,
            [
                (b"etc/a b".to_vec(), Kind::File, 0o644, 7, 1_700_000_000),
                (b"home".to_vec(), Kind::Directory, 0o755, 0, -5),
                (b"run/s".to_vec(), Kind::Fifo, 0o777, 0, 1),
                (b"x\ny".to_vec(), Kind::File, 0o644, 1, 1),
            ]
        );
    }

    #[test]
    fn a_gap_covers_what_is_below_it() {
        let got = gaps(b"unreadable root\nremote mnt/data\nnoise\nother x\n");
        assert_eq!(
            got.iter().map(|gap| gap.path.as_slice()).collect::<Vec<_>>(),
            [&b"root"[..], b"mnt/data"]
        );
        for (path, expected) in [("root/.ssh/x", true), ("root", false), ("rootless/x", false)] {
            assert_eq!(got[0].may_hold(path.as_bytes()), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_list_ends(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = (names(&bytes).count(), gaps(&bytes));
        }
    }
}
