//! What initramfs-tools puts into the next image (Debian, Ubuntu).
//!
//! `mkinitramfs` sources `/etc/initramfs-tools/initramfs.conf`, then the files of `conf.d` there and in
//! `/usr/share/initramfs-tools`, of two with the same name the one in `/etc`; `update-initramfs.conf` is another
//! program's.

use schemars::JsonSchema;
use serde::Serialize;

use super::block_devices::BlockDevices;
use super::fstab::Fstab;
use super::setting::{Misread, Setting};
use super::{Gather, Known};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::initramfs_tools;
use crate::parse::shell_vars::{self, ShellVars};
use crate::place::Place;
use crate::source::File;

/// initramfs-tools' configuration.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct InitramfsTools {
    /// Whether initramfs-tools itself is there.
    pub installed: bool,
    /// The files that are read, in order.
    pub files: Vec<String>,
    /// `MODULES`: `most`, `netboot`, `dep` or `list`. Null if no file sets it; the built-in value is `most`.
    pub modules_policy: Option<Setting>,
    /// `RESUME`: the swap that a hibernated system is looked for on.
    pub resume: Option<Resume>,
    /// `COMPRESS`.
    pub compress: Option<Setting>,
    /// `BUSYBOX`.
    pub busybox: Option<Setting>,
    /// `BOOT`: `local` or `nfs`.
    pub boot: Option<Setting>,
    /// Modules of `/etc/initramfs-tools/modules` and `modules.d`, which are always put in and loaded. Dashes as
    /// underscores.
    pub modules: Vec<Module>,
    /// What the shell stumbles over in the files.
    pub misread: Vec<Misread>,
}

/// A module that is always put in.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Module {
    /// Its name, dashes as underscores.
    pub name: String,
    /// Where it is listed.
    pub at: Place,
}

/// The swap to resume from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Resume {
    /// Where it is set.
    pub at: Place,
    /// The value as written.
    pub value: String,
    /// What it names; null for `none`, `auto` and nothing.
    pub device: Option<DeviceSpec>,
    /// Whether there is such a swap: true if fstab swaps on it or the machine has it; false if the machine is known
    /// not to have it, or fstab swaps on others by UUID or label alone.
    pub found: Known<bool>,
}

/// Reads initramfs-tools' configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab, devices: &BlockDevices) -> InitramfsTools {
    let programs = ["usr/sbin/mkinitramfs", "usr/sbin/update-initramfs", "sbin/mkinitramfs"];
    let files = files(gather);
    let vars: Vec<ShellVars> = files.iter().map(|file| shell_vars::parse(&file.bytes)).collect();
    let setting = |name: &str| {
        let pairs = files.iter().zip(&vars).rev();
        let mut found = pairs.filter_map(|(file, vars)| Some(Setting::new(vars.last(name)?, &file.path)));
        found.next()
    };
    let misread = files.iter().zip(&vars);
    InitramfsTools {
        installed: programs.iter().any(|path| gather.tree.exists(path)),
        files: files.iter().map(|file| file.path.to_string()).collect(),
        modules_policy: setting("MODULES"),
        resume: setting("RESUME").map(|setting| resume(setting, fstab, devices)),
        compress: setting("COMPRESS"),
        busybox: setting("BUSYBOX"),
        boot: setting("BOOT"),
        modules: modules(gather),
        misread: misread
            .flat_map(|(file, vars)| vars.mistakes.iter().map(|m| Misread::new(m, &file.path)))
            .collect(),
    }
}

/// Names that `mkinitramfs` takes: letters, digits, dot, underscore and dash, and no leftovers of dpkg.
fn is_conf_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !name.contains(".dpkg-")
}

fn files(gather: &Gather<'_>) -> Vec<File> {
    let mut files: Vec<File> =
        gather.read_config("etc/initramfs-tools/initramfs.conf").present().into_iter().collect();
    let own = gather.read_directory("etc/initramfs-tools/conf.d", is_conf_name);
    let base = |file: &File| file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = own.iter().map(base).collect();
    let shipped = gather.read_directory("usr/share/initramfs-tools/conf.d", |name| {
        is_conf_name(name) && !names.iter().any(|n| n == name)
    });
    files.extend(shipped);
    files.extend(own);
    files
}

