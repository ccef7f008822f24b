//! The files that a plan changes, by their real paths.
//!
//! patch(1) refuses to write through a symbolic link, so an edit of `etc/grub2.cfg` becomes one of `boot/grub2/grub.cfg`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::draft::{Draft, Piece, Refused};
use super::{note, patch};
use crate::diff::unified;
use crate::place::Place;
use crate::secrets::Masker;
use crate::source::{LookupError, NodeKind, Tree, display_path};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Lines of it change.
    Edit,
    /// It is made.
    Create,
    /// It goes.
    Remove,
}

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileChange {
    /// Its real path, relative to the root.
    pub path: String,
    /// What happens to it.
    pub kind: FileKind,
    /// The name of the patch file; null where the script alone makes the change, since lines around it hold secrets or it is
    /// no text.
    pub patch: Option<String>,
    /// The change for reading, secrets masked; null for what is no text.
    pub diff: Option<String>,
    /// The rules whose findings it mends.
    pub cures: Vec<String>,
    /// The path as it is.
    #[serde(skip)]
    pub real: PathBuf,
    /// What patch(1) takes.
    #[serde(skip)]
    pub patch_bytes: Option<Vec<u8>>,
    /// Changes of lines that hold secrets, which no patch may show.
    #[serde(skip)]
    pub swaps: Vec<Swap>,
    /// The bytes as they will be; none for a file that goes.
    #[serde(skip)]
    pub bytes: Option<Vec<u8>>,
}

/// A piece of a line that is written otherwise, where the rest of the line must not be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The line, from 1.
    pub line: u32,
    /// What it has.
    pub old: Vec<u8>,
    /// What it is to have.
    pub new: Vec<u8>,
}

/// Why a file is left as it is, and what to do by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotEdited(pub(super) String);

/// The files that are being changed.
pub(super) struct Files<'a> {
    tree: &'a Tree,
    opened: BTreeMap<PathBuf, Opened>,
}

/// One of them.
struct Opened {
    /// The bytes as they are; none if it is not there.
    bytes: Option<Vec<u8>>,
    draft: Draft,
    is_removed: bool,
    cures: Vec<String>,
}

/// Where files do not outlive a boot, or are no files of the system.
const VOLATILE: [&str; 4] = ["run", "proc", "sys", "dev"];

