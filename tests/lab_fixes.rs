//! The recorded cures of the lab: each system failed as predicted, `bootproof fix` mended it, and it came up.
//!
//! The systems themselves are too large to keep; that a remedy's edits take its finding away is asked of every rule's fixture.
//! This holds the table together with the rules that it names and with what the README says of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "helpers of tests, which read a table of this repository"
)]

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

/// One case.
#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    cause: String,
    system: String,
    generator: String,
    kernel: String,
    before: Stage,
    fix: Mended,
    after: Stage,
    cured: bool,
}

/// What was predicted and what happened, before or after.
#[derive(Debug, Deserialize)]
struct Stage {
    predicted: String,
    failed_at: Option<String>,
    findings: Vec<String>,
    boot: String,
}

/// What the fix did.
#[derive(Debug, Deserialize)]
struct Mended {
    patched: Vec<String>,
    built: Vec<String>,
    by_hand: Vec<String>,
    again: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn records() -> Vec<Record> {
    let table = std::fs::read_to_string(root().join("testdata/lab/fixes/truth.jsonl")).unwrap();
    table
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// The ids of the built-in rules, from the names of their files.
fn rules() -> BTreeSet<String> {
    let subjects = std::fs::read_dir(root().join("rules")).unwrap().map(|entry| entry.unwrap().path());
    let files = subjects.filter(|path| path.is_dir()).flat_map(|path| std::fs::read_dir(path).unwrap());
    files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn what_failed_as_predicted_came_up_after_the_fix() {
    for record in records() {
        let (before, after, id) = (&record.before, &record.after, &record.id);
        let failed = before.boot != "ok";
        assert_eq!(before.predicted == "fails", failed, "{id}: {before:?}");
        assert_eq!(before.failed_at.is_some(), failed, "{id}");
        let came_up = after.boot == "ok" && after.predicted == "boots" && after.failed_at.is_none();
        let is_clean = after.findings.is_empty() && record.fix.again == "the same";
        assert_eq!(record.cured, came_up && is_clean, "{id}: {after:?}");
        let did_something = !record.fix.patched.is_empty() || !record.fix.built.is_empty();
        assert!(did_something || !record.cured, "{id}");
    }
}

#[test]
fn cures_are_of_many_causes_and_of_both_generators() {
    let records = records();
    let cured: Vec<&Record> = records.iter().filter(|record| record.cured).collect();
    let count =
        |what: fn(&Record) -> &str| cured.iter().map(|record| what(record)).collect::<BTreeSet<_>>().len();
    assert!(cured.len() >= 34, "{} cured", cured.len());
    assert_eq!(count(|record| &record.generator), 2);
    assert!(count(|record| &record.kernel) >= 2);
    assert!(count(|record| &record.system) >= 5);
    assert!(count(|record| &record.cause) >= 26);
    assert_eq!(records.iter().map(|record| &record.id).collect::<BTreeSet<_>>().len(), records.len());
}

#[test]
fn rules_that_the_table_names_are_there() {
    let rules = rules();
    for record in records() {
        let named = [&record.before.findings, &record.after.findings, &record.fix.by_hand];
        for rule in named.into_iter().flatten() {
            assert!(rules.contains(rule), "{}: {rule}", record.id);
        }
        for path in &record.fix.patched {
            assert!(!path.starts_with('/') && !path.contains(".."), "{}: {path}", record.id);
        }
    }
}
