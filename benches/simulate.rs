//! All boot entries on all targets against a `check` for one, and many kernels against two.
//!
//! `BOOTPROOF_BENCH_SYSTEMS` names root directories, separated by colons: first one with two kernels, then others with
//! more of them; benches/README.md says how to get them.

#![allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a benchmark may stop with a message")]

mod measure;

use std::fs;
use std::path::{Path, PathBuf};

use measure::{Contender, compare};

/// Times a `check` for one target that all entries on all targets may take.
const ALL_TARGETS: f64 = 1.20;

/// Times the same time for each kernel that a system with many of them may take.
const EACH_KERNEL: f64 = 1.15;

fn main() {
    let systems = std::env::var_os("BOOTPROOF_BENCH_SYSTEMS").unwrap_or_default();
    let systems: Vec<PathBuf> = std::env::split_paths(&systems).filter(|path| path.is_dir()).collect();
    let Some((first, others)) = systems.split_first() else {
        println!("set BOOTPROOF_BENCH_SYSTEMS (see benches/README.md)");
        return;
    };
    let mut good = all_targets(first);
    for system in others {
        good &= many_kernels(first, system);
    }
    println!("{}", if good { "all bars held" } else { "NOT all bars held" });
}

fn all_targets(system: &Path) -> bool {
    let shown = system.display().to_string();
    println!("{shown}: {} kernels, all entries on all targets", kernels(system));
    let check = || Contender::bootproof(&["check", &shown, "--target", "kvm", "--fail-on", "none"]);
    let mut good = true;
    for command in ["boot", "check"] {
        let all = Contender::bootproof(&[command, &shown, "--target", "all"]);
        good &= compare(&all, &[(check(), ALL_TARGETS)]);
    }
    good
}

fn many_kernels(few: &Path, many: &Path) -> bool {
    let times = kernels(many) as f64 / kernels(few) as f64;
    let arguments = |system: &Path| ["boot".to_owned(), system.display().to_string()];
    println!("{}: {} kernels, {times:.1} times as many", many.display(), kernels(many));
    for system in [few, many] {
        let arguments = arguments(system);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let peak = measure::peak_of_bootproof(&arguments);
        println!("  {:<44} {:>8.1} MiB at its peak", arguments.join(" "), peak as f64 / 1024.0);
    }
    let run = |system: &Path| {
        let arguments = arguments(system);
        Contender::bootproof(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    compare(&run(many), &[(run(few), times * EACH_KERNEL)])
}

fn kernels(system: &Path) -> usize {
    let names = fs::read_dir(system.join("lib/modules")).expect("the system has a /lib/modules");
    names.filter_map(Result::ok).filter(|entry| entry.path().join("modules.dep").is_file()).count()
}
