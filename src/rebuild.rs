//! How an initrd is built anew: which program of the distribution does it, and what it is told, by version and by kind of image.
//!
//! Nothing is run here; the words end up in reports and in the scripts of `bootproof fix`. Sources: dracut(8) from dracut
//! 004 on (RHEL 6, where `--add-drivers` and the two operands IMAGE and RELEASE are the same as today), update-initramfs(8)
//! and initramfs-tools(7), Red Hat's mkinitrd(8) 5.1, SUSE's mkinitrd(8) 2.4, mkinitcpio(8).

use crate::facts::Facts;
use crate::facts::initrds::Initrd;
use crate::facts::system::Family;
use crate::finding::Fix;
use crate::initrd::Kind;
use crate::rules::shell::word;

/// The program that builds an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// dracut, an image beside the kernel.
    Dracut,
    /// dracut, a unified kernel image.
    DracutUnified,
    /// update-initramfs of Debian's initramfs-tools.
    InitramfsTools,
    /// mkinitrd of RHEL 5 and before.
    MkinitrdRedHat,
    /// mkinitrd of SLES 11 and before.
    MkinitrdSuse,
    /// Arch's mkinitcpio.
    Mkinitcpio,
}

/// One image to build anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// Its path, relative to the root.
    pub initrd: String,
    /// The kernel release that it is for.
    pub release: String,
    /// Modules that it must have beside those that its builder chooses, dashes as underscores, sorted as given.
    pub drivers: Vec<String>,
    /// What builds it.
    pub builder: Builder,
    /// Whether it is there already.
    pub exists: bool,
    /// Modules of the builder's settings that it forgets if others are given as arguments.
    forgotten: Vec<String>,
}

/// What makes the images to come have the drivers, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Lines that a file must have.
    Append {
        /// The file, relative to the root.
        path: &'static str,
        /// The lines.
        text: String,
    },
    /// Words that a list in a file must have: `INITRD_MODULES="..."`, `MODULES=(...)`.
    Words {
        /// The file, relative to the root.
        path: &'static str,
        /// The variable.
        variable: &'static str,
        /// The words.
        words: Vec<String>,
    },
}

/// Red Hat's mkinitrd reads the drivers of disk controllers from here.
const MODPROBE_CONF: &str = "etc/modprobe.conf";

/// The steps that build `initrds` anew with `drivers`: what the tool is told, or a sentence where no tool is known. Of no
/// initrds at all, as in a report without `/boot`, the sentence is about all of them.
#[must_use]
pub fn steps(facts: &Facts, initrds: &[String], drivers: &[String]) -> Vec<Fix> {
    let with = match drivers {
        [] => String::new(),
        drivers => format!(" with {}", drivers.join(", ")),
    };
    if initrds.is_empty() {
        return vec![Fix::Advice { text: format!("Rebuild the initrds{with}.") }];
    }
    let step = |initrd: &String| match Rebuild::of(facts, initrd, drivers) {
        Some(rebuild) => Fix::Rebuild {
            command: rebuild.shown(facts),
            initrd: rebuild.initrd,
            release: Some(rebuild.release),
            drivers: rebuild.drivers,
        },
        None => Fix::Advice {
            text: format!("Rebuild `/{initrd}`{with}, with the program of the distribution that makes it."),
        },
    };
    initrds.iter().map(step).collect()
}

impl Rebuild {
    /// The image at `path`; none where it is not known what builds it, or for which kernel.
    #[must_use]
    pub fn of(facts: &Facts, path: &str, drivers: &[String]) -> Option<Self> {
        let image = facts.initrds.iter().find(|image| image.path == path);
        let builder = builder(facts, image, path)?;
        // dracut 004: `[[ $add_drivers_l ]] && add_drivers=$add_drivers_l`; later ones add to the settings.
        let replaces = builder == Builder::Dracut
            && facts.system.family.get() == Some(&Family::Rhel)
            && facts.system.major_version == Some(6);
        let configured = facts.dracut.add_drivers.iter().filter(|_| replaces && !drivers.is_empty());
        let forgotten = configured.map(|driver| driver.name.clone()).filter(|name| !drivers.contains(name));
        Some(Self {
            initrd: path.to_owned(),
            release: release(facts, image, path)?,
            drivers: drivers.iter().map(|driver| driver.replace('-', "_")).collect(),
            builder,
            exists: image.is_some(),
            forgotten: forgotten.collect(),
        })
    }

