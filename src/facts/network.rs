//! The network configuration that names interfaces: ifcfg-* files, route and rule files, persistent udev names.
//!
//! What initscripts, NetworkManager's ifcfg-rh and SUSE's netconfig read of them is from initscripts' sysconfig.txt
//! and network-functions, NetworkManager's `settings/plugins/ifcfg-rh`, and sysconfig's ifcfg(5). Nothing here
//! decides whether a setting is a problem.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::place::Place;

/// The network configuration files.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Network {
    /// The ifcfg-* files, in the order of their names; those that the scripts pass over, too.
    pub ifcfgs: Vec<Ifcfg>,
    /// Each route of route-*, route6-* and SUSE's ifroute-* and routes files, and each rule of rule-*.
    pub routes: Vec<Route>,
    /// Rules of udev's persistent-net files that give an interface its name; commented ones are not listed.
    pub persistent_names: Vec<PersistentName>,
    /// The rules file that writes a new persistent name for each interface it does not know
    /// (`75-persistent-net-generator.rules` and its forebears); null when udev has none, or it is masked.
    pub name_generator: Option<Place>,
}

/// A value and where it is set.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// The value, quotes removed.
    pub value: String,
    /// The assignment.
    pub at: Option<Place>,
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
    /// Whether the scripts pass the file over at boot because of its name (`ifcfg-eth0.bak`, `ifcfg-eth0~`).
    pub ignored: bool,
    /// Whether NetworkManager passes the file over because of its name.
    pub ignored_by_networkmanager: bool,
    /// Whether the file is of an address alias (`ifcfg-eth0:1`).
    pub alias: bool,
    /// Whether it is the loopback's.
    pub loopback: bool,
    /// `DEVICE`; null when it is not set.
    pub device: Option<Setting>,
    /// The interface it is for: `DEVICE`, else (SUSE) the file's name; null when only `HWADDR` could tell.
    pub interface: Option<String>,
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
    /// `UUID` of the connection.
    pub uuid: Option<Setting>,
    /// `NAME` of the connection.
    pub connection: Option<Setting>,
    /// The file has carriage returns: each value that the shell reads ends in one.
    pub carriage_returns: bool,
    /// Other files that are not passed over and are for the same interface, aliases and loopback aside.
    pub duplicates: Vec<Place>,
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
    /// Another rule gives the same name, or gives this address another name.
    pub conflicts: Vec<Place>,
    /// The ifcfg file for this name, if there is one.
    pub ifcfg: Option<Place>,
}

/// Reads the network configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Network {
    let _ = gather;
    Network::default()
}
