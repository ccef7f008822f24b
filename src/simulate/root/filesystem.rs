//! The step `root-filesystem`: what `root=` names holds a file system, its driver is there, and the options suit it.

use super::stack::{Layer, Stack};
use super::{Root, Trouble};
use crate::facts::block_devices::BlockDevice;
use crate::facts::fstab::Mount;
use crate::initrd::{Kind, ModuleName};
use crate::parse::device_spec::DeviceName;
use crate::simulate::devices::{Machine, Resolution};
use crate::simulate::drivers::{Binding, Drivers};
use crate::simulate::{Cause, State, Step, StepName};

/// What a device may hold that is no file system, in blkid's words.
const NO_FILE_SYSTEM: [(&str, &str); 7] = [
    ("LVM2_member", "a physical volume of LVM"),
    ("crypto_LUKS", "a LUKS header"),
    ("linux_raid_member", "a part of an array"),
    ("swap", "swap"),
    ("swsuspend", "a hibernated system"),
    ("mpath_member", "a path to a multipath device"),
    ("isw_raid_member", "a part of a firmware array"),
];

/// Types and the ones that their drivers mount, too: ext4 mounts ext2 and ext3, ext3 mounts ext2 (fs/ext4/super.c).
const MOUNTS: [(&str, &[&str]); 3] =
    [("ext4", &["ext4", "ext3", "ext2"]), ("ext3", &["ext3", "ext2"]), ("vfat", &["vfat", "msdos"])];

impl<'a> Root<'a> {
    /// The step on `machine`.
    pub(in crate::simulate) fn root_filesystem(&self, machine: &Machine<'a>, drivers: &Drivers<'_>) -> Step {
        let step = StepName::RootFilesystem;
        let at = self.fstab.map(|mount| mount.at.clone());
        if let Some(stop) = self.stop_at(step) {
            return stop;
        }
        if self.spec.is_none() && self.cmdline.is_some() && self.kind() == Kind::Dracut && self.has_systemd()
        {
            let detail =
                "nothing is mounted as root: the command line names none, and neither does the initrd";
            return Step::fails(step, detail, at);
        }
        match self.mounted(machine, drivers) {
            Ok(detail) => Step::ok(step, detail, at),
            Err(trouble) => trouble.into_step(step, at),
        }
    }

    /// How root is mounted, and `/usr` where the initrd mounts that.
    fn mounted(&self, machine: &Machine<'a>, drivers: &Drivers<'_>) -> Result<String, Trouble> {
        let device = self.spec().and_then(|spec| match self.resolve(spec, machine) {
            Resolution::Exists { device, .. } => device,
            _ => None,
        });
        self.is_own(machine)?;
        self.taken_by_multipathd(machine)?;
        self.holds_file_system(device, machine)?;
        let found = device.and_then(|device| device.fstype.clone());
        let fstype = self.type_of(found.as_deref())?;
        if self.initrd_unread() {
            return Err(Trouble::unknown(format!(
                "whether the initrd has the driver of {fstype} is not known"
            )));
        }
        let detail = self.driver("root's file system", &fstype, machine, drivers)?;
        self.blocks(device, machine)?;
        self.flags(&fstype)?;
        if let Some(mount) = self.usr() {
            self.usr_driver(mount, machine, drivers)?;
        }
        Ok(detail)
    }

    /// Of two disks with one UUID the initrd may take that on which this system is not.
    fn is_own(&self, machine: &Machine<'a>) -> Result<(), Trouble> {
        let spec = self.spec().filter(|_| !machine.is_same());
        let copy = spec.and_then(|spec| Some((spec, self.copy_named_by_blkid(spec, machine)?)));
        let Some((spec, copy)) = copy.filter(|(_, copy)| copy.is_another()) else { return Ok(()) };
        Err(Trouble::fails(format!(
            "the initrd mounts {} instead of {}, where this system is: both are {}, and its blkid comes across that one first",
            copy.name, copy.own, spec.raw
        ))
        .because(Cause::Copy))
    }

