//! Each signature has a log that shows it and a near miss that does not; whole logs name their cause first.
//!
//! `BOOTPROOF_CONSOLE=rules` reads the signatures from a folder instead of the program. `TRIAGE_CONSOLES` names a folder of
//! consoles `ID.log`, and `TRIAGE_TRUTH` a table of their boots in the shape of `testdata/lab/main/truth.jsonl`: they are
//! scored beside our own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

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
        assert!(page.matches("<script").count() == 1 && page.contains("</html>"));
        serde_json::from_str::<serde_json::Value>(&render::to_json(&triage).unwrap()).unwrap();
    }
}

/// What an old physical server's initrd says on a virtual machine whose disk controller it has no driver for.
const SAN_SERVER: &str = "\
Linux version 2.6.18-398.el5 (mockbuild@builder.example.com) (gcc version 4.1.2 (Red Hat 4.1.2-55)) #1 SMP
Command line: ro root=/dev/VolGroup00/LogVol00 rhgb quiet
Red Hat nash version 5.1.19.6 starting
Loading scsi_mod.ko module
Loading qla2xxx.ko module
Scanning and configuring dmraid supported devices
No device found
  Reading all physical volumes.  This may take a while...
  No volume groups found
  Volume group \"VolGroup00\" not found
Unable to access resume device (/dev/VolGroup00/LogVol01)
mount: could not find filesystem '/dev/root'
setuproot: moving /dev failed: No such file or directory
no fstab.sys, mounting internal defaults
setuproot: error mounting /proc: No such file or directory
switchroot: mount failed: No such file or directory
Kernel panic - not syncing: Attempted to kill init!
";

#[test]
fn the_first_cause_of_an_old_server_is_the_missing_driver_and_not_the_panic() {
    let triage = of_text(SAN_SERVER.as_bytes(), &signatures());
    assert_eq!(
        found(&triage),
        [
            "no-disk-appeared",
            "nash-no-device",
            "nash-no-volume-groups",
            "lvm-group-missing",
            "resume-device-missing",
            "nash-root-not-mounted",
            "nash-setuproot-failed",
            "switch-root-failed",
            "kernel-panic-init-killed",
        ]
    );
    let cause = triage.first_cause().unwrap();
    assert!(cause.is_inferred && cause.unsaid.is_some());
    assert_eq!(cause.rules[0], "initrd-missing-disk-driver");
    let text = render::text(&triage, Colour::Plain);
    assert!(text.contains("mkinitrd -f"), "{text}");
}

/// A way in which a log is spoilt before it comes to us.
type Noise = fn(&str) -> String;

#[test]
fn noise_does_not_change_what_is_found() {
    let noises: [(&str, Noise); 8] = [
        ("carriage returns", |line| format!("{line}\r")),
        ("NULs", |line| format!("\0\0{line}\0")),
        ("colours", |line| format!("\u{1b}[0;1;31m{line}\u{1b}[0m")),
        ("cursor movement", |line| format!("\u{1b}[12;1H{line}\u{1b}[K")),
        ("a window title", |line| format!("\u{1b}]0;console\u{7}{line}")),
        ("syslog", |line| format!("Nov 20 04:50:50 db1 kernel: {line}")),
        ("a level", |line| format!("<4>{line}")),
        ("a journal in JSON", |line| {
            serde_json::json!({"MESSAGE": line, "SYSLOG_IDENTIFIER": "kernel"}).to_string()
        }),
    ];
    let signatures = signatures();
    let mut wrong = Vec::new();
    for signature in signatures.list() {
        let path = folder("testdata/console").join(&signature.id).join("trips.log");
        let text = String::from_utf8(read(&path)).unwrap();
        let plain = of_text(text.as_bytes(), &signatures);
        for (name, noise) in noises {
            let noisy: String = text.lines().flat_map(|line| [noise(line), "\n".to_owned()]).collect();
            let noisy = of_text(noisy.as_bytes(), &signatures);
            if found(&noisy) != found(&plain) {
                wrong.push(format!(
                    "{} with {name}: {:?}, not {:?}",
                    signature.id,
                    found(&noisy),
                    found(&plain)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn of_several_boots_the_last_one_that_failed_is_told() {
    let good = "[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP\n\
                [    9.000000] systemd[1]: Startup finished in 2s (kernel) + 7s (userspace) = 9s.\n";
    let bad = "[    0.000000] Linux version 6.1.0-17-amd64 (debian-kernel@lists.debian.org) #1 SMP\n\
               [    2.000000] Run /init as init process\n\
               ALERT!  /dev/sda1 does not exist.  Dropping to a shell!\n";
    let triage = of_text(format!("{good}{bad}{good}").as_bytes(), &signatures());
    assert_eq!((triage.boots.len(), triage.boot), (3, 1));
    assert_eq!((triage.log.from_line, triage.log.to_line), (3, 5));
    assert_eq!(triage.log.kernel.as_ref().unwrap().release, "6.1.0-17-amd64");
    assert!(triage.boots[0].came_up && triage.boots[2].came_up && triage.boots[2].what.is_none());
}

#[test]
fn both_kinds_of_memory_trouble_are_told_apart_and_counted() {
    let group = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=app,mems_allowed=0,oom_memcg=/docker/4f,\
                 task_memcg=/docker/4f,task=java,pid=8,uid=0\n";
    let machine = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
                   task_memcg=/system.slice/db.service,task=mysqld,pid=9,uid=0\n";
    let triage = of_text(format!("{group}{group}{machine}{group}").as_bytes(), &signatures());
    let count = |id: &str| {
        let events = triage.chains.iter().flat_map(|chain| &chain.cause);
        events.filter(|event| event.signature == id).map(|event| event.count).sum::<u64>()
    };
    assert_eq!((count("memory-of-group-exhausted"), count("memory-of-machine-exhausted")), (3, 1));
}

#[test]
fn the_program_that_syncs_is_named_with_its_rate() {
    let mut trace = String::new();
    for call in 0..41 {
        let time = 100.0 + f64::from(call) * 0.05;
        trace.push_str(&format!(
            "          mongod-1342  [001] .... {time:.6}: ext4_sync_file_enter: dev 8,1 ino 131 parent 130 datasync 1 \n"
        ));
    }
    let triage = of_text(trace.as_bytes(), &signatures());
    let cause = triage.first_cause().unwrap();
    assert!(
        cause.means.contains("`mongod` (process 1342) called fsync 41 times, 20 times a second"),
        "{}",
        cause.means
    );
}

#[test]
fn hostile_logs_end() {
    let signatures = signatures();
    let escapes = "\u{1b}[".repeat(20_000);
    let braces = "{\"MESSAGE\":".repeat(20_000);
    let crashes: String =
        (0..5_000).map(|n| format!("p{n}[{n}]: segfault at 0 ip 0 sp 0 error 4\n")).collect();
    let boots = "Linux version 6.1\n".repeat(5_000);
    for log in [escapes.as_str(), &braces, &crashes, &boots, "\u{0}", "\n\n\n"] {
        let triage = of_text(log.as_bytes(), &signatures);
        assert!(render::text(&triage, Colour::Plain).len() < 200_000);
    }
    assert_eq!(of_text(crashes.as_bytes(), &signatures).chains.len(), 64);
}
