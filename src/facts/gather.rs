//! Reading files for the facts: absent, unreadable and unparsable stay apart, and trouble is collected.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Known, Limits};
use crate::place::Place;
use crate::source::{File, LookupError, Tree};

/// Bytes of a configuration file whose every line becomes a fact; a hostile one must not fill the memory.
const CONFIG_LIMIT: u64 = 1024 * 1024;

/// What kind of trouble a file gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// It is there, but may not or cannot be read.
    Unreadable,
    /// It was read, but is not what it should be.
    Malformed,
    /// The archive that the system came in breaks off: files may be missing.
    Incomplete,
    /// It is larger, deeper or longer than the limit.
    OverLimit,
}

/// A file that is there but could not be read or understood. Everything else is still checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What kind of trouble.
    pub kind: ProblemKind,
    /// A sentence: what was expected, what is there.
    pub message: String,
}

/// A file asked for by the facts.
#[derive(Debug)]
pub enum Found<T> {
    /// It is there.
    Present(T),
    /// It is not there.
    Absent,
    /// It is there but could not be read; the trouble is already noted in the problems.
    Unreadable {
        /// What would settle it.
        needs: String,
    },
}

impl<T> Found<T> {
    /// Applies `f` to what is there.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Present(value) => Found::Present(f(value)),
            Self::Absent => Found::Absent,
            Self::Unreadable { needs } => Found::Unreadable { needs },
        }
    }

    /// What is there; trouble counts as nothing. Only for subjects that say elsewhere that they are incomplete.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable { .. } => None,
        }
    }

    /// A known value: what is there, or the default if nothing is. Unknown if it could not be read.
    pub fn known_or_default(self) -> Known<T>
    where
        T: Default,
    {
        match self {
            Self::Present(value) => Known::Known(value),
            Self::Absent => Known::Known(T::default()),
            Self::Unreadable { needs } => Known::Unknown { needs },
        }
    }

    /// A known option: what is there, or none. Unknown if it could not be read.
    pub fn known(self) -> Known<Option<T>> {
        match self {
            Self::Present(value) => Known::Known(Some(value)),
            Self::Absent => Known::Known(None),
            Self::Unreadable { needs } => Known::Unknown { needs },
        }
    }
}

/// The tree, the limits, and the trouble met so far. Shared by subjects that run in parallel.
#[derive(Debug)]
pub struct Gather<'a> {
    /// The audited system.
    pub tree: &'a Tree,
    /// Bounds on what is read.
    pub limits: &'a Limits,
    problems: Mutex<Vec<Problem>>,
}

impl<'a> Gather<'a> {
    /// Starts with no trouble.
    #[must_use]
    pub fn new(tree: &'a Tree, limits: &'a Limits) -> Self {
        Self { tree, limits, problems: Mutex::default() }
    }

    /// Reads the text file at `path`; trouble other than absence is noted.
    pub fn read(&self, path: impl AsRef<Path>) -> Found<File> {
        self.found(self.tree.read(path))
    }

    /// Reads the configuration file at `path`, which no administrator writes larger than [`CONFIG_LIMIT`]; what its
    /// reader makes of it is many times its size.
    pub fn read_config(&self, path: impl AsRef<Path>) -> Found<File> {
        self.found(self.tree.read_limited(path, CONFIG_LIMIT))
    }

    /// Sorts an answer of the tree into present, absent and trouble, and notes the trouble.
    pub fn found<T>(&self, answer: Result<T, LookupError>) -> Found<T> {
        match answer {
            Ok(value) => Found::Present(value),
            Err(LookupError::Absent { .. }) => Found::Absent,
            Err(error) => {
                let needs = self.note_lookup(&error);
                Found::Unreadable { needs }
            }
        }
    }

    /// The files in the directory `path` whose names pass `keep`, in byte order of their names, each read.
    /// A directory that is absent has no files. Unreadable files are noted and left out.
    pub fn read_directory(&self, path: impl AsRef<Path>, keep: impl Fn(&str) -> bool) -> Vec<File> {
        let path = path.as_ref();
        let names = self.found(self.tree.list(path)).present().unwrap_or_default();
        let wanted = names.iter().filter(|name| name.to_str().is_some_and(&keep));
        wanted.filter_map(|name| self.read(path.join(name)).present()).collect()
    }

    /// Notes trouble with a look-up, and returns what would settle it.
    pub fn note_lookup(&self, error: &LookupError) -> String {
        let (path, kind) = match error {
            // The archive's damage is told once, not for each file that it may have held.
            LookupError::Lost { path } => return format!("`{path}`, or a whole archive"),
            LookupError::TooLarge { path, .. } => (path, ProblemKind::OverLimit),
            LookupError::Absent { path }
            | LookupError::Unreadable { path, .. }
            | LookupError::LinkLoop { path }
            | LookupError::WrongKind { path, .. } => (path, ProblemKind::Unreadable),
        };
        self.note(Problem { at: Place::file(path.as_str()), kind, message: error.to_string() });
        format!("a readable `{path}`")
    }

    /// Notes what is wrong with the archive that the system came in.
    pub fn note_damage(&self) {
        for damage in self.tree.damage() {
            self.note(Problem {
                at: Place::file(damage.path.as_str()),
                kind: if damage.incomplete { ProblemKind::Incomplete } else { ProblemKind::Malformed },
                message: damage.message.clone(),
            });
        }
    }

    /// Notes trouble with what a file holds.
    pub fn note(&self, problem: Problem) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
    }

    /// The trouble met, sorted by place, each once.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        problems.sort();
        problems.dedup();
        problems
    }
}
