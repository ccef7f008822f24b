//! The installed kernels: their images in `/boot`, their modules, their configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Found, Gather, Known, Problem, ProblemKind};
use crate::initrd::ModuleName;
use crate::parse::dracut_conf::version_order;
use crate::parse::kernel_config::KernelConfig;
use crate::parse::kernel_image::{self, KernelImageError};
use crate::place::Place;
use crate::source::NodeKind;

/// An installed kernel: an image in `/boot`, a module tree, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kernel {
    /// The release as in `uname -r`, from the names of the files: `5.14.0-427.el9.x86_64`.
    pub release: String,
    /// The image's path relative to the root; null if there is none of this release.
    pub image: Option<String>,
    /// The release that the image itself says it is; null if there is no image.
    pub image_release: Known<Option<String>>,
    /// Why no loader starts the image: it is no kernel, or it is cut off; null if nothing speaks against it.
    pub image_damage: Option<String>,
    /// The module tree's path relative to the root; null if there is none. It may be empty.
    pub modules_dir: Option<String>,
    /// Whether its modules are there. Unknown if the input holds no kernel's modules at all, as a report may.
    pub has_modules: Known<bool>,
    /// Whether `modules.dep` (or `modules.dep.bin`) is in it.
    pub has_modules_dep: bool,
    /// Whether modules came after `modules.dep` was made: a folder of theirs was changed since, or a module outside
    /// `kernel/` is newer. False if either is missing.
    pub is_modules_dep_stale: bool,
    /// The path of its build configuration, `boot/config-RELEASE` or `lib/modules/RELEASE/config`; null if neither is
    /// there.
    pub config: Option<String>,
    /// Compressions of an initrd that this kernel can unpack, from `CONFIG_RD_*`: `gzip`, `bzip2`, `lzma`, `xz`, `lzo`,
    /// `lz4`, `zstd`.
    pub initrd_compressions: Known<Vec<String>>,
    /// Initrds whose names say that they are for this kernel, relative to the root.
    pub initrds: Vec<String>,
    /// What the name says it is special for: `xen`, `debug`, `rescue`, `cloud`, `kdump`, `rt`.
    pub flavours: Vec<String>,
    /// The machine as at the end of the release or in the configuration: `x86_64`, `aarch64`, `i686`; null if neither
    /// says.
    pub arch: Option<String>,
    /// The first three numbers of the release; null if it does not start with two.
    pub version: Option<KernelVersion>,
    /// Whether no other kernel with an image, besides those for rescue, debugging and Xen, is newer.
    pub is_newest: bool,
    /// Whether it runs under Xen alone, as a guest that knows it is one (SUSE's and Red Hat's `kernel-xen`). Unknown if its name
    /// and its configuration do not tell.
    pub needs_xen: Known<bool>,
    /// Its table of symbols, `boot/System.map-RELEASE` or the one beside its modules; null if neither is there.
    pub system_map: Option<String>,
    /// Whether `modules.builtin` is beside its modules.
    pub has_builtin_list: bool,
    /// Whether its virtio driver takes devices of virtio 1.0 (PCI 1af4:1040 and up), as Linux does since 4.0. Unknown for an
    /// older release without configuration: vendors have ported it back.
    pub takes_modern_virtio: Known<bool>,
    /// The drivers and ciphers of `rules/drivers.yaml` that are built in. Unknown as long as nothing says what is.
    pub built_in: Known<Vec<String>>,
    /// The image, or the module tree if there is no image.
    pub at: Place,
}

/// The numbers of a kernel's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct KernelVersion {
    /// `5` of `5.14.0`.
    pub major: u32,
    /// `14` of `5.14.0`.
    pub minor: u32,
    /// `0` of `5.14.0`.
    pub patch: u32,
}

/// Modules of one folder outside `kernel/` whose age is looked at; real systems have a handful.
const MAX_ADDED_MODULES: usize = 1000;

/// Names of kernel images in `/boot`: distributions' own, openSUSE's, and what `make install` writes.
const IMAGE_PREFIXES: [&str; 6] = ["vmlinuz-", "vmlinux-", "kernel-", "bzImage-", "Image-", "zImage-"];

