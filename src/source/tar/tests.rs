use std::io::{Cursor, Write};

use proptest::prelude::*;
use tar::{EntryType, Header};

use super::*;
use crate::source::{Tree, open::open_stream};

/// An archive in the making.
#[derive(Default)]
struct Maker(Vec<u8>);

impl Maker {
    fn member(mut self, name: &[u8], kind: EntryType, contents: &[u8], link: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_mtime(1_700_000_000);
        header.set_size(contents.len() as u64);
        self.raw(&mut header, contents);
        self
    }

    fn raw(&mut self, header: &mut Header, contents: &[u8]) {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(contents);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    fn file(self, name: &str, contents: &[u8]) -> Self {
        self.member(name.as_bytes(), EntryType::Regular, contents, b"")
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn small_system(above: &str) -> Maker {
    let name = |name: &str| format!("{above}{name}");
    Maker::default()
        .member(name("etc").as_bytes(), EntryType::Directory, b"", b"")
        .file(&name("etc/fstab"), b"/dev/sda1 / ext4 defaults 0 1\n")
        .member(name("etc/link").as_bytes(), EntryType::Symlink, b"", b"fstab")
        .member(name("etc/outside").as_bytes(), EntryType::Symlink, b"", b"/../../etc/fstab")
        .file(&name("boot/vmlinuz"), &vec![7; 70_000])
        .file(&name("usr/share/doc/big"), &vec![9; 3_000])
        .member(name("dev/null").as_bytes(), EntryType::Char, b"", b"")
        .member(name("run/pipe").as_bytes(), EntryType::Fifo, b"", b"")
}

fn from_file(bytes: &[u8]) -> Result<Tree, SourceError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Tree::open_root(file.path())
}

fn from_stream(bytes: &[u8]) -> Result<Tree, SourceError> {
    open_stream(Cursor::new(bytes.to_vec()))
}

fn compressed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    // Two members, streams or frames each: the whole is what all of them hold.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let both = |one: &dyn Fn(&[u8]) -> Vec<u8>| [one(first), one(second)].concat();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = |bytes: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let xz = |bytes: &[u8]| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let lzma = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut lzma = liblzma::write::XzEncoder::new_stream(Vec::new(), lzma);
    lzma.write_all(bytes).unwrap();
    vec![
        ("tar", bytes.to_vec()),
        ("gzip", both(&gzip)),
        ("bzip2", both(&bzip2)),
        ("xz", both(&xz)),
        ("lzma", lzma.finish().unwrap()),
        ("zstd", both(&|bytes| zstd::encode_all(bytes, 1).unwrap())),
    ]
}

/// A record of a pax header, of less than 1000 bytes.
fn record(text: &str) -> String {
    let len = text.len() + 4;
    let len = if len < 100 { len } else { len + 1 };
    format!("{len} {text}\n")
}

fn names(tree: &Tree, path: &str) -> Vec<String> {
    tree.list(path).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect()
}

fn assert_small_system(tree: &Tree, how: &str) {
    assert_eq!(tree.damage(), [], "{how}");
    assert_eq!(names(tree, ""), ["boot", "dev", "etc", "run", "usr"], "{how}");
    assert_eq!(names(tree, "etc"), ["fstab", "link", "outside"], "{how}");
    let fstab = b"/dev/sda1 / ext4 defaults 0 1\n";
    for path in ["etc/fstab", "/etc/fstab", "etc/link", "etc/outside", "etc/../etc/./link"] {
        let file = tree.read(path).unwrap();
        assert_eq!((file.bytes.as_slice(), file.resolved.to_str()), (&fstab[..], Some("etc/fstab")), "{how}");
    }
    let node = tree.metadata("etc/fstab").unwrap();
    assert_eq!((node.len, node.mode, node.uid, node.mtime), (30, 0o640, 7, 1_700_000_000));
    assert_eq!(tree.read("boot/vmlinuz").unwrap().bytes, vec![7; 70_000], "{how}");
    assert_eq!(tree.metadata("usr/share/doc/big").unwrap().len, 3_000, "{how}");
    assert!(tree.read("etc/passwd").unwrap_err().is_absent());
    assert!(tree.read("etc/fstab/x").unwrap_err().is_absent());
    for (path, found) in [("dev/null", "a character device"), ("run/pipe", "a fifo"), ("usr", "a directory")]
    {
        let error = tree.read(path).unwrap_err();
        let wanted = LookupError::WrongKind { path: path.to_owned(), found, wanted: "a regular file" };
        assert_eq!(error, wanted, "{how}");
    }
}

#[test]
fn every_compression_and_every_place_of_the_root_gives_the_same_tree() {
    for above in ["", "./", "/", "sosreport-web1-2024-01-01/", "./backup/web1/rootfs/"] {
        for (compression, bytes) in compressed(&small_system(above).end()) {
            let how = format!("{compression}, root below `{above}`");
            assert_small_system(&from_file(&bytes).unwrap(), &how);
            assert_small_system(&from_stream(&bytes).unwrap(), &how);
        }
    }
}

#[test]
fn what_was_not_kept_is_unpacked_again_from_a_file_and_unreadable_from_a_stream() {
    for (compression, bytes) in compressed(&small_system("").end()) {
        let tree = from_file(&bytes).unwrap();
        for _ in 0..2 {
            assert_eq!(tree.read("usr/share/doc/big").unwrap().bytes, vec![9; 3_000], "{compression}");
        }
        let error = from_stream(&bytes).unwrap().read("usr/share/doc/big").unwrap_err();
        let reason = "it was not kept from the stream; give the archive as a file".to_owned();
        assert_eq!(error, LookupError::Unreadable { path: "usr/share/doc/big".to_owned(), reason });
    }
}

#[test]
fn a_sosreport_keeps_its_commands_beside_etc() {
    let bytes = Maker::default()
        .file("sosreport-a/version.txt", b"sosreport: 4.5\n")
        .file("sosreport-a/sos_commands/block/blkid_-c_.dev.null", b"/dev/sda1: UUID=\"x\"\n")
        .file("sosreport-a/etc/hostname", b"a\n")
        .end();
    let tree = from_stream(&bytes).unwrap();
    assert_eq!(names(&tree, ""), ["etc", "sos_commands", "version.txt"]);
    assert_eq!(tree.read("sos_commands/block/blkid_-c_.dev.null").unwrap().bytes.len(), 20);
}

#[test]
fn of_several_systems_one_is_looked_at_and_the_others_are_named() {
    let bytes = Maker::default().file("b/etc/hostname", b"b\n").file("a/etc/hostname", b"a\n").end();
    let tree = from_file(&bytes).unwrap();
    assert_eq!(tree.read("etc/hostname").unwrap().bytes, b"a\n");
    let message = "the archive holds more than one system: `a` is looked at, `b/` is not";
    assert_eq!(tree.damage().iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), [message]);
}

