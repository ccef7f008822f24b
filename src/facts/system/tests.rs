use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;

fn read(memory: Memory) -> System {
    let tree = memory.into_tree();
    super::gather(&Gather::new(&tree, &Limits::default()))
}

fn elf(class: u8, machine: u16) -> Vec<u8> {
    let mut bytes = vec![0_u8; 64];
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}

#[test]
fn debian_12_is_known_with_its_point_release() {
    let system = read(
        Memory::new()
            .link("etc/os-release", "../usr/lib/os-release")
            .file(
                "usr/lib/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
            )
            .file("etc/debian_version", "12.5\n")
            .file("etc/hostname", "web1.example.com\n")
            .file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
            .link("bin", "usr/bin")
            .link("usr/bin/sh", "dash")
            .file("usr/bin/dash", elf(2, 62)),
    );
    assert_eq!(system.id.as_deref(), Some("debian"));
    assert_eq!(system.family, Known::Known(Family::Debian));
    assert_eq!((system.version_id.as_deref(), system.full_version.as_deref()), (Some("12"), Some("12.5")));
    assert_eq!(system.major_version, Some(12));
    assert_eq!(system.architecture, Known::Known("x86_64".to_owned()));
    assert_eq!(system.hostname.as_deref(), Some("web1.example.com"));
    assert_eq!(system.machine_id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(system.at.unwrap().to_string(), "etc/os-release:4");
    assert_eq!(system.container, None);
}

#[test]
fn release_files_older_than_os_release_are_read() {
    for (files, id, version, full, major, family) in [
        (
            vec![
                ("etc/redhat-release", "CentOS release 6.10 (Final)\n"),
                ("etc/system-release", "CentOS release 6.10 (Final)\n"),
            ],
            "centos",
            "6.10",
            "6.10",
            6,
            Family::Rhel,
        ),
        (
            vec![("etc/redhat-release", "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)\n")],
            "rhel",
            "4",
            "4.8",
            4,
            Family::Rhel,
        ),
        (
            vec![
                ("etc/redhat-release", "Red Hat Enterprise Linux Server release 6.9 (Santiago)\n"),
                ("etc/oracle-release", "Oracle Linux Server release 6.9\n"),
            ],
            "ol",
            "6.9",
            "6.9",
            6,
            Family::Rhel,
        ),
        (
            vec![(
                "etc/SuSE-release",
                "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
            )],
            "sles",
            "11.4",
            "11.4",
            11,
            Family::Suse,
        ),
        (
            vec![
                (
                    "etc/lsb-release",
                    "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=10.04\nDISTRIB_DESCRIPTION=\"Ubuntu 10.04.4 LTS\"\n",
                ),
                ("etc/debian_version", "squeeze/sid\n"),
            ],
            "ubuntu",
            "10.04",
            "10.04",
            10,
            Family::Debian,
        ),
        (vec![("etc/debian_version", "6.0.10\n")], "debian", "6.0.10", "6.0.10", 6, Family::Debian),
    ] {
        let memory = files.iter().fold(Memory::new(), |memory, (path, text)| memory.file(path, text));
        let system = read(memory);
        assert_eq!(system.id.as_deref(), Some(id));
        assert_eq!(system.version_id.as_deref(), Some(version), "{id}");
        assert_eq!(system.full_version.as_deref(), Some(full), "{id}");
        assert_eq!(system.major_version, Some(major), "{id}");
        assert_eq!(system.family, Known::Known(family), "{id}");
    }
}

#[test]
fn a_derivative_belongs_to_the_family_it_is_like() {
    let system =
        read(Memory::new().file("etc/os-release", "ID=example\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=3\n"));
    assert_eq!(system.family, Known::Known(Family::Debian));
    assert_eq!(system.id_like, ["ubuntu", "debian"]);
}

#[test]
fn without_release_files_family_and_architecture_are_unknown() {
    let system = read(Memory::new().file("etc/fstab", ""));
    assert_eq!(system.id, None);
    assert_eq!(system.family.needs(), Some("`etc/os-release` or another release file"));
    assert_eq!(system.architecture.needs(), Some("a program of the system such as `bin/sh`"));
}

#[test]
fn a_sosreport_without_programs_tells_architecture_and_host_name() {
    let system = read(
        Memory::new()
            .file(
                "sos_commands/kernel/uname_-a",
                "Linux db1 2.6.32-754.el6.x86_64 #1 SMP Tue Jun 19 21:26:04 UTC 2018 x86_64 x86_64 x86_64 GNU/Linux\n",
            )
            .file("etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=db1.example.com\n"),
    );
    assert_eq!(system.architecture, Known::Known("x86_64".to_owned()));
    assert_eq!(system.hostname.as_deref(), Some("db1.example.com"));
}

#[test]
fn containers_are_told_by_what_they_leave() {
    for (memory, kind, at) in [
        (Memory::new().file(".dockerenv", ""), ContainerKind::Docker, ".dockerenv"),
        (Memory::new().file("run/systemd/container", "lxc\n"), ContainerKind::Lxc, "run/systemd/container"),
        (
            Memory::new().file("etc/mtab", "proc /proc proc rw 0 0\n/dev/simfs / simfs rw 0 0\n"),
            ContainerKind::Openvz,
            "etc/mtab:2",
        ),
        (Memory::new().directory("proc/vz"), ContainerKind::Openvz, "proc/vz"),
    ] {
        let container = read(memory).container.unwrap();
        assert_eq!((container.kind, container.at.to_string().as_str()), (kind, at));
    }
    // The host of OpenVZ containers has both, and is none.
    assert_eq!(read(Memory::new().directory("proc/vz").directory("proc/bc")).container, None);
}
