//! Small systems from folders of text: what is binary on a real system is packed on the way.
//!
//! `rules/README.md`, "Fixtures", has the names that are special here.
#![allow(dead_code, reason = "no test program uses all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bootproof::source::memory::Memory;
use bootproof::source::{Node, NodeKind, Tree};

use super::pack::{
    Archive, Library, Module, Package, alias_index, bzimage, dependency_index, gzip, packages_bdb, unified,
};

/// A file, link or folder of a system in the making; paths are relative to its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A regular file.
    File(Vec<u8>),
    /// A regular file that was changed a day after all others.
    NewerFile(Vec<u8>),
    /// A symbolic link.
    Link(String),
    /// A folder, for its own sake.
    Folder,
    /// A named pipe.
    Fifo,
}

/// The pieces of the system in `folder`, by their paths, packed.
pub fn pieces(folder: &Path) -> BTreeMap<String, Piece> {
    let mut pieces = BTreeMap::new();
    collect(folder, "", &mut pieces);
    add_module_tables(&mut pieces);
    pieces
}

/// The system in `folder` as a tree in memory.
pub fn tree(folder: &Path) -> Tree {
    tree_of(pieces(folder))
}

/// The system that these pieces make.
pub fn tree_of(pieces: BTreeMap<String, Piece>) -> Tree {
    let mut memory = Memory::new();
    for (path, piece) in pieces {
        memory = match piece {
            Piece::File(bytes) if path == ".archive-damage" => {
                memory.damaged("system.tar", String::from_utf8(bytes).unwrap().trim())
            }
            Piece::File(bytes) => memory.file(&path, bytes),
            Piece::NewerFile(bytes) => {
                let (len, mtime) = (bytes.len() as u64, 1_704_067_200 + 86_400);
                let node = Node { kind: NodeKind::File, len, mode: 0o644, uid: 0, mtime };
                memory.insert(Path::new(&path), node, bytes.into());
                memory
            }
            Piece::Link(to) => memory.link(&path, &to),
            Piece::Folder => memory.directory(&path),
            Piece::Fifo => {
                let node = Node { kind: NodeKind::Fifo, len: 0, mode: 0o644, uid: 0, mtime: 0 };
                memory.insert(Path::new(&path), node, Arc::default());
                memory
            }
        };
    }
    memory.into_tree()
}

fn collect(folder: &Path, prefix: &str, pieces: &mut BTreeMap<String, Piece>) {
    for path in listing(folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let inside = format!("{prefix}{name}");
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_symlink() {
            let to = fs::read_link(&path).unwrap();
            pieces.insert(inside, Piece::Link(to.to_str().unwrap().to_owned()));
        } else if metadata.is_dir() {
            match archive_suffix(&inside) {
                Some((stem, suffix)) => {
                    pieces.insert(stem.to_owned(), Piece::File(archive(&path, suffix)));
                }
                None if inside.ends_with(".uki") => {
                    let stem = inside.trim_end_matches(".uki").to_owned();
                    pieces.insert(stem, Piece::File(unified_image(&path)));
                }
                None => {
                    pieces.insert(inside.clone(), Piece::Folder);
                    collect(&path, &format!("{inside}/"), pieces);
                }
            }
        } else if name != ".keep" {
            let (path, piece) = file(&inside, fs::read(&path).unwrap());
            pieces.insert(path, piece);
        }
    }
}

