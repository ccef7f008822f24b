//! Scripts of SysV init and OpenRC, and the lines of inittab.
//!
//! Sources: insserv(8), chkconfig(8), update-rc.d(8), systemd-sysv-generator(8), inittab(5), openrc-run(8).

use std::collections::{BTreeMap, BTreeSet};

use super::{Service, ServiceKind};
use crate::facts::setting::Setting;
use crate::facts::system::Family;
use crate::facts::{Found, Gather};
use crate::parse::inittab;
use crate::parse::lines::lines;
use crate::place::Place;
use crate::source::NodeKind;

/// Who runs the scripts.
pub(super) enum Started {
    /// init or upstart, in this runlevel; none where nobody says which.
    ByInit(Option<char>),
    /// systemd-sysv-generator, which takes runlevels 2 to 5.
    BySystemd,
}

/// The runlevel of the boot.
pub(super) struct Runlevel {
    pub(super) level: Option<char>,
    pub(super) setting: Option<Setting>,
}

/// Folders of scripts.
const SCRIPTS: [&str; 2] = ["etc/init.d", "etc/rc.d/init.d"];

/// What stands beside the scripts and is no service.
const NO_SERVICES: [&str; 18] = [
    "README",
    "skeleton",
    "skeleton.compat",
    "functions",
    "functions.sh",
    "rc",
    "rcS",
    "rc.local",
    "halt",
    "reboot",
    "single",
    "killall",
    "killprocs",
    "sendsigs",
    "boot",
    "powerfail",
    "rx",
    "core",
];

/// Names that are kept.
const MAX_SCRIPTS: usize = 1000;

/// Lines at the head of a script in which its description stands.
const HEAD_LINES: usize = 60;

/// The runlevel of inittab's `initdefault`; of upstart's rc-sysinit; else the distribution's.
pub(super) fn runlevel(gather: &Gather<'_>, family: Option<Family>) -> Runlevel {
    if let Found::Present(file) = gather.read_config("etc/inittab") {
        let entries = inittab::parse(&file.bytes);
        if let Some((level, entry)) = inittab::default_runlevel(&entries) {
            let at = entry.id.span.at(&file.path);
            return Runlevel { level: Some(level), setting: Some(Setting { value: level.to_string(), at }) };
        }
    }
    if let Found::Present(file) = gather.read_config("etc/init/rc-sysinit.conf") {
        for line in lines(&file.bytes) {
            let Some(value) = line.text.trim().strip_prefix("env DEFAULT_RUNLEVEL=") else { continue };
            let level = value.chars().next().filter(char::is_ascii_digit);
            let at = line.span_of(line.text.trim()).at(&file.path);
            let setting = level.map(|level| Setting { value: level.to_string(), at });
            return Runlevel { level, setting };
        }
    }
    let level = match family {
        Some(Family::Debian) => Some('2'),
        Some(Family::Rhel | Family::Suse) => Some('3'),
        _ => None,
    };
    Runlevel { level, setting: None }
}

/// The lines of inittab that start something. With upstart the file holds the runlevel alone.
pub(super) fn inittab(gather: &Gather<'_>, level: Option<char>) -> Vec<Service> {
    let Found::Present(file) = gather.read_config("etc/inittab") else { return Vec::new() };
    if gather.tree.exists("etc/init/rc.conf") || gather.tree.exists("etc/init/rcS.conf") {
        return Vec::new();
    }
    let entries = inittab::parse(&file.bytes);
    let lines = entries.iter().take(MAX_SCRIPTS).filter(|entry| !entry.process.text.is_empty());
    lines
        .map(|entry| {
            let at = entry.id.span.at(&file.path);
            let mut service = Service::new(&entry.id.text, ServiceKind::Inittab, at.clone());
            service.set_command(&entry.process.text);
            if level.is_some_and(|level| entry.runs_in(level)) {
                service.enable(at);
            }
            service
        })
        .collect()
}

