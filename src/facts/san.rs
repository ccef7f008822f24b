//! Disks over a network: Fibre Channel over Ethernet, iSCSI, NVMe over Fabrics, and by which names the machine asks for
//! them. Secrets (CHAP, DH-HMAC-CHAP, TLS keys) stand in the same files and are never read into a fact.

mod fcoe;
mod iscsi;
mod nvme;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::network::Network;
pub use fcoe::{Fcoe, FcoeInterface};
pub use iscsi::{Iscsi, IscsiNode};
pub use nvme::Nvme;

/// Disks over a network.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct San {
    /// Fibre Channel over Ethernet.
    pub fcoe: Fcoe,
    /// iSCSI.
    pub iscsi: Iscsi,
    /// NVMe over Fabrics.
    pub nvme: Nvme,
}

/// Reads what is configured of disks over a network.
#[must_use]
pub fn gather(gather: &Gather<'_>, network: &Network) -> San {
    San { fcoe: fcoe::read(gather, network), iscsi: iscsi::read(gather), nvme: nvme::read(gather) }
}
