//! udev's rules as the administrator, an installer or a vendor's script wrote them: `etc/udev/rules.d`.
//!
//! Of the rules that packages bring only those are kept that keep NetworkManager off a card, since rules ask for
//! these. The jumps of a file (`GOTO`, `LABEL`) are listed like all else and not followed: a file that begins with
//! `SUBSYSTEM!="net", GOTO="end"` has its condition in the rule of that line alone.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, Known};
use crate::parse::udev_rules::{self, Operator};
use crate::place::Place;
use crate::source::{File, NodeKind};

/// udev's rules.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Udev {
    /// The rules in `etc/udev/rules.d`, in udev's order; files that a link to /dev/null masks aside.
    pub rules: Vec<UdevRule>,
    /// The rules of all directories that set `NM_UNMANAGED`, which keeps NetworkManager off a card. Unknown when the
    /// input has none of the rules that packages bring.
    pub unmanaged: Known<Vec<UdevRule>>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UdevRule {
    /// The rule.
    pub at: Place,
    /// `SUBSYSTEM` or `SUBSYSTEMS`, when the rule asks for it: `net`, `block`.
    pub subsystem: Option<String>,
    /// What it asks for: `KERNEL==`, `ATTR{address}==`, `PROGRAM==`, in order.
    pub conditions: Vec<UdevCondition>,
    /// What it sets: `NAME=`, `SYMLINK+=`, `RUN+=`, in order.
    pub settings: Vec<UdevSetting>,
}

/// What a rule asks for.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UdevCondition {
    /// The key with its attribute: `ATTR{address}`.
    pub key: String,
    /// Whether it must not match (`!=`).
    pub negated: bool,
    /// The pattern; `|` parts alternatives.
    pub value: String,
}

/// What a rule sets.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UdevSetting {
    /// The key with its attribute: `SYMLINK`, `ENV{ID_NAME}`.
    pub key: String,
    /// The value, with its `$…` and `%…` as written.
    pub value: String,
}

/// Where udev looks for rules; the first that has a name wins.
pub(super) const DIRECTORIES: [&str; 4] =
    ["etc/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"];

/// Reads udev's rules.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Udev {
    let [own, others @ ..] = DIRECTORIES;
    let mut udev = Udev::default();
    let mut unmanaged = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut has_others = false;
    for directory in DIRECTORIES {
        let names = gather.found(gather.tree.list(directory)).present().unwrap_or_default();
        for name in names.iter().filter_map(|name| name.to_str()).filter(|name| name.ends_with(".rules")) {
            if seen.iter().any(|known| known == name) {
                continue;
            }
            seen.push(name.to_owned());
            has_others |= others.contains(&directory);
            let path = format!("{directory}/{name}");
            if is_masked(gather, &path) {
                continue;
            }
            let Some(file) = gather.read_config(&path).present() else { continue };
            if directory == own {
                udev.rules.extend(rules(&file));
            }
            if memchr::memmem::find(&file.bytes, b"NM_UNMANAGED").is_some() {
                let sets = |rule: &UdevRule| rule.settings.iter().any(|one| one.key == "ENV{NM_UNMANAGED}");
                unmanaged.extend(rules(&file).filter(sets));
            }
        }
    }
    udev.unmanaged = if has_others {
        Known::Known(unmanaged)
    } else {
        Known::unknown("udev's own rules, `usr/lib/udev/rules.d`")
    };
    udev
}

fn is_masked(gather: &Gather<'_>, path: &str) -> bool {
    let node = gather.tree.symlink_metadata(path);
    node.is_ok_and(|node| matches!(&node.kind, NodeKind::Link(target) if target.ends_with("dev/null")))
}

/// The rules of a file; what is no rule is noted where the names of interfaces are read.
fn rules(file: &File) -> impl Iterator<Item = UdevRule> {
    udev_rules::parse(&file.bytes).rules.into_iter().map(|rule| {
        let mut found = UdevRule {
            at: rule.span.at(&file.path),
            subsystem: None,
            conditions: Vec::new(),
            settings: Vec::new(),
        };
        for token in rule.tokens {
            if token.operator.is_condition() {
                let negated = token.operator == Operator::Differ;
                if !negated && matches!(token.key.as_str(), "SUBSYSTEM" | "SUBSYSTEMS") {
                    found.subsystem = Some(token.value.clone());
                }
                found.conditions.push(UdevCondition { key: token.key, negated, value: token.value });
            } else {
                found.settings.push(UdevSetting { key: token.key, value: token.value });
            }
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn the_administrators_rules_are_listed_and_of_the_others_those_that_unmanage() {
        let tree = Memory::new()
            .file(
                "etc/udev/rules.d/60-raw.rules",
                "ACTION==\"add\", KERNEL==\"sdb1\", RUN+=\"/bin/raw /dev/raw/raw1 %N\"\n",
            )
            .file(
                "etc/udev/rules.d/68-a.rules",
                "SUBSYSTEM==\"net\", DRIVERS==\"hv_pci\", ENV{NM_UNMANAGED}=\"1\"\n",
            )
            .link("etc/udev/rules.d/85-nm.rules", "/dev/null")
            .file(
                "usr/lib/udev/rules.d/85-nm.rules",
                "ENV{ID_NET_DRIVER}==\"veth\", ENV{NM_UNMANAGED}=\"1\"\n",
            )
            .file("usr/lib/udev/rules.d/50-default.rules", "KERNEL==\"sda\", GROUP=\"disk\"\n")
            .into_tree();
        let limits = Limits::default();
        let udev = gather(&Gather::new(&tree, &limits));
        assert_eq!(udev.rules.len(), 2);
        assert_eq!(udev.rules[0].conditions[1].value, "sdb1");
        assert_eq!(udev.rules[0].settings[0].key, "RUN");
        let unmanaged = udev.unmanaged.get().unwrap();
        assert_eq!(unmanaged.len(), 1);
        assert_eq!(unmanaged[0].subsystem.as_deref(), Some("net"));
    }
}
