//! The host's own packet filter, as far as two questions go: which interfaces it names, and whether it lets the control
//! connection of a PPTP tunnel (TCP 1723) through while it stops the tunnel itself (GRE, protocol 47).
//!
//! Read are firewalld's zones and direct rules, what iptables-save wrote, nftables.conf, ufw's rules, SuSEfirewall2 and
//! Shorewall's interfaces. A rule with conditions beyond protocol, port, interface and state (addresses, limits, marks)
//! may match or not: where the answer hangs on such a rule it is unknown.

mod firewalld;
mod verdict;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::network::{Network, is_by_slot};
use super::{Gather, Known};
use crate::facts::glob::expand;
use crate::parse::iptables::{self, Ruleset};
use crate::parse::shell_vars;
use crate::place::Place;
use crate::source::File;

/// The packet filter.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Firewall {
    /// Each interface that a rule or zone names; wildcards and the loopback aside.
    pub interfaces: Vec<FirewallInterface>,
    /// Each rule that lets TCP port 1723 through.
    pub pptp: Vec<PptpRule>,
    /// What loads the kernel's helper for PPTP at boot, with which GRE counts as related to its control connection.
    pub pptp_helper: Option<Place>,
}

/// Whose rules they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallTool {
    /// firewalld.
    Firewalld,
    /// Rules of iptables-save that a service restores.
    Iptables,
    /// nftables.conf.
    Nftables,
    /// ufw.
    Ufw,
    /// SUSE's, before firewalld.
    Susefirewall2,
    /// Shorewall.
    Shorewall,
}

impl FirewallTool {
    /// The services that put the rules into force, any of them.
    fn services(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Firewalld => &["firewalld"],
            Self::Iptables => &["iptables", "ip6tables", "netfilter-persistent", "iptables-persistent"],
            Self::Nftables => &["nftables"],
            Self::Ufw => &["ufw"],
            Self::Susefirewall2 => &["SuSEfirewall2", "SuSEfirewall2_setup"],
            Self::Shorewall => &["shorewall", "shorewall6"],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

/// An interface that a rule or zone names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FirewallInterface {
    /// Where.
    pub at: Place,
    /// The interface.
    pub name: String,
    /// Whose rule it is.
    pub tool: FirewallTool,
    /// The services that put it into force, any of them.
    pub services: Vec<String>,
    /// Whether the rule speaks of packets that leave by it.
    pub outgoing: bool,
    /// The zone or chain.
    pub chain: String,
    /// What the rule does with a packet; null for a zone.
    pub target: Option<String>,
    /// Whether the name comes from the card's slot or address, so that another machine gives another.
    pub by_slot: bool,
    /// Whether the name is made by the system's own configuration and moves with it: a bond, a bridge, a tunnel, a name
    /// that udev or a `.link` file gives.
    pub is_made_here: bool,
}

/// A rule that lets TCP port 1723 through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PptpRule {
    /// The rule or the zone's line.
    pub at: Place,
    /// Whose rule it is.
    pub tool: FirewallTool,
    /// The services that put it into force, any of them.
    pub services: Vec<String>,
    /// The chain or zone.
    pub chain: String,
    /// Whether GRE passes there, too.
    pub passes_gre: Known<bool>,
    /// Whether it would with the kernel's helper for PPTP, since related packets pass.
    pub passes_related: bool,
    /// The rule that stops GRE; null where it is the chain's policy.
    pub stopped_by: Option<Place>,
}

/// Interfaces that are listed; a filter for each of a hypervisor's guests has some hundred.
const MAX_INTERFACES: usize = 2000;

/// A source of rules: where they stand, whose they are, and how they are read.
struct Source<'a> {
    pattern: &'a str,
    tool: FirewallTool,
    reader: fn(&[u8]) -> Ruleset,
}

const SOURCES: [Source<'_>; 10] = [
    Source { pattern: "etc/sysconfig/iptables", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/sysconfig/ip6tables", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/iptables/rules.v4", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/iptables/rules.v6", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/iptables/rules", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/iptables.up.rules", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/iptables.rules", tool: FirewallTool::Iptables, reader: iptables::parse },
    Source { pattern: "etc/nftables.conf", tool: FirewallTool::Nftables, reader: iptables::parse_nft },
    Source { pattern: "etc/nftables.d/*.nft", tool: FirewallTool::Nftables, reader: iptables::parse_nft },
    Source {
        pattern: "etc/sysconfig/nftables.conf",
        tool: FirewallTool::Nftables,
        reader: iptables::parse_nft,
    },
];

