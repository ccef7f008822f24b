//! What is broken, hostile or missing: each run ends with the exit code of the contract, names the file, and still
//! checks everything else.
#![expect(clippy::disallowed_methods, reason = "makes broken systems, and starts bootproof")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any of these runs takes on a slow machine; a run that waits for a pipe takes forever.
const PATIENCE: Duration = Duration::from_secs(120);

/// A file with a problem, which each run has to find whatever else is wrong: Windows line ends.
const KNOWN: &str = "etc/sysconfig/network-scripts/ifcfg-eth0";

/// A small system with that one problem.
fn system() -> TempDir {
    let root = TempDir::new().unwrap();
    put(root.path(), "etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n");
    put(root.path(), KNOWN, b"DEVICE=eth0\r\nONBOOT=no\r\n");
    put(root.path(), "usr/share/doc/filler", &vec![b'x'; 20_000]);
    root
}

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn tar_of(root: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    // First, so that an archive that breaks off has it.
    builder.append_path_with_name(root.join(KNOWN), KNOWN).unwrap();
    for name in ["etc", "usr"] {
        builder.append_dir_all(name, root.join(name)).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Runs `check` on the system, as JSON. One that does not end is told as such.
fn check(system: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin!("bootproof"));
    command.arg("check").arg(system).args(["--target", "kvm", "--format", "json"]).args(options);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(command.stdin(Stdio::null()).output().unwrap()));
    receiver.recv_timeout(PATIENCE).expect("the run ends")
}

