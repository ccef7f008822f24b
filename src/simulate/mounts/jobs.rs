//! What systemd's jobs for the units come to: which device is waited for and how long, what fails, and what fails with it.
//!
//! A mount requires the mounts above its mount point and, for a bind or loop mount, those above its source
//! (systemd.unit(5), `RequiresMountsFor=`; systemd `src/core/mount.c`, `mount_add_mount_dependencies`): one that fails
//! takes along what it holds, with or without `nofail`. A device that does not appear fails after its timeout; all of
//! them are waited for at the same time.

use std::path::Path;
use std::time::Duration;

use super::filesystem::Trial;
use super::lvm;
use super::settings::Settings;
use super::units::{Kind, Pull, Unit, Units};
use super::{Reason, names};
use crate::facts::block_devices::{BlockDevice, Lookup};
use crate::facts::command_line::CommandLine;
use crate::facts::{Facts, Known};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::time_span::TimeSpan;
use crate::simulate::devices::{Machine, Resolution};
use crate::target::Target;

/// What a unit's job comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It is up.
    Up,
    /// It is tried and fails.
    Failed { reason: Reason, why: String },
    /// What it needs is not there after this time.
    Gone { after: Duration, reason: Reason, why: String },
    /// It waits without end.
    Forever { reason: Reason, why: String },
    /// The input does not say.
    Unknown { needs: String },
}

impl End {
    /// When it is known to have failed; none if it has not.
    pub(super) fn failed_after(&self) -> Option<Duration> {
        match self {
            Self::Failed { .. } => Some(Duration::ZERO),
            Self::Gone { after, .. } => Some(*after),
            _ => None,
        }
    }
}

/// A look at the device of a unit.
enum Device<'a> {
    There(Option<&'a BlockDevice>),
    /// What opens it has to come first.
    Opened(usize),
    Missing(String),
    Unknown(String),
}

/// The jobs of one boot.
pub(super) struct Jobs<'a> {
    pub(super) facts: &'a Facts,
    pub(super) units: &'a Units<'a>,
    pub(super) settings: &'a Settings<'a>,
    pub(super) cmdline: Option<&'a CommandLine>,
    pub(super) target: &'a Target,
    pub(super) machine: &'a Machine<'a>,
    pub(super) trial: &'a Trial<'a>,
    /// The names of encrypted volumes that the initrd has opened.
    pub(super) opened_before: &'a [String],
    /// The target has a network card.
    pub(super) has_network: bool,
    /// The disks that the target has, where it tells of more than the boot disk.
    pub(super) all_disks: Option<Vec<String>>,
    /// The target tells of a controller at which virtual machines have an empty CD drive.
    pub(super) has_drive: bool,
}

impl<'a> Jobs<'a> {
    /// What becomes of each unit, in order.
    pub(super) fn run(&self) -> Vec<End> {
        let mut ends = vec![None; self.units.list.len()];
        for index in 0..ends.len() {
            self.end_of(index, &mut ends, 0);
        }
        ends.into_iter().map(|end| end.unwrap_or(End::Up)).collect()
    }

    fn end_of(&self, index: usize, ends: &mut Vec<Option<End>>, depth: usize) -> End {
        if let Some(Some(end)) = ends.get(index) {
            return end.clone();
        }
        let Some(unit) = self.units.list.get(index) else { return End::Up };
        // Units that need each other in a circle: systemd drops one of the jobs.
        if depth > self.units.list.len() {
            return End::Up;
        }
        let end = self.work_out(unit, index, ends, depth);
        if let Some(slot) = ends.get_mut(index) {
            *slot = Some(end.clone());
        }
        end
    }

