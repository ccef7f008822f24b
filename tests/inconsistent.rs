//! A healthy system in which one thing at a time is broken: the step concerned fails or is unknown and says why, and
//! nothing that would not boot is said to boot.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use bootproof::facts::{Facts, Limits};
use bootproof::simulate::{self, Boot, Outcome, State, Step};
use bootproof::source::Tree;
use bootproof::source::memory::Memory;
use bootproof::target;
use common::fixture::{self, Piece};
use common::pack::{Archive, alias_index, dependency_index, gzip};

const RELEASE: &str = "6.1.0-37-amd64";
const OTHER: &str = "6.1.0-36-amd64";
const KERNEL: &str = "boot/vmlinuz-6.1.0-37-amd64";
const INITRD: &str = "boot/initrd.img-6.1.0-37-amd64";
const MENU: &str = "boot/grub/grub.cfg";
/// The folder of modules inside the initrd.
const MODULES: &str = "usr/lib/modules/6.1.0-37-amd64";

/// A file or link of the initrd: its mode and bytes.
type Packed = (u32, Vec<u8>);

/// The system `debian12-vm`, and its initrd unpacked.
struct System {
    files: BTreeMap<String, Piece>,
    initrd: BTreeMap<String, Packed>,
}

impl System {
    fn healthy() -> Self {
        let files = fixture::pieces(Path::new("testdata/systems/debian12-vm"));
        let Piece::File(packed) = &files[INITRD] else { panic!("{INITRD} is a file") };
        let start = packed.windows(3).position(|bytes| bytes == [0x1f, 0x8b, 8]).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[start..]).read_to_end(&mut bytes).unwrap();
        Self { initrd: unpacked(&bytes), files }
    }

    /// The files of the system with the initrd packed again, as a tree.
    fn into_tree(mut self) -> Tree {
        if self.files.contains_key(INITRD) && !self.initrd.is_empty() {
            self.put(INITRD, gzip(&packed(&self.initrd)));
        }
        let mut memory = Memory::new();
        for (path, piece) in self.files {
            memory = match piece {
                Piece::File(bytes) | Piece::NewerFile(bytes) => memory.file(&path, bytes),
                Piece::Link(to) => memory.link(&path, &to),
                Piece::Folder | Piece::Fifo => memory.directory(&path),
            };
        }
        memory.into_tree()
    }

    fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.to_owned(), Piece::File(bytes.into()));
    }

    /// Puts bytes in place of the initrd, which is then not packed again.
    fn put_initrd(&mut self, bytes: impl Into<Vec<u8>>) {
        self.initrd.clear();
        self.put(INITRD, bytes);
    }

    fn bytes(&self, path: &str) -> Vec<u8> {
        match &self.files[path] {
            Piece::File(bytes) => bytes.clone(),
            other => panic!("{path}: {other:?}"),
        }
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path)).unwrap()
    }

    fn edit(&mut self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        assert!(text.contains(from), "{path} has no {from}");
        self.put(path, text.replace(from, to));
    }

    /// Takes out all below `folder`.
    fn remove_below(&mut self, folder: &str) {
        self.files.retain(|path, _| !path.starts_with(folder));
    }

    /// A file in the initrd by the end of its path.
    fn packed_mut(&mut self, end: &str) -> &mut Vec<u8> {
        let path = self.initrd.keys().find(|path| path.ends_with(end));
        let path = path.unwrap_or_else(|| panic!("the initrd has no {end}")).clone();
        &mut self.initrd.get_mut(&path).unwrap().1
    }

    /// Changes the text table `name` of the initrd, and what libkmod reads of it.
    fn edit_table(&mut self, name: &str, from: &str, to: &str) {
        let path = format!("{MODULES}/{name}");
        let text = String::from_utf8(self.initrd[&path].1.clone()).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        let text = text.replace(from, to);
        let index = if name == "modules.dep" { dependency_index(&text) } else { alias_index(&text) };
        self.initrd.insert(format!("{path}.bin"), (0o100_644, index));
        self.initrd.insert(path, (0o100_644, text.into_bytes()));
    }

    /// Replaces `from` by `to`, which is as long, in all of the initrd.
    fn rename_in_initrd(&mut self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let replaced = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for at in 0..bytes.len().saturating_sub(from.len() - 1) {
                if bytes[at..].starts_with(from.as_bytes()) {
                    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
                }
            }
            bytes
        };
        let old = std::mem::take(&mut self.initrd);
        self.initrd = old
            .into_iter()
            .map(|(path, (mode, bytes))| (path.replace(from, to), (mode, replaced(&bytes))))
            .collect();
    }

    /// What becomes of each entry under KVM.
    fn boots(self) -> Vec<Boot> {
        let facts = Facts::gather(&self.into_tree(), &Limits::default());
        simulate::simulate(&facts, &target::select(&["kvm".to_owned()]).unwrap())
    }
}

