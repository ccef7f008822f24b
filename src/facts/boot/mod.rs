//! What the boot loaders are told to start: entries with kernel, initrds and command line, and which is the default.

use schemars::JsonSchema;
use serde::Serialize;

use super::command_line::{CommandLine, PlacedValue};
use super::kernels::Kernel;
use super::{Gather, Known};
use crate::place::Place;

/// Boot loader configuration of the system.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BootConfig {
    /// The configuration files found, each with its loader.
    pub loaders: Vec<Loader>,
    /// The entries that start a Linux kernel, in the loader's order.
    pub entries: Vec<BootEntry>,
    /// The `id` of the entry that starts by itself; null if that is none of `entries`.
    pub default_entry: Known<Option<String>>,
    /// GRUB's environment block; null if there is none.
    pub grubenv: Option<GrubEnvironment>,
    /// `etc/default/grub`; null if there is none.
    pub etc_default_grub: Option<GrubDefaults>,
    /// `etc/kernel/cmdline`, which kernel-install(8) writes into new entries; null if there is none.
    pub kernel_cmdline: Option<CommandLine>,
}

/// The kinds of boot loader configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntrySource {
    /// A Boot Loader Specification file in `loader/entries`.
    Bls,
    /// `grub.cfg`.
    Grub2,
    /// `menu.lst` or `grub.conf` of GRUB before version 1.
    GrubLegacy,
    /// `extlinux.conf` or `syslinux.cfg`.
    Extlinux,
    /// No loader configuration was found: made from an installed kernel and the initrd of its release.
    NoneListed,
}

/// A loader's configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Loader {
    /// Whose it is.
    pub kind: EntrySource,
    /// The file, or the folder of BLS entries.
    pub at: Place,
    /// Whether its entries are the ones in `entries`. Of several loaders' files the first found is used: grub.cfg,
    /// then grub legacy, then extlinux, then BLS entries alone.
    pub is_used: bool,
}

/// One entry of the boot menu that starts a Linux kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BootEntry {
    /// What names the entry: the BLS file name without `.conf`, grub2's `--id` (or the title), the number in grub
    /// legacy, the label in extlinux, the release if nothing lists it.
    pub id: String,
    /// The title as the menu shows it.
    pub title: String,
    /// Where the entry starts.
    pub at: Place,
    /// What the entry was read from.
    pub source: EntrySource,
    /// Whether the loader picks it by itself.
    pub default: bool,
    /// The kernel's path relative to the root: `boot/vmlinuz-...`, also if `/boot` is a file system of its own and the
    /// entry says `/vmlinuz-...`.
    pub kernel: String,
    /// Where the kernel is named.
    pub kernel_at: Place,
    /// Whether the kernel is there. Unknown if `/boot` is a file system of its own that the input does not hold.
    pub kernel_exists: Known<bool>,
    /// The kernel's release, from its file's name or BLS `version`; null if neither says.
    pub release: Option<String>,
    /// The initrds, in the order in which the loader joins them.
    pub initrds: Vec<EntryFile>,
    /// The kernel command line. Unknown if nothing lists the entry, or if it comes from a variable that the input does
    /// not hold.
    pub cmdline: Known<CommandLine>,
    /// The hypervisor image that starts first (`multiboot`), relative to the root; null for a kernel on its own.
    pub hypervisor: Option<String>,
    /// Whether it is for emergencies: a rescue image, recovery or single-user mode.
    pub is_rescue: bool,
}

/// A file that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EntryFile {
    /// The path relative to the root.
    pub path: String,
    /// Whether it is there. Unknown as for [`BootEntry::kernel_exists`].
    pub exists: Known<bool>,
    /// Where it is named.
    pub at: Place,
}

/// GRUB's environment block, `grubenv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubEnvironment {
    /// The file.
    pub at: Place,
    /// Whether GRUB rejects it: not 1,024 bytes long or without the signature.
    pub is_corrupt: bool,
    /// Why it is corrupt, as a phrase; null if it is not.
    pub corrupt_reason: Option<String>,
    /// The entry that GRUB remembers as the default.
    pub saved_entry: Option<PlacedValue>,
    /// The entry for the next boot only.
    pub next_entry: Option<PlacedValue>,
    /// The command line that BLS entries with `$kernelopts` get.
    pub kernelopts: Option<CommandLine>,
}

/// What grub-mkconfig will write at its next run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubDefaults {
    /// The file.
    pub at: Place,
    /// `GRUB_DEFAULT`.
    pub default: Option<PlacedValue>,
    /// `GRUB_CMDLINE_LINUX`.
    pub cmdline: Option<CommandLine>,
    /// `GRUB_CMDLINE_LINUX_DEFAULT`.
    pub cmdline_default: Option<CommandLine>,
}

/// Reads the boot loaders' configuration. `kernels` are the installed ones, for systems where nothing lists them.
#[must_use]
pub fn gather(gather: &Gather<'_>, kernels: &[Kernel]) -> BootConfig {
    let _ = (gather, kernels);
    BootConfig::default()
}
