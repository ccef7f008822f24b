//! dpkg's list of packages.

use super::{BrokenPackage, BrokenState, Gather, Interner, Inventory, Known, Manager, Package};
use crate::facts::{Found, Problem, ProblemKind};
use crate::parse::dpkg::{self, Entry, State};
use crate::place::Place;
use crate::source::escape_bytes;

const STATUS: &str = "var/lib/dpkg/status";
/// Bytes of a status file that are read. 70,000 packages, all that Debian has, would come to about 100 MB.
const STATUS_LIMIT: u64 = 128 << 20;

pub(super) fn gather(gather: &Gather<'_>) -> Option<Inventory> {
    // Also where an archive breaks off: then it is not known which manager it is.
    if !gather.tree.exists(STATUS) {
        return None;
    }
    let at = Place::file(STATUS);
    let (list, broken) = match gather.found(gather.tree.read_limited(STATUS, STATUS_LIMIT)) {
        Found::Absent => return None,
        Found::Unreadable { needs } => (Known::Unknown { needs }, Vec::new()),
        Found::Present(file) => {
            let (entries, mistakes) = dpkg::status(&file.bytes);
            for mistake in mistakes {
                gather.note(Problem {
                    at: mistake.span.at(&file.path),
                    kind: ProblemKind::Malformed,
                    message: mistake.message,
                });
            }
            // rpm-based systems that have a dpkg tool keep an empty status file.
            if entries.is_empty() {
                return None;
            }
            let broken = entries.iter().filter_map(|entry| broken(entry, &file.path)).collect();
            (Known::Known(installed(&entries)), broken)
        }
    };
    Some(Inventory { manager: Manager::Dpkg, at, list, broken, interrupted: interrupted(gather) })
}

/// dpkg writes each step to `updates/NNNN` first and empties the directory when it is done (`lib/dpkg/dbmodify.c`).
fn interrupted(gather: &Gather<'_>) -> bool {
    let names = gather.found(gather.tree.list("var/lib/dpkg/updates")).present().unwrap_or_default();
    names.iter().any(|name| name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())))
}

fn installed(entries: &[Entry<'_>]) -> Vec<Package> {
    let mut strings = Interner::default();
    let there = entries.iter().filter(|entry| {
        // Files of a half-installed package may be there, too, but none can be counted on.
        matches!(
            entry.state,
            State::Installed
                | State::TriggersPending
                | State::TriggersAwaited
                | State::HalfConfigured
                | State::Unpacked
        )
    });
    let packages = there.map(|entry| {
        let (epoch, version, release) = dpkg::split_version(&entry.version);
        Package {
            name: escape_bytes(entry.name.as_bytes()).into(),
            epoch,
            version: escape_bytes(version.as_bytes()).into(),
            release: escape_bytes(release.unwrap_or_default().as_bytes()).into(),
            architecture: strings.get(&entry.architecture),
            vendor: entry.origin.as_ref().map(|origin| strings.get(origin)),
        }
    });
    packages.collect()
}

fn broken(entry: &Entry<'_>, path: &std::sync::Arc<str>) -> Option<BrokenPackage> {
    let state = match entry.state {
        State::HalfInstalled => BrokenState::HalfInstalled,
        State::Unpacked => BrokenState::Unpacked,
        State::HalfConfigured => BrokenState::HalfConfigured,
        _ if entry.reinstall_required => BrokenState::ReinstallRequired,
        _ => return None,
    };
    Some(BrokenPackage {
        name: escape_bytes(entry.name.as_bytes()),
        version: escape_bytes(entry.version.as_bytes()),
        state,
        at: entry.span.at(path),
    })
}
