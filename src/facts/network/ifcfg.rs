//! Reads the ifcfg-* files of a directory, and joins them to each other.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::groups::Groups;
use super::{Ifcfg, IfcfgFamily, Network, is_by_slot};
use crate::facts::Gather;
use crate::facts::setting::{Misread, Setting};
use crate::parse::ifcfg::{self, Assignment};
use crate::place::Place;
use crate::source::{File, escape_bytes};

impl Ifcfg {
    /// Whether the scripts would take this file for `name`: it is called so, or is for that interface.
    pub(super) fn applies_to(&self, name: &str) -> bool {
        !self.ignored && (self.name == name || self.interface.as_deref() == Some(name))
    }

    /// The variable, if it is set to something.
    pub(super) fn assigned(&self, name: &str) -> Option<&Setting> {
        self.variables.get(name)
    }

    /// The value of the variable, if it is set to something.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.assigned(name).map(|setting| setting.value.as_str())
    }

    /// The variables `NAME`, `NAME0`, `NAME_1` (SUSE) and so on.
    pub(super) fn numbered<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Setting> + 'a {
        let from = self.variables.range(name.to_owned()..);
        let begun = from.take_while(move |(key, _)| key.starts_with(name));
        let fits = move |key: &str| {
            let rest = key.strip_prefix(name).unwrap_or_default();
            rest.starts_with('_') || rest.bytes().all(|byte| byte.is_ascii_digit())
        };
        begun.filter(move |(key, _)| fits(key)).map(|(_, setting)| setting)
    }

    /// What it is a port of.
    pub(super) fn upper(&self) -> Option<&Setting> {
        self.master.as_ref().or(self.bridge.as_ref()).or_else(|| self.assigned("TEAM_MASTER"))
    }

    /// The ports that it lists itself, as SUSE's do.
    pub(super) fn ports(&self) -> Vec<String> {
        if self.family != IfcfgFamily::Suse {
            return Vec::new();
        }
        let slaves = self.numbered("BONDING_SLAVE").map(|setting| setting.value.clone());
        let bridged = self.value("BRIDGE_PORTS").unwrap_or_default();
        slaves.chain(bridged.split_whitespace().map(str::to_owned)).collect()
    }

    fn competes(&self) -> bool {
        !self.alias && !self.loopback && self.starts_at_boot && !self.ignored
    }
}

/// The ifcfg-* files of `directory`, by name. `networkmanager` reads them beside the scripts.
pub(super) fn read(
    gather: &Gather<'_>,
    directory: &str,
    family: IfcfgFamily,
    networkmanager: bool,
) -> Vec<Ifcfg> {
    let names = gather.found(gather.tree.list(directory)).present().unwrap_or_default();
    let old_is_ignored = ignores_old(gather);
    let files = names.iter().filter_map(|name| {
        let suffix = name.as_bytes().strip_prefix(b"ifcfg-").filter(|suffix| !suffix.is_empty())?;
        let file = gather.read(Path::new(directory).join(name)).present()?;
        let mut ifcfg = describe(&file, &escape_bytes(suffix), family, old_is_ignored);
        ifcfg.ignored = ifcfg.ignored_by_scripts && (!networkmanager || ifcfg.ignored_by_networkmanager);
        Some(ifcfg)
    });
    files.collect()
}

/// Whether initscripts pass `.old` over, too: since RHEL 7 (`__sed_discard_ignored_files` in init.d/functions).
fn ignores_old(gather: &Gather<'_>) -> bool {
    let functions = ["etc/rc.d/init.d/functions", "etc/init.d/functions"].iter().find_map(|path| {
        let file = gather.read(path).present()?;
        let line = file.bytes.split(|byte| *byte == b'\n');
        line.rev().find(|line| line.starts_with(b"__sed_discard_ignored_files")).map(<[u8]>::to_vec)
    });
    functions.is_none_or(|line| line.windows(4).any(|window| window == b".old"))
}

/// Names that the scripts pass over: initscripts' `__sed_discard_ignored_files`.
pub(super) fn is_backup(name: &str, old_is_ignored: bool) -> bool {
    const SUFFIXES: [&str; 6] = ["~", ".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave"];
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) || (old_is_ignored && name.ends_with(".old"))
}

/// What SUSE's sysconfig passes over besides.
fn is_backup_for_suse(name: &str) -> bool {
    name.ends_with(".rej") || name.ends_with(".scpmbackup")
}

/// Names that NetworkManager's ifcfg-rh passes over (`utils_should_ignore_file`): suffixes without regard to case,
/// and rpm's temporary `;` with eight hexadecimal digits.
fn is_backup_for_networkmanager(name: &str) -> bool {
    const SUFFIXES: [&str; 7] = [".bak", "~", ".orig", ".rej", ".rpmnew", ".augnew", ".augtmp"];
    let lower = name.to_ascii_lowercase();
    let temporary = lower
        .rsplit_once(';')
        .is_some_and(|(_, digits)| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    temporary || SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
}

/// initscripts' `is_false`.
fn is_false(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "f" | "n" | "no" | "false" | "0")
}

/// initscripts' `is_true`.
fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "t" | "y" | "yes" | "true" | "1")
}

/// Start modes of SUSE's ifcfg(5) that bring an interface up at boot; `on`, `onboot` and `boot` are older words.
fn starts(mode: &str) -> bool {
    let mode = mode.to_ascii_lowercase();
    matches!(mode.as_str(), "auto" | "boot" | "onboot" | "on" | "nfsroot" | "hotplug" | "ifplugd")
}

