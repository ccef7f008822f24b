//! Kernel modules that did not come with the kernel: drivers of vendors, DKMS, and files that somebody put there.
//!
//! `modules.order` lists the modules that were built with a kernel (kbuild's `modules_install`); what is below
//! `lib/modules/RELEASE` and not in it came later. Weak-updates are links to modules of another release and count there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::kernels::Kernel;
use super::packages::Packages;
use super::{Found, Gather, Known};
use crate::initrd::module::{ModuleFile, ModuleName, read_modinfo};
use crate::place::Place;
use crate::source::{NodeKind, display_path};

/// Bytes of `modules.order`; those of distributions have 300 KiB.
const ORDER_LIMIT: u64 = 8 << 20;
/// Bytes that a module may unpack to; graphics drivers have 60 MiB.
const MODULE_LIMIT: u64 = 128 << 20;
/// Folders in each other below `lib/modules/RELEASE`.
const MAX_DEPTH: usize = 12;
/// Modules that are looked into.
const MAX_MODULES: usize = 2000;
/// Names in a module tree; distributions have some 5,000.
const MAX_NAMES: usize = 100_000;

/// A module that did not come with its kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForeignModule {
    /// The file.
    pub at: Place,
    /// Its path relative to the root.
    pub path: String,
    /// Its name, dashes as underscores.
    pub name: String,
    /// The kernel's release.
    pub release: String,
    /// Whether a boot entry starts that kernel by itself, or no boot entry does.
    pub is_default: bool,
    /// The package that owns the file; null if none does.
    pub owner: Known<Option<String>>,
    /// Whether DKMS built it from a source that is still there.
    pub is_dkms: bool,
    /// The file itself, where `path` is a link to a module of another release.
    #[serde(skip)]
    file: String,
    /// Whether it ends with a signature (`Module signature appended`).
    pub is_signed: Known<bool>,
}

/// A source that DKMS or akmods builds modules from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DkmsSource {
    /// Its `dkms.conf`, or the package of its source in `usr/src/akmods`.
    pub at: Place,
    /// Its name: `nvidia`.
    pub name: String,
    /// Its version; empty for akmods.
    pub version: String,
    /// Releases of kernels that it is built for.
    pub built_for: Vec<String>,
    /// The modules that were built, each with the release of its kernel.
    #[serde(skip)]
    pub(crate) modules: BTreeSet<(String, String)>,
    /// Releases of installed kernels without the headers that a build needs.
    pub without_headers: Vec<String>,
}

/// Modules that did not come with the kernels.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForeignModules {
    /// The modules, by path.
    pub modules: Vec<ForeignModule>,
    /// Sources of DKMS and akmods.
    pub dkms: Vec<DkmsSource>,
    /// Whether a certificate of the machine's own is there that signs modules (DKMS, shim-signed): the public half of what
    /// `mokutil` enrols in the firmware. Null if there is none.
    pub own_key: Option<Place>,
}

/// Where tools keep the certificate that they sign modules with.
const KEYS: [&str; 5] = [
    "var/lib/shim-signed/mok/MOK.der",
    "var/lib/dkms/mok.pub",
    "etc/pki/akmods/certs/public_key.der",
    "root/MOK.der",
    "etc/dkms/mok.pub",
];

/// Looks through the module trees.
#[must_use]
pub fn gather(
    gather: &Gather<'_>,
    kernels: &[Kernel],
    default_release: Option<&str>,
    packages: &Packages,
) -> ForeignModules {
    let mut modules = Vec::new();
    for kernel in kernels {
        let Some(folder) = &kernel.modules_dir else { continue };
        let Some(listed) = listed(gather, folder) else { continue };
        for path in files(gather, Path::new(folder)) {
            let inside = path.strip_prefix(folder).map(display_path).unwrap_or_default();
            let plain = without_compression(&inside);
            if modules.len() >= MAX_MODULES || listed.contains(plain) {
                continue;
            }
            let is_default = default_release.is_none_or(|release| release == kernel.release);
            modules.extend(module(gather, &path, &kernel.release, is_default));
        }
    }
    let wanted: BTreeSet<String> = modules.iter().map(|module| module.file.clone()).collect();
    let owners = if wanted.is_empty() { Known::default() } else { packages.owners(gather, &wanted) };
    let mut dkms = dkms(gather, kernels);
    dkms.extend(akmods(gather, kernels, &modules));
    for module in &mut modules {
        module.owner = owners.as_ref().map(|owners| owners.get(&module.file).cloned());
        let built = (module.release.clone(), module.name.clone());
        module.is_dkms = dkms.iter().any(|source| source.modules.contains(&built));
    }
    let own_key = KEYS.iter().find(|path| gather.tree.exists(path)).map(|path| Place::file(*path));
    ForeignModules { modules, dkms, own_key }
}

