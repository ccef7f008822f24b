//! Fills in the [`Log`] of a boot as the lines come by, and sees where one boot ends and the next begins.
//!
//! The messages are those of the kernel (init/main.c, init/initramfs.c, drivers/scsi/sd.c, drivers/block/virtio_blk.c,
//! block/partitions/core.c, drivers/pci/probe.c, drivers/md), of initramfs-tools' init, dracut, nash and systemd.

use regex::{Captures, Regex};

use super::log::{
    CommandLine, Controller, Disk, Gap, Initrd, Kernel, Log, Mounted, Parameter, Root, driver_of,
};
use crate::parse::cmdline;
use crate::parse::device_spec::parse_kernel_name;

/// Items of one kind that are kept of a boot; a log that has more is not of a boot that one could tell about.
const MOST_ITEMS: usize = 256;

/// What a line may tell of the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    FirmwareBegins,
    LoaderBegins,
    KernelBegins,
    CommandLine,
    Efi,
    Machine,
    Memory,
    InitrdGiven,
    InitrdStarts,
    InitramfsTools,
    Dracut,
    Nash,
    Udev,
    SystemdInInitrd,
    DeviceOfSystemd,
    Disk,
    DiskOfKernel,
    ScsiHost,
    ScsiDisk,
    Controller,
    DriverOnPci,
    Mounted,
    Array,
    DeviceMapper,
    RootHandedOver,
    CameUp,
    Gap,
    NextBoot,
}

/// Each event, the texts of which its lines hold one, and its expression.
pub(super) const EVENTS: &[(Event, &[&str], &str)] = &[
    (
        Event::FirmwareBegins,
        &["SeaBIOS (version", "UEFI firmware (version", "iPXE ("],
        r"(?<bios>SeaBIOS)|(?<uefi>UEFI)|iPXE",
    ),
    (
        Event::Efi,
        &["BdsDxe:", "efi: EFI v", "UEFI Interactive Shell"],
        r"BdsDxe:|efi: EFI v|UEFI Interactive",
    ),
    (
        Event::LoaderBegins,
        &[
            "Welcome to GRUB!",
            "GNU GRUB  version",
            "GRUB loading",
            "GRUB Loading",
            "systemd-boot ",
            "ISOLINUX ",
            "SYSLINUX ",
        ],
        r"GRUB|systemd-boot|LINUX",
    ),
    (Event::KernelBegins, &["Linux version "], r"^Linux version (?<release>\S+) (?<rest>.*)"),
    (Event::CommandLine, &["ommand line: "], r"(?:^|Kernel )[Cc]ommand line: (?<text>.*)"),
    (Event::Machine, &["DMI: "], r"^DMI: (?<name>.*)"),
    (Event::Memory, &["Memory: "], r"^Memory: \d+[kK]/(?<kib>\d+)[kK] available"),
    (
        Event::InitrdGiven,
        &[
            "RAMDISK: [mem",
            "RAMDISK: 0",
            "Trying to unpack rootfs",
            "checking if image is initramfs",
            "Freeing initrd memory",
        ],
        r".",
    ),
    (
        Event::InitrdStarts,
        &[
            "Run /init as init process",
            "Loading, please wait",
            "dracut: dracut-",
            "Running in init",
            "(Initramfs)!",
        ],
        r".",
    ),
    (
        Event::InitramfsTools,
        &[
            "Loading, please wait...",
            "Begin: Running /scripts/",
            "Begin: Mounting root",
            "Begin: Loading essential",
        ],
        r".",
    ),
    (Event::Dracut, &["dracut"], r"dracut(?:-\d|-initqueue|-pre-|-cmdline|: |#)"),
    (Event::Nash, &["Red Hat nash version", "mkrootdev", "setuproot:"], r"nash version|mkrootdev|setuproot"),
    (
        Event::Udev,
        &["systemd-udevd", "Starting udev", "Starting version ", "starting version ", "udevd version"],
        r"[Ss]tart(?:ing|ed) (?:systemd-udevd|udev|.*udevd)|[Ss]tarting version \d|Listening on .*udev",
    ),
    (
        Event::SystemdInInitrd,
        &["Running in init", "(Initramfs)!", "initrd.target", " / no limit)"],
        r"Running in init|\(Initramfs\)|initrd\.target|Job dev-disk.* / no limit\)",
    ),
    (
        Event::DeviceOfSystemd,
        &["Found device dev-"],
        r"Found device dev-(?<name>(?:[shv]|xv)d[a-z]+\d*|nvme\d+n\d+(?:p\d+)?)\.device",
    ),
    (
        Event::Disk,
        &["-byte logical blocks", "-byte hardware sectors", "Attached SCSI disk"],
        r"^(?<driver>\w+) \S+ (?:\[(?<name>[a-z]+)\]|(?<second>sd[a-z]+):?)(?: (?:\d+) (?<size>\d+)-byte)?",
    ),
    (
        Event::DiskOfKernel,
        &[
            ": sd",
            ": vd",
            ": xvd",
            ": hd",
            ": nvme",
            ": mmcblk",
            " unknown partition table",
            "nvme0n1:",
            ": p1",
            "blkfront: ",
        ],
        r"^(?:(?<driver>nvme|blkfront): )?\s*(?<name>(?:[shv]|xv)d[a-z]{1,3}|nvme\d+n\d+|mmcblk\d+):(?<parts>(?: (?:[a-z0-9]+|<|>|\(\w+\)))*|.*unknown partition table)(?: ?barrier.*)?$",
    ),
    (
        Event::ScsiHost,
        &["scsi host", "scsi0 :", "scsi1 :", "scsi2 :", "scsi3 :"],
        r"^scsi (?:host)?\d+ ?: (?<driver>\S+)|^scsi\d+ : (?<old>\S+)",
    ),
    (Event::ScsiDisk, &["Direct-Access "], r"scsi (?<address>\S+): Direct-Access"),
    (
        Event::Controller,
        &[" class 0x", ", class 0"],
        r"pci (?<address>[0-9a-f:.]+): \[(?<id>[0-9a-f]{4}:[0-9a-f]{4})\] type \S+ class (?<class>0x[0-9a-f]+)",
    ),
    (
        Event::DriverOnPci,
        &[" 0000:"],
        r"^(?<driver>[a-zA-Z]\w+)(?: \w+)? (?:pci function )?(?<address>0000:[0-9a-f:.]+):",
    ),
    (
        Event::Mounted,
        &[
            "mounted filesystem",
            "first mount of filesystem",
            "Ending clean mount",
            "Mounting V",
            "disk space caching is enabled",
        ],
        r"^(?<fs>EXT[234]-fs|XFS|BTRFS)[a-z ]*\((?:device )?(?<device>[^)]+)\)",
    ),
    (
        Event::Array,
        &["active with ", "active raid", "detected capacity change"],
        r"\b(?<name>md\d+|md_\w+): (?:active|detected|raid)",
    ),
    (Event::DeviceMapper, &["device-mapper: "], r"device-mapper: (?:ioctl|uevent|core|version)"),
    (
        Event::RootHandedOver,
        &["Switching root", "Switch root", "switching root", "Mounted root filesystem", "INIT: version "],
        r".",
    ),
    (
        Event::CameUp,
        &[" login: ", "Reached target ", "Startup finished in", "Entering runlevel: "],
        r"^\S+ login: |Reached target (?:multi-user|graphical|Multi-User|Graphical)|Startup finished in .*userspace|runlevel: [2-5]",
    ),
    (
        Event::Gap,
        &[
            "lines left out",
            "lines omitted",
            "lines skipped",
            "messages dropped",
            "messages lost",
            "lines truncated",
        ],
        r"(?:(?<lines>\d+) )?(?:printk )?(?:lines|messages) (?:left|omitted|skipped|dropped|lost|truncated)",
    ),
    (Event::NextBoot, &["-- Boot ", "-- Reboot"], r"^-- (?:Boot|Reboot)\b"),
];

