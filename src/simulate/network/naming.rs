//! How udev names the cards: the kernel's own names, rules, `.link` files, and what becomes of names that are taken.
//!
//! Sources: udev-event.c (`event_rename_interface`, `NAME=` before `ID_NET_NAME`), udev/net/link-config.c
//! (`link_config_generate_new_name`), and before systemd 209 udev-event.c's `rename_netif`, which waits for a name
//! to come free.

use std::collections::BTreeSet;

use super::cards::{Bus, Card};
use super::predictable::{Names, Scheme};
use crate::facts::network::{CardMatch, Link, NameRule};
use crate::parse::modules::alias_matches;
use crate::place::Place;

/// The first release whose default gives alternative names, and whose networkd matches them.
const FIRST_WITH_ALTNAMES: u32 = 245;

/// Up to this release a card waited for the name that it is to have.
const LAST_THAT_WAITS: u32 = 208;

/// A name, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NicName {
    /// It is this.
    Known(String),
    /// It is `eth` and a number that nobody knows.
    SomeEth,
    /// It is one of these.
    OneOf(Vec<String>),
}

impl NicName {
    pub(super) fn known(&self) -> Option<&str> {
        match self {
            Self::Known(name) => Some(name),
            _ => None,
        }
    }

    /// Whether a pattern (fnmatch) matches; none if that is not known.
    pub(super) fn matches(&self, pattern: &str) -> Option<bool> {
        let fits = |name: &str| alias_matches(pattern.as_bytes(), name.as_bytes());
        let mut answers = match self {
            Self::Known(name) => return Some(fits(name)),
            Self::SomeEth => (0..10).map(|number| fits(&format!("eth{number}"))).collect::<Vec<_>>(),
            Self::OneOf(names) => names.iter().map(|name| fits(name)).collect(),
        };
        answers.dedup();
        match answers.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

/// A card on its way through the boot.
#[derive(Debug, Clone)]
pub(super) struct Interface<'c> {
    pub(super) card: &'c Card,
    /// The driver modules on the way to it, from the bus down.
    pub(super) drivers: Vec<String>,
    pub(super) names: Names,
    /// Its address in this world; none: it is one that no file names.
    pub(super) mac: Option<String>,
    /// The name that the kernel gives.
    pub(super) kernel: NicName,
    pub(super) name: NicName,
    /// What it can be called besides: systemd gives these since release 245.
    pub(super) altnames: Vec<String>,
    /// Whether userspace has named it.
    pub(super) renamed: bool,
    /// What gave the name, when a file did.
    pub(super) named_by: Option<Place>,
    /// Why it is called so, or why that is not known.
    pub(super) why: String,
}

/// What names cards in the initrd, or in the root.
pub(super) struct Namer<'a> {
    pub(super) rules: Vec<&'a NameRule>,
    pub(super) links: Vec<&'a Link>,
    /// Whether udev applies `.link` files; none: not known.
    pub(super) applies_links: Option<bool>,
    /// Whether policies count: not with `net.ifnames=0`.
    pub(super) ifnames: bool,
    pub(super) scheme: Option<Scheme>,
    /// The names that the generator of persistent names counts on from, if there is one.
    pub(super) generator: Option<Vec<String>>,
    /// Whether biosdevname names cards, which asks the machine's own tables.
    pub(super) biosdevname: bool,
    /// HWADDR and DEVICE of ifcfg files, where udev renames after them.
    pub(super) by_hwaddr: Vec<(String, String, Place)>,
}

/// What is to become of a name.
enum Wish {
    Keep,
    Name(String, Option<Place>, String),
    Unknown(String),
}

impl<'c> Interface<'c> {
    pub(super) fn new(card: &'c Card, drivers: Vec<String>, names: Names, mac: Option<String>) -> Self {
        Self {
            card,
            drivers,
            names,
            mac,
            kernel: NicName::SomeEth,
            name: NicName::SomeEth,
            altnames: Vec::new(),
            renamed: false,
            named_by: None,
            why: "the kernel's name".to_owned(),
        }
    }

    /// `ID_PATH` of the interface.
    fn path(&self) -> Option<String> {
        let address = self.card.address?;
        (self.card.bus == Bus::Pci).then(|| format!("pci-{address}"))
    }

