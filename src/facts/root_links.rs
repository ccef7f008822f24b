//! Symbolic links where tools that work on the system from outside expect files: `/lib64`, `/etc/fstab`,
//! `/boot/grub2/grubenv`.
//!
//! A process inside the system follows an absolute link inside its own root (path_resolution(7)). A tool on another machine
//! that has the root mounted follows it into its own, unless it takes care; leapp refuses to upgrade such a system
//! (`actors/checkrootsymlinks`). GRUB follows no link that leaves its file system.

use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::fstab::Fstab;
use super::{Gather, Known};
use crate::place::Place;
use crate::source::{NodeKind, display_path};

/// What is looked at: the folders of the merged `/usr`, and the files that importers and boot loaders' tools write. Links
/// that distributions make absolute (`/etc/mtab`, `/etc/resolv.conf`, `/etc/localtime`, `/sbin/init`) are not among them.
const PATHS: [&str; 23] = [
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "usr",
    "etc",
    "boot",
    "etc/fstab",
    "etc/passwd",
    "etc/shadow",
    "etc/crypttab",
    "etc/default/grub",
    "etc/grub.conf",
    "etc/grub2.cfg",
    "boot/grub",
    "boot/grub2",
    "boot/grub/grub.cfg",
    "boot/grub/grubenv",
    "boot/grub/menu.lst",
    "boot/grub2/grub.cfg",
    "boot/grub2/grubenv",
];

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RootLink {
    /// The link.
    pub at: Place,
    /// Its path relative to the root.
    pub path: String,
    /// Where it leads, as written.
    pub target: String,
    /// Where it leads, relative to the folder that it is in: what an absolute link would have to say.
    pub relative_target: String,
    /// Whether the target begins with a slash.
    pub is_absolute: bool,
    /// Whether it climbs above the root with `..`, where a process inside stays at the root.
    pub leaves_root: bool,
    /// Whether it leads to nothing. Unknown if it leads to a file system that the input does not hold.
    pub is_dangling: Known<bool>,
}

/// Looks at each path.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab) -> Vec<RootLink> {
    let links = PATHS.iter().filter_map(|path| {
        let NodeKind::Link(target) = gather.tree.symlink_metadata(path).ok()?.kind else { return None };
        let is_absolute = target.is_absolute();
        let depth = path.matches('/').count();
        let is_dangling = match gather.tree.exists(path) {
            true => Known::Known(false),
            false => dangling(gather, fstab, path, &target),
        };
        let inside = display_path(&target);
        Some(RootLink {
            at: Place::file(*path),
            path: (*path).to_owned(),
            relative_target: if is_absolute {
                format!("{}{inside}", "../".repeat(depth))
            } else {
                inside.clone()
            },
            target: if is_absolute { format!("/{inside}") } else { inside },
            is_absolute,
            leaves_root: !is_absolute && climbs(&target, depth),
            is_dangling,
        })
    });
    links.collect()
}

/// Whether a relative target in a folder `depth` below the root climbs above it.
fn climbs(target: &Path, depth: usize) -> bool {
    let mut depth = i64::try_from(depth).unwrap_or(i64::MAX);
    target.components().any(|component| {
        match component {
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
        depth < 0
    })
}

/// Where a link in `folder` leads by the names alone, as a process inside sees it: `..` at the root stays there.
pub(super) fn normal(folder: &Path, target: &Path) -> String {
    let mut path = if target.is_absolute() { PathBuf::new() } else { folder.to_path_buf() };
    for component in target.components() {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    display_path(&path)
}

/// A link into a folder that is a file system of its own may lead to something there.
fn dangling(gather: &Gather<'_>, fstab: &Fstab, path: &str, target: &Path) -> Known<bool> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let resolved = format!("/{}", normal(Path::new(folder), target));
    let entries = fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
    let elsewhere = entries.iter().find(|entry| {
        let inside = resolved.strip_prefix(entry.mountpoint.as_str());
        let below = inside.is_some_and(|rest| rest.starts_with('/'));
        let is_empty = gather.tree.list(&entry.mountpoint).is_ok_and(|names| names.is_empty());
        entry.mountpoint != "/" && below && is_empty
    });
    match elsewhere {
        Some(entry) => Known::unknown(format!("the files of `{}`", entry.mountpoint)),
        None => Known::Known(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_climbs_only_above_the_root() {
        for (target, depth, expected) in [
            ("../boot/grub2/grub.cfg", 1, false),
            ("../../boot/grub2/grub.cfg", 1, true),
            ("usr/lib64", 0, false),
            ("../usr/lib64", 0, true),
            ("../efi/EFI/redhat/grubenv", 2, false),
        ] {
            assert_eq!(climbs(Path::new(target), depth), expected, "{target}");
        }
    }
}
