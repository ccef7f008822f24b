//! `bootproof initrd`: looks into an initrd image.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::args::ListFormat;

/// Looks into an initrd image: lists it, prints files of it, compares two.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct InitrdArgs {
    /// Bytes that the image may unpack to before it is called a bomb; suffixes K, M, G.
    #[arg(long, global = true, value_name = "SIZE", default_value = "4G", value_parser = super::args::parse_size)]
    pub(crate) max_initrd_size: u64,

    #[command(subcommand)]
    pub(crate) command: InitrdCommand,
}

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
        /// Names as `initrd list` prints them.
        #[arg(required = true)]
        names: Vec<PathBuf>,
    },
    /// Says what differs between two images.
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
    let _ = args;
    anyhow::bail!("not there yet")
}
