//! Which places share a key, without comparing each with each.

use std::collections::BTreeMap;

use crate::place::Place;

/// Places listed beside one at most: more say nothing new, and a hostile file could have a hundred thousand.
const MAX_OTHERS: usize = 16;

/// Places by key.
#[derive(Debug, Default)]
pub(super) struct Groups {
    places: BTreeMap<String, Vec<Place>>,
}

impl Groups {
    /// Adds a place to the group of `key`; one without a key is in no group.
    pub(super) fn add(&mut self, key: Option<String>, at: &Place) {
        if let Some(key) = key {
            self.places.entry(key).or_default().push(at.clone());
        }
    }

    /// The other places of the group, at most [`MAX_OTHERS`].
    pub(super) fn others(&self, key: Option<String>, at: &Place) -> Vec<Place> {
        let group = key.and_then(|key| self.places.get(&key));
        let others = group.into_iter().flatten().take(MAX_OTHERS + 1).filter(|other| *other != at);
        others.take(MAX_OTHERS).cloned().collect()
    }
}
