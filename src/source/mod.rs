//! The audited system as a read-only tree of files, whatever it comes in.
//!
//! Every access to the audited system goes through [`Tree`]. Links, absolute ones too, resolve inside the root, as
//! a process chrooted there would see them (path_resolution(7)); `..` at the root stays at the root; loops end
//! after [`MAX_LINKS`]. Nothing is written, executed or mounted. Fifos, sockets and devices are never opened.

mod decode;
pub mod directory;
pub(crate) mod interest;
pub mod memory;
mod open;
mod resolve;
mod tar;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use resolve::Memo;

/// Links followed in one look-up before it is a loop; Linux gives up after 40 (path_resolution(7)).
pub const MAX_LINKS: u32 = 40;

/// Bytes of a configuration file that are read at most, unless the caller asks for another limit. A real fstab or
/// grub.cfg has kilobytes; the limit keeps a hostile one from filling the memory.
pub const TEXT_LIMIT: u64 = 16 * 1024 * 1024;

/// What a name in the tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its target, as written.
    Link(PathBuf),
    /// A named pipe; never opened.
    Fifo,
    /// A socket; never opened.
    Socket,
    /// A character device; never opened.
    CharDevice,
    /// A block device; never opened.
    BlockDevice,
}

/// A name's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Size in bytes; 0 for what has none.
    pub len: u64,
    /// Permission bits (the lower 12 of st_mode).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Modification time in seconds since the epoch.
    pub mtime: i64,
}

/// What a file system keeps of a file beside its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `chattr +i`: nobody changes, replaces or removes it.
    pub is_immutable: bool,
    /// `chattr +a`: it only grows.
    pub is_append_only: bool,
    /// The SELinux label (`security.selinux`); none if it has none.
    pub label: Option<String>,
}

/// Why a look-up gave nothing. Absent, unreadable and unsuitable are different things to a check.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LookupError {
    /// There is no such name (or a directory on the way to it is missing).
    #[error("`{path}` does not exist")]
    Absent {
        /// The path asked for, relative to the root.
        path: String,
    },
    /// It is not in what could be read of an archive that breaks off, which may have held it.
    #[error("`{path}` is not in the part of the archive that could be read")]
    Lost {
        /// The path asked for, relative to the root.
        path: String,
    },
    /// It is there (or may be), but cannot be read.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// The path asked for, relative to the root.
        path: String,
        /// The operating system's or the archive's reason.
        reason: String,
    },
    /// The links do not end.
    #[error("`{path}` leads through more than {MAX_LINKS} links")]
    LinkLoop {
        /// The path asked for, relative to the root.
        path: String,
    },
    /// Not a regular file (or not a directory, where one is needed).
    #[error("`{path}` is {found}, not {wanted}")]
    WrongKind {
        /// The path asked for, relative to the root.
        path: String,
        /// What it is: "a fifo".
        found: &'static str,
        /// What was needed: "a regular file".
        wanted: &'static str,
    },
    /// Larger than the caller's limit.
    #[error("`{path}` has {len} bytes; at most {limit} are read")]
    TooLarge {
        /// The path asked for, relative to the root.
        path: String,
        /// Its size in bytes.
        len: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl LookupError {
    /// Whether the name is simply not there, which is an answer and no trouble.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// The same trouble, said of the path that was asked for and not of the one that its links led to.
    fn about(mut self, asked: &Path) -> Self {
        let (Self::Absent { path }
        | Self::Lost { path }
        | Self::Unreadable { path, .. }
        | Self::LinkLoop { path }
        | Self::WrongKind { path, .. }
        | Self::TooLarge { path, .. }) = &mut self;
        *path = display_path(asked);
        self
    }
}

/// Names at the top of a root of which a Linux system has at least one.
const SYSTEM_MARKS: [&str; 7] = ["etc", "usr", "boot", "lib", "var", "bin", "sbin"];

/// Why a system could not be opened at all.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It can be opened, but nothing of a system is in it. A gate must not pass because it was given nothing.
    #[error(
        "`{path}` holds no Linux system{damage}: it has neither `etc`, `usr`, `boot`, `lib` nor `var`; give the directory \
         where the system's root is mounted, or a tar of it"
    )]
    NoSystem {
        /// The path as given.
        path: String,
        /// What is wrong with the archive, if anything is.
        damage: String,
    },
    /// The path does not exist or cannot be opened.
    #[error("cannot open `{path}`: {reason}")]
    Open {
        /// The path as given.
        path: String,
        /// The reason.
        reason: String,
    },
    /// It is not a system in any form that is understood.
    #[error("`{path}` is not a directory or a tar archive: {reason}")]
    Unsupported {
        /// The path as given.
        path: String,
        /// The reason.
        reason: String,
    },
    /// An archive that breaks off or is damaged.
    #[error("`{path}` is damaged at byte {offset}: {reason}")]
    Corrupt {
        /// The path as given.
        path: String,
        /// Offset in the (uncompressed) archive, in bytes.
        offset: u64,
        /// The reason.
        reason: String,
    },
}

