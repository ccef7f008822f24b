//! The lab's recorded boots, predicted from their own description: the driver and the name of each card, what is up, and
//! which services fail. Another table of the same shape can be named by `LAB_NETWORK_TRUTH`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests, which read a table of this repository"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use bootproof::facts::{Facts, Limits};
use bootproof::simulate::{self, Boot, GivenEntry, NicFate, State};
use bootproof::source::memory::Memory;
use bootproof::source::{Node, NodeKind};
use bootproof::target::{self, Target};
use common::pack::{Archive, Kernel};
use serde::Deserialize;

/// One recorded boot, as far as it is compared.
#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    machine: String,
    cmdline: String,
    initrd: String,
    #[serde(default)]
    initrd_files: BTreeMap<String, String>,
    config_files: BTreeMap<String, String>,
    #[serde(default)]
    file_modes: BTreeMap<String, String>,
    nics: Vec<Nic>,
    slots: Vec<String>,
    #[serde(default)]
    acpi: Vec<String>,
    addr: Vec<String>,
    failed_units: Vec<String>,
    devices: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Nic {
    name: String,
    pci: Option<String>,
    driver: Option<String>,
    mac: String,
    id_net_name_path: Option<String>,
    id_net_name_slot: Option<String>,
    id_net_name_onboard: Option<String>,
    id_net_link_file: Option<String>,
    id_net_naming_scheme: Option<String>,
}

/// What the guest was: os-release, and its systemd, as far as the naming scheme tells.
fn system(record: &Record) -> (String, u32) {
    let scheme = record.nics.iter().find_map(|nic| nic.id_net_naming_scheme.as_deref());
    let systemd =
        scheme.and_then(|scheme| scheme.strip_prefix('v')?.parse().ok()).filter(|release| *release > 245);
    let (id, version) = match systemd {
        Some(247) => ("debian", "11"),
        Some(255) => ("ubuntu", "24.04"),
        Some(257) => ("debian", "13"),
        _ => ("debian", "12"),
    };
    (format!("ID={id}\nVERSION_ID=\"{version}\"\n"), systemd.unwrap_or(252))
}

/// The network drivers of Debian 12's kernel that the machines of the lab ask for, with what they depend on.
const MODULES: &str = "\
drivers/virtio/virtio:
drivers/virtio/virtio_ring:
drivers/virtio/virtio_pci_legacy_dev:
drivers/virtio/virtio_pci_modern_dev:
drivers/virtio/virtio_pci: virtio_pci_legacy_dev virtio_pci_modern_dev virtio virtio_ring | pci:v00001AF4d*sv*sd*bc*sc*i*
drivers/block/virtio_blk: virtio virtio_ring | virtio:d00000002v*
fs/ext4/ext4: | fs-ext4
net/core/failover:
drivers/net/net_failover: failover
drivers/net/virtio_net: net_failover virtio virtio_ring | virtio:d00000001v*
drivers/net/ethernet/intel/e1000/e1000: | pci:v00008086d0000100Esv*sd*bc*sc*i* pci:v00008086d0000100Fsv*sd*bc*sc*i* pci:v00008086d00001008sv*sd*bc*sc*i* pci:v00008086d00001004sv*sd*bc*sc*i*
drivers/net/ethernet/intel/e1000e/e1000e: | pci:v00008086d000010D3sv*sd*bc*sc*i*
drivers/net/ethernet/intel/igb/igb: | pci:v00008086d000010C9sv*sd*bc*sc*i*
drivers/net/ethernet/intel/igbvf/igbvf: | pci:v00008086d000010CAsv*sd*bc*sc*i*
drivers/net/ethernet/sun/sungem: | pci:v0000106Bd00000021sv*sd*bc*sc*i*
drivers/net/ethernet/intel/e100: | pci:v00008086d00001209sv*sd*bc02sc00i* pci:v00008086d00001229sv*sd*bc02sc00i*
drivers/net/ethernet/realtek/8139cp: | pci:v000010ECd00008139sv*sd*bc*sc*i*
drivers/net/ethernet/realtek/8139too: | pci:v000010ECd00008139sv*sd*bc*sc*i*
drivers/net/ethernet/amd/pcnet32: | pci:v00001022d00002000sv*sd*bc*sc*i*
drivers/net/ethernet/dec/tulip/tulip: | pci:v00001011d00000019sv*sd*bc*sc*i*
drivers/net/ethernet/8390/8390:
drivers/net/ethernet/8390/ne2k-pci: 8390 | pci:v000010ECd00008029sv*sd*bc*sc*i*
drivers/net/vmxnet3/vmxnet3: | pci:v000015ADd000007B0sv*sd*bc*sc*i*
drivers/ata/ahci: | pci:v*d*sv*sd*bc01sc06i01*
drivers/ata/ata_piix: | pci:v00008086d00007010sv*sd*bc*sc*i*
";

