//! dpkg's `status` file: stanzas of `Field: value` lines (deb822(5)), one a package, as dpkg(1) writes them.

use std::borrow::Cow;

use super::Mistake;
use crate::place::Span;

/// Packages that are read of one file; Debian has about 70,000 in all.
const MAX_PACKAGES: usize = 200_000;
/// Mistakes that are told of one file; a file that is no status file at all has one in each line.
const MAX_MISTAKES: usize = 20;

/// What dpkg says of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// `Package`.
    pub name: Cow<'a, str>,
    /// `Version`, whole: `1:2.38.1-5+deb12u1`.
    pub version: Cow<'a, str>,
    /// `Architecture`.
    pub architecture: Cow<'a, str>,
    /// `Origin`, which few packages have.
    pub origin: Option<Cow<'a, str>>,
    /// The third word of `Status`.
    pub state: State,
    /// The second word of `Status` is `reinstreq`: the package is broken and must be installed again.
    pub reinstall_required: bool,
    /// The `Status` line, or the first of the stanza if there is none.
    pub span: Span,
}

/// How far the installation of a package has got (dpkg(1), "Package states").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Known, but not installed.
    NotInstalled,
    /// Removed; its configuration files are still there.
    ConfigFiles,
    /// Its unpacking began and did not end.
    HalfInstalled,
    /// Unpacked, not configured.
    Unpacked,
    /// Its configuring began and did not end.
    HalfConfigured,
    /// Waits for the triggers of another package.
    TriggersAwaited,
    /// Has been triggered, and has not run yet.
    TriggersPending,
    /// Installed.
    Installed,
    /// A word that dpkg does not write.
    Unknown,
}

impl State {
    fn of(word: &[u8]) -> Self {
        match word {
            b"not-installed" => Self::NotInstalled,
            b"config-files" => Self::ConfigFiles,
            b"half-installed" => Self::HalfInstalled,
            b"unpacked" => Self::Unpacked,
            b"half-configured" => Self::HalfConfigured,
            b"triggers-awaited" => Self::TriggersAwaited,
            b"triggers-pending" => Self::TriggersPending,
            b"installed" => Self::Installed,
            _ => Self::Unknown,
        }
    }
}

/// The fields of a stanza that is being read.
#[derive(Default)]
struct Stanza<'a> {
    first_line: usize,
    name: Option<&'a [u8]>,
    version: &'a [u8],
    architecture: &'a [u8],
    origin: Option<&'a [u8]>,
    status: Option<(&'a [u8], Span)>,
}

/// Reads a status file. A stanza without `Package` or `Status` is a mistake, and the rest is still read.
#[must_use]
pub fn status(bytes: &[u8]) -> (Vec<Entry<'_>>, Vec<Mistake>) {
    let mut entries = Vec::new();
    let mut mistakes = Vec::new();
    let mut stanza = Stanza::default();
    let mut lines = Lines { bytes, number: 0 };
    loop {
        let line = lines.next();
        let text = line.map_or(&b""[..], |(_, text)| text);
        if text.iter().all(u8::is_ascii_whitespace) {
            if stanza.first_line > 0 {
                match finish(&stanza) {
                    Ok(entry) if entries.len() < MAX_PACKAGES => entries.push(entry),
                    Err(mistake) if mistakes.len() < MAX_MISTAKES => mistakes.push(mistake),
                    Ok(_) | Err(_) => {}
                }
                stanza = Stanza::default();
            }
            if line.is_none() {
                return (entries, mistakes);
            }
            continue;
        }
        let Some((number, text)) = line else { continue };
        if stanza.first_line == 0 {
            stanza.first_line = number;
        }
        field(&mut stanza, number, text);
    }
}

fn field<'a>(stanza: &mut Stanza<'a>, number: usize, text: &'a [u8]) {
    // A line that begins with a blank goes on with the field above; none of those that matter has such lines.
    let Some(colon) = text.iter().take(32).position(|byte| *byte == b':') else { return };
    let Some((name, value)) = text.split_at_checked(colon) else { return };
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    // Field names are case-insensitive (deb822(5)).
    if name.eq_ignore_ascii_case(b"Package") {
        stanza.name = Some(value);
    } else if name.eq_ignore_ascii_case(b"Status") {
        stanza.status = Some((value, Span::new(number, 1, text.trim_ascii_end().len() + 1)));
    } else if name.eq_ignore_ascii_case(b"Version") {
        stanza.version = value;
    } else if name.eq_ignore_ascii_case(b"Architecture") {
        stanza.architecture = value;
    } else if name.eq_ignore_ascii_case(b"Origin") {
        stanza.origin = Some(value);
    }
}

