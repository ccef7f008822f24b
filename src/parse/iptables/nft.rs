//! nft(8)'s language, as far as it says which packets pass: tables, chains, rules, `define`.

use std::collections::BTreeMap;

use super::{InterfaceName, MAX_CHAINS, MAX_RULES, Rule, Ruleset};
use crate::parse::text;
use crate::place::Span;

/// A piece of the text: a word, a text in quotes, or a single sign.
struct Token {
    text: String,
    span: Span,
}

/// Reads a file of nft's; includes are the caller's matter.
#[must_use]
pub fn parse(bytes: &[u8]) -> Ruleset {
    let mut out = Ruleset::default();
    let mut definitions: BTreeMap<String, Vec<Token>> = BTreeMap::new();
    let mut table = String::new();
    let mut chain: Option<String> = None;
    // Braces of what is passed over: named sets, maps, counters.
    let mut foreign = 0_usize;
    let mut rules = 0_usize;
    for statement in statements(bytes) {
        let words: Vec<&str> = statement.iter().map(|token| token.text.as_str()).collect();
        match words.as_slice() {
            ["}"] if foreign > 0 => foreign -= 1,
            [.., "{"] if foreign > 0 => foreign += 1,
            _ if foreign > 0 => {}
            ["define", name, "=", ..] => {
                let name = format!("${name}");
                definitions.insert(name, statement.into_iter().skip(3).collect());
            }
            ["table", rest @ .., "{"] => table = rest.join(" "),
            ["chain", name, "{"] if out.chains.len() < MAX_CHAINS => {
                chain = Some((*name).to_owned());
                out.chain(&table, name);
            }
            ["}"] => {
                if chain.take().is_none() {
                    table.clear();
                }
            }
            [.., "{"] => foreign += 1,
            ["type", _, "hook", hook, ..] => {
                if let Some(chain) = chain.as_ref().and_then(|name| out.chain(&table, name)) {
                    chain.hook = Some((*hook).to_owned());
                    chain.policy.get_or_insert_with(|| "ACCEPT".to_owned());
                }
            }
            ["policy", policy] => {
                if let Some(chain) = chain.as_ref().and_then(|name| out.chain(&table, name)) {
                    chain.policy = Some(policy.to_ascii_uppercase());
                }
            }
            _ => {
                rules += 1;
                let rule = rule(&expanded(statement, &definitions));
                if let Some(chain) = chain.as_ref().and_then(|name| out.chain(&table, name))
                    && rules <= MAX_RULES
                {
                    chain.rules.push(rule);
                }
            }
        }
    }
    out
}

/// The tokens with each `$NAME` replaced by what it stands for, at its own place.
fn expanded(statement: Vec<Token>, definitions: &BTreeMap<String, Vec<Token>>) -> Vec<Token> {
    let expand = |token: Token| -> Vec<Token> {
        match definitions.get(&token.text) {
            // The definition's place is what has to be changed.
            Some(tokens) => {
                tokens.iter().map(|one| Token { text: one.text.clone(), span: one.span }).collect()
            }
            None => vec![token],
        }
    };
    statement.into_iter().flat_map(expand).collect()
}

/// Statements: up to the end of a line, a `;`, or a brace that opens or closes a block. Sets in a rule belong to it.
fn statements(bytes: &[u8]) -> Vec<Vec<Token>> {
    let mut found: Vec<Vec<Token>> = Vec::new();
    let mut current: Vec<Token> = Vec::new();
    let mut in_set = false;
    for line in text::lines(bytes) {
        let mut joined = false;
        for token in tokens(line.bytes, line.number) {
            joined = token.text == "\\";
            let starts_block = starts_block(&current);
            match token.text.as_str() {
                "\\" => {}
                "}" if in_set => {
                    in_set = false;
                    current.push(token);
                }
                "{" if !starts_block => {
                    in_set = true;
                    current.push(token);
                }
                "{" => {
                    current.push(token);
                    found.push(std::mem::take(&mut current));
                }
                "}" => {
                    found.push(std::mem::take(&mut current));
                    found.push(vec![token]);
                }
                ";" if !in_set => found.push(std::mem::take(&mut current)),
                _ => current.push(token),
            }
        }
        if !in_set && !joined {
            found.push(std::mem::take(&mut current));
        }
    }
    found.push(current);
    found.retain(|statement| !statement.is_empty());
    found
}

/// Whether a brace after these opens a block, and not a set within a rule.
fn starts_block(statement: &[Token]) -> bool {
    let words: Vec<&str> = statement.iter().take(2).map(|token| token.text.as_str()).collect();
    match words.as_slice() {
        [] | ["table" | "chain" | "set" | "map" | "flowtable" | "counter" | "quota", _] => true,
        ["ct", second] => matches!(*second, "helper" | "timeout" | "expectation"),
        _ => false,
    }
}

