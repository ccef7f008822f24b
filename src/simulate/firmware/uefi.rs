//! UEFI: the fallback loader of a machine without boot entries, and what shim makes of it.
//!
//! shim starts `grubx64.efi` from its own folder. Started as the fallback loader with `fbx64.efi` beside it, it runs that program,
//! which makes boot entries of each `BOOTX64.CSV` in the other folders of `\EFI` and starts the first (shim's `shim.c`,
//! `should_use_fallback`, and `fallback.c`).

use super::super::Cause;
use super::{Start, Started, bios_loader, controllers};
use crate::facts::boot_disks::{BootDisk, PartitionRole, PartitionTable};
use crate::facts::esp::{Esp, EspFile, EspProgram, EspProgramKind};
use crate::facts::{Facts, Known};
use crate::place::Place;
use crate::simulate::State;
use crate::target::{Firmware, Target};

/// Packages that bring the fallback loader as a file of theirs.
const SHIM_PACKAGES: [&str; 3] = ["shim-x64", "shim-aa64", "shim"];

/// What UEFI starts.
pub(super) fn start<'a>(facts: &'a Facts, target: &Target) -> Start<'a> {
    if let Some(reason) =
        controllers::unreadable(target, Firmware::Uefi).or_else(|| other_sectors(facts, target))
    {
        return fails(reason, None);
    }
    if let Some(reason) = no_fat(facts) {
        return fails(reason, facts.esp.mount.clone());
    }
    let esp = &facts.esp;
    let files = match &esp.files {
        Known::Unknown { needs } => return files_unknown(facts, target, needs),
        Known::Known(files) => files,
    };
    if files.is_empty() {
        return without_files(facts);
    }
    if target.is_same() {
        return match esp.has_loader() {
            true => ok(
                "the boot entry of the machine's firmware starts the loader as before",
                esp.mount.clone(),
                untold(),
            ),
            false => fails("no loader is on the EFI system partition".to_owned(), esp.mount.clone()),
        };
    }
    fallback(facts, target)
}

fn untold<'a>() -> Started<'a> {
    Started::Untold(Some(Firmware::Uefi))
}

fn ok<'a>(detail: impl Into<String>, at: Option<Place>, loader: Started<'a>) -> Start<'a> {
    Start::new(State::Ok, detail, at, loader)
}

fn fails<'a>(detail: String, at: Option<Place>) -> Start<'a> {
    Start::new(State::Fails, detail, at, untold())
}

/// A partition table that counts in sectors of another size says nothing to the firmware.
fn other_sectors(facts: &Facts, target: &Target) -> Option<String> {
    let size = controllers::sector_size(target).unwrap_or(512);
    let disk = super::disks_in_order(facts, target).into_iter().find(|disk| disk.sector_size.is_some())?;
    let own = disk.sector_size.filter(|own| *own != size && !target.is_same())?;
    Some(format!(
        "the partition table of {} counts in sectors of {own} bytes, and the boot disk of {} has sectors of {size}",
        disk.name, target.name
    ))
}

/// The firmware reads FAT alone.
fn no_fat(facts: &Facts) -> Option<String> {
    let devices = &facts.block_devices;
    let is_fat = |fstype: &str| matches!(fstype, "vfat" | "msdos" | "fat" | "fat12" | "fat16" | "fat32");
    let has_fat = devices.devices.iter().any(|device| device.fstype.as_deref().is_some_and(is_fat));
    let told = devices.complete && devices.devices.iter().any(|device| device.fstype.is_some());
    (told && !has_fat && super::bios_loader(facts).is_none()).then(|| {
        "no partition has a FAT file system, and UEFI reads no other: there is no EFI system partition for it".to_owned()
    })
}

