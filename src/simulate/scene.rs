//! What every step of one entry's boot looks at, whatever the target.

use super::drivers::Drivers;
use super::initrd_view::InitrdView;
use super::root::Root;
use crate::facts::Facts;
use crate::facts::boot::BootEntry;
use crate::facts::command_line::CommandLine;
use crate::facts::kernels::Kernel;

/// One boot entry with what has been worked out of it before a target is chosen.
pub(super) struct Scene<'a> {
    pub(super) facts: &'a Facts,
    pub(super) entry: &'a BootEntry,
    /// The kernel command line, as far as it is known.
    pub(super) cmdline: Option<&'a CommandLine>,
    /// The entry's initrds, unpacked over each other.
    pub(super) view: &'a InitrdView<'a>,
    /// The drivers that the kernel and the initrd have.
    pub(super) drivers: &'a Drivers<'a>,
    /// What `root=` names and what it lies on.
    pub(super) root: &'a Root<'a>,
    /// The installed kernel that the entry boots.
    pub(super) kernel: Option<&'a Kernel>,
}

impl Scene<'_> {
    /// Whether kernel, initrd and command line were given by hand: no firmware and no loader takes part.
    pub(super) fn is_given(&self) -> bool {
        self.entry.id == super::boot::GIVEN
    }
}
