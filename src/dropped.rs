//! Drivers that newer kernels and distributions have dropped, and the processors that they ask for (`rules/data/`).
//!
//! The tables say why a driver is missing and what to take instead, and what the next major release will lack. Whether a driver is
//! missing on the system at hand follows from its own modules, never from here.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::system::{Family, System};
use crate::parse::modules::alias_matches;

/// What became of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// The release does not have it.
    Removed,
    /// The release has the module without the numbers of these devices, so that it binds none of them by itself.
    Disabled,
    /// The release has it, and nobody looks after it.
    Unmaintained,
}

/// What a release did to a driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dropped {
    /// The module, dashes as underscores.
    pub driver: String,
    /// The hardware, in words.
    pub what: String,
    /// What was done.
    pub how: Departure,
    /// The first release that did so: `RHEL 8`.
    pub release: String,
    /// What to take instead; null where nothing is known.
    pub instead: Option<String>,
    /// What says so.
    pub source: String,
    /// Where that is.
    pub url: String,
}

/// The level that a distribution's programs are built for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CpuDemand {
    /// The x86-64 level: 1 to 4.
    pub level: u32,
    /// The first release that asks for it: `RHEL 9`; null where the system's own C library says it.
    pub release: Option<String>,
    /// What says so.
    pub source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sources: std::collections::BTreeMap<String, Source>,
    drivers: Vec<Driver>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    title: String,
    url: String,
    #[expect(dead_code, reason = "says to readers of the table how old it is")]
    seen: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Driver {
    driver: String,
    what: String,
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    instead: Option<String>,
    gone: Vec<Gone>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gone {
    #[serde(rename = "in")]
    distribution: String,
    since: u32,
    how: Departure,
    source: String,
    #[serde(default)]
    except: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Level {
    #[serde(rename = "in")]
    distribution: String,
    since: u32,
    level: u32,
    source: String,
    #[serde(default)]
    except: Vec<String>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // A test reads the file, so what is released is never empty.
    serde_saphyr::from_str(include_str!("../rules/data/dropped-drivers.yaml")).unwrap_or_default()
});

static LEVELS: LazyLock<Vec<Level>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../rules/data/cpu-levels.yaml")).unwrap_or_default()
});

/// Distributions of Red Hat's family that are no rebuilds of its releases and count their versions in another way.
const OWN_COUNT: [&str; 7] = ["fedora", "amzn", "openeuler", "anolis", "xenserver", "xcp-ng", "virtuozzo"];

/// The name under which the tables have a system, and its major version.
fn release_of(system: &System) -> Option<(&str, u32)> {
    let (id, major) = (system.id.as_deref()?, system.major_version?);
    let name = match id {
        "debian" | "ubuntu" | "opensuse-leap" => id,
        id if id.starts_with("sle") => "sles",
        id if system.family.get() == Some(&Family::Rhel) && !OWN_COUNT.contains(&id) => "rhel",
        _ => return None,
    };
    Some((name, major))
}

fn shown(distribution: &str, since: u32) -> String {
    let name = match distribution {
        "rhel" => "RHEL",
        "sles" => "SLES",
        "debian" => "Debian",
        "ubuntu" => "Ubuntu",
        "opensuse-leap" => "openSUSE Leap",
        other => other,
    };
    format!("{name} {since}")
}

impl Dropped {
    fn new(driver: &Driver, gone: &Gone) -> Self {
        let source = TABLE.sources.get(&gone.source);
        Self {
            driver: driver.driver.clone(),
            what: driver.what.clone(),
            how: gone.how,
            release: shown(&gone.distribution, gone.since),
            instead: driver.instead.clone(),
            source: source.map(|source| source.title.clone()).unwrap_or_default(),
            url: source.map(|source| source.url.clone()).unwrap_or_default(),
        }
    }
}

/// Why the releases up to `system`'s own have no driver for the device that announces itself as `modalias`.
#[must_use]
pub fn why_missing(modalias: &str, system: &System) -> Option<Dropped> {
    let (name, major) = release_of(system)?;
    let id = system.id.as_deref().unwrap_or_default();
    let is_meant = |driver: &&Driver| {
        driver.aliases.iter().any(|alias| alias_matches(alias.as_bytes(), modalias.as_bytes()))
            || pci_id(modalias).is_some_and(|pci| driver.devices.contains(&pci))
    };
    let counts = |gone: &&Gone| {
        gone.distribution == name && gone.since <= major && !gone.except.iter().any(|other| other == id)
    };
    let found = TABLE.drivers.iter().filter(is_meant);
    let found = found.flat_map(|driver| driver.gone.iter().filter(counts).map(move |gone| (driver, gone)));
    found.min_by_key(|(_, gone)| gone.how).map(|(driver, gone)| Dropped::new(driver, gone))
}

