//! dm-multipath: its configuration, its tables, whether it runs, and whether root lives on it.

mod root;

use schemars::JsonSchema;
use serde::Serialize;

use super::block_devices::BlockDevices;
use super::boot::BootConfig;
use super::fstab::Fstab;
use super::lvm::Lvm;
use super::setting::Setting;
use super::{Gather, Known};
use crate::parse::device_spec::DeviceName;
use crate::parse::multipath::{self, FlawKind};
use crate::parse::multipath_tables;
use crate::place::Place;
use crate::source::File;

/// multipath-tools' configuration and state.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Multipath {
    /// Whether the daemon's program is there.
    pub installed: bool,
    /// The configuration files that are read, in order; empty if there is none.
    pub files: Vec<String>,
    /// Whether the daemon is started at boot: its unit is wanted, or a run level starts it.
    pub enabled: Known<bool>,
    /// What starts it.
    pub enabled_at: Option<Place>,
    /// `find_multipaths`, as set; what counts if it is not set differs by version and distribution.
    pub find_multipaths: Option<Setting>,
    /// It takes every disk that is not blacklisted, single ones too: `find_multipaths` is `no`, `off` or `greedy`,
    /// or is not set on a version that then takes all (before RHEL 8 and multipath-tools 0.7.8).
    pub takes_single_paths: Known<bool>,
    /// `user_friendly_names`, as set.
    pub user_friendly_names: Option<Setting>,
    /// Names of disks: of the bindings file, and `alias` of multipath.conf.
    pub aliases: Vec<Alias>,
    /// The disks that it has taken before.
    pub wwids: Vec<Wwid>,
    /// `blacklist` and `blacklist_exceptions`.
    pub blacklist: Vec<BlacklistEntry>,
    /// The blacklist covers all devices (`devnode "*"` or `".*"`, `wwid "*"`), and nothing is excepted.
    pub blacklists_all: bool,
    /// Names of disks that a `devnode` line of the blacklist keeps from it, by kind of name.
    pub blacklisted_prefixes: Vec<String>,
    /// The lines of fstab that name a multipath device.
    pub mounts: Vec<MultipathMount>,
    /// `devices`: the arrays that it is set up for.
    pub arrays: Vec<ArrayEntry>,
    /// `hardware_handler`, as set for an array or for all: `1 alua`, `1 rdac`, `1 emc`.
    pub hardware_handlers: Vec<Setting>,
    /// What multipath-tools ignores or misreads.
    pub mistakes: Vec<MultipathMistake>,
    /// Whether `/` lives on a multipathed disk.
    pub root_on_multipath: Known<bool>,
    /// What says so.
    pub root_at: Option<Place>,
}

/// A name that a disk gets in `/dev/mapper`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Alias {
    /// The name: `mpatha`.
    pub alias: String,
    /// The disk.
    pub wwid: String,
    /// Where it is bound.
    pub at: Place,
    /// The disk is a local one, as its WWID says.
    pub is_local: bool,
}

/// A disk that multipath has taken before.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Wwid {
    /// The WWID, without slashes.
    pub wwid: String,
    /// Where it is listed.
    pub at: Place,
    /// The disk is a local one, as its WWID says: an ATA or virtual disk, or a RAID controller's volume.
    pub is_local: bool,
}

/// A line of a blacklist.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BlacklistEntry {
    /// Where.
    pub at: Place,
    /// `devnode`, `wwid`, `property`, `protocol`, or `vendor` and `product` of a device.
    pub kind: String,
    /// The expression.
    pub value: String,
    /// It excepts from the blacklist.
    pub is_exception: bool,
}

/// A line of fstab that names a multipath device.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MultipathMount {
    /// Where the device is named.
    pub at: Place,
    /// The device as written: `/dev/mapper/mpatha1`.
    pub spec: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// The line as written.
    pub line: String,
    /// It is `/`.
    pub is_root: bool,
    /// It is swap.
    pub is_swap: bool,
    /// The boot stops in a shell if it is not there.
    pub required_at_boot: bool,
    /// Mounted by hand alone.
    pub noauto: bool,
    /// The name is bound to a disk: in the bindings file or as an `alias`, or it is a WWID itself.
    pub is_bound: bool,
    /// `UUID=...` of the file system, if the input knows it.
    pub stable_spec: Option<String>,
}

