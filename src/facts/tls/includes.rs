//! Follows the includes of a configuration, so that each file is read once and a circle ends.

use std::path::Path;

use crate::facts::glob::expand;
use crate::facts::{Found, Gather};
use crate::source::{File, NodeKind, display_path};

/// Files of one configuration; a large site has some hundreds of virtual hosts.
const MAX_FILES: usize = 4096;

/// Reads `start` and what it includes, in the order of the includes' appearance. `includes_of` gives the patterns
/// that a file asks for, relative to the root of the system. A directory stands for the files in it. Calls `read`
/// with each file once.
pub(super) fn walk(
    gather: &Gather<'_>,
    start: &str,
    includes_of: &dyn Fn(&File) -> Vec<String>,
    read: &mut dyn FnMut(&File),
) {
    let mut seen = std::collections::BTreeSet::new();
    let mut stack = vec![start.to_owned()];
    while let Some(path) = stack.pop() {
        if seen.len() >= MAX_FILES || !seen.insert(path.clone()) {
            continue;
        }
        if gather.tree.metadata(&path).is_ok_and(|node| node.kind == NodeKind::Directory) {
            let names = gather.tree.list(&path).unwrap_or_default();
            stack.extend(names.iter().rev().map(|name| display_path(&Path::new(&path).join(name))));
            continue;
        }
        let Found::Present(file) = gather.read(&path) else { continue };
        read(&file);
        let patterns = includes_of(&file);
        let included: Vec<String> = patterns.iter().flat_map(|pattern| expand(gather, pattern)).collect();
        stack.extend(included.into_iter().rev());
    }
}

/// `path` as it is meant from the directory `base`: itself when it is absolute.
pub(super) fn relative_to(base: &str, path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{base}/{path}"),
    }
}

/// The directory of a path.
pub(super) fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}
