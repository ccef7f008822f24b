//! Units for mounts, swaps and automounts in /etc/systemd/system, and which targets pull them in.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Gather;
use crate::parse::ini;
use crate::place::Place;
use crate::source::NodeKind;

/// What kind of unit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// systemd.mount(5).
    Mount,
    /// systemd.swap(5).
    Swap,
    /// systemd.automount(5).
    Automount,
}

/// A unit for a mount or a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MountUnit {
    /// The file's name: `srv-data.mount`.
    pub name: String,
    /// The file.
    pub at: Place,
    /// What kind of unit it is.
    pub kind: UnitKind,
    /// It is a link to /dev/null or empty: systemd does as if there were none.
    pub is_masked: bool,
    /// `What=`; null if it has none.
    pub what: Option<String>,
    /// `Where=`; for a masked unit the path that its name stands for. Null if it has none.
    pub directory: Option<String>,
    /// `Type=`; null if it has none.
    pub fstype: Option<String>,
    /// `Options=`, one by one.
    pub options: Vec<String>,
    /// The units that want it, by links in their `.wants` folders.
    pub wanted_by: Vec<String>,
    /// The units that require it, by links in their `.requires` folders.
    pub required_by: Vec<String>,
}

/// Units that are read at most; snaps bring dozens.
const MAX_UNITS: usize = 500;

/// Where the administrator's units are. Those that systemd itself brings mount file systems of the kernel's own.
const FOLDER: &str = "etc/systemd/system";

/// Reads the units, in order of their names.
pub(super) fn gather(gather: &Gather<'_>) -> Vec<MountUnit> {
    let names = list(gather, FOLDER);
    let mut units: Vec<MountUnit> =
        names.iter().filter_map(|name| unit(gather, name)).take(MAX_UNITS).collect();
    for folder in &names {
        let (owner, required) = match (folder.strip_suffix(".wants"), folder.strip_suffix(".requires")) {
            (Some(owner), _) => (owner, false),
            (_, Some(owner)) => (owner, true),
            _ => continue,
        };
        for pulled in list(gather, &format!("{FOLDER}/{folder}")) {
            let Some(unit) = units.iter_mut().find(|unit| unit.name == pulled) else { continue };
            let by = if required { &mut unit.required_by } else { &mut unit.wanted_by };
            by.push(owner.to_owned());
        }
    }
    units
}

fn list(gather: &Gather<'_>, folder: &str) -> Vec<String> {
    let names = gather.found(gather.tree.list(folder)).present().unwrap_or_default();
    let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    names
}

fn unit(gather: &Gather<'_>, name: &str) -> Option<MountUnit> {
    let kind = match name.rsplit_once('.')?.1 {
        "mount" => UnitKind::Mount,
        "swap" => UnitKind::Swap,
        "automount" => UnitKind::Automount,
        _ => return None,
    };
    let path = format!("{FOLDER}/{name}");
    let mut unit = MountUnit {
        name: name.to_owned(),
        at: Place::file(path.as_str()),
        kind,
        is_masked: false,
        what: None,
        directory: None,
        fstype: None,
        options: Vec::new(),
        wanted_by: Vec::new(),
        required_by: Vec::new(),
    };
    if let Ok(node) = gather.tree.symlink_metadata(&path)
        && let NodeKind::Link(to) = node.kind
        && to == Path::new("/dev/null")
    {
        return Some(MountUnit { is_masked: true, directory: path_of(name), ..unit });
    }
    let file = gather.read_config(&path).present()?;
    unit.is_masked = file.bytes.is_empty();
    if unit.is_masked {
        unit.directory = path_of(name);
    }
    for entry in ini::parse(&file.bytes) {
        if !matches!(entry.section.as_str(), "Mount" | "Swap" | "Automount") {
            continue;
        }
        let value = Some(entry.value.clone()).filter(|value| !value.is_empty());
        match entry.key.as_str() {
            "What" => (unit.what, unit.at) = (value, entry.span.at(&file.path)),
            "Where" => unit.directory = value,
            "Type" => unit.fstype = value,
            "Options" => {
                unit.options = entry
                    .value
                    .split(',')
                    .map(str::trim)
                    .filter(|o| !o.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            _ => {}
        }
    }
    Some(unit)
}

/// The path that a unit's name stands for (systemd.unit(5), systemd-escape(1)): `srv-my\\x2ddata.mount` is `/srv/my-data`.
fn path_of(name: &str) -> Option<String> {
    let (escaped, _) = name.rsplit_once('.')?;
    if escaped == "-" {
        return Some("/".to_owned());
    }
    let mut bytes = vec![b'/'];
    let mut rest = escaped;
    while let Some(c) = rest.chars().next() {
        let code = rest.strip_prefix("\\x").and_then(|code| u8::from_str_radix(code.get(..2)?, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = rest.get(4..)?;
            }
            None => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(if c == '-' { b"/" } else { c.encode_utf8(&mut buffer).as_bytes() });
                rest = rest.get(c.len_utf8()..)?;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_paths() {
        for (name, want) in
            [("-.mount", "/"), ("srv-data.mount", "/srv/data"), ("srv-my\\x2ddata.mount", "/srv/my-data")]
        {
            assert_eq!(path_of(name).as_deref(), Some(want));
        }
        assert_eq!(path_of("a\\xff.mount"), None);
    }

    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn units_know_what_they_mount_and_who_pulls_them_in() {
        let text =
            "[Unit]\nDescription=x\n[Mount]\nWhat=/dev/vdb1\nWhere=/srv/u\nType=xfs\nOptions=ro,noatime\n";
        let tree = Memory::new()
            .file("etc/systemd/system/srv-u.mount", text)
            .link("etc/systemd/system/local-fs.target.requires/srv-u.mount", "../srv-u.mount")
            .link("etc/systemd/system/multi-user.target.wants/srv-u.mount", "../srv-u.mount")
            .link("etc/systemd/system/srv-d.mount", "/dev/null")
            .file("etc/systemd/system/x.service", "[Service]\n")
            .into_tree();
        let units = gather(&Gather::new(&tree, &Limits::default()));
        let [masked, unit] = units.as_slice() else { panic!("{units:?}") };
        assert!(masked.is_masked && masked.name == "srv-d.mount");
        assert_eq!((unit.what.as_deref(), unit.directory.as_deref()), (Some("/dev/vdb1"), Some("/srv/u")));
        assert_eq!(unit.options, ["ro", "noatime"]);
        assert_eq!(
            (unit.wanted_by.join(" "), unit.required_by.join(" ")),
            ("multi-user.target".into(), "local-fs.target".into())
        );
        assert_eq!(unit.at.to_string(), "etc/systemd/system/srv-u.mount:4");
    }
}
