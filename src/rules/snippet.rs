//! The line a finding points at, fit to be shown: secrets masked, control characters escaped, over-long lines cut.
//!
//! A report is mailed, filed and pasted into tickets, so what a program keeps secret must not get there. Masked are
//! the formats that are known to hold secrets (pppd(8): chap-secrets, pap-secrets; initscripts' ifcfg keys;
//! iscsid.conf; grub passwords; dracut.cmdline(7): `iscsi:` URLs) and, everywhere, what looks like a password's
//! assignment or a crypt(5) hash.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::{Captures, Regex};

use crate::place::Place;
use crate::source::{Tree, escape_bytes};

/// What stands for a secret. The same length for all, so that the length is no hint.
const MASK: &str = "********";

/// Bytes of a line that are kept at most: whole kernel command lines (COMMAND_LINE_SIZE is 4096 at most), so that a
/// finding's column is a column of its snippet. Renderers cut further.
const LONGEST: usize = 4096;

/// Reads lines, each file once.
pub(super) struct Lines<'a> {
    tree: &'a Tree,
    files: Mutex<HashMap<Arc<str>, Option<Arc<Text>>>>,
}

/// A file and where its lines start, so that many findings in a long one do not each read it from its start.
struct Text {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Text {
    fn of(bytes: Vec<u8>) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', &bytes).map(|newline| newline + 1));
        Self { starts: starts.collect(), bytes }
    }

    /// A line by its number from 1, without its end.
    fn line(&self, number: usize) -> Option<&[u8]> {
        let start = *self.starts.get(number.checked_sub(1)?)?;
        let end = self.starts.get(number).map_or(self.bytes.len(), |next| next - 1);
        let line = self.bytes.get(start..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl<'a> Lines<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self { tree, files: Mutex::default() }
    }

    /// The line at `place`; none where it is no line of a file that can be read.
    pub(super) fn line(&self, place: &Place) -> Option<String> {
        let text = self.text(&place.path)?;
        let line = text.line(usize::try_from(place.line?).ok()?)?;
        let column = place
            .column
            .and_then(|column| usize::try_from(column).ok())
            .map_or(0, |column| column.saturating_sub(1));
        let masked = mask(&place.path, &String::from_utf8_lossy(line));
        let shown = cut(&masked, column.min(masked.len()));
        Some(escape_bytes(shown.replace('\t', " ").as_bytes()))
    }

    fn text(&self, path: &Arc<str>) -> Option<Arc<Text>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // A place inside an image, or a file that has gone: the finding stands without its line.
        let read = || self.tree.read(path.as_ref()).map(|file| Arc::new(Text::of(file.bytes))).ok();
        files.entry(Arc::clone(path)).or_insert_with(read).clone()
    }
}

/// The part of an over-long line around `column`.
fn cut(line: &str, column: usize) -> String {
    if line.len() <= LONGEST {
        return line.to_owned();
    }
    let start = column.saturating_sub(LONGEST / 2);
    let Range { start, end } = boundary(line, start)..boundary(line, start.saturating_add(LONGEST));
    let before = if start > 0 { "…" } else { "" };
    let after = if end < line.len() { "…" } else { "" };
    format!("{before}{}{after}", line.get(start..end).unwrap_or_default())
}

fn boundary(line: &str, at: usize) -> usize {
    (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}

/// `line` of the file at `path` without its secrets.
pub(super) fn mask(path: &str, line: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let line = match name {
        "chap-secrets" | "pap-secrets" | "srp-secrets" => third_word(line),
        _ if path.starts_with("etc/ppp/") => replace(&PPP, line),
        _ => line.to_owned(),
    };
    let line = replace(&GRUB, &line);
    let line = replace(&ASSIGNED, &line);
    let line = replace(&SPOKEN, &line);
    let line = replace(&ISCSI, &line);
    replace(&HASH, &line)
}

fn replace(pattern: &LazyLock<Option<Regex>>, line: &str) -> String {
    let Some(pattern) = pattern.as_ref() else { return MASK.to_owned() };
    pattern
        .replace_all(line, |found: &Captures<'_>| {
            let kept = found.name("kept").map_or("", |kept| kept.as_str());
            let after = found.name("after").map_or("", |after| after.as_str());
            format!("{kept}{MASK}{after}")
        })
        .into_owned()
}

fn pattern(text: &str) -> Option<Regex> {
    // The patterns are constants; should one be wrong, whole lines are masked rather than none.
    Regex::new(text).ok()
}

/// `password` of an options file (pppd(8)).
static PPP: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?P<kept>^\s*password\s+)\S.*"));

/// `password`, `password --md5` (grub legacy) and `password user`, `password_pbkdf2 user` (grub 2).
static GRUB: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?P<kept>^\s*password(?:_pbkdf2)?\s+(?:--(?:md5|encrypted)\s+|[^\s=]+\s+(?:\S))?)[^\s=].*")
});

/// A name that says it is a secret, and its value; a path is none.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r#"(?i)(?P<kept>\b[\w.-]*(?:passw(?:or)?d|passphrase|secret|psk|pass|wep[_-]?key\d*|private[_-]?key|"#,
        r#"credential|token)\w*["']?\s*[=:]\s*|\bKEY\d?=)(?:"[^"]*"|'[^']*'|[^\s,;/"'][^\s,;]*)"#
    ))
});