const RELEASE: &str = "6.1.0-50-amd64";
const SETUP_LINK: &str = "SUBSYSTEM!=\"net\", GOTO=\"end\"\nIMPORT{builtin}=\"net_setup_link\"\nNAME==\"\", ENV{ID_NET_NAME}!=\"\", NAME=\"$env{ID_NET_NAME}\"\nLABEL=\"end\"\n";
const DEFAULT_LINK: &str = "[Match]\nOriginalName=*\n\n[Link]\nNamePolicy=keep kernel database onboard slot path\nAlternativeNamesPolicy=database onboard slot path\nMACAddressPolicy=persistent\n";

/// The initrd: an image with udev, and the drivers of the disk alone or all.
fn initrd(kernel: &Kernel, record: &Record) -> Vec<u8> {
    let mut archive = Archive::new();
    archive.program("init", "#!/bin/sh\nexport PATH=/sbin:/usr/sbin:/bin:/usr/bin\n. /scripts/functions\n");
    archive.file("scripts/functions", "#!/bin/sh\n").file("conf/initramfs.conf", "MODULES=most\n");
    archive
        .file("conf/arch.conf", "DPKG_ARCH=amd64\n")
        .program("usr/bin/udevadm", "udev")
        .program("usr/lib/systemd/systemd-udevd", "udev");
    archive.program("scripts/init-top/udev", "#!/bin/sh\nudevadm trigger --action=add\n");
    archive.file(
        "usr/lib/udev/rules.d/80-drivers.rules",
        "ENV{MODALIAS}==\"?*\", RUN{builtin}+=\"kmod load\"\n",
    );
    archive.file("usr/lib/udev/rules.d/80-net-setup-link.rules", SETUP_LINK);
    archive.file("usr/lib/systemd/network/99-default.link", DEFAULT_LINK);
    archive.link("lib", "usr/lib").link("sbin", "usr/sbin").link("bin", "usr/bin");
    let disk = kernel.only(&["virtio_pci", "virtio_blk", "ext4"]);
    let kernel = if record.initrd.contains("most") { kernel } else { &disk };
    for (path, text) in &record.initrd_files {
        archive.file(path, text.as_str());
    }
    kernel.add_to(&mut archive, "usr/lib/modules");
    archive.build()
}

