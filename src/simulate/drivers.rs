//! Binding drivers as the kernel and udev do it.
//!
//! A device announces itself by its modalias. A driver that is built in binds at once; else udev's rule
//! 80-drivers.rules has libkmod look the modalias up in the image's `modules.alias`, take out blacklisted modules,
//! and load each that is left with what `modules.dep` says it needs (libkmod-module.c,
//! `kmod_module_new_from_lookup`, `kmod_module_probe_insert_module`). An image without udev loads what its script
//! names. A dependency that is listed but absent keeps a module from loading; a soft dependency does not.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::initrd_view::InitrdView;
use crate::facts::command_line::CommandLine;
use crate::facts::module_tables::ModuleTables;
use crate::initrd::{Kind, Module, ModuleName};
use crate::parse::modprobe::{self, DirectiveKind};
use crate::parse::modules;

/// Drivers whose tables match whole classes of controllers, but which decline the devices unless told to take them
/// (drivers/ata/ata_generic.c: `all_generic_ide`; drivers/ata/pata_acpi.c: needs ACPI timing methods, which virtual
/// machines lack).
const DECLINING: [&str; 2] = ["ata_generic", "pata_acpi"];

/// Modules that one load may need in a chain; the deepest real chains (mlx5, amdgpu) have some 20.
const MAX_CHAIN: usize = 64;

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
    },
    /// The input does not say.
    Unknown {
        /// What would settle it.
        needs: String,
    },
}

/// Why a module does not load.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LoadFailure {
    reason: BindFailure,
    module: ModuleName,
    forbidden_by: Option<String>,
}

/// The drivers of one kernel with the initrds of one entry.
#[derive(Debug)]
pub(super) struct Drivers<'a> {
    release: &'a str,
    tables: Option<&'a ModuleTables>,
    has_initrd: bool,
    initrd_known: bool,
    foreign_releases: Vec<&'a str>,
    /// Modules of the image by name.
    present: BTreeMap<&'a ModuleName, &'a Module>,
    /// What `modules.dep` of the image says each needs.
    needs: BTreeMap<ModuleName, Vec<ModuleName>>,
    /// By modalias: the modules that the image's index of aliases gives.
    indexed: BTreeMap<&'a str, Vec<ModuleName>>,
    /// By modalias: the modules that the kernel's tree has for it.
    in_tree: BTreeMap<&'a str, Vec<ModuleName>>,
    autoload: bool,
    /// Modules that scripts of the image load by name.
    by_script: BTreeSet<&'a ModuleName>,
    /// Modules that are not loaded through an alias, and by what.
    blacklist: BTreeMap<ModuleName, String>,
    /// Modules that are not loaded at all, and by what.
    disabled: BTreeMap<ModuleName, String>,
}

