//! What an OpenVZ kernel counts for its containers: `/proc/user_beancounters`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::beancounters;
use crate::place::Place;

/// Where the table is: the kernel's own, and what a report keeps of it.
const FILES: [&str; 2] = ["proc/user_beancounters", "sos_commands/openvz/cat_.proc.user_beancounters"];

/// A container's counter of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Beancounter {
    /// The line.
    pub at: Place,
    /// The container's number; 0 is the node itself.
    pub container: u64,
    /// `tcpsndbuf`, `kmemsize`, `numproc`.
    pub resource: String,
    /// What it uses now.
    pub held: u64,
    /// The most it used.
    pub max_held: u64,
    /// Where the kernel begins to refuse what can wait.
    pub barrier: u64,
    /// What it never gets beyond.
    pub limit: u64,
    /// How often something was refused (`failcnt`).
    pub failures: u64,
}

/// Reads the table; empty if there is none.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<Beancounter> {
    let Some(file) = FILES.iter().find_map(|path| gather.read(path).present()) else { return Vec::new() };
    let counters = beancounters::parse(&file.bytes).into_iter().map(|one| Beancounter {
        at: one.span.at(&file.path),
        container: one.uid,
        resource: one.resource,
        held: one.held,
        max_held: one.max_held,
        barrier: one.barrier,
        limit: one.limit,
        failures: one.failures,
    });
    counters.collect()
}
