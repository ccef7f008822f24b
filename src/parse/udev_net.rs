//! udev rules that name network interfaces: 70-persistent-net.rules, z25_persistent-net.rules (Debian 4),
//! 30-net_persistent_names.rules (SLES 10).
//!
//! Of the rules that [`super::udev_rules`] reads only what names an interface is kept: `NAME=` or, in SLES 10, the argument of
//! `rename_netiface %k NAME`.

use super::Mistake;
use super::udev_rules::{self, Operator, Token};
use crate::place::Span;

/// What was read of a rules file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The rules that give a name.
    pub names: Vec<NameRule>,
    /// What is not a rule.
    pub mistakes: Vec<Mistake>,
}

/// A rule that gives an interface its name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct NameRule {
    /// The rule; the first line when it has several.
    pub span: Span,
    /// The address that it asks for, as written.
    pub mac: Option<String>,
    /// The name that it gives.
    pub name: String,
    /// `KERNEL==`.
    pub kernel: Option<String>,
    /// The bus address or path that it asks for (`KERNELS`, `ID`, `ENV{ID_PATH}`, `ENV{PHYSDEVPATH}`).
    pub bus: Option<String>,
    /// All that it asks for, in order.
    pub conditions: Vec<Condition>,
}

/// One `KEY==` or `KEY!=` of a rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The key with its attribute: `ATTR{address}`.
    pub key: String,
    /// Whether it must not match.
    pub negated: bool,
    /// The pattern; `|` separates alternatives.
    pub value: String,
}

/// Reads a rules file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Rules {
    let read = udev_rules::parse(bytes);
    let named = read.rules.into_iter().map(|rule| {
        let mut named = NameRule { span: rule.span, ..NameRule::default() };
        rule.tokens.into_iter().for_each(|token| note(&mut named, token));
        named
    });
    Rules { names: named.filter(|rule| !rule.name.is_empty()).collect(), mistakes: read.mistakes }
}

fn note(rule: &mut NameRule, Token { key, operator, value }: Token) {
    if operator.is_condition() {
        let negated = operator == Operator::Differ;
        rule.conditions.push(Condition { key: key.clone(), negated, value: value.clone() });
    }
    match (key.as_str(), operator) {
        ("ATTR{address}" | "ATTRS{address}" | "SYSFS{address}" | "ENV{MATCHADDR}", Operator::Match) => {
            rule.mac = Some(value);
        }
        ("KERNEL", Operator::Match) => rule.kernel = Some(value),
        ("KERNELS" | "ID" | "ENV{ID_PATH}" | "ENV{PHYSDEVPATH}" | "BUS_ID", Operator::Match) => {
            rule.bus = Some(value);
        }
        ("NAME", Operator::Assign | Operator::Add | Operator::Remove | Operator::Final) => rule.name = value,
        ("IMPORT" | "IMPORT{program}" | "PROGRAM", _) => {
            let mut words = value.split_whitespace();
            if words.next().is_some_and(|program| program.ends_with("rename_netiface"))
                && let Some(name) = words.nth(1)
            {
                name.clone_into(&mut rule.name);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row<'a> = (u32, Option<&'a str>, &'a str, Option<&'a str>, Option<&'a str>);

    fn rows(rules: &Rules) -> Vec<Row<'_>> {
        let rules = rules.names.iter();
        rules
            .map(|r| (r.span.line, r.mac.as_deref(), r.name.as_str(), r.kernel.as_deref(), r.bus.as_deref()))
            .collect()
    }

    #[test]
    fn rules_that_name_interfaces_are_found() {
        for (text, expected) in [
            (
                "# PCI device 0x14e4:0x164c (bnx2)\nSUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"00:00:5e:00:53:01\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n",
                vec![(2, Some("00:00:5e:00:53:01"), "eth0", Some("eth*"), None)],
            ),
            (
                "SUBSYSTEM==\"net\", DRIVERS==\"?*\", \\\n  ATTRS{address}==\"00:00:5e:00:53:02\", NAME=\"eth1\"",
                vec![(1, Some("00:00:5e:00:53:02"), "eth1", None, None)],
            ),
            (
                "SUBSYSTEM==\"net\", ACTION==\"add\", SYSFS{address}==\"00:00:5e:00:53:03\", IMPORT=\"/lib/udev/rename_netiface %k eth2\"\n",
                vec![(1, Some("00:00:5e:00:53:03"), "eth2", None, None)],
            ),
            (
                "SUBSYSTEM==\"net\", KERNELS==\"0000:03:00.0\", NAME=\"lan\"",
                vec![(1, None, "lan", None, Some("0000:03:00.0"))],
            ),
            ("#SUBSYSTEM==\"net\", ATTR{address}==\"00:00:5e:00:53:01\", NAME=\"eth0\"\n", vec![]),
            ("SUBSYSTEM==\"net\", NAME!=\"?*\", GOTO=\"end\"\nNAME==\"eth0\", ENV{X}=\"1\"\n", vec![]),
            ("ATTR{address}!=\"00:00:5e:00:53:01\", NAME=\"eth9\"", vec![(1, None, "eth9", None, None)]),
        ] {
            assert_eq!(rows(&parse(text.as_bytes())), expected, "{text:?}");
        }
    }

    #[test]
    fn a_broken_rule_is_a_mistake_and_the_next_is_read() {
        let rules = parse(b"ATTR{address}==00:00:5e:00:53:01, NAME=\"eth0\"\nNAME=\"eth1\"\r\n");
        assert_eq!(rows(&rules), [(2, None, "eth1", None, None)]);
        assert_eq!(rules.mistakes[0].span.line, 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).names.len() <= bytes.len());
        }

        #[test]
        fn name_and_address_come_back(name in "[a-z][a-z0-9]{0,14}", mac in "[0-9a-f]{2}(:[0-9a-f]{2}){5}") {
            let text = format!("SUBSYSTEM==\"net\",ATTR{{address}}==\"{mac}\",NAME=\"{name}\"");
            let rules = parse(text.as_bytes());
            prop_assert_eq!(rows(&rules), vec![(1, Some(mac.as_str()), name.as_str(), None, None)]);
        }
    }
}
