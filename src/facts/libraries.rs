//! Whether the programs that a system cannot do without find their shared libraries.
//!
//! Needed SONAMEs are looked up as ld.so(8) does: `DT_RPATH` (when there is no `DT_RUNPATH`) of the object and of
//! those that loaded it, `DT_RUNPATH`, ld.so.conf with its includes, then the default directories; hardware
//! capability subdirectories and `LD_LIBRARY_PATH` are left out. The ELF class and machine must fit.

mod linker;

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use crate::place::Place;
use linker::Linker;
pub(super) use linker::read_at;

/// Programs, and what they need.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Libraries {
    /// The directories that the linker searches, in order, with where each is from.
    pub search_path: Vec<SearchDirectory>,
    /// The programs that matter and are there.
    pub programs: Vec<Program>,
    /// Needed libraries that nothing on the linker's path provides.
    pub missing: Vec<MissingLibrary>,
}

/// A directory that the linker searches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SearchDirectory {
    /// Relative to the root.
    pub path: String,
    /// The line of ld.so.conf that names it; null for the default ones.
    pub at: Option<Place>,
}

/// A program and the libraries that it needs itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Program {
    /// The file.
    pub at: Place,
    /// Its path, relative to the root.
    pub path: String,
    /// Its short name: `sshd`.
    pub name: String,
    /// What it needs (`DT_NEEDED`), in its order, and what that leads to.
    pub needed: Vec<Needed>,
    /// The libssl it loads, itself or by way of another library; null when it loads none.
    pub libssl: Option<String>,
}

/// A needed library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Needed {
    /// The SONAME.
    pub soname: String,
    /// Where the linker finds it, relative to the root, links not followed; null when it does not.
    pub path: Option<String>,
}

/// A library, or a version of its symbols, that is needed and not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingLibrary {
    /// The object that needs it.
    pub at: Place,
    /// The object that needs it, a program or a library, relative to the root.
    pub needed_by: String,
    /// The SONAME that is missing, or the path of the dynamic linker (`PT_INTERP`).
    pub soname: String,
    /// The symbol version that the library which is there does not define; null when no file is there.
    pub symbol_version: Option<String>,
    /// The programs that do not start for it, relative to the root.
    pub programs: Vec<String>,
    /// Files of almost this name on the linker's path: another version, another class or machine.
    pub near: Vec<String>,
    /// Whether among the programs is one without which nobody logs in or the system does not come up (systemd, sshd,
    /// login, the shell).
    pub vital: bool,
}

/// Programs that a system, or those who use it, cannot do without: a short name, whether nobody gets in or nothing
/// comes up without it, and where packages put it. What is loaded at run time counts as a program: Apache's TLS
/// module, Dovecot's.
const PROGRAMS: [(&str, bool, &[&str]); 19] = [
    ("systemd", true, &["usr/lib/systemd/systemd", "lib/systemd/systemd"]),
    ("init", true, &["sbin/init"]),
    ("bash", true, &["bin/bash", "usr/bin/bash"]),
    ("login", true, &["bin/login", "usr/bin/login"]),
    ("sshd", true, &["usr/sbin/sshd"]),
    ("sshd-session", true, &["usr/libexec/openssh/sshd-session", "usr/lib/openssh/sshd-session"]),
    ("sudo", false, &["usr/bin/sudo"]),
    ("curl", false, &["usr/bin/curl"]),
    ("openssl", false, &["usr/bin/openssl"]),
    (
        "nginx",
        false,
        &["usr/sbin/nginx", "usr/local/nginx/sbin/nginx", "usr/local/sbin/nginx", "opt/nginx/sbin/nginx"],
    ),
    ("apache", false, &["usr/sbin/httpd", "usr/sbin/apache2"]),
    (
        "mod_ssl",
        false,
        &[
            "usr/lib64/httpd/modules/mod_ssl.so",
            "usr/lib/httpd/modules/mod_ssl.so",
            "usr/lib/apache2/modules/mod_ssl.so",
            "usr/lib64/apache2/mod_ssl.so",
        ],
    ),
    ("postfix", false, &["usr/libexec/postfix/smtpd", "usr/lib/postfix/sbin/smtpd", "usr/lib/postfix/smtpd"]),
    ("dovecot", false, &["usr/sbin/dovecot"]),
    (
        "dovecot-ssl",
        false,
        &[
            "usr/lib/dovecot/modules/libssl_iostream_openssl.so",
            "usr/lib64/dovecot/libssl_iostream_openssl.so",
            "usr/lib/dovecot/libssl_iostream_openssl.so",
            "usr/libexec/dovecot/imap-login",
            "usr/lib/dovecot/imap-login",
        ],
    ),
    ("haproxy", false, &["usr/sbin/haproxy"]),
    ("stunnel", false, &["usr/bin/stunnel", "usr/bin/stunnel4", "usr/sbin/stunnel"]),
    ("vsftpd", false, &["usr/sbin/vsftpd"]),
    ("pppd", false, &["usr/sbin/pppd"]),
];