/// The partition is there, but not what is on it.
fn files_unknown<'a>(facts: &'a Facts, target: &Target, needs: &str) -> Start<'a> {
    let at = facts.esp.mount.clone();
    if target.is_same() {
        return ok("the boot entry of the machine's firmware starts the loader as before", at, untold());
    }
    let package =
        SHIM_PACKAGES.iter().find(|name| facts.packages.find(name).get().is_some_and(Option::is_some));
    if let Some(package) = package {
        let detail = format!("the package {package} brings the loader that UEFI starts without a boot entry");
        return ok(detail, at, untold());
    }
    let folder = facts.esp.folder.clone().map(Place::file);
    let detail =
        format!("whether the EFI system partition has `{}` is not known without {needs}", loader_path(facts));
    Start::new(State::Unknown, detail, at.or(folder), untold())
}

/// No EFI system partition is to be seen.
fn without_files<'a>(facts: &'a Facts) -> Start<'a> {
    let esp = &facts.esp;
    if esp.folder.is_some() {
        let at = esp.mount.clone().or_else(|| esp.folder.clone().map(Place::file));
        return fails("the EFI system partition is empty: UEFI finds no loader".to_owned(), at);
    }
    if let Some((what, at)) = bios_loader(facts) {
        return fails(
            format!("the system has {what} and no EFI system partition: UEFI finds no loader"),
            Some(at),
        )
        .because(Cause::OtherFirmware);
    }
    let is_told = |disk: &&BootDisk| {
        disk.table.is_some_and(|table| table != PartitionTable::Other) && disk.roles_known()
    };
    let disks = &facts.boot_disks;
    if !disks.is_empty() && disks.iter().all(|disk| is_told(&disk) && !disk.has_role(PartitionRole::Efi)) {
        let at = disks.first().and_then(|disk| disk.table_at.clone());
        return fails("no disk has an EFI system partition: UEFI finds no loader".to_owned(), at);
    }
    let detail = "nothing in the input tells how the boot loader is installed; it is taken to be there (the files of the EFI \
                  system partition would show it)";
    ok(detail, None, untold())
}

/// The path of the fallback loader for the machine that the system is made for.
fn loader_path(facts: &Facts) -> String {
    format!("EFI/BOOT/BOOT{}.EFI", machine(facts).to_ascii_uppercase())
}

/// The machine's name in the names of EFI programs.
fn machine(facts: &Facts) -> &'static str {
    match facts.system.architecture.get().map(String::as_str) {
        Some("aarch64") => "aa64",
        _ => "x64",
    }
}

fn fallback<'a>(facts: &'a Facts, target: &Target) -> Start<'a> {
    let esp = &facts.esp;
    let (machine, wanted) = (machine(facts), loader_path(facts));
    if let Some(file) = esp.find(&wanted) {
        return chain(esp, file, target, machine);
    }
    let script = esp.startup.as_ref().filter(|_| controllers::is_qemu(target) && !target.secure_boot);
    if let Some(file) = script.and_then(|path| esp.find(path)) {
        return chain(esp, file, target, machine);
    }
    let at = esp.files.get().and_then(|files| files.first()).map(|file| file.at.clone());
    let others = if esp.has_loader() {
        ", and a new machine has no boot entry for the other loaders"
    } else {
        ", nor any other loader"
    };
    fails(format!("the EFI system partition has no `{wanted}`{others}"), at).because(Cause::NoFallbackLoader)
}

