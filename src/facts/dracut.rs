//! What dracut puts into the next image: all its configuration files, in the order in which it reads them.
//!
//! dracut.sh sources `/etc/dracut.conf`, then the drop-ins of `/etc/dracut.conf.d` and
//! `/usr/lib/dracut/dracut.conf.d`, sorted together by name (`sort -V`); of two with the same name only the one in
//! `/etc` is read (`dropindirs_sort`).

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::{Misread, Named, Setting};
use super::{Gather, Known};
use crate::parse::dracut_conf::{self, List, ListWord, Origin};
use crate::parse::shell_vars::{self, ShellVars};
use crate::place::Place;
use crate::source::{File, NodeKind};

/// dracut's configuration.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Dracut {
    /// Whether dracut itself is there.
    pub installed: bool,
    /// The files that it reads, in order.
    pub files: Vec<String>,
    /// dracut's own modules that are installed (`modules.d`), without their numbers. Unknown if the input does not hold that folder.
    pub modules: Known<Vec<String>>,
    /// `add_drivers`: kernel modules put into the image beside those that it needs. Dashes as underscores.
    pub add_drivers: Vec<Named>,
    /// `force_drivers`: put into the image and loaded early.
    pub force_drivers: Vec<Named>,
    /// `omit_drivers`: kept out of the image, as extended regular expressions on whole names.
    pub omit_drivers: Vec<OmittedDriver>,
    /// `drivers`: if not empty, the only ones that are put into the image.
    pub drivers: Vec<Named>,
    /// `filesystems`: if not empty, the only file systems.
    pub filesystems: Vec<Named>,
    /// `dracutmodules`: if not empty, the only modules of dracut's.
    pub dracutmodules: Vec<Named>,
    /// `add_dracutmodules` and `force_add_dracutmodules`.
    pub add_dracutmodules: Vec<Named>,
    /// `omit_dracutmodules`.
    pub omit_dracutmodules: Vec<OmittedModule>,
    /// `install_items`: further files.
    pub install_items: Vec<Named>,
    /// `hostonly`: only what this machine needs. Null if no file sets it; the built-in value is `no`.
    pub hostonly: Option<Setting>,
    /// Whether it comes to yes.
    pub is_hostonly: bool,
    /// `hostonly_cmdline`: root, swap and volumes of this machine are written into the image.
    pub hostonly_cmdline: Option<Setting>,
    /// `hostonly_mode`: `sloppy` or `strict`.
    pub hostonly_mode: Option<Setting>,
    /// `mdadmconf`: put mdadm.conf into the image.
    pub mdadmconf: Option<Setting>,
    /// `lvmconf`: put lvm.conf into the image.
    pub lvmconf: Option<Setting>,
    /// `use_fstab`: trust fstab instead of what is mounted.
    pub use_fstab: Option<Setting>,
    /// `kernel_cmdline`: arguments that are written into the image.
    pub kernel_cmdline: Option<Setting>,
    /// `compress`.
    pub compress: Option<Setting>,
    /// Words that are glued together, lists that are thrown away, and other slips.
    pub mistakes: Vec<DracutMistake>,
    /// What the shell stumbles over in the files.
    pub misread: Vec<Misread>,
}

/// A driver that is kept out of the image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OmittedDriver {
    /// Where.
    pub at: Place,
    /// The expression as written, dashes as underscores.
    pub name: String,
    /// The drivers of disks and file systems that bootproof knows and that it covers.
    pub covers: Vec<String>,
    /// The text of the line; null if the word was put together from several lines.
    pub line: Option<String>,
}

/// A module of dracut's that is left out of the image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OmittedModule {
    /// Where.
    pub at: Place,
    /// Its name.
    pub name: String,
    /// The text of the line; null if the word was put together from several lines.
    pub line: Option<String>,
}

impl OmittedDriver {
    /// dracut matches whole names (`^name$`, dracut.sh).
    fn new(named: Named, line: Option<String>) -> Self {
        let expression = format!("^(?:{})$", named.name);
        let regex = regex::RegexBuilder::new(&expression).size_limit(1 << 20).build();
        let mut covers: Vec<String> = match regex {
            Ok(regex) => {
                let modules = crate::drivers::known().iter().map(|driver| driver.module().to_string());
                modules.filter(|module| regex.is_match(module)).collect()
            }
            // An expression of another dialect: only what it says literally.
            Err(_) => vec![named.name.clone()],
        };
        covers.sort();
        covers.dedup();
        Self { at: named.at, name: named.name, covers, line }
    }
}

