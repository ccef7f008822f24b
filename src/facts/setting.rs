//! A value of a configuration file and its place, the shape that many subjects share.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::parse::Mistake;
use crate::parse::shell_vars::Assignment;
use crate::place::Place;

/// A value and where it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// The value, quotes removed.
    pub value: String,
    /// Where it is set.
    pub at: Place,
}

impl Setting {
    /// The value of an assignment in the file at `path`.
    pub(super) fn new(assignment: &Assignment, path: &Arc<str>) -> Self {
        Self { value: assignment.value.clone(), at: assignment.span.at(path) }
    }
}

/// A name in a list and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub at: Place,
}

/// Something in a file that is not as its format wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Misread {
    /// Where.
    pub at: Place,
    /// A sentence: what is there, and what comes of it.
    pub message: String,
}

impl Misread {
    /// A reader's mistake in the file at `path`.
    pub(super) fn new(mistake: &Mistake, path: &Arc<str>) -> Self {
        Self { at: mistake.span.at(path), message: mistake.message.clone() }
    }
}
