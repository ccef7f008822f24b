//! Every rule on systems that trip it and on near misses that do not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use bootproof::rules::fixture::Expectation;
use bootproof::rules::{Rule, RuleError, RuleSet, Subject};
use common::fixture;
use rayon::prelude::*;

/// The built-in rules. `BOOTPROOF_RULES=rules` reads them from the folder instead, so that a rule that is being written
/// is tried without building the program anew.
fn rules() -> RuleSet {
    let loaded = match std::env::var_os("BOOTPROOF_RULES") {
        None => RuleSet::built_in(),
        Some(folder) => from_folder(Path::new(&folder)),
    };
    loaded.unwrap_or_else(|errors| {
        let drawn: Vec<String> = errors.iter().map(|error| error.draw(false)).collect();
        panic!("{}", drawn.join("\n"))
    })
}

/// The rules of each subject below `folder`; platforms and log signatures are no rules.
fn from_folder(folder: &Path) -> Result<RuleSet, Vec<RuleError>> {
    let mut rules = RuleSet::empty()?;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !["targets", "console", "data"].contains(&name(&path)) {
            rules.load_dir(&path)?;
        }
    }
    Ok(rules)
}

fn fixtures(rule: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rules").join(rule);
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let mut cases: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// `BOOTPROOF_RULE=part-of-an-id` runs the fixtures of some rules alone.
fn wanted(rule: &str) -> bool {
    std::env::var("BOOTPROOF_RULE").map_or(true, |part| rule.contains(&part))
}

#[test]
fn each_rule_finds_what_trips_it_and_passes_near_misses() {
    let rules = rules();
    let wanted = rules.rules().iter().filter(|rule| wanted(&rule.id));
    let cases: Vec<(&Rule, PathBuf)> =
        wanted.flat_map(|rule| fixtures(&rule.id).into_iter().map(move |case| (rule, case))).collect();
    let wrong: Vec<String> =
        cases.par_iter().flat_map(|(rule, case)| differences(&rules, rule, case)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with one fixture, each with its name.
fn differences(rules: &RuleSet, rule: &Rule, case: &Path) -> Vec<String> {
    let said = format!("{}/{}", rule.id, name(case));
    let expectation = fs::read_to_string(case.join("expect.yaml")).map_err(|error| error.to_string());
    let expectation = match expectation.and_then(|text| Expectation::parse(&text)) {
        Ok(expectation) => expectation,
        Err(error) => return vec![format!("{said}/expect.yaml: {error}")],
    };
    let tree = |folder: &str| fixture::tree(&case.join(folder));
    let mut wrong = match rule.on {
        Subject::System => expectation.check(rules, &rule.id, &tree("root")),
        Subject::Change => expectation.check_change(rules, &rule.id, tree("before"), tree("after")),
    };
    if name(case).starts_with("trips") == expectation.findings.is_empty() {
        wrong.push("a trip expects findings, a near miss none".to_owned());
    }
    wrong.into_iter().map(|difference| format!("{said}: {difference}")).collect()
}

#[test]
fn each_rule_has_a_trip_and_a_near_miss() {
    let mut missing = Vec::new();
    for rule in rules().rules().iter().filter(|rule| wanted(&rule.id)) {
        let cases = fixtures(&rule.id);
        for kind in ["trips", "near-miss"] {
            if !cases.iter().any(|case| name(case).starts_with(kind)) {
                missing.push(format!("testdata/rules/{}/{kind}", rule.id));
            }
        }
        for case in cases
            .iter()
            .filter(|case| !["trips", "near-miss"].iter().any(|kind| name(case).starts_with(kind)))
        {
            missing.push(format!("{}: neither `trips...` nor `near-miss...`", case.display()));
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn each_rule_says_how_to_see_it_oneself() {
    let rules = rules();
    let silent: Vec<&str> =
        rules.rules().iter().filter(|rule| rule.see.is_none()).map(|rule| rule.id.as_str()).collect();
    assert!(silent.is_empty(), "without `see`: {}", silent.join(", "));
}

#[test]
fn each_fixture_belongs_to_a_rule() {
    let rules = rules();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rules");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(rules.get(name(&path)).is_some(), "{} belongs to no rule", path.display());
    }
}

/// An id is a promise: waivers, tickets and the catalogue name it. A rule that goes takes its id with it, and a new
/// one is added here on purpose.
#[test]
fn the_ids_of_rules_are_these() {
    let rules = rules();
    let ids: Vec<&str> = rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    insta::assert_snapshot!(ids.join("\n"));
}
