use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// The databases that `testdata/rpmdb/make.sh` makes.
fn databases() -> Vec<(&'static str, Format, Vec<u8>)> {
    let files: [(&str, Format, &[u8]); 4] = [
        ("Packages", Format::BerkeleyDb, include_bytes!("../../../testdata/rpmdb/Packages.zst")),
        (
            "Packages.big-endian",
            Format::BerkeleyDb,
            include_bytes!("../../../testdata/rpmdb/Packages.big-endian.zst"),
        ),
        ("Packages.db", Format::Ndb, include_bytes!("../../../testdata/rpmdb/Packages.db.zst")),
        ("rpmdb.sqlite", Format::Sqlite, include_bytes!("../../../testdata/rpmdb/rpmdb.sqlite.zst")),
    ];
    let unpacked = files.map(|(name, format, bytes)| (name, format, zstd::decode_all(bytes).unwrap()));
    unpacked.into_iter().collect()
}

#[test]
fn every_format_gives_the_same_packages() {
    for (name, format, bytes) in databases() {
        let (found, mut headers) = packages(Cursor::new(bytes)).unwrap();
        assert_eq!(found, format, "{name}");
        headers.sort_by(|a, b| (&a.name, &a.version, &a.release).cmp(&(&b.name, &b.version, &b.release)));
        let facts: Vec<_> = headers
            .iter()
            .map(|header| {
                let (version, release) = (header.version.as_str(), header.release.as_str());
                (header.name.as_str(), header.epoch, version, release, header.architecture.as_deref())
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("bind", Some(32), "9.8.2", "0.68.rc1.el6", Some("x86_64")),
                ("gpg-pubkey", None, "c105b9de", "4e0fd3a3", Some("noarch")),
                ("kernel", None, "2.6.32", "696.el6", Some("x86_64")),
                ("kernel", None, "2.6.32", "754.el6", Some("x86_64")),
                ("openssl", None, "1.0.1e", "58.el6_10", Some("x86_64")),
                ("tzdata", None, "2018e", "3.el6", Some("noarch")),
            ],
            "{name}"
        );
        assert!(headers.iter().all(|header| header.vendor.as_deref() == Some("Example")), "{name}");
        assert!(headers.iter().all(|header| header.installed >= Some(1_700_000_000)), "{name}");
    }
}

#[test]
fn a_database_that_breaks_off_is_broken() {
    for (name, _, bytes) in databases() {
        for cut in (0..bytes.len() / 2).step_by(997) {
            let result = packages(Cursor::new(&bytes[..cut]));
            assert!(result.is_err(), "{name} cut at {cut}: {result:?}");
        }
    }
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let error = packages(Cursor::new(vec![b'x'; 4096])).unwrap_err().to_string();
    assert_eq!(error, "it is neither a Berkeley DB hash, nor NDB, nor SQLite");
    let error = packages(Cursor::new(b"")).unwrap_err().to_string();
    assert_eq!(error, "it has 0 bytes, which is no database");
}

/// A page of a hash whose follower is itself.
#[test]
fn a_chain_that_leads_back_ends() {
    let (_, _, mut bytes) = databases().swap_remove(0);
    for page in 1..bytes.len() / 4096 {
        let number = u32::try_from(page).unwrap();
        bytes[page * 4096 + 16..page * 4096 + 20].copy_from_slice(&number.to_le_bytes());
    }
    let error = packages(Cursor::new(bytes)).unwrap_err().to_string();
    assert!(error.contains("leads back into itself") || error.contains("does not fit its chain"), "{error}");
}

proptest! {
    #[test]
    fn changed_bytes_never_lead_on_or_panic(
        which in 0_usize..4,
        changes in proptest::collection::vec((0_usize..1 << 20, any::<u8>()), 1..40),
    ) {
        let (_, _, mut bytes) = databases().swap_remove(which);
        let len = bytes.len();
        for (at, byte) in changes {
            // Half of the changes go where the structure is: near the starts of pages.
            let at = if at % 2 == 0 { at % len } else { (at % len) / 4096 * 4096 + at % 128 };
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Ok((_, headers)) = packages(Cursor::new(bytes)) {
            prop_assert!(headers.len() <= len / 16);
        }
    }

    #[test]
    fn any_bytes_behind_a_magic_end(
        which in 0_usize..4,
        noise in proptest::collection::vec(any::<u8>(), 512..9000),
    ) {
        let (_, _, bytes) = databases().swap_remove(which);
        let mut changed = bytes[..64].to_vec();
        changed.extend_from_slice(&noise);
        if let Ok((_, headers)) = packages(Cursor::new(changed)) {
            prop_assert!(headers.len() <= 9064 / 16);
        }
    }
}