fn predict(record: &Record, target: &Target) -> Boot {
    let kernel = Kernel::new(RELEASE, MODULES, &[]);
    let (release, systemd) = system(record);
    let mut memory = Memory::new()
        .file("etc/os-release", release)
        .file("etc/fstab", "UUID=b0070002-0000-4000-8000-000000000001 / ext4 defaults 0 1\n")
        .file(&format!("usr/lib/systemd/libsystemd-shared-{systemd}.so"), "")
        .file("usr/lib/udev/rules.d/80-net-setup-link.rules", SETUP_LINK)
        .file("usr/lib/systemd/network/99-default.link", DEFAULT_LINK)
        .file("usr/lib/systemd/systemd", "")
        .file("usr/sbin/NetworkManager", "")
        .file("usr/sbin/ifup", "")
        .file("etc/network/interfaces", "auto lo\niface lo inet loopback\n")
        .file(
            "etc/NetworkManager/NetworkManager.conf",
            "[main]\nplugins=ifupdown,keyfile\n\n[ifupdown]\nmanaged=false\n",
        )
        .file("usr/lib/systemd/system-generators/netplan", "")
        .file(&format!("boot/vmlinuz-{RELEASE}"), common::pack::bzimage(RELEASE))
        .file(&format!("boot/initrd.img-{RELEASE}"), initrd(&kernel, record))
        .link("sbin", "usr/sbin")
        .link("lib", "usr/lib")
        .link(
            "etc/systemd/system/multi-user.target.wants/networking.service",
            "/lib/systemd/system/networking.service",
        );
    for (path, bytes) in kernel.files() {
        memory = memory.file(&format!("usr/lib/modules/{RELEASE}/{path}"), bytes);
    }
    for (path, text) in &record.config_files {
        memory = match text.strip_prefix("-> ") {
            Some(to) => memory.link(path, to),
            None => memory.file(path, text),
        };
        if let Some(mode) = record.file_modes.get(path) {
            let mode = u32::from_str_radix(mode, 8).unwrap();
            let node = Node { kind: NodeKind::File, len: text.len() as u64, mode, uid: 0, mtime: 0 };
            memory.insert(Path::new(path), node, text.as_bytes().into());
        }
    }
    let facts = Facts::gather(&memory.into_tree(), &Limits::default());
    let given = GivenEntry {
        kernel: RELEASE.to_owned(),
        initrd: Some(format!("boot/initrd.img-{RELEASE}")),
        cmdline: record.cmdline.clone(),
    };
    let boots = simulate::simulate_entry(&facts, &given.to_entry(&facts), std::slice::from_ref(target));
    boots.into_iter().next().unwrap()
}

/// The machine as the guest saw it. `told` gives the slots' numbers, too; else they follow from the host bridge.
fn machine(record: &Record, told: bool) -> Target {
    let slot = |address: &str| {
        let place = address.split('.').next().unwrap();
        let found = record.slots.iter().find_map(|line| {
            let (number, at) = line.split_once(' ')?;
            let number: u32 = number.parse().ok()?; // `3-2` is a second one, which udev passes over
            (at == place).then_some(number)
        });
        found.unwrap_or(0)
    };
    let index = |address: &str| {
        record
            .acpi
            .iter()
            .find_map(|line| line.strip_prefix(&format!("{address} acpi_index "))?.parse::<u32>().ok())
    };
    let mac = |address: &str| {
        record.nics.iter().find(|nic| nic.pci.as_deref() == Some(address)).map(|nic| &nic.mac)
    };
    let devices = record.devices.iter().map(|line| {
        let mut words = line.split(' ');
        let (address, modalias) = (words.next().unwrap(), words.next().unwrap());
        let mut device = serde_json::json!({ "modalias": modalias, "slot": address });
        if modalias.contains("bc02sc") {
            if told {
                device["slot_number"] = slot(address).into();
            }
            if let Some(index) = index(address) {
                device["onboard_index"] = index.into();
            }
            if let Some(mac) = mac(address) {
                device["mac"] = mac.as_str().into();
            }
        }
        if modalias.starts_with("pci:v00001AF4d00001001") {
            device["children"] =
                serde_json::json!([{ "modalias": "virtio:d00000002v00001AF4", "disk": "vda" }]);
        }
        device
    });
    let devices: Vec<_> = devices.collect();
    let whole = serde_json::json!({ "name": "lab", "title": "lab", "firmware": "bios", "devices": devices });
    target::parse(whole.to_string().as_bytes(), &record.id).unwrap()
}

