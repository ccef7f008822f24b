//! Which package owns a file: dpkg's lists of files, or those in the headers of an rpm database.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gather, Manager, Packages};
use crate::facts::Found;
use crate::parse::rpmdb;

/// Bytes of a list of files; the largest packages have 3 MiB.
const LIST_LIMIT: u64 = 16 << 20;

/// The package of each of the `wanted` paths (relative to the root) that one owns. Absent if the input has no lists.
pub(crate) fn owners(
    gather: &Gather<'_>,
    packages: &Packages,
    wanted: &BTreeSet<String>,
) -> Found<BTreeMap<String, String>> {
    match packages.manager {
        Some(Manager::Dpkg) => dpkg(gather, wanted),
        Some(Manager::Rpm) => rpm(gather, packages, wanted),
        None => Found::Absent,
    }
}

/// `var/lib/dpkg/info/NAME[:ARCH].list`: a path a line.
fn dpkg(gather: &Gather<'_>, wanted: &BTreeSet<String>) -> Found<BTreeMap<String, String>> {
    let folder = "var/lib/dpkg/info";
    let names = match gather.found(gather.tree.list(folder)) {
        Found::Present(names) => names,
        Found::Absent => return Found::Absent,
        Found::Unreadable { needs } => return Found::Unreadable { needs },
    };
    let lists: Vec<&str> =
        names.iter().filter_map(|name| name.to_str()).filter(|name| name.ends_with(".list")).collect();
    if lists.is_empty() {
        return Found::Absent;
    }
    let mut owners = BTreeMap::new();
    for list in lists {
        let Found::Present(file) =
            gather.found(gather.tree.read_limited(format!("{folder}/{list}"), LIST_LIMIT))
        else {
            continue;
        };
        let package = list.trim_end_matches(".list").split(':').next().unwrap_or(list);
        let paths = file.bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        for path in paths.map(plain).filter(|path| wanted.contains(path)) {
            owners.insert(path, package.to_owned());
        }
    }
    Found::Present(owners)
}

fn rpm(
    gather: &Gather<'_>,
    packages: &Packages,
    wanted: &BTreeSet<String>,
) -> Found<BTreeMap<String, String>> {
    let Some(at) = packages.at.as_ref().filter(|at| at.path.contains("/rpm/")) else { return Found::Absent };
    let wanted_by_rpm = |path: &str| {
        let path = plain(path);
        wanted.contains(&path).then_some(path)
    };
    match gather.tree.open(at.path.as_ref()).map(|(content, _)| rpmdb::owners(content, &wanted_by_rpm)) {
        Ok(Ok(owners)) => Found::Present(owners),
        // A broken database is told of where the packages are read.
        Ok(Err(_)) | Err(_) => Found::Unreadable { needs: format!("a whole rpm database in `{}`", at.path) },
    }
}

/// Without the leading slash, and without `usr/` before `lib`, which is one folder on systems with a merged `/usr`.
pub(crate) fn plain(path: &str) -> String {
    let path = path.trim_start_matches('/');
    path.strip_prefix("usr/").filter(|path| path.starts_with("lib/")).unwrap_or(path).to_owned()
}
