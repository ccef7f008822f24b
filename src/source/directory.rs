//! A directory of this machine as the root of the audited system.
//!
//! Each component is opened relative to its parent with `O_NOFOLLOW`, so that a link that appears between the
//! look-up and the opening cannot lead outside (openat(2)).

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use super::{Backend, Content, LookupError, Node, NodeKind, SourceError, display_path};

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory opened as a root.
#[derive(Debug)]
pub struct Directory {
    root: OwnedFd,
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
        Ok(Self { root })
    }

    /// The directory that holds `path`, and the last component (`.` for the root).
    fn parent(&self, path: &Path) -> Result<(OwnedFd, OsString), LookupError> {
        let name = path.file_name().map_or_else(|| OsString::from("."), OsString::from);
        let parent = path.parent().unwrap_or(Path::new(""));
        let mut at =
            openat(&self.root, ".", DIRECTORY, Mode::empty()).map_err(|error| failed(path, error))?;
        for component in parent.components() {
            at = openat(&at, component.as_os_str(), DIRECTORY, Mode::empty())
                .map_err(|error| failed(path, error))?;
        }
        Ok((at, name))
    }
}

fn failed(path: &Path, error: Errno) -> LookupError {
    let path = display_path(path);
    match error {
        Errno::NOENT | Errno::NOTDIR => LookupError::Absent { path },
        error => LookupError::Unreadable { path, reason: std::io::Error::from(error).to_string() },
    }
}

impl Backend for Directory {
    fn node(&self, path: &Path) -> Result<Node, LookupError> {
        let (at, name) = self.parent(path)?;
        let stat = statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| failed(path, error))?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => NodeKind::File,
            FileType::Directory => NodeKind::Directory,
            FileType::Symlink => {
                let target = readlinkat(&at, &name, Vec::new()).map_err(|error| failed(path, error))?;
                NodeKind::Link(PathBuf::from(std::ffi::OsStr::from_bytes(target.as_bytes())))
            }
            FileType::Fifo => NodeKind::Fifo,
            FileType::Socket => NodeKind::Socket,
            FileType::CharacterDevice => NodeKind::CharDevice,
            _ => NodeKind::BlockDevice,
        };
        Ok(Node {
            kind,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            mtime: stat.st_mtime.into(),
        })
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError> {
        let (at, name) = self.parent(path)?;
        let directory = openat(&at, &name, DIRECTORY, Mode::empty()).map_err(|error| failed(path, error))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(|error| failed(path, error))? {
            let entry = entry.map_err(|error| failed(path, error))?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(std::ffi::OsStr::from_bytes(name).to_os_string());
            }
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError> {
        let (at, name) = self.parent(path)?;
        // O_NONBLOCK: should a fifo have taken the file's place, opening it must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = openat(&at, &name, flags, Mode::empty()).map_err(|error| failed(path, error))?;
        Ok(Box::new(std::fs::File::from(file)))
    }
}
