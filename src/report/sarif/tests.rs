use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::finding::{Finding, Fix, Severity, Waived};
use crate::place::{Place, Span};
use crate::report::{Report, Root, sample};
use crate::rules::RuleSet;

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::built_in().unwrap());

static SCHEMA_FILE: LazyLock<Value> = LazyLock::new(published_schema);

/// The schema that OASIS publishes, as the sources of `serde-sarif` have it: its types are made from it.
#[expect(
    clippy::disallowed_methods,
    reason = "asks cargo for the crate's sources and reads the schema there"
)]
fn published_schema() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let schema = manifest.with_file_name("src").join("schema.json");
    let text = std::fs::read_to_string(&schema).unwrap();
    // A lone `]` stands for itself in the regular expressions of ECMA 262, which JSON Schema means, and not in others.
    serde_json::from_str(&text.replace("{2}]?$", "{2}\\\\]?$")).unwrap()
}

fn run(report: &Report, root: Root) -> Run<'_> {
    Run { report, rules: &RULES, targets: &[], gate: Some(Severity::High), root }
}

fn rendered(report: &Report, root: Root) -> Value {
    let text = render(&run(report, root)).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&SCHEMA_FILE).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, [""; 0]);
    value
}

fn below() -> Root {
    Root::Below("images/web 1".to_owned())
}

/// The first result for `rule`.
fn result_of<'a>(log: &'a Value, rule: &str) -> &'a Value {
    let results = log["runs"][0]["results"].as_array().unwrap();
    results.iter().find(|result| result["ruleId"] == rule).unwrap()
}

#[test]
fn the_report_as_sarif() {
    insta::assert_snapshot!(render(&run(&sample::san_server(), below())).unwrap());
}

#[test]
fn every_report_is_as_the_published_schema_says() {
    for report in [
        sample::san_server(),
        sample::healthy(),
        sample::many(),
        sample::set_aside(),
        sample::with_everywhere("<&\"' [a](javascript:b) {0} \u{1b}[31m \u{ffff} ü"),
    ] {
        for root in [below(), Root::Elsewhere("/mnt/sys image".to_owned()), Root::Packed] {
            rendered(&report, root);
        }
    }
}

#[test]
fn the_schema_is_one_that_finds_mistakes() {
    let validator = jsonschema::validator_for(&SCHEMA_FILE).unwrap();
    let mut log = rendered(&sample::san_server(), below());
    log["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&log));
}

#[test]
fn severities_become_levels_and_are_kept() {
    let log = rendered(&sample::san_server(), below());
    for (rule, level, severity) in [
        ("initrd-lacks-disk-driver", "error", "blocker"),
        ("fstab-kernel-name", "error", "high"),
        ("resume-device-missing", "warning", "medium"),
        ("ppp-peer-name-wrong", "note", "low"),
    ] {
        let result = result_of(&log, rule);
        assert_eq!(result["level"], level, "{rule}");
        assert_eq!(result["properties"]["severity"], severity, "{rule}");
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], rule);
    }
}

#[test]
fn paths_are_encoded_and_lead_to_the_repository_or_to_the_system() {
    let report = sample::with_everywhere("a b%:#ü");
    let place = |root: Root| {
        let log = rendered(&report, root);
        let location = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        let system = &log["runs"][0]["originalUriBaseIds"]["SYSTEM"]["uri"];
        (location["uri"].clone(), location["uriBaseId"].clone(), system.clone())
    };
    let file = "a%20b%25%3A%23%C3%BC";
    assert_eq!(place(below()), (format!("images/web%201/{file}").into(), "%SRCROOT%".into(), Value::Null));
    assert_eq!(place(Root::Below(String::new())), (file.into(), "%SRCROOT%".into(), Value::Null));
    assert_eq!(
        place(Root::Elsewhere("/mnt/x y".to_owned())),
        (file.into(), "SYSTEM".into(), "file:///mnt/x%20y/".into())
    );
    assert_eq!(place(Root::Packed), (file.into(), "SYSTEM".into(), Value::Null));
}

