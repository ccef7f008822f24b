//! The initrds of one boot entry as the kernel sees them: unpacked over each other into one root.

use std::ops::Bound;

use crate::facts::initrds::Initrd;
use crate::initrd::{Image, Kind, Module, ModuleName};

/// The initrds of one entry, in the order in which the loader joins them. A later one wins.
#[derive(Debug, Clone, Default)]
pub(super) struct InitrdView<'a> {
    /// Those that were read, with their images.
    pub(super) read: Vec<(&'a Initrd, &'a Image)>,
}

impl<'a> InitrdView<'a> {
    /// The view of `initrds`; those whose contents are unknown are left out.
    pub(super) fn new(initrds: &[&'a Initrd]) -> Self {
        let read = initrds.iter().filter_map(|initrd| Some((*initrd, initrd.image.as_deref()?)));
        Self { read: read.collect() }
    }

    /// The images, the one that wins first.
    fn images(&self) -> impl Iterator<Item = &'a Image> + '_ {
        self.read.iter().rev().map(|(_, image)| *image)
    }

    /// The initrd that has what boots: the last with an init, else the last.
    pub(super) fn main(&self) -> Option<&'a Initrd> {
        let with_init = self.read.iter().rev().find(|(initrd, _)| initrd.has_init.get() == Some(&true));
        with_init.or(self.read.last()).map(|(initrd, _)| *initrd)
    }

    /// What made it.
    pub(super) fn kind(&self) -> Kind {
        self.main().and_then(|initrd| initrd.kind.get().copied()).unwrap_or_default()
    }

    /// Whether one of `paths` leads to something.
    pub(super) fn has_any(&self, paths: &[&str]) -> bool {
        self.images().any(|image| paths.iter().any(|path| image.has(path)))
    }

    /// The text at `path`, links followed.
    pub(super) fn text(&self, path: &str) -> Option<&'a [u8]> {
        self.images().find_map(|image| image.text(path))
    }

    /// The texts below the folder `path` (with its closing slash): path and text, in byte order of the paths.
    pub(super) fn texts_below(&self, path: &'a str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.images().flat_map(move |image| {
            let below = image.texts.range::<[u8], _>((Bound::Included(path.as_bytes()), Bound::Unbounded));
            below
                .take_while(move |(name, _)| name.starts_with(path.as_bytes()))
                .map(|(name, text)| (name.as_ref(), text.as_slice()))
        })
    }

    /// The modules for the kernel `release`, and those whose path names no release (as in `lib/` of RHEL 4 and 5).
    pub(super) fn modules(
        &self,
        release: &'a str,
    ) -> impl Iterator<Item = (&'a ModuleName, &'a Module)> + '_ {
        let modules = self.read.iter().flat_map(|(_, image)| image.modules.iter());
        let fits = move |module: &&Module| module.release.as_deref().is_none_or(|other| other == release);
        modules.filter(fits).map(|module| (&module.name, module))
    }

    /// The releases that there are modules for.
    pub(super) fn releases(&self) -> Vec<&'a str> {
        let mut releases: Vec<&str> = self.read.iter().flat_map(|(_, image)| image.releases()).collect();
        releases.sort_unstable();
        releases.dedup();
        releases
    }

    /// Whether udev runs in it, so that modules are loaded as devices appear.
    pub(super) fn has_udev(&self) -> bool {
        self.read.iter().any(|(initrd, _)| initrd.has_udev.get() == Some(&true))
    }
}
