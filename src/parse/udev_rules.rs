//! udev's rules files (udev(7), systemd's src/udev/udev-rules.c, udev 095's udev_rules_parse.c).
//!
//! A rule is a line of `KEY{attribute}OPERATOR"value"` with commas or blanks between. A backslash at a line's end joins
//! the next, inside of a value, too; lines that begin with `#` are passed over even between joined ones. In a value a
//! backslash stands for itself unless a quote follows it; `e"…"` has the escapes of C, `i"…"` compares without case.

use super::Mistake;
use super::cursor::lossy;
use super::text::{self, Line};
use crate::place::Span;

/// What was read of a rules file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The rules, in order.
    pub rules: Vec<Rule>,
    /// Lines that are not rules; udev passes over each as a whole.
    pub mistakes: Vec<Mistake>,
}

/// One rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule; a rule of several lines is marked by its first.
    pub span: Span,
    /// Its parts, in order.
    pub tokens: Vec<Token>,
}

/// `KEY{attribute}OPERATOR"value"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The key with its attribute, as written: `ATTR{address}`.
    pub key: String,
    /// What is done with the value.
    pub operator: Operator,
    /// The value.
    pub value: String,
}

/// What a part of a rule does with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`.
    Match,
    /// `!=`.
    Differ,
    /// `=`.
    Assign,
    /// `+=`.
    Add,
    /// `-=`.
    Remove,
    /// `:=`, which later rules do not change.
    Final,
}

impl Operator {
    /// Whether it asks, and does not set.
    #[must_use]
    pub fn is_condition(self) -> bool {
        matches!(self, Self::Match | Self::Differ)
    }
}

/// Bytes of joined lines that make up a rule: udev's own limit is 16 KiB.
const MAX_RULE: usize = 64 * 1024;

/// Reads a rules file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Rules {
    let mut out = Rules::default();
    let mut lines = text::lines(bytes).filter(|line| !is_comment(line));
    while let Some(first) = lines.next() {
        let start = first.bytes.iter().take_while(|byte| text::is_blank(**byte)).count();
        let mut text = first.bytes.get(start..).unwrap_or_default().to_vec();
        let mut joined = false;
        while text.last() == Some(&b'\\') && text.len() < MAX_RULE {
            text.pop();
            joined = true;
            let Some(next) = lines.next() else { break };
            text.extend_from_slice(next.bytes);
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let end = if joined { start } else { first.bytes.len() };
        let span = Span::new(first.number, start + 1, end + 1);
        match tokens(&text) {
            Some(tokens) if tokens.is_empty() => {}
            Some(tokens) => out.rules.push(Rule { span, tokens }),
            None => out.mistakes.push(Mistake {
                span,
                message: "udev passes over a rule that is not KEY==\"value\" or KEY=\"value\"".to_owned(),
            }),
        }
    }
    out
}

fn is_comment(line: &Line<'_>) -> bool {
    line.bytes.iter().find(|byte| !text::is_blank(**byte)) == Some(&b'#')
}

/// The parts of a rule; none when one of them is not understood.
fn tokens(rule: &[u8]) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = rule;
    loop {
        rest = trim_start(rest, |byte| byte.is_ascii_whitespace() || byte == b',');
        if rest.is_empty() {
            return Some(found);
        }
        let (token, after) = token(rest)?;
        found.push(token);
        rest = after;
    }
}

fn token(text: &[u8]) -> Option<(Token, &[u8])> {
    let name = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let mut length = name;
    if text.get(name) == Some(&b'{') {
        length += memchr::memchr(b'}', text.get(name..)?)? + 1;
    }
    if name == 0 {
        return None;
    }
    let (key, rest) = text.split_at_checked(length)?;
    let rest = trim_start(rest, |byte| byte.is_ascii_whitespace());
    let (operator, width) = match (rest.first()?, rest.get(1)) {
        (b'=', Some(b'=')) => (Operator::Match, 2),
        (b'!', Some(b'=')) => (Operator::Differ, 2),
        (b'+', Some(b'=')) => (Operator::Add, 2),
        (b'-', Some(b'=')) => (Operator::Remove, 2),
        (b':', Some(b'=')) => (Operator::Final, 2),
        (b'=', _) => (Operator::Assign, 1),
        _ => return None,
    };
    let rest = trim_start(rest.get(width..)?, |byte| byte.is_ascii_whitespace());
    let (value, rest) = value(rest)?;
    Some((Token { key: lossy(key), operator, value: lossy(&value) }, rest))
}

