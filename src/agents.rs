//! Programs that belong to one platform or one vendor's hardware, and how they are told (`rules/data/agents.yaml`).

use std::sync::LazyLock;

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What sort of program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgentKind {
    /// Tools of a hypervisor.
    GuestTools,
    /// The agent of a cloud.
    CloudAgent,
    /// Management agents of a server's vendor.
    HardwareAgent,
    /// Daemons of RAID controllers.
    RaidTool,
    /// What watches over the machine and starts it anew.
    Watchdog,
    /// What reads sensors, memory errors and disks' health.
    HardwareMonitor,
    /// Security products that bring kernel modules.
    Security,
    /// Backup and replication agents that bring filter drivers.
    Replication,
}

/// One entry of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: AgentKind,
    #[serde(default)]
    pub(crate) platforms: Vec<String>,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    pub(crate) files: Vec<String>,
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    pub(crate) effect: String,
    #[serde(default)]
    pub(crate) remove: Option<String>,
}

/// An entry with its patterns ready.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) agent: Agent,
    pub(crate) packages: GlobSet,
    pub(crate) services: GlobSet,
    pub(crate) modules: GlobSet,
}

static AGENTS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    // A test reads the file, so what is released is never empty.
    let agents: Vec<Agent> =
        serde_saphyr::from_str(include_str!("../rules/data/agents.yaml")).unwrap_or_default();
    let ready = |agent: Agent| Known {
        packages: set(&agent.packages),
        services: set(&agent.services),
        modules: set(&agent.modules),
        agent,
    };
    agents.into_iter().map(ready).collect()
});

/// The patterns as one; a test keeps the table free of broken ones.
fn set(patterns: &[String]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        if let Ok(glob) = Glob::new(pattern) {
            builder.add(glob);
        }
    }
    builder.build().unwrap_or_default()
}

/// The table.
pub(crate) fn known() -> &'static [Known] {
    &AGENTS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_reads_and_each_pattern_counts() {
        let agents: Vec<Agent> = serde_saphyr::from_str(include_str!("../rules/data/agents.yaml")).unwrap();
        assert_eq!(agents.len(), known().len());
        let ids: BTreeSet<&str> = agents.iter().map(|agent| agent.id.as_str()).collect();
        assert_eq!(ids.len(), agents.len());
        for known in known() {
            assert_eq!(known.packages.len(), known.agent.packages.len(), "{}", known.agent.id);
            assert_eq!(known.services.len(), known.agent.services.len(), "{}", known.agent.id);
            assert!(known.agent.files.iter().all(|path| !path.starts_with('/')), "{}", known.agent.id);
        }
        assert!(known().iter().any(|known| known.packages.is_match("srvadmin-base")));
    }
}
