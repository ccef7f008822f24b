//! LVM: lvm.conf's filters and lists, the devices file, and the volume groups that `/etc/lvm/backup` tells of.

mod filter;
mod groups;

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::{Misread, Setting};
use super::{Gather, Known};
use crate::parse::lvm::{self, LvmConfig};
use crate::parse::lvm_devices;
use crate::place::Place;
use crate::source::File;

pub use filter::{AroundBracket, Filter, Pattern, Verdict, VerdictFor, judge_names};
pub(super) use groups::compare_disks;
pub use groups::{PhysicalVolume, VolumeGroup};

/// LVM's configuration and what is known of its volumes.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Lvm {
    /// Whether LVM's program is there.
    pub installed: bool,
    /// `devices/filter` and `devices/global_filter`, where they are set.
    pub filters: Vec<Filter>,
    /// Whether LVM uses a devices file: `use_devicesfile`, set or built in (shipped files tell the built-in value
    /// in a comment), and the file is there. With it, filters count for nothing.
    pub uses_devices_file: Known<bool>,
    /// The devices file; null if there is none.
    pub devices_file: Option<DevicesFile>,
    /// `activation/volume_list`: if set, only these are activated.
    pub volume_list: Option<NameList>,
    /// `activation/auto_activation_volume_list`: if set, only these are activated by themselves.
    pub auto_activation_volume_list: Option<NameList>,
    /// `global/locking_type`; 3 is the cluster's.
    pub locking_type: Option<Setting>,
    /// `global/use_lvmlockd`.
    pub use_lvmlockd: Option<Setting>,
    /// `global/system_id_source`.
    pub system_id_source: Option<Setting>,
    /// This host's id, which follows from that; null if it has none. Unknown where the input does not say what it is made of.
    pub system_id: Known<Option<String>>,
    /// `devices/multipath_component_detection`; if it is not set, it counts as 1.
    pub multipath_component_detection: Option<Setting>,
    /// `global/thin_check_executable`; empty switches the check of thin pools off.
    pub thin_check: Option<Setting>,
    /// `global/cache_check_executable`; empty switches the check of caches off.
    pub cache_check: Option<Setting>,
    /// The volume groups that `/etc/lvm/backup` has, by name. One that was made elsewhere or never changed here may
    /// be missing.
    pub volume_groups: Vec<VolumeGroup>,
    /// What LVM stumbles over in lvm.conf; it then uses none of it.
    pub mistakes: Vec<Misread>,
}

/// A list of volume groups and volumes (`vg`, `vg/lv`, `@tag`).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NameList {
    /// Where it is set.
    pub at: Place,
    /// Its items.
    pub names: Vec<String>,
}

/// `/etc/lvm/devices/system.devices`, or the file that `devices/devicesfile` names.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DevicesFile {
    /// The file.
    pub at: Place,
    /// The DMI product UUID of the machine that it was written on; null if it has none (before lvm2 2.03.23).
    pub product_uuid: Option<Setting>,
    /// The host name that it was written on, where there was no product UUID.
    pub hostname: Option<Setting>,
    /// The devices that LVM may use.
    pub devices: Vec<ListedDevice>,
    /// Lines that LVM passes over.
    pub mistakes: Vec<Misread>,
    /// The installed LVM looks for its volumes by their own ids when the machine has changed, and renews the file
    /// (lvm2 2.03.23, "Refresh device ids if the system changes"). Unknown if its version is.
    pub renews_itself: Known<bool>,
}

/// A device that LVM may use.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ListedDevice {
    /// The line.
    pub at: Place,
    /// What its identity is made of: `sys_wwid`, `sys_serial`, `mpath_uuid`, `crypt_uuid`, `md_uuid`, `devname`...
    pub idtype: String,
    /// The identity: `naa.6000c29...`.
    pub idname: String,
    /// The name at the time of writing.
    pub devname: Option<String>,
    /// The physical volume's id, without dashes.
    pub pvid: Option<String>,
    /// The identity comes from the disk or its controller, and is another on other hardware; what is made of
    /// contents (`crypt_uuid`, `md_uuid`, `lvmlv_uuid`, `loop_file`) moves along.
    pub is_of_hardware: bool,
}

