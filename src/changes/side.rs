//! One of the two systems that are compared: read, played through, and what it can say at all.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::facts::{Facts, Limits};
use crate::simulate::{self, Boot};
use crate::source::{File, LookupError, Node, NodeKind, Tree};
use crate::target::Target;

/// Bytes of a configuration file that is compared; the facts read no larger ones either.
const FILE_LIMIT: u64 = 1024 * 1024;

/// A system with all that is known of it.
#[derive(Debug)]
pub struct Side {
    /// The system.
    pub tree: Tree,
    /// What it says of itself.
    pub facts: Facts,
    /// How each of its entries fares on each target.
    pub boots: Vec<Boot>,
    /// What the facts read, relative to the root.
    pub(super) opened: BTreeSet<String>,
}

/// What stands under a name on one side.
#[derive(Debug)]
pub(super) enum Held {
    /// A file that was read.
    File(File),
    /// A file that is not read: its size, its time.
    Large(Node),
    /// Nothing, and the input would hold it.
    Absent,
    /// The input does not say; this would settle it.
    Unknown(String),
}

impl Side {
    /// Reads `tree` and plays its entries through on `targets`.
    #[must_use]
    pub fn read(tree: Tree, limits: &Limits, targets: &[Target]) -> Self {
        let opened: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let noted = Arc::clone(&opened);
        let tree = tree.watched(move |path: &Path| {
            if let Some(path) = path.to_str() {
                noted.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
            }
        });
        let facts = Facts::gather(&tree, limits);
        let boots = simulate::simulate(&facts, targets);
        let opened = std::mem::take(&mut *opened.lock().unwrap_or_else(PoisonError::into_inner));
        Self { tree, facts, boots, opened }
    }

    /// Whether the input is a report (sosreport, supportconfig), which holds files by choice.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.tree.is_report()
            || ["sos_reports", "sos_logs", "basic-environment.txt"].iter().any(|name| self.tree.exists(name))
    }

    /// Why nothing follows from a file's absence; none if it is really not there.
    pub(crate) fn may_hold(&self, path: &str) -> Option<String> {
        let whole = || format!("`{path}` of a whole root");
        if self.is_report() {
            return Some(whole());
        }
        // A root of which a part was not packed or not mounted says nothing of that part.
        let top = path.split('/').next().unwrap_or_default();
        match self.tree.list(top) {
            Ok(names) if !names.is_empty() => None,
            _ => Some(whole()),
        }
    }

    /// What stands under `path`.
    pub(super) fn held(&self, path: &str) -> Held {
        match self.tree.read_limited(path, FILE_LIMIT) {
            Ok(file) => Held::File(file),
            Err(LookupError::TooLarge { .. }) => match self.tree.metadata(path) {
                Ok(node) => Held::Large(node),
                Err(error) => Held::Unknown(error.to_string()),
            },
            Err(LookupError::Absent { .. }) => self.may_hold(path).map_or(Held::Absent, Held::Unknown),
            Err(error) => Held::Unknown(error.to_string()),
        }
    }

    /// Where the link at `path` leads, as written; none if it is no link.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        match self.tree.symlink_metadata(path).ok()?.kind {
            NodeKind::Link(target) => {
                Some(crate::source::escape_bytes(target.as_os_str().as_encoded_bytes()))
            }
            _ => None,
        }
    }
}
