//! Units of systemd, and which of them the boot starts.
//!
//! Sources: systemd.unit(5) for the folders, aliases, templates and masks; systemd.special(7) for the targets;
//! `src/shared/unit-file.c` (which name wins), `src/core/load-dropin.c` (links in `.wants` and `.requires`).

mod closure;
mod table;

use schemars::JsonSchema;
use serde::Serialize;

use super::presets::Presets;
use super::{Service, ServiceKind};
use crate::facts::{Gather, Known};
use crate::place::Place;

pub(super) use table::Table;
use table::{Entry, Pull};

/// What systemd boots into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DefaultTarget {
    /// The unit, aliases followed: `multi-user.target`.
    pub name: String,
    /// The link that says so; the vendor's own where the administrator set none.
    pub at: Place,
    /// The unit is there. Unknown if systemd's own units are not in the input.
    pub installed: Known<bool>,
    /// It is masked.
    pub masked: bool,
}

/// A link to a unit that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BrokenLink {
    /// The link.
    pub at: Place,
    /// The unit that it is to start, or that it is another name of.
    pub unit: String,
    /// The unit that wants it: `multi-user.target`; null for an alias.
    pub wanted_by: Option<String>,
    /// Whether it is required and not just wanted.
    pub is_required: bool,
    /// Where it leads, as written.
    pub target: String,
}

/// Broken links that are kept.
const MAX_BROKEN: usize = 500;

/// What the units say.
pub(super) struct Found {
    pub(super) units: Vec<Service>,
    pub(super) default_target: Known<Option<DefaultTarget>>,
    pub(super) broken_links: Vec<BrokenLink>,
}

/// Judges all units of `table`.
pub(super) fn read(gather: &Gather<'_>, table: &Table) -> Found {
    let default_target = default_target(table);
    let presets = Presets::read(gather);
    let started = closure::Closure::of(gather, table, default_target.get().and_then(Option::as_ref));
    let mut names: Vec<&str> = table.names().collect();
    // Instances, and units that only a link knows.
    names.extend(started.names());
    names.extend(table.pulls().map(|pull| pull.name.as_str()).filter(|_| !table.is_whole()));
    names.sort_unstable();
    names.dedup();
    let mut units: Vec<Service> = Vec::new();
    for name in names.into_iter().take(super::MAX_SERVICES) {
        if table.is_alias(name) || name.ends_with(".slice") || name.ends_with(".scope") {
            continue;
        }
        units.push(unit(table, name, &started, &presets));
    }
    Found { units, default_target, broken_links: broken_links(table) }
}

fn unit(table: &Table, name: &str, started: &closure::Closure, presets: &Presets) -> Service {
    let short = |name: &str| name.strip_suffix(".service").unwrap_or(name).to_owned();
    let entry = table.find(name);
    let link = table.pulls().find(|pull| pull.name == name);
    let at = entry.map(|(_, entry)| entry.path().to_owned()).or_else(|| link.map(Pull::path));
    let at = Place::file(at.unwrap_or_else(|| format!("etc/systemd/system/{name}")));
    let mut service = Service::new(&short(name), ServiceKind::Systemd, at);
    service.masked = matches!(entry, Some((_, Entry::Masked(_))));
    if entry.is_none() {
        service.installed =
            if table.is_whole() { Known::Known(false) } else { Known::unknown("`usr/lib/systemd/system`") };
    }
    service.aliases = table.aliases_of(name).map(short).collect();
    service.preset = presets.say(name);
    if !service.masked {
        let file = table.file(name);
        service.description = file.get("Description").map(str::to_owned);
        service.user = file.get("User").map(str::to_owned);
        service.conditions = file.conditions();
        service.settings = file.settings();
        if let Some(command) = file.command("ExecStart") {
            service.set_command(command);
        }
        if let Some(by) = started.by(name) {
            service.enable(by.clone());
        }
        if let Some(by) = started.activator(name) {
            service.activated_by = Some(short(by));
            service.in_use |= !by.ends_with(".device");
        }
    }
    service
}

/// The link of the administrator, or the vendor's.
fn default_target(table: &Table) -> Known<Option<DefaultTarget>> {
    let name = "default.target";
    let Some(path) = table.path_of(name) else {
        return if table.is_whole() {
            Known::Known(None)
        } else {
            Known::unknown("the link `etc/systemd/system/default.target`")
        };
    };
    let canonical = table.canonical(name);
    let entry = table.find(&canonical);
    let installed = match entry {
        Some(_) => Known::Known(true),
        None if table.is_whole() => Known::Known(false),
        None => Known::unknown("`usr/lib/systemd/system`"),
    };
    let masked = matches!(entry, Some((_, Entry::Masked(_))));
    Known::Known(Some(DefaultTarget { name: canonical, at: Place::file(path), installed, masked }))
}

/// Links in the administrator's folders whose unit is not there under its name. systemd goes by the link's name, so a
/// target that has moved does no harm.
fn broken_links(table: &Table) -> Vec<BrokenLink> {
    if !table.is_whole() {
        return Vec::new();
    }
    let pulled =
        table.pulls().filter(|pull| pull.folder.starts_with("etc/") && !pull.is_masking).filter_map(|pull| {
            let target = pull.target.clone()?;
            let is_there = table.find(&pull.name).is_some() || table.has_script(&pull.name);
            (!is_there).then(|| BrokenLink {
                at: Place::file(pull.path()),
                unit: pull.name.clone(),
                wanted_by: Some(pull.owner.clone()),
                is_required: pull.is_required,
                target,
            })
        });
    let aliases =
        table.aliases().filter(|(_, path, to, _)| path.starts_with("etc/") && table.find(to).is_none());
    let aliases = aliases.map(|(_, path, to, target)| BrokenLink {
        at: Place::file(path),
        unit: to.to_owned(),
        wanted_by: None,
        is_required: false,
        target: target.to_owned(),
    });
    let mut found: Vec<BrokenLink> = pulled.chain(aliases).take(MAX_BROKEN).collect();
    found.sort_by(|a, b| a.at.cmp(&b.at));
    found
}
