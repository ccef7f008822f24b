//! Dial-up and pptp tunnels: what `ifup NAME` starts, the peers there are, and whether the names fit.
//!
//! `ifup` leaves a configuration whose device type is `ppp` to `ifup-ppp`, which runs pppd with
//! `call NAME`, NAME being what follows `ifcfg-` in the file's name (initscripts, `network-functions` and
//! `ifup-ppp`). Secrets files are read for names only.

mod peers;

use schemars::JsonSchema;
use serde::Serialize;

use super::near::{NearName, nearest};
use super::network::{Ifcfg, IfcfgFamily, Network};
use super::{Found, Gather, Known};
use crate::parse::ppp as options;
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
    /// pppd looks the secret up in chap-secrets or pap-secrets: no `password`, certificate or plugin that brings it.
    pub asks_secrets: bool,
    /// The ifcfg file of the same name, byte for byte, that `ifup` takes for pppd.
    pub ifcfg_exists: bool,
    /// What starts it: its ifcfg file, `provider NAME` in `etc/network/interfaces`. Empty when nothing does that is
    /// known of (someone types `pon NAME`).
    pub started_by: Vec<Place>,
    /// The ifcfg file that may be meant. Null when there is one.
    pub near_ifcfg: Option<NearName>,
    /// A secret fits `local_name` and `remote_name` in chap-secrets or pap-secrets; null when no secret is needed
    /// that could be told from here (no name, a password in the options, or a plugin that has its own).
    pub secret_exists: Known<Option<bool>>,
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
pub fn gather(gather: &Gather<'_>, network: &Network) -> Ppp {
    let mut tunnels: Vec<Tunnel> =
        network.ifcfgs.iter().filter(|ifcfg| is_tunnel(gather, ifcfg)).map(|i| tunnel(gather, i)).collect();
    let chap = read_secrets(gather, SecretKind::Chap);
    let pap = read_secrets(gather, SecretKind::Pap);
    let mut peers = peers::read(gather);
    peers::note_providers(gather, &mut peers);
    for peer in &mut peers {
        if let Some(tunnel) = tunnels.iter().find(|tunnel| tunnel.name == peer.name) {
            peer.ifcfg_exists = true;
            peer.started_by.push(tunnel.at.clone());
        }
        judge_secret(peer, &chap, &pap);
    }
    for tunnel in &mut tunnels {
        tunnel.peer_exists = peers.iter().any(|peer| peer.name == tunnel.name);
        if !tunnel.peer_exists {
            let free = peers.iter().filter(|peer| !peer.ifcfg_exists);
            tunnel.near_peer = nearest(&tunnel.name, free.map(|peer| (peer.name.as_str(), &peer.at)));
        }
    }
    for peer in peers.iter_mut().filter(|peer| !peer.ifcfg_exists) {
        let free = tunnels.iter().filter(|tunnel| !tunnel.peer_exists);
        peer.near_ifcfg = nearest(&peer.name, free.map(|tunnel| (tunnel.name.as_str(), &tunnel.at)));
    }
    let secrets = [chap, pap].into_iter().filter_map(Found::present).flatten().collect();
    Ppp { tunnels, peers, secrets }
}

/// Whether `ifup` hands this file to `ifup-ppp`, and that calls a peer: by `TYPE`, else by the letters of `DEVICE`
/// (initscripts' `source_config` and `ifup`). xDSL goes to `adsl-start`, which has no peer.
fn is_tunnel(gather: &Gather<'_>, ifcfg: &Ifcfg) -> bool {
    if ifcfg.family != IfcfgFamily::RedHat || ifcfg.ignored || ifcfg.loopback || ifcfg.alias {
        return false;
    }
    let device = ifcfg.device.as_ref().map_or("", |device| device.value.as_str());
    let letters = device.trim_end_matches(|character: char| character.is_ascii_digit());
    match ifcfg.kind.as_ref().map(|kind| kind.value.as_str()) {
        Some("Modem") => true,
        // Of a type that it does not know, ifup asks for a script of the device's letters, then of the type.
        Some("ppp") => letters == "ppp" || !super::network::has_script(gather, letters),
        Some(
            "Ethernet" | "xDSL" | "CIPE" | "IPSEC" | "ISDN" | "Wireless" | "Token Ring" | "CTC" | "GRE"
            | "GRE6" | "IPIP" | "IPIP6" | "SIT" | "sit" | "InfiniBand" | "infiniband" | "Bridge",
        ) => false,
        _ => letters == "ppp",
    }
}

