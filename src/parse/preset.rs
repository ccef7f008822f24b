//! systemd.preset(5): `enable GLOB`, `disable GLOB`; the first line that matches a unit decides.

use globset::{GlobBuilder, GlobMatcher};

use super::lines::lines;
use crate::place::Span;

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whether it enables.
    pub enables: bool,
    /// Which units it is about.
    matcher: GlobMatcher,
    /// The line.
    pub span: Span,
}

impl Line {
    /// Whether it is about `unit` (with its suffix).
    #[must_use]
    pub fn is_about(&self, unit: &str) -> bool {
        self.matcher.is_match(unit)
    }
}

/// Reads a file; lines with another word or a broken pattern are passed over, as systemd does.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Line> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let Some((word, rest)) = line.first_word() else { continue };
        let enables = match word {
            "enable" => true,
            "disable" => false,
            _ => continue,
        };
        // What follows the pattern are instances of a template.
        let Some(pattern) = rest.split_whitespace().next() else { continue };
        let literal = pattern.replace('{', "[{]").replace('}', "[}]");
        let Ok(glob) = GlobBuilder::new(&literal).build() else { continue };
        found.push(Line { enables, matcher: glob.compile_matcher(), span: line.span_of(line.text.trim()) });
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_match_decides() {
        let lines =
            parse(b"# x\nenable ssh*.service\n disable *\nfoo bar\nenable [\nenable getty@.service tty1\n");
        assert_eq!(lines.len(), 3);
        let says = |unit: &str| lines.iter().find(|line| line.is_about(unit)).map(|line| line.enables);
        assert_eq!((says("sshd.service"), says("cups.service")), (Some(true), Some(false)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
