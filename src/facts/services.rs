//! Every service of the system, and whether something starts it at boot: units of systemd, scripts of SysV init, jobs of
//! upstart, services of xinetd and lines of inittab.
//!
//! "Enabled" is what init would find out at boot, not what a tool once was told: a unit of systemd is enabled if the
//! default target pulls it in over any chain of `.wants`, `.requires` and the lines that say the same.

mod devices;
mod presets;
mod reported;
mod systemd;
mod sysv;
mod unit_file;
mod upstart;
mod xinetd;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::mounting::InitSystem;
use super::setting::Setting;
use super::system::Family;
use super::{Gather, Known};
use crate::place::Place;

pub use devices::UnitDevice;
pub use systemd::{BrokenLink, DefaultTarget};

/// Services that are kept; a large desktop has some 600, with all its targets and mounts.
const MAX_SERVICES: usize = 4000;

/// The services and what starts them.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Services {
    /// All services, by name. Unknown if the input holds nothing that starts any.
    pub units: Known<Vec<Service>>,
    /// Names of those that run after a boot (see `in_use`).
    pub in_use: Known<Vec<String>>,
    /// Names of all that have a unit, a script or a job, aliases too.
    pub installed: Known<Vec<String>>,
    /// The target that systemd boots into; null where systemd does not start the system. Unknown if it has no link and
    /// systemd's own units are not in the input.
    pub default_target: Known<Option<DefaultTarget>>,
    /// Links in the folders of units that name a unit which is not there.
    pub broken_links: Vec<BrokenLink>,
    /// Disks that units, their drop-ins and tmpfiles.d name by names of the kernel or links of the hardware.
    pub devices: Vec<UnitDevice>,
    /// The runlevel that SysV init or upstart boot into: `3`; null for systemd.
    pub runlevel: Option<Setting>,
}

/// Who starts a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// A unit of systemd.
    Systemd,
    /// A script in `etc/init.d`, whoever runs it.
    Sysv,
    /// A job of upstart in `etc/init`.
    Upstart,
    /// A service of xinetd.
    Xinetd,
    /// A line of inittab.
    Inittab,
    /// A script of OpenRC.
    Openrc,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Service {
    /// Its name: `sshd`. Other units than services keep their suffix: `sshd.socket`, `nfs-client.target`; instances and
    /// templates their `@`: `getty@tty1`. For inittab the first field.
    pub name: String,
    /// Who starts it.
    pub kind: ServiceKind,
    /// Its unit, script or job is there. Unknown where a link names it and the folder of packages' units is not in the
    /// input.
    pub installed: Known<bool>,
    /// Something starts it at boot.
    pub enabled: bool,
    /// It cannot be started by anything (a link to /dev/null).
    pub masked: bool,
    /// What starts it at boot: a link, or the line of a unit.
    pub enabled_by: Option<Place>,
    /// The socket, timer, path or device that starts it when something happens: `sshd.socket`. Only those that are
    /// enabled themselves.
    pub activated_by: Option<String>,
    /// It is enabled, or an enabled socket, timer, path or xinetd starts it on demand.
    pub in_use: bool,
    /// Its unit, script or job; the link where that is not there.
    pub at: Place,
    /// Other names of it, by links or `Alias=`.
    pub aliases: Vec<String>,
    /// What it is, in its own words.
    pub description: Option<String>,
    /// The program that it starts: `/usr/sbin/sshd`.
    pub exec: Option<String>,
    /// The program's arguments; secrets among them as `****`.
    pub arguments: Vec<String>,
    /// The user it runs as, where it says.
    pub user: Option<String>,
    /// What the distribution's presets say of it; null where there are none.
    pub preset: Option<bool>,
    /// Conditions and assertions, as `ConditionVirtualization=vmware`.
    pub conditions: Vec<String>,
    /// Other settings of its unit and drop-ins that rules may ask for, by name: `LimitNOFILE`, `MemoryMin`, `After`,
    /// `BindsTo`, `Type`, ... Of lists all values, joined by a blank, at the place of the last.
    pub settings: BTreeMap<String, Setting>,
}

