//! Which of some names is almost the one that was looked for.

use schemars::JsonSchema;
use serde::Serialize;

use crate::place::Place;

/// A name that is almost the one looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NearName {
    /// The name that is there; leading and trailing spaces kept.
    pub name: String,
    /// Where.
    pub at: Place,
    /// How it differs, to be put after "it differs": `in case`, `by a space at its end`, `by 1 letter`.
    pub differs: String,
}

/// Longest name that is compared letter by letter: file names on Linux have at most 255 bytes, and the comparison
/// takes the product of both lengths.
const MAX_COMPARED: usize = 255;

/// The nearest of `candidates` to `wanted`, if one is near; the first of those equally near.
pub(super) fn nearest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = (&'a str, &'a Place)>,
) -> Option<NearName> {
    let near = candidates.filter_map(|(name, at)| {
        let (distance, differs) = difference(wanted, name)?;
        Some((distance, NearName { name: name.to_owned(), at: at.clone(), differs }))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, found)| found)
}

/// How far `found` is from `wanted`, and in words; none when they are equal or not near.
fn difference(wanted: &str, found: &str) -> Option<(usize, String)> {
    if wanted == found {
        return None;
    }
    if wanted.trim() == found.trim() {
        let which = if found.trim_end() != found {
            "by a space at its end"
        } else if found.trim_start() != found {
            "by a space at its start"
        } else {
            "by a space that it lacks"
        };
        return Some((1, which.to_owned()));
    }
    let (a, b) = (wanted.trim().to_lowercase(), found.trim().to_lowercase());
    if a == b {
        return Some((1, "in case".to_owned()));
    }
    let plain = |name: &str| name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).collect::<String>();
    if plain(&a) == plain(&b) && !plain(&a).is_empty() {
        return Some((2, "in its separators".to_owned()));
    }
    let distance = edit_distance(&a, &b)?;
    let digits = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    // ppp0 and ppp1, site1 and site2 are two things, not one misspelt.
    if digits(&a) == digits(&b) {
        return None;
    }
    let allowed = if a.chars().count().min(b.chars().count()) < 5 { 1 } else { 2 };
    let letters = if distance == 1 { "letter" } else { "letters" };
    (distance <= allowed).then(|| (2 + distance, format!("by {distance} {letters}")))
}

/// Levenshtein's distance, a transposition of neighbours counted as one; none for names too long to compare.
fn edit_distance(a: &str, b: &str) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > MAX_COMPARED || b.len() > MAX_COMPARED {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let substituted = last.get(j)? + usize::from(left != right);
            let mut least = substituted.min(last.get(j + 1)? + 1).min(row.get(j)? + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(right) && b.get(j - 1) == Some(left);
            if swapped {
                least = least.min(before.get(j - 1)? + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_say_how_they_differ() {
        for (wanted, found, differs) in [
            ("office", "Office", Some("in case")),
            ("office", "office ", Some("by a space at its end")),
            ("office ", "office", Some("by a space that it lacks")),
            ("office-vpn", "office_vpn", Some("in its separators")),
            ("office", "ofice", Some("by 1 letter")),
            ("office", "offcie", Some("by 1 letter")),
            ("office", "office", None),
            ("office", "branch", None),
            ("ppp0", "ppp1", None),
            ("lab", "lob", Some("by 1 letter")),
            ("lab", "web", None),
        ] {
            assert_eq!(difference(wanted, found).map(|(_, d)| d).as_deref(), differs, "{wanted:?} {found:?}");
        }
    }

    #[test]
    fn the_nearest_wins() {
        let place = Place::file("etc/ppp/peers/x");
        let names = ["offices", "OFFICE"];
        let found = nearest("office", names.iter().map(|name| (*name, &place)));
        assert_eq!(found.map(|f| f.name).as_deref(), Some("OFFICE"));
    }
}
