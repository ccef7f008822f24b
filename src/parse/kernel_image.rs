//! What a kernel image says of itself: release, version, architecture, whether UEFI can start it.
//!
//! - x86 bzImage: the setup header of the boot protocol (Documentation/arch/x86/boot.rst); from protocol 2.00 on it
//!   points to the version string.
//! - arm64 `Image` (Documentation/arch/arm64/booting.rst), also gzipped, riscv `Image`, EFI zboot images
//!   (drivers/firmware/efi/libstub/zboot-header.S), ELF `vmlinux`, also gzipped: the banner `Linux version ...` is
//!   looked for in the unpacked image.
//! - A unified kernel image (UAPI.5): its `.uname` section, or the kernel in it.
//!
//! Only the head is read where that is enough; the search for the banner stops at [`SEARCHED`] bytes.

use std::io::{self, Read, Seek, SeekFrom};

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use super::unified;

/// Bytes of the head: all of an x86 setup (at most 64 sectors) and the headers of everything else.
const HEAD: u64 = 64 * 1024;

/// Bytes of an unpacked image in which the banner is looked for. It stands in the read-only data, which comes after
/// 10 to 40 MiB of code.
const SEARCHED: u64 = 256 << 20;

/// Bytes of a version string at most.
const VERSION: usize = 512;

/// The form of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KernelFormat {
    /// x86 bzImage or zImage.
    BzImage,
    /// arm64 or riscv `Image`, gzipped or not.
    Image,
    /// A compressed image in an EFI program.
    EfiZboot,
    /// ELF, gzipped or not.
    Elf,
    /// A unified kernel image: kernel, initrd and command line in one EFI program.
    Unified,
}

/// What a kernel image says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KernelImage {
    /// Its form.
    pub format: KernelFormat,
    /// The release as in `uname -r`; null if the image does not say.
    pub release: Option<String>,
    /// The whole version string: release, builder, build number, date.
    pub version: Option<String>,
    /// The machine: `x86_64`, `i686`, `aarch64`, `riscv64`; null if the image does not say.
    pub arch: Option<String>,
    /// Whether UEFI can start it without a loader's help.
    pub efi_stub: bool,
    /// The x86 boot protocol: `2.15`; null for other machines.
    pub boot_protocol: Option<String>,
}

/// Why an image says nothing.
#[derive(Debug, Error)]
pub enum KernelImageError {
    /// It is no kernel in any form that is known.
    #[error("it is no kernel image: it starts with `{0}`")]
    Unsupported(String),
    /// It ends before its own header does.
    #[error("it is cut off: {0}")]
    Truncated(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads what the image in `content` says of itself.
///
/// # Errors
/// [`KernelImageError`]: no kernel, cut off, or not readable.
pub fn read(content: &mut (impl Read + Seek)) -> Result<KernelImage, KernelImageError> {
    content.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    content.take(HEAD).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(KernelImageError::Truncated("it has not a single byte"));
    }
    if head.get(0x202..0x206) == Some(b"HdrS") && number(&head, 0x1fe, 2) == Some(0xaa55) {
        let len = content.seek(SeekFrom::End(0))?;
        if promised(&head).is_some_and(|promised| promised > len) {
            return Err(KernelImageError::Truncated("its header promises more than there is"));
        }
        return bz_image(&head);
    }
    if head.get(4..8) == Some(b"zimg") && head.starts_with(b"MZ") {
        return efi_zboot(content, &head);
    }
    if let Some(unified) = unified(content, &head)? {
        return Ok(unified);
    }
    content.seek(SeekFrom::Start(0))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = flate2::read::GzDecoder::new(content);
        let mut head = Vec::new();
        (&mut unpacked).take(HEAD).read_to_end(&mut head)?;
        return plain(&head, &mut unpacked);
    }
    let from = head.len() as u64;
    content.seek(SeekFrom::Start(from))?;
    plain(&head, content)
}

/// Bytes that an x86 image has by its header: the setup's sectors behind the first one, and the kernel in units of 16
/// bytes (`syssize`, four bytes wide since protocol 2.04).
fn promised(head: &[u8]) -> Option<u64> {
    let setup = match number(head, 0x1f1, 1)? {
        0 => 4,
        sectors => sectors as u64,
    };
    let wide = number(head, 0x206, 2)? >= 0x204;
    let kernel = number(head, 0x1f4, if wide { 4 } else { 2 })? as u64;
    Some((setup + 1) * 512 + kernel * 16)
}

