//! The names of SSL and TLS versions, and what a service's setting makes of them.
//!
//! Each service has a syntax of its own for the same question; the functions here follow their sources: nginx
//! `ngx_http_ssl_module.c`, httpd `ssl_engine_config.c` (`ssl_cmd_protocol_parse`), Postfix `tls_misc.c`
//! (`tls_proto_mask_lims`), Dovecot `iostream-openssl-common.c`, stunnel `options.c`, HAProxy `ssl_sock.c`.

use std::str::FromStr;

/// A version of the protocol, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// SSL 2.0.
    Ssl2,
    /// SSL 3.0.
    Ssl3,
    /// TLS 1.0.
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Protocol {
    /// All, oldest first.
    pub const ALL: [Self; 6] = [Self::Ssl2, Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The name that OpenSSL and most services use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl2 => "SSLv2",
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl FromStr for Protocol {
    type Err = ();

    /// Any of the spellings that services take, in any case: `TLSv1.2`, `tlsv1_2`, `tlsv12`, `TLSv1.0`.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_ascii_lowercase().as_str() {
            "sslv2" => Ok(Self::Ssl2),
            "sslv3" => Ok(Self::Ssl3),
            "tlsv1" | "tlsv1.0" | "tlsv10" => Ok(Self::Tls10),
            "tlsv1.1" | "tlsv1_1" | "tlsv11" => Ok(Self::Tls11),
            "tlsv1.2" | "tlsv1_2" | "tlsv12" => Ok(Self::Tls12),
            "tlsv1.3" | "tlsv1_3" | "tlsv13" => Ok(Self::Tls13),
            _ => Err(()),
        }
    }
}

/// What a setting makes of the protocols.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Those that it asks for by name, oldest first.
    pub named: Vec<Protocol>,
    /// Those that it mentions at all, to turn on or off, oldest first.
    pub mentioned: Vec<Protocol>,
    /// Those that it leaves on in a library that knows all, oldest first.
    pub enabled: Vec<Protocol>,
    /// Words that name no protocol.
    pub unknown: Vec<String>,
}

impl Choice {
    fn mention(&mut self, protocol: Protocol) {
        insert(&mut self.mentioned, protocol);
    }

    /// All from `least` on.
    #[must_use]
    pub fn at_least(least: Protocol) -> Self {
        let enabled = Protocol::ALL.into_iter().filter(|protocol| *protocol >= least).collect();
        Self { named: vec![least], mentioned: vec![least], enabled, unknown: Vec::new() }
    }

    /// All up to `most`.
    #[must_use]
    pub fn at_most(most: Protocol) -> Self {
        let enabled = Protocol::ALL.into_iter().filter(|protocol| *protocol <= most).collect();
        Self { named: Vec::new(), mentioned: vec![most], enabled, unknown: Vec::new() }
    }

    /// A word that should have named a protocol.
    #[must_use]
    pub fn not_understood(word: &str) -> Self {
        Self { unknown: vec![word.to_owned()], enabled: Protocol::ALL.to_vec(), ..Self::default() }
    }
}

fn insert(list: &mut Vec<Protocol>, protocol: Protocol) {
    if let Err(at) = list.binary_search(&protocol) {
        list.insert(at, protocol);
    }
}

/// A list of what is on (nginx's `ssl_protocols`).
#[must_use]
pub fn listed<'a>(words: impl Iterator<Item = &'a str>) -> Choice {
    let mut choice = Choice::default();
    for word in words {
        match word.parse() {
            Ok(protocol) => {
                insert(&mut choice.named, protocol);
                insert(&mut choice.enabled, protocol);
                choice.mention(protocol);
            }
            Err(()) => choice.unknown.push(word.to_owned()),
        }
    }
    choice
}

/// Apache's `SSLProtocol`: `+` adds, `-` takes away, a bare word replaces all that came before it.
#[must_use]
pub fn apache<'a>(words: impl Iterator<Item = &'a str>) -> Choice {
    // `all` is every version but SSLv2 and, since httpd 2.4.16, SSLv3; the older meaning is the wider one, and a
    // library without SSLv3 narrows it.
    const ALL: [Protocol; 5] =
        [Protocol::Ssl3, Protocol::Tls10, Protocol::Tls11, Protocol::Tls12, Protocol::Tls13];
    let mut choice = Choice::default();
    for word in words {
        let (action, name) = match word.strip_prefix('+') {
            Some(name) => ('+', name),
            None => word.strip_prefix('-').map_or(('=', word), |name| ('-', name)),
        };
        let protocols: Vec<Protocol> = if name.eq_ignore_ascii_case("all") {
            ALL.to_vec()
        } else if let Ok(protocol) = name.parse() {
            choice.mention(protocol);
            vec![protocol]
        } else {
            choice.unknown.push(word.to_owned());
            continue;
        };
        let all = name.eq_ignore_ascii_case("all");
        if action == '=' {
            choice.enabled.clear();
            choice.named.clear();
        }
        for protocol in protocols {
            if action == '-' {
                choice.enabled.retain(|enabled| *enabled != protocol);
                choice.named.retain(|named| *named != protocol);
            } else {
                insert(&mut choice.enabled, protocol);
                if !all {
                    insert(&mut choice.named, protocol);
                }
            }
        }
    }
    choice
}

