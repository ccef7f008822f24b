//! What makes a step fail, in a word.

use schemars::JsonSchema;
use serde::Serialize;

/// What makes a step fail, where failures of one step are mended in different ways: rules ask for it, not for the
/// words of the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// `firmware`: the EFI system partition has no loader at the path that UEFI tries by itself.
    NoFallbackLoader,
    /// `firmware`: there is a loader, for the other firmware.
    OtherFirmware,
    /// `loader`: the file system or the path, as GRUB sees it, leads to nothing.
    PathLeadsNowhere,
    /// `loader`: GRUB does not read a feature of the file system.
    UnreadableFileSystem,
    /// `loader`: GRUB asks for a user and a password.
    AsksForPassword,
    /// `loader`: GRUB's menu waits for a key for ever.
    WaitsForKey,
    /// `kernel`: it is no kernel, or cut off.
    KernelDamaged,
    /// `kernel`: it is for another processor.
    KernelOfOtherMachine,
    /// `root-device`, `root-filesystem`, `init`: a parameter stops the initrd at a shell.
    StopsAtShell,
    /// `storage-stack`: the partition table counts in sectors of another size.
    OtherSectors,
    /// `storage-stack`: LVM's filter rejects the disk.
    LvmFilter,
    /// `storage-stack`: a list in the initrd's lvm.conf leaves the volume out.
    LvmList,
    /// `root-device`: without an initrd the kernel does not know such names.
    NeedsInitrd,
    /// `root-device`: it is /usr, which the initrd mounts as well, that is missing.
    UsrMissing,
    /// `root-device`: systemd in the initrd waits without end for the swap that `resume=` names.
    ResumeMissing,
    /// `root-filesystem`: the driver is not there, or does not load.
    NoDriver,
    /// `root-filesystem`: `rootfstype=` asks for another type.
    OtherType,
    /// `root-filesystem`: the subvolume is not named, or named where there is none.
    Subvolume,
    /// `root-filesystem`: a copy of the disk is mounted in place of the system.
    Copy,
    /// `root-filesystem`: multipathd holds the disk.
    MultipathdHolds,
    /// `init`: what `init=` names does not run.
    InitParameter,
    /// `init`: systemd takes a root without os-release for no system.
    NoOsRelease,
}