fn tunnel(gather: &Gather<'_>, ifcfg: &Ifcfg) -> Tunnel {
    let chat = super::network::has_sibling(gather, &format!("chat-{}", ifcfg.name));
    Tunnel {
        at: ifcfg.at.clone(),
        name: ifcfg.name.clone(),
        starts_at_boot: ifcfg.starts_at_boot,
        peer_exists: false,
        can_be_made: ifcfg.ppp_can_be_made || chat,
        near_peer: None,
    }
}

fn read_secrets(gather: &Gather<'_>, kind: SecretKind) -> Found<Vec<SecretName>> {
    let path = match kind {
        SecretKind::Chap => "etc/ppp/chap-secrets",
        SecretKind::Pap => "etc/ppp/pap-secrets",
    };
    gather.read(path).map(|file| {
        let secrets = options::parse_secrets(&file.bytes).into_iter();
        let names = secrets.map(|secret| SecretName {
            at: secret.span.at(&file.path),
            kind,
            client: secret.client,
            server: secret.server,
        });
        names.collect()
    })
}

/// Whether a secret fits as pppd's `scan_authfile` matches: both names exactly, `*` fits all; without `remotename`
/// the server's name is what the other side will say, so any fits.
fn judge_secret(peer: &mut Peer, chap: &Found<Vec<SecretName>>, pap: &Found<Vec<SecretName>>) {
    let Some(local) = peer.local_name.as_ref().filter(|_| peer.asks_secrets) else { return };
    let remote = peer.remote_name.as_ref().map(|name| name.value.as_str());
    let fits = |secret: &SecretName| {
        matches!(secret.client.as_str(), client if client == "*" || client == local.value)
            && (secret.server == "*" || remote.is_none_or(|remote| secret.server == remote))
    };
    let mut unreadable = None;
    let mut present: Vec<&SecretName> = Vec::new();
    for file in [chap, pap] {
        match file {
            Found::Present(secrets) => present.extend(secrets),
            Found::Absent => {}
            Found::Unreadable { needs } => unreadable = Some(needs.clone()),
        }
    }
    if present.iter().any(|secret| fits(secret)) {
        peer.secret_exists = Known::Known(Some(true));
        return;
    }
    peer.secret_exists = match unreadable {
        Some(needs) => Known::unknown(needs),
        None => Known::Known(Some(false)),
    };
    let clients = present.iter().map(|secret| (secret.client.as_str(), &secret.at));
    let near_client = nearest(&local.value, clients);
    let same_client = present.iter().filter(|secret| secret.client == local.value);
    let servers = same_client.map(|secret| (secret.server.as_str(), &secret.at));
    peer.near_secret = remote.and_then(|remote| nearest(remote, servers)).or(near_client);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn gathered(memory: Memory) -> Ppp {
        let tree = memory.into_tree();
        let limits = Limits::default();
        let gathering = Gather::new(&tree, &limits);
        gather(&gathering, &super::super::network::gather(&gathering))
    }

    const PEER: &str = "pty \"pptp vpn.example.com --nolaunchpppd\"\nname branch\nremotename PPTP\nfile /etc/ppp/options.pptp\nipparam office\n";

    fn office(ifcfg: &str, peer: &str, secrets: &str) -> Memory {
        Memory::new()
            .file(
                &format!("etc/sysconfig/network-scripts/ifcfg-{ifcfg}"),
                "DEVICE=ppp0\nTYPE=Modem\nONBOOT=yes\n",
            )
            .file(&format!("etc/ppp/peers/{peer}"), PEER)
            .file("etc/ppp/options.pptp", "lock noauth refuse-eap\n")
            .file("etc/ppp/chap-secrets", secrets)
    }

    #[test]
    fn a_tunnel_and_a_peer_of_one_name_fit() {
        let ppp = gathered(office("office", "office", "branch PPTP s3cr3t *\n"));
        let (tunnel, peer) = (&ppp.tunnels[0], &ppp.peers[0]);
        assert!(tunnel.peer_exists && tunnel.starts_at_boot && tunnel.near_peer.is_none());
        assert!(peer.ifcfg_exists && peer.pptp && peer.near_ifcfg.is_none());
        assert_eq!(peer.dials.as_deref(), Some("vpn.example.com"));
        assert_eq!(peer.secret_exists, Known::Known(Some(true)));
        assert!(peer.missing_files.is_empty());
        assert!(!serde_json::to_string(&ppp).unwrap().contains("s3cr3t"));
    }

    #[test]
    fn names_that_almost_fit_are_shown_in_both_directions() {
        for (ifcfg, peer, differs) in [
            ("office", "Office", "in case"),
            ("office", "office ", "by a space at its end"),
            ("office-vpn", "office_vpn", "in its separators"),
        ] {
            let ppp = gathered(office(ifcfg, peer, "branch PPTP s3cr3t\n"));
            let near = ppp.tunnels[0].near_peer.as_ref().unwrap();
            assert_eq!((near.name.as_str(), near.differs.as_str()), (peer, differs));
            assert_eq!(ppp.peers[0].near_ifcfg.as_ref().unwrap().name, ifcfg);
            assert!(!ppp.tunnels[0].peer_exists && !ppp.peers[0].ifcfg_exists);
        }
    }

    #[test]
    fn a_missing_secret_shows_the_near_one() {
        let ppp = gathered(office("office", "office", "branch pptp s3cr3t *\nother * s3cr3t\n"));
        assert_eq!(ppp.peers[0].secret_exists, Known::Known(Some(false)));
        assert_eq!(ppp.peers[0].near_secret.as_ref().unwrap().name, "pptp");
        let ppp = gathered(office("office", "office", "Branch PPTP s3cr3t *\n"));
        assert_eq!(ppp.peers[0].near_secret.as_ref().unwrap().differs, "in case");
    }

    #[test]
    fn wildcards_passwords_and_plugins_need_no_line_of_their_own() {
        let ppp = gathered(office("office", "office", "* * s3cr3t\n"));
        assert_eq!(ppp.peers[0].secret_exists, Known::Known(Some(true)));
        for option in ["password s3cr3t", "plugin passprompt.so", "cert /etc/ppp/client.pem"] {
            let memory = office("office", "office", "").file("etc/ppp/options.pptp", option);
            let ppp = gathered(memory);
            assert_eq!(ppp.peers[0].secret_exists, Known::Known(None), "{option}");
        }
    }

    #[test]
    fn only_files_that_ifup_gives_to_pppd_are_tunnels() {
        for (ifcfg, tunnels) in [
            ("DEVICE=ppp0\n", 1),
            ("TYPE=Modem\nDEVICE=modem\n", 1),
            ("TYPE=ppp\n", 1),
            ("TYPE=xDSL\nDEVICE=ppp0\n", 0),
            ("TYPE=Ethernet\nDEVICE=ppp0\n", 0),
            ("DEVICE=eth0\n", 0),
        ] {
            let memory = Memory::new().file("etc/sysconfig/network-scripts/ifcfg-office", ifcfg);
            assert_eq!(gathered(memory).tunnels.len(), tunnels, "{ifcfg:?}");
        }
    }

    #[test]
    fn includes_that_go_in_circles_end_and_missing_ones_are_noted() {
        let ppp = gathered(
            Memory::new()
                .file("etc/ppp/peers/a", "call b\nfile /etc/ppp/options.gone\n")
                .file("etc/ppp/peers/b", "call a\nname branch\n"),
        );
        let a = &ppp.peers[0];
        assert_eq!(a.local_name.as_ref().unwrap().value, "branch");
        assert_eq!(
            a.missing_files.iter().map(|m| m.path.as_str()).collect::<Vec<_>>(),
            ["etc/ppp/options.gone"]
        );
    }

    #[test]
    fn a_provider_of_debian_starts_its_peer() {
        let ppp = gathered(
            Memory::new()
                .file("etc/ppp/peers/dsl", "user branch\nplugin rp-pppoe.so eth1\n")
                .file("etc/ppp/peers/provider", "user \"myusername@realm\"\n")
                .file("etc/network/interfaces", "auto dsl\niface dsl inet ppp\n  provider dsl\n"),
        );
        assert_eq!(ppp.peers[0].started_by[0].to_string(), "etc/network/interfaces:3");
        assert_eq!(ppp.peers[0].secret_exists, Known::Known(Some(false)));
        assert!(ppp.peers[1].started_by.is_empty());
    }
}
