//! Reads openssl.cnf and what it includes, and finds what it names that is not there.
//!
//! How OpenSSL takes it (`crypto/conf/conf_def.c`, `conf_mod.c`, `provider_conf.c`, NEWS): `.include` is known since
//! 1.1.1, and a file that is not there is passed over in silence; older releases stop at the line for want of an
//! equals sign. A configuration that fails to load ends a program that reads it with 1.0.x (`OPENSSL_config`), is
//! passed over by 1.1.x, and by 3.x unless `config_diagnostics` is on. Providers came with 3.0.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::includes::{directory_of, relative_to};
use super::library::parts;
use super::{Consequence, OpensslConfiguration, OpensslTrouble, OpensslTroubleKind, Wish};
use crate::facts::{Found, Gather, Known};
use crate::parse::openssl_cnf::{self, Item};
use crate::parse::tls::{self, Choice, Protocol};
use crate::place::Place;
use crate::source::{NodeKind, display_path};

/// Files that one configuration reads at most; a circle of includes ends here at the latest.
const MAX_FILES: usize = 64;

/// Where the distributions' OpenSSL has its `openssl.cnf` (`openssl version -d`).
const FILES: [&str; 4] = [
    "etc/pki/tls/openssl.cnf",
    "usr/lib/ssl/openssl.cnf",
    "etc/ssl/openssl.cnf",
    "usr/local/ssl/openssl.cnf",
];

/// Reads the configurations, and adds the protocols that they set for all programs to `wishes`.
pub(super) fn read(
    gather: &Gather<'_>,
    version: &Known<String>,
    wishes: &mut Vec<Wish>,
) -> (Vec<OpensslConfiguration>, Vec<OpensslTrouble>) {
    let mut troubles = Vec::new();
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    let mut found = Vec::new();
    for path in FILES {
        let Ok(resolved) = gather.tree.resolve(path) else { continue };
        if !gather.tree.exists(path) || !seen.insert(resolved) {
            continue;
        }
        let mut reader = Reader {
            gather,
            version,
            sections: BTreeMap::new(),
            seen: BTreeSet::new(),
            troubles: Vec::new(),
        };
        let mut section = "default".to_owned();
        reader.read(path, &mut section);
        reader.follow(wishes);
        troubles.append(&mut reader.troubles);
        found.push(OpensslConfiguration { at: Place::file(path), library_version: version.clone() });
    }
    (found, troubles)
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    value: String,
    at: Place,
}

struct Reader<'a, 'b> {
    gather: &'a Gather<'b>,
    version: &'a Known<String>,
    sections: BTreeMap<String, Vec<Entry>>,
    seen: BTreeSet<String>,
    troubles: Vec<OpensslTrouble>,
}

impl Reader<'_, '_> {
    fn read(&mut self, path: &str, section: &mut String) {
        if self.seen.len() >= MAX_FILES || !self.seen.insert(path.to_owned()) {
            return;
        }
        let Found::Present(file) = self.gather.read(path) else { return };
        let config = openssl_cnf::parse(&file.bytes);
        for mistake in config.mistakes {
            let at = mistake.span.at(&file.path);
            let effect = format!("OpenSSL stops reading here: {}.", mistake.message);
            let fatal = self.fatal();
            self.trouble(OpensslTroubleKind::Malformed, at, "", fatal, effect);
        }
        for item in config.items {
            match item {
                Item::Section { name, .. } => {
                    self.sections.entry(name.clone()).or_default();
                    *section = name;
                }
                Item::Assignment { name, value, span } => {
                    let at = span.at(&file.path);
                    // `section::name = value` assigns in another section (config(5)).
                    let (section, name) = match name.split_once("::") {
                        Some((section, name)) => (section.to_owned(), name.to_owned()),
                        None => (section.clone(), name),
                    };
                    self.sections.entry(section).or_default().push(Entry { name, value, at });
                }
                Item::Include { path, span } => self.include(&file.path, &path, span.at(&file.path), section),
            }
        }
    }

