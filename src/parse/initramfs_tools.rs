//! initramfs-tools' list of modules: `/etc/initramfs-tools/modules` and the files of `modules.d`.
//!
//! One module a line with its parameters, `#` begins a comment (initramfs-tools(7), hook-functions
//! `add_modules_from_file`). initramfs.conf(5) itself is shell assignments: see [`super::shell_vars`].

use super::text::{lines, words};
use crate::place::Span;

/// A module that is put into the image and loaded early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModule {
    /// Its name as written.
    pub name: String,
    /// Its parameters, one by one.
    pub parameters: Vec<String>,
    /// Where the name stands.
    pub span: Span,
}

/// Reads a list of modules.
#[must_use]
pub fn parse_modules(bytes: &[u8]) -> Vec<ListedModule> {
    let line = |line: super::text::Line<'_>| {
        let mut fields = words(line.bytes).take_while(|word| !word.bytes.starts_with(b"#"));
        let name = fields.next()?;
        let parameters = fields.map(|word| word.text()).collect();
        Some(ListedModule { name: name.text(), parameters, span: name.span(line.number) })
    };
    lines(bytes).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_module_a_line_with_parameters() {
        let got = parse_modules(b"# List of modules\n\nvirtio_blk\n  nvme io_timeout=255 # x\n#raid1\n");
        let rows: Vec<_> = got.iter().map(|m| (m.name.as_str(), m.parameters.len(), m.span)).collect();
        assert_eq!(rows, [("virtio_blk", 0, Span::new(3, 1, 11)), ("nvme", 1, Span::new(4, 3, 7))]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse_modules(&bytes).len() <= bytes.len());
        }

        #[test]
        fn names_read_back(names in proptest::collection::vec("[a-z][a-z0-9_-]{0,8}", 0..8)) {
            let got: Vec<_> = parse_modules(names.join("\n").as_bytes()).into_iter().map(|m| m.name).collect();
            prop_assert_eq!(got, names);
        }
    }
}
