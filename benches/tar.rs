//! `check` of a tar, against listing the tar with tar(1) and checking the directory that it was made of.
//!
//! `BOOTPROOF_BENCH_SYSTEMS` names root directories, separated by colons; benches/README.md says how to get one.

#![allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![allow(clippy::expect_used, reason = "a benchmark may stop with a message")]
#![expect(
    clippy::disallowed_methods,
    reason = "it makes archives of its own and compares bootproof with tar"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// `check TAR` may take so many times what `tar tf` and `check DIR` take together.
const BAR: f64 = 1.3;
/// Rounds in which each contender runs once, after one that warms the page cache.
const ROUNDS: usize = 9;
/// How the archives are compressed: the option of tar(1), and the end of the name.
const COMPRESSIONS: [(&str, &str); 3] =
    [("--format=gnu", "tar"), ("--gzip", "tar.gz"), ("--zstd", "tar.zst")];

fn main() {
    let systems = std::env::var_os("BOOTPROOF_BENCH_SYSTEMS").unwrap_or_default();
    let systems: Vec<PathBuf> =
        std::env::split_paths(&systems).filter(|path| !path.as_os_str().is_empty()).collect();
    if systems.is_empty() {
        println!("set BOOTPROOF_BENCH_SYSTEMS (see benches/README.md)");
    }
    let mut good = true;
    for root in &systems {
        println!("{}", root.display());
        let scratch = tempfile::tempdir().expect("a scratch folder");
        for (option, end) in COMPRESSIONS {
            let archive = scratch.path().join(format!("system.{end}"));
            let mut tar = Command::new("tar");
            tar.arg("-C").arg(root).args(["-c", option, "-f"]).arg(&archive).arg(".");
            if run(&mut tar).is_none() {
                println!("  {end}: tar cannot make it here");
                continue;
            }
            good &= measure(root, &archive, end);
        }
    }
    println!("{}", if good { "all bars held" } else { "NOT all bars held" });
}

fn measure(root: &Path, archive: &Path, end: &str) -> bool {
    let (mut listings, mut directories, mut archives) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        listings.extend(run(Command::new("tar").arg("-tf").arg(archive)));
        directories.extend(run(&mut check(root)));
        archives.extend(run(&mut check(archive)));
    }
    let medians = [median(&mut listings), median(&mut directories), median(&mut archives)];
    let [Some(listing), Some(directory), Some(own)] = medians else {
        println!("  {end}: something did not run");
        return false;
    };
    let ratio = own / (listing + directory);
    let verdict = if ratio <= BAR { "ok" } else { "TOO SLOW" };
    println!(
        "  {end:<8} check TAR {own:>7.0} ms, tar tf {listing:>7.0} ms, check DIR {directory:>7.0} ms: ratio {ratio:.2}, \
         bar {BAR}: {verdict}"
    );
    ratio <= BAR
}

fn check(system: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootproof"));
    command.arg("check").arg(system).args(["--target", "kvm"]);
    command
}

/// How long it ran; none if it could not do its work. Findings, which end `check` with 1, are work done.
fn run(command: &mut Command) -> Option<Duration> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    matches!(status.code(), Some(0 | 1)).then(|| start.elapsed())
}

/// In milliseconds, of all rounds but the first.
fn median(times: &mut [Duration]) -> Option<f64> {
    let times = times.get_mut(1..)?;
    times.sort_unstable();
    times.get(times.len() / 2).map(|time| time.as_secs_f64() * 1e3)
}