impl Service {
    fn new(name: &str, kind: ServiceKind, at: Place) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            installed: Known::Known(true),
            enabled: false,
            masked: false,
            enabled_by: None,
            activated_by: None,
            in_use: false,
            at,
            aliases: Vec::new(),
            description: None,
            exec: None,
            arguments: Vec::new(),
            user: None,
            preset: None,
            conditions: Vec::new(),
            settings: BTreeMap::new(),
        }
    }

    /// Sets what starts it.
    fn enable(&mut self, by: Place) {
        self.enabled = true;
        self.in_use = true;
        self.enabled_by = Some(by);
    }

    /// Sets program and arguments from a command.
    fn set_command(&mut self, command: &str) {
        // systemd.service(5): these signs before the path change how it is run.
        let mut words = command.trim_start_matches(['-', '@', ':', '+', '!', '|']).split_whitespace();
        self.exec = words.next().map(|word| word.trim_matches('"').to_owned());
        self.arguments = without_secrets(words);
    }
}

impl Services {
    /// The service of that name, or with that alias. Unknown if the services are.
    #[must_use]
    pub fn find(&self, name: &str) -> Known<Option<&Service>> {
        self.units.as_ref().map(|units| {
            let of_name = units.iter().find(|unit| unit.name == name);
            of_name.or_else(|| units.iter().find(|unit| unit.aliases.iter().any(|alias| alias == name)))
        })
    }
}

/// Arguments kept of a command; a Java server has some 60.
const MAX_ARGUMENTS: usize = 100;

/// Arguments with what stands for a password or key left out.
fn without_secrets<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_secret = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["pass", "secret", "token", "apikey", "api-key", "api_key", "psk", "credential"]
            .iter()
            .any(|sign| word.contains(sign))
    };
    let mut hide_next = false;
    let mut kept = Vec::new();
    for word in words.take(MAX_ARGUMENTS) {
        let hide = std::mem::take(&mut hide_next) && !word.starts_with('-');
        let shown = match word.split_once('=') {
            _ if hide => "****".to_owned(),
            Some((name, _)) if is_secret(name) => format!("{name}=****"),
            // user:password@host
            _ if word.contains("://") && word.contains('@') => "****".to_owned(),
            _ => {
                hide_next = is_secret(word);
                word.to_owned()
            }
        };
        kept.push(shown);
    }
    kept
}

/// Reads all services.
#[must_use]
pub fn gather(gather: &Gather<'_>, init: InitSystem, family: Option<Family>) -> Services {
    let mut services = Services::default();
    let mut units = Vec::new();
    let table = systemd::Table::read(gather);
    let by_systemd = init == InitSystem::Systemd || (init == InitSystem::Other && !table.is_empty());
    if by_systemd {
        let found = systemd::read(gather, &table);
        units.extend(found.units);
        let names = units.iter().flat_map(|unit| std::iter::once(&unit.name).chain(&unit.aliases));
        let native = names.cloned().collect();
        units.extend(sysv::read(gather, &sysv::Started::BySystemd, &native));
        services.default_target = found.default_target;
        services.broken_links = found.broken_links;
        services.devices = devices::read(gather, &table, &units);
    } else {
        let levels = sysv::runlevel(gather, family);
        units.extend(sysv::inittab(gather, levels.level));
        units.extend(upstart::read(gather));
        let native = units.iter().map(|unit| unit.name.clone()).collect();
        units.extend(sysv::read(gather, &sysv::Started::ByInit(levels.level), &native));
        services.runlevel = levels.setting;
    }
    let is_running = units.iter().any(|unit| unit.name == "xinetd" && unit.in_use);
    units.extend(xinetd::read(gather, is_running));
    reported::add(gather, &mut units);
    if units.is_empty() {
        let needs =
            "the links in `etc/systemd/system` or `etc/rc?.d`, or what `systemctl list-unit-files` says";
        services.units = Known::unknown(needs);
        services.in_use = Known::unknown(needs);
        services.installed = Known::unknown(needs);
        return services;
    }
    units.truncate(MAX_SERVICES);
    units.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
    let named = |keep: &dyn Fn(&Service) -> bool| {
        let names = units.iter().filter(|unit| keep(unit));
        let mut names: Vec<String> =
            names.flat_map(|unit| std::iter::once(&unit.name).chain(&unit.aliases)).cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    services.in_use = Known::Known(named(&|unit| unit.in_use));
    services.installed = Known::Known(named(&|unit| unit.installed.get() != Some(&false)));
    services.units = Known::Known(units);
    services
}

#[cfg(test)]
mod tests;
