//! haproxy.cfg: a line is a keyword with arguments; quotes, backslashes and comments as `parse_line` in HAProxy's
//! `src/tools.c` takes them. Sections start with a keyword of their own (`global`, `frontend NAME`).

use super::cursor::lossy;
use crate::place::Span;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The words, with their places; at least one.
    pub words: Vec<Word>,
    /// The keyword of the section the line is in; empty before the first.
    pub section: &'static str,
}

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Quotes and escapes resolved; environment variables as written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

const SECTIONS: [&str; 14] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "peers",
    "userlist",
    "mailers",
    "resolvers",
    "cache",
    "program",
    "http-errors",
    "ring",
    "crt-store",
];

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut section = "";
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let words = words(line, index + 1);
        let Some(first) = words.first() else { continue };
        if let Some(name) = SECTIONS.iter().find(|name| **name == first.text) {
            section = name;
        }
        lines.push(Line { words, section });
    }
    lines
}

fn words(line: &[u8], number: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut text = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut bytes = line.iter().copied().enumerate().peekable();
    let mut finish = |text: &mut Vec<u8>, start: &mut Option<usize>, end: usize| {
        if let Some(start) = start.take() {
            words.push(Word { text: lossy(text), span: Span::new(number, start + 1, end + 1) });
            text.clear();
        }
    };
    while let Some((at, byte)) = bytes.next() {
        match (byte, quote) {
            (b'#', None) => {
                finish(&mut text, &mut start, at);
                break;
            }
            (b' ' | b'\t' | b'\r', None) => finish(&mut text, &mut start, at),
            (b'"' | b'\'', None) => {
                start.get_or_insert(at);
                quote = Some(byte);
            }
            (_, Some(open)) if byte == open => quote = None,
            (b'\\', None | Some(b'"')) => {
                start.get_or_insert(at);
                text.extend(bytes.next().map(|(_, escaped)| escaped));
            }
            _ => {
                start.get_or_insert(at);
                text.push(byte);
            }
        }
    }
    finish(&mut text, &mut start, line.len());
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_words_in_sections() {
        let text = "global\n  ssl-default-bind-options ssl-min-ver TLSv1.2 # now\n\nfrontend www\n  bind \":443 x\" ssl crt a\\ b'#c'\r\n";
        let rows: Vec<_> = parse(text.as_bytes())
            .into_iter()
            .map(|line| {
                let words: Vec<_> = line.words.iter().map(|word| word.text.as_str()).collect();
                format!("{}: {}", line.section, words.join("|"))
            })
            .collect();
        assert_eq!(
            rows,
            [
                "global: global",
                "global: ssl-default-bind-options|ssl-min-ver|TLSv1.2",
                "frontend: frontend|www",
                "frontend: bind|:443 x|ssl|crt|a b#c",
            ]
        );
        assert_eq!(parse(b"bind  *:443").remove(0).words[1].span, Span::new(1, 7, 12));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let lines = parse(&bytes);
            prop_assert!(lines.iter().all(|line| !line.words.is_empty()));
        }

        #[test]
        fn plain_words_come_back(words in proptest::collection::vec("[a-z0-9.:-]{1,10}", 1..5)) {
            let lines = parse(words.join(" ").as_bytes());
            let read: Vec<_> = lines[0].words.iter().map(|word| word.text.clone()).collect();
            prop_assert_eq!(read, words);
        }
    }
}
