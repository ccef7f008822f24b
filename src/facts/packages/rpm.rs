//! rpm's list of packages: its database, or what a sosreport wrote down of it.

use super::{Gather, Interner, Inventory, Known, Manager, Package};
use crate::facts::{Found, Problem, ProblemKind};
use crate::parse::rpmdb::{self, Header};
use crate::place::Place;
use crate::source::{File, LookupError, escape_bytes};

/// Where rpm keeps its database, the older place first; the newer is `%_dbpath` of Fedora 36 and openSUSE.
const DIRECTORIES: [&str; 2] = ["var/lib/rpm", "usr/lib/sysimage/rpm"];
/// The database files, newest format first: what a conversion left behind is out of date.
const FILES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];
/// What sosreport writes of `rpm -qa`: with the packages' vendors, and as a link in its root.
const SOSREPORT: [&str; 2] = ["sos_commands/rpm/package-data", "installed-rpms"];

pub(super) fn gather(gather: &Gather<'_>) -> Option<Inventory> {
    let paths = DIRECTORIES.iter().flat_map(|directory| FILES.map(|file| format!("{directory}/{file}")));
    for path in paths {
        let list = match gather.tree.open(&path) {
            Err(LookupError::Absent { .. } | LookupError::Lost { .. }) => continue,
            // rpm --initdb, and Debian's rpm, leave an empty file.
            Ok((_, node)) if node.len == 0 => continue,
            Ok((content, _)) => read(gather, &path, content),
            Err(error) => Known::Unknown { needs: gather.note_lookup(&error) },
        };
        note_log(gather, &path);
        return Some(inventory(&path, list));
    }
    let written_down_at = SOSREPORT.iter().filter(|path| gather.tree.exists(path));
    written_down_at.copied().find_map(|path| match gather.read(path) {
        Found::Present(file) => Some(inventory(path, Known::Known(written_down(&file)))),
        Found::Absent => None,
        Found::Unreadable { needs } => Some(inventory(path, Known::Unknown { needs })),
    })
}

fn inventory(path: &str, list: Known<Vec<Package>>) -> Inventory {
    Inventory { manager: Manager::Rpm, at: Place::file(path), list, broken: Vec::new(), interrupted: false }
}

fn read(gather: &Gather<'_>, path: &str, content: Box<dyn crate::source::Content>) -> Known<Vec<Package>> {
    match rpmdb::packages(content) {
        Ok((_, mut headers)) => {
            headers.sort_by_key(|header| header.installed);
            Known::Known(installed(&headers))
        }
        Err(error) => {
            gather.note(Problem {
                at: Place::file(path),
                kind: ProblemKind::Malformed,
                message: format!("this rpm database cannot be read: {error}; `rpm --rebuilddb` may mend it"),
            });
            Known::unknown(format!("a whole rpm database in `{path}`"))
        }
    }
}

/// A write-ahead log holds what rpm has not yet moved into the database.
fn note_log(gather: &Gather<'_>, path: &str) {
    let log = format!("{path}-wal");
    if gather.tree.metadata(&log).is_ok_and(|node| node.len > 0) {
        gather.note(Problem {
            at: Place::file(log.as_str()),
            kind: ProblemKind::Unreadable,
            message:
                "rpm has not finished: changes in this log are not seen in the list of packages; `rpm -qa` \
                      on the system moves them into the database"
                    .to_owned(),
        });
    }
}

fn installed(headers: &[Header]) -> Vec<Package> {
    let mut strings = Interner::default();
    // rpm keeps public keys as packages of this name.
    let packages = headers.iter().filter(|header| header.name != "gpg-pubkey").map(|header| Package {
        name: escape_bytes(header.name.as_bytes()).into(),
        epoch: header.epoch,
        version: escape_bytes(header.version.as_bytes()).into(),
        release: escape_bytes(header.release.as_bytes()).into(),
        architecture: strings.get(header.architecture.as_deref().unwrap_or_default()),
        vendor: header.vendor.as_deref().map(|vendor| strings.get(vendor)),
    });
    packages.collect()
}

/// Lines of `NAME-VERSION-RELEASE.ARCH` with a date behind, and in `package-data` the vendor; epochs are not written down.
fn written_down(file: &File) -> Vec<Package> {
    let mut strings = Interner::default();
    let text = String::from_utf8_lossy(&file.bytes);
    let packages = text.lines().filter_map(|line| {
        let word = line.split_whitespace().next()?;
        let word = word.split("~~").next()?;
        // `NAME-VERSION-RELEASE.ARCH~~DATE`, then seconds, vendor and build host, parted by tabs.
        let vendor = line.contains("~~").then(|| line.split('\t').nth(2)).flatten().map(str::trim);
        let vendor = vendor.filter(|vendor| !vendor.is_empty() && *vendor != "(none)");
        let (rest, architecture) = word.rsplit_once('.')?;
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        (name != "gpg-pubkey").then(|| Package {
            name: escape_bytes(name.as_bytes()).into(),
            epoch: None,
            version: escape_bytes(version.as_bytes()).into(),
            release: escape_bytes(release.as_bytes()).into(),
            architecture: strings.get(architecture),
            vendor: vendor.map(|vendor| strings.get(vendor)),
        })
    });
    packages.collect()
}
