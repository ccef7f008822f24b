//! xinetd.conf(5): `defaults { ... }` and `service NAME { key = value ... }`, `includedir` and `include`.

use super::lines::{Field, lines};
use crate::place::Span;

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The service's name; none for `defaults`.
    pub name: Option<Field>,
    /// Its attributes, with the values of `=` and `+=`.
    pub attributes: Vec<(String, Field)>,
}

impl Block {
    /// The last value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Field> {
        self.attributes.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// What a file holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct File {
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// The folders of `includedir`.
    pub folders: Vec<Field>,
    /// Lines that are neither.
    pub strays: Vec<Span>,
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> File {
    let mut file = File::default();
    let mut open = false;
    for line in lines(bytes) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if open {
            if text.starts_with('}') {
                open = false;
            } else if let Some((key, value)) = text.split_once('=')
                && let Some(block) = file.blocks.last_mut()
            {
                let key = key.trim_end_matches(['+', '-']).trim();
                block.attributes.push((key.to_owned(), line.field(value.trim())));
            }
            continue;
        }
        let Some((word, rest)) = line.first_word() else { continue };
        match word {
            "defaults" => file.blocks.push(Block { name: None, attributes: Vec::new() }),
            "service" => {
                let name = rest.trim_end_matches('{').trim();
                file.blocks.push(Block { name: Some(line.field(name)), attributes: Vec::new() });
            }
            "includedir" => file.folders.push(line.field(rest)),
            "{" => {}
            _ => file.strays.push(line.span_of(text)),
        }
        open = text.ends_with('{');
    }
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_and_their_attributes() {
        let text = "defaults\n{\n  instances = 60\n  disabled = telnet\n}\nincludedir /etc/xinetd.d\n\
                    service tftp {\n # no\n\tdisable\t= yes\n\tserver = /usr/sbin/in.tftpd\n\tserver_args += -s\n}\n";
        let file = parse(text.as_bytes());
        let [defaults, tftp] = file.blocks.as_slice() else { panic!("{file:?}") };
        assert_eq!((&defaults.name, defaults.get("disabled").unwrap().text.as_str()), (&None, "telnet"));
        assert_eq!(tftp.name.as_ref().unwrap().text, "tftp");
        let disable = tftp.get("disable").unwrap();
        assert_eq!((disable.text.as_str(), disable.span.line), ("yes", 9));
        assert_eq!(tftp.get("server_args").unwrap().text, "-s");
        assert_eq!(file.folders[0].text, "/etc/xinetd.d");
        assert!(file.strays.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).blocks.len() <= bytes.len());
        }
    }
}
