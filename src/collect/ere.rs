//! Rewrites the regular expressions of [`crate::secrets::table`] into POSIX's extended ones (POSIX.1-2017, XBD 9.4), in
//! the part of them that every awk and grep knows: mawk 1.3.3 has neither `{n}` nor `[:space:]`, gawk 3.1 has `{n}` only
//! when asked. Not a compiler of any regular expression: it knows what the tables use, and a test says when that grows.

use crate::secrets::table::Pattern;

/// What stands for `\w` in brackets, `\d` and `\s`.
const WORD: &str = "A-Za-z0-9_";
const DIGIT: &str = "0-9";
const SPACE: &str = " \t";
/// The start of a word: it takes the character before it, which counts as kept and so stays.
const WORD_START: &str = "(^|[^A-Za-z0-9_])";

/// A [`Pattern`] as POSIX has it.
pub(super) struct Ere {
    pub(super) kept: String,
    pub(super) secret: String,
    pub(super) after: &'static str,
    pub(super) any_case: bool,
}

impl Ere {
    /// None if the pattern has something in it that POSIX lacks.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        Some(Self {
            kept: group(&translated(pattern.kept)?, pattern.any_case),
            secret: group(&translated(pattern.secret)?, pattern.any_case),
            after: pattern.after,
            any_case: pattern.any_case,
        })
    }

    /// The whole of it in small letters: a line that does not match this in small letters holds no such secret.
    pub(super) fn suspect(&self) -> String {
        format!("{}{}{}", self.kept, self.secret, self.after).to_ascii_lowercase()
    }
}

/// Expressions of any case are held against text in small letters.
fn group(expression: &str, any_case: bool) -> String {
    match (expression.is_empty(), any_case) {
        (true, _) => String::new(),
        (false, true) => format!("({})", expression.to_ascii_lowercase()),
        (false, false) => format!("({expression})"),
    }
}

fn translated(expression: &str) -> Option<String> {
    let mut rest = expression;
    let mut out = String::new();
    // Where the last atom starts, which a repetition is of.
    let mut atom = 0;
    while let Some(first) = rest.chars().next() {
        let here = out.len();
        let taken = match first {
            '\\' => {
                let escaped = rest.chars().nth(1)?;
                out.push_str(&class(escaped)?);
                2
            }
            '[' => {
                let (text, taken) = bracket(rest)?;
                out.push_str(&text);
                taken
            }
            '{' => {
                let end = rest.find('}')?;
                let count = rest.get(1..end)?;
                let repeated = out.get(atom..)?.to_owned();
                let least: usize = count.trim_end_matches(',').parse().ok()?;
                (1..least).for_each(|_| out.push_str(&repeated));
                if count.ends_with(',') {
                    out.push_str(&repeated);
                    out.push('*');
                }
                atom = out.len();
                rest = rest.get(end + 1..)?;
                continue;
            }
            '(' if rest.starts_with("(?:") => {
                out.push('(');
                3
            }
            '(' => return None,
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        atom = here;
        rest = rest.get(taken..)?;
    }
    Some(out)
}

/// What a letter behind a backslash stands for; another sign stands for itself.
fn class(escaped: char) -> Option<String> {
    Some(match escaped {
        'w' => format!("[{WORD}]"),
        'd' => format!("[{DIGIT}]"),
        's' => format!("[{SPACE}]"),
        'S' => format!("[^{SPACE}]"),
        'b' => WORD_START.to_owned(),
        sign if sign.is_ascii_punctuation() => format!("[{sign}]"),
        _ => return None,
    })
}

/// A bracket expression, and how long it was.
fn bracket(rest: &str) -> Option<(String, usize)> {
    let end = rest.find(']')?;
    let inside = rest.get(1..end)?.replace(r"\w", WORD).replace(r"\s", SPACE).replace(r"\d", DIGIT);
    (!inside.contains('\\')).then(|| (format!("[{inside}]"), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::table;

    #[test]
    fn what_posix_lacks_is_spelled_out() {
        for (from, to) in [
            (r"\bx\s*[=:]", "(^|[^A-Za-z0-9_])x[ \t]*[=:]"),
            (r"[\w.-]{3}=", "[A-Za-z0-9_.-][A-Za-z0-9_.-][A-Za-z0-9_.-]="),
            (r"\S{2,}\.", "[^ \t][^ \t][^ \t]*[.]"),
            (r"(?:a|b)?c\d+", "(a|b)?c[0-9]+"),
        ] {
            assert_eq!(translated(from).as_deref(), Some(to), "{from}");
        }
        for unknown in [r"(?P<x>a)", r"\pL", "(a)"] {
            assert_eq!(translated(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn all_patterns_of_secrets_can_be_told_to_awk() {
        let all = table::CONNECTION.iter().chain(&table::DIALLING).chain(&table::BY_NAME);
        for pattern in all.chain(&table::BY_SHAPE) {
            let ere = Ere::of(pattern).unwrap_or_else(|| panic!("{}", pattern.kept));
            assert!(!ere.suspect().contains('\\'), "{}", ere.suspect());
        }
    }
}
