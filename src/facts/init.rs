//! The programs that the kernel or an initrd may start first on the root file system, and whether they can run.
//!
//! Sources: the kernel's `init/main.c` (`init=`, then `/sbin/init`, `/etc/init`, `/bin/init`, `/bin/sh`), which
//! initramfs-tools' `init` and dracut repeat; systemd's `initrd-switch-root.service`, which wants an os-release too.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::boot::BootConfig;
use super::fstab::Fstab;
use super::libraries::read_at;
use super::{Gather, Known};
use crate::parse::elf_lib;
use crate::place::Place;
use crate::source::{LookupError, NodeKind, display_path};

/// Programs that are tried when no `init=` is given, in order.
pub const FALLBACKS: [&str; 4] = ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"];

/// Other programs that people give as `init=`.
const OTHERS: [&str; 8] = [
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd",
    "/bin/systemd",
    "/usr/sbin/init",
    "/bin/bash",
    "/usr/bin/bash",
    "/usr/bin/sh",
    "/bin/busybox",
];

/// The folders whose names are kept, to say of any other program there whether it exists.
const FOLDERS: [&str; 7] = ["sbin", "bin", "etc", "usr/sbin", "usr/bin", "usr/lib/systemd", "lib/systemd"];

/// Names of a folder that are kept.
const MAX_NAMES: usize = 20_000;

/// Programs given as `init=` that are looked at.
const MAX_GIVEN: usize = 64;

/// Bytes of the first line of a script that are read; the kernel takes 256 (`BINPRM_BUF_SIZE`).
const LINE: usize = 256;

/// The first programs of the system.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Init {
    /// Those of `/sbin/init`, `/etc/init`, `/bin/init`, `/bin/sh`, systemd, the shells and all `init=` that are there.
    pub programs: Vec<InitProgram>,
    /// Those of them that are links which lead nowhere.
    pub dangling: Vec<Dangling>,
    /// Whether the input is a root file system with its programs, so that one which is not there is missing. A report
    /// is none.
    pub holds_programs: bool,
    /// `/usr` is a file system of its own, and not in the input.
    pub lacks_usr: bool,
    /// Whether there is an `os-release`, without which systemd refuses to switch to the root.
    pub has_os_release: Known<bool>,
    /// The names in the folders of programs.
    #[serde(skip)]
    #[schemars(skip)]
    names: BTreeSet<String>,
}

/// A program that may be started first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InitProgram {
    /// The path as asked for: `/sbin/init`.
    pub path: String,
    /// The file that it leads to.
    pub at: Place,
    /// Whether it may be executed, by its mode.
    pub executable: bool,
    /// What it is.
    pub kind: ProgramKind,
    /// The machine that an ELF program is for, as `uname -m` says it; null for others and for machines that Linux does
    /// not start on.
    pub machine: Option<String>,
    /// What runs it: the dynamic linker of an ELF program, the interpreter of a script; null if it needs none.
    pub interpreter: Option<String>,
    /// Whether that is there; true where none is needed.
    pub interpreter_found: bool,
}

/// What a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// A program in machine code.
    Elf,
    /// A script with `#!`.
    Script,
    /// Something that the kernel does not start: text without `#!`, a damaged file.
    Other,
    /// A folder, or something else that is no file.
    NoFile,
    /// Nobody could read it.
    Unreadable,
}

/// A link that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dangling {
    /// The path as asked for: `/sbin/init`.
    pub path: String,
    /// The link.
    pub at: Place,
    /// Its target as written.
    pub target: String,
}

impl Init {
    /// The program at `path`, which begins with a slash: none if there is none.
    #[must_use]
    pub fn find(&self, path: &str) -> Known<Option<&InitProgram>> {
        if let Some(program) = self.programs.iter().find(|program| program.path == path) {
            return Known::Known(Some(program));
        }
        let needs = || Known::unknown(format!("`{path}` itself, in a whole root file system"));
        if self.holds_programs && self.lacks_usr {
            return Known::unknown("the file system of `/usr`, which the input lacks");
        }
        let dangles = self.dangling.iter().any(|link| link.path == path);
        if !self.holds_programs || (self.names.contains(path.trim_start_matches('/')) && !dangles) {
            return needs();
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder.trim_start_matches('/'));
        let is_listed = dangles || FALLBACKS.contains(&path) || FOLDERS.contains(&folder);
        if is_listed { Known::Known(None) } else { needs() }
    }
}

