//! GRUB as it is installed: its folder with the modules, its core image, and which version it is.
//!
//! grub-install(8) copies the modules of a platform to `boot/grub/PLATFORM`, and writes `core.img` beside them before it writes
//! the same image behind the boot sector. So the file says what the image on the disk is like, and that the loader was
//! installed for that platform; for a system whose loader is elsewhere, or was never installed, there is none.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::packages::Packages;
use super::{Gather, Known};
use crate::parse::device_spec::DeviceSpec;
use crate::parse::grub_image::{self, GrubImage};
use crate::parse::lines::{Line, lines};
use crate::place::Place;

/// Bytes of a core image that are read; one for BIOS has less than 512 KiB.
const CORE_LIMIT: u64 = 4 << 20;

/// GRUB 2 as it is installed in the system's folder.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubInstall {
    /// The platforms that it is installed for.
    pub platforms: Vec<GrubPlatform>,
    /// The version of the package that it comes from; null if none is installed.
    pub version: Known<Option<String>>,
    /// The lines of `device.map`, which says to GRUB's programs (not to GRUB itself) which disk BIOS counts as which.
    pub device_map: Vec<MappedDisk>,
    /// GRUB legacy's `stage2` or LILO's map: a loader for BIOS besides GRUB 2; null if there is none.
    pub other_bios_loader: Option<Place>,
}

/// A line of `device.map`: `(hd0) /dev/sda`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MappedDisk {
    /// The disk as GRUB counts it: `hd0`.
    pub disk: String,
    /// What the system calls it.
    pub device: DeviceSpec,
    /// Where the device is named.
    pub at: Place,
}

/// A platform's modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubPlatform {
    /// Its name: `i386-pc` (BIOS), `x86_64-efi`.
    pub name: String,
    /// The folder with the modules.
    pub at: Place,
    /// Whether `normal.mod` is in it, without which GRUB reads no configuration.
    pub has_normal: bool,
    /// The modules in it.
    #[serde(skip)]
    pub modules: BTreeSet<String>,
    /// The core image that grub-install wrote beside them; null if there is none or it cannot be looked into.
    pub core: Option<GrubCore>,
    /// Whether there is a core image, so that grub-install ran for this platform.
    pub has_core: bool,
}

/// What a core image of GRUB has inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrubCore {
    /// The image.
    pub at: Place,
    /// Where GRUB looks for its files: `(,msdos1)/boot/grub`.
    pub prefix: String,
    /// The modules in it.
    pub modules: Vec<String>,
    /// The UUID of the file system that it searches for first; null if it does not.
    pub searched: Option<String>,
}

impl GrubCore {
    pub(super) fn new(image: GrubImage, at: Place) -> Self {
        let searched = image.config.as_deref().and_then(searched_uuid);
        Self { at, prefix: image.prefix, modules: image.modules.into_iter().collect(), searched }
    }

    /// Whether it has a module.
    #[must_use]
    pub fn has(&self, module: &str) -> bool {
        self.modules.iter().any(|own| own == module)
    }
}

/// `search.fs_uuid UUID root` of the script that grub-install puts into an image.
fn searched_uuid(script: &str) -> Option<String> {
    let line = script.lines().find(|line| line.trim_start().starts_with("search.fs_uuid"))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

impl GrubInstall {
    /// A platform by its name.
    #[must_use]
    pub fn platform(&self, name: &str) -> Option<&GrubPlatform> {
        self.platforms.iter().find(|platform| platform.name == name)
    }
}

/// Looks into `boot/grub2` and `boot/grub`.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> GrubInstall {
    let mut found = GrubInstall { version: Known::Known(None), ..GrubInstall::default() };
    for folder in ["boot/grub2", "boot/grub"] {
        for name in gather.tree.list(folder).unwrap_or_default() {
            let name = name.to_string_lossy().into_owned();
            let is_platform = ["i386-", "x86_64-", "arm64-", "powerpc-", "riscv64-"]
                .iter()
                .any(|arch| name.starts_with(arch));
            if is_platform && found.platform(&name).is_none() {
                found.platforms.extend(platform(gather, folder, name));
            }
        }
    }
    found.device_map = device_map(gather);
    let others = [
        "boot/grub/stage2",
        "boot/extlinux/ldlinux.sys",
        "boot/ldlinux.sys",
        "boot/syslinux/ldlinux.sys",
        "boot/map",
    ];
    found.other_bios_loader =
        others.iter().find(|path| gather.tree.exists(path)).map(|path| Place::file(*path));
    found
}