/// What is wrong about one card.
fn compare(record: &Record, told: &Nic, nic: &NicFate, wrong: &mut Vec<String>, raced: &mut usize) {
    let dashes = |text: &str| text.replace('-', "_");
    if nic.driver.as_deref().map(dashes) != told.driver.as_deref().map(dashes) {
        wrong.push(format!("driver {:?}, was {:?}", nic.driver, told.driver));
    }
    match &nic.name {
        Some(name) if *name != told.name => {
            wrong.push(format!("name {name}, was {}: {}", told.name, nic.why))
        }
        Some(_) => {}
        None if nic.why.contains("race")
            && (nic.possible_names.is_empty() || nic.possible_names.contains(&told.name)) =>
        {
            *raced += 1;
        }
        None => {
            wrong.push(format!("name unknown ({:?}: {}), was {}", nic.possible_names, nic.why, told.name))
        }
    }
    // A rename that failed leaves udev's database without the names.
    if told.id_net_name_path.is_some() && told.id_net_link_file.is_some() {
        for (what, said, was) in [
            ("path", &nic.path_name, &told.id_net_name_path),
            ("slot", &nic.slot_name, &told.id_net_name_slot),
            ("onboard", &nic.onboard_name, &told.id_net_name_onboard),
        ] {
            if said != was {
                wrong.push(format!("{what} {said:?}, was {was:?}"));
            }
        }
    }
    // A port has no address of its own: that is the bridge's or bond's above it, which is no card. NetworkManager takes a
    // card up to see its carrier, whether it configures it or not.
    let line = |name: &str| record.addr.iter().find(|line| line.split_whitespace().next() == Some(name));
    let has_address = |name: &str| {
        line(name).is_some_and(|line| line.split_whitespace().skip(2).any(|word| word.contains('.')))
    };
    let stacked = record.addr.iter().any(|line| {
        line.starts_with(['b', 'v']) && line.split_whitespace().skip(2).any(|word| word.contains('.'))
    });
    let is_up = line(&told.name).is_some_and(|line| line.split_whitespace().nth(1) == Some("UP"));
    if nic.name.is_some() && nic.configured != Some(has_address(&told.name) || (stacked && is_up)) {
        wrong.push(format!("{} configured {:?} by {:?}", told.name, nic.configured, nic.configured_by));
    }
}

fn judge(record: &Record, target: &Target) -> (Vec<String>, usize) {
    let boot = predict(record, target);
    let (mut wrong, mut raced) = (Vec::new(), 0);
    let cards: Vec<&Nic> = record.nics.iter().filter(|nic| nic.pci.is_some()).collect();
    for told in &cards {
        match boot.network.nics.iter().find(|nic| nic.slot == told.pci) {
            Some(nic) => compare(record, told, nic, &mut wrong, &mut raced),
            None => wrong.push(format!("no card at {:?}", told.pci)),
        }
    }
    let mut failed: Vec<&str> = record
        .failed_units
        .iter()
        .map(String::as_str)
        .filter(|unit| ["networking.service", "systemd-networkd-wait-online.service"].contains(unit))
        .collect();
    failed.sort_unstable();
    let mut said: Vec<&str> = boot.network.failing_services.iter().map(String::as_str).collect();
    said.sort_unstable();
    if failed != said {
        wrong.push(format!("failing services {said:?}, were {failed:?}"));
    }
    let step = boot.steps.last().unwrap();
    let up = boot.network.nics.iter().any(|nic| nic.configured == Some(true));
    let bare = step.detail.starts_with("no network is configured");
    let expected = if raced > 0 && !up {
        State::Unknown
    } else if up || bare {
        State::Ok
    } else {
        State::Fails
    };
    if step.state != expected {
        wrong.push(format!("step {:?}: {}", step.state, step.detail));
    }
    (wrong, raced)
}

fn records() -> Vec<Record> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab/network/truth.jsonl");
    let path = std::env::var_os("LAB_NETWORK_TRUTH").map_or(own, Into::into);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_recorded_boot_is_predicted() {
    let records = records();
    let mut report = String::new();
    let mut races = 0;
    for record in &records {
        for told in [true, false] {
            // Slots that PCIe itself numbers are told by nobody else.
            if !told && record.slots.iter().any(|slot| slot.starts_with("160 ")) {
                continue;
            }
            let (wrong, raced) = judge(record, &machine(record, told));
            races += usize::from(raced > 0 && told);
            for what in wrong {
                report += &format!(
                    "{} ({}{}): {what}\n",
                    record.id,
                    record.machine,
                    if told { "" } else { ", slots not told" }
                );
            }
        }
    }
    assert!(report.is_empty(), "{} boots, {races} with a race\n{report}", records.len());
    println!("{} boots, {races} with a race", records.len());
}
