use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::finding::Severity;
use crate::place::Span;
use crate::target;

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::built_in().unwrap());
static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| target::select(&["kvm".to_owned()]).unwrap());

const TODAY: Date = Date { year: 2027, month: 6, day: 30 };

fn names() -> Names<'static> {
    Names { rules: &RULES, targets: &TARGETS }
}

fn waivers(text: &str) -> Waivers {
    Waivers::parse("bootproof.toml", text, &names()).unwrap()
}

fn mistakes(text: &str) -> String {
    let mistakes = Waivers::parse("bootproof.toml", text, &names()).unwrap_err();
    mistakes.iter().map(|mistake| mistake.draw(false)).collect::<Vec<_>>().join("\n\n")
}

fn finding(path: &str, target: Option<&str>, entry: Option<&str>) -> Finding {
    Finding {
        rule: "fstab-kernel-name".into(),
        decides: Vec::new(),
        severity: Severity::High,
        target: target.map(Into::into),
        entry: entry.map(Into::into),
        title: String::new(),
        message: String::new(),
        at: Span::line(7).at(&path.into()),
        snippet: None,
        why: String::new(),
        fix: Vec::new(),
        refs: Vec::new(),
        fingerprint: "0a1b-2".into(),
        waived: None,
        known: false,
    }
}

/// The reason by which `text` waives `finding`.
fn waived_by(text: &str, mut finding: Finding) -> Option<String> {
    waivers(text).apply([&mut finding], TODAY);
    finding.waived.map(|waived| waived.reason)
}

fn one(fields: &str) -> String {
    format!("[[waiver]]\nrule = \"fstab-kernel-name\"\nreason = \"r\"\n{fields}\n")
}

#[test]
fn a_waiver_accepts_what_all_its_fields_are_of() {
    let on_kvm = || finding("etc/fstab", Some("kvm"), Some("Debian"));
    for (fields, is_waived) in [
        ("", true),
        ("path = 'etc/fstab'", true),
        ("path = '/etc/fstab'", true),
        ("path = 'etc/*'", true),
        ("path = '*'", false),
        ("path = '**'", true),
        ("path = 'etc/crypttab'", false),
        ("target = 'kvm'", true),
        ("target = 'vmware'", false),
        ("entry = 'Debian'", true),
        ("entry = 'CentOS'", false),
        ("fingerprint = '0a1b-2'", true),
        ("fingerprint = '0a1b'", true),
        ("fingerprint = '0a1b-1'", false),
        ("path = 'etc/fstab'\ntarget = 'vmware'", false),
    ] {
        assert_eq!(waived_by(&one(fields), on_kvm()).is_some(), is_waived, "{fields}");
    }
    let other = Finding { rule: "fstab-missing-device".into(), ..on_kvm() };
    assert_eq!(waived_by(&one(""), other), None);
    assert_eq!(waived_by(&one("target = 'kvm'"), finding("etc/fstab", None, None)), None);
}

#[test]
fn a_waiver_holds_through_its_last_day() {
    let waived =
        |expires: &str| waived_by(&one(&format!("expires = {expires}")), finding("etc/fstab", None, None));
    for (expires, is_waived) in [
        ("2027-07-01", true),
        ("2027-06-30", true),
        ("'2027-06-30'", true),
        ("2027-06-29", false),
        ("1999-12-31", false),
    ] {
        assert_eq!(waived(expires).is_some(), is_waived, "{expires}");
    }
}

#[test]
fn of_two_waivers_the_first_that_is_not_over_gives_the_reason() {
    let text =
        format!("{}{}", one("expires = 2020-01-01"), one("path = 'etc/*'").replace("\"r\"", "\"second\""));
    assert_eq!(waived_by(&text, finding("etc/fstab", None, None)), Some("second".into()));
}

/// What is said of the waivers in `text` when `found` was found: rule, line, message.
fn said(text: &str, mut found: Vec<Finding>, open: &[&str]) -> Vec<(String, Option<u32>, String)> {
    let open: Vec<NotEvaluated> =
        open.iter().map(|rule| NotEvaluated { rule: (*rule).into(), needs: "x".into() }).collect();
    let waivers = waivers(text);
    let usage = waivers.apply(&mut found, TODAY);
    let findings = waivers.findings(&usage, &names(), &open);
    findings.into_iter().map(|finding| (finding.rule, finding.at.line, finding.message)).collect()
}

