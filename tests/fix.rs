//! What `bootproof fix` plans mends what was found: on every fixture of a rule, with its patches, and with its script.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bootproof::facts::{Facts, Limits};
use bootproof::finding::{Finding, Fix};
use bootproof::fix::{self, FileKind, Plan};
use bootproof::rules::fixture::Expectation;
use bootproof::rules::{Input, Rule, RuleSet, Subject};
use bootproof::simulate::simulate;
use bootproof::source::Tree;
use bootproof::target::{Target, select};
use common::fixture::{self, Piece};
use rayon::prelude::*;

/// Rules whose finding stays although its edit was made, and why.
const STAYS: &[(&str, &str)] = &[];

/// A fixture that trips its rule.
struct Case {
    name: String,
    pieces: BTreeMap<String, Piece>,
    targets: Vec<Target>,
}

/// All fixtures that trip a rule on one system.
fn cases(rules: &RuleSet) -> Vec<(&Rule, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rules");
    let on_system = rules.rules().iter().filter(|rule| rule.on == Subject::System);
    on_system
        .flat_map(|rule| trips(&folder.join(&rule.id)).into_iter().map(move |case| (rule, case)))
        .collect()
}

fn trips(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let tripping = paths.into_iter().filter(|path| name(path).starts_with("trips"));
    tripping
        .map(|path| {
            let expected =
                Expectation::parse(&fs::read_to_string(path.join("expect.yaml")).unwrap()).unwrap();
            let wanted = if expected.targets.is_empty() { vec!["same".to_owned()] } else { expected.targets };
            Case {
                name: format!("{}/{}", name(folder), name(&path)),
                pieces: fixture::pieces(&path.join("root")),
                targets: select(&wanted).unwrap(),
            }
        })
        .collect()
}

/// What one rule finds, and the plan that mends it.
fn planned(
    rules: &RuleSet,
    rule: &str,
    pieces: &BTreeMap<String, Piece>,
    targets: &[Target],
) -> (Vec<Finding>, Plan) {
    let tree: Tree = fixture::tree_of(pieces.clone());
    let facts = Facts::gather(&tree, &Limits::default());
    let boots = simulate(&facts, targets);
    let input = Input { facts: &facts, targets, boots: &boots, tree: &tree };
    let findings = rules.evaluate_only(rule, &input).findings;
    let plan = fix::plan(&input, &findings);
    (findings, plan)
}

/// The pieces with the plan's edits made.
fn edited(mut pieces: BTreeMap<String, Piece>, plan: &Plan) -> BTreeMap<String, Piece> {
    for file in &plan.files {
        match &file.bytes {
            Some(bytes) => pieces.insert(file.path.clone(), Piece::File(bytes.clone())),
            None => pieces.remove(&file.path),
        };
    }
    pieces
}

/// Whether the edits of its remedy are all that a finding takes.
fn is_mended_by_edits(finding: &Finding) -> bool {
    let is_edit = |fix: &Fix| {
        matches!(fix, Fix::Replace { .. } | Fix::Append { .. } | Fix::Remove { .. } | Fix::Cmdline { .. })
    };
    let needs_more = |fix: &Fix| matches!(fix, Fix::Command { .. } | Fix::Rebuild { .. });
    finding.fix.iter().any(is_edit) && !finding.fix.iter().any(needs_more)
}

