//! The step `init`: is there an init on the root file system, and does it run.

use super::scene::Scene;
use super::{DiskFate, Step};
use crate::target::Target;

/// The step on `target`; none where it does not take part.
pub(super) fn step(_scene: &Scene<'_>, _target: &Target, _disk: &DiskFate) -> Option<Step> {
    None
}
