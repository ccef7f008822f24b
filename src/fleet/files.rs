//! Which files are the reports of a fleet: those that the user names, and all `*.json` below the folders.
//!
//! Links are followed, since reports are kept under names like `latest.json`; a file or folder that is reached twice,
//! by a link or because it was named twice, counts once.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::NotCounted;
use crate::report::read::shown;

/// What the user named, resolved.
#[derive(Debug, Default)]
pub struct Found {
    /// The files, each once: in the order of the arguments, those of a folder by name.
    pub files: Vec<ReportFile>,
    /// Whether reports are to be read from stdin, too.
    pub stdin: bool,
    /// What is no report file.
    pub not_counted: Vec<NotCounted>,
    seen: HashSet<(u64, u64)>,
}

/// A file that should be a report.
#[derive(Debug)]
pub struct ReportFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether the user named the file itself and not a folder: then it has to be a report.
    pub is_named: bool,
}

/// Resolves what the user named: files, folders, `-` for stdin.
#[must_use]
pub fn find(arguments: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in arguments {
        if path.as_os_str() == "-" {
            found.stdin = true;
        } else {
            found.named(path);
        }
    }
    found
}

impl Found {
    #[expect(
        clippy::disallowed_methods,
        reason = "reports that the user names are no part of an audited system"
    )]
    fn named(&mut self, path: &Path) {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.skip(path, format!("cannot be read: {error}"), true),
        };
        if !self.is_new(path, &metadata) {
            return;
        }
        if metadata.is_dir() {
            let before = self.files.len().saturating_add(self.not_counted.len());
            self.folder(path);
            if self.files.len().saturating_add(self.not_counted.len()) == before {
                self.skip(path, "holds no report: no file in it ends in `.json`", true);
            }
        } else {
            // Not only regular files: `<(ssh web1 ...)` of a shell is a pipe.
            self.files.push(ReportFile { path: path.to_owned(), is_named: true });
        }
    }

    fn folder(&mut self, path: &Path) {
        let mut below = vec![path.to_owned()];
        while let Some(folder) = below.pop() {
            match entries(&folder) {
                Ok(entries) => {
                    let folders: Vec<PathBuf> =
                        entries.into_iter().filter_map(|entry| self.entry(entry)).collect();
                    // The last one is taken first.
                    below.extend(folders.into_iter().rev());
                }
                Err(error) => self.skip(&folder, format!("cannot be read: {error}"), true),
            }
        }
    }

    /// Takes what a folder holds at `path`; gives it back if it is a folder to be read.
    #[expect(
        clippy::disallowed_methods,
        reason = "reports that the user names are no part of an audited system"
    )]
    fn entry(&mut self, path: PathBuf) -> Option<PathBuf> {
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => {
                if is_json {
                    self.skip(&path, format!("cannot be read: {error}"), true);
                }
                return None;
            }
        };
        if metadata.is_dir() {
            return self.is_new(&path, &metadata).then_some(path);
        }
        if is_json && !metadata.is_file() {
            self.skip(&path, "is no regular file", false);
        } else if is_json && self.is_new(&path, &metadata) {
            self.files.push(ReportFile { path, is_named: false });
        }
        None
    }

    /// Whether this file or folder was not met before under whatever path.
    fn is_new(&mut self, path: &Path, metadata: &Metadata) -> bool {
        let is_new = self.seen.insert((metadata.dev(), metadata.ino()));
        if !is_new && metadata.is_dir() {
            self.skip(path, "is a folder that was read already, under another name or by a link", false);
        } else if !is_new {
            self.skip(path, "is a file that is counted already, under another name or by a link", false);
        }
        is_new
    }

    fn skip(&mut self, path: &Path, because: impl Into<String>, is_loss: bool) {
        self.not_counted.push(NotCounted { path: shown(path), because: because.into(), is_loss });
    }
}

/// What a folder holds, by name; links last, so that a file that is met under two names goes by its own.
#[expect(clippy::disallowed_methods, reason = "reports that the user names are no part of an audited system")]
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_type()?.is_symlink(), entry.path()))
    };
    let mut paths = std::fs::read_dir(folder)?.map(entry).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths.into_iter().map(|(_, path)| path).collect())
}
