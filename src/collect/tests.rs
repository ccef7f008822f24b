//! Runs the script with the `sh` that is there, and holds what it packs and masks against the reader's own tables.
#![expect(clippy::disallowed_methods, reason = "runs the script on trees of its own")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::script;
use crate::secrets::Masker;
use crate::source::interest::{self, interest};

/// A root with these files.
fn root(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// The regular files that the script packs of a root, by path.
fn packed(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("collect.sh");
    fs::write(&file, script().unwrap()).unwrap();
    let output = Command::new("sh").arg(&file).arg(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut archive = tar::Archive::new(output.stdout.as_slice());
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let path = path.trim_start_matches("./").to_owned();
        if entry.header().entry_type().is_file() && !path.starts_with("bootproof-collect/") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert_eq!(found.insert(path.clone(), bytes), None, "{path} is packed twice");
        }
    }
    found
}

/// A path in each place that the tables name, and others beside them.
fn paths() -> BTreeSet<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut paths = BTreeSet::new();
    let tables = [&interest::CONFIGURATION[..], &interest::LOCAL, &interest::FILES, &interest::IMAGES];
    for start in tables.concat().iter().chain(&interest::SCRIPTS).map(|start| text(start)) {
        if start.starts_with("bootproof-collect") {
            continue;
        }
        if let Some(folder) = start.strip_suffix('/') {
            paths.extend([
                format!("{folder}/x"),
                format!("{folder}/deeper/still/x.conf"),
                format!("{folder}y/z/x"),
            ]);
        } else {
            paths.insert(format!("{start}/x"));
        }
    }
    for program in interest::PROGRAMS.map(text) {
        paths.extend([format!("usr/sbin/{program}"), format!("usr/share/{program}x/{program}")]);
    }
    let more = "usr/lib/x86_64-linux-gnu/libssl.so.3 lib64/ld-linux-x86-64.so.2 usr/lib/a/b/c/libdeep.so opt/x/libq.so \
                opt/x/q.so usr/local/lib/libz.so.1 usr/libexec/sudo/libsudo_util.so.0 usr/bin/perl usr/share/doc/x \
                usr/lib/systemd/systemd-udevd usr/lib/systemd/system/a.service .dockerenv top.conf srv/www/index.html \
                var/lib/apt/lists/x_InRelease var/lib/apt/lists/x_Translation opt/apache-tomcat-9/conf/context.xml \
                opt/apache-tomcat-9/webapps/x.xml opt/vendor/x.lic u01/network/admin/tnsnames.ora \
                lib/modules/6.1.0/modules.dep lib/modules/6.1.0/vdso/vdso.so usr/lib/modules/6.1.0/modules.dep \
                lib/modules/6.1.0/kernel/a.ko.xz lib/modules/6.1.0/kernel/a.txt usr/lib/modules/6.1.0/extra/b.ko";
    paths.extend(more.split_whitespace().map(str::to_owned));
    paths
}

#[test]
fn what_is_packed_is_what_is_kept_of_a_stream() {
    let paths = paths();
    let root = root(paths.iter().map(|path| (path.clone(), b"x\n".to_vec())));
    let packed: BTreeSet<String> = packed(root.path()).into_keys().collect();
    let expected: BTreeSet<String> =
        paths.into_iter().filter(|path| interest(path.as_bytes(), 2).is_some()).collect();
    assert!(expected.len() > 150, "{}", expected.len());
    let missing: Vec<_> = expected.difference(&packed).collect();
    let needless: Vec<_> = packed.difference(&expected).collect();
    assert_eq!((missing, needless), (Vec::new(), Vec::new()));
}

#[test]
fn of_modules_only_those_are_packed_that_nothing_else_tells_of() {
    let order = b"kernel/drivers/a.ko\nkernel/net/ena.ko\n".to_vec();
    let root = root([
        ("lib/modules/6.1.0/modules.alias".to_owned(), b"# Aliases\n".to_vec()),
        ("lib/modules/6.1.0/modules.order".to_owned(), order),
        ("lib/modules/6.1.0/kernel/drivers/a.ko.xz".to_owned(), b"a".to_vec()),
        ("lib/modules/6.1.0/kernel/net/ena.ko.xz".to_owned(), b"b".to_vec()),
        ("lib/modules/6.1.0/updates/foreign.ko".to_owned(), b"c".to_vec()),
    ]);
    let modules: Vec<String> = packed(root.path()).into_keys().filter(|path| path.contains(".ko")).collect();
    assert_eq!(modules, ["lib/modules/6.1.0/kernel/net/ena.ko.xz", "lib/modules/6.1.0/updates/foreign.ko"]);
}

