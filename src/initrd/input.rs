//! The image file as a buffered stream that knows where it is.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Bytes read from the file at once: what zstd and the page cache like.
const BUFFER: usize = 128 * 1024;

/// What can be read and sought in.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// A buffered file with its position.
pub(super) struct Input<'a> {
    file: &'a mut dyn ReadSeek,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the file of the next byte that is given out.
    position: u64,
    /// The first error of the file itself, to be told from errors of what is in it.
    failure: Option<String>,
}

impl<'a> Input<'a> {
    /// Reads `file` from its current position, which is offset 0 to the image.
    pub(super) fn new(file: &'a mut dyn ReadSeek) -> Self {
        Self { file, buffer: vec![0; BUFFER], start: 0, end: 0, position: 0, failure: None }
    }

    /// Offset in the file of the next byte that is given out.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The first error of the file itself.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The next `count` bytes (fewer at the end of the file), without taking them. At most the buffer's size.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.end.saturating_sub(self.start) < count {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
            while self.end < count.min(BUFFER) {
                let got = self.refill_from(self.end)?;
                if got == 0 {
                    break;
                }
                self.end += got;
            }
        }
        let available = self.available();
        Ok(available.get(..count).unwrap_or(available))
    }

    /// Skips up to `count` bytes, by seeking past what is not in the buffer. Returns how many were really there.
    pub(super) fn skip(&mut self, count: u64, size: u64) -> io::Result<u64> {
        let buffered = (self.end.saturating_sub(self.start)) as u64;
        let count = count.min(size.saturating_sub(self.position));
        if count <= buffered {
            self.start += usize::try_from(count).unwrap_or(usize::MAX);
        } else {
            let beyond = i64::try_from(count.saturating_sub(buffered)).unwrap_or(i64::MAX);
            self.file.seek(SeekFrom::Current(beyond))?;
            self.start = 0;
            self.end = 0;
        }
        self.position += count;
        Ok(count)
    }

    fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads into the buffer from `from` on.
    fn refill_from(&mut self, from: usize) -> io::Result<usize> {
        loop {
            let space = self.buffer.get_mut(from..).unwrap_or_default();
            match self.file.read(space) {
                Ok(got) => return Ok(got),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure.get_or_insert_with(|| error.to_string());
                    return Err(error);
                }
            }
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start >= self.end && out.len() >= BUFFER {
            let got = self.file.read(out);
            if let Err(error) = &got {
                self.failure.get_or_insert_with(|| error.to_string());
            }
            let got = got?;
            self.position += got as u64;
            return Ok(got);
        }
        let mut available = self.fill_buf()?;
        let got = available.read(out)?;
        self.consume(got);
        Ok(got)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
            self.end = self.refill_from(0)?;
        }
        Ok(self.available())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.end.saturating_sub(self.start));
        self.start += amount;
        self.position += amount as u64;
    }
}
