//! Disks that configuration and scripts name, in files that no other subject reads: hdparm.conf, smartd.conf, crontabs, backup
//! scripts, tuning by sysfs. (Units and tmpfiles.d: [`super::services`]; udev's rules: [`super::udev`].)
//!
//! They break nothing at boot as fstab does; they just do not do their work any more, on another disk or not at all.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::block_devices::{BlockDevices, Lookup};
use crate::parse::device_names;
use crate::parse::device_spec::DeviceSpec;
use crate::parse::ini;
use crate::place::Place;
use crate::source::{File, NodeKind};

/// Bytes of a file that is looked through; scripts have a few KiB.
const FILE_LIMIT: u64 = 256 * 1024;
/// Files of one folder that are looked through.
const MAX_FILES: usize = 500;
/// Disks that are given at most.
const MAX_MENTIONS: usize = 2000;

/// What kind of file names the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MentionKind {
    /// hdparm.conf: settings of ATA disks at boot.
    Hdparm,
    /// smartd.conf: disks that are watched.
    Smartd,
    /// rc.local and its kin, which the boot runs.
    BootScript,
    /// A crontab, or a script in a `cron.*` folder.
    Cron,
    /// A script of the administrator's own, or the configuration of a backup program.
    Script,
    /// sysfsutils' settings.
    Sysfs,
    /// A profile of tuned.
    Tuned,
    /// `/etc/sysconfig/rawdevices`: raw devices bound to disks.
    RawDevices,
}

/// A disk that such a file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mention {
    /// Where.
    pub at: Place,
    /// What kind of file it is.
    pub kind: MentionKind,
    /// The name.
    pub device: DeviceSpec,
    /// `UUID=...` of the device, if the input knows it.
    pub stable_spec: Option<String>,
}

/// Single files and their kinds.
const FILES: [(&str, MentionKind); 16] = [
    ("etc/hdparm.conf", MentionKind::Hdparm),
    ("etc/sysconfig/harddisks", MentionKind::Hdparm),
    ("etc/smartd.conf", MentionKind::Smartd),
    ("etc/smartmontools/smartd.conf", MentionKind::Smartd),
    ("etc/default/smartmontools", MentionKind::Smartd),
    ("etc/rc.local", MentionKind::BootScript),
    ("etc/rc.d/rc.local", MentionKind::BootScript),
    ("etc/init.d/boot.local", MentionKind::BootScript),
    ("etc/init.d/after.local", MentionKind::BootScript),
    ("etc/crontab", MentionKind::Cron),
    ("etc/anacrontab", MentionKind::Cron),
    ("etc/rear/local.conf", MentionKind::Script),
    ("etc/rear/site.conf", MentionKind::Script),
    ("etc/sysfs.conf", MentionKind::Sysfs),
    ("etc/sysconfig/rawdevices", MentionKind::RawDevices),
    ("etc/raw", MentionKind::RawDevices),
];

/// Folders and the kinds of the files in them.
const FOLDERS: [(&str, MentionKind); 16] = [
    ("etc/hdparm.d", MentionKind::Hdparm),
    ("etc/smartd.d", MentionKind::Smartd),
    ("etc/cron.d", MentionKind::Cron),
    ("etc/cron.hourly", MentionKind::Cron),
    ("etc/cron.daily", MentionKind::Cron),
    ("etc/cron.weekly", MentionKind::Cron),
    ("etc/cron.monthly", MentionKind::Cron),
    ("var/spool/cron", MentionKind::Cron),
    ("var/spool/cron/crontabs", MentionKind::Cron),
    ("var/spool/cron/tabs", MentionKind::Cron),
    ("usr/local/bin", MentionKind::Script),
    ("usr/local/sbin", MentionKind::Script),
    ("root/bin", MentionKind::Script),
    ("etc/bacula", MentionKind::Script),
    ("etc/amanda", MentionKind::Script),
    ("etc/sysfs.d", MentionKind::Sysfs),
];

