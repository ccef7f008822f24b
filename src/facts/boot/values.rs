//! Variables of a GRUB script: texts that remember where each stretch of them was written.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::facts::command_line::Piece;
use crate::parse::grub_cfg::{Part, Word};
use crate::place::Place;

/// Bytes that a word may grow to; `set a=$a$a` doubles with each turn, and the kernel takes 4,096 at most.
const MAX_WORD: usize = 8 * 1024;
/// Stretches that a word may be made of.
const MAX_PIECES: usize = 256;
/// Fields that one word may become.
const MAX_FIELDS: usize = 1024;
/// Variables that a script may set; those of distributions set some thirty.
pub(super) const MAX_VARIABLES: usize = 1024;

/// A text made of stretches, each with the place of its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) pieces: Vec<Piece>,
    /// What would settle the part of it that the input does not say; then `?` stands for that part.
    pub(super) needs: Option<String>,
    /// Bytes of all stretches together.
    length: usize,
}

impl Value {
    fn empty() -> Self {
        Self { pieces: Vec::new(), needs: None, length: 0 }
    }

    /// Bytes of its text.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn known(text: impl Into<String>, at: Place) -> Self {
        let text = text.into();
        Self { length: text.len(), pieces: vec![Piece { text, at }], needs: None }
    }

    pub(super) fn unknown(needs: impl Into<String>, at: Place) -> Self {
        Self { needs: Some(needs.into()), ..Self::known("?", at) }
    }

    pub(super) fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// The text, unless a part of it is not known.
    pub(super) fn known_text(&self) -> Option<String> {
        self.needs.is_none().then(|| self.text())
    }

    /// The place of its first stretch that is not empty.
    pub(super) fn at(&self) -> Option<&Place> {
        let filled = self.pieces.iter().find(|piece| !piece.text.is_empty());
        filled.or(self.pieces.first()).map(|piece| &piece.at)
    }

    /// The place of its first stretch that is not empty, up to the end of that stretch.
    pub(super) fn place(&self) -> Option<Place> {
        let piece = self.pieces.iter().find(|piece| !piece.text.is_empty())?;
        Some(Place { end: shifted(&piece.at, piece.text.len()).column, ..piece.at.clone() })
    }

    /// The value without its first `count` bytes.
    pub(super) fn without_start(&self, mut count: usize) -> Self {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let cut = count.min(piece.text.len());
            count -= cut;
            let text = piece.text.get(cut..).unwrap_or_default().to_owned();
            pieces.push(Piece { text, at: shifted(&piece.at, cut) });
        }
        Self { length: pieces.iter().map(|piece| piece.text.len()).sum(), pieces, needs: self.needs.clone() }
    }

    fn push(&mut self, piece: Piece) {
        let length = self.length.saturating_add(piece.text.len());
        if self.pieces.len() < MAX_PIECES && length <= MAX_WORD {
            self.length = length;
            self.pieces.push(piece);
        }
    }
}

/// The place `bytes` further to the right.
pub(super) fn shifted(at: &Place, bytes: usize) -> Place {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Place { column: at.column.map(|column| column.saturating_add(bytes)), ..at.clone() }
}

/// The variables of a script. Values are shared, because ways through the script are tried on copies.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(BTreeMap<String, Rc<Value>>);

impl Variables {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).map(Rc::as_ref)
    }

    /// Sets a variable; past [`MAX_VARIABLES`] only those that are set already.
    pub(super) fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        if self.0.len() < MAX_VARIABLES || self.0.contains_key(&name) {
            self.0.insert(name, Rc::new(value));
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A variable that `other` has different, or that only one of them has, becomes unknown.
    pub(super) fn merge(&mut self, other: &Self, needs: &str, place: &Place) {
        let unknown = |value: &Value| {
            let needs = value.needs.as_deref().unwrap_or(needs);
            Value::unknown(needs, value.at().unwrap_or(place).clone())
        };
        let differing = |ours: &Self, theirs: &Self| -> Vec<(String, Value)> {
            let differs = |(name, value): &(&String, &Rc<Value>)| {
                theirs
                    .0
                    .get(*name)
                    .is_none_or(|other| !Rc::ptr_eq(other, value) && other.text() != value.text())
            };
            ours.0.iter().filter(differs).map(|(name, value)| (name.clone(), unknown(value))).collect()
        };
        let (ours, theirs) = (differing(self, other), differing(other, self));
        // What was unknown before says better what would settle it.
        let (vague, told): (Vec<_>, Vec<_>) =
            ours.into_iter().chain(theirs).partition(|(_, value)| value.needs.as_deref() == Some(needs));
        for (name, value) in vague.into_iter().chain(told) {
            self.insert(name, value);
        }
    }
}

