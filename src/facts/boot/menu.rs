//! GRUB's menu: its entries, and which of them its `default` means (grub-core/normal/menu.c).

use std::rc::Rc;
use std::sync::Arc;

use super::files::BootFiles;
use super::grub2::{self, Runner};
use super::raw::RawEntry;
use super::values::Value;
use super::{BootEntry, EntrySource, Stub};
use crate::facts::Known;
use crate::facts::command_line::{CommandLine, PlacedValue};
use crate::parse::grub_cfg::Statement;
use crate::place::Place;

/// Nesting of submenus; grub-mkconfig makes one.
const MAX_SUBMENUS: usize = 8;

/// A line of the menu.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) at: Place,
    /// Only users may choose it, if there are any.
    pub(super) is_restricted: bool,
    pub(super) action: Action,
}

/// What choosing a line does.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Carries out commands of the file at the path.
    Script(Arc<str>, Rc<[Statement]>),
    /// Opens a menu that commands of the file at the path make.
    Submenu(Arc<str>, Rc<[Statement]>),
    /// Starts a Boot Loader Specification entry.
    Bls(Box<RawEntry>),
}

/// A menu with its submenus opened.
#[derive(Debug)]
enum Line {
    /// The index in the list of entries; none for what starts no Linux.
    Entry(Names, Option<usize>),
    Submenu(Names, Vec<Line>),
}

/// What a default may call a line.
#[derive(Debug)]
struct Names {
    id: String,
    title: String,
}

/// What a menu comes to.
pub(super) struct Resolved {
    pub(super) entries: Vec<BootEntry>,
    /// The index of the default in `entries`; none if the default is something else.
    pub(super) default: Known<Option<usize>>,
    /// A default that names no line.
    pub(super) stale_default: Option<PlacedValue>,
    /// How long the menu waits.
    pub(super) timeout: Known<Option<PlacedValue>>,
    /// Whether the menu has no line at all, not even one that starts no Linux.
    pub(super) is_empty: bool,
    /// How the configuration leads to another one, if it does.
    pub(super) stub: Option<Stub>,
}

impl Resolved {
    /// Entries of a loader without scripts.
    pub(super) fn plain(
        entries: Vec<BootEntry>,
        default: Known<Option<usize>>,
        stale_default: Option<PlacedValue>,
    ) -> Self {
        Self { entries, default, stale_default, timeout: Known::Known(None), is_empty: false, stub: None }
    }
}

/// Opens the submenus, looks up the entries' files, and finds the default.
pub(super) fn resolve(nodes: Vec<Node>, runner: &mut Runner<'_>, files: &BootFiles<'_>) -> Resolved {
    let mut entries = Vec::new();
    let asks = runner.variables.get("superusers").is_some();
    let lines =
        open(nodes, runner, files, &mut entries, Way { depth: 0, asks_for_user: false, has_users: asks });
    let setting = runner.variables.get("default").cloned();
    let mut stale_default = None;
    let default = match setting {
        Some(Value { needs: Some(needs), .. }) => Known::Unknown { needs },
        Some(value) if !value.text().is_empty() => {
            let text = value.text();
            let found = find(&lines, &text);
            if found.is_none() && !lines.is_empty() {
                let at = value.place().unwrap_or_else(|| Place::file("boot"));
                stale_default = Some(PlacedValue { value: text, at });
            }
            Known::Known(found.unwrap_or_else(|| first(&lines)))
        }
        _ => Known::Known(first(&lines)),
    };
    let timeout = match runner.variables.get("timeout") {
        None => Known::Known(None),
        Some(Value { needs: Some(needs), .. }) => Known::unknown(needs.clone()),
        Some(value) => Known::Known(value.place().map(|at| PlacedValue { value: value.text(), at })),
    };
    let is_empty = lines.is_empty() && runner.knows_menu();
    Resolved { entries, default, stale_default, timeout, is_empty, stub: runner.take_stub() }
}

/// What choosing the lines above has cost.
#[derive(Debug, Clone, Copy)]
struct Way {
    depth: usize,
    /// A line above asks for a user.
    asks_for_user: bool,
    /// There are users.
    has_users: bool,
}