/// An array that multipath is set up for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ArrayEntry {
    /// Where the vendor stands.
    pub at: Place,
    /// `vendor`.
    pub vendor: String,
    /// `product`; null if it is not set.
    pub product: Option<String>,
}

/// Something in a multipath.conf that does not work as written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MultipathMistake {
    /// Where.
    pub at: Place,
    /// What kind.
    pub kind: FlawKind,
    /// A sentence: what is there, and what comes of it.
    pub message: String,
}

/// What else decides about multipath.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Where root and swap are.
    pub fstab: &'a Fstab,
    /// What is known of the disks.
    pub devices: &'a BlockDevices,
    /// The volumes and their disks.
    pub lvm: &'a Lvm,
    /// The boot entries, for `root=`.
    pub boot: &'a BootConfig,
    /// The distribution's family and major version, for built-in values.
    pub system: &'a super::system::System,
}

/// Reads multipath's configuration and tables.
#[must_use]
pub fn gather(gather: &Gather<'_>, around: Around<'_>) -> Multipath {
    let mut files: Vec<File> = gather.read_config("etc/multipath.conf").present().into_iter().collect();
    files.extend(gather.read_directory("etc/multipath/conf.d", |name| name.ends_with(".conf")));
    let mut found = Multipath {
        installed: ["sbin/multipathd", "usr/sbin/multipathd"].iter().any(|path| gather.tree.exists(path)),
        files: files.iter().map(|file| file.path.to_string()).collect(),
        ..Multipath::default()
    };
    files.iter().for_each(|file| found.take(file));
    found.tables(gather);
    (found.enabled, found.enabled_at) = enabled(gather, found.installed);
    found.blacklists_all = blacklists_all(&found.blacklist);
    found.blacklisted_prefixes = blacklisted_prefixes(&found.blacklist);
    found.takes_single_paths = takes_single_paths(&found, around.system);
    found.mounts = mounts(&found, around.fstab);
    (found.root_on_multipath, found.root_at) = root::on_multipath(&found, around);
    found
}

