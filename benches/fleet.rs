//! `fleet` of many reports, against reading the same files and doing nothing with them; and how much memory it takes
//! for a thousand and for all of them.
//!
//! The reports are those of the systems in testdata/systems and of `BOOTPROOF_BENCH_SYSTEMS`, under other host names.
//! `BOOTPROOF_BENCH_HOSTS` says how many (left out: 10000).

#![allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a benchmark may stop with a message")]

mod measure;

use std::fs;
use std::path::{Path, PathBuf};

use measure::{Contender, compare};
use rayon::prelude::*;
use serde::de::IgnoredAny;

/// Times the floor that `fleet` may take.
const BAR: f64 = 2.0;
/// Seconds that it may take at all.
const SECONDS: f64 = 10.0;
/// Hosts unless something else is asked for.
const HOSTS: usize = 10_000;
/// Hosts that the memory is measured for beside all of them.
const FEW: usize = 1000;
/// KiB that a host may add to the resident memory: what is kept of it, and its part of the page.
const KIB_A_HOST: f64 = 4.0;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let (Some("floor"), Some(folder)) = (arguments.next().as_deref(), arguments.next()) {
        return floor(Path::new(&folder));
    }
    let hosts =
        std::env::var("BOOTPROOF_BENCH_HOSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(HOSTS);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet");
    let bytes = write_reports(&folder, hosts);
    let all = folder.display().to_string();
    let few = folder.join("few").display().to_string();
    println!("{hosts} reports, {} MB", bytes >> 20);

    let page = folder.join("page.html").display().to_string();
    let with_page = |of: &str| measure::peak_of_bootproof(&["fleet", of, "-o", &page, "--fail-on", "none"]);
    let (of_few, of_all) = (with_page(&few), with_page(&all));
    let more = of_all.saturating_sub(of_few) as f64 / hosts.saturating_sub(FEW).max(1) as f64;
    let [of_few, of_all] = [of_few, of_all].map(|peak| peak as f64 / 1024.0);
    println!(
        "  peak with a page: {of_few:.1} MiB for {FEW}, {of_all:.1} MiB for all: {more:.2} KiB a host, bar {KIB_A_HOST}"
    );

    let fleet = Contender::bootproof(&["fleet", &all, "-o", &page, "--fail-on", "none"]);
    let floor = Contender::own("reading and skipping", "floor", &folder);
    let held = compare(&fleet, &[(floor, BAR)]) && more <= KIB_A_HOST;
    println!("  (bar in all: {SECONDS} s for {HOSTS})");
    println!("{}", if held { "all bars held" } else { "NOT all bars held" });
}

/// Reads the same files as `fleet` does, with as many threads, and skips what is in them.
fn floor(folder: &Path) {
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).expect("readable");
        serde_json::from_slice::<IgnoredAny>(&bytes).is_ok()
    };
    let files: Vec<PathBuf> = ["few", "more"].iter().flat_map(|part| files(&folder.join(part))).collect();
    println!("{}", files.par_iter().filter(|path| read(path)).count());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()).collect()
}

/// Writes `hosts` reports below `folder`, [`FEW`] of them in a folder of their own; gives their size.
fn write_reports(folder: &Path, hosts: usize) -> usize {
    let seeds = seeds();
    for part in ["few", "more"] {
        // What an earlier run left, if it left anything.
        let _ = fs::remove_dir_all(folder.join(part));
        fs::create_dir_all(folder.join(part)).expect("the target directory can be written to");
    }
    let write = |number: usize| {
        let seed = seeds.iter().cycle().nth(number % seeds.len()).expect("there is a system");
        let (before, after) = seed.split_once("\"hostname\": \"").expect("a report names its host");
        let (_, after) = after.split_once('"').expect("a text ends");
        let report = format!("{before}\"hostname\": \"host{number:05}.example.com\"{after}");
        let part = if number < FEW { "few" } else { "more" };
        fs::write(folder.join(part).join(format!("host{number:05}.json")), &report).expect("there is room");
        report.len()
    };
    (0..hosts).into_par_iter().map(write).sum()
}

/// Reports to multiply.
fn seeds() -> Vec<String> {
    let own = ["centos6-san-server", "debian12-vm", "rhel9-lvm-devicesfile"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems").join(name));
    let given = std::env::var_os("BOOTPROOF_BENCH_SYSTEMS").unwrap_or_default();
    let systems = own.into_iter().chain(std::env::split_paths(&given)).filter(|path| path.is_dir());
    let report = |path: PathBuf| {
        let path = path.display().to_string();
        Contender::bootproof(&["check", &path, "-t", "kvm", "-t", "vmware", "-t", "same", "--format", "json"])
            .output()
    };
    systems.map(report).collect()
}
