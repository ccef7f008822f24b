use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;

fn read(memory: Memory) -> Packages {
    let tree = memory.into_tree();
    super::gather(&Gather::new(&tree, &Limits::default()))
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
