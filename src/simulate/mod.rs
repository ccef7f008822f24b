//! Works out what each boot entry does on each target: Facts x Target -> Boots.
//!
//! From power-on to the network, each step in a file of its own: whether the firmware starts a loader, whether the loader
//! finds its configuration and the kernel, whether the kernel and the initrd fit each other, which driver binds the boot
//! disk (as the kernel and udev bind it, by modalias), whether what holds root is put together, whether `root=` then
//! names something, whether its file system can be mounted, and what init, fstab and the network make of the rest.

mod bindings;
mod boot;
mod cause;
mod devices;
mod disk;
mod drivers;
mod early;
mod firmware;
mod given;
mod init;
mod initrd_view;
mod loader;
mod mounts;
mod network;
mod root;
mod scene;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bindings::{DeviceBinding, bindings};
pub use boot::{GIVEN, simulate, simulate_entry};
pub use cause::Cause;
pub use disk::{DiskFate, DiskReason};
pub use given::GivenEntry;
pub use mounts::{Fate, MountFate, MountsFate, Reached, Reason};
pub use network::{NetworkFate, NicFate};

use crate::place::Place;

/// How one boot entry fares on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Boot {
    /// The entry's title.
    pub entry: String,
    /// What names the entry in the loader's configuration.
    pub entry_id: String,
    /// Where the entry stands.
    pub at: Place,
    /// The file that decides which drivers there are: the initrd, or without one the kernel's line in the entry.
    pub evidence: Place,
    /// Whether the loader picks this entry by itself.
    pub default: bool,
    /// Whether it is for emergencies: a rescue image, recovery or single-user mode.
    pub is_rescue: bool,
    /// The kernel's path, relative to the root.
    pub kernel: Option<String>,
    /// The kernel's release: `6.1.0-18-amd64`.
    pub release: Option<String>,
    /// The initrd's path, relative to the root, the last if there are several; null when the entry has none.
    pub initrd: Option<String>,
    /// The target's name.
    pub target: String,
    /// Whether it boots.
    pub outcome: Outcome,
    /// The first step that fails; null if none does.
    pub failed_at: Option<StepName>,
    /// What becomes of the boot disk.
    pub disk: DiskFate,
    /// What becomes of fstab's and crypttab's lines; null where another init than systemd mounts them.
    pub mounts: Option<MountsFate>,
    /// What becomes of the network cards.
    pub network: NetworkFate,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// Whether it boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every step is ok; only whether the network comes up may be unknown.
    Boots,
    /// A step fails. Where that is the network, the machine boots but cannot be reached.
    Fails,
    /// No step is known to fail, but one before the network is unknown.
    Unknown,
}

/// The steps of a boot, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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

impl StepName {
    /// The name as reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::DiskDriver => "disk-driver",
            Self::StorageStack => "storage-stack",
            Self::RootDevice => "root-device",
            Self::RootFilesystem => "root-filesystem",
            Self::Init => "init",
            Self::Mounts => "mounts",
            Self::Network => "network",
        }
    }
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
    /// What makes it fail, where rules tell failures of one step apart; left out for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

impl Step {
    fn ok(step: StepName, detail: impl Into<String>, at: Option<Place>) -> Self {
        Self { step, state: State::Ok, detail: detail.into(), at, cause: None }
    }

    fn fails(step: StepName, detail: impl Into<String>, at: Option<Place>) -> Self {
        Self { step, state: State::Fails, detail: detail.into(), at, cause: None }
    }

    /// The step with what makes it fail.
    fn because(self, cause: Cause) -> Self {
        Self { cause: Some(cause), ..self }
    }

    fn unknown(step: StepName, detail: impl Into<String>, at: Option<Place>) -> Self {
        Self { step, state: State::Unknown, detail: detail.into(), at, cause: None }
    }
}
