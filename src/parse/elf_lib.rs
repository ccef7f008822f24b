//! What the dynamic linker reads of a program or shared library: SONAME, needed libraries, search paths, symbol
//! versions; and the version that OpenSSL writes into its own data.
//!
//! The file is read through a callback in small pieces (headers, dynamic section, string table, version tables),
//! so a library of many megabytes costs a few kilobytes. Section headers are not used: what is loaded is what the
//! linker sees (elf(5), ld.so(8); the System V gABI, "Dynamic Linking"; LSB, "Symbol Versioning").

use std::collections::BTreeSet;

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::dynamic::{self, Dynamic};
use goblin::elf::program_header::{PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHT_GNU_VERDEF, SHT_GNU_VERNEED, SectionHeader};
use goblin::elf::sym::{Sym, Symtab};
use goblin::elf::symver::{VerdefSection, VerneedSection};
use goblin::elf::{Elf, header};
use memchr::memmem;
use thiserror::Error;

/// Most program headers that are read; real files have about a dozen.
const MAX_PROGRAM_HEADERS: usize = 256;
/// Bytes of a dynamic section that are read at most; real ones have under 4 KiB.
const MAX_DYNAMIC: u64 = 256 * 1024;
/// Bytes of the dynamic string table that are read at most; libcrypto 3 has 170 KiB, large C++ libraries megabytes.
const MAX_STRINGS: u64 = 8 * 1024 * 1024;
/// Bytes of a symbol table that are read at most; libcrypto 3 has 140 KiB.
const MAX_SYMBOLS: u64 = 4 * 1024 * 1024;
/// Bytes of a version table that are read at most; glibc's has 2 KiB.
const MAX_VERSIONS: usize = 256 * 1024;
/// Bytes that are searched for the version string at most; libcrypto 3 has 5 MiB.
const MAX_SEARCHED: u64 = 16 * 1024 * 1024;
/// Bytes that are searched at a time.
const CHUNK: usize = 256 * 1024;
/// Longest version string that is looked at.
const MAX_TEXT: usize = 100;
/// Needed libraries and versions kept at most; a bound on memory for a table that repeats itself.
const MAX_NAMES: usize = 4096;

/// Reads `len` bytes at `offset` of the file; fewer at its end or in trouble.
pub type ReadAt<'a> = &'a mut dyn FnMut(u64, usize) -> Vec<u8>;

/// Why a file could not be read as a program or library.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ElfError {
    /// It does not start as an ELF file does: a script, or text.
    #[error("not an ELF file")]
    NotElf,
    /// It is cut off or contradicts itself.
    #[error("damaged ELF file: {0}")]
    Corrupt(String),
}

