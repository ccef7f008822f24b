//! The repositories that packages come from: yum and dnf, APT, zypper.
//!
//! Sources: yum.conf(5) and dnf.conf(5), sources.list(5), zypper(8). What stands for a password in a URL is left out.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::{apt_sources, ini};
use crate::place::Place;

/// Where packages come from.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Repositories {
    /// All of them, those that are off too.
    pub all: Vec<Repository>,
    /// Whether the input has the files of the package manager, so that no repository means none.
    pub is_known: bool,
    /// A certificate of a subscription: files below `etc/pki/entitlement`.
    pub has_entitlement: bool,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Repository {
    /// Its name: the section's, or the suite's.
    pub id: String,
    /// `yum`, `apt` or `zypper`.
    pub manager: String,
    /// Its URL: of `baseurl`, `mirrorlist`, `metalink` the first that is there.
    pub url: String,
    /// The host in it, in lower case; null for a file or a medium.
    pub host: Option<String>,
    /// It is a medium or a folder of this machine: `cdrom:`, `file:`, `hd:`, `dvd:`.
    pub is_local: bool,
    /// It is used.
    pub enabled: bool,
    /// The line with the URL.
    pub at: Place,
}

/// Repositories that are kept.
const MAX_REPOSITORIES: usize = 1000;

/// Reads all files.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Repositories {
    let mut all = Vec::new();
    let repo = |name: &str| name.ends_with(".repo");
    for (folder, manager) in [("etc/yum.repos.d", "yum"), ("etc/zypp/repos.d", "zypper")] {
        for file in gather.read_directory(folder, repo) {
            yum(&file.bytes, &file.path, manager, &mut all);
        }
    }
    if let Some(file) = gather.read_config("etc/yum.conf").present() {
        yum(&file.bytes, &file.path, "yum", &mut all);
    }
    let mut lists: Vec<_> = gather.read_config("etc/apt/sources.list").present().into_iter().collect();
    lists.extend(gather.read_directory("etc/apt/sources.list.d", |name| name.ends_with(".list")));
    let stanzas = gather.read_directory("etc/apt/sources.list.d", |name| name.ends_with(".sources"));
    let lists = lists.iter().map(|file| (&file.path, apt_sources::parse_list(&file.bytes)));
    let stanzas = stanzas.iter().map(|file| (&file.path, apt_sources::parse_deb822(&file.bytes)));
    for (path, sources) in lists.chain(stanzas) {
        all.extend(sources.into_iter().map(|source| {
            repository(source.suite, "apt", &source.uri, source.enabled, source.span.at(path))
        }));
    }
    all.truncate(MAX_REPOSITORIES);
    let is_known =
        ["etc/yum.repos.d", "etc/zypp/repos.d", "etc/apt"].iter().any(|path| gather.tree.exists(path));
    let certificates = gather.tree.list("etc/pki/entitlement").unwrap_or_default();
    Repositories { all, is_known, has_entitlement: !certificates.is_empty() }
}

/// Sections with `baseurl`, `mirrorlist` or `metalink`; `enabled` is on where it is not said.
fn yum(bytes: &[u8], path: &std::sync::Arc<str>, manager: &str, all: &mut Vec<Repository>) {
    let entries = ini::parse(bytes);
    let mut start = 0;
    while let Some(first) = entries.get(start) {
        let rest = entries.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(|entry| entry.section == first.section).count().max(1);
        let section = rest.get(..len).unwrap_or_default();
        start += len;
        let get = |key: &str| section.iter().find(|entry| entry.key.eq_ignore_ascii_case(key));
        let enabled =
            get("enabled").is_none_or(|entry| matches!(entry.value.as_str(), "1" | "true" | "yes" | "True"));
        let url = ["baseurl", "mirrorlist", "metalink"].iter().find_map(|key| get(key));
        if let Some(url) = url.filter(|_| first.section != "main") {
            let first_url = url.value.split([' ', ',']).next().unwrap_or_default();
            all.push(repository(first.section.clone(), manager, first_url, enabled, url.span.at(path)));
        }
    }
}

fn repository(id: String, manager: &str, url: &str, enabled: bool, at: Place) -> Repository {
    let plain = url.split_once("+http").map_or(url, |(_, _)| url);
    let local = ["cdrom:", "file:", "copy:", "hd:", "dvd:", "cd:", "iso:", "media:", "dir:"];
    let is_local = local.iter().any(|scheme| plain.starts_with(scheme)) || plain.starts_with('/');
    let (before, inside) = plain.split_once("://").unwrap_or(("", plain));
    let (authority, tail) = inside.split_once('/').unwrap_or((inside, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let slash = if tail.is_empty() { "" } else { "/" };
    let shown =
        if authority.contains('@') { format!("{before}://****@{host}{slash}{tail}") } else { url.to_owned() };
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    Repository {
        id,
        manager: manager.to_owned(),
        url: shown,
        host: Some(name).filter(|name| !is_local && !before.is_empty() && !name.is_empty()),
        is_local,
        enabled,
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn repositories_of_each_manager() {
        let tree = Memory::new()
            .file("etc/yum.repos.d/a.repo", "[base]\nname=x\nmirrorlist=http://mirrorlist.centos.org/?release=7\n#enabled\n[off]\nbaseurl=https://user:pw@example.com/x\nenabled=0\n")
            .file("etc/apt/sources.list", "deb http://azure.archive.ubuntu.com/ubuntu jammy main\ndeb cdrom:[x] jammy main\n")
            .into_tree();
        let found = gather(&Gather::new(&tree, &Limits::default()));
        let rows: Vec<_> = found
            .all
            .iter()
            .map(|r| format!("{} {} {} {}", r.id, r.host.as_deref().unwrap_or("-"), r.enabled, r.is_local))
            .collect();
        assert_eq!(
            rows,
            [
                "base mirrorlist.centos.org true false",
                "off example.com false false",
                "jammy azure.archive.ubuntu.com true false",
                "jammy - true true",
            ]
        );
        assert_eq!(found.all[1].url, "https://****@example.com/x");
    }
}
