//! os-release(5), lsb-release and the one-line release files that came before them.
//!
//! os-release is "a newline-separated list of environment-like shell-compatible variable assignments" without
//! expansion; `/etc/lsb-release` and the lower lines of `/etc/SuSE-release` have the same shape.

use super::Mistake;
use crate::place::Span;

/// Lines of one release file that are looked at; real ones have at most a few dozen.
const MAX_LINES: usize = 1000;

/// One `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name, as written.
    pub name: String,
    /// The value without its quotes and escapes.
    pub value: String,
    /// The value in its line, quotes included.
    pub span: Span,
}

/// Reads the assignments of an os-release file in their order; comments and empty lines are passed over.
#[must_use]
pub fn assignments(bytes: &[u8]) -> (Vec<Assignment>, Vec<Mistake>) {
    let mut found = Vec::new();
    let mut mistakes = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').take(MAX_LINES).enumerate() {
        let text = String::from_utf8_lossy(line);
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let Some((name, value)) = trimmed.split_once('=') else {
            mistakes
                .push(Mistake { span: Span::line(index + 1), message: "expected `NAME=value`".to_owned() });
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        let column = 1 + text.find(value).unwrap_or(0);
        let span = Span::new(index + 1, column, column + value.len());
        found.push(Assignment { name: name.to_owned(), value: unquoted(value), span });
    }
    (found, mistakes)
}

/// Takes off one pair of quotes; inside double quotes a backslash protects the next character (os-release(5)).
fn unquoted(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.strip_suffix('\'').unwrap_or(inner).to_owned();
    }
    let inner = value.strip_prefix('"').map_or(value, |rest| rest.strip_suffix('"').unwrap_or(rest));
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.extend(characters.next()),
            other => out.push(other),
        }
    }
    out
}

/// What a one-line release file says: `CentOS release 6.10 (Final)`, `openSUSE 13.1 (x86_64)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseLine {
    /// The whole line.
    pub text: String,
    /// What stands before the version, without the word `release`.
    pub product: String,
    /// The first word that begins with a digit; none if there is no such word.
    pub version: Option<String>,
    /// The line.
    pub span: Span,
}

/// Reads the first line that is not empty of a file such as `/etc/redhat-release`.
#[must_use]
pub fn release_line(bytes: &[u8]) -> Option<ReleaseLine> {
    let lines = bytes.split(|byte| *byte == b'\n').take(MAX_LINES).enumerate();
    let mut texts = lines.map(|(index, line)| (index, String::from_utf8_lossy(line).trim().to_owned()));
    let (index, text) = texts.find(|(_, text)| !text.is_empty())?;
    let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    let words = || text.split_whitespace();
    let version = words().find(is_version).map(str::to_owned);
    let product: Vec<&str> = words().take_while(|word| !is_version(word) && *word != "release").collect();
    let span = Span::new(index + 1, 1, text.len() + 1);
    Some(ReleaseLine { product: product.join(" "), version, span, text })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn assignments_lose_their_quotes_and_keep_their_places() {
        let text = b"# comment\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\r\nX='a b'\nY=\"\\\"q\\\"\"\n\nnonsense\n";
        let (found, mistakes) = assignments(text);
        let values: Vec<(&str, &str)> = found.iter().map(|a| (a.name.as_str(), a.value.as_str())).collect();
        assert_eq!(
            values,
            [
                ("ID", "debian"),
                ("PRETTY_NAME", "Debian GNU/Linux 12 (bookworm)"),
                ("X", "a b"),
                ("Y", "\"q\"")
            ]
        );
        assert_eq!(found[0].span, Span::new(2, 4, 10));
        assert_eq!(found[1].span, Span::new(3, 13, 45));
        assert_eq!(mistakes, [Mistake { span: Span::line(7), message: "expected `NAME=value`".into() }]);
    }

    #[test]
    fn release_lines_give_product_and_version() {
        for (text, product, version) in [
            ("CentOS release 6.10 (Final)\n", "CentOS", Some("6.10")),
            ("CentOS Linux release 7.9.2009 (Core)\n", "CentOS Linux", Some("7.9.2009")),
            (
                "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)",
                "Red Hat Enterprise Linux AS",
                Some("4"),
            ),
            ("\nopenSUSE 13.1 (x86_64)\nVERSION = 13.1\n", "openSUSE", Some("13.1")),
            ("squeeze/sid\n", "squeeze/sid", None),
        ] {
            let line = release_line(text.as_bytes()).unwrap();
            assert_eq!((line.product.as_str(), line.version.as_deref()), (product, version), "{text}");
        }
        assert_eq!(release_line(b" \n\r\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end_and_spans_stay_in_the_text(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            let (found, mistakes) = assignments(&bytes);
            prop_assert!(found.len() + mistakes.len() <= lines);
            prop_assert!(found.iter().all(|one| one.span.line as usize <= lines && one.span.column <= one.span.end));
            if let Some(line) = release_line(&bytes) {
                prop_assert!(line.span.line as usize <= lines);
            }
        }

        #[test]
        fn quoted_values_come_back(value in "[ -~]{0,40}") {
            let escaped: String = value.chars().flat_map(|c| ['\\', c]).collect();
            let (found, _) = assignments(format!("K=\"{escaped}\"\n").as_bytes());
            prop_assert_eq!(&found[0].value, &value);
        }
    }
}
