//! The release files, newest kind first.

use super::{Gather, path_of};
use crate::parse::os_release::{self, Assignment};
use crate::place::Place;
use crate::source::File;

/// What a release file says.
pub(super) struct Release {
    pub(super) id: String,
    pub(super) id_like: Vec<String>,
    pub(super) pretty_name: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) full_version: Option<String>,
    pub(super) at: Place,
}

/// One-line files of Red Hat's family, the rebuilds' own before the `redhat-release` that they ship beside it.
const RED_HAT_FILES: [&str; 8] = [
    "etc/oracle-release",
    "etc/enterprise-release",
    "etc/rocky-release",
    "etc/almalinux-release",
    "etc/centos-release",
    "etc/fedora-release",
    "etc/redhat-release",
    "etc/system-release",
];

pub(super) fn gather(gather: &Gather<'_>) -> Option<Release> {
    let mut release = os_release(gather)
        .or_else(|| red_hat(gather))
        .or_else(|| suse(gather))
        .or_else(|| lsb(gather))
        .or_else(|| debian(gather))
        .or_else(|| arch(gather))?;
    if release.full_version.is_none() {
        release.full_version = point_release(gather, &release);
    }
    Some(release)
}

fn value(found: &[Assignment], name: &str) -> Option<String> {
    // The last one wins, as in the shell.
    let one = found.iter().rev().find(|one| one.name == name)?;
    (!one.value.is_empty()).then(|| crate::source::escape_bytes(one.value.as_bytes()))
}

fn os_release(gather: &Gather<'_>) -> Option<Release> {
    // os-release(5): /etc/os-release takes precedence over /usr/lib/os-release.
    let mut files = ["etc/os-release", "usr/lib/os-release"].into_iter();
    let file = files.find_map(|path| gather.read(path).present())?;
    let (found, mistakes) = os_release::assignments(&file.bytes);
    let at = path_of(&file);
    for mistake in mistakes.into_iter().take(1) {
        gather.note(super::Problem {
            at: mistake.span.at(&at),
            kind: super::ProblemKind::Malformed,
            message: mistake.message,
        });
    }
    // os-release(5): "If not set, a default of ID=linux may be used"; an empty file says nothing at all.
    if found.is_empty() {
        return None;
    }
    let set = found.iter().rev().find(|one| one.name == "ID");
    Some(Release {
        id: value(&found, "ID").unwrap_or_else(|| "linux".to_owned()).to_lowercase(),
        id_like: value(&found, "ID_LIKE")
            .map(|like| like.split_whitespace().map(str::to_lowercase).collect())
            .unwrap_or_default(),
        pretty_name: value(&found, "PRETTY_NAME").or_else(|| value(&found, "NAME")),
        version_id: value(&found, "VERSION_ID"),
        full_version: None,
        at: set.map_or_else(|| Place::file(std::sync::Arc::clone(&at)), |one| one.span.at(&at)),
    })
}

fn one_line(file: &File, id: impl Fn(&str) -> &'static str) -> Option<Release> {
    let line = os_release::release_line(&file.bytes)?;
    let id = id(&line.product.to_lowercase()).to_owned();
    let id_like = match id.as_str() {
        "rhel" | "fedora" => vec![],
        "sles" | "sled" | "opensuse" => vec!["suse".to_owned()],
        _ => vec!["rhel".to_owned(), "fedora".to_owned()],
    };
    Some(Release {
        id,
        id_like,
        pretty_name: Some(crate::source::escape_bytes(line.text.as_bytes())),
        version_id: line.version.map(|version| crate::source::escape_bytes(version.as_bytes())),
        full_version: None,
        at: line.span.at(&path_of(file)),
    })
}

