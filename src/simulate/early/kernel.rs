//! The step `kernel`: is the image there, whole, made for the machine, and does it belong to its modules.

use super::super::{Step, StepName};
use crate::facts::Known;
use crate::facts::kernels::Kernel;
use crate::place::Place;

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
}

/// Whether the kernel image is there and is of the release that its modules have.
pub(in crate::simulate) fn kernel(file: &KernelFile<'_>) -> Step {
    let KernelFile { path, at, .. } = *file;
    match file.exists {
        Known::Known(false) => {
            return Step::fails(
                StepName::Kernel,
                format!("the kernel `{path}` does not exist"),
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
        );
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
