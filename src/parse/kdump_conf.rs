//! kdump.conf(5) of kexec-tools: one directive and its value a line, `#` starts a comment (kexec-tools `kdumpctl`).

use super::lines::{Field, lines};

/// Directives that are read at most; the manual knows some thirty.
const MAX_DIRECTIVES: usize = 1000;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The first word: `raw`, `ext4`, `nfs`, `ssh`, `path`.
    pub name: String,
    /// The rest of the line, without a comment.
    pub value: Field,
}

/// Reads a kdump.conf.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Directive> {
    let mut directives = Vec::new();
    for line in lines(bytes) {
        let text = line.text.as_ref();
        let text = text.split_once('#').map_or(text, |(before, _)| before).trim();
        let Some((name, value)) = text.split_once([' ', '\t']) else { continue };
        if directives.len() < MAX_DIRECTIVES {
            directives.push(Directive { name: name.to_owned(), value: line.field(value.trim()) });
        }
    }
    directives
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn directives_and_comments_are_told_apart() {
        let text = "#raw /dev/vg/lv_kdump\next4 UUID=aa # dump\npath\t/var/crash\ncore_collector makedumpfile -l\nauto_reset_crashkernel\n";
        let seen: Vec<_> = parse(text.as_bytes())
            .into_iter()
            .map(|d| format!("{}={}@{}", d.name, d.value.text, d.value.span.line))
            .collect();
        assert_eq!(seen, ["ext4=UUID=aa@2", "path=/var/crash@3", "core_collector=makedumpfile -l@4"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
