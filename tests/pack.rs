//! The pieces that `common::pack` makes are what the usual readers take them for.

mod common;

use common::pack::{Archive, Library, Module, Package, bzimage, gzip, packages_bdb};
use cpio::newc::Reader;
use goblin::elf::Elf;

#[test]
fn an_archive_lists_folders_before_what_is_in_them() {
    let mut archive = Archive::new();
    archive.file("etc/lvm/lvm.conf", "x").link("bin/sh", "dash").program("init", "#!/bin/sh\n");
    let bytes = archive.build();
    let mut rest: &[u8] = &bytes;
    let mut names = Vec::new();
    loop {
        let reader = Reader::new(rest).unwrap();
        if reader.entry().is_trailer() {
            break;
        }
        names.push((reader.entry().name().to_owned(), reader.entry().mode()));
        rest = reader.finish().unwrap();
    }
    let expected = [
        ("etc", 0o040_755),
        ("etc/lvm", 0o040_755),
        ("etc/lvm/lvm.conf", 0o100_644),
        ("bin", 0o040_755),
        ("bin/sh", 0o120_777),
        ("init", 0o100_755),
    ];
    assert_eq!(names, expected.map(|(name, mode)| (name.to_owned(), mode)));
    assert_eq!(bytes.len() % 512, 0);
    assert_eq!(gzip(&bytes), gzip(&bytes));
}

#[test]
fn a_module_carries_its_modinfo() {
    let bytes =
        Module::new("virtio_blk", "6.1.0").aliases(&["virtio:d00000002v*"]).depends(&["virtio"]).build();
    let elf = Elf::parse(&bytes).unwrap();
    let section = elf.section_headers.iter().find(|s| elf.shdr_strtab.get_at(s.sh_name) == Some(".modinfo"));
    let text = String::from_utf8_lossy(&bytes[section.unwrap().file_range().unwrap()]).into_owned();
    let pairs: Vec<&str> = text.split_terminator('\0').collect();
    let vermagic = "vermagic=6.1.0 SMP mod_unload modversions ";
    assert_eq!(pairs, [vermagic, "alias=virtio:d00000002v*", "depends=virtio", "name=virtio_blk"]);
}

#[test]
fn a_library_names_itself_its_needs_and_its_versions() {
    let bytes = Library::new("libssl.so.10")
        .needs(&["libcrypto.so.10", "libc.so.6"])
        .versions(&["libssl.so.10", "OPENSSL_1.0.1"])
        .exports(&["TLSv1_2_method"])
        .text("OpenSSL 1.0.1e-fips 11 Feb 2013")
        .build();
    let elf = Elf::parse(&bytes).unwrap();
    assert_eq!(elf.soname, Some("libssl.so.10"));
    assert_eq!(elf.libraries, ["libcrypto.so.10", "libc.so.6"]);
    let definitions = elf.verdef.as_ref().unwrap();
    let versions: Vec<&str> = definitions
        .iter()
        .flat_map(|d| d.iter().map(|a| elf.dynstrtab.get_at(a.vda_name).unwrap()).collect::<Vec<_>>())
        .collect();
    assert_eq!(versions, ["libssl.so.10", "OPENSSL_1.0.1"]);
    let exports: Vec<&str> =
        elf.dynsyms.iter().skip(1).map(|s| elf.dynstrtab.get_at(s.st_name).unwrap()).collect();
    assert_eq!(exports, ["TLSv1_2_method"]);
}

#[test]
fn a_kernel_image_points_at_its_release() {
    let image = bzimage("2.6.32-754.el6.x86_64");
    assert_eq!(&image[0x202..0x206], b"HdrS");
    let at = usize::from(u16::from_le_bytes([image[0x20e], image[0x20f]])) + 0x200;
    assert!(image[at..].starts_with(b"2.6.32-754.el6.x86_64 "));
}

#[test]
fn an_rpm_database_has_a_page_chain_for_each_header() {
    let openssl = Package {
        name: "openssl",
        version: "1.0.0",
        release: "27.el6",
        files: &[("/usr/lib64/", "libssl.so.10")],
    };
    let database =
        packages_bdb(&[openssl, Package { name: "nginx", version: "1.10.3", release: "1.el6", files: &[] }]);
    assert_eq!(database.len(), 4096 * 4);
    assert_eq!(database[4096 + 25], 13, "page 1 is the bucket");
    assert_eq!([database[8192 + 25], database[3 * 4096 + 25]], [7, 7], "pages 2 and 3 hold the headers");
    assert_eq!(&database[8192 + 26 + 3..8192 + 26 + 4], &[11], "nine entries, their region and files");
}
