//! What makes this system itself, and would be there twice after a copy: machine-id, SSH host keys, licences that are bound
//! to hardware.
//!
//! Sources: machine-id(5), ssh-keygen(1) (the comment of a host key names the host that made it), the license files of
//! FlexNet (`SERVER host hostid`, `HOSTID=`), cloud-init's state in `var/lib/cloud`.

use schemars::JsonSchema;
use serde::Serialize;

use super::services::Services;
use super::{Found, Gather, Known, glob};
use crate::parse::lines::lines;
use crate::place::Place;
use crate::source::escape_bytes;

/// What makes the system itself.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Identity {
    /// The state of `etc/machine-id`. Unknown if it cannot be read.
    pub machine_id: Known<MachineId>,
    /// The host keys of SSH with the host that made them.
    pub host_keys: Vec<HostKey>,
    /// Licences that name a machine.
    pub licences: Vec<Licence>,
    /// Daemons of licence dongles and licence servers that the boot starts. Unknown if the services are.
    pub licence_services: Known<Vec<String>>,
    /// cloud-init is started at boot and has not run yet: this is an image that many machines are made of. Unknown if the
    /// services are.
    pub is_image: Known<bool>,
}

/// `etc/machine-id`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MachineId {
    /// 32 hexadecimal digits.
    Valid,
    /// Empty: systemd makes one at the next boot.
    Empty,
    /// `uninitialized`: systemd makes one at the next boot, which counts as the first.
    Uninitialized,
    /// There is none.
    #[default]
    Absent,
    /// Something else.
    Malformed,
}

/// The public half of a host key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostKey {
    /// Its type: `ssh-ed25519`.
    pub kind: String,
    /// The host in its comment; null where there is none.
    pub made_on: Option<String>,
    /// The file.
    pub at: Place,
}

/// A licence that is bound to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Licence {
    /// What it is bound to: `address` of a network card, `dongle`, `disk`, `other`.
    pub bound_to: String,
    /// The value: the hardware address. Null for others.
    pub value: Option<String>,
    /// The line.
    pub at: Place,
}

/// Where licence files are.
const PATTERNS: [&str; 9] = [
    "usr/local/flexlm/licenses/*.lic",
    "usr/local/flexlm/licenses/*.dat",
    "opt/*/*.lic",
    "opt/*/licen[sc]e*/*.lic",
    "opt/*/licen[sc]e*/*.dat",
    "opt/*/*/licen[sc]e*/*.lic",
    "etc/*.lic",
    "etc/licen[sc]es/*.lic",
    "usr/local/*/licen[sc]e*/*.lic",
];

/// Services of dongles and licence managers.
const SERVICES: [&str; 14] = [
    "aksusbd",
    "hasplmd",
    "haspd",
    "codemeter",
    "codemeter-webadmin",
    "CodeMeter",
    "sntl_sm",
    "sentinel",
    "SentinelKeysServer",
    "lmgrd",
    "flexlm",
    "lmadmin",
    "wibu",
    "matrix_dongle",
];

/// Files and lines that are read.
const MAX_FILES: usize = 100;

/// Reads everything.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services) -> Identity {
    let licence_services = services.in_use.as_ref().map(|names| {
        names.iter().filter(|name| SERVICES.contains(&name.as_str())).cloned().collect::<Vec<String>>()
    });
    let is_image = services.in_use.as_ref().map(|names| {
        let starts = names
            .iter()
            .any(|name| matches!(name.as_str(), "cloud-init" | "cloud-init-local" | "cloud-init-main"));
        let has_state = gather.tree.exists("var/lib");
        let has_run = ["var/lib/cloud/instance", "var/lib/cloud/instances", "var/lib/cloud/data/instance-id"]
            .iter()
            .any(|path| gather.tree.symlink_metadata(path).is_ok());
        starts && has_state && !has_run
    });
    Identity {
        machine_id: machine_id(gather),
        host_keys: host_keys(gather),
        licences: licences(gather),
        licence_services,
        is_image,
    }
}

