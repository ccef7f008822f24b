//! Memory that is set aside at boot, whether the machine has it or not: huge pages, the crash kernel, the reserve of the
//! kernel, and what services are promised.
//!
//! `hugepages=` and `hugepagesz=` (Documentation/admin-guide/mm/hugetlbpage.rst), `crashkernel=`
//! (Documentation/admin-guide/kdump/kdump.rst), `vm.nr_hugepages` and `vm.min_free_kbytes`
//! (Documentation/admin-guide/sysctl/vm.rst), `MemoryMin=` (systemd.resource-control(5)).

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::boot::BootConfig;
use super::command_line::CommandLine;
use super::services::Services;
use super::sysctl::{KernelSetting, Sysctl};
use crate::parse::lines::lines;
use crate::place::Place;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The default size of a huge page on x86-64.
const HUGE_PAGE: u64 = 2 * MIB;

/// Values of `kernel.shmmax` that kernels and distributions set themselves: all that fits into a pointer, 64 GiB of RHEL 5
/// and 6, 4 GiB of their 32-bit versions.
const DEFAULT_SHMMAX: [u64; 3] = [u64::MAX - (1 << 24), 68_719_476_736, 4_294_967_295];

/// Memory and what is set aside of it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Memory {
    /// What the machine has now, in MiB; null if the input does not say.
    pub total_mib: Option<u64>,
    /// What is set aside at boot, largest first.
    pub reservations: Vec<Reservation>,
    /// All of that in MiB.
    pub reserved_mib: u64,
    /// `kernel.shmmax`, where an administrator set it; null else.
    pub shmmax: Option<Reservation>,
}

/// Memory that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reservation {
    /// Where.
    pub at: Place,
    /// What asks for it: `vm.nr_hugepages`, `crashkernel`, `postgresql: MemoryMin`.
    pub what: String,
    /// The value as written.
    pub value: String,
    /// In MiB, rounded down.
    pub mib: u64,
}

impl Reservation {
    fn new(at: &Place, what: impl Into<String>, value: impl Into<String>, bytes: u64) -> Self {
        Self { at: at.clone(), what: what.into(), value: value.into(), mib: bytes / MIB }
    }
}

/// Adds up what the default entry, sysctl and the services that run ask for.
#[must_use]
pub fn gather(gather: &Gather<'_>, boot: &BootConfig, sysctl: &Sysctl, services: &Services) -> Memory {
    let total_mib = total(gather);
    let entry = boot.entries.iter().find(|entry| entry.default).or_else(|| boot.entries.first());
    let cmdline = entry.and_then(|entry| entry.cmdline.get());
    let page = cmdline.and_then(|line| bytes(line.value("default_hugepagesz")?)).unwrap_or(HUGE_PAGE);
    let setting = |key: &str| sysctl.settings.iter().find(|setting| setting.key == key);
    let mut reservations = Vec::new();
    // The setting counts pages of the default size, and takes the place of what the command line said of those.
    let pages = setting("vm.nr_hugepages").and_then(|one| Some((one, one.value.trim().parse::<u64>().ok()?)));
    if let Some((setting, count)) = pages {
        reservations.push(reservation(setting, count.saturating_mul(page)));
    }
    if let Some(setting) = setting("vm.min_free_kbytes")
        && let Ok(count) = setting.value.trim().parse::<u64>()
    {
        reservations.push(reservation(setting, count.saturating_mul(KIB)));
    }
    if let Some(cmdline) = cmdline {
        huge_pages(cmdline, page, pages.is_some(), &mut reservations);
        let crash = cmdline.params.iter().filter(|param| param.name == "crashkernel");
        for param in crash {
            let Some(value) = &param.value else { continue };
            let size = crash_kernel(value, total_mib).unwrap_or(0);
            reservations.push(Reservation::new(&param.at, "crashkernel", value, size));
        }
    }
    for unit in services.units.get().into_iter().flatten().filter(|unit| unit.in_use) {
        let Some(setting) = unit.settings.get("MemoryMin") else { continue };
        let what = format!("{}: MemoryMin", unit.name);
        // A share of the machine's memory always fits.
        let size = bytes(&setting.value).unwrap_or(0);
        reservations.push(Reservation::new(&setting.at, what, &setting.value, size));
    }
    reservations.retain(|one| one.mib > 0);
    reservations.sort_by(|a, b| b.mib.cmp(&a.mib).then_with(|| a.at.cmp(&b.at)));
    let shmmax = setting("kernel.shmmax").and_then(|setting| {
        let limit = setting.value.trim().parse::<u64>().ok()?;
        (!DEFAULT_SHMMAX.contains(&limit)).then(|| reservation(setting, limit))
    });
    Memory {
        total_mib,
        reserved_mib: reservations.iter().fold(0, |sum, one| sum.saturating_add(one.mib)),
        reservations,
        shmmax,
    }
}

