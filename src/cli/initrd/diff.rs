//! `bootproof initrd diff`: what differs between two images.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::{exit_code, read, shown};
use crate::cli::args::ListFormat;
use crate::cli::output;
use crate::initrd::module::ModuleFile;
use crate::initrd::{Entry, Image, ImageLimits, ModuleName, visit};
use crate::source::escape_bytes;

/// Something differs, as `diff` says it.
const DIFFERENT: u8 = 1;

/// Stands for the kernel release in names, where each image has one and they differ.
const RELEASE: &[u8] = b"<release>";

/// Compares the images at `before` and `after`.
pub(super) fn run(
    before: &Path,
    after: &Path,
    format: ListFormat,
    limits: &ImageLimits,
) -> anyhow::Result<ExitCode> {
    let (old, old_digests) = read(before, |file| visit::digests(file, limits))?;
    let (new, new_digests) = read(after, |file| visit::digests(file, limits))?;
    let difference = Difference::between((&old, &old_digests), (&new, &new_digests));
    if format == ListFormat::Json {
        output::print_json(&difference.report(before, after))?;
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        difference.write(&mut out, io::stdout().is_terminal()).context("cannot write to stdout")?;
    }
    exit_code(before, &old)?;
    exit_code(after, &new)?;
    Ok(if difference.is_none() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// What differs; names sorted.
struct Difference {
    /// The one kernel release of each image, where they differ.
    releases: Option<(String, String)>,
    removed: Vec<Vec<u8>>,
    added: Vec<Vec<u8>>,
    changed: Vec<(Vec<u8>, String)>,
    modules_removed: Vec<ModuleName>,
    modules_added: Vec<ModuleName>,
}

/// An entry and the digest of its contents, by its path.
type Names<'a> = BTreeMap<Vec<u8>, (&'a Entry, u64)>;

impl Difference {
    fn between(before: (&Image, &[u64]), after: (&Image, &[u64])) -> Self {
        let releases = match (only_release(before.0), only_release(after.0)) {
            (Some(old), Some(new)) if old != new => Some((old, new)),
            _ => None,
        };
        let old = names_of(before, releases.as_ref().map(|(old, _)| old.as_str()));
        let new = names_of(after, releases.as_ref().map(|(_, new)| new.as_str()));
        let only_in = |mine: &Names<'_>, theirs: &Names<'_>| -> Vec<Vec<u8>> {
            mine.keys().filter(|name| !theirs.contains_key(*name)).cloned().collect()
        };
        let both = old.iter().filter_map(|(name, old)| Some((name, old, new.get(name)?)));
        let changed = both.filter_map(|(name, old, new)| Some((name.clone(), what_changed(*old, *new)?)));
        let (old_modules, new_modules) = (modules_of(before.0), modules_of(after.0));
        Self {
            removed: only_in(&old, &new),
            added: only_in(&new, &old),
            changed: changed.collect(),
            modules_removed: old_modules.difference(&new_modules).cloned().collect(),
            modules_added: new_modules.difference(&old_modules).cloned().collect(),
            releases,
        }
    }

    fn is_none(&self) -> bool {
        self.releases.is_none() && self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }

    fn write(&self, out: &mut impl Write, on_terminal: bool) -> io::Result<()> {
        if let Some((old, new)) = &self.releases {
            writeln!(
                out,
                "kernel release: {} -> {}",
                escape_bytes(old.as_bytes()),
                escape_bytes(new.as_bytes())
            )?;
        }
        for (sign, names) in [("-", &self.removed), ("+", &self.added)] {
            for name in names {
                write_line(out, sign, name, "", on_terminal)?;
            }
        }
        for (name, what) in &self.changed {
            write_line(out, "~", name, what, on_terminal)?;
        }
        for (what, modules) in [("removed", &self.modules_removed), ("added", &self.modules_added)] {
            if !modules.is_empty() {
                let names: Vec<&str> = modules.iter().map(ModuleName::as_str).collect();
                writeln!(out, "modules {what}: {}", escape_bytes(names.join(" ").as_bytes()))?;
            }
        }
        out.flush()
    }

    fn report(&self, before: &Path, after: &Path) -> Report {
        let escaped = |names: &[Vec<u8>]| names.iter().map(|name| escape_bytes(name)).collect();
        Report {
            before: before.display().to_string(),
            after: after.display().to_string(),
            releases: self.releases.clone(),
            removed: escaped(&self.removed),
            added: escaped(&self.added),
            changed: self
                .changed
                .iter()
                .map(|(name, what)| Change { name: escape_bytes(name), what: what.clone() })
                .collect(),
            modules_removed: self.modules_removed.clone(),
            modules_added: self.modules_added.clone(),
        }
    }
}

fn write_line(
    out: &mut impl Write,
    sign: &str,
    name: &[u8],
    what: &str,
    on_terminal: bool,
) -> io::Result<()> {
    write!(out, "{sign} ")?;
    out.write_all(&shown(name, on_terminal))?;
    if !what.is_empty() {
        write!(out, "  ({what})")?;
    }
    out.write_all(b"\n")
}

/// The JSON form.
#[derive(Serialize)]
struct Report {
    before: String,
    after: String,
    releases: Option<(String, String)>,
    removed: Vec<String>,
    added: Vec<String>,
    changed: Vec<Change>,
    modules_removed: Vec<ModuleName>,
    modules_added: Vec<ModuleName>,
}

#[derive(Serialize)]
struct Change {
    name: String,
    what: String,
}

/// The kernel release that an image has modules for, if there is just one.
fn only_release(image: &Image) -> Option<String> {
    let releases: BTreeSet<&[u8]> =
        image.entries.iter().filter_map(|entry| release_in(entry.path())).collect();
    let mut releases = releases.into_iter();
    match (releases.next(), releases.next()) {
        (Some(release), None) => Some(String::from_utf8_lossy(release).into_owned()),
        _ => None,
    }
}

/// The component of `path` below `lib/modules`.
fn release_in(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"usr/").unwrap_or(path).strip_prefix(b"lib/modules/")?;
    rest.split(|byte| *byte == b'/').next().filter(|release| !release.is_empty())
}

