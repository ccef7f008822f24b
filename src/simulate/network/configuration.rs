//! Which configuration brings an interface up, and what its manager makes of interfaces that do not come.

use super::naming::{Interface, NicName};
use crate::facts::network::{Connection, Network, NetworkManagerConf, Owner};
use crate::facts::system::Family;
use crate::facts::{Facts, Known};
use crate::parse::modules::alias_matches;
use crate::place::Place;
use crate::target::Target;

/// Interfaces on each other that are followed: a VLAN on a bridge on a bond.
const MAX_STACK: usize = 8;

/// Whether a manager runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    Yes,
    No,
    /// Nothing says so, but the distribution starts it unless told otherwise.
    ByDefault,
    Unknown,
}

impl Runs {
    fn may(self) -> bool {
        self != Self::No
    }
}

/// The managers, and whether each runs.
pub(super) struct Managers<'a> {
    facts: &'a Facts,
    network: &'a Network,
    ifupdown: Runs,
    networkd: Runs,
    networkmanager: Runs,
    scripts: Runs,
    wicked: Runs,
    cloud: Option<Place>,
}

/// What brings one interface up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// This does.
    By {
        /// The line or file; none when a manager does by itself.
        at: Option<Place>,
        /// What, as it stands in the sentence.
        what: String,
    },
    /// Nothing does.
    Nothing,
    /// That is not known.
    Unknown(String),
}

impl<'a> Managers<'a> {
    pub(super) fn of(facts: &'a Facts, target: &Target) -> Self {
        let services = &facts.network.services;
        let network = &facts.network;
        let runs = |service: &Known<Option<Place>>, by_default: bool| match service {
            Known::Known(Some(_)) => Runs::Yes,
            Known::Known(None) => Runs::No,
            Known::Unknown { .. } if by_default => Runs::ByDefault,
            Known::Unknown { .. } => Runs::Unknown,
        };
        let has = |owner: Owner| network.connections.iter().any(|connection| connection.owner == owner);
        let debian = facts.system.family.get() == Some(&Family::Debian);
        let mut networkd = runs(&services.networkd, false);
        let mut networkmanager = runs(&services.networkmanager, false);
        // netplan's generator has the managers of its files started, whatever is enabled.
        let bare = services.networkd.get().is_none();
        if has(Owner::NetplanNetworkd) && (services.netplan || bare) {
            networkd = Runs::Yes;
        }
        if has(Owner::NetplanNetworkmanager) && networkmanager == Runs::Unknown {
            networkmanager = Runs::ByDefault;
        }
        // Debian and Ubuntu up to 17.04 start ifupdown with the package; where its program is not in a whole root, it is
        // not installed.
        let ifupdown = runs(&services.ifupdown, debian && has(Owner::Ifupdown));
        let on_cloud = target.classes.iter().any(|class| class == "cloud");
        Self {
            facts,
            network,
            ifupdown,
            networkd,
            networkmanager,
            scripts: runs(&services.network, false),
            wicked: runs(&services.wicked, false),
            cloud: services.cloud_init.clone().filter(|_| on_cloud),
        }
    }

    /// Whether a manager of that owner's files runs.
    fn runs(&self, connection: &Connection) -> Runs {
        match connection.owner {
            Owner::Ifupdown => self.ifupdown,
            Owner::Networkd | Owner::NetplanNetworkd => self.networkd,
            Owner::Networkmanager | Owner::NetplanNetworkmanager => self.networkmanager,
            Owner::IfcfgRedHat => {
                let by_networkmanager = if connection.scripts_only || !self.networkmanager_reads_ifcfg() {
                    Runs::No
                } else {
                    self.networkmanager
                };
                either(self.scripts, by_networkmanager)
            }
            Owner::IfcfgSuse => either(self.scripts, self.wicked),
        }
    }

    /// RHEL 10 and Fedora 36 have no ifcfg-rh plugin any more.
    fn networkmanager_reads_ifcfg(&self) -> bool {
        let newest = if self.facts.system.id.as_deref() == Some("fedora") { 35 } else { 9 };
        self.facts.system.major_version.is_none_or(|version| version <= newest)
    }

