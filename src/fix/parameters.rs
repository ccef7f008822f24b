//! A kernel parameter in every place that has it: the boot entries, GRUB's environment block, and what the next entries are made
//! from (`/etc/default/grub` and its drop-ins, `/etc/kernel/cmdline`).

use super::draft::Piece;
use super::files::Files;
use crate::facts::Facts;
use crate::facts::command_line::{CommandLine, Param};
use crate::place::Place;

/// The list in `/etc/default/grub` that every entry is made with.
const DEFAULTS: (&str, &str) = ("etc/default/grub", "GRUB_CMDLINE_LINUX");

/// Takes the parameters `remove` away and puts `add` in their place, or adds `add` where there is nothing to take away. Says
/// whether every place that has one of them could be edited.
pub(super) fn change(
    files: &mut Files<'_>,
    facts: &Facts,
    remove: &[String],
    add: &[String],
    rule: &str,
) -> bool {
    if remove.is_empty() {
        return put_in(files, facts, add, rule);
    }
    let lines = command_lines(facts).into_iter().chain(optional(facts));
    let mut found = false;
    let mut done = true;
    for line in lines {
        let mut new = add.iter();
        for param in &line.params {
            if remove.iter().any(|gone| is_meant(param, gone)) {
                found = true;
                done &= swap(files, param, new.next(), rule);
            }
        }
    }
    found && done
}

/// Adds the parameters at the end of every command line.
fn put_in(files: &mut Files<'_>, facts: &Facts, add: &[String], rule: &str) -> bool {
    let places: Vec<(Place, Vec<&String>)> =
        command_lines(facts).into_iter().filter_map(|line| ending(line, add)).collect();
    let mut done = !places.is_empty();
    for (at, missing) in places {
        let text: String = missing.iter().map(|parameter| format!(" {parameter}")).collect();
        done &= at.end.and_then(position).is_some_and(|end| {
            let piece = Piece { range: end..end, new: text.into_bytes() };
            files.pieces(&at, vec![piece], rule).is_ok()
        });
    }
    let defaults = facts.boot.etc_default_grub.as_ref();
    if defaults.is_some_and(|defaults| has_none(defaults.cmdline.as_ref())) {
        done &= files.words(DEFAULTS.0, DEFAULTS.1, add, rule).is_ok();
    }
    done
}

/// The command lines that entries have, and the one that all of the next entries are made with.
fn command_lines(facts: &Facts) -> Vec<&CommandLine> {
    let boot = &facts.boot;
    let entries = boot.entries.iter().filter_map(|entry| entry.cmdline.get());
    let defaults = boot.etc_default_grub.iter().filter_map(|defaults| defaults.cmdline.as_ref());
    let environment = boot.grubenv.iter().filter_map(|environment| environment.kernelopts.as_ref());
    entries.chain(environment).chain(defaults).chain(&boot.kernel_cmdline).collect()
}

/// What is added to some of the next entries, or comes from a drop-in.
fn optional(facts: &Facts) -> impl Iterator<Item = &CommandLine> {
    let defaults = facts.boot.etc_default_grub.iter();
    defaults.flat_map(|defaults| defaults.cmdline_default.iter().chain(&defaults.more))
}

fn has_none(line: Option<&CommandLine>) -> bool {
    line.is_none_or(|line| line.params.is_empty())
}

/// Whether `gone`, a name or a name with its value, means the parameter.
fn is_meant(param: &Param, gone: &str) -> bool {
    match gone.split_once('=') {
        Some((name, value)) => param.name == name && param.value.as_deref() == Some(value),
        None => param.name == gone,
    }
}

/// Where `add` is put in at the end of the line, and what of it is missing.
fn ending<'p>(line: &CommandLine, add: &'p [String]) -> Option<(Place, Vec<&'p String>)> {
    let known = |new: &&String| !line.params.iter().any(|param| is_meant(param, new));
    let missing: Vec<&String> = add.iter().filter(known).collect();
    let last = line.params.last()?;
    (!missing.is_empty()).then(|| (last.at.clone(), missing))
}

/// Writes `new` in the place of the parameter, or takes it away with the blank before it.
fn swap(files: &mut Files<'_>, param: &Param, new: Option<&String>, rule: &str) -> bool {
    let Some(line) = files.line(&param.at) else { return false };
    let (Some(start), Some(end)) = (param.at.column.and_then(position), param.at.end.and_then(position))
    else {
        return false;
    };
    // The place may be that of a variable that the parameter came from.
    let is_it = line.get(start..end).is_some_and(|text| text.starts_with(param.name.as_bytes()));
    if !is_it {
        return false;
    }
    let blank = |index: usize| line.get(index).is_some_and(u8::is_ascii_whitespace);
    let piece = match new {
        Some(new) => Piece { range: start..end, new: new.clone().into_bytes() },
        None if start > 0 && blank(start - 1) => Piece { range: start - 1..end, new: Vec::new() },
        None if blank(end) => Piece { range: start..end + 1, new: Vec::new() },
        None => Piece { range: start..end, new: Vec::new() },
    };
    files.pieces(&param.at, vec![piece], rule).is_ok()
}

/// A column as an index.
fn position(column: u32) -> Option<usize> {
    usize::try_from(column.checked_sub(1)?).ok()
}
