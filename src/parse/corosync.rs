//! corosync.conf(5) and Heartbeat's ha.cf: sections in braces with lines `key: value`; a `#` starts a comment line
//! (corosync `exec/coroparse.c`).

use super::lines::{Field, lines};

/// Settings that are read at most.
const MAX_SETTINGS: usize = 10_000;
/// Sections inside each other that are followed.
const MAX_DEPTH: usize = 16;

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The sections and the key: `nodelist.node.ring0_addr`.
    pub path: String,
    /// The value with its place.
    pub value: Field,
}

/// Reads a corosync.conf.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut sections: Vec<String> = Vec::new();
    for line in lines(bytes) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(name) = text.strip_suffix('{') {
            // What is too deep still has to be closed.
            sections.push(if sections.len() < MAX_DEPTH {
                name.trim().chars().take(64).collect()
            } else {
                String::new()
            });
        } else if text == "}" {
            sections.pop();
        } else if let Some((key, value)) = text.split_once(':')
            && settings.len() < MAX_SETTINGS
            && sections.len() <= MAX_DEPTH
        {
            let mut path = sections.join(".");
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key.trim());
            settings.push(Setting { path, value: line.field(value.trim()) });
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn settings_know_their_sections() {
        let text = "totem {\n  version: 2\n  interface {\n    bindnetaddr: 192.0.2.0\n  }\n}\n# no: 1\nnodelist {\n  node {\n    ring0_addr: alice\n  }\n}\n";
        let seen: Vec<_> = parse(text.as_bytes())
            .into_iter()
            .map(|s| format!("{}={}:{}", s.path, s.value.text, s.value.span.line))
            .collect();
        assert_eq!(
            seen,
            [
                "totem.version=2:2",
                "totem.interface.bindnetaddr=192.0.2.0:4",
                "nodelist.node.ring0_addr=alice:10"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
