//! What `/etc/fstab` asks to be mounted and swapped on, with what follows from each line worked out.

mod disks;

use schemars::JsonSchema;
use serde::Serialize;

use super::block_devices::{BlockDevices, Lookup};
use super::{Found, Gather, Known, Problem, ProblemKind};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::fstab::{self, Entry, Flaw, FlawKind};
use crate::place::Place;
use crate::source::File;

pub(super) use disks::compare_disks;

/// The file system table.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Fstab {
    /// Whether there is an `/etc/fstab`.
    pub present: bool,
    /// systemd mounts what is in it, ordered by path, and waits for devices; otherwise `mount -a` does, line by line.
    pub by_systemd: bool,
    /// The lines that mount(8) understands, in order. Unknown if the file cannot be read.
    pub entries: Known<Vec<Mount>>,
    /// What is wrong with the lines, in order.
    pub mistakes: Vec<Mistake>,
}

/// One line of the table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Mount {
    /// The first field, which names the device.
    pub at: Place,
    /// The second field.
    pub mountpoint_at: Place,
    /// The fourth field; the whole line where it has none.
    pub options_at: Place,
    /// The sixth field; the whole line where it has none.
    pub passno_at: Place,
    /// The first field as written, escapes resolved.
    pub spec: String,
    /// What the first field names.
    pub device: DeviceSpec,
    /// Where it is mounted, without trailing slashes; `none` or `swap` for swap.
    pub mountpoint: String,
    /// The type as written: `ext4`, `swap`, `auto`.
    pub fstype: String,
    /// The options one by one.
    pub options: Vec<String>,
    /// `fs_freq`, field 5.
    pub dump: i64,
    /// `fs_passno`, field 6.
    pub passno: i64,
    /// What is mounted.
    pub source: MountSource,
    /// The line as written.
    pub line: String,
    /// It is `/`.
    pub is_root: bool,
    /// It is `/boot`, `/boot/efi` or `/efi`.
    pub is_boot: bool,
    /// It is swap.
    pub is_swap: bool,
    /// The type is a network file system's.
    pub is_network_fs: bool,
    /// Option `nofail`.
    pub nofail: bool,
    /// Option `noauto`.
    pub noauto: bool,
    /// Option `_netdev`.
    pub netdev: bool,
    /// Mounted on first use (`x-systemd.automount`).
    pub automount: bool,
    /// The seconds or time span of `x-systemd.device-timeout=`, as written.
    pub device_timeout: Option<String>,
    /// The boot stops in a shell if the device is not there: local, mounted at boot, no `nofail`, and not the root
    /// itself. systemd drops to emergency mode; before it, `fsck -A` fails for what has a number in field 6, and
    /// what has none just stays unmounted.
    pub required_at_boot: bool,
    /// Whether the machine had what the first field names when the evidence was taken.
    pub device_found: Known<bool>,
    /// `UUID=...` of the device that a kernel name or a link stands for, if the input knows it.
    pub stable_spec: Option<String>,
    /// What is on the device in blkid's words, if the input knows.
    pub found_fstype: Option<String>,
    /// It is on another disk or volume group than the root, and may be left behind. Unknown if the input does not
    /// say where one of the two is.
    pub other_disk: Known<bool>,
    /// An earlier line, mounted at boot too, has the same mount point.
    pub duplicate_of: Option<Place>,
    /// A later line mounts a directory above this one, and hides it where mount(8) goes by the order of lines.
    pub shadowed_by: Option<Place>,
}

/// What a line mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MountSource {
    /// A local block device of any kind.
    Disk,
    /// A network file system.
    Network,
    /// Nothing that has a device, or a shared folder of a hypervisor.
    Pseudo,
    /// A directory that is mounted somewhere else.
    Bind,
    /// A file: a loop mount or a swap file.
    File,
    /// A CD drive or floppy.
    Removable,
}