    fn work_out(&self, unit: &Unit<'_>, index: usize, ends: &mut Vec<Option<End>>, depth: usize) -> End {
        for needed in self.needed_mounts(unit, index) {
            let name = self.units.list.get(needed).map(|other| other.directory.clone()).unwrap_or_default();
            let why = format!("it needs {name}, which is not mounted");
            match self.end_of(needed, ends, depth + 1) {
                End::Up => {}
                End::Failed { .. } => {
                    return End::Gone { after: Duration::ZERO, reason: Reason::NeedsOther, why };
                }
                End::Gone { after, .. } => return End::Gone { after, reason: Reason::NeedsOther, why },
                other => return other,
            }
        }
        if unit.is_root() {
            return self.root(unit);
        }
        if unit.kind == Kind::Crypt && self.opened_before.contains(&unit.directory) {
            return End::Up;
        }
        let device = if unit.names_device() { self.device(unit) } else { Device::There(None) };
        let found = match device {
            Device::There(found) => found,
            Device::Opened(volume) => match self.end_of(volume, ends, depth + 1) {
                End::Up => None,
                End::Failed { why, .. } => {
                    let why = format!("{} is not opened: {why}", unit.what);
                    return End::Gone { after: Duration::ZERO, reason: Reason::NeedsOther, why };
                }
                End::Gone { after, why, .. } => {
                    let why = format!("{} is not opened: {why}", unit.what);
                    return End::Gone { after, reason: Reason::NeedsOther, why };
                }
                other => return other,
            },
            Device::Missing(why) => return self.wait(unit, why),
            Device::Unknown(needs) => return End::Unknown { needs },
        };
        self.try_it(unit, found)
    }

    /// Root is mounted: its line is for the check and the remount alone.
    fn root(&self, unit: &Unit<'_>) -> End {
        if is_content_name(&unit.device)
            && let Device::Missing(why) = self.device(unit)
        {
            let reason = Reason::DeviceMissing;
            return End::Failed {
                reason,
                why: format!("{} {why}, so that root stays as the kernel has mounted it", unit.what),
            };
        }
        match self.trial.trouble(unit, None) {
            Some((reason, why)) => End::Failed { reason, why },
            None => End::Up,
        }
    }

    fn try_it(&self, unit: &Unit<'_>, found: Option<&BlockDevice>) -> End {
        if let Some((reason, why)) = self.trial.trouble(unit, found) {
            return End::Failed { reason, why };
        }
        match (&unit.device.name, unit.kind) {
            (DeviceName::Removable(_), Kind::Mount) => {
                let why = "there is no disc in the drive".to_owned();
                End::Failed { reason: Reason::DeviceMissing, why }
            }
            (_, Kind::Mount) if unit.is_network() && self.has_network => {
                End::Unknown { needs: format!("the server of `{}`", unit.what) }
            }
            (_, Kind::Mount) if unit.is_network() => {
                let why = "there is no network card".to_owned();
                End::Failed { reason: Reason::Network, why }
            }
            (_, Kind::Crypt) => self.open(unit),
            _ => End::Up,
        }
    }

    /// A volume with a key file is opened; without one, or where the file is not there, somebody has to type
    /// (systemd's `src/cryptsetup/cryptsetup.c`).
    fn open(&self, unit: &Unit<'_>) -> End {
        let Some(volume) = unit.volume else { return End::Up };
        let asks = |why: String, reason: Reason| match unit
            .values("timeout")
            .last()
            .and_then(crate::parse::time_span::parse)
        {
            Some(TimeSpan::Finite(after)) if !after.is_zero() => End::Gone { after, reason, why },
            _ => End::Forever { reason, why },
        };
        match (&volume.key_file, volume.key_found.get()) {
            (None, _)
                if volume.options.iter().any(|own| {
                    own.starts_with("tpm2-device")
                        || own.starts_with("fido2-device")
                        || own.starts_with("pkcs11-uri")
                }) =>
            {
                End::Unknown { needs: format!("the security device that opens {}", volume.name) }
            }
            (None, _) => {
                asks(format!("somebody has to type the passphrase of {}", volume.name), Reason::Passphrase)
            }
            (Some(key), Some(false)) => asks(
                format!(
                    "the key file `{key}` of {} is not there, and somebody has to type a passphrase",
                    volume.name
                ),
                Reason::KeyMissing,
            ),
            (Some(_), _) => End::Up,
        }
    }

