//! What NFSv3 needs for its locks (rpc.statd), and the automounter's maps that are not files.
//!
//! Sources: rpc.statd(8), nfs(5); `NEED_STATD` in `etc/default/nfs-common` of Debian up to 11; auto.master(5).

use schemars::JsonSchema;
use serde::Serialize;

use super::services::{ServiceKind, Services};
use super::{Gather, Known};
use crate::parse::{autofs, os_release};
use crate::place::Place;

/// rpc.statd, and maps that a server holds.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NfsLocks {
    /// rpc.statd, which locks of version 3 need. Unknown if the services are.
    pub statd: Known<Statd>,
    /// Lines of auto.master whose map comes from LDAP or NIS.
    pub remote_maps: Vec<RemoteMap>,
}

/// A line of auto.master whose map is no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RemoteMap {
    /// The mount point.
    pub mountpoint: String,
    /// The map as written.
    pub map: String,
    /// Its line.
    pub at: Place,
}

/// rpc.statd.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Statd {
    /// The boot starts it.
    pub in_use: bool,
    /// What keeps it from starting, even for a mount that needs it: a mask, or a switch that is off.
    pub is_barred: Option<Place>,
    /// Its program or unit is there.
    pub installed: bool,
    /// mount.nfs starts it when it needs it, by `start-statd`.
    pub starts_on_mount: bool,
}

/// Lines of auto.master that are kept.
const MAX_MAPS: usize = 500;

/// Reads both.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services) -> NfsLocks {
    NfsLocks { statd: statd(gather, services), remote_maps: remote_maps(gather) }
}

/// systemd pulls `rpc-statd.service` in with `nfs-client.target` or by a mount; before it was the service `nfslock`
/// (RHEL), `nfs-common` (Debian), `nfs` (SUSE).
fn statd(gather: &Gather<'_>, services: &Services) -> Known<Statd> {
    let units = match &services.units {
        Known::Known(units) => units,
        Known::Unknown { needs } => return Known::Unknown { needs: needs.clone() },
    };
    let names = ["rpc-statd", "nfslock", "nfs-lock", "nfs-common", "statd", "rpcstatd", "nfs"];
    let of_it: Vec<_> = units.iter().filter(|unit| names.contains(&unit.name.as_str())).collect();
    // Units of that name under systemd start other parts of NFS; scripts start statd along with the rest.
    let starts =
        |name: &str, kind: ServiceKind| !matches!(name, "nfs" | "nfs-common") || kind != ServiceKind::Systemd;
    let exists = |paths: [&str; 2]| paths.iter().any(|path| gather.tree.exists(path));
    let mut statd = Statd {
        in_use: of_it.iter().any(|unit| unit.in_use && starts(&unit.name, unit.kind)),
        installed: exists(["usr/sbin/rpc.statd", "sbin/rpc.statd"])
            || of_it.iter().any(|unit| unit.name == "rpc-statd" && !unit.masked),
        starts_on_mount: exists(["usr/sbin/start-statd", "sbin/start-statd"]),
        is_barred: of_it
            .iter()
            .find(|unit| unit.masked && unit.name == "rpc-statd")
            .map(|unit| unit.at.clone()),
    };
    if let Some(file) = gather.read_config("etc/default/nfs-common").present() {
        for assignment in os_release::assignments(&file.bytes).0 {
            if assignment.name == "NEED_STATD" && assignment.value.eq_ignore_ascii_case("no") {
                statd.is_barred = Some(Place::file("etc/default/nfs-common"));
            }
        }
    }
    Known::Known(statd)
}

/// The maps of `auto.master` that LDAP or NIS hold: by their prefix, or by a name that no file in `etc` has.
fn remote_maps(gather: &Gather<'_>) -> Vec<RemoteMap> {
    let mut files: Vec<_> = gather.read_config("etc/auto.master").present().into_iter().collect();
    files.extend(gather.read_directory("etc/auto.master.d", |name| name.ends_with(".autofs")));
    let mut found = Vec::new();
    for file in &files {
        for entry in autofs::parse_master(&file.bytes).into_iter().take(MAX_MAPS) {
            let map = entry.map.as_str();
            let is_file = map.starts_with(['/', '-'])
                || ["file", "program", "exec", "multi", "hosts"].iter().any(|kind| map.starts_with(kind))
                || gather.tree.exists(format!("etc/{map}"));
            let is_served = ["ldap", "yp", "nis", "sss"].iter().any(|kind| map.starts_with(kind));
            if !entry.mountpoint.is_empty() && (is_served || !is_file) {
                let at = entry.span.at(&file.path);
                found.push(RemoteMap { mountpoint: entry.mountpoint, map: entry.map, at });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::facts::mounting::InitSystem;
    use crate::source::memory::Memory;

    fn read(memory: Memory) -> NfsLocks {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        let context = Gather::new(&tree, &limits);
        let services = crate::facts::services::gather(&context, InitSystem::Systemd, None);
        gather(&context, &services)
    }

    #[test]
    fn statd_may_be_barred_and_maps_may_be_elsewhere() {
        let found = read(
            Memory::new()
                .link("etc/systemd/system/rpc-statd.service", "/dev/null")
                .file("usr/sbin/rpc.statd", "x")
                .file(
                    "etc/auto.master",
                    "/home ldap:auto.home\n/net -hosts\n/x auto.x\n/y auto.y\n+auto.master\n",
                )
                .file("etc/auto.x", ""),
        );
        let statd = found.statd.get().unwrap();
        assert_eq!(statd.is_barred, Some(Place::file("etc/systemd/system/rpc-statd.service")));
        assert!(statd.installed && !statd.in_use && !statd.starts_on_mount);
        let maps: Vec<_> = found.remote_maps.iter().map(|map| map.map.as_str()).collect();
        assert_eq!(maps, ["ldap:auto.home", "auto.y"]);
    }
}
