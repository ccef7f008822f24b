//! crypttab(5): which encrypted devices are opened, how, and when.
//!
//! Name, device, key file, options; as systemd-cryptsetup-generator (systemd `src/cryptsetup/
//! cryptsetup-generator.c`) and Debian's cryptdisks read it. Escapes are fstab's.

use super::Mistake;
use super::text::{Word, lines, words};
use crate::place::Span;

/// What was read of a crypttab.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Crypttab {
    /// The lines with at least a name and a device.
    pub entries: Vec<Entry>,
    /// What is not as crypttab(5) wants it.
    pub mistakes: Vec<Mistake>,
}

/// One encrypted device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole line.
    pub span: Span,
    /// The line as written.
    pub line: String,
    /// The name that it gets in `/dev/mapper`.
    pub name: String,
    /// The encrypted device, as written.
    pub device: String,
    /// Where the device stands.
    pub device_span: Span,
    /// The key file, as written; none for `none`, `-` or nothing. It is a path and no secret.
    pub key_file: Option<String>,
    /// Where the key file stands.
    pub key_span: Option<Span>,
    /// The options one by one.
    pub options: Vec<String>,
    /// Where the options stand.
    pub options_span: Option<Span>,
}

/// Reads a crypttab.
#[must_use]
pub fn parse(bytes: &[u8]) -> Crypttab {
    let mut out = Crypttab::default();
    for line in lines(bytes) {
        let number = line.number;
        let fields: Vec<Word<'_>> = words(line.bytes).collect();
        let Some(name) = fields.first().filter(|name| !name.bytes.starts_with(b"#")) else { continue };
        let end = fields.last().unwrap_or(name).end();
        let span = Span::new(number, name.start + 1, end + 1);
        let Some(device) = fields.get(1) else {
            let message = "only a name: a line needs a name and a device, and is skipped".to_owned();
            out.mistakes.push(Mistake { span, message });
            continue;
        };
        if line.carriage_return {
            let message = "the line ends in CR LF: the CR becomes a part of the last field".to_owned();
            out.mistakes.push(Mistake { span: Span::new(number, end + 1, end + 2), message });
        }
        if let Some(extra) = fields.get(4).filter(|extra| !extra.bytes.starts_with(b"#")) {
            let message =
                format!("`{}` is a fifth field: options are separated by commas alone", extra.text());
            out.mistakes.push(Mistake { span: extra.span(number), message });
        }
        let is_key = |word: &&Word<'_>| !matches!(word.bytes, b"none" | b"-");
        let options = fields.get(3).map(Word::text).unwrap_or_default();
        out.entries.push(Entry {
            span,
            line: String::from_utf8_lossy(line.bytes).into_owned(),
            name: name.text(),
            device: device.text(),
            device_span: device.span(number),
            key_file: fields.get(2).filter(is_key).map(Word::text),
            key_span: fields.get(2).filter(is_key).map(|word| word.span(number)),
            options: options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect(),
            options_span: fields.get(3).map(|word| word.span(number)),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_may_be_missing_at_the_end() {
        let text = b"# <target> <source> <key> <options>\nsda3_crypt UUID=ab none luks,discard,initramfs\n\
            swap /dev/sda4 /dev/urandom swap\ndata\t/dev/sdb1 /etc/keys/data\nraw /dev/sdc1\n";
        let entries = parse(text).entries;
        let keys: Vec<_> =
            entries.iter().map(|e| (e.name.as_str(), e.key_file.as_deref(), e.options.len())).collect();
        assert_eq!(
            keys,
            [
                ("sda3_crypt", None, 3),
                ("swap", Some("/dev/urandom"), 1),
                ("data", Some("/etc/keys/data"), 0),
                ("raw", None, 0)
            ]
        );
        assert_eq!(entries[0].device_span, Span::new(2, 12, 19));
    }

    #[test]
    fn odd_lines_are_mistakes() {
        let rows = |text: &str| {
            let mistakes = parse(text.as_bytes()).mistakes;
            mistakes.iter().map(|m| (m.span.line, m.span.column)).collect::<Vec<_>>()
        };
        assert_eq!(rows("lonely\n"), [(1, 1)]);
        assert_eq!(rows("a /dev/sda1 none luks, discard\n"), [(1, 24)]);
        assert_eq!(rows("a /dev/sda1\r\n"), [(1, 12)]);
        assert_eq!(rows("a /dev/sda1 none luks # root\n\n"), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).entries.len() <= bytes.len());
        }

        #[test]
        fn a_line_reads_back(fields in proptest::collection::vec("[a-z/=-]{1,10}", 4)) {
            prop_assume!(!matches!(fields[2].as_str(), "-" | "none"));
            let entry = &parse(fields.join("\t ").as_bytes()).entries[0];
            prop_assert_eq!(&entry.name, &fields[0]);
            prop_assert_eq!(&entry.device, &fields[1]);
            prop_assert_eq!(entry.key_file.as_ref(), Some(&fields[2]));
            prop_assert_eq!(entry.options.join(","), fields[3].clone());
        }
    }
}
