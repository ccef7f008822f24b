//! Follows what a program needs, as ld.so(8) would load it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{MissingLibrary, Needed, Program, SearchDirectory};
use crate::facts::glob::expand;
use crate::facts::{Found, Gather, Problem, ProblemKind};
use crate::parse::elf_lib::{self, ElfError, NeededVersion, Object};
use crate::parse::ld_so_conf::{self, Item};
use crate::place::Place;
use crate::source::{Content, NodeKind, display_path};

/// Objects that one program may load; the largest desktop programs load about 300.
const MAX_OBJECTS: usize = 1024;
/// Files of ld.so.conf that are read; a circle of includes ends here at the latest.
const MAX_CONFIGURATIONS: usize = 512;
/// Directories searched; real systems have fewer than 50.
const MAX_DIRECTORIES: usize = 512;
/// Similar files shown beside a missing library.
const MAX_NEAR: usize = 4;

/// Directories built into the linker: of glibc as the distributions configure it (lib64 or, on Debian, multiarch),
/// and of musl.
const DEFAULT_DIRECTORIES: [&str; 16] = [
    "lib64",
    "usr/lib64",
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "lib/i386-linux-gnu",
    "usr/lib/i386-linux-gnu",
    "lib/powerpc64le-linux-gnu",
    "usr/lib/powerpc64le-linux-gnu",
    "lib/s390x-linux-gnu",
    "usr/lib/s390x-linux-gnu",
    "lib",
    "usr/lib",
    "lib32",
    "usr/lib32",
];

/// Positioned reads of an opened file, for the ELF reader. Trouble reads as an early end.
pub(in crate::facts) fn read_at(mut content: Box<dyn Content>) -> impl FnMut(u64, usize) -> Vec<u8> {
    move |offset, len| {
        let mut bytes = Vec::new();
        let sought = content.seek(SeekFrom::Start(offset));
        let read = sought.and_then(|_| content.by_ref().take(len as u64).read_to_end(&mut bytes));
        match read {
            Ok(_) => bytes,
            Err(_) => Vec::new(), // the ELF reader says that the file is damaged
        }
    }
}

/// The search path, and the objects read so far.
pub(super) struct Linker<'a, 'b> {
    gather: &'a Gather<'b>,
    pub(super) search_path: Vec<SearchDirectory>,
    objects: BTreeMap<PathBuf, Answer>,
}

/// What is behind a path.
#[derive(Clone)]
enum Answer {
    /// An object.
    Object(Arc<Object>),
    /// Nothing, or nothing that can be loaded.
    Nothing,
    /// Something that could not be read, so that nobody can say.
    Unreadable,
}

/// An object that a program loads.
struct Loaded {
    path: String,
    object: Arc<Object>,
    /// `DT_RPATH` of those that loaded it, with `$ORIGIN` replaced.
    inherited: Vec<String>,
}

impl<'a, 'b> Linker<'a, 'b> {
    pub(super) fn new(gather: &'a Gather<'b>) -> Self {
        let mut linker = Self { gather, search_path: Vec::new(), objects: BTreeMap::new() };
        linker.read_configuration("etc/ld.so.conf", &mut BTreeSet::new());
        for directory in DEFAULT_DIRECTORIES {
            linker.add_directory(directory, None);
        }
        linker
    }

    fn read_configuration(&mut self, path: &str, seen: &mut BTreeSet<String>) {
        if seen.len() >= MAX_CONFIGURATIONS || !seen.insert(path.to_owned()) {
            return;
        }
        let Some(file) = self.gather.read(path).present() else { return };
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        for item in ld_so_conf::parse(&file.bytes) {
            match item {
                Item::Directory { path, span } => self.add_directory(&path, Some(span.at(&file.path))),
                Item::Include { pattern, .. } => {
                    let pattern = match pattern.starts_with('/') {
                        true => pattern,
                        false => format!("{directory}/{pattern}"),
                    };
                    for included in expand(self.gather, &pattern) {
                        self.read_configuration(&included, seen);
                    }
                }
            }
        }
    }

