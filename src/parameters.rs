//! How parameters of the kernel command line are changed: in the words of the tool that writes the boot entries.
//!
//! Nothing is run here. Sources: grubby(8), which changes entries of every loader on Red Hat's systems and replaces the value
//! of a parameter that is there; grub-mkconfig(8) with `/etc/default/grub` elsewhere; where neither is, the loader's own file.

use std::collections::BTreeSet;

use crate::facts::Facts;
use crate::facts::system::Family;
use crate::finding::Fix;
use crate::rules::shell::word;

/// The step that takes `remove` out of every boot entry and puts `add` in its place; none if there is nothing to change.
#[must_use]
pub(crate) fn step(facts: &Facts, remove: Vec<String>, add: Vec<String>) -> Option<Fix> {
    if remove.is_empty() && add.is_empty() {
        return None;
    }
    let command = match facts.system.family.get() {
        Some(Family::Rhel) => grubby(&remove, &add),
        _ => edits(facts, &remove, &add),
    };
    Some(Fix::Cmdline { remove, add, command })
}

/// The name of a parameter without its value.
pub(crate) fn name(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or(parameter)
}

fn grubby(remove: &[String], add: &[String]) -> String {
    let is_replaced = |parameter: &&String| add.iter().any(|new| name(new) == name(parameter));
    let gone: Vec<&str> = remove.iter().filter(|gone| !is_replaced(gone)).map(String::as_str).collect();
    let mut command = "grubby --update-kernel=ALL".to_owned();
    if !gone.is_empty() {
        command.push_str(&format!(" --remove-args={}", word(&gone.join(" "))));
    }
    if !add.is_empty() {
        command.push_str(&format!(" --args={}", word(&add.join(" "))));
    }
    command
}

/// The same with sed(1), in what entries are made from, else in the entries themselves.
fn edits(facts: &Facts, remove: &[String], add: &[String]) -> String {
    let mut scripts: Vec<String> = Vec::new();
    let mut new = add.iter();
    for gone in remove {
        let pattern = match gone.contains('=') {
            true => escaped(gone),
            false => format!("{}=[^ \"]*", escaped(gone)),
        };
        scripts.push(match new.next() {
            Some(new) => format!("s|{pattern}|{}|", replacement(new)),
            None => format!("s| *{pattern}||"),
        });
    }
    let is_default = facts.boot.etc_default_grub.is_some();
    let line_end = |new: &String| match is_default {
        true => format!("s|^GRUB_CMDLINE_LINUX=\"|&{} |", replacement(new)),
        false => format!("/^[[:space:]]*\\(linux\\|kernel\\|append\\|options\\)/s|$| {}|", replacement(new)),
    };
    scripts.extend(new.map(line_end));
    let files: BTreeSet<String> = match is_default {
        true => ["/etc/default/grub".to_owned()].into(),
        false => facts.boot.entries.iter().map(|entry| format!("/{}", entry.at.path)).collect(),
    };
    let scripts: Vec<String> = scripts.iter().map(|script| format!("-e {}", word(script))).collect();
    let files: Vec<String> = files.iter().map(|file| word(file)).collect();
    let sed = format!("sed -i {} {}", scripts.join(" "), files.join(" "));
    match (is_default, renewal(facts)) {
        (true, Some(renewal)) => format!("{sed}\n{renewal}"),
        _ => sed,
    }
}

/// What writes GRUB's menu anew from `/etc/default/grub`.
pub(crate) fn renewal(facts: &Facts) -> Option<&'static str> {
    match facts.system.family.get()? {
        Family::Debian => Some("update-grub"),
        Family::Arch => Some("grub-mkconfig -o /boot/grub/grub.cfg"),
        Family::Rhel | Family::Suse => Some("grub2-mkconfig -o /boot/grub2/grub.cfg"),
        Family::Other => None,
    }
}

/// A text as sed(1) puts it in literally, between `|`.
fn replacement(text: &str) -> String {
    text.replace('\\', "\\\\").replace('&', "\\&").replace('|', "\\|")
}

/// A text as sed(1) finds it literally, between `|`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '.' | '*' | '[' | ']' | '^' | '$' | '\\' | '|' | '&') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
