//! The versions of drivers that platforms ask for in a certain one.
//!
//! depmod writes into `modules.dep` which file it takes where several are called alike (depmod.d(5)). In-tree drivers say
//! no version since Linux 5.7 or so (DRV_MODULE_VERSION was taken out), and are new enough then.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::module_tables::ModuleTables;
use crate::facts::{Gather, Known};
use crate::initrd::module::{ModuleFile, read_modinfo};
use crate::place::Place;

/// Drivers whose version is asked for: Amazon's Elastic Network Adapter, and Intel's virtual function.
pub(crate) const DRIVERS: [&str; 2] = ["ena", "ixgbevf"];

/// Bytes that a compressed module may unpack to; these have less than 1 MiB.
const MODULE_LIMIT: u64 = 16 << 20;

/// The version of a kernel's driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DriverVersion {
    /// The module's file.
    pub at: Place,
    /// The kernel.
    pub release: String,
    /// The driver: `ena`.
    pub module: String,
    /// What it says: `1.1.3`, `2.0.2K`; null where it says none.
    pub version: Known<Option<String>>,
    /// The numbers of the version before its first other sign, for comparing: 1.5.0 is 1005000. Null where it says none.
    pub number: Known<Option<u64>>,
}

/// The drivers of all kernels.
#[must_use]
pub fn driver_versions(gather: &Gather<'_>, tables: &BTreeMap<String, ModuleTables>) -> Vec<DriverVersion> {
    let mut found = Vec::new();
    for (release, tables) in tables {
        let dep = tables.dep.as_deref().unwrap_or_default();
        for module in DRIVERS {
            let Some(path) = path_in(dep, module) else { continue };
            let path = match path.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("lib/modules/{release}/{path}"),
            };
            let version = version(gather, &path);
            found.push(DriverVersion {
                at: Place::file(path),
                release: release.clone(),
                module: module.to_owned(),
                number: version.as_ref().map(|version| version.as_deref().map(number)),
                version,
            });
        }
    }
    found
}

/// The file of that module in `modules.dep`.
fn path_in(dep: &[u8], module: &str) -> Option<String> {
    let wanted = format!("/{module}.ko");
    let at = memchr::memmem::find_iter(dep, wanted.as_bytes()).find(|at| {
        // Only what stands before the colon is the module; behind it are those that it needs.
        let start =
            memchr::memrchr(b'\n', dep.get(..*at).unwrap_or_default()).map_or(0, |newline| newline + 1);
        let line = dep.get(start..*at).unwrap_or_default();
        !line.contains(&b':')
    })?;
    let start = memchr::memrchr(b'\n', dep.get(..at)?).map_or(0, |newline| newline + 1);
    let line = dep.get(start..)?;
    let end = memchr::memchr(b':', line)?;
    Some(String::from_utf8_lossy(line.get(..end)?).into_owned())
}

fn version(gather: &Gather<'_>, path: &str) -> Known<Option<String>> {
    let needs = || Known::unknown(format!("the module `{path}`"));
    let Some(form) = ModuleFile::of_path(path.as_bytes()) else { return needs() };
    let Ok((content, _)) = gather.tree.open(Path::new(path)) else { return needs() };
    match read_modinfo(content, form, MODULE_LIMIT) {
        Ok(info) => Known::Known(info.values("version").next().map(str::to_owned)),
        Err(_) => needs(),
    }
}

fn number(version: &str) -> u64 {
    let mut parts = version.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).take(3).collect();
        digits.parse::<u64>().unwrap_or(0)
    });
    let mut next = || parts.next().unwrap_or(0);
    next() * 1_000_000 + next() * 1000 + next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_one_that_depmod_took() {
        let dep = b"kernel/x/ena_y.ko: kernel/z/ena.ko\nextra/ena/ena.ko.xz: kernel/a.ko\n/lib/b.ko:\n";
        assert_eq!(path_in(dep, "ena").as_deref(), Some("extra/ena/ena.ko.xz"));
        assert_eq!(path_in(dep, "ixgbevf"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        for (version, expected) in
            [("1.5.0", 1_005_000), ("2.0.2K", 2_000_002), ("1.1.3", 1_001_003), ("4", 4_000_000)]
        {
            assert_eq!(number(version), expected, "{version}");
        }
    }
}
