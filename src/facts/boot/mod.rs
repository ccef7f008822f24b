//! What the boot loaders are told to start: entries with kernel, initrds and command line, and which is the default.

mod bls;
mod condition;
mod drift;
mod environment;
mod files;
mod foreign;
mod grub2;
mod legacy;
mod menu;
mod raw;
#[cfg(test)]
mod tests;
mod uki;
mod values;

use schemars::JsonSchema;
use serde::Serialize;

use self::files::BootFiles;
use self::grub2::Runner;
use self::menu::Resolved;
use super::block_devices::BlockDevices;
use super::command_line::{CommandLine, NamedDevice, PlacedValue};
use super::kernels::Kernel;
use super::volumes::VolumeGroup;
use super::{Found, Gather, Known};
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
    /// What is set as the default, if it names no entry, so that the loader takes the first; null otherwise.
    pub stale_default: Option<PlacedValue>,
    /// GRUB's environment block; null if there is none.
    pub grubenv: Option<GrubEnvironment>,
    /// `etc/default/grub`; null if there is none.
    pub etc_default_grub: Option<GrubDefaults>,
    /// `etc/kernel/cmdline`, which kernel-install(8) writes into new entries; null if there is none.
    pub kernel_cmdline: Option<CommandLine>,
    /// Seconds that GRUB's menu waits before it starts the default, as last set: `5`, or `-1` for ever; null if nothing
    /// sets it. Unknown if that depends on what the input does not say.
    pub timeout: Known<Option<PlacedValue>>,
    /// A configuration of GRUB that makes an empty menu, so that GRUB stops at its command line; null if there is none.
    pub empty_menu: Option<Place>,
    /// The small configuration on the EFI system partition that leads to the one with the menu; null if there is none.
    pub stub: Option<Stub>,
    /// Entries of other systems that os-prober has put into the menu.
    pub probed: Vec<ProbedEntry>,
    /// The default entries of the grub.cfg files that are not used and show a menu of their own.
    pub other_menus: Vec<OtherMenu>,
    /// Loaders besides GRUB and extlinux whose configuration is there.
    pub other_loaders: Vec<OtherLoader>,
    /// What the running kernel was started with, where the input is a running system or a report of one; null if it is not.
    pub running: Option<CommandLine>,
    /// Parameters that the default entry, or the running kernel, will lose when its command line is made anew.
    pub drift: Vec<CmdlineDrift>,
}

/// An entry that os-prober made for another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProbedEntry {
    /// The title as the menu shows it.
    pub title: String,
    /// The partition that the title names: `/dev/sdb2`.
    pub device: Option<String>,
    /// Where it starts.
    pub at: Place,
}

/// What a second grub.cfg would start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherMenu {
    /// The file.
    pub at: Place,
    /// The title of its default entry.
    pub title: String,
    /// The kernel that it starts, relative to the root.
    pub kernel: String,
    /// Its `root=`, as written.
    pub root: Option<String>,
}

/// A loader besides GRUB and extlinux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherLoader {
    /// Which one.
    pub kind: OtherLoaderKind,
    /// Where it says what it is written to, else its first kernel.
    pub at: Place,
    /// The disk or partition that it is written to (`boot=`).
    pub boot: Option<PlacedValue>,
    /// The kernels that it starts, as written.
    pub images: Vec<String>,
}

/// Loaders besides GRUB and extlinux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OtherLoaderKind {
    /// LILO: BIOS; it keeps the kernel's sectors, not its name.
    Lilo,
    /// ELILO: UEFI, and before it Itanium.
    Elilo,
    /// yaboot: Open Firmware of POWER and PowerPC.
    Yaboot,
    /// zipl: IBM Z.
    Zipl,
}

/// Parameters that a renewal loses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CmdlineDrift {
    /// What lacks them.
    pub source: DriftSource,
    /// The parameters, as written, secrets masked.
    pub lost: Vec<String>,
    /// Where they would have to stand; for the running kernel, where they are.
    pub at: Place,
}

/// What a command line is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriftSource {
    /// `etc/default/grub`, which grub-mkconfig makes the default entry from.
    GrubMkconfig,
    /// `etc/kernel/cmdline`, which kernel-install makes the next entry from.
    KernelInstall,
    /// The running kernel has them, and the default entry does not.
    Running,
}

/// A configuration that leads to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stub {
    /// Its file.
    pub at: Place,
    /// Where it looks for the other one's file system.
    pub grub: GrubFiles,
}

