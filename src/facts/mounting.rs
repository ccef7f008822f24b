//! How the root system mounts what fstab and crypttab name: what systemd's configuration says of it, its own units for
//! mounts and swaps, and which helpers of mount(8) and fsck(8) are there.
//!
//! Sources: systemd.unit(5) for the order of folders, systemd-system.conf(5), systemd.mount(5), systemd.swap(5).

mod units;

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::Setting;
use super::system::{Family, System};
use super::{Found, Gather, Known};
use crate::parse::{ini, mntent};
use crate::place::Place;
use crate::source::NodeKind;

pub use units::{MountUnit, UnitKind};

/// Which program starts the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitSystem {
    /// systemd.
    Systemd,
    /// sysvinit or upstart, with the distribution's scripts.
    SysV,
    /// Something else, or nothing.
    #[default]
    Other,
}

/// Lines that are followed; each is held against each other. Real tables have less than a hundred.
const MAX_LINES: usize = 1000;

/// How the root system mounts.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Mounting {
    /// Which program starts the system, and so mounts.
    pub init: InitSystem,
    /// `DefaultDeviceTimeoutSec=` of system.conf and its drop-ins: how long systemd waits for a device.
    pub device_timeout: Option<Setting>,
    /// `DefaultTimeoutStartSec=`, which counted for devices, too, before systemd 252.
    pub start_timeout: Option<Setting>,
    /// The version of systemd; null if the package list does not say.
    pub systemd_version: Option<u32>,
    /// Units for mounts and swaps that the administrator or a package put into /etc/systemd/system.
    pub units: Vec<MountUnit>,
    /// The lines of fstab as systemd-fstab-generator sees them, for the simulation. Unknown if the file cannot be read.
    #[serde(skip)]
    pub lines: Known<Vec<Line>>,
    /// Files and folders outside /dev that lines name as their source and that are not there, for the simulation.
    #[serde(skip)]
    pub missing_sources: BTreeSet<String>,
    /// Every unit that systemd has a file for, for the simulation. Unknown if the input has no units of systemd's own.
    #[serde(skip)]
    pub unit_names: Known<BTreeSet<String>>,
    /// Mount points that are not there, for the simulation.
    #[serde(skip)]
    pub missing_directories: BTreeSet<String>,
    /// `mount.TYPE` and `fsck.TYPE` programs, for the simulation. Unknown if the input holds no programs.
    #[serde(skip)]
    pub helpers: Known<BTreeSet<String>>,
}

/// A line of fstab as getmntent(3) reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line.
    pub at: Place,
    /// The fields.
    pub entry: mntent::Entry,
    /// The mount point with its links followed, where the tree has them.
    pub directory: String,
    /// The mount point is there and is no folder.
    pub is_no_directory: bool,
}

/// Reads systemd's configuration and fstab.
#[must_use]
pub fn gather(gather: &Gather<'_>, system: &System, systemd: Known<Option<String>>) -> Mounting {
    let version = systemd.get().cloned().flatten().and_then(|text| major(&text));
    let mut mounting = Mounting {
        init: init(gather, system),
        systemd_version: version,
        units: units::gather(gather),
        lines: lines(gather),
        helpers: helpers(gather),
        unit_names: unit_names(gather),
        ..Mounting::default()
    };
    read_manager(gather, &mut mounting);
    note_missing(gather, &mut mounting);
    mounting
}

/// Which init it is: by its program, by its scripts, and where the input has neither, by the distribution's age.
fn init(gather: &Gather<'_>, system: &System) -> InitSystem {
    let has = |paths: &[&str]| paths.iter().any(|path| gather.tree.symlink_metadata(path).is_ok());
    if super::fstab::runs_systemd(gather) {
        return InitSystem::Systemd;
    }
    if has(&[
        "etc/rc.d/rc.sysinit",
        "etc/init.d/rcS",
        "etc/init.d/boot.localfs",
        "etc/inittab",
        "etc/init/rcS.conf",
    ]) {
        return InitSystem::SysV;
    }
    // The first release with systemd: RHEL 7, Debian 8, SLES 12, Ubuntu 15.04.
    let first = match system.id.as_deref() {
        Some("debian") => 8,
        Some("ubuntu" | "fedora") => 15,
        Some("sles" | "sled" | "opensuse") => 12,
        Some("arch" | "opensuse-leap" | "opensuse-tumbleweed") => 0,
        _ if system.family.get() == Some(&Family::Rhel) => 7,
        _ => return InitSystem::Other,
    };
    match system.major_version {
        _ if has(&["sbin/init", "usr/sbin/init"]) => InitSystem::Other,
        Some(version) if version < first => InitSystem::SysV,
        _ => InitSystem::Systemd,
    }
}

