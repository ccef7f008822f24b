use std::io::Cursor;

use proptest::prelude::*;

use super::module::{ModuleError, read_modinfo};
use super::testing::{Archive as Cpio, module, module64, pack, pack_lzop, pack_xz};
use super::*;
use crate::initrd::module::ModuleFile;

const ALL: [Compression; 9] = [
    Compression::None,
    Compression::Gzip,
    Compression::Bzip2,
    Compression::Lzma,
    Compression::Xz,
    Compression::Lz4Legacy,
    Compression::Lz4Frame,
    Compression::Lzo,
    Compression::Zstd,
];

fn read_bytes(bytes: &[u8]) -> Image {
    read(Cursor::new(bytes), &ImageLimits::default()).unwrap()
}

fn names(image: &Image) -> Vec<String> {
    image.entries.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect()
}

const VIRTIO: &str = "usr/lib/modules/6.1.0-18-amd64/kernel/drivers/block/virtio_blk.ko";

/// A small image's main archive: links, a module, a text, and bytes that do not shrink.
fn main_archive() -> Vec<u8> {
    let noise: Vec<u8> =
        (0u32..600).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let virtio = module64(&[
        "alias=virtio:d00000002v*",
        "depends=",
        "vermagic=6.1.0-18-amd64 SMP ",
        "name=virtio_blk",
    ]);
    Cpio::new()
        .directory(".")
        .link("lib", "usr/lib")
        .directory("usr/lib")
        .file(VIRTIO, virtio)
        .file("usr/bin/noise", noise)
        .file("etc/modprobe.d/x.conf", "blacklist floppy\n")
        .finish()
}

const NAMES: [&str; 6] = [".", "lib", "usr/lib", VIRTIO, "usr/bin/noise", "etc/modprobe.d/x.conf"];

#[test]
fn every_compression_gives_the_same_image() {
    for compression in ALL {
        let image = read_bytes(&pack(&main_archive(), compression));
        assert_eq!(image.damage, None, "{compression:?}");
        assert_eq!(names(&image), NAMES, "{compression:?}");
        let [archive] = image.archives.as_slice() else { panic!("{compression:?}: {:?}", image.archives) };
        assert_eq!((archive.compression, archive.offset, archive.entries), (compression, 0, 6));
        assert_eq!(archive.refused.is_some(), compression == Compression::Lz4Frame, "{compression:?}");
        let [virtio] = image.modules.as_slice() else { panic!("{:?}", image.modules) };
        let info = virtio.info.as_ref().unwrap();
        assert_eq!(virtio.name.as_str(), "virtio_blk");
        assert_eq!(virtio.release.as_deref(), Some("6.1.0-18-amd64"));
        assert_eq!(info.aliases().collect::<Vec<_>>(), ["virtio:d00000002v*"]);
        assert_eq!(info.release(), Some("6.1.0-18-amd64"));
        assert_eq!(image.text("etc/modprobe.d/x.conf"), Some(b"blacklist floppy\n".as_slice()));
    }
}

#[test]
fn archives_follow_each_other_with_zeros_between() {
    let microcode =
        Cpio::new().directory("kernel").file("kernel/x86/microcode/GenuineIntel.bin", [7; 5000]).finish();
    for first in [Compression::None, Compression::Gzip] {
        for second in ALL {
            let mut bytes = pack(&microcode, first);
            bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
            let offset = bytes.len() as u64;
            bytes.extend(pack(&main_archive(), second));
            let image = read_bytes(&bytes);
            assert_eq!(image.damage, None, "{first:?} {second:?}");
            assert_eq!(names(&image).len(), 8);
            let archives: Vec<_> =
                image.archives.iter().map(|a| (a.compression, a.offset, a.entries)).collect();
            assert_eq!(archives, [(first, 0, 2), (second, offset, 6)]);
            assert_eq!(image.entries[2].archive, 1);
        }
    }
}