/// What [`Drivers`] is made of.
pub(super) struct Sources<'a> {
    /// The kernel's release.
    pub(super) release: &'a str,
    /// What is known of its modules.
    pub(super) tables: Option<&'a ModuleTables>,
    /// The entry's initrds that were read.
    pub(super) view: &'a InitrdView<'a>,
    /// Whether the entry names an initrd.
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
        let present: BTreeMap<&ModuleName, &Module> = view.modules(release).collect();
        let folder = format!("lib/modules/{release}");
        let table = |name: &str| view.text(&format!("{folder}/{name}"));
        let needs = table("modules.dep").map(needed_modules).unwrap_or_default();
        let alias = table("modules.alias");
        let has_index = view.has_any(&[&format!("{folder}/modules.alias.bin")]) || alias.is_some();
        let mut indexed = BTreeMap::<&str, Vec<ModuleName>>::new();
        let mut add = |index: usize, module: ModuleName| {
            if let Some(name) = names.get(index) {
                indexed.entry(name).or_default().push(module);
            }
        };
        match alias {
            Some(alias) => {
                let found = modules::matching_aliases(alias, names);
                found.into_iter().for_each(|(index, module)| add(index, ModuleName::new(module)));
            }
            // The index that libkmod reads is binary; what went into it stands in the modules themselves.
            None => present.values().for_each(|module| {
                let answered = names.iter().enumerate().filter(|(_, name)| answers(module, name));
                answered.for_each(|(index, _)| add(index, module.name.clone()));
            }),
        }
        let mut in_tree = BTreeMap::<&str, Vec<ModuleName>>::new();
        for (index, module) in sources.tables.map(|tables| tables.matching(names)).unwrap_or_default() {
            if let Some(name) = names.get(index) {
                in_tree.entry(name).or_default().push(module);
            }
        }
        let foreign_releases = if view.releases().contains(&release) { Vec::new() } else { view.releases() };
        let (blacklist, disabled) = forbidden(view, sources.cmdline);
        let udev = view.has_udev() && view.kind() != Kind::MkinitrdNash;
        Self {
            release,
            tables: sources.tables,
            has_initrd: sources.has_initrd,
            initrd_known: sources.initrd_known,
            foreign_releases,
            present,
            needs,
            indexed,
            in_tree,
            autoload: udev && has_index,
            by_script: view
                .read
                .iter()
                .flat_map(|(_, image)| &image.maker.loads)
                .map(|load| &load.name)
                .collect(),
            blacklist,
            disabled,
        }
    }

    /// What becomes of the device that announces itself as `modalias`, which was among the names asked for.
    pub(super) fn bind(&self, modalias: &str) -> Binding {
        if let Some(driver) = self.builtin_driver(modalias) {
            return Binding::Bound { driver, builtin: true };
        }
        let mut failures = Vec::new();
        for module in self.candidates(modalias) {
            match self.load_for_device(&module) {
                Ok(()) => return Binding::Bound { driver: module, builtin: false },
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
            return Binding::Failed {
                reason: failure.reason,
                driver: Some(driver),
                module: Some(failure.module),
                forbidden_by: failure.forbidden_by,
            };
        }
        self.without_candidate(modalias)
    }

    /// Whether the module can be used: built in, or loadable from the image by name.
    ///
    /// # Errors
    /// The reason and the module at fault.
    pub(super) fn has_module(&self, name: &ModuleName) -> Result<(), (BindFailure, ModuleName)> {
        self.load(name, 0).map_err(|failure| (failure.reason, failure.module))
    }

    /// Loads the module that answers to `alias` or is called `name`, as mount(2) and the initrd's scripts ask for a file
    /// system's driver: by name, so that no blacklist counts.
    pub(super) fn load_for_name(&self, alias: &str, name: &ModuleName) -> Binding {
        if let Some(driver) = self.builtin_driver(alias) {
            return Binding::Bound { driver, builtin: true };
        }
        if self.is_builtin(name) {
            return Binding::Bound { driver: name.clone(), builtin: true };
        }
        let mut failure = None;
        for module in std::iter::once(name.clone()).chain(self.candidates(alias)) {
            match self.load(&module, 0) {
                Ok(()) => return Binding::Bound { driver: module, builtin: false },
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        if let Err(needs) = self.builtin_known() {
            return Binding::Unknown { needs };
        }
        let failure = failure.unwrap_or(LoadFailure {
            reason: BindFailure::NotInInitrd,
            module: name.clone(),
            forbidden_by: None,
        });
        Binding::Failed {
            reason: failure.reason,
            driver: Some(name.clone()),
            module: Some(failure.module),
            forbidden_by: failure.forbidden_by,
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
            absent.filter(|module| !DECLINING.contains(&module.as_str())).cloned().collect();
        absent.sort();
        absent.dedup();
        absent
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
        drivers.find(|driver| !DECLINING.contains(&driver.as_str())).cloned()
    }

    /// The modules of the image that answer to `modalias`.
    fn candidates(&self, modalias: &str) -> Vec<ModuleName> {
        let indexed = self.indexed.get(modalias).map(Vec::as_slice).unwrap_or_default().iter().cloned();
        let own = self.present.values().filter(|module| answers(module, modalias)).map(|m| m.name.clone());
        let mut all: Vec<ModuleName> =
            indexed.chain(own).filter(|module| !DECLINING.contains(&module.as_str())).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Loads a module because a device asked for it, or because a script named it.
    fn load_for_device(&self, module: &ModuleName) -> Result<(), LoadFailure> {
        let failure = |reason, forbidden_by| LoadFailure { reason, module: module.clone(), forbidden_by };
        if !self.by_script.contains(module) {
            if !self.autoload {
                return Err(failure(BindFailure::NotLoaded, None));
            }
            if let Some(by) = self.blacklist.get(module) {
                return Err(failure(BindFailure::Blacklisted, Some(by.clone())));
            }
        }
        self.load(module, 0)
    }

    /// Loads a module with all it needs.
    fn load(&self, name: &ModuleName, depth: usize) -> Result<(), LoadFailure> {
        if self.is_builtin(name) {
            return Ok(());
        }
        let fail = |reason| LoadFailure { reason, module: name.clone(), forbidden_by: None };
        if let Some(by) = self.disabled.get(name) {
            return Err(LoadFailure { forbidden_by: Some(by.clone()), ..fail(BindFailure::Blacklisted) });
        }
        let Some(module) = self.present.get(name) else {
            return Err(fail(if self.has_initrd { BindFailure::NotInInitrd } else { BindFailure::NoInitrd }));
        };
        let Ok(info) = &module.info else {
            return Err(fail(BindFailure::Damaged));
        };
        if info.vermagic().is_some_and(|magic| !self.accepts(magic)) {
            return Err(fail(BindFailure::WrongKernel));
        }
        if depth > MAX_CHAIN {
            return Err(fail(BindFailure::DependencyMissing));
        }
        // depmod, run inside the image, lists only what is there; a module's own word is not shortened that way.
        let listed = self.needs.get(name).into_iter().flatten().cloned();
        let needed: BTreeSet<ModuleName> = listed.chain(info.depends()).collect();
        for needed in needed {
            if &needed != name {
                self.load(&needed, depth + 1).map_err(|failure| match failure.reason {
                    BindFailure::NotInInitrd => {
                        LoadFailure { reason: BindFailure::DependencyMissing, ..failure }
                    }
                    _ => failure,
                })?;
            }
        }
        Ok(())
    }

    /// Whether this kernel takes a module with that vermagic. With `modversions` the release itself does not count
    /// (kernel/module/version.c, `same_magic`), which is what weak-updates live on.
    fn accepts(&self, magic: &str) -> bool {
        let mut words = magic.split_ascii_whitespace();
        let release = words.next().unwrap_or_default();
        release == self.release || words.any(|word| word == "modversions")
    }

    /// What becomes of a device that no module of the image answers to.
    fn without_candidate(&self, modalias: &str) -> Binding {
        let failed = |reason, driver: Option<ModuleName>| Binding::Failed {
            reason,
            module: driver.clone(),
            driver,
            forbidden_by: None,
        };
        let known = self.in_tree.get(modalias).map(Vec::as_slice).unwrap_or_default();
        let driver = known.iter().find(|module| !DECLINING.contains(&module.as_str())).cloned();
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

/// Whether a module's own `.modinfo` answers to `name`.
fn answers(module: &Module, name: &str) -> bool {
    let Ok(info) = &module.info else { return false };
    info.aliases().any(|alias| modules::alias_matches(alias.as_bytes(), name.as_bytes()))
}

/// By module, the modules that a `modules.dep` says it needs.
fn needed_modules(table: &[u8]) -> BTreeMap<ModuleName, Vec<ModuleName>> {
    let name = |path: &str| ModuleName::of_path(path.as_bytes());
    let lines = modules::dependencies(table);
    lines.filter_map(|line| Some((name(line.path)?, line.needs().filter_map(name).collect()))).collect()
}

type Forbidden = BTreeMap<ModuleName, String>;

/// What the image's modprobe.d and the command line keep from being loaded through an alias, and what they keep from
/// being loaded at all.
///
/// `modprobe.blacklist=` is libkmod's (modprobe(8)); `rd.driver.blacklist=` dracut writes into the image's modprobe.d;
/// `module_blacklist=` is the kernel's own and stops every load (kernel/module/main.c).
fn forbidden(view: &InitrdView<'_>, cmdline: Option<&CommandLine>) -> (Forbidden, Forbidden) {
    let (mut blacklist, mut disabled) = (Forbidden::new(), Forbidden::new());
    for folder in
        ["etc/modprobe.d/", "run/modprobe.d/", "usr/lib/modprobe.d/", "lib/modprobe.d/", "etc/modprobe.conf"]
    {
        for (path, text) in view.texts_below(folder) {
            let path = crate::source::escape_bytes(path);
            if folder.ends_with('/') && !path.ends_with(".conf") && view.kind() != Kind::MkinitrdNash {
                continue;
            }
            for directive in modprobe::parse(text).directives {
                let by = format!("`{path}` line {} in the initrd", directive.span.line);
                match directive.kind {
                    DirectiveKind::Blacklist(module) => {
                        blacklist.entry(ModuleName::new(&module)).or_insert(by);
                    }
                    DirectiveKind::Install(module, command) if modprobe::does_nothing(&command) => {
                        disabled.entry(ModuleName::new(&module)).or_insert(by);
                    }
                    _ => {}
                }
            }
        }
    }
    for entry in cmdline.map(|line| line.blacklist.as_slice()).unwrap_or_default() {
        let by = format!("`{}=` on the kernel command line", entry.param);
        let list = if entry.param == "module_blacklist" { &mut disabled } else { &mut blacklist };
        list.entry(ModuleName::new(&entry.module)).or_insert(by);
    }
    (blacklist, disabled)
}
