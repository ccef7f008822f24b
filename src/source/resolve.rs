//! Link resolution inside the root, as path_resolution(7) has it for a chrooted process.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::{Backend, LookupError, MAX_LINKS, NodeKind, display_path};

/// The path without links, `.` and `..` that `path` leads to. The last component need not exist. With
/// `follow_last` false a link in the last component stays.
pub(super) fn resolve(backend: &dyn Backend, path: &Path, follow_last: bool) -> Result<PathBuf, LookupError> {
    let mut todo: Vec<OsString> = reversed_components(path);
    let mut done = PathBuf::new();
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == OsStr::new("..") {
            done.pop();
            continue;
        }
        done.push(&name);
        if todo.is_empty() && !follow_last {
            break;
        }
        let node = match backend.node(&done) {
            Ok(node) => node,
            Err(LookupError::Absent { .. }) if todo.is_empty() => break,
            Err(LookupError::Absent { .. }) => return Err(LookupError::Absent { path: display_path(path) }),
            Err(error) => return Err(error),
        };
        match node.kind {
            NodeKind::Link(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(LookupError::LinkLoop { path: display_path(path) });
                }
                done.pop();
                if target.has_root() {
                    done = PathBuf::new();
                }
                todo.extend(reversed_components(&target));
            }
            NodeKind::Directory => {}
            _ if todo.is_empty() => {}
            // A file used as a directory: ENOTDIR, which to the caller is "no such name".
            _ => return Err(LookupError::Absent { path: display_path(path) }),
        }
    }
    Ok(done)
}

fn reversed_components(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<OsString> = parts.collect();
    parts.reverse();
    parts
}