#[test]
fn trailer_may_be_missing_and_zeros_may_follow() {
    for end in [0, 1, 3, 512] {
        for compression in [Compression::None, Compression::Zstd, Compression::Lz4Legacy] {
            let mut bytes = pack(&Cpio::new().file("a", "1").file("b", "").unfinished(), compression);
            bytes.resize(bytes.len() + end, 0);
            let image = read_bytes(&bytes);
            assert_eq!((names(&image), image.damage), (vec!["a".to_owned(), "b".to_owned()], None), "{end}");
        }
    }
}

#[test]
fn links_lead_through_the_unpacked_tree() {
    let image = read_bytes(
        &Cpio::new()
            .link("bin", "usr/bin")
            .link("usr/bin/sh", "/bin/dash")
            .file("usr/bin/dash", "x")
            .link("usr/bin/up", "../../usr/./bin/dash")
            .link("loop", "loop2")
            .link("loop2", "loop")
            .file("./etc/fstab", "first")
            .file("etc/fstab", "second")
            .finish(),
    );
    for path in ["bin/sh", "/usr/bin/dash", "usr/bin/up", "bin/../bin/sh"] {
        assert_eq!(image.find(path).map(|entry| &*entry.name), Some(b"usr/bin/dash".as_slice()), "{path}");
    }
    assert!(!image.has("loop") && !image.has("bin/zsh"));
    assert_eq!(image.text("etc/fstab"), Some(b"second".as_slice()), "the later entry wins");
    let listed: Vec<_> =
        image.list("bin").iter().map(|entry| String::from_utf8_lossy(entry.path())).collect();
    assert_eq!(listed, ["usr/bin/dash", "usr/bin/sh", "usr/bin/up"]);
}

#[test]
fn hard_links_name_their_first_entry() {
    let image = read_bytes(
        &Cpio::new().hard_link("a", 7, "").hard_link("b", 8, "no").hard_link("c", 7, "contents").finish(),
    );
    let links: Vec<_> = image.entries.iter().map(|entry| entry.hard_link).collect();
    assert_eq!(links, [None, None, Some(0)]);
    assert_eq!(image.contents_of("a"), Some(2), "the contents come with the last name");
    let mut out = Vec::new();
    let bytes = Cpio::new().hard_link("a", 7, "").hard_link("c", 7, "contents").finish();
    visit::copy(Cursor::new(bytes), &ImageLimits::default(), 1, &mut out).unwrap();
    assert_eq!(out, b"contents");
}

#[test]
fn modules_are_read_in_every_form() {
    let strings = [
        "alias=pci:v*d*",
        "depends=scsi_mod,dm-mod",
        "softdep=pre: crc32c post: a-b",
        "parm=x:y",
        "vermagic=5.14 SMP",
    ];
    for (wide, big) in [(true, false), (false, false), (true, true), (false, true)] {
        let plain = module(&strings, wide, big);
        for (suffix, bytes) in [
            (".ko", plain.clone()),
            (".ko.gz", pack(&plain, Compression::Gzip)),
            (".ko.xz", pack(&plain, Compression::Xz)),
            (".ko.zst", pack(&plain, Compression::Zstd)),
        ] {
            let path = format!("lib/modules/5.14/extra/my-mod{suffix}");
            let image = read_bytes(&Cpio::new().file(&path, &bytes).finish());
            let module = image.module("5.14", &ModuleName::new("my-mod")).unwrap();
            let info = module.info.as_ref().unwrap();
            assert_eq!(info.depends().collect::<Vec<_>>(), ["scsi_mod", "dm-mod"].map(ModuleName::new));
            assert_eq!(info.softdeps_before().collect::<Vec<_>>(), [ModuleName::new("crc32c")]);
            assert_eq!(info.softdeps_after().collect::<Vec<_>>(), [ModuleName::new("a_b")]);
            assert_eq!((info.aliases().count(), info.values("parm").count()), (1, 0));
            assert!(!info.signed);
            let form = ModuleFile::of_path(path.as_bytes()).unwrap();
            assert_eq!(
                read_modinfo(Cursor::new(&bytes), form, 1 << 20).as_ref(),
                Ok(info),
                "{suffix} from disk"
            );
        }
    }
}

