//! High-availability clusters: Corosync and Pacemaker, cman, fencing, SBD, and DRBD's replicated disks.
//!
//! corosync.conf(5), Pacemaker's `cib.xml`, cman's `cluster.conf`, sbd(8), drbd.conf(5). No password of an agent and no shared secret is taken.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::setting::Setting;
use super::{Problem, ProblemKind};
use crate::parse::device_spec::DeviceSpec;
use crate::parse::{corosync, drbd, pacemaker, shell_vars};
use crate::place::Place;

/// A cluster that the machine is a node of.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cluster {
    /// The configuration that makes it one: corosync.conf or cluster.conf; null if it is no node.
    pub at: Option<Place>,
    /// The nodes' addresses or names in Corosync (`ring0_addr`) and the networks that it binds to (`bindnetaddr`).
    pub addresses: Vec<Setting>,
    /// The names of the nodes.
    pub nodes: Vec<String>,
    /// The fencing devices.
    pub fences: Vec<Fence>,
    /// `stonith-enabled`; if it is not set, it counts as true.
    pub stonith_enabled: Option<Setting>,
    /// The disks of SBD, `SBD_DEVICE`.
    pub sbd_disks: Vec<ClusterDisk>,
    /// `SBD_WATCHDOG_DEV`.
    pub sbd_watchdog: Option<Setting>,
    /// The disks below DRBD's devices; those of other hosts are left out.
    pub drbd_disks: Vec<ClusterDisk>,
    /// The addresses of DRBD.
    pub drbd_addresses: Vec<Setting>,
}

/// What shuts down a node that has gone wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fence {
    /// Where.
    pub at: Place,
    /// Its name in the cluster.
    pub name: String,
    /// The agent: `fence_ipmilan`, `external/sbd`.
    pub agent: String,
    /// What the agent works on.
    pub kind: FenceKind,
    /// What the agent talks to.
    pub address: Option<String>,
}

/// What a fencing agent works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FenceKind {
    /// A management processor, a power switch or a SAN switch of physical machines.
    Hardware,
    /// vCenter or ESXi.
    Vmware,
    /// libvirt, Proxmox, oVirt, OpenStack, Nutanix.
    Kvm,
    /// Xen.
    Xen,
    /// Azure.
    Azure,
    /// EC2.
    Aws,
    /// Google Cloud.
    Gcp,
    /// A shared disk: SBD, SCSI reservations, multipath reservations.
    Disk,
    /// Nothing of the platform: `fence_kdump`, `external/ssh`, `meatware`, or an agent that is not known.
    Other,
}

/// A disk that a cluster or DRBD names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClusterDisk {
    /// Where.
    pub at: Place,
    /// The name.
    pub device: DeviceSpec,
    /// DRBD's resource; null for SBD.
    pub resource: Option<String>,
}

/// Bytes of a cib.xml; large clusters have some 300 KiB.
const CIB_LIMIT: u64 = 4 << 20;
/// Files of drbd.d that are read.
const MAX_RESOURCES: usize = 500;
/// Items of each list at the most.
const MAX_ITEMS: usize = 1000;

/// Reads the configurations. `hostname` tells this node's disks in DRBD's resources from its peers'.
#[must_use]
pub fn gather(gather: &Gather<'_>, hostname: Option<&str>) -> Cluster {
    let mut cluster = Cluster::default();
    if let Some(file) = gather.read_config("etc/corosync/corosync.conf").present() {
        cluster.at = Some(Place::file(std::sync::Arc::clone(&file.path)));
        for setting in corosync::parse(&file.bytes) {
            let key = setting.path.rsplit('.').next().unwrap_or_default();
            if (key.starts_with("ring") && key.ends_with("_addr")) || key == "bindnetaddr" {
                let at = setting.value.span.at(&file.path);
                cluster.addresses.push(Setting { value: setting.value.text, at });
            }
        }
    }
    let cibs = [
        "var/lib/pacemaker/cib/cib.xml",
        "var/lib/heartbeat/crm/cib.xml",
        "sos_commands/pacemaker/cib.xml",
        "etc/cluster/cluster.conf",
    ];
    cibs.iter().for_each(|path| resources(gather, path, &mut cluster));
    sbd(gather, &mut cluster);
    replicated(gather, hostname, &mut cluster);
    cluster.addresses.truncate(MAX_ITEMS);
    cluster
}

