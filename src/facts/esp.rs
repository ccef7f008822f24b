//! The EFI system partition: which loaders are on it, and what the firmware will think of them.
//!
//! Looked for where it is mounted (`boot/efi`, `efi`, `boot`), names compared as FAT does, without regard to case. A report has
//! no copies of its files but their names, in `ls -lanR /boot` (sos: `sos_commands/{boot,grub2}/ls_-lanR_.boot`). An empty folder says
//! that nothing is on the partition only if it is known to have been mounted; else the tree was copied without it.

use std::collections::BTreeMap;
use std::io::Read as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::fstab::Fstab;
use super::grub::GrubCore;
use super::{Found, Gather, Known};
use crate::parse::efi_program::{self, EfiProgram, ProgramKind, Signer};
use crate::parse::text::lines;
use crate::place::Place;
use crate::source::NodeKind;

/// Where the partition is mounted.
const FOLDERS: [&str; 3] = ["boot/efi", "efi", "boot"];
/// Files on the partition that are looked at; Windows brings some 200.
const MAX_FILES: usize = 4096;
/// Folders in each other; loaders are three deep.
const MAX_DEPTH: usize = 6;
/// Bytes of a program that are read whole; of larger ones (unified kernels) the headers suffice.
const WHOLE_LIMIT: u64 = 8 << 20;
const HEAD: u64 = 64 << 10;
/// Bytes of a text that stands for a program in a tree made by hand.
const MAX_STAND_IN: u64 = 200;

/// The EFI system partition.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Esp {
    /// The folder where it is mounted; null if there is no such folder and fstab names none.
    pub folder: Option<String>,
    /// The line of fstab that mounts it; null if there is none.
    pub mount: Option<Place>,
    /// The program that `startup.nsh` starts, by its path on the partition: firmware with a shell carries that script out
    /// when it finds nothing else. Null if there is none.
    pub startup: Option<String>,
    /// The files on it that loaders are made of. Unknown if the input does not hold the partition's files.
    pub files: Known<Vec<EspFile>>,
}

/// A file on the EFI system partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EspFile {
    /// The path on the partition, as written there: `EFI/BOOT/BOOTX64.EFI`.
    pub path: String,
    /// Where it is in the system.
    pub at: Place,
    /// What it is, if it is a program. Unknown if only its name is known.
    pub program: Known<Option<EspProgram>>,
}

/// A program for UEFI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EspProgram {
    /// Whether the firmware can start it: a PE file, all of it.
    pub is_loadable: bool,
    /// The machine that it is for: `x64`, `ia32`, `aa64`; empty for others.
    pub machine: String,
    /// Which loader it is.
    pub kind: EspProgramKind,
    /// Whether it is signed for Secure Boot.
    pub is_signed: bool,
    /// Whether Microsoft signed it, so that the firmware starts it with Secure Boot.
    pub is_signed_by_microsoft: bool,
    /// What GRUB has inside; null for other programs.
    pub grub: Option<GrubCore>,
    /// Components and their generations, by which old versions are revoked (the section `.sbat`); empty for a program that
    /// has none.
    pub sbat: Vec<SbatComponent>,
}

/// A component of a program for UEFI, as SBAT counts its generations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SbatComponent {
    /// Its name: `shim`, `grub`, `grub.debian`.
    pub component: String,
    /// Its generation: it grows with each mended flaw.
    pub generation: u32,
}

/// Kinds of programs for UEFI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EspProgramKind {
    /// shim, which starts the GRUB beside it.
    Shim,
    /// GRUB 2.
    Grub,
    /// systemd-boot.
    SystemdBoot,
    /// A kernel and its initrd in one file.
    UnifiedKernel,
    /// A Linux kernel on its own.
    Kernel,
    /// Another program.
    Other,
}