/// Something in a line that is not as fstab(5) wants it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Mistake {
    /// Where.
    pub at: Place,
    /// What kind.
    pub kind: FlawKind,
    /// The line is not acted upon as meant: mount(8) or systemd skips it, or mounts something else.
    pub breaks_line: bool,
    /// A sentence: what is there, and what comes of it.
    pub message: String,
}

/// Lines that are taken, and mistakes that are told: each line becomes a fact and may break several rules. Real tables have less
/// than a hundred lines.
const MAX_LINES: usize = 1000;

/// What would say on which disk a file system is.
const NEEDS_DISKS: &str = "the output of `lsblk` or `blkid` (a sos report has it), and `etc/lvm/backup`";

impl Fstab {
    /// Where the file system is mounted that holds `path` (absolute), by the lines of fstab. Unknown if the lines are.
    #[must_use]
    pub fn mountpoint_of(&self, path: &str) -> Known<String> {
        self.entries.as_ref().map(|entries| {
            let above = entries.iter().map(|entry| entry.mountpoint.as_str()).filter(|mountpoint| {
                mountpoint.starts_with('/') && std::path::Path::new(path).starts_with(mountpoint)
            });
            above.max_by_key(|mountpoint| mountpoint.len()).unwrap_or("/").to_owned()
        })
    }
}

/// Reads `/etc/fstab`; `devices` settle which of the named devices exist.
#[must_use]
pub fn gather(gather: &Gather<'_>, devices: &BlockDevices) -> Fstab {
    let by_systemd = runs_systemd(gather);
    let fstab = match gather.read_config("etc/fstab") {
        Found::Present(file) => read(gather, &file, devices, by_systemd),
        Found::Absent => Fstab::default(),
        Found::Unreadable { needs } => {
            Fstab { present: true, entries: Known::Unknown { needs }, ..Fstab::default() }
        }
    };
    Fstab { by_systemd, ..fstab }
}

/// Whether systemd starts the system. Packages of the time of sysvinit brought units along, so units alone prove
/// nothing; a report has no programs, but what systemctl said.
pub(super) fn runs_systemd(gather: &Gather<'_>) -> bool {
    let proofs = ["usr/lib/systemd/systemd", "lib/systemd/systemd", "sos_commands/systemd"];
    proofs.iter().any(|path| gather.tree.exists(path))
        || gather.tree.symlink_metadata("etc/systemd/system/default.target").is_ok()
}

fn read(gather: &Gather<'_>, file: &File, devices: &BlockDevices, by_systemd: bool) -> Fstab {
    let mut parsed = fstab::parse(&file.bytes);
    if parsed.entries.len() > MAX_LINES || parsed.flaws.len() > MAX_LINES {
        let message = format!(
            "`{}` has {} lines and {} mistakes: the first {MAX_LINES} of each are looked at",
            file.path,
            parsed.entries.len(),
            parsed.flaws.len()
        );
        let at = Place::file(std::sync::Arc::clone(&file.path));
        gather.note(Problem { at, kind: ProblemKind::OverLimit, message });
        parsed.entries.truncate(MAX_LINES);
        parsed.flaws.truncate(MAX_LINES);
    }
    let mut entries: Vec<Mount> =
        parsed.entries.iter().map(|entry| mount(entry, file, devices, by_systemd)).collect();
    relate(&mut entries);
    let mistakes = parsed.flaws.iter().map(|flaw| mistake(flaw, file)).collect();
    Fstab { present: true, by_systemd, entries: Known::Known(entries), mistakes }
}