    /// Asks for more modules.
    pub fn add(&mut self, drivers: &[String]) {
        for driver in drivers {
            if !self.drivers.contains(driver) {
                self.drivers.push(driver.clone());
            }
        }
        self.forgotten.retain(|driver| !self.drivers.contains(driver));
    }

    /// What builds it, where the drivers stand in the builder's settings already if it takes none as arguments.
    #[must_use]
    pub fn command(&self) -> String {
        let (image, release) = (word(&format!("/{}", self.initrd)), word(&self.release));
        let name = self.initrd.rsplit('/').next().unwrap_or_default();
        let added = match self.drivers.as_slice() {
            [] => String::new(),
            drivers => {
                let all: Vec<&str> = drivers.iter().chain(&self.forgotten).map(String::as_str).collect();
                format!(" --add-drivers \"{}\"", all.join(" "))
            }
        };
        match self.builder {
            Builder::Dracut => format!("dracut -f{added} {image} {release}"),
            Builder::DracutUnified => format!("dracut -f --uefi{added} --kver {release} {image}"),
            Builder::InitramfsTools if self.exists => format!("update-initramfs -u -k {release}"),
            Builder::InitramfsTools => format!("update-initramfs -c -k {release}"),
            Builder::MkinitrdRedHat => {
                let with: String = self.drivers.iter().map(|driver| format!(" --with={driver}")).collect();
                format!("mkinitrd -f{with} {image} {release}")
            }
            Builder::MkinitrdSuse => {
                format!("mkinitrd -k {} -i {}", word(&format!("vmlinuz-{}", self.release)), word(name))
            }
            Builder::Mkinitcpio => format!("mkinitcpio -k {release} -g {image}"),
        }
    }

    /// What a person is told: the settings that the command relies on come before it.
    fn shown(&self, facts: &Facts) -> String {
        let (command, drivers) = (self.command(), self.drivers.join(" "));
        match self.builder {
            _ if self.drivers.is_empty() => command,
            Builder::InitramfsTools => {
                format!("printf '%s\\n' {drivers} >> /etc/initramfs-tools/modules\n{command}")
            }
            // `-m` takes the place of INITRD_MODULES.
            Builder::MkinitrdSuse => {
                let before = facts.mkinitrd.initrd_modules.iter().map(|module| module.name.as_str());
                let all: Vec<&str> = before.chain(self.drivers.iter().map(String::as_str)).collect();
                format!("{command} -m \"{}\"", all.join(" "))
            }
            Builder::Mkinitcpio => {
                format!("sed -i 's/^MODULES=(/&{drivers} /' /etc/mkinitcpio.conf\n{command}")
            }
            Builder::Dracut | Builder::DracutUnified | Builder::MkinitrdRedHat => command,
        }
    }
}

impl Builder {
    /// What lists the files in an image, reading it from the path that follows.
    #[must_use]
    pub fn lister(self) -> &'static str {
        match self {
            Self::Dracut | Self::DracutUnified => "lsinitrd",
            Self::InitramfsTools => "lsinitramfs",
            Self::Mkinitcpio => "lsinitcpio",
            Self::MkinitrdRedHat | Self::MkinitrdSuse => "gzip -cd",
        }
    }

    /// The program itself.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Dracut | Self::DracutUnified => "dracut",
            Self::InitramfsTools => "update-initramfs",
            Self::MkinitrdRedHat | Self::MkinitrdSuse => "mkinitrd",
            Self::Mkinitcpio => "mkinitcpio",
        }
    }

    /// What makes the images to come have `drivers`.
    #[must_use]
    pub fn settings(self, facts: &Facts, drivers: &[String]) -> Vec<Setting> {
        if drivers.is_empty() {
            return Vec::new();
        }
        let append = |path, text| vec![Setting::Append { path, text }];
        let words = |path, variable| vec![Setting::Words { path, variable, words: drivers.to_vec() }];
        match self {
            Self::Dracut | Self::DracutUnified => append(
                "etc/dracut.conf.d/90-bootproof.conf",
                format!("add_drivers+=\" {} \"", drivers.join(" ")),
            ),
            Self::InitramfsTools => append("etc/initramfs-tools/modules", drivers.join("\n")),
            Self::MkinitrdRedHat => append(MODPROBE_CONF, host_adapters(facts, drivers)),
            Self::MkinitrdSuse => words("etc/sysconfig/kernel", "INITRD_MODULES"),
            Self::Mkinitcpio => words("etc/mkinitcpio.conf", "MODULES"),
        }
    }
}

