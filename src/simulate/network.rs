//! The step `network`: which driver binds the interface, how it is called, and which configuration matches it.

use super::Step;
use super::scene::Scene;
use crate::target::Target;

/// The step on `target`; none where it does not take part.
pub(super) fn step(_scene: &Scene<'_>, _target: &Target) -> Option<Step> {
    None
}
