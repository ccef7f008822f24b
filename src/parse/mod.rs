//! Pure readers of file formats: bytes in, typed values with [`crate::place::Span`]s out.
//!
//! No I/O and no policy. A reader never panics, always ends, and never allocates more than a small multiple of
//! its input; what it cannot understand it returns as [`Mistake`]s beside what it could.

pub mod apache;
pub mod apt_sources;
pub mod autofs;
pub mod beancounters;
pub mod blkid;
pub mod bls;
pub mod boot_sector;
pub mod certificate;
pub mod cloud_cfg;
pub mod cmdline;
pub mod corosync;
pub mod crypttab;
pub(crate) mod cursor;
pub mod device_names;
pub mod device_spec;
pub mod df;
pub mod dpkg;
pub mod dracut_conf;
pub mod drbd;
pub mod efi_boot;
pub mod efi_program;
pub mod elf_lib;
pub mod elf_property;
pub mod exports;
pub mod extlinux;
pub mod fstab;
pub mod grub_cfg;
pub mod grub_image;
pub mod grub_legacy;
pub mod grubenv;
pub mod haproxy;
pub mod ifcfg;
pub mod ini;
pub mod initramfs_tools;
pub mod inittab;
pub mod interfaces;
pub mod iptables;
pub mod kdump_conf;
pub mod kernel_config;
pub mod kernel_image;
pub mod key_value;
pub mod ld_so_conf;
pub mod libconfig;
pub mod lilo;
pub mod lines;
pub mod lsattr;
pub mod lsblk;
pub mod lspci;
pub mod luks_dump;
pub mod lvm;
pub mod lvm_devices;
pub mod mdadm;
pub mod mdstat;
pub mod mntent;
pub mod modprobe;
pub mod module_index;
pub mod modules;
pub mod mongod_conf;
pub mod multipath;
pub mod multipath_tables;
pub mod named_conf;
pub mod netplan;
pub mod nginx;
pub mod ntp;
pub mod openssl_cnf;
pub mod os_release;
pub mod pacemaker;
pub mod partition_table;
pub mod ppp;
pub mod preset;
pub mod resolv_conf;
pub mod routes;
pub mod rpmdb;
pub mod shell_vars;
mod shell_word;
pub mod sshd_config;
pub mod sudoers;
pub mod sysctl;
pub(crate) mod text;
pub mod time_span;
pub mod tls;
pub mod tomcat;
pub mod udev_db;
pub mod udev_net;
pub mod udev_rules;
pub mod unified;
pub mod upstart;
pub mod xinetd;
pub mod xorg;
mod yaml;
pub mod zpool_cache;

#[cfg(test)]
#[path = "../../tests/common/pack/elf.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests beside src, which use more of it")]
pub(crate) mod test_elf;

#[cfg(test)]
#[path = "../../tests/common/pack/index.rs"]
#[expect(unreachable_pub, reason = "shared with the tests beside src")]
pub(crate) mod test_index;

#[cfg(test)]
#[path = "../../tests/common/pack/unified.rs"]
#[expect(unreachable_pub, reason = "shared with the tests beside src")]
pub(crate) mod test_unified;

use crate::place::Span;

/// Something in a text that is not as its format wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub span: Span,
    /// A sentence: what was expected, what is there.
    pub message: String,
}