/// An x86 image: everything is in the setup header.
fn bz_image(head: &[u8]) -> Result<KernelImage, KernelImageError> {
    let cut = || KernelImageError::Truncated("its setup header");
    let protocol = number(head, 0x206, 2).ok_or_else(cut)?;
    let mut version = None;
    if protocol >= 0x200 {
        let offset = number(head, 0x20e, 2).ok_or_else(cut)?;
        if offset != 0 {
            let text = head.get(0x200 + offset..).ok_or(KernelImageError::Truncated("its version string"))?;
            version = Some(text_at(text));
        }
    }
    // xloadflags are there since protocol 2.12; bit 0: it has the 64-bit entry point.
    let flags = if protocol >= 0x20c { number(head, 0x236, 2).unwrap_or_default() } else { 0 };
    let arch = match (protocol >= 0x20c, flags & 1 != 0) {
        (true, true) => Some("x86_64"),
        (true, false) => Some("i686"),
        (false, _) => None,
    };
    Ok(KernelImage {
        format: KernelFormat::BzImage,
        release: version.as_deref().and_then(first_word),
        version,
        arch: arch.map(str::to_owned),
        efi_stub: pe_header(head).is_some(),
        boot_protocol: Some(format!("{}.{:02}", protocol >> 8, protocol & 0xff)),
    })
}

/// An EFI program that unpacks the image that it holds.
fn efi_zboot(content: &mut (impl Read + Seek), head: &[u8]) -> Result<KernelImage, KernelImageError> {
    let cut = || KernelImageError::Truncated("its zboot header");
    let offset = number(head, 8, 4).ok_or_else(cut)?;
    let size = number(head, 12, 4).ok_or_else(cut)?;
    let codec = head.get(24..56).ok_or_else(cut)?;
    content.seek(SeekFrom::Start(offset as u64))?;
    let payload = io::BufReader::new(content.take(size as u64));
    let mut image = if codec.starts_with(b"gzip") {
        plain_stream(flate2::bufread::GzDecoder::new(payload))?
    } else if codec.starts_with(b"zstd") {
        plain_stream(zstd::Decoder::with_buffer(payload)?.single_frame())?
    } else if codec.starts_with(b"xz") {
        plain_stream(liblzma::bufread::XzDecoder::new(payload))?
    } else {
        // lzma, lz4 and lzo are possible, too, but no distribution uses them here.
        KernelImage {
            format: KernelFormat::EfiZboot,
            release: None,
            version: None,
            arch: pe_machine(head).map(str::to_owned),
            efi_stub: true,
            boot_protocol: None,
        }
    };
    image.format = KernelFormat::EfiZboot;
    image.efi_stub = true;
    Ok(image)
}

fn plain_stream(mut stream: impl Read) -> Result<KernelImage, KernelImageError> {
    let mut head = Vec::new();
    (&mut stream).take(HEAD).read_to_end(&mut head)?;
    plain(&head, &mut stream)
}

/// An image that is not compressed: its head, and what follows the head.
fn plain(head: &[u8], rest: &mut impl Read) -> Result<KernelImage, KernelImageError> {
    let (format, arch) = if head.get(56..60) == Some(b"ARM\x64") {
        (KernelFormat::Image, Some("aarch64"))
    } else if head.get(56..60) == Some(b"RSC\x05") {
        (KernelFormat::Image, Some("riscv64"))
    } else if head.starts_with(b"\x7fELF") {
        (KernelFormat::Elf, elf_machine(head))
    } else {
        let start = head.get(..8).unwrap_or(head);
        return Err(KernelImageError::Unsupported(crate::source::escape_bytes(start)));
    };
    let version = banner(head, rest)?;
    Ok(KernelImage {
        format,
        release: version.as_deref().and_then(first_word),
        version,
        arch: arch.map(str::to_owned),
        efi_stub: pe_header(head).is_some(),
        boot_protocol: None,
    })
}

/// A unified kernel image has the sections `.linux` and, since systemd 253, `.uname`; before that the kernel inside says
/// its release.
fn unified(content: &mut (impl Read + Seek), head: &[u8]) -> Result<Option<KernelImage>, KernelImageError> {
    let sections = unified::sections(head);
    let Some(linux) = sections.iter().find(|section| section.name == ".linux") else { return Ok(None) };
    let mut release = unified::text(content, &sections, ".uname")?.as_deref().and_then(first_word);
    if release.is_none() {
        content.seek(SeekFrom::Start(linux.offset))?;
        let mut head = Vec::new();
        content.take(HEAD.min(linux.size)).read_to_end(&mut head)?;
        release = bz_image(&head).ok().and_then(|image| image.release);
    }
    Ok(Some(KernelImage {
        format: KernelFormat::Unified,
        version: release.clone(),
        release,
        arch: pe_machine(head).map(str::to_owned),
        efi_stub: true,
        boot_protocol: None,
    }))
}

