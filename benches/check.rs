//! A whole `check` of a directory, against unpacking the initrds that it has to look into.
//!
//! `BOOTPROOF_BENCH_SYSTEMS` names root directories, separated by colons; benches/README.md says how to get them.
//! With one kernel the bar is the time that `zstd -dc` takes for its initrd; further kernels are read in parallel.

#![allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a benchmark may stop with a message")]

mod measure;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bootproof::initrd::{self, ImageLimits};
use measure::{Contender, compare};

/// Times `zstd -dc` of the initrd that a check of a system with one kernel may take.
const BAR: f64 = 1.5;

/// Resident memory that a check of a system with up to two kernels may take, in KiB.
const MEMORY_BAR: u64 = 48 * 1024;

fn main() {
    let systems = std::env::var_os("BOOTPROOF_BENCH_SYSTEMS").unwrap_or_default();
    let systems: Vec<PathBuf> = std::env::split_paths(&systems).filter(|path| path.is_dir()).collect();
    if systems.is_empty() {
        println!("set BOOTPROOF_BENCH_SYSTEMS (see benches/README.md)");
    }
    let mut good = true;
    for system in &systems {
        good &= measure_system(system);
    }
    println!("{}", if good { "all bars held" } else { "NOT all bars held" });
}

fn measure_system(system: &Path) -> bool {
    let images = initrds(system);
    let shown = system.display().to_string();
    let arguments = ["check", &shown, "--target", "kvm", "--fail-on", "none"];
    let peak = measure::peak_of_bootproof(&arguments);
    println!(
        "{}: {} initrds, peak {:.1} MiB (bar {} for two kernels)",
        system.display(),
        images.len(),
        peak as f64 / 1024.0,
        MEMORY_BAR / 1024
    );
    let check = Contender::bootproof(&arguments);
    let others: Vec<(Contender, f64)> =
        images.iter().map(|image| (Contender::new("zstd", &["-dc", &member_file(image)]), BAR)).collect();
    // One kernel is what the bar is for; with more the ratio to each initrd alone is shown.
    let others = if images.len() == 1 {
        others
    } else {
        others.into_iter().map(|(c, _)| (c, f64::INFINITY)).collect()
    };
    compare(&check, &others) && (images.len() > 2 || peak <= MEMORY_BAR)
}

fn initrds(system: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(system.join("boot")).expect("the system has a /boot");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("init")));
    found.sort();
    found
}

/// The largest archive of the image in a file of its own, without the microcode before it, for `zstd`.
fn member_file(path: &Path) -> String {
    let image = initrd::read(File::open(path).expect("readable"), &ImageLimits::default()).expect("an image");
    let main = image.archives.iter().max_by_key(|archive| archive.packed).expect("an image has an archive");
    let name = path.display().to_string().replace('/', "_");
    let member = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.member"));
    let mut file = File::open(path).expect("readable");
    file.seek(SeekFrom::Start(main.offset)).expect("the archive is inside the image");
    let mut out = File::create(&member).expect("the target directory can be written to");
    std::io::copy(&mut file.take(main.packed), &mut out).expect("the archive can be copied");
    member.display().to_string()
}
