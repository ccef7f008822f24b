//! What is inside GRUB's own images: the prefix, the modules and the configuration that grub-mkimage put in.
//!
//! `core.img` of the platform i386-pc is `diskboot.img` (one sector), a decompressor, and the kernel with the modules behind
//! it, packed with LZMA (`util/mkimage.c`, `include/grub/offsets.h`). An EFI program has the same modules unpacked in its section
//! `mods`. Behind the magic of `struct grub_module_info` (`include/grub/kernel.h`) stand objects: ELF modules, the
//! prefix, and a script that runs before anything else.

use std::collections::BTreeSet;

use liblzma::stream::{Action, Filters, LzmaOptions, Status, Stream};

/// Bytes of the image's first part, which the boot sector loads and which loads the rest.
pub const SECTOR: usize = 512;
/// Where in its first sector the list of the blocks starts that hold the rest: start (8 bytes), length (2), segment (2).
const BLOCK_LIST: usize = 500;
/// Where the decompressor keeps the sizes (`GRUB_DECOMPRESSOR_I386_PC_COMPRESSED_SIZE` and `_UNCOMPRESSED_SIZE`).
const COMPRESSED_SIZE: usize = SECTOR + 0x08;
const UNCOMPRESSED_SIZE: usize = SECTOR + 0x0c;
/// Where the packed part starts, behind a decompressor of 2 to 4 KiB.
const PACKED: std::ops::Range<usize> = 0x400..0x2400;
/// Bytes that an image may unpack to; one with every module has some 3 MiB.
const MAX_UNPACKED: usize = 16 << 20;
/// Objects in an image at most; there are some 300 modules.
const MAX_OBJECTS: usize = 2048;
/// `GRUB_MODULE_MAGIC`.
const MAGIC: &[u8; 4] = b"mimg";

/// What grub-mkimage put into an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrubImage {
    /// Where GRUB looks for its files: `(,msdos1)/boot/grub`, `/EFI/debian`; empty if the configuration sets it.
    pub prefix: String,
    /// The modules in it.
    pub modules: BTreeSet<String>,
    /// The script that runs first, if there is one.
    pub config: Option<String>,
}

/// The block list of `core.img`'s first sector: where the rest lies, and how many sectors it has.
#[must_use]
pub fn block_list(sector: &[u8]) -> Option<(u64, u16)> {
    let start = u64::from_le_bytes(sector.get(BLOCK_LIST..BLOCK_LIST + 8)?.try_into().ok()?);
    let length = u16::from_le_bytes(sector.get(BLOCK_LIST + 8..BLOCK_LIST + 10)?.try_into().ok()?);
    Some((start, length))
}

/// Bytes that a core image has at least, by its own header: the first sector and the packed part.
#[must_use]
pub fn packed_length(bytes: &[u8]) -> Option<usize> {
    let size = bytes.get(COMPRESSED_SIZE..COMPRESSED_SIZE + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(size)).ok()?.checked_add(SECTOR)
}

/// Reads `core.img` of the platform i386-pc; none if it is no such image, breaks off, or comes from a GRUB before 2.00.
#[must_use]
pub fn read_core(bytes: &[u8]) -> Option<GrubImage> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let packed = usize::try_from(number(COMPRESSED_SIZE)?).ok()?;
    let unpacked = usize::try_from(number(UNCOMPRESSED_SIZE)?).ok()?;
    if packed == 0 || packed > bytes.len() || unpacked > MAX_UNPACKED {
        return None;
    }
    // Nothing says how long the decompressor is. Each LZMA stream starts with a zero byte (its range coder's), and
    // what starts elsewhere fails within a few bytes.
    let starts = PACKED.filter(|start| bytes.get(*start) == Some(&0));
    let image = starts
        .filter_map(|start| unpack(bytes.get(start..)?, unpacked))
        .find_map(|image| read_modules(&image));
    image.filter(|image| !image.modules.is_empty() || !image.prefix.is_empty())
}

