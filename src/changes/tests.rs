//! What is told of two small systems.

use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;
use crate::source::{Node, NodeKind};

fn side(memory: Memory) -> Side {
    Side::read(memory.into_tree(), &Limits::default(), &[])
}

fn base() -> Memory {
    Memory::new().file("etc/fstab", "UUID=aa / ext4 defaults 0 1\nUUID=bb /data xfs defaults 0 2\n")
}

#[test]
fn a_file_that_a_report_lacks_is_not_gone() {
    let before = side(base().file("etc/multipath.conf", "defaults {\n}\n"));
    let whole = Comparison::of(&before, &side(base()));
    let gone = &whole.files[0];
    assert_eq!((gone.path.as_str(), gone.status), ("etc/multipath.conf", FileStatus::Removed));
    let report = Comparison::of(&before, &side(base().file("sos_commands/block/lsblk", "")));
    assert_eq!(report.files[0].status, FileStatus::Unknown);
    assert!(report.files[0].note.as_deref().unwrap().contains("after"));
    assert!(report.changes.files.is_empty());
}

#[test]
fn lines_are_compared_without_comments_order_and_secrets() {
    let before = side(base().file("etc/iscsi/iscsid.conf", "# a\nx = 1\nnode.session.auth.password = one\n"));
    let after = side(base().file("etc/iscsi/iscsid.conf", "node.session.auth.password = two\n# b\nx = 1\n"));
    let changes = Comparison::of(&before, &after).changes;
    let change = &changes.files[0];
    assert!(change.sets_differ);
    assert_eq!(change.removed, ["node.session.auth.password = ********"]);
    assert_eq!(change.added, ["node.session.auth.password = ********"]);
    assert_eq!(change.at.to_string(), "etc/iscsi/iscsid.conf:1");
    let comment = side(base().file("etc/sysctl.conf", "# one\nnet.ipv4.ip_forward = 1\n"));
    let other = side(base().file("etc/sysctl.conf", "net.ipv4.ip_forward = 1\n\n# two\n"));
    assert!(!Comparison::of(&comment, &other).changes.files[0].sets_differ);
}

#[test]
fn mounts_are_paired_by_mount_point_and_swap_by_device() {
    let table = |text: &str| side(Memory::new().file("etc/fstab", text));
    let before = table("UUID=aa / ext4 rw,noatime 0 1\nUUID=s1 none swap sw 0 0\nUUID=bb /data xfs rw 0 2\n");
    let after = table("UUID=s2 none swap sw 0 0\nUUID=aa / ext4 noatime,rw 0 1\nUUID=bb /data xfs ro 0 2\n");
    let changes = Comparison::of(&before, &after).changes;
    let mounts = changes.mounts.get().unwrap();
    let told: Vec<_> = mounts
        .iter()
        .map(|mount| (mount.mountpoint.as_str(), mount.device_differs, mount.options_differ))
        .collect();
    assert_eq!(told, [("none", true, false), ("/data", false, true)]);
    assert!(mounts[0].is_swap && mounts[0].is_early && !mounts[1].is_early);
}

#[test]
fn a_link_that_leads_elsewhere_is_a_change() {
    let before = side(base().link("etc/resolv.conf", "../run/a").file("run/a", "nameserver 192.0.2.1\n"));
    let after = side(base().file("etc/resolv.conf", "nameserver 192.0.2.1\n"));
    let files = Comparison::of(&before, &after).files;
    assert_eq!(files[0].note.as_deref(), Some("was a link to `../run/a`, now a file"));
    assert_eq!(files[0].status, FileStatus::Changed);
}

#[test]
fn the_same_system_twice_has_no_changes() {
    let comparison = Comparison::of(&side(base()), &side(base()));
    assert!(comparison.files.is_empty());
    assert!(comparison.changes.mounts.get().is_some_and(Vec::is_empty));
    assert!(comparison.changes.packages.get().is_none());
}

#[test]
fn a_file_beyond_the_limit_is_compared_by_size_and_time() {
    let large = |mtime: i64| {
        let node = Node { kind: NodeKind::File, len: 2 << 20, mode: 0o644, uid: 0, mtime };
        let mut memory = base();
        memory.insert("etc/hosts".as_ref(), node, vec![b'#'; 2 << 20].into());
        side(memory)
    };
    assert!(Comparison::of(&large(1), &large(1)).files.is_empty());
    assert_eq!(Comparison::of(&large(1), &large(2)).files[0].status, FileStatus::Changed);
}

#[test]
fn what_boots_by_itself_is_held_against_what_did() {
    let menu = |default: u8, entries: &[&str]| {
        let entry =
            |name: &&str| format!("menuentry '{name}' {{\n linux /boot/vmlinuz-{name} root=/dev/vda1\n}}\n");
        let menu: String = entries.iter().map(entry).collect();
        let memory = base().file("boot/grub/grub.cfg", format!("set default={default}\n{menu}"));
        let targets = crate::target::select(&["kvm".to_owned()]).unwrap();
        Side::read(memory.into_tree(), &Limits::default(), &targets)
    };
    let told = |before: &Side, after: &Side| -> Vec<(String, Option<String>, bool, BootDirection)> {
        let boots = Comparison::of(before, after).boots;
        let one = |boot: BootChange| {
            (boot.entry, boot.before.map(|old| old.entry), boot.is_replaced, boot.direction)
        };
        boots.into_iter().map(one).collect()
    };
    let same = told(&menu(0, &["a"]), &menu(0, &["a"]));
    assert_eq!(same, [("a".to_owned(), Some("a".to_owned()), false, BootDirection::Same)]);
    let updated = told(&menu(0, &["a"]), &menu(0, &["b", "a"]));
    assert_eq!(updated[0], ("b".to_owned(), Some("a".to_owned()), true, BootDirection::Same));
    assert_eq!(updated[1], ("a".to_owned(), Some("a".to_owned()), false, BootDirection::Same));
    let moved = told(&menu(0, &["a", "b"]), &menu(1, &["a", "b"]));
    assert_eq!(moved[1], ("b".to_owned(), Some("a".to_owned()), true, BootDirection::Same));
}

#[test]
fn the_inside_of_a_key_is_no_line_that_rules_see() {
    let key =
        |body: &str| {
            side(base().file(
                "etc/hosts",
                format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"),
            ))
        };
    let changes = Comparison::of(&key("MIIEone"), &key("MIIEtwo")).changes;
    assert_eq!(
        (changes.files[0].removed.clone(), changes.files[0].added.clone()),
        (vec!["********".to_owned()], vec!["********".to_owned()],)
    );
}
