//! Waves, plans and bad input, on reports of a few lines.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A report as `check` writes it, as far as a fleet reads it.
pub(crate) fn report(name: Option<&str>, boots: Value, findings: Value) -> Value {
    let targets: std::collections::BTreeSet<&str> =
        boots.as_array().unwrap().iter().map(|boot| boot["target"].as_str().unwrap()).collect();
    let targets: Vec<Value> = targets
        .into_iter()
        .map(|name| json!({"name": name, "title": format!("the platform {name}")}))
        .collect();
    json!({
        "schema": "bootproof-report/1",
        "tool": {"name": "bootproof", "version": "0.1.0"},
        "system": {"source": "/mnt/sysimage", "hostname": name, "pretty_name": "Debian GNU/Linux 12 (bookworm)", "architecture": "x86_64"},
        "targets": targets,
        "boots": boots,
        "findings": findings,
        "not_evaluated": [],
        "summary": {},
        "verdict": "fail",
    })
}

/// A boot of the default entry; `how` is an outcome, or the step at which it stops.
pub(crate) fn boot(target: &str, how: &str) -> Value {
    let (outcome, failed_at) = match how {
        "boots" | "unknown" => (how, None),
        step => ("fails", Some(step)),
    };
    json!({"entry": "Linux", "default": true, "is_rescue": false, "target": target, "outcome": outcome, "failed_at": failed_at})
}

/// A finding of `rule` whose remedy is of the kind `fix`.
pub(crate) fn finding(rule: &str, severity: &str, target: Option<&str>, fix: &str) -> Value {
    json!({
        "rule": rule, "severity": severity, "target": target, "entry": null, "title": format!("What {rule} is about"),
        "message": format!("`{rule}` was found"), "fix": [{"kind": fix, "command": "true", "text": "look"}],
        "fingerprint": "0",
    })
}

fn waived(mut finding: Value) -> Value {
    finding["waived"] = json!({"reason": "replaced in June", "expires": null});
    finding
}

/// The fleet of `reports`.
pub(crate) fn fleet_of(reports: &[Value], gate: Option<Severity>) -> Fleet {
    let text: String = reports.iter().map(|report| format!("{report}\n")).collect();
    gather(find(&[PathBuf::from("-")]), text.as_bytes(), gate)
}

fn wave(boots: Value, findings: Value) -> Wave {
    let fleet = fleet_of(&[report(Some("web1"), boots, findings)], Some(Severity::High));
    fleet.hosts[0].standings[0].wave
}

#[test]
fn boot_and_findings_make_the_wave() {
    let all: Option<&str> = None;
    let kvm = Some("kvm");
    for (how, findings, expected) in [
        ("boots", json!([]), Wave::ReadyNow),
        ("boots", json!([finding("a", "medium", kvm, "advice")]), Wave::ReadyNow),
        ("boots", json!([finding("a", "high", Some("vmware"), "advice")]), Wave::ReadyNow),
        ("boots", json!([waived(finding("a", "blocker", kvm, "advice"))]), Wave::ReadyNow),
        ("boots", json!([finding("a", "high", kvm, "command")]), Wave::AfterFixes),
        ("boots", json!([finding("a", "high", all, "replace")]), Wave::AfterFixes),
        ("boots", json!([finding("a", "high", all, "cmdline")]), Wave::AfterFixes),
        (
            "boots",
            json!([finding("a", "high", kvm, "append"), finding("b", "blocker", kvm, "remove")]),
            Wave::AfterFixes,
        ),
        (
            "boots",
            json!([finding("a", "high", kvm, "rebuild"), finding("b", "high", kvm, "advice")]),
            Wave::Blocked,
        ),
        ("boots", json!([finding("a", "high", kvm, "of-the-future")]), Wave::Blocked),
        ("disk-driver", json!([finding("a", "blocker", kvm, "rebuild")]), Wave::AfterFixes),
        ("disk-driver", json!([finding("a", "blocker", all, "command")]), Wave::AfterFixes),
        ("disk-driver", json!([]), Wave::Blocked),
        ("disk-driver", json!([finding("a", "high", kvm, "command")]), Wave::Blocked),
        ("disk-driver", json!([finding("a", "blocker", Some("vmware"), "command")]), Wave::Blocked),
        ("disk-driver", json!([waived(finding("a", "blocker", kvm, "command"))]), Wave::Blocked),
        ("unknown", json!([]), Wave::CannotBeTold),
        ("unknown", json!([finding("a", "blocker", kvm, "command")]), Wave::CannotBeTold),
        ("unknown", json!([finding("a", "blocker", kvm, "advice")]), Wave::Blocked),
    ] {
        assert_eq!(wave(json!([boot("kvm", how)]), findings.clone()), expected, "{how} {findings}");
    }
}

