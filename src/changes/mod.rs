//! What differs between two systems, or one before and after a change, as facts for the rules on changes.
//!
//! Two [`Side`]s are read and played through as for `bootproof check`; this adds what neither can say alone: files
//! that differ, mounts that moved, packages, kernels and initrds that came, went or stayed, boots that go otherwise.
//! What one input does not hold is unknown and not gone.

mod boots;
mod files;
mod initrds;
mod kernels;
mod mounts;
mod nfs;
mod packages;
mod services;
mod side;
mod subject;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;

pub use boots::{BootChange, BootDirection};
pub use files::{Compared, FileChange, FileStatus};
pub use initrds::{InitrdChange, InitrdStatus, Stale, StaleReason};
pub use kernels::KernelChange;
pub use mounts::MountChange;
pub use nfs::NfsMountChange;
pub use packages::PackageChange;
pub use services::ServiceChange;
pub use side::Side;
pub use subject::FileSubject;

use crate::known::Known;

/// What differs between two systems.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Changes {
    /// Configuration files that differ, by path. Files that only one input can hold are left out.
    pub files: Vec<FileChange>,
    /// fstab's lines that differ: by mount point, swap by its device.
    pub mounts: Known<Vec<MountChange>>,
    /// Mounts over NFS whose version or whose locking differs, of fstab and of autofs' maps.
    pub nfs_mounts: Known<Vec<NfsMountChange>>,
    /// Packages that came, went or have another version, by name.
    pub packages: Known<Vec<PackageChange>>,
    /// Services that run after a boot and whose program, or a library of it, is of another version, by name.
    pub services: Known<Vec<ServiceChange>>,
    /// Kernels that came or went, by release. Unknown if one input holds no kernels at all.
    pub kernels: Known<Vec<KernelChange>>,
    /// The initrds there are after the change, and those that went, by path.
    pub initrds: Vec<InitrdChange>,
}

/// What differs, for rules and for the report.
#[derive(Debug)]
pub struct Comparison {
    /// For rules.
    pub changes: Changes,
    /// The files behind `changes.files`, and those that could not be compared.
    pub files: Vec<Compared>,
    /// How each entry fares before and after.
    pub boots: Vec<BootChange>,
}

impl Comparison {
    /// Compares two systems.
    #[must_use]
    pub fn of(before: &Side, after: &Side) -> Self {
        let files = files::compare(before, after);
        let mounts = mounts::compare(&before.facts, &after.facts);
        let changed: Vec<FileChange> = files.iter().filter_map(Compared::change).collect();
        let packages = packages::compare(&before.facts, &after.facts);
        let changes = Changes {
            nfs_mounts: nfs::compare(&before.facts, &after.facts),
            services: services::compare(after, &packages),
            packages,
            kernels: kernels::compare(&before.facts, &after.facts),
            initrds: initrds::compare(before, after, &changed, mounts.get()),
            mounts,
            files: changed,
        };
        Self { changes, files, boots: boots::compare(before, after) }
    }
}
