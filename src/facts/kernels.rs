//! The installed kernels: their images in `/boot`, their modules, their configuration.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, Known};
use crate::place::Place;

/// An installed kernel: an image in `/boot`, a module tree, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kernel {
    /// The release as in `uname -r`, from the names of the files: `5.14.0-427.el9.x86_64`.
    pub release: String,
    /// The image's path relative to the root; null if there is none of this release.
    pub image: Option<String>,
    /// The release that the image itself says it is; null if there is no image.
    pub image_release: Known<Option<String>>,
    /// The module tree's path relative to the root; null if there is none. It may be empty.
    pub modules_dir: Option<String>,
    /// Whether `modules.dep` (or `modules.dep.bin`) is in it.
    pub has_modules_dep: bool,
    /// Whether a folder of modules was changed after `modules.dep` was made; false if either is missing.
    pub is_modules_dep_stale: bool,
    /// The path of its build configuration, `boot/config-RELEASE` or `lib/modules/RELEASE/config`; null if neither is
    /// there.
    pub config: Option<String>,
    /// Compressions of an initrd that this kernel can unpack, from `CONFIG_RD_*`: `gzip`, `bzip2`, `lzma`, `xz`, `lzo`,
    /// `lz4`, `zstd`.
    pub initrd_compressions: Known<Vec<String>>,
    /// Initrds whose names say that they are for this kernel, relative to the root.
    pub initrds: Vec<String>,
    /// What the name says it is special for: `xen`, `debug`, `rescue`, `cloud`, `kdump`, `rt`.
    pub flavours: Vec<String>,
    /// The machine as at the end of the release or in the configuration: `x86_64`, `aarch64`, `i686`; null if neither
    /// says.
    pub arch: Option<String>,
    /// The image, or the module tree if there is no image.
    pub at: Place,
}

/// Looks for kernels in `/boot` and `/lib/modules`, in order of their releases' names.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<Kernel> {
    let _ = gather;
    Vec::new()
}
