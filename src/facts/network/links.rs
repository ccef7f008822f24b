//! Reads what gives interfaces their names at boot: systemd's `.link` files, udev's rules, and who evaluates them.
//!
//! Files of one name hide each other in the order /etc, /run, /usr/lib; an empty one or a link to /dev/null hides
//! those below it; `NAME.link.d/*.conf` add to them (systemd.link(5), conf_files_list_strv()).

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::names::is_masked;
use crate::facts::setting::Setting;
use crate::facts::{Gather, Known};
use crate::parse::ini::{self, Entry};
use crate::parse::udev_net::{self, Condition};
use crate::place::Place;
use crate::source::File;

/// Where systemd looks for `.link` and `.network` files, the first that has a name wins. `/run` is empty at boot.
pub(super) const DIRECTORIES: [&str; 4] = [
    "etc/systemd/network",
    "usr/local/lib/systemd/network",
    "usr/lib/systemd/network",
    "lib/systemd/network",
];

/// Where udev looks for rules.
const RULE_DIRECTORIES: [&str; 4] =
    ["etc/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"];

/// What a configuration asks of a card. What is empty asks for nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CardMatch {
    /// Patterns of the interface's name; when the first begins with `!`, none of them may match.
    pub names: Vec<String>,
    /// Patterns of the name that the kernel gave.
    pub original_names: Vec<String>,
    /// Addresses, lower case.
    pub macs: Vec<String>,
    /// Patterns of udev's `ID_PATH`: `pci-0000:03:00.0`.
    pub paths: Vec<String>,
    /// Patterns of the driver's name.
    pub drivers: Vec<String>,
    /// Patterns of the kind of interface: `ether`, `wlan`.
    pub kinds: Vec<String>,
    /// What else it asks for, which the simulation does not know.
    pub others: Vec<String>,
}

/// A `.link` file, or what netplan makes one of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// The file; with `Name=` that line.
    pub at: Place,
    /// Which cards it is for.
    pub matches: CardMatch,
    /// `NamePolicy`, in order.
    pub policy: Vec<String>,
    /// `Name`.
    pub name: Option<Setting>,
    /// `AlternativeNamesPolicy`: what the interface can be called besides.
    pub alternative_policy: Vec<String>,
    /// `AlternativeName`.
    pub alternative_names: Vec<String>,
    /// Options of the card's hardware: speed and duplex, offloads, rings, channels.
    pub hardware: Vec<Setting>,
}

/// A udev rule of the administrator's that names an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRule {
    /// The rule.
    pub at: Place,
    /// The name that it gives.
    pub name: String,
    /// What it asks for.
    pub conditions: Vec<Condition>,
}

/// Who names interfaces.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Naming {
    /// The rules file that has udev apply `.link` files (`80-net-setup-link.rules`, before systemd 209
    /// `80-net-name-slot.rules`); null when udev has none, or it is masked. Unknown when the input has none of udev's
    /// own rules.
    pub setup_link: Known<Option<Place>>,
    /// The `.link` files that count, in their order.
    pub links: Vec<Link>,
    /// The rules of the administrator's that give names, in udev's order.
    #[serde(skip)]
    pub rules: Vec<NameRule>,
    /// The rules file that renames after the `HWADDR` of ifcfg files (initscripts' `60-net.rules`), if there is one.
    pub renames_by_hwaddr: Option<Place>,
    /// Addresses for which the generator of persistent names makes none, as patterns: those of virtual machines.
    pub generator_ignores: Vec<String>,
    /// Whether biosdevname is installed.
    pub biosdevname: bool,
    /// The release of systemd; unknown where neither a package nor its library says.
    pub systemd: Known<u32>,
}

/// Reads who names interfaces.
pub(super) fn read(gather: &Gather<'_>) -> Naming {
    let setup_link = rules_file(gather, &["80-net-setup-link.rules", "80-net-name-slot.rules"]);
    let programs = ["usr/sbin/biosdevname", "sbin/biosdevname", "usr/bin/biosdevname"];
    Naming {
        links: links(gather),
        rules: rules(gather),
        renames_by_hwaddr: rules_file(gather, &["60-net.rules"]).get().cloned().flatten(),
        generator_ignores: generator_ignores(gather),
        biosdevname: programs.iter().any(|path| gather.tree.exists(path)),
        systemd: systemd(gather),
        setup_link,
    }
}

