//! Where Dovecot keeps mail, and links there that lead to what is no mail.
//!
//! `mail_location` up to 2.3 (`maildir:~/Maildir`, `mbox:~/mail:INBOX=/var/mail/%u`), `mail_path` from 2.4. Listing folders follows
//! symbolic links (`src/lib-storage/list/mailbox-list-fs-iter.c`).

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::tls::dovecot_files;
use crate::parse::key_value::{self, Dialect};
use crate::parse::lines::lines;
use crate::place::Place;
use crate::source::{NodeKind, display_path};

/// Users whose homes are looked into.
const MAX_USERS: usize = 500;
/// Names that are looked at in all mail folders together; a server of ten thousand mailboxes has more, and its links are made
/// by hand and few.
const MAX_NAMES: usize = 20_000;
/// Folders in each other, below the root of the mail.
const MAX_DEPTH: usize = 3;

/// A link in a mail folder that leads to what is no mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MailLink {
    /// The link.
    pub at: Place,
    /// Its path relative to the root.
    pub path: String,
    /// Where it leads, from the root of the system: `/sys`.
    pub target: String,
    /// The mail folder that it is in, relative to the root.
    pub mail: String,
    /// The setting that makes it a mail folder.
    pub setting: Place,
}

/// Looks for links in the mail folders that settings name.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<MailLink> {
    let mut places: Vec<(Place, String)> = Vec::new();
    dovecot_files(gather, &mut |file| {
        for setting in key_value::parse(&file.bytes, Dialect::Dovecot) {
            if matches!(setting.key.as_str(), "mail_location" | "mail_path") && !setting.value.is_empty() {
                places.push((setting.span.at(&file.path), setting.value));
            }
        }
    });
    if places.is_empty() {
        return Vec::new();
    }
    let homes = homes(gather);
    let mut found = Vec::new();
    let mut left = MAX_NAMES;
    for (setting, location) in places {
        for mail in folders(&location, &homes) {
            walk(gather, &mail, &mut left, &mut |path, target| {
                found.push(MailLink {
                    at: Place::file(path.as_str()),
                    path,
                    target,
                    mail: mail.clone(),
                    setting: setting.clone(),
                });
            });
        }
    }
    found.dedup_by(|a, b| a.path == b.path);
    found
}

/// The homes of people: accounts from 500 on, which older systems start with.
fn homes(gather: &Gather<'_>) -> Vec<String> {
    let Some(file) = gather.read("etc/passwd").present() else { return Vec::new() };
    let homes = lines(&file.bytes).filter_map(|line| {
        let mut fields = line.text.split(':').skip(2);
        let number: u32 = fields.next()?.parse().ok()?;
        let home = fields.nth(2)?;
        ((500..65_000).contains(&number) && home.len() > 1).then(|| home.trim_matches('/').to_owned())
    });
    homes.take(MAX_USERS).collect()
}

/// The folders that a location stands for, relative to the root: its part before the first variable, or that below each home.
fn folders(location: &str, homes: &[String]) -> Vec<String> {
    let known = ["maildir:", "mbox:", "mdbox:", "sdbox:", "dbox:", "imapc:"];
    let path = known.iter().find_map(|kind| location.strip_prefix(kind)).unwrap_or(location);
    let path = path.split(':').next().unwrap_or(path).trim();
    for home in ["~", "%h", "%{home}", "/home/%u", "/home/%n", "/home/%{user}"] {
        if let Some(inside) = path.strip_prefix(home) {
            let inside = inside.split('%').next().unwrap_or(inside).trim_matches('/');
            let join = |home: &String| format!("{home}/{inside}").trim_end_matches('/').to_owned();
            return homes.iter().map(join).collect();
        }
    }
    let fixed = path.split('%').next().unwrap_or(path).trim_matches('/');
    // A location of a single variable says nothing.
    if fixed.is_empty() { Vec::new() } else { vec![fixed.to_owned()] }
}

/// Calls `found` with each link below `mail` that leads to `/`, `/sys` or `/proc`, and where it leads.
fn walk(gather: &Gather<'_>, mail: &str, left: &mut usize, found: &mut dyn FnMut(String, String)) {
    let mut todo = vec![(PathBuf::from(mail), 0)];
    while let Some((folder, depth)) = todo.pop() {
        for name in gather.tree.list(&folder).unwrap_or_default() {
            let Some(rest) = left.checked_sub(1) else { return };
            *left = rest;
            let path = folder.join(&name);
            match gather.tree.symlink_metadata(&path).map(|node| node.kind) {
                Ok(NodeKind::Link(target)) => {
                    let leads = normal(&folder, &target);
                    if leads == "/"
                        || ["/sys", "/proc"].iter().any(|start| Path::new(&leads).starts_with(start))
                    {
                        found(display_path(&path), leads);
                    }
                }
                // Folders of messages hold no folders of mail.
                Ok(NodeKind::Directory)
                    if depth < MAX_DEPTH && !["cur", "new", "tmp"].iter().any(|own| name == *own) =>
                {
                    todo.push((path, depth + 1));
                }
                _ => {}
            }
        }
    }
}

/// Where a link in `folder` leads, from the root, by the names alone.
fn normal(folder: &Path, target: &Path) -> String {
    format!("/{}", super::root_links::normal(folder, target))
}
