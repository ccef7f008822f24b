//! multipath.conf(5): sections of keywords, and what `multipath -t` would complain of.
//!
//! As multipath-tools reads it (`libmpathutil/parser.c`): a section opens with `name {` on one line and closes with
//! `}` at the start of a line; a line is a keyword and one value, in double quotes if it has blanks (`""` inside
//! stands for one quote); `#` and `!` begin comments.

mod keywords;
mod values;

use schemars::JsonSchema;
use serde::Serialize;

use super::text::{Line, lines};
use crate::place::Span;

/// What was read of a multipath.conf or of a file in its conf.d.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MultipathConf {
    /// The settings in order.
    pub settings: Vec<Setting>,
    /// What multipath-tools ignores or misreads.
    pub flaws: Vec<Flaw>,
}

/// A keyword and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The section: `defaults`, `blacklist`, `blacklist_exceptions`, `devices`, `multipaths`, `overrides`.
    pub section: String,
    /// The block inside the section (`device`, `multipath`, `protocol`) and its number in the file; none outside.
    pub block: Option<(String, usize)>,
    /// The keyword.
    pub key: String,
    /// The value, quotes removed.
    pub value: String,
    /// From the keyword to the end of the value.
    pub span: Span,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlawKind {
    /// A keyword that no version knows in this section: the line is ignored.
    UnknownKeyword,
    /// A keyword that newer versions ignore.
    DeprecatedKeyword,
    /// A keyword that takes one value stands twice: older versions take the first or stop reading the section.
    DuplicateKeyword,
    /// The value is missing: the line is ignored.
    MissingValue,
    /// `{` is missing after a section's name.
    MissingBrace,
    /// `}` that closes nothing, or a section that is never closed.
    UnmatchedBrace,
    /// The closing quote is missing.
    MissingQuote,
    /// A value that the keyword does not take: the line is ignored, or the whole file.
    InvalidValue,
    /// A regular expression that is none: the whole file is refused, and multipathd does not start.
    InvalidExpression,
    /// Something stands after the value and is ignored; a `}` there closes nothing.
    ExtraData,
}

/// Something that is not as multipath.conf(5) wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub span: Span,
    /// What kind.
    pub kind: FlawKind,
    /// A sentence: what is there, and what comes of it.
    pub message: String,
}

/// Reads one file.
#[must_use]
pub fn parse(bytes: &[u8]) -> MultipathConf {
    let mut reader = Reader::default();
    let mut last = 1;
    for line in lines(bytes) {
        last = line.number;
        reader.line(&line);
    }
    if let Some(open) = reader.open.first() {
        let message = format!("the section `{}` is never closed: `}}` is missing", open.name);
        let span = if open.span.line == 0 { Span::line(last) } else { open.span };
        reader.flaw(span, FlawKind::UnmatchedBrace, message);
    }
    reader.out
}

/// A section or block that is open, and the keywords seen in it.
#[derive(Debug)]
struct Open {
    name: String,
    span: Span,
    seen: Vec<String>,
    number: usize,
}

#[derive(Debug, Default)]
struct Reader {
    out: MultipathConf,
    open: Vec<Open>,
    blocks: usize,
}

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted { text: String, closed: bool },
    Open,
    Close,
}

impl Reader {
    fn flaw(&mut self, span: Span, kind: FlawKind, message: String) {
        self.out.flaws.push(Flaw { span, kind, message });
    }

    fn line(&mut self, line: &Line<'_>) {
        let tokens = tokens(line);
        let mut tokens = tokens.into_iter();
        let Some((first, span)) = tokens.next() else { return };
        match first {
            Token::Close => {
                if self.open.pop().is_none() {
                    self.flaw(span, FlawKind::UnmatchedBrace, "`}` closes no section".to_owned());
                }
                self.no_more(tokens.next());
            }
            Token::Open => {
                let message = "`{` has to follow the section's name on the same line".to_owned();
                self.flaw(span, FlawKind::MissingBrace, message);
            }
            Token::Word(word) | Token::Quoted { text: word, .. } => self.keyword(&word, span, tokens),
        }
    }

