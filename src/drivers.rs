//! What is known beforehand of drivers that distributions build into their kernels (`rules/drivers.yaml`).
//!
//! The device tables of built-in drivers are recorded nowhere in a system with a kernel before 6.18, so the few that
//! matter for a boot are data here. Everything else is read from the system's own module tables.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::initrd::ModuleName;

/// A driver or file system that may be built into a kernel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// Its name as a module.
    module: String,
    /// The kernel option that decides, without `CONFIG_`.
    pub config: String,
    /// The patterns of modaliases (and `fs-` names) that it answers to.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A built-in module whose presence shows that this one is built in.
    #[serde(default)]
    pub implied_by: Option<String>,
}

impl Driver {
    /// Its name as a module.
    #[must_use]
    pub fn module(&self) -> ModuleName {
        ModuleName::new(&self.module)
    }
}

static DRIVERS: LazyLock<Vec<Driver>> = LazyLock::new(|| {
    // A test reads the file, so what is released is never empty.
    serde_saphyr::from_str(include_str!("../rules/drivers.yaml")).unwrap_or_default()
});

/// All drivers that are known beforehand.
#[must_use]
pub fn known() -> &'static [Driver] {
    &DRIVERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_and_names_options_without_their_prefix() {
        let drivers: Vec<Driver> = serde_saphyr::from_str(include_str!("../rules/drivers.yaml")).unwrap();
        assert_eq!(drivers.len(), known().len());
        assert!(drivers.iter().all(|driver| !driver.config.starts_with("CONFIG_")));
        assert!(drivers.iter().any(|driver| driver.module == "virtio_blk" && driver.config == "VIRTIO_BLK"));
    }
}
