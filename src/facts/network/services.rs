//! Reads which network managers run at boot.
//!
//! With systemd a link in some `*.wants` of `etc/systemd/system` enables a unit, and a link to /dev/null masks it
//! (systemd.unit(5)); with SysV init a link `rc?.d/S??name` does; upstart starts what has a job in `etc/init`.

use schemars::JsonSchema;
use serde::Serialize;

use super::names::is_masked;
use crate::facts::setting::Setting;
use crate::facts::{Gather, Known};
use crate::parse::ini;
use crate::place::Place;

/// Which managers run at boot: each with what enables it, null where nothing does. Unknown when the input has no links
/// of any service.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "NetworkServices")]
pub struct Services {
    /// ifupdown: `networking.service`.
    pub ifupdown: Known<Option<Place>>,
    /// `systemd-networkd.service`.
    pub networkd: Known<Option<Place>>,
    /// Something waits for networkd: `systemd-networkd-wait-online.service`.
    pub networkd_wait: Option<Place>,
    /// `NetworkManager.service`.
    pub networkmanager: Known<Option<Place>>,
    /// initscripts' `network`, and SUSE's before wicked.
    pub network: Known<Option<Place>>,
    /// `wicked.service`.
    pub wicked: Known<Option<Place>>,
    /// Others, which take every card: `dhcpcd.service`, `connman.service`.
    pub for_all: Option<Place>,
    /// cloud-init, which writes the network's configuration anew on a new instance; null where it is not installed,
    /// disabled, or told to leave the network alone.
    pub cloud_init: Option<Place>,
    /// netplan's generator is installed, which starts the managers that its files name.
    pub netplan: bool,
    /// What NetworkManager's own files say.
    pub networkmanager_conf: NetworkManagerConf,
}

/// NetworkManager.conf(5), all files put together.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NetworkManagerConf {
    /// `no-auto-default` of `[main]`: the cards for which no profile is made up.
    pub no_auto_default: Option<Setting>,
    /// `unmanaged-devices` of `[keyfile]`.
    pub unmanaged_devices: Option<Setting>,
    /// `plugins` of `[main]`.
    pub plugins: Option<Setting>,
    /// `managed` of `[ifupdown]`: whether it takes what stands in `etc/network/interfaces`.
    pub ifupdown_managed: bool,
}

/// Directories of links that start services with SysV init.
const RUNLEVELS: [&str; 12] = [
    "etc/rcS.d",
    "etc/rc2.d",
    "etc/rc3.d",
    "etc/rc5.d",
    "etc/rc.d/rc2.d",
    "etc/rc.d/rc3.d",
    "etc/rc.d/rc5.d",
    "etc/init.d/rc3.d",
    "etc/init.d/rc5.d",
    "etc/init.d/boot.d",
    "etc/runlevels/boot",
    "etc/runlevels/default",
];

const UNITS: &str = "etc/systemd/system";