/// Reads the packet filter.
#[must_use]
pub fn gather(gather: &Gather<'_>, network: &Network) -> Firewall {
    let mut found = Firewall { pptp_helper: helper(gather), ..Firewall::default() };
    for source in &SOURCES {
        for path in expand(gather, source.pattern) {
            let Some(file) = gather.read_config(&path).present() else { continue };
            let rules = (source.reader)(&file.bytes);
            add(&mut found, source.tool, &file, &rules);
            verdict::add(&mut found, source.tool, &file.path, &rules, None);
        }
    }
    ufw(gather, &mut found);
    firewalld::add(gather, &mut found);
    suse(gather, &mut found);
    shorewall(gather, &mut found);
    found.interfaces.retain(|one| one.name != "lo" && !one.name.contains(['+', '*', '$', '%']));
    found.interfaces.truncate(MAX_INTERFACES);
    let made = network.names_made_here();
    for one in &mut found.interfaces {
        one.by_slot = is_by_slot(&one.name);
        one.is_made_here = made.contains(&one.name);
    }
    found
}

fn interface(tool: FirewallTool, name: &str, chain: &str, at: Place) -> FirewallInterface {
    FirewallInterface {
        at,
        name: name.to_owned(),
        tool,
        services: tool.services(),
        outgoing: false,
        chain: chain.to_owned(),
        target: None,
        by_slot: false,
        is_made_here: false,
    }
}

/// Adds the interfaces that rules name.
fn add(found: &mut Firewall, tool: FirewallTool, file: &File, rules: &Ruleset) {
    for chain in &rules.chains {
        for rule in &chain.rules {
            found.interfaces.extend(rule.interfaces.iter().map(|name| FirewallInterface {
                outgoing: name.outgoing,
                target: rule.target.clone(),
                ..interface(tool, &name.name, &chain.name, name.span.at(&file.path))
            }));
        }
    }
}

/// ufw keeps its rules in the language of iptables-restore, in three files whose chains jump to each other, and the
/// policy in `etc/default/ufw`.
fn ufw(gather: &Gather<'_>, found: &mut Firewall) {
    let mut all = Ruleset::default();
    let path: Arc<str> = "etc/ufw/user.rules".into();
    for name in ["before.rules", "user.rules"] {
        let Some(file) = gather.read_config(format!("etc/ufw/{name}")).present() else { continue };
        let rules = iptables::parse(&file.bytes);
        add(found, FirewallTool::Ufw, &file, &rules);
        for chain in rules.chains {
            // Chains that the other file only declares are empty there.
            if let Some(known) = all.chains.iter_mut().find(|known| known.name == chain.name) {
                known.rules.extend(chain.rules);
            } else {
                all.chains.push(chain);
            }
        }
    }
    let policy = gather.read_config("etc/default/ufw").present().and_then(|file| {
        let vars = shell_vars::parse(&file.bytes);
        vars.value("DEFAULT_INPUT_POLICY")
    });
    verdict::add(found, FirewallTool::Ufw, &path, &all, policy.as_deref());
}

/// `FW_DEV_EXT="any eth0"` and its like.
fn suse(gather: &Gather<'_>, found: &mut Firewall) {
    let Some(file) = gather.read_config("etc/sysconfig/SuSEfirewall2").present() else { return };
    let vars = shell_vars::parse(&file.bytes);
    for key in ["FW_DEV_EXT", "FW_DEV_INT", "FW_DEV_DMZ", "FW_MASQ_DEV"] {
        let Some(set) = vars.last(key) else { continue };
        let names = set.value.split_whitespace().filter(|name| !matches!(*name, "any" | "auto" | "zone:ext"));
        let at = set.span.at(&file.path);
        found
            .interfaces
            .extend(names.map(|name| interface(FirewallTool::Susefirewall2, name, key, at.clone())));
    }
}

/// The second column of `etc/shorewall/interfaces`.
fn shorewall(gather: &Gather<'_>, found: &mut Firewall) {
    for path in ["etc/shorewall/interfaces", "etc/shorewall6/interfaces"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        for line in crate::parse::text::lines(&file.bytes) {
            let mut words = crate::parse::text::words(line.bytes);
            let (Some(zone), Some(name)) = (words.next(), words.next()) else { continue };
            if !zone.bytes.starts_with(b"#")
                && !zone.bytes.starts_with(b"?")
                && !zone.bytes.starts_with(b"FORMAT")
            {
                let at = name.span(line.number).at(&file.path);
                found.interfaces.push(interface(FirewallTool::Shorewall, &name.text(), &zone.text(), at));
            }
        }
    }
}

