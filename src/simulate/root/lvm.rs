//! Logical volumes: whether the initrd finds the group's disks and activates the volume.

use super::stack::Layer;
use super::{Check, Root, Trouble};
use crate::facts::lvm::{Verdict, judge_names};
use crate::initrd::Kind;
use crate::parse::lvm::{self, LvmConfig};
use crate::place::Place;
use crate::simulate::Cause;
use crate::simulate::devices::Machine;
use crate::simulate::drivers::Drivers;

/// Rules with which udev activates volumes as their disks appear, in the folders of rules.
const RULES: [&str; 6] = [
    "69-lvm.rules",
    "69-dm-lvm.rules",
    "69-dm-lvm-metad.rules",
    "69-lvm-metad.rules",
    "64-lvm.rules",
    "85-lvm2.rules",
];

/// Types of segments and the module that each needs beside dm-mod.
const SEGMENTS: [(&str, &str); 12] = [
    ("thin", "dm_thin_pool"),
    ("thin-pool", "dm_thin_pool"),
    ("snapshot", "dm_snapshot"),
    ("mirror", "dm_mirror"),
    ("raid", "dm_raid"),
    ("cache", "dm_cache"),
    ("writecache", "dm_writecache"),
    ("integrity", "dm_integrity"),
    ("vdo", "dm_vdo"),
    ("vdo-pool", "dm_vdo"),
    ("cache-pool", "dm_cache"),
    ("era", "dm_era"),
];

impl<'a> Root<'a> {
    pub(super) fn lvm(
        &self,
        what: &str,
        vg: &str,
        lv: &str,
        below: Option<&Layer>,
        machine: &Machine<'a>,
        drivers: &Drivers<'_>,
    ) -> Check {
        let volume = format!("{vg}/{lv}");
        let is = format!("{what} is the logical volume {volume}");
        if self.view.main().and_then(|initrd| initrd.has_lvm.get().copied()) != Some(true) {
            return Err(Trouble::fails(format!("{is}, but the initrd has no lvm")));
        }
        match self.kind() {
            Kind::Dracut => self.dracut_lvm(&is, vg, &volume)?,
            Kind::InitramfsTools => self.initramfs_tools_lvm(&is)?,
            Kind::MkinitrdNash => self.nash_lvm(&is, vg)?,
            Kind::MkinitrdSuse => self.wants_script(&is, "lvm2")?,
            Kind::Mkinitcpio => self.wants_hook(&is, &["lvm2", "sd-lvm2"])?,
            Kind::Other => {}
        }
        self.lvm_configuration(&volume, vg, below, machine)?;
        self.modules(&is, &["dm_mod"], drivers)?;
        self.segments(&is, vg, lv, drivers)?;
        Ok(format!("the initrd has lvm and dm_mod for the logical volume {volume}"))
    }

    /// dracut's `parse-lvm.sh` and `lvm_scan.sh`: `rd.lvm=0` switches LVM off; `rd.lvm.lv=` and `rd.lvm.vg=` restrict it
    /// to what they name; without them every volume is activated.
    fn dracut_lvm(&self, is: &str, vg: &str, volume: &str) -> Result<(), Trouble> {
        let off = self.arguments.last("rd.lvm").or(self.arguments.last("rd_NO_LVM"));
        if !self.arguments.is_on("rd.lvm", true) || self.arguments.has("rd_NO_LVM") {
            let detail = format!("{is}, and `rd.lvm=0` switches LVM off in the initrd");
            return Err(Trouble::fails_at(detail, off.map(|argument| argument.at.clone())));
        }
        if self.is_whole() && !self.has_rules(&RULES) {
            let detail = format!("{is}, but the initrd has no udev rules that activate logical volumes");
            return Err(Trouble::fails(detail));
        }
        let lvs = self.arguments.all(&["rd.lvm.lv", "rd_LVM_LV"]);
        let vgs = self.arguments.all(&["rd.lvm.vg", "rd_LVM_VG"]);
        if lvs.is_empty() && vgs.is_empty() {
            return Ok(());
        }
        let plain = |name: &str| name.strip_prefix("/dev/").unwrap_or(name).to_owned();
        if lvs.iter().any(|(name, _)| plain(name) == volume) || vgs.iter().any(|(name, _)| plain(name) == vg)
        {
            return Ok(());
        }
        let names: Vec<&str> = lvs.iter().chain(&vgs).map(|(name, _)| *name).collect();
        let at = lvs.first().or(vgs.first()).map(|(_, at)| (*at).clone());
        let detail = format!(
            "dracut activates only the volumes that rd.lvm.lv= and rd.lvm.vg= name ({}), and {volume}, which {}, is not among \
             them",
            names.join(", "),
            if is.starts_with("root") { "holds root" } else { "holds /usr" },
        );
        Err(Trouble::fails_at(detail, at))
    }

