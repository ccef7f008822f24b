//! Whether an administrator gets in: sshd's settings, its host keys, who may log in, and sudo.
//!
//! Sources: sshd_config(5) (the first value of a keyword counts, `Include` in the place where it stands), sshd(8),
//! sudoers(5) and sudo's `sudo_secure_path` (mode and owner that it insists on).

mod accounts;
mod sudo;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::services::Services;
use super::setting::{Named, Setting};
use super::{Found, Gather, Known, glob};
use crate::parse::sshd_config::{self, Directive};
use crate::place::Place;

pub use accounts::Account;
pub use sudo::Sudo;

/// Who gets in, and how.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Access {
    /// The SSH server; null if none is installed. Unknown where the input holds neither its program nor its settings.
    pub sshd: Known<Option<Sshd>>,
    /// Accounts that have a shell, with what they may log in by.
    pub accounts: Known<Vec<Account>>,
    /// sudo.
    pub sudo: Sudo,
}

/// OpenSSH's server.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sshd {
    /// Its main file; the program where there is none.
    pub at: Option<Place>,
    /// Something starts it at boot, a socket too. Unknown if the services are.
    pub in_use: Known<bool>,
    /// The service's name here: `sshd`, `ssh`.
    pub service: String,
    /// Settings outside of `Match` blocks, by keyword in lower case: `permitrootlogin`. Lists have their values joined by
    /// a blank.
    pub settings: BTreeMap<String, Setting>,
    /// The users that `AllowUsers` names, without their hosts; empty if it is not set.
    pub allow_users: Vec<Named>,
    /// The groups that `AllowGroups` names.
    pub allow_groups: Vec<Named>,
    /// The hosts and networks that `AllowUsers` binds a user to.
    pub allow_hosts: Vec<Named>,
    /// The settings of `Match` blocks: the condition, the keyword and the value.
    pub matches: Vec<MatchSetting>,
    /// Lines that sshd refuses and does not start with: what is wrong, and where. Only what is sure.
    pub refused: Vec<Named>,
    /// The private host keys that are there.
    pub host_keys: Vec<String>,
    /// The keys that `HostKey` names and that are not there.
    pub missing_host_keys: Vec<Named>,
    /// What makes missing host keys before sshd starts: a unit, a script, cloud-init.
    pub makes_host_keys: Option<Place>,
    /// Whether root may log in at all, by what the settings and `authorized_keys` say: `password`, `key`, `no`.
    pub root_login: String,
    /// Accounts that can log in over the network: they have a shell, a way to prove themselves that sshd takes, and are
    /// allowed. Unknown if the passwords are not in the input.
    pub logins: Known<Vec<String>>,
    /// The input holds the users' home folders, so that a missing key is missing.
    pub keys_known: bool,
}

/// A setting in a `Match` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MatchSetting {
    /// The condition: `User sftp`.
    pub condition: String,
    /// The keyword in lower case.
    pub keyword: String,
    /// The value.
    pub value: String,
    /// Where it stands.
    pub at: Place,
}

/// Directives that are kept, of all files.
const MAX_DIRECTIVES: usize = 5000;
/// Files in each other.
const MAX_DEPTH: usize = 8;

/// Where sshd and its main file are.
const PROGRAMS: [&str; 4] = ["usr/sbin/sshd", "sbin/sshd", "usr/local/sbin/sshd", "usr/lib/ssh/sshd"];
const MAIN: &str = "etc/ssh/sshd_config";

/// Keywords whose later lines add to the earlier.
const LISTS: [&str; 9] = [
    "allowusers",
    "allowgroups",
    "denyusers",
    "denygroups",
    "hostkey",
    "hostcertificate",
    "listenaddress",
    "port",
    "acceptenv",
];

/// Reads everything.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services) -> Access {
    let accounts = accounts::read(gather);
    let sshd = sshd(gather, services, &accounts);
    Access { sshd, accounts, sudo: sudo::read(gather) }
}

