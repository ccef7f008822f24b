//! The initrds of one boot entry as the kernel sees them: unpacked over each other into one root.

use std::ops::Bound;
use std::sync::OnceLock;

use memchr::memmem;

use crate::facts::command_line::CommandLine;
use crate::facts::initrds::{Initrd, UDEV};
use crate::initrd::{CannotRun, Image, Kind, Module, ModuleName};

/// The initrds of one entry, in the order in which the loader joins them. A later one wins.
#[derive(Debug, Clone, Default)]
pub(super) struct InitrdView<'a> {
    /// Those that were read, with their images.
    pub(super) read: Vec<(&'a Initrd, &'a Image)>,
    /// What `rdinit=` of the command line has the kernel start instead of `/init`.
    init: Option<&'a str>,
    /// What `autoload` has found out; every target asks for it.
    autoload: OnceLock<Result<(), String>>,
}

/// What the kernel starts in an initramfs unless told otherwise (init/main.c, `ramdisk_execute_command`).
const INIT: &str = "init";

impl<'a> InitrdView<'a> {
    /// The view of `initrds`; those whose contents are unknown are left out.
    pub(super) fn new(initrds: &[&'a Initrd], cmdline: Option<&'a CommandLine>) -> Self {
        let read = initrds.iter().filter_map(|initrd| Some((*initrd, initrd.image.as_deref()?)));
        Self {
            read: read.collect(),
            init: cmdline.and_then(|line| line.value("rdinit")),
            autoload: OnceLock::new(),
        }
    }

    /// Whether there is what the kernel starts.
    pub(super) fn has_init(&self) -> bool {
        self.has_any(&[self.init.unwrap_or(INIT)])
    }

    /// What `rdinit=` has the kernel start instead of `/init`.
    pub(super) fn other_init(&self) -> Option<&'a str> {
        self.init.filter(|path| path.trim_start_matches('/') != INIT)
    }

    /// Whether what the kernel starts can run.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn init(&self) -> Result<(), CannotRun> {
        let path = self.init.unwrap_or(INIT);
        match self.images().find(|image| image.has(path)) {
            Some(image) => image.runs(path),
            None => Ok(()),
        }
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

    /// Whether a file or link of that name is anywhere in it and leads to something.
    pub(super) fn has_named(&self, name: &str) -> bool {
        let is_named = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next() == Some(name.as_bytes());
        self.images().any(|image| {
            let named = image.entries.iter().map(|entry| entry.path()).filter(|path| is_named(path));
            named.into_iter().any(|path| image.has(path))
        })
    }

    /// Whether systemd is its init.
    pub(super) fn has_systemd(&self) -> bool {
        self.read.iter().any(|(initrd, _)| initrd.has_systemd.get() == Some(&true))
    }

    /// Whether something in it loads modules as devices appear: udev with its rule, a script that goes through `/sys`,
    /// busybox' mdev told so, Alpine's `nlplug-findfs`.
    ///
    /// # Errors
    /// Why nothing does, in words.
    pub(super) fn autoload(&self) -> Result<(), String> {
        self.autoload.get_or_init(|| self.autoload_now()).clone()
    }

    fn autoload_now(&self) -> Result<(), String> {
        if self.kind() == Kind::MkinitrdNash {
            return Err("its init script loads by name alone what is listed in it".to_owned());
        }
        let mentions =
            |path, word: &[u8]| self.text(path).is_some_and(|text| memmem::find(text, word).is_some());
        let by_script = self.kind() == Kind::Other && mentions(INIT, b"modalias");
        let by_mdev = mentions("etc/mdev.conf", b"MODALIAS");
        if by_script || by_mdev || self.has_any(&["sbin/nlplug-findfs", "usr/sbin/nlplug-findfs"]) {
            return Ok(());
        }
        let Some(udev) = UDEV.iter().find(|path| self.has_any(&[path])) else {
            return Err("the initrd has no udev".to_owned());
        };
        self.runs(udev).map_err(|error| format!("udev does not run: {error}"))?;
        // systemd's loads modules itself, and from version 257 on opens the library only then (udev-builtin-kmod.c).
        let knows_programs = self.images().any(|image| !image.linked.is_empty());
        if knows_programs
            && udev.contains("systemd")
            && self.init().is_ok()
            && !self.has_named("libkmod.so.2")
        {
            return Err("udev cannot load modules: the initrd lacks `libkmod.so.2`".to_owned());
        }
        // What starts it in mkinitcpio's images without systemd is a hook, in initramfs-tools a script of its own.
        let is_hooked = self.has_systemd() || !self.lists_without("hooks", "udev");
        if self.kind() == Kind::Mkinitcpio && !is_hooked {
            return Err("`udev` is not among the hooks of the initrd".to_owned());
        }
        if self.kind() == Kind::InitramfsTools && self.lists_without("scripts/init-top", "udev") {
            return Err("no script of the initrd starts udev".to_owned());
        }
        let rules = ["usr/lib/udev/rules.d", "lib/udev/rules.d"];
        let lacks_rule = rules.iter().any(|folder| self.lists_without(folder, "80-drivers.rules"));
        // Before udev 118 the rule stood in files of the distribution's own (`50-udev.rules`, `80-sysconfig.rules`).
        if lacks_rule
            && !self.has_any(&["etc/udev/rules.d/50-udev.rules", "etc/udev/rules.d/80-sysconfig.rules"])
        {
            return Err("udev in the initrd lacks `80-drivers.rules`, which loads drivers".to_owned());
        }
        Ok(())
    }

    /// Whether modprobe runs, which scripts and the kernel's own requests for modules start (kernel/module/kmod.c,
    /// `call_modprobe`).
    ///
    /// # Errors
    /// Why it does not, in words.
    pub(super) fn modprobe(&self) -> Result<(), String> {
        // Nothing is known of the programs of an image that none was read of.
        if self.images().all(|image| image.linked.is_empty()) {
            return Ok(());
        }
        self.runs("sbin/modprobe").map_err(|error| format!("modprobe does not run: {error}"))
    }

    /// Whether the program at `path` runs, in the image that wins. Where not even init runs nothing else is asked for,
    /// and so nothing else fails.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn runs(&self, path: &str) -> Result<(), CannotRun> {
        if self.init().is_err() {
            return Ok(());
        }
        match self.images().find(|image| image.has(path)).or(self.images().next()) {
            Some(image) => image.runs(path),
            None => Err(CannotRun::Absent { path: path.to_owned() }),
        }
    }

    /// Whether the folder has entries, but none called `name`.
    fn lists_without(&self, folder: &str, name: &str) -> bool {
        let mut listed = self.images().flat_map(|image| image.list(folder)).peekable();
        listed.peek().is_some() && !self.has_any(&[&format!("{folder}/{name}")])
    }
}
