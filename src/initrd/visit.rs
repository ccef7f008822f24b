//! Lighter ways through an image than reading it whole: its names alone, one member, or a digest of each.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Read, Seek, Write};
use std::ops::ControlFlow;

use thiserror::Error;

use super::cpio::{Body, Contents, Visitor, walk};
use super::unpack::Stop;
use super::{Damage, Entry, Image, ImageLimits, ReadError, index::Index};

/// Bytes copied at once.
const CHUNK: usize = 64 * 1024;

/// Reads the names and archives of an image and nothing else: no modules, no texts, no maker.
///
/// # Errors
/// [`ReadError`] if not even its first byte can be read.
pub fn list(mut content: impl Read + Seek, limits: &ImageLimits) -> Result<Image, ReadError> {
    struct Names;
    impl Visitor for Names {
        fn entry(&mut self, _: usize, _: &Entry, _: &mut Body<'_, '_>) -> Result<ControlFlow<()>, Stop> {
            Ok(ControlFlow::Continue(()))
        }
    }
    Ok(image_of(walk(&mut content, limits, &mut Names)?))
}

/// Reads names and archives, and a digest of the contents of each entry: equal contents have equal digests.
///
/// # Errors
/// [`ReadError`] if not even its first byte can be read.
pub fn digests(mut content: impl Read + Seek, limits: &ImageLimits) -> Result<(Image, Vec<u64>), ReadError> {
    struct Digests {
        digests: Vec<u64>,
        buffer: Vec<u8>,
        /// The digest of files with several names, by the first of them.
        shared: HashMap<usize, u64>,
    }
    impl Visitor for Digests {
        fn entry(
            &mut self,
            index: usize,
            entry: &Entry,
            body: &mut Body<'_, '_>,
        ) -> Result<ControlFlow<()>, Stop> {
            let mut hasher = DefaultHasher::new();
            self.buffer.resize(CHUNK, 0);
            while body.remaining() > 0 {
                let got = body.read_some(&mut self.buffer)?;
                hasher.write(self.buffer.get(..got).unwrap_or_default());
            }
            let digest = hasher.finish();
            self.digests.push(digest);
            // Of a file with several names one has the contents, and the others have size 0.
            if entry.size > 0 && entry.links >= 2 {
                self.shared.insert(entry.hard_link.map_or(index, |first| first as usize), digest);
            }
            Ok(ControlFlow::Continue(()))
        }
    }
    let mut visitor = Digests { digests: Vec::new(), buffer: Vec::new(), shared: HashMap::new() };
    let image = image_of(walk(&mut content, limits, &mut visitor)?);
    let Digests { mut digests, shared, .. } = visitor;
    digests.resize(image.entries.len(), 0);
    for (index, entry) in image.entries.iter().enumerate() {
        let first = entry.hard_link.map_or(index, |first| first as usize);
        if let (Some(digest), Some(slot)) = (shared.get(&first), digests.get_mut(index)) {
            *slot = *digest;
        }
    }
    Ok((image, digests))
}

/// Why a member was not copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The image cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The image breaks off before or inside the member.
    #[error("the image is damaged at offset {}: {}", .0.offset, .0.reason)]
    Damaged(Damage),
    /// The copy could not be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Writes the contents of the entry at `index` of [`Image::entries`] to `out`.
///
/// # Errors
/// [`CopyError`], which keeps apart trouble with the image and with `out`.
pub fn copy(
    mut content: impl Read + Seek,
    limits: &ImageLimits,
    index: usize,
    out: &mut dyn Write,
) -> Result<(), CopyError> {
    struct Copy<'o> {
        wanted: usize,
        out: &'o mut dyn Write,
        written: io::Result<()>,
        done: bool,
    }
    impl Visitor for Copy<'_> {
        fn entry(
            &mut self,
            index: usize,
            _: &Entry,
            body: &mut Body<'_, '_>,
        ) -> Result<ControlFlow<()>, Stop> {
            if index != self.wanted {
                return Ok(ControlFlow::Continue(()));
            }
            let mut buffer = vec![0; CHUNK];
            while body.remaining() > 0 && self.written.is_ok() {
                let got = body.read_some(&mut buffer)?;
                self.written = self.out.write_all(buffer.get(..got).unwrap_or_default());
            }
            self.done = true;
            Ok(ControlFlow::Break(()))
        }
    }
    let mut visitor = Copy { wanted: index, out, written: Ok(()), done: false };
    let contents = walk(&mut content, limits, &mut visitor)?;
    visitor.written?;
    match contents.damage {
        Some(damage) if !visitor.done => Err(CopyError::Damaged(damage)),
        _ => Ok(()),
    }
}

fn image_of(contents: Contents) -> Image {
    let Contents { size, archives, entries, damage } = contents;
    let index = Index::new(&entries);
    Image { size, archives, entries, damage, index, ..Image::default() }
}

impl Image {
    /// The index of the entry that holds the contents of what `path` leads to: the path itself, what its links lead
    /// to, or the other name of the same file that comes with the contents.
    #[must_use]
    pub fn contents_of(&self, path: impl AsRef<[u8]>) -> Option<usize> {
        let found = self.index.resolve(&self.entries, path.as_ref())?;
        let entry = self.entries.get(found)?;
        if entry.size > 0 || entry.links < 2 {
            return Some(found);
        }
        let first = entry.hard_link.map_or(found, |first| first as usize);
        let same = self.entries.iter().enumerate().filter(|(index, other)| {
            *index == first || other.hard_link.is_some_and(|other| other as usize == first)
        });
        same.filter(|(_, other)| other.size > 0).map(|(index, _)| index).next_back().or(Some(found))
    }
}
