//! sources.list(5) of APT, in both of its forms: one line an archive, and deb822 stanzas.

use super::lines::lines;
use crate::place::Span;

/// One archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its URI as written.
    pub uri: String,
    /// The suite: `bookworm-updates`.
    pub suite: String,
    /// It has binary packages and is not switched off.
    pub enabled: bool,
    /// Its line.
    pub span: Span,
}

/// Archives of a file that are kept.
const MAX_SOURCES: usize = 1000;

/// Reads `sources.list` and `*.list`.
#[must_use]
pub fn parse_list(bytes: &[u8]) -> Vec<Source> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        let mut words = text.split_whitespace();
        let Some(kind @ ("deb" | "deb-src")) = words.next() else { continue };
        // `[ option=value ... ]`
        let mut words = words.skip_while({
            let mut inside = false;
            move |word| {
                inside |= word.starts_with('[');
                let skip = inside;
                inside &= !word.ends_with(']');
                skip
            }
        });
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else { continue };
        found.push(Source {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            enabled: kind == "deb",
            span: line.span_of(text),
        });
    }
    found.truncate(MAX_SOURCES);
    found
}

/// Reads `*.sources`.
#[must_use]
pub fn parse_deb822(bytes: &[u8]) -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    let mut stanza = Stanza::default();
    for line in lines(bytes).filter(|line| !line.text.starts_with('#')) {
        if line.text.trim().is_empty() {
            found.extend(std::mem::take(&mut stanza).sources());
        } else if let Some((key, value)) = line.text.split_once(':') {
            stanza.set(key.trim(), value.trim(), line.span_of(line.text.trim()));
        }
        if found.len() >= MAX_SOURCES {
            break;
        }
    }
    found.extend(stanza.sources());
    found.truncate(MAX_SOURCES);
    found
}

/// The fields of a stanza that matter here.
#[derive(Default)]
struct Stanza {
    uris: Vec<(String, Span)>,
    suite: String,
    is_off: bool,
    lacks_binaries: bool,
}

impl Stanza {
    fn set(&mut self, key: &str, value: &str, span: Span) {
        match key.to_ascii_lowercase().as_str() {
            "uris" => self.uris.extend(value.split_whitespace().map(|uri| (uri.to_owned(), span))),
            "suites" => value.clone_into(&mut self.suite),
            "enabled" => self.is_off = matches!(value, "no" | "false" | "0"),
            "types" => self.lacks_binaries = !value.split_whitespace().any(|kind| kind == "deb"),
            _ => {}
        }
    }

    fn sources(self) -> impl Iterator<Item = Source> {
        let enabled = !self.is_off && !self.lacks_binaries;
        let suite = self.suite;
        self.uris.into_iter().map(move |(uri, span)| Source { uri, suite: suite.clone(), enabled, span })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(found: &[Source]) -> Vec<String> {
        found.iter().map(|s| format!("{} {} {} {}", s.span.line, s.uri, s.suite, s.enabled)).collect()
    }

    #[test]
    fn both_forms() {
        let list = "# deb no\ndeb [ arch=amd64 signed-by=/x ] http://deb.debian.org/debian bookworm main\ndeb [trusted=yes] cdrom:[D] x main\ndeb-src http://a b c\n";
        assert_eq!(
            rows(&parse_list(list.as_bytes())),
            ["2 http://deb.debian.org/debian bookworm true", "3 cdrom:[D] x true", "4 http://a b false"]
        );
        let stanzas = "Types: deb deb-src\nURIs: http://a http://b\nSuites: trixie\n\nEnabled: no\nURIs: http://c\nSuites: x\n";
        assert_eq!(
            rows(&parse_deb822(stanzas.as_bytes())),
            ["2 http://a trixie true", "2 http://b trixie true", "6 http://c x false"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse_list(&bytes).len() <= bytes.len());
            prop_assert!(parse_deb822(&bytes).len() <= bytes.len());
        }
    }
}
