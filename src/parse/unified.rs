//! Unified kernel images (UAPI.5): an EFI program whose sections hold the kernel, its initrd and its command line.
//!
//! The sections' table is COFF's (goblin reads it); a section's virtual size is what was put in, its size on disk is
//! rounded up.

use std::io::{self, Read, Seek, SeekFrom};

use goblin::pe::header::CoffHeader;

/// Bytes of the head of a file in which its table of sections has to be.
pub const HEAD: u64 = 64 * 1024;

/// Bytes of a text section at most: a command line, a release, os-release.
const TEXT: u64 = 64 * 1024;

/// A section of an EFI program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name: `.linux`, `.initrd`, `.cmdline`, `.osrel`, `.uname`.
    pub name: String,
    /// Where it starts in the file.
    pub offset: u64,
    /// Bytes that were put into it.
    pub size: u64,
}

/// The sections of the EFI program that begins with `head`; none if it is no such program.
#[must_use]
pub fn sections(head: &[u8]) -> Vec<Section> {
    let read = || {
        if !head.starts_with(b"MZ") {
            return None;
        }
        let pointer = head.get(0x3c..0x40)?.first_chunk::<4>()?;
        let mut offset = usize::try_from(u32::from_le_bytes(*pointer)).ok()?;
        if head.get(offset..offset.checked_add(4)?)? != b"PE\0\0" {
            return None;
        }
        offset = offset.checked_add(4)?;
        let coff = CoffHeader::parse(head, &mut offset).ok()?;
        offset = offset.checked_add(usize::from(coff.size_of_optional_header))?;
        coff.sections(head, &mut offset).ok()
    };
    let tables = read().unwrap_or_default();
    let of_table = |table: goblin::pe::section_table::SectionTable| {
        let name = table.name.split(|byte| *byte == 0).next().unwrap_or_default();
        let (size, on_disk) = (table.virtual_size, table.size_of_raw_data);
        Section {
            name: String::from_utf8_lossy(name).into_owned(),
            offset: u64::from(table.pointer_to_raw_data),
            size: u64::from(if size == 0 { on_disk } else { size }),
        }
    };
    tables.into_iter().map(of_table).collect()
}

/// The sections of the unified kernel image in `content`; none if it is none.
///
/// # Errors
/// What reading gives.
pub fn read(content: &mut (impl Read + Seek)) -> io::Result<Option<Vec<Section>>> {
    content.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    content.take(HEAD).read_to_end(&mut head)?;
    let sections = sections(&head);
    Ok(sections.iter().any(|section| section.name == ".linux").then_some(sections))
}

/// The text of the section called `name`, without NULs and blanks at its end.
///
/// # Errors
/// What reading gives.
pub fn text(
    content: &mut (impl Read + Seek),
    sections: &[Section],
    name: &str,
) -> io::Result<Option<String>> {
    let Some(section) = sections.iter().find(|section| section.name == name) else { return Ok(None) };
    content.seek(SeekFrom::Start(section.offset))?;
    let mut text = Vec::new();
    content.take(section.size.min(TEXT)).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    Ok(Some(text.trim_end_matches(['\0', ' ', '\n', '\t', '\r']).to_owned()))
}

/// A section as a file of its own.
#[derive(Debug)]
pub struct Part<C> {
    content: C,
    start: u64,
    size: u64,
    position: u64,
}

impl<C: Read + Seek> Part<C> {
    /// The part of `content` that is `section`.
    pub fn new(content: C, section: &Section) -> Self {
        Self { content, start: section.offset, size: section.size, position: 0 }
    }
}

impl<C: Read + Seek> Read for Part<C> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let most = out.len().min(left);
        self.content.seek(SeekFrom::Start(self.start.saturating_add(self.position)))?;
        let got = self.content.read(out.get_mut(..most).unwrap_or_default())?;
        self.position = self.position.saturating_add(got as u64);
        Ok(got)
    }
}

impl<C: Read + Seek> Seek for Part<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::super::test_unified::unified;
    use super::*;

    #[test]
    fn sections_are_files_of_their_own() {
        let bytes = unified(&[
            (".linux", b"kernel"),
            (".cmdline", b"root=UUID=1-2 quiet\n\0"),
            (".initrd", b"archive"),
        ]);
        let mut file = Cursor::new(bytes);
        let sections = read(&mut file).unwrap().unwrap();
        assert_eq!(text(&mut file, &sections, ".cmdline").unwrap().as_deref(), Some("root=UUID=1-2 quiet"));
        assert_eq!(text(&mut file, &sections, ".uname").unwrap(), None);
        let initrd = sections.iter().find(|section| section.name == ".initrd").unwrap();
        let mut part = Part::new(file, initrd);
        let mut all = Vec::new();
        part.read_to_end(&mut all).unwrap();
        assert_eq!((all.as_slice(), part.seek(SeekFrom::End(-3)).unwrap()), (b"archive".as_slice(), 4));
    }

    #[test]
    fn other_programs_are_no_unified_images() {
        assert_eq!(read(&mut Cursor::new(unified(&[(".text", b"code")]))).unwrap(), None);
        assert_eq!(read(&mut Cursor::new(b"MZ")).unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0u8..200) {
            for (place, byte) in [(0, b'M'), (1, b'Z'), (0x3c, at), (0x3d, 0), (0x3e, 0), (0x3f, 0)] {
                if let Some(old) = bytes.get_mut(place) {
                    *old = byte;
                }
            }
            if let Some(signature) = bytes.get_mut(usize::from(at)..usize::from(at) + 4) {
                signature.copy_from_slice(b"PE\0\0");
            }
            let _ = sections(&bytes);
        }
    }
}
