//! ZFS: which devices the pools that are imported at boot were made of, and the host that they belong to.
//!
//! zpool.cache lists them by path (zpool-import(8), `-c`); the host id is in `/etc/hostid` (zgenhostid(8)) or given to the module as
//! `spl.spl_hostid=`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::device_spec::DeviceSpec;
use crate::parse::zpool_cache;
use crate::place::Place;

/// Bytes of a zpool.cache; each disk takes less than 1 KiB.
const CACHE_LIMIT: u64 = 4 << 20;

/// What is known of ZFS.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Zfs {
    /// The list of pools to import at boot; null if there is none.
    pub cache: Option<PoolCache>,
    /// `/etc/hostid`; null if there is none.
    pub hostid_at: Option<Place>,
}

/// A zpool.cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PoolCache {
    /// The file.
    pub at: Place,
    /// The devices of all pools in it.
    pub devices: Vec<DeviceSpec>,
}

/// Reads zpool.cache where ZFS looks for it.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Zfs {
    let paths = ["etc/zfs/zpool.cache", "boot/zfs/zpool.cache"];
    let mut files =
        paths.iter().filter_map(|path| gather.found(gather.tree.read_limited(path, CACHE_LIMIT)).present());
    let cache = files.next().map(|file| PoolCache {
        devices: zpool_cache::device_paths(&file.bytes).iter().map(|path| DeviceSpec::parse(path)).collect(),
        at: Place::file(file.path),
    });
    let hostid_at = gather.tree.exists("etc/hostid").then(|| Place::file("etc/hostid"));
    Zfs { cache, hostid_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn the_devices_of_the_pools_are_read() {
        let tree = Memory::new()
            .file("etc/zfs/zpool.cache", b"\0\0path\0\0/dev/sdb1\0\0/dev/disk/by-id/x\0")
            .file("etc/hostid", b"abcd")
            .into_tree();
        let zfs = gather(&Gather::new(&tree, &Limits::default()));
        let kinds: Vec<_> = zfs.cache.unwrap().devices.iter().map(DeviceSpec::kind).collect();
        assert_eq!((kinds, zfs.hostid_at.is_some()), (vec!["kernel-name", "by-id"], true));
    }
}