impl Esp {
    /// The file at a path on the partition, without regard to case.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&EspFile> {
        self.files.get()?.iter().find(|file| file.path.eq_ignore_ascii_case(path))
    }

    /// Whether a loader of any kind is on it.
    #[must_use]
    pub fn has_loader(&self) -> bool {
        let is_program = |file: &EspFile| file.path.to_ascii_lowercase().ends_with(".efi");
        self.files.get().is_some_and(|files| files.iter().any(is_program))
    }
}

/// Reads the partition's files where they are in the tree, or their names where a report lists them.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab) -> Esp {
    let entries = fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
    let mount = entries.iter().find(|mount| {
        let is_place = matches!(mount.mountpoint.as_str(), "/boot/efi" | "/efi")
            || (mount.mountpoint == "/boot" && matches!(mount.fstype.as_str(), "vfat" | "msdos"));
        is_place && !mount.is_swap
    });
    let mounted = mount.map(|mount| mount.mountpoint.trim_start_matches('/').to_owned());
    let present =
        FOLDERS.iter().find(|folder| has_efi_folder(gather, folder)).map(|folder| (*folder).to_owned());
    let there =
        FOLDERS.iter().take(2).find(|folder| is_folder(gather, folder)).map(|folder| (*folder).to_owned());
    let folder = present.or(mounted).or(there);
    let files = folder.as_deref().map_or_else(|| Known::Known(Vec::new()), |folder| files(gather, folder));
    let startup = folder.as_deref().and_then(|folder| startup(gather, folder));
    Esp { folder, mount: mount.map(|mount| mount.at.clone()), startup, files }
}

/// The last program that `startup.nsh` names: `fs0:\\EFI\\debian\\shimx64.efi`.
fn startup(gather: &Gather<'_>, folder: &str) -> Option<String> {
    let names = gather.tree.list(folder).ok()?;
    let name = names.iter().find(|name| name.eq_ignore_ascii_case("startup.nsh"))?.to_str()?;
    let file = gather.read(format!("{folder}/{name}")).present()?;
    let text = String::from_utf8_lossy(&file.bytes).replace('\0', "");
    let mut programs = text.split_whitespace().filter(|word| word.to_ascii_lowercase().ends_with(".efi"));
    let last = programs.next_back()?.replace('\\', "/");
    Some(last.rsplit_once(':').map_or(last.as_str(), |(_, path)| path).trim_start_matches('/').to_owned())
}

fn is_folder(gather: &Gather<'_>, path: &str) -> bool {
    gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::Directory)
}

/// Whether `folder` is where the partition is: it has a folder `EFI`. Below `boot` only that spelling counts, since
/// `boot/efi` is the usual mount point.
fn has_efi_folder(gather: &Gather<'_>, folder: &str) -> bool {
    let names = gather.tree.list(folder).unwrap_or_default();
    names.iter().any(|name| {
        let is_named = if folder == "boot" { name == "EFI" } else { name.eq_ignore_ascii_case("efi") };
        is_named && is_folder(gather, &format!("{folder}/{}", name.to_string_lossy()))
    })
}

fn files(gather: &Gather<'_>, folder: &str) -> Known<Vec<EspFile>> {
    // Distributions mount it for root's eyes alone.
    if gather.tree.list(folder).is_err_and(|error| !error.is_absent()) {
        return Known::unknown(format!("a readable `{folder}`"));
    }
    let mut found = BTreeMap::new();
    walk(gather, folder, "", 0, &mut found);
    let listing = listed(gather, folder);
    let is_report = gather.tree.is_report();
    for path in listing.iter().flatten() {
        let needs = format!("the file `{folder}/{path}`");
        found.entry(path.clone()).or_insert_with(|| EspFile {
            path: path.clone(),
            at: Place::file(format!("{folder}/{path}")),
            program: Known::Unknown { needs },
        });
    }
    let is_there =
        listing.is_some() || (!found.is_empty() && !is_report) || (is_mounted(gather, folder) && !is_report);
    match is_there {
        true => Known::Known(found.into_values().collect()),
        false => Known::unknown(format!(
            "the files of the EFI system partition: mount it on `{folder}` in the system that is looked at"
        )),
    }
}

