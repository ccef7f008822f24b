//! A target from a machine's own `/sys` and `/proc`: of the machine that runs, or of a copy of these folders.
//!
//! `/sys/devices` nests devices as their buses do; each that a driver can bind has a file `modalias`
//! (Documentation/ABI/testing/sysfs-bus-pci and its kin, sysfs(5)). `/sys/block` and `/sys/class/net` are links to
//! where disks and interfaces hang.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Device, Firmware, Target};
use crate::source::{NodeKind, Tree};

/// Bytes of a file of sysfs that are read; the kernel's own limit is a page.
const FILE_LIMIT: u64 = 4096;

/// Bytes of `/proc/cpuinfo` that are read; each of some hundred processors has 2 kB.
const CPUINFO_LIMIT: u64 = 4 << 20;

/// Folders below `/sys/devices` that are gone into: buses nest some twelve deep.
const MAX_DEPTH: usize = 32;

/// Folders that are looked at; a large server has some 50,000.
const MAX_FOLDERS: usize = 400_000;

/// Devices of a target nest no deeper than its reader allows.
const MAX_NESTED: usize = 15;

/// Why no target can be made.
#[derive(Debug, Error)]
pub enum SysfsError {
    /// There is no `sys/devices`.
    #[error("`{origin}` holds no `sys/devices`: give `/`, or a folder with a copy of /sys in it")]
    NoSysfs {
        /// The folder as given.
        origin: String,
    },
    /// No disk hangs on a device.
    #[error("`{origin}` names no disk in `sys/block` that hangs on a device: there is nothing to boot from")]
    NoDisk {
        /// The folder as given.
        origin: String,
    },
}

/// A device on the way to being one of the target.
#[derive(Debug, Default)]
struct Found {
    device: Device,
    children: Vec<PathBuf>,
}

struct Reader<'t> {
    tree: &'t Tree,
    /// `sys`, or nothing where the folder is a copy of /sys itself.
    sys: PathBuf,
    /// By path below `devices`, those with a modalias.
    found: BTreeMap<PathBuf, Found>,
    tops: Vec<PathBuf>,
    folders: usize,
}

/// Makes a target called `name` of what `tree` has of `/sys` and `/proc`.
///
/// # Errors
/// [`SysfsError`] when there is no `/sys`, or no disk in it.
pub fn from_sysfs(tree: &Tree, name: &str) -> Result<Target, SysfsError> {
    let origin = tree.origin().to_owned();
    let Some(sys) = ["sys", ""].into_iter().find(|sys| tree.list(Path::new(sys).join("devices")).is_ok())
    else {
        return Err(SysfsError::NoSysfs { origin });
    };
    let mut reader = Reader { tree, sys: sys.into(), found: BTreeMap::new(), tops: Vec::new(), folders: 0 };
    reader.walk(&Path::new(sys).join("devices"), None, 0);
    reader.mark_disks();
    reader.mark_nics();
    let root = reader.root_disk();
    let tops = std::mem::take(&mut reader.tops);
    let mut devices: Vec<Device> = tops.iter().filter_map(|path| reader.take(path, 0)).collect();
    if let Some(root) = &root {
        devices.sort_by_key(|device| !to_front(&mut device.clone(), root));
        devices.iter_mut().for_each(|device| {
            to_front(device, root);
        });
    }
    let target = Target {
        name: name.to_owned(),
        title: reader.title(),
        firmware: Some(reader.firmware()),
        firmware_build: None,
        either_firmware: false,
        secure_boot: reader.secure_boot(),
        arch: None,
        classes: reader.classes(),
        memory_mib: reader.memory(),
        mtu: None,
        cpu_flags: reader.cpu_flags(),
        consoles: Vec::new(),
        devices,
    };
    if target.disk_chains().is_empty() { Err(SysfsError::NoDisk { origin }) } else { Ok(target) }
}

/// Puts what leads to `disk` before its siblings; whether it is in there.
fn to_front(device: &mut Device, disk: &str) -> bool {
    let mut inside = device.disk.as_deref() == Some(disk);
    let place = device.children.iter_mut().position(|child| to_front(child, disk));
    if let Some(place) = place {
        let child = device.children.remove(place);
        device.children.insert(0, child);
        inside = true;
    }
    inside
}

