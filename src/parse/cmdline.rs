//! The kernel command line, cut into parameters as the kernel's `next_arg` does (lib/cmdline.c): blanks separate,
//! double quotes hold blanks together, a quote at the start of a parameter or of its value is dropped with its twin.

/// One parameter and the bytes of the line it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name as written.
    pub name: String,
    /// The value, without its quotes; none if there is no `=`.
    pub value: Option<String>,
    /// Offset of its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// Whether two parameter names are the same to the kernel: a dash equals an underscore (`parameq`).
#[must_use]
pub fn same_name(a: &str, b: &str) -> bool {
    let plain = |byte: u8| if byte == b'-' { b'_' } else { byte };
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| plain(a) == plain(b))
}

/// Cuts a command line into parameters. What follows ` -- ` goes to init and is cut the same way, without the dashes.
#[must_use]
pub fn parse(line: &str) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    let mut at = 0;
    while let Some(start) = skip_blanks(line, at) {
        let end = end_of_parameter(line, start);
        if let Some(text) = line.get(start..end).filter(|text| *text != "--") {
            parameters.push(parameter(text, start));
        }
        at = end;
    }
    parameters
}

/// `isspace` of the kernel; no-break spaces (0xA0 in Latin 1) do not arise in UTF-8 text.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn skip_blanks(line: &str, from: usize) -> Option<usize> {
    let rest = line.as_bytes().get(from..)?;
    rest.iter().position(|byte| !is_blank(*byte)).map(|blanks| from + blanks)
}

fn end_of_parameter(line: &str, start: usize) -> usize {
    let mut is_quoted = false;
    for (offset, byte) in line.bytes().enumerate().skip(start) {
        match byte {
            b'"' => is_quoted = !is_quoted,
            byte if is_blank(byte) && !is_quoted => return offset,
            _ => {}
        }
    }
    line.len()
}

fn parameter(text: &str, start: usize) -> Parameter {
    let end = start + text.len();
    let bare = match text.strip_prefix('"') {
        Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
        None => text,
    };
    let (name, value) = match bare.split_once('=') {
        Some((name, value)) => (name, Some(unquote_value(value).to_owned())),
        None => (bare, None),
    };
    Parameter { name: name.to_owned(), value, start, end }
}

fn unquote_value(value: &str) -> &str {
    match value.strip_prefix('"') {
        Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(line: &str) -> Vec<(String, Option<String>)> {
        parse(line).into_iter().map(|p| (p.name, p.value)).collect()
    }

    /// A line and what it is cut into.
    type Case<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

    #[test]
    fn lines_are_cut_as_the_kernel_cuts_them() {
        let table: [Case<'_>; 8] = [
            ("", &[]),
            ("ro  quiet\t", &[("ro", None), ("quiet", None)]),
            ("root=UUID=0a1b ro", &[("root", Some("UUID=0a1b")), ("ro", None)]),
            ("dyndbg=\"file a.c +p\" x", &[("dyndbg", Some("file a.c +p")), ("x", None)]),
            ("\"acpi_osi=!Windows 2012\" y", &[("acpi_osi", Some("!Windows 2012")), ("y", None)]),
            ("resume=", &[("resume", Some(""))]),
            ("a=\"open b", &[("a", Some("open b"))]),
            ("ro -- single", &[("ro", None), ("single", None)]),
        ];
        for (line, expected) in table {
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| (String::from(*name), value.map(String::from))).collect();
            assert_eq!(pairs(line), expected, "{line}");
        }
    }

    #[test]
    fn places_are_byte_offsets() {
        let parameter = parse("ro root=LABEL=x").pop().unwrap();
        assert_eq!((parameter.start, parameter.end), (3, 15));
    }

    #[test]
    fn dashes_equal_underscores() {
        assert!(same_name("scsi-mod.scan", "scsi_mod.scan"));
        assert!(!same_name("root", "rootfstype"));
    }

    proptest! {
        #[test]
        fn parameters_are_stretches_of_the_line(line in "\\PC*") {
            let mut last = 0;
            for parameter in parse(&line) {
                prop_assert!(parameter.start >= last && parameter.end > parameter.start);
                prop_assert!(line.get(parameter.start..parameter.end).is_some());
                last = parameter.end;
            }
        }

        #[test]
        fn plain_words_come_back(words in proptest::collection::vec("[a-z][a-z.0-9=]{0,9}", 0..9)) {
            let back: Vec<String> = parse(&words.join(" "))
                .into_iter()
                .map(|p| p.value.map_or(p.name.clone(), |value| format!("{}={value}", p.name)))
                .collect();
            prop_assert_eq!(back, words);
        }
    }
}
