//! Multipath: what becomes of `/dev/mapper/mpatha` where a disk has another identity and a single path.
//!
//! multipath-tools names a disk after its WWID or after an alias that the bindings file or multipath.conf gives to that
//! WWID; a disk with a single path is taken only if `find_multipaths` is `no`, `off` or `greedy`, or its WWID is known
//! (multipath.conf(5), libmultipath's `should_multipath`).

use super::{Check, Root, Trouble};
use crate::simulate::devices::Machine;
use crate::simulate::drivers::Drivers;
use crate::target::TargetView;

impl<'a> Root<'a> {
    pub(super) fn multipath(
        &self,
        what: &str,
        name: &str,
        machine: &Machine<'a>,
        drivers: &Drivers<'_>,
    ) -> Check {
        let is = format!("{what} is the multipath device {name}");
        let has_tool = self.view.main().and_then(|initrd| initrd.has_multipath.get().copied());
        if has_tool != Some(true) {
            return Err(Trouble::fails(format!("{is}, but the initrd has no multipath")));
        }
        self.modules(&is, &["dm_mod", "dm_multipath"], drivers)?;
        if machine.is_same() {
            return Ok(format!("the initrd has multipath and dm_multipath for {name}"));
        }
        let facts = &self.facts.multipath;
        let target = machine.target();
        let at =
            facts.aliases.iter().find(|alias| name.starts_with(&alias.alias)).map(|alias| alias.at.clone());
        let fails = |why: &str| {
            let detail = format!(
                "{is}, which follows from the WWID of the old storage; the disk of {} has another one and a single path: \
                 {why}",
                target.name
            );
            Err(Trouble::Fails(detail, at.clone()))
        };
        let view = TargetView::from(target);
        if facts.blacklists_all || facts.blacklisted_prefixes.contains(&view.disk_prefix) {
            return fails("the blacklist keeps multipath from it");
        }
        match facts.takes_single_paths.get() {
            Some(false) => fails("multipath leaves it alone"),
            None => fails("even where multipath takes it, it has another name"),
            Some(true) if facts.aliases.is_empty() && is_first_alias(name) => {
                let friendly = facts.user_friendly_names.as_ref().is_some_and(|set| set.value == "yes");
                if friendly {
                    // No disk has that name yet, so the first one that multipath takes gets it.
                    return Ok(format!(
                        "multipath takes the single disk of {} and calls it mpatha",
                        target.name
                    ));
                }
                fails("it is called by its WWID")
            }
            Some(true) => fails("multipath takes it, but gives it another name"),
        }
    }
}

/// Whether the name is that of the first disk, or of one of its partitions.
fn is_first_alias(name: &str) -> bool {
    name.strip_prefix("mpatha")
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase() && c != 'p'))
}
