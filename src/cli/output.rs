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

/// Prints what `write` writes, as it comes.
pub(crate) fn print_with(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = write(&mut out).and_then(|()| Ok(out.flush()?));
    match result {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => other.context("cannot write to stdout"),
    }
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
pub(crate) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    write_file_with(path, |out| Ok(out.write_all(text.as_bytes())?))
}

/// Writes a report file as [`write_file`] does, as what `write` writes comes.
#[expect(clippy::disallowed_methods, reason = "the one place that writes: the report files the user named")]
pub(crate) fn write_file_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let context = || format!("cannot write the report `{}`", path.display());
    let fill = |file: File| {
        let mut out = io::BufWriter::new(file);
        write(&mut out).and_then(|()| Ok(out.flush()?))
    };
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return File::create(path).map_err(anyhow::Error::from).and_then(fill).with_context(context);
    }
    let temporary = temporary_beside(path);
    // Must not be there: in a directory that others write to, a link could lead the text elsewhere.
    let file = File::options().write(true).create_new(true).open(&temporary).with_context(context)?;
    let renamed = fill(file).and_then(|()| Ok(std::fs::rename(&temporary, path)?));
    if renamed.is_err() {
        // Best effort: the error that matters is the one already in hand.
        let _ = std::fs::remove_file(&temporary);
    }
    renamed.with_context(context)
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}
