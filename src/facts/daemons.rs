//! Settings of daemons that can stop or start the machine anew: auditd, watchdog, smartd, and systemd's own watchdog.
//!
//! Sources: auditd.conf(5), watchdog.conf(5), smartd.conf(5), systemd-system.conf(5).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::setting::Setting;
use crate::parse::ini;
use crate::parse::lines::lines;

/// The settings.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Daemons {
    /// auditd's, by name in lower case: `disk_full_action`. Empty if there is no file.
    pub auditd: BTreeMap<String, Setting>,
    /// `-f` of the audit rules that is in force: 2 stops the kernel when an event cannot be written.
    pub audit_failure: Option<Setting>,
    /// Lines of smartd.conf: what it watches.
    pub smartd: Vec<SmartDevice>,
    /// `RuntimeWatchdogSec` of systemd.
    pub runtime_watchdog: Option<Setting>,
    /// The watchdog daemon's, by name: `watchdog-device`.
    pub watchdog: BTreeMap<String, Setting>,
}

/// A device that smartd watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SmartDevice {
    /// The device, or `DEVICESCAN`.
    pub device: String,
    /// `-d` where given: `megaraid,0`, `cciss,1`.
    pub kind: Option<String>,
    /// It mails (`-m`).
    pub mails: bool,
    /// Its line.
    pub at: crate::place::Place,
}

/// Lines of smartd.conf that are kept.
const MAX_LINES: usize = 500;

/// Reads all files.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Daemons {
    Daemons {
        auditd: settings(gather, "etc/audit/auditd.conf"),
        audit_failure: audit_failure(gather),
        smartd: smartd(gather),
        runtime_watchdog: runtime_watchdog(gather),
        watchdog: settings(gather, "etc/watchdog.conf"),
    }
}

/// `key = value` lines; the last counts.
fn settings(gather: &Gather<'_>, path: &str) -> BTreeMap<String, Setting> {
    let Some(file) = gather.read_config(path).present() else { return BTreeMap::new() };
    let entries = ini::parse(&file.bytes).into_iter();
    entries
        .map(|entry| {
            let at = entry.span.at(&file.path);
            (entry.key.to_ascii_lowercase(), Setting { value: entry.value, at })
        })
        .collect()
}

/// augenrules(8) joins `rules.d` in order of names into `audit.rules`; the last `-f` counts.
fn audit_failure(gather: &Gather<'_>) -> Option<Setting> {
    let mut files = gather.read_directory("etc/audit/rules.d", |name| name.ends_with(".rules"));
    if files.is_empty() {
        files.extend(gather.read_config("etc/audit/audit.rules").present());
    }
    let mut found = None;
    for file in &files {
        for line in lines(&file.bytes) {
            let mut words = line.text.split_whitespace();
            if words.next() == Some("-f")
                && let Some(value) = words.next()
            {
                let at = line.span_of(line.text.trim()).at(&file.path);
                found = Some(Setting { value: value.to_owned(), at });
            }
        }
    }
    found
}

fn smartd(gather: &Gather<'_>) -> Vec<SmartDevice> {
    let paths = ["etc/smartd.conf", "etc/smartmontools/smartd.conf"];
    let Some(file) = paths.iter().find_map(|path| gather.read_config(path).present()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for line in lines(&file.bytes).take(MAX_LINES) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some(device) = words.first().filter(|word| word.starts_with('/') || **word == "DEVICESCAN")
        else {
            continue;
        };
        let kind = words.iter().position(|word| *word == "-d").and_then(|at| words.get(at + 1));
        found.push(SmartDevice {
            device: (*device).to_owned(),
            kind: kind.map(|kind| (*kind).to_owned()),
            mails: words.contains(&"-m"),
            at: line.span_of(text).at(&file.path),
        });
    }
    found
}

fn runtime_watchdog(gather: &Gather<'_>) -> Option<Setting> {
    let mut files: Vec<_> = gather.read_config("etc/systemd/system.conf").present().into_iter().collect();
    files.extend(gather.read_directory("etc/systemd/system.conf.d", |name| name.ends_with(".conf")));
    let mut found = None;
    for file in &files {
        for entry in ini::parse(&file.bytes) {
            if entry.key == "RuntimeWatchdogSec" {
                found = Some(Setting { value: entry.value.clone(), at: entry.span.at(&file.path) });
            }
        }
    }
    found.filter(|setting| !matches!(setting.value.as_str(), "" | "0" | "off" | "0s"))
}
