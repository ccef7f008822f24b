//! What the older image builders go by: Red Hat's mkinitrd (RHEL 5 and before) and SUSE's (SLES 11 and before).

use schemars::JsonSchema;
use serde::Serialize;

use super::modprobe::Modprobe;
use super::packages::Packages;
use super::setting::{Named, Setting};
use super::{Gather, Known};
use crate::parse::shell_vars::{self, Assignment};
use crate::place::Place;
use crate::source::{File, NodeKind};

/// The settings of the older image builders.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Mkinitrd {
    /// Whether `/sbin/mkinitrd` is the builder: it is there, and dracut is not.
    pub is_builder: bool,
    /// The assignments of `/etc/sysconfig/mkinitrd` or of the files in it.
    pub settings: Vec<Variable>,
    /// `MULTIPATH` of these: whether multipath is put into the image.
    pub multipath: Option<Setting>,
    /// Whether it comes to yes.
    pub is_multipath: bool,
    /// `INITRD_MODULES` of SUSE's `/etc/sysconfig/kernel`, module by module, dashes as underscores.
    pub initrd_modules: Vec<Named>,
    /// The assignment of `INITRD_MODULES` as a whole.
    pub initrd_modules_at: Option<Place>,
    /// `DOMU_INITRD_MODULES` there: for Xen guests.
    pub domu_initrd_modules: Vec<Named>,
    /// `DEFAULTKERNEL` of Red Hat's `/etc/sysconfig/kernel`.
    pub default_kernel: Option<Setting>,
    /// `alias scsi_hostadapterN driver` of modprobe's configuration, by which Red Hat's mkinitrd chooses the disk
    /// drivers.
    pub scsi_hostadapters: Vec<HostAdapter>,
}

/// An assignment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where.
    pub at: Place,
}

/// A driver that mkinitrd puts into the image because modprobe.conf names it as a disk controller's.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HostAdapter {
    /// `scsi_hostadapter`, `scsi_hostadapter1`.
    pub alias: String,
    /// The driver, dashes as underscores.
    pub module: String,
    /// The line.
    pub at: Place,
}

/// Reads the settings.
#[must_use]
pub fn gather(gather: &Gather<'_>, modprobe: &Modprobe) -> Mkinitrd {
    let variables = variables(gather);
    let multipath = variables.iter().rev().find(|variable| variable.name == "MULTIPATH");
    let multipath = multipath.map(|found| Setting { value: found.value.clone(), at: found.at.clone() });
    let adapters = modprobe.aliases.iter().filter(|alias| {
        let number = alias.alias.strip_prefix("scsi_hostadapter");
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) && alias.module != "off"
    });
    let mut mkinitrd = Mkinitrd {
        is_builder: is_builder(gather),
        is_multipath: multipath.as_ref().is_some_and(|setting| is_yes(&setting.value)),
        multipath,
        scsi_hostadapters: adapters
            .map(|alias| HostAdapter {
                alias: alias.alias.clone(),
                module: alias.module.clone(),
                at: alias.at.clone(),
            })
            .collect(),
        settings: variables,
        ..Mkinitrd::default()
    };
    if let Some(file) = gather.read_config("etc/sysconfig/kernel").present() {
        let vars = shell_vars::parse(&file.bytes);
        let words = |name: &str| vars.last(name).map(|found| words(found, &file)).unwrap_or_default();
        mkinitrd.initrd_modules = words("INITRD_MODULES");
        mkinitrd.domu_initrd_modules = words("DOMU_INITRD_MODULES");
        mkinitrd.initrd_modules_at = vars.last("INITRD_MODULES").map(|found| found.span.at(&file.path));
        mkinitrd.default_kernel = vars.last("DEFAULTKERNEL").map(|found| Setting::new(found, &file.path));
    }
    mkinitrd
}

/// The programs that build an initrd, and the packages that they come in.
const BUILDERS: [(&str, &str); 6] = [
    ("dracut", "dracut"),
    ("update-initramfs", "initramfs-tools"),
    ("mkinitrd", "mkinitrd"),
    ("mkinitcpio", "mkinitcpio"),
    ("make-initrd", "make-initrd"),
    ("booster", "booster"),
];

