//! Binding drivers as the kernel and udev do it.
//!
//! A device announces itself by its modalias. A driver that is built in binds at once; else udev's rule
//! 80-drivers.rules has libkmod look the modalias up in the image's index of aliases, take out blacklisted modules,
//! and load each that is left with what `modules.dep` says it needs (libkmod-module.c,
//! `kmod_module_new_from_lookup`, `kmod_module_probe_insert_module`). An image without udev loads what its script
//! names. A dependency that is listed but absent keeps a module from loading; a soft dependency does not.

mod forbidden;
mod load;
mod scripts;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::initrd_view::InitrdView;
use crate::facts::command_line::CommandLine;
use crate::facts::module_tables::ModuleTables;
use crate::initrd::{Kind, Module, ModuleName};
use crate::parse::modules;
use crate::target::Target;
use forbidden::Forbidden;
use load::{LoadFailure, Loading};
use scripts::{Named, Scripted};
use tables::Tables;

/// Drivers whose tables match whole classes of controllers, but which decline the devices unless told to take them
/// (drivers/ata/ata_generic.c: `all_generic_ide`; drivers/ata/pata_acpi.c: needs ACPI timing methods, which virtual
/// machines lack).
const DECLINING: [&str; 2] = ["ata_generic", "pata_acpi"];

/// How the modalias of a USB disk ends that speaks the old protocol alone: `uas` lists these, too, and declines them
/// (drivers/usb/storage/uas.c, `uas_use_uas_driver`).
const BULK_ONLY: &str = "ip50";

/// A device that exists only once its driver is there: on x86 `virtio_mmio` makes it from `virtio_mmio.device=` on the
/// command line (drivers/virtio/virtio_mmio.c), so that nothing announces it to udev before. Where firmware describes
/// it, it comes as `acpi:LNRO0005:` or `of:…Cvirtio,mmio`.
const MADE_BY_ITS_DRIVER: &str = "platform:virtio-mmio";

/// Why a device stays without a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BindFailure {
    /// The initrd has the driver, but not a module that the driver needs.
    DependencyMissing,
    /// The driver is blacklisted, or an `install` line keeps it from loading.
    Blacklisted,
    /// The driver in the initrd was built for another kernel, or the initrd's modules are all for another one.
    WrongKernel,
    /// The driver's file in the initrd is damaged.
    Damaged,
    /// The initrd has the driver, but nothing in it loads it: no udev, no index of aliases, no script that names it.
    NotLoaded,
    /// The kernel has the driver as a module, but the initrd lacks it.
    NotInInitrd,
    /// The kernel has the driver as a module, and there is no initrd.
    NoInitrd,
    /// The kernel has no driver for it.
    NoDriver,
    /// The kernel's driver answers to it and then declines, because the device is newer than the driver.
    TooOld,
}

/// What becomes of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// A driver binds it.
    Bound {
        /// The driver.
        driver: ModuleName,
        /// Whether it is built into the kernel.
        builtin: bool,
    },
    /// None does.
    Failed {
        /// Why.
        reason: BindFailure,
        /// The driver that would; none if the kernel has none.
        driver: Option<ModuleName>,
        /// The module that is missing or at fault: the driver itself, or one that it needs.
        module: Option<ModuleName>,
        /// Where a line forbids it: the file inside the initrd, or the parameter.
        forbidden_by: Option<String>,
        /// Why nothing loads it, in words.
        because: Option<String>,
    },
    /// The input does not say.
    Unknown {
        /// What would settle it.
        needs: String,
    },
}

/// By modalias, the modules that a kernel's own tree has for it. The same for all entries that boot the kernel.
pub(super) type InTree<'a> = BTreeMap<&'a str, Vec<ModuleName>>;

/// Looks `names` up in the tree of a kernel.
pub(super) fn in_tree<'a>(tables: Option<&ModuleTables>, names: &[&'a str]) -> InTree<'a> {
    let mut found = InTree::new();
    for (index, module) in tables.map(|tables| tables.matching(names)).unwrap_or_default() {
        if let Some(name) = names.get(index) {
            found.entry(name).or_default().push(module);
        }
    }
    found
}

