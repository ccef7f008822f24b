//! What a configuration file is about, and which files are looked at although no fact needs them.

use schemars::JsonSchema;
use serde::Serialize;

/// What a configuration file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileSubject {
    /// fstab, and mount units of the administrator.
    Mounts,
    /// crypttab.
    Crypttab,
    /// LVM.
    Lvm,
    /// dm-multipath.
    Multipath,
    /// mdadm.
    Md,
    /// dracut, initramfs-tools, mkinitrd, mkinitcpio.
    InitrdBuilder,
    /// modprobe, and modules that are loaded at boot.
    Modules,
    /// udev's rules.
    Udev,
    /// The boot loader's configuration, and what generates it.
    BootLoader,
    /// Interfaces, addresses, routes.
    Network,
    /// How names are looked up: resolv.conf, nsswitch.conf, hosts.
    Names,
    /// NFS: the server's settings and the client's.
    Nfs,
    /// What is exported over NFS.
    Exports,
    /// autofs' maps.
    Autofs,
    /// iSCSI, FCoE, NVMe over fabrics.
    NetworkStorage,
    /// sysctl.
    Sysctl,
    /// Units of the administrator, presets, runlevels, inittab, xinetd.
    Services,
    /// Anything else that a fact was read from.
    Other,
}

use FileSubject as Is;

/// What begins with this (a folder ends in a slash) is about that. The first that fits counts.
const BEGINNINGS: &[(&str, FileSubject)] = &[
    ("etc/fstab", Is::Mounts),
    ("etc/crypttab", Is::Crypttab),
    ("etc/lvm/", Is::Lvm),
    ("etc/multipath", Is::Multipath),
    ("etc/mdadm", Is::Md),
    ("etc/dracut", Is::InitrdBuilder),
    ("etc/initramfs-tools/", Is::InitrdBuilder),
    ("etc/mkinitcpio", Is::InitrdBuilder),
    ("etc/mkinitramfs/", Is::InitrdBuilder),
    ("etc/sysconfig/mkinitrd", Is::InitrdBuilder),
    ("etc/sysconfig/kernel", Is::InitrdBuilder),
    ("etc/modprobe", Is::Modules),
    ("etc/modules", Is::Modules),
    ("etc/udev/", Is::Udev),
    ("etc/default/grub", Is::BootLoader),
    ("etc/grub", Is::BootLoader),
    ("etc/kernel/", Is::BootLoader),
    ("etc/sysconfig/grub", Is::BootLoader),
    ("etc/sysconfig/bootloader", Is::BootLoader),
    ("boot/", Is::BootLoader),
    ("efi/", Is::BootLoader),
    ("etc/nfs", Is::Nfs),
    ("etc/idmapd.conf", Is::Nfs),
    ("etc/default/nfs-", Is::Nfs),
    ("etc/default/rpcbind", Is::Nfs),
    ("etc/sysconfig/nfs", Is::Nfs),
    ("etc/sysconfig/rpcbind", Is::Nfs),
    ("etc/exports", Is::Exports),
    ("etc/auto", Is::Autofs),
    ("etc/default/autofs", Is::Autofs),
    ("etc/sysconfig/autofs", Is::Autofs),
    ("etc/iscsi/", Is::NetworkStorage),
    ("etc/fcoe/", Is::NetworkStorage),
    ("etc/nvme/", Is::NetworkStorage),
    ("etc/resolv", Is::Names),
    ("etc/nsswitch.conf", Is::Names),
    ("etc/host", Is::Names),
    ("etc/gai.conf", Is::Names),
    ("etc/systemd/resolved", Is::Names),
    ("etc/sysctl", Is::Sysctl),
    ("etc/network", Is::Network),
    ("etc/netplan/", Is::Network),
    ("etc/NetworkManager/", Is::Network),
    ("etc/sysconfig/network", Is::Network),
    ("etc/systemd/network", Is::Network),
    ("etc/wicked/", Is::Network),
    ("etc/cloud/", Is::Network),
    ("etc/iftab", Is::Network),
    ("etc/ppp/", Is::Network),
    ("etc/wpa_supplicant/", Is::Network),
    ("etc/systemd/", Is::Services),
    ("etc/init.d/", Is::Services),
    ("etc/rc", Is::Services),
    ("etc/inittab", Is::Services),
    ("etc/init/", Is::Services),
    ("etc/xinetd", Is::Services),
    ("etc/default/", Is::Services),
    ("etc/sysconfig/", Is::Services),
    ("usr/local/etc/", Is::Other),
    ("usr/local/lib/systemd/", Is::Services),
    ("etc/", Is::Other),
];

/// What is no configuration although it stands beside it: images, databases, certificates, tables made by programs.
const NOT_CONFIGURATION: &[&str] = &[
    "boot/vmlin",
    "boot/initr",
    "boot/config-",
    "boot/System.map",
    "boot/symvers",
    "boot/Image",
    "etc/ld.so.cache",
    "etc/udev/hwdb.bin",
    "etc/ssl/certs/",
    "etc/pki/",
    "etc/ca-certificates/",
    "etc/selinux/targeted/policy/",
    "etc/.",
    "etc/mtab",
    "etc/lvm/archive/",
    "etc/lvm/cache/",
];

