//! pppd's options files and secrets files, as pppd reads them (`pppd/options.c` getword, `pppd/auth.c`
//! scan_authfile).
//!
//! An options file is words, not lines: an option's arguments may stand on the next line. `call NAME` and
//! `file PATH` read other files at that point; they come back as [`Include`]s for the caller to resolve. Of a
//! secrets file only the names of client and server are kept; the secret is never copied out.

use super::Mistake;
use super::cursor::{Cursor, lossy};
use crate::place::Span;

/// Bytes of one word that pppd keeps (`MAXWORDLEN` in pppd.h).
const MAX_WORD: usize = 1024;

/// What was read of an options file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Options {
    /// The options, in order; arguments of `password` are left out.
    pub options: Vec<PppOption>,
    /// What is not as pppd wants it.
    pub mistakes: Vec<Mistake>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PppOption {
    /// The option's name, or a word that is none (a tty, a speed, addresses).
    pub name: String,
    /// Its argument; empty for `password`, whose argument is a secret.
    pub argument: Option<String>,
    /// From the name to the end of the argument if it stands on the same line.
    pub span: Span,
}

/// A file that pppd reads at this point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Its path; relative to `etc/ppp/peers` for `call`.
    pub path: String,
    /// Whether it is `call`.
    pub call: bool,
    /// The option.
    pub span: Span,
}

impl PppOption {
    /// The file that this option reads.
    #[must_use]
    pub fn include(&self) -> Option<Include> {
        let path = self.argument.clone()?;
        match self.name.as_str() {
            "call" => Some(Include { path, call: true, span: self.span }),
            "file" => Some(Include { path, call: false, span: self.span }),
            _ => None,
        }
    }
}

/// One line's names in chap-secrets or pap-secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The client's name.
    pub client: String,
    /// The server's name.
    pub server: String,
    /// From the client's name to the end of the server's; never the secret.
    pub span: Span,
}

/// Reads an options file.
#[must_use]
pub fn parse_options(bytes: &[u8]) -> Options {
    let mut out = Options::default();
    let mut cursor = Cursor::new(bytes);
    while let Some(word) = next_word(&mut cursor, &mut out.mistakes) {
        let name = lossy(&word.text);
        if !takes_argument(&name) {
            out.options.push(PppOption { name, argument: None, span: word.span });
            continue;
        }
        let Some(argument) = next_word(&mut cursor, &mut out.mistakes) else {
            out.mistakes.push(Mistake {
                span: word.span,
                message: format!("`{name}` needs an argument; the file ends"),
            });
            out.options.push(PppOption { name, argument: None, span: word.span });
            break;
        };
        let same_line = argument.span.line == word.span.line;
        let secret = name == "password";
        let span =
            if same_line && !secret { Span { end: argument.span.end, ..word.span } } else { word.span };
        let argument = if secret { String::new() } else { lossy(&argument.text) };
        out.options.push(PppOption { name, argument: Some(argument), span });
    }
    out
}

/// Reads the names in a secrets file: a client starts a line, the server follows on it, then a secret must follow.
#[must_use]
pub fn parse_secrets(bytes: &[u8]) -> Vec<Secret> {
    let mut secrets = Vec::new();
    let mut cursor = Cursor::new(bytes);
    let mut ignored = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    loop {
        let word = next_word(&mut cursor, &mut ignored);
        let starts_line = word.as_ref().is_none_or(|word| word.starts_line);
        if starts_line {
            if let [client, server, _secret] = words.as_slice() {
                let end =
                    if server.span.line == client.span.line { server.span.end } else { client.span.end };
                secrets.push(Secret {
                    client: lossy(&client.text),
                    server: lossy(&server.text),
                    span: Span { end, ..client.span },
                });
            }
            words.clear();
        }
        let Some(mut word) = word else { return secrets };
        if words.len() == 2 {
            word.text.clear();
        }
        if words.len() < 3 {
            words.push(word);
        }
    }
}

