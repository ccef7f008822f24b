//! ELF files for x86-64: kernel modules with their `.modinfo`, shared libraries and programs with their dynamic
//! section. They hold no code.

use std::iter::once;

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

/// A kernel module, by what its `.modinfo` section says.
#[derive(Debug, Clone, Default)]
pub struct Module {
    name: String,
    modinfo: Vec<(String, String)>,
}

impl Module {
    /// A module called `name` of the kernel `release`, with a `vermagic` as that release has.
    pub fn new(name: &str, release: &str) -> Self {
        Self { name: name.to_owned(), modinfo: Vec::new() }
            .info("vermagic", &format!("{release} SMP mod_unload modversions "))
    }

    /// One more `key=value` of `.modinfo`.
    pub fn info(mut self, key: &str, value: &str) -> Self {
        self.modinfo.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The module answers to these modalias patterns.
    pub fn aliases(self, patterns: &[&str]) -> Self {
        patterns.iter().fold(self, |module, pattern| module.info("alias", pattern))
    }

    /// The module needs these to be loaded first.
    pub fn depends(self, names: &[&str]) -> Self {
        let list = names.join(",");
        self.info("depends", &list)
    }

    /// The module file.
    pub fn build(&self) -> Vec<u8> {
        let pairs = self.modinfo.iter().map(|(key, value)| format!("{key}={value}"));
        // `name=` is in .modinfo since Linux 4.9; older readers skip keys that they do not know.
        let modinfo: Vec<u8> =
            pairs.chain(once(format!("name={}", self.name))).flat_map(terminated).collect();
        let mut elf = Elf::new(ET_REL);
        elf.section(".modinfo", SHT_PROGBITS, modinfo);
        elf.build()
    }
}

/// A shared library or a program, by what the dynamic linker reads of it.
#[derive(Debug, Clone, Default)]
pub struct Library {
    soname: Option<String>,
    interpreter: Option<String>,
    needed: Vec<String>,
    versions: Vec<String>,
    exports: Vec<String>,
    imports: Vec<String>,
    texts: Vec<String>,
}

impl Library {
    /// A shared library with this `DT_SONAME`.
    pub fn new(soname: &str) -> Self {
        Self { soname: Some(soname.to_owned()), ..Self::default() }
    }

    /// A program: it has no name of its own.
    pub fn program() -> Self {
        Self::default()
    }

    /// This dynamic linker starts it (`PT_INTERP`).
    pub fn interpreter(mut self, path: &str) -> Self {
        self.interpreter = Some(path.to_owned());
        self
    }

    /// It is linked against these (`DT_NEEDED`).
    pub fn needs(mut self, sonames: &[&str]) -> Self {
        self.needed.extend(sonames.iter().map(|&name| name.to_owned()));
        self
    }

