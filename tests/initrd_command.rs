//! What a person who looks into an image meets: `initrd list`, `initrd cat`, `initrd diff`.
#![expect(clippy::disallowed_methods, reason = "makes images of its own, and starts bootproof")]
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use assert_cmd::cargo::cargo_bin;
use common::pack::{Archive, Module, gzip};
use tempfile::TempDir;

/// Microcode first, zeros, then the main archive for kernel `release`, compressed.
fn image(release: &str, fstab: &str) -> Vec<u8> {
    let mut early = Archive::new();
    early.file("kernel/x86/microcode/GenuineIntel.bin", [1; 700]);
    let mut bytes = early.build();
    bytes.resize(bytes.len().next_multiple_of(1024), 0);
    let mut main = Archive::new();
    let module = Module::new("virtio_blk", release).aliases(&["virtio:d00000002v*"]).build();
    main.file(&format!("usr/lib/modules/{release}/kernel/virtio_blk.ko"), module)
        .link("lib", "usr/lib")
        .link("etc/link", "fstab")
        .file("etc/fstab", fstab)
        .program("init", "#!/bin/sh\n");
    bytes.extend(gzip(&main.build()));
    bytes
}

struct Images(TempDir);

impl Images {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Exit code, stdout and stderr of `bootproof initrd ARGUMENTS`.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        std::process::Command::new(cargo_bin!("bootproof")).arg("initrd").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn list_prints_the_names_of_all_archives_in_order() {
    let images = Images::new();
    let path = images.put("initrd.img", image("6.1.0", "x\n"));
    let (code, out, err) = run(&["list", path.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines.contains(&"kernel/x86/microcode/GenuineIntel.bin") && lines.contains(&"etc/fstab"),
        "{out}"
    );
    let (_, long, _) = run(&["list", "--long", path.to_str().unwrap()]);
    assert_eq!(long.lines().count(), lines.len());
    assert!(long.lines().any(|line| line.starts_with('l') && line.ends_with(" lib -> usr/lib")), "{long}");
    assert!(long.lines().any(|line| line.starts_with("-rwxr-xr-x") && line.ends_with(" init")), "{long}");
}

#[test]
fn list_as_json_tells_archives_and_modules() {
    let images = Images::new();
    let path = images.put("initrd.img", image("6.1.0", "x\n"));
    let (code, out, _) = run(&["list", "--format", "json", path.to_str().unwrap()]);
    let listing: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    let compressions: Vec<_> =
        listing["archives"].as_array().unwrap().iter().map(|a| &a["compression"]).collect();
    assert_eq!(compressions, ["none", "gzip"]);
    assert_eq!(listing["modules"][0]["name"], "virtio_blk");
    assert_eq!(listing["modules"][0]["release"], "6.1.0");
    assert!(listing["damage"].is_null());
}

#[test]
fn damaged_image_is_listed_as_far_as_it_goes() {
    let images = Images::new();
    let mut bytes = image("6.1.0", "x\n");
    let end = bytes.len() - 60;
    bytes.truncate(end);
    let path = images.put("cut.img", bytes);
    let (code, out, err) = run(&["list", path.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(out.starts_with("kernel\n") || out.contains("GenuineIntel.bin\n"), "{out}");
    assert!(err.contains("cut.img` is damaged: archive 2 at offset"), "{err}");
    assert!(err.contains("the file ends inside the gzip data"), "{err}");
}

#[test]
fn what_is_no_image_is_refused() {
    let images = Images::new();
    let text = images.put("notes.txt", "hello");
    for (arguments, said) in [
        (["list", text.to_str().unwrap()], "neither a cpio archive nor compressed"),
        (["list", images.0.path().to_str().unwrap()], "is no regular file"),
        (["list", "/no/such/image"], "cannot read `/no/such/image`"),
    ] {
        let (code, _, err) = run(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn bomb_stops_at_the_limit_that_was_given() {
    let images = Images::new();
    let mut archive = Archive::new();
    archive.file("zeros", vec![0; 4 << 20]);
    let path = images.put("bomb.img", gzip(&archive.build()));
    assert!(fs::metadata(&path).unwrap().size() < 64 * 1024);
    let (code, out, err) = run(&["list", "--max-initrd-size", "1M", path.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (Some(2), "zeros\n"));
    assert!(err.contains("limit of 1048576 bytes"), "{err}");
    assert_eq!(run(&["list", "--max-initrd-size", "8M", path.to_str().unwrap()]).0, Some(0));
}

#[test]
fn cat_prints_members_and_follows_links_inside() {
    let images = Images::new();
    let path = images.put("initrd.img", image("6.1.0", "UUID=1 / ext4\n"));
    let path = path.to_str().unwrap();
    assert_eq!(run(&["cat", path, "etc/link", "init"]).1, "UUID=1 / ext4\n#!/bin/sh\n");
    assert_eq!(run(&["cat", path, "/etc/fstab"]).0, Some(0));
    let (code, out, err) = run(&["cat", path, "etc/shadow"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("has no `etc/shadow`"), "{err}");
    assert!(run(&["cat", path, "etc"]).2.contains("no regular file"));
}

#[test]
fn diff_says_what_changed_whatever_the_release() {
    let images = Images::new();
    let before = images.put("before.img", image("6.1.0", "one\n"));
    let same = images.put("same.img", image("6.1.0", "one\n"));
    let after = images.put("after.img", image("6.1.9", "two and more\n"));
    let (before, same, after) = (before.to_str().unwrap(), same.to_str().unwrap(), after.to_str().unwrap());
    assert_eq!(run(&["diff", before, same]), (Some(0), String::new(), String::new()));
    let (code, out, _) = run(&["diff", before, after]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("kernel release: 6.1.0 -> 6.1.9\n"), "{out}");
    assert!(out.contains("~ etc/fstab  (size 4 -> 13)\n"), "{out}");
    assert!(!out.contains("\n- ") && !out.contains("\n+ "), "{out}");
}