/// Looks through the files, in order of their paths.
#[must_use]
pub fn gather(gather: &Gather<'_>, devices: &BlockDevices) -> Vec<Mention> {
    let single = FILES.iter().map(|(path, kind)| ((*path).to_owned(), *kind));
    let mut paths: Vec<(String, MentionKind)> = single.collect();
    for (folder, kind) in FOLDERS {
        let names = gather.tree.list(folder).unwrap_or_default();
        let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort();
        paths.extend(names.into_iter().take(MAX_FILES).map(|name| (format!("{folder}/{name}"), kind)));
    }
    let mut mentions = Vec::new();
    for (path, kind) in paths {
        if let Some(file) = text_file(gather, &path) {
            read(&file, kind, devices, &mut mentions);
        }
    }
    tuned(gather, devices, &mut mentions);
    mentions.sort_by(|a, b| a.at.cmp(&b.at));
    mentions.dedup();
    mentions.truncate(MAX_MENTIONS);
    mentions
}

/// The file, unless it is a folder, a link to a file that is looked at under its own name, or too large for a text.
fn text_file(gather: &Gather<'_>, path: &str) -> Option<File> {
    let node = gather.tree.symlink_metadata(path).ok()?;
    if node.kind != NodeKind::File || node.len > FILE_LIMIT {
        return None;
    }
    gather.found(gather.tree.read_limited(path, FILE_LIMIT)).present()
}

fn read(file: &File, kind: MentionKind, devices: &BlockDevices, mentions: &mut Vec<Mention>) {
    for disk in device_names::parse(&file.bytes) {
        mentions.push(mention(disk.device, disk.span.at(&file.path), kind, devices));
    }
}

fn mention(device: DeviceSpec, at: Place, kind: MentionKind, devices: &BlockDevices) -> Mention {
    let stable_spec = match devices.find(&device) {
        Lookup::Found(found) => found.stable_spec(),
        _ => None,
    };
    Mention { at, kind, device, stable_spec }
}

/// `devices=` of tuned's disk plug-ins, in the profiles of the administrator (tuned-profiles(7)).
fn tuned(gather: &Gather<'_>, devices: &BlockDevices, mentions: &mut Vec<Mention>) {
    for root in ["etc/tuned", "etc/tuned/profiles"] {
        let names = gather.tree.list(root).unwrap_or_default();
        let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort();
        for name in names.into_iter().take(MAX_FILES) {
            let Some(file) = text_file(gather, &format!("{root}/{name}/tuned.conf")) else { continue };
            let entries = ini::parse(&file.bytes).into_iter().filter(|entry| entry.key == "devices");
            for entry in entries {
                let disks = entry.value.split([',', ' ']).map(str::trim);
                let disks = disks.filter(|disk| !disk.is_empty() && !disk.starts_with('!'));
                for disk in disks.take(MAX_FILES) {
                    let device = DeviceSpec::parse(&format!("/dev/{disk}"));
                    if device.kind() == "kernel-name" {
                        mentions.push(mention(
                            device,
                            entry.span.at(&file.path),
                            MentionKind::Tuned,
                            devices,
                        ));
                    }
                }
            }
            read(&file, MentionKind::Tuned, devices, mentions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn disks_are_found_in_the_files_of_each_kind() {
        let tree = Memory::new()
            .file("etc/hdparm.conf", "#/dev/hda {\n/dev/sda {\n\tapm = 254\n}\n")
            .file("etc/cron.d/backup", "0 3 * * * root dd if=/dev/sda1 of=/mnt/x\n")
            .file("etc/tuned/db/tuned.conf", "[disk]\ndevices=sda, sdb\n")
            .file("etc/sysconfig/rawdevices", "/dev/raw/raw1 /dev/sdc1\n")
            .file("usr/local/bin/tool", b"\x7fELF\0/dev/sda")
            .link("etc/cron.daily/x", "/dev/null")
            .into_tree();
        let mentions = gather(&Gather::new(&tree, &Limits::default()), &BlockDevices::default());
        let seen: Vec<_> =
            mentions.iter().map(|own| format!("{} {:?} {}", own.at, own.kind, own.device.value())).collect();
        assert_eq!(
            seen,
            [
                "etc/cron.d/backup:1 Cron sda1",
                "etc/hdparm.conf:2 Hdparm sda",
                "etc/sysconfig/rawdevices:1 RawDevices sdc1",
                "etc/tuned/db/tuned.conf:2 Tuned sda",
                "etc/tuned/db/tuned.conf:2 Tuned sdb",
            ]
        );
    }
}
