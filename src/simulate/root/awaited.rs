//! What dracut waits for beside root: every volume that a parameter names has to come, or the boot ends when the time
//! is up (dracut-lib.sh, `wait_for_dev`; the hooks in `initqueue/finished` of its modules lvm, mdraid and crypt).

use super::md::digits;
use super::{Root, Trouble};
use crate::initrd::Kind;
use crate::parse::device_spec::DeviceSpec;
use crate::simulate::devices::{Machine, Resolution};

impl<'a> Root<'a> {
    /// A volume that is waited for and known not to exist.
    pub(super) fn awaited(&self, machine: &Machine<'a>) -> Option<Trouble> {
        if self.kind() != Kind::Dracut || self.initrd_unread() {
            return None;
        }
        self.awaited_volume(machine).or_else(|| self.awaited_header()).or_else(|| self.awaited_array())
    }

    fn awaited_volume(&self, machine: &Machine<'a>) -> Option<Trouble> {
        if !self.arguments.is_on("rd.lvm", true) {
            return None;
        }
        let named = self.arguments.all(&["rd.lvm.lv", "rd_LVM_LV"]);
        named.into_iter().find_map(|(name, at)| {
            let name = name.strip_prefix("/dev/").unwrap_or(name);
            match machine.resolve(&DeviceSpec::parse(&format!("/dev/{name}"))) {
                Resolution::Missing { why } => {
                    let detail = format!(
                        "dracut waits for the logical volume {name} that `rd.lvm.lv=` names, which {why}"
                    );
                    Some(Trouble::fails_at(detail, Some(at.clone())))
                }
                _ => None,
            }
        })
    }

    fn awaited_header(&self) -> Option<Trouble> {
        let devices = &self.facts.block_devices;
        if !devices.complete || !self.arguments.is_on("rd.luks", true) {
            return None;
        }
        let headers: Vec<String> = self.holding("crypto_LUKS");
        let named = self.arguments.all(&["rd.luks.uuid", "rd_LUKS_UUID"]);
        named.into_iter().find_map(|(value, at)| {
            let asked = digits(value.trim_start_matches("keysource:").strip_prefix("luks-").unwrap_or(value));
            // The beginning of a UUID suffices.
            if headers.iter().any(|header| header.contains(&asked)) {
                return None;
            }
            let detail =
                format!("dracut waits for the LUKS volume {value} that `rd.luks.uuid=` names, and no device of this system has it");
            Some(Trouble::fails_at(detail, Some(at.clone())))
        })
    }

    fn awaited_array(&self) -> Option<Trouble> {
        let members = self.holding("linux_raid_member");
        // Arrays of firmware have other members.
        if !self.facts.block_devices.complete || members.is_empty() || !self.arguments.is_on("rd.md", true) {
            return None;
        }
        let named = self.arguments.all(&["rd.md.uuid", "rd_MD_UUID"]);
        named.into_iter().find_map(|(value, at)| {
            if members.contains(&digits(value)) {
                return None;
            }
            let detail =
                format!("dracut waits for the array {value} that `rd.md.uuid=` names, and no device of this system is a part of it");
            Some(Trouble::fails_at(detail, Some(at.clone())))
        })
    }

    /// The UUIDs of all devices that hold `fstype`, their digits alone.
    fn holding(&self, fstype: &str) -> Vec<String> {
        let devices = self.facts.block_devices.devices.iter();
        let holding = devices.filter(|device| device.fstype.as_deref() == Some(fstype));
        holding.filter_map(|device| device.uuid.as_deref().map(digits)).collect()
    }
}