fn finish<'a>(stanza: &Stanza<'a>) -> Result<Entry<'a>, Mistake> {
    let missing = |field: &str| Mistake {
        span: Span::line(stanza.first_line),
        message: format!("this package has no `{field}` field"),
    };
    let name = stanza.name.filter(|name| !name.is_empty()).ok_or_else(|| missing("Package"))?;
    let (status, span) = stanza.status.ok_or_else(|| missing("Status"))?;
    let mut words = status.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (_want, flag, state) = (words.next(), words.next(), words.next());
    Ok(Entry {
        name: String::from_utf8_lossy(name),
        version: String::from_utf8_lossy(stanza.version),
        architecture: String::from_utf8_lossy(stanza.architecture),
        origin: stanza.origin.map(String::from_utf8_lossy),
        state: State::of(state.unwrap_or_default()),
        reinstall_required: flag == Some(b"reinstreq"),
        span,
    })
}

/// The lines of a text with their numbers, from 1.
struct Lines<'a> {
    bytes: &'a [u8],
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.bytes).unwrap_or(self.bytes.len());
        let (line, rest) = self.bytes.split_at_checked(end)?;
        self.bytes = rest.get(1..).unwrap_or_default();
        self.number += 1;
        Some((self.number, line))
    }
}

/// Splits a Debian version into epoch, upstream version and revision (deb-version(7)).
#[must_use]
pub fn split_version(version: &str) -> (Option<u32>, &str, Option<&str>) {
    let (epoch, rest) = match version.split_once(':') {
        // An epoch that is no number is none; dpkg would not have installed the package.
        Some((epoch, rest)) => (epoch.parse().ok(), rest),
        None => (None, version),
    };
    match rest.rsplit_once('-') {
        Some((upstream, revision)) => (epoch, upstream, Some(revision)),
        None => (epoch, rest, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATUS: &[u8] =
        b"Package: libssl3\nStatus: install ok installed\nPriority: optional\nArchitecture: amd64\n\
Multi-Arch: same\nSource: openssl\nVersion: 3.0.15-1~deb12u1\nDescription: Secure Sockets Layer toolkit\n \
This package is part of the OpenSSL project\n .\n Version: not a field\n\n\n\
package: grub-pc\r\nSTATUS: install reinstreq half-installed\r\nVersion: 2.06-13\r\n\r\n\
Package: old\nStatus: deinstall ok config-files\nVersion: 1:1.0\nArchitecture: all\nOrigin: Example";

    #[test]
    fn stanzas_become_entries() {
        let (entries, mistakes) = status(STATUS);
        assert_eq!(mistakes, []);
        let facts: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.as_ref(), entry.version.as_ref(), entry.state, entry.span.line))
            .collect();
        assert_eq!(
            facts,
            [
                ("libssl3", "3.0.15-1~deb12u1", State::Installed, 2),
                ("grub-pc", "2.06-13", State::HalfInstalled, 15),
                ("old", "1:1.0", State::ConfigFiles, 19),
            ]
        );
        assert!(entries[1].reinstall_required && !entries[0].reinstall_required);
        assert_eq!(entries[2].origin.as_deref(), Some("Example"));
    }

    #[test]
    fn a_stanza_without_its_fields_is_a_mistake_and_the_rest_is_read() {
        let (entries, mistakes) =
            status(b"Version: 1\n\nPackage: a\n\nPackage: b\nStatus: install ok installed\n");
        assert_eq!(entries.len(), 1);
        let places: Vec<_> = mistakes.iter().map(|one| (one.span.line, one.message.as_str())).collect();
        assert_eq!(
            places,
            [(1, "this package has no `Package` field"), (3, "this package has no `Status` field")]
        );
    }

    #[test]
    fn versions_split_as_dpkg_does() {
        assert_eq!(split_version("1:2.38.1-5+deb12u1"), (Some(1), "2.38.1", Some("5+deb12u1")));
        assert_eq!(split_version("0.9.8o-4squeeze14"), (None, "0.9.8o", Some("4squeeze14")));
        assert_eq!(split_version("1.2-rc1-3"), (None, "1.2-rc1", Some("3")));
        assert_eq!(split_version("20240203"), (None, "20240203", None));
    }

    proptest! {
        #[test]
        fn any_bytes_end_and_stay_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let (entries, mistakes) = status(&bytes);
            let lines = bytes.split(|byte| *byte == b'\n').count();
            prop_assert!(entries.len() + mistakes.len() <= lines);
            prop_assert!(entries.iter().all(|entry| entry.span.line as usize <= lines && !entry.name.is_empty()));
        }

        #[test]
        fn a_written_stanza_is_read_back(name in "[a-z][a-z0-9+.-]{1,20}", version in "[0-9][0-9a-z.+~-]{0,20}") {
            let text = format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n");
            let many = text.repeat(3);
            let (entries, mistakes) = status(many.as_bytes());
            prop_assert_eq!(mistakes.len(), 0);
            prop_assert_eq!(entries.len(), 3);
            prop_assert!(entries.iter().all(|entry| entry.name == name && entry.version == version));
        }
    }
}
