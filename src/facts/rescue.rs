//! Whether the root is ready for a rebuild of its initrd from a rescue system: what has to be mounted inside it, and
//! whether `/boot` holds what `/lib/modules` is for.
//!
//! A chroot in which `/proc`, `/sys` or `/dev` is missing gives an image without the drivers of the machine (dracut
//! and mkinitrd look there for them), and one without `/boot` puts it where no boot loader looks.

use schemars::JsonSchema;
use serde::Serialize;

use super::fstab::Fstab;
use super::kernels::Kernel;
use super::{Gather, Known};
use crate::place::Place;

/// State of the root as a place to rebuild an initrd in.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Rescue {
    /// `/proc` is there and not empty.
    pub has_proc: bool,
    /// `/sys` is there and not empty.
    pub has_sys: bool,
    /// `/dev` holds the devices of a running system.
    pub has_dev: bool,
    /// Where the first of those that are not mounted belongs; null if none is missing.
    pub missing_at: Option<Place>,
    /// Someone has begun to prepare a chroot here: `/proc` or `/sys` is mounted, and this is not the running system.
    pub is_chroot: bool,
    /// Of `/proc`, `/sys` and `/dev`, those that are not mounted.
    pub missing: Vec<String>,
    /// `/boot` is a file system of its own after fstab.
    pub boot_in_fstab: bool,
    /// Where fstab says so.
    pub boot_at: Option<Place>,
    /// `/boot` is there and holds nothing but mount points.
    pub boot_is_empty: bool,
    /// `/boot/efi` (or `/efi`) is in fstab, and the folder is empty.
    pub esp_is_empty: bool,
    /// The folder of kernel modules is there with at least one release.
    pub has_modules: bool,
    /// A kernel image in `/boot` has a folder of modules. Unknown if there is no image or no folder at all.
    pub boot_matches_modules: Known<bool>,
    /// Releases of the kernel images in `/boot`.
    pub boot_releases: Vec<String>,
    /// Releases of the folders of modules.
    pub module_releases: Vec<String>,
}

/// Looks at the mount points.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab, kernels: &[Kernel]) -> Rescue {
    let has_proc = !names(gather, "proc").is_empty();
    let has_sys = names(gather, "sys").iter().any(|name| name == "class" || name == "block");
    // A root that is not mounted over has a handful of static nodes there: console, null, zero.
    let dev = names(gather, "dev");
    let has_dev = dev.iter().any(|name| name == "null") && dev.len() > 10;
    let mounted = [("/proc", has_proc), ("/sys", has_sys), ("/dev", has_dev)];
    // Static nodes of an old system can fill /dev on the disk itself; nothing fills /proc and /sys there.
    let is_chroot = !gather.tree.is_live() && !gather.tree.exists("sos_commands") && (has_proc || has_sys);
    let entries = fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
    let at = |wanted: &[&str]| {
        let mut lines =
            entries.iter().filter(|entry| wanted.contains(&entry.mountpoint.as_str()) && !entry.noauto);
        lines.next().map(|entry| (entry.mountpoint.clone(), entry.at.clone()))
    };
    let esp = at(&["/boot/efi", "/efi"]);
    let boot_releases =
        releases(kernels, |kernel| kernel.image.as_deref().is_some_and(|path| path.starts_with("boot/")));
    let module_releases = releases(kernels, |kernel| kernel.modules_dir.is_some());
    Rescue {
        has_proc,
        has_sys,
        has_dev,
        is_chroot,
        missing_at: mounted
            .iter()
            .find(|(_, there)| !there)
            .map(|(path, _)| Place::file(path.trim_start_matches('/'))),
        missing: mounted.iter().filter(|(_, there)| !there).map(|(path, _)| (*path).to_owned()).collect(),
        boot_in_fstab: at(&["/boot"]).is_some(),
        boot_at: at(&["/boot"]).map(|(_, place)| place),
        boot_is_empty: gather.tree.exists("boot") && is_empty(gather, "boot"),
        esp_is_empty: esp.is_some_and(|(path, _)| {
            let path = path.trim_start_matches('/');
            gather.tree.exists(path) && is_empty(gather, path)
        }),
        has_modules: !module_releases.is_empty(),
        boot_matches_modules: if boot_releases.is_empty() || module_releases.is_empty() {
            Known::unknown("a kernel in `/boot` and its folder in `/lib/modules`")
        } else {
            Known::Known(boot_releases.iter().any(|release| module_releases.contains(release)))
        },
        boot_releases,
        module_releases,
    }
}