    /// The mounts of the table that `unit` requires.
    fn needed_mounts(&self, unit: &Unit<'_>, index: usize) -> Vec<usize> {
        let mut paths: Vec<(String, bool)> = Vec::new();
        match unit.kind {
            Kind::Mount => {
                paths.push((unit.directory.clone(), false));
                if unit.what.starts_with('/') && !unit.names_device() && !unit.is_network() {
                    paths.push((unit.what.clone(), true));
                }
            }
            Kind::Swap if !unit.names_device() => paths.push((unit.what.clone(), true)),
            Kind::Crypt => {
                let key = unit.volume.and_then(|volume| volume.key_file.clone());
                paths.extend(key.filter(|key| !key.starts_with("/dev/")).map(|key| (key, true)));
            }
            Kind::Swap => {}
        }
        paths.extend(unit.values("x-systemd.requires-mounts-for").map(|path| (path.to_owned(), true)));
        let is_needed = |(at, other): &(usize, &Unit<'_>)| {
            *at != index
                && other.kind == Kind::Mount
                && other.directory.len() > 1
                && other.pull != Pull::OnDemand
                && paths.iter().any(|(path, itself)| {
                    Path::new(path).starts_with(&other.directory) && (*itself || *path != other.directory)
                })
        };
        let named: Vec<&str> = unit.values("x-systemd.requires").collect();
        let all = self.units.list.iter().enumerate();
        let needed = all.filter(|(at, other)| {
            is_needed(&(*at, *other))
                || *at != index
                    && named.iter().any(|name| {
                        *name == other.name
                            || name.starts_with('/') && names::of_path(name, ".mount") == other.name
                    })
        });
        needed.map(|(at, _)| at).collect()
    }

    fn device(&self, unit: &Unit<'_>) -> Device<'a> {
        if let DeviceName::Mapper(name) = &unit.device.name {
            if self.opened_before.contains(name) {
                return Device::There(None);
            }
            let volume = self.units.list.iter().position(|other| {
                other.kind == Kind::Crypt && other.directory == *name && unit.kind != Kind::Crypt
            });
            if let Some(volume) = volume {
                return Device::Opened(volume);
            }
        }
        if let DeviceName::Removable(name) = &unit.device.name {
            if self.target.is_same() {
                return Device::Unknown("knowing whether there is a disc in the drive".to_owned());
            }
            let is_disc = ["sr", "scd", "cdrom", "dvd", "cdrw"].iter().any(|kind| name.starts_with(kind));
            return if is_disc && self.has_drive {
                Device::There(None)
            } else {
                Device::Missing(format!("does not exist: there is no drive {name}"))
            };
        }
        if let Some((vg, lv)) = self.volume(unit)
            && let Some(why) = lvm::kept_back(self.facts, self.cmdline, &vg, &lv, self.target)
        {
            return Device::Missing(why);
        }
        match self.machine.resolve(&unit.device) {
            Resolution::Exists { device: None, .. }
                if is_unlisted(&unit.device, self.facts, self.cmdline) =>
            {
                Device::Missing("does not exist: no device of this system has it".to_owned())
            }
            Resolution::Exists { device, .. } => self.through_crypt(unit, device),
            Resolution::Missing { why } => Device::Missing(why),
            Resolution::Unknown { needs } => self.undecided(unit, needs),
        }
    }

    /// The logical volume that a line names, by its path or by what is on it.
    fn volume(&self, unit: &Unit<'_>) -> Option<(String, String)> {
        unit.device.volume().or_else(|| {
            let name = self.machine.device_now(&unit.device)?.name.as_deref()?;
            DeviceSpec::parse(&format!("/dev/{name}")).volume()
        })
    }

    /// A UUID of what is inside an encrypted volume appears once that is opened.
    fn through_crypt(&self, unit: &Unit<'_>, device: Option<&'a BlockDevice>) -> Device<'a> {
        let name =
            device.and_then(|device| device.name.as_deref()).and_then(|name| name.strip_prefix("mapper/"));
        let volume = name.and_then(|name| {
            self.units.list.iter().position(|other| other.kind == Kind::Crypt && other.directory == name)
        });
        match volume {
            Some(volume)
                if unit.kind != Kind::Crypt
                    && !name.is_some_and(|name| self.opened_before.iter().any(|own| own == name)) =>
            {
                Device::Opened(volume)
            }
            _ => Device::There(device),
        }
    }

