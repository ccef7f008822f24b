//! sshd_config(5): keywords with arguments, `Match` blocks. Keywords know no case; the first value of each counts.

use super::lines::lines;
use crate::place::Span;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The keyword in lower case.
    pub keyword: String,
    /// Its arguments, quotes removed.
    pub arguments: Vec<String>,
    /// The line.
    pub span: Span,
}

/// Arguments of a line that are kept; `AllowUsers` of a large site has hundreds.
const MAX_ARGUMENTS: usize = 1000;

/// Reads a file. `Match` and `Include` are directives like others; what they mean is the caller's matter.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Directive> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        // `Keyword value`, `Keyword=value` and `Keyword = value` are the same.
        let end = text.find([' ', '\t', '=']).unwrap_or(text.len());
        let (keyword, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        found.push(Directive {
            keyword: keyword.to_ascii_lowercase(),
            arguments: arguments(rest),
            span: line.span_of(text),
        });
    }
    found
}

/// Words, of which one in double quotes is one; `#` before a word starts a comment (since OpenSSH 8.5).
fn arguments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') && found.len() < MAX_ARGUMENTS {
        let (word, tail) = match rest.strip_prefix('"') {
            Some(inside) => inside.split_once('"').unwrap_or((inside, "")),
            None => rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len())),
        };
        found.push(word.to_owned());
        rest = tail.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keywords_and_their_arguments() {
        let text =
            "# x\nPort=22\nAllowUsers  alice \"bob smith\" # ops\nMATCH User x\n\tpermitrootlogin no\n";
        let rows: Vec<_> = parse(text.as_bytes())
            .into_iter()
            .map(|d| format!("{}:{} {}", d.span.line, d.keyword, d.arguments.join("|")))
            .collect();
        assert_eq!(
            rows,
            ["2:port 22", "3:allowusers alice|bob smith", "4:match User|x", "5:permitrootlogin no"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
