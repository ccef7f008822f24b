use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;

fn read(memory: Memory) -> Packages {
    let tree = memory.into_tree();
    super::gather(&Gather::new(&tree, &Limits::default()), &System::default())
}

#[test]
fn dpkg_packages_are_found_by_name() {
    let packages = read(Memory::new().file(
        "var/lib/dpkg/status",
        "Package: openssl\nStatus: install ok installed\nVersion: 3.0.15-1~deb12u1\nArchitecture: amd64\n\n\
         Package: bash\nStatus: install ok installed\nVersion: 1:5.2.15-2\nArchitecture: amd64\n\n\
         Package: exim4\nStatus: deinstall ok config-files\nVersion: 4.96-15\nArchitecture: all\n\n\
         Package: grub-pc\nStatus: install ok half-configured\nVersion: 2.06-13\nArchitecture: amd64\n",
    ));
    assert_eq!(packages.manager, Some(Manager::Dpkg));
    let openssl = packages.find("openssl");
    let Known::Known(Some(openssl)) = openssl else { panic!("{openssl:?}") };
    assert_eq!((openssl.version.as_ref(), openssl.release.as_ref()), ("3.0.15", "1~deb12u1"));
    assert_eq!(packages.find("exim4"), Known::Known(None));
    assert_eq!(packages.find("zsh"), Known::Known(None));
    let versions = packages.versions.get().unwrap();
    assert_eq!(versions.get("bash").map(String::as_str), Some("1:5.2.15-2"));
    assert_eq!(versions.len(), 3);
    assert_eq!(packages.broken.len(), 1);
    assert_eq!(packages.broken[0].state, BrokenState::HalfConfigured);
    assert_eq!(packages.broken[0].at.to_string(), "var/lib/dpkg/status:17");
}

#[test]
fn without_a_database_nothing_is_said_of_packages() {
    let packages = read(Memory::new().directory("etc"));
    assert_eq!(packages.manager, None);
    assert_eq!(packages.find("openssl").needs(), Some("`var/lib/dpkg/status` or an rpm database"));
}

#[test]
fn an_interrupted_dpkg_is_seen_by_its_journal() {
    let status = "Package: a\nStatus: install ok installed\nVersion: 1\n";
    let memory = Memory::new().file("var/lib/dpkg/status", status);
    assert!(!read(memory.clone().directory("var/lib/dpkg/updates")).interrupted);
    assert!(read(memory.file("var/lib/dpkg/updates/0001", "")).interrupted);
}

#[test]
fn rpm_packages_are_found_in_every_format_and_place() {
    let files: [(&str, &[u8]); 3] = [
        ("var/lib/rpm/Packages", include_bytes!("../../../testdata/rpmdb/Packages.zst")),
        ("usr/lib/sysimage/rpm/Packages.db", include_bytes!("../../../testdata/rpmdb/Packages.db.zst")),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", include_bytes!("../../../testdata/rpmdb/rpmdb.sqlite.zst")),
    ];
    for (path, bytes) in files {
        let packages = read(Memory::new().file(path, zstd::decode_all(bytes).unwrap()));
        assert_eq!(packages.manager, Some(Manager::Rpm), "{path}");
        assert_eq!(packages.at.unwrap().path.as_ref(), path);
        let versions = packages.versions.get().unwrap();
        let names: Vec<&str> = versions.keys().map(AsRef::as_ref).collect();
        assert_eq!(names, ["bind", "kernel", "openssl", "tzdata"], "{path}");
        assert_eq!(versions["openssl"], "1.0.1e-58.el6_10", "{path}");
        assert_eq!(versions["bind"], "32:9.8.2-0.68.rc1.el6", "{path}");
        assert_eq!(versions["kernel"], "2.6.32-754.el6", "the last installed, {path}");
        assert_eq!(packages.list.get().unwrap().len(), 5, "{path}");
    }
}

#[test]
fn a_broken_rpm_database_is_a_problem_and_packages_are_unknown() {
    let whole = zstd::decode_all(&include_bytes!("../../../testdata/rpmdb/Packages.zst")[..]).unwrap();
    for bytes in [&whole[..whole.len() / 2], &b"not a database"[..]] {
        let tree = Memory::new().file("var/lib/rpm/Packages", bytes).into_tree();
        let limits = Limits::default();
        let gather = Gather::new(&tree, &limits);
        let packages = super::gather(&gather, &System::default());
        assert_eq!(packages.versions.needs(), Some("a whole rpm database in `var/lib/rpm/Packages`"));
        let problems = gather.into_problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].at.to_string(), "var/lib/rpm/Packages");
        assert!(
            problems[0].message.starts_with("this rpm database cannot be read: "),
            "{}",
            problems[0].message
        );
    }
}

#[test]
fn a_sosreport_tells_packages_without_their_database() {
    let packages = read(Memory::new().file(
        "installed-rpms",
        "openssl-1.0.1e-58.el6_10.x86_64                Tue Jun 19 21:26:04 2018\n\
         java-1.8.0-openjdk-1.8.0.171-8.b10.el6_9.x86_64 Tue Jun 19 21:26:04 2018\n",
    ));
    let versions = packages.versions.get().unwrap();
    assert_eq!(versions["openssl"], "1.0.1e-58.el6_10");
    assert_eq!(versions["java-1.8.0-openjdk"], "1.8.0.171-8.b10.el6_9");
}