    /// The connections that are brought up at boot by a manager that runs, or may.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &'a Connection> + '_ {
        let connections = self.network.connections.iter();
        connections.filter(|one| one.starts_at_boot && !one.unmanaged && self.runs(one).may())
    }

    /// Whether it is sure that all managers that run are known.
    fn is_sure(&self) -> bool {
        let all = [self.networkd, self.networkmanager, self.scripts, self.wicked];
        self.ifupdown == Runs::ByDefault
            || all.iter().all(|runs| *runs != Runs::Unknown)
            || self.networkd == Runs::Yes
    }

    /// What brings the interface up.
    pub(super) fn answer(&self, interface: &Interface<'_>) -> Answer {
        if let Some(at) = &self.cloud {
            return Answer::By {
                at: Some(at.clone()),
                what: "cloud-init, which writes the configuration anew".to_owned(),
            };
        }
        let mut unknown = None;
        let mut networkd_decided = false;
        for connection in &self.network.connections {
            let runs = self.runs(connection);
            let is_networkd = matches!(connection.owner, Owner::Networkd | Owner::NetplanNetworkd);
            if !runs.may() || (is_networkd && networkd_decided) {
                continue;
            }
            match self.is_for(connection, interface, 0) {
                Some(true) if is_networkd && (connection.unmanaged || !connection.starts_at_boot) => {
                    networkd_decided = true;
                }
                Some(true) if !connection.starts_at_boot => {}
                Some(true) if self.is_left_alone(connection, interface) => {}
                Some(true) => {
                    return Answer::By { at: Some(connection.at.clone()), what: connection.at.to_string() };
                }
                Some(false) => {}
                None if connection.starts_at_boot => {
                    unknown.get_or_insert_with(|| {
                        format!("whether `{}` is for it is not known: {}", connection.at, interface.why)
                    });
                }
                None => {}
            }
        }
        if let Some(answer) = self.automatic(interface) {
            return answer;
        }
        if let Some(at) = &self.network.services.for_all {
            return Answer::By { at: Some(at.clone()), what: at.to_string() };
        }
        let mapped = |pattern: &&String| interface.name.matches(pattern) != Some(false);
        if self.ifupdown.may()
            && let Some(pattern) = self.network.mappings.iter().find(mapped)
        {
            return Answer::Unknown(format!("a script chooses its configuration (`mapping {pattern}`)"));
        }
        match unknown {
            Some(why) => Answer::Unknown(why),
            None => Answer::Nothing,
        }
    }

    /// NetworkManager does not touch what it is told to leave alone.
    fn is_left_alone(&self, connection: &Connection, interface: &Interface<'_>) -> bool {
        let by_networkmanager =
            matches!(connection.owner, Owner::Networkmanager | Owner::NetplanNetworkmanager);
        by_networkmanager && !connection.is_virtual && self.unmanaged(interface)
    }

    fn unmanaged(&self, interface: &Interface<'_>) -> bool {
        let conf = &self.network.services.networkmanager_conf;
        // A netplan file with this renderer takes the package's reserve away (netplan's src/nm.c).
        let by_netplan = self.network.connections.iter().any(|one| one.owner == Owner::NetplanNetworkmanager);
        let listed = conf.unmanaged_devices.as_ref().is_some_and(|setting| {
            let packaged = setting.at.path.starts_with("usr/lib/");
            !(packaged && by_netplan) && listed(&setting.value, interface)
        });
        listed
            || (!conf.ifupdown_managed
                && has_plugin(conf, "ifupdown")
                && self.stands_in_interfaces(interface))
    }

    fn stands_in_interfaces(&self, interface: &Interface<'_>) -> bool {
        let stanzas = self.network.connections.iter().filter(|one| one.owner == Owner::Ifupdown);
        let mut names = stanzas.flat_map(|one| one.matches.names.iter().chain(&one.ports));
        names.any(|name| interface.name.matches(name) == Some(true))
    }

    /// The profile that NetworkManager makes up for a wired card that has none.
    fn automatic(&self, interface: &Interface<'_>) -> Option<Answer> {
        if self.networkmanager != Runs::Yes || self.unmanaged(interface) {
            return None;
        }
        let conf = &self.network.services.networkmanager_conf;
        let forbidden =
            conf.no_auto_default.as_ref().is_some_and(|setting| listed(&setting.value, interface));
        // One that is for the card but does not start by itself still stands in its way.
        let has_own = self.network.connections.iter().any(|one| {
            let mine = matches!(
                one.owner,
                Owner::Networkmanager | Owner::IfcfgRedHat | Owner::NetplanNetworkmanager
            );
            mine && !one.is_virtual && interface.fits(&one.matches) == Some(true)
        });
        let at = self.network.services.networkmanager.get().cloned().flatten();
        let what = "NetworkManager, which makes up a profile for it".to_owned();
        (!forbidden && !has_own).then_some(Answer::By { at, what })
    }

    /// Whether the connection brings the interface up, as itself or as a port of something.
    fn is_for(&self, connection: &Connection, interface: &Interface<'_>, depth: usize) -> Option<bool> {
        if !connection.is_virtual {
            return fits(connection, interface);
        }
        if depth >= MAX_STACK {
            return None;
        }
        let mut known = true;
        for port in &connection.ports {
            let mut named = self.network.connections.iter().filter(|one| one.owner == connection.owner);
            let below = named.find(|one| one.name == *port && !std::ptr::eq(*one, connection));
            let answer = match below {
                Some(below) => self.is_for(below, interface, depth + 1),
                None => interface.name.matches(port),
            };
            match answer {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = false,
            }
        }
        known.then_some(false)
    }

    /// The services that fail for want of interfaces, as far as that is known.
    pub(super) fn failing(&self, interfaces: &[Interface<'_>]) -> Vec<String> {
        let is_up = |connection: &Connection| {
            interfaces.iter().any(|interface| self.is_for(connection, interface, 0) != Some(false))
        };
        // Bridges and bonds are made without their ports, a VLAN is not (bridge-utils(5), ifenslave, vlan(8)).
        let is_made =
            |one: &Connection| one.is_virtual && !one.name.contains('.') && !one.name.starts_with("vlan");
        let comes = |connection: &Connection| is_made(connection) || is_up(connection);
        let mut failing = Vec::new();
        let mut must =
            self.network.connections.iter().filter(|one| one.owner == Owner::Ifupdown && one.must_come);
        if matches!(self.ifupdown, Runs::Yes | Runs::ByDefault) && must.any(|one| !comes(one)) {
            failing.push("networking.service".to_owned());
        }
        let mut mine =
            self.wanted().filter(|one| matches!(one.owner, Owner::Networkd | Owner::NetplanNetworkd));
        if self.networkd == Runs::Yes && self.network.services.networkd_wait.is_some() && !mine.any(is_up) {
            failing.push("systemd-networkd-wait-online.service".to_owned());
        }
        failing
    }

    /// Whether, with no interface brought up, it is sure that this is so.
    pub(super) fn nothing_else(&self) -> Result<(), String> {
        if self.is_sure() {
            return Ok(());
        }
        let needs = self.network.services.networkmanager.needs();
        Err(needs.unwrap_or("the links in `etc/systemd/system`").to_owned())
    }
}

