//! GRUB's `test` and `[` (grub-core/commands/test.c), with a third answer: the input does not say.

use super::files::BootFiles;
use super::values::Value;

/// What a condition comes to; none if the input does not say.
pub(super) fn evaluate(arguments: &[Value], files: &BootFiles<'_>) -> Option<bool> {
    let mut any = Some(false);
    for alternative in arguments.split(|argument| is(argument, "-o")) {
        let mut all = Some(true);
        for term in alternative.split(|argument| is(argument, "-a")) {
            all = and(all, term_of(term, files));
        }
        any = or(any, all);
    }
    any
}

fn is(argument: &Value, text: &str) -> bool {
    argument.known_text().as_deref() == Some(text)
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|a| !a), b.map(|b| !b)).map(|both| !both)
}

fn term_of(term: &[Value], files: &BootFiles<'_>) -> Option<bool> {
    match term {
        [] => Some(false),
        [not, rest @ ..] if is(not, "!") => term_of(rest, files).map(|value| !value),
        [text] => Some(!text.known_text()?.is_empty()),
        [operator, operand] => unary(&operator.known_text()?, operand, files),
        [left, operator, right] => binary(&left.known_text()?, &operator.known_text()?, &right.known_text()?),
        _ => None,
    }
}

fn unary(operator: &str, operand: &Value, files: &BootFiles<'_>) -> Option<bool> {
    match operator {
        "-z" => Some(operand.known_text()?.is_empty()),
        "-n" => Some(!operand.known_text()?.is_empty()),
        // The device in front may be unknown; there is one root to look in all the same.
        "-e" | "-f" | "-s" => files.test(&operand.text(), operator == "-s"),
        _ => None,
    }
}

fn binary(left: &str, operator: &str, right: &str) -> Option<bool> {
    let numbers = || Some((left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?));
    match operator {
        "=" | "==" => Some(left == right),
        "!=" => Some(left != right),
        "-eq" => numbers().map(|(a, b)| a == b),
        "-ne" => numbers().map(|(a, b)| a != b),
        "-lt" => numbers().map(|(a, b)| a < b),
        "-le" => numbers().map(|(a, b)| a <= b),
        "-gt" => numbers().map(|(a, b)| a > b),
        "-ge" => numbers().map(|(a, b)| a >= b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Gather, Limits};
    use crate::place::Place;
    use crate::source::memory::Memory;

    #[test]
    fn conditions_come_to_true_false_or_unknown() {
        let tree = Memory::new().file("boot/grub/grubenv", "x").file("boot/grub/empty", "").into_tree();
        let limits = Limits::default();
        let gather = Gather::new(&tree, &limits);
        let files = BootFiles::new(&gather);
        let table = [
            ("", Some(false)),
            ("-s /boot/grub/grubenv", Some(true)),
            ("-s /boot/grub/empty", Some(false)),
            ("-f (hd0,1)/grub/empty", Some(true)),
            ("-f /boot/grub/none", Some(false)),
            ("xy = xy", Some(true)),
            ("! xy = xy", Some(false)),
            ("? = efi", None),
            ("? = efi -a a = b", Some(false)),
            ("? = efi -o a = a", Some(true)),
            ("3 -gt 20", Some(false)),
            ("word", Some(true)),
            ("-z word", Some(false)),
        ];
        for (text, expected) in table {
            let value = |word: &str| match word {
                "?" => Value::unknown("the firmware", Place::file("x")),
                word => Value::known(word, Place::file("x")),
            };
            let arguments: Vec<_> = text.split_whitespace().map(value).collect();
            assert_eq!(evaluate(&arguments, &files), expected, "{text}");
        }
    }
}