/// The drivers of one kernel with the initrds of one entry.
#[derive(Debug)]
pub(super) struct Drivers<'a> {
    release: &'a str,
    /// What the kernel's modules have as their vermagic, as far as one of them is at hand.
    own_magic: Option<String>,
    tables: Option<&'a ModuleTables>,
    /// Whether the kernel's virtio driver is from before version 1.0.
    has_old_virtio: bool,
    has_initrd: bool,
    initrd_known: bool,
    foreign_releases: Vec<&'a str>,
    /// Modules of the image by name.
    present: BTreeMap<&'a ModuleName, &'a Module>,
    /// By the modaliases asked for, the modules of the image that say of themselves that they answer to it.
    own: BTreeMap<&'a str, BTreeSet<&'a ModuleName>>,
    /// What the image's tables say.
    tables_of_image: Tables<'a>,
    in_tree: &'a InTree<'a>,
    /// Why nothing in the image loads modules as devices appear; nothing speaks against it if none.
    no_autoload: Option<String>,
    /// Why modprobe does not run, and with it neither the scripts' lines nor the kernel's requests (`fs-ext4`) work.
    no_modprobe: Option<String>,
    /// Whether nothing answers the kernel's requests: nash gives its own name to `/sbin/modprobe`.
    ignores_requests: bool,
    forbidden: Forbidden,
    /// Modules that scripts of the image load by name.
    scripted: Scripted,
}

/// What [`Drivers`] is made of.
pub(super) struct Sources<'a> {
    /// The kernel's release.
    pub(super) release: &'a str,
    /// What is known of its modules.
    pub(super) tables: Option<&'a ModuleTables>,
    /// Whether its virtio driver is known to be from before version 1.0.
    pub(super) has_old_virtio: bool,
    /// What its tree has for the modaliases.
    pub(super) in_tree: &'a InTree<'a>,
    /// The entry's initrds that were read.
    pub(super) view: &'a InitrdView<'a>,
    /// Whether the entry has an initrd that takes part in the boot.
    pub(super) has_initrd: bool,
    /// Whether all initrds that it names were read.
    pub(super) initrd_known: bool,
    /// Its command line, if that is known.
    pub(super) cmdline: Option<&'a CommandLine>,
    /// Every modalias and `fs-` name that will be asked for.
    pub(super) names: &'a [&'a str],
}

impl<'a> Drivers<'a> {
    /// Looks up all names at once: the tables are read once for all targets.
    pub(super) fn new(sources: &Sources<'a>) -> Self {
        let Sources { release, view, names, .. } = *sources;
        let kind = view.kind();
        let foreign_releases = if view.releases().contains(&release) { Vec::new() } else { view.releases() };
        let present: BTreeMap<&ModuleName, &Module> = view.modules(release).collect();
        let magic = |module: &&Module| {
            let info = module.info.as_ref().ok()?;
            (info.release() == Some(release)).then(|| info.vermagic().map(str::to_owned)).flatten()
        };
        let own_magic = present.values().find_map(magic);
        let tables_of_image = Tables::new(view, release, names);
        let mut drivers = Self {
            release,
            own_magic,
            tables: sources.tables,
            has_old_virtio: sources.has_old_virtio,
            has_initrd: sources.has_initrd,
            initrd_known: sources.initrd_known,
            foreign_releases,
            own: own_aliases(&present, names),
            present,
            no_autoload: view.autoload().err().or_else(|| tables_of_image.trouble().map(str::to_owned)),
            no_modprobe: view.modprobe().err(),
            ignores_requests: kind == Kind::MkinitrdNash,
            tables_of_image,
            in_tree: sources.in_tree,
            forbidden: Forbidden::new(view, sources.cmdline),
            scripted: Scripted::default(),
        };
        let loads = view.read.iter().flat_map(|(_, image)| &image.maker.loads);
        let mut named: Vec<Named> = loads.map(|load| Named::of_script(load, kind)).collect();
        if let Some(line) = sources.cmdline {
            named.extend(Named::of_cmdline(line, kind, view.has_systemd()));
        }
        drivers.scripted = Scripted::run(&named, &drivers);
        drivers
    }