fn open(
    nodes: Vec<Node>,
    runner: &mut Runner<'_>,
    files: &BootFiles<'_>,
    entries: &mut Vec<BootEntry>,
    way: Way,
) -> Vec<Line> {
    let mut lines = Vec::with_capacity(nodes.len());
    for node in nodes {
        let names = Names { id: node.id.clone(), title: node.title.clone() };
        let asks_for_user = way.asks_for_user || (way.has_users && node.is_restricted);
        let raw = match node.action {
            Action::Submenu(path, body) => {
                let is_open = way.depth < MAX_SUBMENUS;
                let below = if is_open { runner.run_submenu(&path, &body) } else { Vec::new() };
                let way = Way { depth: way.depth + 1, asks_for_user, ..way };
                lines.push(Line::Submenu(names, open(below, runner, files, entries, way)));
                continue;
            }
            Action::Script(path, body) => {
                script_entry(node.id, node.title, node.at, runner.run_entry(&path, &body))
            }
            Action::Bls(raw) => Some(*raw),
        };
        let mut entry = raw.and_then(|raw| raw.finish(files));
        if let Some(grub) = entry.as_mut().and_then(|entry| entry.grub.as_mut()) {
            grub.asks_for_user = asks_for_user;
        }
        lines.push(Line::Entry(names, entry.is_some().then_some(entries.len())));
        entries.extend(entry);
    }
    lines
}

fn script_entry(id: String, title: String, at: Place, asked: grub2::Asked) -> Option<RawEntry> {
    let cmdline = match grub2::command_line(&asked.arguments) {
        Ok(pieces) => Known::Known(CommandLine::of_pieces(&pieces)),
        Err(needs) => Known::Unknown { needs },
    };
    Some(RawEntry {
        id,
        title,
        at,
        source: EntrySource::Grub2,
        kernel: asked.kernel?,
        hypervisor: asked.hypervisor.map(|written| written.path),
        initrds: asked.initrds,
        cmdline,
        version: None,
        searched: asked.searched,
        grub: Some(asked.grub),
    })
}

/// The line that `default` means: an id, a title or a number on each level, parted by `>`; `>>` is a `>` in a title.
/// `None` if it means no line, `Some(None)` if it means one that starts no Linux.
fn find(lines: &[Line], default: &str) -> Option<Option<usize>> {
    let (name, rest) = cut_level(default);
    let by_name = |wanted: fn(&Names) -> &str| lines.iter().find(|line| wanted(line.names()) == name);
    let by_number = || name.trim().parse::<usize>().ok().and_then(|number| lines.get(number));
    let line = by_name(|names| &names.id).or_else(|| by_name(|names| &names.title)).or_else(by_number)?;
    match (line, rest) {
        (Line::Entry(_, index), _) => Some(*index),
        (Line::Submenu(_, below), Some(rest)) => Some(find(below, rest).unwrap_or_else(|| first(below))),
        (Line::Submenu(_, below), None) => Some(first(below)),
    }
}

fn cut_level(default: &str) -> (String, Option<&str>) {
    let mut name = String::new();
    let mut characters = default.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if character == '>' && characters.next_if(|(_, next)| *next == '>').is_none() {
            return (name, default.get(index + 1..));
        }
        name.push(character);
    }
    (name, None)
}

/// The line that starts if the default names none: the first; of a submenu, its first.
fn first(lines: &[Line]) -> Option<usize> {
    match lines.first()? {
        Line::Entry(_, index) => *index,
        Line::Submenu(_, below) => first(below),
    }
}

impl Line {
    fn names(&self) -> &Names {
        match self {
            Self::Entry(names, _) | Self::Submenu(names, _) => names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, title: &str, index: usize) -> Line {
        Line::Entry(Names { id: id.into(), title: title.into() }, Some(index))
    }

    #[test]
    fn a_default_is_an_id_a_title_or_a_number_on_each_level() {
        let below = vec![entry("adv-1", "Linux 1 > a", 1), entry("adv-2", "Linux 2", 2)];
        let lines = [
            entry("simple", "Debian", 0),
            Line::Submenu(Names { id: "advanced".into(), title: "Advanced options".into() }, below),
            Line::Entry(Names { id: "fw".into(), title: "Firmware".into() }, None),
        ];
        let table = [
            ("0", Some(Some(0))),
            ("simple", Some(Some(0))),
            ("1", Some(Some(1))),
            ("1>1", Some(Some(2))),
            ("advanced>adv-2", Some(Some(2))),
            ("Advanced options>Linux 2", Some(Some(2))),
            ("Advanced options>Linux 1 >> a", Some(Some(1))),
            ("advanced>gone", Some(Some(1))),
            ("2", Some(None)),
            ("7", None),
            ("gone", None),
        ];
        for (default, expected) in table {
            assert_eq!(find(&lines, default), expected, "{default}");
        }
    }
}
