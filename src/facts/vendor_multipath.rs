//! Storage vendors' own multipathing, which took the place of dm-multipath on SAN servers: EMC PowerPath, Hitachi HDLM, IBM SDD, Veritas
//! VxVM with DMP, and LSI's RDAC driver (mpp) with its own initrd.
//!
//! The names of packages, modules, devices and files are the vendors' (their installation guides); each puts its own devices between the
//! disks and what is mounted.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::boot::BootConfig;
use super::fstab::Fstab;
use super::lvm::Lvm;
use super::modprobe::Modprobe;
use super::packages::Packages;
use super::setting::Named;
use crate::place::Place;

/// A product.
struct Product {
    id: VendorProduct,
    /// Beginnings of package names, in lower case.
    packages: &'static [&'static str],
    /// Beginnings of its devices' paths.
    devices: &'static [&'static str],
    /// Beginnings of its modules' names.
    modules: &'static [&'static str],
    /// Files that only it brings.
    files: &'static [&'static str],
    /// Beginnings of the names of its initrds.
    initrds: &'static [&'static str],
}

/// The products by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum VendorProduct {
    /// EMC's.
    PowerPath,
    /// Hitachi's Dynamic Link Manager.
    #[serde(rename = "HDLM")]
    Hdlm,
    /// IBM's Subsystem Device Driver.
    #[serde(rename = "SDD")]
    Sdd,
    /// Veritas Volume Manager with Dynamic Multi-Pathing.
    VxVM,
    /// LSI's, for Engenio arrays: mppUpper and mppVhba.
    #[serde(rename = "RDAC")]
    Rdac,
}

const PRODUCTS: [Product; 5] = [
    Product {
        id: VendorProduct::PowerPath,
        packages: &["emcpower.linux", "dellemcpower.linux", "emcpower"],
        devices: &["/dev/emcpower"],
        modules: &["emcp"],
        files: &[
            "etc/modprobe.conf.pp",
            "etc/emcp_registration",
            "etc/init.d/PowerPath",
            "etc/opt/emcpower",
            "etc/emcp_devicesDB.dat",
        ],
        initrds: &[],
    },
    Product {
        id: VendorProduct::Hdlm,
        packages: &["hdlm"],
        devices: &["/dev/sddlm"],
        modules: &["sddlm"],
        files: &["opt/DynamicLinkManager", "etc/opt/DynamicLinkManager", "etc/init.d/DLMManager"],
        initrds: &["initrd-hdlm"],
    },
    Product {
        id: VendorProduct::Sdd,
        packages: &["ibmsdd"],
        devices: &["/dev/vpath", "/dev/IBMsdd"],
        modules: &["sdd_mod"],
        files: &["etc/vpath.conf", "etc/sddsrv.conf", "opt/IBMsdd"],
        initrds: &[],
    },
    Product {
        id: VendorProduct::VxVM,
        packages: &["vrtsvxvm", "vrtsdmp"],
        devices: &["/dev/vx/"],
        modules: &["vxdmp", "vxio", "vxspec"],
        files: &["etc/vx/volboot", "etc/vx/vxdmp.info", "etc/vxvmconf"],
        initrds: &["VxVM_initrd", "VxDMP_initrd"],
    },
    Product {
        id: VendorProduct::Rdac,
        packages: &["linuxrdac", "rdac-mpp"],
        devices: &[],
        modules: &["mppvhba", "mppupper"],
        files: &["etc/mpp.conf", "var/mpp", "opt/mpp"],
        initrds: &["mpp-"],
    },
];

/// Software of a storage vendor that makes disks of paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VendorMultipath {
    /// The product.
    pub product: VendorProduct,
    /// The best place to show: a mount, a boot entry, a filter, a module, a file, the package list.
    pub at: Place,
    /// The package; null if none is installed or known.
    pub package: Option<String>,
    /// Lines of fstab that name its devices.
    pub mounts: Vec<Named>,
    /// One of these is root, or `root=` of a boot entry names one.
    pub holds_root: bool,
    /// Boot entries whose `root=` names its device, or which start with its own initrd.
    pub boot_entries: Vec<Named>,
    /// LVM's filters that name its devices.
    pub filters: Vec<Named>,
    /// Lines of modprobe's configuration that load its modules.
    pub modules: Vec<Named>,
    /// Files that only it brings.
    pub files: Vec<Named>,
}

/// Items of each list at the most.
const MAX_ITEMS: usize = 100;

/// What is read elsewhere.
pub(super) struct Around<'a> {
    pub(super) packages: &'a Packages,
    pub(super) fstab: &'a Fstab,
    pub(super) boot: &'a BootConfig,
    pub(super) lvm: &'a Lvm,
    pub(super) modprobe: &'a Modprobe,
}