/// What loads nf_conntrack_pptp (before Linux 2.6.20 ip_conntrack_pptp) at boot.
fn helper(gather: &Gather<'_>) -> Option<Place> {
    let mut paths = vec![
        "etc/modules".to_owned(),
        "etc/sysconfig/iptables-config".to_owned(),
        "etc/default/ufw".to_owned(),
        "etc/rc.local".to_owned(),
        "etc/rc.d/rc.local".to_owned(),
    ];
    paths.extend(expand(gather, "etc/modules-load.d/*.conf"));
    paths.extend(expand(gather, "etc/sysconfig/modules/*.modules"));
    let line_of = |path: String| {
        let file = gather.read_config(&path).present()?;
        let says = |line: &[u8]| {
            line.first() != Some(&b'#')
                && [&b"nf_conntrack_pptp"[..], b"ip_conntrack_pptp", b"nf_nat_pptp"]
                    .iter()
                    .any(|module| memchr::memmem::find(line, module).is_some())
        };
        let index = file.bytes.split(|byte| *byte == b'\n').position(says)?;
        Some(crate::place::Span::line(index + 1).at(&file.path))
    };
    paths.into_iter().find_map(line_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Limits, network};
    use crate::source::memory::Memory;

    fn gathered(memory: Memory) -> Firewall {
        let tree = memory.into_tree();
        let limits = Limits::default();
        let gathering = Gather::new(&tree, &limits);
        gather(&gathering, &network::gather(&gathering))
    }

    fn rows(firewall: &Firewall) -> Vec<String> {
        firewall.interfaces.iter().map(|one| format!("{} {} {}", one.at, one.name, one.chain)).collect()
    }

    #[test]
    fn interfaces_of_all_tools_are_listed_with_their_places() {
        let zone = "<?xml version=\"1.0\"?>\n<zone>\n  <interface name=\"ens192\"/>\n</zone>\n";
        let found = gathered(
            Memory::new()
                .file("etc/sysconfig/iptables", "*filter\n-A INPUT -i em1 -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -i tun+ -j ACCEPT\n")
                .file("etc/firewalld/zones/public.xml", zone)
                .file("etc/sysconfig/SuSEfirewall2", "FW_DEV_EXT=\"any eth0\"\n")
                .file("etc/shorewall/interfaces", "#ZONE INTERFACE\nnet eth1 dhcp\n"),
        );
        assert_eq!(
            rows(&found),
            [
                "etc/sysconfig/iptables:2 em1 INPUT",
                "etc/firewalld/zones/public.xml:3 ens192 public",
                "etc/sysconfig/SuSEfirewall2:1 eth0 FW_DEV_EXT",
                "etc/shorewall/interfaces:2 eth1 net",
            ]
        );
        assert!(found.interfaces[0].by_slot && !found.interfaces[2].by_slot);
    }

    #[test]
    fn gre_is_stopped_passes_or_hangs_on_more() {
        let head = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --dport 1723 -j ACCEPT\n";
        for (rules, passes) in [
            ("", Known::Known(false)),
            ("-A INPUT -p 47 -j ACCEPT\n", Known::Known(true)),
            ("-A INPUT -p gre -j ACCEPT\n", Known::Known(true)),
            ("-A INPUT -p udp -j ACCEPT\n-A INPUT -j REJECT\n", Known::Known(false)),
        ] {
            let found = gathered(Memory::new().file("etc/sysconfig/iptables", format!("{head}{rules}")));
            let [one] = found.pptp.as_slice() else { panic!("{found:?}") };
            assert_eq!(
                (one.at.line, &one.passes_gre, one.passes_related),
                (Some(4), &passes, true),
                "{rules}"
            );
        }
        let found = gathered(
            Memory::new()
                .file("etc/sysconfig/iptables", format!("{head}-A INPUT -s 192.0.2.0/24 -j ACCEPT\n")),
        );
        assert!(found.pptp[0].passes_gre.needs().is_some());
        let open = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 1723 -j ACCEPT\n";
        assert_eq!(
            gathered(Memory::new().file("etc/sysconfig/iptables", open)).pptp[0].passes_gre,
            Known::Known(true)
        );
    }

    #[test]
    fn ufw_and_firewalld_are_asked_too() {
        let found = gathered(
            Memory::new()
                .file("etc/default/ufw", "DEFAULT_INPUT_POLICY=\"DROP\"\n")
                .file("etc/ufw/before.rules", "*filter\n:ufw-before-input - [0:0]\n-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A ufw-before-input -j ufw-user-input\nCOMMIT\n")
                .file("etc/ufw/user.rules", "*filter\n:ufw-user-input - [0:0]\n### tuple ### allow tcp 1723 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 1723 -j ACCEPT\nCOMMIT\n")
                .file("etc/firewalld/zones/a.xml", "<zone>\n<port port=\"1723\" protocol=\"tcp\"/>\n</zone>\n")
                .file("etc/firewalld/zones/b.xml", "<zone>\n<port port=\"1723\" protocol=\"tcp\"/>\n<protocol value=\"gre\"/>\n</zone>\n"),
        );
        let rows: Vec<_> =
            found.pptp.iter().map(|one| (one.at.to_string(), one.passes_gre.get().copied())).collect();
        assert_eq!(
            rows,
            [
                ("etc/ufw/user.rules:4".to_owned(), Some(false)),
                ("etc/firewalld/zones/a.xml:2".to_owned(), Some(false)),
                ("etc/firewalld/zones/b.xml:2".to_owned(), Some(true)),
            ]
        );
    }
}
