//! Comparisons of small systems, from the trees to the verdict.

use super::build::Compare;
use super::*;
use crate::changes::Side;
use crate::facts::Limits;
use crate::finding::Severity;
use crate::initrd::testing::Archive;
use crate::report::diff as render;
use crate::report::json::tests::deviations;
use crate::report::text::Colour;
use crate::rules::RuleSet;
use crate::source::memory::Memory;
use crate::target::select;

const GRUB: &str = "set default=0\nmenuentry 'Linux' {\n linux /boot/vmlinuz-6.1.0 root=/dev/vda1 ro\n}\n";
const FSTAB: &str = "/dev/vda1 / ext4 defaults 0 1\n";

fn system() -> Memory {
    Memory::new()
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n")
        .file("boot/grub/grub.cfg", GRUB)
        .file("boot/vmlinuz-6.1.0", "no kernel")
        .file("usr/bin/env", "")
        .file("etc/fstab", FSTAB)
}

fn compare(before: Memory, after: Memory, gate: Option<Severity>) -> DiffReport {
    let targets = select(&["kvm".to_owned()]).unwrap();
    let side = |memory: Memory| Side::read(memory.into_tree(), &Limits::default(), &targets);
    let rules = RuleSet::built_in().unwrap();
    let Compare { report, mistakes } =
        DiffReport::compare(&side(before), &side(after), &rules, &targets, gate);
    assert_eq!(mistakes, []);
    report
}

