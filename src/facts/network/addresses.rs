//! Counts the addresses that the machine gives itself: the table of neighbours has to hold who talks to them.

use std::net::Ipv4Addr;

use super::{Network, ifupdown};
use crate::facts::Gather;

/// Addresses of one range file that are counted; more than a /8 is a mistake.
const MAX_RANGE: usize = 1 << 24;

/// The addresses of connections, aliases, ranges (`ifcfg-eth0-range0`), and of commands in ifupdown's stanzas.
pub(super) fn count(gather: &Gather<'_>, network: &Network) -> usize {
    let connections = network.connections.iter().map(|one| one.settings.addresses.len());
    let aliases = network.ifcfgs.iter().filter(|one| one.alias && !one.ignored).map(|one| {
        let end = |name: &str| one.value(name).and_then(|text| text.parse::<Ipv4Addr>().ok()).map(u32::from);
        match (end("IPADDR_START"), end("IPADDR_END")) {
            (Some(start), Some(last)) => {
                let size = last.checked_sub(start).map_or(0, |size| size.saturating_add(1));
                usize::try_from(size).unwrap_or(MAX_RANGE).min(MAX_RANGE)
            }
            _ => usize::from(one.ipaddr.is_some()),
        }
    });
    let files = ifupdown::read(gather);
    let stanzas = files.iter().flat_map(|(_, read)| &read.stanzas);
    let commands = stanzas.flat_map(|stanza| &stanza.options).filter(|(key, command, _)| {
        let adds = |word: &str| command.contains(word);
        matches!(key.as_str(), "up" | "post-up" | "pre-up")
            && (adds("ip addr add") || adds("ip address add") || adds("ip a add"))
    });
    connections.chain(aliases).sum::<usize>().saturating_add(commands.count())
}
