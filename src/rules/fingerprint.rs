//! Fingerprints: which finding of a new report is which of an old one.

use std::collections::HashMap;

use crate::finding::Finding;

/// Stamps findings, and tells apart those that would have the same fingerprint, by their order.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint {
    seen: HashMap<u128, u32>,
}

impl Fingerprint {
    /// Fills in the fingerprint: rule, target, entry, path and the line's text, but not its number.
    pub(crate) fn stamp(&mut self, mut finding: Finding) -> Finding {
        let text = finding.snippet.as_deref().map(str::trim);
        let fields = [
            Some(finding.rule.as_str()),
            finding.target.as_deref(),
            finding.entry.as_deref(),
            Some(finding.at.path.as_ref()),
            text,
        ];
        let hash = hash(&fields);
        let times = self.seen.entry(hash).or_default();
        finding.fingerprint = match *times {
            0 => format!("{hash:032x}"),
            again => format!("{hash:032x}-{again}"),
        };
        *times = times.saturating_add(1);
        finding
    }
}

/// A fingerprint without the number that tells findings of the same line apart: which of them it is, is all one.
pub(crate) fn base(fingerprint: &str) -> &str {
    fingerprint.split('-').next().unwrap_or(fingerprint)
}

/// FNV-1a with 128 bits (draft-eastlake-fnv): stable over versions and machines, which std's hasher is not.
fn hash(fields: &[Option<&str>]) -> u128 {
    // The leading byte ends the field before, and tells a missing one from an empty one; neither is in UTF-8.
    let bytes = fields.iter().flat_map(|field| {
        let lead = if field.is_some() { 0xff } else { 0xfe };
        std::iter::once(lead).chain(field.unwrap_or_default().bytes())
    });
    fnv(bytes)
}

fn fnv(bytes: impl Iterator<Item = u8>) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_the_published_one_and_keeps_fields_apart() {
        assert_eq!(format!("{:032x}", fnv(b"a".iter().copied())), "d228cb696f1a8caf78912b704e4a8964");
        assert_ne!(hash(&[Some("ab"), Some("c")]), hash(&[Some("a"), Some("bc")]));
        assert_ne!(hash(&[None]), hash(&[Some("")]));
    }
}
