//! Where a crash dump goes: kdump.conf (Red Hat), `/etc/default/kdump-tools` (Debian), `/etc/sysconfig/kdump` (SUSE).
//!
//! kdump.conf(5); kdump-tools(5); kdump(5) of SUSE. User names and passwords of an address are passed over.

use schemars::JsonSchema;
use serde::Serialize;

use super::block_devices::{BlockDevices, Lookup};
use super::{Gather, Known};
use crate::parse::device_spec::DeviceSpec;
use crate::parse::{kdump_conf, shell_vars};
use crate::place::{Place, Span};
use crate::source::File;

/// What kind of place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DumpKind {
    /// A partition without a file system (`raw`).
    Raw,
    /// A file system on a device (`ext4 /dev/...`).
    FileSystem,
    /// An NFS server.
    Nfs,
    /// Another machine, by SSH, FTP or SMB.
    Host,
}

/// A place that crash dumps are written to, other than a folder of the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DumpTarget {
    /// Where it is set.
    pub at: Place,
    /// What kind of place it is.
    pub kind: DumpKind,
    /// As written, without user and password.
    pub value: String,
    /// The device; null for a server.
    pub device: Option<DeviceSpec>,
    /// Whether the machine had the device when the evidence was taken.
    pub device_found: Known<bool>,
    /// `UUID=...` of the device, if the input knows it.
    pub stable_spec: Option<String>,
    /// The server's name or address; null for a device.
    pub server: Option<String>,
}

/// File systems that kdump.conf(5) takes as directives.
const FILE_SYSTEMS: [&str; 8] = ["ext2", "ext3", "ext4", "minix", "btrfs", "xfs", "virtiofs", "f2fs"];

/// Reads the three files, each of which belongs to another distribution.
#[must_use]
pub fn gather(gather: &Gather<'_>, devices: &BlockDevices) -> Vec<DumpTarget> {
    let mut targets = Vec::new();
    if let Some(file) = gather.read_config("etc/kdump.conf").present() {
        red_hat(&file, devices, &mut targets);
    }
    for path in ["etc/default/kdump-tools", "etc/sysconfig/kdump"] {
        if let Some(file) = gather.read_config(path).present() {
            variables(&file, &mut targets);
        }
    }
    targets
}

fn red_hat(file: &File, devices: &BlockDevices, targets: &mut Vec<DumpTarget>) {
    for directive in kdump_conf::parse(&file.bytes) {
        let (value, at) = (directive.value.text, directive.value.span.at(&file.path));
        match directive.name.as_str() {
            "raw" => targets.push(on_device(DumpKind::Raw, value, at, devices)),
            "nfs" | "nfs4" => targets.push(on_server(DumpKind::Nfs, &value, at)),
            "ssh" => targets.push(on_server(DumpKind::Host, &value, at)),
            // Before RHEL 7: `net user@host` or `net host:/export`.
            "net" => {
                let kind = if value.contains('@') { DumpKind::Host } else { DumpKind::Nfs };
                targets.push(on_server(kind, &value, at));
            }
            name if FILE_SYSTEMS.contains(&name) && name != "virtiofs" => {
                targets.push(on_device(DumpKind::FileSystem, value, at, devices));
            }
            _ => {}
        }
    }
}

fn on_device(kind: DumpKind, value: String, at: Place, devices: &BlockDevices) -> DumpTarget {
    let device = DeviceSpec::parse(&value);
    let stable_spec = match devices.find(&device) {
        Lookup::Found(found) => found.stable_spec(),
        _ => None,
    };
    let device_found = devices.has(&device);
    DumpTarget { at, kind, value, device: Some(device), device_found, stable_spec, server: None }
}

fn on_server(kind: DumpKind, value: &str, at: Place) -> DumpTarget {
    let address = value.rsplit_once('@').map_or(value, |(_, address)| address);
    let server = match address.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => address.split([':', '/']).next(),
    };
    DumpTarget {
        at,
        kind,
        value: address.to_owned(),
        device: None,
        device_found: Known::Known(true),
        stable_spec: None,
        server: server.filter(|server| !server.is_empty()).map(str::to_owned),
    }
}

/// Debian's `NFS=`, `SSH=` and `FTP=`; SUSE's `KDUMP_SAVEDIR="nfs://host/folder"`.
fn variables(file: &File, targets: &mut Vec<DumpTarget>) {
    let at = |span: Span| span.at(&file.path);
    for set in shell_vars::parse(&file.bytes).assignments {
        let value = set.value.trim();
        if value.is_empty() {
            continue;
        }
        match set.name.as_str() {
            "NFS" => targets.push(on_server(DumpKind::Nfs, value, at(set.span))),
            "SSH" | "FTP" => targets.push(on_server(DumpKind::Host, value, at(set.span))),
            "KDUMP_SAVEDIR" => {
                for address in value.split_whitespace() {
                    let Some((scheme, rest)) = address.split_once("://") else { continue };
                    let kind = if scheme == "nfs" { DumpKind::Nfs } else { DumpKind::Host };
                    if scheme != "file" {
                        targets.push(on_server(kind, rest, at(set.span)));
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn places_are_read_in_each_distributions_file() {
        for (path, text, want) in [
            ("etc/kdump.conf", "raw /dev/sda5\n", "Raw /dev/sda5 -"),
            ("etc/kdump.conf", "ext4 UUID=aa\npath /x\n", "FileSystem UUID=aa -"),
            ("etc/kdump.conf", "nfs srv.example.com:/dump\n", "Nfs srv.example.com:/dump srv.example.com"),
            ("etc/kdump.conf", "ssh kdump@192.0.2.4\n", "Host 192.0.2.4 192.0.2.4"),
            ("etc/kdump.conf", "path /var/crash\ncore_collector makedumpfile -l\n", ""),
            ("etc/default/kdump-tools", "USE_KDUMP=1\n#NFS=\"x:/y\"\nSSH=\"a@b\"\n", "Host b b"),
            ("etc/sysconfig/kdump", "KDUMP_SAVEDIR=\"ftp://me:hunter2@h/x\"\n", "Host h/x h"),
            ("etc/sysconfig/kdump", "KDUMP_SAVEDIR=\"file:///var/crash\"\n", ""),
        ] {
            let tree = Memory::new().file(path, text).into_tree();
            let targets = gather(&Gather::new(&tree, &Limits::default()), &BlockDevices::default());
            let seen: Vec<_> = targets
                .iter()
                .map(|t| format!("{:?} {} {}", t.kind, t.value, t.server.as_deref().unwrap_or("-")))
                .collect();
            assert_eq!(seen.join(" | "), want, "{text}");
        }
    }
}
