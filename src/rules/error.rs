//! Where in a rule file a mistake stands.

use std::ops::Range;

pub use crate::mistake::Mistake as RuleError;

/// Where the characters of a YAML scalar's value stand in the file.
///
/// Value and source differ only in white space (indentation, folded lines), quotes and escapes, so each character
/// of the value is the next equal one of the source.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    /// The value.
    pub(super) text: String,
    /// Byte offset of the scalar in the file.
    pub(super) start: usize,
}

impl Scalar {
    /// The span in the file of the bytes `range` of the value.
    pub(super) fn span(&self, source: &str, range: Range<usize>) -> Range<usize> {
        let mut at = self.start;
        let rest = source.get(at..).unwrap_or_default();
        if rest.starts_with(['|', '>']) {
            at += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        } else if rest.starts_with(['"', '\'']) {
            at += 1;
        }
        let (mut start, mut end) = (None, at);
        for (offset, character) in self.text.char_indices() {
            if offset >= range.end.max(range.start + 1) {
                break;
            }
            if character.is_whitespace() {
                continue;
            }
            let Some(found) = source.get(at..).and_then(|rest| rest.find(character)) else { break };
            at += found;
            if offset >= range.start {
                start.get_or_insert(at);
            }
            at += character.len_utf8();
            end = at;
        }
        let start = start.unwrap_or(end);
        start..end.max(start)
    }
}
