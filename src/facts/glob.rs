//! Paths in the tree that match a pattern, as glob(3) finds them: for the `include` lines of configuration files.

use std::path::{Component, Path};

use globset::{GlobBuilder, GlobMatcher};

use super::Gather;
use crate::source::{LookupError, display_path};

/// Paths that one pattern may give; an include of more files than this is hostile.
const MAX_PATHS: usize = 4096;

/// The files and directories that `pattern` (relative to the root) matches, sorted; without wildcards the path
/// itself, whether it is there or not. Names of other than UTF-8 are passed over.
pub(super) fn expand(gather: &Gather<'_>, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for component in Path::new(pattern).components() {
        let name = match component {
            Component::Normal(name) => name.to_string_lossy().into_owned(),
            Component::ParentDir => "..".to_owned(),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
        };
        let mut next = Vec::new();
        for directory in &found {
            match matcher(&name) {
                None => next.push(join(directory, &name)),
                Some(matcher) => {
                    let names = match gather.tree.list(directory) {
                        Ok(names) => names,
                        Err(error) => {
                            // A file where a directory would have to be just does not match.
                            if matches!(error, LookupError::Unreadable { .. }) {
                                gather.note_lookup(&error);
                            }
                            continue;
                        }
                    };
                    let names = names.iter().filter_map(|entry| entry.to_str());
                    // A leading dot has to be matched by a dot (glob(7)).
                    let names = names.filter(|entry| entry.starts_with('.') == name.starts_with('.'));
                    next.extend(
                        names.filter(|entry| matcher.is_match(entry)).map(|entry| join(directory, entry)),
                    );
                }
            }
        }
        next.truncate(MAX_PATHS);
        found = next;
    }
    found.retain(|path| !path.is_empty());
    found
}

/// A matcher for a name with wildcards; none for a plain name, or a pattern that is malformed and so means itself.
fn matcher(name: &str) -> Option<GlobMatcher> {
    if !name.contains(['*', '?', '[']) {
        return None;
    }
    // Braces are not special to glob(3) without GLOB_BRACE.
    let literal = name.replace('{', "[{]").replace('}', "[}]");
    let glob = GlobBuilder::new(&literal).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).ok() // a malformed pattern means itself
}

fn join(directory: &str, name: &str) -> String {
    display_path(&Path::new(directory).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn patterns_match_as_glob_does() {
        let tree = Memory::new()
            .file("etc/nginx/conf.d/b.conf", "")
            .file("etc/nginx/conf.d/a.conf", "")
            .file("etc/nginx/conf.d/.hidden.conf", "")
            .file("etc/nginx/conf.d/a.conf.bak", "")
            .file("etc/nginx/sites/x/y.conf", "")
            .into_tree();
        let limits = Limits::default();
        let gather = Gather::new(&tree, &limits);
        for (pattern, expected) in [
            ("/etc/nginx/conf.d/*.conf", ["etc/nginx/conf.d/a.conf", "etc/nginx/conf.d/b.conf"].as_slice()),
            ("etc/nginx/conf.d/[b-z].conf", &["etc/nginx/conf.d/b.conf"]),
            ("etc/nginx/*/x/?.conf", &["etc/nginx/sites/x/y.conf"]),
            ("etc/nginx/none.conf", &["etc/nginx/none.conf"]),
            ("etc/nginx/none/*.conf", &[]),
            ("etc/nginx/conf.d/[", &["etc/nginx/conf.d/["]),
            ("/", &[]),
        ] {
            assert_eq!(expand(&gather, pattern), expected, "{pattern}");
        }
    }
}