    fn include(&mut self, from: &str, path: &str, at: Place, section: &mut String) {
        if self.is_older(1, 1, 1) == Some(true) {
            let effect = "Releases before 1.1.1 do not know `.include` and stop reading here.".to_owned();
            let fatal = self.fatal();
            return self.trouble(OpensslTroubleKind::Malformed, at, path, fatal, effect);
        }
        if path.contains('$') {
            return; // a variable of the environment or of the file; what it stands for is not known here
        }
        let wanted = display_path(Path::new(&relative_to(directory_of(from), path)));
        match self.gather.tree.metadata(&wanted) {
            Ok(node) if node.kind == NodeKind::Directory => {
                let names = self.gather.tree.list(&wanted).unwrap_or_default();
                for name in names.iter().filter_map(|name| name.to_str()) {
                    if name.ends_with(".cnf") || name.ends_with(".conf") {
                        self.read(&format!("{wanted}/{name}"), section);
                    }
                }
            }
            Ok(_) => self.read(&wanted, section),
            Err(error) if error.is_absent() => {
                let effect = "OpenSSL passes over it in silence: what it would set is not set.".to_owned();
                let kind = OpensslTroubleKind::MissingInclude;
                self.trouble(kind, at, &wanted, Known::Known(false), effect);
            }
            Err(error) => {
                self.gather.note_lookup(&error);
            }
        }
    }

    fn trouble(
        &mut self,
        kind: OpensslTroubleKind,
        at: Place,
        names: &str,
        fatal: Known<bool>,
        effect: String,
    ) {
        self.troubles.push(OpensslTrouble { at, kind, names: names.to_owned(), fatal, effect });
    }

    fn is_older(&self, major: u32, minor: u32, patch: u32) -> Option<bool> {
        let (a, b, c, _) = parts(self.version.get()?);
        Some((a, b, c) < (major, minor, patch))
    }

    /// Whether programs end for an error in the configuration.
    fn fatal(&self) -> Known<bool> {
        match (self.is_older(1, 1, 0), self.is_older(3, 0, 0)) {
            (Some(true), _) => Known::Known(true),
            (_, Some(true)) => Known::Known(false),
            (_, Some(false)) => {
                let diagnostics = self.value("default", "config_diagnostics");
                Known::Known(diagnostics.is_some_and(|entry| is_on(&entry.value)))
            }
            _ => Known::unknown(self.version.needs().unwrap_or("the libcrypto shared library")),
        }
    }

    fn value(&self, section: &str, name: &str) -> Option<Entry> {
        self.sections.get(section)?.iter().rfind(|entry| entry.name == name).cloned()
    }

    /// The entries of the section that `entry` names; a trouble when there is none.
    fn section(&mut self, entry: &Entry) -> Vec<Entry> {
        match self.sections.get(&entry.value) {
            Some(entries) => entries.clone(),
            None => {
                let effect = format!("`{}` refers to a section that no file has.", entry.name);
                let fatal = self.fatal();
                let kind = OpensslTroubleKind::MissingSection;
                self.trouble(kind, entry.at.clone(), &entry.value, fatal, effect);
                Vec::new()
            }
        }
    }

    /// Follows `openssl_conf` to the modules that the library sets up when a program starts.
    fn follow(&mut self, wishes: &mut Vec<Wish>) {
        let Some(start) = self.value("default", "openssl_conf") else { return };
        for module in self.section(&start) {
            match module.name.as_str() {
                "providers" if self.is_older(3, 0, 0) != Some(true) => self.providers(&module),
                "engines" => self.engines(&module),
                "ssl_conf" => self.ssl(&module, wishes),
                _ => {}
            }
        }
    }

