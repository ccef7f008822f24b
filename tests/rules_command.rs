//! What a person who writes rules meets: `rules`, `explain`, `schema rule`.
#![expect(clippy::disallowed_methods, reason = "makes rule files of its own, and starts bootproof")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

const RULE: &str = "\
id: root-on-ext4
title: Root is on ext4
severity: info
each: fstab.entries
targets: [kvm]
when: it.mountpoint == \"/\" && it.fstype == \"ext4\"
message: \"`{{ it.spec }}` holds the root of {{ target.name }}\"
why: |
  Because this is a test, and it has a reason that is long enough to need more than the one line that it has here.

  - a list item that is long enough to need more than the one line that it has here, so that it is wrapped
fix:
  - command: \"tune2fs -l {{ it.spec }}\"
  - replace: { delete: true }
refs: [\"ext4(5)\"]
";

/// A folder with one rule and the systems it is tested on.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("root-on-ext4.yaml", RULE);
    write("root-on-ext4/trips/root/etc/fstab", "UUID=0a0b0c0d / ext4 defaults 0 1\n");
    write(
        "root-on-ext4/trips/expect.yaml",
        "targets: [kvm]\nfindings: [{ at: \"etc/fstab:1\", target: kvm }]\n",
    );
    write("root-on-ext4/near-miss/root/etc/fstab", "UUID=0a0b0c0d / xfs defaults 0 1\n");
    write("root-on-ext4/near-miss/expect.yaml", "targets: [kvm]\n");
    folder
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = std::process::Command::new(cargo_bin!("bootproof"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn a_sound_rule_is_checked_tested_and_applied() {
    let folder = folder();
    let (code, out, err) = run(&["rules", "check", path(&folder)]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "1 rule: no mistakes\n", ""));

    let (code, out, _) = run(&["rules", "test", path(&folder)]);
    assert_eq!((code, out.as_str()), (0, "ok      root-on-ext4\n1 rule, 0 failed\n"));

    let system = folder.path().join("root-on-ext4/trips/root");
    let arguments = ["check", system.to_str().unwrap(), "--rules", path(&folder), "-t", "kvm", "-f", "json"];
    let (_, out, _) = run(&arguments);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["rule"] == "root-on-ext4").unwrap();
    assert_eq!(finding["message"], "`UUID=0a0b0c0d` holds the root of kvm");
    assert_eq!(finding["snippet"], "UUID=0a0b0c0d / ext4 defaults 0 1");
    assert_eq!(finding["fix"][0]["command"], "tune2fs -l UUID=0a0b0c0d");
}

#[test]
fn a_rule_that_misses_what_trips_it_fails_its_test() {
    let folder = folder();
    let file = folder.path().join("root-on-ext4.yaml");
    fs::write(&file, RULE.replace("\"ext4\"", "\"btrfs\"")).unwrap();
    let (code, out, _) = run(&["rules", "test", path(&folder)]);
    assert_eq!(code, 1);
    assert!(
        out.contains("FAILED  root-on-ext4\n        trips: there is no finding at etc/fstab:1\n"),
        "{out}"
    );
}

#[test]
fn a_mistake_is_drawn_with_its_line_and_ends_the_run() {
    let folder = folder();
    let file = folder.path().join("root-on-ext4.yaml");
    fs::write(&file, RULE.replace("it.fstype ==", "it.fstyp ==")).unwrap();
    let drawing = "\
6 | when: it.mountpoint == \"/\" && it.fstyp == \"ext4\"
  |                                  ^^^^^
  |
  = help: did you mean `fstype`?";
    let system = folder.path().join("root-on-ext4/trips/root");
    let checked = run(&["rules", "check", path(&folder)]);
    let applied = run(&["check", system.to_str().unwrap(), "--rules", path(&folder)]);
    for (code, out, err) in [checked, applied] {
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains(drawing), "{err}");
        assert!(err.contains("root-on-ext4.yaml:6:34"), "{err}");
    }
}

