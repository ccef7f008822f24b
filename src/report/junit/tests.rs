use std::sync::LazyLock;

use roxmltree::{Document, Node};

use super::*;
use crate::report::{Report, Root, sample};
use crate::rules::RuleSet;
use crate::target::{self, Target};

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::built_in().unwrap());
static TARGETS: LazyLock<Vec<Target>> =
    LazyLock::new(|| target::select(&["same".to_owned(), "kvm".to_owned(), "vmware".to_owned()]).unwrap());

fn rendered(report: &Report) -> String {
    render(&Run { report, rules: &RULES, targets: &TARGETS, gate: Some(Severity::High), root: Root::Packed })
        .unwrap()
}

fn case<'a>(document: &'a Document<'_>, suite: &str, name: &str) -> Node<'a, 'a> {
    let suite = document.descendants().find(|node| node.attribute("name") == Some(suite)).unwrap();
    suite.children().find(|node| node.attribute("name") == Some(name)).unwrap()
}

fn child<'a>(case: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    case.children().find(|node| node.has_tag_name(name))
}

/// The cases that have anything to tell; several hundred others pass.
fn told(report: &Report) -> String {
    let text = rendered(report);
    let passes = |line: &&str| line.trim_start().starts_with("<testcase") && line.ends_with("</testcase>");
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let closes_an_empty_one = line.trim() == "</testcase>"
            && lines.last().is_some_and(|last| last.trim_start().starts_with("<testcase"));
        if closes_an_empty_one {
            lines.pop();
        } else if !passes(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[test]
fn the_report_as_junit_xml() {
    let counts = regex::Regex::new(r#" tests="\d+""#).unwrap();
    let told = told(&sample::san_server());
    insta::assert_snapshot!(counts.replace_all(&told, r#" tests="[N]""#));
}

#[test]
fn every_rule_is_a_case_on_each_target_that_it_is_for() {
    let text = rendered(&sample::healthy());
    let document = Document::parse(&text).unwrap();
    let kvm = TARGETS.iter().find(|target| target.name == "kvm").unwrap();
    for rule in RULES.rules().iter().filter(|rule| rule.on == Subject::System) {
        match &rule.targets {
            None => assert_eq!(
                case(&document, "system", &rule.id).attribute("classname"),
                Some("bootproof.system")
            ),
            Some(_) if rule.is_for(kvm) => {
                case(&document, "kvm", &rule.id);
            }
            Some(_) => {}
        }
    }
    let count = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
    assert_eq!((count("failure"), count("skipped")), (0, 0));
}

#[test]
fn findings_at_the_gate_fail_and_those_below_are_told() {
    let text = rendered(&sample::san_server());
    let document = Document::parse(&text).unwrap();
    let failure = child(case(&document, "kvm", "initrd-lacks-disk-driver"), "failure").unwrap();
    assert_eq!(failure.attribute("type"), Some("blocker"));
    assert!(failure.attribute("message").unwrap().ends_with("(and 1 more)"));
    assert!(failure.text().unwrap().contains("blocker at boot/grub/grub.conf:19:9"));
    let below = case(&document, "kvm", "resume-device-missing");
    assert!(child(below, "failure").is_none());
    assert!(
        child(below, "system-out").unwrap().text().unwrap().contains("medium at boot/grub/grub.conf:18:104")
    );
}

#[test]
fn what_could_not_be_decided_is_skipped() {
    let mut report = sample::san_server();
    let rule =
        RULES.rules().iter().find(|rule| rule.on == Subject::System && rule.targets.is_none()).unwrap();
    report.not_evaluated[0].rule.clone_from(&rule.id);
    let text = rendered(&report);
    let document = Document::parse(&text).unwrap();
    let skipped = child(case(&document, "system", &rule.id), "skipped").unwrap();
    assert_eq!(
        skipped.attribute("message"),
        Some("not evaluated; this would settle it: a readable `etc/crypttab`")
    );
}

#[test]
fn a_boot_that_the_gate_stops_is_a_failure() {
    let text = rendered(&sample::san_server());
    let document = Document::parse(&text).unwrap();
    let boot = |entry: &str, target: &str| case(&document, target, &format!("boot: CentOS ({entry})"));
    let message =
        child(boot("2.6.32-754.el6.x86_64", "kvm"), "failure").unwrap().attribute("message").unwrap();
    assert!(message.starts_with("does not boot: stops at disk-driver: "), "{message}");
    assert!(child(boot("2.6.32-696.el6.x86_64", "kvm"), "failure").is_none());
    assert!(child(boot("2.6.32-696.el6.x86_64", "kvm"), "system-out").is_some());
    assert!(child(boot("2.6.32-754.el6.x86_64", "vmware"), "skipped").is_some());
    assert!(child(boot("2.6.32-754.el6.x86_64", "same"), "failure").is_none());
}

#[test]
fn waived_and_known_findings_are_skipped_with_the_reason() {
    let text = rendered(&sample::set_aside());
    let document = Document::parse(&text).unwrap();
    let message = |suite: &str, rule: &str| {
        child(case(&document, suite, rule), "skipped").unwrap().attribute("message").unwrap().to_owned()
    };
    assert_eq!(
        message("kvm", "initrd-lacks-disk-driver"),
        "waived until 2027-06-30: replaced in June (bootproof.toml:3)"
    );
    assert_eq!(message("system", "tls-version-not-supported"), "known: the baseline has it");
}

#[test]
fn what_xml_cannot_hold_is_not_in_it() {
    for hostile in ["\u{0}\u{1}\u{b}\u{1b}[31m\u{ffff}\u{fffe}", "]]>", "<b a='\"'>&amp;"] {
        let text = rendered(&sample::with_everywhere(hostile));
        let forbidden =
            text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}'));
        assert_eq!(forbidden, None);
        assert!(Document::parse(&text).is_ok(), "{hostile:?}");
    }
}
