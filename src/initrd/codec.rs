//! Which codec an archive is packed with, and a stream of what it unpacks to.
//!
//! The kernel tells codecs apart by their first two bytes (lib/decompress.c); the magic numbers here are the
//! formats' own, which are longer. Each decoder stops where its member ends, so that the next archive is found.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;

use super::Compression;
use super::blocks::{Blocks, LZ4_LEGACY_MAGIC, LZOP_MAGIC};
use super::input::Input;

/// Bytes that are unpacked at once where contents are skipped or small: fits the caches, and is zstd's block.
const BUFFER: usize = 128 * 1024;

/// Memory that an xz or lzma stream may ask for; `xz -9` needs 65 MiB.
const LZMA_MEMORY: u64 = 256 << 20;

/// The largest zstd window that is unpacked, as a power of two: the kernel's own limit (lib/decompress_unzstd.c).
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes that [`detect`] wants to see.
pub(super) const MAGIC_LENGTH: usize = 13;

/// The codec of an archive that starts with `head`; none if it starts like nothing that is known.
pub(super) fn detect(head: &[u8]) -> Option<Compression> {
    match head {
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => Some(Compression::None),
        [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Compression::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Compression::Lz4Frame),
        _ if head.starts_with(&LZ4_LEGACY_MAGIC) => Some(Compression::Lz4Legacy),
        _ if head.starts_with(&LZOP_MAGIC) => Some(Compression::Lzo),
        // `lzma` has no magic: properties (lc=3 lp=0 pb=2), then the dictionary's size, then the unpacked size.
        [0x5d, 0, 0, ..] => Some(Compression::Lzma),
        _ => None,
    }
}

/// Why no kernel unpacks an archive of this compression that starts with `head`.
pub(super) fn refused(compression: Compression, head: &[u8]) -> Option<&'static str> {
    match (compression, head.get(7)) {
        (Compression::Lz4Frame, _) => {
            Some("the kernel unpacks lz4 only in legacy frames (`lz4 -l`), and this is a current frame")
        }
        // Documentation/staging/xz.rst: "supports only streams with CRC32 or no integrity check".
        (Compression::Xz, Some(check)) if !matches!(check, 0 | 1) => {
            Some("the kernel unpacks xz only with `--check=crc32` or `--check=none`")
        }
        _ => None,
    }
}

/// An archive being unpacked.
pub(super) enum Decoder<'a> {
    Plain(Input<'a>),
    Gzip(Box<BufReader<GzDecoder<Input<'a>>>>),
    Bzip2(Box<BufReader<bzip2::bufread::BzDecoder<Input<'a>>>>),
    Lzma(Box<BufReader<XzDecoder<Input<'a>>>>),
    Lz4Frame(Box<BufReader<lz4_flex::frame::FrameDecoder<Input<'a>>>>),
    Blocks(Box<Blocks<'a>>),
    Zstd(Box<BufReader<zstd::Decoder<'static, Input<'a>>>>),
}

impl<'a> Decoder<'a> {
    /// Starts to unpack; `input` stands at the magic number. Gives the input back if it cannot start.
    pub(super) fn open(compression: Compression, input: Input<'a>) -> Result<Self, (Input<'a>, io::Error)> {
        Ok(match compression {
            Compression::None => Self::Plain(input),
            Compression::Gzip => Self::Gzip(buffered(GzDecoder::new(input))),
            Compression::Bzip2 => Self::Bzip2(buffered(bzip2::bufread::BzDecoder::new(input))),
            Compression::Lzma | Compression::Xz => {
                let stream = if compression == Compression::Xz {
                    liblzma::stream::Stream::new_stream_decoder(LZMA_MEMORY, 0)
                } else {
                    liblzma::stream::Stream::new_lzma_decoder(LZMA_MEMORY)
                };
                match stream {
                    Ok(stream) => Self::Lzma(buffered(XzDecoder::new_stream(input, stream))),
                    Err(error) => return Err((input, error.into())),
                }
            }
            Compression::Lz4Legacy => Self::Blocks(Box::new(Blocks::lz4_legacy(input))),
            Compression::Lz4Frame => Self::Lz4Frame(buffered(lz4_flex::frame::FrameDecoder::new(input))),
            Compression::Lzo => Self::Blocks(Box::new(Blocks::lzop(input)?)),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::try_with_buffer(input)?.single_frame();
                if let Err(error) = decoder.window_log_max(ZSTD_WINDOW_LOG) {
                    return Err((decoder.into_inner(), error));
                }
                Self::Zstd(buffered(decoder))
            }
        })
    }

    /// The file behind it.
    pub(super) fn input(&self) -> &Input<'a> {
        match self {
            Self::Plain(input) => input,
            Self::Gzip(reader) => reader.get_ref().get_ref(),
            Self::Bzip2(reader) => reader.get_ref().get_ref(),
            Self::Lzma(reader) => reader.get_ref().get_ref(),
            Self::Lz4Frame(reader) => reader.get_ref().get_ref(),
            Self::Blocks(blocks) => blocks.input(),
            Self::Zstd(reader) => reader.get_ref().get_ref(),
        }
    }

    /// Ends unpacking and gives the file back, standing where this member ends.
    pub(super) fn into_input(self) -> Input<'a> {
        match self {
            Self::Plain(input) => input,
            Self::Gzip(reader) => reader.into_inner().into_inner(),
            Self::Bzip2(reader) => reader.into_inner().into_inner(),
            Self::Lzma(reader) => reader.into_inner().into_inner(),
            Self::Lz4Frame(reader) => reader.into_inner().into_inner(),
            Self::Blocks(blocks) => blocks.into_input(),
            Self::Zstd(reader) => reader.into_inner().into_inner(),
        }
    }

    /// Why the kernel does not unpack it, as far as that was seen while unpacking.
    pub(super) fn refused(&self) -> Option<&'static str> {
        match self {
            Self::Blocks(blocks) => blocks.refused,
            _ => None,
        }
    }

    fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(reader) => reader,
            Self::Gzip(reader) => reader,
            Self::Bzip2(reader) => reader,
            Self::Lzma(reader) => reader,
            Self::Lz4Frame(reader) => reader,
            Self::Blocks(reader) => reader,
            Self::Zstd(reader) => reader,
        }
    }
}

fn buffered<R: Read>(reader: R) -> Box<BufReader<R>> {
    Box::new(BufReader::with_capacity(BUFFER, reader))
}

impl Read for Decoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader().read(out)
    }
}

impl BufRead for Decoder<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader().fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader().consume(amount);
    }
}
