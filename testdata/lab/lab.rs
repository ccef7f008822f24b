//! The lab's own program: scores bootproof's predictions, and packs the inputs that `cargo test` replays.
//!
//! ```text
//! cargo run --example lab -- score [LAB]     predictions from the full inputs of $LAB or LAB; from the packed ones without
//! cargo run --example lab -- pack LAB [INITRD...]
//!     adds what main/inputs.zst lacks from the work area LAB (and packs these initrds anew), and checks what it added
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program of the developers")]
#![allow(clippy::disallowed_methods, reason = "reads and writes files of this repository")]

mod replay;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayon::prelude::*;
use replay::case::{self, Case, Machines};
use replay::full::Lab;
use replay::packed::{self, Packed};
use replay::predict::{Disks, Inputs, predict};
use replay::score;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["score"] => {
            let packed = Packed::load(&replay::main_part().join("inputs.zst"));
            score_all(&|case| packed.inputs(case))
        }
        ["score", lab] => {
            let lab = Lab::new(Path::new(lab));
            score_all(&|case| lab.inputs(case))
        }
        ["pack", lab, again @ ..] => pack(Path::new(lab), again),
        _ => {
            println!("usage: lab score [LAB] | lab pack LAB [INITRD...]");
            ExitCode::from(2)
        }
    }
}

fn score_all(inputs: &(dyn Fn(&Case) -> Inputs + Sync)) -> ExitCode {
    let cases = cases();
    let report = score::score(&cases, inputs);
    println!("{report}");
    ExitCode::from(u8::from(!report.is_right()))
}

/// The records: those of the repository, or the file that `$TRUTH` names.
fn cases() -> Vec<Case> {
    let own = replay::main_part().join("truth.jsonl");
    case::load(&std::env::var_os("TRUTH").map_or(own, PathBuf::from))
}

/// Packs, and sees to it that packed and full inputs give the same answers.
fn pack(lab: &Path, again: &[&str]) -> ExitCode {
    let (cases, lab) = (cases(), Lab::new(lab));
    let file = replay::main_part().join("inputs.zst");
    let known = if file.exists() { Packed::load(&file) } else { Packed::default() };
    let (packed, done) = packed::pack(&cases, &lab, known, again);
    packed.store(&file);
    let packed = Packed::load(&file);
    let disks = Disks::load(&replay::main_part().join("disks.json"));
    let machines = Machines::new(&cases);
    let is_new = |case: &&Case| case.initrd.as_ref().is_some_and(|name| done.contains(name));
    let differ: Vec<String> = cases
        .par_iter()
        .filter(is_new)
        .filter_map(|case| {
            let target = machines.target(case);
            let full = predict(case, &lab.inputs(case), &disks, &target);
            let small = predict(case, &packed.inputs(case), &disks, &target);
            let (full, small, bindings_differ) = (full.boot, small.boot, full.bindings != small.bindings);
            let steps = |boot: &bootproof::simulate::Boot| -> Vec<_> {
                boot.steps.iter().map(|step| (step.step, step.state)).collect()
            };
            (bindings_differ || steps(&full) != steps(&small)).then(|| {
                format!(
                    "{}: full {} ({}), packed {} ({})",
                    case.id,
                    score::word(&full),
                    score::reason(&full),
                    score::word(&small),
                    score::reason(&small)
                )
            })
        })
        .collect();
    println!(
        "{} bytes; {} of {} cases differ",
        std::fs::metadata(&file).unwrap().len(),
        differ.len(),
        cases.len()
    );
    for line in &differ {
        println!("{line}");
    }
    ExitCode::from(u8::from(!differ.is_empty()))
}
