//! chrony.conf(5) and ntp.conf(5): one directive a line.

use super::lines::lines;
use crate::place::Span;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The directive, in lower case.
    pub name: String,
    /// Its words.
    pub arguments: Vec<String>,
    /// The line.
    pub span: Span,
}

/// Words of a line that are kept.
const MAX_ARGUMENTS: usize = 64;

/// Reads a file. Comments start with `#`, `%`, `!` or `;` at the line's start (chrony), or `#` anywhere (ntp).
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Directive> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() || text.starts_with(['%', '!', ';']) {
            continue;
        }
        let mut words = text.split_whitespace();
        let Some(name) = words.next() else { continue };
        found.push(Directive {
            name: name.to_ascii_lowercase(),
            arguments: words.take(MAX_ARGUMENTS).map(str::to_owned).collect(),
            span: line.span_of(text),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn directives_and_comments() {
        let found =
            parse(b"! no\npool 2.debian.pool.ntp.org iburst # x\nrefclock PHC /dev/ptp0 poll 3\n% no\n");
        let rows: Vec<_> =
            found.iter().map(|d| format!("{}:{} {}", d.span.line, d.name, d.arguments.join(" "))).collect();
        assert_eq!(rows, ["2:pool 2.debian.pool.ntp.org iburst", "3:refclock PHC /dev/ptp0 poll 3"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