/// What a word becomes: one field, or none or several if unquoted variables in it hold blanks.
pub(super) fn expand(word: &Word, path: &Arc<str>, variables: &Variables) -> Vec<Value> {
    let mut fields = Vec::new();
    let mut field: Option<Value> = None;
    for part in &word.parts {
        if fields.len() >= MAX_FIELDS {
            break;
        }
        match part {
            Part::Text { text, span } => {
                field.get_or_insert_with(Value::empty).push(Piece { text: text.clone(), at: span.at(path) });
            }
            Part::Variable { name, is_quoted } => {
                let value = lookup(name, word, path, variables);
                if *is_quoted {
                    let field = field.get_or_insert_with(Value::empty);
                    append(field, value);
                } else {
                    split_into(&mut fields, &mut field, value);
                }
            }
        }
    }
    fields.extend(field);
    fields
}

fn lookup(name: &str, word: &Word, path: &Arc<str>, variables: &Variables) -> Value {
    match variables.get(name) {
        Some(value) => value.clone(),
        // Every GRUB since 2.00 has the features that grub-mkconfig asks for.
        None if name.starts_with("feature_") => Value::known("y", word.span.at(path)),
        None if matches!(name, "grub_platform" | "grub_cpu" | "?" | "net_default_server") => {
            Value::unknown(format!("what GRUB's `{name}` is at boot"), word.span.at(path))
        }
        None => Value::empty(),
    }
}

fn append(field: &mut Value, value: Value) {
    for piece in value.pieces {
        field.push(piece);
    }
    field.needs = field.needs.take().or(value.needs);
}

/// Adds an unquoted variable: its blanks end fields.
fn split_into(fields: &mut Vec<Value>, field: &mut Option<Value>, value: Value) {
    for piece in value.pieces {
        let mut offset = 0;
        for chunk in piece.text.split_inclusive([' ', '\t', '\n']) {
            let text = chunk.trim_end_matches([' ', '\t', '\n']);
            if !text.is_empty() {
                let open = field.get_or_insert_with(Value::empty);
                open.push(Piece { text: text.to_owned(), at: shifted(&piece.at, offset) });
                open.needs = open.needs.take().or_else(|| value.needs.clone());
            }
            if text.len() < chunk.len() {
                fields.extend(field.take());
            }
            offset += chunk.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::grub_cfg::{Statement, parse};
    use crate::place::Span;

    fn fields(script: &str, variables: &Variables) -> Vec<String> {
        let (statements, _) = parse(script.as_bytes());
        let Some(Statement::Command(words)) = statements.first() else { panic!("{statements:?}") };
        let path: Arc<str> = "boot/grub/grub.cfg".into();
        words.iter().flat_map(|word| expand(word, &path, variables)).map(|value| value.text()).collect()
    }

    #[test]
    fn unquoted_variables_are_split_and_quoted_ones_are_not() {
        let at = Span::line(1).at(&"boot/grub/grub.cfg".into());
        let mut variables = Variables::default();
        variables.insert("options", Value::known("ro  root=LABEL=/ ", at.clone()));
        variables.insert("x", Value::known("a b", at));
        let table = [
            ("linux /k $options quiet", vec!["linux", "/k", "ro", "root=LABEL=/", "quiet"]),
            ("echo \"$x\" ${none} \"${none}\"", vec!["echo", "a b", ""]),
            ("echo p$x-q", vec!["echo", "pa", "b-q"]),
        ];
        for (script, expected) in table {
            assert_eq!(fields(script, &variables), expected, "{script}");
        }
    }

    #[test]
    fn words_that_double_stop_growing() {
        let at = Span::line(1).at(&"a".into());
        let mut variables = Variables::default();
        variables.insert("a", Value::known("x".repeat(1000), at));
        let (statements, _) = parse(b"set a=$a$a");
        let Some(Statement::Command(words)) = statements.first() else { panic!("{statements:?}") };
        for _ in 0..20 {
            let value = expand(words.get(1).unwrap(), &"a".into(), &variables).pop().unwrap();
            variables.insert("a", value);
        }
        assert!(variables.get("a").unwrap().text().len() <= MAX_WORD);
    }
}