#[test]
fn a_finding_with_an_advice_and_a_command_can_be_applied() {
    let mut finding = finding("a", "high", Some("kvm"), "advice");
    finding["fix"] = json!([{"kind": "advice", "text": "look"}, {"kind": "command", "command": "true"}]);
    assert_eq!(wave(json!([boot("kvm", "boots")]), json!([finding])), Wave::AfterFixes);
}

#[test]
fn the_default_entry_decides_and_a_blocker_of_another_entry_explains_nothing() {
    let other = |how: &str, default: bool, rescue: bool| {
        let mut boot = boot("kvm", how);
        boot["entry"] = json!("Other");
        boot["default"] = json!(default);
        boot["is_rescue"] = json!(rescue);
        boot
    };
    assert_eq!(wave(json!([other("kernel", false, false), boot("kvm", "boots")]), json!([])), Wave::ReadyNow);
    // Without a default entry: the first that is not for emergencies.
    let none = json!([other("kernel", false, true), other("boots", false, false)]);
    assert_eq!(wave(none, json!([])), Wave::ReadyNow);
    let mut blocker = finding("a", "blocker", Some("kvm"), "command");
    blocker["entry"] = json!("Other");
    assert_eq!(wave(json!([boot("kvm", "disk-driver")]), json!([blocker.clone()])), Wave::Blocked);
    blocker["entry"] = json!("Linux");
    assert_eq!(wave(json!([boot("kvm", "disk-driver")]), json!([blocker])), Wave::AfterFixes);
}

#[test]
fn a_report_without_a_boot_entry_cannot_be_told() {
    let mut bare = report(Some("web1"), json!([]), json!([]));
    bare["targets"] = json!([{"name": "kvm", "title": "KVM"}]);
    let fleet = fleet_of(&[bare], Some(Severity::High));
    let standing = &fleet.hosts[0].standings[0];
    assert_eq!((standing.outcome, standing.wave), (None, Wave::CannotBeTold));
}

#[test]
fn an_open_gate_fails_nobody_and_waves_count_from_high_on() {
    let reports =
        [report(Some("web1"), json!([boot("kvm", "boots")]), json!([finding("a", "high", None, "command")]))];
    let fleet = fleet_of(&reports, None);
    assert_eq!((fleet.failing(), fleet.hosts[0].standings[0].wave), (0, Wave::AfterFixes));
    assert_eq!(fleet_of(&reports, Some(Severity::Blocker)).hosts[0].standings[0].wave, Wave::ReadyNow);
    assert_eq!(fleet_of(&reports, Some(Severity::High)).failing(), 1);
}

/// Hosts that need `rules` mended for kvm, or by hand if a rule's name begins with `hand`.
fn needing(count: usize, start: usize, rules: &[&str]) -> Vec<Value> {
    let kind = |rule: &str| if rule.starts_with("hand") { "advice" } else { "command" };
    let findings: Vec<Value> =
        rules.iter().map(|rule| finding(rule, "blocker", Some("kvm"), kind(rule))).collect();
    let host = |number| {
        report(
            Some(&format!("host{:03}", start + number)),
            json!([boot("kvm", "disk-driver")]),
            json!(findings),
        )
    };
    (0..count).map(host).collect()
}

