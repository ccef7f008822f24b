//! The initrd images: every one in `/boot` and every one that a boot entry names, read whole.

mod baked;
pub(crate) mod configuration;

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use schemars::JsonSchema;
use serde::Serialize;

use super::asked::AskedFile;
use super::boot::{BootConfig, BootEntry};
use super::{Gather, Known, Problem, ProblemKind};
use crate::initrd::maker::ScriptModule;
use crate::initrd::{
    self, Archive, Damage, DamageKind, EntryKind, Image, ImageLimits, Kind, ModuleName, ReadError,
};
use crate::parse::unified;
use crate::place::Place;
use crate::source::{Content, NodeKind, display_path};

pub(super) use baked::resolve;
pub use baked::{Baked, Machine, Resume};
pub use configuration::{Copy, Newer};

/// An initrd image. What is inside is unknown if the file could not be opened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Initrd {
    /// Its path relative to the root: `boot/initrd.img-6.1.0-18-amd64`.
    pub path: String,
    /// The file.
    pub at: Place,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, in seconds since the epoch.
    pub mtime: i64,
    /// The kernel release that its name says it is for; null if the name says none.
    pub release: Option<String>,
    /// Whether it is for the crash kernel: its name or its contents say kdump.
    pub is_kdump: bool,
    /// Whether it is a rescue or fallback image, with drivers for any machine, as its name says.
    pub is_rescue: bool,
    /// The titles of the boot entries that name it.
    pub boot_entries: Vec<String>,
    /// Whether the entry that boots by itself names it.
    pub is_default: bool,
    /// The kernel releases that it has modules for.
    pub releases: Known<Vec<String>>,
    /// What made it.
    pub kind: Known<Kind>,
    /// The version of what made it.
    pub version: Known<Option<String>>,
    /// The arguments that it was made with (dracut).
    pub arguments: Known<Option<String>>,
    /// Whether it was made to hold only what the machine at hand needs; null if it does not say.
    pub hostonly: Known<Option<bool>>,
    /// The dracut modules in it; empty for other kinds.
    pub dracut_modules: Known<Vec<String>>,
    /// The command line that is baked into it.
    pub cmdline: Known<Vec<Baked>>,
    /// The modules that its scripts and lists load by name, in order.
    pub loads: Known<Vec<ScriptModule>>,
    /// `RESUME=` of initramfs-tools' conf; null if it sets none.
    pub resume: Known<Option<Resume>>,
    /// `MODULES=` of initramfs-tools' conf (`most`, `dep`, `list`); null if it sets none.
    pub modules_setting: Known<Option<String>>,
    /// Its archives, in order.
    pub archives: Known<Vec<Archive>>,
    /// The compressions of its archives, each once: `none`, `gzip`, `bzip2`, `lzma`, `xz`, `lzo`, `lz4` (legacy
    /// frames), `lz4-frame`, `zstd`.
    pub compressions: Known<Vec<String>>,
    /// Why no kernel unpacks one of its archives, although it can be read; null where nothing speaks against it.
    pub refused: Known<Option<String>>,
    /// The number of its entries.
    pub entries: Known<usize>,
    /// The kernel modules in it, sorted, each once.
    pub modules: Known<Vec<ModuleName>>,
    /// Why reading it came to an early end; null if it is whole.
    pub damage: Known<Option<Damage>>,
    /// Whether all it holds is microcode for the processor, which goes before the real image.
    pub is_microcode: Known<bool>,
    /// Whether it has an init program or script.
    pub has_init: Known<bool>,
    /// Whether it runs systemd.
    pub has_systemd: Known<bool>,
    /// Whether it runs udev, so that modules are loaded as devices appear.
    pub has_udev: Known<bool>,
    /// Whether it holds `multipath` or `multipathd`.
    pub has_multipath: Known<bool>,
    /// Whether it holds LVM's program.
    pub has_lvm: Known<bool>,
    /// The tools in it with which LVM checks the metadata of pools: `thin_check`, `cache_check`, `pdata_tools`.
    pub pool_tools: Known<Vec<String>>,
    /// Whether it holds `mdadm`.
    pub has_mdadm: Known<bool>,
    /// Whether it holds `cryptsetup` or systemd's.
    pub has_cryptsetup: Known<bool>,
    /// The configuration files that it has a copy of, beside the ones in the root.
    pub copies: Known<Vec<Copy>>,
    /// The configuration of what builds it that was changed after it was built, copies that are still the same left
    /// out.
    pub newer_configuration: Vec<Newer>,
    /// The whole image, for the simulation; none if the file could not be opened.
    #[serde(skip)]
    #[schemars(skip)]
    pub image: Option<Arc<Image>>,
}