/// Looks at the first programs; `boot` may name more by `init=`.
#[must_use]
pub fn gather(gather: &Gather<'_>, boot: &BootConfig, fstab: &Fstab) -> Init {
    let given: BTreeSet<&str> = boot
        .entries
        .iter()
        .filter_map(|entry| entry.cmdline.get()?.value("init"))
        .filter(|path| path.starts_with('/'))
        .take(MAX_GIVEN)
        .collect();
    let mut init = Init { has_os_release: has_os_release(gather), ..Init::default() };
    let known: Vec<&str> = FALLBACKS.iter().chain(&OTHERS).copied().collect();
    for path in known.iter().copied().chain(given.into_iter().filter(|path| !known.contains(path))) {
        init.look_at(gather, path);
    }
    let mut folders = 0;
    for folder in FOLDERS {
        let Ok(names) = gather.tree.list(folder) else { continue };
        folders += usize::from(matches!(folder, "sbin" | "bin"));
        let names = names.into_iter().take(MAX_NAMES).filter_map(|name| name.into_string().ok());
        init.names.extend(names.map(|name| format!("{folder}/{name}")));
    }
    // A report has no programs; a rescue tree or a tar of `/etc` and `/boot` alone has none either.
    let has_shell = init.programs.iter().any(|program| program.path == "/bin/sh");
    let has_mount_points = ["proc", "dev", "sys"].iter().all(|path| gather.tree.exists(path));
    init.holds_programs = folders == 2 && (has_shell || has_mount_points);
    let separate = fstab.entries.get().into_iter().flatten().any(|mount| mount.mountpoint == "/usr");
    init.lacks_usr = separate && !["usr/bin", "usr/lib"].iter().all(|path| gather.tree.exists(path));
    init
}

fn has_os_release(gather: &Gather<'_>) -> Known<bool> {
    let paths = ["etc/os-release", "usr/lib/os-release"];
    let answers = paths.map(|path| gather.tree.metadata(path));
    if answers.iter().any(Result::is_ok) {
        return Known::Known(true);
    }
    match answers.iter().find(|answer| answer.as_ref().is_err_and(|error| !error.is_absent())) {
        Some(_) => Known::unknown("a readable `etc/os-release`"),
        None => Known::Known(false),
    }
}

impl Init {
    fn look_at(&mut self, gather: &Gather<'_>, path: &str) {
        let at = |path: &Path| Place::file(display_path(path));
        match gather.tree.resolve(path).and_then(|to| Ok((gather.tree.metadata(&to)?, to))) {
            Ok((node, to)) => {
                let mut program = match node.kind {
                    NodeKind::File => read(gather, &to),
                    _ => InitProgram { kind: ProgramKind::NoFile, ..InitProgram::new() },
                };
                path.clone_into(&mut program.path);
                program.at = at(&to);
                program.executable = node.mode & 0o111 != 0;
                self.programs.push(program);
            }
            Err(LookupError::Absent { .. } | LookupError::LinkLoop { .. }) => {
                let link = gather.tree.symlink_metadata(path);
                if let Ok(NodeKind::Link(target)) = link.map(|node| node.kind) {
                    let inside = Path::new(path.trim_start_matches('/'));
                    let target = display_path(&target);
                    self.dangling.push(Dangling { path: path.to_owned(), at: at(inside), target });
                }
            }
            Err(error) => {
                gather.note_lookup(&error);
            }
        }
    }
}

impl InitProgram {
    fn new() -> Self {
        Self {
            path: String::new(),
            at: Place::file(""),
            executable: false,
            kind: ProgramKind::Other,
            machine: None,
            interpreter: None,
            interpreter_found: true,
        }
    }
}

