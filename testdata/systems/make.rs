//! Makes the binary files of the systems in this folder: initrds, kernels, modules, libraries, package databases.
//! What a person can read of these systems (configuration) was written by hand and stands beside them.
//!
//! `cargo run --example make-systems` writes the files again; a test sees to it that they are what this makes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program of the developers")]
#![allow(clippy::disallowed_methods, reason = "reads and writes files of this repository")]

#[path = "../../tests/common/pack/mod.rs"]
mod pack;

use std::fs;
use std::path::{Path, PathBuf};

use pack::{Archive, Kernel, Library, Package, bzimage, gzip, packages_bdb, packages_sqlite};

/// A file to be written, by its path below `testdata/systems`.
pub(crate) type Generated = (String, Vec<u8>);

#[allow(dead_code, reason = "the test that includes this file has a main of its own")]
fn main() {
    let folder = folder();
    for (path, bytes) in generated() {
        let file = folder.join(&path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        println!("{path}");
    }
}

/// `testdata/systems` of this repository.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems")
}

/// All files that are made here.
pub(crate) fn generated() -> Vec<Generated> {
    let mut files = Vec::new();
    centos6(&mut Tree::new("centos6-san-server", &mut files));
    debian12(&mut Tree::new("debian12-vm", &mut files));
    rhel9(&mut Tree::new("rhel9-lvm-devicesfile", &mut files));
    files
}

/// The files of one system.
struct Tree<'a> {
    system: &'static str,
    files: &'a mut Vec<Generated>,
}

impl<'a> Tree<'a> {
    fn new(system: &'static str, files: &'a mut Vec<Generated>) -> Self {
        Self { system, files }
    }

    fn add(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.push((format!("{}/{path}", self.system), bytes));
    }

    /// A file of this system that was written by hand.
    fn text(&self, path: &str) -> String {
        fs::read_to_string(folder().join(self.system).join(path)).unwrap()
    }

    /// The kernel image and its modules.
    fn kernel(&mut self, kernel: &Kernel, modules: &str) {
        self.add(&format!("boot/vmlinuz-{}", kernel.release()), bzimage(kernel.release()));
        for (path, bytes) in kernel.files() {
            self.add(&format!("{modules}/{}/{path}", kernel.release()), bytes);
        }
    }
}

/// Built into RHEL 6's kernel, as far as disks are concerned.
const EL6_BUILTIN: [&str; 4] = [
    "drivers/ata/libata",
    "drivers/scsi/scsi_mod",
    "drivers/usb/host/ehci-hcd",
    "drivers/pci/xen-platform-pci",
];

