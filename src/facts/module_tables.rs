//! The module tables of each installed kernel, which the simulation asks for drivers. Not part of the JSON: the
//! answers are in the boots.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Gather, Known};
use crate::drivers;
use crate::initrd::ModuleName;
use crate::initrd::module::{ModInfo, ModuleFile, read_modinfo};
use crate::parse::kernel_config::KernelConfig;
use crate::parse::modules;
use crate::source::NodeKind;

/// Bytes of a table that are read at most; `modules.alias` of a full distribution kernel has 1.3 MB.
const TABLE_LIMIT: u64 = 64 * 1024 * 1024;

/// Folders below `kernel/` that are gone into; real trees are nine deep.
const MAX_DEPTH: usize = 24;

/// Modules of one kernel whose `.modinfo` is read at most; a full distribution kernel has some 4,000.
const MAX_MODULES: usize = 50_000;

/// Modules that the smallest kernel of a distribution has; its trees for clouds have some thousand.
const WHOLE_TREE: usize = 150;

/// Bytes that one compressed module may unpack to; the largest real ones have some 60 MiB.
const MODULE_LIMIT: u64 = 96 * 1024 * 1024;

/// What `/lib/modules/RELEASE` and the configuration say of one kernel's drivers.
#[derive(Debug, Clone, Default)]
pub struct ModuleTables {
    /// Whether there is a module tree at all.
    pub has_tree: bool,
    /// The text of `modules.alias`; none if there is none, and then [`Self::modules`] is filled.
    pub alias: Option<Vec<u8>>,
    /// The text of `modules.dep`, which names every module; none if there is none.
    pub dep: Option<Vec<u8>>,
    /// What the modules of the tree say, where the tables do not.
    pub modules: Vec<(ModuleName, ModInfo)>,
    /// The modules built into the kernel, as far as `modules.builtin` and the configuration tell.
    pub builtin: Known<BTreeSet<ModuleName>>,
    /// The patterns that built-in modules answer to, as far as `modules.builtin.modinfo` and `rules/drivers.yaml`
    /// tell.
    pub builtin_aliases: Vec<(String, ModuleName)>,
}

impl ModuleTables {
    /// The modules of the tree that answer to each of `names`: index into `names`, and the module.
    #[must_use]
    pub fn matching(&self, names: &[&str]) -> Vec<(usize, ModuleName)> {
        let mut found: Vec<(usize, ModuleName)> = match &self.alias {
            Some(alias) => {
                let matches = modules::matching_aliases(alias, names).into_iter();
                matches.map(|(index, module)| (index, ModuleName::new(module))).collect()
            }
            None => Vec::new(),
        };
        let names = modules::Names::new(names);
        for (name, info) in &self.modules {
            let answered: BTreeSet<usize> = info
                .aliases()
                .flat_map(|alias| names.matching(alias.as_bytes()).collect::<Vec<_>>())
                .collect();
            found.extend(answered.into_iter().map(|index| (index, name.clone())));
        }
        found
    }

    /// Whether the tree has a module of that name, built in or not. Unknown if it does not look like a whole tree.
    #[must_use]
    pub fn has(&self, name: &ModuleName) -> Known<bool> {
        let dep = self.dep.as_deref().unwrap_or_default();
        let same = |(own, wanted): (&u8, &u8)| own == wanted || (*own == b'-' && *wanted == b'_');
        // What another module needs is a module, too: the whole text is looked through, without taking it apart.
        let ends_here = |end: usize| {
            let path = dep.get(..end).unwrap_or_default();
            let wanted = name.as_str().as_bytes();
            let Some(start) = path.len().checked_sub(wanted.len()) else { return false };
            path.iter().skip(start).zip(wanted).all(same)
                && start.checked_sub(1).and_then(|before| path.get(before)).is_none_or(|byte| *byte == b'/')
        };
        if self.is_builtin(name) == Some(true)
            || self.modules.iter().any(|(own, _)| own == name)
            || memchr::memmem::find_iter(dep, b".ko").any(ends_here)
        {
            return Known::Known(true);
        }
        let count = memchr::memchr_iter(b'\n', dep).count();
        if self.builtin.get().is_none() || count.max(self.modules.len()) < WHOLE_TREE {
            return Known::unknown("a whole `lib/modules`");
        }
        Known::Known(false)
    }

    /// The drivers and ciphers that are known beforehand and built in.
    #[must_use]
    pub fn known_builtin(&self) -> Known<Vec<String>> {
        let builtin = self.builtin.as_ref();
        let mut names: Vec<String> = drivers::known().iter().map(|own| own.module().to_string()).collect();
        names.sort();
        names.dedup();
        builtin.map(|builtin| names.into_iter().filter(|name| builtin.contains(name.as_str())).collect())
    }