    fn mac_matches(&self, pattern: &str) -> bool {
        let pattern = pattern.to_ascii_lowercase();
        self.mac.as_ref().is_some_and(|mac| alias_matches(pattern.as_bytes(), mac.as_bytes()))
    }

    /// Whether one of the drivers is called so; the kernel's names of drivers and modules differ in dashes.
    fn driver_matches(&self, pattern: &str) -> bool {
        let fits = |name: &str| alias_matches(pattern.as_bytes(), name.as_bytes());
        self.drivers.iter().any(|driver| {
            fits(driver) || fits(&driver.replace('_', "-")) || (driver == "xen_netfront" && fits("vif"))
        })
    }

    /// The driver as ethtool tells it: that of the interface itself.
    fn own_driver_matches(&self, pattern: &str) -> bool {
        let Some(driver) = self.drivers.last() else { return false };
        let fits = |name: &str| alias_matches(pattern.as_bytes(), name.as_bytes());
        match driver.as_str() {
            "xen_netfront" => fits("vif"),
            "ne2k_pci" => fits("ne2k-pci"),
            other => fits(other),
        }
    }

    /// Whether a configuration's match is for this card; none if that is not known.
    pub(super) fn fits(&self, wanted: &CardMatch) -> Option<bool> {
        let mut answers = Vec::new();
        if !wanted.names.is_empty() {
            answers.push(name_list(&self.name, &wanted.names));
        }
        if !wanted.original_names.is_empty() {
            // systemd compares with the name that the interface has now (net_match_config, `ifname`).
            answers.push(name_list(&self.name, &wanted.original_names));
        }
        if !wanted.macs.is_empty() {
            answers.push(Some(wanted.macs.iter().any(|mac| self.mac_matches(mac))));
        }
        if !wanted.paths.is_empty() {
            let path = self.path();
            let fits = |path: &String| {
                wanted.paths.iter().any(|pattern| alias_matches(pattern.as_bytes(), path.as_bytes()))
            };
            answers.push(match (&path, self.card.bus) {
                (Some(path), _) => Some(fits(path)),
                // A path on another bus says so.
                (None, bus) if wanted.paths.iter().all(|path| !may_be_path(path, bus)) => Some(false),
                _ => None,
            });
        }
        if !wanted.drivers.is_empty() {
            answers.push(Some(wanted.drivers.iter().any(|pattern| self.own_driver_matches(pattern))));
        }
        if !wanted.kinds.is_empty() {
            answers.push(name_list(&NicName::Known("ether".to_owned()), &wanted.kinds));
        }
        if !wanted.others.is_empty() {
            answers.push(None);
        }
        match () {
            () if answers.contains(&Some(false)) => Some(false),
            () if answers.contains(&None) => None,
            () => Some(true),
        }
    }

    /// Whether a rule is for this card.
    fn fits_rule(&self, rule: &NameRule) -> Option<bool> {
        let mut known = true;
        for condition in &rule.conditions {
            let any = |fits: &dyn Fn(&str) -> bool| Some(condition.value.split('|').any(fits));
            let is = |text: &str| any(&|pattern| alias_matches(pattern.as_bytes(), text.as_bytes()));
            let answer = match condition.key.as_str() {
                "SUBSYSTEM" => is("net"),
                "ACTION" => is("add"),
                "ATTR{type}" | "ATTRS{type}" | "SYSFS{type}" => is("1"),
                "ATTR{dev_id}" | "ATTRS{dev_id}" => is("0x0"),
                "ATTR{dev_port}" | "ATTRS{dev_port}" => is("0"),
                "ATTR{address}" | "ATTRS{address}" | "SYSFS{address}" | "ENV{MATCHADDR}" => {
                    any(&|pattern| self.mac_matches(pattern))
                }
                "DRIVERS" | "DRIVER" if condition.value == "?*" => Some(true),
                "DRIVERS" | "ENV{ID_NET_DRIVER}" => any(&|pattern| self.driver_matches(pattern)),
                "KERNEL" | "ENV{INTERFACE}" => {
                    name_list(&self.name, &condition.value.split('|').map(str::to_owned).collect::<Vec<_>>())
                }
                "KERNELS" | "ID" | "BUS_ID" => self.parents_match(&condition.value),
                "SUBSYSTEMS" | "BUS" => match self.card.bus {
                    Bus::Pci => is("pci").filter(|fits| *fits),
                    Bus::Vmbus => is("vmbus").filter(|fits| *fits),
                    Bus::Xen => is("xen").filter(|fits| *fits),
                    _ => None,
                },
                "NAME" => Some(condition.value.is_empty()),
                _ => None,
            };
            match answer.map(|answer| answer != condition.negated) {
                Some(false) => return Some(false),
                Some(true) => {}
                None => known = false,
            }
        }
        known.then_some(true)
    }

