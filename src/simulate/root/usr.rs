//! `/usr` as a file system of its own, which the initrd mounts beside root.

use super::Root;
use crate::facts::fstab::{Mount, MountSource};
use crate::initrd::Kind;
use crate::simulate::State;
use crate::simulate::devices::{Machine, Resolution};

impl<'a> Root<'a> {
    /// The line of fstab that the initrd mounts `/usr` by; none if there is none, or if the initrd leaves it to the
    /// system: initramfs-tools since 0.117 (its `init`, `read_fstab_entry /usr`) and dracut since 006 (`98usrmount`, with
    /// systemd its fstab generator) mount it.
    pub(super) fn usr(&self) -> Option<&'a Mount> {
        let mounts_it = match self.kind() {
            Kind::InitramfsTools => true,
            Kind::Dracut => {
                self.has_systemd()
                    || self
                        .view
                        .main()
                        .and_then(|initrd| initrd.dracut_modules.get())
                        .is_some_and(|modules| modules.iter().any(|module| module == "usrmount"))
            }
            _ => false,
        };
        let entries = self.facts.fstab.entries.get().map(Vec::as_slice).unwrap_or_default();
        let usr = entries.iter().find(|mount| mount.mountpoint == "/usr" && !mount.is_swap)?;
        let is_wanted = usr.source == MountSource::Disk
            && (self.kind() == Kind::InitramfsTools || !(usr.noauto || usr.nofail));
        (mounts_it && is_wanted).then_some(usr)
    }

    /// Whether the device of `/usr` is there, where the initrd mounts it: the state, and a sentence.
    pub(super) fn usr_device(&self, machine: &Machine<'a>) -> Option<(State, String, &'a Mount)> {
        let mount = self.usr()?;
        let spec = &mount.spec;
        let (state, detail) = match machine.resolve(&mount.device) {
            Resolution::Missing { why } => {
                let detail = format!("the initrd mounts /usr from {spec}, which {why}");
                (State::Fails, detail)
            }
            Resolution::Unknown { needs } => {
                let detail = format!(
                    "the initrd mounts /usr from {spec}; whether that exists is not known without {needs}"
                );
                (State::Unknown, detail)
            }
            Resolution::Exists { .. } => return None,
        };
        Some((state, detail, mount))
    }
}