fn device_map(gather: &Gather<'_>) -> Vec<MappedDisk> {
    let paths = ["boot/grub2/device.map", "boot/grub/device.map"];
    let Some(file) = paths.iter().find_map(|path| gather.read_config(path).present()) else {
        return Vec::new();
    };
    let line = |line: Line| {
        let (disk, device) = line.first_word()?;
        let disk = disk.strip_prefix('(')?.strip_suffix(')')?.to_owned();
        let at = line.span_of(device).at(&file.path);
        Some(MappedDisk { disk, device: DeviceSpec::parse(device), at })
    };
    lines(&file.bytes).filter_map(line).collect()
}

/// The version of the first package that is GRUB 2's.
pub(super) fn version(packages: &Packages) -> Known<Option<String>> {
    let names = [
        "grub-common",
        "grub2-common",
        "grub2-pc",
        "grub2-efi-x64",
        "grub2",
        "grub-pc-bin",
        "grub-efi-amd64-bin",
    ];
    let mut unknown = None;
    for name in names {
        match packages.find(name) {
            Known::Known(Some(package)) => {
                let release =
                    if package.release.is_empty() { String::new() } else { format!("-{}", package.release) };
                return Known::Known(Some(format!("{}{release}", package.version)));
            }
            Known::Known(None) => {}
            Known::Unknown { needs } => unknown = unknown.or(Some(needs)),
        }
    }
    unknown.map_or(Known::Known(None), |needs| Known::Unknown { needs })
}

fn platform(gather: &Gather<'_>, folder: &str, name: String) -> Option<GrubPlatform> {
    let path = format!("{folder}/{name}");
    let names = gather.tree.list(&path).ok()?;
    let modules: BTreeSet<String> =
        names.iter().filter_map(|name| name.to_str()?.strip_suffix(".mod").map(str::to_owned)).collect();
    let core = format!("{path}/core.img");
    let has_core = gather.tree.exists(&core) || gather.tree.exists(format!("{path}/core.efi"));
    let image = gather.tree.read_limited(&core, CORE_LIMIT).ok();
    let image = image.filter(|_| name == "i386-pc").and_then(|file| grub_image::read_core(&file.bytes));
    Some(GrubPlatform {
        name,
        at: Place::file(path),
        has_normal: modules.contains("normal"),
        modules,
        core: image.map(|image| GrubCore::new(image, Place::file(core))),
        has_core,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn platforms_are_found_with_their_modules() {
        let tree = Memory::new()
            .file("boot/grub/i386-pc/normal.mod", "")
            .file("boot/grub/i386-pc/core.img", "x")
            .file("boot/grub/x86_64-efi/ext2.mod", "")
            .file("boot/grub/fonts/unicode.pf2", "")
            .into_tree();
        let found = gather(&Gather::new(&tree, &Limits::default()));
        let seen: Vec<_> = found
            .platforms
            .iter()
            .map(|platform| {
                (platform.name.as_str(), platform.has_normal, platform.has_core, platform.core.is_some())
            })
            .collect();
        assert_eq!(seen, [("i386-pc", true, true, false), ("x86_64-efi", false, false, false)]);
    }

    #[test]
    fn the_script_of_an_image_says_what_it_searches() {
        assert_eq!(
            searched_uuid("search.fs_uuid aa-1 root hd0,msdos1\nset prefix=($root)/boot/grub\n").as_deref(),
            Some("aa-1")
        );
        assert_eq!(searched_uuid("insmod part_gpt\n"), None);
    }
}