/// How GRUB comes to an entry's files.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubFiles {
    /// The command that loads the kernel: `linux`, `linux16`, `linuxefi`.
    pub command: String,
    /// The kernel's path as written: it starts at the root of the file system that GRUB looks on.
    pub kernel: String,
    /// The file systems on which that path leads to a file, as far as the system shows them below one root.
    pub kernel_on: Vec<Volume>,
    /// Whether the kernel is signed for Secure Boot; null if that cannot be told.
    pub kernel_is_signed: Option<bool>,
    /// The initrds' paths as written.
    pub initrds: Vec<String>,
    /// The file systems on which all of them lead to files.
    pub initrds_on: Vec<Volume>,
    /// What `root` was set to before a search: `hd0,msdos1`; null if it was not.
    pub root: Option<PlacedValue>,
    /// What is searched for; null if nothing is, or if `root` is set after it.
    pub search: Option<GrubSearch>,
    /// Whether GRUB asks for a user and a password before it starts the entry: `superusers` is set, and the entry or a
    /// menu on the way to it is not `--unrestricted`.
    pub asks_for_user: bool,
}

/// The file systems that hold what a loader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Volume {
    /// The one that is mounted on `/`.
    Root,
    /// The one that is mounted on `/boot`, or would be: the folder `boot`.
    Boot,
    /// The EFI system partition.
    Esp,
}

impl Volume {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Root, Self::Boot, Self::Esp];
}

/// A search for a file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubSearch {
    /// `uuid`, `label` or `file`.
    pub by: String,
    /// What is searched for.
    pub value: String,
    /// Where it is named.
    pub at: Place,
}

/// The kinds of boot loader configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntrySource {
    /// The Boot Loader Specification: a file in `loader/entries`, or a unified kernel image in `EFI/Linux`.
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
    /// What would make it readable, if it is not; null if it is.
    pub unreadable: Option<String>,
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
    /// The kernel's release, from its file's name, BLS `version`, or the image itself; null if none of them says.
    pub release: Option<String>,
    /// The initrds, in the order in which the loader joins them.
    pub initrds: Vec<EntryFile>,
    /// The kernel command line. Unknown if nothing lists the entry, or if it comes from a variable that the input does
    /// not hold.
    pub cmdline: Known<CommandLine>,
    /// The hypervisor image that starts first (`multiboot`), relative to the root; null for a kernel on its own.
    pub hypervisor: Option<String>,
    /// The file system on which GRUB looks for the files (`search --fs-uuid`); null if it does not search by UUID.
    pub searched: Option<NamedDevice>,
    /// How GRUB comes to the files; null for entries that another loader starts.
    pub grub: Option<GrubFiles>,
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
    /// Whether GRUB cannot read it: empty, without the signature, or with a variable that does not end.
    pub is_corrupt: bool,
    /// Whether it is a link that leads nowhere, such as to an EFI partition that is not there.
    pub is_dangling: bool,
    /// What is wrong with it, as a phrase that starts with "it"; also that its size is not 1,024 bytes, which GRUB
    /// reads but its tools take for damage. Null if nothing is.
    pub trouble: Option<String>,
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
    /// What the files of `etc/default/grub.d` add to either (Debian).
    pub more: Vec<CommandLine>,
    /// Whether a command line is made of what only the shell knows, other than of itself.
    pub is_computed: bool,
    /// `GRUB_TIMEOUT`.
    pub timeout: Option<PlacedValue>,
    /// `GRUB_TIMEOUT_STYLE`: `menu`, `countdown`, `hidden`.
    pub timeout_style: Option<PlacedValue>,
    /// `GRUB_HIDDEN_TIMEOUT`, its older form.
    pub hidden_timeout: Option<PlacedValue>,
    /// `GRUB_TERMINAL_OUTPUT`, else `GRUB_TERMINAL`: `console`, `serial`, `gfxterm`, several with blanks.
    pub terminal: Option<PlacedValue>,
    /// `GRUB_SERIAL_COMMAND`.
    pub serial_command: Option<PlacedValue>,
    /// `GRUB_THEME`, which needs a graphical terminal.
    pub theme: Option<PlacedValue>,
    /// `GRUB_DISABLE_OS_PROBER`.
    pub disable_os_prober: Option<PlacedValue>,
}