/// The modules that were built with the kernel, without the endings of compression; none if nothing lists them.
fn listed(gather: &Gather<'_>, folder: &str) -> Option<BTreeSet<String>> {
    let path = format!("{folder}/modules.order");
    let file = gather.found(gather.tree.read_limited(path, ORDER_LIMIT)).present()?;
    let text = String::from_utf8_lossy(&file.bytes);
    let listed: BTreeSet<String> =
        text.lines().map(|line| without_compression(line.trim()).to_owned()).collect();
    // Trees made by hand have an empty list.
    (!listed.is_empty()).then_some(listed)
}

/// `kernel/fs/ext4/ext4.ko` of `kernel/fs/ext4/ext4.ko.xz`; newer kernels list `.o`.
fn without_compression(path: &str) -> &str {
    path.rsplit_once(".ko").map_or_else(|| path.strip_suffix(".o").unwrap_or(path), |(stem, _)| stem)
}

/// The modules below `folder` that are files.
fn files(gather: &Gather<'_>, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![(folder.to_path_buf(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = todo.pop() {
        // `build` and `source` lead to headers.
        let names = gather.tree.list(&folder).unwrap_or_default();
        for name in names {
            seen += 1;
            if seen > MAX_NAMES {
                return found;
            }
            let path = folder.join(&name);
            if ModuleFile::of_path(name.as_encoded_bytes()).is_some() {
                // A link of weak-updates stands for a module that was built for another release.
                let is_file = gather.tree.metadata(&path).is_ok_and(|node| node.kind == NodeKind::File);
                found.extend(is_file.then_some(path));
            } else if depth < MAX_DEPTH
                && !name.as_encoded_bytes().contains(&b'.')
                && gather.tree.symlink_metadata(&path).is_ok_and(|node| node.kind == NodeKind::Directory)
            {
                todo.push((path, depth + 1));
            }
        }
    }
    found.sort();
    found
}

fn module(gather: &Gather<'_>, path: &Path, release: &str, is_default: bool) -> Option<ForeignModule> {
    let shown = display_path(path);
    let name = ModuleName::of_path(shown.as_bytes())?;
    let form = ModuleFile::of_path(shown.as_bytes())?;
    let is_signed = match gather.tree.open(path) {
        Ok((content, _)) => match read_modinfo(content, form, MODULE_LIMIT) {
            Ok(info) => Known::Known(info.signed),
            Err(_) => Known::unknown(format!("a readable `{shown}`")),
        },
        Err(_) => Known::unknown(format!("a readable `{shown}`")),
    };
    let file = gather.tree.resolve(path).map_or_else(|_| shown.clone(), |file| display_path(&file));
    Some(ForeignModule {
        at: Place::file(shown.as_str()),
        file: file.strip_prefix("usr/").filter(|file| file.starts_with("lib/")).unwrap_or(&file).to_owned(),
        name: name.as_str().to_owned(),
        path: shown,
        release: release.to_owned(),
        is_default,
        owner: Known::Known(None),
        is_dkms: false,
        is_signed,
    })
}

