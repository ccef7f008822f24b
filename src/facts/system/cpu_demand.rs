//! The x86-64 level that the system's programs are built for: what its C library says, else what is published of its distribution.

use super::{Gather, System};
use crate::dropped::{self, CpuDemand};
use crate::parse::elf_property;

/// Bytes of the dynamic linker; glibc's has less than 1 MiB.
const LINKER_LIMIT: u64 = 8 << 20;

/// Where glibc's dynamic linker is.
const LINKERS: [&str; 3] = [
    "usr/lib64/ld-linux-x86-64.so.2",
    "lib64/ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
];

pub(super) fn gather(gather: &Gather<'_>, system: &System) -> Option<CpuDemand> {
    if system.architecture.get().is_some_and(|own| own != "x86_64") {
        return None;
    }
    let published = dropped::cpu_demand(system);
    let linker = LINKERS.iter().find_map(|path| gather.tree.read_limited(path, LINKER_LIMIT).ok());
    let said = linker.and_then(|file| Some((elf_property::x86_level(&file.bytes)?, file.path)));
    let Some((level, path)) = said else { return published };
    if published.as_ref().is_some_and(|demand| demand.level == level) {
        return published;
    }
    (level > 1).then(|| CpuDemand {
        level,
        release: None,
        source: format!("the notes of `{path}` (`readelf -n`)"),
    })
}
