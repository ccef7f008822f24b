//! `root=` as a device number: `fe01`, `8:1`.

use super::{Machine, Resolution};
use crate::parse::device_spec::DeviceSpec;

/// What the majors of disks are called, and how many minors each disk of them has (Documentation/admin-guide/devices.txt).
/// 254 is the first number that the kernel gives out by itself, which is virtio's where nothing comes before it.
const MAJORS: [(u32, &str, u32); 9] = [
    (3, "hd", 64),
    (8, "sd", 16),
    (65, "sd", 16),
    (104, "cciss", 16),
    (179, "mmcblk", 8),
    (202, "xvd", 16),
    (254, "vd", 16),
    (72, "ida", 16),
    (48, "rd", 8),
];

impl<'a> Machine<'a> {
    /// A device number, in decimal with a colon or in hexadecimal (init/do_mounts.c, `devt_from_devnum`).
    pub(super) fn number(&self, text: &str) -> Resolution<'a> {
        let unknown = || Resolution::Unknown { needs: format!("knowing which device has the number {text}") };
        let Some((major, minor)) = parse(text) else { return unknown() };
        let Some((_, prefix, minors)) = MAJORS.iter().find(|(known, _, _)| *known == major) else {
            return unknown();
        };
        let first = if major == 65 { 16 } else { 0 };
        let disk = usize::try_from(minor / minors).ok().map(|disk| disk + first);
        let like = super::disks::nth(&like(prefix), disk.unwrap_or_default());
        let (Some(disk), partition) = (like, minor % minors) else { return unknown() };
        let name = if partition == 0 { disk } else { super::disks::partition(&disk, partition) };
        match self.resolve(&DeviceSpec::parse(&format!("/dev/{name}"))) {
            Resolution::Exists { device, why } => {
                Resolution::Exists { device, why: format!("is the number of {name}, which {why}") }
            }
            Resolution::Missing { why } => {
                Resolution::Missing { why: format!("is the number of {name}, which {why}") }
            }
            unknown @ Resolution::Unknown { .. } => unknown,
        }
    }
}

fn like(prefix: &str) -> String {
    match prefix {
        "mmcblk" => "mmcblk0".to_owned(),
        "cciss" | "ida" | "rd" => format!("{prefix}/c0d0"),
        _ => format!("{prefix}a"),
    }
}

/// Major and minor: `8:1`, or hexadecimal as `new_decode_dev` takes it apart (include/linux/kdev_t.h).
fn parse(text: &str) -> Option<(u32, u32)> {
    if let Some((major, minor)) = text.split_once(':') {
        return Some((major.parse().ok()?, minor.parse().ok()?));
    }
    let number = u32::from_str_radix(text, 16).ok()?;
    Some(((number & 0xf_ff00) >> 8, (number & 0xff) | ((number >> 12) & 0xf_ff00)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_apart_as_the_kernel_does() {
        assert_eq!(parse("0801"), Some((8, 1)));
        assert_eq!(parse("fe01"), Some((254, 1)));
        assert_eq!(parse("10301"), Some((259, 1)), "the minor is 0x01, the major 0x103");
        assert_eq!(parse("8:17"), Some((8, 17)));
        assert_eq!(parse("x"), None);
    }
}