/// Names of initrds in `/boot`, before and after the release.
const INITRD_NAMES: [(&str, &str); 4] =
    [("initrd.img-", ""), ("initramfs-", ".img"), ("initrd-", ""), ("initrd-", ".img")];

/// Looks for kernels in `/boot` and `/lib/modules`, in order of their releases' names.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<Kernel> {
    let in_boot = names(gather, "boot");
    let images: BTreeMap<&str, &str> =
        in_boot.iter().filter_map(|name| Some((release_of_image(name)?, name.as_str()))).collect();
    let in_modules = names(gather, "lib/modules");
    let is_tree = |name: &&String| is_release(name) && is_directory(gather, &format!("lib/modules/{name}"));
    let trees: BTreeSet<&str> = in_modules.iter().filter(is_tree).map(String::as_str).collect();
    let releases: BTreeSet<&str> = images.keys().copied().chain(trees.iter().copied()).collect();
    let one = |release: &str| {
        let mut kernel =
            kernel(gather, release, images.get(release).copied(), trees.contains(release), &in_boot);
        kernel.has_modules = match &kernel.modules_dir {
            Some(_) => Known::Known(kernel.has_modules_dep || has_module_folder(gather, release)),
            None if trees.is_empty() => Known::unknown("`lib/modules`"),
            None => Known::Known(false),
        };
        kernel
    };
    let mut kernels: Vec<Kernel> = releases.into_iter().map(one).collect();
    mark_newest(&mut kernels);
    kernels
}

/// Marks the newest of the kernels that a machine is to run with.
fn mark_newest(kernels: &mut [Kernel]) {
    let is_usual = |kernel: &&Kernel| {
        let special = ["xen", "debug", "rescue", "kdump"];
        kernel.image.is_some() && !kernel.flavours.iter().any(|own| special.contains(&own.as_str()))
    };
    let usual = kernels.iter().filter(is_usual).map(|kernel| kernel.release.clone());
    let newest = usual.max_by(|left, right| version_order(left, right));
    for kernel in kernels.iter_mut() {
        kernel.is_newest = newest.as_ref() == Some(&kernel.release);
    }
}

fn kernel(
    gather: &Gather<'_>,
    release: &str,
    image: Option<&str>,
    has_tree: bool,
    in_boot: &[String],
) -> Kernel {
    let modules_dir = has_tree.then(|| format!("lib/modules/{release}"));
    let in_tree = |name: &str| format!("lib/modules/{release}/{name}");
    // RHEL and Fedora keep a copy of the image beside the modules, which kernel-install(8) puts into /boot.
    let beside = has_tree.then(|| in_tree("vmlinuz")).filter(|path| is_file(gather, path));
    let image = image.map(|name| format!("boot/{name}"));
    let read = match image.as_ref().or(beside.as_ref()) {
        Some(path) => read_image(gather, path),
        None => Image { release: Known::Known(None), arch: None, damage: None },
    };
    let configs = [format!("boot/config-{release}"), in_tree("config"), in_tree("build/.config")];
    let config = configs.into_iter().find(|path| is_file(gather, path));
    let settings = config.as_ref().and_then(|path| gather.read(path).present());
    let settings = settings.map(|file| KernelConfig::parse(&file.bytes));
    let initrds = INITRD_NAMES.iter().map(|(before, after)| format!("{before}{release}{after}"));
    let initrds = initrds.filter(|name| in_boot.contains(name)).map(|name| format!("boot/{name}"));
    let at = image.clone().or_else(|| modules_dir.clone()).unwrap_or_default();
    Kernel {
        release: release.to_owned(),
        image_release: read.release,
        image_damage: read.damage,
        has_modules_dep: ["modules.dep", "modules.dep.bin"]
            .iter()
            .any(|name| is_file(gather, &in_tree(name))),
        has_modules: Known::Known(has_tree),
        is_modules_dep_stale: has_tree && is_stale(gather, release),
        initrd_compressions: compressions(release, settings.as_ref()),
        initrds: initrds.collect(),
        flavours: flavours(release),
        arch: arch(release, settings.as_ref()).or(read.arch),
        version: version(release).map(|[major, minor, patch]| KernelVersion { major, minor, patch }),
        is_newest: false,
        needs_xen: needs_xen(release, settings.as_ref()),
        system_map: [format!("boot/System.map-{release}"), in_tree("System.map")]
            .into_iter()
            .find(|path| is_file(gather, path)),
        has_builtin_list: has_tree && is_file(gather, &in_tree("modules.builtin")),
        takes_modern_virtio: takes_modern_virtio(release, settings.as_ref()),
        built_in: Known::unknown(format!(
            "`lib/modules/{release}/modules.builtin` or `boot/config-{release}`"
        )),
        image,
        modules_dir,
        config,
        at: Place::file(at),
    }
}