fn tokens(line: &[u8], number: usize) -> Vec<Token> {
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(byte) = line.get(index).copied() {
        let start = index;
        match byte {
            b'#' => return found,
            b' ' | b'\t' => {
                index += 1;
                continue;
            }
            b'"' => {
                index += 1;
                index += line.iter().skip(index).take_while(|byte| **byte != b'"').count() + 1;
            }
            b'{' | b'}' | b';' | b',' | b'\\' => index += 1,
            _ => {
                let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'{' | b'}' | b';' | b',' | b'"' | b'#');
                index += line.iter().skip(index).take_while(|byte| !ends(byte)).count();
            }
        }
        let end = index.min(line.len());
        let text =
            String::from_utf8_lossy(line.get(start..end).unwrap_or_default()).trim_matches('"').to_owned();
        found.push(Token { text, span: Span::new(number, start + 1, end + 1) });
    }
    found
}

fn rule(tokens: &[Token]) -> Rule {
    let mut rule = Rule::default();
    if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
        let end = if first.span.line == last.span.line { last.span.end } else { first.span.end };
        rule.span = Span { end, ..first.span };
    }
    let mut rest = tokens.iter().peekable();
    while let Some(token) = rest.next() {
        let mut values = || {
            let mut negated = false;
            while let Some(sign) = rest.next_if(|next| matches!(next.text.as_str(), "==" | "!=")) {
                negated = sign.text == "!=";
            }
            (values(&mut rest), negated)
        };
        match token.text.as_str() {
            "iifname" | "iif" | "oifname" | "oif" => {
                let (names, negated) = values();
                let outgoing = token.text.starts_with('o');
                let names = names.into_iter().map(|name| InterfaceName {
                    name: name.text.clone(),
                    outgoing,
                    negated,
                    span: name.span,
                });
                rule.interfaces.extend(names);
            }
            "tcp" | "udp" => rule.protocols.push(token.text.clone()),
            "dport" => rule.ports.extend(values().0.iter().map(|port| port.text.replace('-', ":"))),
            "protocol" | "l4proto" | "nexthdr" => {
                let (names, negated) = values();
                rule.other_protocol = negated;
                rule.protocols.extend(names.iter().map(|name| name.text.clone()));
            }
            "state" => rule.states.extend(values().0.iter().map(|state| state.text.to_ascii_uppercase())),
            "accept" | "drop" | "reject" | "return" => {
                rule.target.get_or_insert_with(|| token.text.to_ascii_uppercase());
            }
            "jump" | "goto" => rule.target = rest.next().map(|name| name.text.clone()),
            "ip" | "ip6" | "meta" | "ct" | "counter" | "log" | "prefix" | "comment" | "limit" => {
                // What follows `prefix` and `comment` is a text.
                if matches!(token.text.as_str(), "prefix" | "comment") {
                    rest.next();
                }
            }
            "with" => return rule,
            other => rule.others.push(other.to_owned()),
        }
    }
    rule
}

/// A value, or the values of a set; of a map the keys alone.
fn values<'a>(rest: &mut std::iter::Peekable<std::slice::Iter<'a, Token>>) -> Vec<&'a Token> {
    let Some(first) = rest.next() else { return Vec::new() };
    let mut found = Vec::new();
    if first.text != "{" {
        found.push(first);
        while rest.next_if(|next| next.text == ",").is_some() {
            found.extend(rest.next());
        }
        return found;
    }
    for token in rest.by_ref().take_while(|token| token.text != "}") {
        if token.text != "," {
            found.push(token);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_chains_and_rules_are_read() {
        let text = "#!/usr/sbin/nft -f\nflush ruleset\ndefine WAN = \"ens192\"\ntable inet filter {\n  set blocked {\n    type ipv4_addr\n    elements = { 192.0.2.1, 192.0.2.2 }\n  }\n  chain input {\n    type filter hook input priority filter; policy drop;\n    ct state established,related accept\n    iif lo accept\n    iifname { \"em1\", \"em2\" } tcp dport { 22, 1723 } ct state new accept comment \"x y\"\n    iifname $WAN jump wan\n  }\n  chain wan { ip protocol gre accept }\n}\n";
        let read = parse(text.as_bytes());
        let [input, wan] = read.chains.as_slice() else { panic!("{read:?}") };
        assert_eq!((input.table.as_str(), input.policy.as_deref()), ("inet filter", Some("DROP")));
        assert_eq!(input.rules.len(), 4, "{:?}", input.rules);
        assert_eq!(input.rules[0].states, ["ESTABLISHED", "RELATED"]);
        let third = &input.rules[2];
        assert_eq!(third.interfaces.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["em1", "em2"]);
        assert_eq!((third.ports.join(" "), third.target.as_deref()), ("22 1723".into(), Some("ACCEPT")));
        assert!(third.others.is_empty(), "{third:?}");
        let wide = &input.rules[3];
        assert_eq!((wide.interfaces[0].name.as_str(), wide.interfaces[0].span.line), ("ens192", 3));
        assert_eq!(wide.target.as_deref(), Some("wan"));
        assert_eq!((wan.rules[0].protocols.join(" "), wan.rules.len()), ("gre".into(), 1));
    }
}
