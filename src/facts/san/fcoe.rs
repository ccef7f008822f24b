//! Fibre Channel over Ethernet: `etc/fcoe/cfg-NAME` (fcoemon(8)), and whether all else that speaks of the same card
//! agrees: ifcfg files, udev's names, lldpad's state.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::network::{Ifcfg, Network};
use crate::facts::setting::Setting;
use crate::facts::{Gather, Known};
use crate::parse::{libconfig, shell_vars};
use crate::place::Place;
use crate::source::File;

/// Fibre Channel over Ethernet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fcoe {
    /// The interfaces of `etc/fcoe/cfg-*`; the template `cfg-ethx` aside.
    pub interfaces: Vec<FcoeInterface>,
    /// `SUPPORTED_DRIVERS` of `etc/fcoe/config`.
    pub supported_drivers: Option<Setting>,
}

/// One `etc/fcoe/cfg-NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FcoeInterface {
    /// The file.
    pub at: Place,
    /// The interface: what follows `cfg-`.
    pub name: String,
    /// `FCOE_ENABLE`.
    pub fcoe_enable: Option<Setting>,
    /// Whether it says `yes`, in any case (fcoemon's `fcoe_config_option`).
    pub is_enabled: bool,
    /// `DCB_REQUIRED`.
    pub dcb_required: Option<Setting>,
    /// Whether it says `yes`, in any case.
    pub is_dcb_required: bool,
    /// The ifcfg file of that interface; null when there is none.
    pub ifcfg: Option<Place>,
    /// Whether the system has ifcfg files of cards at all, so that one could be missed.
    pub ifcfgs_are_used: bool,
    /// Whether that brings the card up at boot; null without one.
    pub starts_at_boot: Option<bool>,
    /// `ONBOOT` of the ifcfg file.
    pub onboot: Option<Setting>,
    /// `MTU` of the ifcfg file.
    pub mtu: Option<Setting>,
    /// The largest packet of the interface: the ifcfg file's, else Ethernet's 1500.
    pub mtu_bytes: u32,
    /// The udev rule that gives the interface this name; null when there is none.
    pub persistent_name: Option<Place>,
    /// Whether udev's persistent-net rules name cards at all, so that one could be missed.
    pub names_are_persistent: bool,
    /// The driver of the card (`bnx2x`, `ixgbe`), from sysfs, `ethtool -i`, or the comment above the udev rule.
    pub driver: Known<String>,
    /// lldpad's `adminStatus` for it: 0 is off. Null when lldpad has none for it, and both sends and receives.
    pub lldp_admin_status: Known<Option<Setting>>,
}

const FOLDER: &str = "etc/fcoe";
const LLDPAD: &str = "var/lib/lldpad/lldpad.conf";

/// Reads the configuration of fcoe-utils.
pub(super) fn read(gather: &Gather<'_>, network: &Network) -> Fcoe {
    let is_interface = |name: &str| {
        name.strip_prefix("cfg-")
            .is_some_and(|name| !name.is_empty() && name != "ethx" && !name.ends_with('~'))
    };
    let lldpad = gather.read_config(LLDPAD).known();
    let rules =
        gather.read_directory("etc/udev/rules.d", |name| name.contains("net") && name.ends_with(".rules"));
    let cards = Cards { gather, network, lldpad, rules };
    let files = gather.read_directory(FOLDER, is_interface);
    let supported = gather.read_config(format!("{FOLDER}/config")).present().and_then(|file| {
        let vars = shell_vars::parse(&file.bytes);
        vars.last("SUPPORTED_DRIVERS").map(|set| Setting::new(set, &file.path))
    });
    Fcoe {
        interfaces: files.iter().map(|file| cards.interface(file)).collect(),
        supported_drivers: supported,
    }
}

/// What else speaks of the cards.
struct Cards<'a> {
    gather: &'a Gather<'a>,
    network: &'a Network,
    lldpad: Known<Option<File>>,
    rules: Vec<File>,
}