/// The first of `names` that udev reads; none if it has none of them, or they are masked.
fn rules_file(gather: &Gather<'_>, names: &[&str]) -> Known<Option<Place>> {
    for name in names {
        let paths = RULE_DIRECTORIES.map(|directory| format!("{directory}/{name}"));
        if let Some(path) = paths.into_iter().find(|path| gather.tree.symlink_metadata(path).is_ok()) {
            let is_empty = gather.tree.metadata(&path).is_ok_and(|node| node.len == 0);
            return Known::Known((!is_masked(gather, &path) && !is_empty).then(|| Place::file(path)));
        }
    }
    let [_, own @ ..] = RULE_DIRECTORIES;
    let has_own =
        own.iter().any(|directory| gather.tree.list(directory).is_ok_and(|files| !files.is_empty()));
    if has_own { Known::Known(None) } else { Known::unknown("udev's own rules, `usr/lib/udev/rules.d`") }
}

/// The release of systemd, by the name of its library.
fn systemd(gather: &Gather<'_>) -> Known<u32> {
    let folders = [
        "usr/lib/systemd",
        "lib/systemd",
        "usr/lib/x86_64-linux-gnu/systemd",
        "lib/x86_64-linux-gnu/systemd",
        "usr/lib/aarch64-linux-gnu/systemd",
        "usr/lib64/systemd",
    ];
    for folder in folders {
        for name in gather.tree.list(folder).unwrap_or_default() {
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("libsystemd-shared-")) else {
                continue;
            };
            let digits = rest.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
            if let Ok(release) = digits.parse() {
                return Known::Known(release);
            }
        }
    }
    Known::unknown("the package database, or `usr/lib/systemd`")
}

/// The files of the directories with that ending that count, in the order of their names.
pub(super) fn effective(gather: &Gather<'_>, ending: &str) -> Vec<File> {
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for directory in DIRECTORIES {
        for name in gather.tree.list(directory).unwrap_or_default() {
            if let Some(name) = name.to_str().filter(|name| name.ends_with(ending)) {
                paths.entry(name.to_owned()).or_insert_with(|| format!("{directory}/{name}"));
            }
        }
    }
    let unmasked = paths.into_values().filter(|path| !is_masked(gather, path));
    unmasked.filter_map(|path| gather.read(path).present()).filter(|file| !file.bytes.is_empty()).collect()
}

/// The entries of a file and of its drop-ins, each with the file that it stands in.
pub(super) fn with_drop_ins(gather: &Gather<'_>, path: &Arc<str>, bytes: &[u8]) -> Vec<(Arc<str>, Entry)> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for directory in DIRECTORIES {
        let folder = format!("{directory}/{name}.d");
        for name in gather.tree.list(&folder).unwrap_or_default() {
            if let Some(name) = name.to_str().filter(|name| name.ends_with(".conf")) {
                paths.entry(name.to_owned()).or_insert_with(|| format!("{folder}/{name}"));
            }
        }
    }
    let more: Vec<File> = paths.into_values().filter_map(|path| gather.read(path).present()).collect();
    let more = more.iter().map(|file| (&file.path, file.bytes.as_slice()));
    let all = std::iter::once((path, bytes)).chain(more);
    let entries = all
        .flat_map(|(path, bytes)| ini::parse(bytes).into_iter().map(move |entry| (Arc::clone(path), entry)));
    entries.collect()
}

/// The patterns of `ENV{MATCHADDR}=="52:54:00:*", GOTO=...` in `75-persistent-net-generator.rules`.
fn generator_ignores(gather: &Gather<'_>) -> Vec<String> {
    let name = "75-persistent-net-generator.rules";
    let files =
        RULE_DIRECTORIES.iter().filter_map(|folder| gather.read(format!("{folder}/{name}")).present());
    let Some(file) = files.into_iter().next() else { return Vec::new() };
    let text = String::from_utf8_lossy(&file.bytes).into_owned();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && line.contains("GOTO="));
    let patterns = lines.filter_map(|line| line.split_once("ENV{MATCHADDR}==\"")?.1.split('"').next());
    patterns.flat_map(|pattern| pattern.split('|')).map(str::to_owned).collect()
}

