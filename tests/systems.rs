//! The systems under `testdata/systems`: their binary files are what `make.rs` makes.
#![expect(clippy::disallowed_methods, reason = "reads files of this repository")]

#[path = "../testdata/systems/make.rs"]
mod make;

use std::fs;

#[test]
fn the_generated_files_are_what_the_script_makes() {
    for (path, made) in make::generated() {
        let stored = fs::read(make::folder().join(&path)).unwrap_or_default();
        assert!(stored == made, "{path} differs: `cargo run --example make-systems` writes it again");
    }
}
