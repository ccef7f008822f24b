//! Finding entries by path, as they will lie in the unpacked root file system.

use super::{Entry, EntryKind};

/// Links followed in one look-up before it is a loop; Linux gives up after 40 (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// Entries sorted by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Indices into the entries, sorted by path; of several with one path the last.
    sorted: Vec<u32>,
}

impl Index {
    /// Sorts `entries`.
    pub(super) fn new(entries: &[Entry]) -> Self {
        let path = |at: &u32| entries.get(*at as usize).map(Entry::path);
        let mut sorted: Vec<u32> = (0..entries.len()).filter_map(|at| u32::try_from(at).ok()).collect();
        // Later entries first, so that `dedup` keeps the last of each name.
        sorted.sort_by(|a, b| path(a).cmp(&path(b)).then(b.cmp(a)));
        sorted.dedup_by(|later, first| path(later) == path(first));
        sorted.shrink_to_fit();
        Self { sorted }
    }

    /// The entry with exactly this path.
    fn exact(&self, entries: &[Entry], path: &[u8]) -> Option<usize> {
        let order = |at: &u32| entries.get(*at as usize).map_or(b"".as_slice(), Entry::path).cmp(path);
        let found = self.sorted.binary_search_by(order).ok()?;
        self.sorted.get(found).map(|at| *at as usize)
    }

    /// The entry that `path` leads to, links followed.
    pub(super) fn resolve(&self, entries: &[Entry], path: &[u8]) -> Option<usize> {
        self.exact(entries, &self.resolve_path(entries, path)?)
    }

    /// The path without links that `path` leads to, which need not have an entry: archives may leave out
    /// directories.
    fn resolve_path(&self, entries: &[Entry], path: &[u8]) -> Option<Vec<u8>> {
        let mut todo: Vec<Vec<u8>> = components(path);
        let mut done: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == b".." {
                done.truncate(memchr::memrchr(b'/', &done).unwrap_or(0));
                continue;
            }
            let parent = done.len();
            if parent > 0 {
                done.push(b'/');
            }
            done.extend_from_slice(&name);
            let entry = self.exact(entries, &done).and_then(|at| entries.get(at));
            let Some(target) = entry.filter(|e| e.kind() == EntryKind::Link).and_then(|e| e.target.as_ref())
            else {
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            done.truncate(if target.starts_with(b"/") { 0 } else { parent });
            todo.extend(components(target));
        }
        Some(done)
    }

    /// The entries directly below the directory that `path` leads to, sorted by name.
    pub(super) fn list<'a>(&self, entries: &'a [Entry], path: &[u8]) -> Vec<&'a Entry> {
        let Some(mut prefix) = self.resolve_path(entries, path) else { return Vec::new() };
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        let all = self.sorted.iter().filter_map(|at| entries.get(*at as usize));
        let below = all.skip_while(|entry| entry.path() < prefix.as_slice());
        below
            .take_while(|entry| entry.path().starts_with(&prefix))
            .filter(|entry| {
                let rest = entry.path().get(prefix.len()..).unwrap_or_default();
                !rest.is_empty() && !rest.contains(&b'/')
            })
            .collect()
    }
}

/// The components of `path`, last first, without empty ones and `.`.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
    parts.reverse();
    parts
}