/// Reads LVM's configuration. `lvm2_version` is the version of the installed package, without its release.
#[must_use]
pub fn gather(gather: &Gather<'_>, lvm2_version: Known<Option<String>>) -> Lvm {
    let programs = ["sbin/lvm", "usr/sbin/lvm", "bin/lvm", "usr/bin/lvm"];
    // lvmlocal.conf overrides lvm.conf (lvm.conf(5)).
    let files = ["etc/lvm/lvm.conf", "etc/lvm/lvmlocal.conf"].map(|path| gather.read_config(path).present());
    let configs: Vec<(File, LvmConfig)> = files
        .into_iter()
        .flatten()
        .map(|file| (lvm::parse(&file.bytes), file))
        .map(|(c, f)| (f, c))
        .collect();
    let get = |path: &str| {
        let mut settings = configs.iter().rev().filter_map(|(file, config)| Some((file, config.get(path)?)));
        settings.next()
    };
    let setting = |path: &str| {
        get(path).map(|(file, set)| Setting { value: set.value().to_owned(), at: set.span.at(&file.path) })
    };
    let names = |path: &str| {
        get(path).map(|(file, set)| NameList { at: set.span.at(&file.path), names: set.values.clone() })
    };
    let volume_groups = groups::gather(gather);
    let value = |path: &str| setting(path).map(|set| set.value);
    let (source, local, id_file) =
        (value("global/system_id_source"), value("local/system_id"), value("global/system_id_file"));
    let devices_file = devices_file(gather, setting("devices/devicesfile"), &lvm2_version);
    let partitions = filter::partitions(&volume_groups, devices_file.as_ref());
    let filters = ["filter", "global_filter"].into_iter().filter_map(|name| {
        let (file, set) = get(&format!("devices/{name}"))?;
        let around_bracket = AroundBracket::of(&file.bytes, set.span.line, name);
        Some(Filter {
            around_bracket,
            ..Filter::new(name, &set.values, set.span.at(&file.path), &partitions)
        })
    });
    let built_in = configs.iter().find_map(|(_, config)| config.default_of("devices/use_devicesfile"));
    let uses_devices_file = match (&devices_file, get("devices/use_devicesfile"), built_in) {
        (None, _, _) => Known::Known(false),
        (Some(_), Some((_, set)), _) => Known::Known(set.value() == "1"),
        (Some(_), None, Some(default)) => Known::Known(default.value() == "1"),
        (Some(_), None, None) => Known::unknown("`devices/use_devicesfile` in `etc/lvm/lvm.conf`"),
    };
    Lvm {
        installed: programs.iter().any(|path| gather.tree.exists(path)),
        filters: filters.collect(),
        uses_devices_file,
        volume_list: names("activation/volume_list"),
        auto_activation_volume_list: names("activation/auto_activation_volume_list"),
        locking_type: setting("global/locking_type"),
        use_lvmlockd: setting("global/use_lvmlockd"),
        system_id: groups::system_id(gather, source.as_deref(), local.as_deref(), id_file.as_deref()),
        system_id_source: setting("global/system_id_source"),
        multipath_component_detection: setting("devices/multipath_component_detection"),
        thin_check: setting("global/thin_check_executable"),
        cache_check: setting("global/cache_check_executable"),
        mistakes: configs
            .iter()
            .flat_map(|(file, config)| config.mistakes.iter().map(|m| Misread::new(m, &file.path)))
            .collect(),
        devices_file,
        volume_groups,
    }
}

fn devices_file(
    gather: &Gather<'_>,
    name: Option<Setting>,
    lvm2_version: &Known<Option<String>>,
) -> Option<DevicesFile> {
    let name = name.map_or_else(|| "system.devices".to_owned(), |setting| setting.value);
    // A name with a slash could lead anywhere; LVM refuses it, too.
    let path = format!("etc/lvm/devices/{}", name.replace('/', "_"));
    let file = gather.read_config(path).present()?;
    let parsed = lvm_devices::parse(&file.bytes);
    let header = |header: Option<(String, crate::place::Span)>| {
        header.map(|(value, span)| Setting { value, at: span.at(&file.path) })
    };
    let device = |device: lvm_devices::Device| ListedDevice {
        at: device.span.at(&file.path),
        is_of_hardware: matches!(
            device.idtype.as_str(),
            "sys_wwid" | "sys_serial" | "mpath_uuid" | "scsi_id"
        ),
        idtype: device.idtype,
        idname: device.idname,
        devname: device.devname,
        pvid: device.pvid,
    };
    let renews_itself = match lvm2_version {
        // Only a version that renews the file writes this header.
        _ if parsed.product_uuid.is_some() => Known::Known(true),
        Known::Known(Some(version)) => Known::Known(is_at_least(version, &[2, 3, 23])),
        Known::Known(None) => Known::unknown("the version of lvm2"),
        Known::Unknown { needs } => Known::unknown(needs.clone()),
    };
    Some(DevicesFile {
        at: Place::file(file.path.as_ref()),
        product_uuid: header(parsed.product_uuid),
        hostname: header(parsed.hostname),
        devices: parsed.devices.into_iter().map(device).collect(),
        mistakes: parsed.mistakes.iter().map(|mistake| Misread::new(mistake, &file.path)).collect(),
        renews_itself,
    })
}

