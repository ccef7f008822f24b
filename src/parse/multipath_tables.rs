//! multipath's own tables: `/etc/multipath/bindings` (alias and WWID) and `/etc/multipath/wwids` (`/WWID/`).
//!
//! As libmultipath's `alias.c` and `wwids.c` read them; `#` begins a comment.

use super::Mistake;
use super::text::{lines, words};
use crate::place::Span;

/// A user-friendly name and the disk that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name in `/dev/mapper`: `mpatha`.
    pub alias: String,
    /// The disk's WWID.
    pub wwid: String,
    /// The line.
    pub span: Span,
}

/// Reads the bindings, and what is none.
#[must_use]
pub fn parse_bindings(bytes: &[u8]) -> (Vec<Binding>, Vec<Mistake>) {
    let (mut bindings, mut mistakes) = (Vec::new(), Vec::new());
    for line in lines(bytes) {
        let mut fields = words(line.bytes).take_while(|word| !word.bytes.starts_with(b"#"));
        let Some(alias) = fields.next() else { continue };
        let Some(wwid) = fields.next() else {
            let message = "an alias without a WWID: multipath ignores this line".to_owned();
            mistakes.push(Mistake { span: alias.span(line.number), message });
            continue;
        };
        let span = Span::new(line.number, alias.start + 1, wwid.end() + 1);
        bindings.push(Binding { alias: alias.text(), wwid: wwid.text(), span });
    }
    (bindings, mistakes)
}

/// A disk that multipath has taken before and takes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wwid {
    /// The WWID without the slashes.
    pub wwid: String,
    /// Where it stands.
    pub span: Span,
}

/// Reads the list of WWIDs. Lines that are not between slashes count for nothing there and here.
#[must_use]
pub fn parse_wwids(bytes: &[u8]) -> Vec<Wwid> {
    let line = |line: super::text::Line<'_>| {
        let word = words(line.bytes).next()?;
        let inner = word.bytes.strip_prefix(b"/")?;
        let end = memchr::memchr(b'/', inner)?;
        let wwid = String::from_utf8_lossy(inner.get(..end)?).into_owned();
        Some(Wwid { wwid, span: word.span(line.number) })
    };
    lines(bytes).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bindings_are_pairs() {
        let (got, mistakes) =
            parse_bindings(b"# Multipath bindings, Version : 1.0\nmpatha 3600a0b8\n\nmpathb\n");
        assert_eq!(
            got,
            [Binding { alias: "mpatha".into(), wwid: "3600a0b8".into(), span: Span::new(2, 1, 16) }]
        );
        assert_eq!(mistakes.len(), 1);
    }

    #[test]
    fn wwids_stand_between_slashes() {
        let got = parse_wwids(b"# Valid WWIDs:\n/3600a0b8/\n/QEMU_HARDDISK/\nnone\n/open\n");
        let names: Vec<_> = got.iter().map(|w| (w.wwid.as_str(), w.span.line)).collect();
        assert_eq!(names, [("3600a0b8", 2), ("QEMU_HARDDISK", 3)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (bindings, mistakes) = parse_bindings(&bytes);
            prop_assert!(bindings.len() + mistakes.len() + parse_wwids(&bytes).len() <= 2 * bytes.len());
        }

        #[test]
        fn tables_read_back(rows in proptest::collection::vec(("[a-z]{1,6}", "[A-Za-z0-9_.-]{1,20}"), 0..6)) {
            let text: String = rows.iter().map(|(alias, wwid)| format!("{alias} {wwid}\n")).collect();
            let got: Vec<_> = parse_bindings(text.as_bytes()).0.into_iter().map(|b| (b.alias, b.wwid)).collect();
            prop_assert_eq!(&got, &rows);
            let text: String = rows.iter().map(|(_, wwid)| format!("/{wwid}/\n")).collect();
            let got: Vec<_> = parse_wwids(text.as_bytes()).into_iter().map(|w| w.wwid).collect();
            prop_assert_eq!(got, rows.into_iter().map(|(_, wwid)| wwid).collect::<Vec<_>>());
        }
    }
}
