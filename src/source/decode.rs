//! What a stream of bytes is compressed with, told by its first bytes, and the decoder for it.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Bytes that are read ahead of a decoder and behind it.
const BUFFER: usize = 128 * 1024;
/// Memory that one xz or lzma decoder may take. `xz -9` needs 65 MiB; larger dictionaries are made by hand only.
const XZ_MEMORY: u64 = 256 << 20;
/// The logarithm of the largest zstd window that is decoded: `zstd --ultra -22` makes 27 (128 MiB), `--long=31` more.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not at all.
    None,
    /// gzip, any number of members.
    Gzip,
    /// bzip2, any number of streams.
    Bzip2,
    /// xz, any number of streams.
    Xz,
    /// The format before xz: lzma_alone.
    Lzma,
    /// Zstandard, any number of frames.
    Zstd,
}

impl Compression {
    /// What `start`, the first bytes of a stream, tells.
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A frame, or a skippable one before it (RFC 8878).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            // lzma_alone has no magic: properties lc=3 lp=0 pb=2, a dictionary of 2^n or 2^n + 2^(n-1) bytes, and an
            // unknown or sane size, as file(1) and `xz` itself tell it.
            [0x5d, 0, 0, d2, d3, rest @ ..] if is_lzma(*d2, *d3, rest) => Self::Lzma,
            _ => Self::None,
        }
    }

    /// The name of the program that makes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "tar",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
        }
    }
}

fn is_lzma(d2: u8, d3: u8, size: &[u8]) -> bool {
    let dictionary = u32::from(d2) << 16 | u32::from(d3) << 24;
    let usual = dictionary.is_power_of_two() || (dictionary / 3).is_power_of_two();
    let size = size.get(..8);
    usual && size.is_some_and(|size| size == [0xff; 8] || size.get(5..) == Some(&[0, 0, 0]))
}

/// The bytes behind the compression.
pub(super) type Decoded = BufReader<Box<dyn Read + Send>>;

/// Puts the decoder for `compression` behind `input`.
///
/// # Errors
/// When the decoder cannot be set up, for lack of memory.
pub(super) fn decoded(
    input: impl BufRead + Send + 'static,
    compression: Compression,
) -> std::io::Result<Decoded> {
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Compression::Xz => {
            Box::new(XzDecoder::new_stream(input, Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?))
        }
        Compression::Lzma => Box::new(XzDecoder::new_stream(input, Stream::new_lzma_decoder(XZ_MEMORY)?)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    };
    Ok(BufReader::with_capacity(BUFFER, reader))
}

/// Buffers raw input for a decoder.
pub(super) fn buffered<R: Read>(input: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER, input)
}