    fn providers(&mut self, module: &Entry) {
        let mut active = Vec::new();
        for provider in self.section(module) {
            let settings = self.section(&provider);
            let setting = |name: &str| settings.iter().rfind(|entry| entry.name == name);
            let Some(activated) = setting("activate").filter(|entry| !is_off(&entry.value)) else { continue };
            active.push((provider.name.clone(), activated.at.clone()));
            let soft = setting("soft_load").is_some_and(|entry| is_on(&entry.value));
            let built_in = matches!(provider.name.as_str(), "default" | "base" | "null");
            let path = setting("module").map(|entry| (entry.value.clone(), entry.at.clone()));
            if soft || (built_in && path.is_none()) {
                continue;
            }
            let (file, at) = path.unwrap_or_else(|| (provider.name.clone(), activated.at.clone()));
            if !self.module_exists(&file) {
                let effect = format!("The provider `{}` cannot be loaded.", provider.name);
                let fatal = self.fatal();
                self.trouble(OpensslTroubleKind::MissingProvider, at, &file, fatal, effect);
            }
        }
        let has = |name: &str| active.iter().any(|(provider, _)| provider == name);
        if let Some((name, at)) = active.first()
            && !has("default")
            && !has("fips")
        {
            let effect = format!(
                "Once `{name}` is activated by name, the default provider is no longer loaded by itself, and with it most ciphers and digests are gone."
            );
            let (name, at) = (name.clone(), at.clone());
            self.trouble(OpensslTroubleKind::NoDefaultProvider, at, &name, Known::Known(true), effect);
        }
    }

    /// Whether a provider's module is there: a path, or a name in one of the distributions' module directories.
    fn module_exists(&self, module: &str) -> bool {
        if module.contains('$') {
            return true; // not known here
        }
        if module.starts_with('/') {
            return self.gather.tree.exists(module);
        }
        let file = if module.ends_with(".so") { module.to_owned() } else { format!("{module}.so") };
        let mut directories = vec!["usr/lib64/ossl-modules".to_owned(), "usr/lib/ossl-modules".to_owned()];
        directories.extend(super::super::glob::expand(self.gather, "usr/lib/*/ossl-modules"));
        directories.extend(super::super::glob::expand(self.gather, "usr/local/lib*/ossl-modules"));
        directories.iter().any(|directory| self.gather.tree.exists(format!("{directory}/{file}")))
    }

    fn engines(&mut self, module: &Entry) {
        for engine in self.section(module) {
            let settings = self.section(&engine);
            let Some(path) = settings.iter().rfind(|entry| entry.name == "dynamic_path") else { continue };
            let known = path.value.starts_with('/') && !path.value.contains('$');
            if known && !self.gather.tree.exists(&path.value) {
                let effect = format!("The engine `{}` cannot be loaded.", engine.name);
                let (at, file, fatal) = (path.at.clone(), path.value.clone(), self.fatal());
                self.trouble(OpensslTroubleKind::MissingEngine, at, &file, fatal, effect);
            }
        }
    }

    /// `MinProtocol` and its like of the system's default (SSL_CONF_cmd(3)); the module is known since 1.1.0.
    fn ssl(&mut self, module: &Entry, wishes: &mut Vec<Wish>) {
        for name in self.section(module).into_iter().filter(|entry| entry.name == "system_default") {
            for entry in self.section(&name) {
                let choice = match entry.name.trim_start_matches("TLS.") {
                    "MinProtocol" => match entry.value.parse::<Protocol>() {
                        Ok(least) => Choice::at_least(least),
                        Err(()) => continue, // None, or a version of DTLS
                    },
                    "Protocol" => tls::apache(entry.value.split([',', ' ']).filter(|word| !word.is_empty())),
                    _ => continue,
                };
                wishes.push(Wish {
                    at: entry.at,
                    service: "openssl",
                    setting: entry.name,
                    value: entry.value,
                    choice,
                    consequence: Consequence::PassedOver,
                });
            }
        }
    }
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on")
}

fn is_off(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "false" | "off")
}
