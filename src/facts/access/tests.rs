use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::facts::Limits;
use crate::facts::mounting::InitSystem;
use crate::source::memory::Memory;
use crate::source::{Node, NodeKind};

fn read(memory: Memory) -> Access {
    let (tree, limits) = (memory.into_tree(), Limits::default());
    let context = Gather::new(&tree, &limits);
    let services = crate::facts::services::gather(&context, InitSystem::Systemd, None);
    gather(&context, &services)
}

fn server(config: &str) -> Memory {
    Memory::new()
        .file("etc/ssh/sshd_config", config)
        .file("usr/sbin/sshd", "\x7fELF")
        .file("etc/passwd", "root:x:0:0::/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/bash\nwww:x:33:33::/:/usr/sbin/nologin\n")
        .file("etc/group", "root:x:0:\nwheel:x:10:admin\nadmin:x:1000:\n")
        .file("etc/shadow", "root:!:1::::::\nadmin:$6$x:1::::::\n")
        .file("root/.ssh/authorized_keys", "# none\n\nssh-ed25519 AAAA root@example\n")
        .link("etc/systemd/system/multi-user.target.wants/sshd.service", "/usr/lib/systemd/system/sshd.service")
        .file("etc/ssh/ssh_host_ed25519_key", "x")
}

fn sshd(access: &Access) -> &Sshd {
    access.sshd.get().unwrap().as_ref().unwrap()
}

#[test]
fn the_first_value_counts_and_blocks_stay_apart() {
    let access = read(
        server("Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nHostKey /etc/ssh/ssh_host_rsa_key\nMatch User sftp\n  PasswordAuthentication no\nMatch all\nPort 2222\n")
            .file("etc/ssh/sshd_config.d/10-x.conf", "permitrootlogin prohibit-password\nMatch Group x\nX11Forwarding no\n"),
    );
    let sshd = sshd(&access);
    assert_eq!(sshd.settings["permitrootlogin"].value, "prohibit-password");
    assert_eq!(sshd.settings["permitrootlogin"].at.to_string(), "etc/ssh/sshd_config.d/10-x.conf:1");
    assert_eq!(sshd.settings["port"].value, "2222");
    assert_eq!(sshd.matches.len(), 2);
    assert_eq!((sshd.root_login.as_str(), &sshd.in_use), ("key", &Known::Known(true)));
    assert_eq!(sshd.missing_host_keys[0].name, "/etc/ssh/ssh_host_rsa_key");
    assert_eq!(sshd.logins, Known::Known(vec!["root".to_owned(), "admin".to_owned()]));
}

#[test]
fn who_is_not_allowed_does_not_get_in() {
    for (config, logins) in [
        ("PermitRootLogin no\n", ["admin"].as_slice()),
        ("PermitRootLogin no\nAllowUsers olduser\n", &[]),
        ("AllowUsers adm*@192.0.2.0/24\n", &["admin"]),
        ("AllowGroups wheel\n", &["admin"]),
        ("DenyUsers admin\n", &["root"]),
        ("PasswordAuthentication no\n", &["root"]),
        ("PasswordAuthentication no\nPermitRootLogin no\n", &[]),
    ] {
        let access = read(server(config));
        let found = sshd(&access).logins.get().unwrap().clone();
        assert_eq!(found, logins, "{config}");
    }
}

#[test]
fn no_server_is_not_the_same_as_no_input() {
    assert!(read(Memory::new()).sshd.needs().is_some());
    let bare = read(Memory::new().file("etc/passwd", "root:x:0:0::/root:/bin/sh\n").directory("usr/sbin"));
    assert_eq!(bare.sshd, Known::Known(None));
}

#[test]
fn sudo_reads_its_folder_and_passes_over_other_names() {
    let access = read(
        Memory::new()
            .file("etc/sudoers", "root ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n")
            .file("etc/sudoers.d/10-admin", "admin ALL=(ALL) ALL\nbroken line\n")
            .file("etc/sudoers.d/x.bak", "broken line\n"),
    );
    let who: Vec<_> = access.sudo.grants.iter().map(|grant| grant.name.as_str()).collect();
    assert_eq!(who, ["root", "admin"]);
    let [mistake] = access.sudo.mistakes.as_slice() else { panic!("{:?}", access.sudo) };
    assert_eq!(mistake.at.to_string(), "etc/sudoers.d/10-admin:2");
}

#[test]
fn sudo_needs_its_setuid_bit_where_modes_are_kept() {
    let program = |mode| Node { kind: NodeKind::File, len: 1, mode, uid: 0, mtime: 0 };
    for (mode, refused) in [(0o4755, 0), (0o755, 1)] {
        let mut memory = Memory::new().file("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        memory.insert(Path::new("usr/bin/su"), program(0o4755), Arc::default());
        memory.insert(Path::new("usr/bin/sudo"), program(mode), Arc::default());
        assert_eq!(read(memory).sudo.refused.len(), refused, "{mode:o}");
    }
}