/// A blade of 2014 with CentOS 6 that boots from a SAN, on multipath and LVM. Its current initrd holds the drivers
/// of its own hardware only; the older kernel's is a generic one.
fn centos6(tree: &mut Tree<'_>) {
    let table = fs::read_to_string(folder().join("linux-2.6.32-el6.modules")).unwrap();
    let current = Kernel::new("2.6.32-754.el6.x86_64", &table, &EL6_BUILTIN);
    let older = Kernel::new("2.6.32-642.el6.x86_64", &table, &EL6_BUILTIN);
    tree.kernel(&current, "lib/modules");
    tree.kernel(&older, "lib/modules");

    let own = current.only(&[
        "qla2xxx",
        "sd_mod",
        "scsi_wait_scan",
        "scsi_dh_alua",
        "scsi_dh_hp_sw",
        "scsi_dh_rdac",
        "dm_multipath",
        "dm_round_robin",
        "dm_service_time",
        "dm_queue_length",
        "dm_mirror",
        "dm_snapshot",
        "ext4",
    ]);
    let mut image = dracut_004(tree, "dracut-004-411.el6");
    own.add_to(&mut image, "lib/modules");
    image.file("lib/firmware/ql2500_fw.bin", b"firmware".to_vec());
    image.file("etc/multipath.conf", tree.text("etc/multipath.conf"));
    image.file("etc/multipath/bindings", tree.text("etc/multipath/bindings"));
    image.file("etc/multipath/wwids", tree.text("etc/multipath/wwids"));
    tree.add("boot/initramfs-2.6.32-754.el6.x86_64.img", gzip(&image.build()));

    let mut image = dracut_004(tree, "dracut-004-409.el6_8.2");
    older.without(&["ppp_generic", "ppp_mppe", "slhc"]).add_to(&mut image, "lib/modules");
    image.file("etc/multipath.conf", tree.text("etc/multipath.conf"));
    image.file("etc/multipath/bindings", tree.text("etc/multipath/bindings"));
    image.file("etc/multipath/wwids", tree.text("etc/multipath/wwids"));
    tree.add("boot/initramfs-2.6.32-642.el6.x86_64.img", gzip(&image.build()));

    // RHEL 6 had OpenSSL 1.0.0 until 6.5.
    let version = "OpenSSL 1.0.0-fips 29 Mar 2010";
    let crypto =
        Library::new("libcrypto.so.10").needs(&["libc.so.6"]).versions(&["libcrypto.so.10"]).text(version);
    tree.add("usr/lib64/libcrypto.so.1.0.0", crypto.exports(&["SSLeay_version", "EVP_sha256"]).build());
    let ssl =
        Library::new("libssl.so.10").needs(&["libcrypto.so.10", "libc.so.6"]).versions(&["libssl.so.10"]);
    let ssl = ssl.exports(&["SSL_library_init", "SSLv23_method", "TLSv1_method"]).text(version);
    tree.add("usr/lib64/libssl.so.1.0.0", ssl.text("TLSv1 part of OpenSSL 1.0.0-fips 29 Mar 2010").build());
    tree.add("lib64/libc-2.12.so", Library::new("libc.so.6").versions(&["libc.so.6", "GLIBC_2.2.5"]).build());
    let nginx = Library::program().needs(&["libssl.so.10", "libcrypto.so.10", "libc.so.6"]);
    tree.add("usr/sbin/nginx", nginx.text("nginx version: nginx/1.10.3").build());
    init(tree, "sbin/init");
    tree.add("var/lib/rpm/Packages", packages_bdb(&CENTOS6_PACKAGES));
}

/// An image as dracut 004 lays it out (`modules.d/*/install` of that version), without kernel modules.
fn dracut_004(tree: &Tree<'_>, version: &str) -> Archive {
    let mut image = Archive::new();
    for folder in ["bin", "sbin", "proc", "sys", "sysroot", "tmp", "dev/pts", "var/run", "initqueue"] {
        image.folder(folder);
    }
    image.file(version, format!("{version}\n"));
    image.program(
        "init",
        "#!/bin/sh\n# dracut's init: hooks, udev, and then switch_root\n. /lib/dracut-lib.sh\n",
    );
    image.file("lib/dracut-lib.sh", "# getarg, getargs, info, die\n");
    for hook in [
        "cmdline/01version.sh",
        "cmdline/10parse-root-opts.sh",
        "cmdline/20parse-blacklist.sh",
        "cmdline/30parse-lvm.sh",
        "pre-udev/30dm-pre-udev.sh",
        "pre-trigger/02multipathd.sh",
        "mount/99mount-root.sh",
        "pre-pivot/02multipathd-stop.sh",
    ] {
        image.program(hook, "#!/bin/sh\n");
    }
    for rule in [
        "10-dm.rules",
        "40-multipath.rules",
        "60-persistent-storage.rules",
        "64-lvm.rules",
        "80-drivers.rules",
    ] {
        image.file(&format!("etc/udev/rules.d/{rule}"), "");
    }
    for program in ["bash", "mount"] {
        image.program(&format!("bin/{program}"), Library::program().needs(&["libc.so.6"]).build());
    }
    image.link("bin/sh", "bash");
    for program in
        ["udevd", "udevadm", "modprobe", "lvm", "dmsetup", "kpartx", "multipath", "multipathd", "switch_root"]
    {
        image.program(&format!("sbin/{program}"), Library::program().needs(&["libc.so.6"]).build());
    }
    image.file("lib64/libc.so.6", Library::new("libc.so.6").build());
    // dracut's lvm module copies the file and turns locking read-only.
    image.file(
        "etc/lvm/lvm.conf",
        tree.text("etc/lvm/lvm.conf").replace("locking_type = 1", "locking_type = 4"),
    );
    image.file("etc/modprobe.d/blacklist.conf", tree.text("etc/modprobe.d/blacklist.conf"));
    image.file("etc/modprobe.d/qla2xxx.conf", tree.text("etc/modprobe.d/qla2xxx.conf"));
    image
}

