//! The unpacked bytes of one archive after the other, counted and bounded.

use std::io::{self, BufRead, Read};

use super::codec::{self, Decoder, MAGIC_LENGTH};
use super::input::Input;
use super::{Compression, DamageKind};

/// Why unpacking stops.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) kind: DamageKind,
    pub(super) reason: String,
}

impl Stop {
    pub(super) fn new(kind: DamageKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

/// A stream of unpacked bytes. Always holds a decoder; between archives that is the plain one.
pub(super) struct Unpacker<'a> {
    decoder: Option<Decoder<'a>>,
    compression: Compression,
    /// Where the current compressed member starts in the file.
    start: u64,
    /// Bytes unpacked of the current stream. For what is not compressed: the offset in the file.
    offset: u64,
    /// Bytes unpacked altogether.
    total: u64,
    limit: u64,
    size: u64,
    /// Whether the stream stands inside an entry, so that its end must not come now.
    pub(super) inside: bool,
    /// Whether an entry went on in a further compressed member.
    pub(super) continued: bool,
}

impl<'a> Unpacker<'a> {
    /// Unpacks `input`, a file of `size` bytes, into at most `limit` bytes.
    pub(super) fn new(input: Input<'a>, size: u64, limit: u64) -> Self {
        Self {
            decoder: Some(Decoder::Plain(input)),
            compression: Compression::None,
            start: 0,
            offset: 0,
            total: 0,
            limit,
            size,
            inside: false,
            continued: false,
        }
    }

    /// How the current stream is compressed.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Where the current compressed member starts in the file, or where the stream stands if it is not compressed.
    pub(super) fn place(&self) -> u64 {
        match self.compression {
            Compression::None => self.file_position(),
            _ => self.start,
        }
    }

    /// Where the file is read.
    pub(super) fn file_position(&self) -> u64 {
        self.decoder.as_ref().map_or(0, |decoder| decoder.input().position())
    }

    /// Bytes unpacked of the current stream; the offset in the file if it is not compressed.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the kernel does not unpack the current member, as far as that was seen.
    pub(super) fn refused(&self) -> Option<&'static str> {
        self.decoder.as_ref().and_then(Decoder::refused)
    }

