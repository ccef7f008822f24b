//! Reading an image whole: picks modules and texts out of the entries that come by.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::cpio::{Body, Contents, Visitor, walk};
use super::input::ReadSeek;
use super::modinfo::ModInfoReader;
use super::module::{Module, ModuleError, ModuleFile, ModuleName, release_of_path};
use super::programs::{self, Linked};
use super::texts::{self, Keep};
use super::unpack::Stop;
use super::{Entry, EntryKind, Image, ImageLimits, ReadError, index::Index, maker};

/// Bytes that tell a text from a program.
const SNIFF: usize = 512;

/// Reads `file` whole.
pub(super) fn read(file: &mut dyn ReadSeek, limits: &ImageLimits) -> Result<Image, ReadError> {
    let mut collector = Collector {
        limits,
        buffer: Vec::new(),
        reader: ModInfoReader::default(),
        modules: Vec::new(),
        releases: Vec::new(),
        texts: BTreeMap::new(),
        linked: BTreeMap::new(),
        wanted_links: BTreeSet::new(),
        kept: 0,
    };
    let Contents { size, archives, mut entries, damage } = walk(file, limits, &mut collector)?;
    entries.shrink_to_fit();
    let index = Index::new(&entries);
    let Collector { mut modules, texts, linked, .. } = collector;
    modules.shrink_to_fit();
    let mut image =
        Image { size, archives, entries, modules, texts, linked, damage, index, ..Image::default() };
    image.maker = maker::recognise(&image);
    Ok(image)
}

struct Collector<'l> {
    limits: &'l ImageLimits,
    /// The member that is being read; kept from one to the next.
    buffer: Vec<u8>,
    reader: ModInfoReader,
    modules: Vec<Module>,
    /// The releases met so far, so that modules share them.
    releases: Vec<Arc<str>>,
    texts: BTreeMap<Box<[u8]>, Vec<u8>>,
    linked: BTreeMap<Box<[u8]>, Linked>,
    /// Files with several names, by the entry of the first, one of which names a program that is looked into.
    wanted_links: BTreeSet<usize>,
    kept: u64,
}

impl Visitor for Collector<'_> {
    fn entry(
        &mut self,
        index: usize,
        entry: &Entry,
        body: &mut Body<'_, '_>,
    ) -> Result<ControlFlow<()>, Stop> {
        if entry.kind() != EntryKind::File {
            return Ok(ControlFlow::Continue(()));
        }
        let path = entry.path();
        if let Some(form) = ModuleFile::of_path(path) {
            self.module(index, path, form, body)?;
        } else if self.is_program(index, entry) && body.remaining() <= programs::LARGEST {
            self.program(path, body)?;
        } else {
            self.text(path, body)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Collector<'_> {
    /// Whether the file, under one of its names, is a program or library that is looked into. Of a file with several
    /// names one has the contents, the last as a rule: busybox' is often `watchdog`.
    fn is_program(&mut self, index: usize, entry: &Entry) -> bool {
        let wanted = programs::is_wanted(entry.path());
        if entry.links < 2 {
            return wanted;
        }
        let first = entry.hard_link.map_or(index, |first| first as usize);
        if wanted {
            self.wanted_links.insert(first);
        }
        self.wanted_links.contains(&first)
    }

    fn module(
        &mut self,
        index: usize,
        path: &[u8],
        form: ModuleFile,
        body: &mut Body<'_, '_>,
    ) -> Result<(), Stop> {
        let (Some(name), Ok(entry)) = (ModuleName::of_path(path), u32::try_from(index)) else {
            return Ok(());
        };
        let release = release_of_path(path).map(|release| self.release(release));
        let limit = self.limits.module;
        let (info, read) = if body.remaining() > limit {
            (Err(ModuleError::OverLimit(limit)), Ok(()))
        } else {
            match body.read_all(&mut self.buffer) {
                Ok(bytes) => (self.reader.parse(bytes, form, limit), Ok(())),
                Err(stop) => (Err(ModuleError::Unreadable(stop.reason.clone())), Err(stop)),
            }
        };
        self.modules.push(Module { name, entry, path: path.into(), release, info });
        read
    }

    fn release(&mut self, release: &str) -> Arc<str> {
        if let Some(known) = self.releases.iter().find(|known| ***known == *release) {
            return Arc::clone(known);
        }
        let new: Arc<str> = release.into();
        self.releases.push(Arc::clone(&new));
        new
    }

    /// A program or library; `init` and its kin may be scripts as well.
    fn program(&mut self, path: &[u8], body: &mut Body<'_, '_>) -> Result<(), Stop> {
        let bytes = body.read_all(&mut self.buffer)?;
        if let Some(linked) = programs::linked(bytes) {
            self.linked.insert(path.into(), linked);
        } else if texts::keep(path) == Keep::Script || bytes.starts_with(b"#!") {
            let room = self.limits.texts.saturating_sub(self.kept);
            if bytes.len() as u64 <= self.limits.text.min(room) && texts::is_text(bytes) {
                self.kept = self.kept.saturating_add(bytes.len() as u64);
                self.texts.insert(path.into(), bytes.to_vec());
            }
        }
        Ok(())
    }

    fn text(&mut self, path: &[u8], body: &mut Body<'_, '_>) -> Result<(), Stop> {
        let keep = texts::keep(path);
        let size = body.remaining();
        let room = self.limits.texts.saturating_sub(self.kept);
        if keep == Keep::No || size > self.limits.text.min(room) {
            return Ok(());
        }
        let mut text = Vec::new();
        if keep == Keep::Script {
            let mut start = vec![0; SNIFF];
            let mut length = 0;
            while length < SNIFF && body.remaining() > 0 {
                length += body.read_some(start.get_mut(length..).unwrap_or_default())?;
            }
            start.truncate(length);
            if !texts::is_text(&start) {
                return Ok(());
            }
            text = start;
        }
        text.extend_from_slice(body.read_all(&mut self.buffer)?);
        self.kept = self.kept.saturating_add(text.len() as u64);
        self.texts.insert(path.into(), text);
        Ok(())
    }
}