/// What a kernel image says of itself.
pub(super) struct Image {
    pub(super) release: Known<Option<String>>,
    arch: Option<String>,
    pub(super) damage: Option<String>,
}

/// What the image at `path` says of itself. One that says nothing is noted as trouble.
pub(super) fn read_image(gather: &Gather<'_>, path: &str) -> Image {
    let unknown = |needs: String| Image { release: Known::Unknown { needs }, arch: None, damage: None };
    let mut content = match gather.found(gather.tree.open(path)) {
        Found::Present((content, _)) => content,
        Found::Absent => return unknown(format!("the kernel image `{path}`")),
        Found::Unreadable { needs } => return unknown(needs),
    };
    let needs = || format!("a whole kernel image `{path}`");
    match kernel_image::read(&mut content) {
        Ok(image) => {
            let release =
                image.release.map_or_else(|| Known::unknown(needs()), |own| Known::Known(Some(own)));
            Image { release, arch: image.arch, damage: None }
        }
        Err(error) => {
            let (kind, damage) = match error {
                KernelImageError::Io(_) => (ProblemKind::Unreadable, None),
                KernelImageError::Unsupported(_) | KernelImageError::Truncated(_) => {
                    (ProblemKind::Malformed, Some(error.to_string()))
                }
            };
            gather.note(Problem { at: Place::file(path), kind, message: format!("`{path}`: {error}") });
            Image { damage, ..unknown(needs()) }
        }
    }
}

/// Whether the tree has a folder for modules; package managers leave trees behind that hold no more than links.
fn has_module_folder(gather: &Gather<'_>, release: &str) -> bool {
    let folders = ["kernel", "extra", "updates"];
    folders.iter().any(|folder| is_directory(gather, &format!("lib/modules/{release}/{folder}")))
}

/// Seconds by which a folder may be newer than `modules.dep`: installing and copying take their time.
const DEPMOD_SLACK: i64 = 300;

/// Whether modules came after `modules.dep` was made: a folder with modules was changed since, or a file in it is
/// newer. The folders beside the kernel's own are looked into, for there DKMS, weak-updates and people put theirs.
fn is_stale(gather: &Gather<'_>, release: &str) -> bool {
    let time = |path: &Path| gather.tree.metadata(path).ok().map(|node| node.mtime);
    let tree = Path::new("lib/modules").join(release);
    let Some(made) = time(&tree.join("modules.dep")) else { return false };
    let is_newer = |path: &Path| time(path).is_some_and(|time| time > made.saturating_add(DEPMOD_SLACK));
    let added = ["updates", "updates/dkms", "extra", "weak-updates", "misc"].map(|folder| tree.join(folder));
    let holds_newer = |folder: &PathBuf| {
        let names = gather.tree.list(folder).unwrap_or_default();
        let modules = names.iter().filter(|name| ModuleName::of_path(name.as_encoded_bytes()).is_some());
        modules.take(MAX_ADDED_MODULES).any(|name| is_newer(&folder.join(name)))
    };
    is_newer(&tree.join("kernel")) || added.iter().any(|folder| is_newer(folder) || holds_newer(folder))
}

/// The compressions that this kernel can unpack an initrd from. Kernels before 2.6.30 have no options and know gzip.
fn compressions(release: &str, settings: Option<&KernelConfig>) -> Known<Vec<String>> {
    match settings {
        Some(settings) if settings.has_compression_options() => Known::Known(settings.initrd_compressions()),
        _ if version(release).is_some_and(|version| version < [2, 6, 30]) => {
            Known::Known(vec!["gzip".to_owned()])
        }
        _ => Known::unknown(format!("`boot/config-{release}`")),
    }
}

