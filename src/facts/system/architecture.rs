//! Which machine the system's programs are for: from the programs themselves, and where the input holds none (a
//! sosreport), from what the package manager or uname(1) said.

use std::io::Read;

use super::{Gather, Known, first_word};
use crate::source::LookupError;

/// Programs that every system has one of; the first that is an ELF file tells the architecture.
const PROGRAMS: [&str; 6] =
    ["bin/sh", "usr/bin/bash", "sbin/init", "usr/lib/systemd/systemd", "lib64/libc.so.6", "lib/libc.so.6"];

pub(super) fn gather(gather: &Gather<'_>) -> Known<String> {
    let mut programs = PROGRAMS.iter().filter_map(|path| elf_machine(gather, path));
    if let Some(machine) = programs.next() {
        return Known::Known(machine.to_owned());
    }
    for path in ["var/lib/dpkg/arch-native", "var/lib/dpkg/arch"] {
        let name = gather.read(path).present().and_then(|file| first_word(&file));
        if let Some(name) = name {
            return Known::Known(from_debian(&name));
        }
    }
    // `x86_64-redhat-linux`, written by anaconda up to RHEL 6.
    let platform = gather.read("etc/rpm/platform").present().and_then(|file| first_word(&file));
    if let Some((machine, _)) = platform.as_deref().and_then(|text| text.split_once('-')) {
        return Known::Known(machine.to_owned());
    }
    uname(gather).map_or_else(|| Known::unknown("a program of the system such as `bin/sh`"), Known::Known)
}

/// sosreport keeps `uname -a`: the machine is the last word before `GNU/Linux`, after processor and platform that
/// repeat it.
fn uname(gather: &Gather<'_>) -> Option<String> {
    let paths = ["sos_commands/kernel/uname_-a", "uname"];
    let file = paths.iter().find_map(|path| gather.read(path).present())?;
    let text = String::from_utf8_lossy(&file.bytes);
    let mut words = text.split_whitespace();
    words.find(|word| KNOWN.contains(word)).map(str::to_owned)
}

const KNOWN: [&str; 9] = ["x86_64", "i686", "i586", "i386", "aarch64", "armv7l", "ppc64le", "ppc64", "s390x"];

fn from_debian(name: &str) -> String {
    match name {
        "amd64" => "x86_64",
        "i386" => "i686",
        "arm64" => "aarch64",
        "armhf" => "armv7l",
        "ppc64el" => "ppc64le",
        other => other,
    }
    .to_owned()
}

/// Reads the first 20 bytes of an ELF header: e_ident and e_machine (elf(5)).
fn elf_machine(gather: &Gather<'_>, path: &str) -> Option<&'static str> {
    let mut content = match gather.tree.open(path) {
        Ok((content, _)) => content,
        // Absent is no trouble; `sbin/init` that cannot be read is, but the next program tells as well.
        Err(LookupError::Absent { .. } | LookupError::Lost { .. }) => return None,
        Err(error) => {
            gather.note_lookup(&error);
            return None;
        }
    };
    let mut header = [0_u8; 20];
    // Shorter than a header (or a read error): no ELF file, the next program is asked.
    content.read_exact(&mut header).ok()?;
    machine_name(&header)
}

fn machine_name(header: &[u8; 20]) -> Option<&'static str> {
    let [0x7f, b'E', b'L', b'F', class, data, .., low, high] = *header else { return None };
    let machine = if data == 2 { u16::from_be_bytes([low, high]) } else { u16::from_le_bytes([low, high]) };
    // e_machine values of elf.h.
    match (machine, class, data) {
        (62, _, _) => Some("x86_64"),
        (3 | 6, _, _) => Some("i686"),
        (183, _, _) => Some("aarch64"),
        (40, _, _) => Some("armv7l"),
        (21, _, 1) => Some("ppc64le"),
        (21, _, _) => Some("ppc64"),
        (20, _, _) => Some("ppc"),
        (22, 2, _) => Some("s390x"),
        (22, _, _) => Some("s390"),
        (243, _, _) => Some("riscv64"),
        (50, _, _) => Some("ia64"),
        (258, _, _) => Some("loongarch64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_named_as_uname_does() {
        let header = |class: u8, data: u8, machine: [u8; 2]| {
            let mut header = [0_u8; 20];
            header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
            header[18..].copy_from_slice(&machine);
            header
        };
        for (header, name) in [
            (header(2, 1, [62, 0]), Some("x86_64")),
            (header(1, 1, [3, 0]), Some("i686")),
            (header(2, 1, [183, 0]), Some("aarch64")),
            (header(2, 1, [21, 0]), Some("ppc64le")),
            (header(2, 2, [0, 21]), Some("ppc64")),
            (header(2, 2, [0, 22]), Some("s390x")),
            (header(2, 1, [9, 9]), None),
            ([0; 20], None),
        ] {
            assert_eq!(machine_name(&header), name);
        }
    }
}
