//! Reading `.modinfo` out of a module's file, from memory or from disk.

use std::io::{self, Read, Seek, SeekFrom};

use super::elf::{self, Fault, ReadAt};
use super::module::{ModInfo, ModuleError, ModuleFile};

/// Ends the file of a signed module (include/linux/module_signature.h).
const SIGNATURE: &[u8] = b"~Module signature appended~\n";

/// The keys of `.modinfo` that are kept; texts for people and parameters are not.
const KEYS: [&[u8]; 9] =
    [b"alias", b"depends", b"softdep", b"weakdep", b"vermagic", b"name", b"intree", b"firmware", b"version"];

/// Bytes of an ELF header.
const HEADER: u64 = 64;

/// Bytes before and behind the section table that are read with it: room for the names of sections and a signature.
const BEFORE: u64 = 2048;
const BEHIND: u64 = 1024;

/// Reads one module after the other, with buffers that are kept from one to the next.
#[derive(Default)]
pub(crate) struct ModInfoReader {
    elf: elf::Buffers,
    unpacked: Vec<u8>,
    section: Vec<u8>,
}

impl ModInfoReader {
    /// What the module in `bytes` says, a whole file that is compressed as `form` says. A compressed module may
    /// unpack to at most `limit` bytes.
    pub(crate) fn parse(
        &mut self,
        bytes: &[u8],
        form: ModuleFile,
        limit: u64,
    ) -> Result<ModInfo, ModuleError> {
        if form == ModuleFile::Plain {
            return self.parse_plain(bytes);
        }
        let mut unpacked = std::mem::take(&mut self.unpacked);
        let result = unpack(bytes, form, limit, &mut unpacked)
            .and_then(|length| self.parse_plain(unpacked.get(..length).unwrap_or_default()));
        self.unpacked = unpacked;
        result
    }

    fn parse_plain(&mut self, bytes: &[u8]) -> Result<ModInfo, ModuleError> {
        let signed = bytes.ends_with(SIGNATURE);
        self.read_section(&mut { bytes }, signed)
    }

    /// What the uncompressed module in `file` says, by positioned reads of a few kilobytes.
    pub(crate) fn read(&mut self, file: &mut (impl Read + Seek)) -> Result<ModInfo, ModuleError> {
        let unreadable = |error: io::Error| ModuleError::Unreadable(error.to_string());
        let mut positioned = Positioned::open(file).map_err(unreadable)?;
        let mut info = self.read_section(&mut positioned, false)?;
        info.signed = positioned.is_signed().map_err(unreadable)?;
        Ok(info)
    }

    fn read_section(&mut self, file: &mut impl ReadAt, signed: bool) -> Result<ModInfo, ModuleError> {
        match elf::read_section(file, b".modinfo", &mut self.elf, &mut self.section) {
            Ok(true) => Ok(ModInfo::new(&wanted_strings(&self.section), signed)),
            Ok(false) => Err(ModuleError::Corrupt("it has no `.modinfo` section".to_owned())),
            Err(Fault::NotElf) => Err(ModuleError::NotElf),
            Err(Fault::Corrupt(reason)) => Err(ModuleError::Corrupt(reason)),
            Err(Fault::Io(error)) => Err(ModuleError::Unreadable(error.to_string())),
        }
    }
}

/// Reads the `.modinfo` of the module in `file`, compressed as its name says. Where it is not compressed only its
/// headers and that section are read.
///
/// # Errors
/// [`ModuleError`]: not ELF, damaged, does not unpack, unpacks to more than `limit` bytes, cannot be read.
pub fn read_modinfo(
    mut file: impl Read + Seek,
    form: ModuleFile,
    limit: u64,
) -> Result<ModInfo, ModuleError> {
    let mut reader = ModInfoReader::default();
    if form == ModuleFile::Plain {
        return reader.read(&mut file);
    }
    let mut packed = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut packed);
    read.map_err(|error| ModuleError::Unreadable(error.to_string()))?;
    if packed.len() as u64 > limit {
        return Err(ModuleError::OverLimit(limit));
    }
    reader.parse(&packed, form, limit)
}