    /// lvm2 in initramfs-tools: udev's rules activate what is complete; the older scripts `local-top/lvm2` and
    /// `local-block/lvm2` activate the volume that `root=` names by its path.
    fn initramfs_tools_lvm(&self, is: &str) -> Result<(), Trouble> {
        if self.has_rules(&RULES) || !self.is_whole() {
            return Ok(());
        }
        if !self.view.has_any(&["scripts/local-top/lvm2", "scripts/local-block/lvm2"]) {
            let detail = format!("{is}, but the initrd has neither udev rules nor a script that activate it");
            return Err(Trouble::fails(detail));
        }
        if self.spec().is_some_and(|spec| spec.volume().is_none()) && is.starts_with("root") {
            let detail = format!(
                "{is}, which the initrd's script activates only where `root=` names it by its path in `/dev`, not by UUID \
                 or label"
            );
            return Err(Trouble::fails(detail));
        }
        Ok(())
    }

    /// nash: `lvm vgchange -ay --ignorelockingfailure VolGroup00` in `init`.
    fn nash_lvm(&self, is: &str, vg: &str) -> Result<(), Trouble> {
        let script = self.script();
        let mut lines = script.lines().filter(|line| line.contains("vgchange")).peekable();
        if lines.peek().is_none() {
            return Err(Trouble::fails(format!("{is}, but the initrd's script has no `lvm vgchange`")));
        }
        let names = |line: &str| -> Vec<String> {
            let words = line.split_whitespace().skip_while(|word| *word != "vgchange").skip(1);
            words.filter(|word| !word.starts_with('-')).map(str::to_owned).collect()
        };
        let activates = |line: &str| names(line).is_empty() || names(line).iter().any(|name| name == vg);
        let all: Vec<String> = lines.clone().flat_map(names).collect();
        if lines.any(activates) {
            return Ok(());
        }
        Err(Trouble::fails(format!("{is}, but the initrd's script activates {} alone", all.join(", "))))
    }

