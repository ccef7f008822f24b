//! An entry as a loader's file has it, and what becomes of it once its files are looked up.

use super::files::{BootFiles, release_of};
use super::{BootEntry, EntryFile, EntrySource, GrubFiles, Volume};
use crate::facts::Known;
use crate::facts::command_line::{CommandLine, NamedDevice, Piece};
use crate::parse::device_spec::{DeviceName, DeviceSpec};
use crate::parse::lines::Field;
use crate::place::Place;

/// A path as written, and where.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) path: String,
    pub(super) at: Place,
}

impl Written {
    pub(super) fn of(field: &Field, path: &std::sync::Arc<str>) -> Self {
        Self { path: field.text.clone(), at: field.span.at(path) }
    }
}

/// An entry before its files are looked up.
#[derive(Debug, Clone)]
pub(super) struct RawEntry {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) at: Place,
    pub(super) source: EntrySource,
    pub(super) kernel: Written,
    pub(super) hypervisor: Option<String>,
    pub(super) initrds: Vec<Written>,
    pub(super) cmdline: Known<CommandLine>,
    pub(super) version: Option<String>,
    /// The UUID of the file system on which GRUB looks for the files, and where the search stands.
    pub(super) searched: Option<(String, Place)>,
    /// How GRUB comes to the files; the paths are filled in when they are looked up.
    pub(super) grub: Option<GrubFiles>,
}

/// Programs that loaders start as if they were Linux.
const NO_LINUX: [&str; 6] = ["memtest", "memdisk", "ipxe", "mt86", "hdt", "sbm"];

impl RawEntry {
    /// Looks the files up; none if what the entry starts is no Linux kernel.
    pub(super) fn finish(self, files: &BootFiles<'_>) -> Option<BootEntry> {
        let name = self.kernel.path.rsplit('/').next().unwrap_or_default();
        if NO_LINUX.iter().any(|program| name.starts_with(program)) {
            return None;
        }
        let (kernel, kernel_exists) = files.locate(&self.kernel.path);
        // os-prober lists the systems on other partitions, whose files are not in this one.
        let is_foreign = self.id.starts_with("osprober-");
        let elsewhere = || Known::unknown("the file system of another system, which os-prober found");
        let kernel_exists = if is_foreign { elsewhere() } else { kernel_exists };
        let named = release_of(&kernel).or_else(|| files.final_name(&kernel).as_deref().and_then(release_of));
        let grub = self.grub.map(|grub| GrubFiles {
            kernel_on: files.volumes(&self.kernel.path),
            kernel_is_signed: files.is_signed(&kernel),
            kernel: self.kernel.path.clone(),
            initrds_on: Volume::ALL
                .into_iter()
                .filter(|volume| {
                    self.initrds.iter().all(|written| files.volumes(&written.path).contains(volume))
                })
                .collect(),
            initrds: self.initrds.iter().map(|written| written.path.clone()).collect(),
            ..grub
        });
        let initrds = self.initrds.into_iter().map(|written| {
            let (path, exists) = files.locate(&written.path);
            EntryFile { path, exists: if is_foreign { elsewhere() } else { exists }, at: written.at }
        });
        let version = self.version.filter(|version| !version.starts_with("0-rescue"));
        let is_there = kernel_exists.get() == Some(&true);
        // The name of a unified image is anybody's; what it says inside is not.
        let named = named.filter(|_| version.is_none() || !kernel.ends_with(".efi"));
        let release = named.or(version).or_else(|| files.image_release(&kernel).filter(|_| is_there));
        let is_rescue = is_rescue(&self.title, &kernel, self.cmdline.get());
        Some(BootEntry {
            id: self.id,
            title: self.title,
            at: self.at,
            source: self.source,
            default: false,
            release,
            kernel,
            kernel_at: self.kernel.at,
            kernel_exists,
            initrds: initrds.collect(),
            cmdline: self.cmdline,
            hypervisor: self.hypervisor.map(|written| files.locate(&written).0),
            searched: self.searched.map(|(uuid, at)| {
                NamedDevice::new(DeviceSpec { raw: uuid.clone(), name: DeviceName::Uuid(uuid) }, at)
            }),
            grub,
            is_rescue,
        })
    }
}

fn is_rescue(title: &str, kernel: &str, cmdline: Option<&CommandLine>) -> bool {
    let title = title.to_lowercase();
    let says = ["rescue", "recovery mode", "failsafe", "single-user", "emergency"];
    let runs = ["single", "recovery", "emergency", "rescue", "S"];
    let is_single = |line: &CommandLine| {
        let unit = line.value("systemd.unit").unwrap_or_default();
        unit.starts_with("rescue.")
            || unit.starts_with("emergency.")
            || runs.iter().any(|name| line.param(name).is_some())
    };
    says.iter().any(|word| title.contains(word))
        || kernel.contains("0-rescue")
        || cmdline.is_some_and(is_single)
}

/// The command line of fields that stand one after the other.
pub(super) fn joined(pieces: &[Piece]) -> CommandLine {
    let parted: Vec<Piece> = pieces.iter().flat_map(|piece| [piece.clone(), piece.blank()]).collect();
    CommandLine::of_pieces(&parted)
}
