//! What the boot starts: all that the default target pulls in, and what the sockets, timers and paths among it start
//! later.

use std::collections::{BTreeMap, VecDeque};

use super::DefaultTarget;
use super::table::{Entry, Table};
use crate::facts::Gather;
use crate::place::Place;

/// Lines of a unit that start the units they name with it.
const PULLING: [&str; 5] = ["Wants", "Requires", "BindsTo", "Upholds", "BindTo"];

/// What systemd's own targets pull in, for an input that lacks them (systemd.special(7)).
const OWN_TARGETS: [(&str, &[&str]); 5] = [
    ("graphical.target", &["multi-user.target", "display-manager.service"]),
    // `remote-fs.target` is enabled wherever systemd is, and brings the network with it where it has mounts.
    ("multi-user.target", &["basic.target", "getty.target", "remote-fs.target", "network-online.target"]),
    ("basic.target", &["sysinit.target", "sockets.target", "timers.target", "paths.target"]),
    ("sysinit.target", &["local-fs.target", "swap.target", "cryptsetup.target"]),
    ("getty.target", &["getty@tty1.service"]),
];

/// Targets that are no end of a boot: what they pull in says nothing of the services that a server is to have.
const STOPS: [&str; 4] = ["rescue.target", "emergency.target", "poweroff.target", "reboot.target"];

/// Units of a boot that are followed.
const MAX_STARTED: usize = 8000;

/// All that is started, and by what.
#[derive(Debug, Default)]
pub(super) struct Closure {
    started: BTreeMap<String, Place>,
    activated: BTreeMap<String, String>,
}

impl Closure {
    /// Follows all from the default target.
    pub(super) fn of(gather: &Gather<'_>, table: &Table, target: Option<&DefaultTarget>) -> Self {
        let mut queue: VecDeque<(String, Place)> = VecDeque::new();
        let vendor = |name: &str| (name.to_owned(), Place::file(format!("usr/lib/systemd/system/{name}")));
        match target {
            Some(target) => {
                queue.push_back((target.name.clone(), target.at.clone()));
                if STOPS.contains(&target.name.as_str()) {
                    queue.push_back(vendor("multi-user.target"));
                }
            }
            None => queue.extend([vendor("graphical.target"), vendor("multi-user.target")]),
        }
        queue.extend(generated(gather, table));
        let pulls = pulls_by_owner(table);
        let mut closure = Self::default();
        while let Some((name, by)) = queue.pop_front() {
            let name = table.canonical(&name);
            let is_known = closure.started.contains_key(&name);
            if is_known || closure.started.len() > MAX_STARTED || !may_start(table, &name) {
                continue;
            }
            closure.started.insert(name.clone(), by);
            let names = std::iter::once(name.as_str()).chain(table.aliases_of(&name));
            for (pulled, by) in names.filter_map(|name| pulls.get(name)).flatten() {
                queue.push_back((pulled.clone(), by.clone()));
            }
            let file = table.file(&name);
            let instance =
                name.split_once('@').and_then(|(_, rest)| rest.rsplit_once('.')).map_or("", |(i, _)| i);
            queue.extend(file.names(&PULLING).map(|(unit, at)| (unit.replace("%i", instance), at)));
            if !table.is_whole() && file.entries().next().is_none() {
                let own = OWN_TARGETS.iter().find(|(target, _)| *target == name);
                queue.extend(own.into_iter().flat_map(|(_, units)| *units).map(|unit| vendor(unit)));
            }
        }
        closure.note_activated(table);
        closure
    }

    /// What sockets, timers and paths start, and what devices want.
    fn note_activated(&mut self, table: &Table) {
        for name in self.started.keys() {
            let (stem, key) = match name.rsplit_once('.') {
                Some((stem, "socket")) => (stem, "Service"),
                Some((stem, "timer" | "path")) => (stem, "Unit"),
                _ => continue,
            };
            let file = table.file(name);
            let service = match file.get(key) {
                Some(unit) => unit.to_owned(),
                // Each connection gets an instance of a template.
                None if file.get("Accept") == Some("yes") || file.get("Accept") == Some("true") => {
                    format!("{stem}@.service")
                }
                None => format!("{stem}.service"),
            };
            self.activated.entry(table.canonical(&service)).or_insert_with(|| name.clone());
        }
        for pull in table.pulls().filter(|pull| pull.owner.ends_with(".device") && !pull.is_masking) {
            self.activated.entry(table.canonical(&pull.name)).or_insert_with(|| pull.owner.clone());
        }
    }

    /// The units that are started.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.started.keys().map(String::as_str)
    }

    /// What starts a unit.
    pub(super) fn by(&self, name: &str) -> Option<&Place> {
        self.started.get(name)
    }

    /// The unit that starts it on demand.
    pub(super) fn activator(&self, name: &str) -> Option<&str> {
        self.activated.get(name).map(String::as_str)
    }
}

/// Whether a unit can be started: there, and not masked. In an input that lacks systemd's own units nobody knows, and a
/// link is taken at its word; of units that something only names in a line, those that have a file.
fn may_start(table: &Table, name: &str) -> bool {
    match table.find(name) {
        Some((_, Entry::Masked(_))) => false,
        Some(_) => true,
        None => !table.is_whole(),
    }
}

/// What is pulled in by links, by the name of who pulls.
fn pulls_by_owner(table: &Table) -> BTreeMap<&str, Vec<(String, Place)>> {
    let mut found: BTreeMap<&str, Vec<(String, Place)>> = BTreeMap::new();
    for pull in table.pulls().filter(|pull| !pull.is_masking) {
        found.entry(&pull.owner).or_default().push((pull.name.clone(), Place::file(pull.path())));
    }
    found
}

/// What generators add whose input is no unit (systemd.generator(7)): rc.local, and cloud-init's own target.
fn generated(gather: &Gather<'_>, table: &Table) -> Vec<(String, Place)> {
    let mut found = Vec::new();
    for path in ["etc/rc.local", "etc/rc.d/rc.local"] {
        let is_executable = gather.tree.metadata(path).is_ok_and(|node| node.mode & 0o111 != 0);
        if is_executable && table.path_of("rc-local.service").is_some() {
            found.push(("rc-local.service".to_owned(), Place::file(path)));
        }
    }
    let folders = ["usr/lib/systemd/system-generators", "lib/systemd/system-generators"];
    let generator = folders.map(|folder| format!("{folder}/cloud-init-generator"));
    let generator = generator.iter().find(|path| gather.tree.exists(path));
    if let Some(path) = generator
        && !gather.tree.exists("etc/cloud/cloud-init.disabled")
    {
        found.push(("cloud-init.target".to_owned(), Place::file(path.as_str())));
    }
    found
}
