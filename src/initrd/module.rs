//! Kernel modules: their names, and what their `.modinfo` section says.
//!
//! `.modinfo` is a run of `key=value` strings, each closed by a NUL (include/linux/module.h, modinfo(8)).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

pub use super::modinfo::read_modinfo;

/// A module's name. Dash and underscore are the same to the kernel and to kmod, so names are kept with
/// underscores: `virtio-blk.ko` is `virtio_blk`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ModuleName(Box<str>);

impl ModuleName {
    /// The name, dashes made underscores.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.replace('-', "_").into())
    }

    /// The name of the module in the file at `path` (`kernel/drivers/block/virtio_blk.ko.xz`); none if that is not
    /// a module's file name.
    #[must_use]
    pub fn of_path(path: &[u8]) -> Option<Self> {
        let name = path.rsplit(|byte| *byte == b'/').next()?;
        let end = memchr::memmem::rfind(name, b".ko")?;
        let stem = name.get(..end).filter(|stem| !stem.is_empty())?;
        ModuleFile::of_suffix(name.get(end..)?)?;
        Some(Self::new(&String::from_utf8_lossy(stem)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ModuleName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl AsRef<str> for ModuleName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ModuleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// How a module's file is compressed, after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleFile {
    /// `.ko`
    Plain,
    /// `.ko.gz`
    Gzip,
    /// `.ko.xz`
    Xz,
    /// `.ko.zst`
    Zstd,
}

impl ModuleFile {
    /// The form of the module in the file at `path`; none if that is not a module's file name.
    #[must_use]
    pub fn of_path(path: &[u8]) -> Option<Self> {
        let name = path.rsplit(|byte| *byte == b'/').next()?;
        let end = memchr::memmem::rfind(name, b".ko")?;
        (end > 0).then_some(())?;
        Self::of_suffix(name.get(end..)?)
    }

    /// The form of a file whose name ends with `suffix` (`.ko.xz`).
    fn of_suffix(suffix: &[u8]) -> Option<Self> {
        match suffix {
            b".ko" => Some(Self::Plain),
            b".ko.gz" => Some(Self::Gzip),
            b".ko.xz" => Some(Self::Xz),
            b".ko.zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A kernel module in an image.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its name.
    pub name: ModuleName,
    /// Its entry: an index into [`super::Image::entries`].
    pub entry: u32,
    /// Its path in the image: `usr/lib/modules/6.1.0-18-amd64/kernel/drivers/block/virtio_blk.ko`.
    pub path: Box<[u8]>,
    /// The kernel release that its path names (`6.1.0-18-amd64`); none if it lies elsewhere, as RHEL 4's and 5's
    /// `lib/virtio_blk.ko` do. [`ModInfo::vermagic`] tells then.
    pub release: Option<Arc<str>>,
    /// What its `.modinfo` says.
    pub info: Result<ModInfo, ModuleError>,
}

/// Why a module could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "error", content = "reason")]
pub enum ModuleError {
    /// It is not an ELF file.
    #[error("it is not an ELF file")]
    NotElf,
    /// An ELF file whose headers do not make sense, or without `.modinfo`.
    #[error("it is damaged: {0}")]
    Corrupt(String),
    /// Its own compression does not unpack.
    #[error("it does not unpack: {0}")]
    Packed(String),
    /// It is larger than the limit.
    #[error("it is larger than the limit of {0} bytes")]
    OverLimit(u64),
    /// The image breaks off inside it, or the file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// What a module's `.modinfo` says, as far as booting is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModInfo {
    /// The strings of interest, each closed by a NUL.
    strings: Box<str>,
    /// Whether a signature is appended.
    pub signed: bool,
}

impl ModInfo {
    /// What `strings` say, `key=value` each closed by a NUL.
    #[must_use]
    pub fn new(strings: &str, signed: bool) -> Self {
        Self { strings: strings.into(), signed }
    }

    /// The values of `key`, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let pairs = self.strings.split_terminator('\0').filter_map(|pair| pair.split_once('='));
        pairs.filter(move |(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The aliases: patterns of modaliases that it drives (`virtio:d00000002v*`), and other names.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.values("alias")
    }

    /// The modules that must be loaded before it.
    pub fn depends(&self) -> impl Iterator<Item = ModuleName> {
        let names = self.values("depends").flat_map(|value| value.split(','));
        names.filter(|name| !name.is_empty()).map(ModuleName::new)
    }

    /// The modules that its soft dependencies load before it (`softdep=pre: a b post: c`).
    pub fn softdeps_before(&self) -> impl Iterator<Item = ModuleName> {
        self.softdeps("pre:")
    }

    /// The modules that its soft dependencies load after it.
    pub fn softdeps_after(&self) -> impl Iterator<Item = ModuleName> {
        self.softdeps("post:")
    }

    fn softdeps<'a>(&'a self, when: &'static str) -> impl Iterator<Item = ModuleName> + 'a {
        self.values("softdep").flat_map(move |value| {
            let mut state = "";
            value.split_whitespace().filter_map(move |word| {
                if word == "pre:" || word == "post:" {
                    state = word;
                    return None;
                }
                (state == when).then(|| ModuleName::new(word))
            })
        })
    }

    /// The kernel it was built for: `6.1.0-18-amd64 SMP preempt mod_unload modversions`.
    #[must_use]
    pub fn vermagic(&self) -> Option<&str> {
        self.values("vermagic").next()
    }

    /// The kernel release that it was built for, the first word of [`Self::vermagic`].
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.vermagic().and_then(|magic| magic.split_whitespace().next())
    }
}

/// The kernel release that a module's path names: the directory below `lib/modules`.
pub(super) fn release_of_path(path: &[u8]) -> Option<&str> {
    let path = path.strip_prefix(b"usr/").unwrap_or(path);
    let rest = path.strip_prefix(b"lib/modules/")?;
    let end = memchr::memchr(b'/', rest)?;
    std::str::from_utf8(rest.get(..end)?).ok()
}