/// What later releases than `system`'s own do to `driver` and the device `pci` (`1000:0060`): the next one that does something,
/// the worst of what it does. A driver of whose devices only some are meant is passed over if the device is not known.
#[must_use]
pub fn later(driver: &str, pci: Option<&str>, system: &System) -> Option<Dropped> {
    let (name, major) = release_of(system)?;
    let id = system.id.as_deref().unwrap_or_default();
    let is_meant = |own: &&Driver| {
        own.driver == driver
            && (own.devices.is_empty()
                || pci.is_some_and(|pci| own.devices.iter().any(|device| device == pci)))
    };
    let counts = |gone: &&Gone| {
        gone.distribution == name && gone.since > major && !gone.except.iter().any(|other| other == id)
    };
    let found = TABLE.drivers.iter().filter(is_meant);
    let found = found.flat_map(|driver| driver.gone.iter().filter(counts).map(move |gone| (driver, gone)));
    found.min_by_key(|(_, gone)| (gone.since, gone.how)).map(|(driver, gone)| Dropped::new(driver, gone))
}

/// The level that the programs of `system` are built for; none if nothing is known of it, or it runs everywhere.
#[must_use]
pub fn cpu_demand(system: &System) -> Option<CpuDemand> {
    let (name, major) = release_of(system)?;
    let id = system.id.as_deref().unwrap_or_default();
    let counts = |level: &&Level| {
        level.distribution == name && level.since <= major && !level.except.iter().any(|other| other == id)
    };
    let level = LEVELS.iter().filter(counts).max_by_key(|level| level.since)?;
    Some(CpuDemand {
        level: level.level,
        release: Some(shown(&level.distribution, level.since)),
        source: level.source.clone(),
    })
}

/// `1000:0060` of `pci:v00001000d00000060sv...`.
fn pci_id(modalias: &str) -> Option<String> {
    let rest = modalias.strip_prefix("pci:v0000")?;
    let (vendor, device) = (rest.get(..4)?, rest.get(4..)?.strip_prefix("d0000")?.get(..4)?);
    Some(format!("{vendor}:{device}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Known;

    fn system(id: &str, family: Family, major: u32) -> System {
        System {
            id: Some(id.to_owned()),
            major_version: Some(major),
            family: Known::Known(family),
            ..System::default()
        }
    }

    #[test]
    fn the_tables_read_and_name_known_sources() {
        let table: Table =
            serde_saphyr::from_str(include_str!("../rules/data/dropped-drivers.yaml")).unwrap();
        assert_eq!(table.drivers.len(), TABLE.drivers.len());
        for driver in &table.drivers {
            assert!(!driver.driver.contains('-') && !driver.gone.is_empty(), "{}", driver.driver);
            for gone in &driver.gone {
                assert!(table.sources.contains_key(&gone.source), "{}: {}", driver.driver, gone.source);
            }
            for device in &driver.devices {
                assert!(device.len() == 9 && *device == device.to_ascii_lowercase(), "{device}");
            }
        }
        assert!(serde_saphyr::from_str::<Vec<Level>>(include_str!("../rules/data/cpu-levels.yaml")).is_ok());
        assert!(!LEVELS.is_empty());
    }

    #[test]
    fn a_missing_driver_is_explained_from_the_release_on_that_dropped_it() {
        let lsi = "pci:v00001000d00000030sv000015ADsd00001976bc01sc00i00";
        let rocky = why_missing(lsi, &system("rocky", Family::Rhel, 9)).unwrap();
        assert_eq!((rocky.driver.as_str(), rocky.release.as_str()), ("mptspi", "RHEL 8"));
        assert_eq!(why_missing(lsi, &system("rhel", Family::Rhel, 7)), None);
        assert_eq!(why_missing(lsi, &system("debian", Family::Debian, 12)), None);
        assert_eq!(why_missing(lsi, &system("fedora", Family::Rhel, 40)), None);
        let perc = "pci:v00001000d00000060sv00001028sd00001F0Cbc01sc04i00";
        let rhel = system("rhel", Family::Rhel, 8);
        assert_eq!(why_missing(perc, &rhel).map(|found| found.how), Some(Departure::Disabled));
        assert_eq!(why_missing(perc, &system("almalinux", Family::Rhel, 8)), None);
    }

    #[test]
    fn what_comes_is_told_for_the_device_that_is_meant() {
        let seven = system("centos", Family::Rhel, 7);
        let perc = later("megaraid_sas", Some("1000:0060"), &seven).unwrap();
        assert_eq!((perc.how, perc.release.as_str()), (Departure::Disabled, "RHEL 8"));
        let newer = later("megaraid_sas", Some("1000:005d"), &seven);
        assert_eq!((newer, later("megaraid_sas", None, &seven)), (None, None));
        let six = system("centos", Family::Rhel, 6);
        assert_eq!(later("cciss", None, &six).map(|found| found.how), Some(Departure::Removed));
        assert_eq!(later("cciss", None, &seven), None);
    }

    #[test]
    fn the_newest_demand_counts() {
        let level = |id, family, major| cpu_demand(&system(id, family, major)).map(|demand| demand.level);
        assert_eq!(level("rhel", Family::Rhel, 8), None);
        assert_eq!(level("rocky", Family::Rhel, 9), Some(2));
        assert_eq!(level("rhel", Family::Rhel, 10), Some(3));
        assert_eq!(level("sles", Family::Suse, 16), Some(2));
        assert_eq!(level("debian", Family::Debian, 13), None);
    }
}
