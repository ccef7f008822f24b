//! `bootproof initrd`: looks into an initrd image.

mod diff;
mod list;

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::args::ListFormat;
use crate::initrd::{Damage, EntryKind, Image, ImageLimits, visit};
use crate::source::{display_path, escape_bytes};

/// Looks into an initrd image: lists it, prints files of it, compares two.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitrdArgs {
    /// Bytes that the image may unpack to before it is called a bomb; suffixes K, M, G.
    #[arg(long, global = true, value_name = "SIZE", default_value = "4G", value_parser = super::args::parse_size)]
    pub(crate) max_initrd_size: u64,

    #[command(subcommand)]
    pub(crate) command: InitrdCommand,
}

const EXAMPLES: &str = "\
Examples:
  bootproof initrd list /boot/initrd.img-6.1.0-37-amd64 | grep virtio
  bootproof initrd cat initramfs.img etc/fstab etc/multipath.conf
  bootproof initrd diff old.img new.img";

/// What to do with the image.
#[derive(Debug, Subcommand)]
pub(crate) enum InitrdCommand {
    /// Lists the names in an image, one a line, as `lsinitramfs` and `cpio -t` do.
    List {
        /// The initrd image.
        image: PathBuf,
        /// Modes, owners, sizes and link targets, too.
        #[arg(long, short = 'l')]
        long: bool,
        /// The form of the list.
        #[arg(long, short = 'f', value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Prints files of an image to stdout.
    Cat {
        /// The initrd image.
        image: PathBuf,
        /// Names as `initrd list` prints them; links are followed inside the image.
        #[arg(required = true)]
        names: Vec<PathBuf>,
    },
    /// Says what differs between two images. Exit status 1 if anything does.
    #[command(
        after_help = "Exit status: 0 nothing differs, 1 something does, 2 bootproof could not do its work."
    )]
    Diff {
        /// The image before.
        before: PathBuf,
        /// The image after.
        after: PathBuf,
        /// The form of the answer.
        #[arg(long, short = 'f', value_enum, default_value_t)]
        format: ListFormat,
    },
}

/// Runs the subcommand.
pub(crate) fn run(args: &InitrdArgs) -> anyhow::Result<ExitCode> {
    let limits = ImageLimits { unpacked: args.max_initrd_size, ..ImageLimits::default() };
    match &args.command {
        InitrdCommand::List { image, long, format } => list::run(image, *long, *format, &limits),
        InitrdCommand::Cat { image, names } => cat(image, names, &limits),
        InitrdCommand::Diff { before, after, format } => diff::run(before, after, *format, &limits),
    }
}

/// Prints each of `names`, in the order given.
fn cat(path: &Path, names: &[PathBuf], limits: &ImageLimits) -> anyhow::Result<ExitCode> {
    let image = read(path, |file| visit::list(file, limits))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for name in names {
        let shown = display_path(name);
        let found = image.contents_of(name.as_os_str().as_bytes());
        let Some((index, entry)) = found.and_then(|index| Some((index, image.entries.get(index)?))) else {
            return match &image.damage {
                Some(damage) => Err(damaged(path, damage).context(format!("`{shown}` was not found"))),
                None => anyhow::bail!("`{}` has no `{shown}`", path.display()),
            };
        };
        if entry.kind() != EntryKind::File {
            anyhow::bail!("`{shown}` in `{}` is no regular file", path.display());
        }
        visit::copy(open(path)?, limits, index, &mut out)
            .with_context(|| format!("cannot print `{shown}` of `{}`", path.display()))?;
    }
    out.flush().context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Opens an image that the user named; it is no part of a system.
#[expect(
    clippy::disallowed_methods,
    reason = "an image named on the command line, not a file of the audited system"
)]
fn open(path: &Path) -> anyhow::Result<File> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if !metadata.is_file() {
        // A fifo would wait for a writer, and a directory gives a riddle of an error.
        anyhow::bail!("`{}` is no regular file", path.display());
    }
    File::open(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Reads the image at `path` with `how`.
fn read<T>(path: &Path, how: impl FnOnce(File) -> Result<T, crate::initrd::ReadError>) -> anyhow::Result<T> {
    how(open(path)?).with_context(|| format!("cannot read `{}`", path.display()))
}

/// What to say of a damaged image.
fn damaged(path: &Path, damage: &Damage) -> anyhow::Error {
    let inside = damage.entry.as_ref().map(|entry| format!(", in `{entry}`")).unwrap_or_default();
    anyhow::anyhow!(
        "`{}` is damaged: archive {} at offset {}, {} bytes unpacked{inside}: {}",
        path.display(),
        damage.archive + 1,
        damage.offset,
        damage.unpacked,
        damage.reason
    )
}

/// The exit code of a command that read `image`: damage is printed, and means that not all was read.
fn exit_code(path: &Path, image: &Image) -> anyhow::Result<ExitCode> {
    match &image.damage {
        Some(damage) => Err(damaged(path, damage)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// A name for a line of its own: as it is in a pipe, escaped on a terminal.
fn shown(name: &[u8], on_terminal: bool) -> Vec<u8> {
    // GNU cpio prints an empty name like this, too.
    let name = if name.is_empty() { b"." } else { name };
    if on_terminal { escape_bytes(name).into_bytes() } else { name.to_vec() }
}