fn modules(gather: &Gather<'_>) -> Vec<Module> {
    let mut files: Vec<File> =
        gather.read_config("etc/initramfs-tools/modules").present().into_iter().collect();
    files.extend(gather.read_directory("etc/initramfs-tools/modules.d", |_| true));
    files.extend(gather.read_directory("usr/share/initramfs-tools/modules.d", |_| true));
    let listed = |file: &File| {
        let module = |module: initramfs_tools::ListedModule| Module {
            name: module.name.replace('-', "_"),
            at: module.span.at(&file.path),
        };
        initramfs_tools::parse_modules(&file.bytes).into_iter().map(module).collect::<Vec<_>>()
    };
    files.iter().flat_map(listed).collect()
}

fn resume(setting: Setting, fstab: &Fstab, devices: &BlockDevices) -> Resume {
    let value = setting.value.trim();
    let device = (!matches!(value, "" | "none" | "auto")).then(|| DeviceSpec::parse_root(value));
    let found = device.as_ref().map_or(Known::Known(true), |device| swap_found(device, fstab, devices));
    Resume { at: setting.at, value: value.to_owned(), device, found }
}

/// Whether the machine has the swap that `device` names. See [`Resume::found`].
pub(super) fn swap_found(device: &DeviceSpec, fstab: &Fstab, devices: &BlockDevices) -> Known<bool> {
    let unknown = || devices.has(device);
    let Some(entries) = fstab.entries.get() else { return unknown() };
    let mut swaps = entries.iter().filter(|entry| entry.is_swap).peekable();
    let has_swaps = swaps.peek().is_some();
    let mut all_named_for_good = true;
    for swap in swaps {
        let same = |name: &DeviceName| match (name, &device.name) {
            (DeviceName::Uuid(left), DeviceName::Uuid(right)) => left.eq_ignore_ascii_case(right),
            (left, right) => left == right,
        };
        let volume = device.volume();
        if same(&swap.device.name) || (volume.is_some() && swap.device.volume() == volume) {
            return Known::Known(true);
        }
        all_named_for_good &= match (&swap.device.name, &device.name) {
            (DeviceName::Uuid(_), DeviceName::Uuid(_)) | (DeviceName::Label(_), DeviceName::Label(_)) => true,
            // A swap file is no partition.
            (DeviceName::File(_), _) => true,
            _ => false,
        };
    }
    match unknown() {
        Known::Unknown { .. } if has_swaps && all_named_for_good => Known::Known(false),
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Limits, block_devices, fstab};
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> InitramfsTools {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        let context = Gather::new(&tree, &limits);
        let devices = block_devices::gather(&context);
        gather(&context, &fstab::gather(&context, &devices), &devices)
    }

    #[test]
    fn conf_d_counts_after_the_main_file() {
        let tools = read(
            Memory::new()
                .file("usr/sbin/update-initramfs", "")
                .file("etc/initramfs-tools/initramfs.conf", "MODULES=most\nBUSYBOX=auto\nCOMPRESS=zstd\n")
                .file("etc/initramfs-tools/conf.d/driver-policy", "MODULES=dep\n")
                .file("etc/initramfs-tools/conf.d/driver-policy.dpkg-old", "MODULES=list\n")
                .file("etc/initramfs-tools/modules", "# x\nvirtio-blk\n")
                .file("usr/share/initramfs-tools/conf.d/driver-policy", "MODULES=list\n"),
        );
        assert!(tools.installed);
        let policy = tools.modules_policy.unwrap();
        assert_eq!(
            (policy.value.as_str(), policy.at.to_string()),
            ("dep", "etc/initramfs-tools/conf.d/driver-policy:1".into())
        );
        assert_eq!(tools.modules[0].name, "virtio_blk");
        assert_eq!(tools.files.len(), 2);
    }

    #[test]
    fn the_swap_to_resume_from_is_looked_up() {
        for (resume, fstab, want) in [
            ("UUID=aa", "UUID=AA none swap sw 0 0\n", Some(true)),
            ("UUID=bb", "UUID=aa none swap sw 0 0\n", Some(false)),
            ("UUID=bb", "/dev/sda2 none swap sw 0 0\n", None),
            ("UUID=bb", "", None),
            ("none", "", Some(true)),
            ("/dev/mapper/vg-swap", "/dev/vg/swap none swap sw\n", Some(true)),
        ] {
            let tools = read(
                Memory::new()
                    .file("etc/initramfs-tools/conf.d/resume", format!("RESUME={resume}\n"))
                    .file("etc/fstab", fstab),
            );
            assert_eq!(tools.resume.unwrap().found.get().copied(), want, "{resume} {fstab}");
        }
    }
}