/// The kernels that Xen's own tree was the source of (`CONFIG_X86_XEN`, `X86_64_XEN`) have no drivers for anything else. Later ones
/// with `xen` in their names may be usual kernels (`CONFIG_PARAVIRT`), which only their configuration tells.
fn needs_xen(release: &str, settings: Option<&KernelConfig>) -> Known<bool> {
    if let Some(settings) = settings.filter(|settings| !settings.is_empty()) {
        return Known::Known(["X86_XEN", "X86_64_XEN"].iter().any(|option| settings.is_builtin(option)));
    }
    match flavours(release).iter().any(|flavour| flavour == "xen") {
        false => Known::Known(false),
        // Red Hat's and SUSE's came from Xen's tree until both gave them up.
        true if release.ends_with("xen") => Known::Known(true),
        true => Known::unknown(format!("`boot/config-{release}`")),
    }
}

/// Linux 4.0 brought the driver for virtio 1.0, and with it the option `VIRTIO_PCI_LEGACY` for the older kind.
fn takes_modern_virtio(release: &str, settings: Option<&KernelConfig>) -> Known<bool> {
    match (version(release), settings.filter(|settings| !settings.is_empty())) {
        (Some(version), _) if version >= [4, 0, 0] => Known::Known(true),
        (_, Some(settings)) => Known::Known(settings.value("VIRTIO_PCI_LEGACY").is_some()),
        (Some(version), None) if version < [3, 0, 0] => Known::Known(false),
        _ => Known::unknown(format!("`boot/config-{release}`")),
    }
}

/// The first three numbers of a release.
fn version(release: &str) -> Option<[u32; 3]> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)])
}

