//! What stands beside the system's own menu: entries of other systems that os-prober found, menus that a second grub.cfg would
//! show, and loaders of which only the configuration's kind is known.

use super::files::BootFiles;
use super::{BootConfig, EntrySource, OtherLoader, OtherLoaderKind, OtherMenu, ProbedEntry, read_loader};
use crate::facts::Gather;
use crate::facts::command_line::PlacedValue;
use crate::parse::lilo;
use crate::parse::lines::lines;
use crate::place::Place;

/// Entries of other systems that are kept; a menu shows a screen of them.
const MAX_PROBED: usize = 200;

/// grub-mkconfig writes these lines around what each script of `/etc/grub.d` prints.
const BEGIN: &str = "### BEGIN /etc/grub.d/30_os-prober";
const END: &str = "### END /etc/grub.d/30_os-prober";

/// The entries that os-prober's script has put into the configurations that are used.
pub(super) fn probed(gather: &Gather<'_>, config: &BootConfig) -> Vec<ProbedEntry> {
    let mut found = Vec::new();
    let menus = config.loaders.iter().filter(|loader| loader.kind == EntrySource::Grub2);
    for loader in menus {
        let Some(file) = gather.read(loader.at.path.as_ref()).present() else { continue };
        let mut is_inside = false;
        for line in lines(&file.bytes) {
            let text = line.text.trim();
            is_inside = (is_inside || text.starts_with(BEGIN)) && !text.starts_with(END);
            let title = text.strip_prefix("menuentry ").and_then(|rest| {
                let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
                rest.get(1..)?.split(quote).next()
            });
            if let Some(title) = title.filter(|_| is_inside && found.len() < MAX_PROBED) {
                let device = title.rsplit_once("(on ").and_then(|(_, rest)| rest.split(')').next());
                found.push(ProbedEntry {
                    title: title.to_owned(),
                    device: device.map(str::to_owned),
                    at: line.span_of(text).at(&file.path),
                });
            }
        }
    }
    found
}

/// The menus of the grub.cfg files that are not used, where they are menus of their own and no way to the one that is.
pub(super) fn other_menus(gather: &Gather<'_>, files: &BootFiles<'_>, config: &BootConfig) -> Vec<OtherMenu> {
    // Where a small configuration leads to another one, that other one is the used menu under its own name.
    if config.stub.is_some() {
        return Vec::new();
    }
    let others = config.loaders.iter().filter(|loader| loader.kind == EntrySource::Grub2 && !loader.is_used);
    let menu = |resolved: super::menu::Resolved, at: &Place| {
        let default = resolved.default.get().copied().flatten()?;
        let entry = resolved.entries.get(default)?;
        Some(OtherMenu {
            at: at.clone(),
            title: entry.title.clone(),
            kernel: entry.kernel.clone(),
            root: entry.cmdline.get().and_then(|line| Some(line.root.as_ref()?.device.raw.clone())),
        })
    };
    others.filter_map(|loader| menu(read_loader(gather, files, loader)?, &loader.at)).collect()
}

/// The configurations of loaders that are older than GRUB or belong to other machines.
const OTHERS: [(&str, OtherLoaderKind); 7] = [
    ("etc/lilo.conf", OtherLoaderKind::Lilo),
    ("etc/elilo.conf", OtherLoaderKind::Elilo),
    ("boot/efi/efi/SuSE/elilo.conf", OtherLoaderKind::Elilo),
    ("boot/efi/EFI/SuSE/elilo.conf", OtherLoaderKind::Elilo),
    ("boot/efi/EFI/redhat/elilo.conf", OtherLoaderKind::Elilo),
    ("etc/yaboot.conf", OtherLoaderKind::Yaboot),
    ("etc/zipl.conf", OtherLoaderKind::Zipl),
];

/// Reads those that are there, each kind once. A file without a kernel in it is a leftover.
pub(super) fn other_loaders(gather: &Gather<'_>) -> Vec<OtherLoader> {
    let mut found: Vec<OtherLoader> = Vec::new();
    for (path, kind) in OTHERS {
        if found.iter().any(|loader| loader.kind == kind) {
            continue;
        }
        let Some(file) = gather.read_config(path).present() else { continue };
        let conf = lilo::parse(&file.bytes);
        let Some(image) = conf.images.first() else { continue };
        let place = conf.boot.as_ref().unwrap_or(image).span.at(&file.path);
        found.push(OtherLoader {
            kind,
            at: place,
            boot: conf.boot.map(|boot| PlacedValue { at: boot.span.at(&file.path), value: boot.text }),
            images: conf.images.into_iter().map(|image| image.text).collect(),
        });
    }
    found
}
