//! Waivers.

/// Whether the rule called `id` is about waivers, so that its findings are in the user's own files.
#[must_use]
pub fn is_about_waivers(id: &str) -> bool {
    ["waiver-expired", "waiver-unused"].contains(&id)
}