/// Watches one boot.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) log: Log,
    last_seconds: f64,
    has_kernel: bool,
    saw_initrd_begin: bool,
}

impl Watch {
    /// A watch of what begins at `line`.
    pub(super) fn from(line: u64) -> Self {
        Self { log: Log { from_line: line, to_line: line, ..Log::default() }, ..Self::default() }
    }

    /// Whether a line that says `event` belongs to the next boot.
    pub(super) fn ends_before(&self, event: Event) -> bool {
        match event {
            Event::NextBoot => self.log.to_line > self.log.from_line || self.has_kernel,
            Event::FirmwareBegins => self.has_kernel || self.log.stage.as_deref() == Some("loader"),
            Event::KernelBegins => self.has_kernel,
            _ => false,
        }
    }

    /// Whether a timestamp shows that the clock began again.
    pub(super) fn restarted(&mut self, seconds: Option<f64>) -> bool {
        let Some(seconds) = seconds else { return false };
        // Lines of several processors are out of order by less than this.
        let is_new = self.has_kernel && seconds < 1.0 && self.last_seconds > seconds + 5.0;
        self.last_seconds = self.last_seconds.max(seconds);
        is_new
    }

    /// Takes in what a line says.
    pub(super) fn take(&mut self, event: Event, found: &Captures<'_>, line: u64) {
        let named = |name: &str| found.name(name).map(|text| text.as_str().trim().to_owned());
        let log = &mut self.log;
        match event {
            Event::FirmwareBegins => {
                log.firmware = if found.name("uefi").is_some() {
                    Some("uefi".to_owned())
                } else {
                    named("bios").map(|_| "bios".to_owned())
                };
                log.reach("firmware");
            }
            Event::Efi => {
                log.firmware = Some("uefi".to_owned());
                if !self.has_kernel {
                    log.reach("firmware");
                }
            }
            Event::LoaderBegins if !self.has_kernel => log.reach("loader"),
            Event::KernelBegins => {
                self.has_kernel = true;
                log.kernel = named("release").map(|release| Kernel { release, line });
                log.family =
                    log.family.take().or_else(|| family(found.get(0).map_or("", |all| all.as_str())));
                log.is_whole = true;
                log.reach("kernel");
            }
            Event::CommandLine => command_line(log, named("text").unwrap_or_default(), line),
            // The first such line is the machine's; the next one is about its memory.
            Event::Machine => log.machine = log.machine.take().or_else(|| named("name")),
            Event::Memory => {
                log.memory_mib = named("kib").and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib / 1024)
            }
            Event::InitrdGiven => log.initrd.was_given = true,
            Event::InitrdStarts => {
                self.saw_initrd_begin = true;
                log.initrd.start(line);
            }
            Event::InitramfsTools => {
                log.initrd.kind = Some("initramfs-tools".to_owned());
                log.family.get_or_insert_with(|| "debian".to_owned());
                log.initrd.start(line);
            }
            Event::Dracut => self.dracut(line),
            Event::Nash => {
                log.initrd.kind = Some("nash".to_owned());
                log.family = Some("redhat".to_owned());
                self.saw_initrd_begin = true;
                log.initrd.start(line);
            }
            Event::Udev => log.initrd.has_udev = true,
            Event::SystemdInInitrd => {
                log.initrd.has_systemd = true;
                log.initrd.start(line);
            }
            Event::DeviceOfSystemd => {
                let Some(name) = named("name").and_then(|name| parse_kernel_name(&name)) else { return };
                log.disk(&name.disk, None, None, line);
                if name.partition.is_some() {
                    keep(&mut log.partitions, name.name);
                }
            }
            Event::Disk => {
                let size = named("size").and_then(|size| size.parse().ok());
                if let Some(name) = named("name").or_else(|| named("second")) {
                    log.disk(&name, named("driver"), size, line);
                }
            }
            Event::DiskOfKernel => {
                let Some(name) = named("name") else { return };
                log.disk(&name, named("driver"), None, line);
                let parts = named("parts").unwrap_or_default();
                for part in parts.split_whitespace().filter(|part| part.chars().any(|c| c.is_ascii_digit())) {
                    // NVMe and MMC name partitions `p1` after the disk in this line.
                    let part = if part.starts_with('p') { format!("{name}{part}") } else { part.to_owned() };
                    keep(&mut log.partitions, part);
                }
            }
            Event::ScsiHost => log.disk_drivers.extend_once(named("driver").or_else(|| named("old"))),
            Event::ScsiDisk => log.scsi_disks.extend_once(named("address")),
            Event::Controller => {
                let (Some(address), Some(id), Some(class)) = (named("address"), named("id"), named("class"))
                else {
                    return;
                };
                let driver = driver_of(&id, &class);
                let is_storage =
                    class.starts_with("0x01") || (driver.is_some() && !class.starts_with("0x06"));
                if is_storage && log.controllers.len() < MOST_ITEMS {
                    log.controllers.push(Controller { address, id, driver, is_bound: false, line });
                }
            }
            Event::DriverOnPci => {
                let (Some(driver), Some(address)) = (named("driver"), named("address")) else { return };
                if driver == "pci" || driver == "pnp" {
                    return;
                }
                for controller in
                    log.controllers.iter_mut().filter(|controller| controller.address == address)
                {
                    controller.is_bound = true;
                }
            }
            Event::Mounted => {
                let (Some(fs), Some(device)) = (named("fs"), named("device")) else { return };
                let filesystem = fs.trim_end_matches("-fs").to_ascii_lowercase();
                let is_new = log.mounted.iter().all(|mounted| mounted.device != device);
                if is_new && log.mounted.len() < MOST_ITEMS {
                    log.mounted.push(Mounted { device, filesystem, line });
                }
                log.reach("root-filesystem");
            }
            Event::Array => log.arrays.extend_once(named("name")),
            Event::DeviceMapper => log.device_mapper = true,
            Event::RootHandedOver => log.reach("init"),
            Event::CameUp => {
                log.came_up = true;
                log.reach("up");
            }
            Event::Gap => {
                if log.gaps.len() < MOST_ITEMS {
                    log.gaps.push(Gap { line, lines: named("lines").and_then(|lines| lines.parse().ok()) });
                }
            }
            Event::LoaderBegins | Event::NextBoot => {}
        }
    }

    /// Notes that one of dracut's programs speaks.
    pub(super) fn dracut(&mut self, line: u64) {
        self.log.initrd.kind = Some("dracut".to_owned());
        self.log.initrd.start(line);
    }

    /// The boot, once its last line is known.
    pub(super) fn finish(mut self, last: u64) -> Log {
        let log = &mut self.log;
        log.to_line = last;
        log.is_whole &= log.gaps.is_empty();
        let start = log.initrd.line;
        log.initrd.is_whole =
            self.saw_initrd_begin && start.is_some_and(|start| log.gaps.iter().all(|gap| gap.line < start));
        log.disk_names = log.disks.iter().map(|disk| disk.name.clone()).collect();
        log.release =
            log.kernel.as_ref().map_or_else(|| "VERSION".to_owned(), |kernel| kernel.release.clone());
        log.mounted_device = log.mounted.first().map(|mounted| mounted.device.clone());
        log.large_sectors = log.disks.iter().any(|disk| disk.sector_size == Some(4096));
        // A driver that shows by its disk has its controller.
        let prefixes: Vec<&str> = log.disks.iter().map(|disk| disk.prefix.as_str()).collect();
        for controller in &mut log.controllers {
            controller.is_bound |= match controller.driver.as_deref() {
                Some("virtio_blk") => prefixes.contains(&"vd"),
                Some("nvme") => prefixes.contains(&"nvme"),
                Some(driver) => {
                    log.disk_drivers.iter().any(|known| known.replace('-', "_") == driver.replace('-', "_"))
                }
                None => false,
            };
        }
        let unbound = log.controllers.iter().filter(|controller| !controller.is_bound);
        log.unbound_controllers = unbound
            .map(|controller| match &controller.driver {
                Some(driver) => format!("{} ({driver}) at {}", controller.id, controller.address),
                None => format!("{} at {}", controller.id, controller.address),
            })
            .collect();
        self.log
    }
}

