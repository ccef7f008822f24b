//! What loaders leave on a disk: first sectors, GRUB's core image, EFI programs. Each has the parts that tell what it is, and
//! no code.
//!
//! Layouts: GRUB's `include/grub/offsets.h`, `include/grub/kernel.h` and `grub-core/boot/i386/pc/boot.S`; Microsoft's "PE Format".

use super::kernel::bzimage;

/// What grub-mkimage puts into an image.
#[derive(Debug, Clone, Default)]
pub struct Grub {
    pub prefix: String,
    pub modules: Vec<String>,
    pub config: Option<String>,
}

impl Grub {
    pub fn new(prefix: &str, modules: &[&str]) -> Self {
        let modules = modules.iter().map(|&name| name.to_owned()).collect();
        Self { prefix: prefix.to_owned(), modules, config: None }
    }

    /// The modules with their header of 32 bits, or of 64.
    fn section(&self, is_wide: bool) -> Vec<u8> {
        let mut objects: Vec<u8> = self.modules.iter().flat_map(|name| object(0, &module(name))).collect();
        if let Some(config) = &self.config {
            objects.extend(object(2, format!("{config}\0").as_bytes()));
        }
        objects.extend(object(3, format!("{}\0", self.prefix).as_bytes()));
        let header: u32 = if is_wide { 24 } else { 12 };
        let size = header + u32::try_from(objects.len()).unwrap();
        let mut out = b"mimg".to_vec();
        if is_wide {
            out.extend(0_u32.to_le_bytes());
            out.extend(u64::from(header).to_le_bytes());
            out.extend(u64::from(size).to_le_bytes());
        } else {
            out.extend(header.to_le_bytes());
            out.extend(size.to_le_bytes());
        }
        [out, objects].concat()
    }

    /// `core.img` for BIOS: the first sector, a decompressor, and the rest packed by LZMA.
    pub fn core(&self) -> Vec<u8> {
        // Code does not pack well: the numbers of Marsaglia's xorshift generator stand for it.
        let mut state = 2_463_534_242_u32;
        let code = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        });
        let plain = [code.take(16_384).collect(), self.section(false)].concat();
        let packed = lzma(&plain);
        let mut image = vec![0x90; 512 + 0x800];
        image[512 + 8..512 + 12].copy_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
        image[512 + 12..512 + 16].copy_from_slice(&u32::try_from(plain.len()).unwrap().to_le_bytes());
        image.extend(packed);
        image
    }

    /// The program for UEFI.
    pub fn program(&self, machine: u16, signer: Option<&str>) -> Vec<u8> {
        efi_program(machine, &[(".text", b"code"), ("mods", &self.section(true))], signer)
    }
}

fn object(kind: u32, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&kind.to_le_bytes()[..], &size.to_le_bytes(), body].concat()
}

/// An ELF file with a section `.modname` and nothing else.
fn module(name: &str) -> Vec<u8> {
    let names = b"\0.modname\0.shstrtab\0";
    let text = format!("{name}\0");
    let text_at = 64;
    let names_at = text_at + text.len();
    let table_at = (names_at + names.len()).next_multiple_of(8);
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend([1, 0, 62, 0, 1, 0, 0, 0]);
    out.extend([0; 16]);
    out.extend(u64::try_from(table_at).unwrap().to_le_bytes());
    out.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 2, 0]);
    out.extend(text.as_bytes());
    out.extend(names);
    out.resize(table_at, 0);
    out.extend([0; 64]);
    for (name, kind, at, size) in [(1_u32, 1_u32, text_at, text.len()), (10, 3, names_at, names.len())] {
        out.extend(name.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend([0; 16]);
        out.extend(u64::try_from(at).unwrap().to_le_bytes());
        out.extend(u64::try_from(size).unwrap().to_le_bytes());
        out.extend([0; 24]);
    }
    out
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    use liblzma::stream::{Action, Filters, LzmaOptions, Stream};
    let mut options = LzmaOptions::new_preset(6).unwrap();
    options.dict_size(1 << 16);
    let mut filters = Filters::new();
    filters.lzma1(&options);
    let mut stream = Stream::new_raw_encoder(&filters).unwrap();
    let mut out = Vec::with_capacity(bytes.len() + 4096);
    stream.process_vec(bytes, &mut out, Action::Finish).unwrap();
    out
}