fn names_of<'a>((image, digests): (&'a Image, &[u64]), release: Option<&str>) -> Names<'a> {
    let entries = image.entries.iter().zip(digests);
    entries
        .map(|(entry, digest)| {
            let path = entry.path();
            let name = match (release, release_in(path)) {
                (Some(release), Some(component)) if component == release.as_bytes() => {
                    let at = memchr::memmem::find(path, component).unwrap_or_default();
                    let (head, tail) = (path.get(..at), path.get(at + component.len()..));
                    [head.unwrap_or_default(), RELEASE, tail.unwrap_or_default()].concat()
                }
                _ => path.to_vec(),
            };
            (name, (entry, *digest))
        })
        .collect()
}

fn modules_of(image: &Image) -> BTreeSet<ModuleName> {
    let paths = image.entries.iter().map(Entry::path);
    paths.filter(|path| ModuleFile::of_path(path).is_some()).filter_map(ModuleName::of_path).collect()
}

/// What differs between two entries of one name; none if nothing does. Times differ with every build, and say
/// nothing.
fn what_changed((old, old_digest): (&Entry, u64), (new, new_digest): (&Entry, u64)) -> Option<String> {
    let mut changes = Vec::new();
    if old.kind() != new.kind() {
        changes.push("kind".to_owned());
    } else if old.target != new.target {
        let target = |entry: &Entry| escape_bytes(entry.target.as_deref().unwrap_or_default());
        changes.push(format!("leads to {} -> {}", target(old), target(new)));
    } else if old_digest != new_digest {
        changes.push(if old.size == new.size {
            "contents".to_owned()
        } else {
            format!("size {} -> {}", old.size, new.size)
        });
    }
    if old.mode & 0o7777 != new.mode & 0o7777 {
        changes.push(format!("mode {:04o} -> {:04o}", old.mode & 0o7777, new.mode & 0o7777));
    }
    if (old.uid, old.gid) != (new.uid, new.gid) {
        changes.push(format!("owner {}:{} -> {}:{}", old.uid, old.gid, new.uid, new.gid));
    }
    if old.device != new.device {
        changes.push("device number".to_owned());
    }
    (!changes.is_empty()).then(|| changes.join(", "))
}