#[test]
fn what_frees_most_hosts_is_mended_first() {
    let mut reports = needing(5, 0, &["a", "b"]);
    reports.extend(needing(4, 100, &["c"]));
    reports.extend(needing(3, 200, &["a"]));
    reports.extend(needing(2, 300, &["a", "hand-d"]));
    reports.extend(needing(1, 400, &["a", "b", "c", "e", "f", "g"]));
    reports.push(report(Some("ready"), json!([boot("kvm", "boots")]), json!([])));
    let fleet = fleet_of(&reports, Some(Severity::High));
    let plan = &fleet.plans[0];
    let steps: Vec<(Vec<&str>, usize)> =
        plan.first.iter().map(|step| (fleet.names.texts(&step.rules), step.ready)).collect();
    // `a` and `b` free 8 hosts, 4 a rule, as `c` frees 4; more hosts need exactly the two.
    assert_eq!(steps, [(vec!["a", "b"], 9), (vec!["c"], 13), (vec!["hand-d"], 15)]);
    assert_eq!(fleet.names.texts(&plan.first[2].by_hand), ["hand-d"]);
    let sets: Vec<(Vec<&str>, usize)> =
        plan.fix_sets.iter().map(|set| (fleet.names.texts(&set.rules), set.hosts.len())).collect();
    assert_eq!(
        sets,
        [(vec!["a", "b"], 5), (vec!["c"], 4), (vec!["a"], 3), (vec!["a", "b", "c", "e", "f", "g"], 1)]
    );
    assert_eq!(fleet.names.texts(&plan.blocked[0].by_hand), ["hand-d"]);
    let counts = Wave::ALL.map(|wave| plan.count(wave));
    assert_eq!(counts, [1, 13, 2, 0]);
    assert_eq!(counts.iter().sum::<usize>(), plan.hosts);
}

#[test]
fn no_more_than_five_rules_are_mended_first() {
    let reports: Vec<Value> = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .enumerate()
        .flat_map(|(at, rule)| needing(1, at, &[rule]))
        .collect();
    let fleet = fleet_of(&reports, Some(Severity::High));
    assert_eq!(fleet.plans[0].first.iter().map(|step| step.rules.len()).sum::<usize>(), 5);
}

#[test]
fn a_rule_names_each_host_once_and_tells_the_waived_ones() {
    let (one, two) =
        (finding("a", "high", Some("kvm"), "command"), finding("a", "blocker", Some("vmware"), "advice"));
    let boots = || json!([boot("kvm", "boots"), boot("vmware", "boots")]);
    let fleet = fleet_of(
        &[
            report(Some("h1"), boots(), json!([one, one, two])),
            report(Some("h2"), boots(), json!([waived(one.clone())])),
        ],
        Some(Severity::High),
    );
    let hits = &fleet.rules[0];
    assert_eq!((hits.hosts.as_slice(), hits.waived.as_slice()), (&[0, 1][..], &[1][..]));
    assert_eq!((hits.severity, hits.can_be_applied), (Severity::Blocker, false));
    let on: Vec<(&str, usize)> =
        hits.on.iter().map(|(target, hosts)| (fleet.names.optional(*target).unwrap(), hosts.len())).collect();
    assert_eq!(on, [("kvm", 2), ("vmware", 1)]);
    let times: Vec<u32> = fleet.hosts[0].findings.iter().map(|hit| hit.times).collect();
    assert_eq!(times, [1, 2]);
}

#[test]
fn the_order_of_the_reports_does_not_matter() {
    let mut reports = needing(3, 0, &["b", "a"]);
    reports.push(report(Some("ready"), json!([boot("kvm", "boots"), boot("azure", "boots")]), json!([])));
    let told = |reports: &[Value]| {
        let mut fleet = fleet_of(reports, Some(Severity::High));
        // On stdin the number of a report is its path.
        for host in &mut fleet.hosts {
            host.report.clear();
        }
        for hits in &mut fleet.rules {
            hits.example.report.clear();
        }
        fleet.notes.clear();
        format!("{fleet:?}")
    };
    let forwards = told(&reports);
    reports.reverse();
    assert_eq!(told(&reports), forwards);
}