/// The text behind `Linux version ` in `head` or in what follows it.
fn banner(head: &[u8], rest: &mut impl Read) -> io::Result<Option<String>> {
    const PREFIX: &[u8] = b"Linux version ";
    let finder = memchr::memmem::Finder::new(PREFIX);
    let mut window = head.to_vec();
    let mut searched = 0u64;
    loop {
        for at in finder.find_iter(&window) {
            let text = window.get(at + PREFIX.len()..).unwrap_or_default();
            // The same words stand in messages; only the banner goes on with a number.
            if text.len() >= VERSION && text.first().is_some_and(u8::is_ascii_digit) {
                return Ok(Some(text_at(text)));
            }
        }
        let keep = window.len().saturating_sub(PREFIX.len() + VERSION);
        window.drain(..keep);
        let before = window.len();
        let got = rest.take(1 << 20).read_to_end(&mut window)?;
        searched = searched.saturating_add(got as u64);
        if got == 0 || searched > SEARCHED {
            let at = finder.find(window.get(..before).unwrap_or_default());
            let text = at.and_then(|at| window.get(at + PREFIX.len()..));
            return Ok(text.filter(|text| text.first().is_some_and(u8::is_ascii_digit)).map(text_at));
        }
    }
}

/// The little-endian number of `size` bytes at `at`.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let digits = bytes.get(at..at.checked_add(size)?)?;
    Some(digits.iter().rev().fold(0, |value, digit| value << 8 | usize::from(*digit)))
}

/// The text that starts here: up to a NUL or the end of the line.
fn text_at(bytes: &[u8]) -> String {
    let bytes = bytes.get(..VERSION).unwrap_or(bytes);
    let end = bytes.iter().position(|byte| matches!(byte, 0 | b'\n')).unwrap_or(bytes.len());
    crate::source::escape_bytes(bytes.get(..end).unwrap_or_default())
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// Where the PE header is, in an image that is an EFI program, too.
fn pe_header(head: &[u8]) -> Option<usize> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let at = number(head, 0x3c, 4)?;
    (head.get(at..at.checked_add(4)?)? == b"PE\0\0").then_some(at)
}

fn pe_machine(head: &[u8]) -> Option<&'static str> {
    match number(head, pe_header(head)?.checked_add(4)?, 2)? {
        0x8664 => Some("x86_64"),
        0x014c => Some("i686"),
        0xaa64 => Some("aarch64"),
        0x5064 => Some("riscv64"),
        _ => None,
    }
}

