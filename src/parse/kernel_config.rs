//! A kernel's build configuration, `config-RELEASE`: `CONFIG_X=y`, `=m`, `="text"`, and `# CONFIG_X is not set`.

use std::collections::BTreeMap;

use super::lines::lines;

/// A build configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelConfig {
    /// Values by name without `CONFIG_`; what is not set is not there.
    values: BTreeMap<String, String>,
}

/// Compressions of an initrd and the options that build their decoders into the kernel (usr/Kconfig).
const INITRD_COMPRESSIONS: [(&str, &str); 7] = [
    ("RD_GZIP", "gzip"),
    ("RD_BZIP2", "bzip2"),
    ("RD_LZMA", "lzma"),
    ("RD_XZ", "xz"),
    ("RD_LZO", "lzo"),
    ("RD_LZ4", "lz4"),
    ("RD_ZSTD", "zstd"),
];

impl KernelConfig {
    /// Reads a build configuration; lines of another form are skipped, as kconfig does.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut values = BTreeMap::new();
        for line in lines(bytes) {
            let assignment = line.text.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('='));
            if let Some((name, value)) = assignment {
                values.insert(name.to_owned(), value.trim().trim_matches('"').to_owned());
            }
        }
        Self { values }
    }

    /// Whether it sets nothing at all, and so is no configuration.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `CONFIG_name`, if set: `y`, `m`, a number or a text.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether `CONFIG_name` is built in.
    #[must_use]
    pub fn is_builtin(&self, name: &str) -> bool {
        self.value(name) == Some("y")
    }

    /// The compressions that this kernel can unpack an initrd from.
    #[must_use]
    pub fn initrd_compressions(&self) -> Vec<String> {
        let builtin = INITRD_COMPRESSIONS.iter().filter(|(option, _)| self.is_builtin(option));
        builtin.map(|(_, compression)| (*compression).to_owned()).collect()
    }

    /// Whether the configuration speaks of compressions at all. Kernels before 2.6.30 have no such options and know
    /// gzip alone.
    #[must_use]
    pub fn has_compression_options(&self) -> bool {
        self.is_builtin("BLK_DEV_INITRD")
            && INITRD_COMPRESSIONS.iter().any(|(option, _)| self.value(option).is_some())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn options_are_read() {
        let text = b"#\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n\
            # CONFIG_RD_ZSTD is not set\nCONFIG_VIRTIO_BLK=m\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\nCONFIG_NR_CPUS=8192\n";
        let config = KernelConfig::parse(text);
        assert_eq!(config.initrd_compressions(), ["gzip"]);
        assert_eq!(config.value("VIRTIO_BLK"), Some("m"));
        assert_eq!(config.value("DEFAULT_HOSTNAME"), Some("(none)"));
        assert_eq!(config.value("RD_ZSTD"), None);
        assert!(config.has_compression_options());
    }

    #[test]
    fn a_kernel_without_the_options_says_nothing() {
        assert!(!KernelConfig::parse(b"CONFIG_BLK_DEV_INITRD=y\n").has_compression_options());
        assert!(KernelConfig::parse(b"\0\xff garbage").is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = KernelConfig::parse(&bytes);
        }

        #[test]
        fn what_is_set_is_found(name in "[A-Z][A-Z0-9_]{0,12}", value in "[ym0-9]{1,4}") {
            let config = KernelConfig::parse(format!("CONFIG_{name}={value}\n").as_bytes());
            prop_assert_eq!(config.value(&name), Some(value.as_str()));
        }
    }
}