impl Cards<'_> {
    fn interface(&self, file: &File) -> FcoeInterface {
        let stem = file.path.rsplit('/').next().unwrap_or_default();
        let name = stem.strip_prefix("cfg-").unwrap_or(stem);
        let vars = shell_vars::parse(&file.bytes);
        let setting = |key: &str| vars.last(key).map(|set| Setting::new(set, &file.path));
        let is_yes =
            |set: &Option<Setting>| set.as_ref().is_some_and(|set| set.value.eq_ignore_ascii_case("yes"));
        let ifcfgs = self.network.ifcfgs.iter().filter(|one| !one.ignored && !one.alias && !one.loopback);
        let ifcfg: Option<&Ifcfg> = ifcfgs
            .clone()
            .find(|one| one.interface.as_deref() == Some(name) || one.device.is_none() && one.name == name);
        let named = self.network.persistent_names.iter().find(|rule| rule.name == name);
        let (fcoe_enable, dcb_required) = (setting("FCOE_ENABLE"), setting("DCB_REQUIRED"));
        let mtu = ifcfg.and_then(|ifcfg| ifcfg.mtu.clone());
        FcoeInterface {
            at: Place::file(Arc::clone(&file.path)),
            is_enabled: is_yes(&fcoe_enable),
            is_dcb_required: is_yes(&dcb_required),
            fcoe_enable,
            dcb_required,
            ifcfgs_are_used: ifcfgs.clone().next().is_some(),
            ifcfg: ifcfg.map(|ifcfg| ifcfg.at.clone()),
            starts_at_boot: ifcfg.map(|ifcfg| ifcfg.starts_at_boot),
            onboot: ifcfg.and_then(|ifcfg| ifcfg.onboot.clone()),
            mtu_bytes: mtu.as_ref().and_then(|mtu| mtu.value.trim().parse().ok()).unwrap_or(1500),
            mtu,
            persistent_name: named.map(|rule| rule.at.clone()),
            names_are_persistent: !self.network.persistent_names.is_empty(),
            driver: self.driver(name),
            lldp_admin_status: self.admin_status(name),
            name: name.to_owned(),
        }
    }

    fn driver(&self, name: &str) -> Known<String> {
        let tree = self.gather.tree;
        let link = format!("sys/class/net/{name}/device/driver");
        let by_sysfs = tree.resolve(&link).ok().filter(|_| tree.exists(&link));
        let by_sysfs = by_sysfs.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let by_ethtool = || {
            let file =
                self.gather.read_config(format!("sos_commands/networking/ethtool_-i_{name}")).present()?;
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            let driver = text.lines().find_map(|line| line.strip_prefix("driver:"))?;
            Some(driver.trim().to_owned())
        };
        let found =
            by_sysfs.or_else(by_ethtool).or_else(|| self.rules.iter().find_map(|file| comment(file, name)));
        found.map_or_else(|| Known::unknown(format!("the output of `ethtool -i {name}`")), Known::Known)
    }

    fn admin_status(&self, name: &str) -> Known<Option<Setting>> {
        self.lldpad.as_ref().map(|file| {
            let file = file.as_ref()?;
            let path = format!("lldp.{name}.adminStatus");
            let entry = libconfig::parse(&file.bytes).into_iter().find(|entry| entry.path == path)?;
            Some(Setting { value: entry.value, at: entry.span.at(&file.path) })
        })
    }
}

/// The generator of persistent names writes what the card is above each rule: `# PCI device 0x14e4:0x1650 (bnx2x)`.
fn comment(file: &File, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&file.bytes);
    let mut above = "";
    for line in text.lines() {
        if line.contains(&format!("NAME=\"{name}\"")) {
            let (_, driver) = above.rsplit_once('(')?;
            return driver.split(')').next().filter(|driver| !driver.is_empty()).map(str::to_owned);
        }
        above = if line.starts_with('#') { line } else { "" };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Limits, network};
    use crate::source::memory::Memory;

    #[test]
    fn all_that_speaks_of_a_card_is_put_together() {
        let rule = "# PCI device 0x14e4:0x1650 (bnx2x)\nSUBSYSTEM==\"net\", ATTR{address}==\"00:00:5e:00:53:01\", NAME=\"eth4\"\n";
        let tree = Memory::new()
            .file("etc/fcoe/cfg-ethx", "FCOE_ENABLE=\"yes\"\n")
            .file("etc/fcoe/cfg-eth4", "FCOE_ENABLE=\"yes\"\nDCB_REQUIRED=\"no\"\n")
            .file("etc/sysconfig/network-scripts/ifcfg-eth4", "DEVICE=eth4\nONBOOT=yes\nMTU=9000\n")
            .file("etc/udev/rules.d/70-persistent-net.rules", rule)
            .file(LLDPAD, "lldp :\n{\n  eth4 :\n  {\n    adminStatus = 0;\n  };\n};\n")
            .into_tree();
        let limits = Limits::default();
        let gather = Gather::new(&tree, &limits);
        let network = network::gather(&gather);
        let fcoe = read(&gather, &network);
        let [one] = fcoe.interfaces.as_slice() else { panic!("{fcoe:?}") };
        assert!(one.is_enabled && !one.is_dcb_required && one.starts_at_boot == Some(true));
        assert_eq!((one.mtu_bytes, one.driver.get().map(String::as_str)), (9000, Some("bnx2x")));
        assert!(one.ifcfg.is_some() && one.persistent_name.is_some());
        let status = one.lldp_admin_status.get().unwrap().as_ref().unwrap();
        assert_eq!((status.value.as_str(), status.at.line), ("0", Some(5)));
    }
}
