//! Inputs from the lab's work area: the real kernels, tables and initrds.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::case::Case;
use super::predict::Inputs;

/// The work area, with what was read of it.
pub struct Lab {
    root: PathBuf,
    kernels: Mutex<HashMap<String, Inputs>>,
}

impl Lab {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), kernels: Mutex::default() }
    }

    /// The kernel's image, configuration and tables, and the initrd.
    pub fn inputs(&self, case: &Case) -> Inputs {
        let mut inputs = self.kernel(&case.kernel);
        if let (Some(name), Some(path)) = (&case.initrd, case.initrd_path()) {
            inputs.files.insert(path, self.initrd(name));
        }
        inputs
    }

    pub fn initrd(&self, name: &str) -> Arc<[u8]> {
        read(&self.root.join("initrds").join(format!("{name}.img")))
    }

    pub fn kernel(&self, release: &str) -> Inputs {
        if let Some(known) = self.kernels.lock().unwrap().get(release) {
            return known.clone();
        }
        let mut inputs = Inputs::default();
        for name in ["vmlinuz", "config"] {
            let bytes = read(&self.root.join("kernels").join(format!("{name}-{release}")));
            inputs.files.insert(format!("boot/{name}-{release}"), bytes);
        }
        let tables = self.modules(release);
        for entry in fs::read_dir(&tables).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("modules.") {
                inputs.files.insert(format!("usr/lib/modules/{release}/{name}"), read(&entry.path()));
            }
        }
        self.kernels.lock().unwrap().insert(release.to_owned(), inputs.clone());
        inputs
    }

    /// The folder of the kernel's modules, in whichever system has it.
    fn modules(&self, release: &str) -> PathBuf {
        let mut systems: Vec<PathBuf> =
            fs::read_dir(self.root.join("systems")).unwrap().map(|e| e.unwrap().path()).collect();
        systems.sort();
        let folders = systems.into_iter().map(|system| system.join("usr/lib/modules").join(release));
        folders
            .into_iter()
            .find(|folder| folder.join("modules.dep").exists())
            .unwrap_or_else(|| panic!("no modules of {release}"))
    }
}

fn read(path: &Path) -> Arc<[u8]> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}
