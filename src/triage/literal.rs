//! The fixed text that each match of a regular expression holds: what a log of a million lines is searched for first, so
//! that the expressions themselves only see the lines that may match.

use regex_syntax::hir::{Hir, HirKind};

/// Bytes that a text must have to be worth looking for.
pub(super) const SHORTEST: usize = 4;

/// Texts of which each match of `expression` holds at least one; none if no such texts can be found.
pub(super) fn required(expression: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::parse(expression).ok()?;
    let texts = of(&hir).filter(|texts| texts.iter().all(|text| text.len() >= SHORTEST))?;
    let texts: Option<Vec<String>> = texts.into_iter().map(|text| String::from_utf8(text).ok()).collect();
    texts.filter(|texts| !texts.is_empty())
}

/// The best choice of texts for this part of the expression: the one whose shortest text is longest.
fn of(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Concat(parts) => joined(parts).into_iter().max_by_key(|texts| worth(texts)),
        HirKind::Alternation(parts) => {
            let each: Option<Vec<_>> = parts.iter().map(of).collect();
            Some(each?.concat())
        }
        _ => None,
    }
}

/// The choices that a sequence offers: each of its parts, and literals that stand side by side as one.
fn joined(parts: &[Hir]) -> Vec<Vec<Vec<u8>>> {
    let mut choices: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for part in parts {
        if let Some(literal) = plain(part) {
            run.extend_from_slice(literal);
            continue;
        }
        if !run.is_empty()
            && !part.properties().look_set().is_empty()
            && part.properties().maximum_len() == Some(0)
        {
            continue;
        }
        choices.extend((!run.is_empty()).then(|| vec![std::mem::take(&mut run)]));
        choices.extend(of(part));
    }
    choices.extend((!run.is_empty()).then(|| vec![run]));
    choices
}

/// The text of a part that is nothing but text.
fn plain(hir: &Hir) -> Option<&[u8]> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(&literal.0),
        HirKind::Capture(capture) => plain(&capture.sub),
        _ => None,
    }
}

fn worth(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::required;

    #[test]
    fn the_longest_fixed_text_is_taken() {
        for (expression, texts) in [
            (r"ALERT!\s+(?<device>\S+) does not exist", &[" does not exist"][..]),
            (r"Kernel panic - not syncing: (?<why>.*)", &["Kernel panic - not syncing: "]),
            (r"(?:Volume group|VG) (?<name>\S+) not found", &[" not found"]),
            (r"^(?:no init|No init) found\.?$", &["no init", "No init"]),
            (r"oom-killer: (?:x|constraint=)?", &["oom-killer: "]),
            (r"(?<a>foo)bar", &["foobar"]),
        ] {
            assert_eq!(required(expression).unwrap(), texts, "{expression}");
        }
    }

    #[test]
    fn what_may_match_anything_has_none() {
        for expression in [r"\S+: \d+", r".*", r"(?i)panic at", r"abc", r"(?:long enough|x)"] {
            assert_eq!(required(expression), None, "{expression}");
        }
    }
}