/// What the rpm database of the CentOS 6 server knows, as far as it matters here.
const CENTOS6_PACKAGES: [Package; 12] = [
    package("centos-release", "6", "10.el6.centos.12.3", &[("/etc/", "redhat-release")]),
    package("device-mapper-multipath", "0.4.9", "106.el6", &[("/etc/", "multipath.conf")]),
    package("dracut", "004", "411.el6", &[("/etc/", "dracut.conf"), ("/sbin/", "dracut")]),
    package("glibc", "2.12", "1.212.el6", &[("/lib64/", "libc-2.12.so"), ("/lib64/", "libc.so.6")]),
    package("initscripts", "9.03.61", "1.el6.centos", &[("/etc/", "inittab")]),
    package("kernel", "2.6.32", "642.el6", &[("/boot/", "vmlinuz-2.6.32-642.el6.x86_64")]),
    package("kernel", "2.6.32", "754.el6", &[("/boot/", "vmlinuz-2.6.32-754.el6.x86_64")]),
    package("lvm2", "2.02.143", "12.el6", &[("/etc/lvm/", "lvm.conf")]),
    package("nginx", "1.10.3", "1.el6", &[("/etc/nginx/", "nginx.conf"), ("/usr/sbin/", "nginx")]),
    package(
        "openssl",
        "1.0.0",
        "27.el6_4.2",
        &[("/usr/lib64/", "libcrypto.so.10"), ("/usr/lib64/", "libssl.so.10")],
    ),
    package("ppp", "2.4.5", "11.el6", &[("/etc/ppp/", "chap-secrets")]),
    package("pptp", "1.7.2", "8.1.el6", &[]),
];

const fn package(
    name: &'static str,
    version: &'static str,
    release: &'static str,
    files: &'static [(&'static str, &'static str)],
) -> Package {
    Package { name, version, release, files }
}

/// Built into Debian 12's kernel, as far as disks are concerned.
const DEBIAN12_BUILTIN: [&str; 3] =
    ["drivers/xen/xen-platform-pci", "drivers/pci/pci-xen", "drivers/base/regmap/regmap"];