/// Where grub2's configuration is, besides `boot/efi/EFI/*/grub.cfg`, which counts before these.
const GRUB2_PATHS: [&str; 2] = ["boot/grub2/grub.cfg", "boot/grub/grub.cfg"];
/// Where GRUB legacy's menu is; `grub.conf` is Red Hat's name for it.
const LEGACY_PATHS: [&str; 5] = [
    "boot/grub/grub.conf",
    "boot/grub/menu.lst",
    "boot/efi/EFI/redhat/grub.conf",
    "etc/grub.conf",
    "etc/menu.lst",
];
/// Where extlinux and syslinux have their configuration.
const EXTLINUX_PATHS: [&str; 4] =
    ["boot/extlinux/extlinux.conf", "boot/extlinux.conf", "boot/syslinux/syslinux.cfg", "boot/syslinux.cfg"];

/// Reads the boot loaders' configuration. `kernels` are the installed ones, for systems where nothing lists them.
#[must_use]
pub fn gather(gather: &Gather<'_>, kernels: &[Kernel]) -> BootConfig {
    let files = BootFiles::new(gather);
    let mut config = BootConfig {
        loaders: loaders(gather),
        grubenv: environment::gather(gather),
        etc_default_grub: environment::defaults(gather),
        kernel_cmdline: environment::kernel_cmdline(gather),
        other_loaders: foreign::other_loaders(gather),
        running: environment::running(gather),
        ..BootConfig::default()
    };
    let (mut used, mut stub, mut empty) = (None, None, None);
    for (index, loader) in config.loaders.iter().enumerate() {
        let resolved = read_loader(gather, &files, loader);
        if let Some(resolved) = &resolved {
            stub = stub.or_else(|| resolved.stub.clone());
            // A stub whose way leads nowhere is no menu of its own.
            if resolved.is_empty && resolved.stub.is_none() {
                empty.get_or_insert_with(|| loader.at.clone());
            }
        }
        if let Some(resolved) = resolved.filter(|resolved| !resolved.entries.is_empty()) {
            used = Some((index, resolved));
            break;
        }
    }
    config.stub = stub;
    let Some((index, resolved)) = used else {
        let unread = config.loaders.iter().find_map(|loader| loader.unreadable.clone());
        let needs = unread.unwrap_or_else(|| "the boot loader's configuration".to_owned());
        config.entries = unlisted(kernels, &needs);
        config.default_entry = Known::Unknown { needs };
        config.empty_menu = empty;
        return config;
    };
    config.take(resolved);
    let has_bls = config.entries.iter().any(|entry| entry.source == EntrySource::Bls);
    for (number, loader) in config.loaders.iter_mut().enumerate() {
        loader.is_used = number == index || (loader.kind == EntrySource::Bls && has_bls);
    }
    config.probed = foreign::probed(gather, &config);
    config.other_menus = foreign::other_menus(gather, &files, &config);
    config.drift = drift::find(&config);
    config
}

impl BootConfig {
    fn take(&mut self, resolved: Resolved) {
        self.entries = resolved.entries;
        self.stale_default = resolved.stale_default;
        self.timeout = resolved.timeout;
        let default = resolved.default.get().copied().flatten();
        if let Some(entry) = default.and_then(|index| self.entries.get_mut(index)) {
            entry.default = true;
        }
        let id = |index: usize| self.entries.get(index).map(|entry| entry.id.clone());
        self.default_entry = resolved.default.map(|index| index.and_then(id));
    }

    /// Looks up the devices that entries and settings name in what is known of the machine.
    pub fn resolve(&mut self, devices: &BlockDevices, groups: &[VolumeGroup]) {
        for entry in &mut self.entries {
            if let Known::Known(line) = &mut entry.cmdline {
                line.resolve(devices, groups);
            }
            if let Some(searched) = &mut entry.searched {
                searched.resolve(devices, groups);
            }
        }
        let defaults = self.etc_default_grub.iter_mut();
        let lines =
            defaults.flat_map(|defaults| defaults.cmdline.iter_mut().chain(&mut defaults.cmdline_default));
        let lines = lines.chain(&mut self.kernel_cmdline);
        let lines =
            lines.chain(self.grubenv.iter_mut().filter_map(|environment| environment.kernelopts.as_mut()));
        lines.for_each(|line| line.resolve(devices, groups));
    }

    /// The entry that starts by itself, if it is known and starts Linux.
    #[must_use]
    pub fn default_boot_entry(&self) -> Option<&BootEntry> {
        self.entries.iter().find(|entry| entry.default)
    }
}

