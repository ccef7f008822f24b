//! Whether a mount or swap works once its device is there: the driver, the type, the options, the mount point.
//!
//! Sources: mount(8) and its helpers; the kernel's `fs/filesystems.c` (`request_module("fs-%s")`), and the tables of the
//! root's own kernel, which are not the initrd's; modprobe.d(5).

use super::Reason;
use super::options;
use super::units::{Kind, Unit};
use crate::facts::Facts;
use crate::facts::block_devices::BlockDevice;
use crate::facts::fstab::is_pseudo_type;
use crate::facts::modprobe::ModuleLine;
use crate::facts::module_tables::ModuleTables;
use crate::initrd::ModuleName;

/// File systems of Linux itself, at one time or another: built in or a module of every distribution's kernel, unless the
/// module tree says that it is not.
const OF_LINUX: &str = "ext2 ext3 ext4 xfs btrfs vfat msdos fat iso9660 udf ntfs ntfs3 exfat f2fs jfs reiserfs gfs2 ocfs2 \
    squashfs erofs romfs cramfs hfs hfsplus minix nilfs2 ufs affs befs hpfs qnx4 qnx6 sysv adfs bfs efs omfs jffs2 ubifs \
    bcachefs overlay zonefs ecryptfs ceph nfs nfs4 cifs smb3 smbfs afs 9p virtiofs fuse fuseblk orangefs";

/// File systems that others make, with modules or helpers of their own.
const OF_OTHERS: &str = "zfs vxfs gpfs mmfs lustre beegfs glusterfs aufs apfs refs reiser4 tmsu davfs davfs2 s3fs vboxsf \
    vmhgfs prl_fs exfat-fuse ntfs-3g lowntfs-3g curlftpfs sshfs mhddfs mergerfs encfs gocryptfs lxcfs rclone simfs \
    acfs oracleasm advfs snfs cvfs panfs wekafs gfs secfs shiftfs";

/// Shared folders of a hypervisor and the family of targets that has them.
const SHARED_FOLDERS: [(&str, &str); 4] =
    [("vboxsf", "virtualbox"), ("vmhgfs", "vmware"), ("fuse.vmhgfs-fuse", "vmware"), ("prl_fs", "parallels")];

/// What keeps a mount from working.
pub(super) type Trouble = (Reason, String);

/// What a mount is tried with.
pub(super) struct Trial<'a> {
    pub(super) facts: &'a Facts,
    pub(super) tables: Option<&'a ModuleTables>,
    /// The target's families and name.
    pub(super) classes: Vec<&'a str>,
    /// Root's file system, whose driver is there.
    pub(super) root_fstype: Option<String>,
    /// systemd remounts root writable before it mounts anything else.
    pub(super) root_becomes_writable: bool,
}

