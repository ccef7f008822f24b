//! Where values of YAML stand.

use crate::place::Span;

/// The place of a value, as the reader of YAML tells it: where it starts.
pub(super) fn point(location: &serde_saphyr::Location) -> Span {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let column = number(location.column());
    Span::new(number(location.line()), column, column)
}
