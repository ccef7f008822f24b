//! Keeps secrets out of what is shown: the lines of files in findings, differences and facts.
//!
//! A report is mailed, filed and pasted into tickets, so what a program keeps secret must not get there. Masked are
//! the formats that are known to hold secrets: pppd(8) (chap-secrets, pap-secrets), initscripts' ifcfg keys, iscsid.conf,
//! grub's passwords, dracut.cmdline(7) (`iscsi:` URLs), NetworkManager's keyfiles (nm-settings-keyfile(5)), netplan,
//! wpa_supplicant.conf(5), wg(8), rndc.conf(5), nslcd.conf(5), snmpd.conf(5), systemd.exec(5) (`SetCredential=`), postfix's
//! lookup tables for SASL, files of credentials (mount.cifs(8)), keys in PEM; and, everywhere, what looks like a
//! password's assignment, a crypt(5) hash or a token that services give out. A line too many masked is no harm.

pub(crate) mod table;

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use table::Pattern;

/// What stands for a secret. The same length for all, so that the length is no hint.
pub(crate) const MASK: &str = "********";

/// Masks the lines of one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masker<'a> {
    path: &'a str,
    kind: Kind,
}

/// What a file is, as far as its secrets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Client, server, secret, addresses (pppd(8)).
    PppSecrets,
    /// Every line holds a secret.
    Secret,
    /// Words such as `passwd` and `password` stand for something else: nsswitch.conf(5), pam.conf(5).
    Innocent,
    /// Anything else.
    Other,
}

impl Kind {
    fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        let has = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        match name {
            _ if table::PPP_SECRETS.contains(&name) => Self::PppSecrets,
            "nsswitch.conf" => Self::Innocent,
            _ if path.starts_with("etc/pam.d/") || path == "etc/pam.conf" => Self::Innocent,
            _ if table::SECRET_NAMES.contains(&name)
                || begins(&table::SECRET_STARTS)
                || has(&table::SECRET_ENDINGS)
                || (name.to_ascii_lowercase().contains(table::SECRET_PART) && !is_unit(name)) =>
            {
                Self::Secret
            }
            _ => Self::Other,
        }
    }
}

fn is_unit(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| table::UNITS.contains(&ending))
}

impl<'a> Masker<'a> {
    /// For the file at `path`, relative to the root.
    pub(crate) fn of(path: &'a str) -> Self {
        Self { path, kind: Kind::of(path) }
    }

    /// `line` without its secrets. Lines of a key in PEM say nothing by themselves: [`key_lines`] finds them.
    pub(crate) fn line(self, line: &str) -> String {
        let line = match self.kind {
            Kind::Innocent => return hidden(&BY_SHAPE, line),
            Kind::Secret => return secret_line(line),
            Kind::PppSecrets => third_word(line),
            Kind::Other => line.to_owned(),
        };
        let mut line = line;
        if table::DIALLING_FOLDERS.iter().any(|folder| self.path.starts_with(folder)) {
            line = hidden(&DIALLING, &line);
        }
        if table::NETWORK_FOLDERS.iter().any(|folder| self.path.starts_with(folder)) {
            line = hidden(&CONNECTION, &line);
        }
        line = hidden(&BY_NAME, &line);
        hidden(&BY_SHAPE, &line)
    }

    /// The lines of `text` without its secrets.
    pub(crate) fn lines(self, text: &str) -> Vec<String> {
        let keys = key_lines(text.as_bytes());
        let is_key = |index: usize| keys.iter().any(|lines| lines.contains(&index));
        let lines = text.lines().enumerate();
        lines.map(|(index, line)| if is_key(index) { MASK.to_owned() } else { self.line(line) }).collect()
    }
}

/// Bytes of a text in which keys are looked for. Configuration with a key in it has kilobytes.
const KEYS_WITHIN: usize = 4 << 20;

