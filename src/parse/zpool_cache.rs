//! zpool.cache: the devices of the pools that ZFS imports at boot.
//!
//! The file is a packed name-value list in XDR (OpenZFS `module/nvpair/nvpair.c`, `module/zfs/spa_config.c`): text lies in it as it is. Of
//! all that, only the values that are device paths matter here.

/// Devices that are taken at most; large pools have some hundred disks.
const MAX_PATHS: usize = 2000;
/// Bytes of a path; `PATH_MAX`.
const MAX_PATH: usize = 4096;

/// The paths in `/dev`, in order, each once.
#[must_use]
pub fn device_paths(bytes: &[u8]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"/dev/") {
        let tail = bytes.get(at..).unwrap_or_default();
        let length = tail.iter().take(MAX_PATH).take_while(|byte| byte.is_ascii_graphic()).count();
        let path = String::from_utf8_lossy(tail.get(..length).unwrap_or_default()).into_owned();
        if !paths.contains(&path) {
            paths.push(path);
        }
        if paths.len() >= MAX_PATHS {
            break;
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_found_between_the_lengths() {
        let mut bytes = b"\0\0\0\x04path\0\0\0\x09\0\0\0\x01\0\0\0\x09/dev/sdb1\0\0\0".to_vec();
        bytes.extend(b"\0\0\0\x05devid\0\0\0/dev/disk/by-id/ata-X-part1\0/dev/sdb1\0");
        assert_eq!(device_paths(&bytes), ["/dev/sdb1", "/dev/disk/by-id/ata-X-part1"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(device_paths(&bytes).len() <= bytes.len());
        }
    }
}
