//! One unit with its drop-ins put together (systemd.unit(5)).

use std::sync::Arc;

use crate::facts::setting::Setting;
use crate::parse::ini::{self, Entry};
use crate::place::Place;
use crate::source::File;

/// The settings of a unit that are facts, beside those that have a field of their own. None of them holds a secret.
const KEPT: [&str; 52] = [
    "After",
    "Before",
    "BindsTo",
    "CPUQuota",
    "CPUSchedulingPolicy",
    "Conflicts",
    "DefaultDependencies",
    "EnvironmentFile",
    "Group",
    "IOSchedulingClass",
    "KillMode",
    "LimitCORE",
    "LimitMEMLOCK",
    "LimitNOFILE",
    "LimitNPROC",
    "LimitSTACK",
    "ListenDatagram",
    "ListenStream",
    "MemoryHigh",
    "MemoryLimit",
    "MemoryLow",
    "MemoryMax",
    "MemoryMin",
    "MemorySwapMax",
    "Nice",
    "NoNewPrivileges",
    "OOMScoreAdjust",
    "OnBootSec",
    "OnCalendar",
    "OnUnitActiveSec",
    "PIDFile",
    "PartOf",
    "PrivateNetwork",
    "ProtectSystem",
    "RefuseManualStart",
    "RequiredBy",
    "Requires",
    "RequiresMountsFor",
    "Requisite",
    "Restart",
    "Slice",
    "TasksMax",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "WantedBy",
    "Wants",
    "WatchdogSec",
    "What",
    "Where",
    "WorkingDirectory",
];

/// Settings whose later values come in addition to the earlier (systemd.unit(5)).
const LISTS: [&str; 15] = [
    "After",
    "Before",
    "BindsTo",
    "Conflicts",
    "EnvironmentFile",
    "ListenDatagram",
    "ListenStream",
    "OnCalendar",
    "PartOf",
    "RequiredBy",
    "Requires",
    "RequiresMountsFor",
    "Requisite",
    "WantedBy",
    "Wants",
];

/// Bytes of a list that are kept.
const MAX_LIST: usize = 16 * 1024;

/// A unit's file and its drop-ins, in the order in which systemd reads them.
#[derive(Debug, Default, Clone)]
pub(super) struct UnitFile {
    entries: Vec<(Arc<str>, Entry)>,
}

impl UnitFile {
    /// No lines.
    pub(super) const EMPTY: Self = Self { entries: Vec::new() };

    /// Adds the lines of a file after what is there.
    pub(super) fn add(&mut self, file: &File) {
        let entries = ini::parse(&file.bytes).into_iter();
        self.entries.extend(entries.map(|entry| (Arc::clone(&file.path), entry)));
    }

    /// All lines, with the files they are in.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path, entry))
    }

    /// The last value of `key` in whichever section.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let entry = self.entries().filter(|(_, entry)| entry.key == key).last()?.1;
        Some(entry.value.as_str()).filter(|value| !value.is_empty())
    }

    /// The first command of `key`: an empty value takes back those before it.
    pub(super) fn command(&self, key: &str) -> Option<&str> {
        let values: Vec<&str> =
            self.entries().filter(|(_, entry)| entry.key == key).map(|(_, e)| e.value.as_str()).collect();
        let start = values.iter().rposition(|value| value.is_empty()).map_or(0, |at| at + 1);
        values.get(start).copied()
    }

    /// The units that this one names in lines of one of `keys`, each with its place.
    pub(super) fn names(&self, keys: &'static [&str]) -> impl Iterator<Item = (&str, Place)> {
        let lines = self.entries().filter(|(_, entry)| keys.contains(&entry.key.as_str()));
        lines.flat_map(|(path, entry)| {
            entry.value.split_whitespace().map(move |name| (name, entry.span.at(path)))
        })
    }

    /// `Condition...=` and `Assert...=`.
    pub(super) fn conditions(&self) -> Vec<String> {
        let is_one = |key: &str| key.starts_with("Condition") || key.starts_with("Assert");
        let lines = self.entries().filter(|(_, entry)| is_one(&entry.key) && !entry.value.is_empty());
        lines.map(|(_, entry)| format!("{}={}", entry.key, entry.value)).collect()
    }

    /// What rules may ask for.
    pub(super) fn settings(&self) -> std::collections::BTreeMap<String, Setting> {
        let mut found: std::collections::BTreeMap<String, Setting> = std::collections::BTreeMap::new();
        for (path, entry) in self.entries() {
            let key = entry.key.as_str();
            if !KEPT.contains(&key) {
                continue;
            }
            let at = entry.span.at(path);
            match found.get_mut(key) {
                _ if entry.value.is_empty() => {
                    found.remove(key);
                }
                Some(setting) if LISTS.contains(&key) => {
                    if setting.value.len() < MAX_LIST {
                        setting.value.push(' ');
                        setting.value.push_str(&entry.value);
                    }
                    setting.at = at;
                }
                _ => {
                    found.insert(key.to_owned(), Setting { value: entry.value.clone(), at });
                }
            }
        }
        found
    }
}