/// `var/lib/dkms/NAME/VERSION/RELEASE/ARCH` is there for what is built, `source` links to its source (dkms(8)).
fn dkms(gather: &Gather<'_>, kernels: &[Kernel]) -> Vec<DkmsSource> {
    let folders = |path: &str| -> Vec<String> {
        let names = gather.found(gather.tree.list(path)).present().unwrap_or_default();
        let names = names.into_iter().filter_map(|name| name.into_string().ok()).take(MAX_MODULES);
        names.filter(|name| is_folder(gather, &format!("{path}/{name}"))).collect()
    };
    let mut found = Vec::new();
    for name in folders("var/lib/dkms") {
        for version in folders(&format!("var/lib/dkms/{name}")) {
            let folder = format!("var/lib/dkms/{name}/{version}");
            if !gather.tree.exists(format!("{folder}/source")) {
                continue;
            }
            let is_release = |built: &String| !["build", "source"].contains(&built.as_str());
            let built_for: Vec<String> = folders(&folder).into_iter().filter(is_release).collect();
            let lacks = |kernel: &&Kernel| {
                kernel.has_modules == Known::Known(true) && !has_headers(gather, &kernel.release)
            };
            let mut modules = BTreeSet::new();
            for release in &built_for {
                for architecture in folders(&format!("{folder}/{release}")) {
                    let names = built(gather, &format!("{folder}/{release}/{architecture}/module"));
                    modules.extend(names.into_iter().map(|name| (release.clone(), name)));
                }
            }
            found.push(DkmsSource {
                at: Place::file(format!("{folder}/source/dkms.conf")),
                built_for,
                modules,
                without_headers: kernels.iter().filter(lacks).map(|kernel| kernel.release.clone()).collect(),
                name: name.clone(),
                version,
            });
        }
    }
    found
}

/// `usr/src/akmods/NAME-kmod.latest` links to the newest source of a package `akmod-NAME`, which akmods(8) builds at the boot of
/// a new kernel.
fn akmods(gather: &Gather<'_>, kernels: &[Kernel], modules: &[ForeignModule]) -> Vec<DkmsSource> {
    let folder = "usr/src/akmods";
    let names = gather.found(gather.tree.list(folder)).present().unwrap_or_default();
    let names = names.iter().filter_map(|name| name.to_str()).take(MAX_MODULES);
    let sources = names.filter_map(|file| {
        let name = file.strip_suffix(".latest")?.trim_end_matches("-kmod");
        let inside = format!("/extra/{name}/");
        let own = modules.iter().filter(|module| module.path.contains(&inside));
        let built: BTreeSet<(String, String)> =
            own.map(|module| (module.release.clone(), module.name.clone())).collect();
        let lacks = |kernel: &&Kernel| {
            kernel.has_modules == Known::Known(true) && !has_headers(gather, &kernel.release)
        };
        let mut built_for: Vec<String> = built.iter().map(|(release, _)| release.clone()).collect();
        built_for.dedup();
        Some(DkmsSource {
            at: Place::file(format!("{folder}/{file}")),
            name: name.to_owned(),
            version: String::new(),
            built_for,
            modules: built,
            without_headers: kernels.iter().filter(lacks).map(|kernel| kernel.release.clone()).collect(),
        })
    });
    sources.collect()
}

/// The names of the modules in a folder.
fn built(gather: &Gather<'_>, folder: &str) -> Vec<String> {
    let names = gather.tree.list(folder).unwrap_or_default();
    let names = names.iter().filter_map(|name| ModuleName::of_path(name.as_encoded_bytes()));
    names.map(|name| name.as_str().to_owned()).collect()
}

fn is_folder(gather: &Gather<'_>, path: &str) -> bool {
    gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::Directory)
}

/// `lib/modules/RELEASE/build` leads to the headers, on every distribution.
fn has_headers(gather: &Gather<'_>, release: &str) -> bool {
    let build = format!("lib/modules/{release}/build");
    let installed = [format!("usr/src/kernels/{release}"), format!("usr/src/linux-headers-{release}")];
    is_folder(gather, &build) || installed.iter().any(|path| is_folder(gather, path))
}

impl Packages {
    /// The packages that own `wanted`, paths relative to the root. Unknown if no list of files is in the input.
    fn owners(&self, gather: &Gather<'_>, wanted: &BTreeSet<String>) -> Known<BTreeMap<String, String>> {
        match super::packages::owners(gather, self, wanted) {
            Found::Present(owners) => Known::Known(owners),
            Found::Absent => Known::unknown("the lists of files of the installed packages"),
            Found::Unreadable { needs } => Known::Unknown { needs },
        }
    }
}
