//! sshd_config(5): keywords with arguments, `Match` blocks. Keywords know no case; the first value of each counts.

use super::lines::lines;
use crate::place::Span;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The keyword in lower case.
    pub keyword: String,
    /// Its arguments, quotes removed.
    pub arguments: Vec<String>,
    /// The line.
    pub span: Span,
}

/// Arguments of a line that are kept; `AllowUsers` of a large site has hundreds.
const MAX_ARGUMENTS: usize = 1000;

/// The keywords of `servconf.c` (OpenSSH 3 to 10, with the patches of Debian and Red Hat), in lower case and sorted.
const KEYWORDS: [&str; 132] = [
    "acceptenv",
    "addressfamily",
    "allowagentforwarding",
    "allowgroups",
    "allowstreamlocalforwarding",
    "allowtcpforwarding",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "authorizedkeysfile",
    "authorizedprincipalscommand",
    "authorizedprincipalscommanduser",
    "authorizedprincipalsfile",
    "banner",
    "casignaturealgorithms",
    "challengeresponseauthentication",
    "channeltimeout",
    "chrootdirectory",
    "ciphers",
    "clientalivecountmax",
    "clientaliveinterval",
    "compression",
    "debianbanner",
    "denygroups",
    "denyusers",
    "disableforwarding",
    "dsaauthentication",
    "exposeauthinfo",
    "fingerprinthash",
    "forcecommand",
    "gatewayports",
    "gssapiauthentication",
    "gssapicleanupcredentials",
    "gssapidelegatecredentials",
    "gssapienablek5users",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapistorecredentialsonrekey",
    "gssapistrictacceptorcheck",
    "hostbasedacceptedalgorithms",
    "hostbasedacceptedkeytypes",
    "hostbasedauthentication",
    "hostbasedusesnamefrompacketonly",
    "hostcertificate",
    "hostdsakey",
    "hostkey",
    "hostkeyagent",
    "hostkeyalgorithms",
    "ignorerhosts",
    "ignoreuserknownhosts",
    "include",
    "ipqos",
    "kbdinteractiveauthentication",
    "keepalive",
    "kerberosauthentication",
    "kerberosgetafstoken",
    "kerberosorlocalpasswd",
    "kerberosticketcleanup",
    "kerberosuniqueccache",
    "kerberosusekuserok",
    "kexalgorithms",
    "keyregenerationinterval",
    "listenaddress",
    "logingracetime",
    "loglevel",
    "logverbose",
    "macs",
    "match",
    "maxauthtries",
    "maxsessions",
    "maxstartups",
    "modulifile",
    "pamauthenticationviakbdint",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitlisten",
    "permitopen",
    "permitrootlogin",
    "permittty",
    "permittunnel",
    "permituserenvironment",
    "permituserrc",
    "persourcemaxstartups",
    "persourcenetblocksize",
    "persourcepenalties",
    "persourcepenaltyexemptlist",
    "pidfile",
    "port",
    "printlastlog",
    "printmotd",
    "protocol",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "pubkeyauthentication",
    "pubkeyauthoptions",
    "rdomain",
    "refuseconnection",
    "rekeylimit",
    "requiredrsasize",
    "reversemappingcheck",
    "revokedkeys",
    "rhostsauthentication",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "rsaminsize",
    "securitykeyprovider",
    "serverkeybits",
    "setenv",
    "showpatchlevel",
    "skeyauthentication",
    "sshdauthpath",
    "sshdsessionpath",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "strictmodes",
    "subsystem",
    "syslogfacility",
    "tcpkeepalive",
    "trustedusercakeys",
    "unusedconnectiontimeout",
    "usedns",
    "uselogin",
    "usepam",
    "useprivilegeseparation",
    "verifyreversemapping",
    "versionaddendum",
    "x11displayoffset",
    "x11forwarding",
    "x11uselocalhost",
    "xauthlocation",
];

/// Keywords with words of their own for values (`multistate_*` in `servconf.c`); sshd does not start with another.
const VALUES: [(&str, &[&str]); 9] = [
    ("permitrootlogin", &["yes", "no", "without-password", "prohibit-password", "forced-commands-only"]),
    ("passwordauthentication", &["yes", "no"]),
    ("pubkeyauthentication", &["yes", "no"]),
    ("kbdinteractiveauthentication", &["yes", "no"]),
    ("challengeresponseauthentication", &["yes", "no"]),
    ("permitemptypasswords", &["yes", "no"]),
    ("usepam", &["yes", "no"]),
    ("usedns", &["yes", "no"]),
    ("x11forwarding", &["yes", "no"]),
];

/// Why sshd refuses a line and with it the whole file, as far as that is sure: a keyword that is a known one misspelt
/// (others may be of a later version, or of a distribution's own patch), or a value that is none of the keyword's words.
#[must_use]
pub fn refusal(directive: &Directive) -> Option<String> {
    let keyword = directive.keyword.as_str();
    if KEYWORDS.binary_search(&keyword).is_err() {
        let near = |known: &&&str| strsim::damerau_levenshtein(keyword, known) <= 1 + known.len() / 10;
        let meant = KEYWORDS.iter().filter(|known| known.len() > 4).find(near)?;
        return Some(format!("`{keyword}` is no keyword; `{meant}` seems to be meant"));
    }
    let (_, words) = VALUES.iter().find(|(known, _)| *known == keyword)?;
    let value = directive.arguments.first()?;
    let is_known = words.iter().any(|word| word.eq_ignore_ascii_case(value));
    (!is_known).then(|| format!("`{value}` is no value of `{keyword}`; it takes {}", words.join(", ")))
}

/// Reads a file. `Match` and `Include` are directives like others; what they mean is the caller's matter.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Directive> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        // `Keyword value`, `Keyword=value` and `Keyword = value` are the same.
        let end = text.find([' ', '\t', '=']).unwrap_or(text.len());
        let (keyword, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        found.push(Directive {
            keyword: keyword.to_ascii_lowercase(),
            arguments: arguments(rest),
            span: line.span_of(text),
        });
    }
    found
}

/// Words, of which one in double quotes is one; `#` before a word starts a comment (since OpenSSH 8.5).
fn arguments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') && found.len() < MAX_ARGUMENTS {
        let (word, tail) = match rest.strip_prefix('"') {
            Some(inside) => inside.split_once('"').unwrap_or((inside, "")),
            None => rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len())),
        };
        found.push(word.to_owned());
        rest = tail.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keywords_and_their_arguments() {
        let text =
            "# x\nPort=22\nAllowUsers  alice \"bob smith\" # ops\nMATCH User x\n\tpermitrootlogin no\n";
        let rows: Vec<_> = parse(text.as_bytes())
            .into_iter()
            .map(|d| format!("{}:{} {}", d.span.line, d.keyword, d.arguments.join("|")))
            .collect();
        assert_eq!(
            rows,
            ["2:port 22", "3:allowusers alice|bob smith", "4:match User|x", "5:permitrootlogin no"]
        );
    }

    #[test]
    fn lines_that_sshd_refuses() {
        assert!(KEYWORDS.is_sorted());
        for (line, refused) in [
            ("PermitRootLogin prohibit-password", false),
            ("permitrootlogin YES", false),
            ("PermitRootLogin maybe", true),
            ("PermitRootLogn yes", true),
            ("UsePAM yes", false),
            ("UseePAM yes", true),
            ("SomeKeywordOfTomorrow yes", false),
            ("Port 22", false),
            ("Prot 22", false),
        ] {
            let found = parse(line.as_bytes()).first().and_then(refusal);
            assert_eq!(found.is_some(), refused, "{line}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
