//! Makes the binary pieces of a small Linux system: initrds, kernel modules, kernel images, libraries, an rpm
//! database. Each is as small as the program that reads it allows and the same bytes on every machine.
//!
//! The layouts follow the formats' own documents: `elf(5)`, the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst` (newc cpio) and
//! `Documentation/arch/x86/boot.rst` (bzImage), rpm's `docs/manual/hregions.md` and Berkeley DB's `dbinc/db_page.h`.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "no test program uses all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "sizes here are those of fixtures; a wrong one should stop the test"
)]

mod elf;
mod image;
mod index;
mod kernel;
mod loader;
mod rpm;
mod tree;
mod unified;

pub use elf::{Library, Module};
pub use image::{Archive, gzip, xz};
pub use index::{alias_index, dependency_index, index};
pub use kernel::bzimage;
pub use loader::{FirstSectors, Grub, efi_kernel, efi_program};
pub use rpm::{Package, packages_bdb, packages_sqlite};
pub use tree::Kernel;
pub use unified::unified;
