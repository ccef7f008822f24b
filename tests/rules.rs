//! Every rule on systems that trip it and on near misses that do not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use bootproof::rules::RuleSet;
use bootproof::rules::fixture::Expectation;
use common::fixture;

fn rules() -> RuleSet {
    RuleSet::built_in().unwrap_or_else(|errors| {
        let drawn: Vec<String> = errors.iter().map(|error| error.draw(false)).collect();
        panic!("{}", drawn.join("\n"))
    })
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
    let mut wrong = Vec::new();
    for rule in rules.rules().iter().filter(|rule| wanted(&rule.id)) {
        for case in fixtures(&rule.id) {
            let said = format!("{}/{}", rule.id, name(&case));
            let text = fs::read_to_string(case.join("expect.yaml")).unwrap_or_default();
            match Expectation::parse(&text) {
                Ok(expectation) => {
                    let differences = expectation.check(&rules, &rule.id, &fixture::tree(&case.join("root")));
                    wrong.extend(differences.into_iter().map(|difference| format!("{said}: {difference}")));
                    let trips = name(&case).starts_with("trips");
                    if trips == expectation.findings.is_empty() {
                        wrong.push(format!("{said}: a trip expects findings, a near miss none"));
                    }
                }
                Err(error) => wrong.push(format!("{said}/expect.yaml: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
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
fn each_fixture_belongs_to_a_rule() {
    let rules = rules();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rules");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(rules.get(name(&path)).is_some(), "{} belongs to no rule", path.display());
    }
}