    /// `KERNELS` looks at the interface and all devices above it.
    fn parents_match(&self, value: &str) -> Option<bool> {
        let bridges = self.card.bridges.iter().flatten();
        let addresses: Vec<String> =
            self.card.address.iter().chain(bridges).map(ToString::to_string).collect();
        let fits = |pattern: &str| {
            let above = addresses.iter().any(|address| alias_matches(pattern.as_bytes(), address.as_bytes()));
            above || self.name.matches(pattern) == Some(true)
        };
        if value.split('|').any(fits) {
            return Some(true);
        }
        let is_pci = value.split('|').all(|pattern| pattern.len() == 12 && pattern.contains(':'));
        (is_pci && (self.card.address.is_some() || self.card.bus != Bus::Pci)).then_some(false)
    }
}

/// Whether a pattern can be for a card on that bus, whose path is not known (udev-builtin-path_id.c).
fn may_be_path(pattern: &str, bus: Bus) -> bool {
    let of_other_bus = [("usb", Bus::Usb), ("pci-", Bus::Pci), ("vmbus", Bus::Vmbus), ("xen", Bus::Xen)];
    let named = of_other_bus.iter().find(|(word, _)| pattern.contains(word));
    named.is_none_or(|(_, of)| *of == bus || (*of == Bus::Pci && bus == Bus::Usb))
}

/// Whether a list of patterns is for the name; with `!` before the first, when none of them matches.
fn name_list(name: &NicName, patterns: &[String]) -> Option<bool> {
    let negated = patterns.first().is_some_and(|first| first.starts_with('!'));
    let mut answers = patterns.iter().map(|pattern| name.matches(pattern.trim_start_matches('!')));
    let mut known = true;
    let any = answers.any(|answer| {
        known &= answer.is_some();
        answer == Some(true)
    });
    if any { Some(!negated) } else { known.then_some(negated) }
}

