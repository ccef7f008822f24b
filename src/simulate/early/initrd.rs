//! The step `initrd`: is each image there, can this kernel unpack it, and does it then have an init.
//!
//! The kernel reports what it cannot unpack and goes on with what it has by then; without an `/init` it mounts the root
//! file system itself, as if there were no initrd (init/initramfs.c, `do_populate_rootfs`; init/main.c,
//! `kernel_init_freeable`). So an image that is of no use is no failure on a kernel that has all it needs built in.

use super::super::initrd_view::InitrdView;
use super::super::{State, Step, StepName};
use super::memory::{self, Fit};
use crate::facts::Known;
use crate::facts::boot::EntryFile;
use crate::facts::command_line::CommandLine;
use crate::facts::initrds::Initrd;
use crate::facts::kernels::Kernel;
use crate::initrd::{Archive, Damage, DamageKind};
use crate::place::Place;
use crate::target::Target;

/// What the kernel makes of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulate) enum Unpacked {
    /// All of it.
    Whole,
    /// What comes before some damage, which is told in a sentence.
    Partly {
        /// The damage.
        detail: String,
        /// Whether files are lost by it.
        loses_files: bool,
    },
    /// Nothing, for the reason told.
    Nothing {
        /// The reason.
        detail: String,
    },
    /// The loader does not find it.
    Missing {
        /// The sentence.
        detail: String,
        /// Where the image is named.
        at: Place,
    },
    /// The input does not say.
    Unknown {
        /// What would settle it, in a sentence.
        detail: String,
        /// The image, or where it is named.
        at: Place,
    },
}

/// The images of an entry, in order.
pub(in crate::simulate) struct Initrds<'a> {
    files: &'a [EntryFile],
    unpacked: Vec<Unpacked>,
}

impl<'a> Initrds<'a> {
    /// What `kernel` makes of the images called `files`; `found` are those that are known.
    pub(in crate::simulate) fn new(
        files: &'a [EntryFile],
        found: &[Option<&Initrd>],
        kernel: Option<&Kernel>,
    ) -> Self {
        let unpacked = files.iter().zip(found).map(|(file, initrd)| unpack(file, *initrd, kernel));
        Self { files, unpacked: unpacked.collect() }
    }

    /// Whether the image at `index` gives the kernel any files.
    pub(in crate::simulate) fn gives_files(&self, index: usize) -> bool {
        matches!(self.unpacked.get(index), Some(Unpacked::Whole | Unpacked::Partly { .. }))
    }

    /// Whether all images are known.
    pub(in crate::simulate) fn are_known(&self) -> bool {
        !self.unpacked.iter().any(|one| matches!(one, Unpacked::Unknown { .. } | Unpacked::Missing { .. }))
    }

    /// The step on `target`; `view` are the images that give files, `later` the steps up to the root file system.
    pub(in crate::simulate) fn step(
        &self,
        view: &InitrdView<'_>,
        cmdline: Option<&CommandLine>,
        target: &Target,
        later: &[Step],
    ) -> Step {
        let name = StepName::Initrd;
        let Some(last) = self.files.last() else {
            return Step::ok(name, "the entry has no initrd: all that is needed must be built in", None);
        };
        let at = || Some(Place::file(last.path.as_str()));
        for one in &self.unpacked {
            if let Unpacked::Missing { detail, at } = one {
                return Step::fails(name, detail, Some(at.clone()));
            }
        }
        for one in &self.unpacked {
            if let Unpacked::Unknown { detail, at } = one {
                return Step::unknown(name, detail, Some(at.clone()));
            }
        }
        match memory::fit(view, target, cmdline.and_then(|line| line.value("mem"))) {
            Fit::TooSmall { needed, there } => {
                let detail =
                    format!("unpacking it takes about {needed} MiB of memory, and there are {there}");
                return Step::fails(name, detail, at());
            }
            Fit::Near { needed, there } => {
                let detail = format!(
                    "unpacking it takes about {needed} MiB of memory; whether the {there} MiB that there are suffice \
                     for the programs in it as well, only a boot tells"
                );
                return Step::unknown(name, detail, at());
            }
            Fit::Fits => {}
        }
        if !view.has_init() {
            let reason = self.trouble().unwrap_or_else(|| format!("`{}` has no `/init`", last.path));
            return without_init(&reason, later, at());
        }
        if let Some(other) = view.other_init() {
            let detail =
                format!("the kernel starts `{other}` in it instead of `/init`; what that does is not known");
            return Step::unknown(name, detail, at());
        }
        match self.unpacked.iter().find(|one| matches!(one, Unpacked::Partly { .. })) {
            Some(Unpacked::Partly { detail, .. }) if view.init().is_err() => {
                Step::fails(name, format!("{detail}; not even its init runs"), at())
            }
            Some(Unpacked::Partly { detail, loses_files: true }) => {
                let detail = format!(
                    "{detail}; the kernel goes on with what comes before, and whether that is enough \
                     is not known without a whole image"
                );
                Step::unknown(name, detail, at())
            }
            Some(Unpacked::Partly { detail, .. }) => {
                Step::ok(name, format!("{detail}; what comes before it is used"), at())
            }
            _ => {
                let names: Vec<String> = self.files.iter().map(|file| format!("`{}`", file.path)).collect();
                let verb = if names.len() == 1 { "is" } else { "are" };
                Step::ok(name, format!("{} {verb} whole", names.join(" and ")), at())
            }
        }
    }

