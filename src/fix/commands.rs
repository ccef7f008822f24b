//! Which commands of a remedy a script may run by itself: those that only write settings of the system in whose root they run,
//! can run in a chroot and without a network, and do the same when they run again.
//!
//! All others (packages to install, file systems to check, boot entries of the firmware, anything with a name to fill in) are
//! shown to a person.

use std::sync::LazyLock;

use regex::Regex;

/// How such a command begins.
const HARMLESS: [&str; 16] = [
    "chkconfig",
    "depmod",
    "firewall-offline-cmd",
    "grub-editenv",
    "grub-mkconfig -o",
    "grub2-editenv",
    "grub2-mkconfig -o",
    "grubby",
    "systemctl disable",
    "systemctl enable",
    "systemctl mask",
    "systemctl unmask",
    "update-grub",
    "update-initramfs -u",
    "update-rc.d",
    "zipl",
];

/// A name to fill in (`/dev/DISK`, `vmlinuz-RELEASE`), or something that is only known on the running machine.
static OPEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(DISK|DEVICE|PARTITION|RELEASE|REGCODE|UUID=\.\.\.)\b|\.\.\.|\$\(|`|<|\|").ok()
});

/// Whether all lines of `command` are such commands.
pub(super) fn may_run_unattended(command: &str) -> bool {
    let is_open = OPEN.as_ref().is_none_or(|open| open.is_match(command));
    // A comment says when it is to be run.
    let is_conditional = command.contains(" #");
    let mut parts = command.lines().flat_map(|line| line.split("&&")).flat_map(|part| part.split(';'));
    let begins = |part: &str, start: &str| {
        part.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let is_harmless = |part: &str| HARMLESS.iter().any(|start| begins(part, start));
    !is_open && !is_conditional && parts.all(|part| is_harmless(part.trim()))
}

#[cfg(test)]
mod tests {
    use super::may_run_unattended;

    #[test]
    fn only_settings_are_written_without_a_person() {
        let cases = [
            ("systemctl disable --now smartd", true),
            ("chkconfig lldpad on; chkconfig fcoe on", true),
            ("update-grub", true),
            ("systemctl unmask rpc-statd.service && systemctl enable --now rpc-statd.service", true),
            ("grubby --set-default=/boot/vmlinuz-RELEASE", false),
            ("grub-install /dev/DISK   # the disk that the firmware starts", false),
            ("yum install kernel", false),
            ("e2fsck -f /dev/sda1", false),
            ("systemctl enable x && rm -rf /", false),
            ("systemctl enable $(reboot)", false),
            ("update-grubx", false),
        ];
        for (command, expected) in cases {
            assert_eq!(may_run_unattended(command), expected, "{command}");
        }
    }
}
