//! Makes small real files from what was packed: initrds with every name of the original, kernel modules with its
//! `.modinfo`, programs that need what it needs, in its compression and with its damage.

use std::io::Write as _;

use bootproof::initrd::Compression;
use liblzma::stream::{Check, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

#[path = "../../../tests/common/pack/mod.rs"]
mod pack;

use pack::{Library, Module, gzip};
pub use pack::{alias_index, bzimage, dependency_index};

/// Contents of a block of lz4's and lzop's containers.
const BLOCK: usize = 256 * 1024;

/// A kernel module, compressed after its name.
pub fn module(path: &str, pairs: &[(String, String)]) -> Vec<u8> {
    let name = path.rsplit('/').next().unwrap().split(".ko").next().unwrap().replace('-', "_");
    let magic = pairs.iter().find(|(key, _)| key == "vermagic").map_or("", |(_, magic)| magic);
    let release = magic.split(' ').next().unwrap_or_default();
    let others = pairs.iter().filter(|(key, _)| key != "vermagic");
    let file =
        others.fold(Module::new(&name, release), |module, (key, value)| module.info(key, value)).build();
    match path.rsplit('.').next() {
        Some("xz") => xz(&file, Check::Crc32),
        Some("zst") => zstd::encode_all(file.as_slice(), 1).unwrap(),
        Some("gz") => gzip(&file),
        _ => file,
    }
}

/// A program or library.
pub fn program(interpreter: Option<&str>, needed: &[String]) -> Vec<u8> {
    let program = interpreter.into_iter().fold(Library::program(), Library::interpreter);
    program.needs(&needed.iter().map(String::as_str).collect::<Vec<_>>()).build()
}

/// A newc archive in the making; unlike the one of the tests it takes modes and links as they come.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// `links` and `inode` tell names of one file: of those, the last has the contents.
    pub fn entry(&mut self, name: &[u8], mode: u32, links: u32, inode: u32, bytes: &[u8]) {
        self.entries += 1;
        let inode = if links > 1 { inode } else { 0x10_0000 + self.entries };
        let size = u32::try_from(bytes.len()).unwrap();
        let name_size = u32::try_from(name.len() + 1).unwrap();
        let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            write!(self.bytes, "{field:08X}").unwrap();
        }
        self.bytes.extend(name);
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(bytes);
        self.pad();
    }

    /// The archive with its trailer.
    pub fn build(mut self) -> Vec<u8> {
        self.entry(b"TRAILER!!!", 0, 1, 0, b"");
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self.bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The bytes as that compression packs them. `crc64`: with a check that the kernel's xz does not know.
pub fn compress(bytes: &[u8], compression: Compression, crc64: bool) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lzma => {
            let stream = Stream::new_lzma_encoder(&LzmaOptions::new_preset(0).unwrap()).unwrap();
            let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => xz(bytes, if crc64 { Check::Crc64 } else { Check::Crc32 }),
        Compression::Lz4Legacy => lz4_legacy(bytes),
        Compression::Lz4Frame => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lzo => lzop(bytes),
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

fn xz(bytes: &[u8], check: Check) -> Vec<u8> {
    let mut encoder = XzEncoder::new_stream(Vec::new(), Stream::new_easy_encoder(0, check).unwrap());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// lz4's legacy frames: a magic, then blocks of 8 MiB, each after its size (lz4_Frame_format.md, "Legacy frame").
fn lz4_legacy(bytes: &[u8]) -> Vec<u8> {
    let mut out = 0x184c_2102_u32.to_le_bytes().to_vec();
    for block in bytes.chunks(8 << 20) {
        let packed = lz4_flex::block::compress(block);
        out.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        out.extend(packed);
    }
    out
}

/// lzop's container, as lib/decompress_unlzo.c of the kernel reads it: a header, then blocks with an Adler-32 of
/// their contents, and a size of 0 at the end.
fn lzop(bytes: &[u8]) -> Vec<u8> {
    const FLAG_ADLER32_OF_CONTENTS: u32 = 1;
    let mut out = b"\x89LZO\0\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    for half in [0x1040_u16, 0x2080, 0x0940] {
        header.extend(half.to_be_bytes()); // versions: of lzop, of its library, needed to unpack
    }
    header.extend([1, 1]); // method LZO1X-1, level 1
    header.extend(FLAG_ADLER32_OF_CONTENTS.to_be_bytes());
    header.extend([0; 12]); // mode and time
    header.push(0); // no name
    out.extend(&header);
    out.extend(adler32(&header).to_be_bytes());
    for block in bytes.chunks(BLOCK) {
        let packed = lzokay::compress::compress(block).unwrap();
        let stored = if packed.len() < block.len() { packed.as_slice() } else { block };
        out.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
        out.extend(u32::try_from(stored.len()).unwrap().to_be_bytes());
        out.extend(adler32(block).to_be_bytes());
        out.extend(stored);
    }
    out.extend([0; 4]);
    out
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65521;
        (low, (high + low) % 65521)
    });
    high << 16 | low
}

/// Breaks an image as `damage` in `main/initrds.py` does.
pub fn damage(mut image: Vec<u8>, how: &str) -> Vec<u8> {
    let third = image.len() / 3;
    let garbage = b"this is no archive\n".repeat(40);
    match how {
        "truncated" => image.truncate(2 * third),
        "corrupt" => {
            for (at, byte) in image.iter_mut().skip(third).take(4096).enumerate() {
                *byte = ((at * 37) & 0xff) as u8;
            }
        }
        "garbage-before" => image.splice(..0, garbage).for_each(drop),
        "garbage-behind" => {
            image.resize(image.len().next_multiple_of(4), 0);
            image.extend(garbage);
        }
        "zeros-behind" => image.extend([0; 8192]),
        "empty" => image.clear(),
        other => panic!("no damage is called `{other}`"),
    }
    image
}
