//! How names of hosts are looked up: resolv.conf, nsswitch.conf, hosts, systemd-resolved.
//!
//! glibc asks the servers of `etc/resolv.conf` in order, with five seconds' patience for each; systemd-resolved has a
//! list of its own (resolved.conf(5)) and offers itself to others as 127.0.0.53, in files that `etc/resolv.conf` is to be
//! a link to.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::network::Network;
use super::setting::{Named, Setting};
use crate::parse::{ini, resolv_conf};
use crate::place::Place;
use crate::source::{NodeKind, display_path};

/// How names of hosts are looked up.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resolver {
    /// `etc/resolv.conf`; null when there is none.
    pub resolv_conf: Option<ResolvConf>,
    /// The `hosts` line of nsswitch.conf; null when there is none, and the C library takes `dns files` or, newer, `files dns`.
    pub hosts_line: Option<HostsLine>,
    /// systemd-resolved's own configuration.
    pub resolved: Resolved,
    /// The lines of `etc/hosts`.
    pub hosts: Vec<Host>,
    /// What has NetworkManager leave `etc/resolv.conf` alone: `dns=none`, or `rc-manager=unmanaged`.
    pub networkmanager_leaves_alone: Option<Setting>,
    /// `NETCONFIG_DNS_STATIC_SERVERS` of SUSE's `etc/sysconfig/network/config`, each server.
    pub netconfig_servers: Vec<Setting>,
}

/// `etc/resolv.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResolvConf {
    /// The file.
    pub at: Place,
    /// What it is a link to, as the link says; null for a file.
    pub link: Option<String>,
    /// Whether that is the file of systemd-resolved's stub: `stub-resolv.conf`.
    pub is_stub_link: bool,
    /// Whether the link leads outside of `/run`, which is filled at boot, to something that is not there.
    pub is_broken: bool,
    /// The servers, in order. Empty when the file is a link into `/run`, which the input does not hold.
    pub nameservers: Vec<Nameserver>,
    /// The domains to search.
    pub search: Vec<String>,
    /// `options`.
    pub options: Vec<String>,
    /// Who says in a comment that it wrote the file: `NetworkManager`, `resolvconf`, `dhclient-script`, `cloud-init`.
    pub written_by: Option<String>,
}

/// A server of resolv.conf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nameserver {
    /// The address.
    pub address: String,
    /// Its place in the order, from 1.
    pub position: usize,
    /// Where it stands.
    pub at: Place,
    /// Whether it is this machine: 127.0.0.0/8 or ::1.
    pub is_local: bool,
    /// Whether it is of a range that only means something inside of one network: RFC 1918, RFC 6598 or RFC 4193.
    pub is_private: bool,
}

/// The `hosts` line of nsswitch.conf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostsLine {
    /// The line.
    pub at: Place,
    /// The services in order (`files`, `dns`, `resolve`, `mdns4_minimal`), and the actions in brackets.
    pub services: Vec<Named>,
}

/// resolved.conf(5), all files put together.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resolved {
    /// Servers of `DNS=`.
    pub servers: Vec<Setting>,
    /// `DNSStubListener=`, when it is set.
    pub stub_listener: Option<Setting>,
}

/// A line of hosts(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Host {
    /// The line.
    pub at: Place,
    /// The address.
    pub address: String,
    /// The names, the canonical first.
    pub names: Vec<String>,
    /// Whether the machine's own host name is among them.
    pub is_own: bool,
    /// Whether the network's configuration gives the machine that address.
    pub is_configured: bool,
}

const RESOLV_CONF: &str = "etc/resolv.conf";

/// Lines of hosts that become facts; larger files block advertisers.
const MAX_HOSTS: usize = 10_000;

/// Reads how names are looked up; `hostname` is the machine's own.
#[must_use]
pub fn gather(gather: &Gather<'_>, hostname: Option<&str>, network: &Network) -> Resolver {
    Resolver {
        resolv_conf: read_resolv_conf(gather),
        hosts_line: hosts_line(gather),
        resolved: resolved(gather),
        hosts: hosts(gather, hostname, network),
        networkmanager_leaves_alone: networkmanager(gather),
        netconfig_servers: netconfig(gather),
    }
}

