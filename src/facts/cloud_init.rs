//! cloud-init: whether it runs, where it looks for who the machine is, and what the last platform left behind.
//!
//! `etc/cloud/cloud.cfg` first, then `cloud.cfg.d/*.cfg` in the order of their names; a key that comes later replaces
//! the whole value (cloud-init's `read_conf_with_confd`, whose default merger does not join lists). ds-identify's policy
//! is in `etc/cloud/ds-identify.cfg` (tools/ds-identify).

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::Setting;
use super::{Gather, Problem, ProblemKind};
use crate::parse::cloud_cfg::{self, Placed};
use crate::place::Place;
use crate::source::{File, NodeKind};

/// cloud-init.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CloudInit {
    /// Whether it is installed.
    pub installed: bool,
    /// `etc/cloud/cloud.cfg`; null when it is not there.
    pub at: Option<Place>,
    /// What keeps all of it from running: `etc/cloud/cloud-init.disabled`, a masked unit, ds-identify's `policy: disabled`.
    pub disabled_by: Option<Place>,
    /// The `datasource_list` that counts; null where none is set, and cloud-init tries all that it knows.
    pub datasource_list: Option<DatasourceList>,
    /// `datasource:` of ds-identify.cfg, which stands for the list.
    pub forced_datasource: Option<Setting>,
    /// `policy:` of ds-identify.cfg.
    pub policy: Option<Setting>,
    /// `network: {config: disabled}`, when that counts: cloud-init leaves the network alone.
    pub network_disabled: Option<Setting>,
    /// `manual_cache_clean: true`: what the last instance left is trusted, and nothing is done anew.
    pub manual_cache_clean: Option<Setting>,
    /// `preserve_hostname: true`.
    pub preserve_hostname: Option<Setting>,
    /// What is left of the instance that the system was last; null where it never ran.
    pub instance: Option<Instance>,
    /// Network configuration that cloud-init wrote: `etc/netplan/50-cloud-init.yaml` and its like.
    pub written_network: Vec<Place>,
}

/// `datasource_list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DatasourceList {
    /// The line.
    pub at: Place,
    /// The names in order: `NoCloud`, `Ec2`, `None`.
    pub names: Vec<String>,
    /// Whether there is but one beside `None`, which ds-identify then takes without looking.
    pub is_single: bool,
}

/// What an instance left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Instance {
    /// `var/lib/cloud/instance`.
    pub at: Place,
    /// The instance's id, as the folder is called: `i-0123456789abcdef0`.
    pub id: Option<String>,
    /// The source that it learned it from, without `DataSource` and `Local`: `Ec2`, `Azure`, `NoCloud`.
    pub datasource: Option<String>,
}

const CLOUD: &str = "etc/cloud";

/// Reads cloud-init's configuration.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> CloudInit {
    let programs = ["usr/bin/cloud-init", "usr/local/bin/cloud-init", "usr/libexec/cloud-init"];
    let mut found = CloudInit {
        installed: programs.iter().any(|path| gather.tree.exists(path)),
        instance: instance(gather),
        written_network: written_network(gather),
        ..CloudInit::default()
    };
    let mut files: Vec<File> =
        gather.read_config(format!("{CLOUD}/cloud.cfg")).present().into_iter().collect();
    found.at = files.first().map(|file| Place::file(file.path.clone()));
    files.extend(gather.read_directory(format!("{CLOUD}/cloud.cfg.d"), |name| name.ends_with(".cfg")));
    for file in &files {
        match cloud_cfg::parse(&file.bytes) {
            Ok(read) => add(&mut found, file, read),
            Err(mistake) => {
                let at = mistake.span.at(&file.path);
                gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
            }
        }
    }
    ds_identify(gather, &mut found);
    let marker = format!("{CLOUD}/cloud-init.disabled");
    if gather.tree.exists(&marker) {
        found.disabled_by = Some(Place::file(marker));
    }
    let mask = "etc/systemd/system/cloud-init.service";
    let is_mask = |kind: &NodeKind| matches!(kind, NodeKind::Link(target) if target.ends_with("dev/null"));
    if gather.tree.symlink_metadata(mask).is_ok_and(|node| is_mask(&node.kind)) {
        found.disabled_by = Some(Place::file(mask));
    }
    found
}

