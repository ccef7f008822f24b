//! Boots from power-on, recorded in QEMU with SeaBIOS, OVMF, GRUB, shim and systemd-boot, and predicted from what an input would
//! hold of each machine. `FIRMWARE_TRUTH` names another table of the same shape.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod common;
#[path = "../testdata/lab/firmware/replay.rs"]
mod replay;

use bootproof::facts::{Facts, Limits};
use bootproof::finding::Severity;
use bootproof::rules::{Input, RuleSet};
use bootproof::simulate::{Boot, Outcome, State, StepName, simulate};
use replay::Line;

/// The steps that may be the first to fail, by what the console showed.
fn allowed(class: &str) -> &'static [StepName] {
    use StepName::{DiskDriver, Firmware, Initrd, Kernel, Loader, RootDevice, RootFilesystem, StorageStack};
    match class {
        "no-boot-device" | "firmware-shell" => &[Firmware],
        "grub-rescue" => &[Firmware, Loader],
        "grub-error" => &[Loader, Kernel],
        "waits" => &[Loader, Kernel],
        "hang" => &[Firmware, Loader, Kernel],
        "panic" => &[Initrd, DiskDriver, StorageStack, RootDevice, RootFilesystem],
        "no-root" => &[DiskDriver, StorageStack, RootDevice],
        other => panic!("what `{other}` allows is not known"),
    }
}

#[expect(clippy::disallowed_methods, reason = "reads a file of this repository")]
fn table() -> Vec<Line> {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab/firmware/truth.jsonl");
    let path = std::env::var_os("FIRMWARE_TRUTH").map_or(own, Into::into);
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().map(|line| Line(serde_json::from_str(line).unwrap())).collect()
}

/// The boot of the entry that starts by itself, and what is wrong with the prediction.
fn compare(line: &Line, boot: &Boot) -> Option<String> {
    let was_ok = line.0["outcome"] == "ok";
    let class = line.0["cls"].as_str().unwrap();
    let right = match boot.failed_at {
        None => was_ok && boot.outcome == Outcome::Boots,
        Some(step) => !was_ok && allowed(class).contains(&step),
    };
    (!right).then(|| {
        let told: Vec<String> = boot
            .steps
            .iter()
            .filter(|step| step.state != State::Ok)
            .map(|step| format!("{}: {}", step.step.name(), step.detail))
            .collect();
        format!("{}: {} ({class}), predicted {:?} {told:#?}", line.id(), line.0["why"], boot.outcome)
    })
}

#[test]
fn every_recorded_boot_is_predicted_and_every_failure_has_a_finding() {
    let rules = RuleSet::built_in().unwrap();
    let lines = table();
    let mut wrong = Vec::new();
    for line in &lines {
        let tree = line.tree();
        let facts = Facts::gather(&tree, &Limits::default());
        let targets = [line.target()];
        let boots = simulate(&facts, &targets);
        let boot = boots.iter().find(|boot| boot.default).or(boots.first());
        let Some(boot) = boot else {
            wrong.push(format!("{}: no entry at all", line.id()));
            continue;
        };
        wrong.extend(compare(line, boot));
        let found = rules.evaluate(&Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree });
        let tells = found.findings.iter().any(|finding| finding.severity == Severity::Blocker);
        if boot.outcome == Outcome::Fails && !tells {
            let found: Vec<_> = found.findings.iter().map(|finding| &finding.rule).collect();
            wrong.push(format!(
                "{}: fails at {:?}, but no blocker tells: {found:?}",
                line.id(),
                boot.failed_at
            ));
        }
    }
    println!("{} boots, {} wrong", lines.len(), wrong.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
