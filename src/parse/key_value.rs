//! Settings of one `key = value` a line: Postfix's main.cf, Dovecot's dovecot.conf, stunnel.conf, vsftpd.conf.
//!
//! What they share is read once; what differs is a [`Dialect`]: how comments start, whether a blank at a line's
//! start continues the one before (postconf(5)), blocks in braces and `!include` (Dovecot), sections in brackets
//! (stunnel(8)), no blanks around `=` (vsftpd.conf(5)).

use std::collections::BTreeMap;

use super::cursor::lossy;
use crate::place::Span;

/// Whose syntax it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// main.cf: `#` comments on lines of their own, continued lines start with a blank.
    Postfix,
    /// dovecot.conf: `#` comments anywhere, a backslash continues, blocks, `!include` and `!include_try`.
    Dovecot,
    /// stunnel.conf: `#` and `;` comments, `[service]` sections.
    Stunnel,
    /// vsftpd.conf: `#` comments, no blanks around `=`.
    Vsftpd,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value, continued lines joined with a blank, trimmed.
    pub value: String,
    /// From the key to the end of its first line.
    pub span: Span,
    /// stunnel: the index of the section it is in, from 1; 0 before the first. Others: 0.
    pub section: usize,
}

/// Lines joined to one setting at most; bounds what a file of only continued lines does.
const MAX_JOINED: usize = 64 * 1024;

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8], dialect: Dialect) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    let mut section = 0;
    let mut open = false; // whether the next line may continue the last setting
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let text = lossy(line);
        let text = without_comment(text.trim_end(), dialect);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            // postconf(5): an empty line or a comment between does not end a setting.
            open &= dialect == Dialect::Postfix;
            continue;
        }
        let continues = match dialect {
            Dialect::Postfix => text.starts_with([' ', '\t']),
            Dialect::Dovecot => open,
            Dialect::Stunnel | Dialect::Vsftpd => false,
        };
        if continues && open {
            let (part, more) = joined(trimmed, dialect);
            if let Some(last) = settings.last_mut()
                && last.value.len() < MAX_JOINED
            {
                last.value.push(' ');
                last.value.push_str(part);
            }
            open = more;
            continue;
        }
        if dialect == Dialect::Stunnel && trimmed.starts_with('[') {
            section += 1;
            continue;
        }
        let (trimmed, more) = joined(trimmed, dialect);
        let column = text.len() - text.trim_start().len() + 1;
        let span = Span::new(index + 1, column, text.trim_end().len() + 1);
        open = false;
        let Some((key, value)) = split(trimmed, dialect) else { continue };
        settings.push(Setting { key: key.to_owned(), value: value.to_owned(), span, section });
        open = more;
    }
    settings
}

/// The line, and whether the next one belongs to it.
fn joined(text: &str, dialect: Dialect) -> (&str, bool) {
    match (dialect, text.strip_suffix('\\')) {
        (Dialect::Dovecot, Some(text)) => (text.trim_end(), true),
        (Dialect::Postfix, _) => (text, true),
        _ => (text, false),
    }
}

fn without_comment(text: &str, dialect: Dialect) -> &str {
    let start = text.trim_start();
    match dialect {
        Dialect::Stunnel if start.starts_with(';') => "",
        _ if start.starts_with('#') => "",
        Dialect::Dovecot => {
            // A `#` after a blank starts a comment, unless the value is quoted.
            let quoted = text.split_once('=').is_some_and(|(_, value)| value.trim_start().starts_with('"'));
            match text.find(" #") {
                Some(at) if !quoted => text.get(..at).unwrap_or(text),
                _ => text,
            }
        }
        _ => text,
    }
}

fn split(text: &str, dialect: Dialect) -> Option<(&str, &str)> {
    if dialect == Dialect::Dovecot {
        if let Some(include) = text.strip_prefix('!') {
            let (key, value) = include.split_once(char::is_whitespace)?;
            return Some((key, value.trim()));
        }
        // `protocol imap {` and `}` only group.
        if text.ends_with('{') || text == "}" {
            return None;
        }
    }
    let (key, value) = text.split_once('=')?;
    if dialect == Dialect::Vsftpd {
        return Some((key, value));
    }
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some((key.trim(), unquoted.unwrap_or(value)))
}