/// The default of systemd, for an input that holds no file of its package.
const DEFAULT_LINK: &str = "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel database onboard slot path\nAlternativeNamesPolicy=database onboard slot path\n";

/// systemd's own files are not in the input, and nothing stands for its default.
fn lacks_default(gather: &Gather<'_>) -> bool {
    let [_, own @ ..] = DIRECTORIES;
    let named = DIRECTORIES.map(|folder| format!("{folder}/99-default.link"));
    !own.iter().any(|folder| gather.tree.exists(folder))
        && !named.iter().any(|path| gather.tree.symlink_metadata(path).is_ok())
}

fn links(gather: &Gather<'_>) -> Vec<Link> {
    let files = effective(gather, ".link").into_iter().map(|file| (file.path, file.bytes));
    let default: Arc<str> = "usr/lib/systemd/network/99-default.link".into();
    let default = lacks_default(gather).then(|| (default, DEFAULT_LINK.as_bytes().to_vec()));
    let links =
        files.chain(default).filter_map(|(path, bytes)| link(&path, &with_drop_ins(gather, &path, &bytes)));
    links.collect()
}

/// Reads the text of a `.link` file; for those in an initrd, too.
pub(crate) fn parse_link(path: &str, bytes: &[u8]) -> Option<Link> {
    let path: Arc<str> = path.into();
    let entries: Vec<_> = ini::parse(bytes).into_iter().map(|entry| (Arc::clone(&path), entry)).collect();
    link(&path, &entries)
}

/// A file without a `[Match]` is passed over since systemd 243; earlier it matched all, and nobody wrote such.
fn link(path: &Arc<str>, entries: &[(Arc<str>, Entry)]) -> Option<Link> {
    let matches = card_match(entries)?;
    let last = |key: &str| entries.iter().rfind(|(_, entry)| entry.section == "Link" && entry.key == key);
    let name = last("Name").filter(|(_, entry)| !entry.value.is_empty());
    let name = name.map(|(path, entry)| Setting { value: entry.value.clone(), at: entry.span.at(path) });
    let policy = last("NamePolicy").map(|(_, entry)| words(&entry.value)).unwrap_or_default();
    let alternative_policy =
        last("AlternativeNamesPolicy").map(|(_, entry)| words(&entry.value)).unwrap_or_default();
    let alternative_names = last("AlternativeName").map(|(_, entry)| words(&entry.value)).unwrap_or_default();
    let at = name.as_ref().map_or_else(|| Place::file(Arc::clone(path)), |name| name.at.clone());
    let hardware = entries.iter().filter(|(_, entry)| entry.section == "Link" && is_of_hardware(&entry.key));
    let hardware = hardware.map(|(path, entry)| Setting {
        value: format!("{}={}", entry.key, entry.value),
        at: entry.span.at(path),
    });
    Some(Link {
        at,
        matches,
        policy,
        name,
        alternative_policy,
        alternative_names,
        hardware: hardware.collect(),
    })
}

/// What systemd hands to the driver as ethtool does (systemd.link(5)).
fn is_of_hardware(key: &str) -> bool {
    let named = ["BitsPerSecond", "Duplex", "AutoNegotiation", "Port", "Advertise"];
    let endings = ["BufferSize", "Channels", "Offload", "FlowControl"];
    named.contains(&key) || endings.iter().any(|ending| key.ends_with(ending))
}

fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()
}

/// The `[Match]` section; none if there is nothing in it.
pub(super) fn card_match(entries: &[(Arc<str>, Entry)]) -> Option<CardMatch> {
    let mut found = CardMatch::default();
    let mut any = false;
    for (_, entry) in entries.iter().filter(|(_, entry)| entry.section == "Match") {
        any = true;
        let list = match entry.key.as_str() {
            "Name" => &mut found.names,
            "OriginalName" => &mut found.original_names,
            "MACAddress" | "PermanentMACAddress" => &mut found.macs,
            "Path" => &mut found.paths,
            "Driver" => &mut found.drivers,
            "Type" => &mut found.kinds,
            _ => &mut found.others,
        };
        if entry.value.is_empty() {
            list.clear();
        } else if matches!(entry.key.as_str(), "MACAddress" | "PermanentMACAddress") {
            list.extend(words(&entry.value).iter().map(|mac| normal_mac(mac)));
        } else if matches!(entry.key.as_str(), "Name" | "OriginalName" | "Path" | "Driver" | "Type") {
            list.extend(words(&entry.value));
        } else {
            list.push(format!("{}={}", entry.key, entry.value));
        }
    }
    any.then_some(found)
}