fn rules_of(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[test]
fn a_system_does_not_differ_from_itself() {
    let report = compare(system(), system(), Some(Severity::Info));
    assert!(report.findings.new.is_empty() && report.findings.gone.is_empty());
    assert!(report.findings.change.is_empty(), "{:?}", rules_of(&report.findings.change));
    assert!(report.findings.undecided.is_empty() && !report.findings.unchanged.is_empty());
    assert_eq!(report.verdict, Verdict::Pass);
    let text = render::text(&report, Colour::Plain);
    assert!(text.contains("Nothing that is compared differs."), "{text}");
}

#[test]
fn findings_survive_shifted_lines_and_only_new_ones_count() {
    let before =
        system().file("etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n");
    let after = system().file(
        "etc/fstab",
        "# mounts\n\n/dev/vda1 / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n/dev/sdc1 /more ext4 defaults 0 2\n",
    );
    let report = compare(before, after, Some(Severity::High));
    let at = |findings: &[Finding], rule: &str| -> Vec<Option<u32>> {
        findings.iter().filter(|finding| finding.rule == rule).map(|finding| finding.at.line).collect()
    };
    assert_eq!(at(&report.findings.unchanged, "fstab-kernel-name"), [Some(4)]);
    assert_eq!(at(&report.findings.new, "fstab-kernel-name"), [Some(5)]);
    assert!(report.findings.gone.is_empty(), "{:?}", rules_of(&report.findings.gone));
    assert_eq!(report.verdict, Verdict::Fail);
}

#[test]
fn what_a_poorer_input_cannot_say_is_neither_new_nor_gone() {
    let rich =
        system().file("etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n");
    let poor = Memory::new()
        .file("sos_commands/block/lsblk", "")
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    let report = compare(rich, poor, Some(Severity::Info));
    let lost = report.findings.gone.iter().filter(|finding| finding.at.path.as_ref() == "etc/fstab");
    assert_eq!(lost.count(), 0);
    assert!(report.findings.undecided.iter().any(|open| open.finding.rule == "fstab-kernel-name"));
    assert!(report.limits.iter().any(|limit| limit.contains("AFTER is a report")));
    let fstab = report.files.iter().find(|file| file.path == "etc/fstab").unwrap();
    assert_eq!((fstab.status, fstab.diff.as_ref()), (FileStatus::Unknown, None));
    assert!(report.boots.iter().all(|boot| boot.direction == BootDirection::NotComparable));
    assert!(render::text(&report, Colour::Plain).contains("-> not in the input"));
}

#[test]
fn files_are_shown_with_their_secrets_masked() {
    let before = system().file("etc/ppp/chap-secrets", "office PPTP hunter1 *\n");
    let after = system().file("etc/ppp/chap-secrets", "office PPTP hunter2 *\nhome PPTP hunter3 *\n");
    let report = compare(before, after, None);
    let whole = serde_json::to_string(&report).unwrap();
    assert!(!whole.contains("hunter"));
    let page = render::html(&report).unwrap();
    assert!(!page.contains("hunter") && page.contains("home PPTP ********"));
}

#[test]
fn the_report_is_as_its_schema_says() {
    let after =
        system().file("etc/fstab", "UUID=aa / ext4 defaults 0 1\n").file("etc/hosts", "127.0.0.1 a\n");
    let report = compare(system(), after, Some(Severity::High));
    assert!(!report.files.is_empty() && !report.boots.is_empty());
    let schema = serde_json::to_value(schemars::schema_for!(DiffReport)).unwrap();
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(deviations(&schema, &schema, &value, "diff"), [""; 0]);
    for name in
        ["schema", "tool", "before", "after", "targets", "findings", "boots", "files", "summary", "verdict"]
    {
        assert!(value.get(name).is_some(), "{name}");
    }
    for name in ["new", "gone", "unchanged", "change", "undecided"] {
        assert!(value["findings"].get(name).is_some(), "{name}");
    }
    for name in ["path", "status", "diff"] {
        assert!(value["files"][0].get(name).is_some(), "{name}");
    }
}

#[test]
fn hostile_systems_stay_on_their_lines() {
    let name = "evil\x1b[31m</pre><script>\u{202e}";
    let before = system().file("etc/hosts", "a\n");
    let after = system()
        .file("etc/hosts", format!("{name}\n```\n"))
        .file("boot/grub/grub.cfg", GRUB.replace("'Linux'", &format!("'{name}'")))
        .file(&format!("etc/modprobe.d/{}.conf", "x\u{1b}"), "blacklist a\n");
    let report = compare(before, after, None);
    let text = render::text(&report, Colour::Plain);
    let markdown = render::markdown(&report).unwrap();
    let page = render::html(&report).unwrap();
    for (shown, what) in [(&text, "text"), (&markdown, "Markdown"), (&page, "HTML")] {
        let bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert!(!shown.chars().any(bad), "{what}");
    }
    for own in ["<script", "<main>"] {
        assert_eq!(page.matches(own).count(), 1, "{own}");
    }
}

#[test]
fn a_comparison_reads_well() {
    let before = system().file("etc/sysctl.conf", "# forward\nnet.ipv4.ip_forward = 1\n");
    let after = system()
        .file("etc/sysctl.conf", "# forward\nnet.ipv4.ip_forward = 0\n")
        .file("etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n")
        .file("boot/grub/grub.cfg", GRUB.replace("/dev/vda1", "UUID=0a"));
    let report = compare(before, after, Some(Severity::High));
    let text = render::text(&report, Colour::Plain);
    assert!(text.contains("-net.ipv4.ip_forward = 1\n    +net.ipv4.ip_forward = 0"), "{text}");
    let wide = text.lines().filter(|line| line.chars().count() > 80 && !line.contains("fix")).count();
    assert_eq!(wide, 0, "{text}");
    assert!(text.contains("Verdict: fail"), "{text}");
    assert!(render::markdown(&report).unwrap().contains("```diff"));
}

#[test]
fn a_copy_inside_the_initrd_is_held_against_the_root() {
    let image = Archive::new()
        .file("init", "#!/bin/sh\n")
        .file("etc/multipath.conf", "defaults {\n\tfind_multipaths yes\n}\n")
        .finish();
    let menu = GRUB.replace(" ro\n", " ro\n initrd /boot/initrd.img-6.1.0\n");
    let with = |text: &str| {
        let system = system().file("boot/grub/grub.cfg", &menu).file("boot/initrd.img-6.1.0", &image);
        system.file("etc/multipath.conf", text)
    };
    let same = "defaults {\n\tfind_multipaths yes\n}\n";
    let other = "defaults {\n\tfind_multipaths no\n}\n";
    let report = compare(with(same), with(other), None);
    let copy = &report.initrd_copies[0];
    assert_eq!((copy.path.as_str(), copy.is_unchanged), ("etc/multipath.conf", false));
    let told = copy.diff.as_deref().unwrap();
    let expected = "--- boot/initrd.img-6.1.0:etc/multipath.conf\n+++ root:etc/multipath.conf\n@@ -1,3 +1,3 @@\n \
                    defaults {\n-\tfind_multipaths yes\n+\tfind_multipaths no\n }\n";
    assert_eq!(told, expected);
    assert!(rules_of(&report.findings.change).contains(&"initrd-not-rebuilt-after-change"));
    assert!(compare(with(other), with(other), None).initrd_copies[0].is_unchanged);
}
