//! The two codecs that are read block by block: lz4's legacy frames and lzop's container.
//!
//! A block is unpacked whole and handed out as a slice, so that what is skipped is never copied.

use std::io::{self, BufRead, Read};

use super::input::Input;

/// Starts a legacy lz4 frame, little-endian `0x184C2102` (lib/decompress_unlz4.c of the kernel).
pub(super) const LZ4_LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// What a block of a legacy frame unpacks to at most; all but the last unpack to just this.
const LZ4_BLOCK: usize = 8 << 20;

/// Bytes that a packed block of a legacy frame has at most (`LZ4_COMPRESSBOUND`); a larger number is no block.
const LZ4_PACKED_BLOCK: usize = LZ4_BLOCK + LZ4_BLOCK / 255 + 16;

/// `lzop -9` writes blocks of 256 KiB, and the kernel unpacks none that are larger (lib/decompress_unlzo.c); the
/// format goes up to 64 MiB.
const LZO_KERNEL_BLOCK: usize = 256 * 1024;
const LZO_BLOCK: usize = 64 << 20;

/// Starts an lzop file.
pub(super) const LZOP_MAGIC: [u8; 9] = [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1a, b'\n'];

/// lzop header flags: which checksums follow each block's sizes, and a filter's number in the header.
const LZOP_ADLER32_UNPACKED: u32 = 0x001;
const LZOP_ADLER32_PACKED: u32 = 0x002;
const LZOP_CRC32_UNPACKED: u32 = 0x100;
const LZOP_CRC32_PACKED: u32 = 0x200;
const LZOP_FILTER: u32 = 0x800;

/// Which container the blocks are in.
enum Container {
    Lz4Legacy,
    Lzop { unpacked_checksums: u32, packed_checksums: u32 },
}

/// A decoder that unpacks one block after the other.
pub(super) struct Blocks<'a> {
    input: Input<'a>,
    container: Container,
    packed: Vec<u8>,
    block: Vec<u8>,
    start: usize,
    end: usize,
    finished: bool,
    /// Why the kernel does not unpack this, if something in it says so.
    pub(super) refused: Option<&'static str>,
}

impl<'a> Blocks<'a> {
    /// Blocks of a legacy lz4 frame; `input` stands at its magic.
    pub(super) fn lz4_legacy(mut input: Input<'a>) -> Self {
        input.consume(LZ4_LEGACY_MAGIC.len());
        Self::new(input, Container::Lz4Legacy)
    }

    /// Blocks of an lzop file; `input` stands at its magic.
    pub(super) fn lzop(input: Input<'a>) -> Result<Self, (Input<'a>, io::Error)> {
        let mut blocks = Self::new(input, Container::Lzop { unpacked_checksums: 0, packed_checksums: 0 });
        match blocks.lzop_header() {
            Ok(()) => Ok(blocks),
            Err(error) => Err((blocks.input, error)),
        }
    }

    fn new(input: Input<'a>, container: Container) -> Self {
        Self {
            input,
            container,
            packed: Vec::new(),
            block: Vec::new(),
            start: 0,
            end: 0,
            finished: false,
            refused: None,
        }
    }

