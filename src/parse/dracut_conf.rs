//! dracut.conf(5): what the assignments of all its files come to.
//!
//! dracut sources `/etc/dracut.conf` first and then the drop-ins, sorted by name with `sort -V` (dracut.sh,
//! `dropindirs_sort`). Its lists are plain strings that the shell appends to, so two words without a blank between
//! them become one, and `=` throws away what earlier files have added.

use std::cmp::Ordering;

use super::shell_vars::{Assignment, ShellVars};

/// A list variable (`add_drivers`, `omit_dracutmodules`...) after all files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct List {
    /// Its words.
    pub words: Vec<ListWord>,
    /// Assignments with `=` that throw words away.
    pub overrides: Vec<Override>,
}

/// A word of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListWord {
    /// The word.
    pub text: String,
    /// The assignments that it comes from; more than one where it was glued together.
    pub origins: Vec<Origin>,
}

/// An assignment that throws words away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The assignment with `=`.
    pub by: Origin,
    /// The words that are lost.
    pub lost: Vec<ListWord>,
}

/// An assignment: the file's number and the place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The index of the file in reading order.
    pub file: usize,
    /// The index of the assignment in the file.
    pub assignment: usize,
}

/// What the list variable `name` comes to after `files`, in reading order.
#[must_use]
pub fn list(files: &[ShellVars], name: &str) -> List {
    let mut list = List::default();
    let mut pieces: Vec<(&str, Origin)> = Vec::new();
    for (origin, assignment) in assignments(files, name) {
        if !assignment.appends {
            let kept: Vec<&str> = assignment.value.split_ascii_whitespace().collect();
            let mut lost = words(&pieces);
            lost.retain(|word| !kept.contains(&word.text.as_str()) && !refers_to(&assignment.value, name));
            if !lost.is_empty() {
                list.overrides.push(Override { by: origin, lost });
            }
            if !refers_to(&assignment.value, name) {
                pieces.clear();
            }
        }
        pieces.push((&assignment.value, origin));
    }
    list.words = words(&pieces);
    list.words.retain(|word| !word.text.contains('$'));
    list
}

/// The last assignment of `name`, which is the one that counts for what is no list.
#[must_use]
pub fn last<'a>(files: &'a [ShellVars], name: &str) -> Option<(Origin, &'a Assignment)> {
    assignments(files, name).last()
}

/// All assignments of `name`, in reading order.
pub fn assignments<'a>(files: &'a [ShellVars], name: &str) -> impl Iterator<Item = (Origin, &'a Assignment)> {
    files.iter().enumerate().flat_map(move |(file, vars)| {
        vars.assignments
            .iter()
            .enumerate()
            .filter(move |(_, assignment)| assignment.name == name)
            .map(move |(index, assignment)| (Origin { file, assignment: index }, assignment))
    })
}

/// `add_drivers="$add_drivers x"` appends, too.
fn refers_to(value: &str, name: &str) -> bool {
    value.contains(&format!("${name}")) || value.contains(&format!("${{{name}}}"))
}

/// The words of `pieces` written one after the other.
fn words(pieces: &[(&str, Origin)]) -> Vec<ListWord> {
    let mut words: Vec<ListWord> = Vec::new();
    let mut open = false;
    for (piece, origin) in pieces {
        for character in piece.chars() {
            if character.is_ascii_whitespace() {
                open = false;
                continue;
            }
            if !open {
                words.push(ListWord { text: String::new(), origins: Vec::new() });
            }
            open = true;
            if let Some(word) = words.last_mut() {
                word.text.push(character);
                if word.origins.last() != Some(origin) {
                    word.origins.push(*origin);
                }
            }
        }
    }
    words
}

/// The order of `sort -V`: stretches of digits by their number, the rest by bytes.
#[must_use]
pub fn version_order(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        let (Some(l), Some(r)) = (left.first(), right.first()) else { return left.len().cmp(&right.len()) };
        if l.is_ascii_digit() && r.is_ascii_digit() {
            let (left_number, left_rest) = number(left);
            let (right_number, right_rest) = number(right);
            let order = left_number.len().cmp(&right_number.len()).then(left_number.cmp(right_number));
            if order.is_ne() {
                return order;
            }
            (left, right) = (left_rest, right_rest);
        } else if l != r {
            return l.cmp(r);
        } else {
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
    }
}

/// The digits at the start, leading zeros left out, and what follows.
fn number(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let (digits, rest) = bytes.split_at(end);
    let zeros = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    (digits.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shell_vars;
    use super::*;

    fn read(files: &[&str]) -> List {
        let files: Vec<_> = files.iter().map(|text| shell_vars::parse(text.as_bytes())).collect();
        list(&files, "add_drivers")
    }

    fn texts(words: &[ListWord]) -> Vec<(&str, usize)> {
        words.iter().map(|word| (word.text.as_str(), word.origins.len())).collect()
    }

    #[test]
    fn words_without_a_blank_between_them_are_glued() {
        let list = read(&["add_drivers+=\"a b\"\n", "add_drivers+=\"c \"\nadd_drivers+=\"d\"\n"]);
        assert_eq!(texts(&list.words), [("a", 1), ("bc", 2), ("d", 1)]);
        assert_eq!(list.words[1].origins[1], Origin { file: 1, assignment: 0 });
        assert_eq!(list.overrides, []);
    }

    #[test]
    fn an_equals_sign_throws_away_what_was_there() {
        let list = read(&["add_drivers+=\" a b \"\n", "add_drivers=\" b c \"\n"]);
        assert_eq!(texts(&list.words), [("b", 1), ("c", 1)]);
        assert_eq!(list.overrides.len(), 1);
        assert_eq!(texts(&list.overrides[0].lost), [("a", 1)]);
        assert_eq!(list.overrides[0].by, Origin { file: 1, assignment: 0 });
        let kept = read(&["add_drivers+=\" a \"\n", "add_drivers=\"$add_drivers b\"\n"]);
        assert_eq!(texts(&kept.words), [("a", 1), ("b", 1)]);
        assert_eq!(kept.overrides, []);
        assert_eq!(read(&["add_drivers=\" a \"\n"]).overrides, []);
    }

    #[test]
    fn names_sort_as_versions() {
        let mut names = ["10-b.conf", "9-a.conf", "09-c.conf", "a.conf", "01-dist.conf"];
        names.sort_by(|left, right| version_order(left, right));
        assert_eq!(names, ["01-dist.conf", "9-a.conf", "09-c.conf", "10-b.conf", "a.conf"]);
    }

    proptest! {
        #[test]
        fn any_assignments_are_read(text in "((add_drivers|x)[+]?=\"[a-c $]{0,6}\"\n){0,8}") {
            prop_assert!(read(&[&text]).words.len() <= text.len());
        }

        #[test]
        fn with_blanks_around_them_all_words_stay(lists in proptest::collection::vec("[a-z_]{1,6}( [a-z_]{1,6}){0,2}", 0..5)) {
            let files: Vec<_> = lists.iter().map(|list| format!("add_drivers+=\" {list} \"\n")).collect();
            let list = read(&files.iter().map(String::as_str).collect::<Vec<_>>());
            let want: Vec<_> = lists.iter().flat_map(|list| list.split(' ')).collect();
            prop_assert_eq!(list.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), want);
        }

        #[test]
        fn version_order_is_an_order(a in "[0-9a.-]{0,6}", b in "[0-9a.-]{0,6}") {
            prop_assert_eq!(version_order(&a, &b), version_order(&b, &a).reverse());
        }
    }
}
