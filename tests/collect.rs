//! `bootproof collect`: what `check` says of a collection is what it says of the system.
#![expect(clippy::disallowed_methods, reason = "runs the script, and starts bootproof")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

const DEMOS: [&str; 3] = [
    "testdata/systems/centos6-san-server",
    "testdata/systems/debian12-vm",
    "testdata/systems/rhel9-lvm-devicesfile",
];

/// The script in a folder that goes away.
fn script() -> (TempDir, PathBuf) {
    let output = Command::new(cargo_bin!("bootproof")).arg("collect").output().unwrap();
    assert!(output.status.success());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("collect.sh");
    fs::write(&path, output.stdout).unwrap();
    (folder, path)
}

/// The script's output of `root`, by the way of `sh -s`, as over ssh.
fn collect(root: &str) -> Vec<u8> {
    let (_folder, script) = script();
    let output =
        Command::new("sh").args(["-s", root]).stdin(fs::File::open(script).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn check(system: &str, stdin: &[u8]) -> Output {
    let mut child = Command::new(cargo_bin!("bootproof"))
        .args(["check", system, "--target", "kvm", "--target", "same", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A bootproof that has seen enough closes its end.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// A report without what depends on how the system was given.
fn report(output: &Output) -> Value {
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report.pointer_mut("/system").and_then(Value::as_object_mut).unwrap().remove("source");
    report
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_collection_is_checked_as_its_system_is() {
    for demo in DEMOS {
        let archive = collect(demo);
        let direct = check(demo, b"");
        let piped = check("-", &archive);
        assert_eq!(report(&piped), report(&direct), "{demo}");
        assert_eq!(piped.status.code(), direct.status.code(), "{demo}");
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("host.tar");
        fs::write(&file, &archive).unwrap();
        assert_eq!(report(&check(file.to_str().unwrap(), b"")), report(&direct), "{demo} as a file");
    }
}

#[test]
fn what_a_login_script_prints_before_it_is_passed_over() {
    let mut stream = b"Welcome to web1.example.com!\r\nLast login: today\r\n".to_vec();
    stream.extend(collect(DEMOS[1]));
    assert_eq!(report(&check("-", &stream)), report(&check(DEMOS[1], b"")));
}

#[test]
fn a_host_that_sends_no_collection_is_told_by_what_it_sent() {
    for (stream, said) in [
        (&b""[..], "it is empty"),
        (b"Permission denied (publickey).\n", "it starts with text: `Permission denied (publickey).`"),
        (b"\nsh: 1: tar: not found\n", "it starts with text: `sh: 1: tar: not found`"),
    ] {
        let output = check("-", stream);
        assert_eq!(output.status.code(), Some(2));
        assert!(shown(&output).contains(said), "{}", shown(&output));
    }
}

#[test]
fn a_collection_that_breaks_off_is_one() {
    let archive = collect(DEMOS[0]);
    let half = archive.get(..archive.len() / 2).unwrap();
    let output = check("-", half);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("the archive is damaged") || shown(&output).contains("damaged"), "{text}");
}

#[test]
fn what_was_left_out_is_unknown_and_what_is_not_there_is_absent() {
    let root = TempDir::new().unwrap();
    let file = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    file("etc/os-release", "ID=debian\n");
    file("etc/fstab", "UUID=aa / ext4 defaults 0 1\n");
    file("home/me/notes", "text\n");
    let archive = collect(root.path().to_str().unwrap());
    let mut names = Vec::new();
    let mut list = String::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        if name.starts_with("bootproof-collect/names/") {
            std::io::Read::read_to_string(&mut entry, &mut list).unwrap();
        }
        names.push(name);
    }
    assert_eq!(names.first().map(String::as_str), Some("bootproof-collect/manifest"));
    assert!(list.lines().any(|line| line.ends_with(" home/me/notes")), "{list}");
    assert!(!names.iter().any(|name| name.ends_with("home/me/notes")));
}

#[test]
fn nothing_is_written() {
    let root = TempDir::new().unwrap();
    let temporary = TempDir::new().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/x.conf"), "password=hunter2\n").unwrap();
    let before = fs::metadata(root.path().join("etc")).unwrap().modified().unwrap();
    let (_folder, script) = script();
    let output = Command::new("sh")
        .arg(&script)
        .arg(root.path())
        .env("TMPDIR", temporary.path())
        .current_dir(temporary.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    let names = |path: &Path| fs::read_dir(path).unwrap().count();
    assert_eq!((names(root.path()), names(&root.path().join("etc"))), (1, 1));
    assert_eq!(fs::metadata(root.path().join("etc")).unwrap().modified().unwrap(), before);
}

#[test]
fn the_script_says_how_it_is_used_and_what_is_wrong() {
    let (_folder, script) = script();
    let run = |arguments: &[&str]| {
        let output = Command::new("sh").arg(&script).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &shown(&output))
    };
    let (code, text) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("sh -s <collect.sh | bootproof check -"), "{text}");
    for (arguments, said) in [
        (&["--fast"][..], "there is no option --fast"),
        (&["/no/such/root"], "cannot go into /no/such/root"),
        (&["/", "/"], "one root at a time"),
        (&["src"], "src holds no Linux system"),
    ] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}
