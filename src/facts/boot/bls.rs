//! The entries of `loader/entries`, in the order and with the variables of GRUB's blscfg command (Fedora, RHEL).

use std::cmp::Ordering;
use std::sync::Arc;

use super::EntrySource;
use super::menu::{Action, Node};
use super::raw::{RawEntry, Written};
use super::values::Variables;
use crate::facts::command_line::{CommandLine, Piece};
use crate::facts::{Gather, Known, Problem, ProblemKind};
use crate::parse::bls::{self, Stretch};
use crate::parse::lines::Field;
use crate::place::Place;
use crate::source::File;

/// Folders of entries: on the boot file system, and on an EFI partition as systemd-boot has it.
const FOLDERS: [&str; 3] = ["boot/loader/entries", "boot/efi/loader/entries", "efi/loader/entries"];

/// The folder that holds entries; none if there is none.
pub(super) fn folder(gather: &Gather<'_>) -> Option<&'static str> {
    let is_entry = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".conf");
    FOLDERS.into_iter().find(|folder| gather.tree.list(folder).is_ok_and(|names| names.iter().any(is_entry)))
}

/// The entries, newest first, as lines of a menu. `variables` are those that values name (`$kernelopts`).
pub(super) fn nodes(gather: &Gather<'_>, variables: &Variables) -> Vec<Node> {
    let Some(folder) = folder(gather) else { return Vec::new() };
    let mut found = gather.read_directory(folder, |name| name.ends_with(".conf") && !name.starts_with('.'));
    found.sort_by(|a, b| compare_ids(id_of(b), id_of(a)));
    found.iter().filter_map(|file| node(gather, file, variables)).collect()
}

fn id_of(file: &File) -> &str {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".conf").unwrap_or(name)
}

fn node(gather: &Gather<'_>, file: &File, variables: &Variables) -> Option<Node> {
    let (entry, mistakes) = bls::parse(&file.bytes);
    for mistake in mistakes {
        let at = mistake.span.at(&file.path);
        gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
    }
    let linux = entry.linux?;
    let id = id_of(file).to_owned();
    let title = entry.title.as_ref().map_or_else(|| linux.text.clone(), |title| title.text.clone());
    let at = Place::file(Arc::clone(&file.path));
    let initrds = early_initrds(variables, &linux).chain(initrds(&entry.initrds, &file.path, variables));
    let raw = RawEntry {
        id: id.clone(),
        title: title.clone(),
        at: at.clone(),
        source: EntrySource::Bls,
        kernel: Written::of(&linux, &file.path),
        hypervisor: None,
        initrds: initrds.collect(),
        cmdline: command_line(&entry.options, &file.path, variables),
        version: entry.version.map(|version| version.text),
        searched: None,
        grub: None,
    };
    // `grub_users` restricts an entry; without it, unlike `menuentry`, blscfg.c makes one that anybody may start.
    let users = entry.grub_users.as_ref().and_then(|users| expanded(users, &file.path, variables).ok());
    let is_restricted = users.is_some_and(|users| users.iter().any(|piece| !piece.text.trim().is_empty()));
    Some(Node { id, title, at, is_restricted, action: Action::Bls(Box::new(raw)) })
}

/// The command line of `options`, or of the variable `default_kernelopts` if there are none.
fn command_line(options: &[Field], path: &Arc<str>, variables: &Variables) -> Known<CommandLine> {
    let mut pieces = Vec::new();
    let default = options.is_empty().then(|| variables.get("default_kernelopts")).flatten();
    if let Some(needs) = default.and_then(|value| value.needs.clone()) {
        return Known::Unknown { needs };
    }
    pieces.extend(default.into_iter().flat_map(|value| value.pieces.iter().cloned()));
    for field in options {
        match expanded(field, path, variables) {
            Ok(more) => pieces.extend(more),
            Err(needs) => return Known::Unknown { needs },
        }
    }
    Known::Known(CommandLine::of_pieces(&pieces))
}

/// A value with its variables replaced; a variable that is not set is nothing.
fn expanded(field: &Field, path: &Arc<str>, variables: &Variables) -> Result<Vec<Piece>, String> {
    let at = field.span.at(path);
    let mut pieces = Vec::new();
    for stretch in bls::expand(&field.text) {
        match stretch {
            Stretch::Text(text, offset) => {
                pieces.push(Piece { text: text.to_owned(), at: super::values::shifted(&at, offset) });
            }
            Stretch::Variable(name) => {
                let Some(value) = variables.get(name) else { continue };
                if let Some(needs) = &value.needs {
                    return Err(needs.clone());
                }
                pieces.extend(value.pieces.iter().cloned());
                pieces.push(Piece { text: " ".to_owned(), at: at.clone() });
            }
        }
    }
    pieces.push(Piece { text: " ".to_owned(), at });
    Ok(pieces)
}

