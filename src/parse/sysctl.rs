//! sysctl.d(5) and sysctl.conf(5): `key = value`, keys with dots or slashes, a leading `-`.
//!
//! A key whose first separator is a slash keeps its dots (`net/ipv4/conf/eth0.5/forwarding`); else dots and slashes
//! change places (`net.ipv4.conf.eth0/5.forwarding`), as systemd's `sysctl_normalize` and procps do.

use super::lines::{Field, lines};
use crate::place::Span;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key as a path below `/proc/sys`: `net/ipv4/ip_forward`. May hold wildcards.
    pub path: String,
    /// The value, trimmed; none for `-key`, which keeps patterns from setting it.
    pub value: Option<Field>,
    /// It begins with `-`: a failure does not matter.
    pub may_fail: bool,
    /// The line.
    pub span: Span,
}

impl Entry {
    /// The key with dots, as sysctl(8) prints it.
    #[must_use]
    pub fn key(&self) -> String {
        swapped(&self.path)
    }
}

fn swapped(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect()
}

/// What a file holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct File {
    /// Its assignments.
    pub entries: Vec<Entry>,
    /// Lines that are none, and that both programs complain of and pass over.
    pub strays: Vec<Span>,
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> File {
    let mut file = File::default();
    for line in lines(bytes) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let span = line.span_of(text);
        let (may_fail, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim(), Some(line.field(value.trim()))),
            None => (text, None),
        };
        let is_key = !key.is_empty() && !key.contains(char::is_whitespace);
        if !is_key || (value.is_none() && !may_fail) {
            file.strays.push(span);
            continue;
        }
        let first = key.find(['.', '/']).and_then(|at| key.get(at..=at));
        let path = if first == Some("/") { key.trim_start_matches('/').to_owned() } else { swapped(key) };
        file.entries.push(Entry { path, value, may_fail, span });
    }
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_values_and_strays() {
        let text = "# c\n; c\nkernel.sysrq = 438\n-net/ipv4/conf/eth0.5/forwarding=1\nnet.ipv4.conf.eth0/5.rp_filter=0\n\
                    -net.ipv4.conf.all.rp_filter\nno assignment\nkernel.core_pattern=|/usr/lib/x = %p\n";
        let file = parse(text.as_bytes());
        let rows: Vec<_> = file
            .entries
            .iter()
            .map(|e| (e.key(), e.value.as_ref().map(|v| v.text.as_str()), e.may_fail, e.span.line))
            .collect();
        assert_eq!(
            rows,
            [
                ("kernel.sysrq".to_owned(), Some("438"), false, 3),
                ("net.ipv4.conf.eth0/5.forwarding".to_owned(), Some("1"), true, 4),
                ("net.ipv4.conf.eth0/5.rp_filter".to_owned(), Some("0"), false, 5),
                ("net.ipv4.conf.all.rp_filter".to_owned(), None, true, 6),
                ("kernel.core_pattern".to_owned(), Some("|/usr/lib/x = %p"), false, 8),
            ]
        );
        assert_eq!(file.strays.iter().map(|span| span.line).collect::<Vec<_>>(), [7]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let file = parse(&bytes);
            prop_assert!(file.entries.len() + file.strays.len() <= bytes.len());
        }

        #[test]
        fn an_assignment_comes_back(key in "[a-z]{1,5}(\\.[a-z0-9_]{1,5}){1,3}", value in "[a-z0-9]{0,9}") {
            let file = parse(format!("{key} = {value}\n").as_bytes());
            prop_assert_eq!(file.entries[0].key(), key);
            prop_assert_eq!(&file.entries[0].value.as_ref().unwrap().text, &value);
        }
    }
}
