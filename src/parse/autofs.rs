//! The automounter's tables: auto.master(5) and the maps of autofs(5) in the `sun` format.
//!
//! A line that ends in a backslash goes on in the next; quotes keep blanks together; `#` begins a comment line. What a
//! program or a directory service answers is not in a file and not read here.

use super::lines::lines;
use crate::place::Span;

/// Lines of one map that are kept; a map of all homes of a site has some thousands.
const MAX_ENTRIES: usize = 20_000;
/// Words of one line that are read.
const MAX_WORDS: usize = 1_000;

/// A line of the master map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterEntry {
    /// The directory, `/-` for a direct map; for `+map` and `+dir:` lines empty.
    pub mountpoint: String,
    /// The map as written: `/etc/auto.home`, `file:/etc/auto.home`, `-hosts`, `yp:auto.home`.
    pub map: String,
    /// Mount options for all of the map, one by one.
    pub options: Vec<String>,
    /// The line.
    pub span: Span,
}

/// One mount of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapEntry {
    /// The key: a name below the map's directory, a whole path in a direct map, or `*`.
    pub key: String,
    /// The path below the key, for keys of several mounts; else empty.
    pub offset: String,
    /// Mount options, one by one.
    pub options: Vec<String>,
    /// What is mounted: `server:/export`.
    pub location: String,
    /// The line.
    pub span: Span,
}

/// Reads a master map.
#[must_use]
pub fn parse_master(bytes: &[u8]) -> Vec<MasterEntry> {
    let entry = |(words, span): (Vec<String>, Span)| {
        let mut words = words.into_iter();
        let first = words.next()?;
        if let Some(map) = first.strip_prefix('+') {
            return Some(MasterEntry {
                mountpoint: String::new(),
                map: map.to_owned(),
                options: Vec::new(),
                span,
            });
        }
        let map = words.next()?;
        // `--timeout=60` is the daemon's; what has one dash or none is for mount(8).
        let options = words.filter(|word| !word.starts_with("--")).flat_map(|word| options(&word));
        Some(MasterEntry { mountpoint: first, map, options: options.collect(), span })
    };
    joined(bytes).into_iter().filter_map(entry).collect()
}

/// Reads a map.
#[must_use]
pub fn parse_map(bytes: &[u8]) -> Vec<MapEntry> {
    let mut entries = Vec::new();
    for (words, span) in joined(bytes) {
        let mut words = words.into_iter();
        let Some(key) = words.next().filter(|key| !key.starts_with('+')) else { continue };
        let mut common: Vec<String> = Vec::new();
        let mut own: Vec<String> = Vec::new();
        let mut offset: Option<String> = None;
        for word in words {
            if let Some(found) = word.strip_prefix('-') {
                match offset {
                    None => common.extend(options(found)),
                    Some(_) => own.extend(options(found)),
                }
            } else if word.starts_with('/') {
                offset = Some(word);
                own.clear();
            } else {
                entries.push(MapEntry {
                    key: key.clone(),
                    offset: offset.clone().unwrap_or_default(),
                    options: common.iter().chain(&own).cloned().collect(),
                    location: word,
                    span,
                });
            }
        }
        if entries.len() >= MAX_ENTRIES {
            break;
        }
    }
    entries.truncate(MAX_ENTRIES);
    entries
}

fn options(word: &str) -> Vec<String> {
    let options = word.trim_start_matches('-').split(',').map(str::trim).filter(|option| !option.is_empty());
    options.map(str::to_owned).collect()
}

/// The words of each line, continued lines joined, with the place of the first.
fn joined(bytes: &[u8]) -> Vec<(Vec<String>, Span)> {
    let mut found = Vec::new();
    let mut open: Option<(Vec<String>, Span)> = None;
    for line in lines(bytes) {
        let text = line.text.trim();
        if open.is_none() && (text.is_empty() || text.starts_with('#')) {
            continue;
        }
        let (text, more) = match text.strip_suffix('\\') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let (mut all, span) = open.take().unwrap_or_else(|| (Vec::new(), line.span_of(line.text.trim())));
        if all.len() < MAX_WORDS {
            all.extend(words(text));
        }
        match more {
            true => open = Some((all, span)),
            false => found.push((all, span)),
        }
        if found.len() >= MAX_ENTRIES {
            break;
        }
    }
    found.extend(open);
    found
}

/// Words, of which quotes keep the blanks.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            blank if blank.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.truncate(MAX_WORDS);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_master_map_names_maps_and_their_options() {
        let text =
            b"# comment\n/misc /etc/auto.misc\n/home file:/etc/auto.home --timeout=60 -fstype=nfs4,rw\n\
                     +dir:/etc/auto.master.d\n/net -hosts\n";
        let read = parse_master(text);
        let told: Vec<_> = read.iter().map(|entry| (entry.mountpoint.as_str(), entry.map.as_str())).collect();
        assert_eq!(
            told,
            [
                ("/misc", "/etc/auto.misc"),
                ("/home", "file:/etc/auto.home"),
                ("", "dir:/etc/auto.master.d"),
                ("/net", "-hosts"),
            ]
        );
        assert_eq!(read[1].options, ["fstype=nfs4", "rw"]);
        assert_eq!(read[1].span.line, 3);
    }

    #[test]
    fn a_map_has_keys_options_and_several_mounts() {
        let text =
            b"alice -rw,vers=3 nas:/home/alice\n* nas:/home/&\ndata -soft / nas:/a \\\n  /b -ro nas:/b\n";
        let read = parse_map(text);
        let told: Vec<_> = read
            .iter()
            .map(|entry| {
                (entry.key.as_str(), entry.offset.as_str(), entry.location.as_str(), entry.options.join(","))
            })
            .collect();
        assert_eq!(
            told,
            [
                ("alice", "", "nas:/home/alice", "rw,vers=3".to_owned()),
                ("*", "", "nas:/home/&", String::new()),
                ("data", "/", "nas:/a", "soft".to_owned()),
                ("data", "/b", "nas:/b", "soft,ro".to_owned()),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_bounded_maps(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(parse_map(&bytes).len() <= MAX_ENTRIES);
            prop_assert!(parse_master(&bytes).len() <= MAX_ENTRIES);
        }
    }
}