/// A slip in the configuration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DracutMistake {
    /// Where.
    pub at: Place,
    /// What kind.
    pub kind: DracutMistakeKind,
    /// The variable: `add_drivers`.
    pub variable: String,
    /// The words that come to nothing.
    pub words: Vec<String>,
    /// A sentence: what is there, and what comes of it.
    pub message: String,
}

/// What kind of slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DracutMistakeKind {
    /// Two words with no blank between them have become one.
    GluedWords,
    /// `=` throws away what earlier files have added.
    LostWords,
    /// Commas between names, or a name with `.ko`: no module is called that.
    BadName,
    /// No blank at the ends of the value; harmless until another file adds to the list.
    MissingBlanks,
}

/// The lists, and whether their words are kernel modules.
const LISTS: [(&str, bool); 10] = [
    ("add_drivers", true),
    ("force_drivers", true),
    ("omit_drivers", true),
    ("drivers", true),
    ("filesystems", true),
    ("dracutmodules", false),
    ("add_dracutmodules", false),
    ("force_add_dracutmodules", false),
    ("omit_dracutmodules", false),
    ("install_items", false),
];

/// Reads dracut's configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Dracut {
    let programs = ["usr/bin/dracut", "usr/sbin/dracut", "sbin/dracut", "bin/dracut"];
    let files = files(gather);
    let vars: Vec<ShellVars> = files.iter().map(|file| shell_vars::parse(&file.bytes)).collect();
    let reader = Reader { files: &files, vars: &vars };
    let mut dracut = Dracut {
        installed: programs.iter().any(|path| gather.tree.exists(path)),
        files: files.iter().map(|file| file.path.to_string()).collect(),
        modules: modules(gather),
        add_drivers: reader.names("add_drivers", true),
        force_drivers: reader.names("force_drivers", true),
        omit_drivers: reader.lines("omit_drivers", true, OmittedDriver::new),
        drivers: reader.names("drivers", true),
        filesystems: reader.names("filesystems", true),
        dracutmodules: reader.names("dracutmodules", false),
        add_dracutmodules: reader.names("add_dracutmodules", false),
        omit_dracutmodules: reader.lines("omit_dracutmodules", false, |named, line| OmittedModule {
            at: named.at,
            name: named.name,
            line,
        }),
        install_items: reader.names("install_items", false),
        hostonly: reader.setting("hostonly"),
        is_hostonly: false,
        hostonly_cmdline: reader.setting("hostonly_cmdline"),
        hostonly_mode: reader.setting("hostonly_mode"),
        mdadmconf: reader.setting("mdadmconf"),
        lvmconf: reader.setting("lvmconf"),
        use_fstab: reader.setting("use_fstab"),
        kernel_cmdline: reader.setting("kernel_cmdline"),
        compress: reader.setting("compress"),
        mistakes: reader.mistakes(),
        misread: reader.misread(),
    };
    dracut.add_dracutmodules.extend(reader.names("force_add_dracutmodules", false));
    dracut.is_hostonly = dracut.hostonly.as_ref().is_some_and(|setting| setting.value == "yes");
    dracut
}

/// The names in `modules.d`: two digits and the name, or an older system's folder of the same form.
fn modules(gather: &Gather<'_>) -> Known<Vec<String>> {
    let folders = ["usr/lib/dracut/modules.d", "usr/share/dracut/modules.d"];
    let names =
        folders.iter().find_map(|folder| gather.tree.list(folder).ok().filter(|names| !names.is_empty()));
    let Some(names) = names else { return Known::unknown("`usr/lib/dracut/modules.d`") };
    let name = |name: std::ffi::OsString| {
        let name = name.into_string().ok()?;
        Some(name.trim_start_matches(|first: char| first.is_ascii_digit()).to_owned())
    };
    let mut names: Vec<String> = names.into_iter().filter_map(name).collect();
    names.sort();
    Known::Known(names)
}

/// The files in reading order.
fn files(gather: &Gather<'_>) -> Vec<File> {
    let directories = ["etc/dracut.conf.d", "usr/lib/dracut/dracut.conf.d"];
    let mut names: Vec<(String, &str)> = Vec::new();
    for directory in directories {
        for name in gather.found(gather.tree.list(directory)).present().unwrap_or_default() {
            let Some(name) = name.to_str().filter(|name| name.ends_with(".conf")) else { continue };
            if !name.starts_with('.') && !names.iter().any(|(known, _)| known == name) {
                names.push((name.to_owned(), directory));
            }
        }
    }
    names.sort_by(|(left, _), (right, _)| dracut_conf::version_order(left, right));
    let mut files: Vec<File> = gather.read_config("etc/dracut.conf").present().into_iter().collect();
    for (name, directory) in names {
        let path = Path::new(directory).join(name);
        // A link to /dev/null hides the file of that name in /usr/lib, and is nothing itself.
        let node = gather.tree.symlink_metadata(&path);
        let masks = node.is_ok_and(|node| node.kind == NodeKind::Link("/dev/null".into()));
        files.extend(if masks { None } else { gather.read_config(&path).present() });
    }
    files
}

