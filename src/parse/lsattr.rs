//! The output of lsattr(1): the letters of attributes, a blank, and the path. With `-R` folders have lines of their own.

use super::lines::lines;
use crate::place::Span;

/// Lines that are kept; only files with one of the two attributes are.
const MAX_FILES: usize = 10_000;

/// A file with an attribute that keeps it from being changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The path without its leading slash.
    pub path: String,
    /// `i`.
    pub is_immutable: bool,
    /// `a`.
    pub is_append_only: bool,
    /// The line.
    pub span: Span,
}

/// The files with the attribute `i` or `a`.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Line> {
    let found = lines(bytes).filter_map(|line| {
        let (letters, path) = line.first_word()?;
        let known =
            letters.len() >= 13 && letters.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphabetic());
        let (is_immutable, is_append_only) = (letters.contains('i'), letters.contains('a'));
        let path = path.trim_start_matches('/');
        (known && (is_immutable || is_append_only) && !path.is_empty()).then(|| Line {
            path: path.to_owned(),
            is_immutable,
            is_append_only,
            span: line.span_of(path),
        })
    });
    found.take(MAX_FILES).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_that_cannot_be_changed_are_found() {
        let text = "----i---------e------- /etc/fstab\n--------------e------- /etc/passwd\n-----a-----------e- /var/log/x y\n\
                    lsattr: Operation not supported While reading flags on /etc/mtab\n\n/etc/ssh:\n";
        let found = parse(text.as_bytes());
        let [fstab, log] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (fstab.path.as_str(), fstab.is_immutable, fstab.is_append_only),
            ("etc/fstab", true, false)
        );
        assert_eq!((log.path.as_str(), log.is_append_only, log.span.line), ("var/log/x y", true, 3));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
