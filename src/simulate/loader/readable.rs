//! Which file systems GRUB can read: those that it has a module for, without features that its driver does not know.
//!
//! Sources: `grub-core/fs/ext2.c` (EXT2_DRIVER_SUPPORTED_INCOMPAT, EXT2_DRIVER_IGNORED_INCOMPAT), `grub-core/fs/xfs.c`
//! (XFS_SB_FEAT_INCOMPAT_SUPPORTED), and boots of testdata/lab/firmware.

use super::Stop;
use super::volumes::Volumes;
use crate::facts::Facts;
use crate::facts::boot::Volume;
use crate::facts::file_systems::FileSystem;
use crate::simulate::Cause;

/// A feature, and which versions of GRUB refuse a file system with it.
type Feature = (&'static str, fn(&Version<'_>) -> bool);

/// A version of GRUB: the first two numbers, and the whole text with what the distribution has put behind it.
struct Version<'a> {
    upstream: (u32, u32),
    text: &'a str,
}

/// Features of ext4 that keep a driver out that does not know them. Distributions put the last two, which came after 2.06,
/// into theirs.
const EXT: [Feature; 8] = [
    ("compression", |_| true),
    ("journal_dev", |_| true),
    ("ea_inode", |_| true),
    ("dirdata", |_| true),
    ("inline_data", |_| true),
    ("casefold", |_| true),
    ("large_dir", |version| version.upstream < (2, 6)),
    ("metadata_csum_seed", |version| version.upstream < (2, 6)),
];

/// Features of XFS that keep a driver out that does not know them. `exchange` and `parent` came after 2.12.
const XFS: [Feature; 5] = [
    ("nrext64", without_extent_counters),
    ("bigtime", |version| version.upstream < (2, 6)),
    ("exchange", |version| version.upstream < (2, 14)),
    ("parent", |version| version.upstream < (2, 14)),
    ("metadir", |_| true),
];

/// Large extent counters came after 2.06. Debian 12 has them since its second update of the package, Ubuntu 22.04 has not;
/// of other distributions' 2.06 it is not known here.
fn without_extent_counters(version: &Version<'_>) -> bool {
    let update = version.text.split_once("+deb12u").and_then(|(_, update)| update.parse::<u32>().ok());
    match (version.upstream, update) {
        (upstream, _) if upstream < (2, 6) => true,
        ((2, 6), Some(update)) => update < 2,
        ((2, 6), None) => version.text.contains("ubuntu"),
        _ => false,
    }
}

/// The module of GRUB that reads a type of file system, as blkid calls it; none for types that it cannot read or that
/// are not known here.
pub(super) fn module_of(fstype: &str) -> Option<&'static str> {
    Some(match fstype {
        "ext2" | "ext3" | "ext4" => "ext2",
        "xfs" => "xfs",
        "btrfs" => "btrfs",
        "vfat" | "msdos" => "fat",
        "jfs" => "jfs",
        "reiserfs" => "reiserfs",
        "f2fs" => "f2fs",
        _ => return None,
    })
}

/// Why GRUB cannot read a volume, and the evidence.
pub(super) fn trouble(facts: &Facts, volumes: &Volumes<'_>, volume: Volume) -> Option<Stop> {
    let system = file_system(facts, volumes, volume)?;
    let text = facts.grub.version.get().and_then(Option::as_deref);
    // Without a version the newest counts, so that nobody is alarmed for nothing.
    let newest = Version { upstream: (u32::MAX, 0), text: "" };
    let version = text.and_then(|text| Some(Version { upstream: numbers(text)?, text })).unwrap_or(newest);
    let name = match volume {
        Volume::Root => "/",
        Volume::Boot => "/boot",
        Volume::Esp => "the EFI system partition",
    };
    let list: &[Feature] = if system.kind == "xfs" { &XFS } else { &EXT };
    let has = |feature: &str| system.features.iter().any(|own| own == feature);
    let unread = list.iter().find(|(feature, refuses)| has(feature) && refuses(&version));
    if let Some((feature, _)) = unread {
        let which = text.map_or_else(|| "GRUB".to_owned(), |text| format!("GRUB {text}"));
        let detail =
            format!("{which} does not read the file system of {name}: it has the feature `{feature}`");
        return Some(Stop::new(detail, system.at.clone()).because(Cause::UnreadableFileSystem));
    }
    // With clusters mke2fs lets the first group start at block 0 even if blocks are so small that the superblock is in
    // block 1; GRUB then looks for the group's description in the superblock's own block.
    (system.block_size == Some(1024) && system.first_block == Some(0)).then(|| {
        let detail = format!(
            "GRUB does not read the file system of {name}: it has blocks of 1,024 bytes that are counted from 0 (`bigalloc`)"
        );
        Stop::new(detail, system.at.clone()).because(Cause::UnreadableFileSystem)
    })
}

fn file_system<'a>(facts: &'a Facts, volumes: &Volumes<'_>, volume: Volume) -> Option<&'a FileSystem> {
    let device = volumes.device(volume);
    let mount = volumes.mount(volume);
    let uuid = device.and_then(|device| device.uuid.as_deref());
    let uuid = uuid.or_else(|| match mount.map(|mount| &mount.device.name) {
        Some(crate::parse::device_spec::DeviceName::Uuid(uuid)) => Some(uuid.as_str()),
        _ => None,
    });
    facts.file_systems.iter().find(|system| {
        let by_uuid =
            system.uuid.as_deref().zip(uuid).is_some_and(|(own, wanted)| own.eq_ignore_ascii_case(wanted));
        let by_name = system.device.is_some() && device.is_some_and(|device| device.name == system.device);
        let by_mount = mount.is_some_and(|mount| system.device.as_deref() == Some(mount.mountpoint.as_str()));
        by_uuid || by_name || by_mount
    })
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(|character: char| !character.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(numbers("2.06-13+deb12u2"), Some((2, 6)));
        assert!(numbers("2.06") < numbers("2.12-1"));
        assert_eq!(numbers("unknown"), None);
    }

    #[test]
    fn large_extent_counters_are_read_since_a_debian_update() {
        let table = [
            ("2.06-13+deb12u1", true),
            ("2.06-13+deb12u2", false),
            ("2.06-2ubuntu7.2", true),
            ("2.06-70.el9_3", false),
            ("2.04-20", true),
            ("2.12-9", false),
        ];
        for (text, expected) in table {
            let version = Version { upstream: numbers(text).unwrap(), text };
            assert_eq!(without_extent_counters(&version), expected, "{text}");
        }
    }
}