/// Looks for each product.
#[must_use]
pub(super) fn gather(gather: &Gather<'_>, around: &Around<'_>) -> Vec<VendorMultipath> {
    PRODUCTS.iter().filter_map(|product| find(gather, product, around)).collect()
}

fn find(gather: &Gather<'_>, product: &Product, around: &Around<'_>) -> Option<VendorMultipath> {
    let is_own = |text: &str| product.devices.iter().any(|device| text.starts_with(device));
    let names_own =
        |text: &str| product.devices.iter().any(|device| text.contains(device.trim_start_matches("/dev/")));
    let entries = around.fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
    let mounts: Vec<Named> = entries
        .iter()
        .filter(|entry| is_own(&entry.spec))
        .map(|entry| named(&entry.spec, &entry.at))
        .collect();
    let (boot_entries, names_root) = boot_entries(product, around.boot, &is_own);
    let filters =
        around.lvm.filters.iter().filter(|filter| filter.patterns.iter().any(|own| names_own(&own.regex)));
    let filters: Vec<Named> = filters.map(|filter| named(&filter.name, &filter.at)).collect();
    let is_module = |name: &str| {
        let name = name.to_ascii_lowercase().replace('-', "_");
        product.modules.iter().any(|own| name.starts_with(own))
    };
    let aliases = around.modprobe.aliases.iter().map(|line| (&line.module, &line.at));
    let lines =
        around.modprobe.installs.iter().chain(&around.modprobe.options).map(|line| (&line.module, &line.at));
    let modules = aliases.chain(lines).filter(|(module, _)| is_module(module));
    let modules: Vec<Named> = modules.map(|(module, at)| named(module, at)).take(MAX_ITEMS).collect();
    let files = product.files.iter().filter(|path| gather.tree.symlink_metadata(path).is_ok());
    let files: Vec<Named> = files.map(|path| named(path, &Place::file(*path))).collect();
    let list = around.packages.list.get().map(Vec::as_slice).unwrap_or_default();
    let package = list.iter().map(|package| package.name.as_ref()).find(|name| {
        let name = name.to_ascii_lowercase();
        product.packages.iter().any(|own| name.starts_with(own))
    });
    let root = entries.iter().any(|entry| entry.is_root && is_own(&entry.spec));
    let places = [&mounts, &boot_entries, &filters, &modules, &files].into_iter().flatten();
    let at = places.map(|item| item.at.clone()).next();
    let at = at.or_else(|| package.and(around.packages.at.clone()))?;
    Some(VendorMultipath {
        product: product.id,
        at,
        package: package.map(str::to_owned),
        holds_root: root || names_root,
        mounts,
        boot_entries,
        filters,
        modules,
        files,
    })
}

/// The entries that need the product, and whether one of them has its root on it.
fn boot_entries(product: &Product, boot: &BootConfig, is_own: &impl Fn(&str) -> bool) -> (Vec<Named>, bool) {
    let mut found = Vec::new();
    let mut names_root = false;
    for entry in boot.entries.iter().take(MAX_ITEMS) {
        let root = entry.cmdline.get().and_then(|line| line.root.as_ref());
        if let Some(root) = root.filter(|root| is_own(&root.device.raw)) {
            names_root = true;
            found.push(named(&entry.title, &root.at));
        }
        let starts = |path: &str| {
            let base = path.rsplit('/').next().unwrap_or_default();
            product.initrds.iter().any(|own| base.starts_with(own))
        };
        if let Some(initrd) = entry.initrds.iter().find(|file| starts(&file.path)) {
            found.push(named(&entry.title, &initrd.at));
        }
    }
    (found, names_root)
}

fn named(name: &str, at: &Place) -> Named {
    Named { name: name.to_owned(), at: at.clone() }
}

#[cfg(test)]
mod tests {
    use crate::facts::{Facts, Limits};
    use crate::source::memory::Memory;

    #[test]
    fn a_product_is_known_by_what_it_leaves() {
        let tree = Memory::new()
            .file("etc/fstab", "/dev/emcpowera1 / ext3 defaults 1 1\n")
            .file("etc/modprobe.conf.pp", "alias emcp emcp\n")
            .file("etc/lvm/lvm.conf", "devices { filter = [ \"a|/dev/emcpower.*|\", \"r|.*|\" ] }\n")
            .into_tree();
        let facts = Facts::gather(&tree, &Limits::default());
        let [found] = facts.vendor_multipath.as_slice() else { panic!("{:?}", facts.vendor_multipath) };
        assert!(found.holds_root && found.package.is_none());
        assert_eq!((found.filters.len(), found.files.len()), (1, 1));
        assert_eq!(found.at.to_string(), "etc/fstab:1");
    }
}