/// Where kdump-tools keeps its images.
const KDUMP_FOLDER: &str = "var/lib/kdump";

/// Files in `/boot` that are initrds by their names: what distributions, kdump and hand-made rebuilds use.
fn is_initrd_name(name: &str) -> bool {
    let image = name.starts_with("initrd") || name.starts_with("initramfs") || name.starts_with("mkinitrd");
    // Backups, signatures and configuration that lie beside them are no images.
    let other = [".sig", ".sha256", ".sha512", ".conf", ".txt", ".md5", ".asc"];
    image && !other.iter().any(|ending| name.ends_with(ending))
}

/// Reads every initrd in `/boot`, every one that `boot`'s entries name and those `asked` for, several at a time.
#[must_use]
pub fn gather(gather: &Gather<'_>, boot: &BootConfig, asked: &[AskedFile]) -> Vec<Initrd> {
    let mut paths: BTreeSet<String> = BTreeSet::new();
    let names = gather.found(gather.tree.list("boot")).present().unwrap_or_default();
    for name in names.iter().filter_map(|name| name.to_str()).filter(|name| is_initrd_name(name)) {
        let path = format!("boot/{name}");
        // `initrd.img -> initrd.img-6.1` is no image of its own.
        let node = gather.tree.symlink_metadata(&path);
        if node.is_ok_and(|node| node.kind == NodeKind::File) {
            paths.insert(path);
        }
    }
    // Debian's kdump-tools keeps the crash kernel's images here.
    for name in gather.tree.list(KDUMP_FOLDER).unwrap_or_default() {
        if let Some(name) = name.to_str().filter(|name| name.starts_with("initrd.img-")) {
            paths.insert(format!("{KDUMP_FOLDER}/{name}"));
        }
    }
    let mut users: Vec<(String, &BootEntry)> = Vec::new();
    for entry in &boot.entries {
        for file in entry.initrds.iter().filter(|file| file.exists.get() == Some(&true)) {
            match gather.tree.resolve(&file.path) {
                Ok(path) => users.push((display_path(&path), entry)),
                Err(error) => {
                    gather.note_lookup(&error);
                }
            }
        }
    }
    paths.extend(users.iter().map(|(path, _)| path.clone()));
    paths.extend(asked.iter().filter(|file| file.exists.get() == Some(&true)).map(|file| file.path.clone()));
    let paths: Vec<String> = paths.into_iter().collect();
    let mut initrds: Vec<Initrd> = paths.into_par_iter().filter_map(|path| read(gather, path)).collect();
    for initrd in &mut initrds {
        let entries = || users.iter().filter(|(path, _)| *path == initrd.path).map(|(_, entry)| *entry);
        initrd.boot_entries = entries().map(|entry| entry.title.clone()).collect();
        initrd.is_default = entries().any(|entry| entry.default);
    }
    initrds
}

/// Reads one image.
fn read(gather: &Gather<'_>, path: String) -> Option<Initrd> {
    let at = Place::file(path.as_str());
    let limits = ImageLimits { unpacked: gather.limits.initrd_unpacked, ..ImageLimits::default() };
    let (content, node) = match gather.tree.open(&path) {
        Ok(opened) => opened,
        Err(error) if error.is_absent() => return None,
        Err(error) => {
            let needs = gather.note_lookup(&error);
            let (size, mtime) = gather.tree.metadata(&path).map_or((0, 0), |node| (node.len, node.mtime));
            return Some(Initrd::unknown(path, at, size, mtime, &needs));
        }
    };
    match read_image(content, &limits) {
        Ok(image) => {
            if let Some(damage) = image.damage.as_ref().filter(|damage| damage.kind == DamageKind::OverLimit)
            {
                let message = format!("{}; raise it with `--max-initrd-size`", damage.reason);
                gather.note(Problem { at: at.clone(), kind: ProblemKind::OverLimit, message });
            }
            let copies = configuration::copies(gather, &image, &at, node.mtime);
            let mut initrd = Initrd::known(path, at, node.mtime, image, copies);
            initrd.newer_configuration = configuration::newer(gather, &initrd);
            Some(initrd)
        }
        Err(error) => {
            let message = format!("`{path}`: {error}");
            gather.note(Problem { at: at.clone(), kind: ProblemKind::Unreadable, message });
            let needs = format!("a readable `{path}`");
            Some(Initrd::unknown(path, at, node.len, node.mtime, &needs))
        }
    }
}