#[test]
fn signatures_are_seen_and_bad_modules_are_told_apart() {
    let mut signed = module64(&["depends="]);
    signed.extend_from_slice(b"PKCS7~Module signature appended~\n");
    let mut cut = module64(&["depends="]);
    cut.truncate(100);
    let image = read_bytes(
        &Cpio::new()
            .file("lib/signed.ko", &signed)
            .file("lib/text.ko", "#!/bin/sh\n")
            .file("lib/cut.ko", &cut)
            .file("lib/packed.ko.xz", "\u{fd}no")
            .file("lib/none.ko", "")
            .finish(),
    );
    let of =
        |name: &str| image.modules.iter().find(|module| module.name.as_str() == name).unwrap().info.clone();
    assert!(of("signed").unwrap().signed);
    assert_eq!(of("text"), Err(ModuleError::NotElf));
    assert!(matches!(of("cut"), Err(ModuleError::Corrupt(_))));
    assert!(matches!(of("packed"), Err(ModuleError::Packed(_))));
    assert_eq!(of("none"), Err(ModuleError::NotElf));
    assert_eq!(image.damage, None);
    assert!(read_modinfo(Cursor::new(&signed), ModuleFile::Plain, 0).unwrap().signed);
}

#[test]
fn module_that_unpacks_to_too_much_stops_at_the_limit() {
    let bomb = pack(&vec![0; 8 << 20], Compression::Zstd);
    let limits = ImageLimits { module: 1 << 20, ..ImageLimits::default() };
    let bytes = Cpio::new().file("lib/bomb.ko.zst", bomb).file("lib/large.ko", vec![0; 2 << 20]).finish();
    let image = read(Cursor::new(bytes), &limits).unwrap();
    let errors: Vec<_> = image.modules.iter().map(|module| module.info.clone()).collect();
    assert_eq!(errors, [Err(ModuleError::OverLimit(1 << 20)), Err(ModuleError::OverLimit(1 << 20))]);
}

#[test]
fn names_are_bytes_and_taken_as_they_are() {
    let odd: [&[u8]; 6] = [b"../../etc/passwd", b"a\nb", b"\x1b[31mred", b"bad\xff", b"/abs", b"x//y"];
    let archive = odd.iter().fold(Cpio::new(), |archive, name| archive.file(name, ""));
    let image = read_bytes(&archive.finish());
    let names: Vec<&[u8]> = image.entries.iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, odd);
    assert_eq!(image.find("/abs").map(Entry::path), Some(b"abs".as_slice()));
}

fn damage(bytes: &[u8]) -> (DamageKind, usize, u64, u64) {
    let damage = read_bytes(bytes).damage.unwrap();
    (damage.kind, damage.archive, damage.offset, damage.unpacked)
}

#[test]
fn damage_is_told_with_its_place() {
    let good = Cpio::new().file("etc/fstab", "x").finish();
    let length = good.len() as u64;
    let then = |bytes: &[u8]| [&good, bytes].concat();

    assert_eq!(damage(&then(b"hello")), (DamageKind::Garbage, 1, length, length));
    assert_eq!(damage(b"#!/bin/sh\n"), (DamageKind::Garbage, 0, 0, 0));
    assert_eq!(damage(&then(b"0707070000")), (DamageKind::Unsupported, 1, length, length));
    assert_eq!(damage(b"\xc7\x71\0\0"), (DamageKind::Unsupported, 0, 0, 0));
    let unaligned = then(&[b"\0\0".as_slice(), &good].concat());
    assert_eq!(damage(&unaligned), (DamageKind::Garbage, 1, length + 2, length + 2));
    // Inside a compressed archive: the offset of the archive, and that of the damage in what it unpacks to.
    let inside = pack(&then(b"junk"), Compression::Gzip);
    assert_eq!(damage(&then(&inside)), (DamageKind::Garbage, 1, length, length));
    let mut broken = pack(&vec![b'0'; 4000], Compression::Zstd);
    broken[5] ^= 0xff;
    assert!(
        matches!(damage(&then(&broken)), (DamageKind::Corrupt | DamageKind::Truncated, 1, at, _) if at == length)
    );
}