/// An opened regular file.
pub trait Content: Read + Seek + Send {}
impl<T: Read + Seek + Send> Content for T {}

/// What a form of system (directory, archive) has to offer. Paths are relative, without `.` and `..`, and no
/// component of them is a link: [`Tree`] resolves before it asks.
pub trait Backend: Send + Sync {
    /// What is at `path`; a link is not followed. The empty path is the root.
    ///
    /// # Errors
    /// [`LookupError::Absent`] or [`LookupError::Unreadable`].
    fn node(&self, path: &Path) -> Result<Node, LookupError>;

    /// The names in the directory at `path`, in no order.
    ///
    /// # Errors
    /// Any [`LookupError`].
    fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError>;

    /// Opens the regular file at `path`. Must not follow a link even if one has come there meanwhile.
    ///
    /// # Errors
    /// Any [`LookupError`].
    fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError>;

    /// What the file system keeps of the regular file at `path` beside its metadata; none where this form of system
    /// does not hold it, or it may not be asked.
    fn attributes(&self, _path: &Path) -> Option<Attributes> {
        None
    }

    /// The room on the file system that holds the directory at `path`, where that is one of the audited system: mounted, and no copy of
    /// its files in a folder.
    fn room(&self, _path: &Path) -> Option<Room> {
        None
    }

    /// What is wrong with the form that the system came in; nothing, for most.
    fn damage(&self) -> &[Damage] {
        &[]
    }
}

/// The room on a mounted file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that it has.
    pub size: u64,
    /// Bytes that programs may still use.
    pub available: u64,
    /// Inodes that are free; none if it has no fixed number of them.
    pub inodes_free: Option<u64>,
}

/// Something wrong with the archive that the system came in: it breaks off, or a member of it cannot be used. What
/// could be read is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The archive or its member, fit to be shown.
    pub path: String,
    /// A sentence.
    pub message: String,
    /// Files may be missing that the system has: what is not there is unknown and not absent.
    pub incomplete: bool,
}

/// A whole file that was read.
#[derive(Debug, Clone)]
pub struct File {
    /// The path asked for, relative to the root, fit to be shown.
    pub path: Arc<str>,
    /// The path after all links, relative to the root.
    pub resolved: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its metadata.
    pub node: Node,
}

/// The audited system.
pub struct Tree {
    backend: Box<dyn Backend>,
    origin: String,
    live: bool,
    /// The archive breaks off: what is not there is unknown.
    incomplete: bool,
    directories: Memo,
    watcher: Option<Watcher>,
}

