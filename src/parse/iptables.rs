//! Packet filters: what iptables-save(8) writes (also ufw's `user.rules` and `before.rules`), and nft(8)'s own language.
//!
//! Understood are a rule's chain, protocol, destination ports, interfaces, connection states and verdict; each other
//! condition is kept as a word, so that whoever walks the rules knows that he does not know whether they match. Of
//! nft's sets those that stand in the rule are read, not named ones; `define` is, `add rule` and the like are not.

use super::text;
use crate::place::Span;

mod nft;

pub use nft::parse as parse_nft;

/// The rules of all tables.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ruleset {
    /// The chains, in order.
    pub chains: Vec<Chain>,
}

/// A chain with its rules.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The table: `filter`; of nft with its family: `inet filter`.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Where the kernel calls it from: `input`, `forward`, `output`; none for one that others jump to.
    pub hook: Option<String>,
    /// What becomes of a packet that no rule decides on: `ACCEPT`, `DROP`; none for one that others jump to.
    pub policy: Option<String>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its line.
    pub span: Span,
    /// The protocols that it asks for: `tcp`, `47`. Empty: any.
    pub protocols: Vec<String>,
    /// Whether the protocol must be another.
    pub other_protocol: bool,
    /// The destination ports that it asks for: `1723`, `1024:65535`. Empty: any.
    pub ports: Vec<String>,
    /// Interfaces that it asks for, each with its place.
    pub interfaces: Vec<InterfaceName>,
    /// The connection states that it asks for, in capitals. Empty: any.
    pub states: Vec<String>,
    /// What else it asks for.
    pub others: Vec<String>,
    /// What it does: `ACCEPT`, `DROP`, `REJECT`, `RETURN`, `LOG`, or a chain's name.
    pub target: Option<String>,
}

/// The name of an interface in a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceName {
    /// The name; `+` or `*` at its end stands for any more letters.
    pub name: String,
    /// Whether it is the one that the packet leaves by.
    pub outgoing: bool,
    /// Whether it must be another.
    pub negated: bool,
    /// Its place.
    pub span: Span,
}

impl Ruleset {
    /// The chain of that table and name; made if there is none.
    fn chain(&mut self, table: &str, name: &str) -> Option<&mut Chain> {
        let known = self.chains.iter().position(|chain| chain.table == table && chain.name == name);
        let index = known.unwrap_or(self.chains.len());
        if known.is_none() {
            let (table, name) = (table.to_owned(), name.to_owned());
            self.chains.push(Chain { table, name, ..Chain::default() });
        }
        self.chains.get_mut(index)
    }
}

/// Rules that are read; larger sets come from programs that block addresses.
const MAX_RULES: usize = 20_000;
/// Chains that are read: each rule looks for its own.
const MAX_CHAINS: usize = 1_000;

/// Reads what iptables-save writes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Ruleset {
    let mut out = Ruleset::default();
    let mut table = "filter".to_owned();
    for line in text::lines(bytes).take(MAX_RULES) {
        let words = words(line.bytes);
        let Some(first) = words.first() else { continue };
        if out.chains.len() >= MAX_CHAINS {
            return out;
        }
        if let Some(name) = first.text.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if let Some(name) = first.text.strip_prefix(':') {
            let policy = words.get(1).map(|word| word.text.clone()).filter(|policy| policy != "-");
            let hook = matches!(name, "INPUT" | "FORWARD" | "OUTPUT").then(|| name.to_ascii_lowercase());
            if let Some(chain) = out.chain(&table, name) {
                (chain.policy, chain.hook) = (policy, hook);
            }
        } else if let (Some(start), Some(name)) = (
            words.iter().position(|word| matches!(word.text.as_str(), "-A" | "--append" | "-I")),
            words.iter().skip_while(|word| !matches!(word.text.as_str(), "-A" | "--append" | "-I")).nth(1),
        ) {
            let rule = rule(words.get(start + 2..).unwrap_or_default(), line.number, line.bytes.len());
            if let Some(chain) = out.chain(&table, &name.text) {
                chain.rules.push(rule);
            }
        }
    }
    out
}

/// A word with its place, quotes removed.
struct Word {
    text: String,
    /// Its columns; the line is the caller's to say.
    span: Span,
}