fn mount(entry: &Entry, file: &File, devices: &BlockDevices, by_systemd: bool) -> Mount {
    let spec = entry.spec.text.clone();
    let device = DeviceSpec::parse(&spec);
    let fstype = entry.fstype.text.clone();
    let options = entry.option_list();
    let has = |wanted: &str| options.iter().any(|option| option == wanted);
    let is_swap = fstype == "swap";
    let mountpoint = if is_swap { entry.mountpoint.text.clone() } else { clean_path(&entry.mountpoint.text) };
    let is_network_fs = is_network_type(&fstype) || matches!(device.name, DeviceName::Network(_));
    let source = source_kind(&device, &fstype, &options, is_network_fs);
    let (nofail, noauto, netdev) = (has("nofail"), has("noauto"), has("_netdev"));
    let automount = has("x-systemd.automount") || has("comment=systemd.automount");
    let is_root = mountpoint == "/" && !is_swap;
    let (device_found, found) = match devices.find(&device) {
        Lookup::Found(found) => (Known::Known(true), Some(found)),
        Lookup::Missing => (Known::Known(false), None),
        Lookup::Unknown { needs } => (Known::Unknown { needs }, None),
    };
    let is_local =
        matches!(source, MountSource::Disk | MountSource::Removable | MountSource::Bind | MountSource::File)
            && !netdev;
    Mount {
        at: entry.spec.span.at(&file.path),
        mountpoint_at: entry.mountpoint.span.at(&file.path),
        options_at: entry.options.as_ref().map_or(entry.span, |field| field.span).at(&file.path),
        passno_at: entry.passno_span.unwrap_or(entry.span).at(&file.path),
        is_boot: matches!(mountpoint.as_str(), "/boot" | "/boot/efi" | "/efi"),
        required_at_boot: is_local
            && (by_systemd || entry.passno != 0)
            && !is_swap
            && !nofail
            && !noauto
            && !automount
            && !is_root,
        device_timeout: option_value(&options, "x-systemd.device-timeout="),
        device_found: if source == MountSource::Disk { device_found } else { Known::Known(true) },
        stable_spec: found.and_then(|found| found.stable_spec()),
        found_fstype: found.and_then(|found| found.fstype.clone()),
        spec,
        device,
        mountpoint,
        fstype,
        options,
        dump: entry.dump,
        passno: entry.passno,
        source,
        line: entry.line.clone(),
        is_root,
        is_swap,
        is_network_fs,
        nofail,
        noauto,
        netdev,
        automount,
        other_disk: Known::unknown(NEEDS_DISKS),
        duplicate_of: None,
        shadowed_by: None,
    }
}

fn option_value(options: &[String], name: &str) -> Option<String> {
    options.iter().find_map(|option| option.strip_prefix(name)).map(str::to_owned)
}

fn source_kind(device: &DeviceSpec, fstype: &str, options: &[String], is_network_fs: bool) -> MountSource {
    if options.iter().any(|option| matches!(option.as_str(), "bind" | "rbind")) {
        return MountSource::Bind;
    }
    if is_network_fs {
        return MountSource::Network;
    }
    match device.name {
        _ if is_pseudo_type(fstype) => MountSource::Pseudo,
        DeviceName::Pseudo(_) => MountSource::Pseudo,
        DeviceName::File(_) => MountSource::File,
        DeviceName::Removable(_) => MountSource::Removable,
        _ => MountSource::Disk,
    }
}

/// Network file systems, as systemd (`src/basic/mountpoint-util.c`, `fstype_is_network`) and libmount know them.
pub(crate) fn is_network_type(fstype: &str) -> bool {
    let plain = fstype.strip_prefix("fuse.").unwrap_or(fstype);
    matches!(
        plain,
        "afs"
            | "beegfs"
            | "ceph"
            | "cifs"
            | "curlftpfs"
            | "davfs"
            | "davfs2"
            | "gfs"
            | "gfs2"
            | "gluster"
            | "glusterfs"
            | "gpfs"
            | "lustre"
            | "ncp"
            | "ncpfs"
            | "nfs"
            | "nfs4"
            | "ocfs2"
            | "orangefs"
            | "pvfs2"
            | "s3fs"
            | "smb3"
            | "smbfs"
            | "sshfs"
    )
}