fn describe(file: &File, name: &str, family: IfcfgFamily, old_is_ignored: bool) -> Ifcfg {
    let text = ifcfg::parse(&file.bytes);
    let path: &Arc<str> = &file.path;
    let setting = |key: &str| text.get(key).map(|found| setting_of(found, path));
    let given = |key: &str| setting(key).filter(|setting| !setting.value.is_empty());
    let red_hat = family == IfcfgFamily::RedHat;
    let mistakes = text.mistakes.iter().map(|mistake| Misread::new(mistake, path)).collect();
    let device = given("DEVICE");
    let hwaddr = if red_hat { given("HWADDR") } else { pinned_by_name(name, path) };
    let onboot = setting(if red_hat { "ONBOOT" } else { "STARTMODE" });
    let nm_controlled = setting("NM_CONTROLLED");
    let starts_at_boot = match &onboot {
        Some(setting) if red_hat => !is_false(&setting.value),
        Some(setting) => starts(&setting.value),
        None => red_hat,
    };
    let by_name = hwaddr.is_none().then(|| name.to_owned());
    let interface = device.as_ref().map(|device| device.value.clone()).or(by_name);
    Ifcfg {
        interface_by_slot: interface.as_deref().is_some_and(is_by_slot),
        at: Place::file(Arc::clone(path)),
        name: name.to_owned(),
        family,
        ignored: false,
        ignored_by_scripts: is_backup(name, old_is_ignored) || (!red_hat && is_backup_for_suse(name)),
        ignored_by_networkmanager: is_backup_for_networkmanager(name),
        alias: red_hat && (name.contains(':') || name.contains("-range")),
        loopback: name == "lo" || device.as_ref().is_some_and(|device| device.value == "lo"),
        interface,
        device,
        hwaddr: hwaddr.map(lower),
        macaddr: given(if red_hat { "MACADDR" } else { "LLADDR" }).map(lower),
        starts_at_boot,
        onboot,
        bootproto: given("BOOTPROTO"),
        kind: given("TYPE"),
        master: given("MASTER"),
        slave: setting("SLAVE").is_some_and(|setting| is_true(&setting.value)),
        bridge: given("BRIDGE"),
        nm_unmanaged: nm_controlled.as_ref().is_some_and(|setting| is_false(&setting.value)),
        nm_controlled,
        mtu: given("MTU"),
        ipaddr: given("IPADDR").or_else(|| given("IPADDR0")),
        bond_options: given("BONDING_OPTS").or_else(|| given("BONDING_MODULE_OPTS")),
        team: ["TEAM_CONFIG", "TEAM_MASTER", "DEVICETYPE"].iter().find_map(|key| {
            let is_team = |setting: &Setting| *key != "DEVICETYPE" || setting.value.starts_with("Team");
            given(key).filter(is_team)
        }),
        uuid: given("UUID").map(lower),
        connection: given("NAME"),
        ppp_can_be_made: given("WVDIALSECT").is_some(),
        carriage_returns: text.carriage_returns,
        duplicates: Vec::new(),
        same_uuid: Vec::new(),
        mistakes,
        variables: text
            .assignments
            .iter()
            .filter(|one| !one.value.is_empty())
            .map(|one| (one.key.clone(), setting_of(one, path)))
            .collect(),
    }
}

fn setting_of(assignment: &Assignment, path: &Arc<str>) -> Setting {
    Setting { value: assignment.value.clone(), at: assignment.span.at(path) }
}

fn lower(setting: Setting) -> Setting {
    Setting { value: setting.value.to_ascii_lowercase(), ..setting }
}

/// SLES 9 and 10 name the file by the card's address: `ifcfg-eth-id-00:11:22:33:44:55`.
fn pinned_by_name(name: &str, path: &Arc<str>) -> Option<Setting> {
    let (_, address) = name.split_once("-id-")?;
    let is_address =
        address.split(':').count() == 6 && address.bytes().all(|b| b == b':' || b.is_ascii_hexdigit());
    is_address.then(|| Setting { value: address.to_owned(), at: Place::file(Arc::clone(path)) })
}

/// Fills in which files are for the same interface or connection.
pub(super) fn join(network: &mut Network) {
    let mut by_interface = Groups::default();
    let mut by_uuid = Groups::default();
    for ifcfg in &network.ifcfgs {
        by_interface.add(interface_key(ifcfg), &ifcfg.at);
        by_uuid.add(uuid_key(ifcfg), &ifcfg.at);
    }
    for ifcfg in &mut network.ifcfgs {
        ifcfg.duplicates = by_interface.others(interface_key(ifcfg), &ifcfg.at);
        ifcfg.same_uuid = by_uuid.others(uuid_key(ifcfg), &ifcfg.at);
    }
}

fn interface_key(ifcfg: &Ifcfg) -> Option<String> {
    let interface = ifcfg.interface.as_ref().filter(|_| ifcfg.competes())?;
    Some(format!("{:?} {interface}", ifcfg.family))
}

fn uuid_key(ifcfg: &Ifcfg) -> Option<String> {
    let uuid = ifcfg.uuid.as_ref().filter(|_| !ifcfg.ignored_by_networkmanager)?;
    Some(uuid.value.clone())
}
