//! What surrounds the work: completions, manual pages, the version, colour.
#![expect(
    clippy::disallowed_methods,
    reason = "makes and reads files of its own, and starts bootproof and bash"
)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

const DEMO: &str = "testdata/systems/centos6-san-server";

/// bootproof in an environment that says nothing of colour.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("bootproof"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn run(arguments: &[&str]) -> String {
    let output = command(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    assert_eq!(output.stderr, b"", "{arguments:?}");
    stdout(&output)
}

#[test]
fn the_short_version_is_one_line_and_the_long_one_tells_the_build() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run(&["-V"]), format!("bootproof {version}\n"));
    let long = run(&["--version"]);
    let lines: Vec<&str> = long.lines().collect();
    assert_eq!(lines.first(), Some(&format!("bootproof {version}").as_str()));
    let names: Vec<&str> = lines.iter().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["commit", "date", "target", "rustc", "rules", "targets"]);
    let value = |name: &str| {
        let line = lines.iter().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.trim_start_matches(name).trim().to_owned()
    };
    assert!(value("target").contains(std::env::consts::ARCH), "{long}");
    assert!(value("target").ends_with(", dynamic") || value("target").ends_with(", static"), "{long}");
    let listed = run(&["rules", "list"]).lines().count();
    assert_eq!(value("rules"), listed.to_string());
    assert_eq!(value("targets"), run(&["targets"]).lines().count().to_string());
    // Two builds of one commit in two folders are to be the same.
    assert!(!long.contains('/'), "{long}");
}

#[test]
fn every_shell_has_a_script_that_names_no_path_of_the_build() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert!(script.contains("BOOTPROOF_COMPLETE"), "{shell}: {script}");
        assert!(!script.contains("target/"), "{shell}: {script}");
    }
    let unknown = command(&["completions", "tcsh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("tcsh"));
}

/// What bash offers after `words`, of which the last is being typed.
fn offered(words: &[&str]) -> Vec<String> {
    let script = r#"
        source <(bootproof completions bash) || exit 9
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9 COMPREPLY=()
        "$(complete -p bootproof | sed 's/.*-F \([^ ]*\) .*/\1/')" bootproof "${COMP_WORDS[COMP_CWORD]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let program = cargo_bin!("bootproof");
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .args(words)
        .env("PATH", format!("{}:{path}", program.parent().unwrap().display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_platforms_rules_and_files() {
    for (words, expected) in [
        (&["bootproof", "expl"][..], &["explain"][..]),
        (&["bootproof", "check", "--targ"], &["--target"]),
        (&["bootproof", "check", "--target", "kvm-"], &["kvm-virtio-scsi", "kvm-sata"]),
        (&["bootproof", "boot", "-t", "al"], &["all"]),
        (&["bootproof", "check", "-t", "Cargo.t"], &["Cargo.toml"]),
        (&["bootproof", "explain", "fstab-kernel-n"], &["fstab-kernel-name"]),
        (&["bootproof", "check", "--fail-on", "b"], &["blocker"]),
        (&["bootproof", "check", "--rules", "Cargo"], &[]),
        (&["bootproof", "check", "testda"], &["testdata/"]),
        (&["bootproof", "man", "init"], &["initrd"]),
        (&["bootproof", "initrd", "l"], &["list"]),
    ] {
        let mut offered = offered(words);
        offered.retain(|word| !word.is_empty());
        assert_eq!(offered, expected, "{words:?}");
    }
}

#[test]
fn a_shell_that_nobody_knows_is_an_error_and_no_hang() {
    let output = command(&["--", "bootproof", ""]).env("BOOTPROOF_COMPLETE", "tcsh").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("tcsh"));
    // What other programs mean by their variables is no matter of ours.
    let output = command(&["-V"]).env("COMPLETE", "bash").output().unwrap();
    assert!(stdout(&output).starts_with("bootproof "));
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("share/man1");
    assert_eq!(run(&["man", "--output", pages.to_str().unwrap()]), "");
    for page in ["bootproof.1", "bootproof-check.1", "bootproof-initrd.1", "bootproof-initrd-list.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(&format!(".TH {} 1 ", page.trim_end_matches(".1").to_uppercase())), "{page}");
    }
    // What `--help` lists has a page.
    let help = run(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut seen = 0;
    for line in commands.take_while(|line| !line.is_empty()) {
        let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) else { continue };
        let name = name.split_whitespace().next().unwrap();
        assert!(pages.join(format!("bootproof-{name}.1")).exists(), "{name}");
        seen += 1;
    }
    assert!(seen > 10, "{help}");
    let alone = run(&["man", "check"]);
    assert_eq!(alone, fs::read_to_string(pages.join("bootproof-check.1")).unwrap());
}

#[test]
fn a_page_that_cannot_be_had_ends_with_2() {
    for (arguments, said) in [
        (&["man", "paint"][..], "it has: check, "),
        (&["man", "--output", "Cargo.toml/man"], "Cargo.toml/man"),
    ] {
        let output = command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn colour_follows_what_the_environment_and_the_user_say() {
    let is_coloured = |variables: &[(&str, &str)], more: &[&str]| {
        let arguments = [&["explain", "fstab-kernel-name"], more].concat();
        let output = command(&arguments).envs(variables.iter().copied()).output().unwrap();
        stdout(&output).contains('\x1b')
    };
    // The output goes to a pipe.
    assert!(!is_coloured(&[], &[]));
    assert!(is_coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!is_coloured(&[("CLICOLOR", "1")], &[]));
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    // Set to nothing is not set (https://no-color.org).
    assert!(is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], &[]));
    assert!(is_coloured(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
    assert!(is_coloured(&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], &[]));
}

#[test]
fn files_have_no_colour_whatever_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    let paths: Vec<String> =
        ["r.txt", "r.md", "r.html", "r.json"].map(|name| file(name).display().to_string()).to_vec();
    let outputs = paths.iter().flat_map(|path| ["--output", path]).collect::<Vec<_>>();
    let arguments = [&["check", DEMO, "--target", "kvm", "--color", "always"], outputs.as_slice()].concat();
    assert_eq!(command(&arguments).env("CLICOLOR_FORCE", "1").output().unwrap().status.code(), Some(1));
    for path in &paths {
        assert!(!fs::read_to_string(Path::new(path)).unwrap().contains('\x1b'), "{path}");
    }
}