/// A PE file for UEFI with these sections, and perhaps a certificate that names its signer.
pub fn efi_program(machine: u16, sections: &[(&str, &[u8])], signer: Option<&str>) -> Vec<u8> {
    let mut out = vec![0; 0x400];
    headers(&mut out, machine, sections.len());
    for (index, (name, body)) in sections.iter().enumerate() {
        let at = out.len();
        out.extend(*body);
        out.resize(out.len().next_multiple_of(512), 0);
        let size = out.len() - at;
        section(&mut out, index, name, at, size);
    }
    sign(&mut out, signer);
    out
}

/// A Linux kernel that UEFI can start, too.
pub fn efi_kernel(release: &str, signer: Option<&str>) -> Vec<u8> {
    let mut out = bzimage(release);
    headers(&mut out, 0x8664, 1);
    let size = out.len() - 0x400;
    section(&mut out, 0, ".text", 0x400, size);
    sign(&mut out, signer);
    out
}

const PE: usize = 0x80;

fn headers(out: &mut [u8], machine: u16, sections: usize) {
    out[..2].copy_from_slice(b"MZ");
    out[0x3c] = u8::try_from(PE).unwrap();
    out[PE..PE + 4].copy_from_slice(b"PE\0\0");
    out[PE + 4..PE + 6].copy_from_slice(&machine.to_le_bytes());
    out[PE + 6] = u8::try_from(sections).unwrap();
    out[PE + 20..PE + 22].copy_from_slice(&240_u16.to_le_bytes());
    out[PE + 24..PE + 26].copy_from_slice(&0x20b_u16.to_le_bytes());
    out[PE + 24 + 108] = 16; // data directories
}

fn section(out: &mut [u8], index: usize, name: &str, at: usize, size: usize) {
    let header = PE + 24 + 240 + 40 * index;
    out[header..header + name.len()].copy_from_slice(name.as_bytes());
    for (offset, value) in [(8, size), (12, at), (16, size), (20, at)] {
        let value = u32::try_from(value).unwrap().to_le_bytes();
        out[header + offset..header + offset + 4].copy_from_slice(&value);
    }
}

fn sign(out: &mut Vec<u8>, signer: Option<&str>) {
    let Some(signer) = signer else { return };
    let at = out.len();
    out.extend([0; 8]);
    out.extend(signer.as_bytes());
    out.resize(out.len().next_multiple_of(8), 0);
    let size = out.len() - at;
    let directory = PE + 24 + 112 + 4 * 8;
    out[directory..directory + 4].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
    out[directory + 4..directory + 8].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
}

/// What is in the first sector of a disk, and behind it.
#[derive(Debug, Clone, Default)]
pub struct FirstSectors {
    /// `grub`, `plain` (starts the active partition) or nothing.
    pub code: &'static str,
    /// The core image, and the sector that it starts at; `None` leaves zeros there.
    pub core: Option<Vec<u8>>,
    pub core_at: usize,
    /// Whether the sector ends in 55 AA.
    pub is_signed: bool,
    /// Type, mark and first sector of each partition.
    pub partitions: Vec<(u8, bool, u32)>,
}

impl FirstSectors {
    /// As `dd count=4096` would read them.
    pub fn dump(&self) -> Vec<u8> {
        let mut out = vec![0; 4096 * 512];
        match self.code {
            "grub" => {
                out[..3].copy_from_slice(&[0xeb, 0x63, 0x90]);
                out[0x5c..0x64].copy_from_slice(&u64::try_from(self.core_at).unwrap().to_le_bytes());
                out[0x180..0x18a].copy_from_slice(b"GRUB \0Geom");
            }
            "plain" => out[0x20..0x38].copy_from_slice(b"Missing operating system"),
            _ => {}
        }
        for (index, (kind, is_active, start)) in self.partitions.iter().enumerate() {
            out[446 + 16 * index] = if *is_active { 0x80 } else { 0 };
            out[446 + 16 * index + 4] = *kind;
            out[446 + 16 * index + 8..446 + 16 * index + 12].copy_from_slice(&start.to_le_bytes());
        }
        if self.is_signed {
            out[510..512].copy_from_slice(&[0x55, 0xaa]);
        }
        if let Some(core) = &self.core {
            let at = self.core_at * 512;
            let sectors = core.len().div_ceil(512);
            out[at..at + core.len()].copy_from_slice(core);
            out[at + 500..at + 508].copy_from_slice(&u64::try_from(self.core_at + 1).unwrap().to_le_bytes());
            out[at + 508..at + 510].copy_from_slice(&u16::try_from(sectors - 1).unwrap().to_le_bytes());
        }
        out
    }
}