fn report(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {stderr}", output.status.code());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The findings of a rule, as `path: message`.
fn findings(report: &Value, rule: &str) -> Vec<String> {
    let all = report["findings"].as_array().unwrap();
    let of_rule = all.iter().filter(|finding| finding["rule"] == rule);
    of_rule
        .map(|finding| {
            format!("{}: {}", finding["at"]["path"].as_str().unwrap(), finding["message"].as_str().unwrap())
        })
        .collect()
}

/// Checks the system, finds the known problem, and that the rule says something of the file with these words.
fn assert_told(root: &Path, rule: &str, path: &str, words: &str) {
    let report = report(&check(root, &[]));
    assert_known_is_found(&report);
    let told = findings(&report, rule);
    let start = format!("{path}: ");
    assert!(
        told.iter().any(|finding| finding.starts_with(&start) && finding.contains(words)),
        "no `{rule}` at {path} that says `{words}`: {told:?}"
    );
}

fn assert_known_is_found(report: &Value) {
    let told = findings(report, "ifcfg-carriage-returns");
    assert!(told.len() == 1 && told[0].starts_with(KNOWN), "{told:?}; {:#?}", report["not_evaluated"]);
}

/// Everything that cannot be opened at all: exit code 2, and the message names it.
#[test]
fn what_is_no_system_ends_with_2_and_its_name() {
    let scratch = TempDir::new().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        put(scratch.path(), name, bytes);
        scratch.path().join(name)
    };
    fs::create_dir(scratch.path().join("empty")).unwrap();
    let tar = tar_of(system().path());
    for (path, says) in [
        (scratch.path().join("missing"), "No such file or directory"),
        (scratch.path().join("empty"), "holds no Linux system"),
        (at("nothing.tar", b""), "it is empty"),
        (at("disk.qcow2", b"QFI\xfb\0\0\0\x03"), "disk image"),
        (at("text.tar", b"not an archive"), "it starts with text: `not an archive`"),
        (at("short.tar", &tar[..300]), "no tar header"),
        (at("broken.tar.xz", b"\xfd7zXZ\0\0\x04garbage"), "cannot be unpacked"),
    ] {
        let output = check(&path, &[]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(path.file_name().unwrap().to_str().unwrap()), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn an_archive_that_breaks_off_is_checked_as_far_as_it_goes_and_fails_the_gate() {
    let root = system();
    let whole = tar_of(root.path());
    let scratch = TempDir::new().unwrap();
    let mut cuts = 0;
    for cut in (1024..whole.len() - 1024).step_by(4001) {
        let path = scratch.path().join("cut.tar");
        fs::write(&path, &whole[..cut]).unwrap();
        let output = check(&path, &[]);
        assert_eq!(output.status.code(), Some(1), "cut at {cut}");
        let report = report(&output);
        assert_known_is_found(&report);
        let told = findings(&report, "archive-incomplete");
        assert!(told.len() == 1 && told[0].contains("cut.tar: the archive is damaged at byte"), "{told:?}");
        cuts += 1;
    }
    assert!(cuts >= 5);
}

#[test]
fn a_compressed_archive_that_breaks_off_is_checked_as_far_as_it_goes() {
    let root = system();
    let noise: Vec<u8> = (0_u32..300_000).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    put(root.path(), "usr/share/noise", &noise);
    let whole = tar_of(root.path());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&whole).unwrap();
    let scratch = TempDir::new().unwrap();
    for (name, bytes) in
        [("cut.tar.gz", gzip.finish().unwrap()), ("cut.tar.zst", zstd::encode_all(&whole[..], 1).unwrap())]
    {
        let path = scratch.path().join(name);
        fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let report = report(&check(&path, &[]));
        assert_known_is_found(&report);
        assert_eq!(findings(&report, "archive-incomplete").len(), 1, "{name}");
    }
}

#[test]
fn a_stream_is_checked_like_a_file() {
    let root = system();
    let mut child = Command::new(cargo_bin!("bootproof"))
        .args(["check", "-", "--target", "kvm", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = zstd::encode_all(&tar_of(root.path())[..], 1).unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_known_is_found(&report(&output));
}

#[test]
fn a_pipe_and_a_device_are_told_and_not_opened() {
    let root = system();
    let fifo = root.path().join("etc/crypttab");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    assert_told(root.path(), "file-unreadable", "etc/crypttab", "is a fifo, not a regular file");

    // Making a device needs root; a tar may hold one whoever made it.
    let root = system();
    let mut tar = tar_of(root.path());
    tar.truncate(tar.len() - 1024);
    let mut header = tar::Header::new_gnu();
    header.set_path("etc/crypttab").unwrap();
    header.set_entry_type(tar::EntryType::Char);
    header.set_size(0);
    header.set_device_major(1).unwrap();
    header.set_device_minor(5).unwrap();
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.resize(tar.len() + 1024, 0);
    let scratch = TempDir::new().unwrap();
    let path = scratch.path().join("device.tar");
    fs::write(&path, tar).unwrap();
    assert_told(&path, "file-unreadable", "etc/crypttab", "is a character device, not a regular file");
}

#[test]
fn a_file_of_200_megabytes_is_told_and_not_read() {
    let root = system();
    // Sparse: it takes no room on the disk, and would take all of its size in memory.
    let file = fs::File::create(root.path().join("etc/crypttab")).unwrap();
    file.set_len(200 << 20).unwrap();
    assert_told(root.path(), "file-malformed", "etc/crypttab", "has 209715200 bytes; at most");

    let root = system();
    let line = b"/dev/sdb1 /data ext4 defaults 0 2\n";
    fs::write(root.path().join("etc/fstab"), line.repeat((200 << 20) / line.len())).unwrap();
    let report = report(&check(root.path(), &[]));
    let told = findings(&report, "file-malformed");
    assert!(told.iter().any(|finding| finding.starts_with("etc/fstab: ")), "{told:?}");
}

#[test]
fn links_in_circles_are_told() {
    let root = system();
    symlink("crypttab2", root.path().join("etc/crypttab")).unwrap();
    symlink("crypttab", root.path().join("etc/crypttab2")).unwrap();
    assert_told(root.path(), "file-unreadable", "etc/crypttab", "leads through more than 40 links");
}

#[test]
fn files_that_include_each_other_in_circles_end() {
    let root = system();
    put(root.path(), "etc/ld.so.conf", b"include ld.so.conf.d/*.conf\ninclude /etc/ld.so.conf\n");
    put(root.path(), "etc/ld.so.conf.d/a.conf", b"include ../ld.so.conf\n/opt/lib\n");
    put(
        root.path(),
        "etc/nginx/nginx.conf",
        b"http {\ninclude /etc/nginx/*.conf;\nssl_protocols TLSv1.2;\n}\n",
    );
    put(root.path(), "etc/ssl/openssl.cnf", b".include /etc/ssl/openssl.cnf\n.include = /etc/ssl\n");
    put(root.path(), "etc/ppp/peers/a", b"file /etc/ppp/peers/b\n");
    put(root.path(), "etc/ppp/peers/b", b"file /etc/ppp/peers/a\ncall a\n");
    put(root.path(), "etc/dovecot/dovecot.conf", b"!include dovecot.conf\n!include_try *.conf\n");
    put(root.path(), "boot/grub/grub.cfg", b"source /boot/grub/grub.cfg\nconfigfile /boot/grub/grub.cfg\n");
    symlink("..", root.path().join("etc/modprobe.d")).unwrap();
    assert_known_is_found(&report(&check(root.path(), &[])));
}

#[test]
fn a_broken_rpm_database_is_told() {
    for (name, bytes) in [
        ("var/lib/rpm/Packages", &b"this is no database"[..]),
        ("var/lib/rpm/Packages.db", &[b"RpmP\0\0\0\0\0\0\0\0\xff\xff\0\0".as_slice(), &[0; 600]].concat()),
        ("var/lib/rpm/rpmdb.sqlite", &[b"SQLite format 3\0\x10\0".as_slice(), &[0xff; 9000]].concat()),
    ] {
        let root = system();
        put(root.path(), name, bytes);
        assert_told(root.path(), "file-malformed", name, "this rpm database cannot be read");
    }
}

#[test]
fn files_of_noise_end_and_the_rest_is_checked() {
    let root = system();
    let noise: Vec<u8> = (0_u32..50_000).map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    for path in [
        "boot/vmlinuz-6.1.0",
        "boot/initrd.img-6.1.0",
        "boot/config-6.1.0",
        "boot/grub/grub.cfg",
        "boot/grub/grubenv",
        "boot/loader/entries/noise.conf",
        "etc/crypttab",
        "etc/dracut.conf",
        "etc/hostname",
        "etc/initramfs-tools/initramfs.conf",
        "etc/lvm/lvm.conf",
        "etc/lvm/devices/system.devices",
        "etc/mdadm/mdadm.conf",
        "etc/modprobe.d/noise.conf",
        "etc/multipath.conf",
        "etc/multipath/bindings",
        "etc/nginx/nginx.conf",
        "etc/ppp/peers/noise",
        "etc/ssl/openssl.cnf",
        "etc/sysconfig/network-scripts/ifcfg-noise",
        "etc/udev/rules.d/70-persistent-net.rules",
        "lib/modules/6.1.0/kernel/noise.ko",
        "lib/modules/6.1.0/modules.alias",
        "lib/modules/6.1.0/modules.builtin.modinfo",
        "lib/modules/6.1.0/modules.dep",
        "run/blkid/blkid.tab",
        "usr/lib/libssl.so.3",
        "usr/sbin/sshd",
        "var/lib/dpkg/status",
    ] {
        put(root.path(), path, &noise);
    }
    assert_known_is_found(&report(&check(root.path(), &[])));
}

#[test]
fn names_with_escape_sequences_do_not_reach_the_terminal() {
    let root = system();
    put(root.path(), "etc/modprobe.d/a\x1b[31m\nb.conf", b"options\noptions\nno such word\n");
    symlink("c\x1b]0;d\x07", root.path().join("etc/crypttab")).unwrap();
    let output = Command::new(cargo_bin!("bootproof"))
        .arg("check")
        .arg(root.path())
        .args(["--target", "kvm", "--format", "text"])
        .output()
        .unwrap();
    assert!(output.stdout.len() > 100);
    assert!(!output.stdout.contains(&0x1b) && !output.stdout.contains(&0x07));
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn a_rule_file_with_an_error_ends_with_2_and_its_line() {
    let root = system();
    let rules = TempDir::new().unwrap();
    put(
        rules.path(),
        "broken-rule.yaml",
        b"id: broken-rule\ntitle: Broken\nseverity: high\nwhen: no_such_fact == 1\nmessage: x\nwhy: y\nfix:\n  - advice: z\n",
    );
    let output = check(root.path(), &["--rules", rules.path().to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("broken-rule.yaml:4") && stderr.contains("no_such_fact"), "{stderr}");
}

/// An initrd that unpacks to more than it may is told, and the rest is checked.
#[test]
fn a_bomb_is_told_and_the_limit_can_be_raised() {
    let root = system();
    put(root.path(), "boot/vmlinuz-6.1.0", b"no kernel");
    let mut member = b"07070100000001000081a40000000000000000000000010000000001000000000000000000000000000000000000000000000002\
00000000a\0"
        .to_vec();
    // The header of a file `a` of 16 MiB (the size is the seventh number), padded to four bytes.
    member.resize(member.len().next_multiple_of(4), 0);
    member.resize(member.len() + (16 << 20), 0);
    let bomb = zstd::encode_all(&member[..], 19).unwrap();
    assert!(bomb.len() < 10_000);
    put(root.path(), "boot/initrd.img-6.1.0", &bomb);
    let limited = report(&check(root.path(), &["--max-initrd-size", "1M"]));
    assert_known_is_found(&limited);
    let all = serde_json::to_string(&limited["findings"]).unwrap();
    assert!(all.contains("boot/initrd.img-6.1.0"), "{all}");
    assert_known_is_found(&report(&check(root.path(), &["--max-initrd-size", "1G"])));
}
