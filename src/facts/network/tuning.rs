//! Settings for the hardware of the cards beside their own configuration: commands that run ethtool, and irqbalance's
//! list of processors (irqbalance(1)).

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Gather;
use crate::facts::setting::Setting;
use crate::parse::{shell_vars, text};
use crate::place::Span;

/// Settings for the hardware of the cards.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tuning {
    /// Commands that run ethtool in rc.local, `ifup-local`, and NetworkManager's dispatcher scripts.
    pub commands: Vec<Setting>,
    /// Processors that irqbalance keeps interrupts off, and arguments of it.
    pub irqbalance: Vec<Setting>,
}

/// Scripts of the dispatcher that are read.
const MAX_SCRIPTS: usize = 256;

/// Reads the scripts and irqbalance's settings.
pub(super) fn read(gather: &Gather<'_>) -> Tuning {
    let mut found = Tuning::default();
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
                found.commands.push(Setting {
                    value: String::from_utf8_lossy(trimmed).trim_end().to_owned(),
                    at: Span::new(line.number, 1, line.bytes.len() + 1).at(&file.path),
                });
            }
        }
    }
    for path in ["etc/sysconfig/irqbalance", "etc/default/irqbalance"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        let vars = shell_vars::parse(&file.bytes);
        for key in ["IRQBALANCE_BANNED_CPUS", "IRQBALANCE_BANNED_CPULIST", "IRQ_AFFINITY_MASK"] {
            let set = vars.last(key).filter(|set| !set.value.is_empty());
            found.irqbalance.extend(
                set.map(|set| Setting { value: format!("{key}={}", set.value), at: set.span.at(&file.path) }),
            );
        }
    }
    found
}
