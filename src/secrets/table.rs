//! Where secrets stand: names of files, and patterns of lines. Data alone, because two engines read it: this program's
//! [`Masker`](super::Masker), and the awk of the script that `bootproof collect` prints (`crate::collect::ere`), which
//! knows POSIX's extended regular expressions and no more.

/// What stands before a secret, the secret, and what must follow it. `kept` and `after` stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pattern {
    /// What says that a secret follows.
    pub(crate) kept: &'static str,
    /// The secret.
    pub(crate) secret: &'static str,
    /// The character behind it, as it is; empty where it may be any.
    pub(crate) after: &'static str,
    /// Whether capital letters do not matter.
    pub(crate) any_case: bool,
}

impl Pattern {
    const fn new(kept: &'static str, secret: &'static str) -> Self {
        Self { kept, secret, after: "", any_case: false }
    }

    const fn any_case(kept: &'static str, secret: &'static str) -> Self {
        Self { kept, secret, after: "", any_case: true }
    }

    const fn before(self, after: &'static str) -> Self {
        Self { after, ..self }
    }

    /// The pattern with its groups `kept` and `after`, as the `regex` crate reads it.
    pub(crate) fn regex(&self) -> String {
        let case = if self.any_case { "(?i)" } else { "" };
        let after = regex::escape(self.after);
        format!("{case}(?P<kept>{})(?:{})(?P<after>{after})", self.kept, self.secret)
    }
}

/// Files of pppd(8): client, server, secret, addresses.
pub(crate) const PPP_SECRETS: [&str; 3] = ["chap-secrets", "pap-secrets", "srp-secrets"];

/// Names of files that hold nothing else.
pub(crate) const SECRET_NAMES: [&str; 7] =
    ["secrets", ".netrc", ".pgpass", ".htpasswd", "htpasswd", "opasswd", ".credentials"];

/// Beginnings of their names.
pub(crate) const SECRET_STARTS: [&str; 5] =
    ["shadow", "gshadow", "sasl_passwd", ".smbcredentials", "passwd-s3fs"];

/// Endings of their names.
pub(crate) const SECRET_ENDINGS: [&str; 9] =
    ["_key", ".key", ".keys", ".keytab", ".psk", ".secrets", ".secret", ".pass", ".cred"];

/// What stands in their names, in capital letters or not.
pub(crate) const SECRET_PART: &str = "credential";

/// Endings of systemd's units, which load credentials and hold none.
pub(crate) const UNITS: [&str; 6] = ["service", "socket", "path", "mount", "target", "timer"];

/// Where a value goes to the end of its line, and WireGuard's keys stand under names that say little.
pub(crate) const NETWORK_FOLDERS: [&str; 5] =
    ["etc/netplan/", "etc/NetworkManager/", "etc/wireguard/", "etc/systemd/network/", "run/netplan/"];

/// Where [`DIALLING`] counts.
pub(crate) const DIALLING_FOLDERS: [&str; 2] = ["etc/ppp/", "etc/chatscripts/"];

/// Passwords of connections, and 32 bytes in Base64 (wg(8)).
pub(crate) const CONNECTION: [Pattern; 2] = [
    Pattern::any_case(r"^\s*[\w.-]*(?:password|psk|wep-key\d|pin|secret|secrets)\s*[=:]\s*", r"\S.*"),
    Pattern::new(r"[=:]\s*", r"[A-Za-z0-9+/]{43}="),
];

/// `password` of an options file (pppd(8)), and what a chat script answers to `assword:` (chat(8)).
pub(crate) const DIALLING: [Pattern; 2] =
    [Pattern::new(r"^\s*password\s+", r"\S.*"), Pattern::any_case(r#"assword:?\S*["']?\s+"#, r"\S+")];

/// What stands behind a name that says it is a secret.
pub(crate) const BY_NAME: [Pattern; 7] = [
    // systemd.exec(5), systemd.system-credentials(7): id, colon, value.
    Pattern::new(r"(?:SetCredential(?:Encrypted)?|systemd\.set_credential(?:_binary)?)=[^:\s]*:", r".+"),
    // `password`, `password --md5` (grub legacy) and `password user`, `password_pbkdf2 user` (grub 2).
    Pattern::new(r"^\s*password(?:_pbkdf2)?\s+(?:--(?:md5|encrypted)\s+|[^\s=]+\s+)?", r"[^\s=].*"),
    // A name that can be nothing else, whatever its value.
    Pattern::any_case(
        concat!(
            r"\b[\w.-]*(?:password|passwd|passphrase|psk|preshared[_-]?key|authtok|bindpw|rootpw)\d?",
            r#"["']?\s*[=:]\s*"#
        ),
        r#""[^"]*"|'[^']*'|[^\s,;"'][^\s,;]*"#,
    ),
    // A name that may be that of a file; a path, or a table of postfix (`hash:/etc/...`), is no secret.
    Pattern::any_case(
        concat!(
            r"\b[\w.-]*(?:passw(?:or)?d|passphrase|secret|psk|pass|wep[_-]?key\d*|private[_-]?key|",
            r"(?:api|access|auth|dhchap)[_-]?key|credential|token|community)\w*",
            r#"["']?\s*[=:]\s*|\bKEY\d?="#
        ),
        r#""[^"/][^"]*"|'[^'/][^']*'|[^\s,;/"'&|<][^\s,;]*"#,
    ),
    // After a space, as HAProxy (`insecure-password`, `stats auth user:password`), Apache httpd
    // (`AuthLDAPBindPassword`), nslcd.conf(5), rndc.conf(5) and netrc(5) write it.
    Pattern::any_case(
        concat!(
            r"\b[\w-]*passw(?:or)?d\s+|\bauth\s+[^\s:]+:|^\s*(?:root)?(?:bindpw|rootpw)\s+|",
            r"^\s*secret\s+|^\s*r[ow]community6?\s+"
        ),
        r#""[^"]*"|'[^']*'|[^\s"'=:*{-]\S*"#,
    ),
    // Pacemaker's cib.xml: name and value are two attributes.
    Pattern::any_case(r#"\bname="[^"]*(?:passw|secret|token|login_key)[^"]*"\s+value=""#, r#"[^"]*"#)
        .before("\""),
    // HTTP's header.
    Pattern::any_case(r"\b(?:bearer|basic)\s+", r"[A-Za-z0-9+/_.=-]{12,}"),
];

/// What looks like a secret wherever it stands.
pub(crate) const BY_SHAPE: [Pattern; 6] = [
    // User and password of dracut's `netroot=iscsi:user:password@...` and of URLs.
    Pattern::new(r"\biscsi:|\b[a-z][a-z0-9+.-]*://", r"[^\s@/]+:[^\s@/]*").before("@"),
    // A crypt(5) hash or grub's PBKDF2 one.
    Pattern::new(
        "",
        concat!(r"\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5|apr1)\$[./A-Za-z0-9$=,-]+|", r"grub\.pbkdf2\.\S+"),
    ),
    // NVMe's DH-HMAC-CHAP keys, JSON Web Tokens, and keys that clouds and forges give out.
    Pattern::new(r"\b", r"DHHC-1:\S+"),
    Pattern::new(r"\b", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    Pattern::new(r"\b", r"(?:AKIA|ASIA)[0-9A-Z]{16,}"),
    Pattern::new(r"\b", r"(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_)[A-Za-z0-9_-]{10,}"),
];