fn flavours(release: &str) -> Vec<String> {
    let words = release.split(|c: char| !c.is_ascii_alphabetic());
    let known = ["xen", "debug", "rescue", "cloud", "kdump", "rt"];
    // RHEL 5 writes the flavour behind the release without a separator: 2.6.18-128.el5xen, el5debug.
    let ends = |word: &str, flavour: &str| word == flavour || release.ends_with(&format!("el5{flavour}"));
    let mut found: Vec<String> = words
        .flat_map(|word| known.iter().filter(move |flavour| ends(word, flavour)))
        .map(|flavour| (*flavour).to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

fn arch(release: &str, settings: Option<&KernelConfig>) -> Option<String> {
    let by_name = [
        ("x86_64", "x86_64"),
        ("aarch64", "aarch64"),
        ("i686", "i686"),
        ("amd64", "x86_64"),
        ("arm64", "aarch64"),
        ("ppc64le", "ppc64le"),
        ("s390x", "s390x"),
    ];
    let named = by_name.iter().find(|(ending, _)| release.ends_with(ending)).map(|(_, arch)| *arch);
    let set = |option: &str| settings.is_some_and(|settings| settings.is_builtin(option));
    let by_config = [("X86_64", "x86_64"), ("ARM64", "aarch64"), ("X86_32", "i686")];
    named
        .or_else(|| by_config.iter().find(|(option, _)| set(option)).map(|(_, arch)| *arch))
        .map(str::to_owned)
}

/// The release that the name of an image in `/boot` says; none for other files, and for names without a release.
fn release_of_image(name: &str) -> Option<&str> {
    let rest = IMAGE_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let is_other =
        [".hmac", ".old", ".bak", ".sig", ".gz.old", "~"].iter().any(|suffix| rest.ends_with(suffix));
    (is_release(rest) && !is_other).then_some(rest)
}

/// Releases start with two numbers: `6.1`, `2.6.32-754.el6.x86_64`.
fn is_release(name: &str) -> bool {
    version(name).is_some() && name.starts_with(|c: char| c.is_ascii_digit())
}

/// The names in the folder `path` that are UTF-8, sorted. Trouble is noted.
fn names(gather: &Gather<'_>, path: &str) -> Vec<String> {
    let names = gather.found(gather.tree.list(path)).present().unwrap_or_default();
    names.into_iter().filter_map(|name| name.into_string().ok()).collect()
}

fn is_file(gather: &Gather<'_>, path: &str) -> bool {
    gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::File)
}

fn is_directory(gather: &Gather<'_>, path: &str) -> bool {
    gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::Directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn kernels(memory: Memory) -> Vec<Kernel> {
        let tree = memory.into_tree();
        let limits = Limits::default();
        super::gather(&Gather::new(&tree, &limits))
    }

    #[test]
    fn images_and_trees_of_one_release_are_one_kernel() {
        let found = kernels(
            Memory::new()
                .file("boot/vmlinuz-6.1.0-18-amd64", "nothing")
                .file("boot/vmlinuz-6.1.0-18-amd64.hmac", "")
                .file("boot/initrd.img-6.1.0-18-amd64", "")
                .file(
                    "boot/config-6.1.0-18-amd64",
                    "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n",
                )
                .link("vmlinuz", "boot/vmlinuz-6.1.0-18-amd64")
                .file("usr/lib/modules/6.1.0-18-amd64/modules.dep", "")
                .directory("usr/lib/modules/5.10.0-1-cloud-amd64")
                .link("lib", "usr/lib"),
        );
        let releases: Vec<_> = found.iter().map(|kernel| kernel.release.as_str()).collect();
        assert_eq!(releases, ["5.10.0-1-cloud-amd64", "6.1.0-18-amd64"]);
        let [cloud, kernel] = found.as_slice() else { panic!("two kernels") };
        assert_eq!(
            (cloud.image.as_deref(), cloud.flavours.as_slice()),
            (None, ["cloud".to_owned()].as_slice())
        );
        assert_eq!(cloud.image_release, Known::Known(None));
        assert_eq!(kernel.image.as_deref(), Some("boot/vmlinuz-6.1.0-18-amd64"));
        assert_eq!(kernel.image_release.needs(), Some("a whole kernel image `boot/vmlinuz-6.1.0-18-amd64`"));
        assert_eq!(kernel.initrd_compressions, Known::Known(vec!["gzip".to_owned()]));
        assert_eq!(kernel.initrds, ["boot/initrd.img-6.1.0-18-amd64"]);
        assert_eq!(kernel.arch.as_deref(), Some("x86_64"));
        assert!(kernel.has_modules_dep && !kernel.is_modules_dep_stale);
    }

    #[test]
    fn old_kernels_know_gzip_and_name_their_flavour_at_the_end() {
        let found = kernels(
            Memory::new().directory("lib/modules/2.6.18-128.el5xen").directory("lib/modules/not-a-release"),
        );
        let [kernel] = found.as_slice() else { panic!("one kernel") };
        assert_eq!(kernel.initrd_compressions, Known::Known(vec!["gzip".to_owned()]));
        assert_eq!(kernel.flavours, ["xen"]);
    }

    #[test]
    fn modules_that_came_after_modules_dep_are_told() {
        let node = |kind, mtime| crate::source::Node { kind, len: 0, mode: 0o755, uid: 0, mtime };
        let mut tree = Memory::new().file("lib/modules/6.1.0/kernel/a.ko", "");
        tree.insert("lib/modules/6.1.0/modules.dep".as_ref(), node(NodeKind::File, 1_000_000), [].into());
        tree.insert("lib/modules/6.1.0/extra".as_ref(), node(NodeKind::Directory, 1_000_200), [].into());
        tree.insert("lib/modules/6.1.0/kernel".as_ref(), node(NodeKind::Directory, 900_000), [].into());
        assert!(!kernels(tree.clone()).first().unwrap().is_modules_dep_stale);
        tree.insert("lib/modules/6.1.0/extra".as_ref(), node(NodeKind::Directory, 1_009_000), [].into());
        assert!(kernels(tree).first().unwrap().is_modules_dep_stale);
    }

    #[test]
    fn a_kernel_whose_modules_are_gone_is_told_from_an_input_without_modules() {
        let tree =
            Memory::new().file("boot/vmlinuz-6.1.0-1-amd64", "").file("boot/vmlinuz-6.1.0-2-amd64", "");
        assert!(kernels(tree.clone()).first().unwrap().has_modules.needs().is_some());
        let found = kernels(tree.file("lib/modules/6.1.0-2-amd64/modules.dep", ""));
        let has: Vec<_> = found.iter().map(|kernel| kernel.has_modules.get().copied()).collect();
        assert_eq!(has, [Some(false), Some(true)]);
    }
}