/// Reads an image, in a unified kernel image its section.
fn read_image(mut content: Box<dyn Content>, limits: &ImageLimits) -> Result<Image, ReadError> {
    let sections = unified::read(&mut content)?.unwrap_or_default();
    match sections.iter().find(|section| section.name == ".initrd") {
        Some(section) => initrd::read(unified::Part::new(content, section), limits),
        None => initrd::read(content, limits),
    }
}

impl Initrd {
    fn known(path: String, at: Place, mtime: i64, image: Image, copies: Vec<Copy>) -> Self {
        let maker = &image.maker;
        let mut modules: Vec<ModuleName> = image.modules.iter().map(|module| module.name.clone()).collect();
        modules.sort_unstable();
        modules.dedup();
        let mut compressions: Vec<String> = Vec::new();
        for archive in &image.archives {
            if !compressions.iter().any(|known| known == archive.compression.name()) {
                compressions.push(archive.compression.name().to_owned());
            }
        }
        let refused = image.archives.iter().find_map(|archive| archive.refused);
        let setting = |key: &str| maker.settings.get(key).cloned();
        let baked = maker.cmdline.iter().map(|argument| Baked::new(argument, &at)).collect();
        let microcode = |entry: &initrd::Entry| {
            entry.kind() != EntryKind::File || entry.path().starts_with(b"kernel/x86/microcode/")
        };
        let is_microcode = !image.entries.is_empty() && image.entries.iter().all(microcode);
        let dracut = maker.kind == Kind::Dracut;
        let has_any = |paths: &[&str]| Known::Known(paths.iter().any(|path| image.has(path)));
        let has_tool = |tool: &&&str| {
            ["usr/sbin", "sbin", "usr/bin", "bin"].iter().any(|folder| image.has(format!("{folder}/{tool}")))
        };
        let names = Names::of(&path);
        let kdump = maker.modules.iter().any(|module| module == "kdumpbase" || module == "kdump");
        Self {
            size: image.size,
            mtime,
            release: names.release,
            is_kdump: names.is_kdump || kdump,
            is_rescue: names.is_rescue,
            boot_entries: Vec::new(),
            is_default: false,
            releases: Known::Known(image.releases().into_iter().map(str::to_owned).collect()),
            kind: Known::Known(maker.kind),
            version: Known::Known(maker.version.clone()),
            arguments: Known::Known(maker.arguments.clone()),
            hostonly: Known::Known(maker.hostonly),
            dracut_modules: Known::Known(if dracut { maker.modules.clone() } else { Vec::new() }),
            cmdline: Known::Known(baked),
            loads: Known::Known(maker.loads.clone()),
            resume: Known::Known(setting("RESUME").and_then(|value| Resume::new(&value))),
            modules_setting: Known::Known(setting("MODULES")),
            archives: Known::Known(image.archives.clone()),
            compressions: Known::Known(compressions),
            refused: Known::Known(refused.map(str::to_owned)),
            entries: Known::Known(image.entries.len()),
            modules: Known::Known(modules),
            damage: Known::Known(image.damage.clone()),
            is_microcode: Known::Known(is_microcode),
            has_init: has_any(&["init", "linuxrc", "sbin/init"]),
            has_systemd: has_any(&["usr/lib/systemd/systemd", "lib/systemd/systemd"]),
            has_udev: has_any(&UDEV),
            has_multipath: has_any(&[
                "sbin/multipath",
                "usr/sbin/multipath",
                "sbin/multipathd",
                "bin/multipath",
            ]),
            has_lvm: has_any(&["sbin/lvm", "usr/sbin/lvm", "bin/lvm", "usr/bin/lvm", "sbin/lvm.static"]),
            pool_tools: Known::Known(
                POOL_TOOLS.iter().filter(|tool| has_tool(tool)).map(|tool| (*tool).to_owned()).collect(),
            ),
            has_mdadm: has_any(&["sbin/mdadm", "usr/sbin/mdadm", "bin/mdadm", "usr/bin/mdadm"]),
            has_cryptsetup: has_any(&CRYPTSETUP),
            copies: Known::Known(copies),
            newer_configuration: Vec::new(),
            image: Some(Arc::new(image)),
            path,
            at,
        }
    }

