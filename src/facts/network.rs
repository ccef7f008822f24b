//! The network configuration that names interfaces: ifcfg-* files, route and rule files, persistent udev names.
//!
//! What initscripts, NetworkManager's ifcfg-rh and SUSE's netconfig read of them is from initscripts' sysconfig.txt
//! and network-functions, NetworkManager's `settings/plugins/ifcfg-rh`, and sysconfig's ifcfg(5). Nothing here
//! decides whether a setting is a problem.

mod addresses;
mod connections;
pub(crate) mod drivers;
mod groups;
mod ifcfg;
mod ifupdown;
pub(crate) mod links;
mod names;
mod profiles;
mod routes;
mod services;
#[cfg(test)]
mod tests;
mod tuning;

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::{Misread, Setting};
use super::{Gather, Known};
pub use connections::{Connection, Owner, Settings};
pub use drivers::{DriverVersion, driver_versions};
pub use links::{CardMatch, Link, NameRule, Naming};
pub use services::{NetworkManagerConf, Services};
pub use tuning::{Tuning, TuningBy};

use crate::place::Place;
use crate::source::NodeKind;

/// The network configuration files.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Network {
    /// The ifcfg-* files, in the order of their names; those that the scripts pass over, too.
    pub ifcfgs: Vec<Ifcfg>,
    /// Each route of route-*, route6-*, static-routes and SUSE's ifroute-* and routes files, each rule of rule-*, and
    /// what commands in ifupdown's stanzas and in rc.local add.
    pub routes: Vec<Route>,
    /// Rules of udev's persistent-net files that give an interface its name; commented ones are not listed.
    pub persistent_names: Vec<PersistentName>,
    /// What names or pins an interface in the other managers' configuration: `.link` and `.network` files, NetworkManager's
    /// keyfiles, netplan, ifupdown. Wildcards and what is for any card are left out.
    pub profiles: Vec<Profile>,
    /// The rules file that writes a new persistent name for each interface it does not know
    /// (`75-persistent-net-generator.rules` and its forebears); null when udev has none, or it is masked. Unknown when
    /// the input has none of udev's own rules.
    pub name_generator: Known<Option<Place>>,
    /// Whether initscripts' network scripts are installed.
    pub network_scripts: bool,
    /// Whether NetworkManager is installed.
    pub networkmanager: bool,
    /// Whether NetworkManager has its plugin for ifcfg files, which RHEL 10 and Fedora 36 no longer bring. Unknown where
    /// the input has no folder of its plugins.
    pub networkmanager_reads_ifcfg: Known<bool>,
    /// What gives interfaces their names at boot.
    pub naming: Naming,
    /// What brings interfaces up, whoever's format it is in; of one that stands several times the first.
    pub connections: Vec<Connection>,
    /// Patterns of ifupdown's `mapping` lines, which have a script choose the configuration.
    pub mappings: Vec<String>,
    /// Which managers run at boot.
    pub services: Services,
    /// Settings for the hardware of the cards.
    pub tuning: Vec<Tuning>,
    /// How many addresses are configured in all files together, link-local ones aside.
    pub address_count: usize,
    /// The version that each kernel's drivers for cloud network cards say of themselves: `ena`, `ixgbevf`.
    pub driver_versions: Vec<DriverVersion>,
}

/// Whose ifcfg files they are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IfcfgFamily {
    /// `etc/sysconfig/network-scripts`, read by initscripts and by NetworkManager's ifcfg-rh.
    #[default]
    RedHat,
    /// `etc/sysconfig/network`, read by SUSE's sysconfig and by wicked.
    Suse,
}