    /// Adds a directory that is there, once.
    fn add_directory(&mut self, path: &str, at: Option<Place>) {
        let path = display_path(Path::new(path));
        let known = self.search_path.iter().any(|directory| directory.path == path);
        if known || self.search_path.len() >= MAX_DIRECTORIES {
            return;
        }
        if self.gather.tree.metadata(&path).is_ok_and(|node| node.kind == NodeKind::Directory) {
            self.search_path.push(SearchDirectory { path, at });
        }
    }

    /// Follows the program at `path`; none if it is no ELF file.
    pub(super) fn program(
        &mut self,
        name: &str,
        path: &str,
        vital: bool,
    ) -> Option<(Program, Vec<MissingLibrary>)> {
        let Answer::Object(object) = self.object(path) else { return None };
        let mut program = Program {
            at: Place::file(path),
            path: path.to_owned(),
            name: name.to_owned(),
            needed: Vec::new(),
            libssl: None,
        };
        let mut missing = Vec::new();
        if let Some(interpreter) = object.interpreter.as_deref().filter(|path| self.is_absent(path)) {
            missing.push(MissingLibrary {
                at: Place::file(path),
                programs: vec![path.to_owned()],
                needed_by: path.to_owned(),
                soname: interpreter.to_owned(),
                symbol_version: None,
                near: Vec::new(),
                vital,
            });
        }
        let mut loaded: BTreeMap<String, Option<Arc<Object>>> = BTreeMap::new();
        let mut queue = VecDeque::from([Loaded { path: path.to_owned(), object, inherited: Vec::new() }]);
        let mut first = true;
        while let Some(user) = queue.pop_front() {
            let report = |soname: &str, version: Option<&NeededVersion>, near: Vec<String>| MissingLibrary {
                at: Place::file(user.path.as_str()),
                programs: vec![path.to_owned()],
                needed_by: user.path.clone(),
                soname: soname.to_owned(),
                symbol_version: version.map(|needed| needed.version.clone()),
                near,
                vital,
            };
            let rpath = self.rpath(&user);
            for soname in &user.object.needed {
                if !loaded.contains_key(soname) && loaded.len() < MAX_OBJECTS {
                    let (found, unreadable) = self.find(soname, &user, &rpath);
                    if first {
                        let path = found.as_ref().map(|(path, _)| path.clone());
                        program.needed.push(Needed { soname: soname.clone(), path });
                    }
                    match &found {
                        None if unreadable => {}
                        None => missing.push(report(soname, None, self.near(soname))),
                        Some((path, object)) => {
                            if program.libssl.is_none() && soname.starts_with("libssl.so") {
                                let resolved = self.gather.tree.resolve(path).ok();
                                program.libssl = resolved.map(|resolved| display_path(&resolved));
                            }
                            queue.push_back(Loaded {
                                path: path.clone(),
                                object: Arc::clone(object),
                                inherited: rpath.clone(),
                            });
                        }
                    }
                    loaded.insert(soname.clone(), found.map(|(_, object)| object));
                }
                let Some(Some(provider)) = loaded.get(soname) else { continue };
                let lacks = lacking_versions(&user.object, soname, provider);
                missing.extend(lacks.map(|needed| report(soname, Some(needed), Vec::new())));
            }
            first = false;
        }
        Some((program, missing))
    }

    /// The directories of `DT_RPATH`, its own and inherited; `DT_RUNPATH` turns its own off (ld.so(8)).
    fn rpath(&self, user: &Loaded) -> Vec<String> {
        let mut paths = match user.object.runpath.is_empty() {
            true => self.with_origin(&user.object.rpath, &user.path),
            false => Vec::new(),
        };
        paths.extend(user.inherited.iter().cloned());
        paths.truncate(MAX_DIRECTORIES);
        paths
    }

    /// Replaces `$ORIGIN` by the object's directory and `$LIB` by both of its usual values.
    fn with_origin(&self, paths: &[String], object: &str) -> Vec<String> {
        let resolved = self.gather.tree.resolve(object).unwrap_or_else(|_| PathBuf::from(object));
        let origin = resolved.parent().map(display_path).unwrap_or_default();
        let mut out = Vec::new();
        for path in paths {
            let path = path.replace("${ORIGIN}", "$ORIGIN").replace("${LIB}", "$LIB");
            let path = path.replace("$ORIGIN", &format!("/{origin}"));
            if path.contains("$LIB") {
                out.extend(["lib64", "lib"].map(|lib| path.replace("$LIB", lib)));
            } else {
                out.push(path);
            }
        }
        out
    }

