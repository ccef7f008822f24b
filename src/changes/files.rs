//! Configuration files that differ: everything that the facts of either side were read from, and some more.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::side::{Held, Side};
use super::subject::{self, FileSubject};
use crate::place::Place;
use crate::secrets::{self, MASK, Masker};
use crate::source::{File, NodeKind, escape_bytes};

/// Files that are compared at most; a full server's configuration has some hundreds.
const MOST_FILES: usize = 10_000;
/// Names of one folder that are looked at.
const MOST_NAMES: usize = 4_000;
/// Lines of a difference that rules see, each way.
const MOST_LINES: usize = 40;
/// Characters of such a line.
const LINE_LENGTH: usize = 200;
/// Bytes of all differing files that are kept to show how; two hostile trees must not fill the memory.
const KEPT_BYTES: usize = 64 << 20;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileStatus {
    /// It is there only after the change.
    Added,
    /// It is there only before the change.
    Removed,
    /// Its text differs, or where its link leads.
    Changed,
    /// One input does not hold it, and need not.
    Unknown,
}

/// A configuration file that differs, as rules see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileChange {
    /// Its path, relative to the root.
    pub path: String,
    /// What it is about.
    pub subject: FileSubject,
    /// What became of it; never `unknown`.
    pub status: FileStatus,
    /// Whether more differs than comments and empty lines.
    pub sets_differ: bool,
    /// Lines that only the file before has, without comments and secrets, shortened, in their order.
    pub removed: Vec<String>,
    /// Lines that only the file after has.
    pub added: Vec<String>,
    /// When it was last changed, in seconds since the epoch; null if it is gone.
    pub mtime: Option<i64>,
    /// The file, at the first line that only it has; without a line if it has none such, or is gone.
    pub at: Place,
}

/// A file of which one side differs from the other, or cannot be compared.
#[derive(Debug)]
pub struct Compared {
    /// Its path, relative to the root, fit to be shown.
    pub path: String,
    /// What it is about.
    pub subject: FileSubject,
    /// What became of it.
    pub status: FileStatus,
    /// What is to be said besides: a link that leads elsewhere, what one input does not hold.
    pub note: Option<String>,
    /// The file before, if it was read and is kept.
    pub before: Option<File>,
    /// The file after, if it was read and is kept.
    pub after: Option<File>,
}

impl Compared {
    /// The change as rules see it; none if nobody knows whether there is one.
    #[must_use]
    pub fn change(&self) -> Option<FileChange> {
        if self.status == FileStatus::Unknown {
            return None;
        }
        let before = settings(self.before.as_ref());
        let after = settings(self.after.as_ref());
        let masker = Masker::of(&self.path);
        let (removed, _) = only(&before, &after, masker);
        let (added, first) = only(&after, &before, masker);
        let line = first.and_then(|index| u32::try_from(index.saturating_add(1)).ok());
        // A file that is not kept, or no text, differs in more than its comments.
        let shown = self.before.is_some() || self.after.is_some();
        Some(FileChange {
            path: self.path.clone(),
            subject: self.subject,
            status: self.status,
            sets_differ: !removed.is_empty() || !added.is_empty() || self.note.is_some() || !shown,
            removed,
            added,
            mtime: self.after.as_ref().map(|file| file.node.mtime),
            at: Place { line, ..Place::file(self.path.as_str()) },
        })
    }
}

/// A line of a file that sets something.
struct SettingLine<'a> {
    /// From 0.
    number: usize,
    text: &'a [u8],
    /// It is the inside of a private key.
    is_key: bool,
}

/// The lines of a file that set something.
fn settings(file: Option<&File>) -> Vec<SettingLine<'_>> {
    let text = file.map_or(&[][..], |file| file.bytes.as_slice());
    let keys = secrets::key_lines(text);
    let is_key = |number: usize| keys.iter().any(|lines| lines.contains(&number));
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let is_setting = |line: &[u8]| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b";");
    let settings = lines.filter(|(_, line)| is_setting(line));
    settings.map(|(number, text)| SettingLine { number, text, is_key: is_key(number) }).collect()
}