fn initrds<'a>(
    fields: &'a [Field],
    path: &'a Arc<str>,
    variables: &'a Variables,
) -> impl Iterator<Item = Written> + 'a {
    // An unknown `$tuned_initrd` is left out: it is an extra overlay, and the entry's own initrd stands beside it.
    let texts = fields.iter().flat_map(|field| expanded(field, path, variables).unwrap_or_default());
    texts.flat_map(|piece| {
        let words = piece.text.split_whitespace().map(|word| {
            let offset = (word.as_ptr() as usize).saturating_sub(piece.text.as_ptr() as usize);
            let mut at = super::values::shifted(&piece.at, offset);
            at.end = at.column.map(|column| column.saturating_add(u32::try_from(word.len()).unwrap_or(0)));
            Written { path: word.to_owned(), at }
        });
        words.collect::<Vec<_>>()
    })
}

/// Files of the variable `early_initrd` come first, from the folder that the kernel is in.
fn early_initrds(variables: &Variables, linux: &Field) -> impl Iterator<Item = Written> {
    let folder = linux.text.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let value = variables.get("early_initrd").filter(|value| value.needs.is_none()).cloned();
    let at = value.as_ref().and_then(|value| value.at().cloned());
    let names = value.map(|value| value.text()).unwrap_or_default();
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    let at = at.unwrap_or_else(|| Place::file("boot"));
    names.into_iter().map(move |name| Written { path: format!("{folder}/{name}"), at: at.clone() })
}

/// Orders entries' names as package names: name, version and release, each as rpm compares versions.
fn compare_ids(a: &str, b: &str) -> Ordering {
    let (a, b) = (split_id(a), split_id(b));
    let parts = a.iter().zip(b.iter());
    parts.map(|(a, b)| compare_versions(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Name, version and release: what the last two dashes part.
fn split_id(id: &str) -> [&str; 3] {
    match id.rsplit_once('-') {
        None => [id, "", ""],
        Some((rest, release)) => match rest.rsplit_once('-') {
            None => [rest, release, ""],
            Some((name, version)) => [name, version, release],
        },
    }
}

/// rpm's comparison of versions (rpmvercmp), without carets, as blscfg.c has it.
fn compare_versions(mut a: &str, mut b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    loop {
        let separator = |character: char| !character.is_ascii_alphanumeric() && character != '~';
        a = a.trim_start_matches(separator);
        b = b.trim_start_matches(separator);
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        if a.is_empty() || b.is_empty() {
            return a.len().min(1).cmp(&b.len().min(1));
        }
        let is_number = a.starts_with(|character: char| character.is_ascii_digit());
        let (segment_a, rest_a) = cut_segment(a, is_number);
        let (segment_b, rest_b) = cut_segment(b, is_number);
        if segment_b.is_empty() {
            return if is_number { Ordering::Greater } else { Ordering::Less };
        }
        let order = if is_number {
            let (x, y) = (segment_a.trim_start_matches('0'), segment_b.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            segment_a.cmp(segment_b)
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn cut_segment(text: &str, is_number: bool) -> (&str, &str) {
    let belongs = |byte: u8| if is_number { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
    let end = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_compared_as_rpm_does() {
        let table = [
            ("5.14.0", "5.9.0", Ordering::Greater),
            ("4.18.0", "4.18.0", Ordering::Equal),
            ("1.0~rc1", "1.0", Ordering::Less),
            ("1.0a", "1.0", Ordering::Greater),
            ("1.a", "1.1", Ordering::Less),
            ("1.01", "1.1", Ordering::Equal),
        ];
        for (a, b, expected) in table {
            assert_eq!(compare_versions(a, b), expected, "{a} {b}");
            assert_eq!(compare_versions(b, a), expected.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn newer_kernels_come_before_older_ones_and_before_rescue() {
        let id = "0123456789abcdef0123456789abcdef";
        let mut ids = [
            format!("{id}-0-rescue"),
            format!("{id}-5.14.0-70.el9.x86_64"),
            format!("{id}-5.14.0-427.el9.x86_64"),
        ];
        ids.sort_by(|a, b| compare_ids(b, a));
        let tails: Vec<_> = ids.iter().map(|name| name.rsplit_once('-').unwrap().1).collect();
        assert_eq!(tails, ["427.el9.x86_64", "70.el9.x86_64", "rescue"]);
    }

    proptest! {
        #[test]
        fn any_two_versions_compare_and_end(a in "[a-c0-2.~_-]{0,12}", b in "[a-c0-2.~_-]{0,12}") {
            prop_assert_eq!(compare_versions(&a, &b), compare_versions(&b, &a).reverse());
        }
    }
}