/// One ifcfg-* file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ifcfg {
    /// The file.
    pub at: Place,
    /// What follows `ifcfg-` in the file's name.
    pub name: String,
    /// Whose format.
    pub family: IfcfgFamily,
    /// Whether all that is installed to read it (network scripts, NetworkManager) passes it over for its name.
    pub ignored: bool,
    /// Whether the network scripts pass the file over for its name (`ifcfg-eth0.bak`, `ifcfg-eth0~`).
    pub ignored_by_scripts: bool,
    /// Whether NetworkManager passes the file over for its name.
    pub ignored_by_networkmanager: bool,
    /// Whether the file is of an address alias (`ifcfg-eth0:1`).
    pub alias: bool,
    /// Whether it is the loopback's.
    pub loopback: bool,
    /// `DEVICE`; null when it is not set.
    pub device: Option<Setting>,
    /// The interface it is for: `DEVICE`, else (SUSE) the file's name; null when only `HWADDR` could tell.
    pub interface: Option<String>,
    /// Whether that is a name after a slot or an address of the machine: `ens192`, `enp3s0`, `eno1`, `em1`, `p1p1`.
    pub interface_by_slot: bool,
    /// `HWADDR` (SUSE: none), the address that the interface must have to be configured; lower case.
    pub hwaddr: Option<Setting>,
    /// `MACADDR` (SUSE: `LLADDR`), the address that the interface is given; lower case.
    pub macaddr: Option<Setting>,
    /// `ONBOOT` (SUSE: `STARTMODE`), as written.
    pub onboot: Option<Setting>,
    /// Whether it is brought up at boot: `ONBOOT` is not one of the words for no (initscripts' `is_false`), or
    /// `STARTMODE` is `auto`, `boot`, `onboot`, `nfsroot`, `hotplug` or `ifplugd`.
    pub starts_at_boot: bool,
    /// `BOOTPROTO`.
    pub bootproto: Option<Setting>,
    /// `TYPE`.
    pub kind: Option<Setting>,
    /// `MASTER`, of a bond's member.
    pub master: Option<Setting>,
    /// Whether `SLAVE` is yes.
    pub slave: bool,
    /// `BRIDGE`, of a bridge's member.
    pub bridge: Option<Setting>,
    /// `NM_CONTROLLED`.
    pub nm_controlled: Option<Setting>,
    /// Whether NetworkManager is kept off it: `NM_CONTROLLED` is a word for no.
    pub nm_unmanaged: bool,
    /// `MTU`.
    pub mtu: Option<Setting>,
    /// `IPADDR` and `IPADDR0`.
    pub ipaddr: Option<Setting>,
    /// The options of a bond: `BONDING_OPTS`, `BONDING_MODULE_OPTS` (SUSE).
    pub bond_options: Option<Setting>,
    /// What makes it a team, or a port of one: `DEVICETYPE`, `TYPE`, `TEAM_CONFIG`, `TEAM_MASTER`; RHEL 10 has no teams.
    pub team: Option<Setting>,
    /// `UUID` of the connection.
    pub uuid: Option<Setting>,
    /// `NAME` of the connection.
    pub connection: Option<Setting>,
    /// `WVDIALSECT` is set, so that `ifup-ppp` makes the peer by itself.
    pub ppp_can_be_made: bool,
    /// The file has carriage returns: each value that the shell reads ends in one.
    pub carriage_returns: bool,
    /// Other files that are brought up at boot for the same interface, when this one is; files that are passed
    /// over, aliases and the loopback's aside.
    pub duplicates: Vec<Place>,
    /// Other files that are not passed over and have the same `UUID`.
    pub same_uuid: Vec<Place>,
    /// What the shell would not take for an assignment, or a quote that is never closed.
    pub mistakes: Vec<Misread>,
    /// All variables that are set to something, the last of each; wireless keys are among them.
    #[serde(skip)]
    pub(crate) variables: std::collections::BTreeMap<String, Setting>,
}

/// What a line of a route or rule file is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// A route.
    #[default]
    Route,
    /// A policy rule.
    Rule,
}