fn red_hat(gather: &Gather<'_>) -> Option<Release> {
    let file = RED_HAT_FILES.iter().find_map(|path| gather.read(path).present())?;
    let mut release = one_line(&file, |product| {
        let names = [
            ("centos", "centos"),
            ("oracle", "ol"),
            ("enterprise linux enterprise", "ol"),
            ("red hat", "rhel"),
            ("scientific", "scientific"),
            ("fedora", "fedora"),
            ("rocky", "rocky"),
            ("almalinux", "almalinux"),
            ("amazon", "amzn"),
            ("cloudlinux", "cloudlinux"),
            ("xenserver", "xenserver"),
            ("virtuozzo", "virtuozzo"),
        ];
        names.iter().find(|(start, _)| product.starts_with(start)).map_or("rhel", |(_, id)| id)
    })?;
    // Red Hat up to 4 has its update level in brackets: `release 4 (Nahant Update 8)`.
    let update = release.pretty_name.as_deref().and_then(|text| text.split_once(" Update "));
    if let (Some((_, update)), Some(version)) = (update, &release.version_id) {
        let level: String = update.chars().take_while(char::is_ascii_digit).collect();
        release.full_version = Some(format!("{version}.{level}"));
    }
    Some(release)
}

fn suse(gather: &Gather<'_>) -> Option<Release> {
    let file = gather.read("etc/SuSE-release").present()?;
    let mut release = one_line(&file, |product| match product {
        product if product.contains("desktop") => "sled",
        product if product.contains("enterprise") => "sles",
        _ => "opensuse",
    })?;
    let (found, _) = os_release::assignments(&file.bytes);
    release.version_id = value(&found, "VERSION").or(release.version_id);
    let patch = value(&found, "PATCHLEVEL").filter(|patch| patch != "0");
    if let (Some(version), Some(patch)) = (&release.version_id, patch) {
        // os-release of later service packs writes `VERSION_ID="12.5"`.
        release.version_id = Some(format!("{version}.{patch}"));
    }
    Some(release)
}

fn lsb(gather: &Gather<'_>) -> Option<Release> {
    let file = gather.read("etc/lsb-release").present()?;
    let (found, _) = os_release::assignments(&file.bytes);
    let id = value(&found, "DISTRIB_ID")?.to_lowercase();
    let line = found.iter().rev().find(|one| one.name == "DISTRIB_ID")?;
    Some(Release {
        id_like: if id == "ubuntu" { vec!["debian".to_owned()] } else { Vec::new() },
        id,
        pretty_name: value(&found, "DISTRIB_DESCRIPTION"),
        version_id: value(&found, "DISTRIB_RELEASE"),
        full_version: None,
        at: line.span.at(&path_of(&file)),
    })
}

fn debian(gather: &Gather<'_>) -> Option<Release> {
    let file = gather.read("etc/debian_version").present()?;
    let line = os_release::release_line(&file.bytes)?;
    let text = crate::source::escape_bytes(line.text.as_bytes());
    Some(Release {
        id: "debian".to_owned(),
        id_like: Vec::new(),
        pretty_name: Some(format!("Debian GNU/Linux {text}")),
        version_id: line.version.clone(),
        full_version: line.version,
        at: line.span.at(&path_of(&file)),
    })
}

fn arch(gather: &Gather<'_>) -> Option<Release> {
    // Arch ships the file empty.
    let file = gather.read("etc/arch-release").present()?;
    Some(Release {
        id: "arch".to_owned(),
        id_like: Vec::new(),
        pretty_name: Some("Arch Linux".to_owned()),
        version_id: None,
        full_version: None,
        at: Place::file(path_of(&file)),
    })
}

/// The version with its point release, where os-release has only the major one (Debian, CentOS 7 and later).
fn point_release(gather: &Gather<'_>, release: &Release) -> Option<String> {
    let version_id = release.version_id.as_deref()?;
    let files: &[&str] = match release.id.as_str() {
        "debian" => &["etc/debian_version"],
        "centos" => &["etc/centos-release"],
        _ => return None,
    };
    let file = files.iter().find_map(|path| gather.read(path).present())?;
    let full = os_release::release_line(&file.bytes)?.version?;
    let fits = full.strip_prefix(version_id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    fits.then(|| crate::source::escape_bytes(full.as_bytes()))
}
