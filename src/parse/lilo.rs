//! The configuration of the older loaders that share one form: lilo.conf(5), elilo.conf, yaboot.conf(5); and zipl.conf(5)
//! of s390, which has sections in brackets.
//!
//! `name=value` lines; `image=` (zipl: `[name]`) begins an entry, and what stands before the first is for all.

use super::lines::{Field, lines};

/// Entries that are read.
const MAX_IMAGES: usize = 256;

/// A configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiloConf {
    /// `boot=`: where the loader itself is written to.
    pub boot: Option<Field>,
    /// `default=`.
    pub default: Option<Field>,
    /// The kernels that it starts, as written.
    pub images: Vec<Field>,
}

/// Reads a configuration.
#[must_use]
pub fn parse(bytes: &[u8]) -> LiloConf {
    let mut conf = LiloConf::default();
    for line in lines(bytes) {
        let text = line.text.split('#').next().unwrap_or_default();
        let Some((name, value)) = text.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim() {
            "boot" if conf.images.is_empty() => conf.boot = Some(line.field(value)),
            "default" | "defaultboot" if conf.default.is_none() => conf.default = Some(line.field(value)),
            "image" if conf.images.len() < MAX_IMAGES => conf.images.push(line.field(value)),
            _ => {}
        }
    }
    conf
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn images_follow_what_is_for_all() {
        let conf = parse(b"# lilo\nboot = /dev/sda\nprompt\ndefault=linux\n\nimage=/boot/vmlinuz-2.6.18\n\tlabel=linux\n\troot=/dev/sda2\n");
        assert_eq!(conf.boot.map(|boot| (boot.text, boot.span.line)), Some(("/dev/sda".to_owned(), 2)));
        assert_eq!(conf.default.map(|name| name.text).as_deref(), Some("linux"));
        let images: Vec<_> = conf.images.iter().map(|image| image.text.as_str()).collect();
        assert_eq!(images, ["/boot/vmlinuz-2.6.18"]);
        let zipl = parse(b"[defaultboot]\ndefault=linux\ntarget=/boot\n[linux]\nimage=/boot/image\n");
        assert_eq!(zipl.images.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).images.len() <= bytes.len());
        }
    }
}
