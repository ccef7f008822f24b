//! Reading one initrd whole, against the tools that only unpack or only list it.
//!
//! `BOOTPROOF_BENCH_IMAGES` names the images, separated by colons; benches/README.md says how to get them.

#![allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark may stop with a message")]

mod measure;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bootproof::initrd::{self, Compression, Image, ImageLimits, Kind};
use measure::{Contender, compare, peak_kib};

/// Resident memory that reading one image may take, in KiB.
const MEMORY_BAR: u64 = 24 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, job, path] = arguments.as_slice()
        && let "--read" | "--peak" = job.as_str()
    {
        let image = read(Path::new(path));
        if job == "--peak" {
            println!("{} {} {}", peak_kib(), image.entries.len(), image.modules.len());
        }
        return;
    }
    let images = std::env::var_os("BOOTPROOF_BENCH_IMAGES").unwrap_or_default();
    let images: Vec<PathBuf> =
        std::env::split_paths(&images).filter(|path| !path.as_os_str().is_empty()).collect();
    if images.is_empty() {
        println!("set BOOTPROOF_BENCH_IMAGES (see benches/README.md)");
    }
    let mut good = true;
    for path in &images {
        good &= measure_image(path);
    }
    println!("{}", if good { "all bars held" } else { "NOT all bars held" });
}

#[expect(clippy::disallowed_methods, reason = "an image of the benchmark, not a file of an audited system")]
fn open(path: &Path) -> File {
    File::open(path).expect("the image can be opened")
}

fn read(path: &Path) -> Image {
    initrd::read(open(path), &ImageLimits::default()).expect("the image can be read")
}

fn measure_image(path: &Path) -> bool {
    let image = read(path);
    let peak = Contender::own("", "--peak", path).output();
    let peak: u64 = peak.split(' ').next().and_then(|peak| peak.parse().ok()).unwrap_or_default();
    println!(
        "{}: {:.1} MB, {} entries, {} modules, {} archives, peak {:.1} MiB (bar {})",
        path.display(),
        image.size as f64 / 1e6,
        image.entries.len(),
        image.modules.len(),
        image.archives.len(),
        peak as f64 / 1024.0,
        MEMORY_BAR / 1024
    );
    let main = image.archives.iter().max_by_key(|archive| archive.packed).expect("an image has an archive");
    let (program, bar) = match main.compression {
        Compression::Zstd => ("zstd", 1.05),
        Compression::Gzip => ("gzip", 0.5),
        Compression::Xz | Compression::Lzma => ("xz", 0.8),
        Compression::Lz4Legacy | Compression::Lz4Frame => ("lz4", 1.5),
        Compression::Bzip2 => ("bzip2", 1.05),
        Compression::Lzo => ("lzop", 1.5),
        Compression::None => ("cat", f64::INFINITY),
    };
    let member = member_file(path, main.offset, main.packed);
    let shown = path.display().to_string();
    let mut others = vec![
        (Contender::new(program, &[if program == "cat" { "--" } else { "-dc" }, &member]), bar),
        (Contender::new("3cpio", &["--list", &shown]), 1.0),
        (Contender::new("lsinitramfs", &[&shown]), 0.2),
        (Contender::new("lsinitrd", &[&shown]), 0.2),
    ];
    if main.compression != Compression::Zstd {
        // "At least 5 times faster than lsinitramfs" is asked of zstd; others are shown.
        others[2].1 = f64::INFINITY;
    }
    if image.maker.kind != Kind::Dracut {
        // lsinitrd reads two archives at most, and so stops before the main one where microcode of two makers comes first.
        others[3].1 = f64::INFINITY;
    }
    let fast = compare(&Contender::own("bootproof: entries, modules, texts", "--read", path), &others);
    fast && peak <= MEMORY_BAR
}

/// The archive at `offset` alone, in a file that the unpackers understand.
#[expect(clippy::disallowed_methods, reason = "a scratch file of the benchmark, in the target directory")]
fn member_file(path: &Path, offset: u64, length: u64) -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = path.file_name().unwrap_or_default();
    let member = directory.join(format!("{}.member", name.to_string_lossy()));
    let mut image = open(path);
    image.seek(SeekFrom::Start(offset)).expect("the archive is inside the image");
    let mut out = File::create(&member).expect("the target directory can be written to");
    std::io::copy(&mut image.take(length), &mut out).expect("the archive can be copied");
    member.display().to_string()
}
