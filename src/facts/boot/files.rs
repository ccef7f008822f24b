//! From a path as a boot loader's file has it to a path in the system.
//!
//! A loader's path starts at the root of the file system that holds it: `/vmlinuz-6.1` if `/boot` is a file system of
//! its own, `/boot/vmlinuz-6.1` if not, `/@/boot/vmlinuz-6.1` in a btrfs subvolume. The system shows all of them
//! below one root.

use std::path::Path;

use super::Volume;
use crate::facts::{Gather, Known, esp, kernels};
use crate::source::NodeKind;

/// The files that loaders name.
pub(super) struct BootFiles<'a> {
    gather: &'a Gather<'a>,
    /// Whether `/boot` holds any kernel or initrd. If not, the input has `/boot` left out (as a sosreport) or not
    /// mounted, and a file that is not there says nothing.
    holds_kernels: bool,
}

/// How names of kernels and initrds start.
const KERNEL_NAMES: [&str; 7] = ["vmlinuz", "vmlinux", "kernel", "bzImage", "Image", "initr", "linux"];

impl<'a> BootFiles<'a> {
    pub(super) fn new(gather: &'a Gather<'a>) -> Self {
        let names = gather.tree.list("boot").unwrap_or_default();
        let is_kernel = |name: &std::ffi::OsString| {
            let name = name.to_string_lossy();
            KERNEL_NAMES.iter().any(|start| name.starts_with(start)) || is_machine_folder(gather, &name)
        };
        Self { gather, holds_kernels: names.iter().any(is_kernel) }
    }

    /// The path in the system, relative to its root, and whether it is there.
    pub(super) fn locate(&self, written: &str) -> (String, Known<bool>) {
        let path = without_device(written).trim_start_matches('/');
        match self.look(path) {
            Look::File(path, _) => (path, Known::Known(true)),
            Look::Unreadable(path, needs) => (path, Known::Unknown { needs }),
            Look::Absent if self.holds_kernels => (likely(path), Known::Known(false)),
            Look::Absent => (likely(path), Known::unknown("the kernels and initrds in `boot`")),
        }
    }

    /// The file systems on which `written` leads to a file. `/boot` as a file system of its own may have a link
    /// `boot -> .`, so that paths are right with and without `/boot` before them.
    pub(super) fn volumes(&self, written: &str) -> Vec<Volume> {
        let path = without_device(written).trim_start_matches('/');
        let is_file =
            |path: String| self.gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::File);
        let is_on = |volume: &Volume| match volume {
            Volume::Root => is_file(path.to_owned()),
            Volume::Boot => is_file(format!("boot/{path}")),
            Volume::Esp => is_file(format!("boot/efi/{path}")) || is_file(format!("efi/{path}")),
        };
        Volume::ALL.into_iter().filter(is_on).collect()
    }

    /// Whether the kernel at `path` is signed for Secure Boot; none if that cannot be told.
    pub(super) fn is_signed(&self, path: &str) -> Option<bool> {
        esp::is_signed(self.gather, path)
    }

    /// The first of the places where `path` may be that has something.
    pub(super) fn look(&self, path: &str) -> Look {
        let path = without_device(path).trim_start_matches('/');
        let mut candidates = vec![path.to_owned(), format!("boot/{path}")];
        if let Some((subvolume, below)) = path.split_once('/')
            && subvolume.starts_with('@')
        {
            let below = below.split_once("/snapshot/").map_or(below, |(_, below)| below);
            candidates.extend([below.to_owned(), format!("boot/{below}")]);
        }
        // systemd-boot's entries name files on the EFI system partition.
        candidates.extend([format!("boot/efi/{path}"), format!("efi/{path}")]);
        for candidate in candidates {
            match self.gather.tree.metadata(&candidate) {
                Ok(node) if node.kind == NodeKind::File => return Look::File(candidate, node.len),
                Err(error) if !error.is_absent() => {
                    let needs = self.gather.note_lookup(&error);
                    return Look::Unreadable(candidate, needs);
                }
                _ => {}
            }
        }
        Look::Absent
    }

    /// Whether a script's `[ -f path ]`, or `[ -s path ]` if `is_filled`, holds; none if the input does not say.
    pub(super) fn test(&self, written: &str, is_filled: bool) -> Option<bool> {
        match self.look(written) {
            Look::File(_, len) => Some(!is_filled || len > 0),
            Look::Unreadable(..) => None,
            Look::Absent => Some(false),
        }
    }

    /// The release that the kernel image at `path` says it is.
    pub(super) fn image_release(&self, path: &str) -> Option<String> {
        kernels::read_image(self.gather, path).release.get().cloned().flatten()
    }

    /// The name of the file that `path` leads to: SLES's `boot/vmlinuz` is a link to `vmlinuz-3.0.101-default`.
    pub(super) fn final_name(&self, path: &str) -> Option<String> {
        let resolved = self.gather.tree.resolve(path).ok()?;
        Some(resolved.file_name()?.to_string_lossy().into_owned())
    }
}

