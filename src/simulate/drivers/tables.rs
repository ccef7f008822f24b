//! What an image's tables of modules say to whoever loads modules in it.
//!
//! libkmod reads `modules.dep.bin` and `modules.alias.bin` and nothing else (libkmod/libkmod.c, `index_files`): without
//! them no module is found by name or alias, whatever lies in the image. module-init-tools and busybox read the texts.

use std::collections::BTreeMap;

use super::super::initrd_view::InitrdView;
use crate::initrd::ModuleName;
use crate::parse::module_index::ModuleIndex;
use crate::parse::modules;

/// The tables for one kernel.
#[derive(Debug)]
pub(super) struct Tables<'a> {
    /// What each module needs, by `modules.dep`; or why no module is found by its name.
    pub(super) needs: Result<BTreeMap<ModuleName, Vec<ModuleName>>, String>,
    /// The modules by the name that was asked for; or why no alias is found.
    indexed: Result<BTreeMap<&'a str, Vec<ModuleName>>, String>,
    /// The table itself, for names that were not asked for beforehand.
    aliases: Aliases<'a>,
    /// What is loaded before a module: names or aliases.
    before: BTreeMap<ModuleName, Vec<&'a str>>,
}

#[derive(Debug, Clone, Copy)]
enum Aliases<'a> {
    None,
    Text(&'a [u8]),
    Index(ModuleIndex<'a>),
}

impl<'a> Aliases<'a> {
    fn matching(&self, names: &[&str]) -> Vec<(usize, &'a str)> {
        match self {
            Self::None => Vec::new(),
            Self::Text(text) => modules::matching_aliases(text, names),
            Self::Index(index) => index.search_wild(names),
        }
    }
}

impl<'a> Tables<'a> {
    /// The tables of the kernel `release` in the image, with each of `names` looked up.
    pub(super) fn new(view: &InitrdView<'a>, release: &str, names: &[&'a str]) -> Self {
        let folder = format!("lib/modules/{release}");
        let file = |name: &str| view.text(&format!("{folder}/{name}"));
        let binary = is_kmod(view, &folder);
        let lacks = |name: &str| format!("the initrd lacks `{folder}/{name}`");
        let damaged =
            |name: &str, reason: &str| format!("`{folder}/{name}` in the initrd is damaged: {reason}");
        let table = |name: &str| match file(&format!("{name}.bin")) {
            Some(bytes) => match ModuleIndex::parse(bytes) {
                Ok(index) => Ok(Aliases::Index(index)),
                Err(reason) => Err(damaged(&format!("{name}.bin"), reason)),
            },
            None if binary => Err(lacks(&format!("{name}.bin"))),
            None => file(name).map(Aliases::Text).ok_or_else(|| lacks(name)),
        };
        let needs = table("modules.dep").map(|table| match table {
            Aliases::Index(index) => needs_of_index(&index),
            Aliases::Text(text) => needs_of_text(text),
            Aliases::None => BTreeMap::new(),
        });
        let (aliases, trouble) = match table("modules.alias") {
            Ok(aliases) => (aliases, None),
            Err(reason) => (Aliases::None, Some(reason)),
        };
        let mut indexed = BTreeMap::<&str, Vec<ModuleName>>::new();
        for (index, module) in aliases.matching(names) {
            if let Some(name) = names.get(index) {
                indexed.entry(name).or_default().push(ModuleName::new(module));
            }
        }
        let before = file("modules.softdep").map(modules::soft_dependencies).into_iter().flatten();
        let mut soft = BTreeMap::<ModuleName, Vec<&str>>::new();
        for (module, names) in before {
            soft.entry(ModuleName::new(module)).or_default().extend(names);
        }
        Self { needs, indexed: trouble.map_or(Ok(indexed), Err), aliases, before: soft }
    }

    /// The modules that answer to `name` by the table.
    pub(super) fn answering(&self, name: &str) -> Vec<ModuleName> {
        match &self.indexed {
            Ok(indexed) if indexed.contains_key(name) => indexed.get(name).cloned().unwrap_or_default(),
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// The same for a name that was not among those asked for beforehand.
    pub(super) fn looked_up(&self, name: &str) -> Vec<ModuleName> {
        self.aliases.matching(&[name]).into_iter().map(|(_, module)| ModuleName::new(module)).collect()
    }

    /// Why no alias is found; none if the table is fine.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.indexed.as_ref().err().or(self.needs.as_ref().err()).map(String::as_str)
    }

    /// What is loaded before `module`, by `modules.softdep`.
    pub(super) fn before(&self, module: &ModuleName) -> &[&'a str] {
        self.before.get(module).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Whether what loads modules in the image is kmod: its library, its program, or any table that only it reads.
fn is_kmod(view: &InitrdView<'_>, folder: &str) -> bool {
    let tables = ["modules.dep.bin", "modules.alias.bin", "modules.symbols.bin", "modules.builtin.bin"];
    let tables = tables.map(|name| format!("{folder}/{name}"));
    let programs = ["bin/kmod", "usr/bin/kmod", "sbin/kmod", "usr/sbin/kmod"];
    tables.iter().map(String::as_str).chain(programs).any(|path| view.has_any(&[path]))
        || view.has_named("libkmod.so.2")
}

/// By module, the modules that a `modules.dep` says it needs.
fn needs_of_text(table: &[u8]) -> BTreeMap<ModuleName, Vec<ModuleName>> {
    let name = |path: &str| ModuleName::of_path(path.as_bytes());
    let lines = modules::dependencies(table);
    lines.filter_map(|line| Some((name(line.path)?, line.needs().filter_map(name).collect()))).collect()
}

/// The same of a `modules.dep.bin`: the values are the lines of the text.
fn needs_of_index(index: &ModuleIndex<'_>) -> BTreeMap<ModuleName, Vec<ModuleName>> {
    let lines = index.entries().into_iter();
    lines.flat_map(|(_, line)| needs_of_text(line.as_bytes())).collect()
}