/// Reads what is enabled.
pub(super) fn read(gather: &Gather<'_>) -> Services {
    let wants = wants(gather);
    let runlevels: Vec<(String, String)> = RUNLEVELS
        .iter()
        .flat_map(|folder| {
            let names = gather.tree.list(folder).unwrap_or_default().into_iter();
            names.filter_map(move |name| Some(((*folder).to_owned(), name.to_str()?.to_owned())))
        })
        .collect();
    let jobs = gather.tree.list("etc/init").unwrap_or_default();
    let is_bare = wants.is_empty() && runlevels.is_empty() && jobs.is_empty();
    let by_link = |unit: &str| {
        let found = wants.iter().find(|(_, name)| name == unit);
        let found = found.filter(|_| !is_masked(gather, &format!("{UNITS}/{unit}")));
        found.map(|(folder, name)| Place::file(format!("{folder}/{name}")))
    };
    let by_runlevel = |script: &str| {
        let starts = |name: &str| name.get(3..) == Some(script) && name.starts_with('S') || name == script;
        let found = runlevels.iter().find(|(_, name)| starts(name));
        found.map(|(folder, name)| Place::file(format!("{folder}/{name}")))
    };
    let by_job = |job: &str| {
        jobs.iter().any(|name| name.to_str() == Some(job)).then(|| Place::file(format!("etc/init/{job}")))
    };
    let service = |unit: &str, scripts: &[&str], job: &str| {
        if is_bare {
            return Known::unknown("the links in `etc/systemd/system`, which say which network service runs");
        }
        let found = by_link(unit).or_else(|| scripts.iter().find_map(|script| by_runlevel(script)));
        Known::Known(found.or_else(|| by_job(job)))
    };
    let alias = gather.tree.resolve(format!("{UNITS}/network.service"));
    let alias_is_wicked = alias.is_ok_and(|path| path.ends_with("wicked.service"))
        || links_to(gather, &format!("{UNITS}/network.service"), "wicked.service");
    let wicked = if alias_is_wicked {
        Known::Known(Some(Place::file(format!("{UNITS}/network.service"))))
    } else {
        service("wicked.service", &[], "")
    };
    Services {
        ifupdown: service("networking.service", &["networking", "ifupdown"], "networking.conf"),
        networkd: service("systemd-networkd.service", &[], ""),
        networkd_wait: by_link("systemd-networkd-wait-online.service"),
        networkmanager: service(
            "NetworkManager.service",
            &["NetworkManager", "network-manager", "networkmanager"],
            "network-manager.conf",
        ),
        network: service("network.service", &["network"], "network.conf"),
        wicked,
        for_all: ["dhcpcd.service", "connman.service", "dhcpcd5.service"]
            .iter()
            .find_map(|unit| by_link(unit)),
        cloud_init: cloud_init(gather),
        netplan: [
            "usr/lib/systemd/system-generators/netplan",
            "lib/systemd/system-generators/netplan",
            "usr/sbin/netplan",
        ]
        .iter()
        .any(|path| gather.tree.symlink_metadata(path).is_ok()),
        networkmanager_conf: networkmanager_conf(gather),
    }
}

/// The links in all `*.wants` and `*.requires`: folder and name.
fn wants(gather: &Gather<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for units in [UNITS, "usr/lib/systemd/system", "lib/systemd/system"] {
        for name in gather.tree.list(units).unwrap_or_default() {
            let Some(name) =
                name.to_str().filter(|name| name.ends_with(".wants") || name.ends_with(".requires"))
            else {
                continue;
            };
            let folder = format!("{units}/{name}");
            // What packages link in /usr/lib says nothing of what the administrator enables.
            let links = gather.tree.list(&folder).unwrap_or_default().into_iter();
            let links = links.filter_map(|link| link.to_str().map(str::to_owned));
            let counts = |link: &String| units == UNITS || link.starts_with("NetworkManager");
            found.extend(links.filter(counts).map(|link| (folder.clone(), link)));
        }
    }
    found
}

fn links_to(gather: &Gather<'_>, path: &str, end: &str) -> bool {
    let node = gather.tree.symlink_metadata(path);
    node.is_ok_and(
        |node| matches!(&node.kind, crate::source::NodeKind::Link(target) if target.ends_with(end)),
    )
}

/// Whether cloud-init runs and writes the network (cloud-init's `network: {config: disabled}`, ds-identify).
fn cloud_init(gather: &Gather<'_>) -> Option<Place> {
    let main = "etc/cloud/cloud.cfg";
    let installed =
        ["usr/bin/cloud-init", "usr/local/bin/cloud-init"].iter().any(|path| gather.tree.exists(path));
    if !installed || !gather.tree.exists(main) || gather.tree.exists("etc/cloud/cloud-init.disabled") {
        return None;
    }
    let mut files: Vec<File> = gather.read(main).present().into_iter().collect();
    files.extend(gather.read_directory("etc/cloud/cloud.cfg.d", |name| name.ends_with(".cfg")));
    let disabled = files.iter().any(|file| {
        let text = String::from_utf8_lossy(&file.bytes);
        let squeezed: String = text.chars().filter(|letter| !matches!(letter, ' ' | '"' | '\'')).collect();
        squeezed.contains("network:{config:disabled}") || squeezed.contains("network:\nconfig:disabled")
    });
    (!disabled).then(|| Place::file(main))
}

use crate::source::File;