/// What is at a path that a loader's file names.
pub(super) enum Look {
    /// A file: its path in the system, and its size in bytes.
    File(String, u64),
    /// Nothing that is a file.
    Absent,
    /// Something that may not or cannot be looked at: its path, and what would settle it.
    Unreadable(String, String),
}

/// Where a file that is not there would most likely be.
fn likely(path: &str) -> String {
    match path.split_once('/') {
        Some(("boot", _)) => path.to_owned(),
        Some((subvolume, below)) if subvolume.starts_with('@') => likely(below),
        _ => format!("boot/{path}"),
    }
}

/// kernel-install(8) puts kernels into a folder named by the machine's id.
fn is_machine_folder(gather: &Gather<'_>, name: &str) -> bool {
    let is_id = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id
        && gather
            .tree
            .metadata(Path::new("boot").join(name))
            .is_ok_and(|node| node.kind == NodeKind::Directory)
}

/// A path without the device that stands before it: `(hd0,0)/vmlinuz`, `($root)/vmlinuz`.
pub(super) fn without_device(written: &str) -> &str {
    match written.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, path)) => path,
        None => written,
    }
}

/// A kernel's release from the name of its file; none for names without one (`vmlinuz`) and rescue images.
pub(super) fn release_of(path: &str) -> Option<String> {
    let mut parts = path.rsplit('/');
    let name = parts.next()?;
    if matches!(name, "linux" | "vmlinuz")
        && let (Some(folder), Some(id)) = (parts.next(), parts.next())
        && id.len() == 32
    {
        return Some(folder.to_owned());
    }
    let prefixes = ["vmlinuz-", "vmlinux-", "kernel-", "bzImage-", "Image-", "zImage-", "linux-"];
    let release = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let release =
        release.strip_prefix("genkernel-").map_or(release, |rest| rest.split_once('-').map_or(rest, |r| r.1));
    let is_release = release.starts_with(|character: char| character.is_ascii_digit());
    (is_release && !release.starts_with("0-rescue")).then(|| release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn located(memory: Memory, written: &str) -> (String, Known<bool>) {
        let tree = memory.into_tree();
        let limits = Limits::default();
        let gather = Gather::new(&tree, &limits);
        BootFiles::new(&gather).locate(written)
    }

    #[test]
    fn paths_of_loaders_are_found_below_one_root() {
        let tree = Memory::new().file("boot/vmlinuz-6.1", "").file("boot/efi/EFI/x.efi", "");
        let table = [
            ("/vmlinuz-6.1", "boot/vmlinuz-6.1", true),
            ("/boot/vmlinuz-6.1", "boot/vmlinuz-6.1", true),
            ("(hd0,0)/vmlinuz-6.1", "boot/vmlinuz-6.1", true),
            ("/@/boot/vmlinuz-6.1", "boot/vmlinuz-6.1", true),
            ("/@/.snapshots/1/snapshot/boot/vmlinuz-6.1", "boot/vmlinuz-6.1", true),
            ("/EFI/x.efi", "boot/efi/EFI/x.efi", true),
            ("/vmlinuz-6.2", "boot/vmlinuz-6.2", false),
            ("/boot/vmlinuz-6.2", "boot/vmlinuz-6.2", false),
        ];
        for (written, path, exists) in table {
            assert_eq!(located(tree.clone(), written), (path.to_owned(), Known::Known(exists)), "{written}");
        }
    }

    #[test]
    fn a_boot_folder_without_kernels_says_nothing() {
        let (path, exists) = located(Memory::new().file("boot/grub2/grub.cfg", ""), "/vmlinuz-6.1");
        assert_eq!((path.as_str(), exists.get()), ("boot/vmlinuz-6.1", None));
    }

    #[test]
    fn releases_are_read_from_names() {
        let table = [
            ("boot/vmlinuz-6.1.0-18-amd64", Some("6.1.0-18-amd64")),
            ("boot/kernel-genkernel-x86_64-6.1.67-gentoo", Some("6.1.67-gentoo")),
            ("boot/vmlinuz-0-rescue-0123456789abcdef0123456789abcdef", None),
            (
                "boot/0123456789abcdef0123456789abcdef/6.5.6-300.fc39.x86_64/linux",
                Some("6.5.6-300.fc39.x86_64"),
            ),
            ("boot/vmlinuz", None),
        ];
        for (path, release) in table {
            assert_eq!(release_of(path).as_deref(), release, "{path}");
        }
    }
}
