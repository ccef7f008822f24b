//! Whether the programs in an image can run: their interpreter, dynamic linker and libraries have to be in it, too.
//!
//! execve(2) of a script needs its interpreter, of a dynamic program its `PT_INTERP`; without either the kernel says
//! ENOENT (fs/binfmt_script.c, fs/binfmt_elf.c). ld.so(8) then looks for every `DT_NEEDED`, and ends the program
//! with 127 if one is missing. Where it looks depends on caches and paths inside; here a library counts as found
//! wherever in the image a file or link of its name is, so that nothing is called missing that ld.so would find.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Entry, EntryKind, Image};
use crate::parse::elf_lib::{self, Object};
use crate::source::escape_bytes;

/// Interpreters of interpreters that are followed; the kernel gives up after five (fs/exec.c, `exec_binprm`).
const MAX_INTERPRETERS: usize = 5;

/// Libraries that one program may need altogether.
const MAX_LIBRARIES: usize = 512;

/// Bytes of a program or library that is looked into; systemd's and OpenSSL's libraries have some 6 MiB.
pub(super) const LARGEST: u64 = 64 << 20;

/// Programs that decide whether an image boots. Others are not looked into.
const PROGRAMS: [&[u8]; 27] = [
    b"init",
    b"linuxrc",
    b"sh",
    b"dash",
    b"bash",
    b"ash",
    b"busybox",
    b"nash",
    b"systemd",
    b"systemd-udevd",
    b"udevd",
    b"udevadm",
    b"kmod",
    b"modprobe",
    b"insmod",
    b"mount",
    b"run-init",
    b"switch_root",
    b"blkid",
    b"lvm",
    b"mdadm",
    b"dmsetup",
    b"cryptsetup",
    b"systemd-cryptsetup",
    b"multipath",
    b"multipathd",
    b"nlplug-findfs",
];

/// What a dynamic program or library needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// `PT_INTERP`: the dynamic linker; none for libraries and static programs.
    pub interpreter: Option<Box<str>>,
    /// `DT_NEEDED`: the libraries, by their names.
    pub needed: Vec<Box<str>>,
}

/// Why a program does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannotRun {
    /// It is not in the image.
    Absent {
        /// Its path.
        path: String,
    },
    /// The interpreter of the script, or the dynamic linker, is not in the image.
    Interpreter {
        /// The program.
        program: String,
        /// What it needs.
        interpreter: String,
    },
    /// A library is not in the image.
    Library {
        /// The program.
        program: String,
        /// The library.
        library: String,
    },
}

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { path } => write!(f, "the initrd has no `{path}`"),
            Self::Interpreter { program, interpreter } => {
                write!(f, "`{program}` needs `{interpreter}`, which the initrd lacks")
            }
            Self::Library { program, library } => {
                write!(f, "`{program}` needs the library `{library}`, which the initrd lacks")
            }
        }
    }
}

/// Whether the file at `path` is one that is looked into.
pub(super) fn is_wanted(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    PROGRAMS.contains(&name) || memchr::memmem::find(name, b".so").is_some()
}

/// What the ELF file in `bytes` needs; none if it is no ELF file, or damaged.
pub(super) fn linked(bytes: &[u8]) -> Option<Linked> {
    let mut read_at = |offset: u64, length: usize| {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        bytes.get(start..end).unwrap_or_default().to_vec()
    };
    let Object { interpreter, needed, .. } = elf_lib::read(&mut read_at).ok()?;
    Some(Linked {
        interpreter: interpreter.map(Into::into),
        needed: needed.into_iter().map(Into::into).collect(),
    })
}

impl Image {
    /// Whether the program at `path` can run, as far as that is known of it.
    ///
    /// # Errors
    /// What is missing.
    pub fn runs(&self, path: &str) -> Result<(), CannotRun> {
        // An image of which no program was looked into says nothing of what they need.
        if self.linked.is_empty() {
            return if self.has(path) { Ok(()) } else { Err(CannotRun::Absent { path: path.to_owned() }) };
        }
        let mut path = path.trim_start_matches('/').to_owned();
        for depth in 0..=MAX_INTERPRETERS {
            let Some(entry) = self.find(&path).filter(|entry| entry.kind() == EntryKind::File) else {
                return Err(CannotRun::Absent { path });
            };
            let Some(interpreter) = self.interpreter_of(entry) else { return self.links(entry) };
            let program = escape_bytes(entry.path());
            if depth == MAX_INTERPRETERS || !self.has(&interpreter) {
                return Err(CannotRun::Interpreter { program, interpreter: format!("/{interpreter}") });
            }
            path = interpreter;
        }
        Ok(())
    }

    /// The interpreter of a script that is kept, without the leading slash.
    fn interpreter_of(&self, entry: &Entry) -> Option<String> {
        let line = self.texts.get(self.path_of_contents(entry))?.strip_prefix(b"#!")?;
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let words = String::from_utf8_lossy(line);
        let interpreter = words.split_whitespace().next()?.trim_start_matches('/');
        (!interpreter.is_empty()).then(|| interpreter.to_owned())
    }