impl<'a> Files<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self { tree, opened: BTreeMap::new() }
    }

    /// Writes the line at `at` as `with` says, or deletes it.
    pub(super) fn replace(&mut self, at: &Place, with: Option<&str>, rule: &str) -> Result<(), NotEdited> {
        let told = |reason: &str| match with {
            Some(with) => NotEdited(format!("Write {} as `{with}`: {reason}.", spot(at))),
            None => NotEdited(format!("Delete {}: {reason}.", spot(at))),
        };
        let Some(line) = at.line else { return Err(told("which line it is, is not known")) };
        let file = self.open(&at.path).map_err(|reason| told(&reason))?;
        let done = match with {
            Some(with) => file.draft.replace(line, with.as_bytes()),
            None => file.draft.delete(line),
        };
        done.map_err(|refused| told(why(refused)))?;
        note(&mut file.cures, rule);
        Ok(())
    }

    /// Changes stretches of one line.
    pub(super) fn pieces(&mut self, at: &Place, pieces: Vec<Piece>, rule: &str) -> Result<(), NotEdited> {
        let told = |reason: &str| NotEdited(format!("Mend {}: {reason}.", spot(at)));
        let line = at.line.ok_or_else(|| told("which line it is, is not known"))?;
        let file = self.open(&at.path).map_err(|reason| told(&reason))?;
        file.draft.pieces(line, pieces).map_err(|refused| told(why(refused)))?;
        note(&mut file.cures, rule);
        Ok(())
    }

    /// The line at `at` as it is.
    pub(super) fn line(&mut self, at: &Place) -> Option<Vec<u8>> {
        let number = at.line?;
        // What cannot be read cannot be edited; who asks says so.
        self.open(&at.path).ok()?.draft.line(number).map(<[u8]>::to_vec)
    }

    /// Adds the lines that the file does not have.
    pub(super) fn append(&mut self, path: &str, text: &str, rule: &str) -> Result<(), NotEdited> {
        let file = self.open(path).map_err(|reason| NotEdited(format!("Mend `/{path}`: {reason}.")))?;
        file.draft.append(text);
        note(&mut file.cures, rule);
        Ok(())
    }

    /// Removes the file, if it is there.
    pub(super) fn remove(&mut self, path: &str, rule: &str) -> Result<(), NotEdited> {
        let told = |reason: &str| NotEdited(format!("Remove `/{path}`: {reason}."));
        // A link goes itself, and not what it leads to.
        let (real, node) = self.place_of(path).map_err(|reason| told(&reason))?;
        let Some(kind) = node else { return Ok(()) };
        let bytes = match kind {
            NodeKind::File => match self.tree.read(path) {
                Ok(file) => Some(file.bytes),
                Err(error) => return Err(told(&error.to_string())),
            },
            NodeKind::Link(_) => Some(Vec::new()),
            _ => return Err(told("it is no file")),
        };
        let opened = self.opened.entry(real).or_insert_with(|| Opened::of(bytes));
        opened.is_removed = true;
        note(&mut opened.cures, rule);
        Ok(())
    }

    /// Adds words to the list that `variable` is assigned in the file: `A="b c"`, `A=(b c)`.
    pub(super) fn words(
        &mut self,
        path: &str,
        variable: &str,
        words: &[String],
        rule: &str,
    ) -> Result<(), NotEdited> {
        let file = self.open(path).map_err(|reason| NotEdited(format!("Mend `/{path}`: {reason}.")))?;
        let is_assignment = |line: &[u8]| {
            line.trim_ascii_start()
                .strip_prefix(variable.as_bytes())
                .is_some_and(|rest| rest.starts_with(b"="))
        };
        let found = file.draft.lines().enumerate().filter(|(_, line)| is_assignment(line)).last();
        let found = found.map(|(index, line)| (index, line.to_vec()));
        note(&mut file.cures, rule);
        let Some((index, line)) = found else {
            file.draft.append(&format!("{variable}=\"{}\"", words.join(" ")));
            return Ok(());
        };
        let held = |word: &&String| {
            let mut known = line.split(|byte| byte.is_ascii_whitespace() || b"=\"'()".contains(byte));
            !known.any(|known| known == word.as_bytes())
        };
        let missing: Vec<&str> = words.iter().filter(held).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let close = line.iter().rposition(|byte| b"\"')".contains(byte));
        let before = close.and_then(|close| line.get(close.checked_sub(1)?));
        let is_empty = before.is_some_and(|byte| b"\"'(".contains(byte));
        let piece = match close {
            Some(close) if is_empty => Piece { range: close..close, new: missing.join(" ").into_bytes() },
            Some(close) => Piece { range: close..close, new: format!(" {}", missing.join(" ")).into_bytes() },
            None => {
                return Err(NotEdited(format!("Add {} to `{variable}` in `/{path}`.", missing.join(" "))));
            }
        };
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        file.draft
            .pieces(number, vec![piece])
            .map_err(|_| NotEdited(format!("Add {} to `{variable}` in `/{path}`.", missing.join(" "))))
    }

    /// The real paths of the files that change.
    pub(super) fn changed(&self) -> Vec<String> {
        let changed = self.opened.iter().filter(|(_, file)| file.is_removed || file.draft.is_changed());
        changed.map(|(path, _)| display_path(path)).collect()
    }

    /// The draft of the file at `path`.
    fn open(&mut self, path: &str) -> Result<&mut Opened, String> {
        let real = self.real(Path::new(path)).map_err(|error| error.to_string())?;
        if display_path(&real).split('/').next().is_some_and(|top| VOLATILE.contains(&top)) {
            return Err(format!("it is `/{}`, which is made anew at each boot", display_path(&real)));
        }
        if !self.opened.contains_key(&real) {
            let bytes = match self.tree.read(&real) {
                Ok(file) if memchr::memchr(0, &file.bytes).is_some() => {
                    return Err("it is no text".to_owned());
                }
                Ok(file) => Some(file.bytes),
                Err(LookupError::Absent { .. }) => None,
                Err(error) => return Err(error.to_string()),
            };
            self.opened.insert(real.clone(), Opened::of(bytes));
        }
        self.opened.get_mut(&real).ok_or_else(|| "it cannot be read".to_owned())
    }

    /// The path without links that `path` leads to, also where its folder is not there yet.
    fn real(&self, path: &Path) -> Result<PathBuf, LookupError> {
        match (self.tree.resolve(path), path.parent(), path.file_name()) {
            (Err(error), Some(folder), Some(name)) if error.is_absent() => Ok(self.real(folder)?.join(name)),
            (found, _, _) => found,
        }
    }

    /// The real path of `path` without following it if it is a link itself, and what is there.
    fn place_of(&self, path: &str) -> Result<(PathBuf, Option<NodeKind>), String> {
        let path = Path::new(path);
        let folder =
            self.tree.resolve(path.parent().unwrap_or(Path::new(""))).map_err(|error| error.to_string())?;
        let real = folder.join(path.file_name().unwrap_or_default());
        match self.tree.symlink_metadata(&real) {
            Ok(node) => Ok((real, Some(node.kind))),
            Err(error) if error.is_absent() => Ok((real, None)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The changes, and what was found impossible at last, with the rule that wanted it.
    pub(super) fn finished(self) -> (Vec<FileChange>, Vec<(String, String)>) {
        let mut changes: Vec<FileChange> = Vec::new();
        let mut refused = Vec::new();
        for (real, file) in self.opened {
            if !file.is_removed && !file.draft.is_changed() {
                continue;
            }
            let path = display_path(&real);
            match file.finished(&real, &path, changes.len() + 1) {
                Ok(change) => changes.push(change),
                Err((reason, cures)) => refused.extend(cures.into_iter().map(|rule| (reason.clone(), rule))),
            }
        }
        (changes, refused)
    }
}

impl Opened {
    fn of(bytes: Option<Vec<u8>>) -> Self {
        let draft = Draft::of(bytes.as_deref().unwrap_or_default());
        Self { bytes, draft, is_removed: false, cures: Vec::new() }
    }

    fn finished(self, real: &Path, path: &str, number: usize) -> Result<FileChange, (String, Vec<String>)> {
        let secret = secret_lines(path, self.bytes.as_deref().unwrap_or_default());
        let is_secret = |index: usize| secret.contains(&index);
        let new = (!self.is_removed).then(|| self.draft.finished(&[]));
        let Some(swaps) = self.swaps(path, &is_secret) else {
            let reason = format!("Mend `/{path}` by hand: what is to be changed stands beside a secret.");
            return Err((reason, self.cures));
        };
        let hidden: Vec<u32> = swaps.iter().map(|swap| swap.line).collect();
        let patched = (!self.is_removed).then(|| self.draft.finished(&hidden));
        let name = std::os::unix::ffi::OsStrExt::as_bytes(real.as_os_str());
        // Nothing to show of a link or an empty file that goes.
        let is_text = !self.is_removed || self.bytes.as_deref().is_some_and(|bytes| !bytes.is_empty());
        let patch_bytes = (patched != self.bytes && is_text)
            .then(|| patch::unified(name, self.bytes.as_deref(), patched.as_deref(), is_secret))
            .flatten();
        let kind = match (&self.bytes, &new) {
            (_, None) => FileKind::Remove,
            (None, _) => FileKind::Create,
            _ => FileKind::Edit,
        };
        Ok(FileChange {
            patch: patch_bytes.as_ref().map(|_| format!("{number:02}-{}.patch", plain(path))),
            diff: unified::text(path, self.bytes.as_deref(), new.as_deref()),
            path: path.to_owned(),
            kind,
            cures: self.cures,
            real: real.to_owned(),
            patch_bytes,
            swaps,
            bytes: new,
        })
    }

    /// The changes of lines that hold secrets; none if the secret itself would change.
    fn swaps(&self, path: &str, is_secret: &impl Fn(usize) -> bool) -> Option<Vec<Swap>> {
        let number = |line: u32| usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let mut swaps = Vec::new();
        for (line, pieces) in self.draft.changes_of(|line| is_secret(number(line))) {
            let text = self.draft.line(line)?;
            let masked = Masker::of(path).line(&String::from_utf8_lossy(text));
            for piece in pieces {
                // With what stands before it, so that it is found once.
                let start =
                    text.get(..piece.range.start)?.iter().rposition(u8::is_ascii_whitespace).unwrap_or(0);
                let old = text.get(start..piece.range.end)?.to_vec();
                let new = [text.get(start..piece.range.start)?, &piece.new].concat();
                let is_shown = masked.contains(String::from_utf8_lossy(&old).as_ref());
                let is_first = memchr::memmem::find(text, &old) == Some(start);
                if !is_shown || !is_first || old.is_empty() {
                    return None;
                }
                swaps.push(Swap { line, old, new });
            }
        }
        Some(swaps)
    }
}

/// The lines, from 0, that hold a secret.
fn secret_lines(path: &str, bytes: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(bytes);
    let masked = Masker::of(path).lines(&text);
    let lines = text.lines().zip(&masked).enumerate();
    lines.filter(|(_, (line, masked))| *line != masked.as_str()).map(|(index, _)| index).collect()
}

/// A path as part of a file's name.
fn plain(path: &str) -> String {
    let fit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let name: String = path.chars().take(100).map(|letter| if fit(letter) { letter } else { '-' }).collect();
    name.trim_matches('.').to_owned()
}

/// `line 3 of /etc/fstab`.
fn spot(at: &Place) -> String {
    match at.line {
        Some(line) => format!("line {line} of `/{}`", at.path),
        None => format!("`/{}`", at.path),
    }
}

fn why(refused: Refused) -> &'static str {
    match refused {
        Refused::NoSuchLine => "there is no such line",
        Refused::Conflict => "another edit of this plan writes the same words otherwise",
        Refused::OtherText => "the line is not as it was when it was read",
    }
}
