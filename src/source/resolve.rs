//! Link resolution inside the root, as path_resolution(7) has it for a chrooted process.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use super::{Backend, LookupError, MAX_LINKS, Node, NodeKind, display_path};

/// Directories whose resolution is remembered; a run asks for files in some hundred.
const MAX_REMEMBERED: usize = 4096;

/// Where directories that were asked for lead to; none for those that are not there. The system is taken not to
/// change while it is looked at.
#[derive(Debug, Default)]
pub(super) struct Memo(RwLock<HashMap<PathBuf, Option<PathBuf>>>);

impl Memo {
    fn directory(&self, backend: &dyn Backend, path: &Path) -> Result<Option<PathBuf>, LookupError> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(known.clone());
        }
        let resolved = match resolve(backend, path, true) {
            Ok(resolved) => match backend.node(&resolved) {
                Ok(node) => (node.kind == NodeKind::Directory).then_some(resolved),
                Err(LookupError::Absent { .. }) => None,
                Err(error) => return Err(error),
            },
            Err(LookupError::Absent { .. }) => None,
            Err(error) => return Err(error),
        };
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(path.to_path_buf(), resolved.clone());
        Ok(resolved)
    }
}

/// The path without links, `.` and `..` that `path` leads to, and what is there; none if nothing is, while its
/// directory is there. With `follow_last` false a link in the last component stays.
pub(super) fn look_up(
    backend: &dyn Backend,
    memo: &Memo,
    path: &Path,
    follow_last: bool,
) -> Result<(PathBuf, Option<Node>), LookupError> {
    let absent = || LookupError::Absent { path: display_path(path) };
    let plain = path.components().all(|component| !matches!(component, Component::ParentDir));
    let inside = path.strip_prefix("/").unwrap_or(path);
    if let (true, Some(parent), Some(name)) = (plain, inside.parent(), inside.file_name()) {
        let mut at = memo.directory(backend, parent)?.ok_or_else(absent)?;
        at.push(name);
        match backend.node(&at) {
            Ok(Node { kind: NodeKind::Link(_), .. }) if follow_last => {}
            Ok(node) => return Ok((at, Some(node))),
            Err(LookupError::Absent { .. }) => return Ok((at, None)),
            Err(error) => return Err(error),
        }
    }
    let resolved = resolve(backend, path, follow_last)?;
    match backend.node(&resolved) {
        Ok(node) => Ok((resolved, Some(node))),
        Err(LookupError::Absent { .. }) => Ok((resolved, None)),
        Err(error) => Err(error),
    }
}

/// The path without links, `.` and `..` that `path` leads to. The last component need not exist. With
/// `follow_last` false a link in the last component stays.
fn resolve(backend: &dyn Backend, path: &Path, follow_last: bool) -> Result<PathBuf, LookupError> {
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