/// The lines, from 0, that are the inside of a private key (RFC 7468, OpenVPN's static keys, OpenPGP). A key that does
/// not end goes on to the end.
pub(crate) fn key_lines(text: &[u8]) -> Vec<Range<usize>> {
    let text = text.get(..KEYS_WITHIN).unwrap_or(text);
    if memchr::memmem::find(text, b"-----BEGIN ").is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut start = None;
    let mut lines = 0;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        lines = index + 1;
        let has = |wanted: &[u8]| memchr::memmem::find(line, wanted).is_some();
        if has(b"-----BEGIN ") && (has(b"PRIVATE KEY") || has(b"Static key")) {
            start = Some(index + 1);
        } else if has(b"-----END ")
            && let Some(start) = start.take()
        {
            found.push(start..index);
        }
    }
    found.extend(start.map(|start| start..lines));
    found
}

/// A line of a file that is all secrets: its comment, or the name before `=`.
fn secret_line(line: &str) -> String {
    let trimmed = line.trim();
    let is_frame = trimmed.starts_with("-----") && trimmed.ends_with("-----");
    if trimmed.is_empty() || is_frame {
        return line.to_owned();
    }
    let plain = ["username", "user", "domain"];
    match trimmed.split_once('=') {
        Some((name, _)) if plain.contains(&name.trim().to_ascii_lowercase().as_str()) => line.to_owned(),
        Some((name, _)) if name.chars().all(|c| c.is_ascii_alphanumeric() || "_- .".contains(c)) => {
            format!("{name}={MASK}")
        }
        _ => MASK.to_owned(),
    }
}

/// Client, server, secret, addresses (pppd(8)): masks the third of these, quoted or not.
fn third_word(line: &str) -> String {
    if line.trim_start().starts_with('#') {
        return line.to_owned();
    }
    let mut words = 0;
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        let word = rest.get(start..).unwrap_or_default();
        let quote = word.chars().next().filter(|c| matches!(c, '"' | '\''));
        let end = match quote {
            Some(quote) => word.get(1..).and_then(|tail| tail.find(quote)).map_or(word.len(), |end| end + 2),
            None => word.find(char::is_whitespace).unwrap_or(word.len()),
        };
        words += 1;
        if words == 3 {
            let before = line.len() - word.len();
            let kept = line.get(..before).unwrap_or_default();
            return format!("{kept}{MASK}{}", word.get(end..).unwrap_or_default());
        }
        rest = word.get(end..).unwrap_or_default();
    }
    line.to_owned()
}

type Patterns = LazyLock<Option<Vec<Regex>>>;

/// `line` with [`MASK`] where a pattern matches, its groups `kept` and `after` left as they are.
fn hidden(patterns: &Patterns, line: &str) -> String {
    // The patterns are constants; should one be wrong, whole lines are masked rather than none.
    let Some(patterns) = patterns.as_ref() else { return MASK.to_owned() };
    let mut line = line.to_owned();
    for pattern in patterns {
        let masked = pattern.replace_all(&line, |found: &Captures<'_>| {
            let kept = found.name("kept").map_or("", |kept| kept.as_str());
            let after = found.name("after").map_or("", |after| after.as_str());
            format!("{kept}{MASK}{after}")
        });
        line = masked.into_owned();
    }
    line
}

fn compiled(patterns: &[Pattern]) -> Option<Vec<Regex>> {
    patterns.iter().map(|pattern| Regex::new(&pattern.regex())).collect::<Result<_, _>>().ok()
}