/// The unified kernel image of a folder: each file is the section of its name.
fn unified_image(folder: &Path) -> Vec<u8> {
    let sections = pieces(folder).into_iter().filter_map(|(name, piece)| match piece {
        Piece::File(bytes) => Some((format!(".{name}"), bytes)),
        _ => None,
    });
    let sections: Vec<(String, Vec<u8>)> = sections.collect();
    let borrowed: Vec<(&str, &[u8])> =
        sections.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    unified(&borrowed)
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn archive_suffix(name: &str) -> Option<(&str, &str)> {
    let at = name.rfind(".cpio")?;
    let (stem, suffix) = name.split_at(at);
    let known = [".cpio", ".cpio.gz", ".cpio.zst", ".cpio.xz", ".cpio.xz-crc64"];
    known.contains(&suffix).then_some((stem, suffix))
}

/// The archive of a folder: a cpio as the kernel unpacks it, perhaps compressed.
fn archive(folder: &Path, suffix: &str) -> Vec<u8> {
    let mut archive = Archive::new();
    for (path, piece) in pieces(folder) {
        match piece {
            Piece::File(bytes) if is_program(&path, &bytes) => archive.program(&path, bytes),
            Piece::File(bytes) | Piece::NewerFile(bytes) => archive.file(&path, bytes),
            Piece::Link(to) => archive.link(&path, &to),
            Piece::Folder => archive.folder(&path),
            Piece::Fifo => panic!("{path}: a fifo in an archive is not provided for"),
        };
    }
    let bytes = archive.build();
    match suffix {
        ".cpio.gz" => gzip(&bytes),
        ".cpio.zst" => zstd::encode_all(bytes.as_slice(), 1).unwrap(),
        // The kernel's own decoder knows CRC32 and no other check (Documentation/staging/xz.rst).
        ".cpio.xz" => xz(&bytes, liblzma::stream::Check::Crc32),
        ".cpio.xz-crc64" => xz(&bytes, liblzma::stream::Check::Crc64),
        _ => bytes,
    }
}

fn xz(bytes: &[u8], check: liblzma::stream::Check) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(1, check).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn is_program(path: &str, bytes: &[u8]) -> bool {
    let in_bin = path.split('/').any(|part| part == "bin" || part == "sbin");
    in_bin || path == "init" || path == "linuxrc" || bytes.starts_with(b"#!")
}

/// The file that a fixture's file stands for, with its path.
fn file(path: &str, bytes: Vec<u8>) -> (String, Piece) {
    let text = || String::from_utf8(bytes.clone()).unwrap_or_else(|_| panic!("{path} is no text"));
    if let Some(stem) = path.strip_suffix(".modinfo") {
        return (stem.to_owned(), Piece::File(module(stem, &text())));
    }
    if let Some(stem) = path.strip_suffix(".kernel") {
        let named = stem.rsplit('/').next().unwrap_or(stem).trim_start_matches("vmlinuz-");
        let text = text();
        let release = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(named);
        return (stem.to_owned(), Piece::File(bzimage(release)));
    }
    if let Some(stem) = path.strip_suffix(".elf") {
        return (stem.to_owned(), Piece::File(library(path, &text())));
    }
    if let Some(stem) = path.strip_suffix(".rpmdb") {
        return (stem.to_owned(), Piece::File(rpm_database(path, &text())));
    }
    if let Some(stem) = path.strip_suffix(".newer") {
        return (stem.to_owned(), Piece::NewerFile(bytes));
    }
    if let Some(stem) = path.strip_suffix(".symlink") {
        return (stem.to_owned(), Piece::Link(text().trim_end().to_owned()));
    }
    match path.strip_suffix(".fifo") {
        Some(stem) => (stem.to_owned(), Piece::Fifo),
        None => (path.to_owned(), Piece::File(bytes)),
    }
}

/// `key=value` of each line that is neither empty nor a comment.
fn pairs<'t>(path: &str, text: &'t str) -> Vec<(&'t str, &'t str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair =
        |line: &'t str| line.split_once('=').unwrap_or_else(|| panic!("{path}: `{line}` is no key=value"));
    lines.map(pair).collect()
}

fn module(path: &str, text: &str) -> Vec<u8> {
    let pairs = pairs(path, text);
    let name = module_name(path);
    let release = module_folder(path).and_then(|folder| folder.rsplit('/').next()).unwrap_or("0.0.0");
    let magic = pairs.iter().find(|(key, _)| *key == "vermagic").map(|(_, magic)| *magic);
    let release = magic.and_then(|magic| magic.split(' ').next()).unwrap_or(release);
    let module = Module::new(&name, release);
    let is_signed = pairs.contains(&("signed", "yes"));
    let pairs = pairs.iter().filter(|(key, _)| !["vermagic", "signed"].contains(key));
    let mut bytes = pairs.fold(module, |module, (key, value)| module.info(key, value)).build();
    if is_signed {
        bytes.extend(b"~Module signature appended~\n");
    }
    bytes
}

fn library(path: &str, text: &str) -> Vec<u8> {
    let pairs = pairs(path, text);
    let soname = pairs.iter().find(|(key, _)| *key == "soname").map(|(_, name)| *name);
    let library = soname.map_or_else(Library::program, Library::new);
    let pairs = pairs.iter().filter(|(key, _)| *key != "soname");
    let library = pairs.fold(library, |library, (key, value)| match *key {
        "needs" => library.needs(&[value]),
        "version" => library.versions(&[value]),
        "export" => library.exports(&[value]),
        "import" => library.imports(&[value]),
        "text" => library.text(value),
        key => panic!("{path}: `{key}` is none of soname, needs, version, export, import, text"),
    });
    library.build()
}

