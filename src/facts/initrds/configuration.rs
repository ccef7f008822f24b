//! Configuration that an image has a copy of, and configuration that was changed after the image was built.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Initrd;
use crate::facts::{Found, Gather};
use crate::initrd::{Image, Kind};
use crate::known::Known;
use crate::place::Place;
use crate::secrets::Masker;

/// A configuration file that an image has a copy of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Copy {
    /// Its path in the image: `etc/multipath.conf`.
    pub path: String,
    /// Whether the root has it, too. Unknown if it cannot be read there.
    pub in_root: Known<bool>,
    /// Whether the two differ; false if the root has none.
    pub differs: bool,
    /// Whether the one in the root was changed after the image was made; false if the root has none.
    pub newer_in_root: bool,
    /// Lines that only one of the two has, shortened and without secrets: `-` for the image's, `+` for the root's.
    pub difference: Vec<String>,
    /// The file in the root, or the image if the root has none.
    pub at: Place,
}

/// A file that was changed after an image was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Newer {
    /// Its path relative to the root.
    pub path: String,
    /// The file.
    pub at: Place,
    /// When it was changed, in seconds since the epoch.
    pub mtime: i64,
}

/// Seconds by which a file must be newer than the image. Files that were all written in one go (a checkout, a tar
/// unpacked without its times) are not.
pub(crate) const TOLERANCE: i64 = 600;

/// Lines of a difference that are shown.
const SHOWN_LINES: usize = 6;

/// Characters of a shown line.
const SHOWN_LENGTH: usize = 120;

/// Whether the image's text at `path` is a copy of the root's configuration.
fn is_configuration(path: &str) -> bool {
    const PATHS: [&str; 8] = [
        "etc/multipath.conf",
        "etc/multipath/bindings",
        "etc/multipath/wwids",
        "etc/lvm/lvm.conf",
        "etc/lvm/lvmlocal.conf",
        "etc/mdadm.conf",
        "etc/mdadm/mdadm.conf",
        "etc/modprobe.conf",
    ];
    const BELOW: [&str; 4] =
        ["etc/multipath/conf.d/", "etc/lvm/devices/", "etc/modprobe.d/", "etc/udev/rules.d/70-persistent"];
    PATHS.contains(&path) || BELOW.iter().any(|directory| path.starts_with(directory))
}

/// Compares the configuration in `image` with the root's.
pub(super) fn copies(gather: &Gather<'_>, image: &Image, at: &Place, mtime: i64) -> Vec<Copy> {
    let texts = image.texts.iter().filter_map(|(path, text)| Some((std::str::from_utf8(path).ok()?, text)));
    let configuration = texts.filter(|(path, _)| is_configuration(path));
    configuration.map(|(path, text)| compare(gather, path, text, at, mtime)).collect()
}

fn compare(gather: &Gather<'_>, path: &str, text: &[u8], at: &Place, mtime: i64) -> Copy {
    // dracut and Debian's mdadm hook put mdadm.conf where their mdadm looks for it.
    let other = match path {
        "etc/mdadm.conf" => Some("etc/mdadm/mdadm.conf"),
        "etc/mdadm/mdadm.conf" => Some("etc/mdadm.conf"),
        _ => None,
    };
    let found = match (gather.read(Path::new(path)), other) {
        (Found::Absent, Some(other)) => gather.read(Path::new(other)),
        (found, _) => found,
    };
    let path = path.to_owned();
    match found {
        Found::Present(file) => {
            let difference = difference(&path, text, &file.bytes);
            Copy {
                in_root: Known::Known(true),
                differs: !difference.is_empty(),
                newer_in_root: file.node.mtime > mtime,
                difference,
                at: Place::file(std::sync::Arc::clone(&file.path)),
                path,
            }
        }
        Found::Absent => Copy {
            path,
            in_root: Known::Known(false),
            differs: false,
            newer_in_root: false,
            difference: Vec::new(),
            at: at.clone(),
        },
        Found::Unreadable { needs } => Copy {
            in_root: Known::unknown(needs),
            differs: false,
            newer_in_root: false,
            difference: Vec::new(),
            at: Place::file(path.as_str()),
            path,
        },
    }
}