#[test]
fn the_last_of_one_name_wins_and_hard_links_share_contents() {
    let bytes = Maker::default()
        .file("etc/a", b"first")
        .member(b"./etc/b", EntryType::Link, b"", b"etc/a")
        .file("etc/twice", b"old")
        .file("./etc/twice", b"new")
        .member(b"etc/lost", EntryType::Link, b"", b"etc/nothing")
        .end();
    for tree in [from_file(&bytes).unwrap(), from_stream(&bytes).unwrap()] {
        assert_eq!(tree.read("etc/b").unwrap().bytes, b"first");
        assert_eq!(tree.metadata("etc/b").unwrap().len, 5);
        assert_eq!(tree.read("etc/twice").unwrap().bytes, b"new");
        assert_eq!(names(&tree, "etc"), ["a", "b", "lost", "twice"]);
        let error = tree.read("etc/lost").unwrap_err().to_string();
        assert!(error.contains("`etc/nothing`, which is not in the archive"), "{error}");
    }
}

#[test]
fn names_that_lead_out_are_passed_over_and_told() {
    let bytes = Maker::default()
        .file("etc/../../../evil", b"x")
        .file("/etc/absolute", b"inside")
        .member(b"etc/\xff\xfe\n", EntryType::Regular, b"odd", b"")
        .end();
    let tree = from_file(&bytes).unwrap();
    let message = "a member of the archive is not used: its name has a `..` in it, which leads out of the archive; \
                   it is passed over";
    assert_eq!(
        tree.damage(),
        [Damage { path: "etc/../../../evil".to_owned(), message: message.to_owned(), incomplete: false }]
    );
    assert_eq!(tree.read("etc/absolute").unwrap().bytes, b"inside");
    let odd = Path::new("etc").join(std::ffi::OsStr::from_bytes(b"\xff\xfe\n"));
    let file = tree.read(odd).unwrap();
    assert_eq!((file.path.as_ref(), file.bytes.as_slice()), ("etc/\\xff\\xfe\\n", &b"odd"[..]));
    assert!(tree.read("evil").unwrap_err().is_absent());
}

