//! Lists the rule files under `rules/`, so that they are part of the program, and notes for `--version` what it is
//! built from.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the rules of this repository and asks git and rustc, no system"
)]

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Folders of platforms, log signatures and tables, which have other shapes and other readers.
const OTHER_DATA: &[&str] = &["targets", "console", "data"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed=rules");
    let mut files = Vec::new();
    // Rules are in a folder for each subject; what stands beside the folders is other data.
    for entry in fs::read_dir(root.join("rules"))? {
        let path = entry?.path();
        if path.is_dir() && !OTHER_DATA.iter().any(|name| path.ends_with(name)) {
            collect(&path, &mut files)?;
        }
    }
    files.sort();
    let mut list =
        String::from("/// The rule files that come with the program: path under `rules/`, text.\n");
    list.push_str("static BUILT_IN: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string());
    }
    list.push_str("];\n");
    build_facts(&root);
    fs::write(out.join("built_in_rules.rs"), list)?;
    fs::write(out.join("built_in_signatures.rs"), signatures(&root)?)
}

/// What `--version` says beside the version. Nothing of it depends on when or in which folder the build is made, so
/// that two builds of one commit are the same.
fn build_facts(root: &Path) {
    note("BOOTPROOF_BUILD_TARGET", env::var("TARGET").ok());
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    note(
        "BOOTPROOF_BUILD_RUSTC",
        said(Command::new(rustc).arg("--version")).as_deref().and_then(rustc_release),
    );
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // https://reproducible-builds.org/docs/source-date-epoch/
    let epoch = env::var("SOURCE_DATE_EPOCH").ok();
    // While bootproof is worked on, a commit must not cost a new build of all that is there.
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return note("BOOTPROOF_BUILD_EPOCH", epoch);
    }
    for changed in ["HEAD", "logs/HEAD"] {
        let path = git(root, ["rev-parse", "--git-path", changed]).map(|path| root.join(path));
        if let Some(path) = path.filter(|path| path.exists()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    // A change that is not committed shows as `-dirty`.
    println!("cargo::rerun-if-changed=src");
    note(
        "BOOTPROOF_BUILD_COMMIT",
        git(root, ["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty"]),
    );
    note("BOOTPROOF_BUILD_EPOCH", epoch.or_else(|| git(root, ["log", "-1", "--format=%ct"])));
}

/// Hands a fact to the program; what is not known is left out.
fn note(name: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env={name}={value}");
    }
}

/// `1.95.0` of `rustc 1.95.0 (f2d3ce0bd 2026-03-21)`.
fn rustc_release(version: &str) -> Option<String> {
    version.split_whitespace().nth(1).map(str::to_owned)
}

/// What git says of this repository; nothing where the sources were unpacked from an archive, even if that was done
/// inside another repository.
fn git<const N: usize>(root: &Path, arguments: [&str; N]) -> Option<String> {
    let above = root.parent().map_or(OsStr::new("/"), Path::as_os_str);
    said(Command::new("git").args(arguments).current_dir(root).env("GIT_CEILING_DIRECTORIES", above))
}

/// The one line that a command prints, if it is there and content.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}

/// The log signatures as a table of their own.
fn signatures(root: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    collect(&root.join("rules/console"), &mut files)?;
    files.sort();
    let mut list = String::from("/// The signatures that come with the program: path, text.\n");
    list.push_str("static BUILT_IN: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string());
    }
    list.push_str("];\n");
    Ok(list)
}

/// The YAML files below `directory`.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