    /// It defines these symbol versions (`.gnu.version_d`), the first being its base.
    pub fn versions(mut self, names: &[&str]) -> Self {
        self.versions.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// It defines these functions.
    pub fn exports(mut self, names: &[&str]) -> Self {
        self.exports.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// It calls these functions of other libraries.
    pub fn imports(mut self, names: &[&str]) -> Self {
        self.imports.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// This text stands in `.rodata`, as `OpenSSL 1.0.2k-fips  26 Jan 2017` does in libcrypto.
    pub fn text(mut self, text: &str) -> Self {
        self.texts.push(text.to_owned());
        self
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let mut names = Strings::default();
        let mut dynamic: Vec<(u64, u64)> =
            self.needed.iter().map(|name| (DT_NEEDED, names.add(name))).collect();
        if let Some(soname) = &self.soname {
            dynamic.push((DT_SONAME, names.add(soname)));
        }
        let symbols = self.symbols(&mut names);
        let versions = self.version_definitions(&mut names);

        let mut elf = Elf::new(ET_DYN);
        if let Some(path) = &self.interpreter {
            elf.end += PROGRAM_HEADER;
            elf.interpreter = Some(elf.section(".interp", SHT_PROGBITS, terminated(path.clone())));
        }
        let strings = elf.section(".dynstr", SHT_STRTAB, names.bytes.clone());
        let table = elf.section(".dynsym", SHT_DYNSYM, symbols);
        elf.link(table, strings, 24, 1);
        dynamic.extend([(DT_STRTAB, elf.address(strings)), (DT_STRSZ, names.bytes.len() as u64)]);
        dynamic.extend([(DT_SYMTAB, elf.address(table)), (DT_SYMENT, 24)]);
        let hash = elf.section(".hash", SHT_HASH, self.hash());
        elf.link(hash, table, 4, 0);
        dynamic.push((DT_HASH, elf.address(hash)));
        if !self.versions.is_empty() {
            let section = elf.section(".gnu.version_d", SHT_GNU_VERDEF, versions);
            elf.link(section, strings, 0, self.versions.len());
            let symbol_versions = (0..=self.exports.len() + self.imports.len())
                .flat_map(|n| u16::from(n > 0).to_le_bytes())
                .collect();
            let of_symbols = elf.section(".gnu.version", SHT_GNU_VERSYM, symbol_versions);
            elf.link(of_symbols, table, 2, 0);
            dynamic.extend([(DT_VERDEF, elf.address(section)), (DT_VERDEFNUM, self.versions.len() as u64)]);
            dynamic.push((DT_VERSYM, elf.address(of_symbols)));
        }
        elf.section(".rodata", SHT_PROGBITS, self.texts.iter().cloned().flat_map(terminated).collect());
        dynamic.push((DT_NULL, 0));
        let entries =
            dynamic.iter().flat_map(|&(tag, value)| [tag, value]).flat_map(u64::to_le_bytes).collect();
        let section = elf.section(".dynamic", SHT_DYNAMIC, entries);
        elf.link(section, strings, 16, 0);
        elf.dynamic = Some(section);
        elf.build()
    }

    fn symbols(&self, names: &mut Strings) -> Vec<u8> {
        let mut table = vec![0; 24];
        for name in &self.exports {
            table.extend(u32::try_from(names.add(name)).unwrap().to_le_bytes());
            table.extend([0x12, 0, 1, 0]); // a global function, in section 1
            table.extend(0x1000_u64.to_le_bytes());
            table.extend(16_u64.to_le_bytes());
        }
        for name in &self.imports {
            table.extend(u32::try_from(names.add(name)).unwrap().to_le_bytes());
            table.extend([0x12, 0, 0, 0]); // a global function, in no section
            table.extend([0; 16]);
        }
        table
    }

    /// One bucket with all symbols chained in it: what says how many symbols there are.
    fn hash(&self) -> Vec<u8> {
        let symbols = u32::try_from(self.exports.len() + self.imports.len() + 1).unwrap();
        let chain = (0..symbols).map(|n| if n == 0 || n + 1 == symbols { 0 } else { n + 1 });
        let first = u32::from(symbols > 1);
        [1, symbols, first].into_iter().chain(chain).flat_map(u32::to_le_bytes).collect()
    }

    fn version_definitions(&self, names: &mut Strings) -> Vec<u8> {
        let mut table = Vec::new();
        for (index, version) in self.versions.iter().enumerate() {
            let last = index + 1 == self.versions.len();
            let number = u16::try_from(index + 1).unwrap();
            for half in [1, u16::from(index == 0), number, 1] {
                table.extend(half.to_le_bytes());
            }
            let name = u32::try_from(names.add(version)).unwrap();
            for word in [elf_hash(version), 20, if last { 0 } else { 28 }, name, 0] {
                table.extend(word.to_le_bytes());
            }
        }
        table
    }
}

/// The hash of the System V ABI, which symbol versions carry.
fn elf_hash(name: &str) -> u32 {
    name.bytes().fold(0_u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

fn terminated(text: String) -> Vec<u8> {
    text.into_bytes().into_iter().chain(once(0)).collect()
}

/// A string table: the empty string is at 0.
#[derive(Debug, Clone)]
struct Strings {
    bytes: Vec<u8>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { bytes: vec![0] }
    }
}

impl Strings {
    fn add(&mut self, text: &str) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend(terminated(text.to_owned()));
        at
    }
}

const ET_REL: u16 = 1;
const ET_DYN: u16 = 3;
const SHT_PROGBITS: u32 = 1;
const SHT_STRTAB: u32 = 3;
const SHT_HASH: u32 = 5;
const SHT_DYNAMIC: u32 = 6;
const SHT_DYNSYM: u32 = 11;
const SHT_GNU_VERDEF: u32 = 0x6fff_fffd;
const SHT_GNU_VERSYM: u32 = 0x6fff_ffff;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_STRSZ: u64 = 10;
const DT_SYMENT: u64 = 11;
const DT_SONAME: u64 = 14;
const DT_VERSYM: u64 = 0x6fff_fff0;
const DT_VERDEF: u64 = 0x6fff_fffc;
const DT_VERDEFNUM: u64 = 0x6fff_fffd;

/// An ELF file in the making: sections one after another behind the headers, loaded where they stand in the file.
struct Elf {
    kind: u16,
    sections: Vec<Section>,
    end: usize,
    dynamic: Option<usize>,
    interpreter: Option<usize>,
}

struct Section {
    name: &'static str,
    kind: u32,
    offset: usize,
    bytes: Vec<u8>,
    link: usize,
    entry_size: u64,
    info: u32,
}

impl Elf {
    fn new(kind: u16) -> Self {
        Self {
            kind,
            sections: Vec::new(),
            end: HEADER + 2 * PROGRAM_HEADER,
            dynamic: None,
            interpreter: None,
        }
    }

    fn section(&mut self, name: &'static str, kind: u32, bytes: Vec<u8>) -> usize {
        let offset = self.end.next_multiple_of(8);
        self.end = offset + bytes.len();
        self.sections.push(Section { name, kind, offset, bytes, link: 0, entry_size: 0, info: 0 });
        self.sections.len() - 1
    }

    /// Sets what `section` says of its string table, of the size of its entries and of their number.
    fn link(&mut self, section: usize, to: usize, entry_size: u64, info: usize) {
        let section = self.sections.get_mut(section).unwrap();
        section.link = to + 1; // section 0 is the empty one
        section.entry_size = entry_size;
        section.info = u32::try_from(info).unwrap();
    }

    fn address(&self, section: usize) -> u64 {
        self.sections.get(section).unwrap().offset as u64
    }

    fn build(mut self) -> Vec<u8> {
        let mut names = Strings::default();
        let mut at: Vec<u32> =
            self.sections.iter().map(|s| u32::try_from(names.add(s.name)).unwrap()).collect();
        at.push(u32::try_from(names.add(".shstrtab")).unwrap());
        self.section(".shstrtab", SHT_STRTAB, names.bytes);

        let table = self.end.next_multiple_of(8);
        let programs: u16 = match (self.dynamic, self.interpreter) {
            (None, _) => 0,
            (Some(_), None) => 2,
            (Some(_), Some(_)) => 3,
        };
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        for half in [self.kind, 62] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1_u32.to_le_bytes());
        for word in [0, if programs > 0 { HEADER } else { 0 }, table] {
            file.extend((word as u64).to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        let count = u16::try_from(self.sections.len() + 1).unwrap();
        for half in [HEADER as u16, PROGRAM_HEADER as u16, programs, SECTION_HEADER as u16, count, count - 1]
        {
            file.extend(half.to_le_bytes());
        }
        if let Some(dynamic) = self.dynamic.and_then(|index| self.sections.get(index)) {
            file.extend(program_header(1, 5, 0, table));
            file.extend(program_header(2, 6, dynamic.offset, dynamic.bytes.len()));
        }
        if let Some(path) = self.interpreter.and_then(|index| self.sections.get(index)) {
            file.extend(program_header(3, 4, path.offset, path.bytes.len()));
        }
        for section in &self.sections {
            file.resize(section.offset, 0);
            file.extend(&section.bytes);
        }
        file.resize(table + SECTION_HEADER, 0);
        let loaded = self.kind == ET_DYN;
        for (section, name) in self.sections.iter().zip(at) {
            for word in [name, section.kind] {
                file.extend(word.to_le_bytes());
            }
            let address = if loaded { section.offset as u64 } else { 0 };
            for word in [2, address, section.offset as u64, section.bytes.len() as u64] {
                file.extend(word.to_le_bytes());
            }
            for word in [u32::try_from(section.link).unwrap(), section.info] {
                file.extend(word.to_le_bytes());
            }
            for word in [8, section.entry_size] {
                file.extend(u64::to_le_bytes(word));
            }
        }
        file
    }
}

fn program_header(kind: u32, flags: u32, offset: usize, size: usize) -> Vec<u8> {
    let (offset, size) = (offset as u64, size as u64);
    let words = [offset, offset, offset, size, size, 8].into_iter().flat_map(u64::to_le_bytes);
    [kind, flags].into_iter().flat_map(u32::to_le_bytes).chain(words).collect()
}
