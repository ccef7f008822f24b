//! Programs of `rules/data/agents.yaml` that this system has, with what shows it: packages, files they left, services that are
//! started, and kernel modules that something loads.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::initrds::Initrd;
use super::packages::{Manager, Packages};
use super::services::{Service, Services};
use super::setting::Named;
use super::{Gather, Known, glob};
use crate::agents::{self, AgentKind};
use crate::parse::lines::lines;
use crate::place::Place;

/// The programs found.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Agents {
    /// Those of which there is a trace.
    pub found: Vec<FoundAgent>,
    /// Kernel modules that the system loads at boot by itself: modules-load.d(5), `etc/modules`.
    pub loaded_modules: Vec<Named>,
}

/// A program of which there is a trace.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FoundAgent {
    /// Its entry in the table: `hp-agents`.
    pub id: String,
    /// Its name.
    pub title: String,
    /// What sort of program it is.
    pub kind: AgentKind,
    /// The classes of targets where it belongs; empty for hardware and products.
    pub platforms: Vec<String>,
    /// What it does where it does not belong.
    pub effect: String,
    /// What takes it away where no package does.
    pub remove: Option<String>,
    /// Its packages that are installed. Unknown if the list of packages is.
    pub packages: Known<Vec<String>>,
    /// The same, empty where the list of packages is not known.
    pub known_packages: Vec<String>,
    /// Its services that the boot starts.
    pub services: Vec<String>,
    /// All of these services have a condition on virtualization or hardware, or wait for a device, so that they do not
    /// start where they do not belong.
    pub is_conditioned: bool,
    /// Files and folders that its installation leaves.
    pub files: Vec<String>,
    /// Its kernel modules that something loads: by name, at what loads them. An initrd counts.
    pub modules: Vec<Named>,
    /// What shows it best: what starts a service, a module's line, a file, the package's list.
    pub at: Place,
}

/// Files of one pattern that are kept.
const MAX_FILES: usize = 20;

/// Lines with modules that are kept.
const MAX_MODULES: usize = 500;

/// Conditions that keep a unit down where its platform or hardware is not.
const HARDWARE_CONDITIONS: [&str; 4] = [
    "ConditionVirtualization",
    "ConditionPathExists",
    "ConditionPathIsDirectory",
    "ConditionDirectoryNotEmpty",
];

/// Looks for each program of the table.
#[must_use]
pub fn gather(gather: &Gather<'_>, packages: &Packages, services: &Services) -> Agents {
    let loaded_modules = loaded_modules(gather);
    let traces = Traces { gather, packages, services, modules: &loaded_modules };
    let found = agents::known().iter().filter_map(|known| traces.of(known)).collect();
    Agents { found, loaded_modules }
}

/// Where traces are looked for.
struct Traces<'a> {
    gather: &'a Gather<'a>,
    packages: &'a Packages,
    services: &'a Services,
    modules: &'a [Named],
}

impl Traces<'_> {
    /// The traces of one program; none if there is none and no module of it could be in an initrd.
    fn of(&self, known: &agents::Known) -> Option<FoundAgent> {
        let packages = self.packages(known);
        let known_packages = packages.get().cloned().unwrap_or_default();
        let units = self.units(known);
        let files = self.files(known);
        let modules = self.modules.iter().filter(|module| known.modules.is_match(&module.name));
        let modules: Vec<Named> = modules.cloned().collect();
        let at = units
            .first()
            .map(|unit| unit.enabled_by.clone().unwrap_or_else(|| unit.at.clone()))
            .or_else(|| modules.first().map(|module| module.at.clone()))
            .or_else(|| files.first().map(|path| Place::file(path.as_str())))
            .or_else(|| known_packages.first().map(|name| place_of(self.gather, self.packages, name)));
        if at.is_none() && known.modules.is_empty() {
            return None;
        }
        let agent = &known.agent;
        Some(FoundAgent {
            id: agent.id.clone(),
            title: agent.title.clone(),
            kind: agent.kind,
            platforms: agent.platforms.clone(),
            effect: agent.effect.clone(),
            remove: agent.remove.clone(),
            packages,
            known_packages,
            services: units.iter().map(|unit| unit.name.clone()).collect(),
            is_conditioned: units.iter().all(|unit| is_conditioned(unit)),
            files,
            modules,
            // Replaced by an initrd's place, or dropped, when the initrds are there.
            at: at.unwrap_or_else(|| Place::file("")),
        })
    }

    fn packages(&self, known: &agents::Known) -> Known<Vec<String>> {
        self.packages.list.as_ref().map(|list| {
            let names = list.iter().map(|package| package.name.as_ref());
            let names: BTreeSet<&str> = names.filter(|name| known.packages.is_match(name)).collect();
            names.into_iter().map(str::to_owned).collect()
        })
    }

    fn units(&self, known: &agents::Known) -> Vec<&Service> {
        let units = self.services.units.get().map(Vec::as_slice).unwrap_or_default();
        let is_its_own = |unit: &&Service| {
            // An instance, a socket or a timer counts for its service.
            let stem = unit.name.split(['@', '.']).next().unwrap_or_default();
            known.services.is_match(stem) || known.services.is_match(&unit.name)
        };
        let started = units.iter().filter(|unit| unit.in_use && !unit.name.ends_with(".target"));
        started.filter(is_its_own).collect()
    }

    fn files(&self, known: &agents::Known) -> Vec<String> {
        let patterns = known.agent.files.iter();
        let paths =
            patterns.flat_map(|pattern| glob::expand(self.gather, pattern).into_iter().take(MAX_FILES));
        paths.filter(|path| self.gather.tree.exists(path)).collect()
    }
}