fn add(found: &mut CloudInit, file: &File, read: cloud_cfg::CloudCfg) {
    if let Some(list) = read.datasources {
        let real = list.value.iter().filter(|name| *name != "None").count();
        found.datasource_list =
            Some(DatasourceList { at: list.span.at(&file.path), is_single: real == 1, names: list.value });
    }
    let flag = |slot: &mut Option<Setting>, flag: Option<Placed<bool>>, value: &str| {
        if let Some(flag) = flag {
            let set = Setting { value: value.to_owned(), at: flag.span.at(&file.path) };
            *slot = flag.value.then_some(set);
        }
    };
    flag(&mut found.network_disabled, read.network_disabled, "disabled");
    flag(&mut found.manual_cache_clean, read.manual_cache_clean, "true");
    flag(&mut found.preserve_hostname, read.preserve_hostname, "true");
}

fn ds_identify(gather: &Gather<'_>, found: &mut CloudInit) {
    let Some(file) = gather.read_config(format!("{CLOUD}/ds-identify.cfg")).present() else { return };
    for (key, set) in cloud_cfg::parse_ds_identify(&file.bytes) {
        let setting = Setting { value: set.value, at: set.span.at(&file.path) };
        match key.as_str() {
            "policy" => {
                if setting.value.split(',').next() == Some("disabled") {
                    found.disabled_by = Some(setting.at.clone());
                }
                found.policy = Some(setting);
            }
            "datasource" => found.forced_datasource = Some(setting),
            _ => {}
        }
    }
}

fn instance(gather: &Gather<'_>) -> Option<Instance> {
    let path = "var/lib/cloud/instance";
    let node = gather.found(gather.tree.symlink_metadata(path)).present()?;
    let id = match &node.kind {
        NodeKind::Link(target) => target.file_name().map(|name| name.to_string_lossy().into_owned()),
        _ => None,
    };
    // "DataSourceEc2Local: DataSourceEc2Local [seed=...]"
    let source = gather.read_config(format!("{path}/datasource")).present().map(|file| {
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        let name: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.strip_prefix("DataSource").unwrap_or(&name);
        let name = name.strip_suffix("Local").or_else(|| name.strip_suffix("Net")).unwrap_or(name);
        name.to_owned()
    });
    Some(Instance { at: Place::file(path), id, datasource: source.filter(|name| !name.is_empty()) })
}

/// Where cloud-init's renderers write (cloudinit/net/*.py), when the file says that they did.
fn written_network(gather: &Gather<'_>) -> Vec<Place> {
    let paths = [
        "etc/netplan/50-cloud-init.yaml",
        "etc/network/interfaces.d/50-cloud-init",
        "etc/network/interfaces.d/50-cloud-init.cfg",
        "etc/sysconfig/network-scripts/ifcfg-eth0",
        "etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection",
        "etc/systemd/network/10-cloud-init-eth0.network",
    ];
    let says = |path: &&&str| {
        let file = gather.read_config(path).present();
        file.is_some_and(|file| memchr::memmem::find(&file.bytes, b"cloud-init").is_some())
    };
    paths.iter().filter(says).map(|path| Place::file(*path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn later_files_replace_what_earlier_ones_set() {
        let tree = Memory::new()
            .file("usr/bin/cloud-init", "")
            .file("etc/cloud/cloud.cfg", "datasource_list: [NoCloud, None]\nnetwork: {config: disabled}\n")
            .file("etc/cloud/cloud.cfg.d/90.cfg", "datasource_list: [Ec2]\n")
            .file("etc/cloud/cloud.cfg.d/95.cfg", "network: {version: 1, config: []}\n")
            .file("etc/cloud/ds-identify.cfg", "policy: search,found=all\n")
            .link("var/lib/cloud/instance", "/var/lib/cloud/instances/i-0a1b")
            .file("var/lib/cloud/instances/i-0a1b/datasource", "DataSourceEc2Local: DataSourceEc2Local\n")
            .into_tree();
        let limits = Limits::default();
        let found = gather(&Gather::new(&tree, &limits));
        let list = found.datasource_list.unwrap();
        assert_eq!((list.names, list.is_single), (vec!["Ec2".to_owned()], true));
        assert!(found.installed && found.network_disabled.is_none() && found.disabled_by.is_none());
        let instance = found.instance.unwrap();
        assert_eq!((instance.id.as_deref(), instance.datasource.as_deref()), (Some("i-0a1b"), Some("Ec2")));
    }
}
