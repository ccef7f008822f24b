//! The small inputs beside the records: what bootproof reads of each kernel and initrd, and nothing else.
//!
//! An initrd is kept as its names, the `.modinfo` of its modules, what its programs are linked to, and the texts that
//! its reader keeps, scripts by their first line; `rebuild` makes an image of that again, so that the replay goes
//! through the readers. Modules and aliases that no machine of the lab asks for are kept by a sample only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bootproof::initrd::{self, Compression, Entry, Image, ImageLimits, Module};
use bootproof::parse::modules::{alias_matches, dependencies, soft_dependencies};
use serde::{Deserialize, Serialize};

use super::case::{Case, Machines};
use super::full::Lab;
use super::predict::Inputs;
use super::rebuild;

/// What `main/inputs.zst` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Packed {
    /// By release: configuration and module tables, by their paths.
    kernels: BTreeMap<String, BTreeMap<String, String>>,
    /// Contents of the initrds' files, each once.
    contents: Vec<Content>,
    initrds: BTreeMap<String, Initrd>,
    #[serde(skip)]
    built: Mutex<HashMap<usize, Arc<[u8]>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Content {
    /// A text.
    Text(String),
    /// The start of what is no text.
    Bytes(Vec<u8>),
    /// A module: its path, which tells its compression, and its `.modinfo`.
    Module(String, Vec<(String, String)>),
    /// A program or library: its dynamic linker, and the libraries that it needs.
    Program(Option<String>, Vec<String>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Initrd {
    archives: Vec<Archive>,
    #[serde(default)]
    crc64: bool,
    #[serde(default)]
    damage: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Archive {
    compression: String,
    /// Name, mode, link target, index of the contents, and the number shared by the names of one file.
    entries: Vec<Named>,
}

type Named = (String, u32, Option<String>, Option<usize>, u32);

const COMPRESSIONS: [Compression; 9] = [
    Compression::None,
    Compression::Gzip,
    Compression::Bzip2,
    Compression::Lzma,
    Compression::Xz,
    Compression::Lz4Legacy,
    Compression::Lz4Frame,
    Compression::Lzo,
    Compression::Zstd,
];

impl Packed {
    pub fn load(path: &Path) -> Self {
        let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut decoder = zstd::Decoder::new(file).unwrap();
        decoder.window_log_max(27).unwrap();
        let mut text = Vec::new();
        decoder.read_to_end(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    pub fn store(&self, path: &Path) {
        let mut encoder = zstd::Encoder::new(fs::File::create(path).unwrap(), 19).unwrap();
        encoder.window_log(27).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.write_all(&serde_json::to_vec(self).unwrap()).unwrap();
        encoder.finish().unwrap();
    }

    /// The kernel's image, configuration and tables, and the initrd, made again.
    pub fn inputs(&self, case: &Case) -> Inputs {
        let release = &case.kernel;
        let mut inputs = Inputs::default();
        inputs.files.insert(format!("boot/vmlinuz-{release}"), rebuild::bzimage(release).into());
        for (path, text) in &self.kernels[release] {
            inputs.files.insert(path.clone(), text.as_bytes().into());
        }
        if let (Some(name), Some(path)) = (&case.initrd, case.initrd_path()) {
            inputs.files.insert(path, self.image(&self.initrds[name]).into());
        }
        inputs
    }

    fn image(&self, initrd: &Initrd) -> Vec<u8> {
        let mut image = Vec::new();
        for archive in &initrd.archives {
            image.resize(image.len().next_multiple_of(4), 0);
            let compression =
                COMPRESSIONS.into_iter().find(|known| known.name() == archive.compression).unwrap();
            image.extend(rebuild::compress(&self.archive(archive), compression, initrd.crc64));
        }
        initrd.damage.iter().fold(image, |image, how| rebuild::damage(image, how))
    }

    fn archive(&self, archive: &Archive) -> Vec<u8> {
        let mut out = rebuild::Archive::default();
        for (name, mode, target, content, shared) in &archive.entries {
            let links = if *shared > 0 { 2 } else { 1 };
            let bytes: Arc<[u8]> = match (target, content) {
                (Some(target), _) => target.as_bytes().into(),
                (None, Some(content)) => match self.binary_table(archive, name) {
                    Some(table) => table.into(),
                    None => self.content(*content),
                },
                (None, None) => Arc::default(),
            };
            out.entry(name.as_bytes(), *mode, links, *shared, &bytes);
        }
        out.build()
    }

    /// The binary twin of a module table, made of the text beside it as depmod makes both.
    fn binary_table(&self, archive: &Archive, name: &str) -> Option<Vec<u8>> {
        let text = name.strip_suffix(".bin")?;
        let build = match text.rsplit('/').next()? {
            "modules.dep" => rebuild::dependency_index,
            "modules.alias" => rebuild::alias_index,
            _ => return None,
        };
        let (_, _, _, content, _) = archive.entries.iter().find(|(other, ..)| other == text)?;
        Some(build(&String::from_utf8_lossy(&self.content((*content)?))))
    }

    fn content(&self, index: usize) -> Arc<[u8]> {
        if let Some(known) = self.built.lock().unwrap().get(&index) {
            return Arc::clone(known);
        }
        let bytes: Arc<[u8]> = match &self.contents[index] {
            Content::Text(text) => text.as_bytes().into(),
            Content::Bytes(bytes) => bytes.as_slice().into(),
            Content::Module(path, pairs) => rebuild::module(path, pairs).into(),
            Content::Program(interpreter, needed) => rebuild::program(interpreter.as_deref(), needed).into(),
        };
        self.built.lock().unwrap().insert(index, Arc::clone(&bytes));
        bytes
    }
}

/// Adds to `known` what `cases` need and it lacks, and packs the initrds called `again` anew; says which were packed.
pub fn pack(cases: &[Case], lab: &Lab, known: Packed, again: &[&str]) -> (Packed, BTreeSet<String>) {
    let contents =
        known.contents.iter().cloned().enumerate().map(|(index, content)| (content, index)).collect();
    let mut packer = Packer { wanted: Wanted::new(cases), contents, packed: known };
    let has = |packed: &Packed, name: &str| packed.initrds.contains_key(name) && !again.contains(&name);
    let is_known = |packed: &Packed, case: &Case| {
        packed.kernels.contains_key(&case.kernel) && case.initrd.iter().all(|name| has(packed, name))
    };
    let todo: Vec<&Case> = cases.iter().filter(|case| !is_known(&packer.packed, case)).collect();
    let releases: BTreeSet<&str> = todo.iter().map(|case| case.kernel.as_str()).collect();
    for release in releases {
        packer.kernel(release, &lab.kernel(release));
    }
    let mut done = BTreeSet::new();
    for case in todo {
        let Some(name) = case.initrd.as_ref().filter(|name| !done.contains(*name)) else { continue };
        packer.initrd(case, lab);
        done.insert(name.clone());
    }
    (packer.packed, done)
}

struct Packer {
    wanted: Wanted,
    contents: HashMap<Content, usize>,
    packed: Packed,
}

impl Packer {
    fn kernel(&mut self, release: &str, inputs: &Inputs) {
        self.wanted.close(&text_of(inputs, &format!("usr/lib/modules/{release}/modules.dep")));
        let files = inputs.files.iter().filter(|(path, _)| !path.contains("vmlinuz"));
        let reduced = files.map(|(path, bytes)| {
            let name = path.rsplit('/').next().unwrap();
            let text = if path.starts_with("boot/") { config(bytes) } else { self.wanted.table(name, bytes) };
            (path.clone(), text)
        });
        let reduced: BTreeMap<String, String> = reduced.collect();
        self.packed.kernels.insert(release.to_owned(), reduced);
    }

    fn initrd(&mut self, case: &Case, lab: &Lab) {
        let recipe = case.recipe.clone().unwrap_or_default();
        let name = case.initrd.clone().unwrap();
        // What a damaged image was made of is told by an undamaged one.
        let whole = match &recipe.damage {
            Some(_) => recipe.base.clone().unwrap(),
            None => name.clone(),
        };
        let bytes = lab.initrd(&whole);
        let image = initrd::read(Cursor::new(bytes), &ImageLimits::default()).unwrap();
        let mut archives: Vec<Archive> = Vec::new();
        for archive in &image.archives {
            archives
                .push(Archive { compression: archive.compression.name().to_owned(), entries: Vec::new() });
        }
        let modules: HashMap<u32, &Module> =
            image.modules.iter().map(|module| (module.entry, module)).collect();
        for (index, entry) in image.entries.iter().enumerate() {
            let module = modules.get(&u32::try_from(index).unwrap()).copied();
            if let Some(named) = self.entry(&image, index, entry, module) {
                archives[entry.archive as usize].entries.push(named);
            }
        }
        if let (Some(_), Some(compress)) = (&recipe.damage, &recipe.compress) {
            archives.iter_mut().for_each(|archive| archive.compression.clone_from(compress));
        }
        let crc64 = recipe.compress.as_deref() == Some("xz-crc64");
        self.packed.initrds.insert(name, Initrd { archives, crc64, damage: recipe.damage });
    }

    fn entry(
        &mut self,
        image: &Image,
        index: usize,
        entry: &Entry,
        module: Option<&Module>,
    ) -> Option<Named> {
        let path = String::from_utf8(entry.path().to_vec()).ok()?;
        if path.contains("lib/firmware/")
            || module.is_some_and(|module| !self.wanted.module(module.name.as_str()))
        {
            return None;
        }
        let content = match (module, image.texts.get(entry.path())) {
            (Some(module), _) => Some(self.wanted.modinfo(&path, module)),
            (None, Some(text)) => Some(self.wanted.text(&path, text)),
            (None, None) => match image.linked.get(entry.path()) {
                Some(linked) => Some(Content::Program(
                    linked.interpreter.as_deref().map(str::to_owned),
                    linked.needed.iter().map(|name| name.to_string()).collect(),
                )),
                None => (entry.mode & 0o170_000 == 0o100_000).then(|| Content::Bytes(vec![b'\n'])),
            },
        };
        let content = content.filter(|_| entry.size > 0).map(|content| self.content(content));
        let target = entry.target.as_ref().map(|target| String::from_utf8_lossy(target).into_owned());
        let shared = match entry.hard_link {
            Some(first) => first + 1,
            None if entry.links > 1 && entry.mode & 0o170_000 == 0o100_000 => {
                u32::try_from(index).unwrap() + 1
            }
            None => 0,
        };
        Some((String::from_utf8_lossy(&entry.name).into_owned(), entry.mode, target, content, shared))
    }

    fn content(&mut self, content: Content) -> usize {
        let contents = &mut self.packed.contents;
        *self.contents.entry(content).or_insert_with_key(|content| {
            contents.push(content.clone());
            contents.len() - 1
        })
    }
}

/// What of modules and their aliases is kept.
struct Wanted {
    modaliases: Vec<String>,
    modules: BTreeSet<String>,
}

/// Prefixes of patterns that name devices; others are names that scripts and the kernel ask for.
const DEVICES: [&str; 14] = [
    "pci:",
    "usb:",
    "hid:",
    "of:",
    "i2c:",
    "spi:",
    "acpi",
    "pnp:",
    "pcmcia:",
    "input:",
    "sdio:",
    "dmi:",
    "platform:",
    "mdio:",
];

impl Wanted {
    fn new(cases: &[Case]) -> Self {
        let devices = || cases.iter().flat_map(|case| &case.devices);
        let modaliases: BTreeSet<String> = devices().map(|device| device.modalias.clone()).collect();
        let loaded = cases.iter().flat_map(|case| case.loaded_modules.iter().cloned());
        Self { modaliases: modaliases.into_iter().collect(), modules: loaded.collect() }
    }

    /// Adds what the wanted modules need.
    fn close(&mut self, dep: &str) {
        let name = |path: &str| stem(path);
        let lines: Vec<(String, Vec<String>)> = dependencies(dep.as_bytes())
            .map(|line| (name(line.path), line.needs().map(name).collect()))
            .collect();
        for (module, needs) in lines {
            if self.module(&module) {
                self.modules.extend(needs);
                self.modules.insert(module);
            }
        }
    }

    /// A module that was loaded somewhere, belongs to how disks are found, or is of the sample.
    fn module(&self, name: &str) -> bool {
        self.modules.contains(name)
            || ALWAYS.iter().any(|always| name.starts_with(always))
            || is_sampled(name, 16)
    }

    fn alias(&self, pattern: &str) -> bool {
        let of_device = DEVICES.iter().any(|prefix| pattern.starts_with(prefix));
        let asked = || self.modaliases.iter().any(|name| alias_matches(pattern.as_bytes(), name.as_bytes()));
        !of_device || is_sampled(pattern, 24) || asked()
    }

    fn modinfo(&self, path: &str, module: &Module) -> Content {
        let Ok(info) = &module.info else { return Content::Bytes(b"damaged".to_vec()) };
        let mut pairs = Vec::new();
        for key in ["vermagic", "depends", "softdep", "alias"] {
            let values = info.values(key).filter(|value| key != "alias" || self.alias(value));
            pairs.extend(values.map(|value| (key.to_owned(), value.to_owned())));
        }
        Content::Module(path.to_owned(), pairs)
    }

    /// A text of an initrd: tables reduced, scripts by their first line, other texts without their comments.
    fn text(&self, path: &str, text: &[u8]) -> Content {
        let name = path.rsplit('/').next().unwrap();
        if text.contains(&0) && name.ends_with(".bin") {
            return Content::Bytes(text.iter().take(16).copied().collect());
        }
        if path.contains("lib/modules/") {
            return Content::Text(self.table(name, text));
        }
        let text = String::from_utf8_lossy(text);
        if text.starts_with("#!") {
            return Content::Text(format!("{}\n", text.lines().next().unwrap()));
        }
        let lines =
            text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
        Content::Text(lines.flat_map(|line| [line, "\n"]).collect())
    }

    /// One of depmod's tables, reduced to the modules and aliases that are wanted.
    fn table(&self, name: &str, bytes: &[u8]) -> String {
        if name.ends_with(".bin") {
            return "binary".to_owned();
        }
        let text = String::from_utf8_lossy(bytes);
        if name == "modules.builtin.modinfo" {
            let is_kept = |pair: &&str| {
                let alias = pair.split_once('=').filter(|(key, _)| key.ends_with(".alias"));
                alias.is_some_and(|(_, pattern)| self.alias(pattern))
            };
            return text.split_terminator('\0').filter(is_kept).flat_map(|pair| [pair, "\0"]).collect();
        }
        let is_kept = |line: &&str| {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            match name {
                "modules.dep" => self.module(&stem(first.trim_end_matches(':'))),
                "modules.order" => self.module(&stem(first)),
                "modules.alias" => {
                    let (pattern, module) =
                        (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    self.module(module) && self.alias(pattern)
                }
                "modules.softdep" | "modules.weakdep" => self.module(words.next().unwrap_or_default()),
                "modules.builtin" => true,
                "modules.devname" => self.module(first),
                _ => false,
            }
        };
        text.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
    }
}

/// Beginnings of the names of modules that matter for finding root, loaded anywhere or not.
const ALWAYS: [&str; 28] = [
    "virtio",
    "nvme",
    "ahci",
    "libahci",
    "libata",
    "ata_",
    "sd_mod",
    "scsi_mod",
    "scsi_common",
    "scsi_transport",
    "dm_",
    "md_mod",
    "raid",
    "mptsas",
    "mptspi",
    "megaraid_sas",
    "vmw_pvscsi",
    "sym53c8xx",
    "am53c974",
    "esp_scsi",
    "usb_storage",
    "uas",
    "xhci",
    "ehci",
    "mmc_block",
    "sdhci",
    "ufshcd",
    "crc32c",
];

/// About one of `n`, the same ones each time.
fn is_sampled(name: &str, n: u32) -> bool {
    let hash =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash % n == 0
}

/// A module's name, after its path.
fn stem(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).split(".ko").next().unwrap_or(path).replace('-', "_")
}

fn text_of(inputs: &Inputs, path: &str) -> String {
    String::from_utf8_lossy(&inputs.files[path]).into_owned()
}

/// What is built in, and which compressions are left out.
fn config(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_kept = |line: &&str| line.ends_with("=y") || line.contains("CONFIG_RD_");
    text.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}
