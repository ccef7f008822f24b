//! Mounts before systemd: rc.sysinit of Red Hat to 6, checkfs.sh and mountall.sh of Debian to 7, boot.localfs of SUSE to
//! 11, mountall of Ubuntu to 14.04.
//!
//! `fsck -A` looks at every line with a number in the last field and fails for a device that is not there; the scripts
//! then ask for root's password and stop (RHEL 6 `/etc/rc.d/rc.sysinit`: "Dropping you to a shell"; Debian 7
//! `/etc/init.d/checkfs.sh`: "A maintenance shell will now be started"). `mount -a` and `swapon -a` after it say what
//! does not work and go on. Lines with `noauto`, `nofail` or `_netdev` are left out of the check (fsck(8)).

use crate::facts::Known;
use crate::facts::fstab::{Mount, MountSource};
use crate::simulate::devices::{Machine, Resolution};
use crate::simulate::scene::Scene;
use crate::simulate::{DiskFate, Step, StepName};
use crate::target::Target;

/// The step on a system without systemd.
pub(super) fn step(scene: &Scene<'_>, target: &Target, disk: &DiskFate) -> Step {
    let step = StepName::Mounts;
    let mounts = match &scene.facts.fstab.entries {
        Known::Known(mounts) => mounts,
        Known::Unknown { needs } => {
            return Step::unknown(step, format!("what is mounted is not known without {needs}"), None);
        }
    };
    let machine = Machine::new(scene.facts, target, disk);
    let mut gone = Vec::new();
    let mut unknown = None;
    for mount in mounts.iter().filter(|mount| mount.source == MountSource::Disk && !mount.noauto) {
        let is_checked = mount.passno != 0 && !mount.nofail && !mount.netdev && !mount.is_swap;
        match machine.resolve(&mount.device) {
            Resolution::Missing { why } if is_checked => {
                let detail = format!(
                    "the check of file systems fails, and the boot stops for the administrator's password: `{}` for {} {why}",
                    mount.spec, mount.mountpoint
                );
                return Step::fails(step, detail, Some(mount.at.clone()));
            }
            Resolution::Missing { .. } => gone.push(named(mount)),
            Resolution::Unknown { needs } if is_checked && !may_be_taken_for_granted(mount) => {
                unknown.get_or_insert((mount, needs));
            }
            _ => {}
        }
    }
    if let Some((mount, needs)) = unknown {
        let detail = format!(
            "whether `{}` for {} is there is not known without {needs}",
            mount.spec, mount.mountpoint
        );
        return Step::unknown(step, detail, Some(mount.at.clone()));
    }
    let count = mounts.iter().filter(|mount| !mount.noauto).count().saturating_sub(gone.len());
    let detail = match gone.as_slice() {
        [] => format!("{count} lines of fstab are mounted or swapped on"),
        _ => format!(
            "{count} lines of fstab are mounted or swapped on; {} is not, and the boot goes on",
            gone.join(", ")
        ),
    };
    Step::ok(step, detail, mounts.first().map(|mount| mount.at.clone()))
}

/// Names that move with the disks.
fn may_be_taken_for_granted(mount: &Mount) -> bool {
    use crate::parse::device_spec::DeviceName;
    matches!(mount.device.name, DeviceName::Md(_) | DeviceName::Mapper(_) | DeviceName::LvmPath { .. })
}

fn named(mount: &Mount) -> String {
    if mount.is_swap { mount.spec.clone() } else { mount.mountpoint.clone() }
}
