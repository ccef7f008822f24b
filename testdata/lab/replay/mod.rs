//! Predicts the lab's boots and compares the predictions with what happened.
//!
//! `case` reads what was recorded and makes a target of the devices that the guest saw; `full` and `packed` give the
//! input of a case, from the lab's work area or from the small files beside the records; `predict` runs the
//! simulation on it through bootproof's own readers; `score` compares and draws the tables.
#![allow(dead_code, unused_imports, reason = "neither the test nor the program uses all of it")]
#![allow(unreachable_pub, missing_docs, reason = "a module of two programs, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program of the developers: it may stop, and reads and writes files of this repository"
)]

pub mod case;
pub mod full;
pub mod packed;
pub mod predict;
pub mod rebuild;
pub mod score;

use std::path::{Path, PathBuf};

/// `testdata/lab/main` of this repository.
pub fn main_part() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab/main")
}