fn unpacked(mut archive: &[u8]) -> BTreeMap<String, Packed> {
    let mut files = BTreeMap::new();
    loop {
        let mut reader = cpio::newc::Reader::new(archive).unwrap();
        if reader.entry().is_trailer() {
            return files;
        }
        let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        archive = reader.finish().unwrap();
        files.insert(name, (mode, bytes));
    }
}

fn packed(files: &BTreeMap<String, Packed>) -> Vec<u8> {
    let mut archive = Archive::new();
    for (path, (mode, bytes)) in files {
        match (mode & 0o170_000, mode & 0o111) {
            (0o120_000, _) => archive.link(path, std::str::from_utf8(bytes).unwrap()),
            (0o040_000, _) => archive.folder(path),
            (_, 0) => archive.file(path, bytes.clone()),
            _ => archive.program(path, bytes.clone()),
        };
    }
    archive.build()
}

/// The steps of a boot that are not ok, in words.
fn trouble(boot: &Boot) -> Vec<String> {
    let step = |step: &Step| format!("{} {:?}: {}", step.step.name(), step.state, step.detail);
    boot.steps.iter().filter(|step| step.state != State::Ok).map(step).collect()
}

/// The default entry does not boot; the first step that is not ok is `step`, and says `said`.
fn stops(name: &str, step: &str, said: &str, break_it: impl FnOnce(&mut System)) {
    let mut system = System::healthy();
    break_it(&mut system);
    let boots = system.boots();
    let boot = boots.iter().find(|boot| boot.default).unwrap_or_else(|| panic!("{name}: no default entry"));
    assert_ne!(boot.outcome, Outcome::Boots, "{name}: {:?}", trouble(boot));
    let first = boot.steps.iter().find(|step| step.state != State::Ok).unwrap();
    assert_eq!(first.step.name(), step, "{name}: {:?}", trouble(boot));
    assert!(first.detail.contains(said), "{name}: {:?} does not say {said:?}", trouble(boot));
}

#[test]
fn the_healthy_system_boots() {
    let boots = System::healthy().boots();
    assert_eq!(boots.len(), 2);
    for boot in &boots {
        assert_eq!(boot.outcome, Outcome::Boots, "{}: {:?}", boot.entry, trouble(boot));
    }
}

#[test]
fn tables_of_modules_that_are_gone_or_damaged_stop_it_at_the_disk() {
    let table = |name: &str| format!("{MODULES}/{name}");
    stops("no modules.dep", "disk-driver", "modules.dep", |system| {
        system.initrd.retain(|path, _| !path.contains("/modules.dep"));
    });
    stops("no modules.alias", "disk-driver", "modules.alias", |system| {
        system.initrd.retain(|path, _| !path.contains("/modules.alias"));
    });
    stops("modules.dep.bin is cut off", "disk-driver", "modules.dep", |system| {
        system.packed_mut("modules.dep.bin").truncate(20);
    });
    stops("modules.alias.bin is text", "disk-driver", "modules.alias", |system| {
        *system.packed_mut("modules.alias.bin") = b"alias pci:* virtio_pci\n".to_vec();
    });
    stops("all tables are empty", "disk-driver", "", |system| {
        for name in ["modules.dep", "modules.dep.bin", "modules.alias", "modules.alias.bin"] {
            system.initrd.insert(table(name), (0o100_644, Vec::new()));
        }
    });
}

