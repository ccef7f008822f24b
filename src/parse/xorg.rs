//! xorg.conf(5): sections with an option a line. Keywords know neither case nor underscores.

use super::lines::{Field, lines};
use crate::place::Span;

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name in lower case: `device`.
    pub name: String,
    /// Its keywords in lower case, with the first value.
    pub entries: Vec<(String, Field)>,
    /// Its first line.
    pub span: Span,
}

impl Section {
    /// The value of `keyword`.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Field> {
        self.entries.iter().find(|(name, _)| name == keyword).map(|(_, value)| value)
    }
}

/// Reads a file. Subsections are passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    let mut open = false;
    let mut inner = false;
    for line in lines(bytes) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        let end = text.find([' ', '\t', '"']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let word = word.to_ascii_lowercase().replace('_', "");
        let rest = rest.trim();
        let value = rest.strip_prefix('"').and_then(|inside| inside.split('"').next()).unwrap_or(rest);
        match word.as_str() {
            "section" => {
                open = true;
                found.push(Section {
                    name: value.to_ascii_lowercase().replace('_', ""),
                    entries: Vec::new(),
                    span: line.span_of(text),
                });
            }
            "endsection" => (open, inner) = (false, false),
            "subsection" => inner = true,
            "endsubsection" => inner = false,
            "" => {}
            _ if open && !inner => {
                if let Some(section) = found.last_mut() {
                    section.entries.push((word, line.field(value)));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sections_and_their_drivers() {
        let text = "Section \"Device\"\n  Identifier \"x\" # card\n  Driver\t\"nvidia\"\n  BusID \"PCI:1:0:0\"\nEndSection\n\
                    Section \"Screen\"\n SubSection \"Display\"\n  Driver \"no\"\n EndSubSection\nEndSection\n";
        let sections = parse(text.as_bytes());
        let driver = sections[0].get("driver").unwrap();
        assert_eq!((driver.text.as_str(), driver.span.line), ("nvidia", 3));
        assert_eq!(sections[0].get("busid").unwrap().text, "PCI:1:0:0");
        assert_eq!((sections[1].name.as_str(), sections[1].get("driver")), ("screen", None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