impl Reader<'_> {
    fn text(&self, path: &Path) -> Option<String> {
        let file = self.tree.read_limited(path, FILE_LIMIT).ok()?; // absent, or not readable for this user
        let text = String::from_utf8_lossy(&file.bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn sysfs(&self, path: &str) -> Option<String> {
        self.text(&self.sys.join(path))
    }

    /// Goes through the folders; those with a `modalias` are devices, each below the nearest above it.
    fn walk(&mut self, folder: &Path, above: Option<&Path>, depth: usize) {
        self.folders += 1;
        if depth > MAX_DEPTH || self.folders > MAX_FOLDERS {
            return;
        }
        let modalias = if depth == 0 { None } else { self.text(&folder.join("modalias")) };
        let here = modalias.filter(|modalias| counts(modalias)).map(|modalias| {
            self.add(folder, modalias);
            match above.and_then(|above| self.found.get_mut(above)) {
                Some(above) => above.children.push(folder.to_path_buf()),
                None => self.tops.push(folder.to_path_buf()),
            }
        });
        let above = if here.is_some() { Some(folder) } else { above };
        for name in self.tree.list(folder).unwrap_or_default() {
            let path = folder.join(&name);
            // What hangs on no hardware, and the processors.
            let skipped =
                depth == 0 && ["virtual", "system", "breakpoint", "software"].iter().any(|s| name == *s);
            let is_folder =
                self.tree.symlink_metadata(&path).is_ok_and(|node| node.kind == NodeKind::Directory);
            if is_folder && !skipped {
                self.walk(&path, above, depth + 1);
            }
        }
    }

    fn add(&mut self, folder: &Path, modalias: String) {
        let mut device = Device { modalias, ..Device::default() };
        if device.modalias.starts_with("pci:") {
            device.slot = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            let index = ["acpi_index", "index"].iter().find_map(|name| self.text(&folder.join(name)));
            device.onboard_index = index.and_then(|index| index.parse().ok());
        }
        self.found.insert(folder.to_path_buf(), Found { device, children: Vec::new() });
    }

    /// Where a link of `/sys/block` or `/sys/class` leads, when it hangs on hardware.
    fn place(&self, link: &str) -> Option<PathBuf> {
        let path = self.tree.resolve(self.sys.join(link)).ok()?;
        (!path.starts_with(self.sys.join("devices/virtual"))).then_some(path)
    }

    /// The nearest device above a path.
    fn device_above(&mut self, path: &Path) -> Option<&mut Found> {
        let key = path.ancestors().find(|above| self.found.contains_key(*above))?.to_path_buf();
        self.found.get_mut(&key)
    }

    fn mark_disks(&mut self) {
        let software = ["loop", "ram", "zram", "dm-", "md", "nbd", "drbd", "fd", "sr", "zd"];
        for name in self.tree.list(self.sys.join("block")).unwrap_or_default() {
            let Some(name) =
                name.to_str().filter(|name| !software.iter().any(|start| name.starts_with(start)))
            else {
                continue;
            };
            let Some(path) = self.place(&format!("block/{name}")).or_else(|| self.controller(name)) else {
                continue;
            };
            let size = self.sysfs(&format!("block/{name}/queue/logical_block_size"));
            let size = size.and_then(|size| size.parse().ok()).filter(|size| *size != 512);
            if let Some(found) = self.device_above(&path).filter(|found| found.device.disk.is_none()) {
                found.device.disk = Some(name.to_owned());
                found.device.sector_size = size;
            }
        }
    }

    /// With multipath in the NVMe driver its disks hang on a subsystem; `nvme0n1` is of the controller `nvme0`.
    fn controller(&self, disk: &str) -> Option<PathBuf> {
        let (number, _) = disk.strip_prefix("nvme")?.split_once('n')?;
        self.place(&format!("class/nvme/nvme{number}"))
    }

    fn mark_nics(&mut self) {
        let slots = self.slots();
        for name in self.tree.list(self.sys.join("class/net")).unwrap_or_default() {
            let Some(name) = name.to_str() else { continue };
            let Some(path) = self.place(&format!("class/net/{name}")) else { continue };
            let mac = self.text(&path.join("address")).filter(|mac| mac.len() == 17);
            let function = path
                .ancestors()
                .find(|above| self.found.get(*above).is_some_and(|found| found.device.slot.is_some()));
            let function = function.map(Path::to_path_buf);
            if let Some(found) = function.and_then(|path| self.found.get_mut(&path)) {
                let place = found.device.slot.as_deref().and_then(|slot| slot.split('.').next());
                // 0 says that it is in no slot, where the machine has told which there are.
                found.device.slot_number =
                    place.and_then(|place| slots.as_ref()?.get(place).copied().or(Some(0)));
            }
            if let Some(found) = self.device_above(&path).filter(|found| found.device.nic.is_none()) {
                found.device.nic = Some(name.to_owned());
                found.device.mac = mac;
            }
        }
    }

    /// The numbers of the hotplug slots by their place; none if the machine does not tell.
    fn slots(&self) -> Option<BTreeMap<String, u32>> {
        let folder = self.sys.join("bus/pci/slots");
        let names = self.tree.list(&folder).ok()?.into_iter();
        let numbered = names.filter_map(|name| {
            let number = name.to_str()?.parse().ok()?; // `3-2` is a second one with the same number
            Some((self.text(&folder.join(&name).join("address"))?, number))
        });
        Some(numbered.collect())
    }

    /// The device called so with all below it that matters: PCI functions, and what leads to a disk or an interface.
    fn take(&mut self, path: &Path, depth: usize) -> Option<Device> {
        let Found { mut device, children } = self.found.remove(path)?;
        if depth < MAX_NESTED {
            device.children = children.iter().filter_map(|child| self.take(child, depth + 1)).collect();
        }
        let matters = device.modalias.starts_with("pci:") || device.disk.is_some() || device.nic.is_some();
        (matters || !device.children.is_empty()).then_some(device)
    }

    /// The disk that the root file system lies on.
    fn root_disk(&self) -> Option<String> {
        let mounts = ["proc/self/mounts", "proc/mounts", "proc/1/mounts"];
        let text = mounts.iter().find_map(|path| self.tree.read_limited(path, FILE_LIMIT * 64).ok())?;
        let text = String::from_utf8_lossy(&text.bytes).into_owned();
        let source = text.lines().rev().find_map(|line| {
            let mut words = line.split(' ');
            let (source, target) = (words.next()?, words.next()?);
            (target == "/").then(|| source.strip_prefix("/dev/"))?.map(str::to_owned)
        })?;
        self.disk_of(&self.kernel_name(&source), 0)
    }

    /// `dm-0` for `mapper/vg-root`.
    fn kernel_name(&self, source: &str) -> String {
        let Some(mapped) = source.strip_prefix("mapper/") else { return source.to_owned() };
        let names = self.tree.list(self.sys.join("block")).unwrap_or_default().into_iter();
        let mut names = names.filter_map(|name| name.to_str().map(str::to_owned));
        let found =
            names.find(|name| self.sysfs(&format!("block/{name}/dm/name")).as_deref() == Some(mapped));
        found.unwrap_or_else(|| source.to_owned())
    }

    /// The disk of a partition, or of what is put together from disks.
    fn disk_of(&self, name: &str, depth: usize) -> Option<String> {
        let slaves = self.tree.list(self.sys.join(format!("block/{name}/slaves"))).unwrap_or_default();
        if let Some(below) = slaves.first().and_then(|below| below.to_str()).filter(|_| depth < 8) {
            return self.disk_of(below, depth + 1);
        }
        let disks: Vec<&str> = self.found.values().filter_map(|found| found.device.disk.as_deref()).collect();
        let is_on = |disk: &&&str| {
            name.strip_prefix(**disk)
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'p'))
        };
        disks.iter().filter(is_on).max_by_key(|disk| disk.len()).map(|disk| (*disk).to_owned())
    }

    fn dmi(&self, name: &str) -> String {
        self.sysfs(&format!("class/dmi/id/{name}")).unwrap_or_default()
    }

    fn title(&self) -> String {
        let title = format!("{} {}", self.dmi("sys_vendor"), self.dmi("product_name")).trim().to_owned();
        if title.is_empty() { "the machine that sysfs was read from".to_owned() } else { title }
    }

    fn firmware(&self) -> Firmware {
        if self.tree.exists(self.sys.join("firmware/efi")) { Firmware::Uefi } else { Firmware::Bios }
    }

    /// The last byte of the variable; four bytes of attributes stand before it (efivarfs).
    fn secure_boot(&self) -> bool {
        let variable = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        let file = self.tree.read_limited(self.sys.join(variable), FILE_LIMIT);
        file.is_ok_and(|file| file.bytes.len() == 5 && file.bytes.last() == Some(&1))
    }

    /// The families that rules select by, as the machine's maker tells.
    fn classes(&self) -> Vec<String> {
        let vendor = format!("{} {}", self.dmi("sys_vendor"), self.dmi("product_name"));
        let table: [(&str, &[&str]); 9] = [
            ("Amazon EC2", &["aws", "cloud"]),
            ("Google", &["gcp", "cloud"]),
            ("OpenStack", &["kvm", "cloud"]),
            ("QEMU", &["kvm"]),
            ("KVM", &["kvm"]),
            ("VMware", &["vmware"]),
            ("Microsoft Corporation Virtual", &["hyperv"]),
            ("Xen", &["xen"]),
            ("innotek", &["virtualbox"]),
        ];
        let found = table.iter().find(|(word, _)| vendor.contains(word));
        found.map(|(_, classes)| classes.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    /// A field of a file of `/proc`: what follows its name and the colon.
    fn proc(&self, path: &str, field: &str) -> Option<String> {
        let file = self.tree.read_limited(path, CPUINFO_LIMIT).ok()?; // not part of the copy
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == field).then(|| value.trim().to_owned())
        })
    }

    fn memory(&self) -> Option<u64> {
        let total = self.proc("proc/meminfo", "MemTotal")?;
        let kilobytes: u64 = total.split(' ').next()?.parse().ok()?;
        Some(kilobytes / 1024)
    }

    fn cpu_flags(&self) -> Option<Vec<String>> {
        Some(self.proc("proc/cpuinfo", "flags")?.split_whitespace().map(str::to_owned).collect())
    }
}

