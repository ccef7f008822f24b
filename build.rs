//! Lists the rule files under `rules/`, so that they are part of the program.
#![expect(clippy::disallowed_methods, reason = "reads the rules of this repository, no system")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
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
    fs::write(out.join("built_in_rules.rs"), list)?;
    fs::write(out.join("built_in_signatures.rs"), signatures(&root)?)
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