/// Types that no device stands behind (libmount `utils.c`, `mnt_fstype_is_pseudofs`), and shared folders of
/// hypervisors.
pub(crate) fn is_pseudo_type(fstype: &str) -> bool {
    matches!(
        fstype,
        "9p" | "anon_inodefs"
            | "autofs"
            | "bdev"
            | "binfmt_misc"
            | "bpf"
            | "cgroup"
            | "cgroup2"
            | "configfs"
            | "cpuset"
            | "debugfs"
            | "devfs"
            | "devpts"
            | "devtmpfs"
            | "dlmfs"
            | "efivarfs"
            | "functionfs"
            | "fusectl"
            | "hugetlbfs"
            | "mqueue"
            | "nsfs"
            | "overlay"
            | "pipefs"
            | "proc"
            | "pstore"
            | "ramfs"
            | "rootfs"
            | "rpc_pipefs"
            | "securityfs"
            | "selinuxfs"
            | "sockfs"
            | "spufs"
            | "sysfs"
            | "tmpfs"
            | "tracefs"
            | "usbfs"
            | "vboxsf"
            | "virtiofs"
            | "vmhgfs"
            | "fuse.vmhgfs-fuse"
            | "prl_fs"
            | "zfs"
    )
}

/// The path without doubled and trailing slashes.
fn clean_path(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

/// Finds mount points that are named twice, and lines that a later one hides. Lines that are not mounted at boot
/// take no part; what is mounted by hand may well be an alternative.
fn relate(entries: &mut [Mount]) {
    let booted: Vec<(usize, String, Place)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.is_swap && !entry.noauto && entry.mountpoint.starts_with('/'))
        // PATH_MAX: nothing can be mounted on a longer path.
        .filter(|(_, entry)| entry.mountpoint.len() < 4096)
        .map(|(index, entry)| (index, entry.mountpoint.clone(), entry.mountpoint_at.clone()))
        .collect();
    let mut first = std::collections::HashMap::<&str, &Place>::new();
    let mut last = std::collections::HashMap::<&str, (usize, &Place)>::new();
    for (index, mountpoint, at) in &booted {
        last.insert(mountpoint, (*index, at));
    }
    for (index, mountpoint, at) in &booted {
        let Some(entry) = entries.get_mut(*index) else { continue };
        entry.duplicate_of = first.get(mountpoint.as_str()).map(|place| (*place).clone());
        first.entry(mountpoint).or_insert(at);
        // The root is mounted before any line is read; `/` further down hides nothing.
        let above = std::path::Path::new(mountpoint).ancestors().skip(1).filter_map(std::path::Path::to_str);
        let hiding = above.filter(|parent| *parent != "/").filter_map(|parent| last.get(parent));
        entry.shadowed_by = hiding.filter(|(later, _)| later > index).map(|(_, at)| (*at).clone()).next();
    }
}

