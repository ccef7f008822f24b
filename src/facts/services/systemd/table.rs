//! All unit files by name: which file counts, which names are aliases, and what the `.wants` folders link to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::facts::Gather;
use crate::facts::services::unit_file::UnitFile;
use crate::source::{NodeKind, display_path};

/// The folders of units; the first that has a name counts (systemd.unit(5), table 1). What generators make is left
/// out: it follows from other files.
const FOLDERS: [&str; 7] = [
    "etc/systemd/system.control",
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "usr/etc/systemd/system",
];

/// What ends the name of a unit.
const SUFFIXES: [&str; 10] = [
    ".service",
    ".socket",
    ".timer",
    ".path",
    ".target",
    ".mount",
    ".automount",
    ".swap",
    ".slice",
    ".scope",
];

/// Units, links and drop-ins that are kept of each; a large server has some 500 units and 200 links.
const MAX_ENTRIES: usize = 8000;

/// Aliases that are followed; systemd stops at eight.
const MAX_ALIASES: usize = 8;

/// What stands under a unit's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::facts::services) enum Entry {
    /// The unit.
    File(String),
    /// A link to /dev/null, or an empty file.
    Masked(String),
    /// A link to a unit of another name: its path, that name, its target as written.
    Alias(String, String, String),
}

impl Entry {
    pub(super) fn path(&self) -> &str {
        match self {
            Self::File(path) | Self::Masked(path) | Self::Alias(path, ..) => path,
        }
    }
}

/// A name in a `.wants` or `.requires` folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::facts::services) struct Pull {
    /// The unit that is pulled in.
    pub(super) name: String,
    /// The unit that wants it.
    pub(super) owner: String,
    /// The folder.
    pub(super) folder: String,
    /// Where the link leads, as written; none for a file.
    pub(super) target: Option<String>,
    /// It is a `.requires`.
    pub(super) is_required: bool,
    /// It leads to /dev/null: it takes back a link of the same name in a later folder.
    pub(super) is_masking: bool,
}

impl Pull {
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// All units.
#[derive(Debug, Default)]
pub(in crate::facts::services) struct Table {
    entries: BTreeMap<String, Entry>,
    files: BTreeMap<String, UnitFile>,
    pulls: Vec<Pull>,
    /// Drop-ins of each `NAME.d`, by their names.
    drop_ins: BTreeMap<String, BTreeMap<String, String>>,
    aliases: BTreeMap<String, BTreeSet<String>>,
    scripts: BTreeSet<String>,
    is_whole: bool,
}

impl Table {
    /// Lists the folders and reads the units.
    pub(in crate::facts::services) fn read(gather: &Gather<'_>) -> Self {
        let mut table = Self::default();
        let mut seen = BTreeSet::new();
        for folder in FOLDERS {
            // `lib` may lead to `usr/lib`.
            let Ok(resolved) = gather.tree.resolve(folder) else { continue };
            if seen.insert(resolved) {
                table.add_folder(gather, folder);
            }
        }
        // A report keeps some units, a root has all.
        let own = ["usr/lib/systemd/system", "lib/systemd/system"];
        table.is_whole = own.iter().any(|folder| {
            ["multi-user.target", "local-fs.target"]
                .iter()
                .all(|unit| gather.tree.exists(format!("{folder}/{unit}")))
        });
        for folder in ["etc/init.d", "etc/rc.d/init.d"] {
            let names = gather.tree.list(folder).unwrap_or_default().into_iter().take(MAX_ENTRIES);
            table.scripts.extend(names.filter_map(|name| name.into_string().ok()));
        }
        table.note_aliases();
        table.read_files(gather);
        table
    }