    fn keyword(&mut self, word: &str, span: Span, mut rest: impl Iterator<Item = (Token, Span)>) {
        let next = rest.next();
        let opens = matches!(next, Some((Token::Open, _)));
        let inside: Vec<&str> = self.open.iter().map(|open| open.name.as_str()).collect();
        if opens || keywords::opens_block(&inside, word) {
            if !opens {
                let message = format!("`{{` is missing after `{word}`");
                self.flaw(span, FlawKind::MissingBrace, message);
            } else if !keywords::opens_block(&inside, word) {
                let place = place_name(&inside);
                let message = format!("multipath-tools know no section `{word}` {place}");
                self.flaw(span, FlawKind::UnknownKeyword, message);
            }
            self.no_more(rest.next());
            self.blocks += 1;
            self.open.push(Open { name: word.to_owned(), span, seen: Vec::new(), number: self.blocks });
            return;
        }
        let (value, end) = match next {
            None => {
                let message = format!("`{word}` has no value: the line is ignored");
                self.flaw(span, FlawKind::MissingValue, message);
                return;
            }
            Some((Token::Word(text), end)) => (text, end),
            Some((Token::Quoted { text, closed }, end)) => {
                if !closed {
                    self.flaw(end, FlawKind::MissingQuote, "the closing quote is missing".to_owned());
                }
                (text, end)
            }
            Some((Token::Open | Token::Close, end)) => {
                let message = format!("`{word}` has no value: the line is ignored");
                self.flaw(end, FlawKind::MissingValue, message);
                return;
            }
        };
        self.no_more(rest.next());
        let whole = Span { end: end.end, ..span };
        self.check_keyword(word, whole);
        let inside: Vec<&str> = self.open.iter().map(|open| open.name.as_str()).collect();
        if let Some((kind, message)) = values::check(&inside, word, &value) {
            self.flaw(end, kind, message);
        }
        let Some(section) = self.open.first() else { return };
        let block = self.open.get(1).map(|block| (block.name.clone(), block.number));
        let section = section.name.clone();
        self.out.settings.push(Setting { section, block, key: word.to_owned(), value, span: whole });
    }

    fn check_keyword(&mut self, word: &str, span: Span) {
        let inside: Vec<&str> = self.open.iter().map(|open| open.name.as_str()).collect();
        match keywords::look_up(&inside, word) {
            keywords::Known::Single => {
                let seen = self.open.last_mut().map(|open| &mut open.seen);
                if let Some(seen) = seen {
                    if seen.iter().any(|known| known == word) {
                        let message = format!("`{word}` stands twice in this section");
                        self.flaw(span, FlawKind::DuplicateKeyword, message);
                    } else {
                        seen.push(word.to_owned());
                    }
                }
            }
            keywords::Known::Many => {}
            keywords::Known::Deprecated(instead) => {
                let message = format!("`{word}` is ignored by newer multipath-tools: {instead}");
                self.flaw(span, FlawKind::DeprecatedKeyword, message);
            }
            keywords::Known::No => {
                let place = place_name(&inside);
                let message = format!("`{word}` is no keyword {place}: the line is ignored");
                self.flaw(span, FlawKind::UnknownKeyword, message);
            }
        }
    }

    fn no_more(&mut self, token: Option<(Token, Span)>) {
        let Some((token, span)) = token else { return };
        let what = match token {
            Token::Close => "a `}` at the end of a line closes nothing: it has to start a line".to_owned(),
            Token::Open => "a `{` here is ignored".to_owned(),
            Token::Word(text) | Token::Quoted { text, .. } => {
                let text: String = text.chars().take(40).collect();
                format!("`{text}` and what follows is ignored: a value with blanks needs double quotes")
            }
        };
        self.flaw(span, FlawKind::ExtraData, what);
    }
}

fn place_name(inside: &[&str]) -> String {
    if inside.is_empty() {
        "outside of all sections".to_owned()
    } else {
        format!("in `{}`", inside.join("/"))
    }
}

/// The pieces of a line. Bytes outside ASCII count as blanks outside quotes, as there.
fn tokens(line: &Line<'_>) -> Vec<(Token, Span)> {
    let bytes = line.bytes;
    let mut tokens = Vec::new();
    let mut position = 0;
    while let Some(byte) = bytes.get(position).copied() {
        let start = position;
        let token = match byte {
            b'#' | b'!' => break,
            b'{' | b'}' => {
                position += 1;
                if byte == b'{' { Token::Open } else { Token::Close }
            }
            b'"' => {
                let (text, closed, end) = quoted(bytes, position + 1);
                position = end;
                Token::Quoted { text, closed }
            }
            _ if byte.is_ascii_whitespace() || !byte.is_ascii() || byte == 0 => {
                position += 1;
                continue;
            }
            _ => {
                let ends = |b: &u8| b.is_ascii_whitespace() || !b.is_ascii() || b"!#{}\"\0".contains(b);
                let tail = bytes.get(position..).unwrap_or_default();
                let len = tail.iter().position(ends).unwrap_or(tail.len()).max(1);
                position += len;
                Token::Word(String::from_utf8_lossy(tail.get(..len).unwrap_or_default()).into_owned())
            }
        };
        tokens.push((token, Span::new(line.number, start + 1, position + 1)));
    }
    tokens
}