/// The words of a line; quotes keep blanks, and a `#` at the start makes a comment.
fn words(line: &[u8]) -> Vec<Word> {
    let mut found = Vec::new();
    if line.first() == Some(&b'#') {
        return found;
    }
    let mut rest = text::words(line).peekable();
    while let Some(word) = rest.next() {
        let mut text = word.text();
        let mut end = word.end();
        // `--comment "let it in"`: the words up to the closing quote are one.
        if text.starts_with('"') && (text.len() == 1 || !text.ends_with('"')) {
            for more in rest.by_ref() {
                text.push(' ');
                text.push_str(&more.text());
                end = more.end();
                if more.bytes.ends_with(b"\"") {
                    break;
                }
            }
        }
        let text = text.trim_matches('"').to_owned();
        found.push(Word { text, span: Span::new(0, word.start + 1, end + 1) });
    }
    found
}

fn rule(words: &[Word], number: usize, len: usize) -> Rule {
    let mut rule = Rule { span: Span::new(number, 1, len + 1), ..Rule::default() };
    let mut negated = false;
    let mut index = 0;
    while let Some(word) = words.get(index) {
        index += 1;
        let Some(value) = words.get(index).filter(|_| word.text.starts_with('-')) else {
            negated = word.text == "!";
            continue;
        };
        // The older way is `-i ! eth0`.
        let (value, late) = match words.get(index + 1).filter(|_| value.text == "!") {
            Some(next) => (next, true),
            None => (value, false),
        };
        let no = negated || late;
        let text = &value.text;
        let mut takes_value = true;
        match word.text.as_str() {
            "-p" | "--protocol" | "--proto" => {
                rule.other_protocol = no;
                rule.protocols.extend(Some(text.to_ascii_lowercase()).filter(|name| name != "all"));
            }
            "-i" | "--in-interface" | "-o" | "--out-interface" => rule.interfaces.push(InterfaceName {
                name: text.clone(),
                outgoing: word.text.contains('o'),
                negated: no,
                span: Span { line: Span::line(number).line, ..value.span },
            }),
            "--dport" | "--dports" | "--destination-port" | "--destination-ports" if !no => {
                rule.ports.extend(text.split(',').map(str::to_owned));
            }
            "--state" | "--ctstate" if !no => {
                rule.states.extend(text.split(',').map(str::to_ascii_uppercase));
            }
            "-j" | "--jump" | "-g" | "--goto" => rule.target = Some(text.clone()),
            "-m" | "--match" | "--comment" | "--reject-with" | "--log-prefix" | "--log-level" => {}
            other => {
                takes_value = !text.starts_with('-');
                rule.others.push(other.to_owned());
            }
        }
        negated = false;
        index += usize::from(takes_value) + usize::from(late);
    }
    rule
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_iptables_save_writes_is_read() {
        let text = "# Generated\n*filter\n:INPUT DROP [0:0]\n:ufw-user - [0:0]\n-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n[1:2] -A INPUT ! -i eth1 -p tcp -m tcp --dport 1723 -m comment --comment \"let it in\" -j ufw-user\n-A ufw-user -s 192.0.2.0/24 -p 47 -j ACCEPT\nCOMMIT\n";
        let read = parse(text.as_bytes());
        let [input, user] = read.chains.as_slice() else { panic!("{read:?}") };
        assert_eq!((input.policy.as_deref(), input.hook.as_deref()), (Some("DROP"), Some("input")));
        assert_eq!(input.rules[0].states, ["RELATED", "ESTABLISHED"]);
        assert_eq!(input.rules[1].interfaces[0].name, "lo");
        let third = &input.rules[2];
        assert_eq!((third.protocols.join(" "), third.ports.join(" ")), ("tcp".into(), "1723".into()));
        assert_eq!((third.target.as_deref(), third.others.len()), (Some("ufw-user"), 0));
        let interface = &third.interfaces[0];
        assert!(interface.negated && !interface.outgoing);
        assert_eq!(interface.span, Span::new(7, 21, 25));
        assert_eq!((user.rules[0].others.join(" "), user.policy.clone()), ("-s".into(), None));
        assert_eq!(user.rules[0].protocols, ["47"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).chains.len() <= bytes.len());
            prop_assert!(parse_nft(&bytes).chains.len() <= bytes.len());
        }

        #[test]
        fn an_interface_comes_back(name in "[a-z]{2,5}[0-9]{1,3}") {
            let read = parse(format!("*filter\n-A INPUT -i {name} -j ACCEPT\n").as_bytes());
            prop_assert_eq!(&read.chains[0].rules[0].interfaces[0].name, &name);
        }
    }
}