#[test]
fn columns_count_utf16_units_and_points_at_the_start_mean_the_line() {
    let at = |column, end| Span::new(3, column, end).at(&"etc/fstab".into());
    let line = "ü😀 /dev/sda1 x";
    let region = |place: &Place, line| serde_json::to_value(places::region(place, line)).unwrap();
    let marked = region(&at(8, 17), Some(line));
    assert_eq!(marked["startColumn"], 5);
    assert_eq!(marked["endColumn"], 14);
    assert_eq!(marked["snippet"]["text"], "/dev/sda1");
    let whole = region(&at(1, 1), Some(line));
    assert_eq!(whole, serde_json::json!({"startLine": 3, "snippet": {"text": line}}));
    assert_eq!(
        region(&at(4, 9), None),
        serde_json::json!({"startLine": 3, "startColumn": 4, "endColumn": 9})
    );
    assert_eq!(region(&Place::file("boot/initrd.img"), None), Value::Null);
}

#[test]
fn edits_replace_and_delete_whole_lines() {
    let mut report = sample::san_server();
    let edited = |with: Option<&str>| {
        let at = Span::line(8).at(&"etc/fstab".into());
        let fix = vec![Fix::Replace { at, with: with.map(Into::into) }];
        Finding { fix, ..sample::san_server().findings[0].clone() }
    };
    report.findings = vec![edited(Some("UUID=1 / ext4")), edited(None)];
    let log = rendered(&report, below());
    let replacement = |index: usize| {
        log["runs"][0]["results"][index]["fixes"][0]["artifactChanges"][0]["replacements"][0].clone()
    };
    assert_eq!(
        replacement(0),
        serde_json::json!({
            "deletedRegion": {"startLine": 8, "startColumn": 1},
            "insertedContent": {"text": "UUID=1 / ext4"},
        })
    );
    assert_eq!(
        replacement(1),
        serde_json::json!({"deletedRegion": {"startLine": 8, "startColumn": 1, "endLine": 9, "endColumn": 1}})
    );
}

#[test]
fn waived_findings_are_suppressed_and_known_ones_unchanged() {
    let log = rendered(&sample::set_aside(), below());
    let waived = &result_of(&log, "initrd-lacks-disk-driver")["suppressions"][0];
    assert_eq!(waived["kind"], "external");
    assert_eq!(waived["justification"], "replaced in June");
    assert_eq!(waived["location"]["physicalLocation"]["artifactLocation"]["uri"], "bootproof.toml");
    assert_eq!(result_of(&log, "tls-version-not-supported")["baselineState"], "unchanged");
    assert_eq!(result_of(&log, "resume-device-missing")["baselineState"], "new");
    assert_eq!(
        rendered(&sample::san_server(), below())["runs"][0]["results"][0]["baselineState"],
        Value::Null
    );
}

#[test]
fn the_fingerprint_stays_when_lines_shift() {
    let log = rendered(&sample::san_server(), below());
    let prints = &result_of(&log, "ppp-peer-name-wrong")["partialFingerprints"];
    assert_eq!(*prints, serde_json::json!({"bootproof/v1": "ddeeff", "primaryLocationLineHash": "ddeeff"}));
}

#[test]
fn what_could_not_be_decided_is_a_notification_of_its_rule() {
    let log = rendered(&sample::san_server(), below());
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    let notes = invocation["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(notes.len(), 3);
    assert_eq!(notes[0]["associatedRule"]["id"], "crypttab-key-missing");
    assert_eq!(notes[0]["descriptor"]["id"], "not-evaluated");
}

#[test]
fn what_the_system_says_is_no_link() {
    let text = render(&run(&sample::with_everywhere("[click](https://example.com)"), below())).unwrap();
    let log: Value = serde_json::from_str(&text).unwrap();
    let message = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap().to_owned();
    assert!(message.contains("[click] (https://example.com)"), "{message}");
}

#[test]
fn a_finding_on_a_waiver_is_in_the_users_own_file() {
    let mut report = sample::san_server();
    let at = Span::line(4).at(&"ci/bootproof.toml".into());
    report.findings =
        vec![Finding { rule: "waiver-unused".into(), at, ..sample::san_server().findings[0].clone() }];
    let log = rendered(&report, Root::Packed);
    let location = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(*location, serde_json::json!({"uri": "ci/bootproof.toml", "uriBaseId": "%SRCROOT%"}));
}

#[test]
fn a_waiver_says_until_when() {
    let at = Span::line(3).at(&"bootproof.toml".into());
    let waived = Waived { reason: "replaced in June.".into(), expires: Some("2027-06-30".into()), at };
    assert_eq!(waived.told(), "waived until 2027-06-30: replaced in June (bootproof.toml:3)");
}