fn sshd(gather: &Gather<'_>, services: &Services, accounts: &Known<Vec<Account>>) -> Known<Option<Sshd>> {
    let program = PROGRAMS.iter().find(|path| gather.tree.exists(path));
    // SUSE keeps the vendor's file in /usr/etc.
    let main = [MAIN, "usr/etc/ssh/sshd_config"].into_iter().find(|path| gather.tree.exists(path));
    if program.is_none() && main.is_none() {
        let has_programs = ["usr/sbin", "sbin"].iter().any(|path| gather.tree.exists(path));
        return if has_programs && gather.tree.exists("etc/passwd") {
            Known::Known(None)
        } else {
            Known::unknown("`etc/ssh/sshd_config`")
        };
    }
    let mut directives = Vec::new();
    if let Some(main) = main {
        collect(gather, main, &mut directives, MAX_DEPTH);
    }
    let mut sshd = Sshd { at: main.or(program.copied()).map(Place::file), ..Sshd::default() };
    sshd.apply(&directives);
    sshd.find_service(services);
    sshd.find_host_keys(gather);
    sshd.makes_host_keys = makes_host_keys(gather, services);
    let root = accounts.get().and_then(|accounts| accounts.iter().find(|account| account.uid == 0));
    sshd.root_login = sshd.root_login(root);
    sshd.keys_known = gather.tree.exists("root") && gather.tree.exists("etc/shadow");
    sshd.logins = accounts.as_ref().map(|accounts| {
        let may = accounts.iter().filter(|account| sshd.may_log_in(account));
        may.map(|account| account.name.clone()).collect()
    });
    Known::Known(Some(sshd))
}

/// The directives of `path`, those of its includes in their place.
fn collect(gather: &Gather<'_>, path: &str, found: &mut Vec<(Place, Directive)>, depth: usize) {
    let Found::Present(file) = gather.read_config(path) else { return };
    for directive in sshd_config::parse(&file.bytes) {
        if found.len() > MAX_DIRECTIVES {
            return;
        }
        if directive.keyword == "include" {
            for pattern in directive.arguments.iter().filter(|_| depth > 0) {
                let whole =
                    if pattern.starts_with('/') { pattern.clone() } else { format!("etc/ssh/{pattern}") };
                for included in glob::expand(gather, &whole) {
                    collect(gather, &included, found, depth - 1);
                }
            }
            continue;
        }
        found.push((directive.span.at(&file.path), directive));
    }
}

impl Sshd {
    fn apply(&mut self, directives: &[(Place, Directive)]) {
        let mut condition: Option<String> = None;
        let mut condition_file = None;
        for (at, directive) in directives {
            // A block ends with its file, if that was included (sshd_config(5), Include).
            if condition_file.as_ref().is_some_and(|path| *path != at.path) {
                condition = None;
            }
            if let Some(why) = sshd_config::refusal(directive) {
                self.refused.push(Named { name: why, at: at.clone() });
            }
            if directive.keyword == "match" {
                let all = directive.arguments.first().is_some_and(|word| word.eq_ignore_ascii_case("all"));
                condition = (!all).then(|| directive.arguments.join(" "));
                condition_file = Some(std::sync::Arc::clone(&at.path));
                continue;
            }
            let value = directive.arguments.join(" ");
            if let Some(condition) = &condition {
                self.matches.push(MatchSetting {
                    condition: condition.clone(),
                    keyword: directive.keyword.clone(),
                    value,
                    at: at.clone(),
                });
                continue;
            }
            let named = |name: &str| Named { name: name.to_owned(), at: at.clone() };
            match directive.keyword.as_str() {
                "allowusers" => {
                    for user in &directive.arguments {
                        let (name, host) =
                            user.rsplit_once('@').map_or((user.as_str(), None), |(n, h)| (n, Some(h)));
                        self.allow_users.push(named(name));
                        self.allow_hosts.extend(host.map(named));
                    }
                }
                "allowgroups" => {
                    self.allow_groups.extend(directive.arguments.iter().map(|group| named(group)))
                }
                _ => {}
            }
            let setting = Setting { value, at: at.clone() };
            match self.settings.get_mut(&directive.keyword) {
                Some(old) if LISTS.contains(&directive.keyword.as_str()) => {
                    old.value = format!("{} {}", old.value, setting.value);
                }
                Some(_) => {}
                None => {
                    self.settings.insert(directive.keyword.clone(), setting);
                }
            }
        }
    }

