//! The kernel settings that a boot sets: all files of sysctl.d and sysctl.conf in the order in which they are read.
//!
//! Sources: sysctl.d(5) (systemd-sysctl reads sysctl.d alone; distributions that want sysctl.conf link it there as
//! `99-sysctl.conf`), sysctl(8) (`--system`, which the scripts of SysV init run, reads sysctl.conf last).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::mounting::InitSystem;
use crate::parse::sysctl::{self, Entry};
use crate::place::Place;
use crate::source::{File, NodeKind};

/// Folders of settings; a file hides those of the same name in later ones.
const FOLDERS: [&str; 5] =
    ["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"];

/// Settings that are kept; tuned servers have a few hundred.
const MAX_SETTINGS: usize = 5000;

/// The kernel settings.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sysctl {
    /// What is in force at the end, by key.
    pub settings: Vec<KernelSetting>,
    /// Assignments that a later one of the same key takes back.
    pub overridden: Vec<KernelSetting>,
    /// The files in the order in which they are read.
    pub files: Vec<String>,
    /// Files that hide one of the same name and say nothing: links to /dev/null and empty ones.
    pub masks: Vec<Place>,
    /// Lines that are no assignment, and are passed over.
    pub strays: Vec<Place>,
    /// `etc/sysctl.conf`, where it is there and nothing reads it.
    pub unread: Option<Place>,
}

/// A kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KernelSetting {
    /// The key with dots: `net.ipv4.ip_forward`. May hold wildcards.
    pub key: String,
    /// The value as written.
    pub value: String,
    /// A leading `-`: trouble with setting it is no failure.
    pub may_fail: bool,
    /// Where it is set.
    pub at: Place,
}

/// Reads all files.
#[must_use]
pub fn gather(gather: &Gather<'_>, init: InitSystem) -> Sysctl {
    let mut found = Sysctl::default();
    let mut files: BTreeMap<String, Option<File>> = BTreeMap::new();
    for folder in FOLDERS {
        for name in gather.found(gather.tree.list(folder)).present().unwrap_or_default() {
            let Some(name) = name.to_str().filter(|name| name.ends_with(".conf")) else { continue };
            if files.contains_key(name) {
                continue;
            }
            let path = format!("{folder}/{name}");
            let file = if is_null(gather, &path) { None } else { gather.read_config(&path).present() };
            if file.as_ref().is_none_or(|file| file.bytes.is_empty()) {
                found.masks.push(Place::file(path));
            }
            files.insert(name.to_owned(), file);
        }
    }
    let main = gather.read_config("etc/sysctl.conf").present();
    let mut files: Vec<File> = files.into_values().flatten().collect();
    if let Some(main) = main {
        let is_linked = files.iter().any(|file| file.resolved == main.resolved);
        if init == InitSystem::Systemd && !is_linked {
            found.unread = Some(Place::file("etc/sysctl.conf"));
        } else if init != InitSystem::Systemd {
            files.retain(|file| file.resolved != main.resolved);
            files.push(main);
        }
    }
    for file in &files {
        found.files.push(file.path.to_string());
        found.add(file);
    }
    found.settings.sort_by(|a, b| a.key.cmp(&b.key));
    found
}

fn is_null(gather: &Gather<'_>, path: &str) -> bool {
    let kind = gather.tree.symlink_metadata(path).map(|node| node.kind);
    matches!(kind, Ok(NodeKind::Link(target)) if target == std::path::Path::new("/dev/null"))
}

impl Sysctl {
    fn add(&mut self, file: &File) {
        let parsed = sysctl::parse(&file.bytes);
        self.strays.extend(parsed.strays.iter().map(|span| span.at(&file.path)));
        // In archives and on disk a link is read through: the place is where one edits.
        let path = crate::source::display_path(&file.resolved).into();
        for entry in parsed.entries {
            let key = entry.key();
            let Entry { value: Some(value), may_fail, span, .. } = entry else { continue };
            if self.settings.len() + self.overridden.len() >= MAX_SETTINGS {
                return;
            }
            let setting = KernelSetting { key, value: value.text, may_fail, at: span.at(&path) };
            match self.settings.iter_mut().find(|old| old.key == setting.key) {
                Some(old) => self.overridden.push(std::mem::replace(old, setting)),
                None => self.settings.push(setting),
            }
        }
    }

    /// The value in force.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&KernelSetting> {
        self.settings.iter().find(|setting| setting.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory, init: InitSystem) -> Sysctl {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        gather(&Gather::new(&tree, &limits), init)
    }

    fn value<'a>(found: &'a Sysctl, key: &str) -> Option<(&'a str, String)> {
        found.get(key).map(|setting| (setting.value.as_str(), setting.at.to_string()))
    }

    #[test]
    fn the_last_file_wins_and_etc_hides_the_packages() {
        let memory = || {
            Memory::new()
                .file(
                    "usr/lib/sysctl.d/50-default.conf",
                    "kernel.sysrq = 16\nnet.ipv4.conf.all.rp_filter=1\n",
                )
                .file("usr/lib/sysctl.d/60-x.conf", "vm.swappiness=1\n")
                .link("etc/sysctl.d/60-x.conf", "/dev/null")
                .file("etc/sysctl.d/70-own.conf", "net/ipv4/conf/all/rp_filter=0\nnonsense\n")
                .file("etc/sysctl.conf", "kernel.sysrq=0\n")
        };
        let systemd = read(memory(), InitSystem::Systemd);
        assert_eq!(
            value(&systemd, "kernel.sysrq"),
            Some(("16", "usr/lib/sysctl.d/50-default.conf:1".to_owned()))
        );
        assert_eq!(value(&systemd, "net.ipv4.conf.all.rp_filter").map(|(value, _)| value), Some("0"));
        assert_eq!(value(&systemd, "vm.swappiness"), None);
        assert_eq!(systemd.unread, Some(Place::file("etc/sysctl.conf")));
        assert_eq!((systemd.overridden.len(), systemd.masks.len(), systemd.strays.len()), (1, 1, 1));
        let linked =
            read(memory().link("etc/sysctl.d/99-sysctl.conf", "../sysctl.conf"), InitSystem::Systemd);
        assert_eq!(value(&linked, "kernel.sysrq"), Some(("0", "etc/sysctl.conf:1".to_owned())));
        assert_eq!(linked.unread, None);
        let sysv = read(memory(), InitSystem::SysV);
        assert_eq!(value(&sysv, "kernel.sysrq").map(|(value, _)| value), Some("0"));
    }
}