    /// What becomes of the device that announces itself as `modalias`, which was among the names asked for.
    pub(super) fn bind(&self, modalias: &str) -> Binding {
        if self.declines(modalias) {
            let driver = Some(ModuleName::new("virtio_pci"));
            return Binding::Failed {
                reason: BindFailure::TooOld,
                module: driver.clone(),
                driver,
                forbidden_by: None,
                because: None,
            };
        }
        if let Some(by) = self.forbidden.without_bus(modalias) {
            return Binding::Failed {
                reason: BindFailure::Blacklisted,
                driver: None,
                module: self.candidates(modalias).into_iter().next(),
                forbidden_by: Some(by.to_owned()),
                because: None,
            };
        }
        if let Some(driver) = self.builtin_driver(modalias) {
            return match self.forbidden.without_start(&driver) {
                Some(by) => {
                    failed(driver.clone(), LoadFailure::forbidden(BindFailure::Blacklisted, &driver, by))
                }
                None => Binding::Bound { driver, builtin: true },
            };
        }
        let mut failures = Vec::new();
        for module in self.candidates(modalias) {
            match self.load_for_device(modalias, &module) {
                Ok(_) => return Binding::Bound { driver: module, builtin: false },
                Err(failure) => failures.push((module, failure)),
            }
        }
        failures.sort_by_key(|(_, failure)| failure.reason);
        if let Some((driver, failure)) = failures.into_iter().next() {
            // What is absent from the image may be built in, as long as nobody knows what is.
            if failure.reason == BindFailure::DependencyMissing
                && let Err(needs) = self.builtin_known()
            {
                return Binding::Unknown { needs };
            }
            return failed(driver, failure);
        }
        self.without_candidate(modalias)
    }

    /// Whether the kernel's driver answers to the device and then declines it: `virtio_pci` before Linux 4.0 has all devices of the
    /// vendor in its table, and takes those up to 103f (drivers/virtio/virtio_pci.c, `virtio_pci_probe`).
    pub(super) fn declines(&self, modalias: &str) -> bool {
        let number = modalias.strip_prefix("pci:v00001AF4d0000").and_then(|rest| rest.get(..4));
        let number = number.and_then(|number| u32::from_str_radix(number, 16).ok());
        self.has_old_virtio && number.is_some_and(|number| (0x1040..0x1080).contains(&number))
    }

    /// Every module that is in the kernel once the device has appeared: all that answer to its modalias and load, with
    /// what they need. Built-in ones are not among them.
    pub(super) fn modules_for(&self, modalias: &str) -> BTreeSet<ModuleName> {
        if self.forbidden.without_bus(modalias).is_some() {
            return BTreeSet::new();
        }
        let answering = self.answering(modalias).into_iter();
        answering.filter_map(|module| self.load_for_device(modalias, &module).ok()).flatten().collect()
    }

    /// Whether the module can be used: built in, or loadable from the image by name.
    ///
    /// # Errors
    /// The reason and the module at fault.
    pub(super) fn has_module(&self, name: &ModuleName) -> Result<(), (BindFailure, ModuleName)> {
        if self.scripted.loaded.contains(name) {
            return Ok(());
        }
        self.load(name, &mut Loading::default()).map_err(|failure| (failure.reason, failure.module))
    }