/// `alias scsi_hostadapterN driver` for the drivers that have none, with numbers that are free.
fn host_adapters(facts: &Facts, drivers: &[String]) -> String {
    let known = &facts.mkinitrd.scsi_hostadapters;
    let is_free = |alias: &String| !known.iter().any(|adapter| adapter.alias == *alias);
    let names = std::iter::once(String::new()).chain((1..).map(|number: u32| number.to_string()));
    let free = names.map(|number| format!("scsi_hostadapter{number}")).filter(is_free);
    let missing = drivers.iter().filter(|driver| !known.iter().any(|adapter| adapter.module == **driver));
    let lines: Vec<String> =
        missing.zip(free).map(|(driver, alias)| format!("alias {alias} {driver}")).collect();
    lines.join("\n")
}

/// The release that the image is for: as its name says, else the one that its modules or its boot entry are of.
fn release(facts: &Facts, image: Option<&Initrd>, path: &str) -> Option<String> {
    let named = image.and_then(|image| image.release.clone());
    let of_modules = || match image?.releases.get()?.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    };
    let of_entry = || {
        let uses =
            |entry: &&crate::facts::boot::BootEntry| entry.initrds.iter().any(|file| file.path == path);
        facts.boot.entries.iter().find(uses)?.release.clone()
    };
    let of_kernel = || {
        let name = path.rsplit('/').next()?;
        let fits = |release: &&str| name.contains(*release);
        let releases = facts.kernels.iter().map(|kernel| kernel.release.as_str());
        releases.filter(fits).max_by_key(|release| release.len()).map(str::to_owned)
    };
    let only = || match facts.kernels.as_slice() {
        [one] => Some(one.release.clone()),
        _ => None,
    };
    named.or_else(of_modules).or_else(of_entry).or_else(of_kernel).or_else(only)
}

/// What builds the image: the program that has built it if that is still there, else the one that is.
fn builder(facts: &Facts, image: Option<&Initrd>, path: &str) -> Option<Builder> {
    if image.is_some_and(|image| image.is_kdump) {
        return None;
    }
    let made_by = image.and_then(|image| image.kind.get()).and_then(|kind| match kind {
        Kind::Dracut => Some(Builder::Dracut),
        Kind::InitramfsTools => Some(Builder::InitramfsTools),
        Kind::MkinitrdNash => Some(Builder::MkinitrdRedHat),
        Kind::MkinitrdSuse => Some(Builder::MkinitrdSuse),
        Kind::Mkinitcpio => Some(Builder::Mkinitcpio),
        Kind::Other => None,
    });
    if path.to_ascii_lowercase().ends_with(".efi") {
        // What ukify(1) or kernel-install(8) put together needs their configuration.
        return made_by.filter(|builder| *builder == Builder::Dracut).map(|_| Builder::DracutUnified);
    }
    let installed = facts.initrd_builders.get().map(Vec::as_slice).unwrap_or_default();
    let is_there = |builder: &Builder| installed.iter().any(|program| program == builder.program());
    let family = facts.system.family.get().copied();
    let mkinitrd = match family {
        Some(Family::Suse) => Builder::MkinitrdSuse,
        _ => Builder::MkinitrdRedHat,
    };
    let known = [Builder::Dracut, Builder::InitramfsTools, Builder::Mkinitcpio, mkinitrd];
    made_by
        .filter(is_there)
        .or_else(|| known.into_iter().find(is_there))
        .or(made_by)
        .or_else(|| usual(family?, facts.system.major_version))
}