/// Notes which sources and mount points are not there. What another line mounts may hold them, and what is no whole root
/// says nothing.
fn note_missing(gather: &Gather<'_>, mounting: &mut Mounting) {
    if !["bin/sh", "usr/bin/sh"].iter().any(|shell| gather.tree.exists(shell)) {
        return;
    }
    let lines = mounting.lines.get().map(Vec::as_slice).unwrap_or_default();
    let is_missing = |path: &str| {
        let below = |line: &Line| {
            line.directory.len() > 1 && Path::new(path).starts_with(&line.directory) && path != line.directory
        };
        path.starts_with('/') && !lines.iter().any(below) && !gather.tree.exists(path.trim_start_matches('/'))
    };
    let sources = lines.iter().map(|line| &line.entry.spec).filter(|spec| !spec.starts_with("/dev/"));
    let sources = sources.filter(|spec| is_missing(spec)).cloned().collect();
    let directories =
        lines.iter().map(|line| &line.directory).filter(|path| is_missing(path)).cloned().collect();
    (mounting.missing_sources, mounting.missing_directories) = (sources, directories);
}

/// `252` of `252.39-1~deb12u1`.
fn major(version: &str) -> Option<u32> {
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

/// system.conf, then its drop-ins in order of their names, those in /etc before others of the same name.
fn read_manager(gather: &Gather<'_>, mounting: &mut Mounting) {
    let folders = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd"];
    let paths = folders.iter().map(|folder| format!("{folder}/system.conf"));
    let mut files: Vec<_> = paths.filter_map(|path| gather.read_config(path).present()).take(1).collect();
    let mut drop_ins = std::collections::BTreeMap::new();
    for folder in folders {
        for file in gather.read_directory(format!("{folder}/system.conf.d"), |name| name.ends_with(".conf")) {
            let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
            drop_ins.entry(name).or_insert(file);
        }
    }
    files.extend(drop_ins.into_values());
    for file in files {
        for entry in ini::parse(&file.bytes).into_iter().filter(|entry| entry.section == "Manager") {
            let setting = (!entry.value.is_empty())
                .then(|| Setting { value: entry.value.clone(), at: entry.span.at(&file.path) });
            match entry.key.as_str() {
                "DefaultDeviceTimeoutSec" => mounting.device_timeout = setting,
                "DefaultTimeoutStartSec" => mounting.start_timeout = setting,
                _ => {}
            }
        }
    }
}

fn lines(gather: &Gather<'_>) -> Known<Vec<Line>> {
    let file = match gather.read_config("etc/fstab") {
        Found::Present(file) => file,
        Found::Absent => return Known::Known(Vec::new()),
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    let line = |entry: mntent::Entry| {
        let (directory, is_no_directory) = mountpoint(gather, entry.directory.trim_end_matches('\r'));
        Line { at: entry.span.at(&file.path), entry, directory, is_no_directory }
    };
    let entries = mntent::parse(&file.bytes);
    if entries.len() > MAX_LINES {
        return Known::unknown(format!("an `etc/fstab` of less than {MAX_LINES} lines"));
    }
    Known::Known(entries.into_iter().map(line).collect())
}

/// The mount point with its links followed, and whether something else than a folder is there.
fn mountpoint(gather: &Gather<'_>, written: &str) -> (String, bool) {
    // PATH_MAX: nothing can be mounted on a longer path.
    if !written.contains('/') || written.len() > 4096 {
        return (written.to_owned(), false);
    }
    // One that is not absolute is taken from the generator's folder, which is the root.
    let parts: Vec<&str> = written.split('/').filter(|part| !part.is_empty()).collect();
    let plain = format!("/{}", parts.join("/"));
    let inside = plain.trim_start_matches('/');
    let is_no_directory =
        gather.tree.metadata(inside).is_ok_and(|node| !matches!(node.kind, NodeKind::Directory));
    // The longest part that is there leads where its links lead; what follows is made by systemd.
    for split in (1..=parts.len()).rev() {
        let (there, new) = parts.split_at(split);
        if let Ok(resolved) = gather.tree.resolve(there.join("/"))
            && let Some(resolved) = resolved.to_str()
        {
            let whole = Path::new("/").join(resolved.trim_start_matches('/')).join(new.join("/"));
            let text = whole.to_string_lossy().trim_end_matches('/').to_owned();
            return (if text.is_empty() { "/".to_owned() } else { text }, is_no_directory);
        }
    }
    (plain, is_no_directory)
}

/// Names of unit files, in all folders that systemd looks into (systemd.unit(5)).
fn unit_names(gather: &Gather<'_>) -> Known<BTreeSet<String>> {
    let folders = [
        "etc/systemd/system",
        "usr/local/lib/systemd/system",
        "usr/lib/systemd/system",
        "lib/systemd/system",
    ];
    let lists = folders.iter().filter_map(|folder| gather.found(gather.tree.list(folder)).present());
    let names: BTreeSet<String> = lists.flatten().filter_map(|name| name.into_string().ok()).collect();
    // A report keeps some units, a root has all.
    if names.contains("local-fs.target") {
        Known::Known(names)
    } else {
        Known::unknown("`usr/lib/systemd/system`")
    }
}

/// The helpers for file systems of other types than the kernel's own.
fn helpers(gather: &Gather<'_>) -> Known<BTreeSet<String>> {
    let folders = ["sbin", "usr/sbin", "bin", "usr/bin"];
    let mut found = BTreeSet::new();
    for folder in folders {
        for name in gather.found(gather.tree.list(folder)).present().unwrap_or_default() {
            let Some(name) = name.to_str() else { continue };
            if name == "mount" || name == "fsck" || name.starts_with("mount.") || name.starts_with("fsck.") {
                found.insert(name.to_owned());
            }
        }
    }
    if found.contains("mount") { Known::Known(found) } else { Known::unknown("the programs in `sbin`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> Mounting {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        gather(&Gather::new(&tree, &limits), &System::default(), Known::Known(Some("252.39-1".to_owned())))
    }

    #[test]
    fn drop_ins_win_over_the_file_and_etc_over_the_rest() {
        let mounting = read(
            Memory::new()
                .file(
                    "etc/systemd/system.conf",
                    "[Manager]\n#DefaultDeviceTimeoutSec=1\nDefaultTimeoutStartSec=2\n",
                )
                .file("etc/systemd/system.conf.d/a.conf", "[Manager]\nDefaultDeviceTimeoutSec=10s\n")
                .file("usr/lib/systemd/system.conf.d/a.conf", "[Manager]\nDefaultDeviceTimeoutSec=99s\n"),
        );
        let value = |setting: Option<Setting>| setting.map(|setting| setting.value);
        assert_eq!(value(mounting.device_timeout).as_deref(), Some("10s"));
        assert_eq!(value(mounting.start_timeout).as_deref(), Some("2"));
        assert_eq!(mounting.systemd_version, Some(252));
    }

    #[test]
    fn mount_points_follow_links_and_files_are_no_folders() {
        let mounting = read(
            Memory::new()
                .file("etc/fstab", "a /data/x ext4\nb /etc/hostname ext4\nc //srv/new/ ext4\nd none swap\n")
                .file("etc/hostname", "lab\n")
                .directory("srv")
                .link("data", "srv"),
        );
        let lines = mounting.lines.get().unwrap();
        let got: Vec<_> = lines.iter().map(|l| (l.directory.as_str(), l.is_no_directory)).collect();
        assert_eq!(got, [("/srv/x", false), ("/etc/hostname", true), ("/srv/new", false), ("none", false)]);
    }

    #[test]
    fn helpers_are_known_where_there_are_programs() {
        assert!(read(Memory::new()).helpers.needs().is_some());
        let mounting =
            read(Memory::new().file("bin/mount", "").file("sbin/mount.nfs", "").file("sbin/init", ""));
        let helpers = mounting.helpers.get().unwrap();
        assert_eq!(helpers.iter().map(String::as_str).collect::<Vec<_>>(), ["mount", "mount.nfs"]);
    }
}
