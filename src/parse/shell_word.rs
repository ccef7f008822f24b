//! A word as the shell reads it: quotes and backslashes taken out, expansions left as written (POSIX.1-2017, Shell
//! Command Language, 2.2 Quoting).

use super::cursor::{Cursor, Mark};
use crate::place::Span;

/// A word of the shell's with its quotes removed.
#[derive(Default)]
pub(super) struct Word {
    pub(super) text: Vec<u8>,
    /// It has an expansion (`$X`, `` `x` ``) outside of single quotes, which is left as written.
    pub(super) expands: bool,
    /// A line inside its quotes ends in CR LF.
    pub(super) carriage_returns: bool,
    /// Where the quote opens that is never closed, and the quote itself.
    pub(super) unclosed: Option<(Mark, Span)>,
}

/// Calls `read` at the start of each statement of a script, comments and what parts statements passed over. `read` has to
/// take at least one byte.
pub(super) fn statements(bytes: &[u8], mut read: impl FnMut(&mut Cursor<'_>)) {
    let mut cursor = Cursor::new(bytes);
    loop {
        cursor.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b';'));
        match cursor.peek() {
            None => return,
            Some(b'#') => cursor.skip_line(),
            Some(_) => read(&mut cursor),
        }
    }
}

/// Reads the word at `cursor`, up to a blank, a `;` or the end of the line, with CR LF or without.
pub(super) fn word(cursor: &mut Cursor<'_>) -> Word {
    let mut word = Word::default();
    while let Some(byte) = cursor.peek() {
        match byte {
            b' ' | b'\t' | b'\n' | b';' => break,
            b'\r' if matches!(cursor.peek_at(1), None | Some(b'\n')) => break,
            b'\\' => {
                cursor.bump();
                match cursor.bump() {
                    Some(b'\n') | None => {}
                    Some(escaped) => word.text.push(escaped),
                }
            }
            b'\'' | b'"' => quoted(cursor, &mut word),
            _ => {
                word.expands |= matches!(byte, b'$' | b'`');
                word.text.push(byte);
                cursor.bump();
            }
        }
    }
    word
}

fn quoted(cursor: &mut Cursor<'_>, word: &mut Word) {
    let start = cursor.mark();
    let quote = cursor.bump();
    let double = quote == Some(b'"');
    let opening = cursor.span_from(start);
    while let Some(byte) = cursor.bump() {
        match byte {
            _ if Some(byte) == quote => return,
            b'\\' if double && matches!(cursor.peek(), Some(b'$' | b'`' | b'"' | b'\\' | b'\n')) => {
                match cursor.bump() {
                    Some(b'\n') | None => {}
                    Some(escaped) => word.text.push(escaped),
                }
            }
            _ => {
                word.carriage_returns |= byte == b'\r' && cursor.peek() == Some(b'\n');
                word.expands |= double && matches!(byte, b'$' | b'`');
                word.text.push(byte);
            }
        }
    }
    word.unclosed = Some((start, opening));
}