fn elf_machine(head: &[u8]) -> Option<&'static str> {
    let big = head.get(5) == Some(&2);
    let machine = number(head, 18, 2)?;
    match if big { machine.swap_bytes() >> (usize::BITS - 16) } else { machine } {
        3 => Some("i686"),
        62 => Some("x86_64"),
        183 => Some("aarch64"),
        243 => Some("riscv64"),
        21 => Some(if big { "ppc64" } else { "ppc64le" }),
        22 => Some("s390x"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;

    use super::*;

    const VERSION_STRING: &str =
        "6.1.0-18-amd64 (builder@example.com) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1";

    fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
        image[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A bzImage's head with this protocol and these xloadflags.
    fn bz_image(protocol: u16, flags: u16, efi: bool) -> Vec<u8> {
        let mut image = vec![0; 0x4000];
        put(&mut image, 0x1fe, &[0x55, 0xaa]);
        put(&mut image, 0x202, b"HdrS");
        put(&mut image, 0x206, &protocol.to_le_bytes());
        put(&mut image, 0x20e, &0x3000u16.to_le_bytes());
        put(&mut image, 0x236, &flags.to_le_bytes());
        put(&mut image, 0x3200, VERSION_STRING.as_bytes());
        if efi {
            put(&mut image, 0, b"MZ");
            put(&mut image, 0x3c, &[0x82, 0, 0, 0]);
            put(&mut image, 0x82, b"PE\0\0\x64\x86");
        }
        image
    }

    fn read_bytes(bytes: &[u8]) -> Result<KernelImage, KernelImageError> {
        read(&mut Cursor::new(bytes))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// An arm64 Image with the banner deep inside.
    fn arm64() -> Vec<u8> {
        let mut image = vec![0; 3 << 20];
        put(&mut image, 56, b"ARM\x64");
        // Words that only look like the banner come first.
        put(&mut image, 100_000, b"Linux version %s (%s)\0");
        put(&mut image, 2 << 20, format!("Linux version {VERSION_STRING}\n\0").as_bytes());
        image
    }

    #[test]
    fn x86_images_say_it_in_their_setup_header() {
        for (protocol, flags, efi, arch) in [
            (0x020f, 0x3f, true, Some("x86_64")),
            (0x020c, 0x00, false, Some("i686")),
            (0x0206, 0x00, false, None),
        ] {
            let image = read_bytes(&bz_image(protocol, flags, efi)).unwrap();
            assert_eq!(image.format, KernelFormat::BzImage);
            assert_eq!(image.release.as_deref(), Some("6.1.0-18-amd64"));
            assert_eq!(image.version.as_deref(), Some(VERSION_STRING));
            assert_eq!(image.arch.as_deref(), arch, "protocol {protocol:x}");
            assert_eq!(image.efi_stub, efi);
        }
    }

    #[test]
    fn arm64_images_are_searched_for_the_banner() {
        let plain = arm64();
        let mut zboot = vec![0; 256];
        let packed = zstd::encode_all(plain.as_slice(), 1).unwrap();
        put(&mut zboot, 0, b"MZ\0\0zimg");
        put(&mut zboot, 8, &256u32.to_le_bytes());
        put(&mut zboot, 12, &u32::try_from(packed.len()).unwrap().to_le_bytes());
        put(&mut zboot, 24, b"zstd22");
        zboot.extend(packed);
        for (bytes, format) in [
            (plain.clone(), KernelFormat::Image),
            (gzip(&plain), KernelFormat::Image),
            (zboot, KernelFormat::EfiZboot),
        ] {
            let image = read_bytes(&bytes).unwrap();
            assert_eq!(image.format, format);
            assert_eq!(image.version.as_deref(), Some(VERSION_STRING));
            assert_eq!(image.arch.as_deref(), Some("aarch64"));
        }
    }

    #[test]
    fn banner_at_the_very_end_is_found() {
        let mut image = vec![0; 200_000];
        put(&mut image, 0, b"\x7fELF\x02\x01");
        put(&mut image, 18, &62u16.to_le_bytes());
        image.extend_from_slice(b"Linux version 2.6.18-398.el5 (x)");
        let image = read_bytes(&image).unwrap();
        assert_eq!((image.format, image.release.as_deref()), (KernelFormat::Elf, Some("2.6.18-398.el5")));
        assert_eq!(image.arch.as_deref(), Some("x86_64"));
    }

    #[test]
    fn unified_images_say_it_in_a_section() {
        let mut image = vec![0; 0x1000];
        put(&mut image, 0, b"MZ");
        put(&mut image, 0x3c, &[0x80, 0, 0, 0]);
        put(&mut image, 0x80, b"PE\0\0\x64\x86\x02\0");
        for (at, name, offset) in [(0x98, b".linux\0\0", 0x800u32), (0x98 + 40, b".uname\0\0", 0x400)] {
            put(&mut image, at, name);
            put(&mut image, at + 8, &16u32.to_le_bytes());
            put(&mut image, at + 20, &offset.to_le_bytes());
        }
        put(&mut image, 0x400, b"6.8.5-301.fc40\0\0");
        let image = read_bytes(&image).unwrap();
        assert_eq!((image.format, image.release.as_deref()), (KernelFormat::Unified, Some("6.8.5-301.fc40")));
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        for bytes in [b"".as_slice(), b"#!/bin/sh\n", b"MZ", &[0; 4096], b"\x1f\x8b"] {
            assert!(read_bytes(bytes).is_err(), "{bytes:?}");
        }
        let mut cut = bz_image(0x20f, 1, false);
        cut.truncate(0x2000);
        assert!(matches!(read_bytes(&cut), Err(KernelImageError::Truncated("its version string"))));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2048), start in 0usize..6) {
            let mut image = match start {
                0 => bz_image(0x20f, 1, true),
                1 => b"MZ\0\0zimg".to_vec(),
                2 => b"\x7fELF".to_vec(),
                3 => gzip(&bytes),
                _ => Vec::new(),
            };
            let at = usize::from(bytes.first().copied().unwrap_or_default()) * 4;
            for (slot, byte) in image.iter_mut().skip(at).zip(&bytes) {
                *slot = *byte;
            }
            image.extend(&bytes);
            if let Ok(image) = read_bytes(&image) {
                prop_assert!(image.version.unwrap_or_default().len() <= VERSION * 4);
            }
        }
    }
}
