//! Accounts that can log in: `etc/passwd`, whether `etc/shadow` has a password (never which), groups, and how many keys
//! their `authorized_keys` hold.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::{Found, Gather, Known};
use crate::parse::lines::lines;
use crate::place::Place;

/// An account with a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its home folder.
    pub home: String,
    /// Its shell.
    pub shell: String,
    /// Its groups by name.
    pub groups: Vec<String>,
    /// It has a password that is not locked. Unknown where `etc/shadow` cannot be read.
    pub has_password: Known<bool>,
    /// Keys in its `authorized_keys`.
    pub keys: u32,
    /// Its line in `etc/passwd`.
    pub at: Place,
}

/// Accounts that are kept.
const MAX_ACCOUNTS: usize = 2000;

/// Reads the accounts.
pub(super) fn read(gather: &Gather<'_>) -> Known<Vec<Account>> {
    let file = match gather.read_config("etc/passwd") {
        Found::Present(file) => file,
        Found::Absent => return Known::unknown("`etc/passwd`"),
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    let passwords = passwords(gather);
    let groups = groups(gather);
    let mut accounts = Vec::new();
    for line in lines(&file.bytes).take(MAX_ACCOUNTS) {
        let fields: Vec<&str> = line.text.trim_end().split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields.as_slice() else { continue };
        let Ok(uid) = uid.parse() else { continue };
        let has_no_shell =
            ["nologin", "false", "sync", "halt", "shutdown"].iter().any(|no| shell.ends_with(no));
        if has_no_shell {
            continue;
        }
        let of_user = groups
            .iter()
            .filter(|(_, number, members)| number == gid || members.iter().any(|member| member == name));
        accounts.push(Account {
            name: (*name).to_owned(),
            uid,
            groups: of_user.map(|(group, ..)| group.clone()).collect(),
            has_password: match &passwords {
                Known::Known(passwords) => Known::Known(passwords.get(*name).copied().unwrap_or(false)),
                Known::Unknown { needs } => Known::Unknown { needs: needs.clone() },
            },
            keys: keys(gather, home),
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
            at: line.span_of(line.text.trim_end()).at(&file.path),
        });
    }
    Known::Known(accounts)
}

/// For each account, whether its password can be used: a hash, and no `!` before it (shadow(5)).
fn passwords(gather: &Gather<'_>) -> Known<BTreeMap<String, bool>> {
    let file = match gather.read_config("etc/shadow") {
        Found::Present(file) => file,
        Found::Absent => return Known::unknown("`etc/shadow`"),
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    let mut found = BTreeMap::new();
    for line in lines(&file.bytes).take(MAX_ACCOUNTS) {
        let mut fields = line.text.split(':');
        let (Some(name), Some(hash)) = (fields.next(), fields.next()) else { continue };
        found.insert(name.to_owned(), !hash.is_empty() && !hash.starts_with(['!', '*', 'x']));
    }
    Known::Known(found)
}

/// Name, number and members of each group.
fn groups(gather: &Gather<'_>) -> Vec<(String, String, Vec<String>)> {
    let Some(file) = gather.read_config("etc/group").present() else { return Vec::new() };
    let mut found = Vec::new();
    for line in lines(&file.bytes).take(MAX_ACCOUNTS) {
        let fields: Vec<&str> = line.text.trim_end().split(':').collect();
        let [name, _, number, members] = fields.as_slice() else { continue };
        let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
        found.push(((*name).to_owned(), (*number).to_owned(), members));
    }
    found
}

/// The lines of the two files that sshd looks into by default.
fn keys(gather: &Gather<'_>, home: &str) -> u32 {
    let mut count = 0;
    for name in ["authorized_keys", "authorized_keys2"] {
        let path = format!("{}/.ssh/{name}", home.trim_matches('/'));
        if !gather.tree.exists(&path) {
            continue;
        }
        let Some(file) = gather.read_config(&path).present() else { continue };
        let is_key = |text: &str| !text.is_empty() && !text.starts_with('#');
        let lines = lines(&file.bytes).filter(|line| is_key(line.text.trim())).count();
        count += u32::try_from(lines).unwrap_or(u32::MAX);
    }
    count
}
