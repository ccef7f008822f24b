//! Makes of a recorded boot what bootproof would be given of that machine: its files, and what the usual tools print of its
//! disks (`sfdisk -d`, `blkid`, `dumpe2fs -h`, `xfs_info`, `ls -lanR /boot`, `dd` of the first sectors).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bootproof::source::Tree;
use bootproof::source::memory::Memory;
use bootproof::target::{Target, parse};
use serde_json::Value;

use crate::common::fixture::{Piece, pieces};
use crate::common::pack::{Archive, FirstSectors, Grub, Kernel, bzimage, efi_kernel, efi_program, gzip};

/// One line of the table.
pub(crate) struct Line(pub(crate) Value);

/// Modules of controllers that the small kernel of `testdata/systems` lacks.
const MORE_MODULES: &str = "\
drivers/scsi/sym53c8xx_2/sym53c8xx: scsi_transport_spi scsi_mod | pci:v00001000d00000012sv*sd*bc*sc*i*
drivers/scsi/esp_scsi: scsi_mod scsi_transport_spi
drivers/scsi/am53c974: esp_scsi scsi_mod | pci:v00001022d00002020sv*sd*bc*sc*i*
drivers/scsi/megaraid/megaraid_sas: scsi_mod | pci:v00001000d00000060sv*sd*bc*sc*i* pci:v00001000d0000005Bsv*sd*bc*sc*i*
drivers/mmc/core/mmc_core:
drivers/mmc/core/mmc_block: mmc_core | mmc:block
drivers/mmc/host/sdhci: mmc_core
drivers/mmc/host/sdhci-pci: sdhci mmc_core | pci:v*d*sv*sd*bc08sc05i*
drivers/ufs/core/ufshcd-core: scsi_mod
drivers/ufs/host/ufshcd-pci: ufshcd_core | pci:v00001B36d00000013sv*sd*bc*sc*i*
";

/// What Debian's signed GRUB has inside, as far as it matters here, and what grub-mkimage put into the one of our own.
const SIGNED_MODULES: [&str; 14] = [
    "part_gpt",
    "part_msdos",
    "fat",
    "ext2",
    "xfs",
    "btrfs",
    "lvm",
    "mdraid1x",
    "normal",
    "configfile",
    "linux",
    "linuxefi",
    "search_fs_uuid",
    "loadenv",
];
const OWN_MODULES: [&str; 10] = [
    "part_gpt",
    "part_msdos",
    "fat",
    "ext2",
    "xfs",
    "normal",
    "configfile",
    "linux",
    "search_fs_uuid",
    "loadenv",
];
/// Modules of `boot/grub/i386-pc`, as far as anything asks for them.
const BIOS_MODULES: [&str; 12] = [
    "normal",
    "linux",
    "linux16",
    "ext2",
    "xfs",
    "part_msdos",
    "part_gpt",
    "lvm",
    "search",
    "search_fs_uuid",
    "loadenv",
    "test",
];