/// Is told the path of each file when it is opened.
type Watcher = Box<dyn Fn(&Path) + Send + Sync>;

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Tree {
    /// A tree over `backend`; `origin` is what the user called it.
    pub fn new(backend: impl Backend + 'static, origin: impl Into<String>) -> Self {
        Self::over(Box::new(backend), origin.into(), false)
    }

    fn over(backend: Box<dyn Backend>, origin: String, live: bool) -> Self {
        let incomplete = backend.damage().iter().any(|damage| damage.incomplete);
        Self { backend, origin, live, incomplete, directories: Memo::default(), watcher: None }
    }

    /// Tells `watcher` the path of each file that is opened from now on, so that it can be shown what takes long, or
    /// noted what was read. Who was told before still is.
    #[must_use]
    pub fn watched(mut self, watcher: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        self.watcher = Some(match self.watcher.take() {
            None => Box::new(watcher),
            Some(before) => Box::new(move |path| {
                before(path);
                watcher(path);
            }),
        });
        self
    }

    /// Opens what the user named: a directory, `/`, a tar archive, or `-` for a tar on stdin.
    ///
    /// # Errors
    /// [`SourceError`] when there is nothing that can be read as a system.
    pub fn open_system(path: &Path) -> Result<Self, SourceError> {
        let tree = Self::open_root(path)?;
        if SYSTEM_MARKS.iter().any(|name| tree.exists(name)) {
            return Ok(tree);
        }
        let damage = tree.damage().first().map(|damage| format!(" ({})", damage.message)).unwrap_or_default();
        Err(SourceError::NoSystem { path: tree.origin, damage })
    }

    /// Opens a root as [`Self::open_system`] does, whatever is in it.
    fn open_root(path: &Path) -> Result<Self, SourceError> {
        let origin = escape_bytes(path.as_os_str().as_encoded_bytes());
        Ok(Self::over(open::open(path)?, origin, path == Path::new("/")))
    }

    /// What is wrong with the archive that the system came in: it breaks off, members of it cannot be used. Empty for
    /// a directory and for a whole archive.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        self.backend.damage()
    }

    /// What the user called this system: the path given on the command line.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether this is the running system (`/`), so that `/proc` and `/sys` speak of it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Whether the input is a sosreport, which holds files by choice: what is not there says nothing. What
    /// `bootproof collect` packs has the same outputs of commands, and with them a list of all names.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.exists("sos_commands") && !self.exists(tar::MANIFEST)
    }

    /// The room on the file system that holds the directory at `path`; none if the input does not say.
    #[must_use]
    pub fn room(&self, path: impl AsRef<Path>) -> Option<Room> {
        // A folder that cannot be looked up has no room of its own; the look-up that needs it says why.
        self.backend.room(&self.resolve(path).ok()?)
    }

    /// The path without links that `path` leads to, which need not exist itself if its directory does.
    ///
    /// # Errors
    /// [`LookupError::LinkLoop`], or what the backend says of a directory on the way.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Result<PathBuf, LookupError> {
        Ok(self.look_up(path.as_ref(), true)?.0)
    }

    /// Metadata of what `path` leads to, all links followed.
    ///
    /// # Errors
    /// Any [`LookupError`].
    pub fn metadata(&self, path: impl AsRef<Path>) -> Result<Node, LookupError> {
        self.found(path.as_ref(), true)
    }

    /// Metadata of `path` itself; a link in the last component is not followed.
    ///
    /// # Errors
    /// Any [`LookupError`].
    pub fn symlink_metadata(&self, path: impl AsRef<Path>) -> Result<Node, LookupError> {
        self.found(path.as_ref(), false)
    }

    /// What the file system keeps of the regular file that `path` leads to beside its metadata; none where nobody can
    /// say.
    #[must_use]
    pub fn attributes(&self, path: impl AsRef<Path>) -> Option<Attributes> {
        let (resolved, node) = self.look_up(path.as_ref(), true).ok()?; // a name that is not there has none
        node.filter(|node| node.kind == NodeKind::File)?;
        self.backend.attributes(&resolved)
    }

    /// Whether `path` leads to something. Trouble on the way counts as "not known to exist": false.
    #[must_use]
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.metadata(path).is_ok()
    }

    /// The names in the directory that `path` leads to, sorted bytewise.
    ///
    /// # Errors
    /// Any [`LookupError`].
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<OsString>, LookupError> {
        let path = path.as_ref();
        let (resolved, node) = self.look_up(path, true)?;
        let node = node.ok_or_else(|| self.absent(path))?;
        if node.kind != NodeKind::Directory {
            return Err(LookupError::WrongKind {
                path: display_path(path),
                found: kind_name(&node.kind),
                wanted: "a directory",
            });
        }
        let mut names = self.backend.list(&resolved).map_err(|error| error.about(path))?;
        names.sort();
        Ok(names)
    }

    /// Opens the regular file that `path` leads to.
    ///
    /// # Errors
    /// Any [`LookupError`]; [`LookupError::WrongKind`] for anything but a regular file.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<(Box<dyn Content>, Node), LookupError> {
        let path = path.as_ref();
        let (content, node, _) = self.open_resolved(path)?;
        Ok((content, node))
    }

    fn open_resolved(&self, path: &Path) -> Result<(Box<dyn Content>, Node, PathBuf), LookupError> {
        let (resolved, node) = self.look_up(path, true)?;
        let node = node.ok_or_else(|| self.absent(path))?;
        if node.kind != NodeKind::File {
            return Err(LookupError::WrongKind {
                path: display_path(path),
                found: kind_name(&node.kind),
                wanted: "a regular file",
            });
        }
        if let Some(watcher) = &self.watcher {
            watcher(path);
        }
        let content = self.backend.open(&resolved).map_err(|error| error.about(path))?;
        Ok((content, node, resolved))
    }

    fn found(&self, path: &Path, follow_last: bool) -> Result<Node, LookupError> {
        let (_, node) = self.look_up(path, follow_last)?;
        node.ok_or_else(|| self.absent(path))
    }

    /// The answer for a name that is not there: in an archive that breaks off, nobody knows.
    fn absent(&self, path: &Path) -> LookupError {
        let path = display_path(path);
        if self.incomplete { LookupError::Lost { path } } else { LookupError::Absent { path } }
    }

    fn look_up(&self, path: &Path, follow_last: bool) -> Result<(PathBuf, Option<Node>), LookupError> {
        resolve::look_up(self.backend.as_ref(), &self.directories, path, follow_last)
            .map_err(|error| if error.is_absent() { self.absent(path) } else { error.about(path) })
    }

    /// Reads the file that `path` leads to, at most [`TEXT_LIMIT`] bytes.
    ///
    /// # Errors
    /// Any [`LookupError`]; [`LookupError::TooLarge`] past the limit.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<File, LookupError> {
        self.read_limited(path, TEXT_LIMIT)
    }

    /// Reads the file that `path` leads to, at most `limit` bytes.
    ///
    /// # Errors
    /// Any [`LookupError`]; [`LookupError::TooLarge`] past the limit, also when the file turns out longer than its
    /// metadata says (as files of `/proc` do).
    pub fn read_limited(&self, path: impl AsRef<Path>, limit: u64) -> Result<File, LookupError> {
        let path = path.as_ref();
        let shown = display_path(path);
        let (content, node, resolved) = self.open_resolved(path)?;
        if node.len > limit {
            return Err(LookupError::TooLarge { path: shown, len: node.len, limit });
        }
        // One more than is expected, so that the end is seen without growing.
        let mut bytes = Vec::with_capacity(usize::try_from(node.len.saturating_add(1)).unwrap_or_default());
        let read = content.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| LookupError::Unreadable { path: shown.clone(), reason: error.to_string() })?;
        let len = bytes.len() as u64;
        if len > limit {
            return Err(LookupError::TooLarge { path: shown, len: node.len.max(len), limit });
        }
        Ok(File { path: shown.into(), resolved, bytes, node })
    }
}

/// A path as it may be shown: relative to the root, control characters and bytes that are not UTF-8 escaped.
#[must_use]
pub fn display_path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().position(|byte| *byte != b'/').unwrap_or(bytes.len());
    escape_bytes(bytes.get(start..).unwrap_or_default())
}

/// Bytes as text that is safe on a terminal: invalid UTF-8 as `\xNN`, control characters as Rust escapes them.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || is_deceptive(character) {
                out.extend(character.escape_default());
            } else {
                out.push(character);
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Characters that reorder or hide text around them: bidirectional controls and zero-width ones (UTR #36).
fn is_deceptive(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn kind_name(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::File => "a regular file",
        NodeKind::Directory => "a directory",
        NodeKind::Link(_) => "a symbolic link",
        NodeKind::Fifo => "a fifo",
        NodeKind::Socket => "a socket",
        NodeKind::CharDevice => "a character device",
        NodeKind::BlockDevice => "a block device",
    }
}
