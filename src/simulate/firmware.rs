//! The step `firmware`: does BIOS or UEFI find a loader.

use super::Step;
use super::scene::Scene;
use crate::target::Target;

/// The step on `target`; none where it does not take part.
pub(super) fn step(_scene: &Scene<'_>, _target: &Target) -> Option<Step> {
    None
}