/// The scripts. Those of `native`, which systemd has a unit for, are not run.
pub(super) fn read(gather: &Gather<'_>, started: &Started, native: &BTreeSet<String>) -> Vec<Service> {
    let mut scripts: BTreeMap<String, Service> = BTreeMap::new();
    let links = links(gather, started);
    for folder in SCRIPTS {
        for name in gather.tree.list(folder).unwrap_or_default() {
            let Some(name) = name.to_str() else { continue };
            let path = format!("{folder}/{name}");
            let is_file = gather.tree.metadata(&path).is_ok_and(|node| node.kind == NodeKind::File);
            if is_file && is_service(name) && scripts.len() < MAX_SCRIPTS {
                let service = Service::new(name, ServiceKind::Sysv, Place::file(path));
                scripts.entry(name.to_owned()).or_insert(service);
            }
        }
    }
    // A tree of links alone (a report, a fixture) still says what is started.
    if scripts.is_empty() {
        for (name, link) in &links {
            scripts.insert(name.clone(), Service::new(name, ServiceKind::Sysv, link.clone()));
        }
    }
    let openrc = openrc(gather);
    scripts.retain(|name, _| !is_native(name, native));
    for (name, service) in &mut scripts {
        if let Some(link) = links.get(name) {
            service.enable(link.clone());
        } else if let Some(link) = openrc.get(name) {
            service.kind = ServiceKind::Openrc;
            service.enable(link.clone());
        }
        service.description = description(gather, &service.at);
        service.exec = Some(format!("/{}", service.at.path));
    }
    scripts.into_values().collect()
}

/// systemd looks a script up as a unit under its name without `.sh`.
fn is_native(name: &str, native: &BTreeSet<String>) -> bool {
    native.contains(name) || native.contains(name.strip_suffix(".sh").unwrap_or(name))
}

fn is_service(name: &str) -> bool {
    let leftover = [".dpkg-old", ".dpkg-dist", ".dpkg-new", ".rpmsave", ".rpmnew", ".rpmorig", ".bak", "~"];
    !NO_SERVICES.contains(&name)
        && !name.starts_with('.')
        && !name.starts_with("rc.")
        && !leftover.iter().any(|end| name.ends_with(end))
}

/// The links `S??name` of the runlevels that count, each name with the first.
fn links(gather: &Gather<'_>, started: &Started) -> BTreeMap<String, Place> {
    let levels: &[char] = match started {
        Started::BySystemd | Started::ByInit(None) => &['2', '3', '4', '5'],
        Started::ByInit(Some(level)) => std::slice::from_ref(level),
    };
    let mut folders = Vec::new();
    if matches!(started, Started::ByInit(_)) {
        folders.extend(["etc/rcS.d", "etc/init.d/boot.d", "etc/rc.d/boot.d"].map(str::to_owned));
    }
    for level in levels {
        for root in ["etc", "etc/rc.d", "etc/init.d"] {
            folders.push(format!("{root}/rc{level}.d"));
        }
    }
    let mut found = BTreeMap::new();
    for folder in folders {
        for name in gather.tree.list(&folder).unwrap_or_default() {
            let Some(name) = name.to_str() else { continue };
            let Some(service) = name
                .strip_prefix('S')
                .filter(|rest| rest.len() > 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_digit()))
            else {
                continue;
            };
            let service = service.get(2..).unwrap_or_default();
            if is_service(service) && found.len() < MAX_SCRIPTS {
                found.entry(service.to_owned()).or_insert_with(|| Place::file(format!("{folder}/{name}")));
            }
        }
    }
    found
}

/// The links in OpenRC's runlevels of the boot.
fn openrc(gather: &Gather<'_>) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    for level in ["sysinit", "boot", "default"] {
        let folder = format!("etc/runlevels/{level}");
        for name in gather.tree.list(&folder).unwrap_or_default().into_iter().take(MAX_SCRIPTS) {
            let Ok(name) = name.into_string() else { continue };
            let place = Place::file(format!("{folder}/{name}"));
            found.entry(name).or_insert(place);
        }
    }
    found
}

/// `Short-Description` of the header of the Linux Standard Base, or chkconfig's `description`.
fn description(gather: &Gather<'_>, at: &Place) -> Option<String> {
    let file = gather.read_config(at.path.as_ref()).present()?;
    for line in lines(&file.bytes).take(HEAD_LINES) {
        let text = line.text.trim_start_matches('#').trim();
        for key in ["Short-Description:", "description:"] {
            if line.text.starts_with('#')
                && let Some(found) = text.strip_prefix(key)
            {
                return Some(found.trim().trim_end_matches('\\').trim().to_owned());
            }
        }
    }
    None
}
