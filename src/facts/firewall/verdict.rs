//! Walks the chains of a packet filter with two packets: one that opens a connection to TCP port 1723, and one of GRE.

use std::sync::Arc;

use super::{Firewall, FirewallTool, PptpRule};
use crate::facts::Known;
use crate::parse::iptables::{Chain, Rule, Ruleset};
use crate::place::Span;

/// Chains that are followed into each other.
const MAX_DEPTH: usize = 16;
/// Rules that one packet is compared with; chains that jump to each other many times are hostile.
const MAX_STEPS: usize = 20_000;
/// Chains that the kernel calls; a host has three for each family.
const MAX_STARTS: usize = 16;

/// A packet that comes from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packet {
    /// It opens a connection to TCP port 1723.
    Control,
    /// GRE that belongs to no connection that the kernel knows.
    Tunnel,
    /// GRE that the kernel's helper knows to belong to a control connection.
    RelatedTunnel,
}

/// What becomes of it.
#[derive(Clone, Copy)]
enum Fate<'a> {
    Accepted(&'a Rule),
    Stopped(&'a Rule),
    /// The chain ends without a verdict.
    Returned,
}

/// Whether a rule is for a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fits {
    Yes,
    No,
    Maybe,
}

struct Walk<'a> {
    rules: &'a Ruleset,
    packet: Packet,
    steps: usize,
    /// A rule with conditions that nobody knows may have decided.
    unsure: bool,
}

/// Adds what the rules let through. `policy` stands for that of built-in chains where the rules say none (ufw).
pub(super) fn add(
    found: &mut Firewall,
    tool: FirewallTool,
    path: &Arc<str>,
    rules: &Ruleset,
    policy: Option<&str>,
) {
    let is_start = |chain: &&Chain| {
        let is_filter =
            chain.table == "filter" || chain.table.ends_with("filter") || chain.table.starts_with("inet ");
        is_filter && chain.hook.is_some() || chain.name == "ufw-before-input"
    };
    for chain in rules.chains.iter().filter(is_start).take(MAX_STARTS) {
        let policy = chain.policy.as_deref().or(policy).unwrap_or("ACCEPT");
        let walk = |packet| {
            let mut walk = Walk { rules, packet, steps: 0, unsure: false };
            let fate = walk.chain(chain, 0);
            (fate, walk.unsure)
        };
        let (Fate::Accepted(control), _) = walk(Packet::Control) else { continue };
        if !control.ports.iter().any(|port| port == "1723") {
            continue;
        }
        let (tunnel, unsure) = walk(Packet::Tunnel);
        let passes = |fate: Fate<'_>| match fate {
            Fate::Accepted(_) => true,
            Fate::Stopped(_) => false,
            Fate::Returned => policy == "ACCEPT",
        };
        let place = |span: Span| span.at(path);
        let needs = || Known::unknown(format!("the conditions of the rules in `{path}`"));
        found.pptp.push(PptpRule {
            at: place(control.span),
            tool,
            services: tool.services(),
            chain: chain.name.clone(),
            passes_gre: if unsure { needs() } else { Known::Known(passes(tunnel)) },
            passes_related: passes(walk(Packet::RelatedTunnel).0),
            stopped_by: match tunnel {
                Fate::Stopped(rule) => Some(place(rule.span)),
                Fate::Accepted(_) | Fate::Returned => None,
            },
        });
    }
}

impl<'a> Walk<'a> {
    fn chain(&mut self, chain: &'a Chain, depth: usize) -> Fate<'a> {
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > MAX_STEPS || depth > MAX_DEPTH {
                self.unsure = true;
                return Fate::Returned;
            }
            let fits = self.fits(rule);
            let target = rule.target.as_deref().unwrap_or_default();
            match (fits, target) {
                (Fits::No, _) => {}
                (Fits::Yes, "ACCEPT") => return Fate::Accepted(rule),
                (Fits::Yes, "DROP" | "REJECT") => return Fate::Stopped(rule),
                (Fits::Yes, "RETURN") => return Fate::Returned,
                (Fits::Maybe, "ACCEPT" | "DROP" | "REJECT" | "RETURN") => self.unsure = true,
                (fits, name) => {
                    let below =
                        self.rules.chains.iter().find(|one| one.name == name && one.table == chain.table);
                    let Some(below) = below else { continue };
                    match self.chain(below, depth + 1) {
                        Fate::Returned => {}
                        _ if fits == Fits::Maybe => self.unsure = true,
                        fate => return fate,
                    }
                }
            }
        }
        Fate::Returned
    }

    fn fits(&self, rule: &Rule) -> Fits {
        let is_control = self.packet == Packet::Control;
        let names: &[&str] = if is_control { &["tcp", "6"] } else { &["gre", "47"] };
        let named = rule.protocols.iter().any(|protocol| names.contains(&protocol.as_str()));
        if !rule.protocols.is_empty() && named == rule.other_protocol {
            return Fits::No;
        }
        // Only what comes from outside is asked for, by the card that it comes from.
        if rule.interfaces.iter().any(|one| !one.negated && !one.outgoing && one.name == "lo") {
            return Fits::No;
        }
        let has_port = |port: &String| match port.split_once(':') {
            Some((low, high)) => {
                let number = |text: &str, default: u32| text.parse().unwrap_or(default);
                (number(low, 0)..=number(high, 65_535)).contains(&1723)
            }
            None => port == "1723" || port == "pptp",
        };
        let asks_for_port = !rule.ports.is_empty();
        if asks_for_port && (!is_control || !rule.ports.iter().any(has_port)) {
            return Fits::No;
        }
        let state = if self.packet == Packet::RelatedTunnel { "RELATED" } else { "NEW" };
        if !rule.states.is_empty() && !rule.states.iter().any(|one| one == state) {
            return Fits::No;
        }
        if rule.others.is_empty() { Fits::Yes } else { Fits::Maybe }
    }
}
