//! A tree held in memory: the twin of a directory for tests, and what archives fill.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Backend, Content, Damage, LookupError, Node, NodeKind, Tree, display_path};

/// Files, directories and links by path.
#[derive(Debug, Default, Clone)]
pub struct Memory {
    nodes: BTreeMap<PathBuf, (Node, Arc<[u8]>)>,
    damage: Vec<Damage>,
}

impl Memory {
    /// An empty root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a regular file (mode 0644, for programs and scripts 0755, root's, of 2024-01-01) and the directories it
    /// needs.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes: Arc<[u8]> = bytes.as_ref().into();
        let is_program = bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
        let mode = if is_program { 0o755 } else { 0o644 };
        let node = Node { kind: NodeKind::File, len: bytes.len() as u64, mode, uid: 0, mtime: 1_704_067_200 };
        self.insert(Path::new(path), node, bytes);
        self
    }

    /// Adds a symbolic link and the directories it needs.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Self {
        let kind = NodeKind::Link(PathBuf::from(target));
        let node = Node { kind, len: target.len() as u64, mode: 0o777, uid: 0, mtime: 1_704_067_200 };
        self.insert(Path::new(path), node, Arc::default());
        self
    }

    /// Adds an empty directory.
    #[must_use]
    pub fn directory(mut self, path: &str) -> Self {
        self.insert(Path::new(path), directory_node(), Arc::default());
        self
    }

    /// Adds any node, and the directories it needs.
    pub fn insert(&mut self, path: &Path, node: Node, bytes: Arc<[u8]>) {
        let path: PathBuf =
            path.components().filter(|c| matches!(c, std::path::Component::Normal(_))).collect();
        for parent in path.ancestors().skip(1) {
            if !parent.as_os_str().is_empty() {
                self.nodes.entry(parent.to_path_buf()).or_insert_with(|| (directory_node(), Arc::default()));
            }
        }
        self.nodes.insert(path, (node, bytes));
    }

    /// Says that the system came in an archive that breaks off, so that what is not there is not known.
    #[must_use]
    pub fn damaged(mut self, archive: &str, message: &str) -> Self {
        self.damage.push(Damage { path: archive.to_owned(), message: message.to_owned(), incomplete: true });
        self
    }

    /// The tree over these files.
    #[must_use]
    pub fn into_tree(self) -> Tree {
        Tree::new(self, "memory")
    }
}

fn directory_node() -> Node {
    Node { kind: NodeKind::Directory, len: 0, mode: 0o755, uid: 0, mtime: 1_704_067_200 }
}

impl Backend for Memory {
    fn node(&self, path: &Path) -> Result<Node, LookupError> {
        if path.as_os_str().is_empty() {
            return Ok(directory_node());
        }
        match self.nodes.get(path) {
            Some((node, _)) => Ok(node.clone()),
            None => Err(LookupError::Absent { path: display_path(path) }),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError> {
        if self.node(path)?.kind != NodeKind::Directory {
            return Err(LookupError::WrongKind {
                path: display_path(path),
                found: "a file",
                wanted: "a directory",
            });
        }
        let below = self.nodes.range(path.to_path_buf()..);
        let names = below
            .take_while(|(name, _)| name.starts_with(path))
            .filter(|(name, _)| name.parent() == Some(path))
            .filter_map(|(name, _)| name.file_name().map(OsString::from));
        Ok(names.collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError> {
        match self.nodes.get(path) {
            Some((_, bytes)) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            None => Err(LookupError::Absent { path: display_path(path) }),
        }
    }

    fn damage(&self) -> &[Damage] {
        &self.damage
    }
}