/// Lines of `these` that are not among `those`, as often as they are more, and the number of the first.
fn only(
    these: &[SettingLine<'_>],
    those: &[SettingLine<'_>],
    masker: Masker<'_>,
) -> (Vec<String>, Option<usize>) {
    let mut left: BTreeMap<&[u8], usize> = BTreeMap::new();
    for line in those {
        *left.entry(line.text).or_default() += 1;
    }
    let mut lines = Vec::new();
    let mut first = None;
    for line in these {
        match left.get_mut(line.text) {
            Some(count) if *count > 0 => *count -= 1,
            _ => {
                first.get_or_insert(line.number);
                if lines.len() < MOST_LINES {
                    let masked = match line.is_key {
                        true => MASK.to_owned(),
                        false => masker.line(&String::from_utf8_lossy(line.text)),
                    };
                    let cut: String = masked.chars().take(LINE_LENGTH).collect();
                    lines.push(escape_bytes(cut.as_bytes()));
                }
            }
        }
    }
    (lines, first)
}

/// Compares the configuration of two systems, by path.
pub(super) fn compare(before: &Side, after: &Side) -> Vec<Compared> {
    let mut paths: BTreeSet<String> = before.opened.union(&after.opened).cloned().collect();
    for side in [before, after] {
        paths.extend(subject::FILES.iter().map(|path| (*path).to_owned()));
        for (folder, depth) in subject::FOLDERS {
            walk(side, folder, *depth, &mut paths);
        }
    }
    let paths: Vec<(String, FileSubject)> = paths
        .into_iter()
        .filter_map(|path| subject::of(&path).map(|subject| (path, subject)))
        .take(MOST_FILES)
        .collect();
    let mut compared: Vec<Compared> =
        paths.into_par_iter().filter_map(|(path, subject)| one(before, after, path, subject)).collect();
    let mut kept = 0_usize;
    for file in &mut compared {
        let bytes = |side: &Option<File>| side.as_ref().map_or(0, |file| file.bytes.len());
        kept = kept.saturating_add(bytes(&file.before)).saturating_add(bytes(&file.after));
        if kept > KEPT_BYTES {
            (file.before, file.after) = (None, None);
            file.note = Some("not shown: there are too many differences before it".to_owned());
        }
    }
    compared
}

/// Adds the files in `folder`, down to `depth` folders.
fn walk(side: &Side, folder: &str, depth: usize, paths: &mut BTreeSet<String>) {
    // A folder that is not there or cannot be read has no files to compare; the facts say so where it matters.
    let Ok(names) = side.tree.list(folder) else { return };
    for name in names.iter().filter_map(|name| name.to_str()).take(MOST_NAMES) {
        let path = format!("{folder}/{name}");
        match side.tree.symlink_metadata(&path).map(|node| node.kind) {
            Ok(NodeKind::Directory) if depth > 1 => walk(side, &path, depth - 1, paths),
            Ok(NodeKind::File | NodeKind::Link(_)) => {
                paths.insert(path);
            }
            _ => {}
        }
    }
}

/// Compares the files under one name; none if they are the same, or on neither side.
fn one(before: &Side, after: &Side, path: String, subject: FileSubject) -> Option<Compared> {
    let links = (before.link(&path), after.link(&path));
    let shown = escape_bytes(path.as_bytes());
    let compared = |status, note, before, after| {
        Some(Compared { path: shown.clone(), subject, status, note, before, after })
    };
    let note = links_note(&links);
    match (before.held(&path), after.held(&path)) {
        (Held::File(old), Held::File(new)) => {
            let same = old.bytes == new.bytes;
            if same && note.is_none() {
                return None;
            }
            compared(FileStatus::Changed, note, Some(old), Some(new))
        }
        (Held::File(old), Held::Absent) => compared(FileStatus::Removed, None, Some(old), None),
        (Held::Absent, Held::File(new)) => compared(FileStatus::Added, None, None, Some(new)),
        (Held::Large(old), Held::Large(new)) if old.len == new.len && old.mtime == new.mtime => None,
        (Held::Large(_), Held::Large(_) | Held::File(_)) | (Held::File(_), Held::Large(_)) => {
            let note = "not shown: it is larger than 1 MiB".to_owned();
            compared(FileStatus::Changed, Some(note), None, None)
        }
        // A link that leads nowhere on both sides (a unit that is masked has `/dev/null`, which no tree holds).
        (Held::Absent, Held::Absent) => match links {
            (None, None) => None,
            (Some(_), Some(_)) => note.and_then(|note| compared(FileStatus::Changed, Some(note), None, None)),
            (Some(to), None) => {
                compared(FileStatus::Removed, Some(format!("was a link to `{to}`")), None, None)
            }
            (None, Some(to)) => compared(FileStatus::Added, Some(format!("is a link to `{to}`")), None, None),
        },
        (Held::Large(_), Held::Absent) => compared(FileStatus::Removed, None, None, None),
        (Held::Absent, Held::Large(_)) => compared(FileStatus::Added, None, None, None),
        (Held::Unknown(_), Held::Absent | Held::Unknown(_)) | (Held::Absent, Held::Unknown(_)) => None,
        (Held::Unknown(needs), _) => {
            compared(FileStatus::Unknown, Some(not_in("before", &needs)), None, None)
        }
        (_, Held::Unknown(needs)) => compared(FileStatus::Unknown, Some(not_in("after", &needs)), None, None),
    }
}

fn not_in(side: &str, needs: &str) -> String {
    format!("not in the input {side}; to compare it: {needs}")
}

/// What is to be said of a name that is a link on one side, or leads elsewhere.
fn links_note(links: &(Option<String>, Option<String>)) -> Option<String> {
    match links {
        (None, None) => None,
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(new)) => Some(format!("a link to `{old}`, now to `{new}`")),
        (Some(old), None) => Some(format!("was a link to `{old}`, now a file")),
        (None, Some(new)) => Some(format!("was a file, now a link to `{new}`")),
    }
}
