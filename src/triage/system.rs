//! Joins a log with the files of the system that wrote it: which boot entry it is, what the simulation says of that
//! entry, and which findings of the rules tell the same story.

use schemars::JsonSchema;
use serde::Serialize;

use super::log::Log;
use super::{Chain, Triage};
use crate::facts::Facts;
use crate::facts::boot::BootEntry;
use crate::finding::{Finding, Fix, Severity};
use crate::place::Place;
use crate::simulate::{Boot, Outcome, State};

/// Findings that are told beside one chain.
const MOST_FINDINGS: usize = 6;

/// What the system's files say of the boot that the log is of.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Counterpart {
    /// The system, as given on the command line.
    pub source: String,
    /// The target that the boot was played through on.
    pub target: String,
    /// The title of the boot entry that the log is of; null where none fits.
    pub entry: Option<String>,
    /// Where that entry stands.
    pub at: Option<Place>,
    /// By what it was found, in words.
    pub found_by: String,
    /// What the simulation says of it.
    pub outcome: Option<Outcome>,
    /// The step at which it stops there, with its reason.
    pub stops_at: Option<SimulatedStep>,
}

/// A step of the simulated boot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SimulatedStep {
    /// Which.
    pub step: String,
    /// What happens there, in one sentence.
    pub detail: String,
    /// The evidence.
    pub at: Option<Place>,
}

/// What the system's files say about one chain.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Told {
    /// Whether they say the same as the log.
    pub confirms: bool,
    /// The findings that do.
    pub findings: Vec<TellingFinding>,
}

/// A finding of a rule, in short.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TellingFinding {
    /// The rule's id.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where.
    pub at: Place,
    /// How to mend it.
    pub fix: Vec<Fix>,
}

impl From<&Finding> for TellingFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.clone(),
            severity: finding.severity,
            message: finding.message.clone(),
            at: finding.at.clone(),
            fix: finding.fix.clone(),
        }
    }
}

/// Adds to `triage` what the system's files say.
pub fn join(
    triage: &mut Triage,
    source: &str,
    target: &str,
    facts: &Facts,
    boots: &[Boot],
    findings: &[Finding],
) {
    let (entry, found_by) = entry_of(&triage.log, &facts.boot.entries);
    let boot =
        entry.and_then(|entry| boots.iter().find(|boot| boot.entry == entry.title && boot.target == target));
    let stops_at =
        boot.and_then(|boot| boot.steps.iter().find(|step| step.state == State::Fails)).map(|step| {
            SimulatedStep {
                step: step.step.name().to_owned(),
                detail: step.detail.clone(),
                at: step.at.clone(),
            }
        });
    let title = entry.map(|entry| entry.title.as_str());
    let concerns = |finding: &&Finding| {
        finding.entry.as_deref().is_none_or(|of| title.is_none_or(|title| title == of))
            && finding.target.as_deref().is_none_or(|of| of == target)
    };
    let relevant: Vec<&Finding> = findings.iter().filter(concerns).collect();
    for chain in &mut triage.chains {
        chain.from_system = told(chain, &relevant);
    }
    triage.system = Some(Counterpart {
        source: source.to_owned(),
        target: target.to_owned(),
        entry: entry.map(|entry| entry.title.clone()),
        at: entry.map(|entry| entry.at.clone()),
        found_by,
        outcome: boot.map(|boot| boot.outcome),
        stops_at,
    });
}

/// The findings that tell what `chain` is about: those of its rules first, and what else stops the boot.
fn told(chain: &Chain, findings: &[&Finding]) -> Option<Told> {
    let of_cause = chain.cause.as_ref().map(|cause| cause.rules.clone()).unwrap_or_default();
    let of_possible = chain.possible.iter().flat_map(|possible| possible.rules.clone());
    let of_symptoms = chain.followed.iter().flat_map(|event| event.rules.clone());
    let mut rules = of_cause.clone();
    rules.extend(of_possible.chain(of_symptoms));
    let mut telling: Vec<&Finding> = Vec::new();
    for rule in &rules {
        for finding in findings.iter().filter(|finding| &finding.rule == rule) {
            if !telling.iter().any(|known| known.fingerprint == finding.fingerprint) {
                telling.push(finding);
            }
        }
    }
    if chain.stops && telling.is_empty() {
        telling.extend(findings.iter().filter(|finding| finding.severity == Severity::Blocker));
    }
    let confirms = telling.iter().any(|finding| of_cause.contains(&finding.rule));
    let findings: Vec<TellingFinding> =
        telling.into_iter().take(MOST_FINDINGS).map(TellingFinding::from).collect();
    (!findings.is_empty()).then_some(Told { confirms, findings })
}