/// Modaliases of devices that matter for a boot; of processors, keys and lids there are many that do not.
fn counts(modalias: &str) -> bool {
    let not = ["cpu:", "input:", "dmi:", "hdaudio:", "wmi:", "serio:", "of:Ncpu"];
    !not.iter().any(|start| modalias.starts_with(start))
}

/// The target as the text of a target file.
#[must_use]
pub fn to_yaml(target: &Target) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "name: {}\ntitle: {}", quoted(&target.name), quoted(&target.title));
    if let Some(firmware) = target.firmware {
        let word = if firmware == Firmware::Uefi { "uefi" } else { "bios" };
        let _ = writeln!(text, "firmware: {word}");
    }
    if target.secure_boot {
        let _ = writeln!(text, "secure_boot: true");
    }
    if !target.classes.is_empty() {
        let _ = writeln!(text, "classes: [{}]", target.classes.join(", "));
    }
    if let Some(memory) = target.memory_mib {
        let _ = writeln!(text, "memory_mib: {memory}");
    }
    if let Some(flags) = &target.cpu_flags {
        let flags: Vec<String> = flags.iter().map(|flag| quoted(flag)).collect();
        let _ = writeln!(text, "cpu_flags: [{}]", flags.join(", "));
    }
    let _ = writeln!(text, "devices:");
    for device in &target.devices {
        write_device(&mut text, device, 1);
    }
    text
}

