//! `extlinux.conf` and `syslinux.cfg` (SYSLINUX's doc/syslinux.txt): labels with kernel, command line and initrds.

use super::lines::{Field, lines};

/// A configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtlinuxConfig {
    /// `DEFAULT` or `ONTIMEOUT`: a label.
    pub default: Option<Field>,
    /// The labels in order.
    pub labels: Vec<ExtlinuxLabel>,
}

/// A label and what it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtlinuxLabel {
    /// The label.
    pub label: Field,
    /// `MENU LABEL`: the text shown, without the `^` that marks its hot key.
    pub title: Option<Field>,
    /// Whether `MENU DEFAULT` stands in it.
    pub is_menu_default: bool,
    /// `KERNEL` or `LINUX`.
    pub kernel: Option<Field>,
    /// `APPEND`: the command line.
    pub append: Option<Field>,
    /// `INITRD`, or `initrd=` of the command line; several files separated by commas.
    pub initrds: Vec<Field>,
}

/// Reads a configuration. Keywords are case-insensitive.
#[must_use]
pub fn parse(bytes: &[u8]) -> ExtlinuxConfig {
    let mut config = ExtlinuxConfig::default();
    for line in lines(bytes) {
        let Some((keyword, value)) = line.first_word() else { continue };
        let field = line.field(value);
        let keyword = keyword.to_ascii_lowercase();
        let is_empty = value.is_empty();
        match (keyword.as_str(), config.labels.last_mut()) {
            ("label", _) if !is_empty => config.labels.push(ExtlinuxLabel::new(field)),
            ("default", _) if config.default.is_none() => config.default = Some(field),
            ("ontimeout", _) => config.default = Some(field),
            ("kernel" | "linux", Some(label)) => label.kernel = Some(field),
            ("append", Some(label)) => label.append = Some(field),
            ("initrd", Some(label)) => {
                label.initrds = value.split(',').map(|file| line.field(file)).collect()
            }
            ("menu", Some(label)) => label.take_menu(value, &field),
            _ => {}
        }
        if let (Some(label), "append") = (config.labels.last_mut(), keyword.as_str()) {
            let word = value.split_whitespace().rev().find_map(|word| word.strip_prefix("initrd="));
            if let (Some(files), true) = (word, label.initrds.is_empty()) {
                label.initrds = files.split(',').map(|file| line.field(file)).collect();
            }
        }
    }
    config
}

impl ExtlinuxLabel {
    fn new(label: Field) -> Self {
        Self { label, title: None, is_menu_default: false, kernel: None, append: None, initrds: Vec::new() }
    }

    fn take_menu(&mut self, value: &str, field: &Field) {
        let (command, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        match command.to_ascii_lowercase().as_str() {
            "default" => self.is_menu_default = true,
            "label" => self.title = Some(Field { text: rest.trim().replace('^', ""), span: field.span }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_read() {
        let text = b"DEFAULT linux\nTIMEOUT 50\n\nLABEL linux\n  MENU LABEL ^Linux 6.1\n  LINUX /vmlinuz-6.1\n  \
            INITRD /ucode.img,/initrd-6.1\n  APPEND root=LABEL=/ ro\nlabel old\n kernel /vmlinuz\n append initrd=/initrd.img ro\n";
        let config = parse(text);
        assert_eq!(config.default.unwrap().text, "linux");
        let read: Vec<_> = config
            .labels
            .iter()
            .map(|label| {
                let initrds: Vec<_> = label.initrds.iter().map(|initrd| initrd.text.as_str()).collect();
                (label.label.text.as_str(), label.kernel.as_ref().unwrap().text.as_str(), initrds.join(" "))
            })
            .collect();
        assert_eq!(
            read,
            [
                ("linux", "/vmlinuz-6.1", "/ucode.img /initrd-6.1".to_owned()),
                ("old", "/vmlinuz", "/initrd.img".to_owned())
            ]
        );
        assert_eq!(config.labels.first().unwrap().title.as_ref().unwrap().text, "Linux 6.1");
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).labels.len() <= bytes.len());
        }

        #[test]
        fn each_label_is_kept(labels in proptest::collection::vec("[a-z][a-z0-9]{0,8}", 0..6)) {
            let text: String = labels.iter().map(|label| format!("LABEL {label}\n")).collect();
            let read: Vec<_> = parse(text.as_bytes()).labels.into_iter().map(|label| label.label.text).collect();
            prop_assert_eq!(read, labels);
        }
    }
}