impl Line {
    pub(crate) fn id(&self) -> &str {
        self.text("id")
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    fn option(&self, key: &str) -> &Value {
        &self.0["options"][key]
    }

    fn is_uefi(&self) -> bool {
        self.text("firmware") == "uefi"
    }

    fn disks(&self) -> &[Value] {
        self.0["disks"].as_array().map_or(&[], Vec::as_slice)
    }

    fn boot_fs(&self) -> Option<&str> {
        self.0["boot_fs"].as_str()
    }

    /// UUIDs of the root and boot file systems, which every case of a table shares.
    fn uuids(&self) -> (&'static str, &'static str) {
        let text = self.0.to_string().to_lowercase();
        if text.contains("5afe0000-b007") {
            ("5afe0000-b007-4000-8000-000000000001", "5afe0000-b007-4000-8000-000000000002")
        } else {
            ("11111111-2222-3333-4444-555555555555", "22222222-3333-4444-5555-666666666666")
        }
    }

    fn controller(&self) -> &str {
        self.option("ctl").as_str().unwrap_or("virtio-blk")
    }

    /// The kernel's name for a disk on that controller.
    fn disk_name(&self, index: usize) -> String {
        let letter = char::from(b'a' + u8::try_from(index).unwrap());
        match self.controller() {
            name if name.starts_with("virtio-blk") => format!("vd{letter}"),
            name if name.starts_with("nvme") => format!("nvme{index}n1"),
            "sdhci" => format!("mmcblk{index}"),
            _ => format!("sd{letter}"),
        }
    }

    fn partition_name(&self, index: usize, number: u64) -> String {
        let disk = self.disk_name(index);
        let joint = if disk.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
        format!("{disk}{joint}{number}")
    }

    /// Every partition: the disk's index and the recorded object.
    fn partitions(&self) -> Vec<(usize, &Value)> {
        self.disks()
            .iter()
            .enumerate()
            .flat_map(|(index, disk)| {
                disk["parts"].as_array().into_iter().flatten().map(move |part| (index, part))
            })
            .collect()
    }

    /// The disk and the number of the partition that holds GRUB's folder.
    fn grub_partition(&self) -> (usize, u64) {
        let role = if self.boot_fs().is_some() { "boot" } else { "root" };
        let found = self.partitions().into_iter().find(|(_, part)| part["role"] == role);
        found.map_or((0, 1), |(disk, part)| (disk, part["num"].as_u64().unwrap()))
    }

    /// The machine as a target file would describe it.
    pub(crate) fn target(&self) -> Target {
        let count = self.disks().len();
        let first = usize::try_from(self.0["boot_disk_first"].as_u64().unwrap_or(0)).unwrap();
        let order: Vec<usize> = (first..count).chain(0..first).collect();
        let sector =
            match (self.controller(), self.option("logical").as_u64(), self.option("sector").as_u64()) {
                (name, ..) if name.ends_with("-4k") => 4096,
                (_, logical, sector) => logical.or(sector).unwrap_or(512),
            };
        let mut text = format!(
            "name: lab\ntitle: a machine of the lab\nfirmware: {}\nsecure_boot: {}\ndevices:\n  - modalias: \
             \"pci:v00008086d00001237sv00001AF4sd00001100bc06sc00i00\"\n",
            self.text("firmware"),
            self.0["secure_boot"]
        );
        let disk = |index: usize| format!("disk: {}, sector_size: {sector}", self.disk_name(index));
        let scsi = |index: &usize| format!("{{ modalias: \"scsi:t-0x00\", {} }}", disk(*index));
        let qemu = |ids: &str, class: &str| format!("pci:{ids}sv00001AF4sd00001100{class}");
        let pci = match self.controller() {
            name if name.starts_with("virtio-blk") => {
                for index in &order {
                    let modalias = "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00";
                    let child = format!("{{ modalias: \"virtio:d00000002v00001AF4\", {} }}", disk(*index));
                    writeln!(text, "  - {{ modalias: \"{modalias}\", children: [{child}] }}").unwrap();
                }
                return parse(text.as_bytes(), "lab.yaml").unwrap();
            }
            name if name.starts_with("nvme") => {
                for index in &order {
                    let modalias = qemu("v00001B36d00000010", "bc01sc08i02");
                    writeln!(text, "  - {{ modalias: \"{modalias}\", {} }}", disk(*index)).unwrap();
                }
                return parse(text.as_bytes(), "lab.yaml").unwrap();
            }
            "sdhci" => {
                let modalias = qemu("v00001B36d00000007", "bc08sc05i01");
                let child = format!("{{ modalias: \"mmc:block\", {} }}", disk(0));
                writeln!(text, "  - {{ modalias: \"{modalias}\", children: [{child}] }}").unwrap();
                return parse(text.as_bytes(), "lab.yaml").unwrap();
            }
            "virtio-scsi" => "pci:v00001AF4d00001004sv00001AF4sd00000008bc01sc00i00".to_owned(),
            "ide" => qemu("v00008086d00007010", "bc01sc01i80"),
            "ahci" => qemu("v00008086d00002922", "bc01sc06i01"),
            "pvscsi" => "pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc00i00".to_owned(),
            "lsi53c895a" => "pci:v00001000d00000012sv00000000sd00001000bc01sc00i00".to_owned(),
            "megasas" => "pci:v00001000d00000060sv00001000sd00001013bc01sc04i00".to_owned(),
            "mptsas1068" => "pci:v00001000d00000054sv00001000sd00008000bc01sc00i00".to_owned(),
            "am53c974" => "pci:v00001022d00002020sv00000000sd00000000bc01sc00i00".to_owned(),
            "usb-storage" => qemu("v00001B36d0000000D", "bc0Csc03i30"),
            "ufs" => qemu("v00001B36d00000013", "bc01sc09i01"),
            other => panic!("{}: no modalias is known of the controller {other}", self.id()),
        };
        let disks: Vec<String> = order.iter().map(scsi).collect();
        let bus = match self.controller() {
            "virtio-scsi" => {
                format!("{{ modalias: \"virtio:d00000008v00001AF4\", children: [{}] }}", disks.join(", "))
            }
            "usb-storage" => {
                let usb = "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00";
                format!("{{ modalias: \"{usb}\", children: [{}] }}", disks.join(", "))
            }
            _ => disks.join(", "),
        };
        writeln!(text, "  - {{ modalias: \"{pci}\", children: [{bus}] }}").unwrap();
        parse(text.as_bytes(), "lab.yaml").unwrap()
    }

    /// The machine's files.
    pub(crate) fn tree(&self) -> Tree {
        let mut files = base(self.text("kernel"));
        files.insert("etc/fstab".to_owned(), Piece::File(self.fstab().into()));
        self.boot_files(&mut files);
        self.esp_files(&mut files);
        for (name, text) in self.outputs() {
            files.insert(format!("sos_commands/{name}"), Piece::File(text.into()));
        }
        if !self.is_uefi() {
            for (index, dump) in self.dumps().into_iter().enumerate() {
                let name = format!("sos_commands/boot/dd_if=.dev.{}_count=4096", self.disk_name(index));
                files.insert(name, Piece::File(dump));
            }
        }
        let add = |memory: Memory, (path, piece): (String, Piece)| match piece {
            Piece::File(bytes) | Piece::NewerFile(bytes) => memory.file(&path, bytes),
            Piece::Link(to) => memory.link(&path, &to),
            Piece::Folder | Piece::Fifo => memory.directory(&path),
        };
        files.into_iter().fold(Memory::new(), add).into_tree()
    }

    fn is_lvm(&self) -> bool {
        self.option("lvm") == true
    }

    fn fstab(&self) -> String {
        let (root, boot) = self.uuids();
        let device = if self.is_lvm() { "/dev/mapper/vg0-root".to_owned() } else { format!("UUID={root}") };
        let mut text = format!("{device} / ext4 errors=remount-ro 0 1\n");
        if let Some(kind) = self.boot_fs() {
            writeln!(text, "UUID={boot} /boot {kind} defaults 0 2").unwrap();
        }
        if self.partitions().iter().any(|(_, part)| part["role"] == "esp") {
            text.push_str("UUID=5AFE-E5F0 /boot/efi vfat umask=0077,nofail 0 1\n");
        }
        text
    }

    /// `/boot` and what is below it but the EFI system partition.
    fn boot_files(&self, files: &mut BTreeMap<String, Piece>) {
        let release = self.text("kernel");
        let kernel = match self.option("kernel_file").as_str() {
            Some("empty") => Vec::new(),
            Some("half") => half_kernel(release),
            Some("text") => b"this is no kernel\n".repeat(4096),
            Some("unsigned") => efi_kernel(release, None),
            _ => efi_kernel(release, Some("Debian Secure Boot CA")),
        };
        files.insert(format!("boot/vmlinuz-{release}"), Piece::File(kernel));
        if let (Some(config), true) = (self.0["grub_cfg"].as_str(), self.option("nocfg") != true) {
            files.insert("boot/grub/grub.cfg".to_owned(), Piece::File(config.into()));
        }
        if let Some(environment) = self.0["grubenv"].as_str() {
            files.insert("boot/grub/grubenv".to_owned(), Piece::File(environment.into()));
        }
        if self.option("bootlink") == true {
            files.insert("boot/boot".to_owned(), Piece::Link(".".to_owned()));
        }
        if !self.is_uefi() && self.option("moddir") != false {
            for name in BIOS_MODULES {
                files.insert(format!("boot/grub/i386-pc/{name}.mod"), Piece::File(Vec::new()));
            }
            files.insert("boot/grub/i386-pc/core.img".to_owned(), Piece::File(self.core().core()));
        }
    }

    fn esp_files(&self, files: &mut BTreeMap<String, Piece>) {
        let is_fat = self.0["options"].get("espfs").is_none_or(|kind| kind == "vfat");
        let mut list = "/boot:\ntotal 4\n".to_owned();
        if self.partitions().iter().any(|(_, part)| part["role"] == "esp") {
            files.insert("boot/efi".to_owned(), Piece::Folder);
            list.push_str("\n/boot/efi:\ntotal 4\n");
        }
        for (path, token) in self.0["esp"].as_object().into_iter().flatten().filter(|_| is_fat) {
            let (folder, name) =
                path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
            writeln!(list, "\n/boot/efi/{folder}:\n-rwx------ 1 0 0 4096 Nov 20 10:00 {name}").unwrap();
            let bytes = program(token.as_str().unwrap(), self.text("kernel"));
            files.insert(format!("boot/efi/{path}"), Piece::File(bytes));
        }
        files.insert(
            "sos_commands/boot/ls_-lanR_.boot".to_owned(),
            Piece::File(list.replace("efi/:", "efi:").into()),
        );
    }

    /// What the tools print of the disks.
    fn outputs(&self) -> BTreeMap<String, String> {
        let mut outputs = BTreeMap::new();
        let sector = self.option("sector").as_u64().unwrap_or(512);
        for (index, disk) in self.disks().iter().enumerate() {
            let name = self.disk_name(index);
            let kind = if disk["table"] == "mbr" { "dos" } else { "gpt" };
            let mut text =
                format!("label: {kind}\ndevice: /dev/{name}\nunit: sectors\nsector-size: {sector}\n\n");
            for part in disk["parts"].as_array().into_iter().flatten() {
                let sectors = |key: &str| part[key].as_u64().unwrap() * (1 << 20) / sector;
                let mark = if self.is_active(part) { ", bootable" } else { "" };
                let partition = self.partition_name(index, part["num"].as_u64().unwrap());
                let (start, size, kind) = (sectors("start"), sectors("size"), part["type"].as_str().unwrap());
                writeln!(text, "/dev/{partition} : start={start:>12}, size={size:>12}, type={kind}{mark}")
                    .unwrap();
            }
            outputs.insert(format!("block/sfdisk_-d_.dev.{name}"), text);
        }
        outputs.insert("block/blkid_-c_.dev.null".to_owned(), self.blkid());
        if let Some(kind) = self.boot_fs() {
            let (disk, number) = self.grub_partition();
            let device = self.partition_name(disk, number);
            let (name, text) = match kind {
                "xfs" => (format!("xfs/xfs_info_.dev.{device}"), self.xfs_info(&device)),
                _ => (format!("filesys/dumpe2fs_-h_.dev.{device}"), self.dumpe2fs()),
            };
            outputs.insert(name, text);
        }
        outputs
    }

    fn is_active(&self, part: &Value) -> bool {
        let by_table = part.get("active").map(|active| active == true);
        by_table.unwrap_or(self.text("table") == "mbr" && part["num"] == 1 && self.option("active") != false)
    }

    fn blkid(&self) -> String {
        let (root, boot) = self.uuids();
        let mut text = String::new();
        for (index, part) in self.partitions() {
            let name = self.partition_name(index, part["num"].as_u64().unwrap());
            let tags = match part["role"].as_str().unwrap() {
                "root" if self.is_lvm() => "UUID=\"PVPVPV-0000\" TYPE=\"LVM2_member\" ".to_owned(),
                "root" => format!("UUID=\"{root}\" TYPE=\"ext4\" "),
                "boot" => format!("UUID=\"{boot}\" TYPE=\"{}\" ", self.boot_fs().unwrap()),
                "esp" => match self.0["options"].get("espfs").map(Value::as_str) {
                    None | Some(Some("vfat")) => "UUID=\"5AFE-E5F0\" TYPE=\"vfat\" ".to_owned(),
                    Some(Some(kind)) => format!("UUID=\"e5fe0000-0000\" TYPE=\"{kind}\" "),
                    Some(None) => String::new(),
                },
                _ => String::new(),
            };
            let uuid = part["uuid"].as_str().unwrap().to_lowercase();
            writeln!(text, "/dev/{name}: {tags}PARTUUID=\"{uuid}\"").unwrap();
        }
        if self.is_lvm() {
            writeln!(text, "/dev/mapper/vg0-root: UUID=\"{root}\" TYPE=\"ext4\"").unwrap();
        }
        text
    }

    /// The options of mkfs that follow `flag`.
    fn made_with(&self, flag: &str) -> Vec<String> {
        let words: Vec<&str> =
            self.0["boot_fs_opts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values = words.windows(2).filter(|pair| pair[0] == flag).flat_map(|pair| pair[1].split(','));
        values.map(str::to_owned).collect()
    }

    /// mke2fs(8): small file systems get blocks of 1 KiB, and those start at block 1 unless there are clusters.
    fn dumpe2fs(&self) -> String {
        let features = self.made_with("-O");
        let size = self.made_with("-b").first().map_or(1024, |size| size.parse::<u32>().unwrap());
        let is_bigalloc = features.iter().any(|feature| feature == "bigalloc");
        let first = u32::from(size == 1024 && !is_bigalloc);
        let base = if self.boot_fs() == Some("ext2") {
            "ext_attr dir_index filetype"
        } else {
            "has_journal ext_attr filetype extent 64bit flex_bg"
        };
        let boot = self.uuids().1;
        format!(
            "dumpe2fs 1.47.0 (5-Feb-2023)\nFilesystem UUID:          {boot}\nFilesystem features:      {base} {}\nFirst block:              \
             {first}\nBlock size:               {size}\n",
            features.join(" ")
        )
    }

    fn xfs_info(&self, device: &str) -> String {
        let is_set = |word: &str| u8::from(self.made_with("-i").iter().any(|own| own == word));
        format!(
            "meta-data=/dev/{device}              isize=512    agcount=4, agsize=20480 blks\n         =                       crc=1        \
             finobt=1, sparse=1, rmapbt=0\n         =                       reflink=1    bigtime=1 inobtcount=1 nrext64={}\ndata     =   \
                                 bsize=4096   blocks=81920, imaxpct=25\n",
            is_set("nrext64=1")
        )
    }

    /// GRUB's core image for BIOS.
    fn core(&self) -> Grub {
        let (_, number) = self.grub_partition();
        let kind = if self.text("table") == "gpt" { "gpt" } else { "msdos" };
        let folder = if self.boot_fs().is_some() { "/grub" } else { "/boot/grub" };
        let prefix = self
            .option("prefix")
            .as_str()
            .map_or_else(|| format!("(,{kind}{number}){folder}"), str::to_owned);
        let chosen = self.option("coremods").as_array();
        let modules: Vec<&str> = match chosen {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None => vec!["biosdisk", "part_msdos", "part_gpt", "ext2", "xfs", "search_fs_uuid"],
        };
        Grub { config: self.option("load_cfg").as_str().map(str::to_owned), ..Grub::new(&prefix, &modules) }
    }

    /// The first sectors of each disk.
    fn dumps(&self) -> Vec<Vec<u8>> {
        let layout = self.option("disks").as_str().unwrap_or_default();
        let (grub_disk, _) = self.grub_partition();
        let dump = |(index, disk): (usize, &Value)| {
            let parts = disk["parts"].as_array().map_or(&[][..], Vec::as_slice);
            let is_gpt = disk["table"] == "gpt";
            let has_code = match layout {
                "grub2nd" => index == 1,
                "blankfirst" => index == grub_disk,
                "oldgrub" => true,
                _ => index == 0,
            };
            let code = match self.option("bootcode") {
                _ if !has_code => "",
                Value::Bool(false) => "",
                Value::String(kind) if kind == "syslinux" => "plain",
                _ => "grub",
            };
            let mut core = self.core();
            if layout == "oldgrub" && index == 0 {
                let gone =
                    "search.fs_uuid 99999999-aaaa-bbbb-cccc-dddddddddddd root \nset prefix=($root)'/grub'\n";
                core = Grub { config: Some(gone.to_owned()), ..core };
            }
            let mut image = core.core();
            if self.option("core") == "half" {
                // Only the first half was written: what follows is as it was before.
                let half = image.len() / 2;
                image[half..].fill(0);
            }
            let bios =
                parts.iter().find(|part| part["role"] == "bios").and_then(|part| part["start"].as_u64());
            let core_at =
                bios.map_or(if is_gpt { 34 } else { 1 }, |start| usize::try_from(start).unwrap() * 2048);
            let byte = |part: &Value| u8::from_str_radix(part["type"].as_str().unwrap(), 16).unwrap_or(0x83);
            let start = |part: &Value| u32::try_from(part["start"].as_u64().unwrap() * 2048).unwrap();
            let partitions = match is_gpt {
                true => vec![(0xee, false, 1)],
                false => parts.iter().map(|part| (byte(part), self.is_active(part), start(part))).collect(),
            };
            let is_signed = self.option("signature") != false;
            let core = (code == "grub" && self.option("core") != false).then_some(image);
            FirstSectors { code, core, core_at, is_signed, partitions }.dump()
        };
        self.disks().iter().enumerate().map(dump).collect()
    }
}

/// The rest of a Debian machine: its kernel's modules, an initrd with all of them, and the GRUB that it has.
fn base(release: &str) -> BTreeMap<String, Piece> {
    let systems = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems");
    let mut files = pieces(&systems.join("debian12-vm"));
    files.retain(|path, _| !path.starts_with("usr/lib/modules/") && !path.starts_with("boot/"));
    let Some(Piece::File(table)) = pieces(&systems).remove("linux-6.1.modules") else {
        panic!("no table of modules")
    };
    let table = String::from_utf8(table).unwrap() + MORE_MODULES;
    let kernel = Kernel::new(release, &table, &[]);
    for (path, bytes) in kernel.files() {
        files.insert(format!("usr/lib/modules/{release}/{path}"), Piece::File(bytes));
    }
    let mut image = Archive::new();
    image.link("lib", "usr/lib").link("bin", "usr/bin").link("sbin", "usr/sbin");
    image
        .program("init", "#!/bin/sh\n")
        .program("scripts/functions", "#!/bin/sh\n")
        .program("scripts/local", "#!/bin/sh\n");
    image.file("conf/initramfs.conf", "MODULES=most\nBUSYBOX=auto\n");
    image.program("usr/lib/systemd/systemd-udevd", "").file("usr/lib/udev/rules.d/80-drivers.rules", "");
    image.program("usr/sbin/lvm", "").file("usr/lib/udev/rules.d/56-lvm.rules", "");
    kernel.add_to(&mut image, "usr/lib/modules");
    files.insert(format!("boot/initrd.img-{release}"), Piece::File(gzip(&image.build())));
    if let Some(Piece::File(status)) = files.get_mut("var/lib/dpkg/status") {
        let package = "\nPackage: grub-common\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.06-13+deb12u2\n";
        status.extend(package.as_bytes());
    }
    files
}

/// A kernel whose header promises more than there is.
fn half_kernel(release: &str) -> Vec<u8> {
    let mut image = bzimage(release);
    image[0x1f4..0x1f8].copy_from_slice(&0x8_0000_u32.to_le_bytes());
    image
}

/// A program on the EFI system partition by the name that the table has for it; other texts are themselves.
fn program(token: &str, release: &str) -> Vec<u8> {
    const X64: u16 = 0x8664;
    let microsoft = Some("Microsoft Corporation UEFI CA 2011");
    let debian = Some("Debian Secure Boot CA");
    match token {
        "shim" => efi_program(X64, &[(".text", b"code"), (".vendor_", b"key")], microsoft),
        "grub" => Grub::new("/EFI/debian", &SIGNED_MODULES).program(X64, debian),
        "mygrub" => Grub::new("/EFI/debian", &OWN_MODULES).program(X64, None),
        "fb" | "mm" => efi_program(X64, &[(".text", b"code")], debian),
        "csv" => "shimx64.efi,debian,,This is the boot entry for debian\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
        "sdboot" => efi_program(
            X64,
            &[(".text", b"code"), (".sdmagic", b"#### LoaderInfo: systemd-boot 252 ####")],
            None,
        ),
        "grub32" => Grub::new("/EFI/debian", &OWN_MODULES).program(0x14c, None),
        "half-grub" => {
            let whole = Grub::new("/EFI/debian", &OWN_MODULES).program(X64, None);
            whole[..whole.len() / 2].to_vec()
        }
        "empty" => Vec::new(),
        "kernel" => efi_kernel(release, debian),
        "initrd" => {
            let Some(Piece::File(image)) = base(release).remove(&format!("boot/initrd.img-{release}")) else {
                panic!()
            };
            image
        }
        text => text.into(),
    }
}