    /// What is wrong with the first image that is not whole.
    fn trouble(&self) -> Option<String> {
        self.unpacked.iter().find_map(|one| match one {
            Unpacked::Partly { detail, .. } | Unpacked::Nothing { detail } => Some(detail.clone()),
            _ => None,
        })
    }
}

/// The step where the images have no init: the kernel mounts root itself, if it can.
fn without_init(reason: &str, later: &[Step], at: Option<Place>) -> Step {
    let name = StepName::Initrd;
    if later.iter().all(|step| step.state == State::Ok) {
        return Step::ok(name, format!("{reason}; the kernel goes on without it and mounts root itself"), at);
    }
    if later.iter().any(|step| step.state == State::Fails) {
        return Step::fails(name, format!("{reason}, and without it the kernel does not reach root"), at);
    }
    let detail = format!("{reason}; whether the kernel reaches root without it is not known");
    Step::unknown(name, detail, at)
}

fn unpack(file: &EntryFile, initrd: Option<&Initrd>, kernel: Option<&Kernel>) -> Unpacked {
    let path = &file.path;
    match &file.exists {
        Known::Known(false) => {
            let detail = format!("the initrd `{path}` does not exist");
            return Unpacked::Missing { detail, at: file.at.clone() };
        }
        Known::Unknown { needs } => {
            let detail = format!("whether the initrd `{path}` exists is not known without {needs}");
            return Unpacked::Unknown { detail, at: file.at.clone() };
        }
        Known::Known(true) => {}
    }
    let unknown = |detail: String| Unpacked::Unknown { detail, at: Place::file(path.as_str()) };
    let Some(initrd) = initrd else { return unknown(format!("`{path}` was not read")) };
    let (damage, archives) = match (&initrd.damage, &initrd.archives) {
        (Known::Known(damage), Known::Known(archives)) => (damage, archives),
        (Known::Unknown { needs }, _) | (_, Known::Unknown { needs }) => {
            return unknown(format!("what `{path}` holds is not known without {needs}"));
        }
    };
    if let Some(reason) = archives.iter().find_map(|archive| archive.refused) {
        return Unpacked::Nothing { detail: format!("no kernel unpacks `{path}`: {reason}") };
    }
    if let Some(detail) = not_configured(path, archives, kernel) {
        return Unpacked::Nothing { detail };
    }
    match damage {
        None if initrd.entries.get() == Some(&0) => {
            Unpacked::Nothing { detail: format!("`{path}` is empty") }
        }
        None => Unpacked::Whole,
        Some(damage) => damaged(path, damage, initrd.entries.get() == Some(&0)),
    }
}

fn damaged(path: &str, damage: &Damage, is_empty: bool) -> Unpacked {
    let detail = format!("`{path}` is damaged at byte {}: {}", damage.offset, damage.reason);
    match damage.kind {
        DamageKind::OverLimit | DamageKind::Unreadable | DamageKind::FileSystem => {
            Unpacked::Unknown { detail, at: Place::file(path) }
        }
        _ if is_empty => Unpacked::Nothing { detail },
        DamageKind::Garbage => Unpacked::Partly { detail, loses_files: false },
        DamageKind::Truncated | DamageKind::Corrupt | DamageKind::Unsupported => {
            Unpacked::Partly { detail, loses_files: !damage.after_trailer }
        }
    }
}

/// The compression that the kernel was built without, in a sentence.
fn not_configured(path: &str, archives: &[Archive], kernel: Option<&Kernel>) -> Option<String> {
    let kernel = kernel?;
    let known = kernel.initrd_compressions.get().filter(|known| !known.is_empty())?;
    let mut names = archives.iter().map(|archive| archive.compression.name());
    let name = names.find(|name| *name != "none" && !known.iter().any(|one| one == name))?;
    let option = format!("CONFIG_RD_{}", name.to_ascii_uppercase());
    Some(format!("`{path}` is packed with {name}, which kernel {} cannot unpack ({option})", kernel.release))
}
