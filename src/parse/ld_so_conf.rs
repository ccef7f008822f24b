//! ld.so.conf: the directories that ldconfig(8) searches, and the files it includes.
//!
//! As `parse_conf` in glibc's elf/ldconfig.c reads it: `#` starts a comment anywhere, `include` takes patterns of
//! glob(3), `hwcap` lines are passed over, any other line is one directory with an optional `=TYPE` at its end.

use super::cursor::lossy;
use crate::place::Span;

/// A line that means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A directory to search.
    Directory {
        /// Its path, trailing slashes removed.
        path: String,
        /// The line.
        span: Span,
    },
    /// Patterns of files to read here; relative ones are looked for beside this file.
    Include {
        /// The pattern.
        pattern: String,
        /// The pattern's place.
        span: Span,
    },
}

/// Reads an ld.so.conf file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let text = lossy(line);
        let trimmed = text.trim();
        let column = text.len() - text.trim_start().len() + 1;
        let span = Span::new(index + 1, column, column + trimmed.len());
        match trimmed.split_once(char::is_whitespace) {
            Some(("include", patterns)) => {
                let patterns = patterns.split_whitespace();
                items.extend(patterns.map(|pattern| Item::Include { pattern: pattern.to_owned(), span }));
            }
            Some(("hwcap", _)) => {}
            _ if trimmed.is_empty() => {}
            _ => {
                let path = trimmed.split('=').next().unwrap_or_default().trim_end().trim_end_matches('/');
                let path = if path.is_empty() { "/" } else { path };
                items.push(Item::Directory { path: path.to_owned(), span });
            }
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn directories_and_includes_are_read() {
        let directory = |path: &str, line, column, end| Item::Directory {
            path: path.to_owned(),
            span: Span::new(line, column, end),
        };
        for (text, items) in [
            (
                "include /etc/ld.so.conf.d/*.conf\n# no\n  /usr/local/lib/ # ours\r\nhwcap 1 nosegneg\n/opt/lib=libc6",
                vec![
                    Item::Include {
                        pattern: "/etc/ld.so.conf.d/*.conf".to_owned(),
                        span: Span::new(1, 1, 33),
                    },
                    directory("/usr/local/lib", 3, 3, 18),
                    directory("/opt/lib", 5, 1, 15),
                ],
            ),
            ("\n \n#\n", vec![]),
            ("/", vec![directory("/", 1, 1, 2)]),
        ] {
            assert_eq!(parse(text.as_bytes()), items, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }

        #[test]
        fn a_directory_comes_back(path in "(/[a-z0-9._-]{1,8}){1,5}") {
            let items = parse(path.as_bytes());
            let expected = Item::Directory { path: path.clone(), span: Span::new(1, 1, path.len() + 1) };
            prop_assert_eq!(items, vec![expected]);
        }
    }
}
