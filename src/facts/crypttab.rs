//! What `/etc/crypttab` asks to be opened.

use schemars::JsonSchema;
use serde::Serialize;

use super::block_devices::{BlockDevices, Lookup};
use super::setting::Misread;
use super::{Found, Gather, Known, Problem, ProblemKind};
use crate::parse::crypttab;
use crate::parse::device_spec::DeviceSpec;
use crate::place::Place;
use crate::source::File;

/// Lines that are taken; real tables have a handful.
const MAX_VOLUMES: usize = 1000;

/// The table of encrypted devices.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Crypttab {
    /// Whether there is an `/etc/crypttab`.
    pub present: bool,
    /// Its lines, in order. Unknown if the file cannot be read.
    pub entries: Known<Vec<Volume>>,
    /// What is wrong with the lines.
    pub mistakes: Vec<Misread>,
}

/// One encrypted device.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Volume {
    /// The second field, which names the device.
    pub at: Place,
    /// The line as written.
    pub line: String,
    /// The name that it gets in `/dev/mapper`.
    pub name: String,
    /// The second field as written.
    pub spec: String,
    /// What the second field names.
    pub device: DeviceSpec,
    /// The path of the key file; null if a passphrase is asked for.
    pub key_file: Option<String>,
    /// Whether the key file is there. Unknown if the input holds no whole root, or the key is on a device of its own.
    pub key_found: Known<bool>,
    /// Where the key file is named.
    pub key_at: Option<Place>,
    /// The options one by one.
    pub options: Vec<String>,
    /// Option `noauto`.
    pub noauto: bool,
    /// Option `nofail`.
    pub nofail: bool,
    /// It is swap with a new key at each boot.
    pub is_swap: bool,
    /// Option `initramfs` (Debian) or `x-initrd.attach` (systemd): opened in the initrd.
    pub in_initrd: bool,
    /// Whether the machine had what the second field names when the evidence was taken.
    pub device_found: Known<bool>,
    /// `UUID=...` of that device, if the input knows it.
    pub stable_spec: Option<String>,
}

/// Reads `/etc/crypttab`.
#[must_use]
pub fn gather(gather: &Gather<'_>, devices: &BlockDevices) -> Crypttab {
    match gather.read_config("etc/crypttab") {
        Found::Present(file) => read(gather, &file, devices),
        Found::Absent => Crypttab::default(),
        Found::Unreadable { needs } => {
            Crypttab { present: true, entries: Known::Unknown { needs }, mistakes: Vec::new() }
        }
    }
}

fn read(gather: &Gather<'_>, file: &File, devices: &BlockDevices) -> Crypttab {
    let mut parsed = crypttab::parse(&file.bytes);
    if parsed.entries.len() > MAX_VOLUMES || parsed.mistakes.len() > MAX_VOLUMES {
        let message = format!(
            "`{}` has {} lines and {} mistakes: the first {MAX_VOLUMES} of each are looked at",
            file.path,
            parsed.entries.len(),
            parsed.mistakes.len()
        );
        gather.note(Problem { at: Place::file(file.path.as_ref()), kind: ProblemKind::OverLimit, message });
        parsed.entries.truncate(MAX_VOLUMES);
        parsed.mistakes.truncate(MAX_VOLUMES);
    }
    let volume = |entry: crypttab::Entry| {
        let device = DeviceSpec::parse(&entry.device);
        let has = |wanted: &[&str]| entry.options.iter().any(|option| wanted.contains(&option.as_str()));
        let stable_spec = match devices.find(&device) {
            Lookup::Found(found) => found.stable_spec(),
            _ => None,
        };
        Volume {
            at: entry.device_span.at(&file.path),
            noauto: has(&["noauto"]),
            nofail: has(&["nofail"]),
            is_swap: has(&["swap"]),
            in_initrd: has(&["initramfs", "x-initrd.attach"]),
            device_found: devices.has(&device),
            stable_spec,
            line: entry.line,
            name: entry.name,
            spec: entry.device,
            device,
            key_found: key_found(gather, entry.key_file.as_deref()),
            key_file: entry.key_file,
            key_at: entry.key_span.map(|span| span.at(&file.path)),
            options: entry.options,
        }
    };
    Crypttab {
        present: true,
        entries: Known::Known(parsed.entries.into_iter().map(volume).collect()),
        mistakes: parsed.mistakes.iter().map(|mistake| Misread::new(mistake, &file.path)).collect(),
    }
}

/// Looks for the key file in the tree; one of a device (`/key:LABEL=stick`) is not there to look for.
fn key_found(gather: &Gather<'_>, key: Option<&str>) -> Known<bool> {
    let Some(key) = key.filter(|key| !key.starts_with("/dev/")) else { return Known::Known(true) };
    let path = key.trim_start_matches('/');
    if gather.tree.exists(path) {
        return Known::Known(true);
    }
    let is_whole_root = ["bin/sh", "usr/bin/sh"].iter().any(|shell| gather.tree.exists(shell));
    if key.contains(':') || !key.starts_with('/') || !is_whole_root {
        return Known::unknown(format!("`{path}`"));
    }
    Known::Known(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn volumes_know_their_device_and_when_they_are_opened() {
        let text = "root /dev/sda3 none luks,initramfs\nswap /dev/sda4 /dev/urandom swap,noauto\n";
        let tree = Memory::new()
            .file("etc/crypttab", text)
            .file("sos_commands/block/blkid_-c_.dev.null", "/dev/sda3: UUID=\"cc\" TYPE=\"crypto_LUKS\"\n")
            .into_tree();
        let limits = Limits::default();
        let context = Gather::new(&tree, &limits);
        let crypttab = gather(&context, &super::super::block_devices::gather(&context));
        let volumes = crypttab.entries.get().unwrap();
        assert_eq!(volumes[0].stable_spec.as_deref(), Some("UUID=cc"));
        assert!(volumes[0].in_initrd && !volumes[0].is_swap);
        assert!(volumes[1].is_swap && volumes[1].noauto);
        assert_eq!(volumes[1].key_file.as_deref(), Some("/dev/urandom"));
        assert_eq!(volumes[1].at.to_string(), "etc/crypttab:2");
    }
}