    /// What lvm.conf and the devices file of the image keep from LVM. Without a copy LVM looks at every disk.
    fn lvm_configuration(
        &self,
        volume: &str,
        vg: &str,
        below: Option<&Layer>,
        machine: &Machine<'a>,
    ) -> Result<(), Trouble> {
        let drops_it = self.kind() == Kind::Dracut && !self.arguments.is_on("rd.lvm.conf", true);
        let Some(text) = self.view.text("etc/lvm/lvm.conf").filter(|_| !drops_it) else { return Ok(()) };
        let local = self.view.text("etc/lvm/lvmlocal.conf").unwrap_or_default();
        let (main, local) = (lvm::parse(text), lvm::parse(local));
        let get = |path: &str| local.get(path).or_else(|| main.get(path));
        if !machine.is_same() {
            self.filters(volume, &[&local, &main], below, machine)?;
            self.devices_file(volume, below)?;
        }
        // `vgchange -ay` of dracut's lvm_scan passes the list for automatic activation over.
        let mut lists = vec!["activation/volume_list"];
        if self.kind() != Kind::Dracut {
            lists.push("activation/auto_activation_volume_list");
        }
        for path in lists {
            let Some(list) = get(path) else { continue };
            let matches = |name: &String| name == vg || name == volume;
            if list.values.iter().any(|name| name.starts_with('@')) || list.values.iter().any(matches) {
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            let own = if name == "volume_list" {
                self.facts.lvm.volume_list.as_ref()
            } else {
                self.facts.lvm.auto_activation_volume_list.as_ref()
            };
            let detail =
                format!("{volume} is not activated: {name} in the initrd's lvm.conf does not name it");
            return Err(Trouble::fails_at(detail, own.map(|list| list.at.clone())).because(Cause::LvmList));
        }
        Ok(())
    }

    /// The filters of the image's own lvm.conf against the names that the physical volume has on the target.
    fn filters(
        &self,
        volume: &str,
        configs: &[&LvmConfig],
        below: Option<&Layer>,
        machine: &Machine<'a>,
    ) -> Result<(), Trouble> {
        let names = self.names_of(below, machine);
        for filter in ["filter", "global_filter"] {
            let path = format!("devices/{filter}");
            let Some(set) = configs.iter().find_map(|config| config.get(&path)) else { continue };
            let rejects = |names: &Vec<String>| judge_names(&set.values, names) == Verdict::Rejected;
            // Where it is not known which partition it is, all of them have to be hidden.
            if !names.is_empty() && names.iter().all(rejects) {
                let shown = names.first().and_then(|names| names.first()).map_or("", String::as_str);
                let at =
                    self.facts.lvm.filters.iter().find(|own| own.name == filter).map(|own| own.at.clone());
                let detail =
                    format!("{volume} is not found: the {filter} in the initrd's lvm.conf rejects {shown}");
                return Err(Trouble::fails_at(detail, at).because(Cause::LvmFilter));
            }
        }
        Ok(())
    }

    /// The names that the physical volume may have on the target, each with its other names.
    fn names_of(&self, below: Option<&Layer>, machine: &Machine<'a>) -> Vec<Vec<String>> {
        match below {
            Some(Layer::Disk { now, partition }) => {
                let disk = now.as_deref().and_then(|now| machine.name_of(now));
                let disk = disk.or_else(|| machine.disks().first().map(|disk| disk.name.clone()));
                disk.map(|disk| machine.partition_names(&disk, *partition)).into_iter().collect()
            }
            Some(Layer::Md { name, .. }) => vec![vec![format!("/dev/{name}"), "/dev/md127".to_owned()]],
            Some(Layer::Luks { name, .. } | Layer::Multipath { name }) => {
                vec![vec![format!("/dev/mapper/{name}"), "/dev/dm-0".to_owned()]]
            }
            Some(Layer::Lvm { .. } | Layer::Btrfs { .. }) => Vec::new(),
            None => {
                let Some(disk) = machine.disks().first() else { return Vec::new() };
                let numbers = std::iter::once(None).chain((1..=4).map(Some));
                numbers.map(|number| machine.partition_names(&disk.name, number)).collect()
            }
        }
    }

    /// A devices file in the image that lists the old disks alone (lvmdevices(8)).
    fn devices_file(&self, volume: &str, below: Option<&Layer>) -> Result<(), Trouble> {
        let Some(file) = &self.facts.lvm.devices_file else { return Ok(()) };
        let in_image = self.view.text("etc/lvm/devices/system.devices").is_some();
        let on_disk = matches!(below, None | Some(Layer::Disk { .. } | Layer::Multipath { .. }));
        let stale = !file.devices.is_empty() && file.devices.iter().all(|device| device.is_of_hardware);
        if in_image && stale && on_disk && file.renews_itself.get() == Some(&false) {
            let detail =
                format!("{volume} is not found: the devices file in the initrd lists the old disks alone");
            return Err(Trouble::fails_at(detail, Some(file.at.clone())));
        }
        Ok(())
    }

    /// What the volume is made of decides which modules it needs.
    fn segments(&self, is: &str, vg: &str, lv: &str, drivers: &Drivers<'_>) -> Result<(), Trouble> {
        let group = self.facts.volumes.iter().find(|group| group.name == vg);
        let layout = group.and_then(|group| group.layouts.iter().find(|layout| layout.volume == lv));
        if let Some(layout) = layout {
            for kind in &layout.types {
                let needed = SEGMENTS
                    .iter()
                    .find(|(known, _)| kind == known || (*known == "raid" && kind.starts_with("raid")));
                if let Some((_, module)) = needed {
                    // Before Linux 6.9 the driver came with the package kmod-kvdo.
                    let is_kvdo = *module == "dm_vdo" && drivers.has_module(&"kvdo".into()).is_ok();
                    let module = if is_kvdo { &"kvdo" } else { module };
                    self.modules(&format!("{is}, of the type {kind}"), &[module], drivers)?;
                }
            }
            return Ok(());
        }
        // Nothing says what it is made of. That it boots now with this initrd is some proof that the modules suffice,
        // where the system knows this volume as its root.
        let is_known = self.fstab.is_none_or(|mount| match mount.device.volume() {
            Some((own_vg, own_lv)) => own_vg == vg && own_lv == lv,
            None => true,
        });
        if is_known || !is.starts_with("root") || drivers.has_module(&"dm_thin_pool".into()).is_ok() {
            return Ok(());
        }
        Err(Trouble::unknown(format!(
            "{is}, which is none that `etc/fstab` knows; whether it is a thin one, for which the initrd has no dm-thin-pool, \
             is not known without `etc/lvm/backup/{vg}` or the output of `lvs -o+segtype`"
        )))
    }

    /// Whether the image's programs are in it, so that one which is not there is missing: it has a shell and `udevadm`.
    pub(super) fn is_whole(&self) -> bool {
        let udev = ["sbin/udevadm", "usr/bin/udevadm", "bin/udevadm", "usr/sbin/udevadm"];
        self.view.has_any(&["bin/sh", "usr/bin/sh", "bin/busybox"]) && self.view.has_any(&udev)
    }

    /// Whether one of the udev rules is in the image.
    pub(super) fn has_rules(&self, names: &[&str]) -> bool {
        let folders = ["usr/lib/udev/rules.d", "lib/udev/rules.d", "etc/udev/rules.d"];
        names
            .iter()
            .any(|name| folders.iter().any(|folder| self.view.has_any(&[&format!("{folder}/{name}")])))
    }

    /// The script that is the image's init.
    pub(super) fn script(&self) -> String {
        let text = ["init", "linuxrc"].iter().find_map(|path| self.view.text(path));
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }

    /// SUSE's mkinitrd has a script for each layer in `boot/`.
    pub(super) fn wants_script(&self, is: &str, name: &str) -> Result<(), Trouble> {
        let mut scripts = self.view.texts_below("boot/");
        if scripts.any(|(path, _)| String::from_utf8_lossy(path).contains(name)) {
            return Ok(());
        }
        Err(Trouble::fails(format!("{is}, but the initrd has no script for {name}")))
    }

    /// mkinitcpio has a hook for each layer.
    pub(super) fn wants_hook(&self, is: &str, names: &[&str]) -> Result<(), Trouble> {
        let mut hooks = self.view.read.iter().flat_map(|(_, image)| &image.maker.modules);
        if hooks.any(|hook| names.contains(&hook.as_str())) {
            return Ok(());
        }
        Err(Trouble::fails(format!("{is}, but the initrd was built without the hook {}", names.join(" or "))))
    }

    /// Where a parameter of one of these names stands.
    pub(super) fn place_of(&self, keys: &[&str]) -> Option<Place> {
        keys.iter().find_map(|key| self.arguments.last(key)).map(|argument| argument.at.clone())
    }
}
