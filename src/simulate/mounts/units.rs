//! Which units systemd makes of fstab, crypttab and its own unit files.
//!
//! Sources: systemd's `src/fstab-generator/fstab-generator.c`, `src/cryptsetup/cryptsetup-generator.c`,
//! `src/shared/generator.c`, `src/shared/fstab-util.c`, `src/shared/mount-setup.c` (what it mounts itself), and
//! systemd.mount(5), systemd.swap(5), crypttab(5).

use super::names;
use super::settings::Settings;
use crate::facts::crypttab::Volume;
use crate::facts::fstab::is_network_type;
use crate::facts::mounting::{Line, MountUnit, UnitKind};
use crate::facts::{Facts, Known};
use crate::parse::device_spec::DeviceSpec;
use crate::parse::time_span::{self, TimeSpan};
use crate::place::Place;

/// What a unit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mount,
    Swap,
    Crypt,
}

/// Which target pulls a unit in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    LocalFs,
    RemoteFs,
    Swap,
    Crypt,
    /// A target of the administrator's choice (`x-systemd.wanted-by=`, `[Install]`).
    Other,
}

impl Goal {
    /// The target's name.
    pub(super) fn target(self) -> Option<&'static str> {
        match self {
            Self::LocalFs => Some("local-fs.target"),
            Self::RemoteFs => Some("remote-fs.target"),
            Self::Swap => Some("swap.target"),
            Self::Crypt => Some("cryptsetup.target"),
            Self::Other => None,
        }
    }
}

/// How a unit is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    /// Its target fails without it.
    Required,
    /// Its target goes on without it.
    Wanted,
    /// On first use.
    OnDemand,
    /// Not at boot, unless another unit needs it.
    No,
}

/// Why a line makes no unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) at: Place,
    pub(super) what: String,
    pub(super) directory: Option<String>,
    pub(super) why: String,
    /// It is not what the line seems to ask for.
    pub(super) is_mistake: bool,
}

/// A mount, a swap or an encrypted volume.
#[derive(Debug, Clone)]
pub(super) struct Unit<'a> {
    pub(super) name: String,
    pub(super) at: Place,
    pub(super) kind: Kind,
    /// As written.
    pub(super) what: String,
    pub(super) device: DeviceSpec,
    /// The mount point, or the name of the encrypted volume; empty for swap.
    pub(super) directory: String,
    pub(super) is_no_directory: bool,
    /// Empty or `auto` if mount(8) is to find out.
    pub(super) fstype: String,
    pub(super) options: Vec<String>,
    pub(super) passno: i32,
    pub(super) goal: Goal,
    pub(super) pull: Pull,
    /// The boot waits until it is there or has failed.
    pub(super) is_awaited: bool,
    pub(super) volume: Option<&'a Volume>,
}

impl Unit<'_> {
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|own| own == option)
    }

    /// The values of `NAME=VALUE` options.
    pub(super) fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.options.iter().filter_map(move |option| option.strip_prefix(name)?.strip_prefix('='))
    }

    pub(super) fn is_bind(&self) -> bool {
        self.has("bind") || self.has("rbind")
    }

    pub(super) fn is_root(&self) -> bool {
        self.kind == Kind::Mount && self.directory == "/"
    }

    /// Whether systemd waits for a device (`is_device_path` of the path that the name stands for).
    pub(super) fn names_device(&self) -> bool {
        !self.is_bind() && names::device_path(&self.what).starts_with("/dev/")
    }

    /// Whether what is mounted comes over the network.
    pub(super) fn is_network(&self) -> bool {
        is_network_type(&self.fstype) && !self.names_device()
    }

    /// `x-systemd.device-timeout=`, where it can be read.
    pub(super) fn device_timeout(&self) -> Option<TimeSpan> {
        let values = self.values("x-systemd.device-timeout");
        let value = values.chain(self.values("comment=systemd.device-timeout")).last()?;
        match time_span::parse(value)? {
            // `parse_sec_fix_0`: 0 is without end.
            TimeSpan::Finite(duration) if duration.is_zero() => Some(TimeSpan::Infinite),
            span => Some(span),
        }
    }
}

/// Lines of crypttab that are followed; real tables have a handful.
const MAX_VOLUMES: usize = 200;

/// The units, in the order of their lines, and the lines that make none.
#[derive(Debug, Default)]
pub(super) struct Units<'a> {
    pub(super) list: Vec<Unit<'a>>,
    pub(super) skipped: Vec<Skipped>,
    /// Why local-fs.target cannot be started as a whole: a unit that it requires cannot be loaded. systemd then leaves the
    /// rest of it out, the remount of root among it, and goes on (systemd's `src/core/transaction.c`).
    pub(super) broken_target: Option<String>,
    /// Why the tables could not be read.
    pub(super) unreadable: Option<String>,
}

