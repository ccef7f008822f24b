//! Programs for UEFI: for which machine, whole or broken off, signed by whom, and which loader it is.
//!
//! PE/COFF as the firmware loads it (UEFI specification, "Image Format"; Microsoft's "PE Format"). A signature for Secure
//! Boot is in the certificate table, which is not part of any section. Loaders are known by what only they have: shim by its
//! section `.vendor_cert`, GRUB by `mods`, systemd-boot by `.sdmagic`, a unified kernel by `.linux`.

use goblin::pe::header::Header;

use super::grub_image::{self, GrubImage};

/// Bytes of a certificate table that are searched for its signer; real ones have 2 to 10 KiB.
const MAX_CERTIFICATES: usize = 256 * 1024;

/// Components of a `.sbat` section; real ones have three to five.
const MAX_COMPONENTS: usize = 64;

/// An EFI program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EfiProgram {
    /// The machine that it is for: `x64`, `ia32`, `aa64`, as in the names of fallback loaders; empty for others.
    pub machine: &'static str,
    /// Whether all of its sections are there.
    pub is_whole: bool,
    /// Who signed it.
    pub signer: Signer,
    /// Which loader it is.
    pub kind: ProgramKind,
    /// What GRUB has inside; none for other programs.
    pub grub: Option<GrubImage>,
    /// Components and their generations for revocation, as the section `.sbat` lists them; empty without one.
    pub sbat: Vec<(String, u32)>,
}

/// Who signed a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// Nobody.
    Nobody,
    /// Microsoft, whose keys are in every firmware with Secure Boot.
    Microsoft,
    /// Somebody else, such as a distribution, whose key shim has.
    Other,
}

/// Kinds of EFI programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramKind {
    /// shim, which starts the GRUB beside it.
    Shim,
    /// GRUB 2.
    Grub,
    /// systemd-boot.
    SystemdBoot,
    /// A kernel and its initrd in one file.
    UnifiedKernel,
    /// A Linux kernel on its own.
    Kernel,
    /// Another program.
    Other,
}

/// Reads the headers, and of a whole file what is inside; none if it is no PE file for UEFI. `len` is the file's size, of
/// which `bytes` are the beginning or all.
#[must_use]
pub fn parse(bytes: &[u8], len: u64) -> Option<EfiProgram> {
    let header = Header::parse(bytes).ok()?;
    let machine = match header.coff_header.machine {
        0x8664 => "x64",
        0x014c => "ia32",
        0xaa64 => "aa64",
        0x01c2 => "arm",
        _ => "",
    };
    let mut offset = usize::try_from(header.dos_header.pe_pointer).ok()?;
    offset = offset.checked_add(24)?.checked_add(usize::from(header.coff_header.size_of_optional_header))?;
    let sections = header.coff_header.sections(bytes, &mut offset).unwrap_or_default();
    let end = |at: u32, size: u32| u64::from(at).saturating_add(u64::from(size));
    let is_whole = !sections.is_empty()
        && sections.iter().all(|section| end(section.pointer_to_raw_data, section.size_of_raw_data) <= len);
    let certificates = header
        .optional_header
        .and_then(|optional| optional.data_directories.get_certificate_table().copied());
    let certificates =
        certificates.filter(|table| table.size > 0 && end(table.virtual_address, table.size) <= len);
    let signer = match certificates {
        None => Signer::Nobody,
        Some(table) => signer(bytes, table.virtual_address, table.size),
    };
    let body = |name: &str| {
        let section = sections.iter().find(|section| section.name().is_ok_and(|own| own == name))?;
        let start = usize::try_from(section.pointer_to_raw_data).ok()?;
        let size = usize::try_from(section.size_of_raw_data).ok()?;
        Some(bytes.get(start..start.checked_add(size)?.min(bytes.len())).unwrap_or_default())
    };
    let mods = body("mods");
    let kind = if sections.iter().any(|section| section.name().is_ok_and(|own| own.starts_with(".vendor_"))) {
        ProgramKind::Shim
    } else if mods.is_some() {
        ProgramKind::Grub
    } else if body(".linux").is_some() {
        ProgramKind::UnifiedKernel
    } else if body(".sdmagic").is_some()
        || memchr::memmem::find(bytes, b"#### LoaderInfo: systemd-boot").is_some()
    {
        ProgramKind::SystemdBoot
    } else if bytes.get(0x202..0x206) == Some(b"HdrS") || bytes.get(0x38..0x3c) == Some(b"ARMd") {
        ProgramKind::Kernel
    } else {
        ProgramKind::Other
    };
    let grub = mods.and_then(grub_image::read_modules);
    let sbat = body(".sbat").map(sbat).unwrap_or_default();
    Some(EfiProgram { machine, is_whole, signer, kind, grub, sbat })
}

/// Lines of `component,generation,vendor,package,version,url` (SBAT.md of shim).
fn sbat(section: &[u8]) -> Vec<(String, u32)> {
    let lines = section.split(|byte| *byte == b'\n').take(MAX_COMPONENTS);
    let components = lines.filter_map(|line| {
        let line = String::from_utf8_lossy(line);
        let mut fields = line.trim_matches(['\0', '\r', ' ']).split(',');
        Some((crate::source::escape_bytes(fields.next()?.as_bytes()), fields.next()?.parse().ok()?))
    });
    components.collect()
}

/// The certificates name their issuers in plain text; a table that was not read counts as somebody's.
fn signer(bytes: &[u8], at: u32, size: u32) -> Signer {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(MAX_CERTIFICATES);
    let table = bytes.get(start..start.saturating_add(size).min(bytes.len())).unwrap_or_default();
    match memchr::memmem::find(table, b"Microsoft") {
        Some(_) => Signer::Microsoft,
        None => Signer::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_program_is_none() {
        for bytes in [&b""[..], b"shim", &[0; 4096]] {
            assert_eq!(parse(bytes, bytes.len() as u64), None);
        }
    }

    #[test]
    fn generations_are_read() {
        let section = b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\nshim,4,UEFI shim,shim,1,x\n\0\0";
        assert_eq!(sbat(section), [("sbat".to_owned(), 1), ("shim".to_owned(), 4)]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut program = b"MZ".to_vec();
            program.resize(0x3c, 0);
            program.extend(64u32.to_le_bytes());
            program.extend(b"PE\0\0\x64\x86");
            program.extend(&bytes);
            if let Some(read) = parse(&program, program.len() as u64) {
                prop_assert_eq!(read.machine, "x64");
            }
        }
    }
}
