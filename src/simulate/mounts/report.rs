//! From the ends of the jobs to what the boot comes to, and to the step's sentence.

use std::time::Duration;

use super::filesystem::Trial;
use super::jobs::End;
use super::units::{Kind, Pull, Skipped, Unit, Units, is_required_locally};
use super::{Fate, MountFate, MountsFate, Reached, Reason, names};
use crate::facts::Facts;
use crate::simulate::{Step, StepName};

/// What the boot comes to.
pub(super) fn fate(units: &Units<'_>, ends: &[End], trial: &Trial<'_>) -> MountsFate {
    let pairs: Vec<(&Unit<'_>, &End)> = units.list.iter().zip(ends).collect();
    let started: Vec<(&Unit<'_>, &End)> =
        pairs.iter().copied().filter(|(unit, _)| is_started(unit, units)).collect();
    let mut fate = MountsFate {
        lines: pairs.iter().map(|(unit, end)| line_of(unit, end, units)).collect(),
        broken_target: units.broken_target.clone(),
        ..MountsFate::default()
    };
    fate.lines.extend(units.skipped.iter().map(line_of_skipped));
    // fstab before crypttab, and lines in their order.
    fate.lines.sort_by(|a, b| b.at.path.cmp(&a.at.path).then(a.at.line.cmp(&b.at.line)));
    decide(&mut fate, &started, units);
    let until = match fate.reached {
        Reached::Emergency => fate.seconds.map(Duration::from_secs),
        _ => None,
    };
    for (unit, end) in started {
        note_failed(unit, end, until, trial, &mut fate);
    }
    for list in [&mut fate.failed_units, &mut fate.dependency_failed, &mut fate.pending] {
        list.sort();
        list.dedup();
    }
    fate
}

/// Whether the boot starts it: its target pulls it in, or another unit that is started needs it.
fn is_started(unit: &Unit<'_>, units: &Units<'_>) -> bool {
    match unit.pull {
        Pull::Required | Pull::Wanted => true,
        Pull::OnDemand => false,
        Pull::No => units.list.iter().any(|other| {
            matches!(other.pull, Pull::Required | Pull::Wanted)
                && match unit.kind {
                    Kind::Crypt => other.what == format!("/dev/mapper/{}", unit.directory),
                    Kind::Mount => {
                        other.kind == Kind::Mount
                            && other.directory != unit.directory
                            && unit.directory.len() > 1
                            && std::path::Path::new(&other.directory).starts_with(&unit.directory)
                    }
                    Kind::Swap => false,
                }
        }),
    }
}

/// Local mounts that the boot does not do without.
fn is_needed(unit: &Unit<'_>) -> bool {
    is_required_locally(unit)
}

fn decide(fate: &mut MountsFate, started: &[(&Unit<'_>, &End)], units: &Units<'_>) {
    let line = |unit: &Unit<'_>, fate: &MountsFate| {
        fate.lines.iter().find(|line| line.unit.as_ref() == Some(&unit.name)).cloned()
    };
    let needed = || started.iter().filter(|(unit, _)| is_needed(unit));
    let first =
        needed().filter_map(|(unit, end)| Some((end.failed_after()?, unit))).min_by_key(|(after, _)| *after);
    if let Some((after, unit)) = first {
        (fate.reached, fate.seconds) = (Reached::Emergency, Some(after.as_secs()));
        fate.cause = line(unit, fate);
        return;
    }
    let awaited = || started.iter().filter(|(unit, _)| unit.is_awaited);
    if let Some((unit, _)) = awaited().find(|(_, end)| matches!(end, End::Forever { .. })) {
        fate.reached = Reached::Hang;
        fate.cause = line(unit, fate);
        return;
    }
    if let Some((unit, _)) = needed().find(|(_, end)| matches!(end, End::Unknown { .. })) {
        fate.reached = Reached::Unknown;
        fate.cause = line(unit, fate);
        return;
    }
    if units.unreadable.is_some() {
        fate.reached = Reached::Unknown;
        return;
    }
    let longest = awaited().filter_map(|(_, end)| end.failed_after()).max().unwrap_or_default();
    fate.seconds = Some(longest.as_secs());
}

fn line_of(unit: &Unit<'_>, end: &End, units: &Units<'_>) -> MountFate {
    let (fate, seconds, reason, detail) = match (unit.pull, end) {
        (Pull::OnDemand, _) => (Fate::OnDemand, None, None, String::new()),
        (Pull::No, _) if !is_started(unit, units) => (Fate::NotAtBoot, None, None, String::new()),
        (_, End::Up) => (Fate::Up, None, None, String::new()),
        (_, End::Failed { reason, why }) => (Fate::Fails, Some(0), Some(*reason), why.clone()),
        (_, End::Gone { after, reason, why }) => {
            (Fate::Waits, Some(after.as_secs()), Some(*reason), why.clone())
        }
        (_, End::Forever { reason, why }) => (Fate::Hangs, None, Some(*reason), why.clone()),
        (_, End::Unknown { needs }) => {
            (Fate::Unknown, None, None, format!("whether it comes up is not known without {needs}"))
        }
    };
    MountFate {
        at: unit.at.clone(),
        unit: Some(unit.name.clone()),
        what: unit.what.clone(),
        directory: (unit.kind != Kind::Swap).then(|| unit.directory.clone()),
        fate,
        seconds,
        reason,
        detail,
        is_needed: is_needed(unit),
    }
}

fn line_of_skipped(skipped: &Skipped) -> MountFate {
    MountFate {
        at: skipped.at.clone(),
        unit: None,
        what: skipped.what.clone(),
        directory: skipped.directory.clone(),
        fate: Fate::Ignored,
        seconds: None,
        reason: None,
        detail: skipped.why.clone(),
        is_needed: false,
    }
}

/// Names the units that fail, and those that fail with them.
fn note_failed(
    unit: &Unit<'_>,
    end: &End,
    until: Option<Duration>,
    trial: &Trial<'_>,
    fate: &mut MountsFate,
) {
    let (after, is_tried) = match end {
        End::Failed { .. } => (Duration::ZERO, true),
        End::Gone { after, .. } => (*after, false),
        _ => return,
    };
    if unit.is_root() {
        fate.failed_units.push("systemd-remount-fs.service".to_owned());
        return;
    }
    if is_tried {
        fate.failed_units.push(unit.name.clone());
    }
    let list = match until {
        Some(until) if after > until => return,
        None if !unit.is_awaited && after > Duration::ZERO => &mut fate.pending,
        _ => &mut fate.dependency_failed,
    };
    if !is_tried {
        list.push(unit.name.clone());
        if let Some(check) = check_of(unit, trial)
            && !matches!(end, End::Gone { reason: Reason::NeedsOther, .. } if !unit.what.starts_with("/dev/mapper/"))
        {
            list.push(check);
        }
        if let End::Gone { reason: Reason::NeedsOther, .. } = end
            && unit.what.starts_with("/dev/mapper/")
        {
            list.push(names::of_path(&unit.what, ".device"));
        }
    }
    if unit.pull == Pull::Required
        && let Some(target) = unit.goal.target()
    {
        list.push(target.to_owned());
    }
}

/// The service that checks the file system before it is mounted, if there is one.
fn check_of(unit: &Unit<'_>, trial: &Trial<'_>) -> Option<String> {
    let has_checker = || match trial.facts.mounting.helpers.get() {
        Some(helpers) if matches!(unit.fstype.as_str(), "" | "auto") => helpers.contains("fsck"),
        Some(helpers) => helpers.contains(&format!("fsck.{}", unit.fstype)),
        None => true,
    };
    (unit.kind == Kind::Mount && unit.passno != 0 && unit.names_device() && has_checker())
        .then(|| names::instance("systemd-fsck", &names::device_path(&unit.what)))
}

/// The step's state and sentence.
pub(super) fn step(fate: &MountsFate, facts: &Facts) -> Step {
    let step = StepName::Mounts;
    let cause = fate.cause.as_ref();
    let at = cause.map(|cause| cause.at.clone());
    let named = |cause: &MountFate| match &cause.directory {
        Some(directory) => format!("`{}` for {directory}", cause.what),
        None => format!("the swap `{}`", cause.what),
    };
    match (fate.reached, cause) {
        (Reached::Emergency, Some(cause)) => {
            let waiting = match fate.seconds {
                Some(0) | None => String::new(),
                Some(seconds) => format!("after a wait of {seconds} s "),
            };
            let detail = format!(
                "{waiting}the boot ends in emergency mode: {} does not come up: {}",
                named(cause),
                cause.detail
            );
            Step::fails(step, detail, at)
        }
        (Reached::Hang, Some(cause)) if cause.reason == Some(Reason::Passphrase) => {
            let detail = format!("the boot waits at the console: {}", cause.detail);
            Step::unknown(step, detail, at)
        }
        (Reached::Hang, Some(cause)) => Step::fails(
            step,
            format!("the boot waits without end for {}: {}", named(cause), cause.detail),
            at,
        ),
        (Reached::Unknown, Some(cause)) => {
            Step::unknown(step, format!("{}: {}", named(cause), cause.detail), at)
        }
        (Reached::Unknown | Reached::Emergency | Reached::Hang, None) => {
            let needs =
                facts.mounting.lines.needs().or(facts.crypttab.entries.needs()).unwrap_or("`etc/fstab`");
            Step::unknown(step, format!("what is mounted is not known without {needs}"), None)
        }
        (Reached::MultiUser, _) => Step::ok(step, all_well(fate), first_trouble(fate)),
    }
}

/// The place of the first line that does not come up although the boot goes on.
fn first_trouble(fate: &MountsFate) -> Option<crate::place::Place> {
    let trouble = |line: &&MountFate| matches!(line.fate, Fate::Fails | Fate::Waits | Fate::Hangs);
    fate.lines.iter().find(trouble).or(fate.lines.first()).map(|line| line.at.clone())
}

fn all_well(fate: &MountsFate) -> String {
    let up = |line: &&MountFate| line.fate == Fate::Up;
    let count = fate.lines.iter().filter(up).count();
    let mut text = match count {
        0 => "nothing is mounted at boot but the root".to_owned(),
        1 => "the one file system or swap that is asked for comes up".to_owned(),
        _ => format!("{count} file systems, swaps and volumes come up"),
    };
    match &fate.broken_target {
        Some(why) => {
            let more = format!(
                "; but local-fs.target is not started as a whole, since {why}, and root stays as the kernel mounted it"
            );
            text.push_str(&more);
        }
        None if !fate.root_is_writable => text.push_str("; root stays read-only"),
        None => {}
    }
    let mut said = 0;
    for line in &fate.lines {
        let named = line.directory.clone().unwrap_or_else(|| line.what.clone());
        let more = match (line.fate, line.seconds) {
            (Fate::Waits, Some(seconds)) if seconds > 0 => {
                format!("{named} is waited for {seconds} s and given up: {}", line.detail)
            }
            (Fate::Fails | Fate::Waits, _) => {
                format!("{named} does not come up, and the boot goes on: {}", line.detail)
            }
            (Fate::Hangs, _) => format!("{named} waits in the background: {}", line.detail),
            (Fate::Unknown, _) => format!("{named}: {}", line.detail),
            _ => continue,
        };
        said += 1;
        // A sentence, not a list of all that is wrong.
        if said > 3 {
            text.push_str("; and more");
            break;
        }
        text.push_str("; ");
        text.push_str(&more);
    }
    text
}