    fn undecided(&self, unit: &Unit<'_>, needs: String) -> Device<'a> {
        let devices = &self.facts.block_devices;
        match &unit.device.name {
            // A target that tells of several disks tells of all.
            DeviceName::KernelName(name) => match &self.all_disks {
                Some(disks) if !disks.contains(&name.disk) => {
                    Device::Missing(format!("does not exist: the disks are {}", disks.join(", ")))
                }
                _ => Device::Unknown(needs),
            },
            DeviceName::Mapper(_) if devices.complete => {
                let why = "does not exist: nothing that is known of this system makes it".to_owned();
                Device::Missing(why)
            }
            DeviceName::Software(name) if name.starts_with("zram") => Device::There(None),
            // Made by a service of its own.
            DeviceName::Software(_) | DeviceName::Other(_) => Device::Unknown(needs),
            // Names that move with the disks, of which nothing is known.
            _ => Device::There(None),
        }
    }

    /// The device is not there: systemd waits for it. What crypttab opens is waited for without end, since somebody may
    /// have to type (systemd-cryptsetup-generator).
    fn wait(&self, unit: &Unit<'_>, why: String) -> End {
        let why = format!("`{}` {why}", unit.what);
        let reason = Reason::DeviceMissing;
        match unit.device_timeout().unwrap_or(self.settings.device_timeout) {
            TimeSpan::Finite(after) => End::Gone { after, reason, why },
            TimeSpan::Infinite => End::Forever { reason, why },
        }
    }
}

/// A name for what is written on a disk.
pub(super) fn is_content_name(device: &DeviceSpec) -> bool {
    use DeviceName::{Label, PartLabel, PartUuid, Uuid};
    matches!(device.name, Uuid(_) | Label(_) | PartUuid(_) | PartLabel(_))
}

/// Whether nothing on this system has the name, by a list that is the whole truth although it does not look so: the cache of
/// blkid in /run, which knows this entry's root, and is asked for every device that is looked for by its contents.
pub(super) fn is_unlisted(device: &DeviceSpec, facts: &Facts, cmdline: Option<&CommandLine>) -> bool {
    let Some(root) = cmdline.and_then(|line| line.root.as_ref()) else { return false };
    let is_of_this_boot = match facts.block_devices.find(&root.device) {
        Lookup::Found(device) => device.at.path.starts_with("run/"),
        _ => false,
    };
    let told = matches!(device.name, DeviceName::Uuid(_) | DeviceName::Label(_));
    told && is_of_this_boot && !matches!(facts.block_devices.find(device), Lookup::Found(_))
}

/// Names of encrypted volumes that the initrd has opened before systemd starts: those that root lies on, those that it is
/// told of, and those that are marked.
pub(super) fn opened_before(
    facts: &Facts,
    root: Option<&str>,
    told: &[&str],
    root_is_plain: bool,
) -> Vec<String> {
    let volumes = match &facts.crypttab.entries {
        Known::Known(volumes) => volumes.as_slice(),
        Known::Unknown { .. } => &[],
    };
    let is_opened = |volume: &&crate::facts::crypttab::Volume| {
        let uuid = match &volume.device.name {
            DeviceName::Uuid(uuid) => Some(uuid.as_str()),
            _ => None,
        };
        volume.in_initrd
            || root.is_some_and(|root| root == format!("/dev/mapper/{}", volume.name))
            || uuid.is_some_and(|uuid| told.iter().any(|own| own.eq_ignore_ascii_case(uuid)))
            // Where root may lie on a volume without a key file, nothing says that this is not the one.
            || !root_is_plain && volume.key_file.is_none()
    };
    volumes.iter().filter(is_opened).map(|volume| volume.name.clone()).collect()
}
