//! LUKS headers: which key slots they have and what opens them, as collected outputs say.
//!
//! The headers are on the disks, which a mounted root does not show. sos keeps `cryptsetup luksDump` of each in
//! `sos_commands/block`; `clevis luks list -d DEVICE` kept beside it tells which pins clevis binds a slot to.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::parse::luks_dump;
use crate::place::Place;
use crate::source::File;

/// Folders of a sos report in which such outputs are.
const FOLDERS: [&str; 4] =
    ["sos_commands/block", "sos_commands/filesys", "sos_commands/crypto", "sos_commands/clevis"];

/// Headers that are read at most.
const MAX_HEADERS: usize = 256;

/// A LUKS header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LuksHeader {
    /// The output that was read.
    pub at: Place,
    /// The device below `/dev` that the output is about.
    pub device: String,
    /// The UUID, in lower case.
    pub uuid: Option<String>,
    /// The format: 1 or 2.
    pub version: Option<u32>,
    /// The key slots in use; empty where only clevis' list is there.
    pub slots: Vec<u32>,
    /// What opens slots without a passphrase.
    pub bindings: Vec<Binding>,
    /// Whether a slot is left that no binding opens: a passphrase or a key file does; null where only clevis' list is there.
    pub has_passphrase: Option<bool>,
}

/// Something that opens a slot without a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Binding {
    /// Where it stands.
    pub at: Place,
    /// `systemd-tpm2`, `systemd-fido2`, `systemd-pkcs11`, or clevis' pin: `tpm2`, `tang`, `sss`; `clevis` where nothing tells the
    /// pin.
    pub kind: String,
    /// The slots.
    pub slots: Vec<u32>,
    /// This machine's TPM takes part. False for `clevis`, whose pin nobody knows.
    pub by_tpm: bool,
    /// The addresses of Tang servers.
    pub urls: Vec<String>,
}

/// Reads the outputs, in order of the devices.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<LuksHeader> {
    let is_list = |name: &str| name.starts_with("clevis_luks_list");
    let is_dump = |name: &str| name.starts_with("cryptsetup_luksDump");
    let files: Vec<File> = FOLDERS
        .iter()
        .flat_map(|folder| gather.read_directory(folder, |name| is_dump(name) || is_list(name)))
        .take(2 * MAX_HEADERS)
        .collect();
    let (lists, dumps): (Vec<&File>, Vec<&File>) = files.iter().partition(|file| is_list(base(file)));
    let mut headers: Vec<LuksHeader> = dumps.into_iter().filter_map(dumped).collect();
    for file in lists {
        let (Some(device), found) = (device_of(base(file)), luks_dump::parse_clevis(&file.bytes)) else {
            continue;
        };
        let bindings: Vec<Binding> = found
            .into_iter()
            .map(|found| Binding {
                at: found.span.at(&file.path),
                kind: found.pin,
                slots: vec![found.slot],
                by_tpm: found.has_tpm,
                urls: found.urls,
            })
            .collect();
        match headers.iter_mut().find(|header| header.device == device) {
            Some(header) => {
                let told: BTreeSet<u32> = bindings.iter().flat_map(|binding| binding.slots.clone()).collect();
                // The list says what the token `clevis` of the same slot stands for.
                header
                    .bindings
                    .retain(|own| own.kind != "clevis" || !own.slots.iter().all(|slot| told.contains(slot)));
                header.bindings.extend(bindings);
            }
            None => headers.push(LuksHeader {
                at: Place::file(std::sync::Arc::clone(&file.path)),
                device,
                uuid: None,
                version: None,
                slots: Vec::new(),
                bindings,
                has_passphrase: None,
            }),
        }
    }
    headers.sort_by(|a, b| a.device.cmp(&b.device));
    headers
}

fn base(file: &File) -> &str {
    file.path.rsplit('/').next().unwrap_or_default()
}

fn dumped(file: &File) -> Option<LuksHeader> {
    let dump = luks_dump::parse(&file.bytes);
    dump.version?;
    let bound: BTreeSet<u32> = dump.tokens.iter().flat_map(|token| token.slots.clone()).collect();
    let bindings = dump.tokens.into_iter().filter(|token| !token.slots.is_empty()).map(|token| Binding {
        at: token.span.at(&file.path),
        by_tpm: token.kind == "systemd-tpm2",
        kind: token.kind,
        slots: token.slots,
        urls: Vec::new(),
    });
    Some(LuksHeader {
        at: Place::file(std::sync::Arc::clone(&file.path)),
        device: device_of(base(file)).unwrap_or_default(),
        uuid: dump.uuid,
        version: dump.version,
        // A recovery key is marked by a token, too, and is typed like a passphrase.
        has_passphrase: Some(
            dump.slots.iter().any(|slot| !bound.contains(slot)) || has_recovery(&file.bytes),
        ),
        slots: dump.slots,
        bindings: bindings.filter(|binding| binding.kind != "systemd-recovery").collect(),
    })
}

fn has_recovery(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b": systemd-recovery").is_some()
}

/// `cryptsetup_luksDump_.dev.sda3`: sos writes dots for slashes.
fn device_of(name: &str) -> Option<String> {
    let (_, device) = name.split_once(".dev.")?;
    Some(device.trim_end_matches(".txt").replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn the_list_of_clevis_tells_what_its_token_stands_for() {
        let dump = "Version:\t2\nUUID:\tAA\nKeyslots:\n  0: luks2\n  1: luks2\nTokens:\n  0: clevis\n\tKeyslot:    1\n";
        let list = "1: tang '{\"url\":\"http://192.0.2.5\"}'\n";
        let tree = Memory::new()
            .file("sos_commands/block/cryptsetup_luksDump_.dev.sda3", dump)
            .file("sos_commands/block/clevis_luks_list_-d_.dev.sda3", list)
            .into_tree();
        let headers = gather(&Gather::new(&tree, &Limits::default()));
        let [header] = headers.as_slice() else { panic!("{headers:?}") };
        assert_eq!((header.device.as_str(), header.has_passphrase), ("sda3", Some(true)));
        let [binding] = header.bindings.as_slice() else { panic!("{header:?}") };
        assert_eq!(
            (binding.kind.as_str(), binding.urls.as_slice()),
            ("tang", &["http://192.0.2.5".to_owned()][..])
        );
    }

    #[test]
    fn a_header_that_only_the_tpm_opens_has_no_passphrase() {
        let dump = |tokens: &str| format!("Version:\t2\nKeyslots:\n  1: luks2\nTokens:\n{tokens}");
        for (tokens, want) in [
            ("  0: systemd-tpm2\n\tKeyslot:    1\n", false),
            ("  0: systemd-recovery\n\tKeyslot:    1\n", true),
            ("", true),
        ] {
            let tree = Memory::new()
                .file("sos_commands/block/cryptsetup_luksDump_.dev.vda2", dump(tokens))
                .into_tree();
            let headers = gather(&Gather::new(&tree, &Limits::default()));
            assert_eq!(headers[0].has_passphrase, Some(want), "{tokens}");
        }
    }
}
