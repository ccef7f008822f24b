//! What made an image, and what the image says of itself.

mod assignments;
mod dracut;
mod scripts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Image, ModuleName};
use assignments::{Assignment, assignments};

/// What made an image, which decides how it finds its modules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// dracut: udev and `modules.alias`.
    Dracut,
    /// Debian's initramfs-tools: udev and `modules.alias`, and `conf/modules` before.
    InitramfsTools,
    /// `mkinitrd` of RHEL 4 and 5 (and Fedora before 12): a nash script with `insmod` lines, no udev.
    MkinitrdNash,
    /// `mkinitrd` of SLES 10 and 11: shell scripts under `boot/`, `modprobe` of a fixed list, and udev.
    MkinitrdSuse,
    /// Arch's mkinitcpio: udev or systemd, `modules.alias`.
    Mkinitcpio,
    /// Something else with an init in it.
    #[default]
    Other,
}

/// An argument of the kernel command line that is baked into the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BakedArgument {
    /// The argument: `rd.lvm.lv=vg0/root`.
    pub argument: String,
    /// The file inside the image: `etc/cmdline.d/90lvm.conf`.
    pub path: String,
    /// The line in it, from 1.
    pub line: u32,
}

/// A module that a script or list of the image loads by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScriptModule {
    /// The module.
    pub name: ModuleName,
    /// The file inside the image: `init`, `conf/modules`.
    pub path: String,
    /// The line in it, from 1.
    pub line: u32,
    /// Whether dependencies are loaded, too (`modprobe`), or the module alone (`insmod`).
    pub with_dependencies: bool,
}

/// What made an image, and what the image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Maker {
    /// Which program.
    pub kind: Kind,
    /// Its version: `057+157-g1234`, `0.142`.
    pub version: Option<String>,
    /// The arguments that it was started with (dracut).
    pub arguments: Option<String>,
    /// Whether it was told to include only what the machine it ran on needs: dracut's `hostonly`, initramfs-tools'
    /// `MODULES=dep`. Null if the image does not say.
    pub hostonly: Option<bool>,
    /// The dracut modules in it (`dm`, `lvm`, `multipath`), or the hooks of another maker.
    pub modules: Vec<String>,
    /// The command line that is baked in: dracut's `etc/cmdline.d/*.conf` and `etc/cmdline`, and what other kinds set
    /// instead (`ROOT=` of initramfs-tools, nash's `mkrootdev`, SUSE's `rootdev`).
    pub cmdline: Vec<BakedArgument>,
    /// The modules that scripts and lists load by name, in the order in which they are loaded.
    pub loads: Vec<ScriptModule>,
    /// `KEY=value` settings of initramfs-tools' `conf/`, by key, the last that is read.
    pub settings: BTreeMap<String, String>,
}

/// Tells what made `image` from the files in it.
pub(super) fn recognise(image: &Image) -> Maker {
    let kind = kind_of(image);
    let mut maker = Maker { kind, ..Maker::default() };
    match kind {
        Kind::Dracut => dracut::describe(image, &mut maker),
        Kind::InitramfsTools => describe_initramfs_tools(image, &mut maker),
        Kind::MkinitrdNash => scripts::nash(image, &mut maker),
        Kind::MkinitrdSuse => scripts::suse(image, &mut maker),
        Kind::Mkinitcpio => describe_mkinitcpio(image, &mut maker),
        Kind::Other => scripts::nash(image, &mut maker),
    }
    modules_load_d(image, &mut maker.loads);
    maker
}

