//! Mount options: which of them a file system's driver refuses.
//!
//! What libmount and systemd read themselves never gets to the driver (util-linux `libmount/src/optmap.c`, mount(8);
//! systemd.mount(5)). Of the rest, ext4, XFS, FAT, ISO 9660 and tmpfs refuse what is not in their tables: `fs/ext4/super.c`
//! (`ext4_param_specs`), `fs/xfs/xfs_super.c`, `fs/fat/inode.c`, `fs/isofs/inode.c`, `mm/shmem.c` of Linux 2.6.32 to 6.12.
//! Options of other file systems are not judged.

/// Read by libmount, mount(8) or systemd, and true for every file system.
const GENERIC: &str = "async atime noatime auto noauto comment context fscontext defcontext rootcontext defaults \
    dev nodev diratime nodiratime dirsync exec noexec group nogroup iversion noiversion mand nomand _netdev nofail fail \
    relatime norelatime strictatime nostrictatime lazytime nolazytime suid nosuid silent loud owner noowner remount ro rw \
    sync user nouser users nousers symfollow nosymfollow bind rbind move shared rshared slave rslave private rprivate \
    unbindable runbindable loop offset sizelimit encryption helper uhelper seclabel discard";

const EXT4: &str = "bsddf minixdf grpid bsdgroups nogrpid sysvgroups resgid resuid sb errors nouid32 debug orlov \
    oldalloc user_xattr nouser_xattr acl noacl noload norecovery nobh bh commit min_batch_time max_batch_time journal_dev \
    journal_path journal_checksum nojournal_checksum journal_async_commit abort data data_err usrjquota grpjquota \
    offusrjquota offgrpjquota jqfmt grpquota quota noquota usrquota prjquota barrier nobarrier i_version stripe delalloc \
    nodelalloc warn_on_error nowarn_on_error debug_want_extra_isize mblk_io_submit nomblk_io_submit block_validity \
    noblock_validity inode_readahead_blks journal_ioprio auto_da_alloc noauto_da_alloc dioread_nolock nodioread_nolock \
    dioread_lock discard nodiscard init_itable noinit_itable max_dir_size_kb test_dummy_encryption inlinecrypt no_mbcache \
    no_prefetch_block_bitmaps prefetch_block_bitmaps mb_optimize_scan check nocheck reservation noreservation journal \
    extents noextents dax fc_debug_force fc_debug_max_replay nombcache inode64 usrquota_block_softlimit xip reserve";

const XFS: &str = "logbufs logbsize logdev rtdev wsync noalign swalloc sunit swidth nouuid grpid nogrpid bsdgroups \
    sysvgroups allocsize norecovery inode64 inode32 ikeep noikeep largeio nolargeio attr2 noattr2 filestreams quota noquota \
    usrquota grpquota prjquota uquota gquota pquota uqnoenforce gqnoenforce pqnoenforce qnoenforce discard nodiscard dax \
    barrier nobarrier delaylog nodelaylog mtpt ihashsize biosize osyncisdsync osyncisosync irixsgid dmapi xdsm dmi \
    lifetime nolifetime max_open_zones max_atomic_write user_xattr acl";

const FAT: &str = "check uid gid umask dmask fmask allow_utime codepage usefree nocase quiet showexec debug immutable \
    sys_immutable flush tz time_offset errors discard nfs dos1xfloppy charset iocharset shortname utf8 uni_xlate numtail \
    nonumtail rodir dots nodots dotsOK fat cvf_format cvf_options blocksize conv posix";

const ISO: &str = "norock nojoliet unhide hide showassoc cruft utf8 iocharset map mode uid gid dmode overriderockperm \
    block session sbsector check conv nocompress";

const TMPFS: &str = "size nr_blocks nr_inodes mode uid gid mpol huge inode32 inode64 noswap quota usrquota grpquota \
    usrquota_block_hardlimit usrquota_inode_hardlimit grpquota_block_hardlimit grpquota_inode_hardlimit casefold \
    strict_encoding swap";

/// The options of `options` that the driver of `fstype` refuses, so that the mount fails.
pub(super) fn refused<'o>(fstype: &str, options: &'o [String]) -> Option<&'o str> {
    let table = match fstype {
        "ext2" | "ext3" | "ext4" => EXT4,
        "xfs" => XFS,
        "vfat" | "msdos" => FAT,
        "iso9660" => ISO,
        "tmpfs" => TMPFS,
        _ => return None,
    };
    let knows =
        |name: &str| table.split_whitespace().chain(GENERIC.split_whitespace()).any(|own| own == name);
    let is_read_before =
        |name: &str| ["x-", "X-", "comment", "verity.", "user"].iter().any(|prefix| name.starts_with(prefix));
    options.iter().map(|option| option.trim()).find(|option| {
        let name = option.split(['=', ':']).next().unwrap_or_default();
        !name.is_empty() && !is_read_before(name) && !knows(name)
            || bad_value(fstype, name, option.split_once('=').map(|(_, value)| value))
    })
}

/// A value that the driver cannot read.
fn bad_value(fstype: &str, name: &str, value: Option<&str>) -> bool {
    let Some(value) = value else { return false };
    let value = value.trim();
    match (fstype, name) {
        // `memparse` with a `%` behind it.
        ("tmpfs", "size" | "nr_blocks" | "nr_inodes") => {
            let rest = value.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.len() == value.len() || !(rest.is_empty() || rest == "%" || is_unit(rest))
        }
        ("tmpfs", "mode") => !value.bytes().all(|byte| (b'0'..=b'7').contains(&byte)),
        ("ext2" | "ext3" | "ext4", "errors") => !["continue", "remount-ro", "panic"].contains(&value),
        _ => false,
    }
}

fn is_unit(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "k" | "m" | "g" | "t" | "p" | "e")
}

#[cfg(test)]
mod tests {

    #[test]
    fn only_what_the_driver_gets_and_does_not_know_is_refused() {
        let refused = |fstype: &str, options: &str| {
            let list: Vec<String> = options.split(',').map(str::to_owned).collect();
            super::refused(fstype, &list).map(str::to_owned)
        };
        for (fstype, options) in [
            ("ext4", "defaults,noatime,errors=remount-ro,x-systemd.device-timeout=5,data=ordered,barrier=1"),
            ("ext3", "rw,acl,user_xattr,commit=5,usrquota,comment=a"),
            ("xfs", "inode64,noquota,logbsize=256k,_netdev,nofail,x-initrd.mount"),
            ("vfat", "umask=0077,shortname=winnt,iocharset=utf8,utf8,fmask=0022,codepage=437"),
            ("tmpfs", "size=50%,mode=1777,nosuid,nr_inodes=1k,size=2G"),
            ("iso9660", "ro,user,noauto,utf8"),
            ("btrfs", "subvol=@,whatever"),
        ] {
            assert_eq!(refused(fstype, options), None, "{fstype} {options}");
        }
        assert_eq!(refused("ext4", "defaults,frobnicate,nofail").as_deref(), Some("frobnicate"));
        assert_eq!(refused("ext4", "nobootwait").as_deref(), Some("nobootwait"));
        assert_eq!(refused("ext4", "user,lazytime,_rnetdev").as_deref(), Some("_rnetdev"));
        assert_eq!(refused("ext4", "errors=ignore").as_deref(), Some("errors=ignore"));
        assert_eq!(refused("xfs", "noquota,data=ordered").as_deref(), Some("data=ordered"));
        assert_eq!(refused("tmpfs", "size=many").as_deref(), Some("size=many"));
    }
}
