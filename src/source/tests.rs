//! Hostile trees: links that lead out or in circles, names that are not what they should be, files that may not be
//! read. The same tree as a directory, in memory and as a tar must give the same answers.

use std::os::unix::fs::symlink;
use std::sync::Mutex;

use proptest::prelude::*;

use super::memory::Memory;
use super::*;

/// A file, link or directory of a made-up system.
#[derive(Debug, Clone)]
enum Thing {
    File,
    Directory,
    Link(String),
}

/// The system below `root` of a scratch directory, which has a secret beside it.
fn on_disk(things: &[(String, Thing)]) -> (tempfile::TempDir, Tree) {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    for directory in ["root", "outside"] {
        make_directory(&scratch.path().join(directory));
    }
    make_file(&scratch.path().join("outside/secret"), b"secret");
    for (path, thing) in things {
        let path = root.join(path);
        make_directory(path.parent().unwrap());
        match thing {
            Thing::File => {
                make_file(&path, path.to_str().unwrap().rsplit("root/").next().unwrap().as_bytes())
            }
            Thing::Directory => make_directory(&path),
            Thing::Link(target) => symlink(target, &path).unwrap(),
        }
    }
    let tree = Tree::open_root(&root).unwrap();
    (scratch, tree)
}

#[expect(clippy::disallowed_methods, reason = "the test makes the tree that the library then reads")]
fn make_file(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

fn make_directory(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
}

fn in_memory(things: &[(String, Thing)]) -> Tree {
    let memory = things.iter().fold(Memory::new(), |memory, (path, thing)| match thing {
        Thing::File => memory.file(path, path),
        Thing::Directory => memory.directory(path),
        Thing::Link(target) => memory.link(path, target),
    });
    memory.into_tree()
}

fn as_tar(things: &[(String, Thing)]) -> Tree {
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind, contents: &str, target: &str| {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_link_name_literal(target).unwrap();
        builder.append_data(&mut header, path, contents.as_bytes()).unwrap();
    };
    add("etc", ::tar::EntryType::Directory, "", "");
    for (path, thing) in things {
        match thing {
            Thing::File => add(path, ::tar::EntryType::Regular, path, ""),
            Thing::Directory => add(path, ::tar::EntryType::Directory, "", ""),
            Thing::Link(target) => add(path, ::tar::EntryType::Symlink, "", target),
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    make_file(file.path(), &builder.into_inner().unwrap());
    Tree::open_root(file.path()).unwrap()
}

fn named(path: &str, thing: Thing) -> (String, Thing) {
    (path.to_owned(), thing)
}

fn link(path: &str, target: &str) -> (String, Thing) {
    named(path, Thing::Link(target.to_owned()))
}

#[test]
fn links_lead_where_a_chrooted_process_would_see_them() {
    let things = [
        named("usr/lib/os-release", Thing::File),
        named("boot/efi/EFI/centos/grubenv", Thing::File),
        named("mnt/other", Thing::File),
        link("lib", "usr/lib"),
        link("etc/os-release", "../usr/lib/os-release"),
        link("etc/fstab", "/mnt/other"),
        link("boot/grub2/grubenv", "../efi/EFI/centos/grubenv"),
        link("etc/grub2.cfg", "../boot/grub2/grub.cfg"),
        link("etc/far", "../../../../../../usr/lib/os-release"),
        link("etc/outside", "../../outside/secret"),
        link("etc/chain", "chain1"),
        link("etc/chain1", "/etc/chain2"),
        link("etc/chain2", "../lib/os-release"),
        link("etc/loop", "loop"),
        link("etc/ping", "pong"),
        link("etc/pong", "ping"),
        link("etc/self", "."),
        link("top", "/"),
        link("etc/through", "fstab/x"),
    ];
    let (_scratch, disk) = on_disk(&things);
    for tree in [&disk, &in_memory(&things), &as_tar(&things)] {
        for (path, leads_to) in [
            ("lib/os-release", "usr/lib/os-release"),
            ("/etc/os-release", "usr/lib/os-release"),
            ("etc/fstab", "mnt/other"),
            ("boot/grub2/grubenv", "boot/efi/EFI/centos/grubenv"),
            ("etc/far", "usr/lib/os-release"),
            ("etc/chain", "usr/lib/os-release"),
            ("etc/self/self/self/fstab", "mnt/other"),
            ("top/top/etc/fstab", "mnt/other"),
            ("../../etc/../etc/fstab", "mnt/other"),
        ] {
            let file = tree.read(path).unwrap();
            assert_eq!(
                (file.resolved.to_str(), file.bytes.as_slice()),
                (Some(leads_to), leads_to.as_bytes())
            );
        }
        for path in ["etc/grub2.cfg", "etc/outside", "etc/through", "etc/fstab/x", "nowhere/at/all"] {
            assert_eq!(tree.read(path).unwrap_err(), LookupError::Absent { path: path.to_owned() });
        }
        for path in ["etc/loop", "etc/ping", "etc/pong", "etc/loop/x"] {
            assert_eq!(tree.read(path).unwrap_err(), LookupError::LinkLoop { path: path.to_owned() });
        }
        assert_eq!(tree.resolve("etc/grub2.cfg").unwrap(), Path::new("boot/grub2/grub.cfg"));
        let NodeKind::Link(target) = tree.symlink_metadata("etc/loop").unwrap().kind else { panic!() };
        assert_eq!(target, Path::new("loop"));
    }
}

#[test]
fn forty_links_are_followed_and_one_more_is_not() {
    let chain = |links: u32| {
        let memory = Memory::new().file("end", "x").link("0", "end");
        let memory =
            (1..links).fold(memory, |memory, at| memory.link(&at.to_string(), &(at - 1).to_string()));
        memory.into_tree().read((links - 1).to_string())
    };
    assert_eq!(chain(MAX_LINKS).unwrap().bytes, b"x");
    assert!(matches!(chain(MAX_LINKS + 1), Err(LookupError::LinkLoop { .. })));
}

#[test]
fn fifos_and_devices_are_never_opened() {
    let scratch = tempfile::tempdir().unwrap();
    let fifo = scratch.path().join("fstab");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    std::os::unix::net::UnixListener::bind(scratch.path().join("socket")).unwrap();
    let tree = Tree::open_root(scratch.path()).unwrap();
    // Opening the fifo would wait for a writer.
    let error = tree.read("fstab").unwrap_err();
    assert_eq!(error.to_string(), "`fstab` is a fifo, not a regular file");
    assert_eq!(tree.read("socket").unwrap_err().to_string(), "`socket` is a socket, not a regular file");
    let device = Tree::open_root(Path::new("/dev")).unwrap().read("null").unwrap_err();
    assert_eq!(device.to_string(), "`null` is a character device, not a regular file");
}

/// A system of which some files may not be read, whoever asks: the tests may run as root.
struct Forbidden(Memory, Mutex<Vec<PathBuf>>);

impl Backend for Forbidden {
    fn node(&self, path: &Path) -> Result<Node, LookupError> {
        if path.starts_with("root/.ssh") && path != Path::new("root/.ssh") {
            return Err(LookupError::Unreadable {
                path: display_path(path),
                reason: "Permission denied".into(),
            });
        }
        self.0.node(path)
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError> {
        self.0.list(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError> {
        self.1.lock().unwrap().push(path.to_path_buf());
        if path.ends_with("crypttab") {
            return Err(LookupError::Unreadable {
                path: display_path(path),
                reason: "Permission denied".into(),
            });
        }
        self.0.open(path)
    }
}

#[test]
fn what_may_not_be_read_is_told_by_the_name_that_was_asked_for() {
    let memory = Memory::new()
        .file("srv/crypttab", "x")
        .link("etc/crypttab", "../srv/crypttab")
        .file("etc/fstab", "y")
        .directory("root/.ssh");
    let tree = Tree::new(Forbidden(memory, Mutex::default()), "forbidden");
    for path in ["etc/crypttab", "root/.ssh/config"] {
        let reason = "Permission denied".to_owned();
        assert_eq!(tree.read(path).unwrap_err(), LookupError::Unreadable { path: path.to_owned(), reason });
    }
    assert!(!tree.exists("root/.ssh/config"));
    assert_eq!(tree.read("etc/fstab").unwrap().bytes, b"y");
}

#[test]
fn a_file_beyond_the_limit_is_not_even_opened() {
    let memory = Memory::new().file("etc/fstab", vec![b'#'; 1000]);
    let backend = Forbidden(memory, Mutex::default());
    let tree = Tree::new(backend, "forbidden");
    let error = tree.read_limited("etc/fstab", 999).unwrap_err();
    assert_eq!(error, LookupError::TooLarge { path: "etc/fstab".to_owned(), len: 1000, limit: 999 });
    assert_eq!(tree.read_limited("etc/fstab", 1000).unwrap().bytes.len(), 1000);
}

#[test]
fn files_of_proc_are_read_though_they_say_to_be_empty() {
    let tree = Tree::open_root(Path::new("/")).unwrap();
    assert!(tree.is_live());
    let Ok(file) = tree.read("proc/version") else { return };
    assert_eq!(file.node.len, 0);
    assert!(file.bytes.starts_with(b"Linux version"));
}

#[test]
fn what_cannot_be_a_system_is_said_so() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("missing");
    let error = Tree::open_root(&missing).unwrap_err();
    assert!(matches!(&error, SourceError::Open { .. }), "{error}");
    assert!(error.to_string().ends_with("missing`: No such file or directory (os error 2)"), "{error}");
    for (name, bytes, says) in [
        ("empty", &b""[..], "it is empty"),
        ("text", b"just some text", "it starts with text: `just some text`"),
        (
            "image.qcow2",
            b"QFI\xfb\0\0\0\x03",
            "a qcow2 disk image, which this version does not read; mount it",
        ),
        ("zip.tar", b"PK\x03\x04", "a zip archive"),
        ("broken.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03broken", "it begins as gzip does"),
        ("broken.tar.zst", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff", "it begins as zstd does"),
    ] {
        let path = scratch.path().join(name);
        make_file(&path, bytes);
        let error = Tree::open_root(&path).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
}

/// An empty directory is a system about which nothing is known, and no failure.
#[test]
fn an_empty_root_is_no_system() {
    let scratch = tempfile::tempdir().unwrap();
    let error = Tree::open_system(scratch.path()).unwrap_err();
    assert!(matches!(error, SourceError::NoSystem { .. }), "{error}");
    assert!(error.to_string().contains("holds no Linux system: it has neither"), "{error}");
}

fn a_thing() -> impl Strategy<Value = (String, Thing)> {
    let name = "[ab](/[abc]){0,2}";
    let target = prop_oneof![
        "(\\.\\./){0,4}[abc](/[abc]){0,2}",
        "/(\\.\\./){0,2}[abc]?(/[abc]){0,2}",
        Just("../../outside/secret".to_owned()),
        Just("../../../../outside/secret".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
    ];
    let thing = prop_oneof![
        2 => Just(Thing::File),
        1 => Just(Thing::Directory),
        3 => target.prop_map(Thing::Link),
    ];
    (name, thing)
}

/// Things that can stand beside each other: none below a file or a link, each name once.
fn consistent(things: Vec<(String, Thing)>) -> Vec<(String, Thing)> {
    let mut kept: Vec<(String, Thing)> = Vec::new();
    for (path, thing) in things {
        let below =
            |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !kept.iter().any(|(other, _)| below(&path, other) || below(other, &path)) {
            kept.push((path, thing));
        }
    }
    kept
}

proptest! {
    // Each case makes a tree on disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_directory_memory_and_a_tar_answer_alike_and_none_leads_out(
        things in proptest::collection::vec(a_thing(), 1..10).prop_map(consistent),
        paths in proptest::collection::vec("/?([abc]|\\.\\.)(/([abc]|\\.\\.|secret)){0,4}", 1..12),
    ) {
        let (_scratch, disk) = on_disk(&things);
        let (memory, tar) = (in_memory(&things), as_tar(&things));
        for path in &paths {
            let read = disk.read(path).map(|file| (file.resolved, file.bytes));
            if let Ok((resolved, bytes)) = &read {
                prop_assert_eq!(bytes.as_slice(), resolved.to_str().unwrap().as_bytes());
                prop_assert!(resolved.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
            prop_assert_eq!(&read, &memory.read(path).map(|file| (file.resolved, file.bytes)), "{}", path);
            prop_assert_eq!(&read, &tar.read(path).map(|file| (file.resolved, file.bytes)), "{}", path);
            prop_assert_eq!(disk.list(path), memory.list(path), "{}", path);
            prop_assert_eq!(disk.resolve(path), memory.resolve(path), "{}", path);
        }
    }
}