/// LZMA without a header, with the settings of `compress_kernel_lzma` in util/mkimage.c.
fn unpack(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut options = LzmaOptions::new_preset(6).ok()?;
    options.dict_size(1 << 16).literal_context_bits(3).literal_position_bits(0).position_bits(2);
    let mut filters = Filters::new();
    filters.lzma1(&options);
    let mut stream = Stream::new_raw_decoder(&filters).ok()?;
    let mut out = Vec::new();
    // First a piece: what is no stream fails there, and costs no memory.
    for limit in [size.min(4096), size] {
        out.reserve_exact(limit.saturating_sub(out.len()));
        let rest = bytes.get(usize::try_from(stream.total_in()).ok()?..)?;
        match stream.process_vec(rest, &mut out, Action::Run) {
            Ok(Status::Ok | Status::StreamEnd) => {}
            _ => return None,
        }
    }
    out.truncate(size);
    (out.len() == size).then_some(out)
}

/// Reads the modules of an unpacked image, or of the section `mods` of an EFI program.
#[must_use]
pub fn read_modules(bytes: &[u8]) -> Option<GrubImage> {
    memchr::memmem::find_iter(bytes, MAGIC).find_map(|at| {
        let here = bytes.get(at..)?;
        let narrow =
            |at: usize| usize::try_from(u32::from_le_bytes(here.get(at..at + 4)?.try_into().ok()?)).ok();
        let wide =
            |at: usize| usize::try_from(u64::from_le_bytes(here.get(at..at + 8)?.try_into().ok()?)).ok();
        // 32 bits: magic, offset, size. 64 bits: magic, padding, offset, size.
        let (offset, size) = match (narrow(4)?, narrow(8)?) {
            (12, size) => (12, size),
            (_, 24) => (24, wide(16)?),
            _ => return None,
        };
        objects(here.get(offset..size.min(here.len()))?)
    })
}

fn objects(mut bytes: &[u8]) -> Option<GrubImage> {
    let mut image = GrubImage::default();
    for _ in 0..MAX_OBJECTS {
        let Some(header) = bytes.get(..8) else { break };
        let kind = u32::from_le_bytes(header.get(..4)?.try_into().ok()?);
        let size = usize::try_from(u32::from_le_bytes(header.get(4..)?.try_into().ok()?)).ok()?;
        let Some(body) = bytes.get(8..size) else { break };
        let text = || {
            let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
            String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned()
        };
        match kind {
            0 => image.modules.extend(module_name(body)),
            1 => image.config = image.config.take().or_else(|| memory_disk_config(body)),
            2 => image.config = Some(text()),
            3 => image.prefix = text(),
            _ => {}
        }
        bytes = bytes.get(size..)?;
    }
    Some(image)
}

/// A module's name: what its section `.modname` holds.
fn module_name(bytes: &[u8]) -> Option<String> {
    let elf = goblin::elf::Elf::parse(bytes).ok()?;
    let section = elf
        .section_headers
        .iter()
        .find(|section| elf.shdr_strtab.get_at(section.sh_name) == Some(".modname"))?;
    let name = bytes.get(section.file_range()?)?;
    let name = name.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// Distributions' signed programs have their script in a memory disk (a squashfs, or a tar that can be read here).
fn memory_disk_config(bytes: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(bytes);
    let mut entries = archive.entries().ok()?;
    let mut entry = entries.next()?.ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry, &mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(kind: u32, body: &[u8]) -> Vec<u8> {
        let mut out = kind.to_le_bytes().to_vec();
        out.extend(u32::try_from(body.len() + 8).unwrap().to_le_bytes());
        out.extend(body);
        out
    }

    #[test]
    fn prefix_and_script_are_read_in_both_widths() {
        let objects = [object(3, b"(,msdos1)/boot/grub\0"), object(2, b"search.fs_uuid aa root \0")].concat();
        let narrow = [
            &b"kernelmimg"[..],
            &12u32.to_le_bytes(),
            &u32::try_from(objects.len() + 12).unwrap().to_le_bytes(),
            &objects,
        ]
        .concat();
        let wide = [
            &b"mimg\0\0\0\0"[..],
            &24u64.to_le_bytes(),
            &u64::try_from(objects.len() + 24).unwrap().to_le_bytes(),
            &objects,
        ]
        .concat();
        for bytes in [narrow, wide] {
            let image = read_modules(&bytes).unwrap();
            assert_eq!(
                (image.prefix.as_str(), image.config.as_deref()),
                ("(,msdos1)/boot/grub", Some("search.fs_uuid aa root "))
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(read_core(&bytes), None);
            let marked = [&b"mimg"[..], &12u32.to_le_bytes(), &bytes].concat();
            if let Some(image) = read_modules(&marked) {
                prop_assert!(image.prefix.len() <= bytes.len());
            }
        }
    }
}