#[test]
fn modules_that_cannot_load_stop_it_at_the_disk() {
    stops("a module is cut off", "disk-driver", "virtio_blk", |system| {
        system.packed_mut("/virtio_blk.ko").truncate(40);
    });
    stops("a module is text", "disk-driver", "virtio_blk", |system| {
        *system.packed_mut("/virtio_blk.ko") = b"not a module\n".to_vec();
    });
    stops("a dependency is listed and absent", "disk-driver", "virtio_ring", |system| {
        system.initrd.retain(|path, _| !path.ends_with("/virtio_ring.ko"));
    });
    stops("the driver is absent", "disk-driver", "virtio_blk", |system| {
        system.initrd.retain(|path, _| !path.ends_with("/virtio_blk.ko"));
    });
    stops("dependencies go in a circle", "disk-driver", "virtio", |system| {
        let path = system.initrd.keys().find(|path| path.ends_with("/virtio.ko")).unwrap().clone();
        let inside = path.strip_prefix(&format!("{MODULES}/")).unwrap().to_owned();
        system.edit_table(
            "modules.dep",
            &format!("\n{inside}:"),
            &format!("\n{inside}: kernel/drivers/block/virtio_blk.ko"),
        );
    });
    stops("patterns have broken brackets", "disk-driver", "virtio_blk", |system| {
        system.edit_table("modules.alias", "alias virtio:d00000002v* ", "alias virtio:d0000000[2v* ");
    });
}

#[test]
fn an_initrd_that_is_none_stops_it_there() {
    stops("the initrd is empty", "initrd", INITRD, |system| system.put_initrd(""));
    stops("the initrd is text", "initrd", INITRD, |system| system.put_initrd("this is no initrd\n"));
    stops("the initrd is zeros", "initrd", INITRD, |system| system.put_initrd(vec![0; 4096]));
    stops("the initrd is cut off", "initrd", INITRD, |system| {
        let mut bytes = system.bytes(INITRD);
        bytes.truncate(bytes.len() / 2);
        system.put_initrd(bytes);
    });
    stops("the initrd is not there", "initrd", INITRD, |system| {
        system.files.remove(INITRD);
    });
    stops("the initrd is a link to nothing", "initrd", INITRD, |system| {
        system.files.insert(INITRD.to_owned(), Piece::Link("initrd.img-gone".to_owned()));
        system.initrd.clear();
    });
    stops("the initrd is a link to itself", "initrd", INITRD, |system| {
        system.files.insert(INITRD.to_owned(), Piece::Link("initrd.img-6.1.0-37-amd64".to_owned()));
        system.initrd.clear();
    });
    stops("the initrd is a folder", "initrd", INITRD, |system| {
        system.files.insert(INITRD.to_owned(), Piece::Folder);
        system.initrd.clear();
    });
    stops("the kernel cannot unpack it", "initrd", "RD_GZIP", |system| {
        let config = "boot/config-6.1.0-37-amd64";
        system.edit(config, "CONFIG_RD_GZIP=y", "# CONFIG_RD_GZIP is not set");
    });
}

#[test]
fn an_initrd_without_an_init_leaves_the_kernel_alone_with_the_disk() {
    let mut system = System::healthy();
    system.initrd.remove("init");
    for boot in system.boots() {
        assert_ne!(boot.outcome, Outcome::Boots, "{:?}", trouble(&boot));
    }
}

