//! What a pipeline relies on: report formats, several files in one run, silence, waivers and the baseline.
#![expect(clippy::disallowed_methods, reason = "makes and reads files of its own, and starts bootproof")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/systems/centos6-san-server");
/// 30 June 2027.
const DAY: &str = "1814313600";

/// Runs `bootproof` with `arguments` in the directory `here`.
fn run_in(here: &Path, arguments: &[&str]) -> Output {
    std::process::Command::new(cargo_bin!("bootproof"))
        .args(arguments)
        .current_dir(here)
        .env("SOURCE_DATE_EPOCH", DAY)
        .output()
        .unwrap()
}

fn check(here: &TempDir, arguments: &[&str]) -> Output {
    run_in(here.path(), &[&["check", DEMO, "--target", "kvm"], arguments].concat())
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn directory() -> TempDir {
    TempDir::new().unwrap()
}

fn findings<'a>(report: &'a Value, rule: &str) -> Vec<&'a Value> {
    let all = report["findings"].as_array().unwrap();
    all.iter().filter(|finding| finding["rule"] == rule).collect()
}

/// A waiver for each rule that found something in the demo.
fn waivers_for_all() -> String {
    let report = json(&check(&directory(), &["--format", "json"]));
    let mut rules: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    rules
        .iter()
        .map(|rule| format!("[[waiver]]\nrule = \"{rule}\"\nreason = \"a lab machine\"\n\n"))
        .collect()
}

#[test]
fn one_run_writes_every_format_that_is_asked_for() {
    let here = directory();
    let names = ["r.html", "r.json", "r.sarif", "r.junit.xml", "r.md", "r.txt"];
    let outputs: Vec<&str> = names.iter().flat_map(|name| ["--output", name]).collect();
    let output = check(&here, &[&["--quiet"], outputs.as_slice()].concat());
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert_eq!((stdout(&output), stderr(&output)), (String::new(), String::new()));
    let starts = [
        "<!doctype html>",
        "{\n  \"schema\": \"bootproof-report/1\"",
        "{\n  \"$schema\"",
        "<?xml",
        "# ",
        "bootproof ",
    ];
    for (name, start) in names.iter().zip(starts) {
        let text = fs::read_to_string(here.path().join(name)).unwrap();
        assert!(text.starts_with(start), "{name}: {}", text.get(..80).unwrap());
    }
}

#[test]
fn a_file_that_cannot_be_written_does_not_lose_the_others() {
    let here = directory();
    let output = check(&here, &["-o", "a.json", "-o", "no/b.sarif", "-o", "no/c.xml", "-o", "d.html"]);
    assert_eq!(code(&output), 2);
    assert!(here.path().join("a.json").is_file() && here.path().join("d.html").is_file());
    assert!(stdout(&output).contains("Verdict: fail"));
    for name in ["`no/b.sarif`", "`no/c.xml`"] {
        assert!(stderr(&output).contains(name), "{}", stderr(&output));
    }
}