impl Trial<'_> {
    /// Why mounting `unit` fails; `device` is what the input knows of its device.
    pub(super) fn trouble(&self, unit: &Unit<'_>, device: Option<&BlockDevice>) -> Option<Trouble> {
        match unit.kind {
            Kind::Swap => self.swap_trouble(unit, device),
            Kind::Mount => self.mount_trouble(unit, device),
            Kind::Crypt => crypt_trouble(unit, device),
        }
    }

    fn swap_trouble(&self, unit: &Unit<'_>, device: Option<&BlockDevice>) -> Option<Trouble> {
        if let Some(found) = device.and_then(|device| device.fstype.as_deref())
            && !matches!(found, "swap" | "swsuspend")
        {
            return Some((Reason::WrongType, format!("it holds {found} and no swap")));
        }
        (!unit.names_device() && self.facts.mounting.missing_sources.contains(&unit.what))
            .then(|| (Reason::SourceMissing, "there is no such file".to_owned()))
    }

    fn mount_trouble(&self, unit: &Unit<'_>, device: Option<&BlockDevice>) -> Option<Trouble> {
        if unit.is_no_directory {
            return Some((Reason::MountPoint, "its mount point is no folder".to_owned()));
        }
        if !unit.is_root()
            && !self.root_becomes_writable
            && self.facts.mounting.missing_directories.contains(&unit.directory)
        {
            let why = "its mount point is not there, and cannot be made, since root stays read-only";
            return Some((Reason::MountPoint, why.to_owned()));
        }
        if unit.is_bind() {
            return None;
        }
        if !unit.names_device()
            && !unit.is_network()
            && unit.what.starts_with('/')
            && self.facts.mounting.missing_sources.contains(&unit.what)
        {
            return Some((Reason::SourceMissing, "there is no such file".to_owned()));
        }
        let found = device.and_then(|device| device.fstype.as_deref());
        let types: Vec<&str> = unit.fstype.split(',').filter(|name| !name.is_empty()).collect();
        let types =
            if types.iter().any(|name| matches!(*name, "auto" | "none")) { Vec::new() } else { types };
        if let Some(trouble) = found.and_then(|found| wrong_type(&types, found)) {
            return Some(trouble);
        }
        let tried: Vec<&str> = match found {
            Some(found) if types.len() != 1 => vec![found],
            _ => types,
        };
        let [fstype] = tried.as_slice() else { return None };
        if let Some(trouble) = self.driver_trouble(fstype) {
            return Some(trouble);
        }
        if let Some(option) = options::refused(fstype, &unit.options) {
            let why = format!("{fstype} does not know the option `{option}`");
            return Some((Reason::Option, why));
        }
        self.charset_trouble(fstype, unit)
    }

    /// Whether the kernel of the root system has the file system's driver, or mount(8) has a helper for it.
    fn driver_trouble(&self, fstype: &str) -> Option<Trouble> {
        let named = |list: &str| list.split_whitespace().any(|name| name == fstype);
        if let Some((_, family)) = SHARED_FOLDERS.iter().find(|(name, _)| *name == fstype)
            && !self.classes.iter().any(|class| class == family || *class == "same")
        {
            let why = format!("{fstype} is a shared folder of another hypervisor");
            return Some((Reason::NoDriver, why));
        }
        if is_pseudo_type(fstype) && !named(OF_OTHERS) && !named(OF_LINUX)
            || self.root_fstype.as_deref() == Some(fstype)
        {
            return None;
        }
        let helpers = &self.facts.mounting.helpers;
        let (helper, base) = match fstype.split_once('.') {
            Some((base @ ("fuse" | "fuseblk"), _)) => (format!("mount.{base}"), base),
            _ => (format!("mount.{fstype}"), fstype),
        };
        let has_helper = helpers
            .get()
            .map(|list| list.contains(&helper) || base.starts_with("fuse") && list.contains("mount.fuse3"));
        if has_helper == Some(true) {
            return None;
        }
        if base == "fuse" && has_helper == Some(false) {
            return Some((Reason::NoDriver, format!("there is no `{helper}`, which mounts it")));
        }
        if let Some(by) = self.forbidden(fstype) {
            return Some((Reason::NoDriver, format!("{by} keeps the kernel from loading {fstype}")));
        }
        let unknown = || format!("unknown file system type `{fstype}`: the kernel has no driver for it");
        match self.has_driver(fstype) {
            Some(true) => None,
            Some(false) => Some((Reason::NoDriver, unknown())),
            None if named(OF_LINUX) || named(OF_OTHERS) || base.starts_with("fuse") => None,
            None => Some((Reason::NoDriver, unknown())),
        }
    }

    fn has_driver(&self, fstype: &str) -> Option<bool> {
        let tables = self.tables?;
        let names = match fstype {
            "iso9660" => vec!["isofs"],
            "msdos" | "vfat" => vec![fstype, "fat"],
            "ext2" | "ext3" => vec![fstype, "ext4"],
            "nfs4" => vec!["nfs", "nfsv4"],
            "smb3" => vec!["cifs"],
            "fuseblk" => vec!["fuse"],
            _ => vec![fstype],
        };
        let mut known = true;
        for name in names {
            match tables.has(&ModuleName::new(name)).get() {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = false,
            }
        }
        let alias = format!("fs-{fstype}");
        if !tables.matching(&[&alias]).is_empty() || tables.builtin_matching(&alias).next().is_some() {
            return Some(true);
        }
        known.then_some(false)
    }

    /// The line of modprobe.d that keeps a file system's module from being loaded when a mount asks for it: an `install`
    /// that does nothing, or a `blacklist`, which counts since the kernel asks by the alias `fs-TYPE`.
    fn forbidden(&self, fstype: &str) -> Option<String> {
        let module = ModuleName::new(fstype);
        if self.tables.is_some_and(|tables| tables.is_builtin(&module) == Some(true)) {
            return None;
        }
        let modprobe = &self.facts.modprobe;
        let is_it = |line: &&ModuleLine| line.module == module.as_str();
        if let Some(line) = modprobe.installs.iter().filter(|line| line.is_disabling).find(is_it) {
            return Some(format!("`{}`", line.at));
        }
        let line = modprobe.blacklists.iter().find(is_it)?;
        // Kernels before 3.9 ask by the module's own name, to which no blacklist applies.
        if self.tables.is_some_and(|tables| tables.matching(&[&format!("fs-{fstype}")]).is_empty()) {
            return None;
        }
        Some(format!("`{}`", line.at))
    }

    /// FAT and ISO 9660 need the module of the character set that an option names (fs/fat/inode.c, `load_nls`).
    fn charset_trouble(&self, fstype: &str, unit: &Unit<'_>) -> Option<Trouble> {
        if !matches!(fstype, "vfat" | "msdos" | "iso9660") {
            return None;
        }
        for (option, module) in [("iocharset", "nls_"), ("codepage", "nls_cp")] {
            let Some(value) = unit.values(option).last() else { continue };
            let module = ModuleName::new(&format!("{module}{value}"));
            if self.tables?.has(&module).get() == Some(&false) {
                let why = format!("`{option}={value}` needs {module}, which the kernel does not have");
                return Some((Reason::Option, why));
            }
        }
        None
    }
}

