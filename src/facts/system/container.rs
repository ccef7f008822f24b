//! Whether this is the root of a container: such a system has no kernel, initrd or boot loader of its own, so that
//! moving it to a virtual machine needs all three.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, path_of};
use crate::place::{Place, Span};
use crate::source::NodeKind;

/// What says that this is a container's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Container {
    /// Which container software runs it.
    pub kind: ContainerKind,
    /// What says so.
    pub at: Place,
}

/// Which container software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerKind {
    /// OpenVZ or Virtuozzo.
    Openvz,
    /// Docker.
    Docker,
    /// Podman or another user of containers/common.
    Podman,
    /// LXC, LXD or Incus.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
    /// A container of another kind.
    Other,
}

/// Asks what systemd-detect-virt(1) asks (`src/basic/virt.c`, `detect_container`), as far as files tell, and what
/// OpenVZ leaves in a root file system.
pub(super) fn gather(gather: &Gather<'_>) -> Option<Container> {
    let tree = gather.tree;
    let found = |kind, path: &str| Some(Container { kind, at: Place::file(path) });
    // virt.c: `/proc/vz` exists in an OpenVZ container and on its host, `/proc/bc` only on the host.
    if tree.exists("proc/vz") && !tree.exists("proc/bc") {
        return found(ContainerKind::Openvz, "proc/vz");
    }
    // vzctl makes this fifo to wait for the end of the boot.
    if tree.symlink_metadata(".vzfifo").is_ok_and(|node| node.kind == NodeKind::Fifo) {
        return found(ContainerKind::Openvz, ".vzfifo");
    }
    if tree.exists("run/.containerenv") {
        return found(ContainerKind::Podman, "run/.containerenv");
    }
    if tree.exists(".dockerenv") {
        return found(ContainerKind::Docker, ".dockerenv");
    }
    said_by_init(gather).or_else(|| openvz_root(gather))
}

/// systemd keeps the value of `$container` that it was started with (virt.c).
fn said_by_init(gather: &Gather<'_>) -> Option<Container> {
    let file = gather.read("run/systemd/container").present()?;
    let kind = match file.bytes.trim_ascii() {
        b"openvz" => ContainerKind::Openvz,
        b"docker" => ContainerKind::Docker,
        b"podman" => ContainerKind::Podman,
        b"lxc" | b"lxc-libvirt" => ContainerKind::Lxc,
        b"systemd-nspawn" => ContainerKind::Nspawn,
        b"" => return None,
        _ => ContainerKind::Other,
    };
    Some(Container { kind, at: Place::file(path_of(&file)) })
}

/// The root of an OpenVZ container is `/dev/simfs` or `/dev/ploopNpM`, which its start script writes to etc/mtab.
fn openvz_root(gather: &Gather<'_>) -> Option<Container> {
    let file = gather.read("etc/mtab").present()?;
    let mut lines = file.bytes.split(|byte| *byte == b'\n').enumerate();
    let (index, _) = lines.find(|(_, line)| {
        let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let (device, mount_point) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        mount_point == b"/" && (device == b"/dev/simfs" || device.starts_with(b"/dev/ploop"))
    })?;
    Some(Container { kind: ContainerKind::Openvz, at: Span::line(index + 1).at(&path_of(&file)) })
}
