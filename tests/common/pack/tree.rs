//! A kernel's modules: from a table of what they are, `lib/modules/RELEASE` and the part of it that an initrd holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::elf::Module;
use super::image::{Archive, xz};
use super::index::{alias_index, dependency_index};

/// A kernel by its modules.
#[derive(Debug, Clone)]
pub struct Kernel {
    release: String,
    modules: BTreeMap<String, Row>,
    builtin: Vec<String>,
    suffix: &'static str,
}

/// A line of the table: `PATH: DEPENDS | ALIASES | SOFTDEP`.
#[derive(Debug, Clone)]
struct Row {
    path: String,
    depends: Vec<String>,
    aliases: Vec<String>,
    softdep: Option<String>,
}

impl Kernel {
    /// The modules of `table` (see `testdata/systems/*.modules`), and `builtin` ones by path.
    pub fn new(release: &str, table: &str, builtin: &[&str]) -> Self {
        let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(Row::read);
        let modules = rows.map(|row| (row.name(), row)).collect();
        let builtin = builtin.iter().map(|&path| path.to_owned()).collect();
        Self { release: release.to_owned(), modules, builtin, suffix: ".ko" }
    }

    /// The same kernel with its module files packed by xz, as RHEL has them.
    pub fn with_xz(self) -> Self {
        Self { suffix: ".ko.xz", ..self }
    }

    /// The kernel's release: `6.1.0-1-amd64`.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The same kernel with only these modules and what they depend on.
    pub fn only(&self, names: &[&str]) -> Self {
        let mut kept = BTreeSet::new();
        for name in names {
            self.closure(name, &mut |row| {
                kept.insert(row.name());
            });
        }
        let modules = self.modules.iter().filter(|(name, _)| kept.contains(*name));
        Self { modules: modules.map(|(name, row)| (name.clone(), row.clone())).collect(), ..self.clone() }
    }

    /// The same kernel without these modules.
    pub fn without(&self, names: &[&str]) -> Self {
        let mut kernel = self.clone();
        kernel.modules.retain(|name, _| !names.contains(&name.as_str()));
        kernel
    }

    /// Everything below `lib/modules/RELEASE`: the modules and depmod's tables, by path in that folder.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = self
            .modules
            .iter()
            .map(|(name, row)| (format!("kernel/{}.ko", row.path), row.module(name, &self.release)))
            .collect();
        let lines = |paths: &[String]| {
            paths.iter().fold(String::new(), |text, path| text + "kernel/" + path + ".ko\n")
        };
        let order: Vec<String> = self.modules.values().map(|row| row.path.clone()).collect();
        files.push(("modules.order".to_owned(), lines(&order).into()));
        files.push(("modules.builtin".to_owned(), lines(&self.builtin).into()));
        let (dependencies, aliases) = (self.dependencies(), self.aliases());
        files.push(("modules.dep.bin".to_owned(), dependency_index(&dependencies)));
        files.push(("modules.alias.bin".to_owned(), alias_index(&aliases)));
        files.push(("modules.dep".to_owned(), dependencies.into()));
        files.push(("modules.alias".to_owned(), aliases.into()));
        files.push(("modules.softdep".to_owned(), self.soft_dependencies().into()));
        files
    }

    /// Adds [`files`](Self::files) to an initrd, `folder` being `lib/modules` or `usr/lib/modules`.
    pub fn add_to(&self, archive: &mut Archive, folder: &str) {
        for (path, bytes) in self.files() {
            archive.file(&format!("{folder}/{}/{path}", self.release), bytes);
        }
    }

    fn path_of(&self, path: &str) -> String {
        format!("kernel/{path}{}", self.suffix)
    }

    fn module_file(&self, name: &str, row: &Row) -> Vec<u8> {
        let module = row.module(name, &self.release);
        if self.suffix.ends_with(".xz") { xz(&module) } else { module }
    }

    /// Visits the module and all that it needs, what needs before what is needed.
    fn closure<'a>(&'a self, name: &str, visit: &mut impl FnMut(&'a Row)) {
        let Some(row) = self.modules.get(&name.replace('-', "_")) else { return };
        visit(row);
        for needed in &row.depends {
            self.closure(needed, visit);
        }
    }

    /// `modules.dep`: each module with its whole closure, what is loaded first standing last.
    fn dependencies(&self) -> String {
        let mut text = String::new();
        for (name, row) in &self.modules {
            let mut needed: Vec<&str> = Vec::new();
            self.closure(name, &mut |other| {
                needed.retain(|path| *path != other.path);
                needed.push(&other.path);
            });
            write!(text, "{}:", self.path_of(&row.path)).unwrap();
            for path in needed.iter().filter(|path| **path != row.path) {
                write!(text, " {}", self.path_of(path)).unwrap();
            }
            text.push('\n');
        }
        text
    }

    fn aliases(&self) -> String {
        let mut text = "# Aliases extracted from modules themselves.\n".to_owned();
        for (name, row) in &self.modules {
            for alias in &row.aliases {
                writeln!(text, "alias {alias} {name}").unwrap();
            }
        }
        text
    }

    fn soft_dependencies(&self) -> String {
        let mut text = "# Soft dependencies extracted from modules themselves.\n".to_owned();
        for (name, row) in &self.modules {
            if let Some(softdep) = &row.softdep {
                writeln!(text, "softdep {name} {softdep}").unwrap();
            }
        }
        text
    }
}

impl Row {
    fn read(line: &str) -> Self {
        let (path, rest) = line.split_once(':').unwrap();
        let mut parts = rest.split(" |");
        let mut words = || {
            parts
                .next()
                .map_or_else(Vec::new, |part| part.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let (depends, aliases, softdep) = (words(), words(), words());
        let softdep = (!softdep.is_empty()).then(|| softdep.join(" "));
        Self { path: path.to_owned(), depends, aliases, softdep }
    }

    fn name(&self) -> String {
        self.path.rsplit('/').next().unwrap_or_default().replace('-', "_")
    }

    fn module(&self, name: &str, release: &str) -> Vec<u8> {
        let aliases: Vec<&str> = self.aliases.iter().map(String::as_str).collect();
        let depends: Vec<&str> = self.depends.iter().map(String::as_str).collect();
        let module = Module::new(name, release).aliases(&aliases).depends(&depends);
        match &self.softdep {
            Some(softdep) => module.info("softdep", softdep).build(),
            None => module.build(),
        }
    }
}