/// Gives each interface the kernel's name. `groups` are the interfaces that appear at one time, in order; within a
/// group each driver finds its cards in the order of their addresses, but which driver comes first is a race.
pub(super) fn kernel_names(interfaces: &mut [Interface<'_>], groups: &[Vec<usize>]) {
    let mut next = Some(0);
    for group in groups.iter().filter(|group| !group.is_empty()) {
        let drivers: BTreeSet<&String> =
            group.iter().filter_map(|index| interfaces.get(*index)?.drivers.last()).collect();
        let several = drivers.len() > 1;
        let list = drivers.iter().map(|driver| driver.as_str()).collect::<Vec<_>>().join(" and ");
        if several {
            next = None;
        }
        for index in group {
            let Some(interface) = interfaces.get_mut(*index) else { continue };
            interface.kernel = match &mut next {
                Some(number) => {
                    *number += 1;
                    NicName::Known(format!("eth{}", *number - 1))
                }
                None => {
                    interface.why = if several {
                        format!(
                            "{list} are loaded at the same time, so that which card is found first is a race"
                        )
                    } else {
                        "cards found before it are numbered by a race".to_owned()
                    };
                    NicName::SomeEth
                }
            };
            interface.name = interface.kernel.clone();
        }
    }
}

impl Namer<'_> {
    /// Names those of the interfaces that are there.
    pub(super) fn apply(&self, interfaces: &mut [Interface<'_>], present: &[usize]) {
        for index in present {
            if let Some(interface) = interfaces.get_mut(*index) {
                let more = self.altnames(interface);
                interface.altnames.extend(more);
            }
        }
        let mut generated = self.generator.clone();
        let wishes: Vec<(usize, Wish)> = present
            .iter()
            .filter_map(|index| Some((*index, self.wish(interfaces.get(*index)?, &mut generated))))
            .collect();
        self.rename(interfaces, &wishes);
    }

    /// The other names that the `.link` file for the interface gives it; `net.ifnames=0` does not keep them away.
    fn altnames(&self, interface: &Interface<'_>) -> Vec<String> {
        let knows_them = self.scheme.is_some_and(|scheme| scheme.systemd >= FIRST_WITH_ALTNAMES);
        if self.applies_links != Some(true) || !knows_them {
            return Vec::new();
        }
        let Some(link) = self.links.iter().find(|link| interface.fits(&link.matches) == Some(true)) else {
            return Vec::new();
        };
        let names = &interface.names;
        let by_policy = link.alternative_policy.iter().filter_map(|policy| match policy.as_str() {
            "onboard" => names.onboard.clone(),
            "slot" => names.slot.clone(),
            "path" => names.path.clone(),
            "mac" => names.mac.clone(),
            _ => None,
        });
        by_policy.chain(link.alternative_names.iter().cloned()).collect()
    }

    fn wish(&self, interface: &Interface<'_>, generated: &mut Option<Vec<String>>) -> Wish {
        // The last rule that gives a name wins (udev(7): NAME is assigned again).
        for rule in self.rules.iter().rev() {
            match interface.fits_rule(rule) {
                Some(true) => {
                    return Wish::Name(rule.name.clone(), Some(rule.at.clone()), "a udev rule".to_owned());
                }
                Some(false) => {}
                None => {
                    return Wish::Unknown(format!(
                        "whether the udev rule `{}` is for it is not known",
                        rule.at
                    ));
                }
            }
        }
        if let Some((_, name, at)) = self.by_hwaddr.iter().find(|(mac, ..)| interface.mac_matches(mac)) {
            return Wish::Name(name.clone(), Some(at.clone()), "its HWADDR".to_owned());
        }
        if let Some(taken) = generated
            && let Some(name) = interface.name.known()
        {
            // It writes a rule with the name that the card has, unless another rule has it.
            if !taken.iter().any(|other| other == name) {
                taken.push(name.to_owned());
                return Wish::Keep;
            }
            let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let numbers = taken.iter().filter_map(|other| other.strip_prefix(base)?.parse::<u32>().ok());
            let new = format!("{base}{}", numbers.max().map_or(0, |highest| highest.saturating_add(1)));
            taken.push(new.clone());
            let why = format!("udev's generator finds {name} taken by another card's rule");
            return Wish::Name(new, None, why);
        }
        if self.biosdevname {
            return Wish::Unknown("biosdevname names it after tables of the machine's firmware".to_owned());
        }
        match self.applies_links {
            Some(true) => self.wish_of_links(interface),
            Some(false) => Wish::Keep,
            None => Wish::Unknown("whether udev names cards after their slots is not known".to_owned()),
        }
    }

    fn wish_of_links(&self, interface: &Interface<'_>) -> Wish {
        for link in &self.links {
            match interface.fits(&link.matches) {
                Some(true) => return self.wish_of_link(interface, link),
                Some(false) => {}
                None => return Wish::Unknown(format!("whether `{}` is for it is not known", link.at)),
            }
        }
        Wish::Keep
    }

    fn wish_of_link(&self, interface: &Interface<'_>, link: &Link) -> Wish {
        let Some(scheme) = self.scheme else {
            return Wish::Unknown("which systemd names the cards is not known".to_owned());
        };
        if interface.renamed && !scheme.allows_rerenames() {
            return Wish::Keep;
        }
        for policy in link.policy.iter().filter(|_| self.ifnames) {
            let names = &interface.names;
            let named = match policy.as_str() {
                "keep" if interface.renamed => return Wish::Keep,
                "onboard" => &names.onboard,
                // Where the card sits could give a name, but nobody says.
                "slot" | "path" if names.place_unknown => {
                    return Wish::Unknown("the target does not say where the card sits (`slot`)".to_owned());
                }
                "slot" => &names.slot,
                "path" => &names.path,
                "mac" if names.mac.is_none() => {
                    return Wish::Unknown(
                        "its name is made of its address, which the target does not say (`mac`)".to_owned(),
                    );
                }
                "mac" => &names.mac,
                _ => continue,
            };
            if let Some(name) = named {
                return Wish::Name(name.clone(), None, format!("its {policy}"));
            }
        }
        match &link.name {
            Some(name) => Wish::Name(name.value.clone(), Some(name.at.clone()), "a .link file".to_owned()),
            None => Wish::Keep,
        }
    }

    /// Carries out what is wished. A name that another interface has is not given; with an older udev it waits.
    fn rename(&self, interfaces: &mut [Interface<'_>], wishes: &[(usize, Wish)]) {
        let waits = self.scheme.is_some_and(|scheme| scheme.systemd <= LAST_THAT_WAITS);
        let before: Vec<NicName> = interfaces.iter().map(|interface| interface.name.clone()).collect();
        let wanted = |index: usize| {
            wishes.iter().find(|(other, _)| *other == index).and_then(|(_, wish)| match wish {
                Wish::Name(name, ..) => Some(name.as_str()),
                _ => None,
            })
        };
        for (index, wish) in wishes {
            let Some(current) = before.get(*index) else { continue };
            let Some(interface) = interfaces.get_mut(*index) else { continue };
            match wish {
                Wish::Keep => {}
                Wish::Unknown(why) => {
                    interface.name = NicName::OneOf(current.known().map(str::to_owned).into_iter().collect());
                    why.clone_into(&mut interface.why);
                }
                Wish::Name(name, at, why) => {
                    let verdict = verdict(*index, name, &before, &wanted, waits);
                    interface.take(name, current, at.as_ref(), why, verdict);
                }
            }
        }
    }
}

enum Verdict {
    Free,
    Taken,
    Race(&'static str),
}

/// Whether the interface `index` gets the name.
fn verdict<'w>(
    index: usize,
    name: &str,
    before: &[NicName],
    wanted: &dyn Fn(usize) -> Option<&'w str>,
    waits: bool,
) -> Verdict {
    let others = || (0..before.len()).filter(|other| *other != index);
    if others().any(|other| wanted(other) == Some(name)) {
        return Verdict::Race("another card is to have the same name, and which is first is a race");
    }
    let holder = others().find(|other| before.get(*other).and_then(NicName::known) == Some(name));
    let is_eth = name.strip_prefix("eth").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let may_hold = |other: &usize| is_eth && before.get(*other).is_some_and(|name| name.known().is_none());
    let Some(holder) = holder else {
        return match others().find(may_hold) {
            Some(_) => Verdict::Race("another card may have that name at the time"),
            None => Verdict::Free,
        };
    };
    if waits {
        return if wanted(holder).is_some_and(|other| other != name) {
            Verdict::Free
        } else {
            Verdict::Taken
        };
    }
    // Whoever holds the name and wants another one may give it up in time; not if it waits for ours in turn.
    let mut at = holder;
    for _ in 0..before.len() {
        let Some(next) = wanted(at) else { break };
        if before.get(index).and_then(NicName::known) == Some(next) {
            return Verdict::Taken;
        }
        match others().find(|other| before.get(*other).and_then(NicName::known) == Some(next)) {
            Some(other) if other != at => at = other,
            Some(_) => break,
            None => return Verdict::Race("the card that has the name now is renamed at the same time"),
        }
    }
    Verdict::Taken
}

impl Interface<'_> {
    fn take(&mut self, name: &str, current: &NicName, at: Option<&Place>, why: &str, verdict: Verdict) {
        if current.known() == Some(name) {
            self.named_by = at.cloned();
            return;
        }
        match verdict {
            Verdict::Free => {
                self.name = NicName::Known(name.to_owned());
                self.renamed = true;
                self.named_by = at.cloned();
                why.clone_into(&mut self.why);
            }
            Verdict::Taken => {
                self.why = format!("it keeps its name, as {name} is taken by another card");
                self.named_by = at.cloned();
            }
            Verdict::Race(reason) => {
                let mut names: Vec<String> = current.known().map(str::to_owned).into_iter().collect();
                names.push(name.to_owned());
                self.name = NicName::OneOf(names);
                self.named_by = at.cloned();
                reason.clone_into(&mut self.why);
            }
        }
    }
}
