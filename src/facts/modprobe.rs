//! modprobe's configuration: every directory it reads, merged.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::place::Place;

/// The merged configuration. Module names have dashes as underscores.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Modprobe {
    /// The files that count, in the order in which modprobe reads them.
    pub files: Vec<String>,
    /// `blacklist`: the module is not loaded through its aliases.
    pub blacklists: Vec<ModuleLine>,
    /// `install`: a command that runs instead of loading the module.
    pub installs: Vec<ModuleLine>,
    /// `remove`: a command that runs instead of unloading it.
    pub removes: Vec<ModuleLine>,
    /// `options`: parameters given to the module.
    pub options: Vec<ModuleLine>,
    /// `alias`: other names.
    pub aliases: Vec<ModuleAlias>,
    /// `softdep` and `weakdep`: modules to load before and after.
    pub softdeps: Vec<Softdep>,
}

/// A line about one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleLine {
    /// The module (a pattern may stand here too), dashes as underscores.
    pub module: String,
    /// What follows: the command or the parameters; empty for `blacklist`.
    pub value: String,
    /// Whether the command does nothing and so keeps the module from ever loading: `/bin/true`, `/bin/false`, `:`.
    pub is_disabling: bool,
    /// Where.
    pub at: Place,
}

/// An alias line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleAlias {
    /// The name or pattern: `scsi_hostadapter1`, `pci:v00001AF4d*`.
    pub alias: String,
    /// The module, dashes as underscores; `off` disables the alias (module-init-tools).
    pub module: String,
    /// Where.
    pub at: Place,
}

/// A softdep line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Softdep {
    /// The module, dashes as underscores.
    pub module: String,
    /// Modules to load before it.
    pub pre: Vec<String>,
    /// Modules to load after it.
    pub post: Vec<String>,
    /// Where.
    pub at: Place,
}

/// Reads modprobe's configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Modprobe {
    let _ = gather;
    Modprobe::default()
}
