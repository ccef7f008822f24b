//! Lists of devices that tools keep from one boot to the next: blkid's cache in `/etc` (blkid(8), before util-linux 2.17) and LVM's
//! persistent filter (`.cache`, lvm.conf(5), `write_cache_state`).

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::device_names;
use crate::parse::device_spec::DeviceName;
use crate::place::Place;

/// Where such lists are. The one in `/run` is new at each boot.
const PATHS: [&str; 4] = ["etc/lvm/cache/.cache", "etc/lvm/.cache", "etc/blkid/blkid.tab", "etc/blkid.tab"];

/// A list of devices of an earlier boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeviceCache {
    /// The file.
    pub at: Place,
    /// It is LVM's.
    pub is_lvm: bool,
    /// The kernel's names in it, without `/dev/`.
    pub devices: Vec<String>,
    /// The first letters of these names, each once: `sd`, `cciss`.
    pub prefixes: Vec<String>,
}

/// Reads the lists that are there and name a disk.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<DeviceCache> {
    let files = PATHS.iter().filter_map(|path| gather.read_config(path).present());
    let caches = files.map(|file| {
        let mut cache = DeviceCache {
            is_lvm: file.path.contains("lvm"),
            at: Place::file(std::sync::Arc::clone(&file.path)),
            devices: Vec::new(),
            prefixes: Vec::new(),
        };
        for disk in device_names::parse(&file.bytes) {
            let DeviceName::KernelName(name) = disk.device.name else { continue };
            cache.devices.push(name.name);
            if !cache.prefixes.iter().any(|own| own == name.prefix) {
                cache.prefixes.push(name.prefix.to_owned());
            }
        }
        cache
    });
    caches.filter(|cache| !cache.devices.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn the_disks_of_both_lists_are_read() {
        let tree = Memory::new()
            .file("etc/lvm/cache/.cache", "persistent_filter_cache {\n\tvalid_devices=[\n\t\t\"/dev/sda2\",\n\t\t\"/dev/ram0\"\n\t]\n}\n")
            .file("etc/blkid/blkid.tab", "<device DEVNO=\"0x6801\" TYPE=\"ext3\">/dev/cciss/c0d0p1</device>\n")
            .into_tree();
        let caches = gather(&Gather::new(&tree, &Limits::default()));
        let seen: Vec<_> =
            caches.iter().map(|c| (c.is_lvm, c.devices.join(" "), c.prefixes.join(" "))).collect();
        assert_eq!(
            seen,
            [(true, "sda2".into(), "sd".into()), (false, "cciss/c0d0p1".into(), "cciss".into())]
        );
    }
}