/// The files below `folder` that loaders are made of, by their paths on the partition.
fn walk(gather: &Gather<'_>, folder: &str, below: &str, depth: usize, found: &mut BTreeMap<String, EspFile>) {
    let here = if below.is_empty() { folder.to_owned() } else { format!("{folder}/{below}") };
    let mut names = gather.tree.list(&here).unwrap_or_default();
    names.sort();
    for name in names {
        let Some(name) = name.to_str() else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        // Where the partition is `/boot` itself, other systems' folders are there, too.
        if depth > MAX_DEPTH || found.len() >= MAX_FILES {
            return;
        }
        match gather.tree.metadata(format!("{folder}/{path}")).map(|node| node.kind) {
            Ok(NodeKind::Directory)
                if !(folder == "boot" && depth == 0 && matches!(name, "efi" | "grub" | "grub2")) =>
            {
                walk(gather, folder, &path, depth + 1, found);
            }
            Ok(NodeKind::File) => {
                let at = Place::file(format!("{folder}/{path}"));
                let is_program = path.to_ascii_lowercase().ends_with(".efi");
                let program = if is_program { program(gather, &at) } else { Known::Known(None) };
                found.insert(path.clone(), EspFile { path, at, program });
            }
            _ => {}
        }
    }
}

fn program(gather: &Gather<'_>, at: &Place) -> Known<Option<EspProgram>> {
    let needs = format!("the file `{}`", at.path);
    let Found::Present((content, node)) = gather.found(gather.tree.open(at.path.as_ref())) else {
        return Known::Unknown { needs };
    };
    let limit = if node.len > WHOLE_LIMIT { HEAD } else { WHOLE_LIMIT };
    let mut bytes = Vec::new();
    if content.take(limit).read_to_end(&mut bytes).is_err() {
        return Known::Unknown { needs };
    }
    // A line of text in place of a program stands for one in a tree that was made by hand.
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if node.len > 0 && node.len <= MAX_STAND_IN && !bytes.starts_with(b"MZ") && bytes.iter().all(is_text) {
        return Known::Unknown { needs };
    }
    Known::Known(Some(match efi_program::parse(&bytes, node.len) {
        Some(program) => EspProgram::of(program, at),
        None => EspProgram {
            is_loadable: false,
            machine: String::new(),
            kind: EspProgramKind::Other,
            is_signed: false,
            is_signed_by_microsoft: false,
            grub: None,
            sbat: Vec::new(),
        },
    }))
}

impl EspProgram {
    fn of(program: EfiProgram, at: &Place) -> Self {
        Self {
            is_loadable: program.is_whole,
            machine: program.machine.to_owned(),
            kind: match program.kind {
                ProgramKind::Shim => EspProgramKind::Shim,
                ProgramKind::Grub => EspProgramKind::Grub,
                ProgramKind::SystemdBoot => EspProgramKind::SystemdBoot,
                ProgramKind::UnifiedKernel => EspProgramKind::UnifiedKernel,
                ProgramKind::Kernel => EspProgramKind::Kernel,
                ProgramKind::Other => EspProgramKind::Other,
            },
            is_signed: program.signer != Signer::Nobody,
            is_signed_by_microsoft: program.signer == Signer::Microsoft,
            grub: program.grub.map(|image| GrubCore::new(image, at.clone())),
            sbat: program
                .sbat
                .into_iter()
                .map(|(component, generation)| SbatComponent { component, generation })
                .collect(),
        }
    }
}

/// Whether the kernel at `path` is signed for Secure Boot; none if it cannot be told.
pub(super) fn is_signed(gather: &Gather<'_>, path: &str) -> Option<bool> {
    let (content, node) = gather.tree.open(path).ok()?;
    let mut bytes = Vec::new();
    content.take(HEAD).read_to_end(&mut bytes).ok()?;
    efi_program::parse(&bytes, node.len).map(|program| program.signer != Signer::Nobody)
}

