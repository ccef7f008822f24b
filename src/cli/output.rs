//! Where results go: stdout, and the report files that the user asked for. These files are the only thing that
//! bootproof ever writes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::report::json;

/// Prints `text`, which may hold terminal colours; they are left out where stdout wants none. A reader that has
/// gone away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    finish(anstream::stdout().lock(), |out| out.write_all(text.as_bytes()))
}

/// Prints `value` as JSON: indented on a terminal, on one line for a program.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let pretty = io::stdout().is_terminal();
    finish(io::BufWriter::new(io::stdout().lock()), |out| {
        let written = if pretty { json::write_pretty(out, value) } else { json::write_compact(out, value) };
        written.map_err(io::Error::from)?;
        out.write_all(b"\n")
    })
}

fn finish<W: Write>(mut out: W, write: impl FnOnce(&mut W) -> io::Result<()>) -> anyhow::Result<()> {
    let result = write(&mut out).and_then(|()| out.flush());
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

/// Whether `error` says that the reader of stdout has gone away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_pipe))
}

/// Writes a report file: whole or not at all, by a new temporary file beside it that is then renamed. What is there
/// and is no regular file (a link, a fifo, `/dev/stdout`) is written to instead of being replaced.
#[expect(clippy::disallowed_methods, reason = "the one place that writes: the report files the user named")]
pub(crate) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let context = || format!("cannot write the report `{}`", path.display());
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, text).with_context(context);
    }
    let temporary = temporary_beside(path);
    // Must not be there: in a directory that others write to, a link could lead the text elsewhere.
    let written = File::options().write(true).create_new(true).open(&temporary).and_then(|mut file| {
        let renamed = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&temporary, path));
        if renamed.is_err() {
            // Best effort: the error that matters is the one already in hand.
            let _ = std::fs::remove_file(&temporary);
        }
        renamed
    });
    written.with_context(context)
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}
