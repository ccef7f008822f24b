//! The modules that an image loads by name: its scripts' `insmod` and `modprobe` lines, its lists, and the parameters
//! that its scripts read.

use std::collections::{BTreeMap, BTreeSet};

use super::load::{LoadFailure, Loading};
use super::{BindFailure, Drivers};
use crate::facts::command_line::CommandLine;
use crate::initrd::maker::ScriptModule;
use crate::initrd::{Kind, ModuleName};

/// What became of the modules that are loaded by name, in their order.
#[derive(Debug, Default)]
pub(super) struct Scripted {
    /// The modules that are in the kernel when the scripts are done.
    pub(super) loaded: BTreeSet<ModuleName>,
    /// Those that failed to load, and why.
    pub(super) failed: BTreeMap<ModuleName, LoadFailure>,
}

/// One module that is loaded by name.
pub(super) struct Named {
    name: ModuleName,
    /// With what it needs (`modprobe`), or alone (`insmod`).
    with_dependencies: bool,
    /// Whether the blacklist counts for the name, too (`modprobe -b`).
    minds_blacklist: bool,
}

impl Named {
    /// A line of a script or list in an image of this kind. initramfs-tools sets `MODPROBE_OPTIONS=-qb` in its init, and
    /// mkinitcpio's calls `modprobe -qab`, so that the blacklist counts for names as well.
    pub(super) fn of_script(load: &ScriptModule, kind: Kind) -> Self {
        let ScriptModule { name, with_dependencies, .. } = load;
        let minds_blacklist = matches!(kind, Kind::InitramfsTools | Kind::Mkinitcpio);
        Self { name: name.clone(), with_dependencies: *with_dependencies, minds_blacklist }
    }

    /// What the command line has loaded: dracut's `rd.driver.pre=` and `rd.driver.post=` (its `parse-kernel.sh`),
    /// systemd's `modules_load=` (systemd-modules-load(8)).
    pub(super) fn of_cmdline(line: &CommandLine, kind: Kind, systemd: bool) -> Vec<Self> {
        let mut named = Vec::new();
        for param in &line.params {
            let counts = match param.name.replace('-', "_").as_str() {
                "rd.driver.pre" | "rd.driver.post" | "rdloaddriver" | "rdinsmodpost" => kind == Kind::Dracut,
                "earlymodules" => kind == Kind::Mkinitcpio,
                "modules_load" | "rd.modules_load" => systemd,
                _ => false,
            };
            let names = param.value.as_deref().filter(|_| counts).unwrap_or_default().split(',');
            named.extend(names.filter(|name| !name.is_empty()).map(|name| Self {
                name: ModuleName::new(name),
                with_dependencies: true,
                minds_blacklist: systemd || kind == Kind::Mkinitcpio,
            }));
        }
        named
    }
}

impl Scripted {
    /// Loads each in turn.
    pub(super) fn run(named: &[Named], drivers: &Drivers<'_>) -> Self {
        let mut done = Self::default();
        for named in named {
            match done.load(named, drivers) {
                Ok(more) => done.loaded.extend(more),
                Err(failure) => {
                    done.failed.entry(named.name.clone()).or_insert(failure);
                }
            }
        }
        done
    }

    fn load(&self, named: &Named, drivers: &Drivers<'_>) -> Result<BTreeSet<ModuleName>, LoadFailure> {
        if let Some(by) = drivers.forbidden.blacklist.get(&named.name).filter(|_| named.minds_blacklist) {
            return Err(LoadFailure::forbidden(BindFailure::Blacklisted, &named.name, by.clone()));
        }
        if !named.with_dependencies {
            return drivers.insert(&named.name, &self.loaded);
        }
        let mut loading = Loading::default();
        drivers.load(&named.name, &mut loading)?;
        match &drivers.no_modprobe {
            Some(because) => Err(LoadFailure::because(BindFailure::NotLoaded, &named.name, because.clone())),
            None => Ok(loading.loaded),
        }
    }
}
