//! The step `loader`: does the loader find its own files, its configuration, and the kernel and the initrd where the entry
//! says they are.
//!
//! A loader's paths start at the root of the file system that it looks on: the one that it searches for by UUID, or that `root`
//! names. A kernel that is nowhere in the system is left to the step `kernel`; one that is there, but not where the loader
//! looks, stops the loader. Sources: GRUB's `grub-core/kern`, `grub-core/normal` and the manual ("Writing full configuration
//! files directly"); systemd-boot(7).

mod entry;
mod grub;
mod readable;
mod volumes;

use super::firmware::{self, Started};
use super::scene::Scene;
use super::{Cause, Step, StepName};
use crate::facts::Facts;
use crate::facts::boot::EntrySource;
use crate::facts::esp::EspProgramKind;
use crate::place::Place;
use crate::target::Target;

/// Why a loader gets no further.
struct Stop {
    /// A sentence.
    detail: String,
    /// The evidence.
    at: Option<Place>,
    cause: Option<Cause>,
}

impl Stop {
    fn new(detail: impl Into<String>, at: Option<Place>) -> Self {
        Self { detail: detail.into(), at, cause: None }
    }

    fn because(self, cause: Cause) -> Self {
        Self { cause: Some(cause), ..self }
    }
}

/// The step on `target`.
pub(super) fn step(scene: &Scene<'_>, target: &Target) -> Option<Step> {
    let step = StepName::Loader;
    if scene.is_given() {
        return Some(Step::ok(
            step,
            "kernel, initrd and command line were given by hand: no loader takes part",
            None,
        ));
    }
    let start = firmware::start(scene.facts, target);
    let at = Some(scene.entry.at.clone());
    if let Some(Stop { detail, at, cause }) = stop(scene, target, &start.loader) {
        return Some(Step { cause, ..Step::fails(step, detail, at) });
    }
    if scene.entry.source == EntrySource::NoneListed {
        let detail = "which entry the loader starts is not known without the boot loader's configuration";
        return Some(Step::unknown(step, detail, at));
    }
    Some(Step::ok(step, "the loader finds the entry and its files", at))
}

/// Unified kernels in `EFI/Linux` are entries of systemd-boot without a file that lists them.
fn has_unified_kernel(facts: &Facts) -> bool {
    let is_one = |path: &str| {
        path.to_ascii_lowercase().starts_with("efi/linux/") && path.to_ascii_lowercase().ends_with(".efi")
    };
    facts.esp.files.get().is_some_and(|files| files.iter().any(|file| is_one(&file.path)))
}

fn stop(scene: &Scene<'_>, target: &Target, started: &Started<'_>) -> Option<Stop> {
    if let Started::Uefi { program, .. } = started
        && let Some(kind) = program.program.get().and_then(Option::as_ref).map(|program| program.kind)
        && kind != EspProgramKind::Grub
    {
        return match kind {
            EspProgramKind::SystemdBoot
                if scene.entry.source != EntrySource::Bls && !has_unified_kernel(scene.facts) =>
            {
                let detail = "systemd-boot finds no entry in `loader/entries` on the EFI system partition: it stays in its menu";
                Some(Stop::new(detail, Some(program.at.clone())))
            }
            _ => None,
        };
    }
    match scene.entry.source {
        EntrySource::Extlinux => None,
        EntrySource::GrubLegacy => entry::stop(scene, target, started),
        EntrySource::Grub2 | EntrySource::Bls | EntrySource::NoneListed => {
            grub::stop(scene, target, started).or_else(|| entry::stop(scene, target, started))
        }
    }
}
