//! The step `disk-driver`: does a driver bind the boot disk, and under which name does it appear.

use schemars::JsonSchema;
use serde::Serialize;

use super::drivers::{BindFailure, Binding, Drivers};
use super::{State, Step, StepName};
use crate::dropped::{self, Dropped};
use crate::facts::Facts;
use crate::initrd::ModuleName;
use crate::parse::modules::alias_matches;
use crate::place::Place;
use crate::target::{Device, Target};

/// Why the boot disk does not appear, for rules to tell apart.
pub use super::drivers::BindFailure as DiskReason;

/// What becomes of the boot disk on a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiskFate {
    /// The kernel's name for it: `vda`; null if it does not appear or nobody knows.
    pub name: Option<String>,
    /// The drivers that bind on the way to it, from the bus to the disk.
    pub drivers: Vec<ModuleName>,
    /// Why it does not appear; null if it does or nobody knows.
    pub reason: Option<BindFailure>,
    /// The device at which the way ends, by its modalias; null if the disk appears.
    pub modalias: Option<String>,
    /// The driver that would bind that device; null if the kernel has none.
    pub driver: Option<ModuleName>,
    /// The module at fault: the driver, or one that it needs; null if there is none.
    pub module: Option<ModuleName>,
    /// The line or parameter that forbids the module; null if none does.
    pub forbidden_by: Option<String>,
    /// Every module on the way that this kernel has for these devices but the initrd lacks: what to add to it.
    pub missing: Vec<ModuleName>,
    /// Where the kernel has no driver: the release of the distribution that dropped it, if that is known; left out else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
}

/// Why the kernel has no driver, as far as it is known that the distribution has dropped it.
pub(super) fn dropped(facts: &Facts, fate: &DiskFate) -> Option<Dropped> {
    let modalias = fate.modalias.as_deref().filter(|_| fate.reason == Some(BindFailure::NoDriver))?;
    dropped::why_missing(modalias, &facts.system)
}

/// Follows the ways to the target's boot disk. Of several ways (a disk on two buses) one suffices.
pub(super) fn step(
    target: &Target,
    drivers: &Drivers<'_>,
    evidence: &Place,
    release: &str,
) -> (Step, DiskFate) {
    let chains = target.disk_chains();
    let Some(disk) = chains.first().and_then(|chain| chain.last()).and_then(|device| device.disk.clone())
    else {
        let needs = "the input does not say what hardware it has now: a check on the running system, or in a chroot \
                     with `/sys` bound into it, would";
        return (Step::unknown(StepName::DiskDriver, needs, None), DiskFate::default());
    };
    if target.is_same() {
        return all_disks(&chains, drivers, evidence, release);
    }
    let mut last = None;
    for chain in
        chains.iter().filter(|chain| chain.last().is_some_and(|device| device.disk.as_ref() == Some(&disk)))
    {
        let (step, fate) = follow(chain, &disk, drivers, evidence, release);
        if fate.name.is_some() {
            return (step, fate);
        }
        last.get_or_insert((step, fate));
    }
    last.unwrap_or_else(|| {
        (Step::unknown(StepName::DiskDriver, "the target has no disk", None), DiskFate::default())
    })
}

/// On the hardware that the system has now nothing says which of several disks is the boot disk: with drivers for all
/// of them it is found; with one alone there is no question.
fn all_disks(
    chains: &[Vec<&Device>],
    drivers: &Drivers<'_>,
    evidence: &Place,
    release: &str,
) -> (Step, DiskFate) {
    let name = |chain: &[&Device]| chain.last().and_then(|device| device.disk.clone()).unwrap_or_default();
    let mut found = None;
    for chain in chains {
        let (step, fate) = follow(chain, &name(chain), drivers, evidence, release);
        if fate.name.is_none() {
            if chains.len() == 1 || step.state == State::Unknown {
                return (step, fate);
            }
            let detail = format!(
                "{} does not appear: {}; whether root lies on it is not known",
                name(chain),
                step.detail
            );
            return (Step::unknown(StepName::DiskDriver, detail, step.at), DiskFate::default());
        }
        found.get_or_insert((step, fate));
    }
    found.unwrap_or_else(|| {
        (Step::unknown(StepName::DiskDriver, "there is no disk", None), DiskFate::default())
    })
}