/// Whether a unit stays down by itself where its platform or hardware is not.
fn is_conditioned(unit: &Service) -> bool {
    let is_hardware = |condition: &String| HARDWARE_CONDITIONS.iter().any(|key| condition.starts_with(key));
    let waits = |key: &str| unit.settings.get(key).is_some_and(|setting| setting.value.contains(".device"));
    unit.conditions.iter().any(is_hardware) || waits("BindsTo") || waits("Requires")
}

impl Agents {
    /// Adds the modules that initrds hold, and drops what has no trace at all.
    pub fn add_initrds(&mut self, initrds: &[Initrd]) {
        for known in agents::known().iter().filter(|known| !known.modules.is_empty()) {
            let Some(found) = self.found.iter_mut().find(|found| found.id == known.agent.id) else {
                continue;
            };
            // What the kernel itself brings, as open-vm-tools' drivers do now, says nothing.
            let own_kernel = matches!(found.kind, AgentKind::GuestTools | AgentKind::HardwareAgent);
            for initrd in initrds.iter().filter(|_| !own_kernel) {
                let modules = initrd.modules.get().map(Vec::as_slice).unwrap_or_default();
                let of_it = modules.iter().filter(|module| known.modules.is_match(module.as_str()));
                found.modules.extend(
                    of_it.map(|module| Named {
                        name: module.to_string(),
                        at: Place::file(initrd.path.as_str()),
                    }),
                );
            }
            if found.at.path.is_empty()
                && let Some(module) = found.modules.first()
            {
                found.at = module.at.clone();
            }
        }
        self.found.retain(|found| !found.at.path.is_empty());
    }
}

/// The list of the package's files, where the package manager keeps one a package.
fn place_of(gather: &Gather<'_>, packages: &Packages, name: &str) -> Place {
    if packages.manager == Some(Manager::Dpkg) {
        for path in [format!("var/lib/dpkg/info/{name}.list"), format!("var/lib/dpkg/info/{name}:amd64.list")]
        {
            if gather.tree.exists(&path) {
                return Place::file(path);
            }
        }
    }
    packages.at.clone().unwrap_or_else(|| Place::file("var/lib"))
}

/// modules-load.d(5), `etc/modules` of Debian, `etc/sysconfig/modules/*.modules` and rc.modules of RHEL up to 6,
/// `MODULES_LOADED_ON_BOOT` of SUSE.
fn loaded_modules(gather: &Gather<'_>) -> Vec<Named> {
    let folders = ["etc/modules-load.d", "usr/lib/modules-load.d", "lib/modules-load.d"];
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| gather.read_directory(folder, |name| name.ends_with(".conf")))
        .collect();
    files.extend(gather.read_config("etc/modules").present());
    let mut found: Vec<Named> = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files.iter().filter(|file| seen.insert(file.resolved.clone())) {
        for line in lines(&file.bytes).filter(|line| !line.text.trim_start().starts_with(['#', ';'])) {
            if let Some((name, _)) = line.first_word() {
                found.push(Named { name: name.replace('-', "_"), at: line.span_of(name).at(&file.path) });
            }
        }
    }
    let scripts = gather.read_directory("etc/sysconfig/modules", |name| {
        Path::new(name).extension().is_some_and(|extension| extension == "modules")
    });
    let main = ["etc/rc.modules", "etc/rc.d/rc.modules", "etc/rc.local", "etc/rc.d/rc.local"];
    let main = main.iter().filter_map(|path| gather.read_config(path).present());
    for file in scripts.into_iter().chain(main) {
        for line in lines(&file.bytes) {
            let mut words = line.text.split_whitespace();
            let is_load =
                words.next().is_some_and(|word| word.ends_with("modprobe") || word.ends_with("insmod"));
            let Some(name) = words.find(|word| !word.starts_with('-')).filter(|_| is_load) else { continue };
            let short = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".ko");
            found.push(Named { name: short.replace('-', "_"), at: line.span_of(name).at(&file.path) });
        }
    }
    if let Some(file) = gather.read_config("etc/sysconfig/kernel").present() {
        for line in lines(&file.bytes) {
            let Some(list) = line.text.trim().strip_prefix("MODULES_LOADED_ON_BOOT=") else { continue };
            for name in list.trim_matches(['"', '\'']).split_whitespace() {
                found.push(Named { name: name.replace('-', "_"), at: line.span_of(list).at(&file.path) });
            }
        }
    }
    found.truncate(MAX_MODULES);
    found
}
