//! Images and modules made in tests, byte by byte.

use super::Compression;

/// A cpio archive in the making.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    magic: &'static [u8; 6],
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    /// An empty archive in `newc` format.
    pub(crate) fn new() -> Self {
        Self { magic: b"070701", bytes: Vec::new(), inode: 0 }
    }

    /// An empty archive with checksums.
    pub(crate) fn crc() -> Self {
        Self { magic: b"070702", ..Self::new() }
    }

    pub(crate) fn file(self, name: impl AsRef<[u8]>, contents: impl AsRef<[u8]>) -> Self {
        self.entry(name.as_ref(), 0o100_644, contents.as_ref(), 1, None)
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.entry(name.as_bytes(), 0o040_755, b"", 2, None)
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        self.entry(name.as_bytes(), 0o120_777, target.as_bytes(), 1, None)
    }

    /// One of two names of the file `inode`.
    pub(crate) fn hard_link(self, name: &str, inode: u32, contents: &str) -> Self {
        self.entry(name.as_bytes(), 0o100_755, contents.as_bytes(), 2, Some(inode))
    }

    fn entry(mut self, name: &[u8], mode: u32, contents: &[u8], links: u32, inode: Option<u32>) -> Self {
        self.inode += 1;
        let sum = contents.iter().map(|byte| u32::from(*byte)).sum();
        let check = if self.magic == b"070702" { sum } else { 0 };
        let fields = [
            inode.unwrap_or(1000 + self.inode),
            mode,
            0,
            0,
            links,
            1_700_000_000,
            u32::try_from(contents.len()).unwrap(),
            8,
            1,
            0,
            0,
            u32::try_from(name.len()).unwrap() + 1,
            check,
        ];
        self.bytes.extend_from_slice(self.magic);
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.pad(4);
        self.bytes.extend_from_slice(contents);
        self.pad(4);
        self
    }

    fn pad(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    /// The archive so far, without a trailer.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    /// The archive with its trailer, filled up to 512 bytes as cpio does.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut archive = self.entry(b"TRAILER!!!", 0, b"", 1, Some(0));
        archive.pad(512);
        archive.bytes
    }
}

/// A module's file: an ELF header, `.modinfo` with `strings`, the table of section names, the section table.
pub(crate) fn module(strings: &[&str], wide: bool, big: bool) -> Vec<u8> {
    let number = |value: u64, size: usize| -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let mut bytes = bytes[8 - size..].to_vec();
        if !big {
            bytes.reverse();
        }
        bytes
    };
    let word = |value: usize| number(value as u64, if wide { 8 } else { 4 });
    let modinfo: Vec<u8> = strings.iter().flat_map(|string| string.bytes().chain([0])).collect();
    let names = b"\0.modinfo\0.shstrtab\0";
    let (header_size, section_size) = if wide { (64, 64) } else { (52, 40) };
    let names_offset = header_size + modinfo.len();
    let table_offset = names_offset + names.len();

    let mut file = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, if big { 2 } else { 1 }, 1];
    file.resize(16, 0);
    for (value, size) in [(1, 2), (62, 2), (1, 4)] {
        file.extend(number(value, size));
    }
    for value in [0, 0, table_offset] {
        file.extend(word(value));
    }
    file.extend(number(0, 4));
    for value in [header_size, 0, 0, section_size, 3, 2] {
        file.extend(number(value as u64, 2));
    }
    assert_eq!(file.len(), header_size);
    file.extend(&modinfo);
    file.extend(names);
    for (name, kind, offset, size) in
        [(0, 0, 0, 0), (1, 1, header_size, modinfo.len()), (10, 3, names_offset, names.len())]
    {
        let mut section = [number(name, 4), number(kind, 4)].concat();
        for value in [0, 0, offset, size] {
            section.extend(word(value));
        }
        section.resize(section_size, 0);
        file.extend(section);
    }
    file
}

/// A module for `x86_64` with these `.modinfo` strings.
pub(crate) fn module64(strings: &[&str]) -> Vec<u8> {
    module(strings, true, false)
}

/// `bytes` packed as `compression`, in the way that the kernel can unpack.
pub(crate) fn pack(bytes: &[u8], compression: Compression) -> Vec<u8> {
    use std::io::Write as _;
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => pack_xz(bytes, liblzma::stream::Check::Crc32),
        Compression::Lzma => {
            let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
            let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
            let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lz4Legacy => {
            let mut packed = vec![0x02, 0x21, 0x4c, 0x18];
            for block in bytes.chunks(8 << 20) {
                let block = lz4_flex::block::compress(block);
                packed.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
                packed.extend(block);
            }
            packed
        }
        Compression::Lz4Frame => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lzo => pack_lzop(bytes, 256 * 1024, 0x0300_0001),
        Compression::Zstd => zstd::encode_all(bytes, 3).unwrap(),
    }
}

/// An xz stream with this check.
pub(crate) fn pack_xz(bytes: &[u8], check: liblzma::stream::Check) -> Vec<u8> {
    use std::io::Write as _;
    let stream = liblzma::stream::Stream::new_easy_encoder(6, check).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An lzop file with blocks of `block` bytes and these header flags; checksums are zeros, since nobody looks.
pub(crate) fn pack_lzop(bytes: &[u8], block: usize, flags: u32) -> Vec<u8> {
    let mut packed = vec![0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1a, b'\n'];
    packed.extend([0x10, 0x40, 0x20, 0xa0, 0x09, 0x40, 3, 9]);
    packed.extend(flags.to_be_bytes());
    packed.extend([0; 12]);
    packed.extend([4, b'n', b'a', b'm', b'e', 0, 0, 0, 0]);
    for block in bytes.chunks(block) {
        let data = lzokay::compress::compress(block).unwrap();
        let stored = data.len() >= block.len();
        let data = if stored { block } else { &data };
        packed.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
        packed.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let of_unpacked = (flags & 0x101).count_ones() as usize;
        let of_packed = if stored { 0 } else { (flags & 0x202).count_ones() as usize };
        packed.resize(packed.len() + 4 * (of_unpacked + of_packed), 0);
        packed.extend(data);
    }
    packed.extend([0; 4]);
    packed
}