#[test]
fn files_that_are_no_rules_are_refused_by_name() {
    let cases: [(&str, &[u8], &str); 4] = [
        ("empty.yaml", b"", "empty.yaml"),
        ("binary.yaml", b"\xff\xfe\0\0", "binary.yaml"),
        ("list.yaml", b"- a\n- b\n", "list.yaml:1:1"),
        ("broken.yaml", b"id: [broken\n", "broken.yaml:"),
    ];
    for (name, bytes, said) in cases {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
        let (code, _, err) = run(&["rules", "check", path(&folder)]);
        assert_eq!(code, 2, "{name}: {err}");
        assert!(err.contains(said), "{name}: {err}");
    }
    let (code, _, err) = run(&["rules", "check", "no/such/folder"]);
    assert_eq!(code, 2);
    assert!(err.contains("no/such/folder"), "{err}");
}

#[test]
fn a_rule_may_not_take_the_id_of_another() {
    let folder = TempDir::new().unwrap();
    let text = RULE.replace("id: root-on-ext4", "id: file-unreadable");
    fs::write(folder.path().join("file-unreadable.yaml"), text).unwrap();
    let (code, _, err) = run(&["rules", "list", "--rules", path(&folder)]);
    assert_eq!(code, 2);
    assert!(
        err.contains("there is already a rule `file-unreadable`: rules/system/file-unreadable.yaml"),
        "{err}"
    );
}

#[test]
fn a_rule_is_explained_as_a_manual_page() {
    let folder = folder();
    let (code, out, _) = run(&["explain", "root-on-ext4", "--rules", path(&folder)]);
    assert_eq!(code, 0);
    let file = folder.path().join("root-on-ext4.yaml").display().to_string();
    let expected = format!(
        "\
NAME
    root-on-ext4 - Root is on ext4

WHAT IT FINDS
    `<spec>` holds the root of <target>

ABOUT THE RULE
    Severity  info
    Targets   kvm
    Rule      {file}

WHY IT MATTERS
    Because this is a test, and it has a reason that is long enough to need more
    than the one line that it has here.

    - a list item that is long enough to need more than the one line that it has
      here, so that it is wrapped

HOW TO MEND IT
    1. Run

           tune2fs -l <spec>

    2. Delete the line.

SOURCES
    ext4(5)
"
    );
    assert_eq!(out, expected);
}

#[test]
fn an_entry_of_the_catalogue_leads_to_its_rules() {
    let (_, out, _) = run(&["rules", "list", "-f", "json"]);
    let rules: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    let decided = rules.iter().filter_map(|rule| rule["decides"].get(0)).find_map(|entry| entry.as_str());
    let entry = decided.unwrap();
    let (code, out, _) = run(&["explain", entry]);
    assert_eq!(code, 0);
    for rule in rules.iter().filter(|rule| rule["decides"].as_array().unwrap().iter().any(|one| one == entry))
    {
        assert!(out.contains(rule["id"].as_str().unwrap()), "{entry}: {rule}");
    }
    let (code, _, err) = run(&["explain", "file-unreadble"]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `file-unreadable`?"), "{err}");
}

#[test]
fn the_schema_of_rules_knows_the_keys_that_rules_use() {
    let (code, out, _) = run(&["schema", "rule"]);
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    let keys = schema["properties"].as_object().unwrap();
    for line in RULE.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')) {
        let key = line.split(':').next().unwrap();
        assert!(keys.contains_key(key), "{key}");
    }
}

/// `INSTA_UPDATE=always cargo test --test rules_command` writes it anew.
#[test]
fn the_reference_of_the_facts_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/FACTS.md");
    let (code, page, _) = run(&["schema", "facts", "--format", "markdown"]);
    assert_eq!(code, 0);
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == page,
        "rules/FACTS.md is out of date: `INSTA_UPDATE=always cargo test --test rules_command` writes it anew"
    );
}

#[test]
fn a_folder_without_rules_is_no_success() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("rule.yml"), RULE).unwrap();
    for command in ["check", "test"] {
        let (code, out, err) = run(&["rules", command, path(&folder)]);
        assert_eq!((code, out.as_str()), (2, ""), "{command}");
        assert!(err.contains("there is no rule in"), "{command}: {err}");
    }
}