/// Fencing devices and nodes of a cib.xml or cluster.conf.
fn resources(gather: &Gather<'_>, path: &str, cluster: &mut Cluster) {
    let Some(file) = gather.found(gather.tree.read_limited(path, CIB_LIMIT)).present() else { return };
    let found = match pacemaker::parse(&String::from_utf8_lossy(&file.bytes)) {
        Ok(found) => found,
        Err(mistake) => {
            let at = mistake.span.at(&file.path);
            gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
            return;
        }
    };
    if path.ends_with("cluster.conf") {
        cluster.at.get_or_insert_with(|| Place::file(std::sync::Arc::clone(&file.path)));
    }
    cluster.nodes.extend(found.nodes);
    if let Some((value, span)) = found.stonith_enabled {
        cluster.stonith_enabled = Some(Setting { value, at: span.at(&file.path) });
    }
    cluster.fences.extend(found.fences.into_iter().map(|fence| Fence {
        at: fence.span.at(&file.path),
        kind: fence_kind(&fence.agent),
        name: fence.id,
        agent: fence.agent,
        address: fence.address,
    }));
}

/// The families of agents, as fence-agents and cluster-glue ship them.
fn fence_kind(agent: &str) -> FenceKind {
    let name = agent.strip_prefix("fence_").or_else(|| agent.strip_prefix("external/")).unwrap_or(agent);
    let is = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    match () {
        () if is(&["vmware", "vcenter", "esx"]) => FenceKind::Vmware,
        () if is(&[
            "virsh",
            "virt",
            "xvm",
            "libvirt",
            "pve",
            "rhevm",
            "ovirt",
            "openstack",
            "compute",
            "nutanix",
            "kubevirt",
        ]) =>
        {
            FenceKind::Kvm
        }
        () if is(&["xen", "xapi"]) => FenceKind::Xen,
        () if is(&["azure"]) => FenceKind::Azure,
        () if is(&["aws", "ec2"]) => FenceKind::Aws,
        () if is(&["gce", "gcp", "gcpstonith"]) => FenceKind::Gcp,
        () if is(&["sbd", "scsi", "mpath"]) => FenceKind::Disk,
        () if is(&[
            "ipmi",
            "ilo",
            "riloe",
            "drac",
            "idrac",
            "imm",
            "rsa",
            "rsb",
            "bladecenter",
            "hpblade",
            "cisco",
            "apc",
            "eaton",
            "wti",
            "raritan",
            "redfish",
            "rcd_serial",
            "brocade",
            "ibmblade",
            "ibmrsa",
            "lpar",
            "hmchttp",
            "ibmhmc",
            "zvm",
            "intelmodular",
            "ipdu",
            "emerson",
            "tripplite",
            "cyclades",
            "baytech",
            "rackpdu",
            "rps10",
            "ibmz",
            "amt",
            "sanbox2",
            "nut",
            "ucs",
        ]) =>
        {
            FenceKind::Hardware
        }
        () => FenceKind::Other,
    }
}

