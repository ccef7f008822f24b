//! FIPS mode: the checksums that dracut's `fips` module holds the kernel against before it goes on.
//!
//! `modules.d/01fips/fips.sh` runs `sha512hmac -c /boot/.vmlinuz-RELEASE.hmac` and halts the machine when the file is
//! missing or does not fit. libkcapi and hmaccalc take HMAC-SHA512 with the key below; fipscheck, which SLES used before,
//! HMAC-SHA256 with its own (`apps/kcapi-hasher.c`, `filehmac.c`).

use std::io::{BufReader, Read};

use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Sha256, Sha512};

use super::boot::BootConfig;
use super::{Gather, Known};
use crate::place::Place;

/// The key of `sha512hmac`.
const HMACCALC_KEY: &[u8] = b"FIPS-FTW-RHT2009";
/// The key of `fipshmac` and `fipscheck`.
const FIPSCHECK_KEY: &[u8] = b"orboDeJITITejsirpADONivirpUkvarP";

/// Bytes of a kernel image that are hashed; the largest have 80 MiB (unified ones some hundred).
const MAX_KERNEL: u64 = 512 << 20;

/// The checksum of a kernel that boots in FIPS mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KernelChecksum {
    /// The kernel's path relative to the root.
    pub kernel: String,
    /// The path of its checksum: `boot/.vmlinuz-<release>.hmac`.
    pub path: String,
    /// The entry that boots it in FIPS mode, by its id.
    pub entry: String,
    /// Where the entry asks for FIPS mode.
    pub at: Place,
    /// Whether the file is there.
    pub exists: Known<bool>,
    /// Whether the kernel has the checksum that the file says; null if the file is missing.
    pub fits: Known<Option<bool>>,
}

/// Computes the checksums of the kernels that an entry with `fips=1` boots.
#[must_use]
pub fn gather(gather: &Gather<'_>, boot: &BootConfig) -> Vec<KernelChecksum> {
    let mut found: Vec<KernelChecksum> = Vec::new();
    for entry in &boot.entries {
        let Some(cmdline) = entry.cmdline.get() else { continue };
        let Some(fips) = cmdline.param("fips").filter(|param| param.value.as_deref() == Some("1")) else {
            continue;
        };
        if found.iter().any(|one| one.kernel == entry.kernel) {
            continue;
        }
        let (folder, name) = entry.kernel.rsplit_once('/').unwrap_or(("", entry.kernel.as_str()));
        let path = format!("{folder}/.{name}.hmac");
        // Without the kernel itself, as in a report, nobody knows what else is in the folder.
        let (exists, fits) = match &entry.kernel_exists {
            Known::Known(true) => look(gather, &entry.kernel, &path),
            Known::Known(false) => {
                (Known::unknown(format!("`{}`", entry.kernel)), Known::unknown(format!("`{}`", entry.kernel)))
            }
            Known::Unknown { needs } => (Known::unknown(needs.clone()), Known::unknown(needs.clone())),
        };
        found.push(KernelChecksum {
            kernel: entry.kernel.clone(),
            path,
            entry: entry.id.clone(),
            at: fips.at.clone(),
            exists,
            fits,
        });
    }
    found
}

fn look(gather: &Gather<'_>, kernel: &str, path: &str) -> (Known<bool>, Known<Option<bool>>) {
    let text = match gather.read_config(path) {
        super::Found::Present(file) => file.bytes,
        super::Found::Absent => return (Known::Known(false), Known::Known(None)),
        super::Found::Unreadable { needs } => {
            return (Known::Known(true), Known::Unknown { needs });
        }
    };
    // `HEX  /boot/vmlinuz-...`; fipshmac writes the digits alone.
    let digits = text.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
    let written = String::from_utf8_lossy(digits).to_ascii_lowercase();
    let computed = gather.tree.open(kernel).ok().and_then(|(content, _)| checksums(content));
    let fits = match computed {
        Some(computed) => Known::Known(Some(computed.contains(&written))),
        None => Known::unknown(format!("a readable `{kernel}`")),
    };
    (Known::Known(true), fits)
}

/// Both checksums of a kernel, as hexadecimal digits; none if it cannot be read to its end.
fn checksums(content: impl Read) -> Option<[String; 2]> {
    // A key of any length is right for HMAC.
    let mut long = Hmac::<Sha512>::new_from_slice(HMACCALC_KEY).ok()?;
    let mut short = Hmac::<Sha256>::new_from_slice(FIPSCHECK_KEY).ok()?;
    let mut reader = BufReader::new(content.take(MAX_KERNEL + 1));
    let mut buffer = vec![0_u8; 1 << 16];
    let mut total = 0_u64;
    loop {
        let len = reader.read(&mut buffer).ok()?; // what cannot be read has no checksum
        if len == 0 {
            break;
        }
        total += len as u64;
        let part = buffer.get(..len)?;
        long.update(part);
        short.update(part);
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (total <= MAX_KERNEL).then(|| [hex(&long.finalize().into_bytes()), hex(&short.finalize().into_bytes())])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf kernel | openssl dgst -sha512 -hmac FIPS-FTW-RHT2009` and its kin compute them.
    #[test]
    fn checksums_are_those_of_the_tools() {
        let [long, short] = checksums(&b"kernel"[..]).unwrap();
        assert!(long.starts_with("751e8faaf948ea3daa397b01b374fa33"), "{long}");
        assert!(short.starts_with("142374177616f28f3029c5d7df489fae"), "{short}");
    }
}
