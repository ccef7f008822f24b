//! Loading a module: where its file is, what it needs first, what forbids it.
//!
//! As libkmod does it (libkmod-module.c, `kmod_module_probe_insert_module`), and as insmod does without it.

use std::collections::BTreeSet;

use super::{BindFailure, Drivers};
use crate::initrd::{ModInfo, Module, ModuleName};
use crate::target::Target;

/// Modules that one load may need in a chain; the deepest real chains (mlx5, amdgpu) have some 20.
const MAX_CHAIN: usize = 64;

/// File systems (and the library of some) that do not work unless something computes crc32c for them: they ask the
/// crypto layer when they start or mount (fs/ext4/super.c, "Cannot load crc32c driver"; lib/libcrc32c.c).
const NEED_CRC32C: [&str; 5] = ["ext4", "libcrc32c", "btrfs", "f2fs", "xfs"];

/// What computes crc32c, and the CPU's flag that it needs.
const CRC32C: [(&str, Option<&str>); 4] = [
    ("crc32c_generic", None),
    ("crc32c", None),
    ("crc32c_intel", Some("sse4_2")),
    ("crc32c_x86", Some("sse4_2")),
];

/// Why a module does not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoadFailure {
    pub(super) reason: BindFailure,
    pub(super) module: ModuleName,
    /// The line or parameter that forbids it.
    pub(super) forbidden_by: Option<String>,
    /// Why nothing loads it, in words.
    pub(super) because: Option<String>,
}

impl LoadFailure {
    pub(super) fn new(reason: BindFailure, module: &ModuleName) -> Self {
        Self { reason, module: module.clone(), forbidden_by: None, because: None }
    }

    pub(super) fn forbidden(reason: BindFailure, module: &ModuleName, by: String) -> Self {
        Self { forbidden_by: Some(by), ..Self::new(reason, module) }
    }

    pub(super) fn because(reason: BindFailure, module: &ModuleName, because: impl Into<String>) -> Self {
        Self { because: Some(because.into()), ..Self::new(reason, module) }
    }

    /// The failure of a module that needs the one at fault: what is merely not in the image is missing to it.
    fn of_dependency(self) -> Self {
        match self.reason {
            BindFailure::NotInInitrd => Self { reason: BindFailure::DependencyMissing, ..self },
            _ => self,
        }
    }
}

/// One load with all that it brings in.
#[derive(Debug, Default)]
pub(super) struct Loading<'t> {
    /// The modules that are loaded, those it began with included.
    pub(super) loaded: BTreeSet<ModuleName>,
    /// The modules that are being loaded, each because of the one before.
    chain: Vec<ModuleName>,
    /// The machine, where its CPU matters.
    target: Option<&'t Target>,
}

impl<'t> Loading<'t> {
    /// A load on `target`.
    pub(super) fn on(target: &'t Target) -> Self {
        Self { target: Some(target), ..Self::default() }
    }

    /// Whether the CPU has the flag, named as in /proc/cpuinfo; a target that says nothing has a current one.
    fn has_flag(&self, flag: &str) -> bool {
        let flags = self.target.and_then(|target| target.cpu_flags.as_ref());
        flags.is_none_or(|flags| flags.iter().any(|known| known == flag))
    }
}

impl<'a> Drivers<'a> {
    /// Loads a module with all it needs, as modprobe does.
    pub(super) fn load(&self, name: &ModuleName, loading: &mut Loading<'_>) -> Result<(), LoadFailure> {
        if self.is_builtin(name) || loading.loaded.contains(name) {
            return Ok(());
        }
        if loading.chain.contains(name) || loading.chain.len() > MAX_CHAIN {
            let because = "its modules need each other in a circle".to_owned();
            return Err(LoadFailure::because(BindFailure::DependencyMissing, name, because));
        }
        let info = self.fit(name)?;
        let listed = match &self.tables_of_image.needs {
            Ok(needs) => needs.get(name),
            Err(reason) => return Err(LoadFailure::because(BindFailure::NotLoaded, name, reason.clone())),
        };
        let Some(listed) = listed else {
            let because = "`modules.dep` in the initrd does not know it";
            return Err(LoadFailure::because(BindFailure::NotLoaded, name, because));
        };
        loading.chain.push(name.clone());
        let outcome = self.load_needed(name, info, listed, loading);
        loading.chain.pop();
        outcome?;
        loading.loaded.insert(name.clone());
        Ok(())
    }

    fn load_needed(
        &self,
        name: &ModuleName,
        info: &ModInfo,
        listed: &[ModuleName],
        loading: &mut Loading<'_>,
    ) -> Result<(), LoadFailure> {
        self.load_before(name, info, loading);
        // depmod, run inside the image, lists only what is there; a module's own word is not shortened that way.
        let needed: BTreeSet<ModuleName> = listed.iter().cloned().chain(info.depends()).collect();
        for needed in needed.iter().filter(|needed| *needed != name) {
            self.load(needed, loading).map_err(LoadFailure::of_dependency)?;
        }
        if NEED_CRC32C.contains(&name.as_str()) && asks_for_crc32c(info) {
            self.load_crc32c(loading)?;
        }
        Ok(())
    }