/// `name version release [files...]` a line.
fn rpm_database(path: &str, text: &str) -> Vec<u8> {
    // The packer takes what lives as long as the program; a test program is short-lived enough.
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        let mut word =
            || words.next().unwrap_or_else(|| panic!("{path}: `{line}` is no `name version release`"));
        let (name, version, release) = (keep(word()), keep(word()), keep(word()));
        let files: Vec<(&str, &str)> = words
            .map(|file| file.rsplit_once('/').unwrap())
            .map(|(folder, name)| (keep(&format!("{folder}/")), keep(name)))
            .collect();
        Package { name, version, release, files: Box::leak(files.into_boxed_slice()) }
    };
    let packages: Vec<Package> = text.lines().filter(|line| !line.trim().is_empty()).map(package).collect();
    packages_bdb(&packages)
}

/// `lib/modules/RELEASE` of a module's path.
fn module_folder(path: &str) -> Option<&str> {
    let modules = path.find("lib/modules/")? + "lib/modules/".len();
    let release = path.get(modules..)?.find('/')?;
    path.get(..modules + release)
}

/// The module's name: the file's without `.ko` and compression, dashes as underscores.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// Writes `modules.dep`, `modules.alias` (both with their `.bin`) and `modules.softdep` into each module folder that has modules and no
/// `modules.dep`, as depmod(8) does.
fn add_module_tables(pieces: &mut BTreeMap<String, Piece>) {
    let folders: BTreeSet<String> = pieces
        .keys()
        .filter(|path| path.contains(".ko"))
        .filter_map(|path| module_folder(path))
        .map(str::to_owned)
        .collect();
    for folder in folders {
        if pieces.contains_key(&format!("{folder}/modules.dep")) {
            continue;
        }
        let prefix = format!("{folder}/");
        let modules: Vec<Listed> = pieces
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix) && path.contains(".ko"))
            .map(|(path, piece)| {
                let Piece::File(bytes) = piece else { panic!("{path}: a module is a file") };
                let relative = path.trim_start_matches(&prefix).to_owned();
                (relative, module_name(path), modinfo(bytes))
            })
            .collect();
        let mut dep = String::new();
        let mut alias = String::from("# Aliases extracted from modules themselves.\n");
        let mut softdep = String::from("# Soft dependencies extracted from modules themselves.\n");
        for (path, name, info) in &modules {
            dep.push_str(&format!("{path}:"));
            for needed in closure(name, &modules) {
                dep.push_str(&format!(" {needed}"));
            }
            dep.push('\n');
            for (key, value) in info {
                match key.as_str() {
                    "alias" => alias.push_str(&format!("alias {value} {name}\n")),
                    "softdep" => softdep.push_str(&format!("softdep {name} {value}\n")),
                    _ => {}
                }
            }
        }
        let binary =
            [("modules.dep.bin", dependency_index(&dep)), ("modules.alias.bin", alias_index(&alias))];
        for (table, bytes) in binary {
            pieces.entry(format!("{prefix}{table}")).or_insert(Piece::File(bytes));
        }
        for (table, text) in [("modules.dep", dep), ("modules.alias", alias), ("modules.softdep", softdep)] {
            pieces.entry(format!("{prefix}{table}")).or_insert(Piece::File(text.into_bytes()));
        }
        pieces.entry(format!("{prefix}modules.builtin")).or_insert(Piece::File(Vec::new()));
        pieces.entry(format!("{prefix}modules.order")).or_insert(Piece::File(Vec::new()));
    }
}

/// A module by its path in the modules' folder, its name, and the pairs of its `.modinfo`.
type Listed = (String, String, Vec<(String, String)>);

/// The paths of all modules that the module called `name` needs, nearest first.
fn closure(name: &str, modules: &[Listed]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut todo = vec![name.to_owned()];
    while let Some(next) = todo.pop() {
        let Some((_, _, info)) = modules.iter().find(|(_, known, _)| *known == next) else { continue };
        let depends = info.iter().filter(|(key, _)| key == "depends").flat_map(|(_, names)| names.split(','));
        for needed in depends.filter(|needed| !needed.is_empty()) {
            let needed = needed.replace('-', "_");
            let path = modules.iter().find(|(_, known, _)| *known == needed).map(|(path, _, _)| path.clone());
            if let Some(path) = path.filter(|path| !found.contains(path)) {
                found.push(path);
                todo.push(needed);
            }
        }
    }
    found
}

/// The `key=value` texts of a module's `.modinfo`.
fn modinfo(bytes: &[u8]) -> Vec<(String, String)> {
    let Ok(elf) = goblin::elf::Elf::parse(bytes) else { return Vec::new() };
    let section = elf.section_headers.iter().find(|s| elf.shdr_strtab.get_at(s.sh_name) == Some(".modinfo"));
    let Some(range) = section.and_then(|section| section.file_range()) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes[range]).into_owned();
    let pairs = text.split_terminator('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
