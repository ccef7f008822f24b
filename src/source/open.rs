//! What the user named as the system: a directory, an archive in a file, a stream. What a file is, its first bytes
//! tell, not its name.

use std::fs::File;
use std::io::{Cursor, IsTerminal, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};

use super::decode::{self, Compression, Decoded};
use super::directory::Directory;
use super::tar::{Archive, MANIFEST, is_tar};
use super::{Backend, SourceError, escape_bytes};

/// Bytes at the start of a file that tell what it is; the mark that lies farthest in is that of ISO 9660, at 32 KiB.
const START: usize = 36 * 1024;

/// What to do with a disk image, until it can be read itself.
const MOUNT_IT: &str = "which this version does not read; mount it read-only (`guestmount --ro -i -a IMAGE DIR`, or \
                        `losetup -r -P` and `mount -o ro`) and give the directory";

/// Opens what `path` names; `-` is a tar on the standard input.
pub(super) fn open(path: &Path) -> Result<Box<dyn Backend>, SourceError> {
    let name = escape_bytes(path.as_os_str().as_encoded_bytes());
    if path == Path::new("-") {
        return standard_input();
    }
    let failed = |error: rustix::io::Errno| open_error(&name, &error.into());
    let stat = statat(CWD, path, AtFlags::empty()).map_err(failed)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::Directory => return directory(path, &name),
        FileType::RegularFile | FileType::Fifo => {}
        FileType::BlockDevice => return Err(unsupported(&name, format!("it is a block device, {MOUNT_IT}"))),
        _ => return Err(unsupported(&name, "it is a device or a socket".to_owned())),
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(openat(CWD, path, flags, Mode::empty()).map_err(failed)?);
    if kind == FileType::Fifo { stream(file, &name) } else { regular(file, &name) }
}

/// A directory as the system. What was packed of a system is less than it: only the archive tells what was left out.
fn directory(path: &Path, name: &str) -> Result<Box<dyn Backend>, SourceError> {
    let directory = Directory::open(path)?;
    if directory.node(Path::new(MANIFEST)).is_ok() {
        let reason =
            "a collection was unpacked there, without the files that it left out; give the tar itself";
        return Err(unsupported(name, reason.to_owned()));
    }
    Ok(Box::new(directory))
}

/// A stream of bytes as the system, for tests.
#[cfg(test)]
pub(super) fn open_stream(input: impl Read + Send + 'static) -> Result<super::Tree, SourceError> {
    Ok(super::Tree::over(stream(input, "-")?, "-".to_owned(), false))
}

fn open_error(name: &str, error: &std::io::Error) -> SourceError {
    SourceError::Open { path: name.to_owned(), reason: error.to_string() }
}

fn unsupported(name: &str, reason: String) -> SourceError {
    SourceError::Unsupported { path: name.to_owned(), reason }
}

fn standard_input() -> Result<Box<dyn Backend>, SourceError> {
    let name = "-";
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let reason = "the standard input is a terminal; pipe a tar archive to it".to_owned();
        return Err(unsupported(name, reason));
    }
    let mut file = File::from(stdin.as_fd().try_clone_to_owned().map_err(|error| open_error(name, &error))?);
    let stat = fstat(&file).map_err(|error| open_error(name, &error.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        // `bootproof check - < system.tar`: a file like any other, if nothing was read of it.
        FileType::RegularFile if file.stream_position().is_ok_and(|position| position == 0) => {
            regular(file, name)
        }
        FileType::Directory => Err(unsupported(name, "the standard input is a directory".to_owned())),
        _ => stream(file, name),
    }
}

fn regular(file: File, name: &str) -> Result<Box<dyn Backend>, SourceError> {
    let failed = |error: std::io::Error| open_error(name, &error);
    let stat = fstat(&file).map_err(|error| failed(error.into()))?;
    let len = u64::try_from(stat.st_size).unwrap_or_default();
    let mut start = vec![0; START];
    let mut filled = 0;
    while let Some(rest) = start.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64).map_err(failed)? {
            0 => break,
            read => filled += read,
        }
    }
    start.truncate(filled);
    if start.is_empty() {
        return Err(unsupported(name, "it is empty".to_owned()));
    }
    let compression = Compression::of(&start);
    if compression == Compression::None {
        if !is_tar(&start) {
            return match collection_behind(&start) {
                Some(_) => stream(file, name),
                None => Err(unsupported(name, foreign(&start))),
            };
        }
        return Ok(Box::new(Archive::of_file(Arc::new(file), len, name)?));
    }
    let file = Arc::new(file);
    let input = Archive::compressed_input(&file, len, compression).map_err(failed)?;
    let input = with_tar_inside(input, compression, name)?;
    Ok(Box::new(Archive::of_compressed(input, file, len, compression, name)?))
}

fn stream(input: impl Read + Send + 'static, name: &str) -> Result<Box<dyn Backend>, SourceError> {
    let failed = |error: std::io::Error| open_error(name, &error);
    let (start, mut input) = peeked(decode::buffered(input), START).map_err(failed)?;
    if start.is_empty() {
        let reason =
            "it is empty: what was to write it has written nothing, and may have said why on its stderr";
        return Err(unsupported(name, reason.to_owned()));
    }
    let mut compression = Compression::of(&start);
    if compression == Compression::None && !is_tar(&start) {
        let behind = collection_behind(&start).ok_or_else(|| unsupported(name, foreign(&start)))?;
        std::io::copy(&mut (&mut input).take(behind as u64), &mut std::io::sink()).map_err(failed)?;
        compression = Compression::of(start.get(behind..).unwrap_or_default());
    }
    let input = decode::decoded(decode::buffered(input), compression).map_err(failed)?;
    let input = with_tar_inside(input, compression, name)?;
    Ok(Box::new(Archive::of_stream(input, name)?))
}