/// The files below `folder` that `ls -lanR /boot` lists, by their paths on the partition; none if there is no list of it.
fn listed(gather: &Gather<'_>, folder: &str) -> Option<Vec<String>> {
    let is_list = |name: &str| name.starts_with("ls_-") && name.contains("R_.boot");
    let files = ["sos_commands/boot", "sos_commands/grub2"]
        .into_iter()
        .flat_map(|folder| gather.read_directory(folder, is_list));
    let mut found = None;
    for file in files {
        let mut here: Option<String> = None;
        for line in lines(&file.bytes).map(|line| String::from_utf8_lossy(line.bytes).into_owned()) {
            if let Some(path) = line.strip_suffix(':').filter(|path| path.starts_with('/')) {
                let path = path.trim_matches('/');
                let inside =
                    path.strip_prefix(folder).filter(|rest| rest.is_empty() || rest.starts_with('/'));
                here = inside.map(|rest| rest.trim_start_matches('/').to_owned());
                if here.is_some() {
                    found.get_or_insert_with(Vec::new);
                }
            } else if let (Some(here), true) = (&here, line.starts_with('-')) {
                // Mode, links, owner, group, size, month, day, time or year, name.
                let Some(name) = line.split_whitespace().nth(8) else { continue };
                let path = if here.is_empty() { name.to_owned() } else { format!("{here}/{name}") };
                if let Some(found) = found.as_mut().filter(|found| found.len() < MAX_FILES) {
                    found.push(path);
                }
            }
        }
    }
    found
}

/// Whether something is said to be mounted at `folder`, by `/proc/mounts` of the system itself or a report's `mount`.
fn is_mounted(gather: &Gather<'_>, folder: &str) -> bool {
    let texts = ["proc/mounts", "proc/self/mounts", "sos_commands/filesys/mount_-l"];
    let target = format!("/{folder}");
    texts.iter().filter_map(|path| gather.read(path).present()).any(|file| {
        lines(&file.bytes).any(|line| {
            let text = String::from_utf8_lossy(line.bytes);
            text.split_whitespace().any(|word| word == target)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> Esp {
        let tree = memory.into_tree();
        gather(&Gather::new(&tree, &Limits::default()), &Fstab::default())
    }

    #[test]
    fn files_are_found_without_regard_to_case() {
        let esp = read(
            Memory::new().file("boot/efi/efi/boot/bootx64.efi", [0; 300]).file("boot/efi/startup.nsh", "x"),
        );
        assert_eq!(esp.folder.as_deref(), Some("boot/efi"));
        let loader = esp.find("EFI/BOOT/BOOTX64.EFI").unwrap();
        assert_eq!(loader.program.get().unwrap().as_ref().map(|program| program.is_loadable), Some(false));
        assert!(esp.find("STARTUP.NSH").is_some() && esp.has_loader());
    }

    #[test]
    fn an_empty_folder_says_nothing_unless_it_was_mounted() {
        let empty = || Memory::new().directory("boot/efi");
        assert_eq!(read(empty()).files.get(), None);
        let mounted = empty().file("proc/mounts", "/dev/sda1 /boot/efi vfat rw 0 0\n");
        assert_eq!(read(mounted).files, Known::Known(Vec::new()));
        assert_eq!(read(Memory::new()).folder, None);
    }

    #[test]
    fn a_report_lists_names() {
        let list = "/boot:\ntotal 9\n/boot/efi/EFI/BOOT:\ntotal 4\ndrwx------ 2 0 0 4096 Nov 20 10:00 .\n-rwx------ 1 0 0 999 Nov 20 10:00 BOOTX64.EFI\n";
        let esp =
            read(Memory::new().directory("boot/efi/EFI").file("sos_commands/boot/ls_-lanR_.boot", list));
        assert!(esp.find("efi/boot/bootx64.efi").unwrap().program.get().is_none());
    }
}
