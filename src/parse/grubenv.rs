//! GRUB's environment block: 1,024 bytes that start with a signature and hold `name=value` lines, filled with `#`
//! (grub-core/lib/envblk.c; grub-editenv(1)).

use crate::place::Span;

/// What the block starts with (`GRUB_ENVBLK_SIGNATURE`).
pub const SIGNATURE: &[u8] = b"# GRUB Environment Block\n";

/// The size that grub-editenv gives the block. GRUB reads other sizes, but its `save_env` and grub2-tools do not
/// write them.
pub const SIZE: usize = 1024;

/// An environment block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentBlock {
    /// The variables in order.
    pub variables: Vec<Variable>,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, backslashes undone.
    pub value: String,
    /// Where the value stands.
    pub span: Span,
}

/// What can be wrong with an environment block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It has no bytes.
    Empty,
    /// GRUB rejects it: the signature is missing.
    NoSignature,
    /// It is not [`SIZE`] bytes long.
    Size {
        /// Its size in bytes.
        len: usize,
    },
    /// A variable does not end before the block does; GRUB stops reading there.
    Unfinished,
}

impl Trouble {
    /// A phrase that says what is wrong.
    #[must_use]
    pub fn phrase(self) -> String {
        match self {
            Self::Empty => "it is empty".to_owned(),
            Self::NoSignature => "it does not start with `# GRUB Environment Block`".to_owned(),
            Self::Size { len } => format!("it has {len} bytes instead of {SIZE}"),
            Self::Unfinished => "a variable has no end".to_owned(),
        }
    }
}

/// Reads an environment block. Without the signature it has no variables, as for GRUB.
#[must_use]
pub fn parse(bytes: &[u8]) -> EnvironmentBlock {
    if bytes.is_empty() {
        return EnvironmentBlock { variables: Vec::new(), trouble: Some(Trouble::Empty) };
    }
    let Some(mut rest) = bytes.strip_prefix(SIGNATURE) else {
        return EnvironmentBlock { variables: Vec::new(), trouble: Some(Trouble::NoSignature) };
    };
    let mut trouble = (bytes.len() != SIZE).then_some(Trouble::Size { len: bytes.len() });
    let mut variables = Vec::new();
    let mut line = 2;
    while !rest.is_empty() {
        let end = end_of_line(rest, if rest.starts_with(b"#") { 0 } else { name_length(rest) });
        let (Some(text), next) = (rest.get(..end), rest.get(end + 1..)) else { break };
        match variable(text, line) {
            Some(_) if next.is_none() => trouble = Some(Trouble::Unfinished),
            Some(variable) => variables.push(variable),
            None => {}
        }
        line += 1 + text.iter().filter(|byte| **byte == b'\n').count();
        rest = next.unwrap_or_default();
    }
    EnvironmentBlock { variables, trouble }
}

fn name_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'=' | b'\n')).unwrap_or(bytes.len())
}

/// Where the line ends, seen from its start: from `skip` on, a backslash hides the byte behind it.
fn end_of_line(bytes: &[u8], skip: usize) -> usize {
    let is_comment = skip == 0;
    let mut is_hidden = false;
    for (index, byte) in bytes.iter().enumerate().skip(skip) {
        match byte {
            b'\n' if !is_hidden => return index,
            b'\\' if !is_hidden && !is_comment => is_hidden = true,
            _ => is_hidden = false,
        }
    }
    bytes.len()
}

fn variable(text: &[u8], line: usize) -> Option<Variable> {
    if text.starts_with(b"#") {
        return None;
    }
    let name = name_length(text);
    let written = text.get(name + 1..)?;
    let span = Span::new(line, name + 2, text.len() + 1);
    let mut value = Vec::with_capacity(written.len());
    let mut bytes = written.iter();
    while let Some(byte) = bytes.next() {
        value.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    let name = String::from_utf8_lossy(text.get(..name)?).into_owned();
    Some(Variable { name, value: String::from_utf8_lossy(&value).into_owned(), span })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(text: &str) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(text.as_bytes());
        bytes.resize(SIZE, b'#');
        bytes
    }

    #[test]
    fn variables_are_read_with_their_places() {
        let parsed =
            parse(&block("saved_entry=0a1b-5.14.0\nkernelopts=root=/dev/mapper/rhel-root ro\nx=a\\\\b\n"));
        let read: Vec<_> =
            parsed.variables.iter().map(|v| (v.name.as_str(), v.value.as_str(), v.span)).collect();
        assert_eq!(
            read,
            [
                ("saved_entry", "0a1b-5.14.0", Span::new(2, 13, 24)),
                ("kernelopts", "root=/dev/mapper/rhel-root ro", Span::new(3, 12, 41)),
                ("x", "a\\b", Span::new(4, 3, 7)),
            ]
        );
        assert_eq!(parsed.trouble, None);
    }

    #[test]
    fn trouble_is_named() {
        let mut long = block("a=b\n");
        long.push(b'#');
        let table: [(&[u8], Option<Trouble>, usize); 5] = [
            (b"", Some(Trouble::Empty), 0),
            (b"saved_entry=0\n", Some(Trouble::NoSignature), 0),
            (b"# GRUB Environment Block\nsaved_entry=0\n", Some(Trouble::Size { len: 39 }), 1),
            (&long, Some(Trouble::Size { len: 1025 }), 1),
            (b"# GRUB Environment Block\nsaved_entry=0", Some(Trouble::Unfinished), 0),
        ];
        for (bytes, trouble, count) in table {
            let parsed = parse(bytes);
            assert_eq!((parsed.trouble, parsed.variables.len()), (trouble, count), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let mut signed = SIGNATURE.to_vec();
            signed.extend(&bytes);
            let parsed = parse(&signed);
            prop_assert!(parsed.variables.iter().map(|v| v.value.len()).sum::<usize>() <= 3 * bytes.len());
        }

        #[test]
        fn plain_values_come_back(value in "[a-zA-Z0-9 =/_.-]{0,80}") {
            let parsed = parse(&block(&format!("name={value}\n")));
            prop_assert_eq!(&parsed.variables.first().unwrap().value, &value);
        }
    }
}