    /// The type that the mount asks for. Where one is asked for that the device is not, mount(2) fails with EINVAL.
    fn type_of(&self, found: Option<&str>) -> Result<String, Trouble> {
        let listed = self.fstab.map(|mount| mount.fstype.as_str()).filter(|name| is_type(name));
        let needs =
            "the type of root's file system is not known: `etc/fstab` or the output of `blkid` would tell";
        let Some(requested) = self.requested_fstype() else {
            let known = found.or(listed).map(str::to_owned);
            return known.ok_or_else(|| Trouble::unknown(needs));
        };
        let at = self.arguments.last("rootfstype").map(|argument| argument.at.clone());
        // The kernel and mount(8) try each of a list.
        let fits = |actual: &str| requested.split(',').find(|asked| mounts(asked, actual)).map(str::to_owned);
        match (found, listed) {
            (Some(actual), _) => fits(actual).ok_or_else(|| {
                let detail = format!(
                    "the command line asks for rootfstype={requested}, but root's file system is {actual}"
                );
                Trouble::fails_at(detail, at).because(Cause::OtherType)
            }),
            (None, Some(actual)) if fits(actual).is_none() => {
                let detail = format!(
                    "the command line asks for rootfstype={requested}, and `etc/fstab` says that root is {actual}: the \
                     output of `blkid` would settle it"
                );
                Err(Trouble::unknown_at(detail, at))
            }
            _ => Ok(requested.split(',').next().unwrap_or(&requested).to_owned()),
        }
    }

    /// The type that `rootfstype=` asks for; none if it leaves the choice.
    pub(super) fn requested_fstype(&self) -> Option<String> {
        let value = self.arguments.value("rootfstype").or_else(|| self.cmdline?.value("rootfstype"))?;
        is_type(value).then(|| value.to_owned())
    }

    /// A device that the input knows, and that holds something else or nothing.
    fn holds_file_system(&self, device: Option<&BlockDevice>, machine: &Machine<'a>) -> Result<(), Trouble> {
        let Some(spec) = self.spec() else { return Ok(()) };
        let raw = &spec.raw;
        let held = device.and_then(|device| device.fstype.as_deref());
        if let Some((_, what)) = NO_FILE_SYSTEM.iter().find(|(fstype, _)| Some(*fstype) == held) {
            return Err(Trouble::fails(format!("root={raw} holds {what} and no file system")));
        }
        if held.is_some() {
            return Ok(());
        }
        let DeviceName::KernelName(name) = &spec.name else { return Ok(()) };
        if name.partition.is_some() {
            return Ok(());
        }
        match machine.partitions_of(&name.disk) {
            Some(0) => Ok(()),
            Some(count) => Err(Trouble::fails(format!(
                "root={raw} is a whole disk, which has a partition table ({count} partitions) and no file system of its own"
            ))),
            None => match self.fstab.map(|mount| &mount.device.name) {
                Some(DeviceName::KernelName(own)) if own.partition.is_some() => {
                    Err(Trouble::unknown(format!(
                        "root={raw} is a whole disk, and `etc/fstab` has root on a partition: the output of `blkid` would settle it"
                    )))
                }
                _ => Ok(()),
            },
        }
    }

    fn driver(
        &self,
        what: &str,
        fstype: &str,
        machine: &Machine<'a>,
        drivers: &Drivers<'_>,
    ) -> Result<String, Trouble> {
        match drivers.load_for_name(&format!("fs-{fstype}"), &ModuleName::new(fstype), machine.target()) {
            Binding::Bound { driver, builtin } => {
                let how = if builtin { "built into the kernel" } else { "in the initrd" };
                Ok(format!("{fstype} is mounted by {driver}, which is {how}"))
            }
            Binding::Unknown { needs } => {
                let detail =
                    format!("whether {fstype} is built into the kernel is not known without {needs}");
                Err(Trouble::unknown(detail))
            }
            Binding::Failed { module, .. } => {
                let missing = module.map_or_else(|| fstype.to_owned(), |module| module.to_string());
                let place = if self.has_initrd { "the initrd" } else { "the kernel itself" };
                let detail = format!("{what} is {fstype}, but {place} lacks {missing}");
                Err(Trouble::fails(detail).because(Cause::NoDriver))
            }
        }
    }

