//! What keeps modules from being loaded: modprobe.d in the image, and the kernel command line.

use std::collections::BTreeMap;

use super::super::initrd_view::InitrdView;
use crate::facts::command_line::CommandLine;
use crate::initrd::{Kind, ModuleName};
use crate::parse::modprobe::{self, DirectiveKind};
use crate::parse::modules::alias_matches;

/// Modules that may not be loaded, and aliases that are set by hand.
#[derive(Debug, Default)]
pub(super) struct Forbidden {
    /// Modules that are not loaded through an alias, and by what.
    pub(super) blacklist: BTreeMap<ModuleName, String>,
    /// Modules that are not loaded at all, and by what.
    pub(super) disabled: BTreeMap<ModuleName, String>,
    /// `alias PATTERN MODULE` lines; they count before the module tables (libkmod-module.c,
    /// `kmod_module_new_from_lookup`).
    aliases: Vec<(String, ModuleName)>,
    /// `softdep` lines: what is loaded before a module.
    pub(super) before: BTreeMap<ModuleName, Vec<String>>,
    /// Buses on which nothing appears, by how their modaliases begin, and by what.
    buses: Vec<(&'static str, String)>,
    /// `initcall_blacklist=`: functions that do not run (init/main.c).
    initcalls: Vec<String>,
}

/// Folders of modprobe.d, and the one file of module-init-tools.
const PATHS: [&str; 5] =
    ["etc/modprobe.d/", "run/modprobe.d/", "usr/lib/modprobe.d/", "lib/modprobe.d/", "etc/modprobe.conf"];

impl Forbidden {
    /// What the image and the command line say.
    pub(super) fn new(view: &InitrdView<'_>, cmdline: Option<&CommandLine>) -> Self {
        let mut forbidden = Self::default();
        for folder in PATHS {
            for (path, text) in view.texts_below(folder) {
                let path = crate::source::escape_bytes(path);
                if folder.ends_with('/') && !path.ends_with(".conf") && view.kind() != Kind::MkinitrdNash {
                    continue;
                }
                for directive in modprobe::parse(text).directives {
                    forbidden
                        .take(directive.kind, format!("`{path}` line {} in the initrd", directive.span.line));
                }
            }
        }
        if let Some(line) = cmdline {
            forbidden.take_cmdline(line, view.kind());
        }
        forbidden
    }

    fn take(&mut self, directive: DirectiveKind, by: String) {
        match directive {
            DirectiveKind::Blacklist(module) => {
                self.blacklist.entry(ModuleName::new(&module)).or_insert(by);
            }
            DirectiveKind::Install(module, command) if modprobe::does_nothing(&command) => {
                self.disabled.entry(ModuleName::new(&module)).or_insert(by);
            }
            DirectiveKind::Alias { alias, module } if module != "off" => {
                self.aliases.push((alias, ModuleName::new(&module)));
            }
            DirectiveKind::Softdep { module, pre, .. } => {
                self.before.entry(ModuleName::new(&module)).or_default().extend(pre);
            }
            _ => {}
        }
    }

    /// `modprobe.blacklist=` is libkmod's (modprobe(8)); `rd.driver.blacklist=` dracut writes into the image's
    /// modprobe.d (its `parse-kernel.sh`), `blacklist=` initramfs-tools (its `init-top/blacklist`), and neither knows
    /// the other's; `module_blacklist=` is the kernel's own and stops every load (kernel/module/main.c). SUSE's
    /// mkinitrd has `brokenmodules=`.
    fn take_cmdline(&mut self, line: &CommandLine, kind: Kind) {
        for param in &line.params {
            let value = param.value.as_deref().unwrap_or_default();
            let by =
                || format!("`{}` on the kernel command line", text_of(&param.name, param.value.as_deref()));
            let modules = || value.split(',').filter(|module| !module.is_empty()).map(ModuleName::new);
            let is_off = !matches!(value, "0" | "n" | "N" | "off");
            match param.name.replace('-', "_").as_str() {
                "module_blacklist" => modules().for_each(|module| forbid(&mut self.disabled, module, by())),
                "modprobe.blacklist" => {
                    modules().for_each(|module| forbid(&mut self.blacklist, module, by()))
                }
                "rd.driver.blacklist" | "rdblacklist" | "rd_NO_MODULES" if kind == Kind::Dracut => {
                    modules().for_each(|module| forbid(&mut self.blacklist, module, by()));
                }
                "blacklist" if kind == Kind::InitramfsTools => {
                    modules().for_each(|module| forbid(&mut self.blacklist, module, by()));
                }
                "brokenmodules" if kind == Kind::MkinitrdSuse => {
                    modules().for_each(|module| forbid(&mut self.disabled, module, by()));
                }
                "initcall_blacklist" => self.initcalls.extend(value.split(',').map(str::to_owned)),
                "nousb" | "usbcore.nousb" if is_off => self.buses.push(("usb:", by())),
                "scsi_mod.scan" if value == "none" => self.buses.push(("scsi:", by())),
                "acpi" if value.split(',').any(|word| word == "off") => self.buses.push(("acpi:", by())),
                "pci" if value.split(',').any(|word| word == "off") => self.buses.push(("pci:", by())),
                _ => {}
            }
        }
    }

    /// The modules that hand-made aliases give for `name`.
    pub(super) fn aliased(&self, name: &str) -> Vec<ModuleName> {
        let matching =
            self.aliases.iter().filter(|(pattern, _)| alias_matches(pattern.as_bytes(), name.as_bytes()));
        matching.map(|(_, module)| module.clone()).collect()
    }

    /// What keeps the device from appearing at all.
    pub(super) fn without_bus(&self, modalias: &str) -> Option<&str> {
        self.buses.iter().find(|(prefix, _)| modalias.starts_with(prefix)).map(|(_, by)| by.as_str())
    }

    /// What keeps the module's code from running although it is there: `initcall_blacklist=` names functions, and
    /// those that start a module are called after it: `virtio_blk_init`, `ahci_pci_driver_init`, `init_sd`.
    pub(super) fn without_start(&self, module: &ModuleName) -> Option<String> {
        let starts = |call: &&String| {
            let call = call.strip_prefix("init_").unwrap_or(call);
            let endings = [
                "_pci_driver_init",
                "_driver_init",
                "_module_init",
                "_init_module",
                "_init_fs",
                "_init",
                "_fs",
            ];
            let name = endings.iter().find_map(|ending| call.strip_suffix(ending)).unwrap_or(call);
            let module = module.as_str();
            name == module || module.strip_suffix("_mod").is_some_and(|short| name == short)
        };
        let call = self.initcalls.iter().find(starts)?;
        Some(format!("`initcall_blacklist={call}` on the kernel command line"))
    }
}

fn forbid(list: &mut BTreeMap<ModuleName, String>, module: ModuleName, by: String) {
    list.entry(module).or_insert(by);
}

fn text_of(name: &str, value: Option<&str>) -> String {
    value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"))
}
