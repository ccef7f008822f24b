//! ifcfg-* files: shell assignments that network scripts source (initscripts' sysconfig.txt, SUSE's ifcfg(5)).
//!
//! The files are sourced by bash, so quoting is the shell's; the last assignment of a variable counts. What is no
//! assignment is a command, which the shell would run: that is a mistake here. Expansions (`$X`) are left as
//! written and marked. NetworkManager's reader (`shvar.c`) understands the same subset.

use super::Mistake;
use super::cursor::{Cursor, lossy};
use super::shell_word::{self, Word};
use crate::place::Span;

/// What was read of an ifcfg file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ifcfg {
    /// The assignments, in order.
    pub assignments: Vec<Assignment>,
    /// Whether a line ends in a carriage return, which the shell makes a part of the value.
    pub carriage_returns: bool,
    /// What is not an assignment.
    pub mistakes: Vec<Mistake>,
}

/// `KEY=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub key: String,
    /// The value, quotes removed, a carriage return at its end removed.
    pub value: String,
    /// The whole assignment.
    pub span: Span,
    /// Whether the value has an expansion (`$X`, `` `x` ``) that is left as written.
    pub expands: bool,
}

impl Ifcfg {
    /// The assignment of `key` that counts: the last.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Assignment> {
        self.assignments.iter().rev().find(|assignment| assignment.key == key)
    }
}

/// Reads an ifcfg file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Ifcfg {
    let mut out = Ifcfg::default();
    shell_word::statements(bytes, |cursor| statement(cursor, &mut out));
    out
}

/// One line (or part of a line up to `;`): assignments, perhaps after `export`, or a mistake.
fn statement(cursor: &mut Cursor<'_>, out: &mut Ifcfg) {
    let mut pending = Vec::new();
    let mut exported = false;
    loop {
        cursor.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        match cursor.peek() {
            None | Some(b'\n' | b';') => break,
            Some(b'\r') if matches!(cursor.peek_at(1), None | Some(b'\n')) => {
                out.carriage_returns = true;
                break;
            }
            Some(b'#') => {
                cursor.skip_line();
                break;
            }
            Some(_) => {}
        }
        let start = cursor.mark();
        match assignment(cursor, out) {
            Some(found) => pending.push(found),
            None => {
                let word = word(cursor, out);
                let span = cursor.span_from(start);
                if pending.is_empty() && !exported && matches!(word.text.as_slice(), b"export" | b"declare") {
                    exported = true;
                    continue;
                }
                if exported && is_name(&word.text) {
                    continue;
                }
                let what = lossy(&word.text).chars().take(40).collect::<String>();
                out.mistakes.push(Mistake {
                    span,
                    message: format!("`{what}` is not an assignment; the shell runs it as a command"),
                });
                cursor.skip_line();
                return;
            }
        }
    }
    out.assignments.append(&mut pending);
}

fn assignment(cursor: &mut Cursor<'_>, out: &mut Ifcfg) -> Option<Assignment> {
    let start = cursor.mark();
    let mut ahead = 0;
    let mut key = Vec::new();
    while let Some(byte) = cursor.peek_at(ahead) {
        if byte == b'=' {
            break;
        }
        if !(byte == b'_' || byte.is_ascii_alphanumeric()) {
            return None;
        }
        key.push(byte);
        ahead += 1;
    }
    if !is_name(&key) || cursor.peek_at(ahead) != Some(b'=') {
        return None;
    }
    for _ in 0..=ahead {
        cursor.bump();
    }
    let word = word(cursor, out);
    let span = cursor.span_from(start);
    Some(Assignment { key: lossy(&key), value: lossy(&word.text), span, expands: word.expands })
}

fn is_name(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// One word of the shell's, quotes removed.
fn word(cursor: &mut Cursor<'_>, out: &mut Ifcfg) -> Word {
    let word = shell_word::word(cursor);
    out.carriage_returns |= word.carriage_returns;
    if let Some((start, _)) = word.unclosed {
        let message =
            "the quote that opens here is never closed; the shell stops reading the file".to_owned();
        out.mistakes.push(Mistake { span: cursor.span_from(start), message });
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).assignments.into_iter().map(|a| (a.key, a.value)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn assignments_are_read_as_the_shell_reads_them() {
        for (text, expected) in [
            ("DEVICE=eth0\nONBOOT=yes\n", [("DEVICE", "eth0"), ("ONBOOT", "yes")].as_slice()),
            (
                "DEVICE=\"eth0\" # the first\nNAME='System eth0'",
                &[("DEVICE", "eth0"), ("NAME", "System eth0")],
            ),
            ("  DEVICE=eth0; ONBOOT=no", &[("DEVICE", "eth0"), ("ONBOOT", "no")]),
            ("export DEVICE=eth0\nexport DEVICE\n", &[("DEVICE", "eth0")]),
            ("BONDING_OPTS=\"mode=1 \\\n miimon=100\"", &[("BONDING_OPTS", "mode=1  miimon=100")]),
            ("A=a\\ b'c d'\"e\\\"f\"", &[("A", "a bc de\"f")]),
            ("A=x#y\n#B=1\n", &[("A", "x#y")]),
            ("A=\nB=''", &[("A", ""), ("B", "")]),
            ("DEVICE=eth0\r\nONBOOT=\"yes\"\r\n", &[("DEVICE", "eth0"), ("ONBOOT", "yes")]),
        ] {
            assert_eq!(values(text), pairs(expected), "{text:?}");
        }
    }

    #[test]
    fn the_last_assignment_counts_and_knows_its_place() {
        let ifcfg = parse(b"HWADDR=00:00:5E:00:53:01\nHWADDR=00:00:5E:00:53:02\n");
        let found = ifcfg.get("HWADDR").unwrap();
        assert_eq!((found.value.as_str(), found.span), ("00:00:5E:00:53:02", Span::new(2, 1, 25)));
        assert_eq!(ifcfg.get("DEVICE"), None);
    }

    #[test]
    fn carriage_returns_and_expansions_are_noted() {
        assert!(parse(b"DEVICE=eth0\r\n").carriage_returns);
        assert!(!parse(b"DEVICE=eth0\n").carriage_returns);
        assert!(parse(b"A=$B").assignments.iter().all(|a| a.expands));
        assert!(parse(b"A='$B'").assignments.iter().all(|a| !a.expands));
    }

    #[test]
    fn what_is_no_assignment_is_a_mistake() {
        let ifcfg = parse(b"DEVICE = eth0\nONBOOT=yes\n");
        assert_eq!(ifcfg.mistakes.len(), 1);
        assert_eq!(ifcfg.mistakes[0].span, Span::new(1, 1, 7));
        assert_eq!(values("DEVICE = eth0\nONBOOT=yes\n"), pairs(&[("ONBOOT", "yes")]));
        assert_eq!(values("DEVICE=eth0 reboot\nONBOOT=yes"), pairs(&[("ONBOOT", "yes")]));
        assert!(parse(b"NAME=\"never closed\nONBOOT=yes\n").mistakes[0].message.contains("never closed"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let read = parse(&bytes);
            prop_assert!(read.assignments.len() <= bytes.len());
        }

        #[test]
        fn a_single_quoted_value_comes_back_as_it_was(value in "[^'\\r]{0,40}") {
            let text = format!("KEY='{value}'\n");
            let read = parse(text.as_bytes());
            prop_assert_eq!(&read.assignments[0].value, &value);
        }
    }
}