    /// Whether the input holds enough to say that this file is not there: it has directories for libraries at all.
    fn is_absent(&self, path: &str) -> bool {
        let absent = self.gather.tree.metadata(path).is_err_and(|error| error.is_absent());
        absent && !self.search_path.is_empty()
    }

    /// The first file of that name on the path which fits; and whether, for want of one, there is a file that could
    /// not be read, or no directory for libraries at all.
    fn find(
        &mut self,
        soname: &str,
        user: &Loaded,
        rpath: &[String],
    ) -> (Option<(String, Arc<Object>)>, bool) {
        let candidates: Vec<String> = if soname.contains('/') {
            vec![soname.to_owned()]
        } else {
            let runpath = self.with_origin(&user.object.runpath, &user.path);
            let own = rpath.iter().cloned().chain(runpath);
            let system = self.search_path.iter().map(|directory| directory.path.clone());
            own.chain(system).map(|directory| format!("{directory}/{soname}")).collect()
        };
        let mut unreadable = self.search_path.is_empty();
        for path in candidates {
            match self.object(&path) {
                Answer::Object(object) if object.fits(&user.object) => {
                    return (Some((display_path(Path::new(&path)), object)), false);
                }
                Answer::Object(_) | Answer::Nothing => {}
                Answer::Unreadable => unreadable = true,
            }
        }
        (None, unreadable)
    }

    /// Files on the path whose names start as the wanted one: `libssl.so.10` is near to `libssl.so.1.0.0`.
    fn near(&self, soname: &str) -> Vec<String> {
        let stem = soname.split_once(".so").map_or(soname, |(stem, _)| stem);
        let wanted = format!("{stem}.so");
        let mut near = Vec::new();
        for directory in &self.search_path {
            let names = self.gather.tree.list(&directory.path).unwrap_or_default();
            let names = names.iter().filter_map(|name| name.to_str());
            let names = names.filter(|name| name.starts_with(&wanted));
            near.extend(names.map(|name| format!("{}/{name}", directory.path)));
        }
        near.truncate(MAX_NEAR);
        near
    }

    /// Reads an object once, whatever links lead to it.
    fn object(&mut self, path: &str) -> Answer {
        let resolved = match self.gather.tree.resolve(path) {
            Ok(resolved) => resolved,
            Err(error) if error.is_absent() => return Answer::Nothing,
            Err(_) => return Answer::Unreadable,
        };
        if let Some(known) = self.objects.get(&resolved) {
            return known.clone();
        }
        let answer = self.read_object(path);
        self.objects.insert(resolved, answer.clone());
        answer
    }

    fn read_object(&self, path: &str) -> Answer {
        let (content, node) = match self.gather.found(self.gather.tree.open(path)) {
            Found::Present(opened) => opened,
            Found::Absent => return Answer::Nothing,
            Found::Unreadable { .. } => return Answer::Unreadable,
        };
        match elf_lib::read(&mut read_at(content)) {
            Ok(mut object) => {
                object.forget_names();
                Answer::Object(Arc::new(object))
            }
            // A linker script (`libc.so`) or a wrapper is no trouble; an empty library is, for those who need it.
            Err(ElfError::NotElf) if node.len > 0 => Answer::Nothing,
            Err(error) => {
                let at = Place::file(display_path(Path::new(path)));
                let message = format!("it cannot be read as a program or library: {error}");
                self.gather.note(Problem { at, kind: ProblemKind::Malformed, message });
                Answer::Nothing
            }
        }
    }
}

/// The versions that `user` needs of `soname` and `provider` does not define. A library without any version is
/// taken as it is (ld.so only warns: "no version information available").
fn lacking_versions<'u>(
    user: &'u Object,
    soname: &'u str,
    provider: &'u Object,
) -> impl Iterator<Item = &'u NeededVersion> {
    let needed = user.needed_versions.iter().filter(move |needed| needed.library == soname && !needed.weak);
    let versioned = !provider.defined_versions.is_empty();
    needed.filter(move |needed| versioned && !provider.defined_versions.contains(&needed.version))
}