/// A password after a space, as HAProxy (`insecure-password`, `stats auth user:password`) and Apache httpd
/// (`AuthLDAPBindPassword`) write it.
static SPOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r#"(?i)(?P<kept>\b[\w-]*passw(?:or)?d\s+|\bauth\s+[^\s:]+:)(?:"[^"]*"|'[^']*'|[^\s"'=:*-]\S*)"#)
});

/// User and password of dracut's `netroot=iscsi:user:password@...` and of URLs.
static ISCSI: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?P<kept>\biscsi:|\b[a-z][a-z0-9+.-]*://)[^\s@/]+:[^\s@/]*(?P<after>@)"));

/// A crypt(5) hash or grub's PBKDF2 one.
static HASH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?P<kept>)(?:\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5)\$[./A-Za-z0-9$=,-]+|grub\.pbkdf2\.\S+)")
});

/// client, server, secret, addresses (pppd(8)): masks the third of these, quoted or not.
fn third_word(line: &str) -> String {
    if line.trim_start().starts_with('#') {
        return line.to_owned();
    }
    let mut words = 0;
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        let word = rest.get(start..).unwrap_or_default();
        let quote = word.chars().next().filter(|c| matches!(c, '"' | '\''));
        let end = match quote {
            Some(quote) => word.get(1..).and_then(|tail| tail.find(quote)).map_or(word.len(), |end| end + 2),
            None => word.find(char::is_whitespace).unwrap_or(word.len()),
        };
        words += 1;
        if words == 3 {
            let before = line.len() - word.len();
            let kept = line.get(..before).unwrap_or_default();
            return format!("{kept}{MASK}{}", word.get(end..).unwrap_or_default());
        }
        rest = word.get(end..).unwrap_or_default();
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        let cases = [
            ("etc/ppp/chap-secrets", "office PPTP hunter2 *", "office PPTP ******** *"),
            ("etc/ppp/pap-secrets", "\"my user\"\t*\t\"hun ter2\"", "\"my user\"\t*\t********"),
            ("etc/ppp/chap-secrets", "# client server secret", "# client server secret"),
            ("etc/ppp/peers/office", "password hunter2", "password ********"),
            ("etc/sysconfig/network-scripts/ifcfg-wlan0", "WPA_PSK='hunter2 x'", "WPA_PSK=********"),
            ("etc/sysconfig/network-scripts/keys-wlan0", "KEY1=hunter2", "KEY1=********"),
            (
                "etc/iscsi/iscsid.conf",
                "node.session.auth.password = hunter2",
                "node.session.auth.password = ********",
            ),
            ("etc/iscsi/iscsid.conf", "node.session.auth.username = me", "node.session.auth.username = me"),
            ("boot/grub/grub.conf", "password --md5 $1$abc$def", "password --md5 ********"),
            ("boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB", "GRUB2_PASSWORD=********"),
            (
                "boot/grub/grub.cfg",
                "linux /vmlinuz netroot=iscsi:u:pw@192.0.2.1::3260::iqn",
                "linux /vmlinuz netroot=iscsi:********@192.0.2.1::3260::iqn",
            ),
            (
                "etc/fstab",
                "//h/s /m cifs user=x,password=hunter2,rw 0 0",
                "//h/s /m cifs user=x,password=********,rw 0 0",
            ),
            ("etc/fstab", "UUID=abc / ext4 defaults 0 1", "UUID=abc / ext4 defaults 0 1"),
            (
                "etc/crypttab",
                "luks-1 UUID=abc /etc/keys/secret.key luks",
                "luks-1 UUID=abc /etc/keys/secret.key luks",
            ),
            ("etc/vconsole.conf", "KEYMAP=us", "KEYMAP=us"),
            (
                "etc/haproxy/haproxy.cfg",
                "  user x insecure-password hunter2",
                "  user x insecure-password ********",
            ),
            ("etc/haproxy/haproxy.cfg", "  stats auth admin:hunter2", "  stats auth admin:********"),
            ("etc/httpd/conf/x.conf", "AuthLDAPBindPassword \"hun ter2\"", "AuthLDAPBindPassword ********"),
        ];
        for (path, line, expected) in cases {
            assert_eq!(mask(path, line), expected, "{path}: {line}");
        }
    }

    #[test]
    fn grub_passwords_are_masked_in_every_form() {
        for line in [
            "password hunter2",
            "password --encrypted hunter2",
            "  password_pbkdf2 root grub.pbkdf2.sha512.1",
            "password root hunter2",
        ] {
            let masked = mask("boot/grub/grub.cfg", line);
            assert!(!masked.contains("hunter2") && !masked.contains("sha512"), "{masked}");
        }
    }

    #[test]
    fn lines_are_found_by_number_whatever_ends_them() {
        let text = Text::of(b"one\r\ntwo\n\nfour".to_vec());
        let lines: Vec<Option<&[u8]>> = (0..6).map(|number| text.line(number)).collect();
        assert_eq!(lines, [None, Some(&b"one"[..]), Some(b"two"), Some(b""), Some(b"four"), None]);
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let line = format!("{}HERE{}", "a".repeat(LONGEST), "b".repeat(LONGEST));
        let shown = cut(&line, LONGEST);
        assert!(shown.contains("HERE") && shown.starts_with('…') && shown.ends_with('…'));
        assert!(shown.len() <= LONGEST + 2 * '…'.len_utf8());
    }
}