#[test]
fn a_kernel_that_is_none_stops_it_there() {
    for (name, bytes) in
        [("text", b"#!/bin/sh\nexit 0\n".to_vec()), ("nothing", Vec::new()), ("zeros", vec![0; 100_000])]
    {
        stops(&format!("the kernel is {name}"), "kernel", KERNEL, |system| system.put(KERNEL, bytes));
    }
    stops("the kernel is not there", "kernel", KERNEL, |system| {
        system.files.remove(KERNEL);
    });
    stops("the kernel is a link to nothing", "kernel", KERNEL, |system| {
        system.files.insert(KERNEL.to_owned(), Piece::Link("gone".to_owned()));
    });
    stops("the kernel is cut off", "kernel", KERNEL, |system| {
        let mut bytes = system.bytes(KERNEL);
        bytes.truncate(300);
        system.put(KERNEL, bytes);
    });
}

#[test]
fn files_of_different_kernels_do_not_go_together() {
    stops("the initrd is for another kernel", "disk-driver", OTHER, |system| {
        system.rename_in_initrd(RELEASE, OTHER);
    });
    stops("the kernel says that it is another one", "disk-driver", OTHER, |system| {
        let bytes = system.bytes(KERNEL);
        let at = bytes.windows(RELEASE.len()).position(|bytes| bytes == RELEASE.as_bytes()).unwrap();
        let mut bytes = bytes;
        bytes[at..at + OTHER.len()].copy_from_slice(OTHER.as_bytes());
        system.put(KERNEL, bytes);
    });
    // With modversions a kernel takes modules of another build of the same version, but of no other version.
    let foreign = "5.9.0-37-amd64";
    stops("only the modules' own vermagic differs", "disk-driver", "virtio", |system| {
        for (_, (_, bytes)) in system.initrd.iter_mut().filter(|(path, _)| path.ends_with(".ko")) {
            while let Some(at) = bytes.windows(RELEASE.len()).position(|b| b == RELEASE.as_bytes()) {
                bytes[at..at + foreign.len()].copy_from_slice(foreign.as_bytes());
            }
        }
    });
}

#[test]
fn a_menu_that_names_other_files_stops_it_by_their_names() {
    stops("another kernel", "kernel", "vmlinuz-9.9.9", |system| {
        system.edit(MENU, "/boot/vmlinuz-6.1.0-37-amd64", "/boot/vmlinuz-9.9.9");
    });
    stops("another initrd", "initrd", "initrd.img-9.9.9", |system| {
        system.edit(MENU, "/boot/initrd.img-6.1.0-37-amd64", "/boot/initrd.img-9.9.9");
    });
}

#[test]
fn a_root_that_only_one_entry_names_is_missed_in_the_other() {
    let mut system = System::healthy();
    let text = system.text(MENU);
    let (first, rest) = text.split_at(text.find("submenu").unwrap());
    let rest = rest.replace("root=UUID=8a1c54b1-92bd-4f0c-8f4f-64ad6e4a2f11 ", "");
    system.put(MENU, format!("{first}{rest}"));
    let boots = system.boots();
    assert_eq!(boots[0].outcome, Outcome::Boots, "{:?}", trouble(&boots[0]));
    assert_ne!(boots[1].outcome, Outcome::Boots, "{:?}", boots[1]);
    assert!(trouble(&boots[1])[0].starts_with("root-device"), "{:?}", trouble(&boots[1]));
}

#[test]
fn a_root_that_is_nowhere_is_not_mounted() {
    let known = "8a1c54b1-92bd-4f0c-8f4f-64ad6e4a2f11";
    stops("a name that no disk gets", "root-device", "sda1", |system| {
        system.edit(MENU, &format!("root=UUID={known}"), "root=/dev/sda1");
    });
}

#[test]
fn without_anything_to_boot_nothing_is_said_to_boot() {
    for folder in ["boot/", "boot/grub/"] {
        let mut system = System::healthy();
        system.remove_below(folder);
        for boot in system.boots() {
            assert!(folder == "boot/grub/" || boot.outcome != Outcome::Boots, "{folder}: {}", boot.entry);
        }
    }
    let mut system = System::healthy();
    system.files.retain(|path, _| path.starts_with("etc/"));
    assert_eq!(system.boots().len(), 0);
}

