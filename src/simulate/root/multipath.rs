//! Multipath: what becomes of `/dev/mapper/mpatha` where a disk has another identity and a single path.
//!
//! multipath-tools names a disk after its WWID or after an alias that the bindings file or multipath.conf gives to that
//! WWID; a disk with a single path is taken only if `find_multipaths` is `no`, `off` or `greedy`, or its WWID is known
//! (multipath.conf(5), libmultipath's `should_multipath`).

use super::stack::{Layer, Stack};
use super::{Check, Root, Trouble};
use crate::initrd::Kind;
use crate::parse::multipath;
use crate::simulate::Cause;
use crate::simulate::devices::Machine;
use crate::simulate::drivers::Drivers;
use crate::target::TargetView;

/// The rules that mark paths as such, under the names that multipath-tools has given them (multipath.rules; Debian's
/// and SUSE's names).
const MARKS_PATHS: [&str; 4] =
    ["62-multipath.rules", "60-multipath.rules", "56-multipath.rules", "40-multipath.rules"];

impl<'a> Root<'a> {
    /// multipathd takes a disk with one path, and nothing tells systemd that its partitions are not to be mounted.
    ///
    /// The rule that does (multipath-tools, `multipath.rules`: `ENV{SYSTEMD_READY}="0"`) is brought into the image by
    /// dracut under upstream's name alone (`90multipath/module-setup.sh`), which is not everybody's. multipathd then
    /// holds the disk when systemd mounts the partition: the device is busy.
    pub(super) fn taken_by_multipathd(&self, machine: &Machine<'a>) -> Result<(), Trouble> {
        let runs = self.kind() == Kind::Dracut
            && self.has_systemd()
            && self.view.has_any(&["usr/sbin/multipathd", "sbin/multipathd"])
            && self.view.has_any(&["etc/systemd/system/sysinit.target.wants/multipathd.service"]);
        let conf = self.view.text("etc/multipath.conf").filter(|_| runs && !self.has_rules(&MARKS_PATHS));
        let Some(conf) = conf.map(multipath::parse) else { return Ok(()) };
        let find =
            conf.settings.iter().rfind(|set| set.section == "defaults" && set.key == "find_multipaths");
        let takes = find.is_some_and(|set| ["no", "off", "greedy"].contains(&set.value.as_str()));
        let view = TargetView::from(machine.target());
        let is_blacklisted = conf.settings.iter().any(|set| set.section == "blacklist");
        // Only SCSI disks surely have what multipath knows a disk by.
        if !takes || is_blacklisted || view.disk_prefix != "sd" || !self.is_plain(machine) {
            return Ok(());
        }
        Err(Trouble::fails(format!(
            "multipathd in the initrd takes {} (`find_multipaths {}`), and no udev rule in it keeps systemd from mounting \
             the partitions: the device is busy",
            view.disk,
            find.map_or("", |set| set.value.as_str())
        ))
        .because(Cause::MultipathdHolds))
    }

    /// Whether root lies on a partition, with nothing between.
    fn is_plain(&self, machine: &Machine<'a>) -> bool {
        let Some(spec) = self.spec() else { return false };
        let layers = Stack::of(self, machine, spec).layers;
        layers.iter().all(|layer| matches!(layer, Layer::Disk { .. }))
    }

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
        let alias = self.facts.multipath.aliases.iter().find(|alias| name.starts_with(&alias.alias));
        self.name_of_single_path(name, machine).map_err(|why| {
            let detail = format!(
                "{is}, which follows from the WWID of the old storage; the disk of {} has another one and a single path: \
                 {why}",
                machine.target().name
            );
            Trouble::fails_at(detail, alias.map(|alias| alias.at.clone()))
        })
    }

    /// How the single disk of another machine gets the name.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn name_of_single_path(
        &self,
        name: &str,
        machine: &Machine<'a>,
    ) -> Result<String, &'static str> {
        let facts = &self.facts.multipath;
        let target = machine.target();
        if facts.blacklists_all || facts.blacklisted_prefixes.contains(&TargetView::from(target).disk_prefix)
        {
            return Err("the blacklist keeps multipath from it");
        }
        match facts.takes_single_paths.get() {
            Some(false) => Err("multipath leaves it alone"),
            None => Err("even where multipath takes it, it has another name"),
            Some(true) if facts.aliases.is_empty() && is_first_alias(name) => {
                let friendly = facts.user_friendly_names.as_ref().is_some_and(|set| set.value == "yes");
                // No disk has that name yet, so the first one that multipath takes gets it.
                if friendly {
                    Ok(format!("multipath takes the single disk of {} and calls it mpatha", target.name))
                } else {
                    Err("it is called by its WWID")
                }
            }
            Some(true) => Err("multipath takes it, but gives it another name"),
        }
    }
}

/// Whether the name is that of the first disk, or of one of its partitions.
fn is_first_alias(name: &str) -> bool {
    name.strip_prefix("mpatha")
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase() && c != 'p'))
}