/// Whether a connection is for the interface. networkd takes alternative names for names, and so does the kernel, whom
/// ifupdown's programs ask; what is to be plugged in udev starts by the name alone.
fn fits(connection: &Connection, interface: &Interface<'_>) -> Option<bool> {
    let answer = interface.fits(&connection.matches);
    if answer != Some(false) {
        return answer;
    }
    let renamed = |name: &String| {
        let name = NicName::Known(name.clone());
        Interface { name, ..interface.clone() }.fits(&connection.matches) == Some(true)
    };
    if !interface.altnames.iter().any(renamed) {
        return Some(false);
    }
    match connection.owner {
        Owner::Networkd | Owner::NetplanNetworkd => Some(true),
        Owner::Ifupdown if connection.must_come => Some(true),
        _ => Some(false),
    }
}

fn either(a: Runs, b: Runs) -> Runs {
    match (a, b) {
        (Runs::Yes, _) | (_, Runs::Yes) => Runs::Yes,
        (Runs::ByDefault, _) | (_, Runs::ByDefault) => Runs::ByDefault,
        (Runs::Unknown, _) | (_, Runs::Unknown) => Runs::Unknown,
        (Runs::No, Runs::No) => Runs::No,
    }
}

fn has_plugin(conf: &NetworkManagerConf, name: &str) -> bool {
    conf.plugins.as_ref().is_some_and(|plugins| plugins.value.split([',', ';']).any(|one| one.trim() == name))
}

/// NetworkManager.conf(5), "Device List Format"; a word that is not known here is for no card.
fn listed(list: &str, interface: &Interface<'_>) -> bool {
    let fits = |word: &str| {
        let name_fits = |pattern: &str| interface.name.matches(pattern.trim_start_matches('=')) == Some(true);
        match word.split_once(':') {
            _ if word == "*" => true,
            Some(("interface-name", pattern)) => name_fits(pattern),
            Some(("type", kind)) => kind == "ethernet",
            Some(("mac", mac)) => interface.mac.as_deref() == Some(mac.to_ascii_lowercase().as_str()),
            Some(("driver", pattern)) => interface
                .drivers
                .last()
                .is_some_and(|driver| alias_matches(pattern.as_bytes(), driver.as_bytes())),
            _ => interface.mac.as_deref() == Some(word.to_ascii_lowercase().as_str()) || name_fits(word),
        }
    };
    let words = || list.split([',', ';']).map(str::trim).filter(|word| !word.is_empty());
    let except = words().filter_map(|word| word.strip_prefix("except:")).any(fits);
    !except && words().filter(|word| !word.starts_with("except:")).any(fits)
}

/// The name as it stands in a sentence.
pub(super) fn shown(name: &NicName) -> String {
    match name {
        NicName::Known(name) => name.clone(),
        NicName::SomeEth => "one of eth0, eth1, …".to_owned(),
        NicName::OneOf(names) if names.is_empty() => "a card of unknown name".to_owned(),
        NicName::OneOf(names) => names.join(" or "),
    }
}