/// Options with an argument, sorted (the option tables of pppd and its plugins: those that are neither a flag nor a number
/// of their own). Numbers whose option has `OPT_NOARG` (`debug`, `crtscts`) are not among them.
const WITH_ARGUMENT: &[&str] = &[
    "+ua",
    "-am",
    "-as",
    "-d",
    "active-filter",
    "active-filter-in",
    "active-filter-out",
    "allow-ip",
    "allow-number",
    "asyncmap",
    "auth-down-script",
    "auth-up-script",
    "avpair",
    "bsdcomp",
    "bundle",
    "ca",
    "call",
    "callback",
    "capath",
    "cert",
    "chap-challenge",
    "chap-interval",
    "chap-max-challenge",
    "chap-restart",
    "chap-secrets",
    "chap-timeout",
    "child-timeout",
    "connect",
    "connect-delay",
    "crl",
    "crl-dir",
    "datarate",
    "default-asyncmap",
    "defaultroute-metric",
    "defaultroute6-metric",
    "deflate",
    "dhcpv6-server",
    "disconnect",
    "domain",
    "eap-interval",
    "eap-max-rreq",
    "eap-max-sreq",
    "eap-restart",
    "eap-timeout",
    "endpoint",
    "escape",
    "file",
    "holdoff",
    "host-uniq",
    "idle",
    "ifname",
    "init",
    "ip-down-script",
    "ip-pre-up-script",
    "ip-up-script",
    "ipcp-max-configure",
    "ipcp-max-failure",
    "ipcp-max-terminate",
    "ipcp-restart",
    "ipparam",
    "ipv6",
    "ipv6-down-script",
    "ipv6-up-script",
    "ipv6cp-max-configure",
    "ipv6cp-max-failure",
    "ipv6cp-max-terminate",
    "ipv6cp-restart",
    "kdebug",
    "key",
    "lcp-echo-failure",
    "lcp-echo-interval",
    "lcp-max-configure",
    "lcp-max-failure",
    "lcp-max-terminate",
    "lcp-restart",
    "lcp-rtt-file",
    "linkname",
    "logfd",
    "logfile",
    "max-tls-version",
    "maxconnect",
    "maxfail",
    "maxoctets",
    "mo",
    "mo-direction",
    "mo-timeout",
    "mrru",
    "mru",
    "ms-dns",
    "ms-wins",
    "mtu",
    "name",
    "net-down-script",
    "net-init-script",
    "net-pre-up-script",
    "netmask",
    "pap-max-authreq",
    "pap-restart",
    "pap-secrets",
    "pap-timeout",
    "pass-filter",
    "pass-filter-in",
    "pass-filter-out",
    "passprompt",
    "password",
    "passwordfd",
    "pkcs12",
    "plugin",
    "pppoe-ac",
    "pppoe-host-uniq",
    "pppoe-mac",
    "pppoe-padi-attempts",
    "pppoe-padi-timeout",
    "pppoe-service",
    "pppoe-sess",
    "pppoe-verbose",
    "pptp_client",
    "pptp_phone",
    "pptp_server",
    "pptp_sock",
    "pptp_window",
    "privgroup",
    "prompt",
    "pty",
    "radius-config-file",
    "realms-config-file",
    "record",
    "remotename",
    "remotenumber",
    "rp_pppoe_ac",
    "rp_pppoe_service",
    "rp_pppoe_sess",
    "rp_pppoe_verbose",
    "set",
    "socket",
    "stop-bits",
    "unit",
    "unset",
    "user",
    "vj-max-slots",
    "vrf",
    "welcome",
];

/// Whether the word after `name` is its argument.
fn takes_argument(name: &str) -> bool {
    WITH_ARGUMENT.binary_search(&name).is_ok()
}

struct Word {
    text: Vec<u8>,
    span: Span,
    /// Whether a newline (or the start of the file) stands between the word before and this one.
    starts_line: bool,
}

/// The next word, as `getword` in pppd's options.c: blanks and comments between, quotes of both kinds, backslash
/// escapes (C's, octal and hexadecimal; a backslash before a newline joins lines).
fn next_word(cursor: &mut Cursor<'_>, mistakes: &mut Vec<Mistake>) -> Option<Word> {
    let mut starts_line = cursor.mark() == Cursor::new(b"").mark();
    loop {
        match cursor.peek()? {
            b'\n' => {
                starts_line = true;
                cursor.bump();
            }
            b'#' => cursor.skip_line(),
            b'\\' if cursor.peek_at(1) == Some(b'\n') => {
                cursor.bump();
                cursor.bump();
            }
            byte if is_space(byte) => {
                cursor.bump();
            }
            _ => break,
        }
    }
    let start = cursor.mark();
    let mut text = Vec::new();
    let mut length: usize = 0;
    let mut quote = None;
    let mut push = |byte: u8| {
        length = length.saturating_add(1);
        if length < MAX_WORD {
            text.push(byte);
        }
    };
    while let Some(byte) = cursor.peek() {
        if byte == b'\\' {
            cursor.bump();
            if let Some(value) = escape(cursor) {
                push(value);
            }
            continue;
        }
        match quote {
            Some(open) if open == byte => quote = None,
            Some(_) => push(byte),
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if is_space(byte) || byte == b'#' => break,
            None => push(byte),
        }
        cursor.bump();
    }
    let span = cursor.span_from(start);
    if quote.is_some() {
        mistakes.push(Mistake { span, message: "the quoted word runs to the end of the file".to_owned() });
    }
    if length >= MAX_WORD {
        mistakes.push(Mistake { span, message: format!("pppd keeps {} bytes of a word", MAX_WORD - 1) });
    }
    Some(Word { text, span, starts_line })
}

