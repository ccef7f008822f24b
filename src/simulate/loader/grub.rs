//! GRUB 2 on its way to the menu: its core image, its modules, its configuration, and a menu that starts by itself.

use super::Stop;
use super::readable;
use super::volumes::{Place as Found, Volumes};
use crate::facts::boot::{EntrySource, Volume};
use crate::facts::boot_disks::{BootDisk, PartitionTable};
use crate::facts::esp::EspFile;
use crate::facts::grub::GrubCore;
use crate::facts::{Facts, Known};
use crate::place::Place;
use crate::simulate::Cause;
use crate::simulate::firmware::Started;
use crate::simulate::scene::Scene;
use crate::target::{Firmware, Target};

/// Why GRUB does not come to start the entry by itself.
pub(super) fn stop(scene: &Scene<'_>, target: &Target, started: &Started<'_>) -> Option<Stop> {
    let facts = scene.facts;
    let volumes = Volumes::new(facts, target);
    let before = match started {
        Started::Bios(disk) => bios(facts, &volumes, *disk),
        Started::Uefi { program, .. } => uefi(facts, &volumes, program),
        Started::Untold(_) => None,
    };
    before.or_else(|| configuration(scene, started)).or_else(|| commands(scene, started))
}

/// The core image, and what it needs to come to `normal.mod`.
fn bios(facts: &Facts, volumes: &Volumes<'_>, disk: Option<&BootDisk>) -> Option<Stop> {
    let sector = disk.and_then(|disk| disk.boot_sector.as_ref());
    if let Some((trouble, sector)) = sector.and_then(|sector| Some((sector.core_trouble.clone()?, sector))) {
        return Some(Stop::new(trouble, Some(sector.at.clone())));
    }
    let platform = facts.grub.platform("i386-pc");
    let core = sector.and_then(|sector| sector.core.as_ref());
    let core = core.or_else(|| platform.and_then(|platform| platform.core.as_ref()))?;
    let at = || Some(core.at.clone());
    if let Some(module) = missing_module(volumes, disk, core) {
        return Some(Stop::new(
            format!("GRUB's core image lacks the module `{module}`, without which it cannot read its folder"),
            at(),
        ));
    }
    if let Some(why) = prefix_elsewhere(volumes, disk, core) {
        return Some(Stop::new(format!("GRUB's core image does not find its folder: {why}"), at()));
    }
    if let Some(stop) = readable::trouble(facts, volumes, volumes.of_grub()) {
        return Some(stop);
    }
    // Without a single file of GRUB's in the tree nothing can be said of its folder.
    let knows_folder = platform.is_some() || has_configuration(facts);
    let has_normal = platform.is_some_and(|platform| platform.has_normal) || core.has("normal");
    (knows_folder && !has_normal).then(|| {
        let detail =
            "GRUB's folder has no `i386-pc/normal.mod`, without which it reads no configuration".to_owned();
        Stop::new(detail, platform.map(|platform| platform.at.clone()).or_else(at))
    })
}

fn has_configuration(facts: &Facts) -> bool {
    facts.boot.loaders.iter().any(|loader| loader.kind == EntrySource::Grub2)
}

/// A module that the core image needs to read its folder, and does not have.
fn missing_module(volumes: &Volumes<'_>, disk: Option<&BootDisk>, core: &GrubCore) -> Option<String> {
    let lacks = |module: &str| (!core.has(module)).then(|| module.to_owned());
    let volume = volumes.of_grub();
    let prefix = core.prefix.trim_start_matches('(');
    let table = match prefix.split([',', ')']).nth(1) {
        Some(partition) if partition.starts_with("gpt") => Some("part_gpt"),
        Some(partition) if partition.starts_with("msdos") => Some("part_msdos"),
        _ => match disk.and_then(|disk| disk.table) {
            Some(PartitionTable::Gpt) => Some("part_gpt"),
            Some(PartitionTable::Mbr) => Some("part_msdos"),
            _ => None,
        },
    };
    if let Some(module) = table.and_then(lacks) {
        return Some(module);
    }
    if (prefix.starts_with("lvm/") || prefix.starts_with("lvmid/")) && !core.has("lvm") {
        return Some("lvm".to_owned());
    }
    if prefix.starts_with("md") && !core.has("mdraid1x") && !core.has("mdraid09") {
        return Some("mdraid1x".to_owned());
    }
    if prefix.starts_with("crypto") && !core.has("cryptodisk") {
        return Some("cryptodisk".to_owned());
    }
    let found = volumes.device(volume).and_then(|device| device.fstype.clone());
    let listed = volumes.mount(volume).map(|mount| mount.fstype.clone());
    found.or(listed).and_then(|fstype| readable::module_of(&fstype)).and_then(lacks)
}