#[test]
fn long_names_of_gnu_and_pax_are_whole() {
    let long = format!("etc/{}/file", "d".repeat(180));
    let gnu = Maker::default()
        .member(b"././@LongLink", EntryType::GNULongName, format!("{long}\0").as_bytes(), b"")
        .file("etc/ddd", b"gnu");
    let record = record(&format!("path={long}2"));
    let bytes = gnu
        .member(b"PaxHeaders/x", EntryType::XHeader, record.as_bytes(), b"")
        .file("etc/ddd", b"pax")
        .member(b"././@LongLink", EntryType::GNULongLink, format!("/{long}\0").as_bytes(), b"")
        .member(b"etc/link", EntryType::Symlink, b"", b"/etc/ddd")
        .end();
    for tree in [from_file(&bytes).unwrap(), from_stream(&bytes).unwrap()] {
        assert_eq!(tree.read(&long).unwrap().bytes, b"gnu");
        assert_eq!(tree.read(format!("{long}2")).unwrap().bytes, b"pax");
        assert_eq!(tree.read("etc/link").unwrap().bytes, b"gnu");
    }
}

#[test]
fn sparse_files_have_their_holes() {
    let mut old = Maker::default();
    let mut header = Header::new_gnu();
    header.set_path("etc/old").unwrap();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_size(4);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(10);
    gnu.sparse[0].set_offset(2);
    gnu.sparse[0].set_length(2);
    gnu.sparse[1].set_offset(6);
    gnu.sparse[1].set_length(2);
    old.raw(&mut header, b"abcd");
    let records = [
        record("GNU.sparse.major=1"),
        record("GNU.sparse.minor=0"),
        record("GNU.sparse.name=etc/pax"),
        record("GNU.sparse.realsize=10"),
    ];
    let records = records.concat();
    let mut data = b"2\n2\n2\n6\n2\n".to_vec();
    data.resize(512, 0);
    data.extend_from_slice(b"abcd");
    let bytes = old
        .member(b"PaxHeaders/pax", EntryType::XHeader, records.as_bytes(), b"")
        .file("etc/GNUSparseFile.1/pax", &data)
        .file("etc/after", b"after")
        .end();
    for tree in [from_file(&bytes).unwrap(), from_stream(&bytes).unwrap()] {
        assert_eq!(tree.damage(), []);
        for path in ["etc/old", "etc/pax"] {
            let file = tree.read(path).unwrap();
            assert_eq!((file.bytes.as_slice(), file.node.len), (&b"\0\0ab\0\0cd\0\0"[..], 10), "{path}");
        }
        assert_eq!(tree.read("etc/after").unwrap().bytes, b"after");
    }
}

