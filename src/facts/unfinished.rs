//! Work of the storage stack that has not ended: snapshots that are merged back, volumes that move, arrays that
//! rebuild. A copy of the disks that is taken meanwhile does not fit together.
//!
//! From `/proc/mdstat`, the output of `lvs`, and the copies of LVM's metadata (`lib/format_text/flags.c`,
//! `lib/snapshot/snapshot.c`: `merging_store` instead of `cow_store`).

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::lines::{Line, lines};
use crate::parse::lvm;
use crate::place::Place;

/// Volumes and arrays that are named.
const MAX_WORK: usize = 1000;

/// What has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A snapshot is merged into its origin.
    Merge,
    /// pvmove moves extents to another physical volume.
    Move,
    /// An array or mirror copies to a member.
    Rebuild,
    /// An array changes its layout.
    Reshape,
    /// A snapshot is there: each write to its origin fills it, until it becomes invalid.
    Snapshot,
}

/// A volume or array with work that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unfinished {
    /// What says so.
    pub at: Place,
    /// The volume as `VG/LV`, or the array: `md0`.
    pub device: String,
    /// What has not ended.
    pub work: Work,
    /// How far it is, as the input says: `recovery = 12.6%`; empty if it does not say.
    pub progress: String,
}

/// Looks for work that has not ended.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<Unfinished> {
    let mut found = arrays(gather);
    found.extend(listed(gather));
    for one in metadata(gather) {
        if !found.iter().any(|other| other.device == one.device) {
            found.push(one);
        }
    }
    found.truncate(MAX_WORK);
    found
}

/// `      [=>....]  recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec` below the array's line; also
/// `resync=DELAYED`. A `check` reads only.
fn arrays(gather: &Gather<'_>) -> Vec<Unfinished> {
    let mut found: Vec<Unfinished> = Vec::new();
    let files =
        ["proc/mdstat", "sos_commands/md/mdstat"].iter().find_map(|path| gather.read_config(path).present());
    let Some(file) = files else { return found };
    let mut array = String::new();
    for line in lines(&file.bytes) {
        if let Some((name, _)) = line.text.split_once(" : ").filter(|_| !line.text.starts_with(' ')) {
            array = name.trim().to_owned();
            continue;
        }
        for (word, work) in
            [("recovery", Work::Rebuild), ("resync", Work::Rebuild), ("reshape", Work::Reshape)]
        {
            let Some(start) = line.text.find(word) else { continue };
            let rest = line.text.get(start..).unwrap_or_default();
            let Some((_, value)) = rest.split_once('=') else { continue };
            let progress = format!("{word} = {}", value.split_whitespace().next().unwrap_or_default());
            let at = line.span_of(rest.trim_end()).at(&file.path);
            found.push(Unfinished { at, device: array.clone(), work, progress });
        }
    }
    found
}

/// The output of `lvs`, with its heading; `lv_attr` in lvs(8).
fn listed(gather: &Gather<'_>) -> Vec<Unfinished> {
    let mut found: Vec<Unfinished> = Vec::new();
    for file in gather.read_directory("sos_commands/lvm2", |name| name.starts_with("lvs")) {
        let mut columns: Option<(usize, usize, usize)> = None;
        for line in lines(&file.bytes) {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            let column = |name: &str| words.iter().position(|word| *word == name);
            if let (Some(volume), Some(group), Some(bits)) = (column("LV"), column("VG"), column("Attr")) {
                columns = Some((volume, group, bits));
                continue;
            }
            let Some((volume, group, bits)) = columns else { continue };
            let (Some(volume), Some(group), Some(bits)) =
                (words.get(volume), words.get(group), words.get(bits))
            else {
                continue;
            };
            let Some(work) = work_of(volume, bits) else { continue };
            let device = format!("{group}/{}", volume.trim_matches(['[', ']']));
            if !found.iter().any(|one| one.device == device) {
                found.push(Unfinished {
                    at: whole(&line, &file.path),
                    device,
                    work,
                    progress: String::new(),
                });
            }
        }
    }
    found
}

fn whole(line: &Line<'_>, path: &std::sync::Arc<str>) -> Place {
    line.span_of(line.text.trim()).at(path)
}

fn work_of(volume: &str, bits: &str) -> Option<Work> {
    match bits.chars().next()? {
        'O' | 'S' => Some(Work::Merge),
        'p' => Some(Work::Move),
        _ if volume.starts_with("[pvmove") => Some(Work::Move),
        'I' => Some(Work::Rebuild),
        's' => Some(Work::Snapshot),
        _ => None,
    }
}

/// What the copies of the metadata say, by their keys.
fn metadata(gather: &Gather<'_>) -> Vec<Unfinished> {
    let mut found: Vec<Unfinished> = Vec::new();
    for file in gather.read_directory("etc/lvm/backup", |name| !name.starts_with('.')) {
        for setting in lvm::parse(&file.bytes).settings {
            let parts: Vec<&str> = setting.path.split('/').collect();
            let (group, volume, work) = match parts.as_slice() {
                [group, "logical_volumes", _, _, "merging_store"] => (group, setting.value(), Work::Merge),
                [group, "logical_volumes", _, _, "cow_store"] => (group, setting.value(), Work::Snapshot),
                [group, "logical_volumes", volume, "status"]
                    if setting.values.iter().any(|flag| flag == "PVMOVE") =>
                {
                    (group, *volume, Work::Move)
                }
                _ => continue,
            };
            let device = format!("{group}/{volume}");
            found.push(Unfinished { at: setting.span.at(&file.path), device, work, progress: String::new() });
        }
    }
    found
}
