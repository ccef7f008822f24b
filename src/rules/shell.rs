//! Values of the audited system in commands and lines that a person will run or paste.
//!
//! A device name or a file name is whatever the audited system says it is, also `$(reboot)`. In a command each value
//! is therefore quoted as its surroundings ask (sh(1), "Quoting"): the template is filled in with marks around the
//! values, and the text is then read as a shell reads it.

use std::io::{self, Write};

/// Suffix of the names of templates that are commands.
pub(super) const COMMAND: &str = ".sh";
/// Suffix of the names of templates that are lines of a file.
pub(super) const LINE: &str = ".line";

const START: char = '\u{2}';
const END: char = '\u{3}';

/// Tera's escape function for these templates: marks where a value starts and ends.
pub(super) fn mark(value: &str, out: &mut dyn Write) -> io::Result<()> {
    let value: String = value.chars().filter(|c| !matches!(*c, START | END)).collect();
    write!(out, "{START}{value}{END}")
}

/// What a shell is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Context {
    /// Words.
    Plain,
    /// Words inside `$(...)`.
    Substitution,
    /// `'...'`
    Single,
    /// `"..."`
    Double,
    /// `# ...`
    Comment,
}

/// A command whose marked values are quoted.
pub(super) fn command(filled: &str) -> String {
    let mut out = String::with_capacity(filled.len());
    let mut contexts = vec![Context::Plain];
    let mut characters = filled.chars().peekable();
    while let Some(character) = characters.next() {
        let context = contexts.last().copied().unwrap_or(Context::Plain);
        if character == START {
            let value: String = characters.by_ref().take_while(|c| *c != END).collect();
            out.push_str(&quoted(&visible(&value), context));
            continue;
        }
        match (context, character) {
            (Context::Comment, '\n') | (Context::Single, '\'') | (Context::Double, '"') => {
                contexts.pop();
            }
            (Context::Substitution, ')') => {
                contexts.pop();
            }
            (Context::Comment | Context::Single, _) => {}
            (Context::Double | Context::Plain | Context::Substitution, '\\') => {
                out.push(character);
                // The next character stands for itself.
                if let Some(next) = characters.next_if(|next| *next != START) {
                    out.push(next);
                }
                continue;
            }
            (_, '$') if characters.peek() == Some(&'(') => contexts.push(Context::Substitution),
            (Context::Double, _) => {}
            (_, '"') => contexts.push(Context::Double),
            (_, '\'') => contexts.push(Context::Single),
            (_, '#') if out.is_empty() || out.ends_with(char::is_whitespace) => {
                contexts.push(Context::Comment)
            }
            _ => {}
        }
        out.push(character);
    }
    out
}

/// A value as one word of a command.
pub(crate) fn word(value: &str) -> String {
    match is_harmless(value) && !value.contains(' ') {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', "'\\''")),
    }
}

fn quoted(value: &str, context: Context) -> String {
    match context {
        Context::Comment => value.to_owned(),
        Context::Single => value.replace('\'', "'\\''"),
        Context::Double => {
            let mut out = String::with_capacity(value.len());
            for character in value.chars() {
                if matches!(character, '$' | '`' | '"' | '\\') {
                    out.push('\\');
                }
                out.push(character);
            }
            out
        }
        Context::Plain | Context::Substitution if is_harmless(value) => value.to_owned(),
        Context::Plain | Context::Substitution => format!("'{}'", value.replace('\'', "'\\''")),
    }
}

/// Whether a shell takes every character for itself. A space parts words, which a list of names is meant to do.
fn is_harmless(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || "_./:=@%+,- ".contains(c))
}

/// A value on one line, without what a terminal would act on.
fn visible(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A line of a file; a line's end inside a value would make two of it, and is written in octal as fstab(5) does.
pub(super) fn line(filled: &str) -> String {
    let mut out = String::with_capacity(filled.len());
    let mut inside = false;
    for character in filled.chars() {
        match character {
            START => inside = true,
            END => inside = false,
            _ if inside && character.is_control() && character != '\t' => {
                out.push_str(&format!("\\{:03o}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(template: &str, value: &str) -> String {
        let mut marked = Vec::new();
        mark(value, &mut marked).unwrap();
        command(&template.replace("{}", std::str::from_utf8(&marked).unwrap()))
    }

    #[test]
    fn values_are_quoted_as_their_surroundings_ask() {
        let cases = [
            ("blkid {}", "/dev/sda1", "blkid /dev/sda1"),
            ("printf '%s\\n' {} >> x", "virtio_blk virtio_pci", "printf '%s\\n' virtio_blk virtio_pci >> x"),
            ("blkid {}", "$(reboot)", "blkid '$(reboot)'"),
            ("blkid {}", "a'b;c", "blkid 'a'\\''b;c'"),
            ("blkid /{}", "a b;c", "blkid /'a b;c'"),
            ("blkid {}", "", "blkid ''"),
            ("x --args=\"root={}\"", "LABEL=a b", "x --args=\"root=LABEL=a b\""),
            ("x \"{}\"", "$(reboot)`x`\"\\", "x \"\\$(reboot)\\`x\\`\\\"\\\\\""),
            ("x '{}' {}", "it's;", "x 'it'\\''s;' 'it'\\''s;'"),
            ("mv {}.conf \"$(cat {})-{}\"", "a;b", "mv 'a;b'.conf \"$(cat 'a;b')-a;b\""),
            ("x   # don't {}\nblkid {}", "a;b", "x   # don't a;b\nblkid 'a;b'"),
            ("x a#b {}", "a;b", "x a#b 'a;b'"),
            ("x \\\" {}", "a;b", "x \\\" 'a;b'"),
            ("x {}", "a\nreboot\u{1b}[2J", "x 'a?reboot?[2J'"),
            ("x {}", "a\u{3}; reboot", "x 'a; reboot'"),
        ];
        for (template, value, expected) in cases {
            assert_eq!(filled(template, value), expected, "{template} with {value:?}");
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        let mut marked = Vec::new();
        mark("/mnt\nreboot", &mut marked).unwrap();
        let marked = String::from_utf8(marked).unwrap();
        assert_eq!(line(&format!("UUID=1 {marked}\tx")), "UUID=1 /mnt\\012reboot\tx");
    }

    proptest! {
        #[test]
        fn a_quoted_word_is_read_back_as_the_value(value in "[ -~]{1,20}") {
            for (template, quotes) in [("x {}", '\''), ("x '{}'", '\''), ("x \"{}\"", '"')] {
                let command = filled(template, &value);
                prop_assert_eq!(&unquote(command.strip_prefix("x ").unwrap()), &value, "{} {}", command, quotes);
            }
        }
    }

    /// Reads a word as sh(1) does, without expansions; panics where one would happen.
    fn unquote(word: &str) -> String {
        let mut out = String::new();
        let mut quote = None;
        let mut characters = word.chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (None, '\'' | '"') => quote = Some(character),
                (Some(open), close) if open == close => quote = None,
                (None | Some('"'), '\\') => out.push(characters.next().unwrap()),
                (Some('\''), _) => out.push(character),
                (Some(_), '$' | '`') => panic!("expands: {word}"),
                (None, _) if !is_harmless(&character.to_string()) => panic!("acts: {word}"),
                _ => out.push(character),
            }
        }
        out
    }
}
