//! The input of one case as a tree, and bootproof's prediction for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bootproof::facts::{Facts, Limits};
use bootproof::simulate::{self, Boot, DeviceBinding, GivenEntry};
use bootproof::source::memory::Memory;
use bootproof::source::{Node, NodeKind, Tree};
use bootproof::target::Target;
use serde::Deserialize;

use super::case::Case;

/// What stands on the lab's disks, as `main/disks.json` says it.
#[derive(Debug, Deserialize)]
pub struct Disks {
    /// Files of each root.
    roots: BTreeMap<String, BTreeMap<String, String>>,
    images: BTreeMap<String, Image>,
}

#[derive(Debug, Deserialize)]
struct Image {
    /// What blkid(8) says: a partition's suffix or a device's whole name, and its tags.
    blkid: Vec<(String, BTreeMap<String, String>)>,
}

impl Disks {
    pub fn load(path: &std::path::Path) -> Self {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// blkid's cache as the machine with these disks would have it.
    fn blkid_tab(&self, case: &Case) -> String {
        let mut lines = String::new();
        for (letter, name) in ('a'..='z').zip(&case.disks) {
            for (device, tags) in &self.images[name].blkid {
                let device =
                    if device.starts_with('/') { device.clone() } else { format!("/dev/sd{letter}{device}") };
                let tags: Vec<String> =
                    tags.iter().map(|(tag, value)| format!("{tag}=\"{value}\"")).collect();
                lines += &format!(
                    "<device DEVNO=\"0x0801\" TIME=\"1700000000.1\" {}>{device}</device>\n",
                    tags.join(" ")
                );
            }
        }
        lines
    }
}

/// What belongs to the kernel and the initrd of a case.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// Files by their paths below the root.
    pub files: BTreeMap<String, Arc<[u8]>>,
}

impl Inputs {
    /// The whole input of the case: its root's files, what blkid says, kernel and initrd.
    pub fn tree(&self, case: &Case, disks: &Disks) -> Tree {
        let mut memory = Memory::new();
        let mut add = |path: &str, bytes: Arc<[u8]>| {
            let (len, mode) = (bytes.len() as u64, if path.ends_with("sbin/init") { 0o755 } else { 0o644 });
            let node = Node { kind: NodeKind::File, len, mode, uid: 0, mtime: 1_704_067_200 };
            memory.insert(path.as_ref(), node, bytes);
        };
        for (path, text) in case.rootfs.iter().flat_map(|root| &disks.roots[root]) {
            // The program that starts first is the same in every root, and packed in none.
            let is_init = path.ends_with("sbin/init");
            add(
                path,
                if is_init { super::rebuild::program(None, &[]).into() } else { text.as_bytes().into() },
            );
        }
        for (path, bytes) in &self.files {
            add(path, Arc::clone(bytes));
        }
        add("run/blkid/blkid.tab", disks.blkid_tab(case).as_bytes().into());
        let mut memory = memory.link("lib", "usr/lib");
        for folder in ["proc", "sys", "dev", "run", "tmp", "usr", "var", "root", "bin", "sbin"] {
            memory = memory.directory(folder);
        }
        memory.into_tree()
    }
}

/// What bootproof says about a case.
#[derive(Debug)]
pub struct Prediction {
    pub boot: Boot,
    /// What drives the devices of the machine.
    pub bindings: Vec<DeviceBinding>,
}

/// What bootproof says about the case.
pub fn predict(case: &Case, inputs: &Inputs, disks: &Disks, target: &Target) -> Prediction {
    let tree = inputs.tree(case, disks);
    let facts = Facts::gather(&tree, &Limits::default());
    let given =
        GivenEntry { kernel: case.kernel.clone(), initrd: case.initrd_path(), cmdline: case.cmdline.clone() };
    let entry = given.to_entry(&facts);
    let boots = simulate::simulate_entry(&facts, &entry, std::slice::from_ref(target));
    let bindings = simulate::bindings(&facts, &entry, target);
    Prediction { boot: boots.into_iter().next().unwrap(), bindings }
}
