//! `bootproof initrd list`: the names in an image.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::{exit_code, read, shown};
use crate::cli::args::ListFormat;
use crate::cli::output;
use crate::initrd::{self, Archive, Damage, Entry, EntryKind, Image, ImageLimits, Maker, visit};
use crate::source::escape_bytes;

/// Lists the image at `path`.
pub(super) fn run(
    path: &Path,
    long: bool,
    format: ListFormat,
    limits: &ImageLimits,
) -> anyhow::Result<ExitCode> {
    if format == ListFormat::Json {
        let image = read(path, |file| initrd::read(file, limits))?;
        output::print_json(&Listing::of(path, &image))?;
        return exit_code(path, &image);
    }
    let image = read(path, |file| visit::list(file, limits))?;
    let on_terminal = io::stdout().is_terminal();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for entry in &image.entries {
        let written = if long { write_long(&mut out, entry, on_terminal) } else { Ok(()) };
        written
            .and_then(|()| write_name(&mut out, entry, long, on_terminal))
            .context("cannot write to stdout")?;
    }
    out.flush().context("cannot write to stdout")?;
    drop(out);
    exit_code(path, &image)
}

fn write_name(out: &mut impl Write, entry: &Entry, long: bool, on_terminal: bool) -> io::Result<()> {
    out.write_all(&shown(&entry.name, on_terminal))?;
    if let (true, Some(target)) = (long, &entry.target) {
        out.write_all(b" -> ")?;
        out.write_all(&shown(target, on_terminal))?;
    }
    out.write_all(b"\n")
}

/// Mode, links, owner, group, size or device number, and time in UTC.
fn write_long(out: &mut impl Write, entry: &Entry, _: bool) -> io::Result<()> {
    let size = match entry.kind() {
        EntryKind::CharDevice | EntryKind::BlockDevice => format!("{}, {}", entry.device.0, entry.device.1),
        _ => entry.size.to_string(),
    };
    let mode = mode_letters(entry);
    let time = time_of(entry.mtime);
    write!(out, "{mode} {:>3} {:>5} {:>5} {size:>11} {time} ", entry.links, entry.uid, entry.gid)
}

/// The mode as `ls -l` writes it.
fn mode_letters(entry: &Entry) -> String {
    let mode = entry.mode;
    let mut letters = String::from(match entry.kind() {
        EntryKind::File => "-",
        EntryKind::Directory => "d",
        EntryKind::Link => "l",
        EntryKind::CharDevice => "c",
        EntryKind::BlockDevice => "b",
        EntryKind::Fifo => "p",
        EntryKind::Socket => "s",
        EntryKind::Other => "?",
    });
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        letters.push(if bits & 4 != 0 { 'r' } else { '-' });
        letters.push(if bits & 2 != 0 { 'w' } else { '-' });
        letters.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    letters
}

/// Seconds since the epoch as `2024-01-31 12:34` in UTC (the days are turned into a date after Howard Hinnant's
/// `civil_from_days`).
fn time_of(seconds: u32) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", rest / 3_600, rest % 3_600 / 60)
}

/// The JSON form.
#[derive(Serialize)]
struct Listing<'a> {
    image: String,
    size: u64,
    maker: &'a Maker,
    archives: &'a [Archive],
    entries: Vec<Line<'a>>,
    modules: Vec<ModuleLine<'a>>,
    damage: &'a Option<Damage>,
}

/// One entry; names that are not UTF-8 and control characters are escaped.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    kind: EntryKind,
    mode: String,
    size: u64,
    uid: u32,
    gid: u32,
    mtime: u32,
    links: u32,
    archive: u32,
    target: Option<String>,
    /// The first name of the same file.
    hard_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a (u32, u32)>,
}

/// One kernel module.
#[derive(Serialize)]
struct ModuleLine<'a> {
    name: &'a str,
    path: String,
    release: Option<&'a str>,
    vermagic: Option<&'a str>,
    depends: Vec<String>,
    softdep_before: Vec<String>,
    softdep_after: Vec<String>,
    aliases: usize,
    signed: Option<bool>,
    error: Option<String>,
}

impl<'a> Listing<'a> {
    fn of(path: &Path, image: &'a Image) -> Self {
        let name_of = |index: u32| image.entries.get(index as usize).map(|entry| escape_bytes(&entry.name));
        let entries = image.entries.iter().map(|entry| Line {
            name: escape_bytes(&entry.name),
            kind: entry.kind(),
            mode: format!("{:04o}", entry.mode & 0o7777),
            size: entry.size,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            links: entry.links,
            archive: entry.archive,
            target: entry.target.as_deref().map(escape_bytes),
            hard_link: entry.hard_link.and_then(name_of),
            device: matches!(entry.kind(), EntryKind::CharDevice | EntryKind::BlockDevice)
                .then_some(&entry.device),
        });
        let modules = image.modules.iter().map(|module| {
            let info = module.info.as_ref().ok();
            let names = |names: Vec<initrd::ModuleName>| names.iter().map(ToString::to_string).collect();
            ModuleLine {
                name: module.name.as_str(),
                path: escape_bytes(&module.path),
                release: module.release.as_deref(),
                vermagic: info.and_then(|info| info.vermagic()),
                depends: info.map(|info| names(info.depends().collect())).unwrap_or_default(),
                softdep_before: info.map(|info| names(info.softdeps_before().collect())).unwrap_or_default(),
                softdep_after: info.map(|info| names(info.softdeps_after().collect())).unwrap_or_default(),
                aliases: info.map_or(0, |info| info.aliases().count()),
                signed: info.map(|info| info.signed),
                error: module.info.as_ref().err().map(ToString::to_string),
            }
        });
        Self {
            image: path.display().to_string(),
            size: image.size,
            maker: &image.maker,
            archives: &image.archives,
            entries: entries.collect(),
            modules: modules.collect(),
            damage: &image.damage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::time_of;

    #[test]
    fn times_are_dates_in_utc() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_704_067_200, "2024-01-01 00:00"),
            (u32::MAX, "2106-02-07 06:28"),
        ] {
            assert_eq!(time_of(seconds), shown);
        }
    }
}