/// Follows the chain that starts with `file`.
fn chain<'a>(esp: &'a Esp, file: &'a EspFile, target: &Target, machine: &str) -> Start<'a> {
    let at = Some(file.at.clone());
    if let Some(reason) = refused(file, machine, target.secure_boot, Check::Firmware) {
        return fails(reason, at);
    }
    if !is_shim(esp, file) {
        let is_checked = target.secure_boot;
        return ok(format!("UEFI starts `{}`", file.path), at, Started::Uefi { program: file, is_checked });
    }
    let (shim, how) = match through_fallback(esp, file, machine) {
        Some(Ok(shim)) => (shim, format!(", which makes boot entries and starts `{}`", shim.path)),
        Some(Err(reason)) => return fails(reason, at),
        None => (file, String::new()),
    };
    let next = format!("{}/grub{machine}.efi", folder_of(&shim.path));
    let Some(program) = esp.find(&next) else {
        return fails(format!("`{}` is shim, which starts `{next}`, and that is not there", shim.path), at);
    };
    if let Some(reason) = refused(program, machine, target.secure_boot, Check::Shim) {
        return fails(reason, Some(program.at.clone()));
    }
    let detail = format!("UEFI starts `{}`{how}, which is shim and starts `{}`", file.path, program.path);
    let is_checked = target.secure_boot;
    ok(detail, at, Started::Uefi { program, is_checked })
}

/// The shim that the fallback program starts; none if it does not come to that.
fn through_fallback<'a>(esp: &'a Esp, file: &EspFile, machine: &str) -> Option<Result<&'a EspFile, String>> {
    if !folder_of(&file.path).eq_ignore_ascii_case("EFI/BOOT") {
        return None;
    }
    let program = esp.find(&format!("EFI/BOOT/fb{machine}.efi"))?;
    let names = [format!("boot{machine}.csv"), "boot.csv".to_owned()];
    let is_list = |path: &str| {
        let lower = path.to_ascii_lowercase();
        names.iter().any(|name| lower.ends_with(&format!("/{name}"))) && !lower.starts_with("efi/boot/")
    };
    let lists = esp.files.get()?.iter().filter(|file| is_list(&file.path));
    let shims = lists.filter_map(|list| esp.find(&format!("{}/shim{machine}.efi", folder_of(&list.path))));
    let reason = format!(
        "`{}` starts `{}`, which finds no `BOOT{}.CSV` that names a loader",
        file.path,
        program.path,
        machine.to_ascii_uppercase()
    );
    Some(shims.into_iter().next().ok_or(reason))
}

/// Who looks at a program before it is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Firmware,
    Shim,
}

/// Why a program is not started.
fn refused(file: &EspFile, machine: &str, secure_boot: bool, by: Check) -> Option<String> {
    let program = file.program.get()?.as_ref()?;
    let path = &file.path;
    if !program.is_loadable {
        return Some(format!("`{path}` is no whole EFI program: UEFI does not start it"));
    }
    if program.machine != machine {
        return Some(format!(
            "`{path}` is a program for another machine ({}): UEFI does not start it",
            told(program)
        ));
    }
    match by {
        _ if !secure_boot => None,
        Check::Firmware if !program.is_signed => {
            Some(format!("Secure Boot does not start `{path}`, which is not signed"))
        }
        Check::Firmware if !program.is_signed_by_microsoft => Some(format!(
            "Secure Boot does not start `{path}`: it is signed with a key that the firmware does not have, only shim has"
        )),
        Check::Shim if !program.is_signed => {
            Some(format!("with Secure Boot shim does not start `{path}`, which is not signed"))
        }
        _ => None,
    }
}

fn told(program: &EspProgram) -> &str {
    if program.machine.is_empty() { "unknown" } else { &program.machine }
}

/// Whether a program is shim: by what is in it, or where that is not known, by what is beside it.
fn is_shim(esp: &Esp, file: &EspFile) -> bool {
    match file.program.get() {
        Some(Some(program)) => program.kind == EspProgramKind::Shim,
        Some(None) => false,
        None => {
            let name = file.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            let beside = |start: &str| {
                let files = esp.files.get().map(Vec::as_slice).unwrap_or_default();
                let folder = format!("{}/{start}", folder_of(&file.path)).to_ascii_lowercase();
                files.iter().any(|other| other.path.to_ascii_lowercase().starts_with(&folder))
            };
            name.starts_with("shim")
                || beside("mm")
                || beside("fb")
                || (name.starts_with("boot") && beside("grub") && beside("shim"))
        }
    }
}

/// The folder of a path on the partition.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