impl Log {
    /// The value of the last parameter called `name`.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .rev()
            .find(|parameter| parameter.name == name)
            .and_then(|parameter| parameter.value.as_deref())
    }

    fn reach(&mut self, stage: &str) {
        const ORDER: [&str; 7] = ["firmware", "loader", "kernel", "initrd", "root-filesystem", "init", "up"];
        let rank = |stage: &str| ORDER.iter().position(|known| *known == stage);
        if self.stage.as_deref().and_then(rank) < rank(stage) {
            self.stage = Some(stage.to_owned());
        }
    }

    fn disk(&mut self, name: &str, driver: Option<String>, sector_size: Option<u32>, line: u64) {
        let Some(kernel_name) = parse_kernel_name(name) else { return };
        if let Some(known) = self.disks.iter_mut().find(|disk| disk.name == name) {
            known.driver = known.driver.take().or(driver);
            known.sector_size = known.sector_size.or(sector_size);
        } else if self.disks.len() < MOST_ITEMS && kernel_name.partition.is_none() {
            let prefix = kernel_name.prefix.to_owned();
            self.disks.push(Disk { name: name.to_owned(), prefix, driver, sector_size, line });
        }
    }
}

impl Initrd {
    fn start(&mut self, line: u64) {
        self.has_started = true;
        self.line.get_or_insert(line);
    }
}

