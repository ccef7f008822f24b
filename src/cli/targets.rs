//! `bootproof targets`: the platforms that are known.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::args::ListFormat;
use super::output;
use crate::target::{self, Firmware, TargetView};

/// Lists the platforms, or shows one: its devices, firmware and names.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bootproof targets\n  bootproof targets kvm > mine.yaml    Start a target file from it"
)]
pub(crate) struct TargetsArgs {
    /// Show this one, as the target file that describes it: a built-in name or a file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) name: Option<String>,
    /// The form of the list.
    #[arg(long, short = 'f', value_enum, default_value_t)]
    pub(crate) format: ListFormat,
}

/// Runs the subcommand.
pub(crate) fn run(args: &TargetsArgs) -> anyhow::Result<ExitCode> {
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