/// A program or shared library.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Object {
    /// 64-bit.
    pub wide: bool,
    /// Least significant byte first.
    pub little_endian: bool,
    /// `e_machine`: 62 is x86-64, 3 is i386, 183 is arm64.
    pub machine: u16,
    /// The dynamic linker that it asks for (`PT_INTERP`); programs have one.
    pub interpreter: Option<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_RPATH`, split at colons.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, split at colons.
    pub runpath: Vec<String>,
    /// The symbol versions that it defines, without its own name.
    pub defined_versions: Vec<String>,
    /// The symbol versions that it needs of its libraries.
    pub needed_versions: Vec<NeededVersion>,
    names: Vec<u8>,
    segments: Vec<Segment>,
    /// Offset and size of the dynamic symbol table in the file.
    symbols: (u64, u64),
}

/// A symbol version that a library must define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededVersion {
    /// The library's SONAME.
    pub library: String,
    /// The version: `OPENSSL_1_1_1`.
    pub version: String,
    /// The linker does not insist.
    pub weak: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
    executable: bool,
    writable: bool,
}

impl Object {
    /// Whether the two can be linked: same class, byte order and machine.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        (self.wide, self.little_endian, self.machine) == (other.wide, other.little_endian, other.machine)
    }

    /// Drops the table of names, the largest part, once no symbol will be asked for.
    pub fn forget_names(&mut self) {
        self.names = Vec::new();
    }

    /// Offset in the file of what is loaded at `address`, and the bytes that follow it there.
    fn offset_of(&self, address: u64) -> Option<(u64, u64)> {
        self.segments.iter().find_map(|segment| {
            let into = address.checked_sub(segment.address).filter(|into| *into < segment.size)?;
            Some((segment.offset.checked_add(into)?, segment.size - into))
        })
    }

    fn string(&self, offset: u64) -> Option<String> {
        let tail = self.names.get(usize::try_from(offset).ok()?..)?;
        let len = tail.iter().take(MAX_TEXT * 4).position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(tail.get(..len)?).into_owned())
    }
}

/// Reads what the dynamic linker would.
///
/// # Errors
/// [`ElfError`] when it is no ELF file or is damaged; a static program is neither and has nothing needed.
pub fn read(read_at: ReadAt<'_>) -> Result<Object, ElfError> {
    let start = read_at(0, 64);
    if !start.starts_with(header::ELFMAG) {
        return Err(ElfError::NotElf);
    }
    let header = Elf::parse_header(&start).map_err(corrupt)?;
    let ctx = Ctx::new(header.container().map_err(corrupt)?, header.endianness().map_err(corrupt)?);
    let count = usize::from(header.e_phnum).min(MAX_PROGRAM_HEADERS);
    let size = ProgramHeader::size(ctx).saturating_mul(count);
    let table = read_at(header.e_phoff, size);
    let headers = ProgramHeader::parse(&table, 0, count, ctx).map_err(corrupt)?;
    let mut object = Object {
        wide: ctx.is_big(),
        little_endian: ctx.is_little_endian(),
        machine: header.e_machine,
        segments: headers.iter().filter(|header| header.p_type == PT_LOAD).map(segment).collect(),
        ..Object::default()
    };
    if let Some(found) = headers.iter().find(|header| header.p_type == PT_INTERP) {
        let text = read_at(found.p_offset, usize::try_from(found.p_filesz).unwrap_or(0).min(4096));
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        object.interpreter = Some(String::from_utf8_lossy(text).into_owned());
    }
    let Some(found) = headers.iter().find(|header| header.p_type == PT_DYNAMIC) else { return Ok(object) };
    if found.p_filesz > MAX_DYNAMIC {
        return Err(ElfError::Corrupt(format!("its dynamic section claims {} bytes", found.p_filesz)));
    }
    let bytes = read_at(found.p_offset, usize::try_from(found.p_filesz).unwrap_or(0));
    let here = ProgramHeader { p_offset: 0, p_filesz: bytes.len() as u64, ..found.clone() };
    let table = Dynamic::parse(&bytes, &[here], ctx).map_err(corrupt)?;
    let Some(table) = table else { return Ok(object) };
    fill(&mut object, &table, ctx, read_at)?;
    Ok(object)
}

fn corrupt(error: goblin::error::Error) -> ElfError {
    ElfError::Corrupt(error.to_string())
}

fn segment(header: &ProgramHeader) -> Segment {
    Segment {
        address: header.p_vaddr,
        offset: header.p_offset,
        size: header.p_filesz,
        executable: header.p_flags & PF_X != 0,
        writable: header.p_flags & PF_W != 0,
    }
}

fn fill(object: &mut Object, table: &Dynamic, ctx: Ctx, read_at: ReadAt<'_>) -> Result<(), ElfError> {
    let value = |tag: u64| table.dyns.iter().find(|entry| entry.d_tag == tag).map(|entry| entry.d_val);
    let Some(strings) = value(dynamic::DT_STRTAB) else { return Ok(()) };
    let missing = || ElfError::Corrupt("its string table is not in the file".to_owned());
    let (offset, available) = object.offset_of(strings).ok_or_else(missing)?;
    let size = value(dynamic::DT_STRSZ).unwrap_or(0).min(available).min(MAX_STRINGS);
    object.names = read_at(offset, usize::try_from(size).unwrap_or(0));
    let texts = |tag: u64| {
        let entries = table.dyns.iter().filter(move |entry| entry.d_tag == tag);
        entries.filter_map(|entry| object.string(entry.d_val)).take(MAX_NAMES)
    };
    let paths = |tag: u64| -> Vec<String> {
        let all = texts(tag).flat_map(|text| text.split(':').map(str::to_owned).collect::<Vec<_>>());
        all.filter(|path| !path.is_empty()).take(MAX_NAMES).collect()
    };
    let (soname, needed) = (texts(dynamic::DT_SONAME).next(), texts(dynamic::DT_NEEDED).collect());
    let (rpath, runpath) = (paths(dynamic::DT_RPATH), paths(dynamic::DT_RUNPATH));
    let mut table_at = |tag: u64| -> Option<Vec<u8>> {
        let (offset, available) = object.offset_of(value(tag)?)?;
        Some(read_at(offset, usize::try_from(available).unwrap_or(MAX_VERSIONS).min(MAX_VERSIONS)))
    };
    let definitions = table_at(dynamic::DT_VERDEF);
    let needs = table_at(dynamic::DT_VERNEED);
    object.symbols = value(dynamic::DT_SYMTAB).map_or((0, 0), |address| symbol_table(object, table, address));
    let count = |tag: u64| u32::try_from(value(tag).unwrap_or(0)).unwrap_or(u32::MAX);
    let defined =
        definitions.map(|bytes| defined_versions(object, &bytes, count(dynamic::DT_VERDEFNUM), ctx));
    let needed_versions =
        needs.map(|bytes| versions_needed(object, &bytes, count(dynamic::DT_VERNEEDNUM), ctx));
    object.defined_versions = defined.transpose()?.unwrap_or_default();
    object.needed_versions = needed_versions.transpose()?.unwrap_or_default();
    (object.soname, object.needed, object.rpath, object.runpath) = (soname, needed, rpath, runpath);
    Ok(())
}

/// Where the symbol table is. Nothing says how long it is (but the hash table, of which there are two kinds); it ends
/// where the next table starts.
fn symbol_table(object: &Object, table: &Dynamic, address: u64) -> (u64, u64) {
    let Some((offset, available)) = object.offset_of(address) else { return (0, 0) };
    let tables = [
        dynamic::DT_STRTAB,
        dynamic::DT_HASH,
        dynamic::DT_GNU_HASH,
        dynamic::DT_VERSYM,
        dynamic::DT_VERDEF,
        dynamic::DT_VERNEED,
        dynamic::DT_REL,
        dynamic::DT_RELA,
        dynamic::DT_JMPREL,
        dynamic::DT_INIT,
    ];
    let starts = table.dyns.iter().filter(|entry| tables.contains(&entry.d_tag)).map(|entry| entry.d_val);
    let next = starts.filter(|start| *start > address).min();
    (offset, next.map_or(available, |next| available.min(next - address)))
}

/// A section header that says: the table is all of these bytes.
fn whole(kind: u32, bytes: &[u8], count: u32) -> SectionHeader {
    SectionHeader {
        sh_type: kind,
        sh_offset: 0,
        sh_size: bytes.len() as u64,
        sh_info: count,
        ..SectionHeader::new()
    }
}

fn defined_versions(object: &Object, bytes: &[u8], count: u32, ctx: Ctx) -> Result<Vec<String>, ElfError> {
    const BASE: u16 = 1; // VER_FLG_BASE: the entry is the file's own name
    let section =
        VerdefSection::parse(bytes, &[whole(SHT_GNU_VERDEF, bytes, count)], ctx).map_err(corrupt)?;
    let Some(section) = section else { return Ok(Vec::new()) };
    let entries = section.iter().take(MAX_NAMES).filter(|entry| entry.vd_flags & BASE == 0);
    let names = entries.filter_map(|entry| object.string(entry.iter().next()?.vda_name as u64));
    Ok(names.collect())
}

fn versions_needed(
    object: &Object,
    bytes: &[u8],
    count: u32,
    ctx: Ctx,
) -> Result<Vec<NeededVersion>, ElfError> {
    const WEAK: u16 = 2; // VER_FLG_WEAK
    let section =
        VerneedSection::parse(bytes, &[whole(SHT_GNU_VERNEED, bytes, count)], ctx).map_err(corrupt)?;
    let Some(section) = section else { return Ok(Vec::new()) };
    let mut versions = Vec::new();
    for library in section.iter().take(MAX_NAMES) {
        let Some(name) = object.string(library.vn_file as u64) else { continue };
        for entry in library.iter().take(MAX_NAMES.saturating_sub(versions.len())) {
            if let Some(version) = object.string(entry.vna_name as u64) {
                versions.push(NeededVersion {
                    library: name.clone(),
                    version,
                    weak: entry.vna_flags & WEAK != 0,
                });
            }
        }
    }
    Ok(versions)
}

/// The functions and data that the library defines for others. Asks for the names that [`Object::forget_names`]
/// drops.
#[must_use]
pub fn defined_symbols(object: &Object, read_at: ReadAt<'_>) -> BTreeSet<String> {
    symbols(object, read_at, |symbol| symbol.st_shndx != 0)
}

/// The functions and data of other libraries that it uses, as [`defined_symbols`].
#[must_use]
pub fn imported_symbols(object: &Object, read_at: ReadAt<'_>) -> BTreeSet<String> {
    symbols(object, read_at, |symbol| symbol.st_shndx == 0)
}

/// The names of the dynamic symbols that pass.
fn symbols(object: &Object, read_at: ReadAt<'_>, pass: impl Fn(&Sym) -> bool) -> BTreeSet<String> {
    let container = if object.wide { Container::Big } else { Container::Little };
    let endian = if object.little_endian { Endian::Little } else { Endian::Big };
    let ctx = Ctx::new(container, endian);
    let (offset, size) = object.symbols;
    let bytes = read_at(offset, usize::try_from(size.min(MAX_SYMBOLS)).unwrap_or(0));
    let count = bytes.len() / Sym::size(container);
    let Ok(table) = Symtab::parse(&bytes, 0, count, ctx) else { return BTreeSet::new() };
    table
        .iter()
        .filter(|symbol| pass(symbol))
        .filter_map(|symbol| object.string(symbol.st_name as u64))
        .filter(|name| !name.is_empty())
        .collect()
}

/// The version that OpenSSL or one of its relatives writes into its read-only data, as `OpenSSL 1.0.1e-fips 11 Feb
/// 2013` (`OPENSSL_VERSION_TEXT` in opensslv.h; LibreSSL and BoringSSL have their own).
#[must_use]
pub fn openssl_text(object: &Object, read_at: ReadAt<'_>) -> Option<String> {
    // Read-only data has a segment of its own since binutils 2.31; before, it stood behind the code.
    let mut segments: Vec<&Segment> = object.segments.iter().filter(|segment| !segment.writable).collect();
    segments.sort_by_key(|segment| segment.executable);
    let mut left = MAX_SEARCHED;
    for segment in segments {
        let end = segment.offset.saturating_add(segment.size.min(left));
        let mut offset = segment.offset;
        while offset < end {
            let wanted = usize::try_from(end - offset).unwrap_or(CHUNK).min(CHUNK);
            let bytes = read_at(offset, wanted);
            if let Some(text) = find_text(&bytes) {
                return Some(text);
            }
            if bytes.len() <= MAX_TEXT {
                break;
            }
            // The next piece overlaps, for a text that stands across the border.
            let step = if bytes.len() < wanted || end - offset == wanted as u64 {
                bytes.len()
            } else {
                bytes.len() - MAX_TEXT
            };
            offset = offset.saturating_add(step as u64);
            left = left.saturating_sub(step as u64);
        }
    }
    None
}