/// What is on the device is not what the line says.
fn wrong_type(types: &[&str], found: &str) -> Option<Trouble> {
    let holds = |what: &str| Some((Reason::WrongType, format!("it holds {what}")));
    match found {
        "swap" => return holds("swap"),
        "crypto_LUKS" => return holds("a LUKS header"),
        "LVM2_member" => return holds("a physical volume"),
        "linux_raid_member" => return holds("a part of an array"),
        _ => {}
    }
    let fits = |name: &str| match (name, found) {
        ("ext4", "ext2" | "ext3" | "ext4") | ("ext2" | "ext3", "ext2" | "ext3") => true,
        ("msdos" | "vfat" | "fat", "vfat" | "msdos") => true,
        ("udf" | "iso9660", "udf" | "iso9660") => true,
        // Drivers and helpers of others have names of their own for what blkid calls ntfs, zfs_member and so on.
        _ if !["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"].contains(&found) => true,
        _ => {
            !["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "msdos", "iso9660"].contains(&name)
                || name == found
        }
    };
    if types.is_empty() || types.iter().any(|name| fits(name)) {
        return None;
    }
    Some((Reason::WrongType, format!("it holds {found} and no {}", types.join(" or "))))
}

/// What is on the device is nothing that systemd-cryptsetup can open.
fn crypt_trouble(unit: &Unit<'_>, device: Option<&BlockDevice>) -> Option<Trouble> {
    let makes_anew = ["swap", "tmp", "plain", "tcrypt", "bitlk"];
    if unit.options.iter().any(|own| makes_anew.iter().any(|name| own == name || own.starts_with("tmp="))) {
        return None;
    }
    // Where a random key is given, whatever is there is overwritten.
    if unit
        .volume
        .is_some_and(|volume| volume.key_file.as_deref().is_some_and(|key| key.starts_with("/dev/")))
    {
        return None;
    }
    let found = device?.fstype.as_deref()?;
    if found.starts_with("crypto_") || found == "BitLocker" {
        return None;
    }
    unit.options
        .iter()
        .all(|own| !own.starts_with("header="))
        .then(|| (Reason::WrongType, format!("it holds {found} and no LUKS")))
}