/// The value in its quotes, and what follows it.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let prefix = text.iter().take_while(|byte| matches!(byte, b'e' | b'i')).count();
    let mut rest = text.get(prefix..)?.strip_prefix(b"\"")?;
    let mut value = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((value, rest)),
            b'\\' if rest.first() == Some(&b'"') => {
                value.push(b'"');
                rest = rest.get(1..)?;
            }
            byte => value.push(*byte),
        }
    }
}

fn trim_start(text: &[u8], pass: impl Fn(u8) -> bool) -> &[u8] {
    let start = text.iter().position(|byte| !pass(*byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let row = |rule: &Rule| {
            let tokens = rule.tokens.iter().map(|t| format!("{}|{:?}|{}", t.key, t.operator, t.value));
            format!("{}: {}", rule.span.line, tokens.collect::<Vec<_>>().join(" "))
        };
        parse(text.as_bytes()).rules.iter().map(row).collect()
    }

    #[test]
    fn rules_are_read_as_udev_reads_them() {
        for (text, expected) in [
            (
                "# Oracle ASM\nKERNEL==\"sd?1\", SUBSYSTEM==\"block\", PROGRAM==\"/sbin/scsi_id -g -u -d /dev/$parent\", RESULT==\"36000c29\", SYMLINK+=\"asm1\", OWNER=\"oracle\"\n",
                vec![
                    "2: KERNEL|Match|sd?1 SUBSYSTEM|Match|block PROGRAM|Match|/sbin/scsi_id -g -u -d /dev/$parent RESULT|Match|36000c29 SYMLINK|Add|asm1 OWNER|Assign|oracle",
                ],
            ),
            (
                "ACTION==\"add\", \\\n# between\n  KERNELS==\"0000:03:00.0\" NAME:=\"lan\"\r\n",
                vec!["1: ACTION|Match|add KERNELS|Match|0000:03:00.0 NAME|Final|lan"],
            ),
            ("RUN+=\"/bin/sh -c 'a \\\n b'\"", vec!["1: RUN|Add|/bin/sh -c 'a  b'"]),
            ("ENV{a.b-c}!=\"x\\\"y\\d\" TAG-=\"t\"", vec!["1: ENV{a.b-c}|Differ|x\"y\\d TAG|Remove|t"]),
            ("ATTR{x}==i\"Foo\", NAME=e\"a\"", vec!["1: ATTR{x}|Match|Foo NAME|Assign|a"]),
            ("LABEL=\"end\"\n\n  ,\n", vec!["1: LABEL|Assign|end"]),
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_rule_is_a_mistake_and_the_next_is_read() {
        let text = b"NAME=eth0\nKERNEL=\"sda\nNAME=\"a\"\n==\"x\"\n";
        let rules = parse(text);
        assert_eq!(rules.rules.len(), 1);
        assert_eq!(rules.mistakes.iter().map(|m| m.span.line).collect::<Vec<_>>(), [1, 2, 4]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let rules = parse(&bytes);
            prop_assert!(rules.rules.len() + rules.mistakes.len() <= bytes.len() + 1);
        }

        #[test]
        fn a_rule_comes_back(key in "[A-Z]{1,8}(\\{[a-z/]{1,8}\\})?", value in "[a-z0-9$%.*|]{0,20}") {
            let read = parse(format!("{key}==\"{value}\", NAME=\"x\"").as_bytes());
            prop_assert_eq!((&read.rules[0].tokens[0].key, &read.rules[0].tokens[0].value), (&key, &value));
        }
    }
}
