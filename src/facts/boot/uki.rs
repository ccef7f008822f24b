//! Unified kernel images in `EFI/Linux`: entries of the Boot Loader Specification's type 2, each in one file.

use std::sync::Arc;

use super::EntrySource;
use super::menu::{Action, Node};
use super::raw::{RawEntry, Written};
use crate::facts::command_line::{CommandLine, Piece};
use crate::facts::{Found, Gather, Known, Problem, ProblemKind};
use crate::parse::{os_release, unified};
use crate::place::Place;

/// Folders of such images: on an EFI partition, and on an XBOOTLDR partition, where they are mounted.
const FOLDERS: [&str; 3] = ["boot/efi/EFI/Linux", "efi/EFI/Linux", "boot/EFI/Linux"];

/// The folder that holds images; none if there is none.
pub(super) fn folder(gather: &Gather<'_>) -> Option<&'static str> {
    FOLDERS.into_iter().find(|folder| !names(gather, folder).is_empty())
}

/// The images as lines of a menu, the last by name first, as systemd-boot has newer versions first.
pub(super) fn nodes(gather: &Gather<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    for folder in FOLDERS {
        let names = names(gather, folder);
        nodes.extend(names.iter().rev().filter_map(|name| node(gather, &format!("{folder}/{name}"), name)));
    }
    nodes
}

fn names(gather: &Gather<'_>, folder: &str) -> Vec<String> {
    let names = gather.tree.list(folder).unwrap_or_default();
    let names = names.into_iter().filter_map(|name| name.into_string().ok());
    names.filter(|name| name.to_ascii_lowercase().ends_with(".efi")).collect()
}

fn node(gather: &Gather<'_>, path: &str, name: &str) -> Option<Node> {
    let Found::Present((mut content, _)) = gather.found(gather.tree.open(path)) else { return None };
    let mut read = || -> std::io::Result<Option<RawEntry>> {
        let Some(sections) = unified::read(&mut content)? else { return Ok(None) };
        let mut text = |name| unified::text(&mut content, &sections, name);
        let (cmdline, version, release) = (text(".cmdline")?, text(".uname")?, text(".osrel")?);
        let path: Arc<str> = path.into();
        let at = Place::file(Arc::clone(&path));
        let piece = Piece { text: cmdline.unwrap_or_default(), at: at.clone() };
        let written = Written { path: path.to_string(), at: at.clone() };
        let has_initrd = sections.iter().any(|section| section.name == ".initrd");
        Ok(Some(RawEntry {
            id: name.to_owned(),
            title: title(release.as_deref(), version.as_deref(), name),
            at,
            source: EntrySource::Bls,
            kernel: written.clone(),
            hypervisor: None,
            initrds: if has_initrd { vec![written] } else { Vec::new() },
            cmdline: Known::Known(CommandLine::of_pieces(&[piece])),
            version,
            searched: None,
            grub: None,
        }))
    };
    match read() {
        Ok(entry) => {
            let raw = entry?;
            Some(Node {
                id: raw.id.clone(),
                title: raw.title.clone(),
                at: raw.at.clone(),
                is_restricted: false,
                action: Action::Bls(Box::new(raw)),
            })
        }
        Err(error) => {
            let message = format!("`{path}`: {error}");
            gather.note(Problem { at: Place::file(path), kind: ProblemKind::Unreadable, message });
            None
        }
    }
}

/// What systemd-boot shows: the system's name, and the version where the image says one.
fn title(release: Option<&str>, version: Option<&str>, name: &str) -> String {
    let (assignments, _) = os_release::assignments(release.unwrap_or_default().as_bytes());
    let pretty = assignments.into_iter().find(|one| one.name == "PRETTY_NAME").map(|one| one.value);
    match (pretty, version) {
        (Some(pretty), Some(version)) => format!("{pretty} ({version})"),
        (Some(pretty), None) => pretty,
        (None, _) => name.trim_end_matches(".efi").to_owned(),
    }
}
