//! Initrds before and after, and the configuration that changed without them.
//!
//! An image is the one from before if size and time are the same. It is behind a change of configuration if it holds a
//! copy that is not the root's, or if it is older than the file: what builds it reads its configuration once
//! (dracut.conf(5), update-initramfs(8), lsinitrd(1)).

use schemars::JsonSchema;
use serde::Serialize;

use super::files::{FileChange, FileStatus};
use super::mounts::MountChange;
use super::side::Side;
use super::subject::FileSubject;
use crate::facts::initrds::Initrd;
use crate::facts::initrds::configuration::{TOLERANCE, sources};
use crate::initrd::Kind;
use crate::known::Known;
use crate::place::Place;

/// An initrd before and after.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InitrdChange {
    /// Its path relative to the root.
    pub path: String,
    /// What became of it.
    pub status: InitrdStatus,
    /// The kernel release that its name says it is for.
    pub release: Option<String>,
    /// What made it.
    pub kind: Known<Kind>,
    /// Whether the entry that boots by itself names it.
    pub is_default: bool,
    /// Whether it is a rescue or fallback image, or for the crash kernel.
    pub is_special: bool,
    /// The titles of the boot entries that name it.
    pub boot_entries: Vec<String>,
    /// Configuration that changed and that the image does not know of. Empty for one that is gone.
    pub stale: Vec<Stale>,
    /// The image.
    pub at: Place,
}

/// What became of an initrd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitrdStatus {
    /// It is the same image: same size, same time.
    Same,
    /// It was built anew.
    Rebuilt,
    /// It is there only after the change.
    Added,
    /// It is there only before the change.
    Removed,
}

/// A file that changed and that an image does not know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stale {
    /// The file's path, relative to the root.
    pub path: String,
    /// What it is about.
    pub subject: FileSubject,
    /// How that shows.
    pub reason: StaleReason,
    /// The place of the change.
    pub at: Place,
}

/// How it shows that an image does not know of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StaleReason {
    /// The image's own copy is not the one in the root.
    OtherCopy,
    /// The image has a copy of a file that is gone from the root.
    CopyOfGone,
    /// The image is the one from before.
    NotRebuilt,
    /// The image was built before the file was last written.
    Older,
}

/// The initrds of both sides, by path.
pub(super) fn compare(
    before: &Side,
    after: &Side,
    files: &[FileChange],
    mounts: Option<&Vec<MountChange>>,
) -> Vec<InitrdChange> {
    let (old, new) = (&before.facts.initrds, &after.facts.initrds);
    let mut changes: Vec<InitrdChange> = Vec::new();
    for initrd in new {
        let status = match old.iter().find(|other| other.path == initrd.path) {
            None => InitrdStatus::Added,
            Some(other) if (other.size, other.mtime) == (initrd.size, initrd.mtime) => InitrdStatus::Same,
            Some(_) => InitrdStatus::Rebuilt,
        };
        let stale = stale(initrd, status, files, mounts.map(Vec::as_slice).unwrap_or_default());
        changes.push(change(initrd, status, stale));
    }
    let is_gone = |initrd: &&Initrd| {
        !new.iter().any(|other| other.path == initrd.path) && after.may_hold(&initrd.path).is_none()
    };
    let gone = old.iter().filter(is_gone);
    changes.extend(gone.map(|initrd| change(initrd, InitrdStatus::Removed, Vec::new())));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn change(initrd: &Initrd, status: InitrdStatus, stale: Vec<Stale>) -> InitrdChange {
    InitrdChange {
        path: initrd.path.clone(),
        status,
        release: initrd.release.clone(),
        kind: initrd.kind.clone(),
        is_default: initrd.is_default,
        is_special: initrd.is_rescue || initrd.is_kdump,
        boot_entries: initrd.boot_entries.clone(),
        stale,
        at: initrd.at.clone(),
    }
}

/// The changed files that `initrd` was built from in their older form.
fn stale(initrd: &Initrd, status: InitrdStatus, files: &[FileChange], mounts: &[MountChange]) -> Vec<Stale> {
    let sources = sources(initrd);
    // Which drivers and programs an image needs follows from these lines; options are read after it.
    let early = mounts.iter().find(|mount| {
        (mount.device_differs || mount.type_differs)
            && mount.is_early
            && (!mount.is_swap || wakes_from_swap(initrd))
    });
    let is_source = |path: &str| match (path, early) {
        ("etc/fstab", early) => early.is_some(),
        _ => sources.iter().any(|source| match source.strip_suffix('/') {
            Some(_) => path.starts_with(source),
            None => path == *source,
        }),
    };
    let one = |file: &FileChange| {
        let reason = match copy(initrd, file) {
            Copied::Behind(reason) => Some(reason),
            Copied::No if is_source(&file.path) => by_time(initrd, status, file),
            Copied::No | Copied::Current => None,
        }?;
        let at = match (file.path.as_str(), early) {
            ("etc/fstab", Some(mount)) => mount.at.clone(),
            _ => file.at.clone(),
        };
        Some(Stale { path: file.path.clone(), subject: file.subject, reason, at })
    };
    files.iter().filter(|file| file.sets_differ).filter_map(one).collect()
}

/// Whether the image looks for a hibernated system, so that it knows a swap.
fn wakes_from_swap(initrd: &Initrd) -> bool {
    let resume = initrd.resume.get().is_some_and(Option::is_some);
    let baked = initrd.cmdline.get().map(Vec::as_slice).unwrap_or_default();
    resume || baked.iter().any(|argument| argument.key == "resume")
}

/// Whether an image holds a copy of a file, and of which state.
enum Copied {
    No,
    Current,
    Behind(StaleReason),
}

fn copy(initrd: &Initrd, file: &FileChange) -> Copied {
    let copies = initrd.copies.get().map(Vec::as_slice).unwrap_or_default();
    let Some(copy) = copies.iter().find(|copy| copy.path == file.path) else { return Copied::No };
    match (copy.differs, copy.in_root.get()) {
        (true, _) => Copied::Behind(StaleReason::OtherCopy),
        (false, Some(false)) if file.status == FileStatus::Removed => Copied::Behind(StaleReason::CopyOfGone),
        (false, _) => Copied::Current,
    }
}

fn by_time(initrd: &Initrd, status: InitrdStatus, file: &FileChange) -> Option<StaleReason> {
    if status == InitrdStatus::Same {
        return Some(StaleReason::NotRebuilt);
    }
    let is_newer = |mtime: i64| mtime > initrd.mtime.saturating_add(TOLERANCE);
    file.mtime.is_some_and(is_newer).then_some(StaleReason::Older)
}