/// Makes sure that there is a tar behind the compression.
fn with_tar_inside(input: Decoded, compression: Compression, name: &str) -> Result<Decoded, SourceError> {
    let corrupt = |error: std::io::Error| SourceError::Corrupt {
        path: name.to_owned(),
        offset: 0,
        reason: format!("it begins as {} does, but cannot be unpacked: {error}", compression.name()),
    };
    let (start, input) = peeked(input, START).map_err(corrupt)?;
    if is_tar(&start) {
        return Ok(decode::buffered(Box::new(input)));
    }
    let reason = if start.is_empty() { "nothing".to_owned() } else { foreign(&start) };
    Err(unsupported(name, format!("behind its compression ({}): {reason}", compression.name())))
}

/// Reads the first bytes of a stream, and gives the whole stream back.
fn peeked<R: Read + Send + 'static>(
    mut input: R,
    len: usize,
) -> std::io::Result<(Vec<u8>, impl Read + Send + 'static)> {
    let mut start = Vec::new();
    let read = (&mut input).take(len as u64).read_to_end(&mut start);
    // A stream that breaks off right after its start still has that start.
    if let Err(error) = read
        && start.len() < 512
    {
        return Err(error);
    }
    let again = Cursor::new(start.clone());
    Ok((start, again.chain(input)))
}

/// Where a collection begins behind text that came before it: what a login script prints on the way of `ssh HOST sh -s`.
fn collection_behind(start: &[u8]) -> Option<usize> {
    let plain = memchr::memmem::find_iter(start, MANIFEST.as_bytes());
    let plain = plain.filter(|at| start.get(*at..).is_some_and(is_tar));
    // A member's name is no text; gzip's first bytes and those of zstd are none either.
    let marks: [&[u8]; 2] = [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"];
    let packed = marks.iter().filter_map(|mark| memchr::memmem::find(start, mark));
    let at = plain.chain(packed).min()?;
    is_text(start.get(..at)?).then_some(at)
}

/// Whether this is what programs print for people.
fn is_text(bytes: &[u8]) -> bool {
    let is_printed = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b | 0x07 | 0x08);
    !bytes.is_empty() && bytes.iter().all(is_printed)
}

/// Characters of a text that are shown.
const SHOWN: usize = 100;

/// What a file that is no tar may be, and what to do instead.
fn foreign(start: &[u8]) -> String {
    let at = |offset: usize, mark: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(mark));
    let disk_image = [
        (0, &b"QFI\xfb"[..], "a qcow2 disk image"),
        (0, b"KDMV", "a VMDK disk image"),
        (0, b"COWD", "a VMDK disk image"),
        (0, b"# Disk DescriptorFile", "a VMDK descriptor"),
        (0, b"conectix", "a VHD disk image"),
        (0, b"vhdxfile", "a VHDX disk image"),
        (64, b"\x7f\x10\xda\xbe", "a VDI disk image"),
        (0, b"XFSB", "an XFS file system"),
        (0, b"hsqs", "a squashfs file system"),
        (1080, b"\x53\xef", "an ext file system"),
        (512, b"EFI PART", "a raw disk image"),
        (536, b"LVM2 001", "an LVM physical volume"),
        (32769, b"CD001", "a CD image"),
        (510, b"\x55\xaa", "a raw disk image"),
    ];
    if let Some((.., what)) = disk_image.iter().find(|(offset, mark, _)| at(*offset, mark)) {
        return format!("it is {what}, {MOUNT_IT}");
    }
    if ["070701", "070702", "070707"].iter().any(|magic| at(0, magic.as_bytes())) {
        return "it is a cpio archive; if it is an initrd, `bootproof initrd list` reads it".to_owned();
    }
    if at(0, b"PK\x03\x04") {
        return "it is a zip archive; unpack it and give the directory".to_owned();
    }
    if start.iter().take(512).all(|byte| *byte == 0) {
        return "it begins with zeros, as an empty tar archive does".to_owned();
    }
    if is_text(start.get(..512).unwrap_or(start)) {
        let lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default();
        let shown: String = escape_bytes(first).chars().take(SHOWN).collect();
        return format!(
            "it starts with text: `{shown}`; if that is the output of a command, the command has printed this instead \
             of a tar; else give the root directory of a mounted system, or a tar of it"
        );
    }
    "its first bytes are no tar header; give the root directory of a mounted system, or a tar of it"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tar_is_named() {
        let with = |offset: usize, mark: &[u8]| {
            let mut bytes = vec![0; START];
            bytes[offset..offset + mark.len()].copy_from_slice(mark);
            foreign(&bytes)
        };
        assert!(
            with(0, b"QFI\xfb").starts_with("it is a qcow2 disk image, which this version does not read")
        );
        assert!(with(510, b"\x55\xaa").contains("a raw disk image"));
        assert!(with(1080, b"\x53\xef").contains("an ext file system"));
        assert!(with(0, b"070701").contains("bootproof initrd list"));
        assert!(with(0, b"hello\x01").contains("no tar header"));
        assert!(foreign(b"\n sh: tar: not found\n").starts_with("it starts with text: `sh: tar: not found`"));
        assert!(foreign(&[]).contains("zeros"));
    }

    #[test]
    fn compressions_are_told_by_their_first_bytes() {
        for (start, compression) in [
            (&b"\x1f\x8b\x08\x00"[..], Compression::Gzip),
            (b"BZh91AY", Compression::Bzip2),
            (b"\xfd7zXZ\x00", Compression::Xz),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff", Compression::Lzma),
            (b"etc/", Compression::None),
            (b"BZ", Compression::None),
            (b"", Compression::None),
        ] {
            assert_eq!(Compression::of(start), compression, "{start:?}");
        }
    }
}