#[test]
fn two_entries_with_one_id_are_told_apart() {
    let mut system = System::healthy();
    let text = system.text(MENU);
    let start = text.find("menuentry '").unwrap();
    let entry = &text[start..text.find("submenu").unwrap()];
    let broken = entry.replace("/boot/initrd.img-6.1.0-37-amd64", "/boot/initrd.img-gone");
    system.put(MENU, format!("{text}\n{broken}"));
    let boots = system.boots();
    assert_eq!(boots.len(), 3);
    assert_eq!(boots[0].outcome, Outcome::Boots, "{:?}", trouble(&boots[0]));
    assert_eq!(boots[2].outcome, Outcome::Fails, "{:?}", trouble(&boots[2]));
    assert_eq!(boots[0].entry_id, boots[2].entry_id);
    assert!(boots[0].default && !boots[2].default);
}

#[test]
fn a_broken_environment_of_grub_is_no_reason_to_stop() {
    for bytes in [Vec::new(), b"# GRUB".to_vec(), vec![b'#'; 1023], vec![0xff; 4096], vec![b'#'; 1024]] {
        let mut system = System::healthy();
        system.put("boot/grub/grubenv", bytes);
        let boots = system.boots();
        assert_eq!(boots.iter().filter(|boot| boot.default).count(), 1);
        assert_eq!(boots[0].outcome, Outcome::Boots, "{:?}", trouble(&boots[0]));
    }
}

#[test]
fn an_entry_without_a_kernel_boots_nothing() {
    let mut system = System::healthy();
    system.remove_below("boot/grub/");
    system.put("boot/grub2/grub.cfg", "set default=0\nblscfg\n");
    let whole = "title Whole\nversion 6.1.0-37-amd64\nlinux /boot/vmlinuz-6.1.0-37-amd64\n\
                 initrd /boot/initrd.img-6.1.0-37-amd64\noptions root=UUID=8a1c54b1-92bd-4f0c-8f4f-64ad6e4a2f11 ro\n";
    system.put("boot/loader/entries/a-1.conf", whole);
    system.put("boot/loader/entries/a-2.conf", whole.replace("linux ", "# linux ").replace("Whole", "None"));
    for boot in system.boots() {
        assert!(boot.entry == "Whole" || boot.outcome != Outcome::Boots, "{boot:?}");
    }
}

#[test]
fn a_command_line_of_a_megabyte_is_read_as_the_kernel_reads_it() {
    let long = format!("ro {}", "x".repeat(1 << 20));
    let mut system = System::healthy();
    system.edit(MENU, "ro  quiet", &long);
    let boots = system.boots();
    assert_eq!(boots.len(), 2);
    let mut system = System::healthy();
    system.edit(MENU, "ro  quiet", &"panic=10 ".repeat(1 << 17));
    assert_eq!(system.boots().len(), 2);
}

#[test]
fn no_cut_of_the_menu_makes_it_panic() {
    let text = System::healthy().text(MENU);
    for end in (0..text.len()).step_by(97) {
        let mut system = System::healthy();
        system.put(MENU, &text.as_bytes()[..end]);
        for boot in system.boots() {
            assert!(!boot.steps.is_empty(), "cut at {end}: {}", boot.entry);
        }
    }
}

#[test]
fn no_cut_of_the_initrd_is_said_to_boot() {
    let whole = System::healthy().bytes(INITRD);
    for part in 1..20 {
        let mut system = System::healthy();
        system.put_initrd(&whole[..whole.len() * part / 20]);
        for boot in system.boots() {
            assert_ne!(boot.outcome, Outcome::Boots, "{part} of 20 parts: {:?}", trouble(&boot));
        }
    }
}
