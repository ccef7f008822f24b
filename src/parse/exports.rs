//! What an NFS server exports: exports(5).
//!
//! A directory, then its clients; `-options` before a client are defaults. A backslash at a line's end joins the next,
//! quotes and octal escapes keep blanks in a directory's name, `#` begins a comment.

use super::lines::lines;
use crate::place::Span;

/// Lines that are kept.
const MAX_EXPORTS: usize = 10_000;
/// Clients of one line that are kept.
const MAX_CLIENTS: usize = 1_000;

/// A directory that is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The directory.
    pub path: String,
    /// Clients with their options, as written.
    pub clients: Vec<String>,
    /// The directory in its line.
    pub span: Span,
}

/// Reads a table of exports.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut joins = false;
    for line in lines(bytes) {
        let text = line.text.split('#').next().unwrap_or_default();
        let (text, more) = match text.trim_end().strip_suffix('\\') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let mut words = words(text);
        if !joins {
            if let Some(path) = words.next() {
                if found.len() >= MAX_EXPORTS {
                    break;
                }
                let span = line.span_of(path);
                let path = path.trim_matches('"').replace("\\040", " ");
                found.push(Entry { path, clients: Vec::new(), span });
            } else {
                continue;
            }
        }
        if let Some(entry) = found.last_mut() {
            let room = MAX_CLIENTS.saturating_sub(entry.clients.len());
            entry.clients.extend(words.take(room).map(str::to_owned));
        }
        joins = more;
    }
    found
}

/// Words, of which quotes keep the blanks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = text.split(move |character: char| {
        quoted ^= character == '"';
        character.is_whitespace() && !quoted
    });
    parts.filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_joined_quoted_and_commented() {
        let text = b"# x\n/srv  192.0.2.0/24(rw,sync) *.example.com(ro) # y\n\"/a b\" \\\n\t*(ro)\n/c\n";
        let told: Vec<_> =
            parse(text).into_iter().map(|entry| (entry.path, entry.clients.len(), entry.span.line)).collect();
        assert_eq!(told, [("/srv".to_owned(), 2, 2), ("/a b".to_owned(), 1, 3), ("/c".to_owned(), 0, 5)]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(parse(&bytes).len() <= MAX_EXPORTS);
        }
    }
}
