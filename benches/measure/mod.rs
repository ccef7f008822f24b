//! Runs programs in turn and compares how long they take: interleaved, medians, ratios.
//!
//! Each contender is a process of its own, bootproof's side too (this benchmark starts itself again), so that all
//! pay for their start and none warms up another.

#![allow(dead_code, reason = "shared by benchmarks that use parts of it")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rounds in which each contender runs once.
const ROUNDS: usize = 9;

/// A command line under a name.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// Exit codes that mean that the work was done.
    pub(crate) codes: &'static [i32],
}

impl Contender {
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let shown = arguments.iter().map(|argument| argument.rsplit('/').next().unwrap_or(argument));
        let name = format!("{program} {}", shown.collect::<Vec<_>>().join(" "));
        Self { name, program: program.to_owned(), arguments, codes: &[0] }
    }

    /// The bootproof that this benchmark was built with, which ends with 1 when it has something to tell.
    pub(crate) fn bootproof(arguments: &[&str]) -> Self {
        let own = Self::new(env!("CARGO_BIN_EXE_bootproof"), arguments);
        Self { name: format!("bootproof {}", arguments.join(" ")), codes: &[0, 1], ..own }
    }

    /// This benchmark itself, doing `job`.
    pub(crate) fn own(name: &str, job: &str, path: &Path) -> Self {
        let program = std::env::current_exe().expect("the benchmark knows its own path");
        Self {
            name: name.to_owned(),
            program: program.display().to_string(),
            arguments: vec![job.to_owned(), path.display().to_string()],
            codes: &[0],
        }
    }

    #[expect(clippy::disallowed_methods, reason = "benchmarks compare bootproof with other programs")]
    fn run(&self) -> Option<Duration> {
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let code = command.status().ok()?.code()?;
        self.codes.contains(&code).then(|| start.elapsed())
    }

    /// What the contender prints.
    #[expect(clippy::disallowed_methods, reason = "benchmarks compare bootproof with other programs")]
    pub(crate) fn output(&self) -> String {
        let output = Command::new(&self.program).args(&self.arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}

/// The most memory that bootproof has resident while it does `arguments`, in KiB, as the kernel accounts it (wait4(2),
/// `ru_maxrss`); 0 if GNU time is not installed.
#[expect(clippy::disallowed_methods, reason = "benchmarks start bootproof")]
pub(crate) fn peak_of_bootproof(arguments: &[&str]) -> u64 {
    let mut time = Command::new("/usr/bin/time");
    time.args(["-f", "%M", env!("CARGO_BIN_EXE_bootproof")]).args(arguments);
    let output = time.stdout(Stdio::null()).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or_default()
}

/// Runs `own` and the others in turn and prints the medians, and the ratio of `own` to each that runs at all. `bars`
/// are the ratios that must not be exceeded.
pub(crate) fn compare(own: &Contender, others: &[(Contender, f64)]) -> bool {
    let mut times = vec![Vec::new(); others.len() + 1];
    for _ in 0..=ROUNDS {
        for (contender, times) in
            std::iter::once(own).chain(others.iter().map(|(other, _)| other)).zip(&mut times)
        {
            times.extend(contender.run());
        }
    }
    // The first round warmed the page cache.
    let medians: Vec<Option<Duration>> = times.iter_mut().map(|times| median(times.get_mut(1..)?)).collect();
    let Some(Some(mine)) = medians.first() else {
        println!("  {} does not run", own.name);
        return false;
    };
    println!("  {:<44} {:>8.1} ms", own.name, mine.as_secs_f64() * 1e3);
    let mut good = true;
    for ((other, bar), median) in others.iter().zip(medians.iter().skip(1)) {
        let Some(theirs) = median else {
            println!("  {:<44}   does not run here", other.name);
            continue;
        };
        let ratio = mine.as_secs_f64() / theirs.as_secs_f64();
        let verdict = if ratio <= *bar { "ok" } else { "TOO SLOW" };
        good &= ratio <= *bar;
        let milliseconds = theirs.as_secs_f64() * 1e3;
        println!("  {:<44} {milliseconds:>8.1} ms   ratio {ratio:.3}, bar {bar:.2}: {verdict}", other.name);
    }
    good
}

fn median(times: &mut [Duration]) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// The most memory that this process has had resident, in KiB (`VmHWM` of proc_pid_status(5)).
#[expect(clippy::disallowed_methods, reason = "a benchmark looks at itself, not at an audited system")]
pub(crate) fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}