fn write_device(text: &mut String, device: &Device, depth: usize) {
    let indent = "    ".repeat(depth);
    let indent = indent.get(2..).unwrap_or_default();
    let _ = writeln!(text, "{indent}- modalias: {}", quoted(&device.modalias));
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{indent}  {key}: {value}");
        }
    };
    line("slot", device.slot.as_deref().map(quoted));
    line("slot_number", device.slot_number.map(|number| number.to_string()));
    line("onboard_index", device.onboard_index.map(|index| index.to_string()));
    line("disk", device.disk.as_deref().map(quoted));
    line("sector_size", device.sector_size.map(|size| size.to_string()));
    line("nic", device.nic.as_deref().map(quoted));
    line("mac", device.mac.as_deref().map(quoted));
    if !device.children.is_empty() {
        let _ = writeln!(text, "{indent}  children:");
        device.children.iter().for_each(|child| write_device(text, child, depth + 1));
    }
}

/// A text in double quotes: what JSON writes YAML reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::memory::Memory;
    use crate::target::parse;

    /// A machine with a card on a bridge, an NVMe disk, and a virtio SCSI disk that holds the root.
    fn machine() -> Memory {
        let bus = "sys/devices/pci0000:00";
        let scsi = format!("{bus}/0000:00:05.0/virtio1/host0/target0:0:0/0:0:0:0");
        Memory::new()
            .file(
                &format!("{bus}/0000:00:02.0/modalias"),
                "pci:v00001B36d0000000Csv00001B36sd00000000bc06sc04i00\n",
            )
            .file(
                &format!("{bus}/0000:00:02.0/0000:01:00.0/modalias"),
                "pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00\n",
            )
            .file(&format!("{bus}/0000:00:02.0/0000:01:00.0/net/ens192/address"), "00:00:5e:00:53:01\n")
            .link("sys/class/net/ens192", "../../devices/pci0000:00/0000:00:02.0/0000:01:00.0/net/ens192")
            .directory("sys/devices/virtual/net/lo")
            .link("sys/class/net/lo", "../../devices/virtual/net/lo")
            .file("sys/bus/pci/slots/192/address", "0000:01:00\n")
            .file("sys/bus/pci/slots/5-2/address", "0000:00:05\n")
            .file(
                &format!("{bus}/0000:00:04.0/modalias"),
                "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n",
            )
            .file(&format!("{bus}/0000:00:04.0/nvme/nvme0/nvme0n1/queue/logical_block_size"), "4096\n")
            .link("sys/block/nvme0n1", "../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1")
            .file(
                &format!("{bus}/0000:00:05.0/modalias"),
                "pci:v00001AF4d00001004sv00001AF4sd00000008bc01sc00i00\n",
            )
            .file(&format!("{bus}/0000:00:05.0/virtio1/modalias"), "virtio:d00000008v00001AF4\n")
            .file(&format!("{scsi}/modalias"), "scsi:t-0x00\n")
            .file(&format!("{scsi}/block/sda/queue/logical_block_size"), "512\n")
            .link(
                "sys/block/sda",
                "../devices/pci0000:00/0000:00:05.0/virtio1/host0/target0:0:0/0:0:0:0/block/sda",
            )
            .file("sys/devices/virtual/block/dm-0/dm/name", "vg-root\n")
            .file("sys/devices/virtual/block/dm-0/slaves/sda2/partition", "2\n")
            .link("sys/block/dm-0", "../devices/virtual/block/dm-0")
            .file("sys/devices/system/cpu/cpu0/modalias", "cpu:type:x86\n")
            .file("sys/devices/platform/pcspkr/modalias", "platform:pcspkr\n")
            .directory("sys/firmware/efi/efivars")
            .file("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", [6, 0, 0, 0, 1])
            .link("sys/class/dmi/id", "../../devices/virtual/dmi/id")
            .file("sys/devices/virtual/dmi/id/sys_vendor", "QEMU\n")
            .file("sys/devices/virtual/dmi/id/product_name", "Standard PC: \"q35\"\n")
            .file("proc/meminfo", "MemTotal:        2029196 kB\nMemFree: 1 kB\n")
            .file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 lm\n")
            .file("proc/mounts", "proc /proc proc rw 0 0\n/dev/mapper/vg-root / ext4 rw 0 0\n")
    }

    #[test]
    fn a_machine_is_written_as_a_target_that_reads_back_the_same() {
        let target = from_sysfs(&machine().into_tree(), "mine").unwrap();
        let names: Vec<_> =
            target.disk_chains().iter().map(|way| way.last().unwrap().disk.clone().unwrap()).collect();
        assert_eq!(names, ["sda", "nvme0n1"], "what holds the root comes first");
        assert_eq!(target.firmware, Some(Firmware::Uefi));
        assert!(target.secure_boot);
        assert_eq!((target.memory_mib, target.classes.clone()), (Some(1981), vec!["kvm".to_owned()]));
        assert_eq!(target.cpu_flags.as_deref().unwrap(), ["fpu", "sse2", "lm"]);
        let ways = target.nic_chains();
        let [way] = ways.as_slice() else { panic!("{ways:?}") };
        let card = way.last().unwrap();
        assert_eq!((way.len(), card.nic.as_deref(), card.slot_number), (2, Some("ens192"), Some(192)));
        assert_eq!(
            (card.slot.as_deref(), card.mac.as_deref()),
            (Some("0000:01:00.0"), Some("00:00:5e:00:53:01"))
        );
        let sizes: Vec<_> = target.disk_chains().iter().map(|way| way.last().unwrap().sector_size).collect();
        assert_eq!(sizes, [None, Some(4096)]);
        let text = to_yaml(&target);
        assert!(!text.contains("pcspkr") && !text.contains("cpu:"), "{text}");
        assert_eq!(parse(text.as_bytes(), "mine.yaml").unwrap(), target, "{text}");
    }

    #[test]
    fn a_copy_of_sys_alone_will_do() {
        let tree = Memory::new()
            .file("devices/pci0000:00/0000:00:04.0/modalias", "pci:v00001B36d00000010\n")
            .directory("devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1")
            .link("block/nvme0n1", "../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1")
            .into_tree();
        let target = from_sysfs(&tree, "copy").unwrap();
        assert_eq!((target.firmware, target.memory_mib), (Some(Firmware::Bios), None));
        assert_eq!(target.devices[0].disk.as_deref(), Some("nvme0n1"));
    }

    #[test]
    fn what_holds_no_machine_is_told() {
        let error = from_sysfs(&Memory::new().file("etc/fstab", "").into_tree(), "x").unwrap_err();
        assert!(error.to_string().contains("no `sys/devices`"), "{error}");
        let error =
            from_sysfs(&Memory::new().directory("sys/devices/pci0000:00").into_tree(), "x").unwrap_err();
        assert!(error.to_string().contains("no disk"), "{error}");
    }
}