/// A virtual machine with Debian 12 whose initrd holds the drivers of every platform: nothing to say about it.
fn debian12(tree: &mut Tree<'_>) {
    let table = fs::read_to_string(folder().join("linux-6.1.modules")).unwrap();
    let kernel = Kernel::new("6.1.0-37-amd64", &table, &DEBIAN12_BUILTIN);
    tree.kernel(&kernel, "usr/lib/modules");
    let mut image = initramfs_tools(tree);
    kernel
        .without(&["loop", "raid1", "md_mod", "dm_crypt", "vfat", "fat", "nls_ascii"])
        .add_to(&mut image, "usr/lib/modules");
    let microcode = {
        let mut early = Archive::new();
        early.file("kernel/x86/microcode/GenuineIntel.bin", vec![0; 64]);
        early.build()
    };
    let packed = [microcode, gzip(&image.build())].concat();
    tree.add("boot/initrd.img-6.1.0-37-amd64", packed);
    init(tree, "usr/lib/systemd/systemd");

    let libraries = "usr/lib/x86_64-linux-gnu";
    let version = "OpenSSL 3.0.16 11 Feb 2025";
    let crypto =
        Library::new("libcrypto.so.3").needs(&["libc.so.6"]).versions(&["libcrypto.so.3", "OPENSSL_3.0.0"]);
    tree.add(
        &format!("{libraries}/libcrypto.so.3"),
        crypto.exports(&["OpenSSL_version"]).text(version).build(),
    );
    let ssl = Library::new("libssl.so.3")
        .needs(&["libcrypto.so.3", "libc.so.6"])
        .versions(&["libssl.so.3", "OPENSSL_3.0.0"]);
    let methods =
        ["TLS_method", "TLSv1_method", "TLSv1_1_method", "TLSv1_2_method", "SSL_CTX_set_ciphersuites"];
    tree.add(&format!("{libraries}/libssl.so.3"), ssl.exports(&methods).build());
    tree.add(
        &format!("{libraries}/libc.so.6"),
        Library::new("libc.so.6").versions(&["libc.so.6", "GLIBC_2.2.5"]).build(),
    );
    tree.add(
        "usr/sbin/nginx",
        Library::program().needs(&["libssl.so.3", "libcrypto.so.3", "libc.so.6"]).build(),
    );
}

/// The program that starts first, where `/sbin/init` leads to.
fn init(tree: &mut Tree<'_>, path: &str) {
    tree.add(path, Library::program().build());
}

/// An image as initramfs-tools 0.142 lays it out, without kernel modules.
fn initramfs_tools(tree: &Tree<'_>) -> Archive {
    let mut image = Archive::new();
    for (link, to) in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")] {
        image.link(link, to);
    }
    image.program(
        "init",
        "#!/bin/sh\n# initramfs-tools' init: conf, scripts, run-init\n. /scripts/functions\n",
    );
    image.file("conf/arch.conf", "DPKG_ARCH=amd64\n");
    image.file("conf/initramfs.conf", tree.text("etc/initramfs-tools/initramfs.conf"));
    image.file("conf/conf.d/resume", tree.text("etc/initramfs-tools/conf.d/resume"));
    image.file("conf/modules", "");
    image.file("etc/fstab", "");
    for script in [
        "functions",
        "local",
        "nfs",
        "init-top/udev",
        "local-premount/resume",
        "local-premount/fixrtc",
        "init-bottom/udev",
    ] {
        image.program(&format!("scripts/{script}"), "#!/bin/sh\n");
    }
    for program in ["busybox", "kmod", "udevadm"] {
        image.program(&format!("usr/bin/{program}"), Library::program().needs(&["libc.so.6"]).build());
    }
    image.link("usr/bin/sh", "busybox").link("usr/sbin/modprobe", "../bin/kmod");
    image.program("usr/lib/systemd/systemd-udevd", Library::program().needs(&["libc.so.6"]).build());
    image.program("usr/sbin/blkid", Library::program().needs(&["libc.so.6"]).build());
    image.file("usr/lib/udev/rules.d/60-persistent-storage.rules", "");
    image.file(
        "usr/lib/udev/rules.d/80-drivers.rules",
        "ENV{MODALIAS}==\"?*\", RUN{builtin}+=\"kmod load\"\n",
    );
    image.file("usr/lib/x86_64-linux-gnu/libc.so.6", Library::new("libc.so.6").build());
    image.file("usr/lib/x86_64-linux-gnu/libkmod.so.2", Library::new("libkmod.so.2").build());
    image
}

/// Built into RHEL 9's kernel, as far as disks are concerned.
const EL9_BUILTIN: [&str; 5] = [
    "drivers/scsi/scsi_mod",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci",
    "drivers/virtio/virtio_ring",
    "drivers/xen/platform-pci",
];

