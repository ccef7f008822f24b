//! Reads the udev rules that name interfaces by their address.

use super::groups::Groups;
use super::{Ifcfg, PersistentName};
use crate::facts::{Gather, Known, Problem, ProblemKind};
use crate::parse::udev_net;
use crate::place::Place;
use crate::source::NodeKind;

const RULES: &str = "etc/udev/rules.d";

/// Where udev looks for a rules file of one name, the first that has it wins; `/run` is empty at boot.
const RULE_DIRECTORIES: [&str; 3] = [RULES, "usr/lib/udev/rules.d", "lib/udev/rules.d"];

/// The rules in `etc/udev/rules.d` that give a name to an interface. Packages put theirs under `lib`, and those
/// name no single card.
pub(super) fn read(gather: &Gather<'_>, ifcfgs: &[Ifcfg]) -> Vec<PersistentName> {
    let mut found = Vec::new();
    for file in gather.read_directory(RULES, |name| {
        // A link to /dev/null masks the rules of that name, and need not lead anywhere in a tree without /dev.
        name.ends_with(".rules") && !is_masked(gather, &format!("{RULES}/{name}"))
    }) {
        let rules = udev_net::parse(&file.bytes);
        for mistake in rules.mistakes {
            let at = mistake.span.at(&file.path);
            gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
        }
        found.extend(rules.names.into_iter().filter(|rule| rule.mac.is_some() || rule.bus.is_some()).map(
            |rule| PersistentName {
                at: rule.span.at(&file.path),
                mac: rule.mac.map(|mac| mac.to_ascii_lowercase()),
                ifcfg: ifcfgs.iter().find(|ifcfg| ifcfg.applies_to(&rule.name)).map(|i| i.at.clone()),
                name: rule.name,
                kernel: rule.kernel,
                bus: rule.bus,
                conflicts: Vec::new(),
            },
        ));
    }
    let mut by_name = Groups::default();
    let mut by_address = Groups::default();
    for rule in &found {
        by_name.add(Some(rule.name.clone()), &rule.at);
        by_address.add(rule.mac.clone(), &rule.at);
    }
    for rule in &mut found {
        // A rule that says the same twice is in both groups, and listed once.
        rule.conflicts = by_name.others(Some(rule.name.clone()), &rule.at);
        rule.conflicts.extend(by_address.others(rule.mac.clone(), &rule.at));
        rule.conflicts.sort();
        rule.conflicts.dedup();
    }
    found
}

/// The rules file that makes up a name for each card that has none yet. systemd has dropped it with release 209;
/// Debian kept it up to release 8.
pub(super) fn generator(gather: &Gather<'_>) -> Known<Option<Place>> {
    const NAMES: [&str; 3] = [
        "75-persistent-net-generator.rules",
        "z45_persistent-net-generator.rules",
        "31-net_create_names.rules",
    ];
    let found = NAMES.iter().find_map(|name| {
        let paths = RULE_DIRECTORIES.map(|directory| format!("{directory}/{name}"));
        let first = paths.into_iter().find(|path| gather.tree.symlink_metadata(path).is_ok())?;
        let there =
            gather.tree.metadata(&first).is_ok_and(|node| node.kind == NodeKind::File && node.len > 0);
        (there && !is_masked(gather, &first)).then(|| Place::file(first))
    });
    let [etc, others @ ..] = RULE_DIRECTORIES;
    // SLES 10 and Debian 4 had all of them in /etc, where files that others made stand, too.
    let etc_says = gather.tree.list(etc).is_ok_and(|names| names.len() > 2);
    if found.is_none() && !etc_says && !others.iter().any(|directory| gather.tree.exists(directory)) {
        return Known::unknown("udev's own rules, `lib/udev/rules.d`");
    }
    Known::Known(found)
}

pub(super) fn is_masked(gather: &Gather<'_>, path: &str) -> bool {
    let node = gather.tree.symlink_metadata(path);
    node.is_ok_and(|node| matches!(&node.kind, NodeKind::Link(target) if target.ends_with("dev/null")))
}
