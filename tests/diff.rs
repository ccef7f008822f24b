//! `bootproof diff` as it is typed: forms of input, outputs, exit codes, and what is wrong with what was given.
#![expect(clippy::disallowed_methods, reason = "makes systems, and starts bootproof")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

const FSTAB: &str = "UUID=0a / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n";

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn system() -> TempDir {
    let root = TempDir::new().unwrap();
    put(root.path(), "etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n");
    put(root.path(), "etc/fstab", FSTAB.as_bytes());
    put(root.path(), "etc/multipath.conf", b"defaults {\n}\n");
    root
}

fn tar_of(root: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("etc", root.join("etc")).unwrap();
    builder.into_inner().unwrap()
}

fn diff(arguments: &[&str]) -> Output {
    Command::new(cargo_bin!("bootproof")).arg("diff").args(arguments).output().unwrap()
}

fn path(root: &TempDir) -> &str {
    root.path().to_str().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn rules(value: &Value, list: &str) -> Vec<String> {
    let findings = value["findings"][list].as_array().unwrap();
    findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_there_before_does_not_fail_the_gate() {
    let (before, after) = (system(), system());
    let same = diff(&[path(&before), path(&after), "-t", "kvm", "-f", "json", "--fail-on", "info"]);
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    let report = json(&same);
    assert!(rules(&report, "unchanged").contains(&"fstab-kernel-name".to_owned()));
    put(after.path(), "etc/fstab", format!("# two disks\n{FSTAB}/dev/sdc1 /more ext4 rw 0 2\n").as_bytes());
    let worse = diff(&[path(&before), path(&after), "-t", "kvm", "-f", "json"]);
    assert_eq!(worse.status.code(), Some(1));
    let report = json(&worse);
    assert!(rules(&report, "new").contains(&"fstab-kernel-name".to_owned()));
    assert_eq!(report["verdict"], "fail");
    let back = diff(&[path(&after), path(&before), "-t", "kvm", "-f", "json"]);
    assert_eq!(back.status.code(), Some(0), "a change that only mends passes");
    assert!(rules(&json(&back), "gone").contains(&"fstab-kernel-name".to_owned()));
    let open = diff(&[path(&before), path(&after), "-t", "kvm", "--fail-on", "none"]);
    assert_eq!(open.status.code(), Some(0));
}

#[test]
fn a_tar_and_a_directory_compare() {
    let (before, after) = (system(), system());
    let archive = before.path().join("before.tar");
    fs::write(&archive, tar_of(before.path())).unwrap();
    put(after.path(), "etc/sysctl.conf", b"vm.swappiness = 10\n");
    let output = diff(&[archive.to_str().unwrap(), path(&after), "-t", "kvm", "-f", "json"]);
    let files = json(&output)["files"].clone();
    let changed: Vec<&str> =
        files.as_array().unwrap().iter().filter_map(|file| file["path"].as_str()).collect();
    assert_eq!(changed, ["etc/sysctl.conf"], "{output:?}");
    assert_eq!(files[0]["status"], "added");
    assert!(files[0]["diff"].as_str().unwrap().contains("+vm.swappiness = 10"));
}

#[test]
fn reports_are_written_in_each_format() {
    let (before, after) = (system(), system());
    put(after.path(), "etc/multipath.conf", b"defaults {\n\tuser_friendly_names yes\n}\n");
    let folder = TempDir::new().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let files = ["d.html", "d.md", "d.json", "d.txt"].map(out);
    let mut arguments = vec![path(&before), path(&after), "-t", "kvm"];
    arguments.extend(files.iter().flat_map(|file| ["-o", file.as_str()]));
    assert_eq!(diff(&arguments).status.code(), Some(0));
    for (file, part) in
        files.iter().zip(["<!doctype html>", "# bootproof diff", "bootproof-diff/1", "Verdict: pass"])
    {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(part) && text.contains("user_friendly_names yes"), "{file}");
    }
}

#[test]
fn what_is_wrong_with_the_input_is_said() {
    let good = system();
    let empty = TempDir::new().unwrap();
    for (arguments, part) in [
        (vec![path(&good), "/nowhere/at/all"], "AFTER cannot be read"),
        (vec!["/nowhere/at/all", path(&good)], "BEFORE cannot be read"),
        (vec![path(&empty), path(&good)], "holds no Linux system"),
        (vec!["-", "-"], "only one of them"),
        (vec![path(&good)], "AFTER"),
        (vec![path(&good), path(&good), "-o", "report.pdf"], "end the name in"),
        (vec![path(&good), path(&good), "-t", "kmv"], "kmv"),
    ] {
        let output = diff(&arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_rule_of_ones_own_sees_both_systems() {
    let (before, after) = (system(), system());
    put(after.path(), "etc/fstab", FSTAB.replace("/data", "/files").as_bytes());
    let rules = TempDir::new().unwrap();
    let rule = "id: data-moved\ntitle: Data moved\non: change\nseverity: high\neach: changes.mounts\n\
                when: it.before == null && before.fstab.entries.exists(m, m.spec == it.after.spec)\n\
                message: \"{{ it.after.spec }} is mounted on `{{ it.mountpoint }}` now\"\nwhy: Because.\n\
                fix: [{advice: Look.}]\n";
    put(rules.path(), "data-moved.yaml", rule.as_bytes());
    let folder = rules.path().to_str().unwrap();
    let output = diff(&[path(&before), path(&after), "-t", "kvm", "-f", "json", "--rules", folder]);
    let report = json(&output);
    let found = report["findings"]["change"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{report}");
    assert_eq!(found[0]["message"], "/dev/sdb1 is mounted on `/files` now");
    assert_eq!(found[0]["at"]["line"], 2);
}