    fn find_service(&mut self, services: &Services) {
        self.in_use = services.in_use.as_ref().map(|names| {
            let found = ["sshd", "ssh", "openssh", "dropbear"].iter().find(|name| {
                names.iter().any(|service| service == *name || service == &format!("{name}.socket"))
            });
            found.is_some()
        });
        let installed = services.installed.get().map(Vec::as_slice).unwrap_or_default();
        let named = ["sshd", "ssh"].into_iter().find(|name| installed.iter().any(|service| service == name));
        named.unwrap_or("sshd").clone_into(&mut self.service);
    }

    fn find_host_keys(&mut self, gather: &Gather<'_>) {
        let is_key = |name: &str| name.starts_with("ssh_host_") && name.ends_with("_key");
        let names = gather.tree.list("etc/ssh").unwrap_or_default().into_iter();
        let mut keys: Vec<String> =
            names.filter_map(|name| name.into_string().ok()).filter(|name| is_key(name)).collect();
        keys.iter_mut().for_each(|name| *name = format!("etc/ssh/{name}"));
        if let Some(setting) = self.settings.get("hostkey") {
            for path in setting.value.split_whitespace() {
                let inside = path.trim_start_matches('/').to_owned();
                if !gather.tree.exists(&inside) {
                    self.missing_host_keys.push(Named { name: path.to_owned(), at: setting.at.clone() });
                } else if !keys.contains(&inside) {
                    keys.push(inside);
                }
            }
        }
        self.host_keys = keys;
    }

    fn value(&self, keyword: &str) -> Option<&str> {
        self.settings.get(keyword).map(|setting| setting.value.as_str())
    }

    fn root_login(&self, root: Option<&Account>) -> String {
        let has_key = root.is_none_or(|root| root.keys > 0);
        let has_password = root.is_none_or(|root| root.has_password != Known::Known(false));
        let passwords = !matches!(self.value("passwordauthentication"), Some("no"));
        let answer = match self.value("permitrootlogin").unwrap_or("prohibit-password") {
            "no" => "no",
            "yes" if has_password && passwords => "password",
            "forced-commands-only" => "no",
            _ if has_key => "key",
            _ => "no",
        };
        answer.to_owned()
    }

    fn may_log_in(&self, account: &Account) -> bool {
        let listed = |keyword: &str, names: &[&str]| {
            let patterns = self.value(keyword)?.split_whitespace();
            let mut patterns = patterns.map(|pattern| pattern.split('@').next().unwrap_or(pattern));
            Some(patterns.any(|pattern| names.iter().any(|name| matches_pattern(pattern, name))))
        };
        let user = [account.name.as_str()];
        let groups: Vec<&str> = account.groups.iter().map(String::as_str).collect();
        if listed("denyusers", &user) == Some(true)
            || listed("allowusers", &user) == Some(false)
            || listed("denygroups", &groups) == Some(true)
            || listed("allowgroups", &groups) == Some(false)
        {
            return false;
        }
        if account.uid == 0 {
            return self.root_login != "no";
        }
        let passwords = !matches!(self.value("passwordauthentication"), Some("no"));
        account.keys > 0 || (passwords && account.has_password != Known::Known(false))
    }
}

/// `*` and `?` of sshd's patterns.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

/// sshd-keygen of Red Hat's family, SUSE's and Debian's wrappers, cloud-init, scripts of SysV init.
fn makes_host_keys(gather: &Gather<'_>, services: &Services) -> Option<Place> {
    let units = services.units.get().map(Vec::as_slice).unwrap_or_default();
    let makers = ["sshd-keygen", "ssh-keygen", "regenerate_ssh_host_keys", "sshdgenkeys", "ssh-host-keys"];
    let unit = units.iter().find(|unit| {
        !unit.masked
            && (makers.iter().any(|maker| unit.name.starts_with(maker))
                || (unit.in_use && matches!(unit.name.as_str(), "cloud-init" | "cloud-init-main"))
                || (unit.kind == super::services::ServiceKind::Sysv && unit.name == "sshd"))
    });
    let scripts =
        ["usr/libexec/openssh/sshd-keygen", "usr/sbin/sshd-keygen-start", "usr/sbin/sshd-gen-keys-start"];
    let script = scripts.iter().find(|path| gather.tree.exists(path));
    unit.map(|unit| unit.at.clone()).or_else(|| script.map(|path| Place::file(*path)))
}

#[cfg(test)]
mod tests;