fn read_resolv_conf(gather: &Gather<'_>) -> Option<ResolvConf> {
    let node = gather.found(gather.tree.symlink_metadata(RESOLV_CONF)).present()?;
    let link = match &node.kind {
        NodeKind::Link(target) => Some(display_link(target)),
        _ => None,
    };
    let read = gather.read_config(RESOLV_CONF).present();
    let goes_to_run = link.as_deref().is_some_and(leads_to_run);
    let text = read.as_ref().map(|file| resolv_conf::parse(&file.bytes)).unwrap_or_default();
    let path = "etc/resolv.conf".into();
    let nameservers = text.nameservers.iter().enumerate().map(|(index, server)| Nameserver {
        position: index + 1,
        at: server.span.at(&path),
        is_local: server.text.starts_with("127.") || server.text == "::1",
        is_private: is_private(&server.text),
        address: server.text.clone(),
    });
    Some(ResolvConf {
        at: Place::file(RESOLV_CONF),
        is_stub_link: link.as_deref().is_some_and(|link| link.ends_with("stub-resolv.conf")),
        is_broken: link.is_some() && read.is_none() && !goes_to_run,
        link,
        nameservers: nameservers.collect(),
        search: text.search.into_iter().map(|word| word.text).collect(),
        options: text.options.into_iter().map(|word| word.text).collect(),
        written_by: text.comments.iter().find_map(|comment| writer(comment)),
    })
}

/// Where programs write at boot: `/run`, and Debian's `/etc/resolvconf/run`, which is a link to it.
fn leads_to_run(link: &str) -> bool {
    let inside = link.trim_start_matches("../").trim_start_matches('/');
    inside.starts_with("run/") || link.contains("var/run/") || link.contains("resolvconf/run/")
}

fn display_link(target: &Path) -> String {
    let shown = display_path(target);
    if target.is_absolute() { format!("/{shown}") } else { shown }
}

/// The program that a comment names as the file's author.
fn writer(comment: &str) -> Option<String> {
    let programs = [
        "NetworkManager",
        "resolvconf",
        "dhclient-script",
        "systemd-resolved",
        "cloud-init",
        "netconfig",
        "connman",
    ];
    let says = comment.to_ascii_lowercase();
    let claims = ["generated by", "created by", "managed by", "dynamic resolv.conf", "autogenerated"];
    let program = programs.iter().find(|program| comment.contains(**program))?;
    claims.iter().any(|claim| says.contains(claim)).then(|| (*program).to_owned())
}

/// RFC 1918, RFC 6598 (shared by carriers), RFC 4193.
pub(super) fn is_private(address: &str) -> bool {
    if let Ok(address) = address.parse::<std::net::Ipv4Addr>() {
        let [first, second, ..] = address.octets();
        return address.is_private() || first == 100 && second & 0xc0 == 0x40;
    }
    address.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_unique_local())
}

fn hosts_line(gather: &Gather<'_>) -> Option<HostsLine> {
    let paths = ["etc/nsswitch.conf", "usr/etc/nsswitch.conf"];
    let file = paths.iter().find_map(|path| gather.read_config(path).present())?;
    let databases = resolv_conf::parse_nsswitch(&file.bytes);
    let hosts = databases.into_iter().rfind(|database| database.name == "hosts")?;
    let services = hosts.services.into_iter();
    Some(HostsLine {
        at: hosts.span.at(&file.path),
        services: services.map(|word| Named { name: word.text, at: word.span.at(&file.path) }).collect(),
    })
}

fn resolved(gather: &Gather<'_>) -> Resolved {
    let conf = |name: &str| name.ends_with(".conf");
    let mut files = Vec::new();
    for folder in ["usr/lib/systemd/resolved.conf.d", "lib/systemd/resolved.conf.d"] {
        files.extend(gather.read_directory(folder, conf));
    }
    files.extend(gather.read_config("etc/systemd/resolved.conf").present());
    files.extend(gather.read_directory("etc/systemd/resolved.conf.d", conf));
    let mut found = Resolved::default();
    for file in &files {
        for entry in ini::parse(&file.bytes).into_iter().filter(|entry| entry.section == "Resolve") {
            let set = |value: &str| Setting { value: value.to_owned(), at: entry.span.at(&file.path) };
            match entry.key.as_str() {
                // An empty one takes back what stands before it.
                "DNS" if entry.value.is_empty() => found.servers.clear(),
                "DNS" => found.servers.extend(entry.value.split_whitespace().map(set)),
                "DNSStubListener" => found.stub_listener = Some(set(&entry.value)),
                _ => {}
            }
        }
    }
    found
}