fn mistake(flaw: &Flaw, file: &File) -> Mistake {
    Mistake {
        at: flaw.span.at(&file.path),
        kind: flaw.kind,
        breaks_line: flaw.breaks_line,
        message: flaw.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read_text(text: &str) -> Fstab {
        let blkid = "/dev/sda1: UUID=\"aa\" TYPE=\"ext4\"\n/dev/sda2: UUID=\"bb\" TYPE=\"swap\"\n";
        let tree = Memory::new()
            .file("etc/fstab", text)
            .file("usr/lib/systemd/systemd", "")
            .file("sos_commands/block/blkid_-c_.dev.null", blkid)
            .into_tree();
        let limits = Limits::default();
        let context = Gather::new(&tree, &limits);
        gather(&context, &super::super::block_devices::gather(&context))
    }

    fn mounts(text: &str) -> Vec<Mount> {
        read_text(text).entries.get().cloned().unwrap()
    }

    #[test]
    fn only_a_local_mount_of_boot_time_can_stop_the_boot() {
        let table = [
            ("UUID=aa / ext4 defaults 0 1", MountSource::Disk, false),
            ("UUID=aa /data ext4 defaults 0 2", MountSource::Disk, true),
            ("UUID=aa /data ext4 nofail", MountSource::Disk, false),
            ("UUID=aa /data ext4 noauto,user", MountSource::Disk, false),
            ("UUID=aa /data ext4 _netdev", MountSource::Disk, false),
            ("UUID=aa /data ext4 x-systemd.automount", MountSource::Disk, false),
            ("/dev/sda2 swap swap defaults 0 0", MountSource::Disk, false),
            ("/swapfile none swap sw", MountSource::File, false),
            ("srv:/export /nfs nfs ro", MountSource::Network, false),
            ("/dev/mapper/vg-x /x glusterfs ro", MountSource::Network, false),
            ("tmpfs /tmp tmpfs defaults", MountSource::Pseudo, false),
            ("/data/www /srv/www none bind", MountSource::Bind, true),
            ("/dev/sr0 /media/cdrom0 udf,iso9660 user 0 0", MountSource::Removable, true),
        ];
        for (line, source, required) in table {
            let mount = &mounts(&format!("{line}\n"))[0];
            assert_eq!((mount.source, mount.required_at_boot), (source, required), "{line}");
        }
    }

    #[test]
    fn before_systemd_only_what_is_checked_stops_the_boot() {
        let text = "UUID=aa /a ext4 defaults 0 2\nUUID=bb /b ext4 defaults 0 0\n";
        let (tree, limits) = (Memory::new().file("etc/fstab", text).into_tree(), Limits::default());
        let fstab = gather(&Gather::new(&tree, &limits), &BlockDevices::default());
        let required: Vec<_> = fstab.entries.get().unwrap().iter().map(|m| m.required_at_boot).collect();
        assert_eq!(required, [true, false]);
    }

    #[test]
    fn devices_are_looked_up() {
        let got =
            mounts("/dev/sda1 / ext4 ro\nUUID=bb none swap sw\nUUID=cc /c xfs ro\n/dev/sdz1 /z xfs ro\n");
        let rows: Vec<_> = got
            .iter()
            .map(|m| (m.device_found.get().copied(), m.stable_spec.as_deref(), m.found_fstype.as_deref()))
            .collect();
        assert_eq!(
            rows,
            [
                (Some(true), Some("UUID=aa"), Some("ext4")),
                (Some(true), Some("UUID=bb"), Some("swap")),
                (Some(false), None, None),
                (None, None, None),
            ]
        );
    }

    #[test]
    fn mount_points_named_twice_and_hidden_ones_are_related() {
        let got = mounts(
            "UUID=a /home/x ext4 ro\nUUID=a /home ext4 ro\nUUID=b /home/ ext4 ro\nUUID=c / ext4 ro\n\
             UUID=d /home ext4 noauto\nUUID=a /srv btrfs subvol=@srv\nUUID=b /homes ext4 ro\n",
        );
        let place = |line| move |p: &Place| p.line == Some(line);
        assert!(got[0].shadowed_by.as_ref().is_some_and(place(3)));
        assert!(got[2].duplicate_of.as_ref().is_some_and(place(2)));
        for index in [1, 3, 4, 5, 6] {
            assert_eq!((&got[index].duplicate_of, &got[index].shadowed_by), (&None, &None), "{index}");
        }
    }

    #[test]
    fn mistakes_carry_their_kind_and_place() {
        let fstab = read_text("UUID=a /a ext4 defaults, ro 0 0\n/dev/sdb\nUUID=a / ext4 ro 0 1");
        let got: Vec<_> = fstab.mistakes.iter().map(|m| (m.kind, m.breaks_line, m.at.to_string())).collect();
        assert_eq!(
            got,
            [
                (FlawKind::SplitOptions, true, "etc/fstab:1".to_owned()),
                (FlawKind::MissingFields, true, "etc/fstab:2".to_owned()),
                (FlawKind::NoFinalNewline, false, "etc/fstab:3".to_owned()),
            ]
        );
    }

    #[test]
    fn an_unreadable_fstab_is_unknown_and_a_missing_one_is_empty() {
        let read = |memory: Memory| {
            let (tree, limits) = (memory.into_tree(), Limits::default());
            gather(&Gather::new(&tree, &limits), &BlockDevices::default())
        };
        assert!(read(Memory::new().directory("etc/fstab")).entries.needs().is_some());
        let absent = read(Memory::new());
        assert_eq!((absent.present, absent.entries.get().map(Vec::len)), (false, Some(0)));
    }
}