/// Lists in which each name is kept once.
trait Once {
    fn extend_once(&mut self, name: Option<String>);
}

impl Once for Vec<String> {
    fn extend_once(&mut self, name: Option<String>) {
        if let Some(name) = name {
            keep(self, name);
        }
    }
}

fn keep(list: &mut Vec<String>, name: String) {
    if list.len() < MOST_ITEMS && !list.contains(&name) {
        list.push(name);
    }
}

/// The distribution's family, from the mail address or compiler that the kernel's first line names.
fn family(line: &str) -> Option<String> {
    let line = line.to_ascii_lowercase();
    let known = [
        ("debian", "debian"),
        ("ubuntu", "debian"),
        ("red hat", "redhat"),
        (".el", "redhat"),
        (".fc", "redhat"),
        ("suse", "suse"),
        ("geeko@", "suse"),
    ];
    known.iter().find(|(word, _)| line.contains(word)).map(|(_, family)| (*family).to_owned())
}

fn command_line(log: &mut Log, text: String, line: u64) {
    if log.command_line.is_some() {
        return;
    }
    log.parameters = cmdline::parse(&text)
        .into_iter()
        .take(MOST_ITEMS)
        .map(|parameter| Parameter { name: parameter.name.replace('-', "_"), value: parameter.value })
        .collect();
    log.root = log.parameter("root").map(Root::parse);
    log.command_line = Some(CommandLine { text, line });
}

/// The expressions of all events.
pub(super) fn expressions() -> Result<Vec<Regex>, regex::Error> {
    EVENTS.iter().map(|(_, _, expression)| Regex::new(expression)).collect()
}