/// Lines with every name and form of a secret, and lines that look like one.
fn lines() -> Vec<String> {
    let names = [
        "password",
        "Passwd",
        "wpa-psk",
        "secret",
        "api_key",
        "private-key",
        "bindpw",
        "KEY1",
        "MONKEY",
        "community",
        "psk",
        "authtoken",
        "compass",
        "passphrase2",
        "rootpw",
        "dhchap_key",
    ];
    let between = ["=", ": ", " = ", " ", "\" : "];
    let values = [
        "hunter2",
        "\"hun ter2\"",
        "'it, is'",
        "/etc/key",
        "a,b;c",
        "",
        "x=y",
        "{x}",
        "no",
        "\"\"",
        "secret=q z",
    ];
    let mut lines = Vec::new();
    for name in names {
        for between in between {
            for value in values {
                lines.push(format!("{name}{between}{value}"));
                lines.push(format!("  option user=me,{name}{between}{value} rest=1"));
            }
        }
    }
    let others = "password hunter2\npassword --md5 $1$abc$def\n  password_pbkdf2 root grub.pbkdf2.sha512.1.A\n\
                  password root hunter2 \nGRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB\n\
                  linux /vmlinuz netroot=iscsi:u:pw@192.0.2.1::3260::iqn x=https://me:pw@h/x\n\
                  //h/s /m cifs user=x,password=hunter2,rw 0 0\n  stats auth admin:hunter2\n\
                  Environment=\"DB_PASSWORD=hunter2\" PORT=80\nSetCredential=db:hunter2 x\nLoadCredential=db:/etc/db\n\
                  header = Bearer 0123456789abcdef\nkey AKIAABCDEFGHIJKLMNOP\n\"dhchap_key\": \"DHHC-1:00:abc:\"\n\
                  <nvpair name=\"passwd\" value=\"hunter2\"/> <nvpair name=\"token\" value=\"t\"/>\n\
                  t eyJhbGciOiJI.eyJzdWIiOiIx.abc ghp_0123456789ab\nPrivateKey = /AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
                  rocommunity hunter2 192.0.2.0/24\n\tsecret \"aHVudGVyMg==\";\nssword: hunter2\nABORT BUSY assword: hunter2\n\
                  PasswordAuthentication no\nPASS_MAX_DAYS 99999\npath_checker tur\n\ttab\ttext\npassword\n";
    lines.extend(others.lines().map(str::to_owned));
    lines
}

#[test]
fn the_masks_of_the_script_are_those_of_reports() {
    let text = lines().join("\n");
    let files = [
        "etc/app.conf",
        "etc/fstab",
        "etc/pam.d/common-password",
        "etc/nsswitch.conf",
        "etc/ppp/peers/office",
        "etc/chatscripts/isp",
        "etc/netplan/01.yaml",
        "etc/NetworkManager/system-connections/wlan.nmconnection",
        "etc/ppp/chap-secrets",
        "boot/grub/grub.cfg",
    ];
    let secrets = "# client server secret\noffice PPTP hunter2 *\n\"my user\"\t*\t\"hun ter2\"\nx *\n";
    let of = |path: &str| if path.ends_with("-secrets") { secrets.to_owned() } else { text.clone() };
    let root = root(files.iter().map(|path| ((*path).to_owned(), of(path).into_bytes())));
    let packed = packed(root.path());
    for path in files {
        let masked =
            String::from_utf8(packed.get(path).unwrap_or_else(|| panic!("{path} is missing")).clone());
        let (masked, text) = (masked.unwrap(), of(path));
        let expected = Masker::of(path).lines(&text);
        for ((line, masked), expected) in text.lines().zip(masked.lines()).zip(&expected) {
            assert_eq!(masked, expected, "{path}: {line}");
        }
        assert_eq!(masked.ends_with('\n'), text.ends_with('\n'), "{path}");
    }
}

#[test]
fn secrets_stay_behind() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----\n";
    let long = format!("etc/{}/x.conf", "l".repeat(120));
    let files = [
        ("etc/shadow", "root:$6$hunter2:19000:0:99999:7:::\nuser:!$6$hunter2:1::::::\nnobody:*:1::::::\n"),
        ("etc/shadow-", "root:$6$hunter2:19000::::::\n"),
        ("etc/gshadow", "root:hunter2::\n"),
        ("etc/krb5.keytab", "hunter2"),
        ("etc/ssh/ssh_host_ed25519_key", key),
        ("etc/app/tls.conf", key),
        ("etc/binary", "\0password=hunter2\n"),
        ("run/credentials/x", "hunter2"),
        ("etc/a b'c\"d$e", "password=hunter2"),
        ("etc/two\nlines", "password=hunter2\n"),
        (&long, "password=hunter2\n\u{e4}"),
        ("etc/latin", "caf\u{e9}\n"),
        ("etc/empty", ""),
    ];
    let root = root(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
    let packed = packed(root.path());
    let text = |path: &str| packed.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(
        text("etc/shadow").as_deref(),
        Some("root:hidden:19000:0:99999:7:::\nuser:!:1::::::\nnobody:*:1::::::\n")
    );
    for left in
        ["etc/shadow-", "etc/gshadow", "etc/krb5.keytab", "etc/ssh/ssh_host_ed25519_key", "run/credentials/x"]
    {
        assert_eq!(text(left), None, "{left}");
    }
    assert_eq!(text("etc/a b'c\"d$e").as_deref(), Some("password=********"));
    assert_eq!(text("etc/two\nlines").as_deref(), Some("password=********\n"));
    assert_eq!(text(&long).as_deref(), Some("password=********\n\u{e4}"));
    assert_eq!(text("etc/latin").as_deref(), Some("caf\u{e9}\n"));
    assert_eq!(text("etc/empty").as_deref(), Some(""));
    for (path, bytes) in &packed {
        let shown = String::from_utf8_lossy(bytes);
        assert!(!shown.contains("hunter2") && !shown.contains("b3Blbn"), "{path}: {shown}");
    }
}
