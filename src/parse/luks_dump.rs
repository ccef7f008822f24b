//! `cryptsetup luksDump` and `clevis luks list`: which key slots a LUKS header has, and what opens them.
//!
//! The dump of format 2 has sections (`Keyslots:`, `Tokens:`) with numbered items (cryptsetup's `LUKS2_hdr_dump`), format 1 has
//! lines `Key Slot 0: ENABLED`. A token says in its type who unlocks with it: `systemd-tpm2`, `systemd-fido2`, `clevis`. clevis(1)
//! tells no more than that in the dump; its own list has a line a slot, `1: tang '{"url":"http://192.0.2.5"}'`. Neither prints a
//! key.

use super::lines::lines;
use crate::place::Span;

/// Slots and tokens of a header at the most; LUKS2 has 32 of each.
const MAX_ITEMS: usize = 32;

/// What a dump says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LuksDump {
    /// The format: 1 or 2; none if the text is no dump.
    pub version: Option<u32>,
    /// The header's UUID.
    pub uuid: Option<String>,
    /// The key slots that are in use.
    pub slots: Vec<u32>,
    /// The tokens of format 2.
    pub tokens: Vec<Token>,
}

/// What opens a slot without a passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The type as written: `systemd-tpm2`, `clevis`.
    pub kind: String,
    /// The slots that it opens.
    pub slots: Vec<u32>,
    /// The line.
    pub span: Span,
}

/// A line of `clevis luks list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The slot.
    pub slot: u32,
    /// The pin: `tang`, `tpm2`, `sss`.
    pub pin: String,
    /// The addresses of Tang servers that the line names.
    pub urls: Vec<String>,
    /// Whether a TPM takes part.
    pub has_tpm: bool,
    /// The line.
    pub span: Span,
}

/// Reads a dump.
#[must_use]
pub fn parse(bytes: &[u8]) -> LuksDump {
    let mut dump = LuksDump::default();
    let mut section = String::new();
    for line in lines(bytes) {
        let text = line.text.as_ref();
        let Some((key, value)) = text.split_once(':') else { continue };
        let value = value.trim();
        let is_inside = text.starts_with([' ', '\t']);
        match (is_inside, key.trim()) {
            (false, "Version") => dump.version = value.parse().ok(),
            (false, "UUID") => dump.uuid = Some(value.to_ascii_lowercase()),
            (false, key) if key.starts_with("Key Slot ") => {
                let number = key.trim_start_matches("Key Slot ").parse();
                if let (Ok(number), "ENABLED", true) = (number, value, dump.slots.len() < MAX_ITEMS) {
                    dump.slots.push(number);
                }
            }
            (false, key) => key.clone_into(&mut section),
            (true, "Keyslot") if section == "Tokens" => {
                if let (Some(token), Ok(slot)) = (dump.tokens.last_mut(), value.parse())
                    && token.slots.len() < MAX_ITEMS
                {
                    token.slots.push(slot);
                }
            }
            (true, number) => {
                let Ok(number) = number.parse::<u32>() else { continue };
                match section.as_str() {
                    "Keyslots" if dump.slots.len() < MAX_ITEMS => dump.slots.push(number),
                    "Tokens" if dump.tokens.len() < MAX_ITEMS => {
                        let span = line.span_of(text.trim());
                        dump.tokens.push(Token { kind: value.to_owned(), slots: Vec::new(), span });
                    }
                    _ => {}
                }
            }
        }
    }
    dump
}

/// Reads the output of `clevis luks list -d DEVICE`.
#[must_use]
pub fn parse_clevis(bytes: &[u8]) -> Vec<Binding> {
    let mut bindings = Vec::new();
    for line in lines(bytes) {
        let text = line.text.trim();
        let Some((slot, rest)) = text.split_once(':') else { continue };
        let (Ok(slot), Some((pin, config))) = (slot.parse(), rest.trim().split_once(' ')) else { continue };
        if bindings.len() >= MAX_ITEMS || !config.trim_start().starts_with(['\'', '{']) {
            continue;
        }
        bindings.push(Binding {
            slot,
            has_tpm: pin == "tpm2" || config.contains("\"tpm2\""),
            pin: pin.to_owned(),
            urls: urls(config),
            span: line.span_of(text),
        });
    }
    bindings
}

/// The values of `"url"` in clevis' configuration, which may be nested (pin `sss`).
fn urls(config: &str) -> Vec<String> {
    let parts = config.split("\"url\"").skip(1).take(MAX_ITEMS);
    parts.filter_map(|part| part.split('"').nth(1)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = "LUKS header information\nVersion:       \t2\nUUID:          \t9f1c-AB\nLabel:         \t(no label)\n\n\
        Data segments:\n  0: crypt\n\toffset: 16777216 [bytes]\n\nKeyslots:\n  0: luks2\n\tKey:        512 bits\n\
        \tDigest ID:  0\n  1: luks2\n\tKey:        512 bits\nTokens:\n  0: systemd-tpm2\n\ttpm2-hash-pcrs:   7\n\
        \tKeyslot:    1\nDigests:\n  0: pbkdf2\n";

    #[test]
    fn slots_and_tokens_of_format_2_are_read() {
        let dump = parse(DUMP.as_bytes());
        assert_eq!((dump.version, dump.uuid.as_deref()), (Some(2), Some("9f1c-ab")));
        assert_eq!(dump.slots, [0, 1]);
        let [token] = dump.tokens.as_slice() else { panic!("{dump:?}") };
        assert_eq!(
            (token.kind.as_str(), token.slots.as_slice(), token.span.line),
            ("systemd-tpm2", &[1][..], 17)
        );
    }

    #[test]
    fn slots_of_format_1_are_read() {
        let dump = parse(
            b"Version:       \t1\nUUID:  aa\nKey Slot 0: ENABLED\n\tIterations: 9\nKey Slot 1: DISABLED\n",
        );
        assert_eq!((dump.version, dump.slots.as_slice()), (Some(1), &[0][..]));
    }

    #[test]
    fn clevis_tells_its_pins() {
        let text = "1: tang '{\"url\":\"http://192.0.2.5\"}'\n2: sss '{\"t\":1,\"pins\":{\"tpm2\":[{\"pcr_ids\":\"7\"}],\"tang\":[{\"url\":\"http://a\"},{\"url\":\"http://b\"}]}}'\nno\n";
        let bindings = parse_clevis(text.as_bytes());
        let seen: Vec<_> =
            bindings.iter().map(|b| (b.slot, b.pin.as_str(), b.urls.join(" "), b.has_tpm)).collect();
        assert_eq!(
            seen,
            [(1, "tang", "http://192.0.2.5".into(), false), (2, "sss", "http://a http://b".into(), true)]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse(&bytes).tokens.len() <= MAX_ITEMS && parse_clevis(&bytes).len() <= MAX_ITEMS);
        }
    }
}