    /// Loads the module that answers to `alias` or is called `name` on `target`, as the kernel asks for a file
    /// system's driver when it is mounted: through its alias, so that the blacklist counts.
    pub(super) fn load_for_name(&self, alias: &str, name: &ModuleName, target: &Target) -> Binding {
        if let Some(driver) = self.builtin_driver(alias) {
            return Binding::Bound { driver, builtin: true };
        }
        if self.is_builtin(name) {
            return Binding::Bound { driver: name.clone(), builtin: true };
        }
        let mut failure = None;
        for module in std::iter::once(name.clone()).chain(self.candidates(alias)) {
            match self.load_on_request(&module, target) {
                Ok(()) => return Binding::Bound { driver: module, builtin: false },
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        if let Err(needs) = self.builtin_known() {
            return Binding::Unknown { needs };
        }
        let failure = failure.unwrap_or_else(|| LoadFailure::new(BindFailure::NotInInitrd, name));
        failed(name.clone(), failure)
    }

    fn load_on_request(&self, module: &ModuleName, target: &Target) -> Result<(), LoadFailure> {
        if self.scripted.loaded.contains(module) {
            return Ok(());
        }
        if let Some(by) = self.forbidden.blacklist.get(module) {
            return Err(LoadFailure::forbidden(BindFailure::Blacklisted, module, by.clone()));
        }
        self.load(module, &mut Loading::on(target))?;
        match &self.no_modprobe {
            Some(because) => Err(LoadFailure::because(BindFailure::NotLoaded, module, because.clone())),
            None if self.ignores_requests => {
                let because = "the init script of the initrd does not load it";
                Err(LoadFailure::because(BindFailure::NotLoaded, module, because))
            }
            None => Ok(()),
        }
    }

    /// Whether it is known what is built into the kernel.
    pub(super) fn builtin_known(&self) -> Result<(), String> {
        match self.tables.map(|tables| &tables.builtin) {
            Some(builtin) => builtin.needs().map_or(Ok(()), |needs| Err(needs.to_owned())),
            None => Err(format!("`lib/modules/{}`", self.release)),
        }
    }

    /// The modules of the kernel's tree that answer to `name` and that neither the kernel nor the image has.
    pub(super) fn absent_from_image(&self, name: &str) -> Vec<ModuleName> {
        let known = self.in_tree.get(name).map(Vec::as_slice).unwrap_or_default().iter();
        let absent = known.filter(|module| !self.present.contains_key(module) && !self.is_builtin(module));
        let mut absent: Vec<ModuleName> =
            absent.filter(|module| takes_device(module, name)).cloned().collect();
        absent.sort();
        absent.dedup();
        absent
    }

    /// The kernel's release; empty when nobody knows it.
    pub(super) fn release(&self) -> &'a str {
        self.release
    }

    /// What binds a device once the root is there: `Ok` the module built in, `Err` those of the kernel's tree.
    pub(super) fn in_root(&self, modalias: &str) -> Result<ModuleName, Vec<ModuleName>> {
        match self.builtin_driver(modalias) {
            Some(driver) => Ok(driver),
            None => Err(self.in_tree.get(modalias).cloned().unwrap_or_default()),
        }
    }

    /// The releases that the image has modules for, if none is for this kernel.
    pub(super) fn foreign_releases(&self) -> &[&'a str] {
        &self.foreign_releases
    }

    fn is_builtin(&self, name: &ModuleName) -> bool {
        self.tables.is_some_and(|tables| tables.is_builtin(name) == Some(true))
    }

    fn builtin_driver(&self, modalias: &str) -> Option<ModuleName> {
        let mut drivers = self.tables?.builtin_matching(modalias);
        drivers.find(|driver| takes_device(driver, modalias)).cloned()
    }

    /// The modules of the image that answer to `modalias`, whether or not they take the device.
    fn answering(&self, modalias: &str) -> Vec<ModuleName> {
        let by_hand = self.forbidden.aliased(modalias);
        if !by_hand.is_empty() {
            return by_hand;
        }
        let asked_before = self.own.get(modalias);
        let own: Vec<ModuleName> = match asked_before {
            Some(modules) => modules.iter().map(|module| (*module).clone()).collect(),
            None => self.present.values().filter(|m| answers(m, modalias)).map(|m| m.name.clone()).collect(),
        };
        let mut all = self.tables_of_image.answering(modalias);
        all.extend(own);
        all.sort();
        all.dedup();
        all
    }

    /// The modules of the image that may bind the device.
    fn candidates(&self, modalias: &str) -> Vec<ModuleName> {
        self.answering(modalias).into_iter().filter(|module| takes_device(module, modalias)).collect()
    }

    /// Loads a module because a device asked for it, or because a script named it; gives all that came with it.
    fn load_for_device(
        &self,
        modalias: &str,
        module: &ModuleName,
    ) -> Result<BTreeSet<ModuleName>, LoadFailure> {
        if self.scripted.loaded.contains(module) {
            let mut loading = Loading::default();
            // insmod lines load what no table knows.
            let _ = self.load(module, &mut loading);
            loading.loaded.insert(module.clone());
            return Ok(loading.loaded);
        }
        let failed = self.scripted.failed.get(module);
        if modalias == MADE_BY_ITS_DRIVER {
            let because = "the device is made by its own driver, which nothing loads by name".to_owned();
            return Err(failed
                .cloned()
                .unwrap_or_else(|| LoadFailure::because(BindFailure::NotLoaded, module, because)));
        }
        if let Some(because) = &self.no_autoload {
            return Err(failed
                .cloned()
                .unwrap_or_else(|| LoadFailure::because(BindFailure::NotLoaded, module, because.clone())));
        }
        if let Some(by) = self.forbidden.blacklist.get(module) {
            return Err(LoadFailure::forbidden(BindFailure::Blacklisted, module, by.clone()));
        }
        let known = self.tables_of_image.answering(modalias);
        if !known.contains(module) && self.forbidden.aliased(modalias).is_empty() {
            // What the index lacks is not found, but where the module would not load anyway that is the reason.
            self.load(module, &mut Loading::default())?;
            let because = "`modules.alias` in the initrd does not know it for this device";
            return Err(LoadFailure::because(BindFailure::NotLoaded, module, because));
        }
        let mut loading = Loading::default();
        self.load(module, &mut loading)?;
        Ok(loading.loaded)
    }

    /// What becomes of a device that no module of the image answers to.
    fn without_candidate(&self, modalias: &str) -> Binding {
        let failed = |reason, driver: Option<ModuleName>| Binding::Failed {
            reason,
            module: driver.clone(),
            driver,
            forbidden_by: None,
            because: None,
        };
        let known = self.in_tree.get(modalias).map(Vec::as_slice).unwrap_or_default();
        let driver = known.iter().find(|module| takes_device(module, modalias)).cloned();
        if !self.initrd_known {
            return Binding::Unknown { needs: "the initrd itself".to_owned() };
        }
        if let Some(driver) = driver {
            if !self.has_initrd {
                return failed(BindFailure::NoInitrd, Some(driver));
            }
            let reason = if self.foreign_releases.is_empty() {
                BindFailure::NotInInitrd
            } else {
                BindFailure::WrongKernel
            };
            return failed(reason, Some(driver));
        }
        // No module of this kernel answers to it, as far as its tree is there: it is built in, or there is none.
        if let Err(needs) = self.builtin_known() {
            return Binding::Unknown { needs };
        }
        if self.tables.is_some_and(|tables| tables.has_tree) {
            return failed(BindFailure::NoDriver, None);
        }
        Binding::Unknown { needs: format!("`lib/modules/{}/modules.alias`", self.release) }
    }
}

fn failed(driver: ModuleName, failure: LoadFailure) -> Binding {
    let LoadFailure { reason, module, forbidden_by, because } = failure;
    Binding::Failed { reason, driver: Some(driver), module: Some(module), forbidden_by, because }
}

/// Whether the driver binds the device, which its table matches, without being told to.
fn takes_device(module: &ModuleName, modalias: &str) -> bool {
    let declines = module.as_str() == "uas" && modalias.starts_with("usb:") && modalias.contains(BULK_ONLY);
    !declines && !DECLINING.contains(&module.as_str())
}

/// By each of `names`, the modules of the image that answer to it by their own `.modinfo`: looked at once for all
/// targets.
fn own_aliases<'a>(
    present: &BTreeMap<&'a ModuleName, &'a Module>,
    names: &[&'a str],
) -> BTreeMap<&'a str, BTreeSet<&'a ModuleName>> {
    let wanted = modules::Names::new(names);
    let mut own: BTreeMap<&str, BTreeSet<&ModuleName>> =
        names.iter().map(|name| (*name, BTreeSet::new())).collect();
    for (name, module) in present {
        let aliases = module.info.iter().flat_map(|info| info.aliases());
        for alias in aliases {
            for answered in wanted.matching(alias.as_bytes()).filter_map(|index| names.get(index)) {
                own.entry(answered).or_default().insert(name);
            }
        }
    }
    own
}

/// Whether a module's own `.modinfo` answers to `name`.
fn answers(module: &Module, name: &str) -> bool {
    let Ok(info) = &module.info else { return false };
    info.aliases().any(|alias| modules::alias_matches(alias.as_bytes(), name.as_bytes()))
}