    /// Loads the soft dependencies; what fails of them is left out.
    fn load_before(&self, name: &ModuleName, info: &ModInfo, loading: &mut Loading<'_>) {
        let by_hand = self.forbidden.before.get(name).into_iter().flatten().map(String::as_str);
        let own: Vec<ModuleName> = info.softdeps_before().collect();
        let own = own.iter().map(ModuleName::as_str);
        let wanted: BTreeSet<&str> =
            self.tables_of_image.before(name).iter().copied().chain(by_hand).chain(own).collect();
        for wanted in wanted {
            let module = ModuleName::new(wanted);
            let modules = if self.present.contains_key(&module) {
                vec![module]
            } else {
                self.tables_of_image.looked_up(wanted)
            };
            for module in modules {
                // An error here keeps nothing else from loading (`kmod_module_probe_insert_module`, `required`).
                let _ = self.load(&module, loading);
            }
        }
    }

    /// Whether something computes crc32c on this machine.
    fn load_crc32c(&self, loading: &mut Loading<'_>) -> Result<(), LoadFailure> {
        if self.builtin_known().is_err() {
            return Ok(());
        }
        let mut works = false;
        for (module, flag) in CRC32C {
            let module = ModuleName::new(module);
            let loads = self.load(&module, loading).is_ok();
            works |= loads && flag.is_none_or(|flag| loading.has_flag(flag));
        }
        // Kernels from 6.14 on compute it without a module, and then no module of theirs is called so.
        let [(generic, _), ..] = CRC32C;
        if works {
            Ok(())
        } else {
            Err(LoadFailure::new(BindFailure::DependencyMissing, &ModuleName::new(generic)))
        }
    }

    /// Inserts a module alone, as insmod does: what it needs must be `loaded` by then.
    pub(super) fn insert(
        &self,
        name: &ModuleName,
        loaded: &BTreeSet<ModuleName>,
    ) -> Result<BTreeSet<ModuleName>, LoadFailure> {
        if self.is_builtin(name) {
            return Ok(BTreeSet::new());
        }
        let info = self.fit_for_insmod(name)?;
        let missing = info.depends().find(|needed| !loaded.contains(needed) && !self.is_builtin(needed));
        if let Some(missing) = missing {
            let because = format!("{missing} is not loaded before it");
            return Err(LoadFailure::because(BindFailure::DependencyMissing, &missing, because));
        }
        Ok(BTreeSet::from([name.clone()]))
    }

    /// What the module says, if this kernel takes it and nothing keeps modprobe from loading it.
    fn fit(&self, name: &ModuleName) -> Result<&'a ModInfo, LoadFailure> {
        if let Some(by) = self.forbidden.disabled.get(name) {
            return Err(LoadFailure::forbidden(BindFailure::Blacklisted, name, by.clone()));
        }
        self.fit_for_insmod(name)
    }

    fn fit_for_insmod(&self, name: &ModuleName) -> Result<&'a ModInfo, LoadFailure> {
        let Some(module) = self.present.get(name).copied() else {
            let reason = if self.has_initrd { BindFailure::NotInInitrd } else { BindFailure::NoInitrd };
            return Err(LoadFailure::new(reason, name));
        };
        let Ok(info) = &module.info else { return Err(LoadFailure::new(BindFailure::Damaged, name)) };
        if info.vermagic().is_some_and(|magic| !self.accepts(module, magic)) {
            return Err(LoadFailure::new(BindFailure::WrongKernel, name));
        }
        match self.forbidden.without_start(name) {
            Some(by) => Err(LoadFailure::forbidden(BindFailure::Blacklisted, name, by)),
            None => Ok(info),
        }
    }

    /// Whether this kernel takes a module with that vermagic. The release counts, unless kernel and module compare
    /// the versions of symbols instead (kernel/module/version.c, `same_magic`); these are the same within one base
    /// version at best, which is what weak-updates live on.
    fn accepts(&self, module: &Module, magic: &str) -> bool {
        let mut words = magic.split_ascii_whitespace();
        let release = words.next().unwrap_or_default();
        if release == self.release || module.path.windows(13).any(|part| part == b"/weak-updates") {
            return true;
        }
        let own = self.own_magic.as_deref();
        let words: Vec<&str> = words.collect();
        words.contains(&"modversions")
            && base(release) == base(self.release)
            && own.is_none_or(|own| own.split_ascii_whitespace().skip(1).eq(words.iter().copied()))
    }
}

/// The version that a release is built from: `3.10.0` of `3.10.0-514.el7.x86_64`.
fn base(release: &str) -> &str {
    release.split(['-', '+']).next().unwrap_or(release)
}

fn asks_for_crc32c(info: &ModInfo) -> bool {
    info.softdeps_before().any(|name| matches!(name.as_str(), "crc32c" | "crypto_crc32c"))
}
