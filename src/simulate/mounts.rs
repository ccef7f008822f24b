//! The step `mounts`: what fstab and crypttab ask for, and whether the boot goes on without what is missing.

use super::scene::Scene;
use super::{DiskFate, Step};
use crate::target::Target;

/// The step on `target`; none where it does not take part.
pub(super) fn step(_scene: &Scene<'_>, _target: &Target, _disk: &DiskFate) -> Option<Step> {
    None
}