/// Why the prefix of the core image does not lead to GRUB's folder.
fn prefix_elsewhere(volumes: &Volumes<'_>, disk: Option<&BootDisk>, core: &GrubCore) -> Option<String> {
    let wanted = volumes.of_grub();
    let device =
        core.prefix.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(device, _)| device);
    let by_prefix = match (device, disk) {
        // `(,msdos1)` is a partition of the disk that the image was started from.
        (Some(device), Some(disk)) if device.starts_with(',') => {
            volumes.partition(disk, device.trim_start_matches(','), false)
        }
        (Some(device), _) if !device.starts_with(',') => volumes.named(device, false),
        _ => Found::Untold,
    };
    let place = match &core.searched {
        None => by_prefix,
        Some(uuid) => match volumes.uuid(uuid) {
            // The search leaves the device of the prefix where it finds nothing.
            Found::Nothing(why) => match by_prefix {
                Found::Is(volume) if volume == wanted => Found::Is(volume),
                _ => Found::Nothing(why),
            },
            place => place,
        },
    };
    match place {
        Found::Nothing(why) => Some(why),
        Found::Is(volume) if volume != wanted => Some(format!(
            "`{}` is not the file system that holds it",
            device.unwrap_or_else(|| core.searched.as_deref().unwrap_or(&core.prefix))
        )),
        _ => None,
    }
}

/// GRUB as a program for UEFI: the small configuration beside it, and where that leads.
fn uefi(facts: &Facts, volumes: &Volumes<'_>, program: &EspFile) -> Option<Stop> {
    let grub = program.program.get().and_then(Option::as_ref).and_then(|program| program.grub.as_ref());
    let folder = program.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let prefix = grub.map(|grub| grub.prefix.trim_start_matches('/').to_owned());
    let reads = |folder: &str| facts.esp.find(&format!("{folder}/grub.cfg"));
    let own = reads(folder).or_else(|| prefix.as_deref().and_then(reads));
    let is_direct =
        |prefix: &str| prefix.starts_with('(') || prefix.is_empty() || prefix.starts_with("boot/");
    match (&own, &prefix) {
        (None, Some(prefix)) if is_direct(prefix) => {
            if let Some(grub) = grub.filter(|grub| !grub.modules.is_empty())
                && let Some(why) = prefix_elsewhere(volumes, None, grub)
            {
                return Some(Stop::new(
                    format!("GRUB does not find its folder: {why}"),
                    Some(program.at.clone()),
                ));
            }
        }
        (None, Some(prefix)) => {
            let detail = format!(
                "GRUB (`{}`) finds no configuration, neither in `{prefix}` nor beside itself on the EFI system partition: it \
                 stops at its command line",
                program.path
            );
            return Some(Stop::new(detail, Some(program.at.clone())));
        }
        // A program that cannot be looked into may have its configuration inside.
        (None, None) | (Some(_), _) => {}
    }
    let stub = facts.boot.stub.as_ref().filter(|stub| own.is_some_and(|own| own.at.path == stub.at.path))?;
    let (place, missing) = volumes.of(&stub.grub);
    let at = Some(stub.at.clone());
    let from = stub.grub.root.is_none() && missing.is_some();
    let detail = match (place, missing) {
        (Found::Nothing(why), _) => why,
        // The device that GRUB was started from is the EFI system partition.
        (_, Some(why)) if from => why,
        (Found::Is(volume), _) if volume != Volume::Esp => return readable::trouble(facts, volumes, volume),
        _ => return None,
    };
    Some(Stop::new(
        format!(
            "the configuration on the EFI system partition does not find the one with the menu: {detail}"
        ),
        at,
    ))
}