fn networkmanager_conf(gather: &Gather<'_>) -> NetworkManagerConf {
    let conf = |name: &str| name.ends_with(".conf");
    let mut files = gather.read_directory("usr/lib/NetworkManager/conf.d", conf);
    // A file of the same name in /etc hides the package's.
    let own = gather.read_directory("etc/NetworkManager/conf.d", conf);
    let name = |file: &File| file.path.rsplit('/').next().map(str::to_owned);
    files.retain(|file| {
        let hidden = format!("etc/NetworkManager/conf.d/{}", name(file).unwrap_or_default());
        gather.tree.symlink_metadata(&hidden).is_err()
    });
    files.extend(gather.read("etc/NetworkManager/NetworkManager.conf").present());
    files.extend(own);
    let mut found = NetworkManagerConf::default();
    for file in &files {
        for entry in ini::parse(&file.bytes) {
            let setting = Setting { value: entry.value.clone(), at: entry.span.at(&file.path) };
            match (entry.section.as_str(), entry.key.as_str()) {
                ("main", "no-auto-default") => found.no_auto_default = Some(setting),
                ("main", "plugins") => found.plugins = Some(setting),
                ("keyfile", "unmanaged-devices") => found.unmanaged_devices = Some(setting),
                ("ifupdown", "managed") => found.ifupdown_managed = entry.value == "true",
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn gathered(memory: Memory) -> Services {
        let tree = memory.into_tree();
        let limits = Limits::default();
        read(&Gather::new(&tree, &limits))
    }

    const WANTS: &str = "etc/systemd/system/multi-user.target.wants";

    #[test]
    fn services_are_enabled_by_links_of_each_init() {
        assert!(gathered(Memory::new()).networkd.needs().is_some(), "nothing says what runs");
        let systemd = gathered(Memory::new().link(&format!("{WANTS}/NetworkManager.service"), "/usr/lib/x"));
        assert_eq!(systemd.networkd, Known::Known(None));
        let at = Place::file(format!("{WANTS}/NetworkManager.service"));
        assert_eq!(systemd.networkmanager, Known::Known(Some(at)));
        let masked = Memory::new()
            .link(&format!("{WANTS}/NetworkManager.service"), "/usr/lib/x")
            .link("etc/systemd/system/NetworkManager.service", "/dev/null");
        assert_eq!(gathered(masked).networkmanager, Known::Known(None));
        let sysv = gathered(Memory::new().link("etc/rc.d/rc3.d/S10network", "../init.d/network"));
        assert_eq!(sysv.network, Known::Known(Some(Place::file("etc/rc.d/rc3.d/S10network"))));
        let stopped = gathered(Memory::new().link("etc/rc.d/rc3.d/K90network", "../init.d/network"));
        assert_eq!(stopped.network, Known::Known(None));
        let upstart = gathered(Memory::new().file("etc/init/networking.conf", ""));
        assert_eq!(upstart.ifupdown, Known::Known(Some(Place::file("etc/init/networking.conf"))));
        let suse = gathered(
            Memory::new()
                .link("etc/systemd/system/network.service", "/usr/lib/systemd/system/wicked.service"),
        );
        assert!(matches!(suse.wicked, Known::Known(Some(_))));
    }

    #[test]
    fn cloud_init_counts_unless_it_leaves_the_network_alone() {
        let cloud =
            || Memory::new().file("usr/bin/cloud-init", "").file("etc/cloud/cloud.cfg", "users: [default]\n");
        assert!(gathered(cloud()).cloud_init.is_some());
        for off in [
            "network: {config: disabled}\n",
            "network:\n  config: disabled\n",
            "network: {config: \"disabled\"}\n",
        ] {
            assert_eq!(gathered(cloud().file("etc/cloud/cloud.cfg.d/99.cfg", off)).cloud_init, None, "{off}");
        }
        assert_eq!(gathered(cloud().file("etc/cloud/cloud-init.disabled", "")).cloud_init, None);
    }

    #[test]
    fn networkmanagers_files_add_up_and_hide_each_other() {
        let services = gathered(
            Memory::new()
                .file("usr/lib/NetworkManager/conf.d/00-server.conf", "[main]\nno-auto-default=*\n")
                .file("usr/lib/NetworkManager/conf.d/10-all.conf", "[keyfile]\nunmanaged-devices=*\n")
                .file("etc/NetworkManager/conf.d/10-all.conf", "")
                .file(
                    "etc/NetworkManager/NetworkManager.conf",
                    "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=true\n",
                ),
        );
        let conf = services.networkmanager_conf;
        assert_eq!(conf.no_auto_default.map(|setting| setting.value).as_deref(), Some("*"));
        assert_eq!((conf.unmanaged_devices, conf.ifupdown_managed), (None, true));
    }
}
