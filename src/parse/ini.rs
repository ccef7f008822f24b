//! Files of sections with `Key=value`: systemd's `.link` and `.network` (systemd.syntax(7)), NetworkManager's keyfiles
//! (nm-settings-keyfile(5), GLib key files).
//!
//! `#` and `;` start comments on lines of their own; a backslash at a line's end joins the next (systemd). A key may
//! stand several times; what that means is the caller's matter.

use super::cursor::lossy;
use crate::place::Span;

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The section's name; empty before the first.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, trimmed.
    pub value: String,
    /// The assignment.
    pub span: Span,
}

/// Bytes of a section's name that are kept: it is copied to each of its entries.
const MAX_SECTION: usize = 64;
/// Bytes of a value of joined lines.
const MAX_VALUE: usize = 64 * 1024;

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    let mut joins = false;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let text = lossy(line);
        let trimmed = text.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let (trimmed, more) = match trimmed.strip_suffix('\\') {
            Some(start) => (start.trim_end(), true),
            None => (trimmed, false),
        };
        if joins {
            if let Some(last) = entries.last_mut()
                && last.value.len() < MAX_VALUE
            {
                last.value.push(' ');
                last.value.push_str(trimmed);
            }
        } else if let Some(name) = trimmed.strip_prefix('[') {
            section = name.trim_end_matches(']').chars().take(MAX_SECTION).collect();
            continue;
        } else if let Some((key, value)) = trimmed.split_once('=') {
            let column = text.len() - text.trim_start().len() + 1;
            entries.push(Entry {
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
                span: Span::new(index + 1, column, column + trimmed.len()),
            });
        } else {
            continue;
        }
        joins = more;
    }
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sections_keys_comments_and_joined_lines() {
        let text = "[Match]\n# no\nMACAddress=00:00:5e:00:53:01 \\\n  00:00:5e:00:53:02\r\n;no\n\n [Link]\nName = lan0\nnoise\n";
        let rows: Vec<_> = parse(text.as_bytes())
            .into_iter()
            .map(|e| format!("{}:{} {}={}", e.span.line, e.section, e.key, e.value))
            .collect();
        assert_eq!(rows, ["3:Match MACAddress=00:00:5e:00:53:01 00:00:5e:00:53:02", "8:Link Name=lan0"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }

        #[test]
        fn an_entry_comes_back(key in "[A-Za-z-]{1,10}", value in "[a-z0-9:.]{0,20}") {
            let entries = parse(format!("[s]\n{key} = {value}\n").as_bytes());
            prop_assert_eq!((&entries[0].key, &entries[0].value), (&key, &value));
        }
    }
}