/// Reads the programs that matter, and follows what they need.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Libraries {
    let mut linker = Linker::new(gather);
    let mut found = Libraries { search_path: linker.search_path.clone(), ..Libraries::default() };
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    for (name, vital, paths) in PROGRAMS {
        for path in paths {
            let Ok(resolved) = gather.tree.resolve(path) else { continue };
            if !gather.tree.exists(path) || !seen.insert(resolved) {
                continue;
            }
            if let Some((program, missing)) = linker.program(name, path, vital) {
                found.programs.push(program);
                missing.into_iter().for_each(|one| add_missing(&mut found.missing, one));
            }
        }
    }
    found
}

/// Adds what one program lacks, together with what other programs lack for the same reason.
fn add_missing(all: &mut Vec<MissingLibrary>, mut one: MissingLibrary) {
    let same = |other: &&mut MissingLibrary| {
        (&other.needed_by, &other.soname, &other.symbol_version)
            == (&one.needed_by, &one.soname, &one.symbol_version)
    };
    match all.iter_mut().find(same) {
        Some(other) => {
            other.vital |= one.vital;
            other.programs.append(&mut one.programs);
        }
        None => all.push(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::parse::test_elf::Library;
    use crate::source::memory::Memory;

    fn gathered(memory: Memory) -> Libraries {
        let tree = memory.into_tree();
        let limits = Limits::default();
        gather(&Gather::new(&tree, &limits))
    }

    fn healthy() -> Memory {
        Memory::new()
            .file("usr/sbin/sshd", Library::program().needs(&["libcrypto.so.10", "libc.so.6"]).build())
            .file(
                "lib64/libc.so.6",
                Library::new("libc.so.6").versions(&["libc.so.6", "GLIBC_2.2.5"]).build(),
            )
            .file(
                "usr/lib64/libcrypto.so.1.0.1e",
                Library::new("libcrypto.so.10").needs(&["libz.so.1"]).build(),
            )
            .link("usr/lib64/libcrypto.so.10", "libcrypto.so.1.0.1e")
            .file("opt/z/lib/libz.so.1", Library::new("libz.so.1").needs(&["libc.so.6"]).build())
            .file("etc/ld.so.conf", "include ld.so.conf.d/*.conf\n")
            .file("etc/ld.so.conf.d/z.conf", "include /etc/ld.so.conf\n/opt/z/lib\n")
    }

    #[test]
    fn a_program_whose_libraries_are_there_misses_nothing() {
        let found = gathered(healthy());
        assert_eq!(found.missing, []);
        let program = &found.programs[0];
        assert_eq!((program.name.as_str(), program.path.as_str()), ("sshd", "usr/sbin/sshd"));
        let paths: Vec<_> = program.needed.iter().map(|n| n.path.as_deref()).collect();
        assert_eq!(paths, [Some("usr/lib64/libcrypto.so.10"), Some("lib64/libc.so.6")]);
        let first = &found.search_path[0];
        assert_eq!(first.path, "opt/z/lib");
        assert_eq!(first.at.as_ref().unwrap().to_string(), "etc/ld.so.conf.d/z.conf:2");
    }

    #[test]
    fn a_missing_library_names_program_and_user_and_what_is_near() {
        let curl = Library::program().needs(&["libcrypto.so.10"]).build();
        let memory = healthy().file("etc/ld.so.conf.d/z.conf", "").file("lib64/libz.so.1.2.3", "");
        let memory = memory.file("usr/bin/curl", curl);
        let found = gathered(memory);
        let [missing] = found.missing.as_slice() else { panic!("{found:?}") };
        assert_eq!(missing.soname, "libz.so.1");
        assert_eq!(missing.programs, ["usr/sbin/sshd", "usr/bin/curl"]);
        assert_eq!(missing.needed_by, "usr/lib64/libcrypto.so.10");
        assert_eq!(missing.near, ["lib64/libz.so.1.2.3"]);
        assert!(missing.vital && missing.symbol_version.is_none());
    }

    #[test]
    fn a_library_of_another_machine_does_not_count() {
        let mut other = Library::new("libz.so.1").build();
        other[18] = 3; // EM_386
        let found = gathered(healthy().file("opt/z/lib/libz.so.1", other));
        assert_eq!(found.missing[0].near, ["opt/z/lib/libz.so.1"]);
    }

    #[test]
    fn dangling_links_and_empty_files_do_not_count() {
        let found = gathered(healthy().link("usr/lib64/libcrypto.so.10", "libcrypto.so.gone"));
        assert_eq!(found.missing[0].soname, "libcrypto.so.10");
        let found = gathered(healthy().file("lib64/libc.so.6", ""));
        assert!(found.missing.iter().any(|missing| missing.soname == "libc.so.6"));
    }

    #[test]
    fn what_cannot_be_read_is_not_called_missing() {
        let tree = healthy().link("usr/lib64/libcrypto.so.10", "/dev/zero");
        let mut tree = tree;
        let device = crate::source::Node {
            kind: crate::source::NodeKind::CharDevice,
            len: 0,
            mode: 0o600,
            uid: 0,
            mtime: 0,
        };
        tree.insert(std::path::Path::new("dev/zero"), device, Default::default());
        assert_eq!(gathered(tree).missing, []);
        let alone = Library::program().needs(&["libc.so.6"]).build();
        assert_eq!(gathered(Memory::new().file("usr/sbin/sshd", alone)).missing, []);
    }

    #[test]
    fn a_script_is_no_program() {
        let found = gathered(Memory::new().file("usr/sbin/sshd", "#!/bin/sh\n"));
        assert_eq!(found, Libraries::default());
    }
}
