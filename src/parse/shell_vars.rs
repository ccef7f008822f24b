//! Files of shell assignments that a program sources: `/etc/sysconfig/*`, dracut.conf(5), initramfs.conf(5).
//!
//! Quotes are the shell's; `NAME+=value` appends (bash). What is no assignment is a command, which only the shell
//! could say the effect of: its place is kept and the rest of its line is passed over. Expansions (`$X`) are left as
//! written and marked. (ifcfg files have a reader of their own, [`super::ifcfg`], since they know no appending.)

use super::Mistake;
use super::cursor::{Cursor, lossy};
use super::shell_word::{self, Word};
use crate::place::Span;

/// What was read of such a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ShellVars {
    /// The assignments, in order.
    pub assignments: Vec<Assignment>,
    /// Lines that the shell would run.
    pub commands: Vec<Span>,
    /// What the shell would stumble over.
    pub mistakes: Vec<Mistake>,
}

/// `NAME=value` or `NAME+=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// The value, quotes removed.
    pub value: String,
    /// It is `+=`.
    pub appends: bool,
    /// The value has an expansion (`$X`, `` `x` ``), which is left as written.
    pub expands: bool,
    /// The whole assignment.
    pub span: Span,
    /// The value with its quotes.
    pub value_span: Span,
}

impl ShellVars {
    /// The value of `name` at the end, appended parts included; none if it is never assigned.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let mut value: Option<String> = None;
        for assignment in self.assignments.iter().filter(|assignment| assignment.name == name) {
            match &mut value {
                Some(value) if assignment.appends => value.push_str(&assignment.value),
                _ => value = Some(assignment.value.clone()),
            }
        }
        value
    }

    /// The last assignment of `name`.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Assignment> {
        self.assignments.iter().rev().find(|assignment| assignment.name == name)
    }
}

/// Reads a file of assignments.
#[must_use]
pub fn parse(bytes: &[u8]) -> ShellVars {
    let mut out = ShellVars::default();
    shell_word::statements(bytes, |cursor| statement(cursor, &mut out));
    out
}

/// An assignment, `export` (which assignments may follow), or a command.
fn statement(cursor: &mut Cursor<'_>, out: &mut ShellVars) {
    let start = cursor.mark();
    let mut length = 0;
    let mut name = Vec::new();
    while let Some(byte) = cursor.peek_at(length).filter(|byte| *byte == b'_' || byte.is_ascii_alphanumeric())
    {
        name.push(byte);
        length += 1;
    }
    let appends = cursor.peek_at(length) == Some(b'+');
    let operator = length + usize::from(appends);
    let is_name = name.first().is_some_and(|first| !first.is_ascii_digit());
    if is_name && cursor.peek_at(operator) == Some(b'=') {
        (0..=operator).for_each(|_| {
            cursor.bump();
        });
        let value_start = cursor.mark();
        let word = word(cursor, out);
        out.assignments.push(Assignment {
            name: lossy(&name),
            value: lossy(&word.text),
            appends,
            expands: word.expands,
            span: cursor.span_from(start),
            value_span: cursor.span_from(value_start),
        });
        return;
    }
    (0..length).for_each(|_| {
        cursor.bump();
    });
    if matches!(name.as_slice(), b"export" | b"readonly") && matches!(cursor.peek(), Some(b' ' | b'\t')) {
        return;
    }
    let name_end = cursor.span_from(start);
    cursor.skip_while(|byte| matches!(byte, b' ' | b'\t'));
    if is_name
        && (cursor.peek() == Some(b'=') || (cursor.peek() == Some(b'+') && cursor.peek_at(1) == Some(b'=')))
    {
        let name = lossy(&name);
        let message = format!("a blank before `=`: the shell runs `{name}` as a command and assigns nothing");
        out.mistakes.push(Mistake { span: name_end, message });
    }
    cursor.skip_line();
    out.commands.push(cursor.span_from(start));
}

/// A word of the shell's with its quotes removed, and with a carriage return behind it taken off.
fn word(cursor: &mut Cursor<'_>, out: &mut ShellVars) -> Word {
    let word = shell_word::word(cursor);
    if let Some((_, opening)) = word.unclosed {
        let message =
            "the quote that opens here is never closed: the shell reads nothing after it".to_owned();
        out.mistakes.push(Mistake { span: opening, message });
    }
    if cursor.peek() == Some(b'\r') {
        let start = cursor.mark();
        cursor.bump();
        let message = "the line ends in CR LF: the shell makes the CR a part of the value".to_owned();
        out.mistakes.push(Mistake { span: cursor.span_from(start), message });
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<(String, String, bool)> {
        let row = |a: Assignment| (a.name, a.value, a.appends);
        parse(text.as_bytes()).assignments.into_iter().map(row).collect()
    }

    #[test]
    fn assignments_are_read_as_the_shell_reads_them() {
        for (text, want) in [
            ("A=b\n", ("A", "b", false)),
            ("  A=\"b c\" # x\n", ("A", "b c", false)),
            ("A='b $c'\n", ("A", "b $c", false)),
            ("A+=\" x \"\n", ("A", " x ", true)),
            ("export A=b\n", ("A", "b", false)),
            ("A=a\\ b\"c\"'d'\n", ("A", "a bcd", false)),
            ("A=\"a\\\nb\"\n", ("A", "ab", false)),
            ("A=\n", ("A", "", false)),
        ] {
            assert_eq!(rows(text), [(want.0.into(), want.1.into(), want.2)], "{text}");
        }
        assert_eq!(rows("A=1; B=2 C=3").len(), 3);
    }

    #[test]
    fn appended_parts_make_up_the_value() {
        let vars = parse(b"D+=\"a\"\nD+=\"b \"\nE=1\nE=2\n");
        assert_eq!(vars.value("D").as_deref(), Some("ab "));
        assert_eq!(vars.value("E").as_deref(), Some("2"));
        assert_eq!(vars.value("F"), None);
        assert_eq!(
            vars.last("D").map(|a| (a.span, a.value_span)),
            Some((Span::new(2, 1, 8), Span::new(2, 4, 8)))
        );
    }

    #[test]
    fn what_the_shell_stumbles_over_is_a_mistake() {
        for (text, line, column) in
            [("A = b\n", 1, 1), ("A += b\n", 1, 1), ("X=1\nA=\"b\nB=c\n", 2, 3), ("A=b\r\n", 1, 4)]
        {
            let mistakes = parse(text.as_bytes()).mistakes;
            assert_eq!(mistakes.len(), 1, "{text}");
            assert_eq!((mistakes[0].span.line, mistakes[0].span.column), (line, column), "{text}");
        }
        let vars = parse(b"if [ -f /x ]; then\n  A=1\nfi\n");
        assert_eq!((vars.assignments.len(), vars.commands.len(), vars.mistakes.len()), (1, 2, 0));
        assert!(parse(b"A=$B\n").assignments[0].expands);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).assignments.len() <= bytes.len());
        }

        #[test]
        fn a_quoted_value_reads_back(name in "[A-Za-z_][A-Za-z0-9_]{0,8}", value in "[ -~\n]{0,30}") {
            prop_assume!(name != "export" && name != "readonly");
            let quoted = value.replace('\'', "'\\''");
            let got = rows(&format!("# x\n{name}='{quoted}'\nZ=1\n"));
            prop_assert_eq!(&got[0], &(name, value, false));
            prop_assert_eq!(got.len(), 2);
        }
    }
}
