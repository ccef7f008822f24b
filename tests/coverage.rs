//! What holds for all rules together: no boot fails in silence, and what this version promises to decide is decided.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; reads files of this repository"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bootproof::facts::{Facts, Limits};
use bootproof::finding::Severity;
use bootproof::rules::{Input, RuleSet};
use bootproof::simulate::{self, Outcome};
use bootproof::target;
use common::fixture;
use rayon::prelude::*;

/// Entries of the failure-mode catalogue and of the field notes that this version decides.
const DECIDED: &str = "A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A14 A16 A18 A19 A20 A21 A29 \
    B01 B02 B05 B06 B07 B09 B10 B14 C01 C02 C03 D01 D02 D12 D13 D14 D15 D17 E02 E03 E13 E23 G08 G09 H01 H02 \
    N1 N3 N4 N5 N8 N10";

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn folders_in(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

#[test]
fn every_promised_entry_has_a_rule_that_decides_it() {
    let rules = RuleSet::built_in().unwrap();
    let decided: BTreeSet<&str> =
        rules.rules().iter().flat_map(|rule| &rule.decides).map(String::as_str).collect();
    let missing: Vec<&str> = DECIDED.split_whitespace().filter(|entry| !decided.contains(entry)).collect();
    assert!(missing.is_empty(), "no rule decides {missing:?}");
}

#[test]
fn every_boot_that_fails_is_explained_by_a_finding() {
    let rules = RuleSet::built_in().unwrap();
    let targets = target::select(&["all".to_owned()]).unwrap();
    let fixtures = folders_in(&folder("testdata/rules")).into_iter().flat_map(|rule| folders_in(&rule));
    let roots = fixtures.map(|case| case.join("root")).chain(folders_in(&folder("testdata/systems")));
    // The systems of a rule on a change are `before` and `after`.
    let roots: Vec<PathBuf> = roots.filter(|root| root.exists()).collect();
    let silent: Vec<String> = roots
        .par_iter()
        .flat_map(|root| {
            let tree = fixture::tree(root);
            let facts = Facts::gather(&tree, &Limits::default());
            let boots = simulate::simulate(&facts, &targets);
            let input = Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree };
            let findings = rules.evaluate(&input).findings;
            let stops = boots.iter().filter(|boot| boot.default && boot.outcome == Outcome::Fails);
            let unexplained = stops.filter(|boot| {
                let about = |target: &Option<String>| target.as_ref().is_none_or(|name| *name == boot.target);
                !findings.iter().any(|finding| finding.severity <= Severity::High && about(&finding.target))
            });
            let said = unexplained.map(|boot| {
                let step = boot.steps.iter().find(|step| Some(step.step) == boot.failed_at);
                let detail = step.map_or("", |step| step.detail.as_str());
                format!("{} on {}: {detail}", root.display(), boot.target)
            });
            said.take(1).collect::<Vec<_>>()
        })
        .collect();
    assert!(silent.is_empty(), "\n{}", silent.join("\n"));
}