#[test]
fn hosts_of_one_name_are_kept_apart_and_copies_of_a_report_count_once() {
    let (a, b) = (json!([boot("kvm", "boots")]), json!([boot("kvm", "unknown")]));
    let nameless = report(None, a.clone(), json!([]));
    let fleet = fleet_of(
        &[
            report(Some("web1"), a.clone(), json!([])),
            report(Some("web1"), b, json!([])),
            report(Some("web1"), a.clone(), json!([])),
            report(Some("web2"), a, json!([])),
            nameless.clone(),
            nameless,
        ],
        Some(Severity::High),
    );
    let hosts: Vec<(&str, bool)> = fleet.hosts.iter().map(|host| (&*host.name, host.is_twin)).collect();
    assert_eq!(
        hosts,
        [
            ("stdin, report 5", false),
            ("stdin, report 6", false),
            ("web1", true),
            ("web1", true),
            ("web2", false)
        ]
    );
    assert_eq!(fleet.not_counted.len(), 1);
    assert_eq!(
        fleet.not_counted[0].because,
        "is byte for byte the report `stdin, report 1`, which is counted"
    );
    assert!(!fleet.is_incomplete());
    assert!(fleet.notes[0].starts_with("2 hosts have the name `web1`"), "{:?}", fleet.notes);
}

/// A folder with a good report among all that is none.
#[expect(clippy::disallowed_methods, reason = "makes files of its own")]
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let good = report(Some("web1"), json!([boot("kvm", "boots")]), json!([])).to_string();
    fs::create_dir_all(path("a/b")).unwrap();
    fs::write(path("a/b/web1.json"), &good).unwrap();
    fs::write(path("a/b/web1.html"), "").unwrap();
    fs::write(path("cut.json"), &good[..good.len() / 2]).unwrap();
    fs::write(path("empty.json"), "").unwrap();
    fs::write(path("next.json"), good.replace("report/1", "report/2")).unwrap();
    fs::write(path("other.json"), "{}").unwrap();
    fs::write(path("notes.txt"), "no report").unwrap();
    symlink(folder.path(), path("a/loop")).unwrap();
    symlink("web1.json", path("a/b/again.json")).unwrap();
    symlink("self.json", path("self.json")).unwrap();
    symlink("nowhere", path("gone.json")).unwrap();
    folder
}

#[test]
fn what_is_no_report_is_named_and_the_rest_goes_on() {
    let folder = folder();
    let fleet = gather(find(&[folder.path().to_owned()]), std::io::empty(), Some(Severity::High));
    assert_eq!(fleet.hosts.len(), 1);
    assert_eq!(fleet.hosts[0].page.as_deref().unwrap().extension().unwrap(), "html");
    let start = format!("{}/", folder.path().display());
    let told: Vec<String> = fleet
        .not_counted
        .iter()
        .map(|file| {
            let path = file.path.strip_prefix(&start).unwrap();
            let words: Vec<&str> = file.because.split(' ').take(4).collect();
            format!("{} {path}: {}", if file.is_loss { "lost" } else { "left out" }, words.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "lost cut.json:1:215: the report ends here",
            "lost empty.json: is empty: the program",
            "lost gone.json: cannot be read: No",
            "lost next.json: has the shape `bootproof-report/2`,",
            "lost self.json: cannot be read: Too",
            "left out a/b/again.json: is a file that",
            "left out a/loop: is a folder that",
            "left out other.json: is JSON, but no",
        ]
    );
}

#[test]
fn what_the_user_names_has_to_be_a_report() {
    let folder = folder();
    let named = |name: &str| {
        let fleet = gather(find(&[folder.path().join(name)]), std::io::empty(), Some(Severity::High));
        (fleet.hosts.len(), fleet.is_incomplete())
    };
    assert_eq!(named("a/b/web1.json"), (1, false));
    assert_eq!(named("a/b"), (1, false));
    assert_eq!(named("other.json"), (0, true));
    assert_eq!(named("missing.json"), (0, true));
    fs::create_dir(folder.path().join("nothing")).unwrap();
    assert_eq!(named("nothing"), (0, true));
}

#[test]
fn nothing_on_stdin_is_no_fleet() {
    let fleet = fleet_of(&[], Some(Severity::High));
    assert_eq!(fleet.not_counted[0].path, "stdin");
    assert!(fleet.is_incomplete());
}
