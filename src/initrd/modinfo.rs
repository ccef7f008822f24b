//! Reading `.modinfo` out of a module's file, from memory or from disk.

use std::io::{self, Read, Seek, SeekFrom};

use super::elf::{self, Fault, ReadAt};
use super::module::{ModInfo, ModuleError, ModuleFile};

/// Ends the file of a signed module (include/linux/module_signature.h).
const SIGNATURE: &[u8] = b"~Module signature appended~\n";

/// The keys of `.modinfo` that are kept; texts for people and parameters are not.
const KEYS: [&[u8]; 8] =
    [b"alias", b"depends", b"softdep", b"weakdep", b"vermagic", b"name", b"intree", b"firmware"];

/// Bytes from the end of a file that are read in one go: room for the signature, the section table and its names.
const TAIL: u64 = 16 * 1024;

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
        let mut positioned =
            Positioned::open(file).map_err(|error| ModuleError::Unreadable(error.to_string()))?;
        let signed = positioned.tail.ends_with(SIGNATURE);
        self.read_section(&mut positioned, signed)
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

/// A file whose end has been read already.
struct Positioned<'f, F> {
    file: &'f mut F,
    tail: Vec<u8>,
    tail_offset: u64,
}

impl<'f, F: Read + Seek> Positioned<'f, F> {
    fn open(file: &'f mut F) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        let tail_offset = size.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(tail_offset))?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail)?;
        Ok(Self { file, tail, tail_offset })
    }
}

impl<F: Read + Seek> ReadAt for Positioned<'_, F> {
    fn read_at(&mut self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        if let Some(within) = offset.checked_sub(self.tail_offset) {
            return self.tail.as_slice().read_at(within, length, buffer);
        }
        self.file.seek(SeekFrom::Start(offset))?;
        buffer.clear();
        self.file.take(length).read_to_end(buffer)?;
        Ok(())
    }
}
