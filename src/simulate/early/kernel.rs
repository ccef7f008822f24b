//! The step `kernel`: is the image there, whole, made for the machine, and does it belong to its modules.

use super::super::{Cause, State, Step, StepName};
use crate::facts::Known;
use crate::facts::kernels::Kernel;
use crate::place::Place;
use crate::target::Target;

/// What an entry says of its kernel.
pub(in crate::simulate) struct KernelFile<'a> {
    /// The path relative to the root.
    pub(in crate::simulate) path: &'a str,
    /// Whether it is there.
    pub(in crate::simulate) exists: &'a Known<bool>,
    /// Where it is named.
    pub(in crate::simulate) at: &'a Place,
    /// The release, if the entry or the file's name says it.
    pub(in crate::simulate) release: Option<&'a str>,
    /// The installed kernel of that release.
    pub(in crate::simulate) installed: Option<&'a Kernel>,
    /// All kernels of the system.
    pub(in crate::simulate) others: &'a [Kernel],
}

/// Kernels that are named where the one that is asked for is not there.
const MOST_OTHERS: usize = 4;

/// What is there in the place of a kernel that is not.
fn there_is(others: &[Kernel]) -> String {
    let mut paths: Vec<String> =
        others.iter().filter_map(|kernel| Some(format!("`{}`", kernel.image.as_deref()?))).collect();
    let more = paths.len().saturating_sub(MOST_OTHERS);
    paths.truncate(MOST_OTHERS);
    match (paths.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("; there is {}", paths.join(", ")),
        (false, more) => format!("; there is {} and {more} more", paths.join(", ")),
    }
}

/// The step where the machine itself decides: a kernel for another architecture is data to the firmware and its loader.
/// A 64-bit PC also runs kernels for 32-bit ones.
pub(in crate::simulate) fn on_machine(step: &Step, kernel: Option<&Kernel>, target: &Target) -> Step {
    let Some(arch) = kernel.and_then(|kernel| kernel.arch.as_deref()).filter(|_| !target.is_same()) else {
        return step.clone();
    };
    let machine = target.arch();
    let is_pc = |arch: &str| matches!(arch, "i386" | "i486" | "i586" | "i686");
    let runs = arch == machine || (machine == "x86_64" && is_pc(arch)) || (is_pc(machine) && is_pc(arch));
    if step.state != State::Ok || runs {
        return step.clone();
    }
    let detail = format!("{} is for {arch}, and {} is {machine}", step.detail, target.name);
    Step::fails(StepName::Kernel, detail, step.at.clone()).because(Cause::KernelOfOtherMachine)
}

/// Whether the kernel image is there and is of the release that its modules have.
pub(in crate::simulate) fn kernel(file: &KernelFile<'_>) -> Step {
    let KernelFile { path, at, others, .. } = *file;
    match file.exists {
        Known::Known(false) => {
            return Step::fails(
                StepName::Kernel,
                format!("the kernel `{path}` does not exist{}", there_is(others)),
                Some(at.clone()),
            );
        }
        Known::Unknown { needs } => {
            let detail = format!("whether the kernel `{path}` exists is not known without {needs}");
            return Step::unknown(StepName::Kernel, detail, Some(at.clone()));
        }
        Known::Known(true) => {}
    }
    let Some(release) = file.release else {
        let detail = format!("`{path}` is there, but neither its name nor its contents tell its release");
        return Step::unknown(StepName::Kernel, detail, Some(at.clone()));
    };
    let Some(kernel) = file.installed else {
        let detail =
            format!("`{path}` is there, but `lib/modules/{release}` is not: it has no modules to load");
        return Step::ok(StepName::Kernel, detail, Some(at.clone()));
    };
    if let Some(damage) = kernel.image_damage.as_deref().filter(|_| kernel.image.as_deref() == Some(path)) {
        return Step::fails(
            StepName::Kernel,
            format!("no loader starts `{path}`: {damage}"),
            Some(Place::file(path)),
        )
        .because(Cause::KernelDamaged);
    }
    if let Some(own) = kernel.image_release.get().and_then(Option::as_deref)
        && own != release
    {
        let detail =
            format!("`{path}` says of itself that it is {own}, not {release}: its modules do not load");
        return Step::fails(StepName::Kernel, detail, Some(at.clone()));
    }
    Step::ok(StepName::Kernel, format!("Linux {release}"), Some(at.clone()))
}
