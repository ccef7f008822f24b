//! The firmware's boot entries, from `efibootmgr -v` in a report, or from the variables themselves where the kernel shows them
//! (`/sys/firmware/efi/efivars`), beside the files that are on the EFI system partition.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::esp::Esp;
use super::{Gather, Known};
use crate::parse::efi_boot::{self, BootList};
use crate::place::Place;

/// Where the kernel shows the firmware's variables.
const VARIABLES: &str = "sys/firmware/efi/efivars";
/// The vendor of the variables of the UEFI specification.
const GLOBAL: &str = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Bytes of a variable; a load option has a few hundred.
const VARIABLE_LIMIT: u64 = 64 << 10;

/// The firmware's boot entries, in the order in which it tries them.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nvram {
    /// The entries of `BootOrder`; what is not in it is not tried.
    pub entries: Vec<NvramEntry>,
    /// Whether one of the active entries leads to a program that is there. Unknown if the partition's files are.
    pub has_working_entry: Known<bool>,
}

/// A boot entry of the firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NvramEntry {
    /// Its number: `0002`.
    pub number: String,
    /// Whether the firmware tries it.
    pub is_active: bool,
    /// What it is called.
    pub name: String,
    /// The program on the EFI system partition that it starts: `EFI/rocky/shimx64.efi`; null if it starts something else.
    pub program: Option<String>,
    /// Whether that program is on the system's EFI system partition, without regard to case. Null without a program; unknown if
    /// the partition's files are.
    pub is_there: Known<Option<bool>>,
    /// Where it is listed.
    pub at: Place,
}

/// Reads the list. Unknown if the input has none.
#[must_use]
pub fn gather(gather: &Gather<'_>, esp: &Esp) -> Known<Nvram> {
    let Some((list, path)) = printed(gather).or_else(|| variables(gather)) else {
        // A system without an EFI system partition is started by BIOS, which has no such entries.
        if esp.folder.is_none() {
            return Known::Known(Nvram::default());
        }
        return Known::unknown(
            "the output of `efibootmgr -v`, or `/sys/firmware/efi/efivars` of the running system",
        );
    };
    let entry = |number: &String| {
        let entry = list.entries.iter().find(|entry| entry.number == *number)?;
        let at = match entry.span.line {
            0 => Place::file(format!("{path}/Boot{number}{GLOBAL}")),
            _ => entry.span.at(&path),
        };
        Some(NvramEntry {
            number: number.clone(),
            is_active: entry.is_active,
            name: entry.name.clone(),
            program: entry.program.clone(),
            is_there: is_there(esp, entry.program.as_deref()),
            at,
        })
    };
    let entries: Vec<NvramEntry> = list.order.iter().filter_map(entry).collect();
    let works = |entry: &NvramEntry| entry.is_active && entry.is_there == Known::Known(Some(true));
    let has_working_entry = match esp.files.needs() {
        Some(needs) => Known::unknown(needs),
        None => Known::Known(entries.iter().any(works)),
    };
    Known::Known(Nvram { entries, has_working_entry })
}

fn is_there(esp: &Esp, program: Option<&str>) -> Known<Option<bool>> {
    let Some(program) = program else { return Known::Known(None) };
    match (esp.files.needs(), &esp.folder) {
        (Some(needs), _) => Known::unknown(needs),
        (None, None) => Known::unknown("the files of the EFI system partition"),
        (None, Some(_)) => Known::Known(Some(esp.find(program).is_some())),
    }
}

/// What `efibootmgr` has printed.
fn printed(gather: &Gather<'_>) -> Option<(BootList, Arc<str>)> {
    let is_list = |name: &str| name.starts_with("efibootmgr");
    let files = ["sos_commands/boot", "sos_commands/efi"]
        .into_iter()
        .flat_map(|folder| gather.read_directory(folder, is_list));
    files.into_iter().find_map(|file| Some((efi_boot::parse(&file.bytes)?, file.path)))
}

/// The variables themselves.
fn variables(gather: &Gather<'_>) -> Option<(BootList, Arc<str>)> {
    let read =
        |name: &str| gather.tree.read_limited(format!("{VARIABLES}/{name}{GLOBAL}"), VARIABLE_LIMIT).ok();
    let order = efi_boot::boot_order(&read("BootOrder")?.bytes);
    let entries = order.iter().filter_map(|number| {
        let file = read(&format!("Boot{number}"))?;
        efi_boot::load_option(number, &file.bytes)
    });
    let entries = entries.collect();
    Some((BootList { order, current: None, entries }, VARIABLES.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Limits, esp, fstab::Fstab};
    use crate::source::memory::Memory;

    #[test]
    fn entries_are_compared_with_the_partition() {
        let list = "BootOrder: 0001,0002\nBoot0001* Red Hat\tHD(1,GPT)/File(\\EFI\\redhat\\shimx64.efi)\n\
            Boot0002* Rocky\tHD(1,GPT)/File(\\EFI\\ROCKY\\SHIMX64.EFI)\n";
        let tree = Memory::new()
            .file("sos_commands/boot/efibootmgr_-v", list)
            .file(
                "sos_commands/boot/ls_-lanR_.boot",
                "/boot/efi/EFI/rocky:\n-rwx------ 1 0 0 9 Nov 20 10:00 shimx64.efi\n",
            )
            .directory("boot/efi/EFI")
            .into_tree();
        let limits = Limits::default();
        let gathering = Gather::new(&tree, &limits);
        let esp = esp::gather(&gathering, &Fstab::default());
        let found = gather(&gathering, &esp);
        let nvram = found.get().unwrap();
        let there: Vec<_> = nvram.entries.iter().map(|entry| entry.is_there.clone()).collect();
        assert_eq!(there, [Known::Known(Some(false)), Known::Known(Some(true))]);
        assert_eq!(nvram.has_working_entry, Known::Known(true));
        assert_eq!(nvram.entries[0].at.line, Some(2));
    }
}
