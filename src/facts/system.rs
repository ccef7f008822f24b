//! Which distribution this is, of which version, for which architecture, under which name.
//!
//! os-release(5) first; where a system is older than it, the release files that the vendors shipped before
//! (`redhat-release`, `SuSE-release`, `lsb-release`, `debian_version`).

mod architecture;
mod container;
mod cpu_demand;
mod release;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

pub use container::{Container, ContainerKind};

use super::{Found, Gather, Known, Problem, ProblemKind};
use crate::parse::os_release;
use crate::place::Place;
use crate::source::File;

/// The distribution and machine.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct System {
    /// `ID` of os-release(5), or what the older release files say in the same words: `rhel`, `centos`, `debian`,
    /// `ubuntu`, `sles`, `opensuse`. Null if no file says.
    pub id: Option<String>,
    /// `ID_LIKE` of os-release(5), nearest first.
    pub id_like: Vec<String>,
    /// The name for people: `Debian GNU/Linux 12 (bookworm)`, `CentOS release 6.10 (Final)`.
    pub pretty_name: Option<String>,
    /// `VERSION_ID` of os-release(5) or the version of the older release files: `12`, `7`, `6.10`.
    pub version_id: Option<String>,
    /// The version with its point release, where a file has it: `12.5`, `7.9.2009`; else as `version_id`.
    pub full_version: Option<String>,
    /// The number before the first dot of the version; null for a distribution that only rolls.
    pub major_version: Option<u32>,
    /// Which family's tools and file layout it has. Unknown if no release file is there.
    pub family: Known<Family>,
    /// The machine that its programs are for, as `uname -m` writes it: `x86_64`, `i686`, `aarch64`, `ppc64le`.
    pub architecture: Known<String>,
    /// The host name, as configured.
    pub hostname: Option<String>,
    /// machine-id(5); null if there is none or it says `uninitialized`.
    pub machine_id: Option<String>,
    /// What the file of the machine-id holds. Unknown if it cannot be read.
    pub machine_id_state: Known<MachineIdState>,
    /// What says that this is the root of a container, which has no kernel, initrd or boot loader of its own; null
    /// if nothing says so.
    pub container: Option<Container>,
    /// The x86-64 level that its programs are built for; null if they run on every such processor, or nothing is known.
    pub cpu_demand: Option<crate::dropped::CpuDemand>,
    /// The file that `id` and the version were read from.
    pub at: Option<Place>,
}

/// What `etc/machine-id` holds (machine-id(5)).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MachineIdState {
    /// 32 hexadecimal digits.
    Set,
    /// There is no such file.
    #[default]
    Absent,
    /// Nothing: systemd makes an id at each boot until it can write it.
    Empty,
    /// `uninitialized`: systemd makes an id at the next boot, which counts as the first.
    Uninitialized,
    /// Something else, which systemd takes for none.
    Malformed,
}

/// Whose tools and file layout a distribution has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Red Hat Enterprise Linux, its rebuilds, Fedora, Amazon Linux.
    Rhel,
    /// Debian, Ubuntu and what is made from them.
    Debian,
    /// SUSE Linux Enterprise and openSUSE.
    Suse,
    /// Arch Linux and what is made from it.
    Arch,
    /// Another.
    #[default]
    Other,
}

/// Reads the release files, the host name and what tells the architecture.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> System {
    let release = release::gather(gather);
    let mut system = System {
        hostname: hostname(gather),
        architecture: architecture::gather(gather),
        container: container::gather(gather),
        family: Known::unknown("`etc/os-release` or another release file"),
        ..System::default()
    };
    (system.machine_id, system.machine_id_state) = machine_id(gather);
    let Some(release) = release else { return system };
    system.family = Known::Known(family(&release.id, &release.id_like));
    system.major_version = release.version_id.as_deref().and_then(major);
    system.id = Some(release.id);
    system.id_like = release.id_like;
    system.pretty_name = release.pretty_name;
    system.full_version = release.full_version.or_else(|| release.version_id.clone());
    system.version_id = release.version_id;
    system.at = Some(release.at);
    system.cpu_demand = cpu_demand::gather(gather, &system);
    system
}

fn family(id: &str, id_like: &[String]) -> Family {
    let known = |id: &str| match id {
        "rhel" | "centos" | "fedora" | "ol" | "rocky" | "almalinux" | "scientific" | "amzn"
        | "cloudlinux" | "eurolinux" | "virtuozzo" | "xenserver" | "xcp-ng" | "openeuler" | "anolis"
        | "miraclelinux" => Some(Family::Rhel),
        "debian" | "ubuntu" | "raspbian" | "linuxmint" | "kali" | "devuan" | "proxmox" => {
            Some(Family::Debian)
        }
        "arch" | "archlinux" | "manjaro" | "endeavouros" => Some(Family::Arch),
        id if id.starts_with("sle") || id.starts_with("suse") || id.starts_with("opensuse") => {
            Some(Family::Suse)
        }
        _ => None,
    };
    known(id).or_else(|| id_like.iter().find_map(|like| known(like))).unwrap_or_default()
}

fn major(version: &str) -> Option<u32> {
    let digits = version.split(|character: char| !character.is_ascii_digit()).next()?;
    // An error is a version that does not begin with a number, or one beyond u32: not a major version.
    digits.parse().ok()
}

/// hostname(5) where it is; `HOSTNAME=` of RHEL up to 6; `/etc/HOSTNAME` of SUSE; sosreport's own copy.
fn hostname(gather: &Gather<'_>) -> Option<String> {
    for path in ["etc/hostname", "etc/HOSTNAME"] {
        if let Some(name) = gather.read(path).present().and_then(|file| first_word(&file)) {
            return Some(name);
        }
    }
    if let Some(file) = gather.read("etc/sysconfig/network").present() {
        let (found, _) = os_release::assignments(&file.bytes);
        let set = found.into_iter().rev().find(|one| one.name == "HOSTNAME" && !one.value.is_empty());
        if let Some(one) = set {
            return Some(crate::source::escape_bytes(one.value.as_bytes()));
        }
    }
    gather.read("sos_commands/general/hostname").present().and_then(|file| first_word(&file))
}

fn machine_id(gather: &Gather<'_>) -> (Option<String>, Known<MachineIdState>) {
    let file = match gather.read("etc/machine-id") {
        Found::Present(file) => file,
        Found::Absent => return (None, Known::Known(MachineIdState::Absent)),
        Found::Unreadable { needs } => return (None, Known::Unknown { needs }),
    };
    let word = first_word(&file);
    let is_id = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let state = match &word {
        None => MachineIdState::Empty,
        Some(id) if is_id(id) && id.bytes().any(|byte| byte != b'0') => MachineIdState::Set,
        Some(id) if id == "uninitialized" => MachineIdState::Uninitialized,
        Some(_) => MachineIdState::Malformed,
    };
    (word.filter(is_id), Known::Known(state))
}

/// The first word of the first line that is neither empty nor a comment, fit to be shown.
fn first_word(file: &File) -> Option<String> {
    let lines = file.bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.take(100).find(|line| !line.is_empty() && !line.starts_with(b"#"))?;
    let word = line.split(|byte| byte.is_ascii_whitespace()).next()?;
    Some(crate::source::escape_bytes(word.get(..word.len().min(255))?))
}

/// The path of a file as places hold it.
fn path_of(file: &File) -> Arc<str> {
    Arc::clone(&file.path)
}

#[cfg(test)]
mod tests;
