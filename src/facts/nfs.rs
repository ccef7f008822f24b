//! NFS: what is mounted and in which version, what is exported, and what the server speaks.
//!
//! The version of a mount is that of nfs(5): the type `nfs4`, the options `vers=`, `nfsvers=`, `v3`, `v4.2`, else what
//! nfsmount.conf(5) sets, else 4 with a fall-back to 3 that the client negotiates. The server's versions are those of
//! nfs.conf(5), of rpc.nfsd(8)'s `-N` in the older files of settings (`RPCNFSDARGS`, `RPCNFSDOPTS`, `RPCMOUNTDOPTS`).

use schemars::JsonSchema;
use serde::Serialize;

use super::fstab::Fstab;
use super::{Found, Gather, Known};
use crate::parse::{autofs, exports, ini, shell_vars};
use crate::place::Place;
use crate::source::{File, display_path};

/// Maps of the automounter that are read; a site has a handful.
const MAX_MAPS: usize = 200;

/// NFS, as client and server.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Nfs {
    /// What fstab and the automounter's maps mount over NFS. Unknown if fstab cannot be read.
    pub mounts: Known<Vec<NfsMount>>,
    /// The lines of exports(5), files of exports.d included.
    pub exports: Known<Vec<Export>>,
    /// Where NFSv3 is turned off for the server; null if the server speaks it, as it does unless told otherwise.
    pub server_v3_off: Option<Place>,
    /// Where NFSv4 is turned off for the server; null if it speaks it.
    pub server_v4_off: Option<Place>,
}

/// A mount over NFS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NfsMount {
    /// What asks for it.
    pub by: NfsMounter,
    /// What is mounted: `nas:/home`.
    pub spec: String,
    /// Where: a path; of the automounter its directory and the key (`/home/alice`, `/home/*`).
    pub mountpoint: String,
    /// The version that is asked for: `3`, `4`, `4.2`; null if client and server agree on one, newest first.
    pub version: Option<String>,
    /// The major version that is asked for; null as above.
    pub major: Option<u32>,
    /// Where the version is set: the line itself, or nfsmount.conf; null if nothing sets it.
    pub version_at: Option<Place>,
    /// Locks stay on this machine (`nolock`, `local_lock=all`), so that no other program is needed for them.
    pub is_locked_locally: bool,
    /// Option `noauto`; of the automounter false.
    pub noauto: bool,
    /// The options one by one.
    pub options: Vec<String>,
    /// The line.
    pub at: Place,
}

/// What asks for a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NfsMounter {
    /// fstab.
    Fstab,
    /// A map of autofs.
    Autofs,
}

/// A line of exports(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Export {
    /// The directory.
    pub path: String,
    /// Who may mount it, with options, as written.
    pub clients: Vec<String>,
    /// The line.
    pub at: Place,
}

/// Reads the mounts, exports and settings.
#[must_use]
pub(super) fn gather(gather: &Gather<'_>, fstab: &Fstab) -> Nfs {
    let defaults = Defaults::read(gather);
    let mounts = fstab.entries.as_ref().map(|entries| {
        let from_table = entries.iter().filter(|entry| matches!(entry.fstype.as_str(), "nfs" | "nfs4"));
        let mut mounts: Vec<NfsMount> = from_table
            .map(|entry| {
                let mount = Mount {
                    by: NfsMounter::Fstab,
                    spec: &entry.spec,
                    mountpoint: entry.mountpoint.clone(),
                    fstype: &entry.fstype,
                    options: entry.options.clone(),
                    at: entry.at.clone(),
                };
                mount.read(&defaults)
            })
            .collect();
        mounts.extend(automounted(gather, &defaults));
        mounts
    });
    let server = server(gather);
    Nfs { mounts, exports: exported(gather), server_v3_off: server.0, server_v4_off: server.1 }
}

/// A mount as its line has it.
struct Mount<'a> {
    by: NfsMounter,
    spec: &'a str,
    mountpoint: String,
    fstype: &'a str,
    options: Vec<String>,
    at: Place,
}