/// What the distribution builds its images with.
fn usual(family: Family, version: Option<u32>) -> Option<Builder> {
    match family {
        Family::Debian => Some(Builder::InitramfsTools),
        Family::Rhel if version.is_some_and(|version| version < 6) => Some(Builder::MkinitrdRedHat),
        Family::Suse if version.is_some_and(|version| version < 12) => Some(Builder::MkinitrdSuse),
        Family::Rhel | Family::Suse => Some(Builder::Dracut),
        Family::Arch => Some(Builder::Mkinitcpio),
        Family::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn facts(files: &[(&str, &str)]) -> Facts {
        let memory =
            files.iter().fold(Memory::new(), |memory, (path, text)| memory.file(path, text.as_bytes()));
        Facts::gather(&memory.into_tree(), &Limits::default())
    }

    const DEBIAN: (&str, &str) = ("etc/os-release", "ID=debian\nVERSION_ID=12\n");
    const SLES: (&str, &str) = ("etc/os-release", "ID=sles\nVERSION_ID=15.5\n");
    const ARCH: (&str, &str) = ("etc/os-release", "ID=arch\n");
    const CENTOS_5: (&str, &str) = ("etc/redhat-release", "CentOS release 5.11 (Final)\n");
    const CENTOS_6: (&str, &str) = ("etc/redhat-release", "CentOS release 6.10 (Final)\n");
    const SLES_11: (&str, &str) =
        ("etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n");

    /// The files of a system, an image, and what builds it.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

    #[test]
    fn each_distribution_is_told_in_its_own_words() {
        let cases: [Case<'_>; 8] = [
            (
                &[DEBIAN, ("boot/initrd.img-6.1.0-18", "x")],
                "boot/initrd.img-6.1.0-18",
                "update-initramfs -u -k 6.1.0-18",
            ),
            (
                &[DEBIAN, ("lib/modules/6.1.0-18/modules.dep", "")],
                "boot/initrd.img-6.1.0-18",
                "update-initramfs -c -k 6.1.0-18",
            ),
            (
                &[DEBIAN, ("usr/bin/dracut", "#!/bin/sh"), ("boot/initrd.img-6.1.0-18", "x")],
                "boot/initrd.img-6.1.0-18",
                "dracut -f --add-drivers \"virtio_pci virtio_blk\" /boot/initrd.img-6.1.0-18 6.1.0-18",
            ),
            (
                &[CENTOS_5, ("boot/initrd-2.6.18-398.el5.img", "x")],
                "boot/initrd-2.6.18-398.el5.img",
                "mkinitrd -f --with=virtio_pci --with=virtio_blk /boot/initrd-2.6.18-398.el5.img 2.6.18-398.el5",
            ),
            (
                &[
                    CENTOS_6,
                    ("boot/initramfs-2.6.32-754.el6.x86_64.img", "x"),
                    ("etc/dracut.conf", "add_drivers+=\" qla2xxx \"\n"),
                ],
                "boot/initramfs-2.6.32-754.el6.x86_64.img",
                "dracut -f --add-drivers \"virtio_pci virtio_blk qla2xxx\" /boot/initramfs-2.6.32-754.el6.x86_64.img 2.6.32-754.el6.x86_64",
            ),
            (
                &[SLES_11, ("boot/initrd-3.0.76-0.11-default", "x")],
                "boot/initrd-3.0.76-0.11-default",
                "mkinitrd -k vmlinuz-3.0.76-0.11-default -i initrd-3.0.76-0.11-default",
            ),
            (
                &[SLES, ("boot/initrd-5.14.21-default", "x")],
                "boot/initrd-5.14.21-default",
                "dracut -f --add-drivers \"virtio_pci virtio_blk\" /boot/initrd-5.14.21-default 5.14.21-default",
            ),
            (
                &[
                    ARCH,
                    ("boot/initramfs-linux.img", "x"),
                    ("usr/lib/modules/6.9.1-arch1-1/modules.dep", ""),
                    ("lib/modules/6.9.1-arch1-1/modules.dep", ""),
                ],
                "boot/initramfs-linux.img",
                "mkinitcpio -k 6.9.1-arch1-1 -g /boot/initramfs-linux.img",
            ),
        ];
        let drivers = ["virtio-pci".to_owned(), "virtio_blk".to_owned()];
        for (files, path, expected) in cases {
            let rebuild = Rebuild::of(&facts(files), path, &drivers);
            assert_eq!(rebuild.map(|rebuild| rebuild.command()).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn nobody_is_told_to_rebuild_what_kdump_builds() {
        let kdump = facts(&[CENTOS_6, ("boot/initrd-2.6.32-754.el6.x86_64kdump.img", "x")]);
        let path = "boot/initrd-2.6.32-754.el6.x86_64kdump.img";
        assert_eq!(Rebuild::of(&kdump, path, &[]), None);
        let steps = steps(&kdump, &[path.to_owned()], &[]);
        assert!(matches!(steps.as_slice(), [Fix::Advice { text }] if text.contains(path)));
    }

    #[test]
    fn host_adapters_get_numbers_that_are_free() {
        let conf = ("etc/modprobe.conf", "alias scsi_hostadapter cciss\nalias scsi_hostadapter2 qla2xxx\n");
        let found = facts(&[CENTOS_5, ("sbin/mkinitrd", "#!/bin/sh"), conf]);
        let drivers = ["cciss".to_owned(), "virtio_pci".to_owned(), "virtio_blk".to_owned()];
        let lines = host_adapters(&found, &drivers);
        assert_eq!(lines, "alias scsi_hostadapter1 virtio_pci\nalias scsi_hostadapter3 virtio_blk");
    }
}