static CONNECTION: Patterns = LazyLock::new(|| compiled(&table::CONNECTION));
static DIALLING: Patterns = LazyLock::new(|| compiled(&table::DIALLING));
static BY_NAME: Patterns = LazyLock::new(|| compiled(&table::BY_NAME));
static BY_SHAPE: Patterns = LazyLock::new(|| compiled(&table::BY_SHAPE));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(path: &str, line: &str) -> String {
        Masker::of(path).line(line)
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        let cases = [
            ("etc/ppp/chap-secrets", "office PPTP hunter2 *", "office PPTP ******** *"),
            ("etc/ppp/pap-secrets", "\"my user\"\t*\t\"hun ter2\"", "\"my user\"\t*\t********"),
            ("etc/ppp/chap-secrets", "# client server secret", "# client server secret"),
            ("etc/ppp/peers/office", "password hunter2", "password ********"),
            ("etc/sysconfig/network-scripts/ifcfg-wlan0", "WPA_PSK='hunter2 x'", "WPA_PSK=********"),
            ("etc/sysconfig/network-scripts/keys-wlan0", "KEY1=hunter2", "KEY1=********"),
            (
                "etc/iscsi/iscsid.conf",
                "node.session.auth.password = hunter2",
                "node.session.auth.password = ********",
            ),
            ("etc/iscsi/iscsid.conf", "node.session.auth.username = me", "node.session.auth.username = me"),
            ("boot/grub/grub.conf", "password --md5 $1$abc$def", "password --md5 ********"),
            ("boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB", "GRUB2_PASSWORD=********"),
            (
                "boot/grub/grub.cfg",
                "linux /vmlinuz netroot=iscsi:u:pw@192.0.2.1::3260::iqn",
                "linux /vmlinuz netroot=iscsi:********@192.0.2.1::3260::iqn",
            ),
            (
                "etc/fstab",
                "//h/s /m cifs user=x,password=hunter2,rw 0 0",
                "//h/s /m cifs user=x,password=********,rw 0 0",
            ),
            ("etc/fstab", "UUID=abc / ext4 defaults 0 1", "UUID=abc / ext4 defaults 0 1"),
            (
                "etc/crypttab",
                "luks-1 UUID=abc /etc/keys/secret.key luks",
                "luks-1 UUID=abc /etc/keys/secret.key luks",
            ),
            ("etc/vconsole.conf", "KEYMAP=us", "KEYMAP=us"),
            (
                "etc/haproxy/haproxy.cfg",
                "  user x insecure-password hunter2",
                "  user x insecure-password ********",
            ),
            ("etc/haproxy/haproxy.cfg", "  stats auth admin:hunter2", "  stats auth admin:********"),
            ("etc/httpd/conf/x.conf", "AuthLDAPBindPassword \"hun ter2\"", "AuthLDAPBindPassword ********"),
            ("etc/NetworkManager/system-connections/wlan.nmconnection", "psk=hunter2 x", "psk=********"),
            (
                "etc/NetworkManager/system-connections/wlan.nmconnection",
                "key-mgmt=wpa-psk",
                "key-mgmt=wpa-psk",
            ),
            (
                "etc/NetworkManager/system-connections/eap.nmconnection",
                "password=/hunter2",
                "password=********",
            ),
            (
                "etc/NetworkManager/system-connections/eap.nmconnection",
                "wep-key0=hunter2",
                "wep-key0=********",
            ),
            (
                "etc/NetworkManager/system-connections/eap.nmconnection",
                "private-key=/etc/pki/host.key",
                "private-key=/etc/pki/host.key",
            ),
            (
                "etc/wireguard/wg0.conf",
                "PrivateKey = /AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "PrivateKey = ********",
            ),
            ("etc/netplan/01.yaml", "        password: \"hun ter2\"", "        password: ********"),
            ("etc/wpa_supplicant/wpa_supplicant.conf", "  #psk=\"hunter2\"", "  #psk=********"),
            ("etc/nsswitch.conf", "passwd:  files systemd", "passwd:  files systemd"),
            ("etc/pam.d/common-password", "password required pam_unix.so", "password required pam_unix.so"),
            ("etc/shadow", "root:$y$j9T$abc:19000:0:99999:7:::", "********"),
            ("etc/samba/credentials", "username=me", "username=me"),
            (
                "var/lib/pacemaker/cib/cib.xml",
                "<primitive id=\"f\"><nvpair id=\"a\" name=\"passwd\" value=\"hunter2\"/>",
                "<primitive id=\"f\"><nvpair id=\"a\" name=\"passwd\" value=\"********\"/>",
            ),
            ("usr/lib/systemd/system/load-credentials.service", "Type=oneshot", "Type=oneshot"),
            ("etc/samba/nas.credentials", "password=hunter2", "password=********"),
            ("etc/postfix/sasl_passwd", "[smtp.example.com]:587 me:hunter2", "********"),
            (
                "etc/postfix/main.cf",
                "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd",
                "smtp_sasl_password_maps = ********",
            ),
            ("etc/bind/rndc.conf", "\tsecret \"aHVudGVyMg==\";", "\tsecret ********;"),
            ("etc/nslcd.conf", "bindpw hunter2", "bindpw ********"),
            ("etc/snmp/snmpd.conf", "rocommunity hunter2 192.0.2.0/24", "rocommunity ******** 192.0.2.0/24"),
            (
                "etc/systemd/system/app.service",
                "Environment=\"DB_PASSWORD=hunter2\" PORT=80",
                "Environment=\"DB_PASSWORD=******** PORT=80",
            ),
            ("etc/systemd/system/app.service", "SetCredential=db:hunter2 x", "SetCredential=********"),
            ("etc/systemd/system/app.service", "LoadCredential=db:/etc/db", "LoadCredential=********"),
            (
                "etc/app.conf",
                "url = https://me:hunter2@example.com/x",
                "url = https://********@example.com/x",
            ),
            ("etc/app.conf", "header = Bearer 0123456789abcdef", "header = Bearer ********"),
            ("etc/app.conf", "key AKIAABCDEFGHIJKLMNOP", "key ********"),
            ("etc/nvme/config.json", "\"dhchap_key\": \"DHHC-1:00:abc:\"", "\"dhchap_key\": ********"),
            ("etc/chatscripts/isp", "assword: hunter2", "assword: ********"),
            ("etc/ssh/sshd_config", "PasswordAuthentication no", "PasswordAuthentication no"),
            ("etc/multipath.conf", "    path_checker tur", "    path_checker tur"),
            ("etc/login.defs", "PASS_MAX_DAYS 99999", "PASS_MAX_DAYS 99999"),
        ];
        for (path, line, expected) in cases {
            assert_eq!(mask(path, line), expected, "{path}: {line}");
        }
    }

    #[test]
    fn grub_passwords_are_masked_in_every_form() {
        for line in [
            "password hunter2",
            "password --encrypted hunter2",
            "  password_pbkdf2 root grub.pbkdf2.sha512.1",
            "password root hunter2",
        ] {
            let masked = mask("boot/grub/grub.cfg", line);
            assert!(!masked.contains("hunter2") && !masked.contains("sha512"), "{masked}");
        }
    }

    #[test]
    fn keys_in_pem_are_masked_whole() {
        let text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----\nb\n\
                    -----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n\
                    -----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl";
        let lines = Masker::of("etc/app.conf").lines(text);
        assert_eq!(lines.iter().filter(|line| *line == MASK).count(), 3);
        assert!(lines.contains(&"MIID".to_owned()) && lines.contains(&"b".to_owned()));
        assert!(!lines.iter().any(|line| line.contains("MIIE") || line.contains("b3Bl")));
    }

    proptest! {
        #[test]
        fn no_password_survives_its_assignment(
            name in "[a-z]{0,5}(password|psk|passphrase|secret|token)",
            between in " ?[=:] ?",
            secret in "[A-Za-z0-9]{6,20}",
            path in "etc/[a-z]{1,8}\\.conf",
        ) {
            let masked = mask(&path, &format!("{name}{between}{secret}"));
            prop_assert!(!masked.contains(&secret), "{}", masked);
        }

        #[test]
        fn any_line_ends(path in "\\PC{0,30}", line in "\\PC{0,300}") {
            let _ = Masker::of(&path).lines(&line);
        }
    }
}