fn machine_id(gather: &Gather<'_>) -> Known<MachineId> {
    let file = match gather.read_config("etc/machine-id") {
        Found::Present(file) => file,
        Found::Absent => return Known::Known(MachineId::Absent),
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    let text = file.bytes.trim_ascii();
    let is_hex = text.len() == 32 && text.iter().all(u8::is_ascii_hexdigit);
    Known::Known(match text {
        b"" => MachineId::Empty,
        b"uninitialized" => MachineId::Uninitialized,
        _ if is_hex && text.iter().any(|digit| *digit != b'0') => MachineId::Valid,
        _ => MachineId::Malformed,
    })
}

fn host_keys(gather: &Gather<'_>) -> Vec<HostKey> {
    let is_key = |name: &str| name.starts_with("ssh_host_") && name.ends_with("_key.pub");
    let files = gather.read_directory("etc/ssh", is_key);
    let key = |file: crate::source::File| {
        let text = escape_bytes(file.bytes.trim_ascii());
        let mut words = text.split_whitespace();
        let kind = words.next()?.to_owned();
        let comment = words.nth(1);
        let host = comment.and_then(|comment| comment.rsplit_once('@')).map(|(_, host)| host.to_owned());
        Some(HostKey {
            kind,
            made_on: host.filter(|host| !host.is_empty()),
            at: Place::file(file.path.as_ref()),
        })
    };
    files.into_iter().take(MAX_FILES).filter_map(key).collect()
}

fn licences(gather: &Gather<'_>) -> Vec<Licence> {
    let mut paths: Vec<String> = PATTERNS.iter().flat_map(|pattern| glob::expand(gather, pattern)).collect();
    paths.sort();
    paths.dedup();
    let mut found = Vec::new();
    for path in paths.into_iter().take(MAX_FILES).filter(|path| gather.tree.exists(path)) {
        let Some(file) = gather.read_config(&path).present() else { continue };
        for line in lines(&file.bytes) {
            let text = line.text.trim();
            let mut words = text.split_whitespace();
            let id = match words.next() {
                Some("SERVER") => words.nth(1),
                _ => text.split_once("HOSTID=").and_then(|(_, rest)| rest.split_whitespace().next()),
            };
            let Some(id) = id.filter(|_| !text.starts_with('#') && found.len() < MAX_FILES) else { continue };
            if let Some(licence) = licence(id.trim_matches('"'), line.span_of(text).at(&file.path)) {
                found.push(licence);
            }
        }
    }
    found
}

/// What a host id of FlexNet is (License Administration Guide, "Hostids"). `ANY` and a host's name bind to nothing.
fn licence(id: &str, at: Place) -> Option<Licence> {
    let digits: String = id.chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
    let is_address = digits.len() == 12 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    let (bound_to, value) = match id {
        _ if is_address => ("address", Some(digits.to_ascii_lowercase())),
        "ANY" | "any" | "PERMISSIVE" => return None,
        id if id.starts_with("FLEXID=") => ("dongle", None),
        id if id.starts_with("DISK_SERIAL_NUM=") || id.starts_with("VSN=") => ("disk", None),
        id if id.starts_with("INTERNET=")
            || id.starts_with("HOSTNAME=")
            || id.starts_with("USER=")
            || id.starts_with("DISPLAY=") =>
        {
            return None;
        }
        id if id.len() == 8 && id.chars().all(|digit| digit.is_ascii_hexdigit()) => ("other", None),
        _ => return None,
    };
    Some(Licence { bound_to: bound_to.to_owned(), value, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_ids_and_what_they_are_bound_to() {
        for (id, wanted) in [
            ("00005e005301", Some(("address", Some("00005e005301")))),
            ("00:00:5E:00:53:01", Some(("address", Some("00005e005301")))),
            ("FLEXID=9-12345678", Some(("dongle", None))),
            ("DISK_SERIAL_NUM=12345678", Some(("disk", None))),
            ("ANY", None),
            ("HOSTNAME=x", None),
        ] {
            let found = licence(id, Place::file("x"));
            let found = found.as_ref().map(|found| (found.bound_to.as_str(), found.value.as_deref()));
            assert_eq!(found, wanted, "{id}");
        }
    }
}
