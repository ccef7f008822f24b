//! Works out what each boot entry does on each target: Facts x Target -> Boots.

use schemars::JsonSchema;
use serde::Serialize;

use crate::place::Place;

/// How one boot entry fares on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Boot {
    /// The entry's title.
    pub entry: String,
    /// Whether the loader picks this entry by itself.
    pub default: bool,
    /// The kernel's path, relative to the root.
    pub kernel: Option<String>,
    /// The initrd's path, relative to the root; null when the entry has none.
    pub initrd: Option<String>,
    /// The target's name.
    pub target: String,
    /// Whether it boots.
    pub outcome: Outcome,
    /// The first step that fails; null if none does.
    pub failed_at: Option<StepName>,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// Whether it boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every step is ok.
    Boots,
    /// A step fails.
    Fails,
    /// No step is known to fail, but one is unknown.
    Unknown,
}

/// The steps of a boot, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// BIOS or UEFI finds a loader.
    Firmware,
    /// The loader finds its files.
    Loader,
    /// The kernel image is there and fits the machine.
    Kernel,
    /// The initrd is there, whole, and can be unpacked by this kernel.
    Initrd,
    /// A driver binds the boot disk's controller.
    DiskDriver,
    /// Partitions, dm, LVM, md, LUKS and multipath turn disks into the root volume.
    StorageStack,
    /// `root=` names something that exists.
    RootDevice,
    /// The root file system's driver is there and mounts it.
    RootFilesystem,
    /// An init is there and runs.
    Init,
    /// fstab's mounts and swaps.
    Mounts,
    /// The network comes up.
    Network,
}

/// What is known of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It does not.
    Fails,
    /// The input does not say.
    Unknown,
}

/// One step of a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Which.
    pub step: StepName,
    /// What is known of it.
    pub state: State,
    /// One sentence: what happens, or what would settle it.
    pub detail: String,
    /// The evidence.
    pub at: Option<Place>,
}
