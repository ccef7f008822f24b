//! `chattr +i` and `chattr +a` on files that a change of the system has to write (ioctl_iflags(2), chattr(1)).
//!
//! Read from the file system itself where the system is a mounted directory, else from the output of `lsattr` in a
//! report.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::lsattr;
use crate::place::Place;

/// Files that importers, boot loaders' tools and administrators write when a system moves.
pub(crate) const FILES: [&str; 24] = [
    "etc/fstab",
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "etc/gshadow",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/crypttab",
    "etc/machine-id",
    "etc/default/grub",
    "etc/kernel/cmdline",
    "etc/sudoers",
    "etc/ssh/sshd_config",
    "etc/network/interfaces",
    "etc/modprobe.conf",
    "etc/sysconfig/network",
    "etc/selinux/config",
    "boot/grub/grub.cfg",
    "boot/grub/menu.lst",
    "boot/grub/grub.conf",
    "boot/grub/grubenv",
    "boot/grub2/grub.cfg",
    "boot/grub2/grubenv",
];

/// Folders of a report in which the output of `lsattr` may be.
const FOLDERS: [&str; 3] = ["sos_commands/filesys", "sos_commands/host", "sos_commands/security"];

/// A file with an attribute that keeps it from being changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct FileAttributes {
    /// The file, or the line of `lsattr`.
    pub at: Place,
    /// The file's path relative to the root.
    pub path: String,
    /// `chattr +i`: nobody changes, replaces or removes it, root included.
    pub is_immutable: bool,
    /// `chattr +a`: it only grows.
    pub is_append_only: bool,
}

/// Asks for the attributes of each file; files without either are left out.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<FileAttributes> {
    let mut found: Vec<FileAttributes> = FILES.iter().filter_map(|path| of_file(gather, path)).collect();
    for folder in FOLDERS {
        for file in gather.read_directory(folder, |name| name.starts_with("lsattr")) {
            let listed = lsattr::parse(&file.bytes).into_iter();
            // Journals and logs that only grow are wanted.
            let wanted = listed.filter(|line| line.is_immutable || FILES.contains(&line.path.as_str()));
            found.extend(wanted.map(|line| FileAttributes {
                at: line.span.at(&file.path),
                path: line.path,
                is_immutable: line.is_immutable,
                is_append_only: line.is_append_only,
            }));
        }
    }
    found.sort_by(|a, b| (&a.path, &a.at).cmp(&(&b.path, &b.at)));
    found.dedup_by(|a, b| a.path == b.path);
    found
}

fn of_file(gather: &Gather<'_>, path: &str) -> Option<FileAttributes> {
    let attributes = gather.tree.attributes(path)?;
    (attributes.is_immutable || attributes.is_append_only).then(|| FileAttributes {
        at: Place::file(path),
        path: path.to_owned(),
        is_immutable: attributes.is_immutable,
        is_append_only: attributes.is_append_only,
    })
}