fn find_text(bytes: &[u8]) -> Option<String> {
    memmem::find_iter(bytes, b"SSL ").find_map(|at| {
        let start = ["Open", "Libre"].iter().find_map(|prefix| {
            let start = at.checked_sub(prefix.len())?;
            (bytes.get(start..at)? == prefix.as_bytes()).then_some(start)
        })?;
        let tail = bytes.get(start..)?;
        let len = tail.iter().take(MAX_TEXT).position(|byte| !matches!(byte, b' '..=b'~'))?;
        let text = std::str::from_utf8(tail.get(..len)?).ok()?.trim_end();
        is_version_text(text).then(|| text.to_owned())
    })
}

/// `OpenSSL 1.1.1k  FIPS 25 Mar 2021`, `LibreSSL 3.3.6`, `OpenSSL 1.1.1 (compatible; BoringSSL)`; not a sentence
/// that only mentions a version.
fn is_version_text(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let Some(version) = words.next() else { return false };
    let numbers: Vec<&str> = version.splitn(3, '.').collect();
    let numeric = |part: &&str| part.starts_with(|first: char| first.is_ascii_digit());
    if numbers.len() != 3 || !numbers.iter().all(numeric) {
        return false;
    }
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    name == "LibreSSL"
        || text.contains("BoringSSL")
        || words.any(|word| MONTHS.contains(&word) || word == "xx")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::test_elf::Library;

    fn slice(bytes: &[u8]) -> impl FnMut(u64, usize) -> Vec<u8> + '_ {
        |offset, len| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            bytes[start..start.saturating_add(len).min(bytes.len())].to_vec()
        }
    }

    fn object(bytes: &[u8]) -> Result<Object, ElfError> {
        read(&mut slice(bytes))
    }

    fn libssl() -> Vec<u8> {
        Library::new("libssl.so.10")
            .needs(&["libcrypto.so.10", "libc.so.6"])
            .versions(&["libssl.so.10", "OPENSSL_1.0.1", "OPENSSL_1.0.2"])
            .exports(&["SSL_new", "TLSv1_2_method"])
            .text("OpenSSL is a toolkit")
            .text("SSLv3 part of OpenSSL 1.0.2k-fips  26 Jan 2017")
            .build()
    }

    #[test]
    fn a_library_says_what_it_is_and_needs() {
        let bytes = libssl();
        let object = object(&bytes).unwrap();
        assert_eq!(object.soname.as_deref(), Some("libssl.so.10"));
        assert_eq!(object.needed, ["libcrypto.so.10", "libc.so.6"]);
        assert_eq!(object.defined_versions, ["OPENSSL_1.0.1", "OPENSSL_1.0.2"]);
        assert!(object.wide && object.little_endian && object.machine == 62);
        let symbols = defined_symbols(&object, &mut slice(&bytes));
        assert_eq!(symbols.into_iter().collect::<Vec<_>>(), ["SSL_new", "TLSv1_2_method"]);
        let program = Library::program().imports(&["gethostbyname"]).build();
        let client = read(&mut slice(&program)).unwrap();
        let imported = imported_symbols(&client, &mut slice(&program));
        assert_eq!(imported.into_iter().collect::<Vec<_>>(), ["gethostbyname"]);
        assert_eq!(
            openssl_text(&object, &mut slice(&bytes)).as_deref(),
            Some("OpenSSL 1.0.2k-fips  26 Jan 2017")
        );
    }

    #[test]
    fn version_texts_of_the_family_are_told_from_prose() {
        for (text, is) in [
            ("OpenSSL 0.9.8e-fips-rhel5 01 Jul 2008", true),
            ("OpenSSL 1.1.1k  FIPS 25 Mar 2021", true),
            ("OpenSSL 3.0.19 27 Jan 2026", true),
            ("LibreSSL 3.3.6", true),
            ("OpenSSL 1.1.1 (compatible; BoringSSL)", true),
            ("OpenSSL 1.1.0 is needed", false),
            ("OpenSSL default", false),
            ("OpenSSL 3", false),
        ] {
            assert_eq!(is_version_text(text), is, "{text}");
        }
    }

    #[test]
    fn what_is_no_elf_file_or_cut_off_is_told_apart() {
        assert_eq!(object(b"#!/bin/sh\n"), Err(ElfError::NotElf));
        assert_eq!(object(b""), Err(ElfError::NotElf));
        assert!(matches!(object(&libssl()[..20]), Err(ElfError::Corrupt(_))));
    }

    #[test]
    fn a_text_across_two_pieces_is_found() {
        let mut bytes = vec![b'x'; CHUNK - 10];
        bytes.extend(b"OpenSSL 1.1.1k  FIPS 25 Mar 2021\0");
        bytes.resize(CHUNK * 2, 0);
        let segment =
            Segment { address: 0, offset: 0, size: bytes.len() as u64, executable: false, writable: false };
        let object = Object { segments: vec![segment], ..Object::default() };
        assert_eq!(
            openssl_text(&object, &mut slice(&bytes)).as_deref(),
            Some("OpenSSL 1.1.1k  FIPS 25 Mar 2021")
        );
    }

    proptest! {
        #[test]
        fn a_damaged_library_is_read_without_panic(
            cut in 0_usize..4000,
            flips in proptest::collection::vec((0_usize..4000, any::<u8>()), 0..8),
        ) {
            let mut bytes = libssl();
            bytes.truncate(cut.max(64));
            for (at, value) in flips {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            if let Ok(object) = object(&bytes) {
                prop_assert!(object.needed.len() <= MAX_NAMES);
                let text = openssl_text(&object, &mut slice(&bytes));
                prop_assert!(defined_symbols(&object, &mut slice(&bytes)).len() <= bytes.len());
                prop_assert!(text.is_none_or(|text| text.len() <= MAX_TEXT));
            }
        }

        #[test]
        fn any_bytes_after_the_magic_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut file = b"\x7fELF\x02\x01\x01".to_vec();
            file.extend(bytes);
            let _ = object(&file);
        }
    }
}