/// `SBD_DEVICE="/dev/a;/dev/b"` (sbd(8)).
fn sbd(gather: &Gather<'_>, cluster: &mut Cluster) {
    for path in ["etc/sysconfig/sbd", "etc/default/sbd"] {
        let Some(file) = gather.read_config(path).present() else { continue };
        let vars = shell_vars::parse(&file.bytes);
        if let Some(set) = vars.last("SBD_DEVICE") {
            let disks = set.value.split(';').map(str::trim).filter(|disk| !disk.is_empty()).take(MAX_ITEMS);
            let at = set.span.at(&file.path);
            cluster.sbd_disks.extend(disks.map(|disk| ClusterDisk {
                at: at.clone(),
                device: DeviceSpec::parse(disk),
                resource: None,
            }));
        }
        cluster.sbd_watchdog = vars.last("SBD_WATCHDOG_DEV").map(|set| Setting::new(set, &file.path));
    }
}

/// DRBD's resources: drbd.conf includes `drbd.d/*.res`.
fn replicated(gather: &Gather<'_>, hostname: Option<&str>, cluster: &mut Cluster) {
    let mut files = gather.read_directory("etc/drbd.d", |name| name.ends_with(".res"));
    files.truncate(MAX_RESOURCES);
    files.extend(gather.read_config("etc/drbd.conf").present());
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let own = hostname.map(short);
    let is_own = |host: &Option<String>| match (host, &own) {
        (Some(host), Some(own)) => short(host) == *own,
        _ => true,
    };
    for file in files {
        let found = drbd::parse(&file.bytes);
        let named = found.disks.iter().any(|disk| disk.host.is_some() && is_own(&disk.host));
        // A host that no resource knows has another name now: then all disks may be its own.
        let disks = found.disks.into_iter().filter(|disk| !named || is_own(&disk.host));
        cluster.drbd_disks.extend(disks.map(|disk| ClusterDisk {
            at: disk.span.at(&file.path),
            device: DeviceSpec::parse(&disk.disk),
            resource: Some(disk.resource),
        }));
        let addresses = found.addresses.into_iter();
        cluster.drbd_addresses.extend(
            addresses.map(|address| Setting { value: address.address, at: address.span.at(&file.path) }),
        );
    }
    cluster.drbd_disks.truncate(MAX_ITEMS);
    cluster.drbd_addresses.truncate(MAX_ITEMS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn a_node_knows_its_fences_and_disks() {
        let cib = "<cib><primitive id=\"f\" class=\"stonith\" type=\"external/ipmi\"/></cib>";
        let res = "resource r0 {\n on alice { disk /dev/sdb1; address 192.0.2.1:7788; }\n on bob { disk /dev/sdc1; address 192.0.2.2:7788; }\n}\n";
        let tree = Memory::new()
            .file("etc/corosync/corosync.conf", "nodelist {\n node {\n  ring0_addr: 192.0.2.1\n }\n}\n")
            .file("var/lib/pacemaker/cib/cib.xml", cib)
            .file(
                "etc/sysconfig/sbd",
                "SBD_DEVICE=\"/dev/disk/by-id/x;/dev/sdd\"\nSBD_WATCHDOG_DEV=/dev/watchdog\n",
            )
            .file("etc/drbd.d/r0.res", res)
            .into_tree();
        let cluster = gather(&Gather::new(&tree, &Limits::default()), Some("alice.example.com"));
        assert_eq!(cluster.addresses[0].value, "192.0.2.1");
        assert_eq!(cluster.fences[0].kind, FenceKind::Hardware);
        let disks: Vec<_> =
            cluster.sbd_disks.iter().chain(&cluster.drbd_disks).map(|d| d.device.raw.as_str()).collect();
        assert_eq!(disks, ["/dev/disk/by-id/x", "/dev/sdd", "/dev/sdb1"]);
    }

    #[test]
    fn agents_are_told_by_their_families() {
        for (agent, want) in [
            ("fence_ilo4_ssh", FenceKind::Hardware),
            ("fence_vmware_rest", FenceKind::Vmware),
            ("external/libvirt", FenceKind::Kvm),
            ("fence_azure_arm", FenceKind::Azure),
            ("fence_scsi", FenceKind::Disk),
            ("fence_kdump", FenceKind::Other),
        ] {
            assert_eq!(fence_kind(agent), want, "{agent}");
        }
    }
}
