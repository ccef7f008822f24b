//! Disk drivers from elsewhere than the kernel's own package: in `updates` (DKMS), `extra`, `weak-updates` and `misc` beside
//! `kernel/`, and whether every initrd has them.
//!
//! Such a driver was installed because the machine's controller needs it. Its package puts it into the initrd of the kernel of that
//! day; a kernel that comes later may be built without it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::boot::BootConfig;
use super::initrds::Initrd;
use super::kernels::Kernel;
use crate::initrd::ModuleName;
use crate::parse::lines::lines;
use crate::place::Place;
use crate::source::NodeKind;

/// Modules beside `kernel/` that are looked at in one tree, and how deep they lie.
const MAX_MODULES: usize = 2000;
const MAX_DEPTH: usize = 4;

/// Disk drivers that vendors give out, by the beginnings of their names.
const DISK_DRIVERS: [&str; 34] = [
    "3w_",
    "aacraid",
    "aic7",
    "arcmsr",
    "ata_",
    "be2iscsi",
    "bfa",
    "bnx2fc",
    "bnx2i",
    "cciss",
    "emcp",
    "fnic",
    "hpdsa",
    "hpsa",
    "hpvsa",
    "hv_storvsc",
    "isci",
    "iscsi_",
    "lpfc",
    "megaraid",
    "megasas",
    "megasr",
    "mpt2sas",
    "mpt3sas",
    "mptsas",
    "mptspi",
    "nvme",
    "qedf",
    "qedi",
    "qla2xxx",
    "qla4xxx",
    "smartpqi",
    "vmw_pvscsi",
    "xen_vbd",
];

/// A disk driver from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AddedDriver {
    /// The module, dashes as underscores.
    pub module: String,
    /// What shows that it is needed to boot, as a phrase: "`boot/initrd-A.img` has it".
    pub used: String,
    /// The boot entries whose kernel or initrd lacks it.
    pub lacking: Vec<LackingEntry>,
    /// A module file of it.
    pub at: Place,
}

/// A boot entry without the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LackingEntry {
    /// The entry's title.
    pub entry: String,
    /// Whether it starts by itself.
    pub is_default: bool,
    /// Its kernel.
    pub release: String,
    /// Its initrd.
    pub initrd: String,
    /// Whether the module tree of its kernel has the driver, so that rebuilding the initrd is enough.
    pub is_in_tree: bool,
    /// Where the entry names the initrd.
    pub at: Place,
}

/// The drivers that some boot entries have and others lack. One that no initrd has is not needed to boot.
pub(super) fn find(
    gather: &Gather<'_>,
    kernels: &[Kernel],
    boot: &BootConfig,
    initrds: &[Initrd],
) -> Vec<AddedDriver> {
    let mut trees: BTreeMap<ModuleName, Vec<(&str, Place)>> = BTreeMap::new();
    for kernel in kernels.iter().filter(|kernel| kernel.modules_dir.is_some()) {
        for (module, at) in added(gather, &kernel.release) {
            trees.entry(module).or_default().push((kernel.release.as_str(), at));
        }
    }
    let loaded = loaded(gather);
    trees.into_iter().filter_map(|(module, trees)| judge(&module, &trees, &loaded, boot, initrds)).collect()
}

fn judge(
    module: &ModuleName,
    trees: &[(&str, Place)],
    loaded: &[ModuleName],
    boot: &BootConfig,
    initrds: &[Initrd],
) -> Option<AddedDriver> {
    let mut holder = None;
    let mut lacking = Vec::new();
    for entry in boot.entries.iter().filter(|entry| !entry.is_rescue) {
        let (Some(release), Some(file)) = (&entry.release, entry.initrds.last()) else { continue };
        let initrd = initrds.iter().find(|initrd| initrd.path == file.path)?;
        if initrd.modules.get()?.contains(module) {
            holder.get_or_insert(initrd.path.as_str());
        } else {
            lacking.push(LackingEntry {
                entry: entry.title.clone(),
                is_default: entry.default,
                release: release.clone(),
                initrd: file.path.clone(),
                is_in_tree: trees.iter().any(|(own, _)| own == release),
                at: file.at.clone(),
            });
        }
    }
    let used = format!("`{}` has it", holder?);
    let is_loaded = loaded.is_empty() || loaded.contains(module);
    let (_, at) = trees.first()?;
    (is_loaded && !lacking.is_empty()).then(|| AddedDriver {
        module: module.to_string(),
        used,
        lacking,
        at: at.clone(),
    })
}

/// The disk drivers beside `kernel/` in a kernel's tree.
fn added(gather: &Gather<'_>, release: &str) -> Vec<(ModuleName, Place)> {
    let tree = PathBuf::from("lib/modules").join(release);
    let folders = ["updates", "extra", "weak-updates", "misc"];
    let mut todo: Vec<(PathBuf, usize)> = folders.iter().map(|folder| (tree.join(folder), 0)).collect();
    let mut found = Vec::new();
    let mut seen = 0;
    while let Some((folder, depth)) = todo.pop() {
        for name in gather.tree.list(&folder).unwrap_or_default() {
            seen += 1;
            if seen > MAX_MODULES {
                return found;
            }
            let path = folder.join(&name);
            let kind = gather.tree.symlink_metadata(&path).map(|node| node.kind);
            if matches!(kind, Ok(NodeKind::Directory)) && depth < MAX_DEPTH {
                todo.push((path, depth + 1));
            } else if let Some(module) = ModuleName::of_path(name.as_encoded_bytes())
                && DISK_DRIVERS.iter().any(|start| module.as_str().starts_with(start))
            {
                found.push((module, Place::file(path.to_string_lossy().into_owned())));
            }
        }
    }
    found
}

/// The modules that the running kernel has loaded; empty if the input does not say.
fn loaded(gather: &Gather<'_>) -> Vec<ModuleName> {
    let is_own = gather.tree.is_live() || gather.tree.exists("sos_commands");
    let Some(file) = gather.read("proc/modules").present().filter(|_| is_own) else { return Vec::new() };
    let names = lines(&file.bytes).filter_map(|line| Some(ModuleName::new(line.first_word()?.0)));
    names.collect()
}
