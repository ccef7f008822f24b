//! Each signature has a log that shows it and a near miss that does not; whole logs name their cause first.
//!
//! `BOOTPROOF_CONSOLE=rules` reads the signatures from a folder instead of the program. `TRIAGE_CONSOLES` names a folder of
//! consoles `ID.log`, and `TRIAGE_TRUTH` a table of their boots in the shape of `testdata/lab/main/truth.jsonl`: they are
//! scored beside our own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bootproof::report::text::Colour;
use bootproof::report::triage as render;
use bootproof::rules::RuleSet;
use bootproof::triage::{Role, Signatures, Step, Triage, triage};

fn signatures() -> Signatures {
    match std::env::var_os("BOOTPROOF_CONSOLE") {
        Some(folder) => Signatures::of_folder(Path::new(&folder)).unwrap(),
        None => Signatures::load(&[]).unwrap(),
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[expect(clippy::disallowed_methods, reason = "reads files of this repository")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "reads files of this repository")]
fn logs_in(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    paths
}

fn of_text(text: &[u8], signatures: &Signatures) -> Triage {
    let triage = triage(text, "console.log", signatures).unwrap();
    assert_eq!(triage.mistakes, [""; 0]);
    triage
}

/// The ids of all that was found, causes first.
fn found(triage: &Triage) -> Vec<&str> {
    let events = triage.chains.iter().flat_map(|chain| chain.cause.iter().chain(&chain.followed));
    events.map(|event| event.signature.as_str()).collect()
}

#[test]
fn each_signature_has_a_log_that_shows_it_and_a_near_miss() {
    let signatures = signatures();
    let mut wrong = Vec::new();
    for signature in signatures.list() {
        let own = folder("testdata/console").join(&signature.id);
        let logs = logs_in(&own);
        for (kind, shows) in [("trips", true), ("near-miss", false)] {
            let of_kind: Vec<&PathBuf> = logs
                .iter()
                .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(kind))
                .collect();
            if of_kind.is_empty() {
                wrong.push(format!("{}: no {kind}.log", signature.id));
            }
            for path in of_kind {
                let triage = of_text(&read(path), &signatures);
                let is_found = found(&triage).contains(&signature.id.as_str());
                let is_first = triage.first_cause().is_none_or(|cause| cause.signature == signature.id);
                if is_found != shows {
                    wrong.push(format!("{}: {kind} gives {:?}", signature.id, found(&triage)));
                } else if shows && signature.role == Role::Cause && !is_first {
                    wrong.push(format!("{}: is not the first cause of {:?}", signature.id, found(&triage)));
                }
                for event in triage.chains.iter().flat_map(|chain| chain.cause.iter().chain(&chain.followed))
                {
                    let sentence = &event.means;
                    let reads_well = sentence.ends_with(['.', ')'])
                        && !sentence.contains("``")
                        && !sentence.contains("  ");
                    if event.signature == signature.id && !reads_well {
                        wrong.push(format!("{}: {kind} reads badly: {sentence}", signature.id));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_rules_that_signatures_name_exist() {
    let rules = RuleSet::built_in().unwrap();
    let signatures = signatures();
    let named = signatures
        .list()
        .iter()
        .flat_map(|signature| signature.rules.iter().map(move |rule| (&signature.id, rule)));
    let unknown: Vec<_> = named.filter(|(_, rule)| rules.get(rule).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn the_field_notes_of_consoles_are_decided() {
    let signatures = signatures();
    let decided: Vec<&str> =
        signatures.list().iter().flat_map(|signature| signature.decides.iter().map(String::as_str)).collect();
    for note in ["N2", "N6", "N9", "N11", "N14", "N15", "N16", "N17", "N18", "N21", "N23"] {
        assert!(decided.contains(&note), "{note}");
    }
}

/// The steps that the cause of a recorded boot may belong to, by what its console showed.
fn allowed(class: &str) -> &'static [Step] {
    use Step::{DiskDriver, Init, Initrd, Kernel, Loader, Mounts, RootDevice, RootFilesystem, StorageStack};
    match class {
        // A separate /usr is mounted by the initrd, from a line of fstab.
        "no-device" | "timeout" => &[Initrd, DiskDriver, StorageStack, RootDevice, Mounts],
        "mount-failed" => &[StorageStack, RootFilesystem],
        "no-init" | "hang" => &[Initrd, RootDevice, RootFilesystem, Init],
        "switch-root-failed" => &[RootDevice, RootFilesystem, Init],
        "unpack-failed" | "init-killed" | "panic" => &[Initrd, Init],
        "kernel-no-root" => &[Loader, Initrd, DiskDriver, RootDevice],
        "oom" => &[Kernel, Initrd],
        "passphrase" => &[StorageStack],
        "shell" | "emergency" => &[Initrd, StorageStack, RootDevice],
        other => panic!("what `{other}` allows is not known"),
    }
}

/// Scores the consoles of `logs` against the table `truth`; the lines that are wrong.
fn score(logs: &Path, truth: &Path, signatures: &Signatures) -> (usize, Vec<String>) {
    let table = String::from_utf8(read(truth)).unwrap();
    let rows: BTreeMap<String, serde_json::Value> = table
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| (row["id"].as_str().unwrap().to_owned(), row))
        .collect();
    let mut wrong = Vec::new();
    let mut all = 0;
    for path in logs_in(logs) {
        let id = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some(row) = rows.get(&id) else { continue };
        let triage = of_text(&read(&path), signatures);
        all += 1;
        let class = row["cls"].as_str().unwrap();
        let cause = triage.first_cause();
        let is_right = match cause {
            Some(cause) => row["outcome"] != "ok" && allowed(class).contains(&cause.step),
            None => row["outcome"] == "ok" && triage.chains.iter().all(|chain| !chain.stops),
        };
        let told =
            cause.map_or_else(|| format!("no cause {:?}", found(&triage)), |cause| cause.signature.clone());
        if std::env::var_os("TRIAGE_TABLE").is_some() {
            eprintln!("{}\t{id}\t{class}\t{told}", if is_right { "right" } else { "WRONG" });
        }
        if !is_right {
            wrong.push(format!("{id} ({class}): {told}"));
        }
    }
    (all, wrong)
}

#[test]
fn recorded_boots_have_their_cause_first() {
    let signatures = signatures();
    let (all, wrong) =
        score(&folder("testdata/lab/main/consoles"), &folder("testdata/lab/main/truth.jsonl"), &signatures);
    assert!(wrong.is_empty(), "{} of {all} wrong:\n{}", wrong.len(), wrong.join("\n"));
    if let (Some(logs), Some(truth)) = (std::env::var_os("TRIAGE_CONSOLES"), std::env::var_os("TRIAGE_TRUTH"))
    {
        let (all, wrong) = score(Path::new(&logs), Path::new(&truth), &signatures);
        eprintln!("{} of {all} right", all - wrong.len());
        assert!(wrong.is_empty(), "{} of {all} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

#[test]
fn no_line_of_the_report_is_wider_than_a_terminal() {
    let signatures = signatures();
    for signature in signatures.list() {
        let path = folder("testdata/console").join(&signature.id).join("trips.log");
        let triage = of_text(&read(&path), &signatures);
        let text = render::text(&triage, Colour::Plain);
        // Commands are not broken: they are copied.
        let is_command = |line: &str| {
            line.trim_start().starts_with(|c: char| c.is_ascii_digit()) || line.starts_with("     ")
        };
        for line in text.lines().filter(|line| !is_command(line)) {
            assert!(line.chars().count() <= 80 || !line.contains(' '), "{}: {line}", signature.id);
        }
        render::markdown(&triage).unwrap();
        let page = render::html(&triage).unwrap();
        assert!(!page.contains("<script") && page.contains("</html>"));
        serde_json::from_str::<serde_json::Value>(&render::to_json(&triage).unwrap()).unwrap();
    }
}
