//! A directory of this machine as the root of the audited system.
//!
//! Each component is opened relative to its parent with `O_NOFOLLOW`, so that a link that appears between the
//! look-up and the opening cannot lead outside (openat(2)). Directories that were opened once stay open for the
//! look-ups that follow, up to [`MAX_OPEN`].

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, IFlags, Mode, OFlags, StatxAttributes, StatxFlags, fgetxattr, fstat,
    fstatvfs, ioctl_getflags, openat, readlinkat, statat, statx,
};
use rustix::io::Errno;

use super::{
    Attributes, Backend, Content, LookupError, Node, NodeKind, Room, SourceError, display_path, escape_bytes,
};

/// Directories that are held open. A process may usually have 1024 files open, and boot images take theirs.
const MAX_OPEN: usize = 64;

/// O_PATH: to pass through a directory, the right to search it is enough, as for any process.
const PASS_THROUGH: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// O_NONBLOCK: should a fifo have taken the file's place, opening it must not wait for a writer.
const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY);

/// Bytes of an SELinux label; those of distributions have less than 100.
const MAX_LABEL: usize = 1024;

/// A directory opened as a root.
#[derive(Debug)]
pub struct Directory {
    root: Arc<OwnedFd>,
    open: Mutex<HashMap<PathBuf, Arc<OwnedFd>>>,
}

impl Directory {
    /// Opens the directory at `path` (a link to one is followed: the user named it).
    ///
    /// # Errors
    /// [`SourceError::Open`] when it does not exist, is no directory or may not be read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty()).map_err(|error| SourceError::Open {
            path: path.display().to_string(),
            reason: std::io::Error::from(error).to_string(),
        })?;
        Ok(Self { root: Arc::new(root), open: Mutex::default() })
    }

    /// The directory that holds `path`, and the last component (`.` for the root).
    fn parent<'p>(&self, path: &'p Path) -> Result<(Arc<OwnedFd>, &'p OsStr), LookupError> {
        let Some(name) = path.file_name() else { return Ok((Arc::clone(&self.root), OsStr::new("."))) };
        let parent = path.parent().unwrap_or(Path::new(""));
        let directory = self.directory(parent).map_err(|error| failed(path, error))?;
        Ok((directory, name))
    }

    /// The open directory at `path`, from the nearest one that is open already.
    fn directory(&self, path: &Path) -> Result<Arc<OwnedFd>, Errno> {
        let (mut directory, mut at) = self.nearest(path);
        for component in path.components().skip(at.components().count()) {
            directory = Arc::new(openat(&directory, component.as_os_str(), PASS_THROUGH, Mode::empty())?);
            at.push(component);
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.len() >= MAX_OPEN {
                open.clear();
            }
            open.insert(at.clone(), Arc::clone(&directory));
        }
        Ok(directory)
    }

    fn nearest(&self, path: &Path) -> (Arc<OwnedFd>, PathBuf) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut above = path.ancestors().filter_map(|above| Some((open.get(above)?, above)));
        match above.next() {
            Some((directory, above)) => (Arc::clone(directory), above.to_path_buf()),
            None => (Arc::clone(&self.root), PathBuf::new()),
        }
    }
}

fn failed(path: &Path, error: Errno) -> LookupError {
    let path = display_path(path);
    match error {
        Errno::NOENT | Errno::NOTDIR => LookupError::Absent { path },
        error => LookupError::Unreadable { path, reason: std::io::Error::from(error).to_string() },
    }
}

fn kind_of(mode: u32) -> NodeKind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => NodeKind::File,
        FileType::Directory => NodeKind::Directory,
        FileType::Symlink => NodeKind::Link(PathBuf::new()),
        FileType::Fifo => NodeKind::Fifo,
        FileType::Socket => NodeKind::Socket,
        FileType::CharacterDevice => NodeKind::CharDevice,
        _ => NodeKind::BlockDevice,
    }
}

impl Backend for Directory {
    fn node(&self, path: &Path) -> Result<Node, LookupError> {
        let (at, name) = self.parent(path)?;
        let stat = statat(&at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| failed(path, error))?;
        let mut kind = kind_of(stat.st_mode);
        if let NodeKind::Link(target) = &mut kind {
            let bytes = readlinkat(&at, name, Vec::new()).map_err(|error| failed(path, error))?;
            *target = PathBuf::from(OsStr::from_bytes(bytes.as_bytes()));
        }
        Ok(Node {
            kind,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            mtime: stat.st_mtime,
        })
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError> {
        let (at, name) = self.parent(path)?;
        let directory = openat(&at, name, LIST, Mode::empty()).map_err(|error| failed(path, error))?;
        let mut names = Vec::new();
        for entry in Dir::new(directory).map_err(|error| failed(path, error))? {
            let entry = entry.map_err(|error| failed(path, error))?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_os_string());
            }
        }
        Ok(names)
    }

    fn attributes(&self, path: &Path) -> Option<Attributes> {
        let (at, name) = self.parent(path).ok()?;
        // What may not be opened is not known.
        let file = openat(&at, name, OPEN, Mode::empty()).ok()?;
        // FS_IOC_GETFLAGS (ioctl_iflags(2)): a file system without such flags has none set.
        let flags = ioctl_getflags(&file).unwrap_or(IFlags::empty());
        let mut label = [0_u8; MAX_LABEL];
        // An error is a file without a label, or a file system that keeps none.
        let label = fgetxattr(&file, "security.selinux", &mut label).ok().and_then(|len| label.get(..len));
        Some(Attributes {
            is_immutable: flags.contains(IFlags::IMMUTABLE),
            is_append_only: flags.contains(IFlags::APPEND),
            label: label.map(|label| escape_bytes(label.strip_suffix(b"\0").unwrap_or(label))),
        })
    }

    fn room(&self, path: &Path) -> Option<Room> {
        // A copy in a folder is on a file system of this machine, which says nothing of the system's own.
        let root = statx(&self.root, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).ok()?;
        if !root.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            return None;
        }
        let (at, name) = self.parent(path).ok()?;
        let directory = openat(&at, name, LIST, Mode::empty()).ok()?;
        let found = fstatvfs(&directory).ok()?;
        Some(Room {
            size: found.f_blocks.saturating_mul(found.f_frsize),
            available: found.f_bavail.saturating_mul(found.f_frsize),
            inodes_free: (found.f_files > 0).then_some(found.f_favail),
        })
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError> {
        let (at, name) = self.parent(path)?;
        let file = openat(&at, name, OPEN, Mode::empty()).map_err(|error| failed(path, error))?;
        let stat = fstat(&file).map_err(|error| failed(path, error))?;
        match kind_of(stat.st_mode) {
            NodeKind::File => Ok(Box::new(File::from(file))),
            other => Err(LookupError::WrongKind {
                path: display_path(path),
                found: super::kind_name(&other),
                wanted: "a regular file",
            }),
        }
    }
}