/// Whether `2.03.21` is at least `[2, 3, 21]`.
fn is_at_least(version: &str, wanted: &[u64]) -> bool {
    let numbers =
        version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u64>().unwrap_or(0));
    numbers.take(wanted.len()).collect::<Vec<_>>().as_slice() >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    fn read(memory: Memory, version: Option<&str>) -> Lvm {
        let (tree, limits) = (memory.into_tree(), Limits::default());
        gather(&Gather::new(&tree, &limits), Known::Known(version.map(str::to_owned)))
    }

    #[test]
    fn backups_tell_of_groups_and_volumes() {
        let backup = "# Generated by LVM2\ncontents = \"Text Format Volume Group\"\nversion = 1\n\
            description = \"x\"\ncreation_host = \"a\"\ncreation_time = 1\n\nvg0 {\n\tid = \"Ab-1\"\n\tseqno = 4\n\
            \tstatus = [\"RESIZEABLE\", \"READ\"]\n\textent_size = 8192\n\tphysical_volumes {\n\t\tpv0 {\n\
            \t\t\tid = \"Pv-0\"\n\t\t\tdevice = \"/dev/mapper/mpatha2\"\t# Hint only\n\t\t}\n\t}\n\tlogical_volumes {\n\
            \t\troot {\n\t\t\tid = \"L-1\"\n\t\t\tsegment1 {\n\t\t\t\tid = 3\n\t\t\t}\n\t\t}\n\t\tswap {\n\t\t\tid = \"L-2\"\n\t\t}\n\t}\n}\n";
        let lvm = read(Memory::new().file("etc/lvm/backup/vg0", backup), None);
        let group = &lvm.volume_groups[0];
        assert_eq!((group.name.as_str(), group.id.as_deref()), ("vg0", Some("Ab-1")));
        assert_eq!(group.physical_volumes[0].device.as_deref(), Some("/dev/mapper/mpatha2"));
        let names: Vec<_> = group.logical_volumes.iter().map(|lv| lv.name.as_str()).collect();
        assert_eq!(names, ["root", "swap"]);
    }

    #[test]
    fn the_devices_file_counts_only_where_it_is_in_use() {
        let devices = "VERSION=1.1.1\nIDTYPE=sys_wwid IDNAME=naa.600 DEVNAME=/dev/sda2 PVID=abc PART=2\n";
        let memory = |conf: &str| {
            Memory::new().file("etc/lvm/devices/system.devices", devices).file("etc/lvm/lvm.conf", conf)
        };
        for (conf, want) in [
            ("devices {\n use_devicesfile = 1\n}\n", Some(true)),
            ("devices {\n use_devicesfile=0\n}\n", Some(false)),
            ("devices {\n\t# use_devicesfile = 1\n}\n", Some(true)),
            ("devices {\n\t# use_devicesfile = 0\n}\n", Some(false)),
            ("devices {\n}\n", None),
        ] {
            assert_eq!(read(memory(conf), None).uses_devices_file.get().copied(), want, "{conf}");
        }
        assert_eq!(read(Memory::new(), None).uses_devices_file.get(), Some(&false));
        for (version, want) in [("2.03.11", Some(false)), ("2.03.23", Some(true)), ("2.03.32", Some(true))] {
            let file = read(memory(""), Some(version)).devices_file.unwrap();
            assert_eq!(file.renews_itself.get().copied(), want, "{version}");
            assert!(file.devices[0].is_of_hardware);
        }
    }

    #[test]
    fn lvmlocal_conf_overrides_lvm_conf() {
        let lvm = read(
            Memory::new()
                .file(
                    "etc/lvm/lvm.conf",
                    "global { locking_type = 1 }\nactivation/volume_list = [ \"vg0\" ]\n",
                )
                .file("etc/lvm/lvmlocal.conf", "global { locking_type = 3 }\n"),
            None,
        );
        let locking = lvm.locking_type.unwrap();
        assert_eq!((locking.value.as_str(), locking.at.to_string()), ("3", "etc/lvm/lvmlocal.conf:1".into()));
        assert_eq!(lvm.volume_list.unwrap().names, ["vg0"]);
    }
}