#[test]
fn waivers_that_are_over_or_unused_are_findings_at_their_lines() {
    let found = || vec![finding("etc/fstab", Some("kvm"), None)];
    assert_eq!(said(&one(""), found(), &[]), []);
    assert_eq!(
        said(&one("expires = 2027-01-31\npath = 'etc/fstab'"), found(), &[]),
        [(
            "waiver-expired".to_owned(),
            Some(2),
            "the last day of this waiver for `fstab-kernel-name` in `etc/fstab` was 2027-01-31: one finding counts again"
                .to_owned()
        )]
    );
    assert_eq!(
        said(&format!("# why\n\n{}", one("target = 'kvm'\nentry = 'x'")), found(), &[]),
        [(
            "waiver-unused".to_owned(),
            Some(4),
            "nothing is found that this waiver accepts: `fstab-kernel-name` on kvm for the boot entry `x`"
                .to_owned()
        )]
    );
}

#[test]
fn what_was_not_looked_at_is_not_called_unused() {
    assert_eq!(said(&one("target = 'vmware'"), Vec::new(), &[]), []);
    assert_eq!(said(&one(""), Vec::new(), &["fstab-kernel-name"]), []);
    let on_change = one("").replace("fstab-kernel-name", "initrd-not-rebuilt-after-change");
    assert_eq!(said(&on_change, Vec::new(), &[]), []);
    assert_eq!(said(&one(""), Vec::new(), &[]).len(), 1);
}

#[test]
fn what_is_said_of_waivers_is_told_as_any_rule() {
    for id in [EXPIRED, UNUSED] {
        let rule = RULES.get(id).unwrap();
        assert!(!rule.why.is_empty() && !rule.remedy.is_empty(), "{id}");
        assert!(RULES.rules().iter().all(|rule| rule.id != id), "{id} is evaluated by nobody");
    }
    assert_eq!(RULES.get(EXPIRED).unwrap().severities, [Severity::Medium]);
    assert_eq!(RULES.get(UNUSED).unwrap().severities, [Severity::Low]);
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_to_write() {
    let drawn = mistakes(
        r#"waivers = 1

[[waiver]]
rule = "fstab-kernal-name"
target = "kmv"
path = "etc/[fstab"
reson = "typing is hard"
expires = "next week"

[[waiver]]
rule = "fstab-kernel-name"
reason = " "
expires = 2027-06-30T12:00:00Z

[[waiver]]
reason = 4

[[waiver]]
rule = "waiver-unused"
reason = "x"
"#,
    );
    for said in [
        "there is no `waivers` in a file of waivers",
        "bootproof.toml:1:1",
        "did you mean `waiver`?",
        "there is no rule `fstab-kernal-name`",
        "bootproof.toml:4:8",
        "did you mean `fstab-kernel-name`?",
        "there is no target `kmv`",
        "bootproof.toml:5:10",
        "did you mean `kvm`?",
        "`path` is no pattern",
        "bootproof.toml:6:8",
        "a waiver has no `reson`",
        "bootproof.toml:7:1",
        "did you mean `reason`?",
        "this waiver has no `reason`",
        "`expires` is no day",
        "bootproof.toml:8:11",
        "`reason` is empty",
        "bootproof.toml:12:10",
        "bootproof.toml:13:11",
        "this waiver has no `rule`",
        "`reason` is a text, and this is of the kind integer",
        "what is found about waivers cannot be waived",
        "bootproof.toml:19:8",
    ] {
        assert!(drawn.contains(said), "{said}\n{drawn}");
    }
    assert_eq!(drawn.matches("error: ").count(), 12, "{drawn}");
}

#[test]
fn broken_toml_is_told_where_it_breaks() {
    let drawn = mistakes("[[waiver]]\nrule = \"fstab-kernel-name\nreason = 'x'\n");
    assert!(drawn.contains("is no TOML") && drawn.contains("bootproof.toml:2:"), "{drawn}");
}

#[test]
fn one_pair_of_brackets_is_not_enough() {
    let drawn = mistakes("[waiver]\nrule = \"fstab-kernel-name\"\nreason = \"x\"\n");
    assert!(drawn.contains("with two brackets on either side"), "{drawn}");
    assert!(drawn.contains("bootproof.toml:1:2"), "{drawn}");
}

#[test]
fn an_empty_file_has_no_waivers() {
    assert!(waivers("").waivers.is_empty());
    assert!(waivers("# nothing yet\n").waivers.is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\[\\[waiver\\]\\]\n)?(rule|path|expires|reason|ü)? ?=? ?(\"[a-z\u{1}*\\[]*\"|[0-9-]{0,12}|.{0,9})\n?.{0,20}") {
        if let Err(mistakes) = Waivers::parse("w.toml", &text, &names()) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!(mistake.draw(false).contains("w.toml"));
            }
        }
    }
}