/// The value of each name; the last setting of a name counts.
#[must_use]
pub fn by_name(settings: &[Setting]) -> BTreeMap<&str, &str> {
    settings.iter().map(|setting| (setting.key.as_str(), setting.value.as_str())).collect()
}

/// Replaces `$name`, `${name}` and `$(name)` by the setting of that name, as Postfix does, three levels deep at
/// most; a name that is not set becomes empty.
#[must_use]
pub fn expanded(value: &str, settings: &BTreeMap<&str, &str>) -> String {
    let mut text = value.to_owned();
    for _ in 0..3 {
        if !text.contains('$') || text.len() > MAX_JOINED {
            break;
        }
        text = expanded_once(&text, settings);
    }
    text
}

fn expanded_once(text: &str, settings: &BTreeMap<&str, &str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let (name, tail) = match after.strip_prefix(['{', '(']) {
            Some(inner) => inner.split_once(['}', ')']).unwrap_or((inner, "")),
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        out.push_str(settings.get(name).copied().unwrap_or_default());
        rest = tail;
        if out.len() > MAX_JOINED {
            break;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, dialect: Dialect) -> Vec<String> {
        let row = |s: Setting| format!("{}:{} {}={}", s.span.line, s.section, s.key, s.value);
        parse(text.as_bytes(), dialect).into_iter().map(row).collect()
    }

    #[test]
    fn each_dialect_reads_its_lines() {
        for (dialect, text, expected) in [
            (
                Dialect::Postfix,
                "# no\nsmtpd_tls_protocols = !SSLv2,\n# between\n    !SSLv3\n\nmyhostname=mail.example.com\r\n",
                ["2:0 smtpd_tls_protocols=!SSLv2, !SSLv3", "6:0 myhostname=mail.example.com"].as_slice(),
            ),
            (
                Dialect::Dovecot,
                "!include conf.d/*.conf\nprotocol imap {\n  ssl_min_protocol = TLSv1.2 # now\n}\nssl_protocols = \\\n !SSLv3\na = \"x # y\"",
                &[
                    "1:0 include=conf.d/*.conf",
                    "3:0 ssl_min_protocol=TLSv1.2",
                    "5:0 ssl_protocols= !SSLv3",
                    "7:0 a=x # y",
                ],
            ),
            (
                Dialect::Stunnel,
                "; no\nsslVersion = TLSv1.2\n[imaps]\naccept=993\n# no\n[pop3s]\noptions = NO_SSLv3",
                &["2:0 sslVersion=TLSv1.2", "4:1 accept=993", "7:2 options=NO_SSLv3"],
            ),
            (
                Dialect::Vsftpd,
                "#ssl\nssl_enable=YES\nssl_tlsv1_2 = YES\n",
                &["2:0 ssl_enable=YES", "3:0 ssl_tlsv1_2 = YES"],
            ),
        ] {
            assert_eq!(rows(text, dialect), expected, "{dialect:?}");
        }
    }

    #[test]
    fn postfix_names_stand_for_values() {
        let settings = parse(b"a = !SSLv2\nb = $a, ${a}:$(a) $c\nd = $d$d", Dialect::Postfix);
        let names = by_name(&settings);
        assert_eq!(expanded("$b", &names), "!SSLv2, !SSLv2:!SSLv2 ");
        assert!(expanded("$d", &names).len() < 100);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for dialect in [Dialect::Postfix, Dialect::Dovecot, Dialect::Stunnel, Dialect::Vsftpd] {
                let settings = parse(&bytes, dialect);
                prop_assert!(settings.len() <= bytes.len());
                let names = by_name(&settings);
                for setting in &settings {
                    prop_assert!(expanded(&setting.value, &names).len() <= 4 * MAX_JOINED);
                }
            }
        }

        #[test]
        fn a_setting_comes_back(key in "[a-z_]{1,10}", value in "[a-zA-Z0-9!,.]{1,20}") {
            let text = format!("{key}={value}");
            for dialect in [Dialect::Postfix, Dialect::Dovecot, Dialect::Stunnel, Dialect::Vsftpd] {
                prop_assert_eq!(rows(&text, dialect), vec![format!("1:0 {key}={value}")]);
            }
        }
    }
}
