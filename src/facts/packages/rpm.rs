//! rpm's list of packages.

use super::{Gather, Inventory, Known, Manager};
use crate::place::Place;

/// Where rpm keeps its database, the older place first; the newer is `%_dbpath` of Fedora 36 and openSUSE.
const DIRECTORIES: [&str; 2] = ["var/lib/rpm", "usr/lib/sysimage/rpm"];
/// The database files, newest format first.
const FILES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];

pub(super) fn gather(gather: &Gather<'_>) -> Option<Inventory> {
    let mut paths = DIRECTORIES.iter().flat_map(|directory| FILES.map(|file| format!("{directory}/{file}")));
    let path = paths.find(|path| gather.tree.exists(path))?;
    Some(Inventory {
        manager: Manager::Rpm,
        list: Known::unknown(format!("a readable `{path}`")),
        at: Place::file(path),
        broken: Vec::new(),
        interrupted: false,
    })
}
