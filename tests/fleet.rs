//! `bootproof fleet` as people and pipelines meet it: what it prints, what it writes, how it ends.
#![expect(clippy::disallowed_methods, reason = "makes and reads files of its own, and starts bootproof")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

/// The systems whose reports make the fleet, the targets that they are checked for, and the hosts made of each.
const FLEET: [(&str, &[&str], &[&str]); 3] = [
    ("debian12-vm", &["kvm", "vmware"], &["mail1", "mail2"]),
    ("centos6-san-server", &["kvm", "vmware"], &["web1.example.com", "web2.example.com"]),
    ("rhel9-lvm-devicesfile", &["kvm"], &["db1.example.com"]),
];

/// Starts bootproof in `folder`.
fn bootproof(folder: &Path, arguments: &[&str]) -> Output {
    std::process::Command::new(cargo_bin!("bootproof"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with `reports/`, as `check` writes them.
fn reports() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("reports")).unwrap();
    for (system, targets, hosts) in FLEET {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems").join(system);
        let mut arguments = vec!["check", root.to_str().unwrap(), "--format", "json"];
        arguments.extend(targets.iter().flat_map(|target| ["--target", *target]));
        let report = stdout(&bootproof(folder.path(), &arguments)).replace(root.to_str().unwrap(), system);
        for host in hosts {
            let named = report.replace(
                &format!("\"hostname\": \"{}\"", hosts.first().unwrap()),
                &format!("\"hostname\": \"{host}\""),
            );
            fs::write(folder.path().join(format!("reports/{host}.json")), named).unwrap();
        }
    }
    folder
}

#[test]
fn a_fleet_reads_well_in_all_forms() {
    let folder = reports();
    for (format, name) in [("text", "text"), ("markdown", "markdown"), ("csv", "csv")] {
        let output = bootproof(folder.path(), &["fleet", "reports", "--format", format]);
        assert_eq!((code(&output), stderr(&output).as_str()), (1, ""), "{format}");
        insta::assert_snapshot!(format!("fleet_as_{name}"), stdout(&output));
    }
}

#[test]
fn files_get_the_form_of_their_extension_and_say_what_stdout_says() {
    let folder = reports();
    let outputs = ["fleet.html", "fleet.md", "fleet.json", "fleet.csv", "fleet.txt"];
    let mut arguments = vec!["fleet", "reports"];
    arguments.extend(outputs.iter().flat_map(|output| ["--output", *output]));
    assert_eq!(code(&bootproof(folder.path(), &arguments)), 1);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for (name, format) in
        [("fleet.md", "markdown"), ("fleet.json", "json"), ("fleet.csv", "csv"), ("fleet.txt", "text")]
    {
        assert_eq!(read(name), stdout(&bootproof(folder.path(), &["fleet", "reports", "--format", format])));
    }
    assert!(read("fleet.html").trim_end().ends_with("</html>"));
    let refused = bootproof(folder.path(), &["fleet", "reports", "--output", "fleet.pdf"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("`fleet.pdf`"));
}

#[test]
fn the_gate_decides_the_exit_code_and_a_lost_report_outranks_it() {
    let folder = reports();
    let ends = |arguments: &[&str]| code(&bootproof(folder.path(), &[&["fleet"], arguments].concat()));
    assert_eq!(ends(&["reports"]), 1);
    assert_eq!(ends(&["reports", "--fail-on", "none"]), 0);
    assert_eq!(ends(&["reports/mail1.json"]), 0);
    assert_eq!(ends(&["reports/mail1.json", "--fail-on", "info"]), 1);
    let web = fs::read_to_string(folder.path().join("reports/web1.example.com.json")).unwrap();
    fs::write(folder.path().join("reports/cut.json"), &web[..web.len() / 2]).unwrap();
    let output = bootproof(folder.path(), &["fleet", "reports", "--output", "fleet.csv"]);
    assert_eq!(code(&output), 2);
    let place = format!("error: reports/cut.json:{}:", web[..web.len() / 2].lines().count());
    assert!(stderr(&output).starts_with(&place), "{}", stderr(&output));
    // The others are there all the same, and it is said what is missing.
    assert_eq!(fs::read_to_string(folder.path().join("fleet.csv")).unwrap().lines().count(), 10);
    assert!(stdout(&output).contains("Not counted, because"), "{}", stdout(&output));
}

#[test]
fn without_one_report_it_says_so_and_why() {
    let folder = TempDir::new().unwrap();
    let output = bootproof(folder.path(), &["fleet", ".", "--quiet", "--output", "fleet.html"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (2, ""));
    assert!(stderr(&output).starts_with("error: .: holds no report"), "{}", stderr(&output));
    let page = fs::read_to_string(folder.path().join("fleet.html")).unwrap();
    assert!(page.contains("holds no report"));
    assert_eq!(code(&bootproof(folder.path(), &["fleet"])), 2);
}

#[test]
fn what_a_fleet_wrote_is_no_host_of_the_next_one() {
    let folder = reports();
    assert_eq!(code(&bootproof(folder.path(), &["fleet", "reports", "--output", "reports/fleet.json"])), 1);
    let output = bootproof(folder.path(), &["fleet", "reports", "--format", "csv"]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).starts_with("note: reports/fleet.json: was written by `bootproof fleet`"),
        "{}",
        stderr(&output)
    );
}