/// Lines that only one of two configuration files has, comments and blank lines aside.
fn difference(path: &str, image: &[u8], root: &[u8]) -> Vec<String> {
    let inside = settings(image);
    let outside = settings(root);
    // A builder's own changes are no difference: dracut sets these two for the time of the boot, and writes a file of
    // just these into images that are not host-only (its module 90lvm).
    let lvm = path == "etc/lvm/lvm.conf";
    let is_builders = |line: &[u8]| {
        lvm && [b"locking_type".as_slice(), b"use_lvmetad"].iter().any(|key| line.starts_with(key))
    };
    let brackets = |line: &[u8]| matches!(line, b"global {" | b"}");
    if lvm && inside.keys().all(|line| is_builders(line) || brackets(line)) {
        return Vec::new();
    }
    // Debian's mdadm hook puts the arrays of the running machine in if the file names none.
    let is_array = |line: &[u8]| line.starts_with(b"ARRAY ");
    let no_arrays = path.contains("mdadm") && !outside.keys().any(|line| is_array(line));
    let mut lines = Vec::new();
    for (sign, mine, theirs) in [('-', &inside, &outside), ('+', &outside, &inside)] {
        for (line, count) in mine {
            let missing = theirs.get(line).copied().unwrap_or(0) < *count;
            if missing && !is_builders(line) && !(no_arrays && is_array(line)) {
                let line = Masker::of(path).line(&String::from_utf8_lossy(line));
                let shown: String = line.chars().take(SHOWN_LENGTH).collect();
                lines.push(format!("{sign}{}", crate::source::escape_bytes(shown.as_bytes())));
            }
        }
    }
    lines.truncate(SHOWN_LINES);
    lines
}

/// The lines of a configuration file that set something, and how often each stands there.
fn settings(text: &[u8]) -> BTreeMap<&[u8], usize> {
    let mut lines = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if !line.is_empty() && !line.starts_with(b"#") {
            *lines.entry(line).or_default() += 1;
        }
    }
    lines
}

/// The configuration that `initrd` was built after and that has changed since.
pub(super) fn newer(gather: &Gather<'_>, initrd: &Initrd) -> Vec<Newer> {
    let mut paths = Vec::new();
    for path in sources(initrd) {
        match path.strip_suffix('/') {
            None => paths.push(path.to_owned()),
            Some(directory) => {
                let names = gather.found(gather.tree.list(directory)).present().unwrap_or_default();
                let names = names.iter().filter_map(|name| name.to_str()).filter(|name| is_read(name));
                paths.extend(names.map(|name| format!("{directory}/{name}")));
            }
        }
    }
    let copies = initrd.copies.get().map(Vec::as_slice).unwrap_or_default();
    // A copy that differs has a finding of its own.
    paths.retain(|path| !copies.iter().any(|copy| copy.path == *path));
    let file = |path: String| {
        let node = gather.tree.metadata(&path).ok()?;
        let newer =
            node.kind == crate::source::NodeKind::File && node.mtime > initrd.mtime.saturating_add(TOLERANCE);
        newer.then(|| Newer { at: Place::file(path.as_str()), mtime: node.mtime, path })
    };
    paths.into_iter().filter_map(file).collect()
}

/// Leftovers of editors and package managers in a folder of configuration are not read.
fn is_read(name: &str) -> bool {
    let leftovers =
        ["~", ".rpmnew", ".rpmsave", ".rpmorig", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".bak", ".swp"];
    !name.starts_with('.') && name != "README" && !leftovers.iter().any(|ending| name.ends_with(ending))
}

/// The files and folders (with a slash behind) that what built `initrd` reads.
pub(crate) fn sources(initrd: &Initrd) -> Vec<&'static str> {
    let mut sources = match initrd.kind.get() {
        Some(Kind::Dracut) => vec!["etc/dracut.conf", "etc/dracut.conf.d/", "etc/modprobe.d/"],
        Some(Kind::InitramfsTools) => vec![
            "etc/initramfs-tools/initramfs.conf",
            "etc/initramfs-tools/modules",
            "etc/initramfs-tools/conf.d/",
            "etc/initramfs-tools/hooks/",
            "etc/modprobe.d/",
        ],
        Some(Kind::MkinitrdNash) => vec!["etc/modprobe.conf", "etc/sysconfig/mkinitrd/"],
        Some(Kind::MkinitrdSuse) => vec!["etc/modprobe.conf", "etc/modprobe.d/", "etc/sysconfig/kernel"],
        Some(Kind::Mkinitcpio) => vec!["etc/mkinitcpio.conf", "etc/mkinitcpio.conf.d/", "etc/modprobe.d/"],
        Some(Kind::Other) | None => return Vec::new(),
    };
    if initrd.is_kdump {
        // kdumpctl and mkdumprd go by these, and by where fstab says that the dump's file system is.
        sources.extend(["etc/kdump.conf", "etc/sysconfig/kdump", "etc/default/kdump-tools", "etc/fstab"]);
    }
    let wanted = [
        (&initrd.has_cryptsetup, "etc/crypttab"),
        (&initrd.has_mdadm, "etc/mdadm.conf"),
        (&initrd.has_mdadm, "etc/mdadm/mdadm.conf"),
        (&initrd.has_multipath, "etc/multipath.conf"),
        (&initrd.has_multipath, "etc/multipath/conf.d/"),
        (&initrd.has_lvm, "etc/lvm/lvm.conf"),
    ];
    // An image that holds copies of none of its kind was built without them on purpose: not host-only.
    let hostonly =
        initrd.hostonly.get().copied().flatten() != Some(false) || initrd.kind.get() != Some(&Kind::Dracut);
    sources
        .extend(wanted.iter().filter(|(has, _)| hostonly && has.get() == Some(&true)).map(|(_, path)| *path));
    sources
}