struct Reader<'a> {
    files: &'a [File],
    vars: &'a [ShellVars],
}

impl Reader<'_> {
    fn place(&self, origin: Origin) -> Option<Place> {
        let assignment = self.vars.get(origin.file)?.assignments.get(origin.assignment)?;
        Some(assignment.span.at(&self.files.get(origin.file)?.path))
    }

    fn names(&self, variable: &str, are_modules: bool) -> Vec<Named> {
        self.lines(variable, are_modules, |named, _| named)
    }

    /// What `item` makes of each name of a list and of the line that it stands in.
    fn lines<T>(
        &self,
        variable: &str,
        are_modules: bool,
        item: impl Fn(Named, Option<String>) -> T,
    ) -> Vec<T> {
        let named = |word: ListWord| {
            let at = self.place(*word.origins.first()?)?;
            let line = self.line(&word);
            let name = if are_modules { word.text.replace('-', "_") } else { word.text };
            Some(item(Named { name, at }, line))
        };
        dracut_conf::list(self.vars, variable).words.into_iter().filter_map(named).collect()
    }

    /// The text of the line in which a word stands alone and whole.
    fn line(&self, word: &ListWord) -> Option<String> {
        let [origin] = word.origins.as_slice() else { return None };
        let assignment = self.vars.get(origin.file)?.assignments.get(origin.assignment)?;
        let bytes = &self.files.get(origin.file)?.bytes;
        let index = usize::try_from(assignment.span.line.checked_sub(1)?).ok()?;
        let line = std::str::from_utf8(bytes).ok()?.lines().nth(index)?;
        line.contains(&word.text).then(|| line.to_owned())
    }

    fn setting(&self, variable: &str) -> Option<Setting> {
        let (origin, assignment) = dracut_conf::last(self.vars, variable)?;
        Some(Setting { value: assignment.value.clone(), at: self.place(origin)? })
    }

    fn misread(&self) -> Vec<Misread> {
        let pairs = self.files.iter().zip(self.vars);
        pairs.flat_map(|(file, vars)| vars.mistakes.iter().map(|m| Misread::new(m, &file.path))).collect()
    }

    fn mistakes(&self) -> Vec<DracutMistake> {
        let mut mistakes = Vec::new();
        for (variable, are_modules) in LISTS {
            let list = dracut_conf::list(self.vars, variable);
            mistakes.extend(self.glued(variable, &list));
            mistakes.extend(self.lost(variable, &list));
            if are_modules {
                mistakes.extend(self.bad_names(variable, &list));
            }
            mistakes.extend(self.missing_blanks(variable));
        }
        mistakes
    }

    fn glued<'l>(&'l self, variable: &'l str, list: &'l List) -> impl Iterator<Item = DracutMistake> + 'l {
        list.words.iter().filter(|word| word.origins.len() > 1).filter_map(move |word| {
            let places: Vec<Place> =
                word.origins.iter().filter_map(|origin| self.place(*origin)).collect();
            let first = places.first()?;
            Some(DracutMistake {
                at: places.last()?.clone(),
                kind: DracutMistakeKind::GluedWords,
                variable: variable.to_owned(),
                words: vec![word.text.clone()],
                message: format!(
                    "no blank divides this value from the one at {first}: `{variable}` gets the single word `{}`",
                    word.text
                ),
            })
        })
    }

    fn lost<'l>(&'l self, variable: &'l str, list: &'l List) -> impl Iterator<Item = DracutMistake> + 'l {
        list.overrides.iter().filter_map(move |replaced| {
            let words: Vec<String> = replaced.lost.iter().map(|word| word.text.clone()).collect();
            let from = self.place(*replaced.lost.first()?.origins.first()?)?;
            let message = format!(
                "`{variable}=` throws away `{}`, which {from} has added: `+=` adds to a list",
                words.join(" ")
            );
            let at = self.place(replaced.by)?;
            let (kind, variable) = (DracutMistakeKind::LostWords, variable.to_owned());
            Some(DracutMistake { at, kind, variable, words, message })
        })
    }

    fn bad_names<'l>(
        &'l self,
        variable: &'l str,
        list: &'l List,
    ) -> impl Iterator<Item = DracutMistake> + 'l {
        let is_bad = |word: &&ListWord| {
            let name = word.text.trim_end_matches(".xz").trim_end_matches(".zst").trim_end_matches(".gz");
            // `=drivers/scsi` stands for a whole folder of modules.
            !word.text.starts_with('=') && (word.text.contains(',') || name.ends_with(".ko"))
        };
        list.words.iter().filter(is_bad).filter_map(move |word| {
            let what = if word.text.contains(',') {
                "names are divided by blanks, not commas"
            } else {
                "a module is named without `.ko`"
            };
            Some(DracutMistake {
                at: self.place(*word.origins.first()?)?,
                kind: DracutMistakeKind::BadName,
                variable: variable.to_owned(),
                words: vec![word.text.clone()],
                message: format!("no module is called `{}`: {what}", word.text),
            })
        })
    }

    fn missing_blanks<'l>(&'l self, variable: &'l str) -> impl Iterator<Item = DracutMistake> + 'l {
        let has_both = |value: &str| value.starts_with(' ') && value.ends_with(' ');
        let lacks = move |value: &str| !value.is_empty() && !has_both(value);
        dracut_conf::assignments(self.vars, variable)
            .filter(move |(_, assignment)| assignment.appends && lacks(&assignment.value))
            .filter_map(move |(origin, assignment)| {
                Some(DracutMistake {
                    at: self.place(origin)?,
                    kind: DracutMistakeKind::MissingBlanks,
                    variable: variable.to_owned(),
                    words: assignment.value.split_ascii_whitespace().map(str::to_owned).collect(),
                    message: format!("the value of `{variable}+=` has no blanks at both ends"),
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> Dracut {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        gather(&Gather::new(&tree, &limits))
    }

    fn names(list: &[Named]) -> Vec<(&str, String)> {
        list.iter().map(|named| (named.name.as_str(), named.at.to_string())).collect()
    }

    #[test]
    fn drop_ins_come_after_dracut_conf_and_etc_hides_usr() {
        let dracut = read(
            Memory::new()
                .file("usr/bin/dracut", "")
                .file("etc/dracut.conf", "hostonly=\"no\"\nadd_drivers+=\" a \"\n")
                .file("etc/dracut.conf.d/10-b.conf", "add_drivers+=\" virtio-blk \"\n")
                .file("etc/dracut.conf.d/9-a.conf", "hostonly=\"yes\"\n")
                .file("etc/dracut.conf.d/notes.txt", "hostonly=\"no\"\n")
                .link("etc/dracut.conf.d/02-x.conf", "/dev/null")
                .file("usr/lib/dracut/dracut.conf.d/02-x.conf", "add_drivers+=\" hidden \"\n")
                .file("usr/lib/dracut/dracut.conf.d/10-b.conf", "add_drivers+=\" hidden \"\n")
                .file("usr/lib/dracut/dracut.conf.d/01-dist.conf", "hostonly=\"no\"\n"),
        );
        assert_eq!(
            dracut.files,
            [
                "etc/dracut.conf",
                "usr/lib/dracut/dracut.conf.d/01-dist.conf",
                "etc/dracut.conf.d/9-a.conf",
                "etc/dracut.conf.d/10-b.conf"
            ]
        );
        assert!(dracut.installed && dracut.is_hostonly);
        let want =
            [("a", "etc/dracut.conf:2".into()), ("virtio_blk", "etc/dracut.conf.d/10-b.conf:1".into())];
        assert_eq!(names(&dracut.add_drivers), want);
        assert_eq!(dracut.mistakes.len(), 0);
    }

    #[test]
    fn slips_are_told_apart() {
        let dracut = read(
            Memory::new()
                .file("etc/dracut.conf.d/1.conf", "add_drivers+=\"a\"\nomit_drivers+=\" x \"\n")
                .file("etc/dracut.conf.d/2.conf", "add_drivers+=\"b,c d.ko\"\nomit_drivers=\" y \"\n"),
        );
        let got: Vec<_> =
            dracut.mistakes.iter().map(|m| (m.kind, m.at.to_string(), m.words.join(" "))).collect();
        let want = |kind, at: &str, words: &str| (kind, at.to_owned(), words.to_owned());
        assert_eq!(
            got,
            [
                want(DracutMistakeKind::GluedWords, "etc/dracut.conf.d/2.conf:1", "ab,c"),
                want(DracutMistakeKind::BadName, "etc/dracut.conf.d/1.conf:1", "ab,c"),
                want(DracutMistakeKind::BadName, "etc/dracut.conf.d/2.conf:1", "d.ko"),
                want(DracutMistakeKind::MissingBlanks, "etc/dracut.conf.d/1.conf:1", "a"),
                want(DracutMistakeKind::MissingBlanks, "etc/dracut.conf.d/2.conf:1", "b,c d.ko"),
                want(DracutMistakeKind::LostWords, "etc/dracut.conf.d/2.conf:2", "x"),
            ]
        );
    }
}
