//! The records of pax extended headers (POSIX.1-2008, pax, "pax Extended Header") that matter to a reader of trees,
//! GNU's sparse records among them (GNU tar manual, "Storing Sparse Files").

use super::walk::Extent;

/// Pieces of one sparse file that are read at most. A database or log with more holes is told to be damaged.
pub(super) const MAX_EXTENTS: usize = 100_000;

/// What the extended header of one member says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) mtime: Option<i64>,
    pub(super) sparse: Option<Sparse>,
}

/// GNU's sparse records, of any of their three versions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Sparse {
    /// 1 when the map stands before the data (version 1.0).
    pub(super) major: u32,
    /// The size of the file with its holes.
    pub(super) real_size: Option<u64>,
    /// The pieces, of versions 0.0 and 0.1.
    pub(super) extents: Vec<Extent>,
    offset: Option<u64>,
}

impl Records {
    /// Reads the records of one header into these. What is no record ends the reading: false.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && bytes.first() != Some(&0) {
            let Some((key, value, rest)) = record(bytes) else { return false };
            self.set(key, value);
            bytes = rest;
        }
        true
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"path" if self.sparse.is_none() => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = number(value),
            b"uid" => self.uid = number(value).and_then(|uid| u32::try_from(uid).ok()),
            b"mtime" => self.mtime = seconds(value),
            _ => {
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.set_sparse(key, value);
                }
            }
        }
    }

    fn set_sparse(&mut self, key: &[u8], value: &[u8]) {
        let sparse = self.sparse.get_or_insert_default();
        match key {
            // The member's own name in versions 0.1 and 1.0 has `GNUSparseFile.PID` in it.
            b"name" => self.path = Some(value.to_vec()),
            b"major" => sparse.major = number(value).and_then(|major| u32::try_from(major).ok()).unwrap_or(0),
            b"realsize" | b"size" => sparse.real_size = number(value),
            b"offset" => sparse.offset = number(value),
            b"numbytes" => {
                if let (Some(offset), Some(len)) = (sparse.offset.take(), number(value)) {
                    sparse.push(offset, len);
                }
            }
            b"map" => {
                let mut numbers = value.split(|byte| *byte == b',').map(number);
                while let (Some(Some(offset)), Some(Some(len))) = (numbers.next(), numbers.next()) {
                    sparse.push(offset, len);
                }
            }
            _ => {}
        }
    }
}

impl Sparse {
    fn push(&mut self, offset: u64, len: u64) {
        if self.extents.len() < MAX_EXTENTS {
            self.extents.push(Extent { offset, len });
        }
    }
}

/// `LEN KEY=VALUE\n`, where LEN counts the whole record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let len = usize::try_from(number(bytes.get(..space)?)?).ok()?;
    let text = bytes.get(space + 1..len)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some((text.get(..equals)?, text.get(equals + 1..)?, bytes.get(len..)?))
}

fn number(digits: &[u8]) -> Option<u64> {
    // What is no number counts as not said: pax writes decimal digits only.
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Seconds since the epoch, with a fraction that is dropped.
fn seconds(value: &[u8]) -> Option<i64> {
    let whole = value.split(|byte| *byte == b'.').next()?;
    // As for `number`.
    std::str::from_utf8(whole).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(key: &str, value: &str) -> String {
        let rest = format!(" {key}={value}\n");
        let mut len = rest.len() + 1;
        while len != rest.len() + len.to_string().len() {
            len += 1;
        }
        format!("{len}{rest}")
    }

    #[test]
    fn records_that_matter_are_kept() {
        let text = line("path", "etc/a\nb") + &line("mtime", "1700000000.25") + &line("SCHILY.xattr.x", "y");
        let mut records = Records::default();
        assert!(records.read(text.as_bytes()));
        assert_eq!(records.path.as_deref(), Some(&b"etc/a\nb"[..]));
        assert_eq!(records.mtime, Some(1_700_000_000));
        assert!(!Records::default().read(b"999 path=x\n"));
    }

    #[test]
    fn sparse_maps_of_all_versions_are_read() {
        let old = line("GNU.sparse.size", "4096")
            + &line("GNU.sparse.offset", "512")
            + &line("GNU.sparse.numbytes", "512");
        let newer = line("GNU.sparse.name", "etc/x") + &line("GNU.sparse.map", "0,512,2048,10");
        let mut records = Records::default();
        assert!(records.read(old.as_bytes()));
        let sparse = records.sparse.unwrap();
        assert_eq!((sparse.real_size, sparse.extents), (Some(4096), vec![Extent { offset: 512, len: 512 }]));
        let mut records = Records::default();
        assert!(records.read(newer.as_bytes()));
        assert_eq!(records.path.as_deref(), Some(&b"etc/x"[..]));
        let extents = records.sparse.unwrap().extents;
        assert_eq!(extents, [Extent { offset: 0, len: 512 }, Extent { offset: 2048, len: 10 }]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut records = Records::default();
            records.read(&bytes);
            prop_assert!(records.path.is_none_or(|path| path.len() < bytes.len()));
        }

        #[test]
        fn written_records_are_read_back(path in "[a-z/\n =]{1,120}") {
            let mut records = Records::default();
            prop_assert!(records.read(line("path", &path).as_bytes()));
            prop_assert_eq!(records.path.as_deref(), Some(path.as_bytes()));
        }
    }
}
