//! What a log says of one boot as a whole: which kernel with which command line, what kind of initrd, which disks
//! appeared with which driver, what was mounted, and how far it got. Signatures make conditions on it, because much of
//! what goes wrong shows only in what is *not* there: no disk, no device manager, another name.

use schemars::JsonSchema;
use serde::Serialize;

use crate::parse::device_spec::{DeviceName, DeviceSpec};

/// The names that the conditions of all signatures may use.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LogNames {
    /// What the log says of the boot.
    pub(crate) log: Log,
}

/// What a log says of one boot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Log {
    /// The kernel that ran, from its first line; null where the log does not have it.
    pub kernel: Option<Kernel>,
    /// Its release, for commands; `VERSION` where the log does not have it.
    pub release: String,
    /// The distribution's family as far as kernel and programs name it: `debian`, `redhat`, `suse`; null: not named.
    pub family: Option<String>,
    /// `bios` or `uefi`; null where nothing says.
    pub firmware: Option<String>,
    /// The machine, as its DMI tables call it.
    pub machine: Option<String>,
    /// The kernel's command line; null where the log does not have it.
    pub command_line: Option<CommandLine>,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// What `root=` names; null where there is none, or no command line.
    pub root: Option<Root>,
    /// The initial RAM disk.
    pub initrd: Initrd,
    /// The disks that appeared, without floppies and CD drives.
    pub disks: Vec<Disk>,
    /// Their names.
    pub disk_names: Vec<String>,
    /// The partitions that the kernel found on them.
    pub partitions: Vec<String>,
    /// Drivers that took a storage controller: `ahci`, `virtio_blk`, `ata_piix`.
    pub disk_drivers: Vec<String>,
    /// Storage controllers that the kernel saw on the PCI bus.
    pub controllers: Vec<Controller>,
    /// Those of them that no line shows a driver to have taken, in words: `1af4:1001 (virtio_blk) at 0000:00:02.0`.
    pub unbound_controllers: Vec<String>,
    /// SCSI disks that answered, whether or not they became block devices.
    pub scsi_disks: Vec<String>,
    /// Devices whose file system was mounted.
    pub mounted: Vec<Mounted>,
    /// The first of these, which is the root unless the log begins late.
    pub mounted_device: Option<String>,
    /// Whether one of the disks has sectors of 4,096 bytes.
    pub large_sectors: bool,
    /// Software arrays that were started: `md127`.
    pub arrays: Vec<String>,
    /// Whether the device mapper was there.
    pub device_mapper: bool,
    /// Memory in MiB, as the kernel counted it.
    pub memory_mib: Option<u64>,
    /// The last step that the log shows to have begun: `firmware`, `loader`, `kernel`, `initrd`, `root-filesystem`,
    /// `init`, `up`; null where it begins in the middle of something else.
    pub stage: Option<String>,
    /// Whether a login or the usual target was reached.
    pub came_up: bool,
    /// Places where lines are missing.
    pub gaps: Vec<Gap>,
    /// Whether the log has the boot from the kernel's first line on without a gap.
    pub is_whole: bool,
    /// The first line of this boot, from 1.
    pub from_line: u64,
    /// Its last line.
    pub to_line: u64,
}

/// The kernel that ran.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Kernel {
    /// Its release: `6.1.0-50-amd64`.
    pub release: String,
    /// The line that says so.
    pub line: u64,
}

/// The kernel's command line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CommandLine {
    /// All of it.
    pub text: String,
    /// The line that says so.
    pub line: u64,
}

/// A parameter of the command line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Parameter {
    /// Its name, with dashes as underscores: `rd.break`, `rootfstype`.
    pub name: String,
    /// Its value; null if it has none.
    pub value: Option<String>,
}

/// The root device that the command line asks for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Root {
    /// As written: `UUID=...`, `/dev/sda1`.
    pub spec: String,
    /// `uuid`, `label`, `kernel-name`, `by-path`, `by-id`, `mapper`, `lvm`, `md`, ... as in the facts.
    pub kind: String,
    /// Without what says its kind: the UUID itself, `sda1`.
    pub value: String,
    /// The disk that a kernel name is a part of: `sda`.
    pub disk: Option<String>,
    /// The number of the partition that a kernel name has.
    pub partition: Option<u32>,
    /// The volume group, where the name is one of LVM's.
    pub group: Option<String>,
}