/// The text of a quoted value that starts at `position`; `""` stands for a quote.
fn quoted(bytes: &[u8], mut position: usize) -> (String, bool, usize) {
    let mut text = Vec::new();
    let mut closed = false;
    while let Some(byte) = bytes.get(position) {
        position += 1;
        if *byte != b'"' {
            text.push(*byte);
        } else if bytes.get(position) == Some(&b'"') {
            text.push(b'"');
            position += 1;
        } else {
            closed = true;
            break;
        }
    }
    (String::from_utf8_lossy(&text).into_owned(), closed, position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row<'a> = (&'a str, Option<(&'a str, usize)>, &'a str, &'a str);

    fn rows(conf: &MultipathConf) -> Vec<Row<'_>> {
        conf.settings
            .iter()
            .map(|s| {
                let block = s.block.as_ref().map(|(name, number)| (name.as_str(), *number));
                (s.section.as_str(), block, s.key.as_str(), s.value.as_str())
            })
            .collect()
    }

    fn flaws(text: &str) -> Vec<(FlawKind, u32, u32)> {
        parse(text.as_bytes()).flaws.iter().map(|f| (f.kind, f.span.line, f.span.column)).collect()
    }

    #[test]
    fn sections_hold_settings_and_blocks() {
        let text = "# x\ndefaults {\n\tuser_friendly_names yes\n\tfind_multipaths \"yes\"\n}\n\
            blacklist {\n  devnode \"^sd[a-b]$\"\n  devnode ^vd\n  device {\n    vendor \"IBM\"\n    product \".*\"\n  }\n}\n\
            multipaths {\n  multipath {\n    wwid 3600a\n    alias data\n  }\n  multipath {\n    wwid 3600b\n  }\n}\n";
        let conf = parse(text.as_bytes());
        assert_eq!(conf.flaws, []);
        assert_eq!(
            rows(&conf),
            [
                ("defaults", None, "user_friendly_names", "yes"),
                ("defaults", None, "find_multipaths", "yes"),
                ("blacklist", None, "devnode", "^sd[a-b]$"),
                ("blacklist", None, "devnode", "^vd"),
                ("blacklist", Some(("device", 3)), "vendor", "IBM"),
                ("blacklist", Some(("device", 3)), "product", ".*"),
                ("multipaths", Some(("multipath", 5)), "wwid", "3600a"),
                ("multipaths", Some(("multipath", 5)), "alias", "data"),
                ("multipaths", Some(("multipath", 6)), "wwid", "3600b"),
            ]
        );
        assert_eq!(conf.settings[2].span, Span::new(7, 3, 22));
    }

    #[test]
    fn what_multipath_t_complains_of_is_a_flaw() {
        for (text, want) in [
            ("defaults {\n user_freindly_names yes\n}\n", (FlawKind::UnknownKeyword, 2, 2)),
            ("defaults {\n getuid_callout \"/lib/udev/scsi_id\"\n}\n", (FlawKind::DeprecatedKeyword, 2, 2)),
            (
                "defaults {\n find_multipaths yes\n find_multipaths no\n}\n",
                (FlawKind::DuplicateKeyword, 3, 2),
            ),
            ("defaults {\n find_multipaths\n}\n", (FlawKind::MissingValue, 2, 2)),
            ("defaults\n{\n}\n", (FlawKind::MissingBrace, 1, 1)),
            ("blacklist {\n devnode \"^sd\" }\n}\n", (FlawKind::ExtraData, 2, 16)),
            ("}\n", (FlawKind::UnmatchedBrace, 1, 1)),
            ("defaults {\n", (FlawKind::UnmatchedBrace, 1, 1)),
            ("defaults {\n features \"1 queue\n}\n", (FlawKind::MissingQuote, 2, 11)),
            ("defaults {\n features 1 queue_if_no_path\n}\n", (FlawKind::ExtraData, 2, 13)),
            ("default {\n find_multipaths yes\n}\n", (FlawKind::UnknownKeyword, 1, 1)),
            ("devices {\n multipath {\n }\n}\n", (FlawKind::UnknownKeyword, 2, 2)),
        ] {
            assert_eq!(flaws(text).first(), Some(&want), "{text}");
        }
    }

    #[test]
    fn quotes_are_doubled_inside_quotes() {
        let conf = parse(b"devices {\ndevice {\nproduct \"2\"\" disk\" # x\n}\n}\n");
        assert_eq!(conf.settings[0].value, "2\" disk");
        assert_eq!(conf.flaws, []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).settings.len() <= bytes.len());
        }

        #[test]
        fn likely_lines_are_read(lines in proptest::collection::vec("(defaults|devices|device|blacklist|vendor|wwid| )?[ {}\"#a]{0,8}", 0..20)) {
            let text = lines.join("\n");
            prop_assert!(parse(text.as_bytes()).settings.len() <= lines.len());
        }

        #[test]
        fn settings_read_back(value in "[ -~]{0,20}") {
            let text = format!("blacklist {{\n devnode \"{}\"\n}}\n", value.replace('"', "\"\""));
            // A quote at the very start would read as the end of an empty value.
            prop_assume!(!value.starts_with('"'));
            let conf = parse(text.as_bytes());
            prop_assert_eq!(&conf.settings[0].value, &value);
        }
    }
}