/// What the file at `path` is and what it needs to run.
fn read(gather: &Gather<'_>, path: &Path) -> InitProgram {
    let Ok((content, _)) = gather.tree.open(path) else {
        return InitProgram { kind: ProgramKind::Unreadable, ..InitProgram::new() };
    };
    let mut read_at = read_at(content);
    let start = read_at(0, LINE);
    let mut program = InitProgram::new();
    if let Some(line) = start.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = String::from_utf8_lossy(line).into_owned();
        program.kind = ProgramKind::Script;
        program.interpreter = text.split_whitespace().next().map(str::to_owned);
    } else if let Ok(object) = elf_lib::read(&mut read_at) {
        program.kind = ProgramKind::Elf;
        program.machine = machine(&object).map(str::to_owned);
        program.interpreter = object.interpreter;
    }
    // What may be in a part of the input that is missing is not known to be missing.
    let found = |path: &String| !matches!(gather.tree.metadata(path), Err(LookupError::Absent { .. }));
    program.interpreter_found = program.interpreter.as_ref().is_none_or(found);
    program
}

/// The machine as `uname -m` says it (elf(5), `e_machine`).
fn machine(object: &elf_lib::Object) -> Option<&'static str> {
    Some(match (object.machine, object.little_endian) {
        (62, _) => "x86_64",
        (3, _) => "i686",
        (183, _) => "aarch64",
        (40, _) => "armv7l",
        (21, true) => "ppc64le",
        (21, false) => "ppc64",
        (22, _) => "s390x",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> Init {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        let context = Gather::new(&tree, &limits);
        let fstab =
            super::super::fstab::gather(&context, &super::super::block_devices::BlockDevices::default());
        gather(&context, &BootConfig::default(), &fstab)
    }

    fn root() -> Memory {
        Memory::new().directory("proc").directory("sys").directory("dev").directory("bin").directory("sbin")
    }

    #[test]
    fn a_script_needs_its_interpreter() {
        let init = read(root().file("sbin/init", "#!/bin/sh -e\n").file("bin/sh", "#! /bin/nosuch x\n"));
        let found: Vec<_> = init
            .programs
            .iter()
            .map(|p| (p.path.as_str(), p.kind, p.interpreter.as_deref(), p.interpreter_found))
            .collect();
        let want = [
            ("/sbin/init", ProgramKind::Script, Some("/bin/sh"), true),
            ("/bin/sh", ProgramKind::Script, Some("/bin/nosuch"), false),
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn links_resolve_inside_the_root_and_may_dangle() {
        let init = read(
            root()
                .link("sbin/init", "/lib/systemd/systemd")
                .link("bin/init", "../nowhere")
                .file("lib/systemd/systemd", "x"),
        );
        assert_eq!(init.find("/sbin/init").get().unwrap().unwrap().at.to_string(), "lib/systemd/systemd");
        assert_eq!(init.dangling.len(), 1);
        assert_eq!(init.dangling[0].at.to_string(), "bin/init");
        assert_eq!(init.find("/bin/init"), Known::Known(None));
    }

    #[test]
    fn what_is_not_there_is_missing_only_in_a_whole_root() {
        let whole = read(root().file("sbin/custom", "x"));
        assert_eq!(whole.find("/sbin/init"), Known::Known(None));
        assert_eq!(whole.find("/sbin/nosuch"), Known::Known(None));
        assert!(whole.find("/sbin/custom").needs().is_some(), "there, but not looked at");
        assert!(whole.find("/opt/init").needs().is_some());
        let report =
            read(Memory::new().file("etc/fstab", "").directory("proc").directory("sys").directory("dev"));
        assert!(report.find("/sbin/init").needs().is_some());
        let split = read(
            root().file("etc/fstab", "UUID=aa /usr ext4 defaults 0 2\n").link("sbin/init", "/usr/lib/x"),
        );
        assert!(split.find("/sbin/init").needs().unwrap().contains("/usr"));
    }

    #[test]
    fn os_release_may_be_in_either_place() {
        assert_eq!(read(root()).has_os_release, Known::Known(false));
        assert_eq!(read(root().file("usr/lib/os-release", "ID=x\n")).has_os_release, Known::Known(true));
    }
}
