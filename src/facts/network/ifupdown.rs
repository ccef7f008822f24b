//! Walks the files of ifupdown: `etc/network/interfaces` and what its `source` lines name (interfaces(5)).

use std::path::Path;

use crate::facts::Gather;
use crate::facts::glob::expand;
use crate::parse::interfaces::{self, Interfaces};
use crate::source::File;

/// Files that are read; a circle of `source` lines ends here at the latest.
const MAX_FILES: usize = 256;

/// The files in the order in which they are met, each once.
pub(super) fn read(gather: &Gather<'_>) -> Vec<(File, Interfaces)> {
    let mut stack = vec!["etc/network/interfaces".to_owned()];
    let mut seen: Vec<String> = Vec::new();
    let mut found = Vec::new();
    while let Some(path) = stack.pop() {
        if seen.len() >= MAX_FILES || seen.contains(&path) {
            continue;
        }
        seen.push(path.clone());
        if gather.tree.list(&path).is_ok() {
            stack.extend(expand(gather, &format!("{path}/*")));
            continue;
        }
        let Some(file) = gather.read(&path).present() else { continue };
        let read = interfaces::parse(&file.bytes);
        for source in &read.sources {
            // A relative one is looked for beside the first file; an absolute one takes the place of the folder.
            let pattern = Path::new("etc/network").join(source).display().to_string();
            stack.extend(expand(gather, &pattern));
        }
        found.push((file, read));
    }
    found
}