/// An address in lower case with colons.
pub(super) fn normal_mac(mac: &str) -> String {
    mac.to_ascii_lowercase().replace('-', ":")
}

/// The rules in `etc/udev/rules.d` that give a name.
fn rules(gather: &Gather<'_>) -> Vec<NameRule> {
    let directory = "etc/udev/rules.d";
    let files = gather.read_directory(directory, |name| {
        name.ends_with(".rules") && !is_masked(gather, &format!("{directory}/{name}"))
    });
    files.iter().flat_map(|file| parse_rules(&file.path, &file.bytes)).collect()
}

/// The rules of a file that give a name; for those in an initrd, too.
pub(crate) fn parse_rules(path: &str, bytes: &[u8]) -> Vec<NameRule> {
    let path: Arc<str> = path.into();
    let rules = udev_net::parse(bytes).names.into_iter().map(|rule| NameRule {
        at: rule.span.at(&path),
        name: rule.name,
        conditions: rule.conditions,
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn gathered(memory: Memory) -> Naming {
        let tree = memory.into_tree();
        let limits = Limits::default();
        read(&Gather::new(&tree, &limits))
    }

    #[test]
    fn links_hide_each_other_by_name_and_grow_by_drop_ins() {
        let naming = gathered(
            Memory::new()
                .file(
                    "usr/lib/systemd/network/99-default.link",
                    "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep slot\n",
                )
                .file("etc/systemd/network/99-default.link.d/a.conf", "[Link]\nNamePolicy=path\n")
                .file("usr/lib/systemd/network/50-x.link", "[Match]\nDriver=e1000\n[Link]\nName=lib0\n")
                .file(
                    "etc/systemd/network/50-x.link",
                    "[Match]\nMACAddress=00-00-5E-00-53-01\nDriver=a\nDriver=\n[Link]\nName=etc0\n",
                )
                .link("etc/systemd/network/60-y.link", "/dev/null")
                .file("usr/lib/systemd/network/60-y.link", "[Match]\nDriver=e1000\n[Link]\nName=gone0\n")
                .file("etc/systemd/network/70-empty.link", "[Link]\nName=none0\n"),
        );
        let rows: Vec<_> = naming
            .links
            .iter()
            .map(|link| {
                (
                    link.at.to_string(),
                    link.name.as_ref().map(|name| name.value.as_str()),
                    link.policy.join(" "),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("etc/systemd/network/50-x.link:6".to_owned(), Some("etc0"), String::new()),
                ("usr/lib/systemd/network/99-default.link".to_owned(), None, "path".to_owned()),
            ]
        );
        assert_eq!(naming.links[0].matches.macs, ["00:00:5e:00:53:01"]);
        assert!(naming.links[0].matches.drivers.is_empty());
    }

    #[test]
    fn what_names_cards_is_known_by_udevs_own_rules() {
        assert!(gathered(Memory::new()).setup_link.needs().is_some());
        assert_eq!(gathered(Memory::new()).links.len(), 1, "systemd's default stands in for its files");
        let rules = || Memory::new().file("usr/lib/udev/rules.d/80-net-setup-link.rules", "x\n");
        assert!(matches!(gathered(rules()).setup_link, Known::Known(Some(_))));
        let masked = rules().link("etc/udev/rules.d/80-net-setup-link.rules", "/dev/null");
        assert_eq!(gathered(masked).setup_link, Known::Known(None));
        let other = Memory::new()
            .file("lib/udev/rules.d/75-persistent-net-generator.rules", "# ENV{MATCHADDR}==\"x\", GOTO=\"e\"\nENV{MATCHADDR}==\"52:54:00:*|00:16:3e:*\", GOTO=\"e\"\n")
            .file("usr/lib/systemd/libsystemd-shared-239.so", "")
            .file("usr/sbin/biosdevname", "");
        let naming = gathered(other);
        assert_eq!(naming.setup_link, Known::Known(None));
        assert_eq!(naming.generator_ignores, ["52:54:00:*", "00:16:3e:*"]);
        assert_eq!((naming.systemd, naming.biosdevname), (Known::Known(239), true));
    }
}
