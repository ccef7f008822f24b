//! modprobe's configuration: every directory it reads, merged.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, Problem, ProblemKind};
use crate::parse::modprobe::{self, DirectiveKind};
use crate::place::Place;
use crate::source::{File, NodeKind};

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

/// Where kmod looks, in the order in which a name in one hides the same name in those after it
/// (libkmod.c, `default_config_paths`).
const FOLDERS: [&str; 5] =
    ["etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"];

/// The files of module-init-tools, up to RHEL 5 and SLES 10. Where one is, names in `modprobe.d` need no `.conf`.
const OLD_FILES: [&str; 3] = ["etc/modprobe.conf.dist", "etc/modprobe.conf", "etc/modprobe.conf.local"];

/// Files that include each other, one in the other.
const MAX_INCLUDES: usize = 8;

/// Reads modprobe's configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Modprobe {
    let mut modprobe = Modprobe::default();
    let old: Vec<File> = OLD_FILES.iter().filter_map(|path| gather.read(path).present()).collect();
    let is_old = !old.is_empty();
    for file in &old {
        modprobe.take(gather, file, 0);
    }
    let mut seen = BTreeMap::new();
    for folder in FOLDERS {
        for name in gather.found(gather.tree.list(folder)).present().unwrap_or_default() {
            let Some(name) = name.to_str().filter(|name| is_read(name, is_old)) else { continue };
            seen.entry(name.to_owned()).or_insert_with(|| format!("{folder}/{name}"));
        }
    }
    for path in seen.values().filter(|path| !is_directory(gather, path)) {
        if let Some(file) = gather.read(path).present() {
            modprobe.take(gather, &file, 0);
        }
    }
    modprobe
}

fn is_directory(gather: &Gather<'_>, path: &str) -> bool {
    gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::Directory)
}

/// kmod reads `*.conf` alone; module-init-tools all but what package managers and editors leave behind.
fn is_read(name: &str, is_old: bool) -> bool {
    let is_leftover = [
        ".rpmsave",
        ".rpmnew",
        ".rpmorig",
        ".dpkg-old",
        ".dpkg-dist",
        ".dpkg-new",
        ".dpkg-bak",
        "~",
        ".bak",
        ".swp",
    ];
    let is_kept = !name.starts_with('.') && !is_leftover.iter().any(|end| name.ends_with(end));
    is_kept && (is_old || name.ends_with(".conf"))
}

impl Modprobe {
    fn take(&mut self, gather: &Gather<'_>, file: &File, depth: usize) {
        self.files.push(file.path.to_string());
        let parsed = modprobe::parse(&file.bytes);
        for mistake in parsed.mistakes {
            let at = mistake.span.at(&file.path);
            gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
        }
        for directive in parsed.directives {
            let at = directive.span.at(&file.path);
            match directive.kind {
                DirectiveKind::Include(path) if depth < MAX_INCLUDES => {
                    if let Some(file) = gather.read(&path).present() {
                        self.take(gather, &file, depth + 1);
                    }
                }
                kind => self.add(kind, at),
            }
        }
    }

    fn add(&mut self, kind: DirectiveKind, at: Place) {
        let line = |module, value: String, at| ModuleLine {
            is_disabling: modprobe::does_nothing(&value),
            module,
            value,
            at,
        };
        match kind {
            DirectiveKind::Alias { alias, module } => self.aliases.push(ModuleAlias { alias, module, at }),
            DirectiveKind::Blacklist(module) => {
                self.blacklists.push(ModuleLine { module, value: String::new(), is_disabling: false, at })
            }
            DirectiveKind::Install(module, value) => self.installs.push(line(module, value, at)),
            DirectiveKind::Remove(module, value) => self.removes.push(line(module, value, at)),
            DirectiveKind::Options(module, value) => {
                self.options.push(ModuleLine { module, value, is_disabling: false, at })
            }
            DirectiveKind::Softdep { module, pre, post } => {
                self.softdeps.push(Softdep { module, pre, post, at })
            }
            // They only tell initrd builders what may be asked for; modprobe itself loads nothing for them.
            DirectiveKind::Weakdep { .. } | DirectiveKind::Include(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> Modprobe {
        let tree = memory.into_tree();
        let limits = Limits::default();
        super::gather(&Gather::new(&tree, &limits))
    }

    #[test]
    fn files_are_read_by_name_and_hide_each_other() {
        let modprobe = read(
            Memory::new()
                .file("etc/modprobe.d/b.conf", "blacklist one\n")
                .file("usr/lib/modprobe.d/b.conf", "blacklist hidden\n")
                .file("usr/lib/modprobe.d/a.conf", "install vfat /bin/true # hardened\n")
                .file("usr/lib/modprobe.d/c.conf.dpkg-old", "blacklist ignored\n")
                .link("lib", "usr/lib"),
        );
        assert_eq!(modprobe.files, ["usr/lib/modprobe.d/a.conf", "etc/modprobe.d/b.conf"]);
        let lines: Vec<_> =
            modprobe.blacklists.iter().map(|line| (line.module.as_str(), line.at.to_string())).collect();
        assert_eq!(lines, [("one", "etc/modprobe.d/b.conf:1".to_owned())]);
        assert!(modprobe.installs.first().unwrap().is_disabling);
    }

    #[test]
    fn rhel_5_has_modprobe_conf_and_names_without_an_ending() {
        let modprobe = read(
            Memory::new()
                .file(
                    "etc/modprobe.conf",
                    "alias scsi_hostadapter cciss\nalias eth0 bnx2\ninclude /etc/more\n",
                )
                .file("etc/more", "blacklist two\ninclude /etc/more\n")
                .file("etc/modprobe.d/blacklist", "blacklist three\n"),
        );
        let aliases: Vec<_> =
            modprobe.aliases.iter().map(|a| (a.alias.as_str(), a.module.as_str())).collect();
        assert_eq!(aliases, [("scsi_hostadapter", "cciss"), ("eth0", "bnx2")]);
        let blacklisted: Vec<_> = modprobe.blacklists.iter().map(|line| line.module.as_str()).collect();
        assert_eq!((blacklisted.first(), blacklisted.last()), (Some(&"two"), Some(&"three")));
    }
}