#[test]
fn a_sparse_map_that_lies_makes_its_file_unreadable_and_no_other() {
    for (offset, length) in [(u64::MAX / 2, 4), (0, 1 << 40)] {
        let mut maker = Maker::default();
        let mut header = Header::new_gnu();
        header.set_path("etc/sparse").unwrap();
        header.set_entry_type(EntryType::GNUSparse);
        header.set_size(4);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(8);
        gnu.sparse[0].set_offset(offset);
        gnu.sparse[0].set_length(length);
        maker.raw(&mut header, b"abcd");
        let bytes = maker.file("etc/after", b"after").end();
        for tree in [from_file(&bytes).unwrap(), from_stream(&bytes).unwrap()] {
            assert_eq!(tree.read("etc/after").unwrap().bytes, b"after");
            match tree.read("etc/sparse") {
                Ok(file) => assert_eq!(file.bytes, [0; 8]),
                Err(error) => assert!(error.to_string().contains("breaks off"), "{error}"),
            }
        }
    }
}

#[test]
fn an_archive_that_breaks_off_gives_what_came_before() {
    let whole = small_system("").end();
    let ends: Vec<(&str, usize)> = vec![("etc/fstab", 1054), ("boot/vmlinuz", 3072 + 70_000)];
    for cut in (0..whole.len() - 1024).step_by(512).chain([100, 513, 1100, 5000]) {
        let bytes = &whole[..cut];
        if cut < 512 {
            assert!(from_file(bytes).is_err() && from_stream(bytes).is_err());
            continue;
        }
        for tree in [from_file(bytes).unwrap(), from_stream(bytes).unwrap()] {
            assert_eq!(tree.damage().len(), 1, "cut at {cut}: {:?}", tree.damage());
            assert!(tree.damage()[0].message.contains("what could be read of it is used"));
            for (path, end) in &ends {
                let read = tree.read(path);
                assert_eq!(read.is_ok(), cut >= *end, "{path} cut at {cut}: {read:?}");
            }
        }
    }
}

#[test]
fn a_compressed_archive_that_breaks_off_gives_what_came_before() {
    let mut noise = 1_u32;
    let contents: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(400_000)
    .collect();
    let whole = small_system("").file("boot/initrd.img", &contents).end();
    for (compression, bytes) in compressed(&whole).into_iter().skip(1) {
        let bytes = &bytes[..bytes.len() * 3 / 4];
        for tree in [from_file(bytes).unwrap(), from_stream(bytes).unwrap()] {
            assert_eq!(tree.damage().len(), 1, "{compression}: {:?}", tree.damage());
            assert_eq!(tree.read("etc/fstab").unwrap().bytes.len(), 30, "{compression}");
            assert!(
                matches!(tree.read("boot/initrd.img"), Err(LookupError::Unreadable { .. })),
                "{compression}"
            );
        }
    }
}

#[test]
fn behind_a_broken_header_the_next_one_is_found() {
    let mut bytes = small_system("").file("etc/last", b"last").end();
    // The header of etc/fstab.
    bytes[512 + 20] ^= 0xff;
    let tree = from_file(&bytes).unwrap();
    assert_eq!(tree.read("etc/last").unwrap().bytes, b"last");
    assert_eq!(tree.read("etc/fstab").unwrap_err(), LookupError::Lost { path: "etc/fstab".to_owned() });
    assert_eq!(tree.list("srv").unwrap_err(), LookupError::Lost { path: "srv".to_owned() });
    assert!(tree.damage()[0].message.contains("damaged at byte 512: this is no member's header"));
}

#[test]
fn a_long_name_of_gigabytes_is_passed_over() {
    let mut maker = small_system("");
    let mut header = Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 40);
    maker.raw(&mut header, b"");
    let tree = from_stream(&maker.end()).unwrap();
    let messages: Vec<&str> = tree.damage().iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("an extended header of 1099511627776 bytes is passed over"));
    assert!(messages[1].contains("breaks off inside a member"));
}

