//! What the distribution and the administrator want to be enabled (systemd.preset(5)).

use std::collections::BTreeMap;

use crate::facts::Gather;
use crate::parse::preset::{self, Line};

/// Folders of presets; a file hides those of the same name in later ones.
const FOLDERS: [&str; 5] = [
    "etc/systemd/system-preset",
    "run/systemd/system-preset",
    "usr/local/lib/systemd/system-preset",
    "usr/lib/systemd/system-preset",
    "lib/systemd/system-preset",
];

/// Lines that are kept; Fedora has some 300.
const MAX_LINES: usize = 5000;

/// The lines of all files, in the order in which they are asked.
#[derive(Debug, Default)]
pub(super) struct Presets {
    lines: Vec<Line>,
}

impl Presets {
    pub(super) fn read(gather: &Gather<'_>) -> Self {
        let mut files = BTreeMap::new();
        for folder in FOLDERS {
            for file in gather.read_directory(folder, |name| name.ends_with(".preset")) {
                let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
                files.entry(name).or_insert(file);
            }
        }
        let lines = files.into_values().flat_map(|file| preset::parse(&file.bytes));
        Self { lines: lines.take(MAX_LINES).collect() }
    }

    /// Whether `unit` is to be enabled: what no line is about is. Nothing where there are no presets.
    pub(super) fn say(&self, unit: &str) -> Option<bool> {
        if self.lines.is_empty() {
            return None;
        }
        Some(self.lines.iter().find(|line| line.is_about(unit)).is_none_or(|line| line.enables))
    }
}