#[test]
fn an_extension_that_names_no_format_is_said_before_any_work() {
    let here = directory();
    let output = run_in(here.path(), &["check", "/no/such/system", "-o", "a.json", "-o", "b.pdf"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("`b.pdf`") && stderr(&output).contains(".sarif"), "{}", stderr(&output));
    assert!(!here.path().join("a.json").exists());
}

#[test]
fn commands_without_rules_refuse_sarif_and_junit() {
    for arguments in [
        &["boot", DEMO, "-t", "kvm", "--format", "sarif"][..],
        &["boot", DEMO, "-t", "kvm", "--output", "r.xml"],
        &["triage", "--format", "junit"],
    ] {
        let output = run_in(directory().path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains("`bootproof check` has"), "{}", stderr(&output));
    }
}

#[test]
fn quiet_leaves_the_exit_code_and_what_was_asked_for() {
    let here = directory();
    for (arguments, is_silent) in [(&["-q"][..], true), (&["-q", "-f", "json"], false), (&[], false)] {
        let output = check(&here, arguments);
        assert_eq!((code(&output), output.stdout.is_empty()), (1, is_silent), "{arguments:?}");
    }
    let output = run_in(here.path(), &["check", "/no/such/system", "-q"]);
    assert_eq!((code(&output), stdout(&output)), (2, String::new()));
    assert!(stderr(&output).contains("/no/such/system"));
    for arguments in [&["boot", DEMO, "-t", "kvm", "-q"][..], &["diff", DEMO, DEMO, "-t", "kvm", "-q"]] {
        assert_eq!(stdout(&run_in(here.path(), arguments)), "", "{arguments:?}");
    }
}

#[test]
fn what_is_waived_is_shown_and_does_not_count() {
    let here = directory();
    let before = json(&check(&here, &["-f", "json"]));
    let waiver = "[[waiver]]\nrule = 'initrd-missing-disk-driver'\npath = 'boot/*'\ntarget = 'kvm'\n\
                  reason = 'replaced in July'\nexpires = 2027-06-30\n";
    fs::write(here.path().join("accepted.toml"), waiver).unwrap();
    let output = check(&here, &["--waivers", "accepted.toml", "-f", "json"]);
    let report = json(&output);
    assert_eq!(code(&output), 1);
    let waived = findings(&report, "initrd-missing-disk-driver");
    assert!(!waived.is_empty());
    for finding in &waived {
        assert_eq!(finding["waived"]["reason"], "replaced in July");
        assert_eq!(finding["waived"]["expires"], "2027-06-30");
        assert_eq!(finding["waived"]["at"]["path"], "accepted.toml");
        assert_eq!(finding["waived"]["at"]["line"], 2);
    }
    assert_eq!(report["waived"], waived.len());
    let blockers = |report: &Value| report["summary"]["blocker"].as_u64().unwrap();
    assert_eq!(blockers(&report), blockers(&before) - u64::try_from(waived.len()).unwrap());
    for format in ["text", "markdown", "html", "sarif", "junit"] {
        let text = stdout(&check(&here, &["--waivers", "accepted.toml", "-f", format]));
        assert!(text.contains("replaced in July"), "{format}");
    }
}

#[test]
fn when_all_is_waived_the_gate_is_open_even_if_the_boot_stops() {
    let here = directory();
    fs::write(here.path().join("bootproof.toml"), waivers_for_all()).unwrap();
    let output = check(&here, &["--fail-on", "info"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("Does not boot on kvm."));
    assert!(stdout(&output).contains("a lab machine (bootproof.toml:2)"));
    let junit = stdout(&check(&here, &["-f", "junit", "--fail-on", "info"]));
    assert!(!junit.contains("<failure"), "{junit}");
}

#[test]
fn a_waiver_counts_through_its_last_day_and_not_after() {
    let here = directory();
    let on = |day: &str| {
        let waiver =
            format!("[[waiver]]\nrule = 'initrd-missing-disk-driver'\nreason = 'x'\nexpires = {day}\n");
        fs::write(here.path().join("bootproof.toml"), waiver).unwrap();
        json(&check(&here, &["-f", "json"]))
    };
    assert!(findings(&on("2027-06-30"), "waiver-expired").is_empty());
    let report = on("2027-06-29");
    let expired = findings(&report, "waiver-expired");
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0]["at"]["path"], "bootproof.toml");
    assert_eq!(expired[0]["at"]["line"], 2);
    assert_eq!(expired[0]["snippet"], "rule = 'initrd-missing-disk-driver'");
    assert_eq!(report["waived"], 0);
}

#[test]
fn a_waiver_for_nothing_is_a_finding_that_explain_knows() {
    let here = directory();
    let waiver = "[[waiver]]\nrule = 'initrd-missing-disk-driver'\npath = 'boot/other.img'\nreason = 'x'\n";
    fs::write(here.path().join("bootproof.toml"), waiver).unwrap();
    let report = json(&check(&here, &["-f", "json"]));
    assert_eq!(findings(&report, "waiver-unused").len(), 1);
    for rule in ["waiver-unused", "waiver-expired"] {
        let page = run_in(here.path(), &["explain", rule]);
        assert_eq!(code(&page), 0, "{}", stderr(&page));
        assert!(stdout(&page).contains("HOW TO MEND IT"));
    }
}

