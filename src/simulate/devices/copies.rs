//! Two disks with one UUID or label: which of them blkid names.
//!
//! initramfs-tools resolves such names with `blkid -l -t` (scripts/functions, `resolve_device`). libblkid takes the first
//! device that it comes across (lib/tag.c, `blkid_find_dev_with_tag`) and reads them in the order of `/sys/block`
//! (lib/devname.c, `sysfs_probe_all`), which is that of the names' hashes (fs/kernfs/dir.c, `kernfs_name_hash`): `vdb`
//! comes before `vda`.

use super::{Machine, disks};
use crate::parse::device_spec::{DeviceSpec, parse_kernel_name};

/// The copy that blkid names, where a name stands for several disks of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulate) struct Copy {
    /// What it is called on the target: `vdb1`.
    pub(in crate::simulate) name: String,
    /// What the one on the boot disk is called there: `vda1`.
    pub(in crate::simulate) own: String,
}

impl Copy {
    /// Whether it is another than that on the boot disk.
    pub(in crate::simulate) fn is_another(&self) -> bool {
        self.name != self.own
    }
}

impl Machine<'_> {
    /// The copy that blkid names if `spec` is written on several disks, the boot disk among them; none if it is on
    /// one alone, or if what holds it is no disk or partition.
    pub(in crate::simulate) fn named_by_blkid(&self, spec: &DeviceSpec) -> Option<Copy> {
        let now = self.now.as_ref()?;
        let holders = self.facts.block_devices.devices.iter().filter(|device| device.is_named(spec));
        let mut copies = Vec::new();
        for device in holders {
            let kernel = parse_kernel_name(device.name.as_deref()?)?;
            let at = now.iter().position(|disk| *disk == kernel.disk)?;
            let Some(disk) = self.disks.get(at) else { continue };
            let name =
                kernel.partition.map_or_else(|| disk.name.clone(), |n| disks::partition(&disk.name, n));
            if !copies.iter().any(|(_, _, known)| *known == name) {
                copies.push((at, kernfs_hash(&disk.name), name));
            }
        }
        let own = copies.iter().find(|(at, _, _)| *at == 0).map(|(_, _, name)| name.clone())?;
        let on_disks = copies.iter().filter(|(at, _, _)| *at != 0).count();
        let (_, _, name) = copies.into_iter().min_by_key(|(_, hash, _)| *hash)?;
        (on_disks > 0).then_some(Copy { name, own })
    }
}

/// Where a name stands among the others of its folder in sysfs, on machines of 64 bits.
fn kernfs_hash(name: &str) -> u64 {
    const GOLDEN_RATIO: u64 = 0x61C8_8646_80B5_83EB;
    let mix = |hash: u64, byte: u8| {
        let byte = u64::from(byte);
        hash.wrapping_add(byte << 4).wrapping_add(byte >> 4).wrapping_mul(11)
    };
    let hash = name.bytes().fold(0, mix).wrapping_mul(GOLDEN_RATIO) >> 32;
    hash & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::kernfs_hash;

    #[test]
    fn disks_stand_in_sysfs_as_a_real_kernel_lists_them() {
        let listed = ["loop1", "loop6", "loop4", "loop2", "loop0", "loop7", "zram0", "loop5", "vda", "loop3"];
        let mut sorted = listed;
        sorted.sort_by_key(|name| kernfs_hash(name));
        assert_eq!(sorted, listed);
        assert!(kernfs_hash("vdb") < kernfs_hash("vda") && kernfs_hash("nvme0n1") < kernfs_hash("nvme1n1"));
    }
}
