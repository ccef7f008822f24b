//! The same file inside the initrd and in the root, where the two differ (lsinitrd(1), `-f`).

use super::CopyDiff;
use super::unified::{self, Difference};
use crate::changes::Side;
use crate::facts::initrds::Initrd;

/// Differences that are shown; an image has a handful of copies.
const MOST: usize = 100;

/// The copies in images that boot entries of the system after the change name.
pub(super) fn compare(before: &Side, after: &Side) -> Vec<CopyDiff> {
    let used = after.facts.initrds.iter().filter(|initrd| !initrd.boot_entries.is_empty());
    let mut found = Vec::new();
    for initrd in used {
        let old = before.facts.initrds.iter().find(|other| other.path == initrd.path);
        let copies = initrd.copies.get().map(Vec::as_slice).unwrap_or_default();
        for copy in copies.iter().filter(|copy| copy.differs) {
            let diff = difference(after, initrd, &copy.path, &copy.at.path);
            let told_before = old.and_then(|old| difference(before, old, &copy.path, &copy.at.path));
            found.push(CopyDiff {
                initrd: initrd.path.clone(),
                path: copy.path.clone(),
                at: copy.at.clone(),
                is_unchanged: diff.is_some() && told_before == diff,
                diff,
            });
        }
    }
    found.truncate(MOST);
    found
}

fn difference(side: &Side, initrd: &Initrd, path: &str, in_root: &str) -> Option<String> {
    let image = initrd.image.as_ref()?;
    let inside = image.texts.get(path.as_bytes())?;
    // A file that has gone meanwhile is no difference to show.
    let root = side.tree.read(in_root).ok()?;
    match unified::of(path, Some(inside), Some(&root.bytes)) {
        Difference::Text(text) => {
            let text = text.replacen("--- before/", &format!("--- {}:", initrd.path), 1);
            Some(text.replacen("+++ after/", "+++ root:", 1))
        }
        _ => None,
    }
}