fn reservation(setting: &KernelSetting, bytes: u64) -> Reservation {
    Reservation::new(&setting.at, &setting.key, &setting.value, bytes)
}

fn total(gather: &Gather<'_>) -> Option<u64> {
    let file = gather.read_config("proc/meminfo").present()?;
    let line = lines(&file.bytes).find(|line| line.text.starts_with("MemTotal:"))?;
    Some(line.text.split_whitespace().nth(1)?.parse::<u64>().ok()? / KIB)
}

/// `hugepagesz=1G hugepages=4 hugepages=128`: each count is of the size before it.
fn huge_pages(cmdline: &CommandLine, default: u64, is_set: bool, found: &mut Vec<Reservation>) {
    let mut size = default;
    for param in &cmdline.params {
        let Some(value) = &param.value else { continue };
        match param.name.as_str() {
            "hugepagesz" => size = bytes(value).unwrap_or(default),
            "hugepages" => {
                let count = value.parse::<u64>().unwrap_or(0);
                if !(is_set && size == default) {
                    found.push(Reservation::new(&param.at, "hugepages", value, count.saturating_mul(size)));
                }
                size = default;
            }
            _ => {}
        }
    }
}

/// `256M`, `256M@16M`, `512M,high`, `1G-4G:192M,4G-64G:256M`; of ranges the one of the machine's memory, else the first. `auto`
/// is nobody's number.
fn crash_kernel(value: &str, total_mib: Option<u64>) -> Option<u64> {
    let first = value.split(['@', ',']).next()?;
    if !value.contains(':') {
        return bytes(first);
    }
    let ranges = value.split('@').next()?.split(',').filter_map(|range| range.split_once(':'));
    let mut sizes = ranges.filter_map(|(range, size)| {
        let (from, to) = range.split_once('-')?;
        let to = if to.is_empty() { u64::MAX } else { bytes(to)? };
        Some((bytes(from)?, to, bytes(size)?))
    });
    match total_mib.map(|mib| mib.saturating_mul(MIB)) {
        Some(total) => sizes.find(|(from, to, _)| (*from..*to).contains(&total)).map(|(_, _, size)| size),
        None => sizes.next().map(|(_, _, size)| size),
    }
}

/// A number with K, M, G or T, as the kernel (`memparse`) and systemd take it.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)?.chars().next() {
        None => 0,
        Some('K' | 'k') => 10,
        Some('M' | 'm') => 20,
        Some('G' | 'g') => 30,
        Some('T' | 't') => 40,
        Some(_) => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crash_kernels_are_sized_by_the_machines_memory() {
        for (value, total, expected) in [
            ("256M", None, Some(256 * MIB)),
            ("512M,high", Some(1024), Some(512 * MIB)),
            ("1G-4G:192M,4G-64G:256M,64G-:512M", Some(8192), Some(256 * MIB)),
            ("1G-4G:192M,4G-64G:256M,64G-:512M", None, Some(192 * MIB)),
            ("1G-4G:192M", Some(512), None),
            ("auto", None, None),
        ] {
            assert_eq!(crash_kernel(value, total), expected, "{value}");
        }
    }
}