    fn add_folder(&mut self, gather: &Gather<'_>, folder: &str) {
        for name in gather.found(gather.tree.list(folder)).present().unwrap_or_default() {
            let Ok(name) = name.into_string() else { continue };
            if self.entries.len() + self.pulls.len() > MAX_ENTRIES {
                return;
            }
            let path = format!("{folder}/{name}");
            if let Some(owner) = name.strip_suffix(".wants").or_else(|| name.strip_suffix(".upholds")) {
                self.add_pulls(gather, owner, &path, false);
            } else if let Some(owner) = name.strip_suffix(".requires") {
                self.add_pulls(gather, owner, &path, true);
            } else if let Some(owner) = name.strip_suffix(".d") {
                let files = gather.tree.list(&path).unwrap_or_default().into_iter();
                let files = files.filter_map(|file| file.into_string().ok()).filter(|f| f.ends_with(".conf"));
                let drop_ins = self.drop_ins.entry(owner.to_owned()).or_default();
                for file in files.take(MAX_ENTRIES) {
                    let whole = format!("{path}/{file}");
                    drop_ins.entry(file).or_insert(whole);
                }
            } else if SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
                && !self.entries.contains_key(&name)
                && let Some(entry) = entry(gather, &name, path)
            {
                self.entries.insert(name, entry);
            }
        }
    }

    fn add_pulls(&mut self, gather: &Gather<'_>, owner: &str, folder: &str, is_required: bool) {
        for name in gather.tree.list(folder).unwrap_or_default().into_iter().take(MAX_ENTRIES) {
            let Ok(name) = name.into_string() else { continue };
            let is_known = self
                .pulls
                .iter()
                .any(|pull| pull.name == name && pull.owner == owner && pull.is_required == is_required);
            if is_known
                || self.pulls.len() > MAX_ENTRIES
                || !SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
            {
                continue;
            }
            let link = gather.tree.symlink_metadata(format!("{folder}/{name}")).map(|node| node.kind);
            let target = match link {
                Ok(NodeKind::Link(target)) => Some(target),
                _ => None,
            };
            self.pulls.push(Pull {
                is_masking: target.as_deref() == Some(Path::new("/dev/null")),
                target: target.as_deref().map(shown),
                name,
                owner: owner.to_owned(),
                folder: folder.to_owned(),
                is_required,
            });
        }
    }

    fn note_aliases(&mut self) {
        let mut aliases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for name in self.entries.keys().filter(|name| self.is_alias(name)) {
            aliases.entry(self.canonical(name)).or_default().insert(name.clone());
        }
        self.aliases = aliases;
    }

    fn read_files(&mut self, gather: &Gather<'_>) {
        let mut files = BTreeMap::new();
        for (name, entry) in &self.entries {
            let Entry::File(path) = entry else { continue };
            let mut unit = UnitFile::default();
            if let Some(file) = gather.read_config(path).present() {
                unit.add(&file);
            }
            let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
            for owner in std::iter::once(kind).chain([name.as_str()]).chain(self.aliases_of(name)) {
                for drop_in in self.drop_ins.get(owner).into_iter().flat_map(BTreeMap::values) {
                    let is_null = matches!(
                        gather.tree.symlink_metadata(drop_in).map(|node| node.kind),
                        Ok(NodeKind::Link(target)) if target == Path::new("/dev/null")
                    );
                    if !is_null && let Some(file) = gather.read_config(drop_in).present() {
                        unit.add(&file);
                    }
                }
            }
            files.insert(name.clone(), unit);
        }
        self.files = files;
    }

    /// Whether the input has nothing of systemd's.
    pub(in crate::facts::services) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.pulls.is_empty()
    }

    /// Whether systemd's own units are there, so that what is not there does not exist.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The names of all unit files and links to them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Every file of a unit that is read, by the unit's name.
    pub(in crate::facts::services) fn files(&self) -> impl Iterator<Item = (&str, &UnitFile)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// Everything in `.wants` and `.requires` folders.
    pub(in crate::facts::services) fn pulls(&self) -> impl Iterator<Item = &Pull> {
        self.pulls.iter()
    }

    /// Whether the name is a link to a unit of another name.
    pub(super) fn is_alias(&self, name: &str) -> bool {
        matches!(self.entries.get(name), Some(Entry::Alias(..)))
    }