/// The builders that are there; of a report, which holds no programs, those whose packages are installed.
pub(super) fn builders(gather: &Gather<'_>, packages: &Packages) -> Known<Vec<String>> {
    let folders = ["usr/sbin", "usr/bin", "sbin", "bin"];
    let has_programs =
        folders.iter().any(|folder| gather.tree.list(folder).is_ok_and(|names| !names.is_empty()));
    let named = |is_there: &dyn Fn(&str, &str) -> bool| {
        let found = BUILDERS.iter().filter(|(program, package)| is_there(program, package));
        found.map(|(program, _)| (*program).to_owned()).collect()
    };
    if has_programs && !gather.tree.is_report() {
        return Known::Known(named(&|program, _| {
            folders.iter().any(|folder| gather.tree.exists(format!("{folder}/{program}")))
        }));
    }
    match (packages.manager, packages.versions.get()) {
        (Some(_), Some(versions)) => Known::Known(named(&|_, package| versions.contains_key(package))),
        _ => Known::unknown("the programs in `/usr/sbin` and `/usr/bin`, or the list of packages"),
    }
}

/// dracut ships a `/sbin/mkinitrd` that only calls dracut.
fn is_builder(gather: &Gather<'_>) -> bool {
    let there = |paths: &[&str]| paths.iter().any(|path| gather.tree.exists(path));
    there(&["sbin/mkinitrd", "usr/sbin/mkinitrd"])
        && !there(&["sbin/dracut", "usr/sbin/dracut", "usr/bin/dracut", "bin/dracut"])
}

/// mkinitrd compares with `yes` in any case.
fn is_yes(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "yes" | "y" | "1" | "true")
}

fn variables(gather: &Gather<'_>) -> Vec<Variable> {
    let path = "etc/sysconfig/mkinitrd";
    let is_directory = gather.tree.metadata(path).is_ok_and(|node| node.kind == NodeKind::Directory);
    let files = if is_directory {
        gather.read_directory(path, |name| !name.ends_with('~') && !name.contains(".rpm"))
    } else {
        gather.read_config(path).present().into_iter().collect()
    };
    let read = |file: &File| {
        let variable = |found: &Assignment| Variable {
            name: found.name.clone(),
            value: found.value.clone(),
            at: found.span.at(&file.path),
        };
        shell_vars::parse(&file.bytes).assignments.iter().map(variable).collect::<Vec<_>>()
    };
    files.iter().flat_map(read).collect()
}

fn words(assignment: &Assignment, file: &File) -> Vec<Named> {
    let words = assignment.value.split_ascii_whitespace();
    words.map(|word| Named { name: word.replace('-', "_"), at: assignment.span.at(&file.path) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::facts::modprobe::ModuleAlias;
    use crate::source::memory::Memory;

    fn read(memory: Memory, modprobe: &Modprobe) -> Mkinitrd {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        gather(&Gather::new(&tree, &limits), modprobe)
    }

    #[test]
    fn settings_are_a_file_or_files_in_a_folder() {
        for path in ["etc/sysconfig/mkinitrd", "etc/sysconfig/mkinitrd/multipath"] {
            let mkinitrd = read(
                Memory::new().file(path, "MULTIPATH=YES\n").file("sbin/mkinitrd", ""),
                &Modprobe::default(),
            );
            assert!(mkinitrd.is_multipath && mkinitrd.is_builder, "{path}");
            assert_eq!(mkinitrd.multipath.unwrap().at.to_string(), format!("{path}:1"));
        }
        let with_dracut = Memory::new().file("sbin/mkinitrd", "").file("sbin/dracut", "");
        assert!(!read(with_dracut, &Modprobe::default()).is_builder);
    }

    #[test]
    fn lists_and_aliases_name_the_drivers() {
        let alias = |alias: &str, module: &str| ModuleAlias {
            alias: alias.into(),
            module: module.into(),
            at: Place::file("etc/modprobe.conf"),
        };
        let modprobe = Modprobe {
            aliases: vec![
                alias("scsi_hostadapter", "cciss"),
                alias("scsi_hostadapter1", "off"),
                alias("scsi_hostadapter2", "ata_piix"),
                alias("eth0", "tg3"),
            ],
            ..Modprobe::default()
        };
        let kernel = "INITRD_MODULES=\"ata_piix mptspi dm-mod\"\nDOMU_INITRD_MODULES=\"xennet xenblk\"\n";
        let mkinitrd = read(Memory::new().file("etc/sysconfig/kernel", kernel), &modprobe);
        let adapters: Vec<_> = mkinitrd.scsi_hostadapters.iter().map(|a| a.module.as_str()).collect();
        assert_eq!(adapters, ["cciss", "ata_piix"]);
        let modules: Vec<_> = mkinitrd.initrd_modules.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(modules, ["ata_piix", "mptspi", "dm_mod"]);
        assert_eq!(mkinitrd.domu_initrd_modules.len(), 2);
    }
}