    /// The next `count` bytes of the file between archives; fewer at its end.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], Stop> {
        match self.decoder.as_mut() {
            Some(Decoder::Plain(input)) => {
                input.peek(count).map_err(|error| Stop::new(DamageKind::Unreadable, error.to_string()))
            }
            _ => Ok(&[]),
        }
    }

    /// Starts to unpack a compressed member, which the file stands at.
    pub(super) fn open(&mut self, compression: Compression) -> Result<(), Stop> {
        let Some(decoder) = self.decoder.take() else {
            return Err(Stop::new(DamageKind::Corrupt, "the decoder is gone"));
        };
        let input = decoder.into_input();
        self.start = input.position();
        match Decoder::open(compression, input) {
            Ok(decoder) => {
                self.decoder = Some(decoder);
                self.compression = compression;
                if !self.inside {
                    self.offset = 0;
                }
                Ok(())
            }
            Err((input, error)) => {
                self.decoder = Some(Decoder::Plain(input));
                Err(self.stop(&error, compression))
            }
        }
    }

    /// Leaves a compressed member that has come to its end.
    pub(super) fn close(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            let input = decoder.into_input();
            self.offset = input.position();
            self.decoder = Some(Decoder::Plain(input));
        }
        self.compression = Compression::None;
    }

    /// The next unpacked bytes, none at the end of the stream. An end inside an entry is an error, unless another
    /// member of the same compression follows at once.
    pub(super) fn fill(&mut self) -> Result<&[u8], Stop> {
        while self.inside && self.filled()? == 0 {
            self.go_on()?;
        }
        if self.filled()? > 0 && self.total >= self.limit {
            return Err(self.over_limit());
        }
        let compression = self.compression;
        let Some(decoder) = self.decoder.as_mut() else { return Ok(&[]) };
        decoder.fill_buf().map_err(|error| trouble(&error, None, compression))
    }

    /// Takes `amount` of the bytes that [`Self::fill`] has shown.
    pub(super) fn take(&mut self, amount: usize) {
        if let Some(decoder) = self.decoder.as_mut() {
            decoder.consume(amount);
        }
        self.count(amount as u64);
    }

    /// Reads some bytes straight into `out`; none only if `out` is empty. The stream must be inside an entry.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Stop> {
        while !out.is_empty() {
            if self.total >= self.limit {
                // Only too much if there really is more.
                self.fill()?;
            }
            let Some(decoder) = self.decoder.as_mut() else { break };
            match decoder.read(out) {
                Ok(0) => self.go_on()?,
                Ok(got) => {
                    self.count(got as u64);
                    return Ok(got);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stop(&error, self.compression)),
            }
        }
        Ok(0)
    }

    /// Fills `out` whole.
    pub(super) fn read_exact(&mut self, mut out: &mut [u8]) -> Result<(), Stop> {
        while !out.is_empty() {
            let got = self.read(out)?;
            out = out.get_mut(got..).unwrap_or_default();
        }
        Ok(())
    }

    /// Skips `count` bytes; what is not compressed is skipped by seeking.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), Stop> {
        let size = self.size;
        if let Some(Decoder::Plain(input)) = self.decoder.as_mut() {
            let skipped = input.skip(count, size);
            let skipped = skipped.map_err(|error| Stop::new(DamageKind::Unreadable, error.to_string()))?;
            self.count(skipped);
            return if skipped < count { Err(self.end_inside(count)) } else { Ok(()) };
        }
        while count > 0 {
            let available = self.fill()?.len();
            let amount = available.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.take(amount);
            count = count.saturating_sub(amount as u64);
        }
        Ok(())
    }

    /// Skips zeros, and returns the first byte that is none; nothing at the end of the stream.
    pub(super) fn skip_zeros(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            let available = self.fill()?;
            if available.is_empty() {
                return Ok(None);
            }
            let zeros = available.iter().position(|byte| *byte != 0);
            let (amount, byte) = match zeros {
                Some(at) => (at, available.get(at).copied()),
                None => (available.len(), None),
            };
            self.take(amount);
            if byte.is_some() {
                return Ok(byte);
            }
        }
    }

    fn filled(&mut self) -> Result<usize, Stop> {
        loop {
            let Some(decoder) = self.decoder.as_mut() else { return Ok(0) };
            match decoder.fill_buf().map(<[u8]>::len) {
                Ok(available) => return Ok(available),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stop(&error, self.compression)),
            }
        }
    }

    /// Goes on with the next compressed member where one ended inside an entry, as `gzip -dc` does with files of
    /// several members. The kernel does not: it wants whole entries in each member.
    fn go_on(&mut self) -> Result<(), Stop> {
        let compression = self.compression;
        let start = self.start;
        if compression == Compression::None {
            return Err(self.end_inside(1));
        }
        let mut input = match self.decoder.take() {
            Some(decoder) => decoder.into_input(),
            None => return Err(self.end_inside(1)),
        };
        let next = input.peek(MAGIC_LENGTH).ok().and_then(codec::detect);
        self.decoder = Some(Decoder::Plain(input));
        if next != Some(compression) {
            return Err(self.end_inside(1));
        }
        self.continued = true;
        let opened = self.open(compression);
        self.start = start;
        opened
    }

    fn count(&mut self, amount: u64) {
        self.offset = self.offset.saturating_add(amount);
        self.total = self.total.saturating_add(amount);
    }

    fn over_limit(&self) -> Stop {
        Stop::new(
            DamageKind::OverLimit,
            format!("the image unpacks to more than the limit of {} bytes", self.limit),
        )
    }

    /// The stream ended where `wanted` more bytes were needed.
    fn end_inside(&self, wanted: u64) -> Stop {
        let at_end = self.file_position() >= self.size;
        if at_end || self.compression == Compression::None {
            let reason = if wanted > 1 {
                format!("the file ends, where at least {wanted} more bytes should follow")
            } else {
                "the file ends here".to_owned()
            };
            return Stop::new(DamageKind::Truncated, reason);
        }
        let name = self.compression.name();
        Stop::new(DamageKind::Truncated, format!("the {name} data ends inside an entry"))
    }

    fn stop(&self, error: &io::Error, compression: Compression) -> Stop {
        let failure = self.decoder.as_ref().and_then(|decoder| decoder.input().failure());
        trouble(error, failure, compression)
    }
}

/// What a decoder's error means: `failure` is the file's own.
fn trouble(error: &io::Error, failure: Option<&str>, compression: Compression) -> Stop {
    let name = compression.name();
    if let Some(failure) = failure {
        return Stop::new(DamageKind::Unreadable, format!("the file cannot be read on: {failure}"));
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Stop::new(DamageKind::Truncated, format!("the file ends inside the {name} data"));
    }
    Stop::new(DamageKind::Corrupt, format!("the {name} data does not unpack: {error}"))
}