/// Unpacks a module into `out`, whose length only ever grows, and returns how many bytes it has.
fn unpack(bytes: &[u8], form: ModuleFile, limit: u64, out: &mut Vec<u8>) -> Result<usize, ModuleError> {
    let packed = |error: io::Error| ModuleError::Packed(error.to_string());
    match form {
        ModuleFile::Plain => read_bounded(bytes, limit, out),
        ModuleFile::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(bytes), limit, out),
        ModuleFile::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(256 << 20, liblzma::stream::CONCATENATED);
            let stream = stream.map_err(|error| packed(error.into()))?;
            read_bounded(liblzma::bufread::XzDecoder::new_stream(bytes, stream), limit, out)
        }
        ModuleFile::Zstd => {
            let decoder = zstd::Decoder::with_buffer(bytes).map_err(packed)?;
            read_bounded(decoder, limit, out)
        }
    }
}

fn read_bounded(mut from: impl Read, limit: u64, out: &mut Vec<u8>) -> Result<usize, ModuleError> {
    let mut length = 0;
    loop {
        if length >= out.len() {
            out.resize(length.saturating_mul(2).max(1 << 20), 0);
        }
        let space = out.get_mut(length..).unwrap_or_default();
        match from.read(space) {
            Ok(0) => return Ok(length),
            Ok(got) => length += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ModuleError::Packed(error.to_string())),
        }
        if length as u64 > limit {
            return Err(ModuleError::OverLimit(limit));
        }
    }
}

/// The strings of `section` whose key is one of [`KEYS`], each closed by a NUL.
fn wanted_strings(section: &[u8]) -> String {
    let mut kept = Vec::new();
    for string in section.split(|byte| *byte == 0) {
        let Some(equals) = memchr::memchr(b'=', string) else { continue };
        if string.get(..equals).is_some_and(|key| KEYS.contains(&key)) {
            kept.extend_from_slice(string);
            kept.push(0);
        }
    }
    String::from_utf8(kept).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A file on disk. The section table, the section names before it and a signature behind it are near each other at
/// the end of a module: they are read in one go.
struct Positioned<'f, F> {
    file: &'f mut F,
    size: u64,
    window: Vec<u8>,
    window_offset: u64,
}

impl<'f, F: Read + Seek> Positioned<'f, F> {
    fn open(file: &'f mut F) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size, window: Vec::new(), window_offset: 0 })
    }

    /// Whether the file ends with a signature.
    fn is_signed(&mut self) -> io::Result<bool> {
        let mut end = Vec::new();
        let length = SIGNATURE.len() as u64;
        self.read_at(self.size.saturating_sub(length), length, &mut end)?;
        Ok(end == SIGNATURE)
    }

    /// What the window has of `length` bytes at `offset`, if it has all of them.
    fn in_window(&self, offset: u64, length: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.window_offset)?).ok()?;
        let length = length.min(self.size.saturating_sub(offset));
        self.window.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    }
}

impl<F: Read + Seek> ReadAt for Positioned<'_, F> {
    fn read_at(&mut self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        if self.window.is_empty() && length > HEADER {
            self.window_offset = offset.saturating_sub(BEFORE);
            let length = length.saturating_add(BEFORE + BEHIND);
            read_exactly(self.file, self.window_offset, length, self.size, &mut self.window)?;
        }
        if let Some(bytes) = self.in_window(offset, length) {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            return Ok(());
        }
        read_exactly(self.file, offset, length, self.size, buffer)
    }
}

/// Replaces `buffer` by the `length` bytes at `offset` of a file of `size` bytes, fewer at its end.
fn read_exactly(
    file: &mut (impl Read + Seek),
    offset: u64,
    length: u64,
    size: u64,
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    let length = length.min(size.saturating_sub(offset));
    buffer.clear();
    buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
    file.read_exact(buffer)
}
