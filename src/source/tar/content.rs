//! The contents of members: stretches of a file that are read by position, and sparse files with their holes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::index::{SparseData, Stretch};
use super::walk::Input;

/// Bytes that are read at once while walking over headers. Small: most members are larger, and are passed over.
const WINDOW: usize = 4096;

/// The archive as a file that is walked over without reading the contents.
pub(super) struct FileInput {
    file: Arc<File>,
    len: u64,
    position: u64,
    window: Box<[u8]>,
    /// Offset of the window in the file, and how much of it is filled.
    start: u64,
    filled: usize,
}

impl FileInput {
    pub(super) fn new(file: Arc<File>, len: u64) -> Self {
        Self { file, len, position: 0, window: vec![0; WINDOW].into(), start: 0, filled: 0 }
    }
}

impl Read for FileInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inside = self.position.checked_sub(self.start).filter(|inside| *inside < self.filled as u64);
        let inside = match inside {
            Some(inside) => usize::try_from(inside).unwrap_or_default(),
            None => {
                self.filled = self.file.read_at(&mut self.window, self.position)?;
                self.start = self.position;
                0
            }
        };
        let available = self.window.get(inside..self.filled).unwrap_or_default();
        let len = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), available.get(..len)) {
            to.copy_from_slice(from);
        }
        self.position += len as u64;
        Ok(len)
    }
}

impl Input for FileInput {
    fn skip(&mut self, len: u64) -> io::Result<u64> {
        let passed = len.min(self.len.saturating_sub(self.position));
        self.position += passed;
        Ok(passed)
    }
}

/// A stretch of a file.
pub(super) struct Slice {
    pub(super) file: Arc<File>,
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) position: u64,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = self.file.read_at(buffer, self.start + self.position)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive has become shorter"));
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Slice {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = sought(to, self.position, self.len)?;
        Ok(self.position)
    }
}

/// A sparse file: zeros where no piece is.
pub(super) struct Sparse<R> {
    /// The pieces, one after the other.
    pub(super) stored: R,
    pub(super) data: Arc<SparseData>,
    pub(super) len: u64,
    pub(super) position: u64,
}

impl<R: Read + Seek> Read for Sparse<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let hole = match self.data.at(self.position) {
            Stretch::Data { at, len } => {
                let wanted = usize::try_from(len).unwrap_or(usize::MAX).min(buffer.len());
                self.stored.seek(SeekFrom::Start(at))?;
                let read = self.stored.read(buffer.get_mut(..wanted).unwrap_or_default())?;
                if read == 0 {
                    let reason = "the map of a sparse file has more than the archive holds";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
                }
                self.position += read as u64;
                return Ok(read);
            }
            Stretch::Hole { len } => len.unwrap_or(u64::MAX),
        };
        let len = usize::try_from(hole).unwrap_or(usize::MAX).min(buffer.len());
        buffer.get_mut(..len).unwrap_or_default().fill(0);
        self.position += len as u64;
        Ok(len)
    }
}

impl<R> Seek for Sparse<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = sought(to, self.position, self.len)?;
        Ok(self.position)
    }
}

fn sought(to: SeekFrom, position: u64, len: u64) -> io::Result<u64> {
    let (base, offset) = match to {
        SeekFrom::Start(offset) => return Ok(offset),
        SeekFrom::End(offset) => (len, offset),
        SeekFrom::Current(offset) => (position, offset),
    };
    let out = || io::Error::new(io::ErrorKind::InvalidInput, "sought before the start of the file");
    base.checked_add_signed(offset).ok_or_else(out)
}
