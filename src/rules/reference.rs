//! Writes a JSON schema as a page that people read: a table of fields for each structure, in the words of rules.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::types::{Kind, Reader, Type};

/// Texts that a field can be which are listed beside its type.
const MOST_TEXTS: usize = 12;

/// The page of `schema`: what it describes, its fields, and each structure that they lead to.
///
/// Types are those of rules: "a number, or null", "a list of `Mount`", "or unknown".
#[must_use]
pub fn markdown(title: &str, schema: &Value) -> String {
    let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut writer = Writer {
        reader: Reader::new(definitions.clone()),
        page: format!("# {title}\n\n"),
        queue: VecDeque::new(),
        queued: BTreeSet::new(),
    };
    writer.structure(schema);
    while let Some(name) = writer.queue.pop_front() {
        let Some(definition) = definitions.get(&name) else { continue };
        let _ = write!(writer.page, "\n## {name}\n\n");
        writer.structure(definition);
    }
    writer.page
}

struct Writer {
    reader: Reader,
    page: String,
    /// Names of structures that are still to be written.
    queue: VecDeque<String>,
    queued: BTreeSet<String>,
}

impl Writer {
    /// The description and the table of a structure or an enumeration.
    fn structure(&mut self, schema: &Value) {
        let about = described(schema);
        if !about.is_empty() {
            let _ = writeln!(self.page, "{about}\n");
        }
        let fields = fields(schema);
        if fields.is_empty() {
            self.values(schema);
            return;
        }
        self.page.push_str("| field | is | what |\n|---|---|---|\n");
        for (name, field) in fields {
            self.enqueue(field);
            let of = self.reader.of(field);
            let what = described(field);
            let _ = writeln!(self.page, "| `{name}` | {} | {} |", cell(&worded(&of)), cell(&what));
        }
    }

    /// The values of an enumeration, with what each means.
    fn values(&mut self, schema: &Value) {
        let variants = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array);
        for variant in variants.into_iter().flatten() {
            self.enqueue(variant);
            if let Some(value) = variant.get("const").and_then(Value::as_str) {
                let _ = writeln!(self.page, "- `{value}`: {}", described(variant));
            }
        }
        let texts = schema.get("enum").and_then(Value::as_array);
        for value in texts.into_iter().flatten().filter_map(Value::as_str) {
            let _ = writeln!(self.page, "- `{value}`");
        }
    }

    /// Notes the definitions that `schema` names, each once.
    fn enqueue(&mut self, schema: &Value) {
        match schema {
            Value::Object(object) => {
                if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                    let name = reference.trim_start_matches("#/$defs/").to_owned();
                    if self.queued.insert(name.clone()) {
                        self.queue.push_back(name);
                    }
                }
                object.values().for_each(|below| self.enqueue(below));
            }
            Value::Array(items) => items.iter().for_each(|below| self.enqueue(below)),
            _ => {}
        }
    }
}

/// The fields of a structure; those of all variants where it is one of several.
fn fields(schema: &Value) -> Vec<(&String, &Value)> {
    let variants = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array);
    let all = std::iter::once(schema).chain(variants.into_iter().flatten());
    let mut seen = BTreeSet::new();
    all.flat_map(own_fields).filter(|(name, _)| seen.insert(*name)).collect()
}

fn own_fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// The description, in one paragraph; links between Rust's documents are names here.
fn described(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("[`", "`").replace("`]", "`")
}

/// A type in words: "`uuid`, `label`, or null", "a list of `Mount`, or unknown".
fn worded(of: &Type) -> String {
    let mut text = named(of);
    for (holds, word) in [(of.nullable, ", or null"), (of.unknown, ", or unknown")] {
        if holds && of.kind != Kind::Any {
            text.push_str(word);
        }
    }
    text
}

/// A type without null and unknown; structures are links to their tables.
fn named(of: &Type) -> String {
    match &of.kind {
        Kind::Object(name) if !name.starts_with('#') => format!("[`{name}`](#{})", name.to_lowercase()),
        Kind::List(item) if matches!(item.kind, Kind::Object(_)) => format!("a list of {}", named(item)),
        Kind::Map(item) => format!("a map to {}", worded(item)),
        Kind::Text(Some(texts)) if texts.len() <= MOST_TEXTS => {
            texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
        }
        _ => of.to_string(),
    }
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_reads_as_tables() {
        let schema = json!({
            "description": "What is\nmounted.",
            "properties": {
                "entries": { "description": "One a line.", "type": "array", "items": { "$ref": "#/$defs/Mount" } },
                "size": { "description": "Bytes, `a|b`.", "type": ["integer", "null"] },
            },
            "$defs": {
                "Mount": {
                    "description": "See [`Mount`].",
                    "type": "object",
                    "properties": {
                        "kind": { "$ref": "#/$defs/Kind" },
                        "below": { "type": "array", "items": { "$ref": "#/$defs/Mount" } },
                    },
                },
                "Kind": { "oneOf": [{ "const": "disk", "description": "A disk." }, { "const": "net" }] },
            },
        });
        let expected = "# Facts\n\nWhat is mounted.\n\n| field | is | what |\n|---|---|---|\n\
            | `entries` | a list of [`Mount`](#mount) | One a line. |\n| `size` | a number, or null | Bytes, `a\\|b`. |\n\
            \n## Mount\n\nSee `Mount`.\n\n| field | is | what |\n|---|---|---|\n| `below` | a list of [`Mount`](#mount) |  |\n\
            | `kind` | `disk`, `net` |  |\n\n## Kind\n\n- `disk`: A disk.\n- `net`: \n";
        let page = markdown("Facts", &schema);
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&page), sorted(expected), "{page}");
    }
}