    /// All aliases: name, path, the name they stand for, target as written.
    pub(super) fn aliases(&self) -> impl Iterator<Item = (&str, &str, &str, &str)> {
        self.entries.iter().filter_map(|(name, entry)| match entry {
            Entry::Alias(path, to, target) => {
                Some((name.as_str(), path.as_str(), to.as_str(), target.as_str()))
            }
            _ => None,
        })
    }

    /// The aliases of a unit.
    pub(super) fn aliases_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.aliases.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The unit's own name; an instance of an aliased template becomes one of the template that it stands for.
    pub(super) fn canonical(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for _ in 0..MAX_ALIASES {
            if let Some(Entry::Alias(_, to, _)) = self.entries.get(&name) {
                name.clone_from(to);
                continue;
            }
            let Some((template, instance)) = template_of(&name).filter(|_| !self.entries.contains_key(&name))
            else {
                break;
            };
            let Some(Entry::Alias(_, to, _)) = self.entries.get(&template) else { break };
            name = to.replacen('@', &format!("@{instance}"), 1);
        }
        if self.is_whole || self.entries.contains_key(&name) {
            return name;
        }
        // Links of systemd's own package, which this input lacks (runlevel(8)).
        match name.as_str() {
            "runlevel1.target" => "rescue.target".to_owned(),
            "runlevel2.target" | "runlevel3.target" | "runlevel4.target" => "multi-user.target".to_owned(),
            "runlevel5.target" => "graphical.target".to_owned(),
            _ => name,
        }
    }

    /// What counts under a name: the unit's own file or its template's, with the name it is under.
    pub(super) fn find(&self, name: &str) -> Option<(&str, &Entry)> {
        let canonical = self.canonical(name);
        let found = self.entries.get_key_value(&canonical);
        let found = found.or_else(|| self.entries.get_key_value(&template_of(&canonical)?.0));
        found.map(|(name, entry)| (name.as_str(), entry))
    }

    /// The path of what stands under exactly this name.
    pub(super) fn path_of(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(Entry::path)
    }

    /// The unit's lines; none if there is no such unit.
    pub(super) fn file(&self, name: &str) -> &UnitFile {
        static EMPTY: UnitFile = UnitFile::EMPTY;
        self.find(name).and_then(|(name, _)| self.files.get(name)).unwrap_or(&EMPTY)
    }

    /// Whether systemd makes the unit from a script of SysV init.
    pub(super) fn has_script(&self, unit: &str) -> bool {
        let name = unit.strip_suffix(".service");
        name.is_some_and(|name| self.scripts.contains(name) || self.scripts.contains(&format!("{name}.sh")))
    }
}

/// `getty@.service` and `tty1` of `getty@tty1.service`.
fn template_of(name: &str) -> Option<(String, &str)> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let (prefix, instance) = stem.split_once('@')?;
    (!instance.is_empty()).then(|| (format!("{prefix}@.{suffix}"), instance))
}

/// What stands at `path`, which is called `name`.
fn entry(gather: &Gather<'_>, name: &str, path: String) -> Option<Entry> {
    let node = gather.tree.symlink_metadata(&path).ok()?;
    match node.kind {
        NodeKind::Link(target) if target == Path::new("/dev/null") => Some(Entry::Masked(path)),
        NodeKind::Link(target) => {
            let other = target.file_name().and_then(|file| file.to_str()).filter(|file| *file != name)?;
            let kind = |name: &str| name.rsplit_once('.').map(|(_, kind)| kind.to_owned());
            // systemd takes no unit of another kind for an alias.
            (kind(other) == kind(name)).then(|| Entry::Alias(path, other.to_owned(), shown(&target)))
        }
        NodeKind::File if node.len == 0 => Some(Entry::Masked(path)),
        NodeKind::File => Some(Entry::File(path)),
        _ => None,
    }
}

/// A link's target, fit to be shown, with its slash at the start.
fn shown(target: &Path) -> String {
    let slash = if target.is_absolute() { "/" } else { "" };
    format!("{slash}{}", display_path(target))
}
