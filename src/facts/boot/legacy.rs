//! Menus of GRUB before version 1, and of extlinux.

use super::files::BootFiles;
use super::menu::Resolved;
use super::raw::{RawEntry, Written};
use super::{BootEntry, EntrySource, GrubFiles};
use crate::facts::command_line::{CommandLine, Piece, PlacedValue};
use crate::facts::{Found, Gather, Known};
use crate::parse::extlinux::{self, ExtlinuxConfig, ExtlinuxLabel};
use crate::parse::grub_legacy::{self, LegacyEntry};
use crate::parse::lines::Field;
use crate::source::File;

/// GRUB's menu in `file`.
pub(super) fn grub(gather: &Gather<'_>, files: &BootFiles<'_>, file: &File) -> Resolved {
    let menu = grub_legacy::parse(&file.bytes);
    let mut entries = Vec::new();
    // The index in `entries` of each entry of the menu; none for what starts no Linux.
    let mut indices = Vec::with_capacity(menu.entries.len());
    for (number, entry) in menu.entries.iter().enumerate() {
        let finished = raw_entry(number, entry, file).and_then(|raw| raw.finish(files));
        indices.push(finished.is_some().then_some(entries.len()));
        entries.extend(finished);
    }
    let first = indices.first().copied().flatten();
    let Some(setting) = menu.default else {
        return Resolved::plain(entries, Known::Known(first), None);
    };
    let number = match setting.text.as_str() {
        "saved" => saved_number(gather, file),
        text => Known::Known(text.parse::<usize>().ok()),
    };
    let chosen = number.as_ref().map(|number| number.and_then(|number| indices.get(number).copied()));
    let is_stale = chosen.get() == Some(&None) && !indices.is_empty();
    let at = setting.span.at(&file.path);
    let stale_default = is_stale.then_some(PlacedValue { value: setting.text, at });
    Resolved::plain(entries, chosen.map(|chosen| chosen.unwrap_or(first)), stale_default)
}

/// The number that `savedefault` has written beside the menu; 0 if it never has.
fn saved_number(gather: &Gather<'_>, file: &File) -> Known<Option<usize>> {
    let folder = file.resolved.parent().map(|folder| folder.join("default"));
    match gather.read(folder.unwrap_or_else(|| "boot/grub/default".into())) {
        Found::Present(saved) => {
            Known::Known(Some(grub_legacy::parse_saved(&saved.bytes).map_or(0, |(number, _)| number)))
        }
        Found::Absent => Known::Known(Some(0)),
        Found::Unreadable { needs } => Known::Unknown { needs },
    }
}

fn raw_entry(number: usize, entry: &LegacyEntry, file: &File) -> Option<RawEntry> {
    let first = entry.kernel.as_ref()?;
    let written = |field: &Field| Written::of(field, &file.path);
    let (kernel, hypervisor, initrds) = match entry.modules.split_first() {
        Some((kernel, rest)) => {
            (kernel, Some(first.path.text.clone()), rest.iter().map(|module| written(&module.path)).collect())
        }
        None => (first, None, entry.initrd.iter().map(written).collect()),
    };
    let cmdline = CommandLine::of_pieces(&[Piece::of_field(&kernel.arguments, &file.path)]);
    Some(RawEntry {
        id: number.to_string(),
        title: entry.title.text.clone(),
        at: entry.title.span.at(&file.path),
        source: EntrySource::GrubLegacy,
        kernel: written(&kernel.path),
        hypervisor,
        initrds,
        cmdline: Known::Known(cmdline),
        version: None,
        searched: None,
        grub: Some(GrubFiles {
            command: "kernel".to_owned(),
            root: entry.root.as_ref().map(|root| PlacedValue {
                value: root.text.trim_matches(['(', ')']).to_owned(),
                at: root.span.at(&file.path),
            }),
            ..GrubFiles::default()
        }),
    })
}

/// The labels of extlinux in `file`.
pub(super) fn extlinux(files: &BootFiles<'_>, file: &File) -> Resolved {
    let ExtlinuxConfig { default, labels } = extlinux::parse(&file.bytes);
    let wanted = labels.iter().find(|label| label.is_menu_default).map(|label| label.label.text.clone());
    let wanted = wanted.or_else(|| default.as_ref().map(|field| field.text.clone()));
    let entries: Vec<BootEntry> =
        labels.into_iter().filter_map(|label| label_entry(label, file)?.finish(files)).collect();
    let position = |id: &String| entries.iter().position(|entry| entry.id == *id);
    // `default menu.c32` shows a menu, whose first line is then the default.
    let chosen = wanted.as_ref().and_then(position).or_else(|| (!entries.is_empty()).then_some(0));
    Resolved::plain(entries, Known::Known(chosen), None)
}

fn label_entry(label: ExtlinuxLabel, file: &File) -> Option<RawEntry> {
    let kernel = label.kernel.as_ref()?;
    let written = |field: &Field| {
        // A path without a slash is relative to the configuration's folder.
        let mut written = Written::of(field, &file.path);
        if !written.path.starts_with('/')
            && let Some(folder) = file.path.rsplit_once('/').map(|(folder, _)| folder)
        {
            written.path = format!("/{folder}/{}", written.path);
        }
        written
    };
    let append = label.append.as_ref().map(|append| Piece::of_field(append, &file.path));
    Some(RawEntry {
        id: label.label.text.clone(),
        title: label.title.as_ref().unwrap_or(&label.label).text.clone(),
        at: label.label.span.at(&file.path),
        source: EntrySource::Extlinux,
        kernel: written(kernel),
        hypervisor: None,
        initrds: label.initrds.iter().map(written).collect(),
        cmdline: Known::Known(CommandLine::of_pieces(append.as_slice())),
        version: None,
        searched: None,
        grub: None,
    })
}