impl Mount<'_> {
    fn read(self, defaults: &Defaults) -> NfsMount {
        let own = self.options.iter().rev().find_map(|option| version_of(option));
        let (version, version_at) = match (own, self.fstype) {
            (Some(version), _) => (Some(version), Some(self.at.clone())),
            (None, "nfs4") => (Some("4".to_owned()), Some(self.at.clone())),
            (None, _) => defaults.version(self.spec, &self.mountpoint).unzip(),
        };
        let major = version.as_deref().and_then(|version| version.split('.').next()?.parse().ok());
        let is_local = |option: &String| {
            matches!(option.as_str(), "nolock" | "local_lock=all" | "local_lock=flock,posix")
        };
        NfsMount {
            by: self.by,
            spec: self.spec.to_owned(),
            is_locked_locally: self.options.iter().any(is_local),
            noauto: self.options.iter().any(|option| option == "noauto"),
            mountpoint: self.mountpoint,
            major,
            version,
            version_at,
            options: self.options,
            at: self.at,
        }
    }
}

/// The version that an option asks for.
fn version_of(option: &str) -> Option<String> {
    let value = option.strip_prefix("vers=").or_else(|| option.strip_prefix("nfsvers="));
    let short = option.strip_prefix('v').filter(|rest| rest.starts_with(['2', '3', '4']));
    let version = value.or(short)?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit()) && version.len() <= 3;
    is_version.then(|| version.to_owned())
}

/// What nfsmount.conf(5) sets.
#[derive(Default)]
struct Defaults {
    entries: Vec<(ini::Entry, Place)>,
}

impl Defaults {
    fn read(gather: &Gather<'_>) -> Self {
        let mut files: Vec<File> = gather.read_config("etc/nfsmount.conf").present().into_iter().collect();
        files.extend(gather.read_directory("etc/nfsmount.conf.d", |name| name.ends_with(".conf")));
        let of_file = |file: &File| {
            let entries = ini::parse(&file.bytes).into_iter();
            entries.map(|entry| (entry.clone(), entry.span.at(&file.path))).collect::<Vec<_>>()
        };
        Self { entries: files.iter().flat_map(of_file).collect() }
    }

    /// The version for a mount: of its mount point, of its server, of all.
    fn version(&self, spec: &str, mountpoint: &str) -> Option<(String, Place)> {
        let server = spec.split(':').next().unwrap_or_default();
        let wanted = [
            format!("MountPoint \"{mountpoint}\""),
            format!("Server \"{server}\""),
            "NFSMount_Global_Options".to_owned(),
        ];
        wanted.iter().find_map(|section| {
            let named = |entry: &&(ini::Entry, Place)| {
                let key = entry.0.key.to_ascii_lowercase();
                let section_of = entry.0.section.trim();
                section_of.eq_ignore_ascii_case(section)
                    && matches!(key.as_str(), "nfsvers" | "vers" | "defaultvers")
            };
            // What is asked for (`Nfsvers`) is kept to; `Defaultvers` is where negotiating starts.
            let found = self.entries.iter().rev().find(named)?;
            let is_start = found.0.key.eq_ignore_ascii_case("defaultvers") && found.0.value.starts_with('4');
            (!is_start).then(|| (found.0.value.clone(), found.1.clone()))
        })
    }
}

/// The mounts of the automounter's maps that are files.
fn automounted(gather: &Gather<'_>, defaults: &Defaults) -> Vec<NfsMount> {
    let mut masters: Vec<File> = gather.read_config("etc/auto.master").present().into_iter().collect();
    masters.extend(gather.read_directory("etc/auto.master.d", |name| name.ends_with(".autofs")));
    let mut mounts = Vec::new();
    let entries = masters.iter().flat_map(|file| autofs::parse_master(&file.bytes));
    for entry in entries.take(MAX_MAPS) {
        let Some(path) = map_path(&entry.map) else { continue };
        let Found::Present(file) = gather.read_config(path) else { continue };
        // A program answers for a map that may be executed.
        if file.bytes.starts_with(b"#!") {
            continue;
        }
        for item in autofs::parse_map(&file.bytes) {
            let options: Vec<String> = entry.options.iter().chain(&item.options).cloned().collect();
            let fstype = options.iter().rev().find_map(|option| option.strip_prefix("fstype="));
            // autofs(5): a location `host:/path` without a type is NFS.
            let is_remote = item.location.split_once(':').is_some_and(|(host, _)| !host.is_empty());
            let fstype = fstype.unwrap_or(if is_remote { "nfs" } else { "" }).to_owned();
            if !matches!(fstype.as_str(), "nfs" | "nfs4") {
                continue;
            }
            let mount = Mount {
                by: NfsMounter::Autofs,
                spec: &item.location,
                mountpoint: below(&entry.mountpoint, &item),
                fstype: &fstype,
                options,
                at: item.span.at(&file.path),
            };
            mounts.push(mount.read(defaults));
        }
    }
    mounts
}