fn hosts(gather: &Gather<'_>, hostname: Option<&str>, network: &Network) -> Vec<Host> {
    let Some(file) = gather.read_config("etc/hosts").present() else { return Vec::new() };
    let short = hostname.and_then(|name| name.split('.').next()).filter(|name| !name.is_empty());
    let is_own = |name: &String| {
        hostname == Some(name.as_str()) || short.is_some_and(|short| name.split('.').next() == Some(short))
    };
    let addresses = network.connections.iter().flat_map(|one| &one.settings.addresses);
    let addresses: BTreeSet<&str> =
        addresses.map(|set| set.value.split('/').next().unwrap_or_default()).collect();
    let hosts = resolv_conf::parse_hosts(&file.bytes).into_iter().take(MAX_HOSTS);
    hosts
        .map(|host| Host {
            at: host.span.at(&file.path),
            is_own: host.names.iter().any(is_own),
            is_configured: addresses.contains(host.address.as_str()),
            address: host.address,
            names: host.names,
        })
        .collect()
}

fn networkmanager(gather: &Gather<'_>) -> Option<Setting> {
    let conf = |name: &str| name.ends_with(".conf");
    let mut files = gather.read_directory("usr/lib/NetworkManager/conf.d", conf);
    files.extend(gather.read_config("etc/NetworkManager/NetworkManager.conf").present());
    files.extend(gather.read_directory("etc/NetworkManager/conf.d", conf));
    let mut found = None;
    for file in &files {
        for entry in ini::parse(&file.bytes).into_iter().filter(|entry| entry.section == "main") {
            let set =
                Setting { value: format!("{}={}", entry.key, entry.value), at: entry.span.at(&file.path) };
            match (entry.key.as_str(), entry.value.as_str()) {
                ("dns", "none") | ("rc-manager", "unmanaged") => found = Some(set),
                ("dns", _) => found = None,
                _ => {}
            }
        }
    }
    found
}

fn netconfig(gather: &Gather<'_>) -> Vec<Setting> {
    let Some(file) = gather.read_config("etc/sysconfig/network/config").present() else { return Vec::new() };
    let vars = crate::parse::shell_vars::parse(&file.bytes);
    let Some(servers) = vars.last("NETCONFIG_DNS_STATIC_SERVERS") else { return Vec::new() };
    let at = servers.span.at(&file.path);
    servers
        .value
        .split_whitespace()
        .map(|server| Setting { value: server.to_owned(), at: at.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn gathered(memory: Memory) -> Resolver {
        let tree = memory.into_tree();
        let limits = Limits::default();
        gather(&Gather::new(&tree, &limits), Some("web1.example.com"), &Network::default())
    }

    #[test]
    fn resolv_conf_knows_its_link_and_its_author() {
        let stub = gathered(Memory::new().link(RESOLV_CONF, "../run/systemd/resolve/stub-resolv.conf"));
        let stub = stub.resolv_conf.unwrap();
        assert!(stub.is_stub_link && !stub.is_broken && stub.nameservers.is_empty());
        assert_eq!(stub.link.as_deref(), Some("../run/systemd/resolve/stub-resolv.conf"));
        let old = gathered(Memory::new().link(RESOLV_CONF, "/etc/resolvconf/run/resolv.conf"));
        assert!(!old.resolv_conf.unwrap().is_broken);
        let broken = gathered(Memory::new().link(RESOLV_CONF, "/opt/resolv.conf")).resolv_conf.unwrap();
        assert!(broken.is_broken);
        let text = "# Generated by NetworkManager\nnameserver 10.0.0.53\nnameserver 127.0.0.1\n";
        let file = gathered(Memory::new().file(RESOLV_CONF, text)).resolv_conf.unwrap();
        assert_eq!(file.written_by.as_deref(), Some("NetworkManager"));
        let [first, second] = file.nameservers.as_slice() else { panic!("{:?}", file.nameservers) };
        assert!(first.is_private && !first.is_local && second.is_local && second.position == 2);
    }

    #[test]
    fn own_lines_of_hosts_and_servers_of_resolved_are_found() {
        let read = gathered(
            Memory::new()
                .file("etc/hosts", "127.0.0.1 localhost\n192.0.2.10 web1.example.com web1\n")
                .file("etc/systemd/resolved.conf", "[Resolve]\nDNS=192.0.2.1\n")
                .file(
                    "etc/systemd/resolved.conf.d/a.conf",
                    "[Resolve]\nDNS=\nDNS=192.0.2.2 192.0.2.3\nDNSStubListener=no\n",
                )
                .file("etc/nsswitch.conf", "hosts: files dns\n"),
        );
        assert_eq!(read.hosts.iter().map(|host| host.is_own).collect::<Vec<_>>(), [false, true]);
        let servers: Vec<_> = read.resolved.servers.iter().map(|server| server.value.as_str()).collect();
        assert_eq!(servers, ["192.0.2.2", "192.0.2.3"]);
        assert_eq!(read.resolved.stub_listener.unwrap().value, "no");
        assert_eq!(read.hosts_line.unwrap().services.len(), 2);
    }
}