fn releases(kernels: &[Kernel], keep: impl Fn(&Kernel) -> bool) -> Vec<String> {
    kernels.iter().filter(|kernel| keep(kernel)).map(|kernel| kernel.release.clone()).collect()
}

fn names(gather: &Gather<'_>, path: &str) -> Vec<String> {
    let names = gather.found(gather.tree.list(path)).present().unwrap_or_default();
    names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Nothing but folders to mount on.
fn is_empty(gather: &Gather<'_>, path: &str) -> bool {
    names(gather, path).iter().all(|name| matches!(name.as_str(), "efi" | "lost+found" | ".keep"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Limits, block_devices::BlockDevices, fstab};
    use crate::source::memory::Memory;

    fn kernel(release: &str, image: bool, modules: bool) -> Kernel {
        Kernel {
            release: release.to_owned(),
            image: image.then(|| format!("boot/vmlinuz-{release}")),
            image_release: Known::Known(None),
            image_damage: None,
            modules_dir: modules.then(|| format!("lib/modules/{release}")),
            has_modules: Known::Known(true),
            has_modules_dep: modules,
            is_modules_dep_stale: false,
            config: None,
            initrd_compressions: Known::Known(Vec::new()),
            initrds: Vec::new(),
            flavours: Vec::new(),
            arch: None,
            version: None,
            is_newest: false,
            needs_xen: Known::Known(false),
            system_map: None,
            has_builtin_list: modules,
            takes_modern_virtio: Known::Known(true),
            built_in: Known::Known(Vec::new()),
            at: Place::file("boot"),
        }
    }

    fn read(memory: Memory, kernels: &[Kernel]) -> Rescue {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        let context = Gather::new(&tree, &limits);
        let fstab = fstab::gather(&context, &BlockDevices::default());
        gather(&context, &fstab, kernels)
    }

    fn dev(mut memory: Memory) -> Memory {
        for name in ["null", "zero", "a", "b", "c", "d", "e", "f", "g", "h", "i"] {
            memory = memory.file(&format!("dev/{name}"), "");
        }
        memory
    }

    #[test]
    fn a_half_mounted_chroot_is_seen() {
        let none = read(Memory::new().directory("proc").directory("sys").directory("dev"), &[]);
        assert!(!none.is_chroot);
        let half = read(Memory::new().file("proc/version", "").directory("sys").file("dev/null", ""), &[]);
        assert!(half.is_chroot);
        assert_eq!(half.missing, ["/sys", "/dev"]);
        let whole = read(dev(Memory::new().file("proc/version", "").directory("sys/class")), &[]);
        assert!(whole.is_chroot && whole.missing.is_empty());
    }

    #[test]
    fn an_empty_boot_is_told_from_a_full_one() {
        let fstab = "UUID=a / ext4 ro 0 1\nUUID=b /boot ext4 ro 0 2\nUUID=c /boot/efi vfat ro 0 1\n";
        let memory = || Memory::new().file("etc/fstab", fstab).directory("boot/efi");
        let empty = read(memory(), &[kernel("6.1", false, true)]);
        assert!(empty.boot_in_fstab && empty.boot_is_empty && empty.esp_is_empty && empty.has_modules);
        assert_eq!(empty.boot_at.as_ref().and_then(|at| at.line), Some(2));
        assert!(empty.boot_matches_modules.needs().is_some());
        let full = memory().file("boot/vmlinuz-6.1", "");
        assert!(!read(full, &[]).boot_is_empty);
        let other = read(memory(), &[kernel("6.1", true, false), kernel("5.10", false, true)]);
        assert_eq!(other.boot_matches_modules, Known::Known(false));
    }
}
