//! Where the command line of the default entry has parameters that its next renewal would lose.
//!
//! `grub.cfg` is made from `etc/default/grub`, and the entries of the Boot Loader Specification from `etc/kernel/cmdline` (kernel-install(8),
//! `90-loaderentry.install`; Fedora's `20-grub.install`). What was added to an entry alone, or to the running kernel, is gone with the
//! next kernel.

use super::{BootConfig, BootEntry, CmdlineDrift, DriftSource, EntrySource};
use crate::facts::command_line::{CommandLine, Param};
use crate::parse::cmdline::same_name;
use crate::place::Place;
use crate::secrets::Masker;

/// Parameters that grub-mkconfig, the loader or the initrd's builder puts there by itself, and those that only change what is shown.
const BY_ITSELF: [&str; 17] = [
    "BOOT_IMAGE",
    "root",
    "ro",
    "rw",
    "initrd",
    "LANG",
    "rootflags",
    "rootfstype",
    "resume",
    "quiet",
    "splash",
    "rhgb",
    "vt.handoff",
    "showopts",
    "single",
    "recovery",
    "systemd.machine_id",
];

/// Compares the default entry with what it is made from, and the running kernel's command line with the entry.
pub(super) fn find(config: &BootConfig) -> Vec<CmdlineDrift> {
    let Some(entry) = config.default_boot_entry().filter(|entry| !entry.is_rescue) else { return Vec::new() };
    let Some(line) = entry.cmdline.get() else { return Vec::new() };
    let template = template(config, entry).map(|(source, lines, at)| drift(source, &line.params, &lines, at));
    let running = config.running.as_ref().map(|running| {
        let at = running.params.first().map_or_else(|| Place::file("proc/cmdline"), |param| param.at.clone());
        drift(DriftSource::Running, &running.params, &[line], at)
    });
    template.into_iter().chain(running).filter(|drift| !drift.lost.is_empty()).collect()
}

/// What the entry will be made from next time.
fn template<'a>(
    config: &'a BootConfig,
    entry: &BootEntry,
) -> Option<(DriftSource, Vec<&'a CommandLine>, Place)> {
    match entry.source {
        EntrySource::Bls if !entry.kernel.ends_with(".efi") => {
            let line = config.kernel_cmdline.as_ref()?;
            let at = line.params.first().map_or_else(|| Place::file("etc/kernel/cmdline"), |p| p.at.clone());
            Some((DriftSource::KernelInstall, vec![line], at))
        }
        EntrySource::Grub2 => {
            let defaults = config.etc_default_grub.as_ref().filter(|defaults| !defaults.is_computed)?;
            let lines: Vec<&CommandLine> =
                defaults.cmdline.iter().chain(&defaults.cmdline_default).chain(&defaults.more).collect();
            let first = lines.iter().find_map(|line| line.params.first());
            let at = first.map_or_else(|| defaults.at.clone(), |param| param.at.clone());
            Some((DriftSource::GrubMkconfig, lines, at))
        }
        _ => None,
    }
}

fn drift(source: DriftSource, has: &[Param], template: &[&CommandLine], at: Place) -> CmdlineDrift {
    let is_own = |param: &&Param| {
        !BY_ITSELF.iter().any(|name| same_name(name, &param.name)) && !param.name.starts_with('$')
    };
    let is_lost = |param: &&Param| {
        let same = |other: &Param| same_name(&other.name, &param.name) && other.value == param.value;
        !template.iter().any(|line| line.params.iter().any(same))
    };
    let masker = Masker::of(&at.path);
    let lost = has.iter().filter(is_own).filter(is_lost).map(|param| match &param.value {
        Some(value) => masker.line(&format!("{}={value}", param.name)),
        None => param.name.clone(),
    });
    let lost = lost.collect();
    CmdlineDrift { source, lost, at }
}