proptest! {
    #[test]
    fn any_bytes_behind_a_header_end(noise in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let mut bytes = small_system("").0;
        bytes.extend_from_slice(&noise);
        for tree in [from_file(&bytes).unwrap(), from_stream(&bytes).unwrap()] {
            prop_assert_eq!(tree.read("etc/fstab").unwrap().bytes.len(), 30);
            prop_assert!(tree.damage().len() <= 41);
        }
    }

    #[test]
    fn changed_bytes_never_lead_out_or_on(changes in proptest::collection::vec((0_usize..4096, any::<u8>()), 1..12)) {
        let mut bytes = small_system("").end();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        for tree in [from_file(&bytes), from_stream(&bytes)].into_iter().flatten() {
            let mut todo = vec![std::path::PathBuf::new()];
            let mut seen = 0;
            while let Some(path) = todo.pop() {
                seen += 1;
                prop_assert!(seen < 100);
                // A link to a directory above would be walked forever; only real directories are.
                for name in tree.list(&path).unwrap_or_default() {
                    let below = path.join(name);
                    prop_assert!(below.components().all(|part| matches!(part, std::path::Component::Normal(_))));
                    let _ = tree.read(&below);
                    if tree.symlink_metadata(&below).is_ok_and(|node| node.kind == NodeKind::Directory) {
                        todo.push(below);
                    }
                }
            }
        }
    }

    #[test]
    fn listing_gives_the_names_that_were_put_in(names in proptest::collection::btree_set("[a-c.!0]{1,3}(/[a-c.!0]{1,3}){0,2}", 1..12)) {
        let inside: Vec<&String> = names
            .iter()
            .filter(|name| name.split('/').all(|part| part != "." && part != ".."))
            .collect();
        let maker = Maker::default().file("etc/x", b"");
        let bytes = inside.iter().fold(maker, |maker, name| maker.file(&format!("etc/{name}"), b"")).end();
        let tree = from_file(&bytes).unwrap();
        let mut wanted: Vec<String> = inside.iter().map(|name| name.split('/').next().unwrap().to_owned()).collect();
        wanted.push("x".to_owned());
        wanted.sort();
        wanted.dedup();
        prop_assert_eq!(super::tests::names(&tree, "etc"), wanted);
    }
}

#[test]
fn a_collection_tells_what_was_left_out_from_what_is_not_there() {
    let list = b"81a4 3 12 1700000000 etc/shadow\n81ed 0 5 1700000000 usr/sbin/nginx\n41c0 0 4096 1 root\n";
    let bytes = Maker::default()
        .file("bootproof-collect/manifest", b"bootproof-collect 1\n")
        .file("bootproof-collect/names/00001", list)
        .file("bootproof-collect/gaps", b"unreadable root\nremote srv/nfs\n")
        .file("./etc/fstab", b"/dev/sda1 / ext4 defaults 0 1\n")
        .file("./usr/sbin/nginx", b"nginx")
        .end();
    for tree in [from_file(&bytes).unwrap(), from_stream(&bytes).unwrap()] {
        let node = tree.metadata("etc/shadow").unwrap();
        assert_eq!((node.kind, node.len, node.mode, node.uid), (NodeKind::File, 12, 0o644, 3));
        let reason = tree.read("etc/shadow").unwrap_err().to_string();
        assert!(reason.contains("not packed"), "{reason}");
        assert!(tree.read("etc/crypttab").unwrap_err().is_absent());
        assert_eq!(tree.read("usr/sbin/nginx").unwrap().bytes, b"nginx");
        for path in ["root/.ssh/authorized_keys", "srv/nfs/x"] {
            let error = tree.read(path).unwrap_err();
            assert!(matches!(error, LookupError::Unreadable { .. }), "{path}: {error}");
        }
        assert!(tree.list("root").is_err());
        assert_eq!(names(&tree, "etc"), ["fstab", "shadow"]);
    }
}