    /// Whether the module is built into the kernel, if that is known.
    #[must_use]
    pub fn is_builtin(&self, name: &ModuleName) -> Option<bool> {
        self.builtin.get().map(|builtin| builtin.contains(name))
    }

    /// The built-in modules that answer to `name`.
    pub fn builtin_matching<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ModuleName> + 'a {
        let matches = move |pattern: &str| modules::alias_matches(pattern.as_bytes(), name.as_bytes());
        self.builtin_aliases.iter().filter(move |(pattern, _)| matches(pattern)).map(|(_, module)| module)
    }
}

/// Reads the tables of the kernels called `releases`; `config` gives the path of a release's configuration.
#[must_use]
pub fn gather<'r>(
    gather: &Gather<'_>,
    releases: impl Iterator<Item = (&'r str, Option<&'r str>)>,
) -> BTreeMap<String, ModuleTables> {
    releases.map(|(release, config)| (release.to_owned(), tables(gather, release, config))).collect()
}

fn tables(gather: &Gather<'_>, release: &str, config: Option<&str>) -> ModuleTables {
    let folder = Path::new("lib/modules").join(release);
    let table = |name: &str| {
        let file = gather.found(gather.tree.read_limited(folder.join(name), TABLE_LIMIT));
        file.present().map(|file| file.bytes)
    };
    let (alias, dep) = (table("modules.alias"), table("modules.dep"));
    let has_tree = gather.tree.exists(&folder);
    let modules = if alias.is_none() && has_tree { read_tree(gather, &folder) } else { Vec::new() };
    let listed = table("modules.builtin");
    let config = config.and_then(|path| gather.read(path).present());
    let (builtin, implied) =
        builtins(release, listed.as_deref(), config.as_ref().map(|file| file.bytes.as_slice()));
    let mut builtin_aliases: Vec<(String, ModuleName)> = implied;
    if let Some(modinfo) = table("modules.builtin.modinfo") {
        let pairs = modules::builtin_aliases(&modinfo);
        builtin_aliases.extend(pairs.map(|(name, pattern)| (pattern.to_owned(), ModuleName::new(name))));
    }
    ModuleTables { has_tree, alias, dep, modules, builtin, builtin_aliases }
}

type Patterns = Vec<(String, ModuleName)>;

/// The built-in modules, and what those known beforehand answer to.
fn builtins(
    release: &str,
    listed: Option<&[u8]>,
    config: Option<&[u8]>,
) -> (Known<BTreeSet<ModuleName>>, Patterns) {
    if listed.is_none() && config.is_none() {
        let needs = format!("`lib/modules/{release}/modules.builtin` or `boot/config-{release}`");
        return (Known::unknown(needs), Vec::new());
    }
    let paths = listed.into_iter().flat_map(modules::builtin_paths);
    let mut builtin: BTreeSet<ModuleName> =
        paths.filter_map(|path| ModuleName::of_path(path.as_bytes())).collect();
    let config = config.map(KernelConfig::parse);
    for driver in drivers::known() {
        let by_config = config.as_ref().is_some_and(|config| config.is_builtin(&driver.config));
        let implied = driver.implied_by.as_deref().is_some_and(|other| builtin.contains(other));
        if by_config || implied {
            builtin.insert(driver.module());
        }
    }
    let mut patterns = Patterns::new();
    for driver in drivers::known().iter().filter(|driver| builtin.contains(&driver.module())) {
        patterns.extend(driver.aliases.iter().map(|pattern| (pattern.clone(), driver.module())));
    }
    (Known::Known(builtin), patterns)
}

/// The `.modinfo` of every module below `folder`, by positioned reads.
fn read_tree(gather: &Gather<'_>, folder: &Path) -> Vec<(ModuleName, ModInfo)> {
    let mut found = Vec::new();
    let mut todo: Vec<(PathBuf, usize)> = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = todo.pop() {
        for name in gather.found(gather.tree.list(&folder)).present().unwrap_or_default() {
            let path = folder.join(&name);
            let Ok(node) = gather.tree.symlink_metadata(&path) else { continue };
            match node.kind {
                // `build` and `source` are links to headers: only real folders are gone into.
                NodeKind::Directory if depth < MAX_DEPTH => todo.push((path, depth + 1)),
                NodeKind::File if found.len() < MAX_MODULES => {
                    use std::os::unix::ffi::OsStrExt;
                    let name = name.as_bytes();
                    let (Some(module), Some(form)) = (ModuleName::of_path(name), ModuleFile::of_path(name))
                    else {
                        continue;
                    };
                    let Ok((content, _)) = gather.tree.open(&path) else { continue };
                    if let Ok(info) = read_modinfo(content, form, MODULE_LIMIT) {
                        found.push((module, info));
                    }
                }
                _ => {}
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}