impl Multipath {
    /// The disk names itself after `alias`, or is a partition of one that does: `mpatha`, `mpatha2`, `mpatha-part2`,
    /// `mpathap2`.
    #[must_use]
    pub fn is_alias(&self, mapper_name: &str) -> bool {
        let of = |alias: &str| {
            mapper_name.strip_prefix(alias).is_some_and(|rest| {
                let number =
                    rest.trim_start_matches("-part").trim_start_matches('p').trim_start_matches("_part");
                number.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        self.aliases.iter().any(|alias| of(&alias.alias)) || self.wwids.iter().any(|wwid| of(&wwid.wwid))
    }

    fn take(&mut self, file: &File) {
        let parsed = multipath::parse(&file.bytes);
        let mut wwid: Option<(String, usize)> = None;
        for set in parsed.settings {
            let at = set.span.at(&file.path);
            let block = set.block.as_ref().map_or(0, |(_, number)| *number);
            match (set.section.as_str(), set.key.as_str()) {
                ("defaults", "find_multipaths") => {
                    self.find_multipaths = Some(Setting { value: set.value, at });
                }
                ("defaults", "user_friendly_names") => {
                    self.user_friendly_names = Some(Setting { value: set.value, at });
                }
                ("blacklist" | "blacklist_exceptions" | "devnode_blacklist", _) => {
                    let is_exception = set.section == "blacklist_exceptions";
                    self.blacklist.push(BlacklistEntry { at, kind: set.key, value: set.value, is_exception });
                }
                (_, "hardware_handler") => {
                    self.hardware_handlers.push(Setting { value: set.value, at });
                }
                ("devices", "vendor") => {
                    self.arrays.push(ArrayEntry { at, vendor: set.value, product: None });
                }
                ("devices", "product") => {
                    if let Some(array) = self.arrays.last_mut() {
                        array.product = Some(set.value);
                    }
                }
                ("multipaths", "wwid") => wwid = Some((set.value, block)),
                ("multipaths", "alias") => {
                    let wwid = wwid.as_ref().filter(|(_, own)| *own == block);
                    let wwid = wwid.map(|(wwid, _)| wwid.clone()).unwrap_or_default();
                    let is_local = is_local(&wwid);
                    self.aliases.push(Alias { alias: set.value, wwid, at, is_local });
                }
                _ => {}
            }
        }
        let mistakes = parsed.flaws.into_iter();
        self.mistakes.extend(mistakes.map(|flaw| MultipathMistake {
            at: flaw.span.at(&file.path),
            kind: flaw.kind,
            message: flaw.message,
        }));
    }

    fn tables(&mut self, gather: &Gather<'_>) {
        // Before RHEL 6 the bindings lay in /var/lib.
        let paths = ["etc/multipath/bindings", "var/lib/multipath/bindings", "etc/multipath_bindings"];
        if let Some(file) = paths.iter().find_map(|path| gather.read_config(path).present()) {
            let (bindings, _) = multipath_tables::parse_bindings(&file.bytes);
            self.aliases.extend(bindings.into_iter().map(|binding| Alias {
                is_local: is_local(&binding.wwid),
                alias: binding.alias,
                wwid: binding.wwid,
                at: binding.span.at(&file.path),
            }));
        }
        if let Some(file) = gather.read_config("etc/multipath/wwids").present() {
            let wwids = multipath_tables::parse_wwids(&file.bytes);
            self.wwids = wwids
                .into_iter()
                .map(|listed| Wwid {
                    is_local: is_local(&listed.wwid),
                    wwid: listed.wwid,
                    at: listed.span.at(&file.path),
                })
                .collect();
        }
    }
}

/// Starts of WWIDs (as udev's scsi_id and QEMU's and VMware's disks give them) that are of local disks: ATA and USB
/// disks, virtual ones, and volumes of RAID controllers (HP Smart Array, LSI MegaRAID and Integrated RAID, Dell PERC).
const LOCAL_WWIDS: [&str; 18] = [
    "1ATA",
    "SATA",
    "ATA_",
    "t10.ATA",
    "0QEMU",
    "SQEMU",
    "QEMU_HARDDISK",
    "VBOX_HARDDISK",
    "36000c29",
    "3600508b1001",
    "3600508e0",
    "3600605b0",
    "36848f690",
    "3644a8420",
    "361866da0",
    "36d094660",
    "36b8ca3a0",
    "3b083fe",
];

fn is_local(wwid: &str) -> bool {
    LOCAL_WWIDS.iter().any(|start| wwid.starts_with(start))
}

/// See [`Multipath::mounts`].
fn mounts(multipath: &Multipath, fstab: &Fstab) -> Vec<MultipathMount> {
    let entries = fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
    let mapper = entries.iter().filter_map(|entry| match &entry.device.name {
        DeviceName::Mapper(name) => Some((entry, name)),
        _ => None,
    });
    let named = mapper.filter(|(_, name)| multipath.is_alias(name) || root::is_multipath_name(name));
    let mount = |(entry, name): (&super::fstab::Mount, &String)| MultipathMount {
        at: entry.at.clone(),
        spec: entry.spec.clone(),
        mountpoint: entry.mountpoint.clone(),
        line: entry.line.clone(),
        is_root: entry.is_root,
        is_swap: entry.is_swap,
        required_at_boot: entry.required_at_boot,
        noauto: entry.noauto,
        is_bound: multipath.is_alias(name) || !name.starts_with("mpath"),
        stable_spec: entry.stable_spec.clone(),
    };
    named.map(mount).collect()
}

/// Whether something starts multipathd at boot.
fn enabled(gather: &Gather<'_>, installed: bool) -> (Known<bool>, Option<Place>) {
    let units = ["multipathd.service", "multipath-tools.service", "multipathd.socket"];
    let targets =
        ["sysinit.target.wants", "multi-user.target.wants", "sockets.target.wants", "boot.target.wants"];
    for directory in ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"] {
        for target in targets {
            for unit in units {
                let path = format!("{directory}/{target}/{unit}");
                if gather.tree.symlink_metadata(&path).is_ok() && !is_masked(gather, unit) {
                    return (Known::Known(true), Some(Place::file(path)));
                }
            }
        }
    }
    // Red Hat keeps the run levels in rc3.d, SUSE in rc3.d and boot.d below init.d, Debian in rcS.d.
    for directory in
        ["etc/rc3.d", "etc/rc.d/rc3.d", "etc/rc5.d", "etc/rcS.d", "etc/init.d/boot.d", "etc/init.d/rc3.d"]
    {
        for name in gather.found(gather.tree.list(directory)).present().unwrap_or_default() {
            let Some(name) = name.to_str() else { continue };
            let service =
                name.strip_prefix('S').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
            if matches!(
                service,
                Some("multipathd" | "multipath-tools" | "multipath-tools-boot" | "boot.multipath")
            ) {
                return (Known::Known(true), Some(Place::file(format!("{directory}/{name}"))));
            }
        }
    }
    if !installed
        || gather.tree.exists("etc/systemd/system")
        || gather.tree.exists("etc/rc3.d")
        || gather.tree.exists("etc/rc.d/rc3.d")
    {
        return (Known::Known(false), None);
    }
    (Known::unknown("the links below `etc/systemd/system` or `etc/rc3.d`"), None)
}

fn is_masked(gather: &Gather<'_>, unit: &str) -> bool {
    let node = gather.tree.symlink_metadata(format!("etc/systemd/system/{unit}"));
    node.is_ok_and(|node| node.kind == crate::source::NodeKind::Link("/dev/null".into()))
}

fn blacklists_all(blacklist: &[BlacklistEntry]) -> bool {
    let all = |entry: &BlacklistEntry| {
        !entry.is_exception
            && matches!(entry.kind.as_str(), "devnode" | "wwid")
            && matches!(entry.value.as_str(), "*" | ".*" | "^.*$" | "^.*" | "")
    };
    blacklist.iter().any(all) && !blacklist.iter().any(|entry| entry.is_exception)
}

/// Kinds of names whose first disk a `devnode` line keeps from multipath. An exception for it lets it through.
fn blacklisted_prefixes(blacklist: &[BlacklistEntry]) -> Vec<String> {
    let disks = [("sd", "sda"), ("vd", "vda"), ("xvd", "xvda"), ("hd", "hda"), ("nvme", "nvme0n1")];
    let matches = |disk: &str, exception: bool| {
        blacklist
            .iter()
            .take(1000)
            .filter(|entry| entry.kind == "devnode" && entry.is_exception == exception)
            .any(|entry| {
                // `!expression` is the opposite (multipath.conf(5), since 0.8).
                let (negated, expression) = match entry.value.strip_prefix('!') {
                    Some(rest) => (true, rest),
                    None => (false, entry.value.as_str()),
                };
                // Old versions take a lone `*` for everything.
                let expression = if expression == "*" { ".*" } else { expression };
                let regex = regex::RegexBuilder::new(expression).size_limit(1 << 20).build();
                regex.is_ok_and(|regex| regex.is_match(disk) != negated)
            })
    };
    disks
        .iter()
        .filter(|(_, disk)| matches(disk, false) && !matches(disk, true))
        .map(|(prefix, _)| (*prefix).to_owned())
        .collect()
}

/// See [`Multipath::takes_single_paths`].
fn takes_single_paths(multipath: &Multipath, system: &super::system::System) -> Known<bool> {
    use super::system::Family;
    let Some(setting) = &multipath.find_multipaths else {
        return match (&system.family, system.major_version) {
            // Red Hat's multipathd does nothing without a configuration file; its built-in value was `no` up to
            // RHEL 7 and is `yes` since 8.
            (Known::Known(Family::Rhel), _) if multipath.files.is_empty() => Known::Known(false),
            (Known::Known(Family::Rhel), Some(major)) => Known::Known(major < 8),
            // Debian 10 and Ubuntu 20.04 have 0.7.9 or later, with `strict` built in.
            (Known::Known(Family::Debian), Some(major)) => {
                let strict = if system.id.as_deref() == Some("ubuntu") { 20 } else { 10 };
                Known::Known(major < strict)
            }
            (Known::Known(Family::Suse), Some(major)) => Known::Known(major < 15),
            _ => Known::unknown("`find_multipaths` in `etc/multipath.conf`"),
        };
    };
    Known::Known(matches!(setting.value.as_str(), "no" | "off" | "0" | "greedy"))
}

#[cfg(test)]
mod tests;
