//! libconfig's format (https://hyperrealm.github.io/libconfig/, "Configuration Files"), in which lldpad keeps its state:
//! groups in braces, `name = value;` or `name : value;`, comments of C, C++ and the shell.
//!
//! Lists and arrays are passed over; `@include` is not followed.

use super::cursor::{Cursor, lossy};
use crate::place::Span;

/// A setting inside its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The names of the groups around it and its own, joined by dots: `lldp.eth4.adminStatus`.
    pub path: String,
    /// The value without quotes.
    pub value: String,
    /// The setting.
    pub span: Span,
}

/// Groups inside each other; lldpad has three.
const MAX_DEPTH: usize = 16;
/// Characters of a path that are kept: it is copied to each of a group's settings.
const MAX_PATH: usize = 256;

/// Reads a file; what is malformed ends it.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Entry> {
    let mut cursor = Cursor::new(bytes);
    let mut groups: Vec<String> = Vec::new();
    let mut found = Vec::new();
    loop {
        skip_blanks(&mut cursor);
        match cursor.peek() {
            None => return found,
            Some(b'}') => {
                cursor.bump();
                groups.pop();
                continue;
            }
            Some(_) => {}
        }
        let start = cursor.mark();
        let name = word(&mut cursor);
        skip_blanks(&mut cursor);
        if name.is_empty() || !matches!(cursor.peek(), Some(b'=' | b':')) {
            return found;
        }
        cursor.bump();
        skip_blanks(&mut cursor);
        match cursor.peek() {
            Some(b'{') if groups.len() < MAX_DEPTH => {
                cursor.bump();
                groups.push(name);
            }
            Some(b'(' | b'[') => cursor.skip_while(|byte| !matches!(byte, b')' | b']')),
            _ => {
                let value = value(&mut cursor);
                let path: String = groups.join(".").chars().take(MAX_PATH).collect();
                let path = if groups.is_empty() { name } else { format!("{path}.{name}") };
                found.push(Entry { path, value, span: cursor.span_from(start) });
            }
        }
    }
}

/// Blanks, what ends a setting, and comments.
fn skip_blanks(cursor: &mut Cursor<'_>) {
    loop {
        cursor.skip_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b',' | b')' | b']'));
        match (cursor.peek(), cursor.peek_at(1)) {
            (Some(b'#'), _) | (Some(b'/'), Some(b'/')) => cursor.skip_line(),
            (Some(b'/'), Some(b'*')) => {
                cursor.bump();
                cursor.bump();
                while cursor.peek().is_some()
                    && (cursor.peek(), cursor.peek_at(1)) != (Some(b'*'), Some(b'/'))
                {
                    cursor.bump();
                }
                cursor.bump();
                cursor.bump();
            }
            _ => return,
        }
    }
}

fn word(cursor: &mut Cursor<'_>) -> String {
    let mut name = Vec::new();
    while let Some(byte) =
        cursor.peek().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'*' | b'.'))
    {
        name.push(byte);
        cursor.bump();
    }
    lossy(&name)
}

fn value(cursor: &mut Cursor<'_>) -> String {
    let mut value = Vec::new();
    if cursor.peek() == Some(b'"') {
        cursor.bump();
        while let Some(byte) = cursor.bump().filter(|byte| *byte != b'"') {
            value.push(byte);
        }
    } else {
        while let Some(byte) = cursor
            .peek()
            .filter(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b';' | b',' | b'}' | b'{'))
        {
            value.push(byte);
            cursor.bump();
        }
    }
    // A stray brace is taken, so that each round goes on.
    if value.is_empty() && cursor.peek() == Some(b'{') {
        cursor.bump();
    }
    lossy(&value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn settings_know_their_groups() {
        let text = "dcbx : \n{ version = \"1.0\"; };\n# x\nlldp :\n{\n  eth4 :\n  {\n    tlvid00000001 : { info = \"04BC\"; };\n    adminStatus = 0;\n  };\n  eth5 = { adminStatus = 3 }\n  list = [1, 2];\n};\nlast = 1; /* y */\n";
        let rows: Vec<_> = parse(text.as_bytes())
            .iter()
            .map(|e| format!("{}:{}={}", e.span.line, e.path, e.value))
            .collect();
        assert_eq!(
            rows,
            [
                "2:dcbx.version=1.0",
                "8:lldp.eth4.tlvid00000001.info=04BC",
                "9:lldp.eth4.adminStatus=0",
                "11:lldp.eth5.adminStatus=3",
                "14:last=1"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }

        #[test]
        fn a_setting_comes_back(name in "[a-z][a-z0-9]{0,9}", value in "[a-z0-9]{1,9}") {
            let read = parse(format!("g : {{ {name} = \"{value}\"; }};").as_bytes());
            prop_assert_eq!((&read[0].path, &read[0].value), (&format!("g.{name}"), &value));
        }
    }
}
