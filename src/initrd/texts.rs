//! Which small files of an image are kept, because they say how it boots.

/// What becomes of a file's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Kept as it is.
    Text,
    /// Kept if it is a text: a program in this place says nothing.
    Script,
    /// Not kept.
    No,
}

/// Whole paths.
const PATHS: [&str; 30] = [
    "etc/cmdline",
    "etc/crypttab",
    "etc/dracut.conf",
    "etc/fstab",
    "etc/fstab.empty",
    "etc/fstab.sys",
    "etc/hostonly-files",
    "etc/initrd-release",
    "etc/lvm/lvm.conf",
    "etc/lvm/lvmlocal.conf",
    "etc/mdadm.conf",
    "etc/mdev.conf",
    "etc/mdadm/mdadm.conf",
    "etc/modprobe.conf",
    "etc/modules",
    "etc/multipath.conf",
    "etc/multipath/bindings",
    "etc/multipath/wwids",
    "etc/os-release",
    "usr/lib/os-release",
    "usr/lib/initrd-release",
    "buildconfig",
    "config",
    "mkinitrd.config",
    "run_all.sh",
    "scripts/functions",
    "conf/modules",
    "etc/sysconfig/kernel",
    "VERSION",
    "cryptroot/crypttab",
];

/// Whole paths of scripts that may be programs.
const SCRIPTS: [&str; 4] = ["init", "linuxrc", "sbin/init", "usr/sbin/init"];

/// Directories whose files are kept, with an ending that is wanted (empty: any).
const BELOW: [(&str, &str); 20] = [
    ("etc/cmdline.d/", ".conf"),
    ("etc/conf.d/", ""),
    ("conf/", ""),
    ("etc/modprobe.d/", ""),
    ("usr/lib/modprobe.d/", ""),
    ("lib/modprobe.d/", ""),
    ("etc/modules-load.d/", ".conf"),
    ("usr/lib/modules-load.d/", ".conf"),
    ("etc/multipath/conf.d/", ""),
    ("etc/lvm/devices/", ""),
    ("etc/mdadm.conf.d/", ""),
    ("etc/mdadm/mdadm.conf.d/", ""),
    ("etc/udev/rules.d/", ".rules"),
    ("etc/systemd/network/", ".link"),
    ("usr/lib/systemd/network/", ".link"),
    ("lib/systemd/network/", ".link"),
    ("usr/lib/dracut/", ""),
    ("lib/dracut/", ""),
    ("boot/", ".sh"),
    ("config/", ".sh"),
];

/// Tables below `lib/modules/<release>/`. kmod reads the binary ones of two that are there as text, too.
const TABLES: [&str; 9] = [
    "modules.dep",
    "modules.dep.bin",
    "modules.alias",
    "modules.alias.bin",
    "modules.softdep",
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
    "modules.weakdep",
];

/// What becomes of the contents of the file at `path`, which has neither `./` nor `/` in front.
pub(super) fn keep(path: &[u8]) -> Keep {
    let Ok(path) = std::str::from_utf8(path) else { return Keep::No };
    if PATHS.contains(&path) {
        return Keep::Text;
    }
    if SCRIPTS.contains(&path) {
        return Keep::Script;
    }
    if BELOW.iter().any(|(directory, ending)| path.starts_with(directory) && path.ends_with(ending)) {
        // Programs and hooks live below dracut's directory, too, but not in it.
        let rest = path.strip_prefix("usr/").unwrap_or(path).strip_prefix("lib/dracut/");
        return if rest.is_some_and(|rest| rest.contains('/')) { Keep::No } else { Keep::Script };
    }
    let modules = path.strip_prefix("usr/").unwrap_or(path).strip_prefix("lib/modules/");
    let table = modules.and_then(|rest| rest.split_once('/')).map(|(_, table)| table);
    if table.is_some_and(|table| TABLES.contains(&table)) { Keep::Text } else { Keep::No }
}

/// Whether `bytes`, which stand where scripts and programs may, are a text: no NUL at their start.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let start = bytes.get(..512).unwrap_or(bytes);
    memchr::memchr(0, start).is_none()
}
