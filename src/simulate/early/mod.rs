//! The steps `kernel` and `initrd`, and whether what starts in the initrd can run.

mod initrd;
mod kernel;
mod memory;
mod userland;

pub(super) use initrd::Initrds;
pub(super) use kernel::{KernelFile, kernel, on_machine};
pub(super) use userland::cannot_start;