/// One route or rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Route {
    /// The line.
    pub at: Place,
    /// What it is.
    pub kind: RouteKind,
    /// What follows `route-`, `route6-`, `rule-`, `rule6-` or `ifroute-` in the file's name.
    pub name: String,
    /// Destination (`default`, `192.0.2.0/24`); null for rules that name none.
    pub destination: Option<String>,
    /// Gateway.
    pub via: Option<String>,
    /// The interface that the line names; null when it goes by the file's name.
    pub device: Option<String>,
    /// The interface that it goes over: the one that it names, else the file's.
    pub interface: Option<String>,
    /// Whether that is a name after a slot or an address of the machine.
    pub interface_by_slot: bool,
    /// Whether that name is made by the system's own configuration and moves with it.
    pub interface_is_made_here: bool,
    /// Whether it is the first of its file.
    pub is_first: bool,
    /// Whether an ifcfg file of this name (or for this interface) is there, so that the line is ever applied.
    pub has_ifcfg: bool,
}

/// A udev rule that gives the interface with a certain address its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PersistentName {
    /// The rule.
    pub at: Place,
    /// The address it asks for, lower case; null when it goes by something else.
    pub mac: Option<String>,
    /// The name it gives.
    pub name: String,
    /// The kernel's names that it is for (`eth*`).
    pub kernel: Option<String>,
    /// The bus address or device path it asks for (`KERNELS`, `ID`, `ENV{ID_PATH}`), if it does.
    pub bus: Option<String>,
    /// Other rules that give the same name, or give this address a name.
    pub conflicts: Vec<Place>,
    /// The ifcfg file for this name, if there is one.
    pub ifcfg: Option<Place>,
}

/// Whose configuration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// systemd.link(5): gives interfaces their names.
    Link,
    /// systemd.network(5).
    Networkd,
    /// nm-settings-keyfile(5).
    Networkmanager,
    /// netplan-yaml(5).
    Netplan,
    /// interfaces(5).
    Ifupdown,
}

/// A configuration that is for one interface or one card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Profile {
    /// What says which interface: the address, else the path, else the name.
    pub at: Place,
    /// Whose it is.
    pub manager: Manager,
    /// The interface's name that it is for; null when it goes by address or path alone.
    pub interface: Option<Setting>,
    /// Whether that is a name after a slot or an address of the machine: `ens192`, `enp3s0`, `eno1`, `em1`, `p1p1`.
    pub interface_by_slot: bool,
    /// The card's address that it is for, lower case.
    pub mac: Option<Setting>,
    /// The card's path that it is for (`pci-0000:03:00.0`).
    pub path: Option<Setting>,
    /// The name that the interface is given.
    pub renames_to: Option<Setting>,
    /// Whether the interface comes up at boot by it; false for `.link` files, which only name.
    pub starts_at_boot: bool,
}

impl Network {
    /// Names that connections, udev's rules and `.link` files make, so that they move with the system.
    #[must_use]
    pub fn names_made_here(&self) -> BTreeSet<String> {
        let stacked = self.connections.iter().filter(|one| one.is_virtual);
        let stacked = stacked.flat_map(|one| one.matches.names.iter().chain([&one.name]));
        let rules = self.persistent_names.iter().map(|rule| &rule.name);
        let links = self.naming.links.iter().filter_map(|link| Some(&link.name.as_ref()?.value));
        let by_address =
            self.ifcfgs.iter().filter(|one| one.hwaddr.is_some()).filter_map(|one| one.interface.as_ref());
        stacked.chain(rules).chain(links).chain(by_address).cloned().collect()
    }
}

/// Directory of Red Hat's network scripts and their configuration.
const RED_HAT: &str = "etc/sysconfig/network-scripts";
/// Directory of SUSE's network configuration; on Red Hat's systems this is a file.
const SUSE: &str = "etc/sysconfig/network";

/// Whether there is a file of this name beside Red Hat's ifcfg files.
pub(super) fn has_sibling(gather: &Gather<'_>, name: &str) -> bool {
    gather.tree.exists(Path::new(RED_HAT).join(name))
}

/// Whether `ifup` finds a script of its own for devices of these letters.
pub(super) fn has_script(gather: &Gather<'_>, letters: &str) -> bool {
    !letters.is_empty() && has_sibling(gather, &format!("ifup-{letters}"))
}