/// The path of a map that is a file, relative to the root.
fn map_path(map: &str) -> Option<String> {
    let map = map.strip_prefix("file:").or_else(|| map.strip_prefix("file,sun:")).unwrap_or(map);
    let path = match map.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None if map.starts_with("auto") && !map.contains([':', '/']) => format!("etc/{map}"),
        None => return None,
    };
    Some(display_path(std::path::Path::new(&path)))
}

/// Where a map's entry is mounted.
fn below(directory: &str, item: &autofs::MapEntry) -> String {
    let base = match directory {
        "/-" => item.key.clone(),
        directory => format!("{}/{}", directory.trim_end_matches('/'), item.key),
    };
    match item.offset.as_str() {
        "" | "/" => base,
        offset => format!("{base}{offset}"),
    }
}

fn exported(gather: &Gather<'_>) -> Known<Vec<Export>> {
    let first = match gather.read_config("etc/exports") {
        Found::Present(file) => Some(file),
        Found::Absent => None,
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    let more = gather.read_directory("etc/exports.d", |name| name.ends_with(".exports"));
    let files = first.into_iter().chain(more);
    let of_file = |file: File| {
        let entries = exports::parse(&file.bytes).into_iter();
        entries
            .map(|entry| Export { path: entry.path, clients: entry.clients, at: entry.span.at(&file.path) })
            .collect::<Vec<_>>()
    };
    Known::Known(files.flat_map(of_file).collect())
}

/// Where version 3 and version 4 are turned off for the server.
fn server(gather: &Gather<'_>) -> (Option<Place>, Option<Place>) {
    let mut off = (None, None);
    for (path, names) in [
        ("etc/sysconfig/nfs", &["RPCNFSDARGS", "RPCMOUNTDOPTS", "RPCMOUNTDARGS"][..]),
        ("etc/default/nfs-kernel-server", &["RPCNFSDOPTS", "RPCMOUNTDOPTS", "RPCNFSDCOUNT"]),
    ] {
        let Found::Present(file) = gather.read_config(path) else { continue };
        let vars = shell_vars::parse(&file.bytes);
        for assignment in names.iter().filter_map(|name| vars.last(name)) {
            let at = assignment.span.at(&file.path);
            for version in forbidden(&assignment.value) {
                match version {
                    '3' => off.0 = Some(at.clone()),
                    '4' => off.1 = Some(at.clone()),
                    _ => {}
                }
            }
        }
    }
    let mut files: Vec<File> = gather.read_config("etc/nfs.conf").present().into_iter().collect();
    files.extend(gather.read_directory("etc/nfs.conf.d", |name| name.ends_with(".conf")));
    for file in &files {
        let entries = ini::parse(&file.bytes).into_iter().filter(|entry| entry.section.trim() == "nfsd");
        for entry in entries {
            let is_off =
                matches!(entry.value.to_ascii_lowercase().as_str(), "n" | "no" | "0" | "f" | "false" | "off");
            let state = is_off.then(|| entry.span.at(&file.path));
            match entry.key.as_str() {
                "vers3" => off.0 = state,
                "vers4" => off.1 = state,
                _ => {}
            }
        }
    }
    off
}

/// The versions that rpc.nfsd's and rpc.mountd's arguments turn off: `-N 3`, `-N3`, `--no-nfs-version=3`.
fn forbidden(arguments: &str) -> Vec<char> {
    let mut words = arguments.split_whitespace().peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let rest = word.strip_prefix("--no-nfs-version").or_else(|| word.strip_prefix("-N"));
        let Some(rest) = rest else { continue };
        let value = match rest.trim_start_matches('=') {
            "" => words.peek().copied().unwrap_or_default(),
            value => value,
        };
        // A minor version (`4.0`) leaves the others.
        if value.len() == 1 {
            found.extend(value.chars());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Facts, Limits};
    use crate::source::memory::Memory;

    fn nfs(memory: Memory) -> Nfs {
        Facts::gather(&memory.into_tree(), &Limits::default()).nfs
    }

    #[test]
    fn a_mount_knows_its_version() {
        let fstab = "nas:/a /a nfs defaults 0 0\nnas:/b /b nfs4 rw 0 0\nnas:/c /c nfs vers=3,nolock 0 0\n\
                     nas:/d /d nfs v4.2,noauto 0 0\nnas:/e /e nfs nfsvers=4,hard 0 0\n/dev/sda1 / ext4 rw 0 1\n";
        let read = nfs(Memory::new().file("etc/fstab", fstab));
        let told: Vec<_> = read
            .mounts
            .get()
            .unwrap()
            .iter()
            .map(|mount| {
                (mount.mountpoint.as_str(), mount.version.as_deref(), mount.major, mount.is_locked_locally)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/a", None, None, false),
                ("/b", Some("4"), Some(4), false),
                ("/c", Some("3"), Some(3), true),
                ("/d", Some("4.2"), Some(4), false),
                ("/e", Some("4"), Some(4), false),
            ]
        );
    }

    #[test]
    fn nfsmount_conf_sets_what_a_line_leaves_open() {
        let conf = "[ NFSMount_Global_Options ]\nDefaultvers=4\n[ Server \"old\" ]\nNfsvers=3\n";
        let fstab = "nas:/a /a nfs rw 0 0\nold:/b /b nfs rw 0 0\n";
        let read = nfs(Memory::new().file("etc/fstab", fstab).file("etc/nfsmount.conf", conf));
        let mounts = read.mounts.get().unwrap();
        assert_eq!(mounts[0].version, None);
        assert_eq!(mounts[1].version.as_deref(), Some("3"));
        assert_eq!(mounts[1].version_at.as_ref().unwrap().to_string(), "etc/nfsmount.conf:4");
    }

    #[test]
    fn maps_of_the_automounter_are_mounts() {
        let read = nfs(Memory::new()
            .file("etc/auto.master", "/home auto.home -fstype=nfs\n/- /etc/auto.direct\n/net -hosts\n")
            .file("etc/auto.home", "* -vers=3 nas:/home/&\nlocal -fstype=ext4 :/dev/sdb1\n")
            .file("etc/auto.direct", "/srv/x -fstype=nfs4,ro nas:/x\n"));
        let mounts = read.mounts.get().unwrap();
        let told: Vec<_> = mounts.iter().map(|mount| (mount.mountpoint.as_str(), mount.major)).collect();
        assert_eq!(told, [("/home/*", Some(3)), ("/srv/x", Some(4))]);
        assert_eq!(mounts[0].at.to_string(), "etc/auto.home:1");
    }

    #[test]
    fn the_server_speaks_what_is_not_turned_off() {
        let off = |path: &str, text: &str| {
            let read = nfs(Memory::new().file(path, text));
            (read.server_v3_off.is_some(), read.server_v4_off.is_some())
        };
        for (path, text, expected) in [
            ("etc/nfs.conf", "[nfsd]\nvers3=n\n", (true, false)),
            ("etc/nfs.conf", "[nfsd]\n# vers3=n\nvers4=no\n", (false, true)),
            ("etc/sysconfig/nfs", "RPCNFSDARGS=\"-N 3 -N 2\"\n", (true, false)),
            ("etc/default/nfs-kernel-server", "RPCNFSDOPTS=\"--no-nfs-version=4\"\n", (false, true)),
            ("etc/sysconfig/nfs", "RPCNFSDARGS=\"-N 4.0 -d\"\n", (false, false)),
        ] {
            assert_eq!(off(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn exports_are_read_with_their_clients() {
        let read = nfs(Memory::new().file("etc/exports", "# none\n/srv 192.0.2.0/24(rw) \\\n  client(ro)\n"));
        let exports = read.exports.get().unwrap();
        assert_eq!(exports[0].path, "/srv");
        assert_eq!(exports[0].clients, ["192.0.2.0/24(rw)", "client(ro)"]);
        assert_eq!(exports[0].at.to_string(), "etc/exports:2");
    }
}
