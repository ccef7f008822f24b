//! Kernels that came and went.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Facts;
use crate::facts::kernels::Kernel;
use crate::known::Known;
use crate::place::Place;

/// A kernel that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KernelChange {
    /// The release as in `uname -r`.
    pub release: String,
    /// The kernel before; null if it is new.
    pub before: Option<Kernel>,
    /// The kernel after; null if it is gone.
    pub after: Option<Kernel>,
    /// The image after, or where it was.
    pub at: Place,
}

/// The kernels that are on one side only, by release.
pub(super) fn compare(before: &Facts, after: &Facts) -> Known<Vec<KernelChange>> {
    let has_images = |facts: &Facts| facts.kernels.iter().any(|kernel| kernel.image.is_some());
    if !has_images(before) || !has_images(after) {
        return Known::unknown("`boot` with the kernels, on both sides");
    }
    let missing = |from: &[Kernel], release: &str| !from.iter().any(|kernel| kernel.release == release);
    let gone = before.kernels.iter().filter(|kernel| missing(&after.kernels, &kernel.release));
    let new = after.kernels.iter().filter(|kernel| missing(&before.kernels, &kernel.release));
    let gone = gone.map(|kernel| change(Some(kernel), None, kernel));
    let new = new.map(|kernel| change(None, Some(kernel), kernel));
    let mut changes: Vec<KernelChange> = gone.chain(new).collect();
    changes.sort_by(|a, b| a.release.cmp(&b.release));
    Known::Known(changes)
}

fn change(before: Option<&Kernel>, after: Option<&Kernel>, one: &Kernel) -> KernelChange {
    KernelChange {
        release: one.release.clone(),
        before: before.cloned(),
        after: after.cloned(),
        at: one.at.clone(),
    }
}