/// Postfix's `*_tls_*protocols` and Dovecot's `ssl_protocols`: names with `!` are off; if any name stands without,
/// only those are on; `>=` and `<=` (Postfix 3.6) are bounds. Words are separated by blanks, commas and colons.
#[must_use]
pub fn exclusions(text: &str) -> Choice {
    let mut choice = Choice { enabled: Protocol::ALL.to_vec(), ..Choice::default() };
    let mut excluded = Vec::new();
    let (mut least, mut most) = (Protocol::Ssl2, Protocol::Tls13);
    for word in text.split([' ', '\t', '\n', '\r', ',', ':']).filter(|word| !word.is_empty()) {
        let bare = word.trim_start_matches(['!', '>', '<', '=']);
        let Ok(protocol) = bare.parse() else {
            choice.unknown.push(word.to_owned());
            continue;
        };
        choice.mention(protocol);
        if word.starts_with('!') {
            excluded.push(protocol);
        } else if word.starts_with(">=") {
            least = protocol;
            insert(&mut choice.named, protocol);
        } else if word.starts_with("<=") {
            most = protocol;
        } else {
            insert(&mut choice.named, protocol);
        }
    }
    let bounded = least > Protocol::Ssl2 || most < Protocol::Tls13;
    let only = choice.named.clone();
    choice.enabled.retain(|protocol| {
        let within = (least..=most).contains(protocol) && !excluded.contains(protocol);
        within && (bounded || only.is_empty() || only.contains(protocol))
    });
    choice.named.retain(|protocol| !excluded.contains(protocol));
    choice
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(protocols: &[Protocol]) -> String {
        protocols.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn apache_words_add_take_away_and_replace() {
        for (words, named, enabled) in [
            ("all -SSLv3", "", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
            ("-all +TLSv1.2", "TLSv1.2", "TLSv1.2"),
            ("TLSv1.2", "TLSv1.2", "TLSv1.2"),
            ("TLSv1.1 TLSv1.2", "TLSv1.2", "TLSv1.2"),
            ("+TLSv1.1 +TLSv1.2", "TLSv1.1 TLSv1.2", "TLSv1.1 TLSv1.2"),
            ("All -SSLv2 -SSLv3 -TLSv1 -TLSv1.1", "", "TLSv1.2 TLSv1.3"),
        ] {
            let choice = apache(words.split(' '));
            assert_eq!(
                (names(&choice.named), names(&choice.enabled)),
                (named.into(), enabled.into()),
                "{words}"
            );
        }
        assert_eq!(apache("all -TLSv1.1".split(' ')).mentioned, [Protocol::Tls11]);
        assert_eq!(apache("TLSv9".split(' ')).unknown, ["TLSv9"]);
    }

    #[test]
    fn exclusions_bounds_and_names() {
        for (text, named, enabled) in [
            ("!SSLv2, !SSLv3", "", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
            ("TLSv1.2", "TLSv1.2", "TLSv1.2"),
            (">=TLSv1.2", "TLSv1.2", "TLSv1.2 TLSv1.3"),
            (">=TLSv1, <=TLSv1.2", "TLSv1", "TLSv1 TLSv1.1 TLSv1.2"),
            ("!SSLv2:!SSLv3:!TLSv1:!TLSv1.1", "", "TLSv1.2 TLSv1.3"),
            ("!SSLv2 !SSLv3 TLSv1 TLSv1.2", "TLSv1 TLSv1.2", "TLSv1 TLSv1.2"),
            ("", "", "SSLv2 SSLv3 TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
        ] {
            let choice = exclusions(text);
            assert_eq!(
                (names(&choice.named), names(&choice.enabled)),
                (named.into(), enabled.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn lists_are_what_they_say() {
        let choice = listed("TLSv1.2 TLSv1.1 sslv9".split(' '));
        assert_eq!(names(&choice.named), "TLSv1.1 TLSv1.2");
        assert_eq!(choice.unknown, ["sslv9"]);
        assert_eq!(names(&Choice::at_least(Protocol::Tls12).enabled), "TLSv1.2 TLSv1.3");
        assert_eq!(names(&Choice::at_most(Protocol::Tls10).enabled), "SSLv2 SSLv3 TLSv1");
    }

    proptest! {
        #[test]
        fn what_is_named_was_mentioned_and_all_end(text in "[-+!<>=a-zA-Z0-9., ]{0,60}") {
            for choice in [listed(text.split(' ')), apache(text.split(' ')), exclusions(&text)] {
                prop_assert!(choice.named.iter().all(|protocol| choice.mentioned.contains(protocol)));
                prop_assert!(choice.enabled.is_sorted());
            }
        }
    }
}
