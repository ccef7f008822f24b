//! sudo: whether its files parse, and whether their modes let it work at all.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::setting::{Misread, Named};
use crate::facts::{Gather, glob};
use crate::parse::sudoers;
use crate::place::Place;
use crate::source::{File, NodeKind};

/// sudo and its files.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sudo {
    /// The program; null if it is not installed or the input holds no programs.
    pub at: Option<Place>,
    /// To whom its rules grant something.
    pub grants: Vec<Named>,
    /// Lines that it cannot parse.
    pub mistakes: Vec<Misread>,
    /// Files that it refuses: others may write to them, root does not own them, the program has no setuid bit.
    pub refused: Vec<Misread>,
}

/// Files that are read at most.
const MAX_FILES: usize = 200;

/// Reads the files.
pub(super) fn read(gather: &Gather<'_>) -> Sudo {
    let mut sudo = Sudo::default();
    let path = "usr/bin/sudo";
    // A copy that lost its owners (a tree unpacked by a user) says nothing of them.
    let keeps_owners = gather.tree.metadata("etc/passwd").is_ok_and(|node| node.uid == 0);
    let keeps_modes = ["usr/bin/su", "bin/su", "usr/bin/passwd", "usr/bin/mount", "bin/mount"]
        .iter()
        .any(|program| gather.tree.metadata(program).is_ok_and(|node| node.mode & 0o4000 != 0));
    if let Ok(node) = gather.tree.metadata(path)
        && node.kind == NodeKind::File
    {
        sudo.at = Some(Place::file(path));
        if keeps_modes && keeps_owners && (node.mode & 0o4000 == 0 || node.uid != 0) {
            let message = "it has no setuid bit, or is not root's".to_owned();
            sudo.refused.push(Misread { at: Place::file(path), message });
        }
    }
    let mut queue = vec!["etc/sudoers".to_owned()];
    let mut seen = 0;
    while let Some(path) = queue.pop() {
        seen += 1;
        if seen > MAX_FILES {
            break;
        }
        let Some(file) = gather.read_config(&path).present() else { continue };
        sudo.judge_mode(&file, keeps_owners);
        let parsed = sudoers::parse(&file.bytes);
        sudo.mistakes.extend(parsed.mistakes.iter().map(|mistake| Misread::new(mistake, &file.path)));
        let grants =
            parsed.grants.into_iter().map(|grant| Named { name: grant.who, at: grant.span.at(&file.path) });
        sudo.grants.extend(grants);
        for include in parsed.includes.into_iter().rev() {
            if !include.is_folder {
                // A relative path is one beside the file, `%h` the host's name.
                let base = if include.path.starts_with('/') { String::new() } else { "etc/".to_owned() };
                queue.push(format!("{base}{}", include.path));
                continue;
            }
            // sudo passes over names with a dot or a tilde at the end.
            let files = glob::expand(gather, &format!("{}/*", include.path));
            let is_kept = |path: &String| {
                let name = path.rsplit('/').next().unwrap_or_default();
                !name.contains('.') && !name.ends_with('~')
            };
            queue.extend(files.into_iter().filter(is_kept).rev());
        }
    }
    sudo
}

impl Sudo {
    fn judge_mode(&mut self, file: &File, keeps_owners: bool) {
        let at = Place::file(file.path.as_ref());
        if file.node.mode & 0o002 != 0 {
            self.refused.push(Misread { at, message: "anybody may write to it".to_owned() });
        } else if keeps_owners && file.node.uid != 0 {
            let message = format!("user {} owns it and not root", file.node.uid);
            self.refused.push(Misread { at, message });
        }
    }
}