/// The boot entry that the log is of, and how it was found.
fn entry_of<'a>(log: &Log, entries: &'a [BootEntry]) -> (Option<&'a BootEntry>, String) {
    let Some(kernel) = &log.kernel else {
        let default = entries.iter().find(|entry| entry.default);
        return (
            default,
            "the log does not name its kernel; this is the entry that boots by itself".to_owned(),
        );
    };
    let of_kernel: Vec<&BootEntry> = entries.iter().filter(|entry| runs(entry, &kernel.release)).collect();
    let said = log.command_line.as_ref().map(|line| own_words(&line.text)).unwrap_or_default();
    let same_words =
        |entry: &&&BootEntry| entry.cmdline.get().is_some_and(|line| own_words(&line.text) == said);
    if let Some(entry) = of_kernel.iter().find(same_words) {
        return (Some(entry), format!("kernel `{}` and the command line", kernel.release));
    }
    let same_root = |entry: &&&BootEntry| {
        let root =
            entry.cmdline.get().and_then(|line| line.root.as_ref()).map(|root| root.device.raw.as_str());
        root.is_some() && root == log.root.as_ref().map(|root| root.spec.as_str())
    };
    if let Some(entry) = of_kernel.iter().find(same_root) {
        return (
            Some(entry),
            format!("kernel `{}` and `root=`; the rest of the command line differs", kernel.release),
        );
    }
    match of_kernel.as_slice() {
        [] => (None, format!("no boot entry has the log's kernel `{}`", kernel.release)),
        [entry] => (Some(entry), format!("kernel `{}`; the command line differs", kernel.release)),
        [entry, ..] => (
            Some(entry),
            format!("the first of several with kernel `{}`; the command line fits none", kernel.release),
        ),
    }
}

fn runs(entry: &BootEntry, release: &str) -> bool {
    match &entry.release {
        Some(known) => known == release,
        None => entry.kernel.ends_with(release),
    }
}

/// The words of a command line without those that the loader adds.
fn own_words(line: &str) -> Vec<&str> {
    let is_own = |word: &&str| !word.starts_with("BOOT_IMAGE=") && !word.starts_with("initrd=");
    line.split_whitespace().filter(is_own).collect()
}

/// The target that the machine of a log is, as far as its DMI tables and disks tell.
#[must_use]
pub fn target_of(log: &Log) -> &'static str {
    let machine = log.machine.as_deref().unwrap_or_default();
    let has = |id: &str| log.controllers.iter().any(|controller| controller.id == id);
    let has_driver =
        |driver: &str| log.controllers.iter().any(|controller| controller.driver.as_deref() == Some(driver));
    if machine.starts_with("VMware") {
        return if has("1000:0030") {
            "vmware-lsi"
        } else if has_driver("nvme") {
            "vmware-nvme"
        } else {
            "vmware"
        };
    }
    if machine.starts_with("Microsoft") {
        return if log.firmware.as_deref() == Some("uefi") { "hyperv-gen2" } else { "hyperv-gen1" };
    }
    if machine.starts_with("Xen") {
        return "xen-hvm";
    }
    if machine.starts_with("Amazon EC2") {
        return "aws-nitro";
    }
    if machine.starts_with("Google") {
        return "gcp";
    }
    if machine.contains("VirtualBox") {
        return "virtualbox";
    }
    if ["QEMU", "Red Hat KVM", "KVM", "RHEV", "OpenStack", "Nutanix"]
        .iter()
        .any(|name| machine.starts_with(name))
    {
        return match () {
            () if has_driver("virtio_scsi") => "kvm-virtio-scsi",
            () if has_driver("ahci") && !has_driver("virtio_blk") => "kvm-sata",
            () => "kvm",
        };
    }
    "same"
}