#[test]
fn file_system_image_is_no_archive() {
    let mut ext2 = vec![0; 4096];
    ext2[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
    for image in [ext2, b"-rom1fs-........".to_vec()] {
        assert_eq!(damage(&image), (DamageKind::FileSystem, 0, 0, 0));
        assert_eq!(damage(&pack(&image, Compression::Gzip)), (DamageKind::FileSystem, 0, 0, 0));
    }
}

#[test]
fn header_that_claims_four_gigabytes_is_truncation() {
    for compression in [Compression::None, Compression::Gzip] {
        let mut bytes = Cpio::new().file("a", "1").file("huge.ko", "1234").unfinished();
        let at = memchr::memmem::rfind(&bytes, b"070701").unwrap();
        bytes[at + 54..at + 62].copy_from_slice(b"ffffffff");
        let image = read_bytes(&pack(&bytes, compression));
        let damage = image.damage.clone().unwrap();
        assert_eq!((damage.kind, damage.entry.as_deref()), (DamageKind::Truncated, Some("huge.ko")));
        assert_eq!(names(&image), ["a", "huge.ko"]);
        assert_eq!(image.entries[1].size, u64::from(u32::MAX));
    }
    let mut bytes = Cpio::new().file("a", "1").finish();
    bytes[94..102].copy_from_slice(b"fffffff0");
    assert_eq!(damage(&bytes).0, DamageKind::Truncated);
}

#[test]
fn bomb_stops_at_the_limit() {
    let limits = ImageLimits { unpacked: 1 << 20, ..ImageLimits::default() };
    for compression in ALL {
        let bytes = pack(&Cpio::new().file("a", "1").file("zeros", vec![0; 16 << 20]).finish(), compression);
        let image = read(Cursor::new(&bytes), &limits).unwrap();
        assert_eq!(names(&image), ["a", "zeros"], "{compression:?}");
        if compression == Compression::None {
            continue;
        }
        assert_eq!(image.damage.map(|damage| damage.kind), Some(DamageKind::OverLimit), "{compression:?}");
    }
    let limits = ImageLimits { entries: 3, ..ImageLimits::default() };
    let image = read(Cursor::new(main_archive()), &limits).unwrap();
    assert_eq!((image.entries.len(), image.damage.unwrap().kind), (3, DamageKind::OverLimit));
}

#[test]
fn what_the_kernel_refuses_is_said() {
    let archive = main_archive();
    let half = archive.len() / 2;
    let split =
        |compression| [pack(&archive[..half], compression), pack(&archive[half..], compression)].concat();
    for (bytes, refused) in [
        (pack_xz(&archive, liblzma::stream::Check::Crc64), true),
        (pack_xz(&archive, liblzma::stream::Check::None), false),
        (pack_lzop(&archive, 256 * 1024, 0x0300_0001), false),
        (pack_lzop(&archive, 256 * 1024, 0x0300_0000), true),
        (pack_lzop(&archive, 256 * 1024, 0x0300_0003), true),
        (pack_lzop(&[archive.clone(), vec![0; 300_000]].concat(), 512 * 1024, 0x0300_0001), true),
        (split(Compression::Gzip), true),
        (split(Compression::Zstd), true),
        (split(Compression::Lz4Legacy), false),
    ] {
        let image = read_bytes(&bytes);
        assert_eq!((names(&image).len(), image.damage), (6, None));
        assert_eq!(image.archives[0].refused.is_some(), refused, "{:?}", image.archives);
    }
}

#[test]
fn checksums_of_crc_archives_are_checked() {
    let good = Cpio::crc().file("a", "abc").link("l", "a").file("b", "def").finish();
    let image = read_bytes(&good);
    assert_eq!((image.archives[0].format, image.damage), (Format::Crc, None));
    let mut bad = good;
    let at = memchr::memmem::find(&bad, b"abc").unwrap();
    bad[at] = b'x';
    let image = read_bytes(&bad);
    assert_eq!(
        image.damage.map(|damage| (damage.kind, damage.entry)),
        Some((DamageKind::Corrupt, Some("a".into())))
    );
}

#[test]
fn digests_tell_contents_apart() {
    let bytes = Cpio::new().file("a", "same").file("b", "same").file("c", "other").finish();
    let (image, digests) = visit::digests(Cursor::new(bytes), &ImageLimits::default()).unwrap();
    assert_eq!(image.entries.len(), digests.len());
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}

/// An early archive and the main one, which ends with zeros.
fn two_archives(compression: Compression) -> (Vec<u8>, usize) {
    let early = Cpio::new().file("kernel/x86/microcode/AuthenticAMD.bin", "microcode").unfinished();
    let mut bytes = early;
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes.extend(pack(
        &Cpio::new().file("etc/a", "text").file("lib/b.ko", module64(&["depends="])).unfinished(),
        compression,
    ));
    let end = bytes.len();
    bytes.extend([0; 8]);
    (bytes, end)
}

#[test]
fn truncation_at_any_byte_keeps_what_came_before() {
    for compression in ALL {
        let (bytes, end) = two_archives(compression);
        let whole = names(&read_bytes(&bytes));
        assert_eq!(whole.len(), 3, "{compression:?}");
        for cut in 0..end {
            let image = read_bytes(&bytes[..cut]);
            let kept = names(&image);
            assert!(whole.starts_with(&kept), "{compression:?} cut at {cut}: {kept:?}");
            // Zeros that pad the last entry may be missing, and the end mark of a current lz4 frame, for which its
            // decoder does not ask; nothing else may.
            let complete = kept.len() == 3 && cut + 4 >= end;
            let between = image.archives.len() < 2 && image.damage.is_none();
            assert!(complete || between || image.damage.is_some(), "{compression:?} cut at {cut} of {end}");
            if let Some(damage) = image.damage {
                assert!(damage.offset <= cut as u64 && damage.archive <= image.archives.len());
            }
        }
        assert_eq!(read_bytes(&bytes[..end]).damage, None, "{compression:?}");
    }
}

fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in compression()) {
        let start = pack(b"", magic);
        let image = read_bytes(&[&start[..start.len().min(8)], &bytes].concat());
        prop_assert!(image.entries.len() <= bytes.len() / 110);
    }

    #[test]
    fn damaged_images_never_panic(
        magic in compression(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, _) = two_archives(magic);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let limits = ImageLimits { unpacked: 1 << 20, ..ImageLimits::default() };
        let image = read(Cursor::new(&bytes), &limits).unwrap();
        prop_assert_eq!(image.size, bytes.len() as u64);
        prop_assert!(image.archives.iter().all(|archive| archive.unpacked <= 2 << 20));
    }

    #[test]
    fn archives_of_another_writer_are_read_back(
        files in prop::collection::vec(("[a-z]{1,12}(/[a-z.]{1,9})?", prop::collection::vec(any::<u8>(), 0..300)), 0..12),
        magic in compression(),
    ) {
        let mut archive = Vec::new();
        for (name, contents) in &files {
            let builder = ::cpio::newc::Builder::new(name).mode(0o100_644).mtime(5);
            let size = u32::try_from(contents.len()).unwrap();
            let mut writer = builder.write(&mut archive, size);
            std::io::Write::write_all(&mut writer, contents).unwrap();
            writer.finish().unwrap();
        }
        ::cpio::newc::trailer(&mut archive).unwrap();
        let bytes = pack(&archive, magic);
        let image = read_bytes(&bytes);
        prop_assert_eq!(&image.damage, &None);
        let expected: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(names(&image), expected);
        for (index, (_, contents)) in files.iter().enumerate() {
            let mut out = Vec::new();
            visit::copy(Cursor::new(&bytes), &ImageLimits::default(), index, &mut out).unwrap();
            prop_assert_eq!(&out, contents);
        }
    }

    #[test]
    fn damaged_modules_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        wide in any::<bool>(),
        big in any::<bool>(),
    ) {
        let mut bytes = module(&["alias=x", "depends=a,b"], wide, big);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let from_disk = read_modinfo(Cursor::new(&bytes), ModuleFile::Plain, 1 << 20);
        if let Ok(info) = &from_disk {
            prop_assert!(info.aliases().all(|alias| alias.len() <= bytes.len()));
        }
        let image = read_bytes(&Cpio::new().file("lib/m.ko", &bytes).finish());
        prop_assert_eq!(&image.modules[0].info, &from_disk);
    }
}
