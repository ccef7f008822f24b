//! A boot that no loader lists: kernel, initrd and command line are given by hand.

use super::boot::GIVEN;
use crate::facts::asked::{Asked, AskedFile};
use crate::facts::boot::{BootEntry, EntryFile, EntrySource};
use crate::facts::command_line::{CommandLine, Piece};
use crate::facts::kernels::Kernel;
use crate::facts::{Facts, Known};
use crate::place::Place;

/// A boot that no loader lists, given by hand.
#[derive(Debug, Clone)]
pub struct GivenEntry {
    /// The kernel's release (`6.1.0-18-amd64`) or its path.
    pub kernel: String,
    /// The initrd's path relative to the root; none for a boot without one.
    pub initrd: Option<String>,
    /// The kernel command line.
    pub cmdline: String,
}

impl GivenEntry {
    /// The files to read for it, beside what the system itself names. A kernel without a slash is a release.
    #[must_use]
    pub fn asked(&self) -> Asked {
        Asked {
            kernel: Some(self.kernel.clone()).filter(|kernel| kernel.contains('/')),
            initrds: self.initrd.iter().cloned().collect(),
        }
    }

    /// The initrd in `/boot` whose name says that it is for this kernel.
    #[must_use]
    pub fn own_initrd(&self, facts: &Facts) -> Option<String> {
        self.installed(facts)?.initrds.first().cloned()
    }

    fn asked_kernel<'a>(&self, facts: &'a Facts) -> Option<&'a AskedFile> {
        facts.asked.kernel.as_ref().filter(|file| file.asked == self.kernel.trim_start_matches('/'))
    }

    /// The installed kernel of that release or with that image.
    fn installed<'a>(&self, facts: &'a Facts) -> Option<&'a Kernel> {
        let path = self.kernel.trim_start_matches('/');
        let led_to = self.asked_kernel(facts).map_or(path, |file| file.path.as_str());
        facts.kernels.iter().find(|kernel| {
            let image = kernel.image.as_deref();
            kernel.release == self.kernel || image.is_some_and(|image| image == path || image == led_to)
        })
    }

    /// The entry as a loader would list it.
    #[must_use]
    pub fn to_entry(&self, facts: &Facts) -> BootEntry {
        let given = Place::file("command line");
        let path = self.kernel.trim_start_matches('/');
        let asked = self.asked_kernel(facts);
        let installed = self.installed(facts);
        let image = installed.and_then(|kernel| kernel.image.clone());
        let exists = match (installed, asked) {
            (Some(_), _) => Known::Known(true),
            (None, Some(file)) => file.exists.clone(),
            (None, None) => Known::Known(false),
        };
        let release = installed
            .map(|kernel| kernel.release.clone())
            .or_else(|| asked.and_then(|file| file.release.clone()));
        let pieces = [Piece { text: self.cmdline.clone(), at: given.clone() }];
        BootEntry {
            id: GIVEN.to_owned(),
            title: format!("{} (given on the command line)", self.kernel),
            at: given.clone(),
            source: EntrySource::NoneListed,
            default: true,
            kernel: image.unwrap_or_else(|| asked.map_or(path, |file| file.path.as_str()).to_owned()),
            kernel_at: given.clone(),
            kernel_exists: exists,
            release,
            initrds: self.initrd.iter().map(|path| initrd(facts, path, &given)).collect(),
            cmdline: Known::Known(CommandLine::of_pieces(&pieces)),
            hypervisor: None,
            searched: None,
            grub: None,
            is_rescue: false,
        }
    }
}

fn initrd(facts: &Facts, path: &str, at: &Place) -> EntryFile {
    let path = path.trim_start_matches('/');
    let asked = facts.asked.initrds.iter().find(|file| file.asked == path);
    let is_read = || facts.initrds.iter().any(|initrd| initrd.path == path);
    EntryFile {
        path: asked.map_or(path, |file| file.path.as_str()).to_owned(),
        exists: asked.map_or_else(|| Known::Known(is_read()), |file: &AskedFile| file.exists.clone()),
        at: at.clone(),
    }
}
