//! Dial-up and pptp tunnels: what `ifup NAME` starts, the peers there are, and whether the names fit.
//!
//! `ifup` leaves a configuration whose device type is `ppp` to `ifup-ppp`, which runs pppd with
//! `call NAME`, NAME being what follows `ifcfg-` in the file's name (initscripts, `network-functions` and
//! `ifup-ppp`). Secrets files are read for names only.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::place::Place;

/// Tunnels, peers and the names of secrets.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ppp {
    /// The ifcfg files that would start pppd.
    pub tunnels: Vec<Tunnel>,
    /// The files under `etc/ppp/peers`.
    pub peers: Vec<Peer>,
    /// The names in chap-secrets and pap-secrets.
    pub secrets: Vec<SecretName>,
}

/// An ifcfg file that is for pppd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tunnel {
    /// The ifcfg file.
    pub at: Place,
    /// The name of the peer that it calls: what follows `ifcfg-`, exactly.
    pub name: String,
    /// Whether it is brought up at boot.
    pub starts_at_boot: bool,
    /// Whether `etc/ppp/peers/NAME` is there, byte for byte.
    pub peer_exists: bool,
    /// Whether `ifup-ppp` could make a peer by itself: it has a wvdial section, or `chat-NAME` is there.
    pub can_be_made: bool,
    /// The peer that may be meant: same but for case, spaces or a letter or two. Null when the peer is there, or
    /// nothing is near.
    pub near_peer: Option<NearName>,
}

/// A name that is almost the one looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NearName {
    /// The name that is there; leading and trailing spaces kept.
    pub name: String,
    /// Where.
    pub at: Place,
    /// How it differs, to be put after "it differs": `in case`, `by a space at its end`, `by 1 letter`.
    pub differs: String,
}

/// A file under `etc/ppp/peers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Peer {
    /// The file.
    pub at: Place,
    /// Its name below `etc/ppp/peers`.
    pub name: String,
    /// The link is a pptp tunnel: `pty` runs `pptp`, or `plugin pptp.so`.
    pub pptp: bool,
    /// What it dials: the pptp server, the tty or the interface that an option names.
    pub dials: Option<String>,
    /// The plugins it loads.
    pub plugins: Vec<String>,
    /// The name this side goes by towards the peer: `name`, or `user` for PAP/CHAP.
    pub local_name: Option<LinkName>,
    /// `remotename`.
    pub remote_name: Option<LinkName>,
    /// `password` stands in the options, so that no secrets file is asked.
    pub has_password: bool,
    /// The ifcfg file of the same name, byte for byte, that `ifup` takes for pppd.
    pub ifcfg_exists: bool,
    /// The ifcfg file that may be meant. Null when there is one.
    pub near_ifcfg: Option<NearName>,
    /// A secret fits `local_name` and `remote_name` in chap-secrets or pap-secrets; null when no secret is needed
    /// that could be told from here (no name, a password in the options, or a plugin that has its own).
    pub secret_exists: super::Known<Option<bool>>,
    /// The secret that may be meant when none fits.
    pub near_secret: Option<NearName>,
    /// Options files that it includes and that are not there (`call`, `file`).
    pub missing_files: Vec<MissingFile>,
}

/// A name that an option gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LinkName {
    /// The name.
    pub value: String,
    /// The option.
    pub at: Place,
}

/// An options file that is asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingFile {
    /// Its path, relative to the root.
    pub path: String,
    /// The option that asks for it.
    pub at: Place,
}

/// Which secrets file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretKind {
    /// `etc/ppp/chap-secrets`.
    Chap,
    /// `etc/ppp/pap-secrets`.
    Pap,
}

/// The names of one secret; never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SecretName {
    /// The line.
    pub at: Place,
    /// Which file.
    pub kind: SecretKind,
    /// The client's name; `*` fits all.
    pub client: String,
    /// The server's name; `*` fits all.
    pub server: String,
}

/// Reads peers and names of secrets, and joins them to the ifcfg files of `network`.
#[must_use]
pub fn gather(gather: &Gather<'_>, network: &super::network::Network) -> Ppp {
    let _ = (gather, network);
    Ppp::default()
}
