//! What holds for all rules together: no boot fails in silence, and what this version promises to decide is decided.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; reads files of this repository"
)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bootproof::facts::{Facts, Limits};
use bootproof::finding::Severity;
use bootproof::rules::{Input, RuleSet};
use bootproof::simulate::{self, Outcome};
use bootproof::target;
use common::fixture;
use rayon::prelude::*;
use serde::Deserialize;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn folders_in(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// An entry of `rules/catalogue.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    what: String,
    /// What has to decide it, each; left out: any.
    #[serde(default)]
    by: Vec<Means>,
    /// The evidence that no file of a system has.
    #[serde(default)]
    missing: Option<String>,
    /// The command that would bring it.
    #[serde(default)]
    brought_by: Option<String>,
}

/// What can decide an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Means {
    /// A rule over one system.
    Check,
    /// A rule over a system before and after a change.
    Change,
    /// A signature of a console's log.
    Console,
}

impl Means {
    fn called(self) -> &'static str {
        match self {
            Self::Check => "rule",
            Self::Change => "change rule",
            Self::Console => "console signature",
        }
    }
}

/// What of a rule file or a signature counts here.
#[derive(Debug, Deserialize)]
struct Decider {
    id: String,
    #[serde(default)]
    decides: Vec<String>,
    /// `change`: a rule over two systems.
    #[serde(default)]
    on: Option<String>,
}

fn catalogue() -> Vec<Entry> {
    serde_saphyr::from_str(&fs::read_to_string(folder("rules/catalogue.yaml")).unwrap()).unwrap()
}

/// All rules and signatures under `rules/`: how each decides, and its path there.
fn deciders() -> Vec<(Means, String, Decider)> {
    let mut found = Vec::new();
    for subject in folders_in(&folder("rules")) {
        let name = subject.file_name().unwrap().to_string_lossy().into_owned();
        if ["targets", "data"].contains(&name.as_str()) {
            continue;
        }
        for file in files_in(&subject) {
            let decider: Decider = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let means = match decider.on.as_deref() {
                _ if name == "console" => Means::Console,
                Some("change") => Means::Change,
                _ => Means::Check,
            };
            let path = format!("{name}/{}", file.file_name().unwrap().to_string_lossy());
            found.push((means, path, decider));
        }
    }
    found.sort_by(|one, other| (one.0, &one.2.id).cmp(&(other.0, &other.2.id)));
    found
}

fn files_in(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

#[test]
fn every_entry_of_the_catalogue_is_decided_or_explained() {
    let deciders = deciders();
    let mut wrong = Vec::new();
    let mut decided_modes = 0;
    for Entry { id, what, by, missing, brought_by } in catalogue() {
        let means: BTreeSet<Means> = deciders
            .iter()
            .filter(|(_, _, own)| own.decides.contains(&id))
            .map(|(means, ..)| *means)
            .collect();
        decided_modes += usize::from(!id.starts_with('N') && means.contains(&Means::Check));
        match (means.is_empty(), missing, brought_by) {
            (true, Some(_), Some(_)) => {}
            (true, None, None) => wrong.push(format!("{id} ({what}) is neither decided nor explained")),
            (true, ..) => {
                wrong.push(format!("{id} has to say what is `missing`, and what it is `brought_by`"))
            }
            (false, None, None) => {}
            (false, ..) => wrong.push(format!("{id} is decided, and said to be undecidable")),
        }
        for wanted in by.iter().filter(|wanted| !means.contains(wanted)) {
            wrong.push(format!("{id} ({what}) has no {}", wanted.called()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(decided_modes >= 200, "only {decided_modes} of 215 failure modes are decided by rules");
}

#[test]
fn rules_decide_entries_that_exist() {
    let known: BTreeSet<String> = catalogue().into_iter().map(|entry| entry.id).collect();
    let unknown: Vec<String> = deciders()
        .into_iter()
        .flat_map(|(_, path, own)| own.decides.into_iter().map(move |entry| (path.clone(), entry)))
        .filter(|(_, entry)| !known.contains(entry))
        .map(|(path, entry)| format!("rules/{path} decides {entry}, which the catalogue does not have"))
        .collect();
    assert!(unknown.is_empty(), "\n{}", unknown.join("\n"));
}

/// `INSTA_UPDATE=always cargo test --test coverage` writes it anew.
#[test]
fn the_page_of_what_is_decided_is_up_to_date() {
    let path = folder("rules/COVERAGE.md");
    let page = page(&catalogue(), &deciders());
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "rules/COVERAGE.md is out of date: `INSTA_UPDATE=always cargo test --test coverage` writes it anew"
    );
}

/// The titles of the catalogue's sections, by the letter of their entries.
const SECTIONS: [(&str, &str); 9] = [
    ("A", "Initramfs and initrd"),
    ("B", "fstab, swap, crypttab, mounts"),
    ("C", "Kernel command line, boot loader, firmware"),
    ("D", "LVM, RAID, multipath, SAN"),
    ("E", "Network"),
    ("F", "Hypervisor tools, vendor agents, services"),
    ("G", "Storage controllers, processors, kernels"),
    ("H", "Cryptography, packages, file systems"),
    ("N", "What operators reported"),
];

fn page(catalogue: &[Entry], deciders: &[(Means, String, Decider)]) -> String {
    let links = |entry: &Entry| -> Vec<String> {
        let own = deciders.iter().filter(|(_, _, decider)| decider.decides.contains(&entry.id));
        own.map(|(_, path, decider)| format!("[{}]({path})", decider.id)).collect()
    };
    let modes: Vec<&Entry> = catalogue.iter().filter(|entry| !entry.id.starts_with('N')).collect();
    let decided = modes.iter().filter(|entry| !links(entry).is_empty()).count();
    let mut page = format!(
        "# What is decided\n\n{decided} of the {} failure modes of the catalogue are decided by rules, and each of the {} that \
         operators reported. This page is made from what the rules say under `decides:`; a test fails when it is out of \
         date, or when an entry is neither decided nor explained.\n",
        modes.len(),
        catalogue.len() - modes.len(),
    );
    for (letter, title) in SECTIONS {
        let _ = write!(page, "\n## {letter}. {title}\n\n| | what goes wrong | decided by |\n|---|---|---|\n");
        for entry in catalogue.iter().filter(|entry| entry.id.starts_with(letter)) {
            let by = match (&entry.missing, &entry.brought_by) {
                (Some(missing), Some(command)) => format!("no file: {missing}. `{command}` would bring it."),
                _ => links(entry).join(", "),
            };
            let _ = writeln!(page, "| {} | {} | {by} |", entry.id, entry.what);
        }
    }
    page
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
