//! The steps `kernel` and `initrd`: are the files there, whole, and made for each other.

use super::{Step, StepName};
use crate::facts::Known;
use crate::facts::boot::EntryFile;
use crate::facts::initrds::Initrd;
use crate::facts::kernels::Kernel;
use crate::initrd::DamageKind;
use crate::place::Place;

/// What an entry says of its kernel.
pub(super) struct KernelFile<'a> {
    /// The path relative to the root.
    pub(super) path: &'a str,
    /// Whether it is there.
    pub(super) exists: &'a Known<bool>,
    /// Where it is named.
    pub(super) at: &'a Place,
    /// The release, if the entry or the file's name says it.
    pub(super) release: Option<&'a str>,
    /// The installed kernel of that release.
    pub(super) installed: Option<&'a Kernel>,
}

/// Whether the kernel image is there and is of the release that its modules have.
pub(super) fn kernel(file: &KernelFile<'_>) -> Step {
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
    if let Some(own) = kernel.image_release.get().and_then(Option::as_deref)
        && own != release
    {
        let detail =
            format!("`{path}` says of itself that it is {own}, not {release}: its modules do not load");
        return Step::fails(StepName::Kernel, detail, Some(at.clone()));
    }
    Step::ok(StepName::Kernel, format!("Linux {release}"), Some(at.clone()))
}

/// Whether each initrd is there, whole, and can be unpacked by this kernel.
pub(super) fn initrd(files: &[&EntryFile], found: &[Option<&Initrd>], kernel: Option<&Kernel>) -> Step {
    if files.is_empty() {
        return Step::ok(
            StepName::Initrd,
            "the entry has no initrd: all that is needed must be built in",
            None,
        );
    }
    let mut unknown = None;
    for (file, initrd) in files.iter().zip(found) {
        let step = one(file, *initrd, kernel);
        match step.state {
            super::State::Fails => return step,
            super::State::Unknown => unknown = unknown.or(Some(step)),
            super::State::Ok => {}
        }
    }
    if let Some(step) = unknown {
        return step;
    }
    let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.path)).collect();
    let detail = format!("{} {} whole", names.join(" and "), if names.len() == 1 { "is" } else { "are" });
    Step::ok(StepName::Initrd, detail, files.last().map(|file| Place::file(file.path.as_str())))
}

fn one(file: &EntryFile, initrd: Option<&Initrd>, kernel: Option<&Kernel>) -> Step {
    let path = &file.path;
    match &file.exists {
        Known::Known(false) => {
            return Step::fails(
                StepName::Initrd,
                format!("the initrd `{path}` does not exist"),
                Some(file.at.clone()),
            );
        }
        Known::Unknown { needs } => {
            let detail = format!("whether the initrd `{path}` exists is not known without {needs}");
            return Step::unknown(StepName::Initrd, detail, Some(file.at.clone()));
        }
        Known::Known(true) => {}
    }
    let at = || Some(Place::file(path.as_str()));
    let Some(initrd) = initrd else {
        return Step::unknown(StepName::Initrd, format!("`{path}` was not read"), at());
    };
    let (damage, compressions) = match (&initrd.damage, &initrd.compressions) {
        (Known::Known(damage), Known::Known(compressions)) => (damage, compressions),
        (Known::Unknown { needs }, _) | (_, Known::Unknown { needs }) => {
            let detail = format!("what `{path}` holds is not known without {needs}");
            return Step::unknown(StepName::Initrd, detail, at());
        }
    };
    if let Some(reason) = initrd.refused.get().and_then(Option::as_deref) {
        return Step::fails(StepName::Initrd, format!("no kernel unpacks `{path}`: {reason}"), at());
    }
    if let Some(damage) = damage {
        let detail = format!("`{path}` is damaged at byte {}: {}", damage.offset, damage.reason);
        return match damage.kind {
            DamageKind::OverLimit | DamageKind::Unreadable | DamageKind::FileSystem => {
                Step::unknown(StepName::Initrd, detail, at())
            }
            // What was unpacked before it stays, and the kernel goes on with it (init/initramfs.c).
            DamageKind::Garbage if initrd.has_init.get() == Some(&true) => {
                Step::ok(StepName::Initrd, format!("{detail}; what comes before it is used"), at())
            }
            _ => Step::fails(StepName::Initrd, detail, at()),
        };
    }
    if initrd.entries.get() == Some(&0) {
        return Step::fails(StepName::Initrd, format!("`{path}` is empty"), at());
    }
    let known = kernel.and_then(|kernel| kernel.initrd_compressions.get());
    for compression in compressions.iter().filter(|compression| *compression != "none") {
        let name = compression.trim_end_matches("-legacy");
        if known.is_some_and(|known| !known.is_empty() && !known.iter().any(|one| one == name)) {
            let release = kernel.map_or("", |kernel| kernel.release.as_str());
            let option = format!("CONFIG_RD_{}", name.to_ascii_uppercase());
            let detail =
                format!("`{path}` is packed with {name}, which kernel {release} cannot unpack ({option})");
            return Step::fails(StepName::Initrd, detail, at());
        }
    }
    Step::ok(StepName::Initrd, format!("`{path}` is whole"), at())
}
