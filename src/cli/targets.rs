//! `bootproof targets`: the platforms that are known.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::args::ListFormat;
use super::{complete, output};
use crate::source::Tree;
use crate::source::directory::Directory;
use crate::target::{self, Firmware, TargetView};

/// Lists the platforms, or shows one: its devices, firmware and names.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bootproof targets\n  bootproof targets kvm > mine.yaml    Start a target file from it\n  \
                  bootproof targets --from-sysfs / > box.yaml    This machine as a target; on another: --target box.yaml"
)]
pub(crate) struct TargetsArgs {
    /// Show this one, as the target file that describes it: a built-in name or a file.
    #[arg(value_name = "NAME|FILE", add = ArgValueCompleter::new(complete::targets))]
    pub(crate) name: Option<String>,
    /// Write a target file of a machine: `/` for the one that runs, a folder with a copy of its /sys (and /proc), or
    /// what `bootproof collect` has packed there.
    #[arg(long, value_name = "DIR|TAR", value_hint = ValueHint::AnyPath, conflicts_with_all = ["name", "format"])]
    pub(crate) from_sysfs: Option<PathBuf>,
    /// The form of the list.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: ListFormat,
}

/// Runs the subcommand.
pub(crate) fn run(args: &TargetsArgs) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.from_sysfs {
        let tree = match Directory::open(folder) {
            Ok(directory) => Tree::new(directory, folder.display().to_string()),
            // No folder: a tar, as `bootproof collect` makes it of a machine.
            Err(_) => Tree::open_system(folder)?,
        };
        let target = target::from_sysfs(&tree, &name_of(folder))?;
        output::print(&target::to_yaml(&target))?;
        return Ok(ExitCode::from(super::NOTHING_FOUND));
    }
    match (&args.name, args.format) {
        (Some(name), ListFormat::Json) => {
            for target in target::select(std::slice::from_ref(name))? {
                output::print_json(&target)?;
            }
        }
        (Some(name), ListFormat::Text) => output::print(&target::text(name)?)?,
        (None, ListFormat::Json) => output::print_json(&target::select(&["all".to_owned()])?)?,
        (None, ListFormat::Text) => output::print(&list()?)?,
    }
    Ok(ExitCode::from(super::NOTHING_FOUND))
}

/// What the target is called: the folder's name, as far as it is fit for one.
fn name_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let is_plain = !name.is_empty() && name.chars().all(fit);
    if is_plain && name != target::SAME { name } else { "machine".to_owned() }
}

/// A line for each built-in target: name, firmware, the boot disk's name, the title.
fn list() -> anyhow::Result<String> {
    let mut text = String::new();
    for name in target::built_in_names() {
        let target = target::built_in(name)?;
        let view = TargetView::from(&target);
        let firmware = match target.firmware {
            Some(Firmware::Bios) => "bios",
            Some(Firmware::Uefi) => "uefi",
            None => "-",
        };
        let disk = if view.disk.is_empty() { "-" } else { view.disk.as_str() };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<16} {firmware:<5} {disk:<8} {}", target.title);
    }
    Ok(text)
}
