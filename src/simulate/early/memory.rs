//! Whether an initrd fits into the machine's memory.
//!
//! While the kernel unpacks an image it holds both the packed file and what came out of it, which stays in a RAM file
//! system without a limit of its own (init/initramfs.c; Documentation/filesystems/ramfs-rootfs-initramfs.rst). Out
//! of memory is the end: there is no process to kill yet.

use super::super::initrd_view::InitrdView;
use crate::target::Target;

const MIB: u64 = 1 << 20;

/// What a distribution kernel takes for itself before it unpacks: code, data, the map of pages, early caches. Measured
/// with 6.1: about 50 MiB on a machine of 128 MiB.
const KERNEL: u64 = 52 * MIB;

/// What the programs in the initrd need to run; with less nobody can tell.
const PROGRAMS: u64 = 24 * MIB;

/// What is known of the memory that an initrd needs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It fits, or nobody says how much there is.
    Fits,
    /// It does not.
    TooSmall {
        /// MiB needed.
        needed: u64,
        /// MiB there.
        there: u64,
    },
    /// So near that it cannot be told.
    Near {
        /// MiB needed.
        needed: u64,
        /// MiB there.
        there: u64,
    },
}

/// Whether the images of `view` fit into the memory of `target`, `mem=` on the command line counted.
pub(super) fn fit(view: &InitrdView<'_>, target: &Target, limit: Option<&str>) -> Fit {
    let limited = limit.and_then(bytes);
    let there = target.memory_mib.map(|mib| mib.saturating_mul(MIB)).into_iter().chain(limited).min();
    let Some(there) = there else { return Fit::Fits };
    let of_image = |packed: u64, unpacked: u64| packed.saturating_add(unpacked);
    let images = view.read.iter().map(|(_, image)| {
        let unpacked = image.archives.iter().map(|archive| archive.unpacked).fold(0, u64::saturating_add);
        of_image(image.size, unpacked)
    });
    let needed = images.fold(KERNEL, u64::saturating_add);
    let (in_mib, there_mib) = (needed.div_ceil(MIB), there / MIB);
    if there < needed {
        Fit::TooSmall { needed: in_mib, there: there_mib }
    } else if there < needed.saturating_add(PROGRAMS) {
        Fit::Near { needed: in_mib, there: there_mib }
    } else {
        Fit::Fits
    }
}

/// A size as the kernel's `memparse` reads it: `512M`, `1G`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text.get(digits.len()..)?.chars().next().map(|unit| unit.to_ascii_uppercase()) {
        None => 1,
        Some('K') => 1 << 10,
        Some('M') => MIB,
        Some('G') => 1 << 30,
        Some('T') => 1 << 40,
        Some(_) => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_kernel_does() {
        let cases =
            [("1024", Some(1024)), ("64M", Some(64 << 20)), ("1g", Some(1 << 30)), ("x", None), ("", None)];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
