//! The disks of a machine in order, and what they are called.

use crate::parse::device_spec::parse_kernel_name;
use crate::simulate::DiskFate;
use crate::target::{Device, Target};

/// Bytes of a sector where a target does not say.
const SECTOR: u32 = 512;

/// Disks of one kind that are told apart; more than any virtual machine has.
const MAX_DISKS: usize = 1024;

/// Drivers of the kernel's old IDE layer, which call their disks `hda` (removed in Linux 5.14).
const OLD_IDE: [&str; 4] = ["piix", "ide_disk", "ide_gd_mod", "ide_generic"];

/// A disk of a target.
#[derive(Debug, Clone)]
pub(in crate::simulate) struct TargetDisk<'a> {
    /// The kernel's name for it.
    pub(in crate::simulate) name: String,
    /// Bytes of a sector.
    pub(in crate::simulate) sector_size: u32,
    /// The devices on the way to it, from the bus down.
    pub(in crate::simulate) chain: Vec<&'a Device>,
}

/// The target's disks, each once, in order. On old kernels the disks of an IDE controller have other names than the
/// target's, which are those of libata.
pub(super) fn of_target<'a>(target: &'a Target, fate: &DiskFate) -> Vec<TargetDisk<'a>> {
    let is_old_ide = fate.drivers.iter().any(|driver| OLD_IDE.contains(&driver.as_str()));
    let mut disks: Vec<TargetDisk<'a>> = Vec::new();
    for chain in target.disk_chains() {
        let Some(device) = chain.last() else { continue };
        let Some(name) = &device.disk else { continue };
        let name = match name.strip_prefix("sd") {
            Some(letter) if is_old_ide => format!("hd{letter}"),
            _ => name.clone(),
        };
        if !disks.iter().any(|known| known.name == name) {
            let sector_size = device.sector_size.unwrap_or(SECTOR);
            disks.push(TargetDisk { name, sector_size, chain });
        }
    }
    disks
}

/// The disks that have partitions or contents among the devices `names`, in the order in which the kernel found them;
/// none where there are disks of several kinds, which have no order among each other.
pub(super) fn in_order<'n>(names: impl Iterator<Item = &'n str>) -> Option<Vec<String>> {
    let mut disks: Vec<(&'static str, usize, String)> = Vec::new();
    for kernel in names.filter_map(parse_kernel_name).take(MAX_DISKS) {
        if !disks.iter().any(|(_, _, known)| *known == kernel.disk) {
            disks.push((kernel.prefix, kernel.disk.len(), kernel.disk));
        }
    }
    disks.sort();
    let (first, _, _) = disks.first()?;
    if disks.iter().any(|(prefix, _, _)| prefix != first) {
        return None;
    }
    // A kernel names disks without gaps: what lies between two that are known is a disk with nothing on it.
    let last = disks.last().map(|(_, _, disk)| disk.clone())?;
    let start = parse_kernel_name(&last).and_then(|kernel| first_of(kernel.prefix))?;
    let mut all = Vec::new();
    for at in 0..MAX_DISKS {
        let name = nth(start, at)?;
        let is_last = name == last;
        all.push(name);
        if is_last {
            return Some(all);
        }
    }
    None
}

/// The first disk of a kind.
fn first_of(prefix: &str) -> Option<&'static str> {
    let firsts = [
        "sda",
        "hda",
        "vda",
        "xvda",
        "nvme0n1",
        "mmcblk0",
        "dasda",
        "ubda",
        "cciss/c0d0",
        "ida/c0d0",
        "rd/c0d0",
    ];
    firsts.into_iter().find(|first| parse_kernel_name(first).is_some_and(|kernel| kernel.prefix == prefix))
}

/// The letters of a disk's name that name its kind.
pub(super) fn prefix(disk: &str) -> &str {
    parse_kernel_name(disk).map_or(disk, |kernel| kernel.prefix)
}

/// The name of the disk number `at`, counted from 0, where the first disk is called like `like`.
pub(super) fn nth(like: &str, at: usize) -> Option<String> {
    let prefix = parse_kernel_name(like)?.prefix;
    match prefix {
        "nvme" => Some(format!("nvme{at}n1")),
        "mmcblk" => Some(format!("mmcblk{at}")),
        "cciss" | "ida" | "rd" => Some(format!("{prefix}/c0d{at}")),
        _ => Some(format!("{prefix}{}", letters(at))),
    }
}

/// `a`, `b`, … `z`, `aa`, `ab` (drivers/scsi/sd.c, `sd_format_disk_name`).
fn letters(mut at: usize) -> String {
    let mut reversed = Vec::new();
    loop {
        reversed.push(char::from(b'a' + u8::try_from(at % 26).unwrap_or_default()));
        match at / 26 {
            0 => break,
            more => at = more - 1,
        }
    }
    reversed.iter().rev().collect()
}

/// The name of a disk's partition: a `p` stands between where the disk's name ends with a digit (block/genhd.c,
/// `disk_name`).
pub(super) fn partition(disk: &str, number: u32) -> String {
    let divider = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{divider}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_counted_as_the_kernel_counts_them() {
        let name = |like, at| nth(like, at).unwrap();
        assert_eq!(
            (name("vda", 0), name("sda", 25), name("sda", 26)),
            ("vda".into(), "sdz".into(), "sdaa".into())
        );
        assert_eq!((name("sda", 701), name("sda", 702)), ("sdzz".into(), "sdaaa".into()));
        assert_eq!((name("nvme0n1", 2), name("mmcblk0", 1)), ("nvme2n1".into(), "mmcblk1".into()));
        assert_eq!((partition("sda", 3), partition("nvme0n1", 3)), ("sda3".into(), "nvme0n1p3".into()));
    }

    #[test]
    fn disks_of_one_kind_have_an_order() {
        let order = |names: &[&str]| in_order(names.iter().copied()).map(|disks| disks.join(" "));
        assert_eq!(order(&["sdb1", "sda2", "mapper/vg-root", "sda1"]), Some("sda sdb".into()));
        assert_eq!(
            order(&["sdaa1", "sdb"]).map(|all| all.split(' ').count()),
            Some(27),
            "sda and the rest are empty"
        );
        assert_eq!(order(&["sda1", "nvme0n1p1"]), None);
        assert_eq!(order(&["md0"]), None);
        assert_eq!(order(&["nvme1n1p1"]), Some("nvme0n1 nvme1n1".into()));
    }
}