/// isspace(3) in the C locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// What follows a backslash; none for a joined line.
fn escape(cursor: &mut Cursor<'_>) -> Option<u8> {
    let byte = cursor.bump()?;
    Some(match byte {
        b'\n' => return None,
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b's' => b' ',
        b't' => b'\t',
        b'0'..=b'7' => {
            let mut value = byte - b'0';
            for _ in 0..2 {
                let Some(digit @ b'0'..=b'7') = cursor.peek() else { break };
                value = (value << 3) | (digit - b'0');
                cursor.bump();
            }
            value
        }
        b'x' => {
            let mut value: u8 = 0;
            for _ in 0..2 {
                let digit = cursor.peek().and_then(|byte| char::from(byte).to_digit(16));
                let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
                value = (value << 4) | digit;
                cursor.bump();
            }
            value
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(text: &str) -> Vec<(String, Option<String>)> {
        parse_options(text.as_bytes()).options.into_iter().map(|o| (o.name, o.argument)).collect()
    }

    fn expected(rows: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        rows.iter().map(|(name, argument)| ((*name).to_owned(), argument.map(str::to_owned))).collect()
    }

    #[test]
    fn options_are_words_with_arguments() {
        for (text, rows) in [
            (
                "pty \"pptp vpn.example.com --nolaunchpppd\"\nname branch\nremotename PPTP\nrequire-mppe-128\nfile /etc/ppp/options.pptp\nipparam office\n",
                [
                    ("pty", Some("pptp vpn.example.com --nolaunchpppd")),
                    ("name", Some("branch")),
                    ("remotename", Some("PPTP")),
                    ("require-mppe-128", None),
                    ("file", Some("/etc/ppp/options.pptp")),
                    ("ipparam", Some("office")),
                ]
                .as_slice(),
            ),
            ("name # whose\n  branch", &[("name", Some("branch"))]),
            ("name \"EXAMPLE\\\\branch\"\r\n", &[("name", Some("EXAMPLE\\branch"))]),
            ("user a\\040b\\x41'c d'", &[("user", Some("a bAc d"))]),
            (
                "debug crtscts 115200 /dev/ttyS0",
                &[("debug", None), ("crtscts", None), ("115200", None), ("/dev/ttyS0", None)],
            ),
            ("noauth no\\\nauth", &[("noauth", None), ("noauth", None)]),
        ] {
            assert_eq!(options(text), expected(rows), "{text:?}");
        }
    }

    #[test]
    fn includes_are_told_apart() {
        let options = parse_options(b"call common\nfile /etc/ppp/options.pptp").options;
        let includes: Vec<_> =
            options.iter().filter_map(PppOption::include).map(|i| (i.path, i.call)).collect();
        assert_eq!(includes, [("common".to_owned(), true), ("/etc/ppp/options.pptp".to_owned(), false)]);
    }

    #[test]
    fn a_password_is_not_kept() {
        let read = parse_options(b"password hunter2 noauth");
        assert_eq!(read.options[0].argument.as_deref(), Some(""));
        assert_eq!(read.options[0].span, Span::new(1, 1, 9));
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn secrets_give_names_only() {
        let secrets = parse_secrets(
            b"# client server secret addresses\nbranch PPTP s3cr3t *\n\"EXAMPLE\\\\user\" * 'p w' 192.0.2.1\nlonely\nhalf *\n",
        );
        let names: Vec<_> = secrets.iter().map(|s| (s.client.as_str(), s.server.as_str(), s.span)).collect();
        assert_eq!(
            names,
            [("branch", "PPTP", Span::new(2, 1, 12)), ("EXAMPLE\\user", "*", Span::new(3, 1, 18))]
        );
        assert!(!format!("{secrets:?}").contains("s3cr3t"));
    }

    #[test]
    fn the_table_of_options_is_sorted() {
        assert!(WITH_ARGUMENT.is_sorted());
        assert!(takes_argument("pty"));
        assert!(!takes_argument("noauth"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse_options(&bytes).options.len() <= bytes.len());
            prop_assert!(parse_secrets(&bytes).len() <= bytes.len());
        }

        #[test]
        fn a_quoted_name_comes_back(name in "[a-zA-Z0-9 .#_-]{1,40}") {
            let text = format!("name '{name}'");
            prop_assert_eq!(options(&text), vec![("name".to_owned(), Some(name))]);
        }

        #[test]
        fn no_secret_comes_out(secret in "[a-z]{12,20}") {
            let text = format!("client server {secret} *\n\nother * \"{secret}\"");
            let shown = format!("{:?}", parse_secrets(text.as_bytes()));
            prop_assert!(!shown.contains(&secret), "{}", shown);
        }
    }
}