fn follow(
    chain: &[&Device],
    disk: &str,
    drivers: &Drivers<'_>,
    evidence: &Place,
    release: &str,
) -> (Step, DiskFate) {
    let mut fate = DiskFate::default();
    for device in chain {
        fate.missing.extend(drivers.absent_from_image(&device.modalias));
    }
    fate.missing.dedup();
    let mut bound = Vec::new();
    for device in chain {
        match drivers.bind(&device.modalias) {
            Binding::Bound { driver, builtin } => {
                bound.push(if builtin { format!("{driver} (built in)") } else { driver.to_string() });
                fate.drivers.push(driver);
            }
            Binding::Failed { reason, driver, module, forbidden_by, because } => {
                let detail = explain(
                    &Failure {
                        reason,
                        driver: driver.as_ref(),
                        module: module.as_ref(),
                        forbidden_by: forbidden_by.as_deref(),
                        because: because.as_deref(),
                    },
                    device,
                    drivers,
                    release,
                );
                fate = DiskFate {
                    reason: Some(reason),
                    modalias: Some(device.modalias.clone()),
                    driver,
                    module,
                    forbidden_by,
                    ..fate
                };
                return (Step::fails(StepName::DiskDriver, detail, Some(evidence.clone())), fate);
            }
            Binding::Unknown { needs } => {
                fate.modalias = Some(device.modalias.clone());
                let detail =
                    format!("whether a driver binds `{}` is not known without {needs}", device.modalias);
                return (Step::unknown(StepName::DiskDriver, detail, None), fate);
            }
        }
    }
    fate.name = Some(disk.to_owned());
    let detail = format!("the disk appears as {disk}, bound by {}", bound.join(", "));
    (Step::ok(StepName::DiskDriver, detail, Some(evidence.clone())), fate)
}

/// What keeps a device from being bound.
struct Failure<'f> {
    reason: BindFailure,
    driver: Option<&'f ModuleName>,
    module: Option<&'f ModuleName>,
    forbidden_by: Option<&'f str>,
    because: Option<&'f str>,
}

/// Why the device stays without a driver, in a sentence.
fn explain(failure: &Failure<'_>, device: &Device, drivers: &Drivers<'_>, release: &str) -> String {
    let Failure { reason, driver, module, forbidden_by, because } = *failure;
    let modalias = &device.modalias;
    let name =
        |module: Option<&ModuleName>| module.map_or_else(|| "the driver".to_owned(), ToString::to_string);
    let (driver, module) = (name(driver), name(module));
    match reason {
        BindFailure::DependencyMissing if because.is_some() => {
            format!("{driver} is in the initrd, but cannot load: {}", because.unwrap_or_default())
        }
        BindFailure::DependencyMissing => {
            format!("{driver} is in the initrd, but cannot load: it needs {module}, which is not")
        }
        BindFailure::Blacklisted if failure.module.is_none() => {
            format!(
                "`{modalias}` does not appear: {} forbids it",
                forbidden_by.unwrap_or("the configuration")
            )
        }
        BindFailure::Blacklisted => {
            format!("{module} is not loaded: {} forbids it", forbidden_by.unwrap_or("the configuration"))
        }
        BindFailure::WrongKernel if drivers.foreign_releases().is_empty() => {
            format!("{module} in the initrd was built for another kernel than {release}")
        }
        BindFailure::WrongKernel => format!(
            "the initrd has modules for {} and none for this kernel, {release}",
            drivers.foreign_releases().join(", ")
        ),
        BindFailure::Damaged => format!("{module} in the initrd is damaged and does not load"),
        BindFailure::NotLoaded if because.is_some() => {
            format!("{driver} is in the initrd, but nothing loads it: {}", because.unwrap_or_default())
        }
        BindFailure::NotLoaded => format!("{driver} is in the initrd, but nothing in it loads it"),
        BindFailure::NotInInitrd => {
            format!("the initrd has no driver for the disk controller: {driver} is missing")
        }
        BindFailure::NoInitrd => {
            format!(
                "there is no initrd, and {driver}, which drives the disk controller, is not built into the kernel"
            )
        }
        BindFailure::TooOld => format!(
            "{driver} of kernel {release} is from before virtio 1.0 and does not take `{modalias}`, which is of that version alone"
        ),
        BindFailure::NoDriver => {
            let gone = crate::drivers::known().iter().find(|driver| {
                let answers = |pattern: &String| alias_matches(pattern.as_bytes(), modalias.as_bytes());
                driver.aliases.iter().any(answers)
            });
            let gone = gone.map(|driver| {
                format!(
                    ": {} (CONFIG_{}) drives it, which this kernel was built without",
                    driver.module(),
                    driver.config
                )
            });
            let gone = gone.unwrap_or_default();
            format!("kernel {release} has no driver for the disk controller `{modalias}`{gone}")
        }
    }
}
