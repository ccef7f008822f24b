//! Texts that many records share, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::report::read::kept;

/// Characters of a name, a title or a distribution that are kept; ours have less than a hundred.
const LONGEST: usize = 160;

/// A text among [`Names`]. Names are in the order of their texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

/// The texts.
#[derive(Debug, Default)]
pub struct Names(Vec<Arc<str>>);

impl Names {
    /// The text of `name`, safe to show.
    #[must_use]
    pub fn text(&self, name: Name) -> &str {
        self.0.get(name.0 as usize).map_or("", |text| text)
    }

    /// The texts of `names`, in their order.
    #[must_use]
    pub fn texts(&self, names: &[Name]) -> Vec<&str> {
        names.iter().map(|name| self.text(*name)).collect()
    }

    /// The text of `name`, if there is one.
    #[must_use]
    pub fn optional(&self, name: Option<Name>) -> Option<&str> {
        name.map(|name| self.text(name))
    }
}

/// Names while they are gathered, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Gathered {
    /// The name for `text`.
    pub(super) fn name(&mut self, text: &str) -> Name {
        if let Some(number) = self.numbers.get(text) {
            return Name(*number);
        }
        let shown: Arc<str> = kept(text, LONGEST).into();
        let number = *self.numbers.entry(Arc::clone(&shown)).or_insert_with(|| {
            self.texts.push(shown);
            u32::try_from(self.texts.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        Name(number)
    }

    /// The texts in order, and for each name of the gathering which of these it is.
    pub(super) fn sorted(self) -> (Names, Renaming) {
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_by_key(|number| self.texts.get(*number));
        let mut renaming = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            if let Some(renamed) = renaming.get_mut(*old) {
                *renamed = u32::try_from(new).unwrap_or(u32::MAX);
            }
        }
        let mut texts = self.texts;
        texts.sort();
        (Names(texts), Renaming(renaming))
    }
}

/// From the names of a gathering to those in the order of their texts.
#[derive(Debug)]
pub(super) struct Renaming(Vec<u32>);

impl Renaming {
    pub(super) fn of(&self, name: Name) -> Name {
        Name(self.0.get(name.0 as usize).copied().unwrap_or(name.0))
    }

    pub(super) fn apply(&self, name: &mut Name) {
        *name = self.of(*name);
    }

    pub(super) fn apply_if_any(&self, name: &mut Option<Name>) {
        *name = name.map(|name| self.of(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_once_and_end_up_in_the_order_of_their_texts() {
        let mut gathered = Gathered::default();
        let [vmware, kvm, again] = ["vmware", "kvm", "vmware"].map(|text| gathered.name(text));
        assert_eq!(vmware, again);
        let (names, renaming) = gathered.sorted();
        assert_eq!(names.text(renaming.of(vmware)), "vmware");
        assert!(renaming.of(kvm) < renaming.of(vmware));
    }

    #[test]
    fn what_is_kept_is_short_and_safe_to_show() {
        let mut gathered = Gathered::default();
        let long = gathered.name(&"\u{1b}".repeat(100_000));
        let (names, renaming) = gathered.sorted();
        let text = names.text(renaming.of(long));
        assert!(text.starts_with("\\u{1b}\\u{1b}") && text.ends_with('…') && text.len() < 2000);
    }
}