/// The initial RAM disk as far as it showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Initrd {
    /// `dracut`, `initramfs-tools`, `nash`; null where nothing names it.
    pub kind: Option<String>,
    /// Whether the loader handed one to the kernel.
    pub was_given: bool,
    /// Whether its first program was started.
    pub has_started: bool,
    /// Whether the device manager was started in it: nothing loads drivers as devices appear without one.
    pub has_udev: bool,
    /// Whether systemd runs it.
    pub has_systemd: bool,
    /// The line from which on it ran.
    pub line: Option<u64>,
    /// Whether the log has all of it, from its first line on.
    pub is_whole: bool,
}

/// A disk that appeared.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Disk {
    /// The kernel's name: `vda`.
    pub name: String,
    /// The letters of its kind: `sd`, `vd`, `nvme`.
    pub prefix: String,
    /// The driver, where the line names it: `virtio_blk`, `sd`, `nvme`.
    pub driver: Option<String>,
    /// Bytes of a sector, where the line says.
    pub sector_size: Option<u32>,
    /// The line that shows it.
    pub line: u64,
}

/// A storage controller on the PCI bus.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Controller {
    /// Where on the bus: `0000:00:02.0`.
    pub address: String,
    /// Vendor and device: `1af4:1001`.
    pub id: String,
    /// What drives it, as the kernel's modules.alias has it; null for ones that are not known here.
    pub driver: Option<String>,
    /// Whether a line shows that a driver took it.
    pub is_bound: bool,
    /// The line that shows it.
    pub line: u64,
}

/// A file system that was mounted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Mounted {
    /// The device, as the file system's driver names it: `vda1`.
    pub device: String,
    /// `ext4`, `xfs`, `btrfs`.
    pub filesystem: String,
    /// The line that shows it.
    pub line: u64,
}

/// A place where lines are missing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Gap {
    /// The line that says so.
    pub line: u64,
    /// How many; null where it is not said.
    pub lines: Option<u64>,
}

impl Root {
    /// Reads the value of `root=`.
    pub(super) fn parse(spec: &str) -> Self {
        let device = DeviceSpec::parse_root(spec);
        let (disk, partition) = match &device.name {
            DeviceName::KernelName(name) => (Some(name.disk.clone()), name.partition),
            _ => (None, None),
        };
        Self {
            spec: spec.to_owned(),
            kind: device.kind().to_owned(),
            value: device.value().to_owned(),
            disk,
            partition,
            group: device.volume().map(|(group, _)| group),
        }
    }
}

/// Drivers of the storage controllers that virtual machines and servers have, by vendor and device, then by class: the
/// aliases in the kernel's modules.alias.
const DRIVERS: &[(&str, &str)] = &[
    ("1af4:1001", "virtio_blk"),
    ("1af4:1042", "virtio_blk"),
    ("1af4:1004", "virtio_scsi"),
    ("1af4:1048", "virtio_scsi"),
    ("15ad:07c0", "vmw_pvscsi"),
    ("1000:0030", "mptspi"),
    ("1000:0054", "mptsas"),
    ("1000:0056", "mptsas"),
    ("1000:0058", "mptsas"),
    ("1000:0012", "sym53c8xx"),
    ("1000:0060", "megaraid_sas"),
    ("1000:0073", "megaraid_sas"),
    ("1000:005b", "megaraid_sas"),
    ("1000:005d", "megaraid_sas"),
    ("1000:0072", "mpt3sas"),
    ("1000:0097", "mpt3sas"),
    ("1022:2020", "am53c974"),
    ("103c:3238", "hpsa"),
    ("103c:323a", "hpsa"),
    ("103c:323b", "hpsa"),
    ("104b:1040", "BusLogic"),
    ("5853:0001", "xen-platform-pci"),
];

/// Drivers by PCI class.
const CLASSES: &[(&str, &str)] = &[
    ("0x010601", "ahci"),
    ("0x010802", "nvme"),
    ("0x01018", "ata_piix"),
    ("0x010180", "ata_piix"),
    ("0x080501", "sdhci-pci"),
    ("0x0c0330", "xhci_pci"),
    ("0x010901", "ufshcd-pci"),
];

/// The driver of a controller by its ids and class.
pub(super) fn driver_of(id: &str, class: &str) -> Option<String> {
    let by_id = DRIVERS.iter().find(|(known, _)| *known == id);
    let by_class = CLASSES.iter().find(|(known, _)| class.starts_with(known));
    by_id.or(by_class).map(|(_, driver)| (*driver).to_owned())
}