/// A RHEL 9 under VMware: its initrd holds what that machine needs, and LVM only looks at the disk with its WWID.
fn rhel9(tree: &mut Tree<'_>) {
    let release = "5.14.0-284.11.1.el9_2.x86_64";
    let table = fs::read_to_string(folder().join("linux-5.14-el9.modules")).unwrap();
    let kernel = Kernel::new(release, &table, &EL9_BUILTIN).with_xz();
    tree.kernel(&kernel, "usr/lib/modules");

    let mut image = Archive::new();
    for (link, to) in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")] {
        image.link(link, to);
    }
    image.link("init", "usr/lib/systemd/systemd");
    image.file("usr/lib/dracut/dracut-057-21.git20230214.el9", "");
    let arguments = "-f --kver '5.14.0-284.11.1.el9_2.x86_64'\n";
    image.file("usr/lib/dracut/build-parameter.txt", arguments);
    let modules = "bash systemd systemd-initrd dbus i18n kernel-modules kernel-modules-extra rootfs-block terminfo \
        udev-rules dracut-systemd usrmount base fs-lib shutdown dm lvm";
    image
        .file("usr/lib/dracut/modules.txt", modules.split_whitespace().collect::<Vec<_>>().join("\n") + "\n");
    image.file("usr/lib/dracut/hostonly-files", "/etc/lvm/lvm.conf\n/etc/lvm/devices/system.devices\n");
    image.folder("etc/cmdline.d");
    image.file(
        "etc/initrd-release",
        "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.2 (Plow) dracut-057-21.git20230214.el9\"\n",
    );
    image.file("etc/lvm/lvm.conf", tree.text("etc/lvm/lvm.conf"));
    image.file("etc/lvm/devices/system.devices", tree.text("etc/lvm/devices/system.devices"));
    for rule in ["60-persistent-storage.rules", "64-lvm.rules", "80-drivers.rules"] {
        image.file(&format!("usr/lib/udev/rules.d/{rule}"), "");
    }
    for program in [
        "usr/lib/systemd/systemd",
        "usr/lib/systemd/systemd-udevd",
        "usr/bin/kmod",
        "usr/bin/bash",
        "usr/sbin/lvm",
    ] {
        image.program(program, Library::program().needs(&["libc.so.6"]).build());
    }
    image.link("usr/bin/sh", "bash").link("usr/sbin/modprobe", "../bin/kmod");
    image.file("usr/lib64/libc.so.6", Library::new("libc.so.6").build());
    image.file("usr/lib64/libkmod.so.2", Library::new("libkmod.so.2").build());
    let own = [
        "vmw_pvscsi",
        "sd_mod",
        "sr_mod",
        "ata_piix",
        "ata_generic",
        "ahci",
        "vmxnet3",
        "xfs",
        "dm_mod",
        "dm_mirror",
        "crc32c_intel",
    ];
    kernel.only(&own).add_to(&mut image, "usr/lib/modules");
    let mut early = Archive::new();
    tree.add("var/lib/rpm/rpmdb.sqlite", packages_sqlite(&RHEL9_PACKAGES));
    early.file("early_cpio", "1\n").file("kernel/x86/microcode/GenuineIntel.bin", vec![0; 64]);
    tree.add(&format!("boot/initramfs-{release}.img"), [early.build(), gzip(&image.build())].concat());
    init(tree, "usr/lib/systemd/systemd");
}

/// What the rpm database of the RHEL 9 machine knows, as far as it matters here.
const RHEL9_PACKAGES: [Package; 4] = [
    package("dracut", "057", "21.git20230214.el9", &[("/usr/bin/", "dracut")]),
    package("kernel-core", "5.14.0", "284.11.1.el9_2", &[]),
    package("lvm2", "2.03.17", "7.el9", &[("/etc/lvm/", "lvm.conf")]),
    package("redhat-release", "9.2", "0.13.el9", &[("/usr/lib/", "os-release")]),
];
