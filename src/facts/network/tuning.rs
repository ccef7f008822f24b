//! Settings for the hardware of the cards: options for ethtool in the configuration of interfaces and `.link` files,
//! commands that run ethtool, and irqbalance's list of processors (irqbalance(1)).

use schemars::JsonSchema;
use serde::Serialize;

use super::Network;
use crate::facts::Gather;
use crate::facts::setting::Setting;
use crate::parse::{shell_vars, text};
use crate::place::{Place, Span};

/// A setting for the hardware of a card, or for where its interrupts go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tuning {
    /// Where it is set.
    pub at: Place,
    /// The options or the command, as written.
    pub value: String,
    /// What sets it.
    pub by: TuningBy,
}

/// What sets an option of the hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TuningBy {
    /// The configuration of an interface.
    Connection,
    /// A `.link` file.
    Link,
    /// A command in rc.local, `ifup-local`, a hook or a dispatcher script.
    Command,
    /// irqbalance.
    Irqbalance,
}

impl Tuning {
    fn new(by: TuningBy, setting: &Setting) -> Self {
        Self { at: setting.at.clone(), value: setting.value.clone(), by }
    }
}

/// Scripts of the dispatcher that are read.
const MAX_SCRIPTS: usize = 256;

/// What connections and `.link` files set, and what scripts and irqbalance's configuration do.
pub(super) fn read(gather: &Gather<'_>, network: &Network) -> Vec<Tuning> {
    let connections = network.connections.iter().flat_map(|one| &one.settings.ethtool);
    let links = network.naming.links.iter().flat_map(|link| &link.hardware);
    let connections = connections.map(|set| Tuning::new(TuningBy::Connection, set));
    let mut found: Vec<Tuning> =
        connections.chain(links.map(|set| Tuning::new(TuningBy::Link, set))).collect();
    commands(gather, &mut found);
    irqbalance(gather, &mut found);
    found
}

fn commands(gather: &Gather<'_>, found: &mut Vec<Tuning>) {
    let mut paths: Vec<String> = ["etc/rc.d/rc.local", "etc/rc.local", "sbin/ifup-local"]
        .iter()
        .map(|path| (*path).to_owned())
        .collect();
    for folder in ["etc/NetworkManager/dispatcher.d", "etc/network/if-up.d", "etc/network/if-pre-up.d"] {
        let names = gather.found(gather.tree.list(folder)).present().unwrap_or_default();
        let names = names.iter().filter_map(|name| name.to_str()).take(MAX_SCRIPTS);
        // The package ethtool brings hooks of this name, which read the options of the stanza.
        paths.extend(names.filter(|name| *name != "ethtool").map(|name| format!("{folder}/{name}")));
    }
    let mut seen = Vec::new();
    for path in paths {
        if gather.tree.list(&path).is_ok() {
            continue;
        }
        let Some(file) = gather.read_config(&path).present() else { continue };
        // rc.local is a link to rc.d/rc.local.
        if seen.contains(&file.resolved) {
            continue;
        }
        seen.push(file.resolved.clone());
        for line in text::lines(&file.bytes) {
            let trimmed = line.bytes.trim_ascii_start();
            let runs = text::words(trimmed)
                .any(|word| word.bytes == b"ethtool" || word.bytes.ends_with(b"/ethtool"));
            if runs && trimmed.first() != Some(&b'#') {
                found.push(Tuning {
                    at: Span::new(line.number, 1, line.bytes.len() + 1).at(&file.path),
                    value: String::from_utf8_lossy(trimmed).trim_end().to_owned(),
                    by: TuningBy::Command,
                });
            }
        }
    }
}

fn irqbalance(gather: &Gather<'_>, found: &mut Vec<Tuning>) {
    for path in ["etc/sysconfig/irqbalance", "etc/default/irqbalance"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        let vars = shell_vars::parse(&file.bytes);
        for key in ["IRQBALANCE_BANNED_CPUS", "IRQBALANCE_BANNED_CPULIST", "IRQ_AFFINITY_MASK"] {
            let set = vars.last(key).filter(|set| !set.value.is_empty());
            found.extend(set.map(|set| Tuning {
                at: set.span.at(&file.path),
                value: format!("{key}={}", set.value),
                by: TuningBy::Irqbalance,
            }));
        }
    }
}