/// Makes the units.
pub(super) fn of<'a>(facts: &'a Facts, settings: &Settings<'_>) -> Units<'a> {
    let mut units = Units::default();
    match &facts.mounting.lines {
        Known::Known(_) if !settings.reads_fstab => {}
        Known::Known(lines) => {
            for line in lines {
                add_line(line, settings, &mut units);
            }
        }
        Known::Unknown { needs } => units.unreadable = Some(needs.clone()),
    }
    match &facts.crypttab.entries {
        Known::Known(_) if !settings.reads_crypttab => {}
        Known::Known(volumes) => units.list.extend(volumes.iter().take(MAX_VOLUMES).map(crypt)),
        Known::Unknown { needs } => units.unreadable = Some(needs.clone()),
    }
    for unit in &facts.mounting.units {
        add_unit_file(unit, &mut units);
    }
    if let Known::Known(names) = &facts.mounting.unit_names {
        let required = units.list.iter().filter(|unit| is_required_locally(unit));
        let mut needed = required.flat_map(|unit| unit.values("x-systemd.requires"));
        let is_missing = |name: &&str| {
            let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
            let template = name.split_once('@').map(|(stem, _)| format!("{stem}@.{kind}"));
            matches!(kind, "service" | "target" | "socket" | "path" | "timer")
                && !names.contains(*name)
                && !template.is_some_and(|template| names.contains(&template))
        };
        if let Some(name) = needed.find(is_missing) {
            units.broken_target = Some(format!("there is no {name}"));
        }
    }
    units
}

/// A local mount without which local-fs.target does not start.
pub(super) fn is_required_locally(unit: &Unit<'_>) -> bool {
    unit.goal == Goal::LocalFs && unit.pull == Pull::Required && !unit.is_root()
}

/// The options one by one. systemd looks at them with the CR of a DOS line end on the last; mount(8) gets them without,
/// since systemd's reader of unit files takes white space off.
fn split_options(text: &str) -> Vec<String> {
    text.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect()
}

fn add_line<'a>(line: &'a Line, settings: &Settings<'_>, units: &mut Units<'a>) {
    let entry = &line.entry;
    let options = split_options(&entry.options);
    let skip = |why: &str, is_mistake: bool| Skipped {
        at: line.at.clone(),
        what: entry.spec.clone(),
        directory: Some(line.directory.clone()).filter(|directory| directory.starts_with('/')),
        why: why.to_owned(),
        is_mistake,
    };
    let is_swap = entry.fstype == "swap";
    if is_swap && !settings.starts_swap {
        units.skipped.push(skip("swap is switched off on the command line", false));
        return;
    }
    if !is_swap && entry.fstype == "autofs" {
        units.skipped.push(skip("autofs is not systemd's", false));
        return;
    }
    if !is_swap && !entry.directory.contains('/') {
        let why = "its mount point is no path, and systemd leaves it out";
        units.skipped.push(skip(why, entry.directory != "none"));
        return;
    }
    if !is_swap && is_api(&line.directory) {
        units.skipped.push(skip("systemd has mounted it already", false));
        return;
    }
    let unit = unit_of_line(line, options, is_swap);
    if units.list.iter().any(|other| other.name == unit.name) {
        let why = "an earlier line has the same unit, and systemd leaves this one out";
        units.skipped.push(skip(why, !unit.is_root()));
        return;
    }
    units.list.push(unit);
}

fn unit_of_line<'a>(line: &'a Line, options: Vec<String>, is_swap: bool) -> Unit<'a> {
    let entry = &line.entry;
    let device = DeviceSpec::parse(entry.spec.trim_end_matches('\r'));
    let is_root = !is_swap && line.directory == "/";
    let has = |names: &[&str]| options.iter().any(|own| names.contains(&own.as_str()));
    // `fstab_test_yes_no_option`: the last of the two counts.
    let last_of = |yes: &str, no: &str| {
        options.iter().rev().find(|own| *own == yes || *own == no).is_some_and(|own| own == yes)
    };
    let background = matches!(entry.fstype.as_str(), "nfs" | "nfs4") && last_of("bg", "fg");
    let nofail = last_of("nofail", "fail") || background;
    let noauto = last_of("noauto", "auto");
    let automount = !is_swap && has(&["x-systemd.automount", "comment=systemd.automount"]);
    let is_netdev = has(&["_netdev"]);
    let by_others = ["x-systemd.wanted-by=", "x-systemd.required-by="]
        .iter()
        .any(|name| options.iter().any(|own| own.starts_with(name)));
    let goal = match () {
        () if is_swap && !is_netdev => Goal::Swap,
        () if !is_swap && !automount && by_others => Goal::Other,
        () if is_netdev || is_network_type(&entry.fstype) => Goal::RemoteFs,
        () => Goal::LocalFs,
    };
    let pull = match () {
        () if is_root => Pull::Required,
        () if automount => Pull::OnDemand,
        () if goal == Goal::Other => Pull::Wanted,
        () if noauto => Pull::No,
        () if nofail => Pull::Wanted,
        () => Pull::Required,
    };
    let path = names::device_path(entry.spec.trim_end_matches('\r'));
    Unit {
        name: if is_swap {
            names::of_path(&path, ".swap")
        } else {
            names::of_path(&line.directory, ".mount")
        },
        at: line.at.clone(),
        kind: if is_swap { Kind::Swap } else { Kind::Mount },
        what: entry.spec.trim_end_matches('\r').to_owned(),
        device,
        directory: if is_swap { String::new() } else { line.directory.clone() },
        is_no_directory: line.is_no_directory,
        fstype: entry.fstype.trim_end_matches('\r').to_owned(),
        options: options.into_iter().map(|option| option.trim_end_matches('\r').to_owned()).collect(),
        passno: entry.passno,
        goal,
        pull,
        // swap.target, and others with default dependencies, come after all that they want or require.
        is_awaited: match goal {
            Goal::Swap | Goal::Other => !noauto || goal == Goal::Other,
            _ => pull == Pull::Required && !nofail,
        },
        volume: None,
    }
}