/// Tells kinds apart by files that only one of them puts there.
fn kind_of(image: &Image) -> Kind {
    let has_any = |paths: &[&str]| paths.iter().any(|path| image.has(path));
    if dracut::made(image) {
        return Kind::Dracut;
    }
    if has_any(&["conf/initramfs.conf", "scripts/functions"]) && has_any(&["scripts", "conf/arch.conf"]) {
        return Kind::InitramfsTools;
    }
    if has_any(&["run_all.sh", "mkinitrd.config", "boot/83-mount.sh", "config/start.sh"]) {
        return Kind::MkinitrdSuse;
    }
    if has_any(&["buildconfig", "init_functions", "usr/lib/initcpio"]) {
        return Kind::Mkinitcpio;
    }
    let init = ["init", "linuxrc"].iter().find_map(|path| image.text(path)).unwrap_or_default();
    let interpreter = init.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if has_any(&["bin/nash", "sbin/nash"]) || memchr::memmem::find(interpreter, b"nash").is_some() {
        return Kind::MkinitrdNash;
    }
    Kind::Other
}

/// initramfs-tools: `conf/initramfs.conf` and `conf/conf.d/*` are sourced in this order (its `init` script), and
/// `conf/modules` is loaded before udev starts (`load_modules` in its `scripts/functions`).
fn describe_initramfs_tools(image: &Image, maker: &mut Maker) {
    let first = ["conf/arch.conf", "conf/initramfs.conf"].map(|path| path.as_bytes().to_vec());
    let below = image.list("conf/conf.d").into_iter().map(|entry| entry.path().to_vec());
    for path in first.into_iter().chain(below) {
        for Assignment { key, value, line } in assignments(image.text(&path).unwrap_or_default()) {
            // The init script starts with these, and what the command line says replaces them.
            let name = match key.as_str() {
                "ROOT" => Some("root"),
                "ROOTFSTYPE" => Some("rootfstype"),
                _ => None,
            };
            if let Some(name) = name.filter(|_| !value.is_empty() && !value.contains('$')) {
                let path = String::from_utf8_lossy(&path).into_owned();
                maker.cmdline.push(BakedArgument { argument: format!("{name}={value}"), path, line });
            }
            maker.settings.insert(key, value);
        }
    }
    maker.hostonly = match maker.settings.get("MODULES").map(String::as_str) {
        Some("dep" | "list") => Some(true),
        Some(_) => Some(false),
        None => None,
    };
    list_of_modules(image, "conf/modules", &mut maker.loads);
}

/// mkinitcpio: `config` has the hooks and modules that its `init` works through.
fn describe_mkinitcpio(image: &Image, maker: &mut Maker) {
    maker.version = image.text("VERSION").map(|text| String::from_utf8_lossy(text).trim().to_owned());
    for assignment in assignments(image.text("config").unwrap_or_default()) {
        let words = assignment.value.split_whitespace();
        match assignment.key.as_str() {
            "EARLYHOOKS" | "HOOKS" => {
                let new = words.filter(|word| !maker.modules.iter().any(|known| known == word));
                let new: Vec<String> = new.map(str::to_owned).collect();
                maker.modules.extend(new);
            }
            "MODULES" => maker.loads.extend(words.map(|name| ScriptModule {
                name: ModuleName::new(name),
                path: "config".to_owned(),
                line: assignment.line,
                with_dependencies: true,
            })),
            _ => {}
        }
    }
}

/// What systemd loads: modules-load.d(5).
fn modules_load_d(image: &Image, loads: &mut Vec<ScriptModule>) {
    for directory in ["etc/modules-load.d", "usr/lib/modules-load.d"] {
        for entry in image.list(directory) {
            list_of_modules(image, &String::from_utf8_lossy(entry.path()), loads);
        }
    }
}

/// A list of modules, one a line, options behind; `#` and `;` start comments.
fn list_of_modules(image: &Image, path: &str, loads: &mut Vec<ScriptModule>) {
    let text = String::from_utf8_lossy(image.text(path).unwrap_or_default());
    for (line, number) in text.lines().zip(1..) {
        let Some(name) = line.split_whitespace().next().filter(|name| !name.starts_with(['#', ';'])) else {
            continue;
        };
        loads.push(ScriptModule {
            name: ModuleName::new(name),
            path: path.to_owned(),
            line: number,
            with_dependencies: true,
        });
    }
}