    fn usr_driver(&self, mount: &Mount, machine: &Machine<'a>, drivers: &Drivers<'_>) -> Result<(), Trouble> {
        let found = machine.device_now(&mount.device).and_then(|device| device.fstype.clone());
        let fstype = found.unwrap_or_else(|| mount.fstype.clone());
        if !is_type(&fstype) {
            return Ok(());
        }
        let place = |trouble: Trouble| match trouble.state {
            State::Fails => Trouble { at: trouble.at.or_else(|| Some(mount.at.clone())), ..trouble },
            _ => trouble,
        };
        self.driver("the file system of /usr", &fstype, machine, drivers).map(|_| ()).map_err(place)
    }

    /// A file system whose blocks are smaller than the disk's sectors is not mounted (fs/ext4/super.c, "bad block size").
    fn blocks(&self, device: Option<&BlockDevice>, machine: &Machine<'a>) -> Result<(), Trouble> {
        let Some(spec) = self.spec() else { return Ok(()) };
        let Some(block) = device.and_then(|device| device.block_size) else { return Ok(()) };
        let stack = Stack::of(self, machine, spec);
        let Some(Layer::Disk { now, .. }) = stack.layers.last() else { return Ok(()) };
        let name = now.as_deref().and_then(|now| machine.name_of(now));
        let Some(disk) = machine.disks().iter().find(|disk| Some(&disk.name) == name.as_ref()) else {
            return Ok(());
        };
        if block < disk.sector_size && !machine.is_same() {
            return Err(Trouble::fails(format!(
                "root's file system has blocks of {block} bytes, and {} has sectors of {}: it cannot be mounted there",
                disk.name, disk.sector_size
            )));
        }
        Ok(())
    }

    /// `rootflags=`: a subvolume is for btrfs alone, and has to be named where root is in one.
    fn flags(&self, fstype: &str) -> Result<(), Trouble> {
        let flags = self
            .arguments
            .value("rootflags")
            .or_else(|| self.cmdline?.value("rootflags"))
            .unwrap_or_default();
        let at = self.arguments.last("rootflags").map(|argument| argument.at.clone());
        let given = subvolume(flags.split(','));
        if !matches!(fstype, "btrfs" | "bcachefs") {
            return match given {
                Some(_) => {
                    let detail = format!(
                        "rootflags={flags} names a subvolume, which {fstype} does not know: the mount fails"
                    );
                    Err(Trouble::fails_at(detail, at).because(Cause::Subvolume))
                }
                None => Ok(()),
            };
        }
        let own = self.fstab.filter(|mount| mount.fstype == fstype);
        let Some(wanted) = own.and_then(|mount| subvolume(mount.options.iter().map(String::as_str))) else {
            return Ok(());
        };
        match given {
            Some(given) if given == wanted => Ok(()),
            // An id says nothing of a name.
            Some(given) if given.starts_with("id ") != wanted.starts_with("id ") => Ok(()),
            Some(given) => Err(Trouble::unknown_at(
                format!(
                    "rootflags= names the subvolume {given}, and `etc/fstab` has root in {wanted}: whether the other one is \
                     there and holds a system is not known without `btrfs subvolume list /`"
                ),
                at,
            )),
            None => Err(Trouble::fails(format!(
                "root is in the subvolume {wanted}, which nothing names: without `rootflags=subvol=` the top of the btrfs is \
                 mounted (unless `btrfs subvolume set-default` chose another), where there is no system"
            ))
            .because(Cause::Subvolume)),
        }
    }
}

/// The subvolume that mount options name: its path without slashes around it, or `id N`.
fn subvolume<'o>(mut options: impl Iterator<Item = &'o str>) -> Option<String> {
    options.find_map(|option| {
        let path = option.strip_prefix("subvol=").map(|path| path.trim_matches('/').to_owned());
        path.or_else(|| option.strip_prefix("subvolid=").map(|id| format!("id {id}")))
    })
}

fn is_type(name: &str) -> bool {
    !name.is_empty() && !matches!(name, "auto" | "rootfs" | "none")
}

fn mounts(asked: &str, actual: &str) -> bool {
    asked == actual || MOUNTS.iter().any(|(name, all)| *name == asked && all.contains(&actual))
}