/// What systemd mounts itself before any unit (`mount_point_is_api`, `mount_point_ignore`).
fn is_api(directory: &str) -> bool {
    const POINTS: [&str; 16] = [
        "/proc",
        "/sys",
        "/dev",
        "/dev/shm",
        "/dev/pts",
        "/run",
        "/sys/kernel/security",
        "/sys/fs/smackfs",
        "/sys/fs/pstore",
        "/sys/fs/bpf",
        "/sys/firmware/efi/efivars",
        "/sys/fs/cgroup",
        "/sys/fs/selinux",
        "/selinux",
        "/proc/bus/usb",
        "/dev/console",
    ];
    POINTS.contains(&directory) || directory.starts_with("/sys/fs/cgroup/")
}

fn crypt(volume: &Volume) -> Unit<'_> {
    let netdev = volume.options.iter().any(|option| option == "_netdev");
    let pull = match (volume.noauto, volume.nofail) {
        (true, _) => Pull::No,
        (false, true) => Pull::Wanted,
        (false, false) => Pull::Required,
    };
    Unit {
        name: names::cryptsetup(&volume.name),
        at: volume.at.clone(),
        kind: Kind::Crypt,
        what: volume.spec.clone(),
        device: volume.device.clone(),
        directory: volume.name.clone(),
        is_no_directory: false,
        fstype: String::new(),
        options: volume.options.clone(),
        passno: 0,
        goal: if netdev { Goal::Other } else { Goal::Crypt },
        pull,
        // systemd-cryptsetup@.service has no default dependencies: without `Before=cryptsetup.target`, which `nofail`
        // leaves out, nothing waits for it.
        is_awaited: pull == Pull::Required && !netdev,
        volume: Some(volume),
    }
}

/// A unit file takes the place of what a generator made under the same name; the links that the generator made stay.
fn add_unit_file(file: &MountUnit, units: &mut Units<'_>) {
    let known = units.list.iter().position(|unit| unit.name == file.name);
    if file.is_masked {
        if let Some(index) = known {
            let unit = units.list.remove(index);
            if is_required_locally(&unit) {
                units.broken_target = Some(format!("{} is masked", file.name));
            }
            units.skipped.push(Skipped {
                at: unit.at,
                what: unit.what,
                directory: Some(unit.directory),
                why: format!("its unit {} is masked", file.name),
                is_mistake: false,
            });
        }
        return;
    }
    let (Some(what), false) = (&file.what, file.kind == UnitKind::Automount) else { return };
    let is_swap = file.kind == UnitKind::Swap;
    let directory = file.directory.clone().unwrap_or_default();
    let required = |target: &str| file.required_by.iter().any(|own| own == target);
    let wanted = |target: &str| file.wanted_by.iter().any(|own| own == target);
    let nofail = file.options.iter().any(|option| option == "nofail");
    let fstype = file.fstype.clone().unwrap_or_default();
    let (goal, pull) = match () {
        () if required("local-fs.target") => (Goal::LocalFs, Pull::Required),
        () if required("remote-fs.target") => (Goal::RemoteFs, Pull::Required),
        () if required("swap.target") => (Goal::Swap, Pull::Required),
        () if wanted("local-fs.target") => (Goal::LocalFs, Pull::Wanted),
        () if wanted("swap.target") => (Goal::Swap, Pull::Wanted),
        () if file.wanted_by.is_empty() && file.required_by.is_empty() => (Goal::Other, Pull::No),
        () => (Goal::Other, Pull::Wanted),
    };
    let mut unit = Unit {
        name: file.name.clone(),
        at: file.at.clone(),
        kind: if is_swap { Kind::Swap } else { Kind::Mount },
        what: what.clone(),
        device: DeviceSpec::parse(what),
        directory: if is_swap { String::new() } else { directory },
        is_no_directory: false,
        fstype,
        options: file.options.clone(),
        passno: 0,
        goal,
        pull,
        is_awaited: pull != Pull::No && !nofail,
        volume: None,
    };
    match known.and_then(|index| units.list.get_mut(index)) {
        Some(generated) => {
            if unit.pull == Pull::No {
                (unit.goal, unit.pull) = (generated.goal, generated.pull);
                unit.is_awaited = generated.is_awaited;
            }
            *generated = unit;
        }
        None => units.list.push(unit),
    }
}