    pub(super) fn input(&self) -> &Input<'a> {
        &self.input
    }

    pub(super) fn into_input(self) -> Input<'a> {
        self.input
    }

    /// Reads lzop's header: magic, versions, method, level, flags, mode, times, name, checksum.
    fn lzop_header(&mut self) -> io::Result<()> {
        let mut fixed = [0; 9 + 2 + 2 + 2 + 1];
        self.input.read_exact(&mut fixed)?;
        let version = u16::from_be_bytes([fixed[9], fixed[10]]);
        let method = fixed[15];
        if !matches!(method, 1..=3) {
            return Err(corrupt(format!("lzop's method {method} is not LZO1X")));
        }
        // The level is there since 0.94, and so is the upper half of the time.
        let newer = version >= 0x0940;
        if newer {
            self.input.read_exact(&mut [0; 1])?;
        }
        let flags = self.read_u32()?;
        if flags & LZOP_FILTER != 0 {
            return Err(corrupt("lzop's filters are not supported".to_owned()));
        }
        let count = |wanted: u32| (flags & wanted).count_ones();
        self.container = Container::Lzop {
            unpacked_checksums: count(LZOP_ADLER32_UNPACKED | LZOP_CRC32_UNPACKED),
            packed_checksums: count(LZOP_ADLER32_PACKED | LZOP_CRC32_PACKED),
        };
        if count(LZOP_ADLER32_UNPACKED | LZOP_CRC32_UNPACKED) != 1
            || count(LZOP_ADLER32_PACKED | LZOP_CRC32_PACKED) != 0
        {
            self.refused = Some("the kernel expects exactly one checksum in each lzop block");
        }
        let mut rest = [0; 4 + 4 + 4];
        self.input.read_exact(rest.get_mut(if newer { 0.. } else { 4.. }).unwrap_or_default())?;
        let mut length = [0];
        self.input.read_exact(&mut length)?;
        let mut name_and_checksum = vec![0; usize::from(length[0]) + 4];
        self.input.read_exact(&mut name_and_checksum)
    }

    fn read_u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Unpacks the next block; at the end there is none, and `finished` is set.
    fn next_block(&mut self) -> io::Result<()> {
        self.start = 0;
        self.end = 0;
        match self.container {
            Container::Lz4Legacy => self.next_lz4_block(),
            Container::Lzop { unpacked_checksums, packed_checksums } => {
                self.next_lzo_block(unpacked_checksums, packed_checksums)
            }
        }
    }

    /// A legacy frame has no end mark. The kernel reads blocks until the image is at its end or a block's size is
    /// 0 (padding); a magic in between starts another frame. Another archive after it cannot be told from a block
    /// by the kernel, but its magic read as a size is larger than any block.
    fn next_lz4_block(&mut self) -> io::Result<()> {
        loop {
            let next = self.input.peek(4)?;
            let Ok(word) = <[u8; 4]>::try_from(next) else {
                // Up to three zeros of padding may come after the last block, but there must be one.
                if self.block.is_empty() || next.iter().any(|byte| *byte != 0) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.finished = true;
                return Ok(());
            };
            if word == LZ4_LEGACY_MAGIC {
                self.input.consume(4);
                continue;
            }
            let size = u32::from_le_bytes(word) as usize;
            if size == 0 || size > LZ4_PACKED_BLOCK {
                self.finished = true;
                return Ok(());
            }
            self.input.consume(4);
            self.read_packed(size)?;
            if self.block.is_empty() {
                self.block = vec![0; LZ4_BLOCK];
            }
            let got = lz4_flex::block::decompress_into(&self.packed, &mut self.block);
            self.end = got.map_err(|error| corrupt(format!("an lz4 block does not unpack: {error}")))?;
            return Ok(());
        }
    }

    /// An lzop block: unpacked size (0 ends the file), packed size, checksums, data. Data that would not shrink
    /// is stored as it is, and then has no checksum of its packed form.
    fn next_lzo_block(&mut self, unpacked_checksums: u32, packed_checksums: u32) -> io::Result<()> {
        let unpacked = self.read_u32()? as usize;
        if unpacked == 0 {
            self.finished = true;
            return Ok(());
        }
        if unpacked > LZO_KERNEL_BLOCK {
            self.refused = Some("the kernel unpacks no lzop block of more than 256 KiB");
        }
        let packed = self.read_u32()? as usize;
        if unpacked > LZO_BLOCK || packed > unpacked || packed == 0 {
            return Err(corrupt(format!("an lzop block claims to unpack {packed} bytes to {unpacked}")));
        }
        let stored = packed == unpacked;
        let checksums = if stored { unpacked_checksums } else { unpacked_checksums + packed_checksums };
        for _ in 0..checksums {
            self.read_u32()?;
        }
        self.read_packed(packed)?;
        if stored {
            std::mem::swap(&mut self.packed, &mut self.block);
            self.end = unpacked;
            return Ok(());
        }
        if self.block.len() < unpacked {
            self.block.resize(unpacked, 0);
        }
        let out = self.block.get_mut(..unpacked).unwrap_or_default();
        let got = lzokay::decompress::decompress(&self.packed, out)
            .map_err(|error| corrupt(format!("an lzop block does not unpack: {error}")))?;
        if got != unpacked {
            return Err(corrupt(format!("an lzop block unpacks to {got} bytes, not {unpacked}")));
        }
        self.end = unpacked;
        Ok(())
    }

    /// Reads the `size` packed bytes of a block. The buffer grows as bytes really come.
    fn read_packed(&mut self, size: usize) -> io::Result<()> {
        self.packed.clear();
        let got = (&mut self.input).take(size as u64).read_to_end(&mut self.packed)?;
        if got < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

fn corrupt(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl Read for Blocks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let got = available.read(out)?;
        self.consume(got);
        Ok(got)
    }
}

impl BufRead for Blocks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.start >= self.end && !self.finished {
            self.next_block()?;
        }
        Ok(self.block.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.start = self.start.saturating_add(amount).min(self.end);
    }
}