/// The configuration, and a menu that starts by itself.
fn configuration(scene: &Scene<'_>, started: &Started<'_>) -> Option<Stop> {
    let boot = &scene.facts.boot;
    let is_known = is_known(scene.facts, started);
    if let Some(at) = &boot.empty_menu {
        let detail = "GRUB's configuration makes no menu entry: it stops at its command line".to_owned();
        return Some(Stop::new(detail, Some(at.clone())));
    }
    if is_known && !has_configuration(scene.facts) {
        let at = scene.facts.grub.platforms.first().map(|platform| platform.at.clone());
        return Some(Stop::new(
            "GRUB is installed but has no `grub.cfg`: it stops at its command line".to_owned(),
            at,
        ));
    }
    if !scene.entry.default {
        return None;
    }
    if scene.entry.grub.as_ref().is_some_and(|grub| grub.asks_for_user) {
        let detail = "GRUB asks for a user and a password before it starts the entry: `superusers` is set, and the entry or a \
                      menu above it is not `--unrestricted`";
        return Some(Stop::new(detail, Some(scene.entry.at.clone())).because(Cause::AsksForPassword));
    }
    match &boot.timeout {
        Known::Known(Some(timeout)) if timeout.value.trim().starts_with('-') => {
            let detail = format!("GRUB's menu waits for a key for ever (`timeout={}`)", timeout.value);
            Some(Stop::new(detail, Some(timeout.at.clone())).because(Cause::WaitsForKey))
        }
        // A configuration without `timeout` waits, too; one in a tree without GRUB itself is taken for an excerpt.
        Known::Known(None) if is_known && scene.entry.source == EntrySource::Grub2 => {
            let at = boot.loaders.iter().find(|loader| loader.is_used).map(|loader| loader.at.clone());
            let detail = "GRUB's menu waits for a key for ever: its configuration does not set `timeout`";
            Some(Stop::new(detail, at).because(Cause::WaitsForKey))
        }
        _ => None,
    }
}

/// Whether the GRUB that reads the configuration is there as well.
fn is_known(facts: &Facts, started: &Started<'_>) -> bool {
    match started {
        Started::Bios(disk) => {
            let core =
                disk.and_then(|disk| disk.boot_sector.as_ref()).and_then(|sector| sector.core.as_ref());
            core.is_some() || facts.grub.platform("i386-pc").is_some_and(|platform| platform.core.is_some())
        }
        Started::Uefi { program, .. } => {
            program.program.get().and_then(Option::as_ref).is_some_and(|program| program.grub.is_some())
        }
        Started::Untold(_) => false,
    }
}

/// Commands that this GRUB does not have.
fn commands(scene: &Scene<'_>, started: &Started<'_>) -> Option<Stop> {
    let facts = scene.facts;
    let (name, inside): (&str, Option<&GrubCore>) = match started {
        Started::Bios(_) | Started::Untold(Some(Firmware::Bios)) => ("i386-pc", None),
        Started::Uefi { program, .. } => (
            "x86_64-efi",
            program.program.get().and_then(Option::as_ref).and_then(|program| program.grub.as_ref()),
        ),
        Started::Untold(_) => return None,
    };
    let platform = facts.grub.platform(name).filter(|platform| !platform.modules.is_empty());
    if platform.is_none() && inside.is_none() {
        return None;
    }
    let command = match &scene.entry.grub {
        Some(grub) if scene.entry.source == EntrySource::Grub2 => grub.command.as_str(),
        _ if scene.entry.source == EntrySource::Bls => "blscfg",
        _ => return None,
    };
    let module = match command {
        "linux" | "linux16" | "linuxefi" | "blscfg" => command,
        _ => return None,
    };
    let has = inside.is_some_and(|core| core.has(module))
        || platform.is_some_and(|platform| platform.modules.contains(module));
    // A linux module of Red Hat's and Debian's UEFI has both commands.
    let has = has || (module == "linux" && inside.is_some_and(|core| core.has("linuxefi")));
    if has {
        return None;
    }
    let at: Option<Place> = Some(scene.entry.kernel_at.clone());
    let what = if command == "blscfg" { "lists entries by" } else { "loads the kernel by" };
    Some(Stop::new(
        format!("the configuration {what} the command `{command}`, which this GRUB does not have"),
        at,
    ))
}