    /// Whether the dynamic linker and all libraries of the program are there.
    fn links(&self, entry: &Entry) -> Result<(), CannotRun> {
        let name = escape_bytes(entry.path());
        let Some(program) = self.linked.get(self.path_of_contents(entry)) else { return Ok(()) };
        if let Some(interpreter) = program.interpreter.as_deref().filter(|path| !self.has(path)) {
            return Err(CannotRun::Interpreter { program: name, interpreter: interpreter.to_owned() });
        }
        let libraries = self.libraries();
        let mut todo: Vec<&str> = program.needed.iter().map(AsRef::as_ref).collect();
        let mut seen = BTreeSet::new();
        while let Some(library) = todo.pop() {
            if seen.len() > MAX_LIBRARIES || !seen.insert(library) {
                continue;
            }
            let Some(found) = libraries.get(library.as_bytes()) else {
                return Err(CannotRun::Library { program: name, library: library.to_owned() });
            };
            if let Some(linked) = self.linked.get(self.path_of_contents(found)) {
                todo.extend(linked.needed.iter().map(AsRef::as_ref));
            }
        }
        Ok(())
    }

    /// The path under which the contents of the file at `path` were met; another than its own if it has several names.
    fn path_of_contents<'e>(&'e self, entry: &'e Entry) -> &'e [u8] {
        let holder = self.contents_of(entry.path()).and_then(|at| self.entries.get(at));
        holder.unwrap_or(entry).path()
    }

    /// The libraries by their file names, links resolved.
    fn libraries(&self) -> BTreeMap<&[u8], &Entry> {
        let named = self.entries.iter().filter_map(|entry| {
            let name = entry.path().rsplit(|byte| *byte == b'/').next()?;
            memchr::memmem::find(name, b".so").map(|_| (name, entry.path()))
        });
        let resolved = named.filter_map(|(name, path)| {
            Some((name, self.find(path).filter(|found| found.kind() == EntryKind::File)?))
        });
        resolved.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::initrd::testing::Archive;
    use crate::initrd::{ImageLimits, read};
    use crate::parse::test_elf::Library;

    fn image(without: &[&str]) -> Image {
        let libc = Library::new("libc.so.6").build();
        let libkmod = Library::new("libkmod.so.2").needs(&["libc.so.6", "libzstd.so.1"]).build();
        let files: [(&str, Vec<u8>); 7] = [
            ("init", b"#!/bin/sh -e\nexec true\n".to_vec()),
            ("usr/bin/busybox", Library::program().needs(&["libc.so.6"]).build()),
            (
                "usr/lib/systemd/systemd-udevd",
                Library::program().needs(&["libkmod.so.2", "libc.so.6"]).build(),
            ),
            ("usr/lib/x86_64-linux-gnu/libc.so.6", libc),
            ("usr/lib/x86_64-linux-gnu/libkmod.so.2.4.0", libkmod),
            ("usr/lib/x86_64-linux-gnu/libzstd.so.1", Library::new("libzstd.so.1").build()),
            ("sbin/static", b"\x7fELF, but nobody looks".to_vec()),
        ];
        let mut archive = Archive::new();
        for (path, contents) in files.iter().filter(|(path, _)| !without.contains(path)) {
            archive = archive.file(path, contents);
        }
        archive = archive
            .link("bin", "usr/bin")
            .link("usr/bin/sh", "busybox")
            .link("usr/lib/x86_64-linux-gnu/libkmod.so.2", "libkmod.so.2.4.0");
        read(Cursor::new(archive.finish()), &ImageLimits::default()).unwrap()
    }

    #[test]
    fn scripts_need_their_interpreter_and_programs_their_libraries() {
        let whole = image(&[]);
        for path in ["init", "/init", "usr/bin/sh", "bin/sh", "usr/lib/systemd/systemd-udevd", "sbin/static"]
        {
            assert_eq!(whole.runs(path), Ok(()), "{path}");
        }
        assert_eq!(whole.runs("sbin/modprobe").unwrap_err().to_string(), "the initrd has no `sbin/modprobe`");
        let told = |without: &[&str], program: &str| image(without).runs(program).unwrap_err().to_string();
        let libc = "usr/lib/x86_64-linux-gnu/libc.so.6";
        assert_eq!(told(&["usr/bin/busybox"], "init"), "`init` needs `/bin/sh`, which the initrd lacks");
        assert_eq!(
            told(&[libc], "init"),
            "`usr/bin/busybox` needs the library `libc.so.6`, which the initrd lacks"
        );
        // What a library needs counts, and so does a link that leads nowhere.
        let udevd = "usr/lib/systemd/systemd-udevd";
        assert!(told(&["usr/lib/x86_64-linux-gnu/libzstd.so.1"], udevd).contains("`libzstd.so.1`"));
        assert!(told(&["usr/lib/x86_64-linux-gnu/libkmod.so.2.4.0"], udevd).contains("`libkmod.so.2`"));
    }

    #[test]
    fn an_image_without_any_program_says_nothing_of_what_they_need() {
        let archive = Archive::new().file("init", b"#!/bin/sh\n").finish();
        let image = read(Cursor::new(archive), &ImageLimits::default()).unwrap();
        assert_eq!(image.runs("init"), Ok(()));
        assert!(image.runs("sbin/udevd").is_err());
    }
}
