//! `.modinfo` of all modules of a kernel tree, against `depmod -n`, which reads them for the same reason.
//!
//! `BOOTPROOF_BENCH_MODULES` names the tree: `ROOT/lib/modules/RELEASE`.

#![allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![allow(clippy::expect_used, reason = "a benchmark may stop with a message")]

mod measure;

use std::path::{Path, PathBuf};

use bootproof::initrd::module::{ModuleFile, read_modinfo};
use measure::{Contender, compare, peak_kib};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::os::unix::ffi::OsStrExt as _;

/// Bytes that a compressed module may unpack to.
const LIMIT: u64 = 96 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, job, path] = arguments.as_slice()
        && job == "--read"
    {
        let (modules, aliases) = read_all(Path::new(path));
        println!("{modules} modules, {aliases} aliases, peak {} KiB", peak_kib());
        return;
    }
    let Some(tree) = std::env::var_os("BOOTPROOF_BENCH_MODULES").map(PathBuf::from) else {
        println!("set BOOTPROOF_BENCH_MODULES (see benches/README.md)");
        return;
    };
    let release = tree.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let root = tree.ancestors().nth(3).expect("the tree is ROOT/lib/modules/RELEASE");
    let own = Contender::own("bootproof: .modinfo of every module", "--read", &tree);
    println!("{}: {}", tree.display(), own.output().trim());
    let depmod = Contender::new("depmod", &["-n", "-b", &root.display().to_string(), &release]);
    let good = compare(&own, &[(depmod, 0.15)]);
    println!("{}", if good { "all bars held" } else { "NOT all bars held" });
}

/// Reads all modules below `tree`; how many, and how many aliases they have.
fn read_all(tree: &Path) -> (usize, usize) {
    let mut files = Vec::new();
    find(tree, &mut files);
    let aliases = files.par_iter().map(|(path, form)| aliases(path, *form)).sum();
    (files.len(), aliases)
}

#[expect(clippy::disallowed_methods, reason = "a tree of the benchmark, not an audited system")]
fn aliases(path: &Path, form: ModuleFile) -> usize {
    let file = std::fs::File::open(path).expect("the module can be opened");
    read_modinfo(file, form, LIMIT).expect("the module can be read").aliases().count()
}

#[expect(clippy::disallowed_methods, reason = "a tree of the benchmark, not an audited system")]
fn find(directory: &Path, files: &mut Vec<(PathBuf, ModuleFile)>) {
    for entry in std::fs::read_dir(directory).expect("the tree can be read").flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&path, files);
        } else if let Some(form) = ModuleFile::of_path(path.as_os_str().as_bytes()) {
            files.push((path, form));
        }
    }
}