    fn unknown(path: String, at: Place, size: u64, mtime: i64, needs: &str) -> Self {
        fn unknown<T>(needs: &str) -> Known<T> {
            Known::unknown(needs)
        }
        let names = Names::of(&path);
        Self {
            path,
            at,
            size,
            mtime,
            release: names.release,
            is_kdump: names.is_kdump,
            is_rescue: names.is_rescue,
            boot_entries: Vec::new(),
            is_default: false,
            releases: unknown(needs),
            kind: unknown(needs),
            version: unknown(needs),
            arguments: unknown(needs),
            hostonly: unknown(needs),
            dracut_modules: unknown(needs),
            cmdline: unknown(needs),
            loads: unknown(needs),
            resume: unknown(needs),
            modules_setting: unknown(needs),
            archives: unknown(needs),
            compressions: unknown(needs),
            refused: unknown(needs),
            entries: unknown(needs),
            modules: unknown(needs),
            damage: unknown(needs),
            is_microcode: unknown(needs),
            has_init: unknown(needs),
            has_systemd: unknown(needs),
            has_udev: unknown(needs),
            has_multipath: unknown(needs),
            has_lvm: unknown(needs),
            pool_tools: unknown(needs),
            has_mdadm: unknown(needs),
            has_cryptsetup: unknown(needs),
            copies: unknown(needs),
            newer_configuration: Vec::new(),
            image: None,
        }
    }
}

/// udev's daemon, in the places where it was and is.
pub(crate) const UDEV: [&str; 6] = [
    "sbin/udevd",
    "usr/lib/systemd/systemd-udevd",
    "lib/systemd/systemd-udevd",
    "usr/lib/udev/udevd",
    "lib/udev/udevd",
    "usr/sbin/udevd",
];

/// What checks the metadata of LVM's pools; all of them are links to `pdata_tools` in newer versions.
const POOL_TOOLS: [&str; 3] = ["cache_check", "pdata_tools", "thin_check"];

/// What opens LUKS volumes.
const CRYPTSETUP: [&str; 8] = [
    "sbin/cryptsetup",
    "usr/sbin/cryptsetup",
    "bin/cryptsetup",
    "usr/bin/cryptsetup",
    "usr/lib/systemd/systemd-cryptsetup",
    "lib/systemd/systemd-cryptsetup",
    "usr/bin/systemd-cryptsetup",
    "bin/systemd-cryptsetup",
];

/// What an image's file name says.
struct Names {
    release: Option<String>,
    is_kdump: bool,
    is_rescue: bool,
}

impl Names {
    fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_kdump = path.contains("kdump");
        let is_rescue = name.contains("rescue") || name.contains("fallback");
        let rest = ["initrd.img-", "initramfs-", "initrd-", "initrd.img.", "initrd"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix));
        let release = rest.map(|rest| {
            let rest = rest.strip_suffix(".img").unwrap_or(rest);
            let rest = rest.strip_suffix("kdump").unwrap_or(rest);
            rest.strip_suffix("-kdump").unwrap_or(rest).trim_matches(['-', '.'])
        });
        // A release starts with a number and a dot: `initramfs-linux.img` and `initrd.img` name none.
        let release = release.filter(|release| {
            let mut parts = release.splitn(2, '.');
            let number = parts.next().is_some_and(|part| part.parse::<u32>().is_ok());
            number && parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        });
        Self { release: release.map(str::to_owned), is_kdump, is_rescue }
    }
}

#[cfg(test)]
mod tests;