/// The configuration files that are there, each once even if links lead to it from several names.
fn loaders(gather: &Gather<'_>) -> Vec<Loader> {
    let mut candidates = Vec::new();
    candidates.extend(on_efi_partition(gather).into_iter().map(|path| (EntrySource::Grub2, path)));
    candidates.extend(GRUB2_PATHS.map(|path| (EntrySource::Grub2, path.to_owned())));
    candidates.extend(LEGACY_PATHS.map(|path| (EntrySource::GrubLegacy, path.to_owned())));
    candidates.extend(EXTLINUX_PATHS.map(|path| (EntrySource::Extlinux, path.to_owned())));
    let mut seen = Vec::new();
    let mut loaders = Vec::new();
    for (kind, path) in candidates {
        let resolved = gather.tree.resolve(&path).ok();
        if resolved.as_ref().is_some_and(|resolved| seen.contains(resolved)) {
            continue;
        }
        // Read here once for the trouble alone; the content is small and is read again when its turn comes.
        let unreadable = match gather.read(&path) {
            Found::Absent => continue,
            Found::Present(_) => None,
            Found::Unreadable { needs } => Some(needs),
        };
        seen.extend(resolved);
        loaders.push(Loader { kind, at: Place::file(path), is_used: false, unreadable });
    }
    let folder = bls::folder(gather).or_else(|| uki::folder(gather)).map(|folder| Loader {
        kind: EntrySource::Bls,
        at: Place::file(folder),
        is_used: false,
        unreadable: None,
    });
    loaders.extend(folder);
    loaders
}

/// The files `EFI/*/grub.cfg` on the EFI system partition, whose names have no case.
fn on_efi_partition(gather: &Gather<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["boot/efi", "efi"] {
        let named = |folder: &str, name: &'static str| {
            let names = gather.found(gather.tree.list(folder)).present().unwrap_or_default();
            let names = names.into_iter().filter_map(|own| own.into_string().ok());
            names.filter(move |own| name.is_empty() || own.eq_ignore_ascii_case(name)).collect::<Vec<_>>()
        };
        for efi in named(folder, "efi").into_iter().map(|name| format!("{folder}/{name}")) {
            for vendor in named(&efi, "").into_iter().map(|name| format!("{efi}/{name}")) {
                let files = named(&vendor, "grub.cfg");
                found.extend(files.into_iter().map(|name| format!("{vendor}/{name}")));
            }
        }
    }
    found
}

fn read_loader(gather: &Gather<'_>, files: &BootFiles<'_>, loader: &Loader) -> Option<Resolved> {
    let path = loader.at.path.as_ref();
    match loader.kind {
        EntrySource::Grub2 => {
            let mut runner = Runner::new(gather, files);
            let nodes = runner.run_config(path)?;
            Some(menu::resolve(nodes, &mut runner, files))
        }
        EntrySource::GrubLegacy => gather.read(path).present().map(|file| legacy::grub(gather, files, &file)),
        EntrySource::Extlinux => gather.read(path).present().map(|file| legacy::extlinux(files, &file)),
        EntrySource::Bls => {
            let mut runner = Runner::new(gather, files);
            runner.load_saved();
            let mut nodes = bls::nodes(gather, &runner.variables);
            nodes.extend(uki::nodes(gather));
            Some(menu::resolve(nodes, &mut runner, files))
        }
        EntrySource::NoneListed => None,
    }
}

/// An entry for each kernel image, with the initrd of its release.
fn unlisted(kernels: &[Kernel], needs: &str) -> Vec<BootEntry> {
    let with_image = kernels.iter().filter_map(|kernel| Some((kernel, kernel.image.as_ref()?)));
    let entries = with_image.map(|(kernel, image)| BootEntry {
        id: kernel.release.clone(),
        title: format!("Linux {}", kernel.release),
        at: kernel.at.clone(),
        source: EntrySource::NoneListed,
        default: false,
        kernel: image.clone(),
        kernel_at: kernel.at.clone(),
        kernel_exists: Known::Known(true),
        release: Some(kernel.release.clone()),
        initrds: kernel
            .initrds
            .iter()
            .take(1)
            .map(|path| EntryFile {
                path: path.clone(),
                exists: Known::Known(true),
                at: Place::file(path.as_str()),
            })
            .collect(),
        cmdline: Known::unknown(needs),
        hypervisor: None,
        searched: None,
        grub: None,
        is_rescue: kernel.flavours.iter().any(|flavour| flavour == "rescue"),
    });
    entries.collect()
}