/// Endings of programs, modules, fonts and backups.
const NOT_ENDINGS: &[&str] =
    &[".mod", ".efi", ".EFI", ".img", ".pf2", ".gz", ".xz", ".zst", ".db", ".o", "~", ".dpkg-new", ".swp"];

/// What the file at `path` is about; none if it is no configuration.
pub(super) fn of(path: &str) -> Option<FileSubject> {
    if NOT_CONFIGURATION.iter().any(|start| path.starts_with(start))
        || NOT_ENDINGS.iter().any(|ending| path.ends_with(ending))
    {
        return None;
    }
    // Firmware, kernels and GRUB's own files lie beside what an administrator writes.
    if path.starts_with("boot/") || path.starts_with("efi/") {
        let endings = [".cfg", ".conf", ".lst", ".map", "grubenv", "entries.srel", "/cmdline"];
        return endings.iter().any(|ending| path.ends_with(ending)).then_some(Is::BootLoader);
    }
    let is_mount = path.starts_with("etc/systemd/system/")
        && [".mount", ".automount", ".swap"].iter().any(|ending| path.ends_with(ending));
    if is_mount {
        return Some(Is::Mounts);
    }
    BEGINNINGS.iter().find(|(start, _)| path.starts_with(start)).map(|(_, subject)| *subject)
}

/// Files that matter to a boot or a service although no fact needs them.
pub(super) const FILES: &[&str] = &[
    "etc/resolv.conf",
    "etc/nsswitch.conf",
    "etc/hosts",
    "etc/hostname",
    "etc/gai.conf",
    "etc/sysctl.conf",
    "etc/nfs.conf",
    "etc/nfsmount.conf",
    "etc/idmapd.conf",
    "etc/exports",
    "etc/autofs.conf",
    "etc/auto.master",
    "etc/auto.misc",
    "etc/auto.home",
    "etc/default/nfs-common",
    "etc/default/nfs-kernel-server",
    "etc/default/autofs",
    "etc/sysconfig/nfs",
    "etc/sysconfig/autofs",
    "etc/iscsi/iscsid.conf",
    "etc/iscsi/initiatorname.iscsi",
    "etc/inittab",
    "etc/securetty",
    "etc/systemd/system.conf",
    "etc/systemd/logind.conf",
    "etc/systemd/resolved.conf",
    "etc/systemd/timesyncd.conf",
    "etc/security/limits.conf",
    "etc/ssh/sshd_config",
    "etc/chrony.conf",
    "etc/chrony/chrony.conf",
    "etc/ntp.conf",
    "etc/rc.local",
    "etc/cloud/cloud.cfg",
];

/// Folders of such files, and how deep they are looked into.
pub(super) const FOLDERS: &[(&str, usize)] = &[
    ("etc/sysctl.d", 1),
    ("etc/nfs.conf.d", 1),
    ("etc/nfsmount.conf.d", 1),
    ("etc/exports.d", 1),
    ("etc/auto.master.d", 1),
    ("etc/systemd/system", 2),
    ("etc/systemd/resolved.conf.d", 1),
    ("etc/systemd/network", 2),
    ("etc/systemd/system-preset", 1),
    ("etc/udev/rules.d", 1),
    ("etc/dracut.conf.d", 1),
    ("etc/initramfs-tools", 2),
    ("etc/modprobe.d", 1),
    ("etc/modules-load.d", 1),
    ("etc/NetworkManager", 2),
    ("etc/netplan", 1),
    ("etc/network", 2),
    ("etc/sysconfig/network-scripts", 1),
    ("etc/sysconfig/network", 1),
    ("etc/multipath/conf.d", 1),
    ("etc/lvm/profile", 1),
    ("etc/default/grub.d", 1),
    ("etc/kernel", 2),
    ("etc/cloud/cloud.cfg.d", 1),
    ("etc/ssh/sshd_config.d", 1),
    ("boot/loader/entries", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_by_what_they_are_about() {
        for (path, subject) in [
            ("etc/fstab", Some(Is::Mounts)),
            ("etc/systemd/system/srv-data.mount", Some(Is::Mounts)),
            ("etc/systemd/system/app.service", Some(Is::Services)),
            ("etc/systemd/network/10-lan.network", Some(Is::Network)),
            ("etc/default/grub", Some(Is::BootLoader)),
            ("etc/default/nfs-kernel-server", Some(Is::Nfs)),
            ("etc/sysconfig/nfs", Some(Is::Nfs)),
            ("etc/sysconfig/network-scripts/ifcfg-eth0", Some(Is::Network)),
            ("boot/grub/grub.cfg", Some(Is::BootLoader)),
            ("boot/grub2/grubenv", Some(Is::BootLoader)),
            ("boot/vmlinuz-6.1.0-18-amd64", None),
            ("boot/grub/i386-pc/normal.mod", None),
            ("etc/udev/hwdb.bin", None),
            ("etc/ssl/certs/ca-certificates.crt", None),
            ("usr/sbin/sshd", None),
            ("proc/cmdline", None),
        ] {
            assert_eq!(of(path), subject, "{path}");
        }
    }
}