#[test]
fn mistakes_in_waivers_end_with_2_and_show_the_line() {
    let here = directory();
    let waiver = "[[waiver]]\nrule = 'initrd-missing-disk-drivr'\nreson = 'x'\ntarget = 'kvn'\n";
    fs::write(here.path().join("bootproof.toml"), waiver).unwrap();
    let output = check(&here, &[]);
    assert_eq!((code(&output), stdout(&output)), (2, String::new()));
    for said in [
        "there are 4 mistakes in the waivers",
        "did you mean `initrd-missing-disk-driver`?",
        "did you mean `reason`?",
        "did you mean `kvm`?",
        "this waiver has no `reason`",
        "bootproof.toml:2:8",
        "^^^^",
    ] {
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
    let output = check(&here, &["--waivers", "no-such.toml"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("cannot read the waivers `no-such.toml`"), "{}", stderr(&output));
}

#[test]
fn waivers_inside_the_system_are_not_believed() {
    let root = directory();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/os-release"), "ID=debian\n").unwrap();
    fs::write(root.path().join("bootproof.toml"), "this would be a mistake").unwrap();
    let output = run_in(&root.path().join("etc"), &["check", "..", "-t", "kvm"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = run_in(root.path(), &["check", ".", "-t", "kvm"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("`bootproof.toml` is not read"), "{}", stderr(&output));
}

#[test]
fn diff_counts_no_waived_findings() {
    let here = directory();
    let healthy = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/systems/debian12-vm");
    let arguments = ["diff", healthy, DEMO, "-t", "kvm", "-f", "json"];
    let before = json(&run_in(here.path(), &arguments));
    let waiver = "[[waiver]]\nrule = 'initrd-missing-disk-driver'\nreason = 'x'\n";
    fs::write(here.path().join("bootproof.toml"), waiver).unwrap();
    let after = json(&run_in(here.path(), &arguments));
    let blockers = |report: &Value| report["summary"]["blocker"].as_u64().unwrap();
    assert!(blockers(&after) < blockers(&before));
}

#[test]
fn only_what_the_baseline_does_not_have_fails() {
    let here = directory();
    assert_eq!(code(&check(&here, &["-q", "-o", "before.json"])), 1);
    let output = check(&here, &["--baseline", "before.json", "-f", "json", "--fail-on", "info"]);
    let report = json(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let all = report["findings"].as_array().unwrap();
    assert!(all.iter().all(|finding| finding["known"] == true));
    assert_eq!(
        report["baseline"],
        serde_json::json!({"report": "before.json", "known": all.len(), "gone": 0})
    );
    // One finding less in the baseline is one that is new; one more is gone.
    let mut before: Value =
        serde_json::from_str(&fs::read_to_string(here.path().join("before.json")).unwrap()).unwrap();
    let list = before["findings"].as_array_mut().unwrap();
    let new = list.remove(0);
    let mut gone = new.clone();
    gone["fingerprint"] = "0123".into();
    list.push(gone);
    fs::write(here.path().join("before.json"), before.to_string()).unwrap();
    let output = check(&here, &["--baseline", "before.json", "-f", "json"]);
    let report = json(&output);
    assert_eq!(code(&output), 1);
    let all = report["findings"].as_array().unwrap();
    let unknown: Vec<&Value> = all.iter().filter(|finding| finding["known"] == false).collect();
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0]["fingerprint"], new["fingerprint"]);
    assert_eq!(report["baseline"]["gone"], 1);
    let text = stdout(&check(&here, &["--baseline", "before.json"]));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("known from the baseline, 1 gone since the baseline"), "{text}");
}

#[test]
fn a_baseline_that_is_none_ends_with_2_and_says_why() {
    let here = directory();
    assert_eq!(code(&check(&here, &["-q", "-o", "good.json"])), 1);
    let good = fs::read_to_string(here.path().join("good.json")).unwrap();
    let cut = good.get(..good.len() / 2).unwrap().to_owned();
    let newer = good.replace("bootproof-report/1", "bootproof-report/2");
    for (content, said) in [
        (cut, "cut off"),
        (newer, "`bootproof-report/2`"),
        ("{\"schema\": \"bootproof-diff/1\"}".to_owned(), "`bootproof diff`"),
        ("[]".to_owned(), "no report"),
        (String::new(), "empty"),
    ] {
        fs::write(here.path().join("bad.json"), content).unwrap();
        let output = check(&here, &["--baseline", "bad.json"]);
        assert_eq!((code(&output), stdout(&output)), (2, String::new()), "{said}");
        assert!(
            stderr(&output).contains("bad.json") && stderr(&output).contains(said),
            "{}",
            stderr(&output)
        );
    }
    let output = check(&here, &["--baseline", "missing.json"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("missing.json"));
}

#[test]
fn a_baseline_of_another_host_is_a_warning() {
    let here = directory();
    assert_eq!(code(&check(&here, &["-q", "-o", "before.json"])), 1);
    let path = here.path().join("before.json");
    let other = fs::read_to_string(&path).unwrap().replace("web1.example.com", "web2.example.com");
    fs::write(&path, other).unwrap();
    let output = check(&here, &["-q", "--baseline", "before.json"]);
    assert_eq!(code(&output), 0);
    assert!(stderr(&output).contains("is of the host `web2.example.com`"), "{}", stderr(&output));
    let output = check(&here, &["-q", "-t", "vmware", "--baseline", "before.json"]);
    assert!(stderr(&output).contains("does not say anything of `vmware`"), "{}", stderr(&output));
}

#[test]
fn a_day_that_is_none_ends_with_2() {
    let output = std::process::Command::new(cargo_bin!("bootproof"))
        .args(["check", DEMO, "-t", "kvm"])
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("SOURCE_DATE_EPOCH"), "{}", stderr(&output));
}