/// Reads the network configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Network {
    let mut network = Network {
        network_scripts: gather.tree.exists(Path::new(RED_HAT).join("network-functions")),
        networkmanager: ["usr/sbin/NetworkManager", "sbin/NetworkManager"]
            .iter()
            .any(|path| gather.tree.exists(path)),
        ..Network::default()
    };
    if is_directory(gather, RED_HAT) {
        network.ifcfgs.extend(ifcfg::read(gather, RED_HAT, IfcfgFamily::RedHat, network.networkmanager));
    }
    if is_directory(gather, SUSE) {
        network.ifcfgs.extend(ifcfg::read(gather, SUSE, IfcfgFamily::Suse, false));
    }
    ifcfg::join(&mut network);
    network.persistent_names = names::read(gather, &network.ifcfgs);
    network.name_generator = names::generator(gather);
    network.profiles = profiles::read(gather);
    network.naming = links::read(gather);
    network.services = services::read(gather);
    let read = connections::read(gather, &network.ifcfgs);
    network.connections = read.connections;
    network.networkmanager_reads_ifcfg = networkmanager_reads_ifcfg(gather);
    network.routes = routes::read(gather, &network);
    network.address_count = addresses::count(gather, &network);
    let made = network.names_made_here();
    connections::mark_cards(&mut network.connections, &made);
    connections::mark_in_use(
        &mut network.connections,
        &network.services,
        &network.networkmanager_reads_ifcfg,
    );
    network.mappings = read.mappings;
    // netplan's files are called `10-netplan-*.link` and so come before the default, after what is numbered lower.
    let after = network
        .naming
        .links
        .iter()
        .position(|link| link_name(link) > "10-netplan")
        .unwrap_or(network.naming.links.len());
    network.naming.links.splice(after..after, read.links);
    network.tuning = tuning::read(gather, &network);
    network
}

/// The plugins stand in a folder of NetworkManager's version.
fn networkmanager_reads_ifcfg(gather: &Gather<'_>) -> Known<bool> {
    let mut has_plugins = false;
    for folder in
        ["usr/lib64/NetworkManager", "usr/lib/NetworkManager", "usr/lib/x86_64-linux-gnu/NetworkManager"]
    {
        for version in gather.tree.list(folder).unwrap_or_default() {
            let folder = Path::new(folder).join(version);
            let names = gather.tree.list(&folder).unwrap_or_default();
            let is_plugin = |name: &std::ffi::OsString, start: &str| {
                name.to_str().is_some_and(|name| name.starts_with(start) && name.ends_with(".so"))
            };
            has_plugins |= names.iter().any(|name| is_plugin(name, "libnm-"));
            if names.iter().any(|name| is_plugin(name, "libnm-settings-plugin-ifcfg")) {
                return Known::Known(true);
            }
        }
    }
    if has_plugins {
        return Known::Known(false);
    }
    Known::unknown("the plugins of NetworkManager, `usr/lib64/NetworkManager`")
}

fn link_name(link: &Link) -> &str {
    link.at.path.rsplit('/').next().unwrap_or_default()
}

fn is_directory(gather: &Gather<'_>, path: &str) -> bool {
    gather.found(gather.tree.metadata(path)).present().is_some_and(|node| node.kind == NodeKind::Directory)
}

/// Whether a name is made of where the card is plugged in, or of its address (systemd.net-naming-scheme(7),
/// biosdevname(1)), so that another machine gives another.
pub(crate) fn is_by_slot(name: &str) -> bool {
    let digits = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let dell = name
        .strip_prefix('p')
        .and_then(|rest| rest.split_once('p'))
        .is_some_and(|(bus, port)| digits(bus) && digits(port));
    let numbered = ["ens", "enp", "eno", "enP", "em"];
    dell || name.starts_with("enx")
        || numbered.iter().any(|start| name.strip_prefix(start).is_some_and(digits))
}