#[test]
fn edits_make_their_findings_go_away() {
    let rules = RuleSet::built_in().unwrap();
    let stays = |rule: &Rule, case: &Case| -> Option<String> {
        let (findings, plan) = planned(&rules, &rule.id, &case.pieces, &case.targets);
        if !findings.iter().any(is_mended_by_edits) {
            return None;
        }
        let (left, _) = planned(&rules, &rule.id, &edited(case.pieces.clone(), &plan), &case.targets);
        let is_left = |finding: &&Finding| {
            is_mended_by_edits(finding)
                && left.iter().any(|left| left.message == finding.message && left.at == finding.at)
        };
        let by_hand: Vec<_> = plan.by_hand.iter().filter_map(|step| step.text.as_deref()).collect();
        let found = findings.iter().find(is_left)?;
        Some(format!("{}: {} ({})", case.name, found.message, by_hand.join(" / ")))
    };
    let all = cases(&rules);
    let mended = all.par_iter().filter(|(rule, _)| !STAYS.iter().any(|(id, _)| *id == rule.id));
    let wrong: Vec<String> = mended.filter_map(|(rule, case)| stays(rule, case)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Writes the pieces to a folder, as far as edits touch them.
fn write(pieces: &BTreeMap<String, Piece>, root: &Path) {
    fs::create_dir_all(root.join("etc")).unwrap();
    for (path, piece) in pieces {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match piece {
            Piece::File(bytes) | Piece::NewerFile(bytes) => fs::write(path, bytes).unwrap(),
            Piece::Link(to) => symlink(to, path).unwrap(),
            Piece::Folder => fs::create_dir_all(path).unwrap(),
            Piece::Fifo => {}
        }
    }
}

/// The plans of all fixtures that change files.
fn plans() -> Vec<(Case, Plan)> {
    let rules = RuleSet::built_in().unwrap();
    let planned_case = |(rule, case): (&Rule, Case)| {
        let (_, plan) = planned(&rules, &rule.id, &case.pieces, &case.targets);
        (!plan.files.is_empty()).then_some((case, plan))
    };
    cases(&rules).into_par_iter().filter_map(planned_case).collect()
}

/// What differs between the files of `root` and those that the plan wants.
fn differences(plan: &Plan, root: &Path, case: &Case) -> Vec<String> {
    let differs = |file: &&fix::FileChange| match (fs::read(root.join(&file.real)), &file.bytes) {
        (Ok(found), Some(wanted)) => found != *wanted,
        (Err(_), None) => root.join(&file.real).is_symlink(),
        _ => true,
    };
    plan.files.iter().filter(differs).map(|file| format!("{}: {}", case.name, file.path)).collect()
}

#[test]
fn patch_takes_every_patch() {
    let is_there =
        Command::new("patch").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there && std::env::var_os("CI_HAS_PATCH").is_none() {
        return;
    }
    let all = plans();
    assert!(all.len() > 50, "only {} fixtures change files", all.len());
    let wrong = |(case, plan): &(Case, Plan)| -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        write(&case.pieces, root.path());
        let mut wrong = Vec::new();
        for file in plan.files.iter().filter(|file| file.swaps.is_empty()) {
            let Some(bytes) = &file.patch_bytes else {
                assert_eq!(file.kind, FileKind::Remove, "{}: {}", case.name, file.path);
                fs::remove_file(root.path().join(&file.real)).unwrap();
                continue;
            };
            let patch = root.path().join("the.patch");
            fs::write(&patch, bytes).unwrap();
            for arguments in [&["--dry-run"][..], &[]] {
                let output = Command::new("patch")
                    .args(["-p1", "--batch", "--silent", "-i", "the.patch"])
                    .args(arguments)
                    .current_dir(root.path())
                    .output()
                    .unwrap();
                if !output.status.success() {
                    wrong.push(format!("{}: {}: {}", case.name, file.path, said(&output)));
                }
            }
        }
        wrong.extend(differences(plan, root.path(), case));
        wrong
    };
    let wrong: Vec<String> = all.par_iter().flat_map(wrong).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Programs of a system that only note that they were called; `chroot` runs the next ones of the same folder.
fn fake_tools(folder: &Path, tools: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    for (name, body) in tools {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Runs a script on `root` with the fake tools first.
fn run_script(shell: &[&str], script: &Path, root: &Path, tools: &Path) -> Output {
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let (program, arguments) = shell.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(script).arg(root).env("PATH", path).env("LOG", tools.join("log"));
    command.output().unwrap()
}

/// The shells that are here, of those that the script is for.
fn shells() -> Vec<Vec<&'static str>> {
    let known: [&[&str]; 4] = [&["sh"], &["dash"], &["bash"], &["busybox", "ash"]];
    let is_there = |shell: &&[&str]| {
        let (program, arguments) = shell.split_first().unwrap();
        Command::new(program)
            .args(arguments)
            .args(["-c", "exit 0"])
            .output()
            .is_ok_and(|done| done.status.success())
    };
    known.into_iter().filter(is_there).map(<[&str]>::to_vec).collect()
}

#[test]
fn the_script_makes_every_edit_and_recognises_it_afterwards() {
    let shells = shells();
    let work = tempfile::tempdir().unwrap();
    fake_tools(&work.path().join("tools"), &[("mount", ""), ("umount", "")]);
    let wrong = |(number, (case, mut plan)): (usize, (Case, Plan))| -> Vec<String> {
        plan.rebuilds.clear();
        plan.commands.clear();
        let folder = work.path().join(number.to_string());
        let (root, script) = (folder.join("root"), folder.join("fix.sh"));
        write(&case.pieces, &root);
        fs::write(&script, fix::script(&plan)).unwrap();
        let shell = &shells[number % shells.len()];
        let mut wrong = Vec::new();
        for run in 1..=2 {
            let output = run_script(shell, &script, &root, &work.path().join("tools"));
            let again = run == 2
                && ["edited", "made", "removed"]
                    .iter()
                    .any(|word| said(&output).contains(&format!("{word}: /")));
            if !output.status.success() || again {
                wrong.push(format!("{} with {shell:?}, run {run}: {}", case.name, said(&output)));
            }
            wrong.extend(differences(&plan, &root, &case));
        }
        wrong
    };
    let wrong: Vec<String> = plans().into_par_iter().enumerate().flat_map(wrong).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn bootproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bootproof"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// A copy of a system under testdata.
fn copied(system: &str, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems").join(system);
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

#[test]
fn plans_of_whole_systems() {
    for (system, target) in
        [("centos6-san-server", "kvm"), ("debian12-vm", "vmware"), ("rhel9-lvm-devicesfile", "kvm")]
    {
        let output = bootproof(&["fix", &format!("testdata/systems/{system}"), "--target", target]);
        assert_eq!(output.status.code(), Some(0));
        insta::assert_snapshot!(format!("plan-{system}"), String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn files_are_written_into_the_folder_and_nowhere_else() {
    let work = tempfile::tempdir().unwrap();
    let (system, out) = (work.path().join("system"), work.path().join("out"));
    copied("centos6-san-server", &system);
    let arguments = |out: &Path| {
        ["fix", system.to_str().unwrap(), "-t", "kvm", "-o", out.to_str().unwrap()].map(str::to_owned)
    };
    let run = |out: &Path| bootproof(&arguments(out).each_ref().map(String::as_str));
    for _ in 0..2 {
        let output = run(&out);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    let mut names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.iter().any(|name| name.ends_with("-etc-fstab.patch")), "{names:?}");
    assert!(names.contains(&"fix.sh".to_owned()) && names.contains(&"README.md".to_owned()));
    let refused = run(&system.join("root/mend"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("which is only read"), "{}", said(&refused));
    assert!(!system.join("root").exists());
    let foreign = work.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("README.md"), "mine\n").unwrap();
    let refused = run(&foreign);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("not of an earlier run"), "{}", said(&refused));
    assert_eq!(fs::read_to_string(foreign.join("README.md")).unwrap(), "mine\n");
}

/// A dracut that writes its arguments into the image, and an lsinitrd that lists it.
const DRACUT: [(&str, &str); 6] = [
    ("mount", "echo mount $* >> $LOG"),
    ("umount", "echo umount $* >> $LOG"),
    ("chroot", "root=$1; shift; export root; echo chroot $3 >> $LOG; exec \"$@\""),
    (
        "dracut",
        "[ -z \"$FAIL\" ] || exit 1\nwhile [ $# -gt 2 ]; do drivers=$1; shift; done\nprintf '%s\\n' $drivers >\"$root$1\"",
    ),
    ("lsinitrd", "sed 's,.*,kernel/&.ko,' \"$root$1\"; [ -z \"$LACKS\" ] || true"),
    ("chkconfig", "echo chkconfig $* >> $LOG"),
];

/// The script for a system under testdata, in a folder beside a copy of that system, with tools that pretend.
fn rescue(work: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let (root, out, tools) = (work.join("system"), work.join("out"), work.join("tools"));
    copied("centos6-san-server", &root);
    fake_tools(&tools, &DRACUT);
    let output = bootproof(&["fix", root.to_str().unwrap(), "-t", "kvm", "-o", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for release in ["2.6.32-754.el6.x86_64", "2.6.32-642.el6.x86_64"] {
        fs::create_dir_all(root.join("lib/modules").join(release)).unwrap();
    }
    (root, out.join("fix.sh"), tools)
}

#[test]
fn the_script_rebuilds_initrds_and_keeps_the_old_ones() {
    let work = tempfile::tempdir().unwrap();
    let (root, script, tools) = rescue(work.path());
    let image = root.join("boot/initramfs-2.6.32-754.el6.x86_64.img");
    let before = fs::read(&image).unwrap();
    for _ in 0..2 {
        let output = run_script(&["sh"], &script, &root, &tools);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("has now: virtio_pci virtio_blk"), "{}", said(&output));
        let kept = root.join("boot/before-bootproof/initramfs-2.6.32-754.el6.x86_64.img");
        assert_eq!(fs::read(kept).unwrap(), before);
        assert_ne!(fs::read(&image).unwrap(), before);
    }
    let fstab = fs::read_to_string(root.join("etc/fstab")).unwrap();
    assert!(fstab.contains("UUID=") && !fstab.contains("/dev/sdc1"));
    assert!(
        fs::read_to_string(root.join("var/lib/bootproof/before/etc/fstab")).unwrap().contains("/dev/sdc1")
    );
}

#[test]
fn the_script_stops_at_the_first_error_and_puts_the_old_initrd_back() {
    let work = tempfile::tempdir().unwrap();
    let (root, script, tools) = rescue(work.path());
    let image = root.join("boot/initramfs-2.6.32-754.el6.x86_64.img");
    let before = fs::read(&image).unwrap();
    fake_tools(
        &tools,
        &[("dracut", "echo half > \"$root/boot/initramfs-2.6.32-754.el6.x86_64.img\"; exit 1")],
    );
    let output = run_script(&["sh"], &script, &root, &tools);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("the old image is in its place"), "{}", said(&output));
    assert_eq!(fs::read(&image).unwrap(), before);
    fake_tools(
        &tools,
        &[(
            "dracut",
            "for image; do :; done; for word; do case $word in /boot/*) echo other > \"$root$word\";; esac; done",
        )],
    );
    let output = run_script(&["sh"], &script, &root, &tools);
    assert!(said(&output).contains("lacks virtio_pci"), "{}", said(&output));
    assert_eq!(fs::read(&image).unwrap(), before);
}

#[test]
fn the_script_changes_nothing_where_a_file_is_not_as_it_was() {
    let work = tempfile::tempdir().unwrap();
    let (root, script, tools) = rescue(work.path());
    let grub = fs::read(root.join("boot/grub/grub.conf")).unwrap();
    fs::write(root.join("etc/fstab"), "UUID=1 / ext4 defaults 1 1\n").unwrap();
    let output = run_script(&["sh"], &script, &root, &tools);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("/etc/fstab is not as it was when bootproof read it"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::read(root.join("boot/grub/grub.conf")).unwrap(), grub);
    assert!(!root.join("var/lib/bootproof").exists());
}
